/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_results.c: the fields mxward adds, as text. The shapes are the RFCs'; escaping and folding are
 * field_writer's. Nothing here decides anything.
 */
#include "policy/auth_results.h"

#include "policy/auth_dkim_parse.h"
#include "policy/field_writer.h"
#include "policy/host_name.h"

static struct added_field finish(struct field_writer *writer, struct slice name)
{
    return (struct added_field){ .name = name, .text = field_writer_end(writer) };
}

static void put_reason(struct field_writer *writer, struct slice reason)
{
    if (reason.length == 0)
        return;
    struct slice value = field_value(slice_first(reason, 200), writer->arena);
    /* A token would do, but readers expect quotes here. */
    if (value.text[0] != '"')
        field_writer_printf(writer, "reason=\"%.*s\"", SLICE_ARG(value));
    else
        field_writer_printf(writer, "reason=%.*s", SLICE_ARG(value));
}

static void put_property(struct field_writer *writer, const char *name, struct slice value)
{
    struct slice text = field_address(value, writer->arena);
    field_writer_printf(writer, "%s=%.*s", name, SLICE_ARG(text));
}

/* RFC 8601 2.7.3 */
static void put_iprev(struct field_writer *writer, const struct facts *facts, const struct iprev_outcome *iprev)
{
    char buffer[ADDRESS_TEXT];
    field_writer_printf(writer, "iprev=%s", auth_result_name(iprev->result));
    if (iprev->reverse_name.length > 0)
        field_writer_piece(writer,
                           field_comment(iprev->name.length > 0 ? iprev->name : iprev->reverse_name, writer->arena));
    put_property(writer, "policy.iprev", address_print(&facts->client_address, buffer));
}

static void put_spf(struct field_writer *writer, const struct spf_outcome *spf, const char *property,
                    struct slice identity)
{
    field_writer_printf(writer, "spf=%s", auth_result_name(spf->result));
    if (spf->reason.length > 0)
        field_writer_piece(writer, field_comment(slice_first(spf->reason, 200), writer->arena));
    put_property(writer, property, identity);
}

/* RFC 8601 2.7.1, RFC 6008. */
static void put_dkim(struct field_writer *writer, const struct signature *signature, const struct dkim_outcome *dkim)
{
    field_writer_printf(writer, "dkim=%s", auth_result_name(dkim->result));
    if (signature->key_bits > 0)
        field_writer_printf(writer, "(%u-bit key%s)", signature->key_bits, dkim->test_key ? ", test" : "");
    put_reason(writer, dkim->reason);
    if (signature->domain.length > 0)
        put_property(writer, "header.d", signature->domain);
    if (signature->identity.length > 0)
        put_property(writer, "header.i", slice_first(signature->identity, 320));
    if (signature->selector.length > 0)
        put_property(writer, "header.s", signature->selector);
    if (signature->algorithm.length > 0)
        put_property(writer, "header.a", slice_first(signature->algorithm, 40));
    if (signature->value_start.length > 0)
        put_property(writer, "header.b", signature->value_start);
}

static void put_signatures(struct field_writer *writer, const struct evidence *evidence,
                           const struct findings *findings)
{
    bool any = false;
    for (size_t i = 0; i < findings->dkim_count && i < evidence->signatures_count; i++) {
        if (slice_equal(evidence->signatures[i].problem, SLICE(AUTH_DKIM_BEYOND_LIMIT)))
            continue;
        field_writer_append(writer, ";");
        put_dkim(writer, &evidence->signatures[i], &findings->dkim[i]);
        any = true;
    }
    if (any)
        return;
    field_writer_append(writer, ";");
    field_writer_printf(writer, "dkim=none");
}

static void put_dmarc(struct field_writer *writer, const struct dmarc_outcome *dmarc)
{
    field_writer_printf(writer, "dmarc=%s", auth_result_name(dmarc->result));
    if (dmarc->published != DMARC_NO_POLICY)
        field_writer_printf(writer, "(p=%s%s%s%s)", dmarc_policy_name(dmarc->published),
                            dmarc->test_mode ? " t=y" : "",
                            dmarc->disposition != DMARC_NO_DISPOSITION ? " disposition=" : "",
                            dmarc_disposition_name(dmarc->disposition));
    if (dmarc->result != AUTH_PASS)
        put_reason(writer, dmarc->reason);
    if (dmarc->author_domain.length > 0)
        put_property(writer, "header.from", dmarc->author_domain);
    /* RFC 9989 9.1 */
    if (dmarc->policy != DMARC_NO_POLICY)
        put_property(writer, "policy.dmarc", slice_of_string(dmarc_policy_name(dmarc->policy)));
}

