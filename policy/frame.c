/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.c: frames and the objects in them. Encoding an object writes it behind the head of its first frame; one that
 * is too large is then cut in place. Decoding copies the payload into the caller's arena first, so that what comes
 * out borrows from there.
 */
#include "policy/frame.h"

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_u32(unsigned char *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (24 - 8 * i));
}

void frame_head(unsigned char head_out[FRAME_HEAD], enum frame_type type, bool more, uint32_t transaction,
                size_t length)
{
    if (length > FRAME_PAYLOAD_MOST)
        bug("frame_head: payload too large");
    write_u32(head_out, (uint32_t)length);
    head_out[4] = (unsigned char)type;
    head_out[5] = more ? FRAME_MORE : 0;
    head_out[6] = head_out[7] = 0;
    write_u32(head_out + 8, transaction);
}

enum frame_parse frame_parse(struct slice bytes, struct frame *frame_out, size_t *consumed_out)
{
    *consumed_out = FRAME_HEAD;
    if (bytes.length < FRAME_HEAD)
        return FRAME_INCOMPLETE;
    const unsigned char *head = (const unsigned char *)bytes.text;
    uint32_t length = read_u32(head);
    if (length > FRAME_PAYLOAD_MOST || head[4] == 0 || head[4] > FRAME_TYPE_LAST || head[5] > FRAME_MORE ||
        head[6] != 0 || head[7] != 0)
        return FRAME_BAD;
    *consumed_out = FRAME_HEAD + length;
    if (bytes.length < *consumed_out)
        return FRAME_INCOMPLETE;
    *frame_out = (struct frame){
        .type = (enum frame_type)head[4],
        .more = head[5] == FRAME_MORE,
        .transaction = read_u32(head + 8),
        .payload = slice_of(bytes.text + FRAME_HEAD, length),
    };
    return FRAME_PARSED;
}

static bool is_stream(enum frame_type type)
{
    return type == FRAME_HEADER || type == FRAME_BODY;
}

static bool continues(const struct frame_assembly *assembly, const struct frame *frame)
{
    return !is_stream(frame->type) && frame->type == assembly->type && frame->transaction == assembly->transaction;
}

enum frame_assembled frame_assemble(struct frame_assembly *assembly, const struct frame *frame, struct frame *whole_out)
{
    if (assembly->open ? !continues(assembly, frame) : is_stream(frame->type) || !frame->more) {
        *whole_out = *frame;
        return assembly->open ? FRAME_BROKEN : FRAME_WHOLE;
    }
    if (!assembly->open) {
        assembly->open = true;
        assembly->type = frame->type;
        assembly->transaction = frame->transaction;
        assembly->bytes.most = FRAME_OBJECT_MOST;
        wire_writer_reset(&assembly->bytes);
    }
    wire_put_bytes(&assembly->bytes, frame->payload.text, frame->payload.length);
    if (assembly->bytes.failed)
        return FRAME_BROKEN;
    if (frame->more)
        return FRAME_PARTIAL;
    assembly->open = false;
    *whole_out = *frame;
    whole_out->payload = wire_written(&assembly->bytes);
    return FRAME_WHOLE;
}

void frame_assembly_clear(struct frame_assembly *assembly)
{
    wire_writer_clear(&assembly->bytes);
    *assembly = (struct frame_assembly){ 0 };
}

/* Writing */

/* Makes room for the head of an object's first frame. */
static size_t begin(struct wire_writer *out)
{
    static const unsigned char empty[FRAME_HEAD];
    size_t start = out->length;
    wire_put_bytes(out, empty, sizeof empty);
    return start;
}

/* Opens gaps for the heads of all frames but the first, from the last to the first, and writes the heads. */
static void cut(struct wire_writer *out, size_t start, enum frame_type type, uint32_t transaction)
{
    static const unsigned char empty[FRAME_HEAD];
    size_t payload = out->length - start - FRAME_HEAD;
    size_t frames = payload == 0 ? 1 : (payload + FRAME_PAYLOAD_MOST - 1) / FRAME_PAYLOAD_MOST;
    for (size_t i = 1; i < frames; i++)
        wire_put_bytes(out, empty, sizeof empty);
    if (out->failed)
        return;
    for (size_t i = frames; i-- > 0;) {
        size_t length = i + 1 < frames ? FRAME_PAYLOAD_MOST : payload - i * FRAME_PAYLOAD_MOST;
        char *from = out->data + start + FRAME_HEAD + i * FRAME_PAYLOAD_MOST;
        char *to = from + i * FRAME_HEAD;
        memmove(to, from, length);
        unsigned char head[FRAME_HEAD];
        frame_head(head, type, i + 1 < frames, transaction, length);
        memcpy(to - FRAME_HEAD, head, FRAME_HEAD);
    }
}

