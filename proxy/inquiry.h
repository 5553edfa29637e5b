/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inquiry.h: the rounds of judging one transaction: asks the judge, has the resolver answer what it lacks, asks
 * again, until there is a verdict or the deadline has made timeouts of all that is missing. Also
 * resolves what the judge foresees, in the background, so that one DNS round trip is the usual cost. Owned by a
 * transaction; `notify` is called on a later turn of the loop, never from inside a call.
 */
#ifndef MXWARD_PROXY_INQUIRY_H
#define MXWARD_PROXY_INQUIRY_H

#include "policy/facts.h"
#include "policy/verdict.h"

struct inquiry;
struct spool;
struct worker;
struct generation;

enum inquiry_state {
    INQUIRY_IDLE,          /* nothing was asked, or only foreseen */
    INQUIRY_WAITING,
    INQUIRY_DECIDED,       /* inquiry_verdict() */
    INQUIRY_KILLED,        /* this transaction killed its judge, alone: 451, its network is slowed (P4) */
    INQUIRY_UNAVAILABLE,   /* no judge can be had: 451 */
};

typedef void (*inquiry_notify)(void *context);

/* `answers` and `arena` are the transaction's; the generation's limits bound questions and time. */
struct inquiry *inquiry_new(struct worker *worker, const struct generation *generation, struct answers *answers,
                            struct arena *arena, inquiry_notify notify, void *context);
void inquiry_free(struct inquiry **inquiry);

/* Judge the stage with these facts: WAITING, then another state. Replaces what was foreseen. */
void inquiry_ask(struct inquiry *inquiry, enum stage stage, const struct facts *facts);
/* Let the judge foresee what the stage will ask, and ask it; disturbs no inquiry that waits. */
void inquiry_foresee(struct inquiry *inquiry, enum stage stage, const struct facts *facts);
enum inquiry_state inquiry_state(const struct inquiry *inquiry);
/* Of the last DECIDED; valid as long as the arena. */
const struct verdict *inquiry_verdict(const struct inquiry *inquiry);
/* Rounds of judging and microseconds spent waiting for DNS, for the record. */
unsigned inquiry_rounds(const struct inquiry *inquiry);
int64_t inquiry_resolver_time(const struct inquiry *inquiry);

/* The message: once its header is whole, as it grows, and when it is complete (then ask for STAGE_MESSAGE). */
void inquiry_header(struct inquiry *inquiry, struct spool *spool, size_t header_size, const struct facts *facts);
void inquiry_body_grew(struct inquiry *inquiry);
void inquiry_message_end(struct inquiry *inquiry);

#endif
