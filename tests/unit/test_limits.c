/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_limits.c: sessions at once and by the minute, in all and per client network, over two workers' columns
 * (P7); the slow lane (P4).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/limits.h"

#define MINUTE UINT64_C(60000)
/* A minute of the monotonic clock begins here. */
#define NOW (100 * MINUTE)

static char folder[] = "/tmp/mxward-limits-XXXXXX";
static char path[64];
static struct status *status;
static int descriptor;

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/status", folder);
    status = status_create(path, &descriptor);
    ck_assert_ptr_nonnull(status);
    atomic_store(&status_about(status)->workers, 2);
}

static void tear_down(void)
{
    status_close(&status);
    close(descriptor);
    unlink(path);
    rmdir(folder);
}

static struct address address(const char *text)
{
    struct address parsed;

    ck_assert(address_parse(slice_of_string(text), &parsed));
    return parsed;
}

static enum limits_answer enter(unsigned column, const struct limits_settings *settings, const char *client,
                                uint64_t now)
{
    struct address parsed = address(client);

    return limits_enter(status, column, settings, &parsed, now);
}

static void leave(unsigned column, const char *client)
{
    struct address parsed = address(client);

    limits_leave(status, column, &parsed, NOW);
}

START_TEST(in_all)
{
    struct limits_settings settings = { 3, 3, 0 };

    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.2", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.3", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.4", NOW), LIMITS_SESSIONS);
    leave(2, "192.0.2.2");
    ck_assert_int_eq(enter(1, &settings, "192.0.2.4", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.5", NOW), LIMITS_SESSIONS);
}
END_TEST

START_TEST(per_network)
{
    struct limits_settings settings = { 100, 2, 0 };

    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_NETWORK_SESSIONS);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.2", NOW), LIMITS_WELCOME);
    leave(1, "192.0.2.1");
    ck_assert_int_eq(enter(2, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.1", NOW), LIMITS_NETWORK_SESSIONS);
}
END_TEST

/* IPv6 counts by /64, and an IPv4-mapped address is the IPv4 address. */
START_TEST(networks)
{
    struct limits_settings settings = { 100, 1, 0 };

    ck_assert_int_eq(enter(1, &settings, "2001:db8:1:2::1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "2001:db8:1:2:ffff::9", NOW), LIMITS_NETWORK_SESSIONS);
    ck_assert_int_eq(enter(1, &settings, "2001:db8:1:3::1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "::1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "0.0.0.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(1, &settings, "::ffff:192.0.2.1", NOW), LIMITS_NETWORK_SESSIONS);
}
END_TEST

static void come_and_go(const struct limits_settings *settings, unsigned column, int times, uint64_t now)
{
    for (int i = 0; i < times; i++) {
        ck_assert_int_eq(enter(column, settings, "192.0.2.1", now), LIMITS_WELCOME);
        leave(column, "192.0.2.1");
    }
}

START_TEST(rate)
{
    struct limits_settings settings = { 100, 100, 10 };

    come_and_go(&settings, 1, 6, NOW);
    come_and_go(&settings, 2, 4, NOW + 30000);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW + 59999), LIMITS_NETWORK_RATE);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.2", NOW + 59999), LIMITS_WELCOME);
    /* Half of the last minute's ten still counts in the middle of this one. */
    come_and_go(&settings, 1, 5, NOW + MINUTE + 30000);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW + MINUTE + 30000), LIMITS_NETWORK_RATE);
    come_and_go(&settings, 2, 10, NOW + 3 * MINUTE);
    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW + 3 * MINUTE), LIMITS_NETWORK_RATE);
}
END_TEST

/* Those sent away do not count: a client that goes on trying gets in at the rate. */
START_TEST(refused_do_not_count)
{
    struct limits_settings settings = { 100, 100, 2 };

    come_and_go(&settings, 1, 2, NOW);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_NETWORK_RATE);
    come_and_go(&settings, 1, 1, NOW + MINUTE + 30000);
}
END_TEST

/* A worker that dies takes its sessions along. */
START_TEST(burial)
{
    struct limits_settings settings = { 1, 1, 0 };

    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.1", NOW), LIMITS_SESSIONS);
    status_bury(status, 1);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
}
END_TEST

/* More networks than a column remembers: old rates are forgotten, sessions never. */
START_TEST(many_networks)
{
    struct limits_settings settings = { 1000000, 1, 600 };
    struct address client = { .family = 4, .bytes = { 10 } };
    struct address held = { .family = 4, .bytes = { 192, 0, 2, 1 } };

    ck_assert_int_eq(limits_enter(status, 1, &settings, &held, NOW), LIMITS_WELCOME);
    for (uint32_t i = 0; i < 3 * STATUS_NETWORKS; i++) {
        client.bytes[1] = (uint8_t)(i >> 16);
        client.bytes[2] = (uint8_t)(i >> 8);
        client.bytes[3] = (uint8_t)i;
        ck_assert_int_eq(limits_enter(status, 1, &settings, &client, NOW + i), LIMITS_WELCOME);
        limits_leave(status, 1, &client, NOW + i);
    }
    ck_assert_int_eq(limits_enter(status, 1, &settings, &held, NOW), LIMITS_NETWORK_SESSIONS);
}
END_TEST

