/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_read.c: JSON to records, by jansson. A record may have been edited, damaged, or written by somebody else:
 * types, names and ranges are checked, texts and counts bounded, and the first thing wrong is said by the name of the
 * member it is in. What is absent is empty.
 */
#include "policy/record.h"

#include <jansson.h>

#include "policy/auth_dkim_cover.h"
#include "policy/record_get.h"
#include "policy/record_names.h"

/* Facts */

static void read_split(struct reading *reading, json_t *object, struct facts_recipient *recipient_out)
{
    struct slice path = record_get_text(reading, object, "address", FACTS_PATH_MOST);
    size_t at = path.length;
    while (at > 0 && path.text[at - 1] != '@')
        at--;
    recipient_out->path = path;
    recipient_out->local_part = at == 0 ? path : slice_first(path, at - 1);
    recipient_out->domain = at == 0 ? SLICE_NONE : slice_from(path, at);
    if (json_object_get(object, "local") == NULL)
        return;
    recipient_out->local_part = record_get_text(reading, object, "local", FACTS_PATH_MOST);
    recipient_out->domain = record_get_text(reading, object, "domain", FACTS_PATH_MOST);
}

static void read_certificate(struct reading *reading, json_t *client, struct facts_certificate *certificate)
{
    certificate->given = client != NULL;
    certificate->verified = record_get_flag(reading, client, "verified");
    certificate->subject = record_get_text(reading, client, "subject", FACTS_TEXT_MOST);
    certificate->issuer = record_get_text(reading, client, "issuer", FACTS_TEXT_MOST);
    certificate->fingerprint = record_get_text(reading, client, "fingerprint", FACTS_TEXT_MOST);
    certificate->problem = record_get_text(reading, client, "problem", FACTS_TEXT_MOST);
}

static void read_origin(struct reading *reading, json_t *client, struct facts *facts)
{
    facts->early = record_get_flag(reading, client, "early");
    record_get_address(reading, client, "via", &facts->via);
    json_t *told = record_get_object(reading, client, "told");
    if (told == NULL)
        return;
    facts->told.state = (enum facts_told)record_get_name(reading, told, "state", record_told_name, RECORD_TOLD_NAMES);
    facts->told.name = record_get_text(reading, told, "name", FACTS_TEXT_MOST);
    facts->told.reverse_name = record_get_text(reading, told, "reverse-name", FACTS_TEXT_MOST);
}

static void read_client(struct reading *reading, json_t *client, struct facts *facts)
{
    record_get_address(reading, client, "ip", &facts->client_address);
    facts->client_port = (uint16_t)record_get_number(reading, client, "port", 0, UINT16_MAX);
    read_origin(reading, client, facts);
    facts->helo = record_get_text(reading, client, "helo", FACTS_TEXT_MOST);
    facts->has_helo = facts->helo.text != NULL;
    facts->esmtp = record_get_flag(reading, client, "esmtp");
    json_t *auth = record_get_object(reading, client, "auth");
    facts->authenticated = auth != NULL;
    facts->auth_mechanism = record_get_text(reading, auth, "mechanism", FACTS_TEXT_MOST);
    facts->auth_user = record_get_text(reading, auth, "user", FACTS_TEXT_MOST);
    facts->auth_identity = record_get_text(reading, auth, "identity", FACTS_TEXT_MOST);
    json_t *tls = record_get_object(reading, client, "tls");
    facts->tls = tls != NULL;
    facts->tls_implicit = record_get_flag(reading, tls, "implicit");
    facts->tls_version = record_get_text(reading, tls, "version", FACTS_TEXT_MOST);
    facts->tls_cipher = record_get_text(reading, tls, "cipher", FACTS_TEXT_MOST);
    facts->tls_bits = (uint16_t)record_get_number(reading, tls, "bits", 0, UINT16_MAX);
    facts->tls_server_name = record_get_text(reading, tls, "server-name", FACTS_TEXT_MOST);
    facts->tls_resumed = record_get_flag(reading, tls, "resumed");
    read_certificate(reading, record_get_object(reading, tls, "client"), &facts->tls_client);
}

