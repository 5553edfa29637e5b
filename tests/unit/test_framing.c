/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_framing.c: line ends and end of data. Tables say what RFC 5321 2.3.8 and 4.5.2 ask for; then every short
 * message over the bytes that matter is read at every split and compared with the plain reference.
 */
#include <check.h>
#include <stdlib.h>

#include "proxy/framing.h"
#include "tests/unit/framing_reference.h"

struct gathered {
    char bytes[4096];
    size_t length;
    size_t runs;
};

/* ck_assert() reports each time that it holds, too much for loops as these. */
#define must(condition) do { if (!(condition)) ck_abort_msg("not so: %s", #condition); } while (0)

static void gather(void *context, struct slice bytes)
{
    struct gathered *gathered = context;

    must(bytes.length > 0);
    must(gathered->length + bytes.length <= sizeof(gathered->bytes));
    memcpy(gathered->bytes + gathered->length, bytes.text, bytes.length);
    gathered->length += bytes.length;
    gathered->runs++;
}

#define ck_assert_slice(got, expected) do { \
        struct slice got_ = (got), expected_ = (expected); \
        ck_assert_msg(slice_equal(got_, expected_), "got \"%.*s\", expected \"%.*s\"", SLICE_ARG(got_), \
                      SLICE_ARG(expected_)); \
    } while (0)

struct message_case {
    struct slice wire;
    size_t consumed;               /* 0: no end of data in it */
    struct slice content;          /* strict; up to a violation */
    enum framing_violation violation;
    uint64_t offset;
    struct slice mended;           /* normalise */
};
#define TEXT(literal) { literal, sizeof(literal) - 1 }
#define SAME { NULL, 0 }

