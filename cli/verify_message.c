/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify_message.c: a message from a file, made to what SMTP would have carried. Files are saved with the line ends
 * of their system, and by some programs with a line of their own at the top; a signature was made without.
 */
#include "cli/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/frame.h"

/* The whole file, or standard input; *text_out is the caller's to free. */
static bool read_all(FILE *file, const char *path, char **text_out, size_t *length_out)
{
    size_t length = 0, capacity = 65536, got;
    char *text = memory_alloc(capacity);
    while ((got = fread(text + length, 1, capacity - length, file)) > 0) {
        length += got;
        if (length == capacity && capacity < VERIFY_MESSAGE_MOST)
            text = memory_grown(text, capacity *= 2);
    }
    *text_out = text;
    *length_out = length;
    if (ferror(file))
        fprintf(stderr, "mxward: %s: %s\n", path, strerror(errno));
    else if (length == capacity)
        fprintf(stderr, "mxward: %s: larger than %zu bytes\n", path, VERIFY_MESSAGE_MOST);
    else
        return true;
    return false;
}

/* mbox: "From sender date" before the first field, which no field's name can be. */
static struct slice without_mbox_line(struct slice text, const char *path)
{
    if (!slice_starts_with(text, SLICE("From ")))
        return text;
    fprintf(stderr, "note: %s: left out the mbox line at the top\n", path);
    return slice_from(text, slice_find(text, '\n') + 1);
}

static struct slice with_crlf(struct slice text, const char *path, struct arena *arena)
{
    size_t bare = 0;
    for (size_t i = 0; i < text.length; i++)
        bare += text.text[i] == '\n' && (i == 0 || text.text[i - 1] != '\r');
    if (bare == 0)
        return arena_copy(arena, text);
    fprintf(stderr, "note: %s: %zu line ends of LF alone read as CRLF\n", path, bare);
    char *out = arena_alloc(arena, text.length + bare + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] == '\n' && (i == 0 || text.text[i - 1] != '\r'))
            out[length++] = '\r';
        out[length++] = text.text[i];
    }
    return slice_of(out, length);
}

/* Up to and with the empty line; all of it when there is none. */
static size_t header_length(struct slice message)
{
    size_t at = 0;
    while (at < message.length) {
        struct slice rest = slice_from(message, at);
        if (slice_starts_with(rest, SLICE("\r\n")))
            return at + 2;
        at += slice_find(rest, '\n') + 1;
    }
    return message.length;
}

static bool take_message(const char *path, struct slice text, struct arena *arena, struct slice *message_out,
                         size_t *header_size_out)
{
    *message_out = with_crlf(without_mbox_line(text, path), path, arena);
    *header_size_out = header_length(*message_out);
    if (message_out->length == 0)
        fprintf(stderr, "mxward: %s: no message\n", path);
    else if (*header_size_out > FRAME_HEADER_MOST)
        fprintf(stderr, "mxward: %s: a header of more than %u bytes\n", path, FRAME_HEADER_MOST);
    else
        return true;
    return false;
}

bool verify_read_message(const char *path, struct arena *arena, struct slice *message_out, size_t *header_size_out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text;
    size_t length;
    if (file == NULL) {
        fprintf(stderr, "mxward: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool read = read_all(file, path, &text, &length) &&
                take_message(path, slice_of(text, length), arena, message_out, header_size_out);
    free(text);
    if (file != stdin)
        fclose(file);
    return read;
}
