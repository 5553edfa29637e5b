/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_script.h: a scripted backend in the test's own event loop. A script is lines:
 *
 *     > text       says a line
 *     + text       says text as it is, but "|" is CRLF and "~" is LF
 *     < text       wants a line that begins so
 *     bytes N      wants N octets
 *     data         wants a message up to its final dot, and keeps it
 *     all          wants BDAT ... LAST with its octets, and keeps them
 *     deaf         reads no more
 *     wait         waits a tenth of a second (after "deaf")
 *     sip N        takes N octets, a quarter of a megabyte in a tenth of a second
 *     close, reset end the connection
 *
 * The end of a script waits, silent. Each connection takes the next script, the last one serves all that come after.
 */
#ifndef MXWARD_TESTS_UNIT_BACKEND_SCRIPT_H
#define MXWARD_TESTS_UNIT_BACKEND_SCRIPT_H

#include "proxy/backend_private.h"
#include "proxy/clock.h"

struct call;
struct evconnlistener;
struct event_base;
struct spool;

#define RESULTS_MOST 16

struct peer {
    struct event_base *base;
    bool borrowed;                 /* the loop is another's */
    struct evconnlistener *listener;
    const char *const *scripts;    /* NULL at the end */
    unsigned connections;          /* so far */
    unsigned open;                 /* now */
    unsigned open_most;
    char address[128];
    size_t says_most;              /* octets of a connection, then it is closed; 0: any number */
    size_t hears_most;
    char mismatch[1024];           /* the first line that was not as its script wants it */
    char message[65536];           /* of "data" and "all" */
    size_t message_length;
    struct call *calls;
};

struct peer *peer_new(const char *const *scripts);
/* In a loop that others use too. */
struct peer *peer_new_in(struct event_base *base, const char *const *scripts);
/* The same at a UNIX socket. */
struct peer *peer_new_unix(const char *const *scripts, const char *path);
void peer_free(struct peer *peer);
/* Runs the loop until `done` (may be NULL) or the time is up. */
void loop_until(struct event_base *base, const bool *done, double seconds);
/* Runs the loop until the condition holds, on a busy machine too; the test ends when it never does. */
#define WAIT_FOR(base, condition)                                                                                      \
    do {                                                                                                               \
        int64_t end = clock_monotonic() + (int64_t)10 * 1000 * 1000;                                                   \
        while (!(condition) && clock_monotonic() < end)                                                                \
            loop_until(base, NULL, 0.002);                                                                             \
        ck_assert_msg(condition, "waited in vain: %s", #condition);                                                    \
    } while (0)

struct results {
    char text[RESULTS_MOST][160];  /* "250 Ok", "LOST why", "BUSY why" */
    size_t count;
    size_t wanted;
    bool done;
};

void on_result(void *context, const struct backend_result *result);

/* Seconds are 1, spares 0, sessions 4. */
struct backend_settings settings_for(const struct peer *peer, bool xclient);
struct backend_client a_client(void);
struct spool *spool_with(struct slice content);

#define XCLIENT_ALL "> 250 XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT DESTADDR DESTPORT\n"
#define GREET "> 220 backend ESMTP\n< EHLO mx.example.org\n"
#define PLAIN GREET "> 250 backend\n"
#define PIPELINING GREET "> 250-backend\n> 250 PIPELINING\n"
#define CHUNKING GREET "> 250-backend\n> 250-PIPELINING\n> 250 CHUNKING\n"

#endif
