/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_backend_pool.c: the pool of sessions and the probe, with a scripted backend (backend_script.h): when there is
 * an offer and when not, the bound on sessions, spares and their replacement.
 */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/backend_private.h"
#include "tests/unit/backend_script.h"

#define XCLIENT_GREET GREET "> 250-backend\n> 250-SIZE 1000\n" XCLIENT_ALL
#define STRANGER XCLIENT_GREET \
    "< XCLIENT DESTADDR=127.0.0.1 DESTPORT=25 PORT=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] " \
    "PROTO=ESMTP HELO=mx.example.org NAME=[UNAVAILABLE] ADDR=192.0.2.1\n" \
    "> 220 backend ESMTP\n< EHLO mx.example.org\n> 250 backend\n"
#define NULL_SENDER "< MAIL FROM:<>\n"
#define BYE "< QUIT\n> 221 bye\nclose\n"
#define FIT STRANGER NULL_SENDER "> 250 ok\n< RCPT\n> 554 5.7.1 no\n< RCPT\n> 554 5.7.1 no\n" BYE
#define CLIENT_SCRIPT XCLIENT_GREET \
    "< XCLIENT \n> 220 backend ESMTP\n< EHLO helo.example.net\n> 250 backend\n< RSET\n> 250 reset\n" BYE

/* ---- the probe */

static const struct probe_row {
    const char *name;
    bool xclient;
    bool anyone;
    const char *script;
    enum backend_probe result;
    const char *problem;
} probe_rows[] = {
    { "refused", true, false, FIT, BACKEND_PROBE_FIT, "" },
    { "refused for a while", true, false, STRANGER NULL_SENDER "> 250 ok\n< RCPT\n> 454 4.7.1 no\n< RCPT\n> 454 no\n"
      BYE, BACKEND_PROBE_FIT, "" },
    { "sender refused", true, false, STRANGER NULL_SENDER "> 554 no\n< RCPT\n> 503 no\n< RCPT\n> 503 no\n" BYE,
      BACKEND_PROBE_FIT, "" },
    { "one of two is its own", true, false, STRANGER NULL_SENDER "> 250 ok\n< RCPT\n> 250 ok\n< RCPT\n> 550 no\n" BYE,
      BACKEND_PROBE_FIT, "" },
    { "relays", true, false, STRANGER NULL_SENDER
      "> 250 ok\n< RCPT\n> 250 ok\n< RCPT\n> 250 2.1.5 ok\n< QUIT\n> 221 bye\nclose\n", BACKEND_PROBE_RELAYS,
          "it relays for strangers: for the client 192.0.2.1" },
    { "relays, and may", true, true, STRANGER "< RSET\n> 250 ok\n" BYE, BACKEND_PROBE_FIT, "" },
    { "relays for us", false, false, GREET "> 250 b\n" NULL_SENDER "> 250 ok\n< RCPT\n> 250 ok\n< RCPT\n> 250 ok\n" BYE,
      BACKEND_PROBE_RELAYS, "it relays for strangers: from our own address" },
    { "not for us", false, false, GREET "> 250 b\n" NULL_SENDER "> 250 ok\n< RCPT\n> 550 no\n< RCPT\n> 550 no\n" BYE,
      BACKEND_PROBE_FIT, "" },
    { "own trouble at MAIL", true, false, STRANGER NULL_SENDER "> 452 full\n< RCPT\n> 503 no\n< RCPT\n> 503 no\n" BYE,
      BACKEND_PROBE_BROKEN, "whether it relays" },
    { "own trouble at RCPT", true, false, STRANGER NULL_SENDER "> 250 ok\n< RCPT\n> 451 db\n< RCPT\n> 451 db\n" BYE,
      BACKEND_PROBE_BROKEN, "whether it relays" },
    { "421 at RCPT", true, false, STRANGER NULL_SENDER "> 250 ok\n< RCPT\n> 421 down\nclose\n", BACKEND_PROBE_BROKEN,
      "\"421 down\"" },
    { "no XCLIENT", true, false, GREET "> 250 b\n", BACKEND_PROBE_NO_XCLIENT, "it does not offer XCLIENT" },
    { "no XCLIENT, relays", true, true, GREET "> 250 b\n", BACKEND_PROBE_NO_XCLIENT, "it does not offer XCLIENT" },
    { "XCLIENT 550", true, false, XCLIENT_GREET "< XCLIENT\n> 550 no\n", BACKEND_PROBE_NO_XCLIENT, "\"550 no\"" },
    { "XCLIENT 250", true, false, XCLIENT_GREET "< XCLIENT\n> 250 ok\n", BACKEND_PROBE_NO_XCLIENT, "\"250 ok\"" },
    { "stranger refused at XCLIENT", true, false, XCLIENT_GREET "< XCLIENT\n> 554 5.7.1 go away\n", BACKEND_PROBE_FIT,
      "" },
    { "stranger refused at EHLO", true, false, XCLIENT_GREET "< XCLIENT\n> 220 b\n< EHLO\n> 550 bad name\n" BYE,
      BACKEND_PROBE_FIT, "" },
    { "closed", true, false, "close\n", BACKEND_PROBE_DOWN, "it closed the connection" },
    { "silent", true, false, "", BACKEND_PROBE_DOWN, "timed out after 1 s" },
    { "greeted by 554", true, false, "> 554 no\n", BACKEND_PROBE_DOWN, "\"554 no\"" },
    { "no SMTP", true, false, "> SSH-2.0-x\n", BACKEND_PROBE_BROKEN, "what it sent is no SMTP reply" },
};

