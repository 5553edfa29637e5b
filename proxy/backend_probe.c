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

static enum backend_probe result_of_loss(const struct backend_session *session)
{
    switch (session->failure) {
    case FAILURE_DOWN:
        return BACKEND_PROBE_DOWN;
    case FAILURE_NO_XCLIENT:
        return BACKEND_PROBE_NO_XCLIENT;
    case FAILURE_XCLIENT_REFUSED:
        return session_refused_client(session) ? BACKEND_PROBE_FIT : BACKEND_PROBE_NO_XCLIENT;
    case FAILURE_TLS:
        return BACKEND_PROBE_TLS;
    case FAILURE_NONE:
    case FAILURE_BROKEN:
    case FAILURE_CLIENT:
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

/* One that refuses a stranger before it says what it offers is no open relay, but nothing can be promised for it. */
static void end_fit(struct backend_probing *probing)
{
    if (!probing->pool->learnt)
        snprintf(probing->problem, sizeof(probing->problem),
                 "it refuses the client 192.0.2.1 before it says what it offers: \"%s\"", probing->taken);
    probe_end(probing, probing->pool->learnt ? BACKEND_PROBE_FIT : BACKEND_PROBE_BROKEN);
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
        end_fit(probing);
    } else if (probing->unclear) {
        snprintf(probing->problem, sizeof(probing->problem),
                 "whether it relays for strangers could not be found out: \"%s\"",
                 probing->taken);
        probe_end(probing, BACKEND_PROBE_BROKEN);
    } else {
        bool knows = probing->pool->settings.identity != BACKEND_IDENTITY_NONE;
        snprintf(probing->problem, sizeof(probing->problem),
                 "it relays for strangers: %s took a recipient at %s with \"%s\"%s",
                 knows ? "for the client 192.0.2.1 it" : "from our own address it", strangers[0], probing->taken,
                 knows ? "" : " (identify-client xclient tells it who the client is)");
        probe_end(probing, BACKEND_PROBE_RELAYS);
    }
}

static void reset_answered(void *context, const struct backend_result *result)
{
    struct backend_probing *probing = context;

    if (result->outcome != BACKEND_REPLIED)
        lost(probing, result);
    else
        end_fit(probing);
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

/*
 * A backend that answers, but slowly, keeps others waiting: a start, which systemd gives 90 s, and a reload, which has
 * 60 (MASTER_RELOAD_SECONDS). So a probe has twice `backend-connect` as a whole, and at most this.
 */
#define PROBE_RUN_SECONDS 30

struct probe_run {
    struct backend_pool *pool;         /* NULL: there is nothing to be asked */
    struct backend_probing *probing;   /* NULL: done */
    bool done;
    enum backend_probe result;
    char problem[BACKEND_PROBLEM_MOST];
};

static void run_done(void *context, enum backend_probe result, const char *problem)
{
    struct probe_run *run = context;

    run->done = true;
    run->probing = NULL;
    run->result = result;
    snprintf(run->problem, sizeof(run->problem), "%s", problem);
}

static void run_begin(struct probe_run *run, struct event_base *base, const struct backend_settings *settings)
{
    *run = (struct probe_run){ .result = BACKEND_PROBE_BROKEN, .problem = "the event loop has stopped" };
    run->pool = pool_new_private(base, settings);
    run->probing = probe_begin(run->pool, run_done, run);
}

/* To the end of QUIT, so that the backend sees an orderly client. */
static bool are_over(const struct probe_run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (runs[i].pool != NULL && !(runs[i].done && runs[i].pool->sessions == NULL))
            return false;
    return true;
}

static unsigned run_seconds(const struct backend_settings *settings)
{
    unsigned seconds = 2 * settings->connect_seconds;

    return seconds < PROBE_RUN_SECONDS ? seconds : PROBE_RUN_SECONDS;
}

static void on_time(evutil_socket_t descriptor, short what, void *context)
{
    bool *late = context;

    (void)descriptor, (void)what;
    *late = true;
}

static void note_late(struct probe_run *run, unsigned seconds)
{
    const struct backend_session *session = run->pool->sessions;

    snprintf(run->problem, sizeof(run->problem), "whether it is fit could not be found out within %u s: still %s",
             seconds, session == NULL ? "asking" : session_states[session->state].doing);
}

static void run_all(struct event_base *base, struct probe_run *runs, size_t count, unsigned seconds)
{
    bool late = false;
    struct event *timer = evtimer_new(base, on_time, &late);

    if (timer == NULL)
        bug("evtimer_new");
    evtimer_add(timer, &(struct timeval){ .tv_sec = (time_t)seconds });
    while (!are_over(runs, count) && !late && event_base_loop(base, EVLOOP_ONCE) == 0)
        continue;
    for (size_t i = 0; i < count && late; i++)
        if (runs[i].probing != NULL)
            note_late(&runs[i], seconds);
    event_free(timer);
}

static void run_end(struct probe_run *run, struct arena *arena, struct backend_finding *finding)
{
    finding->result = run->result;
    finding->offer = run->pool->offer;
    finding->problem =
        run->result == BACKEND_PROBE_FIT ? SLICE_NONE : arena_copy(arena, slice_of_string(run->problem));
    probe_cancel(&run->probing);
    backend_pool_free(&run->pool);
}

enum backend_probe backend_probe_run(struct event_base *base, const struct backend_settings *settings,
                                     struct backend_offer *offer_out, struct arena *arena, struct slice *problem_out)
{
    struct probe_run run;
    struct backend_finding finding;

    run_begin(&run, base, settings);
    run_all(base, &run, 1, run_seconds(settings));
    run_end(&run, arena, &finding);
    *offer_out = finding.offer;
    *problem_out = finding.problem;
    return finding.result;
}

struct backend_finding *backend_probe_all(struct event_base *base, const struct backend_settings *settings,
                                          size_t count, struct arena *arena)
{
    struct backend_finding *findings = arena_array(arena, count, sizeof(*findings));
    struct probe_run *runs = arena_array(arena, count, sizeof(*runs));

    for (size_t i = 0; i < count; i++) {
        struct backend_settings own = settings[i];
        struct slice problem;

        if (backend_settings_open(&own, arena, &problem)) {
            findings[i].warning = problem;
            run_begin(&runs[i], base, &own);
        } else {
            findings[i] = (struct backend_finding){ .result = BACKEND_PROBE_TLS, .problem = problem };
        }
        tls_client_release(&own.tls_client);
    }
    /* The time is of the limits, and the same for each. */
    run_all(base, runs, count, count == 0 ? 0 : run_seconds(&settings[0]));
    for (size_t i = 0; i < count; i++)
        if (runs[i].pool != NULL)
            run_end(&runs[i], arena, &findings[i]);
    return findings;
}
