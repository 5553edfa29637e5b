/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config.c: mxward.conf read: what comes of a good file and of its defaults, and for bad ones every
 * message at its place. Expectations are mxward.conf(5).
 */
#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "proxy/config_settings.h"
#include "proxy/generation.h"

#define BACKEND "backend \"127.0.0.1:10025\"\n"
#define LISTEN "listen \"127.0.0.1:25\" { tls none }\n"
#define RULES "rules { file \"a.rules\" }\n"
#define NAME "hostname \"mx.example.org\"\n"
/* What no file can do without, on one line. */
#define LEAST "hostname \"mx.example.org\" backend \"127.0.0.1:10025\" listen \"127.0.0.1:25\" { tls none } " RULES

static struct arena *arena;
static struct diagnostics diagnostics;

static void set_up(void)
{
    arena = arena_new();
    diagnostics_init(&diagnostics, arena);
}

static void tear_down(void)
{
    arena_free(&arena);
}

static const struct config *parse(const char *text)
{
    diagnostics_init(&diagnostics, arena);
    return config_parse("/etc/mxward/mxward.conf", slice_of_string(text), arena, &diagnostics);
}

/* "LINE:COLUMN: text" of each message in order of place, each on a line. */
static const char *messages(void)
{
    struct slice text = diagnostics_text(&diagnostics, arena);
    struct slice all = SLICE("");

    while (text.text != NULL) {
        struct slice line = slice_cut(&text, '\n');
        static const char file[] = "/etc/mxward/mxward.conf:";

        if (slice_starts_with(line, slice_of_string(file)))
            all = arena_printf(arena, "%.*s%.*s\n", SLICE_ARG(all), SLICE_ARG(slice_from(line, sizeof(file) - 1)));
    }
    return arena_string(arena, all);
}

