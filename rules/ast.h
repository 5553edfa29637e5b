/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ast.h: a rules file as written, plain data. Names are not looked up yet: facts, stages, lists and actions are words
 * with the place where they stand. Nodes live in the arena of the load and borrow from its source. Where the parser
 * gave up on a part, that part is missing (NULL, no name) and was reported; check.c says nothing more about it.
 */
#ifndef MXWARD_RULES_AST_H
#define MXWARD_RULES_AST_H

#include "rules/token.h"

enum ast_kind {
    AST_ALWAYS,
    AST_AND,               /* children, two or more */
    AST_OR,
    AST_NOT,               /* one child */
    AST_FACT,              /* the fact alone */
    AST_COMPARE,           /* operator, one literal */
    AST_IN_LIST,           /* list, by "in" or by "matches" */
    AST_IN_LITERALS,       /* literals */
    AST_MATCHES,           /* one literal, a string: a pattern */
    AST_IS_UNKNOWN,
    AST_IS_ABSENT,
};

/* A word and where it stands; text absent when there is none. */
struct ast_name {
    struct slice text;
    struct span span;
};

struct ast_fact {
    struct ast_name name;
    struct ast_name key;           /* header["Subject"]: Subject */
};

/* A token that is a value: WORD, STRING, NUMBER or ADDRESS. */
struct ast_literal {
    struct token token;
    struct ast_literal *next;
};

struct ast_expression {
    enum ast_kind kind;
    struct span span;
    struct ast_expression *children;
    struct ast_expression *next;   /* of the same parent */
    struct ast_fact fact;
    enum token_kind comparison;    /* AST_COMPARE: TOKEN_EQUAL to TOKEN_GREATER_EQUAL */
    struct ast_literal *literals;
    struct ast_name list;
    bool every;                    /* `all FACT in` or `all FACT matches`: for each item, not for any */
    bool by_matches;               /* AST_IN_LIST: `matches NAME`, which only a pattern list can stand for */
};

struct ast_action {
    struct ast_name name;
    struct ast_literal *arguments;
    struct ast_action *next;
};

struct ast_rule {
    struct ast_name name;
    struct ast_name stage;
    struct ast_expression *condition;
    struct ast_action *actions;
    bool shadow;
    struct ast_name on_unknown;
    struct ast_rule *next;
};

struct ast_list {
    struct ast_name name;
    struct ast_name kind;
    struct ast_name path;          /* from a file; else the entries */
    struct ast_literal *entries;
    struct ast_list *next;
};

struct ast_file {
    const struct source *source;
    struct ast_list *lists;
    struct ast_rule *rules;
};

#endif
