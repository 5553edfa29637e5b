/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c: records to JSON, by jansson: facts, evidence, answers, what became of it. What a verdict says is written in
 * record_results.c, the way back is record_read.c. Names are those of mxward-record(5), in an order that puts what
 * people look for first. Members that would be empty are left out, unless their absence would say something else.
 * Nothing can fail.
 */
#include "policy/record.h"

#include <jansson.h>

#include "policy/auth_dkim_cover.h"
#include "policy/record_names.h"
#include "policy/record_put.h"

/* Of the format: members may be added under the same number. */
#define RECORD_FORMAT 1

static json_t *certificate_of(const struct facts_certificate *certificate, struct arena *arena)
{
    json_t *object = json_object();
    record_put(object, "verified", json_boolean(certificate->verified));
    record_put_text(object, "subject", certificate->subject, arena);
    record_put_text(object, "issuer", certificate->issuer, arena);
    record_put_text(object, "fingerprint", certificate->fingerprint, arena);
    record_put_text(object, "problem", certificate->problem, arena);
    return object;
}

static void put_origin(json_t *object, const struct facts *facts, struct arena *arena)
{
    record_put_flag(object, "early", facts->early);
    record_put_address(object, "via", &facts->via);
    if (facts->told.state == FACTS_TOLD_NOTHING)
        return;
    json_t *told = json_object();
    record_put_name(told, "state", record_told_name(facts->told.state));
    record_put_text(told, "name", facts->told.name, arena);
    record_put_text(told, "reverse-name", facts->told.reverse_name, arena);
    record_put(object, "told", told);
}

static json_t *client_of(const struct record *record, struct arena *arena)
{
    const struct facts *facts = record->facts;
    json_t *object = json_object();
    record_put_address(object, "ip", &facts->client_address);
    record_put_number(object, "port", facts->client_port);
    put_origin(object, facts, arena);
    if (record->verdict != NULL && record->verdict->findings.iprev.result == AUTH_PASS)
        record_put_text(object, "name", record->verdict->findings.iprev.name, arena);
    if (facts->has_helo) {
        record_put(object, "helo", record_text_json(facts->helo, arena));
        record_put(object, "esmtp", json_boolean(facts->esmtp));
    }
    if (facts->authenticated) {
        json_t *auth = json_object();
        record_put_text(auth, "mechanism", facts->auth_mechanism, arena);
        record_put_text(auth, "user", facts->auth_user, arena);
        record_put_text(auth, "identity", facts->auth_identity, arena);
        record_put(object, "auth", auth);
    }
    if (!facts->tls)
        return object;
    json_t *tls = json_object();
    record_put_text(tls, "version", facts->tls_version, arena);
    record_put_text(tls, "cipher", facts->tls_cipher, arena);
    record_put_number(tls, "bits", facts->tls_bits);
    record_put_text(tls, "server-name", facts->tls_server_name, arena);
    record_put(tls, "resumed", json_boolean(facts->tls_resumed));
    record_put_flag(tls, "implicit", facts->tls_implicit);
    if (facts->tls_client.given)
        record_put(tls, "client", certificate_of(&facts->tls_client, arena));
    record_put(object, "tls", tls);
    return object;
}

static json_t *local_of(const struct facts *facts, struct arena *arena)
{
    json_t *object = json_object();
    record_put_address(object, "ip", &facts->local_address);
    record_put_number(object, "port", facts->local_port);
    record_put_text(object, "hostname", facts->hostname, arena);
    record_put_text(object, "authserv-id", facts->authserv_id, arena);
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
    record_put(object, "local", record_text_json(local_part, arena));
    record_put(object, "domain", record_text_json(domain, arena));
}

static json_t *address_of(const struct facts_recipient *recipient, struct arena *arena)
{
    json_t *object = json_object();
    record_put(object, "address", record_text_json(recipient->path, arena));
    put_split(object, recipient->path, recipient->local_part, recipient->domain, arena);
    return object;
}