START_TEST(test_probe)
{
    const struct probe_row *row = &probe_rows[_i];
    const char *scripts[] = { row->script, NULL };
    struct peer *peer = peer_new(scripts);
    struct backend_settings settings = settings_for(peer, row->xclient);
    struct backend_offer offer;
    struct arena *arena = arena_new();
    struct slice problem;
    enum backend_probe result;

    settings.relays_for_anyone = row->anyone;
    result = backend_probe_run(peer->base, &settings, &offer, arena, &problem);
    ck_assert_msg(result == row->result, "%s: %d: %.*s", row->name, (int)result, SLICE_ARG(problem));
    ck_assert_msg(slice_starts_with(problem, slice_of_string(row->problem)), "%s: %.*s", row->name, SLICE_ARG(problem));
    ck_assert(slice_is_empty(problem) == (result == BACKEND_PROBE_FIT));
    ck_assert_msg(peer->mismatch[0] == '\0', "%s: %s", row->name, peer->mismatch);
    if (result == BACKEND_PROBE_FIT && row->xclient)
        ck_assert(offer.extensions == (BACKEND_SIZE | BACKEND_XCLIENT) && offer.size == 1000);
    arena_free(&arena);
    peer_free(peer);
}
END_TEST

static const char *const no_addresses[] = {
    "", "localhost:25", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:25", "[::1]25", "[::1",
        "unix:", ":25",
    "127.0.0.1:25x", "[127.0.0.1:25",
};

START_TEST(test_no_address)
{
    struct event_base *base = event_base_new();
    struct backend_settings settings = { .address = no_addresses[_i], .hostname = "mx", .sessions_most = 1,
                                         .connect_seconds = 1, .command_seconds = 1 };
    struct backend_offer offer;
    struct arena *arena = arena_new();
    struct slice problem;

    ck_assert_int_eq(backend_probe_run(base, &settings, &offer, arena, &problem), BACKEND_PROBE_DOWN);
    ck_assert_msg(slice_starts_with(problem, SLICE("this is no address")), "%.*s", SLICE_ARG(problem));
    arena_free(&arena);
    event_base_free(base);
}
END_TEST

START_TEST(test_connection_refused)
{
    static const char *const scripts[] = { "", NULL };
    struct peer *peer = peer_new(scripts);
    struct backend_settings settings = settings_for(peer, true);
    char address[128];
    struct event_base *base = event_base_new();
    struct backend_offer offer;
    struct arena *arena = arena_new();
    struct slice problem;

    snprintf(address, sizeof(address), "%s", peer->address);
    settings.address = address;
    peer_free(peer);
    ck_assert_int_eq(backend_probe_run(base, &settings, &offer, arena, &problem), BACKEND_PROBE_DOWN);
    ck_assert_msg(strstr(arena_string(arena, problem), "Connection refused") != NULL, "%.*s", SLICE_ARG(problem));
    arena_free(&arena);
    event_base_free(base);
}
END_TEST

/* ---- the pool */

struct world {
    struct peer *peer;
    struct backend_pool *pool;
};

static void world_begin(struct world *world, const char *const *scripts, unsigned spares, unsigned most)
{
    struct backend_settings settings;

    world->peer = peer_new(scripts);
    settings = settings_for(world->peer, true);
    settings.spares = spares;
    settings.sessions_most = most;
    world->pool = backend_pool_new(world->peer->base, &settings);
}

static void world_end(struct world *world)
{
    ck_assert_msg(world->peer->mismatch[0] == '\0', "%s", world->peer->mismatch);
    backend_pool_free(&world->pool);
    ck_assert_ptr_null(world->pool);
    backend_pool_free(&world->pool);
    peer_free(world->peer);
}

static bool has_offer(const struct world *world)
{
    struct backend_offer offer;

    return backend_pool_offer(world->pool, &offer);
}

static unsigned spares_greeted(const struct world *world)
{
    unsigned spares = 0;

    for (const struct backend_session *session = world->pool->sessions; session != NULL; session = session->next)
        spares += session->role == ROLE_SPARE && session->state == SESSION_SPARE;
    return spares;
}

/* The probe is over and said good bye, and every spare is greeted. */
static bool is_ready(const struct world *world)
{
    return has_offer(world) && spares_greeted(world) == world->pool->settings.spares;
}

static struct backend_session *open_and_reset(struct world *world, struct results *results)
{
    struct backend_client client = a_client();
    struct backend_session *session = backend_open(world->pool, &client);

    *results = (struct results){ .wanted = 1 };
    backend_reset(session, on_result, results);
    return session;
}

START_TEST(test_offer_comes)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, NULL };
    struct world world;

    world_begin(&world, scripts, 0, 4);
    ck_assert(!has_offer(&world));
    ck_assert_str_eq(backend_pool_problem(world.pool), "");
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert(has_offer(&world));
    ck_assert_str_eq(backend_pool_problem(world.pool), "");
    ck_assert_uint_eq(world.peer->connections, 1);
    WAIT_FOR(world.peer->base, backend_pool_sessions(world.pool) == 0);
    world_end(&world);
}
END_TEST

