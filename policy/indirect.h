/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indirect.h: signs that a message came by way of a mailing list or forwarder (RFC 9989 7.4): such mail fails DMARC
 * without anybody having lied. What the header shows is evidence; a passing signature of another domain is known only
 * with the outcomes.
 */
#ifndef MXWARD_POLICY_INDIRECT_H
#define MXWARD_POLICY_INDIRECT_H

#include "policy/evidence.h"
#include "policy/message.h"
#include "policy/verdict.h"

/* Fills evidence->indirect with the names of signs: "list-id", "list-post", "arc-set", "resent". */
void indirect_find(const struct message_header *header, struct arena *arena, struct evidence *evidence);

/*
 * Whether a signature passes whose domain does not align with the author: "other-signature". Needs findings->dkim
 * with `aligned`.
 */
bool indirect_other_signature(const struct evidence *evidence, const struct findings *findings);
/* Any sign at all. */
bool indirect_is(const struct evidence *evidence, const struct findings *findings);

#endif
