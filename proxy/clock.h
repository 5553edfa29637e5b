/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h: the two clocks of proxy/. Intervals and deadlines go by the monotonic one, which no clock step
 * moves; arrival times and ids by the wall clock.
 */
#ifndef MXWARD_PROXY_CLOCK_H
#define MXWARD_PROXY_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds, monotonic. */
static inline int64_t clock_monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Microseconds since 1970, UTC. */
static inline int64_t clock_wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
