/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smtpload.c: sends messages over many connections at once, each as fast as it is answered, and says how it went. One
 * thread, epoll. The list has one message a line: SENDER RECIPIENT SOURCE-ADDRESS HELO FILE; the lines are used in
 * turn; files hold CRLF lines. Messages are read and stuffed before the clock starts.
 *
 *   smtpload -a ADDRESS -p PORT -c CONNECTIONS -n MESSAGES [-m MESSAGES-A-CONNECTION] -l LIST
 *
 * Prints one JSON object: seconds, messages by reply code, failures (connections that ended early), first and last
 * reply's time.
 * Exit status 0: every message was answered; 1: not; 2: the call was wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REPLY_MOST 8192
#define LIST_MOST 65536
#define CODES 600

enum state { STATE_CONNECT, STATE_GREETING, STATE_EHLO, STATE_ENVELOPE, STATE_BODY, STATE_QUIT };

struct message {
    char sender[256], recipient[256], source[64], helo[256], path[1024];
    char *bytes;                   /* stuffed, with the final dot */
    size_t length;
};

struct connection {
    int descriptor;
    enum state state;
    const struct message *message;
    unsigned replies_due;          /* to pipelined commands */
    unsigned refused;              /* code of the first refusal in the envelope */
    unsigned sent_here;            /* messages over this connection */
    char input[REPLY_MOST];
    size_t input_length;
    const char *output;            /* what is being sent */
    size_t output_length;
    char commands[2048];
    bool wants_write;
};

static struct {
    struct sockaddr_in server;
    unsigned connections, messages, each;
    struct message *list;
    size_t list_count;
    int poll;
    unsigned begun, answered, failures, open;
    unsigned codes[CODES];
    double start, first, last;
} load = { .connections = 1, .messages = 1, .each = 10 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "smtpload: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- messages */

static void stuff(struct message *message, const char *text, size_t length)
{
    char *out = message->bytes = malloc(length * 2 + 8);
    bool line_start = true;

    if (out == NULL)
        die("memory");
    for (size_t i = 0; i < length; i++) {
        if (line_start && text[i] == '.')
            *out++ = '.';
        *out++ = text[i];
        line_start = text[i] == '\n';
    }
    memcpy(out, ".\r\n", 3);
    message->length = (size_t)(out - message->bytes) + 3;
}

static void read_message(struct message *message)
{
    FILE *file = fopen(message->path, "rb");
    char *text;
    long length;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die(message->path);
    length = ftell(file);
    if (length < 0)
        die(message->path);
    rewind(file);
    text = malloc((size_t)length + 1);
    if (text == NULL || fread(text, 1, (size_t)length, file) != (size_t)length)
        die(message->path);
    fclose(file);
    stuff(message, text, (size_t)length);
    free(text);
}

static void read_list(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[4096];

    load.list = calloc(LIST_MOST, sizeof(*load.list));
    if (file == NULL || load.list == NULL)
        die(path);
    while (load.list_count < LIST_MOST && fgets(line, sizeof(line), file) != NULL) {
        struct message *message = &load.list[load.list_count];

        if (sscanf(line, "%255s %255s %63s %255s %1023s", message->sender, message->recipient, message->source,
                   message->helo, message->path) != 5) {
            fprintf(stderr, "smtpload: %s: not five words: %s", path, line);
            exit(2);
        }
        read_message(message);
        load.list_count++;
    }
    fclose(file);
    if (load.list_count == 0) {
        fprintf(stderr, "smtpload: %s is empty\n", path);
        exit(2);
    }
}

/* ---- connections */

static void watch(struct connection *connection, bool wants_write)
{
    struct epoll_event event = { .events = EPOLLIN | (wants_write ? EPOLLOUT : 0U), .data.ptr = connection };

    if (wants_write != connection->wants_write)
        epoll_ctl(load.poll, EPOLL_CTL_MOD, connection->descriptor, &event);
    connection->wants_write = wants_write;
}

static bool flush(struct connection *connection)
{
    while (connection->output_length > 0) {
        ssize_t sent = send(connection->descriptor, connection->output, connection->output_length, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            watch(connection, true);
            return true;
        }
        if (sent < 0)
            return false;
        connection->output += sent;
        connection->output_length -= (size_t)sent;
    }
    watch(connection, false);
    return true;
}

static bool send_bytes(struct connection *connection, enum state state, unsigned replies, const char *bytes,
                       size_t length)
{
    connection->state = state;
    connection->replies_due = replies;
    connection->refused = 0;
    connection->output = bytes;
    connection->output_length = length;
    return flush(connection);
}

static void open_connection(struct connection *connection)
{
    struct sockaddr_in source = { .sin_family = AF_INET };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = connection };
    int on = 1;

    memset(connection, 0, sizeof(*connection));
    connection->message = &load.list[load.begun % load.list_count];
    connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->descriptor < 0)
        die("socket");
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(connection->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (inet_pton(AF_INET, connection->message->source, &source.sin_addr) != 1 ||
        bind(connection->descriptor, (struct sockaddr *)&source, sizeof(source)) < 0)
        die(connection->message->source);
    if (connect(connection->descriptor, (struct sockaddr *)&load.server, sizeof(load.server)) < 0 &&
        errno != EINPROGRESS)
        die("connect");
    connection->state = STATE_CONNECT;
    connection->wants_write = true;
    epoll_ctl(load.poll, EPOLL_CTL_ADD, connection->descriptor, &event);
    load.begun++;
    load.open++;
}

