/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_pool.c: the sessions of one worker with one backend: how many there are, what the backend offers, whether it
 * is up, and the spares. Until a probe found the backend fit there is no offer, and clients are sent away; the probe is
 * repeated with back-off. A connection to which XCLIENT is suddenly not offered withdraws the offer again, or one wrong
 * reload of the backend would make it an open relay. One that fails before a client can have had a part in it makes the
 * backend ailing: others are asked first until a probe or a session succeeds. Spares that die are replaced after a
 * pause, so a backend that hangs up on us is not dialled in a loop.
 */
#include "proxy/backend_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include <event2/event.h>

#include "proxy/log.h"

/* ---- the address */

static int unix_address(struct slice path, struct sockaddr_storage *storage_out)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (slice_is_empty(path) || path.length >= sizeof(address.sun_path))
        return 0;
    memcpy(address.sun_path, path.text, path.length);
    memcpy(storage_out, &address, sizeof(address));
    return (int)(offsetof(struct sockaddr_un, sun_path) + path.length + 1);
}

static int internet_address(const struct address *host, uint16_t port, struct sockaddr_storage *storage_out)
{
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    if (host->family == 4) {
        memcpy(&four.sin_addr, host->bytes, 4);
        memcpy(storage_out, &four, sizeof(four));
        return (int)sizeof(four);
    }
    memcpy(&six.sin6_addr, host->bytes, 16);
    memcpy(storage_out, &six, sizeof(six));
    return (int)sizeof(six);
}

/* "127.0.0.1:10025", "[::1]:10025" or "unix:/path"; returns the length of the address, 0 when it is none of them. */
static int read_address(struct slice text, struct sockaddr_storage *storage_out)
{
    struct address host;
    unsigned long long port;
    size_t colon = text.length;

    if (slice_starts_with(text, SLICE("unix:")))
        return unix_address(slice_from(text, 5), storage_out);
    while (colon > 0 && text.text[colon - 1] != ':')
        colon--;
    if (colon == 0 || !slice_number(slice_from(text, colon), UINT16_MAX, &port) || port == 0)
        return 0;
    text = slice_first(text, colon - 1);
    if (text.length > 2 && text.text[0] == '[' && text.text[text.length - 1] == ']')
        text = slice_of(text.text + 1, text.length - 2);
    else if (slice_find(text, ':') < text.length)
        return 0;
    return address_parse(text, &host) ? internet_address(&host, (uint16_t)port, storage_out) : 0;
}

/* ---- what is to be done */

static void pause_begin(struct backend_pool *pool)
{
    struct timeval after;

    pool->pause = pool->pause == 0 ? BACKEND_PAUSE_FIRST : pool->pause * 2;
    if (pool->pause > BACKEND_PAUSE_MOST)
        pool->pause = BACKEND_PAUSE_MOST;
    pool->waiting = true;
    after = (struct timeval){ .tv_sec = (time_t)pool->pause };
    event_add(pool->timer, &after);
}

static void pause_end(struct backend_pool *pool)
{
    pool->pause = 0;
    pool->waiting = false;
    event_del(pool->timer);
    pool_check(pool);
}

/* Once for each new problem: while a backend is down the probe is repeated for hours. */
static void note_problem(struct backend_pool *pool, const char *problem)
{
    if (strcmp(pool->problem, problem) != 0)
        log_event(LOG_LEVEL_ERROR, pool->unfit ? "backend-unfit" : "backend-down", "address", pool->settings.address,
                  "why", problem, NULL);
    snprintf(pool->problem, sizeof(pool->problem), "%s", problem);
    if (!pool->waiting)
        pause_begin(pool);
}

static void pool_unfit(struct backend_pool *pool, const char *problem)
{
    pool->has_offer = false;
    pool->unfit = true;
    note_problem(pool, problem);
}

/* What it offered is still promised to clients: it may be up again before they ask for it. */
static void pool_ails(struct backend_pool *pool, const char *problem)
{
    pool->ailing = pool->has_offer;
    pool->unfit = false;
    note_problem(pool, problem);
}

static void pool_is_well(struct backend_pool *pool)
{
    log_event(LOG_LEVEL_INFO, "backend-fit", "address", pool->settings.address, NULL);
    pool->ailing = false;
    pool->problem[0] = '\0';
    pause_end(pool);
}

static void probed(void *context, enum backend_probe result, const char *problem)
{
    struct backend_pool *pool = context;

    pool->probing = NULL;
    switch (result) {
    case BACKEND_PROBE_FIT:
        pool->has_offer = true;
        pool->unfit = false;
        pool_is_well(pool);
        return;
    case BACKEND_PROBE_NO_XCLIENT:
    case BACKEND_PROBE_RELAYS:
        pool_unfit(pool, problem);
        return;
    case BACKEND_PROBE_DOWN:
    case BACKEND_PROBE_BROKEN:
    case BACKEND_PROBE_TLS:
        pool_ails(pool, problem);
        return;
    }
    bug("backend_probe");
}

