/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fields_dkim.c: which signature is the best, and what rules see of it. Signatures are made by hand; expectations
 * are mxward.rules(5)'s words.
 */
#include "policy/auth_dkim_cover.h"
#include "policy/fields_private.h"
#include "tests/unit/auth_world.h"

#define SIGNATURES_MOST 4

static struct evidence evidence;
static struct findings findings;
static struct field_context context;
static struct signature signatures[SIGNATURES_MOST];
static struct dkim_outcome outcomes[SIGNATURES_MOST];

static void open_fields(void)
{
    world_open();
    evidence = (struct evidence){ .signatures = signatures };
    findings = (struct findings){ .dkim = outcomes, .dmarc.result = AUTH_PASS };
    context = (struct field_context){ .facts = &facts, .evidence = &evidence, .findings = &findings, .arena = arena };
}

/* A signature over 100 bytes of body, by a key of 2,048 bits. */
static struct signature *add(const char *domain, enum auth_result result, bool aligned)
{
    size_t i = evidence.signatures_count++;
    ck_assert_uint_lt(i, SIGNATURES_MOST);
    findings.dkim_count = evidence.signatures_seen = (uint32_t)evidence.signatures_count;
    signatures[i] = (struct signature){
        .domain = slice_of_string(domain), .selector = SLICE("s1"), .algorithm = SLICE("rsa-sha256"),
        .key_bits = 2048, .has_body = true, .body_size = 100, .body_covered = 100,
    };
    outcomes[i] = (struct dkim_outcome){ .result = result, .aligned = aligned };
    if (result != AUTH_PASS)
        outcomes[i].reason = SLICE("because");
    return &signatures[i];
}

static void assert_field(struct value (*read)(void *, struct slice, struct arena *), const char *expected)
{
    struct value value = read(&context, SLICE_NONE, arena);
    ck_assert_int_ne(value.state, VALUE_UNKNOWN);
    assert_slice(value_print(&value, arena), expected);
}

static void assert_unknown(struct value (*read)(void *, struct slice, struct arena *))
{
    ck_assert_int_eq(read(&context, SLICE_NONE, arena).state, VALUE_UNKNOWN);
}

/* Signs only the first bytes. */
static void start(struct signature *signature, uint64_t length)
{
    signature->has_length = true;
    signature->length = signature->body_covered = length;
}

START_TEST(test_none)
{
    assert_field(field_dkim_whole, "no");
    assert_field(field_dkim_tried, "0");
    assert_field(field_dkim_reason, "absent");
    assert_field(field_dkim_signatures, "absent");
    assert_field(field_dkim_best_domain, "absent");
    assert_field(field_dkim_best_identity, "absent");
    assert_field(field_dkim_best_bits, "absent");
    assert_field(field_dkim_best_aligned, "no");
    assert_field(field_dkim_best_uncovered, "absent");
    assert_field(field_dkim_best_added, "absent");
}
END_TEST

START_TEST(test_properties)
{
    struct signature *signature = add("a.example", AUTH_PASS, true);
    int64_t now = facts.arrival / 1000000;
    start(signature, 60);
    signature->fields_added = auth_dkim_field_bit(SLICE("Subject")) | auth_dkim_field_bit(SLICE("date"));
    signature->fields_unsigned = auth_dkim_field_bit(SLICE("reply-to"));
    signature->has_time = signature->has_expiry = true;
    signature->time = now - 7;
    signature->expiry = now - 2;
    outcomes[0].test_key = true;
    assert_field(field_dkim_tried, "1");
    assert_field(field_dkim_whole, "no");
    assert_field(field_dkim_best_domain, "a.example");
    assert_field(field_dkim_best_selector, "s1");
    assert_field(field_dkim_best_identity, "@a.example");
    assert_field(field_dkim_best_algorithm, "rsa-sha256");
    assert_field(field_dkim_best_bits, "2048");
    assert_field(field_dkim_best_aligned, "yes");
    assert_field(field_dkim_best_test, "yes");
    assert_field(field_dkim_best_reason, "absent");
    assert_field(field_dkim_best_age, "7000");
    assert_field(field_dkim_best_expires, "-2000");
    assert_field(field_dkim_best_covered, "60");
    assert_field(field_dkim_best_uncovered, "40");
    assert_field(field_dkim_best_added, "subject, date");
    assert_field(field_dkim_best_unsigned, "reply-to");
    signature->identity = SLICE("x@b.a.example");
    assert_field(field_dkim_best_identity, "x@b.a.example");
}
END_TEST

START_TEST(test_failing)
{
    add("a.example", AUTH_FAIL, true);
    add("b.example", AUTH_PERMERROR, true)->problem = SLICE("d= missing");
    assert_field(field_dkim_tried, "1");
    assert_field(field_dkim_whole, "no");
    assert_field(field_dkim_best_domain, "a.example");
    assert_field(field_dkim_best_reason, "because");
    assert_field(field_dkim_reason, "because, because");
}
END_TEST

