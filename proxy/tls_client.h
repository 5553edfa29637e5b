/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_client.h: TLS towards servers (TLS 1.2 and up): whom to believe, for which name, and the certificate shown when
 * one is asked for. Counted, because sessions and pools of several generations share one; a reload makes another.
 * It remembers the last session that the server gave, so that the next connection costs it no signature.
 */
#ifndef MXWARD_PROXY_TLS_CLIENT_H
#define MXWARD_PROXY_TLS_CLIENT_H

#include "rules/arena.h"

struct tls_client;

struct tls_client_settings {
    const char *authorities_path;      /* PEM; NULL: those that the system believes */
    const char *name;                  /* host name or address that the server's certificate must be for */
    bool verify;                       /* false: whoever answers is believed */
    const char *certificate_path;      /* PEM, leaf first; NULL: none is shown */
    const char *key_path;
};

/*
 * NULL on failure; *problem_out then says which file and why. With one it is empty or a warning: our certificate has
 * expired.
 */
struct tls_client *tls_client_new(const struct tls_client_settings *settings, struct arena *arena,
                                  struct slice *problem_out);
struct tls_client *tls_client_keep(struct tls_client *client);
/* Accepts a pointer to NULL and clears. */
void tls_client_release(struct tls_client **client);

#endif
