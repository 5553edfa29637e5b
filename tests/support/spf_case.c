/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_case.c: one auth_spf() a line, for tests/spf_suite. It has no DNS: each missing answer is printed as a
 * question, and whoever drives it writes the answer. The protocol, one line each, texts in hexadecimal ("-" is
 * empty):
 *     in   check IDENTITY ADDRESS HELO SENDER      IDENTITY is "helo" or "mail"
 *     out  ask TYPE NAME                           any number, then "go"
 *     in   answer STATUS [PREFERENCE:DATA ...]     one for each, in order
 *     out  result RESULT LOOKUPS VOID EXPLANATION REASON
 */
#include <stdio.h>

#include "policy/auth_spf.h"
#include "tests/support/hex.h"

/* Rounds of one check; RFC 7208's limits end every check long before. */
#define ROUNDS_MOST 64

static void read_answer(struct answers *answers, const struct question *question, struct arena *arena)
{
    static char *line;
    static size_t room;
    struct answer_record records[ANSWER_RECORDS_MOST];
    struct answer answer = { .question = *question, .records = records };
    char *rest = NULL;

    if (getline(&line, &room, stdin) < 0)
        die("no answer");
    line[strcspn(line, "\n")] = 0;
    strtok_r(line, " ", &rest);
    struct slice status = slice_of_string(strtok_r(NULL, " ", &rest));
    if (!answer_status_parse(status, &answer.status))
        die("not a status");
    for (char *word = strtok_r(NULL, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        char *colon = strchr(word, ':');
        if (colon == NULL || answer.count == ANSWER_RECORDS_MOST)
            die("not a record");
        *colon = 0;
        records[answer.count].preference = (uint16_t)strtoul(word, NULL, 10);
        records[answer.count++].data = unhex(slice_of_string(colon + 1), arena);
    }
    answers_add(answers, &answer);
}

static void ask(struct answers *answers, struct arena *arena)
{
    size_t count = answers_missing_count(answers);
    struct question *questions = arena_array(arena, count, sizeof(*questions));

    for (size_t i = 0; i < count; i++) {
        questions[i] = *answers_missing(answers, i);
        printf("ask %s", question_type_name(questions[i].type));
        print_word(questions[i].name);
        putchar('\n');
    }
    puts("go");
    fflush(stdout);
    for (size_t i = 0; i < count; i++)
        read_answer(answers, &questions[i], arena);
    answers_forget_questions(answers);
}

static void split_sender(struct facts *facts)
{
    size_t at = facts->sender.length;
    while (at > 0 && facts->sender.text[at - 1] != '@')
        at--;
    facts->sender_domain = slice_from(facts->sender, at);
    facts->sender_local_part = slice_first(facts->sender, at > 0 ? at - 1 : 0);
}

static void check(char *line)
{
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    struct facts facts = {
        .hostname = SLICE("receiver.example"), .arrival = 1500000000000000, .has_helo = true, .has_mail = true
    };
    struct spf_outcome outcome = { .result = AUTH_PENDING };
    char *rest = NULL;

    strtok_r(line, " ", &rest);
    const char *identity = strtok_r(NULL, " ", &rest);
    struct slice address = unhex(slice_of_string(strtok_r(NULL, " ", &rest)), arena);
    if (identity == NULL || !address_parse(address, &facts.client_address))
        die("not a check");
    facts.helo = unhex(slice_of_string(strtok_r(NULL, " ", &rest)), arena);
    facts.sender = unhex(slice_of_string(strtok_r(NULL, " \n", &rest)), arena);
    split_sender(&facts);
    for (unsigned round = 0; outcome.result == AUTH_PENDING; round++) {
        if (round == ROUNDS_MOST)
            die("never ends");
        outcome = auth_spf(&facts, answers, arena, strcmp(identity, "helo") == 0 ? AUTH_SPF_HELO : AUTH_SPF_MAIL_FROM);
        if (outcome.result == AUTH_PENDING)
            ask(answers, arena);
    }
    printf("result %s %u %u", auth_result_name(outcome.result), outcome.lookups, outcome.void_lookups);
    print_word(outcome.explanation);
    print_word(outcome.reason);
    putchar('\n');
    fflush(stdout);
    arena_free(&arena);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    auth_spf_prepare();
    while (getline(&line, &room, stdin) >= 0)
        check(line);
    free(line);
    return 0;
}
