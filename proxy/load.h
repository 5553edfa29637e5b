/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h: one load of everything as the master holds it: the configuration and, compiled from its rules and
 * lists, the program; both as sealed memory files that any number of processes can be given. Read by
 * generation.h at the other end. Loads no keys.
 */
#ifndef MXWARD_PROXY_LOAD_H
#define MXWARD_PROXY_LOAD_H

#include "proxy/config.h"

struct program;

struct load {
    struct arena *arena;               /* owns all of it */
    struct diagnostics diagnostics;    /* errors and warnings of the whole load, in order */
    const struct config *config;
    const struct program *program;
    int config_descriptor;             /* -1: not sealed */
    int image_descriptor;
    char digest[65];                   /* of the image: names rules and lists in records */
};

/* Reads the configuration alone. Always gives a load; `config` is NULL when there are errors. */
struct load *load_config(const char *path);
/* Then rules and lists, into `program` and `digest`; false: errors are in the diagnostics. */
bool load_rules(struct load *load);
/* Then both memory files; false with errno. */
bool load_seal(struct load *load);
void load_free(struct load **load);

#endif
