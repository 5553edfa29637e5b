/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_command.c: any bytes as a command line. What is accepted must be what the grammar says: slices lie within the
 * line, parts put together again give the path, no control character and nothing but UTF-8 is in it, parsing the path
 * alone says the same, and reading its parameters ends in an answer.
 * Parsers: proxy/command.c proxy/envelope.c policy/host_name.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/host_name.h"
#include "proxy/backend.h"
#include "proxy/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)

static bool is_within(struct slice part, struct slice whole)
{
    return part.length == 0 || (part.text >= whole.text && part.text + part.length <= whole.text + whole.length);
}

/* UTF-8 without control characters; ASCII alone where nothing else may be. */
static void check_printable(struct slice text, bool ascii)
{
    while (text.length > 0) {
        size_t length = text_utf8_length(text);
        must(length == 1 || (length > 1 && !ascii));
        must(!text_is_control(slice_first(text, length)));
        text = slice_from(text, length);
    }
}

static void check_path(const struct command *command)
{
    const struct command_path *path = &command->path;
    bool bare = path->domain.length == 0;

    check_printable(path->text, !path->international);
    must(path->text.length <= COMMAND_PATH_MOST && path->domain.length <= HOST_NAME_MOST);
    must(path->text.length + 2 <= COMMAND_PATH_MOST);
    if (bare) {
        must(slice_equal(path->text, path->local_part));
        if (path->text.length == 0)
            must(command->verb == COMMAND_MAIL);
        else
            must(command->verb == COMMAND_RCPT && slice_equal_nocase(path->text, SLICE("postmaster")));
        return;
    }
    must(path->text.length == path->local_part.length + 1 + path->domain.length);
    must(slice_equal(slice_first(path->text, path->local_part.length), path->local_part));
    must(path->text.text[path->local_part.length] == '@');
    must(slice_equal(slice_from(path->text, path->local_part.length + 1), path->domain));
    must(host_name_is_international(path->domain) != host_name_is_literal(path->domain, NULL));
    must(path->international || !host_name_is_international(path->domain) || host_name_is_domain(path->domain));
}

/* The path as it would be sent to the backend is a path again, and the same one. */
static void check_again(const struct command *command)
{
    char line[COMMAND_PATH_MOST + 32];
    struct command again;
    const char *enhanced, *problem;
    int length = snprintf(line, sizeof(line), "%s<%.*s>", command->verb == COMMAND_MAIL ? "MAIL FROM:" : "RCPT TO:",
                          SLICE_ARG(command->path.text));

    must(length > 0 && (size_t)length < sizeof(line));
    must(command_parse(slice_of(line, (size_t)length), &again, &enhanced, &problem) == COMMAND_OK);
    must(slice_equal(again.path.text, command->path.text));
    must(slice_equal(again.path.local_part, command->path.local_part));
    must(slice_equal(again.path.domain, command->path.domain));
}

static void check_parameters(const struct command *command, struct slice line)
{
    must(command->parameters_count <= COMMAND_PARAMETERS_MOST);
    for (size_t i = 0; i < command->parameters_count; i++) {
        const struct command_parameter *parameter = &command->parameters[i];
        uint64_t number;

        must(parameter->keyword.length > 0 && is_within(parameter->keyword, line) && is_within(parameter->value, line));
        must(parameter->value.text == NULL || parameter->value.length > 0);
        must(slice_find(parameter->value, ' ') == parameter->value.length);
        check_printable(parameter->keyword, true);
        check_printable(parameter->value, false);
        command_parse_size(parameter->value, &number);
    }
}

/* A refusal has a reply, and an address outside ASCII needs SMTPUTF8. */
static void check_meaning(const struct command *command)
{
    struct envelope_mail mail;
    struct envelope_recipient recipient;
    struct envelope_problem problem = { 0 };
    bool read = command->verb == COMMAND_MAIL ? envelope_read_mail(command, ~0U, &mail, &problem)
                                              : envelope_read_recipient(command, ~0U, false, &recipient, &problem);

    if (!read)
        must(problem.code >= 500 && problem.code < 560 && problem.enhanced != NULL && problem.text != NULL);
    else if (command->path.international)
        must(command->verb == COMMAND_MAIL && mail.smtputf8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_of((const char *)data, size);
    struct command command;
    const char *enhanced, *problem;
    enum command_status status = command_parse(line, &command, &enhanced, &problem);

    must(is_within(command.verb_text, line) && is_within(command.argument, line));
    must((status == COMMAND_UNRECOGNISED) == (command.verb == COMMAND_UNKNOWN));
    if (status != COMMAND_OK) {
        must(enhanced != NULL && problem != NULL);
        return 0;
    }
    check_printable(command.argument, false);
    check_parameters(&command, line);
    if (command.verb == COMMAND_MAIL || command.verb == COMMAND_RCPT) {
        must(is_within(command.path.text, line));
        check_path(&command);
        check_again(&command);
        check_meaning(&command);
    }
    return 0;
}
