/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges_private.h: what the files of judges share. A tour:
 *
 * A bench is one image's processes: the current one, in which all hearings are multiplexed by number, and the
 * spare. A hearing is seated in a process while it is open there, and can lose its seat at any time, when the
 * process dies; all that is needed to seat it anew is kept outside: facts (encoded), answers, the spool. It is
 * seated again when its owner next needs an outcome.
 *
 * A judge takes frames in order and answers each request with one reply, so what is expected of a process is
 * one queue. When it dies, every hearing with a request in that queue, or whose body was on its way, may be the
 * one that killed it: a suspect. Suspects that need an outcome are tried in the spare, one at a time; the
 * bench's trial is the one being tried. Who kills the spare is guilty. A trial is over when the hearing has its
 * outcome; then it is closed there, and is a hearing like any other.
 *
 * judges.c: benches, images, time. judges_process.c: one process, bytes and frames. judges_hearing.c: what a
 * hearing sends, and what replies mean. judges_owner.c: the calls of owners, and outcomes to them.
 * judges_check.c: names of fields in verdicts.
 */
#ifndef MXWARD_PROXY_JUDGES_PRIVATE_H
#define MXWARD_PROXY_JUDGES_PRIVATE_H

#include <sys/queue.h>
#include <sys/types.h>

#include "policy/frame.h"
#include "proxy/judges.h"
#include "proxy/restarts.h"

struct event;
struct stream;

/* Bytes on their way to a process above which nothing more is put: a body streams as fast as it is taken. */
#define JUDGES_OUTPUT_MARK ((size_t)256 << 10)
/* At which more is put again. */
#define JUDGES_OUTPUT_LOW (JUDGES_OUTPUT_MARK / 2)
/*
 * Bytes of questions and verdicts held for open hearings, before decoding. A few KiB each are usual; what is beyond is
 * no honest judge's.
 */
#define JUDGES_HELD_MOST ((size_t)256 << 20)
/* Header fields that an image's rules may add; the rules language has no limit of its own. */
#define JUDGE_IMAGE_NAMES_MOST 1024

struct judge_image {
    unsigned references;
    int descriptor;
    char **names;
    size_t names_count;
};

enum expected_kind { EXPECTED_KEYS, EXPECTED_JUDGEMENT };

/* One reply that a process owes. */
struct expected {
    struct hearing *hearing;           /* NULL: closed since */
    uint32_t number;
    enum expected_kind kind;
    uint64_t serial;                   /* of the judgement: an older one is not wanted any more */
    const struct answer *answers;      /* the last that it was told when it was asked */
    TAILQ_ENTRY(expected) queue;
};

struct judge_process {
    struct bench *bench;
    pid_t pid;
    struct stream *stream;
    bool above_low;                    /* its output was above JUDGES_OUTPUT_LOW since that was last noted */
    bool ready;
    bool ended;                        /* by itself, or by others */
    bool tainted;                      /* a trial in it was broken off: its death would be blamed on the next */
    uint32_t last_number;
    uint32_t closes;                   /* CLOSEs that a FULL may have crossed */
    int64_t since;                     /* milliseconds: what it owes it owes since then */
    struct frame_assembly assembly;
    struct wire_writer scratch;
    TAILQ_HEAD(expected_queue, expected) expected;
    TAILQ_HEAD(due_queue, hearing) due;        /* hearings with something to send */
    TAILQ_HEAD(seated_queue, hearing) seated;     /* the oldest first: so they are tried */
};

struct bench {
    struct judges *judges;
    struct judge_image *image;
    struct judge_process *current;
    struct judge_process *spare;
    struct hearing *trial;             /* seated in the spare */
    TAILQ_HEAD(waiting_queue, hearing) waiting;        /* for a seat in the current process */
    TAILQ_HEAD(suspects_queue, hearing) suspects;      /* for their trial */
    size_t hearings;                   /* that are open, seated or not */
    struct restarts restarts;
    int64_t start_at;                  /* milliseconds: no process is started before */
    LIST_ENTRY(bench) others;
};

struct judges {
    struct event_base *base;
    struct judges_settings settings;
    struct bench *newest;
    LIST_HEAD(, bench) benches;
    struct event *tick;
    struct event *deliver;
    TAILQ_HEAD(, hearing) outcomes;    /* hearings with an outcome to be told */
    size_t outcomes_count;
    struct arena *scratch;             /* reset with each frame */
    size_t held;                       /* of all hearings */
    size_t held_most;                  /* JUDGES_HELD_MOST */
    unsigned deaths;
};

/* The queue that a hearing stands in. */
enum hearing_place { PLACE_NONE, PLACE_WAITING, PLACE_SUSPECTS, PLACE_DUE };

struct outcome {
    bool pending;
    enum hearing_outcome outcome;
    const struct verdict *verdict;
    struct frame_questions questions;
};

struct hearing {
    struct bench *bench;
    struct answers *answers;
    struct arena *arena;
    struct wire_writer facts;          /* encoded */

