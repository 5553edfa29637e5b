/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h: one key=value line per event to standard error; the service manager adds the time and keeps it. For
 * what happens to the proxy, not to messages: those have records. Values are quoted and escaped when they hold
 * anything but [A-Za-z0-9._:/@+-], so one event is one line whatever a stranger sent. Nobody is waited for:
 * while standard error takes nothing lines are dropped, and the next that passes says how many.
 *
 *     log_event(LOG_LEVEL_ERROR, "backend-refused", "address", address, "why", problem, NULL);
 *     level=error event=backend-refused process=worker-1 pid=123 address=127.0.0.1:10025 why="..."
 */
#ifndef MXWARD_PROXY_LOG_H
#define MXWARD_PROXY_LOG_H

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* "master", "worker-1", ...; once, at the start. */
void log_begin(const char *process);
/* Pairs of strings, name and value, then NULL. A NULL value is left out with its name. */
void log_event(enum log_level level, const char *event, ...) __attribute__((sentinel));
/* A number as text for log_event(); one of a few static buffers, good until the next log_event(). */
const char *log_number(long long number);

#endif
