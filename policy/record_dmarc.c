/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_dmarc.c: "results.dmarc" of a record, both ways. The words of "disposition" and of each override's "reason"
 * are RFC 9990's, so that a report can be made of records alone.
 */
#include <jansson.h>

#include "policy/record_get.h"
#include "policy/record_names.h"
#include "policy/record_put.h"

#define REASON_MOST 4096

static const char *tag_name(unsigned tag)
{
    return dmarc_tag_name((enum dmarc_tag)tag);
}

static const char *disposition_name(unsigned disposition)
{
    return dmarc_disposition_name((enum dmarc_disposition)disposition);
}

static const char *reason_name(unsigned reason)
{
    return dmarc_reason_name((enum dmarc_reason)reason);
}

/* Members that say nothing are left out. */
static void put_word(struct record_writer *writer, const char *name, const char *word)
{
    if (word[0] != 0)
        record_put_name(writer, name, word);
}

static void put_identifiers(struct record_writer *writer, const struct dmarc_outcome *dmarc)
{
    if (dmarc->identifiers_count == 0)
        return;
    record_open_array(writer, "identifiers");
    for (size_t i = 0; i < dmarc->identifiers_count; i++) {
        const struct dmarc_identifier *identifier = &dmarc->identifiers[i];
        record_open_object(writer, NULL);
        record_put_name(writer, "by", identifier->is_spf ? "spf" : "dkim");
        record_put_text(writer, "domain", identifier->domain);
        record_put_text(writer, "organizational-domain", identifier->organizational_domain);
        record_put_flag(writer, "aligned", identifier->aligned);
        record_close_object(writer);
    }
    record_close_array(writer);
}

static void put_overrides(struct record_writer *writer, const struct dmarc_outcome *dmarc)
{
    if (dmarc->overrides_count == 0)
        return;
    record_open_array(writer, "overrides");
    for (size_t i = 0; i < dmarc->overrides_count; i++) {
        record_open_object(writer, NULL);
        record_put_name(writer, "reason", dmarc_reason_name(dmarc->overrides[i].reason));
        record_put_text(writer, "comment", dmarc->overrides[i].comment);
        record_close_object(writer);
    }
    record_close_array(writer);
}

static void put_policies(struct record_writer *writer, const struct dmarc_outcome *dmarc)
{
    char psd[2] = { dmarc->psd == 'u' ? 0 : dmarc->psd, 0 };

    put_word(writer, "published", dmarc_policy_name(dmarc->published));
    put_word(writer, "published-sp", dmarc_policy_name(dmarc->published_sp));
    put_word(writer, "published-np", dmarc_policy_name(dmarc->published_np));
    put_word(writer, "psd", psd);
    put_word(writer, "tag", dmarc_tag_name(dmarc->tag));
    put_word(writer, "asked", dmarc_policy_name(dmarc->asked));
    put_word(writer, "policy", dmarc_policy_name(dmarc->policy));
    record_put_flag(writer, "test", dmarc->test_mode);
}

void record_put_dmarc(struct record_writer *writer, const struct dmarc_outcome *dmarc)
{
    record_open_object(writer, "dmarc");
    record_put_name(writer, "result", auth_result_name(dmarc->result));
    record_put_text(writer, "author-domain", dmarc->author_domain);
    record_put_text(writer, "record-domain", dmarc->record_domain);
    record_put_text(writer, "organizational-domain", dmarc->organizational_domain);
    put_policies(writer, dmarc);
    record_put_flag(writer, "strict-spf", dmarc->strict_spf);
    record_put_flag(writer, "strict-dkim", dmarc->strict_dkim);
    record_put_flag(writer, "spf-aligned", dmarc->spf_aligned);
    record_put_flag(writer, "dkim-aligned", dmarc->dkim_aligned);
    put_identifiers(writer, dmarc);
    record_put_text(writer, "reason", dmarc->reason);
    record_put_text(writer, "opendmarc", dmarc->library);
    put_word(writer, "disposition", dmarc_disposition_name(dmarc->disposition));
    put_overrides(writer, dmarc);
    record_close_object(writer);
}

