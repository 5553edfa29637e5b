/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_envelope.c: parameters of MAIL and RCPT: what each extension's RFC allows, what it does not, and that a
 * parameter whose extension is not offered is not known (RFC 5321 4.1.1.11).
 */
#include <check.h>

#include "proxy/backend.h"
#include "proxy/envelope.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define ALL (BACKEND_8BITMIME | BACKEND_SMTPUTF8)

static struct command parsed(const char *line)
{
    struct command command;
    const char *enhanced, *problem;

    ck_assert_int_eq(command_parse(slice_of_string(line), &command, &enhanced, &problem), COMMAND_OK);
    return command;
}

static const struct {
    const char *line;
    unsigned offered;
    unsigned code;                 /* 0: taken */
    const char *enhanced;
} mail_cases[] = {
    { "MAIL FROM:<a@b>", 0, 0, NULL },
    /* RFC 1870 */
    { "MAIL FROM:<a@b> SIZE=10", 0, 0, NULL },
    { "MAIL FROM:<a@b> SIZE=abc", 0, 501, "5.5.4" },
    { "MAIL FROM:<a@b> SIZE", 0, 501, "5.5.4" },
    /* RFC 6152; RFC 3030's BINARYMIME is never offered. */
    { "MAIL FROM:<a@b> BODY=8BITMIME", ALL, 0, NULL },
    { "MAIL FROM:<a@b> body=7bit", ALL, 0, NULL },
    { "MAIL FROM:<a@b> BODY=BINARYMIME", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> BODY", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> BODY=8BITMIME", BACKEND_SMTPUTF8, 555, "5.5.4" },
    /* RFC 6531 */
    { "MAIL FROM:<a@b> SMTPUTF8", ALL, 0, NULL },
    { "MAIL FROM:<a@b> smtputf8", ALL, 0, NULL },
    { "MAIL FROM:<a@b> SMTPUTF8=yes", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> SMTPUTF8", BACKEND_8BITMIME, 555, "5.5.4" },
    { "MAIL FROM:<\xC3\xA4@b> SMTPUTF8", ALL, 0, NULL },
    { "MAIL FROM:<a@\xC3\xA4> SMTPUTF8 SIZE=3", ALL, 0, NULL },
    { "MAIL FROM:<a@\xC3\xA4> SIZE=3 SMTPUTF8", ALL, 0, NULL },
    { "MAIL FROM:<\xC3\xA4@b>", ALL, 550, "5.6.7" },
    { "MAIL FROM:<\xC3\xA4@b>", 0, 550, "5.6.7" },
    { "MAIL FROM:<@\xC3\xA4:a@b>", ALL, 550, "5.6.7" },
    /* Nobody's. */
    { "MAIL FROM:<a@b> BOGUS", ALL, 555, "5.5.4" },
    { "MAIL FROM:<a@b> BOGUS=1", ALL, 555, "5.5.4" },
    { "MAIL FROM:<a@b> X=\xC3\xA4 SMTPUTF8", ALL, 555, "5.5.4" },
};

START_TEST(test_mail)
{
    struct command command = parsed(mail_cases[_i].line);
    struct envelope_mail mail;
    struct envelope_problem problem = { 0 };

    ck_assert_msg(envelope_read_mail(&command, mail_cases[_i].offered, &mail, &problem) == (mail_cases[_i].code == 0),
                  "%s: %s", mail_cases[_i].line, problem.text);
    if (mail_cases[_i].code != 0) {
        ck_assert_uint_eq(problem.code, mail_cases[_i].code);
        ck_assert_str_eq(problem.enhanced, mail_cases[_i].enhanced);
        ck_assert_ptr_nonnull(problem.text);
    }
}
END_TEST

START_TEST(test_mail_values)
{
    struct command command = parsed("MAIL FROM:<a@b> SIZE=77 BODY=8BITMIME SMTPUTF8");
    struct envelope_mail mail;
    struct envelope_problem problem;

    ck_assert(envelope_read_mail(&command, ALL, &mail, &problem));
    ck_assert_uint_eq(mail.size, 77);
    ck_assert(mail.body_8bit && mail.smtputf8);
    command = parsed("MAIL FROM:<a@b>");
    ck_assert(envelope_read_mail(&command, ALL, &mail, &problem));
    ck_assert(mail.size == 0 && !mail.body_8bit && !mail.smtputf8);
}
END_TEST

static const struct { const char *line; bool smtputf8; unsigned code; const char *enhanced; } recipient_cases[] = {
    { "RCPT TO:<a@b>", false, 0, NULL },
    { "RCPT TO:<a@b>", true, 0, NULL },
    { "RCPT TO:<\xC3\xA4@b>", true, 0, NULL },
    { "RCPT TO:<\xC3\xA4@b>", false, 553, "5.6.7" },
    { "RCPT TO:<a@\xC3\xA4>", false, 553, "5.6.7" },
    { "RCPT TO:<a@b> BOGUS=1", false, 555, "5.5.4" },
    { "RCPT TO:<a@b> SMTPUTF8", true, 555, "5.5.4" },
};

START_TEST(test_recipient)
{
    struct command command = parsed(recipient_cases[_i].line);
    struct envelope_problem problem = { 0 };
    bool taken = envelope_read_recipient(&command, recipient_cases[_i].smtputf8, &problem);

    ck_assert_msg(taken == (recipient_cases[_i].code == 0), "%s", recipient_cases[_i].line);
    if (!taken) {
        ck_assert_uint_eq(problem.code, recipient_cases[_i].code);
        ck_assert_str_eq(problem.enhanced, recipient_cases[_i].enhanced);
    }
}
END_TEST

Suite *suite_envelope(void);

Suite *suite_envelope(void)
{
    Suite *suite = suite_create("envelope");
    TCase *tests = tcase_create("envelope");

    tcase_add_loop_test(tests, test_mail, 0, ROWS(mail_cases));
    tcase_add_test(tests, test_mail_values);
    tcase_add_loop_test(tests, test_recipient, 0, ROWS(recipient_cases));
    suite_add_tcase(suite, tests);
    return suite;
}
