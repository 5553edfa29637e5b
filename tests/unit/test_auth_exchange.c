/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_auth_exchange.c: RFC 4954's grammar of AUTH, its examples and what it must not ignore; and the names that
 * responses show, by the examples of the mechanisms' own specifications.
 */
#include <check.h>
#include <stdlib.h>

#include "proxy/auth_exchange.h"
#include "rules/arena.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define BYTES(text) { text, sizeof(text) - 1 }
#define TEN "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN
#define NAME_255 FIFTY FIFTY FIFTY FIFTY FIFTY "vwxyz"

static const struct {
    const char *argument;
    const char *mechanism;         /* NULL: refused */
    const char *initial;           /* NULL: none */
} commands[] = {
    { "PLAIN", "PLAIN", NULL },
    { "PLAIN dGVzdAB0ZXN0ADEyMzQ=", "PLAIN", "dGVzdAB0ZXN0ADEyMzQ=" },
    { "EXTERNAL =", "EXTERNAL", "=" },
    { "scram-sha-256  bixh", "scram-sha-256", "bixh" },
    { "X_1-2", "X_1-2", NULL },
    { "PLAIN ", "PLAIN", "" },
    { "ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST", NULL },
    { "ABCDEFGHIJKLMNOPQRSTU", NULL, NULL },
    { "", NULL, NULL },
    { "PLAIN a b", NULL, NULL },
    { "PLA.IN", NULL, NULL },
    { "PLAIN=", NULL, NULL },
};

START_TEST(command_grammar)
{
    struct auth_command command;
    bool well = auth_command_read(slice_of_string(commands[_i].argument), &command);

    ck_assert_int_eq(well, commands[_i].mechanism != NULL);
    if (!well)
        return;
    ck_assert(slice_equal(command.mechanism, slice_of_string(commands[_i].mechanism)));
    ck_assert_int_eq(command.initial.text != NULL, commands[_i].initial != NULL);
    ck_assert(slice_equal(command.initial, slice_of_string(commands[_i].initial)));
}
END_TEST

/* RFC 4954 4: "=AAA" and "AAA=BBB" are not allowed, and no character outside the alphabet is ignored. */
static const struct {
    struct slice text;
    bool base64;
    bool initial;
} texts[] = {
    { BYTES(""), true, false },
    { BYTES("="), false, true },
    { BYTES("dGVzdAB0ZXN0ADEyMzQ="), true, true },
    { BYTES("QQ=="), true, true },
    { BYTES("QUI="), true, true },
    { BYTES("+/09azAZ"), true, true },
    { BYTES("=AAA"), false, false },
    { BYTES("AAA=BBBB"), false, false },
    { BYTES("AAA=BBB="), false, false },
    { BYTES("A==="), false, false },
    { BYTES("===="), false, false },
    { BYTES("AAA"), false, false },
    { BYTES("AAAAA"), false, false },
    { BYTES("AA A"), false, false },
    { BYTES("AAA "), false, false },
    { BYTES("AA-_"), false, false },
    { BYTES("AA\0A"), false, false },
    { BYTES("\xC3\xA4" "AA"), false, false },
    { BYTES("*"), false, false },
};

START_TEST(base64)
{
    /* A copy of exactly its size: a sanitizer sees who reads around it. */
    char *copy = malloc(texts[_i].text.length == 0 ? 1 : texts[_i].text.length);
    struct slice text = { copy, texts[_i].text.length };

    memcpy(copy, texts[_i].text.text, text.length);
    ck_assert_int_eq(auth_is_base64(text), texts[_i].base64);
    ck_assert_int_eq(auth_is_initial(text), texts[_i].initial);
    free(copy);
}
END_TEST

START_TEST(mechanisms_that_pass)
{
    struct slice offered = SLICE("PLAIN SCRAM-SHA-256 X");

    ck_assert(auth_mechanism_passes(SLICE("PLAIN")) && auth_mechanism_passes(SLICE("SCRAM-SHA-256")));
    ck_assert(!auth_mechanism_passes(SLICE("EXTERNAL")) && !auth_mechanism_passes(SLICE("external")));
    ck_assert(!auth_mechanism_passes(SLICE("SCRAM-SHA-256-PLUS")) && !auth_mechanism_passes(SLICE("scram-sha-1-plus")));
    ck_assert(!auth_mechanism_passes(SLICE("")) && !auth_mechanism_passes(SLICE("A B")));
    ck_assert(auth_mechanism_is_among(SLICE("plain"), offered) && auth_mechanism_is_among(SLICE("X"), offered));
    ck_assert(!auth_mechanism_is_among(SLICE("SCRAM"), offered) && !auth_mechanism_is_among(SLICE(""), offered));
    ck_assert(!auth_mechanism_is_among(SLICE(""), SLICE("")) && !auth_mechanism_is_among(SLICE("X"), SLICE("")));
}
END_TEST

