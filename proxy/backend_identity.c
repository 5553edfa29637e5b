/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_identity.c: what the backend is told of the client, by Postfix's XCLIENT (XCLIENT_README: values are xtext
 * of RFC 3461 4, a command has at most 512 octets), and what the backend says of itself in its EHLO reply. Names come
 * from strangers' DNS and from HELO: what Postfix would refuse as a host name is told as [UNAVAILABLE], or one odd
 * PTR record would keep its client from ever being served.
 */
#include "proxy/backend_private.h"

#include <stdio.h>

#include "policy/host_name.h"

#define UNAVAILABLE SLICE("[UNAVAILABLE]")
#define TEMPORARILY_UNAVAILABLE SLICE("[TEMPUNAVAIL]")

static const struct {
    enum backend_attribute bit;
    const char *name;
} attribute_names[] = {
    { ATTRIBUTE_NAME, "NAME" },
    { ATTRIBUTE_REVERSE_NAME, "REVERSE_NAME" },
    { ATTRIBUTE_ADDR, "ADDR" },
    { ATTRIBUTE_PORT, "PORT" },
    { ATTRIBUTE_HELO, "HELO" },
    { ATTRIBUTE_PROTO, "PROTO" },
    { ATTRIBUTE_DESTADDR, "DESTADDR" },
    { ATTRIBUTE_DESTPORT, "DESTPORT" },
};
#define ATTRIBUTES_COUNT (sizeof(attribute_names) / sizeof(attribute_names[0]))

static unsigned read_attributes(struct slice words)
{
    unsigned attributes = 0;

    while (words.text != NULL) {
        struct slice word = slice_cut(&words, ' ');
        for (size_t i = 0; i < ATTRIBUTES_COUNT; i++)
            if (slice_equal_nocase(word, slice_of_string(attribute_names[i].name)))
                attributes |= attribute_names[i].bit;
    }
    return attributes;
}

static const struct {
    enum backend_extension bit;
    const char *keyword;
} extension_names[] = {
    { BACKEND_PIPELINING, "PIPELINING" },
    { BACKEND_SIZE, "SIZE" },
    { BACKEND_8BITMIME, "8BITMIME" },
    { BACKEND_ENHANCED_STATUS_CODES, "ENHANCEDSTATUSCODES" },
    { BACKEND_CHUNKING, "CHUNKING" },
    { BACKEND_XCLIENT, "XCLIENT" },
    { BACKEND_SMTPUTF8, "SMTPUTF8" },
    { BACKEND_DSN, "DSN" },
    { BACKEND_AUTH, "AUTH" },
    { BACKEND_STARTTLS, "STARTTLS" },
    { BACKEND_REQUIRETLS, "REQUIRETLS" },
    { BACKEND_LIMITS, "LIMITS" },
    { BACKEND_VRFY, "VRFY" },
};
#define EXTENSIONS_COUNT (sizeof(extension_names) / sizeof(extension_names[0]))

const char *backend_extension_name(unsigned extensions)
{
    for (size_t i = 0; i < EXTENSIONS_COUNT; i++)
        if ((extensions & extension_names[i].bit) != 0)
            return extension_names[i].keyword;
    return "";
}

/* The words that are mechanisms which pass, each once. What does not fit any more is not offered. */
static void add_mechanisms(struct backend_offer *offer, struct slice words)
{
    while (words.text != NULL) {
        struct slice name = slice_cut(&words, ' ');
        struct slice known = slice_of_string(offer->mechanisms);

        if (!auth_mechanism_passes(name) || auth_mechanism_is_among(name, known) ||
            known.length + 1 + name.length >= sizeof(offer->mechanisms))
            continue;
        snprintf(offer->mechanisms + known.length, sizeof(offer->mechanisms) - known.length, "%s%.*s",
                 known.length > 0 ? " " : "", SLICE_ARG(name));
        offer->extensions |= BACKEND_AUTH;
    }
}

