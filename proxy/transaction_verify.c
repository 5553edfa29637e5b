/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction_verify.c: VRFY (RFC 5321 3.5) where the backend is to answer it. Whether an address exists is told to
 * those only who could have tried it: the rules of rcpt are asked as for a recipient, then the backend, whose reply
 * passes. The transaction around it, if there is one, is left as it was.
 */
#include "proxy/transaction_private.h"

static void ask_for_verify(struct transaction *transaction);

/* The last verdict and recipient are the transaction's again: a record must not be about an address asked for. */
void transaction_verify_forget(struct transaction *transaction)
{
    if (transaction->work != WORK_JUDGE_VERIFY && transaction->work != WORK_VERIFY)
        return;
    transaction->verdict = transaction->before_verify.verdict;
    transaction->asked = transaction->before_verify.asked;
    transaction->facts.recipients = transaction->before_verify.recipients;
    transaction->facts.recipients_count = transaction->before_verify.recipients_count;
    transaction->verify = SLICE_NONE;
    transaction->backend_code = 0;
}

static void verified(struct transaction *transaction, struct reply reply)
{
    transaction_verify_forget(transaction);
    transaction_done(transaction, reply);
}

static void verify_answered(void *context, const struct backend_result *result)
{
    struct transaction *transaction = context;

    if (result->outcome == BACKEND_REPLIED) {
        verified(transaction, reply_copy(transaction->reply_arena, &result->reply));
        return;
    }
    if (result->outcome == BACKEND_LOST && transaction_turn_elsewhere(transaction, result)) {
        ask_for_verify(transaction);
        return;
    }
    struct reply reply = transaction_failure_reply(transaction, result);
    transaction_release_backend(transaction);
    verified(transaction, reply);
}

static void ask_for_verify(struct transaction *transaction)
{
    static const struct backend_result none = {
        .outcome = BACKEND_LOST, .problem = "no mail server behind is fit to be asked",
    };

    if (transaction_need_backend(transaction) == NULL)
        verify_answered(transaction, &none);
    else
        backend_vrfy(transaction->session->backend, transaction->verify, verify_answered, transaction);
}

void transaction_verify(struct transaction *transaction, const struct command_path *path)
{
    transaction_begin_work(transaction, WORK_JUDGE_VERIFY);
    if (!transaction->facts.has_mail)
        transaction_session_changed(transaction);
    transaction->before_verify.verdict = transaction->verdict;
    transaction->before_verify.asked = transaction->asked;
    transaction->before_verify.recipients = transaction->facts.recipients;
    transaction->before_verify.recipients_count = transaction->facts.recipients_count;
    transaction->verify = arena_copy(transaction->arena, path->text);
    transaction->asked = (struct facts_recipient){
        .path = transaction->verify,
        .local_part = arena_copy(transaction->arena, path->local_part),
        .domain = arena_copy(transaction->arena, path->domain),
    };
    transaction->facts.recipients = &transaction->asked;
    transaction->facts.recipients_count = 1;
    inquiry_ask(transaction->inquiry, STAGE_RCPT, &transaction->facts);
}

void transaction_verify_judged(struct transaction *transaction, struct reply refusal)
{
    if (refusal.code == 0 && session_has_lost_authentication(transaction->session))
        refusal = transaction_unauthenticated_reply(transaction);
    if (refusal.code != 0) {
        verified(transaction, refusal);
        return;
    }
    transaction->work = WORK_VERIFY;
    transaction->tried = 0;
    ask_for_verify(transaction);
}
