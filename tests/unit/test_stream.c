/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stream.c: streams over real sockets, and over real TLS with OpenSSL's own client. Both ends run in this
 * process: turn() gives the stream's loop and the peer a step each, until() repeats that.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/err.h>

#include "policy/facts.h"
#include "proxy/stream.h"
#include "proxy/stream_private.h"
#include "proxy/tls.h"
#include "rules/arena.h"
#include "tests/unit/certificate.h"

#define must(condition) do { if (!(condition)) ck_abort_msg("not so: %s", #condition); } while (0)
#define ck_assert_slice(got, expected) do { \
        struct slice got_ = (got), expected_ = (expected); \
        ck_assert_msg(slice_equal(got_, expected_), "got \"%.*s\", expected \"%.*s\"", SLICE_ARG(got_), \
                      SLICE_ARG(expected_)); \
    } while (0)

static struct event_base *base;
static struct stream *stream;
static int peer;                   /* descriptor, non-blocking */
static SSL *peer_tls;
static SSL_CTX *peer_context;
static char *peer_input;           /* what the peer has read */
static size_t peer_length;
static bool peer_ended;            /* FIN, or close_notify under TLS */
static int peer_error;
static unsigned notified;
static bool calling;               /* within a call of the stream: no notice may come */

static void on_notify(void *context)
{
    must(context == &notified);
    must(!calling);
    notified++;
}

static int listen_somewhere(struct sockaddr_in *address)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(*address);

    *address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    must(bind(descriptor, (struct sockaddr *)address, sizeof(*address)) == 0 && listen(descriptor, 5) == 0);
    must(getsockname(descriptor, (struct sockaddr *)address, &size) == 0);
    return descriptor;
}

/* A TCP connection over loopback: the peer's end, and ours. */
static int connect_peer(void)
{
    struct sockaddr_in address;
    int listener = listen_somewhere(&address);
    int accepted;

    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(connect(peer, (struct sockaddr *)&address, sizeof(address)) == 0);
    must(fcntl(peer, F_SETFL, O_NONBLOCK) == 0);
    accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    must(accepted >= 0);
    close(listener);
    return accepted;
}

static void set_up(void)
{
    base = event_base_new();
    peer_context = SSL_CTX_new(TLS_client_method());
    stream = stream_accept(base, connect_peer(), on_notify, &notified);
    notified = 0;
    peer_input = NULL;
    peer_length = 0;
    peer_ended = false;
    peer_error = 0;
}

static void close_peer(void)
{
    SSL_free(peer_tls);
    peer_tls = NULL;
    if (peer >= 0)
        close(peer);
    peer = -1;
}

static void tear_down(void)
{
    stream_free(&stream);
    stream_free_closing();
    close_peer();
    SSL_CTX_free(peer_context);
    event_base_free(base);
    free(peer_input);
}

static void peer_note_end(ssize_t count)
{
    if (peer_tls != NULL) {
        int reason = SSL_get_error(peer_tls, (int)count);

        peer_ended = peer_ended || reason == SSL_ERROR_ZERO_RETURN;
        if (reason == SSL_ERROR_SSL || reason == SSL_ERROR_SYSCALL)
            peer_error = -1;
        ERR_clear_error();
    } else if (count == 0) {
        peer_ended = true;
    } else if (errno != EAGAIN) {
        peer_error = errno;
    }
}

/* Reads what there is, some. */
static void peer_read(void)
{
    static char bytes[65536];
    ssize_t count = peer_tls != NULL ? SSL_read(peer_tls, bytes, sizeof(bytes)) : recv(peer, bytes, sizeof(bytes), 0);

    if (count <= 0) {
        peer_note_end(count);
        return;
    }
    peer_input = memory_grown(peer_input, peer_length + (size_t)count);
    memcpy(peer_input + peer_length, bytes, (size_t)count);
    peer_length += (size_t)count;
}

/* How much went. */
static size_t peer_write(struct slice bytes)
{
    ssize_t count = peer_tls != NULL ? SSL_write(peer_tls, bytes.text, (int)bytes.length)
                                     : send(peer, bytes.text, bytes.length, MSG_NOSIGNAL);

    if (count <= 0 && peer_tls != NULL)
        ERR_clear_error();
    return count < 0 ? 0 : (size_t)count;
}

