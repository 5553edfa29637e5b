/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story_private.h: what the files of the story share, for cli/story*.c only. A line is a label of STORY_LABEL columns
 * and a text; headings stand between. A member that no line is made for is told by its own name (story_rest()): what
 * is added to the record is never left out of the story.
 */
#ifndef MXWARD_CLI_STORY_PRIVATE_H
#define MXWARD_CLI_STORY_PRIVATE_H

#include "cli/story.h"
#include "rules/arena.h"
#include "rules/slice.h"

/* Columns of the labels on the left. */
#define STORY_LABEL 12

struct story {
    const struct json_t *record;
    enum story_kind kind;
    struct arena *arena;
    FILE *file;
    bool colour;
};

/* Begins a line. */
void story_label(const struct story *story, const char *name);
void story_heading(const struct story *story, const char *name);
/* The member's text, safe; empty when there is none. */
struct slice story_text(const struct story *story, const struct json_t *object, const char *path);
/* "before text after", or nothing when there is no such member or it is empty. */
void story_put(const struct story *story, const struct json_t *object, const char *path, const char *before,
               const char *after);
bool story_is_true(const struct json_t *object, const char *path);
/* A line of its own: label and text, when there is such a member. */
void story_member(const struct story *story, const struct json_t *object, const char *name, const char *path);
/* A line: label, then the list's texts with ", " between; none when the list is empty or is none. */
void story_list(const struct story *story, const char *name, const struct json_t *list);
/* The members of `object` that are not among the `told` (NULL at its end), a line each. */
void story_rest(const struct story *story, const struct json_t *object, const char *const *told);
/* "2026-11-22T07:09:50Z" of the seconds that the member holds, between `before` and `after`. */
void story_put_time(const struct story *story, const struct json_t *object, const char *path, const char *before,
                    const char *after);

/* The parts. */
void story_results(const struct story *story);
void story_signatures(const struct story *story);
void story_chain(const struct story *story);
void story_rules(const struct story *story);
void story_answers(const struct story *story);
void story_effects(const struct story *story);

#endif
