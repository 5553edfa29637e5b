/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter.c: a walk along the path, with every element of arrays on the way. Patterns are those of rules: one that
 * gives up on a text does not match it.
 */
#include "cli/filter.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "cli/records.h"
#include "rules/diag.h"
#include "rules/pattern.h"

enum filter_operator { FILTER_IS, FILTER_IS_NOT, FILTER_MATCHES };

struct filter {
    const char *path;
    bool word;                         /* not what is there, but what it comes to: records_word() */
    enum filter_operator operator;
    struct slice value;
    struct pattern *pattern;           /* FILTER_MATCHES */
    struct filter *next;
};

static const struct {
    const char *name;
    const char *path;
} aliases[] = {
    { "action", "outcome" },           /* the word printed for it: records_word() */
    { "rule", "verdict.rule" },
    { "met", "rules.met.name" },
    { "ip", "client.ip" },
    { "helo", "client.helo" },
    { "user", "client.auth.user" },
    { "sender", "envelope.sender.address" },
    { "recipient", "recipients.address" },
    { "from", "message.from" },
    { "author-domain", "message.author-domains" },
    { "message-id", "message.message-id" },
    { "spf", "results.spf.result" },
    { "dkim", "results.dkim.result" },
    { "dmarc", "results.dmarc.result" },
    { "arc", "results.arc.result" },
    { "code", "outcome.code" },
    { "delivered", "outcome.delivered" },
};
#define ALIASES (sizeof(aliases) / sizeof(aliases[0]))

/* Members of a record, as record.schema.json has them: another name is a slip that would match nothing. */
static const char *const members[] = {
    "record", "kind", "id", "time", "listener", "submission", "client", "local", "envelope", "outcome", "stage",
    "asked", "verdict", "score", "reply", "rules", "effects", "results", "recipients", "recipients-left-out", "message",
    "answers", "settings", "timings", "program", "versions", "replayable",
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

static const char *next_name(void *context, size_t index)
{
    (void)context;
    if (index < ALIASES)
        return aliases[index].name;
    return index < ALIASES + MEMBERS ? members[index - ALIASES] : NULL;
}

static bool is_member(struct slice path)
{
    struct slice first = slice_first(path, slice_find(path, '.'));

    for (size_t i = 0; i < MEMBERS; i++)
        if (slice_equal(first, slice_of_string(members[i])))
            return true;
    return false;
}

const char *filter_alias(size_t index, const char **path_out)
{
    if (index >= ALIASES)
        return NULL;
    *path_out = aliases[index].path;
    return aliases[index].name;
}

bool filter_is_one(const char *argument)
{
    size_t name = strcspn(argument, "=~!/");

    return name > 0 &&
           (argument[name] == '=' || argument[name] == '~' || (argument[name] == '!' && argument[name + 1] == '='));
}

static const char *full_path(struct slice name, struct arena *arena)
{
    for (size_t i = 0; i < ALIASES; i++)
        if (slice_equal(name, slice_of_string(aliases[i].name)))
            return aliases[i].path;
    return arena_string(arena, name);
}

static bool compile(struct filter *filter, struct arena *arena, struct slice *problem_out)
{
    struct slice problem;
    size_t at;

    filter->pattern = pattern_compile(filter->value, true, arena, &problem, &at);
    if (filter->pattern == NULL)
        *problem_out = arena_printf(arena, "the pattern \"%.*s\", byte %zu: %.*s", SLICE_ARG(filter->value), at,
                                    SLICE_ARG(problem));
    return filter->pattern != NULL;
}

struct filter *filter_new(const char *text, struct filter *next, struct arena *arena, struct slice *problem_out)
{
    struct filter *filter = arena_alloc(arena, sizeof(*filter));
    struct slice whole = slice_of_string(text);
    size_t name = strcspn(text, "=~!");
    char sign = text[name];

    filter->path = full_path(slice_first(whole, name), arena);
    filter->word = slice_equal(slice_first(whole, name), SLICE("action"));
    filter->operator = sign == '~' ? FILTER_MATCHES : sign == '!' ? FILTER_IS_NOT : FILTER_IS;
    filter->value = slice_from(whole, name + (sign == '!' ? 2 : 1));
    filter->next = next;
    if (!is_member(slice_of_string(filter->path))) {
        const char *near = did_you_mean(slice_first(whole, name), next_name, NULL);

        *problem_out = arena_printf(arena, "records have no \"%.*s\"%s%s%s", (int)name, text,
                                    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                                    near != NULL ? "\"?" : "");
        return NULL;
    }
    if (filter->operator == FILTER_MATCHES && !compile(filter, arena, problem_out))
        return NULL;
    return filter;
}

static bool text_matches(const struct filter *filter, struct slice text)
{
    if (filter->operator == FILTER_MATCHES)
        return pattern_match(filter->pattern, text) == PATTERN_YES;
    return slice_equal(filter->value, text);
}

static bool scalar_matches(const struct filter *filter, const json_t *value)
{
    char number[32];

    if (json_is_string(value))
        return text_matches(filter, slice_of(json_string_value(value), json_string_length(value)));
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        return text_matches(filter, slice_of_string(number));
    }
    if (json_is_boolean(value))
        return text_matches(filter, json_is_true(value) ? SLICE("true") : SLICE("false"));
    return false;
}

/* What is left of the path when it begins with this key; NULL: it does not. Keys may have dots ("dmarc.result"). */
static const char *rest_of_path(const char *path, const char *key)
{
    size_t length = strlen(key);

    if (strncmp(path, key, length) != 0)
        return NULL;
    if (path[length] == '.')
        return path + length + 1;
    return path[length] == '\0' ? path + length : NULL;
}

/* Whether any value at the path matches. Depth is bounded by jansson's own limit on nesting. */
static bool any_matches(const struct filter *filter, const json_t *value, const char *path)
{
    json_t *member;
    size_t index;
    const char *key, *rest;

    if (json_is_array(value)) {
        json_array_foreach(value, index, member)
            if (any_matches(filter, member, path))
                return true;
        return false;
    }
    if (path[0] == '\0')
        return scalar_matches(filter, value);
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
        if ((rest = rest_of_path(path, key)) != NULL && any_matches(filter, member, rest))
            return true;
    return false;
}

bool filter_matches(const struct filter *filters, const json_t *record)
{
    for (const struct filter *filter = filters; filter != NULL; filter = filter->next) {
        bool matches = filter->word ? text_matches(filter, slice_of_string(records_word(record)))
                                    : any_matches(filter, record, filter->path);

        if (matches == (filter->operator == FILTER_IS_NOT))
            return false;
    }
    return true;
}
