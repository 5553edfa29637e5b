/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_check.c: evaluates an SPF record together with libspf2: libspf2 walks the terms and compares addresses, this
 * file says what each name has, and ends the check when RFC 7208's limits, the answers or a record's syntax say so.
 * Everything lives in the check's arena; nothing can fail but by an outcome.
 */
#include "policy/spf_check.h"

#include <stdlib.h>

#include "policy/auth_spf.h"
#include "policy/iprev.h"
#include "policy/sort.h"
#include "policy/spf_equal.h"

/* Bytes of an expanded explanation; a longer one is dropped, as it could not be said in a reply. */
#define EXPLANATION_MOST 1000

static const struct spf_check_reply stop_reply = { .status = SPF_CHECK_STOP };
static const struct spf_check_reply nothing_reply = { .status = SPF_CHECK_NOTHING };

static struct spf_check_reply stop(struct spf_check *check, enum auth_result result, struct slice reason)
{
    if (!check->stopped) {
        check->stopped = true;
        check->result = result;
        check->reason = reason;
    }
    return stop_reply;
}

static struct spf_check_reply stop_failed(struct spf_check *check, const struct answer *answer)
{
    return stop(check, AUTH_TEMPERROR,
                arena_printf(check->arena, "%s %.*s: %s", question_type_name(answer->question.type),
                             SLICE_ARG(answer->question.name), answer_status_name(answer->status)));
}

static bool is_failure(const struct answer *answer)
{
    return answer->status == ANSWER_FAILED || answer->status == ANSWER_TIMEOUT || answer->status == ANSWER_LIMIT;
}

static bool is_void(const struct answer *answer)
{
    return answer->status == ANSWER_NO_DATA || answer->status == ANSWER_NO_NAME
        || (answer->status == ANSWER_RECORDS && answer->count == 0);
}

/* RFC 7208 4.6.4: more than two void look-ups are a permerror. True: that many. */
static bool count_void(struct spf_check *check, const struct answer *answer)
{
    if (!is_void(answer) || ++check->void_lookups <= AUTH_SPF_VOID_LOOKUPS_MOST)
        return false;
    stop(check, AUTH_PERMERROR, arena_printf(check->arena, "more than %d void look-ups", AUTH_SPF_VOID_LOOKUPS_MOST));
    return true;
}

/* A term that asks DNS. True: more than ten. */
static bool count_term(struct spf_check *check)
{
    if (++check->terms <= AUTH_SPF_TERMS_MOST)
        return false;
    check->terms = AUTH_SPF_TERMS_MOST + 1;
    stop(check, AUTH_PERMERROR, arena_printf(check->arena, "more than %d terms that ask DNS", AUTH_SPF_TERMS_MOST));
    return true;
}

static enum question_type address_type(const struct spf_check *check)
{
    return check->facts->client_address.family == 4 ? QUESTION_A : QUESTION_AAAA;
}

bool spf_check_is_askable(struct slice name)
{
    struct slice rest = name;
    if (name.length == 0 || name.length > 253)
        return false;
    while (rest.text != NULL) {
        size_t length = slice_cut(&rest, '.').length;
        if (length == 0 || length > 63)
            return false;
    }
    return true;
}

/* A name of any bytes as answers.h writes names. */
static struct slice presentation(struct spf_check *check, struct slice name)
{
    char *text = arena_alloc(check->arena, 4 * name.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < name.length; i++) {
        unsigned char c = (unsigned char)name.text[i];
        if (c > ' ' && c < 127 && c != '\\') {
            text[length++] = ascii_lower((char)c);
            continue;
        }
        text[length++] = '\\';
        text[length++] = (char)('0' + c / 100);
        text[length++] = (char)('0' + c / 10 % 10);
        text[length++] = (char)('0' + c % 10);
    }
    return slice_of(text, length);
}

static int compare_records(const void *left, const void *right)
{
    const struct answer_record *a = left, *b = right;
    return a->preference != b->preference ? (int)a->preference - (int)b->preference : slice_compare(a->data, b->data);
}

/*
 * Hosts by preference, names by name: an answer's own order means nothing, and must not decide which ten are looked at
 * or how many look-ups are void before one matches.
 */
