/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * display_name.c: reads names as generously as mail programs do, because what is looked for is what they would show.
 * Every result is at most as long as what it was made of.
 */
#include "policy/display_name.h"

#include "policy/mailbox_token.h"

/* Domains longer than this are none. */
#define DOMAIN_MOST 253

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without `drop`, line ends, and the backslashes of quoted pairs. */
static struct slice without_quotes(struct slice text, char drop, struct arena *arena)
{
    char *copy = arena_alloc(arena, text.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        char c = text.text[i];
        if (c == drop || c == '\r' || c == '\n')
            continue;
        if (c == '\\' && i + 1 < text.length)
            c = text.text[++i];
        copy[length++] = c;
    }
    return slice_of(copy, length);
}

struct slice display_name_unquoted(struct slice quoted, struct arena *arena)
{
    return without_quotes(quoted, '"', arena);
}

/* Encoded words */

static int hexadecimal(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2047 4.2; a bad escape stays as it is. Returns the length. */
static size_t decode_q(struct slice text, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.text[i] == '_' ? ' ' : text.text[i];
        int high = i + 2 < text.length ? hexadecimal(text.text[i + 1]) : -1;
        int low = i + 2 < text.length ? hexadecimal(text.text[i + 2]) : -1;
        if (c == '=' && high >= 0 && low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[length++] = c;
    }
    return length;
}

/* RFC 2047 4.1 and RFC 2045 6.8: other characters are skipped. */
static size_t decode_b(struct slice text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, have = 0;
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        const char *digit = text.text[i] != 0 ? strchr(digits, text.text[i]) : NULL;
        if (digit == NULL)
            continue;
        bits = (bits << 6 | (unsigned)(digit - digits)) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[length++] = (char)(bits >> have & 0xff);
        }
    }
    return length;
}

struct encoded_word {
    size_t length;                 /* of the whole, 0: it is none */
    char encoding;                 /* 'q' or 'b' */
    struct slice text;
};

/* encoded-word = "=?" charset "?" encoding "?" encoded-text "?=" at the start of `text`. */
static struct encoded_word encoded_word_at(struct slice text)
{
    struct encoded_word none = { 0 }, word = { 0 };
    if (!slice_starts_with(text, SLICE("=?")))
        return none;
    size_t charset = 2 + slice_find(slice_from(text, 2), '?');
    if (charset == 2 || charset + 3 > text.length || text.text[charset + 2] != '?')
        return none;
    word.encoding = ascii_lower(text.text[charset + 1]);
    word.text = slice_from(text, charset + 3);
    word.text = slice_first(word.text, slice_find(word.text, '?'));
    word.length = charset + 3 + word.text.length + 2;
    bool is_complete = word.length <= text.length && text.text[word.length - 1] == '=';
    return is_complete && (word.encoding == 'q' || word.encoding == 'b') ? word : none;
}

/* White space between two encoded words is not shown (RFC 2047 6.2). */
static size_t blanks_before_word(struct slice text)
{
    size_t blanks = 0;
    while (blanks < text.length && is_blank(text.text[blanks]))
        blanks++;
    return encoded_word_at(slice_from(text, blanks)).length > 0 ? blanks : 0;
}

static struct slice decode_words(struct slice text, struct arena *arena)
{
    char *shown = arena_alloc(arena, text.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < text.length;) {
        struct encoded_word word = encoded_word_at(slice_from(text, i));
        if (word.length == 0) {
            shown[length++] = text.text[i++];
            continue;
        }
        length += word.encoding == 'q' ? decode_q(word.text, shown + length) : decode_b(word.text, shown + length);
        i += word.length;
        i += blanks_before_word(slice_from(text, i));
    }
    return slice_of(shown, length);
}

struct slice display_name_shown(struct slice words, struct arena *arena)
{
    return decode_words(without_quotes(words, '"', arena), arena);
}

bool display_name_turns(struct slice text)
{
    for (size_t i = 0; i + 1 < text.length; i++) {
        unsigned char a = (unsigned char)text.text[i], b = (unsigned char)text.text[i + 1];
        unsigned char c = i + 2 < text.length ? (unsigned char)text.text[i + 2] : 0;
        /* U+061C; U+200E, U+200F, U+202A to U+202E; U+2066 to U+2069 */
        if ((a == 0xd8 && b == 0x9c) || (a == 0xe2 && b == 0x80 && (c == 0x8e || c == 0x8f || (c >= 0xaa && c <= 0xae)))
            || (a == 0xe2 && b == 0x81 && c >= 0xa6 && c <= 0xa9))
            return true;
    }
    return false;
}

/* Addresses among what is shown */

/* FULLWIDTH and SMALL COMMERCIAL AT (U+FF20, U+FE6B) become "@"; NUL, of UTF-16, goes. */
static struct slice flatten(struct slice shown, struct arena *arena)
{
    char *text = arena_alloc(arena, shown.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < shown.length; i++) {
        struct slice rest = slice_from(shown, i);
        bool is_at = slice_starts_with(rest, SLICE("\xef\xbc\xa0")) || slice_starts_with(rest, SLICE("\xef\xb9\xab"));
        char c = is_at ? '@' : shown.text[i];
        if (is_at)
            i += 2;
        if (c != 0)
            text[length++] = c;
    }
    return slice_of(text, length);
}

static struct slice local_before(struct slice text, size_t at)
{
    size_t start = at;
    while (start > 0 && (token_is_atext(text.text[start - 1]) || text.text[start - 1] == '.'))
        start--;
    while (start < at && (text.text[start] == '\'' || text.text[start] == '`'))
        start++;
    return slice_of(text.text + start, at - start);
}

static struct slice domain_behind(struct slice text, size_t at)
{
    size_t end = at + 1;
    while (end < text.length
           && (ascii_is_letter(text.text[end]) || ascii_is_digit(text.text[end]) || text.text[end] == '-'
               || text.text[end] == '.' || (unsigned char)text.text[end] > 127))
        end++;
    while (end > at + 1 && text.text[end - 1] == '.')
        end--;
    return slice_of(text.text + at + 1, end - at - 1);
}

static bool is_other(struct slice text, size_t at, const struct mailbox *own, struct arena *arena)
{
    struct slice local_part = local_before(text, at), domain = domain_behind(text, at);
    if (local_part.length == 0 || domain.length > DOMAIN_MOST || slice_find(domain, '.') == domain.length
        || !mailbox_domain(domain, arena, &domain))
        return false;
    return !slice_equal(domain, own->domain) || !slice_equal_nocase(local_part, own->local_part);
}

bool display_name_shows_other(struct slice words, const struct mailbox *own, struct arena *arena)
{
    struct slice shown = flatten(display_name_shown(words, arena), arena);

    for (size_t at = 0; at < shown.length; at++)
        if (shown.text[at] == '@' && is_other(shown, at, own, arena))
            return true;
    return false;
}
