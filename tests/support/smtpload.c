/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smtpload.c: sends messages over many connections at once and says how it went. One thread, epoll. The list has one
 * message a line: SENDER RECIPIENT SOURCE-ADDRESS HELO FILE; the lines are used in turn; files hold CRLF lines.
 * Messages are read and stuffed before the clock starts.
 *
 *   smtpload -a ADDRESS -p PORT -c CONNECTIONS [-n MESSAGES] [-m MESSAGES-A-CONNECTION] -l LIST
 *            [-r A-SECOND] [-s SECONDS] [-j JOURNAL [-b FIRST-NUMBER]]
 *
 * Without -r each message is sent as soon as a connection is free for it. With -s none is begun after that time. With
 * -j every message gets a field "X-Test: s-NUMBER" on top and is tried again until it hears 250 or 5xx (at the end for
 * RETRY_SECONDS more); then a line of the journal says: number, line of the list from 0, code of the last reply,
 * attempts, those that ended with end of data sent and no reply read, those that heard that the mail server behind does
 * not answer: both may have been delivered.
 *
 * Prints one JSON object: seconds, messages by reply code, failures (connections that ended early), refused (nobody
 * listened), begun late (more than a second behind the rate: left out), milliseconds from the beginning of an attempt
 * to 250, first and last reply's time. Exit status 0: every message was answered; 1: not; 2: the call was wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
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
#define RETRY_PAUSE 0.5
#define RETRY_SECONDS 60
/* Longer than any limit of mxward that the tests let run out. */
#define ATTEMPT_SECONDS 120

enum state { STATE_CONNECT, STATE_GREETING, STATE_EHLO, STATE_ENVELOPE, STATE_BODY, STATE_QUIT };

struct message {
    char sender[256], recipient[256], source[64], helo[256], path[1024];
    char *bytes;                   /* stuffed, with the final dot */
    size_t length;
};

/* One message and what became of its attempts. */
struct job {
    unsigned number;
    unsigned tries, unanswered, unheard;
    double due;                    /* of the next attempt */
    struct job *next;
};

struct connection {
    int descriptor;                /* -1: nothing is under way */
    enum state state;
    struct job *job;
    const struct message *message;
    double began;                  /* the attempt */
    unsigned replies_due;          /* to pipelined commands */
    unsigned refused;              /* code of the first refusal in the envelope */
    unsigned sent_here;            /* messages over this connection */
    char input[REPLY_MOST];
    size_t input_length;
    const char *output;            /* what is being sent */
    size_t output_length;
    const char *behind;            /* what follows it */
    size_t behind_length;
    char commands[2048];
    bool unheard;                  /* the reply being read says so */
    bool wants_write;
    struct connection *next_free;
};

static struct {
    struct sockaddr_in server;
    unsigned connections, messages, each, first_number;
    double rate, seconds;
    FILE *journal;
    struct message *list;
    size_t list_count;
    int poll;
    struct connection *all;
    struct connection *free;
    struct job *retries;           /* by time: each waits equally long */
    struct job **retries_end;
    unsigned begun, late, answered, settled, failures, nobody, open, waiting;
    unsigned codes[CODES];
    float *milliseconds;
    size_t milliseconds_count, milliseconds_room;
    double start, first, last;
} load = { .connections = 1, .messages = UINT_MAX, .each = 10, .retries_end = &load.retries };

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

/* ---- jobs */

static bool is_over(double time)
{
    return load.seconds > 0 && time - load.start > load.seconds;
}

/* Whether another message may be begun now: what is more than a second behind the rate is left out. */
static bool may_begin(double time)
{
    double due = (time - load.start) * load.rate - load.late - load.begun;

    if (load.begun >= load.messages || is_over(time))
        return false;
    if (load.rate > 0 && due > load.rate)
        load.late += (unsigned)(due - load.rate);
    return load.rate == 0 || due >= 1;
}

/* The next message for a connection that is free, or NULL. */
static struct job *take_job(void)
{
    double time = now();
    struct job *job = load.retries;

    if (job != NULL && job->due <= time) {
        load.retries = job->next;
        if (load.retries == NULL)
            load.retries_end = &load.retries;
        load.waiting--;
        return job;
    }
    if (!may_begin(time))
        return NULL;
    job = calloc(1, sizeof(*job));
    if (job == NULL)
        die("memory");
    job->number = load.first_number + load.begun++;
    return job;
}

