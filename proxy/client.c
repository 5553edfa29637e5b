/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.c: state machine of one SMTP client (RFC 5321): its beginning to the banner, its time, its end. Callbacks note
 * what happened and call client_advance(); they do nothing else. It cannot be re-entered, it is bounded, and
 * client_settle() behind it is the only place where a client is freed or its timer is set. What a client says is
 * client_input.c's.
 */
#include "proxy/client_private.h"

#include <event2/event.h>
#include <stdlib.h>

#include "proxy/auth_exchange.h"
#include "proxy/clock.h"
#include "proxy/framing.h"
#include "proxy/limits.h"
#include "proxy/log.h"
#include "proxy/stream.h"
#include "proxy/worker.h"

/* More steps than this in one turn: the rest of a long pipeline waits for the next turn, so that others get theirs. */
#define CLIENT_MAX_STEPS 64
/* Seconds for the last reply to leave before the connection is cut. */
#define CLIENT_LINGER 5
/* TLS handshakes, and headers of the PROXY protocol, are a matter of seconds; not in RFC 5321. */
#define CLIENT_HANDSHAKE_MILLISECONDS 30000
/* For bytes that the kernel has already to be read: the next turn of the loop does it. */
#define CLIENT_SILENCE_MILLISECONDS 1000

static void client_advance(struct client *client);

const struct config *client_config(const struct client *client)
{
    return client->session.worker->generation->config;
}

bool client_backend_offer(const struct client *client, struct backend_offer *offer_out)
{
    const struct generation *generation = client->session.worker->generation;

    return backend_choice_offer(generation_backends(generation, client->session.facts.submission), offer_out);
}

/* Replies */

void client_reply(struct client *client, const struct reply *reply)
{
    struct arena *arena = arena_new();
    stream_write(client->stream, reply_print(arena, reply));
    arena_free(&arena);
    unsigned delay = limits_delay(client->session.worker->status, &client->session.facts.client_address,
                                  (uint64_t)(clock_monotonic() / 1000));
    if (delay > 0)
        client->paused_until = clock_monotonic() + (int64_t)delay * 1000;
}

void client_say(struct client *client, unsigned code, const char *enhanced, const char *text)
{
    struct arena *arena = arena_new();
    struct reply reply = reply_make(arena, code, enhanced, "%s", text);
    client_reply(client, &reply);
    arena_free(&arena);
}

bool client_count_error(struct client *client)
{
    client->errors++;
    if (client->errors < client_config(client)->limits.errors)
        return false;
    client_say(client, 421, "4.7.0", "too many errors, closing (limit errors)");
    client_close(client, "too many errors");
    return true;
}

void client_error(struct client *client, unsigned code, const char *enhanced, const char *text)
{
    if (!client_count_error(client))
        client_say(client, code, enhanced, text);
}

/* States */

void client_enter(struct client *client, enum client_state state)
{
    client->state = state;
    client->timed_out = false;
    client->progress = true;
    if (state == CLIENT_COMMAND)
        client->waiting_since = clock_monotonic();
}

void client_close(struct client *client, const char *reason)
{
    client_end_transaction(client, reason);
    client_enter(client, CLIENT_CLOSED);
}

static void transaction_changed(void *context)
{
    client_advance(context);
}

struct transaction *client_transaction(struct client *client)
{
    if (client->transaction == NULL)
        client->transaction = transaction_new(&client->session, transaction_changed, client);
    return client->transaction;
}

void client_end_transaction(struct client *client, const char *reason)
{
    transaction_end(&client->transaction, reason);
}

bool client_has_left(struct client *client)
{
    enum stream_state state = stream_state(client->stream);
    if (state == STREAM_BROKEN)
        return true;
    return state == STREAM_ENDED && stream_input_length(client->stream) == 0;
}

enum progress client_leave(struct client *client, const char *reason)
{
    client_close(client, reason);
    return PROGRESS_AGAIN;
}

static void note_tls(struct client *client)
{
    struct facts *facts = &client->session.facts;
    stream_tls_facts(client->stream, client->arena, facts);
    facts->tls_implicit = client->tls == LISTENER_TLS_IMPLICIT;
    facts->has_helo = false;           /* RFC 3207 4.2: all that was said before is forgotten */
    facts->helo = SLICE_NONE;
    client->helo_told = false;
    status_add(client->session.worker->column, STATUS_TLS_SESSIONS, 1);
}

