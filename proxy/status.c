/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.c: the table as a mapped file. It is sparse: a page that no column wrote takes no memory. All numbers
 * are atomics, so that a reader sees whole numbers; sums over columns are as exact as a moment can be. Making
 * and opening can fail, nothing else.
 */
#include "proxy/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rules/arena.h"

/* "mxward", layout 2; another layout is another number. */
#define STATUS_MAGIC UINT64_C(0x6d78776172640002)
/* The largest page size of the processors Linux runs on that matter here. */
#define STATUS_PAGE 65536

struct status_column {
    _Atomic uint64_t counters[STATUS_COUNTERS];
    _Atomic uint64_t entered;
    struct status_backend backends[STATUS_BACKENDS];
};

struct status {
    uint64_t magic;
    uint64_t size;
    uint64_t seed;
    struct status_about about;
    struct status_column columns[STATUS_COLUMNS];
    /* On pages of its own, which status_bury() gives back. */
    _Alignas(STATUS_PAGE) struct status_network networks[STATUS_COLUMNS][STATUS_NETWORKS];
};
_Static_assert(sizeof(struct status_network[STATUS_NETWORKS]) % STATUS_PAGE == 0,
               "a column's networks are whole pages");

static const struct {
    const char *name;
    const char *help;
    bool gauge;
} counters[STATUS_COUNTERS] = {
    [STATUS_SESSIONS] = { "sessions", "sessions now", true },
    [STATUS_BACKEND_SESSIONS] = { "backend-sessions", "sessions with the backend now", true },
    [STATUS_MEMORY] = { "memory", "bytes of messages held in memory now", true },
    [STATUS_SPOOL] = { "spool", "bytes of messages held in files now", true },
    [STATUS_SESSIONS_TOTAL] = { "sessions-total", "sessions begun", false },
    [STATUS_SESSIONS_REFUSED] = { "sessions-refused", "sessions refused by a limit", false },
    [STATUS_SESSIONS_CLOSED] = { "sessions-closed", "idle sessions closed at the limit of sessions", false },
    [STATUS_PROXY_REFUSED] = { "proxy-refused", "connections closed for want of a PROXY header to believe", false },
    [STATUS_XCLIENT_REFUSED] = { "xclient-refused", "sessions closed for an XCLIENT not to be believed", false },
    [STATUS_FOREIGN] = { "foreign-protocols", "sessions closed because they spoke HTTP or TLS instead of SMTP", false },
    [STATUS_EARLY_TALKERS] = { "early-talkers", "sessions that spoke before the banner", false },
    [STATUS_TLS_SESSIONS] = { "tls-sessions", "TLS handshakes completed", false },
    [STATUS_TLS_FAILURES] = { "tls-failures", "TLS handshakes failed", false },
    [STATUS_AUTHENTICATED] = { "authenticated", "sessions whose AUTH succeeded", false },
    [STATUS_AUTH_FAILURES] = { "auth-failures", "AUTHs that the backend refused", false },
    [STATUS_AUTH_LIMITED] = { "auth-limited", "AUTHs refused by the limit auth-failures", false },
    [STATUS_TRANSACTIONS] = { "transactions", "transactions begun", false },
    [STATUS_PASSED] = { "passed", "messages passed and accepted by the backend", false },
    [STATUS_TAGGED] = { "tagged", "of these, messages tagged by a rule", false },
    [STATUS_REJECTED] = { "rejected", "messages and recipients rejected by mxward", false },
    [STATUS_DEFERRED] = { "deferred", "messages and recipients deferred by mxward", false },
    [STATUS_ABANDONED] = { "abandoned", "transactions whose client vanished or gave up", false },
    [STATUS_BACKEND_REFUSED] = { "backend-refused", "transactions the backend refused", false },
    [STATUS_BACKEND_FAILURES] = { "backend-failures", "backend sessions lost", false },
    [STATUS_BYTES] = { "bytes", "bytes of messages received", false },
    [STATUS_QUESTIONS] = { "questions", "DNS questions asked", false },
    [STATUS_JUDGE_DEATHS] = { "judge-deaths", "judge processes that died", false },
    [STATUS_POISON] = { "poison", "transactions that killed their judge", false },
    [STATUS_RECORDS] = { "records", "records written", false },
    [STATUS_RECORDS_DROPPED] = { "records-dropped", "records lost", false },
    [STATUS_SPOOL_FULL] = { "spool-full", "messages deferred because spool or memory were full", false },
    [STATUS_WORKER_DEATHS] = { "worker-deaths", "worker processes that died", false },
    [STATUS_KEEPER_DEATHS] = { "keeper-deaths", "keeper processes that died", false },
    [STATUS_RELOADS] = { "reloads", "configurations taken anew", false },
    [STATUS_RELOADS_REFUSED] = { "reloads-refused", "reloads that changed nothing because of an error", false },
};

static void initialise(struct status *status)
{
    status->size = sizeof(*status);
    if (getrandom(&status->seed, sizeof(status->seed), 0) != (ssize_t)sizeof(status->seed))
        bug("getrandom");
    snprintf(status->about.version, sizeof(status->about.version), "%s", MXWARD_VERSION);
    status->magic = STATUS_MAGIC;
}

/* Of the process, not of the descriptor: it ends with the master, whoever else holds the file open. */
static bool lock_file(int descriptor)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return fcntl(descriptor, F_SETLK, &lock) == 0;
}

static bool is_locked(int descriptor)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

    return fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool someone_holds(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool held;

    if (descriptor < 0)
        return false;
    held = is_locked(descriptor);
    close(descriptor);
    return held;
}

