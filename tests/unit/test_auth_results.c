/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_auth_results.c: RFC 8601 2.2 and 5, RFC 7208 9.1, RFC 5321 4.4: the fields as they are added, whatever
 * strangers put into them; and which Authentication-Results are forged.
 */
#include "policy/auth_results.h"
#include "policy/auth_results_parse.h"

#include "tests/unit/auth_world.h"

static struct signature signatures[1];
static struct dkim_outcome dkim[1];
static struct evidence evidence;
static struct findings findings;

static void open_results(void)
{
    world_open();
    signatures[0] = (struct signature){
        .domain = SLICE("example.org"),
        .selector = SLICE("s1"),
        .identity = SLICE("@example.org"),
        .algorithm = SLICE("rsa-sha256"),
        .value_start = SLICE("ab+/cd=="),
        .key_bits = 2048,
    };
    dkim[0] = (struct dkim_outcome){ .result = AUTH_FAIL, .reason = SLICE("body altered") };
    evidence = (struct evidence){ .signatures = signatures, .signatures_count = 1 };
    findings = (struct findings){
        .iprev = { AUTH_PASS, SLICE("client.example.org"), SLICE("client.example.org") },
        .spf = { .result = AUTH_PASS,
                 .domain = SLICE("example.org"),
                 .reason = SLICE("a in the record of example.org") },
        .spf_helo = { .result = AUTH_NONE },
        .dkim = dkim,
        .dkim_count = 1,
        .has_message = true,
        .dmarc = { .result = AUTH_FAIL,
                   .author_domain = SLICE("example.org"),
                   .published = DMARC_POLICY_REJECT,
                   .policy = DMARC_POLICY_QUARANTINE,
                   .test_mode = true,
                   .reason = SLICE("no aligned identifier passes") },
    };
}

static struct slice unfolded(struct slice text)
{
    char *copy = arena_alloc(arena, text.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] == '\r')
            i++;
        else
            copy[length++] = text.text[i] == '\t' ? ' ' : text.text[i];
    return slice_of(copy, length);
}

static void check_form(struct slice text)
{
    struct slice rest = text;
    ck_assert(slice_ends_with_nocase(text, SLICE("\r\n")));
    while (rest.length > 0) {
        struct slice line = slice_cut(&rest, '\n');
        ck_assert_uint_le(line.length, 999);
        ck_assert(line.length > 1 && line.text[line.length - 1] == '\r');
        ck_assert(rest.length == 0 || rest.text[0] == '\t');
        for (size_t i = 0; i + 1 < line.length; i++)
            ck_assert((line.text[i] >= ' ' && line.text[i] <= '~') || line.text[i] == '\t');
    }
}

START_TEST(test_field)
{
    struct added_field field = auth_results_field(&facts, &evidence, &findings, arena);
    check_form(field.text);
    assert_slice(field.name, "Authentication-Results");
    assert_slice(
        unfolded(field.text),
        "Authentication-Results: mx.example.net; iprev=pass (client.example.org) policy.iprev=192.0.2.1;"
        " spf=pass (a in the record of example.org) smtp.mailfrom=ann@example.org;"
        " spf=none smtp.helo=client.example.org;"
        " dkim=fail (2048-bit key) reason=\"body altered\" header.d=example.org header.i=@example.org header.s=s1"
        " header.a=rsa-sha256 header.b=\"ab+/cd==\"; dmarc=fail (p=reject t=y) reason=\"no aligned identifier passes\""
        " header.from=example.org policy.dmarc=quarantine; arc=none");
}
END_TEST

/* RFC 8601 2.7.4. Of one's own user: not the name, and nothing of where it is. */
START_TEST(test_field_of_user)
{
    facts.authenticated = true;
    facts.auth_user = SLICE("ann");
    assert_slice(unfolded(auth_results_field(&facts, &evidence, &findings, arena).text),
                 "Authentication-Results: mx.example.net; auth=pass; dkim=fail (2048-bit key) reason=\"body altered\""
                 " header.d=example.org header.i=@example.org header.s=s1 header.a=rsa-sha256"
                 " header.b=\"ab+/cd==\"; arc=none");
}
END_TEST

