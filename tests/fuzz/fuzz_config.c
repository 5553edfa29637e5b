/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_config.c: any bytes as mxward.conf. Either there are errors, all of which can be printed, or there is a
 * configuration that is whole, and that reads the same again, also from a file.
 * Parsers: proxy/config.c proxy/config_values.c proxy/config_backend.c proxy/config_consistent.c
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_whole(const struct config *config)
{
    if (config->hostname == NULL || config->authserv_id == NULL || config->user == NULL ||
        config->backends_count == 0 || config->runtime_directory == NULL || config->spool_directory == NULL ||
        config->listeners_count == 0)
        bug("a configuration that is not whole");
    for (size_t i = 0; i < config->listeners_count; i++)
        if (config->listeners[i].tls != LISTENER_TLS_NONE && config->certificates_count == 0)
            bug("TLS without a certificate");
    if (config->record_target == RECORD_FILE && config->record_file == NULL)
        bug("records without a file");
    if (config->resolver.mode == RESOLVER_FORWARD && config->resolver.forwarders == NULL)
        bug("nobody to forward to");
    if (config->limits.header_size > config->limits.message_size ||
        config->limits.message_size > config->limits.spool ||
        config->limits.sessions_per_network > config->limits.sessions)
        bug("limits at odds");
}

/* A file that is in memory, and the same in each run. */
static bool loads(const uint8_t *data, size_t size)
{
    static int descriptor = -1;
    struct arena *arena = arena_new();
    struct diagnostics diagnostics;
    char path[64];

    if (descriptor < 0)
        descriptor = memfd_create("mxward.conf", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, 0) != 0 || pwrite(descriptor, data, size, 0) != (ssize_t)size)
        bug("memory for a file");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    diagnostics_init(&diagnostics, arena);
    bool loaded = config_load(path, arena, &diagnostics) != NULL;
    arena_free(&arena);
    return loaded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct diagnostics diagnostics;
    const struct config *config, *again;

    diagnostics_init(&diagnostics, arena);
    config = config_parse("/etc/mxward/mxward.conf", slice_of((const char *)data, size), arena, &diagnostics);
    if ((config == NULL) != (diagnostics.errors > 0))
        bug("errors of a configuration");
    (void)diagnostics_text(&diagnostics, arena);
    if (loads(data, size) != (config != NULL))
        bug("from a file, it is another");
    if (config != NULL) {
        check_whole(config);
        again = config_parse(config->path, config->text, arena, &diagnostics);
        if (again == NULL || again->listeners_count != config->listeners_count)
            bug("read again, it is another");
    }
    arena_free(&arena);
    return 0;
}
