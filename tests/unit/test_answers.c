/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_answers.c: names in their canonical form (RFC 1035 2.3.4, 5.1), and a set in which nothing is lost, asked
 * twice or changed.
 */
#include "policy/answers.h"
#include "policy/wire.h"
#include "tests/unit/judge_fixtures.h"

static struct arena *arena;
static struct answers *answers;

static void setup(void)
{
    arena = arena_new();
    answers = answers_new(arena);
}

static void teardown(void)
{
    arena_free(&arena);
}

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LABEL63 SIXTY "abc"

/* NULL: cannot be asked. */
static const struct {
    struct slice name;
    const char *canonical;
} names[] = {
    { { "Example.ORG", 11 }, "example.org" },
    { { "example.org.", 12 }, "example.org" },
    { { ".", 1 }, "." },
    { { "", 0 }, NULL },
    { { "..", 2 }, NULL },
    { { ".org", 4 }, NULL },
    { { "a..b", 4 }, NULL },
    { { "a.b..", 5 }, NULL },
    { { "a\\.b.c", 6 }, "a\\046b.c" },
    { { "a\\046b.c", 8 }, "a\\046b.c" },
    { { "a\\\\b", 4 }, "a\\092b" },
    { { "\\065.b", 6 }, "a.b" },
    { { "a\\", 2 }, NULL },
    { { "a\\25", 4 }, NULL },
    { { "a\\256", 5 }, NULL },
    { { "a\0b", 3 }, "a\\000b" },
    { { "a b\xff", 4 }, "a\\032b\\255" },
    { { "_dmarc.example.org", 18 }, "_dmarc.example.org" },
    { { LABEL63 ".b", 65 }, LABEL63 ".b" },
    { { LABEL63 "d.b", 66 }, NULL },
    { { LABEL63 "." LABEL63 "." LABEL63 "." SIXTY "a", 253 }, LABEL63 "." LABEL63 "." LABEL63 "." SIXTY "a" },
    { { LABEL63 "." LABEL63 "." LABEL63 "." SIXTY "ab", 254 }, NULL },
};

START_TEST(names_have_one_form)
{
    struct slice canonical;
    bool good = question_name_normalise(names[_i].name, arena, &canonical);
    ck_assert_int_eq(good, names[_i].canonical != NULL);
    if (good)
        ck_assert_slice(canonical, names[_i].canonical);
    /* What has no form is answered: there is no such name, and nobody is asked. */
    const struct answer *answer = answers_find(answers, QUESTION_TXT, names[_i].name);
    ck_assert_int_eq(answer == NULL, good);
    ck_assert_uint_eq(answers_missing_count(answers), good ? 1 : 0);
    if (!good)
        ck_assert_int_eq(answer->status, ANSWER_NO_NAME);
}
END_TEST

static bool add_text(const char *name, const char *text)
{
    struct answer_record record = { .data = slice_of_string(text) };
    struct answer answer = { .question = { QUESTION_TXT, slice_of_string(name) }, .status = ANSWER_RECORDS,
                             .count = 1, .records = &record };
    return answers_add(answers, &answer);
}

START_TEST(questions_are_noted_once)
{
    ck_assert_ptr_null(answers_find(answers, QUESTION_TXT, SLICE("a.example")));
    ck_assert_ptr_null(answers_find(answers, QUESTION_TXT, SLICE("A.EXAMPLE.")));
    ck_assert_ptr_null(answers_find(answers, QUESTION_A, SLICE("a.example")));
    ck_assert_uint_eq(answers_missing_count(answers), 2);
    answers_want(answers, QUESTION_A, SLICE("a.example"));
    ck_assert_uint_eq(answers_wanted_count(answers), 0);
    answers_want(answers, QUESTION_A, SLICE("b.example"));
    answers_want(answers, QUESTION_A, SLICE("b.example"));
    ck_assert_uint_eq(answers_wanted_count(answers), 1);
    answers_foresee(answers);
    ck_assert_uint_eq(answers_missing_count(answers), 0);
    ck_assert_uint_eq(answers_wanted_count(answers), 3);
    answers_forget_questions(answers);
    ck_assert_uint_eq(answers_wanted_count(answers), 0);
}
END_TEST

