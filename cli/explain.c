/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.c: `mxward explain`: finds a record by its id. Ids begin with the time, and records are written in
 * the order in which transactions end, so the place in the file is found by bisection but for how long a
 * transaction can last; then the rest of that stretch is searched, and if it is not there the whole file. The
 * story is told by story.c.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/options.h"
#include "cli/records.h"
#include "cli/story.h"
#include "proxy/config.h"
#include "proxy/id.h"

static const struct cli_help help = {
    "explain",
    "[-c FILE] [--json] ID [FILE...]",
    "Tells the story of one verdict: who sent what, what was asked and answered, which rules were met with which\n"
    "values, the reply. ID is in the reply that the sender saw, in Received, and in the log. FILE is a file of\n"
    "records, - is standard input; without one, the record file of the configuration and the one before its\n"
    "rotation (FILE.1).",
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "      --json          the record as it is\n",
    "  mxward explain 01JD8K2V7Q3M9XYZ",
};

/* How much later than its id a record is written: sessions may wait between commands, messages take their time. */
#define LASTS (INT64_C(3600) * 1000000)
/* The id stands among the first members of a record. */
#define HEAD_MOST 200

struct search {
    char id[ID_LENGTH + 1];
    int64_t time;
    bool json;
    size_t found;
    struct slice last;                 /* the line printed last: a record may stand twice in a file (journal.h) */
};

/* People copy ids by eye and by ear: Crockford's base 32 reads O as 0, I and L as 1. */
static bool normalise(const char *text, char id_out[ID_LENGTH + 1])
{
    size_t length = strlen(text);
    int64_t time;

    if (length != ID_LENGTH)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];

        id_out[i] = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
    }
    id_out[length] = '\0';
    return id_time(slice_of_string(id_out), &time);
}

/* The id of a record's line; absent: none is seen. */
static struct slice line_id(struct slice line)
{
    static const char name[] = "\"id\":";
    struct slice head = slice_first(line, HEAD_MOST);
    const char *at = head.text == NULL ? NULL : memmem(head.text, head.length, name, sizeof(name) - 1);
    struct slice rest;

    if (at == NULL)
        return SLICE_NONE;
    rest = slice_trim(slice_from(head, (size_t)(at - head.text) + sizeof(name) - 1));
    if (rest.length < ID_LENGTH + 2 || rest.text[0] != '"' || rest.text[ID_LENGTH + 1] != '"')
        return SLICE_NONE;
    return slice_of(rest.text + 1, ID_LENGTH);
}

/* The line that begins at or after `offset`. */
static struct slice line_from(struct slice text, size_t offset, size_t *start_out)
{
    struct slice rest;

    if (offset > 0)
        offset += slice_find(slice_from(text, offset - 1), '\n');
    *start_out = offset < text.length ? offset : text.length;
    rest = slice_from(text, *start_out);
    return slice_first(rest, slice_find(rest, '\n'));
}

/* The time of the first line from `offset` on that has one; past them all: as late as can be. */
static int64_t time_from(struct slice text, size_t offset, size_t *start_out)
{
    struct slice line;
    int64_t time;

    for (line = line_from(text, offset, start_out); *start_out < text.length;
         line = line_from(text, *start_out + 1, start_out))
        if (id_time(line_id(line), &time))
            return time;
    return INT64_MAX;
}

/* Where the first line of about that time or later begins. */
static size_t bisect(struct slice text, int64_t time)
{
    size_t low = 0, high = text.length;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t start;

        if (time_from(text, middle, &start) >= time)
            high = middle;
        else
            low = start + 1;
    }
    line_from(text, low, &high);
    return high;
}

static void tell(struct search *search, struct slice line)
{
    json_t *record = slice_equal(line, search->last) ? NULL : records_parse(line);
    const json_t *id = record == NULL ? NULL : records_get(record, "id");

    if (json_is_string(id) && strcmp(json_string_value(id), search->id) == 0) {
        if (search->found++ > 0)
            putchar('\n');
        if (search->json)
            printf("%.*s\n", SLICE_ARG(line));
        else
            story_tell(record, STORY_HAPPENED, stdout, cli_colour(stdout));
        search->last = line;
    }
    json_decref(record);
}

