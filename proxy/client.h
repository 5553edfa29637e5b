/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h: one SMTP client, from its banner to its end. Owned by its worker, in whose list it stands until it
 * is gone; frees itself when its connection ends.
 */
#ifndef MXWARD_PROXY_CLIENT_H
#define MXWARD_PROXY_CLIENT_H

#include "proxy/config.h"

/*
 * Microseconds; who pauses for less may be in the middle of a dialogue: Postfix, for one, leaves a session open 2 s for
 * its next message (smtp_connection_cache_time_limit).
 */
#define CLIENT_IDLE_LEAST (INT64_C(2) * 1000000)

struct client;
struct worker;

/* Takes the accepted, non-blocking socket. The client is counted by limits_enter() already and leaves by itself. */
void client_new(struct worker *worker, const struct config_listener *listener, int descriptor,
                const struct address *client_address, uint16_t client_port, const struct address *local_address,
                uint16_t local_port);
/* SIGTERM: an idle session is told 421 at once, one with a transaction when that ends. */
void client_drain(struct client *client);
/*
 * Lets go of an old generation where nothing is under way: a transaction that has no MAIL begins anew with the next
 * command; with `mail`, one that waits for a command is told 421 as well.
 */
void client_leave_generation(struct client *client, bool mail);
/*
 * At the limit of sessions: tells the one of this worker that has waited for a command longest 421 and closes it, so
 * that a newcomer has room. False: none has been idle for CLIENT_IDLE_LEAST.
 */
bool client_make_room(struct worker *worker);
struct client *client_next(const struct client *client);
/* At the end of the drain: closes without a word. */
void client_abandon(struct client *client);

#endif
