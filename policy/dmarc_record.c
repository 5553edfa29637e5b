/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_record.c: reads DMARC records and walks the tree. A record is a stranger's text; each value is held to its
 * table (RFC 9989 4.8) and nothing but words of ours leaves this file.
 */
#include "policy/dmarc_record.h"

#include "policy/auth_dmarc.h"

static bool next_tag(struct slice *rest, struct slice *name_out, struct slice *value_out)
{
    struct slice spec = slice_cut(rest, ';');
    size_t equals = slice_find(spec, '=');
    *name_out = slice_trim(slice_first(spec, equals));
    *value_out = slice_trim(slice_from(spec, equals + 1));
    return equals < spec.length;
}

static enum dmarc_policy policy_of(struct slice value)
{
    if (slice_equal_nocase(value, SLICE("none")))
        return DMARC_POLICY_NONE;
    if (slice_equal_nocase(value, SLICE("quarantine")))
        return DMARC_POLICY_QUARANTINE;
    return slice_equal_nocase(value, SLICE("reject")) ? DMARC_POLICY_REJECT : DMARC_NO_POLICY;
}

/* A URI of RFC 3986 has a scheme and something behind it; mailto (RFC 6068) has an address. */
static bool is_uri(struct slice text)
{
    size_t colon = slice_find(text, ':');
    if (colon == 0 || colon + 1 >= text.length || !ascii_is_letter(text.text[0]))
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] <= ' ' || text.text[i] > 126 || strchr("\"<>\\^`{|}", text.text[i]) != NULL)
            return false;
    for (size_t i = 1; i < colon; i++)
        if (!ascii_is_letter(text.text[i]) && !ascii_is_digit(text.text[i]) && strchr("+-.", text.text[i]) == NULL)
            return false;
    struct slice address = slice_from(text, colon + 1);
    size_t at = slice_find(address, '@');
    return !slice_equal_nocase(slice_first(text, colon), SLICE("mailto")) || (at > 0 && at + 1 < address.length);
}

static bool has_uri(struct slice value)
{
    struct slice rest = value;
    while (rest.text != NULL)
        if (is_uri(slice_trim(slice_cut(&rest, ','))))
            return true;
    return false;
}

static void read_policy(struct slice value, enum dmarc_policy *policy_out, bool *invalid_out)
{
    *policy_out = policy_of(value);
    *invalid_out |= *policy_out == DMARC_NO_POLICY;
}

static void read_tag(struct dmarc_record *record, struct slice name, struct slice value)
{
    char letter = value.length == 1 ? ascii_lower(value.text[0]) : 0;

    if (slice_equal_nocase(name, SLICE("p")))
        record->policy = policy_of(value);
    else if (slice_equal_nocase(name, SLICE("sp")))
        read_policy(value, &record->subdomain, &record->invalid);
    else if (slice_equal_nocase(name, SLICE("np")))
        read_policy(value, &record->nonexistent, &record->invalid);
    else if (slice_equal_nocase(name, SLICE("adkim")))
        record->strict_dkim = letter == 's';
    else if (slice_equal_nocase(name, SLICE("aspf")))
        record->strict_spf = letter == 's';
    else if (slice_equal_nocase(name, SLICE("t")))
        record->test = letter == 'y';
    else if (slice_equal_nocase(name, SLICE("psd")) && (letter == 'y' || letter == 'n'))
        record->psd = letter;
    else if (slice_equal_nocase(name, SLICE("rua")))
        record->has_report_address |= has_uri(value);
}

bool dmarc_record_parse(struct slice text, struct dmarc_record *record_out)
{
    struct slice rest = text, name, value;

    *record_out = (struct dmarc_record){ .psd = 'u' };
    if (!next_tag(&rest, &name, &value) || !slice_equal_nocase(name, SLICE("v")) || !slice_equal(value, SLICE("DMARC1"))
        || !ascii_is_letter(text.text[0]))
        return false;
    while (rest.text != NULL)
        if (next_tag(&rest, &name, &value))
            read_tag(record_out, name, value);
    record_out->invalid |= record_out->policy == DMARC_NO_POLICY;
    return true;
}

static struct slice parent_of(struct slice domain)
{
    return slice_from(domain, slice_find(domain, '.') + 1);
}

static size_t count_labels(struct slice domain)
{
    size_t labels = 1;
    for (size_t i = 0; i < domain.length; i++)
        labels += domain.text[i] == '.';
    return labels;
}

