/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain_story.c: a record told to the one who answers the phone: what happened and why in the first lines,
 * then who it was, what was found out, each rule that was met with the values it saw, each question with its
 * answer, and how long it took. All text is made safe.
 */
#include "cli/explain.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/options.h"
#include "cli/records.h"

/* Width of the labels on the left. */
#define LABEL 12

struct story {
    const json_t *record;
    struct arena *arena;
    FILE *file;
    bool colour;
};

static void label(const struct story *story, const char *name)
{
    fprintf(story->file, "%-*s", LABEL, name);
}

static struct slice text_of(const struct story *story, const json_t *object, const char *path)
{
    return records_text(object, path, story->arena);
}

/* "text", "before text" or nothing, when there is such a member. */
static void put(const struct story *story, const json_t *object, const char *path, const char *before,
                const char *after)
{
    struct slice text = text_of(story, object, path);

    if (!slice_is_empty(text))
        fprintf(story->file, "%s%.*s%s", before, SLICE_ARG(text), after);
}

static bool is_true(const json_t *object, const char *path)
{
    return json_is_true(records_get(object, path));
}

static void heading(const struct story *story, const char *name)
{
    fprintf(story->file, "\n%s%s%s\n", story->colour ? "\033[1m" : "", name, story->colour ? "\033[0m" : "");
}

static void tell_what(const struct story *story)
{
    const json_t *record = story->record;
    struct slice by = text_of(story, record, "outcome.by");
    long long code = json_integer_value(records_get(record, "outcome.code"));
    const char *colour = is_true(record, "outcome.delivered") ? "\033[32m" : code >= 500 ? "\033[31m" : "\033[33m";

    put(story, record, "id", "", "  ");
    put(story, record, "time", "", "\n");
    label(story, "reply");
    if (code == 0)
        fprintf(story->file, "none: the client heard no answer to the message");
    else
        fprintf(story->file, "%s%lld %.*s%s", story->colour ? colour : "", code,
                SLICE_ARG(text_of(story, record, "outcome.text")), story->colour ? "\033[0m" : "");
    if (slice_equal(by, SLICE("backend")))
        fprintf(story->file, "  (the mail server's own)");
    fputc('\n', story->file);
    if (records_get(record, "outcome.reason") != NULL) {
        label(story, "because");
        put(story, record, "outcome.reason", "", "\n");
    }
    if (records_get(record, "verdict") != NULL) {
        label(story, "verdict");
        put(story, record, "verdict.action", "", "");
        put(story, record, "verdict.rule", " by rule ", "");
        fprintf(story->file, "%s%s", is_true(record, "verdict.exempt") ? ", exempt from later rules" : "",
                is_true(record, "verdict.tagged") ? ", tagged" : "");
        put(story, record, "stage", ", at stage ", "");
        put(story, record, "score", ", score ", "\n");
    }
    if (records_get(record, "outcome.backend") != NULL) {
        label(story, "mail server");
        put(story, record, "outcome.backend.name", "", "");
        if (json_integer_value(records_get(record, "outcome.backend.code")) == 0)
            fprintf(story->file, ": it did not get the message");
        else
            put(story, record, "outcome.backend.code", ": ", " ");
        put(story, record, "outcome.backend.text", "", "");
        fputc('\n', story->file);
    }
}

static void tell_recipient(const struct story *story, const json_t *recipient)
{
    label(story, "recipient");
    fprintf(story->file, "<%.*s>", SLICE_ARG(text_of(story, recipient, "address")));
    put(story, recipient, "code", " ", "");
    put(story, recipient, "text", " ", "");
    put(story, recipient, "by", " (by ", ")");
    put(story, recipient, "judged.verdict.rule", ", rule ", "");
    fprintf(story->file, "%s\n", is_true(recipient, "exempt") ? ", exempt" : "");
}

static void tell_who(const struct story *story)
{
    const json_t *record = story->record;
    const json_t *recipient;
    size_t index;

    heading(story, "Who");
    label(story, "client");
    put(story, record, "client.ip", "", "");
    put(story, record, "client.port", " port ", "");
    put(story, record, "client.name", ", verified name ", "");
    put(story, record, "client.helo", is_true(record, "client.esmtp") ? ", EHLO " : ", HELO ", "");
    put(story, record, "client.tls.version", ", ", "");
    put(story, record, "client.tls.cipher", " ", "");
    put(story, record, "listener", ", to ", "\n");
    if (records_get(record, "envelope.sender") != NULL) {
        label(story, "sender");
        fprintf(story->file, "<%.*s>\n", SLICE_ARG(text_of(story, record, "envelope.sender.address")));
    }
    json_array_foreach(records_get(record, "recipients"), index, recipient)
        tell_recipient(story, recipient);
    if (records_get(record, "recipients-left-out") != NULL) {
        label(story, "");
        put(story, record, "recipients-left-out", "and ", " more\n");
    }
}

