/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver_unbound.c: all use of libunbound. The context is made ready at once, so that a bad trust anchor or an
 * unreadable file stops the start and not the first mail. What libunbound says is handed on as a packet; a time-out of
 * its own against dead servers comes as SERVFAIL, as it does from any recursive server, and is a failure to the rules
 * as well.
 */
#include "proxy/resolver_unbound.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <unbound-event.h>
#include <unbound.h>

#include "proxy/dns_packet.h"
#include "proxy/resolver.h"
#include "rules/value.h"

/*
 * Queries in flight, each with a socket of its own (a random port). With libunbound's 16, 300 questions of a second
 * took 40 s.
 */
#define OUTGOING_MOST 4096
/* Of the descriptors that the process may have, one in so many is for DNS. */
#define OUTGOING_SHARE 4
#define OUTGOING_LEAST 64
#define CLASS_IN 1

struct resolver_unbound {
    struct ub_ctx *context;
};

struct asking {
    resolver_unbound_done done;
    void *context;
};

struct option {
    const char *name;
    const char *value;
};

/*
 * Library defaults are for a desktop. infra-cache-max-rtt: the longest wait for one server in milliseconds (default
 * 120,000); one that was silent is passed over for infra-host-ttl seconds (default 900), but for one probe at a time.
 * Each TCP slot holds a buffer of 64 KiB. A forwarder may be on this host. unknown-server-time-limit: what a server not
 * yet known is given before it is asked again (default 376); unbound.conf(5) advises 1128 for slow links, and asking a
 * slow one twice makes it slower.
 * qname-minimisation: with it libunbound 1.17 follows aliases to aliases without counting (tests/dns_hostile: 51,126
 * packets for three mails in six seconds, and on as long as a hostile server makes up names), without it eleven at
 * most; what is lost is that servers above a domain see whole names.
 */
static const struct option options[] = {
    { "outgoing-num-tcp:", "64" },
    { "msg-cache-size:", "16m" },
    { "rrset-cache-size:", "32m" },
    { "infra-cache-max-rtt:", "5000" },
    { "infra-host-ttl:", "60" },
    { "infra-keep-probing:", "yes" },
    { "qname-minimisation:", "no" },
    { "unknown-server-time-limit:", "1128" },
};

static bool fail(struct arena *arena, struct slice *problem_out, const char *what, const char *which, int code)
{
    *problem_out = arena_printf(arena, "resolver: %s%s%s: %s", what, which[0] == '\0' ? "" : " ", which,
                                ub_strerror(code));
    return false;
}

/* libunbound opens its files late and does not say which one failed. */
static bool is_readable(const char *setting, const char *path, struct arena *arena, struct slice *problem_out)
{
    if (access(path, R_OK) == 0)
        return true;
    *problem_out = arena_printf(arena, "resolver: %s \"%s\": %s%s", setting, path, strerror(errno),
                                errno == ENOENT ? "; the package dns-root-data has such a file" : "");
    return false;
}

static bool set_option(struct ub_ctx *context, const char *name, const char *value, struct arena *arena,
                       struct slice *problem_out)
{
    int code = ub_ctx_set_option(context, name, value);

    return code == 0 || fail(arena, problem_out, name, value, code);
}

static bool set_options(struct ub_ctx *context, struct arena *arena, struct slice *problem_out)
{
    struct rlimit descriptors = { .rlim_cur = OUTGOING_MOST * OUTGOING_SHARE };
    unsigned long outgoing;
    char number[24];

    (void)getrlimit(RLIMIT_NOFILE, &descriptors);
    outgoing = descriptors.rlim_cur / OUTGOING_SHARE;
    if (outgoing > OUTGOING_MOST)
        outgoing = OUTGOING_MOST;
    if (outgoing < OUTGOING_LEAST)
        outgoing = OUTGOING_LEAST;
    (void)snprintf(number, sizeof(number), "%lu", outgoing);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (!set_option(context, options[i].name, options[i].value, arena, problem_out))
            return false;
    return set_option(context, "outgoing-range:", number, arena, problem_out) &&
           set_option(context, "num-queries-per-thread:", number, arena, problem_out);
}

/* Digits after the last `separator` of `text`, cut off; true when there is none, false when they are no port. */
static bool cut_port(struct slice *text, char separator, unsigned long long *port_out)
{
    size_t at = text->length;

    while (at > 0 && text->text[at - 1] != separator)
        at--;
    if (at == 0)
        return true;
    if (!slice_number(slice_from(*text, at), UINT16_MAX, port_out) || *port_out == 0)
        return false;
    *text = slice_first(*text, at - 1);
    return true;
}

