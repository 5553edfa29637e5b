/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h: asks the backend whether it is fit to be behind mxward, in a process of its own (`mxward probe`),
 * because a master touches no mail server's words. It gets the configuration as descriptor 3 and a pipe as
 * descriptor 4, into which it writes its one answer.
 */
#ifndef MXWARD_PROXY_PROBE_H
#define MXWARD_PROXY_PROBE_H

#include <sys/types.h>

#include "proxy/backend.h"

struct event_base;
struct probe;

/* `problem` (NUL-ended text for people) is valid during the call. */
typedef void (*probe_heard)(void *context, enum backend_probe result, const char *problem);

/* The caller reaps the process. NULL with errno. `heard` is called once, later, from the loop. */
struct probe *probe_start(struct event_base *base, int binary, int config_descriptor, probe_heard heard, void *context);
/* Kills the process if it still runs; accepts a pointer to NULL and clears. `heard` may do it. */
void probe_free(struct probe **probe);
pid_t probe_process(const struct probe *probe);
/* The process is gone: nobody is to be killed. */
void probe_reaped(struct probe *probe);

/* Whether mxward must not start before it; and what a postmaster is to do about it, in words. */
bool probe_is_fatal(enum backend_probe result);
const char *probe_advice(enum backend_probe result);
/* "fit", "down", "no-xclient", "relays", "broken". */
const char *probe_name(enum backend_probe result);

/* `mxward probe`: the exit code. */
int probe_run(void);

#endif
