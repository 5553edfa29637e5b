/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.h: readiness and watchdog messages to the service manager, sd_notify(3)'s protocol without its
 * library, and its sockets, sd_listen_fds(3)'s. Without a service manager every call does nothing. What it set
 * in the environment is taken out of it, so that no other process answers for the master.
 */
#ifndef MXWARD_PROXY_NOTIFY_H
#define MXWARD_PROXY_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the environment; once, before any other process is started. */
void notify_begin(void);
/* "READY=1\nSTATUS=...": several lines in one message. False with errno: it was not taken. */
bool notify_send(const char *message);
/* Milliseconds within which WATCHDOG=1 must come; 0: none wanted. */
uint64_t notify_watchdog(void);
/* Sockets handed over: descriptors 3 and on, made close-on-exec. */
unsigned notify_sockets(void);
#define NOTIFY_FIRST_SOCKET 3

#endif
