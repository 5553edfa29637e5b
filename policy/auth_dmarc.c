/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dmarc.c: DMARC of one message. Policy discovery, organizational domains and alignment are ours (RFC 9989);
 * OpenDMARC gets the record, and only identifiers proven aligned, and applies the policy. Unknown is not false: an
 * identifier that may yet align makes temperror of a fail.
 *
 * Where RFC 9989 is not what OpenDMARC 1.4.2 does, ours stands:
 *
 *     RFC 9989                                  OpenDMARC                   decided in
 *     4.10   tree walk, psd                     public suffix list          dmarc_walk()
 *     4.10   several records at one name: none  takes one                   dmarc_walk(), it sees none or one
 *     4.10.2 strict is identical, relaxed by    a subdomain passes strict,  align(): it is told the author domain
 *            the organizational domain          relaxed by suffix list      itself, or nothing
 *     4.10.1 p missing or invalid beside rua:   refuses the record          dmarc_record_parse(); it gets p=none
 *            none
 *     4.7    np                                 does not know it            find_policy()
 *     4.7    t=y: one level less                does not know it            find_policy()
 *     4.7    pct, ri are unknown, so ignored      judges their syntax          dmarc_record_parse(); told
 *     4.8    a tag's syntax error: its default  refuses the record          dmarc_record_parse(); it gets the default
 *
 * It sees the record as published where that is plain, else one in its place that says the same. What it says
 * otherwise, beyond this table, is told in outcome.library.
 */
#include "policy/auth_dmarc.h"

#include "policy/dmarc_library.h"
#include "policy/dmarc_record.h"
#include "policy/mailbox.h"
#include "rules/value.h"

enum alignment { NOT_ALIGNED, ALIGNED, ALIGNMENT_UNKNOWN, ALIGNMENT_PENDING };

/* One author domain being judged. */
struct judged {
    struct answers *answers;
    struct arena *arena;
    struct dmarc_walk walk;
    const struct dmarc_record *record;
    struct dmarc_outcome outcome;
    enum dmarc_policy library_policy;  /* p or sp alone: what OpenDMARC is expected to apply */
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

/* A domain that shares its last labels with an author is likely to be looked at. */
static void want_like(struct slice domain, struct slice author, struct answers *answers, struct arena *arena)
{
    if (slice_equal(last_labels(domain), last_labels(author)))
        dmarc_walk_want(domain, answers, arena);
}

void auth_dmarc_want(const struct facts *facts, const struct evidence *evidence, struct answers *answers,
                     struct arena *arena)
{
    struct slice sender = facts->sender.length == 0 ? facts->helo : facts->sender_domain;

    for (size_t i = 0; i < evidence->author_domains_count; i++) {
        struct slice author = evidence->author_domains[i], domain;
        if (is_literal(author))
            continue;
        dmarc_walk_want(author, answers, arena);
        if (mailbox_domain(sender, arena, &domain))
            want_like(domain, author, answers, arena);
        for (size_t j = 0; j < evidence->signatures_count; j++)
            if (evidence->signatures[j].problem.length == 0)
                want_like(evidence->signatures[j].domain, author, answers, arena);
    }
}

/*
 * RFC 9989 4.10.2. Only what is within the author's organizational domain, or while that is not known within the widest
 * it may be, can share it. `organizational_out` is set where it was found.
 */
static enum alignment align(struct judged *judged, struct slice domain, bool strict, struct slice *organizational_out)
{
    struct dmarc_walk walk;

