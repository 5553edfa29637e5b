/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story.c: see story.h. This file: what came of it, who it was, the message, and the lines that all parts are made of.
 * What was found out is told by story_results.c, rules, answers and effects by story_rules.c.
 */
#include "cli/story.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "cli/options.h"
#include "cli/records.h"
#include "cli/story_private.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* Lines */

void story_label(const struct story *story, const char *name)
{
    fprintf(story->file, "%-*s", STORY_LABEL, name);
}

void story_heading(const struct story *story, const char *name)
{
    fprintf(story->file, "\n%s%s%s\n", story->colour ? BOLD : "", name, story->colour ? PLAIN : "");
}

struct slice story_text(const struct story *story, const json_t *object, const char *path)
{
    return records_text(object, path, story->arena);
}

void story_put(const struct story *story, const json_t *object, const char *path, const char *before,
               const char *after)
{
    struct slice text = story_text(story, object, path);

    if (!slice_is_empty(text))
        fprintf(story->file, "%s%.*s%s", before, SLICE_ARG(text), after);
}

bool story_is_true(const json_t *object, const char *path)
{
    return json_is_true(records_get(object, path));
}

void story_member(const struct story *story, const json_t *object, const char *name, const char *path)
{
    if (slice_is_empty(story_text(story, object, path)))
        return;
    story_label(story, name);
    story_put(story, object, path, "", "\n");
}

void story_list(const struct story *story, const char *name, const json_t *list)
{
    const json_t *value;
    size_t index;

    if (json_array_size(list) == 0)
        return;
    story_label(story, name);
    json_array_foreach(list, index, value)
        fprintf(story->file, "%s%.*s", index > 0 ? ", " : "", SLICE_ARG(records_value_text(value, story->arena)));
    fputc('\n', story->file);
}

/* A label that fills its columns is still apart from the text. */
static void label_apart(const struct story *story, const char *name)
{
    struct slice safe = cli_safe(slice_of_string(name), story->arena);

    fprintf(story->file, "%-*.*s", STORY_LABEL - 1, SLICE_ARG(safe));
    fputc(' ', story->file);
}

static struct slice as_json(const struct story *story, const json_t *value)
{
    char *printed = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct slice safe = printed == NULL ? SLICE("") : cli_safe(slice_of_string(printed), story->arena);

    free(printed);
    return safe;
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

void story_rest(const struct story *story, const json_t *object, const char *const *told)
{
    const char *name;
    json_t *value;

    /* jansson's iterators change nothing in the object, but ask for one that may be changed. */
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        struct slice text = records_value_text(value, story->arena);

        if (is_among(name, told))
            continue;
        label_apart(story, name);
        fprintf(story->file, "%.*s\n", SLICE_ARG(slice_is_empty(text) ? as_json(story, value) : text));
    }
}

