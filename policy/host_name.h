/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_name.h: what RFC 5321 takes for the name of a host: Domain (4.1.2) and address-literal (4.1.3). Pure; text is
 * borrowed for the call. Used by the command grammar and by the facts about HELO.
 */
#ifndef MXWARD_POLICY_HOST_NAME_H
#define MXWARD_POLICY_HOST_NAME_H

#include "rules/value.h"

/* RFC 5321 4.5.3.1.2. */
#define HOST_NAME_MOST 255

/* Domain: labels of letters, digits and inner hyphens, 63 at most; no underscore, no dot at the end. */
bool host_name_is_domain(struct slice text);
/*
 * The same with U-labels (RFC 6531 3.3): UTF-8 beside ASCII letters, digits and inner hyphens. Whether IDNA knows such
 * a label is not asked here, only whether it could be one: no label separator or control character in it, and no more
 * characters than an A-label of 63 octets can stand for. True of what is ASCII alone only if it is a Domain.
 */
bool host_name_is_international(struct slice text);
/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", no General-address-literal; `address_out` may be NULL. */
bool host_name_is_literal(struct slice text, struct address *address_out);
/* The same, and an address in brackets without its tag, "[2001:db8::1]". */
bool host_name_is_bracketed(struct slice text);

#endif
