/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_spf_record.c: any bytes as SPF records, one a line: the first is the sender's, the others are those of the
 * domains it leads to. What the grammar lets through goes the whole way, through libspf2, for clients of both
 * families; every check ends, within the limits.
 * Parsers: policy/spf_record.c policy/spf_macro.c policy/spf_equal.c policy/spf_check.c
 */
#include "policy/auth_spf.h"
#include "policy/spf_macro.h"
#include "policy/spf_record.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One question is answered a round: 11 terms, 10 names each, explanation. */
#define ROUNDS_MOST 2000
#define NAMES 3

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    auth_spf_prepare();
    return 0;
}

/* Which of the lines belongs to a name. */
static struct slice line_of(struct slice lines, struct slice name)
{
    size_t count = 1, skip;
    for (size_t i = 0; i < lines.length; i++)
        count += lines.text[i] == '\n';
    skip = slice_equal(name, SLICE("example.org")) ? 0 : name.length % count;
    while (skip-- > 0)
        slice_cut(&lines, '\n');
    return slice_cut(&lines, '\n');
}

static uint32_t fill(struct answer_record *records, const struct question *question, struct slice lines)
{
    static const char *const names[NAMES] = { "mail.example.org", "b.example", "." };
    uint32_t count = 1;

    switch (question->type) {
    case QUESTION_A:
        records[0].data = slice_of("\xc0\x00\x02\x01", 4);
        break;
    case QUESTION_AAAA:
        records[0].data = slice_of("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
        break;
    case QUESTION_PTR:
    case QUESTION_MX:
        for (count = 0; count < NAMES; count++)
            records[count].data = slice_of_string(names[count]);
        break;
    case QUESTION_TXT:
        records[0].data = line_of(lines, question->name);
        break;
    }
    return count;
}

static void answer_one(struct answers *answers, struct slice lines)
{
    struct answer_record records[NAMES] = { { 0 } };
    struct answer answer = { .question = *answers_missing(answers, 0), .records = records };
    static const enum answer_status statuses[] = {
        ANSWER_RECORDS, ANSWER_RECORDS, ANSWER_RECORDS, ANSWER_NO_NAME, ANSWER_RECORDS, ANSWER_NO_DATA, ANSWER_TIMEOUT,
    };

    answer.status = statuses[answer.question.name.length % 7];
    if (slice_equal(answer.question.name, SLICE("example.org")))
        answer.status = ANSWER_RECORDS;
    if (answer.status == ANSWER_RECORDS)
        answer.count = fill(records, &answer.question, lines);
    answers_add(answers, &answer);
    answers_forget_questions(answers);
}

static void check(struct slice lines, const char *client)
{
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    struct facts facts = {
        .arrival = INT64_C(1795328112000000),
        .hostname = SLICE("mx.example.net"),
        .has_helo = true,
        .helo = SLICE("helo.example"),
        .has_mail = true,
        .sender = SLICE("a.b-c@example.org"),
        .sender_local_part = SLICE("a.b-c"),
        .sender_domain = SLICE("example.org"),
    };
    struct spf_outcome outcome = { .result = AUTH_PENDING };

    address_parse(slice_of_string(client), &facts.client_address);
    for (unsigned round = 0; outcome.result == AUTH_PENDING; round++) {
        if (round == ROUNDS_MOST)
            bug("SPF never ends");
        outcome = auth_spf(&facts, answers, arena, AUTH_SPF_MAIL_FROM);
        if ((outcome.result == AUTH_PENDING) != (answers_missing_count(answers) > 0))
            bug("pending without a question");
        if (outcome.result == AUTH_PENDING)
            answer_one(answers, lines);
    }
    if (outcome.lookups > AUTH_SPF_TERMS_MOST + 1 || outcome.void_lookups > AUTH_SPF_VOID_LOOKUPS_MOST + 1)
        bug("beyond the limits");
    if (outcome.result == AUTH_TEMPERROR && slice_starts_with(outcome.reason, SLICE("libspf2")))
        bug("libspf2 gave up");
    arena_free(&arena);
}

/* The grammars alone, over the input's own bytes: answers are copied with a byte behind them that ends most loops. */
static void parse_lines(struct slice lines)
{
    struct arena *arena = arena_new();
    while (lines.text != NULL) {
        struct slice line = slice_cut(&lines, '\n'), why;
        struct spf_record record;
        const char *problem;
        if (spf_record_is(line) && spf_record_parse(line, arena, &record, &why))
            for (size_t i = 0; i < record.count; i++)
                if (record.terms[i].text.text < line.text || record.terms[i].text.length > line.length)
                    bug("a term that is not in the record");
        spf_macro_is_string(line, &problem);
        spf_macro_is_explanation(line, &problem);
        spf_macro_uses_name(line);
        spf_macro_uses_local_part(line);
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice lines = slice_of((const char *)data, size);
    parse_lines(lines);
    check(lines, "192.0.2.1");
    check(lines, "2001:db8::1");
    return 0;
}
