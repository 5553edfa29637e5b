/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_probe.c: is the backend fit to be behind us? One session in the name of a stranger (192.0.2.1, RFC 5737)
 * with the null sender and recipients that no site of the world receives mail for. A backend that takes them all
 * relays for anyone: in front of it we would be an open relay. Refused for good or for a while (Postfix's default is
 * defer_unauth_destination, 454), it is fit; when it could not say (451, 452: its own trouble), it is not known, and
 * asked again. Nothing is ever sent to the recipients.
 */
#include "proxy/backend_private.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

/*
 * Names of RFC 2606 that exist in the DNS, or a backend that looks recipients up would refuse them for that and tell
 * nothing. Two, and both must be taken: a test site may well have made one of them its own.
 */
static const char *const strangers[] = { "mxward-probe@www.example.com", "mxward-probe@www.example.net" };
#define STRANGERS_COUNT (sizeof(strangers) / sizeof(strangers[0]))

struct backend_probing {
    struct backend_pool *pool;
    struct backend_session *session;
    probe_done done;
    void *context;
    bool refused;                  /* at least one of the strangers' recipients, or their sender */
    bool unclear;
    size_t answers;
    char taken[BACKEND_PROBLEM_MOST / 2];
    char problem[BACKEND_PROBLEM_MOST];
};

static void probe_end(struct backend_probing *probing, enum backend_probe result)
{
    probe_done done = probing->done;
    void *context = probing->context;
    char problem[BACKEND_PROBLEM_MOST];

    memcpy(problem, probing->problem, sizeof(problem));
    backend_close(&probing->session);
    free(probing);
    done(context, result, problem);
}

/*
 * XCLIENT_README: 421, 501, 503 and 550 refuse the command; any other refusal is an access decision on the client it
 * named.
 */
static bool is_access_decision(const struct backend_session *session)
{
    unsigned code = session->reply.code;

    return session->failure == FAILURE_XCLIENT_REFUSED && code >= 400 && code != 421 && code != 501 && code != 503 &&
        code != 550;
}

static enum backend_probe result_of_loss(const struct backend_session *session)
{
    switch (session->failure) {
    case FAILURE_DOWN:
        return BACKEND_PROBE_DOWN;
    case FAILURE_NO_XCLIENT:
        return BACKEND_PROBE_NO_XCLIENT;
    case FAILURE_XCLIENT_REFUSED:
        return is_access_decision(session) ? BACKEND_PROBE_FIT : BACKEND_PROBE_NO_XCLIENT;
    case FAILURE_NONE:
    case FAILURE_BROKEN:
        return BACKEND_PROBE_BROKEN;
    }
    bug("backend_failure");
}

static void lost(struct backend_probing *probing, const struct backend_result *result)
{
    snprintf(probing->problem, sizeof(probing->problem), "%s", result->problem);
    probe_end(probing, result_of_loss(probing->session));
}

static bool is_own_trouble(const struct reply *reply)
{
    return reply->code == 421 || reply->code == 451 || reply->code == 452;
}

static void note_answer(struct backend_probing *probing, const struct reply *reply)
{
    struct arena *arena = arena_new();
    struct slice text = reply_text(arena, reply);

    if (is_own_trouble(reply))
        probing->unclear = true;
    else if (!reply_is_positive(reply))
        probing->refused = true;
    snprintf(probing->taken, sizeof(probing->taken), "%.*s", SLICE_ARG(text));
    arena_free(&arena);
}

/*
 * The sender's reply and each recipient's, in turn. A refused MAIL makes the rest 503, so it counts as refused only
 * by itself.
 */
static void answered(void *context, const struct backend_result *result)
{
    struct backend_probing *probing = context;

    if (result->outcome != BACKEND_REPLIED) {
        lost(probing, result);
        return;
    }
    probing->answers++;
    if (!probing->unclear && !probing->refused)
        note_answer(probing, &result->reply);
    if (probing->answers < 1 + STRANGERS_COUNT)
        return;
    if (probing->refused) {
        probe_end(probing, BACKEND_PROBE_FIT);
    } else if (probing->unclear) {
        snprintf(probing->problem, sizeof(probing->problem),
                 "whether it relays for strangers could not be found out: \"%s\"",
                 probing->taken);
        probe_end(probing, BACKEND_PROBE_BROKEN);
    } else {
        snprintf(probing->problem, sizeof(probing->problem),
                 "it relays for strangers: %s took a recipient at %s with \"%s\"%s",
                 probing->pool->settings.xclient ? "for the client 192.0.2.1 it" : "from our own address it",
                     strangers[0],
                 probing->taken, probing->pool->settings.xclient ? ""
                     : " (identify-client xclient tells it who the client is)");
        probe_end(probing, BACKEND_PROBE_RELAYS);
    }
}

static void reset_answered(void *context, const struct backend_result *result)
{
    struct backend_probing *probing = context;

    if (result->outcome != BACKEND_REPLIED)
        lost(probing, result);
    else
        probe_end(probing, BACKEND_PROBE_FIT);
}

struct backend_probing *probe_begin(struct backend_pool *pool, probe_done done, void *context)
{
    struct backend_probing *probing = memory_zeroed(1, sizeof(*probing));
    struct backend_client stranger = {
        .address = { .family = 4, .bytes = { 192, 0, 2, 1 } },
        .local_address = { .family = 4, .bytes = { 127, 0, 0, 1 } },
        .local_port = 25,
        .helo = slice_of_string(pool->hostname),
        .esmtp = true,
    };

    probing->pool = pool;
    probing->done = done;
    probing->context = context;
    probing->session = backend_open(pool, &stranger);
    if (pool->settings.relays_for_anyone) {
        backend_reset(probing->session, reset_answered, probing);
        return probing;
    }
    backend_mail(probing->session, SLICE(""), SLICE_NONE, answered, probing);
    for (size_t i = 0; i < STRANGERS_COUNT; i++)
        backend_rcpt(probing->session, slice_of_string(strangers[i]), SLICE_NONE, answered, probing);
    return probing;
}

void probe_cancel(struct backend_probing **probing)
{
    if (*probing == NULL)
        return;
    backend_close(&(*probing)->session);
    free(*probing);
    *probing = NULL;
}

/* ---- the probe alone */

struct probe_run {
    bool done;
    enum backend_probe result;
    char problem[BACKEND_PROBLEM_MOST];
};

static void run_done(void *context, enum backend_probe result, const char *problem)
{
    struct probe_run *run = context;

    run->done = true;
    run->result = result;
    snprintf(run->problem, sizeof(run->problem), "%s", problem);
}

enum backend_probe backend_probe_run(struct event_base *base, const struct backend_settings *settings,
                                     struct backend_offer *offer_out, struct arena *arena, struct slice *problem_out)
{
    struct backend_pool *pool = pool_new_private(base, settings);
    struct probe_run run = { .result = BACKEND_PROBE_BROKEN, .problem = "the event loop has stopped" };

    probe_begin(pool, run_done, &run);
    /* To the end of QUIT, so that the backend sees an orderly client. */
    while (!(run.done && pool->sessions == NULL) && event_base_loop(base, EVLOOP_ONCE) == 0)
        continue;
    *offer_out = pool->offer;
    *problem_out = run.result == BACKEND_PROBE_FIT ? SLICE_NONE : arena_copy(arena, slice_of_string(run.problem));
    backend_pool_free(&pool);
    return run.result;
}
