/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_foreign.c: what is taken for another protocol than SMTP, and that no command is: those of RFC 5321 and its
 * extensions, and the misspelt ones that are merely not known.
 */
#include <check.h>

#include "proxy/foreign.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static const struct {
    const char *line;
    enum foreign foreign;
} lines[] = {
    { "GET / HTTP/1.1", FOREIGN_HTTP },
    { "get / HTTP/1.1", FOREIGN_HTTP },
    { "POST /mail HTTP/1.0", FOREIGN_HTTP },
    { "HEAD", FOREIGN_HTTP },
    { "PUT /x HTTP/1.1", FOREIGN_HTTP },
    { "DELETE /x HTTP/1.1", FOREIGN_HTTP },
    { "OPTIONS * HTTP/1.1", FOREIGN_HTTP },
    { "TRACE / HTTP/1.1", FOREIGN_HTTP },
    { "PATCH / HTTP/1.1", FOREIGN_HTTP },
    { "CONNECT mx.example.org:25 HTTP/1.1", FOREIGN_HTTP },
    { "PRI * HTTP/2.0", FOREIGN_HTTP },
    { "Host: mx.example.org:25", FOREIGN_HEADER },
    { "Content-Type:text/plain", FOREIGN_HEADER },
    { "X_y:", FOREIGN_HEADER },
    { "Subject: RCPT TO:<a@b>", FOREIGN_HEADER },
    /* SMTP. */
    { "EHLO host:25", FOREIGN_NONE },
    { "MAIL FROM:<a@b>", FOREIGN_NONE },
    { "RCPT TO:<a@b>", FOREIGN_NONE },
    { "VRFY a:b", FOREIGN_NONE },
    { "GETS", FOREIGN_NONE },
    { "POSTED x", FOREIGN_NONE },
    { "", FOREIGN_NONE },
    { ":", FOREIGN_NONE },
    { ": x", FOREIGN_NONE },
    { "<a:b>", FOREIGN_NONE },
    { "X-=:", FOREIGN_NONE },
    { " GET /", FOREIGN_NONE },
};

START_TEST(test_lines)
{
    ck_assert_msg(foreign_line(slice_of_string(lines[_i].line)) == lines[_i].foreign, "%s", lines[_i].line);
    ck_assert(foreign_bytes(slice_of_string(lines[_i].line), true) == FOREIGN_NONE);
}
END_TEST

/* RFC 8446 5.1: type 22, legacy version 0x0301 or 0x0303, length. */
START_TEST(test_tls)
{
    ck_assert_int_eq(foreign_bytes(SLICE("\x16\x03\x01\x02\x00\x01"), true), FOREIGN_TLS);
    ck_assert_int_eq(foreign_bytes(SLICE("\x16\x03"), true), FOREIGN_TLS);
    ck_assert_int_eq(foreign_bytes(SLICE("\x16"), true), FOREIGN_NONE);
    ck_assert_int_eq(foreign_bytes(SLICE("\x16\x02\x01"), true), FOREIGN_NONE);
    ck_assert_int_eq(foreign_bytes(SLICE("\x15\x03\x01"), true), FOREIGN_NONE);
    ck_assert_int_eq(foreign_bytes(SLICE("\x16\x03\x01"), false), FOREIGN_NONE);
}
END_TEST

START_TEST(test_words)
{
    for (int i = FOREIGN_HTTP; i <= FOREIGN_TLS; i++) {
        ck_assert_str_ne(foreign_name((enum foreign)i), "");
        ck_assert_ptr_nonnull(strstr(foreign_sentence((enum foreign)i), "closing"));
    }
}
END_TEST

Suite *suite_foreign(void);
Suite *suite_foreign(void)
{
    Suite *suite = suite_create("foreign");
    TCase *tests = tcase_create("foreign");

    tcase_add_loop_test(tests, test_lines, 0, ROWS(lines));
    tcase_add_test(tests, test_tls);
    tcase_add_test(tests, test_words);
    suite_add_tcase(suite, tests);
    return suite;
}
