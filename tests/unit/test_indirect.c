/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_indirect.c: which header fields are signs of indirect mail, each named once (RFC 9989 7.4).
 */
#include "policy/indirect.h"

#include "tests/unit/auth_world.h"

static const struct {
    const char *header;
    const char *signs;
} headers[] = {
    { "From: a@b.example\r\nReply-To: a@b.example\r\n\r\n", "" },
    { "list-ID: <l.example>\r\n\r\n", "list-id" },
    { "List-Post: <mailto:l@l.example>\r\nList-Id: x\r\nList-Id: y\r\n\r\n", "list-id list-post" },
    { "ARC-Seal: i=1\r\nARC-Seal: i=2\r\n\r\n", "arc-set" },
    { "Resent-From: a@b.example\r\nResent-Date: x\r\n\r\n", "resent" },
    { "X-List-Id: x\r\n\r\nList-Id: in the body\r\n", "" },
};

START_TEST(test_headers)
{
    struct message_header header;
    struct evidence evidence = { 0 };
    struct findings findings = { 0 };
    struct slice signs = SLICE("");

    message_parse(slice_of_string(headers[_i].header), arena, &header);
    indirect_find(&header, arena, &evidence);
    for (size_t i = 0; i < evidence.indirect_count; i++)
        signs = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(signs), i > 0 ? " " : "", SLICE_ARG(evidence.indirect[i]));
    assert_slice(signs, headers[_i].signs);
    ck_assert_int_eq(indirect_is(&evidence, &findings), headers[_i].signs[0] != 0);
}
END_TEST

Suite *suite_indirect(void);
Suite *suite_indirect(void)
{
    Suite *suite = suite_create("indirect");
    TCase *tests = tcase_create("signs");
    tcase_add_checked_fixture(tests, world_open, world_close);
    tcase_add_loop_test(tests, test_headers, 0, sizeof(headers) / sizeof(headers[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
