/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tls_session.c: whole handshakes over a socket pair: which certificate a client is shown, whose session is
 * resumed, and what is known of a client that shows a certificate.
 */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "policy/facts.h"
#include "proxy/tls.h"
#include "proxy/tls_openssl.h"
#include "proxy/tls_tickets.h"
#include "tests/unit/certificate.h"

static char directory[64];
static struct arena *arena;

/* One handshake, and what is left of it. */
struct handshake {
    struct tls_context *context;
    struct tls_authorities *authorities;
    SSL_CTX *client_context;
    SSL_SESSION *resume;               /* borrowed */
    const char *host;
    struct facts facts;                /* the server's */
    char shown[64];                    /* CN of what the client saw */
    SSL_SESSION *session;              /* the client's afterwards; the test's */
};

static const char *const files[] = {
    "a.pem", "a.key", "b.pem", "b.key", "c.pem", "c.key", "ca.pem", "ca.key", "client.pem", "client.key",
};

static void set_up(void)
{
    snprintf(directory, sizeof(directory), "%s", "/tmp/mxward-test-session-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    arena = arena_new();
}

static void tear_down(void)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(directory);
    tls_tickets_use(NULL);
    arena_free(&arena);
}

static void make(const char *type, const char *host, const char *path, const char *key_path)
{
    struct made_certificate made = make_certificate(type, host, 3600, NULL);

    write_certificate(&made, NULL, path, key_path);
    free_certificate(&made);
}

static struct tls_context *load(size_t count)
{
    static const struct tls_certificate paths[] = { { "a.pem", "a.key" }, { "b.pem", "b.key" }, { "c.pem", "c.key" } };
    struct slice problem;
    struct tls_context *context = tls_context_new(paths, count, arena, &problem);

    ck_assert_msg(context != NULL, "%.*s", SLICE_ARG(problem));
    return context;
}

static void note_shown(struct handshake *handshake, const SSL *client)
{
    const X509 *certificate = SSL_get0_peer_certificate(client);

    if (certificate != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, handshake->shown,
                                  sizeof(handshake->shown));
}

/* Both ends are given turns until both are done; the client then reads, which takes the ticket of TLS 1.3. */
static void run(struct handshake *handshake)
{
    int pair[2];
    char byte = 'x';

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    SSL *server = tls_session_new(handshake->context, handshake->authorities, pair[0], SLICE_NONE);
    SSL *client = SSL_new(handshake->client_context);
    ck_assert_int_eq(SSL_set_fd(client, pair[1]), 1);
    if (handshake->host != NULL)
        ck_assert_int_eq(SSL_set_tlsext_host_name(client, handshake->host), 1);
    if (handshake->resume != NULL)
        ck_assert_int_eq(SSL_set_session(client, handshake->resume), 1);
    for (int turn = 0; turn < 20 && !(SSL_is_init_finished(server) && SSL_is_init_finished(client)); turn++) {
        SSL_connect(client);
        SSL_accept(server);
    }
    ck_assert(SSL_is_init_finished(server) && SSL_is_init_finished(client));
    ck_assert_int_eq(SSL_write(server, &byte, 1), 1);
    ck_assert_int_eq(SSL_read(client, &byte, 1), 1);
    tls_session_facts(server, arena, &handshake->facts);
    note_shown(handshake, client);
    handshake->session = SSL_get1_session(client);
    /* OpenSSL forgets sessions that end otherwise. */
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    close(pair[0]);
    close(pair[1]);
}

/* What a client that offers these in TLS 1.2, in its order, is answered. */
static void check_cipher(struct tls_context *context, const char *offered, const char *expected)
{
    struct handshake handshake = { .context = context, .client_context = SSL_CTX_new(TLS_client_method()) };

    SSL_CTX_set_max_proto_version(handshake.client_context, TLS1_2_VERSION);
    ck_assert_int_eq(SSL_CTX_set_cipher_list(handshake.client_context, offered), 1);
    run(&handshake);
    ck_assert_msg(slice_equal(handshake.facts.tls_cipher, slice_of_string(expected)), "offered %s, got %.*s", offered,
                  SLICE_ARG(handshake.facts.tls_cipher));
    SSL_SESSION_free(handshake.session);
    SSL_CTX_free(handshake.client_context);
}

