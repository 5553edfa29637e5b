/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h: what a judgement says: action, reply, header edits, the deciding rule, and the evidence for it. Made by
 * judge.c, carried in frames, turned into a record. What a verdict of a stage binds, stage.h says.
 */
#ifndef MXWARD_POLICY_VERDICT_H
#define MXWARD_POLICY_VERDICT_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/stage.h"
#include "rules/eval.h"

enum verdict_action { VERDICT_PASS, VERDICT_REJECT, VERDICT_DEFER };

/*
 * One field for the top of the message: "Name: value" with its folds and final CRLF; only printable ASCII, tab, CRLF.
 */
struct added_field {
    struct slice name;
    struct slice text;             /* the whole field */
};

/*
 * A field to leave out: bytes [offset, offset + length) of the header, which begin with `name` and ":" and end in
 * CRLF.
 */
struct removed_field {
    uint32_t offset;
    uint32_t length;
    struct slice name;
};

/* The words of RFC 7208 2.6, RFC 6376, RFC 8601 2.7; `temperror` is unknown to rules. */
enum auth_result {
    AUTH_NONE, AUTH_NEUTRAL, AUTH_PASS, AUTH_FAIL, AUTH_SOFTFAIL, AUTH_POLICY, AUTH_TEMPERROR, AUTH_PERMERROR,
    AUTH_PENDING,                  /* an answer is missing; never in a final verdict */
};

struct spf_outcome {
    enum auth_result result;
    struct slice domain;           /* the identity checked; empty: none to check */
    struct slice reason;           /* which term matched, or what went wrong; for people */
    struct slice explanation;      /* exp= expanded, or empty */
    uint8_t lookups;               /* terms that ask DNS (RFC 7208 4.6.4) */
    uint8_t void_lookups;
};

struct dkim_outcome {
    enum auth_result result;
    struct slice reason;
    bool aligned;                  /* with the author domain, as its DMARC record asks (relaxed where there is none) */
    bool test_key;                 /* t=y of the key */
};

enum dmarc_policy { DMARC_NO_POLICY, DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };

/* Which tag the policy was taken from (RFC 9989 4.10.1); DEFAULT: p is missing or invalid, beside a valid rua. */
enum dmarc_tag { DMARC_NO_TAG, DMARC_TAG_P, DMARC_TAG_SP, DMARC_TAG_NP, DMARC_TAG_DEFAULT };

/*
 * What became of the message, in the words of RFC 9990's reports. PASS: it passed under a policy that asks for
 * something; NO_DISPOSITION: DMARC did not apply, could not be judged, or the message was put off.
 */
enum dmarc_disposition {
    DMARC_NO_DISPOSITION, DMARC_DISPOSITION_NONE, DMARC_DISPOSITION_PASS, DMARC_DISPOSITION_QUARANTINE,
    DMARC_DISPOSITION_REJECT,
};

/* Why that is not what the domain asked for (RFC 9990, policy override types). */
enum dmarc_reason {
    DMARC_LOCAL_POLICY, DMARC_MAILING_LIST, DMARC_OTHER, DMARC_POLICY_TEST_MODE, DMARC_TRUSTED_FORWARDER,
};

struct dmarc_override {
    enum dmarc_reason reason;
    struct slice comment;          /* printable ASCII, may be empty */
};

/* An identifier that passes, SPF's or a signature's (RFC 9989 3.2.1), and how it stands to the author domain. */
struct dmarc_identifier {
    bool is_spf;
    bool aligned;
    struct slice domain;
    struct slice organizational_domain;    /* empty where it made no difference, and was not looked for */
};

/* One SPF identity and the signatures that are tried. */
#define DMARC_IDENTIFIERS_MOST (EVIDENCE_SIGNATURES_MOST + 1)
#define DMARC_OVERRIDES_MOST 16
#define DMARC_COMMENT_MOST 512

struct dmarc_outcome {
    enum auth_result result;
    struct slice author_domain;
    struct slice record_domain;    /* where the record was found */
    struct slice organizational_domain;
    enum dmarc_policy published;   /* p= of that record; none where it is missing and a report address excuses that */
    enum dmarc_policy published_sp;    /* sp=, np=: NO_POLICY where the record has none */
    enum dmarc_policy published_np;
    enum dmarc_tag tag;            /* from which tag: */
    enum dmarc_policy asked;       /* what the domain asks for this author */
    enum dmarc_policy policy;      /* what applies: the same, one step less in test mode */
    bool test_mode;                /* t=y */
    char psd;                      /* psd= of that record: 'y', 'n', 'u'; 0: no record */
    bool strict_spf;
    bool strict_dkim;
    bool spf_aligned;              /* SPF passes, and its domain aligns */
    bool dkim_aligned;             /* a signature passes, and its domain aligns */
    struct dmarc_identifier *identifiers;
    size_t identifiers_count;
    struct slice reason;
    struct slice library;          /* where OpenDMARC says otherwise: what; else empty */
    enum dmarc_disposition disposition;    /* known after the rules, as are the overrides (dmarc_override.h) */
    struct dmarc_override *overrides;
    size_t overrides_count;
};

