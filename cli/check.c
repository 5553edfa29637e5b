/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c: `mxward check`: all that a start would find out, and some more, told at once: configuration, rules,
 * lists, certificates, directories, descriptors, the backend, DNS. Called by root it looks with the eyes of the
 * user that mxward would be. Changes nothing.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <jansson.h>

#include "cli/options.h"
#include "proxy/config_settings.h"
#include "proxy/load.h"
#include "proxy/privileges.h"
#include "proxy/probe.h"
#include "rules/program.h"

static const struct cli_help help = {
    "check",
    "[-c FILE] [--no-probe] [--json] | --settings",
    "Checks the configuration, rules, lists, certificates, directories and limits, asks the backend and DNS, and\n"
    "tells every error at once.",
    "  -c, --config FILE   the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "      --no-probe      asks neither the backend nor DNS\n"
    "      --json          as one JSON object\n"
    "      --settings      instead lists every setting: block, name, type, default, help, a tab between them\n",
    "  mxward check -c /etc/mxward/mxward.conf && systemctl reload mxward",
};

/* A certificate that ends within this time is worth a warning: ACME renews 30 days ahead, so something is wrong. */
#define EXPIRY_WARNING_DAYS 14
#define DAY (24 * 60 * 60)
/* Recursion from cold takes a few round trips; what takes longer than this will not serve sessions. */
#define DNS_MILLISECONDS 10000
/* It exists for documentation (RFC 2606) and has a TXT record. */
#define DNS_NAME "example.org"

struct check {
    struct load *load;
    struct arena *arena;
    struct event_base *base;
    struct slice notes[256];
    size_t notes_count;
};

static const struct span nowhere = { NULL, 0, 0 };

static void note(struct check *check, struct slice text)
{
    if (check->notes_count < sizeof(check->notes) / sizeof(check->notes[0]))
        check->notes[check->notes_count++] = text;
}

static void check_identity(struct check *check)
{
    struct slice problem;

    if (!privileges_become_user(check->load->config, check->arena, &problem))
        diag_error(&check->load->diagnostics, nowhere, "%.*s", SLICE_ARG(problem));
}

static void note_rules(struct check *check)
{
    const struct program *program = check->load->program;
    const char *line;

    note(check, arena_printf(check->arena, "%zu rules; SHA-256 of rules and lists %s", program_rules_count(program),
                             check->load->digest));
    for (size_t i = 0; (line = program_unknown_note(program, i)) != NULL; i++)
        note(check, arena_printf(check->arena, "rule %s", line));
}

static void check_authorities(struct check *check)
{
    const struct config *config = check->load->config;

    for (size_t i = 0; i < config->listeners_count; i++) {
        struct slice problem;
        struct tls_authorities *authorities;

        if (config->listeners[i].client_authorities == NULL)
            continue;
        authorities = tls_authorities_new(config->listeners[i].client_authorities, check->arena, &problem);
        if (authorities == NULL)
            diag_error(&check->load->diagnostics, nowhere, "%.*s", SLICE_ARG(problem));
        tls_authorities_free(&authorities);
    }
}

static void check_certificates(struct check *check)
{
    const struct config *config = check->load->config;
    struct diagnostics *diagnostics = &check->load->diagnostics;
    long long now = (long long)time(NULL);
    struct tls_context *tls;
    struct slice problem;
    long long left;

    if (config->certificates_count == 0)
        return;
    tls = tls_context_new(config->certificates, config->certificates_count, check->arena, &problem);
    if (tls == NULL) {
        diag_error(diagnostics, nowhere, "%.*s", SLICE_ARG(problem));
        return;
    }
    left = tls_context_expiry(tls) - now;
    if (left <= 0)
        diag_warning(diagnostics, nowhere, "a certificate ended %lld days ago", -left / DAY);
    else if (left < (long long)EXPIRY_WARNING_DAYS * DAY)
        diag_warning(diagnostics, nowhere, "a certificate ends in %lld days", left / DAY);
    else
        note(check, arena_printf(check->arena, "certificates: %zu, the first ends in %lld days",
                                 config->certificates_count, left / DAY));
    tls_context_release(&tls);
}

static void check_descriptors(struct check *check)
{
    struct descriptor_needs needs;
    struct slice problem;

    privileges_descriptor_needs(check->load->config, &needs);
    note(check,
         arena_printf(check->arena,
                      "file descriptors of a worker: %ju (sessions %ju, spool %ju, backend %ju, DNS %ju, other %ju)",
                      (uintmax_t)needs.all, (uintmax_t)needs.sessions, (uintmax_t)needs.spool, (uintmax_t)needs.backend,
                      (uintmax_t)needs.dns, (uintmax_t)needs.other));
    if (!privileges_raise_descriptors(check->load->config, check->arena, &problem))
        diag_error(&check->load->diagnostics, nowhere, "%.*s", SLICE_ARG(problem));
}

