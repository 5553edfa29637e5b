/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_cover.c: counts header fields against h=, and bytes of the body as they would be hashed. Owns nothing and
 * cannot fail.
 */
#include "policy/auth_dkim_cover.h"

/* RFC 5322 3.6's fields that may occur once, MIME's (RFC 2045), and the two of one-click unsubscribing (RFC 8058). */
const char *const auth_dkim_field_names[EVIDENCE_SIGNED_FIELDS + 1] = {
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post", NULL,
};

/* EVIDENCE_SIGNED_FIELDS when it is none of them. */
static size_t find_field(struct slice name)
{
    size_t i = 0;
    while (i < EVIDENCE_SIGNED_FIELDS && !slice_equal_nocase(name, slice_of_string(auth_dkim_field_names[i])))
        i++;
    return i;
}

uint32_t auth_dkim_field_bit(struct slice name)
{
    size_t field = find_field(name);
    return field < EVIDENCE_SIGNED_FIELDS ? UINT32_C(1) << field : 0;
}

void auth_dkim_fields_count(const struct message_header *header, struct auth_dkim_fields *fields_out)
{
    *fields_out = (struct auth_dkim_fields){ { 0 } };
    for (size_t i = 0; i < header->count; i++) {
        size_t field = find_field(header->fields[i].name);
        if (field < EVIDENCE_SIGNED_FIELDS)
            fields_out->counts[field]++;
    }
}

void auth_dkim_cover_fields(struct slice signed_fields, const struct auth_dkim_fields *fields,
                            struct signature *signature)
{
    uint32_t times[EVIDENCE_SIGNED_FIELDS] = { 0 };
    struct slice rest = signed_fields;

    while (rest.text != NULL) {
        size_t field = find_field(slice_trim(slice_cut(&rest, ':')));
        if (field < EVIDENCE_SIGNED_FIELDS)
            times[field]++;
    }
    signature->fields_added = signature->fields_unsigned = 0;
    for (size_t i = 0; i < EVIDENCE_SIGNED_FIELDS; i++) {
        uint32_t bit = UINT32_C(1) << i;
        if (times[i] == 0 && fields->counts[i] > 0)
            signature->fields_unsigned |= bit;
        else if (fields->counts[i] > times[i])
            signature->fields_added |= bit;
    }
}

void auth_dkim_body_start(struct auth_dkim_body *body, bool relaxed)
{
    *body = (struct auth_dkim_body){ .relaxed = relaxed };
}

/* A byte that counts: what was held back before it counts too. */
static void add_byte(struct auth_dkim_body *body)
{
    body->size += 2 * body->ends + body->blank + 1;
    body->ends = 0;
    body->blank = false;
}

static void add_one(struct auth_dkim_body *body, char c)
{
    bool is_end = c == '\n' && body->carriage_return;

    /* A CR that no LF followed is a byte like others. */
    if (body->carriage_return && !is_end)
        add_byte(body);
    body->carriage_return = c == '\r';
    if (is_end) {
        body->ends++;
        body->blank = false;
    } else if (body->relaxed && (c == ' ' || c == '\t')) {
        body->blank = true;
    } else if (c != '\r') {
        add_byte(body);
    }
}

void auth_dkim_body_add(struct auth_dkim_body *body, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        add_one(body, bytes.text[i]);
}

/* One line end remains of those at the end, or is put there; an empty body is one too, but relaxed stays empty. */
uint64_t auth_dkim_body_size(const struct auth_dkim_body *body)
{
    uint64_t size = body->size;
    if (body->carriage_return)
        size += 2 * body->ends + body->blank + 1;
    return size == 0 && body->relaxed ? 0 : size + 2;
}