static const struct answer *in_order(struct spf_check *check, const struct answer *answer)
{
    struct answer *sorted = arena_alloc(check->arena, sizeof(*sorted));
    *sorted = *answer;
    sorted->records = arena_array(check->arena, answer->count, sizeof(*sorted->records));
    for (size_t i = 0; i < answer->count; i++)
        sorted->records[i] = answer->records[i];
    if (answer->count > 1)
        sort_items(sorted->records, answer->count, sizeof(*sorted->records), compare_records);
    return sorted;
}

/* The client's names, at most ten (RFC 7208 4.6.4); NULL with PENDING or with nothing usable. */
static const struct answer *client_names(struct spf_check *check, bool count)
{
    struct slice reverse = iprev_reverse_name(&check->facts->client_address, check->arena);
    const struct answer *names = answers_find(check->answers, QUESTION_PTR, reverse);
    if (names == NULL) {
        stop(check, AUTH_PENDING, SLICE_NONE);
        return NULL;
    }
    if (is_failure(names))
        check->doubt = true;
    if (count && count_void(check, names))
        return NULL;
    return names->status == ANSWER_RECORDS ? in_order(check, names) : NULL;
}

static size_t names_count(const struct answer *names)
{
    return names->count < AUTH_SPF_NAMES_MOST ? names->count : AUTH_SPF_NAMES_MOST;
}

/* Asks for all that may be needed next at once. */
static void want_addresses(struct spf_check *check, const struct answer *names)
{
    for (size_t i = 0; i < names_count(names); i++)
        answers_want(check->answers, address_type(check), names->records[i].data);
}

static bool has_client(const struct spf_check *check, const struct answer *addresses)
{
    const struct address *client = &check->facts->client_address;
    size_t length = client->family == 4 ? 4 : 16;
    for (size_t i = 0; i < addresses->count && addresses->status == ANSWER_RECORDS; i++)
        if (addresses->records[i].data.length == length
            && memcmp(addresses->records[i].data.text, client->bytes, length) == 0)
            return true;
    return false;
}

/* How well a validated name suits %{p} (RFC 7208 7.3): the domain itself, a name below it, any. */
static unsigned name_rank(struct slice name, struct slice domain)
{
    if (slice_equal_nocase(name, domain))
        return 3;
    return domain_is_within(name, domain) ? 2 : 1;
}

/* %{p}. False: stopped. */
static bool find_client_name(struct spf_check *check, struct slice domain, bool count)
{
    unsigned best = 0;
    bool counted = !count || check->counted_names;
    const struct answer *names = client_names(check, !counted);

    check->macros.name = SLICE("unknown");
    check->counted_names |= count;
    if (names == NULL)
        return !check->stopped;
    want_addresses(check, names);
    for (size_t i = 0; i < names_count(names); i++) {
        struct slice name = names->records[i].data;
        const struct answer *addresses = answers_find(check->answers, address_type(check), name);
        if (addresses == NULL) {
            stop(check, AUTH_PENDING, SLICE_NONE);
            continue;
        }
        check->doubt |= is_failure(addresses);
        if (!counted && count_void(check, addresses))
            return false;
        /* An escaped byte is in no host's name. */
        if (!has_client(check, addresses) || slice_find(name, '\\') < name.length || name_rank(name, domain) <= best)
            continue;
        best = name_rank(name, domain);
        check->macros.name = name;
    }
    return !check->stopped;
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] > 127)
            return false;
    return true;
}

/* A domain-spec of the record, expanded. NOTHING: such a name cannot exist. */
static enum spf_check_status expand(struct spf_check *check, const struct spf_check_record *record, struct slice spec,
                                    bool count, struct slice *name_out)
{
    *name_out = record->domain;
    if (spec.text == NULL)
        return SPF_CHECK_RECORDS;
    if (spf_macro_uses_local_part(spec) && !is_ascii(check->macros.local_part))
        return SPF_CHECK_NOTHING;
    if (spf_macro_uses_name(spec) && !find_client_name(check, record->domain, count))
        return SPF_CHECK_STOP;
    check->macros.domain = record->domain;
    *name_out = spf_macro_expand_name(spec, &check->macros, check->arena);
    return spf_check_is_askable(*name_out) ? SPF_CHECK_RECORDS : SPF_CHECK_NOTHING;
}

