/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_parse.c: a DKIM-Signature field as facts, and the key record that belongs to it. Both are strangers'
 * texts: each tag is held to its own grammar, and the first that breaks it is named.
 */
#include "policy/auth_dkim_parse.h"

#include "policy/mailbox.h"
#include "policy/tag_list.h"
#include "rules/value.h"

/* Seconds in t= and x=: RFC 6376 3.5 asks for values up to at least 10^12. */
#define TIME_MOST 999999999999ull
/* l= has up to 76 digits; more than this is larger than any body. */
#define LENGTH_MOST 999999999999999999ull

static struct slice bounded(struct slice value, struct arena *arena)
{
    char *text = arena_alloc(arena, value.length + 1);
    size_t length = 0;
    bool blank = false;

    for (size_t i = 0; i < value.length && length + 1 < EVIDENCE_TEXT_MOST; i++) {
        char c = value.text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            blank = true;
            continue;
        }
        if (blank)
            text[length++] = ' ';
        blank = false;
        text[length++] = c;
    }
    return slice_of(text, length);
}

static const char *read_version(const struct tag_list *list)
{
    struct slice version = tag_list_find(list, "v");
    if (version.text == NULL)
        return "v= missing";
    return slice_equal(version, SLICE("1")) ? NULL : "unknown version";
}

static const char *read_algorithm(const struct tag_list *list, struct arena *arena, struct signature *signature)
{
    struct slice value = tag_list_find(list, "a");
    if (value.text == NULL)
        return "a= missing";
    signature->algorithm = bounded(value, arena);
    /* RFC 8301 3.1: historic, permanently failed. */
    if (slice_equal(value, SLICE("rsa-sha1")))
        return "rsa-sha1 is no longer valid (RFC 8301)";
    if (slice_equal(value, SLICE("rsa-sha256")) || slice_equal(value, SLICE("ed25519-sha256")))
        return NULL;
    return "unknown algorithm";
}

static const char *read_signature_data(const struct tag_list *list, struct arena *arena, struct signature *signature)
{
    struct slice value = tag_list_find(list, "b"), hash = tag_list_find(list, "bh");
    if (value.text == NULL || !tag_list_is_base64(value))
        return value.text == NULL ? "b= missing" : "b= is not base64";
    signature->value_start = arena_copy(arena, slice_first(tag_list_squeeze(value, arena), 8));
    if (hash.text == NULL || !tag_list_is_base64(hash))
        return hash.text == NULL ? "bh= missing" : "bh= is not base64";
    return NULL;
}

static const char *read_canonicalization(const struct tag_list *list, struct arena *arena, struct signature *signature)
{
    struct slice value = tag_list_find(list, "c"), rest = value;
    if (value.text == NULL) {
        signature->canonicalization = SLICE("simple/simple");
        return NULL;
    }
    signature->canonicalization = bounded(value, arena);
    for (unsigned part = 0; rest.text != NULL; part++) {
        struct slice word = slice_cut(&rest, '/');
        if (part > 1 || (!slice_equal(word, SLICE("simple")) && !slice_equal(word, SLICE("relaxed"))))
            return "unknown canonicalization";
    }
    return NULL;
}

/* domain-name = sub-domain 1*("." sub-domain): no dot at its end, as other domain names may have. */
static bool read_domain(struct slice text, struct arena *arena, struct slice *domain_out)
{
    return text.length > 0 && text.text[text.length - 1] != '.' && mailbox_domain(text, arena, domain_out)
        && slice_find(*domain_out, '.') < domain_out->length;
}

