/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_work.c: the loop's side of streams: reading, writing, handshakes and closing, over a socket or over TLS.
 * Sockets tell when there is more to do; TLS is read until it has no more, and may want to read for writing or to
 * write for reading. Failures end in stream_break() with a text.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "proxy/stream_private.h"
#include "rules/arena.h"

/* What a peer may still send to us while we close: enough to come to the end of what was under way. */
#define CLOSING_INPUT_MOST ((size_t)1024 * 1024)

enum transfer { TRANSFER_DONE, TRANSFER_LATER, TRANSFER_ENDED, TRANSFER_BROKEN };

/* ---- buffers */

void stream_buffer_clear(struct stream_buffer *buffer)
{
    if (buffer->secret && buffer->bytes != NULL)
        explicit_bzero(buffer->bytes, buffer->start + buffer->length);
    free(buffer->bytes);
    *buffer = (struct stream_buffer){ .bytes = NULL, .secret = buffer->secret };
}

/* As memory_grown(), which may leave the old bytes somewhere. */
static char *grown(struct stream_buffer *buffer, size_t room)
{
    char *bytes;

    if (!buffer->secret)
        return memory_grown(buffer->bytes, room);
    bytes = memory_alloc(room);
    if (buffer->length > 0)
        memcpy(bytes, buffer->bytes + buffer->start, buffer->length);
    if (buffer->bytes != NULL)
        explicit_bzero(buffer->bytes, buffer->start + buffer->length);
    free(buffer->bytes);
    return bytes;
}

void stream_buffer_reserve(struct stream_buffer *buffer, size_t least, size_t first)
{
    size_t needed = buffer->length + least;
    size_t room = buffer->room == 0 ? first : buffer->room;

    if (buffer->start + needed <= buffer->room)
        return;
    if (buffer->room > 0 && buffer->start < buffer->length)
        room *= 2;
    while (room < needed)
        room *= 2;
    if (buffer->start > 0)
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->length);
    if (buffer->start > 0 && buffer->secret)
        explicit_bzero(buffer->bytes + buffer->length, buffer->start);
    buffer->start = 0;
    if (room > buffer->room)
        buffer->bytes = grown(buffer, room);
    buffer->room = room;
}

void stream_buffer_drop(struct stream_buffer *buffer, size_t length)
{
    if (length >= buffer->length) {
        stream_buffer_clear(buffer);
    } else {
        if (buffer->secret)
            explicit_bzero(buffer->bytes + buffer->start, length);
        buffer->start += length;
        buffer->length -= length;
    }
}

/* ---- what happened */

static void note(struct stream *stream)
{
    if (!stream->closing)
        event_active(&stream->notice, EV_TIMEOUT, 0);
}

void stream_break(struct stream *stream, const char *format, ...)
{
    va_list arguments;

    if (stream->state == STREAM_BROKEN)
        return;
    va_start(arguments, format);
    vsnprintf(stream->problem, sizeof(stream->problem), format, arguments);
    va_end(arguments);
    stream->state = STREAM_BROKEN;
    stream->clear_left = 0;
    stream_buffer_clear(&stream->output);
    note(stream);
}

/* ---- bytes in and out */

/* What OpenSSL means by a result that is not success; a fault is named in `problem`. */
static enum transfer tls_outcome(struct stream *stream, int result, bool writing, const char *doing)
{
    int problem = errno;

    switch (SSL_get_error(stream->tls, result)) {
    case SSL_ERROR_WANT_READ:
        stream->crossed = stream->crossed || writing;
        return TRANSFER_LATER;
    case SSL_ERROR_WANT_WRITE:
        stream->crossed = stream->crossed || !writing;
        stream->blocked = true;
        return TRANSFER_LATER;
    case SSL_ERROR_ZERO_RETURN:
        /* OpenSSL says so of a failed write, too, once the peer has closed its side. */
        if (!writing)
            return TRANSFER_ENDED;
        stream_break(stream, "%s: the peer closed the connection", doing);
        break;
    case SSL_ERROR_SYSCALL:
        stream_break(stream, "%s: %s", doing, problem == 0 ? "the peer closed the connection" : strerror(problem));
        break;
    default:
        stream_break(stream, "%s: %s", doing, tls_take_error("unknown error"));
        break;
    }
    ERR_clear_error();
    return TRANSFER_BROKEN;
}

