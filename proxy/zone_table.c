/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_table.c: the table of names of a fixture zone, and looking up in it. The same question gets the same answer
 * always.
 */
#include "proxy/zone_table.h"

#include "proxy/zone.h"

/* CNAMEs followed; as in dns_packet.h. */
#define CHAIN_MOST 16

static uint32_t hash_of(struct slice name)
{
    uint32_t hash = 2166136261U;   /* FNV-1a */

    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (unsigned char)name.text[i]) * 16777619U;
    return hash % ZONE_CHAINS;
}

static struct zone_node *node_find(const struct zone *zone, struct slice name)
{
    struct zone_node *node = zone->chains[hash_of(name)];

    while (node != NULL && !slice_equal(node->name, name))
        node = node->next;
    return node;
}

/* Dots within labels are escaped, so every dot parts labels. */
struct zone_node *zone_node_get(struct zone *zone, struct slice name)
{
    struct zone_node *wanted = NULL;

    for (struct slice rest = name;;) {
        struct zone_node *node = node_find(zone, rest);
        bool known = node != NULL;

        if (!known) {
            struct zone_node **chain = &zone->chains[hash_of(rest)];

            node = arena_alloc(zone->arena, sizeof(*node));
            node->name = arena_copy(zone->arena, rest);
            node->next = *chain;
            *chain = node;
        }
        if (wanted == NULL)
            wanted = node;
        if (known || rest.length == slice_find(rest, '.'))
            return wanted;
        (void)slice_cut(&rest, '.');
        if (slice_is_empty(rest))      /* the root's name is its dot */
            return wanted;
    }
}

int zone_set_of(enum question_type type)
{
    switch (type) {
    case QUESTION_A:
        return ZONE_SET_A;
    case QUESTION_AAAA:
        return ZONE_SET_AAAA;
    case QUESTION_MX:
        return ZONE_SET_MX;
    case QUESTION_PTR:
        return ZONE_SET_PTR;
    case QUESTION_TXT:
        return ZONE_SET_TXT;
    }
    return ZONE_SET_COUNT;
}

bool zone_node_has_records(const struct zone_node *node)
{
    for (int i = 0; i < ZONE_SET_COUNT; i++)
        if (node->sets[i].count > 0)
            return true;
    return false;
}

bool zone_set_add(struct zone *zone, struct zone_set *set, const struct answer_record *record)
{
    if (set->count == ANSWER_RECORDS_MOST)
        return false;
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? 4 : 2 * set->capacity;
        struct answer_record *records = arena_array(zone->arena, capacity, sizeof(*records));

        if (set->count > 0)
            memcpy(records, set->records, set->count * sizeof(*records));
        set->records = records;
        set->capacity = capacity;
    }
    set->records[set->count++] = *record;
    return true;
}

/* The answer of one name, without a CNAME. */
static void answer_of(const struct zone_node *node, int index, struct zone_reply *reply)
{
    const struct zone_set *set = &node->sets[index];
    enum zone_fault fault = set->fault != ZONE_FAULT_NONE ? set->fault : node->fault;

    if (fault == ZONE_FAULT_TIMEOUT)
        reply->silent = true;
    if (fault == ZONE_FAULT_SERVFAIL) {
        reply->answer.status = ANSWER_FAILED;
        reply->answer.reason = SLICE("SERVFAIL");
    }
    if (fault != ZONE_FAULT_NONE)
        return;
    reply->answer.status = set->count > 0 ? ANSWER_RECORDS : ANSWER_NO_DATA;
    reply->answer.count = set->count;
    reply->answer.records = set->records;
}

struct zone_reply zone_find(const struct zone *zone, const struct question *question)
{
    struct zone_reply reply = { .delay_milliseconds = zone->delay, .answer.question = *question };
    int index = zone_set_of(question->type);
    struct slice name = question->name;

    for (int i = 0; i <= CHAIN_MOST; i++) {
        const struct zone_node *node = node_find(zone, name);

        if (node == NULL || index == ZONE_SET_COUNT) {
            reply.answer.status = ANSWER_NO_NAME;
            return reply;
        }
        if (node->delay > reply.delay_milliseconds)
            reply.delay_milliseconds = node->delay;
        if (node->alias.text == NULL || node->fault != ZONE_FAULT_NONE || node->sets[index].fault != ZONE_FAULT_NONE) {
            answer_of(node, index, &reply);
            return reply;
        }
        name = node->alias;
    }
    reply.answer.status = ANSWER_FAILED;
    reply.answer.reason = SLICE("CNAME chain too long");
    return reply;
}
