/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstream.h: what a worker reaches the world by, as generations of its configuration use it: the resolver with its
 * cache, pools of sessions with backends. Generations whose settings agree share them; other settings get others, and
 * transactions that began before keep theirs to the end. What no living generation uses is freed by
 * upstreams_sweep(), never from inside one of its own callbacks, and a pool only when its last session has gone.
 */
#ifndef MXWARD_PROXY_UPSTREAM_H
#define MXWARD_PROXY_UPSTREAM_H

#include <stdint.h>

#include "rules/slice.h"

struct arena;
struct event_base;
struct generation;
struct upstreams;

struct upstreams *upstreams_new(struct event_base *base);
/* All of it, whoever uses it. */
void upstreams_free(struct upstreams **upstreams);

/*
 * Gives the generation its resolver and backends. `workers` share each backend's sessions. False: *problem_out (in
 * `arena`), and nothing is left of the attempt but for the next sweep.
 */
bool upstreams_attach(struct upstreams *upstreams, struct generation *generation, unsigned workers,
                      struct arena *arena, struct slice *problem_out);
/* The generation is in force: its limits hold for what it shares, and what others use keeps nothing in reserve. */
void upstreams_use(struct upstreams *upstreams, const struct generation *generation, unsigned workers);
void upstreams_sweep(struct upstreams *upstreams);

/* Of all, for the status table: sessions with backends now, questions asked since the start. */
unsigned upstreams_sessions(const struct upstreams *upstreams);
uint64_t upstreams_asked(const struct upstreams *upstreams);

#endif
