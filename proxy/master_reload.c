/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master_reload.c: all or nothing. The new configuration, rules and lists are loaded here, the backend is
 * probed, then every child prepares the new generation (workers load certificates, the keeper opens its file);
 * only when all have is it committed everywhere. Whatever fails before is logged, every message at its place in
 * the file, and nothing has changed.
 */
#include "proxy/master_private.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/notify.h"
#include "proxy/privileges.h"

void master_log_diagnostics(const struct diagnostics *diagnostics)
{
    struct arena *arena = arena_new();

    for (const struct diagnostic *diagnostic = diagnostics->first; diagnostic != NULL; diagnostic = diagnostic->next) {
        const char *at = NULL;
        size_t line, column;

        if (diagnostic->span.source != NULL) {
            span_position(diagnostic->span, &line, &column);
            at = arena_printf(arena, "%s:%zu:%zu", diagnostic->span.source->name, line, column).text;
        }
        log_event(diagnostic->severity == SEVERITY_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "configuration", "at",
                  at, "text", arena_string(arena, diagnostic->text), NULL);
    }
    arena_free(&arena);
}

void master_set_about(struct master *master)
{
    struct status_about *about = status_about(master->status);

    atomic_store(&about->generation, master->number);
    snprintf(about->program, sizeof(about->program), "%s", master->current->digest);
    for (size_t i = 0; i < STATUS_PORTS; i++)
        atomic_store(&about->ports[i], i < master->ports.count ? master->ports.numbers[i] : 0);
}

static void for_all(struct master *master, enum control_type type, unsigned number)
{
    child_tell(&master->keeper, type, number);
    for (unsigned i = 0; i < master->workers_count; i++)
        child_tell(&master->workers[i], type, number);
}

void master_on_reload_retry(int unused, short events, void *context)
{
    (void)unused;
    (void)events;
    master_reload(context);
}

/* The end of a reload, well or not. */
static void settle(struct master *master)
{
    event_del(master->reload_timeout);
    probe_free(&master->probe);
    master->next_sent = false;
    ports_close_but(&master->next_ports, &master->ports);
    load_free(&master->next);
    /* A long list takes megabytes to compile; what lies above them would keep the heap from giving them back. */
    malloc_trim(0);
}

void master_reload_refuse(struct master *master, const char *why)
{
    if (master->next == NULL)
        return;
    if (master->next_sent)
        for_all(master, CONTROL_DISCARD, master->next_number);
    settle(master);
    status_add(status_column(master->status, STATUS_COLUMN_MASTER), STATUS_RELOADS_REFUSED, 1);
    log_event(LOG_LEVEL_ERROR, "reload-refused", "why", why, "effect", "nothing is changed", NULL);
    notify_send("READY=1\nSTATUS=reload refused: nothing is changed, see the log");
    if (master->reload_again)
        event_active(master->reload_retry, EV_TIMEOUT, 0);
}

#define RESTART " takes a restart (systemctl restart mxward)"

/* What processes are built around from their start; NULL: nothing of it is changed. */
static const char *needs_restart(const struct config *now, const struct config *next)
{
    if (strcmp(now->user, next->user) != 0)
        return "another \"user\"" RESTART;
    if (now->workers != next->workers)
        return "another number of \"workers\"" RESTART;
    if (strcmp(now->runtime_directory, next->runtime_directory) != 0)
        return "another \"runtime-directory\"" RESTART;
    return NULL;
}

static bool was_in_use(const struct master *master, const struct backend_settings *settings)
{
    const struct config *current = master->current->config;

    for (size_t i = 0; i < current->backends_count; i++)
        if (backend_settings_same(&current->backends[i], settings))
            return true;
    return false;
}

/*
 * A backend that is down and was in use before is no reason to refuse; one that nobody has seen answer is, or a slip of
 * the pen would turn all mail away.
 */
static bool is_acceptable(const struct master *master, const struct backend_settings *settings,
                          enum backend_probe result)
{
    switch (result) {
    case BACKEND_PROBE_FIT:
        return true;
    case BACKEND_PROBE_NO_XCLIENT:
    case BACKEND_PROBE_RELAYS:
        return false;
    case BACKEND_PROBE_DOWN:
    case BACKEND_PROBE_BROKEN:
    case BACKEND_PROBE_TLS:
        return was_in_use(master, settings);
    }
    return false;
}