static void end_job(struct connection *connection, unsigned code)
{
    struct job *job = connection->job;

    if (load.journal != NULL)
        fprintf(load.journal, "%u %zu %u %u %u %u\n", job->number, job->number % load.list_count, code, job->tries,
                job->unanswered, job->unheard);
    if (code != 0 && (load.journal == NULL || code == 250 || code >= 500))
        load.settled++;
    free(job);
    connection->job = NULL;
}

/* Its attempt has failed for now. */
static void put_off_job(struct connection *connection, unsigned code)
{
    struct job *job = connection->job;
    double time = now();

    if (load.journal == NULL || (load.seconds > 0 && time - load.start > load.seconds + RETRY_SECONDS)) {
        end_job(connection, code);
        return;
    }
    connection->job = NULL;
    job->due = time + RETRY_PAUSE;
    job->next = NULL;
    *load.retries_end = job;
    load.retries_end = &job->next;
    load.waiting++;
}

static void note_milliseconds(double seconds)
{
    if (load.milliseconds_count == load.milliseconds_room) {
        load.milliseconds_room = load.milliseconds_room == 0 ? 65536 : load.milliseconds_room * 2;
        load.milliseconds = realloc(load.milliseconds, load.milliseconds_room * sizeof(*load.milliseconds));
        if (load.milliseconds == NULL)
            die("memory");
    }
    load.milliseconds[load.milliseconds_count++] = (float)(seconds * 1000);
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
        if (connection->output_length == 0) {
            connection->output = connection->behind;
            connection->output_length = connection->behind_length;
            connection->behind_length = 0;
        }
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

static void take(struct connection *connection, struct job *job)
{
    connection->job = job;
    connection->message = &load.list[job->number % load.list_count];
    connection->began = now();
    job->tries++;
}

static void let_go(struct connection *connection)
{
    connection->descriptor = -1;
    connection->next_free = load.free;
    load.free = connection;
}

/* False: nobody is there. */
static bool open_connection(struct connection *connection, struct job *job)
{
    struct sockaddr_in source = { .sin_family = AF_INET };
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = connection };
    int on = 1;

    memset(connection, 0, sizeof(*connection));
    take(connection, job);
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
    load.open++;
    return epoll_ctl(load.poll, EPOLL_CTL_ADD, connection->descriptor, &event) == 0;
}

