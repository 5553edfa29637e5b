/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_journal.c: a worker's end of the way to the keeper, with a keeper that reads as the test says: receipts,
 * a keeper that dies, one that is slow, and records beyond what may be held.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/journal.h"
#include "rules/arena.h"

static char folder[] = "/tmp/mxward-journal-XXXXXX";
static char path[64];
static struct status *status;
static int table;
static struct event_base *base;
static struct journal *journal;
static int keeper = -1;

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/status", folder);
    status = status_create(path, &table);
    ck_assert_ptr_nonnull(status);
    base = event_base_new();
    journal = journal_new(base, status_column(status, 1));
}

static void tear_down(void)
{
    journal_free(&journal);
    event_base_free(base);
    status_close(&status);
    close(table);
    unlink(path);
    rmdir(folder);
    if (keeper >= 0)
        close(keeper);
    keeper = -1;
}

static void connect_keeper(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    if (keeper >= 0)
        close(keeper);
    keeper = pair[0];
    journal_connect(journal, pair[1]);
}

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static void append(const char *text)
{
    journal_append(journal, slice_of_string(text));
}

static void receipt(uint64_t done)
{
    unsigned char bytes[JOURNAL_RECEIPT];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(done >> (8 * (sizeof(bytes) - 1 - i)));
    ck_assert_int_eq(send(keeper, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
    turn();
}

/* What the keeper has to read, with each length as "N:". */
static const char *heard(void)
{
    static char text[4096];
    unsigned char bytes[2048];
    ssize_t got = recv(keeper, bytes, sizeof(bytes), MSG_DONTWAIT);
    size_t length = 0;

    text[0] = '\0';
    for (ssize_t at = 0; at + JOURNAL_HEAD <= got;) {
        int record = bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];

        length += (size_t)snprintf(text + length, sizeof(text) - length, "%d:%.*s ", record, record,
                                   (const char *)bytes + at + JOURNAL_HEAD);
        at += JOURNAL_HEAD + record;
    }
    return text;
}

static uint64_t dropped(void)
{
    return status_sum(status, STATUS_RECORDS_DROPPED);
}

START_TEST(handed_over)
{
    connect_keeper();
    append("{\"a\":1}");
    append("{}\n");
    ck_assert_uint_eq(journal_unsent(journal), 4 + 7 + 4 + 2);
    turn();
    ck_assert_str_eq(heard(), "7:{\"a\":1} 2:{} ");
    ck_assert_uint_eq(journal_unsent(journal), 17);
    receipt(11);
    ck_assert_uint_eq(journal_unsent(journal), 6);
    receipt(17);
    ck_assert_uint_eq(journal_unsent(journal), 0);
    ck_assert_uint_eq(dropped(), 0);
}
END_TEST

/* A keeper that died may or may not have written what it gave no receipt for: the next one gets it again. */
START_TEST(again_to_the_next)
{
    append("{0}");
    connect_keeper();
    append("{1}");
    append("{2}");
    turn();
    ck_assert_str_eq(heard(), "3:{0} 3:{1} 3:{2} ");
    receipt(7);
    append("{3}");
    connect_keeper();
    append("{4}");
    turn();
    ck_assert_str_eq(heard(), "3:{1} 3:{2} 3:{3} 3:{4} ");
    receipt(28);
    ck_assert_uint_eq(journal_unsent(journal), 0);
    ck_assert_uint_eq(dropped(), 0);
}
END_TEST

/* Receipts for what was never sent, or that go back: the keeper is not believed, and nothing is lost by it. */
START_TEST(wrong_receipts)
{
    connect_keeper();
    append("{1}");
    turn();
    receipt(8);
    ck_assert_uint_eq(journal_unsent(journal), 7);
    connect_keeper();
    turn();
    ck_assert_str_eq(heard(), "3:{1} ");
    receipt(7);
    append("{2}");
    turn();
    receipt(6);
    ck_assert_uint_eq(journal_unsent(journal), 7);
    connect_keeper();
    turn();
    ck_assert_str_eq(heard(), "3:{2} ");
}
END_TEST

START_TEST(away_too_long)
{
    static char record[100001];
    uint64_t appended = 0;

    memset(record, 'x', sizeof(record) - 1);
    record[0] = '{';
    record[sizeof(record) - 2] = '}';
    for (; dropped() == 0; appended++)
        append(record);
    ck_assert_uint_le(journal_unsent(journal), JOURNAL_HELD_MOST);
    ck_assert_uint_gt(appended, JOURNAL_HELD_MOST / sizeof(record) - 2);
    append("{}");
    ck_assert_uint_eq(dropped(), 1);
}
END_TEST

/* Memory is moved and grown under what is on its way: what comes out is what went in. */
START_TEST(slow_keeper)
{
    static char record[10001];
    static unsigned char bytes[65536];
    uint64_t sent = 0, read_bytes = 0, given = 0;

    connect_keeper();
    memset(record, 'y', sizeof(record) - 1);
    for (int round = 0; round < 2000; round++) {
        ssize_t got;

        if (journal_unsent(journal) < JOURNAL_HELD_MOST / 2) {
            append(record);
            sent += JOURNAL_HEAD + sizeof(record) - 1;
        }
        turn();
        got = recv(keeper, bytes, 9999, MSG_DONTWAIT);
        read_bytes += got > 0 ? (uint64_t)got : 0;
        if (read_bytes - given >= 3 * 10004) {
            given += (read_bytes - given) / 10004 * 10004;
            receipt(given);
        }
    }
    ck_assert_uint_eq(journal_unsent(journal), sent - given);
    ck_assert_uint_eq(dropped(), 0);
}
END_TEST

START_TEST(impossible_records)
{
    char *large = memory_zeroed(1, JOURNAL_RECORD_MOST + 1);

    journal_append(journal, SLICE(""));
    journal_append(journal, SLICE("\n"));
    journal_append(journal, slice_of(large, JOURNAL_RECORD_MOST + 1));
    ck_assert_uint_eq(journal_unsent(journal), 0);
    ck_assert_uint_eq(dropped(), 3);
    journal_append(journal, slice_of(large, JOURNAL_RECORD_MOST));
    ck_assert_uint_eq(dropped(), 3);
    free(large);
}
END_TEST

/* Bytes that malloc() has given out; always the same under a sanitizer, which has a malloc() of its own. */
static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

START_TEST(room_of_a_backlog_is_given_up)
{
    const size_t length = 300000, records = 5;
    char *record = memory_alloc(length + 1), *read = memory_alloc(records * (length + JOURNAL_HEAD));
    size_t before = in_use(), got = 0;

    memset(record, 'x', length);
    record[length] = '\0';
    for (size_t i = 0; i < records; i++)
        append(record);
    connect_keeper();
    while (got < records * (length + JOURNAL_HEAD)) {
        turn();
        ssize_t part = recv(keeper, read, records * (length + JOURNAL_HEAD), MSG_DONTWAIT);
        ck_assert_int_gt(part, 0);
        got += (size_t)part;
    }
    receipt(got);
    ck_assert_uint_eq(journal_unsent(journal), 0);
    /* Events of the connection are what there is beside. */
    ck_assert_uint_le(in_use(), before + 16384);
    append("{}");
    turn();
    ck_assert_str_eq(heard(), "2:{} ");
    free(record);
    free(read);
}
END_TEST

Suite *suite_journal(void)
{
    Suite *suite = suite_create("journal");
    TCase *tests = tcase_create("journal");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, handed_over);
    tcase_add_test(tests, again_to_the_next);
    tcase_add_test(tests, wrong_receipts);
    tcase_add_test(tests, away_too_long);
    tcase_add_test(tests, slow_keeper);
    tcase_add_test(tests, impossible_records);
    tcase_add_test(tests, room_of_a_backlog_is_given_up);
    suite_add_tcase(suite, tests);
    return suite;
}
