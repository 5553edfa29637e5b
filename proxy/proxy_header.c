/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy_header.c: both versions of the PROXY protocol. A header that is not exactly one of them is refused as soon as
 * its bytes say so, for a client that could smuggle a header of its own past the balancer would have any address that
 * it likes.
 */
#include "proxy/proxy_header.h"

#include <string.h>

/* Section 2.2. */
static const char signature[12] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };
#define FIXED_SIZE 16
#define VERSION_2 2
#define COMMAND_LOCAL 0
#define COMMAND_PROXY 1
#define UNSPECIFIED 0x00
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21
#define TLV_HEAD 3
#define TLV_CRC32C 0x03

static enum proxy_header_status refuse(const char *why, const char **problem_out)
{
    *problem_out = why;
    return PROXY_HEADER_BAD;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25" CRLF */

/* Section 2.1: decimal, no leading zero but in "0" itself. */
static bool read_port(struct slice word, uint16_t *port_out)
{
    unsigned long long number;

    if (word.length == 0 || (word.length > 1 && word.text[0] == '0') || !slice_number(word, UINT16_MAX, &number))
        return false;
    *port_out = (uint16_t)number;
    return true;
}

static bool read_address(struct slice word, bool ipv6, struct address *address_out)
{
    /* address_parse() makes an IPv4-mapped address an IPv4 one: the family is told by the text. */
    return (memchr(word.text, ':', word.length) != NULL) == ipv6 && address_parse(word, address_out);
}

static enum proxy_header_status read_words(struct slice line, struct proxy_header *header, const char **problem_out)
{
    struct slice words[6];
    size_t count = 0;
    bool ipv6;

    while (line.text != NULL && count < 6)
        words[count++] = slice_cut(&line, ' ');
    /* Section 2.1: what follows UNKNOWN is to be ignored. */
    if (count >= 2 && slice_equal(words[1], SLICE("UNKNOWN"))) {
        header->local = true;
        return PROXY_HEADER_COMPLETE;
    }
    if (count != 6 || line.text != NULL)
        return refuse("a line of version 1 that has not protocol, two addresses and two ports", problem_out);
    ipv6 = slice_equal(words[1], SLICE("TCP6"));
    if (!ipv6 && !slice_equal(words[1], SLICE("TCP4")))
        return refuse("a protocol that is not TCP4, TCP6 or UNKNOWN", problem_out);
    if (!read_address(words[2], ipv6, &header->client_address) || !read_address(words[3], ipv6, &header->local_address))
        return refuse("what should be an address is none of that protocol", problem_out);
    if (!read_port(words[4], &header->client_port) || !read_port(words[5], &header->local_port))
        return refuse("what should be a port is none", problem_out);
    return PROXY_HEADER_COMPLETE;
}

static enum proxy_header_status read_line(struct slice input, struct proxy_header *header, size_t *consumed_out,
                                          const char **problem_out)
{
    struct slice most = slice_of(input.text, input.length < PROXY_HEADER_LINE_MOST ? input.length
                                                                                  : PROXY_HEADER_LINE_MOST);
    const char *end = memchr(most.text, '\n', most.length);

    if (end == NULL)
        return most.length < PROXY_HEADER_LINE_MOST ? PROXY_HEADER_MORE
                                                    : refuse("a line of version 1 that does not end", problem_out);
    size_t length = (size_t)(end - most.text) + 1;
    if (length < 2 || end[-1] != '\r' || memchr(most.text, '\r', length) != end - 1)
        return refuse("a line of version 1 that does not end in CRLF", problem_out);
    *consumed_out = length;
    return read_words(slice_of(most.text, length - 2), header, problem_out);
}

/* ---- version 2 */

static unsigned number16(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* CRC-32C (RFC 3720 12.1), bit by bit: a header is short. Four bytes at `hole` count as zero (section 2.2.3). */
static uint32_t crc32c(const unsigned char *bytes, size_t length, size_t hole)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        crc ^= i >= hole && i < hole + 4 ? 0 : bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78U : 0);
    }
    return ~crc;
}

