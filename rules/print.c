/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c: a program as canonical text: names in full, defaults written out, no comments, parentheses only where they
 * matter. Parsing it again gives the same text. Nothing fails.
 */
#include <inttypes.h>
#include <stdio.h>

#include "rules/program_parts.h"

struct slice number_print(int64_t number, enum token_unit unit, char *buffer)
{
    static const struct {
        const char *name;
        enum token_unit unit;
        int64_t factor;
    } units[] = {                              /* the largest first */
        { "G", UNIT_BYTES, INT64_C(1) << 30 }, { "M", UNIT_BYTES, INT64_C(1) << 20 },
        { "K", UNIT_BYTES, INT64_C(1) << 10 },
        { "d", UNIT_TIME, 86400000 }, { "h", UNIT_TIME, 3600000 }, { "m", UNIT_TIME, 60000 }, { "s", UNIT_TIME, 1000 },
        { "ms", UNIT_TIME, 1 },
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (units[i].unit == unit && number % units[i].factor == 0)
            return slice_of(buffer, (size_t)snprintf(buffer, NUMBER_TEXT, "%" PRId64 "%s", number / units[i].factor,
                                                     units[i].name));
    return slice_of(buffer, (size_t)snprintf(buffer, NUMBER_TEXT, "%" PRId64, number));
}

static void print_slice(struct slice text, FILE *file)
{
    if (text.length > 0)
        fwrite(text.text, 1, text.length, file);
}

/* Without the quotes around it. */
static void print_escaped(struct slice text, FILE *file)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] == '"' || text.text[i] == '\\')
            fputc('\\', file);
        fputc(text.text[i], file);
    }
}

static void print_quoted(struct slice text, FILE *file)
{
    fputc('"', file);
    print_escaped(text, file);
    fputc('"', file);
}

static void print_text(const struct text_part *part, FILE *file)
{
    fputs(" \"", file);
    for (; part != NULL; part = part->next) {
        if (part->fact != NULL) {
            fputc('{', file);
            print_escaped(part->fact->name, file);
            fputc('}', file);
            continue;
        }
        for (size_t i = 0; i < part->literal.length; i++) {
            if (part->literal.text[i] == '{' || part->literal.text[i] == '}')
                fputc(part->literal.text[i], file);
            print_escaped(slice_of(part->literal.text + i, 1), file);
        }
    }
    fputc('"', file);
}

static void print_literal(enum value_type type, const struct literal *literal, FILE *file)
{
    char buffer[ADDRESS_TEXT > NUMBER_TEXT ? ADDRESS_TEXT : NUMBER_TEXT];

    switch (type) {
    case VALUE_NUMBER:
        print_slice(number_print(literal->number, literal->unit, buffer), file);
        return;
    case VALUE_ADDRESS:
        print_slice(address_print(&literal->network.address, buffer), file);
        if (literal->has_prefix)
            fprintf(file, "/%u", literal->network.prefix);
        return;
    case VALUE_WORD:
        print_slice(literal->text, file);
        return;
    case VALUE_TEXT:
    case VALUE_DOMAIN:
        print_quoted(literal->text, file);
        return;
    case VALUE_BOOLEAN:
        break;
    }
    bug("type of literal");
}

static const char *operator_text(enum token_kind kind)
{
    switch ((unsigned)kind) {
    case TOKEN_EQUAL:         return "==";
    case TOKEN_NOT_EQUAL:     return "!=";
    case TOKEN_LESS:          return "<";
    case TOKEN_LESS_EQUAL:    return "<=";
    case TOKEN_GREATER:       return ">";
    case TOKEN_GREATER_EQUAL: return ">=";
    }
    bug("operator");
}

static void print_expression(const struct expression *node, FILE *file);

/* In parentheses when it binds less than what is around it. */
static void print_child(const struct expression *child, enum ast_kind around, FILE *file)
{
    bool wrapped = (child->kind == AST_OR && around != AST_OR) || (child->kind == AST_AND && around == AST_NOT);

    if (wrapped)
        fputc('(', file);
    print_expression(child, file);
    if (wrapped)
        fputc(')', file);
}