static enum progress advance_handshake(struct client *client)
{
    if (client->tls_wanted) {
        client->tls_wanted = false;
        size_t discarded = 0;
        const struct generation *generation = client->session.worker->generation;
        const struct tls_authorities *authorities = generation_authorities(generation, client->session.facts.listener);
        enum stream_before_tls before =
            client->tls == LISTENER_TLS_IMPLICIT ? STREAM_INPUT_IS_TLS : STREAM_INPUT_IS_CLEAR;
        /* A reload may have taken TLS away since this session came. */
        if (generation->tls == NULL ||
            !stream_start_tls_server(client->stream, generation->tls, authorities, before, &discarded))
            return client_leave(client, "TLS cannot be begun");
        if (discarded > 0)
            log_event(LOG_LEVEL_WARNING, "starttls-injection", "bytes-discarded", log_number((long long)discarded),
                      NULL);
    }
    switch (stream_state(client->stream)) {
    case STREAM_CONNECTING:
    case STREAM_HANDSHAKE:
        if (!client->timed_out)
            return PROGRESS_WAIT;
        break;
    case STREAM_OPEN:
        note_tls(client);
        client_enter(client, client->greeted ? CLIENT_COMMAND : CLIENT_SILENCE);
        return PROGRESS_AGAIN;
    case STREAM_ENDED:
    case STREAM_BROKEN:
        break;
    }
    status_add(client->session.worker->column, STATUS_TLS_FAILURES, 1);
    return client_leave(client, "TLS handshake failed");
}

/* RFC 5321 3.1 and 4.2.4: at the banner a permanent refusal is 554, a temporary one 421. */
static void refuse_at_banner(struct client *client, const struct reply *reply)
{
    struct reply banner = *reply;
    banner.code = reply_is_permanent(reply) ? 554 : 421;
    client_reply(client, &banner);
    client_close(client, NULL);
}

static enum progress send_banner(struct client *client)
{
    struct backend_offer offer;
    enum foreign foreign = client->greeted ? FOREIGN_NONE : client_foreign_input(client);
    if (foreign != FOREIGN_NONE)
        return client_refuse_foreign(client, foreign);
    struct arena *arena = arena_new();
    const char *hostname = client_config(client)->hostname;
    client->greeted = true;
    struct reply reply;
    bool ready = client_backend_offer(client, &offer);
    if (ready)
        reply = reply_make(arena, 220, "", "%s ESMTP mxward", hostname);
    else
        reply = reply_make(arena, 421, "4.3.2", "%s is not ready for mail, try again later", hostname);
    client_reply(client, &reply);
    arena_free(&arena);
    if (ready)
        client_enter(client, CLIENT_COMMAND);
    else
        client_close(client, "not ready");
    return PROGRESS_AGAIN;
}

static enum progress advance_connect(struct client *client)
{
    if (client_has_left(client))
        return client_leave(client, "client closed before the banner");
    bool begun = client->transaction != NULL;
    /* What was begun is finished: a reload may have taken the stage away since. */
    if (!begun && !client->session.worker->generation->has_stage[STAGE_CONNECT])
        return send_banner(client);
    struct transaction *transaction = client_transaction(client);
    if (!begun)
        transaction_judge_session(transaction, STAGE_CONNECT);
    if (client->timed_out)
        transaction_give_up(transaction, "judging the connection took too long");
    if (transaction_state(transaction) == TRANSACTION_BUSY)
        return PROGRESS_WAIT;
    const struct reply *reply = transaction_reply(transaction);
    if (reply->code == 0)
        return send_banner(client);
    refuse_at_banner(client, reply);
    return PROGRESS_AGAIN;
}

static enum progress advance_closed(struct client *client)
{
    (void)client;
    return PROGRESS_WAIT;
}

/* One row a state: name for logs, what advances it. Times are client_patience()'s, which knows the settings. */
static const struct client_state_info {
    const char *name;
    enum progress (*advance)(struct client *client);
} states[CLIENT_STATES] = {
    [CLIENT_PROXY_HEADER] = { "proxy-header", client_advance_proxy_header },
    [CLIENT_HANDSHAKE] = { "handshake", advance_handshake },
    [CLIENT_SILENCE] = { "silence", client_advance_silence },
    [CLIENT_CONNECT] = { "connect", advance_connect },
    [CLIENT_COMMAND] = { "command", client_advance_command },
    [CLIENT_WAIT] = { "wait", client_advance_wait },
    [CLIENT_AUTH] = { "auth", client_advance_auth },
    [CLIENT_DATA] = { "data", client_advance_data },
    [CLIENT_CHUNK] = { "chunk", client_advance_chunk },
    [CLIENT_VERDICT] = { "verdict", client_advance_wait },
    [CLIENT_CLOSED] = { "closed", advance_closed },
};

