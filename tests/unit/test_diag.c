/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_diag.c: how messages look: line, column, caret, order, tabs, long lines, and text that a terminal must not get.
 */
#include <check.h>

#include "rules/diag.h"

static struct arena *arena;
static struct diagnostics diagnostics;

static void setup(void)
{
    arena = arena_new();
    diagnostics_init(&diagnostics, arena);
}

static void teardown(void)
{
    arena_free(&arena);
}

static void assert_text(const char *expected)
{
    ck_assert_str_eq(diagnostics_text(&diagnostics, arena).text, expected);
}

START_TEST(test_caret)
{
    struct source source = { .name = "default.rules",
                             .text = SLICE("rule x at y {\n    when  dmarc.reslt == fail\n}\n") };

    diag_error(&diagnostics, (struct span){ &source, 24, 11 }, "unknown fact \"%s\"", "dmarc.reslt");
    assert_text("default.rules:2:11: error: unknown fact \"dmarc.reslt\"\n"
                "    when  dmarc.reslt == fail\n"
                "          ^~~~~~~~~~~\n");
}
END_TEST

START_TEST(test_tabs_and_utf8)
{
    struct source source = { .name = "a", .text = SLICE("\tgr\xC3\xBC\xC3\x9F\te x\r\nnext") };

    diag_warning(&diagnostics, (struct span){ &source, 9, 1 }, "x");
    diag_error(&diagnostics, (struct span){ &source, 3, 4 }, "u");
    assert_text("a:1:4: error: u\n\tgr\xC3\xBC\xC3\x9F\te x\n\t  ^~\n"
                "a:1:8: warning: x\n\tgr\xC3\xBC\xC3\x9F\te x\n\t    \t ^\n");
}
END_TEST

START_TEST(test_order)
{
    struct source first = { .name = "1", .text = SLICE("ab"), .order = 1 };
    struct source second = { .name = "2", .text = SLICE("ab"), .order = 2 };

    diag_error(&diagnostics, (struct span){ &second, 0, 1 }, "three");
    diag_error(&diagnostics, (struct span){ &first, 1, 1 }, "two");
    diag_error(&diagnostics, (struct span){ &first, 0, 1 }, "one");
    diag_error(&diagnostics, (struct span){ NULL, 0, 0 }, "zero");
    diag_error(&diagnostics, (struct span){ &first, 1, 1 }, "two again");
    assert_text("error: zero\n1:1:1: error: one\nab\n^\n1:1:2: error: two\nab\n ^\n1:1:2: error: two again\nab\n ^\n"
                "2:1:1: error: three\nab\n^\n");
    ck_assert_uint_eq(diagnostics.errors, 5);
    ck_assert_uint_eq(diagnostics.warnings, 0);
}
END_TEST

START_TEST(test_order_of_reports)
{
    struct source first = { .name = "1", .text = SLICE("ab") };
    struct source second = { .name = "2", .text = SLICE("ab") };

    diag_error(&diagnostics, (struct span){ &second, 0, 0 }, "a");
    diag_error(&diagnostics, (struct span){ &first, 0, 0 }, "b");
    diag_error(&diagnostics, (struct span){ &second, 1, 0 }, "c");
    assert_text("2:1:1: error: a\nab\n^\n2:1:2: error: c\nab\n ^\n1:1:1: error: b\nab\n^\n");
}
END_TEST

START_TEST(test_ends_of_text)
{
    struct source source = { .name = "e", .text = SLICE("ab\n") };
    struct source empty = { .name = "n", .text = SLICE_NONE };

    diag_error(&diagnostics, (struct span){ &source, 2, 5 }, "end of line");
    diag_error(&diagnostics, (struct span){ &source, 3, 0 }, "end of file");
    diag_error(&diagnostics, (struct span){ &source, 99, 7 }, "past it");
    diag_error(&diagnostics, (struct span){ &empty, 0, 0 }, "empty");
    assert_text(
        "e:1:3: error: end of line\nab\n  ^\ne:2:1: error: end of file\ne:2:1: error: past it\nn:1:1: error: empty\n");
}
END_TEST

