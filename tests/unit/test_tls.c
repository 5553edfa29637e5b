/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tls.c: contexts from files: what loads, and for what does not, the text that names the file and the fault.
 */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proxy/tls.h"
#include "proxy/tls_openssl.h"
#include "tests/unit/certificate.h"

static char directory[64];
static struct arena *arena;

static void set_up(void)
{
    snprintf(directory, sizeof(directory), "%s", "/tmp/mxward-test-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    arena = arena_new();
}

static void tear_down(void)
{
    static const char *const files[] = { "rsa.pem", "rsa.key", "ec.pem", "ec.key", "other.pem", "other.key", "text" };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(directory);
    arena_free(&arena);
}

static void make(const char *type, const char *path, const char *key_path, long seconds)
{
    struct made_certificate made = make_certificate(type, "mx.example.org", seconds, NULL);

    write_certificate(&made, NULL, path, key_path);
    free_certificate(&made);
}

static void write_text(const char *path, const char *text, const char *mode)
{
    FILE *file = fopen(path, mode);

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static struct tls_context *load(const char *path, const char *key_path, struct slice *problem)
{
    struct tls_certificate paths = { path, key_path };

    return tls_context_new(&paths, 1, arena, problem);
}

static void check_refused(const char *path, const char *key_path, const char *file_named, const char *fault)
{
    struct slice problem;
    struct tls_context *context = load(path, key_path, &problem);

    ck_assert_ptr_null(context);
    ck_assert_msg(problem.length > 0 && strstr(problem.text, file_named) == problem.text, "%.*s", SLICE_ARG(problem));
    ck_assert_msg(strstr(problem.text, fault) != NULL, "%.*s", SLICE_ARG(problem));
}

START_TEST(test_loads)
{
    struct slice problem;
    struct tls_context *context, *kept;
    long long now = (long long)time(NULL);

    make("RSA", "rsa.pem", "rsa.key", 3600);
    context = load("rsa.pem", "rsa.key", &problem);
    ck_assert_ptr_nonnull(context);
    ck_assert_uint_eq(problem.length, 0);
    ck_assert_int_ge(tls_context_expiry(context), now + 3500);
    ck_assert_int_le(tls_context_expiry(context), now + 3700);
    kept = tls_context_keep(context);
    tls_context_release(&context);
    ck_assert_ptr_null(context);
    ck_assert_int_ge(tls_context_expiry(kept), now);
    tls_context_release(&kept);
    tls_context_release(&kept);
}
END_TEST

START_TEST(test_chain)
{
    struct made_certificate issuer = make_certificate("EC", "Test CA", 3600, NULL);
    struct made_certificate leaf = make_certificate("RSA", "mx.example.org", 3600, &issuer);
    struct slice problem;
    struct tls_context *context;
    STACK_OF(X509) *chain = NULL;
    SSL *session;

    write_certificate(&leaf, &issuer, "rsa.pem", "rsa.key");
    context = load("rsa.pem", "rsa.key", &problem);
    ck_assert_msg(context != NULL, "%.*s", SLICE_ARG(problem));
    session = tls_session_new(context, NULL, -1, SLICE_NONE);
    ck_assert_int_eq(X509_cmp(SSL_get_certificate(session), leaf.x509), 0);
    SSL_get0_chain_certs(session, &chain);
    ck_assert_int_eq(sk_X509_num(chain), 1);
    ck_assert_int_eq(X509_cmp(sk_X509_value(chain, 0), issuer.x509), 0);
    SSL_free(session);
    tls_context_release(&context);
    /* The wrong way round the key is not that of the first. */
    write_certificate(&issuer, &leaf, "rsa.pem", NULL);
    check_refused("rsa.pem", "rsa.key", "rsa.key: ", "does not belong to the certificate rsa.pem");
    free_certificate(&issuer);
    free_certificate(&leaf);
}
END_TEST

START_TEST(test_two_key_types)
{
    struct tls_certificate paths[] = { { "rsa.pem", "rsa.key" }, { "ec.pem", "ec.key" } };
    struct slice problem;
    struct tls_context *context;

    make("RSA", "rsa.pem", "rsa.key", 7200);
    make("EC", "ec.pem", "ec.key", 3600);
    context = tls_context_new(paths, 2, arena, &problem);
    ck_assert_msg(context != NULL, "%.*s", SLICE_ARG(problem));
    ck_assert_int_le(tls_context_expiry(context), (long long)time(NULL) + 3700);
    tls_context_release(&context);

    make("RSA", "ec.pem", "ec.key", 3600);
    ck_assert_ptr_null(tls_context_new(paths, 2, arena, &problem));
    ck_assert_msg(strstr(problem.text, "ec.pem: ") == problem.text, "%.*s", SLICE_ARG(problem));
    ck_assert_msg(strstr(problem.text, "would never be used") != NULL, "%.*s", SLICE_ARG(problem));
    ck_assert_ptr_null(tls_context_new(paths, 0, arena, &problem));
    ck_assert_uint_gt(problem.length, 0);
}
END_TEST

/* Served all the same: mail without TLS would be worse. */
START_TEST(test_expired)
{
    struct slice problem;
    struct tls_context *context;

    make("EC", "ec.pem", "ec.key", -60);
    context = load("ec.pem", "ec.key", &problem);
    ck_assert_ptr_nonnull(context);
    ck_assert_msg(strstr(problem.text, "ec.pem: ") == problem.text && strstr(problem.text, "expired") != NULL, "%.*s",
                  SLICE_ARG(problem));
    ck_assert_int_lt(tls_context_expiry(context), (long long)time(NULL));
    tls_context_release(&context);
}
END_TEST

START_TEST(test_refused)
{
    make("RSA", "rsa.pem", "rsa.key", 3600);
    make("RSA", "other.pem", "other.key", 3600);
    make("EC", "ec.pem", "ec.key", 3600);
    write_text("text", "this is no certificate\n", "w");
    check_refused("missing.pem", "rsa.key", "missing.pem: ", "No such file");
    check_refused("rsa.pem", "missing.key", "missing.key: ", "No such file");
    check_refused("text", "rsa.key", "text: ", "no certificate in PEM form");
    check_refused("rsa.key", "rsa.key", "rsa.key: ", "no certificate in PEM form");
    check_refused("rsa.pem", "text", "text: ", "no private key in PEM form");
    check_refused("rsa.pem", "rsa.pem", "rsa.pem: ", "no private key in PEM form");
    check_refused("rsa.pem", "other.key", "other.key: ", "does not belong to the certificate rsa.pem");
    check_refused("rsa.pem", "ec.key", "ec.key: ", "does not belong to the certificate rsa.pem");
    check_refused(".", "rsa.key", ".: ", "");
    write_text("rsa.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a");
    check_refused("rsa.pem", "rsa.key", "rsa.pem: ", "certificate 2 in it cannot be read");
    write_text("rsa.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "w");
    check_refused("rsa.pem", "rsa.key", "rsa.pem: ", "cannot be read");
}
END_TEST

/* Nobody is asked for a passphrase at a terminal. */
START_TEST(test_passphrase)
{
    struct made_certificate made = make_certificate("EC", "mx.example.org", 3600, NULL);
    FILE *file = fopen("ec.key", "w");

    write_certificate(&made, NULL, "ec.pem", NULL);
    ck_assert_int_eq(PEM_write_PrivateKey(file, made.key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL,
                                          NULL), 1);
    fclose(file);
    check_refused("ec.pem", "ec.key", "ec.key: ", "passphrase");
    free_certificate(&made);
}
END_TEST

START_TEST(test_too_weak)
{
    struct made_certificate made = { X509_new(), EVP_RSA_gen(512) };

    X509_gmtime_adj(X509_getm_notBefore(made.x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(made.x509), 3600);
    X509_set_pubkey(made.x509, made.key);
    ck_assert_int_gt(X509_sign(made.x509, made.key, EVP_sha256()), 0);
    write_certificate(&made, NULL, "rsa.pem", "rsa.key");
    check_refused("rsa.pem", "rsa.key", "rsa.pem: ", "key too small");
    free_certificate(&made);
}
END_TEST

Suite *suite_tls(void);

Suite *suite_tls(void)
{
    Suite *suite = suite_create("tls");
    TCase *tests = tcase_create("tls");

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_loads);
    tcase_add_test(tests, test_chain);
    tcase_add_test(tests, test_two_key_types);
    tcase_add_test(tests, test_expired);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_passphrase);
    tcase_add_test(tests, test_too_weak);
    suite_add_tcase(suite, tests);
    return suite;
}
