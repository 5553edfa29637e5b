/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.c: the names of outcomes, and a verdict as bytes for a frame, and back. Decoding is where the worker looks
 * at what a judge says (P4): a form that is not as verdict.h promises is refused, and the worker takes the judge for
 * broken.
 */
#include "policy/verdict.h"

#include "policy/dmarc_outcome.h"
#include "policy/sort.h"
#include "policy/wire.h"

/* RFC 2034: a digit, and two numbers of at most three digits. */
#define ENHANCED_MOST 9
/* Of a name in rules (TOKEN_BARE_MOST), of a printed value, of a reason. */
#define NAME_MOST 255
#define VALUE_MOST 16384
#define REASON_MOST 2048
#define TRACE_RULES_MOST 100000
#define TRACE_VALUES_MOST 1000
/* RFC 5322 2.1.1: characters of one line without CRLF. */
#define LINE_MOST 998

const char *const stage_names[STAGE_COUNT] = { "connect", "helo", "mail", "rcpt", "message" };

const char *verdict_action_name(enum verdict_action action)
{
    static const char *const names[] = {
        [VERDICT_PASS] = "pass", [VERDICT_REJECT] = "reject", [VERDICT_DEFER] = "defer"
    };
    return names[action];
}

const char *auth_result_name(enum auth_result result)
{
    static const char *const names[] = {
        [AUTH_NONE] = "none",         [AUTH_NEUTRAL] = "neutral",     [AUTH_PASS] = "pass",
        [AUTH_FAIL] = "fail",         [AUTH_SOFTFAIL] = "softfail",   [AUTH_POLICY] = "policy",
        [AUTH_TEMPERROR] = "temperror", [AUTH_PERMERROR] = "permerror", [AUTH_PENDING] = "pending",
    };
    return names[result];
}

/* Encoding */

static void encode_spf(const struct spf_outcome *spf, struct wire_writer *writer)
{
    wire_put_u8(writer, spf->result);
    wire_put_slice(writer, spf->domain);
    wire_put_slice(writer, slice_first(spf->reason, REASON_MOST));
    wire_put_slice(writer, slice_first(spf->explanation, REASON_MOST));
    wire_put_u8(writer, spf->lookups);
    wire_put_u8(writer, spf->void_lookups);
}

static void encode_findings(const struct findings *findings, struct wire_writer *writer)
{
    wire_put_u8(writer, findings->iprev.result);
    wire_put_slice(writer, findings->iprev.name);
    wire_put_slice(writer, findings->iprev.reverse_name);
    encode_spf(&findings->spf_helo, writer);
    encode_spf(&findings->spf, writer);
    wire_put_u32(writer, (uint32_t)findings->dkim_count);
    for (size_t i = 0; i < findings->dkim_count; i++) {
        wire_put_u8(writer, findings->dkim[i].result);
        wire_put_slice(writer, slice_first(findings->dkim[i].reason, REASON_MOST));
        wire_put_bool(writer, findings->dkim[i].aligned);
        wire_put_bool(writer, findings->dkim[i].test_key);
    }
    dmarc_outcome_encode(&findings->dmarc, writer);
    wire_put_u8(writer, findings->arc.result);
    wire_put_slice(writer, slice_first(findings->arc.reason, REASON_MOST));
    wire_put_bool(writer, findings->arc.has_oldest_pass);
    wire_put_u32(writer, findings->arc.oldest_pass);
    wire_put_bool(writer, findings->indirect);
    wire_put_bool(writer, findings->has_message);
}

static void encode_trace_rule(const struct trace_rule *rule, struct wire_writer *writer)
{
    wire_put_slice(writer, rule->name);
    wire_put_u8(writer, rule->stage);
    wire_put_u8(writer, rule->outcome);
    wire_put_slice(writer, rule->did);
    size_t count_at = writer->length;
    uint32_t count = 0;
    wire_put_u32(writer, 0);
    for (const struct trace_value *value = rule->values; value != NULL; value = value->next, count++) {
        wire_put_slice(writer, value->name);
        wire_put_slice(writer, value->value);
    }
    wire_patch_u32(writer, count_at, count);
}

