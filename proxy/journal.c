/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.c: one run of bytes: dealt with by the keeper (given back), sent, not yet sent. Writing happens at the end
 * of the loop's turn, so that the records of one turn go in one call; the socket is waited for only when it is full.
 * Memory grows as needed, up to JOURNAL_HELD_MOST, and what a keeper that was away made it is given up once all is
 * dealt with.
 */
#include "proxy/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include "proxy/clock.h"
#include "proxy/log.h"
#include "rules/arena.h"

/* Microseconds between two complaints. */
#define COMPLAINT_INTERVAL (INT64_C(60) * 1000000)
/* Receipts read by one call: the keeper gives one for all it took at once. */
#define RECEIPTS_AT_ONCE 16
/* Room that stays while nothing is held: dozens of records, of a few KiB each. */
#define KEPT_MOST ((size_t)128 * 1024)

struct journal {
    struct event_base *base;
    struct status_column *column;
    int descriptor;                    /* -1: the keeper is away */
    struct event *readable;
    struct event *writable;
    char *bytes;
    size_t capacity;
    size_t start;                      /* first byte not dealt with */
    size_t sent;                       /* first byte not sent on this connection */
    size_t end;
    uint64_t done;                     /* bytes dealt with on this connection */
    unsigned char receipts[RECEIPTS_AT_ONCE * JOURNAL_RECEIPT];
    size_t receipts_length;            /* between calls: of one that is not whole */
    uint64_t dropped;
    int64_t complained;                /* when, monotonic; 0 never */
};

struct journal *journal_new(struct event_base *base, struct status_column *column)
{
    struct journal *journal = memory_zeroed(1, sizeof(*journal));

    journal->base = base;
    journal->column = column;
    journal->descriptor = -1;
    return journal;
}

static void disconnect(struct journal *journal)
{
    if (journal->readable != NULL)
        event_free(journal->readable);
    if (journal->writable != NULL)
        event_free(journal->writable);
    journal->readable = NULL;
    journal->writable = NULL;
    if (journal->descriptor >= 0)
        close(journal->descriptor);
    journal->descriptor = -1;
    /* What has no receipt is sent again on the next connection. */
    journal->sent = journal->start;
    journal->done = 0;
    journal->receipts_length = 0;
}

void journal_free(struct journal **journal_pointer)
{
    struct journal *journal = *journal_pointer;

    *journal_pointer = NULL;
    if (journal == NULL)
        return;
    disconnect(journal);
    free(journal->bytes);
    free(journal);
}

/* In this turn of the loop, unless the socket is waited for. */
static void want_write(struct journal *journal)
{
    if (journal->writable != NULL && journal->sent < journal->end && !event_pending(journal->writable, EV_WRITE, NULL))
        event_active(journal->writable, EV_WRITE, 0);
}

static void on_writable(evutil_socket_t socket, short events, void *context)
{
    struct journal *journal = context;
    ssize_t sent =
        send(socket, journal->bytes + journal->sent, journal->end - journal->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)events;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        disconnect(journal);
        return;
    }
    if (sent > 0)
        journal->sent += (size_t)sent;
    if (journal->sent < journal->end)
        event_add(journal->writable, NULL);
}

static void start_again(struct journal *journal)
{
    journal->start = journal->sent = journal->end = 0;
    if (journal->capacity <= KEPT_MOST)
        return;
    free(journal->bytes);
    journal->bytes = NULL;
    journal->capacity = 0;
}

/* False: the keeper claims what was never sent to it. */
static bool take_receipt(struct journal *journal, const unsigned char receipt[JOURNAL_RECEIPT])
{
    uint64_t done = 0;

    for (size_t i = 0; i < JOURNAL_RECEIPT; i++)
        done = done << 8 | receipt[i];
    if (done < journal->done || done - journal->done > journal->sent - journal->start)
        return false;
    journal->start += (size_t)(done - journal->done);
    journal->done = done;
    if (journal->start == journal->end)
        start_again(journal);
    return true;
}

