/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_program.c: several files as one program, what others ask of it, its image, and damaged images.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/rules_language.h"

static struct arena *arena;
static struct diagnostics diagnostics;

static const char *const files[] = {
    "etc/first.rules",
    "list partners cidr file \"lists/p\"\n"
    "list ours domain { \"example.org\" }\n"
    "rule one at connect { when client.ip in partners then accept }\n"
    "rule two at message { when from.domain in ours and header[\"X-A\"] is absent then tag \"X-Tag\" \"{dkim.domain}\" "
    "}\n",
    "etc/lists/p",
    "192.0.2.0/24\n",
    "second.rules",
    "list words pattern { \"(?i)pills\" }\n"
    "rule three at message { when header[\"Subject\"] in words or header[\"x-a\"] matches \"y\" then tag \"x-tag\" "
    "\"again\"\n"
    "    then tag \"X-Other\" \"b\" then reject 554 \"no\" }\n"
    "rule four at message { when always then reject \"no\" mode shadow on-unknown pass }\n"
    "rule five at message { when indirect then tag \"X-Shadow\" \"b\" mode shadow }\n",
    "broken.rules",
    "rule one at connect { when client.ip in parners then accept }\n",
    NULL,
};

static void setup(void)
{
    arena = arena_new();
    diagnostics_init(&diagnostics, arena);
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct program *load(const char *const *paths, size_t count)
{
    struct program_reader reader = { test_read_memory, (void *)(uintptr_t)files };

    return program_load(&test_language, paths, count, &reader, arena, &diagnostics);
}

static struct program *load_good(void)
{
    static const char *const paths[] = { "etc/first.rules", "second.rules" };
    struct program *program = load(paths, 2);

    ck_assert_msg(program != NULL, "%s", diagnostics_text(&diagnostics, arena).text);
    return program;
}

static void assert_asked(const struct program *program)
{
    ck_assert_uint_eq(program_rules_count(program), 5);
    ck_assert(program_has_stage(program, TEST_CONNECT));
    ck_assert(!program_has_stage(program, TEST_MAIL));
    ck_assert(program_has_stage(program, TEST_MESSAGE));
    ck_assert(!program_has_stage(program, 99));
    ck_assert(program_stage_reads(program, TEST_CONNECT, "client.ip"));
    ck_assert(program_stage_reads(program, TEST_CONNECT, "client"));
    ck_assert(!program_stage_reads(program, TEST_CONNECT, "client.i"));
    ck_assert(!program_stage_reads(program, TEST_CONNECT, "cli"));
    ck_assert(program_stage_reads(program, TEST_MESSAGE, "dkim"));         /* in a text */
    ck_assert(!program_stage_reads(program, TEST_MESSAGE, "spf"));
    ck_assert_str_eq(program_added_field(program, 0), "X-Tag");
    ck_assert_str_eq(program_added_field(program, 1), "X-Other");
    ck_assert_ptr_null(program_added_field(program, 2));                   /* a shadow rule adds nothing */
    ck_assert_str_eq(program_read_header(program, 0), "X-A");
    ck_assert_str_eq(program_read_header(program, 1), "Subject");
    ck_assert_ptr_null(program_read_header(program, 2));
    ck_assert_str_eq(program_unknown_note(program, 0), "three at message: reject; while unknown: defer 451");
    ck_assert_str_eq(
        program_unknown_note(program, 1),
        "four at message: reject; while unknown: does not match (on-unknown pass) (shadow: only recorded)");
    ck_assert_ptr_null(program_unknown_note(program, 2));
}

START_TEST(test_asked)
{
    assert_asked(load_good());
}
END_TEST

START_TEST(test_image)
{
    struct program *program = load_good();
    struct slice image = program_image(program, arena), problem = SLICE_NONE, again;
    struct program *opened = program_open(&test_language, image, arena, &problem);

    ck_assert_msg(opened != NULL, "%.*s", SLICE_ARG(problem));
    assert_asked(opened);
    ck_assert(!program_uses_jit(program));
    ck_assert(slice_equal(program_print(program, arena), program_print(opened, arena)));
    again = program_image(opened, arena);
    ck_assert(slice_equal(image, again));
}
END_TEST

/* The image's hash names the program in records: the same rules and lists elsewhere are the same program. */
START_TEST(test_image_is_of_content)
{
    static const char *const moved_files[] = {
        "old/one.rules", "list p cidr file \"p\"\nrule one at connect { when client.ip in p then accept }\n",
        "old/p", "192.0.2.0/24\n",
        "new/elsewhere/two.rules",
        "list p cidr file \"p\"\nrule one at connect { when client.ip in p then accept }\n",
        "new/elsewhere/p", "192.0.2.0/24\n",
        "list/one.rules", "list p cidr file \"p\"\nrule one at connect { when client.ip in p then accept }\n",
        "list/p", "192.0.2.0/25\n",
        "rule/one.rules", "list p cidr file \"p\"\nrule one at connect { when client.ip in p then accept \"x\" }\n",
        "rule/p", "192.0.2.0/24\n",
        NULL,
    };
    static const char *const paths[] = { "old/one.rules", "new/elsewhere/two.rules", "list/one.rules",
                                         "rule/one.rules" };
    struct program_reader reader = { test_read_memory, (void *)(uintptr_t)moved_files };
    struct slice images[4];

    for (size_t i = 0; i < 4; i++) {
        struct program *program = program_load(&test_language, &paths[i], 1, &reader, arena, &diagnostics);
        ck_assert_msg(program != NULL, "%s", diagnostics_text(&diagnostics, arena).text);
        images[i] = program_image(program, arena);
    }
    ck_assert(slice_equal(images[0], images[1]));
    ck_assert(!slice_equal(images[0], images[2]));
    ck_assert(!slice_equal(images[0], images[3]));
}
END_TEST

START_TEST(test_errors_of_all_files)
{
    static const char *const paths[] = { "etc/first.rules", "broken.rules", "missing.rules" };

    ck_assert_ptr_null(load(paths, 3));
    ck_assert_str_eq(diagnostics_text(&diagnostics, arena).text,
                     "error: cannot read the rules \"missing.rules\": no such file\n"
                     "broken.rules:1:6: error: there is a rule \"one\" already, at etc/first.rules:3:6\n"
                     "rule one at connect { when client.ip in parners then accept }\n"
                     "     ^~~\n"
                     "broken.rules:1:41: error: unknown list \"parners\"; did you mean \"partners\"?\n"
                     "rule one at connect { when client.ip in parners then accept }\n"
                     "                                        ^~~~~~~\n");
}
END_TEST

START_TEST(test_no_files)
{
    struct program *program = load(NULL, 0);
    struct slice image, problem;

    ck_assert_ptr_nonnull(program);
    ck_assert(!program_has_stage(program, TEST_MESSAGE));
    ck_assert_ptr_null(program_added_field(program, 0));
    image = program_image(program, arena);
    ck_assert_ptr_nonnull(program_open(&test_language, image, arena, &problem));
}
END_TEST

/* Each byte changed in turn, and each length: refused, or a program, never a read past the end. */
START_TEST(test_damaged_image)
{
    struct slice image = program_image(load_good(), arena);

    for (size_t i = 0; i < image.length * 2; i++) {
        struct arena *passing = arena_new();
        size_t length = i < image.length ? i : image.length;
        char *copy = arena_string(passing, slice_first(image, length));
        struct slice problem = SLICE_NONE;
        struct program *opened;

        if (i >= image.length)
            copy[i - image.length] = (char)(copy[i - image.length] ^ 0x81);
        opened = program_open(&test_language, slice_of(copy, length), passing, &problem);
        ck_assert(opened == NULL || i >= image.length);
        ck_assert(opened != NULL || problem.length > 0);
        arena_free(&passing);
    }
}
END_TEST

/* Offset and length that are beyond the end only together, even where their sum is too large for a number. */
START_TEST(test_wrong_ranges)
{
    struct slice image = program_image(load_good(), arena);
    const uint64_t wrong[] = { UINT64_MAX, UINT64_MAX - 31, image.length, image.length + 1, UINT64_MAX / 2 };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong) * 4; i++) {
        char *copy = arena_string(arena, image);
        struct slice problem = SLICE_NONE;

        /* Behind a header of 32 bytes: offset and length of the first row's name, and of its contents. */
        memcpy(copy + 32 + 8 * (i % 4), &wrong[i / 4], sizeof(*wrong));
        ck_assert_ptr_null(program_open(&test_language, slice_of(copy, image.length), arena, &problem));
        ck_assert(slice_equal(problem, SLICE("an offset in the image is wrong")));
    }
}
END_TEST

