/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_indirect.c: every sign of indirect mail by its name (RFC 9989 7.4), what only looks like it, and which signs
 * make a message indirect. The author of all is ann@example.org, recipient bob@example.net.
 */
#include "policy/indirect.h"

#include "tests/unit/auth_world.h"

static const struct {
    const char *header;
    const char *signs;
    bool indirect;
} headers[] = {
    { "Reply-To: a@b.example\r\n", "", false },
    { "list-ID: <l.example>\r\n", "list-id", true },
    { "List-Post: <mailto:l@l.example>\r\nList-Id: x\r\nList-Id: y\r\n", "list-id list-post", true },
    { "List-Owner: <mailto:o@l.example>\r\n", "list-field", true },
    { "List-Archive: <https://l.example>\r\nArchived-At: <https://l.example/1>\r\n", "list-field", true },
    { "List-Subscribe: <mailto:o@l.example>\r\n", "list-field", true },
    { "X-BeenThere: l@l.example\r\nX-Mailman-Version: 3\r\n", "list-software", true },
    { "Mailing-list: list l@l.example\r\n", "list-software", true },
    { "X-Mailing-List: l@l.example\r\n", "list-software", true },
    { "Precedence: List\r\n", "precedence-list", true },
    { "ARC-Seal: i=1\r\nARC-Seal: i=2\r\n", "arc-set", true },
    { "ARC-Message-Signature: i=1\r\n", "arc-set", true },
    { "ARC-Authentication-Results: i=1\r\n", "arc-set", true },
    { "Resent-From: a@b.example\r\nResent-Date: x\r\n", "resent", true },
    { "resent-to: a@b.example\r\n", "resent", true },
    { "X-Forwarded-To: bob@example.net\r\nX-Forwarded-For: a@b.example c@d.example\r\n", "x-forwarded", true },
    { "X-Original-To: a@b.example\r\n", "delivered-to", true },
    { "Delivered-To: a@b.example\r\n", "delivered-to", true },
    { "X-Original-From: a@b.example\r\n", "original-author", true },
    { "X-Original-Sender: a@b.example\r\n", "original-author", true },
    { "Author: a@b.example\r\n", "original-author", true },
    /* what ordinary bulk mail has too */
    { "List-Unsubscribe: <https://n.example>\r\nList-Help: <https://n.example>\r\n", "list-unsubscribe", false },
    { "Precedence: bulk\r\n", "precedence-bulk", false },
    { "Sender: robot@other.example\r\n", "sender", false },
    { "Sender: Robot <robot@mail.example.org>\r\n", "", false },
    { "Sender: nonsense\r\n", "", false },
    /* names that only look like it */
    { "X-List-Id: x\r\nARC: x\r\nResent: x\r\nX-Forwarded: x\r\nAuthors: x\r\nPrecedence: listing\r\n", "", false },
    { "Subject: x\r\n\r\nList-Id: in the body\r\n", "", false },
    /* the Received chain, newest first */
    { "Received: from a by mail.example.org (x) for <bob@example.net>; date\r\n", "", false },
    { "Received: from a by relay.example.org; x\r\nReceived: from b by mx.example.org; x\r\n", "", false },
    { "Received: from a by mx.list.example with ESMTP; x\r\nReceived: from b\r\n by mail.example.org; x\r\n",
      "received-chain", true },
    { "Received: from b by mail.example.org; x\r\nReceived: from a by mx.other.example; x\r\n", "", false },
    { "Received: from a by other.example; x\r\nReceived: (by mail.example.org) from x; by mail.example.org\r\n", "",
      false },
    { "Received: by 192.0.2.1; x\r\nReceived: by localhost; x\r\nReceived: by mail.example.org; x\r\n", "", false },
    { "Received: from a by mx.alumni.example for <bob@alumni.example>; x\r\n", "received-chain", true },
    { "Received: from a by mx.alumni.example for <BOB@Example.net>; x\r\n", "", false },
    { "Received: from a by mx.alumni.example for many; x\r\n", "", false },
};

static struct slice texts_of(const struct evidence *evidence)
{
    struct slice signs = SLICE("");
    for (size_t i = 0; i < evidence->indirect_count; i++)
        signs = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(signs), i > 0 ? " " : "", SLICE_ARG(evidence->indirect[i]));
    return signs;
}

static struct evidence find(const char *header, const char *from)
{
    static struct slice author = SLICE("example.org");
    static struct facts_recipient recipient = { SLICE("bob@example.net"), SLICE("bob"), SLICE("example.net") };
    struct message_header parsed;
    struct evidence evidence = { .author_domains = &author, .author_domains_count = 1 };

    facts.recipients = &recipient;
    facts.recipients_count = 1;
    evidence.from_text = slice_of_string(from);
    message_parse(slice_of_string(header), arena, &parsed);
    indirect_find(&facts, &parsed, arena, &evidence);
    return evidence;
}

START_TEST(indirect_by_headers)
{
    struct findings findings = { 0 };
    struct evidence evidence = find(headers[_i].header, "Ann <ann@example.org>");
    assert_slice(texts_of(&evidence), headers[_i].signs);
    ck_assert_int_eq(indirect_is(&evidence, &findings), headers[_i].indirect);
}
END_TEST

