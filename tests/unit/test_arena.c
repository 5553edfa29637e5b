/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_arena.c: memory of an arena is zeroed, aligned and apart; what ends with it is released in order.
 */
#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "rules/arena.h"

static bool is_zeroed(const unsigned char *memory, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (memory[i] != 0)
            return false;
    return true;
}

START_TEST(test_alloc)
{
    static const size_t sizes[] = { 0, 1, 7, 16, 17, 900, 1001, 4000, 5000, 300000, 3 };
    struct arena *arena = arena_new();
    unsigned char *last = NULL;

    for (unsigned round = 0; round < 10; round++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            unsigned char *memory = arena_alloc(arena, sizes[i]);

            ck_assert_ptr_ne(memory, last);
            ck_assert_uint_eq((uintptr_t)memory % _Alignof(max_align_t), 0);
            ck_assert(is_zeroed(memory, sizes[i]));
            memset(memory, 0xA5, sizes[i]);
            last = memory;
        }
    }
    arena_free(&arena);
    ck_assert_ptr_null(arena);
    arena_free(&arena);
}
END_TEST

START_TEST(test_reset)
{
    struct arena *arena = arena_new();

    for (int round = 0; round < 10; round++) {
        unsigned char *memory = arena_alloc(arena, 1000);

        ck_assert(is_zeroed(memory, 1000));
        memset(memory, 0xFF, 1000);
        arena_alloc(arena, 1 << 20);
        ck_assert_uint_eq(arena_used(arena), 1000 + (1 << 20));
        arena_reset(arena);
        ck_assert_uint_eq(arena_used(arena), 0);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(test_copies)
{
    struct arena *arena = arena_new();
    struct slice copy = arena_copy(arena, slice_of("a\0bcd", 4));

    ck_assert(slice_equal(copy, slice_of("a\0bc", 4)));
    ck_assert_int_eq(copy.text[4], '\0');
    ck_assert_ptr_null(arena_copy(arena, SLICE_NONE).text);
    ck_assert_ptr_nonnull(arena_copy(arena, SLICE("")).text);
    ck_assert_str_eq(arena_string(arena, SLICE("text")), "text");
    ck_assert_str_eq(arena_string(arena, SLICE_NONE), "");
    copy = arena_printf(arena, "%s %d", "x", 42);
    ck_assert(slice_equal(copy, SLICE("x 42")));
    ck_assert_int_eq(copy.text[4], '\0');
    arena_free(&arena);
}
END_TEST

static unsigned order;

static void release(void *thing)
{
    unsigned *place = thing;

    *place = ++order;
}

START_TEST(test_endings)
{
    struct arena *arena = arena_new();
    unsigned first = 0, second = 0;

    order = 0;
    arena_at_end(arena, release, &first);
    arena_at_end(arena, release, &second);
    ck_assert_uint_eq(order, 0);
    arena_reset(arena);
    ck_assert_uint_eq(second, 1);
    ck_assert_uint_eq(first, 2);
    arena_at_end(arena, release, &first);
    arena_free(&arena);
    ck_assert_uint_eq(first, 3);
}
END_TEST

START_TEST(test_array_overflow)
{
    struct arena *arena = arena_new();

    arena_array(arena, SIZE_MAX / 4, 8);
}
END_TEST

START_TEST(test_heap)
{
    char *text = memory_string("abc");
    unsigned char *zeroed = memory_zeroed(3, 5);

    ck_assert_str_eq(text, "abc");
    text = memory_grown(text, 100);
    ck_assert_str_eq(text, "abc");
    ck_assert(is_zeroed(zeroed, 15));
    free(text);
    free(zeroed);
    text = memory_alloc(0);
    ck_assert_ptr_nonnull(text);
    free(text);
}
END_TEST

Suite *suite_arena(void);

Suite *suite_arena(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");

    tcase_add_test(tests, test_alloc);
    tcase_add_test(tests, test_reset);
    tcase_add_test(tests, test_copies);
    tcase_add_test(tests, test_endings);
    tcase_add_test_raise_signal(tests, test_array_overflow, SIGABRT);
    tcase_add_test(tests, test_heap);
    suite_add_tcase(suite, tests);
    return suite;
}