static void read_envelope(struct reading *reading, json_t *envelope, struct record *record, struct facts *facts)
{
    struct facts_recipient sender = { 0 };
    json_t *array;
    facts->has_mail = envelope != NULL;
    if (envelope == NULL)
        return;
    read_split(reading, record_get_object(reading, envelope, "sender"), &sender);
    facts->sender = sender.path;
    facts->sender_local_part = sender.local_part;
    facts->sender_domain = sender.domain;
    facts->declared_size = (uint64_t)record_get_number(reading, envelope, "size", 0, INT64_MAX);
    facts->body_8bit = record_get_flag(reading, envelope, "8bit");
    facts->smtputf8 = record_get_flag(reading, envelope, "smtputf8");
    facts->requiretls = record_get_flag(reading, envelope, "requiretls");
    record->ret = record_get_text(reading, envelope, "ret", FACTS_TEXT_MOST);
    record->envid = record_get_text(reading, envelope, "envid", FACTS_TEXT_MOST);
    facts->recipients_count = record_get_array(reading, envelope, "recipients", FACTS_RECIPIENTS_MOST, &array);
    facts->recipients = arena_array(reading->arena, facts->recipients_count, sizeof *facts->recipients);
    for (size_t i = 0; i < facts->recipients_count; i++)
        read_split(reading, json_array_get(array, i), &facts->recipients[i]);
}

static void read_facts(struct reading *reading, json_t *root, struct record *record, struct facts *facts)
{
    facts->id = record_get_text(reading, root, "id", FACTS_TEXT_MOST);
    struct slice time = record_get_text(reading, root, "time", 64);
    if (time.text != NULL && !record_time_parse(time, &facts->arrival))
        record_fail(reading, "time", "not a time");
    facts->listener = record_get_text(reading, root, "listener", FACTS_TEXT_MOST);
    facts->submission = record_get_flag(reading, root, "submission");
    read_client(reading, record_get_object(reading, root, "client"), facts);
    json_t *local = record_get_object(reading, root, "local");
    record_get_address(reading, local, "ip", &facts->local_address);
    facts->local_port = (uint16_t)record_get_number(reading, local, "port", 0, UINT16_MAX);
    facts->hostname = record_get_text(reading, local, "hostname", FACTS_TEXT_MOST);
    facts->authserv_id = record_get_text(reading, local, "authserv-id", FACTS_TEXT_MOST);
    read_envelope(reading, record_get_object(reading, root, "envelope"), record, facts);
    json_t *message = record_get_object(reading, root, "message");
    facts->message_size = (uint64_t)record_get_number(reading, message, "size", 0, INT64_MAX);
    json_t *settings = record_get_object(reading, root, "settings");
    facts->add_received = record_get_flag(reading, settings, "add-received");
    facts->record_subject = record_get_flag(reading, settings, "record-subject");
    facts->client_name_wanted = record_get_flag(reading, settings, "client-name-wanted");
    facts->signatures_most = (uint32_t)record_get_number(reading, settings, "signatures-most", 0, UINT32_MAX);
    facts->fields_most = (uint32_t)record_get_number(reading, settings, "fields-most", 0, UINT32_MAX);
    facts->hops_most = (uint32_t)record_get_number(reading, settings, "hops-most", 0, UINT32_MAX);
}

/* Answers */

