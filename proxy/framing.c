/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framing.c: line ends and end of data, both ways. A message is read by five states, each of which survives the end
 * of a packet; what decides over a byte held back (a CR, a dot at a line start) is the byte after it. Bytes between
 * the line ends are looked at eight at a time and handed out in runs that go on over line ends, so that a body byte
 * costs one or two instructions. Nothing is allocated and nothing can fail.
 */
#include "proxy/framing.h"

enum framing_state {
    AT_LINE_START,         /* after a true CRLF, or at the message's start */
    IN_LINE,
    AFTER_CR,              /* the CR is held back */
    AFTER_DOT,             /* a dot at a line start, held back: stuffing, or the end of data */
    AFTER_DOT_CR,          /* both held back */
};

/* One call's way through its input. What lies between `run` and `at` is content not yet handed out. */
struct pass {
    struct framing *framing;
    const char *run;
    const char *at;
    const char *end;
    bool dots;                     /* dot-stuffed, with an end of data */
    framing_sink sink;
    void *context;
};

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static bool is_special(char c)
{
    return c == '\r' || c == '\n' || c == '\0';
}

/*
 * The first CR, LF or NUL, or `end`. Words without a byte below 14 (CR is 13) are passed over whole: taking 14 from
 * each byte borrows into its highest bit only from one that is smaller, unless that bit was set before.
 */
static const char *find_special(const char *at, const char *end)
{
    for (;;) {
        const char *stop;

        while (end - at >= 8) {
            uint64_t word;

            memcpy(&word, at, sizeof(word));
            if (((word - EACH_BYTE(14)) & ~word & EACH_BYTE(0x80)) != 0)
                break;
            at += 8;
        }
        stop = end - at >= 8 ? at + 8 : end;
        for (; at < stop; at++)
            if (is_special(*at))
                return at;
        if (at == end)
            return end;
    }
}

static void hand_out(struct pass *pass, const char *text, size_t length)
{
    struct framing *framing = pass->framing;

    if (length == 0 || framing->violation != FRAMING_FINE)
        return;
    framing->content += length;
    pass->sink(pass->context, slice_of(text, length));
}

/* Hands out the run up to `at`. */
static void hand_out_run(struct pass *pass)
{
    hand_out(pass, pass->run, (size_t)(pass->at - pass->run));
    pass->run = pass->at;
}

/* Passes over one byte that is no content, or is not yet known to be. */
static void hold_back(struct pass *pass)
{
    hand_out_run(pass);
    pass->run = ++pass->at;
}

/* Content up to `at` ends in a CRLF: is this the empty line after the header? */
static void note_line_end(struct pass *pass)
{
    struct framing *framing = pass->framing;
    uint64_t offset = framing->content + (uint64_t)(pass->at - pass->run);

    if (framing->violation != FRAMING_FINE || framing->has_header_end)
        return;
    if (offset == framing->line_start + 2) {
        framing->has_header_end = true;
        framing->header_end = offset;
    }
    framing->line_start = offset;
}

/* The offending byte is passed over already, and all content before it handed out. */
static void violate(struct pass *pass, enum framing_violation violation)
{
    struct framing *framing = pass->framing;

    framing->state = IN_LINE;
    if (framing->normalise) {
        framing->mended++;
        if (violation == FRAMING_NUL)
            return;
        hand_out(pass, "\r\n", 2);
        note_line_end(pass);
    } else if (framing->violation == FRAMING_FINE) {
        framing->violation = violation;
        framing->violation_offset = framing->content;
    }
}

static void read_start(struct pass *pass)
{
    if (*pass->at == '.' && pass->dots) {
        hold_back(pass);
        pass->framing->state = AFTER_DOT;
    } else {
        pass->framing->state = IN_LINE;
    }
}

/* What is no whole CRLF: a fault, a CR that needs the next byte, or the end of the input. */
static void read_fault(struct pass *pass)
{
    enum framing_violation violation;

    if (pass->at == pass->end)
        return;
    if (*pass->at == '\r') {
        pass->framing->state = AFTER_CR;
        hold_back(pass);
        return;
    }
    violation = *pass->at == '\n' ? FRAMING_BARE_LF : FRAMING_NUL;
    hold_back(pass);
    violate(pass, violation);
}

/* Goes on over as many lines as it can: only a dot at a line start and what is wrong need another state. */
static void read_line(struct pass *pass)
{
    const char *end = pass->end;

    while (pass->at < end) {
        if (!is_special(*pass->at))
            pass->at = find_special(pass->at, end);
        if (end - pass->at < 2 || pass->at[0] != '\r' || pass->at[1] != '\n') {
            read_fault(pass);
            return;
        }
        pass->at += 2;
        if (!pass->framing->has_header_end)
            note_line_end(pass);
        if (pass->at == end || *pass->at == '.') {
            pass->framing->state = AT_LINE_START;
            return;
        }
    }
}

static void read_after_cr(struct pass *pass)
{
    if (*pass->at != '\n') {
        violate(pass, FRAMING_BARE_CR);
        return;
    }
    hold_back(pass);
    hand_out(pass, "\r\n", 2);
    note_line_end(pass);
    pass->framing->state = AT_LINE_START;
}

/* RFC 5321 4.5.2: with anything but CRLF after it the dot was put there by the sender, and is taken away. */
static void read_after_dot(struct pass *pass)
{
    if (*pass->at == '\r') {
        hold_back(pass);
        pass->framing->state = AFTER_DOT_CR;
        return;
    }
    if (*pass->at == '\n')
        hand_out(pass, ".", 1);
    pass->framing->state = IN_LINE;
}