static void tell_member(const struct story *story, const char *name, const char *path)
{
    if (records_get(story->record, path) == NULL)
        return;
    label(story, name);
    put(story, story->record, path, "", "\n");
}

static void tell_list(const struct story *story, const char *name, const json_t *list)
{
    const json_t *value;
    size_t index;

    if (json_array_size(list) == 0)
        return;
    label(story, name);
    json_array_foreach(list, index, value)
        fprintf(story->file, "%s%.*s", index > 0 ? ", " : "", SLICE_ARG(records_value_text(value, story->arena)));
    fputc('\n', story->file);
}

static void tell_message(const struct story *story)
{
    const json_t *record = story->record;

    if (records_get(record, "message") == NULL)
        return;
    heading(story, "Message");
    tell_member(story, "author", "message.from");
    tell_list(story, "domains", records_get(record, "message.author-domains"));
    tell_member(story, "malformed", "message.malformed");
    tell_member(story, "subject", "message.subject");
    tell_member(story, "Message-ID", "message.message-id");
    tell_member(story, "bytes", "message.size");
    tell_list(story, "indirect by", records_get(record, "message.indirect"));
}

static void tell_spf(const struct story *story, const char *name, const json_t *spf)
{
    if (spf == NULL)
        return;
    label(story, name);
    put(story, spf, "result", "", "");
    put(story, spf, "domain", " for ", "");
    put(story, spf, "reason", ": ", "");
    put(story, spf, "lookups", " (", " terms that ask DNS)");
    fputc('\n', story->file);
}

static void tell_dkim(const struct story *story)
{
    const json_t *dkim = records_get(story->record, "results.dkim");
    const json_t *signature;
    size_t index;

    if (dkim != NULL && json_array_size(dkim) == 0) {
        label(story, "DKIM");
        fprintf(story->file, "no signature\n");
    }
    json_array_foreach(dkim, index, signature) {
        label(story, "DKIM");
        put(story, signature, "result", "", "");
        put(story, signature, "domain", ": d=", "");
        put(story, signature, "selector", " s=", "");
        fprintf(story->file, "%s", is_true(signature, "aligned") ? ", aligned" : ", not aligned");
        put(story, signature, "reason", ": ", "");
        fputc('\n', story->file);
    }
}

static void tell_dmarc(const struct story *story)
{
    const json_t *dmarc = records_get(story->record, "results.dmarc");

    if (dmarc == NULL)
        return;
    label(story, "DMARC");
    put(story, dmarc, "result", "", "");
    put(story, dmarc, "author-domain", " for ", "");
    put(story, dmarc, "reason", ": ", "\n");
    if (slice_is_empty(text_of(story, dmarc, "reason")))
        fputc('\n', story->file);
    if (records_get(dmarc, "policy") == NULL)
        return;
    label(story, "");
    put(story, dmarc, "policy", "policy ", "");
    put(story, dmarc, "record-domain", ", published by ", "");
    fprintf(story->file, "%s, SPF %saligned, DKIM %saligned\n", is_true(dmarc, "test") ? ", in test mode" : "",
            is_true(dmarc, "spf-aligned") ? "" : "not ", is_true(dmarc, "dkim-aligned") ? "" : "not ");
}

static void tell_results(const struct story *story)
{
    const json_t *results = records_get(story->record, "results");

    if (results == NULL || json_object_size(results) == 0)
        return;
    heading(story, "Found out");
    if (records_get(results, "iprev") != NULL) {
        label(story, "client name");
        put(story, results, "iprev.result", "", "");
        put(story, results, "iprev.reverse-name", ": ", "");
        fputc('\n', story->file);
    }
    tell_spf(story, "SPF (HELO)", records_get(results, "spf-helo"));
    tell_spf(story, "SPF", records_get(results, "spf"));
    tell_dkim(story);
    tell_dmarc(story);
    if (records_get(results, "indirect") != NULL) {
        label(story, "indirect");
        fprintf(story->file, "%s\n", is_true(results, "indirect") ? "yes" : "no");
    }
}

static void tell_rule(const struct story *story, const json_t *rule)
{
    json_t *values = records_get(rule, "values");
    struct slice outcome = text_of(story, rule, "outcome");
    const char *name;
    json_t *value;

    fprintf(story->file, "  %-30.*s %.*s", SLICE_ARG(text_of(story, rule, "name")), SLICE_ARG(outcome));
    put(story, rule, "did", ": ", "");
    fputc('\n', story->file);
    json_object_foreach(values, name, value)
        fprintf(story->file, "      %.*s = %.*s\n", SLICE_ARG(cli_safe(slice_of_string(name), story->arena)),
                SLICE_ARG(records_value_text(value, story->arena)));
}

