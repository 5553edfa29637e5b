/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.c: splits a header into fields and finds them by name. The header is the stranger's: any byte may be in it.
 * Lines that are no fields stay as fields without a name, so nothing is lost and nothing shifts.
 */
#include "policy/message.h"

/* Bytes of the line that begins at `start`, its line end included; the last line may have none. */
static size_t line_length(struct slice header, size_t start)
{
    size_t length = slice_find(slice_from(header, start), '\n');
    if (start + length < header.length)
        length++;
    return length;
}

static bool line_is_empty(struct slice header, size_t start, size_t length)
{
    return (length == 1 && header.text[start] == '\n')
        || (length == 2 && header.text[start] == '\r' && header.text[start + 1] == '\n');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * The field that begins at `start` with its folded lines (RFC 5322 2.2.3). A line of blanks only goes with its field
 * (obs-FWS).
 */
static size_t field_length(struct slice header, size_t start)
{
    size_t end = start + line_length(header, start);
    while (end < header.length && is_blank(header.text[end]))
        end += line_length(header, end);
    return end - start;
}

bool message_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.text[i] < 33 || name.text[i] > 126 || name.text[i] == ':')
            return false;
    return name.length > 0;
}

static struct slice without_line_end(struct slice text)
{
    if (text.length > 0 && text.text[text.length - 1] == '\n')
        text.length--;
    if (text.length > 0 && text.text[text.length - 1] == '\r')
        text.length--;
    return text;
}

static void field_split(struct message_field *field, struct message_header *header)
{
    struct slice text = without_line_end(field->text);
    size_t colon = slice_find(text, ':');
    struct slice name = slice_first(text, colon);

    if (is_blank(text.text[0])) {
        header->problem = header->problem != NULL ? header->problem : "header begins with a folded line";
        return;
    }
    while (name.length > 0 && is_blank(name.text[name.length - 1]))
        name.length--;
    if (colon == text.length || !message_name_is_valid(name)) {
        if (header->problem == NULL)
            header->problem = colon == text.length ? "line without a field name" : "invalid field name";
        return;
    }
    field->name = name;
    field->value = slice_from(text, colon + 1);
    field->space_before_colon = name.length != colon;
    if (field->space_before_colon && header->problem == NULL)
        header->problem = "space before the colon";
}

static size_t count_fields(struct slice header)
{
    size_t count = 0;
    for (size_t at = 0; at < header.length; at += field_length(header, at)) {
        if (line_is_empty(header, at, line_length(header, at)))
            break;
        count++;
    }
    return count;
}

void message_parse(struct slice header, struct arena *arena, struct message_header *header_out)
{
    size_t at = 0;

    *header_out = (struct message_header){ .count = count_fields(header) };
    if (header_out->count > 0)
        header_out->fields = arena_array(arena, header_out->count, sizeof(*header_out->fields));
    for (size_t i = 0; i < header_out->count; i++) {
        struct message_field *field = &header_out->fields[i];
        field->offset = (uint32_t)at;
        field->text = slice_of(header.text + at, field_length(header, at));
        field_split(field, header_out);
        at += field->text.length;
    }
    if (at < header.length) {
        at += line_length(header, at);
        header_out->ended = true;
    }
    header_out->size = (uint32_t)at;
}

bool message_field_is(const struct message_field *field, struct slice name)
{
    return field->name.length > 0 && slice_equal_nocase(field->name, name);
}

const struct message_field *message_next(const struct message_header *header, struct slice name, size_t *index)
{
    while (*index < header->count) {
        const struct message_field *field = &header->fields[(*index)++];
        if (message_field_is(field, name))
            return field;
    }
    return NULL;
}

size_t message_count(const struct message_header *header, struct slice name)
{
    size_t count = 0, index = 0;
    while (message_next(header, name, &index) != NULL)
        count++;
    return count;
}

struct slice message_unfold(struct slice value, size_t most, struct arena *arena)
{
    struct slice from = slice_trim(value);
    size_t room = from.length < most ? from.length : most;
    char *text = arena_alloc(arena, room + 1);
    size_t length = 0;

    for (size_t i = 0; i < from.length && length < room; i++) {
        unsigned char c = (unsigned char)from.text[i];
        if (c == '\r' && i + 1 < from.length && from.text[i + 1] == '\n') {
            i++;
            continue;
        }
        text[length++] = c < ' ' || c == 127 ? ' ' : (char)c;
    }
    return slice_trim(slice_of(text, length));
}