struct slice resolver_unbound_forwarder(struct slice text, struct arena *arena)
{
    unsigned long long port = 0;
    struct address address;

    if (!cut_port(&text, '@', &port))
        return SLICE_NONE;
    if (slice_starts_with(text, SLICE("["))) {
        size_t end = slice_find(text, ']');
        struct slice rest = slice_from(text, end + 1);

        if (end == text.length)
            return SLICE_NONE;
        if (!slice_is_empty(rest) && (port != 0 || rest.text[0] != ':' || !cut_port(&rest, ':', &port)))
            return SLICE_NONE;
        text = slice_of(text.text + 1, end - 1);
        if (slice_find(text, ':') == text.length)
            return SLICE_NONE;
    } else if (port == 0 && slice_find(text, '.') < text.length && !address_parse(text, &address) &&
               !cut_port(&text, ':', &port)) {
        return SLICE_NONE;
    }
    if (!address_parse(text, &address))
        return SLICE_NONE;
    return port == 0 ? arena_copy(arena, text) : arena_printf(arena, "%.*s@%llu", SLICE_ARG(text), port);
}

/*
 * A forwarder recurses for us: what it does not have takes it hundreds of milliseconds, often more than the 376 that
 * libunbound gives a server it does not know before it sends anew. 1128 is what unbound.conf(5) advises for slow links.
 * With 1,000 questions at once and answers a second late it is the difference between 1.0 and 3.3 s, and between one
 * packet a question and four.
 */
static bool set_patience(struct ub_ctx *context, const struct resolver_settings *settings, struct arena *arena,
                         struct slice *problem_out)
{
    return settings->mode == RESOLVER_RECURSE ||
           set_option(context, "unknown-server-time-limit:", "1128", arena, problem_out);
}

static bool set_servers(struct ub_ctx *context, const struct resolver_settings *settings, struct arena *arena,
                        struct slice *problem_out)
{
    int code;

    switch (settings->mode) {
    case RESOLVER_RECURSE:
        if (settings->root_hints_path == NULL)
            return true;
        return is_readable("root-hints", settings->root_hints_path, arena, problem_out) &&
               set_option(context, "root-hints:", settings->root_hints_path, arena, problem_out);
    case RESOLVER_SYSTEM:
        code = ub_ctx_resolvconf(context, "/etc/resolv.conf");
        return code == 0 || fail(arena, problem_out, "/etc/resolv.conf", "", code);
    case RESOLVER_FORWARD:
        for (const char *const *forwarder = settings->forwarders; *forwarder != NULL; forwarder++) {
            struct slice server = resolver_unbound_forwarder(slice_of_string(*forwarder), arena);

            code = server.text == NULL ? UB_SYNTAX : ub_ctx_set_fwd(context, server.text);
            if (code != 0)
                return fail(arena, problem_out, "forwarder", *forwarder, code);
        }
        return true;
    case RESOLVER_FIXTURE:
        break;
    }
    bug("resolver mode");
}

static bool set_trust(struct ub_ctx *context, const struct resolver_settings *settings, struct arena *arena,
                      struct slice *problem_out)
{
    int code;

    if (settings->root_key_path == NULL)
        return set_option(context, "module-config:", "iterator", arena, problem_out);
    if (!is_readable("root-key", settings->root_key_path, arena, problem_out))
        return false;
    code = ub_ctx_add_ta_file(context, settings->root_key_path);
    return code == 0 || fail(arena, problem_out, "root-key", settings->root_key_path, code);
}

/* What is done before the context is final. Opened zones are in no public chain of trust. */
static bool open_zones(struct ub_ctx *context, const struct resolver_settings *settings, struct arena *arena,
                       struct slice *problem_out)
{
    if (settings->unblock_lan_zones && (!set_option(context, "unblock-lan-zones:", "yes", arena, problem_out) ||
                                        !set_option(context, "insecure-lan-zones:", "yes", arena, problem_out)))
        return false;
    for (const char *const *zone = settings->unblock_zones; zone != NULL && *zone != NULL; zone++)
        if (!set_option(context, "domain-insecure:", *zone, arena, problem_out))
            return false;
    return true;
}

