/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.c: `mxward status`: reads the table that all processes share. Says nothing to them, so it works
 * whatever they are busy with.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "cli/options.h"
#include "policy/record.h"
#include "proxy/config.h"
#include "proxy/backend.h"
#include "proxy/status.h"

static const struct cli_help help = {
    "status",
    "[-c FILE | --runtime-directory DIR] [--json]",
    "Prints the counters of the running proxy: some say how many there are now, the others how many there were.",
    "  -c, --config FILE   the configuration, for its runtime-directory (" CONFIG_DEFAULT_PATH ")\n"
    "      --runtime-directory DIR\n"
    "                      instead of the configuration\n"
    "      --json          as one JSON object\n",
    "  mxward status --json | jq .counters.rejected",
};

static size_t ports_count(const struct status_about *about)
{
    size_t count = STATUS_PORTS;

    while (count > 0 && atomic_load(&about->ports[count - 1]) == 0)
        count--;
    return count;
}

/* One backend as all workers see it: as badly as the one that sees it worst. */
struct backend_view {
    char address[STATUS_BACKEND_NAME];
    char problem[STATUS_BACKEND_PROBLEM];
    enum backend_health health;
    unsigned up;                       /* workers that see it up */
    unsigned workers;
};

_Static_assert(STATUS_BACKENDS == BACKENDS_MOST, "each has its place");

static void copy_text(char *copy, const char *text, size_t room)
{
    memcpy(copy, text, room);
    copy[room - 1] = '\0';
}

static void view_place(struct backend_view *view, struct status_backend *place)
{
    uint32_t health = atomic_load(&place->health);

    if (place->address[0] == '\0' || health > BACKEND_UNFIT)
        return;
    view->workers++;
    view->up += health == BACKEND_UP;
    copy_text(view->address, place->address, sizeof(view->address));
    /* Down is worse than up, unfit worse than down; unknown is only for a moment. */
    if (view->workers > 1 && health <= view->health)
        return;
    view->health = (enum backend_health)health;
    copy_text(view->problem, place->problem, sizeof(view->problem));
}

/* False: there is no backend at this place. */
static bool view_backend(struct status *status, size_t index, struct backend_view *view)
{
    *view = (struct backend_view){ .health = BACKEND_UNKNOWN };
    for (unsigned column = 1; column <= STATUS_WORKERS_MOST; column++)
        view_place(view, &status_backends(status, column)[index]);
    return view->workers > 0;
}

static json_t *backends_json(struct status *status)
{
    struct arena *arena = arena_new();
    json_t *backends = json_array();
    struct backend_view view;

    for (size_t i = 0; i < STATUS_BACKENDS && view_backend(status, i, &view); i++) {
        json_t *backend = json_pack("{s:s, s:s, s:i}", "address", view.address, "state",
                                    backend_health_name(view.health), "workers-up", (int)view.up);

        /* Words of the backend's, in whatever bytes. */
        struct slice problem = record_escape(slice_of_string(view.problem), arena);

        if (problem.length > 0)
            json_object_set_new(backend, "problem", json_stringn(problem.text, problem.length));
        json_array_append_new(backends, backend);
    }
    arena_free(&arena);
    return backends;
}

static int print_json(struct status *status, bool alive)
{
    const struct status_about *about = status_about(status);
    json_t *counters = json_object();
    json_t *ports = json_array();
    json_t *all;

    for (int counter = 0; counter < STATUS_COUNTERS; counter++)
        json_object_set_new(counters, status_counter_name((enum status_counter)counter),
                            json_integer((json_int_t)status_sum(status, (enum status_counter)counter)));
    for (size_t i = 0; i < ports_count(about); i++)
        json_array_append_new(ports, json_integer(atomic_load(&about->ports[i])));
    all = json_pack("{s:s#, s:b, s:I, s:I, s:I, s:I, s:s#, s:o, s:o, s:o}", "version", about->version,
                    strnlen(about->version, sizeof(about->version)), "running", (int)alive, "process",
                    (json_int_t)atomic_load(&about->master_process), "started",
                    (json_int_t)atomic_load(&about->started), "generation", (json_int_t)atomic_load(&about->generation),
                    "workers", (json_int_t)atomic_load(&about->workers), "program", about->program,
                    strnlen(about->program, sizeof(about->program)), "ports", ports, "backends",
                    backends_json(status), "counters", counters);
    if (all == NULL || json_dumpf(all, stdout, JSON_INDENT(2)) != 0)
        bug("status: JSON");
    putchar('\n');
    json_decref(all);
    return alive ? 0 : 1;
}

