/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c: the owner's side of streams. libevent's own buffered events are not used: they read 4 KiB at a time, may
 * leave data lying that TLS decrypted while reading was suspended, and cannot change to TLS with output pending.
 * Nothing here reads or writes; what a call leads to happens in stream_work(), in the same turn of the loop.
 *
 * A stream belongs to its owner until stream_close_gracefully(), then to the list `closing`.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/stream_private.h"
#include "rules/arena.h"

static struct {
    struct stream *oldest;
    struct stream *newest;
    unsigned count;
} closing;

static void on_event(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor;
    stream_work(context, what);
}

static void on_notice(evutil_socket_t descriptor, short what, void *context)
{
    struct stream *stream = context;

    (void)descriptor;
    (void)what;
    stream->notify(stream->context);
}

static void on_deadline(evutil_socket_t descriptor, short what, void *context)
{
    struct stream *stream = context;

    (void)descriptor;
    (void)what;
    stream_free(&stream);
}

static struct stream *stream_new(struct event_base *base, int descriptor, enum stream_state state, stream_notify notify,
                                 void *context)
{
    struct stream *stream = memory_zeroed(1, sizeof(*stream));
    int on = 1;

    stream->descriptor = descriptor;
    stream->state = state;
    stream->notify = notify;
    stream->context = context;
    stream->input_room = STREAM_BUFFER_LEAST;
    event_assign(&stream->readable, base, descriptor, EV_READ | EV_PERSIST, on_event, stream);
    event_assign(&stream->writable, base, descriptor, EV_WRITE, on_event, stream);
    event_assign(&stream->notice, base, -1, 0, on_notice, stream);
    evtimer_assign(&stream->deadline, base, on_deadline, stream);
    /* Replies are written whole; waiting for the peer's acknowledgement would only delay them. Not TCP, not needed. */
    if (descriptor >= 0)
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return stream;
}

struct stream *stream_accept(struct event_base *base, int descriptor, stream_notify notify, void *context)
{
    struct stream *stream = stream_new(base, descriptor, STREAM_OPEN, notify, context);
    int most = STREAM_KERNEL_OUTPUT_MOST;

    /* Left to itself the kernel takes up to 4 MiB (tcp_wmem) for a peer that asks and asks and reads nothing. */
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
    stream_watch(stream);
    return stream;
}

/* How soon a full queue is looked at again. */
#define QUEUE_MICROSECONDS 20000

static void begin_connecting(struct stream *stream, const struct sockaddr *address, socklen_t length);

static void on_again(evutil_socket_t descriptor, short what, void *context)
{
    struct stream *stream = context;

    (void)descriptor;
    (void)what;
    begin_connecting(stream, (const struct sockaddr *)&stream->queue->address, stream->queue->length);
}

static void connect_again(struct stream *stream, const struct sockaddr *address, socklen_t length)
{
    struct timeval soon = { .tv_usec = QUEUE_MICROSECONDS };

    if (stream->queue == NULL) {
        stream->queue = memory_zeroed(1, sizeof(*stream->queue));
        stream->queue->length = length;
        memcpy(&stream->queue->address, address, length);
        evtimer_assign(&stream->queue->again, event_get_base(&stream->notice), on_again, stream);
    }
    evtimer_add(&stream->queue->again, &soon);
}

static void begin_connecting(struct stream *stream, const struct sockaddr *address, socklen_t length)
{
    if (connect(stream->descriptor, address, length) == 0 || errno == EINPROGRESS)
        stream_watch(stream);
    else if (errno == EAGAIN && address->sa_family == AF_UNIX)
        connect_again(stream, address, length);
    else
        stream_break(stream, "connecting: %s", strerror(errno));
}

struct stream *stream_connect(struct event_base *base, const struct sockaddr *address, int length, stream_notify notify,
                              void *context)
{
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stream *stream = stream_new(base, descriptor, STREAM_CONNECTING, notify, context);

    if (descriptor < 0)
        stream_break(stream, "making a socket: %s", strerror(errno));
    else
        begin_connecting(stream, address, (socklen_t)length);
    return stream;
}

void stream_keep_secret(struct stream *stream)
{
    stream->input.secret = stream->output.secret = true;
    if (stream->tls != NULL)
        tls_session_keep_secret(stream->tls);
}

void stream_set_owner(struct stream *stream, stream_notify notify, void *context)
{
    stream->notify = notify;
    stream->context = context;
}

static void enter_closing(struct stream *stream)
{
    stream->closing = true;
    stream->older = closing.newest;
    if (closing.newest != NULL)
        closing.newest->newer = stream;
    else
        closing.oldest = stream;
    closing.newest = stream;
    closing.count++;
}

static void leave_closing(struct stream *stream)
{
    if (stream->newer != NULL)
        stream->newer->older = stream->older;
    else
        closing.newest = stream->older;
    if (stream->older != NULL)
        stream->older->newer = stream->newer;
    else
        closing.oldest = stream->newer;
    closing.count--;
}

