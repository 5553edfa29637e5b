/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_record.c: records: any bytes as UTF-8 and back, times, and the promise P3: what was recorded, its verdict
 * deleted, is judged to the same bytes again; an answer changed so that it matters changes the verdict.
 */
#include <glob.h>
#include <jansson.h>
#include <stdlib.h>

#include "policy/docket.h"
#include "policy/record.h"
#include "policy/replay.h"
#include "policy/wire.h"
#include "proxy/config.h"
#include "tests/unit/judge_fixtures.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(&arena);
}

static const struct {
    struct slice text;
    const char *written;
} escapes[] = {
    { { "plain", 5 }, "plain" },
    { { "", 0 }, "" },
    { { "gr\xc3\xbc\xc3\x9f", 6 }, "gr\xc3\xbc\xc3\x9f" },
    { { "a\\b", 3 }, "a\\x5Cb" },
    { { "a\\x41", 5 }, "a\\x5Cx41" },
    { { "a\0b", 3 }, "a\\x00b" },
    { { "\xff\xfe", 2 }, "\\xFF\\xFE" },
    { { "\xc3", 1 }, "\\xC3" },
    { { "\xc3(", 2 }, "\\xC3(" },
    { { "\xc0\xaf", 2 }, "\\xC0\\xAF" },                       /* overlong */
    { { "\xed\xa0\x80", 3 }, "\\xED\\xA0\\x80" },              /* a surrogate */
    { { "\xf4\x90\x80\x80", 4 }, "\\xF4\\x90\\x80\\x80" },     /* above U+10FFFF */
    { { "\xf0\x9f\x92\x8c", 4 }, "\xf0\x9f\x92\x8c" },
    { { "\xf0\x9f\x92", 3 }, "\\xF0\\x9F\\x92" },
    { { "\r\n\t\x01\x1f", 5 }, "\r\n\t\x01\x1f" },             /* JSON's own business */
    { { "a\x7f", 2 }, "a\\x7F" },                              /* not JSON's, but no line of a file holds it */
};

START_TEST(any_bytes_are_written_as_utf8)
{
    struct slice written = record_escape(escapes[_i].text, arena);
    ck_assert_slice(written, escapes[_i].written);
    ck_assert(slice_equal(record_unescape(written, arena), escapes[_i].text));
    json_error_t error;
    struct slice json = record_json_text(escapes[_i].text, arena);
    json_t *value = json_loadb(json.text, json.length, JSON_DECODE_ANY, &error);
    ck_assert_msg(json_is_string(value), "%s", error.text);
    json_decref(value);
}
END_TEST

/* By another's writer of JSON: what is read back is compared with what was written. */
START_TEST(json_is_written_as_jansson_writes_it)
{
    char text[] = "a?b";
    for (int byte = 1; byte < 0x80; byte++) {
        text[1] = (char)byte;
        struct slice escaped = record_escape(slice_of_string(text), arena);
        struct slice json = record_json_text(slice_of_string(text), arena);
        json_t *value = json_stringn(escaped.text, escaped.length);
        char *theirs = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        ck_assert_slice(json, theirs);
        for (size_t i = 0; i < json.length; i++)
            ck_assert(json.text[i] >= ' ' && json.text[i] != 0x7F);
        free(theirs);
        json_decref(value);
    }
}
END_TEST

static const struct {
    int64_t microseconds;
    const char *text;
} times[] = {
    { 0, "1970-01-01T00:00:00.000000Z" },
    { 1, "1970-01-01T00:00:00.000001Z" },
    { 951782400000000, "2000-02-29T00:00:00.000000Z" },
    { 1795327262123456, "2026-11-22T06:01:02.123456Z" },
    { 4107542399999999, "2100-02-28T23:59:59.999999Z" },
    { 4107542400000000, "2100-03-01T00:00:00.000000Z" },
    { -1, "1969-12-31T23:59:59.999999Z" },
};

START_TEST(times_return)
{
    int64_t back = 77;
    ck_assert_slice(record_time(times[_i].microseconds, arena), times[_i].text);
    ck_assert(record_time_parse(slice_of_string(times[_i].text), &back));
    ck_assert_int_eq(back, times[_i].microseconds);
}
END_TEST

