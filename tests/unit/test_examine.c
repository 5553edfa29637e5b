/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_examine.c: messages signed by another implementation (dkim_fixtures.h) are read, verified and judged; then
 * each is spoilt in one way and judged again. Also what else examine finds in a header.
 */
#include "policy/examine.h"

#include "policy/auth_dkim.h"
#include "policy/auth_dkim_cover.h"
#include "tests/unit/auth_world.h"
#include "tests/unit/dkim_fixtures.h"

static struct examination *examination;

static void open_examine(void)
{
    examine_prepare();
    world_open();
    facts.arrival += INT64_C(3600000000);      /* the messages were signed within that hour */
    world_text("r1._domainkey.example.org", key_r1);
    world_text("short._domainkey.example.org", key_short);
    world_text("e1._domainkey.example.org", key_e1);
}

static void close_examine(void)
{
    examine_free(&examination);
    world_close();
}

static size_t header_length(struct slice message)
{
    for (size_t i = 0; i + 4 <= message.length; i++)
        if (memcmp(message.text + i, "\r\n\r\n", 4) == 0)
            return i + 4;
    return message.length;
}

/* The body in chunks of `chunk` bytes. */
static const struct evidence *examine(struct slice message, size_t chunk)
{
    size_t header = header_length(message);
    examination = examine_begin(&facts, NULL, slice_first(message, header), arena);
    ck_assert_int_eq(examine_keys(examination, answers), EXAMINE_READY);
    for (size_t at = header; at < message.length; at += chunk)
        examine_body(examination, slice_first(slice_from(message, at), chunk));
    examine_finish(examination);
    return examine_evidence(examination);
}

static struct dkim_outcome outcome_of(const struct evidence *evidence, size_t index)
{
    ck_assert_uint_lt(index, evidence->signatures_count);
    return auth_dkim_outcome(&evidence->signatures[index], &facts, answers, arena);
}

/* The message with `from` replaced by `to` once; "" as `from` appends. */
static struct slice changed(const char *message, const char *from, const char *to)
{
    const char *found = from[0] != 0 ? strstr(message, from) : message + strlen(message);
    ck_assert_msg(found != NULL, "no \"%s\" in the message", from);
    return arena_printf(arena, "%.*s%s%s", (int)(found - message), message, to, found + strlen(from));
}

