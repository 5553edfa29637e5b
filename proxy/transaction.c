/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction.c: see transaction.h. Stages and the message are here; recipients and delivery in transaction_delivery.c,
 * the record in transaction_record.c. Whatever fails between DATA and the backend's 250 becomes 451: never accept by
 * accident, never answer twice.
 */
#include "proxy/transaction_private.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "proxy/clock.h"
#include "proxy/id.h"
#include "proxy/limits.h"
#include "proxy/log.h"
#include "proxy/worker.h"

/*
 * A message that is too large or badly framed is read to its end, so that its sender hears why; a sender who goes on
 * beyond twice `message-size` and this is cut off. Ours.
 */
#define MESSAGE_EXCESS ((uint64_t)16 * 1024 * 1024)

static void inquiry_settled(void *context);

struct transaction *transaction_new(struct session *session, transaction_notify notify, void *context)
{
    struct transaction *transaction = memory_zeroed(1, sizeof *transaction);
    struct worker *worker = session->worker;
    transaction->session = session;
    transaction->generation = generation_keep(worker->generation);
    transaction->arena = arena_new();
    transaction->reply_arena = arena_new();
    transaction->answers = answers_new(transaction->arena);
    transaction->notify = notify;
    transaction->context = context;
    transaction->began_at = clock_monotonic();

    const struct config *config = transaction->generation->config;
    struct facts *facts = &transaction->facts;
    *facts = session->facts;
    facts->arrival = clock_wall();
    facts->id = id_make(transaction->arena, facts->arrival);
    facts->hostname = slice_of_string(config->hostname);
    facts->authserv_id = slice_of_string(config->authserv_id);
    facts->add_received = config->add_received;
    facts->record_subject = config->record_subject;
    facts->client_name_wanted = config_tells_client_name(config);
    facts->signatures_most = (uint32_t)config->limits.signatures;
    facts->fields_most = (uint32_t)config->limits.header_fields;
    facts->hops_most = (uint32_t)config->limits.hops;
    transaction->inquiry = inquiry_new(worker, transaction->generation, transaction->answers, transaction->arena,
                                       inquiry_settled, transaction);
    return transaction;
}

void transaction_end(struct transaction **transaction_pointer, const char *reason)
{
    struct transaction *transaction = *transaction_pointer;
    if (transaction == NULL)
        return;
    *transaction_pointer = NULL;
    transaction_verify_forget(transaction);
    transaction_write_record(transaction, reason);
    transaction_count(transaction);
    transaction_forget_envelope(transaction);
    if (transaction->hold != NULL)
        event_free(transaction->hold);
    inquiry_free(&transaction->inquiry);
    spool_free(&transaction->spool);
    generation_release(&transaction->generation);
    arena_free(&transaction->reply_arena);
    arena_free(&transaction->arena);
    free(transaction);
}

void transaction_session_changed(struct transaction *transaction)
{
    const struct facts *session = &transaction->session->facts;
    struct facts *facts = &transaction->facts;
    facts->has_helo = session->has_helo;
    facts->helo = session->helo;
    facts->esmtp = session->esmtp;
    facts->tls = session->tls;
    facts->tls_implicit = session->tls_implicit;
    facts->tls_version = session->tls_version;
    facts->tls_cipher = session->tls_cipher;
    facts->tls_bits = session->tls_bits;
    facts->tls_server_name = session->tls_server_name;
    facts->tls_resumed = session->tls_resumed;
    facts->tls_client = session->tls_client;
    facts->authenticated = session->authenticated;
    facts->auth_mechanism = session->auth_mechanism;
    facts->auth_user = session->auth_user;
    facts->auth_identity = session->auth_identity;
}

enum transaction_state transaction_state(const struct transaction *transaction)
{
    return transaction->work == WORK_NONE ? TRANSACTION_IDLE : TRANSACTION_BUSY;
}

const struct reply *transaction_reply(const struct transaction *transaction)
{
    return &transaction->reply;
}

bool transaction_has_mail(const struct transaction *transaction)
{
    return transaction->facts.has_mail;
}

bool transaction_is_international(const struct transaction *transaction)
{
    return transaction->facts.smtputf8;
}

size_t transaction_accepted(const struct transaction *transaction)
{
    return transaction->accepted_count;
}

struct slice transaction_id(const struct transaction *transaction)
{
    return transaction->facts.id;
}

