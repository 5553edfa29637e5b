/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_zone.c: fixture zones: what every kind of line means, what is refused and where, and that names exist as RFC
 * 8020 says.
 */
#include <stdlib.h>

#include <check.h>

#include "proxy/zone.h"

static struct arena *arena;
static struct diagnostics diagnostics;
static struct source source;

static void setup(void)
{
    arena = arena_new();
    diagnostics_init(&diagnostics, arena);
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct zone *parse(const char *text)
{
    source = (struct source){ .name = "zones.db", .text = slice_of_string(text) };
    return zone_parse(&source, arena, &diagnostics);
}

static struct zone *parse_well(const char *text)
{
    struct zone *zone = parse(text);
    struct slice said = diagnostics_text(&diagnostics, arena);

    ck_assert_msg(zone != NULL, "%.*s", SLICE_ARG(said));
    return zone;
}

static struct zone_reply find(const struct zone *zone, enum question_type type, const char *name)
{
    return zone_find(zone, &(struct question){ type, slice_of_string(name) });
}

static const char sample[] =
    "; a zone\n"
    "# and a comment of the other kind\n"
    "example.org.          MX     10 Mail.Example.org   ; with a dot\n"
    "                 TXT  \"v=spf1 ip4:192.0.2.1 \" \"-all\"\r\n"
    "\tTXT \"a\\\"b\\\\c;d#e\\000\\255\"\n"
    "\n"
    "mail.EXAMPLE.org 300 IN A   192.0.2.1\n"
    "                 IN 300 AAAA 2001:db8::1\n"
    "                 A 192.0.2.2\n"
    "1.2.0.192.in-addr.arpa ptr mail.example.org\n"
    "null.example     MX 0 .\n"
    "www.example.org  CNAME mail.example.org\n"
    "alias.example    CNAME www.example.org\n"
    "gone.example     CNAME nothing.example\n"
    "loop.example     CNAME pool.example\n"
    "pool.example     CNAME loop.example\n"
    "a.deep.name.example  A 192.0.2.9\n"
    "broken.example   SERVFAIL\n"
    "to-broken.example CNAME broken.example\n"
    "quiet.example    TIMEOUT\n"
    "half.example     TIMEOUT TXT\n"
    "                 SERVFAIL MX\n"
    "                 A 192.0.2.3\n"
    "slow.example     DELAY 1500ms\n"
    "                 A 192.0.2.4\n"
    "to-slow.example  CNAME slow.example\n"
    "a\\.b\\032c.example TXT \"escaped\"\n"
    "last.example     TXT \"\"";

START_TEST(statuses)
{
    static const struct {
        enum question_type type;
        const char *name;
        enum answer_status status;
        uint32_t count;
    } cases[] = {
        { QUESTION_MX, "example.org", ANSWER_RECORDS, 1 },
        { QUESTION_TXT, "example.org", ANSWER_RECORDS, 2 },
        { QUESTION_A, "example.org", ANSWER_NO_DATA, 0 },
        { QUESTION_A, "mail.example.org", ANSWER_RECORDS, 2 },
        { QUESTION_AAAA, "mail.example.org", ANSWER_RECORDS, 1 },
        { QUESTION_A, "www.example.org", ANSWER_RECORDS, 2 },
        { QUESTION_A, "alias.example", ANSWER_RECORDS, 2 },
        { QUESTION_MX, "alias.example", ANSWER_NO_DATA, 0 },
        { QUESTION_A, "gone.example", ANSWER_NO_NAME, 0 },
        { QUESTION_A, "loop.example", ANSWER_FAILED, 0 },
        { QUESTION_PTR, "1.2.0.192.in-addr.arpa", ANSWER_RECORDS, 1 },
        /* Empty non-terminals exist, the root as well; nothing else does. */
        { QUESTION_PTR, "2.0.192.in-addr.arpa", ANSWER_NO_DATA, 0 },
        { QUESTION_A, "deep.name.example", ANSWER_NO_DATA, 0 },
        { QUESTION_A, "name.example", ANSWER_NO_DATA, 0 },
        { QUESTION_A, "example", ANSWER_NO_DATA, 0 },
        { QUESTION_A, ".", ANSWER_NO_DATA, 0 },
        { QUESTION_A, "b.deep.name.example", ANSWER_NO_NAME, 0 },
        { QUESTION_A, "below.a.deep.name.example", ANSWER_NO_NAME, 0 },
        { QUESTION_A, "test", ANSWER_NO_NAME, 0 },
        { QUESTION_A, "broken.example", ANSWER_FAILED, 0 },
        { QUESTION_TXT, "broken.example", ANSWER_FAILED, 0 },
        { QUESTION_TXT, "to-broken.example", ANSWER_FAILED, 0 },
        { QUESTION_MX, "half.example", ANSWER_FAILED, 0 },
        { QUESTION_A, "half.example", ANSWER_RECORDS, 1 },
        { QUESTION_AAAA, "half.example", ANSWER_NO_DATA, 0 },
        { QUESTION_TXT, "a\\046b\\032c.example", ANSWER_RECORDS, 1 },
        { QUESTION_TXT, "b\\032c.example", ANSWER_NO_NAME, 0 },
        { QUESTION_TXT, "last.example", ANSWER_RECORDS, 1 },
    };
    struct zone *zone = parse_well(sample);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct zone_reply reply = find(zone, cases[i].type, cases[i].name);

        ck_assert_msg(reply.answer.status == cases[i].status && !reply.silent, "%s: %s", cases[i].name,
                      answer_status_name(reply.answer.status));
        ck_assert_uint_eq(reply.answer.count, cases[i].count);
    }
}
END_TEST

