/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_get.c: the members of a record's JSON as they are read: types, ranges and lengths are checked, the first
 * failure is kept.
 */
#include "policy/record_get.h"

#include <jansson.h>

void record_fail(struct reading *reading, const char *name, const char *what)
{
    if (!reading->failed)
        reading->problem = arena_printf(reading->arena, "\"%s\": %s", name, what);
    reading->failed = true;
}

/* The member, or NULL when it is absent or of another type (which fails). */
static json_t *member(struct reading *reading, json_t *object, const char *name, json_type type, const char *what)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (json_typeof(value) == type)
        return value;
    record_fail(reading, name, what);
    return NULL;
}

json_t *record_get_object(struct reading *reading, json_t *object, const char *name)
{
    return member(reading, object, name, JSON_OBJECT, "not an object");
}

size_t record_get_array(struct reading *reading, json_t *object, const char *name, size_t most, json_t **array_out)
{
    *array_out = member(reading, object, name, JSON_ARRAY, "not an array");
    size_t count = json_array_size(*array_out);
    if (count <= most)
        return count;
    record_fail(reading, name, "too many");
    return 0;
}

struct slice record_text_in(struct reading *reading, const json_t *value, const char *name, size_t most)
{
    if (!json_is_string(value)) {
        record_fail(reading, name, "not a text");
        return SLICE("");
    }
    struct slice text = slice_of(json_string_value(value), json_string_length(value));
    text = record_unescape(text, reading->arena);
    if (text.length <= most)
        return text;
    record_fail(reading, name, "too long");
    return SLICE("");
}

struct slice record_get_text(struct reading *reading, json_t *object, const char *name, size_t most)
{
    json_t *value = json_object_get(object, name);
    return value == NULL || json_is_null(value) ? SLICE_NONE : record_text_in(reading, value, name, most);
}

int64_t record_get_number(struct reading *reading, json_t *object, const char *name, int64_t least, int64_t most)
{
    json_t *value = member(reading, object, name, JSON_INTEGER, "not a whole number");
    if (value == NULL)
        return 0;
    int64_t number = json_integer_value(value);
    if (number >= least && number <= most)
        return number;
    record_fail(reading, name, "out of range");
    return 0;
}

bool record_get_flag(struct reading *reading, json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (value != NULL && !json_is_boolean(value))
        record_fail(reading, name, "neither true nor false");
    return json_is_true(value);
}

/* The index of the member's text in `names`; 0 when it is absent. */
unsigned record_get_name(struct reading *reading, json_t *object, const char *name,
                         const char *(*name_of)(unsigned index), unsigned count)
{
    struct slice text = record_get_text(reading, object, name, 64);
    if (text.text == NULL)
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (slice_equal(text, slice_of_string(name_of(i))))
            return i;
    record_fail(reading, name, "an unknown word");
    return 0;
}

void record_get_address(struct reading *reading, json_t *object, const char *name, struct address *address_out)
{
    struct slice text = record_get_text(reading, object, name, ADDRESS_TEXT);
    if (text.text != NULL && !address_parse(text, address_out))
        record_fail(reading, name, "not an address");
}

struct slice *record_get_texts(struct reading *reading, json_t *object, const char *name, size_t count_most,
                               size_t most, size_t *count_out)
{
    json_t *array;
    *count_out = record_get_array(reading, object, name, count_most, &array);
    struct slice *texts = arena_array(reading->arena, *count_out, sizeof *texts);
    for (size_t i = 0; i < *count_out; i++)
        texts[i] = record_text_in(reading, json_array_get(array, i), name, most);
    return texts;
}
