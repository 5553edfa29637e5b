/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_name.c: names and address literals by RFC 5321's own productions, no stricter and no laxer: what lies beside
 * them is told apart by those who ask.
 */
#include "policy/host_name.h"

/* RFC 5890 2.3.2.1: "xn--" and, for each character, at least an octet make the A-label. */
#define U_LABEL_MOST (LABEL_MOST - 4)

/* sub-domain = Let-dig [Ldh-str] */
static bool is_label(struct slice label)
{
    if (label.length == 0 || label.length > LABEL_MOST)
        return false;
    for (size_t i = 0; i < label.length; i++) {
        char c = label.text[i];
        bool edge = i == 0 || i == label.length - 1;

        if (!ascii_is_letter(c) && !ascii_is_digit(c) && !(c == '-' && !edge))
            return false;
    }
    return true;
}

bool host_name_is_domain(struct slice text)
{
    if (text.length == 0 || text.length > HOST_NAME_MOST)
        return false;
    while (text.text != NULL)
        if (!is_label(slice_cut(&text, '.')))
            return false;
    return true;
}

/* What programs that map before they look up take for a dot (UTS #46 2.3): U+3002, U+FF0E, U+FF61. */
static bool is_separator(struct slice character)
{
    return slice_equal(character, SLICE("\xE3\x80\x82")) || slice_equal(character, SLICE("\xEF\xBC\x8E")) ||
           slice_equal(character, SLICE("\xEF\xBD\xA1"));
}

static bool is_international_label(struct slice label)
{
    size_t characters = 0;

    if (is_label(label))
        return true;
    if (label.length == 0 || label.text[0] == '-' || label.text[label.length - 1] == '-')
        return false;
    while (label.length > 0) {
        size_t length = text_utf8_length(label);
        struct slice character = slice_first(label, length);

        if (length == 0 || is_separator(character) || text_is_control(character))
            return false;
        if (length == 1 && !ascii_is_letter(character.text[0]) && !ascii_is_digit(character.text[0]) &&
            character.text[0] != '-')
            return false;
        label = slice_from(label, length);
        characters++;
    }
    return characters <= U_LABEL_MOST;
}

bool host_name_is_international(struct slice text)
{
    if (text.length == 0 || text.length > HOST_NAME_MOST)
        return false;
    while (text.text != NULL)
        if (!is_international_label(slice_cut(&text, '.')))
            return false;
    return true;
}

/* Snum 3("." Snum), Snum = 1*3DIGIT up to 255 and decimal, also with zeros in front. */
static bool parse_ipv4(struct slice text, struct address *address_out)
{
    struct address address = { .family = 4 };
    size_t count = 0;

    while (text.text != NULL) {
        struct slice part = slice_cut(&text, '.');
        unsigned long long number;

        if (count == 4 || part.length > 3 || !slice_number(part, 255, &number))
            return false;
        address.bytes[count++] = (uint8_t)number;
    }
    *address_out = address;
    return count == 4;
}

/* Groups of 16 bits written out in `text`; a dotted IPv4 address at the end is two. */
static size_t count_groups(struct slice text)
{
    size_t count = slice_find(text, '.') < text.length ? 1 : 0;

    while (text.text != NULL)
        if (slice_cut(&text, ':').length > 0)
            count++;
    return count;
}

/* IPv6-comp: "::" stands for at least two groups; a program that follows RFC 5321 alone takes nothing shorter. */
static bool parse_ipv6(struct slice text, struct address *address_out)
{
    bool shortened = false;

    for (size_t i = 1; i < text.length; i++)
        shortened = shortened || (text.text[i] == ':' && text.text[i - 1] == ':');
    if (slice_find(text, ':') == text.length || (shortened && count_groups(text) > 6))
        return false;
    return address_parse(text, address_out);
}

bool host_name_is_literal(struct slice text, struct address *address_out)
{
    struct address address;

    if (text.length < 2 || text.text[0] != '[' || text.text[text.length - 1] != ']')
        return false;
    text = slice_first(slice_from(text, 1), text.length - 2);
    if (slice_starts_with_nocase(text, SLICE("IPv6:"))) {
        if (!parse_ipv6(slice_from(text, 5), &address))
            return false;
    } else if (!parse_ipv4(text, &address)) {
        return false;
    }
    if (address_out != NULL)
        *address_out = address;
    return true;
}

bool host_name_is_bracketed(struct slice text)
{
    struct address address;

    if (host_name_is_literal(text, NULL))
        return true;
    if (text.length < 2 || text.text[0] != '[' || text.text[text.length - 1] != ']')
        return false;
    return address_parse(slice_first(slice_from(text, 1), text.length - 2), &address);
}
