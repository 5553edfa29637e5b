/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_tickets.c: the chain of secrets and what OpenSSL asks for each ticket. Names and keys of one hour come from
 * that hour's secret by HMAC-SHA256 under different labels (as HKDF-Expand, RFC 5869 2.3, for one block), the next
 * hour's secret likewise, so that none says anything about an earlier one. Tickets are AES-256-CBC and HMAC-SHA256,
 * as RFC 5077 section 4 recommends but with the longer key.
 */
#include "proxy/tls_tickets.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "proxy/process.h"
#include "proxy/tls_openssl.h"
#include "rules/arena.h"

/* RFC 5077 section 4. */
#define KEY_NAME_SIZE 16

struct keys {
    unsigned char name[TLS_TICKETS_SECRET];    /* KEY_NAME_SIZE of it are sent */
    unsigned char cipher[TLS_TICKETS_SECRET];
    unsigned char mac[TLS_TICKETS_SECRET];
};

/* One for the process: contexts come and go with configurations, tickets outlive them. */
static struct {
    bool used;
    struct tls_tickets tickets;                /* of the hour before that of keys[1] */
    struct keys keys[2];                       /* the last hour's, and this one's */
} own;

static void derive(const unsigned char *secret, const char *label, unsigned char *derived_out)
{
    unsigned length = 0;

    if (HMAC(EVP_sha256(), secret, TLS_TICKETS_SECRET, (const unsigned char *)label, strlen(label), derived_out,
             &length) == NULL ||
        length != TLS_TICKETS_SECRET)
        bug("HMAC-SHA256");
}

static void make_keys(const unsigned char *secret, struct keys *keys_out)
{
    derive(secret, "mxward ticket name", keys_out->name);
    derive(secret, "mxward ticket cipher", keys_out->cipher);
    derive(secret, "mxward ticket mac", keys_out->mac);
}

static void step(struct tls_tickets *tickets)
{
    unsigned char next[TLS_TICKETS_SECRET];

    derive(tickets->secret, "mxward ticket next", next);
    memcpy(tickets->secret, next, sizeof(next));
    OPENSSL_cleanse(next, sizeof(next));
    tickets->hour++;
}

uint64_t tls_tickets_now(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        bug("CLOCK_BOOTTIME");
    return (uint64_t)now.tv_sec;
}

bool tls_tickets_draw(struct tls_tickets *tickets_out)
{
    uint64_t hour = tls_tickets_now() / TLS_TICKETS_SECONDS;

    tickets_out->hour = hour == 0 ? 0 : hour - 1;
    return getrandom(tickets_out->secret, sizeof(tickets_out->secret), 0) == sizeof(tickets_out->secret);
}

void tls_tickets_advance(struct tls_tickets *tickets, uint64_t now_seconds)
{
    while (tickets->hour + 1 < now_seconds / TLS_TICKETS_SECONDS)
        step(tickets);
}

int tls_tickets_seal(struct tls_tickets *tickets)
{
    tls_tickets_advance(tickets, tls_tickets_now());
    return process_sealed_memory("mxward-tickets", tickets, sizeof(*tickets));
}

bool tls_tickets_open(int descriptor, struct tls_tickets *tickets_out)
{
    return pread(descriptor, tickets_out, sizeof(*tickets_out), 0) == sizeof(*tickets_out);
}

static void refresh_keys(void)
{
    struct tls_tickets next = own.tickets;

    make_keys(next.secret, &own.keys[0]);
    step(&next);
    make_keys(next.secret, &own.keys[1]);
    OPENSSL_cleanse(&next, sizeof(next));
}

void tls_tickets_use(const struct tls_tickets *tickets)
{
    OPENSSL_cleanse(&own, sizeof(own));
    own.used = tickets != NULL;
    if (tickets == NULL)
        return;
    own.tickets = *tickets;
    refresh_keys();
}

static bool begin(const struct keys *keys, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const unsigned char *iv,
                  bool encrypt)
{
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)keys->mac, sizeof(keys->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, iv, encrypt) == 1 &&
           EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* What OpenSSL calls for each ticket: -1 failure, 0 not ours (a full handshake), 1 known, 2 known and to be renewed. */
static int ticket_key(SSL *session, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                      int encrypt)
{
    (void)session;
    uint64_t hour = own.tickets.hour;

    if (!own.used)
        return 0;
    tls_tickets_advance(&own.tickets, tls_tickets_now());
    if (own.tickets.hour != hour)
        refresh_keys();
    if (encrypt) {
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
            return -1;
        memcpy(name, own.keys[1].name, KEY_NAME_SIZE);
        return begin(&own.keys[1], cipher, mac, iv, true) ? 1 : -1;
    }
    for (int i = 1; i >= 0; i--)
        if (CRYPTO_memcmp(name, own.keys[i].name, KEY_NAME_SIZE) == 0)
            return begin(&own.keys[i], cipher, mac, iv, false) ? 2 - i : -1;
    return 0;
}

void tls_tickets_set_up(SSL_CTX *context)
{
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key) != 1)
        bug("session tickets");
    /* A ticket older than both keys is of no use; RFC 8446 4.6.1 allows seven days. */
    SSL_CTX_set_timeout(context, 2 * TLS_TICKETS_SECONDS);
    /* OpenSSL sends two, for a browser's parallel connections; a mail server comes back one at a time. */
    SSL_CTX_set_num_tickets(context, 1);
}