/* What a client's first response, decoded, shows. */
static const struct {
    const char *mechanism;
    struct slice response;
    const char *user;              /* "": none */
    const char *identity;
} names[] = {
    /* RFC 4616 4 */
    { "PLAIN", BYTES("\0tim\0tanstaaftanstaaf"), "tim", "" },
    { "PLAIN", BYTES("Ursel\0Kurt\0xipj3plmq"), "Kurt", "Ursel" },
    { "plain", BYTES("\0a@example.org\0x"), "a@example.org", "" },
    { "PLAIN", BYTES("\0J\xC3\xBCrgen\0x"), "J\xC3\xBCrgen", "" },
    { "PLAIN", BYTES("\0J\xFCrgen\0x"), "", "" },
    { "PLAIN", BYTES("\0a\nb\0x"), "", "" },
    { "PLAIN", BYTES("\0a\xC2\x85\0x"), "", "" },
    { "PLAIN", BYTES("\0\0x"), "", "" },
    { "PLAIN", BYTES("tim\0tanstaaf"), "", "" },
    { "PLAIN", BYTES("tanstaaf"), "", "" },
    { "PLAIN", BYTES(""), "", "" },
    { "PLAIN", BYTES("\0" NAME_255 "\0x"), NAME_255, "" },
    { "PLAIN", BYTES("\0" NAME_255 "!\0x"), "", "" },
    { "LOGIN", BYTES("tim"), "tim", "" },
    { "LOGIN", BYTES(NAME_255 "!"), "", "" },
    /* RFC 2195 2 */
    { "CRAM-MD5", BYTES("tim b913a602c7eda7a495b4e6e7334d3890"), "tim", "" },
    { "CRAM-MD5", BYTES("tim tom b913a602c7eda7a495b4e6e7334d3890"), "tim tom", "" },
    { "CRAM-MD5", BYTES("b913a602c7eda7a495b4e6e7334d3890"), "", "" },
    /* RFC 2831 4 */
    { "DIGEST-MD5", BYTES("charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\","
                          "nc=00000001,cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/elwood.innosoft.com\","
                          "response=d388dad90d4bbd760a152321f2143af7,qop=auth"), "chris", "" },
    { "DIGEST-MD5", BYTES("realm=\"a,username=b\", username=\"c\",authzid=\"d\""), "c", "d" },
    { "DIGEST-MD5", BYTES("username=\"a\\\"b\",authzid=\"d\""), "", "d" },
    { "DIGEST-MD5", BYTES("username=\"a"), "", "" },
    /* RFC 2831 2.1.2: a second one is an error, and not every server may see it. */
    { "DIGEST-MD5", BYTES("username=\"a\",username=\"b\",authzid=\"d\""), "", "d" },
    { "DIGEST-MD5", BYTES("username=\"a\\\"\",username=\"b\""), "", "" },
    { "DIGEST-MD5", BYTES("username=\"a\",authzid=\"c\",authzid=\"d\""), "a", "" },
    { "DIGEST-MD5", BYTES("username = \"a\" , authzid = d"), "a", "d" },
    { "DIGEST-MD5", BYTES("username=\"a\",,username=\"b\""), "", "" },
    { "DIGEST-MD5", BYTES("username=\"a\"b,qop=auth"), "", "" },
    { "DIGEST-MD5", BYTES("username=\"a\",\1username=\"b\""), "", "" },
    { "DIGEST-MD5", BYTES("username=\"a\",qop"), "", "" },
    { "DIGEST-MD5", BYTES("username"), "", "" },
    { "DIGEST-MD5", BYTES("realm=\"a\\"), "", "" },
    /* RFC 5802 5 and 5.1, RFC 7677 3 */
    { "SCRAM-SHA-1", BYTES("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"), "user", "" },
    { "SCRAM-SHA-256", BYTES("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), "user", "" },
    { "SCRAM-SHA-1", BYTES("y,a=other,n=us=2Cer=3D,r=x"), "us,er=", "other" },
    { "SCRAM-SHA-1", BYTES("n,,n=us=2Der,r=x"), "", "" },
    { "SCRAM-SHA-1", BYTES("n,,n=us="), "", "" },
    { "SCRAM-SHA-1", BYTES("n,,m=ext,n=user"), "", "" },
    { "SCRAM-SHA-1", BYTES("n,other,n=user"), "", "" },
    { "SCRAM-SHA-1", BYTES("p=tls-unique,,n=user,r=x"), "", "" },
    { "SCRAM-SHA-1", BYTES("a=other,,n=user,r=x"), "", "" },
    { "SCRAM-SHA-1", BYTES("n,"), "", "" },
    { "SCRAM-SHA-1", BYTES("n,,n=" NAME_255 "=2C,r=x"), "", "" },
    /* RFC 7628 4.1 */
    { "OAUTHBEARER", BYTES("n,a=user@example.com,\1host=server.example.com\1port=143\1auth=Bearer vF9dft4qmT\1\1"),
      "user@example.com", "" },
    { "OAUTHBEARER", BYTES("n,,\1auth=Bearer vF9dft4qmT\1\1"), "", "" },
    /* Who else might be read there, by a server that takes the last. */
    { "OAUTHBEARER", BYTES("n,a=user,a=other,\1auth=Bearer x\1\1"), "", "" },
    { "OAUTHBEARER", BYTES("a=other,a=user,\1auth=Bearer x\1\1"), "", "" },
    { "OAUTHBEARER", BYTES("n,a=user,\1user=other\1auth=Bearer x\1\1"), "", "" },
    { "XOAUTH2", BYTES("user=user\1auth=Bearer x\1user=other\1\1"), "", "" },
    { "XOAUTH2", BYTES("user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmT\1\1"), "someuser@example.com", "" },
    { "XOAUTH2", BYTES("someuser@example.com\1auth=Bearer x\1\1"), "", "" },
    { "GSSAPI", BYTES("\0tim\0x"), "", "" },
};

static struct slice encode(struct slice bytes, struct arena *arena)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = arena_alloc(arena, bytes.length * 2 + 8);
    size_t length = 0;

    for (size_t i = 0; i < bytes.length; i += 3) {
        unsigned group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (i + j < bytes.length ? (unsigned char)bytes.text[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            text[length++] = i + j <= bytes.length ? alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
    return slice_of(text, length);
}

static void check_name(const struct auth_name *name, const char *expected)
{
    ck_assert_msg(slice_equal(slice_of(name->text, name->length), slice_of_string(expected)), "%.*s, not %s",
                  (int)name->length, name->text, expected);
}

START_TEST(names_are_shown)
{
    struct arena *arena = arena_new();
    struct auth_exchange exchange;

    auth_exchange_begin(&exchange, slice_of_string(names[_i].mechanism));
    auth_exchange_note(&exchange, encode(names[_i].response, arena));
    check_name(&exchange.user, names[_i].user);
    check_name(&exchange.identity, names[_i].identity);
    /* What comes next is none: of LOGIN it is the password. */
    auth_exchange_note(&exchange, encode(SLICE("\0secret\0secret"), arena));
    check_name(&exchange.user, names[_i].user);
    arena_free(&arena);
}
END_TEST

START_TEST(the_rest_shows_nothing)
{
    struct auth_exchange exchange;
    char text[AUTH_LINE_MOST + 4];

    auth_exchange_begin(&exchange, SLICE("Login"));
    ck_assert_uint_eq(exchange.mechanism_length, 5);
    ck_assert_int_eq(memcmp(exchange.mechanism, "LOGIN", 5), 0);
    auth_exchange_note(&exchange, SLICE("="));
    auth_exchange_note(&exchange, SLICE("c2VjcmV0"));
    check_name(&exchange.user, "");
    auth_exchange_begin(&exchange, SLICE("LOGIN"));
    auth_exchange_note(&exchange, SLICE("not base64"));
    check_name(&exchange.user, "");
    memset(text, 'A', sizeof(text));
    auth_exchange_begin(&exchange, SLICE("PLAIN"));
    auth_exchange_note(&exchange, slice_of(text, sizeof(text)));
    check_name(&exchange.user, "");
    auth_exchange_begin(&exchange, SLICE("PLAIN"));
    auth_exchange_note(&exchange, slice_of(text, AUTH_LINE_MOST));
    check_name(&exchange.user, "");
}
END_TEST

Suite *suite_auth_exchange(void);

Suite *suite_auth_exchange(void)
{
    Suite *suite = suite_create("auth_exchange");
    TCase *tests = tcase_create("auth_exchange");

    tcase_add_loop_test(tests, command_grammar, 0, ROWS(commands));
    tcase_add_loop_test(tests, base64, 0, ROWS(texts));
    tcase_add_test(tests, mechanisms_that_pass);
    tcase_add_loop_test(tests, names_are_shown, 0, ROWS(names));
    tcase_add_test(tests, the_rest_shows_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
