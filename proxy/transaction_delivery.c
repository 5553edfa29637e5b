/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction_delivery.c: what a transaction asks of its backend: recipients are offered to it as they pass, the
 * message is delivered when it was judged, and in between the backend may be let go (backend-hold) or lost: then MAIL
 * and RCPT are sent again, and a recipient that was accepted before and is refused now makes the whole message wait:
 * 451 and nothing is sent.
 */
#include "proxy/transaction_private.h"

#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/worker.h"

static const struct backend_result no_backend = {
    .outcome = BACKEND_LOST, .problem = "no mail server behind is fit to be asked",
};

static void note_backend_reply(struct transaction *transaction, const struct reply *reply)
{
    transaction->backend_code = reply->code;
    transaction->backend_text = reply->count == 0 ? SLICE_NONE
                                                  : arena_copy(transaction->arena, reply->lines[reply->count - 1]);
}

static void ignore_result(void *context, const struct backend_result *result)
{
    (void)context;
    (void)result;
}

/* Before the transaction is freed: no callback of the backend may reach it, and the next transaction begins clean. */
void transaction_forget_envelope(struct transaction *transaction)
{
    struct session *session = transaction->session;
    if (session->backend == NULL)
        return;
    if (transaction->work != WORK_NONE || backend_is_lost(session->backend))
        backend_close(&session->backend);
    else if (transaction->mail_sent)
        backend_reset(session->backend, ignore_result, NULL);
}

/* AUTH */

static void ask_for_auth(struct transaction *transaction);

static void auth_answered(void *context, const struct backend_result *result)
{
    struct transaction *transaction = context;
    bool is_command = transaction->auth_command.text != NULL;
    if (result->outcome == BACKEND_LOST && is_command && transaction_turn_elsewhere(transaction, result)) {
        ask_for_auth(transaction);
        return;
    }
    transaction->auth_command = SLICE_NONE;
    if (result->outcome != BACKEND_REPLIED) {
        struct reply reply = transaction_failure_reply(transaction, result);
        transaction_release_backend(transaction);
        transaction_done(transaction, reply);
        return;
    }
    transaction_done(transaction, reply_copy(transaction->reply_arena, &result->reply));
}

static void ask_for_auth(struct transaction *transaction)
{
    if (transaction_need_backend(transaction) == NULL)
        auth_answered(transaction, &no_backend);
    else
        backend_auth(transaction->session->backend, transaction->auth_command, auth_answered, transaction);
}

void transaction_pass_command(struct transaction *transaction, struct slice line)
{
    transaction->tried = 0;
    transaction->auth_command = line;
    ask_for_auth(transaction);
}

void transaction_pass_response(struct transaction *transaction, struct slice line)
{
    if (transaction->session->backend == NULL)
        auth_answered(transaction, &no_backend);
    else
        backend_auth(transaction->session->backend, line, auth_answered, transaction);
}

/* MAIL as the client said it. */
static void send_mail(struct transaction *transaction, backend_done done)
{
    struct backend_session *backend = transaction->session->backend;
    struct envelope_mail mail = transaction->mail;
    struct backend_offer offer = { 0 };
    backend_pool_offer(backend_session_pool(backend), &offer);
    if ((offer.extensions & BACKEND_SIZE) == 0)
        mail.size = 0;
    backend_require(backend, envelope_mail_needs(&mail));
    backend_mail(backend, transaction->facts.sender, envelope_mail_text(&mail, transaction->arena), done, transaction);
    transaction->mail_sent = true;
}

static void send_recipient(struct transaction *transaction, struct slice path, const struct envelope_recipient *said,
                           backend_done done)
{
    struct backend_session *backend = transaction->session->backend;
    backend_require(backend, envelope_recipient_needs(said));
    backend_rcpt(backend, path, envelope_recipient_text(said, transaction->arena), done, transaction);
}

static void ask_for_recipient(struct transaction *transaction);

