/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_value.c: addresses and networks by RFC 4291 and RFC 4632, their text by RFC 5952, domains, and how values print.
 */
#include <check.h>

#include "rules/value.h"

/* Text, and the text that RFC 5952 4 and 5 ask for; NULL: no address. */
static const struct {
    const char *text;
    const char *printed;
} addresses[] = {
    { "192.0.2.1", "192.0.2.1" }, { "0.0.0.0", "0.0.0.0" }, { "255.255.255.255", "255.255.255.255" },
    { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" }, { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
    { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, { "2001:0db8::0001", "2001:db8::1" }, { "::", "::" },
    { "::1", "::1" }, { "1::", "1::" }, { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" }, { "0:0:1::", "0:0:1::" },
    { "::ffff:192.0.2.1", "192.0.2.1" }, { "::FFFF:c000:201", "192.0.2.1" }, { "::192.0.2.1", "::c000:201" },
    { "fe80::1", "fe80::1" }, { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" }, { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    { "", NULL }, { "192.0.2", NULL }, { "192.0.2.256", NULL }, { "192.0.2.1.1", NULL }, { "192.0.2.01", NULL },
    { "1::2::3", NULL }, { "1:2:3:4:5:6:7:8:9", NULL }, { "12345::", NULL }, { "fe80::1%eth0", NULL },
    { " 1.2.3.4", NULL },
    { "1.2.3.4 ", NULL }, { "192.0.2.1/32", NULL }, { "[::1]", NULL }, { "0x7f.1", NULL }, { "127.1", NULL },
    { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255x", NULL },
};

START_TEST(test_address)
{
    struct address address;
    char buffer[ADDRESS_TEXT];
    bool good = address_parse(slice_of_string(addresses[_i].text), &address);

    ck_assert_int_eq(good, addresses[_i].printed != NULL);
    if (good)
        ck_assert(slice_equal(address_print(&address, buffer), slice_of_string(addresses[_i].printed)));
}
END_TEST

START_TEST(test_address_with_nul)
{
    struct address address;

    ck_assert(!address_parse(slice_of("192.0.2.1\0x", 11), &address));
}
END_TEST

static const struct {
    const char *text;
    const char *inside;                /* NULL: no network */
    const char *outside;
} networks[] = {
    { "192.0.2.0/24", "192.0.2.255", "192.0.3.0" }, { "0.0.0.0/0", "203.0.113.9", "::1" },
    { "192.0.2.1", "192.0.2.1", "192.0.2.2" }, { "192.0.2.128/25", "192.0.2.200", "192.0.2.127" },
    { "192.0.2.254/31", "192.0.2.255", "192.0.2.253" }, { "2001:db8::/32", "2001:db8:ffff::", "2001:db9::" },
    { "::/0", "2001:db8::1", "192.0.2.1" }, { "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
    { "::ffff:192.0.2.0/120", "192.0.2.7", "192.0.3.7" }, { "::1", "::1", "::2" }, { "::1/128", "::1", "::" },
    { "192.0.2.1/24", NULL, NULL }, { "192.0.2.0/33", NULL, NULL }, { "192.0.2.0/", NULL, NULL },
    { "192.0.2.0/024", NULL, NULL }, { "192.0.2.0/-1", NULL, NULL }, { "192.0.2.0/24/24", NULL, NULL },
    { "/24", NULL, NULL },
    { "2001:db8::/129", NULL, NULL }, { "2001:db8::1/64", NULL, NULL }, { "192.0.2.0/0", NULL, NULL },
};

START_TEST(test_network)
{
    struct network network;
    struct address address;
    bool good = network_parse(slice_of_string(networks[_i].text), &network);

    ck_assert_int_eq(good, networks[_i].inside != NULL);
    ck_assert_int_eq(network_problem(slice_of_string(networks[_i].text)) == NULL, good);
    if (!good)
        return;
    ck_assert(address_parse(slice_of_string(networks[_i].inside), &address));
    ck_assert(network_has(&network, &address));
    ck_assert(address_parse(slice_of_string(networks[_i].outside), &address));
    ck_assert(!network_has(&network, &address));
}
END_TEST

START_TEST(test_client_network)
{
    struct address address;
    struct network network;
    char buffer[ADDRESS_TEXT];

    ck_assert(address_parse(SLICE("2001:db8:1:2:3:4:5:6"), &address));
    network = address_client_network(&address);
    ck_assert_uint_eq(network.prefix, 64);
    ck_assert(slice_equal(address_print(&network.address, buffer), SLICE("2001:db8:1:2::")));
    ck_assert(address_parse(SLICE("192.0.2.77"), &address));
    network = address_client_network(&address);
    ck_assert_uint_eq(network.prefix, 32);
    ck_assert(address_equal(&network.address, &address));
}
END_TEST

START_TEST(test_domain)
{
    ck_assert(domain_is_within(SLICE("example.org"), SLICE("example.org")));
    ck_assert(domain_is_within(SLICE("Mail.Example.ORG"), SLICE("example.org")));
    ck_assert(!domain_is_within(SLICE("badexample.org"), SLICE("example.org")));
    ck_assert(!domain_is_within(SLICE("org"), SLICE("example.org")));
    ck_assert(!domain_is_within(SLICE("example.org"), SLICE("")));
    ck_assert(!domain_is_within(SLICE(""), SLICE("example.org")));
}
END_TEST

static void assert_printed(struct value value, const char *expected)
{
    struct arena *arena = arena_new();

    ck_assert(slice_equal(value_print(&value, arena), slice_of_string(expected)));
    arena_free(&arena);
}

START_TEST(test_print)
{
    const struct value_item items[] = { { .text = SLICE("a.example") },
                                        { .text = SLICE_NONE },
                                        { .text = SLICE("b") } };
    struct address address;

    ck_assert(address_parse(SLICE("2001:db8::1"), &address));
    assert_printed(value_boolean(true), "yes");
    assert_printed(value_boolean(false), "no");
    assert_printed(value_number(INT64_MIN), "-9223372036854775808");
    assert_printed(value_text(SLICE("hi")), "hi");
    assert_printed(value_text(SLICE_NONE), "");
    assert_printed(value_word("pass"), "pass");
    assert_printed(value_temperror(), "temperror");
    assert_printed(value_address(address), "2001:db8::1");
    assert_printed(value_domain(SLICE("example.org")), "example.org");
    assert_printed(value_in_state(VALUE_TEXT, VALUE_ABSENT), "absent");
    assert_printed(value_in_state(VALUE_TEXT, VALUE_PENDING), "pending");
    assert_printed(value_in_state(VALUE_WORD, VALUE_UNKNOWN), "unknown");
    assert_printed(value_items(VALUE_DOMAIN, items, 3), "a.example, , b");
    assert_printed(value_items(VALUE_DOMAIN, items, 1), "a.example");
    assert_printed(value_items(VALUE_DOMAIN, items, 0), "absent");
}
END_TEST

Suite *suite_value(void);

Suite *suite_value(void)
{
    Suite *suite = suite_create("value");
    TCase *tests = tcase_create("value");

    tcase_add_loop_test(tests, test_address, 0, sizeof(addresses) / sizeof(*addresses));
    tcase_add_test(tests, test_address_with_nul);
    tcase_add_loop_test(tests, test_network, 0, sizeof(networks) / sizeof(*networks));
    tcase_add_test(tests, test_client_network);
    tcase_add_test(tests, test_domain);
    tcase_add_test(tests, test_print);
    suite_add_tcase(suite, tests);
    return suite;
}
