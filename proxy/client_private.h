/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_private.h: what client.c (the state machine), client_input.c (what is heard), client_commands.c (the table of
 * commands), client_auth.c and client_origin.c (whose session it is) share.
 */
#ifndef MXWARD_PROXY_CLIENT_PRIVATE_H
#define MXWARD_PROXY_CLIENT_PRIVATE_H

#include "proxy/client.h"
#include "proxy/command.h"
#include "proxy/envelope.h"
#include "proxy/foreign.h"
#include "proxy/transaction.h"

struct client_auth;
struct event;
struct stream;

enum client_state {
    CLIENT_PROXY_HEADER,   /* a load balancer is to say whose connection it is */
    CLIENT_HANDSHAKE,      /* TLS, implicit or after STARTTLS */
    CLIENT_SILENCE,        /* whether it speaks before the banner */
    CLIENT_CONNECT,        /* rules:connect, then the banner */
    CLIENT_COMMAND,        /* waits for a command line */
    CLIENT_WAIT,           /* a command's work is under way: a rule, the backend */
    CLIENT_AUTH,           /* waits for the response to a challenge (RFC 4954) */
    CLIENT_DATA,           /* message bytes */
    CLIENT_CHUNK,          /* bytes of a BDAT, taken or, after a refusal, thrown away */
    CLIENT_VERDICT,        /* end of data to reply: judging and delivery */
    CLIENT_CLOSED,
};
#define CLIENT_STATES 11

/* What the timer will mean when it fires. */
enum client_timer {
    TIMER_PATIENCE,        /* the state has lasted too long */
    TIMER_PAUSE,           /* the slow lane's pause is over */
    TIMER_HOLD,            /* a silent client has held its backend session long enough */
};

struct client {
    struct client *next;
    struct client *previous;
    struct client *idle_older;         /* of those that wait for a command: see client_make_room() */
    struct client *idle_newer;
    bool idle;
    int64_t waiting_since;             /* for a command; monotonic microseconds */
    struct session session;
    struct arena *arena;               /* of the session */
    struct stream *stream;
    struct transaction *transaction;   /* NULL between transactions */
    struct event *timer;
    enum client_state state;
    enum client_state timer_state;     /* what the timer was set for */
    bool advancing;
    enum client_timer timer_purpose;
    bool timed_out;
    bool progress;                     /* bytes came since the timer was set */
    bool uncounted;                    /* a limit refused it after its header */
    bool draining;
    bool outdated;                     /* its transaction keeps a generation that must go */
    bool tls_wanted;                   /* the handshake is to begin */
    bool greeted;                      /* the banner was sent */
    bool helo_told;                    /* its HELO is what XCLIENT says, not what it said itself */
    int64_t banner_delay;              /* milliseconds */
    unsigned offered;                  /* in reply to its HELO or EHLO: bits of enum backend_extension */
    bool more_input;                   /* behind the command line that is run now */
    bool skipping;                     /* within a command line that was too long or badly framed */
    enum command_verb waiting_for;     /* whose reply CLIENT_WAIT will send */
    enum listener_tls tls;
    struct client_auth *auth;          /* NULL but within an AUTH exchange */
    int64_t data_began;                /* monotonic microseconds */
    uint64_t chunk_size;               /* of the BDAT being read */
    uint64_t chunk_left;
    bool chunk_last;
    struct envelope_problem chunk_refusal;     /* said when its bytes are gone; code 0: they are taken */
    int64_t paused_until;              /* slow lane (P4) */
    uint64_t commands;
    uint64_t errors;
    uint64_t transactions;
    struct slice helo_before;          /* while rules:helo decides about a new one */
};

enum progress { PROGRESS_WAIT, PROGRESS_AGAIN };

/* client.c */
void client_reply(struct client *client, const struct reply *reply);
/* One line of ours, without an id: for what concerns the dialogue, not a verdict. */
void client_say(struct client *client, unsigned code, const char *enhanced, const char *text);
/* Counts a refused command; true: it was one too many, which was said, and the session is closed. */
bool client_count_error(struct client *client);
/* As client_say(), and counted. */
void client_error(struct client *client, unsigned code, const char *enhanced, const char *text);
void client_enter(struct client *client, enum client_state state);
void client_close(struct client *client, const char *reason);
enum progress client_leave(struct client *client, const char *reason);
/* The stream is gone, or has ended with nothing left to read. */
bool client_has_left(struct client *client);
/* The session's transaction, made when there is none. */
struct transaction *client_transaction(struct client *client);
void client_end_transaction(struct client *client, const char *reason);
const struct config *client_config(const struct client *client);
/* What the backend offers to clients of this listener; false: it is not known, or not fit. */
bool client_backend_offer(const struct client *client, struct backend_offer *offer_out);

/* client_auth.c */
void client_run_auth(struct client *client, const struct command *command);
void client_finish_auth(struct client *client);
/* The client's answer to a challenge; one that is too long, of which nothing was taken. */
void client_auth_response(struct client *client, struct slice line);
void client_auth_too_long(struct client *client);
/* Milliseconds that the exchange may still last. */
int64_t client_auth_left(const struct client *client);
/* The client goes, wherever its exchange is. */
void client_auth_abandon(struct client *client);

/* client_origin.c */
enum progress client_advance_proxy_header(struct client *client);
enum progress client_advance_silence(struct client *client);
/* What the input begins with, when that is not SMTP. */
enum foreign client_foreign_input(struct client *client);
enum progress client_refuse_foreign(struct client *client, enum foreign foreign);
bool client_may_xclient(const struct client *client);
void client_run_xclient(struct client *client, const struct command *command);
/* One that is malformed, or not this client's to say. */
void client_refuse_xclient(struct client *client, const char *problem);

/* client_input.c */
enum progress client_advance_command(struct client *client);
/* Also of the end of a message: what was asked for is under way. */
enum progress client_advance_wait(struct client *client);
enum progress client_advance_auth(struct client *client);
enum progress client_advance_data(struct client *client);
enum progress client_advance_chunk(struct client *client);

/* client_commands.c */
void client_run_command(struct client *client, struct slice line);
/* All bytes of a BDAT came. */
void client_finish_chunk(struct client *client);
/* What follows when the work that a command began is done. */
void client_finish_command(struct client *client);

#endif