START_TEST(other_times_are_refused)
{
    static const char *const bad[] = {
        "",
        "2026-11-22",
        "2026-11-22T06:01:02Z",
        "2026-13-22T06:01:02.123456Z",
        "2026-00-22T06:01:02.123456Z",
        "2026-11-32T06:01:02.123456Z",
        "2026-11-22T24:01:02.123456Z",
        "2026-11-22T06:60:02.123456Z",
        "2026-11-22 06:01:02.123456Z",
        "2026-11-22T06:01:02.12345xZ",
        "2026-11-22T06:01:02.123456+00:00",
    };
    int64_t back;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(!record_time_parse(slice_of_string(bad[i]), &back), "%s", bad[i]);
}
END_TEST

/* Transactions, each with what makes its record special. */
static const struct scene {
    const char *rules;
    const char *zone;
    enum stage stage;
    const char *header;
    const char *sender;            /* NULL: as in the fixture */
    const char *name;              /* of an answer to change, and to what; NULL: none matters */
    enum answer_status status;
} scenes[] = {
    { "rule a at connect { when client.name == \"client.example\" then reject \"no {client.name}\" }",
      "1.2.0.192.in-addr.arpa PTR client.example\nclient.example A 192.0.2.1\n", STAGE_CONNECT, NULL, NULL,
      "client.example", ANSWER_NO_NAME },
    { "rule a at mail { when spf == fail then reject \"spf\" }", "example.org TXT \"v=spf1 -all\"\n", STAGE_MAIL, NULL,
      NULL, "example.org", ANSWER_TIMEOUT },
    { "rule a at mail { when spf == fail then reject \"spf\" }", "example.org SERVFAIL\n", STAGE_MAIL, NULL, NULL,
      "example.org", ANSWER_NO_NAME },
    { "rule a at rcpt { when recipient.local == \"bob\" then score 3 then defer 450 4.2.1 \"not now\" }", "",
      STAGE_RCPT, NULL, NULL, NULL, ANSWER_MISSING },
    { "rule a at mail { when sender matches \"x\" then score 5 } rule b at message { when score == 5 then tag \"X-S\" "
      "\"{sender}\" }",
      "", STAGE_MESSAGE, "From: ann@example.org\r\n\r\n", "x\\\xff\"\xc3\xa4 \x01@[192.0.2.1]", NULL, ANSWER_MISSING },
    { "rule a at message { when dmarc == fail and dmarc.policy == reject then reject \"{from.domain} "
      "{header[Subject]}\" }",
      "_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n", STAGE_MESSAGE,
      "Authentication-Results: mx.example.net; dkim=pass\r\nFrom: Ann <ann@bank.example>\r\nSubject: \xf0\x28 "
      "\\x41\r\n\r\n",
      NULL, "_dmarc.bank.example", ANSWER_NO_NAME },
    { "rule a at message { when dmarc == pass then log \"{client.name}\" then tag \"X-A\" \"good\" }"
      "rule b at message { when header[\"X-None\"] is absent then score -1 mode shadow }",
      "example.org TXT \"v=spf1 mx -all\"\nexample.org MX 5 m.example.org\nm.example.org A 192.0.2.1\n"
      "_dmarc.example.org TXT \"v=DMARC1; p=none\"\n",
      STAGE_MESSAGE,
      "Authentication-Results: mx.example.net; dkim=pass\r\nX-A: forged\r\nFrom: Ann <ann@example.org>\r\n\r\n", NULL,
      "m.example.org", ANSWER_NO_NAME },
    { "rule a at message { when dkim == temperror then log \"x\" } rule b at message { when dkim == fail then reject "
      "\"d\" }",
      "k._domainkey.example.org TIMEOUT\n", STAGE_MESSAGE,
      "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k; h=from; t=1700000000; x=1700000001; l=0; bh=AAAA; "
      "b=AAAA\r\n"
      "From: Ann <ann@example.org>\r\nList-Id: <l.example>\r\n\r\n",
      NULL, NULL, ANSWER_MISSING },
    { "rule a at message { when from.oddities == group and header.oddities == space-before-colon then reject "
      "\"{from.oddities} {header.oddities} {from.domain}\" }",
      "", STAGE_MESSAGE, "From: Us: ann@a.example, bob@b\xc3\xbc" "cher.example;\r\nSubject : x\r\n\r\n", NULL, NULL,
      ANSWER_MISSING },
};

