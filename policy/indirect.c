/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indirect.c: signs of indirect mail: a table of fields that lists and forwarders add, and a few signs that lie in
 * values: who bounces come to, how the author is written, who else has signed. Texts are a stranger's and bounded.
 */
#include "policy/indirect.h"

#include "policy/mailbox.h"

/* In the order of `signs`. */
enum sign {
    LIST_ID, LIST_POST, LIST_FIELD, LIST_SOFTWARE, PRECEDENCE_LIST, LIST_BOUNCE, ARC_SET, RESENT, X_FORWARDED,
    DELIVERED_TO, ORIGINAL_AUTHOR, FROM_VIA, FROM_REWRITTEN, SENDER_REWRITING, RECEIVED_CHAIN, OTHER_SIGNATURE,
    LIST_UNSUBSCRIBE, PRECEDENCE_BULK, SENDER, VERP, SIGN_COUNT,
};

/* The first that ordinary bulk mail, sent by or for the author, has as well: it counts for nothing by itself. */
#define FIRST_WEAK LIST_UNSUBSCRIBE

const char *const indirect_words[] = {
    [LIST_ID] = "list-id",
    [LIST_POST] = "list-post",
    [LIST_FIELD] = "list-field",
    [LIST_SOFTWARE] = "list-software",
    [PRECEDENCE_LIST] = "precedence-list",
    [LIST_BOUNCE] = "list-bounce",
    [ARC_SET] = "arc-set",
    [RESENT] = "resent",
    [X_FORWARDED] = "x-forwarded",
    [DELIVERED_TO] = "delivered-to",
    [ORIGINAL_AUTHOR] = "original-author",
    [FROM_VIA] = "from-via",
    [FROM_REWRITTEN] = "from-rewritten",
    [SENDER_REWRITING] = "sender-rewriting",
    [RECEIVED_CHAIN] = "received-chain",
    [OTHER_SIGNATURE] = "other-signature",
    [LIST_UNSUBSCRIBE] = "list-unsubscribe",
    [PRECEDENCE_BULK] = "precedence-bulk",
    [SENDER] = "sender",
    [VERP] = "verp",
    [SIGN_COUNT] = NULL,
};

/* Fields that are a sign by being there; a name that ends in "-" stands for all that begin so. */
static const struct {
    const char *field;
    enum sign sign;
} fields[] = {
    { "List-Id", LIST_ID },                            /* RFC 2919 */
    { "List-Post", LIST_POST },                        /* RFC 2369, as are the next */
    { "List-Owner", LIST_FIELD },
    { "List-Archive", LIST_FIELD },
    { "List-Subscribe", LIST_FIELD },
    { "List-Unsubscribe", LIST_UNSUBSCRIBE },          /* RFC 8058: every newsletter has it */
    { "List-Help", LIST_UNSUBSCRIBE },
    { "Archived-At", LIST_FIELD },                     /* RFC 5064 */
    { "X-BeenThere", LIST_SOFTWARE },                  /* Mailman */
    { "X-Mailman-Version", LIST_SOFTWARE },
    { "Mailing-List", LIST_SOFTWARE },                 /* ezmlm, Google Groups */
    { "X-Mailing-List", LIST_SOFTWARE },
    { "X-Google-Group-Id", LIST_SOFTWARE },
    { "X-Sympa-To", LIST_SOFTWARE },
    { "ARC-Seal", ARC_SET },                           /* RFC 8617 */
    { "ARC-Message-Signature", ARC_SET },
    { "ARC-Authentication-Results", ARC_SET },
    { "Resent-", RESENT },                             /* RFC 5322 3.6.6 */
    { "X-Forwarded-", X_FORWARDED },                   /* Gmail's automatic forwarding: -To, -For */
    { "X-Original-To", DELIVERED_TO },                 /* Postfix, at a delivery before */
    { "Delivered-To", DELIVERED_TO },                  /* RFC 9228: it was delivered once */
    { "X-Original-From", ORIGINAL_AUTHOR },
    { "X-Original-Sender", ORIGINAL_AUTHOR },
    { "Original-From", ORIGINAL_AUTHOR },              /* RFC 5703 */
    { "Author", ORIGINAL_AUTHOR },                     /* RFC 9057: the author whom a list has put out of From */
};

/* Signs found so far are a number, one bit each. */
_Static_assert(SIGN_COUNT <= 32, "one bit each");

