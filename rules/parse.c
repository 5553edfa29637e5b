/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse.c: lists, rules and their clauses. After an error the reading goes on at the next clause of the rule, at the
 * brace that ends it, or at the next line that begins with "rule" or "list", whichever comes first: so one load reports
 * all errors, and a missing brace spoils one rule, not all after it.
 */
#include "rules/parse.h"

struct parser {
    struct token_cursor cursor;
    struct ast_file *file;
    struct ast_list **lists_end;
    struct ast_rule **rules_end;
};

static const char *keyword_next(void *context, size_t index)
{
    static const char *const keywords[] = { "rule", "list", NULL };

    (void)context;
    return keywords[index];
}

static const char *clause_next(void *context, size_t index)
{
    static const char *const clauses[] = { "then", "mode", "on-unknown", NULL };

    (void)context;
    return clauses[index];
}

/* A new rule or list begins here, whatever was open before. */
static bool at_item(const struct token_cursor *cursor)
{
    return cursor->token.starts_line && (token_is_word(cursor, "rule") || token_is_word(cursor, "list"));
}

static bool at_clause(const struct token_cursor *cursor)
{
    return token_is_word(cursor, "when") || token_is_word(cursor, "then") || token_is_word(cursor, "mode") ||
           token_is_word(cursor, "on-unknown");
}

/* To the next clause, past which nothing is known to be wrong, or to what ends the block. */
static void skip_to_clause(struct token_cursor *cursor)
{
    while (!token_is(cursor, TOKEN_END) && !token_is(cursor, TOKEN_CLOSE_BRACE) && !at_item(cursor) &&
           !at_clause(cursor)) {
        if (token_take(cursor).kind != TOKEN_OPEN_BRACE)
            continue;
        while (!token_is(cursor, TOKEN_END) && !token_is(cursor, TOKEN_CLOSE_BRACE) && !at_item(cursor))
            token_take(cursor);
        token_take_kind(cursor, TOKEN_CLOSE_BRACE);
    }
}

/* To the next rule or list, over whole blocks. */
static void skip_to_item(struct token_cursor *cursor)
{
    size_t depth = 0;

    while (!token_is(cursor, TOKEN_END) && !at_item(cursor)) {
        enum token_kind kind = token_take(cursor).kind;

        if (kind == TOKEN_OPEN_BRACE)
            depth++;
        if (kind == TOKEN_CLOSE_BRACE && depth-- <= 1)
            return;
    }
}

static bool expect_word(struct token_cursor *cursor, const char *word)
{
    char what[32];

    if (token_take_word(cursor, word))
        return true;
    snprintf(what, sizeof(what), "\"%s\"", word);
    token_unexpected(cursor, what);
    return false;
}

static bool expect_name(struct token_cursor *cursor, const char *what, struct ast_name *name_out)
{
    struct token token;

    if (!token_expect(cursor, TOKEN_WORD, what, &token))
        return false;
    *name_out = (struct ast_name){ token.text, token.span };
    return true;
}

static bool parse_entries(struct token_cursor *cursor, struct ast_list *list)
{
    struct ast_literal **end = &list->entries;

    while (token_is(cursor, TOKEN_STRING) || token_is(cursor, TOKEN_ADDRESS) || token_is(cursor, TOKEN_BAD)) {
        struct token token = token_take(cursor);

        if (token.kind == TOKEN_BAD)
            continue;
        *end = arena_alloc(cursor->arena, sizeof(**end));
        (*end)->token = token;
        end = &(*end)->next;
    }
    return token_expect(cursor, TOKEN_CLOSE_BRACE, "an entry in quotes or \"}\"", NULL);
}

static bool parse_list(struct parser *parser)
{
    struct token_cursor *cursor = &parser->cursor;
    struct ast_list *list = arena_alloc(cursor->arena, sizeof(*list));
    struct token path;

    if (!expect_name(cursor, "the name of the list", &list->name))
        return false;
    /* From here on the name counts as taken, so that rules that use it are not wrong as well. */
    *parser->lists_end = list;
    parser->lists_end = &list->next;
    if (!expect_name(cursor, "\"cidr\", \"domain\" or \"pattern\"", &list->kind))
        return false;
    if (token_take_kind(cursor, TOKEN_OPEN_BRACE))
        return parse_entries(cursor, list);
    if (!token_is_word(cursor, "file")) {
        token_unexpected(cursor, "\"{\" or \"file\"");
        return false;
    }
    token_take(cursor);
    if (!token_expect(cursor, TOKEN_STRING, "the path of the file in quotes", &path))
        return false;
    list->path = (struct ast_name){ path.text, path.span };
    return true;
}

/* NUMBER, STRING, and the word that an enhanced status code is; other words begin something new. */
static bool is_argument(const struct token_cursor *cursor)
{
    return token_is(cursor, TOKEN_NUMBER) || token_is(cursor, TOKEN_STRING) ||
           (token_is(cursor, TOKEN_WORD) && ascii_is_digit(cursor->token.text.text[0]));
}

