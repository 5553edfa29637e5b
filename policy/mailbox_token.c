/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox_token.c: the lexer of address lists. What never ends goes to the end of the text. Which bytes may be in a
 * header at all is not its business: author.c looks at those.
 */
#include "policy/mailbox_token.h"

#include "policy/oddity.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool token_is_atext(char c)
{
    return (unsigned char)c > 127 || ascii_is_letter(c) || ascii_is_digit(c)
        || (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* quoted-pair = "\" (VCHAR / WSP); anything else behind the backslash is obs-qp. */
static void check_pair(struct token_reader *reader, struct slice text, size_t at)
{
    unsigned char c = at < text.length ? (unsigned char)text.text[at] : 0;
    if ((c < ' ' && c != '\t') || c == 127)
        reader->oddities |= ODDITY_BIT(ODDITY_OBSOLETE_QUOTED_PAIR);
}

/* Length of a quoted string or literal from its opening character; the whole text when it never ends. */
static size_t enclosed_length(struct token_reader *reader, struct slice text, char end)
{
    for (size_t at = 1; at < text.length; at++) {
        if (text.text[at] == '\\')
            check_pair(reader, text, ++at);
        else if (text.text[at] == end)
            return at + 1;
    }
    reader->oddities |= ODDITY_BIT(ODDITY_UNCLOSED);
    return text.length;
}

static size_t comment_length(struct token_reader *reader, struct slice text)
{
    unsigned depth = 0;
    for (size_t at = 0; at < text.length; at++) {
        if (text.text[at] == '\\')
            check_pair(reader, text, ++at);
        else if (text.text[at] == '(' && ++depth > TOKEN_COMMENT_DEPTH)
            break;
        else if (text.text[at] == ')' && --depth == 0)
            return at + 1;
    }
    reader->oddities |= ODDITY_BIT(ODDITY_UNCLOSED);
    return text.length;
}

static void skip_space(struct token_reader *reader, struct token *token)
{
    while (reader->rest.length > 0) {
        size_t length = 1;
        if (reader->rest.text[0] == '(') {
            length = comment_length(reader, reader->rest);
            token->comment = slice_first(reader->rest, length);
        } else if (!is_space(reader->rest.text[0])) {
            return;
        }
        token->space = true;
        reader->rest = slice_from(reader->rest, length);
    }
}

static enum token_kind special_kind(char c)
{
    switch (c) {
    case '"': return TOKEN_QUOTED;
    case '[': return TOKEN_LITERAL;
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

struct token token_next(struct token_reader *reader)
{
    struct token token = { .kind = TOKEN_END };
    size_t length = 1;

    skip_space(reader, &token);
    if (reader->rest.length == 0)
        return token;
    if (token_is_atext(reader->rest.text[0])) {
        token.kind = TOKEN_ATOM;
        while (length < reader->rest.length && token_is_atext(reader->rest.text[length]))
            length++;
    } else {
        token.kind = special_kind(reader->rest.text[0]);
        if (token.kind == TOKEN_QUOTED || token.kind == TOKEN_LITERAL)
            length = enclosed_length(reader, reader->rest, token.kind == TOKEN_QUOTED ? '"' : ']');
    }
    token.text = slice_first(reader->rest, length);
    reader->rest = slice_from(reader->rest, length);
    return token;
}