static void print_joined(const struct expression *node, const char *word, FILE *file)
{
    for (const struct expression *child = node->children; child != NULL; child = child->next) {
        if (child != node->children)
            fputs(word, file);
        print_child(child, node->kind, file);
    }
}

static void print_test(const struct expression *node, FILE *file)
{
    enum value_type type = node->fact->field->type;

    if (node->every)
        fputs("all ", file);
    print_slice(node->fact->name, file);
    if (node->kind == AST_COMPARE) {
        fprintf(file, " %s ", operator_text(node->comparison));
        print_literal(type, node->literals, file);
    } else if (node->kind == AST_IN_LIST) {
        fprintf(file, " in %.*s", SLICE_ARG(node->list->name));
    } else if (node->kind == AST_IN_LITERALS) {
        fputs(" in {", file);
        for (const struct literal *literal = node->literals; literal != NULL; literal = literal->next) {
            fputc(' ', file);
            print_literal(type, literal, file);
        }
        fputs(" }", file);
    } else if (node->kind == AST_MATCHES) {
        fputs(" matches ", file);
        print_quoted(node->pattern_text, file);
    } else if (node->kind != AST_FACT) {
        fputs(node->kind == AST_IS_UNKNOWN ? " is unknown" : " is absent", file);
    }
}

static void print_expression(const struct expression *node, FILE *file)
{
    if (node->kind == AST_ALWAYS) {
        fputs("always", file);
    } else if (node->kind == AST_NOT) {
        fputs("not ", file);
        print_child(node->children, AST_NOT, file);
    } else if (node->kind == AST_AND) {
        print_joined(node, " and ", file);
    } else if (node->kind == AST_OR) {
        print_joined(node, " or ", file);
    } else {
        print_test(node, file);
    }
}

static void print_action(const struct rule_action *action, FILE *file)
{
    fprintf(file, "    then  %s", action->action->name);
    switch (action->action->arguments) {
    case ARGUMENTS_REPLY:
        fprintf(file, " %u %.*s", action->code, SLICE_ARG(action->enhanced));
        break;
    case ARGUMENTS_NUMBER:
        fprintf(file, " %" PRId64, action->number);
        break;
    case ARGUMENTS_FIELD:
        fputc(' ', file);
        print_quoted(action->field_name, file);
        break;
    case ARGUMENTS_WORD:
        fputc(' ', file);
        print_quoted(action->word, file);
        break;
    case ARGUMENTS_TEXT:
    case ARGUMENTS_OPTIONAL_TEXT:
        break;
    }
    if (action->has_text)
        print_text(action->text, file);
    fputc('\n', file);
}

static void print_list(const struct named_list *list, FILE *file)
{
    fprintf(file, "list %.*s %s ", SLICE_ARG(list->name), list_kind_name(list->kind));
    if (list->path.text != NULL) {
        fputs("file ", file);
        print_quoted(list->path, file);
        fputc('\n', file);
        return;
    }
    fputc('{', file);
    for (const struct ast_literal *entry = list->entries; entry != NULL; entry = entry->next) {
        fputc(' ', file);
        print_quoted(entry->token.text, file);
    }
    fputs(" }\n", file);
}

static void print_rule(const struct program *program, const struct rule *rule, FILE *file)
{
    fprintf(file, "rule %.*s at %s {\n    when  ", SLICE_ARG(rule->name), program->language->stages[rule->stage]);
    print_expression(rule->condition, file);
    fputc('\n', file);
    for (const struct rule_action *action = rule->actions; action != NULL; action = action->next)
        print_action(action, file);
    if (rule->shadow)
        fputs("    mode  shadow\n", file);
    if (rule->may_turn != NULL)
        fprintf(file, "    on-unknown  %s\n", rule->on_unknown == NULL ? "pass" : rule->on_unknown->name);
    fputs("}\n", file);
}

struct slice program_print(const struct program *program, struct arena *arena)
{
    struct arena_stream stream;

    arena_stream_start(&stream);
    for (const struct named_list *list = program->lists; list != NULL; list = list->next)
        print_list(list, stream.file);
    for (size_t i = 0; i < program->rules_count; i++)
        print_rule(program, program->rules[i], stream.file);
    return arena_stream_end(&stream, arena);
}
