/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_session.c: a session as an object: its connection, its requests, its timer, and session_advance(), the only
 * function that moves it. Callbacks of the stream and the timer note what happened and call that; public calls queue
 * and kick, so results come on a later turn of the loop. What each state does is in backend_dialogue.c. Only
 * session_advance() frees a session, and the pool when it is freed itself.
 */
#include "proxy/backend_private.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "proxy/stream.h"

/* More than any recipients limit; what is left goes on in the next turn of the loop. */
#define SESSION_STEPS_MOST 2000

/* ---- moving */

enum session_progress session_enter(struct backend_session *session, enum session_state state)
{
    session->state = state;
    session->moved = true;
    return PROGRESS_ON;
}

void session_kick(struct backend_session *session)
{
    event_active(session->kick, EV_TIMEOUT, 0);
}

static void disconnect(struct backend_session *session)
{
    if (session->stream == NULL)
        return;
    stream_free(&session->stream);
    session->pool->connections--;
    pool_check(session->pool);
}

static void session_advance(struct backend_session *session);

static void on_stream(void *context)
{
    session_advance(context);
}

static void on_kick(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor, (void)what;
    session_advance(context);
}

static void on_timer(evutil_socket_t descriptor, short what, void *context)
{
    struct backend_session *session = context;

    (void)descriptor, (void)what;
    session->timed_out = true;
    session_advance(session);
}

void session_connect(struct backend_session *session)
{
    struct backend_pool *pool = session->pool;
    struct backend_request *request;

    disconnect(session);
    session->untried = false;
    session->reading = false;
    session->outstanding = 0;
    for (request = session->requests.first; request != NULL; request = request->next)
        request->sent = false;
    session_enter(session, SESSION_CONNECT);
    if (pool->address_length == 0) {
        session_lose(session, FAILURE_DOWN,
                     "this is no address of a backend: HOST:PORT with a numerical host, or unix:/path");
        return;
    }
    session->stream = stream_connect(pool->base, (const struct sockaddr *)&pool->address, pool->address_length,
                                     on_stream, session);
    pool->connections++;
}

enum session_progress session_lose(struct backend_session *session, enum backend_failure failure, const char *format,
                                  ...)
{
    va_list arguments;

    if (session->untried) {
        session_connect(session);
        return PROGRESS_ON;
    }
    session->failure = failure;
    va_start(arguments, format);
    vsnprintf(session->problem, sizeof(session->problem), format, arguments);
    va_end(arguments);
    disconnect(session);
    pool_session_lost(session->pool, session);
    return session_enter(session, SESSION_LOST);
}

/* ---- time */

/*
 * Sending goes on as long as bytes move: the timer counts from the last that did. A stream that broke has thrown its
 * output away: what counts then is what was unsent when it was last seen whole.
 */
void session_note_unsent(struct backend_session *session)
{
    if (stream_state(session->stream) == STREAM_BROKEN || stream_unsent(session->stream) == session->unsent)
        return;
    session->unsent = stream_unsent(session->stream);
    session->moved = true;
}

static unsigned limit_seconds(const struct backend_session *session)
{
    switch (session_states[session->state].limit) {
    case LIMIT_NONE:
        return 0;
    case LIMIT_CONNECT:
        return session->pool->settings.connect_seconds;
    case LIMIT_COMMAND:
        return session->pool->settings.command_seconds;
    case LIMIT_DATA:
        return session->pool->settings.data_seconds;
    case LIMIT_SPARE:
        return BACKEND_SPARE_SECONDS;
    case LIMIT_QUIT:
        return BACKEND_QUIT_SECONDS;
    }
    bug("session_limit");
}

/* Time was up. */
static void expire(struct backend_session *session)
{
    session->timed_out = false;
    switch (session_states[session->state].limit) {
    case LIMIT_NONE:
        return;
    case LIMIT_SPARE:
        /* It may just have been taken, in this turn of the loop. */
        if (session->role == ROLE_SPARE)
            session_leave(session);
        return;
    case LIMIT_QUIT:
        session->ending = true;
        return;
    case LIMIT_CONNECT:
    case LIMIT_COMMAND:
    case LIMIT_DATA:
        if (session->stream != NULL && (session->state == SESSION_SENDING || session->state == SESSION_FINAL) &&
            stream_unsent(session->stream) != session->unsent) {
            session_note_unsent(session);
            return;
        }
        session_lose(session, FAILURE_DOWN, "timed out after %u s while %s", limit_seconds(session),
                     session_states[session->state].doing);
        return;
    }
    bug("session_limit");
}

