/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction_private.h: what transaction.c (stages and message), transaction_delivery.c (recipients and the
 * backend) and transaction_record.c share.
 */
#ifndef MXWARD_PROXY_TRANSACTION_PRIVATE_H
#define MXWARD_PROXY_TRANSACTION_PRIVATE_H

#include "proxy/framing.h"
#include "proxy/generation.h"
#include "proxy/inquiry.h"
#include "proxy/spool.h"
#include "proxy/transaction.h"

struct event;

/* What a busy transaction waits for. */
enum transaction_work {
    WORK_NONE,
    WORK_JUDGE_SESSION,    /* connect, helo */
    WORK_AUTH,             /* the backend's reply to a line of AUTH */
    WORK_JUDGE_MAIL,
    WORK_JUDGE_RECIPIENT,
    WORK_RECIPIENT,        /* the backend's reply to RCPT */
    WORK_JUDGE_VERIFY,
    WORK_VERIFY,           /* the backend's reply to VRFY */
    WORK_JUDGE_MESSAGE,
    WORK_REOPEN,           /* MAIL and RCPT sent again to a new backend session */
    WORK_DELIVER,          /* the backend's reply to the message */
};

/* Why a message that was read to its end will not be judged. */
enum message_flaw { MESSAGE_FINE, MESSAGE_TOO_LARGE, MESSAGE_HEADER_TOO_LARGE, MESSAGE_NO_ROOM, MESSAGE_DISK };

struct transaction {
    struct session *session;
    struct generation *generation;
    struct arena *arena;
    struct arena *reply_arena;             /* of the reply of the work done last */
    struct answers *answers;
    struct facts facts;
    struct inquiry *inquiry;
    transaction_notify notify;
    void *context;

    enum transaction_work work;
    struct reply reply;
    bool final;                            /* the reply ends the transaction */

    /* Envelope. */
    struct envelope_mail mail;
    struct facts_recipient asked;          /* the recipient that is being worked on */
    struct envelope_recipient asked_said;  /* its parameters */
    struct facts_recipient *accepted;
    struct envelope_recipient *accepted_said;
    size_t accepted_count;
    size_t accepted_room;
    bool exempt;                           /* kind of the recipients accepted so far */
    bool asked_exempt;
    struct record_recipient *recipients;   /* every RCPT, for the record */
    size_t recipients_count;
    size_t recipients_room;
    const struct verdict *verdict;         /* the last one */

    /* The backend's view of it. */
    bool mail_sent;                        /* on the session's present backend connection */
    bool backend_knows_all;                /* every accepted recipient was accepted on that connection */
    struct slice backend;                  /* the address of the one asked last; empty: none was */
    struct slice auth_command;             /* borrowed until it is answered, for another backend; else absent */
    unsigned tried;                        /* bits of those that a session was opened with for what is asked now */
    struct reply mail_refusal;             /* of the backend; code 0: none */
    size_t reopened;                       /* replies still to come while reopening */
    struct slice reopen_failure;
    struct event *hold;                    /* backend-hold since 354 */
    unsigned backend_code;
    struct slice backend_text;
    bool delivered;

    /* The message. */
    bool chunked;                          /* it comes by BDAT */
    struct framing framing;
    struct spool *spool;
    bool header_given;
    enum message_flaw flaw;
    struct slice reason;                   /* why mxward decided without a rule */

    /* VRFY. */
    struct slice verify;                   /* the address asked for */
    struct {
        const struct verdict *verdict;
        struct facts_recipient asked;
        struct facts_recipient *recipients;
        size_t recipients_count;
    } before_verify;

    /* Monotonic microseconds; 0: did not happen. */
    int64_t began_at;
    int64_t mail_at;
    int64_t data_at;
    int64_t message_at;
    int64_t judged_at;
    int64_t replied_at;
};

/* Nothing is said and nothing went wrong yet. */
void transaction_begin_work(struct transaction *transaction, enum transaction_work work);
/* Ends the work with that reply and tells the client on this turn (callers are event callbacks) . */
void transaction_done(struct transaction *transaction, struct reply reply);
/* A reply of ours that carries the id. */
struct reply transaction_own_reply(struct transaction *transaction, unsigned code, const char *enhanced,
                                   const char *text);
/* The reply that a verdict of reject or defer gives. */
struct reply transaction_verdict_reply(struct transaction *transaction, const struct verdict *verdict);

/* transaction_backend.c */

/* A session with a backend of this generation, the one there is or a new one; NULL: none is to be had. */
struct backend_session *transaction_need_backend(struct transaction *transaction);
/*
 * The session was lost before it said anything of this transaction: whether another backend may be asked now, in its
 * place. If so the lost session is closed, and all that was said to it is to be said again.
 */
bool transaction_turn_elsewhere(struct transaction *transaction, const struct backend_result *result);
/* What is said to a client when no backend could be asked; notes why. */
struct reply transaction_failure_reply(struct transaction *transaction, const struct backend_result *result);
/*
 * For now not: 451. RFC 4954 6: 454 in reply to AUTH. What was authenticated is so no longer when its connection is
 * gone: by 421 the client begins anew.
 */
struct reply transaction_trouble_reply(struct transaction *transaction, const char *enhanced, const char *text);
/* The session has lost its authentication; notes that. */
struct reply transaction_unauthenticated_reply(struct transaction *transaction);

/* transaction_delivery.c */
void transaction_pass_command(struct transaction *transaction, struct slice line);
void transaction_pass_response(struct transaction *transaction, struct slice line);
void transaction_offer_recipient(struct transaction *transaction);
void transaction_deliver(struct transaction *transaction);
void transaction_forget_envelope(struct transaction *transaction);

/* transaction_verify.c: the rules of rcpt let it pass (code 0), or this is their reply. */
void transaction_verify_judged(struct transaction *transaction, struct reply refusal);
/* Where one is under way, the transaction is as it was before. */
void transaction_verify_forget(struct transaction *transaction);

/* transaction_record.c */
void transaction_note_recipient(struct transaction *transaction, const struct verdict *verdict, enum record_by by);
void transaction_write_record(struct transaction *transaction, const char *reason);
void transaction_count(const struct transaction *transaction);

#endif
