/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.h: memory that is freed all at once. One arena belongs to one lifetime (process, program generation, client,
 * transaction); nothing in it is freed alone. An allocation that fails aborts the process: whoever puts
 * text of strangers into an arena bounds it first. Memory comes zeroed and aligned for any type.
 */
#ifndef MXWARD_RULES_ARENA_H
#define MXWARD_RULES_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "rules/slice.h"

struct arena;

struct arena *arena_new(void);
/* Frees all and clears the pointer; accepts a pointer to NULL. */
void arena_free(struct arena **arena);
/* Forgets all that was allocated but keeps one block for the next use. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size);
/* count * size, aborts on overflow. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A copy of the bytes; the copy is followed by a NUL that its length does not count. An absent slice stays absent. */
struct slice arena_copy(struct arena *arena, struct slice slice);
/* The copy as a string; bytes after a NUL within the slice are there but unseen. */
char *arena_string(struct arena *arena, struct slice slice);
struct slice arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct slice arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* A stream into memory, for text that is printed in pieces; its end gives the text, in `arena`. */
struct arena_stream {
    FILE *file;
    char *text;
    size_t size;
};
void arena_stream_start(struct arena_stream *stream);
struct slice arena_stream_end(struct arena_stream *stream, struct arena *arena);
/* Bytes handed out since the start or the last reset. */
size_t arena_used(const struct arena *arena);

/* Calls `release` when the arena is freed or reset, the last registered first: for what a library allocates itself. */
void arena_at_end(struct arena *arena, void (*release)(void *thing), void *thing);

/* For memory outside arenas: as malloc(), calloc(), realloc() and strdup(), but abort instead of returning NULL. */
void *memory_alloc(size_t size);
void *memory_zeroed(size_t count, size_t size);
void *memory_grown(void *old, size_t size);
char *memory_string(const char *string);

/* A thing that cannot happen: prints where and aborts; the master starts another process. */
#define bug(what) bug_at(__FILE__, __LINE__, what)
_Noreturn void bug_at(const char *file, int line, const char *what);

#endif
