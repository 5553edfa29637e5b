/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_get.h: members of a record's JSON, for the files that read records. A record may have been edited, damaged, or
 * written by somebody else: types, names and ranges are checked, texts and counts bounded, and the first thing wrong
 * is kept by the name of the member it is in. What is absent, null or wrong is empty. Texts live in the arena.
 */
#ifndef MXWARD_POLICY_RECORD_GET_H
#define MXWARD_POLICY_RECORD_GET_H

#include "policy/record.h"

struct json_t;

/* One reading. Failures stick; `problem` is the first. */
struct reading {
    struct arena *arena;
    bool failed;
    struct slice problem;
};

void record_fail(struct reading *reading, const char *name, const char *what);

struct json_t *record_get_object(struct reading *reading, struct json_t *object, const char *name);
/* Its length; 0 when it has more than `most`. */
size_t record_get_array(struct reading *reading, struct json_t *object, const char *name, size_t most,
                        struct json_t **array_out);
/* The text that `value` is; `name` is for the problem. */
struct slice record_text_in(struct reading *reading, const struct json_t *value, const char *name, size_t most);
/* SLICE_NONE when it is absent. */
struct slice record_get_text(struct reading *reading, struct json_t *object, const char *name, size_t most);
struct slice *record_get_texts(struct reading *reading, struct json_t *object, const char *name, size_t count_most,
                               size_t most, size_t *count_out);
int64_t record_get_number(struct reading *reading, struct json_t *object, const char *name, int64_t least,
                          int64_t most);
bool record_get_flag(struct reading *reading, struct json_t *object, const char *name);
/* The index of the member's text in the `count` names; 0 when it is absent. */
unsigned record_get_name(struct reading *reading, struct json_t *object, const char *name,
                         const char *(*name_of)(unsigned index), unsigned count);
void record_get_address(struct reading *reading, struct json_t *object, const char *name, struct address *address_out);

/* From a record, or from "judged" of a recipient (record_read_results.c). NULL when there is no verdict in it. */
const struct verdict *record_read_verdict(struct reading *reading, struct json_t *object, enum stage stage,
                                          const struct evidence *evidence);
/* All members but "result" (record_dmarc.c). */
void record_read_dmarc(struct reading *reading, struct json_t *object, struct dmarc_outcome *dmarc);
void record_read_parts(struct reading *reading, struct json_t *object, struct record_judged *judged);

#endif
