/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_input.c: the states in which a client is listened to: command lines, responses of AUTH, a message by DATA or
 * BDAT. Here is what ends a session that says too little, too much or too slowly; what a command does is
 * client_commands.c's.
 */
#include "proxy/client_private.h"

#include "proxy/auth_exchange.h"
#include "proxy/clock.h"
#include "proxy/framing.h"
#include "proxy/stream.h"
#include "proxy/worker.h"

/* Unsent replies above this stop the reading of commands: a client that never reads costs bounded memory. */
#define CLIENT_UNSENT_MOST ((size_t)32 * 1024)

static enum progress idle_too_long(struct client *client)
{
    client_say(client, 421, "4.4.2", "no command for too long, closing (limit command)");
    client_close(client, "no command within the limit");
    return PROGRESS_AGAIN;
}

/* Throws away the rest of a line that was refused. */
static enum progress skip_line(struct client *client)
{
    struct slice input = stream_peek(client->stream, STREAM_INPUT_MOST);
    if (input.length == 0)
        return client_has_left(client) ? client_leave(client, "client closed within a command") : PROGRESS_WAIT;
    size_t consumed = 0;
    client->skipping = !framing_line_skip(input, &consumed);
    stream_consume(client->stream, consumed);
    if (consumed > 0 || !client->skipping)
        return PROGRESS_AGAIN;
    if (stream_state(client->stream) == STREAM_ENDED)
        return client_leave(client, "client closed within a command");
    return client->timed_out ? idle_too_long(client) : PROGRESS_WAIT;
}

static enum progress refuse_line(struct client *client, enum line_status status)
{
    /* The bytes behind a BDAT whose size was not read must never be taken for commands. */
    if (status == LINE_TOO_LONG && command_may_be_chunk(stream_peek(client->stream, COMMAND_LINE_MOST))) {
        client_say(client, 500, "5.5.6", "command line is too long; closing");
        return client_leave(client, "a BDAT of unknown size");
    }
    if (status == LINE_TOO_LONG) {
        client->skipping = true;
        client_error(client, 500, "5.5.6", "command line is too long");
        return PROGRESS_AGAIN;
    }
    /* What two parsers may read differently is where smuggling begins: this session is over. */
    client_say(client, 500, "5.5.2", "a command holds a bare CR, a bare LF or a NUL: lines must end in CRLF; closing");
    client_close(client, "a command was not ended by CRLF");
    return PROGRESS_AGAIN;
}

static enum progress say_goodbye(struct client *client)
{
    client_say(client, 421, "4.3.2", "shutting down, try again later");
    client_close(client, "shutting down");
    return PROGRESS_AGAIN;
}

static enum progress say_outdated(struct client *client)
{
    client_say(client, 421, "4.3.2", "the rules have changed since this message began, try again");
    client_close(client, "its generation had to go");
    return PROGRESS_AGAIN;
}

/* RFC 4954 4: the client has to be told of it as of any other end of its connection. */
static enum progress auth_too_slow(struct client *client)
{
    client_say(client, 421, "4.4.2", "authentication takes too long, closing (limit authentication)");
    return client_leave(client, "AUTH took too long");
}

static enum progress say_unauthenticated(struct client *client)
{
    client_say(client, 421, "4.3.0", "the mail server behind has hung up, connect and log in again");
    return client_leave(client, "the backend connection that AUTH was said on is gone");
}

static enum progress data_too_slow(struct client *client)
{
    client_say(client, 421, "4.4.2", "message comes too slowly, closing (limit data-block or message)");
    client_close(client, "the message came too slowly");
    return PROGRESS_AGAIN;
}

/* True, and a reply was sent: the client goes on and on, or takes too long over it. */
static bool is_endless(struct client *client)
{
    int64_t most = (int64_t)client_config(client)->limits.message * 1000;
    if (client->transaction != NULL && transaction_is_flooded(client->transaction)) {
        client_say(client, 552, "5.3.4", "far more was sent than is allowed here, closing (limit message-size)");
        client_leave(client, "the client went on sending far beyond message-size");
        return true;
    }
    if (clock_monotonic() - client->data_began <= most)
        return false;
    data_too_slow(client);
    return true;
}