void stream_free(struct stream **stream_pointer)
{
    struct stream *stream = *stream_pointer;

    *stream_pointer = NULL;
    if (stream == NULL)
        return;
    if (stream->closing)
        leave_closing(stream);
    event_del(&stream->readable);
    event_del(&stream->writable);
    event_del(&stream->notice);
    event_del(&stream->deadline);
    if (stream->queue != NULL)
        event_del(&stream->queue->again);
    free(stream->queue);
    SSL_free(stream->tls);
    if (stream->descriptor >= 0)
        close(stream->descriptor);
    stream_buffer_clear(&stream->input);
    stream_buffer_clear(&stream->output);
    free(stream);
}

static void free_oldest_closing(void)
{
    struct stream *stream = closing.oldest;

    stream_free(&stream);
}

void stream_close_gracefully(struct stream **stream_pointer, unsigned seconds)
{
    struct stream *stream = *stream_pointer;
    struct timeval limit = { .tv_sec = (time_t)seconds };

    if (stream == NULL)
        return;
    if (!stream_is_up(stream) && stream->clear_left == 0) {
        stream_free(stream_pointer);
        return;
    }
    *stream_pointer = NULL;
    event_del(&stream->notice);
    enter_closing(stream);
    evtimer_add(&stream->deadline, &limit);
    event_active(&stream->writable, EV_WRITE, 0);
    if (closing.count > STREAM_CLOSING_MOST)
        free_oldest_closing();
}

void stream_free_closing(void)
{
    while (closing.count > 0)
        free_oldest_closing();
}

enum stream_state stream_state(const struct stream *stream)
{
    return stream->state;
}

const char *stream_problem(const struct stream *stream)
{
    return stream->problem;
}

struct slice stream_peek(struct stream *stream, size_t most)
{
    if (stream->input.length == 0)
        return SLICE("");
    return slice_first(slice_of(stream->input.bytes + stream->input.start, stream->input.length), most);
}

size_t stream_input_length(const struct stream *stream)
{
    return stream->input.length;
}

bool stream_has_spoken(const struct stream *stream)
{
    int waiting = 0;

    if (stream->input.length > 0 || stream->tls != NULL || stream->descriptor < 0)
        return stream->input.length > 0;
    return ioctl(stream->descriptor, FIONREAD, &waiting) == 0 && waiting > 0;
}

void stream_consume(struct stream *stream, size_t length)
{
    bool resumes = !stream->reading && stream->state == STREAM_OPEN;

    stream_buffer_drop(&stream->input, length);
    if (!resumes)
        return;
    stream_watch(stream);
    /* What is decrypted already makes no socket readable. */
    if (stream->reading && stream->tls != NULL && SSL_pending(stream->tls) > 0)
        event_active(&stream->readable, EV_READ, 0);
}

void stream_write(struct stream *stream, struct slice bytes)
{
    struct stream_buffer *output = &stream->output;

    if (stream->state == STREAM_BROKEN || bytes.length == 0)
        return;
    stream_buffer_reserve(output, bytes.length, STREAM_BUFFER_LEAST);
    memcpy(output->bytes + output->start + output->length, bytes.text, bytes.length);
    output->length += bytes.length;
    if (!stream->blocked && stream_is_up(stream))
        event_active(&stream->writable, EV_WRITE, 0);
}

size_t stream_unsent(const struct stream *stream)
{
    return stream->output.length;
}

void stream_set_output_mark(struct stream *stream, size_t mark)
{
    stream->output_mark = mark;
}

bool stream_start_tls_server(struct stream *stream, const struct tls_context *tls,
                             const struct tls_authorities *authorities, enum stream_before_tls before,
                             size_t *discarded_out)
{
    struct slice early = before == STREAM_INPUT_IS_TLS ? stream_peek(stream, stream->input.length) : SLICE_NONE;

    if (stream->state != STREAM_OPEN || stream->tls != NULL)
        return false;
    stream->tls = tls_session_new(tls, authorities, stream->descriptor, early);
    if (stream->tls == NULL)
        bug("out of memory");
    if (stream->input.secret)
        tls_session_keep_secret(stream->tls);
    if (discarded_out != NULL)
        *discarded_out = stream->input.length - early.length;
    stream_buffer_clear(&stream->input);
    stream->clear_left = stream->output.length;
    stream->state = STREAM_HANDSHAKE;
    stream_watch(stream);
    /* The socket will not say again that these came. */
    if (early.length > 0)
        event_active(&stream->readable, EV_READ, 0);
    return true;
}

bool stream_start_tls_client(struct stream *stream, const struct tls_client *tls)
{
    if (stream->state != STREAM_OPEN || stream->tls != NULL)
        return false;
    stream->tls = tls_client_session_new(tls, stream->descriptor);
    if (stream->tls == NULL)
        bug("out of memory");
    stream_buffer_clear(&stream->input);
    stream->clear_left = stream->output.length;
    stream->state = STREAM_HANDSHAKE;
    stream_watch(stream);
    /* It is the client that speaks first. */
    event_active(&stream->writable, EV_WRITE, 0);
    return true;
}

bool stream_is_tls(const struct stream *stream)
{
    return stream->tls != NULL && SSL_is_init_finished(stream->tls);
}

void stream_tls_facts(const struct stream *stream, struct arena *arena, struct facts *facts)
{
    tls_session_facts(stream->tls, arena, facts);
}