static enum question_type term_question(const struct spf_check *check, const struct spf_record_term *term)
{
    switch (term->mechanism) {
    case SPF_RECORD_INCLUDE:
    case SPF_RECORD_REDIRECT:
        return QUESTION_TXT;
    case SPF_RECORD_MX:
        return QUESTION_MX;
    case SPF_RECORD_PTR:
        return QUESTION_PTR;
    case SPF_RECORD_A:
        return address_type(check);
    case SPF_RECORD_ALL:
    case SPF_RECORD_IP4:
    case SPF_RECORD_IP6:
    case SPF_RECORD_EXISTS:
        break;
    }
    return QUESTION_A;
}

/* Foresees the look-ups of a record's terms, so that they take one round trip together. */
static void want_terms(struct spf_check *check, const struct spf_check_record *record)
{
    size_t asking = check->terms;
    for (size_t i = 0; i < record->content.count && asking < AUTH_SPF_TERMS_MOST; i++) {
        const struct spf_record_term *term = &record->content.terms[i];
        struct slice name;
        if (term->mechanism == SPF_RECORD_ALL || spf_equal_has_client(check, term))
            break;
        if (!spf_equal_asks_dns(term))
            continue;
        asking++;
        if (term->mechanism == SPF_RECORD_PTR)
            answers_want(check->answers, QUESTION_PTR, iprev_reverse_name(&check->facts->client_address, check->arena));
        else if ((term->domain.text == NULL || !spf_macro_uses_name(term->domain))
                 && expand(check, record, term->domain, false, &name) == SPF_CHECK_RECORDS)
            answers_want(check->answers, term_question(check, term), presentation(check, name));
    }
}

/* Of the TXT records the one that is SPF (RFC 7208 4.5). NOTHING: none. */
static enum spf_check_status select_record(struct spf_check *check, const struct answer *answer, struct slice *text_out)
{
    size_t found = 0;
    for (size_t i = 0; answer->status == ANSWER_RECORDS && i < answer->count; i++)
        if (spf_record_is(answer->records[i].data)) {
            *text_out = answer->records[i].data;
            found++;
        }
    if (found <= 1)
        return found == 1 ? SPF_CHECK_RECORDS : SPF_CHECK_NOTHING;
    stop(check, AUTH_PERMERROR, arena_printf(check->arena, "%zu SPF records at %.*s", found,
                                             SLICE_ARG(answer->question.name)));
    return SPF_CHECK_STOP;
}

/* The record of a domain, parsed and made equal. NOTHING: the domain has none. */
static struct spf_check_reply fetch(struct spf_check *check, struct slice domain, bool included)
{
    struct slice text, problem;
    const struct answer *answer = answers_find(check->answers, QUESTION_TXT, presentation(check, domain));
    if (answer == NULL)
        return stop(check, AUTH_PENDING, SLICE_NONE);
    if (is_failure(answer))
        return stop_failed(check, answer);
    enum spf_check_status status = select_record(check, answer, &text);
    if (status != SPF_CHECK_RECORDS)
        return (struct spf_check_reply){ .status = status };

    struct spf_check_record *record = arena_alloc(check->arena, sizeof(*record));
    *record = (struct spf_check_record){ .domain = domain, .included = included };
    if (!spf_record_parse(text, check->arena, &record->content, &problem)) {
        struct slice shown = slice_first(domain, 253);
        return stop(check, AUTH_PERMERROR, arena_printf(check->arena, "%.*s in the record of %.*s", SLICE_ARG(problem),
                                                        SLICE_ARG(shown)));
    }
    if (!included)
        check->explaining = record;
    want_terms(check, record);
    struct slice *equal = arena_alloc(check->arena, sizeof(*equal));
    *equal = spf_equal_record(check, record);
    return (struct spf_check_reply){ .status = SPF_CHECK_RECORDS, .records = equal, .count = 1 };
}

struct spf_check_reply spf_check_begin(struct spf_check *check, struct slice domain)
{
    struct spf_check_reply reply = fetch(check, domain, false);
    if (reply.status == SPF_CHECK_NOTHING)
        return stop(check, AUTH_NONE, SLICE("no SPF record"));
    return reply;
}

