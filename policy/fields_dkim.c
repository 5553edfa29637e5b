/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields_dkim.c: readers of what is known of a message's signatures. dkim.* speak of all of them, dkim.best.* of one:
 * that which vouches for most, so that a rule can ask for several properties of the same signature. All findings are
 * final here. What a key that could not be fetched might still have shown is unknown, not absent (P5).
 */
#include "policy/fields_private.h"

#include "policy/auth_dkim.h"
#include "policy/auth_dkim_cover.h"
#include "policy/auth_dkim_parse.h"

bool field_any_signature_unknown(const struct findings *findings)
{
    for (size_t i = 0; i < findings->dkim_count; i++)
        if (findings->dkim[i].result == AUTH_TEMPERROR)
            return true;
    return false;
}

/* All signatures */

/* The best comes first; a temperror might yet be a pass. */
static const enum auth_result order[] = {
    AUTH_PASS, AUTH_TEMPERROR, AUTH_FAIL, AUTH_POLICY, AUTH_NEUTRAL, AUTH_PERMERROR,
};

READER(field_dkim_result)
{
    UNUSED_KEY;
    const struct findings *findings = findings_of(context);
    for (size_t rank = 0; rank < sizeof order / sizeof order[0]; rank++)
        for (size_t i = 0; i < findings->dkim_count; i++)
            if (findings->dkim[i].result == order[rank])
                return order[rank] == AUTH_TEMPERROR ? value_temperror() : value_word(auth_result_name(order[rank]));
    return value_word("none");
}

/*
 * The items of the signatures that pass. While another could not be checked they may not be all: then the state is
 * unknown, with what is known in it (value.h).
 */
static struct value of_passing(const void *context, enum value_type type, struct arena *arena,
                               struct slice (*item_of)(const struct signature *signature))
{
    const struct findings *findings = findings_of(context);
    const struct evidence *evidence = evidence_of(context);
    struct value_item *items = arena_array(arena, findings->dkim_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < findings->dkim_count; i++)
        if (findings->dkim[i].result == AUTH_PASS)
            items[count++].text = item_of(&evidence->signatures[i]);
    struct value value = value_items(type, items, count);
    if (field_any_signature_unknown(findings))
        value.state = VALUE_UNKNOWN;
    return value;
}

static struct slice signature_domain(const struct signature *signature)
{
    return signature->domain;
}

static struct slice signature_selector(const struct signature *signature)
{
    return signature->selector;
}

static struct slice signature_algorithm(const struct signature *signature)
{
    return signature->algorithm;
}

READER(field_dkim_domain)
{
    (void)key;
    return of_passing(context, VALUE_DOMAIN, arena, signature_domain);
}

READER(field_dkim_selector)
{
    (void)key;
    return of_passing(context, VALUE_TEXT, arena, signature_selector);
}

READER(field_dkim_algorithm)
{
    (void)key;
    return of_passing(context, VALUE_TEXT, arena, signature_algorithm);
}

READER(field_dkim_reason)
{
    (void)key;
    const struct findings *findings = findings_of(context);
    struct value_item *items = arena_array(arena, findings->dkim_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < findings->dkim_count; i++)
        if (findings->dkim[i].reason.length > 0)
            items[count++].text = findings->dkim[i].reason;
    return value_items(VALUE_TEXT, items, count);
}

READER(field_dkim_count)
{
    UNUSED_KEY;
    return value_number(evidence_of(context)->signatures_seen);
}

READER(field_dkim_tried)
{
    UNUSED_KEY;
    const struct evidence *evidence = evidence_of(context);
    int64_t tried = 0;
    for (size_t i = 0; i < evidence->signatures_count; i++)
        tried += evidence->signatures[i].problem.length == 0;
    return value_number(tried);
}

READER(field_dkim_aligned)
{
    UNUSED_KEY;
    const struct findings *findings = findings_of(context);
    /* With several authors: with the one whose outcome holds. */
    if (findings->dmarc.dkim_aligned)
        return value_boolean(true);
    if (field_any_signature_unknown(findings) || findings->dmarc.result == AUTH_TEMPERROR)
        return value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN);
    return value_boolean(false);
}

READER(field_dkim_bits)
{
    UNUSED_KEY;
    const struct findings *findings = findings_of(context);
    const struct evidence *evidence = evidence_of(context);
    uint32_t least = 0;
    for (size_t i = 0; i < findings->dkim_count; i++) {
        uint32_t bits = evidence->signatures[i].key_bits;
        if (findings->dkim[i].result == AUTH_PASS && bits > 0 && (least == 0 || bits < least))
            least = bits;
    }
    if (field_any_signature_unknown(findings))
        return value_in_state(VALUE_NUMBER, VALUE_UNKNOWN);
    return least == 0 ? value_in_state(VALUE_NUMBER, VALUE_ABSENT) : value_number(least);
}

READER(field_dkim_length)
{
    UNUSED_KEY;
    const struct findings *findings = findings_of(context);
    const struct evidence *evidence = evidence_of(context);
    for (size_t i = 0; i < findings->dkim_count; i++)
        if (findings->dkim[i].result == AUTH_PASS && evidence->signatures[i].has_length)
            return value_boolean(true);
    return field_any_signature_unknown(findings) ? value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN) : value_boolean(false);
}

