/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers.c: the answer set. Answers are chained in order of addition and by a small hash table; questions noted
 * since the last round are two short arrays. All of it lives in the set's arena. Nothing fails: what cannot be asked
 * is answered by ANSWER_NO_NAME, what is beyond a cap is cut off.
 */
#include "policy/answers.h"

#include "policy/wire.h"

/* Chains of the hash table; a message that asks for a hundred names has one or two a chain. */
#define ANSWERS_CHAINS 64
/*
 * Questions of one kind noted in one round; the rest is noted in the next, since a round without answers is never
 * final.
 */
#define ANSWERS_QUESTIONS_MOST 1024
/* RFC 1035 2.3.4: 255 octets in wire form leave 253 characters of text. */
#define NAME_PLAIN_MOST 253
/* RFC 1035 3.3: what a TXT record can hold. */
#define RECORD_DATA_MOST 65535
#define REASON_MOST 256

struct entry {
    struct answer answer;
    struct entry *chain;
};

struct question_list {
    struct question *items;
    size_t count;
    size_t capacity;
};

struct answers {
    struct arena *arena;
    struct entry *chains[ANSWERS_CHAINS];
    struct answer *first;
    struct answer **end;
    size_t count;
    struct question_list missing;
    struct question_list wanted;
};

/* What is said of a name that no DNS message can carry. Shared, hence never marked used. */
static const struct answer cannot_be_asked = {
    .question = { .type = QUESTION_A, .name = { "", 0 } },
    .status = ANSWER_NO_NAME,
    .reason = { "not a name that can be asked", sizeof "not a name that can be asked" - 1 },
};

struct answers *answers_new(struct arena *arena)
{
    struct answers *answers = arena_alloc(arena, sizeof *answers);
    answers->arena = arena;
    answers->end = &answers->first;
    return answers;
}

/* One byte of a label in canonical form: itself, or \DDD. Returns how many characters it took. */
static size_t put_label_byte(char *out, unsigned char byte)
{
    if (byte > ' ' && byte < 0x7f && byte != '.' && byte != '\\') {
        out[0] = ascii_lower((char)byte);
        return 1;
    }
    out[0] = '\\';
    out[1] = (char)('0' + byte / 100);
    out[2] = (char)('0' + byte / 10 % 10);
    out[3] = (char)('0' + byte % 10);
    return 4;
}

/* The byte at *position, an escape undone (RFC 1035 5.1); false when an escape is broken. */
static bool get_label_byte(struct slice name, size_t *position, unsigned char *byte_out)
{
    size_t at = *position;
    if (name.text[at] != '\\') {
        *byte_out = (unsigned char)name.text[at];
        *position = at + 1;
        return true;
    }
    if (at + 1 >= name.length)
        return false;
    if (!ascii_is_digit(name.text[at + 1])) {
        *byte_out = (unsigned char)name.text[at + 1];
        *position = at + 2;
        return true;
    }
    unsigned long long number;
    if (name.length - at < 4 || !slice_number(slice_of(name.text + at + 1, 3), 255, &number))
        return false;
    *byte_out = (unsigned char)number;
    *position = at + 4;
    return true;
}

/* Canonical form into a buffer of QUESTION_NAME_MOST bytes. Returns its length, 0 when the name cannot be asked. */
static size_t normalise(struct slice name, char *out)
{
    if (name.length == 1 && name.text[0] == '.') {
        out[0] = '.';
        return 1;
    }
    size_t length = 0, plain = 0, label = 0;
    for (size_t at = 0; at < name.length;) {
        if (name.text[at] == '.') {
            if (label == 0)
                return 0;
            if (++at == name.length)
                return length;
            label = 0;
            plain++;
            out[length++] = '.';
            continue;
        }
        unsigned char byte;
        if (!get_label_byte(name, &at, &byte) || ++label > LABEL_MOST || ++plain > NAME_PLAIN_MOST)
            return 0;
        length += put_label_byte(out + length, byte);
    }
    return label == 0 ? 0 : length;
}

bool question_name_normalise(struct slice name, struct arena *arena, struct slice *name_out)
{
    char buffer[QUESTION_NAME_MOST];
    size_t length = normalise(name, buffer);
    if (length == 0)
        return false;
    *name_out = arena_copy(arena, slice_of(buffer, length));
    return true;
}

/*
 * FNV-1a, offset basis and prime for 32 bits. A stranger who makes names collide lengthens a chain of at most a
 * thousand.
 */
static size_t chain_of(enum question_type type, struct slice name)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (unsigned char)name.text[i]) * 16777619U;
    hash = (hash ^ (uint32_t)type) * 16777619U;
    return hash % ANSWERS_CHAINS;
}

static bool question_is(const struct question *question, enum question_type type, struct slice name)
{
    return question->type == type && slice_equal(question->name, name);
}

