/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.c: `mxward demo`: a dozen mails by real SMTP and STARTTLS through real proxies into a real Maildir, and the
 * verdicts as a postmaster would see them, read from the records. Exit 1 if one is not as expected.
 */
#include "cli/demo.h"

#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"
#include "proxy/clock.h"
#include "proxy/config.h"

static const struct cli_help help = {
    "demo",
    "[--keep] [--rules FOLDER]",
    "Shows mxward at work on this machine, on high ports of loopback: a fixture zone for DNS, a certificate made\n"
    "on the spot, a small mail sink behind two proxies (default.rules and strict.rules), and a dozen mails.\n"
    "Needs no privileges and leaves nothing behind. Exit code 1 when a verdict is not as expected.",
    "      --keep          keeps the folder with configuration, rules, records and mail\n"
    "      --rules FOLDER  the shipped rules (" MXWARD_RULESDIR ")\n",
    "  mxward demo --keep",
};

/* Lines of a table that nobody looks at on a terminal. */
#define DEMO_WIDTH 100
#define DEMO_RECORD_MOST ((size_t)16 * 1024 * 1024)

/* One mail sent, and its record (mxward-record(5)). */
struct outcome {
    struct demo_reply reply;
    json_t *record;                /* NULL: none was found */
    const char *verdict;
    bool as_expected;
};

/* A text within the record; "" where there is none. */
static const char *text_at(const json_t *record, const char *object, const char *member)
{
    const char *text = json_string_value(json_object_get(json_object_get(record, object), member));
    return text != NULL ? text : "";
}

static bool is_true_at(const json_t *record, const char *object, const char *member)
{
    return json_is_true(json_object_get(json_object_get(record, object), member));
}

/* What a person calls it. */
static const char *verdict_of(const struct outcome *outcome)
{
    const json_t *record = outcome->record;
    if (record == NULL)
        return "no record";
    if (is_true_at(record, "outcome", "delivered"))
        return is_true_at(record, "verdict", "tagged") ? "tag" : "pass";
    if (strcmp(text_at(record, "verdict", "action"), "reject") == 0)
        return "reject";
    if (strcmp(text_at(record, "verdict", "action"), "defer") == 0)
        return "defer";
    return outcome->reply.code >= 500 ? "refused" : "deferred";
}

/* The first rule that tagged. */
static const char *tagging_rule(const json_t *record)
{
    size_t i, j;
    json_t *run, *rule;
    json_array_foreach(json_object_get(record, "rules"), i, run)
        json_array_foreach(json_object_get(run, "met"), j, rule) {
            const char *did = json_string_value(json_object_get(rule, "did"));
            const char *met = json_string_value(json_object_get(rule, "outcome"));
            if (did != NULL && met != NULL && strcmp(did, "tag") == 0 && strcmp(met, "true") == 0)
                return json_string_value(json_object_get(rule, "name"));
        }
    return NULL;
}

/* The rule that decided or tagged, or that it was none. */
static const char *reason_of(const struct outcome *outcome, struct arena *arena)
{
    const json_t *record = outcome->record;
    const char *rule = text_at(record, "verdict", "rule");
    if (text_at(record, "outcome", "reason")[0] != '\0')
        return "mxward itself";            /* the reply says what it is */
    if (rule[0] != '\0')
        return arena_printf(arena, "rule %s", rule).text;
    rule = tagging_rule(record);
    return rule == NULL ? "no rule matched" : arena_printf(arena, "tagged by rule %s", rule).text;
}

/* "-": it did not come to that. */
static const char *result_of(const struct outcome *outcome, const char *method)
{
    const json_t *result = json_object_get(json_object_get(outcome->record, "results"), method);
    const char *text = json_string_value(json_object_get(result, "result"));
    return text != NULL ? text : "-";
}

