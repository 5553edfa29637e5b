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

/*
 * What each step found: which names the address has, and which of them have the address. With what a trusted host told
 * of the client's name nothing is looked up.
 */
struct iprev_steps {
    enum auth_result ptr;                      /* PASS: names, NONE: none, TEMPERROR, PENDING */
    size_t names_count;                        /* of the whole answer */
    size_t count;                              /* of those looked at, in alphabetical order: */
    struct slice names[IPREV_NAMES_MOST];
    /* PASS: it has the address, FAIL: others, NONE: no address, TEMPERROR, PENDING. */
    enum auth_result found[IPREV_NAMES_MOST];
};
struct iprev_steps iprev_steps(const struct facts *facts, struct answers *answers, struct arena *arena);

/* Notes the PTR question. */
void iprev_want(const struct facts *facts, struct answers *answers, struct arena *arena);

/* "1.2.0.192.in-addr.arpa", or nibbles under ip6.arpa. */
struct slice iprev_reverse_name(const struct address *address, struct arena *arena);

#endif