static unsigned spares_count(const struct backend_pool *pool)
{
    const struct backend_session *session;
    unsigned count = 0;

    for (session = pool->sessions; session != NULL; session = session->next)
        if (session->role == ROLE_SPARE)
            count++;
    return count;
}

static void pool_advance(struct backend_pool *pool)
{
    if (pool->private || pool->retired || pool->waiting)
        return;
    /* While clients have all its sessions it says nothing against the backend that there is none for a probe. */
    if (!pool->has_offer || pool->ailing) {
        if (pool->probing == NULL && pool_has_room(pool))
            pool->probing = probe_begin(pool, probed, pool);
        return;
    }
    /* The header of the PROXY protocol says first who the client is: nothing can be prepared. */
    if (pool->settings.identity == BACKEND_IDENTITY_PROXY)
        return;
    for (unsigned count = spares_count(pool); count < pool->settings.spares && pool_has_room(pool); count++)
        session_new(pool, ROLE_SPARE, false);
}

static void on_kick(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor, (void)what;
    pool_advance(context);
}

static void on_timer(evutil_socket_t descriptor, short what, void *context)
{
    struct backend_pool *pool = context;

    (void)descriptor, (void)what;
    pool->waiting = false;
    pool_advance(pool);
}

void pool_check(struct backend_pool *pool)
{
    event_active(pool->kick, EV_TIMEOUT, 0);
}

/* ---- sessions */

void pool_add(struct backend_pool *pool, struct backend_session *session)
{
    session->previous = NULL;
    session->next = pool->sessions;
    if (pool->sessions != NULL)
        pool->sessions->previous = session;
    pool->sessions = session;
}

void pool_remove(struct backend_pool *pool, struct backend_session *session)
{
    if (session->next != NULL)
        session->next->previous = session->previous;
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        pool->sessions = session->next;
    pool_check(pool);
}

/* ---- what sessions report */

bool pool_has_room(const struct backend_pool *pool)
{
    return pool->connections < pool->settings.sessions_most;
}

bool pool_can_serve(const struct backend_pool *pool)
{
    return pool_has_room(pool) || spares_count(pool) > 0;
}

bool pool_is_local(const struct backend_pool *pool)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&pool->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&pool->address;

    switch (pool->address.ss_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    default:
        return false;
    }
}

void pool_spare_taken(struct backend_pool *pool)
{
    pool_check(pool);
}

void pool_learn(struct backend_pool *pool, const struct backend_session *session)
{
    pool->offer = session->offer;
    pool->learnt = true;
}

/* It serves a client: whatever failed before, it is up. The probe alone decides that it is fit. */
void pool_serves(struct backend_pool *pool)
{
    if (!pool->has_offer)
        return;
    if (pool->ailing)
        pool_is_well(pool);
    else if (pool->waiting)
        pause_end(pool);
}

bool session_refused_client(const struct backend_session *session)
{
    unsigned code = session->reply.code;

    return session->failure == FAILURE_XCLIENT_REFUSED && code >= 400 && code != 421 && code != 501 && code != 503 &&
           code != 550;
}

/*
 * Whether the loss tells of the backend itself: it came before a client had a part in it, or when the client was to be
 * named, by a reply that none of its words can provoke (501 is about a value).
 */
static bool is_failing(const struct backend_session *session)
{
    switch (session->state) {
    case SESSION_CONNECT:
    case SESSION_HANDSHAKE:
    case SESSION_GREETING:
    case SESSION_HELLO:
    case SESSION_STARTTLS:
        return session->failure != FAILURE_CLIENT;
    case SESSION_IDENTIFY:
        return session->failure != FAILURE_XCLIENT_REFUSED ||
               (session->reply.code != 501 && !session_refused_client(session));
    case SESSION_HELLO_CLIENT:
        return session->failure == FAILURE_BROKEN && session->pool->settings.identity == BACKEND_IDENTITY_PROXY;
    case SESSION_SPARE:
    case SESSION_READY:
    case SESSION_COMMANDS:
    case SESSION_AUTH:
    case SESSION_CHALLENGED:
    case SESSION_DATA:
    case SESSION_SENDING:
    case SESSION_FINAL:
    case SESSION_REFUSED:
    case SESSION_LEAVING:
    case SESSION_LOST:
    case SESSION_BUSY:
        return false;
    }
    bug("session_state");
}

