/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fields_client.c: facts of a client as rules read them: each step from the address to the name and back, the host
 * that HELO names, who spoke first and for whom, TLS at the stage where it is known, hops; each with the questions that
 * it takes and no more.
 */
#include "tests/unit/judge_fixtures.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define REVERSE "1.2.0.192.in-addr.arpa PTR "

static struct fixture fixture;

static void setup(void)
{
    fixture_prepare();
}

/* The value that a rule at this stage saw, as it stands in the trace. */
static struct slice seen_at(const struct verdict *verdict, enum stage stage)
{
    for (const struct verdict_run *run = verdict->runs; run != NULL; run = run->next)
        if (run->stage == stage)
            return run->trace->values->value;
    ck_abort_msg("no run of that stage");
}

static void check_seen(const struct verdict *verdict, enum stage stage, const char *expected)
{
    struct slice seen = seen_at(verdict, stage);

    ck_assert_msg(slice_equal(seen, slice_of_string(expected)), "\"%.*s\", not \"%s\"", SLICE_ARG(seen), expected);
}

/* A rule that reads one fact. */
static void begin(const char *fact, const char *stage, const char *zone)
{
    char rules[200];

    snprintf(rules, sizeof(rules), "rule a at %s { when %s is absent then log \"x\" }", stage, fact);
    fixture_init(&fixture, rules, zone);
}

/* What the DNS has, and what each step of the way there and back then is. */
static const struct {
    const char *zone;
    const char *result;
    const char *ptr;
    const char *names;
    const char *count;
    const char *confirmed;
    const char *mismatched;
    const char *unresolved;
} steps[] = {
    { "", "permerror", "none", "absent", "0", "absent", "absent", "absent" },
    { REVERSE "b.example\nb.example A 192.0.2.1\n", "pass", "found", "b.example", "1", "b.example", "absent",
      "absent" },
    { REVERSE "b.example\nb.example A 192.0.2.2\n", "fail", "found", "b.example", "1", "absent", "b.example",
      "absent" },
    { REVERSE "b.example\n", "fail", "found", "b.example", "1", "absent", "absent", "b.example" },
    { REVERSE "b.example\nb.example AAAA 2001:db8::1\n", "fail", "found", "b.example", "1", "absent", "absent",
      "b.example" },
    { REVERSE "d.example\n" REVERSE "b.example\n" REVERSE "c.example\nb.example A 192.0.2.2\nc.example A 192.0.2.1\n",
      "pass", "found", "b.example, c.example, d.example", "3", "c.example", "b.example", "d.example" },
    { "1.2.0.192.in-addr.arpa TIMEOUT PTR\n", "temperror", "temperror", "unknown", "unknown", "unknown", "unknown",
      "unknown" },
    { REVERSE "b.example\nb.example TIMEOUT A\n", "temperror", "found", "b.example", "1", "unknown", "unknown",
      "unknown" },
    { REVERSE "b.example\n" REVERSE "c.example\nb.example SERVFAIL A\nc.example A 192.0.2.1\n", "pass", "found",
      "b.example, c.example", "2", "c.example", "unknown", "unknown" },
};

static void check_fact(const char *fact, const char *stage_name, enum stage stage, const char *zone,
                       const char *expected)
{
    struct verdict verdict;

    begin(fact, stage_name, zone);
    verdict = fixture_judge(&fixture, stage);
    check_seen(&verdict, stage, expected);
    fixture_clear(&fixture);
}

START_TEST(each_step_to_the_name)
{
    check_fact("iprev.result", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].result);
    check_fact("iprev.ptr", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].ptr);
    check_fact("iprev.names", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].names);
    check_fact("iprev.count", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].count);
    check_fact("iprev.confirmed", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].confirmed);
    check_fact("iprev.mismatched", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].mismatched);
    check_fact("iprev.unresolved", "connect", STAGE_CONNECT, steps[_i].zone, steps[_i].unresolved);
}
END_TEST

/* XCLIENT's NAME and REVERSE_NAME: nothing is looked up, and the DNS, which says otherwise, is not asked. */
static const struct {
    struct facts_told_name told;
    const char *result;
    const char *ptr;
    const char *names;
    const char *confirmed;
    const char *mismatched;
    const char *name;
    const char *reverse_name;
} told[] = {
    { { FACTS_TOLD_NAME, { "t.example", 9 }, SLICE_NONE }, "pass", "found", "t.example", "t.example", "absent",
      "t.example", "t.example" },
    { { FACTS_TOLD_NAME, { "t.example", 9 }, { "r.example", 9 } }, "pass", "found", "t.example", "t.example", "absent",
      "t.example", "r.example" },
    { { FACTS_TOLD_NO_NAME, SLICE_NONE, { "r.example", 9 } }, "fail", "found", "r.example", "absent", "r.example",
      "absent", "r.example" },
    { { FACTS_TOLD_NO_NAME, SLICE_NONE, SLICE_NONE }, "permerror", "none", "absent", "absent", "absent", "absent",
      "absent" },
    { { FACTS_TOLD_TEMPORARY, SLICE_NONE, SLICE_NONE }, "temperror", "temperror", "unknown", "unknown", "unknown",
      "unknown", "unknown" },
};

