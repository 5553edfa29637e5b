/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h: mxward.conf as read. One table in config.c says every setting: name, type, unit,
 * default, help; the manual page mxward.conf(5) has a line for each and lint compares them. Errors carry file,
 * line, column and a caret; all of them in one load. A config lives in an arena and never changes.
 */
#ifndef MXWARD_PROXY_CONFIG_H
#define MXWARD_PROXY_CONFIG_H

#include <stdint.h>

#include "proxy/backend.h"
#include "proxy/limits.h"
#include "proxy/resolver.h"
#include "proxy/tls.h"
#include "rules/diag.h"
#include "rules/value.h"

enum listener_tls { LISTENER_TLS_NONE, LISTENER_TLS_STARTTLS, LISTENER_TLS_IMPLICIT };

struct config_networks {
    const struct network *networks;
    size_t count;
};

struct config_listener {
    struct slice text;             /* "0.0.0.0:25" as written: its name in records */
    struct address address;
    uint16_t port;                 /* 0 in tests: the system chooses, the status file tells */
    enum listener_tls tls;
    bool submission;               /* for one's own users (RFC 6409): AUTH is offered, once TLS is on */
    const char *client_authorities;    /* PEM file; NULL: clients are not asked for certificates */
    struct config_networks proxy_protocol;     /* who says by a header whose connection it is; none: nobody */
    struct config_networks xclient;            /* who may say by XCLIENT for whom it speaks; none: nobody */
    uint64_t banner_delay;         /* milliseconds in which a client has to be silent */
    bool normalise;                /* bare CR and LF are mended instead of refused; mxward.conf(5) says what it risks */
};

/* The same address and port. */
bool config_listener_same(const struct config_listener *a, const struct config_listener *b);

/* Counts and sizes are of the whole proxy, durations in milliseconds. Every one is a row in config.c. */
struct config_limits {
    uint64_t sessions;                 /* at once, all workers: 5000 */
    uint64_t sessions_per_network;     /* at once, per IPv4 address or IPv6 /64: 50 */
    uint64_t session_rate;             /* new sessions a minute per client network: 600; 0 none */
    uint64_t auth_failures;            /* AUTHs that fail, an hour per client network: 100; 0: any number */
    uint64_t message_size;             /* bytes: 50M */
    uint64_t header_size;              /* bytes: 256K */
    uint64_t header_fields;            /* of a message: 1000 */
    uint64_t hops;                     /* Received fields of a message: 100 (RFC 5321 6.3) */
    uint64_t recipients;               /* a transaction: 1000 (RFC 5321 4.5.3.1.8: at least 100) */
    uint64_t transactions;             /* a session: 100 */
    uint64_t errors;                   /* bad commands a session before 421: 20 */
    uint64_t commands;                 /* a session: 2000 */
    uint64_t questions;                /* DNS questions a message: 200 */
    uint64_t signatures;               /* DKIM signatures tried: 10 */
    uint64_t memory;                   /* message bytes held in memory, all workers: 512M */
    uint64_t spool;                    /* message bytes in files, all workers: 4G */
    uint64_t evaluation;               /* waiting for answers, one stage: 20s */
    uint64_t command;                  /* waiting for a command: 300s (RFC 5321 4.5.3.2.7) */
    uint64_t authentication;           /* an AUTH exchange, from the command to its end: 60s */
    uint64_t data_block;               /* waiting for the next bytes of a message: 180s (RFC 5321 4.5.3.2.5) */
    uint64_t message;                  /* the whole of one message from 354 to its end: 30m */
    uint64_t delivery;                 /* from end of data to reply: 300s (P1) */
    uint64_t backend_sessions;         /* with each: 80 */
    uint64_t backend_spares;           /* of each: 4 */
    uint64_t backend_hold;             /* 5s */
    unsigned backend_connect;          /* seconds: 10 */
    unsigned backend_command;          /* seconds: 60 */
    uint64_t drain;                    /* at SIGTERM: 25s */
};

bool config_networks_have(const struct config_networks *networks, const struct address *address);

/* What limits.h needs of them. */
struct limits_settings limits_settings_of(const struct config_limits *limits);

/* Who answers VRFY: mxward, that it cannot say; the backend; nobody. */
enum config_vrfy { VRFY_NONCOMMITTAL, VRFY_BACKEND, VRFY_OFF };

enum record_target { RECORD_NONE, RECORD_FILE, RECORD_SYSLOG };

struct config {
    const char *path;                  /* of the file itself */
    struct slice text;                 /* the file as read: what travels to the other processes */
    const char *hostname;
    const char *authserv_id;           /* hostname unless set */
    const char *user;                  /* "mxward": what a master started as root becomes */
    const char *runtime_directory;     /* "/run/mxward": status table */
    const char *spool_directory;       /* "/var/spool/mxward" */
    uint64_t workers;                  /* 0: one per core */
    struct config_listener *listeners;
    size_t listeners_count;
    struct backend_settings *backends; /* in the order they are to be asked */
    size_t backends_count;
    struct tls_certificate *certificates;
    size_t certificates_count;
    struct resolver_settings resolver;
    const char *const *rules;          /* absolute paths, NULL at the end */
    enum record_target record_target;
    const char *record_file;
    bool record_subject;
    bool record_answers;               /* false: records are not replayable */
    bool add_received;
    enum config_vrfy vrfy;
    struct config_limits limits;
};

/* What backends for sessions of submission listeners, or of all others, speak. */
enum backend_protocol config_protocol(const struct config *config, bool submission);
/* Some backend is told the client's name, which then must be found. */
bool config_tells_client_name(const struct config *config);

/*
 * `text` is the file's; `path` names it in messages, and relative paths in it are relative to its folder. NULL
 * on any error. Does not open what it names: load.h, tls.h and privileges.h do.
 */
struct config *config_parse(const char *path, struct slice text, struct arena *arena, struct diagnostics *diagnostics);
/* Reads the file first; a file that cannot be read is a diagnostic too. */
struct config *config_load(const char *path, struct arena *arena, struct diagnostics *diagnostics);

/* A file whole, at most `most` bytes; false: *problem_out says why. */
bool file_read(const char *path, size_t most, struct arena *arena, struct slice *text_out, struct slice *problem_out);
/* A program_reader's function over file_read(). */
bool config_read_rules_file(void *context, const char *path, struct arena *arena, struct slice *text_out,
                            struct slice *problem_out);

#define CONFIG_DEFAULT_PATH MXWARD_SYSCONFDIR "/mxward.conf"

#endif
