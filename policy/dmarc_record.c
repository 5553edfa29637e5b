/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_record.c: reads DMARC records and walks the tree. A record is a stranger's text; each value is held to its
 * table (RFC 9989 4.8) and nothing but words of ours leaves this file.
 */
#include "policy/dmarc_record.h"

#include "policy/auth_dmarc.h"

/* The tags of RFC 9989 4.7 but v, which is read apart. */
enum tag { TAG_P, TAG_SP, TAG_NP, TAG_T, TAG_PSD, TAG_ADKIM, TAG_ASPF, TAG_RUA, TAG_RUF, TAG_FO, TAG_COUNT };

static const char *const tag_names[TAG_COUNT] = {
    [TAG_P] = "p",         [TAG_SP] = "sp",     [TAG_NP] = "np",   [TAG_T] = "t",     [TAG_PSD] = "psd",
    [TAG_ADKIM] = "adkim", [TAG_ASPF] = "aspf", [TAG_RUA] = "rua", [TAG_RUF] = "ruf", [TAG_FO] = "fo",
};

/* The values as they stand, before any is read. */
struct tags {
    struct slice values[TAG_COUNT];
    bool twice[TAG_COUNT];
    bool plain;
};

/* One tag; false: what stands there is none. An empty rest behind the last ";" is none either, and is no error. */
static bool next_tag(struct slice *rest, struct slice *name_out, struct slice *value_out, bool *plain_out)
{
    struct slice spec = slice_cut(rest, ';');
    size_t equals = slice_find(spec, '=');
    *name_out = slice_trim(slice_first(spec, equals));
    *value_out = slice_trim(slice_from(spec, equals + 1));
    bool good = equals < spec.length && name_out->length > 0 && value_out->length > 0;
    for (size_t i = 0; good && i < name_out->length; i++)
        good = ascii_is_letter(name_out->text[i]);
    *plain_out &= good || (rest->text == NULL && slice_is_empty(slice_trim(spec)));
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

static bool is_hex(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* The characters of RFC 3986 2, and "%" only before two hexadecimal digits. */
static bool has_uri_characters(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.text[i];
        if (c <= ' ' || c > '~' || strchr("\"<>\\^`{|}", c) != NULL)
            return false;
        if (c == '%' && (i + 2 >= text.length || !is_hex(text.text[i + 1]) || !is_hex(text.text[i + 2])))
            return false;
    }
    return true;
}

/* A URI of RFC 3986 has a scheme and something behind it; mailto (RFC 6068) has an address. */
static bool is_uri(struct slice text)
{
    size_t colon = slice_find(text, ':');
    if (colon == 0 || colon + 1 >= text.length || !ascii_is_letter(text.text[0]) || !has_uri_characters(text))
        return false;
    for (size_t i = 1; i < colon; i++)
        if (!ascii_is_letter(text.text[i]) && !ascii_is_digit(text.text[i]) && strchr("+-.", text.text[i]) == NULL)
            return false;
    struct slice address = slice_from(text, colon + 1);
    size_t at = slice_find(address, '@');
    return !slice_equal_nocase(slice_first(text, colon), SLICE("mailto")) || (at > 0 && at + 1 < address.length);
}

/* obs-dmarc-report-size is not looked at: "!" and what follows it. */
static bool has_uri(struct slice value)
{
    struct slice rest = value;
    while (rest.text != NULL) {
        struct slice uri = slice_trim(slice_cut(&rest, ','));
        if (is_uri(slice_first(uri, slice_find(uri, '!'))))
            return true;
    }
    return false;
}

/*
 * A tag that occurs twice has no value: RFC 6376 3.2, whose syntax this is, forbids it, and RFC 9989 4.8 has syntax
 * errors discarded in favour of the default. So no two readers can see two policies in one record.
 */
static void collect(struct slice rest, struct tags *tags)
{
    struct slice name, value;

    for (size_t count = 0; rest.text != NULL; count++) {
        if (count == DMARC_RECORD_TAGS_MOST) {
            tags->plain = false;
            return;
        }
        if (!next_tag(&rest, &name, &value, &tags->plain))
            continue;
        for (enum tag tag = TAG_P; tag < TAG_COUNT; tag++) {
            if (!slice_equal_nocase(name, slice_of_string(tag_names[tag])))
                continue;
            tags->twice[tag] = tags->values[tag].text != NULL;
            tags->values[tag] = value.text == NULL ? SLICE("") : value;
            if (tags->twice[tag])
                tags->plain = false;
        }
    }
}

static struct slice value_of(const struct tags *tags, enum tag tag)
{
    return tags->twice[tag] ? SLICE("") : tags->values[tag];
}

/* The value's one letter in lower case when it is one of `letters`, else their first: the default. */
static char letter_of(struct tags *tags, enum tag tag, const char *letters)
{
    struct slice value = value_of(tags, tag);
    char letter = value.length == 1 ? ascii_lower(value.text[0]) : 0;

    if (tags->values[tag].text == NULL)
        return letters[0];
    if (letter != 0 && strchr(letters, letter) != NULL)
        return letter;
    tags->plain = false;
    return letters[0];
}

static enum dmarc_policy read_policy(const struct tags *tags, enum tag tag, bool *invalid_out)
{
    enum dmarc_policy policy = policy_of(value_of(tags, tag));
    *invalid_out |= policy == DMARC_NO_POLICY && (tag == TAG_P || tags->values[tag].text != NULL);
    return policy;
}

static void read_tags(struct tags *tags, struct dmarc_record *record)
{
    record->policy = read_policy(tags, TAG_P, &record->invalid);
    record->subdomain = read_policy(tags, TAG_SP, &record->invalid);
    record->nonexistent = read_policy(tags, TAG_NP, &record->invalid);
    record->test = letter_of(tags, TAG_T, "ny") == 'y';
    record->psd = letter_of(tags, TAG_PSD, "uyn");
    record->strict_dkim = letter_of(tags, TAG_ADKIM, "rs") == 's';
    record->strict_spf = letter_of(tags, TAG_ASPF, "rs") == 's';
    record->has_report_address = has_uri(value_of(tags, TAG_RUA));
    if (record->invalid || (tags->values[TAG_RUA].text != NULL && !record->has_report_address))
        tags->plain = false;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((text.text[i] < ' ' && text.text[i] != '\t') || text.text[i] > '~')
            return false;
    return true;
}

/* "v" has no case, "DMARC1" has; nothing stands before it (RFC 9989 4.8). */
bool dmarc_record_parse(struct slice text, struct dmarc_record *record_out)
{
    struct slice rest = text, name, value;
    struct tags tags = { .plain = true };

    *record_out = (struct dmarc_record){ .psd = 'u', .text = text };
    if (!next_tag(&rest, &name, &value, &tags.plain) || !slice_equal_nocase(name, SLICE("v"))
        || !slice_equal(value, SLICE("DMARC1")) || !ascii_is_letter(text.text[0]))
        return false;
    collect(rest, &tags);
    read_tags(&tags, record_out);
    record_out->plain = tags.plain && text.length <= DMARC_RECORD_PLAIN_MOST && is_printable(text);
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
    walk->exists |= is_first && (answer->status == ANSWER_RECORDS || answer->status == ANSWER_NO_DATA);
    if (is_failure(answer->status)) {
        walk->widest = target;
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
    walk->widest = target;
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
        walk_out->organizational = walk_out->widest = organizational_domain(walk_out);
    else if (stopped)
        walk_out->widest = organizational_domain(walk_out);
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
