/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h: the header of a message as views of held bytes (RFC 5322 section 2.2): every field with its place, name
 * and value. Nothing is copied but what has to be unfolded. A line that is no field (no colon, a strange byte in the
 * name) is kept as a field without a name, so that every byte of the header belongs to exactly one field, in order.
 */
#ifndef MXWARD_POLICY_MESSAGE_H
#define MXWARD_POLICY_MESSAGE_H

#include <stdint.h>

#include "policy/oddity.h"
#include "rules/arena.h"
#include "rules/slice.h"

struct message_field {
    uint32_t offset;               /* of the first byte of its name in the header */
    struct slice text; /* the whole field, folds and final CRLF included (missing only at the end of a cut header) */
    struct slice name;             /* as written, without blanks before the colon; empty: no field at all */
    struct slice value;            /* after the colon, folds included, without the final CRLF */
    bool space_before_colon;       /* obs-optional (RFC 5322 4.5.8) */
};

struct message_header {
    struct message_field *fields;
    size_t count;
    uint32_t size;                 /* bytes, the empty line included */
    bool ended;                    /* by an empty line */
    uint64_t oddities;             /* those of a header */
};

/* Octets of a line without its CRLF (RFC 5322 2.1.1). */
#define MESSAGE_LINE_MOST 998

/*
 * Splits `header`, which ends at the empty line or at the end of the bytes. Lines end in CRLF; a bare LF ends a line
 * as well.
 */
void message_parse(struct slice header, struct arena *arena, struct message_header *header_out);

bool message_field_is(const struct message_field *field, struct slice name);
/* The first field of that name, top first, at or after *index, which is moved past it; NULL when there is none. */
const struct message_field *message_next(const struct message_header *header, struct slice name, size_t *index);
size_t message_count(const struct message_header *header, struct slice name);

/*
 * The value on one line, without blanks at its ends: every CRLF goes (RFC 5322 2.2.3), other control bytes become
 * blanks. At most `most` bytes.
 */
struct slice message_unfold(struct slice value, size_t most, struct arena *arena);
/*
 * The oddities of bytes, lines and folds (ODDITY_NUL, ODDITY_BARE_CR, ODDITY_BARE_LF, ODDITY_BLANK_LINE,
 * ODDITY_LONG_LINE, ODDITY_CONTROL, ODDITY_NOT_UTF8) that are in some lines of a header.
 */
uint64_t message_oddities(struct slice lines);

/* ftext of RFC 5322 3.6.8: printable ASCII but the colon, at least one. */
bool message_name_is_valid(struct slice name);

#endif
