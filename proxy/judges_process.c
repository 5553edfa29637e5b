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

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "proxy/log.h"
#include "proxy/process.h"

/*
 * A process that is not ready by then is not coming: preparing takes some 30 ms, a hundred times that under a
 * sanitizer.
 */
#define START_MILLISECONDS 30000
/* Bytes read or written by one call. */
#define SINGLE_MOST ((size_t)128 << 10)

size_t judge_process_output(const struct judge_process *process)
{
    return evbuffer_get_length(bufferevent_get_output(process->stream));
}

/* --- out */

/* Before something is put or expected: if nothing was owed until now, it is from now on. */
static void note_debt(struct judge_process *process)
{
    if (process->ready && TAILQ_EMPTY(&process->expected) && judge_process_output(process) == 0)
        process->since = judges_now();
}

static void put(struct judge_process *process, const void *bytes, size_t length)
{
    if (evbuffer_add(bufferevent_get_output(process->stream), bytes, length) != 0)
        bug("out of memory");
}

void judge_process_put_bytes(struct judge_process *process, enum frame_type type, bool more, uint32_t number,
                             struct slice bytes)
{
    unsigned char head[FRAME_HEAD];

    note_debt(process);
    frame_head(head, type, more, number, bytes.length);
    put(process, head, sizeof(head));
    if (bytes.length > 0)
        put(process, bytes.text, bytes.length);
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
        put(process, head, sizeof(head));
        if (part.length > 0)
            put(process, part.text, part.length);
        first = slice_from(first, part.length);
        rest = slice_first(second, length - part.length);
        if (rest.length > 0)
            put(process, rest.text, rest.length);
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

static void on_writable(struct bufferevent *stream, void *context)
{
    (void)stream;
    judge_process_pump(context);
}

/* While it takes bytes it is at work. */
static void on_output_change(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *context)
{
    struct judge_process *process = context;

    (void)buffer;
    if (info->n_deleted > 0)
        process->since = judges_now();
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

/* The next frame of the buffer. false: there is none whole, or *problem_out says what is wrong. */
static bool take_next(struct judge_process *process, struct evbuffer *input, const char **problem_out)
{
    size_t length = evbuffer_get_length(input), needed;
    size_t looked_at = length < FRAME_HEAD ? length : FRAME_HEAD;
    struct frame frame, whole;
    enum frame_parse parsed;

    parsed = frame_parse(slice_of((char *)evbuffer_pullup(input, (ev_ssize_t)looked_at), looked_at), &frame, &needed);
    if (parsed == FRAME_INCOMPLETE && needed <= length && looked_at == FRAME_HEAD)
        parsed = frame_parse(slice_of((char *)evbuffer_pullup(input, (ev_ssize_t)needed), needed), &frame, &needed);
    if (parsed == FRAME_BAD)
        *problem_out = "bytes that are no frame";
    if (parsed != FRAME_PARSED)
        return false;
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
    evbuffer_drain(input, needed);
    return true;
}

static void on_readable(struct bufferevent *stream, void *context)
{
    struct judge_process *process = context;
    struct bench *bench = process->bench;
    const char *problem = NULL;

    while (take_next(process, bufferevent_get_input(stream), &problem))
        continue;
    if (problem != NULL) {
        bench_lost(process, problem);
        return;
    }
    if (bench->trial != NULL && bench->spare == process && !hearing_wants(bench->trial))
        bench_trial_over(bench);
    judge_process_pump(process);
    bench_settle(bench);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    struct judge_process *process = context;

    (void)stream;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
        return;
    process->ended = true;
    bench_lost(process, "it ended");
}

/* --- start and end */

static bool open_stream(struct judge_process *process, int descriptor)
{
    struct event_base *base = process->bench->judges->base;

    process->stream = bufferevent_socket_new(base, descriptor, BEV_OPT_CLOSE_ON_FREE);
    if (process->stream == NULL)
        return false;
    bufferevent_setcb(process->stream, on_readable, on_writable, on_event, process);
    bufferevent_setwatermark(process->stream, EV_WRITE, JUDGES_OUTPUT_MARK / 2, 0);
    bufferevent_setwatermark(process->stream, EV_READ, 0, 2 * (FRAME_HEAD + FRAME_PAYLOAD_MOST));
    (void)bufferevent_set_max_single_read(process->stream, SINGLE_MOST);
    (void)bufferevent_set_max_single_write(process->stream, SINGLE_MOST);
    if (evbuffer_add_cb(bufferevent_get_output(process->stream), on_output_change, process) == NULL ||
        bufferevent_enable(process->stream, EV_READ | EV_WRITE) != 0)
        bug("cannot watch a judge");
    return true;
}

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
    if (!open_stream(process, ends[0]))
        bug("cannot watch a judge");
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
    bufferevent_setcb(process->stream, NULL, NULL, NULL, NULL);
    (void)evbuffer_remove_cb(bufferevent_get_output(process->stream), on_output_change, process);
    bufferevent_free(process->stream);
    frame_assembly_clear(&process->assembly);
    wire_writer_clear(&process->scratch);
    free(process);
    return status;
}
