/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dmarc.c: DMARC of one message. Policy discovery, organizational domains and alignment are ours (RFC 9989);
 * OpenDMARC gets a record that our own reading has made plain, and only identifiers proven aligned, and applies the
 * policy. Where the two differ ours stands and the reason says so. Unknown is not false: an identifier that may yet
 * align makes temperror of a fail.
 */
#include "policy/auth_dmarc.h"

#include "policy/dmarc_library.h"
#include "policy/dmarc_record.h"
#include "rules/value.h"

enum alignment { NOT_ALIGNED, ALIGNED, ALIGNMENT_UNKNOWN, ALIGNMENT_PENDING };

/* One author domain being judged. */
struct judged {
    struct answers *answers;
    struct arena *arena;
    struct dmarc_walk walk;
    const struct dmarc_record *record;
    struct dmarc_outcome outcome;
    bool pending;
    bool may_pass;                 /* an identifier could not be decided for want of DNS */
};

void auth_dmarc_prepare(void)
{
    dmarc_library_prepare();
}

static bool is_literal(struct slice domain)
{
    return domain.length > 0 && domain.text[0] == '[';
}

/* The last two labels: names that share them may have one organizational domain. */
static struct slice last_labels(struct slice domain)
{
    struct slice two = domain;
    while (slice_find(two, '.') < two.length) {
        struct slice shorter = slice_from(two, slice_find(two, '.') + 1);
        if (slice_find(shorter, '.') == shorter.length)
            break;
        two = shorter;
    }
    return two;
}

void auth_dmarc_want(const struct evidence *evidence, struct answers *answers, struct arena *arena)
{
    for (size_t i = 0; i < evidence->author_domains_count; i++) {
        struct slice author = evidence->author_domains[i];
        if (is_literal(author))
            continue;
        dmarc_walk_want(author, answers, arena);
        for (size_t j = 0; j < evidence->signatures_count; j++) {
            const struct signature *signature = &evidence->signatures[j];
            if (signature->problem.length == 0 && slice_equal(last_labels(signature->domain), last_labels(author)))
                dmarc_walk_want(signature->domain, answers, arena);
        }
    }
}

/* RFC 9989 4.10.2. Only what is within the author's organizational domain can share it. */
static enum alignment align(struct judged *judged, struct slice domain, bool strict, bool thorough)
{
    struct dmarc_walk walk;

    if (slice_equal(domain, judged->walk.domain))
        return ALIGNED;
    if (strict || domain.length == 0)
        return NOT_ALIGNED;
    if (judged->walk.state == DMARC_WALK_FAILED)
        return slice_equal(last_labels(domain), last_labels(judged->walk.domain)) ? ALIGNMENT_UNKNOWN : NOT_ALIGNED;
    if (!domain_is_within(domain, judged->walk.organizational))
        return NOT_ALIGNED;
    if (!thorough)
        return domain_is_within(judged->walk.domain, domain) ? ALIGNED : NOT_ALIGNED;
    dmarc_walk(domain, judged->answers, judged->arena, &walk);
    switch (walk.state) {
    case DMARC_WALK_PENDING:
        return ALIGNMENT_PENDING;
    case DMARC_WALK_FAILED:
        return ALIGNMENT_UNKNOWN;
    case DMARC_WALK_DONE:
        break;
    }
    return slice_equal(walk.organizational, judged->walk.organizational) ? ALIGNED : NOT_ALIGNED;
}

/* Weighs one identifier: whether it is aligned and passes. `aligned_out` is set whatever its result. */
static bool weigh(struct judged *judged, enum auth_result result, struct slice domain, bool strict, bool *aligned_out)
{
    bool matters = result == AUTH_PASS || result == AUTH_TEMPERROR;
    enum alignment alignment = align(judged, domain, strict, matters);

    judged->pending |= alignment == ALIGNMENT_PENDING;
    *aligned_out = alignment == ALIGNED;
    if (matters && (alignment == ALIGNMENT_UNKNOWN || (alignment == ALIGNED && result == AUTH_TEMPERROR)))
        judged->may_pass = true;
    return alignment == ALIGNED && result == AUTH_PASS;
}

