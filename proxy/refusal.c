/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refusal.c: counts, and now and then records, what does not become a session.
 */
#include "proxy/refusal.h"

#include "proxy/clock.h"
#include "proxy/id.h"
#include "proxy/log.h"
#include "proxy/reply.h"
#include "proxy/transaction.h"
#include "proxy/worker.h"

/* Of records and of lines in the log about single connections; of lines that say that a limit is reached. */
#define OFTEN_MICROSECONDS INT64_C(1000000)
#define SELDOM_MICROSECONDS (60 * OFTEN_MICROSECONDS)

/* Whether it is time to write again; else one more is left out. */
static bool is_time(int64_t *last, uint32_t *left_out, int64_t now, int64_t interval)
{
    if (*last != 0 && now - *last < interval) {
        ++*left_out;
        return false;
    }
    *last = now;
    return true;
}

static void record(struct worker *worker, const struct reply *reply, const char *reason, const struct facts *facts)
{
    struct refusals *refusals = &worker->refusals;
    int64_t now = clock_monotonic();
    struct session session = { .worker = worker, .facts = *facts, .accepted_at = now };

    if (!is_time(&refusals->recorded_at, &refusals->left_out, now, OFTEN_MICROSECONDS))
        return;
    transaction_record_refusal(&session, reply, reason, refusals->left_out);
    refusals->left_out = 0;
}

static void tell(struct worker *worker, const char *text)
{
    struct refusals *refusals = &worker->refusals;

    if (!is_time(&refusals->told_at, &refusals->told_left_out, clock_monotonic(), SELDOM_MICROSECONDS))
        return;
    log_event(LOG_LEVEL_WARNING, "sessions-refused", "why", text, "left-out", log_number(refusals->told_left_out),
              NULL);
    refusals->told_left_out = 0;
}

struct slice refusal_by_limit(struct worker *worker, enum limits_answer answer, const struct facts *facts,
                              struct arena *arena)
{
    const char *text = limits_answer_text(answer);
    struct facts complete = *facts;
    struct reply reply;

    complete.arrival = clock_wall();
    complete.id = id_make(arena, complete.arrival);
    complete.hostname = slice_of_string(worker->generation->config->hostname);
    complete.authserv_id = slice_of_string(worker->generation->config->authserv_id);
    reply = reply_make(arena, 421, answer == LIMITS_SESSIONS ? "4.3.2" : "4.7.0", "%s (%.*s)", text,
                       SLICE_ARG(complete.id));
    status_add(worker->column, STATUS_SESSIONS_REFUSED, 1);
    record(worker, &reply, text, &complete);
    tell(worker, text);
    return reply_print(arena, &reply);
}

static const struct {
    enum status_counter counter;
    const char *event;
} kinds[REFUSAL_KINDS] = {
    [REFUSAL_HEADER] = { STATUS_PROXY_REFUSED, "proxy-header-refused" },
    [REFUSAL_XCLIENT] = { STATUS_XCLIENT_REFUSED, "xclient-refused" },
    [REFUSAL_PROTOCOL] = { STATUS_FOREIGN, "foreign-protocol" },
};

/* Counts it, and logs it with the peer and why. */
static void refuse_peer(struct worker *worker, enum refusal_kind kind, const struct address *peer, const char *why)
{
    struct refusal_log *log = &worker->refusals.logs[kind];
    char buffer[ADDRESS_TEXT + 1];
    struct slice printed = address_print(peer, buffer);

    status_add(worker->column, kinds[kind].counter, 1);
    if (!is_time(&log->at, &log->left_out, clock_monotonic(), OFTEN_MICROSECONDS))
        return;
    buffer[printed.length] = '\0';
    log_event(LOG_LEVEL_WARNING, kinds[kind].event, "peer", buffer, "why", why, "left-out", log_number(log->left_out),
              NULL);
    log->left_out = 0;
}

void refusal_of_header(struct worker *worker, const struct address *peer, const char *why)
{
    refuse_peer(worker, REFUSAL_HEADER, peer, why);
}

void refusal_of_xclient(struct worker *worker, const struct address *peer, const char *why)
{
    refuse_peer(worker, REFUSAL_XCLIENT, peer, why);
}

void refusal_of_protocol(struct worker *worker, const struct address *peer, const char *protocol)
{
    refuse_peer(worker, REFUSAL_PROTOCOL, peer, protocol);
}
