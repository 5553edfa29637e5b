/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.h: what was found in a message: by reading it once (examine.h), or read back from a record. It is all that
 * the judgement needs of the content: with facts, answers and rules it gives the verdict again without the message
 * (P3). Nothing here depends on DNS but `crypto`, which says for which key (by its p=) a signature was tried;
 * auth_dkim_outcome() combines that with the key's answer, so that another answer gives another outcome.
 */
#ifndef MXWARD_POLICY_EVIDENCE_H
#define MXWARD_POLICY_EVIDENCE_H

#include <stdint.h>

#include "policy/oddity.h"
#include "rules/arena.h"
#include "rules/slice.h"

/* What cryptography said of one signature, with the key named in `key_data`. */
enum signature_crypto {
    SIGNATURE_NOT_TRIED,       /* malformed, beyond the limit, or no usable key: `problem` says why */
    SIGNATURE_VERIFIED,
    SIGNATURE_BODY_ALTERED,    /* bh= is not the hash of the body */
    SIGNATURE_NOT_BY_KEY,      /* body hash right, signature not made with this key over this header */
};

/* One DKIM-Signature field (RFC 6376 3.5), top of the message first. Texts are bounded and as written, unfolded. */
struct signature {
    struct slice domain;           /* d=, lower case A-labels */
    struct slice selector;         /* s= */
    struct slice identity;         /* i=, empty when absent */
    struct slice algorithm;        /* a= */
    struct slice canonicalization; /* c=, "simple/simple" when absent */
    struct slice fields;           /* h= */
    struct slice value_start;      /* first 8 characters of b= without white space: header.b (RFC 6008) */
    struct slice body_hash;        /* the body's hash as computed, base64; empty when not computed */
    bool has_time;
    int64_t time;                  /* t=, seconds since 1970 */
    bool has_expiry;
    int64_t expiry;                /* x= */
    bool has_length;
    uint64_t length;               /* l= */
    uint32_t fields_added;         /* bits of auth_dkim_field_names[]: in h=, and more often in the message */
    uint32_t fields_unsigned;      /* the same bits: in the message, not in h= */
    bool has_body;                 /* the body was hashed for it, and the next two are known */
    uint64_t body_size;            /* bytes of the body, canonicalized as c= says */
    uint64_t body_covered;         /* how many of them, from the start, are in the hash: all, or l= */
    enum signature_crypto crypto;
    struct slice key_data;         /* p= (base64 without white space) of the key it was tried with */
    uint32_t key_bits;             /* of that key, 0 unknown */
    struct slice problem;          /* malformed: which tag and why; else empty */
};

/* What a sealer says it found: one result of its ARC-Authentication-Results (RFC 8617 4.1.1). */
struct arc_claim {
    struct slice method;           /* "dmarc", lower case */
    struct slice result;           /* "pass", lower case */
    struct slice author;           /* header.from of dmarc, lower case A-labels; else empty */
    struct slice text;             /* "dmarc=pass header.from=example.org"; for people */
};

/* One ARC set (RFC 8617 4.2); its signatures are of the form of DKIM's. */
struct arc_set {
    struct signature message;      /* ARC-Message-Signature; `identity` is empty */
    struct signature seal;         /* ARC-Seal; no canonicalization, fields, body_hash, expiry, length */
    struct slice authserv_id;      /* of the ARC-Authentication-Results */
    struct arc_claim *claims;
    size_t claims_count;
};

/* A field that a rule reads with header["..."]. */
struct evidence_header {
    struct slice name;             /* as the rule writes it */
    struct slice *values;          /* unfolded, top first; no value: the message has none */
    size_t count;
};

struct evidence {
    uint32_t header_size;          /* bytes, the empty line included */
    uint32_t field_count;
    uint32_t received_count;       /* Received fields: hosts that had the message (RFC 5321 6.3) */
    uint32_t from_count;           /* From fields */
    struct slice *author_domains;  /* of every mailbox in every From field, without duplicates, lower case A-labels */
    struct slice *author_unicode;  /* parallel: in U-labels (RFC 5890) where that differs, else absent */
    size_t author_domains_count;
    uint32_t mailbox_count;
    struct slice from_text;        /* first From field's value, unfolded, bounded; for people */
    uint64_t oddities;             /* of header and From, ODDITY_BIT() of each (oddity.h) */
    struct slice malformed;        /* why the author cannot be told: the weightiest of those that refuse, or empty */
    struct slice message_id;
    struct slice subject;          /* only with facts.record_subject */
    struct signature *signatures;
    size_t signatures_count;       /* tried and not tried; fields beyond EVIDENCE_SIGNATURES_MOST are only counted */
    uint32_t signatures_seen;
    struct arc_set *arc_sets;      /* i=1 first, as many as the chain has; none when it has a problem */
    size_t arc_sets_count;
    struct slice arc_problem;      /* why the ARC fields make no valid chain (RFC 8617 5.2 steps 1 to 3), or empty */
    struct slice *indirect;        /* signs of indirect mail that the header shows: "list-id", "arc-set", ... */
    size_t indirect_count;
    struct evidence_header *headers;
    size_t headers_count;
};

struct wire_writer;
struct wire_reader;

/* For frames. What is decoded borrows from the reader's bytes; arrays live in `arena`. */
void evidence_encode(const struct evidence *evidence, struct wire_writer *writer);
bool evidence_decode(struct wire_reader *reader, struct arena *arena, struct evidence *evidence_out);

#define EVIDENCE_SIGNATURES_MOST 64
/* Bits in fields_added and fields_unsigned. */
#define EVIDENCE_SIGNED_FIELDS 15
#define EVIDENCE_AUTHORS_MOST 32
/* RFC 8617 4.2.1 */
#define EVIDENCE_ARC_SETS_MOST 50
/* Results kept of one sealer, and bytes of each as a text. */
#define EVIDENCE_CLAIMS_MOST 16
#define EVIDENCE_CLAIM_TEXT_MOST 300
/* Bytes kept of any one text taken from a message. */
#define EVIDENCE_TEXT_MOST 998
/* Of a key's p=, which is compared whole: base64 of 8,192 bits and then some. */
#define EVIDENCE_KEY_MOST 4096
/* Values kept of one header field that rules read; names of such fields are as many as the rules have. */
#define EVIDENCE_VALUES_MOST 1024

#endif
