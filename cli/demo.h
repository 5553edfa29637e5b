/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.h: what the parts of `mxward demo` share: demo.c (the table), demo_mail.c (the mails, their keys and their DNS),
 * demo_client.c (a small SMTP client with STARTTLS), demo_house.c (folder, certificate, processes).
 */
#ifndef MXWARD_CLI_DEMO_H
#define MXWARD_CLI_DEMO_H

#include <stdint.h>
#include <sys/types.h>

#include "rules/arena.h"

/* Which of the two proxies a mail goes to. */
enum demo_rules { DEMO_DEFAULT, DEMO_STRICT };
#define DEMO_PROXIES 2

enum demo_signer { DEMO_UNSIGNED, DEMO_RSA, DEMO_ED25519 };

/* One row of the table. */
struct demo_mail {
    const char *title;
    enum demo_rules rules;
    const char *client;            /* source address */
    const char *sender;            /* MAIL FROM */
    const char *fields;            /* header, CRLF, without the empty line */
    enum demo_signer signer;
    const char *signing_domain;
    const char *subject_after;     /* set after signing: breaks the signature */
    const char *body;              /* dot-stuffed, CRLF, without the end of data */
    size_t filler;                 /* bytes of body lines more */
    unsigned expected_code;
    const char *expected;          /* "pass", "tag", "reject": verdict as shown */
};

extern const struct demo_mail demo_mails[];
extern const size_t demo_mails_count;

/* Keys made on the spot; PEM and base64 of the public key, in `arena`. */
struct demo_keys {
    struct slice rsa_private;
    struct slice rsa_public;
    struct slice ed25519_private;
    struct slice ed25519_public;
};
bool demo_make_keys(struct arena *arena, struct demo_keys *keys_out);
/* The fixture zone (zone.h) with those keys. */
struct slice demo_zone(const struct demo_keys *keys, struct arena *arena);
/* The message as it goes over the wire, without the end of data; text == NULL: signing failed. */
struct slice demo_message(const struct demo_mail *mail, const struct demo_keys *keys, struct arena *arena);

struct demo_reply {
    unsigned code;                 /* 0: the connection failed; `text` says how */
    struct slice text;             /* code and text of the last reply */
    bool tls;
};
/* One transaction over STARTTLS from `mail->client` to 127.0.0.1:port. */
struct demo_reply demo_send(uint16_t port, const struct demo_mail *mail, struct slice message, struct arena *arena);

/* The folder, and what runs in it. */
struct demo_house {
    struct arena *arena;
    char folder[64];
    int binary;                    /* O_PATH descriptor of this program */
    pid_t sink;
    uint16_t sink_port;
    pid_t proxies[DEMO_PROXIES];
    uint16_t ports[DEMO_PROXIES];
};
/* False: *problem_out says what went wrong; demo_close() is to be called in any case. */
bool demo_open(struct demo_house *house, const char *rules_folder, const struct demo_keys *keys,
               struct slice *problem_out);
/* Ends all processes and waits for them, then removes the folder unless `keep`. */
void demo_stop(struct demo_house *house);
void demo_close(struct demo_house *house, bool keep);
/* Path of a file in the folder. */
const char *demo_path(const struct demo_house *house, const char *name);
const char *demo_rules_name(enum demo_rules rules);

#endif
