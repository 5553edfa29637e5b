/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master.c: the start in its order, the loop, signals, the watchdog, the end. What fails before the first READY
 * ends the master with exit code 1 and words that say what to do; what fails later is logged and mended.
 */
#include "proxy/master.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/keeper.h"
#include "proxy/log.h"
#include "proxy/master_private.h"
#include "proxy/notify.h"
#include "proxy/privileges.h"
#include "proxy/process.h"

/* Beyond `drain` workers have so long to end by themselves before they are killed. */
#define DRAIN_GRACE_SECONDS 5
/* How often workers are asked whether they answer when no watchdog asks for more. */
#define PING_MILLISECONDS 10000

void master_fail(struct master *master)
{
    master->failed = true;
    event_base_loopbreak(master->base);
}

static void say_ready(struct master *master)
{
    char message[256];

    snprintf(message, sizeof(message), "READY=1\nSTATUS=%u workers, configuration %u, rules and lists %.16s",
             master->workers_count, master->number, master->current->digest);
    notify_send(message);
}

void master_look_if_ready(struct master *master)
{
    if (master->keeper.ready != master->number)
        return;
    for (unsigned i = 0; i < master->workers_count; i++)
        if (master->workers[i].ready != master->number)
            return;
    if (!master->announced)
        log_event(LOG_LEVEL_INFO, "ready", "workers", log_number(master->workers_count), "program",
                  master->current->digest, NULL);
    master->announced = true;
    say_ready(master);
    if (master->reload_again)
        master_reload(master);
}

static void end_keeper(struct master *master)
{
    struct timeval patience = { .tv_sec = KEEPER_DRAIN_SECONDS };

    if (master->keeper.socket >= 0) {
        child_close(&master->keeper);
        event_add(master->drain_timeout, &patience);
    }
}

void master_look_if_drained(struct master *master)
{
    for (unsigned i = 0; i < master->workers_count; i++)
        if (master->workers[i].process > 0)
            return;
    /* The workers' last records are in its sockets: it reads them to their end. */
    if (master->keeper.process > 0)
        end_keeper(master);
    else
        event_base_loopbreak(master->base);
}

static void kill_children(struct master *master)
{
    for (unsigned i = 0; i < master->workers_count; i++)
        if (master->workers[i].process > 0)
            kill(master->workers[i].process, SIGKILL);
}

static void on_drain_timeout(evutil_socket_t unused, short events, void *context)
{
    struct master *master = context;

    (void)unused;
    (void)events;
    log_event(LOG_LEVEL_WARNING, "drain-timeout", NULL);
    kill_children(master);
    if (master->keeper.process > 0 && master->keeper.socket < 0)
        kill(master->keeper.process, SIGKILL);
}

static void drain(struct master *master)
{
    uint64_t milliseconds = master->drain_milliseconds;
    struct timeval patience = { .tv_sec = (time_t)(milliseconds / 1000) + DRAIN_GRACE_SECONDS };

    if (master->draining) {
        kill_children(master);
        return;
    }
    log_event(LOG_LEVEL_INFO, "stopping", "drain-milliseconds", log_number((long long)milliseconds), NULL);
    master->reload_again = false;
    master_reload_refuse(master, "mxward stops");
    notify_send("STOPPING=1\nSTATUS=waiting for transactions under way");
    master->draining = true;
    probe_free(&master->probe);
    ports_close(&master->ports);
    event_add(master->drain_timeout, &patience);
    event_del(master->keeper.restart);
    for (unsigned i = 0; i < master->workers_count; i++) {
        event_del(master->workers[i].restart);
        child_tell(&master->workers[i], CONTROL_DRAIN, 0);
    }
    master_look_if_drained(master);
}

static struct child *find_child(struct master *master, pid_t process)
{
    if (master->keeper.process == process)
        return &master->keeper;
    for (unsigned i = 0; i < master->workers_count; i++)
        if (master->workers[i].process == process)
            return &master->workers[i];
    return NULL;
}