START_TEST(test_field_without_signatures)
{
    evidence.signatures_count = findings.dkim_count = 0;
    facts.sender = SLICE("");
    struct slice text = unfolded(auth_results_field(&facts, &evidence, &findings, arena).text);
    ck_assert_ptr_nonnull(strstr(text.text, "; dkim=none; dmarc="));
    ck_assert_ptr_nonnull(strstr(text.text, " smtp.mailfrom=postmaster@client.example.org;"));
    findings.has_message = false;
    text = unfolded(auth_results_field(&facts, NULL, &findings, arena).text);
    ck_assert_ptr_null(strstr(text.text, "dkim"));
}
END_TEST

START_TEST(test_received_spf)
{
    struct added_field field = auth_results_received_spf(&facts, &findings, arena);
    check_form(field.text);
    assert_slice(
        unfolded(field.text),
        "Received-SPF: pass (mx.example.net: ann@example.org permits 192.0.2.1) client-ip=192.0.2.1;"
        " envelope-from=\"ann@example.org\"; helo=client.example.org; identity=mailfrom; receiver=mx.example.net;");
}
END_TEST

START_TEST(test_received)
{
    struct facts_recipient recipients[] = { { .path = SLICE("bob@example.net") },
                                            { .path = SLICE("eve@example.net") } };
    facts.recipients = recipients;
    facts.recipients_count = 1;
    struct added_field field = auth_results_received(&facts, &findings, arena);
    check_form(field.text);
    assert_slice(
        unfolded(field.text),
        "Received: from client.example.org (client.example.org [192.0.2.1]) by mx.example.net with ESMTP id 6abc-1"
        " for <bob@example.net>; Sun, 22 Nov 2026 06:15:12 +0000");
    facts.recipients_count = 2;
    facts.tls = true;
    facts.tls_version = SLICE("TLSv1.3");
    facts.tls_cipher = SLICE("TLS_AES_256_GCM_SHA384");
    facts.tls_bits = 256;
    findings.iprev.result = AUTH_FAIL;
    world_address("2001:db8::1");
    assert_slice(unfolded(auth_results_received(&facts, &findings, arena).text),
                 "Received: from client.example.org ([IPv6:2001:db8::1]) by mx.example.net with ESMTPS"
                 " (TLSv1.3 cipher TLS_AES_256_GCM_SHA384 bits 256) id 6abc-1; Sun, 22 Nov 2026 06:15:12 +0000");
}
END_TEST

/* RFC 3848, RFC 6531 4.3. */
static const struct { bool esmtp, tls, smtputf8; const char *with; bool authenticated; } protocols[] = {
    { false, false, false, " with SMTP ", false },    { true, false, false, " with ESMTP ", false },
    { true, true, false, " with ESMTPS ", false },    { false, false, true, " with UTF8SMTP ", false },
    { true, true, true, " with UTF8SMTPS ", false },  { true, true, false, " with ESMTPSA ", true },
    { true, false, false, " with ESMTPA ", true },    { true, true, true, " with UTF8SMTPSA ", true },
    { false, true, false, " with SMTP ", true },
};

START_TEST(test_received_with)
{
    facts.esmtp = protocols[_i].esmtp;
    facts.tls = protocols[_i].tls;
    facts.smtputf8 = protocols[_i].smtputf8;
    facts.authenticated = protocols[_i].authenticated;
    struct slice text = unfolded(auth_results_received(&facts, &findings, arena).text);
    ck_assert_msg(strstr(arena_string(arena, text), protocols[_i].with) != NULL, "%.*s", SLICE_ARG(text));
}
END_TEST

/* RFC 5322 3.4.1: what is in brackets goes on to the one that closes, over all that is in between. */
static const struct { const char *helo, *from; } brackets[] = {
    { "[192.0.2.1]", "Received: from [192.0.2.1] (" },
    { "[IPv6:2001:db8::1]", "Received: from [IPv6:2001:db8::1] (" },
    { "[", "Received: from unknown (" },
    { "[mail.example.org", "Received: from unknown (" },
    { "mail[.example.org", "Received: from unknown (" },
    { "]mail.example.org", "Received: from unknown (" },
};

