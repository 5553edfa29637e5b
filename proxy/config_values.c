/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_values.c: reads the value of one setting, by its type. The cursor stands behind the setting's name;
 * what is wrong is reported at the value. Nothing here looks at another setting, but for the choice of where
 * records go.
 */
#include "proxy/config_settings.h"

#include <stdio.h>

/* Entries of one { "..." "..." }; no DNS setup needs more servers (resolv.conf(5) knows three) or zones. */
#define TEXTS_MOST 64

static void *place(void *target, const struct setting *setting)
{
    return (char *)target + setting->offset;
}

static const char *absolute(const struct config_reading *reading, struct slice path)
{
    if (slice_starts_with(path, SLICE("/")))
        return arena_string(reading->arena, path);
    return arena_printf(reading->arena, "%s%.*s", reading->folder, SLICE_ARG(path)).text;
}

/* A string that is not empty; `what` says what it should be. */
static bool take_text(struct config_reading *reading, const char *what, struct token *token_out)
{
    if (!token_expect(reading->cursor, TOKEN_STRING, what, token_out))
        return false;
    if (slice_is_empty(token_out->text)) {
        diag_error(reading->diagnostics, token_out->span, "expected %s, found an empty string", what);
        return false;
    }
    return true;
}

bool config_is_host_name(struct slice text)
{
    size_t label = 0;

    if (text.length == 0 || text.length > 253)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.text[i];
        bool inner = ascii_is_letter(c) || ascii_is_digit(c);

        if (c == '.' ? label == 0 || text.text[i - 1] == '-' : !inner && (c != '-' || label == 0))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0 && text.text[text.length - 1] != '-';
}

static bool take_name(struct config_reading *reading, const struct setting *setting, void *target)
{
    struct token token;

    if (!take_text(reading, "a domain name in quotes, as \"mx.example.org\"", &token))
        return false;
    if (!config_is_host_name(token.text)) {
        diag_error(reading->diagnostics, token.span, "\"%.*s\" is not a host name (letters, digits, hyphens and dots)",
                   SLICE_ARG(token.text));
        return false;
    }
    *(const char **)place(target, setting) = arena_string(reading->arena, token.text);
    return true;
}

static bool take_string(struct config_reading *reading, const struct setting *setting, void *target)
{
    struct token token;

    if (!take_text(reading, "a string", &token))
        return false;
    *(const char **)place(target, setting) = arena_string(reading->arena, token.text);
    return true;
}

static bool take_path(struct config_reading *reading, const struct setting *setting, void *target)
{
    struct token token;

    if (!take_text(reading, "a path in quotes", &token))
        return false;
    *(const char **)place(target, setting) = absolute(reading, token.text);
    return true;
}

static bool take_path_or_none(struct config_reading *reading, const struct setting *setting, void *target)
{
    struct token token;

    if (!token_expect(reading->cursor, TOKEN_STRING, "a path in quotes", &token))
        return false;
    *(const char **)place(target, setting) = slice_is_empty(token.text) ? NULL : absolute(reading, token.text);
    return true;
}

/* One more at the end of a list that ends in NULL. */
static const char *const *with(struct arena *arena, const char *const *list, const char *text)
{
    size_t count = 0;
    const char **longer;

    while (list != NULL && list[count] != NULL)
        count++;
    longer = arena_array(arena, count + 2, sizeof(*longer));
    for (size_t i = 0; i < count; i++)
        longer[i] = list[i];
    longer[count] = text;
    return longer;
}

static bool take_paths(struct config_reading *reading, const struct setting *setting, void *target)
{
    const char *const **list = place(target, setting);
    struct token token;

    if (!take_text(reading, "a path in quotes", &token))
        return false;
    *list = with(reading->arena, *list, absolute(reading, token.text));
    return true;
}

