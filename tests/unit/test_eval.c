/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_eval.c: the tables of three values, every comparison, pending answers, what rules do, score, shadow,
 * texts and the trace.
 */
#include <check.h>
#include <stdio.h>

#include "tests/unit/rules_language.h"

static struct arena *arena;
static struct diagnostics diagnostics;
static struct test_values values;

static void setup(void)
{
    arena = arena_new();
    values = (struct test_values){ .score = 0 };
    for (size_t i = 0; i < TEST_FACTS; i++)
        values.values[i] = value_in_state(test_fields[i].type, VALUE_ABSENT);
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct slice bracket(const struct action *action, struct slice value, struct arena *into)
{
    return arena_printf(into, "<%s:%.*s>", action->name, SLICE_ARG(value));
}

/* Evaluates the stage of a program that went through its image, as a judge has it. */
static struct stage_outcome run_stage(const char *text, unsigned stage, bool final, interpolation_escape escape)
{
    struct program *program = test_load(text, arena, &diagnostics), *opened;
    struct slice problem = SLICE_NONE;
    struct evaluation evaluation;

    ck_assert_msg(program != NULL, "%s", diagnostics_text(&diagnostics, arena).text);
    opened = program_open(&test_language, program_image(program, arena), arena, &problem);
    ck_assert_msg(opened != NULL, "%.*s", SLICE_ARG(problem));
    evaluation = (struct evaluation){
        .program = opened, .context = &values, .arena = arena, .final = final, .escape = escape, .score = &values.score,
    };
    return eval_stage(&evaluation, stage);
}

/* "f" false, "u" unknown, "p" pending, "t" true: a boolean fact and a word in that state. */
static void set_state(enum test_fact fact, char state)
{
    struct value *value = &values.values[fact];

    *value = value_in_state(test_fields[fact].type, state == 'u'   ? VALUE_UNKNOWN
                                                    : state == 'p' ? VALUE_PENDING
                                                                   : VALUE_KNOWN);
    if (fact == TEST_INDIRECT)
        value->item.number = state == 't';
    else if (state == 't' || state == 'f')
        value->item.text = state == 't' ? SLICE("fail") : SLICE("pass");
}

static char outcome_of(const char *condition, bool final)
{
    const char *text = arena_printf(arena, "rule r at message { when %s then score 1 }", condition).text;
    struct stage_outcome outcome = run_stage(text, TEST_MESSAGE, final, NULL);

    if (outcome.pending)
        return 'p';
    ck_assert_ptr_nonnull(outcome.trace);
    switch (outcome.trace->outcome) {
    case RULE_FALSE:          return 'f';
    case RULE_TRUE:           return 't';
    case RULE_UNKNOWN:        return 'u';
    case RULE_SHADOW:
    case RULE_SHADOW_UNKNOWN: break;
    }
    return '?';
}

/* The order of "fupt" is that of the tables: `and` is the least, `or` the greatest, but false and true decide alone. */
START_TEST(test_truth)
{
    static const char states[] = "fupt";
    static const char and_table[4][5] = { "ffff", "fupu", "fppp", "fupt" };
    static const char or_table[4][5] = { "fupt", "uupt", "pppt", "tttt" };
    static const char not_table[] = "tupf";

    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            set_state(TEST_INDIRECT, states[i]);
            set_state(TEST_DMARC, states[k]);
            ck_assert_int_eq(outcome_of("indirect and dmarc == fail", false), and_table[i][k]);
            ck_assert_int_eq(outcome_of("indirect or dmarc == fail", false), or_table[i][k]);
        }
        ck_assert_int_eq(outcome_of("not indirect", false), not_table[i]);
    }
}
END_TEST

/* With no answers to come, pending is unknown. */
START_TEST(test_final)
{
    set_state(TEST_DMARC, 'p');
    ck_assert_int_eq(outcome_of("dmarc == fail", true), 'u');
    ck_assert_int_eq(outcome_of("dmarc is unknown", false), 'p');
    ck_assert_int_eq(outcome_of("dmarc is unknown", true), 't');
    ck_assert_int_eq(outcome_of("dmarc is absent", false), 'p');
    ck_assert_int_eq(outcome_of("dmarc is absent", true), 'u');
    ck_assert_int_eq(outcome_of("dmarc == temperror", false), 'p');
    ck_assert_int_eq(outcome_of("dmarc == temperror", true), 't');
}
END_TEST

