/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helo_host.h: what can be told of the host that HELO or EHLO names: whether it is ours, and by DNS, over the answer
 * set, whether there is such a host and whether it has the client's address (RFC 5321 4.1.4 asks for neither, and says
 * that mail is not refused for the last alone). A missing answer is noted.
 */
#ifndef MXWARD_POLICY_HELO_HOST_H
#define MXWARD_POLICY_HELO_HOST_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* One of our names, or the address that the client came to: nobody else has them. */
bool helo_host_is_ours(const struct facts *facts);

struct helo_host {
    enum auth_result resolves;     /* PASS: it has an address; FAIL; TEMPERROR; PENDING; NONE: HELO gave an address */
    enum auth_result matches;      /* PASS: it has, or is, the client's; FAIL; TEMPERROR; PENDING */
};
struct helo_host helo_host(const struct facts *facts, struct answers *answers, struct arena *arena);

#endif
