/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_frame.c: frames and objects: cut, put together, refused. The second half is what a worker must not believe
 * (P4): verdicts whose form is not as verdict.h promises.
 */
#include "policy/frame.h"
#include "tests/unit/judge_fixtures.h"

static struct arena *arena;
static struct wire_writer out;

static void setup(void)
{
    arena = arena_new();
    wire_writer_init(&out, 4 * (size_t)FRAME_OBJECT_MOST);
}

static void teardown(void)
{
    wire_writer_clear(&out);
    arena_free(&arena);
}

static const struct {
    struct slice bytes;
    enum frame_parse parsed;
    size_t consumed;
} heads[] = {
    { { "", 0 }, FRAME_INCOMPLETE, 12 },
    { { "\0\0\0\1\4\0\0\0\0\0\0", 11 }, FRAME_INCOMPLETE, 12 },
    { { "\0\0\0\1\4\0\0\0\0\0\0\7", 12 }, FRAME_INCOMPLETE, 13 },
    { { "\0\0\0\1\4\0\0\0\0\0\0\7x", 13 }, FRAME_PARSED, 13 },
    { { "\0\0\0\1\4\1\0\0\0\0\0\7xy", 14 }, FRAME_PARSED, 13 },
    { { "\0\0\0\0\0\0\0\0\0\0\0\7", 12 }, FRAME_BAD, 0 },
    { { "\0\0\0\0\xff\0\0\0\0\0\0\7", 12 }, FRAME_BAD, 0 },
    { { "\0\0\0\0\4\2\0\0\0\0\0\7", 12 }, FRAME_BAD, 0 },
    { { "\0\0\0\0\4\0\0\1\0\0\0\7", 12 }, FRAME_BAD, 0 },
    { { "\0\0\x7f\xf5\4\0\0\0\0\0\0\7", 12 }, FRAME_BAD, 0 },
    { { "\0\0\x7f\xf4\4\0\0\0\0\0\0\7", 12 }, FRAME_INCOMPLETE, 32768 },
};

START_TEST(heads_are_read_strictly)
{
    struct frame frame;
    size_t consumed;
    enum frame_parse parsed = frame_parse(heads[_i].bytes, &frame, &consumed);
    ck_assert_int_eq(parsed, heads[_i].parsed);
    if (parsed != FRAME_BAD)
        ck_assert_uint_eq(consumed, heads[_i].consumed);
    if (parsed == FRAME_PARSED) {
        ck_assert_int_eq(frame.type, FRAME_JUDGE);
        ck_assert_uint_eq(frame.transaction, 7);
        ck_assert_slice(frame.payload, "x");
    }
}
END_TEST

/* All of `out`, parsed and put together: the objects' types and payload sizes are counted. */
static size_t objects(enum frame_type type, size_t *bytes_out, struct frame_assembly *assembly, struct frame *last_out)
{
    struct slice rest = wire_written(&out);
    size_t count = 0;
    *bytes_out = 0;
    while (rest.length > 0) {
        struct frame frame;
        size_t consumed;
        ck_assert_int_eq(frame_parse(rest, &frame, &consumed), FRAME_PARSED);
        rest = slice_from(rest, consumed);
        enum frame_assembled assembled = frame_assemble(assembly, &frame, last_out);
        ck_assert_int_ne(assembled, FRAME_BROKEN);
        if (assembled == FRAME_PARTIAL)
            continue;
        ck_assert_int_eq(last_out->type, type);
        *bytes_out += last_out->payload.length;
        count++;
    }
    return count;
}

static const size_t sizes[] = { 0, 1, 32755, 32756, 32757, 65512, 200000, 1000000 };

START_TEST(large_objects_are_cut_and_put_together)
{
    struct frame_assembly assembly = { 0 };
    struct frame frame;
    struct answers *answers = answers_new(arena);
    size_t size = sizes[_i];
    char *text = arena_alloc(arena, size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i % 23);
    for (size_t done = 0, n = 0; done < size; n++) {
        struct answer_record record = { .data = slice_of(text + done, size - done < 60000 ? size - done : 60000) };
        struct answer answer = { .question = { QUESTION_TXT, arena_printf(arena, "n%zu.example", n) },
                                 .status = ANSWER_RECORDS, .count = 1, .records = &record };
        ck_assert(answers_add(answers, &answer));
        done += record.data.length;
    }
    ck_assert(frame_put_answers(&out, 3, answers_first(answers)));
    size_t bytes;
    ck_assert_uint_eq(objects(FRAME_ANSWERS, &bytes, &assembly, &frame), 1);
    ck_assert_uint_ge(bytes, size);
    struct answers *other = answers_new(arena);
    const char *problem = NULL;
    ck_assert_msg(frame_get_answers(frame.payload, other, &problem), "%s", problem);
    ck_assert_uint_eq(answers_count(other), answers_count(answers));
    const struct answer *a = answers_first(answers), *b = answers_first(other);
    for (; a != NULL; a = a->next, b = b->next)
        ck_assert(slice_equal(a->records[0].data, b->records[0].data));
    frame_assembly_clear(&assembly);
}
END_TEST

