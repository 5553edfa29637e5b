/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_settings.h: the table of settings, and what reading one needs. For config*.c, `mxward check
 * --settings` and the tests alone; all others see the struct config that comes of it.
 */
#ifndef MXWARD_PROXY_CONFIG_SETTINGS_H
#define MXWARD_PROXY_CONFIG_SETTINGS_H

#include "proxy/config.h"
#include "rules/token.h"

/* Where a setting stands: at the top, or within a block of that name. */
enum config_block {
    BLOCK_TOP, BLOCK_LISTEN, BLOCK_BACKEND, BLOCK_TLS, BLOCK_RESOLVER, BLOCK_RULES, BLOCK_RECORD, BLOCK_LIMITS,
};
#define CONFIG_BLOCKS 8

/* What a setting's value is, and the C type it is kept as. */
enum setting_type {
    SETTING_NAME,          /* "domain name": const char * */
    SETTING_TEXT,          /* "text": const char * */
    SETTING_PATH,          /* "path", relative to the file's folder: const char * */
    SETTING_PATH_OR_NONE,  /* "" is none, NULL */
    SETTING_PATHS,         /* as SETTING_PATH, may be given several times: const char *const *, NULL at the end */
    SETTING_YES,           /* yes | no: bool */
    SETTING_WORD,          /* one of `words`, its position: an enum */
    SETTING_EITHER,        /* one of two `words`: bool, true for the second */
    SETTING_COUNT,         /* number: uint64_t */
    SETTING_SIZE,          /* 10K 50M 1G: uint64_t */
    SETTING_DURATION,      /* 500ms 20s 5m: uint64_t, milliseconds */
    SETTING_SECONDS,       /* a duration kept as whole seconds: unsigned */
    SETTING_ZONES,         /* { "name" ... }: const char *const *, NULL at the end */
    SETTING_NETWORKS,      /* from { "192.0.2.0/24" ... }: struct config_networks */
    SETTING_MODE,          /* resolver's, with what belongs to it */
    SETTING_RECORD_FILE,   /* a path; says that records go there */
    SETTING_RECORD_SYSLOG, /* no value */
    SETTING_RECORD_NONE,   /* no value */
    SETTING_LISTEN,        /* "address:port" and a block of its own */
    SETTING_BACKEND,       /* "address:port" or "unix:/path", and a block of its own */
    SETTING_BLOCK,         /* a block alone */
};

struct setting {
    enum config_block block;
    const char *name;
    enum setting_type type;
    size_t offset;                     /* of its place in the block's target: see config_block_target() */
    const char *preset;                /* the default as it would be written; NULL: none (or see help) */
    int64_t least;                     /* of numbers: bytes, milliseconds */
    int64_t most;
    const char *const *words;          /* SETTING_WORD; NULL at the end */
    enum config_block opens;           /* SETTING_LISTEN, SETTING_BACKEND, SETTING_BLOCK */
    bool repeats;
    const char *help;
};

extern const struct setting config_settings[];
extern const size_t config_settings_count;
/* No more rows than this: config.c keeps an array of where each was set. */
#define CONFIG_SETTINGS_MOST 80

/* "", "listen", "limits", ...: of the setting that opens it. */
const char *config_block_name(enum config_block block);
/* "number", "duration", ...: as the manual page calls it. */
const char *config_type_name(enum setting_type type);

/* One load. */
struct config_reading {
    struct config *config;
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct token_cursor *cursor;
    const char *folder;                /* that relative paths start from, ends in "/" */
    struct span seen[CONFIG_SETTINGS_MOST];    /* source == NULL: not set (in this block, where blocks repeat) */
    struct span *listener_spans;       /* parallel to config->listeners */
    struct span *backend_spans;        /* parallel to config->backends */
    struct span record_target;         /* what chose it; for the message about a second choice */
    struct span name;                  /* of the setting being read */
    bool presets;                      /* reading defaults, not a file */
    struct config_listener *listener;  /* the block being read */
    struct tls_certificate *certificate;
};

/* Reads the value of one setting, the cursor behind its name; false: reported. config_values.c. */
bool config_take_value(struct config_reading *reading, const struct setting *setting, void *target);
/*
 * What must hold within the block of a backend, and what follows from it, when that was read.
 * config_backend.c.
 */
void config_settle_backend(struct config_reading *reading, struct backend_settings *backend, struct span span);
/* Then between all of them, at the end. */
void config_check_backends(struct config_reading *reading);
/*
 * What must hold between settings, after all were read. config_values.c never looks across; this does.
 * config_consistent.c.
 */
void config_check_consistent(struct config_reading *reading);
/* Where a setting was set; false: it was not. */
bool config_span(const struct config_reading *reading, enum config_block block, const char *name,
                 struct span *span_out);
/*
 * "192.0.2.1:25" or "[2001:db8::1]:25"; `port_required` false: 53 when it is left out, and IPv6 may then stand
 * without brackets.
 */
bool config_parse_endpoint(struct slice text, bool port_required, struct address *address_out, uint16_t *port_out);
/* A host name of letters, digits, hyphens in labels of at most 63 bytes, at most 253 in all (RFC 1123 2.1). */
bool config_is_host_name(struct slice text);

#endif
