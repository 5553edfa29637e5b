/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_log.c: one event is one line whatever is in it, and nobody waits for a log that takes nothing.
 */
#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/log.h"

static int pipes[2];
static int saved;
static char text[65536];

static void set_up(void)
{
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    dup2(pipes[1], STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
    log_begin("test");
}

static void tear_down(void)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[0]);
    close(pipes[1]);
}

static const char *logged(void)
{
    ssize_t got = read(pipes[0], text, sizeof(text) - 1);

    text[got > 0 ? got : 0] = '\0';
    return text;
}

static const char *expected(const char *format)
{
    static char line[4096];

    snprintf(line, sizeof(line), format, (int)getpid());
    return line;
}

static const struct {
    const char *value;
    const char *written;
} values[] = {
    { "192.0.2.1", "192.0.2.1" },
    { "a@b.example:25/x_+-", "a@b.example:25/x_+-" },
    { "", "\"\"" },
    { "two words", "\"two words\"" },
    { "a=b", "\"a=b\"" },
    { "say \"no\" \\", "\"say \\\"no\\\" \\\\\"" },
    { "x\r\nlevel=error event=forged", "\"x\\x0D\\x0Alevel=error event=forged\"" },
    { "\x1B[31m\x7F\xC3\xBC", "\"\\x1B[31m\\x7F\\xC3\\xBC\"" },
};

START_TEST(value)
{
    char line[200];

    log_event(LOG_LEVEL_WARNING, "seen", "what", values[_i].value, NULL);
    snprintf(line, sizeof(line), "level=warning event=seen process=test pid=%d what=%s\n", (int)getpid(),
             values[_i].written);
    ck_assert_str_eq(logged(), line);
}
END_TEST

START_TEST(left_out)
{
    log_event(LOG_LEVEL_INFO, "seen", "a", NULL, "b", log_number(-5), "c", log_number(LLONG_MAX), NULL);
    ck_assert_str_eq(logged(), expected("level=info event=seen process=test pid=%d b=-5 c=9223372036854775807\n"));
}
END_TEST

/* A line is never longer than what a pipe keeps whole, and ends in one line end. */
START_TEST(long_values)
{
    static char large[10000];

    memset(large, ' ', sizeof(large) - 1);
    log_event(LOG_LEVEL_ERROR, "large", "a", large, "b", large, "c", large, "d", large, NULL);
    logged();
    ck_assert_uint_le(strlen(text), 4096);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_ptr_nonnull(strstr(text, "...\" b="));
}
END_TEST

START_TEST(nobody_reads)
{
    for (int i = 0; i < 3000; i++)
        log_event(LOG_LEVEL_INFO, "noise", "text", "something to fill the pipe with", NULL);
    while (read(pipes[0], text, sizeof(text)) > 0)
        ;
    log_event(LOG_LEVEL_INFO, "after", NULL);
    logged();
    ck_assert_ptr_nonnull(strstr(text, " lines-dropped="));
    ck_assert_ptr_null(strstr(text, " lines-dropped=0"));
    log_event(LOG_LEVEL_INFO, "again", NULL);
    ck_assert_str_eq(logged(), expected("level=info event=again process=test pid=%d\n"));
}
END_TEST

/* sd-daemon(3): the priority in front, when standard error is the journal's own socket. */
START_TEST(journal)
{
    struct stat status;
    char stream[64];

    ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_begin("test");
    log_event(LOG_LEVEL_ERROR, "bad", NULL);
    ck_assert_str_eq(logged(), expected("<3>level=error event=bad process=test pid=%d\n"));
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_begin("test");
    log_event(LOG_LEVEL_ERROR, "bad", NULL);
    ck_assert_str_eq(logged(), expected("level=error event=bad process=test pid=%d\n"));
}
END_TEST

Suite *suite_log(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, value, 0, sizeof(values) / sizeof(values[0]));
    tcase_add_test(tests, left_out);
    tcase_add_test(tests, long_values);
    tcase_add_test(tests, nobody_reads);
    tcase_add_test(tests, journal);
    suite_add_tcase(suite, tests);
    return suite;
}