static enum dmarc_policy get_policy(struct reading *reading, json_t *object, const char *name)
{
    return (enum dmarc_policy)record_get_name(reading, object, name, record_policy_name, RECORD_POLICY_NAMES);
}

static void read_policies(struct reading *reading, json_t *object, struct dmarc_outcome *dmarc)
{
    struct slice psd = record_get_text(reading, object, "psd", 1);

    dmarc->published = get_policy(reading, object, "published");
    dmarc->published_sp = get_policy(reading, object, "published-sp");
    dmarc->published_np = get_policy(reading, object, "published-np");
    dmarc->psd = dmarc->record_domain.length == 0 ? 0 : psd.length == 0 ? 'u' : psd.text[0];
    dmarc->tag = (enum dmarc_tag)record_get_name(reading, object, "tag", tag_name, DMARC_TAG_DEFAULT + 1);
    dmarc->asked = get_policy(reading, object, "asked");
    dmarc->policy = get_policy(reading, object, "policy");
    dmarc->test_mode = record_get_flag(reading, object, "test");
}

static void read_lists(struct reading *reading, json_t *object, struct dmarc_outcome *dmarc)
{
    json_t *array;
    size_t count = record_get_array(reading, object, "identifiers", DMARC_IDENTIFIERS_MOST, &array);

    dmarc->identifiers = arena_array(reading->arena, count, sizeof(*dmarc->identifiers));
    dmarc->identifiers_count = count;
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(array, i);
        struct dmarc_identifier *identifier = &dmarc->identifiers[i];
        identifier->is_spf = slice_equal(record_get_text(reading, item, "by", 8), SLICE("spf"));
        identifier->domain = record_get_text(reading, item, "domain", EVIDENCE_TEXT_MOST);
        identifier->organizational_domain = record_get_text(reading, item, "organizational-domain", EVIDENCE_TEXT_MOST);
        identifier->aligned = record_get_flag(reading, item, "aligned");
    }
    count = record_get_array(reading, object, "overrides", DMARC_OVERRIDES_MOST, &array);
    dmarc->overrides = arena_array(reading->arena, count, sizeof(*dmarc->overrides));
    dmarc->overrides_count = count;
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(array, i);
        dmarc->overrides[i].reason =
            (enum dmarc_reason)record_get_name(reading, item, "reason", reason_name, DMARC_TRUSTED_FORWARDER + 1);
        dmarc->overrides[i].comment = record_get_text(reading, item, "comment", DMARC_COMMENT_MOST);
    }
}

void record_read_dmarc(struct reading *reading, json_t *object, struct dmarc_outcome *dmarc)
{
    dmarc->author_domain = record_get_text(reading, object, "author-domain", EVIDENCE_TEXT_MOST);
    dmarc->record_domain = record_get_text(reading, object, "record-domain", EVIDENCE_TEXT_MOST);
    dmarc->organizational_domain = record_get_text(reading, object, "organizational-domain", EVIDENCE_TEXT_MOST);
    read_policies(reading, object, dmarc);
    dmarc->strict_spf = record_get_flag(reading, object, "strict-spf");
    dmarc->strict_dkim = record_get_flag(reading, object, "strict-dkim");
    dmarc->spf_aligned = record_get_flag(reading, object, "spf-aligned");
    dmarc->dkim_aligned = record_get_flag(reading, object, "dkim-aligned");
    dmarc->reason = record_get_text(reading, object, "reason", REASON_MOST);
    dmarc->library = record_get_text(reading, object, "opendmarc", REASON_MOST);
    dmarc->disposition = (enum dmarc_disposition)record_get_name(reading, object, "disposition", disposition_name,
                                                                 DMARC_DISPOSITION_REJECT + 1);
    read_lists(reading, object, dmarc);
}
