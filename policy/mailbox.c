/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox.c: reads a From value in one pass: a lexer that skips comments and white space but remembers them, and a
 * parser that goes on after a fault so that every address a reader might see is found. Bounded by the value's length
 * and MAILBOX_MOST.
 */
#include "policy/mailbox.h"

#include <idn2.h>

/* Comments nest (RFC 5322 3.2.2); deeper than this is a fault, not a comment. */
#define COMMENT_DEPTH 32

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
    bool space;                    /* white space or a comment before it */
    bool comment;
};

struct parser {
    struct slice rest;
    struct token token;            /* the current one */
    struct arena *arena;
    struct mailbox_list *list;
    const char *local;             /* where the words before an "@" begin; NULL: none yet */
    size_t words;                  /* of the phrase so far */
    bool local_spaced;             /* white space within those words */
    bool after_dot;                /* the last one was a dot */
    bool in_group;
    bool have_address;             /* this element has one */
};

static void note(struct parser *parser, const char *problem)
{
    if (parser->list->problem == NULL)
        parser->list->problem = problem;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* atext (RFC 5322 3.2.3) and the non-ASCII of RFC 6532 3.2. */
static bool is_atext(char c)
{
    return (unsigned char)c > 127 || ascii_is_letter(c) || ascii_is_digit(c)
        || (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Length of the text from an opening character to its end with quoted pairs; the whole rest when it never ends. */
static size_t enclosed_length(struct slice text, char end, bool *ended_out)
{
    size_t at = 1;
    *ended_out = true;
    for (; at < text.length; at++) {
        if (text.text[at] == '\\')
            at++;
        else if (text.text[at] == end)
            return at + 1;
    }
    *ended_out = false;
    return text.length;
}

static size_t comment_length(struct slice text, bool *ended_out)
{
    unsigned depth = 0;
    *ended_out = true;
    for (size_t at = 0; at < text.length; at++) {
        if (text.text[at] == '\\')
            at++;
        else if (text.text[at] == '(' && ++depth > COMMENT_DEPTH)
            break;
        else if (text.text[at] == ')' && --depth == 0)
            return at + 1;
    }
    *ended_out = false;
    return text.length;
}

static void skip_space(struct parser *parser, struct token *token)
{
    while (parser->rest.length > 0) {
        bool ended = true;
        if (is_space(parser->rest.text[0])) {
            parser->rest = slice_from(parser->rest, 1);
        } else if (parser->rest.text[0] == '(') {
            parser->rest = slice_from(parser->rest, comment_length(parser->rest, &ended));
            token->comment = true;
        } else {
            return;
        }
        token->space = true;
        if (!ended)
            note(parser, "comment without an end");
    }
}

static enum token_kind special_kind(char c)
{
    switch (c) {
    case '.': return TOKEN_DOT;
    case ',': return TOKEN_COMMA;
    case ':': return TOKEN_COLON;
    case ';': return TOKEN_SEMICOLON;
    case '<': return TOKEN_LESS;
    case '>': return TOKEN_GREATER;
    case '@': return TOKEN_AT;
    }
    return TOKEN_STRAY;
}

static void advance(struct parser *parser)
{
    struct token token = { .kind = TOKEN_END };
    bool ended = true;
    size_t length = 1;

    skip_space(parser, &token);
    if (parser->rest.length > 0) {
        char c = parser->rest.text[0];
        if (is_atext(c)) {
            token.kind = TOKEN_ATOM;
            while (length < parser->rest.length && is_atext(parser->rest.text[length]))
                length++;
        } else if (c == '"' || c == '[') {
            token.kind = c == '"' ? TOKEN_QUOTED : TOKEN_LITERAL;
            length = enclosed_length(parser->rest, c == '"' ? '"' : ']', &ended);
        } else {
            token.kind = special_kind(c);
        }
        if (!ended)
            note(parser, token.kind == TOKEN_QUOTED ? "quoted string without an end" : "domain literal without an end");
        token.text = slice_first(parser->rest, length);
        parser->rest = slice_from(parser->rest, length);
    }
    parser->token = token;
}

bool mailbox_domain(struct slice text, struct arena *arena, struct slice *domain_out)
{
    bool is_ascii = true;
    size_t label = 0;

    if (text.length > 0 && text.text[text.length - 1] == '.')
        text.length--;
    if (text.length == 0 || text.length > 1000)
        return false;
    for (size_t i = 0; i < text.length; i++)
        is_ascii = is_ascii && (unsigned char)text.text[i] < 128;
    char *copy = arena_string(arena, text);
    if (!is_ascii) {
        uint8_t *converted = NULL;
        if (strlen(copy) != text.length
            || idn2_lookup_u8((const uint8_t *)copy, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
            return false;
        copy = arena_string(arena, slice_of_string((const char *)converted));
        idn2_free(converted);
    }
    size_t length = is_ascii ? text.length : strlen(copy);
    for (size_t i = 0; i < length; i++) {
        copy[i] = ascii_lower(copy[i]);
        label = copy[i] == '.' ? 0 : label + 1;
        bool is_empty = copy[i] == '.' && (i == 0 || copy[i - 1] == '.');
        bool is_valid =
            ascii_is_letter(copy[i]) || ascii_is_digit(copy[i]) || copy[i] == '-' || copy[i] == '_' || copy[i] == '.';
        if (is_empty || !is_valid || label > 63)
            return false;
    }
    *domain_out = slice_of(copy, length);
    return length <= 253 && copy[length - 1] != '.';
}

/* The words of a local part without quotes, escapes, blanks and comments. */
static struct slice local_text(struct parser *parser, struct slice words)
{
    struct mailbox_list scratch = { 0 };
    struct parser sub = { .rest = words, .arena = parser->arena, .list = &scratch };
    char *text = arena_alloc(parser->arena, words.length + 1);
    size_t length = 0;

    for (advance(&sub); sub.token.kind != TOKEN_END; advance(&sub)) {
        struct slice piece = sub.token.text;
        bool is_quoted = sub.token.kind == TOKEN_QUOTED;
        for (size_t i = is_quoted; i + is_quoted < piece.length; i++) {
            if (is_quoted && piece.text[i] == '\\' && i + 2 < piece.length)
                i++;
            if (piece.text[i] != '\r' && piece.text[i] != '\n')
                text[length++] = piece.text[i];
        }
    }
    return slice_of(text, length);
}

static void add_mailbox(struct parser *parser, struct slice local_part, struct slice domain)
{
    struct mailbox_list *list = parser->list;

    parser->have_address = true;
    if (list->mailboxes == NULL)
        list->mailboxes = arena_array(parser->arena, MAILBOX_MOST, sizeof(*list->mailboxes));
    if (list->count == MAILBOX_MOST) {
        note(parser, "too many mailboxes");
        return;
    }
    list->mailboxes[list->count++] = (struct mailbox){ local_part, domain };
}

/* domain = dot-atom / domain-literal / obs-domain, after "@"; leaves the token behind it. */
static void parse_domain(struct parser *parser, struct slice local_part)
{
    struct slice first = parser->token.text, domain = SLICE_NONE;
    char *text = arena_alloc(parser->arena, parser->rest.length + first.length + 1);
    size_t length = 0;
    bool dot = true;

    if (parser->token.space)
        note(parser, parser->token.comment ? "comment within an address" : "white space within an address");
    if (parser->token.kind == TOKEN_LITERAL) {
        advance(parser);
        add_mailbox(parser, local_part, first);
        return;
    }
    while ((dot && parser->token.kind == TOKEN_ATOM) || (!dot && parser->token.kind == TOKEN_DOT)) {
        if (length > 0 && parser->token.space)
            note(parser, parser->token.comment ? "comment within an address" : "white space within an address");
        memcpy(text + length, parser->token.text.text, parser->token.text.length);
        length += parser->token.text.length;
        dot = !dot;
        advance(parser);
    }
    if (dot || !mailbox_domain(slice_of(text, length), parser->arena, &domain))
        note(parser, length == 0 ? "address without a domain" : "invalid domain");
    add_mailbox(parser, local_part, domain);
}

/* The current token is "@": what stood before it is the local part. */
static void parse_at(struct parser *parser)
{
    struct slice local_part = SLICE_NONE;

    if (parser->local != NULL) {
        struct slice words = slice_of(parser->local, (size_t)(parser->token.text.text - parser->local));
        local_part = local_text(parser, words);
        if (slice_starts_with(local_part, SLICE("=?")))
            note(parser, "encoded word where an address must be");
    } else {
        note(parser, "address without a local part");
    }
    if (parser->after_dot || parser->words > 1)
        note(parser, "invalid local part");
    if (parser->token.space || parser->local_spaced)
        note(parser, parser->token.comment ? "comment within an address" : "white space within an address");
    if (parser->have_address)
        note(parser, "several @ in one address");
    advance(parser);
    parse_domain(parser, local_part);
    parser->local = NULL;
    parser->words = 0;
    parser->after_dot = false;
}

/* A word or a dot of a phrase or local part. */
static void parse_word(struct parser *parser)
{
    bool is_dot = parser->token.kind == TOKEN_DOT;
    bool continues = parser->local != NULL && (is_dot ? !parser->after_dot : parser->after_dot);

    if (!continues) {
        parser->local = is_dot ? NULL : parser->token.text.text;
        parser->words++;
        parser->local_spaced = false;
    } else if (parser->token.space) {
        parser->local_spaced = true;
    }
    parser->after_dot = is_dot;
    advance(parser);
}

static void clear_words(struct parser *parser)
{
    parser->local = NULL;
    parser->words = 0;
    parser->after_dot = false;
    parser->local_spaced = false;
}

/* obs-route = obs-domain-list ":" (RFC 5322 4.4): its domains are no authors. Without the colon it is no route. */
static void skip_route(struct parser *parser)
{
    struct parser before = *parser;
    while (parser->token.kind == TOKEN_AT || parser->token.kind == TOKEN_COMMA || parser->token.kind == TOKEN_ATOM
           || parser->token.kind == TOKEN_DOT)
        advance(parser);
    if (parser->token.kind != TOKEN_COLON) {
        *parser = before;
        return;
    }
    note(parser, "source route");
    advance(parser);
}

/* angle-addr, the current token is "<". */
static void parse_angle(struct parser *parser)
{
    size_t before = parser->list->count;

    if (parser->have_address)
        note(parser, "several @ in one address");
    parser->have_address = false;
    clear_words(parser);
    advance(parser);
    if (parser->token.comment)
        note(parser, "comment within an address");
    if (parser->token.kind == TOKEN_AT || parser->token.kind == TOKEN_COMMA)
        skip_route(parser);
    while (parser->token.kind == TOKEN_ATOM || parser->token.kind == TOKEN_QUOTED || parser->token.kind == TOKEN_DOT)
        parse_word(parser);
    if (parser->token.kind == TOKEN_AT)
        parse_at(parser);
    if (parser->list->count == before)
        note(parser, "angle brackets without an address");
    if (parser->token.kind != TOKEN_GREATER) {
        note(parser, "angle bracket without an end");
        return;
    }
    if (parser->token.space)
        note(parser, parser->token.comment ? "comment within an address" : "white space within an address");
    parser->have_address = true;
    clear_words(parser);
    advance(parser);
}

static void end_element(struct parser *parser, bool is_comma)
{
    if (!parser->have_address && parser->words > 0)
        note(parser, "name without an address");
    else if (parser->have_address && parser->words > 0)
        note(parser, "text after an address");
    else if (!parser->have_address && is_comma && !parser->in_group)
        note(parser, "empty element in the list");
    parser->have_address = false;
    clear_words(parser);
}

static void parse_token(struct parser *parser)
{
    switch (parser->token.kind) {
    case TOKEN_ATOM:
    case TOKEN_QUOTED:
    case TOKEN_DOT:
        parse_word(parser);
        return;
    case TOKEN_AT:
        parse_at(parser);
        return;
    case TOKEN_LESS:
        parse_angle(parser);
        return;
    case TOKEN_COMMA:
        end_element(parser, true);
        break;
    case TOKEN_COLON:
        note(parser, "group");
        parser->in_group = true;
        clear_words(parser);
        break;
    case TOKEN_SEMICOLON:
        end_element(parser, false);
        if (!parser->in_group)
            note(parser, "semicolon outside a group");
        parser->in_group = false;
        break;
    case TOKEN_GREATER:
    case TOKEN_LITERAL:
    case TOKEN_STRAY:
        note(parser, "character that no address list has");
        break;
    case TOKEN_END:
        return;
    }
    advance(parser);
}

void mailbox_parse(struct slice value, struct arena *arena, struct mailbox_list *list_out)
{
    struct parser parser = { .rest = value, .arena = arena, .list = list_out };

    *list_out = (struct mailbox_list){ 0 };
    advance(&parser);
    while (parser.token.kind != TOKEN_END)
        parse_token(&parser);
    end_element(&parser, list_out->count > 0);
    if (parser.in_group)
        note(&parser, "group without an end");
    if (list_out->count == 0)
        note(&parser, "no address");
}