/* Every line in [start, end) that holds the id. */
static void search_stretch(struct search *search, struct slice text, size_t start, size_t end)
{
    struct slice stretch = slice_of(text.text + start, end - start);

    while (stretch.length > 0) {
        const char *at = memmem(stretch.text, stretch.length, search->id, ID_LENGTH);
        struct slice rest;
        size_t line_start;

        if (at == NULL)
            return;
        line_start = (size_t)(at - text.text);
        while (line_start > 0 && text.text[line_start - 1] != '\n')
            line_start--;
        rest = slice_from(text, line_start);
        rest = slice_first(rest, slice_find(rest, '\n'));
        tell(search, rest);
        stretch = slice_from(stretch, (size_t)(rest.text + rest.length - stretch.text));
    }
}

static void search_text(struct search *search, struct slice text)
{
    size_t before = search->found;
    size_t start = bisect(text, search->time - LASTS);
    size_t end = bisect(text, search->time + LASTS);

    search->last = SLICE_NONE;
    search_stretch(search, text, start, end > start ? end : start);
    /* A clock that was set back, lines that were moved: then order says nothing. */
    if (search->found == before)
        search_stretch(search, text, 0, text.length);
    search->last = SLICE_NONE;
}

/* What comes through a pipe is read to its end: the journal's records, or a file that was compressed. */
static bool search_stdin(struct search *search)
{
    struct {
        char *text;
        size_t room;
    } lines[2] = { { NULL, 0 }, { NULL, 0 } };
    size_t number = 0;                 /* the other is the line told last */
    ssize_t length;

    search->last = SLICE_NONE;
    while ((length = getline(&lines[number].text, &lines[number].room, stdin)) > 0) {
        struct slice line = slice_of(lines[number].text, (size_t)length);
        size_t found = search->found;

        if (line.text[line.length - 1] == '\n')
            line.length--;
        if (memmem(line.text, line.length, search->id, ID_LENGTH) != NULL)
            tell(search, line);
        if (search->found > found)
            number = 1 - number;
    }
    search->last = SLICE_NONE;
    free(lines[0].text);
    free(lines[1].text);
    if (ferror(stdin))
        fprintf(stderr, "mxward explain: standard input: %s\n", strerror(errno));
    return !ferror(stdin);
}

/* False: said why; a file that is not there is well if it `may_miss`. */
static bool search_file(struct search *search, const char *path, bool may_miss)
{
    struct stat file;
    int descriptor;
    void *bytes;

    if (strcmp(path, "-") == 0)
        return search_stdin(search);
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT && may_miss)
        return true;
    if (descriptor < 0 || fstat(descriptor, &file) != 0) {
        fprintf(stderr, "mxward explain: %s: %s\n", path, strerror(errno));
        return false;
    }
    bytes = file.st_size > 0 ? mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0) : MAP_FAILED;
    close(descriptor);
    if (bytes == MAP_FAILED)
        return file.st_size == 0;
    search_text(search, slice_of(bytes, (size_t)file.st_size));
    munmap(bytes, (size_t)file.st_size);
    return true;
}

static bool search_configured(struct search *search, const char *config_path)
{
    struct arena *arena = arena_new();
    const char *path = records_configured_file(config_path, arena);
    bool well = path != NULL && search_file(search, path, false) &&
                (search->found > 0 || search_file(search, arena_printf(arena, "%s.1", path).text, true));

    arena_free(&arena);
    return well;
}

int cli_explain(int argc, char **argv)
{
    const char *config_path = CONFIG_DEFAULT_PATH;
    struct search search = { 0 };
    struct cli_option options[] = { { 'c', "config", &config_path, NULL }, { 0, "json", NULL, &search.json }, { 0 } };
    int rest;
    int code = cli_parse(argc, argv, &help, options, &rest);
    bool well = true;

    if (code >= 0)
        return code;
    if (rest == argc)
        return cli_wrong(&help, "which ID?");
    if (!normalise(argv[rest], search.id) || !id_time(slice_of_string(search.id), &search.time))
        return cli_wrong(&help, "\"%s\" is no id: they have %d letters and digits", argv[rest], ID_LENGTH);
    if (rest + 1 == argc)
        well = search_configured(&search, config_path);
    for (int i = rest + 1; i < argc; i++)
        well = search_file(&search, argv[i], false) && well;
    if (search.found == 0 && well)
        fprintf(stderr, "mxward explain: no record of %s: it may be in an older file\n", search.id);
    return search.found > 0 ? 0 : 1;
}
