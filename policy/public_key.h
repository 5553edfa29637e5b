/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * public_key.h: keys as key records publish them (RFC 6376 3.6.1, RFC 8463 4.2), and signatures of SHA-256 digests by
 * them, over OpenSSL. Keys and signatures are strangers' bytes: what cannot be read is no key and verifies nothing, and
 * no key is so large that it costs more than a fraction of a millisecond.
 */
#ifndef MXWARD_POLICY_PUBLIC_KEY_H
#define MXWARD_POLICY_PUBLIC_KEY_H

#include <stdint.h>

#include "rules/arena.h"
#include "rules/slice.h"

struct public_key;

/* Once, before the process seals itself: OpenSSL reads files when it first decodes a key of a kind. */
void public_key_prepare(void);

/* From base64 without white space (p=). NULL when it is none that is used here. The arena ends what OpenSSL holds. */
struct public_key *public_key_decode(struct slice base64, bool ed25519, struct arena *arena);
uint32_t public_key_bits(const struct public_key *key);
/* `digest` has 32 bytes; `base64` is the signature, without white space. */
bool public_key_verify(const struct public_key *key, const unsigned char *digest, struct slice base64);

/* RFC 8301 3.2 asks for 4,096 bits; twice that is still verified in a fifth of a millisecond. */
#define PUBLIC_KEY_BITS_MOST 8192

#endif
