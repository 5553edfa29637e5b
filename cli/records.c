/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records.c: bounded reading, and a record on one line. Records are read as JSON, not by record_read(): what is
 * asked for is what was written, also by another version.
 */
#include "cli/records.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/options.h"
#include "policy/record.h"
#include "proxy/config.h"

#define BLOCK ((size_t)64 * 1024)

void record_lines_init(struct record_lines *lines, int descriptor)
{
    *lines = (struct record_lines){ .descriptor = descriptor };
}

void record_lines_clear(struct record_lines *lines)
{
    free(lines->bytes);
    *lines = (struct record_lines){ .descriptor = -1 };
}

/* 1: more bytes; 0: none there; -1: errno. */
static int fill(struct record_lines *lines)
{
    ssize_t got;

    if (lines->start > 0 && lines->bytes != NULL) {
        memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    if (lines->end > RECORD_LINE_MOST) {
        lines->end = 0;
        lines->skipping = true;
    }
    if (lines->capacity - lines->end < BLOCK) {
        lines->capacity = lines->capacity * 2 < lines->end + BLOCK ? lines->end + BLOCK : lines->capacity * 2;
        lines->bytes = memory_grown(lines->bytes, lines->capacity);
    }
    do
        got = read(lines->descriptor, lines->bytes + lines->end, lines->capacity - lines->end);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        lines->end += (size_t)got;
    return got > 0 ? 1 : got < 0 ? -1 : 0;
}

enum record_line record_lines_next(struct record_lines *lines, struct slice *line_out)
{
    size_t scanned = 0;                /* of what is held, without a line end */
    int more;

    for (;;) {
        struct slice held =
            slice_of(lines->bytes == NULL ? "" : lines->bytes + lines->start, lines->end - lines->start);
        size_t length = scanned + slice_find(slice_from(held, scanned), '\n');

        if (length < held.length) {
            lines->start += length + 1;
            scanned = 0;
            *line_out = slice_first(held, length);
            if (!lines->skipping)
                return RECORD_LINE;
            lines->skipping = false;
            continue;
        }
        more = fill(lines);
        if (more <= 0)
            return more == 0 ? RECORD_LINE_NONE : RECORD_LINE_FAILED;
        /* fill() forgets what is too long for a record. */
        scanned = held.length < lines->end ? held.length : 0;
    }
}

json_t *records_parse(struct slice line)
{
    json_t *record = json_loadb(line.text == NULL ? "" : line.text, line.length, 0, NULL);

    if (record != NULL && !json_is_object(record)) {
        json_decref(record);
        return NULL;
    }
    return record;
}

json_t *records_get(const json_t *record, const char *path)
{
    json_t *found = (json_t *)(uintptr_t)record;

    while (found != NULL && path[0] != '\0') {
        size_t length = strcspn(path, ".");
        json_t *object = found;
        json_t *value;
        const char *key;

        found = NULL;
        json_object_foreach(object, key, value)
            if (strlen(key) == length && memcmp(key, path, length) == 0)
                found = value;
        path += length;
        path += path[0] == '.';
    }
    return found;
}

struct slice records_value_text(const json_t *value, struct arena *arena)
{
    if (json_is_string(value))
        return cli_safe(slice_of(json_string_value(value), json_string_length(value)), arena);
    if (json_is_integer(value))
        return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(arena, "%g", json_real_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? SLICE("true") : SLICE("false");
    return SLICE("");
}

struct slice records_text(const json_t *record, const char *path, struct arena *arena)
{
    return records_value_text(records_get(record, path), arena);
}

const char *records_word(const json_t *record)
{
    const char *by = json_string_value(records_get(record, "outcome.by"));
    long long code = json_integer_value(records_get(record, "outcome.code"));

    if (json_is_true(records_get(record, "outcome.delivered")))
        return json_is_true(records_get(record, "verdict.tagged")) ? "tag" : "pass";
    if (by != NULL && strcmp(by, "backend") == 0)
        return "backend";
    if (by != NULL && strcmp(by, "nobody") == 0)
        return "gone";
    return code >= 500 ? "reject" : code >= 400 ? "defer" : "end";
}

static struct slice recipients(const json_t *record, struct arena *arena)
{
    const json_t *list = records_get(record, "recipients");
    struct slice first;

    if (json_array_size(list) == 0)
        return SLICE("-");
    first = records_text(json_array_get(list, 0), "address", arena);
    if (json_array_size(list) == 1)
        return arena_printf(arena, "<%.*s>", SLICE_ARG(first));
    return arena_printf(arena, "<%.*s> and %zu more", SLICE_ARG(first), json_array_size(list) - 1);
}

static struct slice or_dash(struct slice text)
{
    return slice_is_empty(text) ? SLICE("-") : text;
}

struct slice records_one_line(const json_t *record, struct arena *arena)
{
    struct slice time = slice_first(records_text(record, "time", arena), 19);
    struct slice rule = records_text(record, "verdict.rule", arena);
    struct slice code = records_text(record, "outcome.code", arena);
    struct slice text = records_text(record, "outcome.text", arena);
    struct slice reason = records_text(record, "outcome.reason", arena);
    struct slice sender =
        records_get(record, "envelope") == NULL
            ? SLICE("-")
            : arena_printf(arena, "<%.*s>", SLICE_ARG(records_text(record, "envelope.sender.address", arena)));

    return arena_printf(arena, "%.*sZ %.*s %.*s %.*s %.*s %.*s -> %.*s %.*s %.*s%s%.*s%s", SLICE_ARG(time),
                        SLICE_ARG(or_dash(records_text(record, "id", arena))),
                        SLICE_ARG(or_dash(records_text(record, "client.ip", arena))),
                        SLICE_ARG(slice_of_string(records_word(record))), SLICE_ARG(or_dash(rule)), SLICE_ARG(sender),
                        SLICE_ARG(recipients(record, arena)), SLICE_ARG(or_dash(code)), SLICE_ARG(text),
                        slice_is_empty(reason) ? "" : " (", SLICE_ARG(reason), slice_is_empty(reason) ? "" : ")");
}

const char *records_configured_file(const char *config_path, struct arena *arena)
{
    struct diagnostics diagnostics;
    const struct config *config;

    diagnostics_init(&diagnostics, arena);
    config = config_load(config_path, arena, &diagnostics);
    if (config == NULL) {
        diagnostics_print(&diagnostics, stderr, cli_colour(stderr));
        return NULL;
    }
    if (config->record_target != RECORD_FILE) {
        fprintf(stderr, "mxward: %s has records go to %s: name a file of records\n", config_path,
                config->record_target == RECORD_SYSLOG ? "syslog" : "nowhere");
        return NULL;
    }
    return config->record_file;
}