static const struct bad {
    const char *text;
    const char *messages;
} bad_files[] = {
    { "hostnme \"a.example\"\n" LEAST, "1:1: error: unknown setting \"hostnme\"; did you mean \"hostname\"?\n" },
    { "zzz 1 2 { a b } yyy\n" LEAST, "1:1: error: unknown setting \"zzz\"\n" },
    { "sessions 5\n" LEAST, "1:1: error: \"sessions\" belongs into the block \"limits\"\n" },
    { LEAST "limits { hostname \"x\" }", "2:10: error: \"hostname\" belongs at the top of the file, in no block: is a "
      "\"}\" missing before it?\n" },
    { LEAST "limits { sessions 5 sessions 6 }", "2:21: error: \"sessions\" was set already, on line 2\n" },
    { LEAST "user \"a\"\nuser \"b\"", "3:1: error: \"user\" was set already, on line 2\n" },
    { LEAST "limits { sessions 0 message-size 2G }",
      "2:19: error: \"sessions\" must be between 1 and 100000\n"
      "2:34: error: \"message-size\" must be between 64K and 1G\n" },
    { LEAST "limits { evaluation 20 drain 5M sessions 5s header-size 1h }",
      "2:21: error: \"evaluation\" takes a duration with its unit, as 500ms, 20s, 5m or 1h, not \"20\"\n"
      "2:30: error: \"drain\" takes a duration with its unit, as 500ms, 20s, 5m or 1h, not \"5M\"\n"
      "2:42: error: \"sessions\" takes a plain number, not \"5s\"\n"
      "2:57: error: \"header-size\" takes a size as 256K, 50M or 4G, not \"1h\"\n" },
    { LEAST "limits {\n sessions 5\n", "2:8: error: the block \"limits\" is not closed: \"}\" is missing\n" },
    { LEAST "limits 5", "2:8: error: expected \"{\", found \"5\"\n" },
    { LEAST "hostname", "2:1: error: \"hostname\" was set already, on line 1\n"
      "2:9: error: expected a domain name in quotes, as \"mx.example.org\", found the end of the file\n" },
    { LEAST "authserv-id \"-a.example\"", "2:13: error: \"-a.example\" is not a host name (letters, digits, hyphens "
                                          "and "
      "dots)\n" },
    { LEAST "received maybe workers 2", "2:10: error: expected no or yes, found \"maybe\"\n" },
    { LEAST "runtime-directory \"\"", "2:19: error: expected a path in quotes, found an empty string\n" },
    { LEAST "user \"root\"", "2:1: error: mxward never runs as root: \"user\" names whom it becomes\n" },
    { LEAST "record { file \"r\" syslog }", "2:19: error: records go to one place only, and line 2 chose one "
                                            "already\n" },
    { LEAST "resolver { mode forward { \"192.0.2.300\" } }",
      "2:27: error: expected a server's address as \"192.0.2.53\" or \"[2001:db8::53]:5353\"\n" },
    { LEAST "resolver { mode forward { } }", "2:17: error: \"forward\" needs at least one server\n" },
    { LEAST "resolver { mode iterate }", "2:17: error: expected recurse, system, forward or fixture, found "
                                         "\"iterate\"\n" },
    { LEAST "resolver { unblock-zones { \"te st\" } }",
      "2:28: error: expected the name of a zone as \"test\" or \"2.0.192.in-addr.arpa\"\n" },
    { LEAST "listen \"127.0.0.1\" { tls none }",
      "2:8: error: expected an address and port as \"0.0.0.0:25\" or \"[::]:25\", found \"127.0.0.1\"\n" },
    { LEAST "listen \"127.0.0.1:25\" { tls none }", "2:8: error: this address and port has a listener already\n" },
    { LEAST "listen \"[::]:25\"", "2:8: error: this listener uses TLS and there is no certificate: add tls { "
                                  "certificate "
      "\"FILE\" key \"FILE\" }, or say \"tls none\"\n" },
    { LEAST "listen \"[::]:25\" { tls none client-authorities \"a.pem\" }",
      "2:8: error: \"client-authorities\" asks for certificates in TLS, and this listener has \"tls none\": remove one "
      "of them\n" },
    { LEAST "listen \"[::]:587\" { tls none submission yes }",
      "2:8: error: a listener with \"submission yes\" offers AUTH, and with \"tls none\" passwords would cross the "
      "network in the clear: say \"tls starttls\" or \"tls implicit\"\n" },
    { NAME LISTEN RULES "backend \"127.0.0.1:10587\" { submission yes }",
      "2:8: error: this listener has no backend: all backends say \"submission yes\"\n"
      "4:9: warning: no listener says \"submission yes\": nothing comes to this backend\n" },
    { LEAST "backend \"127.0.0.1:24\" { protocol lmtp submission yes identify-client none }",
      "2:9: warning: no listener says \"submission yes\": nothing comes to this backend\n"
      "2:9: error: a backend for submission speaks SMTP: by LMTP nobody can log in\n" },
    { LEAST "hostname mx.example.org", "2:1: error: \"hostname\" was set already, on line 1\n"
      "2:10: error: expected a domain name in quotes, as \"mx.example.org\", found \"mx.example.org\" without "
      "quotes\n" },
    { LEAST "tls { key \"k\" }", "2:1: error: this block has no \"certificate\"\n" },
    { NAME LISTEN RULES "backend \"127.0.0.1:25\"", "4:9: error: the backend is mxward itself: it listens on "
      "\"127.0.0.1:25\"\n" },
    { NAME LISTEN RULES "backend \"mail.example.org:25\"",
      "4:9: error: expected \"ADDRESS:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\", found \"mail.example.org:25\"\n" },
    { LEAST "backend \"127.0.0.1:10025\"", "2:9: error: this backend is there already\n" },
    { LEAST "backend \"127.0.0.1:10026\" { protocol lmtp }", "2:9: error: this backend and the first speak different "
      "protocols: backends that stand in for each other are all SMTP or all LMTP\n" },
    { NAME LISTEN RULES "backend \"192.0.2.1:25\" { protocol lmtp }",
      "4:9: error: LMTP is never spoken on port 25 (RFC 2033 5): there is an SMTP server\n" },
    { LEAST "backend \"[::1]:2\" backend \"[::1]:3\" backend \"[::1]:4\" backend \"[::1]:5\" backend \"[::1]:6\"\n"
      "backend \"[::1]:7\" backend \"[::1]:8\"\nbackend \"[::1]:9\"", "4:1: error: more than 8 backends\n" },
    { LEAST "backend \"[::1]:2\" { tls-name \"a.example\" tls-verify no }",
      "2:21: error: this does nothing without TLS to the backend: set \"tls starttls\" or \"tls implicit\"\n"
      "2:42: error: this does nothing without TLS to the backend: set \"tls starttls\" or \"tls implicit\"\n" },
    { LEAST "backend \"unix:/run/smtp\" { tls starttls }",
      "2:28: error: a UNIX socket has no name to verify: set \"tls-name\"\n" },
    { LEAST "backend \"[::1]:2\" { tls implicit tls-name \"a b\" tls-key \"k\" }",
      "2:34: error: this is neither a host name nor an address\n"
      "2:49: error: a key without its certificate: set \"tls-certificate\" as well\n" },
    { LEAST "backend \"[::1]:2\" { tls starttls tls-verify no tls-authorities \"a\" }",
      "2:48: error: this does nothing with \"tls-verify no\": remove one of them\n" },
    { LEAST "backend \"[::1]:2\" { identify-client proxy }",
      "2:37: error: expected none, xclient or proxy-v2, found \"proxy\"\n" },
    { LEAST "backend \"[::1]:2\" { tls starttls tls-verify no tls-name \"a.example\" }",
      "2:48: error: this does nothing with \"tls-verify no\": remove one of them\n" },
    { NAME LISTEN RULES, "1:1: error: no backend: say where the mail server is, as: backend \"127.0.0.1:10025\"\n" },
    { NAME BACKEND RULES, "1:1: error: nothing listens: say where, as: listen \"0.0.0.0:25\" { tls starttls }\n" },
    { LEAST "limits { sessions-per-network 60 sessions 50 }",
      "2:10: error: \"sessions-per-network\" is larger than \"sessions\"\n" },
    { LEAST "limits { message-size 100K }", "2:10: error: \"header-size\" is larger than \"message-size\"\n" },
    { LEAST "limits { spool 10M }", "2:10: error: a message of \"message-size\" would not fit into \"spool\"\n" },
    { LEAST "limits { delivery 10s }",
      "2:10: error: \"evaluation\" is longer than \"delivery\", which it is part of\n" },
    { LEAST "\"text\" }", "2:1: error: expected the name of a setting, found the string \"text\"\n"
      "2:8: error: expected the name of a setting, found \"}\"\n" },
    /* One load tells all, and an error does not hide the next setting, on the same line or on another. */
    { LEAST "received x workers y\nspool-directory 5\nlimits { drain x sessions y }",
      "2:10: error: expected no or yes, found \"x\"\n2:20: error: expected a plain number, found \"y\"\n"
      "3:17: error: expected a path in quotes, found \"5\" without quotes\n"
      "4:16: error: expected a duration with its unit, as 500ms, 20s, 5m or 1h, found \"x\"\n"
      "4:27: error: expected a plain number, found \"y\"\n" },
};

