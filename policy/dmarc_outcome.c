/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_outcome.c: the words of DMARC's outcome, and the outcome as bytes for a frame. The names of overrides and
 * dispositions are those of RFC 9990's reports.
 */
#include "policy/dmarc_outcome.h"

#define REASON_MOST 2048

const char *dmarc_policy_name(enum dmarc_policy policy)
{
    static const char *const names[] = {
        [DMARC_NO_POLICY] = "",
        [DMARC_POLICY_NONE] = "none",
        [DMARC_POLICY_QUARANTINE] = "quarantine",
        [DMARC_POLICY_REJECT] = "reject",
    };
    return names[policy];
}

const char *dmarc_tag_name(enum dmarc_tag tag)
{
    static const char *const names[] = {
        [DMARC_NO_TAG] = "",     [DMARC_TAG_P] = "p",         [DMARC_TAG_SP] = "sp",
        [DMARC_TAG_NP] = "np",   [DMARC_TAG_DEFAULT] = "default",
    };
    return names[tag];
}

const char *dmarc_disposition_name(enum dmarc_disposition disposition)
{
    static const char *const names[] = {
        [DMARC_NO_DISPOSITION] = "",
        [DMARC_DISPOSITION_NONE] = "none",
        [DMARC_DISPOSITION_PASS] = "pass",
        [DMARC_DISPOSITION_QUARANTINE] = "quarantine",
        [DMARC_DISPOSITION_REJECT] = "reject",
    };
    return names[disposition];
}

const char *dmarc_reason_name(enum dmarc_reason reason)
{
    static const char *const names[] = {
        [DMARC_LOCAL_POLICY] = "local_policy",
        [DMARC_MAILING_LIST] = "mailing_list",
        [DMARC_OTHER] = "other",
        [DMARC_POLICY_TEST_MODE] = "policy_test_mode",
        [DMARC_TRUSTED_FORWARDER] = "trusted_forwarder",
    };
    return names[reason];
}

static void encode_lists(const struct dmarc_outcome *dmarc, struct wire_writer *writer)
{
    wire_put_u32(writer, (uint32_t)dmarc->identifiers_count);
    for (size_t i = 0; i < dmarc->identifiers_count; i++) {
        wire_put_bool(writer, dmarc->identifiers[i].is_spf);
        wire_put_bool(writer, dmarc->identifiers[i].aligned);
        wire_put_slice(writer, dmarc->identifiers[i].domain);
        wire_put_slice(writer, dmarc->identifiers[i].organizational_domain);
    }
    wire_put_u32(writer, (uint32_t)dmarc->overrides_count);
    for (size_t i = 0; i < dmarc->overrides_count; i++) {
        wire_put_u8(writer, dmarc->overrides[i].reason);
        wire_put_slice(writer, slice_first(dmarc->overrides[i].comment, DMARC_COMMENT_MOST));
    }
}

void dmarc_outcome_encode(const struct dmarc_outcome *dmarc, struct wire_writer *writer)
{
    wire_put_u8(writer, dmarc->result);
    wire_put_slice(writer, dmarc->author_domain);
    wire_put_slice(writer, dmarc->record_domain);
    wire_put_slice(writer, dmarc->organizational_domain);
    wire_put_u8(writer, dmarc->published);
    wire_put_u8(writer, dmarc->published_sp);
    wire_put_u8(writer, dmarc->published_np);
    wire_put_u8(writer, dmarc->tag);
    wire_put_u8(writer, dmarc->asked);
    wire_put_u8(writer, dmarc->policy);
    wire_put_bool(writer, dmarc->test_mode);
    wire_put_u8(writer, (uint8_t)dmarc->psd);
    wire_put_bool(writer, dmarc->strict_spf);
    wire_put_bool(writer, dmarc->strict_dkim);
    wire_put_bool(writer, dmarc->spf_aligned);
    wire_put_bool(writer, dmarc->dkim_aligned);
    wire_put_slice(writer, slice_first(dmarc->reason, REASON_MOST));
    wire_put_slice(writer, slice_first(dmarc->library, REASON_MOST));
    wire_put_u8(writer, dmarc->disposition);
    encode_lists(dmarc, writer);
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] < ' ' || text.text[i] > '~')
            return false;
    return true;
}

static void decode_lists(struct wire_reader *reader, struct arena *arena, struct dmarc_outcome *dmarc)
{
    dmarc->identifiers_count = wire_get_count(reader, DMARC_IDENTIFIERS_MOST);
    dmarc->identifiers = arena_array(arena, dmarc->identifiers_count, sizeof(*dmarc->identifiers));
    for (size_t i = 0; i < dmarc->identifiers_count && !reader->failed; i++) {
        struct dmarc_identifier *identifier = &dmarc->identifiers[i];
        identifier->is_spf = wire_get_bool(reader);
        identifier->aligned = wire_get_bool(reader);
        identifier->domain = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
        identifier->organizational_domain = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    }
    dmarc->overrides_count = wire_get_count(reader, DMARC_OVERRIDES_MOST);
    dmarc->overrides = arena_array(arena, dmarc->overrides_count, sizeof(*dmarc->overrides));
    for (size_t i = 0; i < dmarc->overrides_count && !reader->failed; i++) {
        dmarc->overrides[i].reason = (enum dmarc_reason)wire_get_enum(reader, DMARC_TRUSTED_FORWARDER);
        dmarc->overrides[i].comment = wire_get_slice(reader, DMARC_COMMENT_MOST);
        if (!is_printable(dmarc->overrides[i].comment))
            wire_fail(reader, "an override's comment that is not printable");
    }
}

static enum dmarc_policy decode_policy(struct wire_reader *reader)
{
    return (enum dmarc_policy)wire_get_enum(reader, DMARC_POLICY_REJECT);
}

void dmarc_outcome_decode(struct wire_reader *reader, struct arena *arena, struct dmarc_outcome *dmarc)
{
    dmarc->result = (enum auth_result)wire_get_enum(reader, AUTH_PERMERROR);
    dmarc->author_domain = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    dmarc->record_domain = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    dmarc->organizational_domain = wire_get_slice(reader, EVIDENCE_TEXT_MOST);
    dmarc->published = decode_policy(reader);
    dmarc->published_sp = decode_policy(reader);
    dmarc->published_np = decode_policy(reader);
    dmarc->tag = (enum dmarc_tag)wire_get_enum(reader, DMARC_TAG_DEFAULT);
    dmarc->asked = decode_policy(reader);
    dmarc->policy = decode_policy(reader);
    dmarc->test_mode = wire_get_bool(reader);
    dmarc->psd = (char)wire_get_u8(reader);
    if (dmarc->psd != 0 && dmarc->psd != 'y' && dmarc->psd != 'n' && dmarc->psd != 'u')
        wire_fail(reader, "a psd that is none");
    dmarc->strict_spf = wire_get_bool(reader);
    dmarc->strict_dkim = wire_get_bool(reader);
    dmarc->spf_aligned = wire_get_bool(reader);
    dmarc->dkim_aligned = wire_get_bool(reader);
    dmarc->reason = wire_get_slice(reader, REASON_MOST);
    dmarc->library = wire_get_slice(reader, REASON_MOST);
    dmarc->disposition = (enum dmarc_disposition)wire_get_enum(reader, DMARC_DISPOSITION_REJECT);
    decode_lists(reader, arena, dmarc);
}
