/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_own.h: DKIM's cryptography without libopendkim, over canonical.h and public_key.h, for signatures that our
 * grammar accepts and libopendkim does not: with white space before a tag's "=", with an i= whose domain is written
 * otherwise than d= (RFC 8616), by a key that its buffer does not hold. Owns nothing; all is the arena's.
 */
#ifndef MXWARD_POLICY_AUTH_DKIM_OWN_H
#define MXWARD_POLICY_AUTH_DKIM_OWN_H

#include "policy/evidence.h"
#include "policy/message.h"

struct auth_dkim_own;

/* Once, before the process seals itself. */
void auth_dkim_own_prepare(void);
/* The header is borrowed until the end. */
struct auth_dkim_own *auth_dkim_own_new(const struct message_header *header, struct arena *arena);
/* A signature to be verified, its key_data set, and the field that it is from. Before the body. */
void auth_dkim_own_add(struct auth_dkim_own *own, const struct message_field *field, struct signature *signature);
void auth_dkim_own_body(struct auth_dkim_own *own, struct slice bytes);
/* Sets crypto, body_hash and key_bits of all; body_size and body_covered of those without l=. */
void auth_dkim_own_finish(struct auth_dkim_own *own);

#endif
