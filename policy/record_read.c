/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_read.c: JSON to records, by jansson. A record may have been edited, damaged, or written by somebody else:
 * types, names and ranges are checked, texts and counts bounded, and the first thing wrong is said by the name of the
 * member it is in. What is absent is empty.
 */
#include "policy/record.h"

#include <jansson.h>

#include "policy/record_names.h"

/* One reading. Failures stick; `problem` is the first. */
struct reading {
    struct arena *arena;
    bool failed;
    struct slice problem;
};

static void fail(struct reading *reading, const char *name, const char *what)
{
    if (!reading->failed)
        reading->problem = arena_printf(reading->arena, "\"%s\": %s", name, what);
    reading->failed = true;
}

/* The member, or NULL when it is absent or of another type (which fails). */
static json_t *member(struct reading *reading, json_t *object, const char *name, json_type type, const char *what)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (json_typeof(value) == type)
        return value;
    fail(reading, name, what);
    return NULL;
}

static json_t *get_object(struct reading *reading, json_t *object, const char *name)
{
    return member(reading, object, name, JSON_OBJECT, "not an object");
}

static size_t get_array(struct reading *reading, json_t *object, const char *name, size_t most, json_t **array_out)
{
    *array_out = member(reading, object, name, JSON_ARRAY, "not an array");
    size_t count = json_array_size(*array_out);
    if (count <= most)
        return count;
    fail(reading, name, "too many");
    return 0;
}

static struct slice text_of(struct reading *reading, const json_t *value, const char *name, size_t most)
{
    if (!json_is_string(value)) {
        fail(reading, name, "not a text");
        return SLICE("");
    }
    struct slice text = slice_of(json_string_value(value), json_string_length(value));
    text = record_unescape(text, reading->arena);
    if (text.length <= most)
        return text;
    fail(reading, name, "too long");
    return SLICE("");
}

static struct slice get_text(struct reading *reading, json_t *object, const char *name, size_t most)
{
    json_t *value = json_object_get(object, name);
    return value == NULL || json_is_null(value) ? SLICE_NONE : text_of(reading, value, name, most);
}

static int64_t get_number(struct reading *reading, json_t *object, const char *name, int64_t least, int64_t most)
{
    json_t *value = member(reading, object, name, JSON_INTEGER, "not a whole number");
    if (value == NULL)
        return 0;
    int64_t number = json_integer_value(value);
    if (number >= least && number <= most)
        return number;
    fail(reading, name, "out of range");
    return 0;
}

static bool get_flag(struct reading *reading, json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (value != NULL && !json_is_boolean(value))
        fail(reading, name, "neither true nor false");
    return json_is_true(value);
}

/* The index of the member's text in `names`; 0 when it is absent. */
static unsigned get_name(struct reading *reading, json_t *object, const char *name,
                         const char *(*name_of)(unsigned index), unsigned count)
{
    struct slice text = get_text(reading, object, name, 64);
    if (text.text == NULL)
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (slice_equal(text, slice_of_string(name_of(i))))
            return i;
    fail(reading, name, "an unknown word");
    return 0;
}

static void get_address(struct reading *reading, json_t *object, const char *name, struct address *address_out)
{
    struct slice text = get_text(reading, object, name, ADDRESS_TEXT);
    if (text.text != NULL && !address_parse(text, address_out))
        fail(reading, name, "not an address");
}

static struct slice *get_texts(struct reading *reading, json_t *object, const char *name, size_t count_most,
                               size_t most, size_t *count_out)
{
    json_t *array;
    *count_out = get_array(reading, object, name, count_most, &array);
    struct slice *texts = arena_array(reading->arena, *count_out, sizeof *texts);
    for (size_t i = 0; i < *count_out; i++)
        texts[i] = text_of(reading, json_array_get(array, i), name, most);
    return texts;
}

/* Facts */

