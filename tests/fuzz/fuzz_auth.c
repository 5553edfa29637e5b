/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_auth.c: any bytes as a mechanism and lines of an AUTH exchange: the argument of the command first, then
 * responses, each ended by LF. What is called base64 is so by another reading of the grammar, and a name that is shown
 * is UTF-8 without control characters, no longer than it may be, and the same however often the exchange is played.
 * Parsers: proxy/auth_exchange.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/auth_exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)

/* RFC 4954 8, from the end. */
static bool is_base64(struct slice text)
{
    size_t length = text.length, padding = 0;

    while (padding < 2 && length > 0 && text.text[length - 1] == '=')
        length--, padding++;
    for (size_t i = 0; i < length; i++)
        if (!ascii_is_letter(text.text[i]) && !ascii_is_digit(text.text[i]) && text.text[i] != '+' &&
            text.text[i] != '/')
            return false;
    return text.length % 4 == 0;
}

static void check_name(const struct auth_name *name)
{
    must(name->length <= AUTH_NAME_MOST);
    for (size_t at = 0, length; at < name->length; at += length) {
        struct slice rest = slice_of(name->text + at, name->length - at);

        length = text_utf8_length(rest);
        must(length > 0 && !text_is_control(slice_first(rest, length)));
    }
}

/* Responses in memory of exactly their size: a sanitizer sees who reads behind them. */
static void note(struct auth_exchange *exchange, struct slice line)
{
    char *copy = malloc(line.length + 1);

    if (copy == NULL)
        abort();
    copy = realloc(copy, line.length == 0 ? 1 : line.length);
    if (copy == NULL)
        abort();
    if (line.length > 0)
        memcpy(copy, line.text, line.length);
    line.text = copy;
    must(auth_is_base64(line) == is_base64(line));
    must(!auth_is_base64(line) || line.length == 0 || auth_is_initial(line));
    auth_exchange_note(exchange, line);
    free(copy);
}

static void play(struct slice input, struct auth_exchange *exchange)
{
    struct slice argument = slice_cut(&input, '\n');
    struct auth_command command;

    *exchange = (struct auth_exchange){ 0 };
    if (!auth_command_read(argument, &command))
        return;
    must(command.mechanism.length > 0 && command.mechanism.length <= AUTH_MECHANISM_MOST);
    must(auth_mechanism_is_among(command.mechanism, command.mechanism));
    must(auth_mechanism_passes(command.mechanism) || command.mechanism.length > 4);
    auth_exchange_begin(exchange, command.mechanism);
    if (command.initial.text != NULL)
        note(exchange, command.initial);
    while (input.text != NULL)
        note(exchange, slice_cut(&input, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    struct auth_exchange one, other;

    play(input, &one);
    check_name(&one.user);
    check_name(&one.identity);
    must(!auth_exchange_may_have_failed(&one) || one.responses > 0);
    play(input, &other);
    must(one.user.length == other.user.length && memcmp(one.user.text, other.user.text, one.user.length) == 0);
    must(one.responses == other.responses && one.form == other.form);
    return 0;
}
