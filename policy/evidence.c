/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.c: evidence as bytes for a frame, and back. It comes from a judge, which is not believed: counts and texts
 * are bounded, numbers are in range.
 */
#include "policy/evidence.h"

#include "policy/wire.h"

/* Names of signs of indirect mail: a score exist. */
#define INDIRECT_MOST 32
/* Header fields that rules read. */
#define HEADERS_MOST 4096

static void encode_slices(const struct slice *slices, size_t count, struct wire_writer *writer)
{
    wire_put_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        wire_put_slice(writer, slices[i]);
}

static struct slice *decode_slices(struct wire_reader *reader, struct arena *arena, size_t most, size_t *count_out)
{
    size_t count = wire_get_count(reader, most);
    struct slice *slices = arena_array(arena, count, sizeof *slices);
    for (size_t i = 0; i < count && !reader->failed; i++)
        slices[i] = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    *count_out = count;
    return slices;
}

static void encode_signature(const struct signature *signature, struct wire_writer *writer)
{
    wire_put_slice(writer, signature->domain);
    wire_put_slice(writer, signature->selector);
    wire_put_slice(writer, signature->identity);
    wire_put_slice(writer, signature->algorithm);
    wire_put_slice(writer, signature->canonicalization);
    wire_put_slice(writer, signature->fields);
    wire_put_slice(writer, signature->value_start);
    wire_put_slice(writer, signature->body_hash);
    wire_put_bool(writer, signature->has_time);
    wire_put_i64(writer, signature->time);
    wire_put_bool(writer, signature->has_expiry);
    wire_put_i64(writer, signature->expiry);
    wire_put_bool(writer, signature->has_length);
    wire_put_u64(writer, signature->length);
    wire_put_u32(writer, signature->fields_added);
    wire_put_u32(writer, signature->fields_unsigned);
    wire_put_bool(writer, signature->has_body);
    wire_put_u64(writer, signature->body_size);
    wire_put_u64(writer, signature->body_covered);
    wire_put_u8(writer, signature->crypto);
    wire_put_slice(writer, signature->key_data);
    wire_put_u32(writer, signature->key_bits);
    wire_put_slice(writer, signature->problem);
}

static uint32_t decode_fields(struct wire_reader *reader)
{
    uint32_t fields = wire_get_u32(reader);
    if (fields >> EVIDENCE_SIGNED_FIELDS != 0)
        reader->failed = true;
    return fields;
}

static void decode_signature(struct wire_reader *reader, struct signature *signature)
{
    signature->domain = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->selector = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->identity = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->algorithm = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->canonicalization = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->fields = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->value_start = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->body_hash = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    signature->has_time = wire_get_bool(reader);
    signature->time = wire_get_i64(reader);
    signature->has_expiry = wire_get_bool(reader);
    signature->expiry = wire_get_i64(reader);
    signature->has_length = wire_get_bool(reader);
    signature->length = wire_get_u64(reader);
    signature->fields_added = decode_fields(reader);
    signature->fields_unsigned = decode_fields(reader);
    signature->has_body = wire_get_bool(reader);
    signature->body_size = wire_get_u64(reader);
    signature->body_covered = wire_get_u64(reader);
    signature->crypto = (enum signature_crypto)wire_get_enum(reader, SIGNATURE_NOT_BY_KEY);
    signature->key_data = wire_get_slice(reader, EVIDENCE_KEY_MOST);
    signature->key_bits = wire_get_u32(reader);
    signature->problem = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
}

static void encode_arc_set(const struct arc_set *set, struct wire_writer *writer)
{
    encode_signature(&set->message, writer);
    encode_signature(&set->seal, writer);
    wire_put_slice(writer, set->authserv_id);
    wire_put_u32(writer, (uint32_t)set->claims_count);
    for (size_t i = 0; i < set->claims_count; i++) {
        wire_put_slice(writer, set->claims[i].method);
        wire_put_slice(writer, set->claims[i].result);
        wire_put_slice(writer, set->claims[i].author);
        wire_put_slice(writer, set->claims[i].text);
    }
}

static void decode_arc_set(struct wire_reader *reader, struct arena *arena, struct arc_set *set)
{
    decode_signature(reader, &set->message);
    decode_signature(reader, &set->seal);
    set->authserv_id = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    set->claims_count = wire_get_count(reader, EVIDENCE_CLAIMS_MOST);
    set->claims = arena_array(arena, set->claims_count, sizeof *set->claims);
    for (size_t i = 0; i < set->claims_count && !reader->failed; i++) {
        set->claims[i].method = wire_get_slice(reader, EVIDENCE_CLAIM_TEXT_MOST);
        set->claims[i].result = wire_get_slice(reader, EVIDENCE_CLAIM_TEXT_MOST);
        set->claims[i].author = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
        set->claims[i].text = wire_get_slice(reader, EVIDENCE_CLAIM_TEXT_MOST);
    }
}

