/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_backend_identity.c: XCLIENT as Postfix's XCLIENT_README has it (attributes, xtext, 512 octets a command), the
 * EHLO after it, and what an EHLO reply offers (RFC 5321 4.1.1.1, RFC 1870).
 */
#include <check.h>
#include <stdio.h>

#include "tests/unit/backend_script.h"

#define ALL                                                                                          \
    (ATTRIBUTE_NAME | ATTRIBUTE_REVERSE_NAME | ATTRIBUTE_ADDR | ATTRIBUTE_PORT | ATTRIBUTE_HELO |    \
     ATTRIBUTE_PROTO | ATTRIBUTE_DESTADDR | ATTRIBUTE_DESTPORT)

static const char *const nothing_special[] = {
    "XCLIENT DESTADDR=203.0.113.25 DESTPORT=25 PORT=4711 REVERSE_NAME=client.example.net PROTO=ESMTP "
    "HELO=helo.example.net "
    "NAME=client.example.net ADDR=198.51.100.7\r\n", NULL,
};

static struct slice lines_of(const struct backend_client *client, unsigned attributes, struct arena *arena)
{
    struct slice lines[BACKEND_XCLIENT_LINES];
    size_t count = backend_identity_lines(client, attributes, arena, lines);
    struct slice all = SLICE("");

    ck_assert_uint_le(count, BACKEND_XCLIENT_LINES);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_le(lines[i].length, 512);
        ck_assert(slice_starts_with(lines[i], SLICE("XCLIENT ")));
        all = arena_printf(arena, "%.*s%.*s", SLICE_ARG(all), SLICE_ARG(lines[i]));
    }
    return all;
}

START_TEST(test_all_attributes)
{
    struct arena *arena = arena_new();
    struct backend_client client = a_client();
    struct slice lines = lines_of(&client, ALL, arena);

    ck_assert(slice_equal(lines, slice_of_string(nothing_special[0])));
    lines = lines_of(&client, ATTRIBUTE_NAME | ATTRIBUTE_ADDR | ATTRIBUTE_PROTO, arena);
    ck_assert(slice_equal(lines, SLICE("XCLIENT PROTO=ESMTP NAME=client.example.net ADDR=198.51.100.7\r\n")));
    arena_free(&arena);
}
END_TEST

#define L63 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"

/* Names: what the client's DNS says, and what is told. */
static const struct name_row {
    const char *name;
    bool temporary;
    const char *told;
} name_rows[] = {
    { "a.example.net", false, "a.example.net" },
    { "a.example.net.", false, "a.example.net" },
    { "A-1_b.example.net", false, "A-1_b.example.net" },
    { "localhost", false, "localhost" },
    { L63 ".example.net", false, L63 ".example.net" },
    { "", false, "[UNAVAILABLE]" },
    { "", true, "[TEMPUNAVAIL]" },
    { ".", false, "[UNAVAILABLE]" },
    { "a..example.net", false, "[UNAVAILABLE]" },
    { ".example.net", false, "[UNAVAILABLE]" },
    { "-a.example.net", false, "[UNAVAILABLE]" },
    { "a-.example.net", false, "[UNAVAILABLE]" },
    { "a b.example.net", false, "[UNAVAILABLE]" },
    { "a\r\nQUIT.example.net", false, "[UNAVAILABLE]" },
    { "a=b.example.net", false, "[UNAVAILABLE]" },
    { "\xc3\xa9.example.net", false, "[UNAVAILABLE]" },
    { "192.0.2.1", false, "[UNAVAILABLE]" },
    { "17", false, "[UNAVAILABLE]" },
    { L63 "l.example.net", false, "[UNAVAILABLE]" },
    { "-a.example.net", true, "[UNAVAILABLE]" },
};

START_TEST(test_name)
{
    const struct name_row *row = &name_rows[_i];
    struct arena *arena = arena_new();
    struct backend_client client = a_client();
    struct slice lines;
    char wanted[256];

    client.name = slice_of_string(row->name);
    client.name_temporary = row->temporary;
    lines = lines_of(&client, ATTRIBUTES_NEEDED, arena);
    snprintf(wanted, sizeof(wanted), "XCLIENT NAME=%s ADDR=198.51.100.7\r\n", row->told);
    ck_assert_msg(slice_equal(lines, slice_of_string(wanted)), "\"%s\": %.*s", row->name, SLICE_ARG(lines));
    arena_free(&arena);
}
END_TEST

