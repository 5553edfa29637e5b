/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * examine.c: one reading of one message: the header becomes evidence at once, the body goes through the cryptography
 * of the chosen signatures. Owns nothing but the cryptography's handle; the rest is the arena's. Nothing in a message
 * can make it fail: what cannot be read is named in the evidence.
 */
#include "policy/examine.h"

#include "policy/auth_dkim.h"
#include "policy/auth_dkim_crypto.h"
#include "policy/auth_dkim_parse.h"
#include "policy/auth_results.h"
#include "policy/indirect.h"
#include "policy/mailbox.h"
#include "policy/message.h"

/* Values kept of one field that a rule reads. */
#define VALUES_MOST 64

struct examination {
    const struct facts *facts;
    struct arena *arena;
    struct message_header header;
    struct evidence evidence;
    struct removed_field *removed;
    size_t removed_count;
    struct auth_dkim_candidate *candidates;    /* parallel to evidence.signatures */
    struct auth_dkim_crypto *crypto;
    bool ready;
};

void examine_prepare(void)
{
    auth_dkim_crypto_prepare();
}

static void note_malformed(struct examination *examination, const char *problem)
{
    if (problem != NULL && slice_is_empty(examination->evidence.malformed))
        examination->evidence.malformed = slice_of_string(problem);
}

static void add_author(struct examination *examination, struct slice domain)
{
    struct evidence *evidence = &examination->evidence;

    for (size_t i = 0; i < evidence->author_domains_count; i++)
        if (slice_equal(evidence->author_domains[i], domain))
            return;
    if (evidence->author_domains_count == EVIDENCE_AUTHORS_MOST) {
        note_malformed(examination, "too many author domains");
        return;
    }
    evidence->author_domains[evidence->author_domains_count++] = domain;
}

static void read_from(struct examination *examination, const struct message_field *field)
{
    struct evidence *evidence = &examination->evidence;
    struct mailbox_list list;

    if (evidence->from_count++ == 0)
        evidence->from_text = message_unfold(field->value, EVIDENCE_TEXT_MOST, examination->arena);
    if (field->space_before_colon)
        note_malformed(examination, "space before the colon of From");
    mailbox_parse(field->value, examination->arena, &list);
    note_malformed(examination, list.problem);
    for (size_t i = 0; i < list.count; i++) {
        evidence->mailbox_count++;
        if (list.mailboxes[i].domain.length > 0)
            add_author(examination, list.mailboxes[i].domain);
    }
}

/* RFC 5322 3.6.2: exactly one From. */
static void read_authors(struct examination *examination)
{
    const struct message_field *field;
    size_t index = 0;

    examination->evidence.author_domains = arena_array(examination->arena, EVIDENCE_AUTHORS_MOST, sizeof(struct slice));
    while ((field = message_next(&examination->header, SLICE("From"), &index)) != NULL)
        read_from(examination, field);
    if (examination->evidence.from_count == 0)
        note_malformed(examination, "no From");
    else if (examination->evidence.from_count > 1)
        note_malformed(examination, "several From fields");
}

static struct slice first_value(struct examination *examination, struct slice name)
{
    size_t index = 0;
    const struct message_field *field = message_next(&examination->header, name, &index);
    return field == NULL ? SLICE_NONE : message_unfold(field->value, EVIDENCE_TEXT_MOST, examination->arena);
}

static void read_header_values(struct examination *examination, struct evidence_header *entry)
{
    const struct message_field *field;
    size_t index = 0, count = message_count(&examination->header, entry->name);

    if (count > VALUES_MOST)
        count = VALUES_MOST;
    if (count > 0)
        entry->values = arena_array(examination->arena, count, sizeof(*entry->values));
    while (entry->count < count && (field = message_next(&examination->header, entry->name, &index)) != NULL)
        entry->values[entry->count++] = message_unfold(field->value, EVIDENCE_TEXT_MOST, examination->arena);
}

