/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify_story.c: a judgement told to people: what came of it, who the sender is, what was looked up, which rules
 * were met with which values.
 */
#include "cli/verify.h"

#include <stdarg.h>

/* A label, and what was found. */
static void tell(FILE *file, const char *label, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void tell(FILE *file, const char *label, const char *format, ...)
{
    va_list arguments;
    fprintf(file, "%-10s ", label);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputc('\n', file);
}

/* Strangers' text between quotes, controls and what is not UTF-8 escaped. */
static struct slice quoted(struct slice text, struct arena *arena)
{
    return record_json_text(text, arena);
}

static void tell_verdict(const struct record *record, FILE *file)
{
    const struct verdict *verdict = record->verdict;
    const char *tag = verdict->tagged ? ", tagged" : "";
    if (verdict->rule.length > 0)
        tell(file, "verdict", "%s%s, by rule %.*s", verdict->exempt ? "accept" : verdict_action_name(verdict->action),
             tag, SLICE_ARG(verdict->rule));
    else
        tell(file, "verdict", "%s%s, no rule ended it", verdict_action_name(verdict->action), tag);
    if (verdict->action != VERDICT_PASS)
        tell(file, "reply", "%u %.*s %.*s", verdict->code, SLICE_ARG(verdict->enhanced), SLICE_ARG(verdict->text));
    if (verdict->score != 0)
        tell(file, "score", "%lld", (long long)verdict->score);
}

static void tell_spf(FILE *file, const char *label, const struct spf_outcome *spf, struct arena *arena)
{
    tell(file, label, "%s for %.*s, %.*s", auth_result_name(spf->result), SLICE_ARG(quoted(spf->domain, arena)),
         SLICE_ARG(quoted(spf->reason, arena)));
}

static void tell_dkim(FILE *file, const struct verdict *verdict, struct arena *arena)
{
    const struct findings *findings = &verdict->findings;
    if (findings->dkim_count == 0)
        tell(file, "DKIM", "no signature");
    for (size_t i = 0; i < findings->dkim_count; i++) {
        const struct signature *signature = &verdict->evidence->signatures[i];
        tell(file, "DKIM", "%s, d=%.*s s=%.*s %s%s%.*s", auth_result_name(findings->dkim[i].result),
             SLICE_ARG(quoted(signature->domain, arena)), SLICE_ARG(quoted(signature->selector, arena)),
             findings->dkim[i].aligned ? "aligned" : "not aligned", findings->dkim[i].reason.length > 0 ? ", " : "",
             SLICE_ARG(findings->dkim[i].reason.length > 0 ? quoted(findings->dkim[i].reason, arena) : SLICE("")));
    }
}

static void tell_dmarc(FILE *file, const struct verdict *verdict, struct arena *arena)
{
    const struct dmarc_outcome *dmarc = &verdict->findings.dmarc;
    tell(file, "DMARC", "%s for %.*s, %.*s", auth_result_name(dmarc->result),
         SLICE_ARG(quoted(dmarc->author_domain, arena)), SLICE_ARG(quoted(dmarc->reason, arena)));
    if (dmarc->policy != DMARC_NO_POLICY)
        tell(file, "", "policy %s%s, published by %.*s", dmarc_policy_name(dmarc->policy),
             dmarc->test_mode ? " (being tried: t=y)" : "", SLICE_ARG(quoted(dmarc->record_domain, arena)));
}

static void tell_who(const struct record *record, FILE *file, struct arena *arena)
{
    const struct facts *facts = record->facts;
    const struct verdict *verdict = record->verdict;
    char address[ADDRESS_TEXT];
    tell(file, "client", "%.*s, name %s %.*s, HELO %.*s", SLICE_ARG(address_print(&facts->client_address, address)),
         auth_result_name(verdict->findings.iprev.result),
         SLICE_ARG(quoted(verdict->findings.iprev.reverse_name, arena)), SLICE_ARG(quoted(facts->helo, arena)));
    tell(file, "sender", "%.*s", SLICE_ARG(quoted(facts->sender, arena)));
    for (size_t i = 0; i < facts->recipients_count; i++)
        tell(file, "recipient", "%.*s", SLICE_ARG(quoted(facts->recipients[i].path, arena)));
    tell(file, "author", "%.*s", SLICE_ARG(quoted(verdict->evidence->from_text, arena)));
    if (verdict->evidence->malformed.length > 0)
        tell(file, "malformed", "%.*s", SLICE_ARG(quoted(verdict->evidence->malformed, arena)));
    tell_spf(file, "SPF HELO", &verdict->findings.spf_helo, arena);
    tell_spf(file, "SPF", &verdict->findings.spf, arena);
    tell_dkim(file, verdict, arena);
    tell_dmarc(file, verdict, arena);
    tell(file, "indirect", "%s", verdict->findings.indirect ? "yes" : "no");
}

static const char *outcome_text(enum rule_outcome outcome)
{
    switch (outcome) {
    case RULE_FALSE:          return "no";
    case RULE_TRUE:           return "yes";
    case RULE_UNKNOWN:        return "unknown";
    case RULE_SHADOW:         return "yes (shadow)";
    case RULE_SHADOW_UNKNOWN: return "unknown (shadow)";
    }
    return "";
}

static void tell_rules(const struct record *record, FILE *file, struct arena *arena)
{
    for (const struct verdict_run *run = record->verdict->runs; run != NULL; run = run->next) {
        fprintf(file, "\nrules at %s", stage_names[run->stage]);
        if (run->stage == STAGE_RCPT && run->recipient < record->facts->recipients_count)
            fprintf(file, " for %.*s", SLICE_ARG(quoted(record->facts->recipients[run->recipient].path, arena)));
        fputc('\n', file);
        for (const struct trace_rule *rule = run->trace; rule != NULL; rule = rule->next) {
            fprintf(file, "  %-28.*s %s%s%.*s\n", SLICE_ARG(rule->name), outcome_text(rule->outcome),
                    rule->did.length > 0 ? ": " : "", SLICE_ARG(rule->did));
            for (const struct trace_value *value = rule->values; value != NULL; value = value->next)
                fprintf(file, "      %.*s = %.*s\n", SLICE_ARG(value->name), SLICE_ARG(quoted(value->value, arena)));
        }
    }
}

static void tell_record_data(FILE *file, const struct answer *answer, uint32_t index, struct arena *arena)
{
    const struct answer_record *data = &answer->records[index];
    struct address address = { .family = answer->question.type == QUESTION_A ? 4 : 6 };
    char buffer[ADDRESS_TEXT];
    if (answer->question.type == QUESTION_A || answer->question.type == QUESTION_AAAA) {
        memcpy(address.bytes, data->data.text, data->data.length);
        fprintf(file, "      %.*s\n", SLICE_ARG(address_print(&address, buffer)));
    } else if (answer->question.type == QUESTION_MX) {
        fprintf(file, "      %u %.*s\n", (unsigned)data->preference, SLICE_ARG(quoted(data->data, arena)));
    } else {
        fprintf(file, "      %.*s\n", SLICE_ARG(quoted(data->data, arena)));
    }
}

static void tell_answers(const struct record *record, FILE *file, struct arena *arena)
{
    fprintf(file, "\nDNS\n");
    for (const struct answer *answer = answers_first(record->answers); answer != NULL; answer = answer->next) {
        if (!answer->used)
            continue;
        fprintf(file, "  %s %.*s: %s%s%.*s\n", question_type_name(answer->question.type),
                SLICE_ARG(answer->question.name), answer_status_name(answer->status),
                answer->reason.length > 0 ? ", " : "",
                SLICE_ARG(answer->reason.length > 0 ? quoted(answer->reason, arena) : SLICE("")));
        for (uint32_t i = 0; i < answer->count; i++)
            tell_record_data(file, answer, i, arena);
    }
}

static void tell_fields(const struct record *record, FILE *file)
{
    const struct verdict *verdict = record->verdict;
    if (verdict->removed_count > 0) {
        fprintf(file, "\nfields that would be left out\n");
        for (size_t i = 0; i < verdict->removed_count; i++)
            fprintf(file, "  %.*s\n", SLICE_ARG(verdict->removed[i].name));
    }
    if (verdict->added_count > 0)
        fprintf(file, "\nfields that would be added\n");
    /* Printable ASCII and folds: verdict_decode() has seen to it. */
    for (size_t i = 0; i < verdict->added_count; i++) {
        struct slice rest = slice_first(verdict->added[i].text, verdict->added[i].text.length - 2);
        while (rest.text != NULL) {
            struct slice line = slice_cut(&rest, '\n');
            fprintf(file, "  %.*s\n", SLICE_ARG(slice_first(line, slice_find(line, '\r'))));
        }
    }
}

void verify_print_story(const struct record *record, FILE *file, struct arena *arena)
{
    tell_verdict(record, file);
    tell_who(record, file, arena);
    tell_rules(record, file, arena);
    tell_answers(record, file, arena);
    tell_fields(record, file);
}