static const struct {
    const char *name;
    const char *message;
    const char *from, *to;
    enum auth_result result;
    enum signature_crypto crypto;
} cases[] = {
    { "rsa", message_rsa_relaxed, "", "", AUTH_PASS, SIGNATURE_VERIFIED },
    { "simple", message_rsa_simple, "", "", AUTH_PASS, SIGNATURE_VERIFIED },
    { "l=", message_rsa_length, "", "", AUTH_PASS, SIGNATURE_VERIFIED },
    { "l=, more body", message_rsa_length, "", "appended\r\n", AUTH_PASS, SIGNATURE_VERIFIED },
    { "ed25519", message_ed25519, "", "", AUTH_PASS, SIGNATURE_VERIFIED },
    { "i= in d=", message_identity, "", "", AUTH_PASS, SIGNATURE_VERIFIED },
    { "no line end", message_rsa_relaxed, "Bye \r\n\r\n\r\n", "Bye", AUTH_PASS, SIGNATURE_VERIFIED },
    { "no line end, simple", message_rsa_simple, "Bye \r\n\r\n\r\n", "Bye ", AUTH_PASS, SIGNATURE_VERIFIED },
    { "body end", message_rsa_relaxed, "", "\r\n \t\r\n", AUTH_PASS, SIGNATURE_VERIFIED },
    { "white space", message_rsa_relaxed, "two  words", "two \t words", AUTH_PASS, SIGNATURE_VERIFIED },
    { "vertical tab", message_rsa_relaxed, "and a fold", "and a fold \v", AUTH_FAIL, SIGNATURE_NOT_BY_KEY },
    { "form feed", message_rsa_relaxed, "Subject:", "Subject:\f", AUTH_FAIL, SIGNATURE_NOT_BY_KEY },
    { "body, vertical tab", message_rsa_relaxed, "Bob.", "Bob. \v", AUTH_FAIL, SIGNATURE_BODY_ALTERED },
    { "body, form feed", message_rsa_relaxed, "Bye ", "Bye\f", AUTH_FAIL, SIGNATURE_BODY_ALTERED },
    { "body, both at its end", message_rsa_relaxed, "Bye \r\n", "Bye \r\n\f\v\r\n", AUTH_FAIL, SIGNATURE_BODY_ALTERED },
    { "name's case", message_rsa_relaxed, "Subject:", "SUBJECT : ", AUTH_PASS, SIGNATURE_VERIFIED },
    { "unsigned field", message_rsa_relaxed, "Received: from", "Received: by", AUTH_PASS, SIGNATURE_VERIFIED },
    { "simple, space", message_rsa_simple, "two  words", "two   words", AUTH_FAIL, SIGNATURE_NOT_BY_KEY },
    { "body", message_rsa_relaxed, "Hello", "hello", AUTH_FAIL, SIGNATURE_BODY_ALTERED },
    { "body ed25519", message_ed25519, "Bye", "bye", AUTH_FAIL, SIGNATURE_BODY_ALTERED },
    { "more body", message_rsa_relaxed, "", "appended\r\n", AUTH_FAIL, SIGNATURE_BODY_ALTERED },
    { "subject", message_rsa_relaxed, "two  words", "three words", AUTH_FAIL, SIGNATURE_NOT_BY_KEY },
    { "author", message_rsa_relaxed, "Ann Author", "Eve Author", AUTH_FAIL, SIGNATURE_NOT_BY_KEY },
    { "second From", message_rsa_relaxed, "To: bob", "From: eve@evil.example\r\nTo: bob", AUTH_FAIL,
      SIGNATURE_NOT_BY_KEY },
    { "t= changed", message_rsa_relaxed, " t=17", " t=16", AUTH_FAIL, SIGNATURE_NOT_BY_KEY },
    { "short key", message_short_key, "", "", AUTH_POLICY, SIGNATURE_VERIFIED },
    { "rsa-sha1", message_rsa_sha1, "", "", AUTH_PERMERROR, SIGNATURE_NOT_TRIED },
    { "v=2", message_rsa_relaxed, "v=1;", "v=2;", AUTH_PERMERROR, SIGNATURE_NOT_TRIED },
    { "algorithm", message_rsa_relaxed, "a=rsa-sha256", "a=ed25519-sha256", AUTH_PERMERROR, SIGNATURE_NOT_TRIED },
    { "no key", message_rsa_relaxed, "s=r1", "s=r2", AUTH_PERMERROR, SIGNATURE_NOT_TRIED },
    { "no answer", message_rsa_relaxed, "s=r1", "s=r3", AUTH_TEMPERROR, SIGNATURE_NOT_TRIED },
    { "h= without From", message_rsa_relaxed, "h=from", "h=form", AUTH_PERMERROR, SIGNATURE_NOT_TRIED },
};

START_TEST(test_cases)
{
    struct slice message = changed(cases[_i].message, cases[_i].from, cases[_i].to);
    if (strcmp(cases[_i].name, "h= without From") == 0)    /* it is there twice */
        message = changed(message.text, " : from;", " : form;");
    world_nothing(QUESTION_TXT, "r2._domainkey.example.org");
    world_failure(QUESTION_TXT, "r3._domainkey.example.org");
    const struct evidence *evidence = examine(message, 7);
    struct dkim_outcome outcome = outcome_of(evidence, 0);
    ck_assert_msg(outcome.result == cases[_i].result, "%s: %s (%.*s)", cases[_i].name, auth_result_name(outcome.result),
                  SLICE_ARG(outcome.reason));
    ck_assert_msg(evidence->signatures[0].crypto == cases[_i].crypto, "%s: crypto %d", cases[_i].name,
                  (int)evidence->signatures[0].crypto);
}
END_TEST

