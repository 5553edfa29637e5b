/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xclient.h: the argument of XCLIENT, by which a host that may speak for others says for which client it does (Postfix,
 * XCLIENT_README): attributes with values in xtext (RFC 3461 4). Pure; whether the host may say so is the listener's to
 * know. What is not by the grammar is refused whole, with what is wrong.
 */
#ifndef MXWARD_PROXY_XCLIENT_H
#define MXWARD_PROXY_XCLIENT_H

#include <stdint.h>

#include "rules/value.h"

/* What the EHLO keyword XCLIENT lists. */
#define XCLIENT_ATTRIBUTES "NAME ADDR PROTO HELO REVERSE_NAME PORT DESTADDR DESTPORT"

/* Octets of a decoded value: XCLIENT_README, note 1. */
#define XCLIENT_VALUE_MOST 255

enum xclient_attribute {
    XCLIENT_NAME, XCLIENT_REVERSE_NAME, XCLIENT_ADDR, XCLIENT_PORT, XCLIENT_PROTO, XCLIENT_HELO, XCLIENT_LOGIN,
    XCLIENT_DESTADDR, XCLIENT_DESTPORT,
};

enum xclient_state {
    XCLIENT_NOT_GIVEN,
    XCLIENT_GIVEN,
    XCLIENT_UNAVAILABLE,           /* [UNAVAILABLE] */
    XCLIENT_TEMPORARY,             /* [TEMPUNAVAIL], of NAME and REVERSE_NAME alone */
};

struct xclient {
    enum xclient_state states[XCLIENT_DESTPORT + 1];   /* by attribute; what follows is of those GIVEN */
    struct slice name;             /* lower case, without a dot at its end */
    struct slice reverse_name;
    struct slice helo;             /* one word of printable ASCII, as a client may say it */
    struct address address;
    struct address local_address;
    uint16_t port;
    uint16_t local_port;
    bool esmtp;
};

/*
 * `argument`: all after the verb. Values live in `arena`. False: *problem_out says why, static; *xclient_out is then
 * of no meaning.
 */
bool xclient_parse(struct slice argument, struct arena *arena, struct xclient *xclient_out, const char **problem_out);

#endif
