/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_equal.c: writes the record that libspf2 sees in place of a stranger's: the same terms in the same order, with
 * opaque names for domains and a marker before each term. What cannot matter any more is left out, for libspf2 holds
 * little. All is the check's arena's; nothing can fail.
 */
#include "policy/spf_equal.h"

#include <stdlib.h>

#include "policy/auth_spf.h"

/*
 * libspf2 drops in silence what goes beyond 511 bytes of compiled record. Ten terms that ask DNS take 28 each, the
 * marker of an eleventh 12, "all" 16, an ip6 32: room for six. Of more addresses in a record, those that match
 * nothing are left out.
 */
#define ADDRESSES_MOST 6
/* Entries at first; more than most records need. */
#define ENTRIES_ROOM 32

/* Opaque names are short for the same reason: "1z.t", a number to base 36 and a letter for what it names. */
#define NUMBER_BASE 36

size_t spf_equal_add(struct spf_check *check, struct spf_check_entry entry)
{
    if (check->entries_count == check->entries_room) {
        size_t room = check->entries_room == 0 ? ENTRIES_ROOM : 2 * check->entries_room;
        struct spf_check_entry *entries = arena_array(check->arena, room, sizeof(*entries));
        if (check->entries_count > 0)
            memcpy(entries, check->entries, check->entries_count * sizeof(*entries));
        check->entries = entries;
        check->entries_room = room;
    }
    entry.number = check->entries_count;
    check->entries[check->entries_count] = entry;
    return check->entries_count++;
}

struct text {
    char *text;
    size_t length;
};

const char *spf_equal_name(size_t number, char letter, char buffer[SPF_EQUAL_NAME])
{
    size_t at = SPF_EQUAL_NAME;
    buffer[--at] = 0;
    buffer[--at] = letter;
    buffer[--at] = '.';
    do
        buffer[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % NUMBER_BASE];
    while ((number /= NUMBER_BASE) > 0 && at > 0);
    return buffer + at;
}

/* Bytes of one term with its marker: two opaque names, a mechanism, an address and a prefix. */
#define TERM_TEXT_MOST 128

static void append(struct text *text, struct slice piece)
{
    memcpy(text->text + text->length, piece.text, piece.length);
    text->length += piece.length;
}

static const char *const mechanism_names[] = {
    [SPF_RECORD_ALL] = "all", [SPF_RECORD_INCLUDE] = "include", [SPF_RECORD_A] = "a", [SPF_RECORD_MX] = "mx",
    [SPF_RECORD_PTR] = "ptr", [SPF_RECORD_IP4] = "ip4", [SPF_RECORD_IP6] = "ip6", [SPF_RECORD_EXISTS] = "exists",
    [SPF_RECORD_REDIRECT] = "redirect",
};

bool spf_equal_asks_dns(const struct spf_record_term *term)
{
    return term->mechanism != SPF_RECORD_ALL && term->mechanism != SPF_RECORD_IP4 && term->mechanism != SPF_RECORD_IP6;
}

static bool is_address(const struct spf_record_term *term)
{
    return term->mechanism == SPF_RECORD_IP4 || term->mechanism == SPF_RECORD_IP6;
}

uint8_t spf_equal_prefix(const struct spf_check *check, const struct spf_record_term *term)
{
    return check->facts->client_address.family == 4 ? term->prefix4 : term->prefix6;
}

/* RFC 7208 5: the high-order bits are compared; a record may write others behind them, which mean nothing. */
static bool bits_are_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return bits % 8 == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

bool spf_equal_has_client(const struct spf_check *check, const struct spf_record_term *term)
{
    const struct address *client = &check->facts->client_address;
    return is_address(term) && term->address.family == client->family
           && bits_are_equal(term->address.bytes, client->bytes, spf_equal_prefix(check, term));
}

/* An address term of the client's family that is worth libspf2's time: `shown` others have been before. */
static bool address_is_kept(const struct spf_check *check, const struct spf_record_term *term, size_t shown)
{
    if (term->address.family != check->facts->client_address.family)
        return false;
    return shown < ADDRESSES_MOST || spf_equal_has_client(check, term);
}

