/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls.c: contexts for TLS servers. Whatever fails here fails while configuration is loaded, by a text that names the
 * file. SMTP's TLS is opportunistic: a client that finds no common cipher goes on in the clear, so the list ends in
 * what old mail servers have, but nothing in it is without forward secrecy and nothing is below TLS 1.2.
 */
#include "proxy/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "proxy/tls_openssl.h"

/* Mozilla's "intermediate" (server side TLS, version 5.7), then CBC with ECDHE for Exchange of before 2016. */
#define CIPHERS \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:" \
    "DHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:" \
    "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"

struct tls_context {
    SSL_CTX *openssl;
    long long expiry;
    unsigned count;
};

/* One certificate while it is loaded. */
struct loading {
    const struct tls_certificate *paths;
    struct arena *arena;
    struct slice problem;
    X509 *leaf;
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
};

const char *tls_take_error(const char *otherwise)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return reason == NULL ? otherwise : reason;
}

/* ---- sessions' socket */

static int socket_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static bool is_for_later(int problem)
{
    return problem == EAGAIN || problem == EWOULDBLOCK || problem == EINTR;
}

static int socket_read(BIO *bio, char *bytes, size_t room, size_t *count_out)
{
    ssize_t count = recv(socket_of(bio), bytes, room, 0);

    BIO_clear_retry_flags(bio);
    BIO_clear_flags(bio, BIO_FLAGS_IN_EOF);
    *count_out = count < 0 ? 0 : (size_t)count;
    if (count < 0 && is_for_later(errno))
        BIO_set_retry_read(bio);
    if (count == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return count > 0;
}

static int socket_write(BIO *bio, const char *bytes, size_t length, size_t *count_out)
{
    ssize_t count = send(socket_of(bio), bytes, length, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    *count_out = count < 0 ? 0 : (size_t)count;
    if (count < 0 && is_for_later(errno))
        BIO_set_retry_write(bio);
    return count > 0;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF:   return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:             return 0;
    }
}

/* One for the process, made once: sessions outlive their context. */
static const BIO_METHOD *socket_method(void)
{
    static BIO_METHOD *method;

    if (method != NULL)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket");
    if (method == NULL)
        bug("out of memory");
    BIO_meth_set_read_ex(method, socket_read);
    BIO_meth_set_write_ex(method, socket_write);
    BIO_meth_set_ctrl(method, socket_control);
    return method;
}

SSL *tls_session_new(const struct tls_context *context, int descriptor)
{
    SSL *session = SSL_new(context->openssl);
    BIO *bio = BIO_new(socket_method());

    if (session == NULL || bio == NULL) {
        SSL_free(session);
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)descriptor);
    BIO_set_init(bio, 1);
    SSL_set_bio(session, bio, bio);
    SSL_set_accept_state(session);
    return session;
}

/* ---- certificates */

/* PEM asks for a passphrase at the terminal otherwise. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

static void __attribute__((format(printf, 3, 4))) blame(struct loading *loading, const char *path,
                                                        const char *format, ...)
{
    struct slice fault;
    va_list arguments;

    va_start(arguments, format);
    fault = arena_vprintf(loading->arena, format, arguments);
    va_end(arguments);
    loading->problem = arena_printf(loading->arena, "%s: %.*s", path, SLICE_ARG(fault));
}

static BIO *open_file(struct loading *loading, const char *what, const char *path)
{
    BIO *file = NULL;

    errno = 0;
    file = BIO_new_file(path, "r");
    if (file == NULL)
        blame(loading, path, "the %s cannot be read: %s%s", what, errno == 0 ? "it cannot be opened" : strerror(errno),
              errno == EACCES ? " (chgrp mxward FILE; chmod 640 FILE; and its folder must let mxward through)" : "");
    ERR_clear_error();
    return file;
}

/* Whether PEM ended because there is no more of it; what else the queue says is a fault. */
static bool is_pem_end(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static bool load_chain(struct loading *loading, BIO *file)
{
    for (;;) {
        X509 *issuer = PEM_read_bio_X509(file, NULL, NULL, NULL);

        if (issuer == NULL)
            break;
        if (sk_X509_push(loading->chain, issuer) <= 0)
            bug("out of memory");
    }
    if (is_pem_end()) {
        ERR_clear_error();
        return true;
    }
    blame(loading, loading->paths->certificate_path, "certificate %d in it cannot be read: %s",
          sk_X509_num(loading->chain) + 2, tls_take_error("damaged"));
    return false;
}

static bool load_certificate(struct loading *loading)
{
    const char *path = loading->paths->certificate_path;
    BIO *file = open_file(loading, "certificate", path);
    bool done = false;

    if (file == NULL)
        return false;
    loading->chain = sk_X509_new_null();
    if (loading->chain == NULL)
        bug("out of memory");
    loading->leaf = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    if (loading->leaf != NULL)
        done = load_chain(loading, file);
    else if (is_pem_end())
        blame(loading, path, "there is no certificate in PEM form in it (\"-----BEGIN CERTIFICATE-----\")");
    else
        blame(loading, path, "the certificate cannot be read: %s", tls_take_error("damaged"));
    ERR_clear_error();
    BIO_free(file);
    return done;
}

static bool load_key(struct loading *loading)
{
    const char *path = loading->paths->key_path;
    BIO *file = open_file(loading, "key", path);
    bool wants_passphrase = false;

    if (file == NULL)
        return false;
    loading->key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &wants_passphrase);
    if (loading->key == NULL && wants_passphrase)
        blame(loading, path, "the key is protected by a passphrase; it must be without");
    else if (loading->key == NULL)
        blame(loading, path, "there is no private key in PEM form in it");
    ERR_clear_error();
    BIO_free(file);
    return loading->key != NULL;
}

