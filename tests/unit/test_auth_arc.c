/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_auth_arc.c: RFC 8617 5.2 step by step, over messages that python3-dkim sealed and over sets written by hand;
 * what becomes of keys that are not there; what rules see of it.
 */
#include "policy/auth_arc.h"
#include "policy/auth_results_parse.h"
#include "tests/unit/arc_fixtures.h"
#include "tests/unit/judge_fixtures.h"

/* After the seals' t=. */
#define ARRIVAL 1780000100000000

static struct fixture fixture;
static const char *key;                    /* what every key's name answers with; NULL: */
static enum answer_status no_key;

static void open_arc(void)
{
    fixture_init(&fixture, "", "");
    fixture.facts.arrival = ARRIVAL;
    key = arc_key;
    no_key = ANSWER_NO_NAME;
}

static void close_arc(void)
{
    fixture_clear(&fixture);
}

static size_t answer_keys(struct answers *answers)
{
    size_t count = answers_missing_count(answers);
    for (size_t i = 0; i < count; i++) {
        const struct question *question = answers_missing(answers, i);
        bool edward = slice_starts_with(question->name, SLICE("e1."));
        struct answer_record record = { .data = slice_of_string(edward ? arc_key_ed25519 : key == NULL ? "" : key) };
        struct answer answer = { .question = *question, .status = key == NULL ? no_key : ANSWER_RECORDS };
        answer.count = key != NULL;
        answer.records = &record;
        ck_assert(answers_add(answers, &answer));
    }
    answers_forget_questions(answers);
    return count;
}

/* `message` with the first `from` in it become `to`, which may be NULL. */
static struct slice altered(const char *message, const char *from, const char *to)
{
    const char *found = from == NULL ? NULL : strstr(message, from);
    if (from == NULL)
        return slice_of_string(message);
    ck_assert_msg(found != NULL, "%s", from);
    return arena_printf(fixture.arena, "%.*s%s%s", (int)(found - message), message, to, found + strlen(from));
}

static void examine_message(struct slice message)
{
    const char *end = memmem(message.text, message.length, "\r\n\r\n", 4);
    size_t header = end == NULL ? message.length : (size_t)(end + 4 - message.text);
    struct examination *examination =
        examine_begin(&fixture.facts, fixture.program, slice_first(message, header), fixture.arena);
    while (examine_keys(examination, fixture.answers) == EXAMINE_WAITS)
        ck_assert_uint_gt(fixture.asked += (unsigned)answer_keys(fixture.answers), 0);
    for (size_t at = header; at < message.length; at += 7)
        examine_body(examination, slice_first(slice_from(message, at), 7));
    examine_finish(examination);
    fixture.evidence = examine_evidence(examination);
    examine_free(&examination);
}

static struct arc_outcome outcome_now(void)
{
    return auth_arc_outcome(&fixture.facts, fixture.evidence, fixture.answers, fixture.arena);
}

static void check_outcome(struct arc_outcome outcome, enum auth_result result, const char *reason)
{
    ck_assert_msg(outcome.result == result && (reason == NULL || slice_contains(outcome.reason, reason)),
                  "%s (%.*s), not %s (%s)", auth_result_name(outcome.result), SLICE_ARG(outcome.reason),
                  auth_result_name(result), reason == NULL ? "" : reason);
}

