/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c: records to JSON, by jansson; the way back is record_read.c. Names are those of mxward-record(5), in an
 * order that puts what people look for first. Members that would be empty are left out, unless their absence would
 * say something else. Nothing can fail: what is not UTF-8 is escaped before jansson sees it.
 */
#include "policy/record.h"

#include <jansson.h>

#include "policy/record_names.h"
#include "policy/wire.h"

/* Of the format: members may be added under the same number. */
#define RECORD_FORMAT 1

static int append(const char *bytes, size_t length, void *context)
{
    wire_put_bytes(context, bytes, length);
    return 0;
}

/* With room for one byte more. */
static struct slice printed(json_t *json, size_t flags, struct arena *arena)
{
    struct wire_writer text;
    wire_writer_init(&text, RECORD_LINE_MOST);
    json_dump_callback(json, append, &text, flags);
    json_decref(json);
    struct slice copy = arena_copy(arena, wire_written(&text));
    wire_writer_clear(&text);
    return copy;
}

static json_t *text_of(struct slice text, struct arena *arena)
{
    struct slice escaped = record_escape(text, arena);
    return json_stringn_nocheck(escaped.text == NULL ? "" : escaped.text, escaped.length);
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(object, name, value) != 0)
        bug("a record's member");
}

static void put_text(json_t *object, const char *name, struct slice text, struct arena *arena)
{
    if (text.length > 0)
        put(object, name, text_of(text, arena));
}

static void put_name(json_t *object, const char *name, const char *text)
{
    put(object, name, json_string_nocheck(text));
}

static void put_number(json_t *object, const char *name, int64_t number)
{
    put(object, name, json_integer(number));
}

static void put_size(json_t *object, const char *name, uint64_t size)
{
    put_number(object, name, size > INT64_MAX ? INT64_MAX : (int64_t)size);
}

/* Left out when false. */
static void put_flag(json_t *object, const char *name, bool flag)
{
    if (flag)
        put(object, name, json_true());
}

static void put_address(json_t *object, const char *name, const struct address *address)
{
    char buffer[ADDRESS_TEXT];
    struct slice text = address->family == 0 ? SLICE("") : address_print(address, buffer);
    if (text.length > 0)
        put(object, name, json_stringn_nocheck(text.text, text.length));
}

static json_t *texts_of(const struct slice *texts, size_t count, struct arena *arena)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, text_of(texts[i], arena));
    return array;
}

static void put_texts(json_t *object, const char *name, const struct slice *texts, size_t count, struct arena *arena)
{
    if (count > 0)
        put(object, name, texts_of(texts, count, arena));
}

/* The parts of a verdict */

static json_t *verdict_part(const struct verdict *verdict, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "action", verdict_action_name(verdict->action));
    put_text(object, "rule", verdict->rule, arena);
    put_flag(object, "exempt", verdict->exempt);
    put_flag(object, "tagged", verdict->tagged);
    if (verdict->action == VERDICT_PASS)
        put_text(object, "text", verdict->text, arena);
    return object;
}

static json_t *reply_part(const struct verdict *verdict, struct arena *arena)
{
    if (verdict->action == VERDICT_PASS)
        return json_null();
    json_t *object = json_object();
    put_number(object, "code", verdict->code);
    put_text(object, "enhanced", verdict->enhanced, arena);
    put_text(object, "text", verdict->text, arena);
    return object;
}

static json_t *rule_of(const struct trace_rule *rule, struct arena *arena)
{
    json_t *object = json_object();
    put_text(object, "name", rule->name, arena);
    put_name(object, "outcome", record_outcome_name(rule->outcome));
    put_text(object, "did", rule->did, arena);
    if (rule->values == NULL)
        return object;
    json_t *values = json_object();
    for (const struct trace_value *value = rule->values; value != NULL; value = value->next)
        put(values, arena_string(arena, record_escape(value->name, arena)), text_of(value->value, arena));
    put(object, "values", values);
    return object;
}

static json_t *rules_part(const struct verdict *verdict, struct arena *arena)
{
    json_t *runs = json_array();
    for (const struct verdict_run *run = verdict->runs; run != NULL; run = run->next) {
        json_t *object = json_object();
        put_name(object, "stage", stage_names[run->stage]);
        if (run->stage == STAGE_RCPT)
            put_number(object, "recipient", run->recipient);
        if (run->rule.length > 0)
            put_name(object, "action", run->exempt ? "accept" : verdict_action_name(run->action));
        put_text(object, "by", run->rule, arena);
        json_t *met = json_array();
        for (const struct trace_rule *rule = run->trace; rule != NULL; rule = rule->next)
            json_array_append_new(met, rule_of(rule, arena));
        put(object, "met", met);
        json_array_append_new(runs, object);
    }
    return runs;
}

