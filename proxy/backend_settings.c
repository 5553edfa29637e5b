/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_settings.c: settings of one backend as values: compared, copied, and their files opened. Two that are the
 * same reach the same server in the same way, so that a reload goes on with the pool there is. Only opening can fail.
 */
#include "proxy/backend_private.h"

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_trust(const struct tls_client_settings *a, const struct tls_client_settings *b)
{
    return same_text(a->authorities_path, b->authorities_path) && same_text(a->name, b->name) &&
           a->verify == b->verify && same_text(a->certificate_path, b->certificate_path) &&
           same_text(a->key_path, b->key_path);
}

bool backend_settings_same(const struct backend_settings *a, const struct backend_settings *b)
{
    return strcmp(a->address, b->address) == 0 && a->protocol == b->protocol && a->identity == b->identity &&
           a->relays_for_anyone == b->relays_for_anyone && a->submission == b->submission && a->tls == b->tls &&
           (a->tls == BACKEND_TLS_NONE || same_trust(&a->trust, &b->trust));
}

static const char *copy(const char *text, struct arena *arena)
{
    return text == NULL ? NULL : arena_string(arena, slice_of_string(text));
}

struct backend_settings backend_settings_copy(const struct backend_settings *settings, struct arena *arena)
{
    struct backend_settings own = *settings;

    own.address = copy(settings->address, arena);
    own.hostname = copy(settings->hostname, arena);
    own.trust.authorities_path = copy(settings->trust.authorities_path, arena);
    own.trust.name = copy(settings->trust.name, arena);
    own.trust.certificate_path = copy(settings->trust.certificate_path, arena);
    own.trust.key_path = copy(settings->trust.key_path, arena);
    return own;
}

bool backend_settings_open(struct backend_settings *settings, struct arena *arena, struct slice *problem_out)
{
    *problem_out = SLICE_NONE;
    settings->tls_client = NULL;
    if (settings->tls == BACKEND_TLS_NONE)
        return true;
    settings->tls_client = tls_client_new(&settings->trust, arena, problem_out);
    return settings->tls_client != NULL;
}