static const struct {
    const char *message;
    const char *from;
    const char *to;
    const char *reason;            /* NULL: it passes */
    int oldest;
} chains[] = {
    { arc_one, NULL, NULL, NULL, 0 },
    { arc_three, NULL, NULL, NULL, 0 },
    { arc_ed25519, NULL, NULL, NULL, 0 },
    { arc_simple, NULL, NULL, NULL, 0 },
    { arc_length, NULL, NULL, NULL, 0 },
    /* relaxed: RFC 6376 3.4.2, 3.4.4 */
    { arc_three, "two  words\r\n\tand", "two words \r\n\t  and", NULL, 0 },
    { arc_three, "Hello,  Bob.\r\n", "Hello, \tBob. \r\n", NULL, 0 },
    { arc_three, "\nSubject:", "\nsUBJECT :", NULL, 0 },
    { arc_simple, "two  words", "two words", "does not verify", -1 },
    { arc_simple, "Hello,  Bob.", "Hello, Bob.", "body altered", -1 },
    { arc_three, "two", "Two", "i=3 of third.example: signature does not verify", -1 },
    { arc_three, "Bob.", "Eve.", "i=3 of third.example: body altered", -1 },
    { arc_over_broken, NULL, NULL, "ARC-Seal i=1", -1 },
    /* Only the newest signature has to verify: who changes seals anew. */
    { arc_length, "Bye", "Buy", NULL, 2 },
    /* The seals: each byte of each set. */
    { arc_three, "spf=fail", "spf=pass", "ARC-Seal i=3", -1 },
    { arc_three, "dmarc=fail", "dmarc=pass", "ARC-Seal i=3", -1 },
    { arc_three, "mx.list.example; dmarc", "mx.list.example;  dmarc", NULL, 0 },
    { arc_three, "mx.list.example; dmarc", "mx.list.example;dmarc", "ARC-Seal i=3", -1 },
};

START_TEST(arc_chains_are_validated)
{
    examine_message(altered(chains[_i].message, chains[_i].from, chains[_i].to));
    struct arc_outcome outcome = outcome_now();
    check_outcome(outcome, chains[_i].reason == NULL ? AUTH_PASS : AUTH_FAIL, chains[_i].reason);
    ck_assert_int_eq(outcome.has_oldest_pass ? (int)outcome.oldest_pass : -1, chains[_i].oldest);
}
END_TEST

#define AAR(i) "ARC-Authentication-Results: i=" i "; mx.a.example; none\r\n"
#define AMS(i) "ARC-Message-Signature: i=" i "; a=rsa-sha256; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
#define SEAL(i, cv) "ARC-Seal: i=" i "; cv=" cv "; a=rsa-sha256; d=a.example; s=s; b=AAAA\r\n"
#define SET(i, cv) SEAL(i, cv) AMS(i) AAR(i)
#define PLAIN "From: a@a.example\r\n\r\n"