const struct generation *transaction_generation(const struct transaction *transaction)
{
    return transaction->generation;
}

/* Replies of ours */

struct reply transaction_own_reply(struct transaction *transaction, unsigned code, const char *enhanced,
                                   const char *text)
{
    return reply_make(transaction->reply_arena, code, enhanced, "%s (%.*s)", text, SLICE_ARG(transaction->facts.id));
}

struct reply transaction_verdict_reply(struct transaction *transaction, const struct verdict *verdict)
{
    struct arena *arena = transaction->reply_arena;
    const char *enhanced = arena_string(arena, verdict->enhanced);
    return reply_make(arena, verdict->code, enhanced, "%.*s", SLICE_ARG(verdict->text));
}

void transaction_done(struct transaction *transaction, struct reply reply)
{
    transaction->work = WORK_NONE;
    transaction->reply = reply;
    transaction->notify(transaction->context);
}

void transaction_begin_work(struct transaction *transaction, enum transaction_work work)
{
    if (transaction->work != WORK_NONE)
        bug("transaction is busy");
    arena_reset(transaction->reply_arena);
    transaction->reply = (struct reply){ 0 };
    transaction->reason = SLICE_NONE;  /* what went wrong with one recipient says nothing of what follows */
    transaction->backend_code = 0;
    transaction->backend_text = SLICE_NONE;
    transaction->final = false;
    transaction->work = work;
}

/* No verdict could be had. */
static struct reply unjudged_reply(struct transaction *transaction)
{
    if (inquiry_state(transaction->inquiry) == INQUIRY_KILLED) {
        struct worker *worker = transaction->session->worker;
        status_add(worker->column, STATUS_POISON, 1);
        limits_note_poison(worker->status, worker->slot, &transaction->facts.client_address,
                           (uint64_t)(clock_monotonic() / 1000));
        char address[ADDRESS_TEXT];
        struct slice client = address_print(&transaction->facts.client_address, address);
        log_event(LOG_LEVEL_ERROR, "poison", "id", arena_string(transaction->reply_arena, transaction->facts.id),
                  "client", arena_string(transaction->reply_arena, client), "why",
                  "judging this transaction alone killed its judge", NULL);
        transaction->reason = SLICE("judging it killed the judge process");
        return transaction_own_reply(transaction, 451, "4.3.0", "this message cannot be judged; its sender is slowed");
    }
    transaction->reason = SLICE("no judge process could be had");
    return transaction_own_reply(transaction, 451, "4.3.0", "cannot judge mail at present, try again later");
}

/* Stages before the message */

/* A reply of code 0 when the verdict lets it pass. */
static struct reply stage_reply(struct transaction *transaction)
{
    if (inquiry_state(transaction->inquiry) != INQUIRY_DECIDED)
        return unjudged_reply(transaction);
    transaction->verdict = inquiry_verdict(transaction->inquiry);
    if (transaction->verdict->action == VERDICT_PASS)
        return (struct reply){ 0 };
    return transaction_verdict_reply(transaction, transaction->verdict);
}

void transaction_auth_command(struct transaction *transaction, struct slice line)
{
    transaction_begin_work(transaction, WORK_AUTH);
    transaction_pass_command(transaction, line);
}

void transaction_auth_response(struct transaction *transaction, struct slice line)
{
    transaction_begin_work(transaction, WORK_AUTH);
    transaction_pass_response(transaction, line);
}

void transaction_judge_session(struct transaction *transaction, enum stage stage)
{
    transaction_begin_work(transaction, WORK_JUDGE_SESSION);
    inquiry_ask(transaction->inquiry, stage, &transaction->facts);
}

static struct reply mail_reply(struct transaction *transaction)
{
    return reply_make(transaction->reply_arena, 250, "2.1.0", "Ok");
}

