/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_own.c: see auth_dkim_own.h. Signatures that hash the body alike share the hash.
 */
#include "policy/auth_dkim_own.h"

#include <openssl/evp.h>

#include "policy/canonical.h"
#include "policy/public_key.h"
#include "policy/tag_list.h"

struct own_body {
    struct canonical_body *body;
    bool relaxed;
    uint64_t limit;
    unsigned char digest[CANONICAL_DIGEST];
};

struct own_signature {
    const struct message_field *field;
    struct signature *signature;
    struct own_body *body;
};

struct auth_dkim_own {
    const struct message_header *header;
    struct arena *arena;
    struct own_signature signatures[EVIDENCE_SIGNATURES_MOST];
    size_t signatures_count;
    struct own_body bodies[EVIDENCE_SIGNATURES_MOST];
    size_t bodies_count;
};

void auth_dkim_own_prepare(void)
{
    canonical_prepare();
    public_key_prepare();
}

struct auth_dkim_own *auth_dkim_own_new(const struct message_header *header, struct arena *arena)
{
    struct auth_dkim_own *own = arena_alloc(arena, sizeof *own);
    own->header = header;
    own->arena = arena;
    return own;
}

/* c=HEADER/BODY; a body left out is simple. */
static bool is_relaxed(const struct signature *signature, bool of_body)
{
    struct slice rest = signature->canonicalization, header = slice_cut(&rest, '/');
    return slice_equal(of_body ? rest : header, SLICE("relaxed"));
}

static struct own_body *find_body(struct auth_dkim_own *own, const struct signature *signature)
{
    bool relaxed = is_relaxed(signature, true);
    uint64_t limit = signature->has_length ? signature->length : UINT64_MAX;

    for (size_t i = 0; i < own->bodies_count; i++)
        if (own->bodies[i].relaxed == relaxed && own->bodies[i].limit == limit)
            return &own->bodies[i];
    struct own_body *body = &own->bodies[own->bodies_count++];
    *body = (struct own_body){
        .body = canonical_body_new(relaxed, limit, own->arena), .relaxed = relaxed, .limit = limit,
    };
    return body;
}

void auth_dkim_own_add(struct auth_dkim_own *own, const struct message_field *field, struct signature *signature)
{
    if (own->signatures_count < EVIDENCE_SIGNATURES_MOST)
        own->signatures[own->signatures_count++] =
            (struct own_signature){ .field = field, .signature = signature, .body = find_body(own, signature) };
}

void auth_dkim_own_body(struct auth_dkim_own *own, struct slice bytes)
{
    for (size_t i = 0; i < own->bodies_count; i++)
        canonical_body_add(own->bodies[i].body, bytes);
}

static struct slice base64(const unsigned char *digest, struct arena *arena)
{
    char text[4 * ((CANONICAL_DIGEST + 2) / 3) + 1];
    int length = EVP_EncodeBlock((unsigned char *)text, digest, CANONICAL_DIGEST);
    return arena_copy(arena, slice_of(text, (size_t)length));
}

static void verify(struct auth_dkim_own *own, struct canonical_header *header, const struct own_signature *one)
{
    struct signature *signature = one->signature;
    bool ed25519 = slice_starts_with(signature->algorithm, SLICE("ed25519"));
    struct public_key *key = public_key_decode(signature->key_data, ed25519, own->arena);
    unsigned char digest[CANONICAL_DIGEST];
    struct tag_list list;
    const char *problem;

    signature->body_hash = base64(one->body->digest, own->arena);
    if (!signature->has_length) {
        signature->has_body = true;
        signature->body_size = signature->body_covered = canonical_body_hashed(one->body->body);
    }
    if (key == NULL || !tag_list_parse(one->field->value, &list, &problem))
        return;
    signature->key_bits = public_key_bits(key);
    canonical_header_digest(header, tag_list_find(&list, "h"), one->field, one->field->value,
                            is_relaxed(signature, false), digest);
    if (!public_key_verify(key, digest, tag_list_squeeze(tag_list_find(&list, "b"), own->arena)))
        signature->crypto = SIGNATURE_NOT_BY_KEY;
    else if (!slice_equal(tag_list_squeeze(tag_list_find(&list, "bh"), own->arena), signature->body_hash))
        signature->crypto = SIGNATURE_BODY_ALTERED;
    else
        signature->crypto = SIGNATURE_VERIFIED;
}

void auth_dkim_own_finish(struct auth_dkim_own *own)
{
    struct canonical_header *header = canonical_header_new(own->header, own->arena);
    for (size_t i = 0; i < own->bodies_count; i++)
        canonical_body_digest(own->bodies[i].body, own->bodies[i].digest);
    for (size_t i = 0; i < own->signatures_count; i++)
        verify(own, header, &own->signatures[i]);
}