static const struct message_case message_cases[] = {
    /* RFC 5321 4.1.1.4: the end of data; the first CRLF of it ends the last line and is content. */
    { TEXT("a\r\n.\r\n"), 6, TEXT("a\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("a\r\n.\r\nQUIT\r\n"), 6, TEXT("a\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT(".\r\n"), 3, TEXT(""), FRAMING_FINE, 0, SAME },
    { TEXT(".\r\n.\r\n"), 3, TEXT(""), FRAMING_FINE, 0, SAME },
    { TEXT("\r\n.\r\n"), 5, TEXT("\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("a: b\r\n\r\nc\r\n.\r\n"), 14, TEXT("a: b\r\n\r\nc\r\n"), FRAMING_FINE, 0, SAME },
    /* 4.5.2: a dot before something else is taken away, one only. */
    { TEXT("..\r\n.\r\n"), 7, TEXT(".\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("...\r\n.\r\n"), 8, TEXT("..\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT(".a\r\n.\r\n"), 7, TEXT("a\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("a\r\n..b\r\n.c\r\n.\r\n"), 15, TEXT("a\r\n.b\r\nc\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("a.\r\nb..\r\n.\r\n"), 12, TEXT("a.\r\nb..\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT(". \r\n.\r\n"), 7, TEXT(" \r\n"), FRAMING_FINE, 0, SAME },
    /* Other control characters and 8-bit bytes are content. */
    { TEXT("\t\x01\x0B\x0C\x0E\xFF\x80\r\n.\r\n"), 12, TEXT("\t\x01\x0B\x0C\x0E\xFF\x80\r\n"), FRAMING_FINE, 0, SAME },
    /* Ends of data as other programs have taken them; none is one. The last CRLF.CRLF is. */
    { TEXT("a\n.\n\r\n.\r\n"), 9, TEXT("a"), FRAMING_BARE_LF, 1, TEXT("a\r\n.\r\n\r\n") },
    { TEXT("a\r\n.\n\r\n.\r\n"), 10, TEXT("a\r\n."), FRAMING_BARE_LF, 4, TEXT("a\r\n.\r\n\r\n") },
    { TEXT("a\n.\r\nb\r\n.\r\n"), 11, TEXT("a"), FRAMING_BARE_LF, 1, TEXT("a\r\n.\r\nb\r\n") },
    { TEXT("a\r\n.\r\r\n.\r\n"), 10, TEXT("a\r\n."), FRAMING_BARE_CR, 4, TEXT("a\r\n.\r\n\r\n") },
    { TEXT("a\r.\r\r\n.\r\n"), 9, TEXT("a"), FRAMING_BARE_CR, 1, TEXT("a\r\n.\r\n\r\n") },
    { TEXT("a\r\r\n.\r\n"), 7, TEXT("a"), FRAMING_BARE_CR, 1, TEXT("a\r\n\r\n") },
    { TEXT("a\r\n.\rb\r\n.\r\n"), 11, TEXT("a\r\n."), FRAMING_BARE_CR, 4, TEXT("a\r\n.\r\nb\r\n") },
    { TEXT("a\r\n\0.\r\nb\r\n.\r\n"), 13, TEXT("a\r\n"), FRAMING_NUL, 3, TEXT("a\r\n.\r\nb\r\n") },
    { TEXT("a\r\n.\0\r\nb\r\n.\r\n"), 13, TEXT("a\r\n"), FRAMING_NUL, 3, TEXT("a\r\n\r\nb\r\n") },
    { TEXT("a\r\0\n.\r\nb\r\n.\r\n"), 13, TEXT("a"), FRAMING_BARE_CR, 1, TEXT("a\r\n\r\n.\r\nb\r\n") },
    { TEXT("a\r\n.\r\0\n\r\n.\r\n"), 12, TEXT("a\r\n."), FRAMING_BARE_CR, 4, TEXT("a\r\n.\r\n\r\n\r\n") },
    { TEXT("a\n..b\r\n.\r\n"), 10, TEXT("a"), FRAMING_BARE_LF, 1, TEXT("a\r\n..b\r\n") },
    { TEXT("\n.\r\n\r\n.\r\n"), 9, TEXT(""), FRAMING_BARE_LF, 0, TEXT("\r\n.\r\n\r\n") },
    { TEXT("\n\r\n.\r\n"), 6, TEXT(""), FRAMING_BARE_LF, 0, TEXT("\r\n\r\n") },
    { TEXT("a\0b\r\n.\r\n"), 8, TEXT("a"), FRAMING_NUL, 1, TEXT("ab\r\n") },
    { TEXT("abcdefghijklmnop\nq\r\n.\r\n"), 23, TEXT("abcdefghijklmnop"), FRAMING_BARE_LF, 16,
      TEXT("abcdefghijklmnop\r\nq\r\n") },
    /* The first violation counts. */
    { TEXT("a\0b\nc\r\n.\r\n"), 10, TEXT("a"), FRAMING_NUL, 1, TEXT("ab\r\nc\r\n") },
    /* No end yet. */
    { TEXT("a\r\n."), 0, TEXT("a\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("a\r\n.\r"), 0, TEXT("a\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("a\r"), 0, TEXT("a"), FRAMING_FINE, 0, SAME },
    { TEXT("a\r\n"), 0, TEXT("a\r\n"), FRAMING_FINE, 0, SAME },
    { TEXT("\n.\n"), 0, TEXT(""), FRAMING_BARE_LF, 0, TEXT("\r\n.\r\n") },
    { TEXT(""), 0, TEXT(""), FRAMING_FINE, 0, SAME },
};

/* In steps of `step` bytes. */
static void read_in_steps(struct slice wire, size_t step, struct framing *framing, struct gathered *gathered,
                          size_t *consumed_out)
{
    size_t at = 0;
    bool ended = false;

    gathered->length = gathered->runs = 0;
    while (at < wire.length && !ended) {
        size_t consumed;

        ended = framing_read(framing, slice_first(slice_from(wire, at), step), gather, gathered, &consumed);
        at += consumed;
    }
    *consumed_out = ended ? at : 0;
}

START_TEST(test_messages)
{
    const struct message_case *row = &message_cases[_i];
    struct framing framing;
    struct gathered gathered;
    size_t consumed;

    for (size_t step = 1; step <= row->wire.length + 1; step++) {
        framing_begin(&framing, false);
        read_in_steps(row->wire, step, &framing, &gathered, &consumed);
        ck_assert_uint_eq(consumed, row->consumed);
        ck_assert_slice(slice_of(gathered.bytes, gathered.length), row->content);
        ck_assert_int_eq(framing.violation, row->violation);
        ck_assert_uint_eq(framing.violation_offset, row->offset);
        ck_assert_uint_eq(framing.content, gathered.length);
        ck_assert_uint_eq(framing.taken, consumed == 0 ? row->wire.length : consumed);

        framing_begin(&framing, true);
        read_in_steps(row->wire, step, &framing, &gathered, &consumed);
        ck_assert_uint_eq(consumed, row->consumed);
        ck_assert_slice(slice_of(gathered.bytes, gathered.length),
                        row->mended.text == NULL ? row->content : row->mended);
        ck_assert_int_eq(framing.violation, FRAMING_FINE);
        ck_assert_int_eq(framing.mended > 0, row->violation != FRAMING_FINE);
    }
}
END_TEST

static const struct header_case {
    struct slice wire;
    bool has_end;
    uint64_t end;
} header_cases[] = {
    { TEXT("a: b\r\n\r\nbody\r\n.\r\n"), true, 8 },
    { TEXT("\r\na\r\n.\r\n"), true, 2 },
    { TEXT("a: b\r\n.\r\n"), false, 0 },
    { TEXT("a: b\r\nc: d\r\n\r\n\r\nx\r\n.\r\n"), true, 14 },
    { TEXT("a\r\n..\r\n\r\nx\r\n.\r\n"), true, 8 },
    { TEXT(".\r\n"), false, 0 },
    /* After a violation nothing is content, and so nothing ends the header. */
    { TEXT("a\n\r\n\r\n.\r\n"), false, 0 },
};

START_TEST(test_header_end)
{
    const struct header_case *row = &header_cases[_i];
    struct framing framing;
    struct gathered gathered;
    size_t consumed;

    for (size_t step = 1; step <= row->wire.length; step++) {
        framing_begin(&framing, false);
        read_in_steps(row->wire, step, &framing, &gathered, &consumed);
        ck_assert_int_eq(framing.has_header_end, row->has_end);
        ck_assert_uint_eq(framing.header_end, row->end);
    }
}
END_TEST

START_TEST(test_runs_are_long)
{
    struct framing framing;
    struct gathered gathered = { .length = 0 };
    size_t consumed;

    framing_begin(&framing, false);
    framing_read(&framing, SLICE("a: b\r\n\r\nfirst\r\nsecond.\r\n\r\nthird\r\n"), gather, &gathered, &consumed);
    ck_assert_uint_eq(gathered.runs, 1);
}
END_TEST

static const char alphabet[] = { 'a', '.', '\r', '\n', '\0' };

/* The `number`th text of `length` bytes over the alphabet. */
static void spell(size_t number, size_t length, char *text)
{
    for (size_t i = 0; i < length; i++) {
        text[i] = alphabet[number % sizeof(alphabet)];
        number /= sizeof(alphabet);
    }
}

static size_t spellings(size_t length)
{
    size_t count = 1;

    while (length-- > 0)
        count *= sizeof(alphabet);
    return count;
}

/* Reads `wire` cut after each byte whose bit in `cuts` is set, and compares. */
static void compare(const char *wire, size_t length, unsigned cuts, bool normalise,
                    const struct framing_expected *expected)
{
    struct framing framing;
    struct gathered gathered = { .length = 0 };
    size_t start = 0, consumed = 0, header_end = 0;
    bool ended = false;

    framing_begin(&framing, normalise);
    for (size_t at = 0; at < length && !ended; at++) {
        if (at + 1 < length && (cuts & (1U << at)) == 0)
            continue;
        ended = framing_read(&framing, slice_of(wire + start, at + 1 - start), gather, &gathered, &consumed);
        start += consumed;
    }
    must(ended == expected->ended && start == expected->consumed);
    must(gathered.length == expected->length && memcmp(gathered.bytes, expected->content, expected->length) == 0);
    must(framing.violation == expected->violation && framing.violation_offset == expected->violation_offset);
    must(framing.mended == expected->mended);
    must(framing.has_header_end == reference_header_end(expected->content, expected->length, &header_end));
    must(framing.header_end == header_end);
}

START_TEST(test_every_short_message)
{
    char wire[16], content[64];
    size_t length = (size_t)_i;

    for (size_t number = 0; number < spellings(length); number++) {
        spell(number, length, wire);
        memcpy(wire + length, "\r\n.\r\n", 5);
        for (int normalise = 0; normalise < 2; normalise++) {
            struct framing_expected expected = { .content = content };
            /* All splits of the short ones; of the longer ones none, all and each alone. */
            unsigned all = 1U << (length + 4);

            reference_read(wire, length + 5, normalise, &expected);
            if (length <= 4)
                for (unsigned cuts = 0; cuts < all; cuts++)
                    compare(wire, length + 5, cuts, normalise, &expected);
            else
                for (unsigned cuts = 1; cuts < all; cuts *= 2)
                    compare(wire, length + 5, cuts, normalise, &expected);
            compare(wire, length + 5, all - 1, normalise, &expected);
        }
    }
}
END_TEST

/* Runs cut after each byte whose bit is set. */
static void stuff(const char *content, size_t length, unsigned cuts, struct gathered *wire)
{
    bool at_line_start = true;
    size_t start = 0;
    struct slice end;

    wire->length = 0;
    for (size_t at = 0; at < length; at++) {
        if (at + 1 < length && (cuts & (1U << at)) == 0)
            continue;
        framing_stuff(slice_of(content + start, at + 1 - start), &at_line_start, gather, wire);
        start = at + 1;
    }
    end = framing_end_of_data(at_line_start);
    memcpy(wire->bytes + wire->length, end.text, end.length);
    wire->length += end.length;
}

/* Reading what was stuffed gives the content back; a missing CRLF at its end is added. */
static void check_round_trip(const char *content, size_t length, const struct gathered *wire)
{
    struct framing framing;
    struct gathered back = { .length = 0 };
    size_t consumed;
    bool whole = length == 0 || (length >= 2 && memcmp(content + length - 2, "\r\n", 2) == 0);

    framing_begin(&framing, false);
    must(framing_read(&framing, slice_of(wire->bytes, wire->length), gather, &back, &consumed));
    must(consumed == wire->length);
    must(framing.violation == FRAMING_FINE);
    must(back.length == length + (whole ? 0 : 2) && memcmp(back.bytes, content, length) == 0);
}

START_TEST(test_every_short_content_outwards)
{
    char content[8];
    size_t length = (size_t)_i;

    for (size_t number = 0; number < spellings(length); number++) {
        spell(number, length, content);
        for (unsigned cuts = 0; cuts < 1U << (length > 0 ? length - 1 : 0); cuts++) {
            struct gathered wire;
            struct framing framing;
            struct gathered back = { .length = 0 };
            size_t consumed;

            stuff(content, length, cuts, &wire);
            must(reference_only_crlf(wire.bytes, wire.length));
            framing_begin(&framing, true);
            must(framing_read(&framing, slice_of(wire.bytes, wire.length), gather, &back, &consumed));
            must(consumed == wire.length);
            if (reference_only_crlf(content, length) && (length == 0 || memchr(content, '\0', length) == NULL))
                check_round_trip(content, length, &wire);
        }
    }
}
END_TEST

/* stuff(unstuff(x)) == x for every x that was stuffed right; pieces: text, dot, doubled dot at a line start. */
START_TEST(test_stuff_undoes_unstuff)
{
    static const char *const lines[] = { "a\r\n", "..\r\n", "..a\r\n", "\r\n", "a.\r\n", "...\r\n", " .\r\n" };
    const size_t count = sizeof(lines) / sizeof(lines[0]);

    for (size_t number = 0; number < count * count * count * count; number++) {
        char wire[64] = "";
        size_t left = number;
        struct framing framing;
        struct gathered content = { .length = 0 }, back;
        size_t consumed;

        for (int i = 0; i < 4; i++, left /= count)
            memcpy(wire + strlen(wire), lines[left % count], strlen(lines[left % count]) + 1);
        memcpy(wire + strlen(wire), ".\r\n", 4);
        framing_begin(&framing, false);
        must(framing_read(&framing, slice_of_string(wire), gather, &content, &consumed));
        stuff(content.bytes, content.length, 0, &back);
        ck_assert_slice(slice_of(back.bytes, back.length), slice_of_string(wire));
    }
}
END_TEST

START_TEST(test_check_has_no_dots)
{
    struct framing framing;
    struct gathered gathered = { .length = 0 };

    framing_begin(&framing, false);
    framing_check(&framing, SLICE("a\r\n.\r\n..b\r"), gather, &gathered);
    framing_check(&framing, SLICE("\n"), gather, &gathered);
    framing_check_end(&framing, gather, &gathered);
    ck_assert_slice(slice_of(gathered.bytes, gathered.length), SLICE("a\r\n.\r\n..b\r\n"));
    ck_assert_int_eq(framing.violation, FRAMING_FINE);
    framing_check(&framing, SLICE("c\r"), gather, &gathered);
    framing_check_end(&framing, gather, &gathered);
    ck_assert_int_eq(framing.violation, FRAMING_BARE_CR);
    ck_assert_uint_eq(framing.violation_offset, 12);
}
END_TEST

static const struct line_case {
    struct slice input;
    size_t most;
    enum line_status status;
    struct slice line;
    size_t consumed;
} line_cases[] = {
    { TEXT("QUIT\r\n"), 512, LINE_COMPLETE, TEXT("QUIT"), 6 },
    { TEXT("QUIT\r\nNOOP\r\n"), 512, LINE_COMPLETE, TEXT("QUIT"), 6 },
    { TEXT("\r\n"), 512, LINE_COMPLETE, TEXT(""), 2 },
    { TEXT(""), 512, LINE_NONE, TEXT(""), 0 },
    { TEXT("QUIT"), 512, LINE_NONE, TEXT(""), 0 },
    { TEXT("QUIT\r"), 512, LINE_NONE, TEXT(""), 0 },
    { TEXT("QUIT\r\n"), 6, LINE_COMPLETE, TEXT("QUIT"), 6 },
    { TEXT("QUITS\r\n"), 6, LINE_TOO_LONG, TEXT(""), 7 },
    { TEXT("QUITS\r"), 6, LINE_TOO_LONG, TEXT(""), 5 },
    { TEXT("QUITSS"), 6, LINE_TOO_LONG, TEXT(""), 6 },
    { TEXT("QUITS"), 6, LINE_NONE, TEXT(""), 0 },
    { TEXT("QUITSSSS\r\nNOOP\r\n"), 6, LINE_TOO_LONG, TEXT(""), 10 },
    { TEXT("QUITSSSS\nX\r"), 6, LINE_TOO_LONG, TEXT(""), 10 },
    { TEXT("QUIT\n"), 512, LINE_BARE, TEXT(""), 5 },
    { TEXT("QUIT\nNOOP\r\nRSET\r\n"), 512, LINE_BARE, TEXT(""), 11 },
    { TEXT("\nQUIT\r\n"), 512, LINE_BARE, TEXT(""), 7 },
    { TEXT("QU\rIT\r\n"), 512, LINE_BARE, TEXT(""), 7 },
    { TEXT("QUIT\r\r\n"), 512, LINE_BARE, TEXT(""), 7 },
    { TEXT("QU\0IT\r\n"), 512, LINE_BARE, TEXT(""), 7 },
    { TEXT("\0"), 512, LINE_BARE, TEXT(""), 1 },
    { TEXT("\n\r"), 512, LINE_BARE, TEXT(""), 1 },
    { TEXT("MAIL FROM:<a@example.org> SIZE=1\r\n"), 512, LINE_COMPLETE, TEXT("MAIL FROM:<a@example.org> SIZE=1"), 34 },
};

START_TEST(test_lines)
{
    const struct line_case *row = &line_cases[_i];
    struct slice line;
    size_t consumed;

    ck_assert_int_eq(framing_line(row->input, row->most, &line, &consumed), row->status);
    ck_assert_uint_eq(consumed, row->consumed);
    if (row->status == LINE_COMPLETE)
        ck_assert_slice(line, row->line);
}
END_TEST

/* The end of a bad line is found however it is cut, and the next line is whole. */
START_TEST(test_skip_at_every_split)
{
    struct slice input = SLICE("bad\nworse\r\r\nNOOP\r\n");

    for (size_t split = 0; split <= input.length; split++) {
        size_t consumed, at = 0;

        if (!framing_line_skip(slice_first(input, split), &consumed)) {
            at = consumed;
            ck_assert(framing_line_skip(slice_from(input, at), &consumed));
        }
        ck_assert_uint_eq(at + consumed, 12);
    }
}
END_TEST

START_TEST(test_violation_texts)
{
    ck_assert_str_eq(framing_violation_text(FRAMING_BARE_LF), "a bare LF (line feed without carriage return)");
    ck_assert_str_eq(framing_violation_text(FRAMING_BARE_CR), "a bare CR (carriage return without line feed)");
    ck_assert_ptr_nonnull(strstr(framing_violation_text(FRAMING_NUL), "NUL"));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_framing(void);

Suite *suite_framing(void)
{
    Suite *suite = suite_create("framing");
    TCase *tests = tcase_create("framing");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_messages, 0, ROWS(message_cases));
    tcase_add_loop_test(tests, test_header_end, 0, ROWS(header_cases));
    tcase_add_test(tests, test_runs_are_long);
    tcase_add_loop_test(tests, test_every_short_message, 0, 7);
    tcase_add_loop_test(tests, test_every_short_content_outwards, 0, 7);
    tcase_add_test(tests, test_stuff_undoes_unstuff);
    tcase_add_test(tests, test_check_has_no_dots);
    tcase_add_loop_test(tests, test_lines, 0, ROWS(line_cases));
    tcase_add_test(tests, test_skip_at_every_split);
    tcase_add_test(tests, test_violation_texts);
    suite_add_tcase(suite, tests);
    return suite;
}
