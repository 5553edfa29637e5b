/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c: see wire.h. The writer grows by doubling up to its cap; the reader checks every length against what is left
 * before it moves. Nothing here can fail but by the sticky flags.
 */
#include "policy/wire.h"

#include <stdlib.h>

#define WIRE_FIRST 512

/* Length of a slice that is absent (text == NULL). */
#define WIRE_ABSENT UINT32_MAX

void wire_writer_init(struct wire_writer *writer, size_t most)
{
    *writer = (struct wire_writer){ .most = most };
}

void wire_writer_reset(struct wire_writer *writer)
{
    writer->length = 0;
    writer->failed = false;
}

void wire_writer_clear(struct wire_writer *writer)
{
    free(writer->data);
    *writer = (struct wire_writer){ .most = writer->most };
}

struct slice wire_written(const struct wire_writer *writer)
{
    return slice_of(writer->data == NULL ? "" : writer->data, writer->length);
}

static bool wire_room(struct wire_writer *writer, size_t length)
{
    if (writer->failed || length > writer->most - writer->length) {
        writer->failed = true;
        return false;
    }
    size_t wanted = writer->length + length;
    if (wanted <= writer->capacity)
        return true;
    size_t capacity = writer->capacity == 0 ? WIRE_FIRST : writer->capacity;
    while (capacity < wanted)
        capacity *= 2;
    if (capacity > writer->most)
        capacity = writer->most;
    writer->data = memory_grown(writer->data, capacity);
    writer->capacity = capacity;
    return true;
}

void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length)
{
    if (length == 0 || !wire_room(writer, length))
        return;
    memcpy(writer->data + writer->length, bytes, length);
    writer->length += length;
}

static void put_big_endian(struct wire_writer *writer, uint64_t number, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> (8 * (size - 1 - i)));
    wire_put_bytes(writer, bytes, size);
}

void wire_put_u8(struct wire_writer *writer, unsigned number)
{
    put_big_endian(writer, number, 1);
}

void wire_put_u16(struct wire_writer *writer, unsigned number)
{
    put_big_endian(writer, number, 2);
}

void wire_put_u32(struct wire_writer *writer, uint32_t number)
{
    put_big_endian(writer, number, 4);
}

void wire_put_u64(struct wire_writer *writer, uint64_t number)
{
    put_big_endian(writer, number, 8);
}

void wire_put_i64(struct wire_writer *writer, int64_t number)
{
    put_big_endian(writer, (uint64_t)number, 8);
}

void wire_put_bool(struct wire_writer *writer, bool truth)
{
    wire_put_u8(writer, truth ? 1 : 0);
}

void wire_put_slice(struct wire_writer *writer, struct slice slice)
{
    if (slice.text == NULL) {
        wire_put_u32(writer, WIRE_ABSENT);
        return;
    }
    if (slice.length >= WIRE_ABSENT) {
        writer->failed = true;
        return;
    }
    wire_put_u32(writer, (uint32_t)slice.length);
    wire_put_bytes(writer, slice.text, slice.length);
}

void wire_put_address(struct wire_writer *writer, const struct address *address)
{
    wire_put_u8(writer, address->family);
    wire_put_bytes(writer, address->bytes, sizeof address->bytes);
}

void wire_patch_u32(struct wire_writer *writer, size_t position, uint32_t number)
{
    if (writer->failed)
        return;
    if (writer->length < 4 || position > writer->length - 4)
        bug("wire_patch_u32 past what was written");
    for (size_t i = 0; i < 4; i++)
        writer->data[position + i] = (char)(unsigned char)(number >> (24 - 8 * i));
}

void wire_reader_init(struct wire_reader *reader, struct slice bytes)
{
    *reader = (struct wire_reader){ .next = (const unsigned char *)bytes.text, .left = bytes.length };
}

void wire_fail(struct wire_reader *reader, const char *problem)
{
    if (!reader->failed)
        reader->problem = problem;
    reader->failed = true;
}

/* The next `length` bytes, or NULL. */
static const unsigned char *take(struct wire_reader *reader, size_t length)
{
    if (reader->failed)
        return NULL;
    if (length > reader->left) {
        wire_fail(reader, "ends early");
        return NULL;
    }
    const unsigned char *bytes = reader->next;
    reader->next += length;
    reader->left -= length;
    return bytes;
}

static uint64_t get_big_endian(struct wire_reader *reader, size_t size)
{
    const unsigned char *bytes = take(reader, size);
    uint64_t number = 0;
    for (size_t i = 0; bytes != NULL && i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

unsigned wire_get_u8(struct wire_reader *reader)
{
    return (unsigned)get_big_endian(reader, 1);
}

unsigned wire_get_u16(struct wire_reader *reader)
{
    return (unsigned)get_big_endian(reader, 2);
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
    return (uint32_t)get_big_endian(reader, 4);
}

uint64_t wire_get_u64(struct wire_reader *reader)
{
    return get_big_endian(reader, 8);
}

int64_t wire_get_i64(struct wire_reader *reader)
{
    return (int64_t)get_big_endian(reader, 8);
}

bool wire_get_bool(struct wire_reader *reader)
{
    return wire_get_enum(reader, 1) == 1;
}

unsigned wire_get_enum(struct wire_reader *reader, unsigned highest)
{
    unsigned number = wire_get_u8(reader);
    if (number <= highest)
        return number;
    wire_fail(reader, "a number that means nothing");
    return 0;
}

struct slice wire_get_slice(struct wire_reader *reader, size_t most)
{
    uint32_t length = wire_get_u32(reader);
    if (reader->failed || length == WIRE_ABSENT)
        return SLICE_NONE;
    if (length > most) {
        wire_fail(reader, "a text over its limit");
        return SLICE_NONE;
    }
    const unsigned char *bytes = take(reader, length);
    return bytes == NULL ? SLICE_NONE : slice_of((const char *)bytes, length);
}

uint32_t wire_get_count(struct wire_reader *reader, size_t most)
{
    uint32_t count = wire_get_u32(reader);
    if (reader->failed)
        return 0;
    if (count <= most && count <= reader->left)
        return count;
    wire_fail(reader, "a count over its limit");
    return 0;
}

struct address wire_get_address(struct wire_reader *reader)
{
    struct address address = { 0 };
    unsigned family = wire_get_u8(reader);
    const unsigned char *bytes = take(reader, sizeof address.bytes);
    if (bytes == NULL)
        return address;
    if (family != 0 && family != 4 && family != 6) {
        wire_fail(reader, "an address of an unknown family");
        return address;
    }
    address.family = (uint8_t)family;
    /* What is not part of an address is zero (value.h), whatever was sent. */
    memcpy(address.bytes, bytes, family == 4 ? 4 : family == 6 ? 16 : 0);
    return address;
}

bool wire_at_end(const struct wire_reader *reader)
{
    return !reader->failed && reader->left == 0;
}
