/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_tickets.h: the keys of TLS session tickets (RFC 5077, RFC 8446 4.6.1), the same in all workers: a client may
 * come back to any of them. The master draws one secret when it starts and hands it to each worker in a sealed memory
 * file; from it every process makes the same keys for the same hour, by a chain that only goes forward, and forgets
 * those of earlier hours. Nothing is written to disk, nobody has to be told of a change, and who takes a key out of
 * memory can read no session older than two hours.
 */
#ifndef MXWARD_PROXY_TLS_TICKETS_H
#define MXWARD_PROXY_TLS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#define TLS_TICKETS_SECRET 32
/* A key makes tickets for as long, and takes them for as long again. */
#define TLS_TICKETS_SECONDS 3600

struct tls_tickets {
    uint64_t hour;                             /* of `secret`: TLS_TICKETS_SECONDS since boot */
    unsigned char secret[TLS_TICKETS_SECRET];
};

/* A fresh secret for now. False with errno: no randomness. */
bool tls_tickets_draw(struct tls_tickets *tickets_out);
/* Forgets what is older than the hour before now. */
void tls_tickets_advance(struct tls_tickets *tickets, uint64_t now_seconds);
/* Seconds since boot: clock steps do not touch it, and it is the same in all processes. */
uint64_t tls_tickets_now(void);

/* As a sealed memory file, of the hour before now; -1 with errno. */
int tls_tickets_seal(struct tls_tickets *tickets);
/* Reads such a file; the descriptor is the caller's. */
bool tls_tickets_open(int descriptor, struct tls_tickets *tickets_out);

/* This process's sessions are resumed by these from now on; before, and with NULL, by none. */
void tls_tickets_use(const struct tls_tickets *tickets);

#endif
