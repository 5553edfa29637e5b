/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: reads, compiles, seals. In three steps, because a master that was started as root reads its
 * configuration before it gives that up, and everything else after.
 */
#include "proxy/load.h"

#include <stdlib.h>
#include <unistd.h>

#include "policy/language.h"
#include "proxy/generation.h"
#include "proxy/process.h"
#include "rules/program.h"

struct load *load_config(const char *path)
{
    struct load *load = memory_zeroed(1, sizeof(*load));

    load->arena = arena_new();
    load->config_descriptor = -1;
    load->image_descriptor = -1;
    diagnostics_init(&load->diagnostics, load->arena);
    load->config = config_load(path, load->arena, &load->diagnostics);
    return load;
}

bool load_rules(struct load *load)
{
    struct program_reader reader = { .read = config_read_rules_file };
    size_t count = 0;

    while (load->config->rules != NULL && load->config->rules[count] != NULL)
        count++;
    load->program = program_load(&judge_language, load->config->rules, count, &reader, load->arena, &load->diagnostics);
    if (load->program == NULL)
        return false;
    generation_digest(program_image(load->program, load->arena), load->digest);
    return true;
}

bool load_seal(struct load *load)
{
    struct slice image = program_image(load->program, load->arena);

    load->config_descriptor = generation_seal_config(load->config);
    if (load->config_descriptor < 0)
        return false;
    load->image_descriptor = process_sealed_memory("mxward-program", image.text, image.length);
    return load->image_descriptor >= 0;
}

void load_free(struct load **load_pointer)
{
    struct load *load = *load_pointer;

    *load_pointer = NULL;
    if (load == NULL)
        return;
    if (load->config_descriptor >= 0)
        close(load->config_descriptor);
    if (load->image_descriptor >= 0)
        close(load->image_descriptor);
    arena_free(&load->arena);
    free(load);
}
