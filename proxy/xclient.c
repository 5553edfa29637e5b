/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xclient.c: one row an attribute: its name, what it may be instead of a value, and who reads it. A host name is what
 * Postfix takes for one, so that what it says can be said on; an address must have the tag of its family; a client
 * without an address cannot be judged.
 */
#include "proxy/xclient.h"

#include "policy/host_name.h"
#include "proxy/command.h"

/* Each says what is wrong with the value, or NULL. */

static const char *read_host(struct slice value, struct arena *arena, struct slice *host_out)
{
    char *copy = arena_string(arena, value);
    struct slice rest;
    bool has_letter = false;

    if (value.length > 1 && value.text[value.length - 1] == '.')
        value = slice_first(value, value.length - 1);
    for (size_t i = 0; i < value.length; i++) {
        has_letter = has_letter || (!ascii_is_digit(copy[i]) && copy[i] != '.');
        copy[i] = ascii_lower(copy[i]);
    }
    rest = *host_out = slice_of(copy, value.length);
    while (rest.text != NULL)
        if (!slice_is_label(slice_cut(&rest, '.')))
            return "a name is no host name";
    return has_letter ? NULL : "a name is no host name";
}

static const char *read_name(struct slice value, struct arena *arena, struct xclient *xclient)
{
    return read_host(value, arena, &xclient->name);
}

static const char *read_reverse_name(struct slice value, struct arena *arena, struct xclient *xclient)
{
    return read_host(value, arena, &xclient->reverse_name);
}

static const char *read_address(struct slice value, struct address *address_out)
{
    bool tagged = slice_starts_with_nocase(value, SLICE("IPV6:"));

    if (tagged)
        value = slice_from(value, 5);
    return tagged == (slice_find(value, ':') < value.length) && address_parse(value, address_out)
               ? NULL : "an address is neither IPv4 nor IPV6: with an IPv6 address";
}

static const char *read_client_address(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)arena;
    return read_address(value, &xclient->address);
}

static const char *read_local_address(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)arena;
    return read_address(value, &xclient->local_address);
}

static const char *read_port(struct slice value, uint16_t *port_out)
{
    unsigned long long number;

    if (value.length > 5 || !slice_number(value, UINT16_MAX, &number))
        return "a port is no number from 0 to 65535";
    *port_out = (uint16_t)number;
    return NULL;
}

static const char *read_client_port(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)arena;
    return read_port(value, &xclient->port);
}

static const char *read_local_port(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)arena;
    return read_port(value, &xclient->local_port);
}

static const char *read_protocol(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)arena;
    xclient->esmtp = slice_equal_nocase(value, SLICE("ESMTP"));
    return xclient->esmtp || slice_equal_nocase(value, SLICE("SMTP")) ? NULL : "PROTO is neither SMTP nor ESMTP";
}

static const char *read_helo(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)arena;
    xclient->helo = value;
    return command_is_host_word(value) ? NULL : "HELO is not the name of a host: one word";
}

static const char *read_login(struct slice value, struct arena *arena, struct xclient *xclient)
{
    (void)value, (void)arena, (void)xclient;
    return "LOGIN is not offered here";
}

static const struct attribute {
    const char *name;
    bool may_be_temporary;
    const char *(*read)(struct slice value, struct arena *arena, struct xclient *xclient);
} attributes[] = {
    [XCLIENT_NAME] = { "NAME", true, read_name },
    [XCLIENT_REVERSE_NAME] = { "REVERSE_NAME", true, read_reverse_name },
    [XCLIENT_ADDR] = { "ADDR", false, read_client_address },
    [XCLIENT_PORT] = { "PORT", false, read_client_port },
    [XCLIENT_PROTO] = { "PROTO", false, read_protocol },
    [XCLIENT_HELO] = { "HELO", false, read_helo },
    [XCLIENT_LOGIN] = { "LOGIN", false, read_login },
    [XCLIENT_DESTADDR] = { "DESTADDR", false, read_local_address },
    [XCLIENT_DESTPORT] = { "DESTPORT", false, read_local_port },
};
#define ATTRIBUTES_COUNT (sizeof(attributes) / sizeof(attributes[0]))

static int hexadecimal(char c)
{
    return ascii_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3461 4. What it stands for must be printable ASCII: it becomes part of header fields and of lines of logs. */
static const char *decode(struct slice text, struct arena *arena, struct slice *value_out)
{
    char *value = arena_alloc(arena, text.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        int byte = text.text[i];
        if (byte == '+') {
            int high = i + 2 < text.length ? hexadecimal(text.text[i + 1]) : -1;
            int low = i + 2 < text.length ? hexadecimal(text.text[i + 2]) : -1;
            byte = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        } else if (byte == '=') {
            byte = 0;
        }
        if (byte < ' ' || byte > '~')
            return "a value is not xtext of printable characters (RFC 3461 4)";
        value[length++] = (char)byte;
    }
    *value_out = slice_of(value, length);
    return length > 0 && length <= XCLIENT_VALUE_MOST ? NULL : "a value is empty, or has more than 255 characters";
}

static const char *read_attribute(struct slice word, struct arena *arena, struct xclient *xclient)
{
    struct slice text = word, name = slice_cut(&text, '='), value;
    const char *problem;
    size_t i = 0;

    if (text.text == NULL)
        return "an attribute must have a value, as in ADDR=192.0.2.1";
    while (i < ATTRIBUTES_COUNT && !slice_equal_nocase(name, slice_of_string(attributes[i].name)))
        i++;
    if (i == ATTRIBUTES_COUNT)
        return "an attribute that is not known here";
    if (xclient->states[i] != XCLIENT_NOT_GIVEN)
        return "an attribute is given twice";
    problem = decode(text, arena, &value);
    if (problem != NULL)
        return problem;
    if (slice_equal_nocase(value, SLICE("[UNAVAILABLE]"))) {
        xclient->states[i] = XCLIENT_UNAVAILABLE;
        return i == XCLIENT_ADDR ? "a client without an address cannot be judged" : NULL;
    }
    if (attributes[i].may_be_temporary && slice_equal_nocase(value, SLICE("[TEMPUNAVAIL]"))) {
        xclient->states[i] = XCLIENT_TEMPORARY;
        return NULL;
    }
    xclient->states[i] = XCLIENT_GIVEN;
    return attributes[i].read(value, arena, xclient);
}

bool xclient_parse(struct slice argument, struct arena *arena, struct xclient *xclient_out, const char **problem_out)
{
    struct slice rest = slice_trim(argument);

    *xclient_out = (struct xclient){ 0 };
    *problem_out = rest.length == 0 ? "an attribute must follow, as in XCLIENT ADDR=192.0.2.1" : NULL;
    while (rest.text != NULL && *problem_out == NULL) {
        struct slice word = slice_cut(&rest, ' ');
        if (word.length > 0)
            *problem_out = read_attribute(word, arena, xclient_out);
    }
    return *problem_out == NULL;
}
