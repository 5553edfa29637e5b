/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns_packet.c: reads DNS packets. Names are first unpacked to the uncompressed wire form (at most 255 octets, lower
 * case), in which owners are compared; text is made only of names that are kept. The answer section is walked once for
 * each name of a CNAME chain, so order does not matter and work is bounded by DNS_CHAIN_MOST. Authority and additional
 * sections are not read.
 */
#include "proxy/dns_packet.h"

#define HEADER_SIZE 12
#define CLASS_IN 1
#define TYPE_CNAME 5
#define RCODE_NO_ERROR 0
#define RCODE_NAME_ERROR 3

/* A name unpacked: labels with their lengths and the root's zero. */
struct wire_name {
    size_t length;
    unsigned char octets[DNS_NAME_MOST];
};

struct record {
    struct wire_name owner;
    unsigned type;
    unsigned class;
    size_t data;                   /* offset of rdata in the packet */
    size_t data_length;
    size_t next;
};

static unsigned octet_at(struct slice packet, size_t offset)
{
    return (unsigned char)packet.text[offset];
}

static unsigned u16_at(struct slice packet, size_t offset)
{
    return octet_at(packet, offset) << 8 | octet_at(packet, offset + 1);
}

/* Whether `length` octets at `offset` are within the packet. */
static bool holds(struct slice packet, size_t offset, size_t length)
{
    return offset <= packet.length && length <= packet.length - offset;
}

/* One label (its length octet is at `offset`) to the end of `name`. */
static bool append_label(struct slice packet, size_t offset, struct wire_name *name)
{
    size_t length = octet_at(packet, offset);

    if (!holds(packet, offset + 1, length) || name->length + 1 + length > DNS_NAME_MOST)
        return false;
    name->octets[name->length++] = (unsigned char)length;
    for (size_t i = 0; i < length; i++)
        name->octets[name->length++] = (unsigned char)ascii_lower(packet.text[offset + 1 + i]);
    return true;
}

/*
 * RFC 1035 4.1.4. A pointer must lead to before the place where the run of labels that it ends began: each jump lowers
 * that place, so no loop is possible.
 */
static bool unpack_name(struct slice packet, size_t offset, struct wire_name *name, size_t *next_out)
{
    size_t run = offset;
    bool jumped = false;

    name->length = 0;
    while (holds(packet, offset, 1)) {
        unsigned head = octet_at(packet, offset);

        if ((head & 0xc0) == 0xc0) {
            size_t target;

            if (!holds(packet, offset, 2))
                return false;
            target = u16_at(packet, offset) & 0x3fff;
            if (!jumped)
                *next_out = offset + 2;
            if (target >= run)
                return false;
            jumped = true;
            offset = run = target;
            continue;
        }
        /* 01 and 10 are reserved (RFC 1035 4.1.4, RFC 6891 5). */
        if ((head & 0xc0) != 0 || !append_label(packet, offset, name))
            return false;
        offset += 1 + head;
        if (head == 0) {
            if (!jumped)
                *next_out = offset;
            return true;
        }
    }
    return false;
}

static bool same_name(const struct wire_name *a, const struct wire_name *b)
{
    return a->length == b->length && memcmp(a->octets, b->octets, a->length) == 0;
}

/* The form of answers.h: printable ASCII as it is, all else, and dot and backslash within a label, as \DDD. */
static struct slice name_text(const struct wire_name *name, struct arena *arena)
{
    char text[4 * DNS_NAME_MOST];
    size_t length = 0;

    if (name->length <= 1)
        return SLICE(".");
    for (size_t label = 0; label + 1 < name->length; label += 1U + name->octets[label]) {
        if (label != 0)
            text[length++] = '.';
        for (size_t i = 1; i <= name->octets[label]; i++) {
            unsigned char c = name->octets[label + i];

            if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
                text[length++] = (char)c;
                continue;
            }
            text[length++] = '\\';
            text[length++] = (char)('0' + c / 100);
            text[length++] = (char)('0' + c / 10 % 10);
            text[length++] = (char)('0' + c % 10);
        }
    }
    return arena_copy(arena, slice_of(text, length));
}

struct slice dns_rcode_name(unsigned rcode, struct arena *arena)
{
    static const char *const names[] = {
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
        "NOTZONE",
    };

    if (rcode < sizeof(names) / sizeof(names[0]))
        return slice_of_string(names[rcode]);
    return arena_printf(arena, "rcode %u", rcode);
}

/* RFC 1035 4.1.3. */
static bool read_record(struct slice packet, size_t offset, struct record *record)
{
    size_t fixed;

    if (!unpack_name(packet, offset, &record->owner, &fixed) || !holds(packet, fixed, 10))
        return false;
    record->type = u16_at(packet, fixed);
    record->class = u16_at(packet, fixed + 2);
    record->data_length = u16_at(packet, fixed + 8);
    record->data = fixed + 10;
    record->next = record->data + record->data_length;
    return holds(packet, record->data, record->data_length);
}

/* A name that is all of the record's data from `skip` on. */
static bool name_data(struct slice packet, const struct record *record, size_t skip, struct wire_name *name_out)
{
    size_t next;

    return record->data_length > skip && unpack_name(packet, record->data + skip, name_out, &next) &&
           next == record->next;
}

static bool name_data_text(struct slice packet, const struct record *record, size_t skip, struct arena *arena,
                           struct slice *text_out)
{
    struct wire_name name;

    if (!name_data(packet, record, skip, &name))
        return false;
    *text_out = name_text(&name, arena);
    return true;
}

/*
 * RFC 1035 3.3.14: one or more strings, joined without anything between (RFC 7208 3.3, RFC 6376 3.6.2.2).
 * None at all, which the RFC 7208 suite has, is the empty text: what else is at the name must not be lost for it.
 */