static void report_backend(struct check *check, const struct backend_settings *settings,
                           const struct backend_finding *finding)
{
    struct slice problem = cli_safe(finding->problem, check->arena);
    struct slice warning = cli_safe(finding->warning, check->arena);

    if (finding->result == BACKEND_PROBE_FIT)
        note(check, arena_printf(check->arena, "backend %s: fit%s%s", settings->address,
                                 settings->tls == BACKEND_TLS_NONE ? ""
                                 : settings->trust.verify          ? ", over TLS"
                                                                   : ", over TLS without being verified",
                                 (finding->offer.extensions & BACKEND_CHUNKING) != 0 ? ", takes messages by BDAT"
                                                                                     : ""));
    else
        diag_error(&check->load->diagnostics, nowhere, "backend %s: %s: %.*s; %s", settings->address,
                   probe_name(finding->result), SLICE_ARG(problem), probe_advice(finding->result));
    if (warning.length > 0)
        diag_warning(&check->load->diagnostics, nowhere, "backend %s: %.*s", settings->address, SLICE_ARG(warning));
}

/* Without asking it. */
static void check_backend_files(struct check *check)
{
    const struct config *config = check->load->config;

    for (size_t i = 0; i < config->backends_count; i++) {
        struct backend_settings settings = config->backends[i];
        struct slice problem;

        if (!backend_settings_open(&settings, check->arena, &problem))
            diag_error(&check->load->diagnostics, nowhere, "backend %s: %.*s", settings.address, SLICE_ARG(problem));
        else if (problem.length > 0)
            diag_warning(&check->load->diagnostics, nowhere, "backend %s: %.*s", settings.address, SLICE_ARG(problem));
        tls_client_release(&settings.tls_client);
    }
}

/* A listener for users whose backend lets nobody log in. */
static void check_submission(struct check *check, const struct backend_settings *settings,
                             const struct backend_finding *finding)
{
    const struct config *config = check->load->config;
    bool wanted = false, others = false;

    for (size_t i = 0; i < config->backends_count; i++)
        others = others || config->backends[i].submission;
    for (size_t i = 0; i < config->listeners_count; i++)
        wanted = wanted || config->listeners[i].submission;
    if (!wanted || settings->submission != others || finding->result != BACKEND_PROBE_FIT)
        return;
    if ((finding->offer.extensions & BACKEND_AUTH) == 0)
        diag_warning(&check->load->diagnostics, nowhere, "backend %s: it offers no AUTH that can be passed through, so "
                     "nobody can log in; in Postfix: -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=no",
                     settings->address);
    else
        note(check, arena_printf(check->arena, "backend %s: users log in by %s", settings->address,
                                 finding->offer.mechanisms));
}

static void check_backends(struct check *check)
{
    const struct config *config = check->load->config;
    const struct backend_finding *findings =
        backend_probe_all(check->base, config->backends, config->backends_count, check->arena);

    for (size_t i = 0; i < config->backends_count; i++) {
        report_backend(check, &config->backends[i], &findings[i]);
        check_submission(check, &config->backends[i], &findings[i]);
    }
}

static void stop(void *context)
{
    event_base_loopbreak(context);
}

static const char *dns_advice(enum resolver_mode mode, bool bogus)
{
    if (bogus)
        return "\"root-key\" is not the trust anchor of the servers that answered: is dns-root-data up to date, and do "
               "packets to port 53 reach the real root servers? A resolver nearby may validate instead: resolver "
               "{ mode forward { \"ADDRESS\" } }";
    switch (mode) {
    case RESOLVER_RECURSE:
        return "recursion needs port 53 out, UDP and TCP, and the package dns-root-data; a resolver nearby serves as "
               "well: resolver { mode system } or { mode forward { \"ADDRESS\" } }";
    case RESOLVER_SYSTEM:
        return "do the servers in /etc/resolv.conf answer?";
    case RESOLVER_FORWARD:
        return "ask the servers that \"forward\" names by hand, or let mxward recurse: resolver { mode recurse }";
    case RESOLVER_FIXTURE:
        return "";
    }
    return "";
}

static void judge_dns(struct check *check, const struct answer *answer)
{
    struct slice reason = answer == NULL ? SLICE("no answer") : answer->reason;
    bool bogus = slice_starts_with(reason, SLICE(RESOLVER_BOGUS));

    if (answer != NULL && answer->status != ANSWER_FAILED && answer->status != ANSWER_TIMEOUT) {
        note(check, arena_printf(check->arena, "DNS: " DNS_NAME " TXT: %s", answer_status_name(answer->status)));
        return;
    }
    if (answer != NULL && reason.length == 0)
        reason = slice_of_string(answer_status_name(answer->status));
    diag_error(&check->load->diagnostics, nowhere, "DNS: " DNS_NAME " TXT: %.*s; %s", SLICE_ARG(reason),
               dns_advice(check->load->config->resolver.mode, bogus));
}