/* selector = sub-domain *( "." sub-domain ) */
static const char *read_names(const struct tag_list *list, struct arena *arena, struct signature *signature)
{
    struct slice domain = tag_list_find(list, "d"), selector = tag_list_find(list, "s");
    if (domain.text == NULL)
        return "d= missing";
    if (!read_domain(domain, arena, &signature->domain))
        return "d= is not a domain";
    if (selector.text == NULL)
        return "s= missing";
    if (selector.length == 0 || selector.text[selector.length - 1] == '.'
        || !mailbox_domain(selector, arena, &signature->selector))
        return "s= is not a selector";
    return signature->domain.length + signature->selector.length + sizeof("._domainkey.") - 1 > 253
               ? "d= and s= are too long"
               : NULL;
}

struct slice auth_dkim_fields_of(struct slice value)
{
    struct tag_list list;
    const char *problem;
    tag_list_parse(value, &list, &problem);
    return tag_list_find(&list, "h");
}

bool auth_dkim_signs(struct slice fields, struct slice name)
{
    return tag_list_has_word(fields, name, true);
}

bool auth_dkim_may_sign_signatures(const struct signature *signature)
{
    return signature->fields.length + 1 >= EVIDENCE_TEXT_MOST
        || auth_dkim_signs(signature->fields, SLICE("dkim-signature"));
}

/* h= = hdr-name *( [FWS] ":" [FWS] hdr-name ); names fields, From among them (RFC 6376 5.4). */
static const char *read_fields(const struct tag_list *list, struct arena *arena, struct signature *signature)
{
    struct slice value = tag_list_find(list, "h"), rest = value;
    if (value.text == NULL)
        return "h= missing";
    signature->fields = bounded(tag_list_squeeze(value, arena), arena);
    while (rest.text != NULL) {
        struct slice name = slice_trim(slice_cut(&rest, ':'));
        if (name.length == 0)
            return "empty name in h=";
        for (size_t i = 0; i < name.length; i++)
            if (name.text[i] < 33 || name.text[i] > 126)
                return "invalid name in h=";
    }
    return auth_dkim_signs(value, SLICE("from")) ? NULL : "h= without From";
}

/* dkim-quoted-printable's escapes in a domain would only hide it. */
static const char *read_identity(const struct tag_list *list, struct arena *arena, struct signature *signature)
{
    struct slice value = tag_list_find(list, "i"), domain;
    size_t at = value.length;
    if (value.text == NULL)
        return NULL;
    signature->identity = bounded(value, arena);
    while (at > 0 && value.text[at - 1] != '@')
        at--;
    if (at == 0 || !read_domain(slice_from(value, at), arena, &domain))
        return "i= is not an address";
    return domain_is_within(domain, signature->domain) ? NULL : "i= is outside d=";
}

static const char *read_time(struct slice value, bool *has_out, int64_t *time_out)
{
    unsigned long long number;
    if (value.text == NULL)
        return NULL;
    if (!slice_number(value, TIME_MOST, &number))
        return "invalid time";
    *has_out = true;
    *time_out = (int64_t)number;
    return number < AUTH_DKIM_EARLIEST ? "time before DKIM existed" : NULL;
}

static const char *read_times(const struct tag_list *list, struct signature *signature)
{
    const char *problem = read_time(tag_list_find(list, "t"), &signature->has_time, &signature->time);
    if (problem == NULL)
        problem = read_time(tag_list_find(list, "x"), &signature->has_expiry, &signature->expiry);
    if (problem == NULL && signature->has_time && signature->time > AUTH_DKIM_LATEST)
        problem = "t= is too far in the future";
    if (problem == NULL && signature->has_time && signature->has_expiry && signature->expiry <= signature->time)
        problem = "x= is not after t=";
    return problem;
}

static const char *read_length_and_query(const struct tag_list *list, struct signature *signature)
{
    struct slice length = tag_list_find(list, "l"), query = tag_list_find(list, "q");
    unsigned long long number;
    if (length.text != NULL) {
        if (!slice_number(length, LENGTH_MOST, &number))
            return "invalid l=";
        signature->has_length = true;
        signature->length = number;
    }
    if (query.text != NULL && !tag_list_has_word(query, SLICE("dns/txt"), false))
        return "unknown query method";
    return NULL;
}

