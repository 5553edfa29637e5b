/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_bdat.c: any bytes as a session of BDAT commands and their chunks, cut where the input says. A chunk is exactly
 * as long as its command says and nothing in it is a command; all chunks up to LAST are one message, whose content is
 * their bytes if no line end in them is bare, and a violation where the first one is, whatever the cuts. Content goes
 * out by DATA as well, to a backend without CHUNKING, and is read there as the same.
 * Parsers: proxy/command.c proxy/framing.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/command.h"
#include "proxy/framing.h"
#include "rules/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)
#define INPUT_MOST ((size_t)4096)

struct message {
    struct framing framing;
    char sent[INPUT_MOST];         /* all chunk bytes */
    size_t sent_length;
    char content[INPUT_MOST];
    size_t content_length;
};

static void gather(void *context, struct slice bytes)
{
    struct message *message = context;

    must(bytes.length > 0 && message->content_length + bytes.length <= sizeof(message->content));
    memcpy(message->content + message->content_length, bytes.text, bytes.length);
    message->content_length += bytes.length;
}

static size_t next_cut(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 24) % 16 + 1;
}

/* Where the first bare CR, bare LF or NUL stands, by looking at each byte with its neighbours; `length` when none. */
static size_t first_violation(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            return i;
        if (text[i] == '\r' && (i + 1 == length || text[i + 1] != '\n'))
            return i;
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
            return i;
    }
    return length;
}

/* What DATA makes of it on the wire, or what a reader makes of that. */
struct wire {
    char bytes[2 * INPUT_MOST + 8];
    size_t length;
};

static void gather_wire(void *context, struct slice bytes)
{
    struct wire *wire = context;

    must(bytes.length > 0 && wire->length + bytes.length <= sizeof(wire->bytes));
    memcpy(wire->bytes + wire->length, bytes.text, bytes.length);
    wire->length += bytes.length;
}

/* A last line without an end gets one on its way. */
static void check_outwards(struct slice content, uint32_t seed)
{
    static struct wire wire, read;
    struct framing framing;
    bool at_line_start = true, ended = false;
    size_t consumed, added;

    wire.length = read.length = 0;
    for (struct slice rest = content; rest.length > 0;) {
        struct slice piece = slice_first(rest, next_cut(&seed));
        framing_stuff(piece, &at_line_start, gather_wire, &wire);
        rest = slice_from(rest, piece.length);
    }
    gather_wire(&wire, framing_end_of_data(at_line_start));
    framing_begin(&framing, false);
    for (struct slice rest = slice_of(wire.bytes, wire.length); rest.length > 0; rest = slice_from(rest, consumed)) {
        ended = framing_read(&framing, slice_first(rest, next_cut(&seed)), gather_wire, &read, &consumed);
        must(consumed > 0 && ended == (consumed == rest.length));
    }
    added = at_line_start ? 0 : 2;
    must(ended && framing.violation == FRAMING_FINE && read.length == content.length + added);
    must(memcmp(read.bytes, content.text, content.length) == 0);
}

static void check_message(struct message *message, uint32_t seed)
{
    size_t good = first_violation(message->sent, message->sent_length);

    framing_check_end(&message->framing, gather, message);
    must((message->framing.violation == FRAMING_FINE) == (good == message->sent_length));
    must(message->content_length == good && message->framing.content == good);
    must(memcmp(message->content, message->sent, good) == 0);
    must(message->framing.taken == message->sent_length);
    must(framing_violation_text(message->framing.violation)[0] != '\0');
    if (good < message->sent_length)
        must(message->framing.violation_offset == good);
    else
        check_outwards(slice_of(message->content, message->content_length), seed);
}

/* Each piece is copied to memory of its own size, so that the sanitizer sees a byte too far. */
static void take_chunk(struct message *message, struct slice chunk, uint32_t *seed)
{
    memcpy(message->sent + message->sent_length, chunk.text, chunk.length);
    message->sent_length += chunk.length;
    while (chunk.length > 0) {
        struct slice piece = slice_first(chunk, next_cut(seed));
        char *copy = memory_alloc(piece.length);

        memcpy(copy, piece.text, piece.length);
        framing_check(&message->framing, slice_of(copy, piece.length), gather, message);
        free(copy);
        chunk = slice_from(chunk, piece.length);
    }
}

static void begin(struct message *message)
{
    framing_begin(&message->framing, false);
    message->sent_length = message->content_length = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct message message;
    struct slice rest = slice_of((const char *)data, size < INPUT_MOST ? size : INPUT_MOST), line;
    uint32_t seed = (uint32_t)size * 2654435761U;
    size_t consumed;

    begin(&message);
    while (framing_line(rest, COMMAND_LINE_MOST, &line, &consumed) == LINE_COMPLETE) {
        struct command command;
        const char *enhanced, *problem;

        rest = slice_from(rest, consumed);
        if (command_parse(line, &command, &enhanced, &problem) != COMMAND_OK || command.verb != COMMAND_BDAT)
            continue;
        must(!command.chunk_last || slice_starts_with_nocase(slice_from(line, line.length < 4 ? 0 : line.length - 4),
                                                             SLICE("LAST")) || line.text[line.length - 1] <= ' ');
        if (command.chunk_size > rest.length)
            break;
        take_chunk(&message, slice_first(rest, (size_t)command.chunk_size), &seed);
        rest = slice_from(rest, (size_t)command.chunk_size);
        if (!command.chunk_last)
            continue;
        check_message(&message, seed);
        begin(&message);
    }
    check_message(&message, seed);
    return 0;
}