START_TEST(answers_stay_as_they_are)
{
    ck_assert(add_text("a.example", "first"));
    ck_assert(!add_text("A.example.", "second"));
    const struct answer *answer = answers_find(answers, QUESTION_TXT, SLICE("a.example"));
    ck_assert_ptr_nonnull(answer);
    ck_assert_slice(answer->records[0].data, "first");
    ck_assert(answer->used);
    ck_assert_uint_eq(answers_count(answers), 1);
    answers_want(answers, QUESTION_TXT, SLICE("a.example"));
    ck_assert_uint_eq(answers_wanted_count(answers), 0);
    answers_reset_used(answers);
    ck_assert(!answers_first(answers)->used);
    answers_mark_used(answers, QUESTION_TXT, SLICE("A.example"));
    answers_mark_used(answers, QUESTION_TXT, SLICE("none.example"));
    ck_assert(answers_first(answers)->used);
    ck_assert_uint_eq(answers_missing_count(answers), 0);
}
END_TEST

START_TEST(records_fit_their_type)
{
    struct answer_record records[] = { { .data = SLICE("abc") },
                                       { .data = SLICE("abcd") },
                                       { .data = SLICE("abcde") } };
    struct answer answer = { .question = { QUESTION_A, SLICE("a.example") }, .status = ANSWER_RECORDS, .count = 3,
                             .records = records };
    ck_assert(answers_add(answers, &answer));
    ck_assert_uint_eq(answers_first(answers)->count, 1);
    answer.question.name = SLICE("b.example");
    answer.count = 1;
    ck_assert(answers_add(answers, &answer));
    ck_assert_int_eq(answers_first(answers)->next->status, ANSWER_FAILED);
    answer.question = (struct question){ (enum question_type)33, SLICE("c.example") };
    ck_assert(!answers_add(answers, &answer));
}
END_TEST

START_TEST(many_records_are_cut_off)
{
    struct answer_record records[ANSWER_RECORDS_MOST + 1];
    for (size_t i = 0; i <= ANSWER_RECORDS_MOST; i++)
        records[i] = (struct answer_record){ .data = SLICE("x") };
    struct answer answer = { .question = { QUESTION_TXT, SLICE("a.example") }, .status = ANSWER_RECORDS,
                             .count = ANSWER_RECORDS_MOST + 1, .records = records };
    ck_assert(answers_add(answers, &answer));
    ck_assert_uint_eq(answers_first(answers)->count, ANSWER_RECORDS_MOST);
}
END_TEST

START_TEST(batches_travel)
{
    struct wire_writer writer;
    struct wire_reader reader;
    wire_writer_init(&writer, 100000);
    add_text("a.example", "v=spf1 -all");
    struct answer answer = { .question = { QUESTION_MX, SLICE("b.example") },
                             .status = ANSWER_TIMEOUT,
                             .reason = SLICE("late") };
    ck_assert(answers_add(answers, &answer));
    answers_encode(answers_first(answers), &writer);
    struct answers *other = answers_new(arena);
    wire_reader_init(&reader, wire_written(&writer));
    ck_assert(answers_decode(&reader, other));
    ck_assert(wire_at_end(&reader));
    ck_assert_uint_eq(answers_count(other), 2);
    ck_assert_slice(answers_first(other)->records[0].data, "v=spf1 -all");
    ck_assert_int_eq(answers_first(other)->next->status, ANSWER_TIMEOUT);
    ck_assert_slice(answers_first(other)->next->reason, "late");
    wire_writer_clear(&writer);
}
END_TEST

START_TEST(words_return)
{
    for (enum answer_status status = ANSWER_RECORDS; status <= ANSWER_LIMIT; status++) {
        enum answer_status back;
        ck_assert(answer_status_parse(slice_of_string(answer_status_name(status)), &back));
        ck_assert_int_eq(status, back);
    }
    enum question_type type;
    ck_assert(question_type_parse(SLICE("aaaa"), &type) && type == QUESTION_AAAA);
    ck_assert(!question_type_parse(SLICE("SPF"), &type));
    enum answer_status status;
    ck_assert(!answer_status_parse(SLICE("missing"), &status));
}
END_TEST

Suite *suite_answers(void)
{
    Suite *suite = suite_create("answers");
    TCase *tests = tcase_create("answers");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, names_have_one_form, 0, sizeof names / sizeof names[0]);
    tcase_add_test(tests, questions_are_noted_once);
    tcase_add_test(tests, answers_stay_as_they_are);
    tcase_add_test(tests, records_fit_their_type);
    tcase_add_test(tests, many_records_are_cut_off);
    tcase_add_test(tests, batches_travel);
    tcase_add_test(tests, words_return);
    suite_add_tcase(suite, tests);
    return suite;
}
