/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_results_parse.h: Authentication-Results as others write it (RFC 8601 2.2): whose a field is, what it says.
 * Read twice: to find forged fields of our own name among those that came in, and for the payload of
 * ARC-Authentication-Results (RFC 8617 4.1.1). The text is a stranger's; what is read is bounded and lives in the
 * arena.
 */
#ifndef MXWARD_POLICY_AUTH_RESULTS_PARSE_H
#define MXWARD_POLICY_AUTH_RESULTS_PARSE_H

#include "rules/arena.h"
#include "rules/slice.h"

/* More of them are left out. */
#define AUTH_RESULTS_CLAIMS_MOST 32
#define AUTH_RESULTS_PROPERTIES_MOST 16
/* Bytes kept of one value. */
#define AUTH_RESULTS_VALUE_MOST 320

struct auth_results_property {
    struct slice type;             /* "header", lower case; empty: no ptype, as some write against the grammar */
    struct slice name;             /* "from", lower case */
    struct slice value;            /* unquoted */
};

/* One resinfo. */
struct auth_results_claim {
    struct slice method;           /* "dmarc", lower case, without its version */
    struct slice result;           /* "pass", lower case */
    struct slice reason;           /* unquoted; absent when there is none */
    struct auth_results_property *properties;
    size_t properties_count;
};

struct auth_results {
    struct slice authserv_id;      /* unquoted, as written */
    struct auth_results_claim *claims;
    size_t claims_count;
    const char *problem;           /* the first thing against the grammar; that claim alone is left out */
};

/* A field's value. */
void auth_results_parse(struct slice value, struct arena *arena, struct auth_results *results_out);

/* The value of a claim's property; absent when it has none. */
struct slice auth_results_property(const struct auth_results_claim *claim, const char *type, const char *name);

/*
 * Whether a field's value names `authserv_id` (RFC 8601 section 5), however it is written: in any case, with comments,
 * folds and blanks anywhere, in quotes whole or in part, with escapes, with a version, with a dot at its end, with
 * U-labels for A-labels. A text in which a careless reader could see the name counts, if no reader could rightly see
 * another there.
 */
bool auth_results_is_from(struct slice value, struct slice authserv_id, struct arena *arena);

/* Past white space and comments, which nest; a comment without an end takes all. */
struct slice auth_results_skip_cfws(struct slice text);

#endif
