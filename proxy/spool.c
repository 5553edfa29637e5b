/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool.c: the held message. The first SPOOL_MEMORY bytes stay in memory at one address until the end (so the header
 * can be pointed into), the rest goes to a file without a name, gathered into writes of SPOOL_BUFFER. All memory of a
 * spool is one mapping made at the first byte: pages that are not written to cost nothing. Appending fails as a
 * whole: what it may have written already is cut off again.
 */
#include "proxy/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/arena.h"

#define MAPPING (SPOOL_MEMORY + 2 * SPOOL_BUFFER)

struct spool {
    struct spool_budget *budget;
    char *memory;                  /* the mapping: head, then the buffer for writing, then the one for reading */
    uint64_t size;
    uint64_t written;              /* bytes up to here are in memory or in the file, those after it in the buffer */
    uint64_t memory_counted;       /* in the budget */
    uint64_t disk_counted;
    int descriptor;
};

struct spool *spool_new(struct spool_budget *budget)
{
    struct spool *spool = memory_zeroed(1, sizeof(*spool));

    spool->budget = budget;
    spool->written = SPOOL_MEMORY;
    spool->descriptor = -1;
    return spool;
}

void spool_free(struct spool **spool_pointer)
{
    struct spool *spool = *spool_pointer;

    if (spool == NULL)
        return;
    spool->budget->memory -= spool->memory_counted;
    spool->budget->disk -= spool->disk_counted;
    if (spool->memory != NULL)
        munmap(spool->memory, MAPPING);
    if (spool->descriptor >= 0)
        close(spool->descriptor);
    free(spool);
    *spool_pointer = NULL;
}

static bool fits(uint64_t counted, uint64_t more, uint64_t most)
{
    return most == 0 || (counted <= most && more <= most - counted);
}

static uint64_t memory_needed(uint64_t size)
{
    return size <= SPOOL_MEMORY ? size : MAPPING;
}

static uint64_t disk_needed(uint64_t size)
{
    return size <= SPOOL_MEMORY ? 0 : size - SPOOL_MEMORY;
}

/* For file systems without O_TMPFILE. */
static int open_and_unlink(const char *directory)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/mxward-spool-XXXXXX", directory);
    int descriptor;

    if (length < 0 || (size_t)length >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    if (unlink(path) != 0) {
        int problem = errno;

        close(descriptor);
        errno = problem;
        return -1;
    }
    return descriptor;
}

static int open_unnamed(const char *directory)
{
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);

    /* open(2): EOPNOTSUPP from the file system, EISDIR or ENOENT from a kernel that does not know the flag. */
    if (descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL))
        return open_and_unlink(directory);
    return descriptor;
}

/* The bytes of the buffer to the file. False: errno; the buffer is as it was, though some of it may be on disk. */
static bool write_buffer(struct spool *spool, size_t length)
{
    const char *bytes = spool->memory + SPOOL_MEMORY;
    size_t done = 0;

    if (spool->descriptor < 0) {
        spool->descriptor = open_unnamed(spool->budget->directory);
        if (spool->descriptor < 0)
            return false;
    }
    while (done < length) {
        ssize_t count = pwrite(spool->descriptor, bytes + done, length - done,
                               (off_t)(spool->written - SPOOL_MEMORY + done));

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            if (count == 0)
                errno = ENOSPC;
            return false;
        }
        done += (size_t)count;
    }
    spool->written += length;
    return true;
}

/* Copies what finds room, at least one byte. */
static bool append_some(struct spool *spool, struct slice *bytes)
{
    char *place = spool->memory + spool->size;
    size_t room = SPOOL_MEMORY - (spool->size < SPOOL_MEMORY ? (size_t)spool->size : SPOOL_MEMORY);

    if (room == 0) {
        size_t held = (size_t)(spool->size - spool->written);

        if (held == SPOOL_BUFFER) {
            if (!write_buffer(spool, held))
                return false;
            held = 0;
        }
        place = spool->memory + SPOOL_MEMORY + held;
        room = SPOOL_BUFFER - held;
    }
    if (room > bytes->length)
        room = bytes->length;
    memcpy(place, bytes->text, room);
    spool->size += room;
    *bytes = slice_from(*bytes, room);
    return true;
}

