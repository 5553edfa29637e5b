/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_message.c: a message on its way to the backend: the added fields, then the spool but for the removed
 * ranges, a bit at a time as the stream has room, so that memory stays constant. By BDAT the bytes go as they are
 * (RFC 3030); by DATA framing.c stuffs them and ends them. Reading the spool can fail: then the end is never said,
 * and the backend keeps nothing (P1).
 */
#include "proxy/backend_private.h"

#include <errno.h>

#include "proxy/framing.h"
#include "proxy/spool.h"
#include "proxy/stream.h"

static bool removals_fit(const struct backend_message *message)
{
    uint64_t end = 0;

    for (size_t i = 0; i < message->removed_count; i++) {
        const struct removed_field *removed = &message->removed[i];
        if (removed->offset < end)
            return false;
        end = (uint64_t)removed->offset + removed->length;
    }
    return end <= spool_size(message->spool);
}

bool transmission_begin(struct backend_transmission *transmission, const struct backend_message *message, bool chunked)
{
    *transmission = (struct backend_transmission){ .message = *message, .chunked = chunked, .at_line_start = true };
    return removals_fit(message);
}

uint64_t transmission_size(const struct backend_transmission *transmission)
{
    const struct backend_message *message = &transmission->message;
    uint64_t size = message->added.length + spool_size(message->spool);

    for (size_t i = 0; i < message->removed_count; i++)
        size -= message->removed[i].length;
    return size;
}

static void give(void *context, struct slice bytes)
{
    stream_write(context, bytes);
}

static void send_run(struct backend_transmission *transmission, struct stream *stream, struct slice run)
{
    if (transmission->chunked)
        stream_write(stream, run);
    else
        framing_stuff(run, &transmission->at_line_start, give, stream);
}

/*
 * How many bytes of the spool at the offset may go in one run: up to the next removal. Steps over a removal that
 * begins here.
 */
static uint64_t run_most(struct backend_transmission *transmission)
{
    const struct backend_message *message = &transmission->message;

    while (transmission->removal < message->removed_count) {
        const struct removed_field *removed = &message->removed[transmission->removal];
        if (removed->offset > transmission->offset)
            return removed->offset - transmission->offset;
        transmission->offset += removed->length;
        transmission->removal++;
    }
    return spool_size(message->spool) - transmission->offset;
}

/* False: the spool failed, or is shorter than it said. */
static bool send_from_spool(struct backend_transmission *transmission, struct stream *stream, uint64_t most,
                            size_t room)
{
    struct slice run;

    errno = 0;
    if (!spool_read(transmission->message.spool, transmission->offset, &run) || slice_is_empty(run))
        return false;
    run = slice_first(run, most < room ? (size_t)most : room);
    send_run(transmission, stream, run);
    transmission->offset += run.length;
    return true;
}

static void send_end(struct backend_transmission *transmission, struct stream *stream)
{
    if (!transmission->chunked)
        stream_write(stream, framing_end_of_data(transmission->at_line_start));
    transmission->ended = true;
}

enum transmission_status transmission_fill(struct backend_transmission *transmission, struct stream *stream)
{
    while (!transmission->ended) {
        size_t unsent = stream_unsent(stream);
        if (unsent >= BACKEND_OUTPUT_MOST)
            return TRANSMISSION_MORE;

        size_t room = BACKEND_OUTPUT_MOST - unsent;
        struct slice added = slice_first(slice_from(transmission->message.added, transmission->added), room);
        if (!slice_is_empty(added)) {
            send_run(transmission, stream, added);
            transmission->added += added.length;
            continue;
        }
        uint64_t most = run_most(transmission);
        if (most == 0)
            send_end(transmission, stream);
        else if (!send_from_spool(transmission, stream, most, room))
            return TRANSMISSION_FAILED;
    }
    return TRANSMISSION_ALL;
}
