/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_equal.h: equal records (spf_check.h) and the opaque names in them: "1z.t" for a term's target, "1z.m" for its
 * marker, "1z.h.3.t" for a host of the term 3. All live in the check's arena.
 */
#ifndef MXWARD_POLICY_SPF_EQUAL_H
#define MXWARD_POLICY_SPF_EQUAL_H

#include "policy/spf_check.h"

/* Bytes of an opaque name and its NUL. */
#define SPF_EQUAL_NAME 16

/* The record for this client; its entries are added to the check. Followed by a NUL. */
struct slice spf_equal_record(struct spf_check *check, const struct spf_check_record *record);

/* Adds an entry and returns its number. */
size_t spf_equal_add(struct spf_check *check, struct spf_check_entry entry);
/* "1z.t"; returns where in the buffer it begins. */
const char *spf_equal_name(size_t number, char letter, char buffer[SPF_EQUAL_NAME]);
/* The entry behind an opaque name, and the letter of its kind; NULL for any other name. */
const struct spf_check_entry *spf_equal_find(const struct spf_check *check, const char *name, char *letter_out);

/* Whether the term counts towards the ten that ask DNS (RFC 7208 4.6.4). */
bool spf_equal_asks_dns(const struct spf_record_term *term);
/* Whether it is an ip4 or ip6 that has the client: nothing after it is evaluated. */
bool spf_equal_has_client(const struct spf_check *check, const struct spf_record_term *term);
/* The prefix that holds for the client's family. */
uint8_t spf_equal_prefix(const struct spf_check *check, const struct spf_record_term *term);

#endif
