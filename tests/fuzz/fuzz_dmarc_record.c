/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_dmarc_record.c: any bytes as the TXT records of a tree walk, one a line: the first line is at the author domain,
 * the next ones at its parents, "!" a failure and an empty line nothing; a sender within the same domain passes SPF.
 * The outcome must hang together, and OpenDMARC see only what is plain.
 * Parsers: policy/dmarc_record.c policy/auth_dmarc.c policy/dmarc_library.c
 */
#include "policy/auth_dmarc.h"
#include "policy/dmarc_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AUTHOR "a.b.c.example"
#define LABELS 4

static void check_record(struct slice text)
{
    struct dmarc_record record;

    if (!dmarc_record_parse(text, &record))
        return;
    if (record.policy == DMARC_NO_POLICY && !record.invalid)
        bug("a policy that is none");
    if (record.psd != 'y' && record.psd != 'n' && record.psd != 'u')
        bug("a psd that is none");
    if (record.plain && (record.invalid || text.length > DMARC_RECORD_PLAIN_MOST))
        bug("a plain record that is none");
    for (size_t i = 0; record.plain && i < text.length; i++)
        if (text.text[i] > '~' || (text.text[i] < ' ' && text.text[i] != '\t'))
            bug("a plain record with a byte that is not");
}

static void add_answer(struct answers *answers, struct slice name, struct slice text, struct arena *arena)
{
    struct answer_record record = { .data = text };
    struct answer answer = {
        .question = { QUESTION_TXT, arena_printf(arena, "_dmarc.%.*s", SLICE_ARG(name)) },
        .status = slice_equal(text, SLICE("!")) ? ANSWER_TIMEOUT : text.length == 0 ? ANSWER_NO_NAME : ANSWER_RECORDS,
        .count = text.length > 0 && !slice_equal(text, SLICE("!")),
        .records = &record,
    };
    answers_add(answers, &answer);
}

static void check_outcome(const struct dmarc_outcome *outcome)
{
    bool aligned = outcome->spf_aligned || outcome->dkim_aligned;

    if (outcome->result == AUTH_PASS && (!aligned || outcome->record_domain.length == 0))
        bug("a pass of nothing");
    if (outcome->result == AUTH_FAIL && (aligned || outcome->policy == DMARC_NO_POLICY))
        bug("a fail that is none");
    if (outcome->policy > outcome->asked)
        bug("more than was asked");
    if (outcome->organizational_domain.length > 0 &&
        !slice_ends_with_nocase(outcome->author_domain, outcome->organizational_domain))
        bug("an organization elsewhere");
    if (outcome->result == AUTH_PENDING)
        bug("everything is answered");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool prepared;
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    struct slice rest = slice_of((const char *)data, size), name = SLICE(AUTHOR);
    struct slice author = SLICE(AUTHOR);
    struct evidence evidence = { .author_domains = &author, .author_domains_count = 1 };
    struct findings findings = { .spf = { .result = AUTH_PASS, .domain = SLICE("x.c.example") } };
    struct answer exists = { .question = { QUESTION_A, SLICE(AUTHOR) },
                             .status = size % 2 == 0 ? ANSWER_NO_NAME : ANSWER_NO_DATA };

    if (!prepared)
        auth_dmarc_prepare();
    prepared = true;
    for (size_t i = 0; i < LABELS; i++, name = slice_from(name, slice_find(name, '.') + 1)) {
        struct slice line = rest.text == NULL ? SLICE("") : slice_cut(&rest, '\n');
        check_record(line);
        add_answer(answers, name, line, arena);
    }
    add_answer(answers, SLICE("x.c.example"), rest.text == NULL ? SLICE("") : slice_cut(&rest, '\n'), arena);
    answers_add(answers, &exists);
    struct dmarc_outcome outcome = auth_dmarc(&evidence, &findings, answers, arena);
    check_outcome(&outcome);
    arena_free(&arena);
    return 0;
}
