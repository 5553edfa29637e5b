/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_reply.c: any bytes as what a backend sends: cut into lines and read as replies. A whole reply, printed and
 * read again, is the same; our own reply with that text is printable and within 512 octets a line.
 * Parsers: proxy/reply.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/framing.h"
#include "proxy/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)

/* The line is copied to memory of its own size, so that the sanitizer sees a byte too far. */
static enum reply_status read_line(struct reply_reader *reader, struct slice line, struct reply *reply)
{
    char *copy = memory_alloc(line.length);

    if (line.length > 0)
        memcpy(copy, line.text, line.length);
    enum reply_status status = reply_reader_line(reader, slice_of(copy, line.length), reply);
    free(copy);
    return status;
}

static enum reply_status read_reply(struct reply_reader *reader, struct slice *input, struct reply *reply)
{
    enum reply_status status = REPLY_MORE;

    while (status == REPLY_MORE) {
        struct slice line;
        size_t consumed;

        switch (framing_line(*input, REPLY_LINE_MOST, &line, &consumed)) {
        case LINE_NONE:
            return REPLY_MORE;
        case LINE_COMPLETE:
            status = read_line(reader, line, reply);
            break;
        case LINE_TOO_LONG:
        case LINE_BARE:
            return REPLY_BROKEN;
        }
        *input = slice_from(*input, consumed);
    }
    return status;
}

static void check_again(struct arena *arena, const struct reply *reply)
{
    struct slice printed = reply_print(arena, reply);
    struct slice rest = printed;
    struct reply_reader reader;
    struct reply again;

    reply_reader_begin(&reader, arena);
    must(read_reply(&reader, &rest, &again) == REPLY_DONE && rest.length == 0);
    must(again.code == reply->code && again.count == reply->count);
    must(slice_equal(reply_print(arena, &again), printed));
}

static void check_ours(struct arena *arena, struct slice text)
{
    struct reply reply = reply_make(arena, 550, "5.7.1", "%.*s", SLICE_ARG(text));
    struct slice printed = reply_print(arena, &reply);

    must(printed.length <= 512 && slice_equal(reply_enhanced(&reply), SLICE("5.7.1")));
    for (size_t i = 0; i + 2 < printed.length; i++)
        must(printed.text[i] >= ' ' && printed.text[i] <= '~');
    check_again(arena, &reply);
}

/* A reply passed on, and one of ours with several lines. */
static void check_lines(struct arena *arena, const struct reply *reply)
{
    struct reply copy = reply_copy(arena, reply);
    struct reply ours = reply_lines(arena, reply->code, reply->lines, reply->count);

    must(slice_equal(reply_print(arena, &copy), reply_print(arena, reply)));
    must(ours.count == reply->count);
    check_again(arena, &ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct slice input = slice_of((const char *)data, size);
    struct reply_reader reader;
    struct reply reply;

    reply_reader_begin(&reader, arena);
    while (read_reply(&reader, &input, &reply) == REPLY_DONE) {
        must(reply.code >= 200 && reply.code <= 599 && reply.count > 0 && reply.count <= REPLY_LINES_MOST);
        check_again(arena, &reply);
        reply_text(arena, &reply);
        reply_enhanced(&reply);
        check_ours(arena, reply.lines[0]);
        check_lines(arena, &reply);
    }
    arena_free(&arena);
    return 0;
}
