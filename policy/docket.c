/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * docket.c: see docket.h. A hearing owns its facts (as encoded, decoded anew for each judgement), answers, header
 * bytes and examination; what one judgement makes lives in a scratch arena that the next frame resets. What all hold
 * together is counted and capped.
 */
#include "policy/docket.h"

#include <stdlib.h>

#include "policy/examine.h"
#include "policy/forecast.h"
#include "policy/judge.h"
#include "policy/judge_process.h"

#define DOCKET_CHAINS 1024
/* One that was FULL is remembered until its CLOSE; a worker that opens on and on breaks the protocol. */
#define DOCKET_ENTRIES_MOST (2 * JUDGE_HEARINGS_MOST)

enum phase {
    PHASE_OPEN,            /* no byte of the header came yet, or not the last */
    PHASE_KEYS,            /* the header is whole, keys are missing */
    PHASE_BODY,
    PHASE_READ,            /* the message was read: evidence is complete */
    PHASE_DROPPED,         /* did not fit; everything but CLOSE is ignored */
};

struct hearing {
    uint32_t transaction;
    enum phase phase;
    struct wire_writer facts;          /* encoded */
    struct wire_writer header;
    struct arena *arena;               /* answers, the examination and its facts */
    struct answers *answers;
    struct facts *examined_facts;
    struct examination *examination;
    const struct evidence *evidence;
    const struct removed_field *removed;
    size_t removed_count;
    size_t foreseen;                   /* what the last look ahead was made of: answers, and how far the session was */
    size_t held;                       /* bytes, as counted in the docket */
    struct hearing *next;
};

struct docket {
    const struct program *program;
    struct arena *scratch;
    struct hearing *chains[DOCKET_CHAINS];
    size_t entries;
    size_t held;
};

struct docket *docket_new(const struct program *program)
{
    struct docket *docket = memory_zeroed(1, sizeof *docket);
    docket->program = program;
    docket->scratch = arena_new();
    return docket;
}

static struct hearing **find(struct docket *docket, uint32_t transaction)
{
    struct hearing **hearing = &docket->chains[transaction % DOCKET_CHAINS];
    while (*hearing != NULL && (*hearing)->transaction != transaction)
        hearing = &(*hearing)->next;
    return hearing;
}

/* All that it holds but the entry itself. */
static void empty(struct docket *docket, struct hearing *hearing)
{
    examine_free(&hearing->examination);
    arena_free(&hearing->arena);
    wire_writer_clear(&hearing->facts);
    wire_writer_clear(&hearing->header);
    docket->held -= hearing->held;
    hearing->held = 0;
}

static void forget(struct docket *docket, struct hearing **place)
{
    struct hearing *hearing = *place;
    *place = hearing->next;
    empty(docket, hearing);
    docket->entries--;
    free(hearing);
}

void docket_free(struct docket **docket)
{
    if (*docket == NULL)
        return;
    for (size_t i = 0; i < DOCKET_CHAINS; i++)
        while ((*docket)->chains[i] != NULL)
            forget(*docket, &(*docket)->chains[i]);
    arena_free(&(*docket)->scratch);
    free(*docket);
    *docket = NULL;
}

size_t docket_hearings(const struct docket *docket)
{
    return docket->entries;
}

static void drop(struct docket *docket, struct hearing *hearing, struct wire_writer *out)
{
    empty(docket, hearing);
    hearing->phase = PHASE_DROPPED;
    frame_put_bare(out, FRAME_FULL, hearing->transaction);
}

/* Counts what it holds now. libopendkim keeps the header once more. */
static bool fits(struct docket *docket, struct hearing *hearing)
{
    size_t held = sizeof *hearing + arena_used(hearing->arena) + hearing->facts.capacity + 2 * hearing->header.capacity;
    docket->held += held - hearing->held;
    hearing->held = held;
    return docket->held <= JUDGE_MEMORY_MOST;
}

/* What each frame does. NULL, or what is wrong with it. */

