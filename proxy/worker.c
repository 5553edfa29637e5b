/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c: one event loop and what it owns; its dealings with the master (control.h). It accepts only when its judges
 * are ready and the backend was asked once, so that nobody is turned away for a slow start. When the master is gone it
 * drains as if told to: a new master takes the ports, and the sessions it has are finished.
 */
#include "proxy/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/clock.h"
#include "proxy/control.h"
#include "proxy/listener.h"
#include "proxy/log.h"
#include "proxy/stream.h"
#include "proxy/tls_tickets.h"

#define WORKER_CONTROL 3
/* A judgement is milliseconds of computing, the body of the largest message about a second (3.3 ms a MiB). */
#define WORKER_JUDGE_SECONDS 10
/* How often gauges are brought up to date, and readiness is looked at. */
#define WORKER_TICK_SECONDS 1
#define WORKER_READY_MICROSECONDS 5000
/* For the last records to reach the keeper. */
#define WORKER_FLUSH_SECONDS 2

/* Parallel to the listeners of a generation's configuration. */
struct ears {
    struct listener *listeners[CONTROL_DESCRIPTORS_MOST];  /* NULL: not yet */
    int sockets[CONTROL_DESCRIPTORS_MOST];                 /* -1: the listener has it */
    unsigned count;
};

struct life {
    struct worker worker;
    struct generation *prepared;       /* waits for COMMIT */
    struct ears prepared_ears;
    int64_t prepared_at;               /* monotonic microseconds */
    bool prepared_told;
    struct ears ears;
    int binary;
    struct event *control;
    struct event *ready;
    struct event *tick;
    struct event *stop;
    bool running;
    bool flushing;
    unsigned unfit_told;               /* bits of the generation's backends */
    uint64_t given_back;               /* sessions begun when memory last was */
    struct {
        int64_t memory, spool, backend_sessions, questions, judge_deaths;
    } published;
};

static void tell(enum control_type type, unsigned number, const char *text)
{
    struct control_message message = { .type = type, .number = number };
    if (text != NULL)
        snprintf(message.text, sizeof message.text, "%s", text);
    if (!control_send(WORKER_CONTROL, &message))
        log_event(LOG_LEVEL_ERROR, "control-send", "why", strerror(errno), NULL);
}

/* Gauges */

static void publish_one(struct worker *worker, enum status_counter counter, int64_t *last, int64_t now)
{
    status_add(worker->column, counter, now - *last);
    *last = now;
}

static void tell_unfit(struct life *life, const struct backend_pool *pool)
{
    char text[CONTROL_TEXT_MOST];
    snprintf(text, sizeof text, "%s: %s", backend_pool_address(pool), backend_pool_problem(pool));
    tell(CONTROL_UNFIT, life->worker.slot, text);
}

static void publish_backends(struct life *life)
{
    const struct backend_choice *backends = &life->worker.generation->backends;
    struct status_backend *places = status_backends(life->worker.status, life->worker.slot);
    for (size_t i = 0; i < BACKENDS_MOST; i++) {
        const struct backend_pool *pool = i < backends->count ? backends->pools[i] : NULL;
        if (pool == NULL) {
            status_put_backend(&places[i], "", 0, "");
            continue;
        }
        enum backend_health health = backend_pool_health(pool);
        status_put_backend(&places[i], backend_pool_address(pool), (unsigned)health, backend_pool_problem(pool));
        unsigned bit = 1u << i;
        if (health == BACKEND_UNFIT && (life->unfit_told & bit) == 0)
            tell_unfit(life, pool);
        life->unfit_told = health == BACKEND_UNFIT ? life->unfit_told | bit : life->unfit_told & ~bit;
    }
}

/*
 * What a rush of sessions took lies in pieces all over the heap, and malloc() gives back only what is at its end. Done
 * when nobody waits: a heap of hundreds of megabytes takes milliseconds.
 */
static void give_back(struct life *life)
{
    struct worker *worker = &life->worker;
    uint64_t begun = status_get(worker->status, worker->slot, STATUS_SESSIONS_TOTAL);
    if (worker->clients != NULL || begun == life->given_back)
        return;
    life->given_back = begun;
    malloc_trim(0);
}

static void publish(evutil_socket_t unused, short events, void *context)
{
    struct life *life = context;
    struct worker *worker = &life->worker;
    (void)unused;
    (void)events;
    publish_one(worker, STATUS_MEMORY, &life->published.memory, (int64_t)worker->budget.memory);
    publish_one(worker, STATUS_SPOOL, &life->published.spool, (int64_t)worker->budget.disk);
    publish_one(worker, STATUS_BACKEND_SESSIONS, &life->published.backend_sessions,
                upstreams_sessions(worker->upstreams));
    publish_one(worker, STATUS_QUESTIONS, &life->published.questions, (int64_t)upstreams_asked(worker->upstreams));
    publish_one(worker, STATUS_JUDGE_DEATHS, &life->published.judge_deaths, judges_deaths(worker->judges));
    upstreams_sweep(worker->upstreams);
    publish_backends(life);
    give_back(life);
}

