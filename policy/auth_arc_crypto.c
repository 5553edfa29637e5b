/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc_crypto.c: see auth_arc_crypto.h. The body is canonicalised as it streams by; everything about the header is
 * done at the end. The seals sign the sets before them, so one running hash is forked at each seal.
 */
#include "policy/auth_arc_crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* SHA-256, the only hash of rsa-sha256 and ed25519-sha256. */
#define DIGEST_SIZE 32
/* Gathered before it is hashed: canonical text comes in small pieces. */
#define GATHERED 1024
/* Bytes of a signature: RSA of AUTH_ARC_KEY_BITS_MOST bits. */
#define SIGNATURE_MOST (AUTH_ARC_KEY_BITS_MOST / 8)

/* Text on its way into a hash. */
struct sink {
    EVP_MD_CTX *hash;
    size_t length;
    char gathered[GATHERED];
};

/* One way to hash the body. */
struct body {
    bool relaxed;
    bool has_limit;                /* l= */
    uint64_t limit;
    uint64_t length;               /* canonical bytes so far */
    uint64_t line_ends;            /* seen, and written only if something follows */
    bool blank;                    /* likewise, relaxed: white space */
    bool carriage_return;          /* the last byte */
    bool any;                      /* something that is no line end was there */
    struct sink sink;
    unsigned char digest[DIGEST_SIZE];
};

struct decoded_key {
    struct slice data;
    bool ed25519;
    EVP_PKEY *key;                 /* NULL: it cannot be used */
    uint32_t bits;
};

/* The header's fields by name, those of one name from the bottom up. */
struct by_name {
    const struct message_field **fields;
    unsigned *taken;               /* at the first of a name: how many of them the current signature has */
    size_t count;
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
    struct by_name by_name;
};

static EVP_MD *sha256;

static void check(bool worked)
{
    if (!worked)
        bug("OpenSSL's hashing failed");
}

static EVP_MD_CTX *hash_new(void)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    check(hash != NULL && EVP_DigestInit_ex(hash, sha256, NULL) == 1);
    return hash;
}

/* An RSA key as many publish it, though RFC 6376 3.6.1 has it otherwise, and as that has it. */
static EVP_PKEY *decode_rsa(const unsigned char *bytes, long length)
{
    const unsigned char *at = bytes;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, length);
    if (key != NULL)
        return key;
    at = bytes;
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, length);
}

/*
 * RSA public key of 1,024 bits, made for this purpose, in both forms, ed25519 key of RFC 8032 7.1: to decode them once
 * makes OpenSSL load what it needs from files.
 */
static const unsigned char warm_rsa[] = {
    0x30, 0x81, 0x9f, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x81, 0x8d, 0x00, 0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00, 0xa8, 0x2c, 0xb8,
    0x4e, 0xee, 0x3a, 0xf1, 0x7f, 0xa8, 0xee, 0xe4, 0xbd, 0xc6, 0xe2, 0x1a, 0x79, 0xff, 0xec, 0x4b,
    0x2d, 0x7a, 0x2f, 0x65, 0xc5, 0x23, 0xfd, 0x03, 0x68, 0xe0, 0x95, 0x3b, 0xd0, 0x82, 0x0d, 0xd9,
    0x94, 0x72, 0xf8, 0xab, 0x36, 0xf8, 0xaf, 0xe0, 0xe7, 0xe6, 0xa1, 0xee, 0xb5, 0xc5, 0x2a, 0xfc,
    0x40, 0x15, 0x88, 0x47, 0xc8, 0x7d, 0x5a, 0x88, 0x87, 0x5c, 0xec, 0x95, 0x7a, 0xda, 0x4b, 0xc9,
    0x17, 0x27, 0x8e, 0x3e, 0x3c, 0x4e, 0xb6, 0x3a, 0x3d, 0xe2, 0x1f, 0x3e, 0xc2, 0x9f, 0xf3, 0x3f,
    0x40, 0xde, 0xcf, 0x85, 0x24, 0xbd, 0x43, 0x12, 0xd6, 0x40, 0x1d, 0xea, 0x2e, 0x12, 0x8f, 0x80,
    0x39, 0x10, 0x05, 0x52, 0x9c, 0x37, 0xec, 0x1a, 0xca, 0x90, 0xc3, 0x61, 0x89, 0x19, 0xd7, 0x64,
    0x90, 0x4f, 0x66, 0x23, 0xf0, 0xd7, 0x9d, 0xa0, 0xf2, 0xaa, 0x2e, 0x24, 0xb9, 0x02, 0x03, 0x01,
    0x00, 0x01,
};
/* Where the RSAPublicKey begins within it. */
#define WARM_RSA_BARE 22
static const unsigned char warm_ed25519[32] = {
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
};

