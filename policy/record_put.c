/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_put.c: the members of a record's JSON as they are written: nothing here can fail, and memory that runs out
 * ends the process. What is not UTF-8 is escaped before jansson sees it.
 */
#include "policy/record_put.h"

#include <jansson.h>

#include "policy/record.h"
#include "policy/wire.h"

static int append(const char *bytes, size_t length, void *context)
{
    wire_put_bytes(context, bytes, length);
    return 0;
}

/* With room for one byte more. */
struct slice record_printed(json_t *json, size_t flags, struct arena *arena)
{
    struct wire_writer text;
    wire_writer_init(&text, RECORD_LINE_MOST);
    json_dump_callback(json, append, &text, flags);
    json_decref(json);
    struct slice copy = arena_copy(arena, wire_written(&text));
    wire_writer_clear(&text);
    return copy;
}

json_t *record_text_json(struct slice text, struct arena *arena)
{
    struct slice escaped = record_escape(text, arena);
    return json_stringn_nocheck(escaped.text == NULL ? "" : escaped.text, escaped.length);
}

void record_put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(object, name, value) != 0)
        bug("a record's member");
}

void record_put_text(json_t *object, const char *name, struct slice text, struct arena *arena)
{
    if (text.length > 0)
        record_put(object, name, record_text_json(text, arena));
}

void record_put_name(json_t *object, const char *name, const char *text)
{
    record_put(object, name, json_string_nocheck(text));
}

void record_put_number(json_t *object, const char *name, int64_t number)
{
    record_put(object, name, json_integer(number));
}

void record_put_size(json_t *object, const char *name, uint64_t size)
{
    record_put_number(object, name, size > INT64_MAX ? INT64_MAX : (int64_t)size);
}

/* Left out when false. */
void record_put_flag(json_t *object, const char *name, bool flag)
{
    if (flag)
        record_put(object, name, json_true());
}

void record_put_address(json_t *object, const char *name, const struct address *address)
{
    char buffer[ADDRESS_TEXT];
    struct slice text = address->family == 0 ? SLICE("") : address_print(address, buffer);
    if (text.length > 0)
        record_put(object, name, json_stringn_nocheck(text.text, text.length));
}

json_t *record_texts_json(const struct slice *texts, size_t count, struct arena *arena)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, record_text_json(texts[i], arena));
    return array;
}

void record_put_texts(json_t *object, const char *name, const struct slice *texts, size_t count, struct arena *arena)
{
    if (count > 0)
        record_put(object, name, record_texts_json(texts, count, arena));
}