static const char *take_open(struct docket *docket, struct hearing **place, const struct frame *frame,
                             struct wire_writer *out)
{
    if (*place != NULL)
        return "OPEN of a hearing that is open";
    if (docket->entries >= DOCKET_ENTRIES_MOST)
        return "too many hearings";
    struct hearing *hearing = memory_zeroed(1, sizeof *hearing);
    *place = hearing;
    docket->entries++;
    hearing->transaction = frame->transaction;
    hearing->arena = arena_new();
    hearing->answers = answers_new(hearing->arena);
    wire_writer_init(&hearing->facts, FRAME_OBJECT_MOST);
    wire_writer_init(&hearing->header, FRAME_HEADER_MOST);
    if (docket->entries > JUDGE_HEARINGS_MOST) {
        drop(docket, hearing, out);
        return NULL;
    }
    struct facts facts;
    const char *problem;
    if (!frame_get_open(frame->payload, docket->scratch, &facts, hearing->answers, &problem))
        return problem;
    struct slice bytes = frame_open_facts(frame->payload);
    wire_put_bytes(&hearing->facts, bytes.text, bytes.length);
    return NULL;
}

static const char *take_facts(struct docket *docket, struct hearing *hearing, struct slice payload)
{
    struct facts facts;
    const char *problem;
    if (!frame_get_facts(payload, docket->scratch, &facts, &problem))
        return problem;
    wire_writer_reset(&hearing->facts);
    wire_put_bytes(&hearing->facts, payload.text, payload.length);
    return NULL;
}

static const char *take_answers(struct hearing *hearing, struct slice payload)
{
    const char *problem;
    return frame_get_answers(payload, hearing->answers, &problem) ? NULL : problem;
}

/* They were checked when they came. */
static void facts_of(const struct hearing *hearing, struct arena *arena, struct facts *facts_out)
{
    const char *problem;
    if (!frame_get_facts(wire_written(&hearing->facts), arena, facts_out, &problem))
        bug("facts that were good are not any more");
}

/* At early stages, whenever something is new to look ahead from. */
static void look_ahead(struct docket *docket, struct hearing *hearing, const struct facts *facts)
{
    size_t made_of =
        (answers_count(hearing->answers) + 1) << 2 | (size_t)facts->has_helo << 1 | (size_t)facts->has_mail;
    if (made_of != hearing->foreseen)
        forecast(facts, NULL, hearing->answers, docket->scratch);
    hearing->foreseen = made_of;
}

static const char *take_judge(struct docket *docket, struct hearing *hearing, struct slice payload,
                              struct wire_writer *out)
{
    enum stage stage;
    const char *problem;
    if (!frame_get_judge(payload, &stage, &problem))
        return problem;
    if (stage == STAGE_MESSAGE && hearing->phase != PHASE_READ)
        return "JUDGE of a message that was not read";
    struct facts facts;
    facts_of(hearing, docket->scratch, &facts);
    answers_forget_questions(hearing->answers);
    if (stage != STAGE_MESSAGE)
        look_ahead(docket, hearing, &facts);
    answers_reset_used(hearing->answers);
    struct judge_input input = { docket->program, &facts, hearing->answers, stage, NULL, NULL, 0 };
    if (stage == STAGE_MESSAGE) {
        input.evidence = hearing->evidence;
        input.removed = hearing->removed;
        input.removed_count = hearing->removed_count;
    }
    struct verdict verdict;
    bool put = judge(&input, docket->scratch, &verdict)
                   ? frame_put_verdict(out, hearing->transaction, &verdict, hearing->answers)
                   : frame_put_questions(out, hearing->transaction, hearing->answers);
    if (!put)
        drop(docket, hearing, out);
    return NULL;
}

static const char *look_for_keys(struct hearing *hearing, struct wire_writer *out)
{
    if (examine_keys(hearing->examination, hearing->answers) == EXAMINE_READY) {
        hearing->phase = PHASE_BODY;
        frame_put_bare(out, FRAME_BODY_WANTED, hearing->transaction);
    } else {
        frame_put_questions(out, hearing->transaction, hearing->answers);
    }
    return NULL;
}

