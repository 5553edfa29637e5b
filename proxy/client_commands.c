/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_commands.c: the table of commands: verb, when it is allowed, what it does (RFC 5321 4.1.1, 4.1.4). A new
 * command is a row and a handler here, a verb in command.c and a scenario.
 */
#include "proxy/client_private.h"

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/stream.h"
#include "proxy/worker.h"
#include "proxy/xclient.h"

enum command_flag {
    ALLOWED_BEFORE_HELO = 1 << 0,
    ALLOWED_WITHIN_MAIL = 1 << 1,      /* after MAIL, before the end of the message */
    NEEDS_MAIL = 1 << 2,
    TAKES_NO_ARGUMENT = 1 << 3,
};

/* HELO and EHLO */

/*
 * Our allow-list of what the backend offers. RFC 6531 3.1: no SMTPUTF8 without 8BITMIME. RFC 8689 2: REQUIRETLS in
 * reply to an EHLO within TLS.
 */
static unsigned offer_to_client(const struct client *client, const struct backend_offer *offer)
{
    unsigned offered = offer->extensions &
                       (BACKEND_ENHANCED_STATUS_CODES | BACKEND_8BITMIME | BACKEND_SMTPUTF8 | BACKEND_DSN |
                        BACKEND_CHUNKING | BACKEND_REQUIRETLS | BACKEND_LIMITS);
    if ((offered & BACKEND_8BITMIME) == 0)
        offered &= ~(unsigned)BACKEND_SMTPUTF8;
    if (client_config(client)->vrfy == VRFY_BACKEND)
        offered |= offer->extensions & BACKEND_VRFY;
    if (client->session.facts.submission && client->session.facts.tls)
        offered |= offer->extensions & BACKEND_AUTH;
    if (!client->session.facts.tls || !client->session.facts.esmtp)
        offered &= ~(unsigned)BACKEND_REQUIRETLS;
    return offered;
}

static uint32_t smaller(uint64_t ours, uint32_t theirs)
{
    uint32_t capped = ours > BACKEND_LIMIT_MOST ? BACKEND_LIMIT_MOST : (uint32_t)ours;
    return theirs != 0 && theirs < capped ? theirs : capped;
}

/* RFC 9422: of ours and the backend's limits the smaller; we have none of domains. */
static struct slice limits_line(const struct config_limits *ours, const struct backend_limits *theirs,
                                struct arena *arena)
{
    struct slice line = arena_printf(arena, "LIMITS MAILMAX=%u RCPTMAX=%u",
                                     (unsigned)smaller(ours->transactions, theirs->mail_most),
                                     (unsigned)smaller(ours->recipients, theirs->recipients_most));
    return theirs->domains_most == 0 ? line
                                     : arena_printf(arena, "%.*s RCPTDOMAINMAX=%u", SLICE_ARG(line),
                                                    (unsigned)theirs->domains_most);
}

static void greet_back(struct client *client)
{
    const struct config *config = client_config(client);
    struct backend_offer offer = { 0 };
    client_backend_offer(client, &offer);
    client->offered = offer_to_client(client, &offer);
    struct arena *arena = arena_new();
    struct slice lines[16];
    size_t count = 0;
    lines[count++] = slice_of_string(config->hostname);
    if (client->session.facts.esmtp) {
        uint64_t size = config->limits.message_size;
        if (offer.size != 0 && offer.size < size)
            size = offer.size;
        lines[count++] = SLICE("PIPELINING");
        lines[count++] = arena_printf(arena, "SIZE %llu", (unsigned long long)size);
        if (client->tls == LISTENER_TLS_STARTTLS && !client->session.facts.tls &&
            client->session.worker->generation->tls != NULL)
            lines[count++] = SLICE("STARTTLS");
        if ((client->offered & BACKEND_ENHANCED_STATUS_CODES) != 0)
            lines[count++] = SLICE("ENHANCEDSTATUSCODES");
        if ((client->offered & BACKEND_8BITMIME) != 0)
            lines[count++] = SLICE("8BITMIME");
        if ((client->offered & BACKEND_SMTPUTF8) != 0)
            lines[count++] = SLICE("SMTPUTF8");
        if ((client->offered & BACKEND_DSN) != 0)
            lines[count++] = SLICE("DSN");
        if ((client->offered & BACKEND_CHUNKING) != 0)
            lines[count++] = SLICE("CHUNKING");
        if ((client->offered & BACKEND_AUTH) != 0)
            lines[count++] = arena_printf(arena, "AUTH %s", offer.mechanisms);
        if ((client->offered & BACKEND_VRFY) != 0)
            lines[count++] = SLICE("VRFY");
        if ((client->offered & BACKEND_REQUIRETLS) != 0)
            lines[count++] = SLICE("REQUIRETLS");
        if ((client->offered & BACKEND_LIMITS) != 0)
            lines[count++] = limits_line(&config->limits, &offer.limits, arena);
        if (client_may_xclient(client))
            lines[count++] = SLICE("XCLIENT " XCLIENT_ATTRIBUTES);
    }
    struct reply reply = reply_lines(arena, 250, lines, count);
    client_reply(client, &reply);
    arena_free(&arena);
}

