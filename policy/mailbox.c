/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox.c: the parser of address lists: one pass over the tokens, one element of the list at a time. After a fault
 * it goes on where it stands. Bounded by the value's length and MAILBOX_MOST.
 */
#include "policy/mailbox.h"

#include "policy/display_name.h"
#include "policy/mailbox_token.h"
#include "rules/value.h"

/* Of a domain as written: 253 characters of at most four bytes. What is longer is invalid anyway. */
#define DOMAIN_TEXT_MOST (4 * 253)
/* RFC 5321 4.5.3.1.2; a longer one is no address, and no domain either. */
#define LITERAL_MOST 255

struct parser {
    struct token_reader reader;
    struct token token;            /* the current one */
    struct arena *arena;
    struct mailbox_list *list;
    bool in_group;
    /* of this element: */
    bool have_address;
    struct slice name;             /* the words before "<" */
    struct slice comment;          /* the last one, where old programs put the name */
};

/* Words and dots in a row: a phrase, or a local part. */
struct run {
    struct slice text;             /* from the first to the end of the last, with what is between them */
    size_t words, dots;
    bool quoted;                   /* a word is a quoted string */
    bool spaced;                   /* white space or a comment within */
    bool alternates;               /* word *("." word) */
    bool begins_with_dot;
};

static void note(struct parser *parser, enum oddity oddity)
{
    parser->list->oddities |= ODDITY_BIT(oddity);
}

static void advance(struct parser *parser)
{
    parser->token = token_next(&parser->reader);
    if (parser->token.comment.length > 0)
        parser->comment = parser->token.comment;
}

static bool is_word(const struct token *token)
{
    return token->kind == TOKEN_ATOM || token->kind == TOKEN_QUOTED;
}

static struct run read_run(struct parser *parser)
{
    struct run run = { .alternates = true, .begins_with_dot = parser->token.kind == TOKEN_DOT };
    const char *start = parser->token.text.text;
    bool want_word = true;

    while (is_word(&parser->token) || parser->token.kind == TOKEN_DOT) {
        run.alternates = run.alternates && is_word(&parser->token) == want_word;
        run.spaced = run.spaced || (run.words + run.dots > 0 && parser->token.space);
        run.quoted = run.quoted || parser->token.kind == TOKEN_QUOTED;
        run.words += is_word(&parser->token);
        run.dots += !is_word(&parser->token);
        want_word = !is_word(&parser->token);
        run.text = slice_of(start, (size_t)(parser->token.text.text - start) + parser->token.text.length);
        advance(parser);
    }
    run.alternates = run.alternates && !want_word;
    return run;
}

/* phrase = 1*word / obs-phrase, where obs-phrase allows dots behind the first word (RFC 5322 4.1). */
static void check_phrase(struct parser *parser, const struct run *run)
{
    if (run->begins_with_dot)
        note(parser, ODDITY_INVALID_NAME);
    else if (run->dots > 0)
        note(parser, ODDITY_DOT_IN_NAME);
}

static bool has_encoded_word(struct slice text)
{
    for (size_t i = 0; i + 1 < text.length; i++)
        if (text.text[i] == '=' && text.text[i + 1] == '?')
            return true;
    return false;
}

/* local-part = dot-atom / quoted-string / obs-local-part */
static void check_local_part(struct parser *parser, const struct run *run)
{
    if (run->words + run->dots == 0)
        note(parser, ODDITY_NO_LOCAL_PART);
    else if (!run->alternates)
        note(parser, ODDITY_INVALID_LOCAL_PART);
    else if (run->words > 1 && (run->quoted || run->spaced))
        note(parser, ODDITY_OBSOLETE_LOCAL_PART);
    if (has_encoded_word(run->text))
        note(parser, ODDITY_ENCODED_WORD_ADDRESS);
    if (display_name_turns(run->text)) {
        note(parser, ODDITY_INVALID_LOCAL_PART);
        note(parser, ODDITY_BIDI_CONTROL);
    }
}