static bool verify_rsa(EVP_PKEY *key, const unsigned char *digest, const unsigned char *data, size_t length)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool verified = context != NULL && EVP_PKEY_verify_init(context) == 1
                    && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
                    && EVP_PKEY_CTX_set_signature_md(context, sha256) == 1
                    && EVP_PKEY_verify(context, data, length, digest, DIGEST_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    return verified;
}

/* RFC 8463 3: PureEdDSA of the hash. */
static bool verify_ed25519(EVP_PKEY *key, const unsigned char *digest, const unsigned char *data, size_t length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool verified = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1
                    && EVP_DigestVerify(context, data, length, digest, DIGEST_SIZE) == 1;
    EVP_MD_CTX_free(context);
    return verified;
}

/* Whether RSA's numbers are of a size that is verified in bounded time. */
static bool is_of_sane_size(const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    bool sane = EVP_PKEY_get_bits(key) <= AUTH_ARC_KEY_BITS_MOST
                && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1
                && BN_num_bits(exponent) <= AUTH_ARC_EXPONENT_BITS_MOST;
    BN_free(exponent);
    return sane;
}

void auth_arc_crypto_prepare(void)
{
    static const unsigned char nothing[128] = { 1 };
    if (sha256 != NULL)
        return;
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    check(sha256 != NULL);
    EVP_PKEY *keys[] = {
        decode_rsa(warm_rsa, sizeof warm_rsa),
        decode_rsa(warm_rsa + WARM_RSA_BARE, sizeof warm_rsa - WARM_RSA_BARE),
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, warm_ed25519, sizeof warm_ed25519),
    };
    check(keys[0] != NULL && is_of_sane_size(keys[0]) && keys[1] != NULL && keys[2] != NULL);
    verify_rsa(keys[0], nothing, nothing, sizeof nothing);
    verify_ed25519(keys[2], nothing, nothing, 64);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        EVP_PKEY_free(keys[i]);
}

/* Canonical text */

static void sink_flush(struct sink *sink)
{
    check(EVP_DigestUpdate(sink->hash, sink->gathered, sink->length) == 1);
    sink->length = 0;
}

static void sink_put(struct sink *sink, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    if (length > GATHERED - sink->length)
        sink_flush(sink);
    if (length > GATHERED) {
        check(EVP_DigestUpdate(sink->hash, bytes, length) == 1);
        return;
    }
    memcpy(sink->gathered + sink->length, bytes, length);
    sink->length += length;
}

