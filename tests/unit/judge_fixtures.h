/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge_fixtures.h: for tests of the judge: rules from a text, DNS from a zone's text, facts of one transaction, and
 * a judgement that asks the zone for whatever is missing. A fixture is made anew by each test; everything lives in
 * its arena.
 */
#ifndef MXWARD_TESTS_JUDGE_FIXTURES_H
#define MXWARD_TESTS_JUDGE_FIXTURES_H

#include <check.h>
#include <stdio.h>

#include "policy/auth_dmarc.h"
#include "policy/auth_spf.h"
#include "policy/examine.h"
#include "policy/judge.h"
#include "proxy/zone.h"
#include "rules/program.h"

struct fixture {
    struct arena *arena;
    struct program *program;
    struct zone *zone;
    struct answers *answers;
    struct facts facts;
    struct facts_recipient recipients[4];
    const struct evidence *evidence;
    const struct removed_field *removed;
    size_t removed_count;
    unsigned rounds;
    unsigned asked;
};

static inline bool fixture_read(void *context, const char *path, struct arena *arena, struct slice *text_out,
                                struct slice *problem_out)
{
    (void)arena;
    (void)path;
    (void)problem_out;
    *text_out = *(struct slice *)context;
    return true;
}

static inline struct program *fixture_program(const char *rules, struct arena *arena)
{
    struct slice text = slice_of_string(rules);
    struct program_reader reader = { fixture_read, &text };
    const char *const paths[] = { "test.rules" };
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics, arena);
    struct program *program = program_load(&judge_language, paths, 1, &reader, arena, &diagnostics);
    if (program == NULL)
        diagnostics_print(&diagnostics, stderr, false);
    ck_assert_ptr_nonnull(program);
    return program;
}

/* 192.0.2.1, EHLO client.example, MAIL FROM:<ann@example.org>, RCPT TO:<bob@example.net>. */
static inline struct facts fixture_facts(struct facts_recipient *recipients)
{
    struct facts facts = {
        .id = SLICE("01KAK2V7ZQ1ABCDE"),
        .arrival = 1795000000000000,       /* 2026-11-18 */
        .hostname = SLICE("mx.example.net"),
        .authserv_id = SLICE("mx.example.net"),
        .listener = SLICE("0.0.0.0:25"),
        .client_port = 40000,
        .local_port = 25,
        .has_helo = true,
        .helo = SLICE("client.example"),
        .esmtp = true,
        .has_mail = true,
        .sender = SLICE("ann@example.org"),
        .sender_local_part = SLICE("ann"),
        .sender_domain = SLICE("example.org"),
        .recipients_count = 1,
        .add_received = true,
        .signatures_most = 10,
    };
    ck_assert(address_parse(SLICE("192.0.2.1"), &facts.client_address));
    ck_assert(address_parse(SLICE("198.51.100.25"), &facts.local_address));
    recipients[0] = (struct facts_recipient){ SLICE("bob@example.net"), SLICE("bob"), SLICE("example.net") };
    facts.recipients = recipients;
    return facts;
}

static inline void fixture_prepare(void)
{
    static bool prepared;
    if (prepared)
        return;
    prepared = true;
    examine_prepare();
    auth_spf_prepare();
    auth_dmarc_prepare();
}

static inline void fixture_init(struct fixture *fixture, const char *rules, const char *zone)
{
    static struct source source;
    struct diagnostics diagnostics;
    fixture_prepare();
    *fixture = (struct fixture){ .arena = arena_new() };
    fixture->program = fixture_program(rules, fixture->arena);
    fixture->answers = answers_new(fixture->arena);
    source = (struct source){ .name = "test.zone", .text = slice_of_string(zone) };
    diagnostics_init(&diagnostics, fixture->arena);
    fixture->zone = zone_parse(&source, fixture->arena, &diagnostics);
    if (fixture->zone == NULL)
        diagnostics_print(&diagnostics, stderr, false);
    ck_assert_ptr_nonnull(fixture->zone);
    fixture->facts = fixture_facts(fixture->recipients);
}

static inline void fixture_clear(struct fixture *fixture)
{
    arena_free(&fixture->arena);
}

/* What the zone says; silence is a timeout. */
static inline void fixture_answer(struct fixture *fixture, const struct question *question)
{
    struct zone_reply reply = zone_find(fixture->zone, question);
    if (reply.silent)
        reply.answer = (struct answer){ .question = *question, .status = ANSWER_TIMEOUT };
    ck_assert(answers_add(fixture->answers, &reply.answer));
    fixture->asked++;
}

/* All missing questions, as a worker does between two rounds. */
static inline void fixture_answer_missing(struct fixture *fixture)
{
    size_t count = answers_missing_count(fixture->answers);
    ck_assert_uint_gt(count, 0);
    for (size_t i = 0; i < count; i++) {
        struct question question = *answers_missing(fixture->answers, i);
        fixture_answer(fixture, &question);
    }
    answers_forget_questions(fixture->answers);
    ck_assert_uint_lt(++fixture->rounds, 40);
}

/* The message's header and body; finds out what examining finds. */
static inline void fixture_message(struct fixture *fixture, const char *header, const char *body)
{
    struct examination *examination =
        examine_begin(&fixture->facts, fixture->program, slice_of_string(header), fixture->arena);
    answers_forget_questions(fixture->answers);
    while (examine_keys(examination, fixture->answers) == EXAMINE_WAITS)
        fixture_answer_missing(fixture);
    examine_body(examination, slice_of_string(body));
    examine_finish(examination);
    fixture->evidence = examine_evidence(examination);
    fixture->removed = examine_removed(examination, &fixture->removed_count);
    fixture->facts.message_size = strlen(header) + strlen(body);
    examine_free(&examination);
}

static inline struct judge_input fixture_input(struct fixture *fixture, enum stage stage)
{
    bool message = stage == STAGE_MESSAGE;
    return (struct judge_input){ fixture->program,
                                 &fixture->facts,
                                 fixture->answers,
                                 stage,
                                 message ? fixture->evidence : NULL,
                                 message ? fixture->removed : NULL,
                                 message ? fixture->removed_count : 0 };
}

static inline struct verdict fixture_judge(struct fixture *fixture, enum stage stage)
{
    struct judge_input input = fixture_input(fixture, stage);
    struct verdict verdict;
    answers_forget_questions(fixture->answers);
    while (!judge(&input, fixture->arena, &verdict))
        fixture_answer_missing(fixture);
    return verdict;
}

static inline void assert_slice(struct slice found, const char *expected, const char *file, int line)
{
    if (!slice_equal(found, slice_of_string(expected)))
        ck_abort_msg("%s:%d: found \"%.*s\", not \"%s\"", file, line, SLICE_ARG(found), expected);
}
#define ck_assert_slice(found, expected) assert_slice(found, expected, __FILE__, __LINE__)

static inline bool slice_contains(struct slice text, const char *part)
{
    return text.length > 0 && memmem(text.text, text.length, part, strlen(part)) != NULL;
}

#endif