/* Whether the server, to a client that offers these groups only, comes to terms. */
static bool takes_group(struct tls_context *context, const char *groups)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    SSL_CTX *client_context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_set_min_proto_version(client_context, TLS1_3_VERSION), 1);
    ck_assert_int_eq(SSL_CTX_set1_groups_list(client_context, groups), 1);
    SSL *server = tls_session_new(context, NULL, pair[0], SLICE_NONE);
    SSL *client = SSL_new(client_context);
    ck_assert_int_eq(SSL_set_fd(client, pair[1]), 1);
    for (int turn = 0; turn < 20; turn++) {
        SSL_connect(client);
        SSL_accept(server);
    }
    bool done = SSL_is_init_finished(server) && SSL_is_init_finished(client);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_context);
    close(pair[0]);
    close(pair[1]);
    return done;
}

static void check_shown(struct tls_context *context, const char *host, const char *ciphers, const char *expected)
{
    struct handshake handshake = { .context = context, .host = host };

    handshake.client_context = SSL_CTX_new(TLS_client_method());
    if (ciphers != NULL) {
        SSL_CTX_set_max_proto_version(handshake.client_context, TLS1_2_VERSION);
        ck_assert_int_eq(SSL_CTX_set_cipher_list(handshake.client_context, ciphers), 1);
    }
    run(&handshake);
    ck_assert_msg(strcmp(handshake.shown, expected) == 0, "asked for %s, shown %s, not %s",
                  host == NULL ? "none" : host, handshake.shown, expected);
    ck_assert(slice_equal(handshake.facts.tls_server_name, host == NULL ? SLICE_NONE : slice_of_string(host)));
    SSL_SESSION_free(handshake.session);
    SSL_CTX_free(handshake.client_context);
}

/* RFC 6066 3. */
START_TEST(test_server_name)
{
    make("RSA", "mx.example.org", "a.pem", "a.key");
    make("EC", "mx.example.org", "b.pem", "b.key");
    make("RSA", "*.example.net", "c.pem", "c.key");
    struct tls_context *context = load(3);

    check_shown(context, "mx.example.org", "aRSA", "mx.example.org");
    check_shown(context, "mail.example.net", NULL, "*.example.net");
    check_shown(context, "MAIL.example.net", "aRSA", "*.example.net");
    check_shown(context, "deep.mail.example.net", "aRSA", "mx.example.org");
    check_shown(context, "stranger.example", NULL, "mx.example.org");
    check_shown(context, NULL, NULL, "mx.example.org");
    tls_context_release(&context);
}
END_TEST

/* A client that puts what is weaker first gets what is stronger; one that is quicker with ChaCha20 gets that. */
START_TEST(test_order_of_ciphers)
{
    make("RSA", "mx.example.org", "a.pem", "a.key");
    struct tls_context *context = load(1);

    check_cipher(context, "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-GCM-SHA256",
                 "ECDHE-RSA-AES128-GCM-SHA256");
    check_cipher(context, "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305");
    check_cipher(context, "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA");
    tls_context_release(&context);
}
END_TEST

/* Of the finite fields the small ones only: a handshake in one of 8,192 bits costs us 200 times that on a curve. */
START_TEST(test_groups)
{
    static const char *const taken[] = { "X25519", "P-256", "P-384", "P-521", "ffdhe2048", "ffdhe3072" };
    static const char *const refused[] = { "ffdhe4096", "ffdhe6144", "ffdhe8192" };
    make("EC", "mx.example.org", "a.pem", "a.key");
    struct tls_context *context = load(1);

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        ck_assert_msg(takes_group(context, taken[i]), "%s", taken[i]);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        ck_assert_msg(!takes_group(context, refused[i]), "%s", refused[i]);
    tls_context_release(&context);
}
END_TEST

/* A certificate of another type of key must not be shown for a host that it is not for. */
START_TEST(test_server_name_outweighs_type)
{
    make("EC", "mx.example.org", "a.pem", "a.key");
    make("RSA", "mail.example.net", "b.pem", "b.key");
    struct tls_context *context = load(2);

    check_shown(context, "mail.example.net", NULL, "mail.example.net");
    check_shown(context, "mx.example.org", NULL, "mx.example.org");
    tls_context_release(&context);
}
END_TEST