/* Back to `size`, of which all is held still: nothing of it was ever taken out of the buffer but by writing it. */
static void cut_to(struct spool *spool, uint64_t size)
{
    int problem = errno;

    if (spool->written > size)
        spool->written = size < SPOOL_MEMORY ? SPOOL_MEMORY : size;
    spool->size = size;
    /*
     * Gives the disk back what a failed append took of it; should that fail, so be it: the file is gone with the
     * spool.
     */
    if (spool->descriptor >= 0 && ftruncate(spool->descriptor, (off_t)(spool->written - SPOOL_MEMORY)) != 0)
        problem = problem == 0 ? errno : problem;
    errno = problem;
}

static bool map_memory(struct spool *spool)
{
    void *memory;

    if (spool->memory != NULL)
        return true;
    memory = mmap(NULL, MAPPING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    spool->memory = memory;
    return true;
}

enum spool_status spool_append(struct spool *spool, struct slice bytes)
{
    struct spool_budget *budget = spool->budget;
    uint64_t before = spool->size;
    uint64_t memory = memory_needed(before + bytes.length) - spool->memory_counted;
    uint64_t disk = disk_needed(before + bytes.length) - spool->disk_counted;

    if (bytes.length == 0)
        return SPOOL_OK;
    if (!fits(budget->memory, memory, budget->memory_most) || !fits(budget->disk, disk, budget->disk_most))
        return SPOOL_FULL;
    if (!map_memory(spool))
        return SPOOL_FAILED;
    while (bytes.length > 0) {
        if (!append_some(spool, &bytes)) {
            cut_to(spool, before);
            return SPOOL_FAILED;
        }
    }
    spool->memory_counted += memory;
    spool->disk_counted += disk;
    budget->memory += memory;
    budget->disk += disk;
    return SPOOL_OK;
}

uint64_t spool_size(const struct spool *spool)
{
    return spool->size;
}

static bool read_file(struct spool *spool, uint64_t offset, struct slice *run_out)
{
    char *buffer = spool->memory + SPOOL_MEMORY + SPOOL_BUFFER;
    size_t wanted = spool->written - offset < SPOOL_BUFFER ? (size_t)(spool->written - offset) : SPOOL_BUFFER;
    ssize_t count;

    do {
        count = pread(spool->descriptor, buffer, wanted, (off_t)(offset - SPOOL_MEMORY));
    } while (count < 0 && errno == EINTR);
    if (count == 0)
        errno = EIO;               /* shorter than what was written: somebody cut it */
    if (count <= 0)
        return false;
    *run_out = slice_of(buffer, (size_t)count);
    return true;
}

bool spool_read(struct spool *spool, uint64_t offset, struct slice *run_out)
{
    *run_out = SLICE_NONE;
    if (offset >= spool->size)
        return true;
    if (offset < SPOOL_MEMORY) {
        uint64_t end = spool->size < SPOOL_MEMORY ? spool->size : SPOOL_MEMORY;

        *run_out = slice_of(spool->memory + offset, (size_t)(end - offset));
        return true;
    }
    if (offset < spool->written)
        return read_file(spool, offset, run_out);
    *run_out = slice_of(spool->memory + SPOOL_MEMORY + (size_t)(offset - spool->written),
                        (size_t)(spool->size - offset));
    return true;
}

bool spool_head(struct spool *spool, size_t length, struct slice *head_out)
{
    *head_out = SLICE_NONE;
    if (length > SPOOL_MEMORY || length > spool->size)
        return false;
    if (length > 0)
        *head_out = slice_of(spool->memory, length);
    return true;
}

bool spool_is_on_disk(const struct spool *spool)
{
    return spool->size > SPOOL_MEMORY;
}
