/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_control.c: what master and workers say to each other, descriptors included; and packets of any other shape.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/control.h"

static int pair[2];

static void set_up(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void tear_down(void)
{
    close(pair[0]);
    close(pair[1]);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int descriptor = 0; descriptor < 256; descriptor++)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

START_TEST(there_and_nothing_more)
{
    struct control_message sent = { .type = CONTROL_REFUSED, .number = 7, .text = "mx.pem: no such file" };
    struct control_message got;

    ck_assert_int_eq(control_receive(pair[1], &got), 0);
    ck_assert(control_send(pair[0], &sent));
    ck_assert_int_eq(control_receive(pair[1], &got), 1);
    ck_assert_int_eq(got.type, CONTROL_REFUSED);
    ck_assert_uint_eq(got.number, 7);
    ck_assert_str_eq(got.text, sent.text);
    ck_assert_uint_eq(got.descriptors_count, 0);
    ck_assert_int_eq(control_receive(pair[1], &got), 0);
    close(pair[0]);
    pair[0] = -1;
    ck_assert_int_eq(control_receive(pair[1], &got), -1);
}
END_TEST

START_TEST(with_descriptors)
{
    struct control_message sent = { .type = CONTROL_START, .number = 1 };
    struct control_message got;
    unsigned before = open_descriptors();

    for (; sent.descriptors_count < CONTROL_DESCRIPTORS_MOST; sent.descriptors_count++)
        sent.descriptors[sent.descriptors_count] = pair[sent.descriptors_count % 2];
    ck_assert(control_send(pair[0], &sent));
    ck_assert_int_eq(control_receive(pair[1], &got), 1);
    ck_assert_uint_eq(got.descriptors_count, CONTROL_DESCRIPTORS_MOST);
    ck_assert_uint_eq(open_descriptors(), before + CONTROL_DESCRIPTORS_MOST);
    for (unsigned i = 0; i < got.descriptors_count; i++) {
        ck_assert_int_eq(fcntl(got.descriptors[i], F_GETFD), FD_CLOEXEC);
        close(got.descriptors[i]);
    }
    sent.descriptors_count++;
    ck_assert(!control_send(pair[0], &sent));
}
END_TEST

START_TEST(without_room_for_descriptors)
{
    struct control_message sent = { .type = CONTROL_GENERATION, .number = 3, .descriptors_count = 2 };
    struct control_message got;
    struct rlimit limit, none;
    unsigned before = open_descriptors();

    sent.descriptors[0] = sent.descriptors[1] = pair[0];
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert(control_send(pair[0], &sent));
    ck_assert_int_eq(control_receive(pair[1], &got), 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(got.cut);
    ck_assert_int_eq(got.type, CONTROL_GENERATION);
    ck_assert_uint_eq(got.number, 3);
    ck_assert_uint_eq(got.descriptors_count, 0);
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

START_TEST(longest_text)
{
    struct control_message sent = { .type = CONTROL_UNFIT };
    struct control_message got;

    memset(sent.text, 'x', CONTROL_TEXT_MOST);
    ck_assert(control_send(pair[0], &sent));
    ck_assert_int_eq(control_receive(pair[1], &got), 1);
    ck_assert_uint_eq(strlen(got.text), CONTROL_TEXT_MOST - 1);
}
END_TEST

static void send_raw(const void *bytes, size_t length, unsigned descriptors)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } beside = { 0 };
    struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
    struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

    if (descriptors > 0) {
        packet.msg_control = beside.bytes;
        packet.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
        CMSG_FIRSTHDR(&packet)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&packet)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&packet)->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
        for (unsigned i = 0; i < descriptors; i++)
            memcpy(CMSG_DATA(CMSG_FIRSTHDR(&packet)) + i * sizeof(int), &pair[0], sizeof(int));
    }
    ck_assert_int_eq(sendmsg(pair[0], &packet, 0), (ssize_t)length);
}

/* Every one of them is refused, and leaves no descriptor open. */
START_TEST(nonsense)
{
    static const uint32_t zero[2] = { 0, 0 }, beyond[2] = { CONTROL_UNFIT + 1, 0 }, ping[2] = { CONTROL_PING, 0 };
    static const char large[8 + CONTROL_TEXT_MOST + 1] = { CONTROL_PING };
    struct control_message got;
    unsigned before = open_descriptors();

    send_raw(zero, sizeof(zero), 1);
    ck_assert_int_eq(control_receive(pair[1], &got), -1);
    send_raw(beyond, sizeof(beyond), 0);
    ck_assert_int_eq(control_receive(pair[1], &got), -1);
    send_raw(ping, 7, 2);
    ck_assert_int_eq(control_receive(pair[1], &got), -1);
    send_raw(large, sizeof(large), 0);
    ck_assert_int_eq(control_receive(pair[1], &got), -1);
    send_raw(ping, sizeof(ping), CONTROL_DESCRIPTORS_MOST + 5);
    ck_assert_int_eq(control_receive(pair[1], &got), -1);
    ck_assert_uint_eq(got.descriptors_count, 0);
    ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

/* A child that does not listen is noticed, not waited for. */
START_TEST(full)
{
    struct control_message ping = { .type = CONTROL_PING };
    int sent = 0;

    while (sent < 100000 && control_send(pair[0], &ping))
        sent++;
    ck_assert_int_gt(sent, 5);
    ck_assert_int_lt(sent, 100000);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

Suite *suite_control(void)
{
    Suite *suite = suite_create("control");
    TCase *tests = tcase_create("control");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, there_and_nothing_more);
    tcase_add_test(tests, with_descriptors);
    tcase_add_test(tests, without_room_for_descriptors);
    tcase_add_test(tests, longest_text);
    tcase_add_test(tests, nonsense);
    tcase_add_test(tests, full);
    suite_add_tcase(suite, tests);
    return suite;
}
