/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool.h: the held message: in memory up to SPOOL_MEMORY, then in an unlinked temporary file; read back as one view.
 * Bytes never change once appended. Everything is counted against a budget (P7: memory and spool in all); when the
 * budget or the disk is exhausted appending fails and the client gets 452 4.3.1 (the message is the client's still).
 */
#ifndef MXWARD_PROXY_SPOOL_H
#define MXWARD_PROXY_SPOOL_H

#include <stdint.h>

#include "rules/slice.h"

/* Memory to 256 KiB, then a file. */
#define SPOOL_MEMORY ((size_t)256 * 1024)

/* What a spool on disk takes in memory besides: one buffer gathers small runs for the disk, one is read into. */
#define SPOOL_BUFFER ((size_t)64 * 1024)

/*
 * One per worker; counts bytes of all spools, and refuses above the limits (0: none). Disk is bytes that go beyond
 * SPOOL_MEMORY; memory is bytes up to it, and 2 * SPOOL_BUFFER more once a spool goes beyond it.
 */
struct spool_budget {
    const char *directory;         /* where temporary files are made; borrowed */
    uint64_t memory_most;
    uint64_t disk_most;
    uint64_t memory;
    uint64_t disk;
};

struct spool;

struct spool *spool_new(struct spool_budget *budget);
/* Accepts a pointer to NULL; clears. */
void spool_free(struct spool **spool);
enum spool_status { SPOOL_OK, SPOOL_FULL, SPOOL_FAILED };
/* SPOOL_FULL: the budget; SPOOL_FAILED: the disk, errno is set. After either nothing of `bytes` counts. */
enum spool_status spool_append(struct spool *spool, struct slice bytes);
uint64_t spool_size(const struct spool *spool);
/*
 * A run of bytes at `offset`, as long as it can be had at once (at most 64 KiB from a file), valid until the next
 * call on this spool; empty at the end. Returns false when the disk fails (errno).
 */
bool spool_read(struct spool *spool, uint64_t offset, struct slice *run_out);
/*
 * The first `length` bytes contiguous (for the header). Valid as long as the spool, whatever is appended. False when
 * there are not as many, or more than SPOOL_MEMORY are asked for.
 */
bool spool_head(struct spool *spool, size_t length, struct slice *head_out);
bool spool_is_on_disk(const struct spool *spool);

#endif
