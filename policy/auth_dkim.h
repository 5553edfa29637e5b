/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim.h: DKIM (RFC 6376, 8301, 8463). The signature's own syntax and the cryptography are found out while the
 * message is read (auth_dkim_crypto.c, by libopendkim, called by examine.c) and are evidence. Here evidence, the
 * key's answer and the arrival time become an outcome: a pure function, so that a changed answer changes it.
 */
#ifndef MXWARD_POLICY_AUTH_DKIM_H
#define MXWARD_POLICY_AUTH_DKIM_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* Never AUTH_PENDING but when the key's answer is missing; `aligned` is left to auth_dmarc(). */
struct dkim_outcome auth_dkim_outcome(const struct signature *signature, const struct facts *facts,
                                      struct answers *answers, struct arena *arena);

/* The name of its key record, "s1._domainkey.example.org"; absent for a malformed signature. */
struct slice auth_dkim_key_name(const struct signature *signature, struct arena *arena);

/* Notes the questions for the keys of all signatures that will be tried. */
void auth_dkim_want(const struct evidence *evidence, struct answers *answers, struct arena *arena);

/* RFC 8301 3.2. */
#define AUTH_DKIM_KEY_BITS_LEAST 1024

#endif
