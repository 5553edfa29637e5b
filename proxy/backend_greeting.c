/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_greeting.c: the states of a session from its connection to where it serves a client: TLS, the greeting, our
 * EHLO, and who the client is. Identity fails closed, and so does TLS: what is configured and cannot be had loses the
 * session.
 *
 * Where TLS is configured nothing but our own EHLO and STARTTLS is said before it, and nothing that was heard before
 * it counts after it (RFC 3207 4.2); there is no going on without.
 *
 * In the greeting and in reply to our own EHLO and XCLIENT a 421 speaks of us, not of the client: the session is then
 * lost like by any other refusal there. A refusal of the EHLO that was said for the client is the backend's word on
 * that client: it becomes the result of each of its commands. After a header of the PROXY protocol so is a refusal in
 * the greeting.
 */
#include "proxy/backend_private.h"

#include "proxy/stream.h"

/* ---- from the connection to a spare */

static bool is_told_by_header(const struct backend_session *session)
{
    return session_settings(session)->identity == BACKEND_IDENTITY_PROXY;
}

/* What is unsent goes out before it, in the clear. */
static enum session_progress begin_tls(struct backend_session *session)
{
    if (!stream_start_tls_client(session->stream, session_settings(session)->tls_client))
        return session_lose(session, FAILURE_DOWN, "it closed the connection before TLS");
    return session_enter(session, SESSION_HANDSHAKE);
}

static enum session_progress connected(struct backend_session *session)
{
    if (is_told_by_header(session))
        session_say(session, backend_identity_header(&session->client, session->arena));
    if (session_settings(session)->tls == BACKEND_TLS_IMPLICIT)
        return begin_tls(session);
    return session_enter(session, SESSION_GREETING);
}

enum session_progress session_advance_connect(struct backend_session *session)
{
    switch (stream_state(session->stream)) {
    case STREAM_CONNECTING:
    case STREAM_HANDSHAKE:
        return PROGRESS_WAIT;
    case STREAM_OPEN:
    case STREAM_ENDED:
        return connected(session);
    case STREAM_BROKEN:
        return session_lose(session, FAILURE_DOWN, "%s", stream_problem(session->stream));
    }
    bug("stream_state");
}

static bool wants_starttls(const struct backend_session *session)
{
    return session_settings(session)->tls == BACKEND_TLS_STARTTLS && !stream_is_tls(session->stream);
}

static void say_clients_hello(struct backend_session *session)
{
    session_say(session, backend_identity_hello(&session->client, session_settings(session)->protocol,
                                                session->pool->hostname, session->arena));
}

/* Our own EHLO, unless it is known already who the client is: then that is the one to be named. */
static enum session_progress say_hello(struct backend_session *session)
{
    bool client = is_told_by_header(session) && !wants_starttls(session);
    const char *verb = session_settings(session)->protocol == BACKEND_LMTP ? "LHLO" : "EHLO";

    if (client)
        say_clients_hello(session);
    else
        session_say(session, arena_printf(session->reply_arena, "%s %s\r\n", verb, session->pool->hostname));
    return session_enter(session, client ? SESSION_HELLO_CLIENT : SESSION_HELLO);
}

enum session_progress session_advance_handshake(struct backend_session *session)
{
    const struct backend_settings *settings = session_settings(session);

    switch (stream_state(session->stream)) {
    case STREAM_CONNECTING:
    case STREAM_HANDSHAKE:
        return PROGRESS_WAIT;
    case STREAM_OPEN:
    case STREAM_ENDED:
        if (settings->tls == BACKEND_TLS_IMPLICIT)
            return session_enter(session, SESSION_GREETING);
        return say_hello(session);
    case STREAM_BROKEN:
        return session_lose(session, FAILURE_TLS, "%s%s%s%s", stream_problem(session->stream),
                            settings->trust.verify ? " (tls-name \"" : "",
                            settings->trust.verify ? settings->trust.name : "", settings->trust.verify ? "\")" : "");
    }
    bug("stream_state");
}

static enum session_progress refuse_client(struct backend_session *session)
{
    session->refusal = reply_copy(session->arena, &session->reply);
    pool_serves(session->pool);
    return session_enter(session, SESSION_REFUSED);
}

enum session_progress session_advance_greeting(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code == 220)
        return say_hello(session);
    if (!is_told_by_header(session))
        return session_lose_by_reply(session, FAILURE_DOWN);
    if (session->reply.code < 400 || session->reply.code == 421)
        return session_lose_by_reply(session, FAILURE_CLIENT);
    return refuse_client(session);
}

static bool has_attributes(const struct backend_session *session)
{
    unsigned needed = session_settings(session)->protocol == BACKEND_LMTP ? ATTRIBUTES_NEEDED_LMTP : ATTRIBUTES_NEEDED;

    return (session->attributes & needed) == needed;
}

