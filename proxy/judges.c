/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges.c: images, benches, and what time does to them. bench_settle() is the one place where processes are started
 * and hearings get their seats; everything else notes what happened and calls it. Benches of older images go when their
 * last hearing is closed.
 */
#include "proxy/judges_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/process.h"

/* How often late processes and hearings are looked for. */
#define TICK_MILLISECONDS 250
/*
 * A hearing waits for a seat as long as a judge may take for a request; a suspect, whose turn comes after others'
 * trials, ten times that.
 */
#define SUSPECT_PATIENCE 10

int64_t judges_now(void)
{
    return clock_monotonic() / 1000;
}

/* --- images */

struct judge_image *judge_image_new(int descriptor)
{
    struct judge_image *image = memory_zeroed(1, sizeof(*image));

    image->references = 1;
    image->descriptor = descriptor;
    return image;
}

void judge_image_allow(struct judge_image *image, const char *name)
{
    if (image->names_count == JUDGE_IMAGE_NAMES_MOST)
        return;
    image->names = memory_grown(image->names, (image->names_count + 1) * sizeof(*image->names));
    image->names[image->names_count++] = memory_string(name);
}

struct judge_image *judge_image_keep(struct judge_image *image)
{
    image->references++;
    return image;
}

void judge_image_release(struct judge_image **image_pointer)
{
    struct judge_image *image = *image_pointer;

    *image_pointer = NULL;
    if (image == NULL || --image->references > 0)
        return;
    close(image->descriptor);
    for (size_t i = 0; i < image->names_count; i++)
        free(image->names[i]);
    free(image->names);
    free(image);
}

/* --- benches */

struct bench *bench_get(struct judges *judges, struct judge_image *image)
{
    struct bench *bench;

    LIST_FOREACH(bench, &judges->benches, others)
        if (bench->image == image)
            return bench;
    bench = memory_zeroed(1, sizeof(*bench));
    bench->judges = judges;
    bench->image = judge_image_keep(image);
    TAILQ_INIT(&bench->waiting);
    TAILQ_INIT(&bench->suspects);
    LIST_INSERT_HEAD(&judges->benches, bench, others);
    return bench;
}

static void bench_free(struct bench *bench)
{
    if (bench->current != NULL)
        (void)judge_process_free(&bench->current);
    if (bench->spare != NULL)
        (void)judge_process_free(&bench->spare);
    LIST_REMOVE(bench, others);
    judge_image_release(&bench->image);
    free(bench);
}

static void note_death(struct bench *bench)
{
    int64_t now = judges_now();

    bench->judges->deaths++;
    bench->start_at = now + restarts_note(&bench->restarts, (uint64_t)now);
}

/* A death with a culprit says nothing about the program; its sender is slowed instead. */
static void note_killing(struct bench *bench)
{
    bench->judges->deaths++;
}

static void start(struct bench *bench, struct judge_process **place)
{
    if (*place != NULL || judges_now() < bench->start_at)
        return;
    *place = judge_process_new(bench);
    if (*place != NULL)
        return;
    log_event(LOG_LEVEL_ERROR, "judge-not-started", "why", strerror(errno), NULL);
    note_death(bench);
}

static bool is_ready(const struct judge_process *process)
{
    return process != NULL && process->ready;
}

/* The spare steps in when it is ready and has nobody to try. */
static void promote(struct bench *bench)
{
    if (bench->current != NULL || !is_ready(bench->spare) || bench->trial != NULL || !TAILQ_EMPTY(&bench->suspects))
        return;
    bench->current = bench->spare;
    bench->spare = NULL;
}

/* Unless it is killed, what it was doing may yet kill it. */
static void replace_tainted(struct bench *bench)
{
    if (bench->spare != NULL && bench->spare->tainted)
        (void)judge_process_free(&bench->spare);
}

void bench_settle(struct bench *bench)
{
    replace_tainted(bench);
    promote(bench);
    if (bench->judges->newest == bench || bench->hearings > 0) {
        start(bench, &bench->current);
        start(bench, &bench->spare);
    }
    if (is_ready(bench->current)) {
        while (!TAILQ_EMPTY(&bench->waiting))
            hearing_seat(TAILQ_FIRST(&bench->waiting), bench->current);
        judge_process_pump(bench->current);
    }
    if (is_ready(bench->spare) && bench->trial == NULL && !TAILQ_EMPTY(&bench->suspects)) {
        bench->trial = TAILQ_FIRST(&bench->suspects);
        hearing_seat(bench->trial, bench->spare);
        judge_process_pump(bench->spare);
    }
}

void bench_trial_over(struct bench *bench)
{
    struct hearing *hearing = bench->trial;

    bench->trial = NULL;
    hearing->suspect = false;
    hearing_unseat(hearing, true);
}

/* Everything that it was doing, and may have died of. */
static void blame(struct judge_process *process)
{
    struct expected *expected;
    struct hearing *hearing;

    TAILQ_FOREACH(expected, &process->expected, queue)
        if (expected->hearing != NULL)
            expected->hearing->suspect = true;
    TAILQ_FOREACH(hearing, &process->seated, seated)
        if (hearing->seat.header_sent && hearing->seat.body_offset > hearing->header_size)
            hearing->suspect = true;
}

