/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_results.c: what a record says of a verdict: its parts (record_parts()), the results of SPF, DKIM, DMARC
 * and ARC among them. The way back is record_read_results.c.
 */
#include "policy/record.h"

#include <jansson.h>

#include "policy/record_names.h"
#include "policy/record_put.h"

static json_t *verdict_part(const struct verdict *verdict, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "action", verdict_action_name(verdict->action));
    record_put_text(object, "rule", verdict->rule, arena);
    record_put_flag(object, "exempt", verdict->exempt);
    record_put_flag(object, "tagged", verdict->tagged);
    if (verdict->action == VERDICT_PASS)
        record_put_text(object, "text", verdict->text, arena);
    return object;
}

static json_t *reply_part(const struct verdict *verdict, struct arena *arena)
{
    if (verdict->action == VERDICT_PASS)
        return json_null();
    json_t *object = json_object();
    record_put_number(object, "code", verdict->code);
    record_put_text(object, "enhanced", verdict->enhanced, arena);
    record_put_text(object, "text", verdict->text, arena);
    return object;
}

static json_t *rule_of(const struct trace_rule *rule, struct arena *arena)
{
    json_t *object = json_object();
    record_put_text(object, "name", rule->name, arena);
    record_put_name(object, "outcome", record_outcome_name(rule->outcome));
    record_put_text(object, "did", rule->did, arena);
    if (rule->values == NULL)
        return object;
    json_t *values = json_object();
    for (const struct trace_value *value = rule->values; value != NULL; value = value->next)
        record_put(values, arena_string(arena, record_escape(value->name, arena)),
                   record_text_json(value->value, arena));
    record_put(object, "values", values);
    return object;
}

static json_t *rules_part(const struct verdict *verdict, struct arena *arena)
{
    json_t *runs = json_array();
    for (const struct verdict_run *run = verdict->runs; run != NULL; run = run->next) {
        json_t *object = json_object();
        record_put_name(object, "stage", stage_names[run->stage]);
        if (run->stage == STAGE_RCPT)
            record_put_number(object, "recipient", run->recipient);
        if (run->rule.length > 0)
            record_put_name(object, "action", run->exempt ? "accept" : verdict_action_name(run->action));
        record_put_text(object, "by", run->rule, arena);
        json_t *met = json_array();
        for (const struct trace_rule *rule = run->trace; rule != NULL; rule = rule->next)
            json_array_append_new(met, rule_of(rule, arena));
        record_put(object, "met", met);
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
            json_array_append_new(added, record_text_json(verdict->added[i].text, arena));
        record_put(object, "added", added);
    }
    record_put_texts(object, "logs", verdict->logs, verdict->logs_count, arena);
    return object;
}

static json_t *spf_of(const struct spf_outcome *spf, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "result", auth_result_name(spf->result));
    record_put_text(object, "domain", spf->domain, arena);
    record_put_text(object, "reason", spf->reason, arena);
    record_put_text(object, "explanation", spf->explanation, arena);
    record_put_number(object, "lookups", spf->lookups);
    record_put_number(object, "void-lookups", spf->void_lookups);
    return object;
}

static bool spf_was_found(const struct spf_outcome *spf)
{
    return spf->result != AUTH_NONE || spf->domain.length > 0 || spf->reason.length > 0;
}

static json_t *dkim_of(const struct signature *signature, const struct dkim_outcome *dkim, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "result", auth_result_name(dkim->result));
    record_put_text(object, "domain", signature->domain, arena);
    record_put_text(object, "selector", signature->selector, arena);
    record_put_text(object, "reason", dkim->reason, arena);
    record_put_flag(object, "aligned", dkim->aligned);
    record_put_flag(object, "test-key", dkim->test_key);
    return object;
}

static json_t *arc_of(const struct arc_outcome *arc, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "result", auth_result_name(arc->result));
    record_put_text(object, "reason", arc->reason, arena);
    if (arc->has_oldest_pass)
        record_put_number(object, "oldest-pass", arc->oldest_pass);
    return object;
}

static json_t *iprev_of(const struct iprev_outcome *iprev, struct arena *arena)
{
    json_t *object = json_object();
    record_put_name(object, "result", auth_result_name(iprev->result));
    record_put_text(object, "name", iprev->name, arena);
    record_put_text(object, "reverse-name", iprev->reverse_name, arena);
    return object;
}

static json_t *results_part(const struct verdict *verdict, struct arena *arena)
{
    const struct findings *findings = &verdict->findings;
    json_t *object = json_object();
    if (findings->iprev.result != AUTH_NONE)
        record_put(object, "iprev", iprev_of(&findings->iprev, arena));
    if (spf_was_found(&findings->spf_helo))
        record_put(object, "spf-helo", spf_of(&findings->spf_helo, arena));
    if (spf_was_found(&findings->spf))
        record_put(object, "spf", spf_of(&findings->spf, arena));
    if (!findings->has_message || verdict->evidence == NULL)
        return object;
    json_t *dkim = json_array();
    for (size_t i = 0; i < findings->dkim_count; i++)
        json_array_append_new(dkim, dkim_of(&verdict->evidence->signatures[i], &findings->dkim[i], arena));
    record_put(object, "dkim", dkim);
    record_put(object, "dmarc", record_dmarc_json(&findings->dmarc, arena));
    record_put(object, "arc", arc_of(&findings->arc, arena));
    record_put(object, "indirect", json_boolean(findings->indirect));
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
        parts_out[part] = record_printed(part_of(verdict, part, arena), JSON_COMPACT | JSON_ENCODE_ANY, arena);
}

void record_put_parts(json_t *object, const struct verdict *verdict, struct arena *arena)
{
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++)
        record_put(object, record_part_name(part), part_of(verdict, part, arena));
}