START_TEST(contents)
{
    struct zone *zone = parse_well(sample);
    struct zone_reply reply = find(zone, QUESTION_TXT, "example.org");

    ck_assert(slice_equal(reply.answer.records[0].data, SLICE("v=spf1 ip4:192.0.2.1 -all")));
    ck_assert(slice_equal(reply.answer.records[1].data, SLICE("a\"b\\c;d#e\0\xff")));
    reply = find(zone, QUESTION_MX, "example.org");
    ck_assert_uint_eq(reply.answer.records[0].preference, 10);
    ck_assert(slice_equal(reply.answer.records[0].data, SLICE("mail.example.org")));
    reply = find(zone, QUESTION_MX, "null.example");
    ck_assert(slice_equal(reply.answer.records[0].data, SLICE(".")));
    reply = find(zone, QUESTION_AAAA, "mail.example.org");
    ck_assert(slice_equal(reply.answer.records[0].data, SLICE("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1")));
    reply = find(zone, QUESTION_PTR, "1.2.0.192.in-addr.arpa");
    ck_assert(slice_equal(reply.answer.records[0].data, SLICE("mail.example.org")));
    /* The question stays the one that was asked, CNAME or not. */
    reply = find(zone, QUESTION_A, "alias.example");
    ck_assert(slice_equal(reply.answer.question.name, SLICE("alias.example")));
}
END_TEST

START_TEST(silence_and_delay)
{
    struct zone *zone = parse_well(sample);

    ck_assert(find(zone, QUESTION_A, "quiet.example").silent);
    ck_assert(find(zone, QUESTION_TXT, "half.example").silent);
    ck_assert(!find(zone, QUESTION_A, "half.example").silent);
    ck_assert_uint_eq(find(zone, QUESTION_A, "slow.example").delay_milliseconds, 1500);
    ck_assert_uint_eq(find(zone, QUESTION_TXT, "slow.example").delay_milliseconds, 1500);
    ck_assert_uint_eq(find(zone, QUESTION_A, "to-slow.example").delay_milliseconds, 1500);
    ck_assert_uint_eq(find(zone, QUESTION_A, "example.org").delay_milliseconds, 0);

    zone = parse_well("$DELAY 1s\na.example A 192.0.2.1\nb.example DELAY 2m\nc.example DELAY 5ms\n");
    ck_assert_uint_eq(find(zone, QUESTION_A, "a.example").delay_milliseconds, 1000);
    ck_assert_uint_eq(find(zone, QUESTION_A, "none.example").delay_milliseconds, 1000);
    ck_assert_uint_eq(find(zone, QUESTION_A, "b.example").delay_milliseconds, 120000);
    ck_assert_uint_eq(find(zone, QUESTION_A, "c.example").delay_milliseconds, 1000);
}
END_TEST

