/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_zone.c: any bytes as a zone file. Either there are errors, or every name asked for gets a sound answer.
 * Parsers: proxy/zone.c proxy/zone_table.c
 */
#include "proxy/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct zone *zone, struct slice name)
{
    static const enum question_type types[] = { QUESTION_A, QUESTION_PTR, QUESTION_MX, QUESTION_TXT, QUESTION_AAAA };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct zone_reply reply = zone_find(zone, &(struct question){ types[i], name });

        if (!reply.silent && ((reply.answer.status == ANSWER_RECORDS) != (reply.answer.count > 0) ||
                              reply.answer.status == ANSWER_MISSING || reply.answer.count > ANSWER_RECORDS_MOST))
            bug("answer of a zone");
        for (uint32_t record = 0; record < reply.answer.count; record++)
            if (reply.answer.records[record].data.text == NULL)
                bug("record without data");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct source source = { .name = "zone", .text = slice_of((const char *)data, size) };
    struct diagnostics diagnostics;
    struct zone *zone;

    diagnostics_init(&diagnostics, arena);
    zone = zone_parse(&source, arena, &diagnostics);
    if ((zone == NULL) != (diagnostics.errors > 0))
        bug("errors of a zone");
    if (zone == NULL)
        (void)diagnostics_text(&diagnostics, arena);
    for (struct slice rest = source.text; zone != NULL && rest.text != NULL;) {
        struct slice line = slice_cut(&rest, '\n'), name;

        if (question_name_normalise(slice_cut(&line, ' '), arena, &name))
            look_up(zone, name);
    }
    arena_free(&arena);
    return 0;
}
