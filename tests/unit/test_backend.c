/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_backend.c: the dialogue with a scripted backend (backend_script.h): each failure at each state, and what comes
 * of it. Expectations are those of RFC 5321, 2920, 3030, of Postfix's XCLIENT_README, and of the promise that no 250
 * is made up (P1).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/spool.h"
#include "tests/unit/backend_script.h"

static struct spool_budget budget = { .directory = "/tmp" };

/* ---- one transaction, one backend script */

#define IDENTIFIED GREET "> 250-backend\n" XCLIENT_ALL \
    "< XCLIENT \n> 220 backend ESMTP\n< EHLO helo.example.net\n> 250 backend\n"
#define MAIL_RCPT \
    "< MAIL FROM:<sender@example.net> BODY=8BITMIME\n> 250 2.1.0 Ok\n< RCPT TO:<user@example.org>\n> 250 2.1.5 Ok\n"
#define DATA MAIL_RCPT "< DATA\n"
#define CHUNKED \
    "< MAIL FROM:<sender@example.net> BODY=8BITMIME\n< RCPT TO:<user@example.org>\n> 250 2.1.0 Ok\n> 250 2.1.5 Ok\n"
#define AFTER "< RSET\n> 250 2.0.0 Ok\n"

#define MESSAGE "From: a@example.net\r\nX-Forged: yes\r\nTo: b@example.org\r\n\r\n.a dot\r\n..two\r\nend\r\n"
#define ADDED "Received: from us\r\n"
#define SENT ADDED "From: a@example.net\r\nTo: b@example.org\r\n\r\n.a dot\r\n..two\r\nend\r\n"
#define STUFFED ADDED "From: a@example.net\r\nTo: b@example.org\r\n\r\n..a dot\r\n...two\r\nend\r\n.\r\n"

struct scene {
    struct peer *peer;
    struct backend_pool *pool;
    struct backend_session *session;
    struct spool *spool;
    struct backend_message message;
    struct results results;
};

static void scene_begin_in(struct scene *scene, struct event_base *base, const char *const *scripts, bool xclient)
{
    struct backend_settings settings;
    struct backend_client client = a_client();

    *scene = (struct scene){ .peer = peer_new_in(base, scripts) };
    settings = settings_for(scene->peer, xclient);
    scene->pool = pool_new_private(scene->peer->base, &settings);
    scene->session = backend_open(scene->pool, &client);
}

static void scene_begin(struct scene *scene, const char *const *scripts, bool xclient)
{
    scene_begin_in(scene, NULL, scripts, xclient);
}

static void scene_end(struct scene *scene)
{
    ck_assert_msg(scene->peer->mismatch[0] == '\0', "%s", scene->peer->mismatch);
    backend_close(&scene->session);
    backend_pool_free(&scene->pool);
    spool_free(&scene->spool);
    peer_free(scene->peer);
}

