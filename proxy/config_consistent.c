/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_consistent.c: what must hold between settings, and what follows from them. All is reported, at the
 * setting that is easiest to mend; what is missing altogether is reported at the start of the file.
 */
#include "proxy/config_settings.h"

#include <limits.h>
#include <unistd.h>

static bool is_in(struct slice text, char c)
{
    return slice_find(text, c) < text.length;
}

/* Cuts "ADDRESS:PORT" and "[ADDRESS]:PORT"; without a port it is absent. False: neither. */
static bool cut_port(struct slice text, struct slice *address_out, struct slice *port_out)
{
    struct slice rest;

    if (text.length == 0 || text.text[0] != '[') {
        *port_out = text;
        *address_out = slice_cut(port_out, ':');
        return true;
    }
    rest = slice_from(text, 1);
    *address_out = slice_cut(&rest, ']');
    /* Brackets are for IPv6 alone. */
    if (rest.text == NULL || !is_in(*address_out, ':') || (rest.length > 0 && rest.text[0] != ':'))
        return false;
    *port_out = rest.length > 0 ? slice_from(rest, 1) : SLICE_NONE;
    return true;
}

bool config_parse_endpoint(struct slice text, bool port_required, struct address *address_out, uint16_t *port_out)
{
    struct slice address, port;
    unsigned long long number = 53;

    if (!port_required && address_parse(text, address_out)) {
        *port_out = 53;
        return true;
    }
    if (!cut_port(text, &address, &port) || !address_parse(address, address_out))
        return false;
    if (port.text == NULL ? port_required : !slice_number(port, UINT16_MAX, &number))
        return false;
    *port_out = (uint16_t)number;
    return true;
}

bool config_span(const struct config_reading *reading, enum config_block block, const char *name, struct span *span_out)
{
    for (size_t i = 0; i < config_settings_count; i++) {
        if (config_settings[i].block == block && strcmp(config_settings[i].name, name) == 0) {
            *span_out = reading->seen[i];
            return span_out->source != NULL;
        }
    }
    bug("config_span: no such setting");
}

static struct span start_of_file(const struct config_reading *reading)
{
    return (struct span){ reading->cursor->source, 0, 0 };
}

/* The first of two settings that was set: one of them must have been for the two to be at odds. */
static struct span limit_span(const struct config_reading *reading, const char *first, const char *second)
{
    struct span span;

    if (config_span(reading, BLOCK_LIMITS, first, &span) || config_span(reading, BLOCK_LIMITS, second, &span))
        return span;
    return start_of_file(reading);
}

static void check_names(struct config_reading *reading)
{
    struct config *config = reading->config;
    char name[HOST_NAME_MAX + 1] = "";

    if (config->hostname == NULL) {
        /* The last byte stays 0 where the name is cut. */
        if (gethostname(name, sizeof(name) - 1) != 0 || !config_is_host_name(slice_of_string(name)))
            diag_error(reading->diagnostics, start_of_file(reading),
                       "the system's host name \"%s\" cannot be used: set \"hostname\"", name);
        config->hostname = arena_string(reading->arena, slice_of_string(name));
    }
    if (config->authserv_id == NULL)
        config->authserv_id = config->hostname;
}

static void check_user(struct config_reading *reading)
{
    struct span span;

    if (strcmp(reading->config->user, "root") == 0 && config_span(reading, BLOCK_TOP, "user", &span))
        diag_error(reading->diagnostics, span, "mxward never runs as root: \"user\" names whom it becomes");
}

static void check_listener(struct config_reading *reading, size_t index)
{
    const struct config *config = reading->config;
    const struct config_listener *listener = &config->listeners[index];
    struct span span = reading->listener_spans[index];

    if (listener->tls != LISTENER_TLS_NONE && config->certificates_count == 0)
        diag_error(
            reading->diagnostics, span,
            "this listener uses TLS and there is no certificate: add tls { certificate \"FILE\" key \"FILE\" }, or say "
            "\"tls none\"");
    if (listener->tls == LISTENER_TLS_NONE && listener->client_authorities != NULL)
        diag_error(reading->diagnostics, span, "\"client-authorities\" asks for certificates in TLS, and this listener "
                                               "has \"tls none\": remove one of them");
    if (listener->tls == LISTENER_TLS_NONE && listener->submission)
        diag_error(reading->diagnostics, span,
                   "a listener with \"submission yes\" offers AUTH, and with \"tls none\" passwords would cross the "
                   "network in the clear: say \"tls starttls\" or \"tls implicit\"");
    for (size_t other = 0; other < index; other++) {
        if (listener->port != 0 && listener->port == config->listeners[other].port &&
            address_equal(&listener->address, &config->listeners[other].address))
            diag_error(reading->diagnostics, span, "this address and port has a listener already");
    }
}

