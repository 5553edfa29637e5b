/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields_arc.c: readers of ARC's facts. RFC 8617 5.2: a chain that fails is treated like none; so whatever a chain says
 * is absent unless it passes, and unknown while a key could not be looked up.
 */
#include "policy/fields_private.h"

#include "policy/auth_arc.h"

const char *const field_arc_lists[] = { "trusted-sealers", NULL };
/* RFC 8601 2.7.1, 2.7.2; RFC 9989 9.2. */
const char *const field_arc_spf_words[] = {
    "none", "pass", "fail", "softfail", "policy", "neutral", "temperror", "permerror", NULL
};
const char *const field_arc_dkim_words[] = {
    "none", "pass", "fail", "policy", "neutral", "temperror", "permerror", NULL
};
const char *const field_arc_dmarc_words[] = { "none", "pass", "fail", "temperror", "permerror", NULL };

static const struct arc_outcome *outcome_of(const void *context)
{
    return &((const struct field_context *)context)->findings->arc;
}

READER(field_arc_result)
{
    UNUSED_KEY;
    enum auth_result result = outcome_of(context)->result;
    return result == AUTH_TEMPERROR ? value_temperror() : value_word(auth_result_name(result));
}

READER(field_arc_reason)
{
    UNUSED_KEY;
    struct slice reason = outcome_of(context)->reason;
    return reason.length == 0 ? value_in_state(VALUE_TEXT, VALUE_ABSENT) : value_text(reason);
}

READER(field_arc_count)
{
    UNUSED_KEY;
    return value_number((int64_t)evidence_of(context)->arc_sets_count);
}

READER(field_arc_oldest_pass)
{
    UNUSED_KEY;
    const struct arc_outcome *outcome = outcome_of(context);
    if (outcome->has_oldest_pass)
        return value_number(outcome->oldest_pass);
    bool unknown = outcome->result == AUTH_PASS || outcome->result == AUTH_TEMPERROR;
    return value_in_state(VALUE_NUMBER, unknown ? VALUE_UNKNOWN : VALUE_ABSENT);
}

/* Items of a chain: absent unless it passes; unknown, with what is known in it, while nobody can say. */
static struct value of_chain(const void *context, enum value_type type, const struct value_item *items, size_t count)
{
    enum auth_result result = outcome_of(context)->result;
    if (result != AUTH_PASS && result != AUTH_TEMPERROR)
        return value_in_state(type, VALUE_ABSENT);
    struct value value = value_items(type, items, count);
    /* What is not there is not there, whether the chain passes or not. */
    if (result == AUTH_TEMPERROR && count > 0)
        value.state = VALUE_UNKNOWN;
    return value;
}

/* From the newest down to the set with index `last`. */
static struct value sealers_down_to(const void *context, size_t last, struct arena *arena)
{
    const struct evidence *evidence = evidence_of(context);
    struct value_item *items = arena_array(arena, evidence->arc_sets_count, sizeof *items);
    size_t count = 0;
    for (size_t i = evidence->arc_sets_count; i > last; i--)
        items[count++].text = evidence->arc_sets[i - 1].seal.domain;
    return of_chain(context, VALUE_DOMAIN, items, count);
}

READER(field_arc_sealers)
{
    (void)key;
    return sealers_down_to(context, 0, arena);
}

/* Nobody vouches for what was added since. */
static struct value vouchers_of(const void *context, struct arena *arena)
{
    const struct evidence *evidence = evidence_of(context);
    if (evidence->arc_sets_count > 0 && !auth_arc_is_whole(evidence))
        return of_chain(context, VALUE_DOMAIN, NULL, 0);
    return sealers_down_to(context, auth_arc_witness(evidence), arena);
}

READER(field_arc_vouchers)
{
    (void)key;
    return vouchers_of(context, arena);
}

/* As `all arc.vouchers in trusted-sealers`: one who is not in the list makes it false, whatever else is unknown. */
READER(field_arc_trusted)
{
    (void)key;
    const struct list *trusted = ((const struct field_context *)context)->trusted_sealers;
    struct value vouchers = vouchers_of(context, arena);
    if (trusted == NULL || vouchers.state == VALUE_ABSENT || !list_has_domain(trusted, vouchers.item.text))
        return value_boolean(false);
    for (size_t i = 0; i < vouchers.more_count; i++)
        if (!list_has_domain(trusted, vouchers.more[i].text))
            return value_boolean(false);
    return vouchers.state == VALUE_UNKNOWN ? value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN) : value_boolean(true);
}

READER(field_arc_claims)
{
    (void)key;
    const struct evidence *evidence = evidence_of(context);
    struct value_item *items =
        arena_array(arena, evidence->arc_sets_count * EVIDENCE_CLAIMS_MOST, sizeof *items);
    size_t count = 0;
    for (size_t i = evidence->arc_sets_count; i > 0; i--) {
        const struct arc_set *set = &evidence->arc_sets[i - 1];
        for (size_t j = 0; j < set->claims_count; j++)
            items[count++].text = arena_printf(arena, "i=%zu %.*s: %.*s", i, SLICE_ARG(set->seal.domain),
                                               SLICE_ARG(set->claims[j].text));
    }
    return of_chain(context, VALUE_TEXT, items, count);
}

static bool has_item(const struct value_item *items, size_t count, struct slice text)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(items[i].text, text))
            return true;
    return false;
}

/* What the witness says of one method, each result once; RFC 8601 4.1: a result of an unknown name is ignored. */
static struct value claimed(const void *context, const char *method, const char *const *words, struct arena *arena)
{
    const struct evidence *evidence = evidence_of(context);
    struct value_item *items = arena_array(arena, EVIDENCE_CLAIMS_MOST, sizeof *items);
    size_t count = 0;
    if (evidence->arc_sets_count == 0)
        return of_chain(context, VALUE_WORD, items, 0);
    const struct arc_set *set = &evidence->arc_sets[auth_arc_witness(evidence)];
    for (size_t i = 0; i < set->claims_count; i++) {
        const struct arc_claim *claim = &set->claims[i];
        if (!slice_equal(claim->method, slice_of_string(method)) || !auth_arc_is_relevant(claim, evidence))
            continue;
        for (size_t j = 0; words[j] != NULL; j++)
            if (slice_equal(claim->result, slice_of_string(words[j])) && !has_item(items, count, claim->result))
                items[count++].text = slice_of_string(words[j]);
    }
    return of_chain(context, VALUE_WORD, items, count);
}

READER(field_arc_claims_spf)
{
    (void)key;
    return claimed(context, "spf", field_arc_spf_words, arena);
}

READER(field_arc_claims_dkim)
{
    (void)key;
    return claimed(context, "dkim", field_arc_dkim_words, arena);
}

/* Pass and something else of one author: auth_arc_witness() does not believe it, and neither does this. */
READER(field_arc_claims_dmarc)
{
    (void)key;
    struct value value = claimed(context, "dmarc", field_arc_dmarc_words, arena);
    return value.more_count > 0 ? of_chain(context, VALUE_WORD, NULL, 0) : value;
}
