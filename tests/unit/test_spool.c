/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_spool.c: the held message in memory and on disk, its budget, and what happens when the disk is full (a limit
 * on file sizes stands for it: writes become short, then fail).
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/spool.h"

#define KIB ((size_t)1024)

static char directory[64];
static struct spool_budget budget;

static void set_up(void)
{
    snprintf(directory, sizeof(directory), "%s", "/tmp/mxward-test-spool-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    budget = (struct spool_budget){ .directory = directory };
}

static void tear_down(void)
{
    rmdir(directory);
}

static size_t files_in_directory(void)
{
    DIR *handle = opendir(directory);
    size_t count = 0;

    ck_assert_ptr_nonnull(handle);
    for (struct dirent *entry = readdir(handle); entry != NULL; entry = readdir(handle))
        count += entry->d_name[0] != '.';
    closedir(handle);
    return count;
}

/* What stands at an offset: does not repeat at any power of two. */
static char byte_at(uint64_t offset)
{
    return (char)(offset * 31 + offset / 251 + offset / 65537);
}

static enum spool_status append(struct spool *spool, size_t length)
{
    static char bytes[2 * 1024 * 1024];

    ck_assert_uint_le(length, sizeof(bytes));
    for (size_t i = 0; i < length; i++)
        bytes[i] = byte_at(spool_size(spool) + i);
    return spool_append(spool, slice_of(bytes, length));
}

static void check_run(struct slice run, uint64_t offset)
{
    for (size_t i = 0; i < run.length; i++)
        if (run.text[i] != byte_at(offset + i))
            ck_abort_msg("byte %llu is wrong", (unsigned long long)(offset + i));
}

/* All of it, from `offset` on. */
static void check_contents(struct spool *spool, uint64_t offset)
{
    struct slice run;

    while (offset < spool_size(spool)) {
        ck_assert(spool_read(spool, offset, &run));
        ck_assert_uint_gt(run.length, 0);
        ck_assert_uint_le(offset + run.length, spool_size(spool));
        check_run(run, offset);
        offset += run.length;
    }
    ck_assert(spool_read(spool, spool_size(spool), &run));
    ck_assert_uint_eq(run.length, 0);
}

START_TEST(test_empty)
{
    struct spool *spool = spool_new(&budget);
    struct spool *none = NULL;
    struct slice head;

    ck_assert_uint_eq(spool_size(spool), 0);
    check_contents(spool, 0);
    ck_assert_int_eq(spool_append(spool, SLICE("")), SPOOL_OK);
    ck_assert_int_eq(spool_append(spool, SLICE_NONE), SPOOL_OK);
    ck_assert(spool_head(spool, 0, &head));
    ck_assert(!spool_head(spool, 1, &head));
    ck_assert(!spool_is_on_disk(spool));
    ck_assert_uint_eq(budget.memory, 0);
    spool_free(&spool);
    ck_assert_ptr_null(spool);
    spool_free(&none);
}
END_TEST

START_TEST(test_in_memory)
{
    struct spool *spool = spool_new(&budget);
    struct slice head;

    ck_assert_int_eq(append(spool, 5), SPOOL_OK);
    ck_assert_int_eq(append(spool, 3000), SPOOL_OK);
    ck_assert_uint_eq(spool_size(spool), 3005);
    ck_assert_uint_eq(budget.memory, 3005);
    check_contents(spool, 0);
    ck_assert(spool_head(spool, 3000, &head));
    ck_assert_int_eq(append(spool, SPOOL_MEMORY - 3005), SPOOL_OK);
    ck_assert(!spool_is_on_disk(spool));
    ck_assert_uint_eq(budget.memory, SPOOL_MEMORY);
    ck_assert_uint_eq(budget.disk, 0);
    check_run(head, 0);
    check_contents(spool, 0);
    spool_free(&spool);
    ck_assert_uint_eq(budget.memory, 0);
}
END_TEST

/* The header is pointed into while the body is still coming. */
START_TEST(test_head_stays)
{
    struct spool *spool = spool_new(&budget);
    struct slice early, late;

    ck_assert_int_eq(append(spool, 100), SPOOL_OK);
    ck_assert(spool_head(spool, 100, &early));
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(append(spool, 100 * KIB), SPOOL_OK);
    ck_assert(spool_is_on_disk(spool));
    check_run(early, 0);
    ck_assert(spool_head(spool, SPOOL_MEMORY, &late));
    ck_assert_ptr_eq(late.text, early.text);
    check_run(late, 0);
    ck_assert(!spool_head(spool, SPOOL_MEMORY + 1, &late));
    spool_free(&spool);
}
END_TEST

static const size_t steps[] = { 1000, 4096, 64 * 1024, 64 * 1024 + 1, 100000, 256 * 1024, 700 * 1024 };

START_TEST(test_on_disk)
{
    struct spool *spool = spool_new(&budget);

    while (spool_size(spool) < 1500 * KIB) {
        ck_assert_int_eq(append(spool, steps[_i]), SPOOL_OK);
        /* Between memory and disk in every state of the buffer, also while more is to come. */
        if (spool_size(spool) > SPOOL_MEMORY)
            check_contents(spool, SPOOL_MEMORY - 10);
    }
    check_contents(spool, 0);
    ck_assert_uint_eq(files_in_directory(), 0);
    ck_assert_uint_eq(budget.disk, spool_size(spool) - SPOOL_MEMORY);
    ck_assert_uint_eq(budget.memory, SPOOL_MEMORY + 2 * SPOOL_BUFFER);
    spool_free(&spool);
    ck_assert_uint_eq(budget.disk, 0);
    ck_assert_uint_eq(budget.memory, 0);
}
END_TEST

START_TEST(test_one_byte_at_a_time)
{
    struct spool *spool = spool_new(&budget);

    ck_assert_int_eq(append(spool, SPOOL_MEMORY - 5), SPOOL_OK);
    for (size_t i = 0; i < SPOOL_BUFFER + 10; i++)
        if (append(spool, 1) != SPOOL_OK)
            ck_abort_msg("append failed");
    check_contents(spool, SPOOL_MEMORY - 20);
    spool_free(&spool);
}
END_TEST

static long resident_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

START_TEST(test_50_mib_in_constant_memory)
{
    struct spool *spool = spool_new(&budget);
    long before;

    ck_assert_int_eq(append(spool, 1024 * KIB), SPOOL_OK);
    check_contents(spool, 0);
    before = resident_kib();
    for (int i = 1; i < 50; i++)
        ck_assert_int_eq(append(spool, 1024 * KIB), SPOOL_OK);
    check_contents(spool, 49 * 1024 * KIB - 100);
    ck_assert_int_lt(resident_kib() - before, 1024);
    spool_free(&spool);
}
END_TEST

START_TEST(test_budget_of_memory)
{
    struct spool *first = spool_new(&budget), *second = spool_new(&budget);

    budget.memory_most = 10000;
    ck_assert_int_eq(append(first, 6000), SPOOL_OK);
    ck_assert_int_eq(append(second, 4001), SPOOL_FULL);
    ck_assert_uint_eq(spool_size(second), 0);
    ck_assert_uint_eq(budget.memory, 6000);
    ck_assert_int_eq(append(second, 4000), SPOOL_OK);
    ck_assert_int_eq(append(first, 1), SPOOL_FULL);
    spool_free(&second);
    ck_assert_uint_eq(budget.memory, 6000);
    ck_assert_int_eq(append(first, 1), SPOOL_OK);
    check_contents(first, 0);
    spool_free(&first);
    ck_assert_uint_eq(budget.memory, 0);
}
END_TEST

START_TEST(test_budget_of_disk)
{
    struct spool *first = spool_new(&budget), *second = spool_new(&budget);

    budget.disk_most = 1000;
    ck_assert_int_eq(append(first, SPOOL_MEMORY + 600), SPOOL_OK);
    ck_assert_int_eq(append(second, SPOOL_MEMORY + 401), SPOOL_FULL);
    ck_assert_uint_eq(spool_size(second), 0);
    ck_assert_int_eq(append(second, SPOOL_MEMORY + 400), SPOOL_OK);
    ck_assert_int_eq(append(first, 1), SPOOL_FULL);
    ck_assert_uint_eq(budget.disk, 1000);
    /* A limit lowered by a reload, below what is held already. */
    budget.disk_most = 500;
    ck_assert_int_eq(append(first, 1), SPOOL_FULL);
    check_contents(first, 0);
    check_contents(second, 0);
    spool_free(&first);
    spool_free(&second);
    ck_assert_uint_eq(budget.disk, 0);
}
END_TEST

START_TEST(test_no_directory)
{
    struct spool *spool = spool_new(&budget);

    budget.directory = "/nonexistent/spool";
    ck_assert_int_eq(append(spool, SPOOL_MEMORY + SPOOL_BUFFER), SPOOL_OK);
    errno = 0;
    ck_assert_int_eq(append(spool, 1), SPOOL_FAILED);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_uint_eq(spool_size(spool), SPOOL_MEMORY + SPOOL_BUFFER);
    check_contents(spool, 0);
    spool_free(&spool);
    ck_assert_uint_eq(budget.disk, 0);
}
END_TEST

static void limit_file_size(rlim_t most)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = most;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/*
 * Fails within an append that came far: nothing of it counts, all before it is there, and later there may be room
 * again.
 */
START_TEST(test_disk_full)
{
    struct spool *spool = spool_new(&budget);
    uint64_t size;

    limit_file_size(200 * KIB);
    while (append(spool, steps[_i] % (90 * KIB) + 1) == SPOOL_OK)
        continue;
    ck_assert_int_eq(errno, EFBIG);
    size = spool_size(spool);
    ck_assert_uint_ge(size, SPOOL_MEMORY);
    ck_assert_uint_eq(budget.disk, size - SPOOL_MEMORY);
    ck_assert_int_eq(append(spool, 700 * KIB), SPOOL_FAILED);
    ck_assert_uint_eq(spool_size(spool), size);
    check_contents(spool, 0);
    limit_file_size(RLIM_INFINITY);
    ck_assert_int_eq(append(spool, 700 * KIB), SPOOL_OK);
    ck_assert_uint_eq(spool_size(spool), size + 700 * KIB);
    check_contents(spool, 0);
    spool_free(&spool);
    ck_assert_uint_eq(budget.disk, 0);
    ck_assert_uint_eq(budget.memory, 0);
}
END_TEST

/* One append from nothing to beyond the disk. */
START_TEST(test_disk_full_at_once)
{
    struct spool *spool = spool_new(&budget);

    limit_file_size(100 * KIB);
    ck_assert_int_eq(append(spool, 10), SPOOL_OK);
    ck_assert_int_eq(append(spool, 900 * KIB), SPOOL_FAILED);
    ck_assert_uint_eq(spool_size(spool), 10);
    ck_assert_uint_eq(budget.memory, 10);
    ck_assert_uint_eq(budget.disk, 0);
    limit_file_size(RLIM_INFINITY);
    ck_assert_int_eq(append(spool, 900 * KIB), SPOOL_OK);
    check_contents(spool, 0);
    spool_free(&spool);
}
END_TEST

Suite *suite_spool(void);

Suite *suite_spool(void)
{
    Suite *suite = suite_create("spool");
    TCase *tests = tcase_create("spool");
    int rows = (int)(sizeof(steps) / sizeof(steps[0]));

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_empty);
    tcase_add_test(tests, test_in_memory);
    tcase_add_test(tests, test_head_stays);
    tcase_add_loop_test(tests, test_on_disk, 0, rows);
    tcase_add_test(tests, test_one_byte_at_a_time);
    tcase_add_test(tests, test_50_mib_in_constant_memory);
    tcase_add_test(tests, test_budget_of_memory);
    tcase_add_test(tests, test_budget_of_disk);
    tcase_add_test(tests, test_no_directory);
    tcase_add_loop_test(tests, test_disk_full, 0, rows);
    tcase_add_test(tests, test_disk_full_at_once);
    suite_add_tcase(suite, tests);
    return suite;
}
