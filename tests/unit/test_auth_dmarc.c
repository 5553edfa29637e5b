/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_auth_dmarc.c: RFC 9989 5.3: what passes, what fails, which policy applies; and that no DNS failure makes a
 * fail (5.3.6).
 */
#include "policy/auth_dmarc.h"

#include "policy/indirect.h"
#include "tests/unit/auth_world.h"

static struct evidence evidence;
static struct findings findings;
static struct signature signatures[4];
static struct dkim_outcome dkim[4];
static struct slice authors[4];

static void author(const char *domain)
{
    authors[evidence.author_domains_count++] = slice_of_string(domain);
}

static void signature(const char *domain, enum auth_result result)
{
    signatures[evidence.signatures_count++].domain = slice_of_string(domain);
    dkim[findings.dkim_count++].result = result;
}

static void open_dmarc(void)
{
    auth_dmarc_prepare();
    world_open();
    memset(signatures, 0, sizeof(signatures));
    memset(dkim, 0, sizeof(dkim));
    evidence = (struct evidence){ .author_domains = authors, .signatures = signatures };
    findings = (struct findings){ .dkim = dkim, .spf = { .result = AUTH_NONE } };
}

static struct dmarc_outcome dmarc(void)
{
    return auth_dmarc(&evidence, &findings, answers, arena);
}