static void loop(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static void turn(void)
{
    loop();
    if (peer >= 0 && !peer_ended && peer_error == 0)
        peer_read();
}

#define until(condition) do { \
        time_t limit_ = time(NULL) + 10; \
        while (!(condition)) { \
            turn(); \
            if (time(NULL) > limit_) \
                ck_abort_msg("never: %s", #condition); \
        } \
    } while (0)

static bool peer_has(struct slice text)
{
    return slice_equal(slice_of(peer_input, peer_length), text);
}

static bool input_is(struct slice text)
{
    return slice_equal(stream_peek(stream, 1000), text);
}

/* ---- sockets */

START_TEST(test_bytes_both_ways)
{
    peer_write(SLICE("EHLO x\r\nMAIL"));
    until(stream_input_length(stream) == 12);
    ck_assert_uint_ge(notified, 1);
    ck_assert_slice(stream_peek(stream, 4), SLICE("EHLO"));
    stream_consume(stream, 8);
    ck_assert_slice(stream_peek(stream, 100), SLICE("MAIL"));
    stream_consume(stream, 4);
    ck_assert_uint_eq(stream_peek(stream, 100).length, 0);
    calling = true;
    stream_write(stream, SLICE("250 a\r\n"));
    stream_write(stream, SLICE("250 b\r\n"));
    calling = false;
    ck_assert_uint_eq(stream_unsent(stream), 14);
    until(peer_has(SLICE("250 a\r\n250 b\r\n")));
    ck_assert_uint_eq(stream_unsent(stream), 0);
    ck_assert_int_eq(stream_state(stream), STREAM_OPEN);
    ck_assert_str_eq(stream_problem(stream), "");
    ck_assert(!stream_is_tls(stream));
    /* Nothing is held for an idle session. */
    ck_assert_ptr_null(stream->input.bytes);
    ck_assert_ptr_null(stream->output.bytes);
}
END_TEST

/* One notice for all that happened in a turn, and none without a cause. */
START_TEST(test_notices)
{
    for (int i = 0; i < 10; i++)
        loop();
    ck_assert_uint_eq(notified, 0);
    peer_write(SLICE("a"));
    until(notified > 0);
    ck_assert_uint_eq(notified, 1);
    stream_write(stream, SLICE("b"));
    until(notified > 1);
    for (int i = 0; i < 10; i++)
        loop();
    ck_assert_uint_eq(notified, 2);
}
END_TEST

static char pattern(size_t offset)
{
    return (char)(offset * 7 + offset / 253);
}

/* The peer sends `total` bytes as fast as it may; all arrive, in order, and never more than the mark are held. */
static void pour_in(size_t total, size_t step)
{
    static char bytes[10000];
    size_t sent = 0, got = 0;
    time_t limit = time(NULL) + 20;

    while (got < total) {
        struct slice input;
        size_t length = total - sent < sizeof(bytes) ? total - sent : sizeof(bytes);

        for (size_t i = 0; i < length; i++)
            bytes[i] = pattern(sent + i);
        if (length > 0)
            sent += peer_write(slice_of(bytes, length));
        turn();
        must(stream_input_length(stream) <= STREAM_INPUT_MOST);
        if (sent < total && stream_input_length(stream) < STREAM_INPUT_MOST / 2)
            continue;
        input = stream_peek(stream, step);
        for (size_t i = 0; i < input.length; i++)
            must(input.text[i] == pattern(got + i));
        got += input.length;
        stream_consume(stream, input.length);
        must(time(NULL) < limit);
    }
    ck_assert_uint_eq(stream_input_length(stream), 0);
}

static const size_t steps[] = { 6, 1000, 40000, STREAM_INPUT_MOST };

START_TEST(test_input_is_bounded)
{
    pour_in(_i == 0 ? 300000 : 3000000, steps[_i]);
}
END_TEST

START_TEST(test_input_stops_when_not_consumed)
{
    static char bytes[10000];
    size_t sent = 0;

    for (int i = 0; i < 3000; i++) {
        sent += peer_write(slice_of(bytes, sizeof(bytes)));
        loop();
    }
    ck_assert_uint_gt(sent, STREAM_INPUT_MOST);
    ck_assert_uint_eq(stream_input_length(stream), STREAM_INPUT_MOST);
    ck_assert_uint_le(stream->input.room, STREAM_INPUT_MOST);
    ck_assert(!stream->reading);
}
END_TEST

START_TEST(test_end_with_input)
{
    peer_write(SLICE("QUIT\r\n"));
    shutdown(peer, SHUT_WR);
    until(stream_state(stream) == STREAM_ENDED);
    ck_assert(input_is(SLICE("QUIT\r\n")));
    ck_assert_uint_ge(notified, 1);
    /* Half closed: it may still be told something. */
    stream_write(stream, SLICE("221 bye\r\n"));
    until(peer_has(SLICE("221 bye\r\n")));
    stream_consume(stream, 6);
    ck_assert_int_eq(stream_state(stream), STREAM_ENDED);
}
END_TEST

START_TEST(test_reset)
{
    struct linger linger = { .l_onoff = 1 };

    setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close_peer();
    until(stream_state(stream) == STREAM_BROKEN);
    ck_assert_msg(strstr(stream_problem(stream), "Connection reset") != NULL, "%s", stream_problem(stream));
    stream_write(stream, SLICE("dropped"));
    ck_assert_uint_eq(stream_unsent(stream), 0);
    ck_assert_uint_eq(notified, 1);
}
END_TEST

/* A server that says why and closes is heard although our own writing fails. */
START_TEST(test_last_words_before_broken_pipe)
{
    peer_write(SLICE("421 enough\r\n"));
    close_peer();
    stream_write(stream, SLICE("MAIL"));
    until(stream_state(stream) != STREAM_OPEN);
    stream_write(stream, SLICE("RCPT"));
    until(stream_state(stream) == STREAM_BROKEN || stream_unsent(stream) == 0);
    ck_assert(input_is(SLICE("421 enough\r\n")));
}
END_TEST

START_TEST(test_output_mark)
{
    static char bytes[8 * 1024 * 1024];
    unsigned before;

    stream_set_output_mark(stream, 1024 * 1024);
    stream_write(stream, slice_of(bytes, sizeof(bytes)));
    for (int i = 0; i < 20; i++)
        loop();
    ck_assert_uint_gt(stream_unsent(stream), 1024 * 1024);
    ck_assert_uint_eq(notified, 0);
    until(notified > 0);
    ck_assert_uint_le(stream_unsent(stream), 1024 * 1024);
    before = notified;
    until(stream_unsent(stream) == 0);
    ck_assert_uint_eq(notified, before);
    until(peer_length == sizeof(bytes));
}
END_TEST

static void free_on_notify(void *context)
{
    (void)context;
    stream_free(&stream);
}

static void close_on_notify(void *context)
{
    (void)context;
    stream_write(stream, SLICE("221 bye\r\n"));
    stream_close_gracefully(&stream, 5);
}

START_TEST(test_free_in_notice)
{
    stream_set_owner(stream, free_on_notify, NULL);
    peer_write(SLICE("x"));
    shutdown(peer, SHUT_WR);
    until(stream == NULL);
    until(peer_ended || peer_error != 0);
    stream_free(&stream);
}
END_TEST

START_TEST(test_close_in_notice)
{
    stream_set_owner(stream, close_on_notify, NULL);
    peer_write(SLICE("x"));
    until(stream == NULL);
    until(peer_ended);
    ck_assert(peer_has(SLICE("221 bye\r\n")));
    close_peer();
    for (int i = 0; i < 5; i++)
        loop();
}
END_TEST

/* With much unsent and much unread: the peer reads all that was said, and no reset. */
START_TEST(test_graceful_close)
{
    static char bytes[3 * 1024 * 1024];

    for (int i = 0; i < 100; i++)
        peer_write(slice_of(bytes, 3000));
    until(stream_input_length(stream) > 0);
    stream_write(stream, slice_of(bytes, sizeof(bytes)));
    stream_close_gracefully(&stream, 10);
    ck_assert_ptr_null(stream);
    until(peer_ended || peer_error != 0);
    ck_assert_int_eq(peer_error, 0);
    ck_assert_uint_eq(peer_length, sizeof(bytes));
    for (int i = 0; i < 100; i++)
        peer_write(slice_of(bytes, 3000));
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0, 1);
    close_peer();
    until(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) == 0);
}
END_TEST