/* include and redirect: a target without a record is a permerror (RFC 7208 5.2, 6.1). */
static struct spf_check_reply term_record(struct spf_check *check, const struct spf_check_entry *entry)
{
    struct slice name;
    bool is_redirect = entry->term->mechanism == SPF_RECORD_REDIRECT;
    struct spf_check_reply reply = nothing_reply;

    if (is_redirect) {
        check->current = *entry;
        if (count_term(check))
            return stop_reply;
    }
    enum spf_check_status status = expand(check, entry->record, entry->term->domain, true, &name);
    if (status == SPF_CHECK_STOP)
        return stop_reply;
    if (status == SPF_CHECK_RECORDS)
        reply = fetch(check, name, entry->record->included || !is_redirect);
    if (reply.status == SPF_CHECK_NOTHING) {
        struct slice shown = slice_first(entry->term->text, 300);
        return stop(check, AUTH_PERMERROR, arena_printf(check->arena, "%.*s: no SPF record there", SLICE_ARG(shown)));
    }
    return reply;
}

/* The answer's data as a reply. With `any`, for a /0 prefix, one address that is surely in it: the client's own. */
static struct spf_check_reply address_reply(struct spf_check *check, const struct answer *answer,
                                            enum question_type type, bool any)
{
    size_t length = type == QUESTION_A ? 4 : 16, count = 0;
    struct slice *records = arena_array(check->arena, answer->count + 1, sizeof(*records));

    for (size_t i = 0; i < answer->count && !(any && count > 0); i++)
        if (answer->records[i].data.length == length)
            records[count++] = any ? slice_of((const char *)check->facts->client_address.bytes, length)
                                   : answer->records[i].data;
    return (struct spf_check_reply){ count > 0 ? SPF_CHECK_RECORDS : SPF_CHECK_NOTHING, records, count };
}

static struct spf_check_reply find_addresses(struct spf_check *check, struct slice name, enum question_type type,
                                             bool any, bool forgiving)
{
    const struct answer *answer = answers_find(check->answers, type, name);
    if (answer == NULL)
        return stop(check, AUTH_PENDING, SLICE_NONE);
    if (is_failure(answer) && !forgiving)
        return stop_failed(check, answer);
    check->doubt |= is_failure(answer);
    if (count_void(check, answer))
        return stop_reply;
    return answer->status == ANSWER_RECORDS ? address_reply(check, answer, type, any) : nothing_reply;
}

/* "a" and "exists" */
static struct spf_check_reply term_addresses(struct spf_check *check, const struct spf_check_entry *entry,
                                             enum question_type type)
{
    struct slice name;
    bool any = entry->term->mechanism == SPF_RECORD_A && spf_equal_prefix(check, entry->term) == 0;
    enum spf_check_status status = expand(check, entry->record, entry->term->domain, true, &name);
    if (status != SPF_CHECK_RECORDS)
        return (struct spf_check_reply){ .status = status };
    return find_addresses(check, presentation(check, name), type, any, false);
}

/*
 * Gives names opaque ones, below that of their term: a ptr term finds them within its own domain. `within`: only
 * those, if present.
 */
static struct spf_check_reply host_reply(struct spf_check *check, struct spf_check_entry host,
                                         const struct answer *answer, struct slice within)
{
    size_t count = 0;
    char opaque[SPF_EQUAL_NAME], term[SPF_EQUAL_NAME];
    struct slice *records = arena_array(check->arena, names_count(answer), sizeof(*records));

    for (size_t i = 0; i < names_count(answer); i++) {
        host.host = answer->records[i].data;
        if (within.text != NULL && !domain_is_within(host.host, within))
            continue;
        if (slice_equal(host.host, SLICE(".")))
            continue;              /* a null MX (RFC 7505) */
        size_t entry = spf_equal_add(check, host);
        records[count++] = arena_printf(check->arena, "%s.%s", spf_equal_name(entry, 'h', opaque),
                                        spf_equal_name(host.number, 't', term));
    }
    return (struct spf_check_reply){ count > 0 ? SPF_CHECK_RECORDS : SPF_CHECK_NOTHING, records, count };
}

