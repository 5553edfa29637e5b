/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_canonical.c: canonical forms, by their hashes: the examples and the hashes of empty bodies of RFC 6376 3.4; and
 * keys as they are published.
 */
#include "policy/canonical.h"

#include <check.h>
#include <stdlib.h>

#include "policy/public_key.h"

static struct arena *arena;

static void open_canonical(void)
{
    canonical_prepare();
    public_key_prepare();
    arena = arena_new();
}

static void close_canonical(void)
{
    arena_free(&arena);
}

static void assert_digest(const unsigned char *digest, const char *canonical)
{
    unsigned char expected[CANONICAL_DIGEST];
    struct canonical_hash *hash = canonical_hash_new(arena);
    canonical_hash_put(hash, canonical, strlen(canonical));
    canonical_hash_digest(hash, expected);
    ck_assert_mem_eq(digest, expected, CANONICAL_DIGEST);
}

/* RFC 6376 3.4.5, and what 3.4.3 and 3.4.4 say of ends. */
static const struct {
    const char *body;
    const char *simple, *relaxed;
} bodies[] = {
    { " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
    { "", "\r\n", "" },
    { "\r\n\r\n", "\r\n", "" },
    { " \t\r\n", " \t\r\n", "" },
    { "a", "a\r\n", "a\r\n" },
    { "a \t", "a \t\r\n", "a\r\n" },
    { "\r\n\r\na\r\n", "\r\n\r\na\r\n", "\r\n\r\na\r\n" },
    { "a\r\n \r\n\r\nb\r\n", "a\r\n \r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n" },
    { "a\rb \rc\r", "a\rb \rc\r\r\n", "a\rb \rc\r\r\n" },
};

START_TEST(canonical_bodies)
{
    struct slice text = slice_of_string(bodies[_i].body);
    for (size_t chunk = 1; chunk <= text.length + 1; chunk++)
        for (int relaxed = 0; relaxed < 2; relaxed++) {
            const char *expected = relaxed ? bodies[_i].relaxed : bodies[_i].simple;
            for (uint64_t limit = 0; limit <= strlen(expected) + 1; limit++) {
                struct canonical_body *body = canonical_body_new(relaxed, limit, arena);
                unsigned char digest[CANONICAL_DIGEST];
                for (size_t at = 0; at < text.length; at += chunk)
                    canonical_body_add(body, slice_first(slice_from(text, at), chunk));
                canonical_body_digest(body, digest);
                struct slice part = slice_first(slice_of_string(expected), (size_t)limit);
                assert_digest(digest, arena_string(arena, part));
                ck_assert_uint_eq(canonical_body_hashed(body), part.length);
            }
        }
}
END_TEST

/* "The SHA-256 value (in base64) for an empty body", 3.4.3 and 3.4.4: the first bytes of each. */
START_TEST(empty_bodies)
{
    static const unsigned char expected[2][4] = { { 0x7e, 0xb7, 0x02, 0x57 }, { 0xe3, 0xb0, 0xc4, 0x42 } };
    unsigned char digest[CANONICAL_DIGEST];
    canonical_body_digest(canonical_body_new(_i, UINT64_MAX, arena), digest);
    ck_assert_mem_eq(digest, expected[_i], sizeof expected[_i]);
}
END_TEST

#define HEADER "A: X\r\nB : Y\t\r\n\tZ  \r\nDKIM-Signature: h=a:B:a; b=AA\r\n AA ; x=y\r\nA: W\r\n\r\n"

/* Fields from the bottom up, as often as named; the signature's own last, its b= empty and without its line end. */
START_TEST(canonical_headers)
{
    struct message_header header;
    unsigned char digest[CANONICAL_DIGEST];
    message_parse(SLICE(HEADER), arena, &header);
    struct canonical_header *sorted = canonical_header_new(&header, arena);
    const struct message_field *field = &header.fields[2];
    for (int again = 0; again < 2; again++) {
        canonical_header_digest(sorted, SLICE("a : B: a:a:none"), field, field->value, true, digest);
        assert_digest(digest, "a:W\r\nb:Y Z\r\na:X\r\ndkim-signature:h=a:B:a; b=; x=y");
        canonical_header_digest(sorted, SLICE("A:b"), field, field->value, false, digest);
        assert_digest(digest, "A: W\r\nB : Y\t\r\n\tZ  \r\nDKIM-Signature: h=a:B:a; b=; x=y");
    }
}
END_TEST

START_TEST(fork_goes_on_alone)
{
    unsigned char digest[CANONICAL_DIGEST];
    struct canonical_hash *hash = canonical_hash_new(arena), *fork;
    canonical_hash_put(hash, "ab", 2);
    fork = canonical_hash_fork(hash, arena);
    canonical_hash_put(fork, "x", 1);
    canonical_hash_put(hash, "c", 1);
    canonical_hash_digest(hash, digest);
    assert_digest(digest, "abc");
    canonical_hash_digest(fork, digest);
    assert_digest(digest, "abx");
}
END_TEST

/* RFC 8032 7.1, test 1: a signature of the empty message is none of a digest. */
#define ED25519 "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
/* RSA of 1,024 bits, made for this purpose. */
#define RSA_BARE                                                                                                       \
    "MIGJAoGBAKgsuE7uOvF/qO7kvcbiGnn/7Estei9lxSP9A2jglTvQgg3ZlHL4qzb4r+Dn5qHutcUq/EAViEfIfVqIh1zslXraS8kXJ44+PE62Oj3i" \
    "Hz7Cn/M/QN7PhSS9QxLWQB3qLhKPgDkQBVKcN+waypDDYYkZ12SQT2Yj8NedoPKqLiS5AgMBAAE="
#define RSA                                                                                                            \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCoLLhO7jrxf6ju5L3G4hp5/+xLLXovZcUj/QNo4JU70IIN2ZRy+Ks2+K/g5+ah7rXFKvxAFYhH" \
    "yH1aiIdc7JV62kvJFyeOPjxOtjo94h8+wp/zP0Dez4UkvUMS1kAd6i4Sj4A5EAVSnDfsGsqQw2GJGddkkE9mI/DXnaDyqi4kuQIDAQAB"

static const struct {
    const char *base64;
    bool ed25519;
    uint32_t bits;                 /* 0: it is no key */
} keys[] = {
    { RSA, false, 1024 }, { RSA_BARE, false, 1024 }, { ED25519, true, 256 }, { ED25519, false, 0 }, { RSA, true, 0 },
    { "", false, 0 }, { "AAAA", false, 0 }, { "AAAA", true, 0 }, { "AAA", false, 0 }, { "!!!!", false, 0 },
    { "====", true, 0 },
};

START_TEST(published_keys)
{
    static const unsigned char digest[CANONICAL_DIGEST] = { 0 };
    struct public_key *key = public_key_decode(slice_of_string(keys[_i].base64), keys[_i].ed25519, arena);
    if (keys[_i].bits == 0) {
        ck_assert_ptr_null(key);
        return;
    }
    ck_assert_ptr_nonnull(key);
    ck_assert_uint_eq(public_key_bits(key), keys[_i].bits);
    ck_assert(!public_key_verify(key, digest, SLICE("AAAA")));
    ck_assert(!public_key_verify(key, digest, SLICE("")));
    ck_assert(!public_key_verify(key, digest, SLICE(RSA)));
}
END_TEST

Suite *suite_canonical(void);
Suite *suite_canonical(void)
{
    Suite *suite = suite_create("canonical");
    TCase *tests = tcase_create("canonical");
    tcase_add_checked_fixture(tests, open_canonical, close_canonical);
    tcase_add_loop_test(tests, canonical_bodies, 0, sizeof bodies / sizeof bodies[0]);
    tcase_add_loop_test(tests, empty_bodies, 0, 2);
    tcase_add_test(tests, canonical_headers);
    tcase_add_test(tests, fork_goes_on_alone);
    tcase_add_loop_test(tests, published_keys, 0, sizeof keys / sizeof keys[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