/* Its last message was answered or lost; another connection follows while there are messages. */
static void end_connection(struct connection *connection)
{
    close(connection->descriptor);
    connection->descriptor = -1;
    load.open--;
    if (load.begun < load.messages)
        open_connection(connection);
}

static bool begin_message(struct connection *connection)
{
    const struct message *message = connection->message;
    int length = snprintf(connection->commands, sizeof(connection->commands),
                          "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n",
                          strcmp(message->sender, "-") == 0 ? "" : message->sender, message->recipient);

    connection->sent_here++;
    return send_bytes(connection, STATE_ENVELOPE, 3, connection->commands, (size_t)length);
}

static bool end_message(struct connection *connection, unsigned code)
{
    load.last = now();
    if (load.answered++ == 0)
        load.first = load.last;
    load.codes[code < CODES ? code : 0]++;
    if (connection->sent_here < load.each && load.begun < load.messages && code < 400) {
        connection->message = &load.list[load.begun++ % load.list_count];
        return begin_message(connection);
    }
    return send_bytes(connection, STATE_QUIT, 1, "QUIT\r\n", 6);
}

/* One whole reply came. */
static bool advance(struct connection *connection, unsigned code)
{
    int length;

    if (code >= 400 && connection->refused == 0)
        connection->refused = code;
    if (connection->replies_due > 1) {
        connection->replies_due--;
        return true;
    }
    switch (connection->state) {
    case STATE_CONNECT:
    case STATE_GREETING:
        if (code != 220)
            return end_message(connection, code);
        length = snprintf(connection->commands, sizeof(connection->commands), "EHLO %s\r\n", connection->message->helo);
        return send_bytes(connection, STATE_EHLO, 1, connection->commands, (size_t)length);
    case STATE_EHLO:
        return code == 250 ? begin_message(connection) : end_message(connection, code);
    case STATE_ENVELOPE:
        if (connection->refused != 0)
            return end_message(connection, connection->refused);
        return send_bytes(connection, STATE_BODY, 1, connection->message->bytes, connection->message->length);
    case STATE_BODY:
        return end_message(connection, code);
    case STATE_QUIT:
        return false;
    }
    return false;
}

static bool read_replies(struct connection *connection)
{
    ssize_t length = recv(connection->descriptor, connection->input + connection->input_length,
                          REPLY_MOST - connection->input_length, 0);
    char *line = connection->input;
    char *end;

    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EINTR);
    connection->input_length += (size_t)length;
    while ((end = memchr(line, '\n', connection->input_length - (size_t)(line - connection->input))) != NULL) {
        bool last = end - line >= 4 && line[3] != '-';
        unsigned code = (unsigned)strtoul(line, NULL, 10);

        line = end + 1;
        if (last && !advance(connection, code))
            return false;
    }
    connection->input_length -= (size_t)(line - connection->input);
    memmove(connection->input, line, connection->input_length);
    return connection->input_length < REPLY_MOST;
}

static void serve(struct connection *connection, unsigned events)
{
    bool alive = true;

    if (connection->state == STATE_CONNECT && (events & EPOLLOUT) != 0) {
        connection->state = STATE_GREETING;
        watch(connection, false);
    } else if ((events & EPOLLOUT) != 0) {
        alive = flush(connection);
    }
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        alive = read_replies(connection);
    if (alive)
        return;
    if (connection->state != STATE_QUIT)
        load.failures++;
    end_connection(connection);
}

static void report(void)
{
    printf("{\"messages\": %u, \"answered\": %u, \"failures\": %u, ", load.messages, load.answered, load.failures);
    printf("\"seconds\": %.3f, \"first\": %.3f, \"last\": %.3f, \"codes\": {", now() - load.start,
           load.first - load.start, load.last - load.start);
    for (unsigned code = 0, count = 0; code < CODES; code++)
        if (load.codes[code] > 0)
            printf("%s\"%u\": %u", count++ > 0 ? ", " : "", code, load.codes[code]);
    printf("}}\n");
}

static void read_options(int argc, char **argv)
{
    int option;
    const char *list = NULL;

    load.server.sin_family = AF_INET;
    while ((option = getopt(argc, argv, "a:p:c:n:m:l:")) != -1) {
        switch (option) {
        case 'a': inet_pton(AF_INET, optarg, &load.server.sin_addr); break;
        case 'p': load.server.sin_port = htons((unsigned short)strtoul(optarg, NULL, 10)); break;
        case 'c': load.connections = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'n': load.messages = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': load.each = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'l': list = optarg; break;
        default: exit(2);
        }
    }
    if (list == NULL || load.server.sin_port == 0) {
        fprintf(stderr, "usage: smtpload -a ADDRESS -p PORT -c CONNECTIONS -n MESSAGES [-m EACH] -l LIST\n");
        exit(2);
    }
    read_list(list);
}

int main(int argc, char **argv)
{
    struct connection *connections;

    read_options(argc, argv);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(load.connections, sizeof(*connections));
    if (connections == NULL || load.poll < 0)
        die("start");
    load.start = now();
    for (unsigned i = 0; i < load.connections && load.begun < load.messages; i++)
        open_connection(&connections[i]);
    while (load.open > 0) {
        struct epoll_event events[256];
        int count = epoll_wait(load.poll, events, 256, 120000);

        if (count == 0) {
            fprintf(stderr, "smtpload: nothing happened for 120 s\n");
            break;
        }
        for (int i = 0; i < count; i++)
            serve(events[i].data.ptr, events[i].events);
    }
    report();
    return load.answered == load.messages ? 0 : 1;
}
