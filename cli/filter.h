/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.h: which records are asked for: name=value, name!=value, name~regex, all of which must hold. A name is
 * a dotted path into the record ("client.ip"), or a short one ("action"); where it leads through an array any
 * element will do.
 */
#ifndef MXWARD_CLI_FILTER_H
#define MXWARD_CLI_FILTER_H

#include "rules/arena.h"
#include "rules/slice.h"

struct filter;
struct json_t;                     /* jansson's json_t */

/* Whether an argument is meant as a filter, not as a file. */
bool filter_is_one(const char *argument);
/* Puts one more before `next`; NULL: *problem_out (in `arena`). Filters live in the arena. */
struct filter *filter_new(const char *text, struct filter *next, struct arena *arena, struct slice *problem_out);
bool filter_matches(const struct filter *filters, const struct json_t *record);
/* Short names for the manual: NULL ends. */
const char *filter_alias(size_t index, const char **path_out);

#endif
