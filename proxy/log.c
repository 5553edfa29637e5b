/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.c: a line is put together in a buffer of its own size limit and written with one write(), which a pipe
 * keeps whole (PIPE_BUF is 4096 on Linux, pipe(7)). Values longer than their share are cut and end in "...".
 * Nothing fails; nothing allocates.
 */
#include "proxy/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MOST 4096
/* Of one value as written; a line of the longest message and some names fits. */
#define VALUE_MOST 1200

struct line {
    char bytes[LINE_MOST];
    size_t length;
};

static char process_name[32] = "mxward";
static bool to_journal;
static unsigned long lines_dropped;

/* systemd sets JOURNAL_STREAM to device:inode of the socket it gave as standard error (systemd.exec(5)). */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char expected[48];
    struct stat status;

    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, expected) == 0;
}

void log_begin(const char *process)
{
    snprintf(process_name, sizeof(process_name), "%s", process);
    to_journal = is_journal();
}

static void put(struct line *line, const char *text, size_t length)
{
    /* One byte stays for the line end. */
    size_t room = sizeof(line->bytes) - 1 - line->length;

    if (length > room)
        length = room;
    memcpy(line->bytes + line->length, text, length);
    line->length += length;
}

static void put_string(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool is_plain(const char *value)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-";

    return value[0] != '\0' && value[strspn(value, plain)] == '\0';
}

static void put_escaped(struct line *line, unsigned char c)
{
    char text[8];

    if (c == '"' || c == '\\')
        snprintf(text, sizeof(text), "\\%c", c);
    else if (c >= ' ' && c <= '~')
        snprintf(text, sizeof(text), "%c", c);
    else
        snprintf(text, sizeof(text), "\\x%02X", c);
    put_string(line, text);
}

static void put_value(struct line *line, const char *value)
{
    size_t end = line->length + VALUE_MOST;

    if (is_plain(value) && strlen(value) <= VALUE_MOST) {
        put_string(line, value);
        return;
    }
    put_string(line, "\"");
    for (const char *c = value; *c != '\0'; c++) {
        if (line->length >= end) {
            put_string(line, "...");
            break;
        }
        put_escaped(line, (unsigned char)*c);
    }
    put_string(line, "\"");
}

static void put_pair(struct line *line, const char *name, const char *value)
{
    put_string(line, " ");
    put_string(line, name);
    put_string(line, "=");
    put_value(line, value);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    return "error";
}

/* Priorities as the journal takes them at a line's start (sd-daemon(3)). */
static const char *level_prefix(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_INFO:
        return "<6>";
    case LOG_LEVEL_WARNING:
        return "<4>";
    case LOG_LEVEL_ERROR:
        return "<3>";
    }
    return "<3>";
}

static void write_line(struct line *line)
{
    struct pollfd poll_error = { .fd = STDERR_FILENO, .events = POLLOUT };

    line->bytes[line->length++] = '\n';
    if (poll(&poll_error, 1, 0) != 1 || (poll_error.revents & POLLOUT) == 0 ||
        write(STDERR_FILENO, line->bytes, line->length) < 0)
        lines_dropped++;
    else
        lines_dropped = 0;
}

void log_event(enum log_level level, const char *event, ...)
{
    struct line line = { .length = 0 };
    va_list pairs;
    const char *name;

    if (to_journal)
        put_string(&line, level_prefix(level));
    put_string(&line, "level=");
    put_string(&line, level_name(level));
    put_pair(&line, "event", event);
    put_pair(&line, "process", process_name);
    put_pair(&line, "pid", log_number(getpid()));
    if (lines_dropped > 0)
        put_pair(&line, "lines-dropped", log_number((long long)lines_dropped));
    va_start(pairs, event);
    while ((name = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        if (value != NULL)
            put_pair(&line, name, value);
    }
    va_end(pairs);
    write_line(&line);
}

const char *log_number(long long number)
{
    static char buffers[8][24];
    static unsigned next;
    char *buffer = buffers[next++ % 8];

    snprintf(buffer, sizeof(buffers[0]), "%lld", number);
    return buffer;
}
