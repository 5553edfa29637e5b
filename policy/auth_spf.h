/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_spf.h: check_host() of RFC 7208 over the answer set. Records are parsed, limited and expanded by our own guard
 * (spf_record.h), evaluated by libspf2; no DNS, no clock, no host name but what facts and answers hold. A missing
 * answer gives AUTH_PENDING and notes its question, as many at once as can be told.
 */
#ifndef MXWARD_POLICY_AUTH_SPF_H
#define MXWARD_POLICY_AUTH_SPF_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"

enum auth_spf_identity { AUTH_SPF_HELO, AUTH_SPF_MAIL_FROM };

/* Once, before the process seals itself: sets libspf2's handlers and makes it ask what it asks of the system. */
void auth_spf_prepare(void);

/*
 * HELO: the domain of facts->helo; NONE when that is no domain name (an address literal). MAIL FROM: with the null
 * sender, postmaster at the HELO domain (RFC 7208 2.4). Texts of the outcome live in `arena`.
 */
struct spf_outcome auth_spf(const struct facts *facts, struct answers *answers, struct arena *arena,
                            enum auth_spf_identity identity);

/* RFC 7208 4.6.4, 5.5, 5.4. */
#define AUTH_SPF_TERMS_MOST 10
#define AUTH_SPF_VOID_LOOKUPS_MOST 2
#define AUTH_SPF_NAMES_MOST 10     /* address look-ups of one mx; names of ptr and %{p} that are looked at */

#endif
