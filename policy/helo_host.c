/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helo_host.c: see helo_host.h. Both kinds of addresses are asked for at once; which of them decides depends on what
 * is known: a host that has one resolves, whatever became of the other question.
 */
#include "policy/helo_host.h"

#include "policy/mailbox.h"

/* An address, with or without brackets and the tag that IPv6 needs: clients write all of these. */
static bool read_literal(struct slice helo, struct address *address_out)
{
    if (helo.length > 2 && helo.text[0] == '[' && helo.text[helo.length - 1] == ']')
        helo = slice_of(helo.text + 1, helo.length - 2);
    if (slice_starts_with_nocase(helo, SLICE("IPv6:")))
        helo = slice_from(helo, 5);
    return address_parse(helo, address_out);
}

static struct slice without_dot(struct slice name)
{
    return name.length > 1 && name.text[name.length - 1] == '.' ? slice_first(name, name.length - 1) : name;
}

bool helo_host_is_ours(const struct facts *facts)
{
    struct slice name = without_dot(facts->helo);
    struct address address;

    if (!facts->has_helo)
        return false;
    if (read_literal(facts->helo, &address))
        return address_equal(&address, &facts->local_address);
    return slice_equal_nocase(name, facts->hostname) || slice_equal_nocase(name, facts->authserv_id);
}

static bool has_address(const struct answer *answer, const struct address *address)
{
    size_t length = address->family == 4 ? 4 : 16;

    for (size_t i = 0; answer->status == ANSWER_RECORDS && i < answer->count; i++)
        if (answer->records[i].data.length == length &&
            memcmp(answer->records[i].data.text, address->bytes, length) == 0)
            return true;
    return false;
}

static enum auth_result result_of(const struct answer *answer, bool well)
{
    if (answer == NULL)
        return AUTH_PENDING;
    if (well)
        return AUTH_PASS;
    return answer->status == ANSWER_RECORDS || answer->status == ANSWER_NO_DATA || answer->status == ANSWER_NO_NAME
               ? AUTH_FAIL : AUTH_TEMPERROR;
}

/* Of two questions: the better answer counts, but not before both are answered. */
static enum auth_result either(enum auth_result a, enum auth_result b)
{
    if (a == AUTH_PENDING || b == AUTH_PENDING)
        return AUTH_PENDING;
    if (a == AUTH_PASS || b == AUTH_PASS)
        return AUTH_PASS;
    return a == AUTH_TEMPERROR || b == AUTH_TEMPERROR ? AUTH_TEMPERROR : AUTH_FAIL;
}

struct helo_host helo_host(const struct facts *facts, struct answers *answers, struct arena *arena)
{
    const struct address *client = &facts->client_address;
    const struct answer *four, *six, *own;
    struct address address;
    struct slice domain;

    if (facts->has_helo && read_literal(facts->helo, &address))
        return (struct helo_host){ AUTH_NONE, address_equal(&address, client) ? AUTH_PASS : AUTH_FAIL };
    if (!facts->has_helo || !mailbox_domain(without_dot(facts->helo), arena, &domain))
        return (struct helo_host){ AUTH_FAIL, AUTH_FAIL };
    four = answers_find(answers, QUESTION_A, domain);
    six = answers_find(answers, QUESTION_AAAA, domain);
    own = client->family == 4 ? four : six;
    return (struct helo_host){
        .resolves = either(result_of(four, four != NULL && four->status == ANSWER_RECORDS),
                           result_of(six, six != NULL && six->status == ANSWER_RECORDS)),
        .matches = result_of(own, own != NULL && has_address(own, client)),
    };
}