static void run_helo(struct client *client, const struct command *command)
{
    struct facts *facts = &client->session.facts;
    if (client->transaction != NULL && transaction_has_mail(client->transaction))
        client_end_transaction(client, "the client said HELO again");
    /* It knows the client by its former name, for good; one that AUTH was said on is kept with it. */
    if (!facts->authenticated)
        backend_close(&client->session.backend);
    client->waiting_for = command->verb;
    client->helo_before = facts->has_helo ? facts->helo : SLICE_NONE;
    facts->has_helo = true;
    client->helo_told = false;
    facts->helo = arena_copy(client->arena, command->argument);
    facts->esmtp = command->verb == COMMAND_EHLO;
    if (client->transaction != NULL)
        transaction_session_changed(client->transaction);
    if (!client->session.worker->generation->has_stage[STAGE_HELO]) {
        greet_back(client);
        return;
    }
    transaction_judge_session(client_transaction(client), STAGE_HELO);
    client_enter(client, CLIENT_WAIT);
}

static void finish_helo(struct client *client)
{
    const struct reply *reply = transaction_reply(client->transaction);
    if (reply->code == 0) {
        greet_back(client);
        return;
    }
    client_reply(client, reply);
    client_end_transaction(client, NULL);
    client->session.facts.has_helo = false;
}

/* MAIL and RCPT */

static void run_mail(struct client *client, const struct command *command)
{
    struct envelope_mail mail;
    struct envelope_problem problem;
    if (client->draining) {
        client_say(client, 421, "4.3.2", "shutting down, try again later");
        client_close(client, "shutting down");
        return;
    }
    if (client->transactions >= client_config(client)->limits.transactions) {
        client_say(client, 421, "4.7.0", "enough messages for one session, connect again (limit transactions)");
        client_close(client, "limit transactions");
        return;
    }
    if (!envelope_read_mail(command, client->offered, &mail, &problem)) {
        client_error(client, problem.code, problem.enhanced, problem.text);
        return;
    }
    if (mail.size > client_config(client)->limits.message_size) {
        client_error(client, 552, "5.3.4", "message is larger than allowed here (limit message-size)");
        return;
    }
    client->transactions++;
    client->waiting_for = COMMAND_MAIL;
    transaction_mail(client_transaction(client), &command->path, &mail);
    client_enter(client, CLIENT_WAIT);
}

static void finish_mail(struct client *client)
{
    const struct reply *reply = transaction_reply(client->transaction);
    client_reply(client, reply);
    if (!reply_is_positive(reply))
        client_end_transaction(client, NULL);
}

static void run_rcpt(struct client *client, const struct command *command)
{
    struct envelope_recipient recipient;
    struct envelope_problem problem;
    bool smtputf8 = transaction_is_international(client->transaction);
    if (!envelope_read_recipient(command, client->offered, smtputf8, &recipient, &problem)) {
        client_error(client, problem.code, problem.enhanced, problem.text);
        return;
    }
    if (transaction_is_chunked(client->transaction)) {
        client_error(client, 503, "5.5.1", "RCPT after BDAT");
        return;
    }
    if (transaction_accepted(client->transaction) >= client_config(client)->limits.recipients) {
        client_say(client, 452, "4.5.3", "too many recipients, send the rest separately (limit recipients)");
        return;
    }
    client->waiting_for = COMMAND_RCPT;
    transaction_recipient(client->transaction, &command->path, &recipient);
    client_enter(client, CLIENT_WAIT);
}

static void finish_rcpt(struct client *client)
{
    const struct reply *reply = transaction_reply(client->transaction);
    client_reply(client, reply);
    if (reply->code == 421)
        client_close(client, NULL);        /* the backend's, passed on */
    else if (reply_is_permanent(reply))
        client_count_error(client);
}

/* DATA */