static void sink_digest(struct sink *sink, unsigned char *digest_out)
{
    sink_flush(sink);
    check(EVP_DigestFinal_ex(sink->hash, digest_out, NULL) == 1);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * A part of a value, relaxed (RFC 6376 3.4.2): unfolded, white space within as one blank, none at the ends. `blank` and
 * `any` carry over from part to part.
 */
static void put_relaxed(struct sink *sink, struct slice part, bool *blank, bool *any)
{
    for (size_t at = 0; at < part.length;) {
        size_t end = at;
        while (end < part.length && !is_blank(part.text[end]) && part.text[end] != '\r' && part.text[end] != '\n')
            end++;
        if (end > at) {
            if (*blank && *any)
                sink_put(sink, " ", 1);
            *blank = false;
            *any = true;
            sink_put(sink, part.text + at, end - at);
        }
        for (at = end; at < part.length && (is_blank(part.text[at]) || part.text[at] == '\r' || part.text[at] == '\n');
             at++)
            *blank = *blank || is_blank(part.text[at]);
    }
}

static struct slice without_line_end(struct slice text)
{
    if (text.length > 0 && text.text[text.length - 1] == '\n')
        text.length--;
    if (text.length > 0 && text.text[text.length - 1] == '\r')
        text.length--;
    return text;
}

/* A field in canonical form without its line end; `cut`, a part of its text, is left out. */
static void put_field(struct sink *sink, const struct message_field *field, bool relaxed, struct slice cut)
{
    struct slice text = without_line_end(field->text), value = field->value, behind = SLICE_NONE;
    bool blank = false, any = false;

    if (cut.text != NULL) {
        behind = slice_from(text, (size_t)(cut.text + cut.length - text.text));
        text = slice_first(text, (size_t)(cut.text - text.text));
        value = slice_first(value, (size_t)(cut.text - value.text));
    }
    if (!relaxed) {
        sink_put(sink, text.text, text.length);
        if (behind.length > 0)
            sink_put(sink, behind.text, behind.length);
        return;
    }
    for (size_t i = 0; i < field->name.length; i++) {
        char c = ascii_lower(field->name.text[i]);
        sink_put(sink, &c, 1);
    }
    sink_put(sink, ":", 1);
    put_relaxed(sink, value, &blank, &any);
    put_relaxed(sink, behind, &blank, &any);
}

/* The value of b= with the white space around it (RFC 6376 3.5): what stands between its "=" and the next ";". */
static struct slice signature_value(struct slice tags)
{
    struct slice rest = tags;
    while (rest.text != NULL) {
        struct slice tag = slice_cut(&rest, ';');
        size_t equals = slice_find(tag, '=');
        if (equals < tag.length && slice_equal(slice_trim(slice_first(tag, equals)), SLICE("b")))
            return slice_from(tag, equals + 1);
    }
    return SLICE_NONE;
}

/* Bodies */

static void body_put(struct body *body, const char *bytes, size_t length)
{
    uint64_t room = body->limit - body->length;
    if (body->has_limit && length > room)
        length = (size_t)room;
    body->length += length;
    sink_put(&body->sink, bytes, length);
}

/* What was held back, as something follows. */
static void body_catch_up(struct body *body)
{
    for (; body->line_ends > 0 && (!body->has_limit || body->length < body->limit); body->line_ends--)
        body_put(body, "\r\n", 2);
    body->line_ends = 0;
    if (body->blank)
        body_put(body, " ", 1);
    body->blank = false;
    body->any = true;
}

static bool is_plain(const struct body *body, char c)
{
    return c != '\r' && !(body->relaxed && is_blank(c));
}

/* One byte that is not plain, or that follows a CR. */
static void body_step(struct body *body, char c)
{
    if (body->carriage_return && c == '\n') {
        body->carriage_return = body->blank = false;
        body->line_ends++;
        return;
    }
    if (body->carriage_return) {
        body_catch_up(body);
        body_put(body, "\r", 1);
    }
    body->carriage_return = c == '\r';
    if (body->relaxed && is_blank(c)) {
        body->blank = true;
    } else if (c != '\r') {
        body_catch_up(body);
        body_put(body, &c, 1);
    }
}

static void body_feed(struct body *body, struct slice bytes)
{
    for (size_t at = 0; at < bytes.length;) {
        size_t end = at;
        while (!body->carriage_return && end < bytes.length && is_plain(body, bytes.text[end]))
            end++;
        if (end > at) {
            body_catch_up(body);
            body_put(body, bytes.text + at, end - at);
        } else {
            body_step(body, bytes.text[end++]);
        }
        at = end;
    }
}

/* RFC 6376 3.4.3, 3.4.4: one line end at the end, but none for a body that relaxed makes empty. */
static void body_finish(struct body *body)
{
    if (body->carriage_return) {
        body_catch_up(body);
        body_put(body, "\r", 1);
    }
    if (body->any || !body->relaxed)
        body_put(body, "\r\n", 2);
    sink_digest(&body->sink, body->digest);
}

/* "simple" or "relaxed"; of one word alone the body is simple. */
static bool is_relaxed(const struct signature *signature, bool of_body)
{
    struct slice rest = signature->canonicalization, header = slice_cut(&rest, '/');
    return slice_equal(slice_trim(of_body ? rest : header), SLICE("relaxed"));
}

static struct body *find_body(struct auth_arc_crypto *crypto, const struct signature *signature)
{
    bool relaxed = is_relaxed(signature, true);
    for (size_t i = 0; i < crypto->bodies_count; i++) {
        struct body *body = crypto->bodies[i];
        if (body->relaxed == relaxed && body->has_limit == signature->has_length
            && (!body->has_limit || body->limit == signature->length))
            return body;
    }
    if (crypto->bodies_count == AUTH_ARC_BODIES_MOST)
        return NULL;
    struct body *body = arena_alloc(crypto->arena, sizeof *body);
    *body = (struct body){ .relaxed = relaxed, .has_limit = signature->has_length, .limit = signature->length };
    body->sink.hash = hash_new();
    crypto->bodies[crypto->bodies_count++] = body;
    return body;
}

/* Keys and signatures */

/* Decoded bytes; 0: it is no base64, or too long. */
static size_t decode_base64(struct slice text, unsigned char *bytes, size_t room)
{
    size_t padding = 0;
    if (text.length == 0 || text.length % 4 != 0 || text.length / 4 * 3 > room)
        return 0;
    while (padding < 2 && text.text[text.length - 1 - padding] == '=')
        padding++;
    int length = EVP_DecodeBlock(bytes, (const unsigned char *)text.text, (int)text.length);
    return length < 0 ? 0 : (size_t)length - padding;
}

static bool is_ed25519(const struct signature *signature)
{
    return slice_starts_with(signature->algorithm, SLICE("ed25519"));
}

static EVP_PKEY *decode_key(const struct signature *signature)
{
    unsigned char bytes[EVIDENCE_KEY_MOST];
    size_t length = decode_base64(signature->key_data, bytes, sizeof bytes);
    if (length == 0)
        return NULL;
    if (is_ed25519(signature))
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, length);
    EVP_PKEY *key = decode_rsa(bytes, (long)length);
    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && is_of_sane_size(key))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static const struct decoded_key *find_key(struct auth_arc_crypto *crypto, const struct signature *signature)
{
    for (size_t i = 0; i < crypto->keys_count; i++)
        if (slice_equal(crypto->keys[i].data, signature->key_data)
            && crypto->keys[i].ed25519 == is_ed25519(signature))
            return &crypto->keys[i];
    struct decoded_key *decoded = &crypto->keys[crypto->keys_count++];
    *decoded = (struct decoded_key){
        .data = signature->key_data, .ed25519 = is_ed25519(signature), .key = decode_key(signature),
    };
    if (decoded->key != NULL)
        decoded->bits = decoded->ed25519 ? 256 : (uint32_t)EVP_PKEY_get_bits(decoded->key);
    return decoded;
}

