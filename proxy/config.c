/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c: walks over mxward.conf: a name, its value, a block of more of these. What a name means is a row in
 * config_settings.c, how its value is read is in config_values.c. After an error reading goes on with the next
 * setting, so that one load tells all.
 */
#include "proxy/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/config_settings.h"
#include "proxy/control.h"

/* START carries a descriptor for each listener beside the status table and the binary. */
#define LISTENERS_MOST (CONTROL_DESCRIPTORS_MOST - 2)
/* Bytes of a configuration file. */
#define CONFIG_MOST ((size_t)1 << 20)

static void read_block(struct config_reading *reading, enum config_block block, void *target, struct span opened);

static const struct setting *find_setting(enum config_block block, struct slice name)
{
    for (size_t i = 0; i < config_settings_count; i++)
        if (config_settings[i].block == block && slice_equal(name, slice_of_string(config_settings[i].name)))
            return &config_settings[i];
    return NULL;
}

/* For did_you_mean(): the names of one block. */
static const char *next_name(void *context, size_t index)
{
    const enum config_block *block = context;

    for (size_t i = 0; i < config_settings_count; i++)
        if (config_settings[i].block == *block && index-- == 0)
            return config_settings[i].name;
    return NULL;
}

/* The same name in another block: then that is what was meant. */
static const struct setting *find_elsewhere(struct slice name)
{
    for (size_t i = 0; i < config_settings_count; i++)
        if (slice_equal(name, slice_of_string(config_settings[i].name)))
            return &config_settings[i];
    return NULL;
}

static void report_elsewhere(struct config_reading *reading, const struct token *name, enum config_block block)
{
    if (block == BLOCK_TOP)
        diag_error(reading->diagnostics, name->span,
                   "\"%.*s\" belongs at the top of the file, in no block: is a \"}\" missing before it?",
                   SLICE_ARG(name->text));
    else
        diag_error(reading->diagnostics, name->span, "\"%.*s\" belongs into the block \"%s\"", SLICE_ARG(name->text),
                   config_block_name(block));
}

static void report_unknown(struct config_reading *reading, enum config_block block, const struct token *name)
{
    const char *near = did_you_mean(name->text, next_name, &block);
    const struct setting *elsewhere = find_elsewhere(name->text);

    if (elsewhere != NULL) {
        report_elsewhere(reading, name, elsewhere->block);
    } else if (near != NULL) {
        diag_error(reading->diagnostics, name->span, "unknown setting \"%.*s\"; did you mean \"%s\"?",
                   SLICE_ARG(name->text), near);
    } else {
        diag_error(reading->diagnostics, name->span, "unknown setting \"%.*s\"", SLICE_ARG(name->text));
    }
}

/* After an error: to what may be the next setting of this block. */
static void skip_to_next(struct config_reading *reading, enum config_block block)
{
    struct token_cursor *cursor = reading->cursor;

    while (!token_is(cursor, TOKEN_END) && !token_is(cursor, TOKEN_CLOSE_BRACE) && !cursor->token.starts_line &&
           !(token_is(cursor, TOKEN_WORD) && find_setting(block, cursor->token.text) != NULL))
        token_skip(cursor, 0);
}

static void apply_presets(struct config_reading *reading, enum config_block block, void *target)
{
    struct token_cursor *outer = reading->cursor;

    reading->presets = true;
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct setting *setting = &config_settings[i];
        struct source source = { .name = setting->name };
        struct token_cursor cursor;

        if (setting->block != block || setting->preset == NULL)
            continue;
        source.text = slice_of_string(setting->preset);
        token_start(&cursor, &source, reading->arena, reading->diagnostics);
        reading->cursor = &cursor;
        if (!config_take_value(reading, setting, target))
            bug("config: a default that cannot be read");
    }
    reading->presets = false;
    reading->cursor = outer;
}

