/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_notify.c: sd_notify(3)'s and sd_listen_fds(3)'s protocols, with the test as service manager.
 */
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/notify.h"

/* Listens at an abstract name of this process. */
static int manager(char *name, size_t size)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(name, size, "@mxward-test-%d", (int)getpid());
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = '\0';
    ck_assert_int_eq(bind(descriptor, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
    return descriptor;
}

static void set_number(const char *name, long number)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld", number);
    setenv(name, text, 1);
}

START_TEST(messages)
{
    char name[64], got[64] = "";
    int descriptor = manager(name, sizeof(name));

    setenv("NOTIFY_SOCKET", name, 1);
    notify_begin();
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    ck_assert(notify_send("READY=1\nSTATUS=well"));
    ck_assert_int_eq(recv(descriptor, got, sizeof(got), MSG_DONTWAIT), 19);
    ck_assert_str_eq(got, "READY=1\nSTATUS=well");
    close(descriptor);
    ck_assert(!notify_send("WATCHDOG=1"));
}
END_TEST

START_TEST(no_manager)
{
    unsetenv("NOTIFY_SOCKET");
    notify_begin();
    ck_assert(notify_send("READY=1"));
    ck_assert_uint_eq(notify_watchdog(), 0);
    ck_assert_uint_eq(notify_sockets(), 0);
}
END_TEST

START_TEST(not_a_socket)
{
    setenv("NOTIFY_SOCKET", "relative", 1);
    notify_begin();
    ck_assert(notify_send("READY=1"));
}
END_TEST

START_TEST(watchdog)
{
    setenv("WATCHDOG_USEC", "30000000", 1);
    notify_begin();
    ck_assert_uint_eq(notify_watchdog(), 30000);
    ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
}
END_TEST

/* What is meant for another process is none of ours. */
START_TEST(for_another)
{
    setenv("WATCHDOG_USEC", "30000000", 1);
    set_number("WATCHDOG_PID", (long)getpid() + 1);
    setenv("LISTEN_FDS", "2", 1);
    set_number("LISTEN_PID", (long)getpid() + 1);
    notify_begin();
    ck_assert_uint_eq(notify_watchdog(), 0);
    ck_assert_uint_eq(notify_sockets(), 0);
}
END_TEST

START_TEST(sockets)
{
    setenv("LISTEN_FDS", "2", 1);
    set_number("LISTEN_PID", (long)getpid());
    notify_begin();
    ck_assert_uint_eq(notify_sockets(), 2);
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
}
END_TEST

START_TEST(bad_numbers)
{
    static const char *const wrong[] = { "-1", "1x", "", " 1", "99999999999999999999", "65" };

    setenv("LISTEN_FDS", wrong[_i], 1);
    set_number("LISTEN_PID", (long)getpid());
    notify_begin();
    ck_assert_uint_eq(notify_sockets(), 0);
}
END_TEST

Suite *suite_notify(void)
{
    Suite *suite = suite_create("notify");
    TCase *tests = tcase_create("notify");

    tcase_add_test(tests, messages);
    tcase_add_test(tests, no_manager);
    tcase_add_test(tests, not_a_socket);
    tcase_add_test(tests, watchdog);
    tcase_add_test(tests, for_another);
    tcase_add_test(tests, sockets);
    tcase_add_loop_test(tests, bad_numbers, 0, 6);
    suite_add_tcase(suite, tests);
    return suite;
}
