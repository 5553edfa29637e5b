/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_field_writer.c: RFC 5322 2.1.1 (line lengths), 2.2.3 (folds), 3.2.2 and 3.2.4 (escapes), RFC 2045 5.1 (tokens).
 */
#include "policy/field_writer.h"

#include "tests/unit/auth_world.h"

START_TEST(test_folds)
{
    struct field_writer writer;
    field_writer_begin(&writer, SLICE("X-Name"), arena);
    for (size_t i = 0; i < 40; i++)
        field_writer_printf(&writer, "piece-%zu", i);
    field_writer_append(&writer, ";");
    struct slice text = field_writer_end(&writer), rest = text;
    ck_assert(slice_starts_with(text, SLICE("X-Name: piece-0 piece-1 ")));
    ck_assert(text.text[text.length - 2] == '\r' && text.text[text.length - 1] == '\n');
    for (size_t line = 0; rest.length > 0; line++) {
        struct slice this_line = slice_cut(&rest, '\n');
        ck_assert_uint_le(this_line.length, 80);
        ck_assert(line == 0 || this_line.text[0] == '\t');
        ck_assert_int_eq(this_line.text[this_line.length - 1], '\r');
        ck_assert_uint_gt(this_line.length, 3);
    }
}
END_TEST

/* Nothing breaks out. */
START_TEST(test_hostile)
{
    struct field_writer writer;
    char long_text[3000];
    memset(long_text, 'x', sizeof(long_text));
    field_writer_begin(&writer, SLICE("A"), arena);
    field_writer_piece(&writer, SLICE("a\r\nEvil: 1\x80\x01\x7f"));
    field_writer_piece(&writer, slice_of(long_text, sizeof(long_text)));
    field_writer_piece(&writer, field_comment(SLICE("(\\)\r\n"), arena));
    field_writer_piece(&writer, field_value(slice_of(long_text, sizeof(long_text)), arena));
    struct slice text = field_writer_end(&writer), rest = text;
    ck_assert(slice_starts_with(text, SLICE("A: a??Evil: 1???")));
    while (rest.text != NULL)
        ck_assert_uint_le(slice_cut(&rest, '\n').length, 999);
    ck_assert_ptr_nonnull(strstr(arena_string(arena, text), "(\\(\\\\\\)\?\?)"));
}
END_TEST

/* Only the field's name keeps what follows on its line; a stranger's text may end in a colon too (found by fuzzing). */
START_TEST(test_colon)
{
    struct field_writer writer;
    char long_text[FIELD_WRITER_PIECE_MOST];
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = ':';
    field_writer_begin(&writer, SLICE("A"), arena);
    for (int i = 0; i < 3; i++)
        field_writer_piece(&writer, slice_of(long_text, sizeof(long_text)));
    struct slice rest = field_writer_end(&writer);
    ck_assert(slice_starts_with(rest, SLICE("A: xxx")));
    for (int lines = 0; lines < 3; lines++)
        ck_assert_uint_le(slice_cut(&rest, '\n').length, FIELD_WRITER_PIECE_MOST + 4);
    ck_assert_uint_eq(rest.length, 0);
}
END_TEST

/* RFC 6532: UTF-8 where it may be, and then no control character of it. */
START_TEST(test_utf8)
{
    struct field_writer writer;
    for (int utf8 = 0; utf8 < 2; utf8++) {
        field_writer_begin(&writer, SLICE("A"), arena);
        writer.utf8 = utf8 == 1;
        field_writer_piece(&writer, SLICE("\xc3\xa4\xc2\x85\xff\xe2\x82\xac"));
        field_writer_piece(&writer, field_address(SLICE("j\xc3\xbc@b.example"), arena));
        assert_slice(field_writer_end(&writer), utf8 ? "A: \xc3\xa4???\xe2\x82\xac \"j\xc3\xbc\"@b.example\r\n"
                                                     : "A: ???\?\?\?\?\? \"j\?\?\"@b.example\r\n");
    }
}
END_TEST

static const struct {
    const char *text;
    const char *value;
    const char *address;
    const char *dot_atom;
} values[] = {
    { "pass", "pass", "pass", "pass" },
    { "", "\"\"", "\"\"", "\"\"" },
    { "a b", "\"a b\"", "\"a b\"", "\"a b\"" },
    { "a\"b\\", "\"a\\\"b\\\\\"", "\"a\\\"b\\\\\"", "\"a\\\"b\\\\\"" },
    { "a@b.example", "\"a@b.example\"", "a@b.example", "\"a@b.example\"" },
    { "@b.example", "\"@b.example\"", "@b.example", "\"@b.example\"" },
    { "a@b@c", "\"a@b@c\"", "\"a@b@c\"", "\"a@b@c\"" },
    { "a..b@c", "\"a..b@c\"", "\"a..b@c\"", "\"a..b@c\"" },
    { "a@b@c.example", "\"a@b@c.example\"", "\"a@b\"@c.example", "\"a@b@c.example\"" },
    { "\"x y\"@c.example", "\"\\\"x y\\\"@c.example\"", "\"x y\"@c.example", "\"\\\"x y\\\"@c.example\"" },
    { "\"x\\\"y\"@c.example", "\"\\\"x\\\\\\\"y\\\"@c.example\"", "\"x\\\"y\"@c.example",
      "\"\\\"x\\\\\\\"y\\\"@c.example\"" },
    { "\"x\\\"@c.example", "\"\\\"x\\\\\\\"@c.example\"", "\"\\\"x\\\\\\\"\"@c.example",
      "\"\\\"x\\\\\\\"@c.example\"" },
    { "a@[192.0.2.1]", "\"a@[192.0.2.1]\"", "\"a@[192.0.2.1]\"", "\"a@[192.0.2.1]\"" },
    { "a@-b.example", "\"a@-b.example\"", "\"a@-b.example\"", "\"a@-b.example\"" },
    { "\"x y\"@c", "\"\\\"x y\\\"@c\"", "\"\\\"x y\\\"@c\"", "\"\\\"x y\\\"@c\"" },
    { "2001:db8::1", "\"2001:db8::1\"", "\"2001:db8::1\"", "\"2001:db8::1\"" },
    { "a/b=", "\"a/b=\"", "\"a/b=\"", "a/b=" },
    { "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1" },
    { "\xc3\xa4", "\"\xc3\xa4\"", "\"\xc3\xa4\"", "\"\xc3\xa4\"" },
};

START_TEST(test_values)
{
    struct slice text = slice_of_string(values[_i].text);
    assert_slice(field_value(text, arena), values[_i].value);
    assert_slice(field_address(text, arena), values[_i].address);
    assert_slice(field_dot_atom(text, arena), values[_i].dot_atom);
}
END_TEST

Suite *suite_field_writer(void);
Suite *suite_field_writer(void)
{
    Suite *suite = suite_create("field_writer");
    TCase *tests = tcase_create("writer");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_values, 0, sizeof(values) / sizeof(values[0]));
    tcase_add_test(tests, test_folds);
    tcase_add_test(tests, test_hostile);
    tcase_add_test(tests, test_colon);
    tcase_add_test(tests, test_utf8);
    suite_add_tcase(suite, tests);
    return suite;
}