void backend_mechanisms_keep(char *mechanisms, const char *others)
{
    struct slice rest = slice_of_string(mechanisms);
    size_t length = 0;

    while (rest.text != NULL) {
        struct slice name = slice_cut(&rest, ' ');

        if (!auth_mechanism_is_among(name, slice_of_string(others)))
            continue;
        if (length > 0)
            mechanisms[length++] = ' ';
        memmove(mechanisms + length, name.text, name.length);
        length += name.length;
    }
    mechanisms[length] = '\0';
}

/* RFC 9422: a number from 1 to 999999; anything else says nothing. */
static void read_limit(struct slice word, const char *name, uint32_t *limit_out)
{
    struct slice value = word, given = slice_cut(&value, '=');
    unsigned long long number;

    if (slice_equal_nocase(given, slice_of_string(name)) && value.text != NULL && value.length > 0 &&
        value.text[0] != '0' && slice_number(value, BACKEND_LIMIT_MOST, &number))
        *limit_out = (uint32_t)number;
}

static void read_limits(struct slice words, struct backend_limits *limits)
{
    while (words.text != NULL) {
        struct slice word = slice_cut(&words, ' ');
        read_limit(word, "MAILMAX", &limits->mail_most);
        read_limit(word, "RCPTMAX", &limits->recipients_most);
        read_limit(word, "RCPTDOMAINMAX", &limits->domains_most);
    }
}

void backend_read_offer(const struct reply *reply, struct backend_offer *offer_out, unsigned *attributes_out)
{
    *offer_out = (struct backend_offer){ 0 };
    *attributes_out = 0;
    /* The first line is the server's name (RFC 5321 4.1.1.1). */
    for (size_t line = 1; line < reply->count; line++) {
        struct slice words = slice_trim(reply->lines[line]);
        struct slice keyword = slice_cut(&words, ' ');
        unsigned long long size;

        for (size_t i = 0; i < EXTENSIONS_COUNT; i++)
            if (slice_equal_nocase(keyword, slice_of_string(extension_names[i].keyword)) &&
                extension_names[i].bit != BACKEND_AUTH)
                offer_out->extensions |= extension_names[i].bit;
        /* "AUTH=PLAIN" is how servers said it before RFC 2554. */
        if (slice_equal_nocase(keyword, SLICE("AUTH"))) {
            add_mechanisms(offer_out, words);
        } else if (slice_starts_with_nocase(keyword, SLICE("AUTH="))) {
            add_mechanisms(offer_out, slice_from(keyword, 5));
            add_mechanisms(offer_out, words);
        }
        if (slice_equal_nocase(keyword, SLICE("SIZE")) && slice_number(slice_trim(words), UINT64_MAX, &size))
            offer_out->size = size;
        if (slice_equal_nocase(keyword, SLICE("LIMITS")))
            read_limits(words, &offer_out->limits);
        if (slice_equal_nocase(keyword, SLICE("XCLIENT")))
            *attributes_out |= read_attributes(words);
    }
}

/*
 * RFC 3461 4: printable ASCII but "+" and "=" stands for itself, the rest is "+" and two upper-case hexadecimal
 * digits.
 */
static struct slice xtext(struct arena *arena, struct slice value)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = arena_alloc(arena, value.length * 3 + 1);
    size_t length = 0;

    for (size_t i = 0; i < value.length; i++) {
        unsigned char byte = (unsigned char)value.text[i];
        if (byte > ' ' && byte < 0x7f && byte != '+' && byte != '=') {
            text[length++] = (char)byte;
        } else {
            text[length++] = '+';
            text[length++] = digits[byte >> 4];
            text[length++] = digits[byte & 15];
        }
    }
    return slice_of(text, length);
}

