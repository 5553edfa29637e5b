/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc_case.c: the ARC chain of one message a line, for tests/arc_differential and tests/arc_bounds. The protocol, texts
 * in hexadecimal ("-" is empty):
 *     in   SECONDS MESSAGE [NAME STATUS RECORD]...   arrival; TXT answers, every other name does not exist
 *     out  RESULT OLDEST COUNT QUESTIONS MICROSECONDS SEALERS REASON
 * OLDEST is -1 when it is unknown, QUESTIONS how many answers were asked for, MICROSECONDS the CPU time it took.
 */
#include <stdio.h>
#include <time.h>

#include "policy/auth_arc.h"
#include "policy/examine.h"
#include "tests/support/hex.h"

/* Chunks in which the body is given. */
#define CHUNK 61

/* Answers that were given, then those that were asked for and do not exist. */
static struct answers *read_answers(char **rest, struct arena *arena)
{
    struct answers *answers = answers_new(arena);
    for (char *word = strtok_r(NULL, " \n", rest); word != NULL; word = strtok_r(NULL, " \n", rest)) {
        struct answer_record record = { 0 };
        struct slice name = unhex(slice_of_string(word), arena);
        struct answer answer = { .question = { QUESTION_TXT, name }, .records = &record };
        const char *status = strtok_r(NULL, " \n", rest);
        record.data = unhex(slice_of_string(strtok_r(NULL, " \n", rest)), arena);
        if (status == NULL || !answer_status_parse(slice_of_string(status), &answer.status))
            die("not a status");
        answer.count = answer.status == ANSWER_RECORDS;
        answers_add(answers, &answer);
    }
    return answers;
}

static void deny_missing(struct answers *answers)
{
    for (size_t i = 0; i < answers_missing_count(answers); i++) {
        struct answer answer = { .question = *answers_missing(answers, i), .status = ANSWER_NO_NAME };
        answers_add(answers, &answer);
    }
    answers_forget_questions(answers);
}

static size_t used_answers(struct answers *answers)
{
    size_t count = 0;
    for (const struct answer *answer = answers_first(answers); answer != NULL; answer = answer->next)
        count += answer->used;
    return count;
}

static void feed_body(struct examination *examination, struct slice body)
{
    for (; body.length > 0; body = slice_from(body, CHUNK))
        examine_body(examination, slice_first(body, CHUNK));
}

/* To the end of the empty line, or all. */
static size_t header_length(struct slice message)
{
    for (size_t at = 0; at < message.length; at += slice_find(slice_from(message, at), '\n') + 1)
        if (slice_starts_with(slice_from(message, at), SLICE("\r\n")))
            return at + 2;
    return message.length;
}

static void print_sealers(const struct evidence *evidence)
{
    for (size_t i = evidence->arc_sets_count; i > 0; i--)
        printf("%.*s%s", SLICE_ARG(evidence->arc_sets[i - 1].seal.domain), i > 1 ? "," : "");
    if (evidence->arc_sets_count == 0)
        putchar('-');
    putchar(' ');
}

static void check(char *line)
{
    struct arena *arena = arena_new();
    char *rest = NULL;
    struct facts facts = { .arrival = strtoll(strtok_r(line, " \n", &rest), NULL, 10) * 1000000, .signatures_most = 0 };
    struct slice message = unhex(slice_of_string(strtok_r(NULL, " \n", &rest)), arena);
    struct answers *answers = read_answers(&rest, arena);
    size_t header = header_length(message);
    clock_t begun = clock();

    struct examination *examination = examine_begin(&facts, NULL, slice_first(message, header), arena);
    while (examine_keys(examination, answers) == EXAMINE_WAITS)
        deny_missing(answers);
    feed_body(examination, slice_from(message, header));
    examine_finish(examination);
    const struct evidence *evidence = examine_evidence(examination);
    struct arc_outcome outcome = auth_arc_outcome(&facts, evidence, answers, arena);
    long spent = (long)(clock() - begun) * 1000000L / CLOCKS_PER_SEC;
    printf("%s %ld %zu %zu %ld ", auth_result_name(outcome.result),
           outcome.has_oldest_pass ? (long)outcome.oldest_pass : -1L, evidence->arc_sets_count,
           used_answers(answers), spent);
    print_sealers(evidence);
    print_hex(outcome.reason);
    putchar('\n');
    fflush(stdout);
    examine_free(&examination);
    arena_free(&arena);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    examine_prepare();
    while (getline(&line, &room, stdin) > 0)
        check(line);
    free(line);
    return 0;
}
