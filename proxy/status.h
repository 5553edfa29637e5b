/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.h: the table shared by all processes: sessions, client networks, counters. The master makes it as a
 * file in the runtime directory; every process maps it; `mxward status` reads it. One column a worker, written
 * by that worker alone and zeroed by the master when it dies (counters of the dead are first added to the
 * master's own column), so that limits hold over all workers and no lock is needed.
 */
#ifndef MXWARD_PROXY_STATUS_H
#define MXWARD_PROXY_STATUS_H

#include <stdatomic.h>
#include <stdint.h>

#include "rules/value.h"

/* The master's own, at most 64 workers, the keeper's. */
#define STATUS_COLUMN_MASTER 0
#define STATUS_WORKERS_MOST 64
#define STATUS_COLUMN_KEEPER 65
#define STATUS_COLUMNS 66
/*
 * Client networks remembered by one column: more than the sessions a worker is likely to hold. See limits.h for
 * what happens beyond.
 */
#define STATUS_NETWORKS 32768
#define STATUS_PORTS 16

/* A row of the table in status.c gives each its name and help. Gauges fall; counters only rise. */
enum status_counter {
    STATUS_SESSIONS,               /* gauge: sessions now */
    STATUS_BACKEND_SESSIONS,       /* gauge */
    STATUS_MEMORY,                 /* gauge: message bytes in memory */
    STATUS_SPOOL,                  /* gauge: message bytes in files */
    STATUS_SESSIONS_TOTAL,
    STATUS_SESSIONS_REFUSED,       /* by a limit of sessions or rate */
    STATUS_SESSIONS_CLOSED,        /* idle ones, to make room for others */
    STATUS_PROXY_REFUSED,          /* connections without a header of the PROXY protocol that we believe */
    STATUS_XCLIENT_REFUSED,        /* sessions closed for an XCLIENT that we do not believe */
    STATUS_FOREIGN,                /* sessions closed because they do not speak SMTP */
    STATUS_EARLY_TALKERS,          /* sessions that spoke before the banner */
    STATUS_TLS_SESSIONS,
    STATUS_TLS_FAILURES,
    STATUS_AUTHENTICATED,          /* sessions whose AUTH succeeded */
    STATUS_AUTH_FAILURES,
    STATUS_AUTH_LIMITED,           /* AUTHs refused by the limit auth-failures */
    STATUS_TRANSACTIONS,
    STATUS_PASSED,
    STATUS_TAGGED,
    STATUS_REJECTED,
    STATUS_DEFERRED,
    STATUS_ABANDONED,              /* the client vanished or gave up */
    STATUS_BACKEND_REFUSED,        /* the backend's own 4xx and 5xx */
    STATUS_BACKEND_FAILURES,
    STATUS_BYTES,                  /* of messages received */
    STATUS_QUESTIONS,              /* DNS */
    STATUS_JUDGE_DEATHS,
    STATUS_POISON,                 /* transactions that killed their judge */
    STATUS_RECORDS,                /* keeper's column: written */
    STATUS_RECORDS_DROPPED,        /* by a worker (keeper away or slow) or the keeper (disk full, malformed) */
    STATUS_SPOOL_FULL,
    STATUS_WORKER_DEATHS,          /* master's column */
    STATUS_KEEPER_DEATHS,
    STATUS_RELOADS,
    STATUS_RELOADS_REFUSED,
    STATUS_COUNTERS,
};

struct status;                     /* the whole table, mapped */
struct status_column;              /* one process's part of it */

/*
 * Makes the file anew (the old one is replaced) and holds a lock on it as long as this process lives; NULL with
 * errno, EBUSY when the process that made the old one still lives. *descriptor_out is to be handed to the
 * workers and kept open.
 */
struct status *status_create(const char *path, int *descriptor_out);
struct status *status_map(int descriptor);
/*
 * For `mxward status`: read-only; NULL with errno, EPROTO when it is not such a file. *alive_out: the master that
 * made it still lives.
 */
struct status *status_open(const char *path, bool *alive_out);
void status_close(struct status **status);

struct status_column *status_column(struct status *status, unsigned column);
void status_add(struct status_column *column, enum status_counter counter, int64_t amount);
uint64_t status_get(const struct status *status, unsigned column, enum status_counter counter);
uint64_t status_sum(const struct status *status, enum status_counter counter);
/* Master only, after the process of that column is gone. */
void status_bury(struct status *status, unsigned column);
const char *status_counter_name(enum status_counter counter);
const char *status_counter_help(enum status_counter counter);
bool status_counter_is_gauge(enum status_counter counter);

/* Facts of the running proxy for `mxward status`, set by the master. */
struct status_about {
    _Atomic uint64_t master_process;
    _Atomic uint64_t started;      /* seconds since 1970 */
    _Atomic uint64_t generation;
    _Atomic uint64_t workers;
    _Atomic uint32_t ports[STATUS_PORTS];  /* of the listeners, in order: tests listen on port 0 */
    char version[32];
    char program[65];              /* SHA-256 of rules and lists, hex */
};
struct status_about *status_about(struct status *status);

/* Backends of a configuration (BACKENDS_MOST of backend.h). */
#define STATUS_BACKENDS 8
#define STATUS_BACKEND_NAME 128
#define STATUS_BACKEND_PROBLEM 256

/* One backend as one worker sees it. Texts may be read while they change: their last byte is always NUL. */
struct status_backend {
    _Atomic uint32_t health;       /* enum backend_health */
    char address[STATUS_BACKEND_NAME]; /* empty: none */
    char problem[STATUS_BACKEND_PROBLEM];
};
/* STATUS_BACKENDS places, in order of preference; written by the column's owner. */
struct status_backend *status_backends(struct status *status, unsigned column);
void status_put_backend(struct status_backend *place, const char *address, unsigned health, const char *problem);

/*
 * What one column remembers of a client network; limits.c says what it means. Read by all, written by the column's
 * owner.
 */
struct status_network {
    _Atomic uint64_t key;          /* 0: free */
    _Atomic uint64_t poisoned;     /* when a message of it last killed a judge, milliseconds monotonic; 0 never */
    _Atomic uint32_t sessions;     /* now */
    _Atomic uint32_t minute;       /* the minute that `count` counts, monotonic */
    _Atomic uint32_t count;        /* sessions begun in it */
    _Atomic uint32_t previous;     /* in the minute before */
    _Atomic uint32_t auth_hour;    /* the hour that `auth_failures` counts, monotonic */
    _Atomic uint32_t auth_failures;    /* AUTHs that failed in it */
    _Atomic uint32_t auth_previous;    /* in the hour before */
};

/* Sessions that limits.c let in and that have not left, of one column. */
_Atomic uint64_t *status_entered(struct status *status, unsigned column);
/* STATUS_NETWORKS slots. */
struct status_network *status_networks(struct status *status, unsigned column);
/* Chosen by chance for each table: which slots a network falls into cannot be told from outside. */
uint64_t status_seed(const struct status *status);

#endif
