/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_dialogue.c: what a session does in each of its states (backend_private.h draws its way). Whatever is not by
 * the protocol loses the session: the client gets 451 and still owns its message. 250 for a message is told on only
 * if every byte of it had been written before that reply was read (P1).
 * A 421 is the result of the command that it answers, and the end of the session (RFC 5321 3.8).
 *
 * Here is how a reply is heard, in whatever state, and what a session does once it serves a client; how it comes to
 * that is backend_greeting.c's.
 */
#include "proxy/backend_private.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/framing.h"
#include "proxy/stream.h"

/* ---- hearing and saying */

const struct backend_settings *session_settings(const struct backend_session *session)
{
    return &session->pool->settings;
}

void session_say(struct backend_session *session, struct slice line)
{
    stream_write(session->stream, line);
}

/* A server that knows the client by a header may close the connection for that. */
static enum backend_failure failure_of_end(const struct backend_session *session)
{
    bool knows = session->pool->settings.identity == BACKEND_IDENTITY_PROXY;

    return knows && session->state == SESSION_GREETING ? FAILURE_CLIENT : FAILURE_DOWN;
}

static enum heard hear_end(struct backend_session *session)
{
    switch (stream_state(session->stream)) {
    case STREAM_CONNECTING:
    case STREAM_OPEN:
    case STREAM_HANDSHAKE:
        return HEARD_NOTHING;
    case STREAM_ENDED:
        session_lose(session, failure_of_end(session), "it closed the connection while %s",
                     session_states[session->state].doing);
        return HEARD_END;
    case STREAM_BROKEN:
        session_lose(session, failure_of_end(session), "%s while %s", stream_problem(session->stream),
                     session_states[session->state].doing);
        return HEARD_END;
    }
    bug("stream_state");
}

/* RFC 4954 4: a challenge may be longer than other replies. */
static size_t line_most(const struct backend_session *session)
{
    return session->state == SESSION_AUTH ? AUTH_LINE_MOST : REPLY_LINE_MOST;
}

static enum reply_status take_line(struct backend_session *session, struct slice line)
{
    if (!session->reading) {
        arena_reset(session->reply_arena);
        reply_reader_begin(&session->reader, session->reply_arena);
        session->reader.line_most = line_most(session);
        session->reading = true;
    }
    return reply_reader_line(&session->reader, line, &session->reply);
}

enum heard session_hear(struct backend_session *session)
{
    enum reply_status status = REPLY_MORE;

    while (status == REPLY_MORE) {
        struct slice line;
        size_t used;

        switch (framing_line(stream_peek(session->stream, line_most(session) + 1), line_most(session), &line, &used)) {
        case LINE_NONE:
            return hear_end(session);
        case LINE_TOO_LONG:
        case LINE_BARE:
            status = REPLY_BROKEN;
            break;
        case LINE_COMPLETE:
            status = take_line(session, line);
            stream_consume(session->stream, used);
            break;
        }
    }
    session->reading = false;
    if (status == REPLY_BROKEN) {
        session_lose(session, FAILURE_BROKEN, "what it sent is no SMTP reply while %s",
                     session_states[session->state].doing);
        return HEARD_END;
    }
    session->moved = true;
    /* An idle time-out of the backend that crossed our first words: as good as closed. */
    if (session->untried && session->reply.code == 421) {
        session_connect(session);
        return HEARD_END;
    }
    session->untried = false;
    return HEARD_REPLY;
}

static struct slice heard_text(struct backend_session *session)
{
    return slice_first(reply_text(session->reply_arena, &session->reply), BACKEND_PROBLEM_MOST / 2);
}

enum session_progress session_lose_by_reply(struct backend_session *session, enum backend_failure failure)
{
    struct slice text = slice_first(heard_text(session), session->secret ? strlen("500") : BACKEND_PROBLEM_MOST);

    return session_lose(session, failure, "\"%.*s\" while %s", SLICE_ARG(text), session_states[session->state].doing);
}

