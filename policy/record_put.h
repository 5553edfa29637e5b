/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_put.h: the JSON of a record as it is written, member after member into one buffer: every message writes one,
 * and a tree that is built to be printed costs many times as much. Objects and arrays are opened and closed in order;
 * commas come by themselves. A member's name is plain ASCII of our own, or given as a text; NULL: an item of an array,
 * or the whole. Texts are any bytes (record_escape()). Nothing can fail: memory that runs out ends the process.
 */
#ifndef MXWARD_POLICY_RECORD_PUT_H
#define MXWARD_POLICY_RECORD_PUT_H

#include "policy/verdict.h"
#include "policy/wire.h"

struct record_writer {
    struct wire_writer json;
    struct arena *arena;               /* of texts on their way */
};

void record_writer_init(struct record_writer *writer, struct arena *arena);
/* What was written, in the arena; frees the rest. */
struct slice record_writer_end(struct record_writer *writer);

void record_open_object(struct record_writer *writer, const char *name);
void record_close_object(struct record_writer *writer);
void record_open_array(struct record_writer *writer, const char *name);
void record_close_array(struct record_writer *writer);

void record_put_name(struct record_writer *writer, const char *name, const char *text);
void record_put_number(struct record_writer *writer, const char *name, int64_t number);
void record_put_size(struct record_writer *writer, const char *name, uint64_t size);
void record_put_truth(struct record_writer *writer, const char *name, bool truth);
void record_put_null(struct record_writer *writer, const char *name);
/* Also when it is empty; the second under a name that is any bytes. */
void record_put_string(struct record_writer *writer, const char *name, struct slice text);
void record_put_named(struct record_writer *writer, struct slice name, struct slice text);
void record_put_strings(struct record_writer *writer, const char *name, const struct slice *texts, size_t count);
/* Left out when empty, false, or of no family. */
void record_put_text(struct record_writer *writer, const char *name, struct slice text);
void record_put_texts(struct record_writer *writer, const char *name, const struct slice *texts, size_t count);
void record_put_flag(struct record_writer *writer, const char *name, bool flag);
void record_put_address(struct record_writer *writer, const char *name, const struct address *address);
/* "dmarc" of the results (record_dmarc.c). */
void record_put_dmarc(struct record_writer *writer, const struct dmarc_outcome *dmarc);
/* All parts of a verdict (record_results.c). */
void record_put_parts(struct record_writer *writer, const struct verdict *verdict);

#endif