/* What Postfix takes for a host name; a name of digits and dots alone would be an address to it. */
static bool is_host_name(struct slice name)
{
    bool has_letter = false;

    if (slice_is_empty(name) || name.length > HOST_NAME_MOST)
        return false;
    for (size_t i = 0; i < name.length; i++)
        has_letter = has_letter || (!ascii_is_digit(name.text[i]) && name.text[i] != '.');
    while (name.text != NULL)
        if (!slice_is_label(slice_cut(&name, '.')))
            return false;
    return has_letter;
}

static struct slice host_value(struct slice name, bool temporary)
{
    if (name.length > 1 && name.text[name.length - 1] == '.')
        name = slice_first(name, name.length - 1);
    if (is_host_name(name))
        return name;
    return temporary && slice_is_empty(name) ? TEMPORARILY_UNAVAILABLE : UNAVAILABLE;
}

static struct slice address_value(struct arena *arena, const struct address *address)
{
    char text[ADDRESS_TEXT];
    struct slice printed;

    switch (address->family) {
    case 4:
        return arena_copy(arena, address_print(address, text));
    case 6:
        printed = address_print(address, text);
        return arena_printf(arena, "IPV6:%.*s", SLICE_ARG(printed));
    }
    return UNAVAILABLE;
}

static struct slice port_value(struct arena *arena, uint16_t port)
{
    return port == 0 ? UNAVAILABLE : arena_printf(arena, "%u", (unsigned)port);
}

static struct slice helo_value(const struct backend_client *client)
{
    return slice_is_empty(client->helo) || client->helo.length > HOST_NAME_MOST ? UNAVAILABLE : client->helo;
}

static struct slice attribute_value(const struct backend_client *client, enum backend_attribute attribute,
                                    struct arena *arena)
{
    switch (attribute) {
    case ATTRIBUTE_NAME:
        return host_value(client->name, client->name_temporary);
    case ATTRIBUTE_REVERSE_NAME:
        return host_value(client->reverse_name, client->name_temporary);
    case ATTRIBUTE_ADDR:
        return address_value(arena, &client->address);
    case ATTRIBUTE_PORT:
        return port_value(arena, client->port);
    case ATTRIBUTE_HELO:
        return helo_value(client);
    case ATTRIBUTE_PROTO:
        return client->esmtp ? SLICE("ESMTP") : SLICE("SMTP");
    case ATTRIBUTE_DESTADDR:
        return address_value(arena, &client->local_address);
    case ATTRIBUTE_DESTPORT:
        return port_value(arena, client->local_port);
    }
    bug("attribute");
}

/* " NAME=value" for each of `group` that the backend lists. */
static struct slice attribute_group(const struct backend_client *client, unsigned group, struct arena *arena)
{
    struct slice text = SLICE("");

    for (size_t i = 0; i < ATTRIBUTES_COUNT; i++) {
        if ((group & attribute_names[i].bit) == 0)
            continue;
        struct slice value = xtext(arena, attribute_value(client, attribute_names[i].bit, arena));
        /* 255 octets of HELO can become 765: more than a command holds. */
        if (value.length + sizeof("XCLIENT REVERSE_NAME=\r\n") > BACKEND_XCLIENT_LINE_MOST)
            value = UNAVAILABLE;
        text = arena_printf(arena, "%.*s %s=%.*s", SLICE_ARG(text), attribute_names[i].name, SLICE_ARG(value));
    }
    return text;
}

/*
 * Once ADDR is told, Postfix holds the new address to smtpd_authorized_xclient_hosts, and NAME may do the same: these
 * two come together and last. The others fill commands as they fit.
 */