static void tell_runs(const struct story *story, const json_t *runs)
{
    const json_t *run, *rule;
    size_t index, inner;

    json_array_foreach(runs, index, run) {
        const json_t *met = records_get(run, "met");

        fprintf(story->file, " at %.*s", SLICE_ARG(text_of(story, run, "stage")));
        put(story, run, "recipient", ", recipient ", "");
        put(story, run, "action", ": ", "");
        put(story, run, "by", " by ", "");
        fprintf(story->file, "%s\n", json_array_size(met) == 0 ? ": no rules" : "");
        json_array_foreach(met, inner, rule)
            tell_rule(story, rule);
    }
}

static void tell_rules(const struct story *story)
{
    const json_t *recipient;
    size_t index;

    if (json_array_size(records_get(story->record, "rules")) > 0) {
        heading(story, "Rules met");
        tell_runs(story, records_get(story->record, "rules"));
    }
    json_array_foreach(records_get(story->record, "recipients"), index, recipient) {
        if (json_array_size(records_get(recipient, "judged.rules")) == 0)
            continue;
        heading(story, "Rules met for a recipient");
        label(story, "recipient");
        fprintf(story->file, "<%.*s>\n", SLICE_ARG(text_of(story, recipient, "address")));
        tell_runs(story, records_get(recipient, "judged.rules"));
    }
}

static void tell_answers(const struct story *story)
{
    const json_t *answers = records_get(story->record, "answers");
    const json_t *answer, *data;
    size_t index, inner;

    if (json_array_size(answers) > 0)
        heading(story, "Questions and answers");
    json_array_foreach(answers, index, answer) {
        put(story, answer, "type", "  ", " ");
        put(story, answer, "name", "", "");
        put(story, answer, "status", ": ", "");
        put(story, answer, "reason", ", ", "");
        fputc('\n', story->file);
        json_array_foreach(records_get(answer, "records"), inner, data)
            fprintf(story->file, "      %.*s\n", SLICE_ARG(records_value_text(data, story->arena)));
    }
}

/* A field with its folds: each line on one of its own. */
static void tell_field(const struct story *story, const json_t *field)
{
    struct slice rest = slice_trim(slice_of(json_string_value(field), json_string_length(field)));

    while (rest.text != NULL) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));

        fprintf(story->file, "  %.*s\n", SLICE_ARG(cli_safe(line, story->arena)));
    }
}

static void tell_effects(const struct story *story)
{
    const json_t *added = records_get(story->record, "effects.added");
    const json_t *removed = records_get(story->record, "message.removed");
    const json_t *field;
    size_t index;

    if (json_array_size(added) > 0)
        heading(story, "Fields added");
    json_array_foreach(added, index, field)
        tell_field(story, field);
    if (json_array_size(removed) > 0)
        heading(story, "Fields left out (forged)");
    json_array_foreach(removed, index, field)
        fprintf(story->file, "  %.*s\n", SLICE_ARG(records_value_text(json_array_get(field, 2), story->arena)));
    tell_list(story, "logged", records_get(story->record, "effects.logs"));
}

static void tell_end(const struct story *story)
{
    json_t *timings = records_get(story->record, "timings");
    const char *name;
    json_t *value;

    heading(story, "How long, in milliseconds");
    json_object_foreach(timings, name, value)
        fprintf(story->file, "  %s %.1f", name, (double)json_integer_value(value) / 1000);
    fputc('\n', story->file);
    heading(story, "By");
    tell_member(story, "mxward", "versions.mxward");
    tell_member(story, "rules", "program");
    if (records_get(story->record, "replayable") != NULL && !is_true(story->record, "replayable"))
        fprintf(story->file, "answers were left out of the record: it cannot be judged again\n");
}

static void tell_all(const struct story *story)
{
    tell_what(story);
    tell_who(story);
    tell_message(story);
    tell_results(story);
    tell_rules(story);
    tell_answers(story);
    tell_effects(story);
    tell_end(story);
}

/* Each line as wide as the terminal: what goes on does so below the text, not below the label. */
static void put_lines(FILE *file, struct slice text, size_t width)
{
    while (text.length > 0) {
        struct slice line = slice_cut(&text, '\n');
        size_t blanks = 0;

        while (blanks < line.length && line.text[blanks] == ' ')
            blanks++;
        cli_put_wrapped(file, line, width, blanks > 0 && blanks < LABEL ? blanks + 2 : LABEL);
    }
}

void explain_tell(const json_t *record, FILE *file, bool colour)
{
    struct story story = { .record = record, .arena = arena_new(), .file = file, .colour = colour };
    size_t width = cli_width(file), length = 0;
    char *text = NULL;

    if (width == 0) {
        tell_all(&story);
    } else {
        story.file = open_memstream(&text, &length);
        if (story.file == NULL)
            bug("out of memory");
        tell_all(&story);
        fclose(story.file);
        put_lines(file, slice_of(text, length), width);
        free(text);
    }
    arena_free(&story.arena);
}
