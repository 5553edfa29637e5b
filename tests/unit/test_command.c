/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_command.c: command lines by the grammar of RFC 5321 4.1.1 to 4.1.3, its limits of 4.5.3.1, RFC 1870 and RFC
 * 6531 3.3. The rows are taken from the productions: what each allows, and its nearest neighbours that it does not.
 */
#include <check.h>
#include <stdio.h>

#include "proxy/command.h"

#define ck_assert_slice(got, expected) do { \
        struct slice got_ = (got), expected_ = (expected); \
        ck_assert_msg(slice_equal(got_, expected_), "got \"%.*s\", expected \"%.*s\"", SLICE_ARG(got_), \
                      SLICE_ARG(expected_)); \
    } while (0)
#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN
#define LABEL_63 SIXTY "xyz"

static enum command_status parse(const char *line, struct command *command, const char **enhanced, const char **problem)
{
    *enhanced = *problem = NULL;
    return command_parse(slice_of_string(line), command, enhanced, problem);
}

/* ---- verbs */

static const struct verb_case {
    const char *line;
    enum command_status status;
    enum command_verb verb;
    const char *argument;
} verb_cases[] = {
    { "HELO mail.example.org", COMMAND_OK, COMMAND_HELO, "mail.example.org" },
    { "EHLO mail.example.org", COMMAND_OK, COMMAND_EHLO, "mail.example.org" },
    { "ehlo mail.example.org", COMMAND_OK, COMMAND_EHLO, "mail.example.org" },
    { "eHlO mail.example.org", COMMAND_OK, COMMAND_EHLO, "mail.example.org" },
    { "EHLO   mail.example.org  ", COMMAND_OK, COMMAND_EHLO, "mail.example.org" },
    { "EHLO mail.example.org\t", COMMAND_OK, COMMAND_EHLO, "mail.example.org" },
    { "EHLO localhost", COMMAND_OK, COMMAND_EHLO, "localhost" },
    { "EHLO my_pc.example.org", COMMAND_OK, COMMAND_EHLO, "my_pc.example.org" },
    { "EHLO _pc_", COMMAND_OK, COMMAND_EHLO, "_pc_" },
    { "EHLO 192.0.2.1", COMMAND_OK, COMMAND_EHLO, "192.0.2.1" },
    { "EHLO [192.0.2.1]", COMMAND_OK, COMMAND_EHLO, "[192.0.2.1]" },
    { "HELO [192.0.2.1]", COMMAND_OK, COMMAND_HELO, "[192.0.2.1]" },
    { "EHLO [IPv6:2001:db8::1]", COMMAND_OK, COMMAND_EHLO, "[IPv6:2001:db8::1]" },
    { "EHLO [192.0.2.1] my mailer", COMMAND_OK, COMMAND_EHLO, "[192.0.2.1]" },
    /* What the field sends beside the grammar, and Postfix takes. */
    { "EHLO mail.example.org.", COMMAND_OK, COMMAND_EHLO, "mail.example.org." },
    { "EHLO PC-$", COMMAND_OK, COMMAND_EHLO, "PC-$" },
    { "EHLO mail..example.org", COMMAND_OK, COMMAND_EHLO, "mail..example.org" },
    { "EHLO -mail.example.org", COMMAND_OK, COMMAND_EHLO, "-mail.example.org" },
    { "EHLO mail/example", COMMAND_OK, COMMAND_EHLO, "mail/example" },
    { "HELO (none)", COMMAND_OK, COMMAND_HELO, "(none)" },
    { "EHLO user@example.org", COMMAND_OK, COMMAND_EHLO, "user@example.org" },
    { "EHLO 2001:db8::1", COMMAND_OK, COMMAND_EHLO, "2001:db8::1" },
    { "EHLO [2001:db8::1]", COMMAND_OK, COMMAND_EHLO, "[2001:db8::1]" },
    { "EHLO [2001:db8::1] my mailer", COMMAND_OK, COMMAND_EHLO, "[2001:db8::1]" },
    { "EHLO [192.0.2]", COMMAND_OK, COMMAND_EHLO, "[192.0.2]" },
    { "EHLO " LABEL_63 "x.org", COMMAND_OK, COMMAND_EHLO, LABEL_63 "x.org" },
    { "EHLO " SIXTY SIXTY SIXTY SIXTY TEN "abcde", COMMAND_OK, COMMAND_EHLO, SIXTY SIXTY SIXTY SIXTY TEN "abcde" },
    /* And what is no one word, or would end or quote something where it is written. */
    { "EHLO " SIXTY SIXTY SIXTY SIXTY TEN "abcdef", COMMAND_SYNTAX, COMMAND_EHLO,
      SIXTY SIXTY SIXTY SIXTY TEN "abcdef" },
    { "EHLO", COMMAND_SYNTAX, COMMAND_EHLO, "" },
    { "EHLO ", COMMAND_SYNTAX, COMMAND_EHLO, "" },
    { "EHLO mail.example.org x", COMMAND_SYNTAX, COMMAND_EHLO, "mail.example.org x" },
    { "EHLO JUMPIN' JUPITER", COMMAND_SYNTAX, COMMAND_EHLO, "JUMPIN' JUPITER" },
    { "EHLO %%%%%%%%%%%%%%%%%%%%%%", COMMAND_SYNTAX, COMMAND_EHLO, "%%%%%%%%%%%%%%%%%%%%%%" },
    { "EHLO <mail.example.org>", COMMAND_SYNTAX, COMMAND_EHLO, "<mail.example.org>" },
    { "EHLO \"mail\"", COMMAND_SYNTAX, COMMAND_EHLO, "\"mail\"" },
    { "EHLO a;b", COMMAND_SYNTAX, COMMAND_EHLO, "a;b" },
    { "EHLO a,b", COMMAND_SYNTAX, COMMAND_EHLO, "a,b" },
    { "EHLO a\\b", COMMAND_SYNTAX, COMMAND_EHLO, "a\\b" },
    { "EHLO a\tb", COMMAND_SYNTAX, COMMAND_EHLO, "a\tb" },
    { "EHLO b\xC3\xBC" "ro", COMMAND_SYNTAX, COMMAND_EHLO, "b\xC3\xBC" "ro" },
    { "DATA", COMMAND_OK, COMMAND_DATA, "" },
    { "DATA ", COMMAND_OK, COMMAND_DATA, "" },
    { "data", COMMAND_OK, COMMAND_DATA, "" },
    { "DATA now", COMMAND_SYNTAX, COMMAND_DATA, "now" },
    { "RSET", COMMAND_OK, COMMAND_RSET, "" },
    { "RSET x", COMMAND_SYNTAX, COMMAND_RSET, "x" },
    { "QUIT", COMMAND_OK, COMMAND_QUIT, "" },
    { "QUIT x", COMMAND_SYNTAX, COMMAND_QUIT, "x" },
    { "STARTTLS", COMMAND_OK, COMMAND_STARTTLS, "" },
    { "STARTTLS x", COMMAND_SYNTAX, COMMAND_STARTTLS, "x" },
    { "NOOP", COMMAND_OK, COMMAND_NOOP, "" },
    { "NOOP anything at all", COMMAND_OK, COMMAND_NOOP, "anything at all" },
    { "NOOP a\tb", COMMAND_SYNTAX, COMMAND_NOOP, "a\tb" },
    { "HELP", COMMAND_OK, COMMAND_HELP, "" },
    { "HELP MAIL", COMMAND_OK, COMMAND_HELP, "MAIL" },
    { "VRFY user@example.org", COMMAND_OK, COMMAND_VRFY, "user@example.org" },
    { "VRFY", COMMAND_SYNTAX, COMMAND_VRFY, "" },
    { "VRFY j\xC3\xBCrgen SMTPUTF8", COMMAND_OK, COMMAND_VRFY, "j\xC3\xBCrgen SMTPUTF8" },
    { "VRFY j\xFCrgen", COMMAND_SYNTAX, COMMAND_VRFY, "j\xFCrgen" },
    { "NOOP j\xC3\xBCrgen", COMMAND_SYNTAX, COMMAND_NOOP, "j\xC3\xBCrgen" },
    { "VRFY \x01", COMMAND_SYNTAX, COMMAND_VRFY, "\x01" },
    { "BDAT 5", COMMAND_OK, COMMAND_BDAT, "5" },
    { "BDAT 0 LAST", COMMAND_OK, COMMAND_BDAT, "0 LAST" },
    { "bdat  77  last  ", COMMAND_OK, COMMAND_BDAT, "77  last" },
    { "BDAT 18446744073709551616 LAST", COMMAND_OK, COMMAND_BDAT, "18446744073709551616 LAST" },
    { "BDAT", COMMAND_SYNTAX, COMMAND_BDAT, "" },
    { "BDAT LAST", COMMAND_SYNTAX, COMMAND_BDAT, "LAST" },
    { "BDAT 5 FIRST", COMMAND_SYNTAX, COMMAND_BDAT, "5 FIRST" },
    { "BDAT 5 LAST LAST", COMMAND_SYNTAX, COMMAND_BDAT, "5 LAST LAST" },
    { "BDAT 5LAST", COMMAND_SYNTAX, COMMAND_BDAT, "5LAST" },
    { "BDAT -5", COMMAND_SYNTAX, COMMAND_BDAT, "-5" },
    { "BDAT +5", COMMAND_SYNTAX, COMMAND_BDAT, "+5" },
    { "BDAT 0x5", COMMAND_SYNTAX, COMMAND_BDAT, "0x5" },
    { "BDAT 5\tLAST", COMMAND_SYNTAX, COMMAND_BDAT, "5\tLAST" },
    { "BDAT 100000000000000000000", COMMAND_SYNTAX, COMMAND_BDAT, "100000000000000000000" },
    { "", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "" },
    { " QUIT", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "QUIT" },
    { "QUIT\tnow", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "" },
    { "QUI", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "" },
    { "QUITS", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "" },
    { "EXPN list", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "list" },
    { "XCLIENT ADDR=192.0.2.1", COMMAND_OK, COMMAND_XCLIENT, "ADDR=192.0.2.1" },
    { "GET / HTTP/1.1", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "/ HTTP/1.1" },
    { "\x16\x03\x01", COMMAND_UNRECOGNISED, COMMAND_UNKNOWN, "" },
};

