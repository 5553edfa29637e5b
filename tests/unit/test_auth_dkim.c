/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_auth_dkim.c: the signature field's grammar (RFC 6376 3.5), the key record's (3.6.1), and the outcome of a
 * verified signature with each key and answer (RFC 8301, RFC 8601 2.7.1).
 */
#include "policy/auth_dkim.h"

#include "policy/auth_dkim_parse.h"
#include "tests/unit/auth_world.h"

#define GOOD "v=1; a=rsa-sha256; d=example.org; s=s1; h=From:To; bh=AAAA; b=AAAABBBBCCCC"

static const struct {
    const char *value;
    const char *problem;
} fields[] = {
    { GOOD, "" },
    { " " GOOD ";\r\n\tc=relaxed/simple; q=dns/txt; t=1500000000; x=1500000001; l=0; i=a=20b@x.EXAMPLE.org; z=any",
      "" },
    { GOOD "; q=foo:dns/txt", "" },
    { "v=1; a=ed25519-sha256; d=example.org; s=a.b_c; h=from; bh=AAAA; b=A A\r\n A A", "" },
    { "", "tag without a value" },
    { GOOD "; v=1", "a tag occurs twice" },
    { "a=rsa-sha256; d=example.org; s=s1; h=From; bh=AAAA; b=AAAA", "v= missing" },
    { "v=2; a=rsa-sha256; d=example.org; s=s1; h=From; bh=AAAA; b=AAAA", "unknown version" },
    { "v=1; d=example.org; s=s1; h=From; bh=AAAA; b=AAAA", "a= missing" },
    { "v=1; a=rsa-md5; d=example.org; s=s1; h=From; bh=AAAA; b=AAAA", "unknown algorithm" },
    { "v=1; a=rsa-sha1; d=example.org; s=s1; h=From; bh=AAAA; b=AAAA", "rsa-sha1 is no longer valid (RFC 8301)" },
    { "v=1; a=rsa-sha256; s=s1; h=From; bh=AAAA; b=AAAA", "d= missing" },
    { "v=1; a=rsa-sha256; d=; s=s1; h=From; bh=AAAA; b=AAAA", "d= is not a domain" },
    { "v=1; a=rsa-sha256; d=example.org.; s=s1; h=From; bh=AAAA; b=AAAA", "d= is not a domain" },
    { "v=1; a=rsa-sha256; d=org; s=s1; h=From; bh=AAAA; b=AAAA", "d= is not a domain" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1.; h=From; bh=AAAA; b=AAAA", "s= is not a selector" },
    { GOOD "; i=@example.org.", "i= is not an address" },
    { "v=1; a=rsa-sha256; d=example org; s=s1; h=From; bh=AAAA; b=AAAA", "d= is not a domain" },
    { "v=1; a=rsa-sha256; d=example.org; h=From; bh=AAAA; b=AAAA", "s= missing" },
    { "v=1; a=rsa-sha256; d=example.org; s=a..b; h=From; bh=AAAA; b=AAAA", "s= is not a selector" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; bh=AAAA; b=AAAA", "h= missing" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; h=To; bh=AAAA; b=AAAA", "h= without From" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; h=From::To; bh=AAAA; b=AAAA", "empty name in h=" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; h=From; b=AAAA", "bh= missing" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; h=From; bh=A; b=AAAA", "bh= is not base64" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; h=From; bh=AAAA; b=", "b= is not base64" },
    { "v=1; a=rsa-sha256; d=example.org; s=s1; h=From; bh=AAAA", "b= missing" },
    { GOOD "; c=nofws", "unknown canonicalization" },
    { GOOD "; c=simple/simple/simple", "unknown canonicalization" },
    { GOOD "; i=ann@example.net", "i= is outside d=" },
    { GOOD "; i=ann@notexample.org", "i= is outside d=" },
    { GOOD "; i=example.org", "i= is not an address" },
    { GOOD "; t=now", "invalid time" },
    { GOOD "; t=5", "time before DKIM existed" },
    { GOOD "; t=9999999999", "t= is too far in the future" },
    { GOOD "; t=1500000000; x=1500000000", "x= is not after t=" },
    { GOOD "; l=-1", "invalid l=" },
    { GOOD "; q=http", "unknown query method" },
};

START_TEST(test_fields)
{
    struct signature signature;
    auth_dkim_parse_signature(slice_of_string(fields[_i].value), arena, &signature);
    assert_slice(signature.problem, fields[_i].problem);
}
END_TEST

START_TEST(test_values)
{
    struct signature signature;
    auth_dkim_parse_signature(SLICE(GOOD "; i=@Sub.Example.ORG; l=12; t=1500000000; x=1600000000; c=relaxed"), arena,
                              &signature);
    assert_slice(signature.domain, "example.org");
    assert_slice(signature.identity, "@Sub.Example.ORG");
    assert_slice(signature.value_start, "AAAABBBB");
    assert_slice(signature.fields, "From:To");
    assert_slice(signature.canonicalization, "relaxed");
    ck_assert(signature.has_length && signature.length == 12);
    ck_assert(signature.has_time && signature.time == 1500000000);
    ck_assert(signature.has_expiry && signature.expiry == 1600000000);
    assert_slice(auth_dkim_key_name(&signature, arena), "s1._domainkey.example.org");
}
END_TEST

/* One signature that verified with the key "QUFBQQ==" (1,024 bits), and what its key record says now. */
static const struct {
    const char *record;
    enum auth_result result;
    const char *reason;
} keys[] = {
    { "v=DKIM1; k=rsa; p=QUFBQQ==", AUTH_PASS, "" },
    { "p=QUF\tBQQ= =", AUTH_PASS, "" },
    { "v=DKIM1; h=sha1:sha256; s=tlsrpt:email; t=y:s; n=x; g=nobody; p=QUFBQQ==", AUTH_PASS, "" },
    { "v=DKIM1; s=*; p=QUFBQQ==", AUTH_PASS, "" },
    { "v=DKIM1; p=", AUTH_PERMERROR, "key revoked" },
    { "v=DKIM1; p=!", AUTH_PERMERROR, "key is not base64" },
    { "v=DKIM1; k=rsa", AUTH_PERMERROR, "no valid key record" },
    { "v=DKIM2; p=QUFBQQ==", AUTH_PERMERROR, "no valid key record" },
    { "k=rsa; v=DKIM1; p=QUFBQQ==", AUTH_PERMERROR, "no valid key record" },
    { "v=DKIM1; p=QUFBQQ==; p=QUFBQQ==", AUTH_PERMERROR, "no valid key record" },
    { "v=spf1 -all", AUTH_PERMERROR, "no valid key record" },
    { "v=DKIM1; k=ed25519; p=QUFBQQ==", AUTH_PERMERROR, "key of another algorithm" },
    { "v=DKIM1; h=sha1; p=QUFBQQ==", AUTH_PERMERROR, "key forbids the hash" },
    { "v=DKIM1; s=tlsrpt; p=QUFBQQ==", AUTH_PERMERROR, "key is not for mail" },
    { "v=DKIM1; p=QkJCQg==", AUTH_FAIL, "not made with this key" },
};

static struct signature verified(void)
{
    return (struct signature){
        .domain = SLICE("example.org"),
        .selector = SLICE("s1"),
        .algorithm = SLICE("rsa-sha256"),
        .crypto = SIGNATURE_VERIFIED,
        .key_data = SLICE("QUFBQQ=="),
        .key_bits = 1024,
    };
}

START_TEST(test_keys)
{
    struct signature signature = verified();
    world_text("s1._domainkey.example.org", keys[_i].record);
    struct dkim_outcome outcome = auth_dkim_outcome(&signature, &facts, answers, arena);
    assert_result(outcome.result, keys[_i].result, keys[_i].record);
    assert_slice(outcome.reason, keys[_i].reason);
    ck_assert_int_eq(outcome.test_key, strstr(keys[_i].record, "t=y") != NULL);
}
END_TEST

START_TEST(test_subdomain)
{
    struct signature signature = verified();
    world_text("s1._domainkey.example.org", "v=DKIM1; t=s; p=QUFBQQ==");
    signature.identity = SLICE("a@Example.org");
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PASS, "same");
    signature.identity = SLICE("a@sub.example.org");
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PERMERROR, "below");
}
END_TEST

