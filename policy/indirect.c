/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indirect.c: signs of indirect mail. A table of fields that lists and forwarders add; and the signature of somebody
 * else.
 */
#include "policy/indirect.h"

static const struct {
    struct slice field;
    const char *sign;
} signs[] = {
    { { "List-Id", 7 },            "list-id" },      /* RFC 2919 */
    { { "List-Post", 9 },          "list-post" },    /* RFC 2369 */
    { { "ARC-Seal", 8 },           "arc-set" },      /* RFC 8617 */
    { { "Resent-From", 11 },       "resent" },       /* RFC 5322 3.6.6 */
    { { "Resent-Sender", 13 },     "resent" },
    { { "Resent-Date", 11 },       "resent" },
};

#define SIGNS_MOST (sizeof(signs) / sizeof(signs[0]))

static bool has_sign(const struct evidence *evidence, struct slice sign)
{
    for (size_t i = 0; i < evidence->indirect_count; i++)
        if (slice_equal(evidence->indirect[i], sign))
            return true;
    return false;
}

void indirect_find(const struct message_header *header, struct arena *arena, struct evidence *evidence)
{
    evidence->indirect = arena_array(arena, SIGNS_MOST, sizeof(*evidence->indirect));
    for (size_t i = 0; i < SIGNS_MOST; i++) {
        struct slice sign = slice_of_string(signs[i].sign);
        if (message_count(header, signs[i].field) > 0 && !has_sign(evidence, sign))
            evidence->indirect[evidence->indirect_count++] = sign;
    }
}

bool indirect_other_signature(const struct evidence *evidence, const struct findings *findings)
{
    for (size_t i = 0; i < findings->dkim_count && i < evidence->signatures_count; i++)
        if (findings->dkim[i].result == AUTH_PASS && !findings->dkim[i].aligned)
            return true;
    return false;
}

bool indirect_is(const struct evidence *evidence, const struct findings *findings)
{
    return evidence->indirect_count > 0 || indirect_other_signature(evidence, findings);
}
