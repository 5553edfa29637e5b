/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_macro.h: macros of RFC 7208 section 7: their grammar and their expansion. The validated name %{p} is looked up
 * by the caller, who knows the answer set; see spf_macro_uses_name().
 */
#ifndef MXWARD_POLICY_SPF_MACRO_H
#define MXWARD_POLICY_SPF_MACRO_H

#include "rules/arena.h"
#include "rules/value.h"

struct spf_macro_values {
    struct slice sender;           /* %{s}: local-part@domain */
    struct slice local_part;       /* %{l} */
    struct slice sender_domain;    /* %{o} */
    struct slice domain;           /* %{d}: the current one */
    struct slice name;             /* %{p}: validated, or "unknown" */
    struct slice helo;             /* %{h} */
    struct slice receiver;         /* %{r} */
    struct address client;         /* %{i}, %{c}, %{v} */
    int64_t time;                  /* %{t}: seconds since 1970 */
};

/* Grammar of domain-spec; `problem_out` says what is wrong. */
bool spf_macro_is_domain_spec(struct slice text, const char **problem_out);
/* Grammar of macro-string, as in unknown modifiers. */
bool spf_macro_is_string(struct slice text, const char **problem_out);
/* Grammar of explain-string, in which c, r, t and blanks may occur too. */
bool spf_macro_is_explanation(struct slice text, const char **problem_out);

/* Whether the text has %{p}. */
bool spf_macro_uses_name(struct slice text);
/* Whether the text expands the local part (%{l}, %{s}): it matches nothing when that is not ASCII (RFC 8616 4). */
bool spf_macro_uses_local_part(struct slice text);

/*
 * Expands text that satisfies the grammar. False when the result would be longer than `most`, at most SPF_MACRO_MOST.
 */
#define SPF_MACRO_MOST 4096
bool spf_macro_expand(struct slice text, const struct spf_macro_values *values, size_t most, struct arena *arena,
                      struct slice *expanded_out);

/*
 * A domain-spec expanded to the name to look up: without a trailing dot, at most 253 characters of whole labels, the
 * left ones dropped (RFC 7208 7.3). A single label may be longer still: it cannot be asked.
 */
struct slice spf_macro_expand_name(struct slice text, const struct spf_macro_values *values, struct arena *arena);

#endif