/* Of several signatures the one that passes. */
static const char *dkim_of(const struct outcome *outcome)
{
    const json_t *results = json_object_get(outcome->record, "results"), *signature;
    const char *dkim = json_object_get(results, "dmarc") == NULL ? "-" : "none";
    size_t i;
    json_array_foreach(json_object_get(results, "dkim"), i, signature) {
        const char *result = json_string_value(json_object_get(signature, "result"));
        if (result != NULL && (i == 0 || strcmp(result, "pass") == 0))
            dkim = result;
    }
    return dkim;
}

/* Records come in the order in which the mails were sent: the nth of a proxy is its nth line. */
static void read_records(const struct demo_house *house, enum demo_rules rules, struct outcome *outcomes)
{
    struct slice text, problem;
    const char *path = demo_path(house, arena_printf(house->arena, "%s.jsonl", demo_rules_name(rules)).text);
    if (!file_read(path, DEMO_RECORD_MOST, house->arena, &text, &problem)) {
        printf("%.*s\n", SLICE_ARG(problem));
        return;
    }
    for (size_t i = 0; i < demo_mails_count; i++) {
        if (demo_mails[i].rules != rules)
            continue;
        struct slice line = slice_cut(&text, '\n');
        outcomes[i].record = json_loadb(line.text, line.length, 0, NULL);
    }
}

static void judge_outcomes(struct outcome *outcomes)
{
    for (size_t i = 0; i < demo_mails_count; i++) {
        outcomes[i].verdict = verdict_of(&outcomes[i]);
        outcomes[i].as_expected = outcomes[i].reply.code == demo_mails[i].expected_code && outcomes[i].reply.tls &&
                                  strcmp(outcomes[i].verdict, demo_mails[i].expected) == 0;
    }
}

static const char *paint_of(const struct outcome *outcome)
{
    if (outcome->reply.code >= 500 || outcome->record == NULL)
        return "\033[31m";
    return outcome->reply.code >= 400 || strcmp(outcome->verdict, "tag") == 0 ? "\033[33m" : "\033[32m";
}

static void print_row(const struct demo_mail *mail, const struct outcome *outcome, bool colour, struct arena *arena)
{
    size_t width = cli_width(stdout);
    printf("%-37s %-7s %s%-7s%s %-9s %-4s %s\n", mail->title, demo_rules_name(mail->rules),
           colour ? paint_of(outcome) : "", outcome->verdict, colour ? "\033[0m" : "", result_of(outcome, "spf"),
           dkim_of(outcome), result_of(outcome, "dmarc"));
    struct slice reply = arena_printf(arena, "    %s: %.*s", reason_of(outcome, arena), SLICE_ARG(outcome->reply.text));
    cli_put_wrapped(stdout, cli_safe(reply, arena), width > 0 ? width : DEMO_WIDTH, 8);
    if (!outcome->as_expected)
        printf("    NOT AS EXPECTED: %s with code %u over TLS was\n", mail->expected, mail->expected_code);
}

static void print_table(const struct outcome *outcomes, struct arena *arena)
{
    printf("%-37s %-7s %-7s %-9s %-4s %s\n", "MAIL", "RULES", "VERDICT", "SPF", "DKIM", "DMARC");
    for (size_t i = 0; i < demo_mails_count; i++)
        print_row(&demo_mails[i], &outcomes[i], cli_colour(stdout), arena);
}

static void explain_one(const struct demo_house *house, const struct outcome *outcomes)
{
    for (size_t i = 0; i < demo_mails_count; i++) {
        const char *recorded = json_string_value(json_object_get(outcomes[i].record, "id"));
        if (recorded == NULL || strcmp(outcomes[i].verdict, "reject") != 0)
            continue;
        char *id = arena_string(house->arena, slice_of_string(recorded));
        char *file = arena_string(house->arena, slice_of_string(demo_path(
            house, arena_printf(house->arena, "%s.jsonl", demo_rules_name(demo_mails[i].rules)).text)));
        char *arguments[] = { (char *)(uintptr_t)"explain", id, file, NULL };
        printf("\n\"Why was my mail rejected?\"   mxward explain %s\n\n", id);
        fflush(stdout);
        cli_explain(3, arguments);
        return;
    }
}

