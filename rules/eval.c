/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eval.c: runs rules. A test gives one of four truths, which sort so that `and` takes the least and `or` the greatest,
 * but that false and true decide alone: pending beats unknown, as an answer that comes may still decide. While
 * something is pending the later rules are read too, for their questions, up to one that ends the stage; nothing they
 * do counts then. Each rule reads each of its facts once. Recursion is as deep as the parser let conditions nest.
 * Nothing fails.
 */
#include "rules/eval.h"

#include "rules/program_parts.h"

/* Bytes of one value kept in the trace, and of one fact put into a text: both come from strangers. */
#define TRACE_VALUE_MOST 512
#define TEXT_VALUE_MOST 1000
/* What a client is told when an action stands in for another. */
#define UNKNOWN_TEXT "a check could not be completed now, please try again later"

enum truth { TRUTH_FALSE, TRUTH_UNKNOWN, TRUTH_PENDING, TRUTH_TRUE };

/* A fact that the current rule has read. */
struct seen {
    const struct fact_read *fact;
    struct value value;
    struct seen *next;
};

struct run {
    const struct evaluation *evaluation;
    struct stage_outcome outcome;
    struct trace_rule **trace_end;
    struct action_due **actions_end;
    /* Of the current rule: */
    const struct rule *rule;
    bool met_unknown;              /* a test asked whether something is unknown, and it is */
    bool strict;                   /* such tests are unknown themselves */
    struct seen *seen;
    struct trace_value **values_end;
};

/* At most `most` bytes, and no UTF-8 character cut in two. */
static struct slice cut_text(struct slice text, size_t most)
{
    if (text.length <= most)
        return text;
    while (most > 0 && ((unsigned char)text.text[most] & 0xC0) == 0x80)
        most--;
    return slice_first(text, most);
}

static void trace_value(struct run *run, const struct fact_read *fact, const struct value *value)
{
    struct arena *arena = run->evaluation->arena;
    struct trace_value *traced = arena_alloc(arena, sizeof(*traced));

    traced->name = fact->name;
    traced->value = cut_text(value_print(value, arena), TRACE_VALUE_MOST);
    *run->values_end = traced;
    run->values_end = &traced->next;
}

static const struct value *read_fact(struct run *run, const struct fact_read *fact)
{
    const struct evaluation *evaluation = run->evaluation;
    struct seen *seen;

    for (seen = run->seen; seen != NULL; seen = seen->next)
        if (seen->fact == fact)
            return &seen->value;
    seen = arena_alloc(evaluation->arena, sizeof(*seen));
    seen->fact = fact;
    seen->value = fact->field->read(evaluation->context, fact->key, evaluation->arena);
    seen->next = run->seen;
    run->seen = seen;
    trace_value(run, fact, &seen->value);
    return &seen->value;
}

/* For a value without contents. */
static enum truth truth_without(const struct run *run, const struct value *value)
{
    if (value->state == VALUE_ABSENT)
        return TRUTH_FALSE;
    return value->state == VALUE_PENDING && !run->evaluation->final ? TRUTH_PENDING : TRUTH_UNKNOWN;
}

static enum truth truth_of(bool truth)
{
    return truth ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth unknown_decides(struct run *run, bool truth)
{
    run->met_unknown = true;
    return run->strict ? TRUTH_UNKNOWN : truth_of(truth);
}

static const struct value_item *item_at(const struct value *value, size_t index)
{
    return index == 0 ? &value->item : &value->more[index - 1];
}

static bool item_equals(enum value_type type, const struct value_item *item, const struct literal *literal)
{
    switch (type) {
    case VALUE_BOOLEAN: break;
    case VALUE_NUMBER:  return item->number == literal->number;
    case VALUE_TEXT:
    case VALUE_WORD:    return slice_equal(item->text, literal->text);
    case VALUE_ADDRESS: return network_has(&literal->network, &item->address);
    case VALUE_DOMAIN:  return slice_equal_nocase(item->text, literal->text);
    }
    bug("type of comparison");
}

static bool number_compares(int64_t number, enum token_kind comparison, int64_t with)
{
    switch ((unsigned)comparison) {
    case TOKEN_LESS:          return number < with;
    case TOKEN_LESS_EQUAL:    return number <= with;
    case TOKEN_GREATER:       return number > with;
    case TOKEN_GREATER_EQUAL: return number >= with;
    }
    bug("operator");
}

static bool equals_any(enum value_type type, const struct value_item *item, const struct literal *literals)
{
    for (const struct literal *literal = literals; literal != NULL; literal = literal->next)
        if (item_equals(type, item, literal))
            return true;
    return false;
}

static bool any_equals(const struct value *value, const struct literal *literals)
{
    for (size_t i = 0; i <= value->more_count; i++)
        if (equals_any(value->type, item_at(value, i), literals))
            return true;
    return false;
}

static bool any_compares(const struct value *value, enum token_kind comparison, int64_t with)
{
    for (size_t i = 0; i <= value->more_count; i++)
        if (number_compares(item_at(value, i)->number, comparison, with))
            return true;
    return false;
}

/* The one comparison that something unknown answers: whether it is the word temperror. */
static bool asks_temperror(const struct value *value, const struct literal *literals)
{
    for (; literals != NULL && value->type == VALUE_WORD; literals = literals->next)
        if (slice_equal(literals->text, SLICE("temperror")))
            return true;
    return false;
}

static enum truth test_compare(struct run *run, const struct expression *node, const struct value *value)
{
    bool unequal = node->kind == AST_COMPARE && node->comparison == TOKEN_NOT_EQUAL;