START_TEST(test_facts)
{
    const struct evidence *evidence = examine(slice_of_string(message_rsa_relaxed), 1000);
    const struct signature *signature = &evidence->signatures[0];
    assert_slice(signature->domain, "example.org");
    assert_slice(signature->selector, "r1");
    assert_slice(signature->algorithm, "rsa-sha256");
    assert_slice(signature->canonicalization, "relaxed/relaxed");
    assert_slice(signature->fields, "from:to:subject:date:message-id:from");
    ck_assert_uint_eq(signature->value_start.length, 8);
    ck_assert_uint_eq(signature->key_bits, 2048);
    ck_assert(signature->has_time && !signature->has_expiry && !signature->has_length);
    /* bh= of that body, as it stands in the field. */
    ck_assert_ptr_nonnull(strstr(message_rsa_relaxed, arena_string(arena, signature->body_hash)));
    ck_assert_uint_eq(signature->body_hash.length, 44);
    ck_assert_uint_eq(evidence->from_count, 1);
    ck_assert_uint_eq(evidence->author_domains_count, 1);
    assert_slice(evidence->author_domains[0], "example.org");
    assert_slice(evidence->from_text, "Ann Author <ann@example.org>");
    assert_slice(evidence->message_id, "<1@example.org>");
    ck_assert_ptr_null(evidence->subject.text);
    assert_slice(evidence->malformed, "");
    ck_assert_uint_eq(evidence->header_size, header_length(slice_of_string(message_rsa_relaxed)));
}
END_TEST

/*
 * Two signatures; one that signs the other; a malformed, an unknown and a keyless one beside good ones spoil nothing.
 */
START_TEST(test_several)
{
    const struct evidence *evidence = examine(slice_of_string(message_both), 5);
    ck_assert_uint_eq(evidence->signatures_count, 2);
    assert_result(outcome_of(evidence, 0).result, AUTH_PASS, "ed25519");
    assert_result(outcome_of(evidence, 1).result, AUTH_PASS, "rsa");
}
END_TEST

START_TEST(test_signed_signature)
{
    const struct evidence *evidence = examine(slice_of_string(message_signed_signature), 5);
    assert_result(outcome_of(evidence, 0).result, AUTH_PASS, "signs the other");
    assert_result(outcome_of(evidence, 1).result, AUTH_PASS, "signed by the other");
}
END_TEST

/* The signed signature itself is unusable, and still has to be in what the other signs. */
START_TEST(test_signed_signature_unusable)
{
    world_close();
    world_open();
    facts.arrival += INT64_C(3600000000);
    world_text("e1._domainkey.example.org", key_e1);
    world_nothing(QUESTION_TXT, "r1._domainkey.example.org");
    const struct evidence *evidence = examine(slice_of_string(message_signed_signature), 5);
    assert_result(outcome_of(evidence, 0).result, AUTH_PASS, "signs the other");
    assert_result(outcome_of(evidence, 1).result, AUTH_PERMERROR, "no key");
}
END_TEST

/* RFC 6376 3.6.1's RSAPublicKey, 1,024 bits, made for this purpose. */
#define BARE_KEY                                                                                                       \
    "p=MIGJAoGBAKgsuE7uOvF/qO7kvcbiGnn/7Estei9lxSP9A2jglTvQgg3ZlHL4qzb4r+Dn5qHutcUq/EAViEfIfVqIh1zslXraS8kXJ44+PE62O" \
    "j3iHz7Cn/M/QN7PhSS9QxLWQB3qLhKPgDkQBVKcN+waypDDYYkZ12SQT2Yj8NedoPKqLiS5AgMBAAE="

static const char *const spoilers[] = {
    "DKIM-Signature: v=1\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r1; h=from; bh=AAAA; b=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r1; h=from; bh=AAAA; b=AAAA; t=5; x=3\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=bad; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=e1; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=junk; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=junk2; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r1; h=from; bh=AAAA; b=AAAA; x=1500000000; t=1400000000\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r1; h=from; bh=AAAA; b=AAAA; t=99999999999\r\n",
    /* i= with a U-label: to libopendkim it is outside d=, and it would give up the message. */
    "DKIM-Signature: v=1; a=rsa-sha256; d=xn--bcher-kva.example; i=@b\xc3\xbc" "cher.example; s=r1; h=from; bh=AAAA; "
    "b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; q=other:dns/txt; s=r1; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v = 1; a\r\n = rsa-sha256; d =example.org; s= r1; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=bare; h=from; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r1; h=from; bh=AAAA; b=AAAA; l=99999999\r\n",
    "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=r1; h=from:dkim-signature; bh=AAAA; b=AAAA\r\n",
    "DKIM-Signature: \x80\r\n",
    "DKIM-Signature:\r\n",
    "nonsense\r\n",
    ": x\r\n",
};