/* False: too large, and `out` is as it was. */
static bool end(struct wire_writer *out, size_t start, enum frame_type type, uint32_t transaction)
{
    if (!out->failed && out->length - start - FRAME_HEAD <= FRAME_OBJECT_MOST)
        cut(out, start, type, transaction);
    else
        out->failed = true;
    if (!out->failed)
        return true;
    out->length = start;
    out->failed = false;
    return false;
}

bool frame_put_open(struct wire_writer *out, uint32_t transaction, const struct facts *facts,
                    const struct answer *answers)
{
    size_t start = begin(out);
    facts_encode(facts, out);
    answers_encode(answers, out);
    return end(out, start, FRAME_OPEN, transaction);
}

bool frame_put_facts(struct wire_writer *out, uint32_t transaction, const struct facts *facts)
{
    size_t start = begin(out);
    facts_encode(facts, out);
    return end(out, start, FRAME_FACTS, transaction);
}

bool frame_put_answers(struct wire_writer *out, uint32_t transaction, const struct answer *answers)
{
    size_t start = begin(out);
    answers_encode(answers, out);
    return end(out, start, FRAME_ANSWERS, transaction);
}

bool frame_put_evidence(struct wire_writer *out, uint32_t transaction, const struct evidence *evidence,
                        const struct removed_field *removed, size_t removed_count)
{
    size_t start = begin(out);
    evidence_encode(evidence, out);
    removed_encode(removed, removed_count, out);
    return end(out, start, FRAME_EVIDENCE, transaction);
}

void frame_put_judge(struct wire_writer *out, uint32_t transaction, enum stage stage)
{
    size_t start = begin(out);
    wire_put_u8(out, stage);
    end(out, start, FRAME_JUDGE, transaction);
}

static void put_bytes(struct wire_writer *out, enum frame_type type, uint32_t transaction, struct slice bytes,
                      bool more)
{
    do {
        struct slice part = slice_first(bytes, FRAME_PAYLOAD_MOST);
        unsigned char head[FRAME_HEAD];
        bytes = slice_from(bytes, part.length);
        frame_head(head, type, type == FRAME_HEADER && (more || bytes.length > 0), transaction, part.length);
        wire_put_bytes(out, head, sizeof head);
        wire_put_bytes(out, part.text, part.length);
    } while (bytes.length > 0);
}

void frame_put_header(struct wire_writer *out, uint32_t transaction, struct slice bytes, bool more)
{
    put_bytes(out, FRAME_HEADER, transaction, bytes, more);
}

void frame_put_body(struct wire_writer *out, uint32_t transaction, struct slice bytes)
{
    if (bytes.length > 0)
        put_bytes(out, FRAME_BODY, transaction, bytes, false);
}

void frame_put_bare(struct wire_writer *out, enum frame_type type, uint32_t transaction)
{
    unsigned char head[FRAME_HEAD];
    frame_head(head, type, false, transaction, 0);
    wire_put_bytes(out, head, sizeof head);
}

void frame_put_ready(struct wire_writer *out, const unsigned char program_hash[FRAME_PROGRAM_HASH])
{
    size_t start = begin(out);
    wire_put_u32(out, FRAME_VERSION);
    wire_put_bytes(out, program_hash, FRAME_PROGRAM_HASH);
    end(out, start, FRAME_READY, 0);
}

static void encode_questions(struct wire_writer *out, const struct answers *answers, size_t count,
                             const struct question *(*get)(const struct answers *answers, size_t index))
{
    if (count > FRAME_QUESTIONS_MOST)
        count = FRAME_QUESTIONS_MOST;
    wire_put_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        question_encode(get(answers, i), out);
}

static void encode_wanted(const struct answers *answers, struct wire_writer *out)
{
    encode_questions(out, answers, answers_wanted_count(answers), answers_wanted);
}

static void encode_missing(const struct answers *answers, struct wire_writer *out)
{
    encode_questions(out, answers, answers_missing_count(answers), answers_missing);
}

static void encode_used(const struct answers *answers, struct wire_writer *out)
{
    size_t count_at = out->length;
    uint32_t count = 0;
    wire_put_u32(out, 0);
    for (const struct answer *answer = answers_first(answers); answer != NULL; answer = answer->next)
        if (answer->used) {
            question_encode(&answer->question, out);
            count++;
        }
    wire_patch_u32(out, count_at, count);
}

bool frame_put_verdict(struct wire_writer *out, uint32_t transaction, const struct verdict *verdict,
                       const struct answers *answers)
{
    size_t start = begin(out);
    encode_wanted(answers, out);
    encode_used(answers, out);
    verdict_encode(verdict, out);
    return end(out, start, FRAME_VERDICT, transaction);
}

bool frame_put_questions(struct wire_writer *out, uint32_t transaction, const struct answers *answers)
{
    size_t start = begin(out);
    encode_missing(answers, out);
    encode_wanted(answers, out);
    return end(out, start, FRAME_QUESTIONS, transaction);
}

void frame_put_refused(struct wire_writer *out, uint32_t transaction, const char *reason)
{
    size_t start = begin(out);
    wire_put_slice(out, slice_of_string(reason));
    end(out, start, FRAME_REFUSED, transaction);
}