START_TEST(bad_file)
{
    const struct bad *row = &bad_files[_i];

    ck_assert_msg(parse(row->text) == NULL, "%s", row->text);
    ck_assert_str_eq(messages(), row->messages);
}
END_TEST

START_TEST(passwords_to_another_machine)
{
    ck_assert_ptr_nonnull(parse(NAME "tls { certificate \"c\" key \"k\" } "
                                "listen \"[::]:465\" { tls implicit submission yes }\n" RULES
                                "backend \"192.0.2.1:587\"\nbackend \"[::1]:587\"\n"
                                "backend \"192.0.2.2:587\" { tls starttls }\nbackend \"unix:/run/submission\""));
    ck_assert_str_eq(messages(), "4:9: warning: a listener says \"submission yes\", and users' passwords go to this "
                                 "backend in the clear: say \"tls starttls\" or \"tls implicit\"\n");
    ck_assert_ptr_nonnull(parse(NAME BACKEND LISTEN RULES "backend \"192.0.2.1:25\""));
    ck_assert_str_eq(messages(), "");
}
END_TEST

START_TEST(no_rules)
{
    ck_assert_ptr_nonnull(parse(NAME BACKEND LISTEN));
    ck_assert_uint_eq(diagnostics.warnings, 1);
    ck_assert_str_eq(messages(), "1:1: warning: no rules: every message passes; name a file, as: rules { file "
                                 "\"/etc/mxward/rules/monitor.rules\" }\n");
}
END_TEST

