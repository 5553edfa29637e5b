/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.h: fixture zones: a file that is all of the DNS for a demonstration, a test, or `mxward verify --zone`.
 * Read once, then only looked up; the answers are exact and the same every time. One record a line, as in a
 * master file (RFC 1035 5) but for the special words, and every name is whole (a final dot changes nothing):
 *
 *     ; comment, also with #; a line that begins with a blank goes on with the name before
 *     example.org          MX     10 mail.example.org
 *                          TXT    "v=spf1 ip4:192.0.2.1 " "-all" ; strings are joined; \" \\ \DDD
 *     mail.example.org 300 IN A   192.0.2.1                   ; time to live and class change nothing
 *     www.example.org      CNAME  example.org
 *     broken.example.org   SERVFAIL                           ; every question about this name fails
 *     quiet.example.org    TIMEOUT TXT                        ; no answer ever comes, to this type only
 *     slow.example.org     DELAY  1500ms                      ; answers about this name come late: ms, s, m
 *     $DELAY 1s                                               ; all answers come late, also that there is no such name
 *
 * Types: A, AAAA, CNAME, MX, PTR, TXT. A name exists when it or a name below it is in the file (RFC 8020).
 */
#ifndef MXWARD_PROXY_ZONE_H
#define MXWARD_PROXY_ZONE_H

#include "policy/answers.h"
#include "rules/diag.h"

/* Bytes of a zone file. */
#define ZONE_FILE_MOST ((size_t)16 << 20)
/* Longest delay that can be written: more than any deadline. */
#define ZONE_DELAY_MOST 3600000U

struct zone;

/*
 * Everything lives in `arena`; the source is not needed afterwards. NULL when there were errors, all of which are in
 * `diagnostics`.
 */
struct zone *zone_parse(const struct source *source, struct arena *arena, struct diagnostics *diagnostics);
/* The same from a file. One that cannot be read is an error about no place. */
struct zone *zone_load(const char *path, struct arena *arena, struct diagnostics *diagnostics);

struct zone_reply {
    bool silent;                   /* no answer ever comes */
    unsigned delay_milliseconds;
    struct answer answer;          /* records borrowed from the zone, the question from the caller */
};

/* CNAMEs are followed; the longest delay of the names passed counts. The question's name is canonical (answers.h). */
struct zone_reply zone_find(const struct zone *zone, const struct question *question);

#endif
