/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c: records to JSON: facts, evidence, answers, what became of it. What a verdict says is written in
 * record_results.c, the way back is record_read.c. Names are those of mxward-record(5), in an order that puts what
 * people look for first. Members that would be empty are left out, unless their absence would say something else.
 * Nothing can fail.
 */
#include "policy/record.h"

#include "policy/auth_dkim_cover.h"
#include "policy/record_names.h"
#include "policy/record_put.h"

/* Of the format: members may be added under the same number. */
#define RECORD_FORMAT 1

static void put_certificate(struct record_writer *writer, const struct facts_certificate *certificate)
{
    record_open_object(writer, "client");
    record_put_truth(writer, "verified", certificate->verified);
    record_put_text(writer, "subject", certificate->subject);
    record_put_text(writer, "issuer", certificate->issuer);
    record_put_text(writer, "fingerprint", certificate->fingerprint);
    record_put_text(writer, "problem", certificate->problem);
    record_close_object(writer);
}

static void put_origin(struct record_writer *writer, const struct facts *facts)
{
    record_put_flag(writer, "early", facts->early);
    record_put_address(writer, "via", &facts->via);
    if (facts->told.state == FACTS_TOLD_NOTHING)
        return;
    record_open_object(writer, "told");
    record_put_name(writer, "state", record_told_name(facts->told.state));
    record_put_text(writer, "name", facts->told.name);
    record_put_text(writer, "reverse-name", facts->told.reverse_name);
    record_close_object(writer);
}

static void put_auth(struct record_writer *writer, const struct facts *facts)
{
    record_open_object(writer, "auth");
    record_put_text(writer, "mechanism", facts->auth_mechanism);
    record_put_text(writer, "user", facts->auth_user);
    record_put_text(writer, "identity", facts->auth_identity);
    record_close_object(writer);
}

static void put_tls(struct record_writer *writer, const struct facts *facts)
{
    record_open_object(writer, "tls");
    record_put_text(writer, "version", facts->tls_version);
    record_put_text(writer, "cipher", facts->tls_cipher);
    record_put_number(writer, "bits", facts->tls_bits);
    record_put_text(writer, "server-name", facts->tls_server_name);
    record_put_truth(writer, "resumed", facts->tls_resumed);
    record_put_flag(writer, "implicit", facts->tls_implicit);
    if (facts->tls_client.given)
        put_certificate(writer, &facts->tls_client);
    record_close_object(writer);
}

static void put_client(struct record_writer *writer, const struct record *record)
{
    const struct facts *facts = record->facts;
    record_open_object(writer, "client");
    record_put_address(writer, "ip", &facts->client_address);
    record_put_number(writer, "port", facts->client_port);
    put_origin(writer, facts);
    if (record->verdict != NULL && record->verdict->findings.iprev.result == AUTH_PASS)
        record_put_text(writer, "name", record->verdict->findings.iprev.name);
    if (facts->has_helo) {
        record_put_string(writer, "helo", facts->helo);
        record_put_truth(writer, "esmtp", facts->esmtp);
    }
    if (facts->authenticated)
        put_auth(writer, facts);
    if (facts->tls)
        put_tls(writer, facts);
    record_close_object(writer);
}

static void put_local(struct record_writer *writer, const struct facts *facts)
{
    record_open_object(writer, "local");
    record_put_address(writer, "ip", &facts->local_address);
    record_put_number(writer, "port", facts->local_port);
    record_put_text(writer, "hostname", facts->hostname);
    record_put_text(writer, "authserv-id", facts->authserv_id);
    record_close_object(writer);
}

/* Local part and domain are written where they are not what stands before and behind the last "@". */
static void put_split(struct record_writer *writer, struct slice path, struct slice local_part, struct slice domain)
{
    size_t at = path.length;
    while (at > 0 && path.text[at - 1] != '@')
        at--;
    struct slice before = at == 0 ? path : slice_first(path, at - 1);
    struct slice behind = at == 0 ? SLICE_NONE : slice_from(path, at);
    if (slice_equal(before, local_part) && slice_equal(behind, domain))
        return;
    record_put_string(writer, "local", local_part);
    record_put_string(writer, "domain", domain);
}