/*
 * RFC 9989 4.10 steps 4 and 7: the parent; from the starting point of eight labels or more, what its last seven
 * labels make.
 */
static struct slice next_target(struct slice target, bool is_first)
{
    size_t labels = count_labels(target);
    target = parent_of(target);
    while (is_first && labels-- > AUTH_DMARC_QUERIES_MOST)
        target = parent_of(target);
    return target;
}

static struct slice query_name(struct slice target, struct arena *arena)
{
    return arena_printf(arena, "_dmarc.%.*s", SLICE_ARG(target));
}

void dmarc_walk_want(struct slice domain, struct answers *answers, struct arena *arena)
{
    struct slice target = domain;
    for (bool first = true; target.length > 0; first = false) {
        answers_want(answers, QUESTION_TXT, query_name(target, arena));
        target = next_target(target, first);
    }
}

/* The one DMARC record of an answer; several are none (RFC 9989 4.10 step 2). */
static bool find_record(const struct answer *answer, struct dmarc_record *record_out)
{
    struct dmarc_record record;
    size_t found = 0;
    for (size_t i = 0; answer->status == ANSWER_RECORDS && i < answer->count; i++)
        if (dmarc_record_parse(answer->records[i].data, &record)) {
            *record_out = record;
            found++;
        }
    return found == 1;
}

static bool is_failure(enum answer_status status)
{
    return status == ANSWER_FAILED || status == ANSWER_TIMEOUT || status == ANSWER_LIMIT;
}

/* Takes one answer; true: the walk stops here. */
static bool take_answer(struct dmarc_walk *walk, const struct answer *answer, struct slice target, bool is_first,
                        struct arena *arena)
{
    struct dmarc_record record;

    if (answer == NULL) {
        walk->state = DMARC_WALK_PENDING;
        return false;
    }
    if (is_failure(answer->status)) {
        if (walk->state == DMARC_WALK_DONE) {
            walk->state = DMARC_WALK_FAILED;
            walk->problem = arena_printf(arena, "TXT %.*s: %s", SLICE_ARG(answer->question.name),
                                         answer_status_name(answer->status));
        }
        walk->first_failed |= is_first;
        return false;
    }
    if (!find_record(answer, &record))
        return false;
    record.domain = target;
    walk->records[walk->count++] = record;
    return record.psd != 'u';
}

/* RFC 9989 4.10.2 */
static struct slice organizational_domain(const struct dmarc_walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        const struct dmarc_record *record = &walk->records[i];
        struct slice below = walk->domain;
        if (record->psd == 'n')
            return record->domain;
        if (record->psd != 'y' || slice_equal(record->domain, walk->domain))
            continue;
        while (!slice_equal(parent_of(below), record->domain))
            below = parent_of(below);
        return below;
    }
    return walk->count > 0 ? walk->records[walk->count - 1].domain : walk->domain;
}

void dmarc_walk(struct slice domain, struct answers *answers, struct arena *arena, struct dmarc_walk *walk_out)
{
    struct slice target = domain;
    bool stopped = false;

    *walk_out = (struct dmarc_walk){ .domain = domain };
    for (bool first = true; target.length > 0 && !stopped; first = false) {
        stopped =
            take_answer(walk_out, answers_find(answers, QUESTION_TXT, query_name(target, arena)), target, first, arena);
        target = next_target(target, first);
    }
    if (walk_out->state == DMARC_WALK_DONE)
        walk_out->organizational = organizational_domain(walk_out);
}

static const struct dmarc_record *record_at(const struct dmarc_walk *walk, struct slice domain)
{
    for (size_t i = 0; i < walk->count; i++)
        if (slice_equal(walk->records[i].domain, domain))
            return &walk->records[i];
    return NULL;
}

const struct dmarc_record *dmarc_walk_policy(const struct dmarc_walk *walk)
{
    const struct dmarc_record *record = record_at(walk, walk->domain);
    if (record == NULL && walk->state == DMARC_WALK_DONE)
        record = record_at(walk, walk->organizational);
    /* The public suffix's, which stopped the walk. */
    if (record == NULL && walk->state == DMARC_WALK_DONE && walk->count > 0
        && walk->records[walk->count - 1].psd == 'y')
        record = &walk->records[walk->count - 1];
    return record;
}