/* Listening */

static void ears_close(struct ears *ears)
{
    for (unsigned i = 0; i < ears->count; i++) {
        listener_free(&ears->listeners[i]);
        if (ears->sockets[i] >= 0)
            close(ears->sockets[i]);
    }
    ears->count = 0;
}

/* A listener of the generation before goes on where address and port are the same; its socket is that one again. */
static void ears_take_over(struct ears *ears, const struct config *config, struct ears *old,
                           const struct config *before)
{
    for (unsigned i = 0; i < ears->count; i++)
        for (unsigned j = 0; j < old->count && ears->listeners[i] == NULL; j++) {
            if (old->listeners[j] == NULL || !config_listener_same(&config->listeners[i], &before->listeners[j]))
                continue;
            ears->listeners[i] = old->listeners[j];
            old->listeners[j] = NULL;
            close(ears->sockets[i]);
            ears->sockets[i] = -1;
            listener_use(ears->listeners[i], &config->listeners[i]);
        }
}

static void ears_open(struct ears *ears, struct worker *worker)
{
    for (unsigned i = 0; i < ears->count; i++)
        if (ears->listeners[i] == NULL) {
            ears->listeners[i] = listener_new(worker, &worker->generation->config->listeners[i], ears->sockets[i]);
            ears->sockets[i] = -1;
        }
}

/* Draining */

static void finish(evutil_socket_t unused, short events, void *context)
{
    struct life *life = context;
    (void)unused;
    (void)events;
    while (life->worker.clients != NULL)
        client_abandon(life->worker.clients);
    event_base_loopbreak(life->worker.base);
}

static void drain(struct life *life)
{
    struct worker *worker = &life->worker;
    if (worker->draining)
        return;
    worker->draining = true;
    ears_close(&life->ears);
    if (!life->running || worker->clients == NULL) {
        event_base_loopbreak(worker->base);
        return;
    }
    uint64_t milliseconds = worker->generation->config->limits.drain;
    struct timeval most = { (time_t)(milliseconds / 1000), (suseconds_t)(milliseconds % 1000 * 1000) };
    evtimer_add(life->stop, &most);
    for (struct client *client = worker->clients, *next; client != NULL; client = next) {
        next = client_next(client);
        client_drain(client);
    }
}

/* Generations */

/* Idle sessions keep no generation but the newest; those with MAIL do, until its room is needed. */
static void leave_generations(struct worker *worker, bool mail)
{
    for (struct client *client = worker->clients, *next; client != NULL; client = next) {
        next = client_next(client);
        client_leave_generation(client, mail);
    }
}

static unsigned workers_count(const struct worker *worker)
{
    uint64_t workers = atomic_load(&status_about(worker->status)->workers);

    return workers == 0 ? 1 : (unsigned)workers;
}

static void discard(struct life *life)
{
    ears_close(&life->prepared_ears);
    generation_release(&life->prepared);
    upstreams_sweep(life->worker.upstreams);
}

/* Those that have not answered for that long are not waited for when there is another. */
static bool is_enough_known(const struct life *life, const struct backend_choice *backends)
{
    int64_t patience = (int64_t)life->prepared->config->limits.backend_connect * 1000000;
    struct backend_offer offer;

    return backend_choice_is_known(backends) ||
           (clock_monotonic() - life->prepared_at >= patience && backend_choice_offer(backends, &offer));
}

/* Once it is known what each backend offers, or why it offers nothing: nobody is turned away for having come early. */
static void tell_prepared(struct life *life)
{
    if (life->prepared == NULL || life->prepared_told ||
        !is_enough_known(life, generation_backends(life->prepared, false)) ||
        !is_enough_known(life, generation_backends(life->prepared, true)))
        return;
    life->prepared_told = true;
    tell(CONTROL_PREPARED, life->prepared->number, NULL);
}

static void watch(struct life *life)
{
    struct timeval often = { 0, WORKER_READY_MICROSECONDS };
    event_add(life->ready, &often);
}

