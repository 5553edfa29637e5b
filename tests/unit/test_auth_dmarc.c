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
    return auth_dmarc(&facts, &evidence, &findings, answers, arena);
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
      DMARC_POLICY_NONE, false },
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
    world_nothing(QUESTION_TXT, "_dmarc.gone.example.org");
    world_nothing(QUESTION_A, "gone.example.org");
    world_add(QUESTION_A, "sub.example.org", ANSWER_NO_DATA, SLICE_NONE);
    world_add(QUESTION_A, "example.org", ANSWER_NO_DATA, SLICE_NONE);
}

START_TEST(test_cases)
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
    /* OpenDMARC applies every policy as we do. */
    ck_assert_ptr_null(strstr(arena_string(arena, outcome.reason), "OpenDMARC"));
}
END_TEST

START_TEST(test_pending)
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
START_TEST(test_existence_fails)
{
    author("sub.example.org");
    world_nothing(QUESTION_TXT, "_dmarc.sub.example.org");
    world_text("_dmarc.example.org", "v=DMARC1; p=none; np=reject");
    world_nothing(QUESTION_TXT, "_dmarc.org");
    world_failure(QUESTION_A, "sub.example.org");
    assert_result(dmarc().result, AUTH_TEMPERROR, "existence");
}
END_TEST

/* RFC 9989 11.5: of several authors the strictest outcome. */
START_TEST(test_several_authors)
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
    assert_result(dmarc().result, AUTH_PASS, "both pass");
    ck_assert(!indirect_other_signature(&evidence, &findings));
}
END_TEST

START_TEST(test_no_author)
{
    assert_result(dmarc().result, AUTH_PERMERROR, "none");
    author("[192.0.2.1]");
    assert_result(dmarc().result, AUTH_NONE, "address");
}
END_TEST

START_TEST(test_indirect)
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
    tcase_add_loop_test(tests, test_cases, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tests, test_pending);
    tcase_add_test(tests, test_existence_fails);
    tcase_add_test(tests, test_several_authors);
    tcase_add_test(tests, test_no_author);
    tcase_add_test(tests, test_indirect);
    suite_add_tcase(suite, tests);
    return suite;
}