/* The current token is beside "@", or is the ">" behind a domain: CFWS may be there but should not (3.4.1). */
static void check_space(struct parser *parser)
{
    if (parser->token.comment.length > 0)
        note(parser, ODDITY_COMMENT_BY_DOMAIN);
    else if (parser->token.space)
        note(parser, ODDITY_SPACE_IN_ADDRESS);
}

static void add_mailbox(struct parser *parser, struct slice local_part, struct slice domain)
{
    struct mailbox_list *list = parser->list;

    parser->have_address = true;
    if (list->mailboxes == NULL)
        list->mailboxes = arena_array(parser->arena, MAILBOX_MOST, sizeof(*list->mailboxes));
    if (list->count == MAILBOX_MOST)
        note(parser, ODDITY_TOO_MANY);
    else
        list->mailboxes[list->count++] = (struct mailbox){ local_part, domain };
}

static void add_domain(struct parser *parser, struct slice local_part, struct slice text)
{
    struct slice domain = SLICE_NONE;
    const char *problem = mailbox_domain_problem(text, parser->arena, &domain);

    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] > 127)
            note(parser, ODDITY_8BIT_DOMAIN);
    if (has_encoded_word(text))
        note(parser, ODDITY_ENCODED_WORD_ADDRESS);
    if (problem != NULL) {
        note(parser, ODDITY_INVALID_DOMAIN);
        if (parser->list->domain_problem == NULL)
            parser->list->domain_problem = problem;
    }
    add_mailbox(parser, local_part, domain);
}

/* domain-literal = "[" *([FWS] dtext) [FWS] "]", of which only addresses are meant (RFC 5321 4.1.3). */
static void parse_literal(struct parser *parser, struct slice local_part)
{
    struct slice text = parser->token.text;
    char *copy = arena_alloc(parser->arena, text.length + 1);
    struct address address;
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] > ' ')
            copy[length++] = ascii_lower(text.text[i]);
    struct slice literal = slice_of(copy, length);
    struct slice inner = slice_from(slice_first(literal, length > 0 ? length - 1 : 0), 1);
    bool is_six = slice_starts_with(inner, SLICE("ipv6:")), has_colon = slice_find(inner, ':') < inner.length;
    note(parser, ODDITY_ADDRESS_LITERAL);
    if (length < text.length)
        note(parser, ODDITY_SPACE_IN_DOMAIN);
    if (!address_parse(is_six ? slice_from(inner, 5) : inner, &address) || is_six != has_colon) {
        note(parser, ODDITY_INVALID_DOMAIN);
        parser->list->domain_problem = "an address literal that is no address";
    }
    add_mailbox(parser, local_part, length <= LITERAL_MOST ? literal : SLICE_NONE);
    advance(parser);
}

/* No domain (RFC 5322 3.4.1), but a program may take what is between the quotes for one. */
static void parse_quoted_domain(struct parser *parser, struct slice local_part)
{
    note(parser, ODDITY_QUOTED_DOMAIN);
    add_domain(parser, local_part, display_name_unquoted(parser->token.text, parser->arena));
    advance(parser);
}

/* domain = dot-atom / obs-domain; the current token is its first atom. */
static void parse_name(struct parser *parser, struct slice local_part)
{
    char text[DOMAIN_TEXT_MOST + 1];
    size_t length = 0;
    bool want_dot = false;

    while (parser->token.kind == (want_dot ? TOKEN_DOT : TOKEN_ATOM)) {
        struct slice piece = slice_first(parser->token.text, sizeof(text) - length);
        if (length > 0 && parser->token.space)
            note(parser, parser->token.comment.length > 0 ? ODDITY_COMMENT_IN_DOMAIN : ODDITY_SPACE_IN_DOMAIN);
        memcpy(text + length, piece.text, piece.length);
        length += piece.length;
        want_dot = !want_dot;
        advance(parser);
    }
    if (!want_dot) {
        note(parser, ODDITY_INVALID_DOMAIN);
        parser->list->domain_problem = "a dot at its end";
    }
    add_domain(parser, local_part, arena_copy(parser->arena, slice_of(text, length)));
}