/* RFC 8617 6, 10. A result that could not be found out for now is not registered: 5.2.1 calls it a failure. */
static void put_arc(struct field_writer *writer, const struct facts *facts, const struct evidence *evidence,
                    const struct arc_outcome *arc)
{
    char buffer[ADDRESS_TEXT];
    bool failed = arc->result == AUTH_FAIL || arc->result == AUTH_TEMPERROR;
    field_writer_printf(writer, "arc=%s", failed ? "fail" : auth_result_name(arc->result));
    if (evidence->arc_sets_count > 0) {
        const struct signature *seal = &evidence->arc_sets[evidence->arc_sets_count - 1].seal;
        struct slice comment = arena_printf(writer->arena, "i=%zu by %.*s", evidence->arc_sets_count,
                                            SLICE_ARG(seal->domain));
        field_writer_piece(writer, field_comment(comment, writer->arena));
    }
    if (failed)
        put_reason(writer, arc->reason);
    if (arc->has_oldest_pass)
        field_writer_printf(writer, "header.oldest-pass=%u", arc->oldest_pass);
    if (arc->result != AUTH_NONE)
        put_property(writer, "smtp.remote-ip", address_print(&facts->client_address, buffer));
}

/* The sender, or with the null sender whom RFC 7208 2.4 puts in its place. */
static struct slice sender_identity(const struct facts *facts, struct arena *arena)
{
    if (facts->sender.length > 0)
        return facts->sender;
    return arena_printf(arena, "postmaster@%.*s", SLICE_ARG(facts->helo));
}

/*
 * RFC 8601 2.7.4. The name (smtp.auth) is left out: the field goes out to the world with the message, and half of what
 * a password guesser needs is in it. The record has it.
 */
static void put_auth(struct field_writer *writer)
{
    field_writer_printf(writer, "auth=pass");
}

/* Who the client is by DNS, and what SPF says of it. */
static void put_client_results(struct field_writer *writer, const struct facts *facts, const struct findings *findings)
{
    put_iprev(writer, facts, &findings->iprev);
    field_writer_append(writer, ";");
    put_spf(writer, &findings->spf, "smtp.mailfrom", sender_identity(facts, writer->arena));
    field_writer_append(writer, ";");
    put_spf(writer, &findings->spf_helo, "smtp.helo", facts->helo);
}

/*
 * Of a user of ours it says that it is one, and what the message's signatures are worth. SPF, and DMARC which builds on
 * it, are about servers at the border: a user's own computer fails them without fault, and whoever reads the field
 * further on would hold it against the message.
 */
struct added_field auth_results_field(const struct facts *facts, const struct evidence *evidence,
                                      const struct findings *findings, struct arena *arena)
{
    struct field_writer writer;
    struct slice name = SLICE("Authentication-Results");

    field_writer_begin(&writer, name, arena);
    writer.utf8 = facts->smtputf8;
    field_writer_piece(&writer, field_value(facts->authserv_id, arena));
    field_writer_append(&writer, ";");
    if (facts->authenticated)
        put_auth(&writer);
    else
        put_client_results(&writer, facts, findings);
    if (findings->has_message && evidence != NULL) {
        put_signatures(&writer, evidence, findings);
        if (!facts->authenticated) {
            field_writer_append(&writer, ";");
            put_dmarc(&writer, &findings->dmarc);
        }
        field_writer_append(&writer, ";");
        put_arc(&writer, facts, evidence, &findings->arc);
    }
    return finish(&writer, name);
}

static const char *spf_sentence(enum auth_result result)
{
    switch (result) {
    case AUTH_PASS:
        return "permits";
    case AUTH_FAIL:
        return "does not permit";
    case AUTH_SOFTFAIL:
        return "probably does not permit";
    case AUTH_NEUTRAL:
        return "says nothing of";
    case AUTH_NONE:
        return "has no policy for";
    case AUTH_PERMERROR:
        return "has an invalid policy for";
    case AUTH_POLICY:
    case AUTH_TEMPERROR:
    case AUTH_PENDING:
        break;
    }
    return "could not be asked about";
}

static void put_pair(struct field_writer *writer, const char *key, struct slice value)
{
    struct slice text = field_dot_atom(value, writer->arena);
    field_writer_printf(writer, "%s=%.*s;", key, SLICE_ARG(text));
}

struct added_field auth_results_received_spf(const struct facts *facts, const struct findings *findings,
                                             struct arena *arena)
{
    struct field_writer writer;
    struct slice name = SLICE("Received-SPF"), identity = sender_identity(facts, arena);
    char buffer[ADDRESS_TEXT];
    struct slice address = address_print(&facts->client_address, buffer),
                 shown = slice_first(identity, FACTS_PATH_MOST);
    const struct spf_outcome *spf = &findings->spf;

    field_writer_begin(&writer, name, arena);
    writer.utf8 = facts->smtputf8;
    field_writer_printf(&writer, "%s", auth_result_name(spf->result));
    struct slice comment = arena_printf(arena, "%.*s: %.*s %s %.*s", SLICE_ARG(facts->hostname), SLICE_ARG(shown),
                                        spf_sentence(spf->result), SLICE_ARG(address));
    field_writer_piece(&writer, field_comment(comment, arena));
    put_pair(&writer, "client-ip", address);
    put_pair(&writer, "envelope-from", identity);
    put_pair(&writer, "helo", facts->helo);
    put_pair(&writer, "identity", SLICE("mailfrom"));
    put_pair(&writer, "receiver", facts->hostname);
    if (spf->result == AUTH_PERMERROR || spf->result == AUTH_TEMPERROR)
        put_pair(&writer, "problem", slice_first(spf->reason, 200));
    return finish(&writer, name);
}

