/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_message.c: RFC 5322 2.2 and 2.2.3: what is a field, where it ends, what its value is on one line; and that no
 * byte gets lost.
 */
#include "policy/message.h"

#include "tests/unit/auth_world.h"

static struct message_header parse(const char *text)
{
    struct message_header header;
    message_parse(slice_of_string(text), arena, &header);
    return header;
}

START_TEST(test_fields)
{
    const char *text = "A: 1\r\nB:2\r\n\tfolded\r\n \r\n more\r\nb : 3\r\n\r\nbody\r\n";
    struct message_header header = parse(text);
    size_t index = 0;

    ck_assert_uint_eq(header.count, 3);
    ck_assert_uint_eq(header.size, strlen(text) - strlen("body\r\n"));
    ck_assert(header.ended);
    assert_slice(header.fields[0].name, "A");
    assert_slice(header.fields[0].value, " 1");
    assert_slice(header.fields[1].text, "B:2\r\n\tfolded\r\n \r\n more\r\n");
    assert_slice(message_unfold(header.fields[1].value, 100, arena), "2 folded  more");
    assert_slice(header.fields[2].name, "b");
    ck_assert(header.fields[2].space_before_colon);
    ck_assert_uint_eq(header.fields[2].offset, 30);
    ck_assert_ptr_eq(message_next(&header, SLICE("b"), &index), &header.fields[1]);
    ck_assert_ptr_eq(message_next(&header, SLICE("B"), &index), &header.fields[2]);
    ck_assert_ptr_null(message_next(&header, SLICE("b"), &index));
    ck_assert_uint_eq(message_count(&header, SLICE("b")), 2);
}
END_TEST

static const struct {
    const char *text;
    const char *problem;
} problems[] = {
    { "A: 1\r\n\r\n",            NULL },
    { "\r\nbody",                NULL },
    { "",                        NULL },
    { "A: 1",                    NULL },
    { " folded\r\nA: 1\r\n\r\n", "header begins with a folded line" },
    { "A: 1\r\nnothing\r\n\r\n", "line without a field name" },
    { "A b: 1\r\n\r\n",          "invalid field name" },
    { "\x80: 1\r\n\r\n",         "invalid field name" },
    { ": 1\r\n\r\n",             "invalid field name" },
    { "A : 1\r\n\r\n",           "space before the colon" },
};

START_TEST(test_problem)
{
    struct message_header header = parse(problems[_i].text);
    ck_assert_pstr_eq(header.problem, problems[_i].problem);
}
END_TEST

/* Every byte of the header belongs to one field, in order. */
START_TEST(test_nothing_lost)
{
    const char *text = "x\r\n y\r\nA: 1\r\nB:\r\n\r\n";
    struct message_header header = parse(text);
    size_t at = 0;
    for (size_t i = 0; i < header.count; i++) {
        ck_assert_uint_eq(header.fields[i].offset, at);
        ck_assert_ptr_eq(header.fields[i].text.text, text + at);
        at += header.fields[i].text.length;
    }
    ck_assert_uint_eq(at + 2, header.size);
}
END_TEST

START_TEST(test_unfold)
{
    assert_slice(message_unfold(SLICE(" a\r\n b\tc\x01""d\r\n"), 100, arena), "a b c d");
    assert_slice(message_unfold(SLICE("abcdef"), 3, arena), "abc");
    assert_slice(message_unfold(SLICE("  "), 3, arena), "");
}
END_TEST

Suite *suite_message(void);
Suite *suite_message(void)
{
    Suite *suite = suite_create("message");
    TCase *tests = tcase_create("header");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_test(tests, test_fields);
    tcase_add_loop_test(tests, test_problem, 0, sizeof(problems) / sizeof(problems[0]));
    tcase_add_test(tests, test_nothing_lost);
    tcase_add_test(tests, test_unfold);
    suite_add_tcase(suite, tests);
    return suite;
}
