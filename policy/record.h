/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h: all of one transaction as one line of JSON, and back (mxward-record(5), record.schema.json). A
 * record holds what a judgement needs (facts, answers, evidence), so that it can be judged again without network and
 * message, and what came of it.
 *
 * Always UTF-8: a backslash, a NUL, a DEL and every byte that is no part of UTF-8 is written as \xHH, which is undone
 * on reading. Every text is bounded by what it was bounded by before; arrays by the caps below. Writing cannot fail;
 * reading says what is wrong.
 */
#ifndef MXWARD_POLICY_RECORD_H
#define MXWARD_POLICY_RECORD_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"

enum record_kind {
    RECORD_TRANSACTION,            /* MAIL to its end, however it ended */
    RECORD_SESSION,                /* a session that was refused or ended before any MAIL */
};

/* Who the client heard last. */
enum record_by { RECORD_BY_NOBODY, RECORD_BY_MXWARD, RECORD_BY_BACKEND };

enum record_phase {
    PHASE_CONNECT,                 /* accept to banner */
    PHASE_ENVELOPE,                /* MAIL to 354 */
    PHASE_DATA,                    /* 354 to end of message */
    PHASE_ANSWERS,                 /* of all that: waiting for DNS while a judgement could not go on */
    PHASE_JUDGEMENT,               /* end of message to verdict */
    PHASE_BACKEND,                 /* verdict to the backend's reply */
    PHASE_TOTAL,                   /* MAIL (session: accept) to reply */
};
#define RECORD_PHASES 7

/* One RCPT, accepted or not, in order. */
struct record_recipient {
    struct facts_recipient recipient;
    struct slice notify;           /* NOTIFY= and ORCPT= as RCPT said them (RFC 3461); empty: it did not */
    struct slice orcpt;
    enum record_by by;
    unsigned code;                 /* 0: no reply was given */
    struct slice text;             /* the reply without its code: "5.1.1 no such user"; of several lines the last */
    bool exempt;
    const struct verdict *verdict; /* of stage rcpt: give it where it is not pass; NULL otherwise */
};

/* What became of it. */
struct record_outcome {
    enum record_by by;
    unsigned code;                 /* the final reply; 0: none (the client vanished) */
    struct slice text;             /* without the code; of several lines the last */
    /*
     * Where mxward decided without a rule, or the transaction ended early: "client closed in body",
     * "limit message-size", "bare LF", "backend 127.0.0.1:10025: connection refused".
     */
    struct slice reason;
    struct slice backend;          /* "127.0.0.1:10025"; empty: none was asked */
    unsigned backend_code;         /* its reply to the message (else to the command it ended with); 0: none */
    struct slice backend_text;
    bool delivered;                /* the backend said 250 to the message */
    uint32_t left_out;             /* like this one, not recorded since the last that was (limited sessions) */
    int64_t timings[RECORD_PHASES];    /* microseconds; -1: there was no such phase */
};

struct record {
    enum record_kind kind;
    const struct facts *facts;         /* as given to the last judgement; at stage message all accepted recipients */
    struct slice ret;                  /* RET= and ENVID= as MAIL said them (RFC 3461); empty: it did not */
    struct slice envid;
    const struct answers *answers;     /* those marked used are written (frame_get_verdict() marks them) */
    const struct verdict *verdict;     /* the last that was made: of stage message if it came to that; NULL: none */
    struct record_recipient *recipients;
    size_t recipients_count;
    struct record_outcome outcome;
    bool answers_left_out;             /* setting of the record: leaves answers out, "replayable": false */
    unsigned char program[32];         /* SHA-256 of the program's image: rules and lists */
    struct slice version;              /* reading: of the mxward that wrote it; writing: this one's */
};

/* More are counted in "recipients-left-out". */
#define RECORD_RECIPIENTS_MOST 1000
/* Bytes of a line that is read. */
#define RECORD_LINE_MOST (64UL << 20)

/* All timings -1, nothing else: where to start from. */
void record_init(struct record *record);

/* One line with its LF, in `arena`. */
struct slice record_write(const struct record *record, struct arena *arena);

/*
 * What a verdict says, in parts: each a JSON text that the same verdict gives byte for byte. They are members of the
 * record, and of "judged" in each recipient that has a verdict of its own.
 */
enum record_part { PART_VERDICT, PART_SCORE, PART_REPLY, PART_RULES, PART_EFFECTS, PART_RESULTS };
#define RECORD_PARTS 6

const char *record_part_name(enum record_part part); /* "verdict", "score", "reply", "rules", "effects", "results" */
void record_parts(const struct verdict *verdict, struct arena *arena, struct slice parts_out[RECORD_PARTS]);

/* A judgement as read back: what it was about, and what was said; absent parts were deleted or never there. */
struct record_judged {
    enum stage stage;
    struct facts facts;                /* for stage rcpt with the one recipient */
    struct slice parts[RECORD_PARTS];
};

/*
 * What is read lives in `arena`. `record` holds all that was written but the verdict's added fields; what was deleted
 * is empty.
 */
struct record_reading {
    struct record record;
    struct facts facts;
    struct answers *answers;
    const struct evidence *evidence;   /* NULL: no message was read */
    struct removed_field *removed;     /* what examining found to remove */
    size_t removed_count;
    bool replayable;                   /* false: answers were left out */
    struct record_judged *judged;      /* the record's own first, if there was one, then of recipients in order */
    size_t judged_count;
};

bool record_read(struct slice line, struct arena *arena, struct record_reading *reading_out, struct slice *problem_out);

const char *record_by_name(enum record_by by);             /* "nobody", "mxward", "backend" */
const char *record_phase_name(enum record_phase phase);    /* "connect", ... */

/* "2026-11-22T05:41:02.123456Z" of microseconds since 1970, and back. */
struct slice record_time(int64_t microseconds, struct arena *arena);
bool record_time_parse(struct slice text, int64_t *microseconds_out);
/* 64 digits. */
struct slice record_hash(const unsigned char hash[32], struct arena *arena);

/* A text as a record writes it, and back (\xHH). */
struct slice record_escape(struct slice text, struct arena *arena);
struct slice record_unescape(struct slice text, struct arena *arena);
/* The same between quotes, as JSON. */
struct slice record_json_text(struct slice text, struct arena *arena);

#endif
