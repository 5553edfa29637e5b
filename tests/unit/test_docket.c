/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_docket.c: hearings by frames: each request one reply, many hearings side by side, what is out of order is
 * refused, and what does not fit is dropped alone.
 */
#include "policy/docket.h"
#include "policy/judge_process.h"
#include "tests/unit/judge_fixtures.h"

#define HEADER "From: Ann <ann@example.org>\r\nSubject: x\r\n\r\n"

static struct arena *arena;
static struct docket *docket;
static struct wire_writer out, replies;
static struct facts facts;
static struct facts_recipient recipients[4];

static void open_docket(const char *rules)
{
    fixture_prepare();
    arena = arena_new();
    docket = docket_new(fixture_program(rules, arena));
    wire_writer_init(&out, SIZE_MAX / 2);
    wire_writer_init(&replies, SIZE_MAX / 2);
    facts = fixture_facts(recipients);
}

static void close_docket(void)
{
    docket_free(&docket);
    wire_writer_clear(&out);
    wire_writer_clear(&replies);
    arena_free(&arena);
}

/* Hands over all of `out`; the reply (that of a single frame) or a frame of type 0. */
static struct frame hand_over(void)
{
    struct slice rest = wire_written(&out);
    struct frame frame, reply = { 0 };
    size_t consumed;
    wire_writer_reset(&replies);
    while (rest.length > 0) {
        ck_assert_int_eq(frame_parse(rest, &frame, &consumed), FRAME_PARSED);
        rest = slice_from(rest, consumed);
        if (!docket_take(docket, &frame, &replies))
            break;
    }
    wire_writer_reset(&out);
    if (replies.length > 0) {
        ck_assert_int_eq(frame_parse(wire_written(&replies), &reply, &consumed), FRAME_PARSED);
        ck_assert_uint_eq(consumed, replies.length);
    }
    return reply;
}

static struct verdict verdict_of(const struct frame *frame, size_t header_size)
{
    struct verdict verdict;
    struct frame_questions wanted;
    const char *problem = NULL;
    ck_assert_int_eq(frame->type, FRAME_VERDICT);
    ck_assert_msg(frame_get_verdict(frame->payload, header_size, arena, NULL, &verdict, &wanted, &problem), "%s",
                  problem);
    return verdict;
}

static void answer_no_name(uint32_t transaction, const struct frame *frame)
{
    struct frame_questions questions;
    const char *problem;
    ck_assert_int_eq(frame->type, FRAME_QUESTIONS);
    ck_assert(frame_get_questions(frame->payload, arena, &questions, &problem));
    for (size_t i = 0; i < questions.missing_count; i++) {
        struct answer answer = { .question = questions.missing[i], .status = ANSWER_NO_NAME };
        frame_put_answers(&out, transaction, &answer);
    }
}

START_TEST(a_message_is_heard)
{
    open_docket("rule a at message { when header[\"Subject\"] == \"x\" then reject \"no x\" }");
    frame_put_open(&out, 5, &facts, NULL);
    ck_assert_int_eq(hand_over().type, 0);
    frame_put_header(&out, 5, SLICE("From: Ann <ann@exa"), true);
    ck_assert_int_eq(hand_over().type, 0);
    frame_put_header(&out, 5, SLICE("mple.org>\r\nSubject: x\r\n\r\n"), false);
    ck_assert_int_eq(hand_over().type, FRAME_BODY_WANTED);
    frame_put_body(&out, 5, SLICE("Hello.\r\n"));
    frame_put_bare(&out, FRAME_BODY_END, 5);
    facts.message_size = 50;
    frame_put_facts(&out, 5, &facts);
    frame_put_judge(&out, 5, STAGE_MESSAGE);
    struct frame frame = hand_over();
    for (int rounds = 0; frame.type == FRAME_QUESTIONS; rounds++) {
        ck_assert_int_lt(rounds, 10);
        answer_no_name(5, &frame);
        frame_put_judge(&out, 5, STAGE_MESSAGE);
        frame = hand_over();
    }
    struct verdict verdict = verdict_of(&frame, sizeof HEADER - 1);
    ck_assert_slice(verdict.text, "no x (01KAK2V7ZQ1ABCDE)");
    ck_assert_uint_eq(verdict.evidence->header_size, sizeof HEADER - 1);
    frame_put_bare(&out, FRAME_CLOSE, 5);
    hand_over();
    ck_assert_uint_eq(docket_hearings(docket), 0);
    close_docket();
}
END_TEST

START_TEST(hearings_are_apart)
{
    open_docket("rule a at mail { when sender.local == \"ann\" then reject \"{sender}\" }");
    for (uint32_t i = 0; i < 3000; i++) {
        facts.sender_local_part = i % 2 == 0 ? SLICE("ann") : SLICE("bob");
        frame_put_open(&out, i * 1024, &facts, NULL);
    }
    hand_over();
    ck_assert_uint_eq(docket_hearings(docket), 3000);
    for (uint32_t i = 0; i < 3000; i++) {
        frame_put_judge(&out, i * 1024, STAGE_MAIL);
        struct frame frame = hand_over();
        ck_assert_uint_eq(frame.transaction, i * 1024);
        ck_assert_int_eq(verdict_of(&frame, 0).action, i % 2 == 0 ? VERDICT_REJECT : VERDICT_PASS);
    }
    close_docket();
}
END_TEST

