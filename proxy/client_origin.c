/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_origin.c: whose session it is, and whether it is one: a load balancer's header of the PROXY protocol before
 * it, a client's silence before the banner, a trusted host's XCLIENT within it, and what does not speak SMTP at all.
 * Who may not say what it says is closed, logged and counted.
 */
#include "proxy/client_private.h"

#include "proxy/clock.h"
#include "proxy/foreign.h"
#include "proxy/limits.h"
#include "proxy/proxy_header.h"
#include "proxy/refusal.h"
#include "proxy/stream.h"
#include "proxy/worker.h"
#include "proxy/xclient.h"

/*
 * From here on the session counts as that of its new address. False: a limit is in the way, *reply_out says so, and the
 * session is to be closed.
 */
static bool count_anew(struct client *client, const struct address *before, struct slice *reply_out)
{
    struct worker *worker = client->session.worker;
    struct facts *facts = &client->session.facts;
    struct limits_settings settings = limits_settings_of(&worker->generation->config->limits);
    uint64_t now = (uint64_t)(clock_monotonic() / 1000);
    enum limits_answer answer;

    limits_leave(worker->status, worker->slot, before, now);
    answer = limits_enter(worker->status, worker->slot, &settings, &facts->client_address, now);
    /* One that waits for commands might be the one that is closed for it. */
    if (answer == LIMITS_SESSIONS && client->state != CLIENT_COMMAND && client_make_room(worker))
        answer = limits_enter(worker->status, worker->slot, &settings, &facts->client_address, now);
    if (answer == LIMITS_WELCOME)
        return true;
    client->uncounted = true;
    *reply_out = refusal_by_limit(worker, answer, facts, client->arena);
    return false;
}

static enum progress leave(struct client *client, const char *reason)
{
    client_close(client, reason);
    return PROGRESS_AGAIN;
}

/* The PROXY protocol */

static enum progress refuse_header(struct client *client, const char *why)
{
    refusal_of_header(client->session.worker, &client->session.facts.client_address, why);
    return leave(client, "no header of the PROXY protocol that can be believed");
}

/* From here on the session is that of the client that the balancer names. */
static enum progress take_header(struct client *client, const struct proxy_header *header)
{
    struct facts *facts = &client->session.facts;
    struct address balancer = facts->client_address;
    struct slice reply;

    facts->via = balancer;
    facts->client_address = header->client_address;
    facts->client_port = header->client_port;
    facts->local_address = header->local_address;
    facts->local_port = header->local_port;
    if (count_anew(client, &balancer, &reply))
        return PROGRESS_AGAIN;
    if (client->tls != LISTENER_TLS_IMPLICIT)
        stream_write(client->stream, reply);
    return leave(client, "a limit of sessions");
}

enum progress client_advance_proxy_header(struct client *client)
{
    struct proxy_header header;
    size_t consumed;
    const char *problem;
    if (client->timed_out || client->draining)
        return refuse_header(client, client->draining ? "shutting down" : "it did not come in time");
    switch (proxy_header_parse(stream_peek(client->stream, PROXY_HEADER_MOST), &header, &consumed, &problem)) {
    case PROXY_HEADER_BAD:
        return refuse_header(client, problem);
    case PROXY_HEADER_MORE:
        return stream_state(client->stream) == STREAM_OPEN ? PROGRESS_WAIT
                                                           : refuse_header(client, "the connection ended within it");
    case PROXY_HEADER_COMPLETE:
        stream_consume(client->stream, consumed);
        client_enter(client, client->tls_wanted ? CLIENT_HANDSHAKE : CLIENT_SILENCE);
        return header.local ? PROGRESS_AGAIN : take_header(client, &header);
    }
    bug("proxy_header_status");
}

/* Before the banner */

/* RFC 5321 4.3.1: a client waits for the greeting before it says anything. */
enum progress client_advance_silence(struct client *client)
{
    bool spoke = stream_has_spoken(client->stream);

    /* What the kernel holds is read on the next turn of the loop. */
    if (spoke && stream_input_length(client->stream) == 0 && !client->timed_out)
        return PROGRESS_WAIT;
    if (!spoke && client->banner_delay > 0 && !client->timed_out && !client->draining &&
        stream_state(client->stream) == STREAM_OPEN)
        return PROGRESS_WAIT;
    if (spoke) {
        client->session.facts.early = true;
        status_add(client->session.worker->column, STATUS_EARLY_TALKERS, 1);
    }
    client_enter(client, CLIENT_CONNECT);
    return PROGRESS_AGAIN;
}

/* Other protocols */

enum foreign client_foreign_input(struct client *client)
{
    struct slice input = stream_peek(client->stream, COMMAND_LINE_MOST);
    enum foreign foreign = foreign_bytes(input, !stream_is_tls(client->stream));
    size_t end = slice_find(input, '\r');

    /* The start of a line that is too long for a command is enough to tell. */
    if (foreign != FOREIGN_NONE || (end == input.length && input.length < COMMAND_LINE_MOST))
        return foreign;
    return foreign_line(slice_first(input, end));
}

enum progress client_refuse_foreign(struct client *client, enum foreign foreign)
{
    client_say(client, 554, "5.5.0", foreign_sentence(foreign));
    refusal_of_protocol(client->session.worker, &client->session.facts.client_address, foreign_name(foreign));
    return leave(client, "not SMTP");
}