static json_t *effects_part(const struct verdict *verdict, struct arena *arena)
{
    json_t *object = json_object();
    if (verdict->added_count > 0) {
        json_t *added = json_array();
        for (size_t i = 0; i < verdict->added_count; i++)
            json_array_append_new(added, text_of(verdict->added[i].text, arena));
        put(object, "added", added);
    }
    put_texts(object, "logs", verdict->logs, verdict->logs_count, arena);
    return object;
}

static json_t *spf_of(const struct spf_outcome *spf, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "result", auth_result_name(spf->result));
    put_text(object, "domain", spf->domain, arena);
    put_text(object, "reason", spf->reason, arena);
    put_text(object, "explanation", spf->explanation, arena);
    put_number(object, "lookups", spf->lookups);
    put_number(object, "void-lookups", spf->void_lookups);
    return object;
}

static bool spf_was_found(const struct spf_outcome *spf)
{
    return spf->result != AUTH_NONE || spf->domain.length > 0 || spf->reason.length > 0;
}

static json_t *dkim_of(const struct signature *signature, const struct dkim_outcome *dkim, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "result", auth_result_name(dkim->result));
    put_text(object, "domain", signature->domain, arena);
    put_text(object, "selector", signature->selector, arena);
    put_text(object, "reason", dkim->reason, arena);
    put_flag(object, "aligned", dkim->aligned);
    put_flag(object, "test-key", dkim->test_key);
    return object;
}

static json_t *dmarc_of(const struct dmarc_outcome *dmarc, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "result", auth_result_name(dmarc->result));
    put_text(object, "author-domain", dmarc->author_domain, arena);
    put_text(object, "record-domain", dmarc->record_domain, arena);
    put_text(object, "organizational-domain", dmarc->organizational_domain, arena);
    if (dmarc->published != DMARC_NO_POLICY)
        put_name(object, "published", dmarc_policy_name(dmarc->published));
    if (dmarc->policy != DMARC_NO_POLICY)
        put_name(object, "policy", dmarc_policy_name(dmarc->policy));
    put_flag(object, "test", dmarc->test_mode);
    put_flag(object, "strict-spf", dmarc->strict_spf);
    put_flag(object, "strict-dkim", dmarc->strict_dkim);
    put_flag(object, "spf-aligned", dmarc->spf_aligned);
    put_flag(object, "dkim-aligned", dmarc->dkim_aligned);
    put_text(object, "reason", dmarc->reason, arena);
    return object;
}

static json_t *iprev_of(const struct iprev_outcome *iprev, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "result", auth_result_name(iprev->result));
    put_text(object, "name", iprev->name, arena);
    put_text(object, "reverse-name", iprev->reverse_name, arena);
    return object;
}

static json_t *results_part(const struct verdict *verdict, struct arena *arena)
{
    const struct findings *findings = &verdict->findings;
    json_t *object = json_object();
    if (findings->iprev.result != AUTH_NONE)
        put(object, "iprev", iprev_of(&findings->iprev, arena));
    if (spf_was_found(&findings->spf_helo))
        put(object, "spf-helo", spf_of(&findings->spf_helo, arena));
    if (spf_was_found(&findings->spf))
        put(object, "spf", spf_of(&findings->spf, arena));
    if (!findings->has_message || verdict->evidence == NULL)
        return object;
    json_t *dkim = json_array();
    for (size_t i = 0; i < findings->dkim_count; i++)
        json_array_append_new(dkim, dkim_of(&verdict->evidence->signatures[i], &findings->dkim[i], arena));
    put(object, "dkim", dkim);
    put(object, "dmarc", dmarc_of(&findings->dmarc, arena));
    put(object, "indirect", json_boolean(findings->indirect));
    return object;
}

static json_t *part_of(const struct verdict *verdict, enum record_part part, struct arena *arena)
{
    switch (part) {
    case PART_VERDICT: return verdict_part(verdict, arena);
    case PART_SCORE:   return json_integer(verdict->score);
    case PART_REPLY:   return reply_part(verdict, arena);
    case PART_RULES:   return rules_part(verdict, arena);
    case PART_EFFECTS: return effects_part(verdict, arena);
    case PART_RESULTS: return results_part(verdict, arena);
    }
    bug("record part");
}