    if (value->state != VALUE_KNOWN) {
        enum truth truth = truth_without(run, value);

        if (truth == TRUTH_UNKNOWN && asks_temperror(value, node->literals))
            return unknown_decides(run, !unequal);
        return truth;
    }
    if (node->kind == AST_COMPARE && node->comparison != TOKEN_EQUAL && !unequal)
        return truth_of(any_compares(value, node->comparison, node->literals->number));
    return truth_of(any_equals(value, node->literals) != unequal);
}

static enum truth item_in_list(struct run *run, const struct named_list *list, enum value_type type,
                               const struct value_item *item)
{
    bool gave_up = false;

    switch (list->kind) {
    case LIST_CIDR:
        return truth_of(list_has_address(list->list, &item->address));
    case LIST_DOMAIN:
        return truth_of(list_has_domain(list->list, item->text));
    case LIST_PATTERN:
        if (list_matches_text(list->list, value_item_print(type, item, run->evaluation->arena), &gave_up))
            return TRUTH_TRUE;
        return gave_up ? TRUTH_UNKNOWN : TRUTH_FALSE;
    }
    bug("kind of list");
}

static enum truth item_matches(struct run *run, const struct expression *node, enum value_type type,
                               const struct value_item *item)
{
    switch (pattern_match(node->pattern, value_item_print(type, item, run->evaluation->arena))) {
    case PATTERN_NO:      return TRUTH_FALSE;
    case PATTERN_YES:     return TRUTH_TRUE;
    case PATTERN_GAVE_UP: return TRUTH_UNKNOWN;
    }
    bug("result of a pattern");
}

static enum truth test_item(struct run *run, const struct expression *node, enum value_type type,
                            const struct value_item *item)
{
    if (node->kind == AST_IN_LITERALS)
        return truth_of(equals_any(type, item, node->literals));
    return node->kind == AST_MATCHES ? item_matches(run, node, type, item) : item_in_list(run, node->list, type, item);
}

/*
 * `all FACT in` and `all FACT matches`: of all items the worst truth. What is known of an unknown value may make it
 * false, but never true.
 */
static enum truth test_every(struct run *run, const struct expression *node, const struct value *value)
{
    enum truth worst = value->state == VALUE_KNOWN ? TRUTH_TRUE : truth_without(run, value);
    bool has_items = value->state == VALUE_KNOWN || (value->state == VALUE_UNKNOWN && value->type != VALUE_WORD
                                                     && value->item.text.text != NULL);

    for (size_t i = 0; has_items && i <= value->more_count && worst != TRUTH_FALSE; i++) {
        enum truth truth = test_item(run, node, value->type, item_at(value, i));

        worst = truth < worst ? truth : worst;
    }
    return worst;
}

/* `in LIST` and `matches`: of all items the best truth. */
static enum truth test_items(struct run *run, const struct expression *node, const struct value *value)
{
    enum truth best = TRUTH_FALSE;

    if (value->state != VALUE_KNOWN)
        return truth_without(run, value);
    for (size_t i = 0; i <= value->more_count && best != TRUTH_TRUE; i++) {
        enum truth truth = test_item(run, node, value->type, item_at(value, i));

        best = truth > best ? truth : best;
    }
    return best;
}

static enum truth test_alone(struct run *run, const struct value *value)
{
    if (value->state != VALUE_KNOWN)
        return truth_without(run, value);
    return truth_of(value->item.number != 0);
}

static enum truth test_is_unknown(struct run *run, const struct value *value)
{
    enum truth truth = value->state == VALUE_KNOWN ? TRUTH_FALSE : truth_without(run, value);