START_TEST(test_spoilers)
{
    struct slice message = arena_printf(arena, "%s%s", spoilers[_i], message_both);
    world_nothing(QUESTION_TXT, "bad._domainkey.example.org");
    world_text("junk._domainkey.example.org", "v=DKIM1; p=AAAAAAAA");
    world_text("junk2._domainkey.example.org", "v=DKIM1; k=ed25519; p=AAAAAAAA");
    world_text("r1._domainkey.xn--bcher-kva.example", key_r1);
    world_text("bare._domainkey.example.org", BARE_KEY);
    const struct evidence *evidence = examine(message, 50);
    size_t count = evidence->signatures_count;
    assert_result(outcome_of(evidence, count - 2).result, AUTH_PASS, spoilers[_i]);
    assert_result(outcome_of(evidence, count - 1).result, AUTH_PASS, spoilers[_i]);
    if (count == 3)
        ck_assert_int_ne(outcome_of(evidence, 0).result, AUTH_PASS);
}
END_TEST

/* x= and t= are held against the arrival, whatever the clock says. */
START_TEST(test_times)
{
    const struct evidence *evidence = examine(slice_of_string(message_rsa_relaxed), 100);
    struct signature signature = evidence->signatures[0];
    int64_t made = signature.time;
    facts.arrival = (made - 1000) * 1000000;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_POLICY, "from the future");
    facts.arrival = (made - 100) * 1000000;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PASS, "clock skew");
    signature.has_expiry = true;
    signature.expiry = made + 100;
    facts.arrival = (made + 100) * 1000000;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_PASS, "last second");
    facts.arrival = (made + 101) * 1000000;
    assert_result(auth_dkim_outcome(&signature, &facts, answers, arena).result, AUTH_POLICY, "expired");
}
END_TEST

START_TEST(test_limit)
{
    struct slice message = slice_of_string(message_rsa_relaxed);
    const struct evidence *evidence;
    for (size_t i = 0; i < 100; i++)
        message = arena_printf(
            arena, "DKIM-Signature: v=1; a=rsa-sha256; d=d%zu.evil.example; s=s; h=from; bh=AAAA; b=AAAA\r\n%.*s", i,
            SLICE_ARG(message));
    facts.signatures_most = 3;
    examination = examine_begin(&facts, NULL, slice_first(message, header_length(message)), arena);
    ck_assert_int_eq(examine_keys(examination, answers), EXAMINE_WAITS);
    /* Two of them and the aligned one, whose key is there: though it is the last of all, it is among the 64 kept. */
    ck_assert_uint_eq(answers_missing_count(answers), 2);
    evidence = examine_evidence(examination);
    ck_assert_uint_eq(evidence->signatures_seen, 101);
    ck_assert_uint_eq(evidence->signatures_count, EVIDENCE_SIGNATURES_MOST);
    assert_result(outcome_of(evidence, 10).result, AUTH_POLICY, "beyond the limit");
    assert_slice(evidence->signatures[EVIDENCE_SIGNATURES_MOST - 1].domain, "example.org");
    assert_slice(evidence->signatures[EVIDENCE_SIGNATURES_MOST - 1].problem, "");
}
END_TEST

/* Which of too many are tried: the same domain, then above and below, then those that look related, then the first. */
static const struct {
    const char *domain;
    bool tried;
} ranks[] = {
    { "a.example", false }, { "other.news.example.org", true }, { "notexample.org", false },
    { "x.sub.example.org", true }, { "example.org", true }, { "sub.example.org", true }, { "b.example", false },
};

START_TEST(test_ranks)
{
    struct slice message = SLICE("From: ann@sub.example.org\r\n\r\n");
    size_t count = sizeof(ranks) / sizeof(ranks[0]);
    for (size_t i = count; i-- > 0;)
        message = arena_printf(arena, "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=s; h=from; bh=AAAA; b=AAAA\r\n%.*s",
                               ranks[i].domain, SLICE_ARG(message));
    facts.signatures_most = 4;
    examination = examine_begin(&facts, NULL, message, arena);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg((examine_evidence(examination)->signatures[i].problem.length == 0) == ranks[i].tried, "%s",
                      ranks[i].domain);
}
END_TEST

