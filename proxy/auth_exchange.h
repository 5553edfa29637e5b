/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_exchange.h: the client's side of an AUTH exchange (RFC 4954): the command's grammar, its lines of base64, and
 * the name that they show, where the mechanism shows one. Whether the name is true the backend says, by 235; until
 * then it is a stranger's claim. What was decoded is wiped at once: nothing of a password outlives a call. Pure.
 */
#ifndef MXWARD_PROXY_AUTH_EXCHANGE_H
#define MXWARD_PROXY_AUTH_EXCHANGE_H

#include "rules/slice.h"

/* RFC 4954 4: octets of a line of the exchange, CRLF included, both ways. */
#define AUTH_LINE_MOST 12288
/* RFC 4422 3.1. */
#define AUTH_MECHANISM_MOST 20
/* Octets of a name that is told of: with more it is not (RFC 4616 2 lets them have 255 characters). */
#define AUTH_NAME_MOST 255

/* Argument of AUTH; slices borrow from it. */
struct auth_command {
    struct slice mechanism;
    struct slice initial;          /* the initial response as sent; text == NULL: none was given */
};

/* "mechanism [SP initial-response]"; false: it is not that. Whether the response is base64 is not looked at. */
bool auth_command_read(struct slice argument, struct auth_command *command_out);
/* By the grammar of RFC 4954 8, nothing ignored; the empty text is. */
bool auth_is_base64(struct slice text);
/* An initial response: base64, or "=" for one that is empty. */
bool auth_is_initial(struct slice text);

/* A mechanism's name by RFC 4422's grammar, case aside, which can be passed through: no *-PLUS and no EXTERNAL, which
 * are about our TLS and would vouch for the wrong connection. */
bool auth_mechanism_passes(struct slice name);
/* Whether the name is one of the words of `mechanisms`, case aside. */
bool auth_mechanism_is_among(struct slice name, struct slice mechanisms);

/* What a mechanism's responses hold. */
enum auth_form {
    AUTH_FORM_UNKNOWN,             /* no name is to be seen */
    AUTH_FORM_PLAIN,               /* RFC 4616 */
    AUTH_FORM_LOGIN,               /* draft-murchison-sasl-login: the name, then the password */
    AUTH_FORM_CRAM,                /* RFC 2195 */
    AUTH_FORM_DIGEST,              /* RFC 2831 */
    AUTH_FORM_SCRAM,               /* RFC 5802 */
    AUTH_FORM_OAUTH,               /* RFC 7628 */
    AUTH_FORM_XOAUTH2,             /* Google's, before that */
};

/* A name as it is shown; length 0: none. UTF-8 without control characters. */
struct auth_name {
    char text[AUTH_NAME_MOST];
    size_t length;
};

struct auth_exchange {
    char mechanism[AUTH_MECHANISM_MOST];   /* in upper case */
    size_t mechanism_length;
    enum auth_form form;
    unsigned responses;            /* seen so far */
    struct auth_name user;         /* authentication identity: whose password it was */
    struct auth_name identity;     /* authorization identity, where one was given: whom the user acts for */
};

/* `mechanism` by its grammar. */
void auth_exchange_begin(struct auth_exchange *exchange, struct slice mechanism);
/* One response of the client, base64, or the initial response. */
void auth_exchange_note(struct auth_exchange *exchange, struct slice response);
/*
 * The next challenge may say that what was given is wrong, and the refusal comes only when that was answered (RFC 7628
 * 3.2.3): who cancels then has tried.
 */
bool auth_exchange_may_have_failed(const struct auth_exchange *exchange);

#endif