/* A session that begins may outlive the configuration. */
START_TEST(test_context_released)
{
    make("RSA", "mx.example.org", "a.pem", "a.key");
    make("RSA", "mail.example.net", "b.pem", "b.key");
    struct tls_context *context = load(2);
    SSL *session = tls_session_new(context, NULL, -1, SLICE_NONE);

    tls_context_release(&context);
    ck_assert_ptr_nonnull(SSL_get_certificate(session));
    SSL_free(session);
}
END_TEST

static struct handshake ticket_handshake(SSL_SESSION *resume, int version)
{
    struct handshake handshake = { .context = load(1), .client_context = SSL_CTX_new(TLS_client_method()) };

    SSL_CTX_set_max_proto_version(handshake.client_context, version);
    handshake.resume = resume;
    run(&handshake);
    tls_context_release(&handshake.context);
    SSL_CTX_free(handshake.client_context);
    return handshake;
}

/* Every handshake has a context of its own, as in another worker or after a reload; the secret is what they share. */
START_TEST(test_tickets)
{
    static const struct { uint64_t hours_later; bool resumed; } rows[] = {
        { 0, true }, { 1, true }, { 2, false }, { 100, false },
    };
    int version = _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    struct tls_tickets tickets, other;

    make("EC", "mx.example.org", "a.pem", "a.key");
    ck_assert(tls_tickets_draw(&tickets) && tls_tickets_draw(&other));
    ck_assert(memcmp(tickets.secret, other.secret, sizeof(tickets.secret)) != 0);
    tls_tickets_use(&tickets);
    struct handshake first = ticket_handshake(NULL, version);
    ck_assert(!first.facts.tls_resumed);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* Time cannot be turned forward, but a chain that is so far behind takes the same steps. */
        struct tls_tickets later = tickets;

        for (uint64_t hour = 0; hour < rows[i].hours_later; hour++) {
            uint64_t now = later.hour;
            tls_tickets_advance(&later, (now + 2) * TLS_TICKETS_SECONDS);
            later.hour = now;
        }
        tls_tickets_use(&later);
        struct handshake again = ticket_handshake(first.session, version);
        ck_assert_msg(again.facts.tls_resumed == rows[i].resumed, "%d hours later", (int)rows[i].hours_later);
        SSL_SESSION_free(again.session);
    }
    tls_tickets_use(&other);
    struct handshake strange = ticket_handshake(first.session, version);
    ck_assert(!strange.facts.tls_resumed);
    SSL_SESSION_free(strange.session);
    SSL_SESSION_free(first.session);
}
END_TEST

START_TEST(test_ticket_chain)
{
    struct tls_tickets one = { .hour = 7 }, other = { .hour = 7 };
    int sealed;

    tls_tickets_advance(&one, 8 * TLS_TICKETS_SECONDS + 1);
    ck_assert_uint_eq(one.hour, 7);
    for (uint64_t hour = 9; hour < 20; hour++)
        tls_tickets_advance(&one, hour * TLS_TICKETS_SECONDS);
    tls_tickets_advance(&other, 19 * TLS_TICKETS_SECONDS + 3000);
    ck_assert_uint_eq(one.hour, 18);
    ck_assert_uint_eq(other.hour, 18);
    ck_assert_mem_eq(one.secret, other.secret, sizeof(one.secret));
    tls_tickets_advance(&other, 3 * TLS_TICKETS_SECONDS);
    ck_assert_uint_eq(other.hour, 18);
    ck_assert(tls_tickets_draw(&one));
    sealed = tls_tickets_seal(&one);
    ck_assert_int_ge(sealed, 0);
    ck_assert(tls_tickets_open(sealed, &other));
    ck_assert_mem_eq(&one, &other, sizeof(one));
    close(sealed);
    sealed = open("/dev/null", O_RDONLY);
    ck_assert(!tls_tickets_open(sealed, &other));
    close(sealed);
}
END_TEST

static struct handshake client_handshake(const char *path, const char *key_path)
{
    struct slice problem;
    struct handshake handshake = { .context = load(1), .client_context = SSL_CTX_new(TLS_client_method()) };