static bool is_for_later(int problem)
{
    return problem == EAGAIN || problem == EWOULDBLOCK || problem == EINTR;
}

static enum transfer socket_outcome(struct stream *stream, int problem, const char *doing)
{
    if (is_for_later(problem))
        return TRANSFER_LATER;
    stream_break(stream, "%s: %s", doing, strerror(problem));
    return TRANSFER_BROKEN;
}

static enum transfer get_bytes(struct stream *stream, char *bytes, size_t room, size_t *count_out)
{
    *count_out = 0;
    if (stream->tls != NULL) {
        int result;

        ERR_clear_error();
        errno = 0;
        result = SSL_read_ex(stream->tls, bytes, room, count_out);
        return result == 1 ? TRANSFER_DONE : tls_outcome(stream, result, false, "TLS");
    }
    ssize_t count = recv(stream->descriptor, bytes, room, 0);

    if (count < 0)
        return socket_outcome(stream, errno, "reading");
    *count_out = (size_t)count;
    return count == 0 ? TRANSFER_ENDED : TRANSFER_DONE;
}

/* The next buffer is twice as large when this one was filled, and smaller when it was hardly used. */
static void learn_input_room(struct stream *stream, size_t count, size_t space)
{
    size_t room = stream->input.room;

    if (count == space && room < STREAM_INPUT_MOST)
        stream->input_room = room * 2;
    else if (count < room / 4 && room > STREAM_BUFFER_LEAST)
        stream->input_room = room / 2;
}

/* Reading stops here until half of it is consumed; see stream_buffer_reserve(). */
static bool input_is_full(const struct stream_buffer *input)
{
    return input->length > STREAM_INPUT_MOST / 2 && input->start + input->length == STREAM_INPUT_MOST;
}

/* Once from a socket, which tells when there is more; from TLS until it has no more, for it does not tell. */
static void receive(struct stream *stream)
{
    struct stream_buffer *input = &stream->input;
    enum transfer outcome = TRANSFER_DONE;
    size_t before = input->length;

    while (outcome == TRANSFER_DONE && !input_is_full(input)) {
        size_t space;
        size_t count;

        stream_buffer_reserve(input, 1, stream->input_room);
        space = input->room - input->start - input->length;
        outcome = get_bytes(stream, input->bytes + input->start + input->length, space, &count);
        input->length += count;
        if (count > 0)
            learn_input_room(stream, count, space);
        if (outcome == TRANSFER_DONE && stream->tls == NULL)
            break;
    }
    if (outcome == TRANSFER_ENDED)
        stream->state = STREAM_ENDED;
    if (input->length > before || outcome == TRANSFER_ENDED)
        note(stream);
    if (input->length == 0)
        stream_buffer_clear(input);
}

static enum transfer put_bytes(struct stream *stream, const char *bytes, size_t length, size_t *count_out)
{
    enum transfer outcome;

    *count_out = 0;
    if (stream->tls != NULL && stream->clear_left == 0) {
        int result;

        ERR_clear_error();
        errno = 0;
        result = SSL_write_ex(stream->tls, bytes, length, count_out);
        return result == 1 ? TRANSFER_DONE : tls_outcome(stream, result, true, "TLS");
    }
    ssize_t count = send(stream->descriptor, bytes, length, MSG_NOSIGNAL);
    int problem = errno;

    if (count >= 0) {
        *count_out = (size_t)count;
        return TRANSFER_DONE;
    }
    /* The peer may have said why before it closed. */
    if (!is_for_later(problem) && stream->state == STREAM_OPEN)
        receive(stream);
    outcome = socket_outcome(stream, problem, "writing");
    stream->blocked = stream->blocked || outcome == TRANSFER_LATER;
    return outcome;
}