static void encode_runs(const struct verdict_run *first, struct wire_writer *writer)
{
    size_t count_at = writer->length;
    uint32_t count = 0;
    wire_put_u32(writer, 0);
    for (const struct verdict_run *run = first; run != NULL; run = run->next, count++) {
        wire_put_u8(writer, run->stage);
        wire_put_u32(writer, run->recipient);
        wire_put_bool(writer, run->exempt);
        wire_put_u8(writer, run->action);
        wire_put_slice(writer, run->rule);
        size_t rules_at = writer->length;
        uint32_t rules = 0;
        wire_put_u32(writer, 0);
        for (const struct trace_rule *rule = run->trace; rule != NULL; rule = rule->next, rules++)
            encode_trace_rule(rule, writer);
        wire_patch_u32(writer, rules_at, rules);
    }
    wire_patch_u32(writer, count_at, count);
}

void removed_encode(const struct removed_field *removed, size_t count, struct wire_writer *writer)
{
    wire_put_u32(writer, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        wire_put_u32(writer, removed[i].offset);
        wire_put_u32(writer, removed[i].length);
        wire_put_slice(writer, removed[i].name);
    }
}

static void encode_effects(const struct verdict *verdict, struct wire_writer *writer)
{
    wire_put_u32(writer, (uint32_t)verdict->added_count);
    for (size_t i = 0; i < verdict->added_count; i++) {
        wire_put_slice(writer, verdict->added[i].name);
        wire_put_slice(writer, verdict->added[i].text);
    }
    removed_encode(verdict->removed, verdict->removed_count, writer);
    wire_put_u32(writer, (uint32_t)verdict->logs_count);
    for (size_t i = 0; i < verdict->logs_count; i++)
        wire_put_slice(writer, verdict->logs[i]);
}

void verdict_encode(const struct verdict *verdict, struct wire_writer *writer)
{
    wire_put_u8(writer, verdict->stage);
    wire_put_slice(writer, verdict->asked.path);
    wire_put_slice(writer, verdict->asked.local_part);
    wire_put_slice(writer, verdict->asked.domain);
    wire_put_u8(writer, verdict->action);
    wire_put_bool(writer, verdict->exempt);
    wire_put_bool(writer, verdict->tagged);
    wire_put_slice(writer, verdict->rule);
    wire_put_u16(writer, verdict->code);
    wire_put_slice(writer, verdict->enhanced);
    wire_put_slice(writer, verdict->text);
    wire_put_i64(writer, verdict->score);
    encode_effects(verdict, writer);
    encode_findings(&verdict->findings, writer);
    wire_put_bool(writer, verdict->evidence != NULL);
    if (verdict->evidence != NULL)
        evidence_encode(verdict->evidence, writer);
    encode_runs(verdict->runs, writer);
}

/* Decoding */

static bool is_printable_line(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] < ' ' || text.text[i] > '~')
            return false;
    return true;
}

/* ftext of RFC 5322 3.6.8. */
static bool is_field_name(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.text[i] <= ' ' || name.text[i] > '~' || name.text[i] == ':')
            return false;
    return name.length > 0;
}

/* CLASS.NUMBER.NUMBER of RFC 3463, of the reply code's class. */
static bool is_enhanced(struct slice text, char class)
{
    struct slice rest = text;
    struct slice part = slice_cut(&rest, '.');
    if (part.length != 1 || part.text[0] != class)
        return false;
    for (int i = 0; i < 2; i++) {
        unsigned long long number;
        if (rest.text == NULL)
            return false;
        part = slice_cut(&rest, '.');
        if (part.length == 0 || part.length > 3 || !slice_number(part, 999, &number))
            return false;
    }
    return rest.text == NULL;
}

