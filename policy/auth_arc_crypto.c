/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc_crypto.c: see auth_arc_crypto.h. The body is canonicalised as it streams by; everything about the header is
 * done at the end. The seals sign the sets before them, so one running hash is forked at each seal.
 */
#include "policy/auth_arc_crypto.h"

#include <openssl/evp.h>

#include "policy/canonical.h"
#include "policy/public_key.h"

/* One way to hash the body. */
struct body {
    bool relaxed;
    uint64_t limit;                /* l=; UINT64_MAX: none */
    struct canonical_body *canonical;
    unsigned char digest[CANONICAL_DIGEST];
};

struct decoded_key {
    struct slice data;
    bool ed25519;
    struct public_key *key;        /* NULL: it cannot be used */
};

struct auth_arc_crypto {
    struct arena *arena;
    const struct message_header *header;
    struct arc_set *sets;
    const struct auth_arc_member *members;
    size_t count;
    struct body *bodies[AUTH_ARC_BODIES_MOST];
    size_t bodies_count;
    struct body **body_of;         /* parallel to the sets; NULL: none is left */
    struct decoded_key keys[2 * EVIDENCE_ARC_SETS_MOST];
    size_t keys_count;
    struct canonical_header *by_name;
};

void auth_arc_crypto_prepare(void)
{
    canonical_prepare();
    public_key_prepare();
}

/* Bodies */

/* "simple" or "relaxed"; of one word alone the body is simple. */
static bool is_relaxed(const struct signature *signature, bool of_body)
{
    struct slice rest = signature->canonicalization, header = slice_cut(&rest, '/');
    return slice_equal(slice_trim(of_body ? rest : header), SLICE("relaxed"));
}

static struct body *find_body(struct auth_arc_crypto *crypto, const struct signature *signature)
{
    bool relaxed = is_relaxed(signature, true);
    uint64_t limit = signature->has_length ? signature->length : UINT64_MAX;
    for (size_t i = 0; i < crypto->bodies_count; i++)
        if (crypto->bodies[i]->relaxed == relaxed && crypto->bodies[i]->limit == limit)
            return crypto->bodies[i];
    if (crypto->bodies_count == AUTH_ARC_BODIES_MOST)
        return NULL;
    struct body *body = arena_alloc(crypto->arena, sizeof *body);
    *body = (struct body){
        .relaxed = relaxed, .limit = limit, .canonical = canonical_body_new(relaxed, limit, crypto->arena),
    };
    crypto->bodies[crypto->bodies_count++] = body;
    return body;
}

/* Keys and signatures */

static bool is_ed25519(const struct signature *signature)
{
    return slice_starts_with(signature->algorithm, SLICE("ed25519"));
}

static const struct public_key *find_key(struct auth_arc_crypto *crypto, const struct signature *signature)
{
    for (size_t i = 0; i < crypto->keys_count; i++)
        if (slice_equal(crypto->keys[i].data, signature->key_data)
            && crypto->keys[i].ed25519 == is_ed25519(signature))
            return crypto->keys[i].key;
    struct decoded_key *decoded = &crypto->keys[crypto->keys_count++];
    *decoded = (struct decoded_key){
        .data = signature->key_data, .ed25519 = is_ed25519(signature),
        .key = public_key_decode(signature->key_data, is_ed25519(signature), crypto->arena),
    };
    return decoded->key;
}

/* Leaves it NOT_TRIED without a usable key. */
static void verify(struct auth_arc_crypto *crypto, struct signature *signature, struct slice data,
                   const unsigned char *digest)
{
    const struct public_key *key = find_key(crypto, signature);
    if (key == NULL)
        return;
    signature->key_bits = public_key_bits(key);
    signature->crypto = public_key_verify(key, digest, data) ? SIGNATURE_VERIFIED : SIGNATURE_NOT_BY_KEY;
}

/* ARC-Message-Signature */

static bool is_body(const struct body *body, const struct signature *signature, const struct auth_arc_signed *part)
{
    return slice_equal(part->body_hash, signature->body_hash)
        && (body->limit == UINT64_MAX || canonical_body_hashed(body->canonical) == body->limit);
}

