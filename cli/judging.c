/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judging.c: see judging.h. The judge is this binary once more, started as workers start theirs.
 */
#include "cli/judging.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/language.h"
#include "proxy/config.h"
#include "proxy/process.h"
#include "rules/program.h"

#define INPUT_SIZE ((size_t)2 * (FRAME_HEAD + FRAME_PAYLOAD_MOST))

struct judging {
    pid_t process;
    int socket;
    char *input;
    size_t filled;
    size_t taken;              /* bytes at the front that were handed out */
    struct frame_assembly assembly;
    unsigned char program[FRAME_PROGRAM_HASH];
};

struct slice judging_load_rules(const char *const *paths, size_t count, struct arena *arena)
{
    static const struct program_reader reader = { config_read_rules_file, NULL };
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics, arena);
    struct program *program = program_load(&judge_language, paths, count, &reader, arena, &diagnostics);
    if (program == NULL) {
        diagnostics_print(&diagnostics, stderr, isatty(STDERR_FILENO) == 1);
        return SLICE_NONE;
    }
    return program_image(program, arena);
}

static pid_t start_process(struct slice image, int *socket_out)
{
    int pair[2] = { -1, -1 }, binary = process_open_binary();
    int memory = process_sealed_memory("mxward-rules", image.text, image.length);
    pid_t process = -1;
    if (binary >= 0 && memory >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0)
        process = process_start(binary, "judge", PROCESS_DIES_WITH_PARENT, (const int[]){ pair[1], memory }, 2);
    if (process < 0)
        fprintf(stderr, "mxward: cannot start a judge: %s\n", strerror(errno));
    if (binary >= 0)
        close(binary);
    if (memory >= 0)
        close(memory);
    if (pair[1] >= 0)
        close(pair[1]);
    *socket_out = pair[0];
    return process;
}

struct judging *judging_start(struct slice image)
{
    struct judging *judging = memory_zeroed(1, sizeof *judging);
    judging->process = start_process(image, &judging->socket);
    judging->input = memory_alloc(INPUT_SIZE);
    struct frame frame;
    const char *problem = "not READY";
    if (judging->process > 0 && judging_receive(judging, &frame)) {
        if (frame.type == FRAME_READY && frame_get_ready(frame.payload, judging->program, &problem))
            return judging;
        fprintf(stderr, "mxward: the judge is of another version: %s\n", problem);
    }
    judging_end(&judging);
    return NULL;
}

void judging_end(struct judging **judging)
{
    if (*judging == NULL)
        return;
    if ((*judging)->socket >= 0)
        close((*judging)->socket);
    if ((*judging)->process > 0)
        while (waitpid((*judging)->process, NULL, 0) < 0 && errno == EINTR)
            ;
    frame_assembly_clear(&(*judging)->assembly);
    free((*judging)->input);
    free(*judging);
    *judging = NULL;
}

bool judging_send(struct judging *judging, struct wire_writer *out)
{
    struct slice rest = wire_written(out);
    while (rest.length > 0) {
        ssize_t sent = send(judging->socket, rest.text, rest.length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            fprintf(stderr, "mxward: the judge died\n");
            return false;
        }
        rest = slice_from(rest, (size_t)sent);
    }
    wire_writer_reset(out);
    return true;
}

static bool read_more(struct judging *judging)
{
    memmove(judging->input, judging->input + judging->taken, judging->filled - judging->taken);
    judging->filled -= judging->taken;
    judging->taken = 0;
    ssize_t length;
    do
        length = read(judging->socket, judging->input + judging->filled, INPUT_SIZE - judging->filled);
    while (length < 0 && errno == EINTR);
    if (length > 0)
        judging->filled += (size_t)length;
    else
        fprintf(stderr, "mxward: the judge died\n");
    return length > 0;
}

static bool is_refusal(const struct frame *frame)
{
    if (frame->type != FRAME_REFUSED)
        return false;
    struct arena *arena = arena_new();
    struct slice reason = frame_get_refused(frame->payload, arena);
    fprintf(stderr, "mxward: the judge refused: %.*s\n", SLICE_ARG(reason));
    arena_free(&arena);
    return true;
}

bool judging_receive(struct judging *judging, struct frame *frame_out)
{
    for (;;) {
        struct frame frame;
        size_t consumed;
        struct slice rest = slice_of(judging->input + judging->taken, judging->filled - judging->taken);
        enum frame_parse parsed = frame_parse(rest, &frame, &consumed);
        if (parsed == FRAME_INCOMPLETE) {
            if (!read_more(judging))
                return false;
            continue;
        }
        enum frame_assembled assembled = FRAME_BROKEN;
        if (parsed == FRAME_PARSED) {
            judging->taken += consumed;
            assembled = frame_assemble(&judging->assembly, &frame, frame_out);
        }
        if (assembled == FRAME_WHOLE)
            return !is_refusal(frame_out);
        if (assembled == FRAME_BROKEN) {
            fprintf(stderr, "mxward: the judge sent what is no frame\n");
            return false;
        }
    }
}

const unsigned char *judging_program(const struct judging *judging)
{
    return judging->program;
}
