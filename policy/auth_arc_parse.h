/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc_parse.h: a message's ARC fields as a chain of sets (RFC 8617 4.1, 4.2, and 5.2 steps 1 to 3): all that can
 * be said of it without a key. Work is bounded: 50 sets of three fields each, or there is no chain.
 */
#ifndef MXWARD_POLICY_AUTH_ARC_PARSE_H
#define MXWARD_POLICY_AUTH_ARC_PARSE_H

#include "policy/evidence.h"
#include "policy/message.h"

/* What cryptography needs of one signature; evidence keeps less of it. Texts are without white space. */
struct auth_arc_signed {
    const struct message_field *field;
    struct slice tags;             /* the tag-list, a part of the field's value */
    struct slice data;             /* b= */
    struct slice body_hash;        /* bh=, of an ARC-Message-Signature */
    struct slice names;            /* h=, likewise */
};

/* The fields of one set, parallel to evidence->arc_sets. */
struct auth_arc_member {
    const struct message_field *results;
    struct auth_arc_signed message;
    struct auth_arc_signed seal;
};

/* Sets evidence->arc_sets and arc_problem; `members_out` has as many as there are sets. */
void auth_arc_parse(const struct message_header *header, struct arena *arena, struct evidence *evidence,
                    struct auth_arc_member **members_out);

/* Names in h= of one ARC-Message-Signature: more is refused, for each is looked for in the header. */
#define AUTH_ARC_NAMES_MOST 512

#endif