static const char *const no_fields[] = { NULL };
static const char *const added_subject[] = { "subject", NULL };
static const char *const added_several[] = { "to", "subject", "date", NULL };
static const char *const unsigned_mime[] = { "cc", "mime-version", "content-type", NULL };

/* Signed: from (twice), to, subject, date, message-id. */
static const struct {
    const char *before;
    const char *const *added;
    const char *const *unsigned_fields;
} covers[] = {
    { "", no_fields, no_fields },
    { "Received: x\r\nX-Other: y\r\n", no_fields, no_fields },
    { "SUBJECT : other\r\n", added_subject, no_fields },
    { "Subject: other\r\nSubject: more\r\n", added_subject, no_fields },
    { "Date: x\r\nTo: a@x.example\r\nsubject: y\r\n", added_several, no_fields },
    { "Cc: a@x.example\r\nContent-Type: text/html\r\nMIME-Version: 1.0\r\n", no_fields, unsigned_mime },
};

static uint32_t bits_of(const char *const *names)
{
    uint32_t bits = 0;
    for (; *names != NULL; names++) {
        ck_assert_uint_ne(auth_dkim_field_bit(slice_of_string(*names)), 0);
        bits |= auth_dkim_field_bit(slice_of_string(*names));
    }
    return bits;
}

/* Fields put above the signed ones leave the signature valid (RFC 6376 8.15), and are named. */
START_TEST(test_fields_covered)
{
    struct slice message = arena_printf(arena, "%s%s", covers[_i].before, message_rsa_relaxed);
    const struct evidence *evidence = examine(message, 100);
    assert_result(outcome_of(evidence, 0).result, AUTH_PASS, covers[_i].before);
    ck_assert_uint_eq(evidence->signatures[0].fields_added, bits_of(covers[_i].added));
    ck_assert_uint_eq(evidence->signatures[0].fields_unsigned, bits_of(covers[_i].unsigned_fields));
}
END_TEST

/* The body is "Hello, Bob.", an empty line, "Bye": 20 bytes when relaxed, 22 when simple; two empty lines end it. */
static const struct {
    const char *message;
    const char *appended;
    uint64_t size, covered;
} bodies[] = {
    { message_rsa_length, "", 20, 20 },
    { message_rsa_length, " \t\r\n\r\n", 20, 20 },
    { message_rsa_length, "more  \t text \r\n", 20 + 4 + 11, 20 },
    { message_rsa_relaxed, "", 20, 20 },
    { message_rsa_relaxed, "more\r\n", 30, 30 },
    { message_rsa_simple, "", 22, 22 },
    { message_rsa_simple, "\r\nmore\r\n", 34, 34 },
};

START_TEST(test_body_covered)
{
    const struct evidence *evidence = examine(changed(bodies[_i].message, "", bodies[_i].appended), 3);
    ck_assert(evidence->signatures[0].has_body);
    ck_assert_uint_eq(evidence->signatures[0].body_size, bodies[_i].size);
    ck_assert_uint_eq(evidence->signatures[0].body_covered, bodies[_i].covered);
}
END_TEST

/* The aligned one is tried first, wherever it stands. */
START_TEST(test_aligned_first)
{
    struct slice message = slice_of_string(message_rsa_relaxed);
    for (size_t i = 0; i < 20; i++)
        message = arena_printf(
            arena, "DKIM-Signature: v=1; a=rsa-sha256; d=d%zu.evil.example; s=s; h=from; bh=AAAA; b=AAAA\r\n%.*s", i,
            SLICE_ARG(message));
    facts.signatures_most = 1;
    const struct evidence *evidence = examine(message, 100);
    assert_result(outcome_of(evidence, 20).result, AUTH_PASS, "aligned");
}
END_TEST