static const struct helo_row {
    const char *helo;
    bool esmtp;
    const char *attribute;
    const char *hello;
} helo_rows[] = {
    { "helo.example.net", true, "helo.example.net", "EHLO helo.example.net\r\n" },
    { "helo.example.net", false, "helo.example.net", "HELO helo.example.net\r\n" },
    { "[192.0.2.1]", true, "[192.0.2.1]", "EHLO [192.0.2.1]\r\n" },
    { "[IPv6:2001:db8::1]", true, "[IPv6:2001:db8::1]", "EHLO [IPv6:2001:db8::1]\r\n" },
    { "a+b=c", true, "a+2Bb+3Dc", "EHLO a+b=c\r\n" },
    { "a b", true, "a+20b", "EHLO a?b\r\n" },
    { "a\r\nQUIT", true, "a+0D+0AQUIT", "EHLO a??QUIT\r\n" },
    { "\xc3\xa9", true, "+C3+A9", "EHLO ??\r\n" },
    { "", true, "[UNAVAILABLE]", "EHLO mx.example.org\r\n" },
    { "", false, "[UNAVAILABLE]", "EHLO mx.example.org\r\n" },
};

START_TEST(test_helo)
{
    const struct helo_row *row = &helo_rows[_i];
    struct arena *arena = arena_new();
    struct backend_client client = a_client();
    struct slice text;
    char wanted[256];

    client.helo = slice_of_string(row->helo);
    client.esmtp = row->esmtp;
    text = lines_of(&client, ATTRIBUTE_HELO | ATTRIBUTE_PROTO, arena);
    snprintf(wanted, sizeof(wanted), "XCLIENT PROTO=%s HELO=%s\r\n", row->esmtp ? "ESMTP" : "SMTP", row->attribute);
    ck_assert_msg(slice_equal(text, slice_of_string(wanted)), "%.*s", SLICE_ARG(text));
    text = backend_identity_hello(&client, BACKEND_SMTP, "mx.example.org", arena);
    ck_assert_msg(slice_equal(text, slice_of_string(row->hello)), "%.*s", SLICE_ARG(text));
    arena_free(&arena);
}
END_TEST