static void check_reply(struct wire_reader *reader, const struct verdict *verdict)
{
    if (!is_printable_line(verdict->text))
        wire_fail(reader, "a text that is not printable");
    if (verdict->action == VERDICT_PASS) {
        if (verdict->code != 0 || verdict->enhanced.length > 0)
            wire_fail(reader, "a reply code with a verdict that passes");
        return;
    }
    unsigned class = verdict->action == VERDICT_REJECT ? 5 : 4;
    if (verdict->code / 100 != class)
        wire_fail(reader, "a reply code of another class than the action");
    if (!is_enhanced(verdict->enhanced, (char)('0' + class)))
        wire_fail(reader, "an enhanced code of another class than the action");
    if (verdict->text.length == 0)
        wire_fail(reader, "a reply without a text");
}

/* Printable, or UTF-8 (RFC 6532). `blank_out` becomes false when there is more than blanks. */
static bool is_field_text(struct slice line, bool *blank_out)
{
    for (size_t length; line.length > 0; line = slice_from(line, length)) {
        length = text_utf8_length(line);
        if (length == 0 || (line.text[0] != '\t' && text_is_control(slice_first(line, length))))
            return false;
        if (line.text[0] != '\t' && line.text[0] != ' ')
            *blank_out = false;
    }
    return true;
}

/*
 * "Name:" and then lines of printable text and tabs, each ended by CRLF; a further line begins with a blank or tab
 * and is not blank alone (RFC 5322 2.2.3, 3.2.2). Nothing else, so that what is added can never be the end of the
 * header.
 */
static bool is_whole_field(const struct added_field *field)
{
    struct slice rest = field->text;
    if (!slice_starts_with(rest, field->name) || rest.length <= field->name.length ||
        rest.text[field->name.length] != ':')
        return false;
    for (bool first = true; rest.length > 0; first = false) {
        size_t length = slice_find(rest, '\r');
        bool blank = !first;
        if (length > LINE_MOST || rest.length - length < 2 || rest.text[length + 1] != '\n')
            return false;
        if (!first && rest.text[0] != ' ' && rest.text[0] != '\t')
            return false;
        if (!is_field_text(slice_first(rest, length), &blank) || blank)
            return false;
        rest = slice_from(rest, length + 2);
    }
    return true;
}

static void decode_added(struct wire_reader *reader, struct arena *arena, struct verdict *verdict)
{
    verdict->added_count = wire_get_count(reader, VERDICT_ADDED_MOST);
    verdict->added = arena_array(arena, verdict->added_count, sizeof *verdict->added);
    for (size_t i = 0; i < verdict->added_count && !reader->failed; i++) {
        struct added_field *field = &verdict->added[i];
        field->name = wire_get_slice(reader, NAME_MOST);
        field->text = wire_get_slice(reader, VERDICT_FIELD_MOST);
        if (!reader->failed && (!is_field_name(field->name) || !is_whole_field(field)))
            wire_fail(reader, "an added field that is no header field");
    }
}

struct removed_field *removed_decode(struct wire_reader *reader, struct arena *arena, size_t header_size,
                                     size_t *count_out)
{
    *count_out = wire_get_count(reader, VERDICT_REMOVED_MOST);
    struct removed_field *removed = arena_array(arena, *count_out, sizeof *removed);
    size_t end = 0;
    for (size_t i = 0; i < *count_out && !reader->failed; i++) {
        struct removed_field *field = &removed[i];
        field->offset = wire_get_u32(reader);
        field->length = wire_get_u32(reader);
        field->name = wire_get_slice(reader, NAME_MOST);
        if (!reader->failed && (field->offset < end || field->offset > header_size ||
                                field->length > header_size - field->offset || field->length <= field->name.length ||
                                !is_field_name(field->name)))
            wire_fail(reader, "a removed field outside the header or out of order");
        end = (size_t)field->offset + field->length;
    }
    return removed;
}

