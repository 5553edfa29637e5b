/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo_mail.c: the mails of `mxward demo`, the keys that sign them and the DNS that speaks for their domains. Names are
 * of RFC 2606, so that nobody's real domain is in a forged mail; client addresses are of the loopback network, so that
 * SPF can tell them apart. Signing is by OpenSSL: libopendkim 2.11 leaks its ed25519 keys.
 */
#include "cli/demo.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define CRLF "\r\n"
#define HEADER(from, subject)                                                       \
    "From: " from CRLF "To: You <you@mxward.example>" CRLF "Subject: " subject CRLF \
    "Date: Sun, 22 Nov 2026 10:00:00 +0000" CRLF "Message-ID: <demo@client.example>" CRLF
#define HELLO "Hello," CRLF CRLF "this is a mail of the mxward demonstration." CRLF

#define OWN "127.0.0.10"           /* the sending servers of the domains below */
#define STRANGER "127.0.0.66"      /* nobody's */

const struct demo_mail demo_mails[] = {
    { .title = "signed by its author's domain (RSA)",
      .client = OWN,
      .sender = "ann@bank.example",
      .fields = HEADER("Ann <ann@bank.example>", "Your statement"),
      .signer = DEMO_RSA,
      .signing_domain = "bank.example",
      .body = HELLO,
      .expected_code = 250,
      .expected = "pass" },
    { .title = "the same with an ed25519 key",
      .client = OWN,
      .sender = "ann@bank.example",
      .fields = HEADER("Ann <ann@bank.example>", "Your statement"),
      .signer = DEMO_ED25519,
      .signing_domain = "bank.example",
      .body = HELLO,
      .expected_code = 250,
      .expected = "pass" },
    { .title = "p=reject, by way of a mailing list",
      .client = "127.0.0.20",
      .sender = "list-bounces@lists.example",
      .fields = "List-Id: <talk.lists.example>" CRLF
                "List-Post: <mailto:talk@lists.example>" CRLF HEADER("Ann <ann@bank.example>", "Re: lunch"),
      .signer = DEMO_RSA,
      .signing_domain = "bank.example",
      .subject_after = "[talk] Re: lunch",
      .body = HELLO,
      .expected_code = 250,
      .expected = "tag" },
    { .title = "spoofed, p=reject, default rules",
      .client = STRANGER,
      .sender = "thief@stranger.example",
      .fields = HEADER("Ann <ann@bank.example>", "Urgent: your account"),
      .body = HELLO,
      .expected_code = 250,
      .expected = "tag" },
    { .title = "spoofed, p=reject, strict rules",
      .rules = DEMO_STRICT,
      .client = STRANGER,
      .sender = "thief@stranger.example",
      .fields = HEADER("Ann <ann@bank.example>", "Urgent: your account"),
      .body = HELLO,
      .expected_code = 550,
      .expected = "reject" },
    { .title = "spoofed, p=quarantine",
      .client = STRANGER,
      .sender = "thief@stranger.example",
      .fields = HEADER("Shop <shop@store.example>", "You have won"),
      .body = HELLO,
      .expected_code = 250,
      .expected = "tag" },
    { .title = "SPF says softfail, no DMARC",
      .client = STRANGER,
      .sender = "carl@small.example",
      .fields = HEADER("Carl <carl@small.example>", "Minutes of the meeting"),
      .body = HELLO,
      .expected_code = 250,
      .expected = "pass" },
    { .title = "signature broken on the way",
      .client = OWN,
      .sender = "ann@bank.example",
      .fields = HEADER("Ann <ann@bank.example>", "Your statement"),
      .signer = DEMO_RSA,
      .signing_domain = "bank.example",
      .subject_after = "Your changed statement",
      .body = HELLO,
      .expected_code = 250,
      .expected = "pass" },
    { .title = "its DNS does not answer",
      .rules = DEMO_STRICT,
      .client = STRANGER,
      .sender = "dora@silent.example",
      .fields = HEADER("Dora <dora@silent.example>", "Anybody there?"),
      .body = HELLO,
      .expected_code = 451,
      .expected = "defer" },
    { .title = "two From fields",
      .client = OWN,
      .sender = "ann@bank.example",
      .fields = "From: Ann <ann@bank.example>" CRLF HEADER("Eve <eve@stranger.example>", "Which one?"),
      .body = HELLO,
      .expected_code = 550,
      .expected = "reject" },
    { .title = "an attempt to smuggle a second mail",
      .client = STRANGER,
      .sender = "thief@stranger.example",
      .fields = HEADER("Ann <ann@small.example>", "Nothing to see"),
      .body =
          "See below." CRLF "\n.\r\nMAIL FROM:<ann@bank.example>" CRLF "RCPT TO:<you@mxward.example>" CRLF "DATA" CRLF,
      .expected_code = 550,
      .expected = "refused" },
    { .title = "larger than allowed (message-size 1M)",
      .client = OWN,
      .sender = "ann@bank.example",
      .fields = HEADER("Ann <ann@bank.example>", "All my pictures"),
      .body = HELLO,
      .filler = 1100000,
      .expected_code = 552,
      .expected = "refused" },
};
const size_t demo_mails_count = sizeof demo_mails / sizeof demo_mails[0];