static void run_data(struct client *client, const struct command *command)
{
    (void)command;
    if (transaction_accepted(client->transaction) == 0) {
        client_error(client, 554, "5.5.1", "no valid recipients");
        return;
    }
    if (transaction_is_chunked(client->transaction)) {
        client_error(client, 503, "5.5.1", "DATA after BDAT");
        return;
    }
    transaction_data_begin(client->transaction, false);
    client->data_began = clock_monotonic();
    client_say(client, 354, "", "end data with <CR><LF>.<CR><LF>");
    client_enter(client, CLIENT_DATA);
}

static void finish_data(struct client *client)
{
    const struct reply *reply = transaction_reply(client->transaction);
    bool closing = reply->code == 421;
    client_reply(client, reply);
    client_end_transaction(client, NULL);
    if (closing)
        client_close(client, NULL);
}

/* BDAT (RFC 3030 2). Whatever is wrong, its bytes are read and never taken for commands. */

/* Chunks from this size on are no commands to limit `commands`: message-size bounds them. Ours. */
#define CHUNK_NOT_COUNTED 4096

/* Code 0: the chunk is welcome. */
static struct envelope_problem find_chunk_refusal(const struct client *client)
{
    if (!client->session.facts.has_helo)
        return (struct envelope_problem){ 503, "5.5.1", "say HELO or EHLO first" };
    if ((client->offered & BACKEND_CHUNKING) == 0)
        return (struct envelope_problem){ 502, "5.5.1", "BDAT is not offered here" };
    if (client->transaction == NULL || !transaction_has_mail(client->transaction))
        return (struct envelope_problem){ 503, "5.5.1", "say MAIL first" };
    if (transaction_accepted(client->transaction) == 0)
        return (struct envelope_problem){ 554, "5.5.1", "no valid recipients" };
    return (struct envelope_problem){ 0 };
}

static void refuse_chunk_of_unknown_size(struct client *client, const char *enhanced, const char *problem)
{
    struct arena *arena = arena_new();
    client_say(client, 501, enhanced, arena_printf(arena, "%s; closing", problem).text);
    arena_free(&arena);
    client_close(client, "a BDAT of unknown size");
}

static void run_bdat(struct client *client, const struct command *command)
{
    if (command->chunk_size > transaction_flood(client_config(client))) {
        client_say(client, 552, "5.3.4", "a chunk far larger than is allowed here, closing (limit message-size)");
        client_close(client, "a chunk far beyond message-size");
        return;
    }
    client->commands -= command->chunk_size >= CHUNK_NOT_COUNTED;
    client->chunk_size = client->chunk_left = command->chunk_size;
    client->chunk_last = command->chunk_last;
    client->chunk_refusal = find_chunk_refusal(client);
    bool begun = client->chunk_refusal.code == 0 && transaction_is_chunked(client->transaction);
    if (!begun)
        client->data_began = clock_monotonic();
    if (!begun && client->chunk_refusal.code == 0)
        transaction_data_begin(client->transaction, true);
    client_enter(client, CLIENT_CHUNK);
}

void client_finish_chunk(struct client *client)
{
    const struct envelope_problem *refusal = &client->chunk_refusal;
    client_enter(client, CLIENT_COMMAND);
    if (refusal->code != 0) {
        /* A later recipient would be sent the chunks that come then, and not this one. */
        if (client->transaction != NULL && transaction_has_mail(client->transaction))
            client_end_transaction(client, "a chunk was refused");
        client_error(client, refusal->code, refusal->enhanced, refusal->text);
    } else if (client->chunk_last) {
        client->waiting_for = COMMAND_BDAT;
        transaction_data_end(client->transaction);
        client_enter(client, CLIENT_VERDICT);
    } else if (!transaction_chunk_end(client->transaction)) {
        finish_data(client);
    } else {
        struct arena *arena = arena_new();
        struct slice text = arena_printf(arena, "Ok: %llu bytes", (unsigned long long)client->chunk_size);
        client_say(client, 250, "2.0.0", text.text);
        arena_free(&arena);
    }
}

/* The rest */

static void run_rset(struct client *client, const struct command *command)
{
    (void)command;
    if (client->transaction != NULL && transaction_has_mail(client->transaction))
        client_end_transaction(client, "RSET");
    client_say(client, 250, "2.0.0", "Ok");
}

static void run_noop(struct client *client, const struct command *command)
{
    (void)command;
    client_say(client, 250, "2.0.0", "Ok");
}