/* proxy-protocol.txt 2.2: signature, version and command, family, length, addresses, ports. */
START_TEST(test_header)
{
    static const char four[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xcb\0\x71\x19\x12\x67\0\x19";
    static const char six[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
                              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                              "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\x19\x12\x67\0\x19";
    struct arena *arena = arena_new();
    struct backend_client client = a_client();

    ck_assert(slice_equal(backend_identity_header(&client, arena), slice_of(four, sizeof(four) - 1)));
    /* Of two families: both as the larger one. */
    ck_assert(address_parse(SLICE("2001:db8::7"), &client.address));
    ck_assert(slice_equal(backend_identity_header(&client, arena), slice_of(six, sizeof(six) - 1)));
    arena_free(&arena);
}
END_TEST

START_TEST(test_addresses)
{
    struct arena *arena = arena_new();
    struct backend_client client = a_client();
    struct slice text, wanted;

    ck_assert(address_parse(SLICE("2001:db8::7"), &client.address));
    ck_assert(address_parse(SLICE("::1"), &client.local_address));
    client.port = 0;
    text = lines_of(&client, ATTRIBUTES_NEEDED | ATTRIBUTE_DESTADDR | ATTRIBUTE_PORT, arena);
    wanted = SLICE("XCLIENT DESTADDR=IPV6:::1 PORT=[UNAVAILABLE] NAME=client.example.net ADDR=IPV6:2001:db8::7\r\n");
    ck_assert_msg(slice_equal(text, wanted),
                  "%.*s", SLICE_ARG(text));
    client.address = (struct address){ .family = 0 };
    text = lines_of(&client, ATTRIBUTE_ADDR, arena);
    ck_assert(slice_equal(text, SLICE("XCLIENT ADDR=[UNAVAILABLE]\r\n")));
    arena_free(&arena);
}
END_TEST

/* The longest of everything: no command over 512 octets, each attribute once, NAME and ADDR in the last command. */
START_TEST(test_long)
{
    struct arena *arena = arena_new();
    struct backend_client client = a_client();
    struct slice lines[BACKEND_XCLIENT_LINES];
    char name[256], helo[256];
    size_t count;

    memset(name, 'n', sizeof(name));
    for (size_t i = 50; i < sizeof(name); i += 51)
        name[i] = '.';
    memset(helo, _i == 0 ? 'h' : '+', sizeof(helo));
    client.name = client.reverse_name = slice_of(name, 253);
    client.helo = slice_of(helo, 255);
    ck_assert(address_parse(SLICE("2001:db8:1111:2222:3333:4444:5555:6666"), &client.address));
    count = backend_identity_lines(&client, ALL, arena, lines);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_le(lines[i].length, 512);
        char *text = arena_string(arena, lines[i]);
        ck_assert_msg((strstr(text, " NAME=") != NULL) == (i == count - 1), "%s", text);
        ck_assert((strstr(text, " ADDR=") != NULL) == (i == count - 1));
    }
    /* 255 octets that all are escaped do not fit any command. */
    char *all = arena_string(arena, lines_of(&client, ALL, arena));
    ck_assert((strstr(all, "HELO=[UNAVAILABLE]") != NULL) == (_i == 1));
    ck_assert_ptr_nonnull(strstr(all, "REVERSE_NAME=nnn"));
    arena_free(&arena);
}
END_TEST

static const struct offer_row {
    const char *lines[8];
    unsigned extensions;
    uint64_t size;
    unsigned attributes;
    const char *mechanisms;
} offer_rows[] = {
    { { "b.example.org" }, 0, 0, 0, "" },
    { { "PIPELINING" }, 0, 0, 0, "" },
    { { "b", "PIPELINING", "SIZE 1000", "8BITMIME" },
      BACKEND_PIPELINING | BACKEND_SIZE | BACKEND_8BITMIME, 1000, 0, "" },
    { { "b", "pipelining", "Size", "chunking", "enhancedstatuscodes" },
      BACKEND_PIPELINING | BACKEND_SIZE | BACKEND_CHUNKING | BACKEND_ENHANCED_STATUS_CODES, 0, 0, "" },
    { { "b", "SIZE x", "PIPELININGS", "XPIPELINING", "" }, BACKEND_SIZE, 0, 0, "" },
    { { "b", "SIZE 18446744073709551616" }, BACKEND_SIZE, 0, 0, "" },
    { { "b", "SIZE -1" }, BACKEND_SIZE, 0, 0, "" },
    { { "b", "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT" }, BACKEND_XCLIENT, 0, ALL, "" },
    { { "b", "xclient name  addr" }, BACKEND_XCLIENT, 0, ATTRIBUTES_NEEDED, "" },
    { { "b", "XCLIENT" }, BACKEND_XCLIENT, 0, 0, "" },
    { { "b", "XFORWARD NAME ADDR" }, 0, 0, 0, "" },
    { { "b", "REQUIRETLS", "LIMITS" }, BACKEND_REQUIRETLS | BACKEND_LIMITS, 0, 0, "" },
    { { "b", "requiretls", "limits RCPTMAX=1" }, BACKEND_REQUIRETLS | BACKEND_LIMITS, 0, 0, "" },
    /* RFC 4954 3, and as it was said before; what is about the TLS connection does not pass */
    { { "b", "AUTH PLAIN LOGIN CRAM-MD5" }, BACKEND_AUTH, 0, 0, "PLAIN LOGIN CRAM-MD5" },
    { { "b", "AUTH=PLAIN LOGIN" }, BACKEND_AUTH, 0, 0, "PLAIN LOGIN" },
    { { "b", "AUTH PLAIN", "auth=login plain" }, BACKEND_AUTH, 0, 0, "PLAIN login" },
    { { "b", "AUTH SCRAM-SHA-256-PLUS EXTERNAL SCRAM-SHA-256" }, BACKEND_AUTH, 0, 0, "SCRAM-SHA-256" },
    { { "b", "AUTH EXTERNAL SCRAM-SHA-1-PLUS" }, 0, 0, 0, "" },
    { { "b", "AUTH" }, 0, 0, 0, "" },
    { { "b", "AUTH  PLAIN P.LAIN ABCDEFGHIJKLMNOPQRSTUVWXYZ X" }, BACKEND_AUTH, 0, 0, "PLAIN X" },
};

START_TEST(test_offer)
{
    const struct offer_row *row = &offer_rows[_i];
    struct slice lines[8];
    struct reply reply = { .code = 250, .lines = lines };
    struct backend_offer offer;
    unsigned attributes;

    while (reply.count < 8 && row->lines[reply.count] != NULL) {
        lines[reply.count] = slice_of_string(row->lines[reply.count]);
        reply.count++;
    }
    backend_read_offer(&reply, &offer, &attributes);
    ck_assert_uint_eq(offer.extensions, row->extensions);
    ck_assert_uint_eq(offer.size, row->size);
    ck_assert_uint_eq(attributes, row->attributes);
    ck_assert_str_eq(offer.mechanisms, row->mechanisms);
}
END_TEST

/* As many as a line of a reply can hold, each whole. */
START_TEST(test_many_mechanisms)
{
    char line[2000] = "AUTH";
    struct slice lines[2] = { SLICE("b"), { line, 0 } };
    struct reply reply = { .code = 250, .lines = lines, .count = 2 };
    struct backend_offer offer;
    unsigned attributes;

    for (int i = 0; i < 100; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " MECHANISM-%d", i);
    lines[1] = slice_of_string(line);
    backend_read_offer(&reply, &offer, &attributes);
    ck_assert_uint_lt(strlen(offer.mechanisms), BACKEND_MECHANISMS_MOST);
    ck_assert_uint_gt(strlen(offer.mechanisms), BACKEND_MECHANISMS_MOST - 15);
    ck_assert_int_eq(strncmp(line + 5, offer.mechanisms, strlen(offer.mechanisms)), 0);
    ck_assert_int_eq(line[5 + strlen(offer.mechanisms)], ' ');
}
END_TEST

static const struct {
    const char *one;
    const char *other;
    const char *both;
} kept[] = {
    { "PLAIN LOGIN", "LOGIN PLAIN", "PLAIN LOGIN" },
    { "PLAIN LOGIN CRAM-MD5", "cram-md5 plain", "PLAIN CRAM-MD5" },
    { "A B C", "C", "C" },
    { "A", "B", "" },
    { "A B", "", "" },
    { "", "A", "" },
};

START_TEST(test_mechanisms_of_both)
{
    char mechanisms[BACKEND_MECHANISMS_MOST];

    snprintf(mechanisms, sizeof(mechanisms), "%s", kept[_i].one);
    backend_mechanisms_keep(mechanisms, kept[_i].other);
    ck_assert_str_eq(mechanisms, kept[_i].both);
}
END_TEST

/* RFC 9422: up to six digits, no 0 in front; what is not by the grammar is passed over. */
static const struct limits_row {
    const char *line;
    struct backend_limits limits;
} limits_rows[] = {
    { "LIMITS", { 0, 0, 0 } },
    { "LIMITS MAILMAX=10", { 10, 0, 0 } },
    { "LIMITS RCPTMAX=100 MAILMAX=1000 RCPTDOMAINMAX=1", { 1000, 100, 1 } },
    { "limits  rcptmax=999999", { 0, 999999, 0 } },
    { "LIMITS RCPTMAX=1000000", { 0, 0, 0 } },
    { "LIMITS RCPTMAX=0 MAILMAX=01 RCPTDOMAINMAX=", { 0, 0, 0 } },
    { "LIMITS RCPTMAX MAILMAX=x RCPTDOMAINMAX=-1", { 0, 0, 0 } },
    { "LIMITS NEWMAX=3 XRCPTMAX=4 RCPTMAXX=5 RCPTMAX=6", { 0, 6, 0 } },
};

START_TEST(test_limits)
{
    struct slice lines[] = { SLICE("b"), slice_of_string(limits_rows[_i].line) };
    struct reply reply = { .code = 250, .lines = lines, .count = 2 };
    struct backend_offer offer;
    unsigned attributes;

    backend_read_offer(&reply, &offer, &attributes);
    ck_assert_uint_eq(offer.extensions, BACKEND_LIMITS);
    ck_assert_uint_eq(offer.limits.mail_most, limits_rows[_i].limits.mail_most);
    ck_assert_uint_eq(offer.limits.recipients_most, limits_rows[_i].limits.recipients_most);
    ck_assert_uint_eq(offer.limits.domains_most, limits_rows[_i].limits.domains_most);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_backend_identity(void);

Suite *suite_backend_identity(void)
{
    Suite *suite = suite_create("backend_identity");
    TCase *identity = tcase_create("identity");

    tcase_add_test(identity, test_header);
    tcase_add_test(identity, test_all_attributes);
    tcase_add_loop_test(identity, test_name, 0, ROWS(name_rows));
    tcase_add_loop_test(identity, test_helo, 0, ROWS(helo_rows));
    tcase_add_test(identity, test_addresses);
    tcase_add_loop_test(identity, test_long, 0, 2);
    tcase_add_loop_test(identity, test_offer, 0, ROWS(offer_rows));
    tcase_add_loop_test(identity, test_limits, 0, ROWS(limits_rows));
    tcase_add_test(identity, test_many_mechanisms);
    tcase_add_loop_test(identity, test_mechanisms_of_both, 0, ROWS(kept));
    suite_add_tcase(suite, identity);
    return suite;
}