static void put_address_parts(struct record_writer *writer, const struct facts_recipient *recipient)
{
    record_put_string(writer, "address", recipient->path);
    put_split(writer, recipient->path, recipient->local_part, recipient->domain);
}

static void put_address(struct record_writer *writer, const char *name, const struct facts_recipient *recipient)
{
    record_open_object(writer, name);
    put_address_parts(writer, recipient);
    record_close_object(writer);
}

static void put_envelope(struct record_writer *writer, const struct record *record)
{
    const struct facts *facts = record->facts;
    record_open_object(writer, "envelope");
    record_open_object(writer, "sender");
    record_put_string(writer, "address", facts->sender);
    put_split(writer, facts->sender, facts->sender_local_part, facts->sender_domain);
    record_close_object(writer);
    if (facts->declared_size > 0)
        record_put_size(writer, "size", facts->declared_size);
    record_put_flag(writer, "8bit", facts->body_8bit);
    record_put_flag(writer, "smtputf8", facts->smtputf8);
    record_put_flag(writer, "requiretls", facts->requiretls);
    record_put_text(writer, "ret", record->ret);
    record_put_text(writer, "envid", record->envid);
    record_open_array(writer, "recipients");
    for (size_t i = 0; i < facts->recipients_count; i++)
        put_address(writer, NULL, &facts->recipients[i]);
    record_close_array(writer);
    record_close_object(writer);
}

static void put_settings(struct record_writer *writer, const struct facts *facts)
{
    record_open_object(writer, "settings");
    record_put_truth(writer, "add-received", facts->add_received);
    record_put_truth(writer, "record-subject", facts->record_subject);
    record_put_truth(writer, "client-name-wanted", facts->client_name_wanted);
    record_put_number(writer, "signatures-most", facts->signatures_most);
    record_put_number(writer, "fields-most", facts->fields_most);
    record_put_number(writer, "hops-most", facts->hops_most);
    record_close_object(writer);
}

static void put_fields(struct record_writer *writer, const char *name, uint32_t fields)
{
    struct slice names[EVIDENCE_SIGNED_FIELDS];
    size_t count = 0;
    for (size_t i = 0; i < EVIDENCE_SIGNED_FIELDS; i++)
        if ((fields >> i & 1) != 0)
            names[count++] = slice_of_string(auth_dkim_field_names[i]);
    record_put_texts(writer, name, names, count);
}

static void put_signature(struct record_writer *writer, const char *name, const struct signature *signature)
{
    record_open_object(writer, name);
    record_put_text(writer, "domain", signature->domain);
    record_put_text(writer, "selector", signature->selector);
    record_put_text(writer, "identity", signature->identity);
    record_put_text(writer, "algorithm", signature->algorithm);
    record_put_text(writer, "canonicalization", signature->canonicalization);
    record_put_text(writer, "fields", signature->fields);
    record_put_text(writer, "value-start", signature->value_start);
    record_put_text(writer, "body-hash", signature->body_hash);
    if (signature->has_time)
        record_put_number(writer, "time", signature->time);
    if (signature->has_expiry)
        record_put_number(writer, "expiry", signature->expiry);
    if (signature->has_length)
        record_put_size(writer, "length", signature->length);
    put_fields(writer, "fields-added", signature->fields_added);
    put_fields(writer, "fields-unsigned", signature->fields_unsigned);
    if (signature->has_body) {
        record_put_size(writer, "body-size", signature->body_size);
        record_put_size(writer, "body-covered", signature->body_covered);
    }
    record_put_name(writer, "crypto", record_crypto_name(signature->crypto));
    record_put_text(writer, "key", signature->key_data);
    if (signature->key_bits > 0)
        record_put_number(writer, "key-bits", signature->key_bits);
    record_put_text(writer, "problem", signature->problem);
    record_close_object(writer);
}