/* The argument as the path of a recipient, which it may or may not have brackets for. False: a reply was sent. */
static bool read_vrfy(struct client *client, struct slice argument, struct arena *arena, struct command *command_out)
{
    bool bracketed = argument.length > 0 && argument.text[0] == '<';
    struct slice line = arena_printf(arena, "RCPT TO:%s%.*s%s", bracketed ? "" : "<", SLICE_ARG(argument),
                                     bracketed ? "" : ">");
    const char *enhanced = "5.5.4", *problem = "";

    if (command_parse(line, command_out, &enhanced, &problem) != COMMAND_OK || command_out->parameters_count > 0)
        client_error(client, 501, enhanced, "VRFY needs an address, as in VRFY user@example.org");
    else if (command_out->path.international)
        client_error(client, 553, "5.6.7", "the address has characters outside ASCII");
    else
        return true;
    return false;
}

static void verify_by_backend(struct client *client, const struct command *command)
{
    struct arena *arena = arena_new();
    struct backend_offer offer = { 0 };
    struct command recipient;

    client_backend_offer(client, &offer);
    if ((offer.extensions & BACKEND_VRFY) == 0) {
        client_error(client, 502, "5.5.1", "VRFY is not offered here");
    } else if (client->transaction != NULL && transaction_is_chunked(client->transaction)) {
        /* A message is being judged, by its own recipients. */
        client_error(client, 503, "5.5.1", "VRFY after BDAT");
    } else if (read_vrfy(client, command->argument, arena, &recipient)) {
        client->waiting_for = COMMAND_VRFY;
        transaction_verify(client_transaction(client), &recipient.path);
        client_enter(client, CLIENT_WAIT);
    }
    arena_free(&arena);
}

/* RFC 5321 3.5.3 and 7.3: addresses are not verified for strangers, unless the postmaster wants that. */
static void run_vrfy(struct client *client, const struct command *command)
{
    switch (client_config(client)->vrfy) {
    case VRFY_NONCOMMITTAL:
        client_say(client, 252, "2.0.0", "cannot verify, send mail and it will be tried");
        return;
    case VRFY_BACKEND:
        verify_by_backend(client, command);
        return;
    case VRFY_OFF:
        client_error(client, 502, "5.5.1", "VRFY is not offered here");
        return;
    }
    bug("config_vrfy");
}

static void run_help(struct client *client, const struct command *command)
{
    (void)command;
    client_say(client, 214, "2.0.0",
               "see RFC 5321; questions about refused mail: quote the id in the reply to postmaster");
}

static void run_quit(struct client *client, const struct command *command)
{
    (void)command;
    client_say(client, 221, "2.0.0", "Bye");
    client_close(client, "QUIT");
}

static void run_starttls(struct client *client, const struct command *command)
{
    struct worker *worker = client->session.worker;
    (void)command;
    if (client->session.facts.tls) {
        client_error(client, 554, "5.5.1", "TLS is on already");
        return;
    }
    if (client->tls != LISTENER_TLS_STARTTLS || worker->generation->tls == NULL) {
        client_error(client, 502, "5.5.1", "TLS is not offered here");
        return;
    }
    /* RFC 3207 4, RFC 2920 3.1: nothing may follow before our reply. What does was put there by somebody else. */
    if (client->more_input) {
        log_event(LOG_LEVEL_WARNING, "starttls-injection", "why", "bytes in the clear behind STARTTLS", NULL);
        client_say(client, 503, "5.5.1", "bytes in the clear follow STARTTLS, which must come last; closing");
        client_close(client, "bytes in the clear behind STARTTLS");
        return;
    }
    client_end_transaction(client, "STARTTLS");
    client_say(client, 220, "2.0.0", "ready to start TLS");
    client->tls_wanted = true;
    client_enter(client, CLIENT_HANDSHAKE);
}

/* Table: one row a command. */
static const struct command_row {
    enum command_verb verb;
    unsigned flags;
    void (*run)(struct client *client, const struct command *command);
    void (*finish)(struct client *client);
} commands[] = {
    { COMMAND_HELO, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, run_helo, finish_helo },
    { COMMAND_EHLO, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, run_helo, finish_helo },
    { COMMAND_MAIL, 0, run_mail, finish_mail },
    { COMMAND_RCPT, ALLOWED_WITHIN_MAIL | NEEDS_MAIL, run_rcpt, finish_rcpt },
    { COMMAND_DATA, ALLOWED_WITHIN_MAIL | NEEDS_MAIL | TAKES_NO_ARGUMENT, run_data, finish_data },
    { COMMAND_RSET, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL | TAKES_NO_ARGUMENT, run_rset, NULL },
    { COMMAND_NOOP, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, run_noop, NULL },
    { COMMAND_VRFY, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, run_vrfy, finish_rcpt },
    { COMMAND_HELP, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, run_help, NULL },
    { COMMAND_QUIT, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL | TAKES_NO_ARGUMENT, run_quit, NULL },
    { COMMAND_BDAT, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, run_bdat, finish_data },
    { COMMAND_AUTH, 0, client_run_auth, client_finish_auth },
    { COMMAND_STARTTLS, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL | TAKES_NO_ARGUMENT, run_starttls, NULL },
    { COMMAND_XCLIENT, ALLOWED_BEFORE_HELO | ALLOWED_WITHIN_MAIL, client_run_xclient, NULL },
};

