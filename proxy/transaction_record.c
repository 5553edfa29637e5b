/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction_record.c: what became of a transaction, as a record for the keeper and as counters for the status table.
 * Written after the client has its reply, in every case, also when the client vanished.
 */
#include "proxy/transaction_private.h"

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/worker.h"

static struct slice last_line(struct arena *arena, const struct reply *reply)
{
    return reply->count == 0 ? SLICE_NONE : arena_copy(arena, reply->lines[reply->count - 1]);
}

/* Notes the RCPT being worked on with transaction->reply; more than RECORD_RECIPIENTS_MOST are only counted. */
void transaction_note_recipient(struct transaction *transaction, const struct verdict *verdict, enum record_by by)
{
    struct arena *arena = transaction->arena;
    if (transaction->recipients_count >= RECORD_RECIPIENTS_MOST)
        return;
    if (transaction->recipients_count == transaction->recipients_room) {
        size_t room = transaction->recipients_room == 0 ? 4 : transaction->recipients_room * 2;
        struct record_recipient *grown = arena_array(arena, room, sizeof *grown);
        if (transaction->recipients_count > 0)
            memcpy(grown, transaction->recipients, transaction->recipients_count * sizeof *grown);
        transaction->recipients = grown;
        transaction->recipients_room = room;
    }
    transaction->recipients[transaction->recipients_count++] = (struct record_recipient){
        .recipient = transaction->asked,
        .notify = transaction->asked_said.notify,
        .orcpt = transaction->asked_said.orcpt,
        .by = by,
        .code = transaction->reply.code,
        .text = last_line(arena, &transaction->reply),
        .exempt = transaction->asked_exempt && transaction->verdict != NULL && transaction->verdict->exempt,
        .verdict = verdict,
    };
}

static int64_t between(int64_t from, int64_t to)
{
    return from == 0 || to == 0 ? -1 : to - from;
}

static void fill_timings(const struct transaction *transaction, int64_t *timings)
{
    int64_t now = clock_monotonic();
    const struct session *session = transaction->session;
    timings[PHASE_CONNECT] = between(session->accepted_at, transaction->began_at);
    timings[PHASE_ENVELOPE] = between(transaction->mail_at, transaction->data_at);
    timings[PHASE_DATA] = between(transaction->data_at, transaction->message_at);
    timings[PHASE_ANSWERS] = inquiry_resolver_time(transaction->inquiry);
    timings[PHASE_JUDGEMENT] = between(transaction->message_at, transaction->judged_at);
    timings[PHASE_BACKEND] =
        transaction->backend.length > 0 && transaction->final ? between(transaction->judged_at, now) : -1;
    timings[PHASE_TOTAL] = between(transaction->mail_at != 0 ? transaction->mail_at : session->accepted_at, now);
}

static bool was_refused_session(const struct transaction *transaction)
{
    return !transaction->facts.has_mail && transaction->verdict != NULL && transaction->verdict->action != VERDICT_PASS;
}

static enum record_by answered_by(const struct transaction *transaction)
{
    if (transaction->reply.code == 0)
        return RECORD_BY_NOBODY;
    return transaction->backend_code == transaction->reply.code && transaction->reason.length == 0 ? RECORD_BY_BACKEND
                                                                                                 : RECORD_BY_MXWARD;
}

/* The facts as the last judgement had them: that of a recipient knew only that one. */
static struct facts judged_facts(struct transaction *transaction)
{
    struct facts facts = transaction->facts;
    if (transaction->verdict != NULL && transaction->verdict->stage == STAGE_RCPT) {
        facts.recipients = &transaction->asked;
        facts.recipients_count = 1;
    }
    return facts;
}

static bool fits(const struct transaction *transaction, struct slice line)
{
    return line.length <= JOURNAL_RECORD_MOST &&
           journal_unsent(transaction->session->worker->journal) + JOURNAL_HEAD + line.length <= JOURNAL_HELD_MOST;
}

/*
 * The record as it fits the journal. What makes it too long is in a stranger's hand (answers of his DNS servers,
 * recipients that are refused, what rules saw), and must not make his mail leave no trace: it is left out, the largest
 * first.
 */