static json_t *envelope_of(const struct record *record, struct arena *arena)
{
    const struct facts *facts = record->facts;
    json_t *object = json_object();
    json_t *sender = json_object();
    record_put(sender, "address", record_text_json(facts->sender, arena));
    put_split(sender, facts->sender, facts->sender_local_part, facts->sender_domain, arena);
    record_put(object, "sender", sender);
    if (facts->declared_size > 0)
        record_put_size(object, "size", facts->declared_size);
    record_put_flag(object, "8bit", facts->body_8bit);
    record_put_flag(object, "smtputf8", facts->smtputf8);
    record_put_flag(object, "requiretls", facts->requiretls);
    record_put_text(object, "ret", record->ret, arena);
    record_put_text(object, "envid", record->envid, arena);
    json_t *recipients = json_array();
    for (size_t i = 0; i < facts->recipients_count; i++)
        json_array_append_new(recipients, address_of(&facts->recipients[i], arena));
    record_put(object, "recipients", recipients);
    return object;
}

static json_t *settings_of(const struct facts *facts)
{
    json_t *object = json_object();
    record_put(object, "add-received", json_boolean(facts->add_received));
    record_put(object, "record-subject", json_boolean(facts->record_subject));
    record_put(object, "client-name-wanted", json_boolean(facts->client_name_wanted));
    record_put_number(object, "signatures-most", facts->signatures_most);
    record_put_number(object, "fields-most", facts->fields_most);
    record_put_number(object, "hops-most", facts->hops_most);
    return object;
}

static void put_fields(json_t *object, const char *name, uint32_t fields, struct arena *arena)
{
    struct slice names[EVIDENCE_SIGNED_FIELDS];
    size_t count = 0;
    for (size_t i = 0; i < EVIDENCE_SIGNED_FIELDS; i++)
        if ((fields >> i & 1) != 0)
            names[count++] = slice_of_string(auth_dkim_field_names[i]);
    record_put_texts(object, name, names, count, arena);
}

static json_t *signature_of(const struct signature *signature, struct arena *arena)
{
    json_t *object = json_object();
    record_put_text(object, "domain", signature->domain, arena);
    record_put_text(object, "selector", signature->selector, arena);
    record_put_text(object, "identity", signature->identity, arena);
    record_put_text(object, "algorithm", signature->algorithm, arena);
    record_put_text(object, "canonicalization", signature->canonicalization, arena);
    record_put_text(object, "fields", signature->fields, arena);
    record_put_text(object, "value-start", signature->value_start, arena);
    record_put_text(object, "body-hash", signature->body_hash, arena);
    if (signature->has_time)
        record_put_number(object, "time", signature->time);
    if (signature->has_expiry)
        record_put_number(object, "expiry", signature->expiry);
    if (signature->has_length)
        record_put_size(object, "length", signature->length);
    put_fields(object, "fields-added", signature->fields_added, arena);
    put_fields(object, "fields-unsigned", signature->fields_unsigned, arena);
    if (signature->has_body) {
        record_put_size(object, "body-size", signature->body_size);
        record_put_size(object, "body-covered", signature->body_covered);
    }
    record_put_name(object, "crypto", record_crypto_name(signature->crypto));
    record_put_text(object, "key", signature->key_data, arena);
    if (signature->key_bits > 0)
        record_put_number(object, "key-bits", signature->key_bits);
    record_put_text(object, "problem", signature->problem, arena);
    return object;
}

static json_t *headers_of(const struct evidence *evidence, struct arena *arena)
{
    json_t *array = json_array();
    for (size_t i = 0; i < evidence->headers_count; i++) {
        json_t *object = json_object();
        record_put(object, "name", record_text_json(evidence->headers[i].name, arena));
        record_put(object, "values", record_texts_json(evidence->headers[i].values, evidence->headers[i].count, arena));
        json_array_append_new(array, object);
    }
    return array;
}

/* The words of the bits from `first` to before `end`. */
static void put_oddities(json_t *object, const char *name, uint64_t oddities, enum oddity first, enum oddity end)
{
    json_t *array = json_array();
    for (enum oddity oddity = first; oddity < end; oddity++)
        if (oddities & ODDITY_BIT(oddity))
            json_array_append_new(array, json_string(oddity_words[oddity]));
    if (json_array_size(array) > 0)
        record_put(object, name, array);
    else
        json_decref(array);
}

