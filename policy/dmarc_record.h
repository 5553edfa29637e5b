/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_record.h: a DMARC policy record (RFC 9989 4.7, 4.8) by our own reading, and the tree walk over such records
 * (4.10). Unknown tags and values that break their tag's syntax are ignored, as the RFC asks; whether that leaves a
 * usable policy is told.
 */
#ifndef MXWARD_POLICY_DMARC_RECORD_H
#define MXWARD_POLICY_DMARC_RECORD_H

#include "policy/answers.h"
#include "policy/verdict.h"

struct dmarc_record {
    struct slice domain;           /* where it was found */
    struct slice text;             /* as published; of the answer */
    bool plain;                    /* the text is as the grammar says, to the last byte, and short */
    enum dmarc_policy policy;      /* p=; NO_POLICY: missing or invalid */
    enum dmarc_policy subdomain;   /* sp=; NO_POLICY: missing */
    enum dmarc_policy nonexistent; /* np= */
    bool invalid;                  /* sp= or np= is there and invalid, or p= is missing or invalid (RFC 9989 4.10.1) */
    bool has_report_address;       /* rua= with a valid URI */
    bool strict_dkim;
    bool strict_spf;
    bool test;                     /* t=y */
    char psd;                      /* 'y', 'n', 'u' */
};

/* Of a text that is called plain: real records have a tenth of it, and one UDP packet holds no more. */
#define DMARC_RECORD_PLAIN_MOST 1024

/* Tags that are read: RFC 9989 knows 11. A record may be 64 KiB, and is read once for each domain that may align. */
#define DMARC_RECORD_TAGS_MOST 128

/* False: the text is no DMARC record at all ("v=DMARC1" is not its first tag). */
bool dmarc_record_parse(struct slice text, struct dmarc_record *record_out);

enum dmarc_walk_state { DMARC_WALK_DONE, DMARC_WALK_FAILED, DMARC_WALK_PENDING };

/* One domain's walk, longest name first, ended at psd=n or psd=y. At most AUTH_DMARC_QUERIES_MOST names. */
struct dmarc_walk {
    struct slice domain;           /* where it began */
    enum dmarc_walk_state state;   /* FAILED: a look-up failed, the organizational domain is not known */
    bool first_failed;             /* that of the domain itself */
    bool exists;                   /* its own answer shows that the domain exists (RFC 8020) */
    struct slice problem;          /* which look-up failed and how */
    struct dmarc_record records[8];
    size_t count;
    struct slice organizational;   /* DONE: the organizational domain */
    struct slice widest;           /* DONE: the same; FAILED: whatever it is, it is this domain or within it */
};

/* Asks for all its names at once. */
void dmarc_walk(struct slice domain, struct answers *answers, struct arena *arena, struct dmarc_walk *walk_out);
/* Notes the names as wanted only. */
void dmarc_walk_want(struct slice domain, struct answers *answers, struct arena *arena);
/* The record that applies to the walk's domain (RFC 9989 4.10.1); NULL: none. */
const struct dmarc_record *dmarc_walk_policy(const struct dmarc_walk *walk);

#endif
