/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_private.h: what backend.c (its public calls), backend_session.c, backend_greeting.c and backend_dialogue.c
 * (its states), backend_message.c (a message on its way), backend_identity.c (what is said of the client),
 * backend_pool.c and backend_probe.c know of each other. A session belongs to the pool's list from its making to its
 * freeing; who opened it only borrows it. A connection counts against `backend-sessions` from connect to close, QUIT
 * and its reply included.
 *
 * The way of a session:
 *
 *   CONNECT -> GREETING -> HELLO -> SPARE -> IDENTIFY -> HELLO_CLIENT -> READY <-> COMMANDS
 *                                     |  (identify-client none) ------->   |
 *   proxy-v2:   CONNECT (the header is said) -> GREETING -> HELLO_CLIENT -> READY;  there are no spares
 *   TLS:        CONNECT -> HANDSHAKE -> GREETING;  or HELLO (our own) -> STARTTLS -> HANDSHAKE -> HELLO or HELLO_CLIENT
 *   a message:  READY -> DATA (354) -> SENDING -> FINAL -> READY
 *   AUTH:  READY -> AUTH -> READY;  AUTH (334) -> CHALLENGED -> AUTH
 *   the end:  any -> LOST;  HELLO_CLIENT -> REFUSED;  READY or SPARE -> LEAVING (QUIT);  BUSY never had a connection
 */
#ifndef MXWARD_PROXY_BACKEND_PRIVATE_H
#define MXWARD_PROXY_BACKEND_PRIVATE_H

#include <sys/socket.h>

#include "proxy/auth_exchange.h"
#include "proxy/backend.h"

struct event;
struct stream;

/*
 * Postfix drops a silent client after 300 s (smtpd_timeout), under load after 10; a spare older than this is
 * exchanged for a fresh one.
 */
#define BACKEND_SPARE_SECONDS 90
/* A reply to QUIT is a courtesy (RFC 5321 4.1.1.10): not waited for longer. */
#define BACKEND_QUIT_SECONDS 5
/* The first and the longest pause before a backend that failed is tried again. */
#define BACKEND_PAUSE_FIRST 1
#define BACKEND_PAUSE_MOST 60
/* Output held for a backend that reads slowly; refilled when half of it is gone. */
#define BACKEND_OUTPUT_MOST ((size_t)128 * 1024)
#define BACKEND_PROBLEM_MOST 512
/* Eight attributes; XCLIENT commands hold at most 512 octets each (Postfix, XCLIENT_README). */
#define BACKEND_XCLIENT_LINES 8
#define BACKEND_XCLIENT_LINE_MOST 512

/* Attributes that the backend's XCLIENT line lists; bits. */
enum backend_attribute {
    ATTRIBUTE_NAME = 1 << 0,
    ATTRIBUTE_REVERSE_NAME = 1 << 1,
    ATTRIBUTE_ADDR = 1 << 2,
    ATTRIBUTE_PORT = 1 << 3,
    ATTRIBUTE_HELO = 1 << 4,
    ATTRIBUTE_PROTO = 1 << 5,
    ATTRIBUTE_DESTADDR = 1 << 6,
    ATTRIBUTE_DESTPORT = 1 << 7,
};
/*
 * Without these Postfix would judge the client by our name or our address: such a backend is not fit. LMTP servers
 * judge nobody by a name (Dovecot's has no NAME).
 */
#define ATTRIBUTES_NEEDED (ATTRIBUTE_NAME | ATTRIBUTE_ADDR)
#define ATTRIBUTES_NEEDED_LMTP ATTRIBUTE_ADDR

/* ---- backend_identity.c */

/* The keyword of the first of these extensions, or "". */
const char *backend_extension_name(unsigned extensions);
/* What an EHLO reply offers. */
void backend_read_offer(const struct reply *reply, struct backend_offer *offer_out, unsigned *attributes_out);
/* The XCLIENT lines with CRLF, the one with NAME and ADDR last; returns their count, at most BACKEND_XCLIENT_LINES. */
size_t backend_identity_lines(const struct backend_client *client, unsigned attributes, struct arena *arena,
                              struct slice *lines);