static void put_authors(json_t *object, const struct evidence *evidence, struct arena *arena)
{
    bool differs = false;
    record_put_number(object, "from-fields", evidence->from_count);
    record_put_text(object, "from", evidence->from_text, arena);
    record_put_number(object, "mailboxes", evidence->mailbox_count);
    record_put_texts(object, "author-domains", evidence->author_domains, evidence->author_domains_count, arena);
    for (size_t i = 0; evidence->author_unicode != NULL && i < evidence->author_domains_count; i++)
        differs = differs || evidence->author_unicode[i].length > 0;
    if (differs)
        record_put_texts(object, "author-domains-unicode", evidence->author_unicode, evidence->author_domains_count,
                         arena);
    put_oddities(object, "header-oddities", evidence->oddities, ODDITY_HEADER_FIRST, ODDITY_HEADER_END);
    put_oddities(object, "from-oddities", evidence->oddities, ODDITY_FROM_FIRST, ODDITY_FROM_END);
    record_put_text(object, "malformed", evidence->malformed, arena);
}

static json_t *arc_set_of(const struct arc_set *set, struct arena *arena)
{
    json_t *object = json_object(), *claims = json_array();
    record_put(object, "message-signature", signature_of(&set->message, arena));
    record_put(object, "seal", signature_of(&set->seal, arena));
    record_put_text(object, "authserv-id", set->authserv_id, arena);
    for (size_t i = 0; i < set->claims_count; i++) {
        json_t *claim = json_object();
        record_put_text(claim, "method", set->claims[i].method, arena);
        record_put_text(claim, "result", set->claims[i].result, arena);
        record_put_text(claim, "author", set->claims[i].author, arena);
        record_put_text(claim, "text", set->claims[i].text, arena);
        json_array_append_new(claims, claim);
    }
    record_put(object, "claims", claims);
    return object;
}

static void put_arc(json_t *object, const struct evidence *evidence, struct arena *arena)
{
    record_put_text(object, "arc-problem", evidence->arc_problem, arena);
    if (evidence->arc_sets_count == 0)
        return;
    json_t *sets = json_array();
    for (size_t i = 0; i < evidence->arc_sets_count; i++)
        json_array_append_new(sets, arc_set_of(&evidence->arc_sets[i], arena));
    record_put(object, "arc-sets", sets);
}

static void put_evidence(json_t *object, const struct evidence *evidence, struct arena *arena)
{
    record_put_number(object, "header-size", evidence->header_size);
    record_put_number(object, "fields", evidence->field_count);
    record_put_number(object, "received", evidence->received_count);
    record_put_text(object, "message-id", evidence->message_id, arena);
    record_put_text(object, "subject", evidence->subject, arena);
    put_authors(object, evidence, arena);
    record_put_texts(object, "indirect", evidence->indirect, evidence->indirect_count, arena);
    record_put_number(object, "signatures-seen", evidence->signatures_seen);
    if (evidence->signatures_count > 0) {
        json_t *signatures = json_array();
        for (size_t i = 0; i < evidence->signatures_count; i++)
            json_array_append_new(signatures, signature_of(&evidence->signatures[i], arena));
        record_put(object, "signatures", signatures);
    }
    put_arc(object, evidence, arena);
    if (evidence->headers_count > 0)
        record_put(object, "headers", headers_of(evidence, arena));
}

static json_t *message_of(const struct record *record, struct arena *arena)
{
    const struct verdict *verdict = record->verdict;
    json_t *object = json_object();
    record_put_size(object, "size", record->facts->message_size);
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
        json_array_append_new(field, record_text_json(verdict->removed[i].name, arena));
        json_array_append_new(removed, field);
    }
    record_put(object, "removed", removed);
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
        return record_text_json(arena_printf(arena, "%u %.*s", (unsigned)record->preference, SLICE_ARG(text)), arena);
    case QUESTION_PTR:
    case QUESTION_TXT:
        break;
    }
    return record_text_json(text, arena);
}

