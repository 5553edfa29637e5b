/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim.c: a signature's outcome from evidence, key answer and arrival time. RFC 8601's words: permerror for what
 * can never be verified, policy for what could be but is not accepted here, fail for a signature that does not
 * verify.
 */
#include "policy/auth_dkim.h"

#include "policy/auth_dkim_parse.h"

/* Clocks differ: a signature may be this many seconds in the future. */
#define CLOCK_SKEW 300

struct slice auth_dkim_key_name(const struct signature *signature, struct arena *arena)
{
    if (signature->domain.length == 0 || signature->selector.length == 0 || signature->problem.length > 0)
        return SLICE_NONE;
    return arena_printf(arena, "%.*s._domainkey.%.*s", SLICE_ARG(signature->selector), SLICE_ARG(signature->domain));
}

void auth_dkim_want(const struct evidence *evidence, struct answers *answers, struct arena *arena)
{
    for (size_t i = 0; i < evidence->signatures_count; i++) {
        struct slice name = auth_dkim_key_name(&evidence->signatures[i], arena);
        if (name.text != NULL)
            answers_want(answers, QUESTION_TXT, name);
    }
}

static struct dkim_outcome outcome_of(enum auth_result result, struct slice reason)
{
    return (struct dkim_outcome){ .result = result, .reason = reason };
}

/* What the cryptography said, given that it was done with the key that the answer has. */
static struct dkim_outcome crypto_outcome(const struct signature *signature)
{
    if (signature->has_body && signature->has_length && signature->length > signature->body_size)
        return outcome_of(AUTH_PERMERROR, SLICE("l= is larger than the body"));
    switch (signature->crypto) {
    case SIGNATURE_VERIFIED:
        break;
    case SIGNATURE_BODY_ALTERED:
        return outcome_of(AUTH_FAIL, SLICE("body altered"));
    case SIGNATURE_NOT_BY_KEY:
        return outcome_of(AUTH_FAIL, SLICE("signature does not verify"));
    case SIGNATURE_NOT_TRIED:
        return outcome_of(AUTH_PERMERROR, SLICE("key cannot be used"));
    }
    /* RFC 8301 3.2 */
    if (slice_starts_with(signature->algorithm, SLICE("rsa")) && signature->key_bits < AUTH_DKIM_KEY_BITS_LEAST)
        return outcome_of(AUTH_POLICY, SLICE("key shorter than 1024 bits"));
    return outcome_of(AUTH_PASS, SLICE_NONE);
}

static bool is_untimely(const struct signature *signature, const struct facts *facts, struct slice *reason_out)
{
    int64_t now = facts->arrival / 1000000;
    bool is_early = signature->has_time && signature->time > now + CLOCK_SKEW;
    bool is_late = signature->has_expiry && signature->expiry < now;
    *reason_out = is_early ? SLICE("signed in the future") : SLICE("signature expired");
    return is_early || is_late;
}

struct dkim_outcome auth_dkim_outcome(const struct signature *signature, const struct facts *facts,
                                      struct answers *answers, struct arena *arena)
{
    struct auth_dkim_key key;
    struct dkim_outcome outcome;
    struct slice reason;

    if (slice_equal(signature->problem, SLICE(AUTH_DKIM_BEYOND_LIMIT)))
        return outcome_of(AUTH_POLICY, signature->problem);
    if (signature->problem.length > 0)
        return outcome_of(AUTH_PERMERROR, signature->problem);
    const struct answer *answer = answers_find(answers, QUESTION_TXT, auth_dkim_key_name(signature, arena));
    if (answer == NULL)
        return outcome_of(AUTH_PENDING, SLICE_NONE);
    auth_dkim_parse_key(answer, signature, arena, &key);
    if (key.result != AUTH_PASS)
        outcome = outcome_of(key.result, key.reason);
    else if (is_untimely(signature, facts, &reason))
        outcome = outcome_of(AUTH_POLICY, reason);
    else if (!slice_equal(key.data, signature->key_data))
        outcome = outcome_of(AUTH_FAIL, SLICE("not made with this key"));
    else
        outcome = crypto_outcome(signature);
    outcome.test_key = key.test;
    return outcome;
}
