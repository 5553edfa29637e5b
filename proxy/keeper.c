/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper.c: one event loop: the control socket, and a feed for each worker. Whatever a feed brings in one turn
 * is checked and written with one write, and then a receipt is given. What a worker says is believed in its
 * form only; a worker whose lengths make no sense loses its feed. A write that fails costs the records of that
 * turn, which are counted, and is logged once a minute.
 */
#include "proxy/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include "proxy/clock.h"
#include "proxy/control.h"
#include "proxy/generation.h"
#include "proxy/journal.h"
#include "proxy/keeper_output.h"
#include "proxy/log.h"
#include "proxy/status.h"
#include "rules/token.h"

#define CONTROL_SOCKET 3
#define SYSLOG_PATH "/dev/log"
/* Bytes taken from one feed in one turn, beside a record that is not whole yet. */
#define TURN_MOST ((size_t)256 * 1024)
#define COMPLAINT_INTERVAL (INT64_C(60) * 1000000)
/* How often the file's name is looked at: a rotation that forgets the signal is noticed all the same. */
#define LOOK_INTERVAL (INT64_C(1) * 1000000)

struct feed {
    struct keeper *keeper;
    unsigned slot;
    int descriptor;
    struct event *readable;
    char *bytes;                       /* JOURNAL_HEAD + JOURNAL_RECORD_MOST at most, and what a turn brings */
    size_t length;
    size_t capacity;
    uint64_t done;
    struct feed *next;
};

/* A configuration as far as records go. */
struct target {
    unsigned number;
    uint64_t drain_milliseconds;       /* how long workers may outlive the master */
    struct keeper_output *output;
};

struct keeper {
    struct event_base *base;
    struct event *control;
    struct event *reopen;
    struct status *status;
    struct status_column *column;
    struct target current;             /* output == NULL: none yet */
    struct target prepared;
    struct feed *feeds;
    char *batch;                       /* lines of one turn */
    size_t batch_length;
    size_t batch_count;
    int64_t looked;
    int64_t complained;
    uint64_t lost;                     /* records, since the last complaint */
    bool orphan;                       /* the master is gone */
};

bool keeper_is_record(struct slice line)
{
    size_t bad;

    if (line.length < 2 || line.text[0] != '{' || line.text[line.length - 1] != '}' || !text_is_utf8(line, &bad))
        return false;
    for (size_t i = 0; i < line.length; i++)
        if ((unsigned char)line.text[i] < ' ' || line.text[i] == 0x7F)
            return false;
    return true;
}

static void lose(struct keeper *keeper, size_t count, const char *why)
{
    int64_t now = clock_monotonic();

    if (keeper->column != NULL)
        status_add(keeper->column, STATUS_RECORDS_DROPPED, (int64_t)count);
    keeper->lost += count;
    if (keeper->complained != 0 && now - keeper->complained < COMPLAINT_INTERVAL)
        return;
    log_event(LOG_LEVEL_ERROR, "records-lost", "count", log_number((long long)keeper->lost), "why", why, NULL);
    keeper->complained = now;
    keeper->lost = 0;
}

static void look_after_file(struct keeper *keeper)
{
    int64_t now = clock_monotonic();

    if (keeper->current.output == NULL || now - keeper->looked < LOOK_INTERVAL)
        return;
    keeper->looked = now;
    if (keeper_output_is_moved(keeper->current.output) && !keeper_output_reopen(keeper->current.output))
        log_event(LOG_LEVEL_ERROR, "record-file", "why", strerror(errno), NULL);
}

static void write_batch(struct keeper *keeper)
{
    struct slice lines = slice_of(keeper->batch, keeper->batch_length);

    if (keeper->batch_count == 0)
        return;
    look_after_file(keeper);
    if (keeper->current.output == NULL)
        lose(keeper, keeper->batch_count, "no configuration yet");
    else if (!keeper_output_write(keeper->current.output, lines))
        lose(keeper, keeper->batch_count, strerror(errno));
    else if (keeper->column != NULL)
        status_add(keeper->column, STATUS_RECORDS, (int64_t)keeper->batch_count);
    keeper->batch_length = 0;
    keeper->batch_count = 0;
}

static void free_feed(struct feed *feed)
{
    event_free(feed->readable);
    close(feed->descriptor);
    free(feed->bytes);
    free(feed);
}

static void close_feed(struct feed *feed)
{
    struct keeper *keeper = feed->keeper;
    struct feed **link = &keeper->feeds;

    while (*link != feed)
        link = &(*link)->next;
    *link = feed->next;
    free_feed(feed);
    if (keeper->orphan && keeper->feeds == NULL)
        event_base_loopbreak(keeper->base);
}

static size_t record_length(const char *head)
{
    size_t length = 0;

    for (size_t i = 0; i < JOURNAL_HEAD; i++)
        length = length << 8 | (unsigned char)head[i];
    return length;
}

