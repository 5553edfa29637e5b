/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nullbackend.c: a mail server that takes everything for example.org and keeps nothing, as fast as it can: the other
 * end of `make bench`. One thread, epoll. Offers PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES, CHUNKING and XCLIENT.
 * nullbackend ADDRESS PORT; runs until it is killed. Exit status 2: it cannot listen.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
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
};

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

static bool is_verb(const char *line, const char *verb)
{
    return strncasecmp(line, verb, strlen(verb)) == 0;
}

static void begin_chunk(struct connection *connection, const char *line)
{
    char *rest;

    connection->chunk_left = strtoull(line + 5, &rest, 10);
    connection->chunk_last = strcasestr(rest, "LAST") != NULL;
    if (connection->chunk_left == 0)
        say(connection, "250 2.0.0 Ok\r\n");
}

static void obey(struct connection *connection, const char *line)
{
    if (is_verb(line, "EHLO"))
        say(connection, ehlo_reply);
    else if (is_verb(line, "XCLIENT"))
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

/* Bytes of the body that were consumed; at the end of data there is a reply. */
static size_t take_data(struct connection *connection, const char *bytes, size_t length)
{
    static const char end[] = "\r\n.\r\n";

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == end[connection->end_matched])
            connection->end_matched++;
        else
            connection->end_matched = bytes[i] == '\r' ? 1 : 0;
        if (connection->end_matched == 5) {
            connection->in_data = false;
            say(connection, "250 2.0.0 Ok: dropped\r\n");
            return i + 1;
        }
    }
    return length;
}

static size_t take_chunk(struct connection *connection, size_t length)
{
    size_t taken = connection->chunk_left < length ? (size_t)connection->chunk_left : length;

    connection->chunk_left -= taken;
    if (connection->chunk_left == 0)
        say(connection, connection->chunk_last ? "250 2.0.0 Ok: dropped\r\n" : "250 2.0.0 Ok\r\n");
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
            taken = take_chunk(connection, length);
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
    int listener = argc == 3 ? listen_on(argv[1], argv[2]) : -1;
    int poll = epoll_create1(EPOLL_CLOEXEC);

    if (listener < 0 || poll < 0) {
        fprintf(stderr, "usage: nullbackend ADDRESS PORT; and it must be free\n");
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
                free(connection);
            }
        }
    }
}
