/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction_backend.c: which backend a transaction asks: the session that its client has, or a new one with the first
 * that is up. A session that is lost before it answered MAIL said nothing of the transaction, and no client heard of
 * it: the next backend is asked at once, each at most once. After the first reply a loss is a loss (P1).
 */
#include "proxy/transaction_private.h"

#include "proxy/log.h"
#include "proxy/worker.h"

/* The client as it was judged: its name as the judge found it. */
static struct backend_client identity_of(const struct transaction *transaction)
{
    const struct facts *facts = &transaction->facts;
    struct backend_client client = {
        .address = facts->client_address,
        .port = facts->client_port,
        .local_address = facts->local_address,
        .local_port = facts->local_port,
        .helo = facts->helo,
        .esmtp = facts->esmtp,
    };
    if (transaction->verdict != NULL) {
        const struct iprev_outcome *iprev = &transaction->verdict->findings.iprev;
        client.name = iprev->name;
        client.reverse_name = iprev->reverse_name;
        client.name_temporary = iprev->result == AUTH_TEMPERROR || iprev->result == AUTH_PENDING;
    }
    return client;
}

void transaction_release_backend(struct transaction *transaction)
{
    backend_close(&transaction->session->backend);
    transaction->mail_sent = false;
    transaction->backend_knows_all = false;
    transaction->reopened = 0;
}

static void note_failure(struct transaction *transaction, const struct backend_result *result, const char *next)
{
    struct arena *arena = transaction->reply_arena;
    const char *problem = result->problem != NULL ? result->problem : "lost";
    const char *backend = transaction->backend.length == 0 ? NULL : arena_string(arena, transaction->backend);

    status_add(transaction->session->worker->column, STATUS_BACKEND_FAILURES, 1);
    log_event(LOG_LEVEL_WARNING, "backend-failed", "id", arena_string(arena, transaction->facts.id), "backend", backend,
              "why", problem, "next", next, NULL);
}

struct reply transaction_failure_reply(struct transaction *transaction, const struct backend_result *result)
{
    const char *problem = result->problem != NULL ? result->problem : "lost";

    if (result->outcome == BACKEND_BUSY) {
        transaction->reason = SLICE("limit backend-sessions");
        return transaction_own_reply(transaction, 451, "4.3.2", "the mail server behind is busy, try again later");
    }
    transaction->reason = transaction->backend.length == 0
                              ? arena_copy(transaction->arena, slice_of_string(problem))
                              : arena_printf(transaction->arena, "backend %.*s: %s", SLICE_ARG(transaction->backend),
                                             problem);
    note_failure(transaction, result, NULL);
    return transaction_own_reply(transaction, 451, "4.3.0", "the mail server behind does not answer, try again later");
}

static bool is_usable(const struct transaction *transaction, const struct backend_session *backend)
{
    return !backend_is_lost(backend) &&
           backend_choice_has(&transaction->generation->backends, backend_session_pool(backend));
}

struct backend_session *transaction_need_backend(struct transaction *transaction)
{
    struct session *session = transaction->session;
    const struct backend_choice *backends = &transaction->generation->backends;

    if (session->backend != NULL && !is_usable(transaction, session->backend))
        transaction_release_backend(transaction);
    if (session->backend == NULL) {
        struct backend_client client = identity_of(transaction);
        int found = backend_choice_find(backends, transaction->tried);

        if (found < 0)
            return NULL;
        transaction->tried |= 1u << found;
        session->backend = backend_open(backends->pools[found], &client);
        transaction->mail_sent = false;
    }
    const char *address = backend_pool_address(backend_session_pool(session->backend));
    if (!slice_equal(transaction->backend, slice_of_string(address)))
        transaction->backend = arena_copy(transaction->arena, slice_of_string(address));
    return session->backend;
}

bool transaction_turn_elsewhere(struct transaction *transaction, const struct backend_result *result)
{
    const struct backend_choice *backends = &transaction->generation->backends;
    int next = result->about_client ? -1 : backend_choice_find(backends, transaction->tried);

    if (next < 0)
        return false;
    note_failure(transaction, result, backend_pool_address(backends->pools[next]));
    transaction_release_backend(transaction);
    return true;
}
