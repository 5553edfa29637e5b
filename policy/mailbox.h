/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox.h: the author's addresses out of a From field's value, by the grammar of RFC 5322 3.4 with RFC 6854's
 * groups, RFC 6532's UTF-8 and the obsolete forms of RFC 5322 4.4, which are read as that section reads them. What is
 * not a mailbox-list exactly is read on as well as can be, so that every address a reader might see is found, and is
 * named (oddity.h), so that the rules can refuse what two programs might read differently.
 */
#ifndef MXWARD_POLICY_MAILBOX_H
#define MXWARD_POLICY_MAILBOX_H

#include "policy/oddity.h"
#include "rules/arena.h"
#include "rules/slice.h"

struct mailbox {
    struct slice local_part;       /* unquoted */
    struct slice domain;           /* lower case A-labels without a trailing dot; a literal keeps its brackets */
};

struct mailbox_list {
    struct mailbox *mailboxes;
    size_t count;
    uint64_t oddities;             /* those of From; none that refuses: it is a mailbox-list */
    const char *domain_problem;    /* with ODDITY_INVALID_DOMAIN: what is wrong with the first such domain */
};

/* Beyond this many a list is ODDITY_TOO_MANY, and what follows is not read. Ours. */
#define MAILBOX_MOST 128

/* Memory in `arena` is bounded by a small multiple of the value's length. */
void mailbox_parse(struct slice value, struct arena *arena, struct mailbox_list *list_out);

/*
 * Canonical form of a domain name as mail writes it: lower case, U-labels to A-labels (RFC 5890), one trailing dot
 * removed. NULL, or what is wrong with it: an empty label, a label over 63 bytes, over 253 in all, bytes that no host
 * name has but "_", something outside ASCII that is no U-label or only looks like another one.
 */
const char *mailbox_domain_problem(struct slice text, struct arena *arena, struct slice *domain_out);
bool mailbox_domain(struct slice text, struct arena *arena, struct slice *domain_out);
/* U-labels of a domain in canonical form; absent when it has none, or holds an A-label that is none. */
struct slice mailbox_domain_unicode(struct slice domain, struct arena *arena);

#endif
