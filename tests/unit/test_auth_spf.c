/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_auth_spf.c: what the public RFC 7208 suite (tests/spf_suite) does not cover: missing answers, DNS failures,
 * limits to the number, long records, loopback clients, the HELO identity, internationalized senders.
 */
#include "policy/auth_spf.h"

#include "tests/unit/auth_world.h"

static void open_spf(void)
{
    auth_spf_prepare();
    world_open();
}

static struct spf_outcome spf(void)
{
    answers_forget_questions(answers);
    return auth_spf(&facts, answers, arena, AUTH_SPF_MAIL_FROM);
}

/* One record at example.org, one client, one result. "E" in a name stands for a host without addresses. */
static const struct {
    const char *record;
    const char *client;
    enum auth_result result;
} cases[] = {
    { "v=spf1 ip4:192.0.2.0/24 -all",            "192.0.2.1",            AUTH_PASS },
    { "v=spf1 ip4:192.0.2.0/25 -all",            "192.0.2.129",          AUTH_FAIL },
    { "v=spf1 ip4:203.0.113.0/0 -all",           "192.0.2.1",            AUTH_PASS },
    { "v=spf1 ip4:203.0.113.0/0 -all",           "2001:db8::1",          AUTH_FAIL },
    { "v=spf1 ip6:2001:db8::/0 -all",            "2001:db8:9::1",        AUTH_PASS },
    { "v=spf1 ip6:2001:db8::/33 -all",           "2001:db8:8000::1",     AUTH_FAIL },
    { "v=spf1 ip6:::ffff:192.0.2.1 -all",        "::ffff:192.0.2.1",     AUTH_FAIL },
    { "v=spf1 ip4:192.0.2.1 -all",               "::ffff:192.0.2.1",     AUTH_PASS },
    { "v=spf1 a:four.example -all",              "192.0.2.1",            AUTH_PASS },
    { "v=spf1 a:four.example/30 -all",           "192.0.2.3",            AUTH_PASS },
    { "v=spf1 a:four.example/0 -all",            "203.0.113.9",          AUTH_PASS },
    { "v=spf1 a:void.example/0 -all",            "203.0.113.9",          AUTH_FAIL },
    { "v=spf1 a:six.example//64 -all",           "2001:db8::2",          AUTH_PASS },
    { "v=spf1 a:six.example -all",               "2001:db8::2",          AUTH_FAIL },
    { "v=spf1 ~all",                             "127.0.0.1",            AUTH_SOFTFAIL },
    { "v=spf1 -all",                             "::1",                  AUTH_FAIL },
    { "v=spf1 ?all",                             "192.0.2.1",            AUTH_NEUTRAL },
    { "v=spf1",                                  "192.0.2.1",            AUTH_NEUTRAL },
    { "v=spf1 all a:missing.example",            "192.0.2.1",            AUTH_PASS },
    { "v=spf1 a:failed.example -all",            "192.0.2.1",            AUTH_TEMPERROR },
    { "v=spf1 include:failed.example -all",      "192.0.2.1",            AUTH_TEMPERROR },
    { "v=spf1 redirect=failed.example",          "192.0.2.1",            AUTH_TEMPERROR },
    { "v=spf1 exists:failed.example -all",       "192.0.2.1",            AUTH_TEMPERROR },
    { "v=spf1 include:void.example -all",        "192.0.2.1",            AUTH_PERMERROR },
    /* RFC 7208 5.5 passes over the failure; a fail may not come of it (P5), a pass may. */
    { "v=spf1 ptr -all",                         "192.0.2.77",           AUTH_TEMPERROR },
    { "v=spf1 ptr +all",                         "192.0.2.77",           AUTH_PASS },
    { "v=spf1 exists:%{p}.void.example -all",    "192.0.2.77",           AUTH_TEMPERROR },
    { "v=spf1 moo",                              "192.0.2.1",            AUTH_PERMERROR },
};

