/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list_builder.c: entries to a table. Entries are checked as they come, then sorted, and what repeats or lies within
 * another network is dropped. A builder owns its arrays; texts are borrowed from the source or the arena of the load.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rules/list_table.h"
#include "rules/pattern.h"
#include "rules/token.h"

struct list_builder {
    enum list_kind kind;
    size_t count;
    size_t room;
    struct network *networks;
    struct slice *texts;
    size_t text_bytes;
};

struct list_builder *list_builder_new(enum list_kind kind)
{
    struct list_builder *builder = memory_zeroed(1, sizeof(*builder));

    builder->kind = kind;
    return builder;
}

static void make_room(struct list_builder *builder)
{
    if (builder->count < builder->room)
        return;
    builder->room = builder->room == 0 ? 64 : builder->room * 2;
    if (builder->kind == LIST_CIDR)
        builder->networks = memory_grown(builder->networks, builder->room * sizeof(*builder->networks));
    else
        builder->texts = memory_grown(builder->texts, builder->room * sizeof(*builder->texts));
}

bool domain_normalise(struct slice text, struct arena *arena, struct slice *domain_out)
{
    struct slice rest = text;
    char *lower;

    if (text.length == 0 || text.length > DOMAIN_MOST)
        return false;
    while (rest.text != NULL)
        if (!slice_is_label(slice_cut(&rest, '.')))
            return false;
    lower = arena_string(arena, text);
    for (size_t i = 0; i < text.length; i++)
        lower[i] = ascii_lower(lower[i]);
    *domain_out = slice_of(lower, text.length);
    return true;
}

static bool add_network(struct list_builder *builder, struct slice entry, struct arena *arena,
                        struct slice *problem_out)
{
    struct network network;

    if (!network_parse(entry, &network)) {
        *problem_out = arena_printf(arena, "not an address or network: %s", network_problem(entry));
        return false;
    }
    make_room(builder);
    builder->networks[builder->count++] = network;
    return true;
}

static bool add_text(struct list_builder *builder, struct slice text)
{
    make_room(builder);
    builder->texts[builder->count++] = text;
    builder->text_bytes += text.length;
    return true;
}

static bool add_domain(struct list_builder *builder, struct slice entry, struct arena *arena, struct slice *problem_out)
{
    struct slice domain;

    if (domain_normalise(entry, arena, &domain))
        return add_text(builder, domain);
    if (slice_starts_with(entry, SLICE(".")) || slice_starts_with(entry, SLICE("*.")))
        *problem_out = SLICE("write the domain alone: its subdomains are meant too");
    else if (slice_ends_with_nocase(entry, SLICE(".")))
        *problem_out = SLICE("write the domain without the dot at its end");
    else
        *problem_out = SLICE("not a domain name; letters outside ASCII are written as A-labels (xn--...)");
    return false;
}

static bool add_pattern(struct list_builder *builder, struct slice entry, struct arena *arena,
                        struct slice *problem_out)
{
    struct arena *passing;
    struct slice problem = SLICE_NONE;
    size_t at = 0;
    bool good;

    if (builder->count == LIST_PATTERNS_MOST) {
        *problem_out = arena_printf(arena, "more than %d patterns in one list", LIST_PATTERNS_MOST);
        return false;
    }
    passing = arena_new();
    good = pattern_compile(entry, false, passing, &problem, &at) != NULL;
    if (!good)
        *problem_out = arena_printf(arena, "not a pattern: %.*s, at its byte %zu", SLICE_ARG(problem), at + 1);
    arena_free(&passing);
    return good && add_text(builder, entry);
}

bool list_builder_add(struct list_builder *builder, struct slice entry, struct arena *arena, struct slice *problem_out)
{
    size_t wrong = 0;

    if (builder->count == LIST_ENTRIES_MOST) {
        *problem_out = arena_printf(arena, "more than %d entries in one list", LIST_ENTRIES_MOST);
        return false;
    }
    if (entry.length == 0 || entry.length > LIST_ENTRY_MOST) {
        *problem_out = entry.length == 0 ? SLICE("an entry is empty") : SLICE("an entry is too long");
        return false;
    }
    if (!text_is_utf8(entry, &wrong)) {
        *problem_out = arena_printf(arena, "the entry is not UTF-8 at its byte %zu", wrong + 1);
        return false;
    }
    switch (builder->kind) {
    case LIST_CIDR:    return add_network(builder, entry, arena, problem_out);
    case LIST_DOMAIN:  return add_domain(builder, entry, arena, problem_out);
    case LIST_PATTERN: return add_pattern(builder, entry, arena, problem_out);
    }
    bug("kind of list");
}

