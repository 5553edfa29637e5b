/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token.c: reads one token at a time. Without quotes, everything up to a blank or a sign is one run of characters, and
 * what it is follows from its form; so "10X" or "192.0.2.256" is one mistake, told as one, instead of two odd tokens.
 * Errors go into the cursor's diagnostics and give TOKEN_BAD.
 */
#include "rules/token.h"

static struct span span_at(const struct token_cursor *cursor, size_t offset, size_t length)
{
    return (struct span){ cursor->source, offset, length };
}

static char char_at(const struct token_cursor *cursor, size_t offset)
{
    return offset < cursor->source->text.length ? cursor->source->text.text[offset] : '\0';
}

static bool at_end(const struct token_cursor *cursor)
{
    return cursor->offset >= cursor->source->text.length;
}

static void skip_blanks(struct token_cursor *cursor)
{
    while (!at_end(cursor)) {
        char c = char_at(cursor, cursor->offset);

        if (c == '#')
            cursor->offset += slice_find(slice_from(cursor->source->text, cursor->offset), '\n');
        else if (c == '\n' || c == ' ' || c == '\t' || c == '\r')
            cursor->offset++;
        else
            break;
        if (c == '\n')
            cursor->line_begins = true;
    }
}

/* Letters outside ASCII belong to the run that they spoil. */
static bool is_bare(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '/' ||
           c == '+' || (unsigned char)c >= 0x80;
}

/* Multiplier of each unit: bytes (IEC 80000-13 kibi, mebi, gibi) and milliseconds. */
static const struct {
    const char *name;
    enum token_unit unit;
    int64_t factor;
} units[] = {
    { "K", UNIT_BYTES, INT64_C(1) << 10 },
    { "M", UNIT_BYTES, INT64_C(1) << 20 },
    { "G", UNIT_BYTES, INT64_C(1) << 30 },
    { "ms", UNIT_TIME, 1 },
    { "s", UNIT_TIME, 1000 },
    { "m", UNIT_TIME, INT64_C(60) * 1000 },
    { "h", UNIT_TIME, INT64_C(3600) * 1000 },
    { "d", UNIT_TIME, INT64_C(86400) * 1000 },
};

static void bad(struct token_cursor *cursor, struct token *token, const char *problem)
{
    diag_error(cursor->diagnostics, token->span, "%s", problem);
    token->kind = TOKEN_BAD;
}

static size_t digits_length(struct slice text)
{
    size_t length = 0;

    while (length < text.length && ascii_is_digit(text.text[length]))
        length++;
    return length;
}

static void read_number(struct token_cursor *cursor, struct token *token)
{
    bool negative = token->text.text[0] == '-';
    struct slice digits = slice_from(token->text, negative || token->text.text[0] == '+');
    struct slice unit = slice_from(digits, digits_length(digits));
    unsigned long long number = 0;
    int64_t factor = 1;

    digits = slice_first(digits, digits.length - unit.length);
    if (!slice_is_empty(unit)) {
        size_t i = 0;

        while (i < sizeof(units) / sizeof(*units) && !slice_equal(unit, slice_of_string(units[i].name)))
            i++;
        if (i == sizeof(units) / sizeof(*units)) {
            diag_error(cursor->diagnostics, token->span,
                       "unknown unit \"%.*s\": sizes are K, M, G, times are ms, s, m, h, d", SLICE_ARG(unit));
            token->kind = TOKEN_BAD;
            return;
        }
        token->unit = units[i].unit;
        factor = units[i].factor;
    }
    if (!slice_number(digits, (unsigned long long)(INT64_MAX / factor), &number)) {
        bad(cursor, token, "the number is too large");
        return;
    }
    token->kind = TOKEN_NUMBER;
    token->number = (int64_t)number * factor * (negative ? -1 : 1);
}

/* Whether an address could be meant: only what addresses are written with, and not a path. */
static bool is_address_text(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = ascii_lower(text.text[i]);

        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f') && c != '.' && c != ':' && c != '/')
            return false;
    }
    return text.text[0] != '/';
}

