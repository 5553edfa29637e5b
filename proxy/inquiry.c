/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inquiry.c: see inquiry.h. Two questions may be under way at once: the judge's missing ones (`missing`, which an asked
 * judgement waits for) and the foreseen ones (`foreseen`, which nothing waits for). The number of questions is bounded
 * by the limit `questions`, the time of one asked stage by `evaluation`, the number of rounds by INQUIRY_ROUNDS_MOST;
 * beyond any of them a question is answered "timeout" or "limit" by ourselves, so that every judgement ends and its
 * answer set says why.
 */
#include "proxy/inquiry.h"

#include <stdlib.h>

#include "proxy/clock.h"
#include "proxy/worker.h"

/* RFC 7208 4.6.4 bounds SPF to about 13 rounds over the public test suite; keys and DMARC add two; doubled.
 */
#define INQUIRY_ROUNDS_MOST 32
/* From INQUIRY_ROUNDS_MOST on every question is answered at once, by a time-out: a judge that still asks is not honest.
 */
#define INQUIRY_ROUNDS_END (2 * INQUIRY_ROUNDS_MOST)

struct inquiry {
    struct worker *worker;
    const struct generation *generation;
    struct answers *answers;
    inquiry_notify notify;
    void *context;

    struct hearing *hearing;
    struct resolver_request *missing;
    struct resolver_request *foreseen;
    enum inquiry_state state;
    const struct verdict *verdict;
    enum stage stage;              /* asked, or last foreseen */
    enum { JUDGING_NOTHING, JUDGING_FORESEEN, JUDGING_ASKED } judging;     /* what the judgement under way is for */
    bool in_message;               /* the judge has the header */
    bool keys_missing;             /* the message's keys wait for `missing` */
    unsigned rounds;               /* of the stage asked, or looked ahead from, last */
    uint64_t questions;
    int64_t deadline;              /* monotonic, of the asked stage */
    int64_t wait_began;
    int64_t resolver_time;
};

static void judged(void *context, enum hearing_outcome outcome, const struct verdict *verdict);

struct inquiry *inquiry_new(struct worker *worker, const struct generation *generation, struct answers *answers,
                            struct arena *arena, inquiry_notify notify, void *context)
{
    struct inquiry *inquiry = memory_zeroed(1, sizeof *inquiry);
    inquiry->worker = worker;
    inquiry->generation = generation;
    inquiry->answers = answers;
    inquiry->notify = notify;
    inquiry->context = context;
    inquiry->hearing = hearing_open(worker->judges, generation->image, answers, arena);
    return inquiry;
}

void inquiry_free(struct inquiry **inquiry_pointer)
{
    struct inquiry *inquiry = *inquiry_pointer;
    if (inquiry == NULL)
        return;
    resolver_cancel(&inquiry->missing);
    resolver_cancel(&inquiry->foreseen);
    hearing_close(&inquiry->hearing);
    free(inquiry);
    *inquiry_pointer = NULL;
}

static void settle(struct inquiry *inquiry, enum inquiry_state state)
{
    inquiry->state = state;
    inquiry->notify(inquiry->context);
}

static void answer_ourselves(struct inquiry *inquiry, const struct question *question, enum answer_status status)
{
    struct answer answer = {
        .question = *question,
        .status = status,
        .reason =
            status == ANSWER_LIMIT ? SLICE("limit of questions reached") : SLICE("deadline of the evaluation passed"),
    };
    answers_add(inquiry->answers, &answer);
}

/* How many of the questions may be asked; the rest are answered "limit" when they are needed. */
static size_t allowed_questions(struct inquiry *inquiry, size_t count)
{
    uint64_t most = inquiry->generation->config->limits.questions;
    uint64_t left = inquiry->questions < most ? most - inquiry->questions : 0;
    size_t allowed = count < left ? count : (size_t)left;
    inquiry->questions += allowed;
    return allowed;
}

