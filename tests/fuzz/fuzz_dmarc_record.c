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
/* A walk is asked for at once; who exists, after it. */
#define ROUNDS_MOST 3

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

    if (!slice_equal(text, SLICE("?")))
        answers_add(answers, &answer);
}

/* Two of each kind at most. */
struct story {
    struct facts facts;
    struct slice authors[3];
    struct signature signatures[2];
    struct dkim_outcome dkim[2];
    struct evidence evidence;
    struct findings findings;
    bool withheld;                 /* an answer is missing */
};

static void add_signature(struct story *story, struct slice domain, enum auth_result result, bool malformed)
{
    size_t i = story->evidence.signatures_count;

    if (i == 2)
        return;
    story->signatures[i] = (struct signature){ .domain = domain, .problem = malformed ? SLICE("odd") : SLICE_NONE };
    story->dkim[i] = (struct dkim_outcome){ .result = result };
    story->evidence.signatures_count = story->findings.dkim_count = i + 1;
}

static void pass_spf(struct story *story, struct slice domain)
{
    story->findings.spf = (struct spf_outcome){ .result = AUTH_PASS, .domain = domain };
}

static void add_author(struct story *story, struct slice domain)
{
    if (story->evidence.author_domains_count < 3)
        story->authors[story->evidence.author_domains_count++] = domain;
}

/*
 * s: SPF passes for a sender within the author's organization; S: for one elsewhere. p, f, t, m: a signature of
 * "c.example" that passes, fails, has no key yet for DNS fails, is malformed; e: one of the author's own domain.
 * o, l, d: a second author elsewhere, at an address, with more labels than a walk asks for. x: the message is
 * malformed.
 */
static void read_story(struct story *story, struct slice letters)
{
    add_author(story, SLICE(AUTHOR));
    story->facts = (struct facts){ .sender = SLICE("u@x.c.example"), .sender_domain = SLICE("x.c.example") };
    for (size_t i = 0; i < letters.length; i++)
        switch (letters.text[i]) {
        case 's':
            pass_spf(story, SLICE("x.c.example"));
            break;
        case 'S':
            pass_spf(story, SLICE("x.test"));
            break;
        case 'p':
            add_signature(story, SLICE("c.example"), AUTH_PASS, false);
            break;
        case 'f':
            add_signature(story, SLICE("c.example"), AUTH_FAIL, false);
            break;
        case 't':
            add_signature(story, SLICE("c.example"), AUTH_TEMPERROR, false);
            break;
        case 'm':
            add_signature(story, SLICE("c.example"), AUTH_PERMERROR, true);
            break;
        case 'e':
            add_signature(story, SLICE(AUTHOR), AUTH_PASS, false);
            break;
        case 'o':
            add_author(story, SLICE("other.c.example"));
            break;
        case 'l':
            add_author(story, SLICE("[192.0.2.1]"));
            break;
        case 'd':
            add_author(story, SLICE("1.2.3.4.5.6.7.8.9." AUTHOR));
            break;
        case 'x':
            story->evidence.malformed = SLICE("two From fields");
            break;
        }
    story->evidence.author_domains = story->authors;
    story->evidence.signatures = story->signatures;
    story->findings.dkim = story->dkim;
}

static void check_outcome(const struct dmarc_outcome *outcome, bool withheld)
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
    if (outcome->result == AUTH_PENDING && !withheld)
        bug("everything is answered");
}

/* Whether nothing but what follows from the authors is asked, and of each author no more than a walk may (4.10). */
static void check_questions(struct story *story, struct arena *arena)
{
    struct answers *answers = answers_new(arena);

    auth_dmarc_want(&story->facts, &story->evidence, answers, arena);
    if (answers_wanted_count(answers) > AUTH_DMARC_QUERIES_MOST * 4 * story->evidence.author_domains_count)
        bug("more questions than walks have");
    if (auth_dmarc(&story->evidence, &story->findings, answers, arena).result != AUTH_PENDING)
        bug("judged before anything was answered");
}

/* What is asked beyond the lines has no answer in DNS. */
static struct dmarc_outcome judge_to_the_end(struct story *story, struct answers *answers, struct arena *arena)
{
    struct dmarc_outcome outcome = auth_dmarc(&story->evidence, &story->findings, answers, arena);

    for (unsigned round = 0; round < ROUNDS_MOST && outcome.result == AUTH_PENDING && !story->withheld; round++) {
        for (size_t i = 0; i < answers_missing_count(answers); i++) {
            struct answer none = { .question = *answers_missing(answers, i), .status = ANSWER_NO_NAME };

            answers_add(answers, &none);
        }
        answers_forget_questions(answers);
        outcome = auth_dmarc(&story->evidence, &story->findings, answers, arena);
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool prepared;
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    struct slice rest = slice_of((const char *)data, size), name = SLICE(AUTHOR);
    struct story story = { .withheld = false };
    struct answer exists = { .question = { QUESTION_A, SLICE(AUTHOR) },
                             .status = size % 2 == 0 ? ANSWER_NO_NAME : ANSWER_NO_DATA };

    if (!prepared)
        auth_dmarc_prepare();
    prepared = true;
    for (size_t i = 0; i <= LABELS; i++) {
        struct slice line = rest.text == NULL ? SLICE("") : slice_cut(&rest, '\n');

        check_record(line);
        story.withheld |= slice_equal(line, SLICE("?"));
        add_answer(answers, i == LABELS ? SLICE("x.c.example") : name, line, arena);
        name = slice_from(name, slice_find(name, '.') + 1);
    }
    answers_add(answers, &exists);
    read_story(&story, rest.text == NULL ? SLICE("s") : rest);
    check_questions(&story, arena);
    struct dmarc_outcome outcome = judge_to_the_end(&story, answers, arena);
    check_outcome(&outcome, story.withheld);
    arena_free(&arena);
    return 0;
}
