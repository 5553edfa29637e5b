/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_certificate.c: reads PEM files. A key with a passphrase, a damaged chain, a key that is another certificate's:
 * each is found here, while configuration is loaded, and named with its file. Names are compared by OpenSSL.
 */
#include "proxy/tls_certificate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* One certificate while it is loaded. */
struct loading {
    const struct tls_certificate *paths;
    struct arena *arena;
    struct slice problem;
    struct tls_loaded *loaded;
};

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
        if (sk_X509_push(loading->loaded->chain, issuer) <= 0)
            bug("out of memory");
    }
    if (is_pem_end()) {
        ERR_clear_error();
        return true;
    }
    blame(loading, loading->paths->certificate_path, "certificate %d in it cannot be read: %s",
          sk_X509_num(loading->loaded->chain) + 2, tls_take_error("damaged"));
    return false;
}

static bool load_certificate(struct loading *loading)
{
    const char *path = loading->paths->certificate_path;
    BIO *file = open_file(loading, "certificate", path);
    bool done = false;

    if (file == NULL)
        return false;
    loading->loaded->chain = sk_X509_new_null();
    if (loading->loaded->chain == NULL)
        bug("out of memory");
    loading->loaded->leaf = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    if (loading->loaded->leaf != NULL)
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
    loading->loaded->key = PEM_read_bio_PrivateKey(file, NULL, no_passphrase, &wants_passphrase);
    if (loading->loaded->key == NULL && wants_passphrase)
        blame(loading, path, "the key is protected by a passphrase; it must be without");
    else if (loading->loaded->key == NULL)
        blame(loading, path, "there is no private key in PEM form in it");
    ERR_clear_error();
    BIO_free(file);
    return loading->loaded->key != NULL;
}

/* Seconds since 1970 of its end; 0 when that cannot be read, which is as good as long ago. */
static long long end_of(const X509 *certificate)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0;
    return timegm(&tm);
}

static bool fits(struct loading *loading)
{
    const struct tls_loaded *loaded = loading->loaded;

    if (X509_check_private_key(loaded->leaf, loaded->key) == 1)
        return true;
    ERR_clear_error();
    blame(loading, loading->paths->key_path, "the key does not belong to the certificate %s",
          loading->paths->certificate_path);
    return false;
}

bool tls_certificate_load(const struct tls_certificate *paths, struct arena *arena, struct tls_loaded *loaded_out,
                          struct slice *problem_out)
{
    struct loading loading = { .paths = paths, .arena = arena, .loaded = loaded_out };
    bool done;

    *loaded_out = (struct tls_loaded){ 0 };
    ERR_clear_error();
    done = load_certificate(&loading) && load_key(&loading) && fits(&loading);
    if (done) {
        loaded_out->expiry = end_of(loaded_out->leaf);
        if (loaded_out->expiry < (long long)time(NULL))
            blame(&loading, paths->certificate_path, "the certificate has expired");
    }
    *problem_out = loading.problem;
    return done;
}

void tls_certificate_clear(struct tls_loaded *loaded)
{
    X509_free(loaded->leaf);
    sk_X509_pop_free(loaded->chain, X509_free);
    EVP_PKEY_free(loaded->key);
    *loaded = (struct tls_loaded){ 0 };
}

bool tls_certificate_same_type(const struct tls_loaded *one, const struct tls_loaded *other)
{
    return EVP_PKEY_get_base_id(one->key) == EVP_PKEY_get_base_id(other->key);
}

bool tls_certificate_is_for(const struct tls_loaded *loaded, struct slice host)
{
    bool found = host.length > 0 && X509_check_host(loaded->leaf, host.text, host.length,
                                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;

    ERR_clear_error();
    return found;
}

/* The names it is for; those of its subject only when there are no others. They borrow from the certificate. */
struct names {
    struct slice *names;
    size_t count;
};

static void add_name(struct names *names, const ASN1_STRING *text)
{
    int length = ASN1_STRING_length(text);

    if (length > 0)
        names->names[names->count++] = slice_of((const char *)ASN1_STRING_get0_data(text), (size_t)length);
}

static struct names subject_names(const struct tls_loaded *loaded, struct arena *arena)
{
    const X509_NAME *subject = X509_get_subject_name(loaded->leaf);
    struct names names = { arena_array(arena, (size_t)X509_NAME_entry_count(subject), sizeof(struct slice)), 0 };

    for (int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(subject, NID_commonName, at))
        add_name(&names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    return names;
}

/* Copied: what OpenSSL reads from the extension is freed here. */
static struct names names_of(const struct tls_loaded *loaded, struct arena *arena)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(loaded->leaf, NID_subject_alt_name, NULL, NULL);
    int count = all == NULL ? 0 : sk_GENERAL_NAME_num(all);
    struct names names = { arena_array(arena, (size_t)count, sizeof(struct slice)), 0 };

    for (int i = 0; i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

        if (name->type == GEN_DNS)
            add_name(&names, name->d.dNSName);
    }
    for (size_t i = 0; i < names.count; i++)
        names.names[i] = arena_copy(arena, names.names[i]);
    GENERAL_NAMES_free(all);
    ERR_clear_error();
    return names.count > 0 ? names : subject_names(loaded, arena);
}

static bool has_name(const struct tls_loaded *loaded, const struct names *names, struct slice wanted)
{
    for (size_t i = 0; i < names->count; i++)
        if (slice_equal_nocase(names->names[i], wanted))
            return true;
    return tls_certificate_is_for(loaded, wanted);
}

bool tls_certificate_adds_name(const struct tls_loaded *loaded, const struct tls_loaded *earlier)
{
    struct arena *arena = arena_new();
    struct names names = names_of(loaded, arena), taken = names_of(earlier, arena);
    bool adds = false;

    for (size_t i = 0; i < names.count; i++)
        adds = adds || !has_name(earlier, &taken, names.names[i]);
    arena_free(&arena);
    return adds;
}
