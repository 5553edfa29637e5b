/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_settings.c: one table of settings. A row declares a setting, says where it is kept, gives its default
 * as it would be written (read by the code that reads files) and its bounds; mxward.conf(5) has an entry for
 * each row, and lint compares them. A new setting is a row here and an entry there.
 */
#include "proxy/config_settings.h"

#include "policy/frame.h"
#include "proxy/status.h"

#define MINUTES(count) ((int64_t)(count) * 60 * 1000)
#define SECONDS(count) ((int64_t)(count) * 1000)
#define KIB(count) ((int64_t)(count) << 10)
#define MIB(count) ((int64_t)(count) << 20)
#define GIB(count) ((int64_t)(count) << 30)

#define TOP(member) offsetof(struct config, member)
#define LISTENER(member) offsetof(struct config_listener, member)
#define CERTIFICATE(member) offsetof(struct tls_certificate, member)
#define BACKEND(member) offsetof(struct backend_settings, member)
#define LIMIT(member) offsetof(struct config, limits.member)

static const char *const vrfy_words[] = { "noncommittal", "backend", "off", NULL };
static const char *const tls_words[] = { "none", "starttls", "implicit", NULL };
static const char *const line_end_words[] = { "strict", "normalise", NULL };
static const char *const identify_words[] = {
    [BACKEND_IDENTITY_NONE] = "none", [BACKEND_IDENTITY_XCLIENT] = "xclient", [BACKEND_IDENTITY_PROXY] = "proxy-v2",
    NULL,
};
static const char *const protocol_words[] = { [BACKEND_SMTP] = "smtp", [BACKEND_LMTP] = "lmtp", NULL };
static const char *const backend_tls_words[] = {
    [BACKEND_TLS_NONE] = "none", [BACKEND_TLS_STARTTLS] = "starttls", [BACKEND_TLS_IMPLICIT] = "implicit", NULL,
};

