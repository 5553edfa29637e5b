/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_framing.c: any bytes as a message, cut where the input says, against the plain reference; then what was read
 * goes outwards, cut elsewhere, and is read again. The first byte chooses normalise and seeds the cuts. The rest is
 * also read as command lines.
 * Parsers: proxy/framing.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/arena.h"
#include "tests/unit/framing_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)
#define INPUT_MOST ((size_t)4096)

struct gathered {
    char bytes[4 * INPUT_MOST];
    size_t length;
};

/* A step of 1 to 16 bytes, now and then a long one: small steps are what breaks state. */
static size_t next_cut(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 28) == 0 ? 1000 : (*seed >> 24) % 16 + 1;
}

static void gather(void *context, struct slice bytes)
{
    struct gathered *gathered = context;

    must(bytes.length > 0 && gathered->length + bytes.length <= sizeof(gathered->bytes));
    memcpy(gathered->bytes + gathered->length, bytes.text, bytes.length);
    gathered->length += bytes.length;
}

/* The first `length` bytes in memory of their own size, so that the sanitizer sees a byte too far. */
static char *copy_piece(struct slice wire, size_t length, struct slice *piece_out)
{
    struct slice piece = slice_first(wire, length);
    char *copy = memory_alloc(piece.length);

    memcpy(copy, piece.text, piece.length);
    *piece_out = slice_of(copy, piece.length);
    return copy;
}

static bool read_cut(struct framing *framing, struct slice wire, uint32_t seed, struct gathered *gathered,
                     size_t *used_out)
{
    bool ended = false;

    for (*used_out = 0; *used_out < wire.length && !ended;) {
        struct slice piece;
        char *copy = copy_piece(slice_from(wire, *used_out), next_cut(&seed), &piece);
        size_t consumed;

        ended = framing_read(framing, piece, gather, gathered, &consumed);
        must(consumed <= piece.length && (ended || consumed == piece.length));
        *used_out += consumed;
        free(copy);
    }
    return ended;
}

static void check_inwards(struct slice wire, bool normalise, uint32_t seed, struct gathered *content)
{
    static char expected_bytes[4 * INPUT_MOST];
    struct framing_expected expected = { .content = expected_bytes };
    struct framing framing;
    size_t used, header_end = 0;

    reference_read(wire.text, wire.length, normalise, &expected);
    framing_begin(&framing, normalise);
    content->length = 0;
    must(read_cut(&framing, wire, seed, content, &used) == expected.ended && used == expected.consumed);
    must(slice_equal(slice_of(content->bytes, content->length), slice_of(expected.content, expected.length)));
    must(framing.violation == expected.violation && framing.violation_offset == expected.violation_offset);
    must(framing.mended == expected.mended && framing.content == content->length && framing.taken == used);
    must(framing.has_header_end == reference_header_end(expected.content, expected.length, &header_end));
    must(framing.header_end == header_end);
}

static void stuff_cut(struct slice content, uint32_t seed, struct gathered *wire)
{
    bool at_line_start = true;

    wire->length = 0;
    while (content.length > 0) {
        struct slice piece;
        char *copy = copy_piece(content, next_cut(&seed), &piece);

        framing_stuff(piece, &at_line_start, gather, wire);
        content = slice_from(content, piece.length);
        free(copy);
    }
    gather(wire, framing_end_of_data(at_line_start));
    must(reference_only_crlf(wire->bytes, wire->length));
}

static void check_outwards(const struct gathered *content, uint32_t seed)
{
    static struct gathered wire, back;
    struct framing framing;
    size_t used;

    stuff_cut(slice_of(content->bytes, content->length), seed, &wire);
    framing_begin(&framing, false);
    back.length = 0;
    must(read_cut(&framing, slice_of(wire.bytes, wire.length), seed + 1, &back, &used) && used == wire.length);
    must(framing.violation == FRAMING_FINE && back.length >= content->length && back.length <= content->length + 2);
    must(memcmp(back.bytes, content->bytes, content->length) == 0);
}

static void check_lines(struct slice input)
{
    while (input.length > 0) {
        struct slice line;
        size_t consumed;
        enum line_status status = framing_line(input, 64, &line, &consumed);

        must(consumed <= input.length && line.length + 2 <= 64);
        if (status == LINE_NONE)
            return;
        if (status == LINE_COMPLETE)
            must(line.text == input.text && consumed == line.length + 2 && reference_only_crlf(line.text, line.length));
        else if (consumed == 0)
            return;
        input = slice_from(input, consumed);
    }
}

/* As BDAT's bytes are taken: no dots, and the end is told. The same bytes come out, or there is a violation. */
static void check_undotted(struct slice content, uint32_t seed, struct gathered *out)
{
    struct framing framing;

    framing_begin(&framing, false);
    out->length = 0;
    for (struct slice rest = content; rest.length > 0;) {
        struct slice piece = slice_first(rest, next_cut(&seed));

        framing_check(&framing, piece, gather, out);
        rest = slice_from(rest, piece.length);
    }
    framing_check_end(&framing, gather, out);
    must(framing_violation_text(framing.violation)[0] != '\0');
    if (framing.violation == FRAMING_FINE)
        must(slice_equal(slice_of(out->bytes, out->length), content) && reference_only_crlf(out->bytes, out->length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char wire[INPUT_MOST + 5];
    static struct gathered content, outwards;
    bool normalise;
    uint32_t seed;

    if (size == 0 || size > INPUT_MOST)
        return 0;
    normalise = (data[0] & 1) != 0;
    seed = (uint32_t)data[0] << 16;
    memcpy(wire, data + 1, size - 1);
    memcpy(wire + size - 1, "\r\n.\r\n", 5);
    check_inwards(slice_of(wire, size + 4), normalise, seed, &content);
    /* Violations end the content anywhere, in the middle of nothing: still it goes out and comes back. */
    check_outwards(&content, seed);
    stuff_cut(slice_of(wire, size - 1), seed, &outwards);
    check_undotted(slice_of(wire, size - 1), seed, &outwards);
    check_lines(slice_of(wire, size + 4));
    return 0;
}