static void settle(struct backend_session *session)
{
    struct timeval after = { .tv_sec = (time_t)limit_seconds(session) };

    if (session->ending) {
        session_free(session);
        return;
    }
    if (!session->moved)
        return;
    session->moved = false;
    if (after.tv_sec == 0)
        event_del(session->timer);
    else
        event_add(session->timer, &after);
}

static void session_advance(struct backend_session *session)
{
    int steps = 0;

    if (session->advancing)
        return;
    session->advancing = true;
    if (session->timed_out)
        expire(session);
    while (!session->ending && steps < SESSION_STEPS_MOST &&
           session_states[session->state].advance(session) == PROGRESS_ON)
        steps++;
    if (steps == SESSION_STEPS_MOST)
        session_kick(session);
    session->advancing = false;
    settle(session);
}

/* ---- requests */

void session_add_request(struct backend_session *session, struct backend_request *request)
{
    if (session->requests.last != NULL)
        session->requests.last->next = request;
    else
        session->requests.first = request;
    session->requests.last = request;
    session_kick(session);
}

struct backend_request *session_take_request(struct backend_session *session)
{
    struct backend_request *request = session->requests.first;

    session->requests.first = request->next;
    if (request->next == NULL)
        session->requests.last = NULL;
    return request;
}

void session_free_request(struct backend_request *request)
{
    if (request->kind == REQUEST_AUTH)
        explicit_bzero(request->line, request->length);
    free(request);
}

void session_drop_requests(struct backend_session *session)
{
    while (session->requests.first != NULL)
        session_free_request(session_take_request(session));
}

/* ---- made and unmade */

struct backend_session *session_new(struct backend_pool *pool, enum session_role role, bool busy)
{
    struct backend_session *session = memory_zeroed(1, sizeof(*session));

    session->pool = pool;
    session->role = role;
    session->arena = arena_new();
    session->reply_arena = arena_new();
    session->timer = event_new(pool->base, -1, 0, on_timer, session);
    session->kick = event_new(pool->base, -1, 0, on_kick, session);
    if (session->timer == NULL || session->kick == NULL)
        bug("event_new");
    pool_add(pool, session);
    if (busy) {
        snprintf(session->problem, sizeof(session->problem), "all of its %u sessions are in use",
                 pool->settings.sessions_most);
        session_enter(session, SESSION_BUSY);
    } else {
        session_connect(session);
    }
    session_kick(session);
    return session;
}

void session_take(struct backend_session *session, const struct backend_client *client)
{
    session->client = backend_client_copy(client, session->arena);
    session->role = ROLE_TAKEN;
    session_kick(session);
}

void session_free(struct backend_session *session)
{
    struct backend_pool *pool = session->pool;

    disconnect(session);
    session_drop_requests(session);
    event_free(session->timer);
    event_free(session->kick);
    arena_free(&session->arena);
    arena_free(&session->reply_arena);
    pool_remove(pool, session);
    free(session);
}

void session_leave(struct backend_session *session)
{
    session->role = ROLE_DROPPED;
    session->untried = false;
    switch (session->state) {
    case SESSION_SPARE:
    case SESSION_READY:
    case SESSION_REFUSED:
        stream_write(session->stream, SLICE("QUIT\r\n"));
        session_enter(session, SESSION_LEAVING);
        break;
    case SESSION_CONNECT:
    case SESSION_HANDSHAKE:
    case SESSION_GREETING:
    case SESSION_HELLO:
    case SESSION_STARTTLS:
    case SESSION_IDENTIFY:
    case SESSION_HELLO_CLIENT:
    case SESSION_COMMANDS:
    case SESSION_AUTH:
    case SESSION_CHALLENGED:
    case SESSION_DATA:
    case SESSION_SENDING:
    case SESSION_FINAL:
    case SESSION_LEAVING:
    case SESSION_LOST:
    case SESSION_BUSY:
        disconnect(session);
        session->ending = true;
        break;
    }
    session_kick(session);
}
