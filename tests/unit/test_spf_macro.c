/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_spf_macro.c: RFC 7208 section 7: the examples of 7.4, and the grammar's edges.
 */
#include "policy/spf_macro.h"

#include "tests/unit/auth_world.h"

static struct spf_macro_values values_of(const char *address)
{
    struct spf_macro_values values = {
        .sender = SLICE("strong-bad@email.example.com"),
        .local_part = SLICE("strong-bad"),
        .sender_domain = SLICE("email.example.com"),
        .domain = SLICE("email.example.com"),
        .name = SLICE("mx.example.org"),
        .helo = SLICE("helo.example"),
        .receiver = SLICE("mx.example.net"),
        .time = 1234567890,
    };
    ck_assert(address_parse(slice_of_string(address), &values.client));
    return values;
}

static const struct {
    const char *text;
    const char *expanded;
} expansions[] = {
    { "%{s}", "strong-bad@email.example.com" },
    { "%{o}", "email.example.com" },
    { "%{d}", "email.example.com" },
    { "%{d4}", "email.example.com" },
    { "%{d3}", "email.example.com" },
    { "%{d2}", "example.com" },
    { "%{d1}", "com" },
    { "%{dr}", "com.example.email" },
    { "%{d2r}", "example.email" },
    { "%{l}", "strong-bad" },
    { "%{l-}", "strong.bad" },
    { "%{lr}", "strong-bad" },
    { "%{lr-}", "bad.strong" },
    { "%{l1r-}", "strong" },
    { "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
    { "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
    { "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
    { "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com" },
    { "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net" },
    { "%%%_%-", "% %20" },
    { "%{p}", "mx.example.org" },
    { "%{h2}", "helo.example" },
    { "%{c} %{r} %{t}", "192.0.2.3 mx.example.net 1234567890" },
    { "%{S}", "strong-bad%40email.example.com" },
    { "%{d127}", "email.example.com" },
    { "%{d999999999999999999}", "email.example.com" },
};

START_TEST(test_expand)
{
    struct spf_macro_values values = values_of("192.0.2.3");
    struct slice expanded;
    ck_assert(spf_macro_expand(slice_of_string(expansions[_i].text), &values, 1000, arena, &expanded));
    assert_slice(expanded, expansions[_i].expanded);
}
END_TEST

START_TEST(test_expand_ipv6)
{
    struct spf_macro_values values = values_of("2001:db8::cb01");
    struct slice expanded;
    ck_assert(spf_macro_expand(SLICE("%{ir}.%{v}._spf.%{d2}"), &values, 1000, arena, &expanded));
    assert_slice(expanded, "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com");
    ck_assert(spf_macro_expand(SLICE("%{c}"), &values, 1000, arena, &expanded));
    assert_slice(expanded, "2001:db8::cb01");
}
END_TEST

START_TEST(test_bounded)
{
    struct spf_macro_values values = values_of("192.0.2.3");
    struct slice expanded;
    ck_assert(!spf_macro_expand(SLICE("%{s}%{s}"), &values, 30, arena, &expanded));
    ck_assert(!spf_macro_expand(SLICE("abc"), &values, 2, arena, &expanded));
}
END_TEST

/* Of a long text only the end that can be the name is expanded, and all of it where macros have nothing in them. */
START_TEST(test_name)
{
    struct spf_macro_values values = values_of("192.0.2.3");
    struct slice text = SLICE("a.%{d}.");
    assert_slice(spf_macro_expand_name(text, &values, arena), "a.email.example.com");
    values.helo = SLICE("");
    for (size_t i = 0; i < 2000; i++)
        text = arena_printf(arena, "%.*s%%{hr-}", SLICE_ARG(text));
    assert_slice(spf_macro_expand_name(text, &values, arena), "a.email.example.com");
    values.helo = SLICE("abc.");
    struct slice name = spf_macro_expand_name(text, &values, arena);
    ck_assert_uint_eq(name.length, 251);
    ck_assert(slice_starts_with_nocase(name, SLICE("abc.abc.")));
}
END_TEST

static const struct {
    const char *text;
    bool domain, string, explanation;
} grammar[] = {
    { "example.org",      true,  true,  true },
    { "example.org.",     true,  true,  true },
    { "%{d}",             true,  true,  true },
    { "a%{d}",            true,  true,  true },
    { "%{d}com",          false, true,  true },
    { "%{d}.com",         true,  true,  true },
    { "org",              false, true,  true },
    { "a.123",            false, true,  true },
    { "a.1-2",            true,  true,  true },
    { "a.-b",             false, true,  true },
    { "a.b-",             false, true,  true },
    { "a..",              false, true,  true },
    { "",                 false, true,  true },
    { "a b.org",          false, false, true },
    { "a\tb.org",         false, false, false },
    { "\x80.org",         false, false, false },
    { "%",                false, false, false },
    { "%a.org",           false, false, false },
    { "%{x}.org",         false, false, false },
    { "%{d0}.org",        false, false, false },
    { "%{dq}.org",        false, false, false },
    { "%{d",              false, false, false },
    { "%{}.org",          false, false, false },
    { "%{d2R}.org",       true,  true,  true },
    { "%{d.-+,/_=}.org",  true,  true,  true },
    { "%{d*}.org",        false, false, false },
    { "%{c}.org",         false, false, true },
    { "%{R}.org",         false, false, true },
    { "%{t}.org",         false, false, true },
};

START_TEST(test_grammar)
{
    struct slice text = slice_of_string(grammar[_i].text);
    const char *problem;
    ck_assert_msg(spf_macro_is_domain_spec(text, &problem) == grammar[_i].domain, "domain %s", grammar[_i].text);
    ck_assert_msg(spf_macro_is_string(text, &problem) == grammar[_i].string, "string %s", grammar[_i].text);
    ck_assert_msg(spf_macro_is_explanation(text, &problem) == grammar[_i].explanation, "explanation %s",
                  grammar[_i].text);
}
END_TEST

START_TEST(test_uses)
{
    ck_assert(spf_macro_uses_name(SLICE("a.%{P}.b")));
    ck_assert(!spf_macro_uses_name(SLICE("%%{p}")));
    ck_assert(!spf_macro_uses_name(SLICE("p.%{d}")));
    ck_assert(spf_macro_uses_local_part(SLICE("%{l}.b")));
    ck_assert(spf_macro_uses_local_part(SLICE("%_%{S2}.b")));
    ck_assert(!spf_macro_uses_local_part(SLICE("%{o}")));
}
END_TEST

Suite *suite_spf_macro(void);
Suite *suite_spf_macro(void)
{
    Suite *suite = suite_create("spf_macro");
    TCase *tests = tcase_create("macros");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_expand, 0, sizeof(expansions) / sizeof(expansions[0]));
    tcase_add_loop_test(tests, test_grammar, 0, sizeof(grammar) / sizeof(grammar[0]));
    tcase_add_test(tests, test_expand_ipv6);
    tcase_add_test(tests, test_bounded);
    tcase_add_test(tests, test_name);
    tcase_add_test(tests, test_uses);
    suite_add_tcase(suite, tests);
    return suite;
}
