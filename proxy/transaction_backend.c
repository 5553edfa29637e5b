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

bool session_has_lost_authentication(const struct session *session)
{
    return session->facts.authenticated && (session->backend == NULL || backend_is_lost(session->backend));
}

struct reply transaction_trouble_reply(struct transaction *transaction, const char *enhanced, const char *text)
{
    if (transaction->work == WORK_AUTH)
        return transaction_own_reply(transaction, 454, "4.7.0", text);
    return transaction_own_reply(transaction, transaction->session->facts.authenticated ? 421 : 451, enhanced, text);
}

struct reply transaction_unauthenticated_reply(struct transaction *transaction)
{
    transaction->reason = SLICE("the backend connection that AUTH was said on is gone");
    return transaction_trouble_reply(transaction, "4.3.0",
                                     "the mail server behind has hung up, connect and log in again");
}

struct reply transaction_failure_reply(struct transaction *transaction, const struct backend_result *result)
{
    const char *problem = result->problem != NULL ? result->problem : "lost";

    if (result->outcome == BACKEND_BUSY) {
        transaction->reason = SLICE("limit backend-sessions");
        return transaction_trouble_reply(transaction, "4.3.2", "the mail server behind is busy, try again later");
    }
    transaction->reason = transaction->backend.length == 0
                              ? arena_copy(transaction->arena, slice_of_string(problem))
                              : arena_printf(transaction->arena, "backend %.*s: %s", SLICE_ARG(transaction->backend),
                                             problem);
    note_failure(transaction, result, NULL);
    return transaction_trouble_reply(transaction, "4.3.0", "the mail server behind does not answer, try again later");
}

static const struct backend_choice *choice_of(const struct transaction *transaction)
{
    return generation_backends(transaction->generation, transaction->session->facts.submission);
}

/* After a reload an authenticated session goes on where it is. */
static bool is_usable(const struct transaction *transaction, const struct backend_session *backend)
{
    return !backend_is_lost(backend) && (transaction->session->facts.authenticated ||
                                         backend_choice_has(choice_of(transaction), backend_session_pool(backend)));
}

/* Whoever is authenticated has the one connection, and no other would take its mail: callers look before. */
struct backend_session *transaction_need_backend(struct transaction *transaction)
{
    struct session *session = transaction->session;
    const struct backend_choice *backends = choice_of(transaction);

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
    const struct backend_choice *backends = choice_of(transaction);
    bool may = !result->about_client && !transaction->session->facts.authenticated;
    int next = may ? backend_choice_find(backends, transaction->tried) : -1;

    if (next < 0)
        return false;
    note_failure(transaction, result, backend_pool_address(backends->pools[next]));
    transaction_release_backend(transaction);
    return true;
}
