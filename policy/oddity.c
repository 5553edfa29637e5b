/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oddity.c: the names, and what they mean in a few words. The sentences complete "it cannot be told who wrote this
 * message: ...".
 */
#include "policy/oddity.h"

#include <assert.h>
#include <stddef.h>

static_assert(ODDITY_FROM_END < 64, "a mask has a bit for each");

const char *const oddity_words[ODDITY_FROM_END + 1] = {
    [ODDITY_BEGINS_FOLDED] = "begins-folded",
    [ODDITY_MBOX_LINE] = "mbox-line",
    [ODDITY_NUL] = "nul",
    [ODDITY_BARE_CR] = "bare-cr",
    [ODDITY_BARE_LF] = "bare-lf",
    [ODDITY_FOLDED_NAME] = "folded-name",
    [ODDITY_LEADING_SPACE_NAME] = "leading-space-name",
    [ODDITY_NO_COLON] = "no-colon",
    [ODDITY_ODD_NAME] = "odd-name",
    [ODDITY_SPACE_BEFORE_COLON] = "space-before-colon",
    [ODDITY_TOO_MANY_FORGED] = "too-many-forged",
    [ODDITY_NO_HEADER] = "no-header",
    [ODDITY_NO_END] = "no-end",
    [ODDITY_BLANK_LINE] = "blank-line",
    [ODDITY_LONG_LINE] = "long-line",
    [ODDITY_CONTROL] = "control",
    [ODDITY_NOT_UTF8] = "not-utf8",
    [ODDITY_HEADER_END] = NULL,
    [ODDITY_NO_FROM] = "no-from",
    [ODDITY_SENDER_IN_PLACE] = "sender-in-place",
    [ODDITY_RESENT_FROM_IN_PLACE] = "resent-from-in-place",
    [ODDITY_SECOND_FROM] = "second-from",
    [ODDITY_SEVERAL_AT] = "several-at",
    [ODDITY_TOO_MANY] = "too-many",
    [ODDITY_UNCLOSED] = "unclosed",
    [ODDITY_GROUP] = "group",
    [ODDITY_SOURCE_ROUTE] = "source-route",
    [ODDITY_ENCODED_WORD_ADDRESS] = "encoded-word-address",
    [ODDITY_QUOTED_DOMAIN] = "quoted-domain",
    [ODDITY_COMMENT_IN_DOMAIN] = "comment-in-domain",
    [ODDITY_SPACE_IN_DOMAIN] = "space-in-domain",
    [ODDITY_INVALID_DOMAIN] = "invalid-domain",
    [ODDITY_NO_DOMAIN] = "no-domain",
    [ODDITY_NO_LOCAL_PART] = "no-local-part",
    [ODDITY_OBSOLETE_LOCAL_PART] = "obsolete-local-part",
    [ODDITY_INVALID_LOCAL_PART] = "invalid-local-part",
    [ODDITY_EMPTY_ANGLE] = "empty-angle",
    [ODDITY_NAME_ONLY] = "name-only",
    [ODDITY_TRAILING_TEXT] = "trailing-text",
    [ODDITY_INVALID_NAME] = "invalid-name",
    [ODDITY_STRAY_CHARACTER] = "stray-character",
    [ODDITY_EMPTY_ELEMENT] = "empty-element",
    [ODDITY_EMPTY] = "empty",
    [ODDITY_FROM_BLANK_LINE] = "blank-line",
    [ODDITY_FROM_CONTROL] = "control",
    [ODDITY_FROM_NOT_UTF8] = "not-utf8",
    [ODDITY_OBSOLETE_QUOTED_PAIR] = "obsolete-quoted-pair",
    [ODDITY_DISPLAY_ADDRESS] = "display-address",
    [ODDITY_BIDI_CONTROL] = "bidi-control",
    [ODDITY_AT_IN_LOCAL_PART] = "at-in-local-part",
    [ODDITY_8BIT_DOMAIN] = "8bit-domain",
    [ODDITY_COMMENT_BY_DOMAIN] = "comment-by-domain",
    [ODDITY_SPACE_IN_ADDRESS] = "space-in-address",
    [ODDITY_ADDRESS_LITERAL] = "address-literal",
    [ODDITY_DOT_IN_NAME] = "dot-in-name",
    [ODDITY_NO_SENDER] = "no-sender",
    [ODDITY_FROM_END] = NULL,
};

