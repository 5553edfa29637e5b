/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.c: making and printing values, and reading and comparing addresses, networks and domains. Texts of values are
 * borrowed. Nothing fails but the parsers, which answer false.
 */
#include "rules/value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

struct value value_boolean(bool truth)
{
    return (struct value){ .type = VALUE_BOOLEAN, .item.number = truth };
}

struct value value_number(int64_t number)
{
    return (struct value){ .type = VALUE_NUMBER, .item.number = number };
}

struct value value_text(struct slice text)
{
    return (struct value){ .type = VALUE_TEXT, .item.text = text };
}

struct value value_word(const char *word)
{
    return (struct value){ .type = VALUE_WORD, .item.text = slice_of_string(word) };
}

struct value value_temperror(void)
{
    return (struct value){ .type = VALUE_WORD, .state = VALUE_UNKNOWN, .item.text = SLICE("temperror") };
}

struct value value_address(struct address address)
{
    return (struct value){ .type = VALUE_ADDRESS, .item.address = address };
}

struct value value_domain(struct slice domain)
{
    return (struct value){ .type = VALUE_DOMAIN, .item.text = domain };
}

struct value value_in_state(enum value_type type, enum value_state state)
{
    return (struct value){ .type = type, .state = state };
}

struct value value_items(enum value_type type, const struct value_item *items, size_t count)
{
    if (count == 0)
        return value_in_state(type, VALUE_ABSENT);
    return (struct value){ .type = type, .item = items[0], .more = items + 1, .more_count = count - 1 };
}

const char *value_type_name(enum value_type type)
{
    switch (type) {
    case VALUE_BOOLEAN: return "yes or no";
    case VALUE_NUMBER:  return "a number";
    case VALUE_TEXT:    return "a text";
    case VALUE_WORD:    return "a word";
    case VALUE_ADDRESS: return "an address";
    case VALUE_DOMAIN:  return "a domain";
    }
    bug("value type");
}

struct slice value_item_print(enum value_type type, const struct value_item *item, struct arena *arena)
{
    char buffer[ADDRESS_TEXT];

    switch (type) {
    case VALUE_BOOLEAN: return item->number != 0 ? SLICE("yes") : SLICE("no");
    case VALUE_NUMBER:  return arena_printf(arena, "%" PRId64, item->number);
    case VALUE_TEXT:
    case VALUE_WORD:
    case VALUE_DOMAIN:  return item->text.text == NULL ? SLICE("") : item->text;
    case VALUE_ADDRESS: return arena_copy(arena, address_print(&item->address, buffer));
    }
    bug("value type");
}

static struct slice print_items(const struct value *value, struct arena *arena)
{
    struct slice *texts = arena_array(arena, value->more_count + 1, sizeof(*texts));
    size_t size = 0;
    char *joined, *end;

    for (size_t i = 0; i <= value->more_count; i++) {
        texts[i] = value_item_print(value->type, i == 0 ? &value->item : &value->more[i - 1], arena);
        size += texts[i].length + 2;
    }
    joined = arena_alloc(arena, size);
    end = joined;
    for (size_t i = 0; i <= value->more_count; i++) {
        if (i > 0) {
            memcpy(end, ", ", 2);
            end += 2;
        }
        if (texts[i].length > 0)
            memcpy(end, texts[i].text, texts[i].length);
        end += texts[i].length;
    }
    return slice_of(joined, (size_t)(end - joined));
}

struct slice value_print(const struct value *value, struct arena *arena)
{
    switch (value->state) {
    case VALUE_KNOWN:
        return value->more_count == 0 ? value_item_print(value->type, &value->item, arena) : print_items(value, arena);
    case VALUE_ABSENT:  return SLICE("absent");
    case VALUE_PENDING: return SLICE("pending");
    case VALUE_UNKNOWN: return slice_is_empty(value->item.text) ? SLICE("unknown") : value->item.text;
    }
    bug("value state");
}

/* ::ffff:0:0/96 (RFC 4291 2.5.5.2): the same host, so the same address. */
static bool is_mapped(const struct address *address)
{
    static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

    return address->family == 6 && memcmp(address->bytes, prefix, sizeof(prefix)) == 0;
}

static void unmap(struct address *address)
{
    struct address mapped = *address;

    *address = (struct address){ .family = 4 };
    memcpy(address->bytes, mapped.bytes + 12, 4);
}

/* As written; an IPv4-mapped address stays IPv6. */
static bool parse_as_written(struct slice text, struct address *address_out)
{
    char string[ADDRESS_TEXT];
    struct address address = { .family = 0 };

    if (text.length == 0 || text.length >= sizeof(string) || memchr(text.text, '\0', text.length) != NULL)
        return false;
    memcpy(string, text.text, text.length);
    string[text.length] = '\0';
    if (inet_pton(AF_INET, string, address.bytes) == 1)
        address.family = 4;
    else if (inet_pton(AF_INET6, string, address.bytes) == 1)
        address.family = 6;
    else
        return false;
    *address_out = address;
    return true;
}

