/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_spf.c: runs libspf2 behind the guard of spf_check.h. libspf2 is given our own compiled record and a resolver
 * that only knows opaque names; it never sees a stranger's text, a clock or a socket. Its handles are made once per
 * process; whatever it allocates for a check is freed with the check. When it reports what the guard cannot account
 * for, the outcome is temperror.
 */
#include "policy/auth_spf.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/types.h>

#include <spf2/spf.h>

#include "policy/mailbox.h"
#include "policy/spf_check.h"

/* libspf2's own limits count per record and wrongly: wide, because the guard's hold. */
#define LIBRARY_LIMIT 100000

static SPF_server_t *server;
static SPF_dns_server_t resolver;
/* Where libspf2's fatal errors end while a check runs: its default handler would abort. */
static jmp_buf fatal;

/* Not _Noreturn: the attribute is part of the handler's type. */
static void on_error(const char *file, int line, const char *message) __attribute__((noreturn));

static void on_error(const char *file, int line, const char *message)
{
    (void)file;
    (void)line;
    (void)message;
    longjmp(fatal, 1);
}

static void on_message(const char *file, int line, const char *message)
{
    (void)file;
    (void)line;
    (void)message;
}

static int herrno_of(enum spf_check_status status)
{
    switch (status) {
    case SPF_CHECK_RECORDS:
        return NETDB_SUCCESS;
    case SPF_CHECK_NOTHING:
        return HOST_NOT_FOUND;
    case SPF_CHECK_STOP:
        return TRY_AGAIN;
    }
    return TRY_AGAIN;
}

static void fill_record(SPF_dns_rr_t *answer, int index, struct slice record, ns_type type)
{
    if (SPF_dns_rr_buf_realloc(answer, index, record.length + 1) != SPF_E_SUCCESS)
        bug("out of memory");
    /* The union's text members end in NUL; addresses are shorter than the union. */
    memcpy(answer->rr[index], record.text, record.length);
    if (type == ns_t_txt || type == ns_t_mx || type == ns_t_ptr)
        answer->rr[index]->txt[record.length] = 0;
}

static SPF_dns_rr_t *on_lookup(SPF_dns_server_t *dns, const char *domain, ns_type type, int should_cache)
{
    struct spf_check_reply reply = { .status = SPF_CHECK_NOTHING };
    (void)should_cache;
    if (type == ns_t_a || type == ns_t_aaaa || type == ns_t_mx || type == ns_t_ptr || type == ns_t_txt)
        reply = spf_check_lookup(dns->hook, domain, (enum question_type)type);
    SPF_dns_rr_t *answer = SPF_dns_rr_new_init(dns, domain, type, 0, herrno_of(reply.status));
    if (answer == NULL)
        bug("out of memory");
    /* Type 99 is no more (RFC 7208 3.1); NO_DATA makes libspf2 ask for TXT. */
    if (type == (ns_type)ns_t_spf)
        answer->herrno = NO_DATA;
    for (size_t i = 0; i < reply.count; i++)
        fill_record(answer, (int)i, reply.records[i], type);
    answer->num_rr = (int)reply.count;
    return answer;
}

void auth_spf_prepare(void)
{
    SPF_response_t *response = NULL;

    if (server != NULL)
        return;
    SPF_error_handler = on_error;
    SPF_warning_handler = on_message;
    SPF_info_handler = on_message;
    SPF_debug_handler = on_message;
    resolver = (SPF_dns_server_t){ .lookup = on_lookup, .name = "answers" };
    if (setjmp(fatal) != 0)
        bug("libspf2 does not start");
    server = SPF_server_new_dns(&resolver, 0);
    if (server == NULL)
        bug("libspf2 does not start");
    SPF_server_set_rec_dom(server, "mxward.invalid");
    SPF_server_set_max_dns_mech(server, LIBRARY_LIMIT);
    SPF_server_set_max_dns_ptr(server, LIBRARY_LIMIT);
    SPF_server_set_max_dns_mx(server, LIBRARY_LIMIT);
    /* Explanations are ours; the default one would be expanded for every fail. */
    SPF_server_set_explanation(server, "-", &response);
    if (response != NULL)
        SPF_response_free(response);
}

