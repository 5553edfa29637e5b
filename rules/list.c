/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.c: searching the tables of lists. A table of networks is an array of struct network, none within another. A
 * table of texts is a count, count + 1 offsets and the bytes they cut into entries: domains sorted, patterns as
 * written. Tables come from an image and are checked whole before use; after that nothing fails.
 */
#include "rules/list.h"

#include "rules/list_table.h"
#include "rules/pattern.h"

struct list {
    enum list_kind kind;
    struct slice table;
    size_t count;
    struct pattern **patterns;
    bool jit;
};

static uint32_t number_at(struct slice table, size_t index)
{
    uint32_t number;

    memcpy(&number, table.text + index * sizeof(number), sizeof(number));
    return number;
}

/* The numbers are the count, then the offsets, into what follows them. */
static struct slice text_at(const struct list *list, size_t index)
{
    size_t bytes = (list->count + 2) * sizeof(uint32_t);
    uint32_t start = number_at(list->table, index + 1), end = number_at(list->table, index + 2);

    return slice_of(list->table.text + bytes + start, end - start);
}

static struct network network_at(const struct list *list, size_t index)
{
    struct network network;

    memcpy(&network, list->table.text + index * sizeof(network), sizeof(network));
    return network;
}

static struct pattern *pattern_at(const struct list *list, size_t index, struct arena *arena, bool jit,
                                  struct slice *problem_out)
{
    size_t at;

    return pattern_compile(text_at(list, index), jit, arena, problem_out, &at);
}

int network_compare(const struct network *a, const struct network *b)
{
    int order = (a->address.family > b->address.family) - (a->address.family < b->address.family);

    if (order == 0)
        order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
    return order != 0 ? order : (a->prefix > b->prefix) - (a->prefix < b->prefix);
}

static bool network_is_sound(const struct network *network)
{
    uint8_t most = network->address.family == 4 ? 32 : 128;

    return (network->address.family == 4 || network->address.family == 6) && network->prefix <= most &&
           network_has(network, &network->address);
}

static const char *check_networks(struct list *list)
{
    struct network last = { .prefix = 0 };

    if (list->table.length % sizeof(struct network) != 0)
        return "a table of networks has an odd length";
    list->count = list->table.length / sizeof(struct network);
    for (size_t i = 0; i < list->count; i++) {
        struct network network = network_at(list, i);

        if (!network_is_sound(&network) || (i > 0 && network_compare(&last, &network) >= 0))
            return "a table of networks is damaged";
        last = network;
    }
    return NULL;
}

static const char *check_texts(struct list *list)
{
    size_t numbers = list->table.length / sizeof(uint32_t), bytes;
    uint32_t last = 0;

    if (numbers < 2)
        return "a table of texts is too short";
    list->count = number_at(list->table, 0);
    if (list->count > LIST_ENTRIES_MOST || list->count + 2 > numbers || number_at(list->table, 1) != 0)
        return "a table of texts is damaged";
    bytes = list->table.length - (list->count + 2) * sizeof(uint32_t);
    for (size_t i = 1; i <= list->count; i++) {
        uint32_t end = number_at(list->table, i + 1);

        if (end < last || end > bytes || end - last > LIST_ENTRY_MOST)
            return "an offset in a table of texts is wrong";
        last = end;
        if (list->kind == LIST_DOMAIN && i > 1 && slice_compare(text_at(list, i - 2), text_at(list, i - 1)) >= 0)
            return "a table of domains is not sorted";
    }
    return last == bytes ? NULL : "a table of texts has bytes that belong to no entry";
}

static bool compile_patterns(struct list *list, bool jit, struct arena *arena, struct slice *problem_out)
{
    list->patterns = arena_array(arena, list->count, sizeof(*list->patterns));
    list->jit = jit && list->count > 0;
    for (size_t i = 0; i < list->count; i++) {
        list->patterns[i] = pattern_at(list, i, arena, jit, problem_out);
        if (list->patterns[i] == NULL)
            return false;
        list->jit = list->jit && pattern_has_jit(list->patterns[i]);
    }
    return true;
}

struct list *list_open(enum list_kind kind, struct slice table, bool jit, struct arena *arena,
                       struct slice *problem_out)
{
    struct list *list = arena_alloc(arena, sizeof(*list));
    const char *problem;

    list->kind = kind;
    list->table = table;
    problem = kind == LIST_CIDR ? check_networks(list) : check_texts(list);
    if (problem == NULL && kind == LIST_PATTERN && list->count > LIST_PATTERNS_MOST)
        problem = "a table has too many patterns";
    if (problem != NULL) {
        *problem_out = slice_of_string(problem);
        return NULL;
    }
    if (kind == LIST_PATTERN && !compile_patterns(list, jit, arena, problem_out))
        return NULL;
    return list;
}

bool list_has_address(const struct list *list, const struct address *address)
{
    struct network wanted = { *address, UINT8_MAX };
    size_t low = 0, high = list->count;

    if (list->kind != LIST_CIDR)
        bug("kind of list");
    /* The last network that does not begin after the address; no other can hold it, as none lies within another. */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct network network = network_at(list, middle);

        if (network_compare(&network, &wanted) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0) {
        struct network network = network_at(list, low - 1);

        return network_has(&network, address);
    }
    return false;
}

static bool has_text(const struct list *list, struct slice text)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(text_at(list, middle), text);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool list_has_domain(const struct list *list, struct slice domain)
{
    char lower[DOMAIN_MOST];
    struct slice rest;

    if (list->kind != LIST_DOMAIN)
        bug("kind of list");
    if (domain.length == 0 || domain.length > sizeof(lower))
        return false;
    for (size_t i = 0; i < domain.length; i++)
        lower[i] = ascii_lower(domain.text[i]);
    rest = slice_of(lower, domain.length);
    while (rest.text != NULL) {
        if (has_text(list, rest))
            return true;
        slice_cut(&rest, '.');
    }
    return false;
}

bool list_matches_text(const struct list *list, struct slice text, bool *gave_up_out)
{
    bool gave_up = false;

    if (list->kind != LIST_PATTERN)
        bug("kind of list");
    *gave_up_out = false;
    for (size_t i = 0; i < list->count; i++) {
        enum pattern_result result = pattern_match(list->patterns[i], text);

        if (result == PATTERN_YES)
            return true;
        gave_up = gave_up || result == PATTERN_GAVE_UP;
    }
    *gave_up_out = gave_up;
    return false;
}

struct slice list_table(const struct list *list)
{
    return list->table;
}

size_t list_count(const struct list *list)
{
    return list->count;
}

bool list_uses_jit(const struct list *list)
{
    return list->jit;
}

const char *list_kind_name(enum list_kind kind)
{
    switch (kind) {
    case LIST_CIDR:    return "cidr";
    case LIST_DOMAIN:  return "domain";
    case LIST_PATTERN: return "pattern";
    }
    bug("kind of list");
}

bool list_kind_of(struct slice name, enum list_kind *kind_out)
{
    for (enum list_kind kind = LIST_CIDR; kind <= LIST_PATTERN; kind++) {
        if (slice_equal(name, slice_of_string(list_kind_name(kind)))) {
            *kind_out = kind;
            return true;
        }
    }
    return false;
}
