/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diag.h: messages about a text file (rules, lists, mxward.conf) at file:line:column, printed with the line and a
 * caret. All errors of one load are collected; nothing stops at the first. A `struct diagnostics` lives as long as its
 * arena.
 *
 *     default.rules:12:11: error: unknown fact "dmarc.reslt"; did you mean "dmarc.result"?
 *         when  dmarc.reslt == fail
 *               ^~~~~~~~~~~
 */
#ifndef MXWARD_RULES_DIAG_H
#define MXWARD_RULES_DIAG_H

#include <stdio.h>

#include "rules/arena.h"
#include "rules/slice.h"

/* One file as read: `name` is what messages call it. */
struct source {
    const char *name;
    struct slice text;
    size_t order;                  /* messages come in this order of their sources; 0 for all: as they were reported */
};

/* First and last byte of what a message is about; length 0 points at one place. */
struct span {
    const struct source *source;
    size_t offset;
    size_t length;
};

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostic {
    enum severity severity;
    struct span span;              /* source == NULL: about no place */
    struct slice text;
    struct diagnostic *next;
};

/* More than this are counted, not kept. */
#define DIAGNOSTICS_MOST 100

struct diagnostics {
    struct arena *arena;
    struct diagnostic *first;
    struct diagnostic **end;
    size_t errors;
    size_t warnings;
};

void diagnostics_init(struct diagnostics *diagnostics, struct arena *arena);
void diag_error(struct diagnostics *diagnostics, struct span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diag_warning(struct diagnostics *diagnostics, struct span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Line and column, both from 1; columns count UTF-8 characters, a tab is one. */
void span_position(struct span span, size_t *line_out, size_t *column_out);
/* All messages, in order of file and place. `colour` puts ANSI colours around the severity. */
void diagnostics_print(const struct diagnostics *diagnostics, FILE *file, bool colour);
/* The same as text in `arena`. */
struct slice diagnostics_text(const struct diagnostics *diagnostics, struct arena *arena);

/*
 * The name of `names` nearest to `word` by edit distance (at most a third of its length, at least 1), or NULL.
 * `next` hands out the names one by one: NULL ends.
 */
const char *did_you_mean(struct slice word, const char *(*next)(void *context, size_t index), void *context);

#endif
