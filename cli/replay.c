/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c: `mxward replay`: records judged again, in a judge process, without network or message. Says what differs
 * from what was recorded.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/judging.h"
#include "policy/replay.h"
#include "proxy/config.h"

static const char usage[] =
    "Usage: mxward replay [-c FILE] [--rules FILE]... [--json] [FILE...]\n"
    "\n"
    "Judges the transactions of records again and says what differs from what was recorded. Needs no network and no\n"
    "message: a record holds facts, answers and evidence. FILE is a file of records, - is standard input; without\n"
    "one, the record file of the configuration. Under other rules than those recorded by, verdict, score, reply,\n"
    "effects and results are compared, not which rules were met.\n"
    "\n"
    "  -c, --config FILE   configuration (default: " CONFIG_DEFAULT_PATH ")\n"
    "  --rules FILE        these rules instead of the configuration's; may be repeated\n"
    "  --json              a line of JSON for each judgement: verdict, score, reply, rules, effects, results as "
    "judged now\n"
    "  --help              this text\n"
    "\n"
    "Exit code: 0 nothing differs, 1 something does, or a record cannot be read, 2 wrong usage.\n"
    "\n"
    "Example:\n"
    "  mxward replay --rules new.rules /var/log/mxward/record.jsonl\n";

#define RULES_MOST 100
/* Bytes shown to people of a part, from a little before where it differs. */
#define SHOWN_MOST 300
#define SHOWN_BEFORE 60

struct replay_run {
    bool json;
    struct judging *judging;
    struct wire_writer out;
    struct arena *arena;           /* of one record */
    uint32_t transaction;
    size_t same;
    size_t different;
    size_t other_rules;            /* recorded under other rules than these */
    size_t skipped;                /* "replayable": false, or nothing was judged */
    size_t unreadable;
};

/* The judgement's parts; false: the judge ended, or asks for what the record does not hold (*asks_out). */
static bool judge_again(struct replay_run *run, const struct record_reading *reading,
                        const struct record_judged *judged, struct slice parts_out[RECORD_PARTS],
                        struct slice *asks_out)
{
    struct frame frame;
    const char *problem = NULL;
    *asks_out = SLICE_NONE;
    if (!replay_put(&run->out, ++run->transaction, reading, judged)) {
        *asks_out = SLICE("it is larger than a judge takes");
        return true;
    }
    if (!judging_send(run->judging, &run->out) || !judging_receive(run->judging, &frame))
        return false;
    struct frame_questions questions;
    struct verdict verdict;
    size_t header_size = reading->evidence == NULL ? 0 : reading->evidence->header_size;
    if (frame.type == FRAME_VERDICT &&
        frame_get_verdict(frame.payload, header_size, run->arena, NULL, &verdict, &questions, &problem)) {
        record_parts(&verdict, run->arena, parts_out);
        return true;
    }
    if (frame.type == FRAME_QUESTIONS && frame_get_questions(frame.payload, run->arena, &questions, &problem)) {
        *asks_out = arena_printf(run->arena, "it would ask for %s %.*s", question_type_name(questions.missing[0].type),
                                 SLICE_ARG(questions.missing[0].name));
        return true;
    }
    *asks_out = problem == NULL ? SLICE("the judge has no room for it") : slice_of_string(problem);
    return true;
}

static void print_title(const struct replay_run *run, const struct record_reading *reading,
                        const struct record_judged *judged)
{
    printf("%.*s at %s", SLICE_ARG(record_json_text(reading->facts.id, run->arena)), stage_names[judged->stage]);
    if (judged->stage == STAGE_RCPT)
        printf(" %.*s", SLICE_ARG(record_json_text(judged->facts.recipients[0].path, run->arena)));
}

static size_t difference_start(const struct replay_difference *difference)
{
    size_t at = 0;
    while (at < difference->recorded.length && at < difference->judged.length &&
           difference->recorded.text[at] == difference->judged.text[at])
        at++;
    return at < SHOWN_BEFORE ? 0 : at - SHOWN_BEFORE;
}

static void print_from(const char *label, struct slice text, size_t start)
{
    struct slice shown = slice_first(slice_from(text, start), SHOWN_MOST);
    bool cut = start + shown.length < text.length;
    printf("    %-8s  %s%.*s%s\n", label, start > 0 ? "..." : "", SLICE_ARG(shown), cut ? "..." : "");
}

