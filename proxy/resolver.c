/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver.c: requests and look-ups. A look-up is one question on its way, asked once however many requests wait for
 * it; a request is a batch of questions with a deadline. Requests come and go, look-ups stay until they are answered,
 * since libunbound's cannot be taken back. Answers are put aside when they come, maybe from inside the asking call, and
 * delivered by an event of their own. The resolver owns both; memory is bounded by RESOLVER_LOOKUPS_MOST.
 */
#include "proxy/resolver.h"

#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "proxy/dns_packet.h"
#include "proxy/resolver_unbound.h"
#include "proxy/zone.h"

#define TABLE_SIZE 4096

/* One request's wait for one look-up. */
struct waiter {
    struct resolver_request *request;
    struct lookup *lookup;         /* NULL: waits no more */
    TAILQ_ENTRY(waiter) others;
};

struct lookup {
    struct resolver *resolver;
    struct question question;      /* the name is `text` */
    TAILQ_HEAD(waiters, waiter) waiters;   /* the first to ask is the first to be told */
    LIST_ENTRY(lookup) chain;
    TAILQ_ENTRY(lookup) queue;     /* once answered */
    struct event *timer;           /* until a fixture's answer is due */
    bool silent;                   /* a fixture's: no answer will come */
    bool answered;
    struct answer answer;
    struct arena *arena;           /* of the answer; NULL: it owns nothing */
    char text[];
};

struct resolver_request {
    struct resolver *resolver;
    struct answers *answers;
    resolver_done done;
    void *context;
    struct event *timer;           /* the deadline; NULL: nothing to wait for */
    bool finished;                 /* in the queue of those to be told */
    size_t left;                   /* waiters that wait */
    LIST_ENTRY(resolver_request) others;
    TAILQ_ENTRY(resolver_request) queue;
    size_t count;
    struct waiter waiters[];
};

struct resolver {
    struct event_base *base;
    struct event *deliver;
    struct resolver_unbound *unbound;      /* one of these two */
    struct zone *zone;
    struct arena *scratch;
    uint64_t asked;
    size_t lookups_count;
    size_t finished_count;
    LIST_HEAD(, lookup) table[TABLE_SIZE];
    LIST_HEAD(, resolver_request) requests;
    TAILQ_HEAD(, lookup) answered;
    TAILQ_HEAD(, resolver_request) finished;
};

/* --- look-ups */

static size_t place_of(const struct question *question)
{
    uint32_t hash = 2166136261U;   /* FNV-1a; names that are made to collide lengthen a chain that is bounded */

    for (size_t i = 0; i < question->name.length; i++)
        hash = (hash ^ (unsigned char)question->name.text[i]) * 16777619U;
    return ((hash ^ (uint32_t)question->type) * 16777619U) % TABLE_SIZE;
}

static struct lookup *lookup_find(struct resolver *resolver, const struct question *question)
{
    struct lookup *lookup;

    LIST_FOREACH(lookup, &resolver->table[place_of(question)], chain)
        if (lookup->question.type == question->type && slice_equal(lookup->question.name, question->name))
            return lookup;
    return NULL;
}

static struct lookup *lookup_new(struct resolver *resolver, const struct question *question)
{
    struct lookup *lookup = memory_zeroed(1, sizeof(*lookup) + question->name.length + 1);

    lookup->resolver = resolver;
    memcpy(lookup->text, question->name.text, question->name.length);
    lookup->question = (struct question){ question->type, slice_of(lookup->text, question->name.length) };
    TAILQ_INIT(&lookup->waiters);
    LIST_INSERT_HEAD(&resolver->table[place_of(question)], lookup, chain);
    resolver->lookups_count++;
    return lookup;
}

/* Nobody waits for it any more, and no call for it will come. */
static void lookup_free(struct lookup *lookup)
{
    LIST_REMOVE(lookup, chain);
    lookup->resolver->lookups_count--;
    if (lookup->answered)
        TAILQ_REMOVE(&lookup->resolver->answered, lookup, queue);
    if (lookup->timer != NULL)
        event_free(lookup->timer);
    arena_free(&lookup->arena);
    free(lookup);
}

static void lookup_answered(struct lookup *lookup)
{
    struct resolver *resolver = lookup->resolver;

    lookup->answered = true;
    TAILQ_INSERT_TAIL(&resolver->answered, lookup, queue);
    event_active(resolver->deliver, 0, 0);
}

static void lookup_failed(struct lookup *lookup, enum answer_status status, struct slice reason)
{
    lookup->answer = (struct answer){ .question = lookup->question, .status = status, .reason = reason };
    lookup_answered(lookup);
}

