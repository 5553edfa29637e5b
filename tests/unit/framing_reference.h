/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framing_reference.h: what framing.c has to do, written down for the whole message at once and for nothing but
 * plainness; the unit tests and the fuzz target compare against it. Buffers are the caller's, with room for what
 * mending adds (twice the wire).
 */
#ifndef MXWARD_TESTS_UNIT_FRAMING_REFERENCE_H
#define MXWARD_TESTS_UNIT_FRAMING_REFERENCE_H

#include "proxy/framing.h"

struct framing_expected {
    bool ended;
    size_t consumed;               /* with the end of data */
    char *content;
    size_t length;
    enum framing_violation violation;
    size_t violation_offset;
    size_t mended;
};

static inline bool reference_has(const char *wire, size_t length, size_t at, const char *text, size_t text_length)
{
    return at <= length && length - at >= text_length && memcmp(wire + at, text, text_length) == 0;
}

/* After a true CRLF or at the beginning. */
static inline bool reference_line_start(const char *wire, size_t at)
{
    return at == 0 || (at >= 2 && wire[at - 2] == '\r' && wire[at - 1] == '\n');
}

static inline void reference_fault(struct framing_expected *expected, bool normalise, enum framing_violation violation)
{
    if (!normalise) {
        if (expected->violation == FRAMING_FINE) {
            expected->violation = violation;
            expected->violation_offset = expected->length;
        }
        return;
    }
    expected->mended++;
    if (violation != FRAMING_NUL) {
        expected->content[expected->length++] = '\r';
        expected->content[expected->length++] = '\n';
    }
}

/* Content of wire[0, end): dots at true line starts go, but for a dot that is all of a line with a bare end. */
static inline void reference_content(const char *wire, size_t end, bool normalise, struct framing_expected *expected)
{
    for (size_t at = 0; at < end; at++) {
        bool crlf = reference_has(wire, end, at, "\r\n", 2);

        if (wire[at] == '.' && reference_line_start(wire, at) && wire[at + 1] != '\n' && wire[at + 1] != '\r')
            continue;
        if (crlf) {
            expected->content[expected->length++] = '\r';
            expected->content[expected->length++] = '\n';
            at++;
        } else if (wire[at] == '\r') {
            reference_fault(expected, normalise, FRAMING_BARE_CR);
        } else if (wire[at] == '\n') {
            reference_fault(expected, normalise, FRAMING_BARE_LF);
        } else if (wire[at] == '\0') {
            reference_fault(expected, normalise, FRAMING_NUL);
        } else {
            expected->content[expected->length++] = wire[at];
        }
    }
    if (expected->violation != FRAMING_FINE)
        expected->length = expected->violation_offset;
}

/* `wire` must hold an end of data somewhere. */
static inline void reference_read(const char *wire, size_t length, bool normalise, struct framing_expected *expected)
{
    size_t end = 0;

    while (end < length && !(reference_line_start(wire, end) && reference_has(wire, length, end, ".\r\n", 3)))
        end++;
    expected->ended = end < length;
    expected->consumed = end < length ? end + 3 : length;
    expected->length = expected->mended = expected->violation_offset = 0;
    expected->violation = FRAMING_FINE;
    reference_content(wire, end, normalise, expected);
}

/* Content offset after the first empty line; false when there is none. */
static inline bool reference_header_end(const char *content, size_t length, size_t *end_out)
{
    for (size_t at = 0; at < length; at++) {
        if (reference_line_start(content, at) && reference_has(content, length, at, "\r\n", 2)) {
            *end_out = at + 2;
            return true;
        }
    }
    return false;
}

/* Whether every CR is followed by LF and every LF preceded by CR. */
static inline bool reference_only_crlf(const char *bytes, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        if (bytes[at] == '\r' && (at + 1 == length || bytes[at + 1] != '\n'))
            return false;
        if (bytes[at] == '\n' && (at == 0 || bytes[at - 1] != '\r'))
            return false;
    }
    return true;
}

#endif
