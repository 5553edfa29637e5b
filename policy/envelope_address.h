/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * envelope_address.h: an envelope address as rules compare it. RFC 5321 4.1.2: all quoted forms of a local part are
 * equal, so that "b\oss"@Example.ORG in quotes is boss@example.org, to which it is delivered. Pure; the backend is told
 * the address as it was sent.
 */
#ifndef MXWARD_POLICY_ENVELOPE_ADDRESS_H
#define MXWARD_POLICY_ENVELOPE_ADDRESS_H

#include "rules/arena.h"

/* By the grammar (proxy/command.h), or any bytes of a record. Without quotes and backslashes. */
struct slice envelope_address_local(struct slice local_part, struct arena *arena);
/* local@domain: quotes only where there must be some, the domain's ASCII in lower case; `domain` may be empty. */
struct slice envelope_address_text(struct slice local_part, struct slice domain, struct arena *arena);

#endif
