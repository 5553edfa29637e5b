/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_judge.c: judge(): stages and what binds where, waiting only for what rules read, unknown and
 * permanent (P5), the fields added and their order, and the id in every reply (P6).
 */
#include "tests/unit/judge_fixtures.h"

#define HEADER(from) "From: " from "\r\nTo: bob@example.net\r\nSubject: test\r\nMessage-ID: <1@example.org>\r\n\r\n"
#define ZONE                                                                                                           \
    "example.org TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"                                                                  \
    "client.example A 192.0.2.1\n"                                                                                     \
    "1.2.0.192.in-addr.arpa PTR client.example\n"

static struct fixture fixture;

static struct verdict judged(const char *rules, const char *zone, enum stage stage)
{
    fixture_init(&fixture, rules, zone);
    if (stage == STAGE_MESSAGE)
        fixture_message(&fixture, HEADER("Ann <ann@example.org>"), "Hello.\r\n");
    return fixture_judge(&fixture, stage);
}

START_TEST(no_rules_pass)
{
    for (enum stage stage = STAGE_CONNECT; stage <= STAGE_MESSAGE; stage++) {
        struct verdict verdict = judged("", ZONE, stage);
        ck_assert_int_eq(verdict.stage, stage);
        ck_assert_int_eq(verdict.action, VERDICT_PASS);
        ck_assert(!verdict.exempt);
        ck_assert_ptr_null(verdict.runs);
        fixture_clear(&fixture);
    }
}
END_TEST

/* What each ending action means at each stage, judged at that stage and at the end. */
static const struct {
    const char *rules;
    enum stage stage;
    enum verdict_action action;
    bool exempt;
    const char *rule;
    unsigned code;
    const char *enhanced;
    const char *text;
} endings[] = {
    { "rule a at connect { when client.ip == 192.0.2.1 then accept \"known\" }", STAGE_CONNECT, VERDICT_PASS, true,
      "a", 0, "", "known" },
    { "rule a at connect { when client.ip == 192.0.2.1 then accept }", STAGE_MESSAGE, VERDICT_PASS, true, "a", 0, "",
      "" },
    { "rule a at connect { when always then reject \"no\" }", STAGE_CONNECT, VERDICT_REJECT, false, "a", 550, "5.7.1",
      "no (01KAK2V7ZQ1ABCDE)" },
    { "rule a at helo { when helo == \"client.example\" then defer 450 4.7.25 \"later\" }", STAGE_HELO, VERDICT_DEFER,
      false, "a", 450, "4.7.25", "later (01KAK2V7ZQ1ABCDE)" },
    { "rule a at mail { when sender.domain == \"example.org\" then accept } rule b at rcpt { when always then reject "
      "\"no\" }",
      STAGE_RCPT, VERDICT_PASS, true, "a", 0, "", "" },
    { "rule a at rcpt { when recipient.local == \"bob\" then accept } rule b at message { when always then reject "
      "\"no\" }",
      STAGE_RCPT, VERDICT_PASS, true, "a", 0, "", "" },
    { "rule a at rcpt { when recipient.local == \"bob\" then accept } rule b at message { when always then reject "
      "\"no\" }",
      STAGE_MESSAGE, VERDICT_PASS, true, "a", 0, "", "" },
    { "rule a at rcpt { when recipient.local == \"eve\" then accept } rule b at message { when always then reject "
      "\"no\" }",
      STAGE_MESSAGE, VERDICT_REJECT, false, "b", 550, "5.7.1", "no (01KAK2V7ZQ1ABCDE)" },
    { "rule a at message { when from.domain == \"example.org\" then accept } rule b at message { when always then "
      "reject \"no\" }",
      STAGE_MESSAGE, VERDICT_PASS, true, "a", 0, "", "" },
    { "rule a at message { when always then reject 554 5.7.26 \"{from.domain} {spf} {client.name}\" }", STAGE_MESSAGE,
      VERDICT_REJECT, false, "a", 554, "5.7.26", "example.org pass client.example (01KAK2V7ZQ1ABCDE)" },
    { "rule a at mail { when always then reject 550 5.7.1 \"s\" mode shadow }", STAGE_MAIL, VERDICT_PASS, false, "", 0,
      "", "" },
};

