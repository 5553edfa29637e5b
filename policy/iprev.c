/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iprev.c: reverse and forward look-up of the client's address (RFC 8601 3). All names are asked at once; the first
 * verified one in alphabetical order counts, so that the order of an answer, which means nothing, changes nothing.
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

static struct slice alphabetically_first(struct slice a, struct slice b)
{
    return a.text == NULL || slice_compare(b, a) < 0 ? b : a;
}

static struct iprev_outcome check_names(const struct facts *facts, const struct answer *names, struct answers *answers)
{
    struct iprev_outcome outcome = { .result = AUTH_FAIL };
    enum question_type type = facts->client_address.family == 4 ? QUESTION_A : QUESTION_AAAA;
    bool pending = false, failed = false;

    for (size_t i = 0; i < names->count && i < IPREV_NAMES_MOST; i++) {
        struct slice name = names->records[i].data;
        const struct answer *answer = answers_find(answers, type, name);
        outcome.reverse_name = alphabetically_first(outcome.reverse_name, name);
        pending |= answer == NULL;
        failed |= answer != NULL && is_failure(answer->status);
        if (answer != NULL && has_address(answer, &facts->client_address))
            outcome.name = alphabetically_first(outcome.name, name);
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
    const struct answer *names = answers_find(answers, QUESTION_PTR, iprev_reverse_name(&facts->client_address, arena));
    struct iprev_outcome outcome = { .result = AUTH_PERMERROR };

    if (names == NULL)
        outcome.result = AUTH_PENDING;
    else if (is_failure(names->status))
        outcome.result = AUTH_TEMPERROR;
    else if (names->status == ANSWER_RECORDS && names->count > 0)
        return check_names(facts, names, answers);
    return outcome;
}