/* ---- results */

enum session_progress session_finish(struct backend_session *session, enum backend_outcome outcome,
                                    const struct reply *reply)
{
    struct backend_request *request = session_take_request(session);
    struct backend_result result = { .outcome = outcome, .problem = session->problem,
                                     .about_client = session_refused_client(session) };

    if (reply != NULL)
        result.reply = *reply;
    if (request->done != NULL)
        request->done(request->context, &result);
    session_free_request(request);
    return PROGRESS_ON;
}

enum session_progress session_finish_and_lose(struct backend_session *session)
{
    session_lose_by_reply(session, FAILURE_BROKEN);
    return session_finish(session, BACKEND_REPLIED, &session->reply);
}

/* ---- commands */

static struct backend_request *first_unsent(struct backend_session *session)
{
    struct backend_request *request;

    for (request = session->requests.first; request != NULL && request->sent; request = request->next)
        continue;
    return request;
}

/*
 * RFC 2920: with PIPELINING all that is queued goes out at once; a message, or AUTH, waits until everything before it
 * is answered.
 */
static void send_commands(struct backend_session *session)
{
    bool pipelining = (session->offer.extensions & BACKEND_PIPELINING) != 0;
    struct backend_request *request = first_unsent(session);

    while (request != NULL && request->kind != REQUEST_MESSAGE && request->kind != REQUEST_AUTH && !request->bad &&
           (pipelining || session->outstanding == 0) && stream_unsent(session->stream) < BACKEND_OUTPUT_MOST) {
        session_say(session, slice_of(request->line, request->length));
        request->sent = true;
        session->outstanding++;
        request = request->next;
    }
}

/*
 * RFC 6152 3, RFC 6531 3.5: not to a server that does not offer it. What clients are offered follows this session's
 * offer from its EHLO on, so that a client who comes again is not led here again.
 */
static unsigned missing_extensions(const struct backend_session *session)
{
    if (!session->client.esmtp && session_settings(session)->protocol == BACKEND_SMTP)
        return 0;
    return session->required & ~session->offer.extensions;
}

static enum session_progress lose_for_extension(struct backend_session *session)
{
    return session_lose(session, FAILURE_BROKEN, "this transaction was begun with %s, which it does not offer any more",
                        backend_extension_name(missing_extensions(session)));
}

static enum session_progress begin_message(struct backend_session *session, struct backend_request *request)
{
    bool chunked = (session->offer.extensions & BACKEND_CHUNKING) != 0;

    if (!transmission_begin(&session->transmission, &request->message, chunked))
        return session_lose(session, FAILURE_BROKEN, "the fields to be removed do not lie within the message");
    request->sent = true;
    if (!chunked) {
        session_say(session, SLICE("DATA\r\n"));
        return session_enter(session, SESSION_DATA);
    }
    session_say(session, arena_printf(session->reply_arena, "BDAT %llu LAST\r\n",
                              (unsigned long long)transmission_size(&session->transmission)));
    return session_enter(session, SESSION_SENDING);
}

/* From here on the connection holds what must not stay in memory. */
static enum session_progress say_auth(struct backend_session *session, struct backend_request *request)
{
    if (request->bad)
        return session_lose(session, FAILURE_BROKEN, "a line of AUTH cannot be said");
    stream_keep_secret(session->stream);
    session->secret = true;
    session_say(session, slice_of(request->line, request->length));
    request->sent = true;
    return session_enter(session, SESSION_AUTH);
}

static enum session_progress advance_ready(struct backend_session *session)
{
    struct backend_request *request;