/* When every slot a network may have is taken by sessions it is refused: what is not counted is not let in. */
START_TEST(full)
{
    struct limits_settings settings = { 1000000, 1000, 0 };
    struct status_network *slots = status_networks(status, 1);

    for (size_t i = 0; i < STATUS_NETWORKS; i++) {
        atomic_store(&slots[i].key, i + 1);
        atomic_store(&slots[i].sessions, 1);
    }
    ck_assert_int_eq(enter(1, &settings, "192.0.2.1", NOW), LIMITS_SESSIONS);
    ck_assert_int_eq(enter(2, &settings, "192.0.2.1", NOW), LIMITS_WELCOME);
}
END_TEST

START_TEST(poison)
{
    struct address bad = address("192.0.2.1"), good = address("192.0.2.2");
    uint64_t hour = 60 * MINUTE;

    ck_assert_uint_eq(limits_delay(status, &bad, NOW), 0);
    limits_note_poison(status, 2, &bad, NOW);
    ck_assert_uint_eq(limits_delay(status, &bad, NOW), 10000);
    ck_assert_uint_eq(limits_delay(status, &bad, NOW + hour / 2), 5000);
    ck_assert_uint_eq(limits_delay(status, &bad, NOW + hour), 0);
    ck_assert_uint_eq(limits_delay(status, &good, NOW), 0);
    limits_note_poison(status, 1, &bad, NOW + hour / 2);
    ck_assert_uint_eq(limits_delay(status, &bad, NOW + hour / 2), 10000);
}
END_TEST

static uint64_t failures(const char *client, uint64_t now)
{
    struct address parsed = address(client);

    return limits_auth_failures(status, 1, &parsed, now);
}

static void note_failures(unsigned column, const char *client, int times, uint64_t now)
{
    struct address parsed = address(client);

    for (int i = 0; i < times; i++)
        limits_note_auth_failure(status, column, &parsed, now);
}

/* Of all workers, by network, over a sliding hour. */
START_TEST(failed_auths)
{
    uint64_t hour = 60 * MINUTE, start = 10 * hour;

    ck_assert_uint_eq(failures("192.0.2.1", start), 0);
    note_failures(1, "192.0.2.1", 6, start);
    note_failures(2, "192.0.2.1", 4, start + hour / 2);
    note_failures(2, "192.0.2.2", 1, start);
    note_failures(1, "2001:db8:1:2::1", 2, start);
    ck_assert_uint_eq(failures("192.0.2.1", start + hour - 1), 10);
    ck_assert_uint_eq(failures("::ffff:192.0.2.1", start + hour - 1), 10);
    ck_assert_uint_eq(failures("192.0.2.2", start), 1);
    ck_assert_uint_eq(failures("2001:db8:1:2:ffff::9", start), 2);
    ck_assert_uint_eq(failures("2001:db8:1:3::1", start), 0);
    ck_assert_uint_eq(failures("192.0.2.1", start + hour + hour / 2), 5);
    note_failures(1, "192.0.2.1", 1, start + hour + hour / 2);
    ck_assert_uint_eq(failures("192.0.2.1", start + hour + hour / 2), 6);
    ck_assert_uint_eq(failures("192.0.2.1", start + 2 * hour), 1);
    ck_assert_uint_eq(failures("192.0.2.1", start + 3 * hour), 0);
}
END_TEST

/* A slot that has them does not give way to a newcomer before one that has nothing. */
START_TEST(failed_auths_are_kept)
{
    struct limits_settings settings = { 100000, 100, 0 };
    uint64_t hour = 60 * MINUTE, start = 10 * hour;
    char text[32];

    note_failures(1, "192.0.2.1", 5, start);
    for (int i = 0; i < 60000; i++) {
        snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        ck_assert_int_eq(enter(1, &settings, text, start + 30 * MINUTE), LIMITS_WELCOME);
        leave(1, text);
    }
    ck_assert_uint_eq(failures("192.0.2.1", start + 40 * MINUTE), 5);
}
END_TEST

Suite *suite_limits(void)
{
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, in_all);
    tcase_add_test(tests, per_network);
    tcase_add_test(tests, networks);
    tcase_add_test(tests, rate);
    tcase_add_test(tests, refused_do_not_count);
    tcase_add_test(tests, burial);
    tcase_add_test(tests, many_networks);
    tcase_add_test(tests, full);
    tcase_add_test(tests, poison);
    tcase_add_test(tests, failed_auths);
    tcase_add_test(tests, failed_auths_are_kept);
    suite_add_tcase(suite, tests);
    return suite;
}
