/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_auth.c: AUTH (RFC 4954) between the client and the backend. The command's line is held until the backend is
 * there and knows the client; from then on each line goes through. What is ours: whether AUTH is offered, the form of
 * what the client says, the limits, and the name that it shows. Whether it is let in is the backend's word. All that
 * may hold a password is in one piece of memory, which is wiped when the exchange is over.
 */
#include "proxy/client_private.h"

#include <stdlib.h>

#include "proxy/auth_exchange.h"
#include "proxy/clock.h"
#include "proxy/limits.h"
#include "proxy/log.h"
#include "proxy/stream.h"
#include "proxy/worker.h"

struct client_auth {
    struct auth_exchange exchange;
    int64_t began;                     /* monotonic microseconds */
    bool cancelled;                    /* by the client, or by us: what the backend says then is no failed password */
    struct envelope_problem refusal;   /* ours, said when the backend has heard that it is over; code 0: none */
    size_t size;                       /* of all this */
    bool said;                         /* the command, to the backend */
    size_t length;
    char line[];                       /* the command, until it is answered */
};

static void client_auth_free(struct client *client)
{
    struct client_auth *auth = client->auth;

    if (auth == NULL)
        return;
    explicit_bzero(auth, auth->size);
    free(auth);
    client->auth = NULL;
}

int64_t client_auth_left(const struct client *client)
{
    int64_t most = (int64_t)client_config(client)->limits.authentication;
    int64_t left = client->auth == NULL ? most : most - (clock_monotonic() - client->auth->began) / 1000;

    return left > 0 ? left : 1;
}

/* ---- the limit */

static uint64_t now(void)
{
    return (uint64_t)(clock_monotonic() / 1000);
}

static void log_auth(const struct client *client, const char *event, const char *mechanism, const char *reply)
{
    char address[ADDRESS_TEXT];
    struct arena *arena = arena_new();
    struct slice text = address_print(&client->session.facts.client_address, address);

    log_event(LOG_LEVEL_WARNING, event, "client", arena_string(arena, text), "listener",
              arena_string(arena, client->session.facts.listener), "mechanism", mechanism, "reply", reply, NULL);
    arena_free(&arena);
}

/* RFC 4954 6: 454 asks nobody for another password. The backend is not asked: what it would say cannot be tried out. */
static bool is_over_limit(struct client *client, const char *mechanism)
{
    struct worker *worker = client->session.worker;
    uint64_t most = client_config(client)->limits.auth_failures;

    if (most == 0 ||
        limits_auth_failures(worker->status, worker->slot, &client->session.facts.client_address, now()) < most)
        return false;
    status_add(worker->column, STATUS_AUTH_LIMITED, 1);
    log_auth(client, "auth-limited", mechanism, "454 4.7.0");
    client_error(client, 454, "4.7.0",
                 "too many failed authentications from your network, try again later (limit auth-failures)");
    return true;
}

/* `reply`: to be logged. */
static void note_failure(struct client *client, const char *reply)
{
    struct worker *worker = client->session.worker;
    struct arena *arena = arena_new();
    struct slice mechanism = slice_of(client->auth->exchange.mechanism, client->auth->exchange.mechanism_length);

    status_add(worker->column, STATUS_AUTH_FAILURES, 1);
    limits_note_auth_failure(worker->status, worker->slot, &client->session.facts.client_address, now());
    /* Without the name: what is typed there by mistake is often the password. */
    log_auth(client, "auth-failed", arena_string(arena, mechanism), reply);
    arena_free(&arena);
}

/* Without the reply's text: a backend may quote in it what it was told. */
static void note_refusal(struct client *client, const struct reply *reply)
{
    struct arena *arena = arena_new();

    note_failure(client, arena_printf(arena, "%u %.*s", reply->code, SLICE_ARG(reply_enhanced(reply))).text);
    arena_free(&arena);
}

/* Who leaves where it is told already that the token is wrong has tried one. */
void client_auth_abandon(struct client *client)
{
    if (client->auth != NULL && client->auth->said && auth_exchange_may_have_failed(&client->auth->exchange))
        note_failure(client, "none: the client left");
    client_auth_free(client);
}

/* ---- the end of an exchange */

static struct slice name_of(const struct client *client, const struct auth_name *name)
{
    return name->length == 0 ? SLICE_NONE : arena_copy(client->arena, slice_of(name->text, name->length));
}

static void note_success(struct client *client)
{
    const struct auth_exchange *exchange = &client->auth->exchange;
    struct facts *facts = &client->session.facts;

    facts->authenticated = true;
    facts->auth_mechanism =
        arena_copy(client->arena, slice_of(exchange->mechanism, exchange->mechanism_length));
    facts->auth_user = name_of(client, &exchange->user);
    facts->auth_identity = name_of(client, &exchange->identity);
    transaction_session_changed(client->transaction);
    status_add(client->session.worker->column, STATUS_AUTHENTICATED, 1);
}

/*
 * RFC 4954 4: "*" is answered by a refusal. A backend that has it otherwise goes on with what the client takes for
 * over, and would take its next words for the rest of it.
 */
static bool is_no_end(const struct client *client, const struct reply *reply)
{
    return client->auth->cancelled && reply->code < 400;
}

/* The backend's refusal of what was given; of what was cancelled only where that may have been known before. */
static bool is_failure(const struct client *client, const struct reply *reply)
{
    const struct client_auth *auth = client->auth;

    return auth->said && reply_is_permanent(reply) &&
           (!auth->cancelled || auth_exchange_may_have_failed(&auth->exchange));
}

