/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_dkim_crypto.c: libopendkim, and what it leaves to us. One handle a message, so that a body is canonicalised
 * and hashed once for all signatures of a kind. DKIM-Signature fields that are not chosen are left out of the header
 * it sees, for it would judge them too.
 */
#include "policy/auth_dkim_crypto.h"

#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <opendkim/dkim.h>

#include "policy/auth_dkim_cover.h"
#include "policy/auth_dkim_own.h"
#include "policy/auth_dkim_parse.h"

struct auth_dkim_crypto {
    DKIM *handle;
    struct arena *arena;
    struct auth_dkim_candidate **fed;  /* in the order of libopendkim's list */
    size_t fed_count;
    struct auth_dkim_candidate *candidates;
    size_t count;
    char last;                         /* byte of the body so far */
    bool ended;                        /* the body is empty, or ends in CRLF */
    bool hashes_body;                  /* `handle` does */
    struct auth_dkim_own *own;         /* NULL: libopendkim takes them all */
    bool counts_body[2];               /* a chosen signature has l=: with simple, with relaxed canonicalization */
    struct auth_dkim_body bodies[2];
};

static DKIM_LIB *library;

/* libopendkim is to verify it. */
static bool is_for_library(const struct auth_dkim_candidate *candidate)
{
    return candidate->chosen && !candidate->own;
}

static DKIM_SIGINFO *signature_info(DKIM *handle, size_t index)
{
    DKIM_SIGINFO **list = NULL;
    int count = 0;
    if (dkim_getsiglist(handle, &list, &count) != DKIM_STAT_OK || index >= (size_t)count)
        return NULL;
    return list[index];
}

static struct slice base64(const void *bytes, size_t length, struct arena *arena)
{
    char *text = arena_alloc(arena, 4 * ((length + 2) / 3) + 1);
    int count = EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    return slice_of(text, (size_t)count);
}

/* libopendkim asks for a key: an equal record of what we parsed. */
static DKIM_CBSTAT on_key(DKIM *handle, DKIM_SIGINFO *info, unsigned char *buffer, size_t size)
{
    const struct auth_dkim_crypto *crypto = dkim_get_user_context(handle);

    for (size_t i = 0; i < crypto->fed_count; i++) {
        const struct auth_dkim_candidate *candidate = crypto->fed[i];
        if (signature_info(handle, i) != info)
            continue;
        if (!is_for_library(candidate))
            return DKIM_CBSTAT_NOTFOUND;
        int length = snprintf((char *)buffer, size, "v=DKIM1; k=%.*s; p=%.*s", SLICE_ARG(candidate->key_type),
                              SLICE_ARG(candidate->signature->key_data));
        return length > 0 && (size_t)length < size ? DKIM_CBSTAT_CONTINUE : DKIM_CBSTAT_NOTFOUND;
    }
    return DKIM_CBSTAT_NOTFOUND;
}

/*
 * Public keys, RSA made for this purpose, ed25519 of RFC 8032 7.1: decoding them once makes OpenSSL load what it
 * needs from files.
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
static const unsigned char warm_ed25519[32] = {
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
};

static void warm_verify(EVP_PKEY *key, const EVP_MD *digest)
{
    unsigned char signature[128] = { 1 };
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (key == NULL || context == NULL || EVP_DigestVerifyInit(context, NULL, digest, NULL, key) != 1)
        bug("OpenSSL does not start");
    EVP_DigestVerify(context, signature, digest == NULL ? 64 : sizeof(signature), (const unsigned char *)"x", 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}

/* As libopendkim does it. */
static EVP_PKEY *warm_decode(void)
{
    BIO *encoded = BIO_new_mem_buf(warm_rsa, sizeof(warm_rsa));
    EVP_PKEY *key = encoded == NULL ? NULL : d2i_PUBKEY_bio(encoded, NULL);
    BIO_free(encoded);
    return key;
}

