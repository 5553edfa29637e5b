/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h: what subcommands have in common: their --help in one form, their options from one table, colour
 * only on a terminal, and text of strangers made safe for one.
 */
#ifndef MXWARD_CLI_OPTIONS_H
#define MXWARD_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "rules/arena.h"
#include "rules/slice.h"

struct cli_help {
    const char *name;
    const char *arguments;             /* "[-c FILE]" */
    const char *about;                 /* a sentence or two */
    const char *options;               /* a line each */
    const char *example;
};

/* One row an option; a row of zeroes ends. */
struct cli_option {
    char letter;                       /* 0: none */
    const char *name;                  /* without "--" */
    const char **value;                /* takes a value, put there; or NULL */
    bool *flag;                        /* takes none: set to true */
};

/*
 * Options anywhere before "--"; what is none is moved to the end of argv and *rest_out is its index (NULL:
 * nothing else is allowed). -1: go on; else the exit code: 0 after --help, 2 after a complaint.
 */
int cli_parse(int argc, char **argv, const struct cli_help *help, const struct cli_option *options, int *rest_out);
/* "mxward NAME: ..." on standard error, and where to find help; 2. */
int cli_wrong(const struct cli_help *help, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool cli_colour(FILE *file);
/* Columns of the terminal behind it; 0: it is none. */
size_t cli_width(FILE *file);
/* The line, broken at blanks where it is wider than `width` (0: never), the rest `hang` columns to the right. */
void cli_put_wrapped(FILE *file, struct slice line, size_t width, size_t hang);
/* UTF-8 as it is, but what is not to be shown (text_shown_length()) as \xHH, and so what is none; in `arena`. */
struct slice cli_safe(struct slice text, struct arena *arena);

#endif
