/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.h: the SMTP or LMTP dialogue with the mail servers behind us. A worker has a pool for each: it learns by a
 * probe what the backend offers, keeps a few greeted, not yet renamed spares, and bounds the number of sessions. Which
 * backend a session is opened with is chosen by their order and health. A session serves one client session and its
 * later transactions. Identity fails closed: `xclient` configured and not offered, or answered by anything but 220,
 * loses the session with a loud log; so does TLS that is configured and cannot be had, or a server that is not
 * believed. Results are delivered on a later turn of the loop, never from inside the call.
 */
#ifndef MXWARD_PROXY_BACKEND_H
#define MXWARD_PROXY_BACKEND_H

#include <stdint.h>

#include "policy/verdict.h"
#include "proxy/reply.h"
#include "proxy/tls_client.h"
#include "rules/value.h"

struct event_base;
struct spool;
struct backend_pool;
struct backend_session;

/* What a backend offers in its EHLO reply; bits. */
enum backend_extension {
    BACKEND_PIPELINING = 1 << 0,
    BACKEND_SIZE = 1 << 1,
    BACKEND_8BITMIME = 1 << 2,
    BACKEND_ENHANCED_STATUS_CODES = 1 << 3,
    BACKEND_CHUNKING = 1 << 4,
    BACKEND_XCLIENT = 1 << 5,
    BACKEND_SMTPUTF8 = 1 << 6,
    BACKEND_DSN = 1 << 7,
    BACKEND_AUTH = 1 << 8,         /* with a mechanism that can be passed through */
    BACKEND_REQUIRETLS = 1 << 9,
    BACKEND_LIMITS = 1 << 10,
    BACKEND_VRFY = 1 << 11,
    BACKEND_STARTTLS = 1 << 15,    /* to us, never offered to clients by this */
};

/* RFC 9422: values have at most six digits. */
#define BACKEND_LIMIT_MOST 999999

/* What LIMITS says (RFC 9422); 0: nothing of that. */
struct backend_limits {
    uint32_t mail_most;            /* MAILMAX: MAIL commands of a session */
    uint32_t recipients_most;      /* RCPTMAX: RCPT commands of a transaction */
    uint32_t domains_most;         /* RCPTDOMAINMAX: different domains of recipients */
};

/* Octets of the names of AUTH's mechanisms: as many as fit a line of a reply (RFC 5321 4.5.3.1.5). */
#define BACKEND_MECHANISMS_MOST 480

struct backend_offer {
    unsigned extensions;
    uint64_t size;                 /* SIZE's number, 0: none */
    char mechanisms[BACKEND_MECHANISMS_MOST];  /* of AUTH, those that can be passed through: "PLAIN LOGIN" */
    struct backend_limits limits;
};

/* Keeps of `mechanisms` those that are among `others` too. */
void backend_mechanisms_keep(char *mechanisms, const char *others);

/* Of one configuration; more would want a load balancer. */
#define BACKENDS_MOST 8

enum backend_protocol { BACKEND_SMTP, BACKEND_LMTP };
/* How it learns who the client is: not at all, by XCLIENT, or by a header of the PROXY protocol, version 2. */
enum backend_identity { BACKEND_IDENTITY_NONE, BACKEND_IDENTITY_XCLIENT, BACKEND_IDENTITY_PROXY };
enum backend_tls { BACKEND_TLS_NONE, BACKEND_TLS_STARTTLS, BACKEND_TLS_IMPLICIT };

/* How one backend is reached. Its strings are borrowed, and so is what TLS is made of. */
struct backend_settings {
    const char *address;           /* "127.0.0.1:10025", "[::1]:10025" or "unix:/path" as configured */
    enum backend_protocol protocol;
    enum backend_identity identity;
    bool submission;               /* serves sessions of submission listeners, and no others */
    bool relays_for_anyone;        /* a test's backend: the relay probe is not held against it */
    enum backend_tls tls;
    struct tls_client_settings trust;  /* for it: set unless BACKEND_TLS_NONE */
    struct tls_client *tls_client; /* made of `trust` by backend_settings_open() */
    const char *hostname;          /* our EHLO name */
    unsigned sessions_most;        /* over all workers: this worker's share */
    unsigned spares;               /* greeted connections kept ready */
    unsigned command_seconds;      /* RFC 5321 4.5.3.2: 300 for MAIL and RCPT; ours is shorter, see mxward.conf(5) */
    unsigned connect_seconds;
    unsigned data_seconds;         /* from final dot to reply (P1: 300) */
};

