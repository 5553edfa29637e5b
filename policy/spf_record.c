/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_record.c: a strict parser of RFC 7208's grammar, term by term. Everything that violates it anywhere in the
 * record is an error of the whole record (RFC 7208 4.6), before anything is evaluated.
 */
#include "policy/spf_record.h"

#include <arpa/inet.h>

#include "policy/spf_macro.h"

/* What a mechanism may be followed by. */
enum { NOTHING = 0, DOMAIN_MAY = 1, DOMAIN_MUST = 2, CIDR = 4, ADDRESS = 8 };

static const struct mechanism {
    const char *name;
    enum spf_record_mechanism mechanism;
    unsigned takes;
} mechanisms[] = {
    { "all",     SPF_RECORD_ALL,     NOTHING },
    { "include", SPF_RECORD_INCLUDE, DOMAIN_MUST },
    { "a",       SPF_RECORD_A,       DOMAIN_MAY | CIDR },
    { "mx",      SPF_RECORD_MX,      DOMAIN_MAY | CIDR },
    { "ptr",     SPF_RECORD_PTR,     DOMAIN_MAY },
    { "ip4",     SPF_RECORD_IP4,     ADDRESS },
    { "ip6",     SPF_RECORD_IP6,     ADDRESS },
    { "exists",  SPF_RECORD_EXISTS,  DOMAIN_MUST },
};

struct parser {
    struct arena *arena;
    struct spf_record *record;
    struct slice redirect_text;
    struct slice redirect;
    bool has_redirect;
    bool has_explanation;
    bool has_all;
    struct slice problem;
};

bool spf_record_is(struct slice text)
{
    struct slice version = SLICE("v=spf1");
    return slice_starts_with_nocase(text, version)
           && (text.length == version.length || text.text[version.length] == ' ');
}

static bool fail(struct parser *parser, struct slice term, const char *why)
{
    struct slice shown = slice_first(term, 100);
    parser->problem = arena_printf(parser->arena, "%s in \"%.*s\"", why, SLICE_ARG(shown));
    return false;
}

/* "0", or digits without a leading zero, up to `most`. */
static bool prefix_parse(struct slice digits, unsigned most, uint8_t *prefix_out)
{
    unsigned long long number;
    if (digits.length > 3 || (digits.length > 1 && digits.text[0] == '0') || !slice_number(digits, most, &number))
        return false;
    *prefix_out = (uint8_t)number;
    return true;
}

/* dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]; takes it off the end of `rest`. */
static bool dual_cidr(struct slice *rest, struct spf_record_term *term)
{
    size_t start = rest->length;
    while (start > 0 && (ascii_is_digit(rest->text[start - 1]) || rest->text[start - 1] == '/'))
        start--;
    struct slice cidr = slice_from(*rest, start);
    cidr = slice_from(cidr, slice_find(cidr, '/'));
    if (cidr.length == 0)
        return true;
    rest->length -= cidr.length;
    size_t second = 0;
    while (second + 1 < cidr.length && !(cidr.text[second] == '/' && cidr.text[second + 1] == '/'))
        second++;
    if (second + 1 < cidr.length) {
        if (!prefix_parse(slice_from(cidr, second + 2), 128, &term->prefix6))
            return false;
        cidr = slice_first(cidr, second);
    }
    return cidr.length == 0 || prefix_parse(slice_from(cidr, 1), 32, &term->prefix4);
}

/* qnum = DIGIT / %x31-39 DIGIT / "1" 2DIGIT / "2" %x30-34 DIGIT / "25" %x30-35 */
static bool is_ip4_network(struct slice text)
{
    unsigned count = 0;
    struct slice rest = text;
    while (rest.text != NULL) {
        uint8_t octet;
        if (!prefix_parse(slice_cut(&rest, '.'), 255, &octet))
            return false;
        count++;
    }
    return count == 4;
}

/*
 * ip6-network as RFC 4291 writes it. An IPv4-mapped one stays IPv6: a mapped client counts as IPv4 (RFC 7208 5), so
 * that ip6 never matches it.
 */
static bool ip6_read(struct slice text, struct address *address_out)
{
    char buffer[INET6_ADDRSTRLEN];
    if (text.length == 0 || text.length >= sizeof(buffer))
        return false;
    memcpy(buffer, text.text, text.length);
    buffer[text.length] = 0;
    *address_out = (struct address){ .family = 6 };
    return inet_pton(AF_INET6, buffer, address_out->bytes) == 1;
}

static bool address_read(struct slice text, struct spf_record_term *term)
{
    if (term->mechanism == SPF_RECORD_IP6)
        return ip6_read(text, &term->address);
    return is_ip4_network(text) && address_parse(text, &term->address);
}

static bool address_term(struct parser *parser, struct spf_record_term *term, struct slice rest)
{
    bool is_ip4 = term->mechanism == SPF_RECORD_IP4;
    if (rest.length == 0 || rest.text[0] != ':')
        return fail(parser, term->text, "address missing");
    rest = slice_from(rest, 1);
    size_t slash = slice_find(rest, '/');
    if (slash < rest.length && !prefix_parse(slice_from(rest, slash + 1), is_ip4 ? 32 : 128,
                                             is_ip4 ? &term->prefix4 : &term->prefix6))
        return fail(parser, term->text, "invalid prefix length");
    if (!address_read(slice_first(rest, slash), term))
        return fail(parser, term->text, "invalid address");
    return true;
}