static void mail_answered(void *context, const struct backend_result *result)
{
    struct transaction *transaction = context;
    if (result->outcome == BACKEND_LOST && transaction_turn_elsewhere(transaction, result)) {
        ask_for_recipient(transaction);
        return;
    }
    if (result->outcome == BACKEND_REPLIED && !reply_is_positive(&result->reply))
        transaction->mail_refusal = reply_copy(transaction->arena, &result->reply);
}

static void accept_recipient(struct transaction *transaction)
{
    if (transaction->accepted_count == transaction->accepted_room) {
        size_t room = transaction->accepted_room == 0 ? 4 : transaction->accepted_room * 2;
        struct facts_recipient *grown = arena_array(transaction->arena, room, sizeof *grown);
        struct envelope_recipient *said = arena_array(transaction->arena, room, sizeof *said);
        if (transaction->accepted_count > 0) {
            memcpy(grown, transaction->accepted, transaction->accepted_count * sizeof *grown);
            memcpy(said, transaction->accepted_said, transaction->accepted_count * sizeof *said);
        }
        transaction->accepted = grown;
        transaction->accepted_said = said;
        transaction->accepted_room = room;
    }
    transaction->accepted_said[transaction->accepted_count] = transaction->asked_said;
    transaction->accepted[transaction->accepted_count++] = transaction->asked;
    transaction->exempt = transaction->asked_exempt;
}

static void recipient_answered(void *context, const struct backend_result *result)
{
    struct transaction *transaction = context;
    /* A refusal of MAIL answers each RCPT, also by 421, which takes the connection and with it the reply to RCPT. */
    if (result->outcome != BACKEND_REPLIED && transaction->mail_refusal.code == 0) {
        transaction->reply = transaction_failure_reply(transaction, result);
        transaction_release_backend(transaction);
        transaction_note_recipient(transaction, NULL, RECORD_BY_MXWARD);
        transaction_done(transaction, transaction->reply);
        return;
    }
    const struct reply *reply = transaction->mail_refusal.code != 0 ? &transaction->mail_refusal : &result->reply;
    transaction->reply = reply_copy(transaction->reply_arena, reply);
    note_backend_reply(transaction, reply);
    if (reply_is_positive(reply))
        accept_recipient(transaction);
    transaction_note_recipient(transaction, NULL, RECORD_BY_BACKEND);
    transaction_done(transaction, transaction->reply);
}

static void ask_for_recipient(struct transaction *transaction)
{
    if (transaction_need_backend(transaction) == NULL) {
        recipient_answered(transaction, &no_backend);
        return;
    }
    if (!transaction->mail_sent) {
        transaction->backend_knows_all = transaction->accepted_count == 0;
        send_mail(transaction, mail_answered);
    }
    send_recipient(transaction, transaction->asked.path, &transaction->asked_said, recipient_answered);
}

void transaction_offer_recipient(struct transaction *transaction)
{
    if (transaction->mail_refusal.code != 0) {
        transaction->reply = reply_copy(transaction->reply_arena, &transaction->mail_refusal);
        note_backend_reply(transaction, &transaction->mail_refusal);
        transaction_note_recipient(transaction, NULL, RECORD_BY_BACKEND);
        transaction_done(transaction, transaction->reply);
        return;
    }
    if (session_has_lost_authentication(transaction->session)) {
        transaction->reply = transaction_unauthenticated_reply(transaction);
        transaction_note_recipient(transaction, NULL, RECORD_BY_MXWARD);
        transaction_done(transaction, transaction->reply);
        return;
    }
    transaction->tried = 0;
    ask_for_recipient(transaction);
}

/* Delivery */

