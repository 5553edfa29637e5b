/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_restarts.c: at once until the fifth death in ten seconds, then with a growing pause.
 */
#include <check.h>
#include <stdlib.h>

#include "proxy/restarts.h"

START_TEST(fifth_in_ten_seconds)
{
    struct restarts restarts = { 0 };

    for (uint64_t death = 0; death < 4; death++)
        ck_assert_uint_eq(restarts_note(&restarts, 1000 + death * 2000), 0);
    ck_assert_uint_eq(restarts_note(&restarts, 11000), RESTARTS_PAUSE_LEAST);
}
END_TEST

START_TEST(fifth_later)
{
    struct restarts restarts = { 0 };

    for (uint64_t death = 0; death < 50; death++)
        ck_assert_uint_eq(restarts_note(&restarts, death * 2600), 0);
}
END_TEST

START_TEST(pause_grows_to_a_bound)
{
    struct restarts restarts = { 0 };
    uint64_t now = 5;
    unsigned last = 0;

    for (int death = 0; death < 4; death++)
        ck_assert_uint_eq(restarts_note(&restarts, now), 0);
    for (int death = 0; death < 12; death++) {
        unsigned pause = restarts_note(&restarts, now);
        unsigned twice = last * 2 < RESTARTS_PAUSE_MOST ? last * 2 : RESTARTS_PAUSE_MOST;

        ck_assert_uint_eq(pause, death == 0 ? RESTARTS_PAUSE_LEAST : twice);
        last = pause;
        now += pause;
    }
    ck_assert_uint_eq(last, RESTARTS_PAUSE_MOST);
}
END_TEST

START_TEST(health_is_remembered)
{
    struct restarts restarts = { 0 };
    uint64_t now = 100;

    for (int death = 0; death < 8; death++)
        now += restarts_note(&restarts, now);
    now += RESTARTS_PAUSE_MOST + RESTARTS_WINDOW + 1;
    ck_assert_uint_eq(restarts_note(&restarts, now), 0);
}
END_TEST

Suite *suite_restarts(void)
{
    Suite *suite = suite_create("restarts");
    TCase *tests = tcase_create("restarts");

    tcase_add_test(tests, fifth_in_ten_seconds);
    tcase_add_test(tests, fifth_later);
    tcase_add_test(tests, pause_grows_to_a_bound);
    tcase_add_test(tests, health_is_remembered);
    suite_add_tcase(suite, tests);
    return suite;
}
