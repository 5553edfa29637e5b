/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_token.c: one token at a time: kinds, values, spans, and the cursor's helpers. What is reported about bad ones
 * is in tests/rules.
 */
#include <check.h>

#include "rules/token.h"

static struct arena *arena;
static struct diagnostics diagnostics;
static struct source source;
static struct token_cursor cursor;

static void setup(void)
{
    arena = arena_new();
    diagnostics_init(&diagnostics, arena);
}

static void teardown(void)
{
    arena_free(&arena);
}

static void start(struct slice text)
{
    source = (struct source){ .name = "test", .text = text };
    token_start(&cursor, &source, arena, &diagnostics);
}

static const struct {
    const char *text;
    enum token_kind kind;
    const char *contents;
} kinds[] = {
    { "", TOKEN_END, "" }, { "  # only a comment", TOKEN_END, "" }, { "dmarc.result", TOKEN_WORD, "dmarc.result" },
    { "own-domain_2", TOKEN_WORD, "own-domain_2" }, { "5.7.26", TOKEN_WORD, "5.7.26" },
    { "2026-12-01", TOKEN_WORD, "2026-12-01" }, { "_x", TOKEN_WORD, "_x" }, { "fe80", TOKEN_WORD, "fe80" },
    { "4you2", TOKEN_WORD, "4you2" }, { "\"a b\"", TOKEN_STRING, "a b" }, { "\"\"", TOKEN_STRING, "" },
    { "\"\\\"\\\\#{\"", TOKEN_STRING, "\"\\#{" }, { "\"gr\xC3\xBC" "n\t\"", TOKEN_STRING, "gr\xC3\xBC" "n\t" },
    { "25", TOKEN_NUMBER, "25" }, { "-4", TOKEN_NUMBER, "-4" }, { "192.0.2.1", TOKEN_ADDRESS, "192.0.2.1" },
    { "192.0.2.0/24", TOKEN_ADDRESS, "192.0.2.0/24" }, { "::1", TOKEN_ADDRESS, "::1" },
    { "fe80::/10", TOKEN_ADDRESS, "fe80::/10" }, { "{", TOKEN_OPEN_BRACE, "{" }, { "}", TOKEN_CLOSE_BRACE, "}" },
    { "[", TOKEN_OPEN_BRACKET, "[" }, { "]", TOKEN_CLOSE_BRACKET, "]" }, { "(", TOKEN_OPEN_PARENTHESIS, "(" },
    { ")", TOKEN_CLOSE_PARENTHESIS, ")" }, { "==", TOKEN_EQUAL, "==" }, { "!=", TOKEN_NOT_EQUAL, "!=" },
    { "<", TOKEN_LESS, "<" }, { "<=", TOKEN_LESS_EQUAL, "<=" }, { ">", TOKEN_GREATER, ">" },
    { ">=", TOKEN_GREATER_EQUAL, ">=" },
};

START_TEST(test_kind)
{
    start(slice_of_string(kinds[_i].text));
    ck_assert_int_eq(cursor.token.kind, kinds[_i].kind);
    ck_assert(slice_equal(cursor.token.text, slice_of_string(kinds[_i].contents)));
    ck_assert_uint_eq(diagnostics.errors, 0);
    token_take(&cursor);
    ck_assert(token_is(&cursor, TOKEN_END));
}
END_TEST

static const char *const bads[] = {
    "=", "!", "&&", "|", ",", ";", "'a'", "$", "--4", "-", "a+b", "10X", "5min", "10k", "99999999999999999999",
    "9999999999G",
    "192.0.2.256", "192.0.2.1/24", "1.2.3.4/33", "/etc/x", "host:25", "gr\xC3\xBCm", "\xFF", "\x01", "\"open",
    "\"a\\n\"",
    "\"a\\", "\"a\x01\"", "\"\xFF\"", "\"a\nb\"",
};

START_TEST(test_bad)
{
    start(slice_of_string(bads[_i]));
    ck_assert_int_eq(cursor.token.kind, TOKEN_BAD);
    ck_assert_uint_ge(diagnostics.errors, 1);
}
END_TEST

static const struct {
    const char *text;
    int64_t number;
    enum token_unit unit;
} numbers[] = {
    { "0", 0, UNIT_NONE }, { "+7", 7, UNIT_NONE }, { "-12", -12, UNIT_NONE }, { "10K", 10240, UNIT_BYTES },
    { "50M", 52428800, UNIT_BYTES }, { "1G", 1073741824, UNIT_BYTES }, { "100ms", 100, UNIT_TIME },
    { "20s", 20000, UNIT_TIME },
    { "5m", 300000, UNIT_TIME }, { "1h", 3600000, UNIT_TIME }, { "2d", 172800000, UNIT_TIME },
    { "-1s", -1000, UNIT_TIME },
    { "9223372036854775807", INT64_MAX, UNIT_NONE },
};

START_TEST(test_number)
{
    start(slice_of_string(numbers[_i].text));
    ck_assert_int_eq(cursor.token.kind, TOKEN_NUMBER);
    ck_assert_int_eq(cursor.token.number, numbers[_i].number);
    ck_assert_int_eq(cursor.token.unit, numbers[_i].unit);
}
END_TEST