/* Down, then up: asked again after one second, then two. */
START_TEST(test_back_off)
{
    static const char *const scripts[] = { "close\n", "> 421 starting\nclose\n", FIT, NULL };
    struct world world;
    int64_t failed;

    world_begin(&world, scripts, 0, 4);
    WAIT_FOR(world.peer->base, backend_pool_problem(world.pool)[0] != '\0');
    ck_assert_uint_eq(world.peer->connections, 1);
    ck_assert(!has_offer(&world));
    failed = clock_monotonic();
    WAIT_FOR(world.peer->base, strstr(backend_pool_problem(world.pool), "421 starting") != NULL);
    ck_assert_str_eq(backend_pool_problem(world.pool), "\"421 starting\" while waiting for its greeting");
    ck_assert_uint_eq(world.peer->connections, 2);
    ck_assert_int_ge(clock_monotonic() - failed, 950 * 1000);
    failed = clock_monotonic();
    WAIT_FOR(world.peer->base, has_offer(&world));
    ck_assert_uint_eq(world.peer->connections, 3);
    ck_assert_int_ge(clock_monotonic() - failed, 1950 * 1000);
    ck_assert_str_eq(backend_pool_problem(world.pool), "");
    world_end(&world);
}
END_TEST

START_TEST(test_relay_has_no_offer)
{
    static const char *const scripts[] = { STRANGER NULL_SENDER
                                           "> 250 ok\n< RCPT\n> 250 ok\n< RCPT\n> 250 ok\n< QUIT\n> 221 bye\n", "",
                                               NULL };
    struct world world;

    world_begin(&world, scripts, 2, 4);
    WAIT_FOR(world.peer->base, backend_pool_problem(world.pool)[0] != '\0');
    ck_assert(!has_offer(&world));
    ck_assert_ptr_nonnull(strstr(backend_pool_problem(world.pool), "relays"));
    ck_assert_uint_eq(world.peer->connections, 1);
    world_end(&world);
}
END_TEST