/* Milliseconds that a state may last without progress. */
static int64_t client_patience(const struct client *client)
{
    const struct config_limits *limits = &client_config(client)->limits;
    switch (client->state) {
    case CLIENT_PROXY_HEADER:
    case CLIENT_HANDSHAKE:
        return CLIENT_HANDSHAKE_MILLISECONDS;
    case CLIENT_SILENCE:
        return client->banner_delay > 0 ? client->banner_delay : CLIENT_SILENCE_MILLISECONDS;
    case CLIENT_COMMAND:
        return (int64_t)limits->command;
    case CLIENT_DATA:
    case CLIENT_CHUNK:
        return (int64_t)limits->data_block;
    case CLIENT_AUTH:
        return client_auth_left(client);
    case CLIENT_WAIT:
        return client->auth != NULL ? client_auth_left(client) : (int64_t)limits->delivery;
    case CLIENT_CONNECT:
    case CLIENT_VERDICT:
        return (int64_t)limits->delivery;
    case CLIENT_CLOSED:
        return 0;
    }
    bug("client_state");
}

/* Milliseconds of the slow lane still to go. */
static int64_t pause_left(const struct client *client)
{
    int64_t left = client->paused_until - clock_monotonic();
    return client->state != CLIENT_COMMAND || left <= 0 ? 0 : left / 1000 + 1;
}

/* Idle sessions */

static void leave_idle(struct client *client)
{
    struct worker *worker = client->session.worker;
    if (!client->idle)
        return;
    *(client->idle_older != NULL ? &client->idle_older->idle_newer : &worker->idle_oldest) = client->idle_newer;
    *(client->idle_newer != NULL ? &client->idle_newer->idle_older : &worker->idle_newest) = client->idle_older;
    client->idle_older = client->idle_newer = NULL;
    client->idle = false;
}

static void enter_idle(struct client *client)
{
    struct worker *worker = client->session.worker;
    client->idle = true;
    client->idle_older = worker->idle_newest;
    *(worker->idle_newest != NULL ? &worker->idle_newest->idle_newer : &worker->idle_oldest) = client;
    worker->idle_newest = client;
}

/*
 * Bytes of a command that is not whole are no command: who sends one a second is idle as well. Who is in the slow lane
 * waits for us.
 */
static bool is_idle(const struct client *client)
{
    return client->state == CLIENT_COMMAND && pause_left(client) == 0 &&
           (client->transaction == NULL || !transaction_has_mail(client->transaction));
}

/* The list is in the order of the last commands: a newer one goes to its end. */
static void note_idle(struct client *client)
{
    bool idle = is_idle(client);
    struct client *older = client->idle_older, *newer = client->idle_newer;
    if (idle && client->idle && (newer == NULL || client->waiting_since <= newer->waiting_since) &&
        (older == NULL || client->waiting_since >= older->waiting_since))
        return;
    leave_idle(client);
    if (idle)
        enter_idle(client);
}

static void client_free(struct client *client)
{
    struct worker *worker = client->session.worker;
    leave_idle(client);
    client_end_transaction(client, "client closed the connection");
    client_auth_abandon(client);
    backend_close(&client->session.backend);
    if (client->next != NULL)
        client->next->previous = client->previous;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        worker->clients = client->next;
    if (client->stream != NULL)
        stream_close_gracefully(&client->stream, CLIENT_LINGER);
    event_free(client->timer);
    if (!client->uncounted)
        limits_leave(worker->status, worker->slot, &client->session.facts.client_address,
                     (uint64_t)(clock_monotonic() / 1000));
    status_add(worker->column, STATUS_SESSIONS, -1);
    arena_free(&client->arena);
    free(client);
    if (worker->draining && worker->clients == NULL)
        event_base_loopbreak(worker->base);
}

/* Sets the timer's purpose; milliseconds until it is to fire. */
static int64_t choose_timer(struct client *client)
{
    int64_t pause = pause_left(client), patience = client_patience(client);
    int64_t hold = (int64_t)client_config(client)->limits.backend_hold;
    if (pause > 0) {
        client->timer_purpose = TIMER_PAUSE;
        return pause;
    }
    if (client->state == CLIENT_COMMAND && client->session.backend != NULL && !client->session.facts.authenticated &&
        hold < patience) {
        client->timer_purpose = TIMER_HOLD;
        return hold;
    }
    client->timer_purpose = TIMER_PATIENCE;
    return patience;
}

/* The mail server's sessions are few: a client that says nothing keeps none. Its transaction is sent again when it goes
 * on. */
static void let_backend_go(struct client *client)
{
    if (client->transaction != NULL)
        transaction_release_backend(client->transaction);
    else
        backend_close(&client->session.backend);
}