static bool mechanism_arguments(struct parser *parser, struct spf_record_term *term, unsigned takes, struct slice rest)
{
    const char *why;

    if (takes & ADDRESS)
        return address_term(parser, term, rest);
    if ((takes & CIDR) && !dual_cidr(&rest, term))
        return fail(parser, term->text, "invalid prefix length");
    if (rest.length == 0)
        return !(takes & DOMAIN_MUST) || fail(parser, term->text, "domain missing");
    if (rest.text[0] != ':' || !(takes & (DOMAIN_MAY | DOMAIN_MUST)))
        return fail(parser, term->text, "unexpected text after the mechanism");
    term->domain = slice_from(rest, 1);
    if (!spf_macro_is_domain_spec(term->domain, &why))
        return fail(parser, term->text, why);
    return true;
}

static bool directive(struct parser *parser, struct slice text)
{
    struct slice rest = text;
    struct spf_record_term term = { .qualifier = '+', .text = text, .prefix4 = 32, .prefix6 = 128 };

    if (strchr("+-?~", rest.text[0]) != NULL) {
        term.qualifier = rest.text[0];
        rest = slice_from(rest, 1);
    }
    size_t length = 0;
    while (length < rest.length && rest.text[length] != ':' && rest.text[length] != '/')
        length++;
    for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
        if (!slice_equal_nocase(slice_first(rest, length), slice_of_string(mechanisms[i].name)))
            continue;
        term.mechanism = mechanisms[i].mechanism;
        if (!mechanism_arguments(parser, &term, mechanisms[i].takes, slice_from(rest, length)))
            return false;
        parser->has_all |= term.mechanism == SPF_RECORD_ALL;
        parser->record->terms[parser->record->count++] = term;
        return true;
    }
    return fail(parser, text, "unknown mechanism");
}

/* redirect and exp may occur once (RFC 7208 6). */
static bool known_modifier(struct parser *parser, struct slice text, struct slice value, bool *seen,
                           struct slice *value_out)
{
    const char *why;
    if (*seen)
        return fail(parser, text, "second modifier of that name");
    *seen = true;
    if (!spf_macro_is_domain_spec(value, &why))
        return fail(parser, text, why);
    *value_out = value;
    return true;
}

static bool modifier(struct parser *parser, struct slice text, size_t equals)
{
    struct slice name = slice_first(text, equals), value = slice_from(text, equals + 1);
    const char *why;

    if (slice_equal_nocase(name, SLICE("redirect"))) {
        parser->redirect_text = text;
        return known_modifier(parser, text, value, &parser->has_redirect, &parser->redirect);
    }
    if (slice_equal_nocase(name, SLICE("exp")))
        return known_modifier(parser, text, value, &parser->has_explanation, &parser->record->explanation);
    return spf_macro_is_string(value, &why) || fail(parser, text, why);
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); returns its length when "=" follows, else 0. */
static size_t modifier_name(struct slice text)
{
    size_t length = 0;
    if (!ascii_is_letter(text.text[0]))
        return 0;
    while (length < text.length && (ascii_is_letter(text.text[length]) || ascii_is_digit(text.text[length])
                                    || (text.text[length] != 0 && strchr("-_.", text.text[length]) != NULL)))
        length++;
    return length < text.length && text.text[length] == '=' ? length : 0;
}

static bool characters_are_valid(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] < 0x20 || text.text[i] > 0x7e)
            return false;
    return true;
}

static size_t count_terms(struct slice text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.length; i++)
        count += text.text[i] == ' ';
    return count;
}

/* RFC 7208 6.1: redirect is ignored beside "all", wherever that stands. */
static void append_redirect(struct parser *parser)
{
    if (!parser->has_redirect || parser->has_all)
        return;
    parser->record->terms[parser->record->count++] = (struct spf_record_term){
        .mechanism = SPF_RECORD_REDIRECT, .qualifier = '?', .text = parser->redirect_text, .domain = parser->redirect,
    };
}

bool spf_record_parse(struct slice text, struct arena *arena, struct spf_record *record_out, struct slice *problem_out)
{
    struct parser parser = { .arena = arena, .record = record_out };
    struct slice rest = slice_from(text, sizeof("v=spf1") - 1);

    *record_out = (struct spf_record){ 0 };
    if (text.length > SPF_RECORD_MOST || !characters_are_valid(text)) {
        *problem_out = text.length > SPF_RECORD_MOST ? SLICE("record too long")
                                                     : SLICE("character that no record may have (RFC 7208 section 12)");
        return false;
    }
    record_out->terms = arena_array(arena, count_terms(text) + 1, sizeof(*record_out->terms));
    while (rest.text != NULL) {
        struct slice term = slice_cut(&rest, ' ');
        if (term.length == 0)
            continue;
        size_t equals = modifier_name(term);
        if (equals > 0 ? !modifier(&parser, term, equals) : !directive(&parser, term)) {
            *problem_out = parser.problem;
            return false;
        }
    }
    append_redirect(&parser);
    return true;
}
