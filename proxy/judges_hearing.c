/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges_hearing.c: what a seated hearing sends, one thing at a time, and what the replies to it mean. What to send
 * follows from what the owner wants and what the process was told (struct seat), so a hearing that is seated anew sends
 * everything anew by the same rules. Replies are believed in their form only; what else they say is held against what
 * is known.
 */
#include "proxy/judges_private.h"
#include "proxy/spool.h"

/* --- what is wanted */

static bool can_judge(const struct hearing *hearing)
{
    return hearing->stage != STAGE_MESSAGE || (hearing->ended && !hearing->keys_with_owner);
}

bool hearing_wants(const struct hearing *hearing)
{
    return hearing->keys_due || (hearing->judging && can_judge(hearing));
}

/* --- sending */

static const struct answer *last_of(const struct answer *answer)
{
    while (answer->next != NULL)
        answer = answer->next;
    return answer;
}

/* One ANSWERS; false: larger than an object may be. */
static bool put_batch(struct hearing *hearing, const struct answer *first)
{
    struct judge_process *process = hearing->seat.process;

    wire_writer_reset(&process->scratch);
    answers_encode(first, &process->scratch);
    if (process->scratch.failed)
        return false;
    judge_process_put(process, FRAME_ANSWERS, hearing->seat.number, wire_written(&process->scratch), SLICE_NONE);
    return true;
}

/* The answers that it does not have yet, in one batch or, where they are too many for it, one by one. */
static bool put_answers(struct hearing *hearing)
{
    const struct answer *sent = hearing->seat.answers_sent;
    const struct answer *first = sent == NULL ? answers_first(hearing->answers) : sent->next;

    if (first == NULL)
        return true;
    hearing->seat.answers_sent = last_of(first);
    if (put_batch(hearing, first))
        return true;
    for (; first != NULL; first = first->next) {
        struct answer alone = *first;

        alone.next = NULL;
        if (!put_batch(hearing, &alone))
            return false;
    }
    return true;
}

/* Facts and answers as they are now. */
static bool put_knowledge(struct hearing *hearing)
{
    struct seat *seat = &hearing->seat;

    if (!seat->facts_sent)
        judge_process_put(seat->process, FRAME_FACTS, seat->number, wire_written(&hearing->facts), SLICE_NONE);
    seat->facts_sent = true;
    return put_answers(hearing);
}

/* OPEN with no answers: they follow in frames of their own, which can be cut where an object would be too large. */
static void put_open(struct hearing *hearing)
{
    struct judge_process *process = hearing->seat.process;

    wire_writer_reset(&process->scratch);
    answers_encode(NULL, &process->scratch);
    judge_process_put(process, FRAME_OPEN, hearing->seat.number, wire_written(&hearing->facts),
                      wire_written(&process->scratch));
    hearing->seat.opened = true;
    hearing->seat.facts_sent = true;
}

/* At most a frame's worth of the spool at `offset`, not beyond `end`. */
static bool read_spool(struct hearing *hearing, uint64_t offset, uint64_t end, struct slice *run_out)
{
    uint64_t left = end - offset;

    if (!spool_read(hearing->spool, offset, run_out) || run_out->length == 0)
        return false;
    if (left > FRAME_PAYLOAD_MOST)
        left = FRAME_PAYLOAD_MOST;
    *run_out = slice_first(*run_out, (size_t)left);
    return true;
}

static bool put_header(struct hearing *hearing)
{
    struct judge_process *process = hearing->seat.process;
    uint64_t offset = 0;

    if (hearing->header_size > FRAME_HEADER_MOST)
        return false;
    do {
        struct slice run = SLICE("");

        if (hearing->header_size > 0 && !read_spool(hearing, offset, hearing->header_size, &run))
            return false;
        offset += run.length;
        judge_process_put_bytes(process, FRAME_HEADER, offset < hearing->header_size, hearing->seat.number, run);
    } while (offset < hearing->header_size);
    hearing->seat.header_sent = true;
    hearing->seat.body_offset = offset;
    hearing->seat.keys_sent = true;
    judge_process_expect(process, hearing, EXPECTED_KEYS);
    return true;
}

static void put_bare(struct hearing *hearing, enum frame_type type)
{
    judge_process_put(hearing->seat.process, type, hearing->seat.number, SLICE_NONE, SLICE_NONE);
}