static size_t count_mail(const struct demo_house *house)
{
    size_t found = 0;
    DIR *folder = opendir(demo_path(house, "mail/new"));
    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        found += entry->d_name[0] != '.';
    closedir(folder);
    return found;
}

static bool send_all(struct demo_house *house, const struct demo_keys *keys, struct outcome *outcomes)
{
    for (size_t i = 0; i < demo_mails_count; i++) {
        const struct demo_mail *mail = &demo_mails[i];
        struct slice message = demo_message(mail, keys, house->arena);
        if (message.text == NULL) {
            printf("cannot sign a mail\n");
            return false;
        }
        outcomes[i].reply = demo_send(house->ports[mail->rules], mail, message, house->arena);
    }
    return true;
}

static bool summarise(const struct demo_house *house, const struct outcome *outcomes, int64_t microseconds)
{
    size_t well = 0, delivered = 0, expected = 0;
    for (size_t i = 0; i < demo_mails_count; i++) {
        well += outcomes[i].as_expected;
        expected += outcomes[i].reply.code == 250;
    }
    delivered = count_mail(house);
    printf("\n%zu of %zu verdicts as expected; %zu answered 250, %zu in the mailbox; %.1f s\n", well,
           demo_mails_count, expected, delivered, (double)microseconds / 1e6);
    return well == demo_mails_count && delivered == expected;
}

static void print_how_to_go_on(const struct demo_house *house, bool keep)
{
    printf("\nHow to go on\n"
           "  mxward --help            all commands\n"
           "  man mxward               the manual: begin here\n"
           "  README.md                in front of Postfix in five minutes\n");
    if (keep)
        printf("  %s  configuration, rules, records, mail\n", house->folder);
    else
        printf("  mxward demo --keep       keeps configuration, rules, records, mail\n");
}

static bool demonstrate(struct demo_house *house, const char *rules_folder, bool keep)
{
    struct outcome *outcomes = arena_array(house->arena, demo_mails_count, sizeof *outcomes);
    struct demo_keys keys = { 0 };
    struct slice problem = SLICE_NONE;
    int64_t began = clock_monotonic();
    if (!demo_make_keys(house->arena, &keys)) {
        fprintf(stderr, "mxward demo: cannot make keys\n");
        return false;
    }
    if (!demo_open(house, rules_folder, &keys, &problem)) {
        fprintf(stderr, "mxward demo: %.*s\n", SLICE_ARG(problem));
        return false;
    }
    printf(
        "Two proxies and a mail sink are running, with DNS of their own.\n"
        "Sending %zu mails by SMTP with STARTTLS.\n\n",
        demo_mails_count);
    fflush(stdout);
    if (!send_all(house, &keys, outcomes))
        return false;
    demo_stop(house);                  /* which writes the last record */
    for (int rules = 0; rules < DEMO_PROXIES; rules++)
        read_records(house, (enum demo_rules)rules, outcomes);
    judge_outcomes(outcomes);
    print_table(outcomes, house->arena);
    explain_one(house, outcomes);
    bool well = summarise(house, outcomes, clock_monotonic() - began);
    for (size_t i = 0; i < demo_mails_count; i++)
        json_decref(outcomes[i].record);
    print_how_to_go_on(house, keep);
    return well;
}

int cli_demo(int argc, char **argv)
{
    struct demo_house house = { .binary = -1 };
    const char *rules_folder = MXWARD_RULESDIR;
    bool keep = false;
    struct cli_option options[] = { { 0, "keep", NULL, &keep }, { 0, "rules", &rules_folder, NULL }, { 0 } };
    int code = cli_parse(argc, argv, &help, options, NULL);
    if (code >= 0)
        return code;
    signal(SIGPIPE, SIG_IGN);
    house.arena = arena_new();
    bool well = demonstrate(&house, rules_folder, keep);
    demo_close(&house, keep || !well);
    if (!well && house.folder[0] != '\0')
        fprintf(stderr, "mxward demo: not as expected; everything is kept in %s\n", house.folder);
    arena_free(&house.arena);
    return well ? 0 : 1;
}