/* XCLIENT */

static const struct config_listener *listener_of(const struct client *client)
{
    const struct config *config = client_config(client);

    for (size_t i = 0; i < config->listeners_count; i++)
        if (slice_equal(config->listeners[i].text, client->session.facts.listener))
            return &config->listeners[i];
    return NULL;
}

/*
 * The address counts that the session has now: who was renamed is the one it was renamed to, and may not go on
 * renaming. So does Postfix (XCLIENT_README, note 1).
 */
bool client_may_xclient(const struct client *client)
{
    const struct config_listener *listener = listener_of(client);

    return listener != NULL && config_networks_have(&listener->xclient, &client->session.facts.client_address);
}

/*
 * What is not given stays, though the address be another's: so does Postfix (smtpd.c, xclient_cmd()). A NAME is the
 * reverse name as well, unless that is given.
 */
static void take_name(const struct xclient *said, struct facts_told_name *told)
{
    static const enum facts_told states[] = {
        [XCLIENT_GIVEN] = FACTS_TOLD_NAME,
        [XCLIENT_UNAVAILABLE] = FACTS_TOLD_NO_NAME,
        [XCLIENT_TEMPORARY] = FACTS_TOLD_TEMPORARY,
    };

    if (said->states[XCLIENT_NAME] != XCLIENT_NOT_GIVEN) {
        told->state = states[said->states[XCLIENT_NAME]];
        told->name = said->name;
    }
    if (said->states[XCLIENT_NAME] == XCLIENT_GIVEN)
        told->reverse_name = SLICE_NONE;
    if (said->states[XCLIENT_REVERSE_NAME] != XCLIENT_NOT_GIVEN)
        told->reverse_name = said->reverse_name;
}

static void take_endpoints(const struct xclient *said, struct facts *facts)
{
    if (said->states[XCLIENT_ADDR] == XCLIENT_GIVEN) {
        facts->via = facts->client_address;
        facts->client_address = said->address;
    }
    if (said->states[XCLIENT_PORT] != XCLIENT_NOT_GIVEN)
        facts->client_port = said->port;
    if (said->states[XCLIENT_DESTADDR] == XCLIENT_GIVEN)
        facts->local_address = said->local_address;
    if (said->states[XCLIENT_DESTPORT] == XCLIENT_GIVEN)
        facts->local_port = said->local_port;
}

/* What the client itself said is forgotten; what XCLIENT says of it stays until it says HELO or EHLO. */
static void take_helo(struct client *client, const struct xclient *said)
{
    struct facts *facts = &client->session.facts;

    if (said->states[XCLIENT_HELO] != XCLIENT_NOT_GIVEN) {
        client->helo_told = said->states[XCLIENT_HELO] == XCLIENT_GIVEN;
        facts->helo = said->helo;
    }
    facts->has_helo = client->helo_told;
    if (!client->helo_told)
        facts->helo = SLICE_NONE;
    if (said->states[XCLIENT_PROTO] == XCLIENT_GIVEN)
        facts->esmtp = said->esmtp;
}

/* The session begins anew, with rules:connect and the banner, for the client that it is said to be of. */
static void take_xclient(struct client *client, const struct xclient *said)
{
    struct facts *facts = &client->session.facts;
    struct address before = facts->client_address;
    struct slice reply;

    client_end_transaction(client, "XCLIENT");
    backend_close(&client->session.backend);       /* it knows the client by its former name, for good */
    client->offered = 0;
    facts->authenticated = false;                  /* the connection that heard it is closed */
    facts->auth_mechanism = facts->auth_user = facts->auth_identity = SLICE_NONE;
    take_endpoints(said, facts);
    take_name(said, &facts->told);
    take_helo(client, said);
    if (!address_equal(&before, &facts->client_address) && !count_anew(client, &before, &reply)) {
        stream_write(client->stream, reply);
        client_close(client, "a limit of sessions");
        return;
    }
    client_enter(client, CLIENT_CONNECT);
}

static void refuse_xclient(struct client *client, unsigned code, const char *enhanced, const char *why)
{
    struct arena *arena = arena_new();

    client_say(client, code, enhanced, arena_printf(arena, "XCLIENT: %s; closing", why).text);
    arena_free(&arena);
    refusal_of_xclient(client->session.worker, &client->session.facts.client_address, why);
    client_close(client, "an XCLIENT that cannot be believed");
}

void client_refuse_xclient(struct client *client, const char *problem)
{
    if (client_may_xclient(client))
        refuse_xclient(client, 501, "5.5.4", problem);
    else
        refuse_xclient(client, 550, "5.7.0", "only hosts of the setting xclient may speak for others");
}

void client_run_xclient(struct client *client, const struct command *command)
{
    struct xclient said;
    const char *problem = "";

    if (client_may_xclient(client) && client->transaction != NULL && transaction_has_mail(client->transaction))
        client_error(client, 503, "5.5.1", "not within a mail transaction");
    else if (client_may_xclient(client) && xclient_parse(command->argument, client->arena, &said, &problem))
        take_xclient(client, &said);
    else
        client_refuse_xclient(client, problem);
}