static struct fixture fixture;

static struct slice fixture_record(const struct verdict *verdict)
{
    struct record record;
    record_init(&record);
    record.facts = &fixture.facts;
    record.answers = fixture.answers;
    record.verdict = verdict;
    record.outcome.timings[PHASE_TOTAL] = 1234;
    record.outcome.by = verdict->action == VERDICT_PASS ? RECORD_BY_BACKEND : RECORD_BY_MXWARD;
    record.outcome.text = SLICE("2.0.0 queued");
    return record_write(&record, fixture.arena);
}

static struct slice record_of(const struct scene *scene, struct verdict *verdict)
{
    fixture_init(&fixture, scene->rules, scene->zone);
    if (scene->sender != NULL)
        fixture.facts.sender = slice_of_string(scene->sender);
    if (scene->header != NULL)
        fixture_message(&fixture, scene->header, "Hello.\r\n");
    answers_reset_used(fixture.answers);
    *verdict = fixture_judge(&fixture, scene->stage);
    return fixture_record(verdict);
}

/* Through frames, as `mxward replay` does it. */
static void judge_again(const struct record_reading *reading, const struct record_judged *judged,
                        struct slice parts_out[RECORD_PARTS])
{
    struct docket *docket = docket_new(fixture.program);
    struct wire_writer out, replies;
    struct frame_assembly assembly = { 0 };
    struct frame frame, whole = { 0 };
    size_t consumed;
    wire_writer_init(&out, SIZE_MAX / 2);
    wire_writer_init(&replies, SIZE_MAX / 2);
    ck_assert(replay_put(&out, 1, reading, judged));
    for (struct slice rest = wire_written(&out); rest.length > 0; rest = slice_from(rest, consumed)) {
        ck_assert_int_eq(frame_parse(rest, &frame, &consumed), FRAME_PARSED);
        if (frame_assemble(&assembly, &frame, &whole) == FRAME_WHOLE)
            ck_assert(docket_take(docket, &whole, &replies));
    }
    ck_assert_int_eq(frame_parse(wire_written(&replies), &frame, &consumed), FRAME_PARSED);
    ck_assert_int_eq(frame.type, FRAME_VERDICT);
    struct verdict verdict;
    struct frame_questions wanted;
    const char *problem = NULL;
    size_t header_size = reading->evidence == NULL ? 0 : reading->evidence->header_size;
    ck_assert_msg(frame_get_verdict(frame.payload, header_size, arena, NULL, &verdict, &wanted, &problem), "%s",
                  problem);
    record_parts(&verdict, arena, parts_out);
    docket_free(&docket);
    frame_assembly_clear(&assembly);
    wire_writer_clear(&out);
    wire_writer_clear(&replies);
}

static struct slice without_verdict(struct slice line)
{
    json_error_t error;
    json_t *root = json_loadb(line.text, line.length, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++)
        ck_assert_int_eq(json_object_del(root, record_part_name(part)), 0);
    char *text = json_dumps(root, 0);
    struct slice copy = arena_copy(arena, slice_of_string(text));
    json_decref(root);
    free(text);
    return copy;
}