static void print_start(const struct status_about *about)
{
    time_t started = (time_t)atomic_load(&about->started);
    char text[40] = "";
    struct tm tm;

    if (gmtime_r(&started, &tm) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    printf("mxward %.*s, process %ju, since %s\n", (int)sizeof(about->version), about->version,
           (uintmax_t)atomic_load(&about->master_process), text);
    printf("%ju workers, configuration %ju, rules and lists %.16s\n", (uintmax_t)atomic_load(&about->workers),
           (uintmax_t)atomic_load(&about->generation), about->program);
}

static void print_backends(struct status *status)
{
    struct arena *arena = arena_new();
    struct backend_view view;

    for (size_t i = 0; i < STATUS_BACKENDS && view_backend(status, i, &view); i++) {
        struct slice problem = cli_safe(slice_of_string(view.problem), arena);

        printf("backend %s %s", view.address, backend_health_name(view.health));
        if (view.up > 0 && view.up < view.workers)
            printf(" for %u of %u workers", view.workers - view.up, view.workers);
        printf("%s%.*s\n", problem.length > 0 ? ": " : "", SLICE_ARG(problem));
    }
    arena_free(&arena);
}

static int print_table(struct status *status, bool alive)
{
    const struct status_about *about = status_about(status);

    print_start(about);
    printf("ports");
    for (size_t i = 0; i < ports_count(about); i++)
        printf(" %u", (unsigned)atomic_load(&about->ports[i]));
    printf("\n");
    print_backends(status);
    printf("\n");
    for (int counter = 0; counter < STATUS_COUNTERS; counter++) {
        enum status_counter which = (enum status_counter)counter;

        printf("%-18s %12ju  %s\n", status_counter_name(which), (uintmax_t)status_sum(status, which),
               status_counter_help(which));
    }
    if (!alive)
        fprintf(stderr, "mxward status: it does not run any more; these were its last counters\n");
    return alive ? 0 : 1;
}

/* The directory of the table; NULL: said why. */
static const char *find_directory(const char *config_path, const char *directory, struct arena *arena)
{
    struct diagnostics diagnostics;
    const struct config *config;

    if (directory != NULL)
        return directory;
    diagnostics_init(&diagnostics, arena);
    config = config_load(config_path, arena, &diagnostics);
    if (config != NULL)
        return config->runtime_directory;
    diagnostics_print(&diagnostics, stderr, cli_colour(stderr));
    fprintf(stderr, "mxward status: name the runtime directory itself with --runtime-directory\n");
    return NULL;
}

int cli_status(int argc, char **argv)
{
    const char *config_path = CONFIG_DEFAULT_PATH;
    const char *directory = NULL;
    bool json = false;
    struct cli_option options[] = {
        { 'c', "config", &config_path, NULL },
        { 0, "runtime-directory", &directory, NULL },
        { 0, "json", NULL, &json },
        { 0 },
    };
    int code = cli_parse(argc, argv, &help, options, NULL);
    struct arena *arena;
    struct status *status;
    const char *path;
    bool alive = false;

    if (code >= 0)
        return code;
    arena = arena_new();
    directory = find_directory(config_path, directory, arena);
    path = directory == NULL ? NULL : arena_printf(arena, "%s/status", directory).text;
    status = path == NULL ? NULL : status_open(path, &alive);
    if (status != NULL)
        code = json ? print_json(status, alive) : print_table(status, alive);
    else if (path != NULL)
        fprintf(stderr, "mxward status: %s: %s\n", path,
                errno == ENOENT   ? "not there: mxward does not run"
                : errno == EPROTO ? "not a status table of this version"
                                  : strerror(errno));
    status_close(&status);
    arena_free(&arena);
    return code >= 0 ? code : 1;
}