/* The ends of RSA keys, in all three lengths of base64. */
static const struct {
    const char *data;
    bool usual;
} wrappings[] = {
    { "MEQwEgAAAAAAAAAAAAIDAQAB", true },      /* wrapped, length in one byte */
    { "MEQwEgAAAAAAAAAAAAACAwEAAQ==", true },      /* wrapped, length in one byte */
    { "MEQwEgAAAAAAAAAAAAAAAgMBAAE=", true },      /* wrapped, length in one byte */
    { "MIGfMA0AAAAAAAAAAAACAwEAAQ==", true },      /* in two */
    { "MIGfMA0AAAAAAAAAAAAAAgMBAAE=", true },      /* in two */
    { "MIGfMA0AAAAAAAAAAAAAAAIDAQAB", true },      /* in two */
    { "MIIBIjCCAAAAAAAAAAAAAgMBAAE=", true },      /* in three */
    { "MIIBIjCCAAAAAAAAAAAAAAIDAQAB", true },      /* in three */
    { "MIIBIjCCAAAAAAAAAAAAAAACAwEAAQ==", true },      /* in three */
    { "MIGfMA0AAAAAAAAAAAAAAgED", true },      /* 3 */
    { "MIGfMA0AAAAAAAAAAAAAAAIBEQ==", true },      /* 17 */
    { "MIGfMA0AAAAAAAAAAAAAAAACARE=", true },      /* 17 */
    { "MIGJAoGBAAAAAAAAAAAAAAIDAQAB", false },      /* an RSAPublicKey */
    { "MIIBCgKCAAAAAAAAAAAAAAIDAQAB", false },      /* an RSAPublicKey */
    { "MIGfMA0AAAAAAAAAAAACAwEAAw==", false },      /* another exponent */
    { "MIGfMA0AAAAAAAAAAAAAAgMBAAM=", false },      /* another exponent */
    { "MIGfMA0AAAAAAAAAAAAAAAIDAQAD", false },      /* another exponent */
    { "AoGfMA0AAAAAAAAAAAAAAgMBAAE=", false },      /* no SEQUENCE */
    { "MIGf", false },      /* too short */
};

