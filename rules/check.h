/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h: trees to a program: names are looked up, types and stages compared, patterns compiled. Every error is
 * reported; the program is of use only when there was none. The functions below the first are between check*.c.
 */
#ifndef MXWARD_RULES_CHECK_H
#define MXWARD_RULES_CHECK_H

#include "rules/program_parts.h"

/* How the caller comes by the contents of a list; NULL after it reported why not. */
struct list_source {
    const struct list *(*load)(void *context, const struct ast_file *file, const struct ast_list *list,
                               enum list_kind kind);
    void *context;
};

struct checker {
    struct program *program;
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct list_source lists;
    bool jit;
    /* The rule being checked; its stage, or the last one when the rule names none that exists. */
    struct rule *rule;
    unsigned stage;
    bool stage_known;
};

/* Fills the program, of which only language, arena and sources are set. */
void check_program(struct checker *checker, struct ast_file *const *files, size_t files_count);

/* The fact of that name as the current rule reads it, or NULL after an error. */
const struct fact_read *check_fact(struct checker *checker, const struct ast_fact *fact);
/* NULL after an error. */
struct expression *check_expression(struct checker *checker, const struct ast_expression *tree);
struct rule_action *check_actions(struct checker *checker, const struct ast_action *actions);
/* The parts of a text with {facts}; false after an error. */
bool check_text(struct checker *checker, const struct token *string, struct text_part **parts_out);
/* Letters that a header field's name may have (RFC 5322 3.6.8), not too many. */
bool check_is_field_name(struct slice name);
/* `; did you mean "x"?` or nothing. */
const char *check_hint(struct checker *checker, struct slice word, const char *(*next)(void *context, size_t index),
                       void *context);
/* The same; where nothing is near, `; there are ` and all of them: for few. */
const char *check_hint_of_few(struct checker *checker, struct slice word,
                              const char *(*next)(void *context, size_t index), void *context);

#endif