/*
 * A SIGKILL that was not ours comes from outside, where somebody or the kernel may have killed every judge at once: one
 * such death proves nothing, a second does. False: it is tried again.
 */
static bool convict(struct hearing *guilty, bool killed_from_outside)
{
    if (killed_from_outside && !guilty->doubted) {
        guilty->doubted = true;
        hearing_stir(guilty);
        return false;
    }
    hearing_fail(guilty, HEARING_KILLED);
    return true;
}

void bench_lost(struct judge_process *process, const char *why)
{
    struct bench *bench = process->bench;
    struct hearing *guilty = bench->spare == process ? bench->trial : NULL;
    long long pid = process->pid;
    char reason[256];
    bool ended;
    int status;

    (void)snprintf(reason, sizeof(reason), "%s", why);     /* it may lie in what is freed below */
    if (bench->spare == process)
        bench->spare = NULL;
    else
        bench->current = NULL;
    if (guilty != NULL)
        bench->trial = NULL;
    blame(process);
    while (!TAILQ_EMPTY(&process->seated)) {
        struct hearing *hearing = TAILQ_FIRST(&process->seated);

        hearing_unseat(hearing, false);
        if (hearing != guilty)
            hearing_stir(hearing);
    }
    ended = process->ended;
    status = judge_process_free(&process);
    log_event(LOG_LEVEL_WARNING, "judge-died", "judge", log_number(pid), "why", reason, "end", process_end_text(status),
              "alone", guilty != NULL ? "yes" : "no", NULL);
    if (guilty != NULL && convict(guilty, ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        note_killing(bench);
    else
        note_death(bench);
    bench_settle(bench);
}

/* --- time */

static void fail_late(struct bench *bench, int64_t now)
{
    int64_t patience = (int64_t)bench->judges->settings.judge_seconds * 1000;
    struct hearing *hearing, *next;

    for (hearing = TAILQ_FIRST(&bench->waiting); hearing != NULL; hearing = next) {
        next = TAILQ_NEXT(hearing, queue);
        if (now - hearing->waiting_since > patience)
            hearing_fail(hearing, HEARING_UNAVAILABLE);
    }
    for (hearing = TAILQ_FIRST(&bench->suspects); hearing != NULL; hearing = next) {
        next = TAILQ_NEXT(hearing, queue);
        if (now - hearing->waiting_since > SUSPECT_PATIENCE * patience)
            hearing_fail(hearing, HEARING_UNAVAILABLE);
    }
}

static void bench_tick(struct bench *bench, int64_t now)
{
    if (bench->judges->newest != bench && bench->hearings == 0) {
        bench_free(bench);
        return;
    }
    if (bench->current != NULL && judge_process_is_late(bench->current, now))
        bench_lost(bench->current, bench->current->ready ? "no reply in time" : "not ready in time");
    if (bench->spare != NULL && judge_process_is_late(bench->spare, now))
        bench_lost(bench->spare, bench->spare->ready ? "no reply in time" : "not ready in time");
    bench_settle(bench);
    fail_late(bench, now);
}

static void on_tick(evutil_socket_t descriptor, short what, void *context)
{
    struct judges *judges = context;
    int64_t now = judges_now();
    struct bench *bench, *next;

    (void)descriptor, (void)what;
    for (bench = LIST_FIRST(&judges->benches); bench != NULL; bench = next) {
        next = LIST_NEXT(bench, others);
        bench_tick(bench, now);
    }
}

static void on_deliver(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor, (void)what;
    judges_deliver(context);
}

/* --- all of them */

struct judges *judges_new(struct event_base *base, const struct judges_settings *settings)
{
    static const struct timeval interval = { 0, TICK_MILLISECONDS * 1000 };
    struct judges *judges = memory_zeroed(1, sizeof(*judges));

    judges->base = base;
    judges->settings = *settings;
    judges->scratch = arena_new();
    judges->held_most = JUDGES_HELD_MOST;
    TAILQ_INIT(&judges->outcomes);
    judges->tick = event_new(base, -1, EV_PERSIST, on_tick, judges);
    judges->deliver = event_new(base, -1, 0, on_deliver, judges);
    if (judges->tick == NULL || judges->deliver == NULL || event_add(judges->tick, &interval) != 0)
        bug("cannot make an event");
    return judges;
}

void judges_free(struct judges **judges_pointer)
{
    struct judges *judges = *judges_pointer;

    *judges_pointer = NULL;
    if (judges == NULL)
        return;
    while (!LIST_EMPTY(&judges->benches)) {
        if (LIST_FIRST(&judges->benches)->hearings > 0)
            bug("judges end before their hearings");
        bench_free(LIST_FIRST(&judges->benches));
    }
    event_free(judges->tick);
    event_free(judges->deliver);
    arena_free(&judges->scratch);
    free(judges);
}

void judges_use(struct judges *judges, struct judge_image *image)
{
    judges->newest = bench_get(judges, image);
    bench_settle(judges->newest);
}

unsigned judges_deaths(const struct judges *judges)
{
    return judges->deaths;
}

bool judges_ready(const struct judges *judges)
{
    return judges->newest != NULL && (is_ready(judges->newest->current) || is_ready(judges->newest->spare));
}
