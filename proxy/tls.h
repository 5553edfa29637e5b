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

struct tls_authorities;
struct tls_context;

struct tls_certificate {
    const char *certificate_path;      /* PEM, leaf first, then the chain */
    const char *key_path;
};

/* Certificates of one context. */
#define TLS_CERTIFICATES_MOST 16

/*
 * NULL on failure; *problem_out then says which file and why (missing, unreadable, not PEM, a key with a passphrase,
 * a key that does not belong to the certificate). With a context it is empty or a warning: a certificate has expired.
 *
 * Of several certificates a client that names a host (SNI, RFC 6066 3) is shown one that is for that host, the first
 * of each type of key, of which OpenSSL chooses by what the client knows; one that names none, or a host that none is
 * for, is shown the first of each type. A certificate whose names an earlier one of its type has all is refused, for
 * it would never be used.
 */
struct tls_context *tls_context_new(const struct tls_certificate *certificates, size_t count, struct arena *arena,
                                    struct slice *problem_out);
struct tls_context *tls_context_keep(struct tls_context *context);
void tls_context_release(struct tls_context **context);
/* Seconds since 1970 when the first of its certificates ends. */
long long tls_context_expiry(const struct tls_context *context);

/*
 * Whom to believe about clients' certificates, from a PEM file. NULL on failure, with *problem_out. A session may
 * outlive it.
 */
struct tls_authorities *tls_authorities_new(const char *path, struct arena *arena, struct slice *problem_out);
void tls_authorities_free(struct tls_authorities **authorities);

#endif