static void print_people(const struct replay_run *run, const struct record_reading *reading,
                         const struct record_judged *judged, const struct replay_difference *differences, size_t count,
                         struct slice asks)
{
    if (count == 0 && asks.text == NULL)
        return;
    print_title(run, reading, judged);
    printf("\n");
    if (asks.text != NULL)
        printf("  cannot be judged: %.*s\n", SLICE_ARG(asks));
    for (size_t i = 0; i < count; i++) {
        size_t start = difference_start(&differences[i]);
        printf("  %s\n", record_part_name(differences[i].part));
        print_from("recorded", differences[i].recorded, start);
        print_from("now", differences[i].judged, start);
    }
}

/* Parts are JSON already; id and address are escaped by being read back from JSON of ours. */
static void print_json(const struct replay_run *run, const struct record_reading *reading,
                       const struct record_judged *judged, const struct slice parts[RECORD_PARTS],
                       const struct replay_difference *differences, size_t count, struct slice asks)
{
    printf("{\"id\":%.*s,\"stage\":\"%s\"", SLICE_ARG(record_json_text(reading->facts.id, run->arena)),
           stage_names[judged->stage]);
    if (judged->stage == STAGE_RCPT)
        printf(",\"recipient\":%.*s", SLICE_ARG(record_json_text(judged->facts.recipients[0].path, run->arena)));
    if (asks.text != NULL)
        printf(",\"problem\":%.*s", SLICE_ARG(record_json_text(asks, run->arena)));
    for (enum record_part part = PART_VERDICT; asks.text == NULL && part <= PART_RESULTS; part++)
        printf(",\"%s\":%.*s", record_part_name(part), SLICE_ARG(parts[part]));
    printf(",\"differences\":[");
    for (size_t i = 0; i < count; i++)
        printf("%s\"%s\"", i == 0 ? "" : ",", record_part_name(differences[i].part));
    printf("]}\n");
}

static bool same_rules(const struct replay_run *run, const struct record_reading *reading)
{
    return memcmp(reading->record.program, judging_program(run->judging), FRAME_PROGRAM_HASH) == 0;
}

/* By other rules, other rules are met: that is no news. What follows from them is. */
static size_t without_rules(struct replay_difference *differences, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (differences[i].part != PART_RULES)
            differences[kept++] = differences[i];
    return kept;
}

static bool replay_one(struct replay_run *run, const struct record_reading *reading, const struct record_judged *judged)
{
    struct slice parts[RECORD_PARTS] = { 0 }, asks;
    struct replay_difference differences[RECORD_PARTS];
    if (!judge_again(run, reading, judged, parts, &asks))
        return false;
    size_t count = asks.text != NULL ? 0 : replay_compare(judged, parts, differences);
    if (!same_rules(run, reading))
        count = without_rules(differences, count);
    if (run->json)
        print_json(run, reading, judged, parts, differences, count, asks);
    else
        print_people(run, reading, judged, differences, count, asks);
    if (count > 0 || asks.text != NULL)
        run->different++;
    else
        run->same++;
    return true;
}

/* False: it cannot go on. */
static bool replay_line(struct replay_run *run, struct slice line, const char *path, size_t number)
{
    struct record_reading reading;
    struct slice problem;
    arena_reset(run->arena);
    if (slice_trim(line).length == 0)
        return true;
    if (!record_read(line, run->arena, &reading, &problem)) {
        fprintf(stderr, "mxward: %s:%zu: %.*s\n", path, number, SLICE_ARG(problem));
        run->unreadable++;
        return true;
    }
    if (!reading.replayable || reading.judged_count == 0) {
        run->skipped++;
        return true;
    }
    if (!same_rules(run, &reading))
        run->other_rules++;
    for (size_t i = 0; i < reading.judged_count; i++)
        if (!replay_one(run, &reading, &reading.judged[i]))
            return false;
    return true;
}

static bool replay_file(struct replay_run *run, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t length;
    bool goes_on = true;
    if (file == NULL) {
        fprintf(stderr, "mxward: %s: %s\n", path, strerror(errno));
        run->unreadable++;
        return true;
    }
    while (goes_on && (length = getline(&line, &size, file)) >= 0)
        goes_on = replay_line(run, slice_of(line, (size_t)length), path, ++number);
    free(line);
    if (file != stdin)
        fclose(file);
    return goes_on;
}