START_TEST(test_usual_keys)
{
    struct auth_dkim_key key = { .type = SLICE("rsa"), .data = slice_of_string(wrappings[_i].data) };
    ck_assert_int_eq(auth_dkim_key_is_usual(&key), wrappings[_i].usual);
    key.type = SLICE("ed25519");
    ck_assert(auth_dkim_key_is_usual(&key));
}
END_TEST

static const struct {
    enum answer_status status;
    enum auth_result result;
} statuses[] = {
    { ANSWER_NO_NAME, AUTH_PERMERROR }, { ANSWER_NO_DATA, AUTH_PERMERROR }, { ANSWER_FAILED, AUTH_TEMPERROR },
    { ANSWER_TIMEOUT, AUTH_TEMPERROR }, { ANSWER_LIMIT, AUTH_TEMPERROR },
};

START_TEST(test_statuses)
{
    struct signature signature = verified();
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PENDING, "no answer yet");
    world_add(QUESTION_TXT, "s1._domainkey.example.org", statuses[_i].status, SLICE_NONE);
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, statuses[_i].result, "status");
}
END_TEST

START_TEST(test_crypto)
{
    struct signature signature = verified();
    world_text("s1._domainkey.example.org", "p=QUFBQQ==");
    signature.key_bits = 1016;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_POLICY, "short key");
    signature = verified();
    signature.crypto = SIGNATURE_BODY_ALTERED;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_FAIL, "body");
    signature.crypto = SIGNATURE_NOT_BY_KEY;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_FAIL, "header");
    signature.crypto = SIGNATURE_NOT_TRIED;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PERMERROR, "not tried");
}
END_TEST

/* RFC 6376 3.6.2.2: two keys at one name are none; other TXT records there do not matter. */
START_TEST(test_several_records)
{
    struct signature signature = verified();
    struct answer_record records[] = { { .data = SLICE("v=spf1 -all") },
                                       { .data = SLICE("p=QUFBQQ==") },
                                       { .data = SLICE("p=QkJCQg==") } };
    struct answer answer = {
        { QUESTION_TXT, SLICE("s1._domainkey.example.org") }, ANSWER_RECORDS, 2, records, SLICE_NONE, false, NULL
    };
    answers_add(answers, &answer);
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PASS, "one key");
    world_close();
    world_open();
    answer.count = 3;
    answers_add(answers, &answer);
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PERMERROR, "two keys");
}
END_TEST

Suite *suite_auth_dkim(void);
Suite *suite_auth_dkim(void)
{
    Suite *suite = suite_create("auth_dkim");
    TCase *tests = tcase_create("dkim");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_fields, 0, sizeof(fields) / sizeof(fields[0]));
    tcase_add_loop_test(tests, test_keys, 0, sizeof(keys) / sizeof(keys[0]));
    tcase_add_loop_test(tests, test_usual_keys, 0, sizeof(wrappings) / sizeof(wrappings[0]));
    tcase_add_loop_test(tests, test_statuses, 0, sizeof(statuses) / sizeof(statuses[0]));
    tcase_add_test(tests, test_values);
    tcase_add_test(tests, test_subdomain);
    tcase_add_test(tests, test_crypto);
    tcase_add_test(tests, test_several_records);
    suite_add_tcase(suite, tests);
    return suite;
}
