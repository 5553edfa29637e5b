/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox_token.h: the tokens of an address list (RFC 5322 3.2): atoms, quoted strings, domain literals and specials.
 * White space and comments are skipped and remembered with the token behind them. Tokens borrow from the text; every
 * byte of it is in exactly one token or skipped. Used by mailbox.c and display_name.c.
 */
#ifndef MXWARD_POLICY_MAILBOX_TOKEN_H
#define MXWARD_POLICY_MAILBOX_TOKEN_H

#include <stdint.h>

#include "rules/slice.h"

enum token_kind {
    TOKEN_END,
    TOKEN_ATOM,
    TOKEN_QUOTED,
    TOKEN_LITERAL,
    TOKEN_DOT,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_SEMICOLON,
    TOKEN_LESS,
    TOKEN_GREATER,
    TOKEN_AT,
    TOKEN_STRAY,
};

struct token {
    enum token_kind kind;
    struct slice text;             /* with quotes or brackets */
    struct slice comment;          /* the last comment before it, with parentheses; absent: none */
    bool space;                    /* white space or a comment before it */
};

struct token_reader {
    struct slice rest;
    uint64_t oddities;             /* ODDITY_UNCLOSED, ODDITY_OBSOLETE_QUOTED_PAIR */
};

/* The next token; TOKEN_END at the end of the text, any number of times. */
struct token token_next(struct token_reader *reader);

/* atext (RFC 5322 3.2.3), and any byte of the UTF8-non-ascii of RFC 6532 3.1. */
bool token_is_atext(char c);

/* Comments nest (RFC 5322 3.2.2); deeper than this one counts as without an end. Ours. */
#define TOKEN_COMMENT_DEPTH 32

#endif
