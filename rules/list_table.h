/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list_table.h: what list.c (reads tables) and list_builder.c (makes them) agree on; for these two only.
 */
#ifndef MXWARD_RULES_LIST_TABLE_H
#define MXWARD_RULES_LIST_TABLE_H

#include "rules/list.h"

/* A domain name as text, without the last dot (RFC 1035 2.3.4: 255 octets on the wire). */
#define DOMAIN_MOST 253

_Static_assert(sizeof(struct network) == 18, "struct network lies in tables as it is: no padding");

/* By family, address, and the wider network first. */
int network_compare(const struct network *a, const struct network *b);

#endif