static bool read_data(struct reading *reading, struct slice text, enum question_type type, struct answer_record *record)
{
    struct address address;
    unsigned long long preference;
    struct slice name = text;
    switch (type) {
    case QUESTION_A:
    case QUESTION_AAAA:
        /* An IPv4-mapped address in an AAAA record is read as the IPv4 address that it is to everybody else. */
        if (!address_parse(text, &address) || (type == QUESTION_A && address.family != 4))
            return false;
        if (type == QUESTION_AAAA && address.family == 4) {
            static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
            memmove(address.bytes + sizeof mapped, address.bytes, 4);
            memcpy(address.bytes, mapped, sizeof mapped);
        }
        record->data = arena_copy(reading->arena, slice_of((const char *)address.bytes, type == QUESTION_A ? 4 : 16));
        return true;
    case QUESTION_MX:
        if (!slice_number(slice_cut(&name, ' '), UINT16_MAX, &preference) || name.text == NULL)
            return false;
        record->preference = (uint16_t)preference;
        record->data = name;
        return true;
    case QUESTION_PTR:
    case QUESTION_TXT:
        break;
    }
    record->data = text;
    return true;
}

static void read_answer(struct reading *reading, json_t *object, struct answers *answers)
{
    struct answer answer = { .question.name = record_get_text(reading, object, "name", QUESTION_NAME_MOST) };
    if (!question_type_parse(record_get_text(reading, object, "type", 16), &answer.question.type))
        record_fail(reading, "answers", "a question of an unknown type");
    if (!answer_status_parse(record_get_text(reading, object, "status", 16), &answer.status))
        record_fail(reading, "answers", "an answer of an unknown status");
    answer.reason = record_get_text(reading, object, "reason", 256);
    json_t *records;
    answer.count = (uint32_t)record_get_array(reading, object, "records", ANSWER_RECORDS_MOST, &records);
    answer.records = arena_array(reading->arena, answer.count, sizeof *answer.records);
    for (uint32_t i = 0; i < answer.count && !reading->failed; i++)
        if (!read_data(reading, record_text_in(reading, json_array_get(records, i), "records", 65535),
                       answer.question.type, &answer.records[i]))
            record_fail(reading, "records", "not data of the answer's type");
    if (!reading->failed && (answer.status == ANSWER_RECORDS) != (answer.count > 0))
        record_fail(reading, "answers", "records do not fit the status");
    answer.used = true;
    if (!reading->failed && !answers_add(answers, &answer))
        record_fail(reading, "answers", "a name that cannot be asked, or asked twice");
}

static void read_answers(struct reading *reading, json_t *root, struct answers *answers)
{
    json_t *array;
    size_t count = record_get_array(reading, root, "answers", 100000, &array);
    for (size_t i = 0; i < count && !reading->failed; i++)
        read_answer(reading, json_array_get(array, i), answers);
}

/* Evidence */

static uint32_t read_fields(struct reading *reading, json_t *object, const char *name)
{
    size_t count;
    uint32_t fields = 0;
    struct slice *names =
        record_get_texts(reading, object, name, EVIDENCE_SIGNED_FIELDS, EVIDENCE_TEXT_MOST, &count);
    for (size_t i = 0; i < count; i++) {
        uint32_t field = auth_dkim_field_bit(names[i]);
        if (field == 0)
            record_fail(reading, name, "an unknown field");
        fields |= field;
    }
    return fields;
}

