/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.h: the values that rules see. A value has a type, a state and, when its state says so, contents. A value may
 * hold several items (every DKIM domain that passed); a comparison is true when it is true for any of them, and `!=` is
 * the opposite of `==`.
 *
 * States: "unknown is not false".
 *   VALUE_KNOWN    contents are there
 *   VALUE_ABSENT   known not to exist (no such header field, null sender): every comparison is false, `is absent` true
 *   VALUE_PENDING  an answer is missing and was noted as a question: the stage waits
 *   VALUE_UNKNOWN  will not be known: temperror or timeout; unknown to all but `== temperror` and `is unknown`
 */
#ifndef MXWARD_RULES_VALUE_H
#define MXWARD_RULES_VALUE_H

#include <stdint.h>

#include "rules/arena.h"
#include "rules/slice.h"

enum value_type {
    VALUE_BOOLEAN,
    VALUE_NUMBER,      /* signed 64 bit; sizes in bytes (10K 50M 1G), durations in milliseconds (20s 5m 1h 2d) */
    VALUE_TEXT,
    VALUE_WORD,        /* one of a field's own words: pass, fail, quarantine ... */
    VALUE_ADDRESS,     /* IPv4 or IPv6; an IPv4-mapped IPv6 address is the IPv4 address */
    VALUE_DOMAIN,      /* lower case, A-labels, no trailing dot */
};

enum value_state { VALUE_KNOWN, VALUE_ABSENT, VALUE_PENDING, VALUE_UNKNOWN };

/* family 4 or 6; IPv4 uses the first four bytes, the rest is zero. Network byte order. */
struct address {
    uint8_t family;
    uint8_t bytes[16];
};

/* An address and the length of its prefix in bits (0-32 or 0-128); bits after the prefix are zero. */
struct network {
    struct address address;
    uint8_t prefix;
};

struct value_item {
    struct slice text;         /* TEXT, WORD, DOMAIN */
    int64_t number;            /* NUMBER; BOOLEAN as 0 or 1 */
    struct address address;    /* ADDRESS */
};

struct value {
    enum value_type type;
    enum value_state state;
    struct value_item item;            /* the first; for most values the only one */
    const struct value_item *more;     /* others, borrowed; NULL when none */
    size_t more_count;
};

struct value value_boolean(bool truth);
struct value value_number(int64_t number);
struct value value_text(struct slice text);
struct value value_word(const char *word);
/* The word `temperror`, unknown to every comparison but `== temperror`. */
struct value value_temperror(void);
struct value value_address(struct address address);
struct value value_domain(struct slice domain);
struct value value_in_state(enum value_type type, enum value_state state);
/* KNOWN when count > 0, else ABSENT; `items` is borrowed. */
struct value value_items(enum value_type type, const struct value_item *items, size_t count);

const char *value_type_name(enum value_type type);
/* For people and records: items joined by ", "; `temperror` when it is that; else `unknown`, `pending`, `absent`. */
struct slice value_print(const struct value *value, struct arena *arena);
/* One item alone. Booleans print as yes and no. */
struct slice value_item_print(enum value_type type, const struct value_item *item, struct arena *arena);

/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" (becomes IPv4); nothing else. */
bool address_parse(struct slice text, struct address *address_out);
/* Of 4 or 16 bytes in network order; an IPv4-mapped one becomes IPv4. */
struct address address_of_bytes(const void *bytes, size_t size);
/* An address, or one with "/BITS"; bits set after the prefix are an error (returns false). */
bool network_parse(struct slice text, struct network *network_out);
/* Why network_parse() refused a text, in words; NULL when it does not. */
const char *network_problem(struct slice text);
bool network_has(const struct network *network, const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
/* RFC 5952 text; the buffer holds at least ADDRESS_TEXT bytes; returns its slice. */
#define ADDRESS_TEXT 46
struct slice address_print(const struct address *address, char *buffer);
/* The network that limits and statistics go by: IPv4 whole, IPv6 by its /64 (P7). */
struct network address_client_network(const struct address *address);

/* Whether `name` is `domain` or ends in "." and it; ASCII without case. */
bool domain_is_within(struct slice name, struct slice domain);

#endif
