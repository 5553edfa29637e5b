/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_expression.c: conditions. Recursive descent, bounded by PARSE_DEPTH_MOST; `and` and `or` of many parts are one
 * node with many children, so that only nesting costs depth. A function that meets an error reports it and returns
 * NULL, and the whole condition is given up.
 */
#include "rules/parse.h"

static struct ast_expression *parse_or(struct token_cursor *cursor, unsigned depth);

static const char *const reserved[] = {
    "and", "or", "not", "all", "in", "matches", "is", "always", "when", "then", "mode", "on-unknown",
};

static bool is_reserved(struct slice word)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (slice_equal(word, slice_of_string(reserved[i])))
            return true;
    return false;
}

static struct ast_expression *node_new(struct token_cursor *cursor, enum ast_kind kind, struct span span)
{
    struct ast_expression *node = arena_alloc(cursor->arena, sizeof(*node));

    node->kind = kind;
    node->span = span;
    return node;
}

static bool is_literal(const struct token_cursor *cursor)
{
    return token_is(cursor, TOKEN_WORD) || token_is(cursor, TOKEN_STRING) || token_is(cursor, TOKEN_NUMBER) ||
           token_is(cursor, TOKEN_ADDRESS);
}

static struct ast_literal *parse_literal(struct token_cursor *cursor)
{
    struct ast_literal *literal;

    if (!is_literal(cursor) || (token_is(cursor, TOKEN_WORD) && is_reserved(cursor->token.text))) {
        token_unexpected(cursor, "a value");
        return NULL;
    }
    literal = arena_alloc(cursor->arena, sizeof(*literal));
    literal->token = token_take(cursor);
    return literal;
}

static bool parse_fact(struct token_cursor *cursor, struct ast_fact *fact_out)
{
    struct token name, key;

    if (token_is(cursor, TOKEN_WORD) && is_reserved(cursor->token.text)) {
        token_unexpected(cursor, "a fact");
        return false;
    }
    if (!token_expect(cursor, TOKEN_WORD, "a fact", &name))
        return false;
    *fact_out = (struct ast_fact){ .name = { name.text, name.span } };
    if (!token_take_kind(cursor, TOKEN_OPEN_BRACKET))
        return true;
    if (!token_expect(cursor, TOKEN_STRING, NULL, &key) || !token_expect(cursor, TOKEN_CLOSE_BRACKET, NULL, NULL))
        return false;
    fact_out->key = (struct ast_name){ key.text, key.span };
    return true;
}

/* After an error within { }: to its end, but not past what begins another clause or rule. */
static void skip_literals(struct token_cursor *cursor)
{
    while (!token_is(cursor, TOKEN_END) && !token_is(cursor, TOKEN_CLOSE_BRACE) &&
           !token_is(cursor, TOKEN_OPEN_BRACE) && !(token_is(cursor, TOKEN_WORD) && is_reserved(cursor->token.text)) &&
           !(cursor->token.starts_line && (token_is_word(cursor, "rule") || token_is_word(cursor, "list"))))
        token_take(cursor);
    token_take_kind(cursor, TOKEN_CLOSE_BRACE);
}

static bool parse_literals(struct token_cursor *cursor, struct ast_expression *node)
{
    struct ast_literal **end = &node->literals;
    size_t count = 0;

    while (!token_is(cursor, TOKEN_CLOSE_BRACE)) {
        if (++count > PARSE_LITERALS_MOST) {
            diag_error(cursor->diagnostics, cursor->token.span, "more than %d values; use a list", PARSE_LITERALS_MOST);
            skip_literals(cursor);
            return false;
        }
        if ((*end = parse_literal(cursor)) == NULL) {
            skip_literals(cursor);
            return false;
        }
        end = &(*end)->next;
    }
    if (count == 0)
        token_unexpected(cursor, "a value");
    token_take(cursor);
    return count > 0;
}

static bool parse_list_name(struct token_cursor *cursor, struct ast_expression *node, const char *what)
{
    struct token name;

    if (token_is(cursor, TOKEN_WORD) && is_reserved(cursor->token.text)) {
        token_unexpected(cursor, what);
        return false;
    }
    if (!token_expect(cursor, TOKEN_WORD, what, &name))
        return false;
    node->kind = AST_IN_LIST;
    node->list = (struct ast_name){ name.text, name.span };
    return true;
}

