/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * envelope.h: parameters of MAIL and RCPT by the grammars of their extensions (RFC 1870, 3461, 4954, 6152, 6531, 8689),
 * and as text for the backend. What is not offered is not known: 555. Pure; slices borrow from the command.
 */
#ifndef MXWARD_PROXY_ENVELOPE_H
#define MXWARD_PROXY_ENVELOPE_H

#include "proxy/command.h"
#include "rules/arena.h"

/* RFC 3461 4.2, 4.4, 5.4: what must be taken, and no more is. */
#define ENVELOPE_ENVID_MOST 100
#define ENVELOPE_NOTIFY_MOST 28
#define ENVELOPE_ORCPT_MOST 500
/* RFC 4954 3: what AUTH= may add to MAIL, its keyword included. */
#define ENVELOPE_AUTH_MOST 500

struct envelope_mail {
    uint64_t size;                 /* SIZE=, 0 when not given */
    bool body_8bit;                /* BODY=8BITMIME */
    bool smtputf8;
    bool requiretls;               /* RFC 8689 */
    struct slice ret;              /* RET= as sent: FULL or HDRS; text == NULL: not given */
    struct slice envid;            /* ENVID= as sent, xtext; text == NULL: not given */
    struct slice auth;             /* AUTH= as sent, xtext; text == NULL: not given */
};

/* As sent; text == NULL: not given. */
struct envelope_recipient {
    struct slice notify;           /* NOTIFY= */
    struct slice orcpt;            /* ORCPT=, addr-type and xtext */
};

/* A refusal: code, enhanced code and text for the reply, static. */
struct envelope_problem {
    unsigned code;
    const char *enhanced;
    const char *text;
};

/* `offered`: what the client was offered, bits of enum backend_extension (SIZE is always). False: *problem_out. */
bool envelope_read_mail(const struct command *command, unsigned offered, struct envelope_mail *mail_out,
                        struct envelope_problem *problem_out);
bool envelope_read_recipient(const struct command *command, unsigned offered, bool smtputf8,
                             struct envelope_recipient *recipient_out, struct envelope_problem *problem_out);

/* As they are said to the backend, in `arena`; RFC 3461 5.2.1: the same values, and none that was not given. */
struct slice envelope_mail_text(const struct envelope_mail *mail, struct arena *arena);
struct slice envelope_recipient_text(const struct envelope_recipient *recipient, struct arena *arena);
/* The extensions a backend must offer to be told this: bits of enum backend_extension. SIZE is only a help. */
unsigned envelope_mail_needs(const struct envelope_mail *mail);
unsigned envelope_recipient_needs(const struct envelope_recipient *recipient);

#endif
