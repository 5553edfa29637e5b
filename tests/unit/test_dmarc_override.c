/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dmarc_override.c: disposition and override reasons of RFC 9990, as they follow from what the rules did, and that
 * they outlive a frame and a record.
 */
#include "policy/dmarc_outcome.h"
#include "policy/dmarc_override.h"
#include "policy/record.h"
#include "tests/unit/judge_fixtures.h"

#define ZONE                                                                                                \
    "bank.example TXT \"v=spf1 ip4:192.0.2.77 -all\"\n_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n"     \
    "none.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.none.example TXT \"v=DMARC1; p=none\"\n"        \
    "try.example TXT \"v=spf1 -all\"\n_dmarc.try.example TXT \"v=DMARC1; p=reject; t=y\"\n"                 \
    "tryq.example TXT \"v=spf1 -all\"\n_dmarc.tryq.example TXT \"v=DMARC1; p=quarantine; t=y\"\n"           \
    "small.example TXT \"v=spf1 -all\"\n"                                                                   \
    "slow.example TXT \"v=spf1 -all\"\n_dmarc.slow.example TIMEOUT\n"

#define RULE(name, when, then) "rule " name " at message { when " when " then " then " }\n"
#define REJECT RULE("refuse", "dmarc == fail", "reject \"no\"")
#define TAG RULE("mark", "dmarc == fail", "tag \"X-A\" \"quarantine; dmarc\"")
#define LIST RULE("list", "indirect", "override \"mailing_list\" \"{indirect.signs}\"")

static const struct {
    const char *rules;
    const char *author;
    const char *sender;
    const char *disposition;
    const char *overrides;         /* reason: comment; ... */
} cases[] = {
    { REJECT, "bank.example", "small.example", "reject", "" },
    { TAG, "bank.example", "small.example", "quarantine", "local_policy: quarantined by rule mark; " },
    { "", "bank.example", "small.example", "none", "local_policy: no rule applies the policy; " },
    { RULE("known", "dmarc == fail", "accept \"a friend\""), "bank.example", "small.example", "none",
      "local_policy: accepted by rule known; " },
    /* rules say why */
    { LIST TAG, "bank.example", "small.example", "quarantine", "mailing_list: list-id; " },
    { LIST REJECT, "bank.example", "small.example", "reject", "" },
    { RULE("a", "dmarc == fail", "override \"trusted_forwarder\""), "bank.example", "small.example", "none",
      "trusted_forwarder: ; " },
    { RULE("a", "dmarc == fail", "override \"local_policy\" \"x\"\n then override \"other\" \"y\""), "bank.example",
      "small.example", "none", "local_policy: x; other: y; " },
    /* a shadow rule says nothing */
    { "rule a at message { when dmarc == fail then override \"other\" \"x\" mode shadow }", "bank.example",
      "small.example", "none", "local_policy: no rule applies the policy; " },
    /* test mode */
    { TAG, "try.example", "small.example", "quarantine", "policy_test_mode: t=y: quarantine instead of reject; " },
    { "", "try.example", "small.example", "none",
      "policy_test_mode: t=y: quarantine instead of reject; local_policy: no rule applies the policy; " },
    { REJECT, "try.example", "small.example", "reject", "" },
    { "", "tryq.example", "small.example", "none", "policy_test_mode: t=y: none instead of quarantine; " },
    { REJECT, "tryq.example", "small.example", "reject", "other: refused by rule refuse; " },
    /* nothing asked: what is stricter is none of the named exemptions */
    { "", "none.example", "small.example", "none", "" },
    { REJECT, "none.example", "small.example", "reject", "other: refused by rule refuse; " },
    { TAG, "none.example", "small.example", "quarantine", "other: quarantined by rule mark; " },
    /* no failure, no override */
    { LIST, "none.example", "none.example", "none", "" },
    { REJECT LIST, "bank.example", "bank.example", "pass", "" },
    { LIST, "small.example", "small.example", "", "" },
    { LIST, "slow.example", "small.example", "", "" },
    { RULE("later", "dmarc == fail", "defer \"x\""), "bank.example", "small.example", "", "" },
    /* words that begin like it are not it */
    { RULE("mark", "dmarc == fail", "tag \"X-A\" \"quarantined not\""), "bank.example", "small.example", "none",
      "local_policy: no rule applies the policy; " },
};

