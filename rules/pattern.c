/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern.c: PCRE2 (pcre2api(3)); no type of it leaves this file. Each pattern is compiled twice, for characters and
 * for bytes; the second may be missing when the pattern makes sense for characters only (\x{263A}). What PCRE2
 * allocates is freed with the arena. Machine code runs on 32 KiB of stack; where that does not do, the interpreter
 * takes over.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "rules/pattern.h"

#include <pcre2.h>

#include "rules/token.h"

struct pattern {
    pcre2_code *characters;
    pcre2_code *bytes;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    bool jit;
};

static void pattern_release(void *thing)
{
    struct pattern *pattern = thing;

    pcre2_code_free(pattern->characters);
    pcre2_code_free(pattern->bytes);
    pcre2_match_data_free(pattern->match);
    pcre2_match_context_free(pattern->limits);
}

static pcre2_code *compile(struct slice text, uint32_t options, int *code_out, size_t *at_out)
{
    PCRE2_SIZE at = 0;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)(text.length == 0 ? "" : text.text), text.length, options, code_out, &at, NULL);

    *at_out = at;
    return compiled;
}

static void set_limits(struct pattern *pattern)
{
    pattern->match = pcre2_match_data_create(1, NULL);
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->match == NULL || pattern->limits == NULL)
        bug("out of memory");
    pcre2_set_match_limit(pattern->limits, PATTERN_STEPS_MOST);
    pcre2_set_depth_limit(pattern->limits, PATTERN_DEPTH_MOST);
    pcre2_set_heap_limit(pattern->limits, PATTERN_MEMORY_MOST);
}

struct pattern *pattern_compile(struct slice text, bool jit, struct arena *arena, struct slice *problem_out,
                                size_t *at_out)
{
    uint32_t for_characters = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    struct pattern *pattern = arena_alloc(arena, sizeof(*pattern));
    int code = 0, ignored = 0;
    size_t nowhere;

    pattern->characters = compile(text, for_characters, &code, at_out);
    if (pattern->characters == NULL) {
        char message[256];

        if (pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof(message)) < 0)
            bug("PCRE2 error message");
        *problem_out = arena_printf(arena, "%s", message);
        return NULL;
    }
    pattern->bytes = compile(text, PCRE2_NEVER_UTF, &ignored, &nowhere);
    set_limits(pattern);
    arena_at_end(arena, pattern_release, pattern);
    if (jit) {
        pattern->jit = pcre2_jit_compile(pattern->characters, PCRE2_JIT_COMPLETE) == 0;
        if (pattern->jit && pattern->bytes != NULL)
            pattern->jit = pcre2_jit_compile(pattern->bytes, PCRE2_JIT_COMPLETE) == 0;
    }
    return pattern;
}

enum pattern_result pattern_match(const struct pattern *pattern, struct slice text)
{
    size_t wrong = 0;
    bool as_characters = pattern->bytes == NULL || text_is_utf8(text, &wrong);
    pcre2_code *compiled = as_characters ? pattern->characters : pattern->bytes;
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.length == 0 ? "" : text.text);
    int result = pcre2_match(compiled, subject, text.length, 0, 0, pattern->match, pattern->limits);

    if (result == PCRE2_ERROR_JIT_STACKLIMIT)
        result = pcre2_match(compiled, subject, text.length, 0, PCRE2_NO_JIT, pattern->match, pattern->limits);
    if (result >= 0)
        return PATTERN_YES;
    return result == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_GAVE_UP;
}

bool pattern_has_jit(const struct pattern *pattern)
{
    return pattern->jit;
}