void transaction_mail(struct transaction *transaction, const struct command_path *path,
                      const struct envelope_mail *mail)
{
    struct facts *facts = &transaction->facts;
    transaction_begin_work(transaction, WORK_JUDGE_MAIL);
    transaction_session_changed(transaction);
    facts->arrival = clock_wall();
    facts->has_mail = true;
    facts->sender = arena_copy(transaction->arena, path->text);
    facts->sender_local_part = arena_copy(transaction->arena, path->local_part);
    facts->sender_domain = arena_copy(transaction->arena, path->domain);
    facts->declared_size = mail->size;
    facts->body_8bit = mail->body_8bit;
    facts->smtputf8 = mail->smtputf8;
    facts->requiretls = mail->requiretls;
    transaction->mail = *mail;
    transaction->mail.ret = arena_copy(transaction->arena, mail->ret);
    transaction->mail.envid = arena_copy(transaction->arena, mail->envid);
    transaction->mail.auth = arena_copy(transaction->arena, mail->auth);
    transaction->mail_at = clock_monotonic();
    if (transaction->generation->has_stage[STAGE_MAIL]) {
        inquiry_ask(transaction->inquiry, STAGE_MAIL, facts);
        return;
    }
    inquiry_foresee(transaction->inquiry, STAGE_MAIL, facts);
    transaction->work = WORK_NONE;
    transaction->reply = mail_reply(transaction);
}

static void finish_mail(struct transaction *transaction)
{
    struct reply reply = stage_reply(transaction);
    if (reply.code == 0)
        reply = mail_reply(transaction);
    else
        transaction->final = true;
    transaction_done(transaction, reply);
}

void transaction_recipient(struct transaction *transaction, const struct command_path *path,
                           const struct envelope_recipient *recipient)
{
    transaction_begin_work(transaction, WORK_JUDGE_RECIPIENT);
    transaction->asked = (struct facts_recipient){
        .path = arena_copy(transaction->arena, path->text),
        .local_part = arena_copy(transaction->arena, path->local_part),
        .domain = arena_copy(transaction->arena, path->domain),
    };
    transaction->asked_said.notify = arena_copy(transaction->arena, recipient->notify);
    transaction->asked_said.orcpt = arena_copy(transaction->arena, recipient->orcpt);
    transaction->facts.recipients = &transaction->asked;
    transaction->facts.recipients_count = 1;
    inquiry_ask(transaction->inquiry, STAGE_RCPT, &transaction->facts);
}

/* Why the recipient asked for cannot share the transaction of those accepted; NULL: it can. */
static const char *apart_from_those_before(const struct transaction *transaction)
{
    const struct config *config = transaction->generation->config;
    if (transaction->accepted_count == 0)
        return NULL;
    /* RFC 2033 4.2: LMTP answers a message for each recipient, and the client can be told but one answer. */
    if (config_protocol(config, transaction->session->facts.submission) == BACKEND_LMTP)
        return "one recipient a message here, send to this one separately";
    if (transaction->asked_exempt != transaction->exempt)
        return "this recipient has other rules than those before it, send it separately";
    return NULL;
}

static void finish_recipient_judgement(struct transaction *transaction)
{
    struct reply reply = stage_reply(transaction);
    if (reply.code != 0) {
        transaction->reply = reply;
        bool judged = inquiry_state(transaction->inquiry) == INQUIRY_DECIDED;
        transaction_note_recipient(transaction, judged ? transaction->verdict : NULL, RECORD_BY_MXWARD);
        transaction_done(transaction, reply);
        return;
    }
    transaction->asked_exempt = transaction->verdict->exempt;
    const char *apart = apart_from_those_before(transaction);
    if (apart != NULL) {
        /* RFC 5321 4.5.3.1.10: 452 makes the client send the rest as another message. */
        reply = transaction_own_reply(transaction, 452, "4.5.3", apart);
        transaction->reply = reply;
        transaction_note_recipient(transaction, NULL, RECORD_BY_MXWARD);
        transaction_done(transaction, reply);
        return;
    }
    transaction->work = WORK_RECIPIENT;
    transaction_offer_recipient(transaction);
}

/* The message */

/* The connection that an AUTH was said on cannot be had again. */
static void hold_passed(evutil_socket_t unused, short events, void *context)
{
    struct transaction *transaction = context;
    (void)unused;
    (void)events;
    if (!transaction->session->facts.authenticated)
        transaction_release_backend(transaction);
}

void transaction_data_begin(struct transaction *transaction, bool chunked)
{
    struct worker *worker = transaction->session->worker;
    uint64_t hold = transaction->generation->config->limits.backend_hold;
    struct timeval time = { .tv_sec = (time_t)(hold / 1000), .tv_usec = (suseconds_t)(hold % 1000 * 1000) };
    transaction->data_at = clock_monotonic();
    transaction->chunked = chunked;
    transaction->facts.recipients = transaction->accepted;
    transaction->facts.recipients_count = transaction->accepted_count;
    transaction->spool = spool_new(&worker->budget);
    framing_begin(&transaction->framing, transaction->session->normalise);
    transaction->hold = evtimer_new(worker->base, hold_passed, transaction);
    if (transaction->hold == NULL)
        bug("evtimer_new");
    evtimer_add(transaction->hold, &time);
}