START_TEST(test_received_brackets)
{
    facts.helo = slice_of_string(brackets[_i].helo);
    struct slice text = unfolded(auth_results_received(&facts, &findings, arena).text);
    ck_assert_msg(slice_starts_with(text, slice_of_string(brackets[_i].from)), "%.*s", SLICE_ARG(text));
}
END_TEST

static const struct {
    int64_t seconds;
    const char *text;
} dates[] = {
    { 0, "Thu, 1 Jan 1970 00:00:00 +0000" },
    { 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
    { 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
    { 1709251199, "Thu, 29 Feb 2024 23:59:59 +0000" },
    { 1735689599, "Tue, 31 Dec 2024 23:59:59 +0000" },
    { 4107542400, "Mon, 1 Mar 2100 00:00:00 +0000" },
};

START_TEST(test_dates)
{
    facts.arrival = dates[_i].seconds * 1000000 + 999999;
    struct slice text = unfolded(auth_results_received(&facts, &findings, arena).text);
    ck_assert_msg(slice_ends_with_nocase(text, slice_of_string(dates[_i].text)), "%.*s", SLICE_ARG(text));
}
END_TEST

/* Whatever strangers say, each is one well-formed field. */
START_TEST(test_hostile)
{
    struct facts_recipient recipient = { .path = SLICE("\"a\r\nb\"@x") };
    const char evil[] = "x\r\nBcc: eve@evil.example\r\n\r\n(\\\")\x80\x00;=";
    facts.helo = facts.sender = slice_of(evil, sizeof(evil) - 1);
    facts.recipients = &recipient;
    facts.recipients_count = 1;
    findings.iprev.name = findings.iprev.reverse_name = facts.helo;
    findings.spf.reason = signatures[0].identity = signatures[0].value_start = facts.helo;
    findings.spf.result = AUTH_PERMERROR;
    dkim[0].reason = facts.helo;
    findings.dmarc.author_domain = facts.helo;
    check_form(auth_results_field(&facts, &evidence, &findings, arena).text);
    check_form(auth_results_received_spf(&facts, &findings, arena).text);
    check_form(auth_results_received(&facts, &findings, arena).text);
    struct added_field tag = auth_results_tag(SLICE("X-Tag"), facts.helo, arena);
    check_form(tag.text);
    ck_assert(slice_starts_with(tag.text, SLICE("X-Tag: x??Bcc: eve@evil.example")));
}
END_TEST

START_TEST(test_tag)
{
    assert_slice(auth_results_tag(SLICE("X-Spam"), SLICE("yes, score 7"), arena).text, "X-Spam: yes, score 7\r\n");
    assert_slice(auth_results_tag(SLICE("X-Spam"), SLICE(""), arena).text, "X-Spam:\r\n");
    char text[2500];
    memset(text, 'y', sizeof(text));
    check_form(auth_results_tag(SLICE("X-Spam"), slice_of(text, sizeof(text)), arena).text);
}
END_TEST

static const struct {
    const char *value;
    bool ours;
} forged[] = {
    { " mx.example.net; spf=pass", true },
    { "mx.example.net", true },
    { " MX.Example.NET 1; none", true },
    { " mx.example.net/1; none", true },
    { "\r\n\t(comment (nested \\) ) )\r\n mx.example.net(c);none", true },
    { " \"mx.example.net\"; none", true },
    { " \"mx.\\e\\xample.net\" 99; none", true },
    { "\tmx.example.net\r\n\t; none", true },
    { " mx.example.net 2", true },
    { " mx.example.net\"\"; spf=pass", true },
    { " \"\" mx. \"\" example.net \"\"; spf=pass", true },
    { " other.example; spf=pass", false },
    { " mx.example.net.evil.example; spf=pass", false },
    { " mx.example.ne; spf=pass", false },
    { " notmx.example.net; spf=pass", false },
    { " other.example; x=mx.example.net", false },
    { " (mx.example.net) other.example; none", false },
    { " (mx.example.net; none", false },
    { " \"mx.example.net x\"; none", false },
    { "", false },
    { " ; none", false },
};

START_TEST(test_forged)
{
    bool ours = auth_results_is_from(slice_of_string(forged[_i].value), facts.authserv_id, arena);
    ck_assert_msg(ours == forged[_i].ours, "%s", forged[_i].value);
}
END_TEST

/* U-labels for A-labels, in any case and in pieces; the name may be configured in either form. */
static const struct {
    const char *value;
    bool ours;
} international[] = {
    { " xn--bcher-kva.example.xn--p1ai; none", true },
    { " b\xc3\xbc" "cher.example.xn--p1ai; none", true },
    { " xn--bcher-kva.example.\xd1\x80\xd1\x84; none", true },
    { " B\xc3\x9c(x) CHER\"\" . eXample.\xd0\xa0\xd1\x84. 1; none", true },
    { " b\xc3\xbc" "chen.example.xn--p1ai; none", false },
    { " bucher.example.xn--p1ai; none", false },
    { " b\xc3\xbc" "cher.example; none", false },
    { " b\xc3\xbc" "cher.example.xn--p1ai.example; none", false },
    { " example.xn--p1ai; none", false },
    { " \xff\xfe.example.xn--p1ai; none", false },
};

START_TEST(test_forged_international)
{
    static const char *const names[] = {
        "xn--bcher-kva.example.xn--p1ai", "b\xc3\xbc" "cher.example.\xd1\x80\xd1\x84",
    };
    for (size_t i = 0; i < 2; i++) {
        bool ours = auth_results_is_from(slice_of_string(international[_i].value), slice_of_string(names[i]), arena);
        ck_assert_msg(ours == international[_i].ours, "%s", international[_i].value);
    }
}
END_TEST

/* Memory is a bound for work as well: whatever is copied or converted is put into the arena. */
#define LONG_VALUE 240000

static const struct {
    const char *start;
    const char *repeated;
    size_t most;                   /* bytes of memory for LONG_VALUE bytes */
} costly[] = {
    { " mx.example.org; ", "\"", LONG_VALUE },
    { " mx.example.org; spf=pass ", "\" \" ", LONG_VALUE },
    { " mx.example.org; ", "a=b x=\"\"; ", 100 * LONG_VALUE },
    { " mx.example.org", ";a=b", 2 * LONG_VALUE },
    { " \xc3\xa9. ", "\xc3\xa9. ", LONG_VALUE },
    { " ", "\xc3\xa9\"\" ", LONG_VALUE },
};

START_TEST(test_costly)
{
    char *text = arena_alloc(arena, LONG_VALUE);
    size_t length = strlen(costly[_i].start), repeated = strlen(costly[_i].repeated);
    struct auth_results results;

    memcpy(text, costly[_i].start, length);
    for (; length + repeated <= LONG_VALUE; length += repeated)
        memcpy(text + length, costly[_i].repeated, repeated);
    size_t before = arena_used(arena);
    auth_results_parse(slice_of(text, length), arena, &results);
    ck_assert(!auth_results_is_from(slice_of(text, length), SLICE("mx.xn--bcher-kva.example"), arena));
    ck_assert_uint_le(arena_used(arena) - before, costly[_i].most);
}
END_TEST

Suite *suite_auth_results(void);
Suite *suite_auth_results(void)
{
    Suite *suite = suite_create("auth_results");
    TCase *tests = tcase_create("fields");
    tcase_add_checked_fixture(tests, open_results, world_close);
    tcase_add_test(tests, test_field);
    tcase_add_test(tests, test_field_of_user);
    tcase_add_test(tests, test_field_without_signatures);
    tcase_add_test(tests, test_received_spf);
    tcase_add_loop_test(tests, test_received_with, 0, 5);
    tcase_add_loop_test(tests, test_received_brackets, 0, sizeof brackets / sizeof brackets[0]);
    tcase_add_test(tests, test_received);
    tcase_add_loop_test(tests, test_dates, 0, sizeof(dates) / sizeof(dates[0]));
    tcase_add_test(tests, test_hostile);
    tcase_add_test(tests, test_tag);
    tcase_add_loop_test(tests, test_forged, 0, sizeof(forged) / sizeof(forged[0]));
    tcase_add_loop_test(tests, test_forged_international, 0, sizeof(international) / sizeof(international[0]));
    tcase_add_loop_test(tests, test_costly, 0, sizeof(costly) / sizeof(costly[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