void record_parts(const struct verdict *verdict, struct arena *arena, struct slice parts_out[RECORD_PARTS])
{
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++)
        parts_out[part] = printed(part_of(verdict, part, arena), JSON_COMPACT | JSON_ENCODE_ANY, arena);
}

static void put_parts(json_t *object, const struct verdict *verdict, struct arena *arena)
{
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++)
        put(object, record_part_name(part), part_of(verdict, part, arena));
}

/* The rest of the record */

static json_t *client_of(const struct record *record, struct arena *arena)
{
    const struct facts *facts = record->facts;
    json_t *object = json_object();
    put_address(object, "ip", &facts->client_address);
    put_number(object, "port", facts->client_port);
    if (record->verdict != NULL && record->verdict->findings.iprev.result == AUTH_PASS)
        put_text(object, "name", record->verdict->findings.iprev.name, arena);
    if (facts->has_helo) {
        put(object, "helo", text_of(facts->helo, arena));
        put(object, "esmtp", json_boolean(facts->esmtp));
    }
    if (!facts->tls)
        return object;
    json_t *tls = json_object();
    put_text(tls, "version", facts->tls_version, arena);
    put_text(tls, "cipher", facts->tls_cipher, arena);
    put_number(tls, "bits", facts->tls_bits);
    put(object, "tls", tls);
    return object;
}

static json_t *local_of(const struct facts *facts, struct arena *arena)
{
    json_t *object = json_object();
    put_address(object, "ip", &facts->local_address);
    put_number(object, "port", facts->local_port);
    put_text(object, "hostname", facts->hostname, arena);
    put_text(object, "authserv-id", facts->authserv_id, arena);
    return object;
}

/* Local part and domain are written where they are not what stands before and behind the last "@". */
static void put_split(json_t *object, struct slice path, struct slice local_part, struct slice domain,
                      struct arena *arena)
{
    size_t at = path.length;
    while (at > 0 && path.text[at - 1] != '@')
        at--;
    struct slice before = at == 0 ? path : slice_first(path, at - 1);
    struct slice behind = at == 0 ? SLICE_NONE : slice_from(path, at);
    if (slice_equal(before, local_part) && slice_equal(behind, domain))
        return;
    put(object, "local", text_of(local_part, arena));
    put(object, "domain", text_of(domain, arena));
}

static json_t *address_of(const struct facts_recipient *recipient, struct arena *arena)
{
    json_t *object = json_object();
    put(object, "address", text_of(recipient->path, arena));
    put_split(object, recipient->path, recipient->local_part, recipient->domain, arena);
    return object;
}

static json_t *envelope_of(const struct facts *facts, struct arena *arena)
{
    json_t *object = json_object();
    json_t *sender = json_object();
    put(sender, "address", text_of(facts->sender, arena));
    put_split(sender, facts->sender, facts->sender_local_part, facts->sender_domain, arena);
    put(object, "sender", sender);
    if (facts->declared_size > 0)
        put_size(object, "size", facts->declared_size);
    put_flag(object, "8bit", facts->body_8bit);
    json_t *recipients = json_array();
    for (size_t i = 0; i < facts->recipients_count; i++)
        json_array_append_new(recipients, address_of(&facts->recipients[i], arena));
    put(object, "recipients", recipients);
    return object;
}

static json_t *settings_of(const struct facts *facts)
{
    json_t *object = json_object();
    put(object, "add-received", json_boolean(facts->add_received));
    put(object, "record-subject", json_boolean(facts->record_subject));
    put(object, "client-name-wanted", json_boolean(facts->client_name_wanted));
    put_number(object, "signatures-most", facts->signatures_most);
    put_number(object, "fields-most", facts->fields_most);
    return object;
}

static json_t *signature_of(const struct signature *signature, struct arena *arena)
{
    json_t *object = json_object();
    put_text(object, "domain", signature->domain, arena);
    put_text(object, "selector", signature->selector, arena);
    put_text(object, "identity", signature->identity, arena);
    put_text(object, "algorithm", signature->algorithm, arena);
    put_text(object, "canonicalization", signature->canonicalization, arena);
    put_text(object, "fields", signature->fields, arena);
    put_text(object, "value-start", signature->value_start, arena);
    put_text(object, "body-hash", signature->body_hash, arena);
    if (signature->has_time)
        put_number(object, "time", signature->time);
    if (signature->has_expiry)
        put_number(object, "expiry", signature->expiry);
    if (signature->has_length)
        put_size(object, "length", signature->length);
    put_name(object, "crypto", record_crypto_name(signature->crypto));
    put_text(object, "key", signature->key_data, arena);
    if (signature->key_bits > 0)
        put_number(object, "key-bits", signature->key_bits);
    put_text(object, "problem", signature->problem, arena);
    return object;
}

