/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_results.c: what a record says of a verdict: its parts (record_parts()), the results of SPF, DKIM, DMARC
 * and ARC among them. The way back is record_read_results.c.
 */
#include "policy/record.h"

#include "policy/record_names.h"
#include "policy/record_put.h"

static void put_verdict(struct record_writer *writer, const char *name, const struct verdict *verdict)
{
    record_open_object(writer, name);
    record_put_name(writer, "action", verdict_action_name(verdict->action));
    record_put_text(writer, "rule", verdict->rule);
    record_put_flag(writer, "exempt", verdict->exempt);
    record_put_flag(writer, "tagged", verdict->tagged);
    if (verdict->action == VERDICT_PASS)
        record_put_text(writer, "text", verdict->text);
    record_close_object(writer);
}

static void put_reply(struct record_writer *writer, const char *name, const struct verdict *verdict)
{
    if (verdict->action == VERDICT_PASS) {
        record_put_null(writer, name);
        return;
    }
    record_open_object(writer, name);
    record_put_number(writer, "code", verdict->code);
    record_put_text(writer, "enhanced", verdict->enhanced);
    record_put_text(writer, "text", verdict->text);
    record_close_object(writer);
}

static void put_rule(struct record_writer *writer, const struct trace_rule *rule)
{
    record_open_object(writer, NULL);
    record_put_text(writer, "name", rule->name);
    record_put_name(writer, "outcome", record_outcome_name(rule->outcome));
    record_put_text(writer, "did", rule->did);
    if (rule->values != NULL) {
        record_open_object(writer, "values");
        for (const struct trace_value *value = rule->values; value != NULL; value = value->next)
            record_put_named(writer, value->name, value->value);
        record_close_object(writer);
    }
    record_close_object(writer);
}

static void put_run(struct record_writer *writer, const struct verdict_run *run)
{
    record_open_object(writer, NULL);
    record_put_name(writer, "stage", stage_names[run->stage]);
    if (run->stage == STAGE_RCPT)
        record_put_number(writer, "recipient", run->recipient);
    if (run->rule.length > 0)
        record_put_name(writer, "action", run->exempt ? "accept" : verdict_action_name(run->action));
    record_put_text(writer, "by", run->rule);
    record_open_array(writer, "met");
    for (const struct trace_rule *rule = run->trace; rule != NULL; rule = rule->next)
        put_rule(writer, rule);
    record_close_array(writer);
    record_close_object(writer);
}

static void put_rules(struct record_writer *writer, const char *name, const struct verdict *verdict)
{
    record_open_array(writer, name);
    for (const struct verdict_run *run = verdict->runs; run != NULL; run = run->next)
        put_run(writer, run);
    record_close_array(writer);
}

static void put_effects(struct record_writer *writer, const char *name, const struct verdict *verdict)
{
    record_open_object(writer, name);
    if (verdict->added_count > 0) {
        record_open_array(writer, "added");
        for (size_t i = 0; i < verdict->added_count; i++)
            record_put_string(writer, NULL, verdict->added[i].text);
        record_close_array(writer);
    }
    record_put_texts(writer, "logs", verdict->logs, verdict->logs_count);
    record_close_object(writer);
}

static bool spf_was_found(const struct spf_outcome *spf)
{
    return spf->result != AUTH_NONE || spf->domain.length > 0 || spf->reason.length > 0;
}

static void put_spf(struct record_writer *writer, const char *name, const struct spf_outcome *spf)
{
    if (!spf_was_found(spf))
        return;
    record_open_object(writer, name);
    record_put_name(writer, "result", auth_result_name(spf->result));
    record_put_text(writer, "domain", spf->domain);
    record_put_text(writer, "reason", spf->reason);
    record_put_text(writer, "explanation", spf->explanation);
    record_put_number(writer, "lookups", spf->lookups);
    record_put_number(writer, "void-lookups", spf->void_lookups);
    record_close_object(writer);
}

static void put_dkim(struct record_writer *writer, const struct signature *signature, const struct dkim_outcome *dkim)
{
    record_open_object(writer, NULL);
    record_put_name(writer, "result", auth_result_name(dkim->result));
    record_put_text(writer, "domain", signature->domain);
    record_put_text(writer, "selector", signature->selector);
    record_put_text(writer, "reason", dkim->reason);
    record_put_flag(writer, "aligned", dkim->aligned);
    record_put_flag(writer, "test-key", dkim->test_key);
    record_close_object(writer);
}

static void put_arc(struct record_writer *writer, const struct arc_outcome *arc)
{
    record_open_object(writer, "arc");
    record_put_name(writer, "result", auth_result_name(arc->result));
    record_put_text(writer, "reason", arc->reason);
    if (arc->has_oldest_pass)
        record_put_number(writer, "oldest-pass", arc->oldest_pass);
    record_close_object(writer);
}

static void put_iprev(struct record_writer *writer, const struct iprev_outcome *iprev)
{
    if (iprev->result == AUTH_NONE)
        return;
    record_open_object(writer, "iprev");
    record_put_name(writer, "result", auth_result_name(iprev->result));
    record_put_text(writer, "name", iprev->name);
    record_put_text(writer, "reverse-name", iprev->reverse_name);
    record_close_object(writer);
}

static void put_message_results(struct record_writer *writer, const struct verdict *verdict)
{
    const struct findings *findings = &verdict->findings;
    record_open_array(writer, "dkim");
    for (size_t i = 0; i < findings->dkim_count; i++)
        put_dkim(writer, &verdict->evidence->signatures[i], &findings->dkim[i]);
    record_close_array(writer);
    record_put_dmarc(writer, &findings->dmarc);
    put_arc(writer, &findings->arc);
    record_put_truth(writer, "indirect", findings->indirect);
}

static void put_results(struct record_writer *writer, const char *name, const struct verdict *verdict)
{
    record_open_object(writer, name);
    put_iprev(writer, &verdict->findings.iprev);
    put_spf(writer, "spf-helo", &verdict->findings.spf_helo);
    put_spf(writer, "spf", &verdict->findings.spf);
    if (verdict->findings.has_message && verdict->evidence != NULL)
        put_message_results(writer, verdict);
    record_close_object(writer);
}

static void put_part(struct record_writer *writer, const char *name, const struct verdict *verdict,
                     enum record_part part)
{
    switch (part) {
    case PART_VERDICT: put_verdict(writer, name, verdict); return;
    case PART_SCORE:   record_put_number(writer, name, verdict->score); return;
    case PART_REPLY:   put_reply(writer, name, verdict); return;
    case PART_RULES:   put_rules(writer, name, verdict); return;
    case PART_EFFECTS: put_effects(writer, name, verdict); return;
    case PART_RESULTS: put_results(writer, name, verdict); return;
    }
    bug("record part");
}

void record_parts(const struct verdict *verdict, struct arena *arena, struct slice parts_out[RECORD_PARTS])
{
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++) {
        struct record_writer writer;
        record_writer_init(&writer, arena);
        put_part(&writer, NULL, verdict, part);
        parts_out[part] = record_writer_end(&writer);
    }
}

void record_put_parts(struct record_writer *writer, const struct verdict *verdict)
{
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++)
        put_part(writer, record_part_name(part), verdict, part);
}
