/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_reply.c: replies made, printed and read, by RFC 5321 4.2 and RFC 3463.
 */
#include <check.h>

#include "proxy/reply.h"

#define ck_assert_slice(got, expected) do { \
        struct slice got_ = (got), expected_ = (expected); \
        ck_assert_msg(slice_equal(got_, expected_), "got \"%.*s\", expected \"%.*s\"", SLICE_ARG(got_), \
                      SLICE_ARG(expected_)); \
    } while (0)
#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena_free(&arena);
}

START_TEST(test_made)
{
    struct reply reply = reply_make(arena, 550, "5.7.1", "%s is refused (id %d)", "this", 7);

    ck_assert_uint_eq(reply.code, 550);
    ck_assert_uint_eq(reply.count, 1);
    ck_assert_slice(reply.lines[0], SLICE("5.7.1 this is refused (id 7)"));
    ck_assert_slice(reply_print(arena, &reply), SLICE("550 5.7.1 this is refused (id 7)\r\n"));
    ck_assert_slice(reply_text(arena, &reply), SLICE("550 5.7.1 this is refused (id 7)"));
    ck_assert_slice(reply_enhanced(&reply), SLICE("5.7.1"));
    ck_assert(reply_is_permanent(&reply) && !reply_is_temporary(&reply) && !reply_is_positive(&reply));
}
END_TEST

START_TEST(test_made_without_enhanced_code)
{
    struct reply reply = reply_make(arena, 354, "", "go on");

    ck_assert_slice(reply_print(arena, &reply), SLICE("354 go on\r\n"));
    ck_assert_slice(reply_enhanced(&reply), SLICE(""));
    ck_assert(reply_is_positive(&reply));
}
END_TEST

/* Nothing that a client sent can end a line or leave ASCII. */
START_TEST(test_made_of_hostile_text)
{
    struct reply reply = reply_make(arena, 451, "4.3.0", "%s", "a\r\n250 ok\t\x7F\xC3\xA4~ b");

    ck_assert_slice(reply_print(arena, &reply), SLICE("451 4.3.0 a??250 ok????~ b\r\n"));
    ck_assert(reply_is_temporary(&reply));
}
END_TEST

/* RFC 5321 4.5.3.1.5: 512 octets with code and CRLF. */
START_TEST(test_long_text_is_cut)
{
    char text[2000];
    struct reply reply;
    struct slice printed, lines[2] = { SLICE("short"), slice_of(text, sizeof(text) - 1) };

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    for (size_t length = 490; length < 530; length++) {
        reply = reply_make(arena, 550, "5.7.1", "%.*s", (int)length, text);
        printed = reply_print(arena, &reply);
        ck_assert_uint_eq(printed.length, length + 12 < 512 ? length + 12 : 512);
        ck_assert_slice(slice_from(printed, printed.length - 3), SLICE("x\r\n"));
    }
    reply = reply_lines(arena, 250, lines, 2);
    printed = reply_print(arena, &reply);
    ck_assert_uint_eq(printed.length, sizeof("250-short\r\n") - 1 + 512);
}
END_TEST

START_TEST(test_several_lines)
{
    struct slice lines[] = { SLICE("mx.example.org"), SLICE("PIPELINING"), SLICE("") };
    struct reply reply = reply_lines(arena, 250, lines, 3);
    struct reply copy = reply_copy(arena, &reply);
    struct reply none = reply_lines(arena, 250, NULL, 0);

    ck_assert_slice(reply_print(arena, &reply), SLICE("250-mx.example.org\r\n250-PIPELINING\r\n250 \r\n"));
    ck_assert_slice(reply_text(arena, &reply), SLICE("250 mx.example.org / PIPELINING / "));
    ck_assert_slice(reply_print(arena, &copy), reply_print(arena, &reply));
    ck_assert_ptr_ne(copy.lines[0].text, reply.lines[0].text);
    ck_assert_slice(reply_print(arena, &none), SLICE("250 \r\n"));
}
END_TEST

START_TEST(test_no_reply)
{
    struct reply none = { .code = 0 };
    struct reply copy = reply_copy(arena, &none);

    ck_assert_uint_eq(copy.code, 0);
    ck_assert_slice(reply_text(arena, &none), SLICE(""));
    ck_assert_slice(reply_enhanced(&none), SLICE(""));
    ck_assert(!reply_is_positive(&none) && !reply_is_temporary(&none) && !reply_is_permanent(&none));
}
END_TEST

static const struct enhanced_case {
    const char *line;
    const char *enhanced;
} enhanced_cases[] = {
    { "5.7.1 no", "5.7.1" },
    { "2.0.0", "2.0.0" },
    { "4.7.26 later", "4.7.26" },
    { "5.999.999 x", "5.999.999" },
    { "5.7.1000 x", "" },
    { "5.7.1: no", "" },
    { "5.7 no", "" },
    { "5.7. no", "" },
    { "5..1 no", "" },
    { "3.7.1 no", "" },
    { "1.2.3.4 is listed", "" },
    { "5.7.1.2 x", "" },
    { "55.7.1 x", "" },
    { "no", "" },
    { "", "" },
};

START_TEST(test_enhanced)
{
    struct slice line = slice_of_string(enhanced_cases[_i].line);
    struct reply reply = { 550, &line, 1 };

    ck_assert_slice(reply_enhanced(&reply), slice_of_string(enhanced_cases[_i].enhanced));
}
END_TEST

#define TEXT(literal) { literal, sizeof(literal) - 1 }
#define BROKEN TEXT("BROKEN")
#define UNFINISHED TEXT("MORE")

