/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_dns_packet.c: any bytes as the reply to a question: the first byte chooses the type, and the name asked for is
 * that of the packet itself, so that the answer section is reached.
 * Parsers: proxy/dns_packet.c
 */
#include "proxy/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The name in the question, as far as it is one without pointers. */
static struct slice asked_name(const uint8_t *packet, size_t size, struct arena *arena)
{
    char text[1024];
    size_t length = 0;

    for (size_t at = 12; at < size && packet[at] != 0; at += 1U + packet[at]) {
        if (packet[at] > 63 || packet[at] >= size - at || length + 4U * packet[at] + 1 > sizeof(text))
            break;
        if (length > 0)
            text[length++] = '.';
        for (size_t i = 1; i <= packet[at]; i++) {
            unsigned c = packet[at + i];

            if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
                text[length++] = (char)c;
            } else {
                text[length++] = '\\';
                text[length++] = (char)('0' + c / 100);
                text[length++] = (char)('0' + c / 10 % 10);
                text[length++] = (char)('0' + c % 10);
            }
        }
    }
    return length == 0 ? SLICE(".") : arena_copy(arena, slice_of(text, length));
}

static void check_record(enum question_type type, const struct answer_record *record, struct arena *arena)
{
    struct slice normal;

    if (record->data.text == NULL || (type == QUESTION_A && record->data.length != 4) ||
        (type == QUESTION_AAAA && record->data.length != 16))
        bug("data of a record");
    if ((type == QUESTION_MX || type == QUESTION_PTR) &&
        (!question_name_normalise(record->data, arena, &normal) || !slice_equal(normal, record->data)))
        bug("a name is not in its form");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum question_type types[] = { QUESTION_A, QUESTION_PTR, QUESTION_MX, QUESTION_TXT, QUESTION_AAAA };
    struct arena *arena;
    struct question question;
    struct answer answer;

    if (size == 0)
        return 0;
    arena = arena_new();
    question = (struct question){ types[data[0] % 5], asked_name(data + 1, size - 1, arena) };
    answer = dns_packet_answer(slice_of((const char *)data + 1, size - 1), &question, arena);
    if (answer.status == ANSWER_MISSING || (answer.status == ANSWER_RECORDS) != (answer.count > 0) ||
        answer.count > ANSWER_RECORDS_MOST || (answer.status == ANSWER_FAILED && slice_is_empty(answer.reason)))
        bug("an answer makes no sense");
    for (uint32_t i = 0; i < answer.count; i++)
        check_record(question.type, &answer.records[i], arena);
    arena_free(&arena);
    return 0;
}