/* A block that repeats begins with nothing set. */
static void forget_block(struct config_reading *reading, enum config_block block)
{
    for (size_t i = 0; i < config_settings_count; i++)
        if (config_settings[i].block == block)
            reading->seen[i] = (struct span){ NULL, 0, 0 };
}

static bool is_open(const struct config_reading *reading)
{
    return token_is(reading->cursor, TOKEN_OPEN_BRACE);
}

static void read_optional_block(struct config_reading *reading, enum config_block block, void *target)
{
    struct token opened = reading->cursor->token;

    if (token_take_kind(reading->cursor, TOKEN_OPEN_BRACE))
        read_block(reading, block, target, opened.span);
}

static void read_listener(struct config_reading *reading, struct span name)
{
    struct config *config = reading->config;
    struct config_listener beyond = { 0 };
    struct config_listener *listener = &beyond;
    struct token token;

    if (!token_expect(reading->cursor, TOKEN_STRING, "an address and port as \"0.0.0.0:25\" or \"[::]:25\"", &token)) {
        skip_to_next(reading, BLOCK_TOP);
        return;
    }
    if (config->listeners_count < LISTENERS_MOST) {
        reading->listener_spans[config->listeners_count] = token.span;
        listener = &config->listeners[config->listeners_count++];
    } else {
        diag_error(reading->diagnostics, name, "more than %d listeners", LISTENERS_MOST);
    }
    listener->text = token.text;
    if (!config_parse_endpoint(token.text, true, &listener->address, &listener->port))
        diag_error(reading->diagnostics, token.span,
                   "expected an address and port as \"0.0.0.0:25\" or \"[::]:25\", found \"%.*s\"",
                   SLICE_ARG(token.text));
    forget_block(reading, BLOCK_LISTEN);
    apply_presets(reading, BLOCK_LISTEN, listener);
    read_optional_block(reading, BLOCK_LISTEN, listener);
}

static bool is_backend_address(struct slice text)
{
    struct address address;
    uint16_t port;

    if (slice_starts_with(text, SLICE("unix:")))
        return text.length > 6 && text.text[5] == '/' && text.length < 5 + 108;    /* sun_path, unix(7) */
    return config_parse_endpoint(text, true, &address, &port) && port != 0;
}

static void read_backend(struct config_reading *reading, struct span name)
{
    struct config *config = reading->config;
    struct backend_settings beyond;
    struct backend_settings *backend = &beyond;
    struct token token;

    if (!token_expect(reading->cursor, TOKEN_STRING, "an address and port as \"127.0.0.1:10025\"", &token)) {
        skip_to_next(reading, BLOCK_TOP);
        return;
    }
    if (!is_backend_address(token.text))
        diag_error(reading->diagnostics, token.span,
                   "expected \"ADDRESS:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\", found \"%.*s\"",
                   SLICE_ARG(token.text));
    if (config->backends_count < BACKENDS_MOST) {
        reading->backend_spans[config->backends_count] = token.span;
        backend = &config->backends[config->backends_count++];
    } else {
        diag_error(reading->diagnostics, name, "more than %d backends", BACKENDS_MOST);
    }
    *backend = (struct backend_settings){ .address = arena_string(reading->arena, token.text) };
    forget_block(reading, BLOCK_BACKEND);
    apply_presets(reading, BLOCK_BACKEND, backend);
    read_optional_block(reading, BLOCK_BACKEND, backend);
    config_settle_backend(reading, backend, token.span);
}

static void read_tls(struct config_reading *reading, struct span name, struct span opened)
{
    struct config *config = reading->config;
    struct tls_certificate *certificate = arena_alloc(reading->arena, sizeof(*certificate));

    forget_block(reading, BLOCK_TLS);
    read_block(reading, BLOCK_TLS, certificate, opened);
    if (certificate->certificate_path == NULL)
        diag_error(reading->diagnostics, name, "this block has no \"certificate\"");
    if (certificate->key_path == NULL)
        certificate->key_path = certificate->certificate_path;
    if (config->certificates_count < TLS_CERTIFICATES_MOST)
        config->certificates[config->certificates_count++] = *certificate;
    else
        diag_error(reading->diagnostics, name, "more than %d certificates", TLS_CERTIFICATES_MOST);
}

