/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nullbackend.c: a mail server that takes everything for example.org and keeps nothing, as fast as it can: the other
 * end of `make bench`. One thread, epoll. Offers PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES, CHUNKING and XCLIENT.
 * nullbackend ADDRESS PORT [JOURNAL]; runs until it is killed. Exit status 2: it cannot listen.
 *
 * With a JOURNAL, each message is noted there before it is accepted, by one write of one line, so that whenever the
 * process is killed the journal holds what it said 250 to: the value of the field X-Test, and the SHA-256 of the
 * message from that field on (what a filter put on top of it does not count).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MOST 4096
#define REPLIES_MOST 16384

struct connection {
    int descriptor;
    char line[LINE_MOST];
    size_t line_length;
    bool in_data;
    unsigned end_matched;          /* bytes of CRLF.CRLF seen */
    unsigned long long chunk_left; /* of BDAT */
    bool chunk_last;
    char replies[REPLIES_MOST];
    size_t replies_length;
    bool closing;
    char *content;                 /* of the message, unstuffed, where a journal is kept */
    size_t content_length, content_room;
};

static int journal = -1;

static const char ehlo_reply[] = "250-null.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n"
                                 "250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\r\n"
                                 "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 CHUNKING\r\n";

static void say(struct connection *connection, const char *text)
{
    size_t length = strlen(text);

    if (connection->replies_length + length > REPLIES_MOST) {
        connection->closing = true;
        return;
    }
    memcpy(connection->replies + connection->replies_length, text, length);
    connection->replies_length += length;
}

/* ---- the journal */

static void keep(struct connection *connection, const char *bytes, size_t length)
{
    if (journal < 0)
        return;
    if (connection->content_length + length > connection->content_room) {
        connection->content_room = (connection->content_length + length) * 2;
        connection->content = realloc(connection->content, connection->content_room);
        if (connection->content == NULL)
            abort();
    }
    memcpy(connection->content + connection->content_length, bytes, length);
    connection->content_length += length;
}

static void forget(struct connection *connection)
{
    connection->content_length = 0;
}

/* Where the field X-Test begins; the end when there is none. */
static const char *find_mark(const char *content, size_t length)
{
    static const char mark[] = "\r\nX-Test: ";
    const char *found;

    if (length >= sizeof(mark) - 3 && memcmp(content, mark + 2, sizeof(mark) - 3) == 0)
        return content;
    found = length == 0 ? NULL : memmem(content, length, mark, sizeof(mark) - 1);
    return found == NULL ? content + length : found + 2;
}

/* False: it could not be noted, and must not be accepted. */
static bool note(struct connection *connection)
{
    const char *start = find_mark(connection->content, connection->content_length);
    size_t length = connection->content_length - (size_t)(start - connection->content);
    const char *end = length == 0 ? NULL : memchr(start, '\r', length);
    int name_length = end == NULL ? 0 : (int)(end - start) - 8;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char line[256];
    int used;

    if (journal < 0)
        return true;
    SHA256((const unsigned char *)start, length, digest);
    used = snprintf(line, sizeof(line) - 80, "%.*s ", name_length, name_length > 0 ? start + 8 : "");
    if (used < 0 || used >= (int)sizeof(line) - 80)
        return false;
    for (size_t i = 0; i < sizeof(digest); i++)
        used += snprintf(line + used, sizeof(line) - (size_t)used, "%02x", digest[i]);
    line[used++] = '\n';
    forget(connection);
    return write(journal, line, (size_t)used) == used;
}

static void accept_message(struct connection *connection)
{
    say(connection, note(connection) ? "250 2.0.0 Ok: dropped\r\n" : "451 4.3.0 the journal cannot be written\r\n");
}

/* ---- the dialogue */

static bool is_verb(const char *line, const char *verb)
{
    return strncasecmp(line, verb, strlen(verb)) == 0;
}

static void begin_chunk(struct connection *connection, const char *line)
{
    char *rest;

    connection->chunk_left = strtoull(line + 5, &rest, 10);
    connection->chunk_last = strcasestr(rest, "LAST") != NULL;
    if (connection->chunk_left > 0)
        return;
    if (connection->chunk_last)
        accept_message(connection);
    else
        say(connection, "250 2.0.0 Ok\r\n");
}

static void obey(struct connection *connection, const char *line)
{
    if (is_verb(line, "EHLO"))
        say(connection, ehlo_reply);
    else if (is_verb(line, "MAIL") || is_verb(line, "RSET")) {
        forget(connection);
        say(connection, "250 2.0.0 Ok\r\n");
    } else if (is_verb(line, "XCLIENT"))
        say(connection, "220 null.example ESMTP\r\n");
    else if (is_verb(line, "RCPT") && strcasestr(line, "@example.org>") == NULL)
        say(connection, "554 5.7.1 Relay access denied\r\n");
    else if (is_verb(line, "DATA")) {
        connection->in_data = true;
        connection->end_matched = 2;       /* the command's own CRLF */
        say(connection, "354 go on\r\n");
    } else if (is_verb(line, "BDAT "))
        begin_chunk(connection, line);
    else if (is_verb(line, "QUIT")) {
        say(connection, "221 2.0.0 Bye\r\n");
        connection->closing = true;
    } else
        say(connection, "250 2.0.0 Ok\r\n");
}