static void read_signature(struct reading *reading, json_t *object, struct signature *signature)
{
    signature->domain = record_get_text(reading, object, "domain", EVIDENCE_TEXT_MOST);
    signature->selector = record_get_text(reading, object, "selector", EVIDENCE_TEXT_MOST);
    signature->identity = record_get_text(reading, object, "identity", EVIDENCE_TEXT_MOST);
    signature->algorithm = record_get_text(reading, object, "algorithm", EVIDENCE_TEXT_MOST);
    signature->canonicalization = record_get_text(reading, object, "canonicalization", EVIDENCE_TEXT_MOST);
    signature->fields = record_get_text(reading, object, "fields", EVIDENCE_TEXT_MOST);
    signature->value_start = record_get_text(reading, object, "value-start", EVIDENCE_TEXT_MOST);
    signature->body_hash = record_get_text(reading, object, "body-hash", EVIDENCE_TEXT_MOST);
    signature->has_time = json_object_get(object, "time") != NULL;
    signature->time = record_get_number(reading, object, "time", INT64_MIN, INT64_MAX);
    signature->has_expiry = json_object_get(object, "expiry") != NULL;
    signature->expiry = record_get_number(reading, object, "expiry", INT64_MIN, INT64_MAX);
    signature->has_length = json_object_get(object, "length") != NULL;
    signature->length = (uint64_t)record_get_number(reading, object, "length", 0, INT64_MAX);
    signature->fields_added = read_fields(reading, object, "fields-added");
    signature->fields_unsigned = read_fields(reading, object, "fields-unsigned");
    signature->has_body = json_object_get(object, "body-size") != NULL;
    signature->body_size = (uint64_t)record_get_number(reading, object, "body-size", 0, INT64_MAX);
    signature->body_covered = (uint64_t)record_get_number(reading, object, "body-covered", 0, INT64_MAX);
    signature->crypto =
        (enum signature_crypto)record_get_name(reading, object, "crypto", record_crypto_name, RECORD_CRYPTO_NAMES);
    signature->key_data = record_get_text(reading, object, "key", EVIDENCE_KEY_MOST);
    signature->key_bits = (uint32_t)record_get_number(reading, object, "key-bits", 0, UINT32_MAX);
    signature->problem = record_get_text(reading, object, "problem", EVIDENCE_TEXT_MOST);
}

static void read_arc_set(struct reading *reading, json_t *object, struct arc_set *set)
{
    json_t *array;
    read_signature(reading, record_get_object(reading, object, "message-signature"), &set->message);
    read_signature(reading, record_get_object(reading, object, "seal"), &set->seal);
    set->authserv_id = record_get_text(reading, object, "authserv-id", EVIDENCE_TEXT_MOST);
    set->claims_count = record_get_array(reading, object, "claims", EVIDENCE_CLAIMS_MOST, &array);
    set->claims = arena_array(reading->arena, set->claims_count, sizeof *set->claims);
    for (size_t i = 0; i < set->claims_count; i++) {
        json_t *claim = json_array_get(array, i);
        set->claims[i].method = record_get_text(reading, claim, "method", EVIDENCE_CLAIM_TEXT_MOST);
        set->claims[i].result = record_get_text(reading, claim, "result", EVIDENCE_CLAIM_TEXT_MOST);
        set->claims[i].author = record_get_text(reading, claim, "author", EVIDENCE_TEXT_MOST);
        set->claims[i].text = record_get_text(reading, claim, "text", EVIDENCE_CLAIM_TEXT_MOST);
    }
}

static void read_arc(struct reading *reading, json_t *message, struct evidence *evidence)
{
    json_t *array;
    evidence->arc_problem = record_get_text(reading, message, "arc-problem", EVIDENCE_TEXT_MOST);
    evidence->arc_sets_count = record_get_array(reading, message, "arc-sets", EVIDENCE_ARC_SETS_MOST, &array);
    evidence->arc_sets = arena_array(reading->arena, evidence->arc_sets_count, sizeof *evidence->arc_sets);
    for (size_t i = 0; i < evidence->arc_sets_count; i++)
        read_arc_set(reading, json_array_get(array, i), &evidence->arc_sets[i]);
}

static void read_headers(struct reading *reading, json_t *message, struct evidence *evidence)
{
    json_t *array;
    evidence->headers_count = record_get_array(reading, message, "headers", 4096, &array);
    evidence->headers = arena_array(reading->arena, evidence->headers_count, sizeof *evidence->headers);
    for (size_t i = 0; i < evidence->headers_count; i++) {
        json_t *object = json_array_get(array, i);
        evidence->headers[i].name = record_get_text(reading, object, "name", EVIDENCE_TEXT_MOST);
        evidence->headers[i].values = record_get_texts(reading, object, "values", EVIDENCE_VALUES_MOST,
                                                       EVIDENCE_TEXT_MOST, &evidence->headers[i].count);
    }
}

