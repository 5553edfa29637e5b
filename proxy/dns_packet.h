/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_packet.h: an answer's DNS packet (RFC 1035 4.1) to an answer of the set. A packet is hostile input: every
 * length is held against the packet's end, compression pointers only lead backward, and what does not fit the
 * grammar makes the whole answer ANSWER_FAILED with a reason. Texts inside (TXT) are carried, never
 * interpreted. Nothing here can fail otherwise; no state is kept.
 */
#ifndef MXWARD_PROXY_DNS_PACKET_H
#define MXWARD_PROXY_DNS_PACKET_H

#include "policy/answers.h"

/* RFC 1035 2.3.4: octets of a name on the wire. */
#define DNS_NAME_MOST 255
/* CNAMEs followed from the question to the records. RFC 1034 sets no number; resolvers stop between 8 and 16. */
#define DNS_CHAIN_MOST 16

/* The answer to `question`, with CNAMEs followed. Question and records live in `arena`. */
struct answer dns_packet_answer(struct slice packet, const struct question *question, struct arena *arena);

/* "NXDOMAIN", "REFUSED", ...: RFC 1035 4.1.1, RFC 2136 2.2; "rcode 11" style names live in `arena`. */
struct slice dns_rcode_name(unsigned rcode, struct arena *arena);

#endif
