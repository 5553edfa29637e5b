/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refusal.h: sessions that may not begin, because of a limit or because somebody who may not speaks for another
 * (PROXY protocol). Each is counted; records and log lines are written at most once a second a worker, with a count of
 * those left out: a flood must not become a flood of records.
 */
#ifndef MXWARD_PROXY_REFUSAL_H
#define MXWARD_PROXY_REFUSAL_H

#include "policy/facts.h"
#include "proxy/limits.h"

struct worker;

/* A worker's; zero to begin with. */
struct refusals {
    int64_t recorded_at;               /* microseconds, monotonic; 0: never */
    uint32_t left_out;
    int64_t logged_at;
    uint32_t log_left_out;
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

#endif
