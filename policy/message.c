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

/*
 * Mail servers and mail programs take such a line for that of a mailbox file where it comes first, and for something
 * else, or the end of the header, where it does not. "From : ann@example.org" is one of them too.
 */
static bool is_mbox_line(struct slice line)
{
    while (line.length > 0 && line.text[0] == '>')
        line = slice_from(line, 1);
    return slice_starts_with(line, SLICE("From "));
}

/* Whether a line without a colon goes on, folded, with the rest of a name and a colon. */
static bool is_folded_name(struct slice text)
{
    size_t colon = slice_find(text, ':');
    if (colon == text.length)
        return false;
    for (size_t i = 0; i < colon; i++)
        if (text.text[i] < ' ' && text.text[i] != '\t' && text.text[i] != '\r' && text.text[i] != '\n')
            return false;
    return true;
}

/* What a line is that is no field. */
static enum oddity broken_line(struct slice text, bool has_colon)
{
    if (is_blank(text.text[0]))
        return ODDITY_BEGINS_FOLDED;
    if (has_colon)
        return ODDITY_ODD_NAME;
    return is_folded_name(text) ? ODDITY_FOLDED_NAME : ODDITY_NO_COLON;
}

static void field_split(struct message_field *field, struct message_header *header)
{
    /* A name is on one line: a colon further down belongs to a value, or to nothing. */
    struct slice first = slice_without_line_end(slice_first(field->text, line_length(field->text, 0)));
    size_t colon = slice_find(first, ':');
    struct slice name = slice_first(first, colon);

    while (name.length > 0 && is_blank(name.text[name.length - 1]))
        name.length--;
    if (field->offset == 0 && is_mbox_line(first))
        header->oddities |= ODDITY_BIT(ODDITY_MBOX_LINE);
    if (colon == first.length || !message_name_is_valid(name)) {
        header->oddities |= ODDITY_BIT(broken_line(field->text, colon < first.length));
        return;
    }
    field->name = name;
    field->value = slice_without_line_end(slice_from(field->text, colon + 1));
    field->space_before_colon = name.length != colon;
    if (field->space_before_colon)
        header->oddities |= ODDITY_BIT(ODDITY_SPACE_BEFORE_COLON);
}

/* Fields that programs show as the author, where one that skips white space might find them. */
static bool names_author(struct slice line)
{
    static const struct slice names[] = { { "From", 4 }, { "Sender", 6 }, { "Resent-From", 11 } };
    struct slice name = slice_trim(slice_first(line, slice_find(line, ':')));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (name.length < slice_trim(line).length && slice_equal_nocase(name, names[i]))
            return true;
    return false;
}

/* Folded lines that read as an author's field, with an address. In the h= of signatures such names are usual. */
static bool hides_author(const struct message_field *field)
{
    size_t at = is_blank(field->text.text[0]) ? 0 : line_length(field->text, 0);
    if (slice_ends_with_nocase(field->name, SLICE("Signature")))
        return false;
    for (; at < field->text.length; at += line_length(field->text, at)) {
        struct slice rest = slice_from(field->text, at);
        if (names_author(slice_first(rest, line_length(rest, 0))) && slice_find(rest, '@') < rest.length)
            return true;
    }
    return false;
}

static uint64_t line_oddities(struct slice line)
{
    uint64_t oddities = 0;
    bool has_end = line.text[line.length - 1] == '\n';
    struct slice text = has_end ? slice_without_line_end(line) : line;

    if (has_end && line.length - text.length == 1)
        oddities |= ODDITY_BIT(ODDITY_BARE_LF);
    if (text.length > MESSAGE_LINE_MOST)
        oddities |= ODDITY_BIT(ODDITY_LONG_LINE);
    if (text.length > 0 && is_blank(text.text[0]) && slice_trim(text).length == 0)
        oddities |= ODDITY_BIT(ODDITY_BLANK_LINE);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.text[i];
        if (c == 0)
            oddities |= ODDITY_BIT(ODDITY_NUL);
        else if (c == '\r')
            oddities |= ODDITY_BIT(ODDITY_BARE_CR);
        else if ((c < ' ' && c != '\t') || c == 127)
            oddities |= ODDITY_BIT(ODDITY_CONTROL);
    }
    return oddities;
}

uint64_t message_oddities(struct slice lines)
{
    uint64_t oddities = 0;
    size_t bad;

    if (!text_is_utf8(lines, &bad))
        oddities |= ODDITY_BIT(ODDITY_NOT_UTF8);
    for (size_t at = 0; at < lines.length; at += line_length(lines, at))
        oddities |= line_oddities(slice_first(slice_from(lines, at), line_length(lines, at)));
    return oddities;
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
    else if (header.length > 0)
        header_out->oddities |= ODDITY_BIT(ODDITY_NO_HEADER);
    for (size_t i = 0; i < header_out->count; i++) {
        struct message_field *field = &header_out->fields[i];
        field->offset = (uint32_t)at;
        field->text = slice_of(header.text + at, field_length(header, at));
        field_split(field, header_out);
        if (hides_author(field))
            header_out->oddities |= ODDITY_BIT(ODDITY_LEADING_SPACE_NAME);
        at += field->text.length;
    }
    header_out->oddities |= message_oddities(slice_first(header, at));
    if (at < header.length) {
        header_out->oddities |= message_oddities(slice_first(slice_from(header, at), line_length(header, at)));
        at += line_length(header, at);
        header_out->ended = true;
    } else {
        header_out->oddities |= ODDITY_BIT(ODDITY_NO_END);
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
