/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tag_list.c: parses DKIM's tag lists strictly: whatever RFC 6376 3.2 does not allow makes the list unusable, so that
 * no two readers can see different values in it. Bytes above 127 are allowed in values, for internationalized mail
 * (RFC 8616 5).
 */
#include "policy/tag_list.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* FWS = [*WSP CRLF] 1*WSP: every line end is a fold. A bare CR or LF is none. */
static bool folds_are_valid(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] != '\r' && text.text[i] != '\n')
            continue;
        struct slice rest = slice_from(text, i);
        if (!slice_starts_with(rest, SLICE("\r\n ")) && !slice_starts_with(rest, SLICE("\r\n\t")))
            return false;
        i++;                       /* its LF */
    }
    return true;
}

/* tag-name = ALPHA *(ALPHA / DIGIT / "_") */
static bool is_tag_name(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!ascii_is_letter(name.text[i]) && (i == 0 || (!ascii_is_digit(name.text[i]) && name.text[i] != '_')))
            return false;
    return name.length > 0;
}

static bool value_is_valid(struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.text[i];
        if (!is_space((char)c) && (c < 0x21 || c == 0x7f))
            return false;
    }
    return true;
}

static const char *add_tag(struct tag_list *list, struct slice spec)
{
    size_t equals = slice_find(spec, '=');
    struct tag tag = { slice_trim(slice_first(spec, equals)), slice_trim(slice_from(spec, equals + 1)) };

    if (equals == spec.length)
        return "tag without a value";
    if (!is_tag_name(tag.name))
        return "invalid tag name";
    if (!value_is_valid(tag.value))
        return "invalid character in a tag";
    for (size_t i = 0; i < list->count; i++)
        if (slice_equal(list->tags[i].name, tag.name))
            return "a tag occurs twice";
    if (list->count == TAG_LIST_MOST)
        return "too many tags";
    list->tags[list->count++] = tag;
    return NULL;
}

bool tag_list_parse(struct slice text, struct tag_list *list_out, const char **problem_out)
{
    struct slice rest = slice_trim(text);

    list_out->count = 0;
    *problem_out = folds_are_valid(rest) ? NULL : "line end that is no fold";
    if (rest.length > 0 && rest.text[rest.length - 1] == ';')
        rest.length--;
    while (rest.text != NULL && *problem_out == NULL)
        *problem_out = add_tag(list_out, slice_cut(&rest, ';'));
    return *problem_out == NULL;
}

struct slice tag_list_find(const struct tag_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (slice_equal(list->tags[i].name, slice_of_string(name)))
            return list->tags[i].value;
    return SLICE_NONE;
}

struct slice tag_list_squeeze(struct slice value, struct arena *arena)
{
    char *text = arena_alloc(arena, value.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < value.length; i++)
        if (!is_space(value.text[i]))
            text[length++] = value.text[i];
    return slice_of(text, length);
}

bool tag_list_has_word(struct slice value, struct slice word, bool nocase)
{
    struct slice rest = value;
    while (rest.text != NULL) {
        struct slice part = slice_trim(slice_cut(&rest, ':'));
        if (nocase ? slice_equal_nocase(part, word) : slice_equal(part, word))
            return true;
    }
    return false;
}

bool tag_list_is_base64(struct slice value)
{
    size_t characters = 0, padding = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        if (is_space(c))
            continue;
        if (c == '=')
            padding++;
        else if (padding > 0 || !(ascii_is_letter(c) || ascii_is_digit(c) || c == '+' || c == '/'))
            return false;
        else
            characters++;
    }
    return characters > 0 && padding <= 2 && (characters + padding) % 4 == 0;
}
