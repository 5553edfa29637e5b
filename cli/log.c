/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c: `mxward log`: prints records on one line each, or as they are; those that match; on request as they
 * are written, also when the file is rotated meanwhile. What is no record is skipped and counted.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/filter.h"
#include "cli/options.h"
#include "cli/records.h"
#include "policy/record.h"
#include "proxy/clock.h"
#include "proxy/config.h"

static const struct cli_help help = {
    "log",
    "[-c FILE] [-f] [--json] [--since TIME] [--until TIME] [FILTER...] [FILE...]",
    "Prints the records that match every FILTER: name=value, name!=value or name~pattern. A name is a path into the\n"
    "record, as client.ip or results.dmarc.policy, or short: action rule met ip helo user sender recipient from\n"
    "author-domain message-id spf dkim dmarc arc code delivered. FILE is a file of records, - is standard input;\n"
    "without one, the record file of the configuration.",
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  -f, --follow        goes on with what is written from now on (with --since: from then on)\n"
    "      --json          the records as they are, a line of JSON each\n"
    "      --since TIME    2026-11-22, 2026-11-22T05:41, 2026-11-22T05:41:02Z (UTC), or 90s, 30m, 2h, 7d ago\n"
    "      --until TIME    the same; the time itself is not included\n",
    "  mxward log --since 1h action=reject author-domain=example.org",
};

/* How often a followed file is looked at. */
#define FOLLOW_NANOSECONDS 200000000L

struct log_run {
    struct filter *filters;
    int64_t since;                     /* microseconds since 1970 */
    int64_t until;
    bool json;
    bool follow;
    size_t unreadable;
    bool failed;
    bool closed;                       /* nobody reads what is printed */
};

static bool is_in_time(const struct log_run *run, const json_t *record)
{
    const json_t *time = records_get(record, "time");
    int64_t microseconds;

    if (run->since == INT64_MIN && run->until == INT64_MAX)
        return true;
    return json_is_string(time) && record_time_parse(slice_of_string(json_string_value(time)), &microseconds) &&
           microseconds >= run->since && microseconds < run->until;
}

static void print_record(struct log_run *run, struct slice line, const json_t *record)
{
    struct arena *arena = arena_new();
    struct slice text = run->json ? line : records_one_line(record, arena);

    fwrite(text.text, 1, text.length, stdout);
    putchar('\n');
    if ((run->follow && fflush(stdout) != 0) || ferror(stdout))
        run->closed = true;
    arena_free(&arena);
}

static void look_at(struct log_run *run, struct slice line)
{
    json_t *record = records_parse(line);

    if (record == NULL)
        run->unreadable++;
    else if (is_in_time(run, record) && filter_matches(run->filters, record))
        print_record(run, line, record);
    json_decref(record);
}

static bool complain(struct log_run *run, const char *path)
{
    fprintf(stderr, "mxward log: %s: %s\n", path, strerror(errno));
    run->failed = true;
    return false;
}

/* All whole lines there are now. */
static bool read_all(struct log_run *run, struct record_lines *lines, const char *path)
{
    enum record_line got = RECORD_LINE;
    struct slice line;

    while (!run->closed && (got = record_lines_next(lines, &line)) == RECORD_LINE)
        look_at(run, line);
    return got != RECORD_LINE_FAILED || complain(run, path);
}

