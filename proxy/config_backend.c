/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_backend.c: what must hold within the block of a backend and between several. What does not go together is
 * reported at the backend's address; settings that would do nothing are errors too, for whoever wrote them believes in
 * them.
 */
#include "proxy/config_settings.h"

static bool is_any(const struct address *address)
{
    static const uint8_t zero[16] = { 0 };

    return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

static bool is_loopback(const struct address *address)
{
    static const struct address loopback6 = { .family = 6, .bytes = { [15] = 1 } };

    return address->family == 4 ? address->bytes[0] == 127 : address_equal(address, &loopback6);
}

static bool is_unix(const struct backend_settings *backend)
{
    return slice_starts_with(slice_of_string(backend->address), SLICE("unix:"));
}

static void complain(struct config_reading *reading, struct span otherwise, const char *setting, const char *what)
{
    struct span span = otherwise;

    config_span(reading, BLOCK_BACKEND, setting, &span);
    diag_error(reading->diagnostics, span.source == NULL ? otherwise : span, "%s", what);
}

/* Numerical, and without a port, as certificates have it. */
static const char *host_of(const struct backend_settings *backend, struct arena *arena)
{
    char text[ADDRESS_TEXT];
    struct address address;
    uint16_t port;

    if (is_unix(backend) || !config_parse_endpoint(slice_of_string(backend->address), true, &address, &port))
        return NULL;
    return arena_string(arena, address_print(&address, text));
}

static void check_without_tls(struct config_reading *reading, struct span span)
{
    static const char *const settings[] = {
        "tls-verify", "tls-name", "tls-authorities", "tls-certificate", "tls-key",
    };
    struct span set;

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (config_span(reading, BLOCK_BACKEND, settings[i], &set))
            complain(reading, span, settings[i],
                     "this does nothing without TLS to the backend: set \"tls starttls\" or \"tls implicit\"");
}

static bool is_name(struct slice text)
{
    struct address address;

    return config_is_host_name(text) || address_parse(text, &address);
}

static void settle_trust(struct config_reading *reading, struct backend_settings *backend, struct span span)
{
    struct tls_client_settings *trust = &backend->trust;

    if (trust->name != NULL && !is_name(slice_of_string(trust->name)))
        complain(reading, span, "tls-name", "this is neither a host name nor an address");
    if (trust->verify && trust->name == NULL)
        trust->name = host_of(backend, reading->arena);
    if (trust->verify && trust->name == NULL && is_unix(backend))
        complain(reading, span, "tls", "a UNIX socket has no name to verify: set \"tls-name\"");
    if (!trust->verify && trust->name != NULL)
        complain(reading, span, "tls-name", "this does nothing with \"tls-verify no\": remove one of them");
    if (!trust->verify && trust->authorities_path != NULL)
        complain(reading, span, "tls-authorities", "this does nothing with \"tls-verify no\": remove one of them");
    if (trust->certificate_path == NULL && trust->key_path != NULL)
        complain(reading, span, "tls-key", "a key without its certificate: set \"tls-certificate\" as well");
    if (trust->key_path == NULL)
        trust->key_path = trust->certificate_path;
}

void config_settle_backend(struct config_reading *reading, struct backend_settings *backend, struct span span)
{
    struct span set;

    /* Few LMTP servers have it, and none takes mail for the world by whom it comes from. */
    if (backend->protocol == BACKEND_LMTP && !config_span(reading, BLOCK_BACKEND, "identify-client", &set))
        backend->identity = BACKEND_IDENTITY_NONE;
    if (backend->tls == BACKEND_TLS_NONE)
        check_without_tls(reading, span);
    else
        settle_trust(reading, backend, span);
}

/* Mail passed to ourselves would come in again, for ever. */
static void check_loop(struct config_reading *reading, size_t index)
{
    const struct config *config = reading->config;
    struct address address;
    uint16_t port;

    if (!config_parse_endpoint(slice_of_string(config->backends[index].address), true, &address, &port) || port == 0)
        return;
    for (size_t i = 0; i < config->listeners_count; i++) {
        const struct config_listener *listener = &config->listeners[i];

        if (listener->port != port || listener->address.family != address.family ||
            !(address_equal(&listener->address, &address) || (is_any(&listener->address) && is_loopback(&address))))
            continue;
        diag_error(reading->diagnostics, reading->backend_spans[index],
                   "the backend is mxward itself: it listens on \"%.*s\"", SLICE_ARG(listener->text));
        return;
    }
}

/* 0: it has none. */
static uint16_t port_of(const struct backend_settings *backend)
{
    struct address address;
    uint16_t port;

    return config_parse_endpoint(slice_of_string(backend->address), true, &address, &port) ? port : 0;
}

static void check_beside(struct config_reading *reading, size_t index)
{
    const struct backend_settings *backend = &reading->config->backends[index];
    struct span span = reading->backend_spans[index];

    for (size_t i = 0; i < index; i++)
        if (strcmp(backend->address, reading->config->backends[i].address) == 0)
            diag_error(reading->diagnostics, span, "this backend is there already");
    /* RFC 2033 has no AUTH. */
    if (backend->submission && backend->protocol == BACKEND_LMTP)
        diag_error(reading->diagnostics, span, "a backend for submission speaks SMTP: by LMTP nobody can log in");
    if (backend->protocol == BACKEND_LMTP && port_of(backend) == 25)
        diag_error(reading->diagnostics, span, "LMTP is never spoken on port 25 (RFC 2033 5): there is an SMTP server");
    /* What a client may say must not depend on which of them is up. */
    else if (backend->protocol != config_protocol(reading->config, backend->submission))
        diag_error(reading->diagnostics, span, "this backend and the first speak different protocols: backends that "
                                               "stand in for each other are all SMTP or all LMTP");
}

enum backend_protocol config_protocol(const struct config *config, bool submission)
{
    for (size_t i = 0; i < config->backends_count; i++)
        if (config->backends[i].submission == submission)
            return config->backends[i].protocol;
    return config->backends_count > 0 ? config->backends[0].protocol : BACKEND_SMTP;
}

/* Every listener needs a backend for its sessions; submission's take those of all when none is theirs alone. */
static void check_serving(struct config_reading *reading)
{
    const struct config *config = reading->config;
    size_t for_submission = 0, listeners = 0;

    for (size_t i = 0; i < config->backends_count; i++)
        for_submission += config->backends[i].submission;
    for (size_t i = 0; i < config->listeners_count; i++) {
        listeners += config->listeners[i].submission;
        if (for_submission > 0 && for_submission == config->backends_count && !config->listeners[i].submission)
            diag_error(reading->diagnostics, reading->listener_spans[i],
                       "this listener has no backend: all backends say \"submission yes\"");
    }
    for (size_t i = 0; i < config->backends_count; i++)
        if (config->backends[i].submission && listeners == 0)
            diag_warning(reading->diagnostics, reading->backend_spans[i],
                         "no listener says \"submission yes\": nothing comes to this backend");
}

/* Whether what users say in AUTH may be said to this backend. */
static bool hears_passwords(const struct config *config, size_t index)
{
    bool listener = false, others = false;

    for (size_t i = 0; i < config->listeners_count; i++)
        listener = listener || config->listeners[i].submission;
    for (size_t i = 0; i < config->backends_count; i++)
        others = others || config->backends[i].submission;
    return listener && (config->backends[index].submission || !others);
}

static void check_passwords(struct config_reading *reading, size_t index)
{
    const struct backend_settings *backend = &reading->config->backends[index];
    struct address address;
    uint16_t port;

    if (backend->tls == BACKEND_TLS_NONE && hears_passwords(reading->config, index) &&
        config_parse_endpoint(slice_of_string(backend->address), true, &address, &port) && !is_loopback(&address))
        diag_warning(reading->diagnostics, reading->backend_spans[index],
                     "a listener says \"submission yes\", and users' passwords go to this backend in the clear: say "
                     "\"tls starttls\" or \"tls implicit\"");
}

void config_check_backends(struct config_reading *reading)
{
    check_serving(reading);
    for (size_t i = 0; i < reading->config->backends_count; i++) {
        check_loop(reading, i);
        check_beside(reading, i);
        check_passwords(reading, i);
    }
}

bool config_tells_client_name(const struct config *config)
{
    for (size_t i = 0; i < config->backends_count; i++)
        if (config->backends[i].identity == BACKEND_IDENTITY_XCLIENT)
            return true;
    return false;
}
