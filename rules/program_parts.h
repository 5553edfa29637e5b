/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program_parts.h: what a program is made of; for the files of rules/ only. All of it lives in the program's arena, is
 * made by check*.c, and is never changed after.
 */
#ifndef MXWARD_RULES_PROGRAM_PARTS_H
#define MXWARD_RULES_PROGRAM_PARTS_H

#include "rules/ast.h"
#include "rules/list.h"
#include "rules/pattern.h"
#include "rules/program.h"

/* Bounds of all files of one program together. */
#define PROGRAM_FILES_MOST 100
#define PROGRAM_RULES_MOST 5000
#define PROGRAM_LISTS_MOST 500

/* One fact as a rule reads it; each rule has one for each fact, however often it reads it. */
struct fact_read {
    const struct field *field;
    struct slice key;
    struct slice name;                 /* as printed: dmarc.result, header["Subject"] */
    struct fact_read *next;            /* of the same rule */
};

struct literal {
    struct slice text;                 /* TEXT, WORD, DOMAIN */
    int64_t number;
    enum token_unit unit;
    struct network network;            /* ADDRESS */
    bool has_prefix;
    struct literal *next;
};

struct named_list {
    struct slice name;
    struct span span;
    enum list_kind kind;
    bool kind_known;                   /* false after an error: fits everything */
    bool used;
    struct slice path;
    const struct ast_literal *entries;
    const struct list *list;
    struct named_list *next;
};

/* The kinds are those of the tree. */
struct expression {
    enum ast_kind kind;
    struct expression *children;
    struct expression *next;
    const struct fact_read *fact;
    enum token_kind comparison;
    bool every;                        /* for each item, not for any */
    const struct literal *literals;
    const struct named_list *list;
    const struct pattern *pattern;
    struct slice pattern_text;
};

/* A piece of a text: literal, or a fact in its place. */
struct text_part {
    struct slice literal;
    const struct fact_read *fact;
    struct text_part *next;
};

struct rule_action {
    const struct action *action;
    unsigned code;
    struct slice enhanced;
    struct slice field_name;
    struct slice word;
    int64_t number;
    bool has_text;
    struct text_part *text;
    struct rule_action *next;
};

struct rule {
    struct slice name;
    struct span span;
    unsigned stage;
    struct expression *condition;      /* NULL only while there are errors */
    struct rule_action *actions;
    bool shadow;
    const struct action *may_turn;     /* its last action, when that has another that stands in for it while unknown */
    const struct action *on_unknown;   /* that other; NULL: `on-unknown pass` */
    struct fact_read *reads;
};

struct program {
    const struct language *language;
    struct arena *arena;
    struct source *sources;            /* rules files, in order */
    size_t sources_count;
    struct named_list *lists;
    size_t lists_count;
    struct rule **rules;               /* in order of the files */
    size_t rules_count;
    struct rule ***stage_rules;        /* for each stage, NULL at the end */
    const char **added_fields;         /* NULL at the end; likewise: */
    const char **read_headers;
    bool jit;
};

/* Room for the unit and sign of any number. */
#define NUMBER_TEXT 32
/* 20s, 10M: with the largest unit that divides it. */
struct slice number_print(int64_t number, enum token_unit unit, char *buffer);

#endif
