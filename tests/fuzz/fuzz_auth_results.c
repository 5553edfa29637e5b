/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_auth_results.c: any bytes as an Authentication-Results value, and as every text of a stranger's in the fields
 * that we add: each stays one well-formed field. The first two bytes choose the results.
 * What is read of it is bounded, and words are words.
 * Parsers: policy/auth_results.c policy/auth_results_parse.c policy/field_writer.c
 */
#include "policy/auth_results.h"
#include "policy/auth_results_parse.h"
#include "policy/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* `utf8`: the message was sent with SMTPUTF8 (RFC 6532). */
static void check_form(struct added_field field, bool utf8, struct arena *arena)
{
    struct slice rest = field.text, text = arena_printf(arena, "%.*s\r\n", SLICE_ARG(field.text));
    struct message_header header;

    message_parse(text, arena, &header);
    /* A text may have "From:" in it, and a fold before that. */
    uint64_t faults = header.oddities & oddity_refusing() & ~ODDITY_BIT(ODDITY_LEADING_SPACE_NAME);
    if (header.count != 1 || faults != 0 || !slice_equal(header.fields[0].name, field.name))
        bug("not one field");
    while (rest.length > 0) {
        struct slice line = slice_cut(&rest, '\n');
        if (line.length > 999 || line.length < 2 || line.text[line.length - 1] != '\r')
            bug("a line of the field");
        for (size_t i = 0; i + 1 < line.length; i++)
            if ((line.text[i] < ' ' || line.text[i] > '~') && line.text[i] != '\t' && !(utf8 && line.text[i] < 0))
                bug("a byte of the field");
    }
}

static void check_all(const struct facts *facts, const struct evidence *evidence, const struct findings *findings,
                      struct slice text, struct arena *arena)
{
    check_form(auth_results_field(facts, evidence, findings, arena), facts->smtputf8, arena);
    check_form(auth_results_received_spf(facts, findings, arena), facts->smtputf8, arena);
    check_form(auth_results_received(facts, findings, arena), facts->smtputf8, arena);
    check_form(auth_results_tag(SLICE("X-Tag"), text, arena), facts->smtputf8, arena);
}

/* Any result that is final, by three bits of the choice. */
static enum auth_result result_of(unsigned choice, unsigned bit)
{
    return (enum auth_result)(choice >> bit & 7);
}

static bool is_set(unsigned choice, unsigned bit)
{
    return (choice >> bit & 1) != 0;
}

static void try_text(struct slice text, unsigned choice, struct arena *arena)
{
    struct facts_recipient recipient = { .path = text };
    struct facts facts = {
        .id = SLICE("1-2"),
        .hostname = SLICE("mx.example.net"),
        .authserv_id = SLICE("mx.example.net"),
        .helo = text,
        .sender = is_set(choice, 12) ? SLICE("") : text,
        .has_helo = true,
        .has_mail = true,
        .esmtp = is_set(choice, 13),
        .smtputf8 = is_set(choice, 14),
        .tls = true,
        .tls_version = text,
        .tls_cipher = text,
        .recipients = &recipient,
        .recipients_count = 1,
        .client_address = { .family = is_set(choice, 13) ? 6 : 4 },
        .arrival = (int64_t)choice << 44,
    };
    struct signature signature = {
        .domain = text, .selector = text, .identity = text, .algorithm = text, .value_start = text, .key_bits = 1024,
    };
    struct arc_set set = { .message = signature, .seal = signature, .authserv_id = text };
    struct dkim_outcome dkim = { .result = result_of(choice, 0), .reason = text };
    struct evidence evidence = { .signatures = &signature, .signatures_count = 1,
                                 .arc_sets = &set, .arc_sets_count = is_set(choice, 15) };
    struct findings findings = {
        .iprev = { result_of(choice, 3), text, text },
        .spf = { .result = result_of(choice, 6), .domain = text, .reason = text },
        .spf_helo = { .result = result_of(choice, 9), .reason = text },
        .dkim = &dkim,
        .dkim_count = !is_set(choice, 12),
        .dmarc = { .result = result_of(choice, 1), .author_domain = text, .reason = text,
                   .published = DMARC_POLICY_REJECT, .policy = DMARC_POLICY_QUARANTINE },
        .arc = { .result = result_of(choice, 4), .reason = text, .has_oldest_pass = is_set(choice, 8) },
        .has_message = true,
    };
    check_all(&facts, &evidence, &findings, text, arena);
}

static bool is_word(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!ascii_is_letter(text.text[i]) && !ascii_is_digit(text.text[i]) && text.text[i] != '-'
            && text.text[i] != '_')
            return false;
    return text.length > 0;
}

static void check_parsed(struct slice text, struct arena *arena)
{
    struct auth_results results;
    auth_results_parse(text, arena, &results);
    if (results.claims_count > AUTH_RESULTS_CLAIMS_MOST)
        bug("too many claims");
    for (size_t i = 0; i < results.claims_count; i++) {
        const struct auth_results_claim *claim = &results.claims[i];
        if (!is_word(claim->method) || !is_word(claim->result)
            || claim->properties_count > AUTH_RESULTS_PROPERTIES_MOST)
            bug("a claim that is none");
        for (size_t j = 0; j < claim->properties_count; j++)
            if (claim->properties[j].value.length > AUTH_RESULTS_VALUE_MOST || !is_word(claim->properties[j].name))
                bug("a property that is none");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct arena *arena = arena_new();
    struct slice text = slice_first(slice_of((const char *)data + 2, size - 2), EVIDENCE_TEXT_MOST);
    try_text(text, (unsigned)data[0] << 8 | data[1], arena);
    (void)auth_results_is_from(text, SLICE("mx.example.net"), arena);
    check_parsed(text, arena);
    arena_free(&arena);
    return 0;
}