START_TEST(records_are_judged_to_the_same_bytes)
{
    struct verdict verdict;
    struct record_reading whole, bare;
    struct slice problem, parts[RECORD_PARTS], again[RECORD_PARTS];
    struct replay_difference differences[RECORD_PARTS];
    struct slice line = record_of(&scenes[_i], &verdict);
    ck_assert_msg(record_read(line, arena, &whole, &problem), "%.*s", SLICE_ARG(problem));
    ck_assert_msg(record_read(without_verdict(line), arena, &bare, &problem), "%.*s", SLICE_ARG(problem));
    ck_assert_uint_eq(bare.judged_count, 1);
    ck_assert_int_eq(bare.judged[0].stage, scenes[_i].stage);
    record_parts(&verdict, arena, parts);
    judge_again(&bare, &bare.judged[0], again);
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++) {
        ck_assert(slice_equal(whole.judged[0].parts[part], parts[part]));
        ck_assert_ptr_null(bare.judged[0].parts[part].text);
        ck_assert_msg(slice_equal(parts[part], again[part]), "%s\n%.*s\n%.*s", record_part_name(part),
                      SLICE_ARG(parts[part]), SLICE_ARG(again[part]));
    }
    ck_assert_uint_eq(replay_compare(&whole.judged[0], again, differences), 0);
    ck_assert_uint_eq(replay_compare(&bare.judged[0], again, differences), 0);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(a_changed_answer_changes_the_verdict)
{
    struct verdict verdict;
    struct record_reading reading;
    struct slice problem, again[RECORD_PARTS];
    struct replay_difference differences[RECORD_PARTS];
    if (scenes[_i].name == NULL)
        return;
    struct slice line = record_of(&scenes[_i], &verdict);
    ck_assert(record_read(line, arena, &reading, &problem));
    size_t changed = 0;
    for (struct answer *answer = (struct answer *)(uintptr_t)answers_first(reading.answers); answer != NULL;
         answer = answer->next)
        if (slice_equal(answer->question.name, slice_of_string(scenes[_i].name))) {
            answer->status = scenes[_i].status;
            answer->count = 0;
            changed++;
        }
    ck_assert_uint_gt(changed, 0);
    judge_again(&reading, &reading.judged[0], again);
    ck_assert_uint_gt(replay_compare(&reading.judged[0], again, differences), 0);
    fixture_clear(&fixture);
}
END_TEST

/* What is read and written again is the same line, but for the verdict's added fields and versions. */
START_TEST(facts_and_evidence_return)
{
    struct verdict verdict;
    struct record_reading reading;
    struct slice problem;
    struct slice line = record_of(&scenes[_i], &verdict);
    ck_assert_msg(record_read(line, arena, &reading, &problem), "%.*s", SLICE_ARG(problem));
    ck_assert(slice_equal(reading.facts.id, fixture.facts.id));
    ck_assert_int_eq(reading.facts.arrival, fixture.facts.arrival);
    ck_assert(slice_equal(reading.facts.sender, fixture.facts.sender));
    ck_assert(slice_equal(reading.facts.sender_domain, fixture.facts.sender_domain));
    ck_assert(reading.replayable);
    ck_assert_int_eq(reading.record.outcome.timings[PHASE_TOTAL], 1234);
    ck_assert_int_eq(reading.record.outcome.timings[PHASE_DATA], -1);
    ck_assert_ptr_nonnull(reading.record.verdict);
    ck_assert_int_eq(reading.record.verdict->action, verdict.action);
    ck_assert_int_eq(reading.record.verdict->score, verdict.score);
    ck_assert_int_eq(reading.record.verdict->tagged, verdict.tagged);
    if (verdict.evidence != NULL) {
        ck_assert_uint_eq(reading.evidence->signatures_count, verdict.evidence->signatures_count);
        ck_assert_uint_eq(reading.removed_count, verdict.removed_count);
    }
    fixture_clear(&fixture);
}
END_TEST

