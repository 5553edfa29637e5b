/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.c: replies made, printed and read (RFC 5321 4.2). What we say ourselves is printable ASCII and fits RFC
 * 5321's 512 octets a line; what a backend says is passed as it is, once it has the form of a reply. All text lives
 * in the arena given.
 */
#include "proxy/reply.h"

#include <stdio.h>

/* RFC 5321 4.5.3.1.5: with code, separator and CRLF. */
#define OWN_LINE_MOST 512
#define OWN_TEXT_MOST (OWN_LINE_MOST - sizeof("250 \r\n") + 1)

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* A copy fit to be sent as ours. */
static struct slice own_text(struct arena *arena, struct slice text)
{
    struct slice kept = slice_first(text, OWN_TEXT_MOST);
    char *copy = arena_alloc(arena, kept.length + 1);

    for (size_t i = 0; i < kept.length; i++)
        copy[i] = is_printable(kept.text[i]) ? kept.text[i] : '?';
    return slice_of(copy, kept.length);
}

struct reply reply_make(struct arena *arena, unsigned code, const char *enhanced, const char *format, ...)
{
    char text[OWN_LINE_MOST];
    struct slice *line = arena_alloc(arena, sizeof(*line));
    int before = *enhanced == '\0' ? 0 : snprintf(text, sizeof(text), "%s ", enhanced);
    size_t start = before < 0 ? 0 : (size_t)before < sizeof(text) ? (size_t)before : sizeof(text) - 1;
    va_list arguments;

    va_start(arguments, format);
    /* What does not fit is cut; on an encoding error the text is left out, the reply is not. */
    if (vsnprintf(text + start, sizeof(text) - start, format, arguments) < 0)
        text[start] = '\0';
    va_end(arguments);
    *line = own_text(arena, slice_of_string(text));
    return (struct reply){ code, line, 1 };
}

struct reply reply_lines(struct arena *arena, unsigned code, const struct slice *lines, size_t count)
{
    struct slice *copies = arena_array(arena, count == 0 ? 1 : count, sizeof(*copies));

    copies[0] = SLICE("");
    for (size_t i = 0; i < count; i++)
        copies[i] = own_text(arena, lines[i]);
    return (struct reply){ code, copies, count == 0 ? 1 : count };
}

struct reply reply_copy(struct arena *arena, const struct reply *reply)
{
    struct slice *copies = arena_array(arena, reply->count, sizeof(*copies));

    for (size_t i = 0; i < reply->count; i++)
        copies[i] = arena_copy(arena, reply->lines[i]);
    return (struct reply){ reply->code, copies, reply->count };
}

static char *put(char *place, struct slice text)
{
    if (text.length > 0)
        memcpy(place, text.text, text.length);
    return place + text.length;
}

struct slice reply_print(struct arena *arena, const struct reply *reply)
{
    char code[4];
    char *text;
    char *place;
    size_t length = 0;

    if (reply->code < 200 || reply->code > 599 || reply->count == 0)
        bug("reply_print code or lines");
    for (size_t i = 0; i < reply->count; i++)
        length += reply->lines[i].length + sizeof("250 \r\n") - 1;
    text = place = arena_alloc(arena, length + 1);
    snprintf(code, sizeof(code), "%03u", reply->code);
    for (size_t i = 0; i < reply->count; i++) {
        place = put(place, slice_of(code, 3));
        *place++ = i + 1 < reply->count ? '-' : ' ';
        place = put(place, reply->lines[i]);
        place = put(place, SLICE("\r\n"));
    }
    return slice_of(text, length);
}

struct slice reply_text(struct arena *arena, const struct reply *reply)
{
    char code[8];
    struct slice separator = SLICE(" ");
    size_t length = 3;
    char *text;
    char *place;

    if (reply->code == 0)
        return SLICE("");
    for (size_t i = 0; i < reply->count; i++)
        length += reply->lines[i].length + 3;
    text = arena_alloc(arena, length + 1);
    snprintf(code, sizeof(code), "%03u", reply->code % 1000);
    place = put(text, slice_of(code, 3));
    for (size_t i = 0; i < reply->count; i++) {
        place = put(place, separator);
        place = put(place, reply->lines[i]);
        separator = SLICE(" / ");
    }
    return slice_of(text, (size_t)(place - text));
}

/* Digits from `at` on, at most `most` of them: where they end, or `at` when there are none or too many. */
static size_t digits_end(struct slice text, size_t at, size_t most)
{
    size_t end = at;

    while (end < text.length && ascii_is_digit(text.text[end]))
        end++;
    return end - at > most ? at : end;
}

/* RFC 3463 2: class "." subject "." detail. */
struct slice reply_enhanced(const struct reply *reply)
{
    struct slice line = reply->count == 0 ? SLICE("") : reply->lines[0];
    size_t at = 1;

    if (line.length < 5 || (line.text[0] != '2' && line.text[0] != '4' && line.text[0] != '5'))
        return SLICE("");
    for (int part = 0; part < 2; part++) {
        size_t end;

        if (at >= line.length || line.text[at] != '.')
            return SLICE("");
        end = digits_end(line, at + 1, 3);
        if (end == at + 1)
            return SLICE("");
        at = end;
    }
    return at == line.length || line.text[at] == ' ' ? slice_first(line, at) : SLICE("");
}

void reply_reader_begin(struct reply_reader *reader, struct arena *arena)
{
    *reader = (struct reply_reader){ .arena = arena };
}

/*
 * Of "3DIGIT[-SP]text", or 0. Postfix lets its administrator choose any code from 400 on, hence no look at the second
 * digit.
 */
static unsigned line_code(struct slice line)
{
    unsigned long long code;

    if (!slice_number(slice_first(line, 3), 599, &code) || line.length < 3 || code < 200)
        return 0;
    if (line.length > 3 && line.text[3] != ' ' && line.text[3] != '-')
        return 0;
    return (unsigned)code;
}

static bool breaks_lines(struct slice line)
{
    return slice_find(line, '\r') < line.length || slice_find(line, '\n') < line.length ||
           slice_find(line, '\0') < line.length;
}

static void add_line(struct reply_reader *reader, struct slice text)
{
    if (reader->count == reader->room) {
        size_t room = reader->room == 0 ? 2 : reader->room * 2;
        struct slice *lines = arena_array(reader->arena, room, sizeof(*lines));

        if (reader->count > 0)
            memcpy(lines, reader->lines, reader->count * sizeof(*lines));
        reader->lines = lines;
        reader->room = room;
    }
    reader->lines[reader->count++] = arena_copy(reader->arena, text);
}

enum reply_status reply_reader_line(struct reply_reader *reader, struct slice line, struct reply *reply_out)
{
    unsigned code = line_code(line);
    size_t most = reader->line_most == 0 ? REPLY_LINE_MOST : reader->line_most;

    if (code == 0 || line.length + 2 > most || breaks_lines(line) || reader->count == REPLY_LINES_MOST ||
        (reader->count > 0 && code != reader->code))
        return REPLY_BROKEN;
    reader->code = code;
    add_line(reader, slice_from(line, 4));
    if (line.length > 3 && line.text[3] == '-')
        return REPLY_MORE;
    *reply_out = (struct reply){ code, reader->lines, reader->count };
    reply_reader_begin(reader, reader->arena);
    return REPLY_DONE;
}
