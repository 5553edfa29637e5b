/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_dkim_tags.c: any bytes as a DKIM-Signature value, and as a key record. What is accepted has what it must have.
 * Parsers: policy/auth_dkim_parse.c policy/tag_list.c
 */
#include "policy/auth_dkim.h"
#include "policy/auth_dkim_parse.h"
#include "policy/tag_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_signature(const struct signature *signature)
{
    if (signature->problem.length > 0)
        return;
    if (signature->domain.length == 0 || signature->selector.length == 0 || signature->value_start.length == 0
        || signature->fields.length == 0 || signature->algorithm.length == 0)
        bug("a signature without its tags");
    if (signature->domain.length > 253 || signature->fields.length > EVIDENCE_TEXT_MOST
        || signature->identity.length > EVIDENCE_TEXT_MOST)
        bug("a text that is not bounded");
    if (signature->has_time && signature->has_expiry && signature->expiry <= signature->time)
        bug("x= before t=");
}

static void check_key(struct slice text, enum answer_status status, struct arena *arena)
{
    struct signature signature = {
        .domain = SLICE("example.org"),
        .selector = SLICE("s"),
        .algorithm = SLICE("rsa-sha256"),
        .identity = SLICE("@sub.example.org"),
    };
    struct answer_record record = { .data = text };
    struct answer answer = { .status = status, .count = status == ANSWER_RECORDS, .records = &record };
    struct auth_dkim_key key;

    auth_dkim_parse_key(&answer, &signature, arena, &key);
    if (key.result == AUTH_PASS && status != ANSWER_RECORDS)
        bug("a key of no record");
    if (key.result == AUTH_PASS && (key.data.length == 0 || !slice_equal(key.type, SLICE("rsa"))))
        bug("a key that is none");
    if (key.result == AUTH_PASS && key.data.length > EVIDENCE_KEY_MOST)
        bug("a key that no record holds");
    if (key.result == AUTH_PASS)
        auth_dkim_key_is_usual(&key);
    if (key.result != AUTH_PASS && key.reason.length == 0)
        bug("no key and no reason");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct slice text = slice_of((const char *)data, size);
    struct signature signature;

    auth_dkim_parse_signature(text, arena, &signature);
    check_signature(&signature);
    if (signature.problem.length == 0 && auth_dkim_key_name(&signature, arena).length > 253)
        bug("a key's name that cannot be asked");
    if (signature.problem.length == 0 && !auth_dkim_signs(signature.fields, SLICE("from")))
        bug("a signature that leaves From out");
    check_key(text, ANSWER_RECORDS, arena);
    check_key(text, (enum answer_status)(size % (ANSWER_LIMIT + 1)), arena);
    arena_free(&arena);
    return 0;
}
