/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_keeper.c: the keeper as a process, with the test as its master and workers: records in, lines in a file
 * out; receipts, nonsense, rotation, a full disk, syslog, and its end.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy/control.h"
#include "proxy/generation.h"
#include "proxy/journal.h"
#include "proxy/keeper.h"
#include "proxy/keeper_output.h"
#include "rules/arena.h"

#define FILE_MOST 65536

static char folder[] = "/tmp/mxward-keeper-XXXXXX";
static char record_path[64];
static char status_path[64];
static struct arena *arena;
static struct status *status;
static int table;
static pid_t keeper;
static int control = -1;

/* The test's whole world must not outlive the test: the child closes what it inherits, as exec would have. */
_Noreturn static void run_keeper(int socket, rlim_t file_most)
{
    struct rlimit limit = { file_most, file_most };
    int null = open("/dev/null", O_WRONLY);

    /* What it logs is no part of this. */
    dup2(null, STDERR_FILENO);
    if (file_most != RLIM_INFINITY)
        setrlimit(RLIMIT_FSIZE, &limit);
    dup2(socket, 3);
    for (int descriptor = 4; descriptor < 64; descriptor++)
        close(descriptor);
    _exit(keeper_run());
}

static void start_keeper(rlim_t file_most)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    keeper = fork();
    if (keeper == 0)
        run_keeper(pair[1], file_most);
    close(pair[1]);
    control = pair[0];
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(record_path, sizeof(record_path), "%s/record.jsonl", folder);
    snprintf(status_path, sizeof(status_path), "%s/status", folder);
    arena = arena_new();
    status = status_create(status_path, &table);
    ck_assert_ptr_nonnull(status);
}

static void tear_down(void)
{
    if (control >= 0)
        close(control);
    control = -1;
    if (keeper > 0) {
        kill(keeper, SIGKILL);
        waitpid(keeper, NULL, 0);
    }
    keeper = 0;
    status_close(&status);
    close(table);
    unlink(record_path);
    unlink(arena_printf(arena, "%s.1", record_path).text);
    unlink(status_path);
    rmdir(folder);
    arena_free(&arena);
}

static void tell(enum control_type type, unsigned number, int descriptor)
{
    struct control_message message = { .type = type, .number = number };

    if (descriptor >= 0)
        message.descriptors[message.descriptors_count++] = descriptor;
    ck_assert(control_send(control, &message));
}

static struct control_message hear(void)
{
    struct control_message message;
    static const struct timespec pause = { 0, 5000000 };

    for (int i = 0; i < 1000; i++) {
        if (control_receive(control, &message) == 1)
            return message;
        nanosleep(&pause, NULL);
    }
    ck_abort_msg("the keeper says nothing");
}

static void load(unsigned number, const char *record)
{
    struct diagnostics diagnostics;
    struct slice text =
        arena_printf(arena,
                     "hostname \"mx.example.org\" backend \"127.0.0.1:1\" listen \"127.0.0.1:0\" { tls none }\n"
                     "record { %s }\n",
                     record);
    const struct config *config;
    int descriptor;

    diagnostics_init(&diagnostics, arena);
    config = config_parse("/tmp/mxward.conf", text, arena, &diagnostics);
    ck_assert_ptr_nonnull(config);
    descriptor = generation_seal_config(config);
    tell(CONTROL_GENERATION, number, descriptor);
    close(descriptor);
}

static void begin(rlim_t file_most)
{
    start_keeper(file_most);
    tell(CONTROL_START, STATUS_COLUMN_KEEPER, table);
    load(1, arena_printf(arena, "file \"%s\"", record_path).text);
    ck_assert_int_eq(hear().type, CONTROL_PREPARED);
    tell(CONTROL_COMMIT, 1, -1);
    ck_assert_int_eq(hear().type, CONTROL_READY);
}

/* A worker's end. */
static int feed(unsigned slot)
{
    int pair[2];
    struct timeval patience = { .tv_sec = 5 };

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tell(CONTROL_KEEPER, slot, pair[0]);
    close(pair[0]);
    setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return pair[1];
}