/* A peer that neither reads nor closes is not waited for longer than was said. */
START_TEST(test_graceful_close_has_an_end)
{
    static char bytes[16 * 1024 * 1024];

    stream_write(stream, slice_of(bytes, sizeof(bytes)));
    stream_close_gracefully(&stream, 1);
    for (time_t end = time(NULL) + 5; event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > 0 && time(NULL) < end;)
        loop();
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}
END_TEST

START_TEST(test_free_closing)
{
    stream_close_gracefully(&stream, 100);
    stream_free_closing();
    stream_close_gracefully(&stream, 100);
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}
END_TEST

/* One more than may be: the first gives way. */
START_TEST(test_closing_is_bounded)
{
    int peers[STREAM_CLOSING_MOST + 1];
    char byte;

    stream_free(&stream);
    close_peer();
    for (int i = 0; i <= STREAM_CLOSING_MOST; i++) {
        int ends[2];

        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        peers[i] = ends[1];
        stream = stream_accept(base, ends[0], on_notify, &notified);
        stream_close_gracefully(&stream, 100);
    }
    loop();
    /* Ours is shut on all; only the one that is gone cannot be written to. */
    for (int i = 0; i <= STREAM_CLOSING_MOST; i++) {
        must(recv(peers[i], &byte, 1, 0) == 0);
        must((send(peers[i], "x", 1, MSG_NOSIGNAL) == 1) == (i > 0));
    }
    stream_free_closing();
    for (int i = 0; i <= STREAM_CLOSING_MOST; i++)
        close(peers[i]);
    ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}