static int open_file(const char *path)
{
    return strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

static void read_file(struct log_run *run, const char *path)
{
    int descriptor = open_file(path);
    struct record_lines lines;

    if (descriptor < 0) {
        complain(run, path);
        return;
    }
    record_lines_init(&lines, descriptor);
    read_all(run, &lines, path);
    /* A last line without its end: whole, but for the line end, or not. */
    if (!run->closed && lines.end > lines.start && !run->follow)
        look_at(run, slice_of(lines.bytes + lines.start, lines.end - lines.start));
    record_lines_clear(&lines);
    close(descriptor);
}

/* Whether the name means another file than the one that is open. */
static bool is_moved(int descriptor, const char *path)
{
    struct stat named, held;

    return stat(path, &named) == 0 && fstat(descriptor, &held) == 0 &&
           (named.st_ino != held.st_ino || named.st_dev != held.st_dev);
}

/* The next file of that name, waiting for it if need be; -1: nobody listens any more. */
static int wait_for_file(const char *path)
{
    static const struct timespec pause = { 0, FOLLOW_NANOSECONDS };
    int descriptor;

    while ((descriptor = open_file(path)) < 0 && errno == ENOENT)
        nanosleep(&pause, NULL);
    return descriptor;
}

static void follow_file(struct log_run *run, const char *path)
{
    static const struct timespec pause = { 0, FOLLOW_NANOSECONDS };
    int descriptor = wait_for_file(path);
    struct record_lines lines;

    if (descriptor < 0) {
        complain(run, path);
        return;
    }
    if (run->since == INT64_MIN)
        lseek(descriptor, 0, SEEK_END);
    record_lines_init(&lines, descriptor);
    while (!run->closed) {
        bool moved = is_moved(descriptor, path);

        /* Looked at before reading: what was written up to the rotation is read to its end. */
        if (!read_all(run, &lines, path))
            break;
        if (moved) {
            record_lines_clear(&lines);
            close(descriptor);
            descriptor = wait_for_file(path);
            if (descriptor < 0)
                break;
            record_lines_init(&lines, descriptor);
        } else {
            nanosleep(&pause, NULL);
        }
    }
    record_lines_clear(&lines);
    if (descriptor >= 0)
        close(descriptor);
}

/* "90s" "30m" "2h" "7d": so long ago. */
static bool parse_ago(struct slice text, int64_t *microseconds_out)
{
    static const char units[] = "smhd";
    static const int64_t seconds[] = { 1, 60, 3600, 86400 };
    const char *unit = text.length < 2 ? NULL : strchr(units, text.text[text.length - 1]);
    unsigned long long number;

    if (unit == NULL || *unit == '\0' || !slice_number(slice_first(text, text.length - 1), 1000000, &number))
        return false;
    *microseconds_out = clock_wall() - (int64_t)number * seconds[unit - units] * 1000000;
    return true;
}

/* What is left out of "2026-11-22T05:41:02Z" is as at its beginning. */
static bool parse_time(const char *text, int64_t *microseconds_out, struct arena *arena)
{
    static const char rest[] = "0000-00-00T00:00:00";
    struct slice given = slice_of_string(text);

    if (parse_ago(given, microseconds_out))
        return true;
    if (given.length > 0 && given.text[given.length - 1] == 'Z')
        given.length--;
    if (given.length != 10 && given.length != 16 && given.length != 19)
        return false;
    return record_time_parse(arena_printf(arena, "%.*s%s.000000Z", SLICE_ARG(given), rest + given.length),
                             microseconds_out);
}

static int parse_times(struct log_run *run, const char *since, const char *until, struct arena *arena)
{
    run->since = INT64_MIN;
    run->until = INT64_MAX;
    if (since != NULL && !parse_time(since, &run->since, arena))
        return cli_wrong(&help, "no time: \"%s\"", since);
    if (until != NULL && !parse_time(until, &run->until, arena))
        return cli_wrong(&help, "no time: \"%s\"", until);
    return -1;
}

/* Filters are taken out; what is left at the front of `arguments` is files. -1, or the exit code. */
static int take_filters(struct log_run *run, char **arguments, int *count, struct arena *arena)
{
    int files = 0;

    for (int i = 0; i < *count; i++) {
        struct slice problem;

        if (!filter_is_one(arguments[i])) {
            arguments[files++] = arguments[i];
            continue;
        }
        run->filters = filter_new(arguments[i], run->filters, arena, &problem);
        if (run->filters == NULL)
            return cli_wrong(&help, "%.*s", SLICE_ARG(problem));
    }
    *count = files;
    return -1;
}

static int run_all(struct log_run *run, char **files, int count, const char *config_path, struct arena *arena)
{
    const char *configured = count > 0 ? NULL : records_configured_file(config_path, arena);

    if (count == 0 && configured == NULL)
        return 1;
    if (run->follow && count > 1)
        return cli_wrong(&help, "one file can be followed, not %d", count);
    if (run->follow)
        follow_file(run, count > 0 ? files[0] : configured);
    else if (count == 0)
        read_file(run, configured);
    for (int i = 0; !run->follow && i < count && !run->closed; i++)
        read_file(run, files[i]);
    fflush(stdout);
    if (run->unreadable > 0)
        fprintf(stderr, "mxward log: %zu lines are no records\n", run->unreadable);
    return run->failed ? 1 : 0;
}

int cli_log(int argc, char **argv)
{
    const char *config_path = CONFIG_DEFAULT_PATH;
    const char *since = NULL, *until = NULL;
    struct log_run run = { 0 };
    struct cli_option options[] = {
        { 'c', "config", &config_path, NULL }, { 'f', "follow", NULL, &run.follow }, { 0, "json", NULL, &run.json },
        { 0, "since", &since, NULL },          { 0, "until", &until, NULL },         { 0 },
    };
    int rest;
    int code = cli_parse(argc, argv, &help, options, &rest);
    int count = argc - rest;
    struct arena *arena;

    if (code >= 0)
        return code;
    arena = arena_new();
    code = parse_times(&run, since, until, arena);
    if (code < 0)
        code = take_filters(&run, argv + rest, &count, arena);
    if (code < 0)
        code = run_all(&run, argv + rest, count, config_path, arena);
    arena_free(&arena);
    return code;
}