static void read_address(struct token_cursor *cursor, struct token *token)
{
    if (network_parse(token->text, &token->network)) {
        token->kind = TOKEN_ADDRESS;
        token->has_prefix = slice_find(token->text, '/') < token->text.length;
        return;
    }
    if (!is_address_text(token->text)) {
        bad(cursor, token, "texts and paths stand in double quotes");
        return;
    }
    diag_error(cursor->diagnostics, token->span, "\"%.*s\" is not an address: %s", SLICE_ARG(token->text),
               network_problem(token->text));
    token->kind = TOKEN_BAD;
}

static bool looks_like_address(struct slice text)
{
    size_t dots = 0, others = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] == ':' || text.text[i] == '/')
            return true;
        dots += text.text[i] == '.';
        others += text.text[i] != '.' && !ascii_is_digit(text.text[i]);
    }
    return dots == 3 && others == 0;
}

static bool is_number(struct slice text)
{
    struct slice digits = slice_from(text, text.text[0] == '-' || text.text[0] == '+');
    size_t length = digits_length(digits);

    if (length == 0)
        return false;
    for (size_t i = length; i < digits.length; i++)
        if (!ascii_is_letter(digits.text[i]))
            return false;
    return true;
}

static bool is_word(struct slice text)
{
    if (!ascii_is_letter(text.text[0]) && !ascii_is_digit(text.text[0]) && text.text[0] != '_')
        return false;
    return slice_find(text, '+') == text.length;
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] >= 0x80)
            return false;
    return true;
}

static void read_bare(struct token_cursor *cursor, struct token *token)
{
    size_t start = cursor->offset;

    while (!at_end(cursor) && is_bare(char_at(cursor, cursor->offset)))
        cursor->offset++;
    token->span.length = cursor->offset - start;
    token->text = slice_of(cursor->source->text.text + start, token->span.length);
    if (token->text.length > TOKEN_BARE_MOST)
        bad(cursor, token, "the word is too long");
    else if (!is_ascii(token->text))
        bad(cursor, token, "letters outside ASCII stand in texts only, in double quotes");
    else if (looks_like_address(token->text))
        read_address(cursor, token);
    else if (is_number(token->text))
        read_number(cursor, token);
    else if (is_word(token->text))
        token->kind = TOKEN_WORD;
    else
        bad(cursor, token, "not a word, number or address; texts stand in double quotes");
}

/* The quoted text with its escapes resolved; reports the first thing wrong in it. */
static void unescape(struct token_cursor *cursor, struct token *token, struct slice quoted)
{
    char *text = arena_alloc(cursor->arena, quoted.length + 1);
    size_t length = 0, offset = token->span.offset + 1, wrong = 0;

    token->kind = TOKEN_STRING;
    for (size_t i = 0; i < quoted.length; i++) {
        unsigned char c = (unsigned char)quoted.text[i];

        if (c == '\\') {
            i++;
            if (quoted.text[i] != '"' && quoted.text[i] != '\\') {
                diag_error(cursor->diagnostics, span_at(cursor, offset + i - 1, 2),
                           "in a string only \\\" and \\\\ are escapes; write \\\\ for a backslash");
                token->kind = TOKEN_BAD;
            }
        } else if ((c < 0x20 && c != '\t') || c == 0x7F) {
            diag_error(cursor->diagnostics, span_at(cursor, offset + i, 1), "control character 0x%02X in a string", c);
            token->kind = TOKEN_BAD;
        }
        text[length++] = quoted.text[i];
    }
    token->text = slice_of(text, length);
    if (!text_is_utf8(quoted, &wrong)) {
        diag_error(cursor->diagnostics, span_at(cursor, offset + wrong, 1), "the string is not UTF-8 here");
        token->kind = TOKEN_BAD;
    }
}

static void read_string(struct token_cursor *cursor, struct token *token)
{
    size_t start = ++cursor->offset;

    for (; !at_end(cursor) && char_at(cursor, cursor->offset) != '\n'; cursor->offset++) {
        char c = char_at(cursor, cursor->offset);

        if (c == '\\' && cursor->offset + 1 < cursor->source->text.length &&
            char_at(cursor, cursor->offset + 1) != '\n') {
            cursor->offset++;
            continue;
        }
        if (c != '"')
            continue;
        token->span.length = cursor->offset + 1 - token->span.offset;
        cursor->offset++;
        if (cursor->offset - 1 - start > TOKEN_STRING_MOST)
            bad(cursor, token, "the string is too long");
        else
            unescape(cursor, token, slice_of(cursor->source->text.text + start, cursor->offset - 1 - start));
        return;
    }
    token->span.length = cursor->offset - token->span.offset;
    bad(cursor, token, "the string has no closing quote on its line");
}