static void weigh_identifiers(struct judged *judged, const struct evidence *evidence, struct findings *findings)
{
    struct dmarc_outcome *outcome = &judged->outcome;
    bool aligned;

    outcome->strict_spf = judged->record != NULL && judged->record->strict_spf;
    outcome->strict_dkim = judged->record != NULL && judged->record->strict_dkim;
    outcome->spf_aligned = weigh(judged, findings->spf.result, findings->spf.domain, outcome->strict_spf, &aligned);
    for (size_t i = 0; i < findings->dkim_count && i < evidence->signatures_count; i++) {
        struct dkim_outcome *dkim = &findings->dkim[i];
        bool passes = weigh(judged, dkim->result, evidence->signatures[i].domain, outcome->strict_dkim, &aligned);
        outcome->dkim_aligned |= passes;
        dkim->aligned |= aligned;
    }
}

static enum dmarc_library_verdict expected_verdict(const struct dmarc_outcome *outcome)
{
    if (outcome->spf_aligned || outcome->dkim_aligned)
        return DMARC_LIBRARY_PASS;
    switch (outcome->policy) {
    case DMARC_POLICY_QUARANTINE:
        return DMARC_LIBRARY_QUARANTINE;
    case DMARC_POLICY_REJECT:
        return DMARC_LIBRARY_REJECT;
    case DMARC_POLICY_NONE:
    case DMARC_NO_POLICY:
        break;
    }
    return DMARC_LIBRARY_NONE;
}

/* Whether OpenDMARC says the same of an equal record, in which the policy that applies is said as p. */
static bool library_agrees(const struct judged *judged)
{
    const struct dmarc_outcome *outcome = &judged->outcome;
    const char *policy = outcome->policy == DMARC_NO_POLICY ? "none" : dmarc_policy_name(outcome->policy);
    struct slice record = arena_printf(judged->arena, "v=DMARC1; p=%s; adkim=%c; aspf=%c", policy,
                                       outcome->strict_dkim ? 's' : 'r', outcome->strict_spf ? 's' : 'r');
    return dmarc_library_apply(arena_string(judged->arena, outcome->author_domain), record.text, outcome->spf_aligned,
                               outcome->dkim_aligned) == expected_verdict(outcome);
}

/* RFC 9989 4.7, t: a test applies one level less. */
static enum dmarc_policy one_level_less(enum dmarc_policy policy)
{
    return policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}

/* p, sp or np (RFC 9989 4.10.1). False: whether the author domain exists is not known (yet). */
static bool find_policy(struct judged *judged)
{
    const struct dmarc_record *record = judged->record;
    enum dmarc_policy policy = record->policy, missing;
    enum dmarc_tag tag = DMARC_TAG_P;

    if (!slice_equal(record->domain, judged->walk.domain)) {
        tag = record->subdomain != DMARC_NO_POLICY ? DMARC_TAG_SP : DMARC_TAG_P;
        policy = tag == DMARC_TAG_SP ? record->subdomain : record->policy;
        missing = record->nonexistent != DMARC_NO_POLICY ? record->nonexistent : policy;
        if (missing != policy) {
            const struct answer *answer = answers_find(judged->answers, QUESTION_A, judged->walk.domain);
            judged->pending |= answer == NULL;
            if (answer == NULL || answer->status == ANSWER_FAILED || answer->status == ANSWER_TIMEOUT
                || answer->status == ANSWER_LIMIT)
                return false;
            tag = answer->status == ANSWER_NO_NAME ? DMARC_TAG_NP : tag;
            policy = answer->status == ANSWER_NO_NAME ? missing : policy;
        }
    }
    if (record->invalid) {
        policy = DMARC_POLICY_NONE;
        tag = DMARC_TAG_DEFAULT;
    }
    judged->outcome.tag = tag;
    judged->outcome.asked = policy;
    judged->outcome.policy = record->test ? one_level_less(policy) : policy;
    return true;
}

static void set_result(struct judged *judged, enum auth_result result, struct slice reason)
{
    judged->outcome.result = result;
    judged->outcome.reason = reason;
}

static void describe_record(struct judged *judged)
{
    const struct dmarc_record *record = judged->record;
    struct dmarc_outcome *outcome = &judged->outcome;

    outcome->record_domain = record->domain;
    outcome->published = record->invalid ? DMARC_POLICY_NONE : record->policy;
    outcome->published_sp = record->subdomain;
    outcome->published_np = record->nonexistent;
    outcome->psd = record->psd;
    outcome->test_mode = record->test;
}

