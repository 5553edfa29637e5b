/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_envelope.c: parameters of MAIL and RCPT: what each extension's RFC allows, what it does not, and that a
 * parameter whose extension is not offered is not known (RFC 5321 4.1.1.11).
 */
#include <check.h>

#include "proxy/backend.h"
#include "proxy/envelope.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define ALL (BACKEND_8BITMIME | BACKEND_SMTPUTF8 | BACKEND_DSN | BACKEND_REQUIRETLS)
#define TEN "abcdefghij"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

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
    /* RFC 8689 2 */
    { "MAIL FROM:<a@b> REQUIRETLS", ALL, 0, NULL },
    { "MAIL FROM:<> requiretls RET=HDRS", ALL, 0, NULL },
    { "MAIL FROM:<a@b> REQUIRETLS=yes", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> REQUIRETLS", ALL & ~BACKEND_REQUIRETLS, 555, "5.5.4" },
    /* RFC 3461 4.3 */
    { "MAIL FROM:<a@b> RET=FULL", ALL, 0, NULL },
    { "MAIL FROM:<a@b> ret=hdrs", ALL, 0, NULL },
    { "MAIL FROM:<a@b> RET", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> RET=ALL", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> RET=FULL", ALL & ~BACKEND_DSN, 555, "5.5.4" },
    /* RFC 3461 4.4: xtext of printable ASCII, up to 100 characters. */
    { "MAIL FROM:<a@b> ENVID=QQ314159", ALL, 0, NULL },
    { "MAIL FROM:<a@b> ENVID=QQ+2B+3D+20+09+7E", ALL, 0, NULL },
    { "MAIL FROM:<a@b> ENVID=" HUNDRED, ALL, 0, NULL },
    { "MAIL FROM:<a@b> ENVID=" HUNDRED "k", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+2", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+2b", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+G0", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+0D+0AX:", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+00", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+7F", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a+C3+A4", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> SMTPUTF8 ENVID=\xC3\xA4", ALL, 501, "5.5.4" },
    { "MAIL FROM:<a@b> ENVID=a", ALL & ~BACKEND_DSN, 555, "5.5.4" },
    { "MAIL FROM:<a@b> NOTIFY=NEVER", ALL, 555, "5.5.4" },
    /* RFC 4954 5: xtext of a mailbox or of "<>"; its examples. 3: the whole adds 500 characters at most. */
    { "MAIL FROM:<e=mc2@example.com> AUTH=e+3Dmc2@example.com", BACKEND_AUTH, 0, NULL },
    { "MAIL FROM:<john+@example.org> AUTH=<>", BACKEND_AUTH, 0, NULL },
    { "MAIL FROM:<a@b> AUTH=+3C+3E", BACKEND_AUTH, 0, NULL },
    { "MAIL FROM:<a@b> AUTH=" HUNDRED TEN "@example.org", BACKEND_AUTH, 0, NULL },
    { "MAIL FROM:<a@b> AUTH=+22a+20b+22@[192.0.2.1]", BACKEND_AUTH, 0, NULL },
    { "MAIL FROM:<a@b> AUTH", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=a", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=<a@b>", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=a@b,c@d", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=a@b+20c", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=a@b+0D+0A", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=a+@b", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED "@b", BACKEND_AUTH, 501, "5.5.4" },
    { "MAIL FROM:<a@b> AUTH=<>", ALL, 555, "5.5.4" },
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
    struct command command = parsed("MAIL FROM:<a@b> SIZE=77 envid=+41b BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=Full");
    struct arena *arena = arena_new();
    struct envelope_mail mail;
    struct envelope_problem problem;

    ck_assert(envelope_read_mail(&command, ALL, &mail, &problem));
    ck_assert_uint_eq(mail.size, 77);
    ck_assert(mail.body_8bit && mail.smtputf8 && mail.requiretls);
    ck_assert(slice_equal(envelope_mail_text(&mail, arena),
                          SLICE("SIZE=77 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=Full ENVID=+41b")));
    ck_assert_uint_eq(envelope_mail_needs(&mail), ALL);
    /* None is invented (RFC 3461 5.2.1). */
    command = parsed("MAIL FROM:<a@b> BODY=7BIT");
    ck_assert(envelope_read_mail(&command, ALL, &mail, &problem));
    ck_assert(mail.size == 0 && !mail.body_8bit && !mail.smtputf8);
    ck_assert_uint_eq(envelope_mail_text(&mail, arena).length, 0);
    ck_assert_uint_eq(envelope_mail_needs(&mail), 0);
    arena_free(&arena);
}
END_TEST

#define HUNDREDS HUNDRED HUNDRED HUNDRED HUNDRED

