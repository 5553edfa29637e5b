/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h: lines and bytes over a socket or TLS. A stream only notes what happened and calls `notify` (never from
 * inside a call of the owner's, once for all that happened in a turn of the loop): the owner then looks, and may free
 * the stream there. Input is held up to a high-water mark and no further reading is done until it is consumed, so a
 * fast peer costs bounded memory; output likewise: see stream_unsent(). An idle stream holds no buffers.
 */
#ifndef MXWARD_PROXY_STREAM_H
#define MXWARD_PROXY_STREAM_H

#include <stdint.h>

#include "rules/slice.h"

struct event_base;
struct stream;
struct arena;
struct facts;
struct tls_authorities;
struct tls_client;
struct tls_context;

/* Input held at most; a command line fits many times, and body bytes come in runs of this. */
#define STREAM_INPUT_MOST ((size_t)64 * 1024)

/*
 * Streams that close gracefully at once, which nobody counts any more; beyond it the one that closes longest is
 * freed. A peer that makes many sessions end and never closes its side costs no more than this.
 */
#define STREAM_CLOSING_MOST 256
/* What the kernel may hold of what is written to a client (it takes twice that for its own bookkeeping, socket(7)). */
#define STREAM_KERNEL_OUTPUT_MOST (64 * 1024)

enum stream_state {
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_HANDSHAKE,      /* TLS handshake under way */
    STREAM_ENDED,          /* the peer sends no more; input may still be there to read, and output may still be sent */
    STREAM_BROKEN,         /* reset, TLS error, connect failed: stream_problem(); input may still be there */
};

typedef void (*stream_notify)(void *context);

/* Takes a connected, non-blocking socket: one that was accepted, or an end of a pair. */
struct stream *stream_accept(struct event_base *base, int descriptor, stream_notify notify, void *context);
/* Connects to an IPv4, IPv6 or UNIX socket address; what fails at once fails by `notify` as well. */
struct sockaddr;
struct stream *stream_connect(struct event_base *base, const struct sockaddr *address, int length, stream_notify notify,
                              void *context);
/*
 * From now on what is read from the peer and written to it is wiped from our memory as soon as it is consumed or
 * sent: passwords come by here.
 */
void stream_keep_secret(struct stream *stream);
void stream_set_owner(struct stream *stream, stream_notify notify, void *context);
/* Closes at once, with what is unsent lost; accepts a pointer to NULL and clears. */
void stream_free(struct stream **stream);
/*
 * Sends what is unsent, closes TLS and our side in order, and reads away what the peer still sends until it closes
 * too (closing with input unread would make the kernel reset the connection, and the peer lose our last reply). Then,
 * or after `seconds`, it frees itself; the owner forgets it at once.
 */
void stream_close_gracefully(struct stream **stream, unsigned seconds);
/* Frees all that are still closing gracefully: before their event base is freed. */
void stream_free_closing(void);

enum stream_state stream_state(const struct stream *stream);
/* Text for a log, valid as long as the stream; empty when nothing is wrong. */
const char *stream_problem(const struct stream *stream);

/* Contiguous input, at most `most` bytes, not consumed; valid until some is consumed, or the loop's next turn. */
struct slice stream_peek(struct stream *stream, size_t most);
size_t stream_input_length(const struct stream *stream);
/* The peer said something, were it not read yet; of TLS, only what was. */
bool stream_has_spoken(const struct stream *stream);
void stream_consume(struct stream *stream, size_t length);

/*
 * Copies; sent at the end of this turn of the loop, with all else that was written in it. Dropped when the stream is
 * BROKEN.
 */
void stream_write(struct stream *stream, struct slice bytes);
size_t stream_unsent(const struct stream *stream);
/* notify is also called when unsent output falls to `mark` or below (default 0). */
void stream_set_output_mark(struct stream *stream, size_t mark);

/* What input is that was read, and not consumed, when TLS begins. */
enum stream_before_tls {
    STREAM_INPUT_IS_CLEAR,     /* it was said in the clear: discarded */
    STREAM_INPUT_IS_TLS,       /* TLS from the first byte: the handshake's */
};

/*
 * Begins TLS as server. What is unsent still goes out in the clear (the 220 to STARTTLS); what was said in
 * the clear is discarded and counted: *discarded_out (may be NULL) (nothing said before the handshake survives it).
 * With `authorities` (or NULL) the client is asked for a certificate. State becomes HANDSHAKE, then OPEN or BROKEN.
 * False, and nothing has changed, when the stream is not OPEN or has TLS already.
 */
bool stream_start_tls_server(struct stream *stream, const struct tls_context *tls,
                             const struct tls_authorities *authorities, enum stream_before_tls before,
                             size_t *discarded_out);
/*
 * Begins TLS as client. What is unsent still goes out in the clear; what was read and not consumed is discarded. State
 * becomes HANDSHAKE, then OPEN, or BROKEN with the reason, also when the server is not believed. False, and nothing
 * has changed, when the stream is not OPEN or has TLS already.
 */
bool stream_start_tls_client(struct stream *stream, const struct tls_client *tls);
bool stream_is_tls(const struct stream *stream);
/* Once it is: what the handshake told, texts in `arena`. */
void stream_tls_facts(const struct stream *stream, struct arena *arena, struct facts *facts);

#endif
