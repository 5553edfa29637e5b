/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * certificate.h: certificates made on the spot for tests, by OpenSSL alone. Self-signed, or signed by another one.
 * Failing is the test's failure.
 */
#ifndef MXWARD_TESTS_UNIT_CERTIFICATE_H
#define MXWARD_TESTS_UNIT_CERTIFICATE_H

#include <check.h>
#include <stdio.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

struct made_certificate {
    X509 *x509;
    EVP_PKEY *key;
};

static inline EVP_PKEY *make_key(const char *type)
{
    EVP_PKEY *key = strcmp(type, "EC") == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);

    ck_assert_ptr_nonnull(key);
    return key;
}

/* Valid from a day ago until `seconds` from now; `type` is "EC" or "RSA". */
static inline struct made_certificate make_certificate(const char *type, const char *name, long seconds,
                                                       const struct made_certificate *issuer)
{
    struct made_certificate made = { X509_new(), make_key(type) };
    X509_NAME *subject = X509_get_subject_name(made.x509);

    X509_set_version(made.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.x509), -24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(made.x509), seconds);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made.x509, issuer == NULL ? subject : X509_get_subject_name(issuer->x509));
    X509_set_pubkey(made.x509, made.key);
    ck_assert_int_gt(X509_sign(made.x509, issuer == NULL ? made.key : issuer->key, EVP_sha256()), 0);
    return made;
}

static inline void free_certificate(struct made_certificate *made)
{
    X509_free(made->x509);
    EVP_PKEY_free(made->key);
}

/* Either path may be NULL; `more` is appended to the chain and may be NULL. */
static inline void write_certificate(const struct made_certificate *made, const struct made_certificate *more,
                                     const char *path, const char *key_path)
{
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    FILE *key_file = key_path == NULL ? NULL : fopen(key_path, "w");

    if (file != NULL) {
        ck_assert_int_eq(PEM_write_X509(file, made->x509), 1);
        if (more != NULL)
            ck_assert_int_eq(PEM_write_X509(file, more->x509), 1);
        fclose(file);
    }
    if (key_file != NULL) {
        ck_assert_int_eq(PEM_write_PrivateKey(key_file, made->key, NULL, NULL, 0, NULL, NULL), 1);
        fclose(key_file);
    }
}

#endif