START_TEST(test_cases)
{
    world_address(cases[_i].client);
    world_text("example.org", cases[_i].record);
    world_host("four.example", "192.0.2.1");
    world_host("six.example", "2001:db8::1");
    world_nothing(QUESTION_A, "void.example");
    world_nothing(QUESTION_AAAA, "void.example");
    world_nothing(QUESTION_TXT, "void.example");
    world_nothing(QUESTION_A, "unknown.void.example");
    world_failure(QUESTION_A, "failed.example");
    world_failure(QUESTION_TXT, "failed.example");
    world_failure(QUESTION_PTR, "77.2.0.192.in-addr.arpa");
    assert_result(spf().result, cases[_i].result, cases[_i].record);
    ck_assert_uint_eq(answers_missing_count(answers), 0);
}
END_TEST

/* Missing answers: what is needed now is missing, what can be foreseen is wanted. */
START_TEST(test_pending)
{
    assert_result(spf().result, AUTH_PENDING, "first");
    ck_assert(world_misses(QUESTION_TXT, "example.org"));
    world_text("example.org", "v=spf1 a:a.example mx:b.example include:c.example -all");
    assert_result(spf().result, AUTH_PENDING, "second");
    ck_assert(world_misses(QUESTION_A, "a.example"));
    ck_assert_uint_eq(answers_missing_count(answers), 1);
    ck_assert_uint_ge(answers_wanted_count(answers), 2);
    world_nothing(QUESTION_A, "a.example");
    world_nothing(QUESTION_MX, "b.example");
    world_text("c.example", "v=spf1 ip4:192.0.2.1 -all");
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, AUTH_PASS, "third");
    ck_assert_uint_eq(outcome.lookups, 3);
    ck_assert_uint_eq(outcome.void_lookups, 2);
    assert_slice(outcome.domain, "example.org");
}
END_TEST

/* RFC 7208 4.6.4: ten terms are allowed, and more addresses than libspf2 can hold. */
static void long_record(size_t asking, size_t addresses)
{
    struct slice text = SLICE("v=spf1");
    for (size_t i = 0; i < addresses; i++)
        text = arena_printf(arena, "%.*s ip4:198.51.100.%zu", SLICE_ARG(text), i % 250);
    for (size_t i = 0; i < asking; i++)
        text = arena_printf(arena, "%.*s a:four.example/24", SLICE_ARG(text));
    text = arena_printf(arena, "%.*s ip4:203.0.113.7 -all", SLICE_ARG(text));
    world_host("four.example", "192.0.2.1");
    world_text("example.org", text.text);
}

static const struct {
    size_t asking;
    size_t addresses;
    const char *client;
    enum auth_result result;
} long_records[] = {
    { 10, 0,   "203.0.113.7",    AUTH_PASS },
    { 11, 0,   "203.0.113.7",    AUTH_PERMERROR },
    { 11, 0,   "192.0.2.9",      AUTH_PASS },
    { 10, 200, "203.0.113.7",    AUTH_PASS },
    { 10, 200, "203.0.113.8",    AUTH_FAIL },
    { 10, 200, "198.51.100.199", AUTH_PASS },
    { 0,  900, "198.51.100.3",   AUTH_PASS },
};

START_TEST(test_long_records)
{
    world_address(long_records[_i].client);
    long_record(long_records[_i].asking, long_records[_i].addresses);
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, long_records[_i].result, "long record");
}
END_TEST

/* The longest compiled record: libspf2 would drop in silence what does not fit. */
START_TEST(test_fullest_record)
{
    struct slice text = SLICE("v=spf1");
    world_address("2001:db8::1");
    for (size_t i = 0; i < 12; i++)
        text = arena_printf(arena, "%.*s ip6:2001:db8:ffff::%zu", SLICE_ARG(text), i);
    for (size_t i = 0; i < 10; i++)
        text = arena_printf(arena, "%.*s a:six.example//127", SLICE_ARG(text));
    text = arena_printf(arena, "%.*s ip6:2001:db8::1 -all", SLICE_ARG(text));
    world_host("six.example", "2001:db8:1::");
    world_text("example.org", text.text);
    assert_result(spf().result, AUTH_PASS, "the last address");
    world_address("2001:db8::2");
    assert_result(spf().result, AUTH_FAIL, "-all");
}
END_TEST

START_TEST(test_mx_limit)
{
    const char *names[] = { "a.example", "b.example", "c.example", "d.example", "e.example", "f.example",
                            "g.example", "h.example", "i.example", "j.example", "k.example" };
    world_text("example.org", "v=spf1 mx -all");
    world_names(QUESTION_MX, "example.org", names, 11);
    assert_result(spf().result, AUTH_PERMERROR, "eleven hosts");
}
END_TEST