/* `name` is canonical. */
static struct answer *find(const struct answers *answers, enum question_type type, struct slice name)
{
    for (struct entry *entry = answers->chains[chain_of(type, name)]; entry != NULL; entry = entry->chain)
        if (question_is(&entry->answer.question, type, name))
            return &entry->answer;
    return NULL;
}

static bool list_has(const struct question_list *list, enum question_type type, struct slice name)
{
    for (size_t i = 0; i < list->count; i++)
        if (question_is(&list->items[i], type, name))
            return true;
    return false;
}

static void list_note(struct answers *answers, struct question_list *list, enum question_type type, struct slice name)
{
    if (list->count == ANSWERS_QUESTIONS_MOST || list_has(list, type, name))
        return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct question *items = arena_array(answers->arena, capacity, sizeof *items);
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct question){ type, arena_copy(answers->arena, name) };
}

const struct answer *answers_find(struct answers *answers, enum question_type type, struct slice name)
{
    char buffer[QUESTION_NAME_MOST];
    size_t length = normalise(name, buffer);
    if (length == 0)
        return &cannot_be_asked;
    struct slice canonical = slice_of(buffer, length);
    struct answer *answer = find(answers, type, canonical);
    if (answer != NULL)
        answer->used = true;
    else
        list_note(answers, &answers->missing, type, canonical);
    return answer;
}

void answers_want(struct answers *answers, enum question_type type, struct slice name)
{
    char buffer[QUESTION_NAME_MOST];
    size_t length = normalise(name, buffer);
    if (length == 0)
        return;
    struct slice canonical = slice_of(buffer, length);
    if (find(answers, type, canonical) == NULL && !list_has(&answers->missing, type, canonical))
        list_note(answers, &answers->wanted, type, canonical);
}

void answers_mark_used(struct answers *answers, enum question_type type, struct slice name)
{
    char buffer[QUESTION_NAME_MOST];
    size_t length = normalise(name, buffer);
    if (length == 0)
        return;
    struct answer *answer = find(answers, type, slice_of(buffer, length));
    if (answer != NULL)
        answer->used = true;
}

/* The record's data as it is kept; false: it is none of its type. */
static bool copy_record(enum question_type type, const struct answer_record *from, struct arena *arena,
                        struct answer_record *to)
{
    to->preference = from->preference;
    switch (type) {
    case QUESTION_A:
    case QUESTION_AAAA:
        to->data = arena_copy(arena, from->data);
        return from->data.length == (type == QUESTION_A ? 4 : 16);
    case QUESTION_PTR:
    case QUESTION_MX:
        return question_name_normalise(from->data, arena, &to->data);
    case QUESTION_TXT:
        to->data = from->data.text == NULL ? SLICE("") : arena_copy(arena, slice_first(from->data, RECORD_DATA_MOST));
        return true;
    }
    return false;
}

static void copy_records(struct answers *answers, const struct answer *from, struct answer *to)
{
    size_t most = from->count < ANSWER_RECORDS_MOST ? from->count : ANSWER_RECORDS_MOST;
    to->records = arena_array(answers->arena, most, sizeof *to->records);
    for (size_t i = 0; i < most; i++)
        if (copy_record(to->question.type, &from->records[i], answers->arena, &to->records[to->count]))
            to->count++;
    if (to->count > 0)
        return;
    to->status = ANSWER_FAILED;
    to->reason = SLICE("no record in it is of its type");
}

bool answers_add(struct answers *answers, const struct answer *answer)
{
    char buffer[QUESTION_NAME_MOST];
    size_t length = normalise(answer->question.name, buffer);
    struct slice canonical = slice_of(buffer, length);
    if (length == 0 || answer->status == ANSWER_MISSING || question_type_name(answer->question.type) == NULL ||
        find(answers, answer->question.type, canonical) != NULL)
        return false;
    struct entry *entry = arena_alloc(answers->arena, sizeof *entry);
    struct answer *copy = &entry->answer;
    copy->question = (struct question){ answer->question.type, arena_copy(answers->arena, canonical) };
    copy->status = answer->status;
    copy->reason = arena_copy(answers->arena, slice_first(answer->reason, REASON_MOST));
    copy->used = answer->used;
    if (answer->status == ANSWER_RECORDS)
        copy_records(answers, answer, copy);
    struct entry **chain = &answers->chains[chain_of(copy->question.type, copy->question.name)];
    entry->chain = *chain;
    *chain = entry;
    *answers->end = copy;
    answers->end = &copy->next;
    answers->count++;
    return true;
}

size_t answers_missing_count(const struct answers *answers)
{
    return answers->missing.count;
}

const struct question *answers_missing(const struct answers *answers, size_t index)
{
    return &answers->missing.items[index];
}

size_t answers_wanted_count(const struct answers *answers)
{
    return answers->wanted.count;
}

const struct question *answers_wanted(const struct answers *answers, size_t index)
{
    return &answers->wanted.items[index];
}