    handshake.authorities = tls_authorities_new("ca.pem", arena, &problem);
    ck_assert_msg(handshake.authorities != NULL, "%.*s", SLICE_ARG(problem));
    if (path != NULL) {
        ck_assert_int_eq(SSL_CTX_use_certificate_file(handshake.client_context, path, SSL_FILETYPE_PEM), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(handshake.client_context, key_path, SSL_FILETYPE_PEM), 1);
    }
    run(&handshake);
    tls_authorities_free(&handshake.authorities);
    tls_context_release(&handshake.context);
    SSL_CTX_free(handshake.client_context);
    SSL_SESSION_free(handshake.session);
    return handshake;
}

static struct made_certificate make_authority(void)
{
    struct made_certificate made = make_certificate("EC", "Test CA", 3600, NULL);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");

    ck_assert_int_eq(X509_add_ext(made.x509, extension, -1), 1);
    ck_assert_int_gt(X509_sign(made.x509, made.key, EVP_sha256()), 0);
    X509_EXTENSION_free(extension);
    return made;
}

START_TEST(test_client_certificate)
{
    struct made_certificate authority = make_authority();
    struct made_certificate stranger = make_certificate("EC", "Test CA", 3600, NULL);
    struct made_certificate client = make_certificate("EC", "client\x01.example.org", 3600, &authority);
    struct made_certificate false_one = make_certificate("EC", "client.example.org", 3600, &stranger);

    make("RSA", "mx.example.org", "a.pem", "a.key");
    write_certificate(&authority, NULL, "ca.pem", "ca.key");
    write_certificate(&client, NULL, "client.pem", "client.key");
    struct handshake handshake = client_handshake("client.pem", "client.key");
    const struct facts_certificate *seen = &handshake.facts.tls_client;
    ck_assert(seen->given && seen->verified);
    ck_assert_msg(slice_equal(seen->subject, SLICE("CN=client\\01.example.org")), "%.*s", SLICE_ARG(seen->subject));
    ck_assert_msg(slice_equal(seen->issuer, SLICE("CN=Test CA")), "%.*s", SLICE_ARG(seen->issuer));
    ck_assert_uint_eq(seen->fingerprint.length, 64);
    ck_assert_uint_eq(seen->problem.length, 0);

    write_certificate(&false_one, NULL, "client.pem", "client.key");
    handshake = client_handshake("client.pem", "client.key");
    ck_assert(seen->given && !seen->verified);
    ck_assert_uint_eq(seen->fingerprint.length, 64);
    ck_assert_msg(seen->problem.length > 0, "no reason given");

    handshake = client_handshake(NULL, NULL);
    ck_assert(!seen->given && !seen->verified);
    ck_assert_uint_eq(seen->subject.length, 0);
    free_certificate(&authority);
    free_certificate(&stranger);
    free_certificate(&client);
    free_certificate(&false_one);
}
END_TEST

START_TEST(test_authorities_refused)
{
    struct slice problem;
    FILE *file = fopen("ca.pem", "w");

    fputs("no certificate\n", file);
    fclose(file);
    ck_assert_ptr_null(tls_authorities_new("ca.pem", arena, &problem));
    ck_assert_msg(slice_starts_with(problem, SLICE("ca.pem: no authorities")), "%.*s", SLICE_ARG(problem));
    ck_assert_ptr_null(tls_authorities_new("missing.pem", arena, &problem));
    ck_assert_msg(slice_starts_with(problem, SLICE("missing.pem: no authorities")), "%.*s", SLICE_ARG(problem));
    ck_assert_msg(slice_ends_with_nocase(problem, SLICE(": No such file or directory")), "%.*s", SLICE_ARG(problem));
}
END_TEST

Suite *suite_tls_session(void);

Suite *suite_tls_session(void)
{
    Suite *suite = suite_create("tls_session");
    TCase *handshakes = tcase_create("handshakes");

    tcase_set_timeout(handshakes, 60);
    tcase_add_checked_fixture(handshakes, set_up, tear_down);
    tcase_add_test(handshakes, test_server_name);
    tcase_add_test(handshakes, test_server_name_outweighs_type);
    tcase_add_test(handshakes, test_order_of_ciphers);
    tcase_add_test(handshakes, test_groups);
    tcase_add_test(handshakes, test_context_released);
    tcase_add_loop_test(handshakes, test_tickets, 0, 2);
    tcase_add_test(handshakes, test_ticket_chain);
    tcase_add_test(handshakes, test_client_certificate);
    tcase_add_test(handshakes, test_authorities_refused);
    suite_add_tcase(suite, handshakes);
    return suite;
}
