/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo_client.c: an SMTP client for `mxward demo`: blocking, one transaction a connection, STARTTLS. The certificate
 * was made a moment ago by the demo itself and is not verified. Every wait is bounded.
 */
#include "cli/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define DEMO_WAIT_SECONDS 30
#define DEMO_REPLY_MOST 4096

struct connection {
    int socket;
    SSL_CTX *context;
    SSL *tls;
    char reply[DEMO_REPLY_MOST];
    size_t length;
};

static bool send_all(struct connection *connection, struct slice bytes)
{
    size_t sent = 0;
    while (sent < bytes.length) {
        size_t part = bytes.length - sent < 65536 ? bytes.length - sent : 65536;
        ssize_t count = connection->tls != NULL ? SSL_write(connection->tls, bytes.text + sent, (int)part)
                                                : send(connection->socket, bytes.text + sent, part, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        sent += (size_t)count;
    }
    return true;
}

static int receive_byte(struct connection *connection)
{
    unsigned char byte;
    ssize_t count =
        connection->tls != NULL ? SSL_read(connection->tls, &byte, 1) : recv(connection->socket, &byte, 1, 0);
    return count == 1 ? byte : -1;
}

/* Reads a whole reply; its last line stays in connection->reply. 0: the connection ended. */
static unsigned receive_reply(struct connection *connection)
{
    for (;;) {
        connection->length = 0;
        int byte;
        while ((byte = receive_byte(connection)) >= 0 && byte != '\n')
            if (byte != '\r' && connection->length < sizeof connection->reply - 1)
                connection->reply[connection->length++] = (char)byte;
        connection->reply[connection->length] = '\0';
        if (byte < 0 || connection->length < 3)
            return 0;
        unsigned long long code = 0;
        if (!slice_number(slice_of(connection->reply, 3), 599, &code))
            return 0;
        if (connection->reply[3] != '-')
            return (unsigned)code;
    }
}

static unsigned command(struct connection *connection, struct arena *arena, const char *verb, const char *argument)
{
    struct slice line = arena_printf(arena, "%s%s\r\n", verb, argument);
    return send_all(connection, line) ? receive_reply(connection) : 0;
}

static bool start_tls(struct connection *connection)
{
    connection->context = SSL_CTX_new(TLS_client_method());
    if (connection->context == NULL)
        return false;
    SSL *tls = SSL_new(connection->context);
    if (tls == NULL || SSL_set_fd(tls, connection->socket) != 1 || SSL_connect(tls) != 1) {
        SSL_free(tls);
        return false;
    }
    connection->tls = tls;
    return true;
}

static bool connect_from(struct connection *connection, const char *source, uint16_t port)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct timeval wait = { DEMO_WAIT_SECONDS, 0 };
    int on = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (inet_pton(AF_INET, source, &from.sin_addr) != 1)
        return false;
    connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connection->socket >= 0 &&
           setsockopt(connection->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
           setsockopt(connection->socket, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
           /* Else the story would show 40 ms of waiting for an acknowledgement before the end of data. */
           setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           bind(connection->socket, (struct sockaddr *)&from, sizeof from) == 0 &&
           connect(connection->socket, (struct sockaddr *)&to, sizeof to) == 0;
}

/* Up to the first reply that is not positive, or to the last. */
static unsigned converse(struct connection *connection, const struct demo_mail *mail, struct slice message,
                         struct arena *arena)
{
    unsigned code = receive_reply(connection);
    if (code != 220)
        return code;
    if ((code = command(connection, arena, "EHLO ", "client.example")) != 250 ||
        (code = command(connection, arena, "STARTTLS", "")) != 220)
        return code;
    if (!start_tls(connection)) {
        snprintf(connection->reply, sizeof connection->reply, "the TLS handshake failed");
        return 0;
    }
    struct slice from = arena_printf(arena, "<%s>", mail->sender);
    if ((code = command(connection, arena, "EHLO ", "client.example")) != 250 ||
        (code = command(connection, arena, "MAIL FROM:", from.text)) != 250 ||
        (code = command(connection, arena, "RCPT TO:", "<you@mxward.example>")) != 250 ||
        (code = command(connection, arena, "DATA", "")) != 354)
        return code;
    if (!send_all(connection, message) || !send_all(connection, SLICE(".\r\n")))
        return 0;
    return receive_reply(connection);
}

struct demo_reply demo_send(uint16_t port, const struct demo_mail *mail, struct slice message, struct arena *arena)
{
    struct connection connection = { .socket = -1 };
    struct demo_reply reply = { 0 };
    if (connect_from(&connection, mail->client, port))
        reply.code = converse(&connection, mail, message, arena);
    else
        snprintf(connection.reply, sizeof connection.reply, "cannot connect from %s: %s", mail->client,
                 strerror(errno));
    reply.tls = connection.tls != NULL;
    reply.text = arena_copy(arena, slice_of_string(connection.reply));
    if (reply.code != 0)
        send_all(&connection, SLICE("QUIT\r\n"));
    SSL_free(connection.tls);
    SSL_CTX_free(connection.context);
    if (connection.socket >= 0)
        close(connection.socket);
    return reply;
}