    if (slice_equal(domain, judged->walk.domain)) {
        *organizational_out = judged->walk.organizational;
        return ALIGNED;
    }
    if (strict || domain.length == 0 || !domain_is_within(domain, judged->walk.widest))
        return NOT_ALIGNED;
    if (judged->walk.state == DMARC_WALK_FAILED)
        return ALIGNMENT_UNKNOWN;
    dmarc_walk(domain, judged->answers, judged->arena, &walk);
    switch (walk.state) {
    case DMARC_WALK_PENDING:
        return ALIGNMENT_PENDING;
    case DMARC_WALK_FAILED:
        return ALIGNMENT_UNKNOWN;
    case DMARC_WALK_DONE:
        break;
    }
    *organizational_out = walk.organizational;
    return slice_equal(walk.organizational, judged->walk.organizational) ? ALIGNED : NOT_ALIGNED;
}

static void add_identifier(struct judged *judged, const struct dmarc_identifier *identifier)
{
    struct dmarc_outcome *outcome = &judged->outcome;

    if (outcome->identifiers == NULL)
        outcome->identifiers = arena_array(judged->arena, DMARC_IDENTIFIERS_MOST, sizeof(*outcome->identifiers));
    if (outcome->identifiers_count < DMARC_IDENTIFIERS_MOST)
        outcome->identifiers[outcome->identifiers_count++] = *identifier;
}

/* Weighs one identifier of this result; true: its domain aligns. Only one that passes is authenticated (3.2.1). */
static bool weigh(struct judged *judged, enum auth_result result, bool is_spf, struct slice domain)
{
    struct dmarc_identifier identifier = { .is_spf = is_spf, .domain = domain };
    bool strict = is_spf ? judged->outcome.strict_spf : judged->outcome.strict_dkim;
    enum alignment alignment = align(judged, domain, strict, &identifier.organizational_domain);

    judged->pending |= alignment == ALIGNMENT_PENDING;
    identifier.aligned = alignment == ALIGNED;
    if (result == AUTH_PASS)
        add_identifier(judged, &identifier);
    if (result == AUTH_PASS && identifier.aligned)
        *(is_spf ? &judged->outcome.spf_aligned : &judged->outcome.dkim_aligned) = true;
    judged->may_pass |= alignment == ALIGNMENT_UNKNOWN && (result == AUTH_PASS || result == AUTH_TEMPERROR);
    judged->may_pass |= identifier.aligned && result == AUTH_TEMPERROR;
    return identifier.aligned;
}

/* What is no identifier, whatever else is found: its domain is not looked at. */
static bool is_hopeless(enum auth_result result)
{
    return result != AUTH_PASS && result != AUTH_TEMPERROR;
}

static void weigh_identifiers(struct judged *judged, const struct evidence *evidence, struct findings *findings)
{
    struct dmarc_outcome *outcome = &judged->outcome;

    outcome->strict_spf = judged->record != NULL && judged->record->strict_spf;
    outcome->strict_dkim = judged->record != NULL && judged->record->strict_dkim;
    if (!is_hopeless(findings->spf.result))
        weigh(judged, findings->spf.result, true, findings->spf.domain);
    for (size_t i = 0; i < findings->dkim_count && i < evidence->signatures_count; i++) {
        const struct signature *signature = &evidence->signatures[i];
        struct dkim_outcome *dkim = &findings->dkim[i];
        /* Of a signature that fails it is told too; malformed ones and those beyond the limit cost no look-up. */
        if (!is_hopeless(dkim->result) || signature->problem.length == 0)
            dkim->aligned |= weigh(judged, dkim->result, false, signature->domain);
        else
            dkim->aligned |= slice_equal(signature->domain, judged->walk.domain);
    }
}

static enum dmarc_library_verdict expected_verdict(const struct judged *judged)
{
    if (judged->outcome.spf_aligned || judged->outcome.dkim_aligned)
        return DMARC_LIBRARY_PASS;
    switch (judged->library_policy) {
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

/* Equal to the record, as OpenDMARC can read it. */
static const char *equal_record(const struct judged *judged)
{
    const struct dmarc_record *record = judged->record;
    enum dmarc_policy policy = record->invalid ? DMARC_POLICY_NONE : record->policy;
    enum dmarc_policy subdomain = record->invalid || record->subdomain == DMARC_NO_POLICY ? policy : record->subdomain;

    return arena_printf(judged->arena, "v=DMARC1; p=%s; sp=%s; adkim=%c; aspf=%c", dmarc_policy_name(policy),
                        dmarc_policy_name(subdomain), record->strict_dkim ? 's' : 'r', record->strict_spf ? 's' : 'r')
        .text;
}

static void compare_library(struct judged *judged)
{
    const struct dmarc_record *record = judged->record;
    struct dmarc_outcome *outcome = &judged->outcome;
    enum dmarc_library_verdict expected = expected_verdict(judged), verdict;
    struct dmarc_library_question question = {
        .author = arena_string(judged->arena, outcome->author_domain),
        .record = record->plain ? arena_string(judged->arena, record->text) : equal_record(judged),
        .record_domain = arena_string(judged->arena, record->domain),
        .spf_aligned = outcome->spf_aligned,
        .dkim_aligned = outcome->dkim_aligned,
    };

    if (slice_equal(record->domain, judged->walk.domain))
        question.record_domain = NULL;
    verdict = dmarc_library_apply(&question);
    if (verdict != expected)
        outcome->library = arena_printf(judged->arena, "%s, where this is %s by RFC 9989",
                                        dmarc_library_verdict_name(verdict), dmarc_library_verdict_name(expected));
}

/* RFC 9989 4.7, t: a test applies one level less. */
static enum dmarc_policy one_level_less(enum dmarc_policy policy)
{
    return policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}

/*
 * Whether the author domain exists: any answer but NXDOMAIN says so (RFC 9989 3.2.13, A.4). One to the name below it
 * does too, for below what does not exist nothing does (RFC 8020). True: it is known, and told in `exists_out`.
 */
static bool find_existence(struct judged *judged, bool *exists_out)
{
    const struct answer *answer = NULL;

    *exists_out = judged->walk.exists;
    if (judged->walk.exists)
        return true;
    answer = answers_find(judged->answers, QUESTION_A, judged->walk.domain);
    judged->pending |= answer == NULL;
    *exists_out = answer != NULL && (answer->status == ANSWER_RECORDS || answer->status == ANSWER_NO_DATA);
    return *exists_out || (answer != NULL && answer->status == ANSWER_NO_NAME);
}

/* p, sp or np (RFC 9989 4.10.1). False: whether the author domain exists is not known (yet). */
static bool find_policy(struct judged *judged)
{
    const struct dmarc_record *record = judged->record;
    enum dmarc_policy policy = record->policy;
    enum dmarc_tag tag = DMARC_TAG_P;
    bool exists = true;

    if (!record->invalid && !slice_equal(record->domain, judged->walk.domain)) {
        if (record->subdomain != DMARC_NO_POLICY) {
            tag = DMARC_TAG_SP;
            policy = record->subdomain;
        }
        judged->library_policy = policy;
        if (record->nonexistent != DMARC_NO_POLICY && !find_existence(judged, &exists))
            return false;
        tag = exists ? tag : DMARC_TAG_NP;
        policy = exists ? policy : record->nonexistent;
    } else if (record->invalid) {
        tag = DMARC_TAG_DEFAULT;
        policy = judged->library_policy = DMARC_POLICY_NONE;
    } else {
        judged->library_policy = policy;
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

/* RFC 9989 4.10.1: a record without a valid policy and without a report address is as none. */
static bool has_usable_record(const struct judged *judged)
{
    return judged->record != NULL && (!judged->record->invalid || judged->record->has_report_address);
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
    if (outcome->result != AUTH_TEMPERROR && policy_known)
        compare_library(judged);
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
    bool policy_known = has_usable_record(&judged) && find_policy(&judged);
    if (has_usable_record(&judged))
        describe_record(&judged);
    if (judged.pending)
        set_result(&judged, AUTH_PENDING, SLICE_NONE);
    else if (judged.record == NULL && judged.walk.state == DMARC_WALK_FAILED)
        set_result(&judged, AUTH_TEMPERROR, judged.walk.problem);
    else if (judged.record == NULL)
        set_result(&judged, AUTH_NONE, SLICE("no DMARC record"));
    else if (!has_usable_record(&judged))
        set_result(&judged, AUTH_NONE, arena_printf(arena, "the DMARC record of %.*s has no valid policy",
                                                    SLICE_ARG(judged.record->domain)));
    else
        decide(&judged, policy_known);
    return judged.outcome;
}

/*
 * Of several authors the strictest outcome holds (RFC 9989 11.5): what forbids most, then what is not known, then what
 * says least; and of two alike the one that nothing is aligned with.
 */
static unsigned severity(const struct dmarc_outcome *outcome)
{
    unsigned aligned = outcome->spf_aligned || outcome->dkim_aligned ? 0 : 1;

    switch (outcome->result) {
    case AUTH_PENDING:
        return 90;
    case AUTH_FAIL:
        return outcome->policy == DMARC_POLICY_REJECT ? 80 : outcome->policy == DMARC_POLICY_QUARANTINE ? 70 : 40;
    case AUTH_TEMPERROR:
        return 60 + aligned;
    case AUTH_PERMERROR:
        return 50 + aligned;
    case AUTH_NONE:
    case AUTH_NEUTRAL:
    case AUTH_SOFTFAIL:
    case AUTH_POLICY:
        return 30 + aligned;
    case AUTH_PASS:
        break;
    }
    return 10;
}

/*
 * A pass is about an author who is certain. RFC 9989 4.4: nothing aligns in a message that is not valid by RFC 5322,
 * for there may be an author whom we did not see and a reader does.
 */
static void doubt_author(const struct evidence *evidence, struct dmarc_outcome *outcome, struct arena *arena)
{
    if (outcome->result != AUTH_PASS)
        return;
    if (evidence->malformed.length > 0) {
        outcome->result = AUTH_PERMERROR;
        outcome->reason = arena_printf(arena, "the author cannot be told: %.*s", SLICE_ARG(evidence->malformed));
    } else if (evidence->author_domains_count >= EVIDENCE_AUTHORS_MOST) {
        outcome->result = AUTH_PERMERROR;
        outcome->reason = SLICE("too many author domains");
    }
}

struct dmarc_outcome auth_dmarc(const struct evidence *evidence, struct findings *findings, struct answers *answers,
                                struct arena *arena)
{
    struct dmarc_outcome worst = { .result = AUTH_PERMERROR, .reason = SLICE("no author domain") };
    size_t count = evidence->author_domains_count;

    for (size_t i = 0; i < findings->dkim_count; i++)
        findings->dkim[i].aligned = false;
    for (size_t i = 0; i < count; i++) {
        struct dmarc_outcome outcome = judge_author(evidence->author_domains[i], evidence, findings, answers, arena);
        if (i == 0 || severity(&outcome) > severity(&worst))
            worst = outcome;
    }
    if (count > 1 && worst.result != AUTH_PENDING)
        worst.reason =
            arena_printf(arena, "%.*s (the strictest of %zu author domains)", SLICE_ARG(worst.reason), count);
    doubt_author(evidence, &worst, arena);
    return worst;
}
