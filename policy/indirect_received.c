/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * indirect_received.c: what the Received chain says of a message's way (RFC 5321 4.4). The newest field is on top. Only
 * two words of each are read, "by" and "for", outside comments; the rest of the grammar is broken too often to lean on.
 */
#include "policy/indirect.h"

#include "policy/mailbox.h"

/* The value without its comments, on one line. */
static struct slice without_comments(struct slice value, struct arena *arena)
{
    struct slice line = message_unfold(value, EVIDENCE_TEXT_MOST, arena);
    char *text = arena_alloc(arena, line.length + 1);
    size_t length = 0, depth = 0;

    for (size_t i = 0; i < line.length; i++) {
        if (line.text[i] == '(')
            depth++;
        else if (line.text[i] == ')' && depth > 0)
            depth--;
        else if (depth == 0)
            text[length++] = line.text[i];
    }
    return slice_of(text, length);
}

/* The word behind the first `key`; absent when there is none. What follows ";" is the date. */
static struct slice word_behind(struct slice line, struct slice key)
{
    struct slice rest = slice_first(line, slice_find(line, ';'));
    bool found = false;

    while (rest.text != NULL) {
        struct slice word = slice_trim(slice_cut(&rest, ' '));
        if (word.length > 0 && found)
            return word;
        found = found || slice_equal_nocase(word, key);
    }
    return SLICE_NONE;
}

static struct slice last_two_labels(struct slice domain)
{
    size_t dots = 0, start = domain.length;

    while (start > 0 && (domain.text[start - 1] != '.' || dots++ == 0))
        start--;
    return slice_from(domain, start);
}

/* The organizational domain is not known here, without DNS: two labels stand for it. */
static bool is_of_author(const struct evidence *evidence, struct slice host)
{
    for (size_t i = 0; i < evidence->author_domains_count; i++)
        if (slice_equal(last_two_labels(host), last_two_labels(evidence->author_domains[i])))
            return true;
    return false;
}

/* A name of at least two labels; an address, "localhost" and the like say nothing of who had the message. */
static bool host_of(struct slice line, struct arena *arena, struct slice *host_out)
{
    struct slice word = word_behind(line, SLICE("by"));

    if (!mailbox_domain(word, arena, host_out) || slice_find(*host_out, '.') == host_out->length)
        return false;
    return !ascii_is_digit(host_out->text[host_out->length - 1]);
}

static bool is_recipient(const struct facts *facts, struct slice path)
{
    for (size_t i = 0; i < facts->recipients_count; i++)
        if (slice_equal_nocase(facts->recipients[i].path, path))
            return true;
    return false;
}

/* for <address>: a host that had the message was to bring it to somebody else. */
static bool is_for_another(const struct facts *facts, struct slice line)
{
    struct slice path = word_behind(line, SLICE("for"));

    if (path.length > 2 && path.text[0] == '<' && path.text[path.length - 1] == '>')
        path = slice_of(path.text + 1, path.length - 2);
    return facts->recipients_count > 0 && slice_find(path, '@') < path.length && !is_recipient(facts, path);
}

bool indirect_by_received(const struct facts *facts, const struct message_header *header,
                          const struct evidence *evidence, struct arena *arena)
{
    const struct message_field *field;
    size_t index = 0;
    bool other_above = false;

    for (size_t i = 0; i < INDIRECT_RECEIVED_MOST; i++) {
        struct slice line, host;
        field = message_next(header, SLICE("Received"), &index);
        if (field == NULL)
            return false;
        line = without_comments(field->value, arena);
        if (is_for_another(facts, line))
            return true;
        if (!host_of(line, arena, &host))
            continue;
        if (other_above && is_of_author(evidence, host))
            return true;
        other_above = other_above || !is_of_author(evidence, host);
    }
    return false;
}