static bool names_field(const struct message_field *field, struct slice name)
{
    if (name.text[name.length - 1] == '-')
        return slice_starts_with_nocase(field->name, name);
    return slice_equal_nocase(field->name, name);
}

static uint32_t signs_of_names(const struct message_header *header)
{
    uint32_t found = 0;
    for (size_t i = 0; i < header->count; i++)
        for (size_t j = 0; j < sizeof(fields) / sizeof(fields[0]) && header->fields[i].name.length > 0; j++)
            if (names_field(&header->fields[i], slice_of_string(fields[j].field)))
                found |= UINT32_C(1) << fields[j].sign;
    return found;
}

static uint32_t bit(enum sign sign, bool there)
{
    return there ? UINT32_C(1) << sign : 0;
}

static uint32_t signs_of_precedence(const struct message_header *header, struct arena *arena)
{
    const struct message_field *field;
    uint32_t found = 0;
    size_t index = 0;

    while ((field = message_next(header, SLICE("Precedence"), &index)) != NULL) {
        struct slice value = message_unfold(field->value, EVIDENCE_TEXT_MOST, arena);
        found |= bit(PRECEDENCE_LIST, slice_equal_nocase(value, SLICE("list")));
        found |= bit(PRECEDENCE_BULK,
                     slice_equal_nocase(value, SLICE("bulk")) || slice_equal_nocase(value, SLICE("junk")));
    }
    return found;
}

static bool is_near_author(const struct evidence *evidence, struct slice domain)
{
    for (size_t i = 0; i < evidence->author_domains_count; i++)
        if (domain_is_within(domain, evidence->author_domains[i]) ||
            domain_is_within(evidence->author_domains[i], domain))
            return true;
    return false;
}

/* RFC 5322 3.6.2: who sent it for the author; a domain neither above nor below any author's. */
static bool has_other_sender(const struct message_header *header, const struct evidence *evidence, struct arena *arena)
{
    const struct message_field *field;
    struct mailbox_list list;
    size_t index = 0;

    while ((field = message_next(header, SLICE("Sender"), &index)) != NULL) {
        mailbox_parse(slice_first(field->value, EVIDENCE_TEXT_MOST), arena, &list);
        for (size_t i = 0; i < list.count; i++)
            if (list.mailboxes[i].domain.length > 0 && !is_near_author(evidence, list.mailboxes[i].domain))
                return true;
    }
    return false;
}

static bool has_within(struct slice text, struct slice part)
{
    for (size_t i = 0; i + part.length <= text.length; i++)
        if (slice_starts_with_nocase(slice_from(text, i), part))
            return true;
    return false;
}

static int base64_value(char c)
{
    const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", *found = strchr(digits, c);
    return c == 0 || found == NULL ? -1 : (int)(found - digits);
}

/* As far as it is base64 (RFC 2045 6.8). */
static struct slice base64_decoded(struct slice text, struct arena *arena)
{
    char *bytes = arena_alloc(arena, text.length + 1);
    size_t length = 0;
    unsigned bits = 0, count = 0;

    for (size_t i = 0; i < text.length && base64_value(text.text[i]) >= 0; i++) {
        bits = (bits << 6 | (unsigned)base64_value(text.text[i])) & 0xfff;
        count += 6;
        if (count >= 8)
            bytes[length++] = (char)(bits >> (count -= 8) & 0xff);
    }
    return slice_of(bytes, length);
}

/* =?CHARSET?B?DATA?= (RFC 2047 2), decoded and put together; what is between is left out. */
static struct slice base64_words(struct slice name, struct arena *arena)
{
    struct slice rest = name, words = SLICE("");

    while (rest.text != NULL) {
        slice_cut(&rest, '?');                     /* up to "=" */
        slice_cut(&rest, '?');                     /* the charset */
        struct slice encoding = slice_cut(&rest, '?'), data = slice_cut(&rest, '?');
        if (slice_equal_nocase(encoding, SLICE("b")))
            words = arena_printf(arena, "%.*s%.*s", SLICE_ARG(words), SLICE_ARG(base64_decoded(data, arena)));
    }
    return words;
}

/*
 * "Ann via List": list software that writes its own address as author says so in the name (RFC 9989 7.4), also as
 * an encoded word of RFC 2047: in its Q encoding a blank is "_" or "=20".
 */