START_TEST(defaults)
{
    const struct config *config = parse(LEAST);

    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(diagnostics.warnings, 0);
    ck_assert_str_eq(config->authserv_id, "mx.example.org");
    ck_assert_str_eq(config->user, "mxward");
    ck_assert_str_eq(config->runtime_directory, "/run/mxward");
    ck_assert_str_eq(config->spool_directory, "/var/spool/mxward");
    ck_assert_uint_eq(config->workers, 0);
    ck_assert(config->add_received && config->backends[0].identity == BACKEND_IDENTITY_XCLIENT);
    ck_assert(!config->backends[0].relays_for_anyone);
    ck_assert_int_eq(config->record_target, RECORD_FILE);
    ck_assert_str_eq(config->record_file, "/var/log/mxward/record.jsonl");
    ck_assert(config->record_answers && !config->record_subject);
    ck_assert_int_eq(config->resolver.mode, RESOLVER_RECURSE);
    ck_assert_str_eq(config->resolver.root_key_path, "/usr/share/dns/root.key");
    ck_assert(config->listeners[0].tls == LISTENER_TLS_NONE && !config->listeners[0].normalise);
    ck_assert_str_eq(config->rules[0], "/etc/mxward/a.rules");
    ck_assert_ptr_null(config->rules[1]);
}
END_TEST

/* config.h names the default of every limit. */
START_TEST(default_limits)
{
    const struct config_limits *limits = &parse(LEAST)->limits;

    ck_assert_uint_eq(limits->sessions, 5000);
    ck_assert_uint_eq(limits->sessions_per_network, 50);
    ck_assert_uint_eq(limits->session_rate, 600);
    ck_assert_uint_eq(limits->message_size, 50UL << 20);
    ck_assert_uint_eq(limits->header_size, 256UL << 10);
    ck_assert_uint_eq(limits->auth_failures, 100);
    ck_assert_uint_eq(limits->authentication, 60000);
    ck_assert_uint_eq(limits->recipients, 1000);
    ck_assert_uint_eq(limits->transactions, 100);
    ck_assert_uint_eq(limits->errors, 20);
    ck_assert_uint_eq(limits->commands, 2000);
    ck_assert_uint_eq(limits->questions, 200);
    ck_assert_uint_eq(limits->signatures, 10);
    ck_assert_uint_eq(limits->memory, 512UL << 20);
    ck_assert_uint_eq(limits->spool, 4UL << 30);
    ck_assert_uint_eq(limits->evaluation, 20000);
    ck_assert_uint_eq(limits->command, 300000);
    ck_assert_uint_eq(limits->data_block, 180000);
    ck_assert_uint_eq(limits->message, 30 * 60000);
    ck_assert_uint_eq(limits->delivery, 300000);
    ck_assert_uint_eq(limits->backend_sessions, 80);
    ck_assert_uint_eq(limits->backend_spares, 4);
    ck_assert_uint_eq(limits->backend_hold, 5000);
    ck_assert_uint_eq(limits->drain, 25000);
}
END_TEST