static const char *const sentences[ODDITY_FROM_END] = {
    [ODDITY_BEGINS_FOLDED] = "header begins with a folded line",
    [ODDITY_MBOX_LINE] = "header begins with a \"From \" line of a mailbox file",
    [ODDITY_NUL] = "NUL in the header",
    [ODDITY_BARE_CR] = "CR without LF in the header",
    [ODDITY_BARE_LF] = "LF without CR in the header",
    [ODDITY_FOLDED_NAME] = "folded field name",
    [ODDITY_LEADING_SPACE_NAME] = "white space before a field name of an author",
    [ODDITY_NO_COLON] = "line without a field name",
    [ODDITY_ODD_NAME] = "invalid field name",
    [ODDITY_SPACE_BEFORE_COLON] = "space before the colon",
    [ODDITY_TOO_MANY_FORGED] = "too many forged fields",
    [ODDITY_NO_HEADER] = "no header",
    [ODDITY_NO_END] = "header without an empty line at its end",
    [ODDITY_BLANK_LINE] = "folded line of blanks only",
    [ODDITY_LONG_LINE] = "line longer than 998 bytes",
    [ODDITY_CONTROL] = "control character in the header",
    [ODDITY_NOT_UTF8] = "bytes in the header that are not UTF-8",
    [ODDITY_NO_FROM] = "no From",
    [ODDITY_SENDER_IN_PLACE] = "Sender in the place of From",
    [ODDITY_RESENT_FROM_IN_PLACE] = "Resent-From in the place of From",
    [ODDITY_SECOND_FROM] = "several From fields",
    [ODDITY_SEVERAL_AT] = "several @ in one address",
    [ODDITY_TOO_MANY] = "too many authors",
    [ODDITY_UNCLOSED] = "quote, comment, bracket or group without an end",
    [ODDITY_GROUP] = "group",
    [ODDITY_SOURCE_ROUTE] = "source route",
    [ODDITY_ENCODED_WORD_ADDRESS] = "encoded word where an address must be",
    [ODDITY_QUOTED_DOMAIN] = "quoted domain",
    [ODDITY_COMMENT_IN_DOMAIN] = "comment within a domain",
    [ODDITY_SPACE_IN_DOMAIN] = "white space within a domain",
    [ODDITY_INVALID_DOMAIN] = "invalid domain",
    [ODDITY_NO_DOMAIN] = "address without a domain",
    [ODDITY_NO_LOCAL_PART] = "address without a local part",
    [ODDITY_OBSOLETE_LOCAL_PART] = "obsolete form of a local part",
    [ODDITY_INVALID_LOCAL_PART] = "invalid local part",
    [ODDITY_EMPTY_ANGLE] = "angle brackets without an address",
    [ODDITY_NAME_ONLY] = "name without an address",
    [ODDITY_TRAILING_TEXT] = "text after an address",
    [ODDITY_INVALID_NAME] = "invalid display name",
    [ODDITY_STRAY_CHARACTER] = "character that no address list has",
    [ODDITY_EMPTY_ELEMENT] = "empty element in the list",
    [ODDITY_EMPTY] = "no address",
    [ODDITY_FROM_BLANK_LINE] = "folded line of blanks only within From",
    [ODDITY_FROM_CONTROL] = "control character within From",
    [ODDITY_FROM_NOT_UTF8] = "bytes within From that are not UTF-8",
    [ODDITY_OBSOLETE_QUOTED_PAIR] = "line end or control character behind a backslash",
    [ODDITY_DISPLAY_ADDRESS] = "display name shows another address",
    [ODDITY_BIDI_CONTROL] = "character that turns the direction of text",
    [ODDITY_AT_IN_LOCAL_PART] = "@ in a local part",
    [ODDITY_8BIT_DOMAIN] = "domain outside ASCII",
    [ODDITY_COMMENT_BY_DOMAIN] = "comment beside a domain",
    [ODDITY_SPACE_IN_ADDRESS] = "white space within an address",
    [ODDITY_ADDRESS_LITERAL] = "address literal as domain",
    [ODDITY_DOT_IN_NAME] = "dot in a display name without quotes",
    [ODDITY_NO_SENDER] = "several authors without a Sender",
};

const char *oddity_sentence(enum oddity oddity)
{
    return sentences[oddity];
}

/* The bits from `first` to before `end`. */
static uint64_t range(enum oddity first, enum oddity end)
{
    return ODDITY_BIT(end) - ODDITY_BIT(first);
}

uint64_t oddity_refusing(void)
{
    return range(ODDITY_BEGINS_FOLDED, ODDITY_NO_HEADER) | range(ODDITY_NO_FROM, ODDITY_DISPLAY_ADDRESS);
}

enum oddity oddity_first_refusing(uint64_t oddities)
{
    enum oddity oddity = ODDITY_BEGINS_FOLDED;
    while (oddity < ODDITY_FROM_END && (oddities & oddity_refusing() & ODDITY_BIT(oddity)) == 0)
        oddity++;
    return oddity;
}

bool oddity_is_mask(uint64_t oddities)
{
    uint64_t all = range(ODDITY_BEGINS_FOLDED, ODDITY_HEADER_END) | range(ODDITY_NO_FROM, ODDITY_FROM_END);
    return (oddities & ~all) == 0;
}
