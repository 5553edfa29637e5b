/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_results.h: what was found, as header fields for the top of the message: Authentication-Results (RFC 8601),
 * Received-SPF (RFC 7208 9.1), Received (RFC 5321 4.4). Whatever came from a stranger is written as the field's
 * grammar allows: quoted, in a comment with its specials escaped, or replaced; never a bare CR or LF, a control or an
 * 8-bit byte. Folded at 78 characters where it can be, never over 998.
 */
#ifndef MXWARD_POLICY_AUTH_RESULTS_H
#define MXWARD_POLICY_AUTH_RESULTS_H

#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* Of an authenticated session `auth`, `dkim` and `arc` alone. */
struct added_field auth_results_field(const struct facts *facts, const struct evidence *evidence,
                                      const struct findings *findings, struct arena *arena);
/* One for the identity that SPF is about: MAIL FROM, or HELO with the null sender. */
struct added_field auth_results_received_spf(const struct facts *facts, const struct findings *findings,
                                             struct arena *arena);
struct added_field auth_results_received(const struct facts *facts, const struct findings *findings,
                                         struct arena *arena);
/*
 * A field of one line's text (a rule's tag): escaped and folded like ours. `name` is a valid field name.
 */
struct added_field auth_results_tag(struct slice name, struct slice text, struct arena *arena);

#endif
