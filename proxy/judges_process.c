/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges_process.c: one judge process and the socket to it. Frames go out through a buffer that is filled only up to a
 * mark, and come in one at a time; a frame that is not by the grammar, comes unasked, or is late makes the process lost
 * (bench_lost()): it is killed, whatever it was. Owned by its bench.
 */
#include "proxy/judges_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/process.h"
#include "proxy/stream.h"

/*
 * A process that is not ready by then is not coming: preparing takes some 30 ms, a hundred times that under a
 * sanitizer.
 */
#define START_MILLISECONDS 30000
/* A stream takes so much whatever came before it: a whole frame always finds room. */
_Static_assert(FRAME_HEAD + FRAME_PAYLOAD_MOST <= STREAM_INPUT_MOST / 2, "a frame may not fit a stream's input");

size_t judge_process_output(const struct judge_process *process)
{
    return stream_unsent(process->stream);
}

/* --- out */

/* Before something is put or expected: if nothing was owed until now, it is from now on. */
static void note_debt(struct judge_process *process)
{
    if (process->ready && TAILQ_EMPTY(&process->expected) && judge_process_output(process) == 0)
        process->since = judges_now();
}

static void put(struct judge_process *process, struct slice bytes)
{
    stream_write(process->stream, bytes);
    process->above_low = process->above_low || judge_process_output(process) > JUDGES_OUTPUT_LOW;
}

/*
 * While it takes much it is at work. Little that goes out says nothing: that the kernel may hold for a judge that
 * hangs, and clients could keep it alive with small frames.
 */
static void note_progress(struct judge_process *process)
{
    if (!process->above_low || judge_process_output(process) > JUDGES_OUTPUT_LOW)
        return;
    process->above_low = false;
    process->since = judges_now();
}

void judge_process_put_bytes(struct judge_process *process, enum frame_type type, bool more, uint32_t number,
                             struct slice bytes)
{
    unsigned char head[FRAME_HEAD];

    note_debt(process);
    frame_head(head, type, more, number, bytes.length);
    put(process, slice_of((char *)head, sizeof(head)));
    put(process, bytes);
}

void judge_process_put(struct judge_process *process, enum frame_type type, uint32_t number, struct slice first,
                       struct slice second)
{
    size_t left = first.length + second.length;

    note_debt(process);
    do {
        size_t length = left < FRAME_PAYLOAD_MOST ? left : FRAME_PAYLOAD_MOST;
        struct slice part = slice_first(first, length), rest;
        unsigned char head[FRAME_HEAD];

        left -= length;
        frame_head(head, type, left > 0, number, length);
        put(process, slice_of((char *)head, sizeof(head)));
        put(process, part);
        first = slice_from(first, part.length);
        rest = slice_first(second, length - part.length);
        put(process, rest);
        second = slice_from(second, rest.length);
    } while (left > 0);
}

void judge_process_expect(struct judge_process *process, struct hearing *hearing, enum expected_kind kind)
{
    struct expected *expected = memory_zeroed(1, sizeof(*expected));

    note_debt(process);
    expected->hearing = hearing;
    expected->number = hearing->seat.number;
    expected->kind = kind;
    expected->serial = hearing->serial;
    expected->answers = hearing->seat.answers_sent;
    TAILQ_INSERT_TAIL(&process->expected, expected, queue);
}

void judge_process_pump(struct judge_process *process)
{
    while (process->ready && !TAILQ_EMPTY(&process->due) && judge_process_output(process) < JUDGES_OUTPUT_MARK) {
        struct hearing *hearing = TAILQ_FIRST(&process->due);

        /* Step by step and each in turn, so that one large body delays nobody. */
        hearing_leave_queue(hearing);
        if (hearing_step(hearing) && hearing->seat.process == process && hearing->place == PLACE_NONE) {
            hearing->place = PLACE_DUE;
            TAILQ_INSERT_TAIL(&process->due, hearing, queue);
        }
    }
}

bool judge_process_is_late(const struct judge_process *process, int64_t now)
{
    if (!process->ready)
        return now - process->since > START_MILLISECONDS;
    if (TAILQ_EMPTY(&process->expected) && judge_process_output(process) == 0)
        return false;
    return now - process->since > (int64_t)process->bench->judges->settings.judge_seconds * 1000;
}

/* --- in */

static void forget_expected(struct judge_process *process, uint32_t number)
{
    struct expected *expected, *next;

    for (expected = TAILQ_FIRST(&process->expected); expected != NULL; expected = next) {
        next = TAILQ_NEXT(expected, queue);
        if (expected->number != number)
            continue;
        TAILQ_REMOVE(&process->expected, expected, queue);
        free(expected);
    }
}

/* It may cross the CLOSE of its hearing. */
static const char *take_full(struct judge_process *process, const struct frame *frame)
{
    struct hearing *hearing;

    TAILQ_FOREACH(hearing, &process->seated, seated)
        if (hearing->seat.number == frame->transaction)
            break;
    if (hearing == NULL && process->closes == 0)
        return "FULL for a hearing that is not open";
    forget_expected(process, frame->transaction);
    if (hearing != NULL)
        hearing_full(hearing);
    else
        process->closes--;
    return NULL;
}

static const char *take_ready(struct judge_process *process, const struct frame *frame)
{
    unsigned char hash[FRAME_PROGRAM_HASH];
    const char *problem;

    if (frame->type != FRAME_READY || frame->transaction != 0)
        return "its first frame is not READY";
    if (!frame_get_ready(frame->payload, hash, &problem))
        return problem;
    process->ready = true;
    return NULL;
}