static void end_exchange(struct client *client, const struct reply *reply)
{
    struct envelope_problem refusal = client->auth->refusal;
    bool closing = reply->code == 421;

    if (is_no_end(client, reply)) {
        transaction_release_backend(client->transaction);
        if (refusal.code == 0)
            refusal = (struct envelope_problem){ 501, "5.7.0", "authentication cancelled" };
    } else if (reply->code == 235) {
        note_success(client);
    } else if (is_failure(client, reply)) {
        note_refusal(client, reply);
    }
    client_auth_free(client);
    if (refusal.code != 0 && !closing) {
        client_error(client, refusal.code, refusal.enhanced, refusal.text);
        return;
    }
    client_reply(client, reply);
    if (closing)
        client_close(client, NULL);
    else if (reply_is_permanent(reply))
        client_count_error(client);
}

/* ---- its lines */

static void wait_for_reply(struct client *client)
{
    client->waiting_for = COMMAND_AUTH;
    client_enter(client, CLIENT_WAIT);
}

static void say(struct client *client, struct slice line)
{
    transaction_auth_response(client->transaction, line);
    wait_for_reply(client);
}

/* RFC 4954 4: the backend has to hear that the exchange is over. */
static void cancel(struct client *client, struct envelope_problem refusal)
{
    client->auth->cancelled = true;
    client->auth->refusal = refusal;
    say(client, SLICE("*"));
}

void client_auth_response(struct client *client, struct slice line)
{
    if (slice_equal(line, SLICE("*"))) {
        cancel(client, (struct envelope_problem){ 0 });
    } else if (!auth_is_base64(line)) {
        cancel(client, (struct envelope_problem){ 501, "5.5.2", "this is not base64 (RFC 4954 4)" });
    } else {
        auth_exchange_note(&client->auth->exchange, line);
        say(client, line);
    }
}

void client_auth_too_long(struct client *client)
{
    cancel(client, (struct envelope_problem){ 500, "5.5.6", "this line of AUTH is too long" });
}

static void begin(struct client *client, const struct auth_command *command, struct slice argument)
{
    struct slice verb = SLICE("AUTH ");
    size_t size = sizeof *client->auth + verb.length + argument.length;
    struct client_auth *auth = memory_zeroed(1, size);

    client->auth = auth;
    auth->size = size;
    auth->began = clock_monotonic();
    auth_exchange_begin(&auth->exchange, command->mechanism);
    if (command->initial.text != NULL)
        auth_exchange_note(&auth->exchange, command->initial);
    memcpy(auth->line, verb.text, verb.length);
    memcpy(auth->line + verb.length, argument.text, argument.length);
    auth->length = verb.length + argument.length;
}

static void say_command(struct client *client)
{
    struct client_auth *auth = client->auth;

    auth->said = true;
    transaction_auth_command(client_transaction(client), slice_of(auth->line, auth->length));
    wait_for_reply(client);
}

void client_finish_auth(struct client *client)
{
    const struct reply *reply = transaction_reply(client->transaction);
    struct client_auth *auth = client->auth;

    /* What was waited for was the client's name. */
    if (!auth->said && reply->code == 0) {
        say_command(client);
        return;
    }
    explicit_bzero(auth->line, auth->length);
    if (auth->said && reply->code == 334 && !auth->cancelled) {
        client_reply(client, reply);
        client_enter(client, CLIENT_AUTH);
    } else {
        end_exchange(client, reply);
    }
}

/* ---- the command */

static bool is_offered(const struct client *client, struct slice mechanism)
{
    struct backend_offer offer;

    return client_backend_offer(client, &offer) &&
           auth_mechanism_is_among(mechanism, slice_of_string(offer.mechanisms));
}

/* Code 0: it may begin. */
static struct envelope_problem find_refusal(const struct client *client, struct slice argument,
                                            struct auth_command *command_out)
{
    const struct facts *facts = &client->session.facts;

    if (!facts->submission)
        return (struct envelope_problem){ 503, "5.5.1", "AUTH is not offered here" };
    if (!facts->tls)
        return (struct envelope_problem){ 538, "5.7.11", "AUTH needs encryption, say STARTTLS first" };
    if (facts->authenticated)
        return (struct envelope_problem){ 503, "5.5.1", "you are authenticated already" };
    if (!auth_command_read(argument, command_out))
        return (struct envelope_problem){ 501, "5.5.4", "AUTH takes a mechanism, and may have an initial response" };
    if (!is_offered(client, command_out->mechanism))
        return (struct envelope_problem){ 504, "5.5.4", "this mechanism is not offered here" };
    if (command_out->initial.text != NULL && !auth_is_initial(command_out->initial))
        return (struct envelope_problem){ 501, "5.5.2", "the initial response is not base64 (RFC 4954 4)" };
    return (struct envelope_problem){ 0 };
}

void client_run_auth(struct client *client, const struct command *command)
{
    struct auth_command said;
    struct envelope_problem refusal = find_refusal(client, command->argument, &said);

    if (refusal.code != 0) {
        client_error(client, refusal.code, refusal.enhanced, refusal.text);
        return;
    }
    begin(client, &said, command->argument);
    char mechanism[AUTH_MECHANISM_MOST + 1] = "";
    memcpy(mechanism, client->auth->exchange.mechanism, client->auth->exchange.mechanism_length);
    if (is_over_limit(client, mechanism)) {
        client_auth_free(client);
        return;
    }
    /* Also where there is a backend: when it is lost just now another has to be told who the client is. */
    transaction_judge_session(client_transaction(client), STAGE_HELO);
    wait_for_reply(client);
}
