/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink_private.h: the parts of `mxward sink`: sink.c (arguments, listening socket, loop), sink_session.c (SMTP with
 * one client), sink_maildir.c (a message into the Maildir, its envelope beside it). The sink owns its sessions; a
 * session owns its stream and its delivery.
 */
#ifndef MXWARD_CLI_SINK_PRIVATE_H
#define MXWARD_CLI_SINK_PRIVATE_H

#include "proxy/framing.h"
#include "rules/arena.h"
#include "rules/value.h"

struct event;
struct event_base;
struct stream;

struct sink_settings {
    const char *listen;            /* "127.0.0.1:2525", "[::1]:2525"; port 0: any */
    const char *maildir;           /* NULL: with `discard` */
    const char *hostname;
    const char *const *domains;    /* recipients are taken at these only; none: at any */
    size_t domains_count;
    unsigned long long size;       /* most bytes of a message; 0: any */
    unsigned idle_seconds;
    bool xclient;
    bool pipelining;
    bool eight_bit;
    bool chunking;
    bool discard;
    bool sync;
};

struct sink {
    struct sink_settings settings;
    struct event_base *base;
    struct sink_session *sessions;
    unsigned long long count;      /* of deliveries, for their names */
};

/* ---- sink_maildir.c */

/* A message being written; `file` is -1 when there is none. */
struct sink_delivery {
    int file;
    unsigned long long size;
    bool failed;                   /* writing did; it will not be accepted */
    char name[128];
};

/* What is told of a message beside it. */
struct sink_envelope {
    struct slice sender;
    struct slice mail_parameters;
    const struct slice *recipients;
    size_t recipients_count;
    struct slice helo;
    struct slice protocol;
    struct slice peer;             /* who connected */
    const struct slice *attributes;/* of XCLIENT: "NAME", "value", ... */
    size_t attributes_count;
    bool chunked;
};

/* Makes new/, cur/, tmp/ and envelope/; false with errno set. */
bool sink_maildir_make(const char *maildir);
void sink_delivery_begin(struct sink_delivery *delivery, struct sink *sink);
void sink_delivery_write(struct sink_delivery *delivery, struct sink *sink, struct slice bytes);
/* To the disk, under its name: only then true. */
bool sink_delivery_end(struct sink_delivery *delivery, struct sink *sink, const struct sink_envelope *envelope);
void sink_delivery_drop(struct sink_delivery *delivery, struct sink *sink);

/* ---- sink_session.c */

/* Takes the socket. `peer` is copied. */
void sink_session_new(struct sink *sink, int descriptor, struct slice peer);
void sink_sessions_free(struct sink *sink);

#endif
