/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * author.c: every From field is read, not only the first, and every mailbox counts: DMARC is judged for each domain.
 */
#include "policy/author.h"

#include "policy/mailbox.h"

struct reading {
    struct arena *arena;
    struct evidence *evidence;
    const char *domain_problem;
};

static void note(struct reading *reading, enum oddity oddity)
{
    reading->evidence->oddities |= ODDITY_BIT(oddity);
}

static void add_domain(struct reading *reading, struct slice domain)
{
    struct evidence *evidence = reading->evidence;

    for (size_t i = 0; i < evidence->author_domains_count; i++)
        if (slice_equal(evidence->author_domains[i], domain))
            return;
    if (evidence->author_domains_count == EVIDENCE_AUTHORS_MOST) {
        note(reading, ODDITY_TOO_MANY);
        return;
    }
    evidence->author_unicode[evidence->author_domains_count] = mailbox_domain_unicode(domain, reading->arena);
    evidence->author_domains[evidence->author_domains_count++] = domain;
}

/* Faults of bytes and folds that make this field, too, another than a mailbox-list. */
static void read_bytes(struct reading *reading, struct slice text)
{
    uint64_t oddities = message_oddities(text);

    if (oddities & ODDITY_BIT(ODDITY_BLANK_LINE))
        note(reading, ODDITY_FROM_BLANK_LINE);
    if (oddities & ODDITY_BIT(ODDITY_CONTROL))
        note(reading, ODDITY_FROM_CONTROL);
    if (oddities & ODDITY_BIT(ODDITY_NOT_UTF8))
        note(reading, ODDITY_FROM_NOT_UTF8);
}

static void read_field(struct reading *reading, const struct message_field *field)
{
    struct evidence *evidence = reading->evidence;
    struct mailbox_list list;

    if (evidence->from_count++ == 0)
        evidence->from_text = message_unfold(field->value, EVIDENCE_TEXT_MOST, reading->arena);
    read_bytes(reading, field->text);
    mailbox_parse(field->value, reading->arena, &list);
    evidence->oddities |= list.oddities;
    if (reading->domain_problem == NULL)
        reading->domain_problem = list.domain_problem;
    for (size_t i = 0; i < list.count; i++) {
        evidence->mailbox_count++;
        if (list.mailboxes[i].domain.length > 0)
            add_domain(reading, list.mailboxes[i].domain);
    }
}

/* How many there are and must be (RFC 5322 3.6, RFC 6854 2.1). */
static void check_counts(struct reading *reading, const struct message_header *header)
{
    const struct evidence *evidence = reading->evidence;
    bool has_sender = message_count(header, SLICE("Sender")) > 0;

    if (evidence->from_count > 1)
        note(reading, ODDITY_SECOND_FROM);
    if (evidence->from_count == 0) {
        note(reading, ODDITY_NO_FROM);
        if (has_sender)
            note(reading, ODDITY_SENDER_IN_PLACE);
        if (message_count(header, SLICE("Resent-From")) > 0)
            note(reading, ODDITY_RESENT_FROM_IN_PLACE);
    }
    if (evidence->mailbox_count > 1 && !has_sender)
        note(reading, ODDITY_NO_SENDER);
}

struct slice author_problem(uint64_t oddities, const char *domain_problem, struct arena *arena)
{
    enum oddity first = oddity_first_refusing(oddities);

    if (first == ODDITY_FROM_END)
        return SLICE_NONE;
    if (first == ODDITY_INVALID_DOMAIN && domain_problem != NULL)
        return arena_printf(arena, "%s: %s", oddity_sentence(first), domain_problem);
    return slice_of_string(oddity_sentence(first));
}

void author_find(const struct message_header *header, struct arena *arena, struct evidence *evidence)
{
    struct reading reading = { .arena = arena, .evidence = evidence };
    const struct message_field *field;
    size_t index = 0;

    evidence->oddities = header->oddities;
    evidence->author_domains = arena_array(arena, EVIDENCE_AUTHORS_MOST, sizeof(struct slice));
    evidence->author_unicode = arena_array(arena, EVIDENCE_AUTHORS_MOST, sizeof(struct slice));
    while ((field = message_next(header, SLICE("From"), &index)) != NULL)
        read_field(&reading, field);
    check_counts(&reading, header);
    evidence->malformed = author_problem(evidence->oddities, reading.domain_problem, arena);
}
