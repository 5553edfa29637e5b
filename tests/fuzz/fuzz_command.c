/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_command.c: any bytes as a command line. What is accepted must be what the grammar says: slices lie within the
 * line, parts put together again give the path, no control character and nothing but UTF-8 is in it. Reading the
 * parameters ends in a refusal, or in what, written for the backend behind the path, is read as the same again.
 * No command is taken for another protocol.
 * Parsers: proxy/command.c proxy/envelope.c proxy/foreign.c policy/host_name.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/host_name.h"
#include "proxy/backend.h"
#include "proxy/envelope.h"
#include "proxy/foreign.h"
#include "rules/arena.h"

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

/* What its parameters mean, and both ways to say that again: to the backend, and what its extensions must be for it. */
struct meaning {
    struct envelope_problem problem;   /* code 0: none */
    struct slice text;
    unsigned needs;
    bool smtputf8;
};

static struct meaning read_meaning(const struct command *command, unsigned offered, bool smtputf8, struct arena *arena)
{
    struct meaning meaning = { .smtputf8 = smtputf8 };
    struct envelope_problem problem = { 0 };
    bool read;

    if (command->verb == COMMAND_MAIL) {
        struct envelope_mail mail;
        read = envelope_read_mail(command, offered, &mail, &problem);
        meaning.text = read ? envelope_mail_text(&mail, arena) : SLICE_NONE;
        meaning.needs = read ? envelope_mail_needs(&mail) : 0;
        meaning.smtputf8 = mail.smtputf8;
    } else {
        struct envelope_recipient recipient;
        read = envelope_read_recipient(command, offered, smtputf8, &recipient, &problem);
        meaning.text = read ? envelope_recipient_text(&recipient, arena) : SLICE_NONE;
        meaning.needs = read ? envelope_recipient_needs(&recipient) : 0;
    }
    if (!read)
        meaning.problem = problem;
    return meaning;
}

/* Path and parameters as they would be sent to a backend that offers what they need are the same once more. */
static void check_again(const struct command *command, const struct meaning *meaning, struct arena *arena)
{
    struct slice line = arena_printf(arena, "%s %s<%.*s>%s%.*s", command_verb_name(command->verb),
                                     command->verb == COMMAND_MAIL ? "FROM:" : "TO:", SLICE_ARG(command->path.text),
                                     meaning->text.length > 0 ? " " : "", SLICE_ARG(meaning->text));
    struct command again;
    const char *enhanced, *problem;

    must(command_parse(line, &again, &enhanced, &problem) == COMMAND_OK);
    must(again.verb == command->verb && slice_equal(again.path.text, command->path.text));
    must(slice_equal(again.path.local_part, command->path.local_part));
    must(slice_equal(again.path.domain, command->path.domain));
    struct meaning said = read_meaning(&again, meaning->needs, meaning->smtputf8, arena);
    must(said.problem.code == 0 && slice_equal(said.text, meaning->text) && said.needs == meaning->needs);
}

/* A refusal has a reply; an address outside ASCII needs SMTPUTF8; nothing but 7-bit mail needs no extension. */
static void check_meaning(const struct command *command)
{
    struct arena *arena = arena_new();

    for (int smtputf8 = 0; smtputf8 < 2; smtputf8++) {
        struct meaning meaning = read_meaning(command, ~0U, smtputf8 != 0, arena);
        const struct envelope_problem *problem = &meaning.problem;
        if (problem->code != 0) {
            must(problem->code >= 500 && problem->code < 560 && problem->enhanced != NULL && problem->text != NULL);
            continue;
        }
        must(meaning.smtputf8 || !command->path.international);
        check_again(command, &meaning, arena);
        struct meaning bare = read_meaning(command, 0, smtputf8 != 0, arena);
        must((bare.problem.code == 555) == (meaning.needs != 0));
    }
    arena_free(&arena);
}

/* Neither whole lines nor what they begin with; and each of the others has a name and a sentence. */
static void check_foreign(struct slice line, enum command_status status)
{
    enum foreign whole = foreign_line(line), begun = foreign_bytes(line, true);

    must(status == COMMAND_UNRECOGNISED || (whole == FOREIGN_NONE && begun == FOREIGN_NONE));
    must(foreign_name(whole)[0] != '\0' && (whole == FOREIGN_NONE || foreign_sentence(whole)[0] != '\0'));
    must(foreign_bytes(line, false) == FOREIGN_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_of((const char *)data, size);
    struct command command;
    const char *enhanced, *problem;
    enum command_status status = command_parse(line, &command, &enhanced, &problem);

    must(is_within(command.verb_text, line) && is_within(command.argument, line));
    must((status == COMMAND_UNRECOGNISED) == (command.verb == COMMAND_UNKNOWN));
    must(command.verb != COMMAND_BDAT || command_may_be_chunk(line));
    check_foreign(line, status);
    if (status != COMMAND_OK) {
        must(enhanced != NULL && problem != NULL);
        return 0;
    }
    check_printable(command.argument, false);
    check_parameters(&command, line);
    if (command.verb == COMMAND_MAIL || command.verb == COMMAND_RCPT) {
        must(is_within(command.path.text, line));
        check_path(&command);
        check_meaning(&command);
    }
    return 0;
}
