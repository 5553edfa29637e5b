/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_put.h: members of a record's JSON, for the files that write records. An object owns what is put into it; texts
 * are escaped (record_escape()). Nothing can fail: memory that runs out ends the process.
 */
#ifndef MXWARD_POLICY_RECORD_PUT_H
#define MXWARD_POLICY_RECORD_PUT_H

#include "policy/verdict.h"

struct json_t;

/* Its text, with room for one byte more; takes `json`. `flags` are jansson's. */
struct slice record_printed(struct json_t *json, size_t flags, struct arena *arena);
/* A text, also when it is empty; an array of texts. */
struct json_t *record_text_json(struct slice text, struct arena *arena);
struct json_t *record_texts_json(const struct slice *texts, size_t count, struct arena *arena);

/* Takes `value`. */
void record_put(struct json_t *object, const char *name, struct json_t *value);
void record_put_name(struct json_t *object, const char *name, const char *text);
void record_put_number(struct json_t *object, const char *name, int64_t number);
void record_put_size(struct json_t *object, const char *name, uint64_t size);
/* Left out when empty, false, or of no family. */
void record_put_text(struct json_t *object, const char *name, struct slice text, struct arena *arena);
void record_put_texts(struct json_t *object, const char *name, const struct slice *texts, size_t count,
                      struct arena *arena);
void record_put_flag(struct json_t *object, const char *name, bool flag);
void record_put_address(struct json_t *object, const char *name, const struct address *address);
/* "results.dmarc" (record_dmarc.c). */
struct json_t *record_dmarc_json(const struct dmarc_outcome *dmarc, struct arena *arena);
/* All parts of a verdict (record_results.c). */
void record_put_parts(struct json_t *object, const struct verdict *verdict, struct arena *arena);

#endif