/* The fields that rules read with header["..."]. */
static void read_headers(struct examination *examination, const struct program *program)
{
    struct evidence *evidence = &examination->evidence;
    size_t count = 0;

    while (program != NULL && program_read_header(program, count) != NULL)
        count++;
    if (count == 0)
        return;
    evidence->headers = arena_array(examination->arena, count, sizeof(*evidence->headers));
    evidence->headers_count = count;
    for (size_t i = 0; i < count; i++) {
        evidence->headers[i].name = arena_copy(examination->arena, slice_of_string(program_read_header(program, i)));
        read_header_values(examination, &evidence->headers[i]);
    }
}

static bool program_adds(const struct program *program, struct slice name)
{
    const char *added;
    for (size_t i = 0; program != NULL && (added = program_added_field(program, i)) != NULL; i++)
        if (slice_equal_nocase(name, slice_of_string(added)))
            return true;
    return false;
}

static bool is_removed(const struct examination *examination, const struct message_field *field,
                       const struct program *program)
{
    if (message_field_is(field, SLICE("Authentication-Results")))
        return auth_results_is_from(field->value, examination->facts->authserv_id);
    return program_adds(program, field->name);
}

static void find_removed(struct examination *examination, const struct program *program)
{
    const struct message_header *header = &examination->header;
    size_t room = header->count < VERDICT_REMOVED_MOST ? header->count : VERDICT_REMOVED_MOST;

    examination->removed = arena_array(examination->arena, room + 1, sizeof(*examination->removed));
    for (size_t i = 0; i < header->count; i++) {
        const struct message_field *field = &header->fields[i];
        if (field->name.length == 0 || !is_removed(examination, field, program))
            continue;
        if (examination->removed_count == room) {
            note_malformed(examination, "too many forged fields");
            return;
        }
        examination->removed[examination->removed_count++] = (struct removed_field){
            .offset = field->offset, .length = (uint32_t)field->text.length, .name = field->name,
        };
    }
}

static void read_signatures(struct examination *examination)
{
    struct evidence *evidence = &examination->evidence;
    const struct message_field *field;
    size_t index = 0, count = message_count(&examination->header, SLICE("DKIM-Signature"));

    evidence->signatures_seen = (uint32_t)count;
    if (count > EVIDENCE_SIGNATURES_MOST)
        count = EVIDENCE_SIGNATURES_MOST;
    evidence->signatures = arena_array(examination->arena, count + 1, sizeof(*evidence->signatures));
    examination->candidates = arena_array(examination->arena, count + 1, sizeof(*examination->candidates));
    while (evidence->signatures_count < count
           && (field = message_next(&examination->header, SLICE("DKIM-Signature"), &index)) != NULL) {
        struct signature *signature = &evidence->signatures[evidence->signatures_count];
        struct auth_dkim_candidate *candidate = &examination->candidates[evidence->signatures_count++];
        auth_dkim_parse_signature(field->value, examination->arena, signature);
        *candidate = (struct auth_dkim_candidate){ .field = field, .signature = signature };
    }
}

/* How near a signing domain is to an author: 3 the same, 2 above or below, 1 neither, 0 unusable. */
static unsigned signature_rank(const struct evidence *evidence, const struct signature *signature)
{
    unsigned rank = 1;
    if (signature->problem.length > 0)
        return 0;
    for (size_t i = 0; i < evidence->author_domains_count; i++) {
        struct slice author = evidence->author_domains[i];
        if (slice_equal(author, signature->domain))
            return 3;
        if (domain_is_within(author, signature->domain) || domain_is_within(signature->domain, author))
            rank = 2;
    }
    return rank;
}

/* Signatures beyond facts->signatures_most are not tried; those that may align come first. */
static void limit_signatures(struct examination *examination)
{
    struct evidence *evidence = &examination->evidence;
    uint32_t left = examination->facts->signatures_most;

    for (unsigned rank = 3; rank > 0; rank--)
        for (size_t i = 0; i < evidence->signatures_count; i++) {
            if (signature_rank(evidence, &evidence->signatures[i]) != rank || examination->candidates[i].chosen)
                continue;
            examination->candidates[i].chosen = left > 0;
            if (left > 0)
                left--;
        }
    for (size_t i = 0; i < evidence->signatures_count; i++)
        if (!examination->candidates[i].chosen && evidence->signatures[i].problem.length == 0)
            evidence->signatures[i].problem = SLICE(AUTH_DKIM_BEYOND_LIMIT);
}