static bool checksum_is_right(const unsigned char *bytes, size_t length, size_t at)
{
    uint32_t given = (uint32_t)number16(bytes + at) << 16 | number16(bytes + at + 2);

    return given == crc32c(bytes, length, at);
}

/* What is behind the addresses: nothing of it is needed, but it must be well formed, and a checksum must be right. */
static enum proxy_header_status read_tlvs(const unsigned char *bytes, size_t at, size_t length,
                                          const char **problem_out)
{
    while (at < length) {
        size_t size = length - at < TLV_HEAD ? 0 : number16(bytes + at + 1);

        if (length - at < TLV_HEAD || size > length - at - TLV_HEAD)
            return refuse("a TLV that is longer than the header", problem_out);
        if (bytes[at] == TLV_CRC32C && (size != 4 || !checksum_is_right(bytes, length, at + TLV_HEAD)))
            return refuse("its checksum is wrong", problem_out);
        at += TLV_HEAD + size;
    }
    return PROXY_HEADER_COMPLETE;
}

static void take_endpoints(const unsigned char *bytes, bool ipv6, struct proxy_header *header)
{
    size_t size = ipv6 ? 16 : 4;
    const unsigned char *ports = bytes + 2 * size;

    header->client_address = address_of_bytes(bytes, size);
    header->local_address = address_of_bytes(bytes + size, size);
    header->client_port = (uint16_t)number16(ports);
    header->local_port = (uint16_t)number16(ports + 2);
}

static enum proxy_header_status read_binary(struct slice input, struct proxy_header *header, size_t *consumed_out,
                                            const char **problem_out)
{
    const unsigned char *bytes = (const unsigned char *)input.text;
    size_t length, addresses;

    if (input.length < FIXED_SIZE)
        return PROXY_HEADER_MORE;
    if (bytes[12] >> 4 != VERSION_2 || (bytes[12] & 15) > COMMAND_PROXY)
        return refuse("a version or command that the protocol has not", problem_out);
    length = FIXED_SIZE + number16(bytes + 14);
    if (length > PROXY_HEADER_MOST)
        return refuse("a header of version 2 that is too long", problem_out);
    header->local = (bytes[12] & 15) == COMMAND_LOCAL || bytes[13] == UNSPECIFIED;
    addresses = bytes[13] == TCP_OVER_IPV4 ? 12 : bytes[13] == TCP_OVER_IPV6 ? 36 : 0;
    if (!header->local && addresses == 0)
        return refuse("a family or transport that is not TCP over IPv4 or IPv6", problem_out);
    if (!header->local && length - FIXED_SIZE < addresses)
        return refuse("a header of version 2 that is too short for its addresses", problem_out);
    if (input.length < length)
        return PROXY_HEADER_MORE;
    *consumed_out = length;
    /* Section 2.2: of LOCAL and of an unspecified family all that follows is to be skipped. */
    if (header->local)
        return PROXY_HEADER_COMPLETE;
    take_endpoints(bytes + FIXED_SIZE, bytes[13] == TCP_OVER_IPV6, header);
    return read_tlvs(bytes, FIXED_SIZE + addresses, length, problem_out);
}

static bool begins_with(struct slice input, const char *wanted, size_t length)
{
    return memcmp(input.text, wanted, input.length < length ? input.length : length) == 0;
}

enum proxy_header_status proxy_header_parse(struct slice input, struct proxy_header *header_out, size_t *consumed_out,
                                            const char **problem_out)
{
    *header_out = (struct proxy_header){ 0 };
    *consumed_out = 0;
    *problem_out = NULL;
    if (input.length == 0)
        return PROXY_HEADER_MORE;
    if (begins_with(input, "PROXY ", 6))
        return read_line(input, header_out, consumed_out, problem_out);
    if (begins_with(input, signature, sizeof signature))
        return read_binary(input, header_out, consumed_out, problem_out);
    return refuse("no header of the PROXY protocol", problem_out);
}