static void on_probed(void *context, const struct probe_finding *findings, size_t count)
{
    struct master *master = context;
    const struct backend_settings *backends = master->next->config->backends;
    const char *refusal = NULL;

    for (size_t i = 0; i < count; i++) {
        enum backend_probe result = findings[i].result;

        log_event(result == BACKEND_PROBE_FIT ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "backend-probed", "result",
                  probe_name(result), "backend", backends[i].address, "why",
                  findings[i].problem[0] != '\0' ? findings[i].problem : NULL, NULL);
        if (refusal == NULL && !is_acceptable(master, &backends[i], result))
            refusal = probe_advice(result);
    }
    if (refusal != NULL) {
        master_reload_refuse(master, refusal);
        return;
    }
    probe_free(&master->probe);
    master->next_sent = true;
    child_tell_load(&master->keeper, master->next, &master->next_ports, master->next_number);
    for (unsigned i = 0; i < master->workers_count; i++)
        child_tell_load(&master->workers[i], master->next, &master->next_ports, master->next_number);
}

static bool all_are_ready(const struct master *master)
{
    if (master->keeper.ready != master->number)
        return false;
    for (unsigned i = 0; i < master->workers_count; i++)
        if (master->workers[i].ready != master->number)
            return false;
    return true;
}

/* NULL: the load can be sent. */
static const char *check_load(struct master *master)
{
    struct load *next = master->next;
    const char *restart;
    struct slice problem;

    if (next->config == NULL || !load_rules(next))
        return "the configuration has errors";
    restart = needs_restart(master->current->config, next->config);
    if (restart != NULL)
        return restart;
    privileges_check_directories(next->config, &next->diagnostics);
    if (next->diagnostics.errors > 0)
        return "the configuration has errors";
    if (!privileges_raise_descriptors(next->config, next->arena, &problem))
        return arena_string(next->arena, problem);
    if (!ports_change(&master->ports, master->current->config, next->config, &master->next_ports, next->arena,
                      &problem))
        return arena_printf(next->arena, "%.*s; that" RESTART, SLICE_ARG(problem)).text;
    return load_seal(next) ? NULL : "no memory for the memory files";
}

static void begin(struct master *master)
{
    struct timeval patience = { .tv_sec = MASTER_RELOAD_SECONDS };
    const char *problem;

    master->next = load_config(master->path);
    problem = check_load(master);
    master_log_diagnostics(&master->next->diagnostics);
    if (problem != NULL) {
        /* The text may be the load's own. */
        char why[512];

        snprintf(why, sizeof(why), "%s", problem);
        master_reload_refuse(master, why);
        return;
    }
    master->next_number = ++master->last_number;
    event_add(master->reload_timeout, &patience);
    master->probe = probe_start(master->base, master->binary, master->next->config_descriptor,
                                master->next->config->backends_count, on_probed, master);
    if (master->probe == NULL)
        master_reload_refuse(master, strerror(errno));
}

void master_reload(struct master *master)
{
    char message[64];

    if (master->draining)
        return;
    /* One at a time, and never while a child still comes up: it would miss the change. */
    if (master->next != NULL || !master->announced || !all_are_ready(master)) {
        master->reload_again = true;
        return;
    }
    master->reload_again = false;
    log_event(LOG_LEVEL_INFO, "reload", "file", master->path, NULL);
    snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
    notify_send(message);
    begin(master);
}

void master_reload_prepared(struct master *master)
{
    if (!master->next_sent || master->keeper.prepared != master->next_number)
        return;
    for (unsigned i = 0; i < master->workers_count; i++)
        if (master->workers[i].prepared != master->next_number)
            return;
    ports_close_but(&master->ports, &master->next_ports);
    master->ports = master->next_ports;
    load_free(&master->current);
    master->current = master->next;
    master->number = master->next_number;
    master->next = NULL;
    settle(master);
    master->drain_milliseconds = master->current->config->limits.drain;
    master_set_about(master);
    for_all(master, CONTROL_COMMIT, master->number);
    status_add(status_column(master->status, STATUS_COLUMN_MASTER), STATUS_RELOADS, 1);
    log_event(LOG_LEVEL_INFO, "reloaded", "generation", log_number(master->number), "program", master->current->digest,
              NULL);
}