static SPF_request_t *new_request(const struct facts *facts)
{
    SPF_request_t *request = SPF_request_new(server);
    if (request == NULL)
        bug("out of memory");
    if (facts->client_address.family == 4) {
        struct in_addr address;
        memcpy(&address, facts->client_address.bytes, sizeof(address));
        SPF_request_set_ipv4(request, address);
    } else {
        struct in6_addr address;
        memcpy(&address, facts->client_address.bytes, sizeof(address));
        SPF_request_set_ipv6(request, address);
    }
    /* Never looked up: domains in the record are all explicit. */
    SPF_request_set_env_from(request, "postmaster@mxward.invalid");
    request->cur_dom = request->env_from_dp;
    return request;
}

static enum auth_result result_of(SPF_result_t result)
{
    switch (result) {
    case SPF_RESULT_NEUTRAL:
        return AUTH_NEUTRAL;
    case SPF_RESULT_PASS:
        return AUTH_PASS;
    case SPF_RESULT_FAIL:
        return AUTH_FAIL;
    case SPF_RESULT_SOFTFAIL:
        return AUTH_SOFTFAIL;
    case SPF_RESULT_INVALID:
    case SPF_RESULT_NONE:
    case SPF_RESULT_TEMPERROR:
    case SPF_RESULT_PERMERROR:
        break;
    }
    return AUTH_TEMPERROR;         /* those the guard decides; libspf2 alone has no reason for them */
}

/*
 * Compiles and interprets, as SPF_request_query_mailfrom() does but for its look-up of the first record and its free
 * ride for loopback addresses.
 */
static enum auth_result evaluate(const struct facts *facts, const char *record, struct slice *reason_out)
{
    SPF_request_t *request = new_request(facts);
    SPF_response_t *response = SPF_response_new(request);
    SPF_record_t *compiled = NULL;
    if (response == NULL)
        bug("out of memory");

    SPF_errcode_t error = SPF_record_compile(server, response, &compiled, record);
    if (error == SPF_E_SUCCESS) {
        response->spf_record_exp = compiled;
        error = SPF_record_interpret(compiled, request, response, 0);
    }
    enum auth_result result = error == SPF_E_SUCCESS ? result_of(SPF_response_result(response)) : AUTH_TEMPERROR;
    if (result == AUTH_TEMPERROR)
        *reason_out = slice_of_string(SPF_strerror(error));
    if (SPF_response_reason(response) == SPF_REASON_DEFAULT)
        *reason_out = SLICE("no mechanism matches");
    if (compiled != NULL)
        SPF_record_free(compiled);
    SPF_response_free(response);
    SPF_request_free(request);
    return result;
}

/* What libspf2 leaves behind when it gives up is lost; it gives up only over a fault of its own. */
static enum auth_result evaluate_safely(const struct facts *facts, const char *record, struct slice *reason_out)
{
    if (setjmp(fatal) != 0) {
        *reason_out = SLICE("libspf2 gave up");
        return AUTH_TEMPERROR;
    }
    return evaluate(facts, record, reason_out);
}

static struct slice match_reason(const struct spf_check *check)
{
    if (check->current.term == NULL)
        return SLICE("no mechanism matches");
    struct slice term = slice_first(check->current.term->text, 200),
                 domain = slice_first(check->current.record->domain, 253);
    return arena_printf(check->arena, "%.*s in the record of %.*s", SLICE_ARG(term), SLICE_ARG(domain));
}

