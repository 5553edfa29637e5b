/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields.c: readers of what the session and the envelope show, the table of all fields, and the
 * rule language as mxward offers it. A reader never fails: states
 * say what is missing. Texts are the client's; whoever prints them escapes them.
 */
#include "policy/fields_private.h"

#include "policy/actions.h"
#include "policy/auth_dkim_cover.h"
#include "policy/auth_spf.h"
#include "policy/envelope_address.h"
#include "policy/host_name.h"
#include "policy/indirect.h"
#include "policy/iprev.h"
#include "policy/language.h"
#include "policy/mailbox.h"

static const struct facts *facts_of(const void *context)
{
    return ((const struct field_context *)context)->facts;
}

const struct iprev_outcome *field_iprev(struct field_context *context)
{
    if (!context->has_iprev)
        context->findings->iprev = iprev(context->facts, context->answers, context->arena);
    context->has_iprev = true;
    return &context->findings->iprev;
}

const struct spf_outcome *field_spf(struct field_context *context)
{
    if (!context->has_spf)
        context->findings->spf = auth_spf(context->facts, context->answers, context->arena, AUTH_SPF_MAIL_FROM);
    context->has_spf = true;
    return &context->findings->spf;
}

const struct spf_outcome *field_spf_helo(struct field_context *context)
{
    if (!context->has_spf_helo)
        context->findings->spf_helo = auth_spf(context->facts, context->answers, context->arena, AUTH_SPF_HELO);
    context->has_spf_helo = true;
    return &context->findings->spf_helo;
}

/*
 * At stage connect only what began with the connection: rules of that stage are run again with every later stage, and
 * must not see then what they could not see before.
 */
static const struct facts *tls_of(const void *context)
{
    static const struct facts none;
    const struct field_context *of = context;
    return of->stage == STAGE_CONNECT && !of->facts->tls_implicit ? &none : of->facts;
}

static struct value domain_or_absent(struct slice text, struct arena *arena)
{
    struct slice domain;
    if (text.length == 0 || !mailbox_domain(text, arena, &domain))
        return value_in_state(VALUE_DOMAIN, VALUE_ABSENT);
    return value_domain(domain);
}

static struct value result_value(enum auth_result result)
{
    if (result == AUTH_PENDING)
        return value_in_state(VALUE_WORD, VALUE_PENDING);
    return result == AUTH_TEMPERROR ? value_temperror() : value_word(auth_result_name(result));
}

/* What is empty because it could not be found out is unknown. */
static struct value found_text(enum value_type type, enum auth_result result, struct slice text)
{
    if (result == AUTH_PENDING)
        return value_in_state(type, VALUE_PENDING);
    if (text.length == 0)
        return value_in_state(type, result == AUTH_TEMPERROR ? VALUE_UNKNOWN : VALUE_ABSENT);
    return type == VALUE_DOMAIN ? value_domain(text) : value_text(text);
}

static READER(read_client_ip)
{
    UNUSED_KEY;
    return value_address(facts_of(context)->client_address);
}

static READER(read_client_port)
{
    UNUSED_KEY;
    return value_number(facts_of(context)->client_port);
}

static READER(read_client_name)
{
    UNUSED_KEY;
    const struct iprev_outcome *outcome = field_iprev(context);
    return found_text(VALUE_DOMAIN, outcome->result, outcome->result == AUTH_PASS ? outcome->name : SLICE_NONE);
}

static READER(read_client_reverse_name)
{
    UNUSED_KEY;
    const struct iprev_outcome *outcome = field_iprev(context);
    return found_text(VALUE_DOMAIN, outcome->result, outcome->reverse_name);
}

static READER(read_iprev_result)
{
    UNUSED_KEY;
    return result_value(field_iprev(context)->result);
}

static READER(read_listener)
{
    UNUSED_KEY;
    return value_text(facts_of(context)->listener);
}

static READER(read_listener_submission)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->submission);
}

static READER(read_local_ip)
{
    UNUSED_KEY;
    return value_address(facts_of(context)->local_address);
}