/* MAIL, RCPT, the message, and one RSET after it that shows whether the session lives. A result begins as given. */
static const struct row {
    const char *name;
    bool xclient;
    const char *script;
    const char *results[4];
    const char *message;           /* what the backend got, NULL: nothing whole */
} rows[] = {
    { "DATA", false, PLAIN DATA "> 354 go\ndata\n> 250 2.0.0 queued\n" AFTER,
      { "250 2.1.0 Ok", "250 2.1.5 Ok", "250 2.0.0 queued", "250 2.0.0 Ok" }, STUFFED },
    { "pipelining", false, PIPELINING CHUNKED "< DATA\n> 354 go\ndata\n> 250 2.0.0 queued\n" AFTER,
      { "250 2.1.0 Ok", "250 2.1.5 Ok", "250 2.0.0 queued", "250 2.0.0 Ok" }, STUFFED },
    { "BDAT", false, CHUNKING CHUNKED "all\n> 250 2.0.0 queued\n" AFTER,
      { "250 2.1.0 Ok", "250 2.1.5 Ok", "250 2.0.0 queued", "250 2.0.0 Ok" }, SENT },
    { "identity", true, IDENTIFIED DATA "> 354 go\ndata\n> 250 2.0.0 queued\n" AFTER,
      { "250 2.1.0 Ok", "250 2.1.5 Ok", "250 2.0.0 queued", "250 2.0.0 Ok" }, STUFFED },
    { "several lines", false, PLAIN
      "< MAIL\n> 250-one\n> 250-two\n> 250 three\n< RCPT\n> 550-5.1.1 no\n> 550 5.1.1 such user\n",
      { "250 one", "550 5.1.1 no", "LOST", "LOST" }, NULL },

    /* before the transaction */
    { "closed at once", false, "close\n", { "LOST it closed", "LOST", "LOST", "LOST" }, NULL },
    { "reset at once", false, "reset\n", { "LOST", "LOST", "LOST", "LOST" }, NULL },
    { "silent", false, "< nothing\n",
      { "LOST timed out after 1 s while waiting for its greeting", "LOST", "LOST", "LOST" }, NULL },
    { "no SMTP", false, "> hello there\n", { "LOST what it sent is no SMTP reply", "LOST", "LOST", "LOST" }, NULL },
    { "bare LF", false, "+ 220 hi~\n", { "LOST what it sent", "LOST", "LOST", "LOST" }, NULL },
    { "greeting refused", false, "> 554 no service\n", { "LOST \"554 no service\"", "LOST", "LOST", "LOST" }, NULL },
    { "greeting 421", false, "> 421 busy\nclose\n", { "LOST \"421 busy\"", "LOST", "LOST", "LOST" }, NULL },
    { "EHLO refused", false, GREET "> 502 what\n", { "LOST \"502 what\"", "LOST", "LOST", "LOST" }, NULL },
    { "EHLO silent", false, GREET, { "LOST timed out", "LOST", "LOST", "LOST" }, NULL },
    { "EHLO half", false, GREET "> 250-backend\nclose\n", { "LOST it closed", "LOST", "LOST", "LOST" }, NULL },
    { "EHLO codes differ", false, GREET "> 250-backend\n> 550 x\n",
      { "LOST what it sent", "LOST", "LOST", "LOST" }, NULL },

    /* identity fails closed */
    { "no XCLIENT", true, PLAIN, { "LOST it does not offer XCLIENT", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT without ADDR", true, GREET "> 250-backend\n> 250 XCLIENT NAME PROTO HELO\n",
      { "LOST it does not offer XCLIENT", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT without NAME", true, GREET "> 250-backend\n> 250 XCLIENT ADDR\n",
      { "LOST it does not offer XCLIENT", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT 250", true, GREET "> 250-backend\n" XCLIENT_ALL "< XCLIENT\n> 250 Ok\n",
      { "LOST \"250 Ok\" while waiting for the reply to XCLIENT", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT 550", true, GREET "> 250-backend\n" XCLIENT_ALL "< XCLIENT\n> 550 no\n",
      { "LOST \"550 no\"", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT 421", true, GREET "> 250-backend\n" XCLIENT_ALL "< XCLIENT\n> 421 no\nclose\n",
      { "LOST \"421 no\"", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT silent", true, GREET "> 250-backend\n" XCLIENT_ALL "< XCLIENT\n",
      { "LOST timed out after 1 s while waiting for the reply to XCLIENT", "LOST", "LOST", "LOST" }, NULL },
    { "XCLIENT closed", true, GREET "> 250-backend\n" XCLIENT_ALL "< XCLIENT\nclose\n",
      { "LOST it closed", "LOST", "LOST", "LOST" }, NULL },
    { "client's EHLO refused", true, GREET "> 250-backend\n" XCLIENT_ALL
      "< XCLIENT\n> 220 hi\n< EHLO helo.example.net\n> 504 5.5.2 bad name\n",
      { "504 5.5.2 bad name", "504 5.5.2 bad name", "504 5.5.2 bad name", "504 5.5.2 bad name" }, NULL },
    { "client's EHLO 421", true, GREET "> 250-backend\n" XCLIENT_ALL
      "< XCLIENT\n> 220 hi\n< EHLO helo.example.net\n> 421 go away\n",
      { "421 go away", "LOST", "LOST", "LOST" }, NULL },

    /* MAIL and RCPT */
    { "MAIL refused", false, PIPELINING
      "< MAIL\n< RCPT\n> 550 5.7.1 not you\n> 503 5.5.1 need MAIL\n< DATA\n> 503 no\n" AFTER,
      { "550 5.7.1 not you", "503 5.5.1 need MAIL", "503 no", "250 2.0.0 Ok" }, NULL },
    { "MAIL 421", false, PIPELINING "< MAIL\n> 421 4.3.2 down\nclose\n",
      { "421 4.3.2 down", "LOST \"421 4.3.2 down\"", "LOST", "LOST" }, NULL },
    { "MAIL 354", false, PLAIN "< MAIL\n> 354 what\n", { "LOST \"354 what\"", "LOST", "LOST", "LOST" }, NULL },
    { "MAIL closed", false, PLAIN "< MAIL\nclose\n", { "LOST it closed", "LOST", "LOST", "LOST" }, NULL },
    { "MAIL reset", false, PLAIN "< MAIL\nreset\n", { "LOST", "LOST", "LOST", "LOST" }, NULL },
    { "MAIL silent", false, PLAIN "< MAIL\n",
      { "LOST timed out after 1 s while waiting for the reply to a command", "LOST", "LOST", "LOST" }, NULL },
    { "RCPT 421", false, PLAIN "< MAIL\n> 250 ok\n< RCPT\n> 421 4.3.2 down\n",
      { "250 ok", "421 4.3.2 down", "LOST", "LOST" }, NULL },
    { "RCPT silent", false, PLAIN "< MAIL\n> 250 ok\n< RCPT\n", { "250 ok", "LOST timed out", "LOST", "LOST" }, NULL },
    { "RCPT closed", false, PLAIN "< MAIL\n> 250 ok\n< RCPT\nclose\n",
      { "250 ok", "LOST it closed", "LOST", "LOST" }, NULL },
    { "two replies to one", false, PLAIN "< MAIL\n+ 250 ok|250 again|\n",
      { "250 ok", "LOST \"250 again\"", "LOST", "LOST" }, NULL },

    /* DATA */
    { "DATA refused", false, PLAIN DATA "> 452 4.3.1 full\n" AFTER,
      { "250", "250", "452 4.3.1 full", "250 2.0.0 Ok" }, NULL },
    { "DATA 250", false, PLAIN DATA "> 250 what\n", { "250", "250", "LOST \"250 what\"", "LOST" }, NULL },
    { "DATA 421", false, PLAIN DATA "> 421 down\n", { "250", "250", "421 down", "LOST" }, NULL },
    { "DATA silent", false, PLAIN DATA, { "250", "250", "LOST timed out", "LOST" }, NULL },
    { "DATA closed", false, PLAIN DATA "close\n", { "250", "250", "LOST it closed", "LOST" }, NULL },
    { "positive before the message", false, PLAIN DATA "+ 354 go|250 queued|\n",
      { "250", "250", "LOST", "LOST" }, NULL },
    { "refused before the message", false, PLAIN DATA "> 354 go\n> 552 5.3.4 too big\n",
      { "250", "250", "552 5.3.4 too big", "LOST" }, NULL },
    { "closed in the message", false, PLAIN DATA "> 354 go\nbytes 20\nclose\n",
      { "250", "250", "LOST", "LOST" }, NULL },
    { "reset in the message", false, PLAIN DATA "> 354 go\nbytes 20\nreset\n", { "250", "250", "LOST", "LOST" }, NULL },
    { "final refused", false, PLAIN DATA "> 354 go\ndata\n> 554 5.7.1 no\n" AFTER,
      { "250", "250", "554 5.7.1 no", "250 2.0.0 Ok" }, STUFFED },
    { "final 354", false, PLAIN DATA "> 354 go\ndata\n> 354 more\n",
      { "250", "250", "LOST \"354 more\"", "LOST" }, STUFFED },
    { "final 421", false, PLAIN DATA "> 354 go\ndata\n> 421 down\n", { "250", "250", "421 down", "LOST" }, STUFFED },
    { "final silent", false, PLAIN DATA "> 354 go\ndata\n",
      { "250", "250", "LOST timed out after 1 s while waiting for the reply to a message", "LOST" }, STUFFED },
    { "final closed", false, PLAIN DATA "> 354 go\ndata\nclose\n",
      { "250", "250", "LOST it closed", "LOST" }, STUFFED },
    { "final half a reply", false, PLAIN DATA "> 354 go\ndata\n> 250-queued\nclose\n",
      { "250", "250", "LOST it closed", "LOST" }, STUFFED },
    { "final half a line", false, PLAIN DATA "> 354 go\ndata\n+ 250 queu\nclose\n",
      { "250", "250", "LOST it closed", "LOST" }, STUFFED },
    { "final bare LF", false, PLAIN DATA "> 354 go\ndata\n+ 250 queued~\n", { "250", "250", "LOST", "LOST" }, STUFFED },

    /* BDAT */
    { "BDAT refused", false, CHUNKING CHUNKED "all\n> 552 5.3.4 too big\n" AFTER,
      { "250", "250", "552 5.3.4 too big", "250 2.0.0 Ok" }, SENT },
    { "BDAT closed", false, CHUNKING CHUNKED "bytes 30\nclose\n", { "250", "250", "LOST", "LOST" }, NULL },
    { "BDAT silent", false, CHUNKING CHUNKED "all\n", { "250", "250", "LOST timed out", "LOST" }, SENT },
    { "BDAT 421", false, CHUNKING CHUNKED "all\n> 421 down\nclose\n", { "250", "250", "421 down", "LOST" }, SENT },

    /* between */
    { "RSET refused", false, PLAIN DATA "> 354 go\ndata\n> 250 queued\n< RSET\n> 502 what\n",
      { "250", "250", "250 queued", "LOST" }, STUFFED },
};

static void row_begin(struct scene *scene, struct event_base *base, const struct row *row, const char *scripts[2])
{
    static const struct removed_field forged = { .offset = 21, .length = 15 };

    scripts[0] = row->script;
    scripts[1] = NULL;
    scene_begin_in(scene, base, scripts, row->xclient);
    scene->spool = spool_with(SLICE(MESSAGE));
    scene->message = (struct backend_message){ .added = SLICE(ADDED), .spool = scene->spool, .removed = &forged,
                                               .removed_count = 1 };
    scene->results.wanted = 4;
    backend_mail(scene->session, SLICE("sender@example.net"), SLICE("BODY=8BITMIME"), on_result, &scene->results);
    backend_rcpt(scene->session, SLICE("user@example.org"), SLICE_NONE, on_result, &scene->results);
    backend_message(scene->session, &scene->message, on_result, &scene->results);
    backend_reset(scene->session, on_result, &scene->results);
    ck_assert_uint_eq(scene->results.count, 0);
}

static void row_end(struct scene *scene, const struct row *row)
{
    const struct peer *peer = scene->peer;

    ck_assert_msg(scene->results.count == 4, "%s: %zu results", row->name, scene->results.count);
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(strncmp(scene->results.text[i], row->results[i], strlen(row->results[i])) == 0,
                      "%s: result %zu: wanted \"%s\", got \"%s\"", row->name, i, row->results[i],
                          scene->results.text[i]);
    ck_assert_msg(peer->mismatch[0] == '\0', "%s: %s", row->name, peer->mismatch);
    if (row->message != NULL)
        ck_assert_msg(peer->message_length == strlen(row->message) && memcmp(peer->message, row->message,
                                                                             peer->message_length) == 0,
                      "%s: got \"%.*s\"", row->name, (int)peer->message_length, peer->message);
    else
        ck_assert_msg(peer->message_length == 0, "%s: got a message", row->name);
    scene_end(scene);
}

#define ROWS_COUNT (sizeof(rows) / sizeof(rows[0]))

/* All at once: many of them wait for a time-out. */
START_TEST(test_rows)
{
    struct event_base *base = event_base_new();
    struct scene *scenes = memory_zeroed(ROWS_COUNT, sizeof(*scenes));
    const char *scripts[ROWS_COUNT][2];
    size_t done = 0;

    for (size_t i = 0; i < ROWS_COUNT; i++)
        row_begin(&scenes[i], base, &rows[i], scripts[i]);
    for (int turn = 0; turn < 500 && done < ROWS_COUNT; turn++) {
        loop_until(base, NULL, 0.01);
        for (done = 0; done < ROWS_COUNT && scenes[done].results.done; done++)
            continue;
    }
    for (size_t i = 0; i < ROWS_COUNT; i++)
        row_end(&scenes[i], &rows[i]);
    event_base_free(base);
    free(scenes);
}
END_TEST

/*
 * A backend that closes after any number of octets said or heard: a message is told as taken only if its 250 was said
 * to the end, and every request has its one result (P1).
 */
#define WHOLE_SAID "> 220 b\n< EHLO\n> 250-b\n" XCLIENT_ALL "< XCLIENT\n> 220 b\n< EHLO\n> 250-b\n> 250 PIPELINING\n" \
    "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n< DATA\n> 354 go\ndata\n"

static void check_cut(size_t says_most, size_t hears_most, size_t taken_from)
{
    static const char *const scripts[] = { WHOLE_SAID "> 250 taken\n< RSET\n> 250 reset\n", NULL };
    struct scene scene;
    bool whole, taken;

    scene_begin(&scene, scripts, true);
    scene.peer->says_most = says_most;
    scene.peer->hears_most = hears_most;
    scene.spool = spool_with(SLICE(MESSAGE));
    scene.message = (struct backend_message){ .added = SLICE(ADDED), .spool = scene.spool };
    scene.results.wanted = 4;
    backend_mail(scene.session, SLICE("s@example.net"), SLICE_NONE, on_result, &scene.results);
    backend_rcpt(scene.session, SLICE("u@example.org"), SLICE_NONE, on_result, &scene.results);
    backend_message(scene.session, &scene.message, on_result, &scene.results);
    backend_reset(scene.session, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_uint_eq(scene.results.count, 4);
    taken = strcmp(scene.results.text[2], "250 taken") == 0;
    whole = scene.peer->message_length > 0;
    ck_assert_msg(taken || strncmp(scene.results.text[2], "LOST", 4) == 0, "%s", scene.results.text[2]);
    ck_assert_msg(!taken || whole, "said %zu, heard %zu: a 250 for nothing", says_most, hears_most);
    if (says_most > 0)
        ck_assert_msg(taken == (says_most >= taken_from), "said %zu: %s", says_most, scene.results.text[2]);
    ck_assert_uint_le(scene.peer->connections, 1);
    scene_end(&scene);
}

START_TEST(test_fails_after_any_octet_said)
{
    /* Nine lines before the last, each with a CR beside its LF. */
    size_t before = sizeof("220 b|250-b|250 XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT DESTADDR DESTPORT|"
                           "220 b|250-b|"
                           "250 PIPELINING|250 ok|250 ok|354 go|") - 1 + 9;
    size_t end = before + sizeof("250 taken|");

    for (size_t most = 1; most <= end + 2; most++)
        check_cut(most, 0, end);
}
END_TEST

START_TEST(test_fails_after_any_octet_heard)
{
    for (size_t most = 1; most < 420; most++)
        check_cut(0, most, 0);
}
END_TEST

/* ---- large messages */

#define LARGE ((size_t)6 * 1024 * 1024)

/* Lines of one dot: a third more by DATA. */
static struct spool *large_spool(void)
{
    struct spool *spool = spool_new(&budget);
    char block[3 * 4096];

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = ".\r\n"[i % 3];
    while (spool_size(spool) < LARGE)
        ck_assert_int_eq(spool_append(spool, slice_of(block, sizeof(block))), SPOOL_OK);
    return spool;
}

static void send_message(struct scene *scene, struct spool *spool)
{
    scene->spool = spool;
    scene->message = (struct backend_message){ .added = SLICE(ADDED), .spool = spool };
    scene->results.wanted = 3;
    backend_mail(scene->session, SLICE("s@example.net"), SLICE_NONE, on_result, &scene->results);
    backend_rcpt(scene->session, SLICE("u@example.org"), SLICE_NONE, on_result, &scene->results);
    backend_message(scene->session, &scene->message, on_result, &scene->results);
}

/* Loops, and sees that no more than two refills lie in memory. */
static void watch_scene(struct scene *scene, double seconds)
{
    size_t most = 0;

    for (int i = 0; i < (int)(seconds * 1000) && !scene->results.done; i++) {
        loop_until(scene->peer->base, NULL, 0.001);
        if (scene->session->unsent > most)
            most = scene->session->unsent;
    }
    ck_assert_uint_le(most, 2 * BACKEND_OUTPUT_MOST);
}

#define LARGE_MAIL "< MAIL\n> 250 ok\n< RCPT\n> 250 ok\n"

static const struct large_row {
    const char *name;
    const char *script;
    const char *result;
    bool lost;
} large_rows[] = {
    { "DATA", PLAIN LARGE_MAIL "< DATA\n> 354 go\nbytes 8388627\n< .\n> 250 queued\n", "250 queued", false },
    { "BDAT", CHUNKING LARGE_MAIL "< BDAT 6291475 LAST\nbytes 6291475\n> 250 queued\n", "250 queued", false },
    { "250 in the midst of DATA", PLAIN LARGE_MAIL "< DATA\n> 354 go\nbytes 1000\ndeaf\n> 250 queued\n",
      "LOST \"250 queued\" while sending a message", true },
    { "250 in the midst of BDAT", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\n> 250 queued\n",
      "LOST \"250 queued\" while sending a message", true },
    { "250 and closed in the midst", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\n> 250 queued\nclose\n", "LOST",
      true },
    { "552 in the midst of DATA", PLAIN LARGE_MAIL "< DATA\n> 354 go\nbytes 1000\n> 552 too big\n", "552 too big",
      true },
    { "552 in the midst of BDAT", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\n> 552 too big\n", "552 too big",
      true },
    { "421 in the midst", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\n> 421 down\n", "421 down", true },
    { "deaf in DATA", PLAIN LARGE_MAIL "< DATA\n> 354 go\nbytes 1000\ndeaf\n",
      "LOST timed out after 1 s while sending a message", true },
    { "deaf in BDAT", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\n",
      "LOST timed out after 1 s while sending a message", true },
    { "closed in the midst", CHUNKING LARGE_MAIL "< BDAT\nbytes 300000\nclose\n", "LOST", true },
    { "reset in the midst", PLAIN LARGE_MAIL "< DATA\n> 354 go\nbytes 300000\nreset\n", "LOST", true },
};

START_TEST(test_large)
{
    const struct large_row *row = &large_rows[_i];
    const char *scripts[] = { row->script, NULL };
    struct scene scene;

    scene_begin(&scene, scripts, false);
    send_message(&scene, large_spool());
    ck_assert(spool_is_on_disk(scene.spool));
    watch_scene(&scene, 10);
    ck_assert_msg(scene.results.count == 3, "%s: %zu results", row->name, scene.results.count);
    ck_assert_msg(strncmp(scene.results.text[2], row->result, strlen(row->result)) == 0, "%s: %s", row->name,
                  scene.results.text[2]);
    ck_assert_msg(backend_is_lost(scene.session) == row->lost, "%s", row->name);
    scene_end(&scene);
}
END_TEST

/* The disk under the spool fails while the message is on its way: its file is the only large one that is open. */
static void spoil_spool(void)
{
    struct stat status;

    for (int file = 3; file < 64; file++)
        if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= (off_t)LARGE / 2)
            ck_assert_int_eq(ftruncate(file, 3 * 1024 * 1024), 0);
}

/*
 * All was handed to the stream, but the kernel holds only a part of it: what a UNIX socket takes (about 200 KB) and
 * what the backend read. A positive reply now is not the reply to this message (P1).
 */
static const struct large_row final_rows[] = {
    { "250", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\nwait\n> 250 queued\n",
      "LOST \"250 queued\" while waiting for the reply to a message", true },
    { "250 and closed", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\nwait\n> 250 queued\nclose\n", "LOST", true },
    { "552", CHUNKING LARGE_MAIL "< BDAT\nbytes 1000\ndeaf\nwait\n> 552 too big\n", "552 too big", true },
};

/* A UNIX socket holds little: about 200 KB. */
static void scene_begin_unix(struct scene *scene, const char *const *scripts)
{
    struct backend_settings settings;
    struct backend_client client = a_client();
    char path[64];

    snprintf(path, sizeof(path), "/tmp/mxward-test-%d.sock", (int)getpid());
    *scene = (struct scene){ .peer = peer_new_unix(scripts, path) };
    settings = settings_for(scene->peer, false);
    scene->pool = pool_new_private(scene->peer->base, &settings);
    scene->session = backend_open(scene->pool, &client);
    loop_until(scene->peer->base, NULL, 0.02);
    unlink(path);
}

START_TEST(test_final_before_all_is_written)
{
    const struct large_row *row = &final_rows[_i];
    const char *scripts[] = { row->script, NULL };
    struct spool *spool = spool_new(&budget);
    struct scene scene;
    char block[1000];

    scene_begin_unix(&scene, scripts);
    memset(block, 'x', sizeof(block));
    while (spool_size(spool) < 310000)
        spool_append(spool, slice_of(block, sizeof(block)));
    send_message(&scene, spool);
    WAIT_FOR(scene.peer->base, scene.session->state == SESSION_FINAL);
    ck_assert_uint_gt(scene.session->unsent, 0);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_msg(strncmp(scene.results.text[2], row->result, strlen(row->result)) == 0, "%s", scene.results.text[2]);
    scene_end(&scene);
}
END_TEST

/* Sending may take longer than any limit as long as it goes on. */
START_TEST(test_slow)
{
    static const char *const scripts[] = { CHUNKING LARGE_MAIL "< BDAT\nsip 6291475\n> 250 queued\n", NULL };
    struct scene scene;
    int64_t begun = clock_monotonic();

    scene_begin_unix(&scene, scripts);
    send_message(&scene, large_spool());
    watch_scene(&scene, 20);
    ck_assert_str_eq(scene.results.text[2], "250 queued");
    ck_assert_int_gt(clock_monotonic() - begun, 1500000);
    scene_end(&scene);
}
END_TEST

START_TEST(test_spool_fails)
{
    static const char *const scripts[][2] = {
        { PLAIN LARGE_MAIL "< DATA\n> 354 go\ndata\n> 250 queued\n", NULL },
        { CHUNKING LARGE_MAIL "all\n> 250 queued\n", NULL },
    };
    struct scene scene;

    scene_begin(&scene, scripts[_i], false);
    scene.spool = large_spool();
    spoil_spool();
    send_message(&scene, scene.spool);
    watch_scene(&scene, 10);
    ck_assert_msg(strncmp(scene.results.text[2], "LOST the held message could not be read", 39) == 0, "%s",
                  scene.results.text[2]);
    loop_until(scene.peer->base, NULL, 0.2);
    ck_assert_uint_eq(scene.peer->message_length, 0);
    scene_end(&scene);
}
END_TEST

/* ---- what is put together */

static const struct content_row {
    const char *name;
    const char *added;
    const char *content;
    struct removed_field removed[4];
    size_t removed_count;
    const char *data;              /* as DATA sends it; NULL: refused by us */
    const char *chunk;
} content_rows[] = {
    { "no final CRLF", "", "a: b\r\n\r\nend", { { 0 } }, 0, "a: b\r\n\r\nend\r\n.\r\n", "a: b\r\n\r\nend" },
    { "empty", "", "", { { 0 } }, 0, ".\r\n", "" },
    { "fields only", "x: y\r\n", "", { { 0 } }, 0, "x: y\r\n.\r\n", "x: y\r\n" },
    { "a dot at the start", "", ".\r\n", { { 0 } }, 0, "..\r\n.\r\n", ".\r\n" },
    { "a dot after the fields", "x: y\r\n", ".\r\n.\r\n", { { 0 } }, 0, "x: y\r\n..\r\n..\r\n.\r\n",
      "x: y\r\n.\r\n.\r\n" },
    { "first field removed", "x: y\r\n", "a: 1\r\nb: 2\r\n\r\n", { { 0, 6, { NULL, 0 } } }, 1,
      "x: y\r\nb: 2\r\n\r\n.\r\n", "x: y\r\nb: 2\r\n\r\n" },
    { "two in a row removed", "", "a: 1\r\nb: 2\r\nc: 3\r\n\r\n", { { 0, 6, { NULL, 0 } }, { 6, 6, { NULL, 0 } } }, 2,
      "c: 3\r\n\r\n.\r\n", "c: 3\r\n\r\n" },
    { "all removed", "", "a: 1\r\n", { { 0, 6, { NULL, 0 } } }, 1, ".\r\n", "" },
    { "last field removed", "", "a: 1\r\nb: 2\r\n", { { 6, 6, { NULL, 0 } } }, 1, "a: 1\r\n.\r\n", "a: 1\r\n" },
    { "a dot before a removed field", "", ".\r\nb: 2\r\n.\r\n", { { 3, 6, { NULL, 0 } } }, 1, "..\r\n..\r\n.\r\n",
      ".\r\n.\r\n" },
    { "nothing removed at some place", "", "a: 1\r\n", { { 3, 0, { NULL, 0 } } }, 1, "a: 1\r\n.\r\n", "a: 1\r\n" },
    { "removal beyond the end", "", "a: 1\r\n", { { 3, 4, { NULL, 0 } } }, 1, NULL, NULL },
    { "removals overlap", "", "a: 1\r\nb: 2\r\n", { { 0, 6, { NULL, 0 } }, { 5, 2, { NULL, 0 } } }, 2, NULL, NULL },
    { "removals descend", "", "a: 1\r\nb: 2\r\n", { { 6, 6, { NULL, 0 } }, { 0, 6, { NULL, 0 } } }, 2, NULL, NULL },
    { "removal huge", "", "a: 1\r\n", { { 1, UINT32_MAX, { NULL, 0 } } }, 1, NULL, NULL },
};

static void check_content(const struct content_row *row, bool chunked)
{
    const char *scripts[] = { chunked ? CHUNKING "all\n> 250 queued\n" : PLAIN "< DATA\n> 354 go\ndata\n> 250 queued\n",
                              NULL };
    static const char *const only_dot[] = { PLAIN "< DATA\n> 354 go\n< .\n> 250 queued\n", NULL };
    const char *wanted = chunked ? row->chunk : row->data;
    struct scene scene;

    scene_begin(&scene, scripts, false);
    scene.spool = spool_with(slice_of_string(row->content));
    scene.message = (struct backend_message){
        .added = slice_of_string(row->added), .spool = scene.spool, .removed = row->removed,
            .removed_count = row->removed_count,
    };
    scene.results.wanted = 1;
    /* A final dot alone has no CRLF of the message before it: the one that ended DATA counts (RFC 5321 4.1.1.4). */
    if (wanted != NULL && strcmp(wanted, ".\r\n") == 0)
        scene.peer->scripts = only_dot;
    backend_message(scene.session, &scene.message, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_msg(strncmp(scene.results.text[0], wanted == NULL ? "LOST the fields" : "250 queued", 10) == 0, "%s: %s",
                  row->name, scene.results.text[0]);
    if (wanted == NULL)
        ck_assert_uint_eq(scene.peer->message_length, 0);
    else if (strcmp(wanted, ".\r\n") != 0)
        ck_assert_msg(scene.peer->message_length == strlen(wanted) && memcmp(scene.peer->message, wanted,
                                                                             strlen(wanted)) == 0,
                      "%s: \"%.*s\"", row->name, (int)scene.peer->message_length, scene.peer->message);
    scene_end(&scene);
}

START_TEST(test_content)
{
    check_content(&content_rows[_i], false);
    check_content(&content_rows[_i], true);
}
END_TEST

/* ---- callers */

START_TEST(test_line_is_one_line)
{
    static const char *const scripts[] = { PLAIN "< nothing\n", NULL };
    static const char *const paths[] = { "a@b\r\nRCPT TO:<c@d>", "a\nb", "a\tb", "a\177b" };
    struct scene scene;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        scene_begin(&scene, scripts, false);
        scene.results.wanted = 1;
        if (i % 2 == 0)
            backend_mail(scene.session, slice_of_string(paths[i]), SLICE_NONE, on_result, &scene.results);
        else
            backend_rcpt(scene.session, SLICE("a@b"), slice_of_string(paths[i]), on_result, &scene.results);
        loop_until(scene.peer->base, &scene.results.done, 10);
        ck_assert_msg(strncmp(scene.results.text[0], "LOST a path", 11) == 0, "%s", scene.results.text[0]);
        scene_end(&scene);
    }
}
END_TEST

/*
 * AUTH: each line asked for when the one before was answered, then RSET. A result begins as given; of a reply that
 * breaks the dialogue the code alone, for the text may quote what was said.
 */
static const struct {
    const char *name;
    const char *script;
    const char *lines[4];
    const char *results[5];
} exchanges[] = {
    { "at once", PIPELINING "< AUTH PLAIN QUJD\n> 235 2.7.0 in\n" AFTER, { "AUTH PLAIN QUJD" },
      { "235 2.7.0 in", "250 2.0.0 Ok" } },
    { "challenges", PLAIN "< AUTH LOGIN\n> 334 VXNl\n< QQ==\n> 334 \n< \n> 535 5.7.8 no\n" AFTER,
      { "AUTH LOGIN", "QQ==", "" }, { "334 VXNl", "334 ", "535 5.7.8 no", "250 2.0.0 Ok" } },
    { "cancelled", PLAIN "< AUTH X\n> 334 \n< *\n> 501 5.7.0 aborted\n" AFTER, { "AUTH X", "*" },
      { "334 ", "501 5.7.0 aborted", "250 2.0.0 Ok" } },
    { "several lines", PLAIN "< AUTH X\n> 535-5.7.8 no\n> 535 5.7.8 never\n" AFTER, { "AUTH X" },
      { "535 5.7.8 no / 5.7.8 never", "250 2.0.0 Ok" } },
    { "432", PLAIN "< AUTH X\n> 432 4.7.12 later\n" AFTER, { "AUTH X" }, { "432 4.7.12 later", "250 2.0.0 Ok" } },
    { "421", PLAIN "< AUTH X\n> 421 4.3.0 gone\nclose\n", { "AUTH X" }, { "421 4.3.0 gone", "LOST" } },
    { "closed", PLAIN "< AUTH X\nclose\n", { "AUTH X" }, { "LOST it closed", "LOST" } },
    { "closed within", PLAIN "< AUTH X\n> 334 \nclose\n", { "AUTH X", "QQ==" }, { "334 ", "LOST it closed", "LOST" } },
    { "a word too many", PLAIN "< AUTH X\n> 334 \n> 334 \n", { "AUTH X", "QQ==" },
      { "334 ", "LOST \"334\" while waiting for the client's response", "LOST" } },
    { "250", PLAIN "< AUTH X\n> 250 Ok\n", { "AUTH X" }, { "LOST \"250\" while", "LOST" } },
    { "354", PLAIN "< AUTH X\n> 354 go\n", { "AUTH X" }, { "LOST \"354\" while", "LOST" } },
    { "334 of two lines", PLAIN "< AUTH X\n> 334-QQ==\n> 334 QQ==\n", { "AUTH X" }, { "LOST \"334", "LOST" } },
    { "silent", PLAIN "< AUTH X\n", { "AUTH X" },
      { "LOST timed out after 1 s while waiting for the reply to AUTH", "LOST" } },
    { "not one line", PLAIN, { "AUTH X\r\nQUIT" }, { "LOST a path or parameter cannot be said in one line", "LOST" } },
    { "something else within", PLAIN "< AUTH X\n> 334 \n", { "AUTH X" },
      { "334 ", "LOST something else was asked of it within an AUTH exchange" } },
};

START_TEST(test_auth)
{
    const char *const scripts[] = { exchanges[_i].script, NULL };
    struct scene scene;
    size_t count = 0;

    scene_begin(&scene, scripts, false);
    for (; exchanges[_i].lines[count] != NULL; count++) {
        scene.results.done = false;
        scene.results.wanted = count + 1;
        backend_auth(scene.session, slice_of_string(exchanges[_i].lines[count]), on_result, &scene.results);
        loop_until(scene.peer->base, &scene.results.done, 10);
        /* Until it is seen that a connection is gone. */
        loop_until(scene.peer->base, NULL, 0.02);
    }
    scene.results.done = false;
    scene.results.wanted = count + 1;
    backend_reset(scene.session, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    for (size_t i = 0; i <= count; i++)
        ck_assert_msg(strncmp(scene.results.text[i], exchanges[_i].results[i], strlen(exchanges[_i].results[i])) == 0,
                      "%s: result %zu: %s", exchanges[_i].name, i, scene.results.text[i]);
    scene_end(&scene);
}
END_TEST

/* RFC 4954 4: 12288 octets of a challenge are enough, 12289 too many. */
START_TEST(test_auth_long)
{
    static char script[AUTH_LINE_MOST + 200];
    const char *const scripts[] = { script, NULL };
    size_t length = (size_t)AUTH_LINE_MOST - 2 + (size_t)_i;
    struct scene scene;
    int head = snprintf(script, sizeof(script), "%s< AUTH X\n> 334 ", PLAIN);

    memset(script + head, 'A', length - 4);
    script[(size_t)head + length - 4] = '\n';
    script[(size_t)head + length - 3] = '\0';
    scene_begin(&scene, scripts, false);
    scene.results.wanted = 1;
    backend_auth(scene.session, SLICE("AUTH X"), on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_msg(strncmp(scene.results.text[0], _i == 0 ? "334 AAAA" : "LOST what it sent", 8) == 0, "%s",
                  scene.results.text[0]);
    scene_end(&scene);
}
END_TEST

/* What was asked before is answered before; who goes within an exchange says nothing that could be taken for a
 * response. */
START_TEST(test_auth_in_order)
{
    static const char *const scripts[] = {
        PIPELINING "< MAIL\n< RSET\n> 250 one\n> 250 two\n< AUTH X\n> 334 \n< nothing\n", NULL,
    };
    struct scene scene;

    scene_begin(&scene, scripts, false);
    scene.results.wanted = 3;
    backend_mail(scene.session, SLICE("a@b"), SLICE_NONE, on_result, &scene.results);
    backend_reset(scene.session, on_result, &scene.results);
    backend_auth(scene.session, SLICE("AUTH X"), on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_str_eq(scene.results.text[1], "250 two");
    ck_assert_int_eq(strncmp(scene.results.text[2], "334", 3), 0);
    backend_close(&scene.session);
    WAIT_FOR(scene.peer->base, backend_pool_sessions(scene.pool) == 0);
    loop_until(scene.peer->base, NULL, 0.05);
    scene_end(&scene);
}
END_TEST

/* What a transaction needs and the session's EHLO reply lacks: not a word of it is said. */
static const struct { unsigned extension; const char *name; } required[] = {
    { BACKEND_8BITMIME, "8BITMIME" }, { BACKEND_SMTPUTF8, "SMTPUTF8" }, { BACKEND_DSN, "DSN" },
};

START_TEST(test_required_not_offered)
{
    static const char *const scripts[] = { PLAIN "< nothing\n", NULL };
    struct scene scene;

    scene_begin(&scene, scripts, false);
    scene.session->client.esmtp = true;
    scene.results.wanted = 2;
    backend_require(scene.session, required[_i].extension);
    backend_mail(scene.session, SLICE("a@b"), SLICE_NONE, on_result, &scene.results);
    backend_rcpt(scene.session, SLICE("c@d"), SLICE_NONE, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    for (size_t i = 0; i < 2; i++)
        ck_assert_msg(strncmp(scene.results.text[i], "LOST", 4) == 0 &&
                          strstr(scene.results.text[i], required[_i].name) != NULL, "%s", scene.results.text[i]);
    scene_end(&scene);
}
END_TEST

START_TEST(test_offer_of_session)
{
    /* The offer after XCLIENT is the client's; a client of HELO is offered nothing. */
    static const char *const scripts[][2] = {
        { GREET "> 250-b\n> 250-8BITMIME\n" XCLIENT_ALL
          "< XCLIENT\n> 220 b\n< EHLO helo.example.net\n> 250-b\n> 250-size 1000\n> 250 Pipelining\n" AFTER, NULL },
        { GREET "> 250-b\n> 250-8BITMIME\n" XCLIENT_ALL "< XCLIENT\n> 220 b\n< HELO helo.example.net\n> 250 b\n" AFTER,
          NULL },
    };
    struct scene scene;
    struct backend_offer offer;

    scene_begin(&scene, scripts[_i], true);
    scene.session->client.esmtp = _i == 0;
    scene.results.wanted = 1;
    backend_reset(scene.session, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    offer = backend_session_offer(scene.session);
    ck_assert_uint_eq(offer.extensions, _i == 0 ? BACKEND_SIZE | BACKEND_PIPELINING : 0);
    ck_assert_uint_eq(offer.size, _i == 0 ? 1000 : 0);
    scene_end(&scene);
}
END_TEST

/* A second transaction on the same connection: no second XCLIENT. */
START_TEST(test_two_transactions)
{
    static const char *const scripts[] = { IDENTIFIED "< MAIL FROM:<one>\n> 250 ok\n" AFTER
                                           "< MAIL FROM:<two> SIZE=3\n> 250 ok\n< QUIT\n> 221 bye\nclose\n", NULL };
    struct scene scene;

    scene_begin(&scene, scripts, true);
    scene.results.wanted = 2;
    backend_mail(scene.session, SLICE("one"), SLICE_NONE, on_result, &scene.results);
    backend_reset(scene.session, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    scene.results = (struct results){ .wanted = 1 };
    backend_mail(scene.session, SLICE("two"), SLICE("SIZE=3"), on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_str_eq(scene.results.text[0], "250 ok");
    backend_close(&scene.session);
    ck_assert_ptr_null(scene.session);
    ck_assert_uint_eq(backend_pool_sessions(scene.pool), 1);
    WAIT_FOR(scene.peer->base, backend_pool_sessions(scene.pool) == 0);
    ck_assert_uint_eq(scene.peer->connections, 1);
    scene_end(&scene);
}
END_TEST

START_TEST(test_lost_while_idle)
{
    static const char *const scripts[][2] = {
        { IDENTIFIED AFTER "> 421 4.4.2 timeout\nclose\n", NULL }, { IDENTIFIED AFTER "close\n", NULL },
        { IDENTIFIED AFTER "> 250 what\n", NULL },
    };
    struct scene scene;

    scene_begin(&scene, scripts[_i], true);
    scene.results.wanted = 1;
    backend_reset(scene.session, on_result, &scene.results);
    loop_until(scene.peer->base, &scene.results.done, 10);
    WAIT_FOR(scene.peer->base, backend_is_lost(scene.session) && backend_pool_sessions(scene.pool) == 0);
    scene.results = (struct results){ .wanted = 1 };
    backend_mail(scene.session, SLICE("x"), SLICE_NONE, on_result, &scene.results);
    ck_assert_uint_eq(scene.results.count, 0);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_msg(strncmp(scene.results.text[0], "LOST", 4) == 0, "%s", scene.results.text[0]);
    ck_assert_uint_eq(scene.peer->connections, 1);
    scene_end(&scene);
}
END_TEST

static void close_in_callback(void *context, const struct backend_result *result)
{
    struct scene *scene = context;

    on_result(&scene->results, result);
    backend_close(&scene->session);
}

/* In each state in turn; what was queued behind is never told. */
START_TEST(test_close_in_callback)
{
    static const char *const scripts[][2] = {
        { PIPELINING "< MAIL\n> 250 ok\n", NULL }, { PIPELINING "< MAIL\n> 421 down\n", NULL }, { "close\n", NULL },
        { CHUNKING "< MAIL\n> 250 ok\n> 250 ok\nclose\n", NULL }, { PLAIN "< MAIL\nreset\n", NULL },
    };
    struct scene scene;

    scene_begin(&scene, scripts[_i], false);
    backend_mail(scene.session, SLICE("x"), SLICE_NONE, close_in_callback, &scene);
    backend_rcpt(scene.session, SLICE("y"), SLICE_NONE, on_result, &scene.results);
    backend_reset(scene.session, on_result, &scene.results);
    WAIT_FOR(scene.peer->base, scene.results.count == 1 && backend_pool_sessions(scene.pool) == 0);
    loop_until(scene.peer->base, NULL, 0.1);
    ck_assert_uint_eq(scene.results.count, 1);
    ck_assert_ptr_null(scene.session);
    scene_end(&scene);
}
END_TEST

/* At any moment of a message: no callback after it, nothing whole arrives, nothing leaks. */
START_TEST(test_close_at_any_time)
{
    static const char *const scripts[] = { CHUNKING LARGE_MAIL "< BDAT\nbytes 9000000\n> 250 queued\n", NULL };
    struct scene scene;

    scene_begin(&scene, scripts, false);
    send_message(&scene, large_spool());
    loop_until(scene.peer->base, NULL, 0.001 * _i);
    scene.results.wanted = RESULTS_MOST;
    size_t before = scene.results.count;
    backend_close(&scene.session);
    WAIT_FOR(scene.peer->base, backend_pool_sessions(scene.pool) == 0);
    ck_assert_uint_eq(scene.results.count, before);
    scene_end(&scene);
}
END_TEST

static void ask_more(void *context, const struct backend_result *result)
{
    struct scene *scene = context;
    size_t before = scene->results.count;

    if (before == 0)
        backend_rcpt(scene->session, SLICE("y"), SLICE_NONE, ask_more, scene);
    else if (before == 1)
        backend_reset(scene->session, ask_more, scene);
    ck_assert_uint_eq(scene->results.count, before);
    on_result(&scene->results, result);
}

START_TEST(test_ask_in_callback)
{
    static const char *const scripts[] = { PIPELINING "< MAIL\n> 250 one\n< RCPT\n> 250 two\n" AFTER, NULL };
    struct scene scene;

    scene_begin(&scene, scripts, false);
    scene.results.wanted = 3;
    backend_mail(scene.session, SLICE("x"), SLICE_NONE, ask_more, &scene);
    loop_until(scene.peer->base, &scene.results.done, 10);
    ck_assert_str_eq(scene.results.text[0], "250 one");
    ck_assert_str_eq(scene.results.text[1], "250 two");
    ck_assert_str_eq(scene.results.text[2], "250 2.0.0 Ok");
    scene_end(&scene);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_backend(void);

Suite *suite_backend(void)
{
    Suite *suite = suite_create("backend");
    TCase *dialogue = tcase_create("dialogue");
    TCase *messages = tcase_create("messages");
    TCase *callers = tcase_create("callers");

    tcase_set_timeout(dialogue, 20);
    tcase_add_test(dialogue, test_rows);
    tcase_add_test(dialogue, test_fails_after_any_octet_said);
    tcase_add_test(dialogue, test_fails_after_any_octet_heard);
    suite_add_tcase(suite, dialogue);
    tcase_set_timeout(messages, 30);
    tcase_add_loop_test(messages, test_large, 0, ROWS(large_rows));
    tcase_add_loop_test(messages, test_final_before_all_is_written, 0, ROWS(final_rows));
    tcase_add_test(messages, test_slow);
    tcase_add_loop_test(messages, test_spool_fails, 0, 2);
    tcase_add_loop_test(messages, test_content, 0, ROWS(content_rows));
    suite_add_tcase(suite, messages);
    tcase_add_test(callers, test_line_is_one_line);
    tcase_add_loop_test(callers, test_auth, 0, sizeof(exchanges) / sizeof(exchanges[0]));
    tcase_add_loop_test(callers, test_auth_long, 0, 2);
    tcase_add_test(callers, test_auth_in_order);
    tcase_add_loop_test(callers, test_required_not_offered, 0, 3);
    tcase_add_loop_test(callers, test_offer_of_session, 0, 2);
    tcase_add_test(callers, test_two_transactions);
    tcase_add_loop_test(callers, test_lost_while_idle, 0, 3);
    tcase_add_loop_test(callers, test_close_in_callback, 0, 5);
    tcase_add_loop_test(callers, test_close_at_any_time, 0, 30);
    tcase_add_test(callers, test_ask_in_callback);
    suite_add_tcase(suite, callers);
    return suite;
}
