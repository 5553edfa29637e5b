/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master_private.h: what master*.c share: the master, and a child as it sees it. master.c has the life of the
 * whole, master_children.c that of a child, master_reload.c the change of everything at once.
 */
#ifndef MXWARD_PROXY_MASTER_PRIVATE_H
#define MXWARD_PROXY_MASTER_PRIVATE_H

#include <sys/types.h>

#include "proxy/control.h"
#include "proxy/load.h"
#include "proxy/ports.h"
#include "proxy/probe.h"
#include "proxy/restarts.h"
#include "proxy/status.h"
#include "proxy/tls_tickets.h"

struct event;
struct event_base;
struct master;

/* A worker, or the keeper. */
struct child {
    struct master *master;
    unsigned slot;                     /* its column in the status table */
    pid_t process;                     /* 0: none */
    int socket;                        /* -1: closed */
    struct event *readable;
    struct event *restart;             /* timer; pending while it waits to be started again */
    struct restarts restarts;
    unsigned prepared;                 /* generation it has prepared, 0 none */
    unsigned ready;                    /* generation it works by, 0 none */
    bool answered;                     /* the last PING */
};

struct master {
    const char *path;
    struct event_base *base;
    int binary;
    struct ports ports;
    struct status *status;
    int status_descriptor;
    struct tls_tickets tickets;        /* what workers resume TLS sessions by */
    struct load *current;
    unsigned number;                   /* of `current` */
    unsigned last_number;              /* given to any load */
    struct child keeper;
    struct child *workers;
    unsigned workers_count;
    struct probe *probe;
    struct load *next;                 /* a reload under way */
    struct ports next_ports;           /* its sockets; those that it has in common with now are the same numbers */
    unsigned next_number;
    bool next_sent;                    /* its two files are with the children */
    bool reload_again;                 /* asked for while one was under way */
    struct event *reload_timeout;
    struct event *reload_retry;        /* made active for the next turn of the loop */
    struct event *signals[6];
    struct event *watchdog;
    struct event *drain_timeout;
    uint64_t drain_milliseconds;
    bool announced;                    /* READY=1 was sent */
    bool draining;
    bool failed;
};

#define MASTER_RELOAD_SECONDS 60

/* master.c */

/* Tells the loop to end with exit code 1; before the first READY only. */
void master_fail(struct master *master);
/* A child became ready or changed its generation: says so to the service manager once all did. */
void master_look_if_ready(struct master *master);
/* A child is gone while draining: ends the keeper, then the loop. */
void master_look_if_drained(struct master *master);

/* master_children.c */

void child_init(struct child *child, struct master *master, unsigned slot);
bool child_is_keeper(const struct child *child);
/* Starts the process and tells it all it needs; what fails counts as a death. */
void child_start(struct child *child);
/* Its process was reaped. */
void child_died(struct child *child, int status);
/* One message; a child that cannot be told is killed. */
void child_tell(struct child *child, enum control_type type, unsigned number);
void child_tell_load(struct child *child, const struct load *load, const struct ports *ports, unsigned number);
/* Closes its end; the child notices. */
void child_close(struct child *child);
void child_clear(struct child *child);

/* master_reload.c */

void master_reload(struct master *master);
void master_on_reload_retry(int unused, short events, void *context);
void master_reload_prepared(struct master *master);
/* Nothing is changed; `why` for the log. */
void master_reload_refuse(struct master *master, const char *why);
void master_log_diagnostics(const struct diagnostics *diagnostics);
/* For the log and `mxward status`. */
void master_set_about(struct master *master);

#endif