static json_t *answer_of(const struct answer *answer, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "type", question_type_name(answer->question.type));
    record_put(object, "name", record_text_json(answer->question.name, arena));
    record_put_name(object, "status", answer_status_name(answer->status));
    if (answer->count > 0) {
        json_t *records = json_array();
        for (uint32_t i = 0; i < answer->count; i++)
            json_array_append_new(records, data_of(answer->question.type, &answer->records[i], arena));
        record_put(object, "records", records);
    }
    record_put_text(object, "reason", answer->reason, arena);
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
    record_put_text(object, "notify", recipient->notify, arena);
    record_put_text(object, "orcpt", recipient->orcpt, arena);
    record_put_name(object, "by", record_by_name(recipient->by));
    record_put_number(object, "code", recipient->code);
    record_put_text(object, "text", recipient->text, arena);
    record_put_flag(object, "exempt", recipient->exempt);
    if (recipient->verdict != NULL) {
        json_t *judged = json_object();
        record_put_parts(judged, recipient->verdict, arena);
        record_put(object, "judged", judged);
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
    record_put(object, "recipients", array);
    if (record->recipients_count > count)
        record_put_size(object, "recipients-left-out", record->recipients_count - count);
}

static json_t *outcome_of(const struct record_outcome *outcome, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "by", record_by_name(outcome->by));
    record_put_number(object, "code", outcome->code);
    record_put_text(object, "text", outcome->text, arena);
    record_put_text(object, "reason", outcome->reason, arena);
    record_put(object, "delivered", json_boolean(outcome->delivered));
    if (outcome->backend.length > 0) {
        json_t *backend = json_object();
        record_put_text(backend, "name", outcome->backend, arena);
        record_put_number(backend, "code", outcome->backend_code);
        record_put_text(backend, "text", outcome->backend_text, arena);
        record_put(object, "backend", backend);
    }
    if (outcome->left_out > 0)
        record_put_number(object, "left-out", outcome->left_out);
    return object;
}

static json_t *timings_of(const struct record_outcome *outcome)
{
    json_t *object = json_object();
    for (enum record_phase phase = PHASE_CONNECT; phase <= PHASE_TOTAL; phase++)
        if (outcome->timings[phase] >= 0)
            record_put_number(object, record_phase_name(phase), outcome->timings[phase]);
    return object;
}

static json_t *versions_of(void)
{
    json_t *object = json_object();
    record_put_name(object, "mxward", MXWARD_VERSION);
    return object;
}

static json_t *record_json(const struct record *record, struct arena *arena)
{
    const struct facts *facts = record->facts;
    json_t *object = json_object();
    record_put_number(object, "record", RECORD_FORMAT);
    record_put_name(object, "kind", record->kind == RECORD_SESSION ? "session" : "transaction");
    record_put_text(object, "id", facts->id, arena);
    record_put(object, "time", record_text_json(record_time(facts->arrival, arena), arena));
    record_put_text(object, "listener", facts->listener, arena);
    record_put_flag(object, "submission", facts->submission);
    record_put(object, "client", client_of(record, arena));
    record_put(object, "local", local_of(facts, arena));
    if (facts->has_mail)
        record_put(object, "envelope", envelope_of(record, arena));
    record_put(object, "outcome", outcome_of(&record->outcome, arena));
    if (record->verdict != NULL) {
        record_put_name(object, "stage", stage_names[record->verdict->stage]);
        if (record->verdict->stage == STAGE_RCPT)
            record_put(object, "asked", address_of(&record->verdict->asked, arena));
        record_put_parts(object, record->verdict, arena);
    }
    put_recipients(object, record, arena);
    if (facts->message_size > 0 || (record->verdict != NULL && record->verdict->evidence != NULL))
        record_put(object, "message", message_of(record, arena));
    if (!record->answers_left_out)
        record_put(object, "answers", answers_of(record, arena));
    record_put(object, "settings", settings_of(facts));
    record_put(object, "timings", timings_of(&record->outcome));
    record_put(object, "program", record_text_json(record_hash(record->program, arena), arena));
    record_put(object, "versions", versions_of());
    record_put(object, "replayable", json_boolean(!record->answers_left_out));
    return object;
}

struct slice record_json_text(struct slice text, struct arena *arena)
{
    return record_printed(record_text_json(text, arena), JSON_ENCODE_ANY, arena);
}

struct slice record_write(const struct record *record, struct arena *arena)
{
    struct slice line = record_printed(record_json(record, arena), JSON_COMPACT, arena);
    /* record_printed() left room for one byte more. */
    ((char *)(uintptr_t)line.text)[line.length++] = '\n';
    return line;
}

struct slice record_write_indented(const struct record *record, struct arena *arena)
{
    struct slice text = record_printed(record_json(record, arena), JSON_INDENT(2), arena);
    ((char *)(uintptr_t)text.text)[text.length++] = '\n';
    return text;
}