void story_put_time(const struct story *story, const json_t *object, const char *path, const char *before,
                    const char *after)
{
    const json_t *value = records_get(object, path);
    time_t seconds = (time_t)json_integer_value(value);
    struct tm parts;
    char text[40];

    if (!json_is_integer(value))
        return;
    /* What no calendar holds is told as the number that it is. */
    if (seconds >= 0 && gmtime_r(&seconds, &parts) != NULL && parts.tm_year < 8100 &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        fprintf(story->file, "%s%s%s", before, text, after);
    else
        fprintf(story->file, "%s%lld%s", before, (long long)json_integer_value(value), after);
}

/* What came of it */

static const char *colour_of(const struct story *story, long long code)
{
    if (!story->colour)
        return "";
    return code == 0 || code < 400 ? "\033[32m" : code >= 500 ? "\033[31m" : "\033[33m";
}

static void tell_reply(const struct story *story)
{
    const json_t *record = story->record;
    long long code = json_integer_value(records_get(record, "outcome.code"));

    story_label(story, "reply");
    if (code != 0)
        fprintf(story->file, "%s%lld %.*s%s", colour_of(story, code), code,
                SLICE_ARG(story_text(story, record, "outcome.text")), story->colour ? PLAIN : "");
    else if (story->kind == STORY_SUPPOSED)
        fprintf(story->file, "%sthe mail server's own: the message would be passed on to it%s", colour_of(story, 0),
                story->colour ? PLAIN : "");
    else
        fprintf(story->file, "none: the client heard no answer to the message");
    if (slice_equal(story_text(story, record, "outcome.by"), SLICE("backend")))
        fprintf(story->file, "  (the mail server's own)");
    fputc('\n', story->file);
    story_member(story, record, "because", "outcome.reason");
    story_member(story, record, "left out", "outcome.left-out");
}

static void tell_verdict(const struct story *story)
{
    static const char *const told[] = { "action", "rule", "exempt", "tagged", "text", NULL };
    const json_t *record = story->record;
    const json_t *verdict = records_get(record, "verdict");

    if (verdict == NULL)
        return;
    story_label(story, "verdict");
    story_put(story, verdict, "action", "", "");
    story_put(story, verdict, "rule", " by rule ", "");
    story_put(story, verdict, "text", " (", ")");
    fprintf(story->file, "%s%s", story_is_true(verdict, "exempt") ? ", exempt from later rules" : "",
            story_is_true(verdict, "tagged") ? ", tagged" : "");
    story_put(story, record, "stage", ", at stage ", "");
    story_put(story, record, "asked.address", " for <", ">");
    story_put(story, record, "score", ", score ", "");
    fputc('\n', story->file);
    story_rest(story, verdict, told);
}

static void tell_what(const struct story *story)
{
    const json_t *record = story->record;

    story_put(story, record, "id", "", "  ");
    story_put(story, record, "time", "", "\n");
    tell_reply(story);
    tell_verdict(story);
    if (records_get(record, "outcome.backend") == NULL)
        return;
    story_label(story, "mail server");
    story_put(story, record, "outcome.backend.name", "", "");
    if (json_integer_value(records_get(record, "outcome.backend.code")) == 0)
        fprintf(story->file, ": it did not get the message");
    else
        story_put(story, record, "outcome.backend.code", ": ", " ");
    story_put(story, record, "outcome.backend.text", "", "");
    fputc('\n', story->file);
}

/* Who it was */

static void tell_tls(const struct story *story, const json_t *client)
{
    story_label(story, "TLS");
    story_put(story, client, "tls.version", "", "");
    story_put(story, client, "tls.cipher", " ", "");
    story_put(story, client, "tls.bits", ", ", " bits");
    story_put(story, client, "tls.server-name", ", for ", "");
    fprintf(story->file, "%s%s\n", story_is_true(client, "tls.resumed") ? ", resumed" : "",
            story_is_true(client, "tls.implicit") ? ", from the first byte" : "");
    if (records_get(client, "tls.client") == NULL)
        return;
    story_label(story, "certificate");
    story_put(story, client, "tls.client.subject", "", "");
    story_put(story, client, "tls.client.issuer", ", signed by ", "");
    fprintf(story->file, "%s", story_is_true(client, "tls.client.verified") ? ", verified" : ", not verified");
    story_put(story, client, "tls.client.problem", ": ", "");
    fputc('\n', story->file);
    story_label(story, "");
    story_put(story, client, "tls.client.fingerprint", "SHA-256 ", "\n");
}

static void tell_auth(const struct story *story, const json_t *client)
{
    story_label(story, "user");
    story_put(story, client, "auth.user", "", "");
    fprintf(story->file, "%s", records_get(client, "auth.user") == NULL ? "(not shown)" : "");
    story_put(story, client, "auth.identity", ", acting for ", "");
    story_put(story, client, "auth.mechanism", ", authenticated by ", "\n");
}

/* Who said that it is this client, and when it began to speak. */
static void tell_origin(const struct story *story, const json_t *client)
{
    if (records_get(client, "via") != NULL) {
        story_label(story, "");
        story_put(story, client, "via", "so says ", "");
        story_put(story, client, "told.state", ", of its name: ", "");
        story_put(story, client, "told.name", " ", "");
        story_put(story, client, "told.reverse-name", ", in the DNS ", "");
        fputc('\n', story->file);
    }
    if (story_is_true(client, "early")) {
        story_label(story, "");
        fputs("spoke before the banner\n", story->file);
    }
}

static void tell_client(const struct story *story)
{
    static const char *const told[] = { "ip", "port", "name", "helo", "esmtp", "auth", "tls", "early", "via", "told",
                                        NULL };
    const json_t *client = records_get(story->record, "client");

    story_label(story, "client");
    story_put(story, client, "ip", "", "");
    if (json_integer_value(records_get(client, "port")) != 0)
        story_put(story, client, "port", " port ", "");
    story_put(story, client, "name", ", verified name ", "");
    story_put(story, client, "helo", story_is_true(client, "esmtp") ? ", EHLO " : ", HELO ", "");
    if (story->kind == STORY_HAPPENED)
        story_put(story, story->record, "listener", ", to ", "");
    fputc('\n', story->file);
    tell_origin(story, client);
    if (records_get(client, "auth") != NULL)
        tell_auth(story, client);
    if (records_get(client, "tls") != NULL)
        tell_tls(story, client);
    story_rest(story, client, told);
}

static void tell_recipient(const struct story *story, const json_t *recipient)
{
    story_label(story, "recipient");
    fprintf(story->file, "<%.*s>", SLICE_ARG(story_text(story, recipient, "address")));
    if (json_integer_value(records_get(recipient, "code")) != 0) {
        story_put(story, recipient, "code", " ", "");
        story_put(story, recipient, "text", " ", "");
        story_put(story, recipient, "by", " (by ", ")");
    }
    story_put(story, recipient, "judged.verdict.rule", ", rule ", "");
    story_put(story, recipient, "notify", ", NOTIFY=", "");
    story_put(story, recipient, "orcpt", ", ORCPT=", "");
    fprintf(story->file, "%s\n", story_is_true(recipient, "exempt") ? ", exempt" : "");
}

static void tell_recipients(const struct story *story)
{
    const json_t *list = records_get(story->record, "recipients");
    const json_t *recipient;
    size_t index;

    /* A verdict without any RCPT told of, as `mxward verify` makes it, still was about some. */
    if (json_array_size(list) == 0)
        list = records_get(story->record, "envelope.recipients");
    json_array_foreach(list, index, recipient)
        tell_recipient(story, recipient);
    if (records_get(story->record, "recipients-left-out") != NULL) {
        story_label(story, "");
        story_put(story, story->record, "recipients-left-out", "and ", " more\n");
    }
}

static void tell_who(const struct story *story)
{
    static const char *const told[] = { "sender", "recipients", "size", "8bit", "smtputf8", "ret", "envid", NULL };
    const json_t *envelope = records_get(story->record, "envelope");

    story_heading(story, "Who");
    tell_client(story);
    if (envelope != NULL) {
        story_label(story, "sender");
        fprintf(story->file, "<%.*s>", SLICE_ARG(story_text(story, envelope, "sender.address")));
        story_put(story, envelope, "size", ", announces ", " bytes");
        fprintf(story->file, "%s", story_is_true(envelope, "8bit") ? ", BODY=8BITMIME" : "");
        fprintf(story->file, "%s", story_is_true(envelope, "smtputf8") ? ", SMTPUTF8" : "");
        story_put(story, envelope, "ret", ", RET=", "");
        story_put(story, envelope, "envid", ", ENVID=", "");
        fputc('\n', story->file);
        story_rest(story, envelope, told);
    }
    tell_recipients(story);
}

/* The message */

static void tell_size(const struct story *story, const json_t *message)
{
    story_label(story, "size");
    story_put(story, message, "size", "", " bytes");
    story_put(story, message, "header-size", ", header ", " bytes");
    story_put(story, message, "fields", " in ", " fields");
    fputc('\n', story->file);
}

/* A-labels, and how a reader sees them where that is another thing. */
static void tell_domains(const struct story *story, const json_t *message)
{
    const json_t *unicode = records_get(message, "author-domains-unicode");
    const json_t *domain;
    size_t index;

    if (json_array_size(records_get(message, "author-domains")) == 0)
        return;
    story_label(story, "domains");
    json_array_foreach(records_get(message, "author-domains"), index, domain) {
        struct slice shown = records_value_text(json_array_get(unicode, index), story->arena);

        fprintf(story->file, "%s%.*s", index > 0 ? ", " : "", SLICE_ARG(records_value_text(domain, story->arena)));
        if (!slice_is_empty(shown))
            fprintf(story->file, " (%.*s)", SLICE_ARG(shown));
    }
    fputc('\n', story->file);
}

static void tell_author(const struct story *story, const json_t *message)
{
    long long fields = json_integer_value(records_get(message, "from-fields"));
    long long mailboxes = json_integer_value(records_get(message, "mailboxes"));

    story_member(story, message, "author", "from");
    tell_domains(story, message);
    if (fields != 1 || mailboxes != 1) {
        story_label(story, "From");
        fprintf(story->file, "%lld field%s, %lld mailbox%s\n", fields, fields == 1 ? "" : "s", mailboxes,
                mailboxes == 1 ? "" : "es");
    }
    story_list(story, "odd in From", records_get(message, "from-oddities"));
    story_list(story, "odd header", records_get(message, "header-oddities"));
    story_member(story, message, "malformed", "malformed");
}

/* What rules read with header["..."]. */
static void tell_headers(const struct story *story, const json_t *headers)
{
    const json_t *header, *value;
    size_t index, inner;

    json_array_foreach(headers, index, header) {
        json_array_foreach(records_get(header, "values"), inner, value) {
            story_label(story, "field read");
            story_put(story, header, "name", "", ": ");
            fprintf(story->file, "%.*s\n", SLICE_ARG(records_value_text(value, story->arena)));
        }
    }
}

static void tell_message(const struct story *story)
{
    static const char *const told[] = { "size", "header-size", "fields", "message-id", "subject", "from-fields",
                                        "from", "mailboxes", "author-domains", "author-domains-unicode",
                                        "from-oddities", "header-oddities", "malformed", "indirect",
                                        "signatures-seen", "signatures", "arc-problem", "arc-sets", "headers",
                                        "removed", NULL };
    const json_t *message = records_get(story->record, "message");

    if (message == NULL)
        return;
    story_heading(story, "Message");
    tell_author(story, message);
    story_member(story, message, "subject", "subject");
    story_member(story, message, "Message-ID", "message-id");
    tell_size(story, message);
    tell_headers(story, records_get(message, "headers"));
    story_rest(story, message, told);
}

/* The end */

static void tell_end(const struct story *story)
{
    static const char *const none_told[] = { NULL };
    json_t *timings = records_get(story->record, "timings");
    const char *name;
    json_t *value;

    if (json_object_size(timings) > 0) {
        story_heading(story, "How long, in milliseconds");
        json_object_foreach(timings, name, value)
            fprintf(story->file, "  %.*s %.1f", SLICE_ARG(cli_safe(slice_of_string(name), story->arena)),
                    (double)json_integer_value(value) / 1000);
        fputc('\n', story->file);
    }
    story_heading(story, "By");
    story_rest(story, records_get(story->record, "versions"), none_told);
    story_member(story, story->record, "host", "local.hostname");
    story_member(story, story->record, "rules", "program");
    if (records_get(story->record, "replayable") != NULL && !story_is_true(story->record, "replayable"))
        fprintf(story->file, "answers were left out of the record: it cannot be judged again\n");
}

static void tell_all(const struct story *story)
{
    static const char *const told[] = { "record", "kind", "id", "time", "listener", "submission", "client", "local",
                                        "envelope", "outcome", "stage", "asked", "verdict", "score", "reply", "rules",
                                        "effects", "results", "recipients", "recipients-left-out", "message", "answers",
                                        "settings", "timings", "program", "versions", "replayable", NULL };

    tell_what(story);
    tell_who(story);
    tell_message(story);
    story_results(story);
    story_rules(story);
    story_answers(story);
    story_effects(story);
    tell_end(story);
    story_rest(story, story->record, told);
}

/* Each line as wide as the terminal: what goes on does so below the text, not below the label. */
static void put_lines(FILE *file, struct slice text, size_t width)
{
    while (text.length > 0) {
        struct slice line = slice_cut(&text, '\n');
        size_t blanks = 0;

        while (blanks < line.length && line.text[blanks] == ' ')
            blanks++;
        cli_put_wrapped(file, line, width, blanks > 0 && blanks < STORY_LABEL ? blanks + 2 : STORY_LABEL);
    }
}

void story_tell(const json_t *record, enum story_kind kind, FILE *file, bool colour)
{
    struct story story = { .record = record, .kind = kind, .arena = arena_new(), .file = file, .colour = colour };
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