static const char everything[] =
    "# all of it\n"
    "authserv-id \"example.org\"  hostname \"mx.example.org\" user \"mail\" workers 3\n"
    "runtime-directory \"run\" spool-directory \"/spool\" received no\n"
    "listen \"0.0.0.0:25\" { tls starttls line-ends normalise }\n"
    "listen \"[2001:db8::1]:465\" { tls implicit }\n"
    "backend \"[::1]:10025\" { identify-client none relays-for-anyone yes }\n"
    "tls { certificate \"rsa.pem\" key \"/keys/rsa.key\" }\n"
    "tls { certificate \"both.pem\" }\n"
    "resolver { mode forward { \"192.0.2.53\" \"[2001:db8::53]:5353\" \"2001:db8::54\" } root-key \"k\"\n"
    "           unblock-zones { \"test\" \"2.0.192.in-addr.arpa\" } unblock-lan-zones yes }\n"
    "rules { file \"a.rules\" file \"/b.rules\" }\n"
    "record { syslog subject yes answers no }\n"
    "limits { sessions 10 memory 1G backend-sessions 2 backend-command 1500ms message 1h backend-hold 0 }\n";

START_TEST(good_file)
{
    const struct config *config = parse(everything);

    ck_assert_msg(config != NULL, "%s", messages());
    ck_assert_str_eq(config->authserv_id, "example.org");
    ck_assert_str_eq(config->runtime_directory, "/etc/mxward/run");
    ck_assert_str_eq(config->spool_directory, "/spool");
    ck_assert_uint_eq(config->workers, 3);
    ck_assert(!config->add_received);
    ck_assert_uint_eq(config->listeners_count, 2);
    ck_assert(config->listeners[0].normalise && config->listeners[0].tls == LISTENER_TLS_STARTTLS);
    ck_assert(!config->listeners[1].normalise && config->listeners[1].tls == LISTENER_TLS_IMPLICIT);
    ck_assert_uint_eq(config->listeners[1].address.family, 6);
    ck_assert_uint_eq(config->listeners[1].port, 465);
    ck_assert(slice_equal(config->listeners[1].text, SLICE("[2001:db8::1]:465")));
    ck_assert(config->backends[0].identity == BACKEND_IDENTITY_NONE && config->backends[0].relays_for_anyone);
    ck_assert_str_eq(config->backends[0].address, "[::1]:10025");
    ck_assert_str_eq(config->backends[0].hostname, "mx.example.org");
    ck_assert_uint_eq(config->certificates_count, 2);
    ck_assert_str_eq(config->certificates[0].key_path, "/keys/rsa.key");
    ck_assert_str_eq(config->certificates[1].key_path, "/etc/mxward/both.pem");
    ck_assert_str_eq(config->rules[1], "/b.rules");
    ck_assert_int_eq(config->record_target, RECORD_SYSLOG);
    ck_assert(config->record_subject && !config->record_answers);
}
END_TEST

START_TEST(good_backends)
{
    const struct config *config =
        parse(NAME LISTEN RULES "backend \"192.0.2.1:25\" { tls starttls }\n"
              "backend \"unix:/run/smtp\" { tls implicit tls-name \"mail.example.org\" tls-authorities \"ca.pem\"\n"
              "  tls-certificate \"our.pem\" identify-client proxy-v2 }\n"
              "backend \"[2001:db8::1]:25\" { tls starttls tls-verify no tls-certificate \"/a\" tls-key \"/b\" }\n");
    const struct backend_settings *backends;

    ck_assert_msg(config != NULL, "%s", messages());
    backends = config->backends;
    ck_assert_uint_eq(config->backends_count, 3);
    ck_assert_str_eq(backends[0].trust.name, "192.0.2.1");
    ck_assert(backends[0].trust.verify && backends[0].trust.authorities_path == NULL);
    ck_assert(backends[0].identity == BACKEND_IDENTITY_XCLIENT && backends[0].protocol == BACKEND_SMTP);
    ck_assert_int_eq(backends[1].tls, BACKEND_TLS_IMPLICIT);
    ck_assert_int_eq(backends[1].identity, BACKEND_IDENTITY_PROXY);
    ck_assert_str_eq(backends[1].trust.authorities_path, "/etc/mxward/ca.pem");
    ck_assert_str_eq(backends[1].trust.key_path, "/etc/mxward/our.pem");
    ck_assert(!backends[2].trust.verify && backends[2].trust.name == NULL);
    ck_assert_str_eq(backends[2].trust.key_path, "/b");
    ck_assert(config_tells_client_name(config));
    /* What an LMTP server is told of the client must be asked for. */
    config = parse(NAME LISTEN RULES "backend \"unix:/run/lmtp\" { protocol lmtp }\n"
                   "backend \"192.0.2.1:24\" { identify-client xclient protocol lmtp }");
    ck_assert_msg(config != NULL, "%s", messages());
    ck_assert_int_eq(config->backends[0].identity, BACKEND_IDENTITY_NONE);
    ck_assert_int_eq(config->backends[1].identity, BACKEND_IDENTITY_XCLIENT);
}
END_TEST

