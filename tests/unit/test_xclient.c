/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xclient.c: XCLIENT_README of Postfix: attributes, what may stand for a value, xtext, and what is no XCLIENT.
 */
#include <check.h>
#include <stdio.h>

#include "proxy/xclient.h"
#include "rules/arena.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define FIFTY "a23456789.b23456789.c23456789.d23456789.e23456789."
#define NAME_255 FIFTY FIFTY FIFTY FIFTY FIFTY "abcde"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct xclient parsed(const char *argument)
{
    struct xclient said;
    const char *problem;

    ck_assert_msg(xclient_parse(slice_of_string(argument), arena, &said, &problem), "%s: %s", argument,
                  problem != NULL ? problem : "");
    return said;
}

static void check_address(const struct address *address, const char *expected)
{
    char buffer[ADDRESS_TEXT];
    struct slice text = address_print(address, buffer);

    ck_assert_str_eq(arena_string(arena, text), expected);
}

#define check_text(text, expected) ck_assert_str_eq(arena_string(arena, text), expected)

START_TEST(test_all_attributes)
{
    struct xclient said = parsed("NAME=Spike.Porcupine.org REVERSE_NAME=rev.example. ADDR=168.100.189.2 PORT=4711 "
                                 "PROTO=ESMTP HELO=spike+5F1 DESTADDR=IPV6:2001:db8::25 DESTPORT=25");

    for (int i = XCLIENT_NAME; i <= XCLIENT_DESTPORT; i++)
        ck_assert_int_eq(said.states[i], i == XCLIENT_LOGIN ? XCLIENT_NOT_GIVEN : XCLIENT_GIVEN);
    check_text(said.name, "spike.porcupine.org");
    check_text(said.reverse_name, "rev.example");
    check_text(said.helo, "spike_1");
    check_address(&said.address, "168.100.189.2");
    check_address(&said.local_address, "2001:db8::25");
    ck_assert_uint_eq(said.port, 4711);
    ck_assert_uint_eq(said.local_port, 25);
    ck_assert(said.esmtp);
}
END_TEST

/* Names and words in any case (note 2), blanks in any number, and not all of them. */
START_TEST(test_freedoms)
{
    struct xclient said = parsed("  addr=ipv6:2001:DB8::1   proto=smtp ");

    check_address(&said.address, "2001:db8::1");
    ck_assert_int_eq(said.states[XCLIENT_PROTO], XCLIENT_GIVEN);
    ck_assert(!said.esmtp);
    ck_assert_int_eq(said.states[XCLIENT_NAME], XCLIENT_NOT_GIVEN);
    said = parsed("ADDR=IPV6:::ffff:192.0.2.1");
    check_address(&said.address, "192.0.2.1");
    check_text(parsed("NAME=" NAME_255).name, NAME_255);
    check_text(parsed("HELO=[IPv6:2001:db8::1]").helo, "[IPv6:2001:db8::1]");
}
END_TEST

static const struct {
    const char *argument;
    enum xclient_attribute attribute;
    enum xclient_state state;
} states[] = {
    { "NAME=[UNAVAILABLE]", XCLIENT_NAME, XCLIENT_UNAVAILABLE },
    { "NAME=[TEMPUNAVAIL]", XCLIENT_NAME, XCLIENT_TEMPORARY },
    { "REVERSE_NAME=[unavailable]", XCLIENT_REVERSE_NAME, XCLIENT_UNAVAILABLE },
    { "REVERSE_NAME=[TempUnavail]", XCLIENT_REVERSE_NAME, XCLIENT_TEMPORARY },
    { "PORT=[UNAVAILABLE]", XCLIENT_PORT, XCLIENT_UNAVAILABLE },
    { "HELO=[UNAVAILABLE]", XCLIENT_HELO, XCLIENT_UNAVAILABLE },
    { "HELO=+5BUNAVAILABLE+5D", XCLIENT_HELO, XCLIENT_UNAVAILABLE },
    { "LOGIN=[UNAVAILABLE]", XCLIENT_LOGIN, XCLIENT_UNAVAILABLE },
    { "PROTO=[UNAVAILABLE]", XCLIENT_PROTO, XCLIENT_UNAVAILABLE },
    { "DESTADDR=[UNAVAILABLE]", XCLIENT_DESTADDR, XCLIENT_UNAVAILABLE },
    { "DESTPORT=[UNAVAILABLE]", XCLIENT_DESTPORT, XCLIENT_UNAVAILABLE },
};