/* The two files, then a socket for each listener. */
static void prepare(struct life *life, struct control_message *message)
{
    struct worker *worker = &life->worker;
    struct arena *arena = arena_new();
    struct slice problem = SLICE_NONE;
    if (generations_count() >= GENERATIONS_MOST)
        leave_generations(worker, true);
    discard(life);
    struct generation *generation =
        generation_new(message->number, message->descriptors[0], message->descriptors[1], arena, &problem);
    for (unsigned i = 2; i < message->descriptors_count; i++)
        life->prepared_ears.sockets[life->prepared_ears.count++] = message->descriptors[i];
    message->descriptors_count = 0;
    if (generation != NULL && generation->config->listeners_count != life->prepared_ears.count)
        problem = SLICE("not a socket for each listener");
    else if (generation != NULL)
        upstreams_attach(worker->upstreams, generation, workers_count(worker), arena, &problem);
    life->prepared = generation;
    life->prepared_at = clock_monotonic();
    life->prepared_told = false;
    if (problem.text != NULL) {
        discard(life);
        tell(CONTROL_REFUSED, message->number, arena_string(arena, problem));
    } else {
        tell_prepared(life);
        watch(life);
    }
    arena_free(&arena);
}

static void set_budget(struct worker *worker)
{
    const struct config *config = worker->generation->config;
    worker->budget.directory = config->spool_directory;
    worker->budget.memory_most = config->limits.memory / workers_count(worker);
    worker->budget.disk_most = config->limits.spool / workers_count(worker);
}

/* The first generation: all that lives as long as the worker. */
static void begin(struct life *life)
{
    struct worker *worker = &life->worker;
    struct judges_settings judges = { .binary = life->binary, .judge_seconds = WORKER_JUDGE_SECONDS };
    worker->judges = judges_new(worker->base, &judges);
    struct timeval tick = { WORKER_TICK_SECONDS, 0 };
    event_add(life->tick, &tick);
}

static void commit(struct life *life, unsigned number)
{
    struct worker *worker = &life->worker;
    if (life->prepared == NULL || life->prepared->number != number)
        return;
    struct generation *before = worker->generation;
    worker->generation = life->prepared;
    life->prepared = NULL;
    life->unfit_told = 0;
    set_budget(worker);
    if (worker->judges == NULL)
        begin(life);
    judges_use(worker->judges, worker->generation->image);
    leave_generations(worker, false);
    if (before != NULL)
        ears_take_over(&life->prepared_ears, worker->generation->config, &life->ears, before->config);
    ears_close(&life->ears);
    life->ears = life->prepared_ears;
    life->prepared_ears.count = 0;
    memset(life->prepared_ears.listeners, 0, sizeof life->prepared_ears.listeners);
    generation_release(&before);
    upstreams_use(worker->upstreams, worker->generation, workers_count(worker));
    if (worker->draining) {
        ears_close(&life->ears);
    } else if (life->running) {
        ears_open(&life->ears, worker);
        publish_backends(life);
        tell(CONTROL_READY, number, NULL);
    } else {
        watch(life);
    }
}

/* Accepts as soon as there is a judge; the backend was asked before PREPARED. */
static void look_if_ready(evutil_socket_t unused, short events, void *context)
{
    struct life *life = context;
    struct worker *worker = &life->worker;
    (void)unused;
    (void)events;
    tell_prepared(life);
    if (!life->running && worker->judges != NULL && judges_ready(worker->judges) && !worker->draining) {
        ears_open(&life->ears, worker);
        life->running = true;
        publish_backends(life);
        tell(CONTROL_READY, worker->generation->number, NULL);
    }
    if (life->running && (life->prepared == NULL || life->prepared_told))
        event_del(life->ready);
}

/* The master */

static bool start(struct life *life, struct control_message *message)
{
    char name[32];
    struct worker *worker = &life->worker;
    if (message->descriptors_count != 2 || worker->status != NULL)
        return false;
    worker->slot = message->number;
    worker->status = status_map(message->descriptors[0]);
    if (worker->status == NULL || worker->slot == 0 || worker->slot >= STATUS_COLUMNS)
        return false;
    worker->column = status_column(worker->status, worker->slot);
    life->binary = message->descriptors[1];
    message->descriptors_count = 0;
    snprintf(name, sizeof name, "worker-%u", worker->slot);
    log_begin(name);
    worker->journal = journal_new(worker->base, worker->column);
    return true;
}

static bool take_tickets(const struct control_message *message)
{
    struct tls_tickets tickets;
    if (message->descriptors_count != 1 || !tls_tickets_open(message->descriptors[0], &tickets))
        return false;
    tls_tickets_use(&tickets);
    return true;
}