START_TEST(test_spans)
{
    start(SLICE("a \"b\"{\r\n # x\n\t::1/128 }"));
    ck_assert(cursor.token.starts_line);
    struct token first = token_take(&cursor);
    ck_assert_uint_eq(first.span.offset, 0);
    ck_assert_uint_eq(first.span.length, 1);
    ck_assert(!cursor.token.starts_line);
    ck_assert_uint_eq(cursor.token.span.offset, 2);
    ck_assert_uint_eq(cursor.token.span.length, 3);
    token_take(&cursor);
    struct token brace = token_take(&cursor);
    ck_assert_uint_eq(span_join(first.span, brace.span).length, 6);
    ck_assert(cursor.token.starts_line);
    ck_assert(cursor.token.has_prefix);
    ck_assert_uint_eq(cursor.token.network.prefix, 128);
    ck_assert_uint_eq(cursor.token.span.offset, 14);
    token_take(&cursor);
    ck_assert(token_take_kind(&cursor, TOKEN_CLOSE_BRACE));
    ck_assert_int_eq(token_take(&cursor).kind, TOKEN_END);
    ck_assert_int_eq(token_take(&cursor).kind, TOKEN_END);
}
END_TEST

START_TEST(test_expect)
{
    struct token token;

    start(SLICE("tls { 4"));
    ck_assert(token_is_word(&cursor, "tls"));
    ck_assert(!token_take_word(&cursor, "TLS"));
    ck_assert(token_take_word(&cursor, "tls"));
    ck_assert(!token_expect(&cursor, TOKEN_STRING, NULL, &token));
    ck_assert(!token_expect(&cursor, TOKEN_STRING, "the path", &token));
    ck_assert(token_expect(&cursor, TOKEN_OPEN_BRACE, NULL, NULL));
    ck_assert(token_expect(&cursor, TOKEN_NUMBER, NULL, &token));
    ck_assert_int_eq(token.number, 4);
    ck_assert(!token_expect(&cursor, TOKEN_CLOSE_BRACE, NULL, NULL));
    ck_assert_str_eq(diagnostics_text(&diagnostics, arena).text,
                     "test:1:5: error: expected a string, found \"{\"\ntls { 4\n    ^\n"
                     "test:1:5: error: expected the path, found \"{\"\ntls { 4\n    ^\n"
                     "test:1:8: error: expected \"}\", found the end of the file\ntls { 4\n       ^\n");
}
END_TEST

/* A NUL is a byte like others, also as the last one. */
START_TEST(test_nul)
{
    start(slice_of("a\0\0", 3));
    ck_assert(token_take_word(&cursor, "a"));
    ck_assert_int_eq(token_take(&cursor).kind, TOKEN_BAD);
    ck_assert(token_is(&cursor, TOKEN_END));
    ck_assert_uint_eq(diagnostics.errors, 1);
}
END_TEST

START_TEST(test_silent_after_bad)
{
    start(SLICE("'x'"));
    ck_assert(!token_expect(&cursor, TOKEN_WORD, NULL, NULL));
    ck_assert_uint_eq(diagnostics.errors, 1);
}
END_TEST

START_TEST(test_skip)
{
    start(SLICE("a { b { c } d } e { f } g { h"));
    token_skip(&cursor, 0);
    token_skip(&cursor, 0);
    ck_assert(token_take_word(&cursor, "e"));
    token_take(&cursor);
    token_skip(&cursor, 1);
    ck_assert(token_take_word(&cursor, "g"));
    token_skip(&cursor, 0);
    ck_assert(token_is(&cursor, TOKEN_END));
    token_skip(&cursor, 3);
    ck_assert(token_is(&cursor, TOKEN_END));
}
END_TEST

START_TEST(test_describe)
{
    start(SLICE("\"123456789012345678901234567890123456789\xC3\xBC tail\""));
    ck_assert(slice_equal(token_describe(&cursor.token, arena),
                          SLICE("the string \"123456789012345678901234567890123456789...\"")));
}
END_TEST

START_TEST(test_lengths)
{
    char *text = arena_alloc(arena, TOKEN_STRING_MOST + 4);

    memset(text, 'x', TOKEN_STRING_MOST + 3);
    text[0] = '"';
    text[TOKEN_STRING_MOST + 1] = '"';
    start(slice_of(text, TOKEN_STRING_MOST + 2));
    ck_assert_int_eq(cursor.token.kind, TOKEN_STRING);
    text[TOKEN_STRING_MOST + 1] = 'x';
    text[TOKEN_STRING_MOST + 2] = '"';
    start(slice_of(text, TOKEN_STRING_MOST + 3));
    ck_assert_int_eq(cursor.token.kind, TOKEN_BAD);
    start(slice_of(text + 1, TOKEN_BARE_MOST));
    ck_assert_int_eq(cursor.token.kind, TOKEN_WORD);
    start(slice_of(text + 1, TOKEN_BARE_MOST + 1));
    ck_assert_int_eq(cursor.token.kind, TOKEN_BAD);
    /* Longer than any file may be: not one byte of it is read. */
    start(slice_of("a", TOKEN_FILE_MOST + 1));
    ck_assert_int_eq(cursor.token.kind, TOKEN_END);
    ck_assert_uint_eq(diagnostics.errors, 3);
}
END_TEST

Suite *suite_token(void);

Suite *suite_token(void)
{
    Suite *suite = suite_create("token");
    TCase *tests = tcase_create("token");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_kind, 0, sizeof(kinds) / sizeof(*kinds));
    tcase_add_loop_test(tests, test_bad, 0, sizeof(bads) / sizeof(*bads));
    tcase_add_loop_test(tests, test_number, 0, sizeof(numbers) / sizeof(*numbers));
    tcase_add_test(tests, test_spans);
    tcase_add_test(tests, test_expect);
    tcase_add_test(tests, test_nul);
    tcase_add_test(tests, test_silent_after_bad);
    tcase_add_test(tests, test_skip);
    tcase_add_test(tests, test_describe);
    tcase_add_test(tests, test_lengths);
    suite_add_tcase(suite, tests);
    return suite;
}