/* Leaves it NOT_TRIED without a usable key. */
static void verify(struct auth_arc_crypto *crypto, struct signature *signature, struct slice data,
                   const unsigned char *digest)
{
    unsigned char bytes[SIGNATURE_MOST + 3];
    const struct decoded_key *decoded = find_key(crypto, signature);
    size_t length = decode_base64(data, bytes, sizeof bytes);
    bool verified;

    signature->key_bits = decoded->bits;
    if (decoded->key == NULL)
        return;
    if (decoded->ed25519)
        verified = verify_ed25519(decoded->key, digest, bytes, length);
    else
        verified = verify_rsa(decoded->key, digest, bytes, length);
    signature->crypto = verified ? SIGNATURE_VERIFIED : SIGNATURE_NOT_BY_KEY;
}

/* ARC-Message-Signature */

static int compare_fields(const void *a, const void *b)
{
    const struct message_field *one = *(const struct message_field *const *)a,
                               *other = *(const struct message_field *const *)b;
    size_t common = one->name.length < other->name.length ? one->name.length : other->name.length;
    for (size_t i = 0; i < common; i++) {
        int difference = ascii_lower(one->name.text[i]) - ascii_lower(other->name.text[i]);
        if (difference != 0)
            return difference;
    }
    if (one->name.length != other->name.length)
        return one->name.length < other->name.length ? -1 : 1;
    return one->offset > other->offset ? -1 : one->offset < other->offset;
}

static void sort_fields(struct auth_arc_crypto *crypto)
{
    struct by_name *by_name = &crypto->by_name;
    by_name->fields = arena_array(crypto->arena, crypto->header->count, sizeof *by_name->fields);
    by_name->taken = arena_array(crypto->arena, crypto->header->count, sizeof *by_name->taken);
    for (size_t i = 0; i < crypto->header->count; i++)
        if (crypto->header->fields[i].name.length > 0)
            by_name->fields[by_name->count++] = &crypto->header->fields[i];
    qsort(by_name->fields, by_name->count, sizeof *by_name->fields, compare_fields);
}