static void put_signatures(struct record_writer *writer, const struct evidence *evidence)
{
    record_put_number(writer, "signatures-seen", evidence->signatures_seen);
    if (evidence->signatures_count == 0)
        return;
    record_open_array(writer, "signatures");
    for (size_t i = 0; i < evidence->signatures_count; i++)
        put_signature(writer, NULL, &evidence->signatures[i]);
    record_close_array(writer);
}

static void put_headers(struct record_writer *writer, const struct evidence *evidence)
{
    if (evidence->headers_count == 0)
        return;
    record_open_array(writer, "headers");
    for (size_t i = 0; i < evidence->headers_count; i++) {
        record_open_object(writer, NULL);
        record_put_string(writer, "name", evidence->headers[i].name);
        record_put_strings(writer, "values", evidence->headers[i].values, evidence->headers[i].count);
        record_close_object(writer);
    }
    record_close_array(writer);
}

/* The words of the bits from `first` to before `end`. */
static void put_oddities(struct record_writer *writer, const char *name, uint64_t oddities, enum oddity first,
                         enum oddity end)
{
    struct slice words[ODDITY_FROM_END];
    size_t count = 0;
    for (enum oddity oddity = first; oddity < end; oddity++)
        if (oddities & ODDITY_BIT(oddity))
            words[count++] = slice_of_string(oddity_words[oddity]);
    record_put_texts(writer, name, words, count);
}

static void put_authors(struct record_writer *writer, const struct evidence *evidence)
{
    bool differs = false;
    record_put_number(writer, "from-fields", evidence->from_count);
    record_put_text(writer, "from", evidence->from_text);
    record_put_number(writer, "mailboxes", evidence->mailbox_count);
    record_put_texts(writer, "author-domains", evidence->author_domains, evidence->author_domains_count);
    for (size_t i = 0; evidence->author_unicode != NULL && i < evidence->author_domains_count; i++)
        differs = differs || evidence->author_unicode[i].length > 0;
    if (differs)
        record_put_texts(writer, "author-domains-unicode", evidence->author_unicode, evidence->author_domains_count);
    put_oddities(writer, "header-oddities", evidence->oddities, ODDITY_HEADER_FIRST, ODDITY_HEADER_END);
    put_oddities(writer, "from-oddities", evidence->oddities, ODDITY_FROM_FIRST, ODDITY_FROM_END);
    record_put_text(writer, "malformed", evidence->malformed);
}

static void put_arc_set(struct record_writer *writer, const struct arc_set *set)
{
    record_open_object(writer, NULL);
    put_signature(writer, "message-signature", &set->message);
    put_signature(writer, "seal", &set->seal);
    record_put_text(writer, "authserv-id", set->authserv_id);
    record_open_array(writer, "claims");
    for (size_t i = 0; i < set->claims_count; i++) {
        record_open_object(writer, NULL);
        record_put_text(writer, "method", set->claims[i].method);
        record_put_text(writer, "result", set->claims[i].result);
        record_put_text(writer, "author", set->claims[i].author);
        record_put_text(writer, "text", set->claims[i].text);
        record_close_object(writer);
    }
    record_close_array(writer);
    record_close_object(writer);
}

static void put_arc(struct record_writer *writer, const struct evidence *evidence)
{
    record_put_text(writer, "arc-problem", evidence->arc_problem);
    if (evidence->arc_sets_count == 0)
        return;
    record_open_array(writer, "arc-sets");
    for (size_t i = 0; i < evidence->arc_sets_count; i++)
        put_arc_set(writer, &evidence->arc_sets[i]);
    record_close_array(writer);
}