/* RFC 5321 4.1.2 Domain or address-literal, generously: what does not break the field. */
static bool is_host(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!ascii_is_letter(text.text[i]) && !ascii_is_digit(text.text[i])
            && (text.text[i] == 0 || strchr("-._:[]", text.text[i]) == NULL))
            return false;
    return text.length > 0 && text.length <= 255;
}

/* A bracket that is not closed would make the address behind it part of a domain-literal. */
static bool is_shown_as_helo(struct slice helo)
{
    bool has_bracket = slice_find(helo, '[') < helo.length || slice_find(helo, ']') < helo.length;

    return is_host(helo) && (!has_bracket || host_name_is_bracketed(helo));
}

static void put_client(struct field_writer *writer, const struct facts *facts, const struct findings *findings)
{
    char buffer[ADDRESS_TEXT];
    struct slice address = address_print(&facts->client_address, buffer), name = findings->iprev.name;
    const char *family = facts->client_address.family == 6 ? "IPv6:" : "";
    bool named = findings->iprev.result == AUTH_PASS && is_host(name);
    struct slice helo = is_shown_as_helo(facts->helo) ? facts->helo : SLICE("unknown");

    field_writer_printf(writer, "from %.*s", SLICE_ARG(helo));
    field_writer_printf(writer, "(%.*s%s[%s%.*s])", named ? (int)name.length : 0, named ? name.text : "",
                        named ? " " : "", family, SLICE_ARG(address));
}

static void put_protocol(struct field_writer *writer, const struct facts *facts)
{
    field_writer_printf(writer, "by %.*s", SLICE_ARG(facts->hostname));
    /* RFC 3848, RFC 6531 4.3 */
    const char *plain = facts->smtputf8 ? "UTF8SMTP" : facts->esmtp ? "ESMTP" : "SMTP";
    bool extended = facts->esmtp || facts->smtputf8;
    field_writer_printf(writer, "with %s%s%s", plain, facts->tls && extended ? "S" : "",
                        facts->authenticated && extended ? "A" : "");
    if (facts->tls) {
        struct slice comment = arena_printf(writer->arena, "%.*s cipher %.*s bits %u", SLICE_ARG(facts->tls_version),
                                            SLICE_ARG(facts->tls_cipher), facts->tls_bits);
        field_writer_piece(writer, field_comment(comment, writer->arena));
    }
    field_writer_printf(writer, "id %.*s", SLICE_ARG(facts->id));
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] <= ' ' || text.text[i] > '~')
            return false;
    return text.length > 0;
}

/* RFC 5322 3.3 in UTC, from microseconds since 1970. The C library's calendar would read the time zone's files. */
static struct slice date_text(int64_t microseconds, struct arena *arena)
{
    static const char days[] = "ThuFriSatSunMonTueWed", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t seconds = microseconds / 1000000 - (microseconds % 1000000 < 0),
            day = seconds / 86400 - (seconds % 86400 < 0);
    int64_t of_day = seconds - day * 86400, weekday = (day % 7 + 7) % 7;
    /* Days since 1 March of year 0, in eras of 400 years, so that a leap day is the last of its year. */
    int64_t shifted = day + 719468, era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    int64_t date = of_year - (153 * month + 2) / 5 + 1, calendar_month = month < 10 ? month + 2 : month - 10;

    year += era * 400 + (calendar_month < 2);
    return arena_printf(arena, "%.3s, %d %.3s %04lld %02d:%02d:%02d +0000", days + 3 * weekday, (int)date,
                        months + 3 * calendar_month, (long long)year, (int)(of_day / 3600), (int)(of_day / 60 % 60),
                        (int)(of_day % 60));
}

struct added_field auth_results_received(const struct facts *facts, const struct findings *findings,
                                         struct arena *arena)
{
    struct field_writer writer;
    struct slice name = SLICE("Received");

    field_writer_begin(&writer, name, arena);
    writer.utf8 = facts->smtputf8;
    put_client(&writer, facts, findings);
    put_protocol(&writer, facts);
    /* RFC 5321 7.6: with several recipients it would tell one of the others. */
    if (facts->recipients_count == 1 && is_printable(facts->recipients[0].path))
        field_writer_printf(&writer, "for <%.*s>", SLICE_ARG(facts->recipients[0].path));
    field_writer_append(&writer, ";");
    field_writer_piece(&writer, date_text(facts->arrival, arena));
    return finish(&writer, name);
}

struct added_field auth_results_tag(struct slice name, struct slice text, struct arena *arena)
{
    struct field_writer writer;
    struct slice rest = text;

    field_writer_begin(&writer, name, arena);
    while (rest.text != NULL) {
        struct slice word = slice_trim(slice_cut(&rest, ' '));
        for (; word.length > FIELD_WRITER_PIECE_MOST; word = slice_from(word, FIELD_WRITER_PIECE_MOST))
            field_writer_piece(&writer, slice_first(word, FIELD_WRITER_PIECE_MOST));
        field_writer_piece(&writer, word);
    }
    return finish(&writer, name);
}