static void on_unbound(void *context, struct slice packet, struct slice reason)
{
    struct lookup *lookup = context;

    lookup->arena = arena_new();
    if (packet.text == NULL) {
        lookup_failed(lookup, ANSWER_FAILED, arena_copy(lookup->arena, reason));
        return;
    }
    lookup->answer = dns_packet_answer(packet, &lookup->question, lookup->arena);
    lookup_answered(lookup);
}

static void on_delay_over(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor, (void)what;
    lookup_answered(context);
}

static struct timeval to_timeval(unsigned milliseconds)
{
    return (struct timeval){ .tv_sec = milliseconds / 1000, .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000 };
}

static struct event *timer_new(struct event_base *base, unsigned milliseconds, event_callback_fn callback,
                               void *context)
{
    struct event *timer = event_new(base, -1, 0, callback, context);
    struct timeval interval = to_timeval(milliseconds);

    if (timer == NULL || event_add(timer, &interval) != 0)
        bug("cannot make a timer");
    return timer;
}

static void lookup_start(struct lookup *lookup)
{
    struct resolver *resolver = lookup->resolver;
    struct zone_reply reply;

    if (resolver->unbound != NULL) {
        if (!resolver_unbound_ask(resolver->unbound, lookup->question.type, lookup->text, on_unbound, lookup))
            lookup_failed(lookup, ANSWER_FAILED, SLICE("cannot be asked"));
        return;
    }
    reply = zone_find(resolver->zone, &lookup->question);
    lookup->answer = reply.answer;
    lookup->silent = reply.silent;
    if (reply.silent)
        return;
    if (reply.delay_milliseconds == 0)
        lookup_answered(lookup);
    else
        lookup->timer = timer_new(resolver->base, reply.delay_milliseconds, on_delay_over, lookup);
}

/* --- requests */

static void request_finish(struct resolver_request *request)
{
    request->finished = true;
    TAILQ_INSERT_TAIL(&request->resolver->finished, request, queue);
    request->resolver->finished_count++;
    event_active(request->resolver->deliver, 0, 0);
}

static void waiter_release(struct waiter *waiter)
{
    TAILQ_REMOVE(&waiter->lookup->waiters, waiter, others);
    waiter->lookup = NULL;
    waiter->request->left--;
}

/* Waits no more, before an answer came. One that never comes is not kept. */
static void waiter_leave(struct waiter *waiter)
{
    struct lookup *lookup = waiter->lookup;

    waiter_release(waiter);
    if (lookup->silent && TAILQ_EMPTY(&lookup->waiters))
        lookup_free(lookup);
}

static void request_free(struct resolver_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        if (request->waiters[i].lookup != NULL)
            waiter_leave(&request->waiters[i]);
    if (request->finished) {
        TAILQ_REMOVE(&request->resolver->finished, request, queue);
        request->resolver->finished_count--;
    }
    LIST_REMOVE(request, others);
    if (request->timer != NULL)
        event_free(request->timer);
    free(request);
}

static void on_deadline(evutil_socket_t descriptor, short what, void *context)
{
    struct resolver_request *request = context;

    (void)descriptor, (void)what;
    if (request->finished)
        return;
    for (size_t i = 0; i < request->count; i++) {
        struct waiter *waiter = &request->waiters[i];
        struct answer answer = { .status = ANSWER_TIMEOUT, .reason = SLICE("no answer before the deadline") };

        if (waiter->lookup == NULL)
            continue;
        answer.question = waiter->lookup->question;
        (void)answers_add(request->answers, &answer);
        waiter_leave(waiter);
    }
    request_finish(request);
}

static void lookup_deliver(struct lookup *lookup)
{
    while (!TAILQ_EMPTY(&lookup->waiters)) {
        struct waiter *waiter = TAILQ_FIRST(&lookup->waiters);
        struct resolver_request *request = waiter->request;

        (void)answers_add(request->answers, &lookup->answer);
        waiter_release(waiter);
        if (request->left == 0)
            request_finish(request);
    }
    lookup_free(lookup);
}

/*
 * What `done` asks anew comes back in another turn; at most as many are told as were finished when this one began. A
 * request is gone before its owner is told, who may ask again or cancel any other.
 */
static void on_deliver(evutil_socket_t descriptor, short what, void *context)
{
    struct resolver *resolver = context;

    (void)descriptor, (void)what;
    while (!TAILQ_EMPTY(&resolver->answered))
        lookup_deliver(TAILQ_FIRST(&resolver->answered));
    (void)event_del(resolver->deliver);    /* what was finished just now has set it off once more */
    for (size_t left = resolver->finished_count; left > 0 && !TAILQ_EMPTY(&resolver->finished); left--) {
        struct resolver_request *request = TAILQ_FIRST(&resolver->finished);
        resolver_done done = request->done;
        void *owner = request->context;

        request_free(request);
        done(owner);
    }
}