static const struct {
    const char *header;
    size_t sets;
    const char *problem;           /* NULL: none */
} structures[] = {
    { PLAIN, 0, NULL },
    { SET("1", "none") PLAIN, 1, NULL },
    { SET("1", "none") SET("2", "pass") PLAIN, 2, NULL },
    { AAR("2") AAR("1") SEAL("2", "pass") AMS("1") AMS("2") SEAL("1", "none") PLAIN, 2, NULL },
    { SET("01", "NONE") PLAIN, 1, NULL },
    { SET("(one) 1 (yes)", "none") PLAIN, 1, NULL },
    { "ARC-Seal: a=rsa-sha256; b=AAAA; cv=none; d=a.example; i=1; s=s\r\n" AMS("1") AAR("1") PLAIN, 1, NULL },
    { "arc-seal : i=1; cv=(c) none; a=rsa-sha256; d=a.example; s=s; b=AAAA; x=1; c=odd; l=x\r\n" AMS("1") AAR("1")
      PLAIN, 1, NULL },
    { SEAL("1", "none") AAR("1") "ARC-Message-Signature: i=1; v=9; q=dns/txt; zz=1; a=rsa-sha256; d=a.example; s=s;"
      " h=from; bh=AAAA; b=AAAA\r\n" PLAIN, 1, NULL },
    /* RFC 8616: U-labels, and UTF-8 in tags that nobody reads */
    { "ARC-Seal: i=1; cv=none; a=rsa-sha256; d=b\xc3\xbc" "cher.example; s=s; b=AAAA; zz=\xc3\xbc\r\n" AMS("1") AAR("1")
      PLAIN, 1, NULL },
    /* step 1 */
    { SET("51", "pass") PLAIN, 0, "without a valid instance" },
    { SET("0", "none") PLAIN, 0, "without a valid instance" },
    { SET("001", "none") PLAIN, 0, "without a valid instance" },
    { SET("1", "none") "ARC-Seal: cv=pass\r\n" PLAIN, 0, "ARC-Seal without a valid instance" },
    { SET("1", "none") "ARC-Authentication-Results: mx; i=1; none\r\n" PLAIN, 0, "without a valid instance" },
    { "ARC-Seal: I=1; cv=none; a=rsa-sha256; d=a.example; s=s; b=AAAA\r\n" AMS("1") AAR("1") PLAIN, 0,
      "without a valid instance" },
    /* step 2 */
    { SET("1", "none") SET("2", "fail") PLAIN, 0, "i=2 says cv=fail" },
    /* step 3 */
    { AMS("1") AAR("1") PLAIN, 0, "no ARC-Seal with i=1" },
    { SEAL("1", "none") AAR("1") PLAIN, 0, "no ARC-Message-Signature with i=1" },
    { SEAL("1", "none") AMS("1") PLAIN, 0, "no ARC-Authentication-Results with i=1" },
    { SET("2", "pass") PLAIN, 0, "with i=1" },
    { SET("1", "none") SET("3", "pass") PLAIN, 0, "with i=2" },
    { SET("1", "none") AAR("1") PLAIN, 0, "two ARC-Authentication-Results fields with i=1" },
    { SET("1", "none") SET("1", "none") PLAIN, 0, "fields with i=1" },
    { SET("1", "pass") PLAIN, 0, "i=1: cv= must be none" },
    { SET("1", "none") SET("2", "none") PLAIN, 0, "i=2: cv= must be pass" },
    { SET("1", "fail") SET("2", "pass") PLAIN, 0, "i=1 says cv=fail" },
    { SET("1", "maybe") PLAIN, 0, "cv= must be none" },
    { "ARC-Seal: i=1; a=rsa-sha256; d=a.example; s=s; b=AAAA\r\n" AMS("1") AAR("1") PLAIN, 0, "no valid cv=" },
    /* what cannot verify asks for no key */
    { "ARC-Seal: i=1; cv=none; h=from; a=rsa-sha256; d=a.example; s=s; b=AAAA\r\n" AMS("1") AAR("1") PLAIN, 0,
      "h= is not allowed" },
    { "ARC-Seal: i=1; cv=none; a=rsa-sha1; d=a.example; s=s; b=AAAA\r\n" AMS("1") AAR("1") PLAIN, 0, "rsa-sha1" },
    { "ARC-Seal: i=1; cv=none; a=rsa-sha256; s=s; b=AAAA\r\n" AMS("1") AAR("1") PLAIN, 0, "d= missing" },
    { SEAL("1", "none") AAR("1") "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=s; bh=AAAA; b=AAAA;"
      " h=from:arc-seal\r\n" PLAIN, 0, "h= names an ARC field" },
    { SEAL("1", "none") AAR("1") "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=s; bh=AAAA; b=AAAA;"
      " h=to\r\n" PLAIN, 0, "h= without From" },
    { SEAL("1", "none") AAR("1") "ARC-Message-Signature: i=1; i=1; a=rsa-sha256; d=a.example; s=s; bh=AAAA; b=AAAA;"
      " h=from\r\n" PLAIN, 0, "without a valid instance" },
    /* An older ARC-Message-Signature decides nothing (step 5). */
    { SEAL("1", "none") AAR("1") "ARC-Message-Signature: i=1; nonsense\r\n" SET("2", "pass") PLAIN, 2, NULL },
};

