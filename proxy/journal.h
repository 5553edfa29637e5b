/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h: hands records to the keeper over a non-blocking socket, in batches. Each is held until the keeper
 * says that it has dealt with it, so that a keeper that dies costs none: the next one gets them again (a record
 * may then stand twice in the file, never be missing). When the keeper is away or slow for longer than what may
 * be held, records are dropped and counted (STATUS_RECORDS_DROPPED), never waited for.
 *
 *     worker -> keeper    length of the record (32 bits, big-endian), the record without its line end; and so on
 *     keeper -> worker    bytes of this connection dealt with in all (64 bits, big-endian): always whole records
 */
#ifndef MXWARD_PROXY_JOURNAL_H
#define MXWARD_PROXY_JOURNAL_H

#include "proxy/status.h"
#include "rules/slice.h"

struct event_base;
struct journal;

/* One record is at most this; a longer one (thousands of recipients, each with rules met) is dropped and counted. */
#define JOURNAL_RECORD_MOST ((size_t)4 * 1024 * 1024)
/* Bytes held while the keeper is away or slow. */
#define JOURNAL_HELD_MOST ((size_t)8 * 1024 * 1024)
/* Before each record: its length. */
#define JOURNAL_HEAD 4
#define JOURNAL_RECEIPT 8

struct journal *journal_new(struct event_base *base, struct status_column *column);
void journal_free(struct journal **journal);
/* A new connection to the keeper; takes the descriptor. */
void journal_connect(struct journal *journal, int descriptor);
/* One line of JSON, with or without its line end; copied. */
void journal_append(struct journal *journal, struct slice line);
/* Bytes the keeper has not dealt with yet: at the end of a drain it is waited for. */
size_t journal_unsent(const struct journal *journal);

#endif