/* The file under its first name, locked and initialised; NULL with errno. */
static struct status *make_file(const char *path, int *descriptor_out)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    struct status *status = MAP_FAILED;
    int saved;

    if (descriptor < 0)
        return NULL;
    /* The group may read: it is the one that may read the records. */
    if (fchmod(descriptor, S_IRUSR | S_IWUSR | S_IRGRP) == 0 && lock_file(descriptor) &&
        ftruncate(descriptor, sizeof(*status)) == 0)
        status = mmap(NULL, sizeof(*status), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (status == MAP_FAILED) {
        saved = errno;
        close(descriptor);
        unlink(path);
        errno = saved;
        return NULL;
    }
    initialise(status);
    *descriptor_out = descriptor;
    return status;
}

struct status *status_create(const char *path, int *descriptor_out)
{
    struct arena *arena = arena_new();
    const char *fresh = arena_printf(arena, "%s.new", path).text;
    struct status *status = NULL;

    errno = EBUSY;
    if (!someone_holds(path)) {
        unlink(fresh);
        status = make_file(fresh, descriptor_out);
    }
    if (status != NULL && rename(fresh, path) != 0) {
        int saved = errno;

        close(*descriptor_out);
        unlink(fresh);
        status_close(&status);
        errno = saved;
    }
    arena_free(&arena);
    return status;
}

/* Whether it is a table of this layout: 0, or what errno says. */
static int file_problem(int descriptor)
{
    struct stat file;
    uint64_t head[2];

    if (fstat(descriptor, &file) != 0)
        return errno;
    if (!S_ISREG(file.st_mode) || file.st_size != (off_t)sizeof(struct status))
        return EPROTO;
    if (pread(descriptor, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        return EIO;
    return head[0] == STATUS_MAGIC && head[1] == sizeof(struct status) ? 0 : EPROTO;
}

static struct status *map_checked(int descriptor, int protection)
{
    struct status *status;

    errno = file_problem(descriptor);
    if (errno != 0)
        return NULL;
    status = mmap(NULL, sizeof(*status), protection, MAP_SHARED, descriptor, 0);
    return status == MAP_FAILED ? NULL : status;
}

struct status *status_map(int descriptor)
{
    return map_checked(descriptor, PROT_READ | PROT_WRITE);
}

struct status *status_open(const char *path, bool *alive_out)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct status *status;
    int saved;

    if (descriptor < 0)
        return NULL;
    status = map_checked(descriptor, PROT_READ);
    saved = errno;
    *alive_out = is_locked(descriptor);
    close(descriptor);
    errno = saved;
    return status;
}

void status_close(struct status **status)
{
    if (*status != NULL)
        munmap(*status, sizeof(**status));
    *status = NULL;
}

struct status_column *status_column(struct status *status, unsigned column)
{
    if (column >= STATUS_COLUMNS)
        bug("status_column: no such column");
    return &status->columns[column];
}

void status_add(struct status_column *column, enum status_counter counter, int64_t amount)
{
    atomic_fetch_add_explicit(&column->counters[counter], (uint64_t)amount, memory_order_relaxed);
}

uint64_t status_get(const struct status *status, unsigned column, enum status_counter counter)
{
    return atomic_load_explicit(&status->columns[column].counters[counter], memory_order_relaxed);
}

uint64_t status_sum(const struct status *status, enum status_counter counter)
{
    uint64_t sum = 0;

    for (unsigned column = 0; column < STATUS_COLUMNS; column++)
        sum += status_get(status, column, counter);
    return sum;
}

void status_bury(struct status *status, unsigned column)
{
    struct status_column *dead = status_column(status, column);
    struct status_column *own = status_column(status, STATUS_COLUMN_MASTER);

    for (int counter = 0; counter < STATUS_COUNTERS; counter++) {
        uint64_t number = atomic_exchange(&dead->counters[counter], 0);

        if (!counters[counter].gauge)
            status_add(own, (enum status_counter)counter, (int64_t)number);
    }
    atomic_store(&dead->entered, 0);
    memset(dead->backends, 0, sizeof(dead->backends));
    /* A hole reads as zero and takes no memory; a file system without holes gets the zeroes. */
    if (madvise(status->networks[column], sizeof(status->networks[column]), MADV_REMOVE) != 0)
        memset(status->networks[column], 0, sizeof(status->networks[column]));
}

const char *status_counter_name(enum status_counter counter)
{
    return counters[counter].name;
}

const char *status_counter_help(enum status_counter counter)
{
    return counters[counter].help;
}

bool status_counter_is_gauge(enum status_counter counter)
{
    return counters[counter].gauge;
}

struct status_about *status_about(struct status *status)
{
    return &status->about;
}

struct status_backend *status_backends(struct status *status, unsigned column)
{
    return status_column(status, column)->backends;
}

/* What has not changed is not touched, and the last byte never is. */
static void put_text(char *place, size_t room, const char *text)
{
    size_t length = strlen(text);

    if (length >= room)
        length = room - 1;
    if (memcmp(place, text, length) == 0 && place[length] == '\0')
        return;
    memcpy(place, text, length);
    memset(place + length, 0, room - length);
}

void status_put_backend(struct status_backend *place, const char *address, unsigned health, const char *problem)
{
    put_text(place->address, sizeof(place->address), address);
    put_text(place->problem, sizeof(place->problem), problem);
    atomic_store(&place->health, health);
}

_Atomic uint64_t *status_entered(struct status *status, unsigned column)
{
    return &status_column(status, column)->entered;
}

struct status_network *status_networks(struct status *status, unsigned column)
{
    if (column >= STATUS_COLUMNS)
        bug("status_networks: no such column");
    return status->networks[column];
}

uint64_t status_seed(const struct status *status)
{
    return status->seed;
}