/* Seconds since 1970 of its end; 0 when that cannot be read, which is as good as long ago. */
static long long end_of(const X509 *certificate)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0;
    return timegm(&tm);
}

static bool use(struct loading *loading, struct tls_context *context)
{
    const struct tls_certificate *paths = loading->paths;
    long long end = end_of(loading->leaf);

    if (X509_check_private_key(loading->leaf, loading->key) != 1) {
        ERR_clear_error();
        blame(loading, paths->key_path, "the key does not belong to the certificate %s", paths->certificate_path);
        return false;
    }
    if (SSL_CTX_use_cert_and_key(context->openssl, loading->leaf, loading->key, loading->chain, 0) != 1) {
        bool taken = ERR_GET_REASON(ERR_peek_error()) == SSL_R_NOT_REPLACING_CERTIFICATE;
        const char *reason = tls_take_error("OpenSSL refuses it");

        blame(loading, paths->certificate_path, "%s",
              taken ? "a certificate before it has the same type of key; one of each type can be used" : reason);
        return false;
    }
    if (end < context->expiry)
        context->expiry = end;
    if (end < (long long)time(NULL))
        blame(loading, paths->certificate_path, "the certificate has expired");
    return true;
}

static bool add_certificate(struct tls_context *context, const struct tls_certificate *paths, struct arena *arena,
                            struct slice *problem_out)
{
    struct loading loading = { .paths = paths, .arena = arena };
    bool done = load_certificate(&loading) && load_key(&loading) && use(&loading, context);

    if (loading.problem.length > 0)
        *problem_out = loading.problem;
    X509_free(loading.leaf);
    sk_X509_pop_free(loading.chain, X509_free);
    EVP_PKEY_free(loading.key);
    return done;
}

/* ---- contexts */

static void set_up(SSL_CTX *openssl)
{
    static const unsigned char session_id_context[] = "mxward";

    /*
     * Clients may renegotiate nothing: it is costly for us and was a hole (CVE-2009-3555). An end of stream without
     * close_notify is an end as any: SMTP's own ends of data tell what was cut off.
     */
    SSL_CTX_set_options(openssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Thousands of idle sessions: their buffers of 16 KiB are given back between records. */
    SSL_CTX_set_mode(openssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Sessions are resumed by tickets, which the client keeps; a cache would be a worker's own and grow. */
    SSL_CTX_set_session_cache_mode(openssl, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(openssl, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(openssl, CIPHERS) != 1 ||
        SSL_CTX_set_dh_auto(openssl, 1) != 1 ||
        SSL_CTX_set_session_id_context(openssl, session_id_context, sizeof(session_id_context) - 1) != 1)
        bug("TLS defaults");
}

struct tls_context *tls_context_new(const struct tls_certificate *certificates, size_t count, struct arena *arena,
                                    struct slice *problem_out)
{
    struct tls_context *context = memory_zeroed(1, sizeof(*context));

    *problem_out = SLICE_NONE;
    ERR_clear_error();
    context->count = 1;
    context->expiry = INT64_MAX;
    context->openssl = SSL_CTX_new(TLS_server_method());
    if (context->openssl == NULL)
        bug("out of memory");
    set_up(context->openssl);
    if (count == 0)
        *problem_out = SLICE("TLS needs a certificate and its key");
    for (size_t i = 0; i < count; i++)
        if (!add_certificate(context, &certificates[i], arena, problem_out))
            count = 0;
    if (count == 0)
        tls_context_release(&context);
    return context;
}

struct tls_context *tls_context_keep(struct tls_context *context)
{
    context->count++;
    return context;
}

void tls_context_release(struct tls_context **context)
{
    struct tls_context *released = *context;

    *context = NULL;
    if (released == NULL || --released->count > 0)
        return;
    SSL_CTX_free(released->openssl);
    free(released);
}

long long tls_context_expiry(const struct tls_context *context)
{
    return context->expiry;
}