START_TEST(told_names_are_not_looked_up)
{
    const char *const facts[] = { "iprev.result", "iprev.ptr", "iprev.names", "iprev.confirmed", "iprev.mismatched",
                                  "client.name", "client.reverse-name" };
    const char *const expected[] = { told[_i].result, told[_i].ptr, told[_i].names, told[_i].confirmed,
                                     told[_i].mismatched, told[_i].name, told[_i].reverse_name };

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        begin(facts[i], "connect", REVERSE "b.example\nb.example A 192.0.2.1\n");
        fixture.facts.told = told[_i].told;
        struct verdict verdict = fixture_judge(&fixture, STAGE_CONNECT);
        check_seen(&verdict, STAGE_CONNECT, expected[i]);
        ck_assert_uint_eq(fixture.asked, 0);
        fixture_clear(&fixture);
    }
}
END_TEST

/* The client is 192.0.2.1 and came to 198.51.100.25, mx.example.net. */
static const struct {
    const char *helo;
    const char *zone;
    const char *ours;
    const char *resolves;
    const char *matches;
    unsigned asked;                /* by helo.resolves */
} hosts[] = {
    { "client.example", "client.example A 192.0.2.1\n", "no", "yes", "yes", 2 },
    { "client.example.", "client.example A 192.0.2.1\n", "no", "yes", "yes", 2 },
    { "client.example", "client.example A 192.0.2.2\n", "no", "yes", "no", 2 },
    { "client.example", "client.example AAAA 2001:db8::1\n", "no", "yes", "no", 2 },
    { "client.example", "", "no", "no", "no", 2 },
    { "client.example", "client.example TIMEOUT A\n", "no", "unknown", "unknown", 2 },
    { "client.example", "client.example TIMEOUT A\nclient.example AAAA 2001:db8::1\n", "no", "yes", "unknown", 2 },
    { "client.example", "client.example A 192.0.2.1\nclient.example SERVFAIL AAAA\n", "no", "yes", "yes", 2 },
    { "MY_PC", "", "no", "no", "no", 2 },
    { "what is this?", "", "no", "no", "no", 0 },
    { "MX.example.NET", "", "yes", "no", "no", 2 },
    { "mx.example.net.", "", "yes", "no", "no", 2 },
    { "[198.51.100.25]", "", "yes", "absent", "no", 0 },
    { "198.51.100.25", "", "yes", "absent", "no", 0 },
    { "[192.0.2.1]", "", "no", "absent", "yes", 0 },
    { "[192.0.2.2]", "", "no", "absent", "no", 0 },
    { "[IPv6:2001:db8::1]", "", "no", "absent", "no", 0 },
    { "[2001:db8::1]", "", "no", "absent", "no", 0 },
};

START_TEST(helo_hosts)
{
    const char *const facts[] = { "helo.ours", "helo.resolves", "helo.matches" };
    const char *const expected[] = { hosts[_i].ours, hosts[_i].resolves, hosts[_i].matches };

    for (size_t i = 0; i < 3; i++) {
        begin(facts[i], "helo", hosts[_i].zone);
        fixture.facts.helo = slice_of_string(hosts[_i].helo);
        struct verdict verdict = fixture_judge(&fixture, STAGE_HELO);
        check_seen(&verdict, STAGE_HELO, expected[i]);
        ck_assert_uint_eq(fixture.asked, i == 0 ? 0 : hosts[_i].asked);
        fixture_clear(&fixture);
    }
}
END_TEST

/* An IPv6 client, whose address must be among the AAAA records. */
START_TEST(helo_hosts_of_ipv6)
{
    begin("helo.matches", "helo", "client.example A 192.0.2.1\nclient.example AAAA 2001:db8::1\n");
    ck_assert(address_parse(SLICE("2001:db8::1"), &fixture.facts.client_address));
    struct verdict verdict = fixture_judge(&fixture, STAGE_HELO);
    check_seen(&verdict, STAGE_HELO, "yes");
    fixture_clear(&fixture);
    begin("helo.matches", "helo", "");
    ck_assert(address_parse(SLICE("2001:db8::1"), &fixture.facts.client_address));
    fixture.facts.helo = SLICE("[2001:DB8::1]");
    verdict = fixture_judge(&fixture, STAGE_HELO);
    check_seen(&verdict, STAGE_HELO, "yes");
    fixture_clear(&fixture);
}
END_TEST

START_TEST(who_spoke_and_for_whom)
{
    check_fact("client.early", "connect", STAGE_CONNECT, "", "no");
    check_fact("client.via", "connect", STAGE_CONNECT, "", "absent");
    begin("client.early", "connect", "");
    fixture.facts.early = true;
    struct verdict verdict = fixture_judge(&fixture, STAGE_CONNECT);
    check_seen(&verdict, STAGE_CONNECT, "yes");
    fixture_clear(&fixture);
    begin("client.via", "connect", "");
    ck_assert(address_parse(SLICE("198.18.0.9"), &fixture.facts.via));
    verdict = fixture_judge(&fixture, STAGE_CONNECT);
    check_seen(&verdict, STAGE_CONNECT, "198.18.0.9");
    fixture_clear(&fixture);
}
END_TEST