static enum session_progress begin_starttls(struct backend_session *session)
{
    if ((session->offer.extensions & BACKEND_STARTTLS) == 0)
        return session_lose(session, FAILURE_TLS, "it does not offer STARTTLS, which \"tls starttls\" wants");
    session_say(session, SLICE("STARTTLS\r\n"));
    return session_enter(session, SESSION_STARTTLS);
}

/*
 * RFC 3207 6: what came behind the reply was put there by somebody who can write on the wire, to be taken for words
 * within TLS. Nothing is said to such a connection any more.
 */
enum session_progress session_advance_starttls(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code != 220)
        return session_lose_by_reply(session, FAILURE_TLS);
    if (stream_input_length(session->stream) > 0)
        return session_lose(session, FAILURE_BROKEN, "words in the clear came behind its reply to STARTTLS");
    return begin_tls(session);
}

/* RFC 8689 2 and 4.2.1: a message with REQUIRETLS goes by TLS to a verified server, or does not leave the machine. */
static void read_offer(struct backend_session *session, unsigned *attributes_out)
{
    bool verified = stream_is_tls(session->stream) && session_settings(session)->trust.verify;

    backend_read_offer(&session->reply, &session->offer, attributes_out);
    if (!verified && !pool_is_local(session->pool))
        session->offer.extensions &= ~(unsigned)BACKEND_REQUIRETLS;
}

enum session_progress session_advance_hello(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code != 250)
        return session_lose_by_reply(session, FAILURE_BROKEN);
    read_offer(session, &session->attributes);
    if (wants_starttls(session))
        return begin_starttls(session);
    if (session_settings(session)->identity == BACKEND_IDENTITY_XCLIENT && !has_attributes(session))
        return session_lose(session, FAILURE_NO_XCLIENT, "it does not offer XCLIENT with %sADDR to us (in Postfix: "
                            "smtpd_authorized_xclient_hosts); without it every client would have our address",
                            session_settings(session)->protocol == BACKEND_LMTP ? "" : "NAME and ");
    pool_learn(session->pool, session);
    return session_enter(session, SESSION_SPARE);
}

static enum session_progress begin_serving(struct backend_session *session)
{
    pool_serves(session->pool);
    return session_enter(session, SESSION_READY);
}

static enum session_progress begin_identity(struct backend_session *session)
{
    session->identity_count = backend_identity_lines(&session->client, session->attributes, session->arena,
                                                     session->identity);
    session->identity_next = 1;
    session_say(session, session->identity[0]);
    return session_enter(session, SESSION_IDENTIFY);
}

enum session_progress session_advance_spare(struct backend_session *session)
{
    switch (session_hear(session)) {
    case HEARD_END:
        return PROGRESS_ON;
    case HEARD_REPLY:
        return session_lose_by_reply(session, FAILURE_DOWN);
    case HEARD_NOTHING:
        break;
    }
    if (session->role != ROLE_TAKEN)
        return PROGRESS_WAIT;
    if (session_settings(session)->identity == BACKEND_IDENTITY_XCLIENT)
        return begin_identity(session);
    return begin_serving(session);
}

/* ---- who the client is */

enum session_progress session_advance_identify(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code != 220)
        return session_lose_by_reply(session, FAILURE_XCLIENT_REFUSED);
    if (session->identity_next < session->identity_count) {
        session_say(session, session->identity[session->identity_next++]);
        return session_enter(session, SESSION_IDENTIFY);
    }
    say_clients_hello(session);
    return session_enter(session, SESSION_HELLO_CLIENT);
}

/* A server that was not told to expect the header takes it for commands that it does not know. */
static bool is_no_header_reader(const struct backend_session *session)
{
    return is_told_by_header(session) && (session->reply.code == 500 || session->reply.code == 502);
}

enum session_progress session_advance_hello_client(struct backend_session *session)
{
    enum heard heard = session_hear(session);

    if (heard != HEARD_REPLY)
        return heard == HEARD_END ? PROGRESS_ON : PROGRESS_WAIT;
    if (session->reply.code == 250) {
        unsigned attributes;
        read_offer(session, &attributes);
        /* After a header of ours it is the only one; HELO has nothing to teach. */
        if (is_told_by_header(session) &&
            (session->client.esmtp || session_settings(session)->protocol == BACKEND_LMTP))
            pool_learn(session->pool, session);
        return begin_serving(session);
    }
    if (session->reply.code == 421)
        return session->requests.first == NULL ? session_lose_by_reply(session, FAILURE_CLIENT)
                                               : session_finish_and_lose(session);
    if (session->reply.code < 400 || is_no_header_reader(session))
        return session_lose_by_reply(session, FAILURE_BROKEN);
    return refuse_client(session);
}

enum session_progress session_advance_refused(struct backend_session *session)
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
    session->moved = true;
    return session_finish(session, BACKEND_REPLIED, &session->refusal);
}
