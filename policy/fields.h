/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields.h: table: every name a rule may read, and the context that its readers read from. SPF and the client's name
 * are looked up when they are first read, so that a stage waits only for what its rules ask; at stage message judge.c
 * has completed everything before the first rule.
 */
#ifndef MXWARD_POLICY_FIELDS_H
#define MXWARD_POLICY_FIELDS_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/helo_host.h"
#include "policy/stage.h"
#include "policy/verdict.h"
#include "rules/field.h"
#include "rules/list.h"

struct field_context {
    const struct facts *facts;
    struct answers *answers;
    const struct evidence *evidence;           /* NULL before stage message */
    struct arena *arena;
    struct findings *findings;
    bool has_iprev;                            /* parts of findings that are evaluated */
    bool has_spf_helo;
    bool has_spf;
    bool has_helo_host;
    struct helo_host helo_host;
    enum stage stage;                          /* whose rules are run */
    const struct facts_recipient *recipients;  /* those that `recipient` means: the one asked about, or all */
    size_t recipients_count;
    const struct list *trusted_sealers;        /* the rules' list of that name, NULL when they have none */
    int64_t score;
};

/* Evaluate once, then remember. The outcome may be AUTH_PENDING. */
const struct iprev_outcome *field_iprev(struct field_context *context);
const struct spf_outcome *field_spf(struct field_context *context);
const struct spf_outcome *field_spf_helo(struct field_context *context);
const struct helo_host *field_helo_host(struct field_context *context);

/* Lists that the rules must have for facts of ARC; ends with NULL. */
extern const char *const field_arc_lists[];

#endif