static bool heed(struct life *life, struct control_message *message)
{
    switch (message->type) {
    case CONTROL_START:
        return start(life, message);
    case CONTROL_TICKETS:
        return take_tickets(message);
    case CONTROL_GENERATION:
        if (message->cut) {
            tell(CONTROL_REFUSED, message->number, "a worker has no descriptor left (Too many open files)");
            return true;
        }
        if (message->descriptors_count < 2 || life->worker.status == NULL)
            return false;
        prepare(life, message);
        return true;
    case CONTROL_COMMIT:
        commit(life, message->number);
        return true;
    case CONTROL_DISCARD:
        discard(life);
        return true;
    case CONTROL_KEEPER:
        if (message->descriptors_count != 1 || life->worker.journal == NULL)
            return false;
        journal_connect(life->worker.journal, message->descriptors[0]);
        message->descriptors_count = 0;
        return true;
    case CONTROL_DRAIN:
        drain(life);
        return true;
    case CONTROL_PING:
        tell(CONTROL_PONG, message->number, NULL);
        return true;
    case CONTROL_PREPARED:
    case CONTROL_REFUSED:
    case CONTROL_READY:
    case CONTROL_PONG:
    case CONTROL_UNFIT:
        break;
    }
    return false;
}

static void control_readable(evutil_socket_t socket, short events, void *context)
{
    struct life *life = context;
    struct control_message message;
    int got;
    (void)events;
    while ((got = control_receive(socket, &message)) > 0) {
        /* Without these it cannot be what it is to be: another can. */
        if (message.cut && message.type != CONTROL_GENERATION) {
            log_event(LOG_LEVEL_ERROR, "descriptors-lost", "why", strerror(EMFILE), "what",
                      "finishing the sessions there are, then leaving", NULL);
            drain(life);
        } else if (!heed(life, &message)) {
            log_event(LOG_LEVEL_ERROR, "control-nonsense", "type", log_number(message.type), NULL);
        }
        for (unsigned i = 0; i < message.descriptors_count; i++)
            close(message.descriptors[i]);
    }
    if (got < 0) {
        event_del(life->control);
        log_event(LOG_LEVEL_WARNING, "master-gone", "what", "finishing the sessions there are, then leaving", NULL);
        drain(life);
    }
}

static void stop_flushing(evutil_socket_t unused, short events, void *context)
{
    (void)unused;
    (void)events;
    ((struct life *)context)->flushing = false;
}

static void flush_journal(struct life *life)
{
    struct timeval most = { WORKER_FLUSH_SECONDS, 0 };
    struct event *timer = evtimer_new(life->worker.base, stop_flushing, life);
    life->flushing = true;
    evtimer_add(timer, &most);
    while (life->flushing && journal_unsent(life->worker.journal) > 0)
        event_base_loop(life->worker.base, EVLOOP_ONCE);
    event_free(timer);
}

static void end(struct life *life)
{
    struct worker *worker = &life->worker;
    ears_close(&life->ears);
    while (worker->clients != NULL)
        client_abandon(worker->clients);
    event_base_loop(worker->base, EVLOOP_NONBLOCK);    /* the last 421s leave */
    if (worker->journal != NULL)
        flush_journal(life);
    stream_free_closing();
    event_free(life->control);
    event_free(life->ready);
    event_free(life->tick);
    event_free(life->stop);
    ears_close(&life->prepared_ears);
    judges_free(&worker->judges);
    upstreams_free(&worker->upstreams);
    journal_free(&worker->journal);
    generation_release(&life->prepared);
    generation_release(&worker->generation);
    status_close(&worker->status);
    event_base_free(worker->base);
}

int worker_run(void)
{
    struct life life = { .binary = -1 };
    signal(SIGINT, SIG_IGN);           /* the master decides: Ctrl-C reaches the whole group */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    log_begin("worker");
    life.worker.base = event_base_new();
    if (life.worker.base == NULL)
        bug("event_base_new");
    fcntl(WORKER_CONTROL, F_SETFD, FD_CLOEXEC);
    fcntl(WORKER_CONTROL, F_SETFL, fcntl(WORKER_CONTROL, F_GETFL) | O_NONBLOCK);
    life.worker.upstreams = upstreams_new(life.worker.base);
    life.control = event_new(life.worker.base, WORKER_CONTROL, EV_READ | EV_PERSIST, control_readable, &life);
    life.ready = event_new(life.worker.base, -1, EV_PERSIST, look_if_ready, &life);
    life.tick = event_new(life.worker.base, -1, EV_PERSIST, publish, &life);
    life.stop = evtimer_new(life.worker.base, finish, &life);
    if (life.control == NULL || life.ready == NULL || life.tick == NULL || life.stop == NULL)
        bug("event_new");
    event_add(life.control, NULL);
    event_base_dispatch(life.worker.base);
    bool well = life.worker.draining;
    end(&life);
    return well ? 0 : 1;
}
