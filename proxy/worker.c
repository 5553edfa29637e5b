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
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/control.h"
#include "proxy/listener.h"
#include "proxy/log.h"
#include "proxy/stream.h"
#include "proxy/tls_tickets.h"

#define WORKER_CONTROL 3
/* A judgement is milliseconds of computing, the body of the largest message about a second (DESIGN 4: 3.3 ms a MiB). */
#define WORKER_JUDGE_SECONDS 10
/* How often gauges are brought up to date, and readiness is looked at. */
#define WORKER_TICK_SECONDS 1
#define WORKER_READY_MICROSECONDS 5000
/* For the last records to reach the keeper. */
#define WORKER_FLUSH_SECONDS 2

struct life {
    struct worker worker;
    struct generation *prepared;       /* waits for COMMIT */
    const struct config *first;              /* whose backend and resolver settings are in use; in `arena` */
    struct listener *listeners[CONTROL_DESCRIPTORS_MOST];
    int sockets[CONTROL_DESCRIPTORS_MOST];
    unsigned sockets_count;
    int binary;
    struct arena *arena;               /* what lives as long as the worker */
    struct event *control;
    struct event *ready;
    struct event *tick;
    struct event *stop;
    bool running;
    bool flushing;
    bool unfit_told;
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

static void publish(evutil_socket_t unused, short events, void *context)
{
    struct life *life = context;
    struct worker *worker = &life->worker;
    (void)unused;
    (void)events;
    publish_one(worker, STATUS_MEMORY, &life->published.memory, (int64_t)worker->budget.memory);
    publish_one(worker, STATUS_SPOOL, &life->published.spool, (int64_t)worker->budget.disk);
    publish_one(worker, STATUS_BACKEND_SESSIONS, &life->published.backend_sessions,
                backend_pool_sessions(worker->backend));
    publish_one(worker, STATUS_QUESTIONS, &life->published.questions, (int64_t)resolver_asked(worker->resolver));
    publish_one(worker, STATUS_JUDGE_DEATHS, &life->published.judge_deaths, judges_deaths(worker->judges));
    const char *problem = backend_pool_problem(worker->backend);
    bool unfit = problem != NULL && problem[0] != '\0';
    if (unfit && !life->unfit_told)
        tell(CONTROL_UNFIT, worker->slot, problem);
    life->unfit_told = unfit;
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
    for (unsigned i = 0; i < life->sockets_count; i++)
        listener_free(&life->listeners[i]);
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

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_list(const char *const *a, const char *const *b)
{
    for (size_t i = 0;; i++) {
        const char *one = a == NULL ? NULL : a[i], *other = b == NULL ? NULL : b[i];
        if (one == NULL || other == NULL)
            return one == other;
        if (strcmp(one, other) != 0)
            return false;
    }
}

/* What is bound to connections and caches that a reload does not touch. */
static const char *needs_restart(const struct config *old, const struct config *new)
{
    const struct backend_settings *a = &old->backend, *b = &new->backend;
    if (!same_text(a->address, b->address) || a->xclient != b->xclient ||
        a->relays_for_anyone != b->relays_for_anyone || old->limits.backend_sessions != new->limits.backend_sessions ||
        old->limits.backend_spares != new->limits.backend_spares)
        return "settings of `backend` take effect at a restart, not at a reload";
    const struct resolver_settings *c = &old->resolver, *d = &new->resolver;
    if (c->mode != d->mode || !same_text(c->fixture_path, d->fixture_path) ||
        !same_list(c->forwarders, d->forwarders) || !same_list(c->unblock_zones, d->unblock_zones) ||
        c->unblock_lan_zones != d->unblock_lan_zones)
        return "settings of `resolver` take effect at a restart, not at a reload";
    if (!same_text(old->spool_directory, new->spool_directory))
        return "setting `spool-directory` takes effect at a restart, not at a reload";
    return NULL;
}

/* Idle sessions keep no generation but the newest; those with MAIL do, until its room is needed. */
static void leave_generations(struct worker *worker, bool mail)
{
    for (struct client *client = worker->clients, *next; client != NULL; client = next) {
        next = client_next(client);
        client_leave_generation(client, mail);
    }
}

static void prepare(struct life *life, struct control_message *message)
{
    struct arena *arena = arena_new();
    struct slice problem = SLICE_NONE;
    if (generations_count() >= GENERATIONS_MOST)
        leave_generations(&life->worker, true);
    struct generation *generation =
        generation_new(message->number, message->descriptors[0], message->descriptors[1], arena, &problem);
    message->descriptors_count = 0;
    const char *restart = NULL;
    if (generation != NULL && life->first != NULL)
        restart = needs_restart(life->first, generation->config);
    if (generation == NULL || restart != NULL) {
        tell(CONTROL_REFUSED, message->number, restart != NULL ? restart : arena_string(arena, problem));
        generation_release(&generation);
    } else {
        generation_release(&life->prepared);
        life->prepared = generation;
        tell(CONTROL_PREPARED, message->number, NULL);
    }
    arena_free(&arena);
}

static void set_budget(struct worker *worker)
{
    const struct config *config = worker->generation->config;
    uint64_t workers = atomic_load(&status_about(worker->status)->workers);
    if (workers == 0)
        workers = 1;
    worker->budget.directory = config->spool_directory;
    worker->budget.memory_most = config->limits.memory / workers;
    worker->budget.disk_most = config->limits.spool / workers;
}

/* The first generation: all that lives as long as the worker. */
static bool begin(struct life *life)
{
    struct worker *worker = &life->worker;
    struct slice problem = SLICE_NONE;
    struct diagnostics diagnostics;
    const struct config *config = worker->generation->config;
    life->arena = arena_new();
    diagnostics_init(&diagnostics, life->arena);
    config = config_parse(arena_string(life->arena, slice_of_string(config->path)),
                          arena_copy(life->arena, config->text), life->arena, &diagnostics);
    life->first = config;
    if (config == NULL)
        bug("a configuration that parsed once");
    worker->resolver = resolver_new(worker->base, &config->resolver, life->arena, &problem);
    if (worker->resolver == NULL) {
        tell(CONTROL_REFUSED, worker->generation->number, arena_string(life->arena, problem));
        return false;
    }
    struct judges_settings judges = { .binary = life->binary, .judge_seconds = WORKER_JUDGE_SECONDS };
    worker->judges = judges_new(worker->base, &judges);
    struct backend_settings backend = config->backend;
    uint64_t workers = atomic_load(&status_about(worker->status)->workers);
    backend.sessions_most = (unsigned)((config->limits.backend_sessions + workers - 1) / (workers == 0 ? 1 : workers));
    backend.spares = (unsigned)config->limits.backend_spares;
    worker->backend = backend_pool_new(worker->base, &backend);
    struct timeval often = { 0, WORKER_READY_MICROSECONDS }, tick = { WORKER_TICK_SECONDS, 0 };
    event_add(life->ready, &often);
    event_add(life->tick, &tick);
    return true;
}

static void commit(struct life *life, unsigned number)
{
    struct worker *worker = &life->worker;
    if (life->prepared == NULL || life->prepared->number != number)
        return;
    generation_release(&worker->generation);
    worker->generation = life->prepared;
    life->prepared = NULL;
    set_budget(worker);
    if (worker->resolver == NULL && !begin(life)) {
        event_base_loopbreak(worker->base);
        return;
    }
    judges_use(worker->judges, worker->generation->image);
    leave_generations(worker, false);
    for (unsigned i = 0; i < life->sockets_count; i++)
        if (life->listeners[i] != NULL)
            listener_use(life->listeners[i], &worker->generation->config->listeners[i]);
    if (life->running)
        tell(CONTROL_READY, number, NULL);
}

/* Accepts as soon as there is a judge and the backend has been asked. */
static void look_if_ready(evutil_socket_t unused, short events, void *context)
{
    struct life *life = context;
    struct worker *worker = &life->worker;
    struct backend_offer offer;
    (void)unused;
    (void)events;
    const char *problem = backend_pool_problem(worker->backend);
    bool asked = backend_pool_offer(worker->backend, &offer) || (problem != NULL && problem[0] != '\0');
    if (!asked || !judges_ready(worker->judges) || worker->draining)
        return;
    event_del(life->ready);
    const struct config *config = worker->generation->config;
    for (unsigned i = 0; i < life->sockets_count && i < config->listeners_count; i++)
        life->listeners[i] = listener_new(worker, &config->listeners[i], life->sockets[i]);
    life->running = true;
    tell(CONTROL_READY, worker->generation->number, NULL);
}

/* The master */

static bool start(struct life *life, struct control_message *message)
{
    char name[32];
    struct worker *worker = &life->worker;
    if (message->descriptors_count < 2 || worker->status != NULL)
        return false;
    worker->slot = message->number;
    worker->status = status_map(message->descriptors[0]);
    if (worker->status == NULL || worker->slot == 0 || worker->slot >= STATUS_COLUMNS)
        return false;
    worker->column = status_column(worker->status, worker->slot);
    life->binary = message->descriptors[1];
    for (unsigned i = 2; i < message->descriptors_count; i++)
        life->sockets[life->sockets_count++] = message->descriptors[i];
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
        if (message->descriptors_count != 2 || life->worker.status == NULL)
            return false;
        prepare(life, message);
        return true;
    case CONTROL_COMMIT:
        commit(life, message->number);
        return true;
    case CONTROL_DISCARD:
        generation_release(&life->prepared);
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
        if (!heed(life, &message))
            log_event(LOG_LEVEL_ERROR, "control-nonsense", "type", log_number(message.type), NULL);
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
    for (unsigned i = 0; i < life->sockets_count; i++)
        listener_free(&life->listeners[i]);
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
    backend_pool_free(&worker->backend);
    judges_free(&worker->judges);
    resolver_free(&worker->resolver);
    arena_free(&life->arena);
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