static void put_evidence(struct record_writer *writer, const struct evidence *evidence)
{
    record_put_number(writer, "header-size", evidence->header_size);
    record_put_number(writer, "fields", evidence->field_count);
    record_put_number(writer, "received", evidence->received_count);
    record_put_text(writer, "message-id", evidence->message_id);
    record_put_text(writer, "subject", evidence->subject);
    put_authors(writer, evidence);
    record_put_texts(writer, "indirect", evidence->indirect, evidence->indirect_count);
    put_signatures(writer, evidence);
    put_arc(writer, evidence);
    put_headers(writer, evidence);
}

static void put_removed(struct record_writer *writer, const struct verdict *verdict)
{
    if (verdict->removed_count == 0)
        return;
    record_open_array(writer, "removed");
    for (size_t i = 0; i < verdict->removed_count; i++) {
        record_open_array(writer, NULL);
        record_put_number(writer, NULL, verdict->removed[i].offset);
        record_put_number(writer, NULL, verdict->removed[i].length);
        record_put_string(writer, NULL, verdict->removed[i].name);
        record_close_array(writer);
    }
    record_close_array(writer);
}

static void put_message(struct record_writer *writer, const struct record *record)
{
    const struct verdict *verdict = record->verdict;
    record_open_object(writer, "message");
    record_put_size(writer, "size", record->facts->message_size);
    if (verdict != NULL && verdict->evidence != NULL) {
        put_evidence(writer, verdict->evidence);
        put_removed(writer, verdict);
    }
    record_close_object(writer);
}

static void put_data(struct record_writer *writer, enum question_type type, const struct answer_record *record)
{
    char buffer[ADDRESS_TEXT];
    struct address address = { .family = type == QUESTION_A ? 4 : 6 };
    struct slice text = record->data;
    switch (type) {
    case QUESTION_A:
    case QUESTION_AAAA:
        memcpy(address.bytes, text.text, text.length < sizeof address.bytes ? text.length : sizeof address.bytes);
        text = address_print(&address, buffer);
        break;
    case QUESTION_MX:
        text = arena_printf(writer->arena, "%u %.*s", (unsigned)record->preference, SLICE_ARG(text));
        break;
    case QUESTION_PTR:
    case QUESTION_TXT:
        break;
    }
    record_put_string(writer, NULL, text);
}

static void put_answer(struct record_writer *writer, const struct answer *answer)
{
    record_open_object(writer, NULL);
    record_put_name(writer, "type", question_type_name(answer->question.type));
    record_put_string(writer, "name", answer->question.name);
    record_put_name(writer, "status", answer_status_name(answer->status));
    if (answer->count > 0) {
        record_open_array(writer, "records");
        for (uint32_t i = 0; i < answer->count; i++)
            put_data(writer, answer->question.type, &answer->records[i]);
        record_close_array(writer);
    }
    record_put_text(writer, "reason", answer->reason);
    record_close_object(writer);
}

static void put_answers(struct record_writer *writer, const struct answers *answers)
{
    record_open_array(writer, "answers");
    const struct answer *answer = answers == NULL ? NULL : answers_first(answers);
    for (; answer != NULL; answer = answer->next)
        if (answer->used)
            put_answer(writer, answer);
    record_close_array(writer);
}

static void put_recipient(struct record_writer *writer, const struct record_recipient *recipient)
{
    record_open_object(writer, NULL);
    put_address_parts(writer, &recipient->recipient);
    record_put_text(writer, "notify", recipient->notify);
    record_put_text(writer, "orcpt", recipient->orcpt);
    record_put_name(writer, "by", record_by_name(recipient->by));
    record_put_number(writer, "code", recipient->code);
    record_put_text(writer, "text", recipient->text);
    record_put_flag(writer, "exempt", recipient->exempt);
    if (recipient->verdict != NULL) {
        record_open_object(writer, "judged");
        record_put_parts(writer, recipient->verdict);
        record_close_object(writer);
    }
    record_close_object(writer);
}

