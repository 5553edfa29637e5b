/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields_message.c: readers of what is known of a message: evidence and findings. All findings are final here. What a
 * look-up that failed might still have shown is unknown, not absent (P5).
 */
#include "policy/fields_private.h"

#include "policy/indirect.h"

READER(field_spf_aligned)
{
    UNUSED_KEY;
    const struct findings *findings = findings_of(context);
    if (findings->dmarc.spf_aligned && findings->spf.result == AUTH_PASS)
        return value_boolean(true);
    if (findings->spf.result == AUTH_TEMPERROR || findings->dmarc.result == AUTH_TEMPERROR)
        return value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN);
    return value_boolean(false);
}

READER(field_dmarc_result)
{
    UNUSED_KEY;
    enum auth_result result = findings_of(context)->dmarc.result;
    return result == AUTH_TEMPERROR ? value_temperror() : value_word(auth_result_name(result));
}

/* What no record says is absent; what a record might say that could not be fetched is unknown. */
static struct value missing_from_dmarc(const struct dmarc_outcome *dmarc, enum value_type type)
{
    return value_in_state(type, dmarc->result == AUTH_TEMPERROR ? VALUE_UNKNOWN : VALUE_ABSENT);
}

static struct value policy_value(const struct dmarc_outcome *dmarc, enum dmarc_policy policy)
{
    if (policy == DMARC_NO_POLICY)
        return missing_from_dmarc(dmarc, VALUE_WORD);
    return value_word(dmarc_policy_name(policy));
}

READER(field_dmarc_policy)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    return policy_value(dmarc, dmarc->policy);
}

READER(field_dmarc_published)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    return policy_value(dmarc, dmarc->published);
}

READER(field_dmarc_asked)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    return policy_value(dmarc, dmarc->asked);
}

READER(field_dmarc_tag)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    if (dmarc->tag == DMARC_NO_TAG)
        return missing_from_dmarc(dmarc, VALUE_WORD);
    return value_word(dmarc_tag_name(dmarc->tag));
}

/* Another may align that could not be looked up: then the state is unknown, with what is known in it (value.h). */
READER(field_dmarc_aligned)
{
    (void)key;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    struct value_item *items = arena_array(arena, dmarc->identifiers_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < dmarc->identifiers_count; i++)
        if (dmarc->identifiers[i].aligned)
            items[count++].text = dmarc->identifiers[i].domain;
    struct value value = value_items(VALUE_DOMAIN, items, count);
    if (dmarc->result == AUTH_TEMPERROR)
        value.state = VALUE_UNKNOWN;
    return value;
}

READER(field_dmarc_domain)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    if (dmarc->record_domain.length == 0)
        return missing_from_dmarc(dmarc, VALUE_DOMAIN);
    return value_domain(dmarc->record_domain);
}

READER(field_dmarc_author)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    if (dmarc->author_domain.length == 0)
        return missing_from_dmarc(dmarc, VALUE_DOMAIN);
    return value_domain(dmarc->author_domain);
}

READER(field_dmarc_organizational_domain)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    if (dmarc->organizational_domain.length == 0)
        return missing_from_dmarc(dmarc, VALUE_DOMAIN);
    return value_domain(dmarc->organizational_domain);
}

READER(field_dmarc_test)
{
    UNUSED_KEY;
    const struct dmarc_outcome *dmarc = &findings_of(context)->dmarc;
    if (dmarc->policy == DMARC_NO_POLICY && dmarc->result == AUTH_TEMPERROR)
        return value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN);
    return value_boolean(dmarc->test_mode);
}

READER(field_dmarc_reason)
{
    UNUSED_KEY;
    struct slice reason = findings_of(context)->dmarc.reason;
    return reason.length == 0 ? value_in_state(VALUE_TEXT, VALUE_ABSENT) : value_text(reason);
}

static struct value of_slices(enum value_type type, const struct slice *slices, size_t count, struct arena *arena)
{
    struct value_item *items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i].text = slices[i];
    return value_items(type, items, count);
}

/* A signature that could not be checked may be a list's: mail is not direct for sure before it is. */
READER(field_indirect)
{
    UNUSED_KEY;
    const struct findings *findings = findings_of(context);
    if (!findings->indirect && field_any_signature_unknown(findings))
        return value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN);
    return value_boolean(findings->indirect);
}

READER(field_indirect_signs)
{
    (void)key;
    const struct findings *findings = findings_of(context);
    const struct evidence *evidence = evidence_of(context);
    struct slice *signs = arena_array(arena, evidence->indirect_count + 1, sizeof *signs);
    size_t count = evidence->indirect_count;
    for (size_t i = 0; i < count; i++)
        signs[i] = evidence->indirect[i];
    if (indirect_other_signature(evidence, findings))
        signs[count++] = SLICE("other-signature");
    struct value value = of_slices(VALUE_WORD, signs, count, arena);
    if (field_any_signature_unknown(findings))
        value.state = VALUE_UNKNOWN;
    return value;
}

READER(field_header)
{
    const struct evidence *evidence = evidence_of(context);
    for (size_t i = 0; i < evidence->headers_count; i++)
        if (slice_equal_nocase(evidence->headers[i].name, key))
            return of_slices(VALUE_TEXT, evidence->headers[i].values, evidence->headers[i].count, arena);
    /* In a replay under other rules: the record does not hold this field. */
    return value_in_state(VALUE_TEXT, VALUE_UNKNOWN);
}

READER(field_header_size)
{
    UNUSED_KEY;
    return value_number(evidence_of(context)->header_size);
}

READER(field_header_count)
{
    UNUSED_KEY;
    return value_number(evidence_of(context)->field_count);
}

READER(field_message_size)
{
    UNUSED_KEY;
    uint64_t size = ((const struct field_context *)context)->facts->message_size;
    return value_number(size > INT64_MAX ? INT64_MAX : (int64_t)size);
}

READER(field_message_hops)
{
    UNUSED_KEY;
    return value_number(evidence_of(context)->received_count);
}

READER(field_message_id)
{
    UNUSED_KEY;
    return text_or_absent(evidence_of(context)->message_id);
}
