/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_arc.c: any bytes as a header with ARC fields and a body behind it, all keys alike: sets, tag lists, results, the
 * chain and its cryptography. What is a chain is whole and bounded, its evidence survives a frame, and its outcome is
 * one that RFC 8617 knows.
 * Parsers: policy/auth_arc_parse.c policy/auth_arc.c policy/auth_arc_crypto.c policy/auth_results_parse.c
 */
#include "policy/auth_arc.h"
#include "policy/examine.h"
#include "policy/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RSA of 1,024 bits, made for this purpose; the corpus is sealed with it. */
static const char key[] =
#include "tests/fuzz/arc_key.inc"
    ;

static void answer_missing(struct answers *answers)
{
    struct answer_record record = { .data = slice_of(key, sizeof key - 1) };
    for (size_t i = 0; i < answers_missing_count(answers); i++) {
        struct answer answer = {
            .question = *answers_missing(answers, i), .status = ANSWER_RECORDS, .count = 1, .records = &record,
        };
        answers_add(answers, &answer);
    }
    answers_forget_questions(answers);
}

static size_t header_length(struct slice message)
{
    for (size_t at = 0; at < message.length; at += slice_find(slice_from(message, at), '\n') + 1)
        if (slice_starts_with(slice_from(message, at), SLICE("\r\n")))
            return at + 2;
    return message.length;
}

static void check_evidence(const struct evidence *evidence)
{
    if (evidence->arc_sets_count > EVIDENCE_ARC_SETS_MOST)
        bug("too many sets");
    if (evidence->arc_sets_count > 0 && evidence->arc_problem.length > 0)
        bug("a chain with a problem");
    for (size_t i = 0; i < evidence->arc_sets_count; i++) {
        const struct arc_set *set = &evidence->arc_sets[i];
        if (set->seal.problem.length > 0 || set->seal.domain.length == 0 || set->claims_count > EVIDENCE_CLAIMS_MOST)
            bug("a set that is not whole");
    }
}

static void check_frame(const struct evidence *evidence, struct arena *arena)
{
    struct wire_writer once, twice;
    struct wire_reader reader;
    struct evidence copy;
    wire_writer_init(&once, 8U << 20);
    wire_writer_init(&twice, 8U << 20);
    evidence_encode(evidence, &once);
    wire_reader_init(&reader, wire_written(&once));
    if (!evidence_decode(&reader, arena, &copy))
        bug("evidence that cannot be read back");
    evidence_encode(&copy, &twice);
    if (!slice_equal(wire_written(&once), wire_written(&twice)))
        bug("evidence that a frame changes");
    wire_writer_clear(&once);
    wire_writer_clear(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool prepared;
    if (!prepared)
        examine_prepare();
    prepared = true;
    struct arena *arena = arena_new();
    struct slice message = slice_of((const char *)data, size);
    struct answers *answers = answers_new(arena);
    struct facts facts = { .arrival = 1780000100000000, .authserv_id = SLICE("mx.example.net") };
    size_t header = header_length(message);
    struct examination *examination = examine_begin(&facts, NULL, slice_first(message, header), arena);

    while (examine_keys(examination, answers) == EXAMINE_WAITS)
        answer_missing(answers);
    examine_body(examination, slice_from(message, header));
    examine_finish(examination);
    const struct evidence *evidence = examine_evidence(examination);
    struct arc_outcome outcome = auth_arc_outcome(&facts, evidence, answers, arena);
    if (outcome.result != AUTH_NONE && outcome.result != AUTH_PASS && outcome.result != AUTH_FAIL)
        bug("an outcome that is none of ARC's");
    if ((outcome.result == AUTH_FAIL) != (outcome.reason.length > 0))
        bug("a failure without a reason");
    if (outcome.result == AUTH_PASS && auth_arc_witness(evidence) >= evidence->arc_sets_count)
        bug("a witness that is none");
    check_evidence(evidence);
    check_frame(evidence, arena);
    examine_free(&examination);
    arena_free(&arena);
    return 0;
}
