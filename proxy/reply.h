/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply.h: SMTP replies (RFC 5321 4.2; enhanced codes RFC 2034, 3463): made by us, or read from a backend and passed
 * unchanged.
 */
#ifndef MXWARD_PROXY_REPLY_H
#define MXWARD_PROXY_REPLY_H

#include "rules/arena.h"
#include "rules/slice.h"

/* RFC 5321 4.5.3.1.5: 512 octets a line; backends that send longer ones are cut off as faulty at twice that. */
#define REPLY_LINE_MOST 1024
#define REPLY_LINES_MOST 128

/* A whole reply; `lines` have neither code nor separator nor CRLF. Enhanced codes of a backend stay in the lines. */
struct reply {
    unsigned code;                 /* 200-599; 0: none */
    const struct slice *lines;
    size_t count;
};

/*
 * One line; `enhanced` may be empty. Text is in `arena`. Bytes outside printable ASCII become '?'; cut at 512 octets.
 */
struct reply reply_make(struct arena *arena, unsigned code, const char *enhanced, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Several lines. */
struct reply reply_lines(struct arena *arena, unsigned code, const struct slice *lines, size_t count);
struct reply reply_copy(struct arena *arena, const struct reply *reply);
/* As sent: "250-..CRLF250 ..CRLF". */
struct slice reply_print(struct arena *arena, const struct reply *reply);
/* One line for logs and records: lines joined by " / ", the code in front. */
struct slice reply_text(struct arena *arena, const struct reply *reply);
/* The enhanced code at the start of the first line ("5.7.1"), or empty. */
struct slice reply_enhanced(const struct reply *reply);

static inline bool reply_is_positive(const struct reply *reply) { return reply->code >= 200 && reply->code < 400; }
static inline bool reply_is_temporary(const struct reply *reply) { return reply->code >= 400 && reply->code < 500; }
static inline bool reply_is_permanent(const struct reply *reply) { return reply->code >= 500; }

/* Reads a reply line by line. */
struct reply_reader {
    struct arena *arena;           /* lines are copied here */
    unsigned code;
    struct slice *lines;
    size_t count;
    size_t room;
    size_t line_most;              /* octets of a line; 0: REPLY_LINE_MOST */
};
enum reply_status { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };
void reply_reader_begin(struct reply_reader *reader, struct arena *arena);
/*
 * One line without CRLF. DONE: *reply_out is whole. BROKEN: not "3DIGIT[-SP]text", another code than before, or too
 * many lines.
 */
enum reply_status reply_reader_line(struct reply_reader *reader, struct slice line, struct reply *reply_out);

#endif
