/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c: lists and rules as wholes: names that repeat, stages, rules that are never reached, lists that nobody uses;
 * then what others ask of a program (rules of a stage, fields added and read) is collected once. Reports, never fails.
 */
#include "rules/check.h"

const char *check_hint(struct checker *checker, struct slice word, const char *(*next)(void *context, size_t index),
                       void *context)
{
    const char *meant = did_you_mean(word, next, context);

    return meant == NULL ? "" : arena_printf(checker->arena, "; did you mean \"%s\"?", meant).text;
}

const char *check_hint_of_few(struct checker *checker, struct slice word,
                              const char *(*next)(void *context, size_t index), void *context)
{
    const char *text = check_hint(checker, word, next, context);
    const char *name;

    if (*text != '\0')
        return text;
    for (size_t i = 0; (name = next(context, i)) != NULL; i++)
        text = arena_printf(checker->arena, "%s%s %s", text, i == 0 ? "; there are" : ",", name).text;
    return text;
}

static void report_repeated(struct checker *checker, const char *what, struct ast_name name, struct span first)
{
    size_t line, column;

    span_position(first, &line, &column);
    diag_error(checker->diagnostics, name.span, "there is a %s \"%.*s\" already, at %s:%zu:%zu", what,
               SLICE_ARG(name.text), first.source->name, line, column);
}

static const char *kind_next(void *context, size_t index)
{
    (void)context;
    return index <= LIST_PATTERN ? list_kind_name((enum list_kind)index) : NULL;
}

static void check_list_kind(struct checker *checker, const struct ast_list *tree, struct named_list *list)
{
    if (tree->kind.text.text == NULL)
        return;
    list->kind_known = list_kind_of(tree->kind.text, &list->kind);
    if (!list->kind_known)
        diag_error(checker->diagnostics, tree->kind.span, "unknown kind of list \"%.*s\"%s", SLICE_ARG(tree->kind.text),
                   check_hint_of_few(checker, tree->kind.text, kind_next, NULL));
}

static void add_list(struct checker *checker, const struct ast_file *file, const struct ast_list *tree)
{
    struct program *program = checker->program;
    struct named_list **end = &program->lists;
    struct named_list *list;

    for (; *end != NULL; end = &(*end)->next) {
        if (slice_equal((*end)->name, tree->name.text)) {
            report_repeated(checker, "list", tree->name, (*end)->span);
            return;
        }
    }
    if (program->lists_count == PROGRAM_LISTS_MOST) {
        diag_error(checker->diagnostics, tree->name.span, "more than %d lists", PROGRAM_LISTS_MOST);
        return;
    }
    program->lists_count++;
    list = *end = arena_alloc(checker->arena, sizeof(*list));
    list->name = arena_copy(checker->arena, tree->name.text);
    list->span = tree->name.span;
    list->path = tree->path.text;
    list->entries = tree->entries;
    check_list_kind(checker, tree, list);
    if (!list->kind_known)
        return;
    list->list = checker->lists.load(checker->lists.context, file, tree, list->kind);
    if (list->kind == LIST_PATTERN && list->list != NULL && list_count(list->list) > 0)
        program->jit = program->jit && list_uses_jit(list->list);
}

static const char *stage_next(void *context, size_t index)
{
    const struct language *language = context;

    return index < language->stages_count ? language->stages[index] : NULL;
}

/* In an unknown stage everything is known, so that nothing follows from the one error. */
static void check_stage(struct checker *checker, const struct ast_rule *tree)
{
    const struct language *language = checker->program->language;

    checker->stage = (unsigned)language->stages_count - 1;
    checker->stage_known = false;
    for (unsigned i = 0; i < language->stages_count && tree->stage.text.text != NULL; i++) {
        if (slice_equal(tree->stage.text, slice_of_string(language->stages[i]))) {
            checker->stage = i;
            checker->stage_known = true;
        }
    }
    if (!checker->stage_known && tree->stage.text.text != NULL)
        diag_error(checker->diagnostics, tree->stage.span, "unknown stage \"%.*s\"%s", SLICE_ARG(tree->stage.text),
                   check_hint_of_few(checker, tree->stage.text, stage_next, (void *)(uintptr_t)language));
    checker->rule->stage = checker->stage;
}

static const struct action *stand_in(const struct language *language, const char *name)
{
    for (size_t i = 0; i < language->actions_count; i++)
        if (strcmp(language->actions[i].name, name) == 0)
            return &language->actions[i];
    bug("on_unknown names no action");
}

static void check_on_unknown(struct checker *checker, const struct ast_rule *tree, size_t errors_before)
{
    struct rule *rule = checker->rule;

    for (const struct rule_action *each = rule->actions; each != NULL; each = each->next)
        if (each->action->on_unknown != NULL)
            rule->may_turn = each->action;
    if (rule->may_turn != NULL && !slice_equal(tree->on_unknown.text, SLICE("pass")))
        rule->on_unknown = stand_in(checker->program->language, rule->may_turn->on_unknown);
    if (rule->may_turn == NULL && tree->on_unknown.text.text != NULL && checker->diagnostics->errors == errors_before)
        diag_error(checker->diagnostics, tree->on_unknown.span,
                   "\"on-unknown\" is for rules that reject; others just do not match");
}

static const struct rule *rule_find(const struct program *program, struct slice name)
{
    for (size_t i = 0; i < program->rules_count; i++)
        if (slice_equal(program->rules[i]->name, name))
            return program->rules[i];
    return NULL;
}