/* What is told of each; nothing that a signer writes stands before what was found out. */
START_TEST(test_lines)
{
    struct signature *signature = add("a.example", AUTH_PASS, true);
    assert_field(field_dkim_signatures, "pass aligned=yes test=no bits=2048 covered=100/100 d=a.example s=s1"
                                        " a=rsa-sha256 t=none x=none l=none i= h=");
    start(signature, 60);
    signature->has_time = signature->has_expiry = true;
    signature->time = 1763799000;
    signature->expiry = 1763799001;
    signature->identity = SLICE("x@b.a.example");
    signature->fields = SLICE("from:to");
    outcomes[0].test_key = true;
    signature = add("b.example", AUTH_PERMERROR, false);
    signature->has_body = false;
    signature->key_bits = 0;
    assert_field(field_dkim_signatures,
                 "pass aligned=yes test=yes bits=2048 covered=60/100 d=a.example s=s1 a=rsa-sha256"
                 " t=1763799000 x=1763799001 l=60 i=x@b.a.example h=from:to, "
                 "permerror aligned=no test=no bits=0 covered=unknown d=b.example s=s1 a=rsa-sha256"
                 " t=none x=none l=none i= h= (because)");
    outcomes[1].result = AUTH_TEMPERROR;
    assert_unknown(field_dkim_signatures);
    outcomes[1].result = AUTH_FAIL;
    findings.dmarc.result = AUTH_TEMPERROR;
    assert_unknown(field_dkim_signatures);
}
END_TEST

/* Each step outweighs all that come after it. */
START_TEST(test_order)
{
    struct signature *passes, *aligned, *body;
    add("fails.example", AUTH_FAIL, true);
    assert_field(field_dkim_best_domain, "fails.example");
    passes = add("passes.example", AUTH_PASS, false);
    passes->key_bits = 1024;
    start(passes, 0);
    passes->fields_added = 1;
    assert_field(field_dkim_best_domain, "passes.example");
    aligned = add("aligned.example", AUTH_PASS, true);
    start(aligned, 0);
    aligned->key_bits = 1024;
    aligned->fields_added = 1;
    outcomes[2].test_key = true;
    assert_field(field_dkim_best_domain, "aligned.example");
    body = add("body.example", AUTH_PASS, true);
    body->key_bits = 1024;
    body->fields_added = 1;
    outcomes[3].test_key = true;
    assert_field(field_dkim_best_domain, "body.example");
    assert_field(field_dkim_whole, "no");
    start(aligned, 100);
    aligned->fields_added = 0;
    assert_field(field_dkim_best_domain, "aligned.example");
    assert_field(field_dkim_whole, "yes");
    body->fields_added = 0;
    outcomes[3].test_key = false;
    assert_field(field_dkim_best_domain, "body.example");
    outcomes[2].test_key = false;
    aligned->key_bits = 2048;
    assert_field(field_dkim_best_domain, "aligned.example");
}
END_TEST

/* A signature whose key could not be fetched might be better, unless nothing can be. */
START_TEST(test_unknown)
{
    struct signature *signature = add("a.example", AUTH_PASS, true);
    add("b.example", AUTH_TEMPERROR, true);
    assert_field(field_dkim_whole, "yes");
    assert_field(field_dkim_best_domain, "a.example");
    signature->fields_added = 1;
    assert_unknown(field_dkim_whole);
    assert_unknown(field_dkim_best_domain);
    assert_unknown(field_dkim_best_added);
    assert_unknown(field_dkim_best_uncovered);
    outcomes[1].result = AUTH_FAIL;
    assert_field(field_dkim_whole, "no");
    /* Whether it aligns is not known for sure either. */
    findings.dmarc.result = AUTH_TEMPERROR;
    assert_unknown(field_dkim_whole);
    signature->fields_added = 0;
    assert_field(field_dkim_whole, "yes");
    outcomes[0].aligned = false;
    assert_unknown(field_dkim_best_aligned);
}
END_TEST

/* RFC 6376 3.4.3, 3.4.4: what of a body is hashed. */
static const struct {
    const char *body;
    uint64_t simple, relaxed;
} bodies[] = {
    { "", 2, 0 },
    { "\r\n", 2, 0 },
    { "\r\n\r\n", 2, 0 },
    { " \t\r\n", 4, 0 },
    { "a", 3, 3 },
    { "a\r\n", 3, 3 },
    { "a\r\n\r\n\r\n", 3, 3 },
    { "a \t b \r\n", 8, 5 },
    { "\r\n\r\na\r\n", 7, 7 },
    { " a\r\n\tb\r\n \r\n", 11, 8 },
    { "a \r\n \r\nb\r\n", 10, 8 },
    { "a\rb\r\n", 5, 5 },
    { "a\r", 4, 4 },
};

START_TEST(test_body_sizes)
{
    size_t length = strlen(bodies[_i].body);
    for (size_t chunk = 1; chunk <= length + 1; chunk++) {
        struct auth_dkim_body simple, relaxed;
        auth_dkim_body_start(&simple, false);
        auth_dkim_body_start(&relaxed, true);
        for (size_t at = 0; at < length; at += chunk) {
            struct slice part = slice_first(slice_from(slice_of_string(bodies[_i].body), at), chunk);
            auth_dkim_body_add(&simple, part);
            auth_dkim_body_add(&relaxed, part);
        }
        ck_assert_uint_eq(auth_dkim_body_size(&simple), bodies[_i].simple);
        ck_assert_uint_eq(auth_dkim_body_size(&relaxed), bodies[_i].relaxed);
    }
}
END_TEST

Suite *suite_fields_dkim(void);
Suite *suite_fields_dkim(void)
{
    Suite *suite = suite_create("fields_dkim");
    TCase *tests = tcase_create("fields");
    tcase_add_checked_fixture(tests, open_fields, world_close);
    tcase_add_test(tests, test_none);
    tcase_add_test(tests, test_properties);
    tcase_add_test(tests, test_failing);
    tcase_add_test(tests, test_lines);
    tcase_add_test(tests, test_order);
    tcase_add_test(tests, test_unknown);
    tcase_add_loop_test(tests, test_body_sizes, 0, sizeof(bodies) / sizeof(bodies[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