static void take_content(void *context, struct slice bytes)
{
    struct transaction *transaction = context;
    const struct config_limits *limits = &transaction->generation->config->limits;
    if (transaction->flaw != MESSAGE_FINE)
        return;
    if (spool_size(transaction->spool) + bytes.length > limits->message_size) {
        transaction->flaw = MESSAGE_TOO_LARGE;
        return;
    }
    switch (spool_append(transaction->spool, bytes)) {
    case SPOOL_OK:
        return;
    case SPOOL_FULL:
        transaction->flaw = MESSAGE_NO_ROOM;
        status_add(transaction->session->worker->column, STATUS_SPOOL_FULL, 1);
        return;
    case SPOOL_FAILED:
        transaction->flaw = MESSAGE_DISK;
        if (errno == ENOSPC || errno == EDQUOT)
            status_add(transaction->session->worker->column, STATUS_SPOOL_FULL, 1);
        log_event(LOG_LEVEL_ERROR, "spool-failed", "directory", transaction->generation->config->spool_directory, "why",
                  strerror(errno), NULL);
        return;
    }
}

/* Hands the header to the judge as soon as it is whole. */
static void offer_header(struct transaction *transaction, bool at_end)
{
    uint64_t most = transaction->generation->config->limits.header_size;
    uint64_t size =
        transaction->framing.has_header_end ? transaction->framing.header_end : spool_size(transaction->spool);
    if (transaction->flaw != MESSAGE_FINE || transaction->framing.violation != FRAMING_FINE)
        return;
    if (size > most) {
        transaction->flaw = MESSAGE_HEADER_TOO_LARGE;
        return;
    }
    if (transaction->framing.has_header_end || at_end) {
        transaction->header_given = true;
        inquiry_header(transaction->inquiry, transaction->spool, (size_t)size, &transaction->facts);
    }
}

static struct reply flaw_reply(struct transaction *transaction)
{
    const struct framing *framing = &transaction->framing;
    if (framing->violation != FRAMING_FINE) {
        const char *what = framing_violation_text(framing->violation);
        transaction->reason = arena_printf(transaction->arena, "%s after %llu bytes", what,
                                           (unsigned long long)framing->violation_offset);
        struct slice text =
            arena_printf(transaction->reply_arena, "message refused: it holds %.*s; lines must end in CRLF",
                         SLICE_ARG(transaction->reason));
        return transaction_own_reply(transaction, 550, "5.6.0", text.text);
    }
    switch (transaction->flaw) {
    case MESSAGE_TOO_LARGE:
        transaction->reason = SLICE("limit message-size");
        return transaction_own_reply(transaction, 552, "5.3.4",
                                     "message is larger than allowed here (limit message-size)");
    case MESSAGE_HEADER_TOO_LARGE:
        transaction->reason = SLICE("limit header-size");
        return transaction_own_reply(transaction, 552, "5.3.4",
                                     "message header is larger than allowed here (limit header-size)");
    case MESSAGE_NO_ROOM:
        transaction->reason = SLICE("limit memory or spool");
        return transaction_own_reply(transaction, 452, "4.3.1", "no room for this message at present, try again later");
    case MESSAGE_DISK:
        transaction->reason = SLICE("the spool's disk failed");
        return transaction_own_reply(transaction, 452, "4.3.1", "cannot hold this message at present, try again later");
    case MESSAGE_FINE:
        break;
    }
    return (struct reply){ 0 };
}

