/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_list.c: building and searching lists, damaged tables, and that large ones are quick.
 */
#include <check.h>
#include <stdio.h>
#include <time.h>

#include "rules/list.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(&arena);
}

static const struct list *build(enum list_kind kind, const char *const *entries)
{
    struct list_builder *builder = list_builder_new(kind);
    struct slice problem = SLICE_NONE, table;
    const struct list *list;

    for (; *entries != NULL; entries++)
        ck_assert_msg(list_builder_add(builder, slice_of_string(*entries), arena, &problem), "%.*s",
                      SLICE_ARG(problem));
    table = list_builder_finish(&builder, arena);
    ck_assert_ptr_null(builder);
    list = list_open(kind, table, false, arena, &problem);
    ck_assert_msg(list != NULL, "%.*s", SLICE_ARG(problem));
    return list;
}

static const char *const networks[] = {
    "192.0.2.0/24", "192.0.2.128/25", "192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "2001:db8:1::/48", "::1",
    "192.0.2.0/24",
    "203.0.113.5", NULL,
};

static const struct {
    const char *address;
    bool has;
} addresses[] = {
    { "192.0.2.0", true }, { "192.0.2.255", true }, { "192.0.3.0", false }, { "192.0.1.255", false },
    { "10.255.0.1", true },
    { "9.255.255.255", false }, { "11.0.0.0", false }, { "2001:db8:ffff::1", true }, { "2001:db9::", false },
    { "::1", true },
    { "::2", false }, { "::", false }, { "203.0.113.5", true }, { "203.0.113.6", false }, { "0.0.0.0", false },
    { "255.255.255.255", false }, { "::ffff:10.1.2.3", true },
};

START_TEST(test_addresses)
{
    const struct list *list = build(LIST_CIDR, networks);
    struct address address;

    ck_assert_uint_eq(list_count(list), 5);        /* what lies within another, or repeats, is dropped */
    ck_assert(address_parse(slice_of_string(addresses[_i].address), &address));
    ck_assert_int_eq(list_has_address(list, &address), addresses[_i].has);
}
END_TEST

static const char *const domains[] = { "Example.ORG", "example.net", "sub.example.net", "a.b.c.example", "test", NULL };

static const struct {
    const char *domain;
    bool has;
} names[] = {
    { "example.org", true }, { "MAIL.example.ORG", true }, { "a.b.c.d.example.org", true }, { "badexample.org", false },
    { "org", false }, { "b.c.example", false }, { "a.b.c.example", true }, { "x.a.b.c.example", true },
    { "x.test", true },
    { "", false }, { ".", false }, { "example.org.", false }, { "sub.example.net", true },
    { "nosub.example.net", true },
};

START_TEST(test_domains)
{
    const struct list *list = build(LIST_DOMAIN, domains);

    ck_assert_int_eq(list_has_domain(list, slice_of_string(names[_i].domain)), names[_i].has);
}
END_TEST

START_TEST(test_long_domain)
{
    const struct list *list = build(LIST_DOMAIN, domains);
    char name[1000];

    memset(name, 'a', sizeof(name));
    memcpy(name + sizeof(name) - 5, ".test", 5);
    ck_assert(!list_has_domain(list, slice_of(name, sizeof(name))));
    ck_assert(list_has_domain(list, slice_of(name + sizeof(name) - 253, 253)));
}
END_TEST

START_TEST(test_patterns)
{
    static const char *const patterns[] = { "(?i)^viagra$", "[0-9]{3}", NULL };
    const struct list *list = build(LIST_PATTERN, patterns);
    bool gave_up = true;

    ck_assert(list_matches_text(list, SLICE("VIAGRA"), &gave_up));
    ck_assert(!gave_up);
    ck_assert(list_matches_text(list, SLICE("a123"), &gave_up));
    ck_assert(!list_matches_text(list, SLICE("viagra 12"), &gave_up));
    ck_assert(!gave_up);
}
END_TEST

