/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h: one event loop and what it owns. Started by the master with its control socket as descriptor 3
 * (control.h says what is spoken there). A worker that dies takes its own sessions with it; their clients try
 * again, and nothing that was acknowledged is lost.
 */
#ifndef MXWARD_PROXY_WORKER_H
#define MXWARD_PROXY_WORKER_H

#include "proxy/backend.h"
#include "proxy/generation.h"
#include "proxy/journal.h"
#include "proxy/judges.h"
#include "proxy/refusal.h"
#include "proxy/resolver.h"
#include "proxy/spool.h"
#include "proxy/status.h"
#include "proxy/upstream.h"

struct client;

struct worker {
    struct event_base *base;
    unsigned slot;                     /* its column in the status table, from 1 */
    struct status *status;
    struct status_column *column;
    struct generation *generation;     /* the newest */
    struct upstreams *upstreams;
    struct judges *judges;
    struct journal *journal;
    struct spool_budget budget;
    struct client *clients;            /* all sessions, newest first */
    struct client *idle_oldest;        /* of those without a message that wait for a command, by their last one */
    struct client *idle_newest;
    struct refusals refusals;
    bool draining;
    uint64_t id_count;                 /* ids made so far */
};

/* `mxward worker`: runs until told to stop; the exit code. */
int worker_run(void);

#endif
