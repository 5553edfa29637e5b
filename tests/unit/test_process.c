/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_process.c: what a started process has and has not; sealed memory; ports; descriptors against limits.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/ports.h"
#include "proxy/privileges.h"
#include "proxy/process.h"

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena_free(&arena);
}

/* `ls -l` as the "binary": its role is the folder to list. Writes to descriptor 1, which is a pipe. */
static const char *listing(const char *folder, const int *descriptors, size_t count)
{
    static char text[4096];
    int binary = open("/bin/ls", O_PATH | O_CLOEXEC);
    int pipes[2];
    int saved = dup(STDOUT_FILENO);
    size_t length = 0;
    ssize_t got;
    pid_t process;

    ck_assert_int_eq(pipe(pipes), 0);
    dup2(pipes[1], STDOUT_FILENO);
    process = process_start(binary, folder, PROCESS_DIES_WITH_PARENT, descriptors, count);
    dup2(saved, STDOUT_FILENO);
    close(pipes[1]);
    ck_assert_int_gt(process, 0);
    while ((got = read(pipes[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    ck_assert_int_eq(waitpid(process, NULL, 0), process);
    close(pipes[0]);
    close(saved);
    close(binary);
    return text;
}

/* Those given, from 3 on, and nothing else, whatever is open here; ls itself opens the folder as the next. */
START_TEST(descriptors_of_a_process)
{
    int pair[2];
    int other = open("/dev/null", O_RDONLY);    /* without O_CLOEXEC */

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_str_eq(listing("/proc/self/fd", pair, 2), "0\n1\n2\n3\n4\n5\n");
    /* In the way of each other: 3 is to become 4, and 4 to become 3. */
    ck_assert_int_ge(dup2(pair[0], 4), 0);
    ck_assert_int_ge(dup2(pair[1], 3), 0);
    ck_assert_str_eq(listing("/proc/self/fd", (const int[]){ 4, 3, other }, 3), "0\n1\n2\n3\n4\n5\n6\n");
}
END_TEST

START_TEST(no_such_program)
{
    int binary = open("/dev/null", O_PATH | O_CLOEXEC);
    pid_t process = process_start(binary, "x", PROCESS_OUTLIVES_PARENT, NULL, 0);
    int status;

    ck_assert_int_gt(process, 0);
    ck_assert_int_eq(waitpid(process, &status, 0), process);
    ck_assert_str_eq(process_end_text(status), "exit status 127");
    close(binary);
}
END_TEST

/* Killed by the kernel when its parent dies, however that dies. */
START_TEST(dies_with_parent)
{
    int pipes[2];
    char byte;
    pid_t parent;

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    parent = fork();
    if (parent == 0) {
        int binary = open("/bin/sleep", O_PATH | O_CLOEXEC);

        process_start(binary, "60", PROCESS_DIES_WITH_PARENT, &pipes[1], 1);
        usleep(100000);
        raise(SIGKILL);
    }
    close(pipes[1]);
    waitpid(parent, NULL, 0);
    /* Ends when the last that has the other end is gone. */
    ck_assert_int_eq(read(pipes[0], &byte, 1), 0);
    close(pipes[0]);
}
END_TEST

START_TEST(sealed_memory)
{
    int descriptor = process_sealed_memory("test", "content", 7);
    char bytes[8];

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(pread(descriptor, bytes, sizeof(bytes), 0), 7);
    ck_assert_int_lt(pwrite(descriptor, "x", 1, 0), 0);
    ck_assert_int_lt(ftruncate(descriptor, 0), 0);
    ck_assert_int_lt(ftruncate(descriptor, 100), 0);
    ck_assert_int_eq(fcntl(descriptor, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    ck_assert_int_eq(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
    close(descriptor);
}
END_TEST

START_TEST(missing_standard_descriptors)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        close(STDIN_FILENO);
        close(STDERR_FILENO);
        _exit(process_begin(true) && fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDERR_FILENO, F_GETFD) >= 0 &&
              signal(SIGPIPE, SIG_DFL) == SIG_IGN && umask(0) == 077 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static const struct config *config_of(const char *settings)
{
    struct diagnostics diagnostics;
    const struct config *config;

    diagnostics_init(&diagnostics, arena);
    config = config_parse("/tmp/mxward.conf",
                          arena_printf(arena, "hostname \"mx.example.org\" backend \"127.0.0.1:1\" %s", settings),
                          arena, &diagnostics);
    ck_assert_msg(config != NULL, "%s", diagnostics_text(&diagnostics, arena).text);
    return config;
}

START_TEST(opened_ports)
{
    const struct config *config = config_of("listen \"127.0.0.1:0\" { tls none } listen \"[::1]:0\" { tls none }");
    struct ports ports;
    struct slice problem;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int client = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert(ports_open(config, &ports, arena, &problem));
    ck_assert_uint_eq(ports.count, 2);
    ck_assert_uint_ne(ports.numbers[0], 0);
    ck_assert_uint_ne(ports.numbers[1], 0);
    address.sin_port = htons(ports.numbers[0]);
    ck_assert_int_eq(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(client);
    ports_close(&ports);
}
END_TEST

START_TEST(taken_port)
{
    const struct config *config = config_of("listen \"127.0.0.1:0\" { tls none }");
    struct ports first, second;
    struct slice problem;
    const char *listen;

    ck_assert(ports_open(config, &first, arena, &problem));
    listen = arena_printf(arena, "listen \"127.0.0.1:%u\" { tls none }", (unsigned)first.numbers[0]).text;
    ck_assert(!ports_open(config_of(listen), &second, arena, &problem));
    ck_assert_str_eq(problem.text, arena_printf(arena,
                                                "cannot listen on 127.0.0.1:%u: Address already in use (is the mail "
                                                "server still there?)",
                                                (unsigned)first.numbers[0])
                                       .text);
    ports_close(&first);
}
END_TEST

static bool raise_with(rlim_t hard, const char *limits, struct slice *problem_out)
{
    struct rlimit limit = { hard, hard };

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return privileges_raise_descriptors(
        config_of(arena_printf(arena,
                               "listen \"127.0.0.1:0\" { tls none } resolver { mode fixture \"z\" } limits { %s }",
                               limits)
                      .text),
        arena, problem_out);
}

/* sessions twice (each may hold a file), backend sessions and spares, and what is always there. */
START_TEST(descriptor_limits)
{
    struct slice problem;

    ck_assert(raise_with(512, "sessions 100 backend-sessions 80", &problem));
    ck_assert(!raise_with(400, "sessions 100 backend-sessions 80", &problem));
    ck_assert_str_eq(
        problem.text,
        "the limits need 412 file descriptors (sessions 100, spool 100, backend 84, DNS 0, other 128) and the system "
        "allows 400: lower limits.sessions to 94, or raise RLIMIT_NOFILE (systemd: LimitNOFILE=)");
    ck_assert(raise_with(400, "sessions 94 backend-sessions 80", &problem));
    ck_assert(!raise_with(400, "sessions 10 backend-sessions 1000", &problem));
    ck_assert_ptr_nonnull(strstr(problem.text, ": lower limits.backend-sessions, or raise"));
}
END_TEST

START_TEST(no_such_user)
{
    struct slice problem;

    if (geteuid() != 0)
        return;
    ck_assert(!privileges_become_user(config_of("listen \"127.0.0.1:0\" { tls none } user \"no-such-user\""), arena,
                                      &problem));
    ck_assert_str_eq(problem.text,
                     "there is no user \"no-such-user\" to become: make it (systemd-sysusers, or useradd --system "
                     "no-such-user), or name another with the setting \"user\"");
}
END_TEST

/* In a process of its own: there is no way back. */
START_TEST(no_way_back)
{
    const struct config *config = config_of("listen \"127.0.0.1:0\" { tls none } user \"nobody\"");
    struct slice problem;
    int status;
    pid_t child;

    if (geteuid() != 0)
        return;
    child = fork();
    if (child == 0)
        _exit(privileges_become_user(config, arena, &problem) && getuid() != 0 && setuid(0) != 0 && seteuid(0) != 0 &&
              setgid(0) != 0 ? 0 : 1);
    waitpid(child, &status, 0);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

Suite *suite_process(void)
{
    Suite *suite = suite_create("process");
    TCase *tests = tcase_create("process");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, descriptors_of_a_process);
    tcase_add_test(tests, no_such_program);
    tcase_add_test(tests, dies_with_parent);
    tcase_add_test(tests, sealed_memory);
    tcase_add_test(tests, missing_standard_descriptors);
    tcase_add_test(tests, opened_ports);
    tcase_add_test(tests, taken_port);
    tcase_add_test(tests, descriptor_limits);
    tcase_add_test(tests, no_such_user);
    tcase_add_test(tests, no_way_back);
    suite_add_tcase(suite, tests);
    return suite;
}
