/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_host_name.c: Domain and address-literal by RFC 5321 4.1.2 and 4.1.3, and what a rule hears of a HELO that is
 * neither.
 */
#include <check.h>

#include "policy/host_name.h"
#include "tests/unit/judge_fixtures.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define SIXTY "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define LABEL_63 SIXTY "xyz"

static const struct { const char *text; bool is; } domain_cases[] = {
    { "example.org", true }, { "a", true }, { "1", true }, { "a-b", true }, { "a.b.c.d.e", true }, { LABEL_63, true },
    { LABEL_63 "x", false }, { "", false }, { ".", false }, { "a.", false }, { ".a", false }, { "a..b", false },
    { "-a", false }, { "a-", false }, { "a_b", false }, { "a b", false }, { "[192.0.2.1]", false },
    { "\xC3\xA4", false },
    { LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, true },
    { LABEL_63 "." LABEL_63 "." LABEL_63 "." SIXTY ".xyz", false },
};

START_TEST(test_domains)
{
    ck_assert_int_eq(host_name_is_domain(slice_of_string(domain_cases[_i].text)), domain_cases[_i].is);
    ck_assert(!host_name_is_domain(SLICE_NONE));
    ck_assert(!host_name_is_domain(SLICE("a\0b")));
}
END_TEST

static const struct { const char *text; const char *address; } literal_cases[] = {
    { "[192.0.2.1]", "192.0.2.1" },
    { "[0.0.0.0]", "0.0.0.0" },
    { "[255.255.255.255]", "255.255.255.255" },
    /* Snum = 1*3DIGIT, decimal: no octal. */
    { "[010.001.000.099]", "10.1.0.99" },
    { "[0010.1.1.1]", NULL },
    { "[192.0.2.256]", NULL },
    { "[192.0.2]", NULL },
    { "[192.0.2.1.5]", NULL },
    { "[192.0..1]", NULL },
    { "[192.0.2.1.]", NULL },
    { "[192.0.2.a]", NULL },
    { "[ 192.0.2.1]", NULL },
    { "192.0.2.1", NULL },
    { "[192.0.2.1", NULL },
    { "[]", NULL },
    { "[", NULL },
    { "", NULL },
    { "[IPv6:2001:db8:0:0:0:0:0:1]", "2001:db8::1" },
    { "[IPV6:2001:DB8::1]", "2001:db8::1" },
    { "[IPv6:::]", "::" },
    { "[IPv6:::1]", "::1" },
    { "[IPv6:1::]", "1::" },
    { "[IPv6:1:2:3:4:5:6::]", "1:2:3:4:5:6::" },
    { "[IPv6:1:2:3:4:5:6:7::]", NULL },
    { "[IPv6:::2:3:4:5:6:7:8]", NULL },
    { "[IPv6:1:2:3:4:5:6:192.0.2.1]", "1:2:3:4:5:6:c000:201" },
    { "[IPv6:1:2:3:4::192.0.2.1]", "1:2:3:4::c000:201" },
    { "[IPv6:1:2:3:4:5::192.0.2.1]", NULL },
    { "[IPv6:::ffff:192.0.2.1]", "192.0.2.1" },
    { "[IPv6:1:2:3:4:5:6:7]", NULL },
    { "[IPv6:1:2:3:4:5:6:7:8:9]", NULL },
    { "[IPv6:1::2::3]", NULL },
    { "[IPv6:12345::]", NULL },
    { "[IPv6:g::]", NULL },
    { "[IPv6:]", NULL },
    { "[IPv6:192.0.2.1]", NULL },
    { "[IPv6: ::1]", NULL },
    { "[IPv6:fe80::1%eth0]", NULL },
    { "[::1]", NULL },
    { "[tag:x]", NULL },
};

START_TEST(test_literals)
{
    struct slice text = slice_of_string(literal_cases[_i].text);
    struct address address;
    char buffer[ADDRESS_TEXT];

    ck_assert_int_eq(host_name_is_literal(text, NULL), literal_cases[_i].address != NULL);
    if (literal_cases[_i].address != NULL) {
        ck_assert(host_name_is_literal(text, &address));
        ck_assert_slice(address_print(&address, buffer), literal_cases[_i].address);
    }
}
END_TEST

