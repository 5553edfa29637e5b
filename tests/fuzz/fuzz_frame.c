/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_frame.c: frames from the other end. The first byte says which end takes them, 0 or 2 a judge, as its process
 * does, 1 or 3 a worker, which decodes each object as the type says; and what they are: with 0 and 1 the rest of the
 * input, with 2 and 3 a conversation about the message in the input, as it was held, with some bytes of it changed:
 * a count, then for each where and to what (two bytes, one byte), then the message.
 * Parsers: policy/frame.c policy/wire.c policy/docket.c policy/facts.c policy/evidence.c policy/verdict.c
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

/* Questions of one conversation are answered in so many rounds; what is left then is timed out. */
#define ROUNDS_MOST 12
#define CHANGES_MOST 16
#define STREAM_MOST (4 * (size_t)FRAME_OBJECT_MOST)

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

/* What was said in a conversation, either way. */
struct conversation {
    struct docket *docket;
    struct answers *answers;
    struct arena *arena;
    struct wire_writer to_judge;
    struct wire_writer to_worker;
    size_t heard;                  /* bytes of to_judge that the judge has taken */
};

static void answer(struct conversation *talk, const struct question *question, unsigned round)
{
    static const char *const texts[] = { "v=spf1 a mx ?all", "v=DMARC1; p=reject", "v=DKIM1; p=AAAA" };
    struct answer_record record = { .data = slice_of_string(texts[question->name.length % 3]) };
    struct answer one = { .question = *question, .status = ANSWER_RECORDS, .count = 1, .records = &record };
    if (slice_starts_with(question->name, SLICE("_dmarc.")))
        record.data = slice_of_string(texts[1]);
    if (question->type == QUESTION_A)
        record.data = slice_of("\xc0\x00\x02\x01", 4);
    else if (question->type != QUESTION_TXT)
        record.data = SLICE("mail.example.org");
    if (question->type == QUESTION_AAAA || round >= ROUNDS_MOST)
        one = (struct answer){ .question = *question, .status = ANSWER_TIMEOUT, .reason = SLICE("late") };
    answers_add(talk->answers, &one);
}

/* The judge takes what was written to it and not taken yet; the last thing that it said. */
static enum frame_type hear(struct conversation *talk, unsigned round)
{
    struct slice rest = slice_from(wire_written(&talk->to_judge), talk->heard);
    size_t before = talk->to_worker.length, consumed;
    struct frame frame = { 0 };
    for (; frame_parse(rest, &frame, &consumed) == FRAME_PARSED; rest = slice_from(rest, consumed))
        if (!docket_take(talk->docket, &frame, &talk->to_worker))
            bug("a conversation that a judge refuses");
    talk->heard = talk->to_judge.length;
    frame.type = FRAME_CLOSE;
    for (rest = slice_from(wire_written(&talk->to_worker), before);
         frame_parse(rest, &frame, &consumed) == FRAME_PARSED; rest = slice_from(rest, consumed)) {
        struct frame_questions questions;
        const char *problem;
        if (frame.type != FRAME_QUESTIONS ||
            !frame_get_questions(frame.payload, talk->arena, &questions, &problem))
            continue;
        for (size_t i = 0; i < questions.missing_count; i++)
            answer(talk, &questions.missing[i], round);
    }
    return frame.type;
}

/* Until it is no question any more. */
static void ask(struct conversation *talk, enum frame_type what, enum stage stage)
{
    for (unsigned round = 0;; round++) {
        const struct answer *last = answers_first(talk->answers);
        while (last != NULL && last->next != NULL)
            last = last->next;
        if (what == FRAME_JUDGE)
            frame_put_judge(&talk->to_judge, 1, stage);
        else if (round > 0)
            frame_put_bare(&talk->to_judge, what, 1);
        if (hear(talk, round) != FRAME_QUESTIONS)
            return;
        last = last == NULL ? answers_first(talk->answers) : last->next;
        if (last == NULL)
            return;
        frame_put_answers(&talk->to_judge, 1, last);
    }
}

static size_t header_size(struct slice message)
{
    for (size_t at = 0; at < message.length; at += slice_find(slice_from(message, at), '\n') + 1)
        if (message.text[at] == '\n' || slice_starts_with(slice_from(message, at), SLICE("\r\n")))
            return at + 1 + (message.text[at] == '\r');
    return message.length;
}

/* The same message once more, from what a record holds of it. */
static void judge_evidence(struct conversation *talk, const struct facts *facts, struct slice header,
                           struct slice body)
{
    struct examination *examination = examine_begin(facts, fuzz_program(rules), header, talk->arena);
    size_t removed_count;
    if (examine_keys(examination, talk->answers) == EXAMINE_READY) {
        examine_body(examination, body);
        examine_finish(examination);
        const struct removed_field *removed = examine_removed(examination, &removed_count);
        frame_put_open(&talk->to_judge, 2, facts, answers_first(talk->answers));
        frame_put_evidence(&talk->to_judge, 2, examine_evidence(examination), removed, removed_count);
        frame_put_judge(&talk->to_judge, 2, STAGE_MESSAGE);
        hear(talk, 0);
    }
    examine_free(&examination);
}

