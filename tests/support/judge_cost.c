/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge_cost.c: a judge's work on one message without its sandbox, for callgrind: `judge_cost BYTES` puts a message
 * with a body of that size through the frames and the docket that a judge process runs. The process itself cannot run
 * under valgrind.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/docket.h"
#include "policy/examine.h"
#include "policy/language.h"

#define LINE_LENGTH 72

static bool no_file(void *context, const char *path, struct arena *arena, struct slice *text_out,
                    struct slice *problem_out)
{
    (void)context;
    (void)path;
    (void)arena;
    *problem_out = SLICE_NONE;
    *text_out = SLICE("rule any at message { when message.size > 1G then log \"large\" }\n");
    return true;
}

static struct program *make_program(struct arena *arena)
{
    static const char *const paths[] = { "cost.rules" };
    struct program_reader reader = { .read = no_file };
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics, arena);
    return program_load(&judge_language, paths, 1, &reader, arena, &diagnostics);
}

/* Everything in `out` is taken by the docket; replies are dropped. */
static void deliver(struct docket *docket, struct wire_writer *out)
{
    struct slice bytes = wire_written(out);
    struct wire_writer replies;
    struct frame frame;
    size_t consumed;

    wire_writer_init(&replies, FRAME_OBJECT_MOST);
    while (bytes.length > 0 && frame_parse(bytes, &frame, &consumed) == FRAME_PARSED) {
        if (!docket_take(docket, &frame, &replies)) {
            fprintf(stderr, "judge_cost: a frame was refused\n");
            exit(1);
        }
        bytes = slice_from(bytes, consumed);
    }
    wire_writer_clear(&replies);
    wire_writer_reset(out);
}

int main(int argc, char **argv)
{
    static const char header[] = "From: someone@sender.example\r\nSubject: cost\r\n\r\n";
    static char body[FRAME_PAYLOAD_MOST / LINE_LENGTH * LINE_LENGTH];
    unsigned long left = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    struct arena *arena = arena_new();
    struct facts facts = { .id = SLICE("cost"), .hostname = SLICE("mx.example.org"),
                           .authserv_id = SLICE("mx.example.org"),
                           .client_address = { .family = 4, .bytes = { 192, 0, 2, 1 } }, .signatures_most = 10 };
    struct program *program = make_program(arena);
    struct wire_writer out;

    if (left == 0 || program == NULL) {
        fprintf(stderr, "usage: judge_cost BYTES\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = "x\r\n"[i % LINE_LENGTH < LINE_LENGTH - 2 ? 0 : i % LINE_LENGTH + 3 - LINE_LENGTH];
    examine_prepare();
    struct docket *docket = docket_new(program);
    wire_writer_init(&out, FRAME_OBJECT_MOST);
    frame_put_open(&out, 1, &facts, NULL);
    frame_put_header(&out, 1, slice_of(header, sizeof(header) - 1), false);
    deliver(docket, &out);
    for (; left > 0; left -= left < sizeof(body) ? left : sizeof(body)) {
        frame_put_body(&out, 1, slice_of(body, left < sizeof(body) ? left : sizeof(body)));
        deliver(docket, &out);
    }
    frame_put_bare(&out, FRAME_BODY_END, 1);
    deliver(docket, &out);
    wire_writer_clear(&out);
    docket_free(&docket);
    arena_free(&arena);
    return 0;
}
