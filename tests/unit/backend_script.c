/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_script.c: the scripted backend of the backend's tests; backend_script.h has its language. It reads by
 * libevent's own buffers and writes straight to the socket, so that nothing of the code under test is used to test
 * it.
 */
#include "tests/unit/backend_script.h"

#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "proxy/clock.h"
#include "proxy/spool.h"

struct call {
    struct peer *peer;
    struct bufferevent *stream;
    const char *at;                /* in its script */
    size_t said;
    size_t heard;
    size_t sips;                   /* octets still to be taken by "sip" */
    struct call *next;
};

/* ---- the scripted backend */

static struct slice script_line(const char *at)
{
    return slice_of(at, strcspn(at, "\n"));
}

static void next_line(struct call *call)
{
    call->at += strcspn(call->at, "\n");
    if (*call->at == '\n')
        call->at++;
}

static void hang_up(struct call *call, bool reset)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    if (call->stream == NULL)
        return;
    if (reset)
        setsockopt(bufferevent_getfd(call->stream), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    bufferevent_free(call->stream);
    call->stream = NULL;
    call->peer->open--;
}

static void keep_message(struct peer *peer, struct evbuffer *input, size_t length)
{
    ck_assert_uint_le(length, sizeof(peer->message));
    peer->message_length = length;
    evbuffer_remove(input, peer->message, length);
}

static bool want_line(struct call *call, struct slice wanted)
{
    struct evbuffer *input = bufferevent_get_input(call->stream);
    size_t length;
    char *line = evbuffer_readln(input, &length, EVBUFFER_EOL_CRLF_STRICT);

    if (line == NULL)
        return false;
    if (!slice_starts_with(slice_of(line, length), wanted) && call->peer->mismatch[0] == '\0')
        snprintf(call->peer->mismatch, sizeof(call->peer->mismatch), "wanted \"%.*s\", got \"%s\"", SLICE_ARG(wanted),
                 line);
    free(line);
    return true;
}

/* Nothing is said after the final dot until it is answered, so it is at the end of what has come. */
static bool want_data(struct call *call)
{
    struct evbuffer *input = bufferevent_get_input(call->stream);
    size_t length = evbuffer_get_length(input);
    struct evbuffer_ptr end;
    char last[5];

    if (length < sizeof(last) || evbuffer_ptr_set(input, &end, length - sizeof(last), EVBUFFER_PTR_SET) != 0)
        return false;
    evbuffer_copyout_from(input, &end, last, sizeof(last));
    if (memcmp(last, "\r\n.\r\n", sizeof(last)) != 0)
        return false;
    keep_message(call->peer, input, length);
    return true;
}

static bool want_all(struct call *call)
{
    struct evbuffer *input = bufferevent_get_input(call->stream);
    struct evbuffer_ptr end = evbuffer_search(input, " LAST\r\n", 7, NULL);
    char head[64] = "";
    size_t length;

    if (end.pos < 0 || end.pos > 50)
        return false;
    evbuffer_copyout(input, head, (size_t)end.pos);
    ck_assert_int_eq(sscanf(head, "BDAT %zu", &length), 1);
    if (evbuffer_get_length(input) < (size_t)end.pos + 7 + length)
        return false;
    evbuffer_drain(input, (size_t)end.pos + 7);
    keep_message(call->peer, input, length);
    return true;
}

static bool want_bytes(struct call *call, size_t count)
{
    struct evbuffer *input = bufferevent_get_input(call->stream);

    return evbuffer_get_length(input) >= count && evbuffer_drain(input, count) == 0;
}

/* At once, so that "close" comes after it. */
static void say(struct call *call, struct slice text, bool end)
{
    char bytes[2 * AUTH_LINE_MOST + 2];
    size_t length = 0;

    ck_assert_uint_le(2 * text.length + 2, sizeof(bytes));
    for (size_t i = 0; i < text.length; i++) {
        if (!end && text.text[i] == '|')
            bytes[length++] = '\r';
        bytes[length++] = !end && (text.text[i] == '|' || text.text[i] == '~') ? '\n' : text.text[i];
    }
    if (end) {
        bytes[length++] = '\r';
        bytes[length++] = '\n';
    }
    bool enough = call->peer->says_most > 0 && call->said + length >= call->peer->says_most;
    if (enough)
        length = call->peer->says_most - call->said;
    call->said += length;
    (void)!send(bufferevent_getfd(call->stream), bytes, length, MSG_NOSIGNAL);
    if (enough)
        hang_up(call, false);
}

