/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy_header.h: the header that a load balancer puts before a connection to say whose it is: the PROXY protocol,
 * version 1 (a line) and 2 (binary), as its specification of 2 March 2017 has them
 * (haproxy.org, doc/proxy-protocol.txt, sections 2.1 and 2.2). Pure; whether the sender may say so is the listener's
 * to know. Text and addresses are checked by grammar; what follows the header belongs to the client.
 */
#ifndef MXWARD_PROXY_PROXY_HEADER_H
#define MXWARD_PROXY_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "rules/value.h"

/* Section 2.1: the longest line with its CRLF. */
#define PROXY_HEADER_LINE_MOST 107
/* Of version 2, its 16 bytes and addresses included: what is behind the addresses (TLVs) is of no use here. */
#define PROXY_HEADER_MOST 4096

struct proxy_header {
    bool local;                        /* the balancer speaks for itself (LOCAL, UNKNOWN): no addresses */
    struct address client_address;     /* IPv4-mapped ones as IPv4 */
    uint16_t client_port;
    struct address local_address;      /* where the client connected to */
    uint16_t local_port;
};

enum proxy_header_status { PROXY_HEADER_MORE, PROXY_HEADER_COMPLETE, PROXY_HEADER_BAD };

/*
 * Reads one at the start of `input`, which may be cut anywhere. COMPLETE: *consumed_out bytes were the header. BAD:
 * *problem_out says why; static.
 */
enum proxy_header_status proxy_header_parse(struct slice input, struct proxy_header *header_out, size_t *consumed_out,
                                            const char **problem_out);

#endif
