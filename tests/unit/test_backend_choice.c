/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_backend_choice.c: which of several backends is asked, by the state of each, and what they offer in common. The
 * pools are bare: only what is looked at is set.
 */
#include <check.h>
#include <stdio.h>

#include "proxy/backend_private.h"

/* A letter each: "u" up, "f" up and full, "d" down, "-" never found fit, "x" unfit. */
struct choice {
    struct backend_pool pools[BACKENDS_MOST];
    struct backend_choice choice;
};

static void set(struct choice *choice, const char *states)
{
    *choice = (struct choice){ .choice.count = strlen(states) };
    for (size_t i = 0; i < choice->choice.count; i++) {
        struct backend_pool *pool = &choice->pools[i];

        choice->choice.pools[i] = pool;
        pool->settings.sessions_most = 1;
        pool->connections = states[i] == 'f';
        pool->has_offer = states[i] == 'u' || states[i] == 'f' || states[i] == 'd';
        pool->ailing = states[i] == 'd';
        pool->unfit = states[i] == 'x';
        if (states[i] == 'd' || states[i] == 'x')
            snprintf(pool->problem, sizeof(pool->problem), "it is so");
    }
}

static const struct find_row {
    const char *states;
    unsigned tried;
    int found;
} find_rows[] = {
    { "u", 0, 0 },
    { "uu", 0, 0 },
    { "uu", 1, 1 },
    { "uu", 3, -1 },
    { "du", 0, 1 },
    { "-u", 0, 1 },
    { "xu", 0, 1 },
    { "fu", 0, 1 },
    /* Busy is the word of one that is up; those that are down are not dialled for it. */
    { "f", 0, 0 },
    { "df", 0, 1 },
    { "ff", 0, 0 },
    { "uf", 1, 1 },
    /* None is up: those that once were, in order. */
    { "d", 0, 0 },
    { "dd", 0, 0 },
    { "dd", 1, 1 },
    { "xd", 0, 1 },
    { "-d", 0, 1 },
    { "du", 2, 0 },
    /* Never one that is unfit, or of which nothing is known. */
    { "x", 0, -1 },
    { "-", 0, -1 },
    { "x-", 0, -1 },
    { "uuuuuuuu", 0x7f, 7 },
    { "", 0, -1 },
};

START_TEST(test_find)
{
    const struct find_row *row = &find_rows[_i];
    struct choice choice;

    set(&choice, row->states);
    ck_assert_msg(backend_choice_find(&choice.choice, row->tried) == row->found, "\"%s\" without %x: %d", row->states,
                  row->tried, backend_choice_find(&choice.choice, row->tried));
}
END_TEST

static const struct health_row {
    char state;
    enum backend_health health;
    const char *name;
} health_rows[] = {
    { 'u', BACKEND_UP, "up" },
    { 'f', BACKEND_UP, "up" },
    { 'd', BACKEND_DOWN, "down" },
    { 'x', BACKEND_UNFIT, "unfit" },
    { '-', BACKEND_UNKNOWN, "unknown" },
};

START_TEST(test_health)
{
    const struct health_row *row = &health_rows[_i];
    const char states[] = { 'u', row->state, '\0' };
    struct choice choice;

    set(&choice, states);
    ck_assert_int_eq(backend_pool_health(choice.choice.pools[1]), row->health);
    ck_assert_str_eq(backend_health_name(row->health), row->name);
    ck_assert(backend_choice_is_known(&choice.choice) == (row->state != '-'));
}
END_TEST

