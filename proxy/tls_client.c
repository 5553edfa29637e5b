/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_client.c: contexts for TLS towards servers. A server whose certificate does not verify, or is for another name,
 * ends the handshake: there is no going on in the clear. Sessions outlive the context, so what they may still call
 * back is taken from it at its end. Fails by a text that names the file, while configuration is loaded.
 */
#include "proxy/tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proxy/tls_certificate.h"
#include "proxy/tls_openssl.h"

/* Intermediate authorities between a server's certificate and one that is believed; as Postfix. */
#define CHAIN_DEPTH 9

struct tls_client {
    SSL_CTX *openssl;
    SSL_SESSION *session;              /* the last one given; NULL: none */
    char *name;                        /* for SNI; NULL: an address, which has none (RFC 6066 3) */
    unsigned count;
};

/*
 * A session is given only by a server that was believed, and what it was believed by is this context's. For how long
 * it may come back is the server's to say (RFC 8446 4.6.1: a week at most).
 */
static int keep_session(SSL *session, SSL_SESSION *given)
{
    struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(session));

    if (client == NULL)
        return 0;
    SSL_SESSION_free(client->session);
    client->session = given;
    return 1;
}

static void set_up(struct tls_client *client)
{
    SSL_CTX *openssl = client->openssl;

    SSL_CTX_set_options(openssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(openssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(openssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(openssl, keep_session);
    if (SSL_CTX_set_min_proto_version(openssl, TLS1_2_VERSION) != 1 || SSL_CTX_set_app_data(openssl, client) != 1)
        bug("TLS defaults");
}

static bool believe(SSL_CTX *openssl, const char *path, struct arena *arena, struct slice *problem_out)
{
    int file;

    if (path == NULL) {
        if (SSL_CTX_set_default_verify_paths(openssl) != 1)
            bug("TLS defaults");
        return true;
    }
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(openssl, path) == 1)
        return true;
    file = open(path, O_RDONLY | O_CLOEXEC);
    *problem_out = arena_printf(arena, "%s: no authorities for the backend's certificate can be read from it: %s", path,
                                file < 0 ? strerror(errno)
                                         : tls_take_error("there is no certificate in PEM form in it"));
    if (file >= 0)
        close(file);
    ERR_clear_error();
    return false;
}

static bool verify(struct tls_client *client, const struct tls_client_settings *settings, struct arena *arena,
                   struct slice *problem_out)
{
    X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(client->openssl);

    /* An address is compared with the certificate's addresses, a name with its names, never with CN (RFC 9525 2). */
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, settings->name) != 1) {
        ERR_clear_error();
        X509_VERIFY_PARAM_set_hostflags(wanted,
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        client->name = memory_string(settings->name);
        if (X509_VERIFY_PARAM_set1_host(wanted, settings->name, 0) != 1)
            bug("out of memory");
    }
    SSL_CTX_set_verify(client->openssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(client->openssl, CHAIN_DEPTH);
    return believe(client->openssl, settings->authorities_path, arena, problem_out);
}

static bool show(SSL_CTX *openssl, const struct tls_client_settings *settings, struct arena *arena,
                 struct slice *problem_out)
{
    struct tls_certificate paths = { settings->certificate_path, settings->key_path };
    struct tls_loaded loaded;
    bool done = tls_certificate_load(&paths, arena, &loaded, problem_out);

    if (done && SSL_CTX_use_cert_and_key(openssl, loaded.leaf, loaded.key, loaded.chain, 0) != 1) {
        *problem_out = arena_printf(arena, "%s: %s", settings->certificate_path, tls_take_error("OpenSSL refuses it"));
        done = false;
    }
    tls_certificate_clear(&loaded);
    return done;
}

struct tls_client *tls_client_new(const struct tls_client_settings *settings, struct arena *arena,
                                  struct slice *problem_out)
{
    struct tls_client *client = memory_zeroed(1, sizeof(*client));
    bool done = true;

    *problem_out = SLICE_NONE;
    client->count = 1;
    client->openssl = SSL_CTX_new(TLS_client_method());
    if (client->openssl == NULL)
        bug("out of memory");
    set_up(client);
    if (settings->verify)
        done = verify(client, settings, arena, problem_out);
    if (done && settings->certificate_path != NULL)
        done = show(client->openssl, settings, arena, problem_out);
    if (!done)
        tls_client_release(&client);
    return client;
}

struct tls_client *tls_client_keep(struct tls_client *client)
{
    if (client != NULL)
        client->count++;
    return client;
}

void tls_client_release(struct tls_client **client)
{
    struct tls_client *released = *client;

    *client = NULL;
    if (released == NULL || --released->count > 0)
        return;
    SSL_CTX_set_app_data(released->openssl, NULL);
    SSL_SESSION_free(released->session);
    SSL_CTX_free(released->openssl);
    free(released->name);
    free(released);
}

SSL *tls_client_session_new(const struct tls_client *client, int descriptor)
{
    SSL *session = SSL_new(client->openssl);

    if (session == NULL)
        return NULL;
    if ((client->name != NULL && SSL_set_tlsext_host_name(session, client->name) != 1) ||
        (client->session != NULL && SSL_set_session(session, client->session) != 1)) {
        SSL_free(session);
        return NULL;
    }
    tls_socket_give(session, descriptor, SLICE_NONE);
    SSL_set_connect_state(session);
    return session;
}

const char *tls_client_doubt(const SSL *session)
{
    long result = SSL_get_verify_result(session);

    if (SSL_is_server(session) || (SSL_get_verify_mode(session) & SSL_VERIFY_PEER) == 0 || result == X509_V_OK)
        return NULL;
    return X509_verify_cert_error_string(result);
}