static void transmit(struct stream *stream)
{
    struct stream_buffer *output = &stream->output;
    size_t before = output->length;
    size_t clear = stream->clear_left;
    enum transfer outcome = TRANSFER_DONE;

    while (outcome == TRANSFER_DONE && output->length > 0) {
        size_t length = stream->clear_left > 0 ? stream->clear_left : output->length;
        size_t count;

        if (stream->state == STREAM_HANDSHAKE && stream->clear_left == 0)
            break;
        outcome = put_bytes(stream, output->bytes + output->start, length, &count);
        stream_buffer_drop(output, count);
        if (stream->clear_left > 0)
            stream->clear_left -= count;
    }
    /* The last words in the clear are out: a client's handshake begins. */
    if (clear > 0 && stream->clear_left == 0 && stream->state == STREAM_HANDSHAKE && !SSL_is_server(stream->tls))
        event_active(&stream->writable, EV_WRITE, 0);
    if (before > stream->output_mark && output->length <= stream->output_mark)
        note(stream);
}

/* Why a handshake failed, when a server was not believed; else what OpenSSL says. */
static void doubt(struct stream *stream)
{
    const char *why = tls_client_doubt(stream->tls);

    if (why != NULL)
        snprintf(stream->problem, sizeof(stream->problem), "TLS handshake: its certificate is not believed: %s", why);
}

static void shake_hands(struct stream *stream)
{
    enum transfer outcome;
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(stream->tls);
    if (result == 1) {
        stream->state = STREAM_OPEN;
        note(stream);
        if (stream->output.length > 0)
            event_active(&stream->writable, EV_WRITE, 0);
        return;
    }
    outcome = tls_outcome(stream, result, false, "TLS handshake");
    if (outcome == TRANSFER_ENDED)
        stream_break(stream, "TLS handshake: the peer closed the connection");
    else if (outcome == TRANSFER_BROKEN)
        doubt(stream);
}

static void finish_connecting(struct stream *stream)
{
    int problem = 0;
    socklen_t size = sizeof(problem);

    if (getsockopt(stream->descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
        problem = errno;
    if (problem != 0) {
        stream_break(stream, "connecting: %s", strerror(problem));
        return;
    }
    stream->state = STREAM_OPEN;
    note(stream);
}

/* ---- the loop's side */

void stream_watch(struct stream *stream)
{
    bool open = stream->state == STREAM_OPEN || (stream->state == STREAM_HANDSHAKE && stream->clear_left == 0);
    bool reading = open && !input_is_full(&stream->input);

    if (reading && !stream->reading)
        event_add(&stream->readable, NULL);
    else if (!reading && stream->reading)
        event_del(&stream->readable);
    stream->reading = reading;
    if (stream->state == STREAM_BROKEN)
        event_del(&stream->writable);
    else if (stream->blocked || stream->state == STREAM_CONNECTING)
        event_add(&stream->writable, NULL);
}

/* Our side: what is unsent, close_notify, FIN. True when that is done. */
static bool shut_down(struct stream *stream)
{
    if (stream->shut)
        return true;
    if (stream->output.length > 0)
        return false;
    if (stream->tls != NULL && SSL_is_init_finished(stream->tls)) {
        int result;

        ERR_clear_error();
        errno = 0;
        result = SSL_shutdown(stream->tls);
        if (result < 0 && tls_outcome(stream, result, true, "TLS close") == TRANSFER_LATER && stream->blocked)
            return false;
    }
    shutdown(stream->descriptor, SHUT_WR);
    stream->shut = true;
    return true;
}

/* True when nothing is left to be done, or to be waited for. */
static bool close_further(struct stream *stream)
{
    stream->closing_input += stream->input.length;
    stream_buffer_clear(&stream->input);
    if (stream->state == STREAM_BROKEN || stream->closing_input > CLOSING_INPUT_MOST)
        return true;
    return shut_down(stream) && stream->state != STREAM_OPEN;
}

void stream_work(struct stream *stream, short what)
{
    bool both = stream->crossed;

    stream->crossed = false;
    if (stream->state == STREAM_CONNECTING)
        finish_connecting(stream);
    if ((what & EV_WRITE) != 0 || both)
        stream->blocked = false;
    if (stream->state == STREAM_HANDSHAKE && stream->clear_left == 0)
        shake_hands(stream);
    if (stream->state == STREAM_OPEN && ((what & EV_READ) != 0 || both))
        receive(stream);
    if ((stream_is_up(stream) || stream->clear_left > 0) && ((what & EV_WRITE) != 0 || both))
        transmit(stream);
    if (stream->closing && close_further(stream))
        stream_free(&stream);
    else
        stream_watch(stream);
}