START_TEST(arc_sets_have_to_be_whole)
{
    key = NULL;
    examine_message(slice_of_string(structures[_i].header));
    ck_assert_uint_eq(fixture.evidence->arc_sets_count, structures[_i].sets);
    if (structures[_i].problem == NULL)
        ck_assert_msg(fixture.evidence->arc_problem.length == 0, "%.*s", SLICE_ARG(fixture.evidence->arc_problem));
    else
        check_outcome(outcome_now(), AUTH_FAIL, structures[_i].problem);
    ck_assert((fixture.asked > 0) == (structures[_i].sets > 0));
}
END_TEST

static const struct {
    const char *key;
    enum answer_status status;
    enum auth_result result;
    const char *reason;
} keys[] = {
    { NULL, ANSWER_NO_NAME, AUTH_FAIL, "no key" },
    { NULL, ANSWER_NO_DATA, AUTH_FAIL, "no key" },
    { NULL, ANSWER_TIMEOUT, AUTH_TEMPERROR, "timeout" },
    { NULL, ANSWER_FAILED, AUTH_TEMPERROR, "failed" },
    { NULL, ANSWER_LIMIT, AUTH_TEMPERROR, "limit" },
    { "v=DKIM1; p=", ANSWER_RECORDS, AUTH_FAIL, "key revoked" },
    { "v=DKIM1; k=ed25519; p=24QSaXJQJis2fTHcXWjOI3YXUjUCa7V3HAr+J6PTdqE=", ANSWER_RECORDS, AUTH_FAIL,
      "another algorithm" },
    { "v=DKIM1; p=AAAA", ANSWER_RECORDS, AUTH_FAIL, "" },
};

START_TEST(arc_keys_that_are_not_there)
{
    key = keys[_i].key;
    no_key = keys[_i].status;
    examine_message(slice_of_string(arc_three));
    check_outcome(outcome_now(), keys[_i].result, keys[_i].reason);
}
END_TEST

/* P3: the outcome is that of the key in the answer, not of the one that cryptography was done with. */
START_TEST(arc_another_key_is_another_outcome)
{
    examine_message(slice_of_string(arc_three));
    check_outcome(outcome_now(), AUTH_PASS, NULL);
    fixture.answers = answers_new(fixture.arena);
    check_outcome(outcome_now(), AUTH_PENDING, NULL);
    key = "v=DKIM1; p=AAAA";
    while (outcome_now().result == AUTH_PENDING)
        answer_keys(fixture.answers);
    check_outcome(outcome_now(), AUTH_FAIL, "not made with this key");
}
END_TEST

/* All keys are asked for in one round, each name once, DKIM's with them. */
START_TEST(arc_keys_are_asked_for_at_once)
{
    const char *end = strstr(arc_three, "\r\n\r\n") + 4;
    struct slice header = slice_of(arc_three, (size_t)(end - arc_three));
    struct examination *examination = examine_begin(&fixture.facts, fixture.program, header, fixture.arena);
    ck_assert_int_eq(examine_keys(examination, fixture.answers), EXAMINE_WAITS);
    ck_assert_uint_eq(answer_keys(fixture.answers), 3);
    ck_assert_int_eq(examine_keys(examination, fixture.answers), EXAMINE_READY);
    examine_free(&examination);
}
END_TEST

#define AUTHOR_ZONE "author.example TXT \"v=spf1 -all\"\n_dmarc.author.example TXT \"v=DMARC1; p=reject\"\n"

#define ALL_OF_THEM "\"list.example\" \"second.example\" \"third.example\""

