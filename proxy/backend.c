/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.c: what the rest of the worker may ask of a session: commands and messages are queued here, and the
 * dialogue (backend_dialogue.c) is told on a later turn of the loop. A session is the pool's; who opened it borrows
 * it until backend_close(). Nothing here fails: what cannot be done is told as the result of the request.
 */
#include "proxy/backend_private.h"

#include <stdio.h>
#include <stdlib.h>

/* A command's line: a client's has 2048 octets at most (command.h). */
#define REQUEST_LINE_MOST 4096

/* ---- sessions */

/* A greeted spare first; else one that is on its way to be one. */
static struct backend_session *find_spare(struct backend_pool *pool)
{
    struct backend_session *found = NULL;
    struct backend_session *session;

    for (session = pool->sessions; session != NULL; session = session->next) {
        if (session->role != ROLE_SPARE || session->state == SESSION_LOST)
            continue;
        if (session->state == SESSION_SPARE)
            return session;
        if (found == NULL)
            found = session;
    }
    return found;
}

struct backend_session *backend_open(struct backend_pool *pool, const struct backend_client *client)
{
    struct backend_session *session = find_spare(pool);

    if (session != NULL) {
        session->untried = session->state == SESSION_SPARE;
        pool_spare_taken(pool);
    } else {
        session = session_new(pool, ROLE_TAKEN, !pool_has_room(pool));
    }
    session_take(session, client);
    return session;
}

void backend_close(struct backend_session **session)
{
    if (*session == NULL)
        return;
    session_drop_requests(*session);
    session_leave(*session);
    *session = NULL;
}

bool backend_is_lost(const struct backend_session *session)
{
    return session->state == SESSION_LOST || session->state == SESSION_BUSY;
}

struct backend_pool *backend_session_pool(const struct backend_session *session)
{
    return session->pool;
}

struct backend_offer backend_session_offer(const struct backend_session *session)
{
    return session->offer;
}

/* ---- requests */

/*
 * Grammar was checked where the command came in; this only makes sure that one request is one line, whatever was
 * overlooked.
 */
static bool is_sayable(struct slice text, size_t most)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] < ' ' || text.text[i] == 0x7f)
            return false;
    return text.length <= most;
}

/* `line` is copied. */
static struct backend_request *request_add(struct backend_session *session, enum request_kind kind, struct slice line,
                                           backend_done done, void *context)
{
    struct backend_request *request = memory_zeroed(1, sizeof(*request) + line.length);

    request->kind = kind;
    request->done = done;
    request->context = context;
    request->length = line.length;
    if (line.length > 0)
        memcpy(request->line, line.text, line.length);
    session_add_request(session, request);
    return request;
}

static void request_path(struct backend_session *session, enum request_kind kind, struct slice path,
                         struct slice parameters,
                         backend_done done, void *context)
{
    char line[2 * REQUEST_LINE_MOST + 32];
    const char *verb = kind == REQUEST_MAIL ? "MAIL FROM" : "RCPT TO";
    bool sayable = is_sayable(path, REQUEST_LINE_MOST) && is_sayable(parameters, REQUEST_LINE_MOST);
    int length = 0;

    if (sayable)
        length = snprintf(line, sizeof(line), "%s:<%.*s>%s%.*s\r\n", verb, SLICE_ARG(path),
                          slice_is_empty(parameters) ? "" : " ", SLICE_ARG(parameters));
    request_add(session, kind, slice_of(line, (size_t)length), done, context)->bad = !sayable;
}

void backend_mail(struct backend_session *session, struct slice path, struct slice parameters, backend_done done,
                  void *context)
{
    request_path(session, REQUEST_MAIL, path, parameters, done, context);
}

void backend_rcpt(struct backend_session *session, struct slice path, struct slice parameters, backend_done done,
                  void *context)
{
    request_path(session, REQUEST_RCPT, path, parameters, done, context);
}

/* Straight into the request: no copy of a password is left on the way. */
void backend_auth(struct backend_session *session, struct slice line, backend_done done, void *context)
{
    size_t length = line.length + 2;
    struct backend_request *request = memory_zeroed(1, sizeof(*request) + length);

    request->kind = REQUEST_AUTH;
    request->bad = !is_sayable(line, AUTH_LINE_MOST - 2);
    request->done = done;
    request->context = context;
    request->length = length;
    if (line.length > 0)
        memcpy(request->line, line.text, line.length);
    memcpy(request->line + line.length, "\r\n", 2);
    session_add_request(session, request);
}

/* RFC 5321 4.1.1.6: a mailbox, as it stands between the brackets of RCPT. */
void backend_vrfy(struct backend_session *session, struct slice address, backend_done done, void *context)
{
    char line[REQUEST_LINE_MOST + 16];
    bool sayable = is_sayable(address, REQUEST_LINE_MOST);
    int length = sayable ? snprintf(line, sizeof(line), "VRFY %.*s\r\n", SLICE_ARG(address)) : 0;

    request_add(session, REQUEST_VRFY, slice_of(line, (size_t)length), done, context)->bad = !sayable;
}

void backend_require(struct backend_session *session, unsigned extensions)
{
    session->required |= extensions;
}

void backend_reset(struct backend_session *session, backend_done done, void *context)
{
    request_add(session, REQUEST_RESET, SLICE("RSET\r\n"), done, context);
}

void backend_message(struct backend_session *session, const struct backend_message *message, backend_done done,
                     void *context)
{
    request_add(session, REQUEST_MESSAGE, SLICE_NONE, done, context)->message = *message;
}