static void read_split(struct reading *reading, json_t *object, struct facts_recipient *recipient_out)
{
    struct slice path = get_text(reading, object, "address", FACTS_PATH_MOST);
    size_t at = path.length;
    while (at > 0 && path.text[at - 1] != '@')
        at--;
    recipient_out->path = path;
    recipient_out->local_part = at == 0 ? path : slice_first(path, at - 1);
    recipient_out->domain = at == 0 ? SLICE_NONE : slice_from(path, at);
    if (json_object_get(object, "local") == NULL)
        return;
    recipient_out->local_part = get_text(reading, object, "local", FACTS_PATH_MOST);
    recipient_out->domain = get_text(reading, object, "domain", FACTS_PATH_MOST);
}

static void read_client(struct reading *reading, json_t *client, struct facts *facts)
{
    get_address(reading, client, "ip", &facts->client_address);
    facts->client_port = (uint16_t)get_number(reading, client, "port", 0, UINT16_MAX);
    facts->helo = get_text(reading, client, "helo", FACTS_TEXT_MOST);
    facts->has_helo = facts->helo.text != NULL;
    facts->esmtp = get_flag(reading, client, "esmtp");
    json_t *tls = get_object(reading, client, "tls");
    facts->tls = tls != NULL;
    facts->tls_version = get_text(reading, tls, "version", FACTS_TEXT_MOST);
    facts->tls_cipher = get_text(reading, tls, "cipher", FACTS_TEXT_MOST);
    facts->tls_bits = (uint16_t)get_number(reading, tls, "bits", 0, UINT16_MAX);
}

static void read_envelope(struct reading *reading, json_t *envelope, struct facts *facts)
{
    struct facts_recipient sender = { 0 };
    json_t *array;
    facts->has_mail = envelope != NULL;
    if (envelope == NULL)
        return;
    read_split(reading, get_object(reading, envelope, "sender"), &sender);
    facts->sender = sender.path;
    facts->sender_local_part = sender.local_part;
    facts->sender_domain = sender.domain;
    facts->declared_size = (uint64_t)get_number(reading, envelope, "size", 0, INT64_MAX);
    facts->body_8bit = get_flag(reading, envelope, "8bit");
    facts->recipients_count = get_array(reading, envelope, "recipients", FACTS_RECIPIENTS_MOST, &array);
    facts->recipients = arena_array(reading->arena, facts->recipients_count, sizeof *facts->recipients);
    for (size_t i = 0; i < facts->recipients_count; i++)
        read_split(reading, json_array_get(array, i), &facts->recipients[i]);
}

static void read_facts(struct reading *reading, json_t *root, struct facts *facts)
{
    facts->id = get_text(reading, root, "id", FACTS_TEXT_MOST);
    struct slice time = get_text(reading, root, "time", 64);
    if (time.text != NULL && !record_time_parse(time, &facts->arrival))
        fail(reading, "time", "not a time");
    facts->listener = get_text(reading, root, "listener", FACTS_TEXT_MOST);
    read_client(reading, get_object(reading, root, "client"), facts);
    json_t *local = get_object(reading, root, "local");
    get_address(reading, local, "ip", &facts->local_address);
    facts->local_port = (uint16_t)get_number(reading, local, "port", 0, UINT16_MAX);
    facts->hostname = get_text(reading, local, "hostname", FACTS_TEXT_MOST);
    facts->authserv_id = get_text(reading, local, "authserv-id", FACTS_TEXT_MOST);
    read_envelope(reading, get_object(reading, root, "envelope"), facts);
    json_t *message = get_object(reading, root, "message");
    facts->message_size = (uint64_t)get_number(reading, message, "size", 0, INT64_MAX);
    json_t *settings = get_object(reading, root, "settings");
    facts->add_received = get_flag(reading, settings, "add-received");
    facts->record_subject = get_flag(reading, settings, "record-subject");
    facts->client_name_wanted = get_flag(reading, settings, "client-name-wanted");
    facts->signatures_most = (uint32_t)get_number(reading, settings, "signatures-most", 0, UINT32_MAX);
    facts->fields_most = (uint32_t)get_number(reading, settings, "fields-most", 0, UINT32_MAX);
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
    struct answer answer = { .question.name = get_text(reading, object, "name", QUESTION_NAME_MOST) };
    if (!question_type_parse(get_text(reading, object, "type", 16), &answer.question.type))
        fail(reading, "answers", "a question of an unknown type");
    if (!answer_status_parse(get_text(reading, object, "status", 16), &answer.status))
        fail(reading, "answers", "an answer of an unknown status");
    answer.reason = get_text(reading, object, "reason", 256);
    json_t *records;
    answer.count = (uint32_t)get_array(reading, object, "records", ANSWER_RECORDS_MOST, &records);
    answer.records = arena_array(reading->arena, answer.count, sizeof *answer.records);
    for (uint32_t i = 0; i < answer.count && !reading->failed; i++)
        if (!read_data(reading, text_of(reading, json_array_get(records, i), "records", 65535), answer.question.type,
                       &answer.records[i]))
            fail(reading, "records", "not data of the answer's type");
    if (!reading->failed && (answer.status == ANSWER_RECORDS) != (answer.count > 0))
        fail(reading, "answers", "records do not fit the status");
    answer.used = true;
    if (!reading->failed && !answers_add(answers, &answer))
        fail(reading, "answers", "a name that cannot be asked, or asked twice");
}

