/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_auth_results.c: any bytes as an Authentication-Results value, and as every text of a stranger's in the fields
 * that we add: each stays one well-formed field.
 * Parsers: policy/auth_results.c policy/field_writer.c
 */
#include "policy/auth_results.h"
#include "policy/auth_results_parse.h"
#include "policy/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_form(struct added_field field, struct arena *arena)
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
            if ((line.text[i] < ' ' || line.text[i] > '~') && line.text[i] != '\t')
                bug("a byte of the field");
    }
}

static void check_all(const struct facts *facts, const struct evidence *evidence, const struct findings *findings,
                      struct slice text, struct arena *arena)
{
    check_form(auth_results_field(facts, evidence, findings, arena), arena);
    check_form(auth_results_received_spf(facts, findings, arena), arena);
    check_form(auth_results_received(facts, findings, arena), arena);
    check_form(auth_results_tag(SLICE("X-Tag"), text, arena), arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct slice text = arena_copy(arena, slice_first(slice_of((const char *)data, size), EVIDENCE_TEXT_MOST));
    struct facts_recipient recipient = { .path = text };
    struct facts facts = {
        .id = SLICE("1-2"),
        .hostname = SLICE("mx.example.net"),
        .authserv_id = SLICE("mx.example.net"),
        .helo = text,
        .sender = text,
        .has_helo = true,
        .has_mail = true,
        .esmtp = true,
        .tls = true,
        .tls_version = text,
        .tls_cipher = text,
        .recipients = &recipient,
        .recipients_count = 1,
        .client_address = { .family = 6 },
        .arrival = size < 8 ? 0 : (int64_t)data[0] << 52 | (int64_t)data[1] << 44,
    };
    struct signature signature = {
        .domain = text, .selector = text, .identity = text, .algorithm = text, .value_start = text, .key_bits = 1024,
    };
    struct dkim_outcome dkim = { .result = AUTH_FAIL, .reason = text };
    struct evidence evidence = { .signatures = &signature, .signatures_count = 1 };
    struct findings findings = {
        .iprev = { AUTH_PASS, text, text },
        .spf = { .result = AUTH_PERMERROR, .domain = text, .reason = text },
        .spf_helo = { .result = AUTH_FAIL, .reason = text },
        .dkim = &dkim,
        .dkim_count = 1,
        .dmarc = { .result = AUTH_FAIL, .author_domain = text, .reason = text, .published = DMARC_POLICY_REJECT },
        .has_message = true,
    };

    check_all(&facts, &evidence, &findings, text, arena);
    (void)auth_results_is_from(text, facts.authserv_id, arena);
    arena_free(&arena);
    return 0;
}
