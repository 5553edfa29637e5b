/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges_owner.c: the calls of a hearing's owner, and the outcomes to it. A call notes what is wanted and sets the
 * hearing going; an outcome is put aside and told by an event of its own, so that an owner may do anything to any
 * hearing from within.
 */
#include "proxy/judges_private.h"

#include <stdlib.h>

#include <event2/event.h>

#include "proxy/spool.h"

/* --- seats and queues */

void hearing_leave_queue(struct hearing *hearing)
{
    switch (hearing->place) {
    case PLACE_NONE:
        return;
    case PLACE_WAITING:
        TAILQ_REMOVE(&hearing->bench->waiting, hearing, queue);
        break;
    case PLACE_SUSPECTS:
        TAILQ_REMOVE(&hearing->bench->suspects, hearing, queue);
        break;
    case PLACE_DUE:
        TAILQ_REMOVE(&hearing->seat.process->due, hearing, queue);
        break;
    }
    hearing->place = PLACE_NONE;
}

void hearing_seat(struct hearing *hearing, struct judge_process *process)
{
    hearing_leave_queue(hearing);
    hearing->seat = (struct seat){ .process = process, .number = ++process->last_number };
    TAILQ_INSERT_TAIL(&process->seated, hearing, seated);
    hearing_stir(hearing);
}

void hearing_unseat(struct hearing *hearing, bool tell)
{
    struct judge_process *process = hearing->seat.process;
    struct expected *expected;

    if (process == NULL)
        return;
    hearing_leave_queue(hearing);
    TAILQ_FOREACH(expected, &process->expected, queue)
        if (expected->hearing == hearing)
            expected->hearing = NULL;
    if (tell && hearing->seat.opened) {
        judge_process_put(process, FRAME_CLOSE, hearing->seat.number, SLICE_NONE, SLICE_NONE);
        process->closes++;
    }
    if (hearing->bench->trial == hearing) {
        hearing->bench->trial = NULL;
        process->tainted = true;
    }
    TAILQ_REMOVE(&process->seated, hearing, seated);
    hearing->seat = (struct seat){ 0 };
}

void hearing_stir(struct hearing *hearing)
{
    struct judge_process *process = hearing->seat.process;

    if (hearing->place != PLACE_NONE)
        return;
    if (process != NULL) {
        hearing->place = PLACE_DUE;
        TAILQ_INSERT_TAIL(&process->due, hearing, queue);
        return;
    }
    if (!hearing_wants(hearing))
        return;
    hearing->waiting_since = judges_now();
    if (hearing->suspect) {
        hearing->place = PLACE_SUSPECTS;
        TAILQ_INSERT_TAIL(&hearing->bench->suspects, hearing, queue);
    } else {
        hearing->place = PLACE_WAITING;
        TAILQ_INSERT_TAIL(&hearing->bench->waiting, hearing, queue);
    }
}

/* After the owner asked for something. */
static void set_going(struct hearing *hearing)
{
    if (hearing->killed) {
        hearing_fail(hearing, HEARING_KILLED);
        return;
    }
    hearing_stir(hearing);
    if (hearing->seat.process != NULL)
        judge_process_pump(hearing->seat.process);
    else
        bench_settle(hearing->bench);
}

/* --- outcomes */

static void forget_outcome(struct hearing *hearing, struct outcome *outcome)
{
    struct judges *judges = hearing->bench->judges;

    *outcome = (struct outcome){ 0 };
    if (!hearing->in_outcomes || hearing->done_outcome.pending || hearing->asks_outcome.pending)
        return;
    TAILQ_REMOVE(&judges->outcomes, hearing, outcome_queue);
    judges->outcomes_count--;
    hearing->in_outcomes = false;
}

static void put_in_outcomes(struct hearing *hearing)
{
    struct judges *judges = hearing->bench->judges;

    if (!hearing->in_outcomes) {
        TAILQ_INSERT_TAIL(&judges->outcomes, hearing, outcome_queue);
        judges->outcomes_count++;
        hearing->in_outcomes = true;
    }
    event_active(judges->deliver, 0, 0);
}

void hearing_tell_done(struct hearing *hearing, struct outcome outcome)
{
    hearing->done_outcome = outcome;
    put_in_outcomes(hearing);
}

void hearing_tell_asks(struct hearing *hearing, struct outcome outcome)
{
    hearing->asks_outcome = outcome;
    put_in_outcomes(hearing);
}

void hearing_fail(struct hearing *hearing, enum hearing_outcome outcome)
{
    struct outcome failure = { .pending = true, .outcome = outcome };

    hearing_unseat(hearing, true);
    hearing_leave_queue(hearing);
    if (outcome == HEARING_KILLED)
        hearing->killed = true;
    if (hearing->judging)
        hearing_tell_done(hearing, failure);
    else if (hearing->keys_due)
        hearing_tell_asks(hearing, failure);
    hearing->judging = false;
    /* The keys are still to be looked for should the owner ask for a judgement all the same. */
    hearing->keys_due = false;
}