/*
 * "EHLO name" as the client said it (HELO when that is what it said; LMTP has LHLO alone), with CRLF; our own name when
 * the client gave none.
 */
struct slice backend_identity_hello(const struct backend_client *client, enum backend_protocol protocol,
                                    const char *hostname, struct arena *arena);
/*
 * The header that begins a connection, version 2 of the PROXY protocol: the client's address and port, and where it
 * connected to. No TLVs: Postfix reads none.
 */
struct slice backend_identity_header(const struct backend_client *client, struct arena *arena);
struct backend_client backend_client_copy(const struct backend_client *client, struct arena *arena);

/* ---- backend_message.c */

enum transmission_status {
    TRANSMISSION_MORE,             /* the stream has enough for now */
    TRANSMISSION_ALL,              /* everything, the end of data included, was given to the stream */
    TRANSMISSION_FAILED,           /* the spool could not be read (errno), or the removals do not fit it (errno 0) */
};

/* A message on its way. */
struct backend_transmission {
    struct backend_message message;
    bool chunked;                  /* BDAT: bytes as they are; else DATA: stuffed */
    bool at_line_start;
    size_t added;                  /* bytes of message.added already given */
    uint64_t offset;               /* within the spool */
    size_t removal;                /* the next of message.removed */
    bool ended;
};

/* False: the removals are not ascending ranges within the spool. */
bool transmission_begin(struct backend_transmission *transmission, const struct backend_message *message, bool chunked);
/* Bytes that BDAT announces. */
uint64_t transmission_size(const struct backend_transmission *transmission);
enum transmission_status transmission_fill(struct backend_transmission *transmission, struct stream *stream);

/* ---- backend_session.c */

enum session_state {
    SESSION_CONNECT,
    SESSION_HANDSHAKE,             /* of TLS */
    SESSION_GREETING,              /* 220 awaited */
    SESSION_HELLO,                 /* reply to our own EHLO awaited */
    SESSION_STARTTLS,              /* 220 to STARTTLS awaited */
    SESSION_SPARE,                 /* greeted, not yet renamed */
    SESSION_IDENTIFY,              /* 220 to an XCLIENT awaited */
    SESSION_HELLO_CLIENT,          /* reply to the EHLO said for the client awaited */
    SESSION_READY,                 /* nothing is asked */
    SESSION_COMMANDS,              /* replies to MAIL, RCPT, RSET awaited */
    SESSION_AUTH,                  /* reply to AUTH, or to a response of the client, awaited */
    SESSION_CHALLENGED,            /* the reply was 334: nothing but the client's response may come next */
    SESSION_DATA,                  /* 354 awaited */
    SESSION_SENDING,               /* the message is on its way */
    SESSION_FINAL,                 /* all was sent, its reply awaited */
    SESSION_REFUSED,               /* the client's EHLO was refused: that reply answers everything */
    SESSION_LEAVING,               /* QUIT was sent */
    SESSION_LOST,
    SESSION_BUSY,
};

enum session_role {
    ROLE_SPARE,                    /* the pool's own */
    ROLE_TAKEN,                    /* backend_open() gave it away */
    ROLE_DROPPED,                  /* backend_close() gave it back: it says QUIT and goes */
};

/* Why a session was lost, for the probe. */
enum backend_failure {
    FAILURE_NONE, FAILURE_DOWN, FAILURE_NO_XCLIENT, FAILURE_XCLIENT_REFUSED, FAILURE_BROKEN, FAILURE_TLS,
    FAILURE_CLIENT,                /* the backend's word on this client, none on itself */
};

enum request_kind { REQUEST_MAIL, REQUEST_RCPT, REQUEST_RESET, REQUEST_MESSAGE, REQUEST_AUTH, REQUEST_VRFY };