static void read_named_block(struct config_reading *reading, const struct setting *setting, struct span name)
{
    struct token opened;

    if (!token_expect(reading->cursor, TOKEN_OPEN_BRACE, NULL, &opened)) {
        skip_to_next(reading, BLOCK_TOP);
        return;
    }
    if (setting->opens == BLOCK_TLS)
        read_tls(reading, name, opened.span);
    else
        read_block(reading, setting->opens, reading->config, opened.span);
}

static void note_seen(struct config_reading *reading, const struct setting *setting, struct span name)
{
    struct span *seen = &reading->seen[setting - config_settings];
    size_t line, column;

    if (seen->source != NULL && !setting->repeats) {
        span_position(*seen, &line, &column);
        diag_error(reading->diagnostics, name, "\"%s\" was set already, on line %zu", setting->name, line);
    }
    *seen = name;
}

static void read_setting(struct config_reading *reading, enum config_block block, void *target)
{
    struct token name = token_take(reading->cursor);
    const struct setting *setting = find_setting(block, name.text);

    if (setting == NULL) {
        report_unknown(reading, block, &name);
        if (!is_open(reading))
            skip_to_next(reading, block);
        if (is_open(reading))
            token_skip(reading->cursor, 0);
        return;
    }
    reading->name = name.span;
    note_seen(reading, setting, name.span);
    switch (setting->type) {
    case SETTING_LISTEN:
        read_listener(reading, name.span);
        break;
    case SETTING_BACKEND:
        read_backend(reading, name.span);
        break;
    case SETTING_BLOCK:
        read_named_block(reading, setting, name.span);
        break;
    case SETTING_NAME:
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_PATH_OR_NONE:
    case SETTING_PATHS:
    case SETTING_YES:
    case SETTING_WORD:
    case SETTING_EITHER:
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_DURATION:
    case SETTING_SECONDS:
    case SETTING_ZONES:
    case SETTING_NETWORKS:
    case SETTING_MODE:
    case SETTING_RECORD_FILE:
    case SETTING_RECORD_SYSLOG:
    case SETTING_RECORD_NONE:
        if (!config_take_value(reading, setting, target))
            skip_to_next(reading, block);
        break;
    }
}

/* Settings up to the "}" of the block, or for BLOCK_TOP to the end of the file. */
static void read_block(struct config_reading *reading, enum config_block block, void *target, struct span opened)
{
    struct token_cursor *cursor = reading->cursor;

    for (;;) {
        if (token_is(cursor, TOKEN_END)) {
            if (block != BLOCK_TOP)
                diag_error(reading->diagnostics, opened, "the block \"%s\" is not closed: \"}\" is missing",
                           config_block_name(block));
            return;
        }
        if (block != BLOCK_TOP && token_take_kind(cursor, TOKEN_CLOSE_BRACE))
            return;
        if (token_is(cursor, TOKEN_WORD)) {
            read_setting(reading, block, target);
        } else {
            token_unexpected(cursor, "the name of a setting");
            token_skip(cursor, 0);
            skip_to_next(reading, block);
        }
    }
}

/* What relative paths start from: the folder of the file, absolute, with "/" at its end. */
static const char *folder_of(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');
    struct slice folder = slash == NULL ? SLICE("") : slice_of(path, (size_t)(slash - path) + 1);
    char here[PATH_MAX];

    if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
        return arena_string(arena, folder);
    return arena_printf(arena, "%s/%.*s", here, SLICE_ARG(folder)).text;
}

struct config *config_parse(const char *path, struct slice text, struct arena *arena, struct diagnostics *diagnostics)
{
    struct config *config = arena_alloc(arena, sizeof(*config));
    struct source *source = arena_alloc(arena, sizeof(*source));
    struct config_reading *reading = arena_alloc(arena, sizeof(*reading));
    size_t errors = diagnostics->errors;
    struct token_cursor cursor;

