/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_iprev.c: RFC 8601 3.
 */
#include "policy/iprev.h"

#include "tests/unit/auth_world.h"

#define REVERSE "1.2.0.192.in-addr.arpa"

START_TEST(test_reverse_names)
{
    assert_slice(iprev_reverse_name(&facts.client_address, arena), REVERSE);
    world_address("2001:db8::cb01");
    /* RFC 3596 2.5 */
    assert_slice(iprev_reverse_name(&facts.client_address, arena),
                 "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}
END_TEST

START_TEST(test_pass)
{
    const char *names[] = { "b.example", "other.example", "a.example" };
    assert_result(iprev(&facts, answers, arena).result, AUTH_PENDING, "PTR missing");
    ck_assert(world_misses(QUESTION_PTR, REVERSE));
    world_names(QUESTION_PTR, REVERSE, names, 3);
    answers_forget_questions(answers);
    assert_result(iprev(&facts, answers, arena).result, AUTH_PENDING, "addresses missing");
    ck_assert_uint_eq(answers_missing_count(answers), 3);
    world_host("b.example", "192.0.2.1");
    world_host("a.example", "192.0.2.1");
    world_failure(QUESTION_A, "other.example");
    struct iprev_outcome outcome = iprev(&facts, answers, arena);
    assert_result(outcome.result, AUTH_PASS, "verified");
    assert_slice(outcome.name, "a.example");
}
END_TEST

START_TEST(test_others)
{
    const char *names[] = { "b.example" };
    struct iprev_outcome outcome;
    world_names(QUESTION_PTR, REVERSE, names, 1);
    world_host("b.example", "192.0.2.2");
    outcome = iprev(&facts, answers, arena);
    assert_result(outcome.result, AUTH_FAIL, "another address");
    assert_slice(outcome.reverse_name, "b.example");
    assert_slice(outcome.name, "");
    world_address("192.0.2.3");
    world_nothing(QUESTION_PTR, "3.2.0.192.in-addr.arpa");
    assert_result(iprev(&facts, answers, arena).result, AUTH_PERMERROR, "no name");
    world_address("192.0.2.4");
    world_failure(QUESTION_PTR, "4.2.0.192.in-addr.arpa");
    assert_result(iprev(&facts, answers, arena).result, AUTH_TEMPERROR, "no answer");
    world_address("192.0.2.5");
    world_names(QUESTION_PTR, "5.2.0.192.in-addr.arpa", (const char *[]){ "c.example" }, 1);
    world_failure(QUESTION_A, "c.example");
    assert_result(iprev(&facts, answers, arena).result, AUTH_TEMPERROR, "no answer for the name");
}
END_TEST

START_TEST(test_limit)
{
    const char *names[] = { "a.example", "b.example", "c.example", "d.example", "e.example", "f.example",
                            "g.example", "h.example", "i.example", "j.example", "k.example" };
    world_names(QUESTION_PTR, REVERSE, names, 11);
    iprev(&facts, answers, arena);
    ck_assert_uint_eq(answers_missing_count(answers), IPREV_NAMES_MOST);
}
END_TEST

Suite *suite_iprev(void);
Suite *suite_iprev(void)
{
    Suite *suite = suite_create("iprev");
    TCase *tests = tcase_create("iprev");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_test(tests, test_reverse_names);
    tcase_add_test(tests, test_pass);
    tcase_add_test(tests, test_others);
    tcase_add_test(tests, test_limit);
    suite_add_tcase(suite, tests);
    return suite;
}