static void read_removed(struct reading *reading, json_t *message, struct record_reading *out)
{
    json_t *array;
    out->removed_count = record_get_array(reading, message, "removed", VERDICT_REMOVED_MOST, &array);
    out->removed = arena_array(reading->arena, out->removed_count, sizeof *out->removed);
    for (size_t i = 0; i < out->removed_count; i++) {
        json_t *field = json_array_get(array, i);
        json_t *offset = json_array_get(field, 0), *length = json_array_get(field, 1);
        if (!json_is_integer(offset) || !json_is_integer(length) || json_integer_value(offset) < 0 ||
            json_integer_value(length) < 0 || json_integer_value(offset) > UINT32_MAX ||
            json_integer_value(length) > UINT32_MAX) {
            record_fail(reading, "removed", "not [offset, length, name]");
            return;
        }
        out->removed[i].offset = (uint32_t)json_integer_value(offset);
        out->removed[i].length = (uint32_t)json_integer_value(length);
        out->removed[i].name = record_text_in(reading, json_array_get(field, 2), "removed", EVIDENCE_TEXT_MOST);
    }
}

static uint64_t read_oddities(struct reading *reading, json_t *message, const char *name, enum oddity first,
                              enum oddity end)
{
    size_t count;
    uint64_t oddities = 0;
    struct slice *words = record_get_texts(reading, message, name, end - first, EVIDENCE_TEXT_MOST, &count);
    for (size_t i = 0; i < count; i++) {
        enum oddity oddity = first;
        while (oddity < end && !slice_equal(words[i], slice_of_string(oddity_words[oddity])))
            oddity++;
        if (oddity == end)
            record_fail(reading, name, "not such a word");
        else
            oddities |= ODDITY_BIT(oddity);
    }
    return oddities;
}

static void read_authors(struct reading *reading, json_t *message, struct evidence *evidence)
{
    size_t count;
    evidence->from_count = (uint32_t)record_get_number(reading, message, "from-fields", 0, UINT32_MAX);
    evidence->author_domains = record_get_texts(reading, message, "author-domains", EVIDENCE_AUTHORS_MOST,
                                                EVIDENCE_TEXT_MOST, &evidence->author_domains_count);
    evidence->author_unicode = record_get_texts(reading, message, "author-domains-unicode", EVIDENCE_AUTHORS_MOST,
                                                EVIDENCE_TEXT_MOST, &count);
    if (count == 0)
        evidence->author_unicode = NULL;
    else if (count != evidence->author_domains_count)
        record_fail(reading, "author-domains-unicode", "not as many as author-domains");
    evidence->mailbox_count = (uint32_t)record_get_number(reading, message, "mailboxes", 0, UINT32_MAX);
    evidence->from_text = record_get_text(reading, message, "from", EVIDENCE_TEXT_MOST);
    evidence->oddities = read_oddities(reading, message, "header-oddities", ODDITY_HEADER_FIRST, ODDITY_HEADER_END)
                       | read_oddities(reading, message, "from-oddities", ODDITY_FROM_FIRST, ODDITY_FROM_END);
    evidence->malformed = record_get_text(reading, message, "malformed", EVIDENCE_TEXT_MOST);
}

