/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canonical.h: canonical forms of header and body (RFC 6376 3.4) on their way into SHA-256, the hash of every signature
 * that is accepted. For what libopendkim does not do, by OpenSSL. Everything lives in an arena, which also ends what
 * OpenSSL holds; nothing can fail but memory.
 */
#ifndef MXWARD_POLICY_CANONICAL_H
#define MXWARD_POLICY_CANONICAL_H

#include <stdint.h>

#include "policy/message.h"

#define CANONICAL_DIGEST 32

/* Once, before the process seals itself. */
void canonical_prepare(void);

/* A hash over text that comes in pieces. */
struct canonical_hash;
struct canonical_hash *canonical_hash_new(struct arena *arena);
/* Another that begins with all that this one has. */
struct canonical_hash *canonical_hash_fork(const struct canonical_hash *hash, struct arena *arena);
void canonical_hash_put(struct canonical_hash *hash, const char *bytes, size_t length);
/* A field without its line end; `cut`, a part of its text, is left out (absent: nothing is). */
void canonical_hash_field(struct canonical_hash *hash, const struct message_field *field, bool relaxed,
                          struct slice cut);
/* Ends it. */
void canonical_hash_digest(struct canonical_hash *hash, unsigned char *digest_out);

/* The value of b= in a tag list with the white space around it, which a signature does not cover (3.5). */
struct slice canonical_signature_value(struct slice tags);

/* The fields of a header by name. */
struct canonical_header;
struct canonical_header *canonical_header_new(const struct message_header *header, struct arena *arena);
/* Hash step 2 of RFC 6376 3.7: the fields that `names` (h=) asks for, then `field` itself, whose tag list is `tags`. */
void canonical_header_digest(struct canonical_header *header, struct slice names, const struct message_field *field,
                             struct slice tags, bool relaxed, unsigned char *digest_out);

/* Hash step 1: a body in chunks. At most the first `limit` canonical bytes (l=; UINT64_MAX: all) are hashed. */
struct canonical_body;
struct canonical_body *canonical_body_new(bool relaxed, uint64_t limit, struct arena *arena);
void canonical_body_add(struct canonical_body *body, struct slice bytes);
void canonical_body_digest(struct canonical_body *body, unsigned char *digest_out);
/* After the digest: bytes hashed. */
uint64_t canonical_body_hashed(const struct canonical_body *body);

#endif