static void hand_in(int socket, const char *line)
{
    size_t length = strlen(line);
    unsigned char head[JOURNAL_HEAD] = { (unsigned char)(length >> 24), (unsigned char)(length >> 16),
                                         (unsigned char)(length >> 8), (unsigned char)length };

    ck_assert_int_eq(send(socket, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
    ck_assert_int_eq(send(socket, line, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* Waits until the keeper says that it has dealt with so many bytes. */
static void wait_for(int socket, uint64_t bytes)
{
    unsigned char receipt[JOURNAL_RECEIPT];
    uint64_t done = 0;

    while (done < bytes) {
        ck_assert_int_eq(recv(socket, receipt, sizeof(receipt), MSG_WAITALL), sizeof(receipt));
        done = 0;
        for (size_t i = 0; i < sizeof(receipt); i++)
            done = done << 8 | receipt[i];
    }
    ck_assert_uint_eq(done, bytes);
}

static const char *content(const char *path)
{
    struct slice text, problem;

    return file_read(path, FILE_MOST, arena, &text, &problem) ? text.text : "no file";
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static int end_of(pid_t process)
{
    int result;

    ck_assert_int_eq(waitpid(process, &result, 0), process);
    keeper = 0;
    return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

START_TEST(lines)
{
    int one, two;

    begin(RLIM_INFINITY);
    one = feed(1);
    two = feed(2);
    hand_in(one, "{\"a\":1}");
    wait_for(one, 11);
    hand_in(two, "{\"b\":2}");
    wait_for(two, 11);
    hand_in(one, "{}");
    hand_in(one, "{ }");
    wait_for(one, 24);
    ck_assert_str_eq(content(record_path), "{\"a\":1}\n{\"b\":2}\n{}\n{ }\n");
    ck_assert_uint_eq(status_sum(status, STATUS_RECORDS), 4);
    close(one);
    close(two);
}
END_TEST

START_TEST(what_is_no_record)
{
    static const char *const wrong[] = { "[]", "x", "{\"a\":1}x", "{\"\x01\"}", "{\n}", "{\"\xFF\"}", "{\x7F}", "{" };
    uint64_t bytes = 0;
    int one;

    begin(RLIM_INFINITY);
    one = feed(1);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(!keeper_is_record(slice_of_string(wrong[i])), "%s", wrong[i]);
        hand_in(one, wrong[i]);
        bytes += JOURNAL_HEAD + strlen(wrong[i]);
    }
    hand_in(one, "{\"\xC3\xBC\"}");
    wait_for(one, bytes + 10);
    ck_assert_str_eq(content(record_path), "{\"\xC3\xBC\"}\n");
    ck_assert_uint_eq(status_sum(status, STATUS_RECORDS_DROPPED), sizeof(wrong) / sizeof(wrong[0]));
    close(one);
}
END_TEST

/* Lengths that make no sense cost that worker its feed, and nobody else anything. */
START_TEST(broken_feed)
{
    static const unsigned char head[JOURNAL_HEAD] = { 0xFF, 0xFF, 0xFF, 0xFF };
    char byte;
    int one, two;

    begin(RLIM_INFINITY);
    one = feed(1);
    two = feed(2);
    ck_assert_int_eq(send(one, head, sizeof(head), 0), sizeof(head));
    ck_assert_int_eq(recv(one, &byte, 1, 0), 0);
    hand_in(two, "{}");
    wait_for(two, 6);
    ck_assert_str_eq(content(record_path), "{}\n");
    close(one);
    close(two);
}
END_TEST

/* A crash in the middle of a line: the next record does not become part of it. */
START_TEST(unfinished_line)
{
    int one;

    put_file(record_path, "{\"a\":1}\n{\"b\":");
    begin(RLIM_INFINITY);
    one = feed(1);
    hand_in(one, "{}");
    wait_for(one, 6);
    ck_assert_str_eq(content(record_path), "{\"a\":1}\n{\"b\":\n{}\n");
    close(one);
}
END_TEST

static void rotate(int signal_number)
{
    const char *rotated = arena_printf(arena, "%s.1", record_path).text;
    static const struct timespec while_it_looks = { 1, 100000000 };
    int one;

    begin(RLIM_INFINITY);
    one = feed(1);
    hand_in(one, "{1}");
    wait_for(one, 7);
    ck_assert_int_eq(rename(record_path, rotated), 0);
    if (signal_number != 0)
        kill(keeper, signal_number);
    nanosleep(&while_it_looks, NULL);
    hand_in(one, "{2}");
    wait_for(one, 14);
    ck_assert_str_eq(content(rotated), "{1}\n");
    ck_assert_str_eq(content(record_path), "{2}\n");
    close(one);
}

START_TEST(rotation_with_signal)
{
    rotate(SIGUSR1);
}
END_TEST

START_TEST(rotation_without_signal)
{
    rotate(0);
}
END_TEST

/* No room: records are lost and counted, receipts go on, and what is in the file are whole lines. */
START_TEST(full_disk)
{
    int one;

    begin(20);
    one = feed(1);
    hand_in(one, "{\"aaaaaaa\":1}");
    wait_for(one, 17);
    hand_in(one, "{\"bbbbbbb\":2}");
    wait_for(one, 34);
    hand_in(one, "{}");
    wait_for(one, 40);
    ck_assert_str_eq(content(record_path), "{\"aaaaaaa\":1}\n{}\n");
    ck_assert_uint_eq(status_sum(status, STATUS_RECORDS_DROPPED), 1);
    ck_assert_uint_eq(status_sum(status, STATUS_RECORDS), 2);
    close(one);
}
END_TEST

START_TEST(reload)
{
    const char *other = arena_printf(arena, "%s.1", record_path).text;
    struct control_message refused;
    int one;

    begin(RLIM_INFINITY);
    one = feed(1);
    load(2, "file \"/nonexistent/record\"");
    refused = hear();
    ck_assert_int_eq(refused.type, CONTROL_REFUSED);
    ck_assert_str_eq(refused.text, "cannot write records to /nonexistent/record: No such file or directory");
    load(3, arena_printf(arena, "file \"%s\"", other).text);
    ck_assert_int_eq(hear().type, CONTROL_PREPARED);
    hand_in(one, "{1}");
    wait_for(one, 7);
    tell(CONTROL_DISCARD, 3, -1);
    tell(CONTROL_COMMIT, 3, -1);
    hand_in(one, "{2}");
    wait_for(one, 14);
    load(4, arena_printf(arena, "file \"%s\"", other).text);
    ck_assert_int_eq(hear().type, CONTROL_PREPARED);
    tell(CONTROL_COMMIT, 4, -1);
    ck_assert_int_eq(hear().type, CONTROL_READY);
    hand_in(one, "{4}");
    wait_for(one, 21);
    ck_assert_str_eq(content(record_path), "{1}\n{2}\n");
    ck_assert_str_eq(content(other), "{4}\n");
    close(one);
}
END_TEST

/* The master is gone, a worker is not: what it still has to say is written first. */
START_TEST(end_after_the_last_worker)
{
    int one;

    begin(RLIM_INFINITY);
    one = feed(1);
    close(control);
    control = -1;
    hand_in(one, "{\"last\":1}");
    wait_for(one, 14);
    hand_in(one, "{\"very last\":1}");
    close(one);
    ck_assert_int_eq(end_of(keeper), 0);
    ck_assert_str_eq(content(record_path), "{\"last\":1}\n{\"very last\":1}\n");
}
END_TEST

/* ---- syslog */

static int listen_as_syslog(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 5 };
    int large = 1 << 20;
    int socket_number = socket(AF_UNIX, SOCK_DGRAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    ck_assert_int_eq(bind(socket_number, (const struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(socket_number, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(socket_number, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
    return socket_number;
}

static struct slice datagram(int socket_number)
{
    char *bytes = arena_alloc(arena, FILE_MOST);
    ssize_t got = recv(socket_number, bytes, FILE_MOST, 0);

    ck_assert_int_gt(got, 0);
    return slice_of(bytes, (size_t)got);
}

START_TEST(to_syslog)
{
    struct config config = { .record_target = RECORD_SYSLOG };
    struct slice problem;
    int syslog = listen_as_syslog(record_path);
    struct keeper_output *output = keeper_output_open(&config, record_path, arena, &problem);
    /* LOG_MAIL (2) * 8 + LOG_INFO (6). */
    struct slice head = arena_printf(arena, "<22>mxward[%d]: ", (int)getpid());

    ck_assert_ptr_nonnull(output);
    ck_assert(keeper_output_write(output, SLICE("{1}\n{2}\n")));
    ck_assert(slice_equal(datagram(syslog), arena_printf(arena, "%.*s{1}", SLICE_ARG(head))));
    ck_assert(slice_equal(datagram(syslog), arena_printf(arena, "%.*s{2}", SLICE_ARG(head))));
    close(syslog);
    unlink(record_path);
    ck_assert(!keeper_output_write(output, SLICE("{3}\n")));
    syslog = listen_as_syslog(record_path);
    ck_assert(keeper_output_write(output, SLICE("{4}\n")));
    ck_assert(slice_equal(datagram(syslog), arena_printf(arena, "%.*s{4}", SLICE_ARG(head))));
    close(syslog);
    keeper_output_close(&output);
}
END_TEST

/* A long record in parts: put together they are the record, and no part ends within a character. */
START_TEST(long_to_syslog)
{
    struct config config = { .record_target = RECORD_SYSLOG };
    struct slice problem;
    int syslog = listen_as_syslog(record_path);
    struct keeper_output *output = keeper_output_open(&config, record_path, arena, &problem);
    size_t length = 2 * KEEPER_SYSLOG_MOST + 1001;
    char *record = arena_alloc(arena, length + 1);
    struct slice all = SLICE("");

    /* Characters of two bytes, and an odd number of bytes before them. */
    record[0] = '{';
    for (size_t i = 1; i + 2 < length; i += 2)
        memcpy(record + i, "\xC3\xBC", 2);
    record[length - 1] = '}';
    record[length - 2] = ' ';
    record[length] = '\n';
    ck_assert(keeper_output_write(output, slice_of(record, length + 1)));
    for (int part = 1; part <= 3; part++) {
        struct slice head = arena_printf(arena, "<22>mxward[%d]: part %d of 3 of record 1: ", (int)getpid(), part);
        struct slice got = datagram(syslog);

        ck_assert(slice_starts_with(got, head));
        got = slice_from(got, head.length);
        ck_assert_uint_le(got.length, KEEPER_SYSLOG_MOST);
        ck_assert_uint_ne((unsigned char)got.text[0] & 0xC0, 0x80);
        all = arena_printf(arena, "%.*s%.*s", SLICE_ARG(all), SLICE_ARG(got));
    }
    ck_assert(slice_equal(all, slice_of(record, length)));
    close(syslog);
    keeper_output_close(&output);
}
END_TEST

Suite *suite_keeper(void)
{
    Suite *suite = suite_create("keeper");
    TCase *tests = tcase_create("keeper");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, lines);
    tcase_add_test(tests, what_is_no_record);
    tcase_add_test(tests, broken_feed);
    tcase_add_test(tests, unfinished_line);
    tcase_add_test(tests, rotation_with_signal);
    tcase_add_test(tests, rotation_without_signal);
    tcase_add_test(tests, full_disk);
    tcase_add_test(tests, reload);
    tcase_add_test(tests, end_after_the_last_worker);
    tcase_add_test(tests, to_syslog);
    tcase_add_test(tests, long_to_syslog);
    suite_add_tcase(suite, tests);
    return suite;
}
