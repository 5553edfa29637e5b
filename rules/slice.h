/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slice.h: borrowed text, a pointer and a length. A slice owns nothing, need not end in NUL, and may hold any
 * byte; an absent text has text == NULL (then length is 0). ASCII rules only: no function here looks at the locale.
 */
#ifndef MXWARD_RULES_SLICE_H
#define MXWARD_RULES_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *text;
    size_t length;
};

/* Bytes of a label of a domain name (RFC 1035 2.3.4). */
#define LABEL_MOST 63

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })
#define SLICE_NONE ((struct slice){ NULL, 0 })
/* For printf's "%.*s"; lengths are bounded far below INT_MAX wherever a slice is made. */
#define SLICE_ARG(slice) (int)(slice).length, ((slice).text != NULL ? (slice).text : "")

static inline struct slice slice_of(const char *text, size_t length)
{
    return (struct slice){ text, length };
}

static inline struct slice slice_of_string(const char *string)
{
    return (struct slice){ string, string == NULL ? 0 : strlen(string) };
}

static inline bool slice_is_empty(struct slice slice)
{
    return slice.length == 0;
}

/* From `start` to the end; an empty slice when `start` is past it. */
static inline struct slice slice_from(struct slice slice, size_t start)
{
    if (start > slice.length)
        start = slice.length;
    return start == 0 ? slice : (struct slice){ slice.text + start, slice.length - start };
}

/* At most the first `length` bytes. */
static inline struct slice slice_first(struct slice slice, size_t length)
{
    return (struct slice){ slice.text, length < slice.length ? length : slice.length };
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool slice_equal(struct slice a, struct slice b);
/* ASCII letters compare without case. */
bool slice_equal_nocase(struct slice a, struct slice b);
/* Bytewise order as memcmp(), a prefix before what it begins: below 0, 0, above 0. */
int slice_compare(struct slice a, struct slice b);
bool slice_starts_with(struct slice slice, struct slice prefix);
bool slice_starts_with_nocase(struct slice slice, struct slice prefix);
bool slice_ends_with_nocase(struct slice slice, struct slice suffix);
/* The position of the first `c`, or the slice's length when there is none. */
size_t slice_find(struct slice slice, char c);
/* Without blanks, tabs, CR and LF at both ends. */
struct slice slice_trim(struct slice slice);
/* Without one CRLF, LF or CR at the end. */
struct slice slice_without_line_end(struct slice slice);
/*
 * Cuts `rest` at the first `separator`: returns what was before it and leaves what comes after. Without one, returns
 * all and leaves `rest` absent (text == NULL), which ends a loop of the form while (rest.text != NULL).
 */
struct slice slice_cut(struct slice *rest, char separator);
/* Decimal digits only, nothing else, at most `most`: false otherwise, and then *number_out is untouched. */
bool slice_number(struct slice slice, unsigned long long most, unsigned long long *number_out);
/*
 * A label as DNS has them for hosts and services: 1 to LABEL_MOST letters, digits, hyphens and
 * underscores, no hyphen at either end.
 */
bool slice_is_label(struct slice slice);

/* The length of the UTF-8 character that the text begins with (RFC 3629 4: no overlong forms, no surrogates), or 0. */
size_t text_utf8_length(struct slice text);
/* Whether all of it is UTF-8; else the position of the first byte that is not. */
bool text_is_utf8(struct slice text, size_t *bad_out);
/* Whether a character (1 to 4 bytes, as text_utf8_length() says) is a control character: C0, DEL or C1. */
bool text_is_control(struct slice character);
/*
 * The length of the character that the text begins with, if a terminal may be given it: no control character, and none
 * that is not seen and turns or breaks what stands around it (Unicode's bidirectional controls, line separators, zero
 * widths but for the joiners that some scripts are written with). Else 0.
 */
size_t text_shown_length(struct slice text);

#endif