static bool parse_in(struct token_cursor *cursor, struct ast_expression *node)
{
    if (!token_take_kind(cursor, TOKEN_OPEN_BRACE))
        return parse_list_name(cursor, node, "the name of a list or \"{\"");
    node->kind = AST_IN_LITERALS;
    return parse_literals(cursor, node);
}

static bool parse_matches(struct token_cursor *cursor, struct ast_expression *node)
{
    node->by_matches = true;
    if (!token_is(cursor, TOKEN_STRING))
        return parse_list_name(cursor, node, "a pattern in quotes or the name of a list");
    node->kind = AST_MATCHES;
    return (node->literals = parse_literal(cursor)) != NULL;
}

static bool parse_is(struct token_cursor *cursor, struct ast_expression *node)
{
    if (token_take_word(cursor, "unknown"))
        node->kind = AST_IS_UNKNOWN;
    else if (token_take_word(cursor, "absent"))
        node->kind = AST_IS_ABSENT;
    else {
        token_unexpected(cursor, "\"unknown\" or \"absent\"");
        return false;
    }
    return true;
}

static struct ast_expression *parse_test(struct token_cursor *cursor)
{
    struct ast_expression *node = node_new(cursor, AST_FACT, cursor->token.span);
    bool parsed;

    node->every = token_take_word(cursor, "all");
    parsed = parse_fact(cursor, &node->fact);
    if (!parsed)
        return NULL;
    if (node->every && !token_is_word(cursor, "in") && !token_is_word(cursor, "matches")) {
        token_unexpected(cursor, "\"in\" or \"matches\"");
        return NULL;
    }
    if (cursor->token.kind >= TOKEN_EQUAL && cursor->token.kind <= TOKEN_GREATER_EQUAL) {
        node->kind = AST_COMPARE;
        node->comparison = token_take(cursor).kind;
        parsed = (node->literals = parse_literal(cursor)) != NULL;
    } else if (token_take_word(cursor, "in")) {
        parsed = parse_in(cursor, node);
    } else if (token_take_word(cursor, "matches")) {
        parsed = parse_matches(cursor, node);
    } else if (token_take_word(cursor, "is")) {
        parsed = parse_is(cursor, node);
    } else if (token_is(cursor, TOKEN_BAD)) {
        parsed = false;
    }
    return parsed ? node : NULL;
}

static struct ast_expression *parse_not(struct token_cursor *cursor, unsigned depth)
{
    struct ast_expression *node;
    struct span span = cursor->token.span;

    if (depth > PARSE_DEPTH_MOST) {
        diag_error(cursor->diagnostics, span, "the condition is nested more than %d deep", PARSE_DEPTH_MOST);
        return NULL;
    }
    if (token_take_word(cursor, "not")) {
        node = node_new(cursor, AST_NOT, span);
        node->children = parse_not(cursor, depth + 1);
        return node->children != NULL ? node : NULL;
    }
    if (!token_take_kind(cursor, TOKEN_OPEN_PARENTHESIS))
        return parse_test(cursor);
    node = parse_or(cursor, depth + 1);
    if (node == NULL || !token_expect(cursor, TOKEN_CLOSE_PARENTHESIS, NULL, NULL))
        return NULL;
    return node;
}

/* Parts joined by `word`: one part is itself, more are children of a node of `kind`. */
static struct ast_expression *parse_joined(struct token_cursor *cursor, unsigned depth, const char *word,
                                           enum ast_kind kind,
                                           struct ast_expression *(*part)(struct token_cursor *, unsigned))
{
    struct ast_expression *first = part(cursor, depth);
    struct ast_expression *node, *last = first;

    if (first == NULL || !token_is_word(cursor, word))
        return first;
    node = node_new(cursor, kind, first->span);
    node->children = first;
    while (token_take_word(cursor, word)) {
        last->next = part(cursor, depth);
        if (last->next == NULL)
            return NULL;
        last = last->next;
    }
    return node;
}

static struct ast_expression *parse_and(struct token_cursor *cursor, unsigned depth)
{
    return parse_joined(cursor, depth, "and", AST_AND, parse_not);
}

static struct ast_expression *parse_or(struct token_cursor *cursor, unsigned depth)
{
    return parse_joined(cursor, depth, "or", AST_OR, parse_and);
}

struct ast_expression *parse_condition(struct token_cursor *cursor)
{
    struct span span = cursor->token.span;

    if (token_take_word(cursor, "always"))
        return node_new(cursor, AST_ALWAYS, span);
    return parse_or(cursor, 0);
}