const struct setting config_settings[] = {
    { BLOCK_TOP, "hostname", SETTING_NAME, TOP(hostname), NULL, 0, 0, NULL, 0, false,
      "the name in banner, EHLO and Received; the system's host name unless set" },
    { BLOCK_TOP, "authserv-id", SETTING_NAME, TOP(authserv_id), NULL, 0, 0, NULL, 0, false,
      "whose Authentication-Results these are (RFC 8601 2.5); hostname unless set" },
    { BLOCK_TOP, "user", SETTING_TEXT, TOP(user), "\"mxward\"", 0, 0, NULL, 0, false,
      "what a master started as root becomes for good; never root" },
    { BLOCK_TOP, "workers", SETTING_COUNT, TOP(workers), "0", 0, STATUS_WORKERS_MOST, NULL, 0, false,
      "worker processes; 0: one for each processor" },
    { BLOCK_TOP, "runtime-directory", SETTING_PATH, TOP(runtime_directory), "\"/run/mxward\"", 0, 0, NULL, 0, false,
      "holds the status table" },
    { BLOCK_TOP, "spool-directory", SETTING_PATH, TOP(spool_directory), "\"/var/spool/mxward\"", 0, 0, NULL, 0, false,
      "holds large messages while they are judged, as files without a name" },
    { BLOCK_TOP, "received", SETTING_YES, TOP(add_received), "yes", 0, 0, NULL, 0, false,
      "add a Received field to what passes" },
    { BLOCK_TOP, "vrfy", SETTING_WORD, TOP(vrfy), "noncommittal", 0, 0, vrfy_words, 0, false,
      "VRFY is answered by 252 whatever the address is, by the backend, or not at all" },
    { BLOCK_TOP, "listen", SETTING_LISTEN, 0, NULL, 0, 0, NULL, BLOCK_LISTEN, true,
      "an address and port to accept sessions on" },
    { BLOCK_TOP, "backend", SETTING_BACKEND, 0, NULL, 0, 0, NULL, BLOCK_BACKEND, true,
      "a mail server that messages are passed to; of several the first that is up" },
    { BLOCK_TOP, "tls", SETTING_BLOCK, 0, NULL, 0, 0, NULL, BLOCK_TLS, true,
      "a certificate to offer" },
    { BLOCK_TOP, "resolver", SETTING_BLOCK, 0, NULL, 0, 0, NULL, BLOCK_RESOLVER, false,
      "how DNS is asked" },
    { BLOCK_TOP, "rules", SETTING_BLOCK, 0, NULL, 0, 0, NULL, BLOCK_RULES, false,
      "what messages are judged by" },
    { BLOCK_TOP, "record", SETTING_BLOCK, 0, NULL, 0, 0, NULL, BLOCK_RECORD, false,
      "where records go and what they hold" },
    { BLOCK_TOP, "limits", SETTING_BLOCK, 0, NULL, 0, 0, NULL, BLOCK_LIMITS, false,
      "what is bounded" },

    { BLOCK_LISTEN, "tls", SETTING_WORD, LISTENER(tls), "starttls", 0, 0, tls_words, 0, false,
      "STARTTLS is offered, TLS begins with the connection, or neither" },
    { BLOCK_LISTEN, "submission", SETTING_YES, LISTENER(submission), "no", 0, 0, NULL, 0, false,
      "for your own users (RFC 6409): offer AUTH, and pass it through to the backend" },
    { BLOCK_LISTEN, "client-authorities", SETTING_PATH, LISTENER(client_authorities), NULL, 0, 0, NULL, 0, false,
      "PEM file: ask clients for a certificate, and verify it by these authorities; a fact for rules" },
    { BLOCK_LISTEN, "proxy-protocol", SETTING_NETWORKS, LISTENER(proxy_protocol), NULL, 0, 0, NULL, 0, false,
      "load balancers that say by a header of the PROXY protocol who each client is; nobody else may connect" },
    { BLOCK_LISTEN, "xclient", SETTING_NETWORKS, LISTENER(xclient), NULL, 0, 0, NULL, 0, false,
      "hosts that say by XCLIENT for which client they speak; from anyone else that is refused" },
    { BLOCK_LISTEN, "banner-delay", SETTING_DURATION, LISTENER(banner_delay), "0", 0, SECONDS(60), NULL, 0, false,
      "how long the banner is held back; who speaks before it is an early talker, a fact for rules" },
    { BLOCK_LISTEN, "line-ends", SETTING_EITHER, LISTENER(normalise), "strict", 0, 0, line_end_words, 0, false,
      "refuse bare CR, bare LF and NUL in messages, or mend line ends" },

    { BLOCK_BACKEND, "protocol", SETTING_WORD, BACKEND(protocol), "smtp", 0, 0, protocol_words, 0, false,
      "what the backend speaks; by LMTP a transaction has one recipient" },
    { BLOCK_BACKEND, "identify-client", SETTING_WORD, BACKEND(identity), "xclient", 0, 0, identify_words, 0, false,
      "how the backend learns who the client is; with protocol lmtp none unless set" },
    { BLOCK_BACKEND, "tls", SETTING_WORD, BACKEND(tls), "none", 0, 0, backend_tls_words, 0, false,
      "TLS to the backend: by STARTTLS, from the beginning of the connection, or not at all" },
    { BLOCK_BACKEND, "tls-verify", SETTING_YES, BACKEND(trust.verify), "yes", 0, 0, NULL, 0, false,
      "verify the backend's certificate; no: anybody on the way can be the backend" },
    { BLOCK_BACKEND, "tls-name", SETTING_TEXT, BACKEND(trust.name), NULL, 0, 0, NULL, 0, false,
      "host name or address that its certificate must be for; that of the backend unless set" },
    { BLOCK_BACKEND, "tls-authorities", SETTING_PATH, BACKEND(trust.authorities_path), NULL, 0, 0, NULL, 0, false,
      "PEM file: who may have signed its certificate; the system's authorities unless set" },
    { BLOCK_BACKEND, "tls-certificate", SETTING_PATH, BACKEND(trust.certificate_path), NULL, 0, 0, NULL, 0, false,
      "PEM file: the certificate shown to a backend that asks for one, then those it was signed by" },
    { BLOCK_BACKEND, "tls-key", SETTING_PATH, BACKEND(trust.key_path), NULL, 0, 0, NULL, 0, false,
      "PEM file with its private key; the certificate's file unless set" },
    { BLOCK_BACKEND, "submission", SETTING_YES, BACKEND(submission), "no", 0, 0, NULL, 0, false,
      "serves the sessions of listeners with submission yes, and no others" },
    { BLOCK_BACKEND, "relays-for-anyone", SETTING_YES, BACKEND(relays_for_anyone), "no", 0, 0, NULL, 0, false,
      "a test's backend that takes mail from anyone to anyone: start nevertheless" },

    { BLOCK_TLS, "certificate", SETTING_PATH, CERTIFICATE(certificate_path), NULL, 0, 0, NULL, 0, false,
      "PEM file: the certificate, then those it was signed by" },
    { BLOCK_TLS, "key", SETTING_PATH, CERTIFICATE(key_path), NULL, 0, 0, NULL, 0, false,
      "PEM file with its private key; the certificate's file unless set" },

    { BLOCK_RESOLVER, "mode", SETTING_MODE, TOP(resolver), "recurse", 0, 0, NULL, 0, false,
      "ask from the root down, ask as resolv.conf says, ask these servers, or read a fixture" },
    { BLOCK_RESOLVER, "unblock-zones", SETTING_ZONES, TOP(resolver.unblock_zones), NULL, 0, 0, NULL, 0, false,
      "ask about zones that are otherwise answered locally, as \"test\" or \"2.0.192.in-addr.arpa\"" },
    { BLOCK_RESOLVER, "unblock-lan-zones", SETTING_YES, TOP(resolver.unblock_lan_zones), "no", 0, 0, NULL, 0, false,
      "ask about the reverse zones of private networks (RFC 6303)" },
    { BLOCK_RESOLVER, "root-key", SETTING_PATH_OR_NONE, TOP(resolver.root_key_path), "\"/usr/share/dns/root.key\"", 0,
      0, NULL, 0,
      false, "DNSSEC trust anchor; with another mode than recurse only if set; \"\" for no validation" },
    { BLOCK_RESOLVER, "root-hints", SETTING_PATH_OR_NONE, TOP(resolver.root_hints_path),
      "\"/usr/share/dns/root.hints\"", 0, 0,
      NULL, 0, false, "addresses of the root servers; \"\" for those built in" },

    { BLOCK_RULES, "file", SETTING_PATHS, TOP(rules), NULL, 0, 0, NULL, 0, true,
      "a file of rules; several are read in order as one" },

    { BLOCK_RECORD, "file", SETTING_RECORD_FILE, TOP(record_file), "\"/var/log/mxward/record.jsonl\"", 0, 0, NULL, 0,
      false,
      "records are appended to this file" },
    { BLOCK_RECORD, "syslog", SETTING_RECORD_SYSLOG, TOP(record_target), NULL, 0, 0, NULL, 0, false,
      "records go to syslog, facility mail" },
    { BLOCK_RECORD, "none", SETTING_RECORD_NONE, TOP(record_target), NULL, 0, 0, NULL, 0, false,
      "no records" },
    { BLOCK_RECORD, "subject", SETTING_YES, TOP(record_subject), "no", 0, 0, NULL, 0, false,
      "record the Subject" },
    { BLOCK_RECORD, "answers", SETTING_YES, TOP(record_answers), "yes", 0, 0, NULL, 0, false,
      "record the DNS answers used; without them a record cannot be judged again" },

    { BLOCK_LIMITS, "sessions", SETTING_COUNT, LIMIT(sessions), "5000", 1, 100000, NULL, 0, false,
      "sessions at once" },
    { BLOCK_LIMITS, "sessions-per-network", SETTING_COUNT, LIMIT(sessions_per_network), "50", 1, 100000, NULL, 0, false,
      "sessions at once of one IPv4 address or IPv6 /64" },
    { BLOCK_LIMITS, "session-rate", SETTING_COUNT, LIMIT(session_rate), "600", 0, 1000000, NULL, 0, false,
      "new sessions a minute of one IPv4 address or IPv6 /64; 0: any number" },
    { BLOCK_LIMITS, "auth-failures", SETTING_COUNT, LIMIT(auth_failures), "100", 0, 1000000, NULL, 0, false,
      "AUTHs an hour that fail, of one IPv4 address or IPv6 /64; 0: any number" },
    { BLOCK_LIMITS, "message-size", SETTING_SIZE, LIMIT(message_size), "50M", KIB(64), GIB(1), NULL, 0, false,
      "bytes of a message" },
    { BLOCK_LIMITS, "header-size", SETTING_SIZE, LIMIT(header_size), "256K", KIB(16), FRAME_HEADER_MOST, NULL, 0, false,
      "bytes of a message's header" },
    { BLOCK_LIMITS, "header-fields", SETTING_COUNT, LIMIT(header_fields), "1000", 50, 100000, NULL, 0, false,
      "fields of a message's header" },
    { BLOCK_LIMITS, "hops", SETTING_COUNT, LIMIT(hops), "100", 10, 100000, NULL, 0, false,
      "Received fields of a message: beyond it goes in a loop (RFC 5321 6.3: at least 100)" },
    { BLOCK_LIMITS, "recipients", SETTING_COUNT, LIMIT(recipients), "1000", 100, 10000, NULL, 0, false,
      "recipients of a transaction (RFC 5321 4.5.3.1.8: at least 100)" },
    { BLOCK_LIMITS, "transactions", SETTING_COUNT, LIMIT(transactions), "100", 1, 1000000, NULL, 0, false,
      "transactions of a session" },
    { BLOCK_LIMITS, "errors", SETTING_COUNT, LIMIT(errors), "20", 1, 1000000, NULL, 0, false,
      "refused commands of a session" },
    { BLOCK_LIMITS, "commands", SETTING_COUNT, LIMIT(commands), "2000", 10, 1000000, NULL, 0, false,
      "commands of a session" },
    { BLOCK_LIMITS, "questions", SETTING_COUNT, LIMIT(questions), "200", 20, 10000, NULL, 0, false,
      "DNS questions for a message" },
    { BLOCK_LIMITS, "signatures", SETTING_COUNT, LIMIT(signatures), "10", 1, EVIDENCE_SIGNATURES_MOST, NULL, 0, false,
      "DKIM signatures of a message that are tried" },
    { BLOCK_LIMITS, "memory", SETTING_SIZE, LIMIT(memory), "512M", MIB(1), GIB(1024), NULL, 0, false,
      "bytes of all messages held in memory" },
    { BLOCK_LIMITS, "spool", SETTING_SIZE, LIMIT(spool), "4G", MIB(1), GIB(65536), NULL, 0, false,
      "bytes of all messages held in files" },
    { BLOCK_LIMITS, "evaluation", SETTING_DURATION, LIMIT(evaluation), "20s", 100, MINUTES(4), NULL, 0, false,
      "waiting for the answers one stage needs" },
    { BLOCK_LIMITS, "command", SETTING_DURATION, LIMIT(command), "300s", SECONDS(1), MINUTES(60), NULL, 0, false,
      "waiting for a command (RFC 5321 4.5.3.2.7: 300s)" },
    { BLOCK_LIMITS, "authentication", SETTING_DURATION, LIMIT(authentication), "60s", SECONDS(1), MINUTES(60), NULL, 0,
      false, "an AUTH exchange, from the command to its end" },
    { BLOCK_LIMITS, "data-block", SETTING_DURATION, LIMIT(data_block), "180s", SECONDS(1), MINUTES(60), NULL, 0, false,
      "waiting for the next bytes of a message (RFC 5321 4.5.3.2.5: 180s)" },
    { BLOCK_LIMITS, "message", SETTING_DURATION, LIMIT(message), "30m", SECONDS(1), MINUTES(24 * 60), NULL, 0, false,
      "a message from 354 to its end" },
    { BLOCK_LIMITS, "delivery", SETTING_DURATION, LIMIT(delivery), "300s", SECONDS(1), MINUTES(10), NULL, 0, false,
      "from the end of a message to the reply" },
    { BLOCK_LIMITS, "backend-sessions", SETTING_COUNT, LIMIT(backend_sessions), "80", 1, 100000, NULL, 0, false,
      "sessions with each backend at once" },
    { BLOCK_LIMITS, "backend-spares", SETTING_COUNT, LIMIT(backend_spares), "4", 0, 1000, NULL, 0, false,
      "of these, sessions opened ahead of need" },
    { BLOCK_LIMITS, "backend-hold", SETTING_DURATION, LIMIT(backend_hold), "5s", 0, MINUTES(5), NULL, 0, false,
      "how long a message may take to arrive before its backend session is let go" },
    { BLOCK_LIMITS, "backend-connect", SETTING_SECONDS, LIMIT(backend_connect), "10s", SECONDS(1), MINUTES(5),
      NULL, 0,
      false, "connecting to the backend, and its greeting" },
    { BLOCK_LIMITS, "backend-command", SETTING_SECONDS, LIMIT(backend_command), "60s", SECONDS(1), MINUTES(5),
      NULL, 0,
      false, "the backend's reply to a command" },
    { BLOCK_LIMITS, "drain", SETTING_DURATION, LIMIT(drain), "25s", 0, MINUTES(60), NULL, 0, false,
      "transactions under way at the end: how long they are waited for" },
};

