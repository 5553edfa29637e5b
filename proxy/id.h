/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * id.h: the id of a verdict (P6): 16 characters of Crockford's base 32 (no I, L, O, U, so that it can be read
 * aloud): 11 of the time in microseconds since 1970, most significant first, so that ids sort by time and
 * `explain` finds one by bisection, then 5 of chance.
 */
#ifndef MXWARD_PROXY_ID_H
#define MXWARD_PROXY_ID_H

#include <stdint.h>

#include "rules/arena.h"

#define ID_LENGTH 16
#define ID_TIME_LENGTH 11

struct slice id_make(struct arena *arena, int64_t microseconds);
/* The time in an id; false when it is none. Letters in any case, as people copy them. */
bool id_time(struct slice id, int64_t *microseconds_out);

#endif