/* Records at sub.example.org, example.org, org; empty: none; "!": a failure. */
static const struct {
    const char *name;
    const char *author;
    const char *at[3];
    const char *spf_domain;
    enum auth_result spf;
    const char *dkim_domain;
    enum auth_result dkim;
    enum auth_result result;
    enum dmarc_policy policy;
    bool aligned;                  /* the signature */
} cases[] = {
    { "no record", "example.org", { "", "", "" }, "example.org", AUTH_PASS, "example.org", AUTH_PASS, AUTH_NONE,
      DMARC_NO_POLICY, true },
    { "spf same", "example.org", { "", "v=DMARC1;p=reject", "" }, "example.org", AUTH_PASS, "", AUTH_NONE, AUTH_PASS,
      DMARC_POLICY_REJECT, false },
    { "spf relaxed", "example.org", { "", "v=DMARC1;p=reject", "" }, "sub.example.org", AUTH_PASS, "", AUTH_NONE,
      AUTH_PASS, DMARC_POLICY_REJECT, false },
    { "spf strict", "example.org", { "", "v=DMARC1;p=reject;aspf=s", "" }, "sub.example.org", AUTH_PASS, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "dkim relaxed", "sub.example.org", { "", "v=DMARC1;p=reject", "" }, "", AUTH_NONE, "example.org", AUTH_PASS,
      AUTH_PASS, DMARC_POLICY_REJECT, true },
    /* OpenDMARC with a public suffix list passes this one */
    { "dkim strict", "example.org", { "", "v=DMARC1;p=reject;adkim=s", "" }, "", AUTH_NONE, "sub.example.org",
      AUTH_PASS, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "own organization", "example.org", { "v=DMARC1;p=none;psd=n", "v=DMARC1;p=reject", "" }, "", AUTH_NONE,
      "sub.example.org", AUTH_PASS, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "other domain", "example.org", { "", "v=DMARC1;p=quarantine", "" }, "other.example", AUTH_PASS, "other.example",
      AUTH_PASS, AUTH_FAIL, DMARC_POLICY_QUARANTINE, false },
    { "suffix of text", "example.org", { "", "v=DMARC1;p=reject", "" }, "notexample.org", AUTH_PASS, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "failing signature", "example.org", { "", "v=DMARC1;p=none", "" }, "example.org", AUTH_FAIL, "example.org",
      AUTH_FAIL, AUTH_FAIL, DMARC_POLICY_NONE, true },
    { "softfail", "example.org", { "", "v=DMARC1;p=none", "" }, "example.org", AUTH_SOFTFAIL, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_NONE, false },
    { "sp", "sub.example.org", { "", "v=DMARC1;p=reject;sp=quarantine", "" }, "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL,
      DMARC_POLICY_QUARANTINE, false },
    { "sp is not for itself", "example.org", { "", "v=DMARC1;p=reject;sp=none", "" }, "", AUTH_NONE, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "np", "gone.example.org", { "", "v=DMARC1;p=none;np=reject", "" }, "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL,
      DMARC_POLICY_REJECT, false },
    { "np, but there", "sub.example.org", { "", "v=DMARC1;p=none;np=reject", "" }, "", AUTH_NONE, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_NONE, false },
    { "public suffix", "example.org", { "", "", "v=DMARC1;p=none;sp=quarantine;np=reject;psd=y" }, "", AUTH_NONE, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_QUARANTINE, false },
    { "public suffix aligns nobody", "example.org", { "", "", "v=DMARC1;p=reject;psd=y" }, "other.org", AUTH_PASS, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "test mode", "example.org", { "", "v=DMARC1;p=reject;t=y", "" }, "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL,
      DMARC_POLICY_QUARANTINE, false },
    { "test mode of quarantine", "example.org", { "", "v=DMARC1;p=quarantine;t=y", "" }, "", AUTH_NONE, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_NONE, false },
    { "p missing, rua", "example.org", { "", "v=DMARC1;rua=mailto:a@example.org", "" }, "", AUTH_NONE, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_NONE, false },
    { "p missing", "example.org", { "", "v=DMARC1;aspf=s", "" }, "", AUTH_NONE, "", AUTH_NONE, AUTH_NONE,
      DMARC_NO_POLICY, false },
    { "sp invalid, rua", "example.org", { "", "v=DMARC1;p=reject;sp=x;rua=mailto:a@example.org", "" }, "", AUTH_NONE,
      "", AUTH_NONE, AUTH_FAIL, DMARC_POLICY_NONE, false },
    { "sp invalid", "example.org", { "", "v=DMARC1;p=reject;sp=x", "" }, "example.org", AUTH_PASS, "", AUTH_NONE,
      AUTH_NONE, DMARC_NO_POLICY, false },
    /* signatures that fail are told to align too, whichever way */
    { "failing parent", "sub.example.org", { "", "v=DMARC1;p=none", "" }, "", AUTH_NONE, "example.org", AUTH_FAIL,
      AUTH_FAIL, DMARC_POLICY_NONE, true },
    { "failing child", "example.org", { "", "v=DMARC1;p=none", "" }, "", AUTH_NONE, "sub.example.org", AUTH_FAIL,
      AUTH_FAIL, DMARC_POLICY_NONE, true },
    { "failing child of its own", "example.org", { "v=DMARC1;p=none;psd=n", "v=DMARC1;p=none", "" }, "", AUTH_NONE,
      "sub.example.org", AUTH_FAIL, AUTH_FAIL, DMARC_POLICY_NONE, false },
    { "sp with np", "sub.example.org", { "", "v=DMARC1;p=none;sp=reject;np=none", "" }, "", AUTH_NONE, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "np before sp", "gone.example.org", { "", "v=DMARC1;p=none;sp=quarantine;np=reject", "" }, "", AUTH_NONE, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "sp for what is missing", "gone.example.org", { "", "v=DMARC1;p=none;sp=reject", "" }, "", AUTH_NONE, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "test mode of sp", "sub.example.org", { "", "v=DMARC1;p=none;sp=reject;t=y", "" }, "", AUTH_NONE, "", AUTH_NONE,
      AUTH_FAIL, DMARC_POLICY_QUARANTINE, false },
    { "test mode of none", "example.org", { "", "v=DMARC1;p=none;t=y", "" }, "", AUTH_NONE, "", AUTH_NONE, AUTH_FAIL,
      DMARC_POLICY_NONE, false },
    { "top domain has a record", "example.org", { "", "", "v=DMARC1;p=none" }, "other.org", AUTH_PASS, "", AUTH_NONE,
      AUTH_PASS, DMARC_POLICY_NONE, false },
    /* a record at the top would align the two */
    { "top fails", "example.org", { "", "v=DMARC1;p=reject", "!" }, "other.org", AUTH_PASS, "", AUTH_NONE,
      AUTH_TEMPERROR, DMARC_POLICY_REJECT, false },
    { "top fails, other top", "example.org", { "", "v=DMARC1;p=reject", "!" }, "other.example", AUTH_PASS, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "parent fails, below psd", "sub.example.org", { "v=DMARC1;p=reject", "!", "v=DMARC1;p=none;psd=y" }, "other.org",
      AUTH_PASS, "", AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    /* P5: a look-up that could have made it pass */
    { "record fails", "example.org", { "", "!", "" }, "example.org", AUTH_PASS, "", AUTH_NONE, AUTH_TEMPERROR,
      DMARC_NO_POLICY, false },
    { "parent fails, no record", "sub.example.org", { "", "!", "" }, "", AUTH_NONE, "", AUTH_NONE, AUTH_TEMPERROR,
      DMARC_NO_POLICY, false },
    { "parent fails, same domain", "sub.example.org", { "v=DMARC1;p=reject", "!", "" }, "sub.example.org", AUTH_PASS,
      "", AUTH_NONE, AUTH_PASS, DMARC_POLICY_REJECT, false },
    { "parent fails, relaxed", "sub.example.org", { "v=DMARC1;p=reject", "!", "" }, "example.org", AUTH_PASS, "",
      AUTH_NONE, AUTH_TEMPERROR, DMARC_POLICY_REJECT, false },
    { "parent fails, strict", "sub.example.org", { "v=DMARC1;p=reject;aspf=s", "!", "" }, "example.org", AUTH_PASS,
      "", AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "spf temperror", "example.org", { "", "v=DMARC1;p=reject", "" }, "example.org", AUTH_TEMPERROR, "", AUTH_NONE,
      AUTH_TEMPERROR, DMARC_POLICY_REJECT, false },
    { "foreign temperror", "example.org", { "", "v=DMARC1;p=reject", "" }, "other.example", AUTH_TEMPERROR, "",
      AUTH_NONE, AUTH_FAIL, DMARC_POLICY_REJECT, false },
    { "key temperror", "example.org", { "", "v=DMARC1;p=reject", "" }, "", AUTH_NONE, "sub.example.org",
      AUTH_TEMPERROR, AUTH_TEMPERROR, DMARC_POLICY_REJECT, true },
    { "temperror beside a pass", "example.org", { "", "v=DMARC1;p=reject", "" }, "example.org", AUTH_PASS,
      "example.org", AUTH_TEMPERROR, AUTH_PASS, DMARC_POLICY_REJECT, true },
};

static void fill_world(const char *const at[3])
{
    static const char *const names[] = { "_dmarc.sub.example.org", "_dmarc.example.org", "_dmarc.org" };
    for (size_t i = 0; i < 3; i++)
        if (at[i][0] == 0)
            world_nothing(QUESTION_TXT, names[i]);
        else if (at[i][0] == '!')
            world_failure(QUESTION_TXT, names[i]);
        else
            world_text(names[i], at[i]);
    world_nothing(QUESTION_TXT, "_dmarc.other.org");
    world_nothing(QUESTION_TXT, "_dmarc.gone.example.org");
    world_nothing(QUESTION_A, "gone.example.org");
    world_add(QUESTION_A, "sub.example.org", ANSWER_NO_DATA, SLICE_NONE);
    world_add(QUESTION_A, "example.org", ANSWER_NO_DATA, SLICE_NONE);
}

START_TEST(dmarc_outcomes)
{
    fill_world(cases[_i].at);
    author(cases[_i].author);
    findings.spf = (struct spf_outcome){ .result = cases[_i].spf, .domain = slice_of_string(cases[_i].spf_domain) };
    if (cases[_i].dkim_domain[0] != 0)
        signature(cases[_i].dkim_domain, cases[_i].dkim);
    struct dmarc_outcome outcome = dmarc();
    ck_assert_uint_eq(answers_missing_count(answers), 0);
    ck_assert_msg(outcome.result == cases[_i].result, "%s: %s (%.*s)", cases[_i].name, auth_result_name(outcome.result),
                  SLICE_ARG(outcome.reason));
    ck_assert_msg(outcome.policy == cases[_i].policy, "%s: %s", cases[_i].name, dmarc_policy_name(outcome.policy));
    ck_assert_int_eq(dkim[0].aligned, cases[_i].aligned);
    /* OpenDMARC applies every policy as we do, but for what it does not know. */
    assert_slice(outcome.library, "");
}
END_TEST

START_TEST(dmarc_pending)
{
    author("sub.example.org");
    assert_result(dmarc().result, AUTH_PENDING, "nothing known");
    ck_assert_uint_eq(answers_missing_count(answers), 3);
    answers_forget_questions(answers);
    world_nothing(QUESTION_TXT, "_dmarc.sub.example.org");
    world_text("_dmarc.example.org", "v=DMARC1; p=none; np=reject");
    world_nothing(QUESTION_TXT, "_dmarc.org");
    signature("other.example.org", AUTH_PASS);
    assert_result(dmarc().result, AUTH_PENDING, "existence and another walk");
    ck_assert(world_misses(QUESTION_A, "sub.example.org"));
    ck_assert(world_misses(QUESTION_TXT, "_dmarc.other.example.org"));
}
END_TEST

/* Existence unknown: sp and np differ, and neither may be assumed. */
START_TEST(dmarc_existence_fails)
{
    author("sub.example.org");
    world_nothing(QUESTION_TXT, "_dmarc.sub.example.org");
    world_text("_dmarc.example.org", "v=DMARC1; p=none; np=reject");
    world_nothing(QUESTION_TXT, "_dmarc.org");
    world_failure(QUESTION_A, "sub.example.org");
    assert_result(dmarc().result, AUTH_TEMPERROR, "existence");
}
END_TEST

/* RFC 8020: what has something below it exists, whatever becomes of the question for itself. */
START_TEST(dmarc_exists_by_what_is_below)
{
    author("sub.example.org");
    world_add(QUESTION_TXT, "_dmarc.sub.example.org", ANSWER_NO_DATA, SLICE_NONE);
    world_text("_dmarc.example.org", "v=DMARC1; p=quarantine; np=reject");
    world_nothing(QUESTION_TXT, "_dmarc.org");
    struct dmarc_outcome outcome = dmarc();
    assert_result(outcome.result, AUTH_FAIL, "exists");
    ck_assert_int_eq(outcome.tag, DMARC_TAG_P);
    ck_assert_uint_eq(answers_missing_count(answers), 0);
}
END_TEST

/* Which tag the policy is from, what it asks, what is left of that (RFC 9989 4.7, 4.10.1). */
static const struct {
    const char *author;
    const char *record;            /* of example.org */
    enum dmarc_tag tag;
    enum dmarc_policy published, asked, policy;
} tags[] = {
    { "example.org", "v=DMARC1; p=reject; sp=none; np=quarantine", DMARC_TAG_P, DMARC_POLICY_REJECT,
      DMARC_POLICY_REJECT, DMARC_POLICY_REJECT },
    { "sub.example.org", "v=DMARC1; p=reject; sp=none; np=quarantine", DMARC_TAG_SP, DMARC_POLICY_REJECT,
      DMARC_POLICY_NONE, DMARC_POLICY_NONE },
    { "gone.example.org", "v=DMARC1; p=none; sp=none; np=reject; t=y", DMARC_TAG_NP, DMARC_POLICY_NONE,
      DMARC_POLICY_REJECT, DMARC_POLICY_QUARANTINE },
    { "gone.example.org", "v=DMARC1; p=none; np=none", DMARC_TAG_NP, DMARC_POLICY_NONE, DMARC_POLICY_NONE,
      DMARC_POLICY_NONE },
    { "gone.example.org", "v=DMARC1; p=quarantine", DMARC_TAG_P, DMARC_POLICY_QUARANTINE, DMARC_POLICY_QUARANTINE,
      DMARC_POLICY_QUARANTINE },
    { "example.org", "v=DMARC1; p=never; rua=mailto:a@example.org; t=y", DMARC_TAG_DEFAULT, DMARC_POLICY_NONE,
      DMARC_POLICY_NONE, DMARC_POLICY_NONE },
    { "sub.example.org", "v=DMARC1; p=reject; np=never; rua=mailto:a@example.org", DMARC_TAG_DEFAULT,
      DMARC_POLICY_NONE, DMARC_POLICY_NONE, DMARC_POLICY_NONE },
};

START_TEST(dmarc_tags)
{
    fill_world((const char *const[3]){ "", tags[_i].record, "" });
    author(tags[_i].author);
    struct dmarc_outcome outcome = dmarc();
    assert_result(outcome.result, AUTH_FAIL, tags[_i].record);
    ck_assert_str_eq(dmarc_tag_name(outcome.tag), dmarc_tag_name(tags[_i].tag));
    ck_assert_int_eq(outcome.published, tags[_i].published);
    ck_assert_int_eq(outcome.asked, tags[_i].asked);
    ck_assert_int_eq(outcome.policy, tags[_i].policy);
    assert_slice(outcome.library, "");
}
END_TEST

/* RFC 9989 3.2.1, 4.10.2: identifiers that pass, their organizational domains where it matters, which are aligned. */
START_TEST(dmarc_identifiers)
{
    fill_world((const char *const[3]){ "", "v=DMARC1;p=none", "" });
    author("example.org");
    findings.spf = (struct spf_outcome){ .result = AUTH_PASS, .domain = SLICE("sub.example.org") };
    signature("other.example", AUTH_PASS);
    signature("example.org", AUTH_FAIL);
    signature("example.org", AUTH_PASS);
    struct dmarc_outcome outcome = dmarc();
    assert_result(outcome.result, AUTH_PASS, "two align");
    ck_assert_uint_eq(outcome.identifiers_count, 3);
    ck_assert(outcome.identifiers[0].is_spf && outcome.identifiers[0].aligned);
    assert_slice(outcome.identifiers[0].organizational_domain, "example.org");
    ck_assert(!outcome.identifiers[1].is_spf && !outcome.identifiers[1].aligned);
    assert_slice(outcome.identifiers[1].domain, "other.example");
    assert_slice(outcome.identifiers[1].organizational_domain, "");
    ck_assert(outcome.identifiers[2].aligned);
    assert_slice(outcome.organizational_domain, "example.org");
}
END_TEST

/* RFC 9989 B.3.1, B.4.1 to B.4.3: who aligns with whom, and whose policy it is. */
static const struct {
    const char *author;
    const char *sender;
    const char *signer;
    const char *records[6];        /* names with "v=DMARC1; p=none", a trailing "!" with psd=y */
    bool spf_aligned, dkim_aligned;
    const char *organizational;
    const char *policy_domain;
} examples[] = {
    { "example.com", "example.com", "signing.example.com", { "example.com", "signing.example.com" }, true, true,
      "example.com", "example.com" },
    { "a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", "signing.example.com",
      { "example.com", "signing.example.com" }, true, true, "example.com", "example.com" },
    { "giant.bank.example", "mail.giant.bank.example", "mail.mega.bank.example",
      { "bank.example!", "giant.bank.example" }, true, false, "giant.bank.example", "giant.bank.example" },
    { "example.com", "mail.example.com", "example.com", { "example.com" }, true, true, "example.com", "example.com" },
};

static const char *record_of(struct slice domain, const char *const *records)
{
    for (size_t i = 0; i < 6 && records[i] != NULL; i++) {
        struct slice record = slice_of_string(records[i]);
        bool psd = slice_ends_with_nocase(record, SLICE("!"));
        if (slice_equal(slice_first(record, record.length - psd), domain))
            return psd ? "v=DMARC1; p=none; psd=y" : "v=DMARC1; p=none";
    }
    return NULL;
}

/* The name and all above it: what has no record does not exist. */
static void answer_walk(const char *name, const char *const *records)
{
    struct slice domain = slice_of_string(name);

    for (; domain.length > 0; domain = slice_from(domain, slice_find(domain, '.') + 1)) {
        struct slice question = arena_printf(arena, "_dmarc.%.*s", SLICE_ARG(domain));
        const char *text = record_of(domain, records);
        bool answered = answers_find(answers, QUESTION_TXT, question) != NULL;
        if (!answered && text != NULL)
            world_text(question.text, text);
        else if (!answered)
            world_nothing(QUESTION_TXT, question.text);
    }
    answers_forget_questions(answers);
}

START_TEST(dmarc_examples)
{
    author(examples[_i].author);
    answer_walk(examples[_i].author, examples[_i].records);
    answer_walk(examples[_i].sender, examples[_i].records);
    answer_walk(examples[_i].signer, examples[_i].records);
    findings.spf = (struct spf_outcome){ .result = AUTH_PASS, .domain = slice_of_string(examples[_i].sender) };
    signature(examples[_i].signer, AUTH_PASS);
    struct dmarc_outcome outcome = dmarc();
    ck_assert_uint_eq(answers_missing_count(answers), 0);
    ck_assert_int_eq(outcome.spf_aligned, examples[_i].spf_aligned);
    ck_assert_int_eq(outcome.dkim_aligned, examples[_i].dkim_aligned);
    assert_slice(outcome.organizational_domain, examples[_i].organizational);
    assert_slice(outcome.record_domain, examples[_i].policy_domain);
}
END_TEST

/* RFC 9989 4.4 table 1 and B.1: a record at example.com only; each by SPF and by DKIM, relaxed and strict. */
static const struct {
    const char *author;
    const char *identifier;
    bool relaxed, strict;
} alignments[] = {
    { "example.com", "example.com", true, true },
    { "example.com", "child.example.com", true, false },
    { "child.example.com", "example.com", true, false },
    { "child.example.com", "example.net", false, false },
    { "news.example.com", "foo.example.com", true, false },
    { "news.example.com", "news.example.com", true, true },
};

START_TEST(dmarc_alignment)
{
    static const char *const none[6] = { NULL };
    bool strict = _i % 2 != 0, by_dkim = _i / 2 % 2 != 0;
    const char *name = alignments[_i / 4].author, *identifier = alignments[_i / 4].identifier;

    author(name);
    world_text("_dmarc.example.com", strict ? "v=DMARC1; p=none; adkim=s; aspf=s" : "v=DMARC1; p=none");
    answer_walk(name, none);
    answer_walk(identifier, none);
    if (by_dkim)
        signature(identifier, AUTH_PASS);
    else
        findings.spf = (struct spf_outcome){ .result = AUTH_PASS, .domain = slice_of_string(identifier) };
    bool aligned = strict ? alignments[_i / 4].strict : alignments[_i / 4].relaxed;
    assert_result(dmarc().result, aligned ? AUTH_PASS : AUTH_FAIL, identifier);
}
END_TEST

/* All questions of a walk, and of those of sender and signers that may align, in one round (RFC 9989 4.10). */
START_TEST(dmarc_want)
{
    author("a.example.org");
    world_sender("ann@Bounces.example.org");
    signature("mail.example.org", AUTH_NONE);
    signature("other.example", AUTH_NONE);
    auth_dmarc_want(&facts, &evidence, answers, arena);
    ck_assert_uint_eq(answers_missing_count(answers), 0);
    ck_assert_uint_eq(answers_wanted_count(answers), 5);
    assert_slice(answers_wanted(answers, 3)->name, "_dmarc.bounces.example.org");
    assert_slice(answers_wanted(answers, 4)->name, "_dmarc.mail.example.org");
    /* The null sender's identity is the HELO domain's (RFC 9989 4.4.2, RFC 7208 2.4). */
    answers_forget_questions(answers);
    facts.sender = facts.sender_domain = SLICE("");
    facts.helo = SLICE("client.example.org");
    auth_dmarc_want(&facts, &evidence, answers, arena);
    assert_slice(answers_wanted(answers, 3)->name, "_dmarc.client.example.org");
}
END_TEST

/* RFC 9989 4.4: no alignment in a message whose author cannot be told; what fails still does. */
START_TEST(dmarc_doubtful_author)
{
    fill_world((const char *const[3]){ "", "v=DMARC1;p=reject", "" });
    author("example.org");
    evidence.malformed = SLICE("several From fields");
    assert_result(dmarc().result, AUTH_FAIL, "fails");
    signature("example.org", AUTH_PASS);
    assert_result(dmarc().result, AUTH_PERMERROR, "would pass");
    evidence.malformed = SLICE_NONE;
    assert_result(dmarc().result, AUTH_PASS, "passes");
}
END_TEST

/* What OpenDMARC makes of records as published; where it is wrong by RFC 9989, that is told and ours stands. */
static const struct {
    const char *record;
    bool differs;
} readings[] = {
    { "v=DMARC1; p=reject; rua=mailto:a@example.org; ruf=mailto:b@example.org!10m; fo=1:d:s; ri=86400; rf=afrf; pct=0",
      false },
    { "v=DMARC1; p=reject; unknown=1; np=none; psd=n; t=n; sp=none", false },
    { "V=DMARC1 ; P=Reject ;adkim=R; aspf=R", false },
    { "v=DMARC1; p=reject; adkim=x; aspf=; fo=9; pct=none; sp", false },
    { "v=DMARC1; p=reject; rua=nonsense", false },
    { "v=DMARC1; p=reject; aspf=s; aspf=r", false },
    { "v=DMARC1; p=reject; pct=101", true },
    { "v=DMARC1; p=reject; ri=never", true },
    { "v=DMARC1; p=reject; future=a b c", false },
};

START_TEST(dmarc_library_differs)
{
    fill_world((const char *const[3]){ "", readings[_i].record, "" });
    author("example.org");
    struct dmarc_outcome outcome = dmarc();
    assert_result(outcome.result, AUTH_FAIL, readings[_i].record);
    ck_assert_int_eq(outcome.policy, DMARC_POLICY_REJECT);
    ck_assert_msg((outcome.library.length > 0) == readings[_i].differs, "%.*s", SLICE_ARG(outcome.library));
}
END_TEST

/* RFC 9989 11.5: of several authors the strictest outcome. */
START_TEST(dmarc_several_authors)
{
    world_text("_dmarc.a.example", "v=DMARC1; p=none");
    world_text("_dmarc.b.example", "v=DMARC1; p=reject");
    world_nothing(QUESTION_TXT, "_dmarc.example");
    author("a.example");
    author("b.example");
    signature("a.example", AUTH_PASS);
    struct dmarc_outcome outcome = dmarc();
    assert_result(outcome.result, AUTH_FAIL, "one fails");
    assert_slice(outcome.author_domain, "b.example");
    ck_assert(dkim[0].aligned);
    signature("b.example", AUTH_PASS);
    outcome = dmarc();
    assert_result(outcome.result, AUTH_PASS, "both pass");
    assert_slice(outcome.reason, "aligned: dkim (the strictest of 2 author domains)");
    ck_assert(!indirect_other_signature(&evidence, &findings));
}
END_TEST

/* Two without a record: the one that nobody vouches for holds, so that a friend's signature hides no forged author. */
START_TEST(dmarc_several_authors_alike)
{
    world_nothing(QUESTION_TXT, "_dmarc.a.example");
    world_nothing(QUESTION_TXT, "_dmarc.b.example");
    world_nothing(QUESTION_TXT, "_dmarc.example");
    author("a.example");
    author("b.example");
    signature("a.example", AUTH_PASS);
    struct dmarc_outcome outcome = dmarc();
    assert_result(outcome.result, AUTH_NONE, "none");
    assert_slice(outcome.author_domain, "b.example");
    ck_assert(!outcome.dkim_aligned);
}
END_TEST

START_TEST(dmarc_no_author)
{
    assert_result(dmarc().result, AUTH_PERMERROR, "none");
    author("[192.0.2.1]");
    assert_result(dmarc().result, AUTH_NONE, "address");
}
END_TEST

START_TEST(dmarc_leaves_other_signatures)
{
    fill_world((const char *const[3]){ "", "v=DMARC1;p=none", "" });
    author("example.org");
    signature("list.example", AUTH_PASS);
    dmarc();
    ck_assert(indirect_other_signature(&evidence, &findings));
    ck_assert(indirect_is(&evidence, &findings));
    dkim[0].result = AUTH_FAIL;
    ck_assert(!indirect_is(&evidence, &findings));
}
END_TEST

Suite *suite_auth_dmarc(void);
Suite *suite_auth_dmarc(void)
{
    Suite *suite = suite_create("auth_dmarc");
    TCase *tests = tcase_create("dmarc");
    tcase_add_checked_fixture(tests, open_dmarc, world_close);
    tcase_add_loop_test(tests, dmarc_outcomes, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tests, dmarc_pending);
    tcase_add_test(tests, dmarc_existence_fails);
    tcase_add_test(tests, dmarc_exists_by_what_is_below);
    tcase_add_loop_test(tests, dmarc_tags, 0, sizeof(tags) / sizeof(tags[0]));
    tcase_add_test(tests, dmarc_identifiers);
    tcase_add_loop_test(tests, dmarc_examples, 0, sizeof(examples) / sizeof(examples[0]));
    tcase_add_loop_test(tests, dmarc_alignment, 0, 4 * sizeof(alignments) / sizeof(alignments[0]));
    tcase_add_test(tests, dmarc_want);
    tcase_add_test(tests, dmarc_doubtful_author);
    tcase_add_loop_test(tests, dmarc_library_differs, 0, sizeof(readings) / sizeof(readings[0]));
    tcase_add_test(tests, dmarc_several_authors);
    tcase_add_test(tests, dmarc_several_authors_alike);
    tcase_add_test(tests, dmarc_no_author);
    tcase_add_test(tests, dmarc_leaves_other_signatures);
    suite_add_tcase(suite, tests);
    return suite;
}
