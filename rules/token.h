/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token.h: text to tokens, each with its span; the lexis of rules files and of mxward.conf. A cursor stands on one
 * token and reads the text as it goes, so that a large inline list costs no memory. What is not a token is reported
 * into the cursor's diagnostics at once and comes out as TOKEN_BAD, about which nobody complains a second time.
 * Blanks, line ends and comments (# to the end of the line) separate tokens and mean nothing else.
 *
 *     word      dmarc.result   own-domain   5.7.26   2026-12-01    letters, digits, '.', '-', '_'
 *     string    "text with \" and \\"                              valid UTF-8, one line, no other escapes
 *     number    25   -4   10K 50M 1G   100ms 20s 5m 1h 2d          M is mebibytes, m is minutes
 *     address   192.0.2.1   192.0.2.0/24   2001:db8::/32
 */
#ifndef MXWARD_RULES_TOKEN_H
#define MXWARD_RULES_TOKEN_H

#include "rules/diag.h"
#include "rules/value.h"

/* Bytes between the quotes, escapes counted as written: longer than any SMTP reply or header field worth writing. */
#define TOKEN_STRING_MOST 4096
/* Bytes of a token without quotes: the longest domain name (RFC 1035 2.3.4) fits. */
#define TOKEN_BARE_MOST 255
/* Bytes of one file of rules or settings. */
#define TOKEN_FILE_MOST (64UL << 20)

enum token_kind {
    TOKEN_END,                 /* the text is over; the cursor stays there */
    TOKEN_BAD,                 /* reported already */
    TOKEN_WORD,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_ADDRESS,
    TOKEN_OPEN_BRACE,
    TOKEN_CLOSE_BRACE,
    TOKEN_OPEN_BRACKET,
    TOKEN_CLOSE_BRACKET,
    TOKEN_OPEN_PARENTHESIS,
    TOKEN_CLOSE_PARENTHESIS,
    TOKEN_EQUAL,               /* == */
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
};

enum token_unit { UNIT_NONE, UNIT_BYTES, UNIT_TIME };

struct token {
    enum token_kind kind;
    struct span span;
    bool starts_line;          /* the first token of its line */
    struct slice text;         /* STRING: without quotes and escapes; else as written */
    int64_t number;            /* NUMBER: bytes with UNIT_BYTES, milliseconds with UNIT_TIME */
    enum token_unit unit;
    struct network network;    /* ADDRESS */
    bool has_prefix;           /* ADDRESS: "/BITS" was written; without it the prefix is the whole address */
};

/* Lives on the caller's stack; texts of tokens live in `arena` or in the source. */
struct token_cursor {
    const struct source *source;
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct token token;        /* where the cursor stands */
    size_t offset;             /* where the next token is looked for */
    bool line_begins;
};

/* Stands on the first token. Reports a file that is too large, and then stands on TOKEN_END. */
void token_start(struct token_cursor *cursor, const struct source *source, struct arena *arena,
                 struct diagnostics *diagnostics);
/* The token the cursor stands on; goes to the next. */
struct token token_take(struct token_cursor *cursor);

bool token_is(const struct token_cursor *cursor, enum token_kind kind);
/* Whether the cursor stands on this word (exact case). */
bool token_is_word(const struct token_cursor *cursor, const char *word);
/* Takes it when it is there. */
bool token_take_kind(struct token_cursor *cursor, enum token_kind kind);
bool token_take_word(struct token_cursor *cursor, const char *word);
/*
 * Takes a token of the kind into *token_out (NULL: dropped), or reports `expected WHAT, found ...` and stays: `what` is
 * NULL for the kind's own name ("a string"), or says it better ("the name of a list").
 */
bool token_expect(struct token_cursor *cursor, enum token_kind kind, const char *what, struct token *token_out);
/* Reports `expected WHAT, found ...` at the cursor; silent on TOKEN_BAD. */
void token_unexpected(struct token_cursor *cursor, const char *what);
/*
 * After an error: goes past the "}" that ends `depth` open braces, counting those on the way; stops at the end. With
 * depth 0: past one token or one whole { block }.
 */
void token_skip(struct token_cursor *cursor, size_t depth);

/* "a string", "\"{\"": as messages call it. */
const char *token_kind_name(enum token_kind kind);
/* What stands there, for messages: `"then"`, `the string "..."`, `the end of the file`. */
struct slice token_describe(const struct token *token, struct arena *arena);
/* From the start of the first to the end of the last; both of one source. */
struct span span_join(struct span first, struct span last);

#endif