/* Each is done after OPEN of hearing 1. */
static void judge_too_early(void) { frame_put_judge(&out, 1, STAGE_MESSAGE); }
static void body_too_early(void) { frame_put_body(&out, 1, SLICE("x")); }
static void body_end_too_early(void) { frame_put_bare(&out, FRAME_BODY_END, 1); }
static void examine_too_early(void) { frame_put_bare(&out, FRAME_EXAMINE, 1); }
static void open_twice(void) { frame_put_open(&out, 1, &facts, NULL); }
static void close_another(void) { frame_put_bare(&out, FRAME_CLOSE, 2); }
static void judge_another(void) { frame_put_judge(&out, 2, STAGE_MAIL); }
static void a_judges_own_frame(void) { frame_put_bare(&out, FRAME_BODY_WANTED, 1); }
static void header_twice(void)
{
    frame_put_header(&out, 1, SLICE(HEADER), false);
    hand_over();
    frame_put_header(&out, 1, SLICE(HEADER), false);
}
static void bad_facts(void)
{
    unsigned char head[FRAME_HEAD];
    frame_head(head, FRAME_FACTS, false, 1, 3);
    wire_put_bytes(&out, head, sizeof head);
    wire_put_bytes(&out, "abc", 3);
}
static void bad_stage(void)
{
    unsigned char head[FRAME_HEAD];
    frame_head(head, FRAME_JUDGE, false, 1, 1);
    wire_put_bytes(&out, head, sizeof head);
    wire_put_u8(&out, 5);
}
static void header_too_large(void)
{
    char *text = arena_alloc(arena, FRAME_HEADER_MOST + 1);
    frame_put_header(&out, 1, slice_of(text, FRAME_HEADER_MOST + 1), true);
}

static void (*const wrongs[])(void) = {
    judge_too_early, body_too_early, body_end_too_early, examine_too_early, open_twice,       close_another,
    judge_another,   header_twice,   bad_facts,          bad_stage,         header_too_large, a_judges_own_frame,
};

START_TEST(what_is_wrong_is_refused)
{
    open_docket("");
    frame_put_open(&out, 1, &facts, NULL);
    hand_over();
    wrongs[_i]();
    struct frame frame = hand_over();
    ck_assert_int_eq(frame.type, FRAME_REFUSED);
    ck_assert_uint_gt(frame_get_refused(frame.payload, arena).length, 0);
    close_docket();
}
END_TEST

/*
 * Headers of 1 MiB count twice: a few hundred of them are the limit of memory; the hearing that goes over it is
 * dropped, others go on.
 */
START_TEST(memory_has_an_end)
{
    open_docket("");
    char *text = arena_alloc(arena, FRAME_HEADER_MOST);
    memset(text, 'a', FRAME_HEADER_MOST);
    uint32_t full = 0;
    for (uint32_t i = 1; i <= 400 && full == 0; i++) {
        frame_put_open(&out, i, &facts, NULL);
        frame_put_header(&out, i, slice_of(text, FRAME_HEADER_MOST), true);
        if (hand_over().type == FRAME_FULL)
            full = i;
    }
    ck_assert_uint_gt(full, 100);
    frame_put_judge(&out, full, STAGE_MAIL);
    ck_assert_int_eq(hand_over().type, 0);
    frame_put_judge(&out, 1, STAGE_MAIL);
    ck_assert_int_eq(hand_over().type, FRAME_VERDICT);
    frame_put_bare(&out, FRAME_CLOSE, full);
    ck_assert_int_eq(hand_over().type, 0);
    frame_put_bare(&out, FRAME_CLOSE, 1);
    frame_put_open(&out, 1000, &facts, NULL);
    ck_assert_int_eq(hand_over().type, 0);
    close_docket();
}
END_TEST

START_TEST(hearings_have_an_end)
{
    open_docket("");
    for (uint32_t i = 0; i < JUDGE_HEARINGS_MOST; i++)
        frame_put_open(&out, i, &facts, NULL);
    ck_assert_int_eq(hand_over().type, 0);
    frame_put_open(&out, JUDGE_HEARINGS_MOST, &facts, NULL);
    ck_assert_int_eq(hand_over().type, FRAME_FULL);
    close_docket();
}
END_TEST

Suite *suite_docket(void)
{
    Suite *suite = suite_create("docket");
    TCase *tests = tcase_create("docket");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_message_is_heard);
    tcase_add_test(tests, hearings_are_apart);
    tcase_add_loop_test(tests, what_is_wrong_is_refused, 0, sizeof wrongs / sizeof wrongs[0]);
    tcase_add_test(tests, memory_has_an_end);
    tcase_add_test(tests, hearings_have_an_end);
    suite_add_tcase(suite, tests);
    return suite;
}
