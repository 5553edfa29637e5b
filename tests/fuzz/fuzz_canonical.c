/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_canonical.c: any bytes as a published key (the first line) and as a message to be hashed. A body hashes alike
 * however it is cut, its length is what is counted beside the hash, and l= takes the first bytes of it.
 * Parsers: policy/canonical.c policy/public_key.c policy/auth_dkim_cover.c
 */
#include "policy/auth_dkim_cover.h"
#include "policy/canonical.h"
#include "policy/public_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t hash_body(struct slice body, bool relaxed, uint64_t limit, size_t chunk, struct arena *arena,
                          unsigned char *digest_out)
{
    struct canonical_body *canonical = canonical_body_new(relaxed, limit, arena);
    for (; body.length > 0; body = slice_from(body, chunk))
        canonical_body_add(canonical, slice_first(body, chunk));
    canonical_body_digest(canonical, digest_out);
    return canonical_body_hashed(canonical);
}

static void check_body(struct slice body, bool relaxed, struct arena *arena)
{
    unsigned char whole[CANONICAL_DIGEST], pieces[CANONICAL_DIGEST], limited[CANONICAL_DIGEST];
    struct auth_dkim_body counted;
    uint64_t length = hash_body(body, relaxed, UINT64_MAX, body.length + 1, arena, whole);

    if (hash_body(body, relaxed, UINT64_MAX, 3, arena, pieces) != length
        || memcmp(whole, pieces, sizeof whole) != 0)
        bug("a body that hashes otherwise when it is cut");
    auth_dkim_body_start(&counted, relaxed);
    auth_dkim_body_add(&counted, body);
    if (auth_dkim_body_size(&counted) != length)
        bug("a body of another length");
    if (hash_body(body, relaxed, length, 5, arena, limited) != length || memcmp(whole, limited, sizeof whole) != 0)
        bug("l= of the whole body");
    if (hash_body(body, relaxed, length / 2, 7, arena, limited) != length / 2)
        bug("l= of half the body");
}

static void check_header(const struct message_header *header, bool relaxed, struct arena *arena)
{
    unsigned char digest[CANONICAL_DIGEST];
    struct auth_dkim_fields counts;
    struct signature signature = { 0 };
    struct canonical_header *sorted = canonical_header_new(header, arena);

    auth_dkim_fields_count(header, &counts);
    for (size_t i = 0; i < header->count && i < 8; i++) {
        const struct message_field *field = &header->fields[i];
        canonical_header_digest(sorted, field->value, field, field->value, relaxed, digest);
        auth_dkim_cover_fields(field->value, &counts, &signature);
        if ((signature.fields_added & signature.fields_unsigned) != 0)
            bug("a field both signed and not signed");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool prepared;
    static const unsigned char digest[CANONICAL_DIGEST] = { 1 };
    struct arena *arena = arena_new();
    struct slice rest = slice_of((const char *)data, size), key = slice_cut(&rest, '\n');
    struct message_header header;

    if (!prepared) {
        canonical_prepare();
        public_key_prepare();
        prepared = true;
    }
    for (int ed25519 = 0; ed25519 < 2; ed25519++) {
        struct public_key *decoded = public_key_decode(key, ed25519, arena);
        if (decoded != NULL && (public_key_bits(decoded) == 0 || public_key_bits(decoded) > PUBLIC_KEY_BITS_MOST))
            bug("a key of no size");
        if (decoded != NULL && public_key_verify(decoded, digest, key))
            bug("a key that signs itself");
    }
    message_parse(rest, arena, &header);
    for (int relaxed = 0; relaxed < 2; relaxed++) {
        check_header(&header, relaxed, arena);
        check_body(slice_from(rest, header.size), relaxed, arena);
    }
    arena_free(&arena);
    return 0;
}
