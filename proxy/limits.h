/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h: sessions at once and new sessions a minute, in all and per client network (IPv6 by /64), over all
 * workers through the status table (P7). Also the slow lane of networks whose messages killed a judge (P4), and AUTHs
 * that failed, an hour.
 *
 * Each column remembers STATUS_NETWORKS networks, a network in one of a window of LIMITS_WINDOW slots that a
 * keyed hash chooses. When the window is full the slot that matters least gives way: one without sessions, and
 * of these the one idle longest, so that what is lost first is an old rate. When all of a window have sessions
 * the newcomer is refused (LIMITS_SESSIONS): a count that is not kept is a limit that does not hold.
 */
#ifndef MXWARD_PROXY_LIMITS_H
#define MXWARD_PROXY_LIMITS_H

#include "proxy/status.h"

#define LIMITS_WINDOW 32

struct limits_settings {
    uint64_t sessions;
    uint64_t sessions_per_network;
    uint64_t session_rate;             /* a minute; 0: any number */
};

enum limits_answer {
    LIMITS_WELCOME,
    LIMITS_SESSIONS,           /* too many in all: 421 4.3.2 */
    LIMITS_NETWORK_SESSIONS,   /* too many of this network: 421 4.7.0 */
    LIMITS_NETWORK_RATE,       /* too fast: 421 4.7.0 */
};

/*
 * On WELCOME the session is counted until limits_leave(), STATUS_SESSIONS included. `now` in milliseconds,
 * monotonic.
 */
enum limits_answer limits_enter(struct status *status, unsigned column, const struct limits_settings *settings,
                                const struct address *client, uint64_t now);
void limits_leave(struct status *status, unsigned column, const struct address *client, uint64_t now);
/* A message of this client killed its judge. */
void limits_note_poison(struct status *status, unsigned column, const struct address *client, uint64_t now);
/* Milliseconds to wait before each reply to it: 0 for nearly all, up to 10 s after poison, fading within an hour. */
unsigned limits_delay(const struct status *status, const struct address *client, uint64_t now);
/* An AUTH of this client failed. */
void limits_note_auth_failure(struct status *status, unsigned column, const struct address *client, uint64_t now);
/* Those of its network within the last hour: the part of the hour before that is not yet past, and this one's. */
uint64_t limits_auth_failures(struct status *status, unsigned column, const struct address *client, uint64_t now);
const char *limits_answer_text(enum limits_answer answer);

#endif