static void encode_arc(const struct evidence *evidence, struct wire_writer *writer)
{
    wire_put_u32(writer, (uint32_t)evidence->arc_sets_count);
    for (size_t i = 0; i < evidence->arc_sets_count; i++)
        encode_arc_set(&evidence->arc_sets[i], writer);
    wire_put_slice(writer, evidence->arc_problem);
}

static void decode_arc(struct wire_reader *reader, struct arena *arena, struct evidence *evidence)
{
    evidence->arc_sets_count = wire_get_count(reader, EVIDENCE_ARC_SETS_MOST);
    evidence->arc_sets = arena_array(arena, evidence->arc_sets_count, sizeof *evidence->arc_sets);
    for (size_t i = 0; i < evidence->arc_sets_count && !reader->failed; i++)
        decode_arc_set(reader, arena, &evidence->arc_sets[i]);
    evidence->arc_problem = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
}

void evidence_encode(const struct evidence *evidence, struct wire_writer *writer)
{
    wire_put_u32(writer, evidence->header_size);
    wire_put_u32(writer, evidence->field_count);
    wire_put_u32(writer, evidence->received_count);
    wire_put_u32(writer, evidence->from_count);
    encode_slices(evidence->author_domains, evidence->author_domains_count, writer);
    for (size_t i = 0; i < evidence->author_domains_count; i++)
        wire_put_slice(writer, evidence->author_unicode != NULL ? evidence->author_unicode[i] : SLICE_NONE);
    wire_put_u32(writer, evidence->mailbox_count);
    wire_put_slice(writer, evidence->from_text);
    wire_put_u64(writer, evidence->oddities);
    wire_put_slice(writer, evidence->malformed);
    wire_put_slice(writer, evidence->message_id);
    wire_put_slice(writer, evidence->subject);
    wire_put_u32(writer, (uint32_t)evidence->signatures_count);
    for (size_t i = 0; i < evidence->signatures_count; i++)
        encode_signature(&evidence->signatures[i], writer);
    wire_put_u32(writer, evidence->signatures_seen);
    encode_arc(evidence, writer);
    encode_slices(evidence->indirect, evidence->indirect_count, writer);
    wire_put_u32(writer, (uint32_t)evidence->headers_count);
    for (size_t i = 0; i < evidence->headers_count; i++) {
        wire_put_slice(writer, evidence->headers[i].name);
        encode_slices(evidence->headers[i].values, evidence->headers[i].count, writer);
    }
}

bool evidence_decode(struct wire_reader *reader, struct arena *arena, struct evidence *evidence_out)
{
    struct evidence *evidence = evidence_out;
    *evidence = (struct evidence){ 0 };
    evidence->header_size = wire_get_u32(reader);
    evidence->field_count = wire_get_u32(reader);
    evidence->received_count = wire_get_u32(reader);
    evidence->from_count = wire_get_u32(reader);
    evidence->author_domains = decode_slices(reader, arena, EVIDENCE_AUTHORS_MOST, &evidence->author_domains_count);
    evidence->author_unicode = arena_array(arena, evidence->author_domains_count, sizeof *evidence->author_unicode);
    for (size_t i = 0; i < evidence->author_domains_count && !reader->failed; i++)
        evidence->author_unicode[i] = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    evidence->mailbox_count = wire_get_u32(reader);
    evidence->from_text = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    evidence->oddities = wire_get_u64(reader);
    if (!oddity_is_mask(evidence->oddities))
        wire_fail(reader, "oddities that do not exist");
    evidence->malformed = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    evidence->message_id = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    evidence->subject = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    evidence->signatures_count = wire_get_count(reader, EVIDENCE_SIGNATURES_MOST);
    evidence->signatures = arena_array(arena, evidence->signatures_count, sizeof *evidence->signatures);
    for (size_t i = 0; i < evidence->signatures_count && !reader->failed; i++)
        decode_signature(reader, &evidence->signatures[i]);
    evidence->signatures_seen = wire_get_u32(reader);
    decode_arc(reader, arena, evidence);
    evidence->indirect = decode_slices(reader, arena, INDIRECT_MOST, &evidence->indirect_count);
    evidence->headers_count = wire_get_count(reader, HEADERS_MOST);
    evidence->headers = arena_array(arena, evidence->headers_count, sizeof *evidence->headers);
    for (size_t i = 0; i < evidence->headers_count && !reader->failed; i++) {
        evidence->headers[i].name = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
        evidence->headers[i].values = decode_slices(reader, arena, EVIDENCE_VALUES_MOST, &evidence->headers[i].count);
    }
    return !reader->failed;
}