static void read_answers(struct reading *reading, json_t *root, struct answers *answers)
{
    json_t *array;
    size_t count = get_array(reading, root, "answers", 100000, &array);
    for (size_t i = 0; i < count && !reading->failed; i++)
        read_answer(reading, json_array_get(array, i), answers);
}

/* Evidence */

static void read_signature(struct reading *reading, json_t *object, struct signature *signature)
{
    signature->domain = get_text(reading, object, "domain", EVIDENCE_TEXT_MOST);
    signature->selector = get_text(reading, object, "selector", EVIDENCE_TEXT_MOST);
    signature->identity = get_text(reading, object, "identity", EVIDENCE_TEXT_MOST);
    signature->algorithm = get_text(reading, object, "algorithm", EVIDENCE_TEXT_MOST);
    signature->canonicalization = get_text(reading, object, "canonicalization", EVIDENCE_TEXT_MOST);
    signature->fields = get_text(reading, object, "fields", EVIDENCE_TEXT_MOST);
    signature->value_start = get_text(reading, object, "value-start", EVIDENCE_TEXT_MOST);
    signature->body_hash = get_text(reading, object, "body-hash", EVIDENCE_TEXT_MOST);
    signature->has_time = json_object_get(object, "time") != NULL;
    signature->time = get_number(reading, object, "time", INT64_MIN, INT64_MAX);
    signature->has_expiry = json_object_get(object, "expiry") != NULL;
    signature->expiry = get_number(reading, object, "expiry", INT64_MIN, INT64_MAX);
    signature->has_length = json_object_get(object, "length") != NULL;
    signature->length = (uint64_t)get_number(reading, object, "length", 0, INT64_MAX);
    signature->crypto =
        (enum signature_crypto)get_name(reading, object, "crypto", record_crypto_name, RECORD_CRYPTO_NAMES);
    signature->key_data = get_text(reading, object, "key", EVIDENCE_KEY_MOST);
    signature->key_bits = (uint32_t)get_number(reading, object, "key-bits", 0, UINT32_MAX);
    signature->problem = get_text(reading, object, "problem", EVIDENCE_TEXT_MOST);
}

static void read_headers(struct reading *reading, json_t *message, struct evidence *evidence)
{
    json_t *array;
    evidence->headers_count = get_array(reading, message, "headers", 4096, &array);
    evidence->headers = arena_array(reading->arena, evidence->headers_count, sizeof *evidence->headers);
    for (size_t i = 0; i < evidence->headers_count; i++) {
        json_t *object = json_array_get(array, i);
        evidence->headers[i].name = get_text(reading, object, "name", EVIDENCE_TEXT_MOST);
        evidence->headers[i].values = get_texts(reading, object, "values", EVIDENCE_VALUES_MOST, EVIDENCE_TEXT_MOST,
                                                &evidence->headers[i].count);
    }
}