/*
 * One question of a request. A name that cannot be asked, or a type, is passed over: no answer set holds or needs it.
 */
static void request_add(struct resolver_request *request, const struct question *question)
{
    struct resolver *resolver = request->resolver;
    struct waiter *waiter = &request->waiters[request->count];
    struct question canonical = { .type = question->type };
    struct answer refusal = { .status = ANSWER_LIMIT, .reason = SLICE("too many DNS questions in flight") };

    if (question_type_name(question->type) == NULL ||
        !question_name_normalise(question->name, resolver->scratch, &canonical.name))
        return;
    resolver->asked++;
    waiter->lookup = lookup_find(resolver, &canonical);
    if (waiter->lookup == NULL && resolver->lookups_count >= RESOLVER_LOOKUPS_MOST) {
        refusal.question = canonical;
        (void)answers_add(request->answers, &refusal);
        return;
    }
    if (waiter->lookup == NULL) {
        waiter->lookup = lookup_new(resolver, &canonical);
        lookup_start(waiter->lookup);
    }
    waiter->request = request;
    TAILQ_INSERT_TAIL(&waiter->lookup->waiters, waiter, others);
    request->count++;
    request->left++;
}

struct resolver_request *resolver_ask(struct resolver *resolver, struct answers *answers,
                                      const struct question *questions, size_t count, unsigned deadline_milliseconds,
                                      resolver_done done, void *context)
{
    struct resolver_request *request = memory_zeroed(1, sizeof(*request) + count * sizeof(request->waiters[0]));

    *request = (struct resolver_request){ .resolver = resolver, .answers = answers, .done = done, .context = context };
    LIST_INSERT_HEAD(&resolver->requests, request, others);
    for (size_t i = 0; i < count; i++)
        request_add(request, &questions[i]);
    arena_reset(resolver->scratch);
    if (request->left == 0)
        request_finish(request);
    else
        request->timer = timer_new(resolver->base, deadline_milliseconds, on_deadline, request);
    return request;
}

void resolver_cancel(struct resolver_request **request)
{
    if (*request != NULL)
        request_free(*request);
    *request = NULL;
}

uint64_t resolver_asked(const struct resolver *resolver)
{
    return resolver->asked;
}

/* --- the resolver */

static bool load_zone(struct resolver *resolver, const char *path, struct arena *arena, struct slice *problem_out)
{
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics, arena);
    resolver->zone = zone_load(path, arena, &diagnostics);
    if (resolver->zone == NULL)
        *problem_out = diagnostics_text(&diagnostics, arena);
    return resolver->zone != NULL;
}

struct resolver *resolver_new(struct event_base *base, const struct resolver_settings *settings, struct arena *arena,
                              struct slice *problem_out)
{
    struct resolver *resolver = memory_zeroed(1, sizeof(*resolver));
    bool ready;

    resolver->base = base;
    resolver->scratch = arena_new();
    TAILQ_INIT(&resolver->answered);
    TAILQ_INIT(&resolver->finished);
    resolver->deliver = event_new(base, -1, 0, on_deliver, resolver);
    if (resolver->deliver == NULL)
        bug("cannot make an event");
    if (settings->mode == RESOLVER_FIXTURE) {
        ready = load_zone(resolver, settings->fixture_path, arena, problem_out);
    } else {
        resolver->unbound = resolver_unbound_new(base, settings, arena, problem_out);
        ready = resolver->unbound != NULL;
    }
    if (!ready)
        resolver_free(&resolver);
    return resolver;
}

void resolver_free(struct resolver **resolver)
{
    struct resolver *all = *resolver;
    struct resolver_request *request, *next_request;
    struct lookup *lookup, *next_lookup;

    if (all == NULL)
        return;
    for (request = LIST_FIRST(&all->requests); request != NULL; request = next_request) {
        next_request = LIST_NEXT(request, others);
        request_free(request);
    }
    resolver_unbound_free(&all->unbound);      /* it calls back for what it drops: the look-ups are still there */
    for (size_t i = 0; i < TABLE_SIZE; i++)
        for (lookup = LIST_FIRST(&all->table[i]); lookup != NULL; lookup = next_lookup) {
            next_lookup = LIST_NEXT(lookup, chain);
            lookup_free(lookup);
        }
    event_free(all->deliver);
    arena_free(&all->scratch);
    free(all);
    *resolver = NULL;
}
