/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_message.c: any bytes as a message: header fields, addresses, signatures, and the whole way through libopendkim
 * with keys that exist. Every byte of the header belongs to one field, and whatever is removed is a field.
 * Parsers: policy/message.c policy/author.c policy/examine.c policy/indirect.c
 */
#include "policy/auth_arc.h"
#include "policy/auth_dkim.h"
#include "policy/auth_dmarc.h"
#include "policy/examine.h"
#include "policy/indirect.h"
#include "policy/message.h"
#include "tests/fuzz/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One question is answered a round. */
#define ROUNDS_MOST 4000

static const char key_rsa[] =
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCoLLhO7jrxf6ju5L3G4hp5/+xLLXovZcUj/QNo4JU70IIN2ZRy+Ks2+K/g5+ah"
    "7rXFKvxAFYhHyH1aiIdc7JV62kvJFyeOPjxOtjo94h8+wp/zP0Dez4UkvUMS1kAd6i4Sj4A5EAVSnDfsGsqQw2GJGd"
    "dkkE9mI/DXnaDyqi4kuQIDAQAB";
static const char key_ed25519[] = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/* Rules that read fields and add one, so that those are looked for. */
static const char rules[] = "rule a at message { when header[\"Subject\"] == \"x\" and header[\"X-List\"] is absent "
                            "then tag \"X-A\" \"x\" }";
/* Keys of either kind, by the first letter of the name, and policies; one in five names does not exist. */
static void answer_one(struct answers *answers)
{
    if (answers_missing_count(answers) > 0) {
        struct answer_record record = { 0 };
        struct answer answer = { .question = *answers_missing(answers, 0),
                                 .status = ANSWER_NO_NAME,
                                 .records = &record };
        struct slice name = answer.question.name;
        if (slice_starts_with(name, SLICE("_dmarc.")))
            record.data = SLICE("v=DMARC1; p=reject; sp=quarantine; np=none");
        else if (answer.question.type == QUESTION_TXT)
            record.data = slice_of_string(name.length > 0 && name.text[0] == 'e' ? key_ed25519 : key_rsa);
        if (record.data.text != NULL && name.length % 5 != 0) {
            answer.status = ANSWER_RECORDS;
            answer.count = 1;
        }
        answers_add(answers, &answer);
        answers_forget_questions(answers);
    }
}

static void judge_all(const struct facts *facts, const struct evidence *evidence, struct answers *answers,
                      struct arena *arena)
{
    struct findings findings = { .spf = { .result = AUTH_PASS, .domain = SLICE("mail.example.org") } };
    struct dmarc_outcome dmarc = { .result = AUTH_PENDING };

    findings.dkim = arena_array(arena, evidence->signatures_count + 1, sizeof(*findings.dkim));
    findings.dkim_count = evidence->signatures_count;
    for (size_t i = 0; i < evidence->signatures_count; i++)
        findings.dkim[i] = auth_dkim_outcome(&evidence->signatures[i], facts, answers, arena);
    findings.arc = auth_arc_outcome(facts, evidence, answers, arena);
    for (unsigned round = 0; dmarc.result == AUTH_PENDING && round < ROUNDS_MOST; round++) {
        dmarc = auth_dmarc(evidence, &findings, answers, arena);
        if ((dmarc.result == AUTH_PENDING) != (answers_missing_count(answers) > 0))
            bug("pending without a question");
        answer_one(answers);
    }
    if (dmarc.result == AUTH_PENDING)
        bug("DMARC never ends");
    (void)indirect_is(evidence, &findings);
}

static void check_fields(struct slice header, struct arena *arena)
{
    struct message_header parsed;
    size_t at = 0;
    message_parse(header, arena, &parsed);
    for (size_t i = 0; i < parsed.count; i++) {
        if (parsed.fields[i].offset != at || parsed.fields[i].text.length == 0)
            bug("a byte of the header is lost");
        at += parsed.fields[i].text.length;
    }
    if (parsed.size < at || parsed.size > header.length || parsed.size - at > 2)
        bug("size of the header");
}

static void check_removed(const struct examination *examination, struct slice header)
{
    size_t count, end = 0;
    const struct removed_field *removed = examine_removed(examination, &count);
    for (size_t i = 0; i < count; i++) {
        if (removed[i].offset < end || removed[i].offset + removed[i].length > header.length)
            bug("removed field is out of place");
        end = removed[i].offset + removed[i].length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    struct facts facts = { .arrival = INT64_C(1795328112000000),
                           .authserv_id = SLICE("mx.example.net"),
                           .record_subject = true,
                           .signatures_most = 4 };
    struct slice message = slice_of((const char *)data, size);
    struct message_header parsed;

    check_fields(message, arena);
    message_parse(message, arena, &parsed);
    struct slice header = slice_first(message, parsed.size);
    struct examination *examination = examine_begin(&facts, fuzz_program(rules), header, arena);
    while (examine_keys(examination, answers) == EXAMINE_WAITS)
        answer_one(answers);
    for (struct slice body = slice_from(message, parsed.size); body.length > 0; body = slice_from(body, 17))
        examine_body(examination, slice_first(body, 17));
    examine_finish(examination);
    check_removed(examination, header);
    judge_all(&facts, examine_evidence(examination), answers, arena);
    examine_free(&examination);
    arena_free(&arena);
    return 0;
}
