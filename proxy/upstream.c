/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstream.c: two lists, each entry with a copy of the settings it was made by; who uses it is told by the living
 * generations. Only making a resolver can fail: a file that cannot be read, an address that is none.
 */
#include "proxy/upstream.h"

#include <stdlib.h>

#include "proxy/backend.h"
#include "proxy/generation.h"
#include "proxy/resolver.h"

struct resolver_entry {
    struct resolver_entry *next;
    struct arena *arena;               /* of the resolver, and of the configuration that its settings are in */
    const struct resolver_settings *settings;
    struct resolver *resolver;
};

struct backend_entry {
    struct backend_entry *next;
    struct arena *arena;               /* of the settings' strings */
    struct backend_settings settings;
    struct backend_pool *pool;
};

struct upstreams {
    struct event_base *base;
    struct resolver_entry *resolvers;
    struct backend_entry *backends;
    uint64_t asked;                    /* by resolvers that are gone */
};

/* ---- the same? */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(const char *const *a, const char *const *b)
{
    for (size_t i = 0;; i++) {
        const char *one = a == NULL ? NULL : a[i], *other = b == NULL ? NULL : b[i];

        if (one == NULL || other == NULL)
            return one == other;
        if (strcmp(one, other) != 0)
            return false;
    }
}

/* A fixture may have been edited: it is read again. So is resolv.conf. */
static bool same_resolver(const struct resolver_settings *a, const struct resolver_settings *b)
{
    return a->mode == b->mode && a->mode != RESOLVER_FIXTURE && a->mode != RESOLVER_SYSTEM &&
           same_texts(a->forwarders, b->forwarders) && same_texts(a->unblock_zones, b->unblock_zones) &&
           a->unblock_lan_zones == b->unblock_lan_zones && same_text(a->root_key_path, b->root_key_path) &&
           same_text(a->root_hints_path, b->root_hints_path);
}

/* ---- resolvers */

static void resolver_entry_free(struct resolver_entry **entry_pointer)
{
    struct resolver_entry *entry = *entry_pointer;

    *entry_pointer = entry->next;
    resolver_free(&entry->resolver);
    arena_free(&entry->arena);
    free(entry);
}

/* The settings live as long as the resolver, maybe longer than the generation: from a configuration of its own. */
static struct resolver_entry *make_resolver(struct upstreams *upstreams, const struct config *config,
                                            struct arena *arena, struct slice *problem_out)
{
    struct resolver_entry *entry = memory_zeroed(1, sizeof(*entry));
    struct diagnostics diagnostics;
    const struct config *own;
    struct slice problem = SLICE_NONE;

    entry->arena = arena_new();
    diagnostics_init(&diagnostics, entry->arena);
    own = config_parse(arena_string(entry->arena, slice_of_string(config->path)),
                       arena_copy(entry->arena, config->text), entry->arena, &diagnostics);
    if (own == NULL)
        bug("a configuration that parsed once");
    entry->settings = &own->resolver;
    entry->resolver = resolver_new(upstreams->base, entry->settings, entry->arena, &problem);
    if (entry->resolver == NULL) {
        *problem_out = arena_copy(arena, problem);
        arena_free(&entry->arena);
        free(entry);
        return NULL;
    }
    entry->next = upstreams->resolvers;
    upstreams->resolvers = entry;
    return entry;
}

static struct resolver *find_resolver(struct upstreams *upstreams, const struct config *config, struct arena *arena,
                                      struct slice *problem_out)
{
    struct resolver_entry *entry = upstreams->resolvers;

    while (entry != NULL && !same_resolver(entry->settings, &config->resolver))
        entry = entry->next;
    if (entry == NULL)
        entry = make_resolver(upstreams, config, arena, problem_out);
    return entry == NULL ? NULL : entry->resolver;
}

/* ---- backends */

static struct backend_settings share_of(const struct generation *generation, size_t index, unsigned workers)
{
    struct backend_settings settings = generation->config->backends[index];

    if (workers > 1)
        settings.sessions_most = (settings.sessions_most + workers - 1) / workers;
    settings.tls_client = generation->backend_tls[index];
    return settings;
}

static struct backend_pool *find_backend(struct upstreams *upstreams, const struct backend_settings *settings)
{
    struct backend_entry *entry = upstreams->backends;