static const struct { const char *line; bool smtputf8; unsigned code; const char *enhanced; } recipient_cases[] = {
    { "RCPT TO:<a@b>", false, 0, NULL },
    { "RCPT TO:<a@b>", true, 0, NULL },
    { "RCPT TO:<\xC3\xA4@b>", true, 0, NULL },
    { "RCPT TO:<\xC3\xA4@b>", false, 553, "5.6.7" },
    { "RCPT TO:<a@\xC3\xA4>", false, 553, "5.6.7" },
    { "RCPT TO:<a@b> BOGUS=1", false, 555, "5.5.4" },
    { "RCPT TO:<a@b> SMTPUTF8", true, 555, "5.5.4" },
    { "RCPT TO:<a@b> RET=FULL", false, 555, "5.5.4" },
    /* RFC 3461 4.1 */
    { "RCPT TO:<a@b> NOTIFY=NEVER", false, 0, NULL },
    { "RCPT TO:<a@b> notify=Success,FAILURE,delay", false, 0, NULL },
    { "RCPT TO:<a@b> NOTIFY=DELAY", false, 0, NULL },
    { "RCPT TO:<a@b> NOTIFY", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> NOTIFY=NEVER,SUCCESS", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> NOTIFY=SUCCESS,NEVER", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> NOTIFY=SUCCESS,", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> NOTIFY=,", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> NOTIFY=ALWAYS", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> NOTIFY=DELAY,DELAY,DELAY,DELAY,DELAY", false, 501, "5.5.4" },
    /* RFC 3461 4.2 */
    { "RCPT TO:<a@b> ORCPT=rfc822;a@b", false, 0, NULL },
    { "RCPT TO:<a@b> ORCPT=rfc822;a+2Bb@c NOTIFY=NEVER", false, 0, NULL },
    { "RCPT TO:<a@b> ORCPT=X-400;/c+3Dde/a+3D+20", false, 0, NULL },
    { "RCPT TO:<a@b> ORCPT=rfc822;" HUNDREDS TEN TEN TEN TEN TEN TEN TEN TEN TEN "abc", false, 0, NULL },
    { "RCPT TO:<a@b> ORCPT=rfc822;" HUNDREDS TEN TEN TEN TEN TEN TEN TEN TEN TEN "abcd", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=a@b", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=;a@b", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=rfc(822);a@b", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=rfc822;a+0D+0Ab", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=rfc822;a+b", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=utf-8;\\x{E4}@b", false, 0, NULL },
    { "RCPT TO:<a@b> ORCPT=utf-8;\xC3\xA4@b", true, 0, NULL },
    { "RCPT TO:<a@b> ORCPT=utf-8;\xC3\xA4@b", false, 501, "5.5.4" },
    { "RCPT TO:<a@b> ORCPT=rfc822;\xC3\xA4@b", true, 501, "5.5.4" },
};

START_TEST(test_recipient)
{
    struct command command = parsed(recipient_cases[_i].line);
    struct envelope_problem problem = { 0 };
    struct envelope_recipient recipient;
    bool taken = envelope_read_recipient(&command, ALL, recipient_cases[_i].smtputf8, &recipient, &problem);

    ck_assert_msg(taken == (recipient_cases[_i].code == 0), "%s", recipient_cases[_i].line);
    if (!taken) {
        ck_assert_uint_eq(problem.code, recipient_cases[_i].code);
        ck_assert_str_eq(problem.enhanced, recipient_cases[_i].enhanced);
    }
}
END_TEST

START_TEST(test_recipient_values)
{
    struct command command = parsed("RCPT TO:<a@b> ORCPT=rfc822;A+2Bb@C NOTIFY=Success,delay");
    struct arena *arena = arena_new();
    struct envelope_recipient recipient;
    struct envelope_problem problem;

    ck_assert(envelope_read_recipient(&command, ALL, false, &recipient, &problem));
    ck_assert(slice_equal(envelope_recipient_text(&recipient, arena),
                          SLICE("NOTIFY=Success,delay ORCPT=rfc822;A+2Bb@C")));
    ck_assert_uint_eq(envelope_recipient_needs(&recipient), BACKEND_DSN);
    ck_assert(!envelope_read_recipient(&command, ALL & ~BACKEND_DSN, false, &recipient, &problem));
    ck_assert_uint_eq(problem.code, 555);
    command = parsed("RCPT TO:<a@b>");
    ck_assert(envelope_read_recipient(&command, ALL, false, &recipient, &problem));
    ck_assert_uint_eq(envelope_recipient_text(&recipient, arena).length, 0);
    ck_assert_uint_eq(envelope_recipient_needs(&recipient), 0);
    arena_free(&arena);
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
    tcase_add_test(tests, test_recipient_values);
    suite_add_tcase(suite, tests);
    return suite;
}