static void read_removed(struct reading *reading, json_t *message, struct record_reading *out)
{
    json_t *array;
    out->removed_count = get_array(reading, message, "removed", VERDICT_REMOVED_MOST, &array);
    out->removed = arena_array(reading->arena, out->removed_count, sizeof *out->removed);
    for (size_t i = 0; i < out->removed_count; i++) {
        json_t *field = json_array_get(array, i);
        json_t *offset = json_array_get(field, 0), *length = json_array_get(field, 1);
        if (!json_is_integer(offset) || !json_is_integer(length) || json_integer_value(offset) < 0 ||
            json_integer_value(length) < 0 || json_integer_value(offset) > UINT32_MAX ||
            json_integer_value(length) > UINT32_MAX) {
            fail(reading, "removed", "not [offset, length, name]");
            return;
        }
        out->removed[i].offset = (uint32_t)json_integer_value(offset);
        out->removed[i].length = (uint32_t)json_integer_value(length);
        out->removed[i].name = text_of(reading, json_array_get(field, 2), "removed", EVIDENCE_TEXT_MOST);
    }
}

static void read_message(struct reading *reading, json_t *root, struct record_reading *out)
{
    json_t *message = get_object(reading, root, "message"), *array;
    if (json_object_get(message, "header-size") == NULL)
        return;
    struct evidence *evidence = arena_alloc(reading->arena, sizeof *evidence);
    evidence->header_size = (uint32_t)get_number(reading, message, "header-size", 0, UINT32_MAX);
    evidence->field_count = (uint32_t)get_number(reading, message, "fields", 0, UINT32_MAX);
    evidence->from_count = (uint32_t)get_number(reading, message, "from-fields", 0, UINT32_MAX);
    evidence->author_domains = get_texts(reading, message, "author-domains", EVIDENCE_AUTHORS_MOST, EVIDENCE_TEXT_MOST,
                                         &evidence->author_domains_count);
    evidence->mailbox_count = (uint32_t)get_number(reading, message, "mailboxes", 0, UINT32_MAX);
    evidence->from_text = get_text(reading, message, "from", EVIDENCE_TEXT_MOST);
    evidence->malformed = get_text(reading, message, "malformed", EVIDENCE_TEXT_MOST);
    evidence->message_id = get_text(reading, message, "message-id", EVIDENCE_TEXT_MOST);
    evidence->subject = get_text(reading, message, "subject", EVIDENCE_TEXT_MOST);
    evidence->signatures_seen = (uint32_t)get_number(reading, message, "signatures-seen", 0, UINT32_MAX);
    evidence->signatures_count = get_array(reading, message, "signatures", EVIDENCE_SIGNATURES_MOST, &array);
    evidence->signatures = arena_array(reading->arena, evidence->signatures_count, sizeof *evidence->signatures);
    for (size_t i = 0; i < evidence->signatures_count; i++)
        read_signature(reading, json_array_get(array, i), &evidence->signatures[i]);
    evidence->indirect = get_texts(reading, message, "indirect", 16, EVIDENCE_TEXT_MOST, &evidence->indirect_count);
    read_headers(reading, message, evidence);
    read_removed(reading, message, out);
    out->evidence = evidence;
}

/* What was said */

static enum auth_result get_result(struct reading *reading, json_t *object)
{
    return (enum auth_result)get_name(reading, object, "result", record_result_name, RECORD_RESULT_NAMES);
}

static void read_spf(struct reading *reading, json_t *object, struct spf_outcome *spf)
{
    if (object == NULL)
        return;
    spf->result = get_result(reading, object);
    spf->domain = get_text(reading, object, "domain", 4096);
    spf->reason = get_text(reading, object, "reason", 4096);
    spf->explanation = get_text(reading, object, "explanation", 4096);
    spf->lookups = (uint8_t)get_number(reading, object, "lookups", 0, UINT8_MAX);
    spf->void_lookups = (uint8_t)get_number(reading, object, "void-lookups", 0, UINT8_MAX);
}

