/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_macro.c: grammar and expansion of RFC 7208's macros. The text is the stranger's; expansion works only on text
 * that passed the grammar and into a bounded buffer.
 */
#include "policy/spf_macro.h"

/* One item of a macro-string: a literal character or a macro-expand. */
struct item {
    size_t length;                 /* of its text */
    bool is_macro;                 /* begins with % */
    char letter;                   /* lower case; 0 for a literal, %%, %_ and %- */
    bool escape;                   /* upper case letter */
    unsigned keep;                 /* right-hand parts to keep, 0 all */
    bool reverse;
    struct slice delimiters;
    char literal;                  /* the character, for what has no letter ("%-" is three: it stays '%') */
};

/* Characters of a domain name in presentation form (RFC 1035 2.3.4). */
#define NAME_MOST 253

/* More parts than any name has (RFC 7208 7.3 asks for at least 127). */
#define KEEP_MOST 1000000u

static const char *item_braces(struct slice text, struct item *item)
{
    size_t at = 3;
    if (text.length < 4)
        return "unfinished macro";
    item->letter = ascii_lower(text.text[2]);
    item->escape = item->letter != text.text[2];
    if (item->letter == 0 || strchr("slodiphcrtv", item->letter) == NULL)
        return "unknown macro letter";
    for (; at < text.length && ascii_is_digit(text.text[at]); at++)
        if (item->keep < KEEP_MOST)
            item->keep = item->keep * 10 + (unsigned)(text.text[at] - '0');
    if (at > 3 && item->keep == 0)
        return "macro that keeps no part";
    if (at < text.length && ascii_lower(text.text[at]) == 'r') {
        item->reverse = true;
        at++;
    }
    size_t start = at;
    while (at < text.length && text.text[at] != 0 && strchr(".-+,/_=", text.text[at]) != NULL)
        at++;
    item->delimiters = slice_of(text.text + start, at - start);
    if (at == text.length || text.text[at] != '}')
        return "malformed macro";
    item->length = at + 1;
    return NULL;
}

/* Reads the item at the start of a text that is not empty; returns what is wrong with it, or NULL. */
static const char *item_read(struct slice text, struct item *item)
{
    char c = text.text[0];

    *item = (struct item){ .length = 1, .literal = c };
    if (c < 0x21 || c > 0x7e)
        return "character that no macro-string has";
    if (c != '%')
        return NULL;
    item->is_macro = true;
    item->length = 2;
    if (text.length < 2)
        return "% at the end";
    switch (text.text[1]) {
    case '{':
        return item_braces(text, item);
    case '%':
        return NULL;
    case '_':
        item->literal = ' ';
        return NULL;
    case '-':
        item->letter = '-';
        return NULL;
    }
    return "% without a macro";
}

static bool scan(struct slice text, bool explanation, const char **problem_out)
{
    while (text.length > 0) {
        struct item item;
        if (explanation && text.text[0] == ' ') {
            text = slice_from(text, 1);
            continue;
        }
        *problem_out = item_read(text, &item);
        if (*problem_out != NULL)
            return false;
        /* RFC 7208 7.2: c, r and t only in explanations. */
        if (!explanation && item.letter != 0 && strchr("crt", item.letter) != NULL) {
            *problem_out = "macro letter for explanations only";
            return false;
        }
        text = slice_from(text, item.length);
    }
    return true;
}

bool spf_macro_is_string(struct slice text, const char **problem_out)
{
    return scan(text, false, problem_out);
}

bool spf_macro_is_explanation(struct slice text, const char **problem_out)
{
    return scan(text, true, problem_out);
}

/* toplabel = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum ) */
static bool is_toplabel(struct slice label)
{
    bool letter = false, dash = false;
    for (size_t i = 0; i < label.length; i++) {
        char c = label.text[i];
        if (c == '-')
            dash = true;
        else if (ascii_is_letter(c))
            letter = true;
        else if (!ascii_is_digit(c))
            return false;
    }
    return label.length > 0 && (letter || dash) && label.text[0] != '-' && label.text[label.length - 1] != '-';
}

