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

START_TEST(fields_are_split)
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
    const char *oddities;
} oddities[] = {
    { "A: 1\r\n\r\n",            "" },
    { "\r\nbody",                "no-header" },
    { "",                        "no-end" },
    { "A: 1",                    "no-end" },
    { "A: 1\r\n",                "no-end" },
    { " folded\r\nA: 1\r\n\r\n", "begins-folded" },
    { "\t\r\nA: 1\r\n\r\n",      "begins-folded blank-line" },
    { " From: a@b\r\nA: 1\r\n\r\n", "begins-folded leading-space-name" },
    { "A: 1\r\nnothing\r\n\r\n", "no-colon" },
    { "A: 1\r\nnothing\r\n at: all\r\n\r\n", "folded-name" },
    { "Fr\r\n om: a\r\n\r\n",    "folded-name" },
    { "From\r\n : a\r\n\r\n",    "folded-name" },
    { "A b: 1\r\n\r\n",          "odd-name" },
    { "\x80: 1\r\n\r\n",         "odd-name not-utf8" },
    { "\xc3\xa4: 1\r\n\r\n",     "odd-name" },
    { ": 1\r\n\r\n",             "odd-name" },
    { " : 1\r\n\r\n",            "begins-folded" },
    { "A : 1\r\n\r\n",           "space-before-colon" },
    { "A\t: 1\r\n\r\n",          "space-before-colon" },
    { "From ann Mon\r\nA: 1\r\n\r\n", "mbox-line no-colon" },
    { "From ann 08:52\r\nA: 1\r\n\r\n", "mbox-line odd-name" },
    { "From : ann\r\nA: 1\r\n\r\n", "mbox-line space-before-colon" },
    { ">From ann\r\nA: 1\r\n\r\n", "mbox-line no-colon" },
    { ">>From ann\r\nA: 1\r\n\r\n", "mbox-line no-colon" },
    { "A: 1\r\nFrom ann\r\n\r\n", "no-colon" },
    { "Subject: a\r\n From: b@c\r\n\r\n", "leading-space-name" },
    { "Subject: a\r\n\t sender\t:\r\n b@c\r\n\r\n", "leading-space-name" },
    { "Subject: a@b\r\n From: here to there\r\nTo: c@d\r\n\r\n", "" },
    { "DKIM-Signature: h=to:\r\n From:To; i=@b\r\n\r\n", "" },
    { "Subject: a\r\n From\r\n\r\n", "" },
    { "Subject: a\r\n \r\n b\r\n\r\n", "blank-line" },
    { "Subject: a\r\n \t\r\n\r\n", "blank-line" },
    { "A: 1\rB: 2\r\n\r\n",      "bare-cr" },
    { "A: 1\r",                  "bare-cr no-end" },
    { "A: 1\nB: 2\r\n\r\n",      "bare-lf" },
    { "A: 1\r\n\n",              "bare-lf" },
    { "A: \x01\x7f\r\n\r\n",     "control" },
    { "A: \xff\r\n\r\n",         "not-utf8" },
    { "A: \xc3\xa4\t\r\n\r\n",   "" },
};

START_TEST(header_oddities_are_named)
{
    struct message_header header = parse(oddities[_i].text);
    struct slice words = SLICE("");
    for (enum oddity oddity = 0; oddity < ODDITY_HEADER_END; oddity++)
        if (header.oddities & ODDITY_BIT(oddity))
            words = arena_printf(arena, "%.*s%s%s", SLICE_ARG(words), words.length > 0 ? " " : "",
                                 oddity_words[oddity]);
    assert_slice(words, oddities[_i].oddities);
}
END_TEST

START_TEST(nul_is_named)
{
    struct message_header header;
    message_parse(SLICE("A: \0\r\nB\0: 1\r\n\r\n"), arena, &header);
    ck_assert_uint_eq(header.oddities, ODDITY_BIT(ODDITY_NUL) | ODDITY_BIT(ODDITY_ODD_NAME));
}
END_TEST

/* 998 bytes and CRLF (RFC 5322 2.1.1). */
START_TEST(long_lines_are_named)
{
    struct message_header header;
    char text[1100] = "A:";
    memset(text + 2, 'x', 996);
    strcpy(text + 998, "\r\n\r\n");
    message_parse(slice_of_string(text), arena, &header);
    ck_assert_uint_eq(header.oddities, 0);
    strcpy(text + 998, "x\r\n\r\n");
    message_parse(slice_of_string(text), arena, &header);
    ck_assert_uint_eq(header.oddities, ODDITY_BIT(ODDITY_LONG_LINE));
}
END_TEST

/* Every byte of the header belongs to one field, in order. */
START_TEST(no_byte_of_a_header_is_lost)
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

START_TEST(values_are_unfolded)
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
    tcase_add_test(tests, fields_are_split);
    tcase_add_loop_test(tests, header_oddities_are_named, 0, sizeof(oddities) / sizeof(oddities[0]));
    tcase_add_test(tests, nul_is_named);
    tcase_add_test(tests, long_lines_are_named);
    tcase_add_test(tests, no_byte_of_a_header_is_lost);
    tcase_add_test(tests, values_are_unfolded);
    suite_add_tcase(suite, tests);
    return suite;
}