static bool text_data(struct slice packet, const struct record *record, struct arena *arena, struct slice *text_out)
{
    char *joined;
    size_t length = 0;

    joined = arena_alloc(arena, record->data_length + 1);
    for (size_t at = record->data; at < record->next; at += 1 + octet_at(packet, at)) {
        size_t size = octet_at(packet, at);

        if (size > record->next - at - 1)
            return false;
        memcpy(joined + length, packet.text + at + 1, size);
        length += size;
    }
    *text_out = slice_of(joined, length);
    return true;
}

static bool record_data(struct slice packet, const struct record *record, struct arena *arena,
                        struct answer_record *out)
{
    switch ((enum question_type)record->type) {
    case QUESTION_A:
    case QUESTION_AAAA:
        out->data = arena_copy(arena, slice_of(packet.text + record->data, record->data_length));
        return record->data_length == (record->type == QUESTION_A ? 4 : 16);
    case QUESTION_PTR:
        return name_data_text(packet, record, 0, arena, &out->data);
    case QUESTION_MX:
        if (record->data_length < 3)
            return false;
        out->preference = (uint16_t)u16_at(packet, record->data);
        return name_data_text(packet, record, 2, arena, &out->data);
    case QUESTION_TXT:
        return text_data(packet, record, arena, &out->data);
    }
    return false;
}

enum walk { WALK_BROKEN, WALK_RECORDS, WALK_ALIAS, WALK_NOTHING };

/*
 * Goes through the answer section for what it says of `name`: records into the answer, or where its CNAME leads into
 * `name`.
 */
static enum walk walk_section(struct slice packet, size_t offset, struct wire_name *name, struct answer *answer,
                              struct arena *arena)
{
    unsigned count = u16_at(packet, 6);
    struct wire_name target;
    bool alias = false;

    for (unsigned i = 0; i < count; i++) {
        struct record record;

        if (!read_record(packet, offset, &record))
            return WALK_BROKEN;
        offset = record.next;
        if (record.class != CLASS_IN || !same_name(&record.owner, name))
            continue;
        if (record.type == (unsigned)answer->question.type) {
            if (answer->count == ANSWER_RECORDS_MOST)
                continue;
            if (answer->records == NULL)
                answer->records = arena_array(arena, ANSWER_RECORDS_MOST, sizeof(*answer->records));
            if (!record_data(packet, &record, arena, &answer->records[answer->count]))
                return WALK_BROKEN;
            answer->count++;
        } else if (record.type == TYPE_CNAME) {
            if (!name_data(packet, &record, 0, &target))
                return WALK_BROKEN;
            alias = true;
        }
    }
    if (answer->count > 0)
        return WALK_RECORDS;
    if (alias)
        *name = target;
    return alias ? WALK_ALIAS : WALK_NOTHING;
}

static void failed(struct answer *answer, struct slice reason)
{
    answer->status = ANSWER_FAILED;
    answer->count = 0;
    answer->records = NULL;
    answer->reason = reason;
}

/* RFC 1035 4.1.1 and 4.1.2; NULL when it is a reply to the question, and then its name and where the answers begin. */
static const char *read_head(struct slice packet, const struct question *question, struct arena *arena,
                             struct wire_name *name_out, size_t *answers_out)
{
    struct slice asked;
    unsigned flags;
    size_t next;

    if (packet.length < HEADER_SIZE)
        return "packet too short";
    flags = u16_at(packet, 2);
    if ((flags & 0x8000) == 0 || (flags & 0x7800) != 0)
        return "packet is no reply to a query";
    if ((flags & 0x0200) != 0)
        return "reply truncated";
    if (u16_at(packet, 4) != 1 || !unpack_name(packet, HEADER_SIZE, name_out, &next) || !holds(packet, next, 4))
        return "reply without the question";
    asked = name_text(name_out, arena);
    if (!slice_equal_nocase(asked, question->name) || u16_at(packet, next) != (unsigned)question->type ||
        u16_at(packet, next + 2) != CLASS_IN)
        return "reply to another question";
    *answers_out = next + 4;
    return NULL;
}

/* Follows the chain from `name`. RFC 6604 3: the rcode speaks of the chain's last name. */
static void read_chain(struct slice packet, size_t offset, struct wire_name *name, struct answer *answer,
                       struct arena *arena)
{
    unsigned rcode = u16_at(packet, 2) & 0xf;

    for (int length = 0; length <= DNS_CHAIN_MOST; length++) {
        switch (walk_section(packet, offset, name, answer, arena)) {
        case WALK_BROKEN:
            failed(answer, SLICE("malformed record"));
            return;
        case WALK_RECORDS:
            answer->status = ANSWER_RECORDS;
            return;
        case WALK_ALIAS:
            continue;
        case WALK_NOTHING:
            answer->status = rcode == RCODE_NAME_ERROR ? ANSWER_NO_NAME : ANSWER_NO_DATA;
            return;
        }
    }
    failed(answer, SLICE("CNAME chain too long"));
}

struct answer dns_packet_answer(struct slice packet, const struct question *question, struct arena *arena)
{
    struct answer answer = { .question = { question->type, arena_copy(arena, question->name) } };
    struct wire_name name;
    size_t offset;
    const char *problem = read_head(packet, question, arena, &name, &offset);
    unsigned rcode;

    if (problem != NULL) {
        failed(&answer, slice_of_string(problem));
        return answer;
    }
    rcode = u16_at(packet, 2) & 0xf;
    if (rcode != RCODE_NO_ERROR && rcode != RCODE_NAME_ERROR)
        failed(&answer, dns_rcode_name(rcode, arena));
    else
        read_chain(packet, offset, &name, &answer, arena);
    return answer;
}
