/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generation.c: maps the two sealed files, parses the one, opens the other, loads certificates. The mapping of
 * the image lives as long as the generation's arena; its descriptor goes on to the judges. Everything may fail,
 * and then nothing is left of it.
 */
#include "proxy/generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "policy/language.h"
#include "proxy/process.h"
#include "rules/program.h"

static struct generation *living;      /* the newest first */

struct mapping {
    void *bytes;
    size_t length;
};

static void unmap(void *thing)
{
    struct mapping *mapping = thing;

    munmap(mapping->bytes, mapping->length);
}

/* The whole file, read-only, for as long as `arena`. */
static bool map_file(int descriptor, struct arena *arena, struct slice *bytes_out, struct slice *problem_out)
{
    struct mapping *mapping = arena_alloc(arena, sizeof(*mapping));
    struct stat file;

    if (fstat(descriptor, &file) != 0 || file.st_size <= 0) {
        *problem_out = SLICE("the memory file is empty");
        return false;
    }
    mapping->length = (size_t)file.st_size;
    mapping->bytes = mmap(NULL, mapping->length, PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapping->bytes == MAP_FAILED) {
        *problem_out = arena_printf(arena, "cannot map a memory file: %s", strerror(errno));
        return false;
    }
    arena_at_end(arena, unmap, mapping);
    *bytes_out = slice_of(mapping->bytes, mapping->length);
    return true;
}

/* The path and a NUL, then the text. */
int generation_seal_config(const struct config *config)
{
    struct arena *arena = arena_new();
    size_t path_length = strlen(config->path) + 1;
    char *bytes = arena_alloc(arena, path_length + config->text.length);
    int descriptor;

    memcpy(bytes, config->path, path_length);
    memcpy(bytes + path_length, config->text.text, config->text.length);
    descriptor = process_sealed_memory("mxward-config", bytes, path_length + config->text.length);
    arena_free(&arena);
    return descriptor;
}

struct config *generation_open_config(int descriptor, struct arena *arena, struct slice *problem_out)
{
    struct diagnostics diagnostics;
    struct slice bytes, path;
    struct config *config;

    if (!map_file(descriptor, arena, &bytes, problem_out))
        return NULL;
    path = slice_cut(&bytes, '\0');
    if (bytes.text == NULL) {
        *problem_out = SLICE("the configuration's memory file is damaged");
        return NULL;
    }
    diagnostics_init(&diagnostics, arena);
    config = config_parse(arena_string(arena, path), bytes, arena, &diagnostics);
    if (config == NULL)
        *problem_out = diagnostics_text(&diagnostics, arena);
    return config;
}

void generation_hash(struct slice image, unsigned char hash_out[32])
{
    unsigned length = 0;

    if (EVP_Digest(image.text, image.length, hash_out, &length, EVP_sha256(), NULL) != 1 || length != 32)
        bug("SHA-256");
}

void generation_digest(struct slice image, char digest_out[65])
{
    unsigned char digest[32];

    generation_hash(image, digest);
    for (size_t i = 0; i < 32; i++)
        snprintf(digest_out + 2 * i, 3, "%02x", (unsigned)digest[i]);
}

static bool uses_tls(const struct config *config)
{
    for (size_t i = 0; i < config->listeners_count; i++)
        if (config->listeners[i].tls != LISTENER_TLS_NONE)
            return true;
    return false;
}

static bool open_program(struct generation *generation, int image_descriptor, struct slice *problem_out)
{
    struct slice image;

    if (!map_file(image_descriptor, generation->arena, &image, problem_out))
        return false;
    generation->program = program_open(&judge_language, image, generation->arena, problem_out);
    if (generation->program == NULL)
        return false;
    generation_hash(image, generation->program_hash);
    generation_digest(image, generation->program_digest);
    for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
        generation->has_stage[stage] = program_has_stage(generation->program, stage);
    return true;
}

static bool load_tls(struct generation *generation, struct slice *problem_out)
{
    const struct config *config = generation->config;
    struct arena *arena = generation->arena;

    generation->authorities = arena_array(arena, config->listeners_count, sizeof(struct tls_authorities *));
    if (!uses_tls(config))
        return true;
    generation->tls = tls_context_new(config->certificates, config->certificates_count, arena, problem_out);
    for (size_t i = 0; generation->tls != NULL && i < config->listeners_count; i++) {
        if (config->listeners[i].client_authorities == NULL)
            continue;
        generation->authorities[i] = tls_authorities_new(config->listeners[i].client_authorities, arena, problem_out);
        if (generation->authorities[i] == NULL)
            return false;
    }
    return generation->tls != NULL;
}