static const struct {
    const char *from;
    const char *signs;
} authors[] = {
    { "Ann <ann@example.org>", "" },
    { "ann@example.org", "" },
    { "\"Ann via List\" <list@example.org>", "from-via" },
    { "Ann VIA List <list@example.org>", "from-via" },
    { "'Ann' (via List) <list@example.org>", "from-via" },
    { "=?utf-8?q?Ann_via_List?= <list@example.org>", "from-via" },
    { "=?utf-8?Q?Ann=20via=20List?= <list@example.org>", "from-via" },
    { "=?UTF-8?B?w4RubmEgdmlhIExpc3Rl?= <list@example.org>", "from-via" },
    { "=?UTF-8?B?w4RubmE=?= =?UTF-8?b?IHZpYSBMaXN0ZQ==?= <list@example.org>", "from-via" },
    { "=?UTF-8?B?T2xpdmlhIFZpYQ==?= <list@example.org>", "" },
    { "=? ?b?! ?=?B?=? <list@example.org>", "" },
    { "Olivia Via <olivia@example.org>", "" },
    { "Trivia Club <via@via.example.org>", "" },
    { "Ann <ann=example.com@user.list.example>", "from-rewritten" },
    { "Ann <ann=40example.com@dmarc.example.org>", "from-rewritten" },
    { "Ann <a=b@example.org>", "" },
    { "Ann <=example.com@example.org>", "" },
};

START_TEST(indirect_by_authors)
{
    struct evidence evidence = find("X: y\r\n", authors[_i].from);
    assert_slice(texts_of(&evidence), authors[_i].signs);
}
END_TEST

static const struct {
    const char *sender;
    const char *signs;
    bool indirect;
} senders[] = {
    { "ann@example.org", "", false },
    { "SRS0=HHH=TT=example.org=ann@forwarder.example", "sender-rewriting", true },
    { "srs0+HHH=TT=example.org=ann@forwarder.example", "sender-rewriting", true },
    { "SRS1=HHH=forwarder.example==HHH=TT=example.org=ann@second.example", "sender-rewriting", true },
    { "bounces+SRS=HHH=TT@forwarder.example", "sender-rewriting", true },
    { "ann+caf_=bob=example.net@mail.example", "sender-rewriting", true },
    { "SRS0@example.org", "", false },
    { "srsly@example.org", "", false },
    { "list-bounces@lists.example", "list-bounce", true },
    { "list-bounces+bob=example.net@lists.example", "list-bounce verp", true },
    { "list-owner@lists.example", "list-bounce", true },
    { "owner-list@lists.example", "list-bounce", true },
    { "owner@example.org", "", false },
    /* its own bounces, marked by the sender; and one address a recipient, as newsletters have */
    { "prvs=1234abcdef=ann@example.org", "", false },
    { "prvs=ann=example.com@example.org", "", false },
    { "bounce-77-bob=example.net@news.example", "verp", false },
};

START_TEST(indirect_by_senders)
{
    struct findings findings = { 0 };
    world_sender(senders[_i].sender);
    struct evidence evidence = find("X: y\r\n", "ann@example.org");
    assert_slice(texts_of(&evidence), senders[_i].signs);
    ck_assert_int_eq(indirect_is(&evidence, &findings), senders[_i].indirect);
}
END_TEST

/* A chain is looked at so far and no further; a header of nothing but signs names each once. */
START_TEST(indirect_bounds)
{
    struct slice text = SLICE("");
    for (size_t i = 0; i < INDIRECT_RECEIVED_MOST; i++)
        text = arena_printf(arena, "%.*sReceived: from a by mx.other.example; x\r\n", SLICE_ARG(text));
    text = arena_printf(arena, "%.*sReceived: from a by mail.example.org; x\r\n", SLICE_ARG(text));
    struct evidence evidence = find(text.text, "ann@example.org");
    ck_assert_uint_eq(evidence.indirect_count, 0);
    for (size_t i = 0; i < 5; i++)
        text = arena_printf(arena, "%.*sList-Id: x\r\nResent-To: y\r\n", SLICE_ARG(text));
    evidence = find(text.text, "ann@example.org");
    assert_slice(texts_of(&evidence), "list-id resent");
}
END_TEST

/* The last sign: a signature that passes and is not the author's. */
START_TEST(indirect_by_other_signature)
{
    struct signature signature = { .domain = SLICE("list.example") };
    struct dkim_outcome dkim = { .result = AUTH_PASS };
    struct evidence evidence = { .signatures = &signature, .signatures_count = 1 };
    struct findings findings = { .dkim = &dkim, .dkim_count = 1 };
    ck_assert(indirect_is(&evidence, &findings));
    dkim.aligned = true;
    ck_assert(!indirect_is(&evidence, &findings));
    dkim = (struct dkim_outcome){ .result = AUTH_FAIL };
    ck_assert(!indirect_is(&evidence, &findings));
}
END_TEST

Suite *suite_indirect(void);
Suite *suite_indirect(void)
{
    Suite *suite = suite_create("indirect");
    TCase *tests = tcase_create("signs");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, indirect_by_headers, 0, sizeof(headers) / sizeof(headers[0]));
    tcase_add_loop_test(tests, indirect_by_authors, 0, sizeof(authors) / sizeof(authors[0]));
    tcase_add_loop_test(tests, indirect_by_senders, 0, sizeof(senders) / sizeof(senders[0]));
    tcase_add_test(tests, indirect_bounds);
    tcase_add_test(tests, indirect_by_other_signature);
    suite_add_tcase(suite, tests);
    return suite;
}