static struct slice equal_address(const struct spf_check *check, const struct spf_record_term *term)
{
    char buffer[ADDRESS_TEXT];
    uint8_t prefix = spf_equal_prefix(check, term);
    bool any = prefix == 0;        /* libspf2 refuses /0: say the client instead */
    struct slice address = address_print(any ? &check->facts->client_address : &term->address, buffer);
    if (any)
        prefix = check->facts->client_address.family == 4 ? 32 : 128;
    return arena_printf(check->arena, "%s:%.*s/%u", mechanism_names[term->mechanism], SLICE_ARG(address), prefix);
}

/* The prefix as libspf2 writes it; none for /0, whose look-up answers with the client (see term_addresses()). */
static struct slice equal_prefix(const struct spf_check *check, const struct spf_record_term *term)
{
    uint8_t prefix = spf_equal_prefix(check, term);
    bool has_prefix = (term->mechanism == SPF_RECORD_A || term->mechanism == SPF_RECORD_MX) && prefix > 0;
    if (!has_prefix || prefix == (check->facts->client_address.family == 4 ? 32 : 128))
        return SLICE("");
    return arena_printf(check->arena, check->facts->client_address.family == 4 ? "/%u" : "//%u", prefix);
}

/* `is_last`: its marker only, which is one term too many and ends the check. */
static void append_term(struct spf_check *check, struct text *text, const struct spf_check_record *record,
                        const struct spf_record_term *term, bool is_last)
{
    char name[SPF_EQUAL_NAME];
    size_t entry = spf_equal_add(check, (struct spf_check_entry){ .record = record, .term = term });

    if (term->mechanism == SPF_RECORD_REDIRECT) {
        append(text, arena_printf(check->arena, " redirect=%s", spf_equal_name(entry, 't', name)));
        return;
    }
    /* The marker asks, never matches, and so tells which term is next. */
    append(text, arena_printf(check->arena, " ?exists:%s", spf_equal_name(entry, 'm', name)));
    if (is_last)
        return;
    append(text, arena_printf(check->arena, " %c", term->qualifier));
    if (is_address(term))
        append(text, equal_address(check, term));
    else
        append(text, slice_of_string(mechanism_names[term->mechanism]));
    if (spf_equal_asks_dns(term)) {
        append(text, arena_printf(check->arena, ":%s", spf_equal_name(entry, 't', name)));
        append(text, equal_prefix(check, term));
    }
}

/*
 * The equal record. Terms that cannot be reached any more (after "all", after the eleventh that asks DNS) are left
 * out.
 */
struct slice spf_equal_record(struct spf_check *check, const struct spf_check_record *record)
{
    const struct spf_record *content = &record->content;
    size_t asking = 0, addresses = 0, most = ADDRESSES_MOST + AUTH_SPF_TERMS_MOST + 4;
    struct text text = { .text = arena_alloc(check->arena, 8 + most * TERM_TEXT_MOST) };

    append(&text, SLICE("v=spf1"));
    for (size_t i = 0; i < content->count; i++) {
        const struct spf_record_term *term = &content->terms[i];
        if (is_address(term) && !address_is_kept(check, term, addresses))
            continue;
        bool is_extra = is_address(term) && addresses == ADDRESSES_MOST;
        asking += spf_equal_asks_dns(term);
        append_term(check, &text, record, term, asking > AUTH_SPF_TERMS_MOST);
        addresses += is_address(term);
        if (term->mechanism == SPF_RECORD_ALL || asking > AUTH_SPF_TERMS_MOST || is_extra)
            break;
    }
    return arena_copy(check->arena, slice_of(text.text, text.length));
}

/* The entry behind "1z.t" or "1z.h.3.t", and the letter of its kind; NULL for any other name. */
const struct spf_check_entry *spf_equal_find(const struct spf_check *check, const char *name, char *letter_out)
{
    char *end;
    unsigned long number = strtoul(name, &end, NUMBER_BASE);
    if (*end != '.' || number >= check->entries_count)
        return NULL;
    *letter_out = end[1];
    return &check->entries[number];
}
