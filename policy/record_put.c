/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_put.c: see record_put.h. JSON by the grammar of RFC 8259, compact, texts escaped as jansson escapes them: what
 * is read is compared by its bytes with what was written (record_parts()).
 */
#include "policy/record_put.h"

#include "policy/record.h"

/* Of an int64_t: 19 digits and a sign. */
#define NUMBER_MOST 20

void record_writer_init(struct record_writer *writer, struct arena *arena)
{
    wire_writer_init(&writer->json, RECORD_LINE_MOST);
    writer->arena = arena;
}

struct slice record_writer_end(struct record_writer *writer)
{
    struct slice text = arena_copy(writer->arena, wire_written(&writer->json));
    wire_writer_clear(&writer->json);
    return text;
}

static void put(struct record_writer *writer, struct slice bytes)
{
    wire_put_bytes(&writer->json, bytes.text, bytes.length);
}

static bool needs_escape(char byte)
{
    return (unsigned char)byte < ' ' || byte == '"' || byte == '\\';
}

/* Whether it may stand between quotes as it is: nearly every text does. All bytes are looked at, without a branch. */
static bool is_bare(struct slice text)
{
    bool bare = true;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.text[i];
        bare &= (byte >= ' ') & (byte < 0x7F) & (byte != '"') & (byte != '\\');
    }
    return bare;
}

/* The short escapes of RFC 8259 7. */
static char short_escape(char byte)
{
    switch (byte) {
    case '"':
    case '\\': return byte;
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default:   return 0;
    }
}

static void put_escape(struct record_writer *writer, char byte)
{
    const char brief[] = { '\\', short_escape(byte) };
    const char whole[] = { '\\', 'u', '0', '0', (char)('0' + (byte >> 4)), "0123456789ABCDEF"[byte & 15] };
    if (brief[1] != 0)
        put(writer, slice_of(brief, sizeof brief));
    else
        put(writer, slice_of(whole, sizeof whole));
}

static void put_escaped(struct record_writer *writer, struct slice text)
{
    while (text.length > 0) {
        size_t plain = 0;
        while (plain < text.length && !needs_escape(text.text[plain]))
            plain++;
        put(writer, slice_first(text, plain));
        text = slice_from(text, plain);
        if (text.length > 0) {
            put_escape(writer, text.text[0]);
            text = slice_from(text, 1);
        }
    }
}

static void put_quoted(struct record_writer *writer, struct slice text)
{
    put(writer, SLICE("\""));
    if (is_bare(text))
        put(writer, text);
    else
        put_escaped(writer, record_escape(text, writer->arena));
    put(writer, SLICE("\""));
}

/* What stands before a value: nothing behind an opening or a name, else a comma. */
static void start_value(struct record_writer *writer, const char *name)
{
    struct slice written = wire_written(&writer->json);
    char last = written.length == 0 ? '[' : written.text[written.length - 1];
    if (last != '[' && last != '{')
        put(writer, SLICE(","));
    if (name == NULL)
        return;
    put(writer, SLICE("\""));
    put(writer, slice_of_string(name));
    put(writer, SLICE("\":"));
}

void record_open_object(struct record_writer *writer, const char *name)
{
    start_value(writer, name);
    put(writer, SLICE("{"));
}

void record_close_object(struct record_writer *writer)
{
    put(writer, SLICE("}"));
}

void record_open_array(struct record_writer *writer, const char *name)
{
    start_value(writer, name);
    put(writer, SLICE("["));
}

void record_close_array(struct record_writer *writer)
{
    put(writer, SLICE("]"));
}

void record_put_name(struct record_writer *writer, const char *name, const char *text)
{
    start_value(writer, name);
    put_quoted(writer, slice_of_string(text));
}

void record_put_number(struct record_writer *writer, const char *name, int64_t number)
{
    char digits[NUMBER_MOST];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        digits[--at] = '-';
    start_value(writer, name);
    put(writer, slice_of(digits + at, sizeof digits - at));
}

void record_put_size(struct record_writer *writer, const char *name, uint64_t size)
{
    record_put_number(writer, name, size > INT64_MAX ? INT64_MAX : (int64_t)size);
}

void record_put_truth(struct record_writer *writer, const char *name, bool truth)
{
    start_value(writer, name);
    put(writer, truth ? SLICE("true") : SLICE("false"));
}

void record_put_null(struct record_writer *writer, const char *name)
{
    start_value(writer, name);
    put(writer, SLICE("null"));
}

void record_put_string(struct record_writer *writer, const char *name, struct slice text)
{
    start_value(writer, name);
    put_quoted(writer, text);
}

void record_put_named(struct record_writer *writer, struct slice name, struct slice text)
{
    record_put_string(writer, NULL, name);
    put(writer, SLICE(":"));
    put_quoted(writer, text);
}

void record_put_strings(struct record_writer *writer, const char *name, const struct slice *texts, size_t count)
{
    record_open_array(writer, name);
    for (size_t i = 0; i < count; i++)
        record_put_string(writer, NULL, texts[i]);
    record_close_array(writer);
}

void record_put_text(struct record_writer *writer, const char *name, struct slice text)
{
    if (text.length > 0)
        record_put_string(writer, name, text);
}

void record_put_texts(struct record_writer *writer, const char *name, const struct slice *texts, size_t count)
{
    if (count > 0)
        record_put_strings(writer, name, texts, count);
}

void record_put_flag(struct record_writer *writer, const char *name, bool flag)
{
    if (flag)
        record_put_truth(writer, name, true);
}

void record_put_address(struct record_writer *writer, const char *name, const struct address *address)
{
    char buffer[ADDRESS_TEXT];
    record_put_text(writer, name, address->family == 0 ? SLICE_NONE : address_print(address, buffer));
}