/* Mail by LMTP, submission to a server that lets users in: which of them a session goes to is its listener's. */
START_TEST(serving)
{
    const struct config *config = parse(NAME LISTEN RULES "listen \"[::1]:465\" { tls implicit submission yes }\n"
                                        "tls { certificate \"a.pem\" }\n"
                                        "backend \"127.0.0.1:24\" { protocol lmtp relays-for-anyone yes }\n"
                                        "backend \"127.0.0.1:10587\" { submission yes }\n");

    ck_assert_msg(config != NULL, "%s", messages());
    ck_assert(!config->listeners[0].submission && config->listeners[1].submission);
    ck_assert(!config->backends[0].submission && config->backends[1].submission);
    ck_assert_int_eq(config_protocol(config, false), BACKEND_LMTP);
    ck_assert_int_eq(config_protocol(config, true), BACKEND_SMTP);
    ck_assert(!backend_settings_same(&config->backends[0], &config->backends[1]));
    config = parse(LEAST "backend \"127.0.0.1:10026\"");
    ck_assert_int_eq(config_protocol(config, true), BACKEND_SMTP);
}
END_TEST

START_TEST(good_resolver_and_limits)
{
    const struct config *config = parse(everything);

    ck_assert_ptr_nonnull(config);
    ck_assert_int_eq(config->resolver.mode, RESOLVER_FORWARD);
    ck_assert_str_eq(config->resolver.forwarders[1], "[2001:db8::53]:5353");
    ck_assert_ptr_null(config->resolver.forwarders[3]);
    ck_assert_str_eq(config->resolver.unblock_zones[0], "test");
    ck_assert(config->resolver.unblock_lan_zones);
    ck_assert_str_eq(config->resolver.root_key_path, "/etc/mxward/k");
    ck_assert_uint_eq(config->limits.sessions, 10);
    /* A default gives way to what was set. */
    ck_assert_uint_eq(config->limits.sessions_per_network, 10);
    ck_assert_uint_eq(config->limits.backend_spares, 2);
    ck_assert_uint_eq(config->backends[0].sessions_most, 2);
    ck_assert_uint_eq(config->backends[0].command_seconds, 2);
    ck_assert_uint_eq(config->limits.message, 3600000);
    ck_assert_uint_eq(config->limits.backend_hold, 0);
}
END_TEST

/* Only recursion validates unless told to: a forwarder may not hand on signatures. */
START_TEST(no_root_key_when_forwarding)
{
    ck_assert_ptr_null(parse(LEAST "resolver { mode system }")->resolver.root_key_path);
    ck_assert_ptr_null(parse(LEAST "resolver { root-key \"\" }")->resolver.root_key_path);
}
END_TEST

static const struct {
    const char *text;
    bool port_required;
    bool good;
    uint16_t port;
} endpoints[] = {
    { "192.0.2.1:25", true, true, 25 },   { "[2001:db8::1]:0", true, true, 0 }, { "192.0.2.1", true, false, 0 },
    { "2001:db8::1:25", true, false, 0 }, { "[192.0.2.1]:25", true, false, 0 }, { "192.0.2.1:65536", true, false, 0 },
    { "192.0.2.1:", true, false, 0 },     { "[::1]25", true, false, 0 },        { "[::1:25", true, false, 0 },
    { ":25", true, false, 0 },            { "", true, false, 0 },               { "192.0.2.1", false, true, 53 },
    { "2001:db8::1", false, true, 53 },   { "[2001:db8::1]", false, true, 53 }, { "192.0.2.1:5353", false, true, 5353 },
    { "[::1]:x", false, false, 0 },
};

