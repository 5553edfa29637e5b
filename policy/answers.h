/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers.h: the answer set: question -> answer, *timeout* included. All that a judgement knows of the world
 * beyond the facts. The libraries look up here and nowhere else; a look-up of what is not there notes the question, and
 * whoever runs the judgement (worker, verify) resolves all noted questions and judges again. A set never shrinks and an
 * answer never changes. Names are RFC 1035 presentation form, lower case, without the trailing dot; a byte outside
 * printable ASCII, a dot within a label and a backslash are \DDD. The root is ".".
 */
#ifndef MXWARD_POLICY_ANSWERS_H
#define MXWARD_POLICY_ANSWERS_H

#include <stdint.h>

#include "rules/arena.h"
#include "rules/slice.h"

/* Values are the DNS RR type numbers (RFC 1035, RFC 3596). */
enum question_type {
    QUESTION_A = 1,
    QUESTION_PTR = 12,
    QUESTION_MX = 15,
    QUESTION_TXT = 16,
    QUESTION_AAAA = 28,
};

/* 253 characters of plain name; with every byte escaped at most four times that. */
#define QUESTION_NAME_MOST 1012

struct question {
    enum question_type type;
    struct slice name;
};

enum answer_status {
    ANSWER_MISSING,        /* not asked yet; never stored */
    ANSWER_RECORDS,        /* at least one record */
    ANSWER_NO_DATA,        /* the name exists, no such record */
    ANSWER_NO_NAME,        /* NXDOMAIN */
    ANSWER_FAILED,         /* SERVFAIL, REFUSED, malformed, bogus under DNSSEC */
    ANSWER_TIMEOUT,        /* no answer in time */
    ANSWER_LIMIT,          /* not asked: the limit of questions was reached; as a timeout to all who read it */
};

/* One record. CNAME chains are followed by the resolver: records are those of the chain's end. */
struct answer_record {
    uint16_t preference;   /* MX */
    struct slice data;     /* A: 4 bytes; AAAA: 16; MX, PTR: a name as above; TXT: all strings joined, any byte */
};

/*
 * More records than this at one name are cut off (and the answer is still ANSWER_RECORDS); a TXT record's data is at
 * most 65,535 bytes.
 */
#define ANSWER_RECORDS_MOST 256

struct answer {
    struct question question;
    enum answer_status status;
    uint32_t count;
    struct answer_record *records;     /* in the order received; order carries no meaning */
    struct slice reason;               /* for people: rcode, "no reply from 192.0.2.53"; may be empty */
    bool used;                         /* a look-up read it: it belongs into the record */
    struct answer *next;               /* in order of addition */
};

struct answers;

/* Answers and their text live in `arena`, which outlives the set. */
struct answers *answers_new(struct arena *arena);

/*
 * The answer, marked used; or NULL, and the question is noted as missing. `name` may have any case and a trailing
 * dot. A name that cannot be asked (a label over 63 or a name over 253 bytes, an empty label) gives a shared
 * ANSWER_NO_NAME answer.
 */
const struct answer *answers_find(struct answers *answers, enum question_type type, struct slice name);
/*
 * Notes a question that is sure or likely to be wanted later, unless it is answered; it does not hold the judgement
 * up.
 */
void answers_want(struct answers *answers, enum question_type type, struct slice name);
/* Copies it into the set; an answer that is already there stays as it is (false). */
bool answers_add(struct answers *answers, const struct answer *answer);

/*
 * Missing (needed: the judgement is not final) and wanted (foreseen) questions since the last
 * answers_forget_questions().
 */
size_t answers_missing_count(const struct answers *answers);
const struct question *answers_missing(const struct answers *answers, size_t index);
size_t answers_wanted_count(const struct answers *answers);
const struct question *answers_wanted(const struct answers *answers, size_t index);
void answers_forget_questions(struct answers *answers);
/* Missing questions become wanted ones: what noted them was only looking ahead. */
void answers_foresee(struct answers *answers);

/* All answers in order of addition. */
const struct answer *answers_first(const struct answers *answers);
size_t answers_count(const struct answers *answers);
/* Marks every answer unused, before another round. */
void answers_reset_used(struct answers *answers);

/* Marks it used if it is there; notes nothing. */
void answers_mark_used(struct answers *answers, enum question_type type, struct slice name);

struct wire_writer;
struct wire_reader;

/* For frames: a batch, from `first` to the end of its chain. Decoding adds to the set. */
void answers_encode(const struct answer *first, struct wire_writer *writer);
bool answers_decode(struct wire_reader *reader, struct answers *answers);
void question_encode(const struct question *question, struct wire_writer *writer);
/* Borrows from the reader's bytes; the name is not normalised but is bounded and of allowed characters. */
struct question question_decode(struct wire_reader *reader);

/* "A", "TXT", ...; NULL for a number that is none of them. And back: false when unknown. */
const char *question_type_name(enum question_type type);
bool question_type_parse(struct slice text, enum question_type *type_out);
/* "records", "no-data", "no-name", "failed", "timeout", "limit". */
const char *answer_status_name(enum answer_status status);
bool answer_status_parse(struct slice text, enum answer_status *status_out);
/* Canonical form of a name; false when it cannot be asked. The result lives in `arena`. */
bool question_name_normalise(struct slice name, struct arena *arena, struct slice *name_out);

#endif
