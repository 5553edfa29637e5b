/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls.c: contexts for TLS servers, and whom to believe about clients. Whatever fails here fails while configuration
 * is loaded, by a text that names the file. SMTP's TLS is opportunistic: a client that finds no common cipher goes on
 * in the clear, so the list ends in what old mail servers have, but nothing in it is without forward secrecy and
 * nothing is below TLS 1.2.
 */
#include "proxy/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proxy/tls_certificate.h"
#include "proxy/tls_openssl.h"

/* Mozilla's "intermediate" (server side TLS, version 5.7), then CBC with ECDHE for Exchange of before 2016. */
#define CIPHERS \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:" \
    "DHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:" \
    "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"

/*
 * OpenSSL's, the quick ones first, without fields of 4,096 bits and more: an exchange in the one of 8,192 costs the
 * server about 200 times what X25519 does, and the client who asks for it next to nothing (CVE-2002-20001).
 */
#define GROUPS "X25519:P-256:P-384:X448:P-521:ffdhe2048:ffdhe3072"

struct tls_context {
    SSL_CTX *openssl;
    long long expiry;
    unsigned count;
};

/* What an SSL_CTX shows to clients; it frees this when its last session has ended. */
struct shown {
    size_t count;
    struct tls_loaded certificates[];
};

struct tls_authorities {
    X509_STORE *store;
    STACK_OF(X509_NAME) *names;        /* what a client is told that it may choose from */
    /* Sessions are resumed only by listeners that ask for the same (SSL_CTX_set_session_id_context(3)). */
    unsigned char digest[SSL_MAX_SID_CTX_LENGTH];
};

/* Intermediate authorities between a client's certificate and one of the file. Postfix takes 9 as well. */
#define CLIENT_CHAIN_DEPTH 9
/*
 * Bytes of certificates taken from a client: such a chain of RSA-4096 is about 20 KiB. OpenSSL's default, 100 KiB,
 * costs 0.8 MB for as long as the session lasts and 30 ms.
 */
#define CLIENT_CHAIN_MOST (32 * 1024)

const char *tls_take_error(const char *otherwise)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return reason == NULL ? otherwise : reason;
}

/* ---- sessions */

/* A certificate that does not verify is a fact for rules, no end of the handshake. */
static int take_any(int verified, X509_STORE_CTX *store)
{
    (void)verified;
    (void)store;
    return 1;
}

static bool ask_for_certificate(SSL *session, const struct tls_authorities *authorities)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(authorities->names);

    SSL_set_verify(session, SSL_VERIFY_PEER, take_any);
    SSL_set_verify_depth(session, CLIENT_CHAIN_DEPTH);
    SSL_set_max_cert_list(session, CLIENT_CHAIN_MOST);
    if (names == NULL)
        return false;
    SSL_set_client_CA_list(session, names);
    return SSL_set1_verify_cert_store(session, authorities->store) == 1 &&
           SSL_set_session_id_context(session, authorities->digest, sizeof(authorities->digest)) == 1;
}

SSL *tls_session_new(const struct tls_context *context, const struct tls_authorities *authorities, int descriptor,
                     struct slice early)
{
    SSL *session = SSL_new(context->openssl);

    if (session == NULL || (authorities != NULL && !ask_for_certificate(session, authorities))) {
        SSL_free(session);
        return NULL;
    }
    tls_socket_give(session, descriptor, early);
    SSL_set_accept_state(session);
    return session;
}

void tls_session_keep_secret(SSL *session)
{
    SSL_set_options(session, SSL_OP_CLEANSE_PLAINTEXT);
}

/* ---- contexts */

static void free_shown(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
    struct shown *shown = pointer;

    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    if (shown == NULL)
        return;
    for (size_t i = 0; i < shown->count; i++)
        tls_certificate_clear(&shown->certificates[i]);
    free(shown);
}

/* Where an SSL_CTX keeps it; one index for the process. */
static int shown_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_shown);
    if (index < 0)
        bug("out of memory");
    return index;
}

static struct shown *shown_of(const SSL_CTX *openssl)
{
    return SSL_CTX_get_ex_data(openssl, shown_index());
}

static bool has_type_of(const struct tls_loaded **chosen, size_t count, const struct tls_loaded *loaded)
{
    for (size_t i = 0; i < count; i++)
        if (tls_certificate_same_type(chosen[i], loaded))
            return true;
    return false;
}

/*
 * The certificates for the host that the client names, the first of each type of key. When it names none, or one that
 * they are not for, those stay that the context has.
 */
static int choose_certificates(SSL *session, void *unused)
{
    const struct shown *shown = shown_of(SSL_get_SSL_CTX(session));
    const char *host = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
    const struct tls_loaded *chosen[TLS_CERTIFICATES_MOST];
    size_t count = 0;

    (void)unused;
    for (size_t i = 0; host != NULL && i < shown->count; i++)
        if (!has_type_of(chosen, count, &shown->certificates[i]) &&
            tls_certificate_is_for(&shown->certificates[i], slice_of_string(host)))
            chosen[count++] = &shown->certificates[i];
    if (count > 0)
        SSL_certs_clear(session);
    for (size_t i = 0; i < count; i++)
        if (SSL_use_cert_and_key(session, chosen[i]->leaf, chosen[i]->key, chosen[i]->chain, 1) != 1)
            return 0;
    return 1;
}