/* "t=1763799000", or that there is none. */
static struct slice number_tag(const char *name, bool has, unsigned long long number, struct arena *arena)
{
    return has ? arena_printf(arena, "%s=%llu", name, number) : arena_printf(arena, "%s=none", name);
}

static struct slice body_part(const struct signature *signature, struct arena *arena)
{
    if (!signature->has_body)
        return SLICE("unknown");
    return arena_printf(arena, "%llu/%llu", (unsigned long long)signature->body_covered,
                        (unsigned long long)signature->body_size);
}

/*
 * What was found out comes first, where nothing that the signer wrote can look like it; then tags, of which i= alone
 * may hold blanks in a signature that passes, and h=; then the reason.
 */
static struct slice signature_line(const struct signature *signature, const struct dkim_outcome *outcome,
                                   struct arena *arena)
{
    struct slice covered = body_part(signature, arena);
    struct slice time = number_tag("t", signature->has_time, (unsigned long long)signature->time, arena);
    struct slice expiry = number_tag("x", signature->has_expiry, (unsigned long long)signature->expiry, arena);
    struct slice length = number_tag("l", signature->has_length, signature->length, arena);
    struct slice found =
        arena_printf(arena, "%s aligned=%s test=%s bits=%u covered=%.*s", auth_result_name(outcome->result),
                     outcome->aligned ? "yes" : "no", outcome->test_key ? "yes" : "no", signature->key_bits,
                     SLICE_ARG(covered));
    struct slice reason =
        outcome->reason.length == 0 ? SLICE("") : arena_printf(arena, " (%.*s)", SLICE_ARG(outcome->reason));
    return arena_printf(arena, "%.*s d=%.*s s=%.*s a=%.*s %.*s %.*s %.*s i=%.*s h=%.*s%.*s", SLICE_ARG(found),
                        SLICE_ARG(signature->domain), SLICE_ARG(signature->selector), SLICE_ARG(signature->algorithm),
                        SLICE_ARG(time), SLICE_ARG(expiry), SLICE_ARG(length), SLICE_ARG(signature->identity),
                        SLICE_ARG(signature->fields), SLICE_ARG(reason));
}

/* Unknown while a key could not be fetched, or while it is not known what aligns: then the lines may yet change. */
READER(field_dkim_signatures)
{
    (void)key;
    const struct findings *findings = findings_of(context);
    struct value_item *items = arena_array(arena, findings->dkim_count, sizeof *items);
    for (size_t i = 0; i < findings->dkim_count; i++)
        items[i].text = signature_line(&evidence_of(context)->signatures[i], &findings->dkim[i], arena);
    struct value value = value_items(VALUE_TEXT, items, findings->dkim_count);
    if (field_any_signature_unknown(findings) || (findings->dkim_count > 0 && findings->dmarc.result == AUTH_TEMPERROR))
        value.state = VALUE_UNKNOWN;
    return value;
}

/* The best of them */

struct best {
    const struct signature *signature; /* NULL when the message has none */
    const struct dkim_outcome *outcome;
    bool certain;                      /* no other can turn out better, nor this one */
};

/* l= is there and leaves some of the body out, or how much could not be found out. */
static bool covers_body(const struct signature *signature)
{
    return !signature->has_length || (signature->has_body && signature->body_covered >= signature->body_size);
}

static bool is_whole(const struct signature *signature, const struct dkim_outcome *outcome)
{
    return outcome->result == AUTH_PASS && outcome->aligned && covers_body(signature) && signature->fields_added == 0;
}

static unsigned rank_of(enum auth_result result)
{
    unsigned rank = 0;
    while (rank < sizeof order / sizeof order[0] && order[rank] != result)
        rank++;
    return rank;
}

/* Higher is better: the first difference from the top decides. */
static uint64_t worth(const struct signature *signature, const struct dkim_outcome *outcome)
{
    uint64_t bits = signature->key_bits < UINT16_MAX ? signature->key_bits : UINT16_MAX;
    uint64_t result = UINT8_MAX - rank_of(outcome->result);
    return result << 40 | (uint64_t)outcome->aligned << 39 | (uint64_t)covers_body(signature) << 38
         | (uint64_t)(signature->fields_added == 0) << 37 | (uint64_t)!outcome->test_key << 36 | bits;
}

static struct best best_of(const void *context)
{
    const struct findings *findings = findings_of(context);
    const struct evidence *evidence = evidence_of(context);
    struct best best = { 0 };
    for (size_t i = 0; i < findings->dkim_count; i++) {
        const struct signature *signature = &evidence->signatures[i];
        if (best.signature != NULL && worth(signature, &findings->dkim[i]) <= worth(best.signature, best.outcome))
            continue;
        best.signature = signature;
        best.outcome = &findings->dkim[i];
    }
    best.certain = (!field_any_signature_unknown(findings) && findings->dmarc.result != AUTH_TEMPERROR)
                || (best.signature != NULL && is_whole(best.signature, best.outcome));
    return best;
}