/* The line without its comment and the blanks around it. */
static struct slice line_entry(enum list_kind kind, struct slice line)
{
    struct slice trimmed = slice_trim(line);

    if (slice_starts_with(trimmed, SLICE("#")))
        return SLICE("");
    if (kind == LIST_PATTERN)
        return trimmed;
    return slice_trim(slice_first(line, slice_find(line, '#')));
}

void list_builder_add_file(struct list_builder *builder, const struct source *source, struct arena *arena,
                           struct diagnostics *diagnostics)
{
    struct slice rest = source->text;

    if (source->text.length > TOKEN_FILE_MOST) {
        diag_error(diagnostics, (struct span){ source, 0, 0 }, "the file is larger than %lu bytes", TOKEN_FILE_MOST);
        return;
    }
    while (rest.text != NULL) {
        struct slice entry = line_entry(builder->kind, slice_cut(&rest, '\n')), problem;

        if (slice_is_empty(entry) || list_builder_add(builder, entry, arena, &problem))
            continue;
        diag_error(diagnostics, (struct span){ source, (size_t)(entry.text - source->text.text), entry.length }, "%.*s",
                   SLICE_ARG(problem));
        if (diagnostics->errors > DIAGNOSTICS_MOST)
            return;
    }
}

static int compare_networks(const void *a, const void *b)
{
    return network_compare(a, b);
}

static int compare_texts(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static struct slice finish_networks(struct list_builder *builder, struct arena *arena)
{
    struct network *table = arena_array(arena, builder->count, sizeof(*table));
    size_t count = 0;

    if (builder->count > 0)
        qsort(builder->networks, builder->count, sizeof(*builder->networks), compare_networks);
    /* What lies within a network sorts right behind it. */
    for (size_t i = 0; i < builder->count; i++)
        if (count == 0 || !network_has(&table[count - 1], &builder->networks[i].address))
            table[count++] = builder->networks[i];
    return slice_of((const char *)table, count * sizeof(*table));
}

static void drop_repeated(struct list_builder *builder)
{
    size_t count = 0;

    if (builder->count > 0)
        qsort(builder->texts, builder->count, sizeof(*builder->texts), compare_texts);
    for (size_t i = 0; i < builder->count; i++) {
        if (count > 0 && slice_equal(builder->texts[count - 1], builder->texts[i]))
            builder->text_bytes -= builder->texts[i].length;
        else
            builder->texts[count++] = builder->texts[i];
    }
    builder->count = count;
}

/* At most LIST_ENTRIES_MOST names, or LIST_PATTERNS_MOST patterns: the bytes fit 32 bits. */
static struct slice finish_texts(struct list_builder *builder, struct arena *arena)
{
    size_t numbers, length;
    char *table;
    uint32_t number, end = 0;

    if (builder->kind == LIST_DOMAIN)
        drop_repeated(builder);
    numbers = (builder->count + 2) * sizeof(number);
    length = numbers + builder->text_bytes;
    table = arena_alloc(arena, length);
    number = (uint32_t)builder->count;
    memcpy(table, &number, sizeof(number));
    for (size_t i = 0; i < builder->count; i++) {
        memcpy(table + numbers + end, builder->texts[i].text, builder->texts[i].length);
        end += (uint32_t)builder->texts[i].length;
        memcpy(table + (i + 2) * sizeof(end), &end, sizeof(end));
    }
    return slice_of(table, length);
}

struct slice list_builder_finish(struct list_builder **builder, struct arena *arena)
{
    struct slice table =
        (*builder)->kind == LIST_CIDR ? finish_networks(*builder, arena) : finish_texts(*builder, arena);

    free((*builder)->networks);
    free((*builder)->texts);
    free(*builder);
    *builder = NULL;
    return table;
}