/* The next field of that name, from the bottom up, that the current signature does not have yet; NULL: none is left. */
static const struct message_field *take_field(struct by_name *by_name, struct slice name)
{
    size_t low = 0, high = by_name->count;
    const struct message_field sought = { .name = name, .offset = UINT32_MAX }, *key = &sought;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_fields(&by_name->fields[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == by_name->count)
        return NULL;
    size_t index = low + by_name->taken[low];
    if (index >= by_name->count || !slice_equal_nocase(by_name->fields[index]->name, name))
        return NULL;
    by_name->taken[low]++;
    return by_name->fields[index];
}

/* RFC 6376 3.7 */
static void digest_message(struct auth_arc_crypto *crypto, const struct signature *signature,
                           const struct auth_arc_signed *part, unsigned char *digest_out)
{
    struct sink sink = { .hash = hash_new() };
    bool relaxed = is_relaxed(signature, false);
    struct slice names = part->names;

    memset(crypto->by_name.taken, 0, crypto->by_name.count * sizeof *crypto->by_name.taken);
    while (names.text != NULL) {
        const struct message_field *field = take_field(&crypto->by_name, slice_cut(&names, ':'));
        if (field == NULL)
            continue;
        put_field(&sink, field, relaxed, SLICE_NONE);
        sink_put(&sink, "\r\n", 2);
    }
    put_field(&sink, part->field, relaxed, signature_value(part->tags));
    sink_digest(&sink, digest_out);
    EVP_MD_CTX_free(sink.hash);
}

static bool is_body(const struct body *body, const struct auth_arc_signed *part)
{
    unsigned char bytes[DIGEST_SIZE + 4];
    size_t length = decode_base64(part->body_hash, bytes, sizeof bytes);
    return length == DIGEST_SIZE && memcmp(bytes, body->digest, DIGEST_SIZE) == 0
           && (!body->has_limit || body->length == body->limit);
}

/* Whether it verifies. One without a key is left alone, and so is one that hashes the body in one way too many. */
static bool verify_message(struct auth_arc_crypto *crypto, size_t index)
{
    struct signature *signature = &crypto->sets[index].message;
    const struct auth_arc_signed *part = &crypto->members[index].message;
    const struct body *body = crypto->body_of[index];
    unsigned char digest[DIGEST_SIZE];
    char text[4 * ((DIGEST_SIZE + 2) / 3) + 1];

    if (body == NULL)
        return false;
    int length = EVP_EncodeBlock((unsigned char *)text, body->digest, DIGEST_SIZE);
    signature->body_hash = arena_copy(crypto->arena, slice_of(text, (size_t)length));
    if (signature->key_data.length == 0)
        return false;
    digest_message(crypto, signature, part, digest);
    verify(crypto, signature, part->data, digest);
    if (signature->crypto == SIGNATURE_VERIFIED && !is_body(body, part))
        signature->crypto = SIGNATURE_BODY_ALTERED;
    return signature->crypto == SIGNATURE_VERIFIED;
}

/* ARC-Seal */

static void put_line(struct sink *sink, const struct message_field *field)
{
    put_field(sink, field, true, SLICE_NONE);
    sink_put(sink, "\r\n", 2);
}

/* RFC 8617 5.1.1: each seal signs all sets before it, its own two other fields, and itself. */
static unsigned char *digest_seals(struct auth_arc_crypto *crypto)
{
    unsigned char *digests = arena_array(crypto->arena, crypto->count, DIGEST_SIZE);
    struct sink sink = { .hash = hash_new() }, fork = { .hash = hash_new() };

    for (size_t i = 0; i < crypto->count; i++) {
        const struct auth_arc_member *member = &crypto->members[i];
        put_line(&sink, member->results);
        put_line(&sink, member->message.field);
        sink_flush(&sink);
        check(EVP_MD_CTX_copy_ex(fork.hash, sink.hash) == 1);
        put_field(&fork, member->seal.field, true, signature_value(member->seal.tags));
        sink_digest(&fork, digests + i * DIGEST_SIZE);
        put_line(&sink, member->seal.field);
    }
    EVP_MD_CTX_free(sink.hash);
    EVP_MD_CTX_free(fork.hash);
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
        verify(crypto, seal, crypto->members[i - 1].seal.data, digests + (i - 1) * DIGEST_SIZE);
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
        body_feed(crypto->bodies[i], bytes);
}

void auth_arc_crypto_finish(struct auth_arc_crypto *crypto)
{
    size_t newest = crypto->count - 1;
    for (size_t i = 0; i < crypto->bodies_count; i++)
        body_finish(crypto->bodies[i]);
    sort_fields(crypto);
    if (!verify_message(crypto, newest) && crypto->sets[newest].message.key_data.length > 0)
        return;
    if (!verify_seals(crypto))
        return;
    for (size_t i = newest; i > 0; i--)
        if (!verify_message(crypto, i - 1))
            return;
}

void auth_arc_crypto_free(struct auth_arc_crypto **crypto)
{
    if (*crypto == NULL)
        return;
    for (size_t i = 0; i < (*crypto)->bodies_count; i++)
        EVP_MD_CTX_free((*crypto)->bodies[i]->sink.hash);
    for (size_t i = 0; i < (*crypto)->keys_count; i++)
        EVP_PKEY_free((*crypto)->keys[i].key);
    *crypto = NULL;
}
