/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c: getopt_long() over a table of ours. Its messages name the program only; ours name the subcommand.
 */
#include "cli/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rules/token.h"

#define OPTIONS_MOST 16
/* Above any letter: options without one. */
#define LONG_ONLY 256
#define HELP_OPTION 1000
/* A narrower terminal breaks lines by itself. */
#define WIDTH_LEAST 40

static void print_help(const struct cli_help *help)
{
    printf("Usage: mxward %s %s\n\n%s\n\n", help->name, help->arguments, help->about);
    if (help->options[0] != '\0')
        printf("%s", help->options);
    printf("  -h, --help          this text\n\nExample:\n%s\n", help->example);
}

int cli_wrong(const struct cli_help *help, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "mxward %s: ", help->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nmxward %s --help says how it is called\n", help->name);
    return 2;
}

static size_t fill(const struct cli_option *options, struct option *long_out, char *short_out)
{
    size_t count = 0;
    size_t length = 0;

    short_out[length++] = ':';
    short_out[length++] = 'h';
    for (; count < OPTIONS_MOST && options[count].name != NULL; count++) {
        long_out[count] =
            (struct option){ options[count].name, options[count].value != NULL ? required_argument : no_argument, NULL,
                             LONG_ONLY + (int)count };
        if (options[count].letter == 0)
            continue;
        short_out[length++] = options[count].letter;
        if (options[count].value != NULL)
            short_out[length++] = ':';
    }
    short_out[length] = '\0';
    long_out[count] = (struct option){ "help", no_argument, NULL, HELP_OPTION };
    long_out[count + 1] = (struct option){ NULL, 0, NULL, 0 };
    return count;
}

static const struct cli_option *find(const struct cli_option *options, size_t count, int found)
{
    for (size_t i = 0; i < count; i++)
        if (found == LONG_ONLY + (int)i || (options[i].letter != 0 && found == options[i].letter))
            return &options[i];
    return NULL;
}

int cli_parse(int argc, char **argv, const struct cli_help *help, const struct cli_option *options, int *rest_out)
{
    struct option long_options[OPTIONS_MOST + 2];
    char short_options[2 + 2 * OPTIONS_MOST + 1];
    size_t count = fill(options, long_options, short_options);
    int found;

    optind = 0;
    opterr = 0;
    while ((found = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        const struct cli_option *option = find(options, count, found);

        if (found == 'h' || found == HELP_OPTION) {
            print_help(help);
            return 0;
        }
        if (found == ':')
            return cli_wrong(help, "%s needs a value", argv[optind - 1]);
        if (option == NULL)
            return cli_wrong(help, "no option %s", argv[optind - 1]);
        if (option->value != NULL)
            *option->value = optarg;
        else
            *option->flag = true;
    }
    if (rest_out == NULL && optind < argc)
        return cli_wrong(help, "unexpected \"%s\"", argv[optind]);
    if (rest_out != NULL)
        *rest_out = optind;
    return -1;
}

bool cli_colour(FILE *file)
{
    const char *never = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return isatty(fileno(file)) && (never == NULL || never[0] == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

size_t cli_width(FILE *file)
{
    struct winsize size = { 0 };

    if (!isatty(fileno(file)) || ioctl(fileno(file), TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col >= WIDTH_LEAST ? size.ws_col : WIDTH_LEAST;
}

/* Columns it takes: colours take none, and a character of several bytes takes one. */
static size_t columns(struct slice text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] == '\033')
            while (i + 1 < text.length && text.text[i] != 'm')
                i++;
        else if (((unsigned char)text.text[i] & 0xC0) != 0x80)
            count++;
    }
    return count;
}

void cli_put_wrapped(FILE *file, struct slice line, size_t width, size_t hang)
{
    size_t column = 0;

    while (line.length > 0) {
        size_t blanks = 0, end;
        struct slice word;

        while (blanks < line.length && line.text[blanks] == ' ')
            blanks++;
        word = slice_from(line, blanks);
        end = slice_find(word, ' ');
        line = slice_from(word, end);
        word = slice_first(word, end);
        if (width > 0 && column > hang && column + blanks + columns(word) > width) {
            fprintf(file, "\n%*s", (int)hang, "");
            column = hang;
            blanks = 0;
        }
        fprintf(file, "%*s%.*s", (int)blanks, "", SLICE_ARG(word));
        column += blanks + columns(word);
    }
    fputc('\n', file);
}

struct slice cli_safe(struct slice text, struct arena *arena)
{
    char *safe = arena_alloc(arena, text.length * 4 + 1);
    size_t length = 0;

    for (size_t at = 0; at < text.length;) {
        size_t shown = text_shown_length(slice_from(text, at));

        if (shown > 0) {
            memcpy(safe + length, text.text + at, shown);
            length += shown;
            at += shown;
        } else {
            length += (size_t)snprintf(safe + length, 5, "\\x%02X", (unsigned)(unsigned char)text.text[at]);
            at++;
        }
    }
    return slice_of(safe, length);
}
