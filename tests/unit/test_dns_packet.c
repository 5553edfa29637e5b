/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dns_packet.c: DNS packets built octet by octet (RFC 1035 4.1) and what must be read from them, hostile ones
 * included.
 */
#include <stdlib.h>

#include <check.h>

#include "proxy/dns_packet.h"

#define TYPE_CNAME 5

static struct arena *arena;
static unsigned char packet[65535];
static size_t length;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(&arena);
}

static void put8(unsigned number)
{
    ck_assert(length < sizeof(packet));
    packet[length++] = (unsigned char)number;
}

static void put16(unsigned number)
{
    put8(number >> 8);
    put8(number & 0xff);
}

static void put_bytes(const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put8(((const unsigned char *)bytes)[i]);
}

/* "a.b" as labels, without the root's zero when it ends in '+' (what follows goes on with the name). */
static void put_name(const char *name)
{
    struct slice rest = slice_of_string(name);

    while (rest.length > 0 && rest.text[0] != '+') {
        struct slice label = slice_cut(&rest, '.');

        put8((unsigned)label.length);
        put_bytes(label.text, label.length);
    }
    if (rest.length == 0)
        put8(0);
}

static void begin(unsigned flags, unsigned answers, const char *name, unsigned type)
{
    length = 0;
    put16(0x1234);
    put16(flags);
    put16(1);
    put16(answers);
    put16(0);
    put16(0);
    put_name(name);
    put16(type);
    put16(1);
}

/* Type, class, time to live and length of data. */
static void put_fixed(unsigned type, unsigned data_length)
{
    put16(type);
    put16(1);
    put16(0);
    put16(300);
    put16(data_length);
}

static struct answer read_answer(enum question_type type, const char *name)
{
    struct question question = { type, slice_of_string(name) };
    /* A copy on the heap, so that reading past the end is seen. */
    unsigned char *copy = memory_alloc(length);
    struct answer answer;

    memcpy(copy, packet, length);
    answer = dns_packet_answer(slice_of((char *)copy, length), &question, arena);
    free(copy);
    return answer;
}

static void assert_text(struct slice got, const char *expected)
{
    ck_assert_msg(slice_equal(got, slice_of_string(expected)), "got \"%.*s\", not \"%s\"", SLICE_ARG(got), expected);
}

static void assert_failed(enum question_type type, const char *name, const char *reason)
{
    struct answer answer = read_answer(type, name);

    ck_assert_int_eq(answer.status, ANSWER_FAILED);
    ck_assert_uint_eq(answer.count, 0);
    assert_text(answer.reason, reason);
}

