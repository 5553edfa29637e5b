/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction.h: MAIL to final reply: facts, held message, judging, recipients and delivery through the
 * backend, record. Also judges connect and helo, whose facts and answers its later stages need. Owned by a
 * client; knows no socket of it. One piece of work at a time: a call that begins work makes it TRANSACTION_BUSY
 * until `notify`, and then transaction_reply() is what the client shall hear.
 */
#ifndef MXWARD_PROXY_TRANSACTION_H
#define MXWARD_PROXY_TRANSACTION_H

#include "proxy/backend.h"
#include "proxy/envelope.h"
#include "proxy/reply.h"
#include "policy/facts.h"
#include "policy/record.h"

struct config;
struct worker;
struct transaction;

/* What outlives a transaction within one client session. The client owns it. */
struct session {
    struct worker *worker;
    struct arena *arena;
    struct facts facts;                    /* of the session; sender, recipients and id are each transaction's own */
    int64_t accepted_at;                   /* monotonic microseconds */
    struct backend_session *backend;       /* NULL until a recipient passed */
    bool normalise;                        /* of the listener */
};

typedef void (*transaction_notify)(void *context);

/* Begins with the session's facts and the worker's newest generation. */
struct transaction *transaction_new(struct session *session, transaction_notify notify, void *context);
/*
 * Writes the record (if there was a MAIL, or a session's refusal) and frees; accepts a pointer to NULL.
 * `reason`: why it ended without a final reply ("client closed the connection", "RSET"), NULL after one.
 */
void transaction_end(struct transaction **transaction, const char *reason);
/* The session's facts changed (HELO, TLS) before MAIL. */
void transaction_session_changed(struct transaction *transaction);

enum transaction_state { TRANSACTION_IDLE, TRANSACTION_BUSY };
enum transaction_state transaction_state(const struct transaction *transaction);
/* Of the work done last; code 0: connect or helo passed, the client's own reply follows. Valid until the next call that
 * begins work. */
const struct reply *transaction_reply(const struct transaction *transaction);
bool transaction_has_mail(const struct transaction *transaction);
/* MAIL said SMTPUTF8: addresses may hold UTF-8. */
bool transaction_is_international(const struct transaction *transaction);
size_t transaction_accepted(const struct transaction *transaction);
struct slice transaction_id(const struct transaction *transaction);
const struct generation *transaction_generation(const struct transaction *transaction);

/* STAGE_CONNECT or STAGE_HELO. */
void transaction_judge_session(struct transaction *transaction, enum stage stage);
/* The answer to a MAIL that parsed. */
void transaction_mail(struct transaction *transaction, const struct command_path *path,
                      const struct envelope_mail *mail);
void transaction_recipient(struct transaction *transaction, const struct command_path *path,
                           const struct envelope_recipient *recipient);
/*
 * The lines of an AUTH exchange, without CRLF, passed to the backend; before MAIL. The command is borrowed until the
 * reply, a response is not kept. STAGE_HELO was judged before, so that a backend opened for it hears the client's name.
 * The reply is the backend's own: 334, 235, a refusal; or 454 of ours, when it could not be asked.
 */
void transaction_auth_command(struct transaction *transaction, struct slice line);
void transaction_auth_response(struct transaction *transaction, struct slice line);
/* VRFY, judged as a recipient would be, and answered by the backend. */
void transaction_verify(struct transaction *transaction, const struct command_path *path);
/* After DATA was answered 354, or at the first BDAT. */
void transaction_data_begin(struct transaction *transaction, bool chunked);
bool transaction_is_chunked(const struct transaction *transaction);
/* Message bytes as they come; true: the end of data was among them, *consumed_out bytes were used, and the work of
 * judging and delivery began. */
bool transaction_data(struct transaction *transaction, struct slice input, size_t *consumed_out);
/* Message bytes of a BDAT as they come. */
void transaction_chunk(struct transaction *transaction, struct slice input);
/* After a BDAT that was not the last: false when the message is refused already; then that is the reply. */
bool transaction_chunk_end(struct transaction *transaction);
/* After the last BDAT: the work of judging and delivery begins. */
void transaction_data_end(struct transaction *transaction);
/* Bytes beyond which a message's end is not waited for. */
uint64_t transaction_flood(const struct config *config);
/* So much came of a message that will be refused anyway that its end is not to be waited for (P7). */
bool transaction_is_flooded(const struct transaction *transaction);
/* Between commands: its backend session is closed; MAIL and the accepted RCPT are sent again at delivery. */
void transaction_release_backend(struct transaction *transaction);
/* The session is authenticated by a backend connection that is gone: it is over. */
bool session_has_lost_authentication(const struct session *session);
/* The work takes longer than may be (P1: 300 s from the end of data): lets the backend go; the reply is 451. */
void transaction_give_up(struct transaction *transaction, const char *why);

/* A session refused before any transaction, by a limit. */
void transaction_record_refusal(struct session *session, const struct reply *reply, const char *reason,
                                uint32_t left_out);

#endif
