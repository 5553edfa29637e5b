/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener.c: see listener.h. At the limit of sessions the one that has been idle longest makes room; a session that a
 * limit refuses hears 421 and is recorded (refusal.h). When descriptors run out, too, an idle one is closed, and
 * accepting pauses for a moment instead of spinning.
 */
#include "proxy/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/client.h"
#include "proxy/clock.h"
#include "proxy/limits.h"
#include "proxy/log.h"
#include "proxy/refusal.h"
#include "proxy/worker.h"

#define LISTENER_PAUSE_SECONDS 1

struct listener {
    struct worker *worker;
    const struct config_listener *settings;
    struct evconnlistener *accepting;
    struct event *resume;
};

static bool endpoint_of(const struct sockaddr *socket_address, struct address *address_out, uint16_t *port_out)
{
    if (socket_address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)socket_address;
        *address_out = address_of_bytes(&in->sin_addr, 4);
        *port_out = ntohs(in->sin_port);
    } else if (socket_address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)socket_address;
        *address_out = address_of_bytes(&in->sin6_addr, 16);
        *port_out = ntohs(in->sin6_port);
    } else {
        return false;
    }
    return true;
}

static void refuse(struct listener *listener, int descriptor, enum limits_answer answer, struct facts *facts)
{
    struct arena *arena = arena_new();
    facts->listener = listener->settings->text;
    struct slice bytes = refusal_by_limit(listener->worker, answer, facts, arena);
    /* A new socket takes so little at once; whether it does matters to nobody. An implicit TLS client hears nothing. */
    if (listener->settings->tls != LISTENER_TLS_IMPLICIT &&
        send(descriptor, bytes.text, bytes.length, MSG_NOSIGNAL) < 0)
        errno = 0;
    close(descriptor);
    arena_free(&arena);
}

/*
 * Whether the peer may speak for others, where a listener asks for that. Nobody else gets in: who reaches such a port
 * past the balancer could be anybody.
 */
static bool may_connect(const struct listener *listener, const struct address *peer)
{
    const struct config_networks *networks = &listener->settings->proxy_protocol;
    return networks->count == 0 || config_networks_have(networks, peer);
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
    if (!may_connect(listener, &facts.client_address)) {
        refusal_of_header(worker, &facts.client_address, "not of the networks of proxy-protocol");
        close(descriptor);
        return;
    }
    struct limits_settings settings = limits_settings_of(&worker->generation->config->limits);
    /* A balancer's connections are everybody's: whose each is will be counted when that is known. */
    if (listener->settings->proxy_protocol.count > 0 ||
        config_networks_have(&listener->settings->xclient, &facts.client_address))
        settings.sessions_per_network = UINT64_MAX, settings.session_rate = 0;
    enum limits_answer answer = limits_enter(worker->status, worker->slot, &settings, &facts.client_address,
                                             (uint64_t)(clock_monotonic() / 1000));
    if (answer == LIMITS_SESSIONS && client_make_room(worker))
        answer = limits_enter(worker->status, worker->slot, &settings, &facts.client_address,
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
    int problem = errno;
    log_event(LOG_LEVEL_ERROR, "accept-failed", "why", strerror(problem), NULL);
    if (problem == EMFILE || problem == ENFILE)
        client_make_room(listener->worker);
    evconnlistener_disable(accepting);
    evtimer_add(listener->resume, &pause);
}

struct listener *listener_new(struct worker *worker, const struct config_listener *settings, int descriptor)
{
    struct listener *listener = memory_zeroed(1, sizeof *listener);
    listener->worker = worker;
    listener->settings = settings;
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