static READER(read_local_port)
{
    UNUSED_KEY;
    return value_number(facts_of(context)->local_port);
}

static READER(read_helo)
{
    UNUSED_KEY;
    return facts_of(context)->has_helo ? text_or_absent(facts_of(context)->helo)
                                       : value_in_state(VALUE_TEXT, VALUE_ABSENT);
}

static READER(read_helo_domain)
{
    (void)key;
    return domain_or_absent(facts_of(context)->has_helo ? facts_of(context)->helo : SLICE_NONE, arena);
}

static READER(read_helo_valid)
{
    UNUSED_KEY;
    struct slice helo = facts_of(context)->helo;
    return value_boolean(host_name_is_domain(helo) || host_name_is_literal(helo, NULL));
}

static READER(read_helo_literal)
{
    UNUSED_KEY;
    return value_boolean(host_name_is_bracketed(facts_of(context)->helo));
}

static READER(read_helo_esmtp)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->esmtp);
}

static READER(read_tls)
{
    UNUSED_KEY;
    return value_boolean(tls_of(context)->tls);
}

static READER(read_tls_implicit)
{
    UNUSED_KEY;
    return value_boolean(tls_of(context)->tls_implicit);
}

static READER(read_tls_version)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_version);
}

static READER(read_tls_cipher)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_cipher);
}

static READER(read_tls_bits)
{
    UNUSED_KEY;
    return tls_of(context)->tls ? value_number(tls_of(context)->tls_bits)
                                  : value_in_state(VALUE_NUMBER, VALUE_ABSENT);
}

static READER(read_tls_server_name)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_server_name);
}

static READER(read_tls_resumed)
{
    UNUSED_KEY;
    return value_boolean(tls_of(context)->tls_resumed);
}

static READER(read_tls_client_verified)
{
    UNUSED_KEY;
    return value_boolean(tls_of(context)->tls_client.verified);
}

static READER(read_tls_client_subject)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_client.subject);
}

static READER(read_tls_client_issuer)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_client.issuer);
}

static READER(read_tls_client_fingerprint)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_client.fingerprint);
}

static READER(read_tls_client_problem)
{
    UNUSED_KEY;
    return text_or_absent(tls_of(context)->tls_client.problem);
}

static READER(read_auth_authenticated)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->authenticated);
}

static READER(read_auth_mechanism)
{
    UNUSED_KEY;
    return text_or_absent(facts_of(context)->auth_mechanism);
}

static READER(read_auth_user)
{
    UNUSED_KEY;
    return text_or_absent(facts_of(context)->auth_user);
}

static READER(read_auth_identity)
{
    UNUSED_KEY;
    return text_or_absent(facts_of(context)->auth_identity);
}

static READER(read_sender)
{
    const struct facts *facts = facts_of(context);
    (void)key;
    return text_or_absent(envelope_address_text(facts->sender_local_part, facts->sender_domain, arena));
}

static READER(read_sender_local)
{
    (void)key;
    return text_or_absent(envelope_address_local(facts_of(context)->sender_local_part, arena));
}

static READER(read_sender_domain)
{
    (void)key;
    return domain_or_absent(facts_of(context)->sender_domain, arena);
}

static READER(read_sender_null)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->sender.length == 0);
}

static READER(read_sender_size)
{
    UNUSED_KEY;
    uint64_t size = facts_of(context)->declared_size;
    return size == 0 ? value_in_state(VALUE_NUMBER, VALUE_ABSENT)
                     : value_number(size > INT64_MAX ? INT64_MAX : (int64_t)size);
}

static READER(read_sender_8bit)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->body_8bit);
}

static READER(read_sender_smtputf8)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->smtputf8);
}

static READER(read_sender_requiretls)
{
    UNUSED_KEY;
    return value_boolean(facts_of(context)->requiretls);
}

static READER(read_spf_result)
{
    UNUSED_KEY;
    return result_value(field_spf(context)->result);
}