START_TEST(test_waits)
{
    world_close();
    world_open();
    struct slice message = slice_of_string(message_both);
    examination = examine_begin(&facts, NULL, slice_first(message, header_length(message)), arena);
    ck_assert_int_eq(examine_keys(examination, answers), EXAMINE_WAITS);
    ck_assert(world_misses(QUESTION_TXT, "r1._domainkey.example.org"));
    ck_assert(world_misses(QUESTION_TXT, "e1._domainkey.example.org"));
    ck_assert_int_eq(outcome_of(examine_evidence(examination), 0).result, AUTH_PENDING);
}
END_TEST

static const struct {
    const char *header;
    const char *malformed;
    size_t authors;
    uint64_t oddities;
} headers[] = {
    { "From: a@x.example\r\n\r\n", "", 1, 0 },
    { "To: a@x.example\r\n\r\n", "no From", 0, ODDITY_BIT(ODDITY_NO_FROM) },
    { "Sender: a@x.example\r\n\r\n", "no From", 0, ODDITY_BIT(ODDITY_NO_FROM) | ODDITY_BIT(ODDITY_SENDER_IN_PLACE) },
    { "Resent-From: a@x.example\r\n\r\n", "no From", 0,
      ODDITY_BIT(ODDITY_NO_FROM) | ODDITY_BIT(ODDITY_RESENT_FROM_IN_PLACE) },
    { "\r\n", "no From", 0, ODDITY_BIT(ODDITY_NO_HEADER) | ODDITY_BIT(ODDITY_NO_FROM) },
    { "From: a@x.example\r\nFrom: b@y.example\r\nSender: a@x.example\r\n\r\n", "several From fields", 2,
      ODDITY_BIT(ODDITY_SECOND_FROM) },
    { "From: a@x.example\r\nfrom : b@y.example\r\nsender:\r\n\r\n", "space before the colon", 2,
      ODDITY_BIT(ODDITY_SECOND_FROM) | ODDITY_BIT(ODDITY_SPACE_BEFORE_COLON) },
    { "From: a@x.example, b@Y.example, c@x.example\r\nSender: a@x.example\r\n\r\n", "", 2, 0 },
    { "From: a@x.example, b@Y.example, c@x.example\r\n\r\n", "", 2, ODDITY_BIT(ODDITY_NO_SENDER) },
    { " x\r\nFrom: a@x.example\r\n\r\n", "header begins with a folded line", 1, ODDITY_BIT(ODDITY_BEGINS_FOLDED) },
    { "From: a@x.example <b@y.example>\r\nSender:\r\n\r\n", "several @ in one address", 2,
      ODDITY_BIT(ODDITY_SEVERAL_AT) },
    { "From: a@x.example\r\n \r\n\r\n", "folded line of blanks only within From", 1,
      ODDITY_BIT(ODDITY_BLANK_LINE) | ODDITY_BIT(ODDITY_FROM_BLANK_LINE) },
    { "From: \"\x01\" <a@x.example>\r\n\r\n", "control character within From", 1,
      ODDITY_BIT(ODDITY_CONTROL) | ODDITY_BIT(ODDITY_FROM_CONTROL) },
    { "From: J\xf6rg <a@x.example>\r\n\r\n", "bytes within From that are not UTF-8", 1,
      ODDITY_BIT(ODDITY_NOT_UTF8) | ODDITY_BIT(ODDITY_FROM_NOT_UTF8) },
    { "Subject: J\xf6rg\x01\r\nFrom: J\xc3\xb6rg <a@x.example>\r\n\r\n", "", 1,
      ODDITY_BIT(ODDITY_NOT_UTF8) | ODDITY_BIT(ODDITY_CONTROL) },
    { "From: a@-.example.\r\nFrom: b@x_$.example\r\nSender:\r\n\r\n", "several From fields", 1,
      ODDITY_BIT(ODDITY_SECOND_FROM) | ODDITY_BIT(ODDITY_INVALID_DOMAIN) },
    { "From: b@x$.example\r\n\r\n", "invalid domain: a label has a character that no domain has", 0,
      ODDITY_BIT(ODDITY_INVALID_DOMAIN) },
};

