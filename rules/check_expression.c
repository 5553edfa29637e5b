/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_expression.c: conditions. A literal must be of its fact's type, and a word one that the fact can hold, so that
 * no comparison is senseless; each error says what would be right.
 */
#include "rules/check.h"

/* RFC 5322 2.1.1 asks for lines of 78 characters: the longest name that stands on one with its colon and a blank. */
#define FIELD_NAME_MOST 76

bool check_is_field_name(struct slice name)
{
    if (name.length == 0 || name.length > FIELD_NAME_MOST)
        return false;
    for (size_t i = 0; i < name.length; i++)
        if (name.text[i] < 33 || name.text[i] > 126 || name.text[i] == ':')
            return false;
    return true;
}

static const char *field_next(void *context, size_t index)
{
    const struct language *language = context;
    const struct field *field;

    if (index >= language->fields_count * 2)
        return NULL;
    field = &language->fields[index / 2];
    if (index % 2 == 0)
        return field->name;
    return field->alias != NULL ? field->alias : "";
}

static const struct field *field_find(const struct language *language, struct slice name)
{
    for (size_t i = 0; i < language->fields_count; i++) {
        const struct field *field = &language->fields[i];

        if (slice_equal(name, slice_of_string(field->name)) ||
            (field->alias != NULL && slice_equal(name, slice_of_string(field->alias))))
            return field;
    }
    return NULL;
}

static bool check_key(struct checker *checker, const struct field *field, const struct ast_fact *fact)
{
    if (field->keyed && fact->key.text.text == NULL)
        diag_error(checker->diagnostics, fact->name.span, "\"%s\" takes a name: %s[\"Subject\"]", field->name,
                   field->name);
    else if (!field->keyed && fact->key.text.text != NULL)
        diag_error(checker->diagnostics, fact->key.span, "\"%s\" takes no name in brackets", field->name);
    else if (field->keyed && !check_is_field_name(fact->key.text))
        diag_error(checker->diagnostics, fact->key.span, "not the name of a header field");
    else
        return true;
    return false;
}

/* The one read of this rule; header field names are the same in either case. */
static const struct fact_read *read_of(struct checker *checker, const struct field *field, struct slice key)
{
    struct fact_read **end = &checker->rule->reads;

    for (; *end != NULL; end = &(*end)->next)
        if ((*end)->field == field && slice_equal_nocase((*end)->key, key))
            return *end;
    *end = arena_alloc(checker->arena, sizeof(**end));
    (*end)->field = field;
    (*end)->key = key;
    (*end)->name = field->keyed ? arena_printf(checker->arena, "%s[\"%.*s\"]", field->name, SLICE_ARG(key))
                                : slice_of_string(field->name);
    return *end;
}

/* A boolean's `words` name a list that it is looked up in (field.h). */
static bool check_needed_list(struct checker *checker, const struct field *field, const struct ast_fact *fact)
{
    struct named_list *list = checker->program->lists;

    if (field->type != VALUE_BOOLEAN || field->words == NULL)
        return true;
    while (list != NULL && !slice_equal(list->name, slice_of_string(field->words[0])))
        list = list->next;
    if (list == NULL || (list->kind_known && list->kind != LIST_DOMAIN)) {
        diag_error(checker->diagnostics, fact->name.span, "\"%s\" needs a list \"%s\" of kind domain", field->name,
                   field->words[0]);
        return false;
    }
    list->used = true;
    return true;
}

const struct fact_read *check_fact(struct checker *checker, const struct ast_fact *fact)
{
    const struct language *language = checker->program->language;
    const struct field *field = field_find(language, fact->name.text);

    if (field == NULL) {
        diag_error(checker->diagnostics, fact->name.span, "unknown fact \"%.*s\"%s", SLICE_ARG(fact->name.text),
                   check_hint(checker, fact->name.text, field_next, (void *)(uintptr_t)language));
        return NULL;
    }
    if (!check_key(checker, field, fact) || !check_needed_list(checker, field, fact))
        return NULL;
    if (checker->stage < field->stage) {
        diag_error(checker->diagnostics, fact->name.span, "\"%s\" is known from stage %s on, not yet at %s",
                   field->name, language->stages[field->stage], language->stages[checker->stage]);
        return NULL;
    }
    return read_of(checker, field, fact->key.text);
}

static const char *word_next(void *context, size_t index)
{
    const char *const *words = context;

    return words[index];
}

static struct slice words_text(const struct field *field, struct arena *arena)
{
    struct slice text = SLICE("");

    for (size_t i = 0; field->words[i] != NULL; i++)
        text = arena_printf(arena, "%.*s%s%s", SLICE_ARG(text), i == 0 ? "" : ", ", field->words[i]);
    return text;
}

