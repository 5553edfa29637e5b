/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h: asks each backend whether it is fit to be behind mxward, in a process of its own (`mxward probe`),
 * because a master touches no mail server's words and loads no keys. It gets the configuration as descriptor 3 and a
 * pipe as descriptor 4, into which it writes its one answer.
 */
#ifndef MXWARD_PROXY_PROBE_H
#define MXWARD_PROXY_PROBE_H

#include <sys/types.h>

#include "proxy/backend.h"

struct event_base;
struct probe;

/* Of one backend; `problem` is text for people, empty when it is fit. */
struct probe_finding {
    enum backend_probe result;
    const char *problem;
};

/* One finding for each backend of the configuration, in order, valid during the call. */
typedef void (*probe_heard)(void *context, const struct probe_finding *findings, size_t count);

/*
 * `backends` are asked, at most BACKENDS_MOST. The caller reaps the process. NULL with errno. `heard` is called once,
 * later, from the loop.
 */
struct probe *probe_start(struct event_base *base, int binary, int config_descriptor, size_t backends,
                          probe_heard heard, void *context);
/* Kills the process if it still runs; accepts a pointer to NULL and clears. `heard` may do it. */
void probe_free(struct probe **probe);
pid_t probe_process(const struct probe *probe);
/* The process is gone: nobody is to be killed. */
void probe_reaped(struct probe *probe);

/*
 * Whether mxward must not start before it is mended: one of them relays for strangers, or one offers no XCLIENT and
 * none is fit beside it. One that is down or not believed keeps nobody from starting: it may come later.
 */
bool probe_is_fatal(const struct probe_finding *findings, size_t count);
/* What a postmaster is to do about it, in words. */
const char *probe_advice(enum backend_probe result);
/* "fit", "down", "no-xclient", "relays", "broken", "tls". */
const char *probe_name(enum backend_probe result);

/* `mxward probe`: the exit code. */
int probe_run(void);

#endif
