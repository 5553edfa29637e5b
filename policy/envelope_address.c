/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * envelope_address.c: see envelope_address.h. What needs no quotes, as nearly all do, is handed back as it is; all
 * else is made in the arena. Nothing can fail.
 */
#include "policy/envelope_address.h"

#include "policy/display_name.h"

/* atext of RFC 5322 3.2.3, and what RFC 6531 3.3 adds. */
static bool is_atom(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!ascii_is_letter(text.text[i]) && !ascii_is_digit(text.text[i]) && (unsigned char)text.text[i] < 0x80 &&
            (text.text[i] == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", text.text[i]) == NULL))
            return false;
    return text.length > 0;
}

static bool is_dot_string(struct slice text)
{
    struct slice rest = text;

    while (rest.text != NULL)
        if (!is_atom(slice_cut(&rest, '.')))
            return false;
    return text.length > 0;
}

struct slice envelope_address_local(struct slice local_part, struct arena *arena)
{
    return slice_starts_with(local_part, SLICE("\"")) ? display_name_unquoted(local_part, arena) : local_part;
}

static struct slice quoted(struct slice text, struct arena *arena)
{
    char *copy = arena_alloc(arena, 2 * text.length + 2);
    size_t length = 0;

    copy[length++] = '"';
    for (size_t i = 0; i < text.length; i++) {
        if (text.text[i] == '"' || text.text[i] == '\\')
            copy[length++] = '\\';
        copy[length++] = text.text[i];
    }
    copy[length++] = '"';
    return slice_of(copy, length);
}

static struct slice in_lower_case(struct slice text, struct arena *arena)
{
    char *copy = arena_alloc(arena, text.length + 1);

    for (size_t i = 0; i < text.length; i++)
        copy[i] = ascii_lower(text.text[i]);
    return slice_of(copy, text.length);
}

struct slice envelope_address_text(struct slice local_part, struct slice domain, struct arena *arena)
{
    struct slice local = envelope_address_local(local_part, arena);

    if (local.text != local_part.text && !is_dot_string(local))
        local = quoted(local, arena);
    if (domain.length == 0)
        return local;
    domain = in_lower_case(domain, arena);
    return arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local), SLICE_ARG(domain));
}