    return truth == TRUTH_UNKNOWN ? unknown_decides(run, true) : truth;
}

static enum truth test_is_absent(struct run *run, const struct value *value)
{
    if (value->state == VALUE_KNOWN || value->state == VALUE_ABSENT)
        return truth_of(value->state == VALUE_ABSENT);
    return truth_without(run, value);
}

static enum truth test(struct run *run, const struct expression *node);

/* `and` is decided by a false, `or` by a true; the parts after that are not read. */
static enum truth test_joined(struct run *run, const struct expression *node, enum truth decides)
{
    enum truth joined = decides == TRUTH_FALSE ? TRUTH_TRUE : TRUTH_FALSE;

    for (const struct expression *child = node->children; child != NULL; child = child->next) {
        enum truth truth = test(run, child);

        if (truth == decides)
            return decides;
        if (truth == TRUTH_PENDING || (truth == TRUTH_UNKNOWN && joined != TRUTH_PENDING))
            joined = truth;
    }
    return joined;
}

static enum truth test_not(struct run *run, const struct expression *node)
{
    enum truth truth = test(run, node->children);

    if (truth == TRUTH_FALSE || truth == TRUTH_TRUE)
        return truth_of(truth == TRUTH_FALSE);
    return truth;
}

static enum truth test(struct run *run, const struct expression *node)
{
    if (node->every)
        return test_every(run, node, read_fact(run, node->fact));
    switch (node->kind) {
    case AST_ALWAYS:      return TRUTH_TRUE;
    case AST_AND:         return test_joined(run, node, TRUTH_FALSE);
    case AST_OR:          return test_joined(run, node, TRUTH_TRUE);
    case AST_NOT:         return test_not(run, node);
    case AST_FACT:        return test_alone(run, read_fact(run, node->fact));
    case AST_COMPARE:
    case AST_IN_LITERALS: return test_compare(run, node, read_fact(run, node->fact));
    case AST_IN_LIST:
    case AST_MATCHES:     return test_items(run, node, read_fact(run, node->fact));
    case AST_IS_UNKNOWN:  return test_is_unknown(run, read_fact(run, node->fact));
    case AST_IS_ABSENT:   return test_is_absent(run, read_fact(run, node->fact));
    }
    bug("kind of test");
}

static struct slice print_part(struct run *run, const struct rule_action *action, const struct text_part *part)
{
    const struct evaluation *evaluation = run->evaluation;
    const struct value *value;
    struct slice text = SLICE("unknown");

    if (part->fact == NULL)
        return part->literal;
    value = read_fact(run, part->fact);
    if (value->state == VALUE_PENDING && !evaluation->final)
        run->outcome.pending = true;
    if (value->state != VALUE_PENDING)
        text = cut_text(value_print(value, evaluation->arena), TEXT_VALUE_MOST);
    return evaluation->escape == NULL ? text : evaluation->escape(action->action, text, evaluation->arena);
}

static struct slice print_text(struct run *run, const struct rule_action *action)
{
    size_t count = 0, length = 0;
    struct slice *parts;
    char *text, *end;

    for (const struct text_part *part = action->text; part != NULL; part = part->next)
        count++;
    parts = arena_array(run->evaluation->arena, count, sizeof(*parts));
    count = 0;
    for (const struct text_part *part = action->text; part != NULL; part = part->next) {
        parts[count] = print_part(run, action, part);
        length += parts[count++].length;
    }
    text = end = arena_alloc(run->evaluation->arena, length + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > 0)
            memcpy(end, parts[i].text, parts[i].length);
        end += parts[i].length;
    }
    return slice_of(text, length);
}

static void add_score(const struct evaluation *evaluation, int64_t number)
{
    if (evaluation->score != NULL && __builtin_add_overflow(*evaluation->score, number, evaluation->score))
        *evaluation->score = number < 0 ? INT64_MIN : INT64_MAX;
}

static struct action_due *due_new(struct run *run, const struct action *action)
{
    struct action_due *due = arena_alloc(run->evaluation->arena, sizeof(*due));

    due->action = action;
    due->rule = run->rule->name;
    *run->actions_end = due;
    run->actions_end = &due->next;
    if (action->ends_stage)
        run->outcome.ending = due;
    return due;
}

/* `first, second`, in the rule's order. */
static void note_did(struct run *run, struct trace_rule *traced, const struct action *action)
{
    if (slice_is_empty(traced->did))
        traced->did = slice_of_string(action->name);
    else
        traced->did = arena_printf(run->evaluation->arena, "%.*s, %s", SLICE_ARG(traced->did), action->name);
}