START_TEST(test_temperror)
{
    values.values[TEST_DMARC] = value_temperror();
    ck_assert_int_eq(outcome_of("dmarc == temperror", false), 't');
    ck_assert_int_eq(outcome_of("dmarc != temperror", false), 'f');
    ck_assert_int_eq(outcome_of("dmarc in { fail temperror }", false), 't');
    ck_assert_int_eq(outcome_of("dmarc == fail", false), 'u');
    ck_assert_int_eq(outcome_of("dmarc != fail", false), 'u');
    ck_assert_int_eq(outcome_of("dmarc in { fail pass }", false), 'u');
    ck_assert_int_eq(outcome_of("dmarc matches \"temp\"", false), 'u');
    ck_assert_int_eq(outcome_of("dmarc is unknown", false), 't');
    ck_assert_int_eq(outcome_of("dmarc is absent", false), 'u');
}
END_TEST

START_TEST(test_absent)
{
    static const char *const conditions[] = {
        "helo == \"x\"", "helo != \"x\"", "helo in { \"x\" }", "helo matches \"\"", "size < 5", "indirect",
        "helo is unknown",
        "client.ip in { ::/0 0.0.0.0/0 }",
    };

    for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++)
        ck_assert_int_eq(outcome_of(conditions[i], false), 'f');
    ck_assert_int_eq(outcome_of("helo is absent", false), 't');
    ck_assert_int_eq(outcome_of("not helo == \"x\"", false), 't');
}
END_TEST

static const struct {
    const char *condition;
    char outcome;
} comparisons[] = {
    { "always", 't' },
    { "size == 1024", 't' }, { "size == 1K", 't' }, { "size != 1K", 'f' }, { "size < 1025", 't' },
    { "size < 1024", 'f' },
    { "size <= 1024", 't' }, { "size > 1024", 'f' }, { "size >= 1024", 't' }, { "size > -1", 't' },
    { "size in { 1 1024 }", 't' },
    { "helo == \"Mail\"", 't' }, { "helo == \"mail\"", 'f' }, { "helo in { \"x\" \"Mail\" }", 't' },
    { "helo != \"x\"", 't' },
    { "helo matches \"^M\"", 't' }, { "helo matches \"^m\"", 'f' }, { "helo matches \"(?i)^m\"", 't' },
    { "helo matches words", 't' }, { "helo in words", 't' }, { "size matches \"^10\"", 't' },
    { "from.domain == \"EXAMPLE.org\"", 't' }, { "from.domain == \"org\"", 'f' }, { "from.domain in ours", 't' },
    { "client.ip == 192.0.2.1", 't' }, { "client.ip != 192.0.2.1", 'f' }, { "client.ip in { 192.0.2.0/24 }", 't' },
    { "client.ip in { 198.51.100.0/24 2001:db8::/32 }", 'f' }, { "client.ip in nets", 't' },
    { "client.ip matches \"^192\\\\.\"", 't' }, { "client.ip == ::ffff:192.0.2.1", 't' },
    /* Several items: true for any; != is the opposite of == */
    { "dkim.domain == \"a.example\"", 't' }, { "dkim.domain == \"b.example\"", 't' },
    { "dkim.domain == \"c.example\"", 'f' },
    { "dkim.domain != \"b.example\"", 'f' }, { "dkim.domain != \"c.example\"", 't' },
    { "dkim.domain matches \"^b\"", 't' },
    { "dkim.domain in { \"c.example\" \"b.example\" }", 't' }, { "dkim.domain in others", 't' },
    { "dkim.domain in ours", 'f' },
    { "helo is absent", 'f' }, { "helo is unknown", 'f' }, { "header[\"Subject\"] == \"hello\"", 't' },
};