END_TEST

/* ---- connecting */

START_TEST(test_connect)
{
    struct sockaddr_in address;
    int listener = listen_somewhere(&address);

    stream_free(&stream);
    close_peer();
    calling = true;
    stream = stream_connect(base, (struct sockaddr *)&address, sizeof(address), on_notify, &notified);
    calling = false;
    ck_assert_int_eq(stream_state(stream), STREAM_CONNECTING);
    stream_write(stream, SLICE("early"));
    until(stream_state(stream) == STREAM_OPEN);
    ck_assert_uint_eq(notified, 1);
    peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    close(listener);
    until(peer_has(SLICE("early")));
}
END_TEST

START_TEST(test_connect_refused)
{
    struct sockaddr_in address;

    close(listen_somewhere(&address));
    stream_free(&stream);
    close_peer();
    stream = stream_connect(base, (struct sockaddr *)&address, sizeof(address), on_notify, &notified);
    until(stream_state(stream) == STREAM_BROKEN);
    until(notified == 1);
    ck_assert_str_eq(stream_problem(stream), "connecting: Connection refused");
}
END_TEST

START_TEST(test_connect_fails_at_once)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket" };

    stream_free(&stream);
    close_peer();
    calling = true;
    stream = stream_connect(base, (struct sockaddr *)&address, sizeof(address), on_notify, &notified);
    calling = false;
    ck_assert_int_eq(stream_state(stream), STREAM_BROKEN);
    until(notified == 1);
    ck_assert_str_eq(stream_problem(stream), "connecting: No such file or directory");
    stream_close_gracefully(&stream, 5);
    ck_assert_ptr_null(stream);
}
END_TEST

START_TEST(test_connect_unix)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/mxward-test-stream-%d", (int)getpid());
    unlink(address.sun_path);
    must(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0);
    stream_free(&stream);
    close_peer();
    stream = stream_connect(base, (struct sockaddr *)&address, sizeof(address), on_notify, &notified);
    until(stream_state(stream) == STREAM_OPEN);
    peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    close(listener);
    unlink(address.sun_path);
    peer_write(SLICE("220"));
    until(input_is(SLICE("220")));
}
END_TEST

