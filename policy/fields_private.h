/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields_private.h: what the files of readers share, for them and the table in fields.c alone. A reader gives one fact
 * as a value: it owns nothing, allocates from the arena it is given, and never fails; states say what is missing.
 */
#ifndef MXWARD_POLICY_FIELDS_PRIVATE_H
#define MXWARD_POLICY_FIELDS_PRIVATE_H

#include "policy/fields.h"

/* `context` is a struct field_context; `key` what stands between the brackets of header["NAME"], of others absent. */
#define READER(name) struct value name(void *context, struct slice key, struct arena *arena)
#define UNUSED_KEY (void)key, (void)arena

/* From stage message on only: before it there is none. */
static inline const struct evidence *evidence_of(const void *context)
{
    return ((const struct field_context *)context)->evidence;
}

static inline const struct findings *findings_of(const void *context)
{
    return ((const struct field_context *)context)->findings;
}

static inline struct value text_or_absent(struct slice text)
{
    return text.length == 0 ? value_in_state(VALUE_TEXT, VALUE_ABSENT) : value_text(text);
}

/* Whether a key that could not be fetched may hide a signature that passes. */
bool field_any_signature_unknown(const struct findings *findings);

/* Of the client (fields_client.c). */
READER(field_client_early);
READER(field_client_via);
READER(field_iprev_ptr);
READER(field_iprev_count);
READER(field_iprev_names);
READER(field_iprev_confirmed);
READER(field_iprev_mismatched);
READER(field_iprev_unresolved);
READER(field_helo_ours);
READER(field_helo_resolves);
READER(field_helo_matches);

/* Of signatures (fields_dkim.c). */
READER(field_dkim_result);
READER(field_dkim_domain);
READER(field_dkim_selector);
READER(field_dkim_algorithm);
READER(field_dkim_count);
READER(field_dkim_aligned);
READER(field_dkim_bits);
READER(field_dkim_length);
READER(field_dkim_reason);
READER(field_dkim_tried);
READER(field_dkim_whole);
READER(field_dkim_signatures);
READER(field_dkim_best_domain);
READER(field_dkim_best_selector);
READER(field_dkim_best_identity);
READER(field_dkim_best_algorithm);
READER(field_dkim_best_bits);
READER(field_dkim_best_aligned);
READER(field_dkim_best_test);
READER(field_dkim_best_reason);
READER(field_dkim_best_age);
READER(field_dkim_best_expires);
READER(field_dkim_best_covered);
READER(field_dkim_best_uncovered);
READER(field_dkim_best_added);
READER(field_dkim_best_unsigned);

/* Of a message (fields_message.c). */
READER(field_spf_aligned);
READER(field_dmarc_result);
READER(field_dmarc_policy);
READER(field_dmarc_published);
READER(field_dmarc_asked);
READER(field_dmarc_tag);
READER(field_dmarc_aligned);
READER(field_dmarc_author);
READER(field_dmarc_domain);
READER(field_dmarc_organizational_domain);
READER(field_dmarc_test);
READER(field_dmarc_reason);
READER(field_indirect);
READER(field_indirect_signs);
READER(field_header);
READER(field_header_size);
READER(field_header_count);
READER(field_message_size);
READER(field_message_id);
READER(field_message_hops);

/* Of its author and its header's form (fields_author.c). */
READER(field_from_domain);
READER(field_from_count);
READER(field_from_mailboxes);
READER(field_from_malformed);
READER(field_from_problem);
READER(field_from_text);
READER(field_from_oddities);
READER(field_header_oddities);

/* Of ARC (fields_arc.c), and the words that its readers know. */
READER(field_arc_result);
READER(field_arc_reason);
READER(field_arc_count);
READER(field_arc_oldest_pass);
READER(field_arc_sealers);
READER(field_arc_vouchers);
READER(field_arc_trusted);
READER(field_arc_claims);
READER(field_arc_claims_spf);
READER(field_arc_claims_dkim);
READER(field_arc_claims_dmarc);
extern const char *const field_arc_spf_words[];
extern const char *const field_arc_dkim_words[];
extern const char *const field_arc_dmarc_words[];

#endif