static void on_waited(evutil_socket_t descriptor, short what, void *context);
static void on_sip(evutil_socket_t descriptor, short what, void *context);

static void wait_milliseconds(struct call *call, unsigned milliseconds, event_callback_fn callback)
{
    event_base_once(call->peer->base, -1, EV_TIMEOUT, callback, call,
                    &(struct timeval){ .tv_usec = milliseconds * 1000 });
}

/* One line of the script; false: it waits, or the connection is gone. */
static bool play_line(struct call *call)
{
    struct slice line = script_line(call->at);
    struct slice rest = slice_from(line, 2);

    if (slice_starts_with(line, SLICE("> ")) || slice_starts_with(line, SLICE("+ "))) {
        say(call, rest, line.text[0] == '>');
    } else if (slice_starts_with(line, SLICE("< "))) {
        if (!want_line(call, rest))
            return false;
    } else if (slice_equal(line, SLICE("data"))) {
        if (!want_data(call))
            return false;
    } else if (slice_equal(line, SLICE("all"))) {
        if (!want_all(call))
            return false;
    } else if (slice_starts_with(line, SLICE("bytes "))) {
        if (!want_bytes(call, (size_t)strtoul(line.text + 6, NULL, 10)))
            return false;
    } else if (slice_equal(line, SLICE("deaf"))) {
        bufferevent_disable(call->stream, EV_READ);
    } else if (slice_equal(line, SLICE("wait"))) {
        next_line(call);
        wait_milliseconds(call, 100, on_waited);
        return false;
    } else if (slice_starts_with(line, SLICE("sip "))) {
        call->sips = (size_t)strtoul(line.text + 4, NULL, 10);
        bufferevent_disable(call->stream, EV_READ);
        next_line(call);
        wait_milliseconds(call, 100, on_sip);
        return false;
    } else if (slice_equal(line, SLICE("close")) || slice_equal(line, SLICE("reset"))) {
        hang_up(call, line.text[0] == 'r');
        return false;
    } else {
        ck_abort_msg("script: %.*s", SLICE_ARG(line));
    }
    next_line(call);
    return call->stream != NULL;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct call *call = context;

    (void)input;
    call->heard += info->n_added;
}

static void on_read(struct bufferevent *stream, void *context)
{
    struct call *call = context;

    (void)stream;
    if (call->stream != NULL && call->peer->hears_most > 0 && call->heard >= call->peer->hears_most)
        hang_up(call, false);
    while (call->stream != NULL && *call->at != '\0' && play_line(call))
        continue;
}

static void on_waited(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor, (void)what;
    on_read(NULL, context);
}

static void on_sip(evutil_socket_t descriptor, short what, void *context)
{
    struct call *call = context;
    struct evbuffer *input = bufferevent_get_input(call->stream);
    static char bytes[1 << 18];
    size_t length = sizeof(bytes) < call->sips ? sizeof(bytes) : call->sips;
    ssize_t taken = evbuffer_remove(input, bytes, length);

    (void)descriptor, (void)what;
    call->sips -= (size_t)taken;
    taken = recv(bufferevent_getfd(call->stream), bytes, length - (size_t)taken, MSG_DONTWAIT);
    call->sips -= taken > 0 ? (size_t)taken : 0;
    if (call->sips > 0) {
        wait_milliseconds(call, 100, on_sip);
        return;
    }
    bufferevent_enable(call->stream, EV_READ);
    on_read(call->stream, call);
}