size_t backend_identity_lines(const struct backend_client *client, unsigned attributes, struct arena *arena,
                              struct slice *lines)
{
    static const unsigned groups[] = {
        ATTRIBUTE_DESTADDR, ATTRIBUTE_DESTPORT, ATTRIBUTE_PORT, ATTRIBUTE_REVERSE_NAME, ATTRIBUTE_PROTO, ATTRIBUTE_HELO,
        ATTRIBUTE_NAME | ATTRIBUTE_ADDR,
    };
    struct slice line = SLICE("XCLIENT");
    size_t count = 0;

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        struct slice group = attribute_group(client, groups[i] & attributes, arena);
        if (line.length + group.length + 2 > BACKEND_XCLIENT_LINE_MOST) {
            lines[count++] = arena_printf(arena, "%.*s\r\n", SLICE_ARG(line));
            line = SLICE("XCLIENT");
        }
        line = arena_printf(arena, "%.*s%.*s", SLICE_ARG(line), SLICE_ARG(group));
    }
    lines[count++] = arena_printf(arena, "%.*s\r\n", SLICE_ARG(line));
    return count;
}

/*
 * XCLIENT takes Postfix back to the greeting, and the EHLO that then comes sets name and protocol of its `Received`
 * field anew, over what HELO= and PROTO= said: so it is said as the client said it. Bytes that cannot stand in a
 * command become '?', as in Postfix.
 */
struct slice backend_identity_hello(const struct backend_client *client, enum backend_protocol protocol,
                                    const char *hostname, struct arena *arena)
{
    const char *verb = protocol == BACKEND_LMTP ? "LHLO" : client->esmtp ? "EHLO" : "HELO";
    struct slice name = arena_copy(arena, slice_first(client->helo, HOST_NAME_MOST));
    char *text = (char *)(uintptr_t)name.text;

    if (slice_is_empty(name))
        return arena_printf(arena, "%s %s\r\n", protocol == BACKEND_LMTP ? "LHLO" : "EHLO", hostname);
    for (size_t i = 0; i < name.length; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            text[i] = '?';
    return arena_printf(arena, "%s %.*s\r\n", verb, SLICE_ARG(name));
}

/* ---- the PROXY protocol's header (haproxy, proxy-protocol.txt, 2.2) */

#define HEADER_SIGNATURE SLICE("\r\n\r\n\0\r\nQUIT\n")
/* Version 2, command PROXY. */
#define HEADER_PROXY '\x21'
/* Over a stream. */
#define HEADER_FOUR '\x11'
#define HEADER_SIX '\x21'

/* 16 bytes; one of version 4 as RFC 4291 2.5.5.2 maps it. */
static void put_six(char *place, const struct address *address)
{
    if (address->family == 6) {
        memcpy(place, address->bytes, 16);
        return;
    }
    memset(place, 0, 10);
    memset(place + 10, 0xff, 2);
    memcpy(place + 12, address->bytes, 4);
}

static void put_port(char *place, uint16_t port)
{
    place[0] = (char)(port >> 8);
    place[1] = (char)(port & 0xff);
}

struct slice backend_identity_header(const struct backend_client *client, struct arena *arena)
{
    struct slice signature = HEADER_SIGNATURE;
    bool four = client->address.family == 4 && client->local_address.family == 4;
    size_t each = four ? 4 : 16, length = 2 * each + 4;
    char *header = arena_alloc(arena, signature.length + 4 + length);
    char *at = header + signature.length;

    memcpy(header, signature.text, signature.length);
    *at++ = HEADER_PROXY;
    *at++ = four ? HEADER_FOUR : HEADER_SIX;
    put_port(at, (uint16_t)length);
    at += 2;
    if (four) {
        memcpy(at, client->address.bytes, each);
        memcpy(at + each, client->local_address.bytes, each);
    } else {
        put_six(at, &client->address);
        put_six(at + each, &client->local_address);
    }
    put_port(at + 2 * each, client->port);
    put_port(at + 2 * each + 2, client->local_port);
    return slice_of(header, signature.length + 4 + length);
}

struct backend_client backend_client_copy(const struct backend_client *client, struct arena *arena)
{
    struct backend_client copy = *client;

    copy.name = arena_copy(arena, client->name);
    copy.reverse_name = arena_copy(arena, client->reverse_name);
    copy.helo = arena_copy(arena, client->helo);
    return copy;
}