static void put_recipients(struct record_writer *writer, const struct record *record)
{
    size_t count =
        record->recipients_count < RECORD_RECIPIENTS_MOST ? record->recipients_count : RECORD_RECIPIENTS_MOST;
    if (count == 0)
        return;
    record_open_array(writer, "recipients");
    for (size_t i = 0; i < count; i++)
        put_recipient(writer, &record->recipients[i]);
    record_close_array(writer);
    if (record->recipients_count > count)
        record_put_size(writer, "recipients-left-out", record->recipients_count - count);
}

static void put_outcome(struct record_writer *writer, const struct record_outcome *outcome)
{
    record_open_object(writer, "outcome");
    record_put_name(writer, "by", record_by_name(outcome->by));
    record_put_number(writer, "code", outcome->code);
    record_put_text(writer, "text", outcome->text);
    record_put_text(writer, "reason", outcome->reason);
    record_put_truth(writer, "delivered", outcome->delivered);
    if (outcome->backend.length > 0) {
        record_open_object(writer, "backend");
        record_put_text(writer, "name", outcome->backend);
        record_put_number(writer, "code", outcome->backend_code);
        record_put_text(writer, "text", outcome->backend_text);
        record_close_object(writer);
    }
    if (outcome->left_out > 0)
        record_put_number(writer, "left-out", outcome->left_out);
    record_close_object(writer);
}

static void put_timings(struct record_writer *writer, const struct record_outcome *outcome)
{
    record_open_object(writer, "timings");
    for (enum record_phase phase = PHASE_CONNECT; phase <= PHASE_TOTAL; phase++)
        if (outcome->timings[phase] >= 0)
            record_put_number(writer, record_phase_name(phase), outcome->timings[phase]);
    record_close_object(writer);
}

static void put_versions(struct record_writer *writer)
{
    record_open_object(writer, "versions");
    record_put_name(writer, "mxward", MXWARD_VERSION);
    record_close_object(writer);
}

static void put_verdict(struct record_writer *writer, const struct verdict *verdict)
{
    if (verdict == NULL)
        return;
    record_put_name(writer, "stage", stage_names[verdict->stage]);
    if (verdict->stage == STAGE_RCPT)
        put_address(writer, "asked", &verdict->asked);
    record_put_parts(writer, verdict);
}

static void put_record(struct record_writer *writer, const struct record *record)
{
    const struct facts *facts = record->facts;
    record_open_object(writer, NULL);
    record_put_number(writer, "record", RECORD_FORMAT);
    record_put_name(writer, "kind", record->kind == RECORD_SESSION ? "session" : "transaction");
    record_put_text(writer, "id", facts->id);
    record_put_string(writer, "time", record_time(facts->arrival, writer->arena));
    record_put_text(writer, "listener", facts->listener);
    record_put_flag(writer, "submission", facts->submission);
    put_client(writer, record);
    put_local(writer, facts);
    if (facts->has_mail)
        put_envelope(writer, record);
    put_outcome(writer, &record->outcome);
    put_verdict(writer, record->verdict);
    put_recipients(writer, record);
    if (facts->message_size > 0 || (record->verdict != NULL && record->verdict->evidence != NULL))
        put_message(writer, record);
    if (!record->answers_left_out)
        put_answers(writer, record->answers);
    put_settings(writer, facts);
    put_timings(writer, &record->outcome);
    record_put_string(writer, "program", record_hash(record->program, writer->arena));
    put_versions(writer);
    record_put_truth(writer, "replayable", !record->answers_left_out);
    record_close_object(writer);
}

struct slice record_json_text(struct slice text, struct arena *arena)
{
    struct record_writer writer;
    record_writer_init(&writer, arena);
    record_put_string(&writer, NULL, text);
    return record_writer_end(&writer);
}

struct slice record_write(const struct record *record, struct arena *arena)
{
    struct record_writer writer;
    record_writer_init(&writer, arena);
    put_record(&writer, record);
    wire_put_u8(&writer.json, '\n');
    return record_writer_end(&writer);
}
