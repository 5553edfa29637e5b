/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iprev.h: "iprev" of RFC 8601 2.7.3: the client's address has a name (PTR) that has the address (A or AAAA). Over
 * the answer set; a missing answer gives AUTH_PENDING and notes the question.
 */
#ifndef MXWARD_POLICY_IPREV_H
#define MXWARD_POLICY_IPREV_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* Names of a PTR answer that are looked at; further ones are ignored. */
#define IPREV_NAMES_MOST 10

/* PASS, FAIL (names, but none has the address), PERMERROR (no name at all), TEMPERROR. */
struct iprev_outcome iprev(const struct facts *facts, struct answers *answers, struct arena *arena);

/* Notes the PTR question. */
void iprev_want(const struct facts *facts, struct answers *answers, struct arena *arena);

/* "1.2.0.192.in-addr.arpa", or nibbles under ip6.arpa. */
struct slice iprev_reverse_name(const struct address *address, struct arena *arena);

#endif