START_TEST(test_wrong_version)
{
    struct slice image = program_image(load_good(), arena), problem;
    char *copy = arena_string(arena, image);

    copy[8]++;
    ck_assert_ptr_null(program_open(&test_language, slice_of(copy, image.length), arena, &problem));
    ck_assert(slice_equal(problem, SLICE("the image is of another version")));
}
END_TEST

START_TEST(test_limits)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (int i = 0; i <= 5000; i++)
        fprintf(out, "rule r%d at connect { when always then score 1 }\n", i);
    for (int i = 0; i <= 500; i++)
        fprintf(out, "list l%d domain { }\n", i);
    fclose(out);
    ck_assert_ptr_null(test_load(text, arena, &diagnostics));
    ck_assert(slice_starts_with(diagnostics_text(&diagnostics, arena),
                                SLICE("test.rules:5001:6: error: more than 5000 rules\n")));
    *strstr(text, "rule r4999") = '#';
    ck_assert_ptr_null(test_load(text, arena, &diagnostics));
    ck_assert(slice_starts_with(diagnostics_text(&diagnostics, arena),
                                SLICE("test.rules:5502:6: error: more than 500 lists\n")));
    free(text);
}
END_TEST

Suite *suite_program(void);

Suite *suite_program(void)
{
    Suite *suite = suite_create("program");
    TCase *tests = tcase_create("program");

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_asked);
    tcase_add_test(tests, test_image);
    tcase_add_test(tests, test_image_is_of_content);
    tcase_add_test(tests, test_errors_of_all_files);
    tcase_add_test(tests, test_no_files);
    tcase_add_test(tests, test_damaged_image);
    tcase_add_test(tests, test_wrong_ranges);
    tcase_add_test(tests, test_wrong_version);
    tcase_add_test(tests, test_limits);
    suite_add_tcase(suite, tests);
    return suite;
}
