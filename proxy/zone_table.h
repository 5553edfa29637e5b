/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_table.h: what zone.c reads into and zone_find() looks up in: a hash table of names. A name is there for
 * its records or because one below it is. For these two files only. All of it lives in the zone's arena;
 * nothing fails.
 */
#ifndef MXWARD_PROXY_ZONE_TABLE_H
#define MXWARD_PROXY_ZONE_TABLE_H

#include "policy/answers.h"

#define ZONE_CHAINS 4096

enum zone_fault { ZONE_FAULT_NONE, ZONE_FAULT_SERVFAIL, ZONE_FAULT_TIMEOUT };

/* Records of one type at one name. */
struct zone_set {
    struct answer_record *records;
    uint32_t count;
    uint32_t capacity;
    enum zone_fault fault;
};

/* Places of the types in a node; ZONE_SET_COUNT: of none. */
enum { ZONE_SET_A, ZONE_SET_AAAA, ZONE_SET_MX, ZONE_SET_PTR, ZONE_SET_TXT, ZONE_SET_COUNT };

struct zone_node {
    struct slice name;
    struct zone_set sets[ZONE_SET_COUNT];
    struct slice alias;            /* CNAME's target; absent: none */
    enum zone_fault fault;         /* of all types */
    unsigned delay;                /* milliseconds */
    struct zone_node *next;        /* in its chain */
};

struct zone {
    struct arena *arena;
    unsigned delay;
    struct zone_node *chains[ZONE_CHAINS];
};

int zone_set_of(enum question_type type);
/* The node of a canonical name, made when there is none, and with it those of all names above. */
struct zone_node *zone_node_get(struct zone *zone, struct slice name);
bool zone_node_has_records(const struct zone_node *node);
/* false: there are ANSWER_RECORDS_MOST already. */
bool zone_set_add(struct zone *zone, struct zone_set *set, const struct answer_record *record);

#endif