static void reap(struct master *master)
{
    pid_t process;
    int status;

    while ((process = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = find_child(master, process);

        if (child != NULL)
            child_died(child, status);
        else if (master->probe != NULL && probe_process(master->probe) == process)
            probe_reaped(master->probe);
    }
}

static void on_signal(evutil_socket_t signal_number, short events, void *context)
{
    struct master *master = context;

    (void)events;
    switch (signal_number) {
    case SIGCHLD:
        reap(master);
        break;
    case SIGHUP:
        master_reload(master);
        break;
    case SIGUSR1:
        if (master->keeper.process > 0)
            kill(master->keeper.process, SIGUSR1);
        break;
    default:
        if (master->workers_count == 0 || !master->announced)
            log_event(LOG_LEVEL_INFO, "stopping", "when", "before it was ready", NULL);
        drain(master);
        break;
    }
}

static void on_watchdog(evutil_socket_t unused, short events, void *context)
{
    struct master *master = context;
    bool all = true;

    (void)unused;
    (void)events;
    for (unsigned i = 0; i < master->workers_count; i++)
        all = all && (master->workers[i].process <= 0 || master->workers[i].answered);
    if (all)
        notify_send("WATCHDOG=1");
    else
        log_event(LOG_LEVEL_WARNING, "worker-silent", NULL);
    for (unsigned i = 0; i < master->workers_count; i++) {
        master->workers[i].answered = false;
        child_tell(&master->workers[i], CONTROL_PING, 0);
    }
}

static void on_reload_timeout(evutil_socket_t unused, short events, void *context)
{
    (void)unused;
    (void)events;
    master_reload_refuse(context, "not all processes were prepared in time");
}

static struct event *must(struct event *event)
{
    if (event == NULL)
        bug("master: no event");
    return event;
}

static void make_events(struct master *master)
{
    static const int numbers[] = { SIGCHLD, SIGHUP, SIGUSR1, SIGTERM, SIGINT };
    uint64_t often = notify_watchdog() == 0 ? PING_MILLISECONDS : notify_watchdog() / 3;
    struct timeval interval = { .tv_sec = (time_t)(often / 1000), .tv_usec = (suseconds_t)(often % 1000 * 1000) };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        master->signals[i] = must(evsignal_new(master->base, numbers[i], on_signal, master));
        event_add(master->signals[i], NULL);
    }
    master->watchdog = must(event_new(master->base, -1, EV_PERSIST, on_watchdog, master));
    event_add(master->watchdog, &interval);
    master->drain_timeout = must(evtimer_new(master->base, on_drain_timeout, master));
    master->reload_retry = must(evtimer_new(master->base, master_on_reload_retry, master));
    master->reload_timeout = must(evtimer_new(master->base, on_reload_timeout, master));
}

static unsigned count_workers(const struct config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t count = config->workers;

    if (count == 0)
        count = processors > 0 ? (uint64_t)processors : 1;
    return count < STATUS_WORKERS_MOST ? (unsigned)count : STATUS_WORKERS_MOST;
}

static void start_children(struct master *master)
{
    child_start(&master->keeper);
    for (unsigned i = 0; i < master->workers_count; i++)
        child_start(&master->workers[i]);
}

static void on_probed(void *context, const struct probe_finding *findings, size_t count)
{
    struct master *master = context;
    const struct config *config = master->current->config;
    bool fatal = probe_is_fatal(findings, count);

    for (size_t i = 0; i < count; i++) {
        const char *address = config->backends[i].address, *result = probe_name(findings[i].result);

        if (findings[i].result == BACKEND_PROBE_FIT)
            log_event(LOG_LEVEL_INFO, "backend-probed", "backend", address, "result", result, NULL);
        else
            log_event(LOG_LEVEL_ERROR, "backend-probed", "backend", address, "result", result, "why",
                      findings[i].problem, "do", probe_advice(findings[i].result), "effect",
                      fatal ? "mxward does not start" : NULL, NULL);
    }
    probe_free(&master->probe);
    if (fatal)
        master_fail(master);
    else
        start_children(master);
}

static bool complain(const char *event, const char *why)
{
    log_event(LOG_LEVEL_ERROR, event, "why", why, NULL);
    return false;
}

static bool complain_problem(const char *event, struct arena *arena, struct slice problem)
{
    return complain(event, arena_string(arena, problem));
}

/* A person at a terminal sees the line and a caret, a log gets one line each. */
static bool show_diagnostics(const struct load *load)
{
    if (isatty(STDERR_FILENO))
        diagnostics_print(&load->diagnostics, stderr, true);
    else
        master_log_diagnostics(&load->diagnostics);
    return load->diagnostics.errors == 0;
}

static void log_ports(const struct master *master)
{
    const struct config *config = master->current->config;
    struct arena *arena = arena_new();

    for (size_t i = 0; i < master->ports.count; i++)
        log_event(LOG_LEVEL_INFO, "listening", "listener", arena_string(arena, config->listeners[i].text), "port",
                  log_number(master->ports.numbers[i]), NULL);
    arena_free(&arena);
}