static void foreseen_answered(void *context)
{
    struct inquiry *inquiry = context;
    inquiry->foreseen = NULL;
    /* The answers may show the next link of a chain (an SPF include); look again unless something asked is under way.
     */
    if (inquiry->state == INQUIRY_WAITING || inquiry->in_message || inquiry->rounds >= INQUIRY_ROUNDS_MOST)
        return;
    inquiry->rounds++;
    inquiry->judging = JUDGING_FORESEEN;
    hearing_judge(inquiry->hearing, inquiry->stage, judged, inquiry);
}

/* Asks what is foreseen (and, where nothing waits, what is missing as well), unless it is already being asked for. */
static void ask_foreseen(struct inquiry *inquiry, bool with_missing)
{
    struct answers *answers = inquiry->answers;
    size_t missing = with_missing ? answers_missing_count(answers) : 0;
    size_t wanted = answers_wanted_count(answers);
    if (inquiry->foreseen != NULL || missing + wanted == 0)
        return;
    size_t allowed = allowed_questions(inquiry, missing + wanted);
    if (allowed == 0)
        return;
    struct question *questions = memory_alloc((missing + wanted) * sizeof *questions);
    for (size_t i = 0; i < missing; i++)
        questions[i] = *answers_missing(answers, i);
    for (size_t i = 0; i < wanted; i++)
        questions[missing + i] = *answers_wanted(answers, i);
    unsigned milliseconds = (unsigned)inquiry->generation->config->limits.evaluation;
    inquiry->foreseen =
        resolver_ask(inquiry->generation->resolver, answers, questions, allowed, milliseconds, foreseen_answered,
                     inquiry);
    free(questions);
}

static void missing_answered(void *context)
{
    struct inquiry *inquiry = context;
    inquiry->missing = NULL;
    inquiry->resolver_time += clock_monotonic() - inquiry->wait_began;
    if (inquiry->keys_missing) {
        inquiry->keys_missing = false;
        hearing_answered(inquiry->hearing);
        return;
    }
    inquiry->rounds++;
    inquiry->judging = JUDGING_ASKED;
    hearing_judge(inquiry->hearing, inquiry->stage, judged, inquiry);
}

/* Milliseconds left for the asked stage; 0 when the time or the rounds are used up. */
static unsigned time_left(const struct inquiry *inquiry)
{
    int64_t left = (inquiry->deadline - clock_monotonic()) / 1000;
    if (left <= 0 || inquiry->rounds >= INQUIRY_ROUNDS_MOST)
        return 0;
    return left > 1000000 ? 1000000 : (unsigned)left;
}

/* Asks what the judgement lacks, and in the same go what it foresees. */
static void ask_missing(struct inquiry *inquiry)
{
    struct answers *answers = inquiry->answers;
    size_t missing = answers_missing_count(answers);
    unsigned milliseconds = time_left(inquiry);
    size_t allowed = milliseconds == 0 ? 0 : allowed_questions(inquiry, missing);
    for (size_t i = allowed; i < missing; i++)
        answer_ourselves(inquiry, answers_missing(answers, i), milliseconds == 0 ? ANSWER_TIMEOUT : ANSWER_LIMIT);
    struct question *questions = memory_alloc((allowed + 1) * sizeof *questions);
    for (size_t i = 0; i < allowed; i++)
        questions[i] = *answers_missing(answers, i);
    inquiry->wait_began = clock_monotonic();
    resolver_cancel(&inquiry->missing);
    inquiry->missing =
        resolver_ask(inquiry->generation->resolver, answers, questions, allowed, milliseconds, missing_answered,
                     inquiry);
    free(questions);
    if (milliseconds > 0)
        ask_foreseen(inquiry, false);
    answers_forget_questions(answers);
}