static bool parse_then(struct token_cursor *cursor, struct ast_rule *rule)
{
    struct ast_action **end = &rule->actions;
    struct ast_action *action = arena_alloc(cursor->arena, sizeof(*action));
    struct ast_literal **argument = &action->arguments;
    size_t count = 0;

    for (; *end != NULL; end = &(*end)->next)
        count++;
    if (count == PARSE_ACTIONS_MOST) {
        diag_error(cursor->diagnostics, cursor->token.span, "more than %d actions in one rule", PARSE_ACTIONS_MOST);
        return false;
    }
    if (at_clause(cursor) || at_item(cursor)) {
        token_unexpected(cursor, "an action");
        return false;
    }
    if (!expect_name(cursor, "an action", &action->name))
        return false;
    *end = action;
    for (count = 0; is_argument(cursor); count++) {
        if (count == PARSE_ARGUMENTS_MOST) {
            diag_error(cursor->diagnostics, cursor->token.span, "too many values for an action");
            action->name.text = SLICE_NONE;
            return false;
        }
        *argument = arena_alloc(cursor->arena, sizeof(**argument));
        (*argument)->token = token_take(cursor);
        argument = &(*argument)->next;
    }
    /* A bad value was reported; without it the form of the action cannot be judged. */
    if (token_is(cursor, TOKEN_BAD))
        action->name.text = SLICE_NONE;
    return !token_is(cursor, TOKEN_BAD);
}

static bool parse_mode(struct token_cursor *cursor, struct ast_rule *rule)
{
    if (rule->shadow) {
        diag_error(cursor->diagnostics, cursor->token.span, "\"mode\" stands here a second time");
        return false;
    }
    rule->shadow = token_is_word(cursor, "shadow");
    return expect_word(cursor, "shadow");
}

static bool parse_on_unknown(struct token_cursor *cursor, struct ast_rule *rule)
{
    struct span span = cursor->token.span;

    if (rule->on_unknown.text.text != NULL) {
        diag_error(cursor->diagnostics, span, "\"on-unknown\" stands here a second time");
        return false;
    }
    if (!token_is_word(cursor, "defer") && !token_is_word(cursor, "pass")) {
        token_unexpected(cursor, "\"defer\" or \"pass\"");
        return false;
    }
    rule->on_unknown = (struct ast_name){ token_take(cursor).text, span };
    return true;
}

static bool unknown_clause(struct token_cursor *cursor)
{
    const char *meant = NULL;

    if (token_is_word(cursor, "when")) {
        diag_error(cursor->diagnostics, cursor->token.span,
                   "\"when\" stands first and once; join conditions by \"and\"");
        token_take(cursor);
        skip_to_clause(cursor);
        return true;
    }
    if (token_is(cursor, TOKEN_WORD) && (meant = did_you_mean(cursor->token.text, clause_next, NULL)) != NULL)
        diag_error(cursor->diagnostics, cursor->token.span, "unknown clause \"%.*s\"; did you mean \"%s\"?",
                   SLICE_ARG(cursor->token.text), meant);
    else
        token_unexpected(cursor, "\"then\", \"mode\", \"on-unknown\" or \"}\"");
    return false;
}

/* One clause after "when"; whether the next stands right behind it. */
static bool parse_clause(struct token_cursor *cursor, struct ast_rule *rule)
{
    if (token_take_word(cursor, "then"))
        return parse_then(cursor, rule);
    if (token_take_word(cursor, "mode"))
        return parse_mode(cursor, rule);
    if (token_take_word(cursor, "on-unknown"))
        return parse_on_unknown(cursor, rule);
    return unknown_clause(cursor);
}

static void parse_body(struct token_cursor *cursor, struct ast_rule *rule)
{
    bool any_action = false;

    if (!expect_word(cursor, "when") || (rule->condition = parse_condition(cursor)) == NULL)
        skip_to_clause(cursor);
    if (rule->condition == NULL && token_take_word(cursor, "when"))
        skip_to_clause(cursor);
    while (!token_is(cursor, TOKEN_CLOSE_BRACE)) {
        if (token_is(cursor, TOKEN_END) || at_item(cursor)) {
            token_unexpected(cursor, "\"}\" at the end of the rule");
            return;
        }
        any_action = any_action || token_is_word(cursor, "then");
        if (!parse_clause(cursor, rule))
            skip_to_clause(cursor);
    }
    if (!any_action)
        token_unexpected(cursor, "\"then\" and an action");
    token_take(cursor);
}

static bool parse_rule(struct parser *parser)
{
    struct token_cursor *cursor = &parser->cursor;
    struct ast_rule *rule = arena_alloc(cursor->arena, sizeof(*rule));

    if (!expect_name(cursor, "the name of the rule", &rule->name))
        return false;
    *parser->rules_end = rule;
    parser->rules_end = &rule->next;
    if (!expect_word(cursor, "at") || !expect_name(cursor, "a stage", &rule->stage) ||
        !token_expect(cursor, TOKEN_OPEN_BRACE, NULL, NULL))
        return false;
    parse_body(cursor, rule);
    return true;
}

static void parse_item(struct parser *parser)
{
    struct token_cursor *cursor = &parser->cursor;
    const char *meant = NULL;
    bool parsed = false;

    if (token_take_word(cursor, "rule"))
        parsed = parse_rule(parser);
    else if (token_take_word(cursor, "list"))
        parsed = parse_list(parser);
    else if (token_is(cursor, TOKEN_WORD) && (meant = did_you_mean(cursor->token.text, keyword_next, NULL)) != NULL)
        diag_error(cursor->diagnostics, cursor->token.span, "unknown keyword \"%.*s\"; did you mean \"%s\"?",
                   SLICE_ARG(cursor->token.text), meant);
    else
        token_unexpected(cursor, "\"rule\" or \"list\"");
    if (!parsed)
        skip_to_item(cursor);
}

struct ast_file *parse_file(const struct source *source, struct arena *arena, struct diagnostics *diagnostics)
{
    struct parser parser = { .file = arena_alloc(arena, sizeof(*parser.file)) };

    parser.file->source = source;
    parser.lists_end = &parser.file->lists;
    parser.rules_end = &parser.file->rules;
    token_start(&parser.cursor, source, arena, diagnostics);
    while (!token_is(&parser.cursor, TOKEN_END))
        parse_item(&parser);
    return parser.file;
}
