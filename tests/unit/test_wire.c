/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_wire.c: the writer's cap and the reader's end, and that both failures stick.
 */
#include <check.h>
#include <stdlib.h>

#include "policy/wire.h"

START_TEST(numbers_and_texts_return)
{
    struct wire_writer writer;
    struct wire_reader reader;
    struct address address;
    wire_writer_init(&writer, 1000);
    ck_assert(address_parse(slice_of_string("192.0.2.1"), &address));
    wire_put_u8(&writer, 255);
    wire_put_u16(&writer, 65535);
    wire_put_u32(&writer, UINT32_MAX);
    wire_put_u64(&writer, UINT64_MAX);
    wire_put_i64(&writer, INT64_MIN);
    wire_put_bool(&writer, true);
    wire_put_slice(&writer, SLICE("a\0b"));
    wire_put_slice(&writer, SLICE(""));
    wire_put_slice(&writer, SLICE_NONE);
    wire_put_address(&writer, &address);
    ck_assert(!writer.failed);
    wire_reader_init(&reader, wire_written(&writer));
    ck_assert_uint_eq(wire_get_u8(&reader), 255);
    ck_assert_uint_eq(wire_get_u16(&reader), 65535);
    ck_assert_uint_eq(wire_get_u32(&reader), UINT32_MAX);
    ck_assert_uint_eq(wire_get_u64(&reader), UINT64_MAX);
    ck_assert_int_eq(wire_get_i64(&reader), INT64_MIN);
    ck_assert(wire_get_bool(&reader));
    ck_assert(slice_equal(wire_get_slice(&reader, 3), SLICE("a\0b")));
    struct slice empty = wire_get_slice(&reader, 0);
    ck_assert(empty.text != NULL && empty.length == 0);
    ck_assert_ptr_null(wire_get_slice(&reader, 0).text);
    struct address back = wire_get_address(&reader);
    ck_assert(address_equal(&address, &back));
    ck_assert(wire_at_end(&reader));
    wire_writer_clear(&writer);
}
END_TEST

START_TEST(numbers_are_big_endian)
{
    struct wire_writer writer;
    wire_writer_init(&writer, 4);
    wire_put_u32(&writer, 0x01020304);
    ck_assert(slice_equal(wire_written(&writer), SLICE("\1\2\3\4")));
    wire_patch_u32(&writer, 0, 0x05060708);
    ck_assert(slice_equal(wire_written(&writer), SLICE("\5\6\7\10")));
    wire_put_u8(&writer, 1);
    ck_assert(writer.failed);
    wire_writer_reset(&writer);
    wire_put_u8(&writer, 1);
    ck_assert(!writer.failed);
    wire_writer_clear(&writer);
}
END_TEST

/* Each is read as a text of at most 4 bytes, then a number of one byte. */
static const struct {
    struct slice bytes;
    bool good;
} texts[] = {
    { { "\0\0\0\2ab\1", 7 }, true },        { { "\0\0\0\4abcd\1", 9 }, true }, { { "\0\0\0\5abcde\1", 10 }, false },
    { { "\0\0\0\2ab", 6 }, false },         { { "\0\0\0\3ab", 6 }, false },    { { "\xff\xff\xff\xff\1", 5 }, true },
    { { "\xff\xff\xff\xfe\1", 5 }, false }, { { "\0\0\0", 3 }, false },        { { "", 0 }, false },
};

START_TEST(reading_never_passes_the_end)
{
    /* Memory of exactly that size, for the address sanitizer. */
    char *bytes = malloc(texts[_i].bytes.length + 1);
    struct wire_reader reader;
    memcpy(bytes, texts[_i].bytes.text, texts[_i].bytes.length);
    wire_reader_init(&reader, slice_of(bytes, texts[_i].bytes.length));
    wire_get_slice(&reader, 4);
    wire_get_u8(&reader);
    ck_assert_int_eq(!reader.failed, texts[_i].good);
    ck_assert_int_eq(wire_at_end(&reader), texts[_i].good);
    ck_assert_int_eq(reader.problem == NULL, texts[_i].good);
    free(bytes);
}
END_TEST

START_TEST(counts_and_enums_have_limits)
{
    struct wire_reader reader;
    wire_reader_init(&reader, SLICE("\0\0\0\2ab"));
    ck_assert_uint_eq(wire_get_count(&reader, 2), 2);
    wire_reader_init(&reader, SLICE("\0\0\0\2ab"));
    ck_assert_uint_eq(wire_get_count(&reader, 1), 0);
    ck_assert(reader.failed);
    wire_reader_init(&reader, SLICE("\0\0\0\3ab"));
    ck_assert_uint_eq(wire_get_count(&reader, 100), 0);
    ck_assert(reader.failed);
    wire_reader_init(&reader, SLICE("\3\4"));
    ck_assert_uint_eq(wire_get_enum(&reader, 3), 3);
    ck_assert_uint_eq(wire_get_enum(&reader, 3), 0);
    ck_assert(reader.failed);
    wire_reader_init(&reader, SLICE("\5abcdefghijklmnop"));
    ck_assert_uint_eq(wire_get_address(&reader).family, 0);
    ck_assert(reader.failed);
}
END_TEST

Suite *suite_wire(void)
{
    Suite *suite = suite_create("wire");
    TCase *tests = tcase_create("wire");
    tcase_add_test(tests, numbers_and_texts_return);
    tcase_add_test(tests, numbers_are_big_endian);
    tcase_add_loop_test(tests, reading_never_passes_the_end, 0, sizeof texts / sizeof texts[0]);
    tcase_add_test(tests, counts_and_enums_have_limits);
    suite_add_tcase(suite, tests);
    return suite;
}
