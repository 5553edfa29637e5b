/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story.h: a record told to people: what happened and why in the first lines, then who it was, what was found out,
 * each rule that was met with the values it saw, each question with its answer. `mxward explain` tells records that
 * were written, `mxward verify` the one it has just made. All text is made safe for a terminal, and what a record does
 * not hold is left out.
 */
#ifndef MXWARD_CLI_STORY_H
#define MXWARD_CLI_STORY_H

#include <stdbool.h>
#include <stdio.h>

struct json_t;                     /* jansson's json_t */

enum story_kind {
    STORY_HAPPENED,                    /* a client was there and heard the reply */
    STORY_SUPPOSED,                    /* `mxward verify`: it would hear it */
};

void story_tell(const struct json_t *record, enum story_kind kind, FILE *file, bool colour);

#endif