    switch (session_hear(session)) {
    case HEARD_END:
        return PROGRESS_ON;
    case HEARD_REPLY:
        return session_lose_by_reply(session, FAILURE_BROKEN);
    case HEARD_NOTHING:
        break;
    }
    request = session->requests.first;
    if (request == NULL)
        return PROGRESS_WAIT;
    if (request->bad)
        return session_lose(session, FAILURE_BROKEN, "a path or parameter cannot be said in one line of text");
    if (missing_extensions(session) != 0)
        return lose_for_extension(session);
    if (request->kind == REQUEST_MESSAGE)
        return begin_message(session, request);
    if (request->kind == REQUEST_AUTH)
        return say_auth(session, request);
    return session_enter(session, SESSION_COMMANDS);
}

/* RFC 5321 4.2: 2yz and the refusals; 3yz answers only DATA, and RSET cannot be refused. */
static bool is_possible(enum request_kind kind, unsigned code)
{
    return code < 300 || (code >= 400 && kind != REQUEST_RESET);
}

static enum session_progress advance_commands(struct backend_session *session)
{
    enum heard heard;

    if (missing_extensions(session) != 0)
        return lose_for_extension(session);
    send_commands(session);
    heard = session_hear(session);
    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code == 421)
        return session_finish_and_lose(session);
    if (!is_possible(session->requests.first->kind, session->reply.code))
        return session_lose_by_reply(session, FAILURE_BROKEN);
    if (--session->outstanding == 0)
        session_enter(session, SESSION_READY);
    return session_finish(session, BACKEND_REPLIED, &session->reply);
}

/* ---- AUTH */

/* RFC 4954 4: a challenge is one line; 235 or a refusal ends the exchange. */
static bool is_auth_reply(const struct reply *reply)
{
    return reply->code == 235 || (reply->code == 334 && reply->count == 1) || reply->code >= 400;
}

static enum session_progress advance_auth(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code == 421)
        return session_finish_and_lose(session);
    if (!is_auth_reply(&session->reply))
        return session_lose_by_reply(session, FAILURE_BROKEN);
    session_enter(session, session->reply.code == 334 ? SESSION_CHALLENGED : SESSION_READY);
    return session_finish(session, BACKEND_REPLIED, &session->reply);
}

static enum session_progress advance_challenged(struct backend_session *session)
{
    switch (session_hear(session)) {
    case HEARD_END:
        return PROGRESS_ON;
    case HEARD_REPLY:
        return session_lose_by_reply(session, FAILURE_BROKEN);
    case HEARD_NOTHING:
        break;
    }
    if (session->requests.first == NULL)
        return PROGRESS_WAIT;
    if (session->requests.first->kind != REQUEST_AUTH)
        return session_lose(session, FAILURE_BROKEN, "something else was asked of it within an AUTH exchange");
    return say_auth(session, session->requests.first);
}

/* ---- a message */

static enum session_progress advance_data(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code == 354)
        return session_enter(session, SESSION_SENDING);
    if (session->reply.code == 421)
        return session_finish_and_lose(session);
    if (session->reply.code < 400)
        return session_lose_by_reply(session, FAILURE_BROKEN);
    session_enter(session, SESSION_READY);
    return session_finish(session, BACKEND_REPLIED, &session->reply);
}

/*
 * A reply before the end of the message. A refusal is told on, but the backend still waits for bytes that make no
 * sense to send: the connection goes. Anything else is not the reply to this message.
 */
static enum session_progress heard_early(struct backend_session *session)
{
    if (session->reply.code >= 400)
        return session_finish_and_lose(session);
    return session_lose_by_reply(session, FAILURE_BROKEN);
}

static enum session_progress advance_sending(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard == HEARD_REPLY)
        return heard_early(session);
    if (heard == HEARD_END)
        return PROGRESS_ON;
    session_note_unsent(session);
    switch (transmission_fill(&session->transmission, session->stream)) {
    case TRANSMISSION_MORE:
        stream_set_output_mark(session->stream, BACKEND_OUTPUT_MOST / 2);
        session->unsent = stream_unsent(session->stream);
        return PROGRESS_WAIT;
    case TRANSMISSION_FAILED:
        return session_lose(session, FAILURE_BROKEN, "the held message could not be read: %s", errno == 0 ? "too short"
                    : strerror(errno));
    case TRANSMISSION_ALL:
        stream_set_output_mark(session->stream, 0);
        session->unsent = stream_unsent(session->stream);
        return session_enter(session, SESSION_FINAL);
    }
    bug("transmission_status");
}

