/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refusal.h: sessions that may not begin or go on, because of a limit, because somebody who may not speaks for another
 * (PROXY protocol, XCLIENT), or because it is not SMTP that is spoken. Each is counted; records and log lines are
 * written at most once a second a worker, with a count of those left out: a flood must not become a flood of records.
 */
#ifndef MXWARD_PROXY_REFUSAL_H
#define MXWARD_PROXY_REFUSAL_H

#include "policy/facts.h"
#include "proxy/limits.h"

struct worker;

enum refusal_kind { REFUSAL_HEADER, REFUSAL_XCLIENT, REFUSAL_PROTOCOL };
#define REFUSAL_KINDS 3

struct refusal_log {
    int64_t at;                        /* microseconds, monotonic; 0: never */
    uint32_t left_out;
};

/* A worker's; zero to begin with. */
struct refusals {
    int64_t recorded_at;               /* microseconds, monotonic; 0: never */
    uint32_t left_out;
    struct refusal_log logs[REFUSAL_KINDS];
    int64_t told_at;
    uint32_t told_left_out;
};

/*
 * `answer` is not LIMITS_WELCOME; `facts` are what is known of the session, its listener included. The 421 to send, in
 * `arena`.
 */
struct slice refusal_by_limit(struct worker *worker, enum limits_answer answer, const struct facts *facts,
                              struct arena *arena);
/* A connection from `peer` that is closed without a word. */
void refusal_of_header(struct worker *worker, const struct address *peer, const char *why);
/* A session that is closed for an XCLIENT, or for another protocol than SMTP. */
void refusal_of_xclient(struct worker *worker, const struct address *peer, const char *why);
void refusal_of_protocol(struct worker *worker, const struct address *peer, const char *protocol);

#endif