void pool_session_lost(struct backend_pool *pool, const struct backend_session *session)
{
    if (pool->private)
        return;
    if (session->failure == FAILURE_XCLIENT_REFUSED)
        log_event(LOG_LEVEL_ERROR, "backend-identity-refused", "address", pool->settings.address, "why",
                  session->problem, NULL);
    /* While nothing is known it is the probe that finds out. */
    if (pool->has_offer && session->failure == FAILURE_NO_XCLIENT)
        pool_unfit(pool, session->problem);
    else if (pool->has_offer && is_failing(session))
        pool_ails(pool, session->problem);
    if (session->role == ROLE_SPARE && !pool->waiting)
        pause_begin(pool);
}

/* ---- made and unmade */

struct backend_pool *pool_new_private(struct event_base *base, const struct backend_settings *settings)
{
    struct backend_pool *pool = memory_zeroed(1, sizeof(*pool));

    pool->base = base;
    pool->private = true;
    pool->arena = arena_new();
    pool->hostname = memory_string(settings->hostname);
    pool->settings = backend_settings_copy(settings, pool->arena);
    pool->settings.hostname = pool->hostname;
    tls_client_keep(pool->settings.tls_client);
    pool->address_length = read_address(slice_of_string(settings->address), &pool->address);
    pool->timer = event_new(base, -1, 0, on_timer, pool);
    pool->kick = event_new(base, -1, 0, on_kick, pool);
    if (pool->timer == NULL || pool->kick == NULL)
        bug("event_new");
    return pool;
}

struct backend_pool *backend_pool_new(struct event_base *base, const struct backend_settings *settings)
{
    struct backend_pool *pool = pool_new_private(base, settings);

    pool->private = false;
    pool_check(pool);
    return pool;
}

void backend_pool_free(struct backend_pool **pool)
{
    struct backend_pool *old = *pool;

    if (old == NULL)
        return;
    *pool = NULL;
    probe_cancel(&old->probing);
    for (struct backend_session *session = old->sessions, *next; session != NULL; session = next) {
        next = session->next;
        session_free(session);
    }
    event_free(old->timer);
    event_free(old->kick);
    tls_client_release(&old->settings.tls_client);
    arena_free(&old->arena);
    free(old->hostname);
    free(old);
}

bool backend_pool_offer(const struct backend_pool *pool, struct backend_offer *offer_out)
{
    if (!pool->has_offer)
        return false;
    *offer_out = pool->offer;
    return true;
}

enum backend_health backend_pool_health(const struct backend_pool *pool)
{
    if (pool->unfit)
        return BACKEND_UNFIT;
    if (pool->has_offer && !pool->ailing)
        return BACKEND_UP;
    return pool->problem[0] == '\0' ? BACKEND_UNKNOWN : BACKEND_DOWN;
}

const char *backend_health_name(enum backend_health health)
{
    switch (health) {
    case BACKEND_UNKNOWN:
        return "unknown";
    case BACKEND_UP:
        return "up";
    case BACKEND_DOWN:
        return "down";
    case BACKEND_UNFIT:
        return "unfit";
    }
    return "";
}

const char *backend_pool_address(const struct backend_pool *pool)
{
    return pool->settings.address;
}

const char *backend_pool_problem(const struct backend_pool *pool)
{
    return pool->problem;
}

static void drop_spares(struct backend_pool *pool)
{
    for (struct backend_session *session = pool->sessions, *next; session != NULL; session = next) {
        next = session->next;
        if (session->role == ROLE_SPARE)
            session_leave(session);
    }
}

void backend_pool_use(struct backend_pool *pool, const struct backend_settings *settings)
{
    struct backend_settings *own = &pool->settings;
    char *hostname = memory_string(settings->hostname);
    struct tls_client *tls_client = tls_client_keep(settings->tls_client);

    free(pool->hostname);
    tls_client_release(&own->tls_client);
    pool->hostname = hostname;
    own->hostname = hostname;
    own->tls_client = tls_client;
    own->sessions_most = settings->sessions_most;
    own->spares = settings->spares;
    own->command_seconds = settings->command_seconds;
    own->connect_seconds = settings->connect_seconds;
    own->data_seconds = settings->data_seconds;
    pool->retired = false;
    /* They were believed by what may be believed no more, and shown a certificate that may be another now. */
    if (own->tls != BACKEND_TLS_NONE)
        drop_spares(pool);
    /* What it failed for may be what was changed. */
    if (!pool->has_offer || pool->ailing)
        pause_end(pool);
    pool_check(pool);
}

void backend_pool_retire(struct backend_pool *pool)
{
    if (pool->retired)
        return;
    pool->retired = true;
    probe_cancel(&pool->probing);
    event_del(pool->timer);
    pool->waiting = false;
    drop_spares(pool);
}

void backend_pool_revive(struct backend_pool *pool)
{
    if (!pool->retired)
        return;
    pool->retired = false;
    pool_check(pool);
}

bool backend_pool_is_empty(const struct backend_pool *pool)
{
    return pool->sessions == NULL;
}

unsigned backend_pool_sessions(const struct backend_pool *pool)
{
    return pool->connections;
}
