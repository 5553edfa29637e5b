/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oddity.h: everything strange about a header and its author that two programs might read differently, each by a
 * name of its own. The names are words of the facts header.oddities and from.oddities, and stand in records. Those
 * that refuse say that the author cannot be told surely (from.malformed); the others are only told.
 */
#ifndef MXWARD_POLICY_ODDITY_H
#define MXWARD_POLICY_ODDITY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * In order of weight: the first that refuses is what the postmaster is told. Bits of a mask, so fewer than 64; new
 * ones may come in anywhere, for records hold words.
 */
enum oddity {
    /* header: refuse */
    ODDITY_BEGINS_FOLDED,          /* the first line begins with a blank: it would belong to the field above it */
    ODDITY_MBOX_LINE,              /* the first line begins with "From " or ">From " and is no field */
    ODDITY_NUL,
    ODDITY_BARE_CR,
    ODDITY_BARE_LF,
    ODDITY_FOLDED_NAME,            /* a line without a colon, which follows on the next, folded one */
    ODDITY_LEADING_SPACE_NAME,     /* a folded line that reads as a field of an author */
    ODDITY_NO_COLON,               /* any other line that is no field */
    ODDITY_ODD_NAME,               /* a field name that is empty or has a byte that is not ftext (RFC 5322 3.6.8) */
    ODDITY_SPACE_BEFORE_COLON,     /* obs-optional and its kin (RFC 5322 4.5) */
    ODDITY_TOO_MANY_FORGED,        /* more fields to remove than can be removed */
    /* header: told */
    ODDITY_NO_HEADER,              /* it begins with the empty line */
    ODDITY_NO_END,                 /* there is no empty line */
    ODDITY_BLANK_LINE,             /* a folded line of blanks only (obs-FWS, RFC 5322 4.2) */
    ODDITY_LONG_LINE,              /* over 998 bytes without CRLF (RFC 5322 2.1.1) */
    ODDITY_CONTROL,                /* obs-NO-WS-CTL (RFC 5322 4.1) */
    ODDITY_NOT_UTF8,
    ODDITY_HEADER_END,             /* none: the place of the NULL that ends those words */

    /* From: refuse */
    ODDITY_NO_FROM,
    ODDITY_SENDER_IN_PLACE,        /* no From, but a Sender */
    ODDITY_RESENT_FROM_IN_PLACE,   /* no From, but a Resent-From */
    ODDITY_SECOND_FROM,
    ODDITY_SEVERAL_AT,             /* one element of the list shows two addresses */
    ODDITY_TOO_MANY,               /* mailboxes or domains: MAILBOX_MOST, EVIDENCE_AUTHORS_MOST */
    ODDITY_UNCLOSED,               /* a quoted string, comment, literal, angle bracket or group without an end */
    ODDITY_GROUP,                  /* RFC 6854 */
    ODDITY_SOURCE_ROUTE,           /* obs-route (RFC 5322 4.4) */
    ODDITY_ENCODED_WORD_ADDRESS,   /* RFC 2047 5 (3) */
    ODDITY_QUOTED_DOMAIN,
    ODDITY_COMMENT_IN_DOMAIN,      /* obs-domain */
    ODDITY_SPACE_IN_DOMAIN,        /* obs-domain */
    ODDITY_INVALID_DOMAIN,
    ODDITY_NO_DOMAIN,
    ODDITY_NO_LOCAL_PART,
    ODDITY_OBSOLETE_LOCAL_PART,    /* obs-local-part */
    ODDITY_INVALID_LOCAL_PART,
    ODDITY_EMPTY_ANGLE,            /* "<>" */
    ODDITY_NAME_ONLY,
    ODDITY_TRAILING_TEXT,
    ODDITY_INVALID_NAME,           /* a display name that is no phrase */
    ODDITY_STRAY_CHARACTER,
    ODDITY_EMPTY_ELEMENT,          /* obs-mbox-list */
    ODDITY_EMPTY,                  /* a From without any address */
    ODDITY_FROM_BLANK_LINE,        /* as above, within From */
    ODDITY_FROM_CONTROL,
    ODDITY_FROM_NOT_UTF8,
    ODDITY_OBSOLETE_QUOTED_PAIR,   /* obs-qp (RFC 5322 4.1): CR, LF or a control behind a backslash */
    /* From: told */
    ODDITY_DISPLAY_ADDRESS,        /* a display name or comment that shows another address than its own */
    ODDITY_BIDI_CONTROL,           /* a character that turns the direction of what is shown around it */
    ODDITY_AT_IN_LOCAL_PART,       /* in quotes */
    ODDITY_8BIT_DOMAIN,            /* a domain in U-labels (RFC 6532) */
    ODDITY_COMMENT_BY_DOMAIN,      /* a comment beside "@", or between domain and ">" */
    ODDITY_SPACE_IN_ADDRESS,       /* white space in such a place */
    ODDITY_ADDRESS_LITERAL,
    ODDITY_DOT_IN_NAME,            /* obs-phrase: a dot outside quotes, which every program reads alike */
    ODDITY_NO_SENDER,              /* several authors without a Sender (RFC 6854 2.1) */
    ODDITY_FROM_END,               /* none, as above */
};

#define ODDITY_BIT(oddity) (UINT64_C(1) << (oddity))
/* A message that begins like this would read differently below our fields: it is refused by any rules (P2). */
#define ODDITY_UNCARRIABLE (ODDITY_BIT(ODDITY_BEGINS_FOLDED) | ODDITY_BIT(ODDITY_MBOX_LINE))

/* By enum oddity; NULL at ODDITY_HEADER_END and ODDITY_FROM_END. */
extern const char *const oddity_words[ODDITY_FROM_END + 1];
#define ODDITY_HEADER_FIRST 0
#define ODDITY_FROM_FIRST (ODDITY_HEADER_END + 1)

/* For people: why it is a fault, or what it is. */
const char *oddity_sentence(enum oddity oddity);
/* All that say that the author cannot be told. */
uint64_t oddity_refusing(void);
/* The first of a mask that refuses; ODDITY_FROM_END when none does. */
enum oddity oddity_first_refusing(uint64_t oddities);
/* Whether a mask has only bits that exist: of what a judge or a record says. */
bool oddity_is_mask(uint64_t oddities);

#endif