void auth_dkim_crypto_prepare(void)
{
    u_int flags = DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC;
    u_int bits = 0;                /* key length is judged with the outcome */

    if (library != NULL)
        return;
    auth_dkim_own_prepare();
    library = dkim_init(NULL, NULL);
    if (library == NULL || dkim_set_key_lookup(library, on_key) != DKIM_STAT_OK
        || dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) != DKIM_STAT_OK
        || dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits)) != DKIM_STAT_OK)
        bug("libopendkim does not start");
    warm_verify(warm_decode(), EVP_sha256());
    warm_verify(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, warm_ed25519, sizeof(warm_ed25519)), NULL);
}

/*
 * libopendkim refuses a signature unless t - drift <= now < x + drift, unsigned. With the least t= as drift both
 * hold: no time is before AUTH_DKIM_EARLIEST, twice which is 2038, and no t= after AUTH_DKIM_LATEST. Times are judged
 * with the outcome, against the arrival.
 */
static void neutralise_clock(const struct auth_dkim_candidate *candidates, size_t count)
{
    uint64_t drift = UINT64_C(1) << 40;
    for (size_t i = 0; i < count; i++)
        if (candidates[i].chosen && candidates[i].signature->has_time
            && (uint64_t)candidates[i].signature->time < drift)
            drift = (uint64_t)candidates[i].signature->time;
    if (dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift)) != DKIM_STAT_OK)
        bug("libopendkim's clock drift");
}

static struct auth_dkim_candidate *find_candidate(struct auth_dkim_candidate *candidates, size_t count,
                                                  const struct message_field *field)
{
    for (size_t i = 0; i < count; i++)
        if (candidates[i].field == field)
            return &candidates[i];
    return NULL;
}

static bool feed_field(struct auth_dkim_crypto *crypto, const struct message_field *field)
{
    size_t length = field->text.length;
    while (length > 0 && (field->text.text[length - 1] == '\n' || field->text.text[length - 1] == '\r'))
        length--;
    /* libopendkim only reads it, though it does not say so. */
    return dkim_header(crypto->handle, (u_char *)(uintptr_t)field->text.text, length) == DKIM_STAT_OK;
}

static bool feed_header(struct auth_dkim_crypto *crypto, const struct message_header *header,
                        struct auth_dkim_candidate *candidates, size_t count)
{
    crypto->fed_count = 0;
    for (size_t i = 0; i < header->count; i++) {
        const struct message_field *field = &header->fields[i];
        if (field->name.length == 0)
            continue;
        if (message_field_is(field, SLICE("DKIM-Signature"))) {
            struct auth_dkim_candidate *candidate = find_candidate(candidates, count, field);
            if (candidate == NULL || !is_for_library(candidate))
                continue;
            crypto->fed[crypto->fed_count++] = candidate;
        }
        if (!feed_field(crypto, field))
            return false;
    }
    return true;
}

static size_t count_for_library(const struct auth_dkim_candidate *candidates, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += is_for_library(&candidates[i]);
    return found;
}

/*
 * After the end of the header the list is there, in the order of the fields. What libopendkim has found fault with must
 * be ignored, and never be asked for its hashes: it has no canonicalization, and libopendkim would fail an assertion
 * over that. Our grammar accepted it, so it is verified our own way.
 */
static bool ignore_faulty(struct auth_dkim_crypto *crypto)
{
    DKIM_SIGINFO **list = NULL;
    int count = 0;
    if (dkim_getsiglist(crypto->handle, &list, &count) != DKIM_STAT_OK || (size_t)count != crypto->fed_count)
        return false;
    for (size_t i = 0; i < crypto->fed_count; i++)
        if (dkim_sig_geterror(list[i]) != DKIM_SIGERROR_UNKNOWN) {
            crypto->fed[i]->own = true;
            dkim_sig_ignore(list[i]);
        }
    return true;
}

static bool try_library(struct auth_dkim_crypto *crypto, const struct message_header *header,
                        struct auth_dkim_candidate *candidates, size_t count)
{
    DKIM_STAT status;
    crypto->handle = dkim_verify(library, (const unsigned char *)"mxward", NULL, &status);
    if (crypto->handle == NULL)
        bug("out of memory");
    dkim_set_user_context(crypto->handle, crypto);
    bool fed = feed_header(crypto, header, candidates, count);
    status = fed ? dkim_eoh(crypto->handle) : DKIM_STAT_SYNTAX;
    if (ignore_faulty(crypto) && fed && status == DKIM_STAT_OK)
        return true;
    dkim_free(crypto->handle);
    crypto->handle = NULL;
    return false;
}