static void on_end(struct bufferevent *stream, short what, void *context)
{
    (void)stream, (void)what;
    hang_up(context, false);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t descriptor, struct sockaddr *address, int length,
                      void *context)
{
    struct peer *peer = context;
    struct call *call = memory_zeroed(1, sizeof(*call));
    size_t script = 0;
    int on = 1;

    (void)listener, (void)address, (void)length;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (script < peer->connections && peer->scripts[script + 1] != NULL)
        script++;
    peer->connections++;
    peer->open++;
    if (peer->open > peer->open_most)
        peer->open_most = peer->open;
    call->peer = peer;
    call->at = peer->scripts[script];
    call->next = peer->calls;
    peer->calls = call;
    call->stream = bufferevent_socket_new(peer->base, descriptor, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(call->stream, on_read, NULL, on_end, call);
    evbuffer_add_cb(bufferevent_get_input(call->stream), on_input, call);
    bufferevent_enable(call->stream, EV_READ | EV_WRITE);
    on_read(call->stream, call);
}

static struct peer *peer_listen(struct event_base *base, const char *const *scripts, const void *address, size_t length)
{
    struct peer *peer = memory_zeroed(1, sizeof(*peer));

    peer->base = base == NULL ? event_base_new() : base;
    peer->borrowed = base != NULL;
    peer->scripts = scripts;
    peer->listener = evconnlistener_new_bind(peer->base, on_accept, peer, LEV_OPT_CLOSE_ON_FREE, 64, address,
                                             (int)length);
    ck_assert_ptr_nonnull(peer->listener);
    return peer;
}

struct peer *peer_new_in(struct event_base *base, const char *const *scripts)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct peer *peer = peer_listen(base, scripts, &address, sizeof(address));
    socklen_t length = sizeof(address);

    getsockname(evconnlistener_get_fd(peer->listener), (struct sockaddr *)&address, &length);
    snprintf(peer->address, sizeof(peer->address), "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return peer;
}

struct peer *peer_new(const char *const *scripts)
{
    return peer_new_in(NULL, scripts);
}

struct peer *peer_new_unix(const char *const *scripts, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct peer *peer;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    peer = peer_listen(NULL, scripts, &address, sizeof(address));
    snprintf(peer->address, sizeof(peer->address), "unix:%s", path);
    return peer;
}

void peer_free(struct peer *peer)
{
    while (peer->calls != NULL) {
        struct call *call = peer->calls;
        peer->calls = call->next;
        hang_up(call, false);
        free(call);
    }
    evconnlistener_free(peer->listener);
    if (!peer->borrowed)
        event_base_free(peer->base);
    free(peer);
}

void loop_until(struct event_base *base, const bool *done, double seconds)
{
    int64_t end = clock_monotonic() + (int64_t)(seconds * 1e6);

    do {
        int64_t left = end - clock_monotonic();
        struct timeval tick = { .tv_usec = (suseconds_t)(left < 2000 ? (left < 0 ? 0 : left) : 2000) };
        event_base_loopexit(base, &tick);
        event_base_dispatch(base);
    } while (clock_monotonic() < end && (done == NULL || !*done));
}

/* ---- results */

void on_result(void *context, const struct backend_result *result)
{
    struct results *results = context;
    struct arena *arena = arena_new();
    struct slice text = SLICE_NONE;

    ck_assert_uint_lt(results->count, RESULTS_MOST);
    switch (result->outcome) {
    case BACKEND_REPLIED:
        text = reply_text(arena, &result->reply);
        break;
    case BACKEND_BUSY:
        text = arena_printf(arena, "BUSY %s", result->problem);
        break;
    case BACKEND_LOST:
        text = arena_printf(arena, "LOST %s", result->problem);
        break;
    }
    snprintf(results->text[results->count++], sizeof(results->text[0]), "%.*s", SLICE_ARG(text));
    results->done = results->count == results->wanted;
    arena_free(&arena);
}

struct backend_settings settings_for(const struct peer *peer, bool xclient)
{
    return (struct backend_settings){
        .address = peer->address,
        .identity = xclient ? BACKEND_IDENTITY_XCLIENT : BACKEND_IDENTITY_NONE,
        .hostname = "mx.example.org",
        .sessions_most = 4,
        .command_seconds = 1,
        .connect_seconds = 1,
        .data_seconds = 1,
    };
}

struct backend_client a_client(void)
{
    return (struct backend_client){
        .address = { .family = 4, .bytes = { 198, 51, 100, 7 } },
        .port = 4711,
        .local_address = { .family = 4, .bytes = { 203, 0, 113, 25 } },
        .local_port = 25,
        .name = SLICE("client.example.net"),
        .reverse_name = SLICE("client.example.net"),
        .helo = SLICE("helo.example.net"),
        .esmtp = true,
    };
}

static struct spool_budget budget = { .directory = "/tmp" };

struct spool *spool_with(struct slice content)
{
    struct spool *spool = spool_new(&budget);

    ck_assert_int_eq(spool_append(spool, content), SPOOL_OK);
    return spool;
}