/* A null MX (RFC 7505) has no host to look up. */
START_TEST(test_null_mx)
{
    const char *names[] = { "." };
    world_text("example.org", "v=spf1 mx -all");
    world_names(QUESTION_MX, "example.org", names, 1);
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, AUTH_FAIL, "null MX");
    ck_assert_uint_eq(outcome.void_lookups, 0);
}
END_TEST

START_TEST(test_identities)
{
    world_text("client.example.org", "v=spf1 ip4:192.0.2.1 -all");
    struct spf_outcome outcome = auth_spf(&facts, answers, arena, AUTH_SPF_HELO);
    assert_result(outcome.result, AUTH_PASS, "HELO");
    assert_slice(outcome.domain, "client.example.org");
    facts.sender = SLICE("");
    facts.sender_local_part = facts.sender_domain = SLICE_NONE;
    outcome = spf();
    assert_result(outcome.result, AUTH_PASS, "null sender");
    assert_slice(outcome.domain, "client.example.org");
    facts.helo = SLICE("[192.0.2.1]");
    assert_result(auth_spf(&facts, answers, arena, AUTH_SPF_HELO).result, AUTH_NONE, "address literal");
}
END_TEST

/* RFC 8616 4: U-labels are looked up as A-labels; %{l} of a local part that is not ASCII matches nothing. */
START_TEST(test_international)
{
    world_sender("\xc3\xa4nn@b\xc3\xbc""cher.example");
    world_text("xn--bcher-kva.example", "v=spf1 exists:%{l}.void.example ip4:192.0.2.1 -all");
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, AUTH_PASS, "U-label");
    assert_slice(outcome.domain, "xn--bcher-kva.example");
    ck_assert_uint_eq(outcome.void_lookups, 0);
}
END_TEST

/* RFC 8616 4: the same holds for %{h}. */
START_TEST(test_international_helo)
{
    facts.helo = SLICE("b\xc3\xbc""cher.example");
    world_text("example.org", "v=spf1 exists:%{h}.spf.example.org -all");
    world_host("xn--bcher-kva.example.spf.example.org", "127.0.0.2");
    assert_result(spf().result, AUTH_PASS, "U-label in HELO");
}
END_TEST

/* RFC 7208 5.6 compares high-order bits: what a record writes behind its prefix means nothing, in a long record too. */
START_TEST(test_host_bits)
{
    struct slice text = SLICE("v=spf1");
    for (size_t i = 0; i < 8; i++)
        text = arena_printf(arena, "%.*s ip4:198.51.100.%zu", SLICE_ARG(text), i);
    text = arena_printf(arena, "%.*s ip4:192.0.2.77/25 -all", SLICE_ARG(text));
    world_text("example.org", text.text);
    assert_result(spf().result, AUTH_PASS, "within the network");
    world_address("192.0.2.129");
    assert_result(spf().result, AUTH_FAIL, "beyond it");
}
END_TEST

/* RFC 7208 7.3: however long the expansion, its last 253 characters of whole labels are the name. */
START_TEST(test_long_name)
{
    struct slice text = SLICE("v=spf1 exists:"), name = SLICE("example.org");
    world_sender("a.strong-bad-of-more-than-fifty-characters-and-some-more@example.org");
    for (size_t i = 0; i < 200; i++)
        text = arena_printf(arena, "%.*s%%{l}.", SLICE_ARG(text));
    const char *local = "a.strong-bad-of-more-than-fifty-characters-and-some-more.";
    while (name.length + strlen(local) <= 253)
        name = arena_printf(arena, "%s%.*s", local, SLICE_ARG(name));
    if (name.length + strlen(local) - 2 <= 253)
        name = arena_printf(arena, "%s%.*s", local + 2, SLICE_ARG(name));
    world_text("example.org", arena_printf(arena, "%.*s%%{d} -all", SLICE_ARG(text)).text);
    world_host(name.text, "127.0.0.2");
    assert_result(spf().result, AUTH_PASS, "a name cut on the left");
}
END_TEST