void auth_dkim_parse_signature(struct slice value, struct arena *arena, struct signature *signature_out)
{
    struct tag_list list;
    const char *problem, *found;

    *signature_out = (struct signature){ 0 };
    tag_list_parse(value, &list, &problem);
    /* Read on after a fault: what can be told of it is told. */
    const char *problems[] = {
        problem,
        read_version(&list),
        read_names(&list, arena, signature_out),
        read_algorithm(&list, arena, signature_out),
        read_signature_data(&list, arena, signature_out),
        read_canonicalization(&list, arena, signature_out),
        read_fields(&list, arena, signature_out),
        NULL,                      /* i= is held against d=, which has to be right for that */
        read_times(&list, signature_out),
        read_length_and_query(&list, signature_out),
    };
    if (signature_out->domain.text != NULL)
        problems[7] = read_identity(&list, arena, signature_out);
    found = NULL;
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]) && found == NULL; i++)
        found = problems[i];
    if (found != NULL)
        signature_out->problem = slice_of_string(found);
}

static void refuse(struct auth_dkim_key *key, enum auth_result result, const char *reason)
{
    key->result = result;
    key->reason = slice_of_string(reason);
}

/* The part of a= before or after the first "-": key type, hash. */
static struct slice algorithm_type(const struct signature *signature)
{
    return slice_first(signature->algorithm, slice_find(signature->algorithm, '-'));
}

static struct slice algorithm_hash(const struct signature *signature)
{
    return slice_from(signature->algorithm, slice_find(signature->algorithm, '-') + 1);
}

/* t=s: i= must be d= itself (RFC 6376 3.6.1). */
static bool identity_is_exact(const struct signature *signature, struct arena *arena)
{
    struct slice identity = signature->identity, domain = identity, canonical;
    while (domain.text != NULL && slice_find(domain, '@') < domain.length)
        domain = slice_from(domain, slice_find(domain, '@') + 1);
    return identity.length == 0
        || (mailbox_domain(domain, arena, &canonical) && slice_equal(canonical, signature->domain));
}

/* Whether the key may be used for this signature; `list` is its record. */
static void judge_key(const struct tag_list *list, const struct signature *signature, struct arena *arena,
                      struct auth_dkim_key *key)
{
    struct slice type = tag_list_find(list, "k"), hashes = tag_list_find(list, "h"),
                 services = tag_list_find(list, "s");
    struct slice flags = tag_list_find(list, "t"), data = tag_list_find(list, "p");

    key->type = type.text == NULL ? SLICE("rsa") : type;
    key->data = tag_list_squeeze(data, arena);
    key->test = flags.text != NULL && tag_list_has_word(flags, SLICE("y"), false);
    if (key->data.length == 0)
        refuse(key, AUTH_PERMERROR, "key revoked");
    else if (!tag_list_is_base64(key->data))
        refuse(key, AUTH_PERMERROR, "key is not base64");
    else if (key->data.length > EVIDENCE_KEY_MOST)
        refuse(key, AUTH_PERMERROR, "key is too long");
    else if (!slice_equal(key->type, algorithm_type(signature)))
        refuse(key, AUTH_PERMERROR, "key of another algorithm");
    else if (hashes.text != NULL && !tag_list_has_word(hashes, algorithm_hash(signature), false))
        refuse(key, AUTH_PERMERROR, "key forbids the hash");
    else if (services.text != NULL && !tag_list_has_word(services, SLICE("email"), false)
             && !tag_list_has_word(services, SLICE("*"), false))
        refuse(key, AUTH_PERMERROR, "key is not for mail");
    else if (flags.text != NULL && tag_list_has_word(flags, SLICE("s"), false) && !identity_is_exact(signature, arena))
        refuse(key, AUTH_PERMERROR, "key forbids subdomains in i=");
}

