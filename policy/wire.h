/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h: bytes of the frames between worker and judge: a writer into a growing buffer with a cap, and a reader that
 * never reads past its end. Both have sticky failures: put or get as many things as wanted, look at `failed` once.
 * Numbers are big-endian. A slice is its length (four bytes, all ones: absent) and its bytes. What is read borrows
 * from the bytes given to the reader.
 */
#ifndef MXWARD_POLICY_WIRE_H
#define MXWARD_POLICY_WIRE_H

#include <stdint.h>

#include "rules/value.h"

struct wire_writer {
    char *data;
    size_t length;
    size_t capacity;
    size_t most;               /* more than this fails */
    bool failed;
};

void wire_writer_init(struct wire_writer *writer, size_t most);
/* Forgets the bytes, keeps the memory. */
void wire_writer_reset(struct wire_writer *writer);
/* Frees the memory. */
void wire_writer_clear(struct wire_writer *writer);
/* What was written; borrowed until the next put, reset or clear. */
struct slice wire_written(const struct wire_writer *writer);

void wire_put_u8(struct wire_writer *writer, unsigned number);
void wire_put_u16(struct wire_writer *writer, unsigned number);
void wire_put_u32(struct wire_writer *writer, uint32_t number);
void wire_put_u64(struct wire_writer *writer, uint64_t number);
void wire_put_i64(struct wire_writer *writer, int64_t number);
void wire_put_bool(struct wire_writer *writer, bool truth);
void wire_put_slice(struct wire_writer *writer, struct slice slice);
void wire_put_address(struct wire_writer *writer, const struct address *address);
/* The bytes alone, without their length. */
void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t length);
/* Overwrites four bytes written before, for counts known only later. */
void wire_patch_u32(struct wire_writer *writer, size_t position, uint32_t number);

struct wire_reader {
    const unsigned char *next;
    size_t left;
    bool failed;
    const char *problem;       /* what the first failure was, for logs; NULL before */
};

void wire_reader_init(struct wire_reader *reader, struct slice bytes);
/* Zero or absent after a failure. */
unsigned wire_get_u8(struct wire_reader *reader);
unsigned wire_get_u16(struct wire_reader *reader);
uint32_t wire_get_u32(struct wire_reader *reader);
uint64_t wire_get_u64(struct wire_reader *reader);
int64_t wire_get_i64(struct wire_reader *reader);
bool wire_get_bool(struct wire_reader *reader);
/* A number of an enum whose highest member is `highest`. */
unsigned wire_get_enum(struct wire_reader *reader, unsigned highest);
/* At most `most` bytes, else it fails. */
struct slice wire_get_slice(struct wire_reader *reader, size_t most);
/*
 * A count of things of at least one byte each: at most `most` and at most what is left, so that it may size an array.
 */
uint32_t wire_get_count(struct wire_reader *reader, size_t most);
struct address wire_get_address(struct wire_reader *reader);
/* Notes a failure of meaning; the first stays. */
void wire_fail(struct wire_reader *reader, const char *problem);
/* Whether all was read and nothing failed. */
bool wire_at_end(const struct wire_reader *reader);

#endif
