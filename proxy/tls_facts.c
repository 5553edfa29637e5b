/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_facts.c: what a handshake tells of the client, as facts. What a stranger wrote into a certificate or asked for as
 * a host is bounded and printable ASCII before it is kept.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proxy/tls_openssl.h"

/* Bytes kept of a name in a certificate. */
#define NAME_MOST 512

/* A copy with "?" for what is not printable ASCII. */
static struct slice printable(struct slice text, struct arena *arena)
{
    char *copy = arena_string(arena, text);

    for (size_t i = 0; i < text.length; i++)
        if (copy[i] < ' ' || copy[i] > '~')
            copy[i] = '?';
    return slice_of(copy, text.length);
}

static struct slice name_text(const X509_NAME *name, struct arena *arena)
{
    BIO *memory = BIO_new(BIO_s_mem());
    struct slice text = SLICE_NONE;
    char *bytes;
    long length;

    if (memory == NULL)
        bug("out of memory");
    X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253);
    length = BIO_get_mem_data(memory, &bytes);
    if (length > 0)
        text = printable(slice_of(bytes, length > NAME_MOST ? NAME_MOST : (size_t)length), arena);
    BIO_free(memory);
    return text;
}

static struct slice fingerprint(const X509 *certificate, struct arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1];
    unsigned length = 0;

    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
        return SLICE_NONE;
    for (unsigned i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)digest[i]);
    return arena_copy(arena, slice_of(text, 2 * (size_t)length));
}

static void note_certificate(const SSL *session, struct arena *arena, struct facts_certificate *certificate)
{
    const X509 *given = SSL_get0_peer_certificate(session);
    long result = SSL_get_verify_result(session);

    *certificate = (struct facts_certificate){ .given = given != NULL };
    if (given == NULL)
        return;
    certificate->verified = result == X509_V_OK;
    certificate->subject = name_text(X509_get_subject_name(given), arena);
    certificate->issuer = name_text(X509_get_issuer_name(given), arena);
    certificate->fingerprint = fingerprint(given, arena);
    if (!certificate->verified)
        certificate->problem = arena_copy(arena, slice_of_string(X509_verify_cert_error_string(result)));
    ERR_clear_error();
}

void tls_session_facts(SSL *session, struct arena *arena, struct facts *facts)
{
    const char *host = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);

    facts->tls = true;
    facts->tls_version = arena_copy(arena, slice_of_string(SSL_get_version(session)));
    facts->tls_cipher = arena_copy(arena, slice_of_string(SSL_get_cipher_name(session)));
    facts->tls_bits = (uint16_t)SSL_get_cipher_bits(session, NULL);
    facts->tls_server_name = host == NULL ? SLICE_NONE : printable(slice_of_string(host), arena);
    facts->tls_resumed = SSL_session_reused(session) == 1;
    note_certificate(session, arena, &facts->tls_client);
}
