/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * field_writer.c: the writer keeps one invariant, that whatever it is given the field stays one field: there is no
 * way to put a CR or an LF into it but by the writer's own folds, nor a byte beyond ASCII but as UTF-8 where that may
 * be.
 */
#include "policy/field_writer.h"

/* RFC 5322 2.1.1 wants 78; ";" may follow. */
#define LINE_WANTED 77

static void put(struct field_writer *writer, const char *text, size_t length)
{
    if (writer->length + length > writer->room) {
        size_t room = 2 * writer->room + length;
        char *grown = arena_alloc(writer->arena, room + 1);
        if (writer->length > 0)
            memcpy(grown, writer->text, writer->length);
        writer->text = grown;
        writer->room = room;
    }
    memcpy(writer->text + writer->length, text, length);
    writer->length += length;
    writer->column += length;
}

static bool is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

static void put_printable(struct field_writer *writer, struct slice text)
{
    while (text.length > 0) {
        size_t length = text_utf8_length(text);
        struct slice character = slice_first(text, length);
        bool is_beyond_ascii = length > 1 && writer->utf8 && !text_is_control(character);

        if (is_beyond_ascii || is_printable(text.text[0]))
            put(writer, text.text, is_beyond_ascii ? length : 1);
        else
            put(writer, "?", 1);
        text = slice_from(text, is_beyond_ascii ? length : 1);
    }
}

void field_writer_begin(struct field_writer *writer, struct slice name, struct arena *arena)
{
    *writer = (struct field_writer){ .arena = arena, .room = 256 };
    writer->text = arena_alloc(arena, writer->room + 1);
    put_printable(writer, slice_first(name, FIELD_WRITER_PIECE_MOST));
    put(writer, ":", 1);
    writer->start = writer->length;
}

void field_writer_piece(struct field_writer *writer, struct slice piece)
{
    piece = slice_first(piece, FIELD_WRITER_PIECE_MOST);
    if (piece.length == 0)
        return;
    if (writer->column + 1 + piece.length > LINE_WANTED && writer->length > writer->start) {
        put(writer, "\r\n\t", 3);
        writer->column = 1;
    } else {
        put(writer, " ", 1);
    }
    put_printable(writer, piece);
}

void field_writer_printf(struct field_writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct slice piece = arena_vprintf(writer->arena, format, arguments);
    va_end(arguments);
    field_writer_piece(writer, piece);
}

void field_writer_append(struct field_writer *writer, const char *text)
{
    put_printable(writer, slice_of_string(text));
}

struct slice field_writer_end(struct field_writer *writer)
{
    put(writer, "\r\n", 2);
    return slice_of(writer->text, writer->length);
}

/*
 * Between `open` and `close`, with a backslash before what needs one. Control characters become "?"; whether bytes
 * beyond ASCII may be there is the writer's to say.
 */
static struct slice enclosed(struct slice text, char open, char close, const char *escaped, struct arena *arena)
{
    text = slice_first(text, FIELD_WRITER_PIECE_MOST / 2 - 1);
    char *copy = arena_alloc(arena, 2 * text.length + 3);
    size_t length = 0;

    copy[length++] = open;
    for (size_t i = 0; i < text.length; i++) {
        char c = is_printable(text.text[i]) || (unsigned char)text.text[i] >= 0x80 ? text.text[i] : '?';
        if (strchr(escaped, c) != NULL)
            copy[length++] = '\\';
        copy[length++] = c;
    }
    copy[length++] = close;
    return slice_of(copy, length);
}

struct slice field_comment(struct slice text, struct arena *arena)
{
    return enclosed(text, '(', ')', "()\\", arena);
}

static bool is_of(struct slice text, bool (*is_allowed)(char))
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_allowed(text.text[i]))
            return false;
    return text.length > 0 && text.length <= FIELD_WRITER_PIECE_MOST / 2;
}

static bool is_token_character(char c)
{
    return c > ' ' && c <= '~' && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static bool is_atom_character(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_dot_atom(struct slice text)
{
    struct slice rest = text;
    while (rest.text != NULL)
        if (!is_of(slice_cut(&rest, '.'), is_atom_character))
            return false;
    return text.length > 0 && text.length <= FIELD_WRITER_PIECE_MOST / 2;
}

struct slice field_value(struct slice text, struct arena *arena)
{
    return is_of(text, is_token_character) ? text : enclosed(text, '"', '"', "\"\\", arena);
}

/* domain-name of RFC 6376 3.5: sub-domains (RFC 5321 4.1.2), two or more. */
static bool is_domain_name(struct slice text)
{
    size_t labels = 0;
    for (struct slice rest = text; rest.text != NULL; labels++) {
        struct slice label = slice_cut(&rest, '.');
        for (size_t i = 0; i < label.length; i++)
            if (!ascii_is_letter(label.text[i]) && !ascii_is_digit(label.text[i])
                && (label.text[i] != '-' || i == 0 || i + 1 == label.length))
                return false;
        if (label.length == 0)
            return false;
    }
    return labels > 1 && text.length <= 255;
}

/* What a quoted-string stands for; false when it is none. */
static bool unquote(struct slice text, struct arena *arena, struct slice *content_out)
{
    char *copy = arena_alloc(arena, text.length + 1);
    size_t length = 0;
    if (text.length < 2 || text.text[0] != '"' || text.text[text.length - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < text.length; i++) {
        if (text.text[i] == '"' || (text.text[i] == '\\' && ++i + 1 == text.length))
            return false;
        copy[length++] = text.text[i];
    }
    *content_out = slice_of(copy, length);
    return true;
}

/* The local part as dot-atom or quoted-string, "@", domain: no other form of an address is allowed (RFC 8601 2.2). */
struct slice field_address(struct slice text, struct arena *arena)
{
    size_t at = text.length;
    while (at > 0 && text.text[at - 1] != '@')
        at--;
    struct slice local = slice_first(text, at == 0 ? 0 : at - 1), domain = slice_from(text, at);
    if (at == 0 || !is_domain_name(domain))
        return field_value(text, arena);
    if (local.length == 0 || is_dot_atom(local))
        return text;
    unquote(local, arena, &local);
    local = enclosed(local, '"', '"', "\"\\", arena);
    return arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain));
}

struct slice field_dot_atom(struct slice text, struct arena *arena)
{
    return is_dot_atom(text) ? text : enclosed(text, '"', '"', "\"\\", arena);
}
