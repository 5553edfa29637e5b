/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * restarts.h: when a process that died is started again. At once, until it dies for the fifth time within ten
 * seconds; from then on with a pause that doubles from death to death, so that a program that cannot run costs
 * little and a single accident costs nothing. Pure: the caller brings the time (milliseconds, monotonic) and
 * waits itself. Zeroed is the beginning.
 */
#ifndef MXWARD_PROXY_RESTARTS_H
#define MXWARD_PROXY_RESTARTS_H

#include <stdint.h>

#define RESTARTS_FREE 5                /* deaths within the window before there is a pause */
#define RESTARTS_WINDOW 10000U
#define RESTARTS_PAUSE_LEAST 500U
#define RESTARTS_PAUSE_MOST 30000U

struct restarts {
    uint64_t deaths[RESTARTS_FREE];    /* times of the latest, as a ring */
    uint64_t count;                    /* of all deaths */
    unsigned pause;                    /* the last one given; 0: none lately */
};

/* Notes a death; how many milliseconds to wait before the next start: 0 for at once. */
unsigned restarts_note(struct restarts *restarts, uint64_t now);

#endif
