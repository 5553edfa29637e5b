/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_spf_record.c: RFC 7208 section 12 and 4.5: what is a record, and what each term of it is. Terms are shown as
 * qualifier, mechanism, domain and prefixes.
 */
#include "policy/spf_record.h"

#include "tests/unit/auth_world.h"

static const char *const names[] = { "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists", "redirect" };

static struct slice show(const struct spf_record *record)
{
    struct slice text = SLICE("");
    for (size_t i = 0; i < record->count; i++) {
        const struct spf_record_term *term = &record->terms[i];
        text = arena_printf(arena, "%.*s%s%c%s", SLICE_ARG(text), i > 0 ? " " : "", term->qualifier,
                            names[term->mechanism]);
        if (term->domain.text != NULL)
            text = arena_printf(arena, "%.*s:%.*s", SLICE_ARG(text), SLICE_ARG(term->domain));
        if (term->prefix4 != 32 || term->prefix6 != 128)
            text = arena_printf(arena, "%.*s/%u//%u", SLICE_ARG(text), term->prefix4, term->prefix6);
    }
    return text;
}

static const struct {
    const char *text;
    const char *terms;             /* NULL: breaks the grammar */
} records[] = {
    { "v=spf1", "" },
    { "v=spf1   ", "" },
    { "V=SpF1 -ALL", "-all" },
    { "v=spf1 a mx ptr ~all", "+a +mx +ptr ~all" },
    { "v=spf1 a:b.example/24//64 ?mx/8 a//0", "+a:b.example/24//64 ?mx/8//128 +a/32//0" },
    { "v=spf1 a:b.example/24.example", "+a:b.example/24.example" },
    { "v=spf1 a:%{d1}/24", "+a:%{d1}/24//128" },
    { "v=spf1 a/0", "+a/0//128" },
    { "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip6:::ffff:192.0.2.1", "+ip4/24//128 +ip6/32//32 +ip6" },
    { "v=spf1 include:b.example exists:%{i}.b.example -ptr:b.example",
      "+include:b.example +exists:%{i}.b.example -ptr:b.example" },
    { "v=spf1 redirect=b.example a", "+a ?redirect:b.example/0//0" },
    { "v=spf1 redirect=b.example a -all", "+a -all" },
    { "v=spf1 foo=bar%{d} x.y-z_1=", "" },
    { "v=spf1 all=nothing", "" },
    { "v=spf1 moo", NULL },
    { "v=spf1 all:b.example", NULL },
    { "v=spf1 all/8", NULL },
    { "v=spf1 all.", NULL },
    { "v=spf1 --all", NULL },
    { "v=spf1 -", NULL },
    { "v=spf1 include", NULL },
    { "v=spf1 include:", NULL },
    { "v=spf1 include:b.example/24", NULL },
    { "v=spf1 exists:b.example/24", NULL },
    { "v=spf1 ptr:", NULL },
    { "v=spf1 ptr/24", NULL },
    { "v=spf1 a:", NULL },
    { "v=spf1 a:/24", NULL },
    { "v=spf1 a:museum", NULL },
    { "v=spf1 a:b.example:8080", NULL },
    { "v=spf1 a:\"b.example\"", NULL },
    { "v=spf1 a/", NULL },
    { "v=spf1 a/33", NULL },
    { "v=spf1 a/024", NULL },
    { "v=spf1 a//129", NULL },
    { "v=spf1 a//", NULL },
    { "v=spf1 a/24/64", NULL },
    { "v=spf1 a/24//", NULL },
    { "v=spf1 a///64", NULL },
    { "v=spf1 ip4:192.0.2", NULL },
    { "v=spf1 ip4:192.0.2.256", NULL },
    { "v=spf1 ip4:192.0.02.1", NULL },
    { "v=spf1 ip4:192.0.2.1.5", NULL },
    { "v=spf1 ip4:192.0.2.1//32", NULL },
    { "v=spf1 ip4:192.0.2.1/33", NULL },
    { "v=spf1 ip4:192.0.2.1/", NULL },
    { "v=spf1 ip4", NULL },
    { "v=spf1 ip4:2001:db8::1", NULL },
    { "v=spf1 ip6:192.0.2.1", NULL },
    { "v=spf1 ip6:2001:db8::1/129", NULL },
    { "v=spf1 ip6:2001:db8:::1", NULL },
    { "v=spf1 ip6:fe80::1%eth0", NULL },
    { "v=spf1 redirect=b.example redirect=b.example", NULL },
    { "v=spf1 exp=b.example exp=b.example", NULL },
    { "v=spf1 redirect=", NULL },
    { "v=spf1 redirect=b.example/24", NULL },
    { "v=spf1 redirect:b.example", NULL },
    { "v=spf1 exp=museum", NULL },
    { "v=spf1 foo=%", NULL },
    { "v=spf1 =foo", NULL },
    { "v=spf1 1a=foo", NULL },
    { "v=spf1 -exp=b.example", NULL },
    { "v=spf1\ta", NULL },
    { "v=spf1 a\x80", NULL },
    { "v=spf1 a:\x7f.b.example", NULL },
};

START_TEST(test_records)
{
    struct spf_record record;
    struct slice problem = SLICE("");
    bool valid = spf_record_parse(slice_of_string(records[_i].text), arena, &record, &problem);
    ck_assert_msg(valid == (records[_i].terms != NULL), "%s: %.*s", records[_i].text, SLICE_ARG(problem));
    if (valid)
        assert_slice(show(&record), records[_i].terms);
    else
        ck_assert_uint_gt(problem.length, 0);
}
END_TEST

static const struct {
    const char *text;
    bool is_record;
} versions[] = {
    { "v=spf1", true },       { "v=spf1 all", true }, { "V=SPF1 ", true }, { "v=spf10", false },
    { "v=spf1\tall", false }, { " v=spf1", false },   { "v=spf", false },  { "", false },
    { "spf2.0/pra", false },
};

START_TEST(test_version)
{
    ck_assert_int_eq(spf_record_is(slice_of_string(versions[_i].text)), versions[_i].is_record);
}
END_TEST

START_TEST(test_explanation)
{
    struct spf_record record;
    struct slice problem;
    ck_assert(spf_record_parse(SLICE("v=spf1 EXP=%{d}.e.example -all"), arena, &record, &problem));
    assert_slice(record.explanation, "%{d}.e.example");
}
END_TEST

Suite *suite_spf_record(void);
Suite *suite_spf_record(void)
{
    Suite *suite = suite_create("spf_record");
    TCase *tests = tcase_create("grammar");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_records, 0, sizeof(records) / sizeof(records[0]));
    tcase_add_loop_test(tests, test_version, 0, sizeof(versions) / sizeof(versions[0]));
    tcase_add_test(tests, test_explanation);
    suite_add_tcase(suite, tests);
    return suite;
}
