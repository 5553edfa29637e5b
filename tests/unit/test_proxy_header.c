/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_proxy_header.c: the PROXY protocol's specification, sections 2.1 and 2.2: lines and binary headers, whole, cut
 * at every byte, and wrong.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/proxy_header.h"

/* CRC-32C of the header below, with zeros in its place. */
#define CHECKSUM "\xBB\x72\x39\x80"
#define BYTES(text) { text, sizeof(text) - 1 }
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xC0\x00\x02\x01\xC6\x33\x64\x19\xDC\x04\x00\x19"
#define IPV6 "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\2\xDC\x04\x00\x19"
#define TEN_ZEROS "\0\0\0\0\0\0\0\0\0\0"
#define MAPPED TEN_ZEROS "\xFF\xFF\xC0\x00\x02\x01" TEN_ZEROS "\xFF\xFF\xC6\x33\x64\x19\xDC\x04\x00\x19"
#define LONGEST "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static const struct {
    struct slice header;
    const char *client;                /* NULL: the balancer itself */
    const char *local;
} good[] = {
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 56324 25\r\n"), "192.0.2.1 56324", "198.51.100.25 25" },
    { BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n"), "2001:db8::1 56324", "2001:db8::2 25" },
    { BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.25 1 0\r\n"), "192.0.2.1 1", "198.51.100.25 0" },
    /* The longest lines of section 2.1. */
    { BYTES("PROXY TCP6 " LONGEST " " LONGEST " 65535 65535\r\n"),
      LONGEST " 65535", LONGEST " 65535" },
    { BYTES("PROXY UNKNOWN\r\n"), NULL, NULL },
    { BYTES("PROXY UNKNOWN " LONGEST " " LONGEST " 65535 65535\r\n"),
      NULL, NULL },
    { BYTES(SIGNATURE "\x21\x11\0\x0C" IPV4), "192.0.2.1 56324", "198.51.100.25 25" },
    { BYTES(SIGNATURE "\x21\x21\0\x24" IPV6), "2001:db8::1 56324", "2001:db8::2 25" },
    { BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED), "192.0.2.1 56324", "198.51.100.25 25" },
    /* Padding (0x04) of three bytes, an empty one of a type that nobody knows. */
    { BYTES(SIGNATURE "\x21\x11\0\x15" IPV4 "\x04\0\x03" "abc" "\xEE\0\0"), "192.0.2.1 56324", "198.51.100.25 25" },
    { BYTES(SIGNATURE "\x20\x00\0\0"), NULL, NULL },
    /* LOCAL and UNSPEC: whatever follows is skipped. */
    { BYTES(SIGNATURE "\x20\x11\0\x05" "12345"), NULL, NULL },
    { BYTES(SIGNATURE "\x21\x00\0\x03" "\x03\xFF\xFF"), NULL, NULL },
};

static const struct {
    struct slice header;
    const char *problem;
} bad[] = {
    { BYTES("EHLO x\r\n"), "no header" },
    { BYTES("\x16\x03\x01"), "no header" },
    { BYTES("proxy TCP4 192.0.2.1 198.51.100.25 1 2\r\n"), "no header" },
    { BYTES("PROXY\r\n"), "no header" },
    { BYTES("PROXY \r\n"), "has not protocol" },
    { BYTES("PROXY TCP4\r\n"), "has not protocol" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 1\r\n"), "has not protocol" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 1 2 3\r\n"), "has not protocol" },
    { BYTES("PROXY TCP4  192.0.2.1 198.51.100.25 1 2\r\n"), "has not protocol" },
    { BYTES("PROXY UDP4 192.0.2.1 198.51.100.25 1 2\r\n"), "not TCP4" },
    { BYTES("PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n"), "address" },
    { BYTES("PROXY TCP6 192.0.2.1 198.51.100.25 1 2\r\n"), "address" },
    { BYTES("PROXY TCP4 192.0.2 198.51.100.25 1 2\r\n"), "address" },
    { BYTES("PROXY TCP4 192.0.2.256 198.51.100.25 1 2\r\n"), "address" },
    { BYTES("PROXY TCP4 192.0.2.1/32 198.51.100.25 1 2\r\n"), "address" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 65536 2\r\n"), "port" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 01 2\r\n"), "port" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 -1 2\r\n"), "port" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 1 \r\n"), "port" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 1 2\n"), "CRLF" },
    { BYTES("PROXY TCP4 192.0.2.1 198.51.100.25 1 2\r\r\n"), "CRLF" },
    { BYTES("PROXY UNKNOWN \rEHLO\r\n"), "CRLF" },
    { BYTES(SIGNATURE "\x11\x11\0\x0C" IPV4), "version" },
    { BYTES(SIGNATURE "\x22\x11\0\x0C" IPV4), "command" },
    { BYTES(SIGNATURE "\x21\x12\0\x0C" IPV4), "family" },
    { BYTES(SIGNATURE "\x21\x31\0\x0C" IPV4), "family" },
    { BYTES(SIGNATURE "\x21\x11\0\x0B" IPV4), "too short" },
    { BYTES(SIGNATURE "\x21\x21\0\x0C" IPV4), "too short" },
    { BYTES(SIGNATURE "\x21\x11\x0F\xF1" IPV4), "too long" },
    { BYTES(SIGNATURE "\x21\x11\0\x0E" IPV4 "\x04\0"), "TLV" },
    { BYTES(SIGNATURE "\x21\x11\0\x11" IPV4 "\x04\0\x03" "ab"), "TLV" },
    { BYTES(SIGNATURE "\x21\x11\0\x13" IPV4 "\x03\0\x04" "\0\0\0\0"), "checksum" },
    { BYTES(SIGNATURE "\x21\x11\0\x10" IPV4 "\x03\0\x01" "\0"), "checksum" },
};

