/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_frame.c: frames from the other end. The first byte says which end: 0 is a judge, which takes the stream as its
 * process does; anything else is a worker, which decodes each object as the type says.
 * Parsers: policy/frame.c policy/wire.c policy/docket.c
 */
#include "policy/docket.h"
#include "policy/judge.h"
#include "tests/fuzz/program.h"

static const char rules[] = "rule a at connect { when client.name == \"a.example\" then score 1 }\n"
                            "rule b at mail { when spf == fail then reject \"{sender} {spf.reason}\" }\n"
                            "rule c at rcpt { when recipient.local matches \"^p\" then accept }\n"
                            "rule d at message { when dmarc == fail or header[\"X-A\"] matches \"x\" then tag \"X-B\" "
                            "\"{from.domain} {from.text}\" }\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void worker_takes(const struct frame *frame)
{
    struct arena *arena = arena_new();
    struct answers *answers = answers_new(arena);
    struct verdict verdict;
    struct frame_questions questions;
    unsigned char hash[FRAME_PROGRAM_HASH];
    const char *problem;
    switch ((unsigned)frame->type) {
    case FRAME_READY:     frame_get_ready(frame->payload, hash, &problem); break;
    case FRAME_QUESTIONS: frame_get_questions(frame->payload, arena, &questions, &problem); break;
    case FRAME_REFUSED:   frame_get_refused(frame->payload, arena); break;
    case FRAME_VERDICT:
        frame_get_verdict(frame->payload, 4096, arena, answers, &verdict, &questions, &problem);
        break;
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct docket *docket = data[0] == 0 ? docket_new(fuzz_program(rules)) : NULL;
    struct slice rest = slice_of((const char *)data + 1, size - 1);
    struct frame_assembly assembly = { 0 };
    struct wire_writer out;
    struct frame frame, whole;
    size_t consumed;
    bool goes_on = true;
    wire_writer_init(&out, 4 * (size_t)FRAME_OBJECT_MOST);
    while (goes_on && frame_parse(rest, &frame, &consumed) == FRAME_PARSED) {
        enum frame_assembled assembled = frame_assemble(&assembly, &frame, &whole);
        rest = slice_from(rest, consumed);
        goes_on = assembled != FRAME_BROKEN;
        if (assembled != FRAME_WHOLE)
            continue;
        if (docket != NULL)
            goes_on = docket_take(docket, &whole, &out);
        else
            worker_takes(&whole);
        wire_writer_reset(&out);
    }
    frame_assembly_clear(&assembly);
    wire_writer_clear(&out);
    docket_free(&docket);
    return 0;
}
