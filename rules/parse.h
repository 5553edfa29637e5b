/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.h: the text of a rules file to its tree. The grammar ("x" stands for itself, [ ] optional, * any number):
 *
 *     file        (list | rule)*
 *     list        "list" WORD KIND ( "{" (STRING | ADDRESS)* "}" | "file" STRING )
 *     rule        "rule" WORD "at" WORD "{" when then then* (mode | on-unknown)* "}"
 *     when        "when" ( "always" | or )            then        "then" WORD (NUMBER | STRING | x.y.z)*
 *     mode        "mode" "shadow"                     on-unknown  "on-unknown" ("defer" | "pass")
 *     or          and ("or" and)*                     and         not ("and" not)*
 *     not         "not" not | "(" or ")" | test
 *     test        fact [ OP literal | "in" (WORD | "{" literal* "}") | "matches" (STRING | WORD)
 *                      | "is" ("unknown" | "absent") ]
 *     fact        WORD [ "[" STRING "]" ]             literal     WORD | STRING | NUMBER | ADDRESS
 */
#ifndef MXWARD_RULES_PARSE_H
#define MXWARD_RULES_PARSE_H

#include "rules/ast.h"

/* Depth of "not" and parentheses within each other: what recursion may cost. */
#define PARSE_DEPTH_MOST 50
/* Literals in one { }. */
#define PARSE_LITERALS_MOST 1000
/* Actions of one rule, and arguments of one action. */
#define PARSE_ACTIONS_MOST 16
#define PARSE_ARGUMENTS_MOST 4

/* Always gives a tree, of what could be read; every error is in the diagnostics. */
struct ast_file *parse_file(const struct source *source, struct arena *arena, struct diagnostics *diagnostics);
/* For parse.c: the condition after "when", or NULL after an error. */
struct ast_expression *parse_condition(struct token_cursor *cursor);

#endif
