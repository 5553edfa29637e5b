/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * restarts.c: the times of the last five deaths in a ring, and a pause that doubles while deaths go on and is
 * forgotten when the process has lived for longer than the window. Cannot fail.
 */
#include "proxy/restarts.h"

unsigned restarts_note(struct restarts *restarts, uint64_t now)
{
    uint64_t oldest;
    uint64_t last = restarts->count == 0 ? 0 : restarts->deaths[(restarts->count - 1) % RESTARTS_FREE];

    /* With the pause itself left out: it is no sign of health. */
    if (restarts->count > 0 && now - last > (uint64_t)restarts->pause + RESTARTS_WINDOW)
        restarts->pause = 0;
    restarts->deaths[restarts->count % RESTARTS_FREE] = now;
    restarts->count++;
    if (restarts->count < RESTARTS_FREE)
        return 0;
    /* The ring holds the last five, this one included; the next to be overwritten is the first of them. */
    oldest = restarts->deaths[restarts->count % RESTARTS_FREE];
    if (restarts->pause == 0 && now - oldest > RESTARTS_WINDOW)
        return 0;
    if (restarts->pause == 0)
        restarts->pause = RESTARTS_PAUSE_LEAST;
    else
        restarts->pause = restarts->pause * 2 < RESTARTS_PAUSE_MOST ? restarts->pause * 2 : RESTARTS_PAUSE_MOST;
    return restarts->pause;
}