/* Its last message was answered, or lost on the way. */
static void end_connection(struct connection *connection)
{
    int problem = 0;
    socklen_t size = sizeof(problem);

    if (connection->job != NULL) {
        load.failures++;
        getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (connection->state <= STATE_GREETING && problem == ECONNREFUSED)
            load.nobody++;
        if (connection->state == STATE_BODY && connection->output_length == 0)
            connection->job->unanswered++;
        put_off_job(connection, 0);
    }
    close(connection->descriptor);
    load.open--;
    let_go(connection);
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

static bool send_body(struct connection *connection)
{
    const struct message *message = connection->message;
    int length;

    if (load.journal == NULL)
        return send_bytes(connection, STATE_BODY, 1, message->bytes, message->length);
    length = snprintf(connection->commands, sizeof(connection->commands), "X-Test: s-%u\r\n", connection->job->number);
    connection->behind = message->bytes;
    connection->behind_length = message->length;
    return send_bytes(connection, STATE_BODY, 1, connection->commands, (size_t)length);
}

/* The attempt was answered. False: the connection is to be closed, as a message is only half sent. */
static bool end_message(struct connection *connection, unsigned code)
{
    bool half = connection->state == STATE_BODY && connection->output_length > 0;
    struct job *job;

    load.last = now();
    if (load.answered++ == 0)
        load.first = load.last;
    load.codes[code < CODES ? code : 0]++;
    if (code == 250)
        note_milliseconds(load.last - connection->began);
    connection->job->unheard += connection->unheard ? 1 : 0;
    if (code >= 400 && code < 500)
        put_off_job(connection, code);
    else
        end_job(connection, code);
    if (half)
        return false;
    job = connection->sent_here < load.each && code < 400 ? take_job() : NULL;
    if (job == NULL)
        return send_bytes(connection, STATE_QUIT, 1, "QUIT\r\n", 6);
    take(connection, job);
    return begin_message(connection);
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
        return send_body(connection);
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

        *end = '\0';
        connection->unheard = connection->state == STATE_BODY && code == 451 &&
                              strstr(line, "the mail server behind does not answer") != NULL;
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

    if (connection->state == STATE_CONNECT && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT) {
        connection->state = STATE_GREETING;
        watch(connection, false);
    } else if (connection->state != STATE_CONNECT && (events & EPOLLOUT) != 0) {
        alive = flush(connection);
    }
    if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        alive = connection->state != STATE_CONNECT && read_replies(connection);
    if (!alive)
        end_connection(connection);
}

/* ---- all of them */

static void begin_what_may_begin(void)
{
    struct job *job;

    while (load.free != NULL && (job = take_job()) != NULL) {
        struct connection *connection = load.free;

        load.free = connection->next_free;
        if (!open_connection(connection, job))
            die("epoll_ctl");
    }
}

static void end_stale(void)
{
    double time = now();

    for (unsigned i = 0; i < load.connections; i++)
        if (load.all[i].descriptor >= 0 && time - load.all[i].began > ATTEMPT_SECONDS)
            end_connection(&load.all[i]);
}

static bool is_done(void)
{
    return load.open == 0 && load.waiting == 0 && (load.begun >= load.messages || is_over(now()));
}

static void run(void)
{
    double swept = load.start = now();

    for (begin_what_may_begin(); !is_done(); begin_what_may_begin()) {
        struct epoll_event events[256];
        int count = epoll_wait(load.poll, events, 256, load.rate > 0 || load.waiting > 0 ? 1 : 1000);

        for (int i = 0; i < count; i++)
            serve(events[i].data.ptr, events[i].events);
        if (now() - swept > 1) {
            swept = now();
            end_stale();
        }
    }
}

static int compare(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;

    return (left > right) - (left < right);
}

static double percentile(double share)
{
    size_t count = load.milliseconds_count;

    return count == 0 ? 0 : (double)load.milliseconds[(size_t)((double)(count - 1) * share)];
}

static void report(void)
{
    qsort(load.milliseconds, load.milliseconds_count, sizeof(*load.milliseconds), compare);
    printf("{\"messages\": %u, \"answered\": %u, \"failures\": %u, \"refused\": %u, \"late\": %u, ", load.begun,
           load.answered, load.failures, load.nobody, load.late);
    printf("\"milliseconds\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"most\": %.2f}, ", percentile(0.5),
           percentile(0.9), percentile(0.99), percentile(1));
    printf("\"seconds\": %.3f, \"first\": %.3f, \"last\": %.3f, \"codes\": {", now() - load.start,
           load.first - load.start, load.last - load.start);
    for (unsigned code = 0, count = 0; code < CODES; code++)
        if (load.codes[code] > 0)
            printf("%s\"%u\": %u", count++ > 0 ? ", " : "", code, load.codes[code]);
    printf("}}\n");
}

static unsigned number_of(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static void open_journal(const char *path)
{
    load.journal = fopen(path, "w");
    if (load.journal == NULL)
        die(path);
}

static void read_options(int argc, char **argv)
{
    int option;
    const char *list = NULL;

    load.server.sin_family = AF_INET;
    while ((option = getopt(argc, argv, "a:p:c:n:m:l:r:s:j:b:")) != -1) {
        switch (option) {
        case 'a': inet_pton(AF_INET, optarg, &load.server.sin_addr); break;
        case 'p': load.server.sin_port = htons((unsigned short)number_of(optarg)); break;
        case 'c': load.connections = number_of(optarg); break;
        case 'n': load.messages = number_of(optarg); break;
        case 'm': load.each = number_of(optarg); break;
        case 'l': list = optarg; break;
        case 'r': load.rate = strtod(optarg, NULL); break;
        case 's': load.seconds = strtod(optarg, NULL); break;
        case 'j': open_journal(optarg); break;
        case 'b': load.first_number = number_of(optarg); break;
        default: exit(2);
        }
    }
    if (list == NULL || load.server.sin_port == 0 || (load.messages == UINT_MAX && load.seconds == 0)) {
        fprintf(stderr, "usage: smtpload -a ADDRESS -p PORT -c CONNECTIONS [-n MESSAGES] [-m EACH] -l LIST "
                        "[-r A-SECOND] [-s SECONDS] [-j JOURNAL [-b FIRST]]\n");
        exit(2);
    }
    read_list(list);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    load.poll = epoll_create1(EPOLL_CLOEXEC);
    load.all = calloc(load.connections, sizeof(*load.all));
    if (load.all == NULL || load.poll < 0)
        die("start");
    for (unsigned i = load.connections; i > 0; i--)
        let_go(&load.all[i - 1]);
    run();
    report();
    if (load.journal != NULL && fclose(load.journal) != 0)
        die("journal");
    return load.settled == load.begun ? 0 : 1;
}