START_TEST(test_offer_in_common)
{
    struct choice choice;
    struct backend_offer offer = { 0 };

    set(&choice, "udx-");
    choice.pools[0].offer = (struct backend_offer){
        .extensions = BACKEND_SIZE | BACKEND_8BITMIME | BACKEND_DSN | BACKEND_AUTH, .size = 2000,
        .mechanisms = "PLAIN LOGIN",
    };
    choice.pools[1].offer = (struct backend_offer){
        .extensions = BACKEND_SIZE | BACKEND_DSN | BACKEND_CHUNKING | BACKEND_AUTH, .size = 1000,
        .mechanisms = "CRAM-MD5 LOGIN",
    };
    /* What is unfit or unknown takes nothing away. */
    choice.pools[2].offer = choice.pools[3].offer = (struct backend_offer){ 0 };
    ck_assert(backend_choice_offer(&choice.choice, &offer));
    ck_assert_uint_eq(offer.extensions, BACKEND_SIZE | BACKEND_DSN | BACKEND_AUTH);
    ck_assert_uint_eq(offer.size, 1000);
    ck_assert_str_eq(offer.mechanisms, "LOGIN");
    /* 0 is no limit (RFC 1870 3), and a mechanism in common is none. */
    choice.pools[1].offer.size = 0;
    snprintf(choice.pools[1].offer.mechanisms, sizeof(choice.pools[1].offer.mechanisms), "CRAM-MD5");
    ck_assert(backend_choice_offer(&choice.choice, &offer));
    ck_assert_uint_eq(offer.size, 2000);
    ck_assert_uint_eq(offer.extensions & BACKEND_AUTH, 0);
}
END_TEST

START_TEST(test_offer_of_none)
{
    struct choice choice;
    struct backend_offer offer;

    set(&choice, "x-");
    ck_assert(!backend_choice_offer(&choice.choice, &offer));
    set(&choice, "");
    ck_assert(!backend_choice_offer(&choice.choice, &offer));
}
END_TEST

START_TEST(test_has)
{
    struct choice choice, other;

    set(&choice, "uu");
    set(&other, "u");
    ck_assert(backend_choice_has(&choice.choice, &choice.pools[1]));
    ck_assert(!backend_choice_has(&choice.choice, &other.pools[0]));
}
END_TEST

/* ---- settings */

static const struct backend_settings some = {
    .address = "192.0.2.1:25", .identity = BACKEND_IDENTITY_XCLIENT, .tls = BACKEND_TLS_STARTTLS,
    .trust = { .authorities_path = "/a", .name = "mail.example.org", .verify = true, .certificate_path = "/c",
               .key_path = "/k" },
    .hostname = "mx.example.org", .sessions_most = 4,
};

START_TEST(test_settings)
{
    struct arena *arena = arena_new();
    struct backend_settings copy = backend_settings_copy(&some, arena), other;

    ck_assert(backend_settings_same(&some, &copy));
    ck_assert_ptr_ne(copy.trust.name, some.trust.name);
    copy.sessions_most = 5, copy.hostname = "other";
    ck_assert_msg(backend_settings_same(&some, &copy), "limits and our name may change");
#define DIFFERS(member, value) other = copy, other.member = value, ck_assert(!backend_settings_same(&some, &other))
    DIFFERS(address, "192.0.2.2:25");
    DIFFERS(protocol, BACKEND_LMTP);
    DIFFERS(identity, BACKEND_IDENTITY_PROXY);
    DIFFERS(relays_for_anyone, true);
    DIFFERS(tls, BACKEND_TLS_IMPLICIT);
    DIFFERS(trust.name, "other");
    DIFFERS(trust.verify, false);
    DIFFERS(trust.authorities_path, NULL);
    DIFFERS(trust.certificate_path, "/d");
    DIFFERS(trust.key_path, "/l");
    arena_free(&arena);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_backend_choice(void);

Suite *suite_backend_choice(void)
{
    Suite *suite = suite_create("backend_choice");
    TCase *choice = tcase_create("choice");

    tcase_add_loop_test(choice, test_find, 0, ROWS(find_rows));
    tcase_add_loop_test(choice, test_health, 0, ROWS(health_rows));
    tcase_add_test(choice, test_offer_in_common);
    tcase_add_test(choice, test_offer_of_none);
    tcase_add_test(choice, test_has);
    tcase_add_test(choice, test_settings);
    suite_add_tcase(suite, choice);
    return suite;
}