static const struct {
    const char *condition;
    bool passing;                  /* of arc_three as it is */
    bool failing;                  /* of it with another body */
} conditions[] = {
    { "arc == pass", true, false },
    { "arc == fail", false, true },
    { "arc.count == 3", true, true },
    { "arc.oldest-pass == 0", true, false },
    { "arc.sealers == \"list.example\"", true, false },
    { "arc.sealers is absent", false, true },
    { "all arc.sealers in { \"list.example\" \"second.example\" \"third.example\" }", true, false },
    { "all arc.sealers in { \"second.example\" \"third.example\" }", false, false },
    { "not all arc.sealers in { \"second.example\" \"third.example\" }", true, true },
    { "all arc.sealers matches \"example$\"", true, false },
    /* list.example says that DMARC passed; to believe that is to believe all three. */
    { "arc.vouchers == \"list.example\"", true, false },
    { "arc.trusted", true, false },
    { "not arc.trusted", false, true },
    { "arc.claims.dmarc == pass", true, false },
    { "arc.claims.dmarc is absent", false, true },
    { "arc.claims.spf is absent", true, true },
    { "arc.claims matches \"^i=3 third.example: dkim=fail header.d=author.example$\"", true, false },
    { "arc.claims matches \"^i=1 list.example: dmarc=pass header.from=author.example$\"", true, false },
    { "arc.reason matches \"body altered\"", false, true },
    { "indirect.signs == arc-set", true, true },
};

static bool rule_matches(const char *trusted, const char *condition, struct slice message)
{
    struct fixture now;
    struct slice rules = arena_printf(fixture.arena, "list trusted-sealers domain { %s }\n"
                                      "rule r at message { when %s then reject \"yes\" }", trusted, condition);
    fixture_init(&now, rules.text, AUTHOR_ZONE);
    now.facts.arrival = ARRIVAL;
    struct fixture outer = fixture;
    fixture = now;
    examine_message(message);
    struct verdict verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    fixture_clear(&fixture);
    fixture = outer;
    return verdict.action == VERDICT_REJECT;
}

START_TEST(arc_facts_are_those_of_chains_that_pass)
{
    const char *condition = conditions[_i].condition;
    bool passing = rule_matches(ALL_OF_THEM, condition, slice_of_string(arc_three));
    bool failing = rule_matches(ALL_OF_THEM, condition, altered(arc_three, "Bob.", "Eve."));
    ck_assert_msg(passing == conditions[_i].passing && failing == conditions[_i].failing, "%s", condition);
}
END_TEST

/* The newest, one between and the oldest: to believe the oldest is to believe all. */
START_TEST(arc_is_trusted_when_each_sealer_is)
{
    struct slice message = slice_of_string(arc_three);
    ck_assert(rule_matches(ALL_OF_THEM, "arc.trusted", message));
    ck_assert(!rule_matches("\"list.example\" \"second.example\"", "arc.trusted", message));
    ck_assert(!rule_matches("\"list.example\" \"third.example\"", "arc.trusted", message));
    ck_assert(!rule_matches("\"second.example\" \"third.example\"", "arc.trusted", message));
    ck_assert(!rule_matches("", "arc.trusted", message));
}
END_TEST

/* What stands above a chain of three that passes, and what a rule sees. */
static const struct {
    const char *added;
    const char *condition;
} additions[] = {
    { "", "arc.trusted and arc.vouchers == \"list.example\"" },
    { "X-Other: x\r\n", "arc == pass and arc.vouchers == \"list.example\"" },
    { "Subject: other\r\n", "arc == pass and arc.vouchers is absent and not arc.trusted" },
    { "Date: Fri, 1 Jan 2027 00:00:00 +0000\r\n", "arc == pass and arc.vouchers is absent and not arc.trusted" },
};

START_TEST(arc_nobody_vouches_for_what_was_added)
{
    struct slice message = arena_printf(fixture.arena, "%s%s", additions[_i].added, arc_three);
    ck_assert_msg(rule_matches(ALL_OF_THEM, additions[_i].condition, message), "%s", additions[_i].added);
}
END_TEST