/* Of what is not certain the value is kept, for people; comparisons find it unknown. */
static struct value if_certain(const struct best *best, struct value value)
{
    if (!best->certain)
        value.state = VALUE_UNKNOWN;
    return value;
}

static struct value best_slice(const void *context, enum value_type type,
                               struct slice (*item_of)(const struct signature *signature))
{
    struct best best = best_of(context);
    struct value value = value_in_state(type, VALUE_ABSENT);
    if (best.signature != NULL && item_of(best.signature).length > 0)
        value = type == VALUE_DOMAIN ? value_domain(item_of(best.signature)) : value_text(item_of(best.signature));
    return if_certain(&best, value);
}

READER(field_dkim_whole)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    return if_certain(&best, value_boolean(best.signature != NULL && is_whole(best.signature, best.outcome)));
}

READER(field_dkim_best_domain)
{
    UNUSED_KEY;
    return best_slice(context, VALUE_DOMAIN, signature_domain);
}

READER(field_dkim_best_selector)
{
    UNUSED_KEY;
    return best_slice(context, VALUE_TEXT, signature_selector);
}

READER(field_dkim_best_algorithm)
{
    UNUSED_KEY;
    return best_slice(context, VALUE_TEXT, signature_algorithm);
}

/* RFC 6376 3.5: the default of i= is @ and d=. */
READER(field_dkim_best_identity)
{
    (void)key;
    struct best best = best_of(context);
    struct value value = value_in_state(VALUE_TEXT, VALUE_ABSENT);
    if (best.signature != NULL && best.signature->identity.length > 0)
        value = value_text(best.signature->identity);
    else if (best.signature != NULL && best.signature->domain.length > 0)
        value = value_text(arena_printf(arena, "@%.*s", SLICE_ARG(best.signature->domain)));
    return if_certain(&best, value);
}

READER(field_dkim_best_reason)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    if (best.outcome == NULL || best.outcome->reason.length == 0)
        return if_certain(&best, value_in_state(VALUE_TEXT, VALUE_ABSENT));
    return if_certain(&best, value_text(best.outcome->reason));
}

static struct value number_or_absent(bool has, int64_t number)
{
    return has ? value_number(number) : value_in_state(VALUE_NUMBER, VALUE_ABSENT);
}

READER(field_dkim_best_bits)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    bool has = best.signature != NULL && best.signature->key_bits > 0;
    return if_certain(&best, number_or_absent(has, has ? best.signature->key_bits : 0));
}

READER(field_dkim_best_aligned)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    return if_certain(&best, value_boolean(best.outcome != NULL && best.outcome->aligned));
}

READER(field_dkim_best_test)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    return if_certain(&best, value_boolean(best.outcome != NULL && best.outcome->test_key));
}

/* Milliseconds, as durations in rules are; times of signatures are seconds of at most 12 digits. */
static struct value milliseconds(const struct best *best, bool has, int64_t from, int64_t to)
{
    return if_certain(best, number_or_absent(has, has ? (to - from) * 1000 : 0));
}

READER(field_dkim_best_age)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    bool has = best.signature != NULL && best.signature->has_time;
    int64_t now = ((const struct field_context *)context)->facts->arrival / 1000000;
    return milliseconds(&best, has, has ? best.signature->time : 0, now);
}

READER(field_dkim_best_expires)
{
    UNUSED_KEY;
    struct best best = best_of(context);
    bool has = best.signature != NULL && best.signature->has_expiry;
    int64_t now = ((const struct field_context *)context)->facts->arrival / 1000000;
    return milliseconds(&best, has, now, has ? best.signature->expiry : 0);
}

static struct value best_bytes(const void *context, bool covered)
{
    struct best best = best_of(context);
    bool has = best.signature != NULL && best.signature->has_body;
    uint64_t bytes = !has ? 0
                   : covered ? best.signature->body_covered
                             : best.signature->body_size - best.signature->body_covered;
    return if_certain(&best, number_or_absent(has, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes));
}

READER(field_dkim_best_covered)
{
    UNUSED_KEY;
    return best_bytes(context, true);
}

READER(field_dkim_best_uncovered)
{
    UNUSED_KEY;
    return best_bytes(context, false);
}

static struct value field_names(const struct best *best, uint32_t fields, struct arena *arena)
{
    struct value_item *items = arena_array(arena, EVIDENCE_SIGNED_FIELDS, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < EVIDENCE_SIGNED_FIELDS; i++)
        if ((fields >> i & 1) != 0)
            items[count++].text = slice_of_string(auth_dkim_field_names[i]);
    return if_certain(best, value_items(VALUE_WORD, items, count));
}

READER(field_dkim_best_added)
{
    (void)key;
    struct best best = best_of(context);
    return field_names(&best, best.signature == NULL ? 0 : best.signature->fields_added, arena);
}

READER(field_dkim_best_unsigned)
{
    (void)key;
    struct best best = best_of(context);
    return field_names(&best, best.signature == NULL ? 0 : best.signature->fields_unsigned, arena);
}