const size_t config_settings_count = sizeof(config_settings) / sizeof(config_settings[0]);
_Static_assert(sizeof(config_settings) / sizeof(config_settings[0]) <= CONFIG_SETTINGS_MOST,
               "raise CONFIG_SETTINGS_MOST");

const char *config_block_name(enum config_block block)
{
    for (size_t i = 0; block != BLOCK_TOP && i < config_settings_count; i++)
        if (config_settings[i].opens == block)
            return config_settings[i].name;
    return "";
}

const char *config_type_name(enum setting_type type)
{
    switch (type) {
    case SETTING_NAME:
        return "domain name";
    case SETTING_TEXT:
        return "text";
    case SETTING_PATH:
    case SETTING_PATH_OR_NONE:
    case SETTING_PATHS:
    case SETTING_RECORD_FILE:
        return "path";
    case SETTING_YES:
        return "yes | no";
    case SETTING_WORD:
    case SETTING_EITHER:
        return "word";
    case SETTING_COUNT:
        return "number";
    case SETTING_SIZE:
        return "size";
    case SETTING_DURATION:
    case SETTING_SECONDS:
        return "duration";
    case SETTING_ZONES:
        return "{ names }";
    case SETTING_NETWORKS:
        return "from { networks }";
    case SETTING_MODE:
        return "mode";
    case SETTING_RECORD_SYSLOG:
    case SETTING_RECORD_NONE:
        return "no value";
    case SETTING_LISTEN:
    case SETTING_BACKEND:
        return "address:port { block }";
    case SETTING_BLOCK:
        return "{ block }";
    }
    return "";
}