/* Rules of connect run again with every later stage: they must see what they saw, and STARTTLS came after them. */
static const struct {
    bool tls;
    bool implicit;
    const char *at_connect;
    const char *at_helo;
} encrypted[] = {
    { false, false, "absent", "absent" },
    { true, false, "absent", "TLSv1.3" },
    { true, true, "TLSv1.3", "TLSv1.3" },
};

START_TEST(tls_at_connect)
{
    fixture_init(&fixture, "rule a at connect { when tls.version is absent then log \"x\" }"
                           "rule b at helo { when tls.version is absent then log \"x\" }", "");
    fixture.facts.tls = encrypted[_i].tls;
    fixture.facts.tls_implicit = encrypted[_i].implicit;
    fixture.facts.tls_version = encrypted[_i].tls ? SLICE("TLSv1.3") : SLICE_NONE;
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    check_seen(&verdict, STAGE_CONNECT, encrypted[_i].at_connect);
    check_seen(&verdict, STAGE_HELO, encrypted[_i].at_helo);
    fixture_clear(&fixture);
    begin("tls.implicit", "helo", "");
    fixture.facts.tls = encrypted[_i].tls;
    fixture.facts.tls_implicit = encrypted[_i].implicit;
    verdict = fixture_judge(&fixture, STAGE_HELO);
    check_seen(&verdict, STAGE_HELO, encrypted[_i].implicit ? "yes" : "no");
    fixture_clear(&fixture);
}
END_TEST

START_TEST(requiretls)
{
    check_fact("sender.requiretls", "mail", STAGE_MAIL, "", "no");
    begin("sender.requiretls", "mail", "");
    fixture.facts.requiretls = true;
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    check_seen(&verdict, STAGE_MAIL, "yes");
    fixture_clear(&fixture);
}
END_TEST

/* RFC 5321 6.3, RFC 3463 3.5 (X.4.6). The limit holds whatever the rules say. */
static const struct {
    unsigned fields;
    unsigned most;
    enum verdict_action action;
} hops[] = {
    { 0, 2, VERDICT_PASS }, { 2, 2, VERDICT_PASS }, { 3, 2, VERDICT_REJECT }, { 3, 0, VERDICT_PASS },
};

START_TEST(loops)
{
    static const char header[] = "Received: from a by b; now\r\nRECEIVED : from\r\n b\r\nReceived: c\r\n"
                                 "X-Received: no\r\nFrom: ann@example.org\r\n\r\n";
    static const size_t starts[] = { 62, 49, 28, 0 };
    char expected[20];

    fixture_init(&fixture, "rule a at connect { when client.port == 1 then accept }"
                           "rule b at message { when message.hops >= 0 then log \"{message.hops}\" }", "");
    fixture.facts.hops_most = hops[_i].most;
    fixture_message(&fixture, header + starts[hops[_i].fields], "Hello.\r\n");
    ck_assert_uint_eq(fixture.evidence->received_count, hops[_i].fields);
    struct verdict verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_int_eq(verdict.action, hops[_i].action);
    if (hops[_i].action == VERDICT_PASS) {
        snprintf(expected, sizeof(expected), "%u", hops[_i].fields);
        check_seen(&verdict, STAGE_MESSAGE, expected);
    } else {
        ck_assert_uint_eq(verdict.code, 554);
        ck_assert(slice_equal(verdict.enhanced, SLICE("5.4.6")));
        ck_assert(slice_starts_with(verdict.text, SLICE("mail loop: 3 Received fields")));
        ck_assert_uint_eq(verdict.added_count, 0);
    }
    fixture_clear(&fixture);
}
END_TEST

START_TEST(loops_of_exempt_mail)
{
    fixture_init(&fixture, "rule a at connect { when always then accept }", "");
    fixture.facts.hops_most = 1;
    fixture_message(&fixture, "Received: a\r\nReceived: b\r\nFrom: ann@example.org\r\n\r\n", "");
    ck_assert_int_eq(fixture_judge(&fixture, STAGE_MESSAGE).action, VERDICT_REJECT);
    fixture_clear(&fixture);
}
END_TEST

Suite *suite_fields_client(void);
Suite *suite_fields_client(void)
{
    Suite *suite = suite_create("fields_client");
    TCase *tests = tcase_create("fields_client");

    tcase_add_unchecked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, each_step_to_the_name, 0, ROWS(steps));
    tcase_add_loop_test(tests, told_names_are_not_looked_up, 0, ROWS(told));
    tcase_add_loop_test(tests, helo_hosts, 0, ROWS(hosts));
    tcase_add_test(tests, helo_hosts_of_ipv6);
    tcase_add_test(tests, who_spoke_and_for_whom);
    tcase_add_loop_test(tests, tls_at_connect, 0, ROWS(encrypted));
    tcase_add_test(tests, requiretls);
    tcase_add_loop_test(tests, loops, 0, ROWS(hops));
    tcase_add_test(tests, loops_of_exempt_mail);
    suite_add_tcase(suite, tests);
    return suite;
}
