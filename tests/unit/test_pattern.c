/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pattern.c: patterns on characters, on bytes, at their limits, with machine code and without.
 */
#include <check.h>

#include "rules/pattern.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(&arena);
}

static const struct {
    const char *pattern;
    const char *text;
    enum pattern_result result;
} matches[] = {
    { "b", "abc", PATTERN_YES }, { "^b", "abc", PATTERN_NO }, { "", "", PATTERN_YES }, { "x*", "", PATTERN_YES },
    { "ABC", "abc", PATTERN_NO }, { "(?i)ABC", "abc", PATTERN_YES },
    { "^.$", "\xC3\xBC", PATTERN_YES },                    /* one character */
    { "(?i)\xC3\x9C", "\xC3\xBC", PATTERN_YES },
    { "^..$", "\xC3\xBC", PATTERN_NO },
    { "^..$", "\xC3\xFC", PATTERN_YES },                   /* not UTF-8: two bytes */
    { "cheap.*pills", "cheap \xFF pills", PATTERN_YES },   /* a stray byte hides nothing */
    { "\\x{263A}", "\xE2\x98\xBA", PATTERN_YES },
    { "\\x{263A}", "\xFF \xE2\x98\xBA", PATTERN_YES },     /* makes sense for characters only */
    { "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", PATTERN_GAVE_UP },
    { "^(([a-z])+.)+[A-Z]([a-z])+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", PATTERN_GAVE_UP },
};

START_TEST(test_match)
{
    for (int jit = 0; jit < 2; jit++) {
        struct slice problem;
        size_t at;
        struct pattern *pattern = pattern_compile(slice_of_string(matches[_i].pattern), jit == 1, arena, &problem, &at);

        ck_assert_ptr_nonnull(pattern);
        ck_assert_int_eq(pattern_match(pattern, slice_of_string(matches[_i].text)), matches[_i].result);
        ck_assert(jit == 1 || !pattern_has_jit(pattern));
    }
}
END_TEST

/* More backtracking than the stack of machine code holds, and not too much for the interpreter. */
START_TEST(test_long_text)
{
    char *text = arena_alloc(arena, 10001);
    struct slice problem;
    size_t at;

    memset(text, 'a', 10000);
    text[9999] = 'c';
    for (int jit = 0; jit < 2; jit++) {
        struct pattern *pattern = pattern_compile(SLICE("^(?:a|b)*c$"), jit == 1, arena, &problem, &at);

        ck_assert_int_eq(pattern_match(pattern, slice_of(text, 10000)), PATTERN_YES);
    }
}
END_TEST

START_TEST(test_wrong)
{
    struct slice problem = SLICE_NONE;
    size_t at = 0;

    ck_assert_ptr_null(pattern_compile(SLICE("a(b"), true, arena, &problem, &at));
    ck_assert(slice_equal(problem, SLICE("missing closing parenthesis")));
    ck_assert_uint_eq(at, 3);
}
END_TEST

Suite *suite_pattern(void);

Suite *suite_pattern(void)
{
    Suite *suite = suite_create("pattern");
    TCase *tests = tcase_create("pattern");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_match, 0, sizeof(matches) / sizeof(*matches));
    tcase_add_test(tests, test_long_text);
    tcase_add_test(tests, test_wrong);
    suite_add_tcase(suite, tests);
    return suite;
}