/* v= must come first and be DKIM1, if it is there at all; p= must be there. */
static bool is_key_record(const struct tag_list *list)
{
    struct slice version = tag_list_find(list, "v");
    if (version.text != NULL && (!slice_equal(version, SLICE("DKIM1")) || !slice_equal(list->tags[0].name, SLICE("v"))))
        return false;
    return tag_list_find(list, "p").text != NULL;
}

/* Other TXT records at the name, of a wildcard say, are none of ours; of two keys neither counts (RFC 6376 3.6.2.2). */
static size_t find_records(const struct answer *answer, struct tag_list *list_out)
{
    struct tag_list list;
    const char *problem;
    size_t found = 0;

    for (size_t i = 0; i < answer->count; i++)
        if (tag_list_parse(answer->records[i].data, &list, &problem) && is_key_record(&list)) {
            *list_out = list;
            found++;
        }
    return found;
}

void auth_dkim_parse_key(const struct answer *answer, const struct signature *signature, struct arena *arena,
                         struct auth_dkim_key *key_out)
{
    struct tag_list list;

    *key_out = (struct auth_dkim_key){ .result = AUTH_PASS };
    switch (answer->status) {
    case ANSWER_NO_DATA:
    case ANSWER_NO_NAME:
        refuse(key_out, AUTH_PERMERROR, "no key");
        return;
    case ANSWER_MISSING:
    case ANSWER_FAILED:
    case ANSWER_TIMEOUT:
    case ANSWER_LIMIT:
        key_out->result = AUTH_TEMPERROR;
        key_out->reason = arena_printf(arena, "key: %s", answer_status_name(answer->status));
        return;
    case ANSWER_RECORDS:
        break;
    }
    size_t found = find_records(answer, &list);
    if (found == 1)
        judge_key(&list, signature, arena, key_out);
    else
        refuse(key_out, AUTH_PERMERROR, found == 0 ? "no valid key record" : "several key records");
}

static unsigned base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    return ascii_is_digit(c) ? (unsigned)(c - '0') + 52 : c == '+' ? 62 : 63;
}

/* What some digits of base64 stand for, ten at most. */
static uint64_t base64_bytes(struct slice data, size_t first, size_t digits)
{
    uint64_t bits = 0;
    for (size_t i = first; i < first + digits; i++)
        bits = bits << 6 | base64_digit(data.text[i]);
    return bits;
}

/* SEQUENCE of a length in one to three bytes, and the first thing in it is a SEQUENCE too. */
static bool is_wrapped(struct slice data)
{
    uint64_t bits = base64_bytes(data, 0, 8);      /* six bytes */
    unsigned head = (bits >> 32 & 0xff) == 0x82 ? 4 : (bits >> 32 & 0xff) == 0x81 ? 3 : 2;
    return bits >> 40 == 0x30 && (bits >> (40 - 8 * head) & 0xff) == 0x30;
}

/* The last member, INTEGER 65537 (02 03 01 00 01), 17 or 3 (02 01 11, 02 01 03), is what DER ends in. */
static bool ends_in_usual_exponent(struct slice data)
{
    size_t padding = 0;
    while (padding < 2 && data.text[data.length - 1 - padding] == '=')
        padding++;
    size_t digits = 8 - padding, spare = padding * 2;
    uint64_t bits = base64_bytes(data, data.length - 8, digits) >> spare;
    /* Of the last six bytes the padding leaves five or four. */
    return (padding < 2 && (bits & 0xffffffffff) == 0x0203010001) || (padding == 2 && (bits & 0xffffffff) == 0x03010001)
        || (bits & 0xffffff) == 0x020111 || (bits & 0xffffff) == 0x020103;
}

bool auth_dkim_key_is_usual(const struct auth_dkim_key *key)
{
    if (!slice_equal(key->type, SLICE("rsa")))
        return true;
    return key->data.length >= 16 && is_wrapped(key->data) && ends_in_usual_exponent(key->data);
}