static void check_required(struct config_reading *reading)
{
    struct span span;

    if (!config_span(reading, BLOCK_TOP, "backend", &span))
        diag_error(reading->diagnostics, start_of_file(reading),
                   "no backend: say where the mail server is, as: backend \"127.0.0.1:10025\"");
    if (!config_span(reading, BLOCK_TOP, "listen", &span))
        diag_error(reading->diagnostics, start_of_file(reading),
                   "nothing listens: say where, as: listen \"0.0.0.0:25\" { tls starttls }");
    if (reading->config->rules == NULL)
        diag_warning(
            reading->diagnostics, start_of_file(reading),
            "no rules: every message passes; name a file, as: rules { file \"/etc/mxward/rules/monitor.rules\" }");
}

static void check_limits(struct config_reading *reading)
{
    const struct config_limits *limits = &reading->config->limits;

    struct span span;

    /* A default gives way: see settle_limits(). */
    if (limits->sessions_per_network > limits->sessions &&
        config_span(reading, BLOCK_LIMITS, "sessions-per-network", &span))
        diag_error(reading->diagnostics, span,
                   "\"sessions-per-network\" is larger than \"sessions\"");
    if (limits->header_size > limits->message_size)
        diag_error(reading->diagnostics, limit_span(reading, "header-size", "message-size"),
                   "\"header-size\" is larger than \"message-size\"");
    if (limits->message_size > limits->spool)
        diag_error(reading->diagnostics, limit_span(reading, "message-size", "spool"),
                   "a message of \"message-size\" would not fit into \"spool\"");
    if (limits->backend_spares > limits->backend_sessions &&
        config_span(reading, BLOCK_LIMITS, "backend-spares", &span))
        diag_error(reading->diagnostics, span,
                   "\"backend-spares\" is larger than \"backend-sessions\"");
    if (limits->evaluation > limits->delivery)
        diag_error(reading->diagnostics, limit_span(reading, "evaluation", "delivery"),
                   "\"evaluation\" is longer than \"delivery\", which it is part of");
}

/* A forwarder may not hand on what DNSSEC needs, and a fixture has no signatures: there only what was asked for. */
static void settle_resolver(struct config_reading *reading)
{
    struct resolver_settings *settings = &reading->config->resolver;
    struct span span;

    if (settings->mode != RESOLVER_RECURSE && !config_span(reading, BLOCK_RESOLVER, "root-key", &span))
        settings->root_key_path = NULL;
    if (settings->mode != RESOLVER_RECURSE)
        settings->root_hints_path = NULL;
}

bool config_listener_same(const struct config_listener *a, const struct config_listener *b)
{
    return a->port == b->port && address_equal(&a->address, &b->address);
}

static void settle_limits(struct config *config)
{
    struct config_limits *limits = &config->limits;

    if (limits->sessions_per_network > limits->sessions)
        limits->sessions_per_network = limits->sessions;
    if (limits->backend_spares > limits->backend_sessions)
        limits->backend_spares = limits->backend_sessions;
    for (size_t i = 0; i < config->backends_count; i++) {
        struct backend_settings *backend = &config->backends[i];

        backend->hostname = config->hostname;
        backend->sessions_most = (unsigned)limits->backend_sessions;
        backend->spares = (unsigned)limits->backend_spares;
        backend->connect_seconds = limits->backend_connect;
        backend->command_seconds = limits->backend_command;
        backend->data_seconds = (unsigned)((limits->delivery + 999) / 1000);
    }
}

void config_check_consistent(struct config_reading *reading)
{
    check_required(reading);
    check_names(reading);
    check_user(reading);
    for (size_t i = 0; i < reading->config->listeners_count; i++)
        check_listener(reading, i);
    config_check_backends(reading);
    check_limits(reading);
    settle_resolver(reading);
    settle_limits(reading->config);
}