static void parse_domain(struct parser *parser, struct slice local_part)
{
    check_space(parser);
    switch (parser->token.kind) {
    case TOKEN_ATOM:
        parse_name(parser, local_part);
        return;
    case TOKEN_LITERAL:
        parse_literal(parser, local_part);
        return;
    case TOKEN_QUOTED:
        parse_quoted_domain(parser, local_part);
        return;
    case TOKEN_DOT:
    case TOKEN_COMMA:
    case TOKEN_COLON:
    case TOKEN_SEMICOLON:
    case TOKEN_LESS:
    case TOKEN_GREATER:
    case TOKEN_AT:
    case TOKEN_STRAY:
    case TOKEN_END:
        break;
    }
    note(parser, ODDITY_NO_DOMAIN);
    add_mailbox(parser, local_part, SLICE_NONE);
}

/* The words of a local part without quotes, escapes, blanks and comments. */
static struct slice local_part_text(struct slice words, struct arena *arena)
{
    struct token_reader reader = { .rest = words };
    char *text = arena_alloc(arena, words.length + 1);
    size_t length = 0;

    for (struct token token = token_next(&reader); token.kind != TOKEN_END; token = token_next(&reader)) {
        struct slice piece = token.text;
        if (token.kind == TOKEN_QUOTED)
            piece = display_name_unquoted(piece, arena);
        memcpy(text + length, piece.text, piece.length);
        length += piece.length;
    }
    return slice_of(text, length);
}

/* The current token is "@", `run` what stood before it. */
static void parse_address(struct parser *parser, const struct run *run)
{
    check_local_part(parser, run);
    check_space(parser);
    if (parser->have_address)
        note(parser, ODDITY_SEVERAL_AT);
    advance(parser);
    struct slice local_part = local_part_text(run->text, parser->arena);
    if (slice_find(local_part, '@') < local_part.length)
        note(parser, ODDITY_AT_IN_LOCAL_PART);
    parse_domain(parser, local_part);
}

/* obs-route = obs-domain-list ":" (RFC 5322 4.4): its domains are no authors. Without the colon it is no route. */
static void skip_route(struct parser *parser)
{
    struct parser before = *parser;
    while (parser->token.kind == TOKEN_AT || parser->token.kind == TOKEN_COMMA || parser->token.kind == TOKEN_ATOM
           || parser->token.kind == TOKEN_DOT || parser->token.kind == TOKEN_LITERAL)
        advance(parser);
    if (parser->token.kind != TOKEN_COLON) {
        *parser = before;
        return;
    }
    note(parser, ODDITY_SOURCE_ROUTE);
    advance(parser);
}

/* angle-addr, the current token is "<"; goes on behind its ">", or where that should be. */
static void parse_angle(struct parser *parser)
{
    size_t before = parser->list->count;

    if (parser->have_address)
        note(parser, ODDITY_SEVERAL_AT);
    parser->have_address = false;
    advance(parser);
    check_space(parser);
    if (parser->token.kind == TOKEN_AT || parser->token.kind == TOKEN_COMMA)
        skip_route(parser);
    do {
        struct run run = read_run(parser);
        if (parser->token.kind == TOKEN_AT)
            parse_address(parser, &run);
        else if (run.words + run.dots > 0)
            note(parser, parser->have_address ? ODDITY_TRAILING_TEXT : ODDITY_NO_DOMAIN);
    } while (parser->token.kind == TOKEN_AT);
    if (parser->list->count == before)
        note(parser, ODDITY_EMPTY_ANGLE);
    parser->have_address = true;
    if (parser->token.kind != TOKEN_GREATER) {
        note(parser, ODDITY_UNCLOSED);
        return;
    }
    check_space(parser);
    advance(parser);
}

