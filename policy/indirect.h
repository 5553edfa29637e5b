/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indirect.h: signs that a message came by way of a mailing list or forwarder (RFC 9989 7.4, RFC 7960): such mail
 * fails DMARC without anybody having lied. What header and envelope show is evidence; a passing signature of another
 * domain is known only with the outcomes. Anybody can forge each of these signs: they tell that a failure may be
 * honest, never that it is. Some are carried by ordinary bulk mail as well: these are named, and make nothing indirect
 * by themselves.
 */
#ifndef MXWARD_POLICY_INDIRECT_H
#define MXWARD_POLICY_INDIRECT_H

#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/message.h"
#include "policy/verdict.h"

/* Every sign's name, NULL at the end. */
extern const char *const indirect_words[];

/* Fills evidence->indirect with the names of signs, each once. Reads evidence's author domains and From text. */
void indirect_find(const struct facts *facts, const struct message_header *header, struct arena *arena,
                   struct evidence *evidence);

/*
 * Whether a signature passes whose domain does not align with the author: "other-signature". Needs findings->dkim
 * with `aligned`.
 */
bool indirect_other_signature(const struct evidence *evidence, const struct findings *findings);
/* Any sign at all but those of ordinary bulk mail. */
bool indirect_is(const struct evidence *evidence, const struct findings *findings);

/*
 * The Received chain (RFC 5321 4.4), in indirect_received.c: a host of the author's domain had the message, and hosts
 * of others above it; or it was on its way to somebody who is none of its recipients here. At most
 * INDIRECT_RECEIVED_MOST fields are looked at.
 */
bool indirect_by_received(const struct facts *facts, const struct message_header *header,
                          const struct evidence *evidence, struct arena *arena);

/* A chain longer than this is a loop: RFC 5321 6.3 has 100 as the least that is refused. */
#define INDIRECT_RECEIVED_MOST 100

#endif