/*
 * And after: the library's own data for the zone goes, and an empty transparent zone covers it from what is built in
 * above it.
 */
static bool clear_zones(struct ub_ctx *context, const struct resolver_settings *settings, struct arena *arena,
                        struct slice *problem_out)
{
    for (const char *const *zone = settings->unblock_zones; zone != NULL && *zone != NULL; zone++) {
        int code = ub_ctx_zone_remove(context, *zone);

        if (code == 0)
            code = ub_ctx_zone_add(context, *zone, "transparent");
        if (code != 0)
            return fail(arena, problem_out, "unblocked zone", *zone, code);
    }
    return true;
}

static void ignore(void *context, int rcode, void *packet, int length, int security, char *why_bogus, int rate_limited)
{
    (void)context, (void)rcode, (void)packet, (void)length, (void)security, (void)why_bogus, (void)rate_limited;
}

/*
 * The first question makes the context final and tells what is wrong with it. This one is answered from local data (RFC
 * 6761 6.3).
 */
static bool finish(struct ub_ctx *context, struct arena *arena, struct slice *problem_out)
{
    int code = ub_resolve_event(context, "localhost.", QUESTION_A, CLASS_IN, NULL, ignore, NULL);

    return code == 0 || fail(arena, problem_out, "cannot start", "", code);
}

struct resolver_unbound *resolver_unbound_new(struct event_base *base, const struct resolver_settings *settings,
                                              struct arena *arena, struct slice *problem_out)
{
    struct ub_ctx *context = ub_ctx_create_event(base);
    struct resolver_unbound *unbound;

    if (context == NULL) {
        *problem_out = SLICE("resolver: libunbound cannot start");
        return NULL;
    }
    (void)ub_ctx_debugout(context, NULL);      /* it would write to standard error */
    if (!set_options(context, arena, problem_out) || !set_servers(context, settings, arena, problem_out) ||
        !set_patience(context, settings, arena, problem_out) ||
        !set_trust(context, settings, arena, problem_out) || !open_zones(context, settings, arena, problem_out) ||
        !finish(context, arena, problem_out) || !clear_zones(context, settings, arena, problem_out)) {
        ub_ctx_delete(context);
        return NULL;
    }
    unbound = memory_zeroed(1, sizeof(*unbound));
    unbound->context = context;
    return unbound;
}

void resolver_unbound_free(struct resolver_unbound **unbound)
{
    if (*unbound == NULL)
        return;
    ub_ctx_delete((*unbound)->context);
    free(*unbound);
    *unbound = NULL;
}

/* libunbound's words for people; names in it come from strangers. */
static struct slice printable(struct slice text, char *buffer, size_t size)
{
    text = slice_first(text, size);
    for (size_t i = 0; i < text.length; i++)
        buffer[i] = text.text[i] >= ' ' && text.text[i] <= '~' ? text.text[i] : '?';
    return slice_of(buffer, text.length);
}

static void answered(void *context, int rcode, void *packet, int length, int security, char *why_bogus,
                     int rate_limited)
{
    struct asking asking = *(struct asking *)context;
    char reason[200];

    (void)rate_limited;
    free(context);
    if (security == 1) {
        size_t length_of_prefix = sizeof(RESOLVER_BOGUS) - 1;
        struct slice why = slice_of_string(why_bogus != NULL ? why_bogus : "validation failure");

        memcpy(reason, RESOLVER_BOGUS, length_of_prefix);
        why = printable(why, reason + length_of_prefix, sizeof(reason) - length_of_prefix);
        asking.done(asking.context, SLICE_NONE, slice_of(reason, length_of_prefix + why.length));
    } else if (rcode != 0 || packet == NULL || length <= 0) {
        struct arena *arena = arena_new();

        asking.done(asking.context, SLICE_NONE, dns_rcode_name(rcode == 0 ? 2 : (unsigned)rcode, arena));
        arena_free(&arena);
    } else {
        asking.done(asking.context, slice_of(packet, (size_t)length), SLICE_NONE);
    }
}

bool resolver_unbound_ask(struct resolver_unbound *unbound, enum question_type type, const char *name,
                          resolver_unbound_done done, void *context)
{
    struct asking *asking = memory_zeroed(1, sizeof(*asking));

    asking->done = done;
    asking->context = context;
    if (ub_resolve_event(unbound->context, name, (int)type, CLASS_IN, asking, answered, NULL) == 0)
        return true;
    free(asking);
    return false;
}