bool address_parse(struct slice text, struct address *address_out)
{
    if (!parse_as_written(text, address_out))
        return false;
    if (is_mapped(address_out))
        unmap(address_out);
    return true;
}

struct address address_of_bytes(const void *bytes, size_t size)
{
    struct address address = { .family = size == 4 ? 4 : 6 };

    if (size != 4 && size != 16)
        bug("address_of_bytes size");
    memcpy(address.bytes, bytes, size);
    if (is_mapped(&address))
        unmap(&address);
    return address;
}

/* Clears the bits after the first `prefix`; whether any was set. */
static bool clear_host_bits(struct address *address, unsigned prefix)
{
    bool any = false;

    for (unsigned i = 0; i < sizeof(address->bytes); i++) {
        unsigned kept = prefix > i * 8 ? prefix - i * 8 : 0;
        uint8_t mask = (uint8_t)(kept >= 8 ? 0xFFU : 0xFF00U >> kept);

        any = any || (address->bytes[i] & (uint8_t)~mask) != 0;
        address->bytes[i] &= mask;
    }
    return any;
}

/* NULL, or what is wrong. */
static const char *parse_network(struct slice text, struct network *network_out)
{
    size_t slash = slice_find(text, '/');
    struct slice bits = slice_from(text, slash + 1);
    unsigned long long prefix = 0;
    struct network network;

    if (!parse_as_written(slice_first(text, slash), &network.address))
        return "it must be IPv4 (192.0.2.1) or IPv6 (2001:db8::1), with /BITS for a network";
    prefix = network.address.family == 4 ? 32 : 128;
    if (slash < text.length && (bits.length > 3 || (bits.length > 1 && bits.text[0] == '0') ||
                                !slice_number(bits, prefix, &prefix)))
        return network.address.family == 4 ? "after the slash stands a number from 0 to 32"
                                           : "after the slash stands a number from 0 to 128";
    if (is_mapped(&network.address) && prefix >= 96) {
        unmap(&network.address);
        prefix -= 96;
    }
    if (clear_host_bits(&network.address, (unsigned)prefix))
        return "bits are set after those that the network has";
    network.prefix = (uint8_t)prefix;
    *network_out = network;
    return NULL;
}

bool network_parse(struct slice text, struct network *network_out)
{
    return parse_network(text, network_out) == NULL;
}

const char *network_problem(struct slice text)
{
    struct network network;

    return parse_network(text, &network);
}

bool network_has(const struct network *network, const struct address *address)
{
    struct address head = *address;

    if (network->address.family != address->family)
        return false;
    clear_host_bits(&head, network->prefix);
    return address_equal(&head, &network->address);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* The first longest run of two or more zero groups (RFC 5952 4.2); its length, 0 when there is none. */
static unsigned longest_zeros(const unsigned *groups, unsigned *start_out)
{
    unsigned longest = 1;

    for (unsigned i = 0; i < 8; i++) {
        unsigned length = 0;

        while (i + length < 8 && groups[i + length] == 0)
            length++;
        if (length > longest) {
            longest = length;
            *start_out = i;
        }
        i += length;
    }
    return longest > 1 ? longest : 0;
}

static struct slice print_ipv6(const struct address *address, char *buffer)
{
    unsigned groups[8], start = 0, zeros;
    size_t length = 0;

    for (unsigned i = 0; i < 8; i++)
        groups[i] = (unsigned)address->bytes[2 * i] << 8 | address->bytes[2 * i + 1];
    zeros = longest_zeros(groups, &start);
    for (unsigned i = 0; i < 8; i++) {
        if (zeros > 0 && i == start) {
            length += (size_t)snprintf(buffer + length, ADDRESS_TEXT - length, "::");
            i += zeros - 1;
            continue;
        }
        length += (size_t)snprintf(buffer + length, ADDRESS_TEXT - length, "%s%x",
                                   i > 0 && !(zeros > 0 && i == start + zeros) ? ":" : "", groups[i]);
    }
    return slice_of(buffer, length);
}

struct slice address_print(const struct address *address, char *buffer)
{
    if (address->family == 4) {
        int length = snprintf(buffer, ADDRESS_TEXT, "%u.%u.%u.%u", address->bytes[0], address->bytes[1],
                              address->bytes[2], address->bytes[3]);

        return slice_of(buffer, (size_t)length);
    }
    return print_ipv6(address, buffer);
}

struct network address_client_network(const struct address *address)
{
    struct network network = { *address, address->family == 4 ? 32 : 64 };

    clear_host_bits(&network.address, network.prefix);
    return network;
}

bool domain_is_within(struct slice name, struct slice domain)
{
    if (slice_is_empty(domain) || !slice_ends_with_nocase(name, domain))
        return false;
    return name.length == domain.length || name.text[name.length - domain.length - 1] == '.';
}