START_TEST(test_comparison)
{
    static const struct value_item signers[] = { { .text = SLICE("a.example") }, { .text = SLICE("b.example") } };
    struct address address;
    const char *text;
    struct stage_outcome outcome;

    ck_assert(address_parse(SLICE("192.0.2.1"), &address));
    values.values[TEST_CLIENT_IP] = value_address(address);
    values.values[TEST_SIZE] = value_number(1024);
    values.values[TEST_HELO] = value_text(SLICE("Mail"));
    values.values[TEST_HEADER] = value_text(SLICE("hello"));
    values.values[TEST_FROM_DOMAIN] = value_domain(SLICE("example.org"));
    values.values[TEST_DKIM_DOMAIN] = value_items(VALUE_DOMAIN, signers, 2);
    text = arena_printf(arena, "list ours domain { \"example.org\" } list others domain { \"b.example\" }\n"
                        "list nets cidr { 192.0.2.0/28 } list words pattern { \"nothing\" \"ail$\" }\n"
                        "rule r at message { when %s then score 1 }", comparisons[_i].condition).text;
    outcome = run_stage(text, TEST_MESSAGE, false, NULL);
    ck_assert_int_eq(outcome.trace->outcome, comparisons[_i].outcome == 't' ? RULE_TRUE : RULE_FALSE);
}
END_TEST

