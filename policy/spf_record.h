/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_record.h: RFC 7208's grammar (section 12): an SPF record as a list of terms, or the place where it breaks the
 * grammar. What does not parse here is a permerror and never reaches libspf2. Domain-specs stay unexpanded
 * (spf_macro.h). Slices borrow from the record's text.
 */
#ifndef MXWARD_POLICY_SPF_RECORD_H
#define MXWARD_POLICY_SPF_RECORD_H

#include "rules/arena.h"
#include "rules/value.h"

enum spf_record_mechanism {
    SPF_RECORD_ALL, SPF_RECORD_INCLUDE, SPF_RECORD_A, SPF_RECORD_MX, SPF_RECORD_PTR, SPF_RECORD_IP4, SPF_RECORD_IP6,
    SPF_RECORD_EXISTS,
    SPF_RECORD_REDIRECT,           /* the modifier, which is evaluated after all mechanisms (RFC 7208 6.1) */
};

struct spf_record_term {
    enum spf_record_mechanism mechanism;
    char qualifier;                /* '+', '-', '~', '?' */
    struct slice text;             /* the term as written, for people */
    struct slice domain;           /* domain-spec; absent when not given */
    struct address address;        /* ip4, ip6 */
    uint8_t prefix4;               /* a, mx, ip4: 0 to 32 */
    uint8_t prefix6;               /* a, mx, ip6: 0 to 128 */
};

struct spf_record {
    struct spf_record_term *terms; /* in order of evaluation; redirect, if it counts, is the last */
    size_t count;
    struct slice explanation;      /* exp=; absent when not given */
};

/* Whether a TXT record is an SPF record at all (RFC 7208 4.5): "v=spf1" and then a space or the end. */
bool spf_record_is(struct slice text);

/* False when the grammar is violated: `problem_out` says how. */
bool spf_record_parse(struct slice text, struct arena *arena, struct spf_record *record_out, struct slice *problem_out);

/* Longer records are a permerror: far beyond what a DNS answer carries over UDP, and bounded (RFC 7208 3.4). */
#define SPF_RECORD_MOST 65535

#endif