static READER(read_spf_domain)
{
    (void)key;
    const struct spf_outcome *outcome = field_spf(context);
    if (outcome->result == AUTH_PENDING)
        return value_in_state(VALUE_DOMAIN, VALUE_PENDING);
    return domain_or_absent(outcome->domain, arena);
}

static READER(read_spf_reason)
{
    UNUSED_KEY;
    const struct spf_outcome *outcome = field_spf(context);
    return found_text(VALUE_TEXT, outcome->result, outcome->reason);
}

static READER(read_spf_explanation)
{
    UNUSED_KEY;
    const struct spf_outcome *outcome = field_spf(context);
    return found_text(VALUE_TEXT, outcome->result, outcome->explanation);
}

static READER(read_spf_helo)
{
    UNUSED_KEY;
    return result_value(field_spf_helo(context)->result);
}

static READER(read_spf_helo_domain)
{
    (void)key;
    const struct spf_outcome *outcome = field_spf_helo(context);
    if (outcome->result == AUTH_PENDING)
        return value_in_state(VALUE_DOMAIN, VALUE_PENDING);
    return domain_or_absent(outcome->domain, arena);
}

static READER(read_spf_helo_reason)
{
    UNUSED_KEY;
    const struct spf_outcome *outcome = field_spf_helo(context);
    return found_text(VALUE_TEXT, outcome->result, outcome->reason);
}

/* Known even of a temperror: what was met before it. */
static struct value spf_number(const struct spf_outcome *outcome, int64_t number)
{
    return outcome->result == AUTH_PENDING ? value_in_state(VALUE_NUMBER, VALUE_PENDING) : value_number(number);
}

static READER(read_spf_lookups)
{
    UNUSED_KEY;
    return spf_number(field_spf(context), field_spf(context)->lookups);
}

static READER(read_spf_void_lookups)
{
    UNUSED_KEY;
    return spf_number(field_spf(context), field_spf(context)->void_lookups);
}

/* One item a recipient, made by `item_of`; those that have none are left out. */
static struct value of_recipients(const struct field_context *context, enum value_type type, struct arena *arena,
                                  struct slice (*item_of)(const struct facts_recipient *recipient, struct arena *arena))
{
    struct value_item *items = arena_array(arena, context->recipients_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < context->recipients_count; i++) {
        items[count].text = item_of(&context->recipients[i], arena);
        if (items[count].text.length > 0)
            count++;
    }
    return value_items(type, items, count);
}

static struct slice path_of(const struct facts_recipient *recipient, struct arena *arena)
{
    return envelope_address_text(recipient->local_part, recipient->domain, arena);
}

static struct slice local_part_of(const struct facts_recipient *recipient, struct arena *arena)
{
    return envelope_address_local(recipient->local_part, arena);
}

static struct slice domain_of(const struct facts_recipient *recipient, struct arena *arena)
{
    return domain_or_absent(recipient->domain, arena).item.text;
}

static READER(read_recipient)
{
    (void)key;
    return of_recipients(context, VALUE_TEXT, arena, path_of);
}

static READER(read_recipient_local)
{
    (void)key;
    return of_recipients(context, VALUE_TEXT, arena, local_part_of);
}

static READER(read_recipient_domain)
{
    (void)key;
    return of_recipients(context, VALUE_DOMAIN, arena, domain_of);
}

static READER(read_recipients_count)
{
    UNUSED_KEY;
    return value_number((int64_t)facts_of(context)->recipients_count);
}

static READER(read_score)
{
    UNUSED_KEY;
    return value_number(((const struct field_context *)context)->score);
}

static const char *const iprev_words[] = { "pass", "fail", "temperror", "permerror", NULL };
static const char *const ptr_words[] = { "found", "none", "temperror", NULL };
static const char *const spf_words[] = {
    "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", NULL
};
static const char *const dkim_words[] = { "none", "pass", "fail", "policy", "neutral", "temperror", "permerror", NULL };
static const char *const dmarc_words[] = { "none", "pass", "fail", "temperror", "permerror", NULL };
static const char *const arc_words[] = { "none", "pass", "fail", "temperror", NULL };
static const char *const tag_words[] = { "p", "sp", "np", "default", NULL };
static const char *const policy_words[] = { "none", "quarantine", "reject", NULL };

