/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_xclient.c: any bytes as the argument of XCLIENT. What is taken is of a client that can be judged: addresses have
 * a family, names are host names in lower case, and said again in their canonical form it is taken again as the same.
 * Parsers: proxy/xclient.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/xclient.h"
#include "rules/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)

static void check_name(struct slice name)
{
    must(name.length > 0 && name.length <= XCLIENT_VALUE_MOST);
    for (size_t i = 0; i < name.length; i++)
        must(name.text[i] == ascii_lower(name.text[i]) && name.text[i] > ' ' && name.text[i] <= '~');
    must(name.text[name.length - 1] != '.');
}

static void check_again(const struct xclient *said, struct arena *arena)
{
    char buffer[ADDRESS_TEXT];
    struct slice printed = address_print(&said->address, buffer);
    struct slice line = arena_printf(arena, "ADDR=%s%.*s PORT=%u", said->address.family == 6 ? "IPV6:" : "",
                                     SLICE_ARG(printed), (unsigned)said->port);
    struct xclient again;
    const char *problem;

    must(xclient_parse(line, arena, &again, &problem));
    must(address_equal(&again.address, &said->address) && again.port == said->port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct xclient said;
    const char *problem;
    bool taken = xclient_parse(slice_of((const char *)data, size), arena, &said, &problem);

    must(taken == (problem == NULL));
    if (taken) {
        must(said.states[XCLIENT_LOGIN] != XCLIENT_GIVEN && said.states[XCLIENT_ADDR] < XCLIENT_UNAVAILABLE);
        if (said.states[XCLIENT_NAME] == XCLIENT_GIVEN)
            check_name(said.name);
        if (said.states[XCLIENT_REVERSE_NAME] == XCLIENT_GIVEN)
            check_name(said.reverse_name);
        if (said.states[XCLIENT_HELO] == XCLIENT_GIVEN)
            must(said.helo.length > 0 && slice_find(said.helo, ' ') == said.helo.length);
        must(said.states[XCLIENT_DESTADDR] != XCLIENT_GIVEN || said.local_address.family == 4 ||
             said.local_address.family == 6);
        if (said.states[XCLIENT_ADDR] == XCLIENT_GIVEN)
            check_again(&said, arena);
    }
    arena_free(&arena);
    return 0;
}
