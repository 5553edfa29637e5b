/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slice.c: comparing, searching and cutting borrowed text. Nothing is allocated and nothing can fail; an absent slice
 * compares as an empty one.
 */
#include "rules/slice.h"

#include <stdint.h>

bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0);
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (ascii_lower(a.text[i]) != ascii_lower(b.text[i]))
            return false;
    return true;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.text, b.text, common);

    if (order != 0)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

bool slice_starts_with(struct slice slice, struct slice prefix)
{
    return slice.length >= prefix.length && slice_equal(slice_first(slice, prefix.length), prefix);
}

bool slice_starts_with_nocase(struct slice slice, struct slice prefix)
{
    return slice.length >= prefix.length && slice_equal_nocase(slice_first(slice, prefix.length), prefix);
}

bool slice_ends_with_nocase(struct slice slice, struct slice suffix)
{
    return slice.length >= suffix.length && slice_equal_nocase(slice_from(slice, slice.length - suffix.length), suffix);
}

size_t slice_find(struct slice slice, char c)
{
    const char *at = slice.length == 0 ? NULL : memchr(slice.text, c, slice.length);

    return at == NULL ? slice.length : (size_t)(at - slice.text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice slice)
{
    while (slice.length > 0 && is_blank(slice.text[0]))
        slice = slice_from(slice, 1);
    while (slice.length > 0 && is_blank(slice.text[slice.length - 1]))
        slice.length--;
    return slice;
}

struct slice slice_without_line_end(struct slice slice)
{
    if (slice.length > 0 && slice.text[slice.length - 1] == '\n')
        slice.length--;
    if (slice.length > 0 && slice.text[slice.length - 1] == '\r')
        slice.length--;
    return slice;
}

struct slice slice_cut(struct slice *rest, char separator)
{
    size_t at = slice_find(*rest, separator);
    struct slice head = slice_first(*rest, at);

    *rest = at < rest->length ? slice_from(*rest, at + 1) : SLICE_NONE;
    return head;
}

bool slice_number(struct slice slice, unsigned long long most, unsigned long long *number_out)
{
    unsigned long long number = 0;

    if (slice.length == 0)
        return false;
    for (size_t i = 0; i < slice.length; i++) {
        unsigned digit;

        if (!ascii_is_digit(slice.text[i]))
            return false;
        digit = (unsigned)(slice.text[i] - '0');
        if (digit > most || number > (most - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *number_out = number;
    return true;
}

bool slice_is_label(struct slice slice)
{
    if (slice.length == 0 || slice.length > LABEL_MOST || slice.text[0] == '-' || slice.text[slice.length - 1] == '-')
        return false;
    for (size_t i = 0; i < slice.length; i++)
        if (!ascii_is_letter(slice.text[i]) && !ascii_is_digit(slice.text[i]) && slice.text[i] != '-' &&
            slice.text[i] != '_')
            return false;
    return true;
}

/* RFC 3629 4: the first byte tells how many follow, and for four of them what the second may be. */
size_t text_utf8_length(struct slice text)
{
    unsigned char first = text.length == 0 ? 0xFF : (unsigned char)text.text[0];
    size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char greatest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;

    if (length > text.length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text.text[i];

        if (byte < least || byte > greatest)
            return 0;
        least = 0x80;
        greatest = 0xBF;
    }
    return length;
}

/* How many bytes at the start are surely ASCII: eight are looked at in one step. */
static size_t ascii_run(struct slice text)
{
    size_t run = 0;
    uint64_t bytes;

    for (; text.length - run >= sizeof(bytes); run += sizeof(bytes)) {
        memcpy(&bytes, text.text + run, sizeof(bytes));
        if ((bytes & 0x8080808080808080) != 0)
            break;
    }
    return run;
}

bool text_is_utf8(struct slice text, size_t *bad_out)
{
    for (size_t i = ascii_run(text); i < text.length; i += ascii_run(slice_from(text, i))) {
        size_t length = text_utf8_length(slice_from(text, i));

        if (length == 0) {
            *bad_out = i;
            return false;
        }
        i += length;
    }
    return true;
}

bool text_is_control(struct slice character)
{
    unsigned char first = character.length == 0 ? 'x' : (unsigned char)character.text[0];

    return first < ' ' || first == 0x7F || (first == 0xC2 && (unsigned char)character.text[1] < 0xA0);
}

/* UAX #9 2: U+061C, U+200E and F, U+202A to E, U+2066 to 9; U+2028 and 9; U+200B, U+2060 to 5, U+FEFF. */
static bool is_hidden(struct slice character)
{
    unsigned char last = (unsigned char)character.text[character.length - 1];

    if (slice_starts_with(character, SLICE("\xE2\x80")))
        return last == 0x8B || last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE);
    if (slice_starts_with(character, SLICE("\xE2\x81")))
        return last >= 0xA0 && last <= 0xA9;
    return slice_equal(character, SLICE("\xD8\x9C")) || slice_equal(character, SLICE("\xEF\xBB\xBF"));
}

size_t text_shown_length(struct slice text)
{
    size_t length = text_utf8_length(text);
    struct slice character = slice_first(text, length);

    return length == 0 || text_is_control(character) || is_hidden(character) ? 0 : length;
}