static void read_dmarc(struct reading *reading, json_t *object, struct dmarc_outcome *dmarc)
{
    dmarc->result = get_result(reading, object);
    dmarc->author_domain = get_text(reading, object, "author-domain", EVIDENCE_TEXT_MOST);
    dmarc->record_domain = get_text(reading, object, "record-domain", EVIDENCE_TEXT_MOST);
    dmarc->organizational_domain = get_text(reading, object, "organizational-domain", EVIDENCE_TEXT_MOST);
    dmarc->published =
        (enum dmarc_policy)get_name(reading, object, "published", record_policy_name, RECORD_POLICY_NAMES);
    dmarc->policy = (enum dmarc_policy)get_name(reading, object, "policy", record_policy_name, RECORD_POLICY_NAMES);
    dmarc->test_mode = get_flag(reading, object, "test");
    dmarc->strict_spf = get_flag(reading, object, "strict-spf");
    dmarc->strict_dkim = get_flag(reading, object, "strict-dkim");
    dmarc->spf_aligned = get_flag(reading, object, "spf-aligned");
    dmarc->dkim_aligned = get_flag(reading, object, "dkim-aligned");
    dmarc->reason = get_text(reading, object, "reason", 4096);
}

static void read_results(struct reading *reading, json_t *results, const struct evidence *evidence,
                         struct findings *findings)
{
    json_t *iprev = get_object(reading, results, "iprev"), *array;
    if (iprev != NULL) {
        findings->iprev.result = get_result(reading, iprev);
        findings->iprev.name = get_text(reading, iprev, "name", QUESTION_NAME_MOST);
        findings->iprev.reverse_name = get_text(reading, iprev, "reverse-name", QUESTION_NAME_MOST);
    }
    read_spf(reading, get_object(reading, results, "spf-helo"), &findings->spf_helo);
    read_spf(reading, get_object(reading, results, "spf"), &findings->spf);
    json_t *dmarc = get_object(reading, results, "dmarc");
    if (dmarc == NULL || evidence == NULL)
        return;
    findings->has_message = true;
    read_dmarc(reading, dmarc, &findings->dmarc);
    findings->indirect = get_flag(reading, results, "indirect");
    size_t count = get_array(reading, results, "dkim", EVIDENCE_SIGNATURES_MOST, &array);
    if (count != evidence->signatures_count) {
        fail(reading, "dkim", "not as many as signatures");
        return;
    }
    findings->dkim = arena_array(reading->arena, count, sizeof *findings->dkim);
    findings->dkim_count = count;
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_array_get(array, i);
        findings->dkim[i].result = get_result(reading, object);
        findings->dkim[i].reason = get_text(reading, object, "reason", 4096);
        findings->dkim[i].aligned = get_flag(reading, object, "aligned");
        findings->dkim[i].test_key = get_flag(reading, object, "test-key");
    }
}

static struct trace_value *read_values(struct reading *reading, json_t *values)
{
    struct trace_value *first = NULL, **end = &first;
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value) {
        *end = arena_alloc(reading->arena, sizeof **end);
        (*end)->name = record_unescape(slice_of_string(name), reading->arena);
        (*end)->value = text_of(reading, value, "values", 65536);
        end = &(*end)->next;
    }
    return first;
}

static struct trace_rule *read_trace(struct reading *reading, json_t *array, enum stage stage)
{
    struct trace_rule *first = NULL, **end = &first;
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *object = json_array_get(array, i);
        *end = arena_alloc(reading->arena, sizeof **end);
        (*end)->name = get_text(reading, object, "name", 1024);
        (*end)->stage = stage;
        (*end)->outcome =
            (enum rule_outcome)get_name(reading, object, "outcome", record_outcome_name, RECORD_OUTCOME_NAMES);
        (*end)->did = get_text(reading, object, "did", 1024);
        (*end)->values = read_values(reading, get_object(reading, object, "values"));
        end = &(*end)->next;
    }
    return first;
}

