/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_check.c: every tests/rules/NAME.rules against its NAME.expect: all messages, and if there is no error the
 * canonical text, which must also come out of loading it again. MXWARD_SOURCE_DIR says where the sources are; default
 * ".".
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/rules_language.h"

/* What one file of tests may have. */
#define FILE_MOST 200000
/* At least as many pairs must be found; a wrong folder would pass otherwise. */
#define PAIRS_LEAST 20

static struct arena *arena;
static const char *folder;

static void setup(void)
{
    const char *sources = getenv("MXWARD_SOURCE_DIR");

    arena = arena_new();
    folder = arena_printf(arena, "%s/tests/rules", sources == NULL ? "." : sources).text;
}

static void teardown(void)
{
    arena_free(&arena);
}

static bool read_file(void *context, const char *path, struct arena *into, struct slice *text_out,
                      struct slice *problem_out)
{
    FILE *file = fopen(arena_printf(into, "%s/%s", folder, path).text, "rb");
    char *text;
    size_t length;

    (void)context;
    if (file == NULL) {
        *problem_out = SLICE("no such file");
        return false;
    }
    text = arena_alloc(into, FILE_MOST);
    length = fread(text, 1, FILE_MOST - 1, file);
    ck_assert_uint_lt(length, FILE_MOST - 1);
    fclose(file);
    *text_out = slice_of(text, length);
    return true;
}

static struct slice load_and_print(const char *name, bool again)
{
    struct program_reader reader = { read_file, NULL };
    struct diagnostics diagnostics;
    struct program *program;
    struct slice messages, canonical = SLICE("");

    diagnostics_init(&diagnostics, arena);
    program = program_load(&test_language, &name, 1, &reader, arena, &diagnostics);
    messages = diagnostics_text(&diagnostics, arena);
    ck_assert_int_eq(program == NULL, diagnostics.errors > 0);
    if (program != NULL) {
        struct slice image = program_image(program, arena), problem = SLICE_NONE;
        struct program *opened = program_open(&test_language, image, arena, &problem);

        canonical = program_print(program, arena);
        ck_assert_msg(opened != NULL, "%s: %.*s", name, SLICE_ARG(problem));
        ck_assert(slice_equal(program_print(opened, arena), canonical));
    }
    if (!again)
        return canonical;
    return arena_printf(arena, "%.*s%.*s", SLICE_ARG(messages), SLICE_ARG(canonical));
}

static void check_pair(const char *name, size_t length)
{
    const char *rules = arena_printf(arena, "%.*s.rules", (int)length, name).text;
    const char *expect = arena_printf(arena, "%.*s.expect", (int)length, name).text;
    struct slice expected, problem, found = load_and_print(rules, true);

    ck_assert_msg(read_file(NULL, expect, arena, &expected, &problem), "%s is missing", expect);
    ck_assert_msg(slice_equal(found, expected), "%s: found\n%.*sexpected\n%.*s", rules, SLICE_ARG(found),
                  SLICE_ARG(expected));
}

START_TEST(test_pairs)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    size_t pairs = 0;

    ck_assert_msg(entries != NULL, "%s: cannot be read", folder);
    while ((entry = readdir(entries)) != NULL) {
        size_t length = strlen(entry->d_name);

        if (length > 6 && strcmp(entry->d_name + length - 6, ".rules") == 0) {
            check_pair(entry->d_name, length - 6);
            pairs++;
        }
    }
    closedir(entries);
    ck_assert_uint_ge(pairs, PAIRS_LEAST);
}
END_TEST

START_TEST(test_canonical_again)
{
    const char *text = arena_string(arena, load_and_print("canonical.rules", false));
    const char *const files[] = { "again.rules", text, "lists/good.cidr", "192.0.2.1\n", NULL };
    const char *const paths[] = { "again.rules" };
    struct program_reader reader = { test_read_memory, (void *)(uintptr_t)files };
    struct diagnostics diagnostics;
    struct program *program;

    diagnostics_init(&diagnostics, arena);
    program = program_load(&test_language, paths, 1, &reader, arena, &diagnostics);
    ck_assert_ptr_nonnull(program);
    ck_assert_str_eq(program_print(program, arena).text, text);
}
END_TEST

Suite *suite_check(void);

Suite *suite_check(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_pairs);
    tcase_add_test(tests, test_canonical_again);
    suite_add_tcase(suite, tests);
    return suite;
}
