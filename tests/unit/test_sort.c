/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sort.c: orders that strangers may give.
 */
#include "policy/sort.h"

#include <stdint.h>

#include <check.h>

#define MOST 1000

static size_t comparisons;

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t *one = a, *other = b;
    comparisons++;
    return (*one > *other) - (*one < *other);
}

static uint32_t falling(size_t i) { return (uint32_t)(MOST - i); }
static uint32_t rising(size_t i) { return (uint32_t)i; }
static uint32_t alike(size_t i) { return (uint32_t)i * 0; }
static uint32_t repeated(size_t i) { return (uint32_t)i % 7; }
/* Numerical Recipes' generator: neighbours have nothing in common. */
static uint32_t mixed(size_t i) { return (uint32_t)i * 1664525 + 1013904223; }
/* Up, then down: what a quicksort that takes the middle for its pivot is slow with. */
static uint32_t roof(size_t i) { return (uint32_t)(i < MOST / 2 ? i : MOST - i); }

static uint32_t (*const orders[])(size_t i) = { falling, rising, alike, repeated, mixed, roof };

START_TEST(sorted_in_bounded_time)
{
    static const size_t counts[] = { 0, 1, 2, 3, 10, 127, 128, MOST };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint32_t numbers[MOST + 1];
        uint64_t sum = 0, sorted_sum = 0;
        for (size_t j = 0; j < counts[i]; j++)
            sum += numbers[j] = orders[_i](j);
        numbers[counts[i]] = 4711;
        comparisons = 0;
        sort_items(numbers, counts[i], sizeof numbers[0], compare_numbers);
        for (size_t j = 0; j < counts[i]; j++) {
            sorted_sum += numbers[j];
            ck_assert(j == 0 || numbers[j - 1] <= numbers[j]);
        }
        ck_assert_uint_eq(sum, sorted_sum);
        ck_assert_uint_eq(numbers[counts[i]], 4711);
        /* 2 n log2 n of the second half of heap sort, 2 n of the first. */
        ck_assert_uint_le(comparisons, 2 * counts[i] * 10 + 2 * counts[i]);
    }
}
END_TEST

Suite *suite_sort(void);
Suite *suite_sort(void)
{
    Suite *suite = suite_create("sort");
    TCase *tests = tcase_create("sort");
    tcase_add_loop_test(tests, sorted_in_bounded_time, 0, sizeof orders / sizeof orders[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
