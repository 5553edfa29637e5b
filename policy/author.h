/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * author.h: who wrote a message, as its header says: From fields, mailboxes, domains, and everything odd about them
 * (RFC 5322 3.6.2). Fills its part of the evidence, which holds all that judging needs of it.
 */
#ifndef MXWARD_POLICY_AUTHOR_H
#define MXWARD_POLICY_AUTHOR_H

#include "policy/evidence.h"
#include "policy/message.h"

/* Sets from_*, author_*, mailbox_count, oddities (but ODDITY_TOO_MANY_FORGED) and malformed. */
void author_find(const struct message_header *header, struct arena *arena, struct evidence *evidence);

/* The sentence of `malformed`: the weightiest oddity that refuses, with what is wrong with a domain; or empty. */
struct slice author_problem(uint64_t oddities, const char *domain_problem, struct arena *arena);

#endif
