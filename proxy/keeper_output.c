/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper_output.c: appends to the record file, or sends datagrams to syslog's socket (RFC 3164's local form:
 * <priority>tag[pid]: text). After a write that failed half way the file is cut back to whole lines. Writing
 * can fail at any time; opening, too.
 */
#include "proxy/keeper_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

struct keeper_output {
    enum record_target target;
    char *path;                        /* of the file, or of syslog's socket */
    int descriptor;                    /* -1: syslog is not there */
    bool unfinished;                   /* the file does not end in a line end */
    unsigned long long cut;            /* records that went to syslog in parts */
};

static bool ends_unfinished(int descriptor)
{
    off_t end = lseek(descriptor, 0, SEEK_END);
    char last;

    return end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != '\n';
}

/* -1 with errno. The group may read records. */
static int open_file(const char *path)
{
    int descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                          S_IRUSR | S_IWUSR | S_IRGRP);
    struct stat file;

    if (descriptor < 0)
        return -1;
    if (fstat(descriptor, &file) != 0 || !S_ISREG(file.st_mode)) {
        close(descriptor);
        errno = EINVAL;
        return -1;
    }
    return descriptor;
}

/* A new file gets its mode whatever the umask says. */
static int open_or_make(const char *path)
{
    mode_t before = umask(S_IWGRP | S_IRWXO);
    int descriptor = open_file(path);
    int saved = errno;

    umask(before);
    errno = saved;
    return descriptor;
}

static int connect_syslog(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (descriptor < 0)
        return -1;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int saved = errno;

        close(descriptor);
        errno = saved;
        return -1;
    }
    return descriptor;
}

struct keeper_output *keeper_output_open(const struct config *config, const char *syslog_path, struct arena *arena,
                                         struct slice *problem_out)
{
    struct keeper_output *output = memory_zeroed(1, sizeof(*output));

    output->target = config->record_target;
    output->descriptor = -1;
    if (output->target == RECORD_SYSLOG) {
        output->path = memory_string(syslog_path);
        output->descriptor = connect_syslog(output->path);
    } else if (output->target == RECORD_FILE) {
        output->path = memory_string(config->record_file);
        output->descriptor = open_or_make(output->path);
    }
    if (output->target != RECORD_NONE && output->descriptor < 0) {
        *problem_out = arena_printf(arena, "cannot write records to %s: %s", output->path,
                                    errno == EINVAL ? "not a regular file" : strerror(errno));
        keeper_output_close(&output);
        return NULL;
    }
    output->unfinished = output->target == RECORD_FILE && ends_unfinished(output->descriptor);
    return output;
}

void keeper_output_close(struct keeper_output **output_pointer)
{
    struct keeper_output *output = *output_pointer;

    *output_pointer = NULL;
    if (output == NULL)
        return;
    if (output->descriptor >= 0)
        close(output->descriptor);
    free(output->path);
    free(output);
}

static bool write_whole(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool append_to_file(struct keeper_output *output, struct slice lines)
{
    off_t before = lseek(output->descriptor, 0, SEEK_END);
    int saved;

    if (output->unfinished) {
        if (!write_whole(output->descriptor, "\n", 1))
            return false;
        before++;
        output->unfinished = false;
    }
    if (write_whole(output->descriptor, lines.text, lines.length))
        return true;
    saved = errno;
    if (ftruncate(output->descriptor, before) != 0)
        output->unfinished = ends_unfinished(output->descriptor);
    errno = saved;
    return false;
}

static bool send_message(struct keeper_output *output, const char *head, struct slice text)
{
    struct iovec parts[] = {
        { .iov_base = (char *)(uintptr_t)head, .iov_len = strlen(head) },
        { .iov_base = (char *)(uintptr_t)text.text, .iov_len = text.length },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    for (int attempt = 0; attempt < 2; attempt++) {
        if (output->descriptor >= 0 && sendmsg(output->descriptor, &message, MSG_NOSIGNAL) >= 0)
            return true;
        /* Full is full; anything else may be a syslog that was started anew. */
        if (output->descriptor >= 0 && (errno == EAGAIN || errno == EMSGSIZE))
            return false;
        if (output->descriptor >= 0)
            close(output->descriptor);
        output->descriptor = connect_syslog(output->path);
    }
    return false;
}

/* At most KEEPER_SYSLOG_MOST bytes that do not end within a character. */
static struct slice first_part(struct slice text)
{
    size_t length = KEEPER_SYSLOG_MOST;

    if (text.length <= length)
        return text;
    while (length > 0 && ((unsigned char)text.text[length] & 0xC0) == 0x80)
        length--;
    return slice_first(text, length > 0 ? length : KEEPER_SYSLOG_MOST);
}

static bool send_record(struct keeper_output *output, struct slice record)
{
    char head[120];
    size_t parts = 0;

    if (record.length <= KEEPER_SYSLOG_MOST) {
        snprintf(head, sizeof(head), "<%d>mxward[%d]: ", LOG_MAIL | LOG_INFO, (int)getpid());
        return send_message(output, head, record);
    }
    output->cut++;
    for (struct slice rest = record; rest.length > 0; rest = slice_from(rest, first_part(rest).length))
        parts++;
    for (size_t part = 1; part <= parts; part++) {
        struct slice text = first_part(record);

        snprintf(head, sizeof(head), "<%d>mxward[%d]: part %zu of %zu of record %llu: ", LOG_MAIL | LOG_INFO,
                 (int)getpid(), part, parts, output->cut);
        if (!send_message(output, head, text))
            return false;
        record = slice_from(record, text.length);
    }
    return true;
}

static bool send_to_syslog(struct keeper_output *output, struct slice lines)
{
    while (lines.length > 0) {
        struct slice record = slice_cut(&lines, '\n');

        if (!send_record(output, record))
            return false;
    }
    return true;
}

bool keeper_output_write(struct keeper_output *output, struct slice lines)
{
    switch (output->target) {
    case RECORD_NONE:
        return true;
    case RECORD_FILE:
        return append_to_file(output, lines);
    case RECORD_SYSLOG:
        return send_to_syslog(output, lines);
    }
    bug("record_target");
}

bool keeper_output_reopen(struct keeper_output *output)
{
    int descriptor;

    if (output->target != RECORD_FILE)
        return true;
    descriptor = open_or_make(output->path);
    if (descriptor < 0)
        return false;
    close(output->descriptor);
    output->descriptor = descriptor;
    output->unfinished = ends_unfinished(descriptor);
    return true;
}

bool keeper_output_is_moved(const struct keeper_output *output)
{
    struct stat named, held;

    if (output->target != RECORD_FILE)
        return false;
    if (stat(output->path, &named) != 0)
        return errno == ENOENT;
    return fstat(output->descriptor, &held) == 0 && (named.st_ino != held.st_ino || named.st_dev != held.st_dev);
}
