/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_mailbox.c: any bytes as a From value and as a domain. What passes as a mailbox-list is one: written anew it
 * reads the same, comments around it change nothing, and every domain is in its one form. Memory is bounded by the
 * length.
 * Parsers: policy/mailbox.c policy/mailbox_token.c policy/mailbox_domain.c policy/display_name.c
 */
#include "policy/display_name.h"
#include "policy/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The array of mailboxes, and what a parse of an empty value costs. */
#define MEMORY_AT_LEAST (1U << 16)

static bool passes(const struct mailbox_list *list)
{
    return oddity_first_refusing(list->oddities) == ODDITY_FROM_END;
}

static void check_domain(struct slice domain, struct arena *arena)
{
    struct slice again, back;
    if (domain.length > 0 && domain.text[0] == '[')
        return;
    if (domain.length > 253 || !mailbox_domain(domain, arena, &again) || !slice_equal(again, domain))
        bug("a domain that is not in its form");
    struct slice shown = mailbox_domain_unicode(domain, arena);
    if (shown.length > 0 && (!mailbox_domain(shown, arena, &back) || !slice_equal(back, domain)))
        bug("U-labels of another domain");
}

static void check_list(const struct mailbox_list *list, struct arena *arena)
{
    if (!oddity_is_mask(list->oddities))
        bug("an oddity that does not exist");
    if (list->count > MAILBOX_MOST || (list->count == 0 && passes(list)))
        bug("how many mailboxes");
    for (size_t i = 0; i < list->count; i++) {
        if (list->mailboxes[i].domain.length > 0)
            check_domain(list->mailboxes[i].domain, arena);
        else if (passes(list))
            bug("an author without a domain");
    }
}

static void check_same(struct slice value, const struct mailbox_list *list, struct arena *arena)
{
    struct mailbox_list other;
    mailbox_parse(value, arena, &other);
    if (!passes(&other) || other.count != list->count)
        bug("the same list reads differently");
    for (size_t i = 0; i < list->count; i++)
        if (!slice_equal(other.mailboxes[i].domain, list->mailboxes[i].domain)
            || !slice_equal(other.mailboxes[i].local_part, list->mailboxes[i].local_part))
            bug("the same list has other mailboxes");
}

/* Every local part as a quoted string. */
static struct slice written_anew(const struct mailbox_list *list, struct arena *arena)
{
    struct arena_stream stream;
    arena_stream_start(&stream);
    for (size_t i = 0; i < list->count; i++) {
        struct slice local_part = list->mailboxes[i].local_part;
        fputs(i > 0 ? ", \"" : "\"", stream.file);
        for (size_t at = 0; at < local_part.length; at++) {
            if (local_part.text[at] == '"' || local_part.text[at] == '\\')
                fputc('\\', stream.file);
            fputc(local_part.text[at], stream.file);
        }
        fprintf(stream.file, "\"@%.*s", SLICE_ARG(list->mailboxes[i].domain));
    }
    return arena_stream_end(&stream, arena);
}

static struct slice with_comments(struct slice value, struct arena *arena)
{
    struct arena_stream stream;
    arena_stream_start(&stream);
    fputs("\r\n (a (b) \\) c) ", stream.file);
    fwrite(value.text, 1, value.length, stream.file);
    fputs(" (d)\r\n\t", stream.file);
    return arena_stream_end(&stream, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct slice value = slice_of((const char *)data, size), domain;
    struct mailbox_list list;
    size_t before = arena_used(arena);

    mailbox_parse(value, arena, &list);
    if (arena_used(arena) - before > MEMORY_AT_LEAST + 16 * size)
        bug("memory beyond the value's");
    check_list(&list, arena);
    if (passes(&list)) {
        check_same(written_anew(&list, arena), &list, arena);
        check_same(with_comments(value, arena), &list, arena);
    }
    if (mailbox_domain(value, arena, &domain))
        check_domain(domain, arena);
    if (display_name_shown(value, arena).length > value.length)
        bug("more is shown than was written");
    arena_free(&arena);
    return 0;
}
