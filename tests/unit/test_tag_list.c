/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tag_list.c: RFC 6376 3.2.
 */
#include "policy/tag_list.h"

#include "tests/unit/auth_world.h"

static const struct {
    const char *text;
    const char *problem;
    size_t count;
} lists[] = {
    { "v=1; a=b",                NULL, 2 },
    { " v = 1 ;\r\n\ta=b c ;",   NULL, 2 },
    { "v=",                      NULL, 1 },
    { "v=1;x_2=a=b",             NULL, 2 },
    { "v=1;;a=b",                "tag without a value", 0 },
    { "v=1; a",                  "tag without a value", 0 },
    { "",                        "tag without a value", 0 },
    { "2v=1",                    "invalid tag name", 0 },
    { "v v=1",                   "invalid tag name", 0 },
    { "=1",                      "invalid tag name", 0 },
    { "v=1; v=2",                "a tag occurs twice", 0 },
    { "v=1; V=2",                NULL, 2 },
    { "v=\x01",                  "invalid character in a tag", 0 },
    { "v=1;\r\na=b",             "line end that is no fold", 0 },
    { "v=1;\n a=b",              "line end that is no fold", 0 },
    { "v=1;\r a=b",              "line end that is no fold", 0 },
    { "v=1;\r\r\n a=b",          "line end that is no fold", 0 },
    { "v=1;\r\n\n a=b",          "line end that is no fold", 0 },
    { "v=1;\n\r\n a=b",          "line end that is no fold", 0 },
    { "v=1;a=b\rc",              "line end that is no fold", 0 },
    { "v=1;\r\n \r\n\ta=b",      NULL, 2 },
};

START_TEST(test_lists)
{
    struct tag_list list;
    const char *problem;
    bool valid = tag_list_parse(slice_of_string(lists[_i].text), &list, &problem);
    ck_assert_pstr_eq(problem, lists[_i].problem);
    ck_assert_int_eq(valid, lists[_i].problem == NULL);
    if (valid)
        ck_assert_uint_eq(list.count, lists[_i].count);
}
END_TEST

START_TEST(test_values)
{
    struct tag_list list;
    const char *problem;
    ck_assert(tag_list_parse(SLICE("h= From : To\r\n :cc; b=ab c\r\n\td="), &list, &problem));
    assert_slice(tag_list_find(&list, "h"), "From : To\r\n :cc");
    ck_assert_ptr_null(tag_list_find(&list, "x").text);
    ck_assert(tag_list_has_word(tag_list_find(&list, "h"), SLICE("to"), true));
    ck_assert(!tag_list_has_word(tag_list_find(&list, "h"), SLICE("to"), false));
    ck_assert(!tag_list_has_word(tag_list_find(&list, "h"), SLICE("t"), true));
    assert_slice(tag_list_squeeze(tag_list_find(&list, "b"), arena), "abcd=");
}
END_TEST

START_TEST(test_base64)
{
    ck_assert(tag_list_is_base64(SLICE("abcd")));
    ck_assert(tag_list_is_base64(SLICE("ab\r\n +/ ")));
    ck_assert(tag_list_is_base64(SLICE("a b =\t= ")));
    ck_assert(!tag_list_is_base64(SLICE("")));
    ck_assert(!tag_list_is_base64(SLICE("====")));
    ck_assert(!tag_list_is_base64(SLICE("abc")));
    ck_assert(!tag_list_is_base64(SLICE("ab=c")));
    ck_assert(!tag_list_is_base64(SLICE("ab-_")));
}
END_TEST

START_TEST(test_bounded)
{
    struct tag_list list;
    const char *problem;
    char text[3 * 26 * 3] = "";
    size_t length = 0;
    for (char a = 'a'; a <= 'c'; a++)
        for (char b = 'a'; b <= 'z'; b++) {
            char tag[] = { a, b, '=', ';' };
            ck_assert_uint_le(length + 4, sizeof(text) + 100);
            if (length + 4 > sizeof(text))
                break;
            memcpy(text + length, tag, 4);
            length += 4;
        }
    bool valid = tag_list_parse(slice_of(text, length), &list, &problem);
    ck_assert_int_eq(valid, length / 4 <= TAG_LIST_MOST);
}
END_TEST

Suite *suite_tag_list(void);
Suite *suite_tag_list(void)
{
    Suite *suite = suite_create("tag_list");
    TCase *tests = tcase_create("lists");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_lists, 0, sizeof(lists) / sizeof(lists[0]));
    tcase_add_test(tests, test_values);
    tcase_add_test(tests, test_base64);
    tcase_add_test(tests, test_bounded);
    suite_add_tcase(suite, tests);
    return suite;
}
