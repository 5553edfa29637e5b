/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts.h: all that was observed of one transaction before anything was interpreted: by the worker in the session, or
 * given to `verify` on its command line, or read back from a record. Time, host name and limits are facts too, so
 * that a verdict is a pure function (P3). Slices borrow from the owner's arena (client and transaction in the
 * worker).
 */
#ifndef MXWARD_POLICY_FACTS_H
#define MXWARD_POLICY_FACTS_H

#include <stdint.h>

#include "rules/value.h"

struct facts_recipient {
    struct slice path;             /* as the client wrote it, without <>; "postmaster" alone is possible */
    struct slice local_part;
    struct slice domain;           /* empty for bare postmaster; an address literal keeps its brackets */
};

/* What a host that may speak for others (XCLIENT) said of the client's name. */
enum facts_told {
    FACTS_TOLD_NOTHING,            /* it is looked up */
    FACTS_TOLD_NAME,
    FACTS_TOLD_NO_NAME,            /* none, or none that is verified */
    FACTS_TOLD_TEMPORARY,          /* it could not be found out */
};

struct facts_told_name {
    enum facts_told state;
    struct slice name;             /* of TOLD_NAME; lower case, without a dot at its end */
    struct slice reverse_name;     /* what its PTR record says, verified or not; empty: nothing */
};

/* What a TLS client showed of itself, where it was asked to. */
struct facts_certificate {
    bool given;
    bool verified;                 /* by the listener's authorities */
    struct slice subject;          /* as RFC 2253 writes names: "CN=mail.example.org,O=Example" */
    struct slice issuer;
    struct slice fingerprint;      /* SHA-256 of the certificate, 64 lower case hexadecimal digits */
    struct slice problem;          /* why it does not verify, in OpenSSL's words */
};

struct facts {
    struct slice id;               /* the transaction's; at connect and helo that of the session's first transaction */
    int64_t arrival;               /* microseconds since 1970: session start, then MAIL; dates are judged against it */
    struct slice hostname;         /* ours: SMTP banner, Received "by", SPF's %{r} */
    struct slice authserv_id;      /* RFC 8601 2.5 */
    struct slice listener;         /* as configured, "0.0.0.0:25" */
    bool submission;               /* the listener is for our own users: AUTH is offered there */

    struct address client_address;
    uint16_t client_port;
    struct address local_address;
    uint16_t local_port;
    struct address via;            /* who said so of the client (XCLIENT, PROXY protocol); family 0: nobody */
    struct facts_told_name told;
    bool early;                    /* it spoke before the banner */

    bool has_helo;
    struct slice helo;             /* argument of the newest HELO or EHLO, as sent: one word of printable ASCII */
    bool esmtp;                    /* EHLO */
    bool tls;
    bool tls_implicit;             /* from the first byte on: known before the banner */
    struct slice tls_version;      /* "TLSv1.3" */
    struct slice tls_cipher;       /* OpenSSL's name */
    uint16_t tls_bits;
    struct slice tls_server_name;  /* the host that the client asked for (SNI), printable ASCII; empty: none */
    bool tls_resumed;              /* by a ticket of an earlier session */
    struct facts_certificate tls_client;

    bool authenticated;            /* the backend said 235 to an AUTH of this session */
    struct slice auth_mechanism;   /* of it, in upper case */
    struct slice auth_user;        /* whose password it was, where the mechanism shows it; UTF-8 without controls */
    struct slice auth_identity;    /* whom the user asked to act for, where it asked */

    bool has_mail;
    struct slice sender;           /* MAIL FROM without <>; empty: the null sender */
    struct slice sender_local_part;
    struct slice sender_domain;
    uint64_t declared_size;        /* SIZE=, 0 when not given */
    bool body_8bit;                /* BODY=8BITMIME */
    bool smtputf8;                 /* SMTPUTF8 (RFC 6531): only then may addresses hold UTF-8 */
    bool requiretls;               /* REQUIRETLS (RFC 8689) */

    struct facts_recipient *recipients;    /* at stage rcpt: only the one asked about; at message: all accepted */
    size_t recipients_count;

    uint64_t message_size;         /* bytes as held, without our fields; 0 before the end of the message */

    bool add_received;             /* setting `received`: add a Received field */
    bool record_subject;           /* setting of the record */
    bool client_name_wanted;       /* XCLIENT needs the client's name: stages rcpt and message wait for iprev */
    uint32_t signatures_most;      /* DKIM signatures tried (limit) */
    uint32_t fields_most;          /* header fields of a message (limit); 0: any number */
    uint32_t hops_most;            /* Received fields of a message (limit); 0: any number */
};

struct wire_writer;
struct wire_reader;

/* For frames. What is decoded borrows from the reader's bytes; arrays live in `arena`. */
void facts_encode(const struct facts *facts, struct wire_writer *writer);
bool facts_decode(struct wire_reader *reader, struct arena *arena, struct facts *facts_out);

/* RFC 5321 4.5.3.1 allows 64 + 1 + 255 octets; quoting and obsolete routes are refused before. */
#define FACTS_PATH_MOST 320
/* Of any other text: host names, cipher names, listeners. */
#define FACTS_TEXT_MOST 1024
#define FACTS_RECIPIENTS_MOST 10000

#endif