    while (entry != NULL && !backend_settings_same(&entry->settings, settings))
        entry = entry->next;
    if (entry != NULL) {
        backend_pool_revive(entry->pool);
        return entry->pool;
    }
    entry = memory_zeroed(1, sizeof(*entry));
    entry->arena = arena_new();
    entry->settings = backend_settings_copy(settings, entry->arena);
    entry->pool = backend_pool_new(upstreams->base, settings);
    entry->next = upstreams->backends;
    upstreams->backends = entry;
    return entry->pool;
}

/* Unless any is said to be for submission, all serve all. */
static void choose_serving(struct generation *generation)
{
    const struct config *config = generation->config;

    for (size_t i = 0; i < config->backends_count; i++) {
        struct backend_choice *serving = &generation->serving[config->backends[i].submission];

        serving->pools[serving->count++] = generation->backends.pools[i];
    }
    if (generation->serving[true].count == 0)
        generation->serving[true] = generation->serving[false];
}

static void backend_entry_free(struct backend_entry **entry_pointer)
{
    struct backend_entry *entry = *entry_pointer;

    *entry_pointer = entry->next;
    backend_pool_free(&entry->pool);
    arena_free(&entry->arena);
    free(entry);
}

/* ---- both */

struct upstreams *upstreams_new(struct event_base *base)
{
    struct upstreams *upstreams = memory_zeroed(1, sizeof(*upstreams));

    upstreams->base = base;
    return upstreams;
}

void upstreams_free(struct upstreams **upstreams)
{
    struct upstreams *all = *upstreams;

    if (all == NULL)
        return;
    while (all->backends != NULL)
        backend_entry_free(&all->backends);
    while (all->resolvers != NULL)
        resolver_entry_free(&all->resolvers);
    free(all);
    *upstreams = NULL;
}

bool upstreams_attach(struct upstreams *upstreams, struct generation *generation, unsigned workers,
                      struct arena *arena, struct slice *problem_out)
{
    generation->resolver = find_resolver(upstreams, generation->config, arena, problem_out);
    if (generation->resolver == NULL)
        return false;
    for (size_t i = 0; i < generation->config->backends_count; i++) {
        struct backend_settings settings = share_of(generation, i, workers);

        generation->backends.pools[generation->backends.count++] = find_backend(upstreams, &settings);
    }
    choose_serving(generation);
    return true;
}

void upstreams_use(struct upstreams *upstreams, const struct generation *generation, unsigned workers)
{
    for (struct backend_entry *entry = upstreams->backends; entry != NULL; entry = entry->next)
        if (!backend_choice_has(&generation->backends, entry->pool))
            backend_pool_retire(entry->pool);
    for (size_t i = 0; i < generation->backends.count; i++) {
        struct backend_settings settings = share_of(generation, i, workers);

        backend_pool_use(generation->backends.pools[i], &settings);
    }
    upstreams_sweep(upstreams);
}

void upstreams_sweep(struct upstreams *upstreams)
{
    for (struct backend_entry **entry = &upstreams->backends; *entry != NULL;) {
        bool used = generations_use_backend((*entry)->pool);

        /* That of a generation which was discarded has spares already, and would go on making them. */
        if (!used)
            backend_pool_retire((*entry)->pool);
        if (used || !backend_pool_is_empty((*entry)->pool))
            entry = &(*entry)->next;
        else
            backend_entry_free(entry);
    }
    for (struct resolver_entry **entry = &upstreams->resolvers; *entry != NULL;)
        if (generations_use_resolver((*entry)->resolver)) {
            entry = &(*entry)->next;
        } else {
            upstreams->asked += resolver_asked((*entry)->resolver);
            resolver_entry_free(entry);
        }
}

unsigned upstreams_sessions(const struct upstreams *upstreams)
{
    unsigned sessions = 0;

    for (const struct backend_entry *entry = upstreams->backends; entry != NULL; entry = entry->next)
        sessions += backend_pool_sessions(entry->pool);
    return sessions;
}

uint64_t upstreams_asked(const struct upstreams *upstreams)
{
    uint64_t asked = upstreams->asked;

    for (const struct resolver_entry *entry = upstreams->resolvers; entry != NULL; entry = entry->next)
        asked += resolver_asked(entry->resolver);
    return asked;
}