/* Whether it verifies. One without a key is left alone, and so is one that hashes the body in one way too many. */
static bool verify_message(struct auth_arc_crypto *crypto, size_t index)
{
    struct signature *signature = &crypto->sets[index].message;
    const struct auth_arc_signed *part = &crypto->members[index].message;
    const struct body *body = crypto->body_of[index];
    unsigned char digest[CANONICAL_DIGEST];
    char text[4 * ((CANONICAL_DIGEST + 2) / 3) + 1];

    if (body == NULL)
        return false;
    int length = EVP_EncodeBlock((unsigned char *)text, body->digest, CANONICAL_DIGEST);
    signature->body_hash = arena_copy(crypto->arena, slice_of(text, (size_t)length));
    signature->body_covered = signature->body_size = canonical_body_hashed(body->canonical);
    /* With an l= that was reached there may be more. */
    signature->has_body = body->limit == UINT64_MAX || signature->body_size < body->limit;
    if (signature->key_data.length == 0)
        return false;
    canonical_header_digest(crypto->by_name, part->names, part->field, part->tags, is_relaxed(signature, false),
                            digest);
    verify(crypto, signature, part->data, digest);
    if (signature->crypto == SIGNATURE_VERIFIED && !is_body(body, signature, part))
        signature->crypto = SIGNATURE_BODY_ALTERED;
    return signature->crypto == SIGNATURE_VERIFIED;
}

/* ARC-Seal */

static void put_line(struct canonical_hash *hash, const struct message_field *field)
{
    canonical_hash_field(hash, field, true, SLICE_NONE);
    canonical_hash_put(hash, "\r\n", 2);
}

/* RFC 8617 5.1.1: each seal signs all sets before it, its own two other fields, and itself. */
static unsigned char *digest_seals(struct auth_arc_crypto *crypto)
{
    unsigned char *digests = arena_array(crypto->arena, crypto->count, CANONICAL_DIGEST);
    struct canonical_hash *hash = canonical_hash_new(crypto->arena);

    for (size_t i = 0; i < crypto->count; i++) {
        const struct auth_arc_member *member = &crypto->members[i];
        put_line(hash, member->results);
        put_line(hash, member->message.field);
        struct canonical_hash *fork = canonical_hash_fork(hash, crypto->arena);
        canonical_hash_field(fork, member->seal.field, true, canonical_signature_value(member->seal.tags));
        canonical_hash_digest(fork, digests + i * CANONICAL_DIGEST);
        put_line(hash, member->seal.field);
    }
    return digests;
}

/* False: one fails for certain. */
static bool verify_seals(struct auth_arc_crypto *crypto)
{
    const unsigned char *digests = digest_seals(crypto);
    for (size_t i = crypto->count; i > 0; i--) {
        struct signature *seal = &crypto->sets[i - 1].seal;
        if (seal->key_data.length == 0)
            continue;
        verify(crypto, seal, crypto->members[i - 1].seal.data, digests + (i - 1) * CANONICAL_DIGEST);
        if (seal->crypto != SIGNATURE_VERIFIED)
            return false;
    }
    return true;
}

/* Interface */

struct auth_arc_crypto *auth_arc_crypto_new(const struct message_header *header, struct arc_set *sets,
                                            const struct auth_arc_member *members, size_t count, struct arena *arena)
{
    struct auth_arc_crypto *crypto = arena_alloc(arena, sizeof *crypto);
    *crypto = (struct auth_arc_crypto){
        .arena = arena, .header = header, .sets = sets, .members = members, .count = count,
    };
    crypto->body_of = arena_array(arena, count, sizeof *crypto->body_of);
    /* From the newest, for it is the one that counts. */
    for (size_t i = count; i > 0; i--)
        if (sets[i - 1].message.problem.length == 0)
            crypto->body_of[i - 1] = find_body(crypto, &sets[i - 1].message);
    return crypto;
}

void auth_arc_crypto_body(struct auth_arc_crypto *crypto, struct slice bytes)
{
    for (size_t i = 0; i < crypto->bodies_count; i++)
        canonical_body_add(crypto->bodies[i]->canonical, bytes);
}

void auth_arc_crypto_finish(struct auth_arc_crypto *crypto)
{
    size_t newest = crypto->count - 1;
    for (size_t i = 0; i < crypto->bodies_count; i++)
        canonical_body_digest(crypto->bodies[i]->canonical, crypto->bodies[i]->digest);
    crypto->by_name = canonical_header_new(crypto->header, crypto->arena);
    if (!verify_message(crypto, newest) && crypto->sets[newest].message.key_data.length > 0)
        return;
    if (!verify_seals(crypto))
        return;
    for (size_t i = newest; i > 0; i--)
        if (!verify_message(crypto, i - 1))
            return;
}
