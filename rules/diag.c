/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diag.c: collects messages and prints them with the line they are about. What is printed of a file is made safe for a
 * terminal: control characters and bytes that are not UTF-8 show as '?', and of a very long line only the part around
 * the place is shown. Nothing fails.
 */
#include "rules/diag.h"

#include <stdint.h>
#include <stdlib.h>

/* Bytes of a line shown before and after the place. */
#define LINE_SHOWN_BEFORE 100
#define LINE_SHOWN_AFTER 100
/* Longer words are not compared with names: no name is that long. */
#define WORD_COMPARED_MOST 64

void diagnostics_init(struct diagnostics *diagnostics, struct arena *arena)
{
    *diagnostics = (struct diagnostics){ .arena = arena };
    diagnostics->end = &diagnostics->first;
}

static void add(struct diagnostics *diagnostics, enum severity severity, struct span span, const char *format,
                va_list arguments)
{
    struct diagnostic *diagnostic;

    if (severity == SEVERITY_ERROR)
        diagnostics->errors++;
    else
        diagnostics->warnings++;
    if (diagnostics->errors + diagnostics->warnings > DIAGNOSTICS_MOST)
        return;
    diagnostic = arena_alloc(diagnostics->arena, sizeof(*diagnostic));
    diagnostic->severity = severity;
    diagnostic->span = span;
    diagnostic->text = arena_vprintf(diagnostics->arena, format, arguments);
    *diagnostics->end = diagnostic;
    diagnostics->end = &diagnostic->next;
}

void diag_error(struct diagnostics *diagnostics, struct span span, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(diagnostics, SEVERITY_ERROR, span, format, arguments);
    va_end(arguments);
}

