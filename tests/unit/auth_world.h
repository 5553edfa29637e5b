/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_world.h: a small world for the tests of authentication: an arena, an answer set that a test fills by hand, and
 * facts of an ordinary transaction. A question that a test did not answer stays missing, as it would.
 */
#ifndef MXWARD_TESTS_UNIT_AUTH_WORLD_H
#define MXWARD_TESTS_UNIT_AUTH_WORLD_H

#include <check.h>
#include <stdlib.h>

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* 22 November 2026, 06:15:12 UTC. */
#define WORLD_ARRIVAL 1795328112000000

static struct arena *arena;
static struct answers *answers;
static struct facts facts;

static void world_address(const char *text)
{
    ck_assert(address_parse(slice_of_string(text), &facts.client_address));
}

static void world_sender(const char *text)
{
    struct slice sender = slice_of_string(text);
    size_t at = slice_find(sender, '@');
    facts.has_mail = true;
    facts.sender = sender;
    facts.sender_local_part = slice_first(sender, at);
    facts.sender_domain = slice_from(sender, at + 1);
}

static void world_open(void)
{
    arena = arena_new();
    answers = answers_new(arena);
    facts = (struct facts){
        .id = SLICE("6abc-1"), .arrival = WORLD_ARRIVAL, .hostname = SLICE("mx.example.net"),
        .authserv_id = SLICE("mx.example.net"), .has_helo = true, .helo = SLICE("client.example.org"), .esmtp = true,
        .signatures_most = 8,
    };
    world_address("192.0.2.1");
    world_sender("ann@example.org");
}

static void world_close(void)
{
    arena_free(&arena);
}

static void world_add(enum question_type type, const char *name, enum answer_status status, struct slice data)
{
    struct answer_record record = { .data = data };
    struct answer answer = { .question = { type, slice_of_string(name) }, .status = status, .records = &record };
    answer.count = status == ANSWER_RECORDS ? 1 : 0;
    ck_assert_msg(answers_add(answers, &answer), "%s", name);
}

static inline void world_text(const char *name, const char *text)
{
    world_add(QUESTION_TXT, name, ANSWER_RECORDS, slice_of_string(text));
}

static inline void world_nothing(enum question_type type, const char *name)
{
    world_add(type, name, ANSWER_NO_NAME, SLICE_NONE);
}

static inline void world_failure(enum question_type type, const char *name)
{
    world_add(type, name, ANSWER_TIMEOUT, SLICE_NONE);
}

static inline void world_host(const char *name, const char *text)
{
    struct address address;
    ck_assert(address_parse(slice_of_string(text), &address));
    world_add(address.family == 4 ? QUESTION_A : QUESTION_AAAA, name, ANSWER_RECORDS,
              arena_copy(arena, slice_of((const char *)address.bytes, address.family == 4 ? 4 : 16)));
}

static inline void world_names(enum question_type type, const char *name, const char *const *names, size_t count)
{
    struct answer_record records[32];
    struct answer answer = { .question = { type, slice_of_string(name) },
                             .status = ANSWER_RECORDS,
                             .records = records };
    for (size_t i = 0; i < count; i++)
        records[i] = (struct answer_record){ .data = slice_of_string(names[i]) };
    answer.count = (uint32_t)count;
    ck_assert(answers_add(answers, &answer));
}

static inline bool world_misses(enum question_type type, const char *name)
{
    for (size_t i = 0; i < answers_missing_count(answers); i++) {
        const struct question *question = answers_missing(answers, i);
        if (question->type == type && slice_equal(question->name, slice_of_string(name)))
            return true;
    }
    return false;
}

#define assert_slice(actual, expected)                                                                     \
    do {                                                                                                   \
        struct slice actual_ = (actual), expected_ = slice_of_string(expected);                            \
        ck_assert_msg(slice_equal(actual_, expected_), "\"%.*s\", not \"%.*s\"", SLICE_ARG(actual_),       \
                      SLICE_ARG(expected_));                                                               \
    } while (0)

#define assert_result(actual, expected, note)                                                              \
    ck_assert_msg((actual) == (expected), "%s: %s, not %s", (note), auth_result_name(actual),              \
                  auth_result_name(expected))

#endif