static void converse(struct conversation *talk, struct slice message)
{
    static const unsigned char hash[FRAME_PROGRAM_HASH];
    struct facts_recipient recipient = { SLICE("p@example.net"), SLICE("p"), SLICE("example.net") };
    struct facts facts = {
        .id = SLICE("0000000000000001"), .arrival = INT64_C(1795328112000000), .hostname = SLICE("mx.example.net"),
        .authserv_id = SLICE("mx.example.net"), .listener = SLICE("a"),
        .client_address = { .family = 4, .bytes = { 192, 0, 2, 1 } }, .local_address = { .family = 4 },
        .has_helo = true, .helo = SLICE("mail.example.org"), .has_mail = true, .sender = SLICE("ann@example.org"),
        .sender_local_part = SLICE("ann"), .sender_domain = SLICE("example.org"), .recipients = &recipient,
        .recipients_count = 1, .message_size = message.length, .add_received = true, .signatures_most = 4,
    };
    struct slice header = slice_first(message, header_size(message));
    frame_put_ready(&talk->to_worker, hash);
    frame_put_open(&talk->to_judge, 1, &facts, NULL);
    ask(talk, FRAME_JUDGE, STAGE_CONNECT);
    ask(talk, FRAME_JUDGE, STAGE_MAIL);
    ask(talk, FRAME_JUDGE, STAGE_RCPT);
    frame_put_facts(&talk->to_judge, 1, &facts);
    frame_put_header(&talk->to_judge, 1, header, false);
    ask(talk, FRAME_EXAMINE, STAGE_MESSAGE);
    frame_put_body(&talk->to_judge, 1, slice_from(message, header.length));
    frame_put_bare(&talk->to_judge, FRAME_BODY_END, 1);
    ask(talk, FRAME_JUDGE, STAGE_MESSAGE);
    judge_evidence(talk, &facts, header, slice_from(message, header.length));
    frame_put_bare(&talk->to_judge, FRAME_CLOSE, 1);
    frame_put_refused(&talk->to_worker, 1, "that is enough");
}

/* All of it to one end, as it comes from the other. */
static void take(struct slice stream, bool by_judge)
{
    struct docket *docket = by_judge ? docket_new(fuzz_program(rules)) : NULL;
    struct frame_assembly assembly = { 0 };
    struct wire_writer out;
    struct frame frame, whole;
    size_t consumed;
    bool goes_on = true;
    wire_writer_init(&out, STREAM_MOST);
    while (goes_on && frame_parse(stream, &frame, &consumed) == FRAME_PARSED) {
        enum frame_assembled assembled = frame_assemble(&assembly, &frame, &whole);
        stream = slice_from(stream, consumed);
        goes_on = assembled != FRAME_BROKEN;
        if (assembled != FRAME_WHOLE)
            continue;
        if (by_judge)
            goes_on = docket_take(docket, &whole, &out);
        else
            worker_takes(&whole);
        wire_writer_reset(&out);
    }
    frame_assembly_clear(&assembly);
    wire_writer_clear(&out);
    docket_free(&docket);
}

static struct slice changed(struct slice stream, const uint8_t *changes, size_t count, struct arena *arena)
{
    char *bytes = arena_alloc(arena, stream.length);
    memcpy(bytes, stream.text, stream.length);
    for (size_t i = 0; i < count; i++, changes += 3)
        bytes[((size_t)changes[0] << 8 | changes[1]) % stream.length] = (char)changes[2];
    return slice_of(bytes, stream.length);
}

static void take_changed(const uint8_t *data, size_t size, bool by_judge)
{
    size_t count = size == 0 ? 0 : data[0] % (CHANGES_MOST + 1);
    if (size < 1 + 3 * count)
        return;
    struct arena *arena = arena_new();
    struct conversation talk = { .docket = docket_new(fuzz_program(rules)), .answers = answers_new(arena),
                                 .arena = arena };
    wire_writer_init(&talk.to_judge, STREAM_MOST);
    wire_writer_init(&talk.to_worker, STREAM_MOST);
    converse(&talk, slice_of((const char *)data + 1 + 3 * count, size - 1 - 3 * count));
    take(changed(wire_written(by_judge ? &talk.to_judge : &talk.to_worker), data + 1, count, arena), by_judge);
    wire_writer_clear(&talk.to_judge);
    wire_writer_clear(&talk.to_worker);
    docket_free(&talk.docket);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] < 2 || data[0] > 3)
        take(slice_of((const char *)data + 1, size - 1), data[0] == 0);
    else
        take_changed(data + 1, size - 1, data[0] == 2);
    return 0;
}