static void decode_effects(struct wire_reader *reader, struct arena *arena, size_t header_size, struct verdict *verdict)
{
    decode_added(reader, arena, verdict);
    verdict->removed = removed_decode(reader, arena, header_size, &verdict->removed_count);
    if (!reader->failed && verdict->added_count + verdict->removed_count > 0 &&
        (verdict->action != VERDICT_PASS || verdict->stage != STAGE_MESSAGE))
        wire_fail(reader, "header edits with a verdict that delivers nothing");
    verdict->logs_count = wire_get_count(reader, VERDICT_LOGS_MOST);
    verdict->logs = arena_array(arena, verdict->logs_count, sizeof *verdict->logs);
    for (size_t i = 0; i < verdict->logs_count && !reader->failed; i++) {
        verdict->logs[i] = wire_get_slice(reader, VERDICT_LOG_MOST);
        if (!is_printable_line(verdict->logs[i]))
            wire_fail(reader, "a log text that is not printable");
    }
}

/* A result of a final verdict: never pending. */
static enum auth_result decode_result(struct wire_reader *reader)
{
    return (enum auth_result)wire_get_enum(reader, AUTH_PERMERROR);
}

static void decode_spf(struct wire_reader *reader, struct spf_outcome *spf)
{
    spf->result = decode_result(reader);
    spf->domain = wire_get_slice(reader, REASON_MOST);
    spf->reason = wire_get_slice(reader, REASON_MOST);
    spf->explanation = wire_get_slice(reader, REASON_MOST);
    spf->lookups = (uint8_t)wire_get_u8(reader);
    spf->void_lookups = (uint8_t)wire_get_u8(reader);
}

static void decode_findings(struct wire_reader *reader, struct arena *arena, struct findings *findings)
{
    findings->iprev.result = decode_result(reader);
    findings->iprev.name = wire_get_slice(reader, QUESTION_NAME_MOST);
    findings->iprev.reverse_name = wire_get_slice(reader, QUESTION_NAME_MOST);
    decode_spf(reader, &findings->spf_helo);
    decode_spf(reader, &findings->spf);
    findings->dkim_count = wire_get_count(reader, EVIDENCE_SIGNATURES_MOST);
    findings->dkim = arena_array(arena, findings->dkim_count, sizeof *findings->dkim);
    for (size_t i = 0; i < findings->dkim_count && !reader->failed; i++) {
        struct dkim_outcome *dkim = &findings->dkim[i];
        dkim->result = decode_result(reader);
        dkim->reason = wire_get_slice(reader, REASON_MOST);
        dkim->aligned = wire_get_bool(reader);
        dkim->test_key = wire_get_bool(reader);
    }
    dmarc_outcome_decode(reader, arena, &findings->dmarc);
    findings->arc.result = decode_result(reader);
    findings->arc.reason = wire_get_slice(reader, REASON_MOST);
    findings->arc.has_oldest_pass = wire_get_bool(reader);
    findings->arc.oldest_pass = wire_get_u32(reader);
    findings->indirect = wire_get_bool(reader);
    findings->has_message = wire_get_bool(reader);
}

static int compare_names(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* A rule reads each fact once: a record tells it as members of one object, which cannot have the same name. */
static bool is_named_twice(const struct trace_value *values, size_t count, struct arena *arena)
{
    struct slice *names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = values[i].name;
    sort_items(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++)
        if (slice_equal(names[i - 1], names[i]))
            return true;
    return false;
}

static struct trace_value *decode_trace_values(struct wire_reader *reader, struct arena *arena)
{
    size_t count = wire_get_count(reader, TRACE_VALUES_MOST);
    struct trace_value *values = arena_array(arena, count, sizeof *values);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        values[i].name = wire_get_slice(reader, VALUE_MOST);
        values[i].value = wire_get_slice(reader, VALUE_MOST);
        values[i].next = i + 1 < count ? &values[i + 1] : NULL;
    }
    if (!reader->failed && is_named_twice(values, count, arena))
        wire_fail(reader, "a rule that saw a fact twice");
    return count == 0 ? NULL : values;
}