/* Keys */

static struct slice bio_text(BIO *bio, struct arena *arena)
{
    char *text = NULL;
    long length = BIO_get_mem_data(bio, &text);
    return arena_copy(arena, slice_of(text, length > 0 ? (size_t)length : 0));
}

static struct slice private_key_of(EVP_PKEY *key, struct arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct slice text = SLICE_NONE;
    if (bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        text = bio_text(bio, arena);
    BIO_free(bio);
    return text;
}

static struct slice base64(const unsigned char *bytes, size_t length, struct arena *arena)
{
    unsigned char *text = arena_alloc(arena, (length + 2) / 3 * 4 + 1);
    int written = EVP_EncodeBlock(text, bytes, (int)length);
    return slice_of((const char *)text, (size_t)written);
}

/* p= holds a SubjectPublicKeyInfo for RSA (RFC 6376 3.6.1), the bare key for ed25519 (RFC 8463 4). */
static struct slice public_key_of(EVP_PKEY *key, bool bare, struct arena *arena)
{
    unsigned char raw[32], *encoded = NULL;
    size_t length = sizeof raw;
    if (bare)
        return EVP_PKEY_get_raw_public_key(key, raw, &length) == 1 ? base64(raw, length, arena) : SLICE_NONE;
    int size = i2d_PUBKEY(key, &encoded);
    struct slice text = size > 0 ? base64(encoded, (size_t)size, arena) : SLICE_NONE;
    OPENSSL_free(encoded);
    return text;
}

bool demo_make_keys(struct arena *arena, struct demo_keys *keys_out)
{
    EVP_PKEY *rsa = EVP_RSA_gen(2048);         /* RFC 8301 3.2: signers use at least 2048 bits */
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (rsa != NULL && ed25519 != NULL) {
        keys_out->rsa_private = private_key_of(rsa, arena);
        keys_out->rsa_public = public_key_of(rsa, false, arena);
        keys_out->ed25519_private = private_key_of(ed25519, arena);
        keys_out->ed25519_public = public_key_of(ed25519, true, arena);
    }
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ed25519);
    return keys_out->rsa_private.length > 0 && keys_out->rsa_public.length > 0 &&
           keys_out->ed25519_private.length > 0 && keys_out->ed25519_public.length > 0;
}

struct slice demo_zone(const struct demo_keys *keys, struct arena *arena)
{
    return arena_printf(arena,
        "; DNS of the mxward demonstration\n"
        "bank.example                    TXT  \"v=spf1 ip4:127.0.0.10 -all\"\n"
        "_dmarc.bank.example             TXT  \"v=DMARC1; p=reject\"\n"
        "rsa._domainkey.bank.example     TXT  \"v=DKIM1; k=rsa; p=%.200s\" \"%s\"\n"
        "ed._domainkey.bank.example      TXT  \"v=DKIM1; k=ed25519; p=%s\"\n"
        "store.example                   TXT  \"v=spf1 ip4:127.0.0.10 ~all\"\n"
        "_dmarc.store.example            TXT  \"v=DMARC1; p=quarantine\"\n"
        "small.example                   TXT  \"v=spf1 ip4:127.0.0.10 ~all\"\n"
        "lists.example                   TXT  \"v=spf1 ip4:127.0.0.20 -all\"\n"
        "stranger.example                TXT  \"v=spf1 ip4:127.0.0.66 -all\"\n"
        "client.example                  A    127.0.0.10\n"
        "silent.example                  TIMEOUT\n"
        "_dmarc.silent.example           TIMEOUT\n"
        "10.0.0.127.in-addr.arpa         PTR  client.example\n",
        keys->rsa_public.text, keys->rsa_public.text + 200, keys->ed25519_public.text);
}

/* Signing (RFC 6376 3.7 with c=simple/simple, so that nothing is rewritten; RFC 8463 for ed25519) */