static struct slice fitting_line(struct transaction *transaction, struct record *record)
{
    struct slice line = record_write(record, transaction->arena);
    if (!fits(transaction, line)) {
        record->answers_left_out = true;
        line = record_write(record, transaction->arena);
    }
    if (!fits(transaction, line)) {
        for (size_t i = 0; i < transaction->recipients_count; i++)
            transaction->recipients[i].verdict = NULL;
        line = record_write(record, transaction->arena);
    }
    if (!fits(transaction, line)) {
        record->verdict = NULL;
        line = record_write(record, transaction->arena);
    }
    if (line.length > 0 && line.text[line.length - 1] == '\n')
        line.length--;
    return line;
}

void transaction_write_record(struct transaction *transaction, const char *reason)
{
    struct worker *worker = transaction->session->worker;
    if (!transaction->facts.has_mail && !was_refused_session(transaction))
        return;
    if (transaction->generation->config->record_target == RECORD_NONE)
        return;
    struct facts facts = judged_facts(transaction);
    struct record record;
    record_init(&record);
    record.kind = transaction->facts.has_mail ? RECORD_TRANSACTION : RECORD_SESSION;
    record.facts = &facts;
    record.answers = transaction->answers;
    record.verdict = transaction->verdict;
    record.ret = transaction->mail.ret;
    record.envid = transaction->mail.envid;
    record.recipients = transaction->recipients;
    record.recipients_count = transaction->recipients_count;
    record.answers_left_out = !transaction->generation->config->record_answers;
    memcpy(record.program, transaction->generation->program_hash, sizeof record.program);
    record.version = SLICE(MXWARD_VERSION);
    struct record_outcome *outcome = &record.outcome;
    bool replied = reason == NULL || was_refused_session(transaction);
    if (replied) {
        outcome->by = answered_by(transaction);
        outcome->code = transaction->reply.code;
        outcome->text = last_line(transaction->arena, &transaction->reply);
    }
    outcome->reason = transaction->reason.length > 0 ? transaction->reason : slice_of_string(replied ? NULL : reason);
    outcome->backend = transaction->backend;
    outcome->backend_code = transaction->backend_code;
    outcome->backend_text = transaction->backend_text;
    outcome->delivered = transaction->delivered;
    fill_timings(transaction, outcome->timings);
    journal_append(worker->journal, fitting_line(transaction, &record));
}

static void log_rule_messages(const struct transaction *transaction)
{
    const struct verdict *verdict = transaction->verdict;
    for (size_t i = 0; i < verdict->logs_count; i++)
        log_event(LOG_LEVEL_INFO, "rule", "id", arena_string(transaction->arena, transaction->facts.id), "text",
                  arena_string(transaction->arena, verdict->logs[i]), NULL);
}

/* Counters, and what `log` actions said. */
void transaction_count(const struct transaction *transaction)
{
    struct status_column *column = transaction->session->worker->column;
    const struct verdict *verdict = transaction->verdict;
    if (verdict != NULL)
        log_rule_messages(transaction);
    if (!transaction->facts.has_mail)
        return;
    status_add(column, STATUS_TRANSACTIONS, 1);
    unsigned code = transaction->reply.code;
    if (transaction->delivered)
        status_add(column, verdict != NULL && verdict->tagged ? STATUS_TAGGED : STATUS_PASSED, 1);
    else if (!transaction->final)
        status_add(column, STATUS_ABANDONED, 1);
    else if (answered_by(transaction) == RECORD_BY_BACKEND)
        status_add(column, STATUS_BACKEND_REFUSED, 1);
    else
        status_add(column, code >= 500 ? STATUS_REJECTED : STATUS_DEFERRED, 1);
}

void transaction_record_refusal(struct session *session, const struct reply *reply, const char *reason,
                                uint32_t left_out)
{
    struct worker *worker = session->worker;
    struct arena *arena = arena_new();
    struct record record;
    record_init(&record);
    record.kind = RECORD_SESSION;
    record.facts = &session->facts;
    record.answers = answers_new(arena);
    memcpy(record.program, worker->generation->program_hash, sizeof record.program);
    record.version = SLICE(MXWARD_VERSION);
    record.outcome.by = RECORD_BY_MXWARD;
    record.outcome.code = reply->code;
    record.outcome.text = last_line(arena, reply);
    record.outcome.reason = slice_of_string(reason);
    record.outcome.left_out = left_out;
    struct slice line = record_write(&record, arena);
    if (line.length > 0 && line.text[line.length - 1] == '\n')
        line.length--;
    journal_append(worker->journal, line);
    arena_free(&arena);
}