static void message_answered(void *context, const struct backend_result *result)
{
    struct transaction *transaction = context;
    struct reply reply;
    transaction->final = true;
    if (result->outcome != BACKEND_REPLIED) {
        reply = transaction_failure_reply(transaction, result);
        transaction_release_backend(transaction);
    } else {
        reply = reply_copy(transaction->reply_arena, &result->reply);
        note_backend_reply(transaction, &reply);
        /* By 251 as by 250: a client goes by the first digit (RFC 5321 4.2.1), and keeps nothing. */
        transaction->delivered = reply_is_positive(&reply);
        /* A backend that refuses DATA is still within its transaction (RFC 5321 3.3): RSET comes before the next MAIL.
         */
        transaction->mail_sent = !transaction->delivered;
    }
    transaction_done(transaction, reply);
}

/* Our fields in one piece. */
static struct slice added_text(struct transaction *transaction, const struct verdict *verdict)
{
    size_t length = 0;
    for (size_t i = 0; i < verdict->added_count; i++)
        length += verdict->added[i].text.length;
    char *text = arena_alloc(transaction->arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < verdict->added_count; i++) {
        memcpy(text + used, verdict->added[i].text.text, verdict->added[i].text.length);
        used += verdict->added[i].text.length;
    }
    return slice_of(text, length);
}

static void send_message(struct transaction *transaction)
{
    const struct verdict *verdict = transaction->verdict;
    struct backend_message message = {
        .added = added_text(transaction, verdict),
        .spool = transaction->spool,
        .removed = verdict->removed,
        .removed_count = verdict->removed_count,
    };
    transaction->work = WORK_DELIVER;
    backend_message(transaction->session->backend, &message, message_answered, transaction);
}

static void give_up_reopening(struct transaction *transaction, struct reply reply)
{
    transaction->final = true;
    transaction_release_backend(transaction);
    transaction_done(transaction, reply);
}

static void reopen(struct transaction *transaction);

/* One reply to MAIL or RCPT sent again. The first failure ends it; later callbacks are dropped with the connection. */
static void reopened(void *context, const struct backend_result *result)
{
    struct transaction *transaction = context;
    bool nothing_said = transaction->reopened == transaction->accepted_count + 1;
    if (result->outcome == BACKEND_LOST && nothing_said && transaction_turn_elsewhere(transaction, result)) {
        reopen(transaction);
        return;
    }
    if (result->outcome != BACKEND_REPLIED) {
        give_up_reopening(transaction, transaction_failure_reply(transaction, result));
        return;
    }
    if (!reply_is_positive(&result->reply)) {
        note_backend_reply(transaction, &result->reply);
        transaction->reason =
            SLICE("a recipient or the sender that the backend had accepted was refused when sent again");
        struct reply reply = transaction_own_reply(transaction, 451, "4.3.0",
                                                   "the mail server behind changed its mind, try again later");
        give_up_reopening(transaction, reply);
        return;
    }
    if (--transaction->reopened == 0) {
        transaction->backend_knows_all = true;
        send_message(transaction);
    }
}

static void reopen(struct transaction *transaction)
{
    transaction->work = WORK_REOPEN;
    if (transaction->session->backend != NULL && transaction->mail_sent)
        transaction_release_backend(transaction);
    if (transaction_need_backend(transaction) == NULL) {
        give_up_reopening(transaction, transaction_failure_reply(transaction, &no_backend));
        return;
    }
    transaction->reopened = transaction->accepted_count + 1;
    send_mail(transaction, reopened);
    for (size_t i = 0; i < transaction->accepted_count; i++)
        send_recipient(transaction, transaction->accepted[i].path, &transaction->accepted_said[i], reopened);
}

void transaction_deliver(struct transaction *transaction)
{
    struct backend_session *backend = transaction->session->backend;
    transaction->tried = 0;
    if (backend != NULL && !backend_is_lost(backend) && transaction->mail_sent && transaction->backend_knows_all)
        send_message(transaction);
    else if (transaction->session->facts.authenticated)
        give_up_reopening(transaction, transaction_unauthenticated_reply(transaction));
    else
        reopen(transaction);
}