static bool has_nul(struct slice header)
{
    return header.length > 0 && memchr(header.text, 0, header.length) != NULL;
}

struct examination *examine_begin(const struct facts *facts, const struct program *program, struct slice header,
                                  struct arena *arena)
{
    struct examination *examination = arena_alloc(arena, sizeof(*examination));
    struct evidence *evidence = &examination->evidence;

    *examination = (struct examination){ .facts = facts, .arena = arena };
    message_parse(header, arena, &examination->header);
    evidence->header_size = examination->header.size;
    evidence->field_count = (uint32_t)examination->header.count;
    note_malformed(examination, has_nul(slice_first(header, examination->header.size)) ? "NUL in the header" : NULL);
    note_malformed(examination, examination->header.problem);
    read_authors(examination);
    evidence->message_id = first_value(examination, SLICE("Message-ID"));
    if (facts->record_subject)
        evidence->subject = first_value(examination, SLICE("Subject"));
    read_signatures(examination);
    limit_signatures(examination);
    indirect_find(&examination->header, arena, evidence);
    read_headers(examination, program);
    find_removed(examination, program);
    return examination;
}

const struct evidence *examine_evidence(const struct examination *examination)
{
    return &examination->evidence;
}

const struct removed_field *examine_removed(const struct examination *examination, size_t *count_out)
{
    *count_out = examination->removed_count;
    return examination->removed;
}

/* False: the key's answer is missing. A signature without a usable key is not tried; auth_dkim_outcome() says why. */
static bool choose_key(struct examination *examination, struct auth_dkim_candidate *candidate, struct answers *answers)
{
    struct auth_dkim_key key;
    struct slice name = auth_dkim_key_name(candidate->signature, examination->arena);
    const struct answer *answer = answers_find(answers, QUESTION_TXT, name);

    if (answer == NULL)
        return false;
    auth_dkim_parse_key(answer, candidate->signature, examination->arena, &key);
    candidate->chosen = key.result == AUTH_PASS && key.data.length <= AUTH_DKIM_KEY_MOST;
    if (key.result == AUTH_PASS)
        candidate->signature->key_data = key.data;
    candidate->key_type = key.type;
    return true;
}

enum examine_state examine_keys(struct examination *examination, struct answers *answers)
{
    size_t count = examination->evidence.signatures_count, missing = 0;

    if (examination->ready)
        return EXAMINE_READY;
    /* All missing keys are asked for at once: nothing is chosen before all are there. */
    for (size_t i = 0; i < count; i++)
        if (examination->evidence.signatures[i].problem.length == 0
            && answers_find(answers, QUESTION_TXT, auth_dkim_key_name(&examination->evidence.signatures[i],
                                                                      examination->arena)) == NULL)
            missing++;
    if (missing > 0)
        return EXAMINE_WAITS;
    for (size_t i = 0; i < count; i++)
        if (examination->candidates[i].chosen)
            choose_key(examination, &examination->candidates[i], answers);
    examination->crypto =
        auth_dkim_crypto_new(&examination->header, examination->candidates, count, examination->arena);
    examination->ready = true;
    return EXAMINE_READY;
}

void examine_body(struct examination *examination, struct slice bytes)
{
    if (examination->crypto != NULL)
        auth_dkim_crypto_body(examination->crypto, bytes);
}

void examine_finish(struct examination *examination)
{
    if (examination->crypto != NULL)
        auth_dkim_crypto_finish(examination->crypto);
}

void examine_free(struct examination **examination)
{
    if (*examination != NULL)
        auth_dkim_crypto_free(&(*examination)->crypto);
    *examination = NULL;
}