/* As long as the queue of a UNIX socket is full nobody can connect, and no event tells when that is over: unix(7). */
START_TEST(test_connect_unix_queue)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct stream *another;
    int others[16];
    int count = 0;

    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/mxward-test-stream-%d", (int)getpid());
    unlink(address.sun_path);
    must(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0);
    do {
        ck_assert_int_lt(count, 16);
        others[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    } while (connect(others[count++], (struct sockaddr *)&address, sizeof(address)) == 0);
    stream_free(&stream);
    close_peer();
    stream = stream_connect(base, (struct sockaddr *)&address, sizeof(address), on_notify, &notified);
    stream_write(stream, SLICE("early"));
    another = stream_connect(base, (struct sockaddr *)&address, sizeof(address), on_notify, &notified);
    event_base_loopexit(base, &(struct timeval){ .tv_usec = 100000 });
    event_base_dispatch(base);
    ck_assert_int_eq(stream_state(stream), STREAM_CONNECTING);
    ck_assert_uint_eq(notified, 0);
    stream_free(&another);
    for (int i = 0; i < count; i++)
        close(others[i]);
    for (int i = 0; i < count - 1; i++)
        close(accept(listener, NULL, NULL));
    until(stream_state(stream) == STREAM_OPEN);
    peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    until(peer_has(SLICE("early")));
    close(listener);
    unlink(address.sun_path);
}
END_TEST

/* ---- TLS */

static struct tls_context *make_context(const char *name)
{
    struct made_certificate made = make_certificate("EC", name, 3600, NULL);
    char path[64] = "/tmp/mxward-test-stream-XXXXXX", key_path[80];
    struct tls_certificate paths = { path, key_path };
    struct arena *arena = arena_new();
    struct tls_context *context;
    struct slice problem;

    close(mkstemp(path));
    snprintf(key_path, sizeof(key_path), "%s.key", path);
    write_certificate(&made, NULL, path, key_path);
    context = tls_context_new(&paths, 1, arena, &problem);
    ck_assert_msg(context != NULL, "%.*s", SLICE_ARG(problem));
    unlink(path);
    unlink(key_path);
    arena_free(&arena);
    free_certificate(&made);
    return context;
}