/* The byte belongs to the message: so does what was held back because it might have been its end. */
static void keep_byte(struct connection *connection, char byte)
{
    /* A dot that begins a line is never the message's own (RFC 5321 4.5.2). */
    if (connection->end_matched == 4)
        keep(connection, "\r", 1);
    keep(connection, &byte, 1);
}

/* Bytes of the body that were consumed; at the end of data there is a reply. */
static size_t take_data(struct connection *connection, const char *bytes, size_t length)
{
    static const char end[] = "\r\n.\r\n";

    for (size_t i = 0; i < length; i++) {
        bool matches = bytes[i] == end[connection->end_matched];

        if (!matches || connection->end_matched < 2)
            keep_byte(connection, bytes[i]);
        if (matches)
            connection->end_matched++;
        else
            connection->end_matched = bytes[i] == '\r' ? 1 : 0;
        if (connection->end_matched == 5) {
            connection->in_data = false;
            accept_message(connection);
            return i + 1;
        }
    }
    return length;
}

static size_t take_chunk(struct connection *connection, const char *bytes, size_t length)
{
    size_t taken = connection->chunk_left < length ? (size_t)connection->chunk_left : length;

    keep(connection, bytes, taken);
    connection->chunk_left -= taken;
    if (connection->chunk_left == 0 && connection->chunk_last)
        accept_message(connection);
    else if (connection->chunk_left == 0)
        say(connection, "250 2.0.0 Ok\r\n");
    return taken;
}

static size_t take_line(struct connection *connection, const char *bytes, size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    size_t taken = end == NULL ? length : (size_t)(end - bytes) + 1;

    if (connection->line_length + taken >= LINE_MOST) {
        connection->closing = true;
        return length;
    }
    memcpy(connection->line + connection->line_length, bytes, taken);
    connection->line_length += taken;
    if (end != NULL) {
        connection->line[connection->line_length] = '\0';
        connection->line_length = 0;
        obey(connection, connection->line);
    }
    return taken;
}

static void take(struct connection *connection, const char *bytes, size_t length)
{
    while (length > 0 && !connection->closing) {
        size_t taken;

        if (connection->in_data)
            taken = take_data(connection, bytes, length);
        else if (connection->chunk_left > 0)
            taken = take_chunk(connection, bytes, length);
        else
            taken = take_line(connection, bytes, length);
        bytes += taken;
        length -= taken;
    }
}

/* False: the connection is over. Replies are far smaller than a socket's buffer: one write takes them. */
static bool serve(struct connection *connection)
{
    static char bytes[1 << 18];
    ssize_t length = recv(connection->descriptor, bytes, sizeof(bytes), 0);

    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EINTR);
    take(connection, bytes, (size_t)length);
    if (connection->replies_length > 0 &&
        send(connection->descriptor, connection->replies, connection->replies_length, MSG_NOSIGNAL) < 0)
        return false;
    connection->replies_length = 0;
    return !connection->closing;
}

static void welcome(int poll, int listener)
{
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int on = 1;
    struct connection *connection;

    if (descriptor < 0)
        return;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        abort();
    connection->descriptor = descriptor;
    say(connection, "220 null.example ESMTP\r\n");
    epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = connection });
    if (send(descriptor, connection->replies, connection->replies_length, MSG_NOSIGNAL) >= 0)
        connection->replies_length = 0;
}

static int listen_on(const char *address, const char *port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((unsigned short)strtoul(port, NULL, 10)) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (inet_pton(AF_INET, address, &name.sin_addr) != 1 || listener < 0)
        return -1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(listener, 4096) < 0) {
        close(listener);
        return -1;
    }
    return listener;
}

int main(int argc, char **argv)
{
    int listener = argc >= 3 ? listen_on(argv[1], argv[2]) : -1;
    int poll = epoll_create1(EPOLL_CLOEXEC);

    if (argc == 4)
        journal = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (listener < 0 || poll < 0 || argc > 4 || (argc == 4 && journal < 0)) {
        fprintf(stderr, "usage: nullbackend ADDRESS PORT [JOURNAL]; and it must be free\n");
        return 2;
    }
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN, .data.ptr = NULL });
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(poll, events, 256, -1);

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (connection == NULL) {
                welcome(poll, listener);
            } else if (!serve(connection)) {
                close(connection->descriptor);
                free(connection->content);
                free(connection);
            }
        }
    }
}