/* Judging begins, unless the reply is clear already: then the transaction is idle again. */
static void end_of_data(struct transaction *transaction)
{
    transaction_begin_work(transaction, WORK_JUDGE_MESSAGE);
    transaction->message_at = clock_monotonic();
    transaction->facts.message_size = spool_size(transaction->spool);
    status_add(transaction->session->worker->column, STATUS_BYTES, (int64_t)transaction->framing.content);
    evtimer_del(transaction->hold);
    if (!transaction->header_given)
        offer_header(transaction, true);
    struct reply flaw = flaw_reply(transaction);
    if (flaw.code != 0) {
        transaction->final = true;
        transaction->work = WORK_NONE;
        transaction->reply = flaw;
        return;
    }
    if (inquiry_state(transaction->inquiry) == INQUIRY_KILLED) {
        transaction->final = true;
        transaction->work = WORK_NONE;
        transaction->reply = unjudged_reply(transaction);
        return;
    }
    inquiry_message_end(transaction->inquiry);
    inquiry_ask(transaction->inquiry, STAGE_MESSAGE, &transaction->facts);
}

/* The spool held `before` bytes. */
static void tell_growth(struct transaction *transaction, uint64_t before)
{
    if (!transaction->header_given)
        offer_header(transaction, false);
    if (transaction->header_given && spool_size(transaction->spool) > before)
        inquiry_body_grew(transaction->inquiry);
}

bool transaction_data(struct transaction *transaction, struct slice input, size_t *consumed_out)
{
    uint64_t before = spool_size(transaction->spool);
    bool ended = framing_read(&transaction->framing, input, take_content, transaction, consumed_out);
    tell_growth(transaction, before);
    if (ended)
        end_of_data(transaction);
    return ended;
}

void transaction_chunk(struct transaction *transaction, struct slice input)
{
    uint64_t before = spool_size(transaction->spool);
    framing_check(&transaction->framing, input, take_content, transaction);
    tell_growth(transaction, before);
}

bool transaction_chunk_end(struct transaction *transaction)
{
    if (transaction->flaw == MESSAGE_FINE && transaction->framing.violation == FRAMING_FINE)
        return true;
    end_of_data(transaction);
    return false;
}

void transaction_data_end(struct transaction *transaction)
{
    uint64_t before = spool_size(transaction->spool);
    framing_check_end(&transaction->framing, take_content, transaction);
    tell_growth(transaction, before);
    end_of_data(transaction);
}

bool transaction_is_chunked(const struct transaction *transaction)
{
    return transaction->chunked;
}

uint64_t transaction_flood(const struct config *config)
{
    return 2 * config->limits.message_size + MESSAGE_EXCESS;
}

bool transaction_is_flooded(const struct transaction *transaction)
{
    return transaction->framing.taken > transaction_flood(transaction->generation->config);
}

static void finish_message_judgement(struct transaction *transaction)
{
    transaction->judged_at = clock_monotonic();
    struct reply reply = stage_reply(transaction);
    if (reply.code != 0) {
        transaction->final = true;
        transaction_done(transaction, reply);
        return;
    }
    transaction_deliver(transaction);
}

static void inquiry_settled(void *context)
{
    struct transaction *transaction = context;
    switch (transaction->work) {
    case WORK_JUDGE_SESSION:
        transaction_done(transaction, stage_reply(transaction));
        return;
    case WORK_JUDGE_MAIL:
        finish_mail(transaction);
        return;
    case WORK_JUDGE_RECIPIENT:
        finish_recipient_judgement(transaction);
        return;
    case WORK_JUDGE_VERIFY:
        transaction_verify_judged(transaction, stage_reply(transaction));
        return;
    case WORK_JUDGE_MESSAGE:
        finish_message_judgement(transaction);
        return;
    case WORK_NONE: /* the judge failed over a header while the body still comes: end of data will ask again */
    case WORK_AUTH:
    case WORK_RECIPIENT:
    case WORK_VERIFY:
    case WORK_REOPEN:
    case WORK_DELIVER:
        return;
    }
}

void transaction_give_up(struct transaction *transaction, const char *why)
{
    if (transaction->work == WORK_NONE)
        return;
    transaction->reason = arena_copy(transaction->arena, slice_of_string(why));
    transaction->final = true;
    transaction_verify_forget(transaction);
    transaction_release_backend(transaction);
    inquiry_free(&transaction->inquiry);
    transaction->inquiry = inquiry_new(transaction->session->worker, transaction->generation, transaction->answers,
                                       transaction->arena, inquiry_settled, transaction);
    bool auth = transaction->work == WORK_AUTH;
    struct reply reply = transaction_own_reply(transaction, auth ? 454 : 451, auth ? "4.7.0" : "4.4.2",
                                               "this took too long, try again later");
    transaction->work = WORK_NONE;
    transaction->reply = reply;
}