/* domain-spec = macro-string domain-end; domain-end = ( "." toplabel [ "." ] ) / macro-expand */
bool spf_macro_is_domain_spec(struct slice text, const char **problem_out)
{
    size_t literal = 0;            /* where the run of literal characters at the end begins */
    struct item item;

    if (!scan(text, false, problem_out))
        return false;
    for (size_t at = 0; at < text.length; at += item.length) {
        item_read(slice_from(text, at), &item);
        if (item.is_macro)
            literal = at + item.length;
    }
    *problem_out = "not a domain";
    if (text.length > 0 && literal == text.length)
        return true;
    struct slice end = slice_from(text, literal);
    if (end.length > 0 && end.text[end.length - 1] == '.')
        end.length--;
    size_t dot = end.length;
    while (dot > 0 && end.text[dot - 1] != '.')
        dot--;
    return dot > 0 && is_toplabel(slice_from(end, dot));
}

static bool uses(struct slice text, const char *letters)
{
    for (size_t at = 0; at + 2 < text.length; at++) {
        if (text.text[at] != '%')
            continue;
        char letter = text.text[at + 1] == '{' ? ascii_lower(text.text[at + 2]) : 0;
        if (letter != 0 && strchr(letters, letter) != NULL)
            return true;
        at++;                      /* "%%{" is a percent sign and a brace */
    }
    return false;
}

bool spf_macro_uses_name(struct slice text)
{
    return uses(text, "p");
}

bool spf_macro_uses_local_part(struct slice text)
{
    return uses(text, "ls");
}

/* RFC 7208 7.3: an IPv6 address as nibbles with dots between. */
static struct slice dotted_address(const struct address *address, struct arena *arena)
{
    char buffer[ADDRESS_TEXT], nibbles[64];
    if (address->family == 4)
        return arena_copy(arena, address_print(address, buffer));
    for (size_t i = 0; i < 32; i++) {
        unsigned nibble = (unsigned)(address->bytes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15u;
        nibbles[2 * i] = "0123456789abcdef"[nibble];
        nibbles[2 * i + 1] = '.';
    }
    return arena_copy(arena, slice_of(nibbles, sizeof(nibbles) - 1));
}

static struct slice letter_value(char letter, const struct spf_macro_values *values, struct arena *arena)
{
    char buffer[ADDRESS_TEXT];
    switch (letter) {
    case 's': return values->sender;
    case 'l': return values->local_part;
    case 'o': return values->sender_domain;
    case 'd': return values->domain;
    case 'i': return dotted_address(&values->client, arena);
    case 'p': return values->name;
    case 'h': return values->helo;
    case 'c': return arena_copy(arena, address_print(&values->client, buffer));
    case 'r': return slice_is_empty(values->receiver) ? SLICE("unknown") : values->receiver;
    case 't': return arena_printf(arena, "%lld", (long long)values->time);
    case 'v': return values->client.family == 4 ? SLICE("in-addr") : SLICE("ip6");
    case '-': return SLICE("%20");
    }
    return SLICE_NONE;
}

struct output {
    char *text;
    size_t length;
    size_t most;
    bool slide;                    /* only the end counts: when full, the first half goes */
    bool overflow;
};

static void put(struct output *output, char c)
{
    if (output->length == output->most && output->slide) {
        size_t kept = output->most / 2;
        memmove(output->text, output->text + output->length - kept, kept);
        output->length = kept;
    }
    if (output->length < output->most)
        output->text[output->length++] = c;
    else
        output->overflow = true;
}

/* RFC 7208 7.3: upper case letters escape what is not unreserved in RFC 3986. */
static void put_value(struct output *output, struct slice text, bool escape)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.text[i];
        if (!escape || ascii_is_letter(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            put(output, c);
            continue;
        }
        put(output, '%');
        put(output, "0123456789ABCDEF"[(unsigned char)c >> 4]);
        put(output, "0123456789ABCDEF"[(unsigned char)c & 15]);
    }
}

