/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master_reload.c: all or nothing. The new configuration, rules and lists are loaded here, the backend is
 * probed, then every child prepares the new generation (workers load certificates, the keeper opens its file);
 * only when all have is it committed everywhere. Whatever fails before is logged, every message at its place in
 * the file, and nothing has changed.
 */
#include "proxy/master_private.h"

#include <errno.h>
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
    load_free(&master->next);
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

static bool same_text(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

static bool same_texts(const char *const *a, const char *const *b)
{
    size_t i = 0;

    if (a == NULL || b == NULL)
        return a == b;
    while (a[i] != NULL && b[i] != NULL && strcmp(a[i], b[i]) == 0)
        i++;
    return a[i] == NULL && b[i] == NULL;
}

static bool same_listeners(const struct config *a, const struct config *b)
{
    if (a->listeners_count != b->listeners_count)
        return false;
    for (size_t i = 0; i < a->listeners_count; i++)
        if (a->listeners[i].port != b->listeners[i].port ||
            !address_equal(&a->listeners[i].address, &b->listeners[i].address))
            return false;
    return true;
}

static bool same_backend(const struct backend_settings *a, const struct backend_settings *b)
{
    return same_text(a->address, b->address) && a->xclient == b->xclient &&
           a->relays_for_anyone == b->relays_for_anyone && a->sessions_most == b->sessions_most &&
           a->spares == b->spares && a->command_seconds == b->command_seconds &&
           a->connect_seconds == b->connect_seconds && a->data_seconds == b->data_seconds &&
           same_text(a->hostname, b->hostname);
}

static bool same_resolver(const struct resolver_settings *a, const struct resolver_settings *b)
{
    return a->mode == b->mode && same_texts(a->forwarders, b->forwarders) &&
           same_text(a->fixture_path, b->fixture_path) && same_texts(a->unblock_zones, b->unblock_zones) &&
           a->unblock_lan_zones == b->unblock_lan_zones && same_text(a->root_key_path, b->root_key_path) &&
           same_text(a->root_hints_path, b->root_hints_path);
}

/* What processes are built around from their start; NULL: nothing of it is changed. */
static const char *needs_restart(const struct config *now, const struct config *next)
{
    if (!same_listeners(now, next))
        return "the addresses and ports of \"listen\" were changed: that takes a restart";
    if (!same_text(now->user, next->user))
        return "\"user\" was changed: that takes a restart";
    if (now->workers != next->workers)
        return "\"workers\" was changed: that takes a restart";
    if (!same_text(now->runtime_directory, next->runtime_directory))
        return "\"runtime-directory\" was changed: that takes a restart";
    if (!same_backend(&now->backend, &next->backend))
        return "\"backend\", its limits or \"hostname\" were changed: that takes a restart";
    if (!same_resolver(&now->resolver, &next->resolver))
        return "\"resolver\" was changed: that takes a restart";
    return NULL;
}

static void on_probed(void *context, enum backend_probe result, const char *problem)
{
    struct master *master = context;

    log_event(result == BACKEND_PROBE_FIT ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "backend-probed", "result",
              probe_name(result), "backend", master->next->config->backend.address, "why",
              problem[0] != '\0' ? problem : NULL, NULL);
    if (probe_is_fatal(result)) {
        master_reload_refuse(master, probe_advice(result));
        return;
    }
    probe_free(&master->probe);
    master->next_sent = true;
    child_tell_load(&master->keeper, master->next, master->next_number);
    for (unsigned i = 0; i < master->workers_count; i++)
        child_tell_load(&master->workers[i], master->next, master->next_number);
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
    master->probe = probe_start(master->base, master->binary, master->next->config_descriptor, on_probed, master);
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
