/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern.h: regular expressions, as PCRE2 knows them, on any bytes. Text that is UTF-8 is matched as characters, other
 * text as bytes, so that a stray byte in a header field cannot hide the rest of it. Matching is bounded; a pattern that
 * reaches a bound has given up, which is neither a match nor none. One match at a time: a pattern is not for threads.
 */
#ifndef MXWARD_RULES_PATTERN_H
#define MXWARD_RULES_PATTERN_H

#include "rules/arena.h"
#include "rules/slice.h"

/*
 * Backtracking steps, nesting and memory (KiB) of one match. A sensible pattern takes some hundred steps on a header
 * field; these bounds end a hostile one within about 10 ms.
 */
#define PATTERN_STEPS_MOST 200000
#define PATTERN_DEPTH_MOST 50000
#define PATTERN_MEMORY_MOST 16384

struct pattern;

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_GAVE_UP };

/*
 * With `jit` it becomes machine code, unless the system refuses memory that is written and run. On failure NULL, what
 * is wrong, and at which byte of the text. Lives as long as the arena.
 */
struct pattern *pattern_compile(struct slice text, bool jit, struct arena *arena, struct slice *problem_out,
                                size_t *at_out);
enum pattern_result pattern_match(const struct pattern *pattern, struct slice text);
bool pattern_has_jit(const struct pattern *pattern);

#endif