static const struct command_row *find_row(enum command_verb verb)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (commands[i].verb == verb)
            return &commands[i];
    return NULL;
}

/* False: a reply was sent. */
static bool is_allowed(struct client *client, const struct command_row *row, const struct command *command)
{
    bool within_mail = client->transaction != NULL && transaction_has_mail(client->transaction);
    if ((row->flags & ALLOWED_BEFORE_HELO) == 0 && !client->session.facts.has_helo)
        client_error(client, 503, "5.5.1", "say HELO or EHLO first");
    else if ((row->flags & ALLOWED_WITHIN_MAIL) == 0 && within_mail)
        client_error(client, 503, "5.5.1", "not within a mail transaction");
    else if ((row->flags & NEEDS_MAIL) != 0 && !within_mail)
        client_error(client, 503, "5.5.1", "say MAIL first");
    else if ((row->flags & TAKES_NO_ARGUMENT) != 0 && command->argument.length > 0)
        client_error(client, 501, "5.5.4", "this command takes no argument");
    else
        return true;
    return false;
}

/* RFC 5321 4.2.4: 502 for what the protocol knows and this server does not do, 500 for what nobody knows. */
static void refuse_unknown(struct client *client, struct slice verb)
{
    static const char *const known[] = { "ETRN", "EXPN", "SAML", "SEND", "SOML", "TURN", NULL };
    for (size_t i = 0; known[i] != NULL; i++)
        if (slice_equal_nocase(verb, slice_of_string(known[i]))) {
            client_error(client, 502, "5.5.1", "command not implemented");
            return;
        }
    client_error(client, 500, "5.5.2", "command not recognised");
}

/*
 * RFC 2920 3.1: DATA ends a group, its reply is waited for. A client that does not wait and is refused goes on with a
 * message, whose lines, written by who knows whom, would be taken for commands.
 */
static void close_behind_refused_data(struct client *client)
{
    if (client->state != CLIENT_COMMAND || !client->more_input)
        return;
    client_say(client, 421, "4.5.0", "more was sent behind DATA before its reply, closing");
    client_close(client, "more was sent behind a refused DATA");
}

static void run_row(struct client *client, const struct command *command)
{
    const struct command_row *row = find_row(command->verb);
    if (row == NULL)
        bug("a verb without a row");
    if (is_allowed(client, row, command))
        row->run(client, command);
}

/* What it was. */
static enum command_verb run_line(struct client *client, struct slice line)
{
    struct command command;
    const char *enhanced = "5.5.4", *problem = "syntax error";
    if (++client->commands > client_config(client)->limits.commands) {
        client_say(client, 421, "4.7.0", "enough commands for one session, connect again (limit commands)");
        client_close(client, "limit commands");
        return COMMAND_UNKNOWN;
    }
    switch (command_parse(line, &command, &enhanced, &problem)) {
    case COMMAND_UNRECOGNISED:
        if (command_may_be_chunk(line)) {
            refuse_chunk_of_unknown_size(client, "5.5.2", "between BDAT and the size of its chunk a blank must stand");
            break;
        }
        refuse_unknown(client, command.verb_text);
        break;
    case COMMAND_SYNTAX:
        if (command.verb == COMMAND_BDAT) {
            refuse_chunk_of_unknown_size(client, enhanced, problem);
            break;
        }
        if (command.verb == COMMAND_XCLIENT) {
            client_refuse_xclient(client, problem);
            break;
        }
        client_error(client, 501, enhanced, problem);
        break;
    case COMMAND_OK:
        run_row(client, &command);
        break;
    }
    return command.verb;
}

void client_run_command(struct client *client, struct slice line)
{
    if (run_line(client, line) == COMMAND_DATA)
        close_behind_refused_data(client);
}

void client_finish_command(struct client *client)
{
    find_row(client->waiting_for)->finish(client);
}
