/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * author_case.c: who wrote a message, a line each, for tests/author_differential. Texts are hexadecimal ("-" is
 * empty), lists have commas:
 *     in   header HEADER
 *     out  author refused|passes DOMAINS ODDITIES PROBLEM     what from.malformed, from.domain and the oddities say
 *     in   domain NAME
 *     out  domain CANONICAL                                   "-": it is none
 */
#include <stdio.h>

#include "policy/author.h"
#include "policy/mailbox.h"
#include "tests/support/hex.h"

static void print_oddities(uint64_t oddities)
{
    const char *between = " ";
    for (enum oddity oddity = ODDITY_HEADER_FIRST; oddity < ODDITY_FROM_END; oddity++)
        if (oddities & ODDITY_BIT(oddity)) {
            printf("%s%s", between, oddity_words[oddity]);
            between = ",";
        }
    fputs(oddities == 0 ? " - " : " ", stdout);
}

static void tell_author(struct slice text, struct arena *arena)
{
    struct message_header header;
    struct evidence evidence = { 0 };

    message_parse(text, arena, &header);
    author_find(&header, arena, &evidence);
    printf("author %s ", evidence.malformed.length > 0 ? "refused" : "passes");
    for (size_t i = 0; i < evidence.author_domains_count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        print_hex(evidence.author_domains[i]);
    }
    fputs(evidence.author_domains_count == 0 ? "-" : "", stdout);
    print_oddities(evidence.oddities);
    print_hex(evidence.malformed);
}

static void tell_domain(struct slice text, struct arena *arena)
{
    struct slice domain;
    fputs("domain ", stdout);
    print_hex(mailbox_domain(text, arena, &domain) ? domain : SLICE_NONE);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) >= 0) {
        struct arena *arena = arena_new();
        struct slice rest = slice_trim(slice_of_string(line));
        struct slice what = slice_cut(&rest, ' ');
        if (slice_equal(what, SLICE("header")))
            tell_author(unhex(rest, arena), arena);
        else if (slice_equal(what, SLICE("domain")))
            tell_domain(unhex(rest, arena), arena);
        else
            die("neither header nor domain");
        putchar('\n');
        fflush(stdout);
        arena_free(&arena);
    }
    free(line);
    return 0;
}