static struct slice digest_of(struct slice text, struct arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(text.text, text.length, digest, &length, EVP_sha256(), NULL) != 1)
        bug("SHA-256");
    return arena_copy(arena, slice_of((const char *)digest, length));
}

/* b=: over the fields in the order of h=, then the signature's own field without its value. */
static struct slice signed_value(struct slice secret, bool rsa, struct slice text, struct arena *arena)
{
    unsigned char value[512];
    size_t length = sizeof value;
    /* RSA hashes the text as it signs it; ed25519 signs the text's hash (RFC 8463 3). */
    struct slice signs = rsa ? text : digest_of(text, arena);
    BIO *bio = BIO_new_mem_buf(secret.text, (int)secret.length);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool well = key != NULL && context != NULL &&
                EVP_DigestSignInit(context, NULL, rsa ? EVP_sha256() : NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, value, &length, (const unsigned char *)signs.text, signs.length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return well ? base64(value, length, arena) : SLICE_NONE;
}

/* "From:To" of "From: ...CRLF To: ...CRLF". */
static struct slice names_of(struct slice fields, struct arena *arena)
{
    struct slice names = SLICE("");
    while (fields.length > 0) {
        struct slice line = slice_cut(&fields, '\n');
        struct slice name = slice_first(line, slice_find(line, ':'));
        names = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(names), names.length > 0 ? ":" : "", SLICE_ARG(name));
    }
    return names;
}

/* A DKIM-Signature field for header and body, or an absent slice. */
static struct slice signature_of(const struct demo_mail *mail, const struct demo_keys *keys, struct slice body,
                                 struct arena *arena)
{
    bool rsa = mail->signer == DEMO_RSA;
    struct slice fields = slice_of_string(mail->fields), hash = digest_of(body, arena), names = names_of(fields, arena);
    struct slice body_hash = base64((const unsigned char *)hash.text, hash.length, arena);
    struct slice field = arena_printf(arena, "DKIM-Signature: v=1; a=%s; c=simple/simple; d=%s; s=%s;" CRLF
        "\th=%.*s;" CRLF "\tbh=%.*s;" CRLF "\tb=", rsa ? "rsa-sha256" : "ed25519-sha256", mail->signing_domain,
        rsa ? "rsa" : "ed", SLICE_ARG(names), SLICE_ARG(body_hash));
    struct slice text = arena_printf(arena, "%.*s%.*s", SLICE_ARG(fields), SLICE_ARG(field));
    struct slice value = signed_value(rsa ? keys->rsa_private : keys->ed25519_private, rsa, text, arena);
    if (value.text == NULL)
        return SLICE_NONE;
    return arena_printf(arena, "%.*s%.*s" CRLF, SLICE_ARG(field), SLICE_ARG(value));
}

static struct slice changed_subject(const struct demo_mail *mail, struct arena *arena)
{
    const char *subject = strstr(mail->fields, "Subject: ");
    if (mail->subject_after == NULL || subject == NULL)
        return slice_of_string(mail->fields);
    const char *end = strstr(subject, CRLF);
    return arena_printf(arena, "%.*sSubject: %s%s", (int)(subject - mail->fields), mail->fields, mail->subject_after,
                        end);
}

static struct slice filled_body(const struct demo_mail *mail, struct arena *arena)
{
    static const char line[] = "This line is one of very many that make the mail large beyond all measure.\r\n";
    struct slice body = slice_of_string(mail->body);
    if (mail->filler == 0)
        return body;
    size_t lines = mail->filler / (sizeof line - 1) + 1, used = body.length;
    char *text = arena_alloc(arena, body.length + lines * (sizeof line - 1) + 1);
    memcpy(text, body.text, body.length);
    for (size_t i = 0; i < lines; i++, used += sizeof line - 1)
        memcpy(text + used, line, sizeof line - 1);
    return slice_of(text, used);
}

struct slice demo_message(const struct demo_mail *mail, const struct demo_keys *keys, struct arena *arena)
{
    struct slice body = filled_body(mail, arena), signature = SLICE("");
    if (mail->signer != DEMO_UNSIGNED) {
        signature = signature_of(mail, keys, body, arena);
        if (signature.text == NULL)
            return SLICE_NONE;
    }
    struct slice fields = changed_subject(mail, arena);
    return arena_printf(arena, "%.*s%.*s" CRLF "%.*s", SLICE_ARG(signature), SLICE_ARG(fields), SLICE_ARG(body));
}