START_TEST(streams_are_not_put_together)
{
    struct frame_assembly assembly = { 0 };
    struct frame frame;
    size_t bytes;
    char *text = arena_alloc(arena, 150000);
    frame_put_header(&out, 1, slice_of(text, 150000), false);
    ck_assert_uint_eq(objects(FRAME_HEADER, &bytes, &assembly, &frame), 5);
    ck_assert_uint_eq(bytes, 150000);
    ck_assert(!frame.more);
    wire_writer_reset(&out);
    frame_put_header(&out, 1, SLICE("x"), true);
    ck_assert_uint_eq(objects(FRAME_HEADER, &bytes, &assembly, &frame), 1);
    ck_assert(frame.more);
    wire_writer_reset(&out);
    frame_put_body(&out, 1, slice_of(text, FRAME_PAYLOAD_MOST));
    frame_put_body(&out, 1, SLICE(""));
    ck_assert_uint_eq(objects(FRAME_BODY, &bytes, &assembly, &frame), 1);
    frame_assembly_clear(&assembly);
}
END_TEST

START_TEST(objects_do_not_mingle)
{
    struct frame_assembly assembly = { 0 };
    struct frame part = { .type = FRAME_OPEN, .more = true, .transaction = 1, .payload = SLICE("a") }, whole;
    ck_assert_int_eq(frame_assemble(&assembly, &part, &whole), FRAME_PARTIAL);
    struct frame other = { .type = FRAME_OPEN, .transaction = 2, .payload = SLICE("b") };
    ck_assert_int_eq(frame_assemble(&assembly, &other, &whole), FRAME_BROKEN);
    struct frame body = { .type = FRAME_BODY, .transaction = 1, .payload = SLICE("b") };
    ck_assert_int_eq(frame_assemble(&assembly, &body, &whole), FRAME_BROKEN);
    frame_assembly_clear(&assembly);
}
END_TEST

START_TEST(endless_objects_end)
{
    struct frame_assembly assembly = { 0 };
    char *text = arena_alloc(arena, FRAME_PAYLOAD_MOST);
    struct frame part = { .type = FRAME_VERDICT, .more = true, .payload = slice_of(text, FRAME_PAYLOAD_MOST) }, whole;
    for (size_t i = 0; i < FRAME_OBJECT_MOST / FRAME_PAYLOAD_MOST; i++)
        ck_assert_int_eq(frame_assemble(&assembly, &part, &whole), FRAME_PARTIAL);
    ck_assert_int_eq(frame_assemble(&assembly, &part, &whole), FRAME_BROKEN);
    frame_assembly_clear(&assembly);
}
END_TEST

START_TEST(facts_travel)
{
    struct facts_recipient recipients[4];
    struct facts facts = fixture_facts(recipients), back;
    struct answers *answers = answers_new(arena);
    struct frame frame;
    size_t consumed;
    const char *problem;
    facts.tls = true;
    facts.tls_version = SLICE("TLSv1.3");
    facts.submission = facts.authenticated = true;
    facts.auth_mechanism = SLICE("PLAIN");
    facts.auth_user = SLICE("ann");
    facts.auth_identity = SLICE("bob");
    facts.message_size = 1ULL << 40;
    ck_assert(frame_put_open(&out, 1, &facts, NULL));
    ck_assert_int_eq(frame_parse(wire_written(&out), &frame, &consumed), FRAME_PARSED);
    ck_assert(frame_get_open(frame.payload, arena, &back, answers, &problem));
    ck_assert(slice_equal(back.id, facts.id));
    ck_assert_int_eq(back.arrival, facts.arrival);
    ck_assert(address_equal(&back.client_address, &facts.client_address));
    ck_assert(back.has_helo && back.esmtp && back.tls && back.has_mail && back.add_received);
    ck_assert_slice(back.tls_version, "TLSv1.3");
    ck_assert(back.submission && back.authenticated);
    ck_assert_slice(back.auth_mechanism, "PLAIN");
    ck_assert_slice(back.auth_user, "ann");
    ck_assert_slice(back.auth_identity, "bob");
    ck_assert_uint_eq(back.message_size, 1ULL << 40);
    ck_assert_uint_eq(back.recipients_count, 1);
    ck_assert_slice(back.recipients[0].path, "bob@example.net");
    struct slice alone = frame_open_facts(frame.payload);
    ck_assert(frame_get_facts(alone, arena, &back, &problem));
    ck_assert_slice(back.sender, "ann@example.org");
    /* One byte more or less is no longer facts. */
    ck_assert(!frame_get_facts(slice_first(alone, alone.length - 1), arena, &back, &problem));
    ck_assert(!frame_get_facts(frame.payload, arena, &back, &problem));
}
END_TEST