/* Every member of a signature, through a record and through a frame. */
START_TEST(signatures_return)
{
    struct verdict verdict;
    struct record_reading reading;
    struct slice problem, again[RECORD_PARTS];
    struct replay_difference differences[RECORD_PARTS];
    struct signature given = {
        .domain = SLICE("example.org"), .selector = SLICE("k"), .identity = SLICE("i@example.org"),
        .algorithm = SLICE("rsa-sha256"), .canonicalization = SLICE("relaxed"), .fields = SLICE("from:to"),
        .value_start = SLICE("AAAABBBB"), .body_hash = SLICE("CCCC"), .has_time = true, .time = 1700000000,
        .has_expiry = true, .expiry = 1900000000, .has_length = true, .length = 5, .fields_added = 1 | 1 << 5,
        .fields_unsigned = 1 << (EVIDENCE_SIGNED_FIELDS - 1), .has_body = true, .body_size = 9, .body_covered = 5,
        .crypto = SIGNATURE_VERIFIED, .key_data = SLICE("AAAA"), .key_bits = 2048,
    };
    fixture_init(&fixture,
                 "rule a at message { when dkim == pass and dkim.best.added == subject and dkim.best.uncovered == 4 "
                 "and dkim.best.unsigned == list-unsubscribe-post then reject \"stretched\" }",
                 "k._domainkey.example.org TXT \"p=AAAA\"\n");
    fixture_message(&fixture, "From: a@example.org\r\n\r\n", "Hello.\r\n");
    struct evidence evidence = *fixture.evidence;
    evidence.signatures = &given;
    evidence.signatures_count = evidence.signatures_seen = 1;
    fixture.evidence = &evidence;
    verdict = fixture_judge(&fixture, STAGE_MESSAGE);
    ck_assert_int_eq(verdict.action, VERDICT_REJECT);
    struct slice line = fixture_record(&verdict);
    ck_assert_msg(record_read(line, arena, &reading, &problem), "%.*s", SLICE_ARG(problem));
    ck_assert_uint_eq(reading.evidence->signatures_count, 1);
    const struct signature *found = &reading.evidence->signatures[0];
    ck_assert_slice(found->identity, "i@example.org");
    ck_assert_uint_eq(found->fields_added, given.fields_added);
    ck_assert_uint_eq(found->fields_unsigned, given.fields_unsigned);
    ck_assert(found->has_body && found->has_time && found->has_expiry && found->has_length);
    ck_assert_uint_eq(found->body_size, 9);
    ck_assert_uint_eq(found->body_covered, 5);
    judge_again(&reading, &reading.judged[0], again);
    ck_assert_uint_eq(replay_compare(&reading.judged[0], again, differences), 0);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(refused_recipients_are_judged_again_too)
{
    fixture_init(&fixture, "rule a at rcpt { when recipient.local == \"eve\" then reject 550 5.1.1 \"no eve\" }", "");
    struct verdict pass = fixture_judge(&fixture, STAGE_RCPT);
    struct facts_recipient eve = { SLICE("eve@example.net"), SLICE("eve"), SLICE("example.net") };
    struct facts at_rcpt = fixture.facts;
    at_rcpt.recipients = &eve;
    struct judge_input input = { fixture.program, &at_rcpt, fixture.answers, STAGE_RCPT, NULL, NULL, 0 };
    struct verdict refused;
    ck_assert(judge(&input, fixture.arena, &refused));
    struct record_recipient recipients[2] = {
        { .recipient = fixture.recipients[0], .by = RECORD_BY_BACKEND, .code = 250 },
        { .recipient = eve, .by = RECORD_BY_MXWARD, .code = 550, .text = refused.text, .verdict = &refused },
    };
    struct record record;
    record_init(&record);
    record.facts = &fixture.facts;
    record.answers = fixture.answers;
    record.verdict = &pass;
    record.recipients = recipients;
    record.recipients_count = 2;
    struct record_reading reading;
    struct slice problem, again[RECORD_PARTS];
    struct replay_difference differences[RECORD_PARTS];
    ck_assert(record_read(record_write(&record, arena), arena, &reading, &problem));
    ck_assert_uint_eq(reading.judged_count, 2);
    for (size_t i = 0; i < 2; i++) {
        judge_again(&reading, &reading.judged[i], again);
        ck_assert_uint_eq(replay_compare(&reading.judged[i], again, differences), 0);
    }
    ck_assert_slice(again[PART_VERDICT], "{\"action\":\"reject\",\"rule\":\"a\"}");
    fixture_clear(&fixture);
}
END_TEST

/* What MAIL and RCPT said beside the addresses: of it judging needs SMTPUTF8 alone. */
START_TEST(parameters_return)
{
    fixture_init(&fixture, "rule a at mail { when sender.smtputf8 then score 5 }", "");
    fixture.facts.smtputf8 = true;
    fixture.facts.sender = SLICE("j\xC3\xBC@example.org");
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    ck_assert_int_eq(verdict.score, 5);
    struct record_recipient recipient = {
        .recipient = fixture.recipients[0], .notify = SLICE("NEVER"), .orcpt = SLICE("rfc822;a+2Bb"),
    };
    struct record record;
    record_init(&record);
    record.facts = &fixture.facts;
    record.answers = fixture.answers;
    record.verdict = &verdict;
    record.ret = SLICE("HDRS");
    record.envid = SLICE("x+2B");
    record.recipients = &recipient;
    record.recipients_count = 1;
    struct record_reading reading;
    struct slice problem, again[RECORD_PARTS];
    struct replay_difference differences[RECORD_PARTS];
    struct slice line = record_write(&record, arena);
    ck_assert(slice_contains(line, "j\xC3\xBC@example.org"));
    ck_assert(record_read(line, arena, &reading, &problem));
    ck_assert(reading.facts.smtputf8);
    ck_assert_slice(reading.record.ret, "HDRS");
    ck_assert_slice(reading.record.envid, "x+2B");
    ck_assert_slice(reading.record.recipients[0].notify, "NEVER");
    ck_assert_slice(reading.record.recipients[0].orcpt, "rfc822;a+2Bb");
    judge_again(&reading, &reading.judged[0], again);
    ck_assert_uint_eq(replay_compare(&reading.judged[0], again, differences), 0);
    fixture_clear(&fixture);
}
END_TEST

/* Who spoke, when, for whom, and how: a verdict may hang on each; each comes back from a record, and by a frame. */
START_TEST(origins_come_back)
{
    static const enum facts_told states[] = { FACTS_TOLD_NOTHING, FACTS_TOLD_NAME, FACTS_TOLD_NO_NAME,
                                              FACTS_TOLD_TEMPORARY };
    struct facts *facts = &fixture.facts;
    struct wire_writer writer;
    struct wire_reader reader;
    struct facts back[2];
    struct record_reading reading;
    struct slice problem;

    fixture_init(&fixture, "", "");
    ck_assert(address_parse(SLICE("198.18.0.9"), &facts->via));
    facts->told.state = states[_i];
    facts->told.name = states[_i] == FACTS_TOLD_NAME ? SLICE("told.example") : SLICE_NONE;
    facts->told.reverse_name = states[_i] == FACTS_TOLD_NOTHING ? SLICE_NONE : SLICE("rev.example");
    facts->early = facts->tls = facts->tls_implicit = facts->requiretls = true;
    facts->hops_most = 77;
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    ck_assert_msg(record_read(fixture_record(&verdict), fixture.arena, &reading, &problem), "%.*s", SLICE_ARG(problem));
    back[0] = reading.facts;
    wire_writer_init(&writer, 65536);
    facts_encode(facts, &writer);
    wire_reader_init(&reader, wire_written(&writer));
    ck_assert(facts_decode(&reader, fixture.arena, &back[1]));
    for (size_t i = 0; i < 2; i++) {
        ck_assert(address_equal(&back[i].via, &facts->via));
        ck_assert_int_eq(back[i].told.state, states[_i]);
        ck_assert(slice_equal(back[i].told.name, facts->told.name));
        ck_assert(slice_equal(back[i].told.reverse_name, facts->told.reverse_name));
        ck_assert(back[i].early && back[i].tls && back[i].tls_implicit && back[i].requiretls);
        ck_assert_uint_eq(back[i].hops_most, 77);
    }
    wire_writer_clear(&writer);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(without_answers_it_is_not_replayable)
{
    struct verdict verdict;
    struct record_reading reading;
    struct slice problem;
    record_of(&scenes[1], &verdict);
    struct record record;
    record_init(&record);
    record.facts = &fixture.facts;
    record.answers = fixture.answers;
    record.verdict = &verdict;
    record.answers_left_out = true;
    struct slice line = record_write(&record, arena);
    ck_assert(slice_contains(line, "\"replayable\":false"));
    ck_assert(!slice_contains(line, "\"answers\""));
    ck_assert(record_read(line, arena, &reading, &problem));
    ck_assert(!reading.replayable);
    fixture_clear(&fixture);
}
END_TEST

/* tests/records: verdicts that must stay what they were; remake there makes them anew when a change is meant. */
START_TEST(kept_records_are_judged_to_the_same_bytes)
{
    glob_t found;
    ck_assert_int_eq(glob(TESTS_DIRECTORY "/records/*.record", 0, NULL, &found), 0);
    ck_assert_uint_ge(found.gl_pathc, 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct slice rules, line, problem, again[RECORD_PARTS];
        struct record_reading reading;
        struct replay_difference differences[RECORD_PARTS];
        ck_assert(file_read(TESTS_DIRECTORY "/records/records.rules", 1 << 20, arena, &rules, &problem));
        fixture_init(&fixture, arena_string(arena, rules), "");
        ck_assert(file_read(found.gl_pathv[i], 1 << 20, arena, &line, &problem));
        ck_assert_msg(record_read(line, arena, &reading, &problem), "%.*s", SLICE_ARG(problem));
        ck_assert_uint_eq(reading.judged_count, 1);
        judge_again(&reading, &reading.judged[0], again);
        ck_assert_msg(replay_compare(&reading.judged[0], again, differences) == 0, "%s: %s\n%.*s\n%.*s",
                      found.gl_pathv[i], record_part_name(differences[0].part), SLICE_ARG(differences[0].recorded),
                      SLICE_ARG(differences[0].judged));
        fixture_clear(&fixture);
    }
    globfree(&found);
}
END_TEST

static const struct {
    const char *text;
    const char *problem;           /* part of it */
} damaged[] = {
    { "", "not JSON" },
    { "{", "not JSON" },
    { "[]", "not an object" },
    { "{}", "\"record\"" },
    { "{\"record\":2}", "\"record\"" },
    { "{\"record\":\"1\"}", "\"record\"" },
    { "{\"record\":1,\"record\":1}", "not JSON" },
    { "{\"record\":1,\"time\":\"yesterday\"}", "\"time\"" },
    { "{\"record\":1,\"client\":[]}", "\"client\"" },
    { "{\"record\":1,\"client\":{\"ip\":\"1.2.3\"}}", "\"ip\"" },
    { "{\"record\":1,\"client\":{\"port\":65536}}", "\"port\"" },
    { "{\"record\":1,\"client\":{\"esmtp\":1}}", "\"esmtp\"" },
    { "{\"record\":1,\"stage\":\"sometime\"}", "\"stage\"" },
    { "{\"record\":1,\"stage\":\"message\"}", "\"message\"" },
    { "{\"record\":1,\"program\":\"abc\"}", "\"program\"" },
    { "{\"record\":1,\"answers\":[{\"type\":\"TXT\",\"name\":\"a\",\"status\":\"records\"}]}", "\"answers\"" },
    { "{\"record\":1,\"answers\":[{\"type\":\"TXT\",\"name\":\"a..b\",\"status\":\"no-name\"}]}", "\"answers\"" },
    { "{\"record\":1,\"answers\":[{\"type\":\"A\",\"name\":\"a\",\"status\":\"records\",\"records\":[\"::1\"]}]}",
      "\"records\"" },
    { "{\"record\":1,\"message\":{\"header-size\":1,\"removed\":[[1,2]]}}", "\"removed\"" },
    { "{\"record\":1,\"message\":{\"header-size\":1,\"signatures\":[{\"crypto\":\"maybe\"}]}}", "\"crypto\"" },
};

START_TEST(damaged_records_are_refused)
{
    struct record_reading reading;
    struct slice problem = SLICE_NONE;
    ck_assert(!record_read(slice_of_string(damaged[_i].text), arena, &reading, &problem));
    ck_assert_msg(slice_contains(problem, damaged[_i].problem), "%.*s", SLICE_ARG(problem));
}
END_TEST

/* Who authenticated is judged again, and so are sessions of nobody on the same listener. */
START_TEST(users_return)
{
    fixture_init(&fixture, "rule a at mail { when auth.user == \"j\xC3\xBC\" and auth.identity == \"bob\" and "
                           "auth.mechanism == \"PLAIN\" and listener.submission then score 5 }", "");
    fixture.facts.submission = true;
    fixture.facts.authenticated = _i == 0;
    fixture.facts.auth_mechanism = _i == 0 ? SLICE("PLAIN") : SLICE_NONE;
    fixture.facts.auth_user = _i == 0 ? SLICE("j\xC3\xBC") : SLICE_NONE;
    fixture.facts.auth_identity = _i == 0 ? SLICE("bob") : SLICE_NONE;
    struct verdict verdict = fixture_judge(&fixture, STAGE_MAIL);
    ck_assert_int_eq(verdict.score, _i == 0 ? 5 : 0);
    struct record record;
    record_init(&record);
    record.facts = &fixture.facts;
    record.answers = fixture.answers;
    record.verdict = &verdict;
    struct record_reading reading;
    struct slice problem, again[RECORD_PARTS];
    struct replay_difference differences[RECORD_PARTS];
    ck_assert(record_read(record_write(&record, arena), arena, &reading, &problem));
    ck_assert(reading.facts.submission);
    ck_assert_int_eq(reading.facts.authenticated, _i == 0);
    ck_assert(slice_equal(reading.facts.auth_user, fixture.facts.auth_user));
    ck_assert(slice_equal(reading.facts.auth_identity, fixture.facts.auth_identity));
    judge_again(&reading, &reading.judged[0], again);
    ck_assert_uint_eq(replay_compare(&reading.judged[0], again, differences), 0);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(sessions_are_recorded)
{
    struct facts facts = { .id = SLICE("01KAK2V7ZQ1ABCDE") };
    struct record record;
    struct record_reading reading;
    struct slice problem;
    record_init(&record);
    record.kind = RECORD_SESSION;
    record.facts = &facts;
    record.outcome = (struct record_outcome){ .by = RECORD_BY_MXWARD, .code = 421, .text = SLICE("4.7.0 too many"),
                                              .reason = SLICE("limit sessions-per-network"), .left_out = 17 };
    struct slice line = record_write(&record, arena);
    ck_assert_int_eq(line.text[line.length - 1], '\n');
    ck_assert_uint_eq(slice_find(line, '\n'), line.length - 1);
    ck_assert(record_read(line, arena, &reading, &problem));
    ck_assert_int_eq(reading.record.kind, RECORD_SESSION);
    ck_assert_uint_eq(reading.record.outcome.left_out, 17);
    ck_assert_uint_eq(reading.judged_count, 0);
    ck_assert(!reading.facts.has_mail);
}
END_TEST

Suite *suite_record(void)
{
    Suite *suite = suite_create("record");
    TCase *tests = tcase_create("record");
    int count = sizeof scenes / sizeof scenes[0];
    tcase_add_loop_test(tests, origins_come_back, 0, 4);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, any_bytes_are_written_as_utf8, 0, sizeof escapes / sizeof escapes[0]);
    tcase_add_test(tests, json_is_written_as_jansson_writes_it);
    tcase_add_loop_test(tests, times_return, 0, sizeof times / sizeof times[0]);
    tcase_add_test(tests, other_times_are_refused);
    tcase_add_loop_test(tests, records_are_judged_to_the_same_bytes, 0, count);
    tcase_add_loop_test(tests, a_changed_answer_changes_the_verdict, 0, count);
    tcase_add_loop_test(tests, facts_and_evidence_return, 0, count);
    tcase_add_test(tests, signatures_return);
    tcase_add_test(tests, refused_recipients_are_judged_again_too);
    tcase_add_test(tests, parameters_return);
    tcase_add_test(tests, without_answers_it_is_not_replayable);
    tcase_add_test(tests, kept_records_are_judged_to_the_same_bytes);
    tcase_add_loop_test(tests, damaged_records_are_refused, 0, sizeof damaged / sizeof damaged[0]);
    tcase_add_loop_test(tests, users_return, 0, 2);
    tcase_add_test(tests, sessions_are_recorded);
    suite_add_tcase(suite, tests);
    return suite;
}