/* The same backend, reached and known in the same way: what differs else, backend_pool_use() can change. */
bool backend_settings_same(const struct backend_settings *a, const struct backend_settings *b);
/* A copy whose strings are in `arena`; the TLS client is shared. */
struct backend_settings backend_settings_copy(const struct backend_settings *settings, struct arena *arena);
/*
 * Reads the files that TLS needs, if any, into settings->tls_client, the caller's to release. False: *problem_out (in
 * `arena`) says which file and why; true: it is empty, or a warning.
 */
bool backend_settings_open(struct backend_settings *settings, struct arena *arena, struct slice *problem_out);

/*
 * The pool probes at once and again with back-off until it has an offer; afterwards each new connection refreshes it.
 * A connection that fails before a client had a part in it takes the backend for down: it is probed with back-off
 * until it is fit again, or until a session succeeds.
 */
struct backend_pool *backend_pool_new(struct event_base *base, const struct backend_settings *settings);
void backend_pool_free(struct backend_pool **pool);
/* Last offer learnt; false: none yet (or the backend is not fit: relays, or no XCLIENT): clients get 421. */
bool backend_pool_offer(const struct backend_pool *pool, struct backend_offer *offer_out);
/*
 * UNKNOWN: no probe has ended yet. DOWN: it failed; where an offer is known it is asked when no other is up. UNFIT:
 * it relays for strangers or offers no XCLIENT, which does not pass by itself; it is never asked.
 */
enum backend_health { BACKEND_UNKNOWN, BACKEND_UP, BACKEND_DOWN, BACKEND_UNFIT };
enum backend_health backend_pool_health(const struct backend_pool *pool);
/* "unknown", "up", "down", "unfit". */
const char *backend_health_name(enum backend_health health);
/* Why it is DOWN or UNFIT; else empty. */
const char *backend_pool_problem(const struct backend_pool *pool);
const char *backend_pool_address(const struct backend_pool *pool);
unsigned backend_pool_sessions(const struct backend_pool *pool);

/* After a reload: other limits, another name of ours, certificates read anew, for what begins from now on. */
void backend_pool_use(struct backend_pool *pool, const struct backend_settings *settings);
/* Another backend took its place: no spares and no probes any more. Sessions go on, and may still be opened. */
void backend_pool_retire(struct backend_pool *pool);
/* A reload comes back to it: what it offers is found out again where that is not known. */
void backend_pool_revive(struct backend_pool *pool);
/* No session is left: a retired pool may be freed. */
bool backend_pool_is_empty(const struct backend_pool *pool);

/* The backends of one configuration, in order. */
struct backend_choice {
    struct backend_pool *pools[BACKENDS_MOST];
    size_t count;
};

/*
 * Where to open a session: the first that is up and has room for it; else one that is up, to be told that it is busy;
 * else, when none is up, the first that once was. `tried` has a bit for each that is not to be taken. -1: none.
 */
int backend_choice_find(const struct backend_choice *choice, unsigned tried);
/* What all of them offer whose offer is known; false: none is known, and clients get 421. */
bool backend_choice_offer(const struct backend_choice *choice, struct backend_offer *offer_out);
/* Of each it is known whether it is fit. */
bool backend_choice_is_known(const struct backend_choice *choice);
bool backend_choice_has(const struct backend_choice *choice, const struct backend_pool *pool);

/*
 * The probe alone, run to its end in `base` (for `check` and before the start): is the backend there, what does it
 * offer, is XCLIENT offered if wanted, does it relay for a stranger (XCLIENT as 192.0.2.1, RFC 5737; a recipient at a
 * domain of RFC 2606)?
 */
enum backend_probe { BACKEND_PROBE_FIT, BACKEND_PROBE_DOWN, BACKEND_PROBE_NO_XCLIENT, BACKEND_PROBE_RELAYS,
                     BACKEND_PROBE_BROKEN, BACKEND_PROBE_TLS };
enum backend_probe backend_probe_run(struct event_base *base, const struct backend_settings *settings,
                                     struct backend_offer *offer_out, struct arena *arena, struct slice *problem_out);