START_TEST(test_verbs)
{
    const struct verb_case *row = &verb_cases[_i];
    struct command command;
    const char *enhanced, *problem;

    ck_assert_int_eq(parse(row->line, &command, &enhanced, &problem), row->status);
    ck_assert_int_eq(command.verb, row->verb);
    ck_assert_slice(command.argument, slice_of_string(row->argument));
    if (row->status == COMMAND_OK) {
        ck_assert_ptr_null(problem);
    } else {
        ck_assert_str_eq(enhanced, row->status == COMMAND_SYNTAX ? "5.5.4" : "5.5.2");
        ck_assert_ptr_nonnull(problem);
    }
}
END_TEST

static const struct { const char *line; uint64_t size; bool last; } chunk_cases[] = {
    { "BDAT 5", 5, false }, { "BDAT 0 LAST", 0, true }, { "BDAT 007 last", 7, true },
    { "BDAT 18446744073709551615", UINT64_MAX, false }, { "BDAT 99999999999999999999 LAST", UINT64_MAX, true },
};

/* RFC 3030 2. */
START_TEST(test_chunks)
{
    struct command command;
    const char *enhanced, *problem;

    ck_assert_int_eq(parse(chunk_cases[_i].line, &command, &enhanced, &problem), COMMAND_OK);
    ck_assert_uint_eq(command.chunk_size, chunk_cases[_i].size);
    ck_assert_int_eq(command.chunk_last, chunk_cases[_i].last);
}
END_TEST