static bool is_reply_to(enum expected_kind kind, enum frame_type type)
{
    switch (kind) {
    case EXPECTED_KEYS:
        return type == FRAME_QUESTIONS || type == FRAME_BODY_WANTED;
    case EXPECTED_JUDGEMENT:
        return type == FRAME_QUESTIONS || type == FRAME_VERDICT;
    }
    return false;
}

/*
 * The oldest thing expected is the one that is answered. It stays in the queue while it is looked at: blame goes by the
 * queue.
 */
static const char *take_reply(struct judge_process *process, const struct frame *frame)
{
    struct expected *expected = TAILQ_FIRST(&process->expected);
    const char *problem = NULL;

    if (expected == NULL || expected->number != frame->transaction || !is_reply_to(expected->kind, frame->type))
        return "a reply to nothing that was asked";
    if (expected->hearing != NULL)
        problem = hearing_take_reply(expected->hearing, expected, frame);
    if (problem != NULL)
        return problem;
    TAILQ_REMOVE(&process->expected, expected, queue);
    free(expected);
    process->since = judges_now();
    return NULL;
}

static const char *take_frame(struct judge_process *process, const struct frame *frame)
{
    struct judges *judges = process->bench->judges;

    if (!process->ready)
        return take_ready(process, frame);
    switch (frame->type) {
    case FRAME_VERDICT:
    case FRAME_QUESTIONS:
    case FRAME_BODY_WANTED:
        return take_reply(process, frame);
    case FRAME_FULL:
        return take_full(process, frame);
    case FRAME_REFUSED:
        return frame_get_refused(frame->payload, judges->scratch).text;
    case FRAME_OPEN:
    case FRAME_FACTS:
    case FRAME_ANSWERS:
    case FRAME_JUDGE:
    case FRAME_HEADER:
    case FRAME_EXAMINE:
    case FRAME_BODY:
    case FRAME_BODY_END:
    case FRAME_EVIDENCE:
    case FRAME_CLOSE:
    case FRAME_READY:
        break;
    }
    return "a frame that a judge does not send";
}

/* The next frame of the input. false: there is none whole, or *problem_out says what is wrong. */
static bool take_next(struct judge_process *process, const char **problem_out)
{
    struct frame frame, whole;
    size_t length;

    switch (frame_parse(stream_peek(process->stream, FRAME_HEAD + FRAME_PAYLOAD_MOST), &frame, &length)) {
    case FRAME_PARSED:
        break;
    case FRAME_INCOMPLETE:
        return false;
    case FRAME_BAD:
        *problem_out = "bytes that are no frame";
        return false;
    }
    switch (frame_assemble(&process->assembly, &frame, &whole)) {
    case FRAME_WHOLE:
        arena_reset(process->bench->judges->scratch);
        *problem_out = take_frame(process, &whole);
        break;
    case FRAME_PARTIAL:
        break;
    case FRAME_BROKEN:
        *problem_out = "an object in pieces that do not fit";
        break;
    }
    if (*problem_out != NULL)
        return false;
    stream_consume(process->stream, length);
    return true;
}

/* Something came, or enough was sent, or it ended. */
static void on_stream(void *context)
{
    struct judge_process *process = context;
    struct bench *bench = process->bench;
    const char *problem = NULL;

    note_progress(process);
    while (take_next(process, &problem))
        continue;
    if (problem == NULL && stream_state(process->stream) != STREAM_OPEN) {
        process->ended = true;
        problem = "it ended";
    }
    if (problem != NULL) {
        bench_lost(process, problem);
        return;
    }
    if (bench->trial != NULL && bench->spare == process && !hearing_wants(bench->trial))
        bench_trial_over(bench);
    judge_process_pump(process);
    bench_settle(bench);
}

/* --- start and end */

struct judge_process *judge_process_new(struct bench *bench)
{
    struct judge_process *process;
    int ends[2], handed[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return NULL;
    handed[0] = ends[1];
    handed[1] = bench->image->descriptor;
    pid = fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0
              ? -1
              : process_start(bench->judges->settings.binary, "judge", PROCESS_DIES_WITH_PARENT, handed, 2);
    close(ends[1]);
    if (pid < 0) {
        int problem = errno;

        close(ends[0]);
        errno = problem;
        return NULL;
    }
    process = memory_zeroed(1, sizeof(*process));
    process->bench = bench;
    process->pid = pid;
    process->since = judges_now();
    wire_writer_init(&process->scratch, FRAME_OBJECT_MOST);
    TAILQ_INIT(&process->expected);
    TAILQ_INIT(&process->due);
    TAILQ_INIT(&process->seated);
    process->stream = stream_accept(bench->judges->base, ends[0], on_stream, process);
    stream_set_output_mark(process->stream, JUDGES_OUTPUT_LOW);
    return process;
}

int judge_process_free(struct judge_process **process_pointer)
{
    struct judge_process *process = *process_pointer;
    int status = 0;

    *process_pointer = NULL;
    if (!TAILQ_EMPTY(&process->seated))
        bug("a judge ends under its hearings");
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    while (!TAILQ_EMPTY(&process->expected)) {
        struct expected *expected = TAILQ_FIRST(&process->expected);

        TAILQ_REMOVE(&process->expected, expected, queue);
        free(expected);
    }
    stream_free(&process->stream);
    frame_assembly_clear(&process->assembly);
    wire_writer_clear(&process->scratch);
    free(process);
    return status;
}
