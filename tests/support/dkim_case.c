/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_case.c: reads messages and judges their signatures, one a line, for tests/dkim_examples and
 * tests/dkim_differential. The protocol, one line each, texts in hexadecimal ("-" is empty):
 *     in   key NAME STATUS [DATA ...]      an answer for the next check; names without one do not exist
 *     in   check ARRIVAL MOST MESSAGE      seconds since 1970; how many signatures are tried at most
 *     out  signature RESULT TRIED BITS LENGTH-KNOWN SIZE COVERED ADDED UNSIGNED DOMAIN REASON     one for each
 *     out  end QUESTIONS AUTHOR-PROBLEM CPU-MICROSECONDS DIFFER
 * ADDED and UNSIGNED are bits of auth_dkim_field_names[]. DIFFER counts the signatures that our own way, without
 * libopendkim, verifies otherwise.
 */
#include <stdio.h>
#include <time.h>

#include "policy/auth_dkim.h"
#include "policy/auth_dkim_crypto.h"
#include "policy/auth_dkim_parse.h"
#include "policy/examine.h"
#include "tests/support/hex.h"

/* Bytes of a chunk of body, as frames have it. */
#define CHUNK 65536

static void add_key(struct slice rest, struct answers *answers, struct arena *arena)
{
    struct answer_record records[ANSWER_RECORDS_MOST] = { { .preference = 0 } };
    struct answer answer = { .question.type = QUESTION_TXT, .records = records };

    answer.question.name = unhex(slice_cut(&rest, ' '), arena);
    if (!answer_status_parse(slice_cut(&rest, ' '), &answer.status))
        die("not a status");
    while (rest.text != NULL && answer.count < ANSWER_RECORDS_MOST)
        records[answer.count++].data = unhex(slice_cut(&rest, ' '), arena);
    answers_add(answers, &answer);
}

static size_t header_length(struct slice message)
{
    for (size_t i = 0; i + 4 <= message.length; i++)
        if (memcmp(message.text + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return message.length;
}

/* What has no answer does not exist. */
static size_t answer_missing(struct answers *answers)
{
    size_t count = answers_missing_count(answers);
    for (size_t i = 0; i < count; i++) {
        struct answer answer = { .question = *answers_missing(answers, i), .status = ANSWER_NO_NAME };
        answers_add(answers, &answer);
    }
    answers_forget_questions(answers);
    return count;
}

static int64_t cpu_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool is_same(const struct signature *one, const struct signature *other)
{
    return one->crypto == other->crypto && one->key_bits == other->key_bits && one->has_body == other->has_body
        && one->body_size == other->body_size && one->body_covered == other->body_covered
        && slice_equal(one->body_hash, other->body_hash);
}

/* What libopendkim verified once more without it: the two are to agree. How many do not. */
static size_t verify_again(struct slice message, size_t header, const struct evidence *evidence, struct arena *arena)
{
    struct message_header parsed;
    struct auth_dkim_candidate candidates[EVIDENCE_SIGNATURES_MOST] = { { .field = NULL } };
    struct signature signatures[EVIDENCE_SIGNATURES_MOST];
    size_t count = 0, index = 0, differ = 0;

    message_parse(slice_first(message, header), arena, &parsed);
    while (count < evidence->signatures_count) {
        const struct message_field *field = message_next(&parsed, SLICE("DKIM-Signature"), &index);
        auth_dkim_parse_signature(field->value, arena, &signatures[count]);
        signatures[count].key_data = evidence->signatures[count].key_data;
        candidates[count] = (struct auth_dkim_candidate){
            .field = field, .signature = &signatures[count], .own = true,
            .chosen = evidence->signatures[count].crypto != SIGNATURE_NOT_TRIED,
        };
        count++;
    }
    struct auth_dkim_crypto *crypto = auth_dkim_crypto_new(&parsed, candidates, count, arena);
    if (crypto == NULL)
        return 0;
    auth_dkim_crypto_body(crypto, slice_from(message, header));
    auth_dkim_crypto_finish(crypto);
    for (size_t i = 0; i < count; i++)
        differ += candidates[i].chosen && !is_same(&signatures[i], &evidence->signatures[i]);
    auth_dkim_crypto_free(&crypto);
    return differ;
}

static void print_signature(const struct signature *signature, const struct dkim_outcome *outcome)
{
    printf("signature %s %d %u %d %llu %llu %u %u", auth_result_name(outcome->result),
           signature->crypto != SIGNATURE_NOT_TRIED, signature->key_bits, signature->has_body,
           (unsigned long long)signature->body_size, (unsigned long long)signature->body_covered,
           signature->fields_added, signature->fields_unsigned);
    print_word(signature->domain);
    print_word(outcome->reason);
    putchar('\n');
}

static void check(struct slice rest, struct answers *answers, struct arena *arena)
{
    struct facts facts = { .hostname = SLICE("mx.example.net"), .authserv_id = SLICE("mx.example.net") };
    unsigned long long arrival = 0, most = 0;
    size_t asked = 0;

    if (!slice_number(slice_cut(&rest, ' '), UINT32_MAX, &arrival)
        || !slice_number(slice_cut(&rest, ' '), UINT32_MAX, &most))
        die("not a number");
    facts.arrival = (int64_t)arrival * 1000000;
    facts.signatures_most = (uint32_t)most;
    struct slice message = unhex(rest, arena);
    size_t header = header_length(message);
    int64_t begun = cpu_microseconds();
    struct examination *examination = examine_begin(&facts, NULL, slice_first(message, header), arena);
    while (examine_keys(examination, answers) == EXAMINE_WAITS)
        asked += answer_missing(answers);
    for (size_t at = header; at < message.length; at += CHUNK)
        examine_body(examination, slice_first(slice_from(message, at), CHUNK));
    examine_finish(examination);
    const struct evidence *evidence = examine_evidence(examination);
    struct dkim_outcome outcomes[EVIDENCE_SIGNATURES_MOST];
    for (size_t i = 0; i < evidence->signatures_count; i++)
        outcomes[i] = auth_dkim_outcome(&evidence->signatures[i], &facts, answers, arena);
    int64_t spent = cpu_microseconds() - begun;
    /* Of too many signatures those kept are not all. */
    size_t differ = evidence->signatures_seen == evidence->signatures_count
                        ? verify_again(message, header, evidence, arena) : 0;
    for (size_t i = 0; i < evidence->signatures_count; i++)
        print_signature(&evidence->signatures[i], &outcomes[i]);
    printf("end %zu", asked);
    print_word(evidence->malformed);
    printf(" %lld %zu\n", (long long)spent, differ);
    fflush(stdout);
    examine_free(&examination);
}

int main(void)
{
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    examine_prepare();
    while ((length = getline(&line, &room, stdin)) >= 0) {
        struct slice rest = slice_trim(slice_of(line, (size_t)length)), verb = slice_cut(&rest, ' ');
        if (slice_equal(verb, SLICE("key"))) {
            add_key(rest, answers, arena);
            continue;
        }
        if (!slice_equal(verb, SLICE("check")))
            die("neither key nor check");
        check(rest, answers, arena);
        arena_free(&arena);
        arena = arena_new();
        answers = answers_new(arena);
    }
    free(line);
    arena_free(&arena);
    return 0;
}