START_TEST(endpoint)
{
    struct address address;
    uint16_t port = 0;
    bool good = config_parse_endpoint(slice_of_string(endpoints[_i].text), endpoints[_i].port_required, &address,
                                      &port);

    ck_assert_msg(good == endpoints[_i].good, "%s", endpoints[_i].text);
    if (good)
        ck_assert_uint_eq(port, endpoints[_i].port);
}
END_TEST

/* RFC 1123 2.1, RFC 1035 2.3.4. */
START_TEST(host_names)
{
    static const char *const good[] = { "a", "a.b", "1.example", "a-b.example", "xn--bcher-kva.example" };
    static const char *const wrong[] = { "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a_b", "a b",
      "b\xC3\xBC.example" };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(config_is_host_name(slice_of_string(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!config_is_host_name(slice_of_string(wrong[i])), "%s", wrong[i]);
    ck_assert(config_is_host_name(slice_of_string("a23456789012345678901234567890123456789012345678901234567890123")));
    ck_assert(!config_is_host_name(SLICE("a234567890123456789012345678901234567890123456789012345678901234")));
}
END_TEST

/* What the master seals the others read: the same configuration, with the same paths. */
START_TEST(sealed)
{
    const struct config *config = parse(everything);
    int descriptor = generation_seal_config(config);
    struct slice problem;
    const struct config *again;

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_lt(write(descriptor, "x", 1), 0);
    again = generation_open_config(descriptor, arena, &problem);
    ck_assert_ptr_nonnull(again);
    ck_assert(slice_equal(again->text, config->text));
    ck_assert_str_eq(again->runtime_directory, config->runtime_directory);
    close(descriptor);
}
END_TEST

START_TEST(unreadable)
{
    ck_assert_ptr_null(config_load("/nonexistent/mxward.conf", arena, &diagnostics));
    ck_assert(slice_equal(diagnostics.first->text, SLICE("cannot read /nonexistent/mxward.conf: No such file or "
                                                         "directory "
                                                                  "(-c names another)")));
    diagnostics_init(&diagnostics, arena);
    ck_assert_ptr_null(config_load("/dev/null", arena, &diagnostics));
    ck_assert(slice_equal(diagnostics.first->text, SLICE("cannot read /dev/null: not a regular file (-c names "
                                                         "another)")));
}
END_TEST

/* The table itself: every row is complete, names are unique within their block, every default can be read. */
START_TEST(table)
{
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct setting *setting = &config_settings[i];

        ck_assert_msg(setting->help != NULL && setting->help[0] != '\0', "%s", setting->name);
        ck_assert_msg(config_type_name(setting->type)[0] != '\0', "%s", setting->name);
        for (size_t j = 0; j < i; j++)
            ck_assert_msg(config_settings[j].block != setting->block ||
                          strcmp(config_settings[j].name, setting->name) != 0,
                          "%s", setting->name);
    }
}
END_TEST

Suite *suite_config(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, bad_file, 0, sizeof(bad_files) / sizeof(bad_files[0]));
    tcase_add_test(tests, no_rules);
    tcase_add_test(tests, passwords_to_another_machine);
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, default_limits);
    tcase_add_test(tests, good_file);
    tcase_add_test(tests, good_backends);
    tcase_add_test(tests, serving);
    tcase_add_test(tests, good_resolver_and_limits);
    tcase_add_test(tests, no_root_key_when_forwarding);
    tcase_add_loop_test(tests, endpoint, 0, sizeof(endpoints) / sizeof(endpoints[0]));
    tcase_add_test(tests, host_names);
    tcase_add_test(tests, sealed);
    tcase_add_test(tests, unreadable);
    tcase_add_test(tests, table);
    suite_add_tcase(suite, tests);
    return suite;
}