static bool load_backend_tls(struct generation *generation, struct slice *problem_out)
{
    const struct config *config = generation->config;
    struct slice warning;

    generation->backend_tls = arena_array(generation->arena, config->backends_count, sizeof(struct tls_client *));
    for (size_t i = 0; i < config->backends_count; i++) {
        struct backend_settings settings = config->backends[i];

        if (!backend_settings_open(&settings, generation->arena, &warning)) {
            *problem_out = warning;
            return false;
        }
        generation->backend_tls[i] = settings.tls_client;
    }
    return true;
}

static bool fill(struct generation *generation, int config_descriptor, int image_descriptor, struct slice *problem_out)
{
    const struct config *config = generation_open_config(config_descriptor, generation->arena, problem_out);

    generation->config = config;
    return config != NULL && open_program(generation, image_descriptor, problem_out) &&
           load_tls(generation, problem_out) && load_backend_tls(generation, problem_out);
}

struct generation *generation_new(unsigned number, int config_descriptor, int image_descriptor, struct arena *arena,
                                  struct slice *problem_out)
{
    struct generation *generation = memory_zeroed(1, sizeof(*generation));
    struct slice problem = SLICE_NONE;
    bool well = false;

    generation->references = 1;
    generation->number = number;
    generation->arena = arena_new();
    generation->older = living;
    living = generation;
    if (generations_count() > GENERATIONS_MOST)
        problem =
            SLICE("transactions of three earlier configurations are still under way: try again when they are done");
    else
        well = fill(generation, config_descriptor, image_descriptor, &problem);
    close(config_descriptor);
    if (!well) {
        close(image_descriptor);
        *problem_out = arena_copy(arena, problem);
        generation_release(&generation);
        return NULL;
    }
    generation->image = judge_image_new(image_descriptor);
    for (size_t i = 0; program_added_field(generation->program, i) != NULL; i++)
        judge_image_allow(generation->image, program_added_field(generation->program, i));
    return generation;
}

const struct tls_authorities *generation_authorities(const struct generation *generation, struct slice listener)
{
    for (size_t i = 0; i < generation->config->listeners_count; i++)
        if (slice_equal(generation->config->listeners[i].text, listener))
            return generation->authorities[i];
    return NULL;
}

const struct backend_choice *generation_backends(const struct generation *generation, bool submission)
{
    return &generation->serving[submission];
}

struct generation *generation_keep(struct generation *generation)
{
    generation->references++;
    return generation;
}

static void forget(const struct generation *generation)
{
    struct generation **place = &living;

    while (*place != generation)
        place = &(*place)->older;
    *place = generation->older;
}

void generation_release(struct generation **generation_pointer)
{
    struct generation *generation = *generation_pointer;

    *generation_pointer = NULL;
    if (generation == NULL || --generation->references > 0)
        return;
    forget(generation);
    if (generation->image != NULL)
        judge_image_release(&generation->image);
    if (generation->tls != NULL)
        tls_context_release(&generation->tls);
    for (size_t i = 0; generation->authorities != NULL && i < generation->config->listeners_count; i++)
        tls_authorities_free(&generation->authorities[i]);
    for (size_t i = 0; generation->backend_tls != NULL && i < generation->config->backends_count; i++)
        tls_client_release(&generation->backend_tls[i]);
    arena_free(&generation->arena);
    free(generation);
}

unsigned generations_count(void)
{
    unsigned count = 0;

    for (const struct generation *generation = living; generation != NULL; generation = generation->older)
        count++;
    return count;
}

bool generations_use_resolver(const struct resolver *resolver)
{
    const struct generation *generation = living;

    while (generation != NULL && generation->resolver != resolver)
        generation = generation->older;
    return generation != NULL;
}

bool generations_use_backend(const struct backend_pool *pool)
{
    const struct generation *generation = living;

    while (generation != NULL && !backend_choice_has(&generation->backends, pool))
        generation = generation->older;
    return generation != NULL;
}