START_TEST(test_verb_names)
{
    ck_assert_str_eq(command_verb_name(COMMAND_STARTTLS), "STARTTLS");
    ck_assert_str_eq(command_verb_name(COMMAND_HELO), "HELO");
    ck_assert_str_eq(command_verb_name(COMMAND_UNKNOWN), "unknown");
}
END_TEST

/* ---- paths: each is tried in MAIL FROM: and in RCPT TO: */

enum { BOTH = 0, ONLY_MAIL = 1, ONLY_RCPT = 2, NEITHER = 3, NOT_TEXT = 4 };

static const struct path_case {
    const char *path;
    int accepted;
    const char *text;
    const char *local_part;
    const char *domain;
} path_cases[] = {
    /* Mailbox = Local-part "@" ( Domain / address-literal ) */
    { "<user@example.org>", BOTH, "user@example.org", "user", "example.org" },
    { "<User@Example.ORG>", BOTH, "User@Example.ORG", "User", "Example.ORG" },
    { "<a@b>", BOTH, "a@b", "a", "b" },
    { "<>", ONLY_MAIL, "", "", "" },
    { "< >", NEITHER, NULL, NULL, NULL },
    /* The one local part that may stand alone, in RCPT, in any case. */
    { "<Postmaster>", ONLY_RCPT, "Postmaster", "Postmaster", "" },
    { "<pOSTMASTER>", ONLY_RCPT, "pOSTMASTER", "pOSTMASTER", "" },
    { "<Postmaster@example.org>", BOTH, "Postmaster@example.org", "Postmaster", "example.org" },
    { "<postmasters>", NEITHER, NULL, NULL, NULL },
    { "<\"postmaster\">", NEITHER, NULL, NULL, NULL },
    { "<@example.org:postmaster>", NEITHER, NULL, NULL, NULL },
    { "<root>", NEITHER, NULL, NULL, NULL },
    /* Brackets. */
    { "user@example.org", NEITHER, NULL, NULL, NULL },
    { "<user@example.org", NEITHER, NULL, NULL, NULL },
    { "user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<<user@example.org>>", NEITHER, NULL, NULL, NULL },
    { "<user@example.org>>", NEITHER, NULL, NULL, NULL },
    { "<user@example.org>x", NEITHER, NULL, NULL, NULL },
    { "<user@example.org>SIZE=1", NEITHER, NULL, NULL, NULL },
    { "<user@example.org>,<b@example.org>", NEITHER, NULL, NULL, NULL },
    { "\"User\" <user@example.org>", NEITHER, NULL, NULL, NULL },
    { "(c)<user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@example.org(c)>", NEITHER, NULL, NULL, NULL },
    { "<user @example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@ example.org>", NEITHER, NULL, NULL, NULL },
    { "< user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@example.org >", NEITHER, NULL, NULL, NULL },
    { "", NEITHER, NULL, NULL, NULL },
    { "<", NEITHER, NULL, NULL, NULL },
    { ">", NEITHER, NULL, NULL, NULL },
    /* Practice: blanks before the bracket, a few more. */
    { " <user@example.org>", BOTH, "user@example.org", "user", "example.org" },
    { "   <user@example.org>  ", BOTH, "user@example.org", "user", "example.org" },
    { "\t<user@example.org>", NEITHER, NULL, NULL, NULL },
    /* Dot-string = Atom *("." Atom); every atext. */
    { "<a.b.c@example.org>", BOTH, "a.b.c@example.org", "a.b.c", "example.org" },
    { "<!#$%&'*+-/=?^_`{|}~09azAZ@example.org>", BOTH, "!#$%&'*+-/=?^_`{|}~09azAZ@example.org",
      "!#$%&'*+-/=?^_`{|}~09azAZ", "example.org" },
    { "<user+tag=x@example.org>", BOTH, "user+tag=x@example.org", "user+tag=x", "example.org" },
    { "<.a@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a.@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a..b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<.@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a,b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a;b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a:b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a(b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a[b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a\\b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a\"b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a<b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<@example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@>", NEITHER, NULL, NULL, NULL },
    { "<user>", NEITHER, NULL, NULL, NULL },
    { "<@>", NEITHER, NULL, NULL, NULL },
    { "<a@b@example.org>", NEITHER, NULL, NULL, NULL },
    /* Quoted-string = DQUOTE *QcontentSMTP DQUOTE */
    { "<\"user\"@example.org>", BOTH, "\"user\"@example.org", "\"user\"", "example.org" },
    { "<\"\"@example.org>", BOTH, "\"\"@example.org", "\"\"", "example.org" },
    { "<\"a b\"@example.org>", BOTH, "\"a b\"@example.org", "\"a b\"", "example.org" },
    { "<\"a@b\"@example.org>", BOTH, "\"a@b\"@example.org", "\"a@b\"", "example.org" },
    { "<\"a>b\"@example.org>", BOTH, "\"a>b\"@example.org", "\"a>b\"", "example.org" },
    { "<\"a> SIZE=1 <b\"@example.org>", BOTH, "\"a> SIZE=1 <b\"@example.org", "\"a> SIZE=1 <b\"", "example.org" },
    { "<\"Joe\\,Smith\"@example.org>", BOTH, "\"Joe\\,Smith\"@example.org", "\"Joe\\,Smith\"", "example.org" },
    { "<\"a\\\"b\"@example.org>", BOTH, "\"a\\\"b\"@example.org", "\"a\\\"b\"", "example.org" },
    { "<\"a\\\\\"@example.org>", BOTH, "\"a\\\\\"@example.org", "\"a\\\\\"", "example.org" },
    { "<\"..\"@example.org>", BOTH, "\"..\"@example.org", "\"..\"", "example.org" },
    { "<\"a\\\"@example.org>", NEITHER, NULL, NULL, NULL },
    { "<\"a@example.org>", NEITHER, NULL, NULL, NULL },
    { "<\"a\"b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<\"a\".b@example.org>", NEITHER, NULL, NULL, NULL },
    { "<a.\"b\"@example.org>", NEITHER, NULL, NULL, NULL },
    { "<\"a\\", NEITHER, NULL, NULL, NULL },
    { "<\"", NEITHER, NULL, NULL, NULL },
    /* Domain = sub-domain *("." sub-domain) */
    { "<user@a-b.c--d.org>", BOTH, "user@a-b.c--d.org", "user", "a-b.c--d.org" },
    { "<user@1.2.3.4>", BOTH, "user@1.2.3.4", "user", "1.2.3.4" },
    { "<user@xn--bro-hoa.example>", BOTH, "user@xn--bro-hoa.example", "user", "xn--bro-hoa.example" },
    { "<user@example.org.>", NEITHER, NULL, NULL, NULL },
    { "<user@.example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@example..org>", NEITHER, NULL, NULL, NULL },
    { "<user@-example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@example-.org>", NEITHER, NULL, NULL, NULL },
    { "<user@exam_ple.org>", NEITHER, NULL, NULL, NULL },
    { "<user@exam!ple.org>", NEITHER, NULL, NULL, NULL },
    { "<user@example.org:25>", NEITHER, NULL, NULL, NULL },
    { "<user@" LABEL_63 ".org>", BOTH, "user@" LABEL_63 ".org", "user", LABEL_63 ".org" },
    { "<user@" LABEL_63 "x.org>", NEITHER, NULL, NULL, NULL },
    /* address-literal */
    { "<user@[192.0.2.1]>", BOTH, "user@[192.0.2.1]", "user", "[192.0.2.1]" },
    { "<user@[IPv6:2001:db8::1]>", BOTH, "user@[IPv6:2001:db8::1]", "user", "[IPv6:2001:db8::1]" },
    { "<user@[ipv6:::1]>", BOTH, "user@[ipv6:::1]", "user", "[ipv6:::1]" },
    { "<user@[256.0.2.1]>", NEITHER, NULL, NULL, NULL },
    { "<user@[192.0.2.1>", NEITHER, NULL, NULL, NULL },
    { "<user@[]>", NEITHER, NULL, NULL, NULL },
    { "<user@[example.org]>", NEITHER, NULL, NULL, NULL },
    { "<user@[x400:c=de]>", NEITHER, NULL, NULL, NULL },
    { "<user@[192.0.2.1].org>", NEITHER, NULL, NULL, NULL },
    { "<user@[192.0.2.1]x>", NEITHER, NULL, NULL, NULL },
    /* A-d-l: recognised and ignored (4.1.1.3, appendix C). */
    { "<@a.example:user@example.org>", BOTH, "user@example.org", "user", "example.org" },
    { "<@hosta.int,@jkl.org:userc@d.bar.org>", BOTH, "userc@d.bar.org", "userc", "d.bar.org" },
    { "<@a,@b,@c:\"x y\"@d>", BOTH, "\"x y\"@d", "\"x y\"", "d" },
    { "<@a.example:>", NEITHER, NULL, NULL, NULL },
    { "<@a.example>", NEITHER, NULL, NULL, NULL },
    { "<@a.example,user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<@a.example,:user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<@a.example, @b:user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<@[192.0.2.1]:user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<@:user@example.org>", NEITHER, NULL, NULL, NULL },
    { "<@a:@b:user@example.org>", NEITHER, NULL, NULL, NULL },
    /* 4.5.3.1.1: a local part of 64, and longer ones as SRS and VERP make them. */
    { "<" SIXTY "abcd@example.org>", BOTH, SIXTY "abcd@example.org", SIXTY "abcd", "example.org" },
    { "<" SIXTY SIXTY "@example.org>", BOTH, SIXTY SIXTY "@example.org", SIXTY SIXTY, "example.org" },
    { "<\"" SIXTY "ab\"@example.org>", BOTH, "\"" SIXTY "ab\"@example.org", "\"" SIXTY "ab\"", "example.org" },
    /* 4.5.3.1.3: path of 256 with its brackets: 1 + 1 + 1 + 252 + 1. */
    { "<u@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".abcdefgh>", BOTH,
      "u@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".abcdefgh", "u",
      SIXTY "." SIXTY "." SIXTY "." SIXTY ".abcdefgh" },
    { "<u@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".abcdefghi>", NEITHER, NULL, NULL, NULL },
    /* RFC 6531 3.3: UTF-8 in atoms, quoted strings and labels. */
    { "<j\xC3\xBCrgen@example.org>", BOTH, "j\xC3\xBCrgen@example.org", "j\xC3\xBCrgen", "example.org" },
    { "<\"j\xC3\xBCr gen\"@example.org>", BOTH, "\"j\xC3\xBCr gen\"@example.org", "\"j\xC3\xBCr gen\"", "example.org" },
    { "<user@ex\xC3\xA4mple.org>", BOTH, "user@ex\xC3\xA4mple.org", "user", "ex\xC3\xA4mple.org" },
    { "<\xE7\x94\xA8\xE6\x88\xB7@\xE4\xBE\x8B\xE5\xAD\x90.\xE6\xB5\x8B\xE8\xAF\x95>", BOTH,
      "\xE7\x94\xA8\xE6\x88\xB7@\xE4\xBE\x8B\xE5\xAD\x90.\xE6\xB5\x8B\xE8\xAF\x95", "\xE7\x94\xA8\xE6\x88\xB7",
      "\xE4\xBE\x8B\xE5\xAD\x90.\xE6\xB5\x8B\xE8\xAF\x95" },
    { "<\xF0\x9F\x93\xA7@example.org>", BOTH, "\xF0\x9F\x93\xA7@example.org", "\xF0\x9F\x93\xA7", "example.org" },
    { "<@ex\xC3\xA4mple.org:user@example.org>", BOTH, "user@example.org", "user", "example.org" },
    { "<\"a\\\xC3\xBC\"@example.org>", NEITHER, NULL, NULL, NULL },
    { "<user@-\xC3\xA4.org>", NEITHER, NULL, NULL, NULL },
    { "<user@\xC3\xA4-.org>", NEITHER, NULL, NULL, NULL },
    { "<user@\xC3\xA4_b.org>", NEITHER, NULL, NULL, NULL },
    { "<user@[\xC3\xA4]>", NEITHER, NULL, NULL, NULL },
    /* A dot to one program and none to another. */
    { "<user@a\xE3\x80\x82org>", NEITHER, NULL, NULL, NULL },
    { "<user@a\xEF\xBC\x8Eorg>", NEITHER, NULL, NULL, NULL },
    { "<user@a\xEF\xBD\xA1org>", NEITHER, NULL, NULL, NULL },
    /* Not UTF-8: a lone byte, cut short, overlong, a surrogate, beyond U+10FFFF. */
    { "<user@example.org\xFF>", NOT_TEXT, NULL, NULL, NULL },
    { "<j\xFCrgen@example.org>", NOT_TEXT, NULL, NULL, NULL },
    { "<j\xC3@example.org>", NOT_TEXT, NULL, NULL, NULL },
    { "<\xC0\xBCuser@example.org>", NOT_TEXT, NULL, NULL, NULL },
    { "<\xED\xA0\x80@example.org>", NOT_TEXT, NULL, NULL, NULL },
    { "<\xF4\x90\x80\x80@example.org>", NOT_TEXT, NULL, NULL, NULL },
    /* C1: what some terminals take for a command. */
    { "<us\xC2\x9B" "er@example.org>", NOT_TEXT, NULL, NULL, NULL },
    /* Control characters never. */
    { "<us\x01" "er@example.org>", NEITHER, NULL, NULL, NULL },
    { "<\"us\x7F" "er\"@example.org>", NEITHER, NULL, NULL, NULL },
    { "<\"us\ter\"@example.org>", NEITHER, NULL, NULL, NULL },
};

static bool has_utf8(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return true;
    return false;
}

static void check_path(const struct path_case *row, const char *prefix, bool accepted, const char *bad_address)
{
    char line[1024];
    struct command command;
    const char *enhanced, *problem;
    enum command_status status;

    snprintf(line, sizeof(line), "%s%s", prefix, row->path);
    status = parse(line, &command, &enhanced, &problem);
    ck_assert_msg((status == COMMAND_OK) == accepted, "%s: %s", line, problem == NULL ? "accepted" : problem);
    if (accepted) {
        ck_assert_slice(command.path.text, slice_of_string(row->text));
        ck_assert_slice(command.path.local_part, slice_of_string(row->local_part));
        ck_assert_slice(command.path.domain, slice_of_string(row->domain));
        ck_assert_uint_eq(command.parameters_count, 0);
        ck_assert_int_eq(command.path.international, has_utf8(row->path));
    } else if (row->accepted == NOT_TEXT || strpbrk(row->path, "\t\x01\x7F") != NULL) {
        ck_assert_str_eq(enhanced, "5.5.4");
    } else {
        ck_assert_str_eq(enhanced, bad_address);
    }
}

START_TEST(test_paths)
{
    const struct path_case *row = &path_cases[_i];

    check_path(row, "MAIL FROM:", row->accepted == BOTH || row->accepted == ONLY_MAIL, "5.1.7");
    check_path(row, "RCPT TO:", row->accepted == BOTH || row->accepted == ONLY_RCPT, "5.1.3");
}
END_TEST

/* What helps the one who types. */
static const struct { const char *line, *part_of_problem; } problem_cases[] = {
    { "MAIL FROM:user@example.org", "MAIL FROM:<user@example.org>" },
    { "RCPT TO:user@example.org", "RCPT TO:<user@example.org>" },
    { "MAIL", "FROM:" },
    { "MAIL user@example.org", "FROM:" },
    { "MAIL TO:<user@example.org>", "FROM:" },
    { "MAIL FROM <user@example.org>", "FROM:" },
    { "MAIL FROM :<user@example.org>", "FROM:" },
    { "RCPT", "TO:" },
    { "RCPT FROM:<user@example.org>", "TO:" },
    { "RCPT TO:<>", "empty" },
    { "MAIL FROM:<user>", "no domain" },
    { "MAIL FROM:<" SIXTY SIXTY SIXTY SIXTY "abcde@example.org>", "256" },
    { "MAIL FROM:<user@" SIXTY "." SIXTY "." SIXTY "." SIXTY "." TEN "." TEN ">", "255" },
    { "MAIL FROM:<user@[IPv7:1]>", "literal" },
    { "MAIL FROM:<\"user@example.org>", "quote" },
    { "MAIL FROM:<user@example.org", "closing angle bracket" },
    { "MAIL FROM:<user@example.org>SIZE=1", "blank" },
    { "MAIL FROM:<j\xFCrgen@example.org>", "UTF-8" },
    { "MAIL FROM:<us\xC2\x9B" "er@example.org>", "control" },
};

START_TEST(test_problems)
{
    struct command command;
    const char *enhanced, *problem;

    ck_assert_int_eq(parse(problem_cases[_i].line, &command, &enhanced, &problem), COMMAND_SYNTAX);
    ck_assert_msg(strstr(problem, problem_cases[_i].part_of_problem) != NULL, "%s", problem);
}
END_TEST

/* ---- parameters: Mail-parameters = esmtp-param *(SP esmtp-param) */

static const struct {
    const char *parameters;
    int count;                     /* -1: refused */
    const char *keyword;           /* the last */
    const char *value;
} parameter_cases[] = {
    { "", 0, NULL, NULL },
    { " ", 0, NULL, NULL },
    { " SIZE=1000", 1, "SIZE", "1000" },
    { " size=1000", 1, "size", "1000" },
    { " SIZE=1000 BODY=8BITMIME", 2, "BODY", "8BITMIME" },
    { "  SIZE=1000   BODY=7BIT ", 2, "BODY", "7BIT" },
    { " SMTPUTF8", 1, "SMTPUTF8", NULL },
    { " X-1-", 1, "X-1-", NULL },
    { " 8BIT", 1, "8BIT", NULL },
    { " AUTH=<>", 1, "AUTH", "<>" },
    { " ENVID=QQ314159+2Ba", 1, "ENVID", "QQ314159+2Ba" },
    { " ORCPT=rfc822;user+40x!\"#~", 1, "ORCPT", "rfc822;user+40x!\"#~" },
    { " A B C D E F G H I J K L M N O P", 16, "P", NULL },
    { " A B C D E F G H I J K L M N O P Q", -1, NULL, NULL },
    { " SIZE=", -1, NULL, NULL },
    { " =1", -1, NULL, NULL },
    { " =", -1, NULL, NULL },
    { " -A=1", -1, NULL, NULL },
    { " SI_ZE=1", -1, NULL, NULL },
    { " SIZE=1=2", -1, NULL, NULL },
    { " SIZE =1", -1, NULL, NULL },
    { " SIZE= 1", -1, NULL, NULL },
    { " SIZE=1 SIZE=2", -1, NULL, NULL },
    { " SIZE=1 size=1", -1, NULL, NULL },
    { " BODY=8BITMIME\tX=1", -1, NULL, NULL },
    { " ,SIZE=1", -1, NULL, NULL },
};

START_TEST(test_parameters)
{
    char line[256];
    struct command command;
    const char *enhanced, *problem;
    int count = parameter_cases[_i].count;

    snprintf(line, sizeof(line), "MAIL FROM:<>%s", parameter_cases[_i].parameters);
    if (count < 0) {
        ck_assert_int_eq(parse(line, &command, &enhanced, &problem), COMMAND_SYNTAX);
        ck_assert_str_eq(enhanced, "5.5.4");
        return;
    }
    ck_assert_int_eq(parse(line, &command, &enhanced, &problem), COMMAND_OK);
    ck_assert_uint_eq(command.parameters_count, (size_t)count);
    if (count > 0) {
        struct command_parameter *last = &command.parameters[count - 1];

        ck_assert_slice(last->keyword, slice_of_string(parameter_cases[_i].keyword));
        ck_assert_int_eq(last->value.text == NULL, parameter_cases[_i].value == NULL);
        ck_assert_slice(last->value, slice_of_string(parameter_cases[_i].value));
    }
}
END_TEST

/* ---- numbers */

static const struct { const char *text; bool is; uint64_t size; } size_cases[] = {
    { "0", true, 0 }, { "1", true, 1 }, { "00012", true, 12 }, { "52428800", true, 52428800 },
    { "18446744073709551615", true, UINT64_MAX }, { "18446744073709551616", true, UINT64_MAX },
    { "99999999999999999999", true, UINT64_MAX }, { "100000000000000000000", false, 0 },
    { "", false, 0 }, { "-1", false, 0 }, { "+1", false, 0 }, { "1K", false, 0 },
    { "0x10", false, 0 }, { " 1", false, 0 },
};

START_TEST(test_sizes)
{
    uint64_t size = 77;

    ck_assert_int_eq(command_parse_size(slice_of_string(size_cases[_i].text), &size), size_cases[_i].is);
    if (size_cases[_i].is)
        ck_assert_uint_eq(size, size_cases[_i].size);
}
END_TEST

START_TEST(test_nul_in_path)
{
    struct command command;
    const char *code, *problem;

    ck_assert_int_eq(command_parse(SLICE("MAIL FROM:<u\0@example.org>"), &command, &code, &problem), COMMAND_SYNTAX);
    ck_assert_int_eq(command_parse(SLICE("MAIL FROM:<u@example\0.org>"), &command, &code, &problem), COMMAND_SYNTAX);
    ck_assert_int_eq(command_parse(SLICE("QUIT\0"), &command, &code, &problem), COMMAND_UNRECOGNISED);
    ck_assert_int_eq(command_parse(SLICE_NONE, &command, &code, &problem), COMMAND_UNRECOGNISED);
}
END_TEST

static const struct { const char *line; bool may_be; } chunk_lookalikes[] = {
    { "BDAT\t10", true }, { " BDAT 10", true }, { "\tbdat 10 LAST", true }, { "bdat", true }, { "BDAT10", true },
    { "\xC2\xA0" "BDAT 10", true }, { "\x0C" "BDAT 10", true }, { "BDA 10", false }, { "NOOP BDAT 10", false },
    { "", false }, { "123", false }, { "XBDAT 10", false },
};

START_TEST(test_chunk_lookalikes)
{
    ck_assert_int_eq(command_may_be_chunk(slice_of_string(chunk_lookalikes[_i].line)), chunk_lookalikes[_i].may_be);
}
END_TEST

Suite *suite_command(void);

Suite *suite_command(void)
{
    Suite *suite = suite_create("command");
    TCase *tests = tcase_create("command");

    tcase_add_loop_test(tests, test_verbs, 0, ROWS(verb_cases));
    tcase_add_loop_test(tests, test_chunks, 0, ROWS(chunk_cases));
    tcase_add_test(tests, test_verb_names);
    tcase_add_loop_test(tests, test_paths, 0, ROWS(path_cases));
    tcase_add_loop_test(tests, test_problems, 0, ROWS(problem_cases));
    tcase_add_loop_test(tests, test_parameters, 0, ROWS(parameter_cases));
    tcase_add_loop_test(tests, test_sizes, 0, ROWS(size_cases));
    tcase_add_test(tests, test_nul_in_path);
    tcase_add_loop_test(tests, test_chunk_lookalikes, 0, ROWS(chunk_lookalikes));
    suite_add_tcase(suite, tests);
    return suite;
}