static void do_actions(struct run *run, struct trace_rule *traced)
{
    for (const struct rule_action *each = run->rule->actions; each != NULL; each = each->next) {
        struct action_due *due;

        note_did(run, traced, each->action);
        if (run->rule->shadow)
            continue;
        due = due_new(run, each->action);
        due->code = each->code;
        due->enhanced = each->enhanced;
        due->field_name = each->field_name;
        due->word = each->word;
        due->number = each->number;
        if (each->has_text)
            due->text = print_text(run, each);
        if (each->action->arguments == ARGUMENTS_NUMBER)
            add_score(run->evaluation, each->number);
    }
    traced->outcome = run->rule->shadow ? RULE_SHADOW : RULE_TRUE;
}

/* Whether that the rule's actions were done, or were not, bears on a later reject or its own. */
static bool would_change(const struct rule *rule, bool done)
{
    for (const struct rule_action *each = rule->actions; each != NULL && !rule->shadow; each = each->next)
        if (each->action->arguments == ARGUMENTS_NUMBER ||
            (each->action->ends_stage && (each->action->on_unknown != NULL) == done))
            return true;
    return false;
}

/* Whether the condition came out as it did only because a test asked for the unknown. */
static bool rests_on_unknown(struct run *run)
{
    enum truth truth = TRUTH_TRUE;

    if (run->met_unknown) {
        run->strict = true;
        truth = test(run, run->rule->condition);
        run->strict = false;
    }
    return truth == TRUTH_UNKNOWN || truth == TRUTH_PENDING;
}

/* The enhanced code of the rule's last action, which is the one that something stands in for. */
static struct slice last_enhanced(const struct rule *rule)
{
    struct slice enhanced = SLICE_NONE;

    for (const struct rule_action *action = rule->actions; action != NULL; action = action->next)
        if (action->action == rule->may_turn)
            enhanced = action->enhanced;
    return enhanced;
}

/* The condition will not be known: nothing is done, or what stands in for the rule's last action (P5). */
static void do_unknown(struct run *run, struct trace_rule *traced)
{
    const struct action *instead = run->rule->on_unknown;

    traced->outcome = run->rule->shadow ? RULE_SHADOW_UNKNOWN : RULE_UNKNOWN;
    run->outcome.undecided = run->outcome.undecided || would_change(run->rule, false);
    if (instead == NULL)
        return;
    note_did(run, traced, instead);
    if (!run->rule->shadow) {
        struct action_due *due = due_new(run, instead);

        due->code = instead->reply_code;
        due->enhanced = slice_of_string(instead->reply_enhanced);
        due->stands_in = true;
        due->instead_of = last_enhanced(run->rule);
        due->text = SLICE(UNKNOWN_TEXT);
    }
}

static void run_rule(struct run *run, const struct rule *rule)
{
    struct trace_rule *traced = arena_alloc(run->evaluation->arena, sizeof(*traced));
    enum truth truth;

    run->rule = rule;
    run->met_unknown = false;
    run->seen = NULL;
    run->values_end = &traced->values;
    traced->name = rule->name;
    traced->stage = rule->stage;
    *run->trace_end = traced;
    run->trace_end = &traced->next;
    truth = test(run, rule->condition);
    if ((truth == TRUTH_FALSE || truth == TRUTH_TRUE) && rests_on_unknown(run) &&
        would_change(rule, truth == TRUTH_TRUE))
        run->outcome.undecided = true;
    switch (truth) {
    case TRUTH_FALSE:   traced->outcome = RULE_FALSE; return;
    case TRUTH_UNKNOWN: do_unknown(run, traced); return;
    case TRUTH_PENDING: run->outcome.pending = true; traced->outcome = RULE_UNKNOWN; return;
    case TRUTH_TRUE:    do_actions(run, traced); return;
    }
}

struct stage_outcome eval_stage(const struct evaluation *evaluation, unsigned stage)
{
    struct run run = { .evaluation = evaluation };
    int64_t score_before = evaluation->score == NULL ? 0 : *evaluation->score;
    struct rule **rules;

    run.trace_end = &run.outcome.trace;
    run.actions_end = &run.outcome.actions;
    if (!program_has_stage(evaluation->program, stage))
        return run.outcome;
    rules = evaluation->program->stage_rules[stage];
    while (*rules != NULL && run.outcome.ending == NULL)
        run_rule(&run, *rules++);
    /* The stage will run again from the start. */
    if (run.outcome.pending && evaluation->score != NULL)
        *evaluation->score = score_before;
    return run.outcome;
}