/*
 * Vertical tab and form feed at the end of a value are white space to libopendkim, and to RFC 6376 3.4.2 they are not:
 * a header that has any is not for it.
 */
static bool has_odd_space(const struct message_header *header)
{
    for (size_t i = 0; i < header->count; i++) {
        struct slice text = header->fields[i].text;
        if (memchr(text.text, '\v', text.length) != NULL || memchr(text.text, '\f', text.length) != NULL)
            return true;
    }
    return false;
}

/* One that signs DKIM-Signature fields needs all of them in the header; libopendkim would work on each. */
static void keep_signers(const struct message_header *header, struct auth_dkim_candidate *candidates, size_t count)
{
    if (message_count(header, SLICE("DKIM-Signature")) == count_for_library(candidates, count))
        return;
    for (size_t i = 0; i < count; i++)
        if (is_for_library(&candidates[i]) && auth_dkim_may_sign_signatures(candidates[i].signature))
            candidates[i].own = true;
}

/*
 * Over a signature that it does not understand libopendkim may give up the whole message: then it gets those alone
 * that it understood, and where that does not help, none.
 */
static void start_library(struct auth_dkim_crypto *crypto, const struct message_header *header,
                          struct auth_dkim_candidate *candidates, size_t count)
{
    size_t left, before = has_odd_space(header) ? 0 : count + 1;
    keep_signers(header, candidates, count);
    while (!crypto->hashes_body && (left = count_for_library(candidates, count)) > 0 && left < before) {
        before = left;
        crypto->hashes_body = try_library(crypto, header, candidates, count);
        if (!crypto->hashes_body)
            keep_signers(header, candidates, count);
    }
    for (size_t i = 0; i < count && !crypto->hashes_body; i++)
        candidates[i].own = true;
}

static void start_own(struct auth_dkim_crypto *crypto, const struct message_header *header,
                      struct auth_dkim_candidate *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!candidates[i].chosen || !candidates[i].own)
            continue;
        if (crypto->own == NULL)
            crypto->own = auth_dkim_own_new(header, crypto->arena);
        auth_dkim_own_add(crypto->own, candidates[i].field, candidates[i].signature);
    }
}

static bool any_chosen(const struct auth_dkim_candidate *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (candidates[i].chosen)
            return true;
    return false;
}

/* c=HEADER/BODY; a body left out is simple. */
static bool is_relaxed(const struct signature *signature)
{
    struct slice rest = signature->canonicalization;
    slice_cut(&rest, '/');
    return slice_equal(rest, SLICE("relaxed"));
}

/* libopendkim counts what it hashes, which l= ends. */
static void count_bodies(struct auth_dkim_crypto *crypto, const struct auth_dkim_candidate *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (candidates[i].chosen && candidates[i].signature->has_length)
            crypto->counts_body[is_relaxed(candidates[i].signature)] = true;
    auth_dkim_body_start(&crypto->bodies[false], false);
    auth_dkim_body_start(&crypto->bodies[true], true);
}

struct auth_dkim_crypto *auth_dkim_crypto_new(const struct message_header *header,
                                              struct auth_dkim_candidate *candidates, size_t count, struct arena *arena)
{
    if (!any_chosen(candidates, count))
        return NULL;
    neutralise_clock(candidates, count);
    struct auth_dkim_crypto *crypto = arena_alloc(arena, sizeof(*crypto));
    *crypto = (struct auth_dkim_crypto){
        .arena = arena, .fed = arena_array(arena, count, sizeof(*crypto->fed)), .candidates = candidates,
        .count = count, .ended = true,
    };
    count_bodies(crypto, candidates, count);
    start_library(crypto, header, candidates, count);
    start_own(crypto, header, candidates, count);
    return crypto;
}

static void feed_body(struct auth_dkim_crypto *crypto, struct slice bytes)
{
    crypto->hashes_body = dkim_body(crypto->handle, (u_char *)(uintptr_t)bytes.text, bytes.length) == DKIM_STAT_OK;
}

