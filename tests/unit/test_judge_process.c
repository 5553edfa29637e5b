/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_judge_process.c: a judge process spoken to over its socket: READY, a verdict, the end; and its seal (P4): made
 * to call open, socket, fork or execve it is killed on the spot. The calls are forced on it from outside, by a
 * debugger's means.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/frame.h"
#include "policy/judge_process.h"
#include "proxy/process.h"
#include "tests/unit/judge_fixtures.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static int ours = -1;
static pid_t judge_pid;
static struct wire_writer out;
static struct arena *arena;

static void start(const char *rules)
{
    int pair[2];
    arena = arena_new();
    wire_writer_init(&out, 2 * (size_t)FRAME_OBJECT_MOST);
    struct slice image = program_image(fixture_program(rules, arena), arena);
    int memory = process_sealed_memory("rules", image.text, image.length);
    ck_assert_int_ge(memory, 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    judge_pid = fork();
    ck_assert_int_ge(judge_pid, 0);
    if (judge_pid == 0) {
        close(pair[0]);
        arena_free(&arena);
        exit(judge_process_run(pair[1], memory));       /* not _exit(): the search for leaks is part of the test */
    }
    close(pair[1]);
    close(memory);
    ours = pair[0];
}

static void stop(void)
{
    if (ours >= 0)
        close(ours);
    ours = -1;
    wire_writer_clear(&out);
    arena_free(&arena);
}

static int end_of_judge(void)
{
    int status;
    ck_assert_int_eq(waitpid(judge_pid, &status, 0), judge_pid);
    return status;
}

static void send_all(void)
{
    struct slice rest = wire_written(&out);
    while (rest.length > 0) {
        ssize_t sent = send(ours, rest.text, rest.length, MSG_NOSIGNAL);
        ck_assert_int_gt(sent, 0);
        rest = slice_from(rest, (size_t)sent);
    }
    wire_writer_reset(&out);
}

/* A frame that is whole by itself; its payload in the arena. */
static struct frame receive(void)
{
    unsigned char head[FRAME_HEAD];
    struct frame frame;
    size_t size;
    ck_assert_int_eq(recv(ours, head, sizeof head, MSG_WAITALL), sizeof head);
    ck_assert_int_ne(frame_parse(slice_of((char *)head, sizeof head), &frame, &size), FRAME_BAD);
    char *bytes = arena_alloc(arena, size);
    memcpy(bytes, head, sizeof head);
    if (size > sizeof head)
        ck_assert_int_eq(recv(ours, bytes + sizeof head, size - sizeof head, MSG_WAITALL),
                         (ssize_t)(size - sizeof head));
    ck_assert_int_eq(frame_parse(slice_of(bytes, size), &frame, &size), FRAME_PARSED);
    ck_assert(!frame.more);
    return frame;
}

static void expect_ready(void)
{
    unsigned char hash[FRAME_PROGRAM_HASH];
    const char *problem;
    struct frame frame = receive();
    ck_assert_int_eq(frame.type, FRAME_READY);
    ck_assert(frame_get_ready(frame.payload, hash, &problem));
}

START_TEST(judges_and_ends)
{
    start("rule a at connect { when client.ip == 192.0.2.1 then reject \"no\" }");
    expect_ready();
    struct facts_recipient recipients[1];
    struct facts facts = fixture_facts(recipients);
    frame_put_open(&out, 7, &facts, NULL);
    frame_put_judge(&out, 7, STAGE_CONNECT);
    send_all();
    struct frame frame = receive();
    ck_assert_int_eq(frame.type, FRAME_VERDICT);
    ck_assert_uint_eq(frame.transaction, 7);
    struct verdict verdict;
    struct frame_questions wanted;
    const char *problem;
    ck_assert(frame_get_verdict(frame.payload, 0, arena, NULL, &verdict, &wanted, &problem));
    ck_assert_int_eq(verdict.action, VERDICT_REJECT);
    /* Looked ahead to the client's name, the HELO domain and the sender's. */
    ck_assert_uint_eq(wanted.wanted_count, 3);
    stop();
    int status = end_of_judge();
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/*
 * A whole message, its keys and body, under the seal: libopendkim, libspf2 and OpenDMARC need nothing that is
 * forbidden.
 */
START_TEST(reads_a_message_sealed)
{
    static const char header[] =
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from; bh=AAAA; b=AAAA\r\n"
        "From: Ann <ann@example.org>\r\n\r\n";
    start("rule a at message { when dmarc == fail then reject \"no\" }");
    expect_ready();
    struct facts_recipient recipients[1];
    struct facts facts = fixture_facts(recipients);
    frame_put_open(&out, 1, &facts, NULL);
    frame_put_header(&out, 1, slice_of_string(header), false);
    send_all();
    struct fixture fixture;
    fixture_init(&fixture, "",
                 "example.org TXT \"v=spf1 mx -all\"\nexample.org MX 10 m.example.org\nm.example.org A 192.0.2.9\n"
                 "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
                 "s._domainkey.example.org TXT \"v=DKIM1; p="
                 "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
                 "J16JYi0Qvx/byYzCNb3W9"
                 "1y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/"
                 "K4w3QIDAQAB\"\n");
    struct frame frame;
    bool read = false;
    while ((frame = receive()).type != FRAME_VERDICT) {
        if (frame.type == FRAME_BODY_WANTED) {
            frame_put_body(&out, 1, SLICE("Hello.\r\n"));
            frame_put_bare(&out, FRAME_BODY_END, 1);
            read = true;
        } else {
            struct frame_questions questions;
            const char *problem;
            ck_assert_int_eq(frame.type, FRAME_QUESTIONS);
            ck_assert(frame_get_questions(frame.payload, arena, &questions, &problem));
            for (size_t i = 0; i < questions.missing_count; i++) {
                struct zone_reply reply = zone_find(fixture.zone, &questions.missing[i]);
                frame_put_answers(&out, 1, &reply.answer);
            }
        }
        if (read)
            frame_put_judge(&out, 1, STAGE_MESSAGE);
        else
            frame_put_bare(&out, FRAME_EXAMINE, 1);
        send_all();
    }
    struct verdict verdict;
    struct frame_questions wanted;
    const char *problem = "";
    ck_assert_msg(frame_get_verdict(frame.payload, sizeof header - 1, arena, NULL, &verdict, &wanted, &problem), "%s",
                  problem);
    ck_assert_int_eq(verdict.action, VERDICT_REJECT);
    ck_assert_int_eq(verdict.findings.spf.result, AUTH_FAIL);
    fixture_clear(&fixture);
    stop();
    int status = end_of_judge();
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(ends_at_nonsense)
{
    start("");
    expect_ready();
    if (_i == 0)
        wire_put_bytes(&out, "GET / HTTP/1.0\r\n\r\n", 18);
    else
        frame_put_bare(&out, FRAME_CLOSE, 9);
    send_all();
    struct frame frame = receive();
    ck_assert_int_eq(frame.type, FRAME_REFUSED);
    int status = end_of_judge();
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    stop();
}
END_TEST

#if defined(__x86_64__) && !defined(SANITIZED)
static const struct {
    long number;
    unsigned long arguments[3];
} forbidden[] = {
    { SYS_open, { 0, 0, 0 } },
    { SYS_openat, { (unsigned long)-100, 0, 0 } },
    { SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
    { SYS_fork, { 0, 0, 0 } },
    { SYS_clone, { SIGCHLD, 0, 0 } },
    { SYS_execve, { 0, 0, 0 } },
    { SYS_ptrace, { 0, 0, 0 } },
    { SYS_kill, { 1, 0, 0 } },
    { SYS_mmap, { 0, 4096, 7 } },
    { SYS_mprotect, { 0, 4096, 4 } },
    { SYS_sendmsg, { 3, 0, 0 } },
    { SYS_read, { 0, 0, 0 } },
    { SYS_prctl, { 0, 0, 0 } },
};

/* The judge waits in read(): its instruction pointer stands behind a system call, which is done again as another. */
START_TEST(forbidden_calls_kill)
{
    start("");
    expect_ready();
    ck_assert_int_eq(ptrace(PTRACE_ATTACH, judge_pid, NULL, NULL), 0);
    int status;
    ck_assert_int_eq(waitpid(judge_pid, &status, 0), judge_pid);
    ck_assert(WIFSTOPPED(status));
    struct user_regs_struct registers;
    struct iovec io = { &registers, sizeof registers };
    ck_assert_int_eq(ptrace(PTRACE_GETREGSET, judge_pid, (void *)NT_PRSTATUS, &io), 0);
    registers.orig_rax = (unsigned long long)-1;
    registers.rax = (unsigned long long)forbidden[_i].number;
    registers.rip -= 2;
    registers.rdi = forbidden[_i].arguments[0];
    registers.rsi = forbidden[_i].arguments[1];
    registers.rdx = forbidden[_i].arguments[2];
    ck_assert_int_eq(ptrace(PTRACE_SETREGSET, judge_pid, (void *)NT_PRSTATUS, &io), 0);
    ck_assert_int_eq(ptrace(PTRACE_DETACH, judge_pid, NULL, NULL), 0);
    status = end_of_judge();
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "ended with status %d", status);
    stop();
}
END_TEST
#endif

Suite *suite_judge_process(void)
{
    Suite *suite = suite_create("judge_process");
    TCase *tests = tcase_create("judge_process");
    tcase_set_timeout(tests, 10);
    tcase_add_test(tests, judges_and_ends);
    tcase_add_test(tests, reads_a_message_sealed);
    tcase_add_loop_test(tests, ends_at_nonsense, 0, 2);
#if defined(__x86_64__) && !defined(SANITIZED)
    tcase_add_loop_test(tests, forbidden_calls_kill, 0, sizeof forbidden / sizeof forbidden[0]);
#endif
    suite_add_tcase(suite, tests);
    return suite;
}