/* Reading */

static struct wire_reader reader_over(struct slice payload, struct arena *arena)
{
    struct wire_reader reader;
    wire_reader_init(&reader, arena == NULL ? payload : arena_copy(arena, payload));
    return reader;
}

/* The last word on a payload: nothing failed and nothing is left over. */
static bool conclude(struct wire_reader *reader, const char **problem_out)
{
    if (!reader->failed && reader->left > 0)
        wire_fail(reader, "more bytes than belong to it");
    *problem_out = reader->problem;
    return !reader->failed;
}

bool frame_get_open(struct slice payload, struct arena *arena, struct facts *facts_out, struct answers *answers,
                    const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, arena);
    if (facts_decode(&reader, arena, facts_out))
        answers_decode(&reader, answers);
    return conclude(&reader, problem_out);
}

struct slice frame_open_facts(struct slice payload)
{
    struct arena *scratch = arena_new();
    struct facts facts;
    struct wire_reader reader = reader_over(payload, NULL);
    facts_decode(&reader, scratch, &facts);
    arena_free(&scratch);
    return slice_first(payload, payload.length - reader.left);
}

bool frame_get_facts(struct slice payload, struct arena *arena, struct facts *facts_out, const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, arena);
    facts_decode(&reader, arena, facts_out);
    return conclude(&reader, problem_out);
}

bool frame_get_answers(struct slice payload, struct answers *answers, const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, NULL);
    answers_decode(&reader, answers);
    return conclude(&reader, problem_out);
}

bool frame_get_evidence(struct slice payload, struct arena *arena, struct evidence *evidence_out,
                        struct removed_field **removed_out, size_t *removed_count_out, const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, arena);
    evidence_decode(&reader, arena, evidence_out);
    *removed_out = removed_decode(&reader, arena, evidence_out->header_size, removed_count_out);
    return conclude(&reader, problem_out);
}

bool frame_get_judge(struct slice payload, enum stage *stage_out, const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, NULL);
    *stage_out = (enum stage)wire_get_enum(&reader, STAGE_MESSAGE);
    return conclude(&reader, problem_out);
}

bool frame_get_ready(struct slice payload, unsigned char program_hash_out[FRAME_PROGRAM_HASH], const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, NULL);
    if (wire_get_u32(&reader) != FRAME_VERSION)
        wire_fail(&reader, "another version of the protocol");
    for (size_t i = 0; i < FRAME_PROGRAM_HASH; i++)
        program_hash_out[i] = (unsigned char)wire_get_u8(&reader);
    return conclude(&reader, problem_out);
}

static struct question *decode_questions(struct wire_reader *reader, struct arena *arena, size_t *count_out)
{
    size_t count = wire_get_count(reader, FRAME_QUESTIONS_MOST);
    struct question *questions = arena_array(arena, count, sizeof *questions);
    for (size_t i = 0; i < count && !reader->failed; i++)
        questions[i] = question_decode(reader);
    *count_out = count;
    return questions;
}

bool frame_get_questions(struct slice payload, struct arena *arena, struct frame_questions *questions_out,
                         const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, arena);
    *questions_out = (struct frame_questions){ 0 };
    questions_out->missing = decode_questions(&reader, arena, &questions_out->missing_count);
    questions_out->wanted = decode_questions(&reader, arena, &questions_out->wanted_count);
    /* A judge that asks nothing would be asked again for ever. */
    if (!reader.failed && questions_out->missing_count == 0)
        wire_fail(&reader, "no missing question");
    return conclude(&reader, problem_out);
}

static void decode_used(struct wire_reader *reader, struct answers *answers)
{
    uint32_t count = wire_get_count(reader, UINT32_MAX);
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct question question = question_decode(reader);
        if (!reader->failed && answers != NULL)
            answers_mark_used(answers, question.type, question.name);
    }
}

bool frame_get_verdict(struct slice payload, size_t header_size, struct arena *arena, struct answers *answers,
                       struct verdict *verdict_out, struct frame_questions *wanted_out, const char **problem_out)
{
    struct wire_reader reader = reader_over(payload, arena);
    *wanted_out = (struct frame_questions){ 0 };
    wanted_out->wanted = decode_questions(&reader, arena, &wanted_out->wanted_count);
    decode_used(&reader, answers);
    verdict_decode(&reader, arena, header_size, verdict_out);
    return conclude(&reader, problem_out);
}

struct slice frame_get_refused(struct slice payload, struct arena *arena)
{
    struct wire_reader reader = reader_over(payload, NULL);
    struct slice reason = arena_copy(arena, slice_first(wire_get_slice(&reader, FRAME_PAYLOAD_MOST), 200));
    if (reader.failed || reason.text == NULL)
        return SLICE("a reason that cannot be read");
    char *text = arena_string(arena, reason);
    for (size_t i = 0; i < reason.length; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    return slice_of(text, reason.length);
}