struct backend_request {
    struct backend_request *next;
    enum request_kind kind;
    bool sent;
    bool bad;                      /* its text could not be sent as one command line */
    backend_done done;
    void *context;
    struct backend_message message;
    size_t length;
    char line[];                   /* with CRLF */
};

/* What is asked of a session, in order. */
struct backend_requests {
    struct backend_request *first;
    struct backend_request *last;
};

struct backend_session {
    struct backend_session *previous;
    struct backend_session *next;  /* of the pool */
    struct backend_pool *pool;
    struct stream *stream;         /* NULL: no connection */
    struct event *timer;
    struct event *kick;            /* brings session_advance() on a later turn of the loop */
    enum session_state state;
    enum session_role role;
    bool advancing;
    bool ending;                   /* session_advance() frees it when done */
    bool moved;                    /* the timer begins again */
    bool timed_out;
    bool untried;                  /* was a spare, and nothing was heard since it was taken: may be dead already */
    bool reading;                  /* within a reply of several lines */
    bool secret;                   /* AUTH was said: what it says may quote a password */
    enum backend_failure failure;
    struct arena *arena;           /* who the client is, and a refusal of it */
    struct backend_client client;
    struct slice identity[BACKEND_XCLIENT_LINES];
    size_t identity_count;
    size_t identity_next;
    struct reply refusal;          /* REFUSED: the answer to everything */
    struct arena *reply_arena;     /* of the reply being read or told */
    struct reply_reader reader;
    struct reply reply;
    struct backend_offer offer;
    unsigned required;             /* of its extensions, by what is asked of it */
    unsigned attributes;
    struct backend_requests requests;
    size_t outstanding;            /* requests sent and not answered, the first of them all */
    struct backend_transmission transmission;
    size_t unsent;                 /* of the stream, at the last look */
    char problem[BACKEND_PROBLEM_MOST];
};

enum session_progress { PROGRESS_ON, PROGRESS_WAIT };
enum session_limit { LIMIT_NONE, LIMIT_CONNECT, LIMIT_COMMAND, LIMIT_DATA, LIMIT_SPARE, LIMIT_QUIT };

struct session_state_info {
    const char *doing;             /* for texts: "timed out while ..." */
    enum session_limit limit;
    enum session_progress (*advance)(struct backend_session *session);
};

extern const struct session_state_info session_states[SESSION_BUSY + 1];

/* Connects; a spare of the pool, or one that waits for session_take(). Busy: has no connection and will not get one. */
struct backend_session *session_new(struct backend_pool *pool, enum session_role role, bool busy);
void session_take(struct backend_session *session, const struct backend_client *client);
/* Has the dialogue look at its session on a later turn of the loop. */
void session_kick(struct backend_session *session);
/* Says QUIT if the dialogue is at rest and goes when it is answered; else goes at once. */
void session_leave(struct backend_session *session);
void session_free(struct backend_session *session);

void session_add_request(struct backend_session *session, struct backend_request *request);
struct backend_request *session_take_request(struct backend_session *session);
/* Wiped, if it held a password. */
void session_free_request(struct backend_request *request);
void session_drop_requests(struct backend_session *session);

/* For the states. */
enum session_progress session_enter(struct backend_session *session, enum session_state state);
/* Connects, again if it was connected: all requests are to be sent. */
void session_connect(struct backend_session *session);
/*
 * The end of a connection. A spare that turns out dead before it said a word to this client is replaced instead:
 * nothing of the client can have had an effect yet.
 */
enum session_progress session_lose(struct backend_session *session, enum backend_failure failure, const char *format,
                                   ...)
    __attribute__((format(printf, 3, 4)));
void session_note_unsent(struct backend_session *session);

/* ---- backend_dialogue.c: hearing and saying, in any state */

enum heard { HEARD_NOTHING, HEARD_REPLY, HEARD_END };