static const struct {
    const char *value;
    const char *identity;
    const char *claims;            /* "method=result type.name=value ...; ..." */
    bool problem;
} payloads[] = {
    { " mx.a.example; none", "mx.a.example", "", false },
    { " mx.a.example 1; spf=pass smtp.mailfrom=a@b.example", "mx.a.example", "spf=pass smtp.mailfrom=a@b.example",
      false },
    { "(x)\"mx a\" 1 (y) ; (z) DKIM /1 = Pass (a;b) reason = \"o;k\" header . d = c.example ;dmarc=fail",
      "mx a", "dkim=pass header.d=c.example; dmarc=fail", false },
    { " mx; dkim=pass header.b=Ab+/cd== header.s=s1; arc=none smtp.remote-ip=2001:db8::1", "mx",
      "dkim=pass header.b=Ab+/cd== header.s=s1; arc=none smtp.remote-ip=2001:db8::1", false },
    { " mx; spf=pass smtp.mailfrom=\"a b\"@c.example", "mx", "spf=pass smtp.mailfrom=a b@c.example", false },
    /* Seen in mail; without a type it is no property of RFC 8601's, and ignored by who looks for one. */
    { " mx; dmarc=pass action=none header.from=c.example", "mx", "dmarc=pass .action=none header.from=c.example",
      false },
    /* What is wrong costs its own claim. */
    { " mx; spf; dkim=pass; =x; dmarc=fail \"q;q\"; arc=pass;", "mx", "dkim=pass; arc=pass", true },
    { " mx; spf=pass (never; ends", "mx", "spf=pass", false },
    { "", "", "", true },
};

START_TEST(results_of_others_are_read)
{
    struct auth_results results;
    struct slice text = SLICE("");
    auth_results_parse(slice_of_string(payloads[_i].value), fixture.arena, &results);
    ck_assert_slice(results.authserv_id, payloads[_i].identity);
    ck_assert_int_eq(results.problem != NULL, payloads[_i].problem);
    for (size_t i = 0; i < results.claims_count; i++) {
        const struct auth_results_claim *claim = &results.claims[i];
        text = arena_printf(fixture.arena, "%.*s%s%.*s=%.*s", SLICE_ARG(text), i > 0 ? "; " : "",
                            SLICE_ARG(claim->method), SLICE_ARG(claim->result));
        for (size_t j = 0; j < claim->properties_count; j++)
            text = arena_printf(fixture.arena, "%.*s %.*s.%.*s=%.*s", SLICE_ARG(text),
                                SLICE_ARG(claim->properties[j].type), SLICE_ARG(claim->properties[j].name),
                                SLICE_ARG(claim->properties[j].value));
    }
    ck_assert_slice(text, payloads[_i].claims);
}
END_TEST

Suite *suite_auth_arc(void);
Suite *suite_auth_arc(void)
{
    Suite *suite = suite_create("auth_arc");
    TCase *tests = tcase_create("auth_arc");
    tcase_add_checked_fixture(tests, open_arc, close_arc);
    tcase_add_loop_test(tests, arc_chains_are_validated, 0, sizeof chains / sizeof chains[0]);
    tcase_add_loop_test(tests, arc_sets_have_to_be_whole, 0, sizeof structures / sizeof structures[0]);
    tcase_add_loop_test(tests, arc_keys_that_are_not_there, 0, sizeof keys / sizeof keys[0]);
    tcase_add_test(tests, arc_another_key_is_another_outcome);
    tcase_add_test(tests, arc_keys_are_asked_for_at_once);
    tcase_add_test(tests, arc_is_trusted_when_each_sealer_is);
    tcase_add_loop_test(tests, arc_facts_are_those_of_chains_that_pass, 0, sizeof conditions / sizeof conditions[0]);
    tcase_add_loop_test(tests, arc_nobody_vouches_for_what_was_added, 0, sizeof additions / sizeof additions[0]);
    tcase_add_loop_test(tests, results_of_others_are_read, 0, sizeof payloads / sizeof payloads[0]);
    suite_add_tcase(suite, tests);
    return suite;
}