/* All whole ones; what is left of one comes to the front. */
static bool take_receipts(struct journal *journal)
{
    size_t taken = 0;

    for (; journal->receipts_length - taken >= JOURNAL_RECEIPT; taken += JOURNAL_RECEIPT)
        if (!take_receipt(journal, journal->receipts + taken))
            return false;
    journal->receipts_length -= taken;
    memmove(journal->receipts, journal->receipts + taken, journal->receipts_length);
    return true;
}

static void on_readable(evutil_socket_t socket, short events, void *context)
{
    struct journal *journal = context;
    ssize_t got = recv(socket, journal->receipts + journal->receipts_length,
                       sizeof(journal->receipts) - journal->receipts_length, MSG_DONTWAIT);

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        journal->receipts_length += (size_t)got;
        if (take_receipts(journal))
            return;
    }
    disconnect(journal);
}

void journal_connect(struct journal *journal, int descriptor)
{
    disconnect(journal);
    journal->descriptor = descriptor;
    evutil_make_socket_nonblocking(descriptor);
    journal->readable = event_new(journal->base, descriptor, EV_READ | EV_PERSIST, on_readable, journal);
    journal->writable = event_new(journal->base, descriptor, EV_WRITE, on_writable, journal);
    if (journal->readable == NULL || journal->writable == NULL || event_add(journal->readable, NULL) != 0)
        bug("journal_connect: no event");
    want_write(journal);
}

static void drop(struct journal *journal, const char *why)
{
    int64_t now = clock_monotonic();

    status_add(journal->column, STATUS_RECORDS_DROPPED, 1);
    journal->dropped++;
    if (journal->complained != 0 && now - journal->complained < COMPLAINT_INTERVAL)
        return;
    log_event(LOG_LEVEL_ERROR, "records-dropped", "count", log_number((long long)journal->dropped), "why", why, NULL);
    journal->complained = now;
    journal->dropped = 0;
}

/* Room for `length` more bytes at the end; moves what is held to the front first, when that is worth it. */
static void make_room(struct journal *journal, size_t length)
{
    if (journal->start > 0 && journal->capacity - journal->end < length) {
        memmove(journal->bytes, journal->bytes + journal->start, journal->end - journal->start);
        journal->end -= journal->start;
        journal->sent -= journal->start;
        journal->start = 0;
    }
    if (journal->capacity - journal->end < length) {
        size_t capacity = journal->capacity * 2 > journal->end + length ? journal->capacity * 2 : journal->end + length;

        journal->bytes = memory_grown(journal->bytes, capacity);
        journal->capacity = capacity;
    }
}

void journal_append(struct journal *journal, struct slice line)
{
    char head[JOURNAL_HEAD];

    if (line.length > 0 && line.text[line.length - 1] == '\n')
        line.length--;
    if (line.length == 0 || line.length > JOURNAL_RECORD_MOST) {
        drop(journal, "longer than a record may be");
        return;
    }
    if (journal->end - journal->start + JOURNAL_HEAD + line.length > JOURNAL_HELD_MOST) {
        drop(journal, journal->descriptor < 0 ? "the keeper is away" : "the keeper is slow");
        return;
    }
    for (size_t i = 0; i < JOURNAL_HEAD; i++)
        head[i] = (char)(line.length >> (8 * (JOURNAL_HEAD - 1 - i)) & 0xFF);
    make_room(journal, JOURNAL_HEAD + line.length);
    memcpy(journal->bytes + journal->end, head, JOURNAL_HEAD);
    memcpy(journal->bytes + journal->end + JOURNAL_HEAD, line.text, line.length);
    journal->end += JOURNAL_HEAD + line.length;
    want_write(journal);
}

size_t journal_unsent(const struct journal *journal)
{
    return journal->end - journal->start;
}
