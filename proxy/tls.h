/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls.h: TLS server contexts from certificate and key files (TLS 1.2 and up). A context is counted: live sessions
 * keep the one they began with, a reload makes a new one and touches no session. OpenSSL's types stay inside tls.c
 * and stream.c (tls_openssl.h).
 */
#ifndef MXWARD_PROXY_TLS_H
#define MXWARD_PROXY_TLS_H

#include <stddef.h>

#include "rules/arena.h"

struct tls_context;

struct tls_certificate {
    const char *certificate_path;      /* PEM, leaf first, then the chain */
    const char *key_path;
};

/*
 * NULL on failure; *problem_out then says which file and why (missing, unreadable, not PEM, a key with a passphrase,
 * a key that does not belong to the certificate). With a context it is empty or a warning: a certificate has expired.
 * Several certificates are of different key types, and OpenSSL chooses by what the client knows; two of one type are
 * refused, for one would never be used.
 */
struct tls_context *tls_context_new(const struct tls_certificate *certificates, size_t count, struct arena *arena,
                                    struct slice *problem_out);
struct tls_context *tls_context_keep(struct tls_context *context);
void tls_context_release(struct tls_context **context);
/* Seconds since 1970 when the first of its certificates ends. */
long long tls_context_expiry(const struct tls_context *context);

#endif