void answers_forget_questions(struct answers *answers)
{
    answers->missing.count = 0;
    answers->wanted.count = 0;
}

void answers_foresee(struct answers *answers)
{
    for (size_t i = 0; i < answers->missing.count; i++)
        list_note(answers, &answers->wanted, answers->missing.items[i].type, answers->missing.items[i].name);
    answers->missing.count = 0;
}

const struct answer *answers_first(const struct answers *answers)
{
    return answers->first;
}

size_t answers_count(const struct answers *answers)
{
    return answers->count;
}

void answers_reset_used(struct answers *answers)
{
    for (struct answer *answer = answers->first; answer != NULL; answer = answer->next)
        answer->used = false;
}

static const struct {
    enum question_type type;
    const char *name;
} types[] = {
    { QUESTION_A, "A" },     { QUESTION_AAAA, "AAAA" }, { QUESTION_MX, "MX" },
    { QUESTION_PTR, "PTR" }, { QUESTION_TXT, "TXT" },
};

const char *question_type_name(enum question_type type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type)
            return types[i].name;
    return NULL;
}

bool question_type_parse(struct slice text, enum question_type *type_out)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_equal_nocase(text, slice_of_string(types[i].name))) {
            *type_out = types[i].type;
            return true;
        }
    return false;
}

static const char *const status_names[] = {
    [ANSWER_MISSING] = "missing", [ANSWER_RECORDS] = "records", [ANSWER_NO_DATA] = "no-data",
    [ANSWER_NO_NAME] = "no-name", [ANSWER_FAILED] = "failed",   [ANSWER_TIMEOUT] = "timeout",
    [ANSWER_LIMIT] = "limit",
};

const char *answer_status_name(enum answer_status status)
{
    return status_names[status];
}

bool answer_status_parse(struct slice text, enum answer_status *status_out)
{
    for (size_t i = ANSWER_RECORDS; i <= ANSWER_LIMIT; i++)
        if (slice_equal(text, slice_of_string(status_names[i]))) {
            *status_out = (enum answer_status)i;
            return true;
        }
    return false;
}

void question_encode(const struct question *question, struct wire_writer *writer)
{
    wire_put_u16(writer, question->type);
    wire_put_slice(writer, question->name);
}

static bool name_is_plain(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.text[i] <= ' ' || name.text[i] >= 0x7f)
            return false;
    return name.length > 0;
}

struct question question_decode(struct wire_reader *reader)
{
    struct question question = { (enum question_type)wire_get_u16(reader), SLICE_NONE };
    question.name = wire_get_slice(reader, QUESTION_NAME_MOST);
    if (!reader->failed && question_type_name(question.type) == NULL)
        wire_fail(reader, "a question of an unknown type");
    if (!reader->failed && !name_is_plain(question.name))
        wire_fail(reader, "a question's name that is not plain");
    return question;
}

void answers_encode(const struct answer *first, struct wire_writer *writer)
{
    size_t count_at = writer->length;
    uint32_t count = 0;
    wire_put_u32(writer, 0);
    for (const struct answer *answer = first; answer != NULL; answer = answer->next, count++) {
        question_encode(&answer->question, writer);
        wire_put_u8(writer, answer->status);
        wire_put_slice(writer, answer->reason);
        wire_put_u32(writer, answer->count);
        for (uint32_t i = 0; i < answer->count; i++) {
            wire_put_u16(writer, answer->records[i].preference);
            wire_put_slice(writer, answer->records[i].data);
        }
    }
    wire_patch_u32(writer, count_at, count);
}

static void decode_answer(struct wire_reader *reader, struct arena *arena, struct answer *answer)
{
    answer->question = question_decode(reader);
    answer->status = (enum answer_status)wire_get_enum(reader, ANSWER_LIMIT);
    answer->reason = wire_get_slice(reader, REASON_MOST);
    answer->count = wire_get_count(reader, ANSWER_RECORDS_MOST);
    if (!reader->failed && (answer->status == ANSWER_RECORDS) != (answer->count > 0))
        wire_fail(reader, "an answer whose records do not fit its status");
    answer->records = arena_array(arena, answer->count, sizeof *answer->records);
    for (uint32_t i = 0; i < answer->count && !reader->failed; i++) {
        answer->records[i].preference = (uint16_t)wire_get_u16(reader);
        answer->records[i].data = wire_get_slice(reader, RECORD_DATA_MOST);
    }
}

bool answers_decode(struct wire_reader *reader, struct answers *answers)
{
    uint32_t count = wire_get_count(reader, UINT32_MAX);
    struct arena *scratch = arena_new();
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct answer answer = { 0 };
        decode_answer(reader, scratch, &answer);
        if (!reader->failed)
            answers_add(answers, &answer);
    }
    arena_free(&scratch);
    return !reader->failed;
}
