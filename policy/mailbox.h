/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox.h: the author's addresses out of a From field's value, by the grammar of RFC 5322 3.4 (with RFC 6854's
 * groups and RFC 6532's UTF-8), the obsolete forms of its section 4.4 included. What is not a mailbox-list exactly is
 * read as far as the grammar goes and named as a problem, so that the rules can refuse what two programs might read
 * differently.
 */
#ifndef MXWARD_POLICY_MAILBOX_H
#define MXWARD_POLICY_MAILBOX_H

#include "rules/arena.h"
#include "rules/slice.h"

struct mailbox {
    struct slice local_part;       /* unquoted */
    struct slice domain;           /* lower case A-labels without a trailing dot; a literal keeps its brackets */
};

struct mailbox_list {
    struct mailbox *mailboxes;
    size_t count;
    const char *problem;           /* why it is not a plain mailbox-list, by name; NULL when it is */
};

/* Mailboxes beyond this many are a problem and are left out. */
#define MAILBOX_MOST 128

void mailbox_parse(struct slice value, struct arena *arena, struct mailbox_list *list_out);

/*
 * Canonical form of a domain name as mail writes it: lower case, U-labels to A-labels (RFC 5890), one trailing dot
 * removed. False when it is none (an empty label, a label over 63 bytes, over 253 in all, bytes that no host name has
 * but "_").
 */
bool mailbox_domain(struct slice text, struct arena *arena, struct slice *domain_out);

#endif
