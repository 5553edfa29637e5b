/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_certificate.h: for tls.c alone: a certificate with its chain and key from PEM files, and what names it is for.
 * Whatever is wrong with a file is said by a text that begins with its path. Lives on the heap: sessions may outlive
 * the load that read it.
 */
#ifndef MXWARD_PROXY_TLS_CERTIFICATE_H
#define MXWARD_PROXY_TLS_CERTIFICATE_H

#include "proxy/tls.h"
#include "proxy/tls_openssl.h"

struct tls_loaded {
    X509 *leaf;
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
    long long expiry;                  /* seconds since 1970; 0 when that cannot be read */
};

/*
 * False: *problem_out (in `arena`) says which file and why. True: it is empty, or a warning that the certificate has
 * expired. Clear it in both cases.
 */
bool tls_certificate_load(const struct tls_certificate *paths, struct arena *arena, struct tls_loaded *loaded_out,
                          struct slice *problem_out);
void tls_certificate_clear(struct tls_loaded *loaded);

/* Whether both have a key of the same type (RSA, EC, Ed25519, ...). */
bool tls_certificate_same_type(const struct tls_loaded *one, const struct tls_loaded *other);
/* Whether it is for that host, by subjectAltName with wildcards for a whole label, else by CN (RFC 6125). */
bool tls_certificate_is_for(const struct tls_loaded *loaded, struct slice host);
/* Whether some name of `loaded` is none of `earlier`'s: it would be used beside it. */
bool tls_certificate_adds_name(const struct tls_loaded *loaded, const struct tls_loaded *earlier);

#endif
