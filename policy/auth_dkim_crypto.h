/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_crypto.h: DKIM's cryptography over one message: header, body in chunks, and for each chosen signature what
 * came of it. By libopendkim, which is given only signatures that our own grammar accepts, with keys that we have
 * looked up and parsed; it asks no DNS and its clock decides nothing. What it does not understand all the same is
 * verified our own way (auth_dkim_own.h).
 */
#ifndef MXWARD_POLICY_AUTH_DKIM_CRYPTO_H
#define MXWARD_POLICY_AUTH_DKIM_CRYPTO_H

#include "policy/evidence.h"
#include "policy/message.h"

struct auth_dkim_crypto;

/* One DKIM-Signature field of the message. */
struct auth_dkim_candidate {
    const struct message_field *field;
    struct signature *signature;   /* its crypto, body_hash and key_bits are set at the end */
    struct slice key_type;         /* "rsa", "ed25519" */
    bool chosen;                   /* has a key and is to be tried: signature->key_data is set */
    bool own;                      /* not by libopendkim (auth_dkim_own.h); set here, or before for its key */
};

/* Once, before the process seals itself. */
void auth_dkim_crypto_prepare(void);

/* Feeds the header. Everything given is borrowed until auth_dkim_crypto_finish(). NULL when nothing is chosen. */
struct auth_dkim_crypto *auth_dkim_crypto_new(const struct message_header *header,
                                              struct auth_dkim_candidate *candidates, size_t count,
                                              struct arena *arena);
void auth_dkim_crypto_body(struct auth_dkim_crypto *crypto, struct slice bytes);
/* Sets the chosen signatures' results, texts in the arena. */
void auth_dkim_crypto_finish(struct auth_dkim_crypto *crypto);
/* Accepts a pointer to NULL and clears; at any time. */
void auth_dkim_crypto_free(struct auth_dkim_crypto **crypto);

/* Base64 characters of a key that libopendkim's buffer holds: RSA up to 5,000 bits (RFC 8301 3.2 asks for 4,096). */
#define AUTH_DKIM_KEY_MOST 900

#endif