enum progress client_advance_command(struct client *client)
{
    if (stream_state(client->stream) == STREAM_BROKEN)
        return client_leave(client, "client closed the connection");
    if (client->outdated)
        return say_outdated(client);
    if (client->draining && (client->transaction == NULL || !transaction_has_mail(client->transaction)))
        return say_goodbye(client);
    if (session_has_lost_authentication(&client->session))
        return say_unauthenticated(client);
    if (client->skipping)
        return skip_line(client);
    if (clock_monotonic() < client->paused_until || stream_unsent(client->stream) > CLIENT_UNSENT_MOST)
        return client->timed_out ? client_leave(client, "client does not read its replies") : PROGRESS_WAIT;
    struct slice input = stream_peek(client->stream, COMMAND_LINE_MOST + 1), line;
    size_t consumed = 0;
    enum foreign foreign = client_foreign_input(client);
    if (foreign != FOREIGN_NONE)
        return client_refuse_foreign(client, foreign);
    enum line_status status = framing_line(input, COMMAND_LINE_MOST, &line, &consumed);
    if (status == LINE_NONE) {
        if (client_has_left(client) || stream_state(client->stream) == STREAM_ENDED)
            return client_leave(client, "client closed the connection");
        return client->timed_out ? idle_too_long(client) : PROGRESS_WAIT;
    }
    /* Between two chunks a message is on its way and holds its room, whatever is said there. */
    if (client->transaction != NULL && transaction_is_chunked(client->transaction) && is_endless(client))
        return PROGRESS_AGAIN;
    if (status == LINE_COMPLETE) {
        client_enter(client, CLIENT_COMMAND);
        client->more_input = stream_input_length(client->stream) > consumed;
        client_run_command(client, line);
        stream_consume(client->stream, consumed);
        return PROGRESS_AGAIN;
    }
    return refuse_line(client, status);
}

/* A transaction whose client is gone is dropped: nothing was acknowledged. */
enum progress client_advance_wait(struct client *client)
{
    if (stream_state(client->stream) == STREAM_BROKEN)
        return client_leave(client, "client closed the connection");
    if (client->timed_out)
        transaction_give_up(client->transaction, "limit delivery");
    if (transaction_state(client->transaction) == TRANSACTION_BUSY)
        return PROGRESS_WAIT;
    client_enter(client, CLIENT_COMMAND);
    client_finish_command(client);
    return PROGRESS_AGAIN;
}

enum progress client_advance_auth(struct client *client)
{
    if (stream_state(client->stream) == STREAM_BROKEN)
        return client_leave(client, "client closed the connection within AUTH");
    if (client->draining)
        return say_goodbye(client);
    struct slice line;
    size_t consumed = 0;
    switch (framing_line(stream_peek(client->stream, AUTH_LINE_MOST + 1), AUTH_LINE_MOST, &line, &consumed)) {
    case LINE_NONE:
        if (client_has_left(client) || stream_state(client->stream) == STREAM_ENDED)
            return client_leave(client, "client closed the connection within AUTH");
        return client->timed_out ? auth_too_slow(client) : PROGRESS_WAIT;
    case LINE_COMPLETE:
        client_auth_response(client, line);
        stream_consume(client->stream, consumed);
        return PROGRESS_AGAIN;
    case LINE_TOO_LONG:
        client->skipping = true;
        client_auth_too_long(client);
        return PROGRESS_AGAIN;
    case LINE_BARE:
        return refuse_line(client, LINE_BARE);
    }
    bug("line_status");
}

enum progress client_advance_data(struct client *client)
{
    struct slice input = stream_peek(client->stream, STREAM_INPUT_MOST);
    if (input.length == 0) {
        if (client_has_left(client))
            return client_leave(client, "client closed within the message");
        return client->timed_out ? data_too_slow(client) : PROGRESS_WAIT;
    }
    size_t consumed = 0;
    bool ended = transaction_data(client->transaction, input, &consumed);
    stream_consume(client->stream, consumed);
    if (ended) {
        client->waiting_for = COMMAND_DATA;
        client_enter(client, CLIENT_VERDICT);
        return PROGRESS_AGAIN;
    }
    client->progress = !is_endless(client);
    return PROGRESS_AGAIN;
}

enum progress client_advance_chunk(struct client *client)
{
    size_t most = client->chunk_left < STREAM_INPUT_MOST ? (size_t)client->chunk_left : STREAM_INPUT_MOST;
    struct slice input = most == 0 ? SLICE("") : stream_peek(client->stream, most);
    if (input.length == 0 && most > 0) {
        if (client_has_left(client))
            return client_leave(client, "client closed within the message");
        return client->timed_out ? data_too_slow(client) : PROGRESS_WAIT;
    }
    if (client->chunk_refusal.code == 0 && input.length > 0)
        transaction_chunk(client->transaction, input);
    stream_consume(client->stream, input.length);
    client->chunk_left -= input.length;
    client->progress = true;
    if (is_endless(client))
        return PROGRESS_AGAIN;
    if (client->chunk_left == 0)
        client_finish_chunk(client);
    return PROGRESS_AGAIN;
}
