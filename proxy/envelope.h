/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * envelope.h: parameters of MAIL and RCPT by the grammars of their extensions (RFC 1870, 6152, 6531), and as text for
 * the backend. What is not offered is not known: 555. Pure; slices borrow from the command.
 */
#ifndef MXWARD_PROXY_ENVELOPE_H
#define MXWARD_PROXY_ENVELOPE_H

#include "proxy/command.h"

struct envelope_mail {
    uint64_t size;                 /* SIZE=, 0 when not given */
    bool body_8bit;                /* BODY=8BITMIME */
    bool smtputf8;
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
bool envelope_read_recipient(const struct command *command, bool smtputf8, struct envelope_problem *problem_out);

#endif
