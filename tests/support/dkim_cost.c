/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_cost.c: what a judge spends on one message, and what libopendkim spends on verifying it alone, in turns, in
 * processor time: `dkim_cost MESSAGE ZONE RULES`. The judge's part is all of it: frames in, header, keys, body, SPF,
 * DMARC, rules, frames out; libopendkim's is what its manual asks of a verifier, with the keys at hand. Prints
 * "judge MICROSECONDS libopendkim MICROSECONDS passed COUNT", the least of many turns each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#include <opendkim/dkim.h>

#include "policy/auth_dmarc.h"
#include "policy/auth_spf.h"
#include "policy/docket.h"
#include "policy/examine.h"
#include "policy/language.h"
#include "proxy/config.h"
#include "proxy/zone.h"

#define TURNS 40
#define MESSAGES_A_TURN 10
#define FILE_MOST (8UL << 20)

static const struct zone *zone;
static struct slice message;
static size_t header_size;

static void die(const char *what)
{
    fprintf(stderr, "dkim_cost: %s\n", what);
    exit(2);
}

static struct slice read_file(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        die(path);
    char *text = arena_alloc(arena, FILE_MOST);
    size_t length = fread(text, 1, FILE_MOST, file);
    fclose(file);
    return slice_of(text, length);
}

static int64_t cpu_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The judge */

struct worker {
    struct docket *docket;
    struct wire_writer out, replies;
    struct arena *arena;
    struct answers *answers;
    struct answer *last;           /* of those that were sent */
    uint32_t transaction;
};

/* Everything in `out` is taken; the last reply is what counts. */
static struct frame deliver(struct worker *worker)
{
    struct slice bytes = wire_written(&worker->out);
    struct frame frame = { 0 };
    size_t consumed;

    wire_writer_reset(&worker->replies);
    while (bytes.length > 0 && frame_parse(bytes, &frame, &consumed) == FRAME_PARSED) {
        if (!docket_take(worker->docket, &frame, &worker->replies))
            die("a frame was refused");
        bytes = slice_from(bytes, consumed);
    }
    wire_writer_reset(&worker->out);
    frame = (struct frame){ 0 };
    frame_parse(wire_written(&worker->replies), &frame, &consumed);
    return frame;
}

static void add_answer(struct worker *worker, const struct question *question)
{
    struct zone_reply reply = zone_find(zone, question);
    answers_add(worker->answers, &reply.answer);
}

/* As a worker does, all that is asked and foreseen. */
static void answer(struct worker *worker, const struct frame *frame)
{
    struct frame_questions questions;
    const char *problem;
    struct answers *fresh = worker->answers = answers_new(worker->arena);
    if (!frame_get_questions(frame->payload, worker->arena, &questions, &problem))
        die(problem);
    for (size_t i = 0; i < questions.missing_count; i++)
        add_answer(worker, &questions.missing[i]);
    for (size_t i = 0; i < questions.wanted_count; i++)
        add_answer(worker, &questions.wanted[i]);
    frame_put_answers(&worker->out, worker->transaction, answers_first(fresh));
}

static unsigned count_passed(const struct frame *frame, struct arena *arena)
{
    struct verdict verdict;
    struct frame_questions wanted;
    const char *problem;
    unsigned passed = 0;
    if (frame->type != FRAME_VERDICT
        || !frame_get_verdict(frame->payload, header_size, arena, NULL, &verdict, &wanted, &problem))
        die("no verdict");
    for (size_t i = 0; i < verdict.findings.dkim_count; i++)
        passed += verdict.findings.dkim[i].result == AUTH_PASS;
    return passed;
}

static unsigned judge_once(struct worker *worker, const struct facts *facts)
{
    struct frame frame;
    worker->arena = arena_new();
    worker->transaction++;
    frame_put_open(&worker->out, worker->transaction, facts, NULL);
    for (size_t at = 0; at < header_size; at += FRAME_PAYLOAD_MOST)
        frame_put_header(&worker->out, worker->transaction,
                         slice_first(slice_from(slice_first(message, header_size), at), FRAME_PAYLOAD_MOST),
                         at + FRAME_PAYLOAD_MOST < header_size);
    for (frame = deliver(worker); frame.type == FRAME_QUESTIONS; frame = deliver(worker)) {
        answer(worker, &frame);
        frame_put_bare(&worker->out, FRAME_EXAMINE, worker->transaction);
    }
    for (size_t at = header_size; at < message.length; at += FRAME_PAYLOAD_MOST)
        frame_put_body(&worker->out, worker->transaction, slice_first(slice_from(message, at), FRAME_PAYLOAD_MOST));
    frame_put_bare(&worker->out, FRAME_BODY_END, worker->transaction);
    frame_put_judge(&worker->out, worker->transaction, STAGE_MESSAGE);
    for (frame = deliver(worker); frame.type == FRAME_QUESTIONS; frame = deliver(worker)) {
        answer(worker, &frame);
        frame_put_judge(&worker->out, worker->transaction, STAGE_MESSAGE);
    }
    unsigned passed = count_passed(&frame, worker->arena);
    frame_put_bare(&worker->out, FRAME_CLOSE, worker->transaction);
    deliver(worker);
    arena_free(&worker->arena);
    return passed;
}

/* libopendkim alone */