START_TEST(endings_bind)
{
    struct verdict verdict = judged(endings[_i].rules, ZONE, endings[_i].stage);
    ck_assert_int_eq(verdict.action, endings[_i].action);
    ck_assert_int_eq(verdict.exempt, endings[_i].exempt);
    ck_assert_slice(verdict.rule, endings[_i].rule);
    ck_assert_uint_eq(verdict.code, endings[_i].code);
    ck_assert_slice(verdict.enhanced, endings[_i].enhanced);
    ck_assert_slice(verdict.text, endings[_i].text);
    fixture_clear(&fixture);
}
END_TEST

/* A stage asks DNS only for what its rules read; the order of conditions decides. */
static const struct {
    const char *rules;
    enum stage stage;
    unsigned asked;
} waits[] = {
    { "rule a at mail { when sender.null then score 1 }", STAGE_MAIL, 0 },
    { "rule a at mail { when spf == fail then score 1 }", STAGE_MAIL, 1 },
    { "rule a at mail { when sender.null and spf == fail then score 1 }", STAGE_MAIL, 0 },
    { "rule a at connect { when client.name == \"a.example\" then score 1 }", STAGE_CONNECT, 2 },
    { "rule a at message { when spf == fail then reject \"no\" }", STAGE_RCPT, 0 },
    { "rule a at mail { when spf == fail then score 1 mode shadow }", STAGE_MAIL, 1 },
    { "rule a at mail { when always then log \"{spf}\" }", STAGE_MAIL, 1 },
};

START_TEST(stages_wait_for_what_is_read)
{
    judged(waits[_i].rules, ZONE, waits[_i].stage);
    ck_assert_uint_eq(fixture.asked, waits[_i].asked);
    fixture_clear(&fixture);
}
END_TEST

