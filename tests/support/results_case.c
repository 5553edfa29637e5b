/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * results_case.c: Authentication-Results as mxward writes them and as it finds forged ones, for tests/results. The
 * protocol, one line each, texts in hexadecimal ("-" is empty):
 *     in   field ADDRESS TEXT...     12 texts of strangers: see strangers[]
 *     out  FIELD
 *     in   from AUTHSERV-ID HEADER   a whole header, CRLF line ends
 *     out  INDEX...                  of the fields that examine_removed() names, from 0 at the top; "-" for none
 */
#include <stdio.h>

#include "policy/auth_results.h"
#include "policy/examine.h"
#include "policy/message.h"
#include "tests/support/hex.h"

#define STRANGERS 12

static struct slice next_text(char **rest, struct arena *arena)
{
    return unhex(slice_of_string(strtok_r(NULL, " \n", rest)), arena);
}

static void print_field(char **rest, struct arena *arena)
{
    struct facts facts = {
        .hostname = SLICE("mx.example.net"), .authserv_id = SLICE("mx.example.net"), .has_helo = true, .has_mail = true,
    };
    struct signature signature = { .key_bits = 2048 };
    struct arc_set set = { .claims_count = 0 };
    struct dkim_outcome dkim = { .result = AUTH_PERMERROR };
    struct evidence evidence = {
        .signatures = &signature, .signatures_count = 1, .arc_sets = &set, .arc_sets_count = 1,
    };
    struct findings findings = {
        .iprev = { .result = AUTH_FAIL }, .spf = { .result = AUTH_FAIL }, .spf_helo = { .result = AUTH_NONE },
        .dkim = &dkim, .dkim_count = 1, .has_message = true,
        .dmarc = { .result = AUTH_FAIL, .published = DMARC_POLICY_REJECT, .policy = DMARC_POLICY_REJECT },
        .arc = { .result = AUTH_FAIL },
    };
    struct slice *const strangers[STRANGERS] = {
        &facts.helo, &facts.sender, &findings.iprev.reverse_name, &findings.spf.reason, &signature.domain,
        &signature.selector, &signature.identity, &signature.algorithm, &signature.value_start, &dkim.reason,
        &findings.dmarc.author_domain, &set.seal.domain,
    };
    if (!address_parse(next_text(rest, arena), &facts.client_address))
        die("not an address");
    for (size_t i = 0; i < STRANGERS; i++)
        *strangers[i] = next_text(rest, arena);
    findings.arc.reason = findings.dmarc.reason = dkim.reason;
    struct slice text = auth_results_field(&facts, &evidence, &findings, arena).text;
    for (size_t i = 0; i < text.length; i++)
        printf("%02x", (unsigned char)text.text[i]);
    putchar('\n');
}

static void print_removed(char **rest, struct arena *arena)
{
    struct facts facts = { .authserv_id = next_text(rest, arena) };
    struct slice header = next_text(rest, arena);
    struct message_header parsed;
    size_t count;
    struct examination *examination = examine_begin(&facts, NULL, header, arena);
    const struct removed_field *removed = examine_removed(examination, &count);

    message_parse(header, arena, &parsed);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < parsed.count; j++)
            if (parsed.fields[j].offset == removed[i].offset)
                printf("%zu ", j);
    puts(count == 0 ? "-" : "");
    examine_free(&examination);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    examine_prepare();
    while (getline(&line, &room, stdin) > 0) {
        struct arena *arena = arena_new();
        char *rest = NULL;
        const char *word = strtok_r(line, " \n", &rest);
        if (word != NULL && strcmp(word, "field") == 0)
            print_field(&rest, arena);
        else if (word != NULL && strcmp(word, "from") == 0)
            print_removed(&rest, arena);
        else
            die("neither field nor from");
        fflush(stdout);
        arena_free(&arena);
    }
    free(line);
    return 0;
}