START_TEST(test_several_lines)
{
    struct source source = { .name = "m", .text = SLICE("ab cd\nef") };

    diag_error(&diagnostics, (struct span){ &source, 3, 5 }, "from here");
    assert_text("m:1:4: error: from here\nab cd\n   ^~\n");
}
END_TEST

START_TEST(test_unprintable)
{
    struct source source = { .name = "u", .text = SLICE("\x1B[31m\xFF\xC2\x9B" "2J\xED\xA0\x80 x") };

    diag_error(&diagnostics, (struct span){ &source, 13, 1 }, "esc \x1B[0m");
    assert_text("u:1:11: error: esc ?[0m\n?[31m???2J??? x\n             ^\n");
}
END_TEST

START_TEST(test_long_line)
{
    struct source source = { .name = "l", .text = SLICE_NONE };
    char *line = arena_alloc(arena, 10001);
    struct slice text;

    memset(line, 'a', 10000);
    source.text = slice_of(line, 10000);
    diag_error(&diagnostics, (struct span){ &source, 5000, 3000 }, "long");
    text = diagnostics_text(&diagnostics, arena);
    ck_assert_uint_lt(text.length, 500);
    ck_assert(slice_starts_with(text, SLICE("l:1:5001: error: long\n")));
}
END_TEST

START_TEST(test_most)
{
    struct source source = { .name = "f", .text = SLICE("a") };
    struct slice text;

    for (int i = 0; i < 150; i++)
        diag_error(&diagnostics, (struct span){ &source, 0, 1 }, "%d", i);
    ck_assert_uint_eq(diagnostics.errors, 150);
    text = diagnostics_text(&diagnostics, arena);
    ck_assert(slice_ends_with_nocase(text, SLICE("error: 99\na\n^\nand 50 more not shown\n")));
}
END_TEST

static const char *name_next(void *context, size_t index)
{
    static const char *const names[] = { "dmarc.result", "spf", "spf.result", "indirect", "", "to", NULL };

    (void)context;
    return names[index];
}

static const struct {
    const char *word;
    const char *meant;
} words[] = {
    { "dmarc.reslt", "dmarc.result" }, { "dmarc.resutl", "dmarc.result" }, { "DMARC.result", "dmarc.result" },
    { "spv", "spf" }, { "psf", "spf" }, { "sp", "spf" }, { "spff", "spf" }, { "spf", "spf" },
    { "indrct", "indirect" }, { "x", NULL }, { "weather", NULL }, { "", NULL }, { "t", "to" }, { "xy", NULL },
};

START_TEST(test_did_you_mean)
{
    const char *meant = did_you_mean(slice_of_string(words[_i].word), name_next, NULL);

    if (words[_i].meant == NULL)
        ck_assert_ptr_null(meant);
    else
        ck_assert_str_eq(meant == NULL ? "nothing" : meant, words[_i].meant);
}
END_TEST

START_TEST(test_did_you_mean_long)
{
    char word[1000];

    memset(word, 'x', sizeof(word));
    ck_assert_ptr_null(did_you_mean(slice_of(word, sizeof(word)), name_next, NULL));
}
END_TEST

Suite *suite_diag(void);

Suite *suite_diag(void)
{
    Suite *suite = suite_create("diag");
    TCase *tests = tcase_create("diag");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_caret);
    tcase_add_test(tests, test_tabs_and_utf8);
    tcase_add_test(tests, test_order);
    tcase_add_test(tests, test_order_of_reports);
    tcase_add_test(tests, test_ends_of_text);
    tcase_add_test(tests, test_several_lines);
    tcase_add_test(tests, test_unprintable);
    tcase_add_test(tests, test_long_line);
    tcase_add_test(tests, test_most);
    tcase_add_loop_test(tests, test_did_you_mean, 0, sizeof(words) / sizeof(*words));
    tcase_add_test(tests, test_did_you_mean_long);
    suite_add_tcase(suite, tests);
    return suite;
}