static void add_rule(struct checker *checker, const struct ast_rule *tree)
{
    struct program *program = checker->program;
    const struct rule *same = rule_find(program, tree->name.text);
    struct rule *rule = arena_alloc(checker->arena, sizeof(*rule));
    size_t errors_before = checker->diagnostics->errors;

    if (same != NULL)
        report_repeated(checker, "rule", tree->name, same->span);
    rule->name = tree->name.text;
    rule->span = tree->name.span;
    rule->shadow = tree->shadow;
    checker->rule = rule;
    check_stage(checker, tree);
    if (tree->condition != NULL)
        rule->condition = check_expression(checker, tree->condition);
    rule->actions = check_actions(checker, tree->actions);
    check_on_unknown(checker, tree, errors_before);
    program->rules[program->rules_count++] = rule;
}

static size_t count_rules(struct checker *checker, struct ast_file *const *files, size_t files_count)
{
    size_t count = 0;

    for (size_t i = 0; i < files_count; i++) {
        for (const struct ast_rule *rule = files[i]->rules; rule != NULL; rule = rule->next) {
            if (++count == PROGRAM_RULES_MOST + 1)
                diag_error(checker->diagnostics, rule->name.span, "more than %d rules", PROGRAM_RULES_MOST);
        }
    }
    return count;
}

static bool always_ends(const struct rule *rule)
{
    bool ends = false;

    for (const struct rule_action *each = rule->actions; each != NULL; each = each->next)
        ends = ends || each->action->ends_stage;
    return ends && !rule->shadow && rule->condition != NULL && rule->condition->kind == AST_ALWAYS;
}

static void warn_unreachable(struct checker *checker)
{
    const struct program *program = checker->program;

    for (size_t stage = 0; stage < program->language->stages_count; stage++) {
        const struct rule *ending = NULL;

        for (struct rule **each = program->stage_rules[stage]; *each != NULL; each++) {
            if (ending != NULL)
                diag_warning(checker->diagnostics, (*each)->span,
                             "never reached: \"%.*s\" ends the stage in every case", SLICE_ARG(ending->name));
            else if (always_ends(*each))
                ending = *each;
        }
    }
}

/* Not while there are errors: a rule that could not be read may be the one. */
static void warn_unused(struct checker *checker)
{
    if (checker->diagnostics->errors > 0)
        return;
    for (const struct named_list *list = checker->program->lists; list != NULL; list = list->next)
        if (!list->used)
            diag_warning(checker->diagnostics, list->span, "no rule uses the list \"%.*s\"", SLICE_ARG(list->name));
}

static void collect_stages(struct checker *checker)
{
    struct program *program = checker->program;
    size_t stages = program->language->stages_count;

    program->stage_rules = arena_array(checker->arena, stages, sizeof(*program->stage_rules));
    for (size_t stage = 0; stage < stages; stage++) {
        size_t count = 0;

        for (size_t i = 0; i < program->rules_count; i++)
            count += program->rules[i]->stage == stage;
        program->stage_rules[stage] = arena_array(checker->arena, count + 1, sizeof(**program->stage_rules));
        count = 0;
        for (size_t i = 0; i < program->rules_count; i++)
            if (program->rules[i]->stage == stage)
                program->stage_rules[stage][count++] = program->rules[i];
    }
}

/* A growing set of names, header field names that compare without case. */
struct names {
    const char **names;
    size_t count;
    size_t room;
};

static void names_add(struct names *names, struct slice name, struct arena *arena)
{
    for (size_t i = 0; i < names->count; i++)
        if (slice_equal_nocase(slice_of_string(names->names[i]), name))
            return;
    if (names->count + 2 > names->room) {
        const char **grown = arena_array(arena, names->room * 2 + 16, sizeof(*grown));

        if (names->count > 0)
            memcpy(grown, names->names, names->count * sizeof(*grown));
        names->names = grown;
        names->room = names->room * 2 + 16;
    }
    names->names[names->count++] = arena_string(arena, name);
}

/* A shadow rule never acts, so it adds no field; but what it reads must be there. */
static void collect_fields(struct checker *checker)
{
    struct program *program = checker->program;
    struct names added = { NULL, 0, 0 }, read = { NULL, 0, 0 };

    for (size_t i = 0; i < program->rules_count; i++) {
        const struct rule *rule = program->rules[i];

        for (const struct rule_action *each = rule->actions; each != NULL && !rule->shadow; each = each->next)
            if (each->action->arguments == ARGUMENTS_FIELD)
                names_add(&added, each->field_name, checker->arena);
        for (const struct fact_read *each = rule->reads; each != NULL; each = each->next)
            if (each->field->keyed)
                names_add(&read, each->key, checker->arena);
    }
    program->added_fields = added.names;
    program->read_headers = read.names;
}

void check_program(struct checker *checker, struct ast_file *const *files, size_t files_count)
{
    struct program *program = checker->program;
    size_t count = count_rules(checker, files, files_count);

    if (count > PROGRAM_RULES_MOST)
        return;
    program->jit = checker->jit;
    program->rules = arena_array(checker->arena, count + 1, sizeof(*program->rules));
    for (size_t i = 0; i < files_count; i++)
        for (const struct ast_list *list = files[i]->lists; list != NULL; list = list->next)
            add_list(checker, files[i], list);
    for (size_t i = 0; i < files_count; i++)
        for (const struct ast_rule *rule = files[i]->rules; rule != NULL; rule = rule->next)
            add_rule(checker, rule);
    collect_stages(checker);
    collect_fields(checker);
    warn_unreachable(checker);
    warn_unused(checker);
}