static const char *take_header(struct docket *docket, struct hearing *hearing, const struct frame *frame,
                               struct wire_writer *out)
{
    if (hearing->phase != PHASE_OPEN)
        return "HEADER after the header";
    wire_put_bytes(&hearing->header, frame->payload.text, frame->payload.length);
    if (hearing->header.failed)
        return "a header over its limit";
    if (frame->more)
        return NULL;
    hearing->phase = PHASE_KEYS;
    hearing->examined_facts = arena_alloc(hearing->arena, sizeof *hearing->examined_facts);
    facts_of(hearing, hearing->arena, hearing->examined_facts);
    hearing->examination = examine_begin(hearing->examined_facts, docket->program, wire_written(&hearing->header),
                                         hearing->arena);
    answers_forget_questions(hearing->answers);
    forecast(hearing->examined_facts, examine_evidence(hearing->examination), hearing->answers, docket->scratch);
    return look_for_keys(hearing, out);
}

static const char *take_examine(struct hearing *hearing, struct wire_writer *out)
{
    if (hearing->phase != PHASE_KEYS)
        return "EXAMINE without need";
    answers_forget_questions(hearing->answers);
    return look_for_keys(hearing, out);
}

static const char *take_body(struct hearing *hearing, struct slice payload)
{
    if (hearing->phase != PHASE_BODY)
        return "BODY that was not wanted";
    examine_body(hearing->examination, payload);
    return NULL;
}

static const char *take_body_end(struct hearing *hearing)
{
    if (hearing->phase != PHASE_BODY)
        return "BODY_END of a body that was not wanted";
    examine_finish(hearing->examination);
    hearing->evidence = examine_evidence(hearing->examination);
    hearing->removed = examine_removed(hearing->examination, &hearing->removed_count);
    examine_free(&hearing->examination);
    hearing->phase = PHASE_READ;
    return NULL;
}

static const char *take_evidence(struct hearing *hearing, struct slice payload)
{
    const char *problem;
    struct evidence *evidence = arena_alloc(hearing->arena, sizeof *evidence);
    struct removed_field *removed;
    if (hearing->phase != PHASE_OPEN || hearing->header.length > 0)
        return "EVIDENCE of a message that is being read";
    if (!frame_get_evidence(payload, hearing->arena, evidence, &removed, &hearing->removed_count, &problem))
        return problem;
    hearing->evidence = evidence;
    hearing->removed = removed;
    hearing->phase = PHASE_READ;
    return NULL;
}

static const char *take(struct docket *docket, struct hearing *hearing, const struct frame *frame,
                        struct wire_writer *out)
{
    switch (frame->type) {
    case FRAME_FACTS:       return take_facts(docket, hearing, frame->payload);
    case FRAME_ANSWERS:     return take_answers(hearing, frame->payload);
    case FRAME_JUDGE:       return take_judge(docket, hearing, frame->payload, out);
    case FRAME_HEADER:      return take_header(docket, hearing, frame, out);
    case FRAME_EXAMINE:     return take_examine(hearing, out);
    case FRAME_BODY:        return take_body(hearing, frame->payload);
    case FRAME_BODY_END:    return take_body_end(hearing);
    case FRAME_EVIDENCE:    return take_evidence(hearing, frame->payload);
    case FRAME_OPEN:
    case FRAME_CLOSE:
    case FRAME_READY:
    case FRAME_VERDICT:
    case FRAME_QUESTIONS:
    case FRAME_BODY_WANTED:
    case FRAME_FULL:
    case FRAME_REFUSED:
        break;
    }
    return "a frame that a judge does not take";
}

bool docket_take(struct docket *docket, const struct frame *frame, struct wire_writer *out)
{
    struct hearing **place = find(docket, frame->transaction);
    const char *problem = NULL;
    arena_reset(docket->scratch);
    if (frame->type == FRAME_OPEN)
        problem = take_open(docket, place, frame, out);
    else if (*place == NULL)
        problem = "a frame for no hearing";
    else if (frame->type == FRAME_CLOSE)
        forget(docket, place);
    else if ((*place)->phase != PHASE_DROPPED)
        problem = take(docket, *place, frame, out);
    if (problem != NULL) {
        frame_put_refused(out, frame->transaction, problem);
        return false;
    }
    if (*place != NULL && (*place)->transaction == frame->transaction && (*place)->phase != PHASE_DROPPED &&
        !fits(docket, *place))
        drop(docket, *place, out);
    return true;
}