/* RFC 8617 5.2; temperror: a key could not be looked up, so nobody knows. */
struct arc_outcome {
    enum auth_result result;       /* NONE, PASS, FAIL, TEMPERROR */
    struct slice reason;
    bool has_oldest_pass;          /* of a chain that passes, when all keys could be looked up */
    uint32_t oldest_pass;          /* lowest instance whose ARC-Message-Signature still verifies; 0: all do */
};

/* RFC 8601 2.7.3 "iprev": the address has a name that has the address. */
struct iprev_outcome {
    enum auth_result result;
    struct slice name;             /* verified name, when pass */
    struct slice reverse_name;     /* what PTR said, verified or not; empty when nothing */
};

/* Everything found out, so far as the stage needs it. */
struct findings {
    struct iprev_outcome iprev;
    struct spf_outcome spf_helo;
    struct spf_outcome spf;        /* MAIL FROM; with the null sender of postmaster@helo (RFC 7208 2.4) */
    struct dkim_outcome *dkim;     /* parallel to evidence->signatures */
    size_t dkim_count;
    struct dmarc_outcome dmarc;
    struct arc_outcome arc;
    bool indirect;
    bool has_message;              /* dkim, dmarc, arc, indirect are meaningful */
};

/* Trace of one run of rules: a stage, and for rcpt the recipient's index. */
struct verdict_run {
    enum stage stage;
    uint32_t recipient;
    bool exempt;                   /* ended by accept */
    enum verdict_action action;
    struct slice rule;
    struct trace_rule *trace;
    struct verdict_run *next;
};

struct verdict {
    enum stage stage;
    struct facts_recipient asked;  /* stage rcpt: the recipient it is about */
    enum verdict_action action;
    bool exempt;                   /* `accept`: connect/helo: session; mail: transaction; rcpt: that recipient */
    bool tagged;                   /* a rule's tag is among the added fields */
    struct slice rule;             /* that ended it; empty: none did */
    unsigned code;                 /* of REJECT and DEFER */
    struct slice enhanced;
    struct slice text;             /* the id is part of it; of PASS: what `accept` says, or empty */
    int64_t score;
    struct added_field *added;     /* top first; PASS at stage message only */
    size_t added_count;
    struct removed_field *removed; /* ascending, not overlapping */
    size_t removed_count;
    struct slice *logs;            /* of `log` actions */
    size_t logs_count;
    struct findings findings;
    const struct evidence *evidence;   /* NULL before a message */
    struct verdict_run *runs;
};

const char *verdict_action_name(enum verdict_action action);       /* "pass", "reject", "defer" */
const char *auth_result_name(enum auth_result result);
const char *dmarc_policy_name(enum dmarc_policy policy);           /* "", "none", "quarantine", "reject" */
const char *dmarc_tag_name(enum dmarc_tag tag);                    /* "", "p", "sp", "np", "default" */
const char *dmarc_disposition_name(enum dmarc_disposition disposition);   /* "", "none", "pass", ... */
const char *dmarc_reason_name(enum dmarc_reason reason);           /* "local_policy", ... */

struct wire_writer;
struct wire_reader;

/*
 * For frames. Decoding believes nothing but the form: enums in range, counts bounded, code and enhanced code of the
 * action's class, texts printable ASCII on one line, added fields by RFC 5322's grammar with CRLF folds only, removed
 * ranges ascending within `header_size`. Whether the names are allowed is looked at by who applies them. Borrows from
 * the reader's bytes; arrays live in `arena`.
 */
void verdict_encode(const struct verdict *verdict, struct wire_writer *writer);
bool verdict_decode(struct wire_reader *reader, struct arena *arena, size_t header_size, struct verdict *verdict_out);
void removed_encode(const struct removed_field *removed, size_t count, struct wire_writer *writer);
struct removed_field *removed_decode(struct wire_reader *reader, struct arena *arena, size_t header_size,
                                     size_t *count_out);

/* RFC 5321 4.5.3.1.5: a reply line has at most 512 octets with code and CRLF. */
#define VERDICT_TEXT_MOST 480
#define VERDICT_ADDED_MOST 256
/* No header that a judge takes (FRAME_HEADER_MOST) has more: the shortest field, "A:" with its CRLF, is four bytes. */
#define VERDICT_REMOVED_MOST (1U << 18)
/* Of one added field with its folds. */
#define VERDICT_FIELD_MOST (128U << 10)
#define VERDICT_LOGS_MOST 256
/* Of one `log` action's text. */
#define VERDICT_LOG_MOST 1024
#define VERDICT_RUNS_MOST 20000
/* Bytes of names and values in all traces of a verdict; what is beyond is left out, runs from the last. */
#define VERDICT_TRACE_MOST (2UL << 20)

#endif
