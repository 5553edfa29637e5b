/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_openssl.h: for stream.c alone: OpenSSL's types of a TLS session. tls.c sets up what all sessions have in
 * common, stream.c runs them.
 */
#ifndef MXWARD_PROXY_TLS_OPENSSL_H
#define MXWARD_PROXY_TLS_OPENSSL_H

#include <openssl/ssl.h>

struct tls_context;

/*
 * A server's session over a non-blocking socket, which it does not own; it keeps the context's certificates alive.
 * NULL without memory. Unlike OpenSSL's own, its writes to a closed connection raise no SIGPIPE.
 */
SSL *tls_session_new(const struct tls_context *context, int descriptor);
/* What OpenSSL's error queue says first, which is empty afterwards; static, or `otherwise` when it said nothing. */
const char *tls_take_error(const char *otherwise);

#endif
