/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_record.c: records that somebody else wrote. What can be read is written, read and written again to the same
 * bytes, and what was judged in it is judged again: evidence and answers of strangers harm nobody.
 * Parsers: policy/record_read.c policy/record_read_results.c policy/record_get.c policy/record_text.c
 */
#include <stdlib.h>

#include "policy/docket.h"
#include "policy/judge.h"
#include "policy/replay.h"
#include "tests/fuzz/program.h"

static const char rules[] =
    "rule a at connect { when client.name == \"a.example\" then score 1 }\n"
    "rule b at mail { when spf == fail and helo.domain == \"a.example\" then reject \"{sender} {spf.reason}\" }\n"
    "rule c at rcpt { when recipient.domain == \"a.example\" then accept }\n"
    "rule d at message { when dmarc == fail or dkim.domain == \"a.example\" or dkim.bits < 1024 or indirect.signs == "
    "resent\n"
    "    then tag \"X-B\" \"{from.domain} {from.text} {header[X-A]} {dkim.algorithm} {message.id}\" }\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge_again(const struct record_reading *reading, const struct record_judged *judged)
{
    struct docket *docket = docket_new(fuzz_program(rules));
    struct frame_assembly assembly = { 0 };
    struct wire_writer out, replies;
    struct frame frame, whole;
    size_t consumed;
    wire_writer_init(&out, 4 * (size_t)FRAME_OBJECT_MOST);
    wire_writer_init(&replies, 4 * (size_t)FRAME_OBJECT_MOST);
    if (replay_put(&out, 1, reading, judged))
        for (struct slice rest = wire_written(&out); frame_parse(rest, &frame, &consumed) == FRAME_PARSED;
             rest = slice_from(rest, consumed))
            if (frame_assemble(&assembly, &frame, &whole) == FRAME_WHOLE && !docket_take(docket, &whole, &replies))
                break;
    frame_assembly_clear(&assembly);
    wire_writer_clear(&out);
    wire_writer_clear(&replies);
    docket_free(&docket);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct record_reading first, second;
    struct slice problem;
    if (record_read(slice_of((const char *)data, size), arena, &first, &problem)) {
        struct slice line = record_write(&first.record, arena);
        if (!record_read(line, arena, &second, &problem))
            abort();
        if (!slice_equal(line, record_write(&second.record, arena)))
            abort();
        for (size_t i = 0; i < first.judged_count && i < 4; i++)
            judge_again(&first, &first.judged[i]);
    }
    arena_free(&arena);
    return 0;
}