START_TEST(addresses)
{
    struct answer answer;

    begin(0x8180, 2, "example.org", QUESTION_A);
    put16(0xc00c);
    put_fixed(QUESTION_A, 4);
    put_bytes("\xc0\0\2\1", 4);
    put_name("EXAMPLE.org");
    put_fixed(QUESTION_A, 4);
    put_bytes("\xc0\0\2\2", 4);
    answer = read_answer(QUESTION_A, "example.org");
    ck_assert_int_eq(answer.status, ANSWER_RECORDS);
    ck_assert_uint_eq(answer.count, 2);
    ck_assert(slice_equal(answer.records[0].data, slice_of("\xc0\0\2\1", 4)));
    ck_assert(slice_equal(answer.records[1].data, slice_of("\xc0\0\2\2", 4)));
    assert_text(answer.question.name, "example.org");

    begin(0x8180, 1, "example.org", QUESTION_AAAA);
    put16(0xc00c);
    put_fixed(QUESTION_AAAA, 16);
    put_bytes("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
    answer = read_answer(QUESTION_AAAA, "example.org");
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_uint_eq(answer.records[0].data.length, 16);
}
END_TEST

START_TEST(mail_exchangers)
{
    struct answer answer;

    begin(0x8180, 2, "example.org", QUESTION_MX);
    put16(0xc00c);
    put_fixed(QUESTION_MX, 9);
    put16(10);
    put_bytes("\4Mail\xc0\x0c", 7);
    put16(0xc00c);
    put_fixed(QUESTION_MX, 3);         /* RFC 7505: null MX */
    put16(0);
    put8(0);
    answer = read_answer(QUESTION_MX, "example.org");
    ck_assert_uint_eq(answer.count, 2);
    ck_assert_uint_eq(answer.records[0].preference, 10);
    assert_text(answer.records[0].data, "mail.example.org");
    ck_assert_uint_eq(answer.records[1].preference, 0);
    assert_text(answer.records[1].data, ".");
}
END_TEST

/* Names in data are given in the form of answers.h. */
START_TEST(escaped_names)
{
    struct answer answer;

    begin(0x8180, 1, "1.2.0.192.in-addr.arpa", QUESTION_PTR);
    put16(0xc00c);
    put_fixed(QUESTION_PTR, 18);
    put_bytes("\7a.b\\ \xff" "C\7ExamplE\0", 17);
    put8(0);
    packet[length - 18] = 7;
    answer = read_answer(QUESTION_PTR, "1.2.0.192.in-addr.arpa");
    /* One octet too many after the name: the data is not a name. */
    ck_assert_int_eq(answer.status, ANSWER_FAILED);

    begin(0x8180, 1, "1.2.0.192.in-addr.arpa", QUESTION_PTR);
    put16(0xc00c);
    put_fixed(QUESTION_PTR, 17);
    put_bytes("\7a.b\\ \xff" "C\7ExamplE\0", 17);
    answer = read_answer(QUESTION_PTR, "1.2.0.192.in-addr.arpa");
    ck_assert_uint_eq(answer.count, 1);
    assert_text(answer.records[0].data, "a\\046b\\092\\032\\255c.example");
}
END_TEST

START_TEST(texts)
{
    struct answer answer;

    begin(0x8180, 2, "example.org", QUESTION_TXT);
    put16(0xc00c);
    put_fixed(QUESTION_TXT, 12);
    put_bytes("\6v=spf1\5 -al", 12);      /* the second string runs into the next record */
    put16(0xc00c);
    put_fixed(QUESTION_TXT, 2);
    put_bytes("\1a", 2);
    assert_failed(QUESTION_TXT, "example.org", "malformed record");

    begin(0x8180, 3, "example.org", QUESTION_TXT);
    put16(0xc00c);
    put_fixed(QUESTION_TXT, 14);
    put_bytes("\6v=spf1\0\5 -all", 14);
    put16(0xc00c);
    put_fixed(QUESTION_TXT, 1);
    put8(0);
    put16(0xc00c);
    put_fixed(QUESTION_TXT, 4);
    put_bytes("\3\0\xff\"", 4);
    answer = read_answer(QUESTION_TXT, "example.org");
    ck_assert_uint_eq(answer.count, 3);
    assert_text(answer.records[0].data, "v=spf1 -all");
    ck_assert(answer.records[1].data.text != NULL);
    ck_assert_uint_eq(answer.records[1].data.length, 0);
    ck_assert(slice_equal(answer.records[2].data, slice_of("\0\xff\"", 3)));

    begin(0x8180, 1, "example.org", QUESTION_TXT);
    put16(0xc00c);
    put_fixed(QUESTION_TXT, 0);            /* RFC 1035 3.3.14: one or more strings, but none too */
    answer = read_answer(QUESTION_TXT, "example.org");
    ck_assert_int_eq(answer.status, ANSWER_RECORDS);
    assert_text(answer.records[0].data, "");
}
END_TEST

/* Records in an order nobody promises: the chain's end first. */
START_TEST(aliases)
{
    struct answer answer;

    begin(0x8180, 3, "www.example.org", QUESTION_A);
    put_name("c.example");
    put_fixed(QUESTION_A, 4);
    put_bytes("\xc0\0\2\7", 4);
    put_name("b.example");
    put_fixed(TYPE_CNAME, 11);
    put_name("c.example");
    put16(0xc00c);
    put_fixed(TYPE_CNAME, 11);
    put_name("B.example");
    answer = read_answer(QUESTION_A, "www.example.org");
    ck_assert_int_eq(answer.status, ANSWER_RECORDS);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert(slice_equal(answer.records[0].data, slice_of("\xc0\0\2\7", 4)));
    assert_text(answer.question.name, "www.example.org");
}
END_TEST

START_TEST(alias_loop)
{
    begin(0x8180, 1, "www.example.org", QUESTION_A);
    put16(0xc00c);
    put_fixed(TYPE_CNAME, 2);
    put16(0xc00c);
    assert_failed(QUESTION_A, "www.example.org", "CNAME chain too long");
}
END_TEST

/* RFC 6604 3: the code is that of the last name of the chain. */
START_TEST(alias_to_nothing)
{
    static const struct {
        unsigned flags;
        enum answer_status status;
    } cases[] = { { 0x8183, ANSWER_NO_NAME }, { 0x8180, ANSWER_NO_DATA } };

    begin(cases[_i].flags, 1, "www.example.org", QUESTION_TXT);
    put16(0xc00c);
    put_fixed(TYPE_CNAME, 6);
    put_bytes("\1x\2yz\0", 6);
    ck_assert_int_eq(read_answer(QUESTION_TXT, "www.example.org").status, cases[_i].status);
}
END_TEST

START_TEST(codes)
{
    static const struct {
        unsigned flags;
        enum answer_status status;
        const char *reason;
    } cases[] = {
        { 0x8180, ANSWER_NO_DATA, "" },
        { 0x8183, ANSWER_NO_NAME, "" },
        { 0x8181, ANSWER_FAILED, "FORMERR" },
        { 0x8182, ANSWER_FAILED, "SERVFAIL" },
        { 0x8185, ANSWER_FAILED, "REFUSED" },
        { 0x818f, ANSWER_FAILED, "rcode 15" },
        { 0x8380, ANSWER_FAILED, "reply truncated" },
        { 0x0180, ANSWER_FAILED, "packet is no reply to a query" },
        { 0x8980, ANSWER_FAILED, "packet is no reply to a query" },
    };
    struct answer answer;

    begin(cases[_i].flags, 0, "example.org", QUESTION_A);
    answer = read_answer(QUESTION_A, "example.org");
    ck_assert_int_eq(answer.status, cases[_i].status);
    assert_text(answer.reason, cases[_i].reason);
}
END_TEST

START_TEST(other_question)
{
    begin(0x8180, 0, "example.org", QUESTION_A);
    assert_failed(QUESTION_A, "example.com", "reply to another question");
    assert_failed(QUESTION_MX, "example.org", "reply to another question");
    packet[length - 1] = 3;                /* class CH */
    assert_failed(QUESTION_A, "example.org", "reply to another question");
    packet[5] = 0;
    assert_failed(QUESTION_A, "example.org", "reply without the question");
    packet[5] = 2;
    assert_failed(QUESTION_A, "example.org", "reply without the question");
}
END_TEST

/* Records of other names, classes and types are no answer, and do no harm. */
START_TEST(unrelated)
{
    begin(0x8180, 3, "example.org", QUESTION_A);
    put_name("example.com");
    put_fixed(QUESTION_A, 4);
    put_bytes("\xc0\0\2\1", 4);
    put16(0xc00c);
    put_fixed(46, 3);                      /* RRSIG */
    put_bytes("xyz", 3);
    put16(0xc00c);
    put_fixed(QUESTION_A, 4);
    packet[length - 7] = 3;
    put_bytes("\xc0\0\2\1", 4);
    ck_assert_int_eq(read_answer(QUESTION_A, "example.org").status, ANSWER_NO_DATA);
}
END_TEST

/* RFC 1035 4.1.4: a pointer leads to a prior occurrence. These do not, or make the name too long. */
START_TEST(hostile_names)
{
    static const struct {
        const char *bytes;
        size_t count;
    } cases[] = {
        { "\xc0\x1d", 2 },                 /* to itself (the answer begins at 29) */
        { "\1a\xc0\x1d", 4 },              /* to its own beginning */
        { "\xc0\x1f", 2 },                 /* forward */
        { "\xff\xff", 2 },                 /* past the end */
        { "\xc0", 1 },                     /* cut */
        { "\x40" "a", 2 },                 /* reserved kinds of label */
        { "\x80" "a", 2 },
        { "\5ab", 3 },                     /* label cut */
        { "", 0 },
    };

    begin(0x8180, 1, "example.org", QUESTION_A);
    ck_assert_uint_eq(length, 29);
    put_bytes(cases[_i].bytes, cases[_i].count);
    assert_failed(QUESTION_A, "example.org", "malformed record");
}
END_TEST

/* Two names that point at each other in rdata of earlier records. */
START_TEST(pointer_loop)
{
    begin(0x8180, 2, "example.org", QUESTION_MX);
    put16(0xc00c);
    put_fixed(QUESTION_MX, 4);
    put16(1);
    put16(0xc000 | 47);                    /* at 43: forward to the next record's data */
    put16(0xc000 | 43);
    put_fixed(QUESTION_MX, 4);
    put16(1);
    put16(0xc000 | 43);
    assert_failed(QUESTION_MX, "example.org", "malformed record");
}
END_TEST

/* 255 octets are allowed (RFC 1035 2.3.4), 256 are not, also when pointers make them. */
START_TEST(name_length)
{
    static const char label[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct answer answer;

    for (unsigned last = 61; last <= 63; last++) {
        begin(0x8180, 1, "x", QUESTION_PTR);
        put16(0xc00c);
        put_fixed(QUESTION_PTR, 3 * 63 + 1 + last + 3);
        for (int i = 0; i < 3; i++) {
            put8(62);
            put_bytes(label, 62);
        }
        put8(last);
        put_bytes(label, last);
        put8(1);
        put8('b');
        put8(0);
        answer = read_answer(QUESTION_PTR, "x");
        /* 189 + 1 + last + 2 + 1 */
        ck_assert_int_eq(answer.status, 193 + last <= 255 ? ANSWER_RECORDS : ANSWER_FAILED);
        if (answer.status == ANSWER_RECORDS)
            ck_assert_uint_eq(answer.records[0].data.length, 193 + last - 2);
    }
}
END_TEST

START_TEST(data_lengths)
{
    static const struct {
        enum question_type type;
        unsigned data_length;
    } cases[] = {
        { QUESTION_A, 3 }, { QUESTION_A, 5 }, { QUESTION_A, 0 }, { QUESTION_AAAA, 4 }, { QUESTION_AAAA, 17 },
        { QUESTION_MX, 2 }, { QUESTION_MX, 1 }, { QUESTION_MX, 0 }, { QUESTION_MX, 4 },
        { QUESTION_PTR, 0 }, { QUESTION_PTR, 2 },
    };

    begin(0x8180, 1, "example.org", cases[_i].type);
    put16(0xc00c);
    put_fixed(cases[_i].type, cases[_i].data_length);
    for (unsigned i = 0; i < cases[_i].data_length; i++)
        put8(0);
    assert_failed(cases[_i].type, "example.org", "malformed record");
}
END_TEST

/* Every cut of a good packet is a failure or says less, and none reads past its end. */
START_TEST(cut_anywhere)
{
    size_t whole;

    begin(0x8180, 2, "example.org", QUESTION_MX);
    put16(0xc00c);
    put_fixed(QUESTION_MX, 9);
    put16(10);
    put_bytes("\4mail\xc0\x0c", 7);
    put16(0xc00c);
    put_fixed(QUESTION_MX, 4);
    put16(20);
    put16(0xc00c);
    whole = length;
    ck_assert_int_eq(read_answer(QUESTION_MX, "example.org").status, ANSWER_RECORDS);
    for (length = 1; length < whole; length++)
        ck_assert_int_eq(read_answer(QUESTION_MX, "example.org").status, ANSWER_FAILED);
}
END_TEST

START_TEST(many_records)
{
    struct answer answer;

    begin(0x8180, 300, "example.org", QUESTION_A);
    for (unsigned i = 0; i < 300; i++) {
        put16(0xc00c);
        put_fixed(QUESTION_A, 4);
        put16(0x0a00);
        put16(i);
    }
    answer = read_answer(QUESTION_A, "example.org");
    ck_assert_int_eq(answer.status, ANSWER_RECORDS);
    ck_assert_uint_eq(answer.count, ANSWER_RECORDS_MOST);
}
END_TEST

/* The root can be asked about, too. */
START_TEST(root)
{
    begin(0x8183, 0, "", QUESTION_MX);
    ck_assert_int_eq(read_answer(QUESTION_MX, ".").status, ANSWER_NO_NAME);
}
END_TEST

Suite *suite_dns_packet(void);

Suite *suite_dns_packet(void)
{
    Suite *suite = suite_create("dns_packet");
    TCase *tests = tcase_create("packets");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, addresses);
    tcase_add_test(tests, mail_exchangers);
    tcase_add_test(tests, escaped_names);
    tcase_add_test(tests, texts);
    tcase_add_test(tests, aliases);
    tcase_add_test(tests, alias_loop);
    tcase_add_loop_test(tests, alias_to_nothing, 0, 2);
    tcase_add_loop_test(tests, codes, 0, 9);
    tcase_add_test(tests, other_question);
    tcase_add_test(tests, unrelated);
    tcase_add_loop_test(tests, hostile_names, 0, 9);
    tcase_add_test(tests, pointer_loop);
    tcase_add_test(tests, name_length);
    tcase_add_loop_test(tests, data_lengths, 0, 11);
    tcase_add_test(tests, cut_anywhere);
    tcase_add_test(tests, many_records);
    tcase_add_test(tests, root);
    suite_add_tcase(suite, tests);
    return suite;
}