static const struct {
    const char *text;
    enum token_kind kind;
} signs[] = {                          /* the longer of two that begin alike first */
    { "==", TOKEN_EQUAL }, { "!=", TOKEN_NOT_EQUAL }, { "<=", TOKEN_LESS_EQUAL }, { ">=", TOKEN_GREATER_EQUAL },
    { "<", TOKEN_LESS }, { ">", TOKEN_GREATER }, { "{", TOKEN_OPEN_BRACE }, { "}", TOKEN_CLOSE_BRACE },
    { "[", TOKEN_OPEN_BRACKET }, { "]", TOKEN_CLOSE_BRACKET }, { "(", TOKEN_OPEN_PARENTHESIS },
    { ")", TOKEN_CLOSE_PARENTHESIS },
};

static void bad_sign(struct token_cursor *cursor, struct token *token, char c)
{
    if (c == '=')
        bad(cursor, token, "\"=\" compares nothing; write \"==\"");
    else if (c == '!' || c == '&' || c == '|')
        bad(cursor, token, "write \"and\", \"or\" and \"not\" as words");
    else if (c == ',' || c == ';')
        bad(cursor, token, "blanks separate: leave out commas and semicolons");
    else if (c == '\'')
        bad(cursor, token, "texts stand in double quotes");
    else
        bad(cursor, token, "this character has no meaning here");
}

static void read_sign(struct token_cursor *cursor, struct token *token)
{
    struct slice rest = slice_from(cursor->source->text, cursor->offset);
    char c = rest.text[0];

    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
        struct slice sign = slice_of_string(signs[i].text);

        if (slice_starts_with(rest, sign)) {
            token->kind = signs[i].kind;
            token->text = slice_first(rest, sign.length);
            token->span.length = sign.length;
            cursor->offset += sign.length;
            return;
        }
    }
    /* A run of one character is one mistake, and so is a text in the wrong quotes. */
    do {
        cursor->offset++;
    } while (!at_end(cursor) && char_at(cursor, cursor->offset) == c);
    if (c == '\'') {
        struct slice line = slice_from(cursor->source->text, cursor->offset);

        line = slice_first(line, slice_find(line, '\n'));
        if (slice_find(line, c) < line.length)
            cursor->offset += slice_find(line, c) + 1;
    }
    token->span.length = cursor->offset - token->span.offset;
    bad_sign(cursor, token, c);
}

static struct token read_token(struct token_cursor *cursor)
{
    struct token token = { .kind = TOKEN_END };
    char c;

    skip_blanks(cursor);
    token.span = span_at(cursor, cursor->offset, 0);
    token.starts_line = cursor->line_begins;
    cursor->line_begins = false;
    if (at_end(cursor))
        return token;
    c = char_at(cursor, cursor->offset);
    if (c == '"')
        read_string(cursor, &token);
    else if (is_bare(c))
        read_bare(cursor, &token);
    else
        read_sign(cursor, &token);
    return token;
}

void token_start(struct token_cursor *cursor, const struct source *source, struct arena *arena,
                 struct diagnostics *diagnostics)
{
    *cursor = (struct token_cursor){
        .source = source, .arena = arena, .diagnostics = diagnostics, .line_begins = true,
    };
    if (source->text.length > TOKEN_FILE_MOST) {
        diag_error(diagnostics, span_at(cursor, 0, 0), "the file is larger than %lu bytes", TOKEN_FILE_MOST);
        cursor->offset = source->text.length;
    }
    cursor->token = read_token(cursor);
}

struct token token_take(struct token_cursor *cursor)
{
    struct token token = cursor->token;

    if (token.kind != TOKEN_END)
        cursor->token = read_token(cursor);
    return token;
}

bool token_is(const struct token_cursor *cursor, enum token_kind kind)
{
    return cursor->token.kind == kind;
}

bool token_is_word(const struct token_cursor *cursor, const char *word)
{
    return cursor->token.kind == TOKEN_WORD && slice_equal(cursor->token.text, slice_of_string(word));
}