/* clang-format off */
static const struct field table[] = {
    /* name, alias, type, known from, keyed, words or units, read by, help */
    { "client.ip",            NULL,    VALUE_ADDRESS, STAGE_CONNECT, false, NULL, read_client_ip,
      "address of the client" },
    { "client.port",          NULL,    VALUE_NUMBER,  STAGE_CONNECT, false, NULL, read_client_port,
      "port of the client" },
    { "client.name",          NULL,    VALUE_DOMAIN,  STAGE_CONNECT, false, NULL, read_client_name,
      "verified name of the client: its PTR name has its address" },
    { "client.reverse-name",  NULL,    VALUE_DOMAIN,  STAGE_CONNECT, false, NULL, read_client_reverse_name,
      "PTR name of the client, verified or not" },
    { "iprev.result",         "iprev", VALUE_WORD,    STAGE_CONNECT, false, iprev_words, read_iprev_result,
      "whether the client's address has a name that has the address (RFC 8601 2.7.3)" },
    { "iprev.ptr",            NULL,    VALUE_WORD,    STAGE_CONNECT, false, ptr_words, field_iprev_ptr,
      "the first step of that: whether the address has names (PTR)" },
    { "iprev.names",          NULL,    VALUE_DOMAIN,  STAGE_CONNECT, false, NULL, field_iprev_names,
      "those names, the first ten" },
    { "iprev.count",          NULL,    VALUE_NUMBER,  STAGE_CONNECT, false, NULL, field_iprev_count,
      "how many names there are" },
    { "iprev.confirmed",      NULL,    VALUE_DOMAIN,  STAGE_CONNECT, false, NULL, field_iprev_confirmed,
      "names that have the client's address" },
    { "iprev.mismatched",     NULL,    VALUE_DOMAIN,  STAGE_CONNECT, false, NULL, field_iprev_mismatched,
      "names that have other addresses" },
    { "iprev.unresolved",     NULL,    VALUE_DOMAIN,  STAGE_CONNECT, false, NULL, field_iprev_unresolved,
      "names that have no address of the client's kind" },
    { "client.early",         NULL,    VALUE_BOOLEAN, STAGE_CONNECT, false, NULL, field_client_early,
      "whether the client spoke before it was greeted" },
    { "client.via",           NULL,    VALUE_ADDRESS, STAGE_CONNECT, false, NULL, field_client_via,
      "host that says who the client is, by XCLIENT or the PROXY protocol; absent when nobody does" },
    { "listener",             NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_listener,
      "the listener the client came to, as configured" },
    { "listener.submission",  NULL,    VALUE_BOOLEAN, STAGE_CONNECT, false, NULL, read_listener_submission,
      "whether that listener is for your own users (submission yes)" },
    { "local.ip",             NULL,    VALUE_ADDRESS, STAGE_CONNECT, false, NULL, read_local_ip,
      "our address that the client came to" },
    { "local.port",           NULL,    VALUE_NUMBER,  STAGE_CONNECT, false, NULL, read_local_port,
      "our port that the client came to" },
    { "score",                NULL,    VALUE_NUMBER,  STAGE_CONNECT, false, NULL, read_score,
      "sum of what `score` actions added so far" },
    { "helo",                 NULL,    VALUE_TEXT,    STAGE_HELO,    false, NULL, read_helo,
      "argument of HELO or EHLO" },
    { "helo.domain",          NULL,    VALUE_DOMAIN,  STAGE_HELO,    false, NULL, read_helo_domain,
      "the same as a domain; absent when it is an address literal" },
    { "helo.valid",           NULL,    VALUE_BOOLEAN, STAGE_HELO,    false, NULL, read_helo_valid,
      "whether it is a domain or an address literal by RFC 5321's grammar" },
    { "helo.literal",         NULL,    VALUE_BOOLEAN, STAGE_HELO,    false, NULL, read_helo_literal,
      "whether it is an address in brackets, with or without the tag that IPv6 needs" },
    { "helo.ours",            NULL,    VALUE_BOOLEAN, STAGE_HELO,    false, NULL, field_helo_ours,
      "whether it is our hostname, our authserv-id, or the address that the client came to" },
    { "helo.resolves",        NULL,    VALUE_BOOLEAN, STAGE_HELO,    false, NULL, field_helo_resolves,
      "whether the DNS knows an address of it; absent when it is an address itself" },
    { "helo.matches",         NULL,    VALUE_BOOLEAN, STAGE_HELO,    false, NULL, field_helo_matches,
      "whether it has, or is, the client's address" },
    { "helo.esmtp",           NULL,    VALUE_BOOLEAN, STAGE_HELO,    false, NULL, read_helo_esmtp,
      "whether the client said EHLO" },
    { "tls",                  NULL,    VALUE_BOOLEAN, STAGE_CONNECT, false, NULL, read_tls,
      "whether the session is encrypted" },
    { "tls.implicit",         NULL,    VALUE_BOOLEAN, STAGE_CONNECT, false, NULL, read_tls_implicit,
      "whether it was from its first byte on" },
    { "tls.version",          NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_version,
      "\"TLSv1.2\", \"TLSv1.3\"" },
    { "tls.cipher",           NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_cipher,
      "name of the cipher" },
    { "tls.bits",             NULL,    VALUE_NUMBER,  STAGE_CONNECT, false, NULL, read_tls_bits,
      "bits of the cipher's key" },
    { "tls.server-name",      NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_server_name,
      "the host that the client asked for (SNI), as it wrote it" },
    { "tls.resumed",          NULL,    VALUE_BOOLEAN, STAGE_CONNECT, false, NULL, read_tls_resumed,
      "whether it is an earlier session, resumed" },
    { "tls.client.verified",  NULL,    VALUE_BOOLEAN, STAGE_CONNECT, false, NULL, read_tls_client_verified,
      "whether the client gave a certificate that the listener's client-authorities vouch for" },
    { "tls.client.subject",   NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_client_subject,
      "whose certificate it is, as CN=mail.example.org,O=Example; believe it only when verified" },
    { "tls.client.issuer",    NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_client_issuer,
      "who signed it, written likewise" },
    { "tls.client.fingerprint", NULL,  VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_client_fingerprint,
      "SHA-256 of the certificate in lower case hexadecimal digits; certain also when not verified" },
    { "tls.client.problem",   NULL,    VALUE_TEXT,    STAGE_CONNECT, false, NULL, read_tls_client_problem,
      "why it is not verified" },
    { "spf.helo",             NULL,    VALUE_WORD,    STAGE_HELO,    false, spf_words, read_spf_helo,
      "SPF's result for the HELO domain" },
    { "spf.helo-domain",      NULL,    VALUE_DOMAIN,  STAGE_HELO,    false, NULL, read_spf_helo_domain,
      "the HELO domain in A-labels; absent when there is none to check" },
    { "spf.helo-reason",      NULL,    VALUE_TEXT,    STAGE_HELO,    false, NULL, read_spf_helo_reason,
      "the term that matched for the HELO domain, or what is wrong with its record" },
    { "auth.authenticated",   NULL,    VALUE_BOOLEAN, STAGE_MAIL,    false, NULL, read_auth_authenticated,
      "whether the backend let the client in as one of its users (AUTH)" },
    { "auth.mechanism",       NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_auth_mechanism,
      "how: \"PLAIN\", \"SCRAM-SHA-256\"; absent when it did not" },
    { "auth.user",            NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_auth_user,
      "whose password it was, as the client wrote the name; absent where the mechanism does not show it" },
    { "auth.identity",        NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_auth_identity,
      "whom that user asked to act for; absent when it did not ask" },
    { "sender",               NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_sender,
      "envelope sender, no more quoted than must be, domain in lower case; absent when it is null" },
    { "sender.local",         NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_sender_local,
      "its local part, without quotes" },
    { "sender.domain",        NULL,    VALUE_DOMAIN,  STAGE_MAIL,    false, NULL, read_sender_domain,
      "its domain" },
    { "sender.null",          NULL,    VALUE_BOOLEAN, STAGE_MAIL,    false, NULL, read_sender_null,
      "whether it is the null sender, as of bounces" },
    { "sender.size",          NULL,    VALUE_NUMBER,  STAGE_MAIL,    false, field_bytes, read_sender_size,
      "size that MAIL declared, in bytes" },
    { "sender.8bit",          NULL,    VALUE_BOOLEAN, STAGE_MAIL,    false, NULL, read_sender_8bit,
      "whether MAIL declared BODY=8BITMIME" },
    { "sender.smtputf8",      NULL,    VALUE_BOOLEAN, STAGE_MAIL,    false, NULL, read_sender_smtputf8,
      "whether MAIL said SMTPUTF8" },
    { "sender.requiretls",    NULL,    VALUE_BOOLEAN, STAGE_MAIL,    false, NULL, read_sender_requiretls,
      "whether MAIL said REQUIRETLS (RFC 8689)" },
    { "spf.result",           "spf",   VALUE_WORD,    STAGE_MAIL,    false, spf_words, read_spf_result,
      "SPF's result for the envelope sender; with the null sender for postmaster at the HELO domain" },
    { "spf.domain",           NULL,    VALUE_DOMAIN,  STAGE_MAIL,    false, NULL, read_spf_domain,
      "the domain that result is about" },
    { "spf.reason",           NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_spf_reason,
      "the term that matched, or what is wrong with the record" },
    { "spf.explanation",      NULL,    VALUE_TEXT,    STAGE_MAIL,    false, NULL, read_spf_explanation,
      "what the domain has to say about a fail (exp=)" },
    { "spf.lookups",          NULL,    VALUE_NUMBER,  STAGE_MAIL,    false, NULL, read_spf_lookups,
      "terms that asked DNS; RFC 7208 allows 10, 11 is a permerror" },
    { "spf.void-lookups",     NULL,    VALUE_NUMBER,  STAGE_MAIL,    false, NULL, read_spf_void_lookups,
      "look-ups that found nothing; RFC 7208 allows 2, 3 is a permerror" },
    { "recipient",            NULL,    VALUE_TEXT,    STAGE_RCPT,    false, NULL, read_recipient,
      "at rcpt the recipient asked about, at message all of them; as sender" },
    { "recipient.local",      NULL,    VALUE_TEXT,    STAGE_RCPT,    false, NULL, read_recipient_local,
      "local part of the same, without quotes" },
    { "recipient.domain",     NULL,    VALUE_DOMAIN,  STAGE_RCPT,    false, NULL, read_recipient_domain,
      "domain of the same" },
    { "recipients.count",     NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, read_recipients_count,
      "how many recipients were accepted" },
    { "spf.aligned",          NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_spf_aligned,
      "whether SPF passes for a domain that aligns with the author domain" },
    { "dkim.result",          "dkim",  VALUE_WORD,    STAGE_MESSAGE, false, dkim_words, field_dkim_result,
      "the best result of all signatures; none without any" },
    { "dkim.domain",          NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_dkim_domain,
      "domains of the signatures that pass" },
    { "dkim.selector",        NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_selector,
      "selectors of the signatures that pass" },
    { "dkim.algorithm",       NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_algorithm,
      "algorithms of the signatures that pass: \"rsa-sha256\"" },
    { "dkim.count",           NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_dkim_count,
      "how many signatures the message has" },
    { "dkim.aligned",         NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_dkim_aligned,
      "whether a signature passes whose domain aligns with the author domain" },
    { "dkim.bits",            NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_dkim_bits,
      "smallest key of the signatures that pass" },
    { "dkim.length",          NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_dkim_length,
      "whether a signature that passes covers only the start of the body (l=)" },
    { "dkim.reason",           NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_reason,
      "why signatures do not pass, each that does not" },
    { "dkim.tried",            NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_dkim_tried,
      "how many of them were tried: none that is malformed, no more than the limit `signatures`" },
    { "dkim.whole",            NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_dkim_whole,
      "whether a signature passes and aligns, covers the whole body, and no field that it signs was added" },
    { "dkim.signatures",       NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_signatures,
      "each signature in a line, as \"Several signatures\" below shows" },
    { "dkim.best.domain",      NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_dkim_best_domain,
      "d= of the best signature: that which vouches for most" },
    { "dkim.best.selector",    NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_best_selector,
      "its selector, s=" },
    { "dkim.best.identity",    NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_best_identity,
      "its identity, i=; @ and d= when it has none" },
    { "dkim.best.algorithm",   NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_best_algorithm,
      "its algorithm, a=" },
    { "dkim.best.bits",        NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_dkim_best_bits,
      "bits of its key; absent when no key was found" },
    { "dkim.best.aligned",     NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_dkim_best_aligned,
      "whether d= aligns with the author domain" },
    { "dkim.best.test",        NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_dkim_best_test,
      "whether the key says that the domain is testing DKIM (t=y)" },
    { "dkim.best.reason",      NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dkim_best_reason,
      "why it does not pass" },
    { "dkim.best.age",         NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, field_time, field_dkim_best_age,
      "time from its making (t=) to the arrival; absent without t=" },
    { "dkim.best.expires",     NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, field_time, field_dkim_best_expires,
      "time from the arrival to its end (x=), negative behind it; absent without x=" },
    { "dkim.best.covered",     NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, field_bytes, field_dkim_best_covered,
      "bytes of the body that it covers, canonicalized" },
    { "dkim.best.uncovered",   NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, field_bytes, field_dkim_best_uncovered,
      "bytes of the body behind those: not 0 only with l=" },
    { "dkim.best.added",       NULL,    VALUE_WORD,    STAGE_MESSAGE, false, auth_dkim_field_names,
      field_dkim_best_added,
      "fields of which there are more than it signs: all but the lowest may have been added" },
    { "dkim.best.unsigned",    NULL,    VALUE_WORD,    STAGE_MESSAGE, false, auth_dkim_field_names,
      field_dkim_best_unsigned,
      "fields that are there and that it does not sign" },
    { "dmarc.result",         "dmarc", VALUE_WORD,    STAGE_MESSAGE, false, dmarc_words, field_dmarc_result,
      "DMARC's result (RFC 9989); none when the author domain has no record" },
    { "dmarc.policy",         NULL,    VALUE_WORD,    STAGE_MESSAGE, false, policy_words, field_dmarc_policy,
      "the policy that applies to the author domain: p, sp or np, one step less with t=y" },
    { "dmarc.asked",          NULL,    VALUE_WORD,    STAGE_MESSAGE, false, policy_words, field_dmarc_asked,
      "the same without regard to t=y" },
    { "dmarc.tag",            NULL,    VALUE_WORD,    STAGE_MESSAGE, false, tag_words, field_dmarc_tag,
      "the tag it was taken from; default: p is missing or invalid, beside a report address" },
    { "dmarc.aligned",        NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_dmarc_aligned,
      "domains of SPF and of signatures that pass and align with the author domain" },
    { "dmarc.published",      NULL,    VALUE_WORD,    STAGE_MESSAGE, false, policy_words, field_dmarc_published,
      "p= of the record" },
    { "dmarc.domain",         NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_dmarc_domain,
      "the domain that has the record" },
    { "dmarc.author",         NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_dmarc_author,
      "the author domain that the result is about: of several the one with the strictest outcome" },
    { "dmarc.organizational-domain", NULL, VALUE_DOMAIN, STAGE_MESSAGE, false, NULL, field_dmarc_organizational_domain,
      "organizational domain of the author domain" },
    { "dmarc.test",           NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_dmarc_test,
      "whether the record says t=y: the policy is only being tried" },
    { "dmarc.reason",         NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_dmarc_reason,
      "why the result is what it is" },
    { "arc.result",           "arc",   VALUE_WORD,    STAGE_MESSAGE, false, arc_words, field_arc_result,
      "whether the chain of ARC sets is valid (RFC 8617); none without any" },
    { "arc.reason",           NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_arc_reason,
      "why it is not" },
    { "arc.count",            NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_arc_count,
      "how many sets the chain has; 0 when they make no chain" },
    { "arc.oldest-pass",      NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_arc_oldest_pass,
      "the oldest set since which nothing was changed; 0: since all of them" },
    { "arc.sealers",          NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_arc_sealers,
      "domains of the seals of a chain that passes, newest first" },
    { "arc.vouchers",         NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_arc_vouchers,
      "those of them whom one has to trust to believe arc.claims.*; absent when something may have been added since" },
    { "arc.trusted",          NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, field_arc_lists, field_arc_trusted,
      "whether all of arc.vouchers are in the list trusted-sealers, which the rules must have" },
    { "arc.claims",           NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_arc_claims,
      "all that the sealers claim: \"i=1 list.example.net: dmarc=pass header.from=example.org\"" },
    { "arc.claims.spf",       NULL,    VALUE_WORD,    STAGE_MESSAGE, false, field_arc_spf_words, field_arc_claims_spf,
      "SPF's results as claimed by the last of arc.vouchers" },
    { "arc.claims.dkim",      NULL,    VALUE_WORD,    STAGE_MESSAGE, false, field_arc_dkim_words, field_arc_claims_dkim,
      "DKIM's results as claimed by it" },
    { "arc.claims.dmarc",     NULL,    VALUE_WORD,    STAGE_MESSAGE, false, field_arc_dmarc_words,
      field_arc_claims_dmarc, "DMARC's result as claimed by it for the author domain" },
    { "from.domain",          NULL,    VALUE_DOMAIN,  STAGE_MESSAGE, false, NULL, field_from_domain,
      "author domains: of every mailbox in every From field" },
    { "from.count",           NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_from_count,
      "how many From fields there are" },
    { "from.mailboxes",       NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_from_mailboxes,
      "how many mailboxes they name" },
    { "from.malformed",       NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_from_malformed,
      "whether the header or its From cannot be read surely (RFC 5322)" },
    { "from.problem",         NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_from_problem,
      "why, when it is malformed" },
    { "from.text",            NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_from_text,
      "first From field, unfolded" },
    { "from.oddities",        NULL,    VALUE_WORD,    STAGE_MESSAGE, false, &oddity_words[ODDITY_FROM_FIRST],
      field_from_oddities, "everything odd about From, by name" },
    { "indirect",             NULL,    VALUE_BOOLEAN, STAGE_MESSAGE, false, NULL, field_indirect,
      "whether there are signs that a mailing list or forwarder sent it on (RFC 9989 7.4)" },
    { "indirect.signs",       NULL,    VALUE_WORD,    STAGE_MESSAGE, false, indirect_words, field_indirect_signs,
      "which signs" },
    { "header",               NULL,    VALUE_TEXT,    STAGE_MESSAGE, true,  NULL, field_header,
      "header[\"NAME\"]: every field of that name, unfolded" },
    { "header.size",          NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, field_bytes, field_header_size,
      "bytes of the header" },
    { "header.count",         NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_header_count,
      "how many fields the header has" },
    { "header.oddities",      NULL,    VALUE_WORD,    STAGE_MESSAGE, false, &oddity_words[ODDITY_HEADER_FIRST],
      field_header_oddities, "everything odd about the header's form, by name" },
    { "message.size",         NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, field_bytes, field_message_size,
      "bytes of the whole message" },
    { "message.hops",         NULL,    VALUE_NUMBER,  STAGE_MESSAGE, false, NULL, field_message_hops,
      "how many Received fields the message came with: the hosts that it went through" },
    { "message.id",           NULL,    VALUE_TEXT,    STAGE_MESSAGE, false, NULL, field_message_id,
      "the Message-ID field" },
};
/* clang-format on */

const struct language judge_language = {
    .stages = stage_names,
    .stages_count = STAGE_COUNT,
    .fields = table,
    .fields_count = sizeof table / sizeof table[0],
    .actions = action_table,
    .actions_count = ACTION_COUNT,
};