/* One pattern that gives up does not hide that another matches. */
START_TEST(test_pattern_gives_up)
{
    static const char *const patterns[] = { "^(a+)+$", "b$", NULL };
    const struct list *list = build(LIST_PATTERN, patterns);
    bool gave_up = false;

    ck_assert(!list_matches_text(list, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"), &gave_up));
    ck_assert(gave_up);
    ck_assert(list_matches_text(list, SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), &gave_up));
    ck_assert(!gave_up);
}
END_TEST

START_TEST(test_empty)
{
    static const char *const none[] = { NULL };
    const struct list *cidr = build(LIST_CIDR, none), *domain = build(LIST_DOMAIN, none),
                      *pattern = build(LIST_PATTERN, none);
    struct address address = { .family = 4 };
    bool gave_up;

    ck_assert(!list_has_address(cidr, &address));
    ck_assert(!list_has_domain(domain, SLICE("example.org")));
    ck_assert(!list_matches_text(pattern, SLICE("x"), &gave_up));
}
END_TEST

/* Each byte of a table changed, and each length: refused or used, never read past its end. */
static void damage(enum list_kind kind, const char *const *entries)
{
    struct slice table = list_table(build(kind, entries)), problem;
    struct address address = { .family = 4 };
    bool gave_up;

    for (size_t i = 0; i < table.length * 3; i++) {
        size_t length = i < table.length ? i : table.length;
        struct arena *passing = arena_new();
        char *copy = arena_string(passing, slice_first(table, length));
        const struct list *list;

        if (i >= table.length)
            copy[i % table.length] = (char)(copy[i % table.length] ^ (i < 2 * table.length ? 0x80 : 0x01));
        list = list_open(kind, slice_of(copy, length), false, passing, &problem);
        if (list != NULL && kind == LIST_CIDR)
            list_has_address(list, &address);
        else if (list != NULL && kind == LIST_DOMAIN)
            list_has_domain(list, SLICE("a.b.c.example"));
        else if (list != NULL)
            list_matches_text(list, SLICE("text"), &gave_up);
        arena_free(&passing);
    }
}

START_TEST(test_damage)
{
    static const char *const patterns[] = { "a.*b", "text", NULL };

    damage(LIST_CIDR, networks);
    damage(LIST_DOMAIN, domains);
    damage(LIST_PATTERN, patterns);
}
END_TEST

/* Count, offsets, bytes: an offset that goes back, one past the end, bytes too many, a first one that is not 0. */
START_TEST(test_offsets)
{
    static const uint32_t tables[][6] = {
        { 3, 0, 2, 1, 3, 0x00636261 }, { 3, 0, 1, 2, 5, 0x64636261 }, { 3, 0, 1, 2, 3, 0x64636261 },
        { 3, 1, 2, 3, 4, 0x64636261 }, { 4, 0, 1, 2, 3, 4 },          { UINT32_MAX, 0, 1, 2, 3, 4 },
        { 3, 0, 1, 1, 4, 0x64636261 },
    };
    struct slice problem;

    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
        for (enum list_kind kind = LIST_DOMAIN; kind <= LIST_PATTERN; kind++)
            ck_assert_int_eq(list_open(kind, slice_of((const char *)tables[i], sizeof(tables[i])), false, arena,
                                       &problem) != NULL,
                             kind == LIST_PATTERN && i == sizeof(tables) / sizeof(*tables) - 1);
}
END_TEST

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(test_large)
{
    struct list_builder *networks_builder = list_builder_new(LIST_CIDR),
                        *domains_builder = list_builder_new(LIST_DOMAIN);
    const struct list *network_list, *domain_list;
    struct slice problem;
    struct address address;
    double before = seconds();

    for (unsigned i = 0; i < 100000; i++) {
        struct slice network = arena_printf(arena, "%u.%u.%u.0/24", 11 + i % 89, i / 89 % 256, i / 89 / 256);
        struct slice domain = arena_printf(arena, "host%u.example%u.org", i * 7919 % 100000, i % 1000);

        if (!list_builder_add(networks_builder, network, arena, &problem))
            ck_abort_msg("%.*s", SLICE_ARG(problem));
        if (!list_builder_add(domains_builder, domain, arena, &problem))
            ck_abort_msg("%.*s", SLICE_ARG(problem));
    }
    network_list = list_open(LIST_CIDR, list_builder_finish(&networks_builder, arena), false, arena, &problem);
    domain_list = list_open(LIST_DOMAIN, list_builder_finish(&domains_builder, arena), false, arena, &problem);
    ck_assert_uint_eq(list_count(network_list), 100000);
    ck_assert_uint_eq(list_count(domain_list), 100000);
    for (unsigned i = 0; i < 10000; i++) {
        ck_assert(address_parse(SLICE("11.0.0.9"), &address));
        ck_assert(list_has_address(network_list, &address));
        ck_assert(list_has_domain(domain_list, SLICE("www.host0.example0.org")));
        ck_assert(!list_has_domain(domain_list, SLICE("a.b.c.d.e.example0.org")));
    }
    ck_assert_double_lt(seconds() - before, 2.0);      /* far more than it takes, even under sanitizers */
}
END_TEST

START_TEST(test_most)
{
    struct list_builder *builder = list_builder_new(LIST_DOMAIN);
    struct slice problem, entry = SLICE("a");

    for (unsigned i = 0; i < LIST_ENTRIES_MOST; i++)
        if (!list_builder_add(builder, entry, arena, &problem))
            ck_abort_msg("entry %u", i);
    ck_assert(!list_builder_add(builder, entry, arena, &problem));
    ck_assert(slice_equal(problem, SLICE("more than 1000000 entries in one list")));
    list_builder_finish(&builder, arena);
    builder = list_builder_new(LIST_PATTERN);
    for (unsigned i = 0; i < LIST_PATTERNS_MOST; i++)
        ck_assert(list_builder_add(builder, entry, arena, &problem));
    ck_assert(!list_builder_add(builder, entry, arena, &problem));
    list_builder_finish(&builder, arena);
}
END_TEST

START_TEST(test_file)
{
    struct list_builder *builder = list_builder_new(LIST_DOMAIN);
    struct source source = { .name = "f",
                             .text = SLICE("a.example # one\r\n\n  # none\n\tb.example\nbad_-.\nc.example") };
    struct diagnostics diagnostics;
    struct slice problem;
    const struct list *list;

    diagnostics_init(&diagnostics, arena);
    list_builder_add_file(builder, &source, arena, &diagnostics);
    ck_assert_str_eq(diagnostics_text(&diagnostics, arena).text,
                     "f:5:1: error: write the domain without the dot at its end\nbad_-.\n^~~~~~\n");
    list = list_open(LIST_DOMAIN, list_builder_finish(&builder, arena), false, arena, &problem);
    ck_assert_uint_eq(list_count(list), 3);
    ck_assert(list_has_domain(list, SLICE("c.example")));
}
END_TEST

Suite *suite_list(void);

Suite *suite_list(void)
{
    Suite *suite = suite_create("list");
    TCase *tests = tcase_create("list");

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_addresses, 0, sizeof(addresses) / sizeof(*addresses));
    tcase_add_loop_test(tests, test_domains, 0, sizeof(names) / sizeof(*names));
    tcase_add_test(tests, test_long_domain);
    tcase_add_test(tests, test_patterns);
    tcase_add_test(tests, test_pattern_gives_up);
    tcase_add_test(tests, test_empty);
    tcase_add_test(tests, test_damage);
    tcase_add_test(tests, test_offsets);
    tcase_add_test(tests, test_large);
    tcase_add_test(tests, test_most);
    tcase_add_test(tests, test_file);
    suite_add_tcase(suite, tests);
    return suite;
}