static json_t *headers_of(const struct evidence *evidence, struct arena *arena)
{
    json_t *array = json_array();
    for (size_t i = 0; i < evidence->headers_count; i++) {
        json_t *object = json_object();
        put(object, "name", text_of(evidence->headers[i].name, arena));
        put(object, "values", texts_of(evidence->headers[i].values, evidence->headers[i].count, arena));
        json_array_append_new(array, object);
    }
    return array;
}

static void put_evidence(json_t *object, const struct evidence *evidence, struct arena *arena)
{
    put_number(object, "header-size", evidence->header_size);
    put_number(object, "fields", evidence->field_count);
    put_text(object, "message-id", evidence->message_id, arena);
    put_text(object, "subject", evidence->subject, arena);
    put_number(object, "from-fields", evidence->from_count);
    put_text(object, "from", evidence->from_text, arena);
    put_number(object, "mailboxes", evidence->mailbox_count);
    put_texts(object, "author-domains", evidence->author_domains, evidence->author_domains_count, arena);
    put_text(object, "malformed", evidence->malformed, arena);
    put_texts(object, "indirect", evidence->indirect, evidence->indirect_count, arena);
    put_number(object, "signatures-seen", evidence->signatures_seen);
    if (evidence->signatures_count > 0) {
        json_t *signatures = json_array();
        for (size_t i = 0; i < evidence->signatures_count; i++)
            json_array_append_new(signatures, signature_of(&evidence->signatures[i], arena));
        put(object, "signatures", signatures);
    }
    if (evidence->headers_count > 0)
        put(object, "headers", headers_of(evidence, arena));
}

static json_t *message_of(const struct record *record, struct arena *arena)
{
    const struct verdict *verdict = record->verdict;
    json_t *object = json_object();
    put_size(object, "size", record->facts->message_size);
    if (verdict == NULL || verdict->evidence == NULL)
        return object;
    put_evidence(object, verdict->evidence, arena);
    if (verdict->removed_count == 0)
        return object;
    json_t *removed = json_array();
    for (size_t i = 0; i < verdict->removed_count; i++) {
        json_t *field = json_array();
        json_array_append_new(field, json_integer(verdict->removed[i].offset));
        json_array_append_new(field, json_integer(verdict->removed[i].length));
        json_array_append_new(field, text_of(verdict->removed[i].name, arena));
        json_array_append_new(removed, field);
    }
    put(object, "removed", removed);
    return object;
}

static json_t *data_of(enum question_type type, const struct answer_record *record, struct arena *arena)
{
    char buffer[ADDRESS_TEXT];
    struct address address = { .family = type == QUESTION_A ? 4 : 6 };
    struct slice text = record->data;
    switch (type) {
    case QUESTION_A:
    case QUESTION_AAAA:
        memcpy(address.bytes, text.text, text.length < sizeof address.bytes ? text.length : sizeof address.bytes);
        text = address_print(&address, buffer);
        return json_stringn_nocheck(text.text, text.length);
    case QUESTION_MX:
        return text_of(arena_printf(arena, "%u %.*s", (unsigned)record->preference, SLICE_ARG(text)), arena);
    case QUESTION_PTR:
    case QUESTION_TXT:
        break;
    }
    return text_of(text, arena);
}

static json_t *answer_of(const struct answer *answer, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "type", question_type_name(answer->question.type));
    put(object, "name", text_of(answer->question.name, arena));
    put_name(object, "status", answer_status_name(answer->status));
    if (answer->count > 0) {
        json_t *records = json_array();
        for (uint32_t i = 0; i < answer->count; i++)
            json_array_append_new(records, data_of(answer->question.type, &answer->records[i], arena));
        put(object, "records", records);
    }
    put_text(object, "reason", answer->reason, arena);
    return object;
}

static json_t *answers_of(const struct record *record, struct arena *arena)
{
    json_t *array = json_array();
    const struct answer *answer = record->answers == NULL ? NULL : answers_first(record->answers);
    for (; answer != NULL; answer = answer->next)
        if (answer->used)
            json_array_append_new(array, answer_of(answer, arena));
    return array;
}