/* RFC 6531 3.3 with RFC 5890 2.3.2.1: what could be a U-label, and the nearest that cannot. */
#define U_10 "\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4"
#define U_50 U_10 U_10 U_10 U_10 U_10

static const struct { const char *text; bool is; } international_cases[] = {
    { "example.org", true }, { LABEL_63, true }, { LABEL_63 "x", false }, { "", false }, { "a..b", false },
    { "\xC3\xA4", true }, { "ex\xC3\xA4mple.org", true }, { "\xC3\xA4-b.\xC3\xA4", true }, { "\xC3\xA4.", false },
    { "-\xC3\xA4", false }, { "\xC3\xA4-", false }, { "\xC3\xA4_", false }, { "\xC3\xA4 b", false },
    { "\xC3", false }, { "\xE4", false }, { "\xC3\xA4\xC2\x85", false }, { "a\xE3\x80\x82" "b", false },
    { "a\xEF\xBC\x8E" "b", false }, { "a\xEF\xBD\xA1" "b", false },
    { U_50 "abcdefghi", true }, { U_50 "abcdefghij", false },
    { U_50 "." U_50 "." U_10 U_10 "." "abcdefghijkl", true },
    { U_50 "." U_50 "." U_10 U_10 "." "abcdefghijklm", false },
};

START_TEST(test_international)
{
    struct slice text = slice_of_string(international_cases[_i].text);

    ck_assert_msg(host_name_is_international(text) == international_cases[_i].is, "row %d", _i);
}
END_TEST

/* ---- what rules hear of HELO */

static const struct { const char *helo; bool valid, literal; } helo_cases[] = {
    { "mail.example.org", true, false },
    { "localhost", true, false },
    { "192.0.2.1", true, false },
    { "[192.0.2.1]", true, true },
    { "[IPv6:2001:db8::1]", true, true },
    { "[2001:db8::1]", false, true },
    { "[192.0.2]", false, false },
    { "[mail.example.org]", false, false },
    { "2001:db8::1", false, false },
    { "mail.example.org.", false, false },
    { "MY_PC", false, false },
    { "MACHINE$", false, false },
    { "(none)", false, false },
    { "mail..example.org", false, false },
    { "-mail.example.org", false, false },
};

static const char helo_rules[] = "rule literal at helo { when helo.literal then score 1 }\n"
                                 "rule valid at helo { when helo.valid then score 2 }\n"
                                 "rule invalid at helo { when not helo.valid then score 4 }\n";

START_TEST(test_helo_facts)
{
    struct fixture fixture;
    fixture_init(&fixture, helo_rules, "");
    fixture.facts.helo = slice_of_string(helo_cases[_i].helo);
    struct verdict verdict = fixture_judge(&fixture, STAGE_HELO);
    ck_assert_int_eq(verdict.score, (helo_cases[_i].literal ? 1 : 0) + (helo_cases[_i].valid ? 2 : 4));
    fixture_clear(&fixture);
}
END_TEST

/* No name is no valid name. */
START_TEST(test_no_helo)
{
    struct fixture fixture;
    fixture_init(&fixture, helo_rules, "");
    fixture.facts.has_helo = false;
    fixture.facts.helo = SLICE_NONE;
    ck_assert_int_eq(fixture_judge(&fixture, STAGE_HELO).score, 4);
    fixture_clear(&fixture);
}
END_TEST

Suite *suite_host_name(void);

Suite *suite_host_name(void)
{
    Suite *suite = suite_create("host_name");
    TCase *tests = tcase_create("host_name");

    tcase_add_loop_test(tests, test_domains, 0, ROWS(domain_cases));
    tcase_add_loop_test(tests, test_international, 0, ROWS(international_cases));
    tcase_add_loop_test(tests, test_literals, 0, ROWS(literal_cases));
    tcase_add_loop_test(tests, test_helo_facts, 0, ROWS(helo_cases));
    tcase_add_test(tests, test_no_helo);
    suite_add_tcase(suite, tests);
    return suite;
}
