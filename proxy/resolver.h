/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver.h: missing answers to answers, through libunbound in the worker's event loop. Questions
 * of a request are asked in parallel; what is unanswered at the deadline becomes ANSWER_TIMEOUT. Done on a
 * later turn of the loop, never from inside the call.
 */
#ifndef MXWARD_PROXY_RESOLVER_H
#define MXWARD_PROXY_RESOLVER_H

#include "policy/answers.h"

struct event_base;
struct resolver;
struct resolver_request;

enum resolver_mode { RESOLVER_RECURSE, RESOLVER_SYSTEM, RESOLVER_FORWARD, RESOLVER_FIXTURE };

struct resolver_settings {
    enum resolver_mode mode;
    const char *const *forwarders;     /* "192.0.2.53", "[2001:db8::53]:5353", NULL at the end */
    const char *fixture_path;          /* zone.h's format; read into the arena given, which outlives the resolver */
    /* Zones that libunbound answers itself (RFC 6303) but that shall be asked: "test", "2.0.192.in-addr.arpa". */
    const char *const *unblock_zones;
    bool unblock_lan_zones;
    const char *root_key_path;         /* DNSSEC trust anchor (dns-root-data), NULL: no validation */
    const char *root_hints_path;
};

/* NULL on failure; *problem_out says what. */
struct resolver *resolver_new(struct event_base *base, const struct resolver_settings *settings, struct arena *arena,
                              struct slice *problem_out);
/* Requests that are left are forgotten, and must not be cancelled afterwards. Accepts a pointer to NULL and clears. */
void resolver_free(struct resolver **resolver);

/* Begins the reason of an answer that failed because DNSSEC finds it forged, or unsigned where it must be signed. */
#define RESOLVER_BOGUS "DNSSEC: "

typedef void (*resolver_done)(void *context);
/*
 * Questions of a worker on their way at once. More get ANSWER_LIMIT; each holds some 10 KB in libunbound until it is
 * answered or given up.
 */
#define RESOLVER_LOOKUPS_MOST 10000

/*
 * Asks; every answer is added to `answers` (which outlives the request) as it comes, then `done` is called
 * once. `count` may be 0. When `done` is called the request is gone already; it may ask again and cancel
 * others, but not free the resolver. A question that is on its way for someone is not asked twice. Names that
 * cannot be asked are passed over: answers.h knows their answer.
 */
struct resolver_request *resolver_ask(struct resolver *resolver, struct answers *answers,
                                      const struct question *questions, size_t count, unsigned deadline_milliseconds,
                                      resolver_done done, void *context);
/* After it nothing is added and `done` is not called. Accepts a pointer to NULL and clears. */
void resolver_cancel(struct resolver_request **request);
/* Questions asked so far (cache hits included), for the status table. */
uint64_t resolver_asked(const struct resolver *resolver);

#endif