static bool is_delimiter(char c, struct slice delimiters)
{
    return delimiters.length == 0 ? c == '.' : slice_find(delimiters, c) < delimiters.length;
}

/* Splits, reverses, keeps the right-hand parts and joins with dots. */
static struct slice transform(struct slice value, const struct item *item, struct arena *arena)
{
    size_t count = 1, part = 0, start = 0, length = 0;
    for (size_t i = 0; i < value.length; i++)
        count += is_delimiter(value.text[i], item->delimiters);
    struct slice *parts = arena_array(arena, count, sizeof(*parts));
    for (size_t i = 0; i <= value.length; i++)
        if (i == value.length || is_delimiter(value.text[i], item->delimiters)) {
            parts[item->reverse ? count - 1 - part : part] = slice_of(value.text + start, i - start);
            part++;
            start = i + 1;
        }
    char *text = arena_alloc(arena, value.length + 1);
    size_t first = item->keep > 0 && item->keep < count ? count - item->keep : 0;
    for (part = first; part < count; part++) {
        if (part > first)
            text[length++] = '.';
        if (parts[part].length > 0)
            memcpy(text + length, parts[part].text, parts[part].length);
        length += parts[part].length;
    }
    return slice_of(text, length);
}

static void expand(struct slice text, const struct spf_macro_values *values, struct arena *arena, struct output *output)
{
    while (text.length > 0 && !output->overflow) {
        struct item item;
        item_read(text, &item);
        if (item.letter == 0) {
            put(output, item.literal);
        } else {
            struct slice value = letter_value(item.letter, values, arena);
            if (item.keep > 0 || item.reverse || item.delimiters.length > 0)
                value = transform(value, &item, arena);
            put_value(output, value, item.escape);
        }
        text = slice_from(text, item.length);
    }
}

bool spf_macro_expand(struct slice text, const struct spf_macro_values *values, size_t most, struct arena *arena,
                      struct slice *expanded_out)
{
    char buffer[SPF_MACRO_MOST];
    struct output output = { .text = buffer, .most = most < sizeof(buffer) ? most : sizeof(buffer) };

    expand(text, values, arena, &output);
    *expanded_out = arena_copy(arena, slice_of(output.text, output.length));
    return !output.overflow;
}

static struct slice last_items(struct slice text, size_t most)
{
    struct item item;
    size_t count = 0;
    for (size_t at = 0; at < text.length; at += item.length, count++)
        item_read(slice_from(text, at), &item);
    for (; count > most; count--) {
        item_read(text, &item);
        text = slice_from(text, item.length);
    }
    return text;
}

/*
 * RFC 7208 7.3: over 253 characters, labels go from the left. No more items are expanded than the name has room for
 * characters, unless some turn out to be empty. The half that is kept of a full buffer is longer than a name.
 */
struct slice spf_macro_expand_name(struct slice text, const struct spf_macro_values *values, struct arena *arena)
{
    char buffer[4 * NAME_MOST];
    struct output output;
    size_t items = NAME_MOST + 2;
    struct slice end;

    do {
        output = (struct output){ .text = buffer, .most = sizeof(buffer), .slide = true };
        end = last_items(text, items);
        expand(end, values, arena, &output);
        items *= 2;
    } while (output.length <= NAME_MOST + 1 && end.length < text.length);
    struct slice name = slice_of(output.text, output.length);
    if (name.length > 0 && name.text[name.length - 1] == '.')
        name.length--;
    while (name.length > NAME_MOST && slice_find(name, '.') < name.length)
        name = slice_from(name, slice_find(name, '.') + 1);
    return arena_copy(arena, name);
}