static void finish(struct spf_check *check, struct spf_outcome *outcome)
{
    outcome->lookups = (uint8_t)check->terms;
    outcome->void_lookups = (uint8_t)check->void_lookups;
    if (check->stopped) {
        outcome->result = check->result;
        outcome->reason = check->reason;
    } else if (slice_is_empty(outcome->reason)) {
        outcome->reason = match_reason(check);
    }
    /*
     * RFC 7208 5.5 passes over a failed reverse look-up, so that "-all" would then turn a DNS failure into a fail. It
     * must not (a DNS failure never rejects for good): only a pass stands.
     */
    if (check->doubt && outcome->result != AUTH_PASS && outcome->result != AUTH_PENDING) {
        outcome->result = AUTH_TEMPERROR;
        outcome->reason = SLICE("the client's name could not be looked up");
    }
    if (outcome->result == AUTH_FAIL && !spf_check_explain(check, &outcome->explanation))
        outcome->result = AUTH_PENDING;
}

/* RFC 7208 4.3: malformed or of one label gives none. U-labels become A-labels (RFC 8616 4). */
static bool checkable_domain(struct slice text, struct arena *arena, struct slice *domain_out)
{
    if (text.length > 0 && text.text[text.length - 1] == '.')
        text.length--;
    if (text.length == 0 || text.text[0] == '[' || slice_find(text, '.') == text.length)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] > 127)
            return mailbox_domain(text, arena, domain_out);
    *domain_out = text;
    return spf_check_is_askable(text);
}

static struct slice lower(struct slice text, struct arena *arena)
{
    char *copy = arena_string(arena, text);
    for (size_t i = 0; i < text.length; i++)
        copy[i] = ascii_lower(copy[i]);
    return slice_of(copy, text.length);
}

/* The HELO argument for %{h}: U-labels as A-labels (RFC 8616 4), anything else as it was said. */
static struct slice helo_value(struct slice helo, struct arena *arena)
{
    struct slice domain;
    for (size_t i = 0; i < helo.length; i++)
        if ((unsigned char)helo.text[i] > 127)
            return mailbox_domain(helo, arena, &domain) ? domain : helo;
    return helo;
}

static void fill_macros(struct spf_macro_values *macros, const struct facts *facts, struct slice local_part,
                        struct slice domain, struct arena *arena)
{
    /* RFC 7208 4.3: without a local part it is "postmaster". */
    if (slice_is_empty(local_part))
        local_part = SLICE("postmaster");
    *macros = (struct spf_macro_values){
        .sender = arena_printf(arena, "%.*s@%.*s", SLICE_ARG(local_part), SLICE_ARG(domain)),
        .local_part = local_part,
        .sender_domain = domain,
        .domain = domain,
        .name = SLICE("unknown"),
        .helo = helo_value(facts->helo, arena),
        .receiver = facts->hostname,
        .client = facts->client_address,
        .time = facts->arrival / 1000000,
    };
}

static struct slice identity_domain(const struct facts *facts, enum auth_spf_identity identity)
{
    return identity == AUTH_SPF_HELO || slice_is_empty(facts->sender) ? facts->helo : facts->sender_domain;
}

struct spf_outcome auth_spf(const struct facts *facts, struct answers *answers, struct arena *arena,
                            enum auth_spf_identity identity)
{
    struct spf_outcome outcome = { .result = AUTH_NONE };
    struct slice domain;
    bool is_sender = identity == AUTH_SPF_MAIL_FROM && !slice_is_empty(facts->sender);

    if (!checkable_domain(identity_domain(facts, identity), arena, &domain)) {
        outcome.reason = SLICE("no domain to check");
        return outcome;
    }
    outcome.domain = lower(domain, arena);
    struct spf_check check = { .facts = facts, .answers = answers, .arena = arena };
    fill_macros(&check.macros, facts, is_sender ? facts->sender_local_part : SLICE_NONE, domain, arena);
    struct spf_check_reply record = spf_check_begin(&check, domain);
    if (record.status == SPF_CHECK_RECORDS) {
        resolver.hook = &check;
        outcome.result = evaluate_safely(facts, record.records[0].text, &outcome.reason);
        resolver.hook = NULL;
    }
    finish(&check, &outcome);
    return outcome;
}
