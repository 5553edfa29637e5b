/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_slice.c: comparing, cutting and reading borrowed text, absent and empty ones included.
 */
#include <check.h>

#include "rules/slice.h"

START_TEST(test_equal)
{
    ck_assert(slice_equal(SLICE("abc"), SLICE("abc")));
    ck_assert(!slice_equal(SLICE("abc"), SLICE("abd")));
    ck_assert(!slice_equal(SLICE("abc"), SLICE("ab")));
    ck_assert(slice_equal(SLICE(""), SLICE_NONE));
    ck_assert(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    ck_assert(!slice_equal(SLICE("a\0b"), SLICE("a\0c")));
    ck_assert(slice_equal_nocase(SLICE("AbC"), SLICE("aBc")));
    ck_assert(!slice_equal_nocase(SLICE("@["), SLICE("`{")));
    ck_assert(!slice_equal_nocase(SLICE("\xC4"), SLICE("\xE4")));
}
END_TEST

START_TEST(test_compare)
{
    ck_assert_int_lt(slice_compare(SLICE("a"), SLICE("b")), 0);
    ck_assert_int_lt(slice_compare(SLICE("a"), SLICE("ab")), 0);
    ck_assert_int_gt(slice_compare(SLICE("\xFF"), SLICE("a")), 0);
    ck_assert_int_eq(slice_compare(SLICE("ab"), SLICE("ab")), 0);
    ck_assert_int_eq(slice_compare(SLICE_NONE, SLICE("")), 0);
}
END_TEST

START_TEST(test_ends)
{
    ck_assert(slice_starts_with(SLICE("abc"), SLICE("ab")));
    ck_assert(slice_starts_with(SLICE("abc"), SLICE("")));
    ck_assert(!slice_starts_with(SLICE("ab"), SLICE("abc")));
    ck_assert(!slice_starts_with(SLICE("ABC"), SLICE("ab")));
    ck_assert(slice_starts_with_nocase(SLICE("ABC"), SLICE("ab")));
    ck_assert(slice_ends_with_nocase(SLICE("ABC"), SLICE("bc")));
    ck_assert(!slice_ends_with_nocase(SLICE("c"), SLICE("bc")));
}
END_TEST

START_TEST(test_trim)
{
    ck_assert(slice_equal(slice_trim(SLICE(" \t a b\r\n")), SLICE("a b")));
    ck_assert(slice_equal(slice_trim(SLICE(" \r\n")), SLICE("")));
    ck_assert(slice_equal(slice_trim(SLICE("\va")), SLICE("\va")));
}
END_TEST

START_TEST(test_line_end)
{
    ck_assert(slice_equal(slice_without_line_end(SLICE("a\r\n")), SLICE("a")));
    ck_assert(slice_equal(slice_without_line_end(SLICE("a\n")), SLICE("a")));
    ck_assert(slice_equal(slice_without_line_end(SLICE("a\r\r\n")), SLICE("a\r")));
    ck_assert(slice_equal(slice_without_line_end(SLICE("a\r\n\n")), SLICE("a\r\n")));
    ck_assert(slice_equal(slice_without_line_end(SLICE("\n")), SLICE("")));
    ck_assert(slice_equal(slice_without_line_end(SLICE_NONE), SLICE_NONE));
}
END_TEST

/* RFC 1035 2.3.4: 63 bytes. */
START_TEST(test_label)
{
    char longest[LABEL_MOST + 2];

    memset(longest, 'a', sizeof longest);
    ck_assert(slice_is_label(slice_of(longest, 63)));
    ck_assert(!slice_is_label(slice_of(longest, 64)));
    ck_assert(slice_is_label(SLICE("_Dmarc-1")));
    ck_assert(!slice_is_label(SLICE("")));
    ck_assert(!slice_is_label(SLICE("-a")));
    ck_assert(!slice_is_label(SLICE("a-")));
    ck_assert(!slice_is_label(SLICE("a.b")));
    ck_assert(!slice_is_label(SLICE("a b")));
    ck_assert(!slice_is_label(SLICE("\xC3\xBC")));
}
END_TEST

START_TEST(test_cut)
{
    static const char *const parts[] = { "a", "", "b", "" };
    struct slice rest = SLICE("a,,b,");
    size_t count = 0;

    while (rest.text != NULL) {
        ck_assert_uint_lt(count, 4);
        ck_assert(slice_equal(slice_cut(&rest, ','), slice_of_string(parts[count++])));
    }
    ck_assert_uint_eq(count, 4);
    rest = SLICE("");
    ck_assert_uint_eq(slice_cut(&rest, ',').length, 0);
    ck_assert_ptr_null(rest.text);
}
END_TEST

START_TEST(test_find_and_parts)
{
    ck_assert_uint_eq(slice_find(SLICE("abc"), 'c'), 2);
    ck_assert_uint_eq(slice_find(SLICE("abc"), 'd'), 3);
    ck_assert_uint_eq(slice_find(SLICE_NONE, 'd'), 0);
    ck_assert(slice_equal(slice_from(SLICE("abc"), 2), SLICE("c")));
    ck_assert(slice_is_empty(slice_from(SLICE("abc"), 4)));
    ck_assert(slice_equal(slice_first(SLICE("abc"), 2), SLICE("ab")));
    ck_assert(slice_equal(slice_first(SLICE("abc"), 9), SLICE("abc")));
}
END_TEST

static const struct {
    const char *text;
    unsigned long long most;
    bool good;
    unsigned long long number;
} numbers[] = {
    { "0", 0, true, 0 }, { "007", 7, true, 7 }, { "65535", 65535, true, 65535 }, { "65536", 65535, false, 0 },
    { "18446744073709551615", ~0ULL, true, ~0ULL }, { "18446744073709551616", ~0ULL, false, 0 },
    { "99999999999999999999999", ~0ULL, false, 0 }, { "7", 5, false, 0 },
    { "", 9, false, 0 }, { "-1", 9, false, 0 }, { "+1", 9, false, 0 }, { "1 ", 9, false, 0 }, { "0x1", 99, false, 0 },
};

START_TEST(test_number)
{
    unsigned long long number = 4711;

    ck_assert_int_eq(slice_number(slice_of_string(numbers[_i].text), numbers[_i].most, &number), numbers[_i].good);
    ck_assert_uint_eq(number, numbers[_i].good ? numbers[_i].number : 4711);
}
END_TEST

/* RFC 3629 3 and 4: the least and greatest of each length, and what is just outside. */
static const struct {
    const char *text;
    size_t length;
} characters[] = {
    { "a", 1 }, { "\x7F", 1 }, { "\xC2\x80", 2 }, { "\xDF\xBF", 2 }, { "\xE0\xA0\x80", 3 }, { "\xEF\xBF\xBF", 3 },
    { "\xED\x9F\xBF", 3 }, { "\xEE\x80\x80", 3 }, { "\xF0\x90\x80\x80", 4 }, { "\xF4\x8F\xBF\xBF", 4 },
    { "\x80", 0 }, { "\xC0\x80", 0 }, { "\xC1\xBF", 0 }, { "\xE0\x9F\xBF", 0 }, { "\xED\xA0\x80", 0 },
    { "\xF0\x8F\xBF\xBF", 0 }, { "\xF4\x90\x80\x80", 0 }, { "\xF5\x80\x80\x80", 0 }, { "\xC3", 0 }, { "\xC3" "a", 0 },
    { "\xE2\x82", 0 }, { "\xF0\x9F\x98", 0 }, { "\xFF", 0 }, { "", 0 },
};

START_TEST(test_utf8)
{
    ck_assert_uint_eq(text_utf8_length(slice_of_string(characters[_i].text)), characters[_i].length);
}
END_TEST

START_TEST(test_utf8_text)
{
    size_t bad = 99;

    ck_assert(text_is_utf8(SLICE("gr\xC3\xBC\xC3\x9F" "e \xF0\x9F\x98\x80"), &bad));
    ck_assert(text_is_utf8(SLICE(""), &bad));
    ck_assert_uint_eq(bad, 99);
    ck_assert(!text_is_utf8(SLICE("gr\xC3\xBC\xFC"), &bad));
    ck_assert_uint_eq(bad, 4);
}
END_TEST

/* ASCII is looked at eight bytes at a time: what is wrong is found wherever it stands. */
START_TEST(test_utf8_wrong_anywhere)
{
    for (size_t at = 0; at < 24; at++) {
        char text[] = "twenty-four bytes of it.";
        size_t bad = 99;

        text[at] = '\x80';
        ck_assert(!text_is_utf8(slice_of_string(text), &bad));
        ck_assert_uint_eq(bad, at);
    }
}
END_TEST

static const struct { const char *text; size_t length; } shown[] = {
    { "a\xE2\x80\xAE", 1 }, { "\xC3\xBC", 2 }, { "\xE2\x82\xAC", 3 }, { "\xF0\x9F\x98\x80", 4 }, { "\xC2\xA0", 2 },
    /* the joiners, and what stands beside the others */
    { "\xE2\x80\x8C", 3 }, { "\xE2\x80\x8D", 3 }, { "\xE2\x80\xA7", 3 }, { "\xE2\x80\xAF", 3 },
    { "\xD8\x9C", 0 }, { "\xE2\x80\x8B", 0 }, { "\xE2\x80\x8E", 0 }, { "\xE2\x80\x8F", 0 }, { "\xE2\x80\xA8", 0 },
    { "\xE2\x80\xAA", 0 }, { "\xE2\x80\xAE", 0 }, { "\xE2\x81\xA0", 0 }, { "\xE2\x81\xA6", 0 }, { "\xE2\x81\xA9", 0 },
    { "\xEF\xBB\xBF", 0 }, { "\x1B", 0 }, { "\t", 0 }, { "\x7F", 0 }, { "\xC2\x9B", 0 }, { "\xFF", 0 }, { "", 0 },
};

START_TEST(test_shown)
{
    ck_assert_uint_eq(text_shown_length(slice_of_string(shown[_i].text)), shown[_i].length);
}
END_TEST

Suite *suite_slice(void);

Suite *suite_slice(void)
{
    Suite *suite = suite_create("slice");
    TCase *tests = tcase_create("slice");

    tcase_add_test(tests, test_equal);
    tcase_add_test(tests, test_compare);
    tcase_add_test(tests, test_ends);
    tcase_add_test(tests, test_trim);
    tcase_add_test(tests, test_line_end);
    tcase_add_test(tests, test_label);
    tcase_add_test(tests, test_cut);
    tcase_add_test(tests, test_find_and_parts);
    tcase_add_loop_test(tests, test_number, 0, sizeof(numbers) / sizeof(*numbers));
    tcase_add_loop_test(tests, test_utf8, 0, sizeof(characters) / sizeof(*characters));
    tcase_add_loop_test(tests, test_shown, 0, sizeof(shown) / sizeof(*shown));
    tcase_add_test(tests, test_utf8_text);
    tcase_add_test(tests, test_utf8_wrong_anywhere);
    suite_add_tcase(suite, tests);
    return suite;
}