/* client.reverse-name is known with the PTR, yet the read waits for the whole: the trace never depends on timing. */
START_TEST(what_was_read_is_never_pending)
{
    struct verdict verdict =
        judged("rule a at mail { when spf == fail and client.port == 1 then reject \"no\" }", ZONE, STAGE_MAIL);
    ck_assert_ptr_nonnull(verdict.runs);
    ck_assert_slice(verdict.runs->trace->values->name, "spf.result");
    ck_assert_slice(verdict.runs->trace->values->value, "pass");
    ck_assert_int_eq(verdict.findings.spf.result, AUTH_PASS);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(xclient_waits_for_the_name)
{
    fixture_init(&fixture, "", ZONE);
    fixture.facts.client_name_wanted = true;
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    ck_assert_uint_eq(fixture.asked, 0);
    verdict = fixture_judge(&fixture, STAGE_RCPT);
    ck_assert_int_eq(verdict.findings.iprev.result, AUTH_PASS);
    ck_assert_slice(verdict.findings.iprev.name, "client.example");
    fixture_clear(&fixture);
    /* On a submission listener the backend is opened at AUTH, after HELO. */
    fixture_init(&fixture, "", ZONE);
    fixture.facts.client_name_wanted = true;
    fixture_judge(&fixture, STAGE_HELO);
    ck_assert_uint_eq(fixture.asked, 0);
    fixture.facts.submission = true;
    verdict = fixture_judge(&fixture, STAGE_HELO);
    ck_assert_int_eq(verdict.findings.iprev.result, AUTH_PASS);
    ck_assert_slice(verdict.findings.iprev.name, "client.example");
    fixture_clear(&fixture);
}
END_TEST

/* P5: what failed for now is never the reason of a permanent refusal. */
static const struct {
    const char *rules;
    enum verdict_action action;
    const char *enhanced;          /* of a deferral */
} unknowns[] = {
    { "rule a at mail { when spf == fail then reject \"no\" }", VERDICT_DEFER, "4.4.3" },
    { "rule a at mail { when spf == fail then reject \"no\" on-unknown pass }", VERDICT_PASS, NULL },
    { "rule a at mail { when not spf == pass then reject \"no\" }", VERDICT_DEFER, "4.4.3" },
    { "rule a at mail { when spf == temperror then reject \"no\" }", VERDICT_DEFER, "4.4.3" },
    { "rule a at mail { when spf is unknown then defer \"later\" }", VERDICT_DEFER, "4.7.1" },
    { "rule a at mail { when spf == fail then defer \"later\" }", VERDICT_PASS, NULL },
    /* RFC 7372 3.2: an error of SPF has a code of its own. */
    { "rule a at mail { when spf == fail then reject 550 5.7.23 \"no\" }", VERDICT_DEFER, "4.7.24" },
    { "rule a at mail { when spf == temperror then reject 550 5.7.24 \"no\" }", VERDICT_DEFER, "4.7.24" },
    { "rule a at mail { when spf == fail then reject 550 5.7.26 \"no\" }", VERDICT_DEFER, "4.4.3" },
    /* An accept or a score that might have been stands in the way of a rejection. */
    { "rule a at mail { when spf == pass then accept } rule b at mail { when always then reject \"no\" }",
      VERDICT_DEFER, "4.4.3" },
    { "rule a at mail { when spf == pass then score -5 } rule b at rcpt { when score >= 0 then reject \"no\" }",
      VERDICT_DEFER, "4.4.3" },
    { "rule a at mail { when spf == pass and client.port == 1 then accept } rule b at mail { when always then reject "
      "\"no\" }",
      VERDICT_REJECT, NULL },
    { "rule a at mail { when spf == pass then accept mode shadow } rule b at mail { when always then reject \"no\" }",
      VERDICT_REJECT, NULL },
    { "rule a at mail { when spf == pass then log \"x\" } rule b at mail { when always then reject \"no\" }",
      VERDICT_REJECT, NULL },
};

START_TEST(unknown_is_not_permanent)
{
    static const char *const zones[] = { "example.org TIMEOUT\n", "example.org SERVFAIL\n" };
    for (size_t i = 0; i < 2; i++) {
        struct verdict verdict = judged(unknowns[_i].rules, zones[i], STAGE_RCPT);
        ck_assert_int_eq(verdict.action, unknowns[_i].action);
        if (verdict.action == VERDICT_DEFER) {
            ck_assert_uint_eq(verdict.code, 451);
            ck_assert_slice(verdict.enhanced, unknowns[_i].enhanced);
            ck_assert(slice_contains(verdict.text, "(01KAK2V7ZQ1ABCDE)"));
        }
        fixture_clear(&fixture);
    }
}
END_TEST

START_TEST(fields_are_added_in_order)
{
    struct verdict verdict = judged("rule a at mail { when always then tag \"X-One\" \"1\" }"
                                    "rule b at message { when always then tag \"X-Two\" \"{from.domain} {dmarc}\" }",
                                    ZONE, STAGE_MESSAGE);
    static const char *const names[] = { "Received", "Authentication-Results", "Received-SPF", "X-One", "X-Two" };
    ck_assert_uint_eq(verdict.added_count, 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_slice(verdict.added[i].name, names[i]);
    ck_assert_slice(verdict.added[4].text, "X-Two: example.org none\r\n");
    ck_assert(verdict.tagged);
    ck_assert(slice_contains(verdict.added[0].text, "01KAK2V7ZQ1ABCDE"));
    ck_assert(slice_contains(verdict.added[1].text, "spf=pass"));
    fixture_clear(&fixture);
    fixture_init(&fixture, "", ZONE);
    fixture.facts.add_received = false;
    fixture_message(&fixture, HEADER("ann@example.org"), "");
    verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_uint_eq(verdict.added_count, 2);
    ck_assert(!verdict.tagged);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(forged_results_are_removed)
{
    fixture_init(&fixture, "rule a at message { when always then tag \"X-Mine\" \"x\" }", ZONE);
    fixture_message(
        &fixture,
        "X-Mine: forged\r\nAuthentication-Results: mx.example.net;\r\n dkim=pass\r\nFrom: ann@example.org\r\n"
        "Authentication-Results: other.example; dkim=pass\r\n\r\n",
        "");
    struct verdict verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_uint_eq(verdict.removed_count, 2);
    ck_assert_uint_eq(verdict.removed[0].offset, 0);
    ck_assert_uint_eq(verdict.removed[0].length, 16);
    ck_assert_slice(verdict.removed[1].name, "Authentication-Results");
    fixture_clear(&fixture);
}
END_TEST

/* By any rules: below our fields they would read differently (P2). */
static const struct {
    const char *header;
    const char *text;              /* NULL: it passes */
} beginnings[] = {
    { " folded\r\nFrom: ann@example.org\r\n\r\n", "header begins with a folded line (01KAK2V7ZQ1ABCDE)" },
    { "\t\r\nFrom: ann@example.org\r\n\r\n", "header begins with a folded line (01KAK2V7ZQ1ABCDE)" },
    { "From ann Mon Nov 22\r\nFrom: ann@example.org\r\n\r\n",
      "header begins with a \"From \" line of a mailbox file (01KAK2V7ZQ1ABCDE)" },
    { ">From ann Mon Nov 22\r\n\r\n", "header begins with a \"From \" line of a mailbox file (01KAK2V7ZQ1ABCDE)" },
    { "no field\r\nFrom: ann@example.org\r\n\r\n", NULL },
    { "\r\n", NULL },
    { "From: ann@example.org\r\nFrom ann\r\n\r\n", NULL },
};

START_TEST(some_headers_cannot_be_carried)
{
    fixture_init(&fixture, "rule a at connect { when always then accept }", ZONE);
    fixture_message(&fixture, beginnings[_i].header, "");
    struct verdict verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_int_eq(verdict.action, beginnings[_i].text != NULL ? VERDICT_REJECT : VERDICT_PASS);
    if (beginnings[_i].text != NULL) {
        ck_assert_uint_eq(verdict.code, 550);
        ck_assert_slice(verdict.enhanced, "5.6.0");
        ck_assert_slice(verdict.text, beginnings[_i].text);
        ck_assert_uint_eq(verdict.added_count, 0);
    }
    fixture_clear(&fixture);
}
END_TEST

START_TEST(a_rejection_edits_nothing)
{
    struct verdict verdict = judged("rule a at message { when always then tag \"X-A\" \"x\" then reject \"no\" }", ZONE,
                                    STAGE_MESSAGE);
    ck_assert_int_eq(verdict.action, VERDICT_REJECT);
    ck_assert_uint_eq(verdict.added_count + verdict.removed_count, 0);
    ck_assert(!verdict.tagged);
    fixture_clear(&fixture);
}
END_TEST

/* Each recipient is judged on its own; of several scores the highest counts on. */
START_TEST(recipients_are_judged_apart)
{
    fixture_init(&fixture,
                 "rule a at mail { when always then score 1 }"
                 "rule b at rcpt { when recipient.local == \"trap\" then score 4 then tag \"X-T\" \"t\" }"
                 "rule c at rcpt { when recipient.local == \"bob\" then score 2 then tag \"X-T\" \"t\" }"
                 "rule d at message { when score == 5 and recipient == \"trap@example.net\" then score 10 }",
                 ZONE);
    fixture.recipients[1] = (struct facts_recipient){ SLICE("trap@example.net"), SLICE("trap"), SLICE("example.net") };
    fixture.facts.recipients_count = 2;
    fixture_message(&fixture, HEADER("ann@example.org"), "");
    struct verdict verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_int_eq(verdict.score, 15);
    ck_assert_uint_eq(verdict.added_count, 4);
    size_t runs = 0;
    for (const struct verdict_run *run = verdict.runs; run != NULL; run = run->next)
        runs++;
    ck_assert_uint_eq(runs, 4);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(logs_are_of_the_stage_asked_for)
{
    const char *rules = "rule a at connect { when always then log \"from {client.ip}\" }"
                        "rule b at mail { when always then log \"by {sender}\" }";
    struct verdict verdict = judged(rules, ZONE, STAGE_CONNECT);
    ck_assert_uint_eq(verdict.logs_count, 1);
    ck_assert_slice(verdict.logs[0], "from 192.0.2.1");
    fixture_clear(&fixture);
    verdict = judged(rules, ZONE, STAGE_MAIL);
    ck_assert_uint_eq(verdict.logs_count, 1);
    ck_assert_slice(verdict.logs[0], "by ann@example.org");
    fixture_clear(&fixture);
    verdict = judged(rules, ZONE, STAGE_MESSAGE);
    ck_assert_uint_eq(verdict.logs_count, 0);
    fixture_clear(&fixture);
}
END_TEST

/* What a client wrote cannot break the line it is put on, and the id stays whatever the length. */
START_TEST(replies_are_one_printable_line)
{
    fixture_init(&fixture, "rule a at mail { when always then reject \"{sender} {sender} {sender} {sender}\" }", ZONE);
    fixture.facts.sender_local_part = SLICE("\"a\r\n550 \xff\t\"");
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    ck_assert_slice(slice_first(verdict.text, 22), "\"a550 ??\"@example.org ");
    char longest[FACTS_PATH_MOST];
    memset(longest, 'x', sizeof longest);
    fixture.facts.sender_local_part = slice_of(longest, sizeof longest);
    verdict = fixture_judge(&fixture, STAGE_MAIL);
    ck_assert_uint_eq(verdict.text.length, VERDICT_TEXT_MOST);
    ck_assert(slice_ends_with_nocase(verdict.text, SLICE(" (01KAK2V7ZQ1ABCDE)")));
    fixture_clear(&fixture);
}
END_TEST

START_TEST(judging_is_pure)
{
    const char *rules = "rule a at message { when dmarc == fail then reject \"{dmarc.reason}\" }";
    const char *zone = ZONE "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n";
    fixture_init(&fixture, rules, zone);
    fixture_message(&fixture, HEADER("ann@example.org"), "Hello.\r\n");
    struct verdict first = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_int_eq(first.action, VERDICT_PASS);
    ck_assert_int_eq(first.findings.dmarc.result, AUTH_PASS);
    struct judge_input input = fixture_input(&fixture, STAGE_MESSAGE);
    struct verdict second;
    ck_assert(judge(&input, fixture.arena, &second));
    ck_assert_uint_eq(first.added_count, second.added_count);
    for (size_t i = 0; i < first.added_count; i++)
        ck_assert(slice_equal(first.added[i].text, second.added[i].text));
    fixture_clear(&fixture);
}
END_TEST

Suite *suite_judge(void)
{
    Suite *suite = suite_create("judge");
    TCase *tests = tcase_create("judge");
    tcase_add_test(tests, no_rules_pass);
    tcase_add_loop_test(tests, endings_bind, 0, sizeof endings / sizeof endings[0]);
    tcase_add_loop_test(tests, stages_wait_for_what_is_read, 0, sizeof waits / sizeof waits[0]);
    tcase_add_test(tests, what_was_read_is_never_pending);
    tcase_add_test(tests, xclient_waits_for_the_name);
    tcase_add_loop_test(tests, unknown_is_not_permanent, 0, sizeof unknowns / sizeof unknowns[0]);
    tcase_add_test(tests, fields_are_added_in_order);
    tcase_add_test(tests, forged_results_are_removed);
    tcase_add_test(tests, a_rejection_edits_nothing);
    tcase_add_loop_test(tests, some_headers_cannot_be_carried, 0, sizeof beginnings / sizeof beginnings[0]);
    tcase_add_test(tests, recipients_are_judged_apart);
    tcase_add_test(tests, logs_are_of_the_stage_asked_for);
    tcase_add_test(tests, replies_are_one_printable_line);
    tcase_add_test(tests, judging_is_pure);
    suite_add_tcase(suite, tests);
    return suite;
}
