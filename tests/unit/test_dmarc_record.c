/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dmarc_record.c: RFC 9989 4.7 and 4.8 (tags), 4.10 (which names a walk asks, where it stops) and 4.10.2
 * (organizational domain).
 */
#include "policy/dmarc_record.h"

#include "tests/unit/auth_world.h"

static const struct {
    const char *text;
    bool is_record;
    enum dmarc_policy p, sp, np;
    bool invalid, rua, strict, test;
    char psd;
} records[] = {
    { "v=DMARC1; p=reject", true, DMARC_POLICY_REJECT, 0, 0, false, false, false, false, 'u' },
    { "v = DMARC1 ;p = Quarantine ; sp=none; np=reject; psd=n; t=y; adkim=s;", true, DMARC_POLICY_QUARANTINE,
      DMARC_POLICY_NONE, DMARC_POLICY_REJECT, false, false, true, true, 'n' },
    { "V=DMARC1; P=none", true, DMARC_POLICY_NONE, 0, 0, false, false, false, false, 'u' },
    { "v=DMARC1", true, 0, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=nonsense; rua=mailto:a@b.example", true, 0, 0, 0, true, true, false, false, 'u' },
    { "v=DMARC1; p=none; sp=nonsense", true, DMARC_POLICY_NONE, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=none; rua=nonsense, mailto:a@b.example!10m", true, DMARC_POLICY_NONE, 0, 0, false, true, false,
      false, 'u' },
    { "v=DMARC1; p=none; rua=mailto:", true, DMARC_POLICY_NONE, 0, 0, false, false, false, false, 'u' },
    { "v=DMARC1; p=reject; psd=x; adkim=x; t=x; unknown=1; broken", true, DMARC_POLICY_REJECT, 0, 0, false, false,
      false, false, 'u' },
    /* a tag that occurs twice has no value (RFC 6376 3.2) */
    { "v=DMARC1; p=reject; p=none", true, 0, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=reject; P=reject", true, 0, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=reject; sp=none; sp=none", true, DMARC_POLICY_REJECT, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=reject; psd=n; psd=n; t=y; t=y; adkim=s; adkim=s", true, DMARC_POLICY_REJECT, 0, 0, false, false,
      false, false, 'u' },
    { "v=DMARC1; p=none; rua=mailto:a@b.example; rua=mailto:c@d.example", true, DMARC_POLICY_NONE, 0, 0, false, false,
      false, false, 'u' },
    { "v=DMARC1; p=", true, 0, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=reject quarantine", true, 0, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1;;; ;p\t=\treject\t;", true, DMARC_POLICY_REJECT, 0, 0, false, false, false, false, 'u' },
    { "v=DMARC1; p=none; rua=https://example.org/x%20y", true, DMARC_POLICY_NONE, 0, 0, false, true, false,
      false, 'u' },
    { "v=DMARC1; p=none; rua=https://example.org/x%2y", true, DMARC_POLICY_NONE, 0, 0, false, false, false,
      false, 'u' },
    { "v=DMARC1; p=none; rua=mailto:a@b.example!x", true, DMARC_POLICY_NONE, 0, 0, false, true, false, false, 'u' },
    { "v=DMARC1; rua=a@b.example", true, 0, 0, 0, true, false, false, false, 'u' },
    { "v=DMARC1; p=reject; pct=0; rf=afrf; ri=1; fo=1", true, DMARC_POLICY_REJECT, 0, 0, false, false, false, false,
      'u' },
    { "v=DMARC1 p=reject", false, 0, 0, 0, false, false, false, false, 'u' },
    { "v=DMARC1,p=reject", false, 0, 0, 0, false, false, false, false, 'u' },
    { "DMARC1; p=reject", false, 0, 0, 0, false, false, false, false, 'u' },
    { ";v=DMARC1; p=none", false, 0, 0, 0, false, false, false, false, 'u' },
    { "v=dmarc1; p=none", false, 0, 0, 0, false, false, false, false, 'u' },
    { "p=none; v=DMARC1", false, 0, 0, 0, false, false, false, false, 'u' },
    { " v=DMARC1; p=none", false, 0, 0, 0, false, false, false, false, 'u' },
    { "v=DMARC12; p=none", false, 0, 0, 0, false, false, false, false, 'u' },
    { "v=spf1 -all", false, 0, 0, 0, false, false, false, false, 'u' },
    { "", false, 0, 0, 0, false, false, false, false, 'u' },
};

START_TEST(dmarc_record_reads)
{
    struct dmarc_record record;
    ck_assert_int_eq(dmarc_record_parse(slice_of_string(records[_i].text), &record), records[_i].is_record);
    if (!records[_i].is_record)
        return;
    ck_assert_int_eq(record.policy, records[_i].p);
    ck_assert_int_eq(record.subdomain, records[_i].sp);
    ck_assert_int_eq(record.nonexistent, records[_i].np);
    ck_assert_int_eq(record.invalid, records[_i].invalid);
    ck_assert_int_eq(record.has_report_address, records[_i].rua);
    ck_assert_int_eq(record.strict_dkim, records[_i].strict);
    ck_assert_int_eq(record.test, records[_i].test);
    ck_assert_int_eq(record.psd, records[_i].psd);
}
END_TEST

/* What a library may see as it stands: every byte by the grammar of RFC 9989 4.8. */
static const struct {
    const char *text;
    bool plain;
} plain_texts[] = {
    { "v=DMARC1; p=reject", true },
    { "v=DMARC1;p=none;", true },
    { "v = DMARC1 ;\tp=none; sp=reject; np=none; t=n; psd=u; adkim=r; aspf=s; rua=mailto:a@b.example ; x=a b", true },
    { "v=DMARC1; p=none;; sp=none", false },
    { "v=DMARC1; p=none; x", false },
    { "v=DMARC1; p=none; x=", false },
    { "v=DMARC1; p=none; x2=1", false },
    { "v=DMARC1; p=none; p=none", false },
    { "v=DMARC1; p=none; t=x", false },
    { "v=DMARC1; rua=mailto:a@b.example", false },
    { "v=DMARC1; p=none; rua=none", false },
    { "v=DMARC1; p=none; x=\xc3\xa9", false },
    { "v=DMARC1; p=none; x=\x01", false },
    { "v=DMARC1; p=none\r\n", false },
};

START_TEST(dmarc_record_plain)
{
    struct dmarc_record record;
    struct slice text = slice_of_string(plain_texts[_i].text);
    ck_assert(dmarc_record_parse(text, &record));
    ck_assert_int_eq(record.plain, plain_texts[_i].plain);
    assert_slice(record.text, plain_texts[_i].text);
}
END_TEST

START_TEST(dmarc_record_long_is_not_plain)
{
    struct dmarc_record record;
    char text[DMARC_RECORD_PLAIN_MOST + 2] = "v=DMARC1; p=none; x=";
    memset(text + strlen(text), 'a', sizeof(text) - 1 - strlen(text));
    ck_assert(dmarc_record_parse(slice_of(text, DMARC_RECORD_PLAIN_MOST), &record));
    ck_assert(record.plain);
    ck_assert(dmarc_record_parse(slice_of(text, DMARC_RECORD_PLAIN_MOST + 1), &record));
    ck_assert(!record.plain);
}
END_TEST

START_TEST(dmarc_record_tags_are_bounded)
{
    struct dmarc_record record;
    struct slice text = SLICE("v=DMARC1");
    for (size_t i = 0; i < DMARC_RECORD_TAGS_MOST - 1; i++)
        text = arena_printf(arena, "%.*s;x=y", SLICE_ARG(text));
    ck_assert(dmarc_record_parse(arena_printf(arena, "%.*s;p=reject", SLICE_ARG(text)), &record));
    ck_assert_int_eq(record.policy, DMARC_POLICY_REJECT);
    ck_assert(dmarc_record_parse(arena_printf(arena, "%.*s;x=y;p=reject", SLICE_ARG(text)), &record));
    ck_assert(record.invalid);
    ck_assert(!record.plain);
}
END_TEST

/* RFC 9989 4.10's own example. */
START_TEST(dmarc_walk_names)
{
    static const char *const names[] = {
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com",
        "_dmarc.i.j.mail.example.com",
        "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com",
        "_dmarc.example.com",
        "_dmarc.com",
    };
    struct dmarc_walk walk;
    dmarc_walk(SLICE("a.b.c.d.e.f.g.h.i.j.mail.example.com"), answers, arena, &walk);
    ck_assert_int_eq(walk.state, DMARC_WALK_PENDING);
    ck_assert_uint_eq(answers_missing_count(answers), 8);
    for (size_t i = 0; i < 8; i++)
        assert_slice(answers_missing(answers, i)->name, names[i]);
    answers_forget_questions(answers);
    /* Eight labels: every one is asked, and no more. */
    dmarc_walk(SLICE("a.b.c.d.e.f.g.h"), answers, arena, &walk);
    ck_assert_uint_eq(answers_missing_count(answers), 8);
    answers_forget_questions(answers);
    dmarc_walk(SLICE("a.b.c.d.e.f.g.h.i"), answers, arena, &walk);
    ck_assert_uint_eq(answers_missing_count(answers), 8);
    ck_assert(world_misses(QUESTION_TXT, "_dmarc.c.d.e.f.g.h.i"));
    ck_assert(!world_misses(QUESTION_TXT, "_dmarc.b.c.d.e.f.g.h.i"));
}
END_TEST

/* Records at a.mail.example.com, mail.example.com, example.com, com; "-" none, "!" a failure, "=" two records. */
static const struct {
    const char *at[4];
    enum dmarc_walk_state state;
    const char *organizational;
    const char *policy;            /* domain of the record that applies */
    const char *widest;            /* of a walk that failed: what the organizational domain may be at most */
} walks[] = {
    /* the examples of 4.10.2 */
    { { "-", "v=DMARC1;p=none", "v=DMARC1;p=none", "-" }, DMARC_WALK_DONE, "example.com", "example.com", NULL },
    { { "-", "v=DMARC1;p=none;psd=n", "v=DMARC1;p=none", "-" },
      DMARC_WALK_DONE,
      "mail.example.com",
      "mail.example.com", NULL },
    { { "-", "-", "-", "v=DMARC1;p=none;psd=y" }, DMARC_WALK_DONE, "example.com", "com", NULL },
    { { "v=DMARC1;p=none", "-", "v=DMARC1;p=none", "-" }, DMARC_WALK_DONE, "example.com", "a.mail.example.com", NULL },
    { { "v=DMARC1;p=none", "-", "-", "-" }, DMARC_WALK_DONE, "a.mail.example.com", "a.mail.example.com", NULL },
    { { "-", "-", "-", "-" }, DMARC_WALK_DONE, "a.mail.example.com", NULL, NULL },
    /* a psd=y where the walk starts says nothing of what is below it, but ends the walk */
    { { "v=DMARC1;p=none;psd=y", "-", "v=DMARC1;p=none", "-" },
      DMARC_WALK_DONE,
      "a.mail.example.com",
      "a.mail.example.com", NULL },
    { { "-", "-", "v=DMARC1;p=none", "v=DMARC1;p=none;psd=y" }, DMARC_WALK_DONE, "example.com", "example.com", NULL },
    { { "-", "v=DMARC1;p=none;psd=y", "v=DMARC1;p=none", "-" },
      DMARC_WALK_DONE,
      "a.mail.example.com",
      "mail.example.com", NULL },
    { { "-", "=", "v=DMARC1;p=none", "-" }, DMARC_WALK_DONE, "example.com", "example.com", NULL },
    { { "-", "=", "-", "-" }, DMARC_WALK_DONE, "a.mail.example.com", NULL, NULL },
    /* failures count only before the end of the walk */
    { { "-", "v=DMARC1;p=none;psd=n", "!", "!" }, DMARC_WALK_DONE, "mail.example.com", "mail.example.com", NULL },
    { { "-", "v=DMARC1;p=none", "!", "-" }, DMARC_WALK_FAILED, "", NULL, "example.com" },
    { { "v=DMARC1;p=none", "-", "!", "-" }, DMARC_WALK_FAILED, "", "a.mail.example.com", "example.com" },
    { { "!", "-", "v=DMARC1;p=none", "-" }, DMARC_WALK_FAILED, "", NULL, "example.com" },
    { { "!", "v=DMARC1;p=none", "-", "-" }, DMARC_WALK_FAILED, "", NULL, "mail.example.com" },
    { { "v=DMARC1;p=none", "-", "-", "!" }, DMARC_WALK_FAILED, "", "a.mail.example.com", "com" },
    { { "-", "!", "v=DMARC1;p=none;psd=y", "v=DMARC1;p=none" }, DMARC_WALK_FAILED, "", NULL, "mail.example.com" },
    { { "!", "-", "v=DMARC1;p=none;psd=n", "!" }, DMARC_WALK_FAILED, "", NULL, "example.com" },
};

START_TEST(dmarc_walks)
{
    static const char *const names[] = { "_dmarc.a.mail.example.com", "_dmarc.mail.example.com", "_dmarc.example.com",
                                         "_dmarc.com" };
    struct answer_record two[] = { { .data = SLICE("v=DMARC1;p=none") }, { .data = SLICE("v=DMARC1;p=reject") } };
    struct dmarc_walk walk;

    for (size_t i = 0; i < 4; i++) {
        const char *text = walks[_i].at[i];
        if (text[0] == '=')
            answers_add(answers, &(struct answer){ { QUESTION_TXT, slice_of_string(names[i]) }, ANSWER_RECORDS, 2, two,
                                                   SLICE_NONE, false, NULL });
        else if (text[0] == '-')
            world_nothing(QUESTION_TXT, names[i]);
        else if (text[0] == '!')
            world_failure(QUESTION_TXT, names[i]);
        else
            world_text(names[i], text);
    }
    dmarc_walk(SLICE("a.mail.example.com"), answers, arena, &walk);
    const struct dmarc_record *policy = dmarc_walk_policy(&walk);
    ck_assert_int_eq(walk.state, walks[_i].state);
    assert_slice(walk.organizational, walks[_i].organizational);
    if (walk.state == DMARC_WALK_FAILED)
        assert_slice(walk.widest, walks[_i].widest);
    else
        assert_slice(walk.widest, walks[_i].organizational);
    ck_assert_int_eq(policy != NULL, walks[_i].policy != NULL);
    if (policy != NULL)
        assert_slice(policy->domain, walks[_i].policy);
}
END_TEST

Suite *suite_dmarc_record(void);
Suite *suite_dmarc_record(void)
{
    Suite *suite = suite_create("dmarc_record");
    TCase *tests = tcase_create("records");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, dmarc_record_reads, 0, sizeof(records) / sizeof(records[0]));
    tcase_add_loop_test(tests, dmarc_walks, 0, sizeof(walks) / sizeof(walks[0]));
    tcase_add_loop_test(tests, dmarc_record_plain, 0, sizeof(plain_texts) / sizeof(plain_texts[0]));
    tcase_add_test(tests, dmarc_record_long_is_not_plain);
    tcase_add_test(tests, dmarc_record_tags_are_bounded);
    tcase_add_test(tests, dmarc_walk_names);
    suite_add_tcase(suite, tests);
    return suite;
}