START_TEST(authors_are_found)
{
    examination = examine_begin(&facts, NULL, slice_of_string(headers[_i].header), arena);
    const struct evidence *evidence = examine_evidence(examination);
    assert_slice(evidence->malformed, headers[_i].malformed);
    ck_assert_uint_eq(evidence->author_domains_count, headers[_i].authors);
    ck_assert_uint_eq(evidence->oddities, headers[_i].oddities);
}
END_TEST

/* More domains than are judged: it is said, and refused. */
START_TEST(many_authors_are_too_many)
{
    struct slice value = SLICE("a@x.example");
    for (size_t i = 0; i < EVIDENCE_AUTHORS_MOST; i++)
        value = arena_printf(arena, "%.*s, a@d%zu.example", SLICE_ARG(value), i);
    struct slice header = arena_printf(arena, "From: %.*s\r\nSender: a@x.example\r\n\r\n", SLICE_ARG(value));
    examination = examine_begin(&facts, NULL, header, arena);
    const struct evidence *evidence = examine_evidence(examination);
    ck_assert_uint_eq(evidence->author_domains_count, EVIDENCE_AUTHORS_MOST);
    ck_assert_uint_eq(evidence->mailbox_count, EVIDENCE_AUTHORS_MOST + 1);
    ck_assert_uint_eq(evidence->oddities, ODDITY_BIT(ODDITY_TOO_MANY));
    assert_slice(evidence->malformed, "too many authors");
}
END_TEST

START_TEST(authors_have_both_forms)
{
    examination = examine_begin(&facts, NULL, SLICE("From: a@x.example, b@B\xc3\xbc" "cher.example,\r\n"
                                                    " c@xn--bcher-kva.example\r\nSender: a@x.example\r\n\r\n"), arena);
    const struct evidence *evidence = examine_evidence(examination);
    ck_assert_uint_eq(evidence->author_domains_count, 2);
    assert_slice(evidence->author_domains[1], "xn--bcher-kva.example");
    assert_slice(evidence->author_unicode[0], "");
    assert_slice(evidence->author_unicode[1], "b\xc3\xbc" "cher.example");
    ck_assert_uint_eq(evidence->oddities, ODDITY_BIT(ODDITY_8BIT_DOMAIN));
}
END_TEST

START_TEST(test_removed)
{
    const char *header = "Authentication-Results: other.example; spf=pass\r\nFrom: a@x.example\r\n"
                         "authentication-results :\r\n (c) \"MX.example.net\" 1;\r\n spf=pass\r\n\r\n";
    size_t count;
    examination = examine_begin(&facts, NULL, slice_of_string(header), arena);
    const struct removed_field *removed = examine_removed(examination, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_eq(header + removed[0].offset, strstr(header, "authentication"));
    ck_assert_uint_eq(removed[0].length, strlen(header) - removed[0].offset - 2);
    assert_slice(removed[0].name, "authentication-results");
}
END_TEST

Suite *suite_examine(void);
Suite *suite_examine(void)
{
    Suite *suite = suite_create("examine");
    TCase *tests = tcase_create("messages");
    tcase_add_checked_fixture(tests, open_examine, close_examine);
    tcase_add_loop_test(tests, test_cases, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_loop_test(tests, test_spoilers, 0, sizeof(spoilers) / sizeof(spoilers[0]));
    tcase_add_loop_test(tests, authors_are_found, 0, sizeof(headers) / sizeof(headers[0]));
    tcase_add_test(tests, many_authors_are_too_many);
    tcase_add_test(tests, authors_have_both_forms);
    tcase_add_test(tests, test_facts);
    tcase_add_test(tests, test_several);
    tcase_add_test(tests, test_signed_signature);
    tcase_add_test(tests, test_signed_signature_unusable);
    tcase_add_test(tests, test_times);
    tcase_add_test(tests, test_limit);
    tcase_add_test(tests, test_ranks);
    tcase_add_loop_test(tests, test_fields_covered, 0, sizeof(covers) / sizeof(covers[0]));
    tcase_add_loop_test(tests, test_body_covered, 0, sizeof(bodies) / sizeof(bodies[0]));
    tcase_add_test(tests, test_aligned_first);
    tcase_add_test(tests, test_waits);
    tcase_add_test(tests, test_removed);
    suite_add_tcase(suite, tests);
    return suite;
}
