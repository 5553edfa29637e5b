/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_read_results.c: what a record says of a verdict, read back: rules met, results, reply. Written by
 * record_results.c.
 */
#include "policy/record_get.h"

#include <jansson.h>

#include "policy/record_names.h"

static enum auth_result get_result(struct reading *reading, json_t *object)
{
    return (enum auth_result)record_get_name(reading, object, "result", record_result_name, RECORD_RESULT_NAMES);
}

static void read_spf(struct reading *reading, json_t *object, struct spf_outcome *spf)
{
    if (object == NULL)
        return;
    spf->result = get_result(reading, object);
    spf->domain = record_get_text(reading, object, "domain", 4096);
    spf->reason = record_get_text(reading, object, "reason", 4096);
    spf->explanation = record_get_text(reading, object, "explanation", 4096);
    spf->lookups = (uint8_t)record_get_number(reading, object, "lookups", 0, UINT8_MAX);
    spf->void_lookups = (uint8_t)record_get_number(reading, object, "void-lookups", 0, UINT8_MAX);
}

static void read_arc(struct reading *reading, json_t *object, struct arc_outcome *arc)
{
    arc->result = get_result(reading, object);
    arc->reason = record_get_text(reading, object, "reason", 4096);
    arc->has_oldest_pass = json_object_get(object, "oldest-pass") != NULL;
    arc->oldest_pass = (uint32_t)record_get_number(reading, object, "oldest-pass", 0, EVIDENCE_ARC_SETS_MOST);
}

static void read_results(struct reading *reading, json_t *results, const struct evidence *evidence,
                         struct findings *findings)
{
    json_t *iprev = record_get_object(reading, results, "iprev"), *array;
    if (iprev != NULL) {
        findings->iprev.result = get_result(reading, iprev);
        findings->iprev.name = record_get_text(reading, iprev, "name", QUESTION_NAME_MOST);
        findings->iprev.reverse_name = record_get_text(reading, iprev, "reverse-name", QUESTION_NAME_MOST);
    }
    read_spf(reading, record_get_object(reading, results, "spf-helo"), &findings->spf_helo);
    read_spf(reading, record_get_object(reading, results, "spf"), &findings->spf);
    json_t *dmarc = record_get_object(reading, results, "dmarc");
    if (dmarc == NULL || evidence == NULL)
        return;
    findings->has_message = true;
    findings->dmarc.result = get_result(reading, dmarc);
    record_read_dmarc(reading, dmarc, &findings->dmarc);
    read_arc(reading, record_get_object(reading, results, "arc"), &findings->arc);
    findings->indirect = record_get_flag(reading, results, "indirect");
    size_t count = record_get_array(reading, results, "dkim", EVIDENCE_SIGNATURES_MOST, &array);
    if (count != evidence->signatures_count) {
        record_fail(reading, "dkim", "not as many as signatures");
        return;
    }
    findings->dkim = arena_array(reading->arena, count, sizeof *findings->dkim);
    findings->dkim_count = count;
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_array_get(array, i);
        findings->dkim[i].result = get_result(reading, object);
        findings->dkim[i].reason = record_get_text(reading, object, "reason", 4096);
        findings->dkim[i].aligned = record_get_flag(reading, object, "aligned");
        findings->dkim[i].test_key = record_get_flag(reading, object, "test-key");
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
        (*end)->value = record_text_in(reading, value, "values", 65536);
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
        (*end)->name = record_get_text(reading, object, "name", 1024);
        (*end)->stage = stage;
        (*end)->outcome =
            (enum rule_outcome)record_get_name(reading, object, "outcome", record_outcome_name, RECORD_OUTCOME_NAMES);
        (*end)->did = record_get_text(reading, object, "did", 1024);
        (*end)->values = read_values(reading, record_get_object(reading, object, "values"));
        end = &(*end)->next;
    }
    return first;
}

static struct verdict_run *read_runs(struct reading *reading, json_t *object)
{
    struct verdict_run *first = NULL, **end = &first;
    json_t *array, *met;
    size_t count = record_get_array(reading, object, "rules", VERDICT_RUNS_MOST, &array);
    for (size_t i = 0; i < count; i++) {
        json_t *run = json_array_get(array, i);
        *end = arena_alloc(reading->arena, sizeof **end);
        (*end)->stage = (enum stage)record_get_name(reading, run, "stage", record_stage_name, STAGE_COUNT);
        (*end)->recipient = (uint32_t)record_get_number(reading, run, "recipient", 0, UINT32_MAX);
        struct slice action = record_get_text(reading, run, "action", 16);
        (*end)->exempt = slice_equal(action, SLICE("accept"));
        (*end)->action = slice_equal(action, SLICE("reject"))  ? VERDICT_REJECT
                         : slice_equal(action, SLICE("defer")) ? VERDICT_DEFER
                                                               : VERDICT_PASS;
        (*end)->rule = record_get_text(reading, run, "by", 1024);
        record_get_array(reading, run, "met", 100000, &met);
        (*end)->trace = read_trace(reading, met, (*end)->stage);
        end = &(*end)->next;
    }
    return first;
}

/* From a record, or from "judged" of a recipient. NULL when there is no verdict in it. */
const struct verdict *record_read_verdict(struct reading *reading, json_t *object, enum stage stage,
                                          const struct evidence *evidence)
{
    json_t *said = record_get_object(reading, object, "verdict"), *reply = record_get_object(reading, object, "reply");
    if (said == NULL)
        return NULL;
    struct verdict *verdict = arena_alloc(reading->arena, sizeof *verdict);
    verdict->stage = stage;
    verdict->action =
        (enum verdict_action)record_get_name(reading, said, "action", record_action_name, RECORD_ACTION_NAMES);
    verdict->rule = record_get_text(reading, said, "rule", 1024);
    verdict->exempt = record_get_flag(reading, said, "exempt");
    verdict->tagged = record_get_flag(reading, said, "tagged");
    verdict->text = record_get_text(reading, said, "text", VERDICT_TEXT_MOST);
    verdict->score = record_get_number(reading, object, "score", INT64_MIN, INT64_MAX);
    if (reply != NULL) {
        verdict->code = (unsigned)record_get_number(reading, reply, "code", 0, 599);
        verdict->enhanced = record_get_text(reading, reply, "enhanced", 16);
        verdict->text = record_get_text(reading, reply, "text", VERDICT_TEXT_MOST);
    }
    json_t *effects = record_get_object(reading, object, "effects");
    verdict->logs =
        record_get_texts(reading, effects, "logs", VERDICT_LOGS_MOST, VERDICT_LOG_MOST, &verdict->logs_count);
    verdict->runs = read_runs(reading, object);
    verdict->evidence = stage == STAGE_MESSAGE ? evidence : NULL;
    read_results(reading, record_get_object(reading, object, "results"), verdict->evidence, &verdict->findings);
    return verdict;
}

void record_read_parts(struct reading *reading, json_t *object, struct record_judged *judged)
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