    /* What the owner wants. */
    bool judging;                      /* an outcome of this judgement is wanted */
    enum stage stage;
    uint64_t serial;
    hearing_done done;
    void *context;
    struct spool *spool;               /* NULL: no message yet */
    size_t header_size;
    bool ended;                        /* the spool is complete */
    bool keys_due;                     /* the judge is to look for the keys of the message */
    bool keys_with_owner;              /* the owner was asked for them */
    hearing_done asks;
    void *asks_context;

    size_t held;                       /* bytes of replies that live in the arena */
    bool suspect;
    bool doubted;                      /* its judge died in a trial, maybe not of it: there is one more */
    bool killed;                       /* guilty: it is not seated any more */
    int64_t waiting_since;
    enum hearing_place place;
    TAILQ_ENTRY(hearing) queue;

    /* What the process in which it is seated was told; all zero without one. */
    struct seat {
        struct judge_process *process;
        uint32_t number;
        bool opened;
        bool facts_sent;
        const struct answer *answers_sent;     /* the last one */
        bool header_sent;
        bool keys_sent;                /* HEADER or EXAMINE, the reply is expected */
        bool body_wanted;
        uint64_t body_offset;          /* in the spool */
        bool body_ended;
        bool judge_sent;               /* of this judgement, the reply is expected */
    } seat;
    TAILQ_ENTRY(hearing) seated;

    struct outcome done_outcome;
    struct outcome asks_outcome;
    bool in_outcomes;
    TAILQ_ENTRY(hearing) outcome_queue;
};

/* Monotonic milliseconds. */
int64_t judges_now(void);

/* judges.c */
struct bench *bench_get(struct judges *judges, struct judge_image *image);
/* Starts what is missing, seats who waits, begins a trial. May be called at any time but from within hearing_step(). */
void bench_settle(struct bench *bench);
/* It died or was killed for what it did: blames, unseats, frees it. `why` is for the log. */
void bench_lost(struct judge_process *process, const char *why);
/* The hearing in trial has what it wanted. */
void bench_trial_over(struct bench *bench);

/* judges_process.c */
/* NULL with errno: it could not be started. */
struct judge_process *judge_process_new(struct bench *bench);
/* Kills it; what wait() said of its end. Hearings are unseated by the caller. */
int judge_process_free(struct judge_process **process);
size_t judge_process_output(const struct judge_process *process);
/* An object's payload in two parts (either may be empty), cut into frames. */
void judge_process_put(struct judge_process *process, enum frame_type type, uint32_t number, struct slice first,
                       struct slice second);
/* One frame of a stream. */
void judge_process_put_bytes(struct judge_process *process, enum frame_type type, bool more, uint32_t number,
                             struct slice bytes);
void judge_process_expect(struct judge_process *process, struct hearing *hearing, enum expected_kind kind);
/* Sends what is due, as long as there is room. */
void judge_process_pump(struct judge_process *process);
/* It owes something for longer than it may. */
bool judge_process_is_late(const struct judge_process *process, int64_t now);

/* judges_hearing.c */
/* Whether it needs a process: there is something to find out, and nothing that must come from the owner first. */
bool hearing_wants(const struct hearing *hearing);
/* Sends one thing; false: there is nothing to be sent now. May end in hearing_fail(). */
bool hearing_step(struct hearing *hearing);
/* Takes the reply to `expected`. NULL, or what is wrong with it. */
const char *hearing_take_reply(struct hearing *hearing, const struct expected *expected, const struct frame *frame);
/* FULL came for it. */
void hearing_full(struct hearing *hearing);

/* judges_owner.c */
void hearing_seat(struct hearing *hearing, struct judge_process *process);
/* Out of its process; `tell`: with a CLOSE. */
void hearing_unseat(struct hearing *hearing, bool tell);
/* Out of the queue that it stands in. */
void hearing_leave_queue(struct hearing *hearing);
/* Something is due: to its process, or to the queue for one. */
void hearing_stir(struct hearing *hearing);
void hearing_tell_done(struct hearing *hearing, struct outcome outcome);
void hearing_tell_asks(struct hearing *hearing, struct outcome outcome);
/* KILLED or UNAVAILABLE, to whatever the owner waits for. */
void hearing_fail(struct hearing *hearing, enum hearing_outcome outcome);
void judges_deliver(struct judges *judges);

/*
 * judges_check.c: NULL, or what is wrong: a field is added that this image cannot add, or a range to be removed is not
 * exactly one field of a name that it can remove. `spool` (its first header_size bytes) is read.
 */
const char *judges_check_verdict(const struct verdict *verdict, const struct judge_image *image, struct spool *spool,
                                 size_t header_size, struct arena *scratch);
/* Whether bytes [offset, offset + length) of the header are one field `name`. */
bool judges_check_field(struct slice header, size_t offset, size_t length, struct slice name);

#endif