static void judged(void *context, enum hearing_outcome outcome, const struct verdict *verdict)
{
    struct inquiry *inquiry = context;
    bool asked = inquiry->judging == JUDGING_ASKED;
    bool foreseen = inquiry->judging == JUDGING_FORESEEN;
    inquiry->judging = JUDGING_NOTHING;
    if (!asked) {      /* a judge that died over it: the judgement that is asked for will tell */
        if (foreseen && (outcome == HEARING_DECIDED || outcome == HEARING_ASKS))
            ask_foreseen(inquiry, true);
        answers_forget_questions(inquiry->answers);
        return;
    }
    switch (outcome) {
    case HEARING_ASKS:
        if (inquiry->rounds >= INQUIRY_ROUNDS_END)
            settle(inquiry, INQUIRY_UNAVAILABLE);
        else
            ask_missing(inquiry);
        return;
    case HEARING_DECIDED:
        inquiry->verdict = verdict;
        ask_foreseen(inquiry, false);
        answers_forget_questions(inquiry->answers);
        settle(inquiry, INQUIRY_DECIDED);
        return;
    case HEARING_KILLED:
        settle(inquiry, INQUIRY_KILLED);
        return;
    case HEARING_UNAVAILABLE:
        settle(inquiry, INQUIRY_UNAVAILABLE);
        return;
    }
    bug("hearing_outcome");
}

void inquiry_ask(struct inquiry *inquiry, enum stage stage, const struct facts *facts)
{
    inquiry->judging = JUDGING_ASKED;
    inquiry->state = INQUIRY_WAITING;
    inquiry->stage = stage;
    inquiry->deadline = clock_monotonic() + (int64_t)inquiry->generation->config->limits.evaluation * 1000;
    inquiry->rounds = 1;           /* each stage, and each recipient, has all of them */
    hearing_facts(inquiry->hearing, facts);
    hearing_judge(inquiry->hearing, stage, judged, inquiry);
}

void inquiry_foresee(struct inquiry *inquiry, enum stage stage, const struct facts *facts)
{
    if (inquiry->state == INQUIRY_WAITING || inquiry->rounds >= INQUIRY_ROUNDS_MOST)
        return;
    inquiry->judging = JUDGING_FORESEEN;
    inquiry->stage = stage;
    inquiry->rounds++;
    hearing_facts(inquiry->hearing, facts);
    hearing_judge(inquiry->hearing, stage, judged, inquiry);
}

/* The judge needs keys before it takes the body. */
static void keys_asked(void *context, enum hearing_outcome outcome, const struct verdict *verdict)
{
    struct inquiry *inquiry = context;
    (void)verdict;
    switch (outcome) {
    case HEARING_ASKS:
        if (++inquiry->rounds >= INQUIRY_ROUNDS_END) {
            settle(inquiry, INQUIRY_UNAVAILABLE);
            return;
        }
        inquiry->keys_missing = true;
        ask_missing(inquiry);
        return;
    case HEARING_KILLED:
        settle(inquiry, INQUIRY_KILLED);
        return;
    case HEARING_UNAVAILABLE:
        settle(inquiry, INQUIRY_UNAVAILABLE);
        return;
    case HEARING_DECIDED:
        break;
    }
    bug("hearing_header outcome");
}

void inquiry_header(struct inquiry *inquiry, struct spool *spool, size_t header_size, const struct facts *facts)
{
    inquiry->deadline = clock_monotonic() + (int64_t)inquiry->generation->config->limits.evaluation * 1000;
    inquiry->rounds = 0;
    inquiry->judging = JUDGING_NOTHING;
    inquiry->state = INQUIRY_IDLE;
    inquiry->in_message = true;
    hearing_facts(inquiry->hearing, facts);
    hearing_header(inquiry->hearing, spool, header_size, keys_asked, inquiry);
}

void inquiry_body_grew(struct inquiry *inquiry)
{
    hearing_body_grew(inquiry->hearing);
}

void inquiry_message_end(struct inquiry *inquiry)
{
    hearing_message_end(inquiry->hearing);
}

enum inquiry_state inquiry_state(const struct inquiry *inquiry)
{
    return inquiry->state;
}

const struct verdict *inquiry_verdict(const struct inquiry *inquiry)
{
    return inquiry->verdict;
}

unsigned inquiry_rounds(const struct inquiry *inquiry)
{
    return inquiry->rounds;
}

int64_t inquiry_resolver_time(const struct inquiry *inquiry)
{
    return inquiry->resolver_time;
}