static void ask_dns(struct check *check, struct resolver *resolver)
{
    struct answers *answers = answers_new(check->arena);
    struct question question = { QUESTION_TXT, SLICE(DNS_NAME) };
    struct resolver_request *request =
        resolver_ask(resolver, answers, &question, 1, DNS_MILLISECONDS, stop, check->base);
    const struct answer *answer;

    event_base_dispatch(check->base);
    answer = answers_find(answers, question.type, question.name);
    if (answer == NULL)
        resolver_cancel(&request);
    judge_dns(check, answer);
}

static void check_dns(struct check *check)
{
    const struct resolver_settings *settings = &check->load->config->resolver;
    struct slice problem;
    struct resolver *resolver = resolver_new(check->base, settings, check->arena, &problem);

    if (resolver == NULL)
        diag_error(&check->load->diagnostics, nowhere, "DNS: %.*s", SLICE_ARG(problem));
    else if (settings->mode != RESOLVER_FIXTURE)
        ask_dns(check, resolver);
    resolver_free(&resolver);
}

static void run(struct check *check, bool probe)
{
    if (check->load->config == NULL) {
        note(check, SLICE("rules, certificates, directories, backend and DNS are looked at when the configuration has "
                          "no errors"));
        return;
    }
    check_identity(check);
    if (load_rules(check->load))
        note_rules(check);
    check_certificates(check);
    check_authorities(check);
    privileges_check_directories(check->load->config, &check->load->diagnostics);
    check_descriptors(check);
    if (probe) {
        check_backends(check);
        check_dns(check);
    } else {
        check_backend_files(check);
    }
}

static void print_text(const struct check *check)
{
    const struct diagnostics *diagnostics = &check->load->diagnostics;

    diagnostics_print(diagnostics, stdout, cli_colour(stdout));
    for (size_t i = 0; i < check->notes_count; i++)
        printf("%.*s\n", SLICE_ARG(check->notes[i]));
    printf("%zu error%s, %zu warning%s\n", diagnostics->errors, diagnostics->errors == 1 ? "" : "s",
           diagnostics->warnings, diagnostics->warnings == 1 ? "" : "s");
}

static json_t *diagnostic_json(const struct diagnostic *diagnostic)
{
    struct json_t *object =
        json_pack("{s:s, s:s#}", "severity", diagnostic->severity == SEVERITY_ERROR ? "error" : "warning", "text",
                  diagnostic->text.text, (size_t)diagnostic->text.length);
    size_t line, column;

    if (diagnostic->span.source == NULL)
        return object;
    span_position(diagnostic->span, &line, &column);
    json_object_set_new(object, "file", json_string(diagnostic->span.source->name));
    json_object_set_new(object, "line", json_integer((json_int_t)line));
    json_object_set_new(object, "column", json_integer((json_int_t)column));
    return object;
}

static void print_json(const struct check *check)
{
    const struct diagnostics *diagnostics = &check->load->diagnostics;
    json_t *messages = json_array();
    json_t *notes = json_array();
    json_t *all;

    for (const struct diagnostic *diagnostic = diagnostics->first; diagnostic != NULL; diagnostic = diagnostic->next)
        json_array_append_new(messages, diagnostic_json(diagnostic));
    for (size_t i = 0; i < check->notes_count; i++)
        json_array_append_new(notes, json_stringn(check->notes[i].text, check->notes[i].length));
    all = json_pack("{s:I, s:I, s:o, s:o}", "errors", (json_int_t)diagnostics->errors, "warnings",
                    (json_int_t)diagnostics->warnings, "messages", messages, "notes", notes);
    if (all == NULL || json_dumpf(all, stdout, JSON_INDENT(2)) != 0)
        bug("check: JSON");
    putchar('\n');
    json_decref(all);
}

static void print_settings(void)
{
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct setting *setting = &config_settings[i];

        printf("%s\t%s\t%s\t%s\t%s\n", config_block_name(setting->block), setting->name,
               config_type_name(setting->type), setting->preset == NULL ? "" : setting->preset, setting->help);
    }
}

int cli_check(int argc, char **argv)
{
    const char *path = CONFIG_DEFAULT_PATH;
    bool no_probe = false, json = false, settings = false;
    struct cli_option options[] = {
        { 'c', "config", &path, NULL }, { 0, "no-probe", NULL, &no_probe },
        { 0, "json", NULL, &json },     { 0, "settings", NULL, &settings },
        { 0 },
    };
    int code = cli_parse(argc, argv, &help, options, NULL);
    struct check check = { 0 };

    if (code >= 0)
        return code;
    if (settings) {
        print_settings();
        return 0;
    }
    check.base = event_base_new();
    if (check.base == NULL)
        bug("check: no event base");
    check.load = load_config(path);
    check.arena = check.load->arena;
    run(&check, !no_probe);
    if (json)
        print_json(&check);
    else
        print_text(&check);
    code = check.load->diagnostics.errors == 0 ? 0 : 1;
    event_base_free(check.base);
    load_free(&check.load);
    return code;
}