const struct backend_settings *session_settings(const struct backend_session *session);
/* Whole lines, with CRLF. */
void session_say(struct backend_session *session, struct slice line);
/* A whole reply, in session->reply; or the end of the connection, and then the session is lost or connects anew. */
enum heard session_hear(struct backend_session *session);
/* After AUTH the code alone: the text may quote a password, and what is said here comes to logs and records. */
enum session_progress session_lose_by_reply(struct backend_session *session, enum backend_failure failure);
/* The result of the first request. The last thing a step does: the callback may close the session. */
enum session_progress session_finish(struct backend_session *session, enum backend_outcome outcome,
                                     const struct reply *reply);
/* The reply is the result of the first request, and the session goes with it. */
enum session_progress session_finish_and_lose(struct backend_session *session);

/* ---- backend_greeting.c: the states until a client is served */

enum session_progress session_advance_connect(struct backend_session *session);
enum session_progress session_advance_handshake(struct backend_session *session);
enum session_progress session_advance_greeting(struct backend_session *session);
enum session_progress session_advance_starttls(struct backend_session *session);
enum session_progress session_advance_hello(struct backend_session *session);
enum session_progress session_advance_spare(struct backend_session *session);
enum session_progress session_advance_identify(struct backend_session *session);
enum session_progress session_advance_hello_client(struct backend_session *session);
enum session_progress session_advance_refused(struct backend_session *session);

/* ---- backend_pool.c */

struct backend_pool {
    struct event_base *base;
    struct arena *arena;               /* of the settings' strings, all but hostname */
    struct backend_settings settings;
    char *hostname;
    struct sockaddr_storage address;
    int address_length;                /* 0: the text is no address */
    struct backend_session *sessions;
    unsigned connections;
    bool has_offer;                    /* found fit at least once, and not unfit since */
    bool learnt;                       /* `offer` is an EHLO reply's */
    bool ailing;                       /* failed since it was found fit: others are asked first */
    bool unfit;                        /* up, but must not be used */
    struct backend_offer offer;
    struct event *timer;               /* the next try after a failure */
    struct event *kick;                /* looks for what is to be done, on a later turn of the loop */
    unsigned pause;                    /* seconds; 0: nothing failed lately */
    bool waiting;                      /* the timer runs */
    bool private;                      /* made for one probe: keeps no spares, asks nothing by itself */
    bool retired;                      /* likewise, from now on */
    struct backend_probing *probing;
    char problem[BACKEND_PROBLEM_MOST];
};

/* A pool that does nothing by itself. */
struct backend_pool *pool_new_private(struct event_base *base, const struct backend_settings *settings);
void pool_add(struct backend_pool *pool, struct backend_session *session);
void pool_remove(struct backend_pool *pool, struct backend_session *session);
bool pool_has_room(const struct backend_pool *pool);
/* Has room, or a spare. */
bool pool_can_serve(const struct backend_pool *pool);
/* What is said to the backend does not leave this machine. */
bool pool_is_local(const struct backend_pool *pool);
void pool_spare_taken(struct backend_pool *pool);
/* What sessions report: the offer in the reply to EHLO, that a client is being served, and their end. */
void pool_learn(struct backend_pool *pool, const struct backend_session *session);
void pool_serves(struct backend_pool *pool);
void pool_session_lost(struct backend_pool *pool, const struct backend_session *session);
/*
 * XCLIENT was answered by an access decision on the client it named. XCLIENT_README: 421, 501, 503 and 550 refuse the
 * command itself.
 */
bool session_refused_client(const struct backend_session *session);
/* Has the pool look for what is to be done, on a later turn of the loop. */
void pool_check(struct backend_pool *pool);

/* ---- backend_probe.c */

struct backend_probing;

typedef void (*probe_done)(void *context, enum backend_probe result, const char *problem);

/* `done` comes once, on a later turn of the loop, and after it the probing is gone. */
struct backend_probing *probe_begin(struct backend_pool *pool, probe_done done, void *context);
void probe_cancel(struct backend_probing **probing);

#endif