static void read_message(struct reading *reading, json_t *root, struct record_reading *out)
{
    json_t *message = record_get_object(reading, root, "message"), *array;
    if (json_object_get(message, "header-size") == NULL)
        return;
    struct evidence *evidence = arena_alloc(reading->arena, sizeof *evidence);
    evidence->header_size = (uint32_t)record_get_number(reading, message, "header-size", 0, UINT32_MAX);
    evidence->field_count = (uint32_t)record_get_number(reading, message, "fields", 0, UINT32_MAX);
    evidence->received_count = (uint32_t)record_get_number(reading, message, "received", 0, UINT32_MAX);
    read_authors(reading, message, evidence);
    evidence->message_id = record_get_text(reading, message, "message-id", EVIDENCE_TEXT_MOST);
    evidence->subject = record_get_text(reading, message, "subject", EVIDENCE_TEXT_MOST);
    evidence->signatures_seen = (uint32_t)record_get_number(reading, message, "signatures-seen", 0, UINT32_MAX);
    evidence->signatures_count = record_get_array(reading, message, "signatures", EVIDENCE_SIGNATURES_MOST, &array);
    evidence->signatures = arena_array(reading->arena, evidence->signatures_count, sizeof *evidence->signatures);
    for (size_t i = 0; i < evidence->signatures_count; i++)
        read_signature(reading, json_array_get(array, i), &evidence->signatures[i]);
    evidence->indirect =
        record_get_texts(reading, message, "indirect", 32, EVIDENCE_TEXT_MOST, &evidence->indirect_count);
    read_arc(reading, message, evidence);
    read_headers(reading, message, evidence);
    read_removed(reading, message, out);
    out->evidence = evidence;
}

/* What was said */

/* For stage rcpt the facts are those of then: one recipient, no message. */
static struct record_judged *add_judged(struct record_reading *out, enum stage stage,
                                        const struct facts_recipient *asked, struct arena *arena)
{
    struct record_judged *judged = &out->judged[out->judged_count++];
    judged->stage = stage;
    judged->facts = out->facts;
    if (stage != STAGE_RCPT)
        return judged;
    judged->facts.recipients = arena_alloc(arena, sizeof *asked);
    *judged->facts.recipients = *asked;
    judged->facts.recipients_count = 1;
    return judged;
}

static void read_recipients(struct reading *reading, json_t *root, struct record_reading *out)
{
    json_t *array;
    struct record *record = &out->record;
    record->recipients_count = record_get_array(reading, root, "recipients", RECORD_RECIPIENTS_MOST, &array);
    record->recipients = arena_array(reading->arena, record->recipients_count, sizeof *record->recipients);
    for (size_t i = 0; i < record->recipients_count; i++) {
        json_t *object = json_array_get(array, i);
        struct record_recipient *recipient = &record->recipients[i];
        read_split(reading, object, &recipient->recipient);
        recipient->notify = record_get_text(reading, object, "notify", FACTS_TEXT_MOST);
        recipient->orcpt = record_get_text(reading, object, "orcpt", FACTS_TEXT_MOST);
        recipient->by = (enum record_by)record_get_name(reading, object, "by", record_by_name_at, RECORD_BY_NAMES);
        recipient->code = (unsigned)record_get_number(reading, object, "code", 0, 599);
        recipient->text = record_get_text(reading, object, "text", 4096);
        recipient->exempt = record_get_flag(reading, object, "exempt");
        json_t *judged = record_get_object(reading, object, "judged");
        if (judged == NULL)
            continue;
        recipient->verdict = record_read_verdict(reading, judged, STAGE_RCPT, NULL);
        record_read_parts(reading, judged, add_judged(out, STAGE_RCPT, &recipient->recipient, reading->arena));
    }
}

static void read_own_verdict(struct reading *reading, json_t *root, struct record_reading *out)
{
    struct facts_recipient asked = { 0 };
    if (json_object_get(root, "stage") == NULL)
        return;
    enum stage stage = (enum stage)record_get_name(reading, root, "stage", record_stage_name, STAGE_COUNT);
    if (stage == STAGE_MESSAGE && out->evidence == NULL) {
        record_fail(reading, "message", "absent, although a message was judged");
        return;
    }
    read_split(reading, record_get_object(reading, root, "asked"), &asked);
    out->record.verdict = record_read_verdict(reading, root, stage, out->evidence);
    record_read_parts(reading, root, add_judged(out, stage, &asked, reading->arena));
}