static void add_to_batch(struct keeper *keeper, struct slice line)
{
    if (!keeper_is_record(line)) {
        lose(keeper, 1, "a worker handed in what is no record");
        return;
    }
    memcpy(keeper->batch + keeper->batch_length, line.text, line.length);
    keeper->batch[keeper->batch_length + line.length] = '\n';
    keeper->batch_length += line.length + 1;
    keeper->batch_count++;
}

/* Bytes of whole records at the front of what the feed holds, all put into the batch; -1: a length makes no sense. */
static ssize_t take_records(struct feed *feed)
{
    size_t taken = 0;

    while (feed->length - taken >= JOURNAL_HEAD) {
        size_t length = record_length(feed->bytes + taken);

        if (length == 0 || length > JOURNAL_RECORD_MOST)
            return -1;
        if (feed->length - taken - JOURNAL_HEAD < length)
            break;
        add_to_batch(feed->keeper, slice_of(feed->bytes + taken + JOURNAL_HEAD, length));
        taken += JOURNAL_HEAD + length;
    }
    return (ssize_t)taken;
}

/* False: the worker is gone. It reads its receipts; a socket that is full of them belongs to one that hangs. */
static bool give_receipt(struct feed *feed, size_t taken)
{
    unsigned char receipt[JOURNAL_RECEIPT];

    feed->done += taken;
    for (size_t i = 0; i < JOURNAL_RECEIPT; i++)
        receipt[i] = (unsigned char)(feed->done >> (8 * (JOURNAL_RECEIPT - 1 - i)));
    return send(feed->descriptor, receipt, sizeof(receipt), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(receipt);
}

/* Reads what there is, at most a turn's worth. False: end or error. */
static bool fill(struct feed *feed)
{
    ssize_t got;

    if (feed->capacity - feed->length < TURN_MOST) {
        feed->capacity = feed->length + TURN_MOST;
        feed->bytes = memory_grown(feed->bytes, feed->capacity);
    }
    do
        got = recv(feed->descriptor, feed->bytes + feed->length, TURN_MOST, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        feed->length += (size_t)got;
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static void on_feed(evutil_socket_t socket, short events, void *context)
{
    struct feed *feed = context;
    bool goes_on = fill(feed);
    ssize_t taken = take_records(feed);

    (void)socket;
    (void)events;
    write_batch(feed->keeper);
    if (taken < 0) {
        log_event(LOG_LEVEL_ERROR, "feed-broken", "slot", log_number(feed->slot), NULL);
        lose(feed->keeper, 1, "a worker's feed made no sense");
        goes_on = false;
    } else if (taken > 0) {
        memmove(feed->bytes, feed->bytes + taken, feed->length - (size_t)taken);
        feed->length -= (size_t)taken;
        /* A worker that is gone cannot take a receipt; what it left is read nevertheless. */
        if (!give_receipt(feed, (size_t)taken) && errno == EAGAIN)
            goes_on = false;
    }
    if (!goes_on)
        close_feed(feed);
}

static void open_feed(struct keeper *keeper, unsigned slot, int descriptor)
{
    struct feed *feed = memory_zeroed(1, sizeof(*feed));

    feed->keeper = keeper;
    feed->slot = slot;
    feed->descriptor = descriptor;
    feed->readable = event_new(keeper->base, descriptor, EV_READ | EV_PERSIST, on_feed, feed);
    if (feed->readable == NULL)
        bug("keeper: no event");
    /* Records wait in the socket until there is a configuration that says where they go: commit(). */
    if (keeper->current.output != NULL)
        event_add(feed->readable, NULL);
    feed->next = keeper->feeds;
    keeper->feeds = feed;
}

static void answer(enum control_type type, unsigned number, struct slice why)
{
    struct control_message message = { .type = type, .number = number };

    memcpy(message.text, why.text == NULL ? "" : why.text,
           why.length < CONTROL_TEXT_MOST ? why.length : CONTROL_TEXT_MOST - 1);
    /* A master that is gone is noticed by the end of its socket. */
    control_send(CONTROL_SOCKET, &message);
}

static void prepare(struct keeper *keeper, unsigned number, int descriptor)
{
    struct arena *arena = arena_new();
    struct slice problem = SLICE_NONE;
    const struct config *config = generation_open_config(descriptor, arena, &problem);

    close(descriptor);
    keeper_output_close(&keeper->prepared.output);
    keeper->prepared.number = number;
    if (config != NULL) {
        keeper->prepared.drain_milliseconds = config->limits.drain;
        keeper->prepared.output = keeper_output_open(config, SYSLOG_PATH, arena, &problem);
    }
    answer(keeper->prepared.output != NULL ? CONTROL_PREPARED : CONTROL_REFUSED, number, problem);
    arena_free(&arena);
}

static void commit(struct keeper *keeper, unsigned number)
{
    if (keeper->prepared.output == NULL || keeper->prepared.number != number)
        return;
    keeper_output_close(&keeper->current.output);
    keeper->current = keeper->prepared;
    keeper->prepared.output = NULL;
    for (struct feed *feed = keeper->feeds; feed != NULL; feed = feed->next)
        event_add(feed->readable, NULL);
    answer(CONTROL_READY, number, SLICE_NONE);
}

static void close_all(struct control_message *message)
{
    for (unsigned i = 0; i < message->descriptors_count; i++)
        close(message->descriptors[i]);
}

/* The message has as many descriptors as it needs: else it is dropped. */
static bool has_descriptors(struct control_message *message, unsigned count)
{
    if (message->descriptors_count == count)
        return true;
    close_all(message);
    return false;
}

static void obey(struct keeper *keeper, struct control_message *message)
{
    switch (message->type) {
    case CONTROL_START:
        if (has_descriptors(message, 1)) {
            keeper->status = status_map(message->descriptors[0]);
            close(message->descriptors[0]);
            keeper->column = keeper->status == NULL ? NULL : status_column(keeper->status, STATUS_COLUMN_KEEPER);
        }
        break;
    case CONTROL_GENERATION:
        if (has_descriptors(message, 1))
            prepare(keeper, message->number, message->descriptors[0]);
        break;
    case CONTROL_COMMIT:
        commit(keeper, message->number);
        break;
    case CONTROL_DISCARD:
        keeper_output_close(&keeper->prepared.output);
        break;
    case CONTROL_KEEPER:
        if (has_descriptors(message, 1))
            open_feed(keeper, message->number, message->descriptors[0]);
        break;
    case CONTROL_PING:
        answer(CONTROL_PONG, message->number, SLICE_NONE);
        break;
    case CONTROL_DRAIN:
    case CONTROL_TICKETS:
    case CONTROL_PREPARED:
    case CONTROL_REFUSED:
    case CONTROL_READY:
    case CONTROL_PONG:
    case CONTROL_UNFIT:
        close_all(message);
        break;
    }
}

static void on_control(evutil_socket_t socket, short events, void *context)
{
    struct keeper *keeper = context;
    struct control_message message;
    struct timeval patience = { .tv_sec = KEEPER_DRAIN_SECONDS };
    int got;

    (void)events;
    patience.tv_sec += (time_t)(keeper->current.drain_milliseconds / 1000);
    while ((got = control_receive(socket, &message)) > 0) {
        if (message.cut && message.type == CONTROL_GENERATION) {
            answer(CONTROL_REFUSED, message.number, SLICE("the keeper has no descriptor left (Too many open files)"));
        } else if (message.cut) {
            /* A worker would have no keeper: the next one gets them all. */
            log_event(LOG_LEVEL_ERROR, "descriptors-lost", "why", strerror(EMFILE), "what", "leaving", NULL);
            event_base_loopbreak(keeper->base);
            return;
        } else {
            obey(keeper, &message);
        }
    }
    if (got == 0)
        return;
    keeper->orphan = true;
    event_del(keeper->control);
    if (keeper->feeds == NULL)
        event_base_loopbreak(keeper->base);
    else
        event_base_loopexit(keeper->base, &patience);
}

static void on_reopen(evutil_socket_t signal_number, short events, void *context)
{
    struct keeper *keeper = context;

    (void)signal_number;
    (void)events;
    if (keeper->current.output != NULL && !keeper_output_reopen(keeper->current.output))
        log_event(LOG_LEVEL_ERROR, "record-file", "why", strerror(errno), NULL);
}

static void clear(struct keeper *keeper)
{
    struct feed *next;

    for (struct feed *feed = keeper->feeds; feed != NULL; feed = next) {
        next = feed->next;
        free_feed(feed);
    }
    keeper_output_close(&keeper->current.output);
    keeper_output_close(&keeper->prepared.output);
    status_close(&keeper->status);
    event_free(keeper->control);
    event_free(keeper->reopen);
    event_base_free(keeper->base);
    free(keeper->batch);
}

int keeper_run(void)
{
    struct keeper keeper = { .base = event_base_new() };

    log_begin("keeper");
    if (keeper.base == NULL)
        bug("keeper: no event base");
    signal(SIGXFSZ, SIG_IGN);
    /* Lines of a turn are never longer than what a feed holds: a line end replaces the length before it. */
    keeper.batch = memory_alloc(JOURNAL_HEAD + JOURNAL_RECORD_MOST + TURN_MOST);
    keeper.control = event_new(keeper.base, CONTROL_SOCKET, EV_READ | EV_PERSIST, on_control, &keeper);
    keeper.reopen = evsignal_new(keeper.base, SIGUSR1, on_reopen, &keeper);
    if (keeper.control == NULL || keeper.reopen == NULL || event_add(keeper.control, NULL) != 0 ||
        event_add(keeper.reopen, NULL) != 0)
        bug("keeper: no event");
    event_base_dispatch(keeper.base);
    clear(&keeper);
    return 0;
}