static enum proxy_header_status parse(struct slice input, struct proxy_header *header, size_t *consumed,
                                      const char **problem)
{
    /* A copy of exactly its size: a sanitizer sees who reads behind it. */
    char *copy = malloc(input.length == 0 ? 1 : input.length);
    enum proxy_header_status status;

    memcpy(copy, input.text, input.length);
    status = proxy_header_parse(slice_of(copy, input.length), header, consumed, problem);
    free(copy);
    return status;
}

static void check_endpoint(const struct address *address, uint16_t port, const char *expected)
{
    char buffer[ADDRESS_TEXT], text[80];
    struct slice printed = address_print(address, buffer);

    snprintf(text, sizeof(text), "%.*s %u", SLICE_ARG(printed), (unsigned)port);
    ck_assert_str_eq(text, expected);
}

/* Whatever is sent behind it is the client's. */
START_TEST(test_good)
{
    struct slice whole = good[_i].header;
    char input[200];
    struct proxy_header header;
    size_t consumed;
    const char *problem;

    for (size_t length = 0; length < whole.length; length++)
        ck_assert_msg(parse(slice_of(whole.text, length), &header, &consumed, &problem) == PROXY_HEADER_MORE,
                      "%zu of %zu bytes", length, whole.length);
    memcpy(input, whole.text, whole.length);
    memcpy(input + whole.length, "EHLO x\r\n", 8);
    ck_assert_int_eq(parse(slice_of(input, whole.length + 8), &header, &consumed, &problem), PROXY_HEADER_COMPLETE);
    ck_assert_uint_eq(consumed, whole.length);
    ck_assert_int_eq(header.local, good[_i].client == NULL);
    if (header.local)
        return;
    check_endpoint(&header.client_address, header.client_port, good[_i].client);
    check_endpoint(&header.local_address, header.local_port, good[_i].local);
}
END_TEST

START_TEST(test_bad)
{
    struct proxy_header header;
    size_t consumed;
    const char *problem = NULL;

    ck_assert_int_eq(parse(bad[_i].header, &header, &consumed, &problem), PROXY_HEADER_BAD);
    ck_assert_msg(problem != NULL && strstr(problem, bad[_i].problem) != NULL, "%s", problem);
}
END_TEST

/* Section 2.1: 107 bytes are enough for any line. */
START_TEST(test_endless_line)
{
    char line[200] = "PROXY UNKNOWN ";
    struct proxy_header header;
    size_t consumed;
    const char *problem;

    memset(line + 14, 'x', sizeof(line) - 14);
    ck_assert_int_eq(parse(slice_of(line, PROXY_HEADER_LINE_MOST - 1), &header, &consumed, &problem),
                     PROXY_HEADER_MORE);
    ck_assert_int_eq(parse(slice_of(line, PROXY_HEADER_LINE_MOST), &header, &consumed, &problem), PROXY_HEADER_BAD);
    memcpy(line + PROXY_HEADER_LINE_MOST - 1, "\r\n", 2);
    ck_assert_int_eq(parse(slice_of(line, sizeof(line)), &header, &consumed, &problem), PROXY_HEADER_BAD);
}
END_TEST

/* Section 2.2.3. The sum is by a CRC-32C of another make, by which the vectors of RFC 3720 B.4 come out right. */
START_TEST(test_checksum)
{
    char bytes[] = SIGNATURE "\x21\x11\0\x13" IPV4 "\x03\0\x04" CHECKSUM;
    struct slice header = slice_of(bytes, sizeof(bytes) - 1);
    struct proxy_header parsed;
    size_t consumed;
    const char *problem;

    ck_assert_int_eq(parse(header, &parsed, &consumed, &problem), PROXY_HEADER_COMPLETE);
    for (size_t i = 16; i < header.length; i++) {
        bytes[i] ^= 0x10;
        ck_assert_msg(parse(header, &parsed, &consumed, &problem) != PROXY_HEADER_COMPLETE || (i == 28 && consumed > 0),
                      "byte %zu changed", i);
        bytes[i] ^= 0x10;
    }
}
END_TEST

Suite *suite_proxy_header(void);

Suite *suite_proxy_header(void)
{
    Suite *suite = suite_create("proxy_header");
    TCase *tests = tcase_create("proxy_header");

    tcase_add_loop_test(tests, test_good, 0, sizeof(good) / sizeof(good[0]));
    tcase_add_loop_test(tests, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tests, test_endless_line);
    tcase_add_test(tests, test_checksum);
    suite_add_tcase(suite, tests);
    return suite;
}
