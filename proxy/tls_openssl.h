/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_openssl.h: for tls*.c and stream*.c alone: OpenSSL's types of a TLS session. tls.c sets up what all sessions
 * have in common, stream.c runs them.
 */
#ifndef MXWARD_PROXY_TLS_OPENSSL_H
#define MXWARD_PROXY_TLS_OPENSSL_H

#include <openssl/ssl.h>

#include "policy/facts.h"

struct tls_authorities;
struct tls_client;
struct tls_context;

/*
 * A server's session over a non-blocking socket, which it does not own; it keeps the context's certificates alive.
 * With `authorities` (or NULL) the client is asked for a certificate. `early`: bytes of its handshake that were read
 * from the socket already, copied. NULL without memory.
 */
SSL *tls_session_new(const struct tls_context *context, const struct tls_authorities *authorities, int descriptor,
                     struct slice early);
/* OpenSSL, too, wipes what it has decrypted as soon as it has handed it out. */
void tls_session_keep_secret(SSL *session);
/* A client's session over such a socket; it keeps what it needs of `client` alive. NULL without memory. */
SSL *tls_client_session_new(const struct tls_client *client, int descriptor);
/* After a client's handshake that failed: why the server was not believed; NULL: it failed for another reason. */
const char *tls_client_doubt(const SSL *session);
/* tls_socket.c: the session reads `early` (copied), then from the socket. */
void tls_socket_give(SSL *session, int descriptor, struct slice early);
/* tls_facts.c: after the handshake: all that facts say of TLS, texts in `arena`. */
void tls_session_facts(SSL *session, struct arena *arena, struct facts *facts);
/* tls_tickets.c: sessions of the context are resumed by this process's keys. */
void tls_tickets_set_up(SSL_CTX *context);
/* What OpenSSL's error queue says first, which is empty afterwards; static, or `otherwise` when it said nothing. */
const char *tls_take_error(const char *otherwise);

#endif
