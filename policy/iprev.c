/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iprev.c: reverse and forward look-up of the client's address (RFC 8601 3). All names are asked at once; the first
 * verified one in alphabetical order counts, so that the order of an answer, which means nothing, changes nothing. What
 * a host that may speak for others told of the name (XCLIENT) stands in place of all look-ups.
 */
#include "policy/iprev.h"

struct slice iprev_reverse_name(const struct address *address, struct arena *arena)
{
    char text[73];                 /* 32 nibbles with a dot each, "ip6.arpa", NUL */
    const uint8_t *bytes = address->bytes;

    if (address->family == 4)
        return arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
    for (size_t i = 0; i < 32; i++) {
        unsigned nibble = (unsigned)(bytes[15 - i / 2] >> (i % 2 == 0 ? 0 : 4)) & 15u;
        text[2 * i] = "0123456789abcdef"[nibble];
        text[2 * i + 1] = '.';
    }
    memcpy(text + 64, "ip6.arpa", 8);
    return arena_copy(arena, slice_of(text, 72));
}

void iprev_want(const struct facts *facts, struct answers *answers, struct arena *arena)
{
    if (facts->told.state == FACTS_TOLD_NOTHING)
        answers_want(answers, QUESTION_PTR, iprev_reverse_name(&facts->client_address, arena));
}

static bool is_failure(enum answer_status status)
{
    return status == ANSWER_FAILED || status == ANSWER_TIMEOUT || status == ANSWER_LIMIT;
}

static bool has_address(const struct answer *answer, const struct address *address)
{
    size_t length = address->family == 4 ? 4 : 16;
    for (size_t i = 0; answer->status == ANSWER_RECORDS && i < answer->count; i++)
        if (answer->records[i].data.length == length
            && memcmp(answer->records[i].data.text, address->bytes, length) == 0)
            return true;
    return false;
}

/* The second step, of one name. */
static enum auth_result look_back(const struct address *address, struct slice name, struct answers *answers)
{
    const struct answer *answer = answers_find(answers, address->family == 4 ? QUESTION_A : QUESTION_AAAA, name);

    if (answer == NULL)
        return AUTH_PENDING;
    if (is_failure(answer->status))
        return AUTH_TEMPERROR;
    if (has_address(answer, address))
        return AUTH_PASS;
    return answer->status == ANSWER_RECORDS ? AUTH_FAIL : AUTH_NONE;
}

static void insert_name(struct iprev_steps *steps, struct slice name)
{
    size_t at = steps->count++;

    for (; at > 0 && slice_compare(name, steps->names[at - 1]) < 0; at--)
        steps->names[at] = steps->names[at - 1];
    steps->names[at] = name;
}

static struct iprev_steps steps_as_told(const struct facts_told_name *told)
{
    struct slice name = told->reverse_name.length > 0 ? told->reverse_name : told->name;
    struct iprev_steps steps = { .ptr = AUTH_NONE };

    if (told->state == FACTS_TOLD_TEMPORARY)
        steps.ptr = AUTH_TEMPERROR;
    if (told->state == FACTS_TOLD_TEMPORARY || name.length == 0)
        return steps;
    steps.ptr = AUTH_PASS;
    steps.names_count = steps.count = 1;
    steps.names[0] = told->state == FACTS_TOLD_NAME ? told->name : name;
    steps.found[0] = told->state == FACTS_TOLD_NAME ? AUTH_PASS : AUTH_FAIL;
    return steps;
}

struct iprev_steps iprev_steps(const struct facts *facts, struct answers *answers, struct arena *arena)
{
    struct iprev_steps steps = { .ptr = AUTH_NONE };
    const struct answer *names;

    if (facts->told.state != FACTS_TOLD_NOTHING)
        return steps_as_told(&facts->told);
    names = answers_find(answers, QUESTION_PTR, iprev_reverse_name(&facts->client_address, arena));
    if (names == NULL || is_failure(names->status)) {
        steps.ptr = names == NULL ? AUTH_PENDING : AUTH_TEMPERROR;
        return steps;
    }
    if (names->status != ANSWER_RECORDS || names->count == 0)
        return steps;
    steps.ptr = AUTH_PASS;
    steps.names_count = names->count;
    for (size_t i = 0; i < names->count && i < IPREV_NAMES_MOST; i++)
        insert_name(&steps, names->records[i].data);
    for (size_t i = 0; i < steps.count; i++)
        steps.found[i] = look_back(&facts->client_address, steps.names[i], answers);
    return steps;
}

static struct iprev_outcome conclude(const struct iprev_steps *steps)
{
    struct iprev_outcome outcome = { .result = AUTH_FAIL, .reverse_name = steps->names[0] };
    bool pending = false, failed = false;

    for (size_t i = 0; i < steps->count; i++) {
        pending |= steps->found[i] == AUTH_PENDING;
        failed |= steps->found[i] == AUTH_TEMPERROR;
        if (steps->found[i] == AUTH_PASS && outcome.name.text == NULL)
            outcome.name = steps->names[i];
    }
    if (pending)
        outcome.result = AUTH_PENDING;
    else if (outcome.name.text != NULL)
        outcome.result = AUTH_PASS;
    else if (failed)
        outcome.result = AUTH_TEMPERROR;
    return outcome;
}

struct iprev_outcome iprev(const struct facts *facts, struct answers *answers, struct arena *arena)
{
    struct iprev_steps steps = iprev_steps(facts, answers, arena);
    struct iprev_outcome outcome = { .result = steps.ptr == AUTH_NONE ? AUTH_PERMERROR : steps.ptr };

    if (steps.ptr == AUTH_PASS)
        outcome = conclude(&steps);
    /* The two may differ where they were told. */
    if (facts->told.state != FACTS_TOLD_NOTHING && facts->told.reverse_name.length > 0)
        outcome.reverse_name = facts->told.reverse_name;
    return outcome;
}