static void put_examine(struct hearing *hearing)
{
    put_bare(hearing, FRAME_EXAMINE);
    hearing->seat.keys_sent = true;
    judge_process_expect(hearing->seat.process, hearing, EXPECTED_KEYS);
}

static bool put_body(struct hearing *hearing)
{
    struct slice run;

    if (!read_spool(hearing, hearing->seat.body_offset, spool_size(hearing->spool), &run))
        return false;
    judge_process_put_bytes(hearing->seat.process, FRAME_BODY, false, hearing->seat.number, run);
    hearing->seat.body_offset += run.length;
    return true;
}

static void put_judge(struct hearing *hearing)
{
    char stage = (char)hearing->stage;

    judge_process_put(hearing->seat.process, FRAME_JUDGE, hearing->seat.number, slice_of(&stage, 1), SLICE_NONE);
    hearing->seat.judge_sent = true;
    judge_process_expect(hearing->seat.process, hearing, EXPECTED_JUDGEMENT);
}

enum step { STEP_NONE, STEP_OPEN, STEP_HEADER, STEP_EXAMINE, STEP_BODY, STEP_BODY_END, STEP_JUDGE };

static enum step next_step(const struct hearing *hearing)
{
    const struct seat *seat = &hearing->seat;
    bool judge = hearing->judging && !seat->judge_sent;

    if (!seat->opened)
        return STEP_OPEN;
    if (judge && hearing->stage != STAGE_MESSAGE)
        return STEP_JUDGE;
    if (hearing->spool == NULL)
        return STEP_NONE;
    if (!seat->header_sent)
        return STEP_HEADER;
    if (!seat->body_wanted)
        return hearing->keys_due && !seat->keys_sent ? STEP_EXAMINE : STEP_NONE;
    if (seat->body_offset < spool_size(hearing->spool))
        return STEP_BODY;
    if (hearing->ended && !seat->body_ended)
        return STEP_BODY_END;
    return judge && seat->body_ended ? STEP_JUDGE : STEP_NONE;
}

/* false: the disk failed, or an answer is too large. */
static bool take_step(struct hearing *hearing, enum step step)
{
    switch (step) {
    case STEP_NONE:
        break;
    case STEP_OPEN:
        put_open(hearing);
        break;
    case STEP_HEADER:
        return put_knowledge(hearing) && put_header(hearing);
    case STEP_EXAMINE:
        if (!put_answers(hearing))
            return false;
        put_examine(hearing);
        break;
    case STEP_BODY:
        return put_body(hearing);
    case STEP_BODY_END:
        put_bare(hearing, FRAME_BODY_END);
        hearing->seat.body_ended = true;
        break;
    case STEP_JUDGE:
        if (!put_knowledge(hearing))
            return false;
        put_judge(hearing);
        break;
    }
    return true;
}

bool hearing_step(struct hearing *hearing)
{
    enum step step = next_step(hearing);

    if (step == STEP_NONE)
        return false;
    if (take_step(hearing, step))
        return true;
    hearing_fail(hearing, HEARING_UNAVAILABLE);
    return false;
}

/* --- replies */

enum novelty { NOVELTY_NONE, NOVELTY_SOME, NOVELTY_BAD };

static bool is_answered(const struct hearing *hearing, enum question_type type, struct slice name)
{
    for (const struct answer *answer = answers_first(hearing->answers); answer != NULL; answer = answer->next)
        if (answer->question.type == type && slice_equal(answer->question.name, name))
            return true;
    return false;
}

/*
 * Whether any of the missing questions is without an answer. A name that cannot be asked cannot be missing (answers.h).
 */
static enum novelty novelty_of(const struct hearing *hearing, const struct frame_questions *questions)
{
    for (size_t i = 0; i < questions->missing_count; i++) {
        const struct question *question = &questions->missing[i];
        struct slice name;

        if (!question_name_normalise(question->name, hearing->bench->judges->scratch, &name))
            return NOVELTY_BAD;
        if (!is_answered(hearing, question->type, name))
            return NOVELTY_SOME;
    }
    return NOVELTY_NONE;
}

/*
 * It asks: *again_out when all of it was answered while it was at work, so that it is simply asked again. One that asks
 * for what it was told when it began would go on for ever.
 */
