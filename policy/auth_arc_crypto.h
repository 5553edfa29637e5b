/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc_crypto.h: ARC's cryptography over one message, by canonical.h and public_key.h: the body in chunks, and for
 * each signature of a chain what came of it. Bounded: each header field is hashed once for the seals and at most once
 * for each set; a body in at most AUTH_ARC_BODIES_MOST ways; a key is decoded once. All is the arena's.
 */
#ifndef MXWARD_POLICY_AUTH_ARC_CRYPTO_H
#define MXWARD_POLICY_AUTH_ARC_CRYPTO_H

#include "policy/auth_arc_parse.h"

struct auth_arc_crypto;

/* Once, before the process seals itself. */
void auth_arc_crypto_prepare(void);

/*
 * A chain of `count` sets, at least one. Signatures that have a key have `key_data` set. Everything given is borrowed
 * until auth_arc_crypto_finish().
 */
struct auth_arc_crypto *auth_arc_crypto_new(const struct message_header *header, struct arc_set *sets,
                                            const struct auth_arc_member *members, size_t count, struct arena *arena);
void auth_arc_crypto_body(struct auth_arc_crypto *crypto, struct slice bytes);
/*
 * Sets crypto, body_hash and key_bits of the signatures, in the order of RFC 8617 5.2, until one does not verify: the
 * later ones cannot matter.
 */
void auth_arc_crypto_finish(struct auth_arc_crypto *crypto);

/* Different ways (canonicalization, l=) in which the sets of one chain may hash the body; others are not tried. */
#define AUTH_ARC_BODIES_MOST 4

#endif