static bool check_word(struct checker *checker, const struct field *field, const struct token *token)
{
    const char *hint;

    if (field->words == NULL)
        return true;
    for (size_t i = 0; field->words[i] != NULL; i++)
        if (slice_equal(token->text, slice_of_string(field->words[i])))
            return true;
    hint = check_hint(checker, token->text, word_next, (void *)(uintptr_t)field->words);
    if (*hint != '\0') {
        diag_error(checker->diagnostics, token->span, "\"%s\" is never \"%.*s\"%s", field->name, SLICE_ARG(token->text),
                   hint);
    } else {
        struct slice words = words_text(field, checker->arena);

        diag_error(checker->diagnostics, token->span, "\"%s\" is never \"%.*s\"; it is one of %.*s", field->name,
                   SLICE_ARG(token->text), SLICE_ARG(words));
    }
    return false;
}

static enum token_kind literal_kind(enum value_type type)
{
    switch (type) {
    case VALUE_NUMBER:  return TOKEN_NUMBER;
    case VALUE_WORD:    return TOKEN_WORD;
    case VALUE_ADDRESS: return TOKEN_ADDRESS;
    case VALUE_TEXT:
    case VALUE_DOMAIN:  return TOKEN_STRING;
    case VALUE_BOOLEAN: break;
    }
    return TOKEN_BAD;
}

static bool wrong_type(struct checker *checker, const struct field *field, const struct token *token)
{
    struct slice found = token_describe(token, checker->arena);
    const char *hint = "";

    if (token->kind == TOKEN_STRING && (field->type == VALUE_WORD || field->type == VALUE_ADDRESS))
        hint = "; leave out the quotes";
    else if (field->type == VALUE_TEXT || field->type == VALUE_DOMAIN)
        hint = "; put it in quotes";
    diag_error(checker->diagnostics, token->span, "\"%s\" is %s, %.*s is not%s", field->name,
               value_type_name(field->type), SLICE_ARG(found), hint);
    return false;
}

const char *const field_bytes[] = { "K", "M", "G", NULL };
const char *const field_time[] = { "ms", "s", "m", "h", "d", NULL };

/* 20s are no size, 10K no duration, and 20 is a duration of what? */
static bool check_unit(struct checker *checker, const struct field *field, const struct token *token)
{
    struct slice found = token_describe(token, checker->arena);

    if (field->words == field_time && token->unit != UNIT_TIME && token->number != 0) {
        diag_error(checker->diagnostics, token->span,
                   "\"%s\" is a duration, %.*s is not: write 500ms, 20s, 5m, 1h or 2d", field->name, SLICE_ARG(found));
        return false;
    }
    if (field->words == field_bytes && token->unit == UNIT_TIME) {
        diag_error(checker->diagnostics, token->span,
                   "\"%s\" is a size, %.*s is a duration: write 10K, 50M, 1G or bytes", field->name, SLICE_ARG(found));
        return false;
    }
    if (field->words == NULL && token->unit != UNIT_NONE) {
        diag_error(checker->diagnostics, token->span, "\"%s\" is a number without a unit, %.*s has one", field->name,
                   SLICE_ARG(found));
        return false;
    }
    return true;
}

static bool check_contents(struct checker *checker, const struct field *field, const struct token *token, bool in_set,
                           struct literal *literal)
{
    char buffer[ADDRESS_TEXT];
    struct slice address;

    if (token->kind != literal_kind(field->type))
        return wrong_type(checker, field, token);
    if (field->type == VALUE_WORD)
        return check_word(checker, field, token);
    if (field->type == VALUE_NUMBER)
        return check_unit(checker, field, token);
    if (field->type == VALUE_DOMAIN && !domain_normalise(token->text, checker->arena, &literal->text)) {
        diag_error(checker->diagnostics, token->span,
                   "not a domain name; letters outside ASCII are written as A-labels (xn--...)");
        return false;
    }
    if (field->type == VALUE_ADDRESS && token->has_prefix && !in_set) {
        address = address_print(&token->network.address, buffer);
        diag_error(checker->diagnostics, token->span, "this is a network; write \"in { %.*s/%u }\"", SLICE_ARG(address),
                   token->network.prefix);
        return false;
    }
    return true;
}

static bool check_literals(struct checker *checker, const struct field *field, const struct ast_expression *tree,
                           struct expression *node)
{
    const struct literal **end = &node->literals;
    bool good = true;

    for (const struct ast_literal *each = tree->literals; each != NULL; each = each->next) {
        struct literal *literal = arena_alloc(checker->arena, sizeof(*literal));

        *literal = (struct literal){ each->token.text, each->token.number, each->token.unit, each->token.network,
                                     each->token.has_prefix, NULL };
        good = check_contents(checker, field, &each->token, tree->kind == AST_IN_LITERALS, literal) && good;
        *end = literal;
        end = (const struct literal **)(uintptr_t)&literal->next;
    }
    return good;
}

