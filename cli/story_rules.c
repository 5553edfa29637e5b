/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story_rules.c: the judgement told to people: each rule that was met with the values it saw, each question of the DNS
 * with its answer, what would be or was done to the header.
 */
#include <jansson.h>

#include "cli/options.h"
#include "cli/records.h"
#include "cli/story_private.h"

static void tell_rule(const struct story *story, const json_t *rule)
{
    json_t *values = records_get(rule, "values");
    struct slice outcome = story_text(story, rule, "outcome");
    const char *name;
    json_t *value;

    fprintf(story->file, "  %-30.*s %.*s", SLICE_ARG(story_text(story, rule, "name")), SLICE_ARG(outcome));
    story_put(story, rule, "did", ": ", "");
    fputc('\n', story->file);
    json_object_foreach(values, name, value)
        fprintf(story->file, "      %.*s = %.*s\n", SLICE_ARG(cli_safe(slice_of_string(name), story->arena)),
                SLICE_ARG(records_value_text(value, story->arena)));
}

/* Of a run at stage rcpt: whom it was about, by the place among the envelope's recipients. */
static void put_recipient(const struct story *story, const json_t *run)
{
    const json_t *place = records_get(run, "recipient");
    const json_t *all = records_get(story->record, "envelope.recipients");

    if (place != NULL)
        story_put(story, json_array_get(all, (size_t)json_integer_value(place)), "address", " for <", ">");
}

static void tell_runs(const struct story *story, const json_t *runs)
{
    const json_t *run, *rule;
    size_t index, inner;

    json_array_foreach(runs, index, run) {
        const json_t *met = records_get(run, "met");

        fprintf(story->file, " at %.*s", SLICE_ARG(story_text(story, run, "stage")));
        put_recipient(story, run);
        story_put(story, run, "action", ": ", "");
        story_put(story, run, "by", " by ", "");
        fprintf(story->file, "%s\n", json_array_size(met) == 0 ? ": no rules" : "");
        json_array_foreach(met, inner, rule)
            tell_rule(story, rule);
    }
}

void story_rules(const struct story *story)
{
    const json_t *recipient;
    size_t index;

    if (json_array_size(records_get(story->record, "rules")) > 0) {
        story_heading(story, "Rules met");
        tell_runs(story, records_get(story->record, "rules"));
    }
    json_array_foreach(records_get(story->record, "recipients"), index, recipient) {
        if (json_array_size(records_get(recipient, "judged.rules")) == 0)
            continue;
        story_heading(story, "Rules met for a recipient");
        story_label(story, "recipient");
        fprintf(story->file, "<%.*s>\n", SLICE_ARG(story_text(story, recipient, "address")));
        tell_runs(story, records_get(recipient, "judged.rules"));
    }
}

void story_answers(const struct story *story)
{
    const json_t *answers = records_get(story->record, "answers");
    const json_t *answer, *data;
    size_t index, inner;

    if (json_array_size(answers) > 0)
        story_heading(story, "Questions and answers");
    json_array_foreach(answers, index, answer) {
        story_put(story, answer, "type", "  ", " ");
        story_put(story, answer, "name", "", "");
        story_put(story, answer, "status", ": ", "");
        story_put(story, answer, "reason", ", ", "");
        fputc('\n', story->file);
        json_array_foreach(records_get(answer, "records"), inner, data)
            fprintf(story->file, "      %.*s\n", SLICE_ARG(records_value_text(data, story->arena)));
    }
}

/* A field with its folds: each line on one of its own. */
static void tell_field(const struct story *story, const json_t *field)
{
    struct slice rest = slice_trim(slice_of(json_string_value(field), json_string_length(field)));
    bool is_first = true;

    while (rest.text != NULL) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));

        fprintf(story->file, "%s%.*s\n", is_first ? "  " : "      ", SLICE_ARG(cli_safe(line, story->arena)));
        is_first = false;
    }
}

void story_effects(const struct story *story)
{
    const json_t *added = records_get(story->record, "effects.added");
    const json_t *removed = records_get(story->record, "message.removed");
    const json_t *field;
    size_t index;

    if (json_array_size(added) > 0)
        story_heading(story, "Fields added");
    json_array_foreach(added, index, field)
        tell_field(story, field);
    if (json_array_size(removed) > 0)
        story_heading(story, "Fields left out (forged)");
    json_array_foreach(removed, index, field)
        fprintf(story->file, "  %.*s\n", SLICE_ARG(records_value_text(json_array_get(field, 2), story->arena)));
    story_list(story, "logged", records_get(story->record, "effects.logs"));
}