void diag_warning(struct diagnostics *diagnostics, struct span span, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(diagnostics, SEVERITY_WARNING, span, format, arguments);
    va_end(arguments);
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t line_start(struct slice text, size_t offset)
{
    while (offset > 0 && text.text[offset - 1] != '\n')
        offset--;
    return offset;
}

void span_position(struct span span, size_t *line_out, size_t *column_out)
{
    struct slice text = span.source->text;
    size_t offset = span.offset < text.length ? span.offset : text.length;
    size_t start = line_start(text, offset);

    *line_out = 1;
    for (size_t i = 0; i < start; i++)
        *line_out += text.text[i] == '\n';
    *column_out = 1;
    for (size_t i = start; i < offset; i++)
        *column_out += !is_continuation(text.text[i]);
}

/* Shows text as it is but for what a terminal would not show; with `blank`, as blanks as wide as that (tabs stay). */
static void print_shown(struct slice text, bool blank, char blank_as, FILE *file)
{
    while (text.length > 0) {
        size_t length = text_shown_length(text);

        if (text.text[0] == '\t')
            fputc(blank && blank_as != ' ' ? blank_as : '\t', file);
        else if (blank)
            fputc(blank_as, file);
        else if (length == 0)
            fputc('?', file);
        else
            fwrite(text.text, 1, length, file);
        text = slice_from(text, length == 0 ? 1 : length);
    }
}

/* The line, and below it a caret and tildes under the span, as far as it goes on this line. */
static void print_line(struct span span, FILE *file)
{
    struct slice text = span.source->text;
    size_t offset = span.offset < text.length ? span.offset : text.length;
    size_t start = line_start(text, offset);
    size_t end = offset + slice_find(slice_from(text, offset), '\n');
    size_t length = span.length < end - offset ? span.length : end - offset;

    if (end > offset && text.text[end - 1] == '\r')
        end--;
    if (end < offset + length)
        length = end - offset;
    if (end == start)
        return;
    if (offset - start > LINE_SHOWN_BEFORE) {
        start = offset - LINE_SHOWN_BEFORE;
        while (start < offset && is_continuation(text.text[start]))
            start++;
    }
    if (end - offset > LINE_SHOWN_AFTER) {
        end = offset + LINE_SHOWN_AFTER;
        while (end > offset && is_continuation(text.text[end]))
            end--;
        if (length > end - offset)
            length = end - offset;
    }
    print_shown(slice_of(text.text + start, end - start), false, ' ', file);
    fputc('\n', file);
    print_shown(slice_of(text.text + start, offset - start), true, ' ', file);
    fputc('^', file);
    if (length > 0) {
        size_t first = text_shown_length(slice_of(text.text + offset, length));

        print_shown(slice_from(slice_of(text.text + offset, length), first == 0 ? 1 : first), true, '~', file);
    }
    fputc('\n', file);
}

static void print_one(const struct diagnostic *diagnostic, FILE *file, bool colour)
{
    bool is_error = diagnostic->severity == SEVERITY_ERROR;
    const char *on = !colour ? "" : is_error ? "\033[1;31m" : "\033[1;35m";

    if (diagnostic->span.source != NULL) {
        size_t line, column;

        span_position(diagnostic->span, &line, &column);
        fprintf(file, "%s:%zu:%zu: ", diagnostic->span.source->name, line, column);
    }
    fprintf(file, "%s%s%s: ", on, is_error ? "error" : "warning", colour ? "\033[0m" : "");
    print_shown(diagnostic->text, false, ' ', file);
    fputc('\n', file);
    if (diagnostic->span.source != NULL)
        print_line(diagnostic->span, file);
}

struct sorted {
    const struct diagnostic *diagnostic;
    size_t source;                 /* in order of appearance; those about no place come first */
    size_t index;
};

static int sorted_compare(const void *left, const void *right)
{
    const struct sorted *a = left, *b = right;

    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    if (a->diagnostic->span.offset != b->diagnostic->span.offset)
        return a->diagnostic->span.offset < b->diagnostic->span.offset ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static size_t source_order(const struct sorted *sorted, size_t count, const struct diagnostic *diagnostic)
{
    const struct source *source = diagnostic->span.source;

    if (source == NULL)
        return 0;
    if (source->order > 0)
        return source->order;
    for (size_t i = 0; i < count; i++)
        if (sorted[i].diagnostic->span.source == source)
            return sorted[i].source;
    return SIZE_MAX / 2 + count;
}

void diagnostics_print(const struct diagnostics *diagnostics, FILE *file, bool colour)
{
    struct sorted sorted[DIAGNOSTICS_MOST] = { { NULL, 0, 0 } };
    size_t count = 0;

    /* No more than DIAGNOSTICS_MOST are kept. */
    for (const struct diagnostic *each = diagnostics->first; each != NULL; each = each->next) {
        sorted[count] = (struct sorted){ each, source_order(sorted, count, each), count };
        count++;
    }
    qsort(sorted, count, sizeof(*sorted), sorted_compare);
    for (size_t i = 0; i < count; i++)
        print_one(sorted[i].diagnostic, file, colour);
    if (diagnostics->errors + diagnostics->warnings > count)
        fprintf(file, "and %zu more not shown\n", diagnostics->errors + diagnostics->warnings - count);
}

struct slice diagnostics_text(const struct diagnostics *diagnostics, struct arena *arena)
{
    struct arena_stream stream;

    arena_stream_start(&stream);
    diagnostics_print(diagnostics, stream.file, false);
    return arena_stream_end(&stream, arena);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters inserted, dropped, changed or swapped with their neighbour that lead from one to the other. */
static size_t edit_distance(struct slice a, struct slice b)
{
    size_t rows[3][WORD_COMPARED_MOST + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        size_t *oldest = before;

        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            bool same = ascii_lower(a.text[i - 1]) == ascii_lower(b.text[j - 1]);

            row[j] = least(last[j - 1] + !same, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.text[i - 1] == b.text[j - 2] && a.text[i - 2] == b.text[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = oldest;
    }
    return last[b.length];
}

const char *did_you_mean(struct slice word, const char *(*next)(void *context, size_t index), void *context)
{
    size_t allowed = word.length / 3 > 1 ? word.length / 3 : 1;
    const char *nearest = NULL;
    const char *name;

    if (word.length == 0 || word.length > WORD_COMPARED_MOST)
        return NULL;
    for (size_t i = 0; (name = next(context, i)) != NULL; i++) {
        struct slice candidate = slice_of_string(name);
        size_t distance;

        if (candidate.length == 0 || candidate.length > WORD_COMPARED_MOST)
            continue;
        distance = edit_distance(word, candidate);
        if (distance <= allowed && distance < candidate.length) {
            nearest = name;
            if (distance == 0)
                break;
            allowed = distance - 1;
        }
    }
    return nearest;
}
