/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_cover.h: what of a message a signature vouches for, beyond whether it verifies: header fields that its h=
 * leaves open (RFC 6376 5.4.2, 8.15) and the part of the body behind l= (3.5, 8.2). Only says what is so; whether it
 * matters is the rules' business.
 */
#ifndef MXWARD_POLICY_AUTH_DKIM_COVER_H
#define MXWARD_POLICY_AUTH_DKIM_COVER_H

#include "policy/evidence.h"
#include "policy/message.h"

/*
 * The fields looked at: those that say who wrote what to whom and how the body is to be read, of which a message has
 * one each. In lower case, by the bit that stands for them; NULL at the end.
 */
extern const char *const auth_dkim_field_names[EVIDENCE_SIGNED_FIELDS + 1];

/* The bit of a field, in any case; 0 when it is none of them. */
uint32_t auth_dkim_field_bit(struct slice name);

/* How often each of them is in a header. */
struct auth_dkim_fields {
    uint32_t counts[EVIDENCE_SIGNED_FIELDS];
};
void auth_dkim_fields_count(const struct message_header *header, struct auth_dkim_fields *fields_out);

/* Sets fields_added and fields_unsigned; `signed_fields` is the whole h=. */
void auth_dkim_cover_fields(struct slice signed_fields, const struct auth_dkim_fields *fields,
                            struct signature *signature);

/* The length of a canonicalized body (RFC 6376 3.4.3, 3.4.4), found out in chunks. */
struct auth_dkim_body {
    bool relaxed;
    uint64_t size;                 /* so far, without what may turn out to be the end: */
    uint64_t ends;                 /* line ends seen since */
    bool blank;                    /* white space seen since, in this line */
    bool carriage_return;          /* the last byte was CR */
};
void auth_dkim_body_start(struct auth_dkim_body *body, bool relaxed);
void auth_dkim_body_add(struct auth_dkim_body *body, struct slice bytes);
uint64_t auth_dkim_body_size(const struct auth_dkim_body *body);

#endif