static const char *read_questions(struct hearing *hearing, const struct expected *expected, const struct frame *frame,
                                  struct frame_questions *questions_out, bool *again_out)
{
    const struct answer *first = answers_first(hearing->answers);
    const char *problem;

    if (!frame_get_questions(frame->payload, hearing->arena, questions_out, &problem))
        return problem;
    switch (novelty_of(hearing, questions_out)) {
    case NOVELTY_BAD:
        return "a question that cannot be asked";
    case NOVELTY_SOME:
        *again_out = false;
        return NULL;
    case NOVELTY_NONE:
        break;
    }
    *again_out = true;
    if (first != NULL && last_of(first) != expected->answers)
        return NULL;
    return "it asks what it was told";
}

static const char *take_keys_reply(struct hearing *hearing, const struct expected *expected, const struct frame *frame)
{
    struct outcome outcome = { .pending = true, .outcome = HEARING_ASKS };
    const char *problem;
    bool again = false;

    if (frame->type == FRAME_BODY_WANTED) {
        hearing->seat.keys_sent = false;
        hearing->seat.body_wanted = true;
        hearing->keys_due = false;
        hearing->keys_with_owner = false;
        return frame->payload.length == 0 ? NULL : "a payload where there is none";
    }
    problem = read_questions(hearing, expected, frame, &outcome.questions, &again);
    if (problem != NULL)
        return problem;
    hearing->seat.keys_sent = false;
    if (again) {
        hearing->keys_due = true;
    } else if (!hearing->keys_with_owner) {
        hearing->keys_due = false;
        hearing->keys_with_owner = true;
        hearing_tell_asks(hearing, outcome);
    }
    return NULL;
}

static const char *take_verdict(struct hearing *hearing, const struct frame *frame, struct outcome *outcome)
{
    struct verdict *verdict = arena_alloc(hearing->arena, sizeof(*verdict));
    size_t header_size = hearing->stage == STAGE_MESSAGE ? hearing->header_size : 0;
    const char *problem;

    if (!frame_get_verdict(frame->payload, header_size, hearing->arena, hearing->answers, verdict, &outcome->questions,
                           &problem))
        return problem;
    if (verdict->stage != hearing->stage)
        return "a verdict of another stage";
    outcome->outcome = HEARING_DECIDED;
    outcome->verdict = verdict;
    return judges_check_verdict(verdict, hearing->bench->image, hearing->spool, header_size,
                                hearing->bench->judges->scratch);
}

static const char *take_judgement(struct hearing *hearing, const struct expected *expected, const struct frame *frame)
{
    struct outcome outcome = { .pending = true, .outcome = HEARING_ASKS };
    const char *problem;
    bool again = false;

    if (frame->type == FRAME_VERDICT)
        problem = take_verdict(hearing, frame, &outcome);
    else
        problem = read_questions(hearing, expected, frame, &outcome.questions, &again);
    if (problem != NULL)
        return problem;
    hearing->seat.judge_sent = false;
    if (again)
        return NULL;
    hearing->judging = false;
    hearing_tell_done(hearing, outcome);
    return NULL;
}

/* What is decoded lives as long as the hearing's owner wants. */
static bool hold(struct hearing *hearing, const struct frame *frame)
{
    struct judges *judges = hearing->bench->judges;

    if (frame->payload.length > judges->held_most - judges->held)
        return false;
    judges->held += frame->payload.length;
    hearing->held += frame->payload.length;
    return true;
}

const char *hearing_take_reply(struct hearing *hearing, const struct expected *expected, const struct frame *frame)
{
    const char *problem = NULL;

    /* Many clients with long sessions use the room up as well as a judge that talks too much: no death, nobody to
     * blame. */
    if (!hold(hearing, frame)) {
        hearing_fail(hearing, HEARING_UNAVAILABLE);
        return NULL;
    }
    switch (expected->kind) {
    case EXPECTED_KEYS:
        problem = take_keys_reply(hearing, expected, frame);
        break;
    case EXPECTED_JUDGEMENT:
        if (hearing->judging && expected->serial == hearing->serial)
            problem = take_judgement(hearing, expected, frame);
        break;
    }
    if (problem == NULL)
        hearing_stir(hearing);
    return problem;
}

void hearing_full(struct hearing *hearing)
{
    bool wants = hearing_wants(hearing);

    hearing_unseat(hearing, true);
    if (wants)
        hearing_fail(hearing, HEARING_UNAVAILABLE);
}
