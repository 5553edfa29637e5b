/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream_private.h: what the two halves of a stream share: stream.c, which the owner calls, and stream_work.c, which
 * the loop calls. The first only changes buffers and says what is to be done in this turn of the loop; all reading
 * and writing is in the second.
 */
#ifndef MXWARD_PROXY_STREAM_PRIVATE_H
#define MXWARD_PROXY_STREAM_PRIVATE_H

#include <sys/un.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "proxy/stream.h"
#include "proxy/tls_openssl.h"

/* The first buffer of a stream; a power of two of it is STREAM_INPUT_MOST. */
#define STREAM_BUFFER_LEAST ((size_t)4096)

/* Bytes from `start` on; memory is there only while there are some. */
struct stream_buffer {
    char *bytes;
    size_t start;
    size_t length;
    size_t room;
    bool secret;                   /* memory is wiped when it is given back, bytes when they are dropped */
};

/* A UNIX socket whose queue is full cannot be waited for (unix(7), EAGAIN): it is tried again. */
struct stream_queue {
    struct event again;
    struct sockaddr_un address;
    socklen_t length;
};

struct stream {
    int descriptor;
    enum stream_state state;
    SSL *tls;
    stream_notify notify;
    void *context;
    struct event readable;
    struct event writable;
    struct event notice;           /* activated to call notify from the loop */
    struct event deadline;         /* of closing */
    struct stream_queue *queue;    /* NULL: connecting did not have to wait */
    struct stream_buffer input;
    struct stream_buffer output;
    size_t input_room;             /* of the next input buffer: follows what the peer sends at once */
    size_t clear_left;             /* output that goes out before the TLS handshake */
    size_t output_mark;
    size_t closing_input;
    bool reading;                  /* `readable` is added */
    bool blocked;                  /* `writable` is added: the kernel or TLS takes no more */
    bool crossed;                  /* TLS wants to read for writing or to write for reading: try both at each event */
    bool closing;
    bool shut;                     /* closing, and our side is closed */
    struct stream *older;          /* of those that are closing */
    struct stream *newer;
    char problem[160];
};

/* Output can be sent. */
static inline bool stream_is_up(const struct stream *stream)
{
    return stream->state == STREAM_OPEN || stream->state == STREAM_ENDED;
}

/*
 * Room for `least` more bytes behind the last; a new buffer has at least `first`. Bytes are moved to the front only
 * when no more of them than were dropped: otherwise a peer could have 64 KiB moved for each line it sends.
 */
void stream_buffer_reserve(struct stream_buffer *buffer, size_t least, size_t first);
/* Dropping the last byte frees the memory. */
void stream_buffer_drop(struct stream_buffer *buffer, size_t length);
void stream_buffer_clear(struct stream_buffer *buffer);

/* Does what can be done without waiting; frees a stream that has closed. `what` is EV_READ, EV_WRITE or both. */
void stream_work(struct stream *stream, short what);
/* Tells libevent what to wait for next. */
void stream_watch(struct stream *stream);
/* To BROKEN, with the reason. The owner is notified. */
void stream_break(struct stream *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