/* Verdicts */

#define HEADER_SIZE 100

static struct verdict good_verdict(void)
{
    static struct added_field added = { { "X-A", 3 }, { "X-A: one\r\n\ttwo\r\n", 16 } };
    static struct removed_field removed = { 10, 20, { "X-A", 3 } };
    return (struct verdict){ .stage = STAGE_MESSAGE, .action = VERDICT_PASS, .added = &added, .added_count = 1,
                             .removed = &removed, .removed_count = 1, .text = SLICE("welcome") };
}

static const char *problem_of(const struct verdict *verdict)
{
    struct answers *answers = answers_new(arena);
    struct frame_assembly assembly = { 0 };
    struct frame frame;
    struct verdict back;
    struct frame_questions wanted;
    const char *problem = NULL;
    size_t bytes;
    wire_writer_reset(&out);
    ck_assert(frame_put_verdict(&out, 1, verdict, answers));
    ck_assert_uint_eq(objects(FRAME_VERDICT, &bytes, &assembly, &frame), 1);
    bool good = frame_get_verdict(frame.payload, HEADER_SIZE, arena, NULL, &back, &wanted, &problem);
    ck_assert_int_eq(good, problem == NULL);
    frame_assembly_clear(&assembly);
    return problem;
}

/* Records tell them as members of one object. */
START_TEST(a_rule_saw_a_fact_once)
{
    struct trace_value second = { SLICE("dmarc"), SLICE("fail"), NULL };
    struct trace_value first = { SLICE("spf"), SLICE("pass"), &second };
    struct trace_rule rule = { .name = SLICE("r"), .stage = STAGE_MESSAGE, .outcome = RULE_TRUE, .values = &first };
    struct verdict_run run = { .stage = STAGE_MESSAGE, .trace = &rule };
    struct verdict verdict = good_verdict();
    verdict.runs = &run;
    ck_assert_ptr_null(problem_of(&verdict));
    second.name = first.name;
    ck_assert_ptr_nonnull(problem_of(&verdict));
}
END_TEST

START_TEST(good_verdicts_are_taken)
{
    struct verdict verdict = good_verdict();
    ck_assert_ptr_null(problem_of(&verdict));
    verdict = (struct verdict){ .stage = STAGE_RCPT, .action = VERDICT_DEFER, .code = 450, .enhanced = SLICE("4.7.25"),
                                .text = SLICE("later (id)"), .rule = SLICE("a") };
    ck_assert_ptr_null(problem_of(&verdict));
}
END_TEST

static const struct {
    enum verdict_action action;
    unsigned code;
    const char *enhanced;
    const char *text;
} replies[] = {
    { VERDICT_REJECT, 250, "2.0.0", "ok" },
    { VERDICT_REJECT, 450, "4.7.1", "no" },
    { VERDICT_DEFER, 550, "5.7.1", "no" },
    { VERDICT_REJECT, 550, "4.7.1", "no" },
    { VERDICT_REJECT, 550, "5.7", "no" },
    { VERDICT_REJECT, 550, "5.7.1.2", "no" },
    { VERDICT_REJECT, 550, "5.7.1000", "no" },
    { VERDICT_REJECT, 550, "5.x.1", "no" },
    { VERDICT_REJECT, 550, "5..1", "no" },
    { VERDICT_REJECT, 550, "", "no" },
    { VERDICT_REJECT, 550, "5.7.1", "" },
    { VERDICT_REJECT, 5500, "5.7.1", "no" },
    { VERDICT_REJECT, 550, "5.7.1", "a\r\n250 b" },
    { VERDICT_REJECT, 550, "5.7.1", "a\nb" },
    { VERDICT_REJECT, 550, "5.7.1", "\xc3\xa4" },
    { VERDICT_REJECT, 550, "5.7.1", "\x7f" },
    { VERDICT_PASS, 550, "", "" },
    { VERDICT_PASS, 0, "5.7.1", "" },
    { VERDICT_PASS, 0, "", "a\nb" },
};