struct backend_finding {
    enum backend_probe result;
    struct backend_offer offer;    /* when it is fit */
    struct slice problem;          /* when it is not */
    struct slice warning;          /* of our own certificate */
};
/* The same of several at once, opening what TLS needs; findings and their texts are in `arena`. */
struct backend_finding *backend_probe_all(struct event_base *base, const struct backend_settings *settings,
                                          size_t count, struct arena *arena);

/* The client as the backend shall see it. Slices are copied. */
struct backend_client {
    struct address address;
    uint16_t port;
    struct address local_address;
    uint16_t local_port;
    struct slice name;             /* verified; empty: "[UNAVAILABLE]", or "[TEMPUNAVAIL]" with name_temporary */
    struct slice reverse_name;
    bool name_temporary;
    struct slice helo;
    bool esmtp;
};

enum backend_outcome {
    BACKEND_REPLIED,               /* reply is the backend's own */
    BACKEND_BUSY,                  /* at sessions_most: 451 4.3.2 */
    /*
     * Could not connect, closed, timed out, broken dialogue, identity refused: 451 4.3.0/4.4.x. The problem says what
     * and why; it does not name the backend's address, which the caller knows.
     */
    BACKEND_LOST,
};

struct backend_result {
    enum backend_outcome outcome;
    struct reply reply;            /* valid during the callback */
    const char *problem;           /* of BUSY and LOST; else empty */
    bool about_client;             /* of LOST: the backend refused this client; another is not to be asked for it */
};

/*
 * Called once for each command, in order. It may ask more, and may close the session, but not free the pool. A 421 is
 * REPLIED to the command that it answers, and the session is lost after it. When the backend refuses the EHLO said
 * for the client, that reply is REPLIED to each of its commands.
 */
typedef void (*backend_done)(void *context, const struct backend_result *result);

/* Always gives a session; failures come as the result of its first command. Takes a spare if there is one. */
struct backend_session *backend_open(struct backend_pool *pool, const struct backend_client *client);
/* Commands queue; their callbacks come in order. With PIPELINING offered MAIL and RCPT go out without waiting. */
void backend_mail(struct backend_session *session, struct slice path, struct slice parameters, backend_done done,
                  void *context);
void backend_rcpt(struct backend_session *session, struct slice path, struct slice parameters, backend_done done,
                  void *context);
/* The address without its brackets. */
void backend_vrfy(struct backend_session *session, struct slice address, backend_done done, void *context);
void backend_reset(struct backend_session *session, backend_done done, void *context);
/*
 * One line of an AUTH exchange (RFC 4954 4), without CRLF: the command, or after a 334 the client's response. Copied,
 * and wiped from memory when it is done with. The result is a 334, a 235 or a refusal; after a 334 nothing but the next
 * line may be asked. A session closed within the exchange is closed without a word.
 */
void backend_auth(struct backend_session *session, struct slice line, backend_done done, void *context);
/*
 * What comes next needs these (bits of enum backend_extension), and so does all after it: a session whose EHLO reply
 * lacks one is lost before it is asked for anything more. A client that said HELO is not held to it: its session has
 * no such reply.
 */
void backend_require(struct backend_session *session, unsigned extensions);

/*
 * A message as it is to be delivered: our fields, then the held bytes but for what is removed. All borrowed until
 * done.
 */
struct backend_message {
    struct slice added;            /* whole fields, CRLF */
    struct spool *spool;
    const struct removed_field *removed;
    size_t removed_count;
};
/*
 * DATA (354 awaited) or, when CHUNKING is offered, BDAT ... LAST; the result is the final reply (or the 354's
 * refusal). The message streams with back-pressure: memory stays constant. A session lost before the final reply is
 * BACKEND_LOST: not delivered as far as anyone may say, the client gets 451 (P1).
 */
void backend_message(struct backend_session *session, const struct backend_message *message, backend_done done,
                     void *context);
/* Drops all queued callbacks. QUIT if idle, else just closes. Accepts a pointer to NULL and clears. */
void backend_close(struct backend_session **session);
/* Lost already (a later command would fail at once): open another. */
bool backend_is_lost(const struct backend_session *session);
/* Valid as long as the session is. */
struct backend_pool *backend_session_pool(const struct backend_session *session);
/* What this session's backend offered after XCLIENT. */
struct backend_offer backend_session_offer(const struct backend_session *session);

#endif