static bool is_from_via(struct slice from, struct arena *arena)
{
    static const char *const forms[] = { " via ", "(via ", "_via_", "=20via=20" };
    size_t end = from.length;

    while (end > 0 && from.text[end - 1] != '<')
        end--;
    struct slice name = slice_trim(end == 0 ? from : slice_first(from, end - 1));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (has_within(name, slice_of_string(forms[i])))
            return true;
    return has_within(base64_words(name, arena), SLICE(" via "));
}

/* user=domain.example or user=40domain.example, as RFC 9989 7.4 shows it: an address within a local part. */
static bool holds_address(struct slice local_part)
{
    size_t equals = slice_find(local_part, '=');
    struct slice behind = slice_from(local_part, equals + 1), domain;

    if (equals == 0 || equals + 1 >= local_part.length)
        return false;
    domain = slice_starts_with(behind, SLICE("40")) ? slice_from(behind, 2) : behind;
    return slice_find(domain, '.') > 0 && slice_find(domain, '.') + 1 < domain.length;
}

static bool is_from_rewritten(struct slice from, struct arena *arena)
{
    struct mailbox_list list;

    mailbox_parse(from, arena, &list);
    for (size_t i = 0; i < list.count; i++)
        if (holds_address(list.mailboxes[i].local_part))
            return true;
    return false;
}

/*
 * Whom bounces come to. SRS and the like: a forwarder put its own domain there. BATV's prvs= is the sender's own and no
 * sign; an address within the local part (VERP) is what senders of newsletters do as well.
 */
static uint32_t signs_of_sender(struct slice local_part)
{
    static const char *const rewritten[] = { "SRS0", "SRS1", "bounces+SRS=" };
    uint32_t found = bit(SENDER_REWRITING, has_within(local_part, SLICE("+caf_=")));

    for (size_t i = 0; i < sizeof(rewritten) / sizeof(rewritten[0]); i++) {
        struct slice start = slice_of_string(rewritten[i]);
        char next = local_part.length > start.length ? local_part.text[start.length] : 0;
        /* SRS0=, SRS0+, SRS0-: the separators of the scheme. */
        if (slice_starts_with_nocase(local_part, start) && next != 0 &&
            (start.length > 4 || strchr("=+-", next) != NULL))
            found |= bit(SENDER_REWRITING, true);
    }
    if (found == 0 && !slice_starts_with_nocase(local_part, SLICE("prvs=")))
        found |= bit(VERP, holds_address(local_part));
    found |= bit(LIST_BOUNCE, has_within(local_part, SLICE("-bounces+")) ||
                                  slice_ends_with_nocase(local_part, SLICE("-bounces")) ||
                                  slice_ends_with_nocase(local_part, SLICE("-owner")) ||
                                  slice_starts_with_nocase(local_part, SLICE("owner-")));
    return found;
}

void indirect_find(const struct facts *facts, const struct message_header *header, struct arena *arena,
                   struct evidence *evidence)
{
    struct slice from = evidence->from_text;
    uint32_t found = signs_of_names(header) | signs_of_precedence(header, arena);

    found |= bit(SENDER, has_other_sender(header, evidence, arena));
    found |= bit(FROM_VIA, is_from_via(from, arena)) | bit(FROM_REWRITTEN, is_from_rewritten(from, arena));
    found |= signs_of_sender(facts->sender_local_part);
    found |= bit(RECEIVED_CHAIN, indirect_by_received(facts, header, evidence, arena));
    evidence->indirect = arena_array(arena, SIGN_COUNT, sizeof(*evidence->indirect));
    for (enum sign sign = LIST_ID; sign < SIGN_COUNT; sign++)
        if ((found & bit(sign, true)) != 0)
            evidence->indirect[evidence->indirect_count++] = slice_of_string(indirect_words[sign]);
}

bool indirect_other_signature(const struct evidence *evidence, const struct findings *findings)
{
    for (size_t i = 0; i < findings->dkim_count && i < evidence->signatures_count; i++)
        if (findings->dkim[i].result == AUTH_PASS && !findings->dkim[i].aligned)
            return true;
    return false;
}

static bool counts(struct slice sign)
{
    for (enum sign weak = FIRST_WEAK; weak < SIGN_COUNT; weak++)
        if (slice_equal(sign, slice_of_string(indirect_words[weak])))
            return false;
    return true;
}

bool indirect_is(const struct evidence *evidence, const struct findings *findings)
{
    for (size_t i = 0; i < evidence->indirect_count; i++)
        if (counts(evidence->indirect[i]))
            return true;
    return indirect_other_signature(evidence, findings);
}
