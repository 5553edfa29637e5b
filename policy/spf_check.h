/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_check.h: the guard between libspf2 and the world, without any type of libspf2. One check is one check_host() of
 * RFC 7208. For each record that is met it makes an equal record in which every domain is opaque ("3.t"); libspf2
 * evaluates that and asks us for 3.t, and so we expand macros, ask the answer set, and count terms and void look-ups
 * in the order of evaluation. Whatever ends the check (a limit, a DNS failure, a missing answer, a broken record) is
 * decided here; libspf2 is then only told to stop.
 */
#ifndef MXWARD_POLICY_SPF_CHECK_H
#define MXWARD_POLICY_SPF_CHECK_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/spf_macro.h"
#include "policy/spf_record.h"
#include "policy/verdict.h"

/* A record that was met, and the domain it belongs to. */
struct spf_check_record {
    struct slice domain;           /* %{d} in it */
    struct spf_record content;
    bool included;                 /* its explanation does not count (RFC 7208 6.2) */
};

/* Something that has an opaque name. */
struct spf_check_entry {
    const struct spf_check_record *record;
    const struct spf_record_term *term;
    size_t number;                 /* its own */
    struct slice host;             /* an mx host or a name of the client, in an answer's form; else absent */
};

struct spf_check {
    const struct facts *facts;
    struct answers *answers;
    struct arena *arena;
    struct spf_macro_values macros;
    struct spf_check_entry *entries;
    size_t entries_count;
    size_t entries_room;
    struct spf_check_entry current;            /* the term being evaluated; without a term before the first */
    const struct spf_check_record *explaining; /* whose exp= counts */
    unsigned terms;
    unsigned void_lookups;
    bool stopped;
    enum auth_result result;       /* when stopped */
    struct slice reason;
    bool doubt;                    /* a reverse look-up failed, which RFC 7208 5.5 passes over */
    bool counted_names;            /* %{p}'s look-ups are counted once */
};

/* What an opaque name turned out to have. */
enum spf_check_status { SPF_CHECK_RECORDS, SPF_CHECK_NOTHING, SPF_CHECK_STOP };

struct spf_check_reply {
    enum spf_check_status status;
    const struct slice *records; /* A: 4 bytes, AAAA: 16, MX and PTR: names, TXT: an equal record; followed by a NUL */
    size_t count;
};

/*
 * Fetches the domain's own record; STOP when there is none, or no answer yet (`result`, `reason`). Else one record:
 * libspf2's.
 */
struct spf_check_reply spf_check_begin(struct spf_check *check, struct slice domain);

/* Answers libspf2: `name` is an opaque name or, for PTR, the client's reverse name. */
struct spf_check_reply spf_check_lookup(struct spf_check *check, const char *name, enum question_type type);

/* The explanation of a fail, expanded; absent when there is none. False: an answer is missing. */
bool spf_check_explain(struct spf_check *check, struct slice *explanation_out);

/* Whether it can be asked: labels of 1 to 63 bytes, 253 in all. */
bool spf_check_is_askable(struct slice name);

#endif
