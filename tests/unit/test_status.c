/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_status.c: the shared table: made, mapped, read by others, buried; and told apart from what is none.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/status.h"

static char folder[] = "/tmp/mxward-status-XXXXXX";
static char path[64];
static struct status *status;
static int descriptor;

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/status", folder);
    status = status_create(path, &descriptor);
    ck_assert_ptr_nonnull(status);
}

static void tear_down(void)
{
    status_close(&status);
    close(descriptor);
    unlink(path);
    rmdir(folder);
}

START_TEST(sums)
{
    status_add(status_column(status, 1), STATUS_SESSIONS, 3);
    status_add(status_column(status, 2), STATUS_SESSIONS, 2);
    status_add(status_column(status, 1), STATUS_SESSIONS, -1);
    ck_assert_uint_eq(status_sum(status, STATUS_SESSIONS), 4);
    ck_assert_uint_eq(status_get(status, 1, STATUS_SESSIONS), 2);
    ck_assert_uint_eq(status_sum(status, STATUS_PASSED), 0);
}
END_TEST

/* Counters of the dead live on, in the master's column; what they held at the moment does not. */
START_TEST(burial)
{
    struct status_network *networks = status_networks(status, 1);

    status_add(status_column(status, 1), STATUS_SESSIONS, 3);
    status_add(status_column(status, 1), STATUS_PASSED, 7);
    atomic_store(status_entered(status, 1), 3);
    atomic_store(&networks[5].key, 1);
    atomic_store(&networks[STATUS_NETWORKS - 1].sessions, 9);
    status_bury(status, 1);
    ck_assert_uint_eq(status_sum(status, STATUS_SESSIONS), 0);
    ck_assert_uint_eq(status_sum(status, STATUS_PASSED), 7);
    ck_assert_uint_eq(status_get(status, STATUS_COLUMN_MASTER, STATUS_PASSED), 7);
    ck_assert_uint_eq(atomic_load(status_entered(status, 1)), 0);
    ck_assert_uint_eq(atomic_load(&networks[5].key), 0);
    ck_assert_uint_eq(atomic_load(&networks[STATUS_NETWORKS - 1].sessions), 0);
}
END_TEST

START_TEST(shared)
{
    struct status *other = status_map(descriptor);
    bool alive;
    struct status *read_only;

    ck_assert_ptr_nonnull(other);
    status_add(status_column(other, 2), STATUS_BYTES, 5);
    ck_assert_uint_eq(status_sum(status, STATUS_BYTES), 5);
    status_close(&other);
    read_only = status_open(path, &alive);
    ck_assert_ptr_nonnull(read_only);
    ck_assert_uint_eq(status_sum(read_only, STATUS_BYTES), 5);
    ck_assert_str_eq(status_about(read_only)->version, MXWARD_VERSION);
    status_close(&read_only);
}
END_TEST

static int in_child(int (*check)(void))
{
    pid_t child = fork();
    int result = 0;

    if (child == 0)
        _exit(check());
    waitpid(child, &result, 0);
    return WEXITSTATUS(result);
}

/* 1 alive, 2 not, 3 no table. */
static int look(void)
{
    bool alive;
    struct status *table = status_open(path, &alive);

    return table == NULL ? 3 : alive ? 1 : 2;
}

static int make_another(void)
{
    int unused;

    return status_create(path, &unused) == NULL && errno == EBUSY ? 1 : 2;
}

/* The lock is the process's own: it ends with it, whoever else holds the file open. */
START_TEST(life)
{
    ck_assert_int_eq(in_child(look), 1);
    ck_assert_int_eq(in_child(make_another), 1);
    close(open(path, O_RDONLY));    /* closing any descriptor of a file gives up a process's locks on it (fcntl(2)) */
    ck_assert_int_eq(in_child(look), 2);
    ck_assert_int_eq(in_child(make_another), 2);
}
END_TEST

START_TEST(not_a_table)
{
    bool alive;
    char other[80];
    int file;

    ck_assert_ptr_null(status_open("/dev/null", &alive));
    ck_assert_int_eq(errno, EPROTO);
    snprintf(other, sizeof(other), "%s/other", folder);
    ck_assert_ptr_null(status_open(other, &alive));
    ck_assert_int_eq(errno, ENOENT);
    file = open(other, O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(ftruncate(file, 4096), 0);
    ck_assert_ptr_null(status_map(file));
    ck_assert_int_eq(errno, EPROTO);
    close(file);
    unlink(other);
}
END_TEST

/* The file is sparse: a fresh table takes a few pages, not what its length says. */
START_TEST(sparse)
{
    struct stat file;

    ck_assert_int_eq(stat(path, &file), 0);
    ck_assert_int_gt(file.st_size, 32 << 20);
    ck_assert_int_lt(file.st_blocks * 512, 1 << 20);
    ck_assert_int_eq(file.st_mode & 0777, 0640);
}
END_TEST

START_TEST(names)
{
    for (int i = 0; i < STATUS_COUNTERS; i++) {
        ck_assert_ptr_nonnull(status_counter_name((enum status_counter)i));
        ck_assert_ptr_nonnull(status_counter_help((enum status_counter)i));
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(status_counter_name((enum status_counter)i), status_counter_name((enum status_counter)j));
    }
    ck_assert(status_counter_is_gauge(STATUS_SESSIONS) && !status_counter_is_gauge(STATUS_SESSIONS_TOTAL));
}
END_TEST

Suite *suite_status(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, sums);
    tcase_add_test(tests, burial);
    tcase_add_test(tests, shared);
    tcase_add_test(tests, life);
    tcase_add_test(tests, not_a_table);
    tcase_add_test(tests, sparse);
    tcase_add_test(tests, names);
    suite_add_tcase(suite, tests);
    return suite;
}
