/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener.h: accepts on the sockets that the master holds, within limits (P7). All workers accept from the
 * same sockets, so that one that dies leaves no waiting connection behind.
 */
#ifndef MXWARD_PROXY_LISTENER_H
#define MXWARD_PROXY_LISTENER_H

#include "proxy/config.h"

struct listener;
struct worker;

/* Takes the listening socket; `settings` are borrowed until listener_use() gives others. */
struct listener *listener_new(struct worker *worker, const struct config_listener *settings, int descriptor);
/* After a reload: the same listener's settings in the new configuration. */
void listener_use(struct listener *listener, const struct config_listener *settings);
void listener_free(struct listener **listener);

#endif