/* The position of the word that stands there in `words`; -1: reported. */
static int take_one_of(struct config_reading *reading, const char *const *words)
{
    struct slice list = SLICE("");
    struct token token;

    for (int i = 0; words[i] != NULL; i++) {
        if (token_take_word(reading->cursor, words[i]))
            return i;
        list = arena_printf(reading->arena, "%.*s%s%s", SLICE_ARG(list),
                            i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
    }
    token = reading->cursor->token;
    token_unexpected(reading->cursor, list.text);
    /* A wrong word is the value; anything else is left for who comes next. */
    if (token.kind == TOKEN_WORD && !token.starts_line)
        token_take(reading->cursor);
    return -1;
}

static bool take_yes(struct config_reading *reading, const struct setting *setting, void *target)
{
    static const char *const words[] = { "no", "yes", NULL };
    int chosen = take_one_of(reading, words);

    if (chosen >= 0)
        *(bool *)place(target, setting) = chosen == 1;
    return chosen >= 0;
}

static bool take_either(struct config_reading *reading, const struct setting *setting, void *target)
{
    int chosen = take_one_of(reading, setting->words);

    if (chosen >= 0)
        *(bool *)place(target, setting) = chosen == 1;
    return chosen >= 0;
}

static bool take_word(struct config_reading *reading, const struct setting *setting, void *target)
{
    int chosen = take_one_of(reading, setting->words);
    unsigned position = (unsigned)chosen;

    /* All enums of ours have int's size; the memcpy() is what aliasing allows. */
    if (chosen >= 0)
        memcpy(place(target, setting), &position, sizeof(position));
    return chosen >= 0;
}

/* A number as it would be written: with the largest unit that leaves it whole. */
static struct slice print_number(struct arena *arena, int64_t number, enum token_unit unit)
{
    static const struct {
        enum token_unit unit;
        int64_t factor;
        const char *name;
    } units[] = {
        { UNIT_BYTES, INT64_C(1) << 30, "G" },
        { UNIT_BYTES, INT64_C(1) << 20, "M" },
        { UNIT_BYTES, INT64_C(1) << 10, "K" },
        { UNIT_TIME, 3600000, "h" },
        { UNIT_TIME, 60000, "m" },
        { UNIT_TIME, 1000, "s" },
        { UNIT_TIME, 1, "ms" },
    };

    for (size_t i = 0; number != 0 && i < sizeof(units) / sizeof(units[0]); i++)
        if (units[i].unit == unit && number % units[i].factor == 0)
            return arena_printf(arena, "%lld%s", (long long)(number / units[i].factor), units[i].name);
    return arena_printf(arena, "%lld", (long long)number);
}

/* A number of the unit: sizes may be plain, durations only when 0. */
static bool take_number(struct config_reading *reading, const struct setting *setting, enum token_unit unit,
                        const char *what, int64_t *number_out)
{
    struct token token = reading->cursor->token;

    if (token.kind == TOKEN_NUMBER && token.unit != unit &&
        (token.unit != UNIT_NONE || (unit == UNIT_TIME && token.number != 0))) {
        diag_error(reading->diagnostics, token.span, "\"%s\" takes %s, not \"%.*s\"", setting->name, what,
                   SLICE_ARG(token.text));
        token_take(reading->cursor);
        return false;
    }
    if (!token_expect(reading->cursor, TOKEN_NUMBER, what, &token))
        return false;
    if (token.number < setting->least || token.number > setting->most) {
        struct slice least = print_number(reading->arena, setting->least, unit);
        struct slice most = print_number(reading->arena, setting->most, unit);

        diag_error(reading->diagnostics, token.span, "\"%s\" must be between %.*s and %.*s", setting->name,
                   SLICE_ARG(least), SLICE_ARG(most));
        return false;
    }
    *number_out = token.number;
    return true;
}

static bool take_whole(struct config_reading *reading, const struct setting *setting, void *target,
                       enum token_unit unit, const char *what)
{
    int64_t number;

    if (!take_number(reading, setting, unit, what, &number))
        return false;
    *(uint64_t *)place(target, setting) = (uint64_t)number;
    return true;
}

static bool take_count(struct config_reading *reading, const struct setting *setting, void *target)
{
    return take_whole(reading, setting, target, UNIT_NONE, "a plain number");
}

static bool take_size(struct config_reading *reading, const struct setting *setting, void *target)
{
    return take_whole(reading, setting, target, UNIT_BYTES, "a size as 256K, 50M or 4G");
}

static const char a_duration[] = "a duration with its unit, as 500ms, 20s, 5m or 1h";

static bool take_duration(struct config_reading *reading, const struct setting *setting, void *target)
{
    return take_whole(reading, setting, target, UNIT_TIME, a_duration);
}

static bool take_seconds(struct config_reading *reading, const struct setting *setting, void *target)
{
    int64_t number;

    if (!take_number(reading, setting, UNIT_TIME, a_duration, &number))
        return false;
    *(unsigned *)place(target, setting) = (unsigned)((number + 999) / 1000);
    return true;
}

/* { "..." "..." }, each of which `is_good`. */
static bool take_texts(struct config_reading *reading, const char *what, bool (*is_good)(struct slice text),
                       const char *const **list_out)
{
    const char *const *list = NULL;
    bool good = true;
    struct token token;

    if (!token_expect(reading->cursor, TOKEN_OPEN_BRACE, NULL, NULL))
        return false;
    for (size_t count = 0; !token_take_kind(reading->cursor, TOKEN_CLOSE_BRACE); count++) {
        if (!token_expect(reading->cursor, TOKEN_STRING, what, &token)) {
            token_skip(reading->cursor, 1);
            return false;
        }
        if (!is_good(token.text) || count >= TEXTS_MOST) {
            diag_error(reading->diagnostics, token.span, count < TEXTS_MOST ? "expected %s" : "too many of %s", what);
            good = false;
        }
        list = with(reading->arena, list, arena_string(reading->arena, token.text));
    }
    *list_out = list;
    return good;
}

static bool is_zone(struct slice text)
{
    return config_is_host_name(text);
}

static bool is_forwarder(struct slice text)
{
    struct address address;
    uint16_t port;

    return config_parse_endpoint(text, false, &address, &port) && port != 0;
}

static bool take_zones(struct config_reading *reading, const struct setting *setting, void *target)
{
    return take_texts(reading, "the name of a zone as \"test\" or \"2.0.192.in-addr.arpa\"", is_zone,
                      (const char *const **)place(target, setting));
}

static bool is_network(struct slice text)
{
    struct network network;

    return network_parse(text, &network);
}

static bool take_networks(struct config_reading *reading, const struct setting *setting, void *target)
{
    struct config_networks *networks = place(target, setting);
    struct token from = reading->cursor->token;
    const char *const *texts = NULL;
    struct network *parsed;
    size_t count = 0;

    if (!token_take_word(reading->cursor, "from")) {
        token_unexpected(reading->cursor, "from { \"192.0.2.0/24\" ... }");
        return false;
    }
    if (!take_texts(reading, "an address or a network as \"192.0.2.0/24\" (no bits set behind its prefix)", is_network,
                    &texts))
        return false;
    while (texts != NULL && texts[count] != NULL)
        count++;
    if (count == 0) {
        diag_error(reading->diagnostics, from.span, "\"from\" needs at least one network");
        return false;
    }
    parsed = arena_array(reading->arena, count, sizeof(*parsed));
    for (size_t i = 0; i < count; i++)
        if (!network_parse(slice_of_string(texts[i]), &parsed[i]))
            bug("take_networks");
    *networks = (struct config_networks){ parsed, count };
    return true;
}

static bool take_mode(struct config_reading *reading, const struct setting *setting, void *target)
{
    static const char *const words[] = {
        [RESOLVER_RECURSE] = "recurse", [RESOLVER_SYSTEM] = "system", [RESOLVER_FORWARD] = "forward",
        [RESOLVER_FIXTURE] = "fixture", NULL,
    };
    struct resolver_settings *settings = place(target, setting);
    struct token mode = reading->cursor->token;
    int chosen = take_one_of(reading, words);
    struct token token;

    if (chosen < 0)
        return false;
    settings->mode = (enum resolver_mode)chosen;
    switch (settings->mode) {
    case RESOLVER_RECURSE:
    case RESOLVER_SYSTEM:
        return true;
    case RESOLVER_FORWARD:
        if (!take_texts(reading, "a server's address as \"192.0.2.53\" or \"[2001:db8::53]:5353\"", is_forwarder,
                        &settings->forwarders))
            return false;
        if (settings->forwarders != NULL)
            return true;
        diag_error(reading->diagnostics, mode.span, "\"forward\" needs at least one server");
        return false;
    case RESOLVER_FIXTURE:
        if (!take_text(reading, "a path in quotes", &token))
            return false;
        settings->fixture_path = absolute(reading, token.text);
        return true;
    }
    bug("resolver mode");
}

/* Where records go can be chosen once. */
static bool choose_record_target(struct config_reading *reading, enum record_target target)
{
    if (!reading->presets && reading->record_target.source != NULL) {
        size_t line, column;

        span_position(reading->record_target, &line, &column);
        diag_error(reading->diagnostics, reading->name, "records go to one place only, and line %zu chose one already",
                   line);
        return false;
    }
    if (!reading->presets)
        reading->record_target = reading->name;
    reading->config->record_target = target;
    return true;
}

static bool take_record_file(struct config_reading *reading, const struct setting *setting, void *target)
{
    return take_path(reading, setting, target) && choose_record_target(reading, RECORD_FILE);
}

bool config_take_value(struct config_reading *reading, const struct setting *setting, void *target)
{
    switch (setting->type) {
    case SETTING_NAME:
        return take_name(reading, setting, target);
    case SETTING_TEXT:
        return take_string(reading, setting, target);
    case SETTING_PATH:
        return take_path(reading, setting, target);
    case SETTING_PATH_OR_NONE:
        return take_path_or_none(reading, setting, target);
    case SETTING_PATHS:
        return take_paths(reading, setting, target);
    case SETTING_YES:
        return take_yes(reading, setting, target);
    case SETTING_WORD:
        return take_word(reading, setting, target);
    case SETTING_EITHER:
        return take_either(reading, setting, target);
    case SETTING_COUNT:
        return take_count(reading, setting, target);
    case SETTING_SIZE:
        return take_size(reading, setting, target);
    case SETTING_DURATION:
        return take_duration(reading, setting, target);
    case SETTING_SECONDS:
        return take_seconds(reading, setting, target);
    case SETTING_ZONES:
        return take_zones(reading, setting, target);
    case SETTING_NETWORKS:
        return take_networks(reading, setting, target);
    case SETTING_MODE:
        return take_mode(reading, setting, target);
    case SETTING_RECORD_FILE:
        return take_record_file(reading, setting, target);
    case SETTING_RECORD_SYSLOG:
        return choose_record_target(reading, RECORD_SYSLOG);
    case SETTING_RECORD_NONE:
        return choose_record_target(reading, RECORD_NONE);
    case SETTING_LISTEN:
    case SETTING_BACKEND:
    case SETTING_BLOCK:
        break;
    }
    bug("config_take_value: a block is no value");
}
