/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * public_key.c: see public_key.h.
 */
#include "policy/public_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define DIGEST_SIZE 32
/* Base64 of a key of PUBLIC_KEY_BITS_MOST bits in its wrapping, and of a signature by it, fit. */
#define BYTES_MOST 2048
/* What OpenSSL itself allows of RSA's public exponent with a large modulus; a longer one is as slow as signing. */
#define EXPONENT_BITS_MOST 64

struct public_key {
    EVP_PKEY *key;
    bool ed25519;
};

static EVP_MD *sha256;

/* An RSA key as the world publishes it, and as RFC 6376 3.6.1 has it. */
static EVP_PKEY *decode_rsa(const unsigned char *bytes, size_t length)
{
    const unsigned char *at = bytes;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)length);
    if (key != NULL)
        return key;
    at = bytes;
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)length);
}

/* Whether RSA's numbers are of a size that is verified in bounded time. */
static bool is_of_sane_size(const EVP_PKEY *key)
{
    BIGNUM *exponent = NULL;
    bool sane = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) <= PUBLIC_KEY_BITS_MOST
                && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1
                && BN_num_bits(exponent) <= EXPONENT_BITS_MOST;
    BN_free(exponent);
    return sane;
}

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

static void release(void *key)
{
    EVP_PKEY_free(key);
}

struct public_key *public_key_decode(struct slice base64, bool ed25519, struct arena *arena)
{
    unsigned char bytes[BYTES_MOST];
    size_t length = decode_base64(base64, bytes, sizeof bytes);
    EVP_PKEY *key = NULL;

    if (length > 0)
        key = ed25519 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, length) : decode_rsa(bytes, length);
    if (key == NULL)
        return NULL;
    arena_at_end(arena, release, key);
    if (!ed25519 && !is_of_sane_size(key))
        return NULL;
    struct public_key *public_key = arena_alloc(arena, sizeof *public_key);
    *public_key = (struct public_key){ .key = key, .ed25519 = ed25519 };
    return public_key;
}

uint32_t public_key_bits(const struct public_key *key)
{
    return key->ed25519 ? 256 : (uint32_t)EVP_PKEY_get_bits(key->key);
}

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

bool public_key_verify(const struct public_key *key, const unsigned char *digest, struct slice base64)
{
    unsigned char bytes[BYTES_MOST];
    size_t length = decode_base64(base64, bytes, sizeof bytes);
    return key->ed25519 ? verify_ed25519(key->key, digest, bytes, length)
                        : verify_rsa(key->key, digest, bytes, length);
}

/* RSA of 1,024 bits, made for this purpose, in its wrapping and without it; ed25519 of RFC 8032 7.1. */
#define WARM_RSA                                                                                                       \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCoLLhO7jrxf6ju5L3G4hp5/+xLLXovZcUj/QNo4JU70IIN2ZRy+Ks2+K/g5+ah7rXFKvxAFYhH" \
    "yH1aiIdc7JV62kvJFyeOPjxOtjo94h8+wp/zP0Dez4UkvUMS1kAd6i4Sj4A5EAVSnDfsGsqQw2GJGddkkE9mI/DXnaDyqi4kuQIDAQAB"
#define WARM_RSA_BARE                                                                                                  \
    "MIGJAoGBAKgsuE7uOvF/qO7kvcbiGnn/7Estei9lxSP9A2jglTvQgg3ZlHL4qzb4r+Dn5qHutcUq/EAViEfIfVqIh1zslXraS8kXJ44+PE62Oj3i" \
    "Hz7Cn/M/QN7PhSS9QxLWQB3qLhKPgDkQBVKcN+waypDDYYkZ12SQT2Yj8NedoPKqLiS5AgMBAAE="
#define WARM_ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

/* Decodes a key and verifies something with it: all that this needs of the system is then in place. */
static void warm(struct slice data, bool ed25519, struct arena *arena)
{
    static const unsigned char digest[DIGEST_SIZE] = { 1 };
    const struct public_key *key = public_key_decode(data, ed25519, arena);
    if (key != NULL)
        public_key_verify(key, digest, SLICE(WARM_ED25519));
    else
        bug("OpenSSL does not start");
}

void public_key_prepare(void)
{
    struct arena *arena = arena_new();
    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (sha256 == NULL)
        bug("OpenSSL has no SHA-256");
    warm(SLICE(WARM_RSA), false, arena);
    warm(SLICE(WARM_RSA_BARE), false, arena);
    warm(SLICE(WARM_ED25519), true, arena);
    arena_free(&arena);
}