static struct verdict_run *read_runs(struct reading *reading, json_t *object)
{
    struct verdict_run *first = NULL, **end = &first;
    json_t *array, *met;
    size_t count = get_array(reading, object, "rules", VERDICT_RUNS_MOST, &array);
    for (size_t i = 0; i < count; i++) {
        json_t *run = json_array_get(array, i);
        *end = arena_alloc(reading->arena, sizeof **end);
        (*end)->stage = (enum stage)get_name(reading, run, "stage", record_stage_name, STAGE_COUNT);
        (*end)->recipient = (uint32_t)get_number(reading, run, "recipient", 0, UINT32_MAX);
        struct slice action = get_text(reading, run, "action", 16);
        (*end)->exempt = slice_equal(action, SLICE("accept"));
        (*end)->action = slice_equal(action, SLICE("reject"))  ? VERDICT_REJECT
                         : slice_equal(action, SLICE("defer")) ? VERDICT_DEFER
                                                               : VERDICT_PASS;
        (*end)->rule = get_text(reading, run, "by", 1024);
        get_array(reading, run, "met", 100000, &met);
        (*end)->trace = read_trace(reading, met, (*end)->stage);
        end = &(*end)->next;
    }
    return first;
}

/* From a record, or from "judged" of a recipient. NULL when there is no verdict in it. */
static const struct verdict *read_verdict(struct reading *reading, json_t *object, enum stage stage,
                                          const struct evidence *evidence)
{
    json_t *said = get_object(reading, object, "verdict"), *reply = get_object(reading, object, "reply");
    if (said == NULL)
        return NULL;
    struct verdict *verdict = arena_alloc(reading->arena, sizeof *verdict);
    verdict->stage = stage;
    verdict->action = (enum verdict_action)get_name(reading, said, "action", record_action_name, RECORD_ACTION_NAMES);
    verdict->rule = get_text(reading, said, "rule", 1024);
    verdict->exempt = get_flag(reading, said, "exempt");
    verdict->tagged = get_flag(reading, said, "tagged");
    verdict->text = get_text(reading, said, "text", VERDICT_TEXT_MOST);
    verdict->score = get_number(reading, object, "score", INT64_MIN, INT64_MAX);
    if (reply != NULL) {
        verdict->code = (unsigned)get_number(reading, reply, "code", 0, 599);
        verdict->enhanced = get_text(reading, reply, "enhanced", 16);
        verdict->text = get_text(reading, reply, "text", VERDICT_TEXT_MOST);
    }
    json_t *effects = get_object(reading, object, "effects");
    verdict->logs = get_texts(reading, effects, "logs", VERDICT_LOGS_MOST, VERDICT_LOG_MOST, &verdict->logs_count);
    verdict->runs = read_runs(reading, object);
    verdict->evidence = stage == STAGE_MESSAGE ? evidence : NULL;
    read_results(reading, get_object(reading, object, "results"), verdict->evidence, &verdict->findings);
    return verdict;
}

static void read_parts(struct reading *reading, json_t *object, struct record_judged *judged)
{
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++) {
        json_t *value = json_object_get(object, record_part_name(part));
        if (value == NULL)
            continue;
        size_t length = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
        char *text = arena_alloc(reading->arena, length + 1);
        judged->parts[part] = slice_of(text, json_dumpb(value, text, length, JSON_COMPACT | JSON_ENCODE_ANY));
    }
}

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
    record->recipients_count = get_array(reading, root, "recipients", RECORD_RECIPIENTS_MOST, &array);
    record->recipients = arena_array(reading->arena, record->recipients_count, sizeof *record->recipients);
    for (size_t i = 0; i < record->recipients_count; i++) {
        json_t *object = json_array_get(array, i);
        struct record_recipient *recipient = &record->recipients[i];
        read_split(reading, object, &recipient->recipient);
        recipient->by = (enum record_by)get_name(reading, object, "by", record_by_name_at, RECORD_BY_NAMES);
        recipient->code = (unsigned)get_number(reading, object, "code", 0, 599);
        recipient->text = get_text(reading, object, "text", 4096);
        recipient->exempt = get_flag(reading, object, "exempt");
        json_t *judged = get_object(reading, object, "judged");
        if (judged == NULL)
            continue;
        recipient->verdict = read_verdict(reading, judged, STAGE_RCPT, NULL);
        read_parts(reading, judged, add_judged(out, STAGE_RCPT, &recipient->recipient, reading->arena));
    }
}