static bool read_after_dot_cr(struct pass *pass)
{
    if (*pass->at == '\n') {
        hold_back(pass);
        return true;
    }
    hand_out(pass, ".", 1);
    violate(pass, FRAMING_BARE_CR);
    return false;
}

static bool read_all(struct pass *pass)
{
    while (pass->at < pass->end) {
        switch ((enum framing_state)pass->framing->state) {
        case AT_LINE_START: read_start(pass); break;
        case IN_LINE:       read_line(pass); break;
        case AFTER_CR:      read_after_cr(pass); break;
        case AFTER_DOT:     read_after_dot(pass); break;
        case AFTER_DOT_CR:
            if (read_after_dot_cr(pass))
                return true;
            break;
        }
    }
    hand_out_run(pass);
    return false;
}

static bool take(struct framing *framing, struct slice input, bool dots, framing_sink sink, void *context,
                 size_t *consumed_out)
{
    struct pass pass = { framing, input.text, input.text, input.text, dots, sink, context };
    bool ended = false;

    *consumed_out = 0;
    if (input.length == 0)
        return false;
    pass.end = input.text + input.length;
    ended = read_all(&pass);
    *consumed_out = (size_t)(pass.at - input.text);
    framing->taken += *consumed_out;
    return ended;
}

void framing_begin(struct framing *framing, bool normalise)
{
    *framing = (struct framing){ .state = AT_LINE_START, .normalise = normalise };
}

bool framing_read(struct framing *framing, struct slice input, framing_sink sink, void *context, size_t *consumed_out)
{
    return take(framing, input, true, sink, context, consumed_out);
}

void framing_check(struct framing *framing, struct slice input, framing_sink sink, void *context)
{
    size_t consumed;

    take(framing, input, false, sink, context, &consumed);
}

void framing_check_end(struct framing *framing, framing_sink sink, void *context)
{
    struct pass pass = { framing, NULL, NULL, NULL, false, sink, context };

    if (framing->state == AFTER_CR)
        violate(&pass, FRAMING_BARE_CR);
}

enum line_status framing_line(struct slice input, size_t most, struct slice *line_out, size_t *consumed_out)
{
    size_t within = input.length < most ? input.length : most;
    size_t at;

    *consumed_out = 0;
    *line_out = SLICE_NONE;
    if (input.length == 0)
        return LINE_NONE;
    at = (size_t)(find_special(input.text, input.text + within) - input.text);
    if (at + 1 < within && input.text[at] == '\r' && input.text[at + 1] == '\n') {
        *line_out = slice_first(input, at);
        *consumed_out = at + 2;
        return LINE_COMPLETE;
    }
    if (at == within || (input.text[at] == '\r' && at + 1 == within)) {
        if (input.length < most)
            return LINE_NONE;
        framing_line_skip(input, consumed_out);
        return LINE_TOO_LONG;
    }
    framing_line_skip(input, consumed_out);
    return LINE_BARE;
}

bool framing_line_skip(struct slice input, size_t *consumed_out)
{
    size_t at = 0;

    while (at < input.length) {
        at += slice_find(slice_from(input, at), '\n') + 1;
        if (at <= input.length && at >= 2 && input.text[at - 2] == '\r') {
            *consumed_out = at;
            return true;
        }
    }
    *consumed_out = input.length;
    if (input.length > 0 && input.text[input.length - 1] == '\r')
        --*consumed_out;
    return false;
}

/*
 * What ends a run can be half a CRLF. A CR there goes out as CRLF at once; an LF with which a run begins at a line
 * start is then its other half and is dropped: in content that was read here no LF can stand there otherwise. So one
 * bool is all the state.
 */
void framing_stuff(struct slice content, bool *at_line_start, framing_sink sink, void *context)
{
    struct framing unused = { .state = IN_LINE };
    struct pass pass = { &unused, content.text, content.text, content.text, true, sink, context };

    if (content.length == 0)
        return;
    pass.end = content.text + content.length;
    if (*at_line_start && *pass.at == '\n')
        hold_back(&pass);
    while (pass.at < pass.end) {
        if (*at_line_start && *pass.at == '.') {
            hand_out_run(&pass);
            hand_out(&pass, ".", 1);
        }
        pass.at = find_special(pass.at, pass.end);
        *at_line_start = pass.at < pass.end && *pass.at != '\0';
        if (pass.end - pass.at >= 2 && pass.at[0] == '\r' && pass.at[1] == '\n') {
            pass.at += 2;
        } else if (*at_line_start) {
            hold_back(&pass);
            hand_out(&pass, "\r\n", 2);
        } else if (pass.at < pass.end) {
            pass.at++;
        }
    }
    hand_out_run(&pass);
}

struct slice framing_end_of_data(bool at_line_start)
{
    return at_line_start ? SLICE(".\r\n") : SLICE("\r\n.\r\n");
}

const char *framing_violation_text(enum framing_violation violation)
{
    switch (violation) {
    case FRAMING_FINE:    return "nothing wrong";
    case FRAMING_BARE_LF: return "a bare LF (line feed without carriage return)";
    case FRAMING_BARE_CR: return "a bare CR (carriage return without line feed)";
    case FRAMING_NUL:     return "a NUL (byte of value zero)";
    }
    return "an unknown violation";
}
