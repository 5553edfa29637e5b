/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.h: what master and worker say to each other, over a SOCK_SEQPACKET pair: one packet a message,
 * descriptors passed beside it. The order of a worker's life:
 *
 *     master: START {slot; status table, binary}
 *             TICKETS {secret}
 *             GENERATION {number; config, image, a listening socket for each listener}   KEEPER {socket}
 *     worker: PREPARED {number} or REFUSED {number, why}
 *     master: COMMIT {number}            worker: READY {number}     (accepts from now on)
 *     master: PING                       worker: PONG               (watchdog)
 *     master: GENERATION / COMMIT again at a reload: committed only when all are prepared; else DISCARD {number}
 *     master: DRAIN                      worker: exits 0 when its last session is gone, or at `drain`
 *     worker: UNFIT {why}                the backend relays for strangers or offers no XCLIENT: clients get 421
 */
#ifndef MXWARD_PROXY_CONTROL_H
#define MXWARD_PROXY_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "rules/slice.h"

enum control_type {
    CONTROL_START = 1, CONTROL_TICKETS, CONTROL_GENERATION, CONTROL_COMMIT, CONTROL_DISCARD, CONTROL_KEEPER,
    CONTROL_DRAIN, CONTROL_PING, CONTROL_PREPARED, CONTROL_REFUSED, CONTROL_READY, CONTROL_PONG, CONTROL_UNFIT,
};

#define CONTROL_TEXT_MOST 1024
#define CONTROL_DESCRIPTORS_MOST 18

struct control_message {
    enum control_type type;
    uint32_t number;                   /* generation, or the slot in START */
    char text[CONTROL_TEXT_MOST];      /* NUL-ended */
    int descriptors[CONTROL_DESCRIPTORS_MOST];
    unsigned descriptors_count;
    bool cut;                          /* received, and its descriptors were lost: there was no room for them */
};

/* False: would block or the other end is gone (errno). Descriptors stay the caller's. */
bool control_send(int socket, const struct control_message *message);
/*
 * 1: got one (its descriptors are the caller's now, close-on-exec; none when it was `cut`); 0: nothing there; -1: the
 * other end is gone or spoke nonsense.
 */
int control_receive(int socket, struct control_message *message_out);

#endif