static json_t *recipient_of(const struct record_recipient *recipient, struct arena *arena)
{
    json_t *object = address_of(&recipient->recipient, arena);
    put_name(object, "by", record_by_name(recipient->by));
    put_number(object, "code", recipient->code);
    put_text(object, "text", recipient->text, arena);
    put_flag(object, "exempt", recipient->exempt);
    if (recipient->verdict != NULL) {
        json_t *judged = json_object();
        put_parts(judged, recipient->verdict, arena);
        put(object, "judged", judged);
    }
    return object;
}

static void put_recipients(json_t *object, const struct record *record, struct arena *arena)
{
    size_t count =
        record->recipients_count < RECORD_RECIPIENTS_MOST ? record->recipients_count : RECORD_RECIPIENTS_MOST;
    if (count == 0)
        return;
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, recipient_of(&record->recipients[i], arena));
    put(object, "recipients", array);
    if (record->recipients_count > count)
        put_size(object, "recipients-left-out", record->recipients_count - count);
}

static json_t *outcome_of(const struct record_outcome *outcome, struct arena *arena)
{
    json_t *object = json_object();
    put_name(object, "by", record_by_name(outcome->by));
    put_number(object, "code", outcome->code);
    put_text(object, "text", outcome->text, arena);
    put_text(object, "reason", outcome->reason, arena);
    put(object, "delivered", json_boolean(outcome->delivered));
    if (outcome->backend.length > 0) {
        json_t *backend = json_object();
        put_text(backend, "name", outcome->backend, arena);
        put_number(backend, "code", outcome->backend_code);
        put_text(backend, "text", outcome->backend_text, arena);
        put(object, "backend", backend);
    }
    if (outcome->left_out > 0)
        put_number(object, "left-out", outcome->left_out);
    return object;
}

static json_t *timings_of(const struct record_outcome *outcome)
{
    json_t *object = json_object();
    for (enum record_phase phase = PHASE_CONNECT; phase <= PHASE_TOTAL; phase++)
        if (outcome->timings[phase] >= 0)
            put_number(object, record_phase_name(phase), outcome->timings[phase]);
    return object;
}

static json_t *versions_of(void)
{
    json_t *object = json_object();
    put_name(object, "mxward", MXWARD_VERSION);
    return object;
}

static json_t *record_json(const struct record *record, struct arena *arena)
{
    const struct facts *facts = record->facts;
    json_t *object = json_object();
    put_number(object, "record", RECORD_FORMAT);
    put_name(object, "kind", record->kind == RECORD_SESSION ? "session" : "transaction");
    put_text(object, "id", facts->id, arena);
    put(object, "time", text_of(record_time(facts->arrival, arena), arena));
    put_text(object, "listener", facts->listener, arena);
    put(object, "client", client_of(record, arena));
    put(object, "local", local_of(facts, arena));
    if (facts->has_mail)
        put(object, "envelope", envelope_of(facts, arena));
    put(object, "outcome", outcome_of(&record->outcome, arena));
    if (record->verdict != NULL) {
        put_name(object, "stage", stage_names[record->verdict->stage]);
        if (record->verdict->stage == STAGE_RCPT)
            put(object, "asked", address_of(&record->verdict->asked, arena));
        put_parts(object, record->verdict, arena);
    }
    put_recipients(object, record, arena);
    if (facts->message_size > 0 || (record->verdict != NULL && record->verdict->evidence != NULL))
        put(object, "message", message_of(record, arena));
    if (!record->answers_left_out)
        put(object, "answers", answers_of(record, arena));
    put(object, "settings", settings_of(facts));
    put(object, "timings", timings_of(&record->outcome));
    put(object, "program", text_of(record_hash(record->program, arena), arena));
    put(object, "versions", versions_of());
    put(object, "replayable", json_boolean(!record->answers_left_out));
    return object;
}

struct slice record_json_text(struct slice text, struct arena *arena)
{
    return printed(text_of(text, arena), JSON_ENCODE_ANY, arena);
}

struct slice record_write(const struct record *record, struct arena *arena)
{
    struct slice line = printed(record_json(record, arena), JSON_COMPACT, arena);
    /* printed() left room for one byte more. */
    ((char *)(uintptr_t)line.text)[line.length++] = '\n';
    return line;
}

struct slice record_write_indented(const struct record *record, struct arena *arena)
{
    struct slice text = printed(record_json(record, arena), JSON_INDENT(2), arena);
    ((char *)(uintptr_t)text.text)[text.length++] = '\n';
    return text;
}
