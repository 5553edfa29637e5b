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
    const struct facts_recipient *recipients;  /* those that `recipient` means: the one asked about, or all */
    size_t recipients_count;
    const struct list *trusted_sealers;        /* the rules' list of that name, NULL when they have none */
    int64_t score;
};

/* Evaluate once, then remember. The outcome may be AUTH_PENDING. */
const struct iprev_outcome *field_iprev(struct field_context *context);
const struct spf_outcome *field_spf(struct field_context *context);
const struct spf_outcome *field_spf_helo(struct field_context *context);

/*
 * Readers of what is known of a message (fields_message.c), of its signatures (fields_dkim.c), of its author and its
 * header's form (fields_author.c).
 */
struct value field_dkim_result(void *context, struct slice key, struct arena *arena);
struct value field_dkim_domain(void *context, struct slice key, struct arena *arena);
struct value field_dkim_selector(void *context, struct slice key, struct arena *arena);
struct value field_dkim_algorithm(void *context, struct slice key, struct arena *arena);
struct value field_dkim_count(void *context, struct slice key, struct arena *arena);
struct value field_dkim_aligned(void *context, struct slice key, struct arena *arena);
struct value field_dkim_bits(void *context, struct slice key, struct arena *arena);
struct value field_dkim_length(void *context, struct slice key, struct arena *arena);
struct value field_dkim_reason(void *context, struct slice key, struct arena *arena);
struct value field_dkim_tried(void *context, struct slice key, struct arena *arena);
struct value field_dkim_whole(void *context, struct slice key, struct arena *arena);
struct value field_dkim_signatures(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_domain(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_selector(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_identity(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_algorithm(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_bits(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_aligned(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_test(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_reason(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_age(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_expires(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_covered(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_uncovered(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_added(void *context, struct slice key, struct arena *arena);
struct value field_dkim_best_unsigned(void *context, struct slice key, struct arena *arena);
struct value field_spf_aligned(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_result(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_policy(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_published(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_asked(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_tag(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_aligned(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_domain(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_author(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_organizational_domain(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_test(void *context, struct slice key, struct arena *arena);
struct value field_dmarc_reason(void *context, struct slice key, struct arena *arena);

/* Of ARC (fields_arc.c), and the words that its readers know. */
struct value field_arc_result(void *context, struct slice key, struct arena *arena);
struct value field_arc_reason(void *context, struct slice key, struct arena *arena);
struct value field_arc_count(void *context, struct slice key, struct arena *arena);
struct value field_arc_oldest_pass(void *context, struct slice key, struct arena *arena);
struct value field_arc_sealers(void *context, struct slice key, struct arena *arena);
struct value field_arc_vouchers(void *context, struct slice key, struct arena *arena);
struct value field_arc_trusted(void *context, struct slice key, struct arena *arena);
struct value field_arc_claims(void *context, struct slice key, struct arena *arena);
struct value field_arc_claims_spf(void *context, struct slice key, struct arena *arena);
struct value field_arc_claims_dkim(void *context, struct slice key, struct arena *arena);
struct value field_arc_claims_dmarc(void *context, struct slice key, struct arena *arena);
extern const char *const field_arc_lists[];
extern const char *const field_arc_spf_words[];
extern const char *const field_arc_dkim_words[];
extern const char *const field_arc_dmarc_words[];

struct value field_from_domain(void *context, struct slice key, struct arena *arena);
struct value field_from_count(void *context, struct slice key, struct arena *arena);
struct value field_from_mailboxes(void *context, struct slice key, struct arena *arena);
struct value field_from_malformed(void *context, struct slice key, struct arena *arena);
struct value field_from_problem(void *context, struct slice key, struct arena *arena);
struct value field_from_text(void *context, struct slice key, struct arena *arena);
struct value field_from_oddities(void *context, struct slice key, struct arena *arena);
struct value field_indirect(void *context, struct slice key, struct arena *arena);
struct value field_indirect_signs(void *context, struct slice key, struct arena *arena);
struct value field_header(void *context, struct slice key, struct arena *arena);
struct value field_header_oddities(void *context, struct slice key, struct arena *arena);
struct value field_header_size(void *context, struct slice key, struct arena *arena);
struct value field_header_count(void *context, struct slice key, struct arena *arena);
struct value field_message_size(void *context, struct slice key, struct arena *arena);
struct value field_message_id(void *context, struct slice key, struct arena *arena);

#endif