static enum session_progress advance_final(struct backend_session *session)
{
    enum heard heard;

    session_note_unsent(session);
    heard = session_hear(session);
    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    /* P1: nothing but a refusal is believed before every byte was handed to the kernel. */
    if (session->unsent > 0)
        return heard_early(session);
    if (session->reply.code == 421)
        return session_finish_and_lose(session);
    if (session->reply.code >= 300 && session->reply.code < 400)
        return session_lose_by_reply(session, FAILURE_BROKEN);
    session_enter(session, SESSION_READY);
    return session_finish(session, BACKEND_REPLIED, &session->reply);
}

/* ---- the end */

static enum session_progress advance_leaving(struct backend_session *session)
{
    if (session_hear(session) != HEARD_NOTHING)
        session->ending = true;
    return PROGRESS_WAIT;
}

static enum session_progress advance_lost(struct backend_session *session)
{
    if (session->role != ROLE_TAKEN)
        session->ending = true;
    if (session->ending || session->requests.first == NULL)
        return PROGRESS_WAIT;
    return session_finish(session, BACKEND_LOST, NULL);
}

static enum session_progress advance_busy(struct backend_session *session)
{
    if (session->requests.first == NULL)
        return PROGRESS_WAIT;
    return session_finish(session, BACKEND_BUSY, NULL);
}

const struct session_state_info session_states[SESSION_BUSY + 1] = {
    [SESSION_CONNECT] = { "connecting", LIMIT_CONNECT, session_advance_connect },
    [SESSION_HANDSHAKE] = { "TLS began", LIMIT_CONNECT, session_advance_handshake },
    [SESSION_STARTTLS] = { "waiting for the reply to STARTTLS", LIMIT_CONNECT, session_advance_starttls },
    [SESSION_GREETING] = { "waiting for its greeting", LIMIT_CONNECT, session_advance_greeting },
    [SESSION_HELLO] = { "waiting for the reply to EHLO", LIMIT_CONNECT, session_advance_hello },
    [SESSION_SPARE] = { "nothing was asked", LIMIT_SPARE, session_advance_spare },
    [SESSION_IDENTIFY] = { "waiting for the reply to XCLIENT", LIMIT_COMMAND, session_advance_identify },
    [SESSION_HELLO_CLIENT] = { "waiting for the reply to the client's EHLO", LIMIT_COMMAND,
                               session_advance_hello_client },
    [SESSION_READY] = { "nothing was asked", LIMIT_NONE, advance_ready },
    [SESSION_COMMANDS] = { "waiting for the reply to a command", LIMIT_COMMAND, advance_commands },
    [SESSION_AUTH] = { "waiting for the reply to AUTH", LIMIT_COMMAND, advance_auth },
    [SESSION_CHALLENGED] = { "waiting for the client's response", LIMIT_NONE, advance_challenged },
    [SESSION_DATA] = { "waiting for the reply to DATA", LIMIT_COMMAND, advance_data },
    [SESSION_SENDING] = { "sending a message", LIMIT_COMMAND, advance_sending },
    [SESSION_FINAL] = { "waiting for the reply to a message", LIMIT_DATA, advance_final },
    [SESSION_REFUSED] = { "nothing was asked", LIMIT_NONE, session_advance_refused },
    [SESSION_LEAVING] = { "waiting for the reply to QUIT", LIMIT_QUIT, advance_leaving },
    [SESSION_LOST] = { "lost", LIMIT_NONE, advance_lost },
    [SESSION_BUSY] = { "busy", LIMIT_NONE, advance_busy },
};
