/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framing.h: the one place that says what a line end is and where a message ends, both ways (P2; RFC 5321 2.3.8,
 * 4.5.2). A line ends in CRLF and in nothing else. Inwards, a message of DATA is taken apart byte by byte into its
 * content; a bare CR, a bare LF or a NUL is a violation, and the message is read on to its true end (CRLF.CRLF) and
 * then refused, or mended if the listener says `normalise`. Outwards, content is dot-stuffed.
 */
#ifndef MXWARD_PROXY_FRAMING_H
#define MXWARD_PROXY_FRAMING_H

#include <stdint.h>

#include "rules/slice.h"

/* Command lines. */
enum line_status {
    LINE_NONE,             /* no CRLF yet and no more than `most` bytes: wait */
    LINE_COMPLETE,
    LINE_TOO_LONG,         /* more than `most` bytes before the CRLF: the line up to its end is to be thrown away */
    LINE_BARE,             /* a bare CR, a bare LF or a NUL stands in it */
};
/*
 * Looks for a line at the start of `input`. COMPLETE: *line_out is it without CRLF, *consumed_out what to drop.
 * TOO_LONG and BARE: *consumed_out is what to drop now (its CRLF with it if that is there, else all but a CR at the
 * very end, whose LF may yet come); the caller remembers that it is within a bad line unless framing_line_skip() says
 * that what is dropped ends it. `most` counts the CRLF (RFC 5321 4.5.3.1.4: 512, more by extensions).
 */
enum line_status framing_line(struct slice input, size_t most, struct slice *line_out, size_t *consumed_out);
/*
 * Goes on throwing a bad line away: true when its CRLF was in `input` (and is in *consumed_out), false when more of
 * it is to come. The plain way: on TOO_LONG or BARE consume nothing, then call this until it is true, then reply.
 */
bool framing_line_skip(struct slice input, size_t *consumed_out);

enum framing_violation { FRAMING_FINE, FRAMING_BARE_LF, FRAMING_BARE_CR, FRAMING_NUL };

/* State of one message being read; embed it, framing_begin() sets it up. */
struct framing {
    unsigned state;
    bool normalise;
    enum framing_violation violation;  /* the first; with normalise always FRAMING_FINE, see `mended` */
    uint64_t violation_offset;         /* of content bytes before it */
    uint64_t content;                  /* content bytes handed out so far */
    uint64_t taken;                    /* bytes of input used so far, those dropped after a violation among them */
    uint64_t line_start;               /* content offset where the line being read began; as long as the header */
    bool has_header_end;
    uint64_t header_end;               /* content offset just after the first empty line */
    uint64_t mended;                   /* bare CRs and LFs made CRLF, NULs dropped: by normalise only */
};

void framing_begin(struct framing *framing, bool normalise);

/* Where content goes; called with runs of bytes, as long as possible. */
typedef void (*framing_sink)(void *context, struct slice bytes);

/*
 * Takes input up to the end of data or the end of `input`. Returns true when the end of data was reached;
 * *consumed_out is what was used (what comes after belongs to the next command). After a violation without normalise
 * no more content is handed out. A dot is taken away only after a true CRLF, and an end of data needs true CRLFs on
 * both sides: mending makes neither. A line that is "." with a bare CR or LF after it stays as content.
 */
bool framing_read(struct framing *framing, struct slice input, framing_sink sink, void *context, size_t *consumed_out);
/*
 * For messages that are not dot-stuffed: the same checks, no end of data. At the message's end framing_check_end()
 * judges a last CR.
 */
void framing_check(struct framing *framing, struct slice input, framing_sink sink, void *context);
void framing_check_end(struct framing *framing, framing_sink sink, void *context);

/*
 * Outwards: stuffs the run `content` of a message into `sink`; `at_line_start` is kept between runs, true at first.
 * What was read here goes out byte for byte, wherever runs are cut; whatever else comes in, nothing but CRLF goes out
 * as a line end.
 */
void framing_stuff(struct slice content, bool *at_line_start, framing_sink sink, void *context);
/* What ends it: ".\r\n" if at a line start, else "\r\n.\r\n". */
struct slice framing_end_of_data(bool at_line_start);

/* "a bare LF (line feed without carriage return)": for replies. */
const char *framing_violation_text(enum framing_violation violation);

#endif
