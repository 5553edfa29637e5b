/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_proxy_header.c: any bytes as a header of the PROXY protocol. Cut short it is never called complete, and once it
 * is refused more bytes do not mend it; whole, it does not depend on what follows.
 * Parsers: proxy/proxy_header.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/proxy_header.h"
#include "rules/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) do { if (!(condition)) { fprintf(stderr, "not so: %s\n", #condition); abort(); } } while (0)

/* In memory of its own size, so that the sanitizer sees a byte too far. */
static enum proxy_header_status parse_cut(struct slice input, size_t length)
{
    struct proxy_header header;
    size_t consumed;
    const char *problem;
    char *copy = memory_alloc(length);

    memcpy(copy, input.text, length);
    enum proxy_header_status status = proxy_header_parse(slice_of(copy, length), &header, &consumed, &problem);
    free(copy);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    struct proxy_header header;
    size_t consumed;
    const char *problem;
    enum proxy_header_status status = proxy_header_parse(input, &header, &consumed, &problem);

    must((status == PROXY_HEADER_BAD) == (problem != NULL));
    must(status != PROXY_HEADER_COMPLETE || (consumed > 0 && consumed <= size && consumed <= PROXY_HEADER_MOST));
    must(status != PROXY_HEADER_COMPLETE || header.local || header.client_address.family == 4 ||
         header.client_address.family == 6);
    if (size == 0)
        return 0;
    enum proxy_header_status before = parse_cut(input, status == PROXY_HEADER_COMPLETE ? consumed - 1 : size - 1);
    must(before != PROXY_HEADER_COMPLETE);
    must(before != PROXY_HEADER_BAD || status == PROXY_HEADER_BAD);
    return 0;
}