START_TEST(errors)
{
    static const struct {
        const char *text;
        size_t column;
        const char *problem;
    } cases[] = {
        { "a..b A 192.0.2.1", 1, "not a domain name (labels have 1 to 63 bytes, names up to 253)" },
        { "\"a\" A 192.0.2.1", 1, "not a domain name (labels have 1 to 63 bytes, names up to 253)" },
        { "a.example", 10, "a type is missing, such as TXT" },
        { "a.example 300 IN ; nothing", 18, "a type is missing, such as TXT" },
        { "a.example TXX \"a\"", 11, "unknown type \"TXX\"; did you mean \"TXT\"?" },
        { "a.example HINFO x", 11, "not a type: A, AAAA, CNAME, MX, PTR, TXT, SERVFAIL, TIMEOUT or DELAY" },
        { "a.example 300 400 500", 19, "not a type: A, AAAA, CNAME, MX, PTR, TXT, SERVFAIL, TIMEOUT or DELAY" },
        { "a.example A 192.0.2", 13, "not an IPv4 address" },
        { "a.example A", 12, "an address is missing" },
        { "a.example A 192.0.2.1 192.0.2.2", 23, "nothing more is expected on this line" },
        { "a.example A 192.0.2.1 \"x", 23, "nothing more is expected on this line" },
        { "a.example AAAA 192.0.2.1", 16, "not an IPv6 address" },
        { "a.example MX mail.example", 14, "MX has a preference from 0 to 65535 before the name" },
        { "a.example MX 65536 mail.example", 14, "MX has a preference from 0 to 65535 before the name" },
        { "a.example MX 10", 16, "a name is missing" },
        { "a.example TXT v=spf1", 15, "a string in \"quotes\" is missing" },
        { "a.example TXT \"v=spf1", 15, "the string does not end on this line" },
        { "a.example TXT \"v\\25\"", 15, "after a backslash three digits up to 255, or one other character" },
        { "a.example TXT \"v\\256\"", 15, "after a backslash three digits up to 255, or one other character" },
        { "a.example SERVFAIL NS", 20, "not a type: A, AAAA, MX, PTR or TXT" },
        { "a.example DELAY", 16, "a duration is missing, such as 500ms or 2s" },
        { "a.example DELAY 5", 17, "not a duration such as 500ms or 2s, at most an hour" },
        { "a.example DELAY 61m", 17, "not a duration such as 500ms or 2s, at most an hour" },
        { "a.example DELAY s", 17, "not a duration such as 500ms or 2s, at most an hour" },
        { "$ORIGIN example", 1, "the only word with a $ is $DELAY; every name is written whole" },
        { "  A 192.0.2.1", 3, "the line begins with a blank, but there is no name before it" },
        { "a.example A 192.0.2.1\n CNAME b.example", 2, "a name that has a CNAME can have no other record" },
        { "a.example CNAME b.example\n A 192.0.2.1", 2, "a name that has a CNAME can have no other record" },
    };
    size_t line, column;

    ck_assert_ptr_null(parse(cases[_i].text));
    ck_assert_uint_eq(diagnostics.errors, 1);
    span_position(diagnostics.first->span, &line, &column);
    ck_assert_msg(slice_equal(diagnostics.first->text, slice_of_string(cases[_i].problem)), "%s: %.*s", cases[_i].text,
                  SLICE_ARG(diagnostics.first->text));
    ck_assert_msg(column == cases[_i].column || line == 2, "%s: column %zu", cases[_i].text, column);
}
END_TEST

/* One load tells them all, and a line that goes on with a name that was none adds nothing to it. */
START_TEST(all_errors)
{
    struct slice text;

    ck_assert_ptr_null(parse("a..b A 192.0.2.1\n A 192.0.2.2\nc.example A x\n   TXT \"ok\"\n   MX x\n"));
    ck_assert_uint_eq(diagnostics.errors, 3);
    text = diagnostics_text(&diagnostics, arena);
    ck_assert_ptr_nonnull(strstr(text.text, "zones.db:1:1: "));
    ck_assert_ptr_nonnull(strstr(text.text, "zones.db:3:13: "));
    ck_assert_ptr_nonnull(strstr(text.text, "zones.db:5:7: "));
}
END_TEST

START_TEST(too_many)
{
    char *text = memory_zeroed(300, 32);
    size_t length = 0;

    for (int i = 0; i < 257; i++)
        length += (size_t)snprintf(text + length, 32, "a.example A 192.0.2.%d\n", i % 256);
    ck_assert_ptr_null(parse(text));
    ck_assert_uint_eq(diagnostics.errors, 1);
    free(text);
}
END_TEST

START_TEST(empty)
{
    struct zone *zone = parse_well("");

    ck_assert_int_eq(find(zone, QUESTION_A, "example.org").answer.status, ANSWER_NO_NAME);
    ck_assert_int_eq(find(zone, QUESTION_A, ".").answer.status, ANSWER_NO_DATA);
}
END_TEST

START_TEST(no_file)
{
    ck_assert_ptr_null(zone_load("/nonexistent/zones.db", arena, &diagnostics));
    ck_assert(slice_equal(diagnostics.first->text, SLICE("/nonexistent/zones.db: No such file or directory")));
}
END_TEST

Suite *suite_zone(void);

Suite *suite_zone(void)
{
    Suite *suite = suite_create("zone");
    TCase *tests = tcase_create("zones");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, statuses);
    tcase_add_test(tests, contents);
    tcase_add_test(tests, silence_and_delay);
    tcase_add_loop_test(tests, errors, 0, 28);
    tcase_add_test(tests, all_errors);
    tcase_add_test(tests, too_many);
    tcase_add_test(tests, empty);
    tcase_add_test(tests, no_file);
    suite_add_tcase(suite, tests);
    return suite;
}