/* The result, once nothing is pending. */
static void decide(struct judged *judged, bool policy_known)
{
    struct dmarc_outcome *outcome = &judged->outcome;
    bool passes = outcome->spf_aligned || outcome->dkim_aligned;

    if (passes) {
        set_result(judged, AUTH_PASS, outcome->spf_aligned && outcome->dkim_aligned ? SLICE("aligned: spf, dkim")
                                      : outcome->spf_aligned ? SLICE("aligned: spf") : SLICE("aligned: dkim"));
    } else if (judged->may_pass) {
        set_result(judged, AUTH_TEMPERROR, SLICE("what may align could not be looked up"));
    } else if (!policy_known) {
        set_result(judged, AUTH_TEMPERROR, SLICE("whether the author domain exists could not be looked up"));
    } else {
        set_result(judged, AUTH_FAIL, SLICE("no aligned identifier passes"));
    }
    if (outcome->result == AUTH_TEMPERROR || !policy_known)
        return;
    if (!library_agrees(judged))
        outcome->reason = arena_printf(judged->arena, "%.*s (OpenDMARC differs)", SLICE_ARG(outcome->reason));
}

static struct dmarc_outcome judge_author(struct slice author, const struct evidence *evidence,
                                         struct findings *findings, struct answers *answers, struct arena *arena)
{
    struct judged judged = { .answers = answers, .arena = arena };

    judged.outcome.author_domain = author;
    if (is_literal(author)) {
        set_result(&judged, AUTH_NONE, SLICE("the author's domain is an address"));
        return judged.outcome;
    }
    dmarc_walk(author, answers, arena, &judged.walk);
    judged.outcome.organizational_domain = judged.walk.organizational;
    if (judged.walk.state == DMARC_WALK_PENDING) {
        set_result(&judged, AUTH_PENDING, SLICE_NONE);
        return judged.outcome;
    }
    judged.record = judged.walk.first_failed ? NULL : dmarc_walk_policy(&judged.walk);
    weigh_identifiers(&judged, evidence, findings);
    bool policy_known = judged.record != NULL && find_policy(&judged);
    if (judged.record != NULL)
        describe_record(&judged);
    if (judged.pending)
        set_result(&judged, AUTH_PENDING, SLICE_NONE);
    else if (judged.record == NULL && judged.walk.state == DMARC_WALK_FAILED)
        set_result(&judged, AUTH_TEMPERROR, judged.walk.problem);
    else if (judged.record == NULL)
        set_result(&judged, AUTH_NONE, SLICE("no DMARC record"));
    else if (judged.record->invalid && !judged.record->has_report_address)
        set_result(&judged, AUTH_NONE, SLICE("the DMARC record has no valid policy"));
    else
        decide(&judged, policy_known);
    return judged.outcome;
}

/* Of several authors the strictest outcome holds: what forbids most, then what is not known, then what says least. */
static unsigned severity(const struct dmarc_outcome *outcome)
{
    switch (outcome->result) {
    case AUTH_PENDING:
        return 9;
    case AUTH_FAIL:
        return outcome->policy == DMARC_POLICY_REJECT ? 8 : outcome->policy == DMARC_POLICY_QUARANTINE ? 7 : 4;
    case AUTH_TEMPERROR:
        return 6;
    case AUTH_PERMERROR:
        return 5;
    case AUTH_NONE:
    case AUTH_NEUTRAL:
    case AUTH_SOFTFAIL:
    case AUTH_POLICY:
        return 3;
    case AUTH_PASS:
        break;
    }
    return 1;
}

struct dmarc_outcome auth_dmarc(const struct facts *facts, const struct evidence *evidence, struct findings *findings,
                                struct answers *answers, struct arena *arena)
{
    struct dmarc_outcome worst = { .result = AUTH_PERMERROR, .reason = SLICE("no author domain") };
    (void)facts;

    for (size_t i = 0; i < findings->dkim_count; i++)
        findings->dkim[i].aligned = false;
    for (size_t i = 0; i < evidence->author_domains_count; i++) {
        struct dmarc_outcome outcome = judge_author(evidence->author_domains[i], evidence, findings, answers, arena);
        if (i == 0 || severity(&outcome) > severity(&worst))
            worst = outcome;
    }
    return worst;
}