static void read_outcome(struct reading *reading, json_t *root, struct record_outcome *outcome)
{
    json_t *object = record_get_object(reading, root, "outcome");
    json_t *backend = record_get_object(reading, object, "backend");
    outcome->by = (enum record_by)record_get_name(reading, object, "by", record_by_name_at, RECORD_BY_NAMES);
    outcome->code = (unsigned)record_get_number(reading, object, "code", 0, 599);
    outcome->text = record_get_text(reading, object, "text", 65536);
    outcome->reason = record_get_text(reading, object, "reason", 65536);
    outcome->delivered = record_get_flag(reading, object, "delivered");
    outcome->backend = record_get_text(reading, backend, "name", 1024);
    outcome->backend_code = (unsigned)record_get_number(reading, backend, "code", 0, 599);
    outcome->backend_text = record_get_text(reading, backend, "text", 65536);
    outcome->left_out = (uint32_t)record_get_number(reading, object, "left-out", 0, UINT32_MAX);
    json_t *timings = record_get_object(reading, root, "timings");
    for (enum record_phase phase = PHASE_CONNECT; phase <= PHASE_TOTAL; phase++) {
        const char *name = record_phase_name(phase);
        bool there = json_object_get(timings, name) != NULL;
        outcome->timings[phase] = there ? record_get_number(reading, timings, name, 0, INT64_MAX) : -1;
    }
}

static void read_program(struct reading *reading, json_t *root, unsigned char program[32])
{
    struct slice text = record_get_text(reading, root, "program", 64);
    for (size_t i = 0; i < text.length && text.length == 64; i++) {
        const char *digit = memchr("0123456789abcdef", text.text[i], 16);
        if (digit == NULL)
            record_fail(reading, "program", "not a SHA-256");
        else
            program[i / 2] = (unsigned char)(program[i / 2] << 4 | (digit - (const char *)"0123456789abcdef"));
    }
    if (text.text != NULL && text.length != 64)
        record_fail(reading, "program", "not a SHA-256");
}

static void read_root(struct reading *reading, json_t *root, struct record_reading *out)
{
    struct record *record = &out->record;
    if (record_get_number(reading, root, "record", 1, 1) != 1)
        record_fail(reading, "record", "not a record, or of another format");
    struct slice kind = record_get_text(reading, root, "kind", 64);
    record->kind = slice_equal(kind, SLICE("session")) ? RECORD_SESSION : RECORD_TRANSACTION;
    read_facts(reading, root, record, &out->facts);
    read_answers(reading, root, out->answers);
    read_message(reading, root, out);
    out->judged = arena_array(reading->arena, RECORD_RECIPIENTS_MOST + 1, sizeof *out->judged);
    if (!reading->failed)
        read_own_verdict(reading, root, out);
    if (!reading->failed)
        read_recipients(reading, root, out);
    read_outcome(reading, root, &record->outcome);
    read_program(reading, root, record->program);
    record->version = record_get_text(reading, record_get_object(reading, root, "versions"), "mxward", 64);
    out->replayable = record_get_flag(reading, root, "replayable");
    record->answers_left_out = !out->replayable;
}

bool record_read(struct slice line, struct arena *arena, struct record_reading *reading_out, struct slice *problem_out)
{
    struct reading reading = { .arena = arena };
    json_error_t error;
    *reading_out = (struct record_reading){ 0 };
    record_init(&reading_out->record);
    reading_out->answers = answers_new(arena);
    reading_out->record.facts = &reading_out->facts;
    reading_out->record.answers = reading_out->answers;
    json_t *root = line.length > RECORD_LINE_MOST ? NULL
                                                  : json_loadb(line.text, line.length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        *problem_out = line.length > RECORD_LINE_MOST
                           ? SLICE("too long for a record")
                           : arena_printf(arena, "not JSON: %s, at byte %d", error.text, error.position);
        return false;
    }
    if (json_is_object(root))
        read_root(&reading, root, reading_out);
    else
        record_fail(&reading, "record", "not an object");
    json_decref(root);
    *problem_out = reading.problem;
    return !reading.failed;
}
