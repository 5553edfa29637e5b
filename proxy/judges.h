/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges.h: the worker's end of its judge processes: starts them, feeds them, replaces the dead. A hearing is
 * one transaction's (or session's) dealings with a judge. When a judge dies each of its hearings that awaits an
 * outcome is judged again alone, one at a time, in a spare judge; only one that kills its own judge becomes
 * HEARING_KILLED (P4). Outcomes are delivered on a later turn of the loop.
 */
#ifndef MXWARD_PROXY_JUDGES_H
#define MXWARD_PROXY_JUDGES_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"

struct event_base;
struct spool;
struct judges;
struct judge_image;        /* one generation's program: a sealed memory file, counted */
struct hearing;

/* How processes are started: the binary's O_PATH descriptor and the name shown in ps. */
struct judges_settings {
    int binary;
    unsigned judge_seconds;        /* a judge that does not answer a request in that time is killed */
};

/* judges_free(): hearings are closed before. */
struct judges *judges_new(struct event_base *base, const struct judges_settings *settings);
void judges_free(struct judges **judges);
/*
 * Takes ownership of the descriptor. New hearings use the newest image; judges of older ones end when their hearings
 * are gone.
 */
struct judge_image *judge_image_new(int descriptor);
/*
 * A header field that the image's rules can add (program_added_field() of each): it may be added, and fields of
 * that name removed; of others only mxward's own (Received, Received-SPF, Authentication-Results) and
 * Authentication-Results. A judge whose verdict goes beyond is killed.
 */
void judge_image_allow(struct judge_image *image, const char *name);
struct judge_image *judge_image_keep(struct judge_image *image);
void judge_image_release(struct judge_image **image);
/* Makes judges for the image ready (one and a spare). */
void judges_use(struct judges *judges, struct judge_image *image);
unsigned judges_deaths(const struct judges *judges);
/* Whether a judge of the newest image has said READY. */
bool judges_ready(const struct judges *judges);

enum hearing_outcome {
    HEARING_DECIDED,       /* verdict is valid until the next call on the hearing */
    HEARING_ASKS,          /* answers_missing() lists what is needed: add answers and call hearing_judge() again */
    HEARING_KILLED,        /* killed its own judge, alone: 451 */
    HEARING_UNAVAILABLE,   /* no judge can be had: 451 */
};
typedef void (*hearing_done)(void *context, enum hearing_outcome outcome, const struct verdict *verdict);

/*
 * `answers` are the session's or transaction's; it, `arena` (verdicts are decoded into it) and the image outlive the
 * hearing.
 */
struct hearing *hearing_open(struct judges *judges, struct judge_image *image, struct answers *answers,
                             struct arena *arena);
/* Facts are encoded at once, not kept. Call again whenever they changed. */
void hearing_facts(struct hearing *hearing, const struct facts *facts);
/*
 * Asks for a judgement of the stage with the facts and all answers there are. One at a time: a second call
 * before the outcome replaces the first (whose outcome is not delivered). Wanted questions are in
 * answers_wanted() after the outcome, whatever it is.
 */
void hearing_judge(struct hearing *hearing, enum stage stage, hearing_done done, void *context);
/*
 * The message. hearing_header(): header_size bytes at the start of the spool are the header; the judge looks
 * for signatures and asks for keys: `asks` is called with HEARING_ASKS each time it needs answers (add them,
 * then call hearing_answered()), and the body streams from the spool on its own, as it grows, once the keys are
 * there. hearing_message_end(): the spool is complete. Then hearing_judge(STAGE_MESSAGE).
 */
void hearing_header(struct hearing *hearing, struct spool *spool, size_t header_size, hearing_done asks, void *context);
void hearing_answered(struct hearing *hearing);
void hearing_body_grew(struct hearing *hearing);
void hearing_message_end(struct hearing *hearing);
/* Forgets it; no callback comes any more. Accepts a pointer to NULL and clears. */
void hearing_close(struct hearing **hearing);

#endif
