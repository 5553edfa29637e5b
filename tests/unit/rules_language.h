/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_language.h: a small language for the tests of rules/: a fact of every type, stages, and an action of every
 * form. Facts read from a table of values that the test sets by name; a fact that is not set is absent.
 */
#ifndef MXWARD_TESTS_RULES_LANGUAGE_H
#define MXWARD_TESTS_RULES_LANGUAGE_H

#include "rules/eval.h"
#include "rules/program.h"

enum { TEST_CONNECT, TEST_MAIL, TEST_MESSAGE };

enum test_fact {
    TEST_CLIENT_IP, TEST_CLIENT_PTR, TEST_HELO, TEST_SPF, TEST_DMARC, TEST_DKIM_DOMAIN, TEST_FROM_DOMAIN, TEST_HEADER,
    TEST_SIZE, TEST_AGE, TEST_INDIRECT, TEST_TRUSTED, TEST_SCORE, TEST_FACTS,
};

struct test_values {
    struct value values[TEST_FACTS];
    unsigned reads[TEST_FACTS];
    int64_t score;
    struct slice last_key;
};

#define TEST_READER(name, fact)                                                              \
    static struct value name(void *context, struct slice key, struct arena *arena)           \
    {                                                                                        \
        struct test_values *values = context;                                                \
        (void)arena;                                                                         \
        values->reads[fact]++;                                                               \
        values->last_key = key;                                                              \
        return values->values[fact];                                                         \
    }

TEST_READER(test_read_client_ip, TEST_CLIENT_IP)
TEST_READER(test_read_client_ptr, TEST_CLIENT_PTR)
TEST_READER(test_read_helo, TEST_HELO)
TEST_READER(test_read_spf, TEST_SPF)
TEST_READER(test_read_dmarc, TEST_DMARC)
TEST_READER(test_read_dkim_domain, TEST_DKIM_DOMAIN)
TEST_READER(test_read_from_domain, TEST_FROM_DOMAIN)
TEST_READER(test_read_header, TEST_HEADER)
TEST_READER(test_read_size, TEST_SIZE)
TEST_READER(test_read_age, TEST_AGE)
TEST_READER(test_read_indirect, TEST_INDIRECT)
TEST_READER(test_read_trusted, TEST_TRUSTED)

static struct value test_read_score(void *context, struct slice key, struct arena *arena)
{
    (void)key;
    (void)arena;
    return value_number(((struct test_values *)context)->score);
}

static const char *const test_stages[] = { "connect", "mail", "message" };
static const char *const test_results[] = { "pass", "fail", "softfail", "none", "temperror", NULL };

static const char *const test_lists[] = { "friends", NULL };

static const struct field test_fields[] = {
    [TEST_CLIENT_IP] = { "client.ip", NULL, VALUE_ADDRESS, TEST_CONNECT, false, NULL, test_read_client_ip, "" },
    [TEST_CLIENT_PTR] = { "client.ptr", NULL, VALUE_DOMAIN, TEST_CONNECT, false, NULL, test_read_client_ptr, "" },
    [TEST_HELO] = { "helo", NULL, VALUE_TEXT, TEST_MAIL, false, NULL, test_read_helo, "" },
    [TEST_SPF] = { "spf.result", "spf", VALUE_WORD, TEST_MAIL, false, test_results, test_read_spf, "" },
    [TEST_DMARC] = { "dmarc.result", "dmarc", VALUE_WORD, TEST_MESSAGE, false, test_results, test_read_dmarc, "" },
    [TEST_DKIM_DOMAIN] = { "dkim.domain", NULL, VALUE_DOMAIN, TEST_MESSAGE, false, NULL, test_read_dkim_domain, "" },
    [TEST_FROM_DOMAIN] = { "from.domain", NULL, VALUE_DOMAIN, TEST_MESSAGE, false, NULL, test_read_from_domain, "" },
    [TEST_HEADER] = { "header", NULL, VALUE_TEXT, TEST_MESSAGE, true, NULL, test_read_header, "" },
    [TEST_SIZE] = { "size", NULL, VALUE_NUMBER, TEST_MESSAGE, false, field_bytes, test_read_size, "" },
    [TEST_AGE] = { "age", NULL, VALUE_NUMBER, TEST_MESSAGE, false, field_time, test_read_age, "" },
    [TEST_TRUSTED] = { "trusted", NULL, VALUE_BOOLEAN, TEST_MESSAGE, false, test_lists, test_read_trusted, "" },
    [TEST_INDIRECT] = { "indirect", NULL, VALUE_BOOLEAN, TEST_MESSAGE, false, NULL, test_read_indirect, "" },
    [TEST_SCORE] = { "score", NULL, VALUE_NUMBER, TEST_CONNECT, false, NULL, test_read_score, "" },
};

static const char *const test_override_words[] = { "mailing_list", "other", NULL };

static const struct action test_actions[] = {
    { "accept", ARGUMENTS_OPTIONAL_TEXT, true, TEST_CONNECT, 0, 0, NULL, NULL, "", NULL },
    { "reject", ARGUMENTS_REPLY, true, TEST_CONNECT, '5', 550, "5.7.1", "defer", "", NULL },
    { "defer", ARGUMENTS_REPLY, true, TEST_CONNECT, '4', 451, "4.7.1", NULL, "", NULL },
    { "score", ARGUMENTS_NUMBER, false, TEST_CONNECT, 0, 0, NULL, NULL, "", NULL },
    { "tag", ARGUMENTS_FIELD, false, TEST_MESSAGE, 0, 0, NULL, NULL, "", NULL },
    { "log", ARGUMENTS_TEXT, false, TEST_CONNECT, 0, 0, NULL, NULL, "", NULL },
    { "override", ARGUMENTS_WORD, false, TEST_CONNECT, 0, 0, NULL, NULL, "", test_override_words },
};

static const struct language test_language = {
    test_stages, sizeof(test_stages) / sizeof(*test_stages), test_fields, sizeof(test_fields) / sizeof(*test_fields),
    test_actions, sizeof(test_actions) / sizeof(*test_actions),
};

/* Files that are in memory: name and text in turn, NULL at the end. */
static inline bool test_read_memory(void *context, const char *path, struct arena *arena, struct slice *text_out,
                                    struct slice *problem_out)
{
    const char *const *files = context;

    (void)arena;
    for (size_t i = 0; files[i] != NULL; i += 2) {
        if (strcmp(files[i], path) == 0) {
            *text_out = slice_of_string(files[i + 1]);
            return true;
        }
    }
    *problem_out = SLICE("no such file");
    return false;
}

/* The program of one text; NULL when it has errors, which are then in `diagnostics`. */
static inline struct program *test_load(const char *text, struct arena *arena, struct diagnostics *diagnostics)
{
    const char *files[] = { "test.rules", text, NULL };
    const char *const paths[] = { "test.rules" };
    struct program_reader reader = { test_read_memory, files };

    diagnostics_init(diagnostics, arena);
    return program_load(&test_language, paths, 1, &reader, arena, diagnostics);
}

#endif