bool token_take_kind(struct token_cursor *cursor, enum token_kind kind)
{
    if (!token_is(cursor, kind))
        return false;
    token_take(cursor);
    return true;
}

bool token_take_word(struct token_cursor *cursor, const char *word)
{
    if (!token_is_word(cursor, word))
        return false;
    token_take(cursor);
    return true;
}

/* What is shown between quotes may not be what lacks them. */
static void expected(struct token_cursor *cursor, const char *what, bool in_quotes)
{
    const struct token *token = &cursor->token;
    bool is_bare = in_quotes && (token->kind == TOKEN_WORD || token->kind == TOKEN_NUMBER ||
                                 token->kind == TOKEN_ADDRESS);
    struct slice found;

    if (token->kind == TOKEN_BAD)
        return;
    found = token_describe(token, cursor->arena);
    diag_error(cursor->diagnostics, token->span, "expected %s, found %.*s%s", what, SLICE_ARG(found),
               is_bare ? " without quotes" : "");
}

bool token_expect(struct token_cursor *cursor, enum token_kind kind, const char *what, struct token *token_out)
{
    struct token token = cursor->token;

    if (token.kind != kind) {
        expected(cursor, what != NULL ? what : token_kind_name(kind), kind == TOKEN_STRING);
        return false;
    }
    token_take(cursor);
    if (token_out != NULL)
        *token_out = token;
    return true;
}

void token_unexpected(struct token_cursor *cursor, const char *what)
{
    expected(cursor, what, false);
}

void token_skip(struct token_cursor *cursor, size_t depth)
{
    do {
        struct token token = token_take(cursor);

        if (token.kind == TOKEN_OPEN_BRACE)
            depth++;
        else if (token.kind == TOKEN_CLOSE_BRACE && depth > 0)
            depth--;
        else if (token.kind == TOKEN_END)
            return;
    } while (depth > 0);
}

const char *token_kind_name(enum token_kind kind)
{
    switch (kind) {
    case TOKEN_END:               return "the end of the file";
    case TOKEN_BAD:               return "a mistake";
    case TOKEN_WORD:              return "a word";
    case TOKEN_STRING:            return "a string";
    case TOKEN_NUMBER:            return "a number";
    case TOKEN_ADDRESS:           return "an address";
    case TOKEN_OPEN_BRACE:        return "\"{\"";
    case TOKEN_CLOSE_BRACE:       return "\"}\"";
    case TOKEN_OPEN_BRACKET:      return "\"[\"";
    case TOKEN_CLOSE_BRACKET:     return "\"]\"";
    case TOKEN_OPEN_PARENTHESIS:  return "\"(\"";
    case TOKEN_CLOSE_PARENTHESIS: return "\")\"";
    case TOKEN_EQUAL:             return "\"==\"";
    case TOKEN_NOT_EQUAL:         return "\"!=\"";
    case TOKEN_LESS:              return "\"<\"";
    case TOKEN_LESS_EQUAL:        return "\"<=\"";
    case TOKEN_GREATER:           return "\">\"";
    case TOKEN_GREATER_EQUAL:     return "\">=\"";
    }
    bug("token kind");
}

/* Longer strings are not repeated whole in a message. */
#define DESCRIBED_MOST 40

struct slice token_describe(const struct token *token, struct arena *arena)
{
    bool cut = token->text.length > DESCRIBED_MOST;
    struct slice shown = slice_first(token->text, DESCRIBED_MOST);

    while (cut && shown.length > 0 && ((unsigned char)token->text.text[shown.length] & 0xC0) == 0x80)
        shown.length--;
    if (token->kind == TOKEN_STRING)
        return arena_printf(arena, "the string \"%.*s%s\"", SLICE_ARG(shown), cut ? "..." : "");
    if (token->kind == TOKEN_WORD || token->kind == TOKEN_NUMBER || token->kind == TOKEN_ADDRESS)
        return arena_printf(arena, "\"%.*s%s\"", SLICE_ARG(shown), cut ? "..." : "");
    return slice_of_string(token_kind_name(token->kind));
}

struct span span_join(struct span first, struct span last)
{
    if (last.offset + last.length > first.offset)
        first.length = last.offset + last.length - first.offset;
    return first;
}