static bool make_status(struct master *master)
{
    struct arena *arena = master->current->arena;
    const char *path = arena_printf(arena, "%s/status", master->current->config->runtime_directory).text;
    struct status_about *about;

    master->status = status_create(path, &master->status_descriptor);
    if (master->status == NULL)
        return complain_problem("status-table", arena,
                                errno == EBUSY ? arena_printf(arena, "another mxward runs with %s", path)
                                               : arena_printf(arena, "%s: %s", path, strerror(errno)));
    about = status_about(master->status);
    atomic_store(&about->master_process, (uint64_t)getpid());
    atomic_store(&about->started, (uint64_t)(clock_wall() / 1000000));
    atomic_store(&about->workers, master->workers_count);
    master_set_about(master);
    return true;
}

/* Configuration, ports, no more root; then rules and all else that is read. */
static bool set_up(struct master *master)
{
    struct load *load = master->current;
    struct slice problem;

    if (load->config == NULL)
        return show_diagnostics(load) && complain("start", "the configuration cannot be used");
    if (!ports_open(load->config, &master->ports, load->arena, &problem))
        return complain_problem("ports", load->arena, problem);
    if (!privileges_drop(load->config, load->arena, &problem))
        return complain_problem("privileges", load->arena, problem);
    if (!tls_tickets_draw(&master->tickets))
        return complain("session-tickets", strerror(errno));
    load_rules(load);
    privileges_check_directories(load->config, &load->diagnostics);
    if (!show_diagnostics(load))
        return complain("start", "the configuration has errors");
    if (!privileges_raise_descriptors(load->config, load->arena, &problem))
        return complain_problem("descriptors", load->arena, problem);
    if (!load_seal(load))
        return complain("memory-files", strerror(errno));
    master->number = master->last_number = 1;
    master->drain_milliseconds = load->config->limits.drain;
    master->workers_count = count_workers(load->config);
    return make_status(master);
}

static bool run(struct master *master)
{
    master->base = event_base_new();
    if (master->base == NULL)
        bug("master: no event base");
    make_events(master);
    master->workers = memory_zeroed(master->workers_count, sizeof(*master->workers));
    child_init(&master->keeper, master, STATUS_COLUMN_KEEPER);
    for (unsigned i = 0; i < master->workers_count; i++)
        child_init(&master->workers[i], master, i + 1);
    log_ports(master);
    master->probe = probe_start(master->base, master->binary, master->current->config_descriptor,
                               master->current->config->backends_count, on_probed, master);
    if (master->probe == NULL)
        return complain("probe", strerror(errno));
    event_base_dispatch(master->base);
    return !master->failed;
}

/* Nothing is left behind: in order all are gone already. */
static void clear(struct master *master)
{
    probe_free(&master->probe);
    for (unsigned i = 0; master->workers != NULL && i < master->workers_count; i++) {
        process_kill(master->workers[i].process);
        child_clear(&master->workers[i]);
    }
    process_kill(master->keeper.process);
    child_clear(&master->keeper);
    free(master->workers);
    for (size_t i = 0; i < sizeof(master->signals) / sizeof(master->signals[0]); i++)
        if (master->signals[i] != NULL)
            event_free(master->signals[i]);
    if (master->base != NULL) {
        event_free(master->watchdog);
        event_free(master->drain_timeout);
        event_free(master->reload_timeout);
        event_free(master->reload_retry);
        event_base_free(master->base);
    }
    ports_close(&master->ports);
    status_close(&master->status);
    if (master->status_descriptor >= 0)
        close(master->status_descriptor);
    load_free(&master->next);
    load_free(&master->current);
    close(master->binary);
}

/* A reload finds the file whatever folder it was started in. */
static const char *absolute_path(const char *path, struct arena *arena)
{
    char here[PATH_MAX];

    if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
        return path;
    return arena_printf(arena, "%s/%s", here, path).text;
}

int master_run(const char *config_path)
{
    struct arena *arena = arena_new();
    struct master master = { .status_descriptor = -1, .keeper.socket = -1 };
    bool well;

    log_begin("master");
    notify_begin();
    log_event(LOG_LEVEL_INFO, "start", "version", MXWARD_VERSION, "file", config_path, NULL);
    master.path = absolute_path(config_path, arena);
    master.binary = process_open_binary();
    master.current = load_config(master.path);
    well = master.binary >= 0 ? set_up(&master) && run(&master) : complain("binary", strerror(errno));
    clear(&master);
    arena_free(&arena);
    if (well)
        log_event(LOG_LEVEL_INFO, "stopped", NULL);
    return well ? 0 : 1;
}
