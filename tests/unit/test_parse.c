/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_parse.c: the tree of a text: shape, precedence, spans, and where reading goes on after an error. The errors
 * themselves are in tests/rules.
 */
#include <check.h>
#include <stdio.h>

#include "rules/parse.h"

static struct arena *arena;
static struct diagnostics diagnostics;
static struct source source;

static void setup(void)
{
    arena = arena_new();
    diagnostics_init(&diagnostics, arena);
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct ast_file *parse(const char *text)
{
    source = (struct source){ .name = "test", .text = slice_of_string(text) };
    return parse_file(&source, arena, &diagnostics);
}

/* Prefix notation, for tests only. */
static struct slice shape(const struct ast_expression *node)
{
    static const char *const names[] = {
        [AST_ALWAYS] = "always", [AST_AND] = "and", [AST_OR] = "or", [AST_NOT] = "not", [AST_COMPARE] = "compare",
        [AST_IN_LIST] = "list", [AST_IN_LITERALS] = "set", [AST_MATCHES] = "matches", [AST_IS_UNKNOWN] = "unknown",
        [AST_IS_ABSENT] = "absent",
    };
    struct slice text;

    if (node->kind == AST_FACT)
        return node->fact.name.text;
    text = arena_printf(arena, "(%s", names[node->kind]);
    if (node->fact.name.text.text != NULL)
        text = arena_printf(arena, "%.*s %.*s", SLICE_ARG(text), SLICE_ARG(node->fact.name.text));
    for (const struct ast_expression *child = node->children; child != NULL; child = child->next) {
        struct slice part = shape(child);

        text = arena_printf(arena, "%.*s %.*s", SLICE_ARG(text), SLICE_ARG(part));
    }
    for (const struct ast_literal *literal = node->literals; literal != NULL; literal = literal->next)
        text = arena_printf(arena, "%.*s %.*s", SLICE_ARG(text), SLICE_ARG(literal->token.text));
    return arena_printf(arena, "%.*s)", SLICE_ARG(text));
}

static const struct {
    const char *condition;
    const char *shape;
} conditions[] = {
    { "always", "(always)" },
    { "a", "a" },
    { "a or b and c", "(or a (and b c))" },
    { "a and b or c and d", "(or (and a b) (and c d))" },
    { "(a or b) and c", "(and (or a b) c)" },
    { "a and (b and c)", "(and a (and b c))" },
    { "a and b and c and d", "(and a b c d)" },
    { "not a and b", "(and (not a) b)" },
    { "not (a and b)", "(not (and a b))" },
    { "not not a", "(not (not a))" },
    { "((a))", "a" },
    { "a == 4 or b != c", "(or (compare a 4) (compare b c))" },
    { "not a == 4", "(not (compare a 4))" },
    { "a in { 1 2 } and b in c", "(and (set a 1 2) (list b))" },
    { "a matches \"x y\" or b matches c", "(or (matches a x y) (list b))" },
    { "a is unknown or b is absent", "(or (unknown a) (absent b))" },
};

START_TEST(test_condition)
{
    struct slice text = arena_printf(arena, "rule r at s { when %s then t }", conditions[_i].condition);
    struct ast_file *file = parse(text.text);

    ck_assert_uint_eq(diagnostics.errors, 0);
    ck_assert_str_eq(arena_string(arena, shape(file->rules->condition)), conditions[_i].shape);
}
END_TEST

START_TEST(test_rule)
{
    struct ast_file *file = parse("rule a-b at message { when x then reject 550 5.7.1 \"no\" then log \"x\"\n"
                                  "on-unknown pass mode shadow }");
    struct ast_rule *rule = file->rules;
    struct ast_literal *argument = rule->actions->arguments;

    ck_assert_uint_eq(diagnostics.errors, 0);
    ck_assert(slice_equal(rule->name.text, SLICE("a-b")));
    ck_assert_uint_eq(rule->name.span.offset, 5);
    ck_assert(slice_equal(rule->stage.text, SLICE("message")));
    ck_assert(rule->shadow);
    ck_assert(slice_equal(rule->on_unknown.text, SLICE("pass")));
    ck_assert_int_eq(argument->token.number, 550);
    ck_assert(slice_equal(argument->next->token.text, SLICE("5.7.1")));
    ck_assert_int_eq(argument->next->next->token.kind, TOKEN_STRING);
    ck_assert(slice_equal(rule->actions->next->name.text, SLICE("log")));
    ck_assert_ptr_null(rule->next);
}
END_TEST

START_TEST(test_lists)
{
    struct ast_file *file = parse("list a cidr { \"x\" 192.0.2.1 } list b domain file \"p\" list c pattern { }");
    struct ast_list *list = file->lists;

    ck_assert_uint_eq(diagnostics.errors, 0);
    ck_assert(slice_equal(list->kind.text, SLICE("cidr")));
    ck_assert(slice_equal(list->entries->token.text, SLICE("x")));
    ck_assert_int_eq(list->entries->next->token.kind, TOKEN_ADDRESS);
    ck_assert_ptr_null(list->path.text.text);
    ck_assert(slice_equal(list->next->path.text, SLICE("p")));
    ck_assert_ptr_null(list->next->next->entries);
}
END_TEST

START_TEST(test_key)
{
    struct ast_file *file = parse("rule r at s { when header[\"Subject\"] is absent then t }");

    ck_assert_uint_eq(diagnostics.errors, 0);
    ck_assert(slice_equal(file->rules->condition->fact.key.text, SLICE("Subject")));
}
END_TEST

/* What is still found after errors, and how many errors there are. */
static const struct {
    const char *text;
    size_t errors;
    const char *rules;
} recoveries[] = {
    { "nonsense { { } } rule a at s { when x then t }", 1, "a" },
    { "rule a at s { when ( then t }\nrule b at s { when x then t }", 1, "a b" },
    { "rule a at s { when x then t\nrule b at s { when x then t }", 1, "a b" },
    { "rule a at s { when x then\nrule b at s { when x then t }", 2, "a b" },
    { "rule a at s when x then t }\nrule b at s { when x then t }", 1, "a b" },
    { "rule at s { when x then t } rule b at s { when x then t }", 1, "at b" },
    { "rule { when x then t } rule b at s { when x then t }", 1, "b" },
    { "list l cidr { \"a\"\nrule b at s { when x then t }", 1, "b" },
    { "list l cidr { word } rule b at s { when x then t }", 1, "b" },
    { "} } rule b at s { when x then t }", 2, "b" },
    { "rule a at s { when x in { ( ) } then t ( } rule b at s { when ) then t }", 3, "a b" },
    { "rule a at s { when x in {\n1 (\n2 } then t } rule b at s { when ) then t }", 2, "a b" },
};

START_TEST(test_recovery)
{
    struct ast_file *file = parse(recoveries[_i].text);
    struct slice names = SLICE("");

    for (const struct ast_rule *rule = file->rules; rule != NULL; rule = rule->next)
        names = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(names), names.length > 0 ? " " : "",
                             SLICE_ARG(rule->name.text));
    ck_assert_str_eq(names.text, recoveries[_i].rules);
    ck_assert_uint_eq(diagnostics.errors, recoveries[_i].errors);
}
END_TEST

Suite *suite_parse(void);

Suite *suite_parse(void)
{
    Suite *suite = suite_create("parse");
    TCase *tests = tcase_create("parse");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, test_condition, 0, sizeof(conditions) / sizeof(*conditions));
    tcase_add_test(tests, test_rule);
    tcase_add_test(tests, test_lists);
    tcase_add_test(tests, test_key);
    tcase_add_loop_test(tests, test_recovery, 0, sizeof(recoveries) / sizeof(*recoveries));
    suite_add_tcase(suite, tests);
    return suite;
}