/*
 * The questions are noted when their owner is about to read them, so that those of one outcome are not those of
 * another.
 */
static void note_questions(struct hearing *hearing, const struct frame_questions *questions)
{
    answers_forget_questions(hearing->answers);
    for (size_t i = 0; i < questions->missing_count; i++)
        (void)answers_find(hearing->answers, questions->missing[i].type, questions->missing[i].name);
    for (size_t i = 0; i < questions->wanted_count; i++)
        answers_want(hearing->answers, questions->wanted[i].type, questions->wanted[i].name);
}

/* One outcome of a hearing; its owner may free it meanwhile. */
static void tell(struct hearing *hearing)
{
    bool is_done = hearing->done_outcome.pending;
    struct outcome *place = is_done ? &hearing->done_outcome : &hearing->asks_outcome;
    struct outcome outcome = *place;
    hearing_done function = is_done ? hearing->done : hearing->asks;
    void *context = is_done ? hearing->context : hearing->asks_context;

    forget_outcome(hearing, place);
    note_questions(hearing, &outcome.questions);
    function(context, outcome.outcome, outcome.verdict);
}

/* At most as many as there are now: what owners cause meanwhile waits for the next turn. */
void judges_deliver(struct judges *judges)
{
    for (size_t left = judges->outcomes_count; left > 0 && !TAILQ_EMPTY(&judges->outcomes); left--) {
        struct hearing *hearing = TAILQ_FIRST(&judges->outcomes);

        TAILQ_REMOVE(&judges->outcomes, hearing, outcome_queue);
        TAILQ_INSERT_TAIL(&judges->outcomes, hearing, outcome_queue);
        tell(hearing);
    }
    if (!TAILQ_EMPTY(&judges->outcomes))
        event_active(judges->deliver, 0, 0);
}

/* --- calls */

struct hearing *hearing_open(struct judges *judges, struct judge_image *image, struct answers *answers,
                             struct arena *arena)
{
    struct hearing *hearing = memory_zeroed(1, sizeof(*hearing));

    hearing->bench = bench_get(judges, image);
    hearing->bench->hearings++;
    hearing->answers = answers;
    hearing->arena = arena;
    wire_writer_init(&hearing->facts, FRAME_OBJECT_MOST);
    return hearing;
}

void hearing_facts(struct hearing *hearing, const struct facts *facts)
{
    wire_writer_reset(&hearing->facts);
    facts_encode(facts, &hearing->facts);
    if (hearing->facts.failed)
        bug("facts beyond any frame");
    hearing->seat.facts_sent = false;
}

void hearing_judge(struct hearing *hearing, enum stage stage, hearing_done done, void *context)
{
    if (hearing->facts.length == 0)
        bug("a judgement without facts");
    if (stage == STAGE_MESSAGE && hearing->spool == NULL)
        bug("a judgement of a message without one");
    if (hearing->done_outcome.pending)
        forget_outcome(hearing, &hearing->done_outcome);
    hearing->judging = true;
    hearing->serial++;
    hearing->stage = stage;
    hearing->done = done;
    hearing->context = context;
    hearing->seat.judge_sent = false;
    set_going(hearing);
}

void hearing_header(struct hearing *hearing, struct spool *spool, size_t header_size, hearing_done asks, void *context)
{
    if (hearing->spool != NULL)
        bug("a second message in one hearing");
    hearing->spool = spool;
    hearing->header_size = header_size;
    hearing->asks = asks;
    hearing->asks_context = context;
    hearing->keys_due = true;
    set_going(hearing);
}

void hearing_answered(struct hearing *hearing)
{
    if (!hearing->keys_with_owner)
        return;
    hearing->keys_with_owner = false;
    hearing->keys_due = true;
    set_going(hearing);
}

void hearing_body_grew(struct hearing *hearing)
{
    if (hearing->seat.process == NULL || !hearing->seat.body_wanted)
        return;
    hearing_stir(hearing);
    judge_process_pump(hearing->seat.process);
}

void hearing_message_end(struct hearing *hearing)
{
    hearing->ended = true;
    hearing_body_grew(hearing);
}

void hearing_close(struct hearing **hearing_pointer)
{
    struct hearing *hearing = *hearing_pointer;
    struct bench *bench;

    *hearing_pointer = NULL;
    if (hearing == NULL)
        return;
    bench = hearing->bench;
    hearing_unseat(hearing, true);
    hearing_leave_queue(hearing);
    hearing->done_outcome.pending = false;
    forget_outcome(hearing, &hearing->asks_outcome);
    bench->judges->held -= hearing->held;
    wire_writer_clear(&hearing->facts);
    free(hearing);
    bench->hearings--;
    bench_settle(bench);
}