static bool check_compare(struct checker *checker, const struct ast_expression *tree, struct expression *node)
{
    const struct field *field = node->fact->field;
    bool orders = tree->kind == AST_COMPARE && tree->comparison != TOKEN_EQUAL && tree->comparison != TOKEN_NOT_EQUAL;

    if (field->type == VALUE_BOOLEAN) {
        diag_error(checker->diagnostics, tree->span, "\"%s\" is yes or no: let it stand alone, or behind \"not\"",
                   field->name);
        return false;
    }
    if (orders && field->type != VALUE_NUMBER) {
        diag_error(checker->diagnostics, tree->span, "%s compares numbers, and \"%s\" is %s",
                   token_kind_name(tree->comparison), field->name, value_type_name(field->type));
        return false;
    }
    return check_literals(checker, field, tree, node);
}

static bool kinds_fit(enum list_kind list, enum value_type type)
{
    switch (list) {
    case LIST_CIDR:    return type == VALUE_ADDRESS;
    case LIST_DOMAIN:  return type == VALUE_DOMAIN;
    case LIST_PATTERN: return type != VALUE_BOOLEAN;
    }
    bug("kind of list");
}

static const char *list_next(void *context, size_t index)
{
    const struct named_list *list = ((const struct checker *)context)->program->lists;

    while (list != NULL && index-- > 0)
        list = list->next;
    return list == NULL ? NULL : list->name.text;
}

static bool check_list(struct checker *checker, const struct ast_expression *tree, struct expression *node)
{
    struct named_list *list = checker->program->lists;
    const struct field *field = node->fact->field;

    while (list != NULL && !slice_equal(list->name, tree->list.text))
        list = list->next;
    if (list == NULL) {
        diag_error(checker->diagnostics, tree->list.span, "unknown list \"%.*s\"%s", SLICE_ARG(tree->list.text),
                   check_hint(checker, tree->list.text, list_next, checker));
        return false;
    }
    list->used = true;
    node->list = list;
    if (!list->kind_known)
        return false;
    if (tree->by_matches && list->kind != LIST_PATTERN)
        diag_error(checker->diagnostics, tree->list.span, "\"%.*s\" is a list of kind %s; write \"in\"",
                   SLICE_ARG(list->name), list_kind_name(list->kind));
    else if (!kinds_fit(list->kind, field->type))
        diag_error(checker->diagnostics, tree->list.span, "\"%s\" is %s, which a list of kind %s cannot hold",
                   field->name, value_type_name(field->type), list_kind_name(list->kind));
    else
        return true;
    return false;
}

static bool check_pattern(struct checker *checker, const struct ast_expression *tree, struct expression *node)
{
    const struct token *token = &tree->literals->token;
    const struct field *field = node->fact->field;
    struct slice problem;
    size_t at = 0;

    if (field->type == VALUE_BOOLEAN) {
        diag_error(checker->diagnostics, tree->span, "\"%s\" is yes or no, no pattern fits it", field->name);
        return false;
    }
    node->pattern_text = token->text;
    node->pattern = pattern_compile(token->text, checker->jit, checker->arena, &problem, &at);
    if (node->pattern == NULL) {
        diag_error(checker->diagnostics, token->span, "not a pattern: %.*s, at its byte %zu", SLICE_ARG(problem),
                   at + 1);
        return false;
    }
    checker->program->jit = checker->program->jit && pattern_has_jit(node->pattern);
    return true;
}

static bool check_alone(struct checker *checker, const struct ast_expression *tree, const struct field *field)
{
    if (field->type == VALUE_BOOLEAN)
        return true;
    diag_error(checker->diagnostics, tree->span, "\"%s\" is %s: compare it with something", field->name,
               value_type_name(field->type));
    return false;
}

static bool check_test(struct checker *checker, const struct ast_expression *tree, struct expression *node)
{
    node->fact = check_fact(checker, &tree->fact);
    if (node->fact == NULL)
        return false;
    switch (tree->kind) {
    case AST_FACT:        return check_alone(checker, tree, node->fact->field);
    case AST_COMPARE:     return check_compare(checker, tree, node);
    case AST_IN_LIST:     return check_list(checker, tree, node);
    case AST_IN_LITERALS: return check_compare(checker, tree, node);
    case AST_MATCHES:     return check_pattern(checker, tree, node);
    case AST_IS_UNKNOWN:
    case AST_IS_ABSENT:   return true;
    case AST_ALWAYS:
    case AST_AND:
    case AST_OR:
    case AST_NOT:         break;
    }
    bug("kind of test");
}

struct expression *check_expression(struct checker *checker, const struct ast_expression *tree)
{
    struct expression *node = arena_alloc(checker->arena, sizeof(*node));
    struct expression **end = &node->children;
    bool good = true;

    node->kind = tree->kind;
    node->comparison = tree->comparison;
    node->every = tree->every;
    if (tree->kind == AST_ALWAYS)
        return node;
    if (tree->children == NULL)
        return check_test(checker, tree, node) ? node : NULL;
    for (const struct ast_expression *child = tree->children; child != NULL; child = child->next) {
        struct expression *checked = check_expression(checker, child);

        good = good && checked != NULL;
        if (checked == NULL)
            continue;
        *end = checked;
        end = &checked->next;
    }
    return good ? node : NULL;
}