    config->path = arena_string(arena, slice_of_string(path));
    config->text = arena_copy(arena, text);
    config->listeners = arena_array(arena, LISTENERS_MOST, sizeof(*config->listeners));
    config->backends = arena_array(arena, BACKENDS_MOST, sizeof(*config->backends));
    config->certificates = arena_array(arena, TLS_CERTIFICATES_MOST, sizeof(*config->certificates));
    *source = (struct source){ .name = config->path, .text = config->text };
    *reading = (struct config_reading){
        .config = config, .arena = arena, .diagnostics = diagnostics, .folder = folder_of(path, arena),
        .listener_spans = arena_array(arena, LISTENERS_MOST, sizeof(*reading->listener_spans)),
        .backend_spans = arena_array(arena, BACKENDS_MOST, sizeof(*reading->backend_spans)),
    };
    for (int block = BLOCK_TOP; block < CONFIG_BLOCKS; block++)
        if (block != BLOCK_LISTEN && block != BLOCK_BACKEND && block != BLOCK_TLS)
            apply_presets(reading, (enum config_block)block, config);
    reading->cursor = &cursor;
    token_start(&cursor, source, arena, diagnostics);
    read_block(reading, BLOCK_TOP, config, (struct span){ source, 0, 0 });
    config_check_consistent(reading);
    return diagnostics->errors == errors ? config : NULL;
}

static bool read_descriptor(int descriptor, size_t most, struct arena *arena, struct slice *text_out,
                            struct slice *problem_out)
{
    struct stat file;
    size_t length = 0;
    char *text;

    if (fstat(descriptor, &file) != 0 || !S_ISREG(file.st_mode)) {
        *problem_out = SLICE("not a regular file");
        return false;
    }
    if ((uint64_t)file.st_size > most) {
        *problem_out = arena_printf(arena, "larger than %zu bytes", most);
        return false;
    }
    text = arena_alloc(arena, (size_t)file.st_size + 1);
    while (length < (size_t)file.st_size) {
        ssize_t got = read(descriptor, text + length, (size_t)file.st_size - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            *problem_out = slice_of_string(strerror(errno));
            return false;
        }
        if (got == 0)
            break;
        length += (size_t)got;
    }
    *text_out = slice_of(text, length);
    return true;
}

bool file_read(const char *path, size_t most, struct arena *arena, struct slice *text_out, struct slice *problem_out)
{
    /* O_NONBLOCK: a FIFO must not hold up whoever reads. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool well;

    if (descriptor < 0) {
        *problem_out = arena_copy(arena, slice_of_string(strerror(errno)));
        return false;
    }
    well = read_descriptor(descriptor, most, arena, text_out, problem_out);
    close(descriptor);
    return well;
}

bool config_networks_have(const struct config_networks *networks, const struct address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_has(&networks->networks[i], address))
            return true;
    return false;
}

struct limits_settings limits_settings_of(const struct config_limits *limits)
{
    return (struct limits_settings){ limits->sessions, limits->sessions_per_network, limits->session_rate };
}

struct config *config_load(const char *path, struct arena *arena, struct diagnostics *diagnostics)
{
    struct slice text, problem;

    if (!file_read(path, CONFIG_MOST, arena, &text, &problem)) {
        diag_error(diagnostics, (struct span){ NULL, 0, 0 }, "cannot read %s: %.*s (-c names another)", path,
                   SLICE_ARG(problem));
        return NULL;
    }
    return config_parse(path, text, arena, diagnostics);
}

bool config_read_rules_file(void *context, const char *path, struct arena *arena, struct slice *text_out,
                            struct slice *problem_out)
{
    (void)context;
    return file_read(path, TOKEN_FILE_MOST, arena, text_out, problem_out);
}
