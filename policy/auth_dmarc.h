/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dmarc.h: DMARC by RFC 9989 over the answer set: author domain from the evidence, policy discovery and
 * organizational domains by the tree walk (4.10), alignment (4.10.2); OpenDMARC parses the record and applies the
 * policy, and our guard's word stands where RFC 9989 differs from what it knows.
 */
#ifndef MXWARD_POLICY_AUTH_DMARC_H
#define MXWARD_POLICY_AUTH_DMARC_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* Once, before the process seals itself. */
void auth_dmarc_prepare(void);

/* Notes the _dmarc questions of the author domains, and of sender's and signing domains that may align with them. */
void auth_dmarc_want(const struct facts *facts, const struct evidence *evidence, struct answers *answers,
                     struct arena *arena);

/*
 * Reads findings->spf, findings->dkim (which must not be pending) and sets `aligned` of each findings->dkim: with any
 * author domain. Several author domains: each is judged and the strictest outcome holds. PENDING when an answer is
 * missing. Disposition and overrides are left to dmarc_override.h.
 */
struct dmarc_outcome auth_dmarc(const struct evidence *evidence, struct findings *findings, struct answers *answers,
                                struct arena *arena);

/* RFC 9989 4.10: at most eight queries for one walk. */
#define AUTH_DMARC_QUERIES_MOST 8

#endif