static const struct reading_case {
    struct slice lines;            /* cut at "|" */
    struct slice printed;
} reading_cases[] = {
    { TEXT("250 2.1.0 Ok"), TEXT("250 2.1.0 Ok\r\n") },
    { TEXT("250-mx|250-SIZE 10|250 DSN"), TEXT("250-mx\r\n250-SIZE 10\r\n250 DSN\r\n") },
    { TEXT("220 mx ESMTP"), TEXT("220 mx ESMTP\r\n") },
    { TEXT("354 go"), TEXT("354 go\r\n") },
    { TEXT("550 "), TEXT("550 \r\n") },
    /* 4.2: the text may be missing, and then the blank as well. */
    { TEXT("250"), TEXT("250 \r\n") },
    { TEXT("250-|250"), TEXT("250-\r\n250 \r\n") },
    /* An administrator's own codes. */
    { TEXT("571 go away"), TEXT("571 go away\r\n") },
    { TEXT("599 x"), TEXT("599 x\r\n") },
    { TEXT("421 \xC3\xA4\t-"), TEXT("421 \xC3\xA4\t-\r\n") },
    { TEXT("250-a"), UNFINISHED },
    { TEXT(""), BROKEN },
    { TEXT("25"), BROKEN },
    { TEXT("25a x"), BROKEN },
    { TEXT(" 250 x"), BROKEN },
    { TEXT("+25 x"), BROKEN },
    { TEXT("250x"), BROKEN },
    { TEXT("250\tx"), BROKEN },
    { TEXT("2500 x"), BROKEN },
    { TEXT("199 x"), BROKEN },
    { TEXT("600 x"), BROKEN },
    { TEXT("000 x"), BROKEN },
    { TEXT("250-a|251 b"), BROKEN },
    { TEXT("250-a|550-b|550 c"), BROKEN },
    { TEXT("250 a\rb"), BROKEN },
    { TEXT("250 a\nb"), BROKEN },
    { TEXT("250 a\0b"), BROKEN },
};

START_TEST(test_reading)
{
    struct slice rest = reading_cases[_i].lines;
    struct slice got = SLICE("MORE");
    struct reply_reader reader;

    reply_reader_begin(&reader, arena);
    while (rest.text != NULL && slice_equal(got, SLICE("MORE"))) {
        struct reply reply;

        switch (reply_reader_line(&reader, slice_cut(&rest, '|'), &reply)) {
        case REPLY_MORE:   break;
        case REPLY_DONE:   got = reply_print(arena, &reply); break;
        case REPLY_BROKEN: got = SLICE("BROKEN"); break;
        }
    }
    ck_assert_slice(got, reading_cases[_i].printed);
}
END_TEST

START_TEST(test_reading_limits)
{
    char line[REPLY_LINE_MOST];
    struct reply_reader reader;
    struct reply reply;

    memset(line, 'x', sizeof(line));
    memcpy(line, "250 ", 4);
    reply_reader_begin(&reader, arena);
    ck_assert_int_eq(reply_reader_line(&reader, slice_of(line, REPLY_LINE_MOST - 2), &reply), REPLY_DONE);
    ck_assert_uint_eq(reply.lines[0].length, REPLY_LINE_MOST - 2 - 4);
    ck_assert_int_eq(reply_reader_line(&reader, slice_of(line, REPLY_LINE_MOST - 1), &reply), REPLY_BROKEN);

    reply_reader_begin(&reader, arena);
    for (int i = 1; i < REPLY_LINES_MOST; i++)
        ck_assert_int_eq(reply_reader_line(&reader, SLICE("250-x"), &reply), REPLY_MORE);
    ck_assert_int_eq(reply_reader_line(&reader, SLICE("250 y"), &reply), REPLY_DONE);
    ck_assert_uint_eq(reply.count, REPLY_LINES_MOST);
    ck_assert_slice(reply.lines[REPLY_LINES_MOST - 1], SLICE("y"));

    reply_reader_begin(&reader, arena);
    for (int i = 0; i < REPLY_LINES_MOST; i++)
        ck_assert_int_eq(reply_reader_line(&reader, SLICE("250-x"), &reply), REPLY_MORE);
    ck_assert_int_eq(reply_reader_line(&reader, SLICE("250 y"), &reply), REPLY_BROKEN);
}
END_TEST

/* One reader, one reply after another; an earlier one stays. */
START_TEST(test_reading_on)
{
    struct reply_reader reader;
    struct reply first, second;

    reply_reader_begin(&reader, arena);
    ck_assert_int_eq(reply_reader_line(&reader, SLICE("250-a"), &first), REPLY_MORE);
    ck_assert_int_eq(reply_reader_line(&reader, SLICE("250 b"), &first), REPLY_DONE);
    ck_assert_int_eq(reply_reader_line(&reader, SLICE("550 c"), &second), REPLY_DONE);
    ck_assert_slice(reply_print(arena, &first), SLICE("250-a\r\n250 b\r\n"));
    ck_assert_slice(reply_print(arena, &second), SLICE("550 c\r\n"));
}
END_TEST

Suite *suite_reply(void);

Suite *suite_reply(void)
{
    Suite *suite = suite_create("reply");
    TCase *tests = tcase_create("reply");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_made);
    tcase_add_test(tests, test_made_without_enhanced_code);
    tcase_add_test(tests, test_made_of_hostile_text);
    tcase_add_test(tests, test_long_text_is_cut);
    tcase_add_test(tests, test_several_lines);
    tcase_add_test(tests, test_no_reply);
    tcase_add_loop_test(tests, test_enhanced, 0, ROWS(enhanced_cases));
    tcase_add_loop_test(tests, test_reading, 0, ROWS(reading_cases));
    tcase_add_test(tests, test_reading_limits);
    tcase_add_test(tests, test_reading_on);
    suite_add_tcase(suite, tests);
    return suite;
}
