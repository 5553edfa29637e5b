/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.c: blocks that grow by doubling, filled from the front. What does not fit well in a block gets one of its own.
 * Under the address sanitizer what was not handed out is poisoned and a gap is kept between neighbours, so that running
 * over the end of one allocation into the next is seen. Nothing fails: without memory the process ends.
 */
#include "rules/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED 1
#endif
#endif

#ifdef ARENA_SANITIZED
#include <sanitizer/asan_interface.h>
#define ARENA_GAP 16
#define arena_hide(memory, size) ASAN_POISON_MEMORY_REGION(memory, size)
#define arena_show(memory, size) ASAN_UNPOISON_MEMORY_REGION(memory, size)
#else
#define ARENA_GAP 0
#define arena_hide(memory, size) ((void)(memory), (void)(size))
#define arena_show(memory, size) ((void)(memory), (void)(size))
#endif

#define ARENA_ALIGNMENT alignof(max_align_t)
/* The first block serves a short session; the largest keeps the count of blocks low for a long one. */
#define ARENA_BLOCK_FIRST ((size_t)4000)
#define ARENA_BLOCK_LARGEST ((size_t)256 << 10)

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char memory[];
};

struct ending {
    void (*release)(void *thing);
    void *thing;
    struct ending *next;
};

struct arena {
    struct block *blocks;          /* the first is the one being filled */
    size_t block_size;             /* of the next one */
    size_t used;
    struct ending *endings;        /* last registered first; they live in the arena */
};

static struct block *block_new(size_t size)
{
    struct block *block = memory_alloc(sizeof(*block) + size);

    block->next = NULL;
    block->size = size;
    block->used = 0;
    arena_hide(block->memory, size);
    return block;
}

static void block_free(struct block *block)
{
    arena_show(block->memory, block->size);
    free(block);
}

struct arena *arena_new(void)
{
    struct arena *arena = memory_zeroed(1, sizeof(*arena));

    arena->block_size = ARENA_BLOCK_FIRST;
    return arena;
}

static void run_endings(struct arena *arena)
{
    while (arena->endings != NULL) {
        struct ending *ending = arena->endings;

        arena->endings = ending->next;
        ending->release(ending->thing);
    }
}

void arena_at_end(struct arena *arena, void (*release)(void *thing), void *thing)
{
    struct ending *ending = arena_alloc(arena, sizeof(*ending));

    *ending = (struct ending){ release, thing, arena->endings };
    arena->endings = ending;
}

void arena_free(struct arena **arena)
{
    if (*arena == NULL)
        return;
    run_endings(*arena);
    while ((*arena)->blocks != NULL) {
        struct block *block = (*arena)->blocks;

        (*arena)->blocks = block->next;
        block_free(block);
    }
    free(*arena);
    *arena = NULL;
}

void arena_reset(struct arena *arena)
{
    struct block *kept = NULL;

    run_endings(arena);
    while (arena->blocks != NULL) {
        struct block *block = arena->blocks;

        arena->blocks = block->next;
        if (kept == NULL && block->size <= ARENA_BLOCK_LARGEST)
            kept = block;
        else
            block_free(block);
    }
    if (kept != NULL) {
        kept->next = NULL;
        kept->used = 0;
        arena_hide(kept->memory, kept->size);
    }
    arena->blocks = kept;
    arena->used = 0;
}

/* A block that `size` bytes fit into; one that is for them alone goes behind the first, which is being filled. */
static struct block *block_for(struct arena *arena, size_t size)
{
    struct block *block = arena->blocks;

    if (block != NULL && block->size - block->used >= size)
        return block;
    if (size > arena->block_size / 4) {
        block = block_new(size);
        if (arena->blocks == NULL) {
            arena->blocks = block;
        } else {
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        }
        return block;
    }
    block = block_new(arena->block_size);
    block->next = arena->blocks;
    arena->blocks = block;
    if (arena->block_size < ARENA_BLOCK_LARGEST)
        arena->block_size *= 2;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct block *block;
    char *memory;
    size_t needed;

    if (size > SIZE_MAX / 2)
        bug("arena_alloc size");
    needed = (size + ARENA_GAP + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (needed == 0)
        needed = ARENA_ALIGNMENT;
    block = block_for(arena, needed);
    memory = block->memory + block->used;
    block->used += needed;
    arena->used += size;
    arena_show(memory, size);
    return memset(memory, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / 2 / size)
        bug("arena_array size");
    return arena_alloc(arena, count * size);
}

char *arena_string(struct arena *arena, struct slice slice)
{
    char *string = arena_alloc(arena, slice.length + 1);

    if (slice.length > 0)
        memcpy(string, slice.text, slice.length);
    return string;
}

struct slice arena_copy(struct arena *arena, struct slice slice)
{
    return slice.text == NULL ? SLICE_NONE : slice_of(arena_string(arena, slice), slice.length);
}

struct slice arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    char *text;
    int length;

    if (format == NULL)
        bug("arena_vprintf format");
    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        bug("arena_vprintf format");
    text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return slice_of(text, (size_t)length);
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    struct slice text;
    va_list arguments;

    va_start(arguments, format);
    text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void arena_stream_start(struct arena_stream *stream)
{
    *stream = (struct arena_stream){ .file = NULL };
    stream->file = open_memstream(&stream->text, &stream->size);
    if (stream->file == NULL)
        bug("out of memory");
}

struct slice arena_stream_end(struct arena_stream *stream, struct arena *arena)
{
    struct slice text;

    if (fclose(stream->file) != 0)
        bug("out of memory");
    text = arena_copy(arena, slice_of(stream->text, stream->size));
    free(stream->text);
    return text;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

void *memory_alloc(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);

    if (memory == NULL)
        bug("out of memory");
    return memory;
}

void *memory_zeroed(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (memory == NULL)
        bug("out of memory");
    return memory;
}

void *memory_grown(void *old, size_t size)
{
    void *memory = realloc(old, size == 0 ? 1 : size);

    if (memory == NULL)
        bug("out of memory");
    return memory;
}

char *memory_string(const char *string)
{
    size_t size = strlen(string) + 1;

    return memcpy(memory_alloc(size), string, size);
}

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "mxward: bug at %s:%d: %s\n", file, line, what);
    abort();
}
