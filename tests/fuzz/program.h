/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h: for fuzz targets that judge: rules from a text of their own, loaded once, with all that a judge process
 * prepares before its first message.
 */
#ifndef MXWARD_TESTS_FUZZ_PROGRAM_H
#define MXWARD_TESTS_FUZZ_PROGRAM_H

#include <stdio.h>

#include "policy/auth_dmarc.h"
#include "policy/auth_spf.h"
#include "policy/examine.h"
#include "policy/language.h"
#include "rules/program.h"

static bool fuzz_read_rules(void *context, const char *path, struct arena *arena, struct slice *text_out,
                            struct slice *problem_out)
{
    (void)path;
    (void)arena;
    (void)problem_out;
    *text_out = slice_of_string(context);
    return true;
}

/* Lives as long as the process; the rules of the first call are those of all. */
static const struct program *fuzz_program(const char *rules)
{
    static struct program *loaded;
    static const char *const paths[] = { "fuzz.rules" };
    struct program_reader reader = { fuzz_read_rules, (void *)(uintptr_t)rules };
    struct diagnostics diagnostics;
    if (loaded != NULL)
        return loaded;
    examine_prepare();
    auth_spf_prepare();
    auth_dmarc_prepare();
    struct arena *arena = arena_new();
    diagnostics_init(&diagnostics, arena);
    loaded = program_load(&judge_language, paths, 1, &reader, arena, &diagnostics);
    if (loaded != NULL)
        return loaded;
    diagnostics_print(&diagnostics, stderr, false);
    bug("a fuzz target's rules");
}

#endif