static struct trace_rule *decode_trace(struct wire_reader *reader, struct arena *arena)
{
    size_t count = wire_get_count(reader, TRACE_RULES_MOST);
    struct trace_rule *rules = arena_array(arena, count, sizeof *rules);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        rules[i].name = wire_get_slice(reader, NAME_MOST);
        rules[i].stage = wire_get_enum(reader, STAGE_MESSAGE);
        rules[i].outcome = (enum rule_outcome)wire_get_enum(reader, RULE_SHADOW_UNKNOWN);
        rules[i].did = wire_get_slice(reader, NAME_MOST);
        rules[i].values = decode_trace_values(reader, arena);
        rules[i].next = i + 1 < count ? &rules[i + 1] : NULL;
    }
    return count == 0 ? NULL : rules;
}

static struct verdict_run *decode_runs(struct wire_reader *reader, struct arena *arena)
{
    size_t count = wire_get_count(reader, VERDICT_RUNS_MOST);
    struct verdict_run *runs = arena_array(arena, count, sizeof *runs);
    for (size_t i = 0; i < count && !reader->failed; i++) {
        runs[i].stage = (enum stage)wire_get_enum(reader, STAGE_MESSAGE);
        runs[i].recipient = wire_get_u32(reader);
        runs[i].exempt = wire_get_bool(reader);
        runs[i].action = (enum verdict_action)wire_get_enum(reader, VERDICT_DEFER);
        runs[i].rule = wire_get_slice(reader, NAME_MOST);
        runs[i].trace = decode_trace(reader, arena);
        runs[i].next = i + 1 < count ? &runs[i + 1] : NULL;
    }
    return count == 0 ? NULL : runs;
}

bool verdict_decode(struct wire_reader *reader, struct arena *arena, size_t header_size, struct verdict *verdict_out)
{
    struct verdict *verdict = verdict_out;
    *verdict = (struct verdict){ 0 };
    verdict->stage = (enum stage)wire_get_enum(reader, STAGE_MESSAGE);
    verdict->asked.path = wire_get_slice(reader, FACTS_PATH_MOST);
    verdict->asked.local_part = wire_get_slice(reader, FACTS_PATH_MOST);
    verdict->asked.domain = wire_get_slice(reader, FACTS_PATH_MOST);
    verdict->action = (enum verdict_action)wire_get_enum(reader, VERDICT_DEFER);
    verdict->exempt = wire_get_bool(reader);
    verdict->tagged = wire_get_bool(reader);
    verdict->rule = wire_get_slice(reader, NAME_MOST);
    verdict->code = wire_get_u16(reader);
    verdict->enhanced = wire_get_slice(reader, ENHANCED_MOST);
    verdict->text = wire_get_slice(reader, VERDICT_TEXT_MOST);
    verdict->score = wire_get_i64(reader);
    if (!reader->failed)
        check_reply(reader, verdict);
    decode_effects(reader, arena, header_size, verdict);
    decode_findings(reader, arena, &verdict->findings);
    if (wire_get_bool(reader)) {
        struct evidence *evidence = arena_alloc(arena, sizeof *evidence);
        evidence_decode(reader, arena, evidence);
        verdict->evidence = evidence;
    }
    verdict->runs = decode_runs(reader, arena);
    if (!reader->failed && verdict->findings.dkim_count != 0 &&
        (verdict->evidence == NULL || verdict->findings.dkim_count != verdict->evidence->signatures_count))
        wire_fail(reader, "outcomes of other signatures than the evidence's");
    return !reader->failed;
}
