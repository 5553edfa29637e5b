/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify_message.c: a message from a file, made to what SMTP would have carried. Files are saved with the line ends
 * of their system, and by some programs with a line of their own at the top; a signature was made without. A file that
 * has CRLFs and bare LFs is another thing: those were sent, or the file is damaged, and the proxy refuses it.
 */
#include "cli/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/frame.h"
#include "proxy/framing.h"

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

/* mbox: "From sender date" before the first field. "From : ann@example.org" stays: what is odd about it is judged. */
static struct slice without_mbox_line(struct slice text, const char *path)
{
    if (!slice_starts_with(text, SLICE("From ")) || slice_starts_with(slice_trim(slice_from(text, 5)), SLICE(":")))
        return text;
    fprintf(stderr, "note: %s: left out the mbox line at the top\n", path);
    return slice_from(text, slice_find(text, '\n') + 1);
}

static bool ends_line(struct slice text, size_t at)
{
    return text.text[at] == '\n' && at > 0 && text.text[at - 1] == '\r';
}

/* The file of a system whose lines end in LF: no CRLF in it. */
static bool is_of_lf(struct slice text)
{
    size_t bare = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (ends_line(text, i))
            return false;
        bare += text.text[i] == '\n';
    }
    return bare > 0;
}

/* Every LF the end of a CRLF, and a CRLF at the end. */
static struct slice with_crlf(struct slice text, const char *path, struct arena *arena)
{
    size_t bare = 0, length = 0;
    for (size_t i = 0; i < text.length; i++)
        bare += text.text[i] == '\n' && !ends_line(text, i);
    char *out = arena_alloc(arena, text.length + bare + 2);
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] == '\n' && !ends_line(text, i))
            out[length++] = '\r';
        out[length++] = text.text[i];
    }
    if (bare > 0)
        fprintf(stderr, "note: %s: %zu line ends of LF alone read as CRLF\n", path, bare);
    if (length > 0 && !ends_line(slice_of(out, length), length - 1)) {
        fprintf(stderr, "note: %s: the last line has no end; SMTP gives it one\n", path);
        memcpy(out + length, "\r\n", 2);
        length += 2;
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

static void ignore(void *context, struct slice bytes)
{
    (void)context;
    (void)bytes;
}

static void refuse(struct verify_message *message, unsigned code, const char *enhanced, struct slice text,
                   struct slice reason)
{
    if (message->code != 0)
        return;
    message->code = code;
    message->enhanced = enhanced;
    message->text = text;
    message->reason = reason;
}

/* As a listener without `normalise` looks at it (P2). */
static void check_line_ends(struct verify_message *message, struct slice sent, struct arena *arena)
{
    struct framing framing;
    framing_begin(&framing, false);
    framing_check(&framing, sent, ignore, NULL);
    framing_check_end(&framing, ignore, NULL);
    if (framing.violation == FRAMING_FINE)
        return;
    struct slice reason = arena_printf(arena, "%s after %llu bytes", framing_violation_text(framing.violation),
                                       (unsigned long long)framing.violation_offset);
    struct slice text =
        arena_printf(arena, "message refused: it holds %.*s; lines must end in CRLF", SLICE_ARG(reason));
    refuse(message, 550, "5.6.0", text, reason);
}

static void check_limits(struct verify_message *message, const struct config_limits *limits)
{
    if (message->bytes.length > limits->message_size)
        refuse(message, 552, "5.3.4", SLICE("message is larger than allowed here (limit message-size)"),
               SLICE("limit message-size"));
    if (message->header_size > limits->header_size || message->header_size > FRAME_HEADER_MOST)
        refuse(message, 552, "5.3.4", SLICE("message header is larger than allowed here (limit header-size)"),
               SLICE("limit header-size"));
}

static void take_message(const char *path, struct slice text, const struct config_limits *limits,
                         struct arena *arena, struct verify_message *message)
{
    *message = (struct verify_message){ 0 };
    text = without_mbox_line(text, path);
    if (is_of_lf(text)) {
        message->bytes = with_crlf(text, path, arena);
        check_line_ends(message, message->bytes, arena);
    } else {
        check_line_ends(message, text, arena);
        message->bytes = with_crlf(text, path, arena);
    }
    message->header_size = header_length(message->bytes);
    message->judged = message->header_size <= FRAME_HEADER_MOST;
    check_limits(message, limits);
    if (message->bytes.length == 0)
        fprintf(stderr, "note: %s: an empty message\n", path);
}

bool verify_read_message(const char *path, const struct config_limits *limits, struct arena *arena,
                         struct verify_message *message_out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text;
    size_t length;
    if (file == NULL) {
        fprintf(stderr, "mxward: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool read = read_all(file, path, &text, &length);
    if (read)
        take_message(path, slice_of(text, length), limits, arena, message_out);
    free(text);
    if (file != stdin)
        fclose(file);
    return read;
}
