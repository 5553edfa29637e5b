/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc.c: RFC 8617 5.2 from step 4 on. Each signature's outcome is that of an equal DKIM signature. RFC 8617 5.2.1
 * calls a key that cannot be looked up a failure for good; here it is temperror, which no rule takes for a failure
 * (P5), unless another signature fails for certain.
 */
#include "policy/auth_arc.h"

#include "policy/auth_dkim.h"

void auth_arc_want(const struct evidence *evidence, struct answers *answers, struct arena *arena)
{
    for (size_t i = evidence->arc_sets_count; i > 0; i--) {
        const struct arc_set *set = &evidence->arc_sets[i - 1];
        struct slice seal = auth_dkim_key_name(&set->seal, arena), message = auth_dkim_key_name(&set->message, arena);
        if (seal.text != NULL)
            answers_want(answers, QUESTION_TXT, seal);
        if (message.text != NULL && !slice_equal(message, seal))
            answers_want(answers, QUESTION_TXT, message);
    }
}

bool auth_arc_has_keys(const struct evidence *evidence, struct answers *answers, struct arena *arena)
{
    bool all = true;
    for (size_t i = evidence->arc_sets_count; i > 0; i--) {
        const struct signature *signatures[] = { &evidence->arc_sets[i - 1].seal, &evidence->arc_sets[i - 1].message };
        for (size_t j = 0; j < 2; j++) {
            struct slice name = auth_dkim_key_name(signatures[j], arena);
            all = (name.text == NULL || answers_find(answers, QUESTION_TXT, name) != NULL) && all;
        }
    }
    return all;
}

/* The chain so far. */
struct judging {
    const struct facts *facts;
    struct answers *answers;
    struct arena *arena;
    struct arc_outcome outcome;
};

/* False: nothing that follows can change the outcome. */
static bool judge_signature(struct judging *judging, const struct signature *signature, const char *name,
                            size_t instance)
{
    struct dkim_outcome one = auth_dkim_outcome(signature, judging->facts, judging->answers, judging->arena);
    struct slice reason = arena_printf(judging->arena, "%s i=%zu of %.*s: %.*s", name, instance,
                                       SLICE_ARG(signature->domain), SLICE_ARG(one.reason));
    switch (one.result) {
    case AUTH_PASS:
        return true;
    case AUTH_PENDING:
        judging->outcome = (struct arc_outcome){ .result = AUTH_PENDING };
        return false;
    case AUTH_TEMPERROR:
        if (judging->outcome.result == AUTH_PASS)
            judging->outcome = (struct arc_outcome){ .result = AUTH_TEMPERROR, .reason = reason };
        return true;
    case AUTH_NONE:
    case AUTH_NEUTRAL:
    case AUTH_FAIL:
    case AUTH_SOFTFAIL:
    case AUTH_POLICY:
    case AUTH_PERMERROR:
        break;
    }
    judging->outcome = (struct arc_outcome){ .result = AUTH_FAIL, .reason = reason };
    return false;
}

/* Step 5. A key that could not be looked up leaves it unknown. */
static void find_oldest_pass(struct judging *judging, const struct evidence *evidence)
{
    struct arc_outcome *outcome = &judging->outcome;
    for (size_t i = evidence->arc_sets_count - 1; i > 0; i--) {
        struct dkim_outcome one = auth_dkim_outcome(&evidence->arc_sets[i - 1].message, judging->facts,
                                                    judging->answers, judging->arena);
        if (one.result == AUTH_PASS)
            continue;
        outcome->has_oldest_pass = one.result != AUTH_TEMPERROR && one.result != AUTH_PENDING;
        outcome->oldest_pass = outcome->has_oldest_pass ? (uint32_t)i + 1 : 0;
        if (one.result == AUTH_PENDING)
            *outcome = (struct arc_outcome){ .result = AUTH_PENDING };
        return;
    }
    outcome->has_oldest_pass = true;
}

struct arc_outcome auth_arc_outcome(const struct facts *facts, const struct evidence *evidence,
                                    struct answers *answers, struct arena *arena)
{
    size_t count = evidence->arc_sets_count;
    struct judging judging = { facts, answers, arena, { .result = AUTH_PASS } };

    if (evidence->arc_problem.length > 0)
        return (struct arc_outcome){ .result = AUTH_FAIL, .reason = evidence->arc_problem };
    if (count == 0)
        return (struct arc_outcome){ .result = AUTH_NONE };
    if (!judge_signature(&judging, &evidence->arc_sets[count - 1].message, "ARC-Message-Signature", count))
        return judging.outcome;
    for (size_t i = count; i > 0; i--)
        if (!judge_signature(&judging, &evidence->arc_sets[i - 1].seal, "ARC-Seal", i))
            return judging.outcome;
    if (judging.outcome.result == AUTH_PASS)
        find_oldest_pass(&judging, evidence);
    return judging.outcome;
}

bool auth_arc_is_relevant(const struct arc_claim *claim, const struct evidence *evidence)
{
    if (!slice_equal(claim->method, SLICE("dmarc")))
        return true;
    for (size_t i = 0; i < evidence->author_domains_count; i++)
        if (!slice_equal(evidence->author_domains[i], claim->author))
            return false;
    return evidence->author_domains_count > 0;
}

/* A sealer that says pass and something else of one author says nothing. */
static bool vouches(const struct arc_set *set, const struct evidence *evidence)
{
    bool vouched = false;
    for (size_t i = 0; i < set->claims_count; i++) {
        const struct arc_claim *claim = &set->claims[i];
        if (!slice_equal(claim->method, SLICE("dmarc")) || !auth_arc_is_relevant(claim, evidence))
            continue;
        if (!slice_equal(claim->result, SLICE("pass")))
            return false;
        vouched = true;
    }
    return vouched;
}

size_t auth_arc_witness(const struct evidence *evidence)
{
    for (size_t i = evidence->arc_sets_count; i > 0; i--)
        if (vouches(&evidence->arc_sets[i - 1], evidence))
            return i - 1;
    return 0;
}

bool auth_arc_is_whole(const struct evidence *evidence)
{
    for (size_t i = evidence->arc_sets_count, witness = auth_arc_witness(evidence); i > witness; i--) {
        const struct signature *message = &evidence->arc_sets[i - 1].message;
        if (message->has_length || message->fields_added != 0)
            return false;
    }
    return true;
}