/* At the comma, semicolon or end behind an element, `run` being the words that led there. */
static void end_element(struct parser *parser, const struct run *run, size_t before)
{
    struct mailbox_list *list = parser->list;
    bool has_words = run->words + run->dots > 0;

    if (has_words)
        note(parser, parser->have_address ? ODDITY_TRAILING_TEXT : ODDITY_NAME_ONLY);
    else if (!parser->have_address && (parser->token.kind == TOKEN_COMMA || !parser->in_group))
        note(parser, ODDITY_EMPTY_ELEMENT);
    if (display_name_turns(display_name_shown(parser->name, parser->arena))
        || display_name_turns(display_name_shown(parser->comment, parser->arena)))
        note(parser, ODDITY_BIDI_CONTROL);
    if (list->count > before) {
        const struct mailbox *own = &list->mailboxes[before];
        if (display_name_shows_other(parser->name, own, parser->arena)
            || display_name_shows_other(parser->comment, own, parser->arena))
            note(parser, ODDITY_DISPLAY_ADDRESS);
    }
}

/* What stands between words and is no address; false at the end of the element. */
static bool parse_other(struct parser *parser)
{
    switch (parser->token.kind) {
    case TOKEN_COLON:
        note(parser, parser->in_group ? ODDITY_STRAY_CHARACTER : ODDITY_GROUP);
        parser->in_group = true;
        break;
    case TOKEN_GREATER:
    case TOKEN_LITERAL:
    case TOKEN_STRAY:
        note(parser, ODDITY_STRAY_CHARACTER);
        break;
    case TOKEN_END:
    case TOKEN_ATOM:
    case TOKEN_QUOTED:
    case TOKEN_DOT:
    case TOKEN_COMMA:
    case TOKEN_SEMICOLON:
    case TOKEN_LESS:
    case TOKEN_AT:
        return false;
    }
    advance(parser);
    return true;
}

/* address = mailbox / group, where the name of a group is taken with its first member. */
static void parse_element(struct parser *parser)
{
    size_t before = parser->list->count;
    struct run run;

    parser->have_address = false;
    parser->name = SLICE_NONE;
    parser->comment = parser->token.comment;
    do {
        run = read_run(parser);
        if (parser->token.kind == TOKEN_AT) {
            parse_address(parser, &run);
        } else if (parser->token.kind == TOKEN_LESS) {
            check_phrase(parser, &run);
            parser->name = run.text;
            parse_angle(parser);
        } else if (!parse_other(parser)) {
            end_element(parser, &run, before);
            return;
        } else if (run.words + run.dots > 0 && parser->have_address) {
            note(parser, ODDITY_TRAILING_TEXT);
        }
    } while (parser->list->count < MAILBOX_MOST);
}

/* The comma or semicolon behind an element. False at the end of the list. */
static bool parse_separator(struct parser *parser)
{
    if (parser->token.kind == TOKEN_SEMICOLON) {
        if (!parser->in_group)
            note(parser, ODDITY_STRAY_CHARACTER);
        parser->in_group = false;
        advance(parser);
        if (parser->token.kind != TOKEN_COMMA && parser->token.kind != TOKEN_END)
            return true;
    }
    if (parser->token.kind != TOKEN_COMMA)
        return false;
    advance(parser);
    return true;
}

void mailbox_parse(struct slice value, struct arena *arena, struct mailbox_list *list_out)
{
    struct parser parser = { .reader = { .rest = value }, .arena = arena, .list = list_out };

    *list_out = (struct mailbox_list){ 0 };
    advance(&parser);
    if (parser.token.kind != TOKEN_END) {
        do {
            parse_element(&parser);
        } while (list_out->count < MAILBOX_MOST && parse_separator(&parser));
        if (list_out->count == MAILBOX_MOST && parser.token.kind != TOKEN_END)
            note(&parser, ODDITY_TOO_MANY);
        if (parser.in_group)
            note(&parser, ODDITY_UNCLOSED);
    }
    list_out->oddities |= parser.reader.oddities;
    if (list_out->count == 0)
        note(&parser, ODDITY_EMPTY);
}