/* From here on the peer speaks TLS; reading and writing shake hands. */
static void peer_begin_tls(void)
{
    peer_tls = SSL_new(peer_context);
    SSL_set_fd(peer_tls, peer);
    SSL_set_connect_state(peer_tls);
    SSL_set_mode(peer_tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* The context is let go at once: the session keeps what it needs. */
static void begin_tls(void)
{
    struct tls_context *context = make_context("mx.example.org");
    size_t discarded = 77;

    calling = true;
    ck_assert(stream_start_tls_server(stream, context, NULL, STREAM_INPUT_IS_CLEAR, &discarded));
    calling = false;
    ck_assert_uint_eq(discarded, 0);
    ck_assert_int_eq(stream_state(stream), STREAM_HANDSHAKE);
    ck_assert(!stream_start_tls_server(stream, context, NULL, STREAM_INPUT_IS_CLEAR, NULL));
    tls_context_release(&context);
    peer_begin_tls();
}

static void open_tls(void)
{
    begin_tls();
    until(stream_state(stream) == STREAM_OPEN && SSL_is_init_finished(peer_tls));
}

static void check_tls_facts(const char *version, struct slice cipher)
{
    struct arena *arena = arena_new();
    struct facts facts = { 0 };

    stream_tls_facts(stream, arena, &facts);
    ck_assert(facts.tls);
    ck_assert_msg(slice_equal(facts.tls_version, slice_of_string(version)), "%.*s", SLICE_ARG(facts.tls_version));
    ck_assert_msg(slice_starts_with(facts.tls_cipher, cipher), "%.*s", SLICE_ARG(facts.tls_cipher));
    ck_assert_uint_ge(facts.tls_bits, 128);
    ck_assert(!facts.tls_resumed && !facts.tls_client.given);
    arena_free(&arena);
}

START_TEST(test_tls)
{
    begin_tls();
    ck_assert(!stream_is_tls(stream));
    until(stream_state(stream) == STREAM_OPEN);
    ck_assert_uint_ge(notified, 1);
    ck_assert(stream_is_tls(stream));
    check_tls_facts("TLSv1.3", SLICE("TLS_"));
    until(SSL_is_init_finished(peer_tls));
    ck_assert_uint_eq(peer_write(SLICE("EHLO x\r\n")), 8);
    until(input_is(SLICE("EHLO x\r\n")));
    stream_consume(stream, 8);
    stream_write(stream, SLICE("250 ok\r\n"));
    until(peer_has(SLICE("250 ok\r\n")));
    ck_assert_ptr_null(stream->input.bytes);
}
END_TEST

START_TEST(test_tls_input_is_bounded)
{
    open_tls();
    pour_in(_i == 0 ? 300000 : 3000000, steps[_i]);
}
END_TEST

START_TEST(test_tls_output)
{
    static char bytes[3 * 1024 * 1024];

    open_tls();
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = pattern(i);
    for (size_t at = 0; at < sizeof(bytes); at += sizeof(bytes) / 4)
        stream_write(stream, slice_of(bytes + at, sizeof(bytes) / 4));
    for (int i = 0; i < 20; i++)
        loop();
    until(peer_length == sizeof(bytes));
    ck_assert(memcmp(peer_input, bytes, sizeof(bytes)) == 0);
    ck_assert_uint_eq(stream_unsent(stream), 0);
}
END_TEST

START_TEST(test_tls_1_2)
{
    SSL_CTX_set_max_proto_version(peer_context, TLS1_2_VERSION);
    open_tls();
    check_tls_facts("TLSv1.2", SLICE("ECDHE-"));
    peer_write(SLICE("x"));
    until(input_is(SLICE("x")));
    /* The peer asks for another handshake, gets no_renegotiation or nothing, and no harm comes of it here. */
    SSL_renegotiate(peer_tls);
    SSL_do_handshake(peer_tls);
    for (int i = 0; i < 20; i++)
        loop();
    ck_assert_int_eq(stream_state(stream), STREAM_OPEN);
    ck_assert(!SSL_renegotiate_pending(stream->tls));
}
END_TEST

START_TEST(test_tls_too_old)
{
    SSL_CTX_set_security_level(peer_context, 0);
    SSL_CTX_set_min_proto_version(peer_context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(peer_context, TLS1_1_VERSION);
    begin_tls();
    until(stream_state(stream) == STREAM_BROKEN);
    ck_assert_msg(strncmp(stream_problem(stream), "TLS handshake: ", 15) == 0, "%s", stream_problem(stream));
    ck_assert_msg(strstr(stream_problem(stream), "unsupported protocol") != NULL, "%s", stream_problem(stream));
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

/* STARTTLS: the 220 goes out in the clear, then TLS. What was piled up behind the command is gone (CVE-2011-0411). */
START_TEST(test_starttls)
{
    struct tls_context *context = make_context("mx.example.org");
    size_t discarded;

    peer_write(SLICE("STARTTLS\r\nRSET\r\nMAIL FROM:<evil@example.org>\r\n"));
    until(stream_input_length(stream) > 10);
    stream_consume(stream, 10);
    stream_write(stream, SLICE("220 go\r\n"));
    ck_assert(stream_start_tls_server(stream, context, NULL, STREAM_INPUT_IS_CLEAR, &discarded));
    ck_assert_uint_eq(discarded, 36);
    ck_assert_uint_eq(stream_input_length(stream), 0);
    tls_context_release(&context);
    until(peer_has(SLICE("220 go\r\n")));
    ck_assert_int_eq(stream_state(stream), STREAM_HANDSHAKE);
    peer_begin_tls();
    peer_length = 0;
    until(stream_state(stream) == STREAM_OPEN && SSL_is_init_finished(peer_tls));
    ck_assert_uint_eq(stream_input_length(stream), 0);
    peer_write(SLICE("EHLO y\r\n"));
    until(stream_input_length(stream) > 0);
    ck_assert(input_is(SLICE("EHLO y\r\n")));
    stream_write(stream, SLICE("250 y\r\n"));
    until(peer_has(SLICE("250 y\r\n")));
}
END_TEST

/* Injected where the stream has not read it yet: TLS gets it, and there is no session. */
START_TEST(test_starttls_injection_in_the_kernel)
{
    struct tls_context *context = make_context("mx.example.org");

    stream_write(stream, SLICE("220 go\r\n"));
    ck_assert(stream_start_tls_server(stream, context, NULL, STREAM_INPUT_IS_CLEAR, NULL));
    tls_context_release(&context);
    peer_write(SLICE("RSET\r\nMAIL FROM:<evil@example.org>\r\n"));
    until(stream_state(stream) == STREAM_BROKEN);
    ck_assert_uint_eq(stream_input_length(stream), 0);
    ck_assert(!stream_is_tls(stream));
    ck_assert(peer_length >= 8 && memcmp(peer_input, "220 go\r\n", 8) == 0);
}
END_TEST

/* What is written while the handshake is under way goes out after it, not before. */
START_TEST(test_written_during_handshake)
{
    struct tls_context *context = make_context("mx.example.org");

    stream_write(stream, SLICE("220 go\r\n"));
    ck_assert(stream_start_tls_server(stream, context, NULL, STREAM_INPUT_IS_CLEAR, NULL));
    stream_write(stream, SLICE("secret\r\n"));
    tls_context_release(&context);
    until(peer_length == 8);
    for (int i = 0; i < 10; i++)
        turn();
    ck_assert(peer_has(SLICE("220 go\r\n")));
    peer_length = 0;
    peer_begin_tls();
    until(peer_has(SLICE("secret\r\n")));
}
END_TEST

START_TEST(test_handshake_cut_off)
{
    begin_tls();
    close_peer();
    until(stream_state(stream) == STREAM_BROKEN);
    ck_assert_str_eq(stream_problem(stream), "TLS handshake: the peer closed the connection");
}
END_TEST

START_TEST(test_handshake_with_a_text_client)
{
    struct tls_context *context = make_context("mx.example.org");

    ck_assert(stream_start_tls_server(stream, context, NULL, STREAM_INPUT_IS_CLEAR, NULL));
    tls_context_release(&context);
    peer_write(SLICE("EHLO mail.example.org\r\n"));
    until(stream_state(stream) == STREAM_BROKEN);
    ck_assert_msg(strstr(stream_problem(stream), "wrong version number") != NULL ||
                  strstr(stream_problem(stream), "packet length") != NULL, "%s", stream_problem(stream));
}
END_TEST

START_TEST(test_tls_graceful_close)
{
    static char bytes[1024 * 1024];

    open_tls();
    stream_write(stream, slice_of(bytes, sizeof(bytes)));
    stream_write(stream, SLICE("221 bye\r\n"));
    stream_close_gracefully(&stream, 10);
    until(peer_ended || peer_error != 0);
    /* close_notify, not just an end. */
    ck_assert_int_eq(peer_error, 0);
    ck_assert(peer_ended);
    ck_assert_uint_eq(peer_length, sizeof(bytes) + 9);
    close_peer();
    until(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) == 0);
}
END_TEST

START_TEST(test_tls_peer_closes)
{
    open_tls();
    peer_write(SLICE("QUIT\r\n"));
    if (_i == 0)
        SSL_shutdown(peer_tls);
    shutdown(peer, SHUT_WR);
    until(stream_state(stream) == STREAM_ENDED);
    ck_assert(input_is(SLICE("QUIT\r\n")));
    ck_assert_str_eq(stream_problem(stream), "");
}
END_TEST

/* No signal: the process goes on. */
START_TEST(test_tls_write_to_closed)
{
    struct linger linger = { .l_onoff = 1 };

    open_tls();
    if (_i == 0) {
        /* First an end, then a reset: this is what makes EPIPE. */
        shutdown(peer, SHUT_WR);
        until(stream_state(stream) == STREAM_ENDED);
    }
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close_peer();
    for (int i = 0; i < 50 && stream_state(stream) != STREAM_BROKEN; i++) {
        stream_write(stream, SLICE("250 ok\r\n"));
        loop();
    }
    ck_assert_int_eq(stream_state(stream), STREAM_BROKEN);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

START_TEST(test_tls_garbage)
{
    open_tls();
    send(peer, "this is no record\r\n", 19, 0);
    until(stream_state(stream) == STREAM_BROKEN);
    ck_assert_msg(strstr(stream_problem(stream), "TLS: ") == stream_problem(stream), "%s", stream_problem(stream));
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

/* Asked for by the peer while our own output is stuck: reading wants to write. */
START_TEST(test_tls_key_update)
{
    static char bytes[6 * 1024 * 1024];

    open_tls();
    stream_write(stream, slice_of(bytes, sizeof(bytes)));
    for (int i = 0; i < 20; i++)
        loop();
    ck_assert_uint_gt(stream_unsent(stream), 0);
    must(SSL_key_update(peer_tls, SSL_KEY_UPDATE_REQUESTED) == 1);
    peer_write(SLICE("RSET\r\n"));
    for (int i = 0; i < 20; i++)
        loop();
    until(peer_length == sizeof(bytes));
    until(input_is(SLICE("RSET\r\n")));
    stream_write(stream, SLICE("x"));
    until(peer_length == sizeof(bytes) + 1);
}
END_TEST

static TCase *case_of_sockets(void)
{
    TCase *tests = tcase_create("sockets");
    int rows = (int)(sizeof(steps) / sizeof(steps[0]));

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_bytes_both_ways);
    tcase_add_test(tests, test_notices);
    tcase_add_loop_test(tests, test_input_is_bounded, 0, rows);
    tcase_add_test(tests, test_input_stops_when_not_consumed);
    tcase_add_test(tests, test_end_with_input);
    tcase_add_test(tests, test_reset);
    tcase_add_test(tests, test_last_words_before_broken_pipe);
    tcase_add_test(tests, test_output_mark);
    tcase_add_test(tests, test_free_in_notice);
    tcase_add_test(tests, test_close_in_notice);
    tcase_add_test(tests, test_graceful_close);
    tcase_add_test(tests, test_graceful_close_has_an_end);
    tcase_add_test(tests, test_free_closing);
    tcase_add_test(tests, test_closing_is_bounded);
    tcase_add_test(tests, test_connect);
    tcase_add_test(tests, test_connect_refused);
    tcase_add_test(tests, test_connect_fails_at_once);
    tcase_add_test(tests, test_connect_unix);
    tcase_add_test(tests, test_connect_unix_queue);
    return tests;
}

static TCase *case_of_tls(void)
{
    TCase *tests = tcase_create("tls");
    int rows = (int)(sizeof(steps) / sizeof(steps[0]));

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_tls);
    tcase_add_loop_test(tests, test_tls_input_is_bounded, 0, rows);
    tcase_add_test(tests, test_tls_output);
    tcase_add_test(tests, test_tls_1_2);
    tcase_add_test(tests, test_tls_too_old);
    tcase_add_test(tests, test_starttls);
    tcase_add_test(tests, test_starttls_injection_in_the_kernel);
    tcase_add_test(tests, test_written_during_handshake);
    tcase_add_test(tests, test_handshake_cut_off);
    tcase_add_test(tests, test_handshake_with_a_text_client);
    tcase_add_test(tests, test_tls_graceful_close);
    tcase_add_loop_test(tests, test_tls_peer_closes, 0, 2);
    tcase_add_loop_test(tests, test_tls_write_to_closed, 0, 2);
    tcase_add_test(tests, test_tls_garbage);
    tcase_add_test(tests, test_tls_key_update);
    return tests;
}

Suite *suite_stream(void);

Suite *suite_stream(void)
{
    Suite *suite = suite_create("stream");

    suite_add_tcase(suite, case_of_sockets());
    suite_add_tcase(suite, case_of_tls());
    return suite;
}