static struct spf_check_reply term_mx(struct spf_check *check, const struct spf_check_entry *entry)
{
    struct slice name;
    enum spf_check_status status = expand(check, entry->record, entry->term->domain, true, &name);
    if (status != SPF_CHECK_RECORDS)
        return (struct spf_check_reply){ .status = status };
    const struct answer *answer = answers_find(check->answers, QUESTION_MX, presentation(check, name));
    if (answer == NULL)
        return stop(check, AUTH_PENDING, SLICE_NONE);
    if (is_failure(answer))
        return stop_failed(check, answer);
    if (count_void(check, answer))
        return stop_reply;
    if (answer->status != ANSWER_RECORDS)
        return nothing_reply;
    if (answer->count > AUTH_SPF_NAMES_MOST)
        return stop(check, AUTH_PERMERROR, arena_printf(check->arena, "more than %d hosts in %.*s", AUTH_SPF_NAMES_MOST,
                                                        SLICE_ARG(entry->term->text)));
    want_addresses(check, answer);
    return host_reply(check, *entry, in_order(check, answer), SLICE_NONE);
}

/* RFC 7208 5.5: failures of the reverse look-up and of its names are passed over. */
static struct spf_check_reply term_ptr(struct spf_check *check)
{
    struct slice name;
    const struct spf_check_entry *entry = &check->current;
    if (entry->term == NULL || entry->term->mechanism != SPF_RECORD_PTR)
        return nothing_reply;
    enum spf_check_status status = expand(check, entry->record, entry->term->domain, true, &name);
    if (status != SPF_CHECK_RECORDS)
        return (struct spf_check_reply){ .status = status };
    const struct answer *names = client_names(check, true);
    if (names == NULL)
        return check->stopped ? stop_reply : nothing_reply;
    want_addresses(check, names);
    return host_reply(check, *entry, names, presentation(check, name));
}

static struct spf_check_reply host_addresses(struct spf_check *check, const struct spf_check_entry *entry,
                                             enum question_type type)
{
    bool is_mx = entry->term->mechanism == SPF_RECORD_MX;
    return find_addresses(check, entry->host, type, is_mx && spf_equal_prefix(check, entry->term) == 0, !is_mx);
}

static struct spf_check_reply mark(struct spf_check *check, const struct spf_check_entry *entry)
{
    check->current = *entry;
    if (spf_equal_asks_dns(entry->term) && count_term(check))
        return stop_reply;
    return nothing_reply;
}

struct spf_check_reply spf_check_lookup(struct spf_check *check, const char *name, enum question_type type)
{
    const struct spf_check_entry *entry;
    char letter;

    if (check->stopped)
        return stop_reply;
    if (type == QUESTION_PTR)
        return term_ptr(check);
    entry = spf_equal_find(check, name, &letter);
    if (entry == NULL)
        return nothing_reply;
    if (letter == 'm')
        return mark(check, entry);
    if (letter == 'h')
        return host_addresses(check, entry, type);
    switch (type) {
    case QUESTION_TXT:
        return term_record(check, entry);
    case QUESTION_MX:
        return term_mx(check, entry);
    case QUESTION_A:
    case QUESTION_AAAA:
        return term_addresses(check, entry, type);
    case QUESTION_PTR:
        break;
    }
    return nothing_reply;
}

/* RFC 7208 6.2: one TXT record of ASCII whose text follows the grammar; else as if there were none. */
bool spf_check_explain(struct spf_check *check, struct slice *explanation_out)
{
    const struct spf_check_record *record = check->explaining;
    struct slice name, text;
    const char *why;

    *explanation_out = SLICE_NONE;
    if (record == NULL || record->content.explanation.text == NULL)
        return true;
    enum spf_check_status status = expand(check, record, record->content.explanation, false, &name);
    if (status != SPF_CHECK_RECORDS)
        return status != SPF_CHECK_STOP || check->result != AUTH_PENDING;
    const struct answer *answer = answers_find(check->answers, QUESTION_TXT, presentation(check, name));
    if (answer == NULL)
        return false;
    if (answer->status != ANSWER_RECORDS || answer->count != 1)
        return true;
    text = answer->records[0].data;
    if (!spf_macro_is_explanation(text, &why))
        return true;
    if (spf_macro_uses_name(text) && !find_client_name(check, record->domain, false))
        return false;
    check->macros.domain = record->domain;
    if (!spf_macro_expand(text, &check->macros, EXPLANATION_MOST, check->arena, explanation_out)
        || !is_ascii(*explanation_out))
        *explanation_out = SLICE_NONE;
    return true;
}