static void summarise(const struct replay_run *run)
{
    FILE *file = run->json ? stderr : stdout;
    fprintf(file, "%zu the same, %zu different", run->same, run->different);
    if (run->skipped > 0)
        fprintf(file, ", %zu skipped (nothing judged, or recorded without answers)", run->skipped);
    if (run->unreadable > 0)
        fprintf(file, ", %zu unreadable", run->unreadable);
    if (run->other_rules > 0)
        fprintf(file, "; %zu recorded under other rules than these: which rules they met was not compared",
                run->other_rules);
    fprintf(file, "\n");
}

struct replay_arguments {
    const char *config;
    const char *rules[RULES_MOST];
    size_t rules_count;
    bool json;
};

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, struct replay_arguments *arguments)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "rules", required_argument, NULL, 'r' },
        { "json", no_argument, NULL, 'j' },         { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option == '?' || (option == 'r' && arguments->rules_count == RULES_MOST)) {
            fprintf(stderr, "mxward replay: %s; see mxward replay --help\n",
                    option == 'r' ? "too many of --rules" : "that is not how it is called");
            return 2;
        }
        if (option == 'c')
            arguments->config = optarg;
        else if (option == 'j')
            arguments->json = true;
        else
            arguments->rules[arguments->rules_count++] = optarg;
    }
    return -1;
}

static int replay_all(struct replay_run *run, char **paths, size_t count, const struct config *config)
{
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < count; i++)
        goes_on = replay_file(run, paths[i]);
    if (count == 0)
        goes_on = replay_file(run, config->record_file);
    summarise(run);
    return goes_on && run->different == 0 && run->unreadable == 0 ? 0 : 1;
}

/* NULL when it is not needed, or not good (*failed_out). */
static const struct config *load_config(const struct replay_arguments *arguments, bool needed, struct arena *arena,
                                        bool *failed_out)
{
    struct diagnostics diagnostics;
    *failed_out = false;
    if (!needed && arguments->config == NULL)
        return NULL;
    diagnostics_init(&diagnostics, arena);
    const char *path = arguments->config == NULL ? CONFIG_DEFAULT_PATH : arguments->config;
    const struct config *config = config_load(path, arena, &diagnostics);
    if (config == NULL)
        diagnostics_print(&diagnostics, stderr, isatty(STDERR_FILENO) == 1);
    *failed_out = config == NULL;
    return config;
}

static int replay_with(const struct replay_arguments *arguments, char **paths, size_t paths_count, struct arena *arena)
{
    bool failed;
    const struct config *config =
        load_config(arguments, arguments->rules_count == 0 || paths_count == 0, arena, &failed);
    if (failed)
        return 1;
    if (paths_count == 0 && (config->record_target != RECORD_FILE || config->record_file == NULL)) {
        fprintf(stderr, "mxward: the configuration names no record file; name one\n");
        return 2;
    }
    const char *const *rules = arguments->rules_count > 0 ? arguments->rules : config->rules;
    size_t rules_count = arguments->rules_count;
    while (arguments->rules_count == 0 && rules != NULL && rules[rules_count] != NULL)
        rules_count++;
    struct slice image = judging_load_rules(rules, rules_count, arena);
    if (image.text == NULL)
        return 1;
    struct replay_run run = { .json = arguments->json, .judging = judging_start(image), .arena = arena_new() };
    wire_writer_init(&run.out, 4 * (size_t)FRAME_OBJECT_MOST);
    int code = run.judging == NULL ? 1 : replay_all(&run, paths, paths_count, config);
    judging_end(&run.judging);
    wire_writer_clear(&run.out);
    arena_free(&run.arena);
    return code;
}

int cli_replay(int argc, char **argv)
{
    struct replay_arguments arguments = { 0 };
    int code = read_arguments(argc, argv, &arguments);
    if (code >= 0)
        return code;
    struct arena *arena = arena_new();
    code = replay_with(&arguments, argv + optind, (size_t)(argc - optind), arena);
    arena_free(&arena);
    return code;
}