/* Whether the body is empty so far or ends in CRLF. */
static void note_end(struct auth_dkim_crypto *crypto, struct slice bytes)
{
    char before = bytes.length > 1 ? bytes.text[bytes.length - 2] : crypto->last;
    crypto->last = bytes.text[bytes.length - 1];
    crypto->ended = before == '\r' && crypto->last == '\n';
}

void auth_dkim_crypto_body(struct auth_dkim_crypto *crypto, struct slice bytes)
{
    if (bytes.length == 0)
        return;
    note_end(crypto, bytes);
    for (size_t i = 0; i < 2; i++)
        if (crypto->counts_body[i])
            auth_dkim_body_add(&crypto->bodies[i], bytes);
    if (crypto->own != NULL)
        auth_dkim_own_body(crypto->own, bytes);
    if (crypto->hashes_body)
        feed_body(crypto, bytes);
}

/* How much of the body each covers. Of those without l= all; libopendkim or our own way has counted it. */
static void read_length(const struct auth_dkim_crypto *crypto, struct signature *signature)
{
    signature->body_size = auth_dkim_body_size(&crypto->bodies[is_relaxed(signature)]);
    signature->body_covered = signature->length < signature->body_size ? signature->length : signature->body_size;
    signature->has_body = true;
}

static void read_body(const struct auth_dkim_crypto *crypto, DKIM_SIGINFO *info, struct signature *signature)
{
    ssize_t size, hashed, limit;
    if (dkim_sig_getcanonlen(crypto->handle, info, &size, &hashed, &limit) != DKIM_STAT_OK || hashed < 0)
        return;
    signature->body_size = signature->body_covered = (uint64_t)hashed;
    signature->has_body = true;
}

static void read_result(struct auth_dkim_crypto *crypto, DKIM_SIGINFO *info, struct signature *signature)
{
    unsigned flags = dkim_sig_getflags(info), bits = 0;
    void *header_hash, *body_hash;
    size_t header_length, body_length;

    if (dkim_sig_gethashes(info, &header_hash, &header_length, &body_hash, &body_length) == DKIM_STAT_OK)
        signature->body_hash = base64(body_hash, body_length, crypto->arena);
    if (dkim_sig_getkeysize(info, &bits) == DKIM_STAT_OK)
        signature->key_bits = bits;
    read_body(crypto, info, signature);
    if ((flags & DKIM_SIGFLAG_PROCESSED) == 0)
        return;
    if (signature->key_bits == 0 && slice_starts_with(signature->algorithm, SLICE("ed25519")))
        signature->key_bits = 256; /* libopendkim does not count them */
    if ((flags & DKIM_SIGFLAG_PASSED) == 0)
        signature->crypto = SIGNATURE_NOT_BY_KEY;
    else if (dkim_sig_getbh(info) != DKIM_SIGBH_MATCH || dkim_sig_geterror(info) != DKIM_SIGERROR_OK)
        signature->crypto = SIGNATURE_BODY_ALTERED;
    else
        signature->crypto = SIGNATURE_VERIFIED;
}

void auth_dkim_crypto_finish(struct auth_dkim_crypto *crypto)
{
    /* RFC 6376 3.4.3, 3.4.4 add the last line end where it is missing; libopendkim verifies nothing then. */
    if (crypto->hashes_body && !crypto->ended)
        feed_body(crypto, SLICE("\r\n"));
    if (crypto->hashes_body)
        dkim_eom(crypto->handle, NULL);
    for (size_t i = 0; i < crypto->fed_count && crypto->hashes_body; i++) {
        DKIM_SIGINFO *info = signature_info(crypto->handle, i);
        if (info != NULL && is_for_library(crypto->fed[i]))
            read_result(crypto, info, crypto->fed[i]->signature);
    }
    if (crypto->own != NULL)
        auth_dkim_own_finish(crypto->own);
    for (size_t i = 0; i < crypto->count; i++)
        if (crypto->candidates[i].chosen && crypto->candidates[i].signature->has_length)
            read_length(crypto, crypto->candidates[i].signature);
}

void auth_dkim_crypto_free(struct auth_dkim_crypto **crypto)
{
    if (*crypto != NULL && (*crypto)->handle != NULL)
        dkim_free((*crypto)->handle);
    *crypto = NULL;
}