/* Whether it has a name of its own beside the earlier ones of its type; *first_out: there are none. */
static bool is_of_use(const struct shown *shown, const struct tls_loaded *loaded, bool *first_out)
{
    *first_out = true;
    for (size_t i = 0; i < shown->count; i++) {
        if (!tls_certificate_same_type(&shown->certificates[i], loaded))
            continue;
        *first_out = false;
        if (!tls_certificate_adds_name(loaded, &shown->certificates[i]))
            return false;
    }
    return true;
}

static bool add_certificate(struct tls_context *context, const struct tls_certificate *paths, struct arena *arena,
                            struct slice *problem_out)
{
    struct shown *shown = shown_of(context->openssl);
    struct tls_loaded *loaded = &shown->certificates[shown->count];
    struct slice problem;
    bool first = false;
    bool done = tls_certificate_load(paths, arena, loaded, &problem);

    if (done && !is_of_use(shown, loaded, &first)) {
        problem = arena_printf(arena, "%s: a certificate before it has the same type of key and all of its names, so "
                               "that this one would never be used", paths->certificate_path);
        done = false;
    }
    if (done && first && SSL_CTX_use_cert_and_key(context->openssl, loaded->leaf, loaded->key, loaded->chain, 0) != 1) {
        problem = arena_printf(arena, "%s: %s", paths->certificate_path, tls_take_error("OpenSSL refuses it"));
        done = false;
    }
    if (problem.length > 0)
        *problem_out = problem;
    if (!done) {
        tls_certificate_clear(loaded);
        return false;
    }
    shown->count++;
    if (loaded->expiry < context->expiry)
        context->expiry = loaded->expiry;
    return true;
}

static void set_up(SSL_CTX *openssl)
{
    static const unsigned char session_id_context[] = "mxward";

    /*
     * Clients may renegotiate nothing: it is costly for us and was a hole (CVE-2009-3555). An end of stream without
     * close_notify is an end as any: SMTP's own ends of data tell what was cut off. The order of ciphers is ours: the
     * last ones are there for those alone who have no other. A client that puts ChaCha20 first has its reason.
     */
    SSL_CTX_set_options(openssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* Thousands of idle sessions: their buffers of 16 KiB are given back between records. */
    SSL_CTX_set_mode(openssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Sessions are resumed by tickets, which the client keeps; a cache would be a worker's own and grow. */
    SSL_CTX_set_session_cache_mode(openssl, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_min_proto_version(openssl, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(openssl, CIPHERS) != 1 ||
        SSL_CTX_set1_groups_list(openssl, GROUPS) != 1 ||
        SSL_CTX_set_dh_auto(openssl, 1) != 1 ||
        SSL_CTX_set_session_id_context(openssl, session_id_context, sizeof(session_id_context) - 1) != 1)
        bug("TLS defaults");
}

static void show_nothing(SSL_CTX *openssl)
{
    struct shown *shown = memory_zeroed(1, sizeof(*shown) + TLS_CERTIFICATES_MOST * sizeof(shown->certificates[0]));

    if (SSL_CTX_set_ex_data(openssl, shown_index(), shown) != 1)
        bug("out of memory");
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
    tls_tickets_set_up(context->openssl);
    show_nothing(context->openssl);
    if (count == 0)
        *problem_out = SLICE("TLS needs a certificate and its key");
    for (size_t i = 0; i < count; i++)
        if (!add_certificate(context, &certificates[i], arena, problem_out))
            count = 0;
    if (count > 1)
        SSL_CTX_set_cert_cb(context->openssl, choose_certificates, NULL);
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

/* ---- clients' certificates */

/* Of the file's bytes: another file under the same name is another set of authorities. */
static void digest_file(const char *path, unsigned char *digest_out)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    BIO *file = BIO_new_file(path, "r");
    char bytes[4096];
    unsigned length = 0;
    int count;

    if (digest == NULL || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
        bug("out of memory");
    while (file != NULL && (count = BIO_read(file, bytes, sizeof(bytes))) > 0)
        EVP_DigestUpdate(digest, bytes, (size_t)count);
    if (EVP_DigestFinal_ex(digest, digest_out, &length) != 1)
        bug("SHA-256");
    BIO_free(file);
    EVP_MD_CTX_free(digest);
}

struct tls_authorities *tls_authorities_new(const char *path, struct arena *arena, struct slice *problem_out)
{
    struct tls_authorities *authorities = memory_zeroed(1, sizeof(*authorities));

    *problem_out = SLICE_NONE;
    digest_file(path, authorities->digest);
    ERR_clear_error();
    authorities->store = X509_STORE_new();
    authorities->names = SSL_load_client_CA_file(path);
    if (authorities->store == NULL)
        bug("out of memory");
    if (authorities->names == NULL || X509_STORE_load_file(authorities->store, path) != 1) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        const char *why = file < 0 ? strerror(errno) : tls_take_error("there is no certificate in PEM form in it");

        *problem_out = arena_printf(arena, "%s: no authorities for clients' certificates can be read from it: %s", path,
                                    why);
        if (file >= 0)
            close(file);
        ERR_clear_error();
        tls_authorities_free(&authorities);
    }
    return authorities;
}

void tls_authorities_free(struct tls_authorities **authorities)
{
    struct tls_authorities *freed = *authorities;

    *authorities = NULL;
    if (freed == NULL)
        return;
    X509_STORE_free(freed->store);
    sk_X509_NAME_pop_free(freed->names, X509_NAME_free);
    free(freed);
}