static const char *told(const struct dmarc_outcome *dmarc, struct arena *arena)
{
    struct slice text = SLICE("");
    for (size_t i = 0; i < dmarc->overrides_count; i++)
        text = arena_printf(arena, "%.*s%s: %.*s; ", SLICE_ARG(text), dmarc_reason_name(dmarc->overrides[i].reason),
                            SLICE_ARG(dmarc->overrides[i].comment));
    return arena_string(arena, text);
}

/* Verdict to frame and to record, and back: the outcome is the same. */
static void assert_outlives(const struct verdict *verdict, struct fixture *fixture)
{
    const struct dmarc_outcome *dmarc = &verdict->findings.dmarc;
    struct wire_writer writer;
    struct wire_reader reader;
    struct verdict again;
    struct slice before[RECORD_PARTS], after[RECORD_PARTS], problem;
    struct record record;
    struct record_reading reading;

    wire_writer_init(&writer, 1 << 20);
    verdict_encode(verdict, &writer);
    wire_reader_init(&reader, wire_written(&writer));
    ck_assert(verdict_decode(&reader, fixture->arena, 1000, &again));
    record_parts(verdict, fixture->arena, before);
    record_parts(&again, fixture->arena, after);
    ck_assert_slice(after[PART_RESULTS], arena_string(fixture->arena, before[PART_RESULTS]));
    record_init(&record);
    record.facts = &fixture->facts;
    record.answers = fixture->answers;
    record.verdict = verdict;
    ck_assert(record_read(record_write(&record, fixture->arena), fixture->arena, &reading, &problem));
    record_parts(reading.record.verdict, fixture->arena, after);
    ck_assert_slice(after[PART_RESULTS], arena_string(fixture->arena, before[PART_RESULTS]));
    ck_assert_str_eq(told(&again.findings.dmarc, fixture->arena), told(dmarc, fixture->arena));
    wire_writer_clear(&writer);
}

START_TEST(dmarc_dispositions_and_overrides)
{
    struct fixture fixture;

    fixture_init(&fixture, cases[_i].rules, ZONE);
    fixture.facts.sender_domain = slice_of_string(cases[_i].sender);
    fixture.facts.sender = arena_printf(fixture.arena, "ann@%s", cases[_i].sender);
    if (strcmp(cases[_i].author, cases[_i].sender) == 0 && cases[_i].disposition[0] == 'p')
        ck_assert(address_parse(SLICE("192.0.2.77"), &fixture.facts.client_address));
    fixture_message(&fixture,
                    arena_printf(fixture.arena, "From: a@%s\r\nList-Id: <l.example>\r\n\r\n", cases[_i].author).text,
                    "x\r\n");
    struct verdict verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    const struct dmarc_outcome *dmarc = &verdict.findings.dmarc;
    ck_assert_str_eq(dmarc_disposition_name(dmarc->disposition), cases[_i].disposition);
    ck_assert_str_eq(told(dmarc, fixture.arena), cases[_i].overrides);
    assert_outlives(&verdict, &fixture);
    fixture_clear(&fixture);
}
END_TEST

/* What a captured judge may say of it: only what has the form. */
START_TEST(a_bad_form_is_refused)
{
    struct dmarc_override override = { DMARC_OTHER, SLICE("line\nbreak") };
    struct dmarc_outcome dmarc = { .overrides = &override, .overrides_count = 1 }, again;
    struct arena *arena = arena_new();
    struct wire_writer writer;

    for (int i = 0; i < 3; i++) {
        dmarc.psd = i == 1 ? 'x' : 0;
        override.comment = i == 0 ? SLICE("line\nbreak") : SLICE("fine");
        override.reason = i == 2 ? (enum dmarc_reason)9 : DMARC_OTHER;
        wire_writer_init(&writer, 1 << 20);
        dmarc_outcome_encode(&dmarc, &writer);
        struct wire_reader reader;
        wire_reader_init(&reader, wire_written(&writer));
        dmarc_outcome_decode(&reader, arena, &again);
        ck_assert(reader.failed);
        wire_writer_clear(&writer);
    }
    arena_free(&arena);
}
END_TEST

Suite *suite_dmarc_override(void);
Suite *suite_dmarc_override(void)
{
    Suite *suite = suite_create("dmarc_override");
    TCase *tests = tcase_create("overrides");
    tcase_add_loop_test(tests, dmarc_dispositions_and_overrides, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tests, a_bad_form_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
