/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h: what worker and judge process say to each other over a stream socket pair. Neither believes the other:
 * every frame is bounded, every object is decoded by grammar. Buffers in, buffers out, no sockets: both ends and the
 * fuzzer use the same code.
 *
 * A frame is a head of 12 bytes (payload length u32, type u8, flags u8, zero u16, transaction u32; big-endian) and at
 * most FRAME_PAYLOAD_MOST bytes. An object too large for one is cut: every frame but its last has FRAME_MORE, and no
 * other frame stands between them. HEADER and BODY are streams, never put together: HEADER with FRAME_MORE has more
 * to come.
 *
 * A hearing is what a judge holds of one transaction, under a number that the worker chooses and does not use twice
 * at once. Each request gets exactly one reply; nothing else does but READY, which comes first of all.
 *
 *     worker                                   judge
 *                                              READY       version, SHA-256 of the program's image; now it is sealed
 *     OPEN     facts, answers so far
 *     FACTS    replaces the facts
 *     ANSWERS  adds to the answers
 *     JUDGE    stage                           VERDICT (with wanted questions) | QUESTIONS (missing and wanted)
 *     HEADER   bytes, the last without MORE    (that last one) QUESTIONS | BODY_WANTED
 *     EXAMINE  after ANSWERS: try again        QUESTIONS | BODY_WANTED
 *     BODY     bytes
 *     BODY_END
 *     EVIDENCE instead of HEADER to BODY_END: what a record holds of a message, to judge it again
 *     CLOSE    forget the hearing
 *
 * JUDGE of stage message comes after BODY_END (and a FACTS with the message's size). Early stages need neither.
 * Instead of a reply, or at any other time, there may come FULL: the hearing did not fit into the judge's memory and
 * is forgotten; further frames for it are dropped up to its CLOSE, which is still sent. REFUSED says what frame was
 * wrong; the judge ends after it.
 */
#ifndef MXWARD_POLICY_FRAME_H
#define MXWARD_POLICY_FRAME_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"
#include "policy/wire.h"

enum frame_type {
    FRAME_OPEN = 1, FRAME_FACTS, FRAME_ANSWERS, FRAME_JUDGE, FRAME_HEADER, FRAME_EXAMINE, FRAME_BODY, FRAME_BODY_END,
    FRAME_EVIDENCE, FRAME_CLOSE,
    FRAME_READY, FRAME_VERDICT, FRAME_QUESTIONS, FRAME_BODY_WANTED, FRAME_FULL, FRAME_REFUSED,
};
#define FRAME_TYPE_LAST FRAME_REFUSED

#define FRAME_HEAD 12
#define FRAME_PAYLOAD_MOST (32768 - FRAME_HEAD)
#define FRAME_MORE 1U                      /* the only flag */
/* Bytes of one object put together. A verdict with full evidence and trace is the largest: see VERDICT_TRACE_MOST. */
#define FRAME_OBJECT_MOST (8U << 20)
/* Changes with every change of an encoding: worker and judge are of one binary, READY proves it. */
#define FRAME_VERSION 1U
/* Bytes of a message's header that a judge takes. The setting limits.header-size cannot be larger. */
#define FRAME_HEADER_MOST (1U << 20)
#define FRAME_PROGRAM_HASH 32
/* Wanted and missing questions in one reply; a judge notes no more. */
#define FRAME_QUESTIONS_MOST 1024

struct frame {
    enum frame_type type;
    bool more;
    uint32_t transaction;
    struct slice payload;                  /* borrowed from what was parsed */
};

enum frame_parse { FRAME_PARSED, FRAME_INCOMPLETE, FRAME_BAD };

/* Takes one frame off the front of `bytes`. PARSED: *consumed_out bytes were it. INCOMPLETE: *consumed_out is how many
 * bytes it has in all as far as known (at least FRAME_HEAD). BAD: the stream cannot be read on. */
enum frame_parse frame_parse(struct slice bytes, struct frame *frame_out, size_t *consumed_out);

/* Puts the frames of one object together. Lives in its owner; zeroed is empty; holds memory of its own until clear. */
struct frame_assembly {
    bool open;                             /* frames came, the last is still to come */
    enum frame_type type;
    uint32_t transaction;
    struct wire_writer bytes;
};

enum frame_assembled { FRAME_WHOLE, FRAME_PARTIAL, FRAME_BROKEN };

/* WHOLE: *whole_out is the object (its payload borrowed from the frame or the assembly until the next call). HEADER
 * and BODY frames are always whole. BROKEN: another object's frame came between, or it is larger than
 * FRAME_OBJECT_MOST. */
enum frame_assembled frame_assemble(struct frame_assembly *assembly, const struct frame *frame,
                                    struct frame *whole_out);
void frame_assembly_clear(struct frame_assembly *assembly);

/* The head alone, for a payload (at most FRAME_PAYLOAD_MOST) that is sent from where it lies: HEADER and BODY. */
void frame_head(unsigned char head_out[FRAME_HEAD], enum frame_type type, bool more, uint32_t transaction,
                size_t length);

/*
 * Whole objects, cut as needed, appended to `out` (whose cap must leave room for what is sent at once:
 * FRAME_OBJECT_MOST and some). false: larger than FRAME_OBJECT_MOST, nothing was appended.
 */
bool frame_put_open(struct wire_writer *out, uint32_t transaction, const struct facts *facts,
                    const struct answer *answers);
bool frame_put_facts(struct wire_writer *out, uint32_t transaction, const struct facts *facts);
/* `answers`: the first of a chain to its end, as answers_first() or a later one gives it; NULL is an empty batch. */
bool frame_put_answers(struct wire_writer *out, uint32_t transaction, const struct answer *answers);
bool frame_put_evidence(struct wire_writer *out, uint32_t transaction, const struct evidence *evidence,
                        const struct removed_field *removed, size_t removed_count);
void frame_put_judge(struct wire_writer *out, uint32_t transaction, enum stage stage);
void frame_put_header(struct wire_writer *out, uint32_t transaction, struct slice bytes, bool more);
void frame_put_body(struct wire_writer *out, uint32_t transaction, struct slice bytes);
/* EXAMINE, BODY_END, CLOSE, BODY_WANTED, FULL: no payload. */
void frame_put_bare(struct wire_writer *out, enum frame_type type, uint32_t transaction);
void frame_put_ready(struct wire_writer *out, const unsigned char program_hash[FRAME_PROGRAM_HASH]);
/* With the questions that `answers` notes as wanted, and which answers were used. */
bool frame_put_verdict(struct wire_writer *out, uint32_t transaction, const struct verdict *verdict,
                       const struct answers *answers);
bool frame_put_questions(struct wire_writer *out, uint32_t transaction, const struct answers *answers);
void frame_put_refused(struct wire_writer *out, uint32_t transaction, const char *reason);

/*
 * Payloads back to objects. What comes out lives in `arena` (the payload is copied into it first). false: not by the
 * grammar, and *problem_out says what (a literal).
 */
bool frame_get_open(struct slice payload, struct arena *arena, struct facts *facts_out, struct answers *answers,
                    const char **problem_out);
/* Of a payload that frame_get_open() takes: the bytes that alone would be FACTS. */
struct slice frame_open_facts(struct slice payload);
bool frame_get_facts(struct slice payload, struct arena *arena, struct facts *facts_out, const char **problem_out);
/* Adds to `answers`, which copies into its own arena. */
bool frame_get_answers(struct slice payload, struct answers *answers, const char **problem_out);
bool frame_get_evidence(struct slice payload, struct arena *arena, struct evidence *evidence_out,
                        struct removed_field **removed_out, size_t *removed_count_out, const char **problem_out);
bool frame_get_judge(struct slice payload, enum stage *stage_out, const char **problem_out);
bool frame_get_ready(struct slice payload, unsigned char program_hash_out[FRAME_PROGRAM_HASH],
                     const char **problem_out);

struct frame_questions {
    struct question *missing;
    size_t missing_count;
    struct question *wanted;
    size_t wanted_count;
};

bool frame_get_questions(struct slice payload, struct arena *arena, struct frame_questions *questions_out,
                         const char **problem_out);
/*
 * `header_size`: bytes of header that were given to the judge (0 before stage message): removed fields lie within.
 * `answers` (may be NULL): the worker's own set, in which used answers are marked.
 */
bool frame_get_verdict(struct slice payload, size_t header_size, struct arena *arena, struct answers *answers,
                       struct verdict *verdict_out, struct frame_questions *wanted_out, const char **problem_out);
/* The reason in printable ASCII, for a log. */
struct slice frame_get_refused(struct slice payload, struct arena *arena);

#endif