START_TEST(bad_replies_are_refused)
{
    struct verdict verdict = { .stage = STAGE_MAIL,
                               .action = replies[_i].action,
                               .code = replies[_i].code,
                               .enhanced = slice_of_string(replies[_i].enhanced),
                               .text = slice_of_string(replies[_i].text) };
    ck_assert_ptr_nonnull(problem_of(&verdict));
}
END_TEST

static const struct {
    const char *name;
    const char *text;
} fields[] = {
    { "X-A", "X-A: one" },                { "X-A", "X-A: one\n" },              { "X-A", "X-A: one\r\n\r\n" },
    { "X-A", "X-A: one\r\nX-B: two\r\n" }, { "X-A", "X-A: one\r\n two\r\nthree\r\n" }, { "X-A", "X-B: one\r\n" },
    { "X-A", "X-A one\r\n" },             { "X-A", "X-A" },                     { "X A", "X A: one\r\n" },
    { "", ": one\r\n" },                  { "X-A", "X-A: one\r\n \t\r\n" },     { "X-A", "X-A: \xe4\r\n" },
    { "X-A", "X-A: \x01\r\n" },           { "X-A", "X-A: one\rtwo\r\n" },       { "X-A", "" },
    { "X-A", "X-A: one\r\n\ttwo\r" }, { "X-A", "X-A: \xc2\x85\r\n" },       { "X-A", "X-A: \xc3\r\n" },
};

START_TEST(bad_fields_are_refused)
{
    struct verdict verdict = good_verdict();
    verdict.added = &(struct added_field){ slice_of_string(fields[_i].name), slice_of_string(fields[_i].text) };
    ck_assert_ptr_nonnull(problem_of(&verdict));
}
END_TEST

/* RFC 6532: a field may hold UTF-8. */
START_TEST(fields_may_hold_utf8)
{
    struct verdict verdict = good_verdict();
    verdict.added = &(struct added_field){ SLICE("X-A"), SLICE("X-A: \xc3\xa4\r\n") };
    ck_assert_ptr_null(problem_of(&verdict));
}
END_TEST

START_TEST(long_lines_are_refused)
{
    struct verdict verdict = good_verdict();
    struct slice text = arena_printf(arena, "X-A: %0*d\r\n", 998 - 5, 1);
    verdict.added = &(struct added_field){ SLICE("X-A"), text };
    ck_assert_ptr_null(problem_of(&verdict));
    text = arena_printf(arena, "X-A: %0*d\r\n", 999 - 5, 1);
    verdict.added = &(struct added_field){ SLICE("X-A"), text };
    ck_assert_ptr_nonnull(problem_of(&verdict));
}
END_TEST

static const struct removed_field ranges[][2] = {
    { { 10, 20, { "X-A", 3 } }, { 29, 20, { "X-A", 3 } } },
    { { 30, 20, { "X-A", 3 } }, { 10, 20, { "X-A", 3 } } },
    { { 10, 20, { "X-A", 3 } }, { 90, 20, { "X-A", 3 } } },
    { { 10, 20, { "X-A", 3 } }, { 100, 4, { "X-A", 3 } } },
    { { 10, 20, { "X-A", 3 } }, { 4294967290U, 20, { "X-A", 3 } } },
    { { 10, 4294967290U, { "X-A", 3 } }, { 50, 20, { "X-A", 3 } } },
    { { 10, 3, { "X-A", 3 } }, { 50, 20, { "X-A", 3 } } },
    { { 10, 20, { "", 0 } }, { 50, 20, { "X-A", 3 } } },
    { { 10, 20, { "X:A", 3 } }, { 50, 20, { "X-A", 3 } } },
};

START_TEST(bad_removals_are_refused)
{
    struct verdict verdict = good_verdict();
    struct removed_field removed[2];
    memcpy(removed, ranges[_i], sizeof removed);
    verdict.removed = removed;
    verdict.removed_count = 2;
    ck_assert_ptr_nonnull(problem_of(&verdict));
}
END_TEST

