/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records.h: what `mxward log` and `mxward explain` share: lines of a record file, members of a record by
 * dotted path, and one record on one line for people. Records hold text of strangers: whatever is printed for
 * people goes through cli_safe().
 */
#ifndef MXWARD_CLI_RECORDS_H
#define MXWARD_CLI_RECORDS_H

#include "rules/arena.h"
#include "rules/slice.h"

struct json_t;                     /* jansson's json_t */

/* Reads lines from a descriptor. */
struct record_lines {
    int descriptor;
    char *bytes;
    size_t start;                      /* of what is not handed out yet */
    size_t end;
    size_t capacity;
    bool skipping;                     /* within a line that is too long */
};

enum record_line { RECORD_LINE, RECORD_LINE_NONE, RECORD_LINE_FAILED };

void record_lines_init(struct record_lines *lines, int descriptor);
void record_lines_clear(struct record_lines *lines);
/*
 * The next whole line without its end; borrowed until the next call. NONE: no whole line there (yet): a last
 * one without its line end is still being written. Lines longer than any record are skipped. FAILED: errno.
 */
enum record_line record_lines_next(struct record_lines *lines, struct slice *line_out);

/* NULL: not one JSON object. To be given back with json_decref(). */
struct json_t *records_parse(struct slice line);
/* The member at "client.ip"; NULL: none. Does not go into arrays. */
struct json_t *records_get(const struct json_t *record, const char *path);
/* Its text, made safe for a terminal; numbers and truths as JSON writes them; empty when it is not there. */
struct slice records_text(const struct json_t *record, const char *path, struct arena *arena);
struct slice records_value_text(const struct json_t *value, struct arena *arena);
/* "2026-11-22T05:41:02Z ID 192.0.2.1 reject dmarc-reject <sender> -> <recipient> 550 5.7.26 ..." */
struct slice records_one_line(const struct json_t *record, struct arena *arena);
/* What became of it: pass, tag, reject, defer (by whomever of us), backend (refused by it), gone (the client), end. */
const char *records_word(const struct json_t *record);
/* The record file that the configuration names; NULL: said why on standard error. */
const char *records_configured_file(const char *config_path, struct arena *arena);

#endif
