/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mailbox.c: RFC 5322 3.4 and 4.4, RFC 6854, RFC 6532: the addresses in a From value and what is odd about it.
 * Domains are joined by blanks.
 */
#include "policy/mailbox.h"

#include "tests/unit/auth_world.h"

static const struct {
    const char *value;
    const char *domains;
    const char *local_part;        /* of the first */
    const char *problem;
} values[] = {
    /* RFC 5322 3.4, A.1.1, A.1.2 */
    { "ann@example.org", "example.org", "ann", NULL },
    { " Ann <ann@example.org>\r\n", "example.org", "ann", NULL },
    { "\"Joe Q. Public\" <john.q.public@Example.COM>", "example.com", "john.q.public", NULL },
    { "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>", "nil.test example.net", "boss", NULL },
    { "\"a b\\\"c\"@example.org", "example.org", "a b\"c", NULL },
    { "ann@example.org (a comment (nested) \\) here)", "example.org", "ann", NULL },
    { "(before) Ann\r\n\t<ann@example.org> (after)", "example.org", "ann", NULL },
    { "ann@[192.0.2.1]", "[192.0.2.1]", "ann", NULL },
    { "a@x.example, b@y.example,c@x.example", "x.example y.example x.example", "a", NULL },
    { "<@attacker.example>", "attacker.example", "", "address without a local part" },
    /* obs-phrase (4.1): a dot in a name is read by all */
    { "Ann Q. Author <ann@example.org>", "example.org", "ann", NULL },
    /* RFC 6532, RFC 5890: U-labels become A-labels */
    { "\xc3\xa4nn <\xc3\xa4@b\xc3\xbc" "cher.example>", "xn--bcher-kva.example", "\xc3\xa4", NULL },
    /* RFC 6854 */
    { "Friends: ann@example.org;", "example.org", "ann", "group" },
    { "undisclosed-recipients:;", "", "", "group" },
    /* obs-route, obs-mbox-list, obs-domain (4.4) */
    { "<@relay.example,@b.example:ann@example.org>", "example.org", "ann", "source route" },
    { ", ann@example.org", "example.org", "ann", "empty element in the list" },
    { "a@x.example,, b@y.example", "x.example y.example", "a", "empty element in the list" },
    { "ann@example . org", "example.org", "ann", "white space within an address" },
    { "ann @example.org", "example.org", "ann", "white space within an address" },
    { "ann@(c)example.org", "example.org", "ann", "comment within an address" },
    { "<ann@example.org(c)>", "example.org", "ann", "comment within an address" },
    /* what two readers might read differently */
    { "ann@good.example <eve@evil.example>", "good.example evil.example", "ann", "several @ in one address" },
    { "ann@good.example@evil.example", "good.example evil.example", "ann", "address without a local part" },
    { "ann@good.example eve@evil.example", "good.example evil.example", "ann", "several @ in one address" },
    { "\"ann@good.example\" <eve@evil.example>", "evil.example", "eve", NULL },
    { "=?utf-8?q?ann=40good.example?= <eve@evil.example>", "evil.example", "eve", NULL },
    { "=?utf-8?q?ann?=@evil.example", "evil.example", "=?utf-8?q?ann?=", "encoded word where an address must be" },
    { "Ann <ann@example.org", "example.org", "ann", "angle bracket without an end" },
    { "Ann <ann@example.org> more", "example.org", "ann", "text after an address" },
    { "Ann", "", "", "name without an address" },
    { "", "", "", "no address" },
    { "Ann <>", "", "", "angle brackets without an address" },
    { "ann@", "", "ann", "address without a domain" },
    { "ann@exa$mple.org", "", "ann", "invalid domain" },
    { "ann@example..org", "", "ann", "invalid domain" },
    { "\"open <ann@example.org>", "", "", "quoted string without an end" },
    { "(open <ann@example.org>", "", "", "comment without an end" },
    { "[List] Ann <ann@example.org>", "example.org", "ann", "character that no address list has" },
    { "a..b@example.org", "example.org", "b", "invalid local part" },
};

START_TEST(test_values)
{
    struct mailbox_list list;
    struct slice domains = SLICE("");

    mailbox_parse(slice_of_string(values[_i].value), arena, &list);
    for (size_t i = 0; i < list.count; i++)
        if (list.mailboxes[i].domain.length > 0)
            domains = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(domains), domains.length > 0 ? " " : "",
                                   SLICE_ARG(list.mailboxes[i].domain));
    ck_assert_pstr_eq(list.problem, values[_i].problem);
    assert_slice(domains, values[_i].domains);
    if (list.count > 0)
        assert_slice(list.mailboxes[0].local_part, values[_i].local_part);
}
END_TEST

/* However many there are. */
START_TEST(test_bounded)
{
    struct mailbox_list list;
    char text[200 * 6 + 1] = "";
    for (size_t i = 0; i < 200; i++)
        memcpy(text + 6 * i, "a@b.c,", 6);
    mailbox_parse(slice_of(text, sizeof(text) - 2), arena, &list);
    ck_assert_uint_eq(list.count, MAILBOX_MOST);
    ck_assert_str_eq(list.problem, "too many mailboxes");
}
END_TEST

static const struct {
    const char *text;
    const char *domain;            /* NULL: none */
} domains[] = {
    { "Example.ORG", "example.org" },
    { "example.org.", "example.org" },
    { "_a.b-c.example", "_a.b-c.example" },
    { "b\xc3\xbc""cher.example", "xn--bcher-kva.example" },
    { "B\xc3\x9c""CHER.example", "xn--bcher-kva.example" },
    { "", NULL },
    { ".", NULL },
    { ".example", NULL },
    { "a..b", NULL },
    { "a b", NULL },
    { "\xff.example", NULL },
    { "a123456789012345678901234567890123456789012345678901234567890123.example", NULL },
};

START_TEST(test_domain)
{
    struct slice domain;
    bool valid = mailbox_domain(slice_of_string(domains[_i].text), arena, &domain);
    ck_assert_int_eq(valid, domains[_i].domain != NULL);
    if (valid)
        assert_slice(domain, domains[_i].domain);
}
END_TEST

Suite *suite_mailbox(void);
Suite *suite_mailbox(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tests = tcase_create("addresses");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_values, 0, sizeof(values) / sizeof(values[0]));
    tcase_add_loop_test(tests, test_domain, 0, sizeof(domains) / sizeof(domains[0]));
    tcase_add_test(tests, test_bounded);
    suite_add_tcase(suite, tests);
    return suite;
}