START_TEST(test_unavailable)
{
    ck_assert_int_eq(parsed(states[_i].argument).states[states[_i].attribute], states[_i].state);
}
END_TEST

static const struct {
    const char *argument;
    const char *problem;
} bad[] = {
    { "", "must follow" },
    { " ", "must follow" },
    { "NAME", "have a value" },
    { "=x", "not known" },
    { "BOGUS=1", "not known" },
    { "NAME=", "empty" },
    { "NAME=a.example NAME=b.example", "twice" },
    { "NAME=[UNAVAILABLE] NAME=b.example", "twice" },
    { "NAME=a..b", "host name" },
    { "NAME=.", "host name" },
    { "NAME=192.0.2.1", "host name" },
    { "NAME=a+20b", "host name" },
    { "NAME=" NAME_255 "f", "more than 255" },
    { "ADDR=[UNAVAILABLE]", "without an address" },
    { "ADDR=[TEMPUNAVAIL]", "neither IPv4" },
    { "ADDR=2001:db8::1", "neither IPv4" },
    { "ADDR=IPV6:192.0.2.1", "neither IPv4" },
    { "ADDR=IPV6:", "neither IPv4" },
    { "ADDR=[192.0.2.1]", "neither IPv4" },
    { "ADDR=192.0.2.1/32", "neither IPv4" },
    { "ADDR=192.0.2", "neither IPv4" },
    { "DESTADDR=mx.example", "neither IPv4" },
    { "PORT=65536", "port" },
    { "PORT=000001", "port" },
    { "PORT=-1", "port" },
    { "DESTPORT=smtp", "port" },
    { "PROTO=LMTP", "neither SMTP" },
    { "HELO=a+20b", "one word" },
    { "HELO=a%b", "one word" },
    { "HELO=a+0D+0Ab", "xtext" },
    { "HELO=a+00", "xtext" },
    { "HELO=a+7F", "xtext" },
    { "HELO=a+C3+A4", "xtext" },
    { "HELO=a\x7f" "b", "xtext" },
    { "HELO=\xC3\xA4", "xtext" },
    { "HELO=a+2", "xtext" },
    { "HELO=a+", "xtext" },
    { "HELO=a+2b", "xtext" },
    { "HELO=a=b", "xtext" },
    { "LOGIN=ann", "not offered" },
    { "NAME=a.example ADDR=192.0.2.1 x", "have a value" },
};

START_TEST(test_bad)
{
    struct xclient said;
    const char *problem = NULL;

    ck_assert_msg(!xclient_parse(slice_of_string(bad[_i].argument), arena, &said, &problem), "%s", bad[_i].argument);
    ck_assert_ptr_nonnull(problem);
    ck_assert_msg(strstr(problem, bad[_i].problem) != NULL, "%s: %s", bad[_i].argument, problem);
}
END_TEST

Suite *suite_xclient(void);
Suite *suite_xclient(void)
{
    Suite *suite = suite_create("xclient");
    TCase *tests = tcase_create("xclient");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_all_attributes);
    tcase_add_test(tests, test_freedoms);
    tcase_add_loop_test(tests, test_unavailable, 0, ROWS(states));
    tcase_add_loop_test(tests, test_bad, 0, ROWS(bad));
    suite_add_tcase(suite, tests);
    return suite;
}
