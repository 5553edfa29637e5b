/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * field.h: how a caller offers its facts and actions to the rule language. The language itself knows no mail: all
 * names, stages and meanings come from these tables (policy/fields.c, policy/actions.c).
 */
#ifndef MXWARD_RULES_FIELD_H
#define MXWARD_RULES_FIELD_H

#include "rules/value.h"

/* One fact a rule may read: a row a name. */
struct field {
    const char *name;                  /* "dmarc.result"; or with a key: "header", read as header["Subject"] */
    const char *alias;                 /* "dmarc", or NULL */
    enum value_type type;
    unsigned stage;                    /* index into language.stages: known from there on; used earlier is an error */
    bool keyed;                        /* takes ["key"] */
    /*
     * VALUE_WORD: those it can hold, NULL at the end; literals are of them. VALUE_NUMBER: field_bytes, field_time, or
     * NULL for one that counts and has no unit. VALUE_BOOLEAN: the list of domains that the rules must have who read it
     * (program_domains()), or NULL.
     */
    const char *const *words;
    /* Reads it; `context` is the caller's, the result may borrow from the arena. States say what is missing. */
    struct value (*read)(void *context, struct slice key, struct arena *arena);
    const char *help;                  /* one line for mxward.rules(5) */
};

/* The units of a size, whose numbers may also stand without (bytes), and of a duration, where only 0 may. */
extern const char *const field_bytes[];
extern const char *const field_time[];

enum action_arguments {
    ARGUMENTS_REPLY,       /* [CODE [ENHANCED]] TEXT */
    ARGUMENTS_OPTIONAL_TEXT, /* [TEXT] */
    ARGUMENTS_NUMBER,      /* signed NUMBER */
    ARGUMENTS_FIELD,       /* FIELD-NAME TEXT, both quoted; the name is a literal header field name (RFC 5322 3.6.8) */
    ARGUMENTS_TEXT,        /* TEXT */
    ARGUMENTS_WORD,        /* WORD [TEXT], both quoted: one of the action's words */
};

/* One thing a rule may do: a row a name. */
struct action {
    const char *name;
    enum action_arguments arguments;
    bool ends_stage;                   /* no later rule of the stage is looked at */
    unsigned from_stage;               /* allowed from this stage on */
    /* ARGUMENTS_REPLY: first digit the code must have ('4', '5'), and what stands where the rule gives none. */
    char reply_class;
    unsigned reply_code;
    const char *reply_enhanced;
    /* Done instead when the condition stays unknown after the last round (reject becomes defer); NULL: nothing is. */
    const char *on_unknown;
    const char *help;
    const char *const *words;          /* ARGUMENTS_WORD: those it takes, NULL at the end */
};

/* All that a caller offers. Stages are in order of time. */
struct language {
    const char *const *stages;
    size_t stages_count;
    const struct field *fields;
    size_t fields_count;
    const struct action *actions;
    size_t actions_count;
};

#endif
