/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c: one table of subcommands: what people call, and the processes that mxward starts of itself. A
 * subcommand gets its arguments with its own name as argv[0] and returns the exit code: 0 well, 1 the answer is
 * no, 2 the call was wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "cli/cli.h"
#include "policy/judge_process.h"
#include "proxy/keeper.h"
#include "proxy/probe.h"
#include "proxy/process.h"
#include "proxy/worker.h"
#include "rules/diag.h"

static int worker_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return worker_run();
}

/* The worker hands over the socket, then the image (judges.c). */
static int judge_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge_process_run(3, 4);
}

static int keeper_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return keeper_run();
}

static int probe_command(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return probe_run();
}

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    bool hidden;                       /* started by mxward itself, with descriptors from 3 on */
    const char *help;
} commands[] = {
    { "run", cli_run, false, "the proxy (in the foreground; systemd does the rest)" },
    { "check", cli_check, false, "configuration, rules, lists, certificates, backend, DNS: every error at once" },
    { "status", cli_status, false, "counters of the running proxy" },
    { "verify", cli_verify, false, "judge one message by today's DNS and show the story" },
    { "log", cli_log, false, "follow, filter, print records" },
    { "explain", cli_explain, false, "the story of one verdict" },
    { "replay", cli_replay, false, "judge records again" },
    { "demo", cli_demo, false, "see it work: a dozen messages, good and bad" },
    { "sink", cli_sink, false, "the demonstration's mail server (not for production)" },
    { "worker", worker_command, true, "" },
    { "judge", judge_command, true, "" },
    { "keeper", keeper_command, true, "" },
    { "probe", probe_command, true, "" },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *next_name(void *context, size_t index)
{
    (void)context;
    for (size_t i = 0; i < COMMANDS; i++)
        if (!commands[i].hidden && index-- == 0)
            return commands[i].name;
    return NULL;
}

static void print_help(FILE *file)
{
    fputs("mxward stands in front of a mail server and decides, during the SMTP session, what it gets to see.\n\n"
          "Usage: mxward SUBCOMMAND [ARGUMENTS]\n\n", file);
    for (size_t i = 0; i < COMMANDS; i++)
        if (!commands[i].hidden)
            fprintf(file, "  %-9s %s\n", commands[i].name, commands[i].help);
    fputs("\nmxward SUBCOMMAND --help says more and gives an example; mxward(8) tells it all.\n"
          "Exit codes: 0 well, 1 the answer is no, 2 the call was wrong.\n", file);
}

static int unknown_command(const char *name)
{
    const char *near = did_you_mean(slice_of_string(name), next_name, NULL);

    if (near != NULL)
        fprintf(stderr, "mxward: no subcommand \"%s\"; did you mean \"%s\"?\n", name, near);
    else
        fprintf(stderr, "mxward: no subcommand \"%s\"; mxward --help lists them\n", name);
    return 2;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int run_found(const struct command *command, int argc, char **argv)
{
    char name[16];

    if (!process_begin(!command->hidden)) {
        perror("mxward");
        return 1;
    }
    snprintf(name, sizeof(name), "mxward-%s", command->name);
    /* What ps and top show; execveat() leaves a number there. */
    prctl(PR_SET_NAME, name, 0, 0, 0);
    return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("mxward %s\n", MXWARD_VERSION);
        return 0;
    }
    command = find_command(argv[1]);
    return command != NULL ? run_found(command, argc, argv) : unknown_command(argv[1]);
}
