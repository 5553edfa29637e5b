/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval.h: runs the rules of one stage. Pure: the same values give the same outcome. Three values:
 *
 *     and     | false | unknown | true        or      | false   | unknown | true        not: unknown stays unknown
 *     false   | false | false   | false       false   | false   | unknown | true
 *     unknown | false | unknown | unknown     unknown | unknown | unknown | true
 *     true    | false | unknown | true        true    | true    | true    | true
 *
 * Both sides of `and`/`or` are always read while an answer is missing, so that all questions are noted in one round.
 * Unknown splits in two: PENDING (an answer may still come) makes the stage wait unless `final` is set.
 */
#ifndef MXWARD_RULES_EVAL_H
#define MXWARD_RULES_EVAL_H

#include "rules/program.h"

enum rule_outcome {
    RULE_FALSE,        /* condition false */
    RULE_TRUE,         /* condition true, action done */
    RULE_UNKNOWN,      /* condition stayed unknown: not matched, or its on-unknown action done */
    RULE_SHADOW,       /* condition true, `mode shadow`: recorded, not acted on */
    RULE_SHADOW_UNKNOWN,
};

/* A fact that a rule read, and the value it saw. */
struct trace_value {
    struct slice name;             /* "dmarc.result", header["Subject"] */
    struct slice value;            /* as value_print() */
    struct trace_value *next;
};

/* One rule met, in order. */
struct trace_rule {
    struct slice name;
    unsigned stage;
    enum rule_outcome outcome;
    struct slice did;              /* the action's name, also for shadow rules (what it would have done); else empty */
    struct trace_value *values;
    struct trace_rule *next;
};

/* One action that is due. Texts are interpolated but not yet escaped or cut for the place they go to. */
struct action_due {
    const struct action *action;
    struct slice rule;
    unsigned code;                 /* ARGUMENTS_REPLY */
    struct slice enhanced;
    bool stands_in;                /* the rule's own action was not done: its condition stayed unknown */
    struct slice instead_of;       /* then: the enhanced code of that action's reply, or empty */
    struct slice text;             /* reply, log line or field value */
    struct slice field_name;       /* ARGUMENTS_FIELD */
    struct slice word;             /* ARGUMENTS_WORD */
    int64_t number;                /* ARGUMENTS_NUMBER */
    struct action_due *next;
};

struct stage_outcome {
    bool pending;                  /* answers are missing: nothing below is final */
    struct action_due *actions;    /* in order; the one that ends the stage is the last */
    struct action_due *ending;     /* that one, or NULL */
    struct trace_rule *trace;
    /*
     * P5: something unknown made or may have made a difference: a rule that stayed unknown might have ended the stage
     * or changed the score, or `is unknown` and `== temperror` decided. A reject from here on must become a defer.
     */
    bool undecided;
};

/*
 * How an interpolated fact is made safe is the caller's: called for every {fact} of a text, with the action it is for.
 * Literal text of the rules file passes unchanged.
 */
typedef struct slice (*interpolation_escape)(const struct action *action, struct slice value, struct arena *arena);

struct evaluation {
    const struct program *program;
    void *context;                 /* handed to field readers */
    struct arena *arena;           /* the outcome lives here */
    bool final;                    /* no more answers will come: PENDING counts as UNKNOWN */
    interpolation_escape escape;
    /* Running score: `score` actions add to it at once, so that the `score` fact of later rules sees it. */
    int64_t *score;
};

struct stage_outcome eval_stage(const struct evaluation *evaluation, unsigned stage);

#endif