static DKIM_CBSTAT on_key(DKIM *handle, DKIM_SIGINFO *info, unsigned char *buffer, size_t size)
{
    struct question question = { QUESTION_TXT, SLICE_NONE };
    char name[256];
    (void)handle;
    snprintf(name, sizeof name, "%s._domainkey.%s", (char *)dkim_sig_getselector(info),
             (char *)dkim_sig_getdomain(info));
    question.name = slice_of_string(name);
    struct zone_reply reply = zone_find(zone, &question);
    if (reply.answer.count != 1)
        return DKIM_CBSTAT_NOTFOUND;
    snprintf((char *)buffer, size, "%.*s", SLICE_ARG(reply.answer.records[0].data));
    return DKIM_CBSTAT_CONTINUE;
}

static unsigned verify_once(DKIM_LIB *library)
{
    DKIM_STAT status;
    DKIM_SIGINFO **list;
    int count = 0;
    unsigned passed = 0;
    DKIM *handle = dkim_verify(library, (const unsigned char *)"cost", NULL, &status);

    for (size_t at = 0; handle != NULL && at + 2 < header_size;) {
        size_t end = at;
        while (memcmp(message.text + end, "\r\n", 2) != 0 || strchr(" \t", message.text[end + 2]) != NULL)
            end++;
        dkim_header(handle, (u_char *)(uintptr_t)(message.text + at), end - at);
        at = end + 2;
    }
    if (handle == NULL || dkim_eoh(handle) != DKIM_STAT_OK)
        die("libopendkim does not take the header");
    dkim_body(handle, (u_char *)(uintptr_t)(message.text + header_size), message.length - header_size);
    dkim_eom(handle, NULL);
    dkim_getsiglist(handle, &list, &count);
    for (int i = 0; i < count; i++)
        passed += DKIM_SIG_CHECK(list[i]);
    dkim_free(handle);
    return passed;
}

/* Every signature, as the judge has to; without this it stops at the first that passes. */
static DKIM_STAT all_of_them(DKIM *handle, DKIM_SIGINFO **list, int count)
{
    for (int i = 0; i < count; i++)
        dkim_sig_process(handle, list[i]);
    return DKIM_CBSTAT_CONTINUE;
}

static DKIM_LIB *start_library(void)
{
    DKIM_LIB *library = dkim_init(NULL, NULL);
    if (library == NULL || dkim_set_key_lookup(library, on_key) != DKIM_STAT_OK
        || dkim_set_final(library, all_of_them) != DKIM_STAT_OK)
        die("libopendkim does not start");
    return library;
}

static struct program *load_rules(const char *path, struct arena *arena)
{
    struct program_reader reader = { config_read_rules_file, NULL };
    struct diagnostics diagnostics;
    const char *const paths[] = { path };
    diagnostics_init(&diagnostics, arena);
    return program_load(&judge_language, paths, 1, &reader, arena, &diagnostics);
}

static void load_zone(const char *path, struct arena *arena)
{
    struct source source = { .name = path, .text = read_file(path, arena) };
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics, arena);
    zone = zone_parse(&source, arena, &diagnostics);
    if (zone == NULL)
        die("the zone cannot be read");
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct facts_recipient recipient = { SLICE("user@example.org"), SLICE("user"), SLICE("example.org") };
    struct facts facts = {
        .id = SLICE("01KAK2V7ZQ1ABCDE"), .arrival = (int64_t)time(NULL) * 1000000, .hostname = SLICE("mx.example.org"),
        .authserv_id = SLICE("mx.example.org"), .listener = SLICE("0.0.0.0:25"),
        .client_address = { .family = 4, .bytes = { 192, 0, 2, 10 } }, .has_helo = true, .helo = SLICE("mx.a.example"),
        .esmtp = true, .has_mail = true, .sender = SLICE("s@a.example"), .sender_local_part = SLICE("s"),
        .sender_domain = SLICE("a.example"), .recipients = &recipient, .recipients_count = 1, .add_received = true,
        .signatures_most = 10, .fields_most = 1000,
    };
    int64_t judge_least = INT64_MAX, library_least = INT64_MAX;
    unsigned passed = 0;

    if (argc != 4)
        die("usage: dkim_cost MESSAGE ZONE RULES");
    message = read_file(argv[1], arena);
    const char *body = memmem(message.text, message.length, "\r\n\r\n", 4);
    if (body == NULL)
        die("the message has no body");
    header_size = (size_t)(body - message.text) + 4;
    facts.message_size = message.length;
    load_zone(argv[2], arena);
    examine_prepare();
    auth_spf_prepare();
    auth_dmarc_prepare();
    struct program *program = load_rules(argv[3], arena);
    if (program == NULL)
        die("the rules cannot be read");
    struct worker worker = { .docket = docket_new(program) };
    wire_writer_init(&worker.out, 2 * FRAME_OBJECT_MOST);
    wire_writer_init(&worker.replies, 2 * FRAME_OBJECT_MOST);
    DKIM_LIB *library = start_library();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        int64_t begun = cpu_nanoseconds();
        for (unsigned i = 0; i < MESSAGES_A_TURN; i++)
            passed = judge_once(&worker, &facts);
        int64_t between = cpu_nanoseconds();
        for (unsigned i = 0; i < MESSAGES_A_TURN; i++)
            if (verify_once(library) != passed)
                die("the two do not agree");
        judge_least = least(judge_least, between - begun);
        library_least = least(library_least, cpu_nanoseconds() - between);
    }
    printf("judge %.1f libopendkim %.1f passed %u\n", (double)judge_least / MESSAGES_A_TURN / 1000,
           (double)library_least / MESSAGES_A_TURN / 1000, passed);
    return 0;
}
