/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields_client.c: readers of what is known of a client beyond its address: when it spoke first, who spoke for it, each
 * step from its address to its name and back, and the host that its HELO names. What asks DNS goes by field_iprev() and
 * field_helo_host(), so that a stage waits for it.
 */
#include "policy/fields_private.h"

#include "policy/iprev.h"

static const struct facts *facts_of(const void *context)
{
    return ((const struct field_context *)context)->facts;
}

const struct helo_host *field_helo_host(struct field_context *context)
{
    if (!context->has_helo_host)
        context->helo_host = helo_host(context->facts, context->answers, context->arena);
    context->has_helo_host = true;
    return &context->helo_host;
}

/* The first call makes the stage wait for all steps. */
static struct iprev_steps steps_of(struct field_context *context)
{
    field_iprev(context);
    return iprev_steps(context->facts, context->answers, context->arena);
}

READER(field_client_early)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->early);
}

READER(field_client_via)
{
    UNUSED_KEY;
    const struct address *via = &facts_of(context)->via;
    return via->family == 0 ? value_in_state(VALUE_ADDRESS, VALUE_ABSENT) : value_address(*via);
}

READER(field_iprev_ptr)
{
    UNUSED_KEY;
    switch (steps_of(context).ptr) {
    case AUTH_PENDING:
        return value_in_state(VALUE_WORD, VALUE_PENDING);
    case AUTH_TEMPERROR:
        return value_temperror();
    case AUTH_PASS:
        return value_word("found");
    case AUTH_NONE:
    case AUTH_NEUTRAL:
    case AUTH_FAIL:
    case AUTH_SOFTFAIL:
    case AUTH_POLICY:
    case AUTH_PERMERROR:
        break;
    }
    return value_word("none");
}

/* Before the answer pending, without one unknown; true: there is an answer. */
static bool is_answered(const struct iprev_steps *steps, enum value_type type, struct value *value_out)
{
    *value_out = value_in_state(type, steps->ptr == AUTH_PENDING ? VALUE_PENDING : VALUE_UNKNOWN);
    return steps->ptr != AUTH_PENDING && steps->ptr != AUTH_TEMPERROR;
}

READER(field_iprev_count)
{
    UNUSED_KEY;
    struct iprev_steps steps = steps_of(context);
    struct value value;
    return is_answered(&steps, VALUE_NUMBER, &value) ? value_number((int64_t)steps.names_count) : value;
}

/* The names whose second step ended so; AUTH_PENDING: all. Unknown where none did and one may have. */
static struct value names_found(struct field_context *context, enum auth_result wanted, struct arena *arena)
{
    struct iprev_steps steps = steps_of(context);
    struct value_item *items = arena_array(arena, IPREV_NAMES_MOST, sizeof *items);
    bool all = wanted == AUTH_PENDING, pending = false, failed = false;
    struct value value;
    size_t count = 0;

    if (!is_answered(&steps, VALUE_DOMAIN, &value))
        return value;
    for (size_t i = 0; i < steps.count; i++) {
        pending |= steps.found[i] == AUTH_PENDING;
        failed |= steps.found[i] == AUTH_TEMPERROR;
        if (all || steps.found[i] == wanted)
            items[count++].text = steps.names[i];
    }
    if (!all && pending)
        return value_in_state(VALUE_DOMAIN, VALUE_PENDING);
    if (!all && count == 0 && failed)
        return value_in_state(VALUE_DOMAIN, VALUE_UNKNOWN);
    return value_items(VALUE_DOMAIN, items, count);
}

READER(field_iprev_names)
{
    (void)key;
    return names_found(context, AUTH_PENDING, arena);
}

READER(field_iprev_confirmed)
{
    (void)key;
    return names_found(context, AUTH_PASS, arena);
}

READER(field_iprev_mismatched)
{
    (void)key;
    return names_found(context, AUTH_FAIL, arena);
}

READER(field_iprev_unresolved)
{
    (void)key;
    return names_found(context, AUTH_NONE, arena);
}

READER(field_helo_ours)
{
    UNUSED_KEY;
    return value_boolean(helo_host_is_ours(facts_of(context)));
}

static struct value truth_of(enum auth_result result)
{
    if (result == AUTH_PENDING)
        return value_in_state(VALUE_BOOLEAN, VALUE_PENDING);
    if (result == AUTH_TEMPERROR)
        return value_in_state(VALUE_BOOLEAN, VALUE_UNKNOWN);
    return result == AUTH_NONE ? value_in_state(VALUE_BOOLEAN, VALUE_ABSENT) : value_boolean(result == AUTH_PASS);
}

READER(field_helo_resolves)
{
    UNUSED_KEY;
    return truth_of(field_helo_host(context)->resolves);
}

READER(field_helo_matches)
{
    UNUSED_KEY;
    return truth_of(field_helo_host(context)->matches);
}
