/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_parse.h: DKIM's two texts, by our own grammar: the DKIM-Signature field (RFC 6376 3.5) and the key record
 * (3.6.1). What is not accepted here never reaches libopendkim.
 */
#ifndef MXWARD_POLICY_AUTH_DKIM_PARSE_H
#define MXWARD_POLICY_AUTH_DKIM_PARSE_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/verdict.h"

/* Reads a field's value into `signature`, as far as it can be read; `problem` says why it cannot count. */
void auth_dkim_parse_signature(struct slice value, struct arena *arena, struct signature *signature_out);

/* h= of a field's value, whole and with its white space; absent when there is none. */
struct slice auth_dkim_fields_of(struct slice value);

/* Whether the signature's h= names the field. */
bool auth_dkim_signs(struct slice fields, struct slice name);

/* Whether it signs DKIM-Signature fields, or may: what is kept of its h= can be cut. */
bool auth_dkim_may_sign_signatures(const struct signature *signature);

struct auth_dkim_key {
    enum auth_result result;       /* PASS: usable for this signature; else what the signature's result is */
    struct slice reason;           /* why not */
    struct slice type;             /* k= */
    struct slice data;             /* p= without white space */
    bool test;                     /* t=y */
};

/*
 * Whether libopendkim may have it: RSA in a SubjectPublicKeyInfo, not an RSAPublicKey by itself as RFC 6376 3.6.1 has
 * it, and with one of the public exponents that keys have, 65537, 17 or 3; a long one makes verifying as slow as
 * signing. Of other types all are.
 */
bool auth_dkim_key_is_usual(const struct auth_dkim_key *key);

/* The key that an answer gives for the signature. */
void auth_dkim_parse_key(const struct answer *answer, const struct signature *signature, struct arena *arena,
                         struct auth_dkim_key *key_out);

/* `problem` of signatures that are left out because there are too many. */
#define AUTH_DKIM_BEYOND_LIMIT "beyond the limit of signatures tried"
/*
 * 1 January 2004: before DKIM or its forerunner existed. Earlier t= and x= are nonsense, and libopendkim's arithmetic
 * fails on them.
 */
#define AUTH_DKIM_EARLIEST 1072915200
/* 1 January 2058: a t= beyond is nonsense until then, and the same arithmetic fails on it. */
#define AUTH_DKIM_LATEST 2777068800

#endif