/* The order of an answer means nothing: hosts are looked at by preference, then name, until one matches. */
START_TEST(test_mx_order)
{
    const char *orders[][4] = { { "v.example", "w.example", "x.example", "a.example" },
                                { "a.example", "x.example", "w.example", "v.example" } };
    world_text("example.org", "v=spf1 mx -all");
    world_names(QUESTION_MX, "example.org", orders[_i], 4);
    world_host("a.example", "192.0.2.1");
    world_nothing(QUESTION_A, "v.example");
    world_nothing(QUESTION_A, "w.example");
    world_nothing(QUESTION_A, "x.example");
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, AUTH_PASS, "the first host by name matches");
    ck_assert_uint_eq(outcome.void_lookups, 0);
}
END_TEST

/* Of more than ten names the first ten by name are looked at, in whatever order they come. */
START_TEST(test_ptr_order)
{
    const char *names[11];
    for (size_t i = 0; i < 11; i++)
        names[i] = arena_printf(arena, "%c.example.org", (int)('a' + (_i == 0 ? i : 10 - i))).text;
    world_text("example.org", "v=spf1 ptr -all");
    world_names(QUESTION_PTR, "1.2.0.192.in-addr.arpa", names, 11);
    for (size_t i = 0; i < 11; i++)
        world_host(names[i], names[i][0] == 'k' ? "192.0.2.1" : "192.0.2.2");
    assert_result(spf().result, AUTH_FAIL, "the eleventh name by name is not looked at");
}
END_TEST

/* What is behind an address that matches is not asked (RFC 7208 11.1). */
START_TEST(test_no_vain_questions)
{
    world_text("example.org", "v=spf1 a:a.example ip4:192.0.2.0/24 a:b.example -all");
    assert_result(spf().result, AUTH_PENDING, "a");
    ck_assert(world_misses(QUESTION_A, "a.example"));
    for (size_t i = 0; i < answers_wanted_count(answers); i++)
        ck_assert(!slice_equal(answers_wanted(answers, i)->name, SLICE("b.example")));
}
END_TEST

/* RFC 7208 6.2: an explanation is US-ASCII, or there is none. */
START_TEST(test_explanation_ascii)
{
    world_sender("\xc3\xa4nn@example.org");
    world_text("example.org", "v=spf1 exp=why.example.org -all");
    world_text("why.example.org", "%{l} is not ours");
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, AUTH_FAIL, "fail");
    assert_slice(outcome.explanation, "");
}
END_TEST

/* RFC 7208 6.2; and a fail waits for its explanation. */
START_TEST(test_explanation)
{
    world_text("example.org", "v=spf1 exp=why.example.org -all");
    assert_result(spf().result, AUTH_PENDING, "explanation missing");
    ck_assert(world_misses(QUESTION_TXT, "why.example.org"));
    world_text("why.example.org", "%{i} is not ours: %%n%%s%%n");
    struct spf_outcome outcome = spf();
    assert_result(outcome.result, AUTH_FAIL, "explained");
    assert_slice(outcome.explanation, "192.0.2.1 is not ours: %n%s%n");
}
END_TEST

Suite *suite_auth_spf(void);
Suite *suite_auth_spf(void)
{
    Suite *suite = suite_create("auth_spf");
    TCase *tests = tcase_create("check");
    tcase_add_checked_fixture(tests, open_spf, world_close);
    tcase_add_loop_test(tests, test_cases, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_loop_test(tests, test_long_records, 0, sizeof(long_records) / sizeof(long_records[0]));
    tcase_add_test(tests, test_pending);
    tcase_add_test(tests, test_fullest_record);
    tcase_add_test(tests, test_mx_limit);
    tcase_add_test(tests, test_null_mx);
    tcase_add_test(tests, test_identities);
    tcase_add_test(tests, test_international);
    tcase_add_test(tests, test_explanation);
    tcase_add_test(tests, test_explanation_ascii);
    tcase_add_test(tests, test_international_helo);
    tcase_add_test(tests, test_host_bits);
    tcase_add_test(tests, test_long_name);
    tcase_add_test(tests, test_no_vain_questions);
    tcase_add_loop_test(tests, test_mx_order, 0, 2);
    tcase_add_loop_test(tests, test_ptr_order, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
