/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener.c: see listener.h. A session that a limit refuses hears 421 and is recorded, at most once a second a
 * listener, with a count of those left out: a flood must not become a flood of records. When descriptors run out
 * accepting pauses for a moment instead of spinning.
 */
#include "proxy/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/clock.h"
#include "proxy/id.h"
#include "proxy/limits.h"
#include "proxy/log.h"
#include "proxy/reply.h"
#include "proxy/transaction.h"
#include "proxy/worker.h"

#define LISTENER_RECORD_MICROSECONDS 1000000
#define LISTENER_PAUSE_SECONDS 1

struct listener {
    struct worker *worker;
    const struct config_listener *settings;
    struct evconnlistener *accepting;
    struct event *resume;
    int64_t recorded_at;
    uint32_t left_out;
};

static bool endpoint_of(const struct sockaddr *socket_address, struct address *address_out, uint16_t *port_out)
{
    char text[INET6_ADDRSTRLEN];
    const void *bytes = NULL;
    if (socket_address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)socket_address;
        bytes = &in->sin_addr;
        *port_out = ntohs(in->sin_port);
    } else if (socket_address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)socket_address;
        bytes = &in->sin6_addr;
        *port_out = ntohs(in->sin6_port);
    } else {
        return false;
    }
    if (inet_ntop(socket_address->sa_family, bytes, text, sizeof text) == NULL)
        return false;
    return address_parse(slice_of_string(text), address_out);      /* an IPv4-mapped address becomes IPv4 */
}

static void record_refusal(struct listener *listener, const struct reply *reply, const char *reason,
                           const struct facts *facts)
{
    int64_t now = clock_monotonic();
    if (now - listener->recorded_at < LISTENER_RECORD_MICROSECONDS) {
        listener->left_out++;
        return;
    }
    struct session session = { .worker = listener->worker, .facts = *facts, .accepted_at = now };
    transaction_record_refusal(&session, reply, reason, listener->left_out);
    listener->recorded_at = now;
    listener->left_out = 0;
}

static void refuse(struct listener *listener, int descriptor, enum limits_answer answer, struct facts *facts)
{
    struct worker *worker = listener->worker;
    struct arena *arena = arena_new();
    bool all = answer == LIMITS_SESSIONS;
    facts->arrival = clock_wall();
    facts->id = id_make(arena, facts->arrival);
    facts->listener = listener->settings->text;
    facts->hostname = slice_of_string(worker->generation->config->hostname);
    facts->authserv_id = slice_of_string(worker->generation->config->authserv_id);
    const char *text = limits_answer_text(answer);
    struct reply reply = reply_make(arena, 421, all ? "4.3.2" : "4.7.0", "%s (%.*s)", text, SLICE_ARG(facts->id));
    struct slice bytes = reply_print(arena, &reply);
    /* A new socket takes so little at once; whether it does matters to nobody. An implicit TLS client hears nothing. */
    if (listener->settings->tls != LISTENER_TLS_IMPLICIT &&
        send(descriptor, bytes.text, bytes.length, MSG_NOSIGNAL) < 0)
        errno = 0;
    close(descriptor);
    status_add(worker->column, STATUS_SESSIONS_REFUSED, 1);
    record_refusal(listener, &reply, text, facts);
    arena_free(&arena);
}

static void accepted(struct evconnlistener *accepting, evutil_socket_t descriptor, struct sockaddr *peer, int length,
                     void *context)
{
    struct listener *listener = context;
    struct worker *worker = listener->worker;
    struct sockaddr_storage local = { 0 };
    socklen_t local_length = sizeof local;
    struct facts facts = { 0 };
    (void)accepting;
    (void)length;
    if (getsockname(descriptor, (struct sockaddr *)&local, &local_length) != 0 ||
        !endpoint_of(peer, &facts.client_address, &facts.client_port) ||
        !endpoint_of((const struct sockaddr *)&local, &facts.local_address, &facts.local_port)) {
        close(descriptor);
        return;
    }
    const struct config_limits *limits = &worker->generation->config->limits;
    struct limits_settings settings = { limits->sessions, limits->sessions_per_network, limits->session_rate };
    enum limits_answer answer = limits_enter(worker->status, worker->slot, &settings, &facts.client_address,
                                             (uint64_t)(clock_monotonic() / 1000));
    if (answer != LIMITS_WELCOME) {
        refuse(listener, descriptor, answer, &facts);
        return;
    }
    client_new(worker, listener->settings, descriptor, &facts.client_address, facts.client_port, &facts.local_address,
               facts.local_port);
}

static void resume_accepting(evutil_socket_t unused, short events, void *context)
{
    struct listener *listener = context;
    (void)unused;
    (void)events;
    evconnlistener_enable(listener->accepting);
}

static void accept_failed(struct evconnlistener *accepting, void *context)
{
    struct listener *listener = context;
    struct timeval pause = { LISTENER_PAUSE_SECONDS, 0 };
    log_event(LOG_LEVEL_ERROR, "accept-failed", "why", strerror(errno), NULL);
    evconnlistener_disable(accepting);
    evtimer_add(listener->resume, &pause);
}

struct listener *listener_new(struct worker *worker, const struct config_listener *settings, int descriptor)
{
    struct listener *listener = memory_zeroed(1, sizeof *listener);
    listener->worker = worker;
    listener->settings = settings;
    listener->recorded_at = clock_monotonic() - LISTENER_RECORD_MICROSECONDS;
    listener->resume = evtimer_new(worker->base, resume_accepting, listener);
    /* backlog 0: the master called listen(). */
    listener->accepting = evconnlistener_new(worker->base, accepted, listener,
                                             LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, descriptor);
    if (listener->accepting == NULL || listener->resume == NULL)
        bug("listener_new");
    evconnlistener_set_error_cb(listener->accepting, accept_failed);
    return listener;
}

void listener_use(struct listener *listener, const struct config_listener *settings)
{
    listener->settings = settings;
}

void listener_free(struct listener **listener_pointer)
{
    struct listener *listener = *listener_pointer;
    if (listener == NULL)
        return;
    evconnlistener_free(listener->accepting);
    event_free(listener->resume);
    free(listener);
    *listener_pointer = NULL;
}