/* The backend was reconfigured: no client may pass as us. */
START_TEST(test_xclient_vanishes)
{
    static const char *const scripts[] = { FIT, GREET "> 250 backend\n", FIT, CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 0, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_msg(strncmp(results.text[0], "LOST it does not offer XCLIENT", 30) == 0, "%s", results.text[0]);
    ck_assert(!has_offer(&world));
    backend_close(&session);
    WAIT_FOR(world.peer->base, has_offer(&world));
    world_end(&world);
}
END_TEST

/* One client that the backend refuses at XCLIENT is no reason to send all away. */
START_TEST(test_one_client_refused)
{
    static const char *const scripts[] = { FIT, XCLIENT_GREET "< XCLIENT \n> 501 bad\n", NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 0, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_msg(strncmp(results.text[0], "LOST \"501 bad\"", 14) == 0, "%s", results.text[0]);
    ck_assert(has_offer(&world));
    backend_close(&session);
    world_end(&world);
}
END_TEST

/* ---- health */

/* What becomes of a backend that was fit when a client's session is answered so. */
static const struct failing_row {
    const char *name;
    const char *script;
    const char *result;
    enum backend_health health;
} failing_rows[] = {
    { "closes at once", "close\n", "LOST it closed", BACKEND_DOWN },
    { "421 in its greeting", "> 421 too busy\n", "LOST \"421 too busy\"", BACKEND_DOWN },
    { "refuses our EHLO", GREET "> 550 no\n", "LOST \"550 no\"", BACKEND_DOWN },
    { "is silent", "", "LOST timed out", BACKEND_DOWN },
    { "refuses XCLIENT", XCLIENT_GREET "< XCLIENT\n> 550 no\n", "LOST \"550 no\"", BACKEND_DOWN },
    { "closes at XCLIENT", XCLIENT_GREET "< XCLIENT\nclose\n", "LOST it closed", BACKEND_DOWN },
    /* What a client may have had a part in tells nothing of the backend. */
    { "refuses a value", XCLIENT_GREET "< XCLIENT\n> 501 bad\n", "LOST \"501 bad\"", BACKEND_UP },
    { "refuses the client", XCLIENT_GREET "< XCLIENT\n> 554 no\n", "LOST \"554 no\"", BACKEND_UP },
    { "closes at the client's EHLO", XCLIENT_GREET "< XCLIENT\n> 220 b\n< EHLO\nclose\n", "LOST it closed",
      BACKEND_UP },
    { "closes at a command", XCLIENT_GREET "< XCLIENT\n> 220 b\n< EHLO\n> 250 b\n< RSET\nclose\n", "LOST it closed",
      BACKEND_UP },
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

START_TEST(test_failing)
{
    const struct failing_row *row = &failing_rows[_i];
    const char *scripts[] = { FIT, row->script, FIT, NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 0, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert_int_eq(backend_pool_health(world.pool), BACKEND_UP);
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_msg(starts_with(results.text[0], row->result), "%s: %s", row->name, results.text[0]);
    ck_assert_msg(backend_pool_health(world.pool) == row->health, "%s: %s", row->name,
                  backend_pool_problem(world.pool));
    ck_assert_msg(has_offer(&world), "%s: clients are still promised what it offered", row->name);
    ck_assert((backend_pool_problem(world.pool)[0] == '\0') == (row->health == BACKEND_UP));
    backend_close(&session);
    WAIT_FOR(world.peer->base, backend_pool_health(world.pool) == BACKEND_UP);
    ck_assert_uint_eq(world.peer->connections, row->health == BACKEND_UP ? 2 : 3);
    world_end(&world);
}
END_TEST

/* A session that serves is as good as a probe. */
START_TEST(test_serving_again)
{
    static const char *const scripts[] = { FIT, "close\n", CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 0, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    backend_close(&session);
    ck_assert_int_eq(backend_pool_health(world.pool), BACKEND_DOWN);
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_str_eq(results.text[0], "250 reset");
    ck_assert_int_eq(backend_pool_health(world.pool), BACKEND_UP);
    backend_close(&session);
    world_end(&world);
}
END_TEST

/* ---- ways */

#define HEADER_FOUR "bytes 28\n"
#define LMTP_GREET "> 220 backend LMTP\n< LHLO mx.example.org\n"

static void ask(const struct backend_settings *settings, struct peer *peer, struct results *results)
{
    struct backend_pool *pool = pool_new_private(peer->base, settings);
    struct backend_client client = a_client();
    struct backend_session *session = backend_open(pool, &client);

    *results = (struct results){ .wanted = 1 };
    backend_reset(session, on_result, results);
    loop_until(peer->base, &results->done, 10);
    backend_close(&session);
    loop_until(peer->base, NULL, 0.05);
    ck_assert_msg(peer->mismatch[0] == '\0', "%s", peer->mismatch);
    backend_pool_free(&pool);
}

static const struct way_row {
    const char *name;
    enum backend_protocol protocol;
    enum backend_identity identity;
    enum backend_tls tls;
    const char *script;
    const char *result;
} way_rows[] = {
    { "LMTP", BACKEND_LMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_NONE, LMTP_GREET "> 250 b\n< RSET\n> 250 reset\n",
      "250 reset" },
    { "LMTP, XCLIENT with ADDR alone", BACKEND_LMTP, BACKEND_IDENTITY_XCLIENT, BACKEND_TLS_NONE,
      LMTP_GREET "> 250-b\n> 250 XCLIENT ADDR PORT\n< XCLIENT PORT=4711 ADDR=198.51.100.7\n> 220 b\n"
      "< LHLO helo.example.net\n> 250 b\n< RSET\n> 250 reset\n", "250 reset" },
    { "LMTP, XCLIENT without ADDR", BACKEND_LMTP, BACKEND_IDENTITY_XCLIENT, BACKEND_TLS_NONE,
      LMTP_GREET "> 250-b\n> 250 XCLIENT PORT\n", "LOST it does not offer XCLIENT with ADDR" },
    { "SMTP, XCLIENT with ADDR alone", BACKEND_SMTP, BACKEND_IDENTITY_XCLIENT, BACKEND_TLS_NONE,
      GREET "> 250-b\n> 250 XCLIENT ADDR\n", "LOST it does not offer XCLIENT with NAME and ADDR" },
    { "a header", BACKEND_SMTP, BACKEND_IDENTITY_PROXY, BACKEND_TLS_NONE,
      HEADER_FOUR "> 220 b\n< EHLO helo.example.net\n> 250 b\n< RSET\n> 250 reset\n", "250 reset" },
    { "a header, then refused", BACKEND_SMTP, BACKEND_IDENTITY_PROXY, BACKEND_TLS_NONE,
      HEADER_FOUR "> 554 5.7.1 not you\n< QUIT\n> 221 bye\n", "554 5.7.1 not you" },
    { "a header, then 421", BACKEND_SMTP, BACKEND_IDENTITY_PROXY, BACKEND_TLS_NONE,
      HEADER_FOUR "> 421 too many of you\n", "LOST \"421 too many of you\" while waiting for its greeting" },
    { "a header taken for commands", BACKEND_SMTP, BACKEND_IDENTITY_PROXY, BACKEND_TLS_NONE,
      "> 220 b\n" HEADER_FOUR "> 500 5.5.2 bad syntax\n", "LOST \"500 5.5.2 bad syntax\"" },
    { "and closed then", BACKEND_SMTP, BACKEND_IDENTITY_PROXY, BACKEND_TLS_NONE,
      "> 220 b\n" HEADER_FOUR "> 500 5.5.2 bad syntax\n> 500 5.5.2 bad syntax\n> 221 bye\nclose\n",
      "LOST \"500 5.5.2 bad syntax\"" },
    { "no STARTTLS", BACKEND_SMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_STARTTLS, GREET "> 250 b\n",
      "LOST it does not offer STARTTLS" },
    { "STARTTLS refused", BACKEND_SMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_STARTTLS,
      GREET "> 250-b\n> 250 STARTTLS\n< STARTTLS\n> 454 not now\n", "LOST \"454 not now\"" },
    { "words behind the 220", BACKEND_SMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_STARTTLS,
      GREET "> 250-b\n> 250 STARTTLS\n< STARTTLS\n+ 220 go on|250 evil|\n",
      "LOST words in the clear came behind its reply to STARTTLS" },
    { "half a word behind it", BACKEND_SMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_STARTTLS,
      GREET "> 250-b\n> 250 STARTTLS\n< STARTTLS\n+ 220 go on|2\n",
      "LOST words in the clear came behind its reply to STARTTLS" },
    { "STARTTLS with a header before it", BACKEND_SMTP, BACKEND_IDENTITY_PROXY, BACKEND_TLS_STARTTLS,
      HEADER_FOUR "> 220 b\n< EHLO mx.example.org\n> 250-b\n> 250 STARTTLS\n< STARTTLS\n> 454 not now\n",
      "LOST \"454 not now\"" },
    { "no TLS behind STARTTLS", BACKEND_SMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_STARTTLS,
      GREET "> 250-b\n> 250 STARTTLS\n< STARTTLS\n> 220 go on\nbytes 100\n> 250 this is no TLS\n",
      "LOST TLS handshake: " },
    { "no TLS where it begins with it", BACKEND_SMTP, BACKEND_IDENTITY_NONE, BACKEND_TLS_IMPLICIT,
      "bytes 100\n> 220 backend ESMTP\n", "LOST TLS handshake: " },
};

START_TEST(test_way)
{
    const struct way_row *row = &way_rows[_i];
    const char *scripts[] = { row->script, NULL };
    struct peer *peer = peer_new(scripts);
    struct backend_settings settings = settings_for(peer, false);
    struct arena *arena = arena_new();
    struct slice problem;
    struct results results;

    settings.protocol = row->protocol;
    settings.identity = row->identity;
    settings.tls = row->tls;
    ck_assert(backend_settings_open(&settings, arena, &problem));
    ask(&settings, peer, &results);
    ck_assert_msg(starts_with(results.text[0], row->result), "%s: %s", row->name, results.text[0]);
    ck_assert_uint_eq(peer->connections, 1);
    tls_client_release(&settings.tls_client);
    arena_free(&arena);
    peer_free(peer);
}
END_TEST

/* The header must say who the client is before anything else is said: there is nothing to be prepared. */
START_TEST(test_header_has_no_spares)
{
    static const char *const scripts[] = {
        HEADER_FOUR "> 220 b\n< EHLO mx.example.org\n> 250 b\n" NULL_SENDER
        "> 250 ok\n< RCPT\n> 550 no\n< RCPT\n> 550 no\n" BYE, "", NULL };
    struct peer *peer = peer_new(scripts);
    struct backend_settings settings = settings_for(peer, false);
    struct backend_pool *pool;

    settings.identity = BACKEND_IDENTITY_PROXY;
    settings.spares = 2;
    pool = backend_pool_new(peer->base, &settings);
    WAIT_FOR(peer->base, backend_pool_health(pool) == BACKEND_UP && backend_pool_sessions(pool) == 0);
    loop_until(peer->base, NULL, 0.05);
    ck_assert_uint_eq(peer->connections, 1);
    ck_assert_msg(peer->mismatch[0] == '\0', "%s", peer->mismatch);
    backend_pool_free(&pool);
    peer_free(peer);
}
END_TEST

/* By the header it knows the client from the first: that one it may hang up on. */
START_TEST(test_header_refused_silently)
{
    static const char *const scripts[] = {
        HEADER_FOUR "> 220 b\n< EHLO mx.example.org\n> 250 b\n" NULL_SENDER
        "> 250 ok\n< RCPT\n> 550 no\n< RCPT\n> 550 no\n" BYE, HEADER_FOUR "close\n", NULL };
    struct world world = { .peer = peer_new(scripts) };
    struct backend_settings settings = settings_for(world.peer, false);
    struct backend_session *session;
    struct results results;

    settings.identity = BACKEND_IDENTITY_PROXY;
    world.pool = backend_pool_new(world.peer->base, &settings);
    WAIT_FOR(world.peer->base, backend_pool_health(world.pool) == BACKEND_UP);
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_msg(starts_with(results.text[0], "LOST it closed"), "%s", results.text[0]);
    ck_assert_int_eq(backend_pool_health(world.pool), BACKEND_UP);
    backend_close(&session);
    world_end(&world);
}
END_TEST

START_TEST(test_bound)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results[4];
    struct backend_session *sessions[4];

    world_begin(&world, scripts, 2, 3);
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert_uint_eq(backend_pool_sessions(world.pool), 2);
    for (int i = 0; i < 4; i++)
        sessions[i] = open_and_reset(&world, &results[i]);
    for (int i = 0; i < 4; i++)
        WAIT_FOR(world.peer->base, results[i].done);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(results[i].text[0], "250 reset");
    ck_assert_str_eq(results[3].text[0], "BUSY all of its 3 sessions are in use");
    ck_assert(backend_is_lost(sessions[3]));
    ck_assert_uint_eq(backend_pool_sessions(world.pool), 3);
    /* One goes, one may come; QUIT is waited for before the place is free. */
    backend_close(&sessions[0]);
    backend_close(&sessions[3]);
    sessions[3] = open_and_reset(&world, &results[3]);
    loop_until(world.peer->base, &results[3].done, 10);
    ck_assert_msg(strncmp(results[3].text[0], "BUSY", 4) == 0, "%s", results[3].text[0]);
    backend_close(&sessions[3]);
    WAIT_FOR(world.peer->base, spares_greeted(&world) == 1);
    sessions[3] = open_and_reset(&world, &results[3]);
    loop_until(world.peer->base, &results[3].done, 10);
    ck_assert_str_eq(results[3].text[0], "250 reset");
    ck_assert_uint_le(world.peer->open_most, 3);
    for (int i = 1; i < 4; i++)
        backend_close(&sessions[i]);
    world_end(&world);
}
END_TEST

/* That clients have all of its sessions is no reason to call a backend down; when one goes it is probed. */
START_TEST(test_no_room_for_probe)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, FIT, CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 0, 1);
    WAIT_FOR(world.peer->base, is_ready(&world) && backend_pool_sessions(world.pool) == 0);
    session = open_and_reset(&world, &results);
    WAIT_FOR(world.peer->base, results.done);
    world.pool->ailing = true;
    pool_check(world.pool);
    loop_until(world.peer->base, NULL, 0.1);
    ck_assert_uint_eq(world.peer->connections, 2);
    ck_assert_str_eq(backend_pool_problem(world.pool), "");
    backend_close(&session);
    WAIT_FOR(world.peer->base, backend_pool_health(world.pool) == BACKEND_UP);
    ck_assert_uint_eq(world.peer->connections, 3);
    world_end(&world);
}
END_TEST

/* A place is free again when a session is lost, though its client has not let go of it. */
START_TEST(test_lost_frees_place)
{
    static const char *const scripts[] = { FIT, XCLIENT_GREET "< XCLIENT\nclose\n", CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results[2];
    struct backend_session *sessions[2];

    world_begin(&world, scripts, 0, 1);
    WAIT_FOR(world.peer->base, is_ready(&world));
    /* The probe's good bye is over. */
    WAIT_FOR(world.peer->base, backend_pool_sessions(world.pool) == 0);
    sessions[0] = open_and_reset(&world, &results[0]);
    loop_until(world.peer->base, &results[0].done, 10);
    ck_assert_msg(strncmp(results[0].text[0], "LOST", 4) == 0, "%s", results[0].text[0]);
    sessions[1] = open_and_reset(&world, &results[1]);
    loop_until(world.peer->base, &results[1].done, 10);
    ck_assert_str_eq(results[1].text[0], "250 reset");
    backend_close(&sessions[0]);
    backend_close(&sessions[1]);
    world_end(&world);
}
END_TEST

/* A spare is taken at once, and another is made. */
START_TEST(test_spare_taken)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 1, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert_uint_eq(world.peer->connections, 2);
    session = open_and_reset(&world, &results);
    ck_assert_uint_eq(backend_pool_sessions(world.pool), 1);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_str_eq(results.text[0], "250 reset");
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert_uint_eq(world.peer->connections, 3);
    ck_assert_uint_eq(backend_pool_sessions(world.pool), 2);
    backend_close(&session);
    world_end(&world);
}
END_TEST

/*
 * Spares that are dead, or die of our first word: the client does not notice. The last script serves every later
 * connection.
 */
static const char *const stale_scripts[][5] = {
    { FIT, XCLIENT_GREET "< XCLIENT\nclose\n", CLIENT_SCRIPT, NULL },
    { FIT, XCLIENT_GREET "< XCLIENT\nreset\n", CLIENT_SCRIPT, NULL },
    { FIT, XCLIENT_GREET "< XCLIENT\n> 421 4.4.2 idle\nclose\n", CLIENT_SCRIPT, NULL },
    { FIT, XCLIENT_GREET "< XCLIENT\n> 421 4.4.2 idle\n", CLIENT_SCRIPT, NULL },
};

START_TEST(test_stale_spare)
{
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, stale_scripts[_i], 1, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert_uint_eq(world.peer->connections, 2);
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_str_eq(results.text[0], "250 reset");
    backend_close(&session);
    world_end(&world);
}
END_TEST

/* But only once: what the fresh connection says counts. */
START_TEST(test_stale_twice)
{
    static const char *const scripts[] = { FIT, XCLIENT_GREET "< XCLIENT\n> 421 idle\nclose\n", XCLIENT_GREET
                                           "< XCLIENT\n> 421 down\nclose\n", NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 1, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_str_eq(results.text[0], "LOST \"421 down\" while waiting for the reply to XCLIENT");
    backend_close(&session);
    world_end(&world);
}
END_TEST

/* A backend that drops spares at once is not dialled in a loop; the offer stays. */
START_TEST(test_spares_die)
{
    static const char *const scripts[] = { FIT, XCLIENT_GREET "close\n", NULL };
    struct world world;
    int64_t died;

    world_begin(&world, scripts, 1, 4);
    WAIT_FOR(world.peer->base, world.pool->waiting);
    died = clock_monotonic();
    ck_assert_uint_eq(world.peer->connections, 2);
    ck_assert(has_offer(&world));
    WAIT_FOR(world.peer->base, world.peer->connections == 3 && world.pool->waiting);
    ck_assert_int_ge(clock_monotonic() - died, 950 * 1000);
    loop_until(world.peer->base, NULL, 1.2);
    ck_assert_uint_eq(world.peer->connections, 3);
    ck_assert(has_offer(&world));
    world_end(&world);
}
END_TEST

/* An old spare says goodbye and is followed by a fresh one. */
START_TEST(test_spare_refreshed)
{
    static const char *const scripts[] = { FIT, XCLIENT_GREET BYE, CLIENT_SCRIPT, NULL };
    struct world world;
    struct backend_session *spare;

    world_begin(&world, scripts, 1, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    ck_assert_uint_eq(world.peer->connections, 2);
    spare = world.pool->sessions;
    ck_assert_int_eq(spare->state, SESSION_SPARE);
    ck_assert(event_pending(spare->timer, EV_TIMEOUT, NULL) != 0);
    event_active(spare->timer, EV_TIMEOUT, 0);
    WAIT_FOR(world.peer->base, world.peer->connections == 3 && is_ready(&world));
    WAIT_FOR(world.peer->base, backend_pool_sessions(world.pool) == 1);
    world_end(&world);
}
END_TEST

/* Taken in the very turn of the loop in which it is too old. */
START_TEST(test_spare_taken_at_the_last_moment)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results;
    struct backend_session *session;

    world_begin(&world, scripts, 1, 4);
    WAIT_FOR(world.peer->base, is_ready(&world));
    event_active(world.pool->sessions->timer, EV_TIMEOUT, 0);
    session = open_and_reset(&world, &results);
    loop_until(world.peer->base, &results.done, 10);
    ck_assert_str_eq(results.text[0], "250 reset");
    backend_close(&session);
    world_end(&world);
}
END_TEST

/* RFC 8689: without TLS the message must not leave the machine. */
static const struct {
    const char *address;
    bool local;
} ways[] = {
    { "127.0.0.1:25", true }, { "127.9.9.9:25", true }, { "[::1]:25", true }, { "unix:/run/smtp", true },
    { "192.0.2.1:25", false }, { "128.0.0.1:25", false }, { "126.255.255.255:25", false },
    { "[2001:db8::1]:25", false },
    { "[::2]:25", false }, { "nowhere", false },
};

START_TEST(test_requiretls_needs_a_safe_way)
{
    struct event_base *base = event_base_new();
    struct backend_settings settings = { .address = ways[_i].address, .hostname = "mx", .sessions_most = 1 };
    struct backend_pool *pool = pool_new_private(base, &settings);

    ck_assert_msg(pool_is_local(pool) == ways[_i].local, "%s", ways[_i].address);
    backend_pool_free(&pool);
    event_base_free(base);
}
END_TEST

START_TEST(test_unix_socket)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, NULL };
    struct backend_settings settings;
    struct world world;
    char path[64];

    snprintf(path, sizeof(path), "/tmp/mxward-test-%d.sock", (int)getpid());
    world.peer = peer_new_unix(scripts, path);
    settings = settings_for(world.peer, true);
    world.pool = backend_pool_new(world.peer->base, &settings);
    WAIT_FOR(world.peer->base, is_ready(&world));
    unlink(path);
    ck_assert(has_offer(&world));
    world_end(&world);
}
END_TEST

/* At any moment, with whatever is under way. */
START_TEST(test_free_any_time)
{
    static const char *const scripts[] = { FIT, CLIENT_SCRIPT, NULL };
    struct world world;
    struct results results;

    world_begin(&world, scripts, 2, 4);
    loop_until(world.peer->base, NULL, 0.0005 * _i);
    if (_i % 2 == 1)
        open_and_reset(&world, &results);
    loop_until(world.peer->base, NULL, 0.0003 * _i);
    world_end(&world);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_backend_pool(void);

Suite *suite_backend_pool(void)
{
    Suite *suite = suite_create("backend_pool");
    TCase *probe = tcase_create("probe");
    TCase *pool = tcase_create("pool");

    tcase_set_timeout(probe, 20);
    tcase_add_loop_test(probe, test_probe, 0, ROWS(probe_rows));
    tcase_add_loop_test(probe, test_no_address, 0, ROWS(no_addresses));
    tcase_add_test(probe, test_connection_refused);
    suite_add_tcase(suite, probe);
    tcase_set_timeout(pool, 20);
    tcase_add_test(pool, test_offer_comes);
    tcase_add_test(pool, test_back_off);
    tcase_add_test(pool, test_relay_has_no_offer);
    tcase_add_test(pool, test_xclient_vanishes);
    tcase_add_test(pool, test_one_client_refused);
    tcase_add_loop_test(pool, test_failing, 0, ROWS(failing_rows));
    tcase_add_test(pool, test_serving_again);
    tcase_add_loop_test(pool, test_way, 0, ROWS(way_rows));
    tcase_add_test(pool, test_header_has_no_spares);
    tcase_add_test(pool, test_header_refused_silently);
    tcase_add_test(pool, test_bound);
    tcase_add_test(pool, test_lost_frees_place);
    tcase_add_test(pool, test_no_room_for_probe);
    tcase_add_test(pool, test_spare_taken);
    tcase_add_loop_test(pool, test_stale_spare, 0, ROWS(stale_scripts));
    tcase_add_test(pool, test_stale_twice);
    tcase_add_test(pool, test_spares_die);
    tcase_add_test(pool, test_spare_refreshed);
    tcase_add_test(pool, test_spare_taken_at_the_last_moment);
    tcase_add_test(pool, test_unix_socket);
    tcase_add_loop_test(pool, test_requiretls_needs_a_safe_way, 0, (int)(sizeof(ways) / sizeof(ways[0])));
    tcase_add_loop_test(pool, test_free_any_time, 0, 12);
    suite_add_tcase(suite, pool);
    return suite;
}
