/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_envelope_address.c: RFC 5321 4.1.2: all quoted forms of a local part are equal; 2.4: domains have no case.
 */
#include <check.h>

#include "policy/envelope_address.h"

static const struct { const char *local_part, *domain, *local, *text; } addresses[] = {
    { "boss", "example.org", "boss", "boss@example.org" },
    { "Boss", "EXAMPLE.Org", "Boss", "Boss@example.org" },
    { "\"boss\"", "example.org", "boss", "boss@example.org" },
    { "\"b\\o\\ss\"", "example.org", "boss", "boss@example.org" },
    { "\"b.o.s\"", "example.org", "b.o.s", "b.o.s@example.org" },
    { "\"b..s\"", "example.org", "b..s", "\"b..s\"@example.org" },
    { "\".b\"", "example.org", ".b", "\".b\"@example.org" },
    { "\"a b\"", "example.org", "a b", "\"a b\"@example.org" },
    { "\"a\\ b\"", "example.org", "a b", "\"a b\"@example.org" },
    { "\"a\\\"b\\\\c\"", "example.org", "a\"b\\c", "\"a\\\"b\\\\c\"@example.org" },
    { "\"a@b\"", "example.org", "a@b", "\"a@b\"@example.org" },
    { "\"\"", "example.org", "", "\"\"@example.org" },
    { "\"j\xC3\xBCrgen\"", "m\xC3\xBCller.Example", "j\xC3\xBCrgen", "j\xC3\xBCrgen@m\xC3\xBCller.example" },
    { "postmaster", "", "postmaster", "postmaster" },
    { "\"Postmaster\"", "[192.0.2.1]", "Postmaster", "Postmaster@[192.0.2.1]" },
    { "", "", "", "" },
    /* what no command has, but a record may */
    { "\"", "example.org", "", "\"\"@example.org" },
    { "\"a", "example.org", "a", "a@example.org" },
};

START_TEST(test_forms)
{
    struct arena *arena = arena_new();
    struct slice local_part = slice_of_string(addresses[_i].local_part);
    struct slice local = envelope_address_local(local_part, arena);
    struct slice text = envelope_address_text(local_part, slice_of_string(addresses[_i].domain), arena);

    ck_assert_str_eq(arena_string(arena, local), addresses[_i].local);
    ck_assert_str_eq(arena_string(arena, text), addresses[_i].text);
    arena_free(&arena);
}
END_TEST

Suite *suite_envelope_address(void);

Suite *suite_envelope_address(void)
{
    Suite *suite = suite_create("envelope_address");
    TCase *tests = tcase_create("envelope_address");

    tcase_add_loop_test(tests, test_forms, 0, sizeof addresses / sizeof *addresses);
    suite_add_tcase(suite, tests);
    return suite;
}