static void read_own_verdict(struct reading *reading, json_t *root, struct record_reading *out)
{
    struct facts_recipient asked = { 0 };
    if (json_object_get(root, "stage") == NULL)
        return;
    enum stage stage = (enum stage)get_name(reading, root, "stage", record_stage_name, STAGE_COUNT);
    if (stage == STAGE_MESSAGE && out->evidence == NULL) {
        fail(reading, "message", "absent, although a message was judged");
        return;
    }
    read_split(reading, get_object(reading, root, "asked"), &asked);
    out->record.verdict = read_verdict(reading, root, stage, out->evidence);
    read_parts(reading, root, add_judged(out, stage, &asked, reading->arena));
}

static void read_outcome(struct reading *reading, json_t *root, struct record_outcome *outcome)
{
    json_t *object = get_object(reading, root, "outcome"), *backend = get_object(reading, object, "backend");
    outcome->by = (enum record_by)get_name(reading, object, "by", record_by_name_at, RECORD_BY_NAMES);
    outcome->code = (unsigned)get_number(reading, object, "code", 0, 599);
    outcome->text = get_text(reading, object, "text", 65536);
    outcome->reason = get_text(reading, object, "reason", 65536);
    outcome->delivered = get_flag(reading, object, "delivered");
    outcome->backend = get_text(reading, backend, "name", 1024);
    outcome->backend_code = (unsigned)get_number(reading, backend, "code", 0, 599);
    outcome->backend_text = get_text(reading, backend, "text", 65536);
    outcome->left_out = (uint32_t)get_number(reading, object, "left-out", 0, UINT32_MAX);
    json_t *timings = get_object(reading, root, "timings");
    for (enum record_phase phase = PHASE_CONNECT; phase <= PHASE_TOTAL; phase++) {
        const char *name = record_phase_name(phase);
        bool there = json_object_get(timings, name) != NULL;
        outcome->timings[phase] = there ? get_number(reading, timings, name, 0, INT64_MAX) : -1;
    }
}

static void read_program(struct reading *reading, json_t *root, unsigned char program[32])
{
    struct slice text = get_text(reading, root, "program", 64);
    for (size_t i = 0; i < text.length && text.length == 64; i++) {
        const char *digit = memchr("0123456789abcdef", text.text[i], 16);
        if (digit == NULL)
            fail(reading, "program", "not a SHA-256");
        else
            program[i / 2] = (unsigned char)(program[i / 2] << 4 | (digit - (const char *)"0123456789abcdef"));
    }
    if (text.text != NULL && text.length != 64)
        fail(reading, "program", "not a SHA-256");
}

static void read_root(struct reading *reading, json_t *root, struct record_reading *out)
{
    struct record *record = &out->record;
    if (get_number(reading, root, "record", 1, 1) != 1)
        fail(reading, "record", "not a record, or of another format");
    struct slice kind = get_text(reading, root, "kind", 64);
    record->kind = slice_equal(kind, SLICE("session")) ? RECORD_SESSION : RECORD_TRANSACTION;
    read_facts(reading, root, &out->facts);
    read_answers(reading, root, out->answers);
    read_message(reading, root, out);
    out->judged = arena_array(reading->arena, RECORD_RECIPIENTS_MOST + 1, sizeof *out->judged);
    if (!reading->failed)
        read_own_verdict(reading, root, out);
    if (!reading->failed)
        read_recipients(reading, root, out);
    read_outcome(reading, root, &record->outcome);
    read_program(reading, root, record->program);
    record->version = get_text(reading, get_object(reading, root, "versions"), "mxward", 64);
    out->replayable = get_flag(reading, root, "replayable");
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
        fail(&reading, "record", "not an object");
    json_decref(root);
    *problem_out = reading.problem;
    return !reading.failed;
}