/* A pattern that gives up has found nothing out. */
START_TEST(test_pattern_limit)
{
    values.values[TEST_HELO] = value_text(SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    ck_assert_int_eq(outcome_of("helo matches \"^(a+)+$\"", false), 'u');
    ck_assert_int_eq(outcome_of("not helo matches \"^(a+)+$\"", false), 'u');
    ck_assert_int_eq(outcome_of("helo matches \"^(a+)+$\" or helo matches \"b$\"", false), 't');
}
END_TEST

START_TEST(test_order_and_ending)
{
    struct stage_outcome outcome = run_stage(
        "rule one at message { when always then log \"first\" then score 2 }\n"
        "rule two at message { when size == 1 then score 10 }\n"
        "rule three at message { when score >= 2 then defer 450 4.2.0 \"later\" }\n"
        "rule four at message { when always then accept }\n"
        "rule other at mail { when always then accept }\n", TEST_MESSAGE, false, NULL);
    struct action_due *due = outcome.actions;

    ck_assert(!outcome.pending);
    ck_assert_str_eq(due->action->name, "log");
    ck_assert(slice_equal(due->text, SLICE("first")));
    ck_assert(slice_equal(due->rule, SLICE("one")));
    due = due->next;
    ck_assert_str_eq(due->action->name, "score");
    ck_assert_int_eq(due->number, 2);
    due = due->next;
    ck_assert_ptr_eq(due, outcome.ending);
    ck_assert_str_eq(due->action->name, "defer");
    ck_assert_uint_eq(due->code, 450);
    ck_assert(slice_equal(due->enhanced, SLICE("4.2.0")));
    ck_assert_ptr_null(due->next);
    ck_assert_int_eq(values.score, 2);
    ck_assert(slice_equal(outcome.trace->did, SLICE("log, score")));
    ck_assert_int_eq(outcome.trace->next->outcome, RULE_FALSE);
    ck_assert(slice_is_empty(outcome.trace->next->did));
    ck_assert_int_eq(outcome.trace->next->next->outcome, RULE_TRUE);
    ck_assert_ptr_null(outcome.trace->next->next->next);
}
END_TEST

START_TEST(test_nothing)
{
    struct stage_outcome outcome = run_stage("rule r at mail { when always then accept }", TEST_MESSAGE, true, NULL);

    ck_assert(!outcome.pending);
    ck_assert_ptr_null(outcome.actions);
    ck_assert_ptr_null(outcome.ending);
    ck_assert_ptr_null(outcome.trace);
    ck_assert_ptr_null(run_stage("", TEST_MESSAGE, true, NULL).trace);
}
END_TEST

/* P5: a reject whose condition stays unknown defers, or does not match; other actions never happen. */
static const struct {
    const char *rest;
    const char *action;                /* NULL: none */
    const char *did;
    enum rule_outcome outcome;
} unknowns[] = {
    { "then reject 554 5.7.26 \"no\"", "defer", "defer", RULE_UNKNOWN },
    { "then reject \"no\" on-unknown defer", "defer", "defer", RULE_UNKNOWN },
    { "then reject \"no\" on-unknown pass", NULL, "", RULE_UNKNOWN },
    { "then log \"x\" then score 3 then reject \"no\"", "defer", "defer", RULE_UNKNOWN },
    { "then accept", NULL, "", RULE_UNKNOWN }, { "then defer \"x\"", NULL, "", RULE_UNKNOWN },
    { "then score 3", NULL, "", RULE_UNKNOWN }, { "then tag \"X-A\" \"b\"", NULL, "", RULE_UNKNOWN },
    { "then reject \"no\" mode shadow", NULL, "defer", RULE_SHADOW_UNKNOWN },
    { "then reject \"no\" mode shadow on-unknown pass", NULL, "", RULE_SHADOW_UNKNOWN },
};

START_TEST(test_unknown)
{
    const char *text = arena_printf(arena, "rule r at message { when dmarc == fail %s }", unknowns[_i].rest).text;

    for (int temperror = 0; temperror < 2; temperror++) {
        struct stage_outcome outcome;

        values.values[TEST_DMARC] = temperror == 1 ? value_temperror() : value_in_state(VALUE_WORD, VALUE_PENDING);
        outcome = run_stage(text, TEST_MESSAGE, true, NULL);
        ck_assert(!outcome.pending);
        ck_assert_int_eq(outcome.trace->outcome, unknowns[_i].outcome);
        ck_assert(slice_equal(outcome.trace->did, slice_of_string(unknowns[_i].did)));
        ck_assert_int_eq(outcome.actions == NULL, unknowns[_i].action == NULL);
        ck_assert_ptr_eq(outcome.ending, outcome.actions);
        ck_assert_int_eq(values.score, 0);
        if (outcome.ending != NULL) {
            ck_assert_str_eq(outcome.ending->action->name, unknowns[_i].action);
            ck_assert_uint_eq(outcome.ending->code, 451);
            ck_assert(slice_equal(outcome.ending->enhanced, SLICE("4.7.1")));
            ck_assert_uint_gt(outcome.ending->text.length, 0);
        }
    }
}
END_TEST

/*
 * P5: whether a reject that follows would rest on what is unknown: dmarc is unknown, spf failed, the size is 5. By what
 * a rule asks, and what it does.
 */
static const struct {
    const char *rule;
    bool undecided;
} decisions[] = {
    { "when dmarc == fail then accept", true },
    { "when dmarc == fail then score 4", true },
    { "when dmarc == fail then defer \"x\"", true },
    { "when dmarc == fail then reject \"x\"", false },
    { "when dmarc == fail then reject \"x\" on-unknown pass", false },
    { "when dmarc == fail then log \"x\"", false },
    { "when dmarc == fail then accept mode shadow", false },
    { "when spf == fail then score 4", false },
    { "when dmarc is unknown then reject \"x\"", true },
    { "when dmarc == temperror then reject \"x\"", true },
    { "when dmarc in { fail temperror } then reject \"x\"", true },
    { "when dmarc is unknown then score 4", true },
    { "when dmarc is unknown then defer \"x\"", false },
    { "when dmarc is unknown then accept", false },
    { "when not dmarc is unknown then accept", true },
    { "when dmarc != temperror then accept", true },
    { "when not dmarc is unknown then reject \"x\"", false },
    { "when dmarc is unknown then log \"x\"", false },
    { "when dmarc is unknown or spf == fail then reject \"x\"", false },
    { "when dmarc is unknown and spf == fail then reject \"x\"", true },
    { "when dmarc is unknown and size > 9 then accept", false },
    { "when dmarc is unknown and size > 1 then score 1", true },
    { "when dmarc is unknown then reject \"x\" mode shadow", false },
    { "when spf is unknown then reject \"x\"", false },
    { "when always then reject \"x\"", false },
};

START_TEST(test_undecided)
{
    struct stage_outcome outcome;

    set_state(TEST_DMARC, 'u');
    set_state(TEST_SPF, 't');
    values.values[TEST_SIZE] = value_number(5);
    outcome =
        run_stage(arena_printf(arena, "rule r at message { %s }", decisions[_i].rule).text, TEST_MESSAGE, true, NULL);
    ck_assert_int_eq(outcome.undecided, decisions[_i].undecided);
}
END_TEST

/* While answers are missing all are asked for in one round, and nothing that a rule does counts. */
START_TEST(test_pending)
{
    static const char text[] = "rule zero at message { when always then score 1 }\n"
                               "rule one at message { when indirect and dmarc == fail then reject \"no\" }\n"
                               "rule two at message { when spf == fail then score 5 }\n"
                               "rule three at message { when always then accept }\n"
                               "rule four at message { when size > 1 then score 1 }\n";
    struct stage_outcome outcome;

    values.score = 7;
    set_state(TEST_INDIRECT, 'p');
    set_state(TEST_DMARC, 'p');
    set_state(TEST_SPF, 't');
    outcome = run_stage(text, TEST_MESSAGE, false, NULL);
    ck_assert(outcome.pending);
    ck_assert_int_eq(values.score, 7);
    ck_assert_uint_eq(values.reads[TEST_INDIRECT], 1);
    ck_assert_uint_eq(values.reads[TEST_DMARC], 1);
    ck_assert_uint_eq(values.reads[TEST_SPF], 1);
    ck_assert_uint_eq(values.reads[TEST_SIZE], 0);         /* behind a rule that ends the stage */
    set_state(TEST_INDIRECT, 'f');
    outcome = run_stage(text, TEST_MESSAGE, false, NULL);
    ck_assert(!outcome.pending);
    ck_assert_int_eq(values.score, 13);
    ck_assert_str_eq(outcome.ending->action->name, "accept");
}
END_TEST

START_TEST(test_pending_in_text)
{
    static const char text[] = "rule r at message { when always then reject \"{dmarc}\" }";

    set_state(TEST_DMARC, 'p');
    ck_assert(run_stage(text, TEST_MESSAGE, false, NULL).pending);
    struct stage_outcome outcome = run_stage(text, TEST_MESSAGE, true, NULL);
    ck_assert(!outcome.pending);
    ck_assert(slice_equal(outcome.ending->text, SLICE("unknown")));
}
END_TEST

START_TEST(test_shadow)
{
    struct stage_outcome outcome = run_stage(
        "rule one at message { when always then score 4 then reject \"{helo}\" mode shadow }\n"
        "rule two at message { when score == 0 then score 1 }\n", TEST_MESSAGE, false, NULL);

    ck_assert_int_eq(outcome.trace->outcome, RULE_SHADOW);
    ck_assert(slice_equal(outcome.trace->did, SLICE("score, reject")));
    ck_assert_int_eq(outcome.trace->next->outcome, RULE_TRUE);
    ck_assert_ptr_null(outcome.ending);
    ck_assert_ptr_eq(outcome.actions->next, NULL);
    ck_assert_int_eq(values.score, 1);
}
END_TEST

START_TEST(test_text)
{
    struct stage_outcome outcome;

    values.values[TEST_HELO] = value_text(SLICE("a\r\nb"));
    values.values[TEST_SPF] = value_temperror();
    set_state(TEST_DMARC, 'u');
    values.values[TEST_HEADER] = value_text(SLICE("{helo}"));
    outcome = run_stage("rule r at message { when always\n"
                        "then tag \"X-A\" \"{{{helo}}} \\\\ {spf} {dmarc} {from.domain} {size}{header[Subject]}\" }",
                        TEST_MESSAGE, true, bracket);
    ck_assert(slice_equal(outcome.actions->field_name, SLICE("X-A")));
    ck_assert_str_eq(arena_string(arena, outcome.actions->text),
                     "{<tag:a\r\nb>} \\ <tag:temperror> <tag:unknown> <tag:absent> <tag:absent><tag:{helo}>");
    ck_assert(slice_equal(values.last_key, SLICE("Subject")));
}
END_TEST

START_TEST(test_long_values)
{
    char *text = arena_alloc(arena, 100000);
    struct stage_outcome outcome;

    for (size_t i = 0; i < 100000; i += 2)
        memcpy(text + i, "\xC3\xBC", 2);
    text[0] = text[1] = text[2] = 'x';
    text[3] = 'x';
    text[4] = 'x';
    memmove(text + 5, text + 6, 90000);
    values.values[TEST_HELO] = value_text(slice_of(text, 90000));
    outcome = run_stage("rule r at message { when helo matches \"x\" then log \"{helo}\" }", TEST_MESSAGE, true, NULL);
    ck_assert_uint_eq(outcome.trace->values->value.length, 511);       /* 512 would cut a character in two */
    ck_assert_uint_eq(outcome.actions->text.length, 999);
}
END_TEST

START_TEST(test_trace)
{
    struct stage_outcome outcome;
    struct trace_value *value;

    set_state(TEST_DMARC, 't');
    set_state(TEST_INDIRECT, 'f');
    values.values[TEST_HEADER] = value_text(SLICE("hi"));
    outcome = run_stage(
        "rule r at message { when dmarc == fail and (dmarc != pass or size > 1) and\n"
        "(indirect or header[\"Subject\"] == \"hi\" or header[\"subject\"] is absent) then log \"{age} {dmarc}\" }",
        TEST_MESSAGE, true, NULL);
    value = outcome.trace->values;
    ck_assert(slice_equal(outcome.trace->name, SLICE("r")));
    ck_assert_uint_eq(outcome.trace->stage, TEST_MESSAGE);
    ck_assert(slice_equal(value->name, SLICE("dmarc.result")));
    ck_assert(slice_equal(value->value, SLICE("fail")));
    ck_assert(slice_equal(value->next->name, SLICE("indirect")));
    ck_assert(slice_equal(value->next->value, SLICE("no")));
    ck_assert(slice_equal(value->next->next->name, SLICE("header[\"Subject\"]")));
    ck_assert(slice_equal(value->next->next->next->name, SLICE("age")));
    ck_assert_ptr_null(value->next->next->next->next);
    ck_assert_uint_eq(values.reads[TEST_DMARC], 1);
}
END_TEST

START_TEST(test_score_bounds)
{
    values.score = INT64_MAX - 1;
    run_stage("rule r at message { when always then score 5 }", TEST_MESSAGE, true, NULL);
    ck_assert_int_eq(values.score, INT64_MAX);
    values.score = INT64_MIN + 1;
    run_stage("rule r at message { when always then score -5 }", TEST_MESSAGE, true, NULL);
    ck_assert_int_eq(values.score, INT64_MIN);
}
END_TEST

Suite *suite_eval(void);

Suite *suite_eval(void)
{
    Suite *suite = suite_create("eval");
    TCase *tests = tcase_create("eval");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_truth);
    tcase_add_test(tests, test_final);
    tcase_add_test(tests, test_temperror);
    tcase_add_test(tests, test_absent);
    tcase_add_loop_test(tests, test_comparison, 0, sizeof(comparisons) / sizeof(*comparisons));
    tcase_add_test(tests, test_pattern_limit);
    tcase_add_test(tests, test_order_and_ending);
    tcase_add_test(tests, test_nothing);
    tcase_add_loop_test(tests, test_unknown, 0, sizeof(unknowns) / sizeof(*unknowns));
    tcase_add_loop_test(tests, test_undecided, 0, sizeof(decisions) / sizeof(*decisions));
    tcase_add_test(tests, test_pending);
    tcase_add_test(tests, test_pending_in_text);
    tcase_add_test(tests, test_shadow);
    tcase_add_test(tests, test_text);
    tcase_add_test(tests, test_long_values);
    tcase_add_test(tests, test_trace);
    tcase_add_test(tests, test_score_bounds);
    suite_add_tcase(suite, tests);
    return suite;
}
