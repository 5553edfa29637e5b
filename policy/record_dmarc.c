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
static void put_word(json_t *object, const char *name, const char *word)
{
    if (word[0] != 0)
        record_put_name(object, name, word);
}

static json_t *identifiers_of(const struct dmarc_outcome *dmarc, struct arena *arena)
{
    json_t *array = json_array();
    for (size_t i = 0; i < dmarc->identifiers_count; i++) {
        const struct dmarc_identifier *identifier = &dmarc->identifiers[i];
        json_t *object = json_object();
        record_put_name(object, "by", identifier->is_spf ? "spf" : "dkim");
        record_put_text(object, "domain", identifier->domain, arena);
        record_put_text(object, "organizational-domain", identifier->organizational_domain, arena);
        record_put_flag(object, "aligned", identifier->aligned);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *overrides_of(const struct dmarc_outcome *dmarc, struct arena *arena)
{
    json_t *array = json_array();
    for (size_t i = 0; i < dmarc->overrides_count; i++) {
        json_t *object = json_object();
        record_put_name(object, "reason", dmarc_reason_name(dmarc->overrides[i].reason));
        record_put_text(object, "comment", dmarc->overrides[i].comment, arena);
        json_array_append_new(array, object);
    }
    return array;
}

static void put_policies(json_t *object, const struct dmarc_outcome *dmarc)
{
    char psd[2] = { dmarc->psd == 'u' ? 0 : dmarc->psd, 0 };

    put_word(object, "published", dmarc_policy_name(dmarc->published));
    put_word(object, "published-sp", dmarc_policy_name(dmarc->published_sp));
    put_word(object, "published-np", dmarc_policy_name(dmarc->published_np));
    put_word(object, "psd", psd);
    put_word(object, "tag", dmarc_tag_name(dmarc->tag));
    put_word(object, "asked", dmarc_policy_name(dmarc->asked));
    put_word(object, "policy", dmarc_policy_name(dmarc->policy));
    record_put_flag(object, "test", dmarc->test_mode);
}

json_t *record_dmarc_json(const struct dmarc_outcome *dmarc, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "result", auth_result_name(dmarc->result));
    record_put_text(object, "author-domain", dmarc->author_domain, arena);
    record_put_text(object, "record-domain", dmarc->record_domain, arena);
    record_put_text(object, "organizational-domain", dmarc->organizational_domain, arena);
    put_policies(object, dmarc);
    record_put_flag(object, "strict-spf", dmarc->strict_spf);
    record_put_flag(object, "strict-dkim", dmarc->strict_dkim);
    record_put_flag(object, "spf-aligned", dmarc->spf_aligned);
    record_put_flag(object, "dkim-aligned", dmarc->dkim_aligned);
    if (dmarc->identifiers_count > 0)
        record_put(object, "identifiers", identifiers_of(dmarc, arena));
    record_put_text(object, "reason", dmarc->reason, arena);
    record_put_text(object, "opendmarc", dmarc->library, arena);
    put_word(object, "disposition", dmarc_disposition_name(dmarc->disposition));
    if (dmarc->overrides_count > 0)
        record_put(object, "overrides", overrides_of(dmarc, arena));
    return object;
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
