/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields_author.c: readers of what is known of the author and of the header's form (author.h): all of it is evidence,
 * so it is never unknown.
 */
#include "policy/fields_private.h"

READER(field_from_domain)
{
    (void)key;
    const struct evidence *evidence = evidence_of(context);
    struct value_item *items = arena_array(arena, evidence->author_domains_count, sizeof *items);
    for (size_t i = 0; i < evidence->author_domains_count; i++)
        items[i].text = evidence->author_domains[i];
    return value_items(VALUE_DOMAIN, items, evidence->author_domains_count);
}

READER(field_from_count)
{
    UNUSED_KEY;
    return value_number(evidence_of(context)->from_count);
}

READER(field_from_mailboxes)
{
    UNUSED_KEY;
    return value_number(evidence_of(context)->mailbox_count);
}

READER(field_from_malformed)
{
    UNUSED_KEY;
    return value_boolean(evidence_of(context)->malformed.length > 0);
}

READER(field_from_problem)
{
    UNUSED_KEY;
    return text_or_absent(evidence_of(context)->malformed);
}

READER(field_from_text)
{
    UNUSED_KEY;
    return text_or_absent(evidence_of(context)->from_text);
}

/* The words from `first` to before `end` whose bits are set. */
static struct value oddity_values(uint64_t oddities, enum oddity first, enum oddity end, struct arena *arena)
{
    struct value_item *items = arena_array(arena, ODDITY_FROM_END, sizeof *items);
    size_t count = 0;
    for (enum oddity oddity = first; oddity < end; oddity++)
        if (oddities & ODDITY_BIT(oddity))
            items[count++].text = slice_of_string(oddity_words[oddity]);
    return value_items(VALUE_WORD, items, count);
}

READER(field_from_oddities)
{
    (void)key;
    return oddity_values(evidence_of(context)->oddities, ODDITY_FROM_FIRST, ODDITY_FROM_END, arena);
}

READER(field_header_oddities)
{
    (void)key;
    return oddity_values(evidence_of(context)->oddities, ODDITY_HEADER_FIRST, ODDITY_HEADER_END, arena);
}
