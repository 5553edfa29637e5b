/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * field_writer.h: writes one header field for the top of a message: pieces that stay whole, folds between them, and
 * strangers' texts in the forms that the grammar has for them. What comes out has only printable ASCII, tabs and
 * CRLF, with `utf8` also UTF-8 (RFC 6532), and no line over 998 bytes.
 */
#ifndef MXWARD_POLICY_FIELD_WRITER_H
#define MXWARD_POLICY_FIELD_WRITER_H

#include "rules/arena.h"
#include "rules/slice.h"

/* A piece is cut to this: a line of one piece stays under RFC 5322's 998. */
#define FIELD_WRITER_PIECE_MOST 900

struct field_writer {
    struct arena *arena;
    char *text;
    size_t length;
    size_t room;
    size_t column;                 /* of the current line */
    size_t start;                  /* length of "Name:": the first piece stands on its line, however long */
    bool utf8;                     /* the message may have UTF-8 in its header: set it after field_writer_begin() */
};

/* Begins with "Name:". */
void field_writer_begin(struct field_writer *writer, struct slice name, struct arena *arena);
/*
 * A piece after a blank, or on a new line when this one would be longer than 78. Bytes that may not be there become
 * "?".
 */
void field_writer_piece(struct field_writer *writer, struct slice piece);
void field_writer_printf(struct field_writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Right behind the last piece: ";" and the like. */
void field_writer_append(struct field_writer *writer, const char *text);
/* The whole field with its CRLF. */
struct slice field_writer_end(struct field_writer *writer);

/* "(text)" with specials escaped (RFC 5322 3.2.2). */
struct slice field_comment(struct slice text, struct arena *arena);
/* The text itself if it is a token (RFC 2045 5.1), else a quoted-string. */
struct slice field_value(struct slice text, struct arena *arena);
/*
 * As field_value(), but an address local@domain is written as such, with its local part in quotes where it must be, as
 * RFC 8601's pvalue asks; one whose domain is no domain name (RFC 6376 3.5) is a value.
 */
struct slice field_address(struct slice text, struct arena *arena);
/* The text itself if it is a dot-atom (RFC 5322 3.2.3), else a quoted-string. */
struct slice field_dot_atom(struct slice text, struct arena *arena);

#endif