/* Frees a closed client, else arms the timer of its state. */
static void client_settle(struct client *client, bool again)
{
    if (client->state == CLIENT_CLOSED) {
        client_free(client);
        return;
    }
    note_idle(client);
    if (again) {
        struct timeval now = { 0, 0 };
        evtimer_add(client->timer, &now);
        client->timer_state = CLIENT_CLOSED;       /* fires at once, and is no time-out */
        return;
    }
    if (!client->progress && client->timer_state == client->state && evtimer_pending(client->timer, NULL))
        return;
    client->progress = false;
    client->timer_state = client->state;
    int64_t patience = choose_timer(client);
    struct timeval time = { .tv_sec = (time_t)(patience / 1000), .tv_usec = (suseconds_t)(patience % 1000 * 1000) };
    evtimer_add(client->timer, &time);
}

static void client_advance(struct client *client)
{
    if (client->advancing)
        return;
    client->advancing = true;
    enum progress progress = PROGRESS_AGAIN;
    for (int steps = 0; steps < CLIENT_MAX_STEPS && progress == PROGRESS_AGAIN && client->state != CLIENT_CLOSED;
         steps++)
        progress = states[client->state].advance(client);
    client->advancing = false;
    client_settle(client, progress == PROGRESS_AGAIN);
}

static void stream_changed(void *context)
{
    client_advance(context);
}

static void timer_fired(evutil_socket_t unused, short events, void *context)
{
    struct client *client = context;
    (void)unused;
    (void)events;
    bool of_state = client->timer_state == client->state;
    client->timed_out = of_state && client->timer_purpose == TIMER_PATIENCE;
    if (of_state && client->timer_purpose == TIMER_HOLD)
        let_backend_go(client);
    client->progress = client->progress || client->timer_purpose != TIMER_PATIENCE;
    client_advance(client);
}

static void begin_session(struct client *client, const struct config_listener *listener)
{
    struct worker *worker = client->session.worker;
    client->session.facts.listener = arena_copy(client->arena, listener->text);
    client->session.facts.submission = listener->submission;
    client->session.normalise = listener->normalise;
    if (listener->submission)
        stream_keep_secret(client->stream);
    client->tls = listener->tls;
    status_add(worker->column, STATUS_SESSIONS, 1);
    status_add(worker->column, STATUS_SESSIONS_TOTAL, 1);
    client->banner_delay = (int64_t)listener->banner_delay;
    client_enter(client, CLIENT_SILENCE);
    if (listener->tls == LISTENER_TLS_IMPLICIT) {
        client->tls_wanted = true;
        client_enter(client, CLIENT_HANDSHAKE);
    }
    if (listener->proxy_protocol.count > 0)
        client_enter(client, CLIENT_PROXY_HEADER);
}

void client_new(struct worker *worker, const struct config_listener *listener, int descriptor,
                const struct address *client_address, uint16_t client_port, const struct address *local_address,
                uint16_t local_port)
{
    struct client *client = memory_zeroed(1, sizeof *client);
    client->arena = arena_new();
    client->session = (struct session){ .worker = worker, .arena = client->arena, .accepted_at = clock_monotonic() };
    client->session.facts.client_address = *client_address;
    client->session.facts.client_port = client_port;
    client->session.facts.local_address = *local_address;
    client->session.facts.local_port = local_port;
    client->stream = stream_accept(worker->base, descriptor, stream_changed, client);
    client->timer = evtimer_new(worker->base, timer_fired, client);
    if (client->timer == NULL)
        bug("evtimer_new");
    client->next = worker->clients;
    if (client->next != NULL)
        client->next->previous = client;
    worker->clients = client;
    begin_session(client, listener);
    client_advance(client);
}

void client_drain(struct client *client)
{
    client->draining = true;
    client_advance(client);
}

/* What connect and helo found is found again: a judgement is of all that is known (P3). */
void client_leave_generation(struct client *client, bool mail)
{
    struct transaction *transaction = client->transaction;
    if (client->state != CLIENT_COMMAND || transaction == NULL ||
        transaction_generation(transaction) == client->session.worker->generation)
        return;
    if (!transaction_has_mail(transaction)) {
        client_end_transaction(client, "reload");
    } else if (mail) {
        client->outdated = true;
        client_advance(client);
    }
}

bool client_make_room(struct worker *worker)
{
    struct client *oldest = worker->idle_oldest;
    if (oldest == NULL || clock_monotonic() - oldest->waiting_since < CLIENT_IDLE_LEAST)
        return false;
    client_say(oldest, 421, "4.3.2", "too many sessions, and this one was idle longest; closing (limit sessions)");
    status_add(worker->column, STATUS_SESSIONS_CLOSED, 1);
    client_close(oldest, "idle longest when the limit of sessions was reached");
    client_free(oldest);
    return true;
}

struct client *client_next(const struct client *client)
{
    return client->next;
}

void client_abandon(struct client *client)
{
    client_close(client, "shutting down");
    client_free(client);
}