START_TEST(edits_belong_to_delivery)
{
    struct verdict verdict = good_verdict();
    verdict.stage = STAGE_RCPT;
    ck_assert_ptr_nonnull(problem_of(&verdict));
    verdict = good_verdict();
    verdict.action = VERDICT_REJECT;
    verdict.code = 550;
    verdict.enhanced = SLICE("5.7.1");
    ck_assert_ptr_nonnull(problem_of(&verdict));
    verdict = good_verdict();
    verdict.logs = &(struct slice){ "a\nb", 3 };
    verdict.logs_count = 1;
    ck_assert_ptr_nonnull(problem_of(&verdict));
    verdict = good_verdict();
    verdict.findings.iprev.result = AUTH_PENDING;
    ck_assert_ptr_nonnull(problem_of(&verdict));
}
END_TEST

/* Every prefix of a good verdict, and every byte of it changed: never a crash; a prefix is never taken. */
START_TEST(damaged_verdicts_are_survived)
{
    struct verdict verdict = good_verdict();
    struct answers *answers = answers_new(arena);
    struct frame frame;
    struct verdict back;
    struct frame_questions wanted;
    const char *problem;
    size_t consumed;
    ck_assert(frame_put_verdict(&out, 1, &verdict, answers));
    ck_assert_int_eq(frame_parse(wire_written(&out), &frame, &consumed), FRAME_PARSED);
    char *bytes = arena_alloc(arena, frame.payload.length);
    for (size_t i = 0; i < frame.payload.length; i++) {
        struct arena *scratch = arena_new();
        ck_assert(!frame_get_verdict(slice_first(frame.payload, i), HEADER_SIZE, scratch, answers, &back, &wanted,
                                     &problem));
        memcpy(bytes, frame.payload.text, frame.payload.length);
        bytes[i] = (char)(bytes[i] ^ 0xff);
        frame_get_verdict(slice_of(bytes, frame.payload.length), HEADER_SIZE, scratch, answers, &back, &wanted,
                          &problem);
        arena_free(&scratch);
    }
}
END_TEST

START_TEST(questions_travel)
{
    struct answers *answers = answers_new(arena);
    struct frame frame;
    struct frame_questions questions;
    const char *problem;
    size_t consumed;
    answers_find(answers, QUESTION_TXT, SLICE("a.example"));
    answers_want(answers, QUESTION_AAAA, SLICE("b.example"));
    ck_assert(frame_put_questions(&out, 1, answers));
    ck_assert_int_eq(frame_parse(wire_written(&out), &frame, &consumed), FRAME_PARSED);
    ck_assert(frame_get_questions(frame.payload, arena, &questions, &problem));
    ck_assert_uint_eq(questions.missing_count, 1);
    ck_assert_slice(questions.missing[0].name, "a.example");
    ck_assert_uint_eq(questions.wanted_count, 1);
    ck_assert_int_eq(questions.wanted[0].type, QUESTION_AAAA);
    /* A judge that asks for nothing would be asked for ever. */
    wire_writer_reset(&out);
    answers_forget_questions(answers);
    ck_assert(frame_put_questions(&out, 1, answers));
    ck_assert_int_eq(frame_parse(wire_written(&out), &frame, &consumed), FRAME_PARSED);
    ck_assert(!frame_get_questions(frame.payload, arena, &questions, &problem));
}
END_TEST

Suite *suite_frame(void)
{
    Suite *suite = suite_create("frame");
    TCase *tests = tcase_create("frame");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, heads_are_read_strictly, 0, sizeof heads / sizeof heads[0]);
    tcase_add_loop_test(tests, large_objects_are_cut_and_put_together, 0, sizeof sizes / sizeof sizes[0]);
    tcase_add_test(tests, streams_are_not_put_together);
    tcase_add_test(tests, objects_do_not_mingle);
    tcase_add_test(tests, endless_objects_end);
    tcase_add_test(tests, facts_travel);
    tcase_add_test(tests, good_verdicts_are_taken);
    tcase_add_test(tests, a_rule_saw_a_fact_once);
    tcase_add_loop_test(tests, bad_replies_are_refused, 0, sizeof replies / sizeof replies[0]);
    tcase_add_loop_test(tests, bad_fields_are_refused, 0, sizeof fields / sizeof fields[0]);
    tcase_add_test(tests, fields_may_hold_utf8);
    tcase_add_test(tests, long_lines_are_refused);
    tcase_add_loop_test(tests, bad_removals_are_refused, 0, sizeof ranges / sizeof ranges[0]);
    tcase_add_test(tests, edits_belong_to_delivery);
    tcase_add_test(tests, damaged_verdicts_are_survived);
    tcase_add_test(tests, questions_travel);
    suite_add_tcase(suite, tests);
    return suite;
}
