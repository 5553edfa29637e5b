/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * examine.c: one reading of one message: the header becomes evidence at once, the body goes through the cryptography
 * of the chosen signatures. Owns nothing but the cryptography's handle; the rest is the arena's. Nothing in a message
 * can make it fail: what cannot be read is named in the evidence.
 */
#include "policy/examine.h"

#include "policy/auth_arc.h"
#include "policy/auth_arc_crypto.h"
#include "policy/auth_arc_parse.h"
#include "policy/auth_dkim.h"
#include "policy/auth_dkim_cover.h"
#include "policy/auth_dkim_crypto.h"
#include "policy/auth_dkim_parse.h"
#include "policy/auth_results_parse.h"
#include "policy/author.h"
#include "policy/indirect.h"
#include "policy/message.h"

/* Values kept of one field that a rule reads. */
#define VALUES_MOST 64
/* signature_rank() of a signature by the author domain itself. */
#define SIGNATURE_RANK_MOST 4

struct examination {
    const struct facts *facts;
    struct arena *arena;
    struct message_header header;
    struct evidence evidence;
    struct removed_field *removed;
    size_t removed_count;
    struct auth_dkim_candidate *candidates;    /* parallel to evidence.signatures */
    struct auth_dkim_crypto *crypto;
    struct auth_arc_member *arc_members;       /* parallel to evidence.arc_sets */
    struct auth_arc_crypto *arc_crypto;
    bool ready;
};

void examine_prepare(void)
{
    auth_dkim_crypto_prepare();
    auth_arc_crypto_prepare();
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
        return auth_results_is_from(field->value, examination->facts->authserv_id, examination->arena);
    return program_adds(program, field->name);
}

/* What stays might be taken for ours. */
static void note_forged(struct examination *examination)
{
    struct evidence *evidence = &examination->evidence;
    evidence->oddities |= ODDITY_BIT(ODDITY_TOO_MANY_FORGED);
    if (slice_is_empty(evidence->malformed))
        evidence->malformed = author_problem(evidence->oddities, NULL, examination->arena);
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
            note_forged(examination);
            return;
        }
        examination->removed[examination->removed_count++] = (struct removed_field){
            .offset = field->offset, .length = (uint32_t)field->text.length, .name = field->name,
        };
    }
}

/* How many labels two domains have in common, from the right. */
static size_t common_labels(struct slice a, struct slice b)
{
    size_t labels = 0, i = 0;
    while (i < a.length && i < b.length && a.text[a.length - 1 - i] == b.text[b.length - 1 - i])
        labels += a.text[a.length - 1 - i++] == '.';
    bool a_ends = i == a.length || a.text[a.length - 1 - i] == '.';
    bool b_ends = i == b.length || b.text[b.length - 1 - i] == '.';
    return labels + (i > 0 && a_ends && b_ends);
}

/*
 * How likely a signing domain aligns with an author's, as far as names tell: 4 it is the same, 3 above or below it, 2
 * they may have an organizational domain in common, 1 neither, 0 the signature is unusable.
 */
static unsigned signature_rank(const struct evidence *evidence, const struct signature *signature)
{
    unsigned best = 1;
    if (signature->problem.length > 0)
        return 0;
    for (size_t i = 0; i < evidence->author_domains_count; i++) {
        struct slice author = evidence->author_domains[i];
        unsigned rank = 1;
        if (slice_equal(author, signature->domain))
            return SIGNATURE_RANK_MOST;
        if (domain_is_within(author, signature->domain) || domain_is_within(signature->domain, author))
            rank = 3;
        else if (common_labels(author, signature->domain) > 1)
            rank = 2;
        best = rank > best ? rank : best;
    }
    return best;
}

/* The fields kept of too many. */
struct kept_fields {
    const struct message_field *fields[EVIDENCE_SIGNATURES_MOST];
    unsigned ranks[EVIDENCE_SIGNATURES_MOST];
    size_t count;
};

/* The last of those with the lowest rank makes room for one with a higher. */
static void keep_field(struct kept_fields *kept, const struct message_field *field, unsigned rank)
{
    size_t lowest = 0;
    if (kept->count == EVIDENCE_SIGNATURES_MOST) {
        for (size_t i = 0; i < kept->count; i++)
            if (kept->ranks[i] <= kept->ranks[lowest])
                lowest = i;
        if (kept->ranks[lowest] >= rank)
            return;
        kept->count--;
        for (size_t i = lowest; i < kept->count; i++) {
            kept->fields[i] = kept->fields[i + 1];
            kept->ranks[i] = kept->ranks[i + 1];
        }
    }
    kept->ranks[kept->count] = rank;
    kept->fields[kept->count++] = field;
}

/* Those that may align are kept; what was read of the others goes with the scratch arena. */
static void find_kept(struct examination *examination, struct kept_fields *kept)
{
    bool too_many = examination->evidence.signatures_seen > EVIDENCE_SIGNATURES_MOST;
    struct arena *scratch = too_many ? arena_new() : NULL;
    const struct message_field *field;
    size_t index = 0;

    while ((field = message_next(&examination->header, SLICE("DKIM-Signature"), &index)) != NULL) {
        struct signature signature;
        unsigned rank = 0;
        if (too_many) {
            auth_dkim_parse_signature(field->value, scratch, &signature);
            rank = signature_rank(&examination->evidence, &signature);
            arena_reset(scratch);
        }
        keep_field(kept, field, rank);
    }
    arena_free(&scratch);
}

static void read_signatures(struct examination *examination)
{
    struct evidence *evidence = &examination->evidence;
    struct kept_fields kept = { .count = 0 };

    evidence->signatures_seen = (uint32_t)message_count(&examination->header, SLICE("DKIM-Signature"));
    find_kept(examination, &kept);
    evidence->signatures_count = kept.count;
    evidence->signatures = arena_array(examination->arena, kept.count + 1, sizeof(*evidence->signatures));
    examination->candidates = arena_array(examination->arena, kept.count + 1, sizeof(*examination->candidates));
    for (size_t i = 0; i < kept.count; i++) {
        auth_dkim_parse_signature(kept.fields[i]->value, examination->arena, &evidence->signatures[i]);
        examination->candidates[i] =
            (struct auth_dkim_candidate){ .field = kept.fields[i], .signature = &evidence->signatures[i] };
    }
}

/* Signatures beyond facts->signatures_most are not tried; those that may align come first. */
static void limit_signatures(struct examination *examination)
{
    struct evidence *evidence = &examination->evidence;
    uint32_t left = examination->facts->signatures_most;

    for (unsigned rank = SIGNATURE_RANK_MOST; rank > 0; rank--)
        for (size_t i = 0; i < evidence->signatures_count && left > 0; i++) {
            struct auth_dkim_candidate *candidate = &examination->candidates[i];
            if (signature_rank(evidence, candidate->signature) != rank || candidate->chosen)
                continue;
            candidate->chosen = true;
            left--;
        }
    for (size_t i = 0; i < evidence->signatures_count; i++)
        if (!examination->candidates[i].chosen && evidence->signatures[i].problem.length == 0)
            evidence->signatures[i].problem = SLICE(AUTH_DKIM_BEYOND_LIMIT);
}

static void find_covered(struct examination *examination)
{
    struct auth_dkim_fields fields;
    auth_dkim_fields_count(&examination->header, &fields);
    for (size_t i = 0; i < examination->evidence.signatures_count; i++) {
        const struct auth_dkim_candidate *candidate = &examination->candidates[i];
        if (candidate->chosen)
            auth_dkim_cover_fields(auth_dkim_fields_of(candidate->field->value), &fields, candidate->signature);
    }
    for (size_t i = 0; i < examination->evidence.arc_sets_count; i++)
        auth_dkim_cover_fields(examination->arc_members[i].message.names, &fields,
                               &examination->evidence.arc_sets[i].message);
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
    evidence->received_count = (uint32_t)message_count(&examination->header, SLICE("Received"));
    author_find(&examination->header, arena, evidence);
    evidence->message_id = first_value(examination, SLICE("Message-ID"));
    if (facts->record_subject)
        evidence->subject = first_value(examination, SLICE("Subject"));
    read_signatures(examination);
    limit_signatures(examination);
    auth_arc_parse(&examination->header, arena, evidence, &examination->arc_members);
    find_covered(examination);
    indirect_find(facts, &examination->header, arena, evidence);
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
    candidate->chosen = key.result == AUTH_PASS;
    candidate->own = key.data.length > AUTH_DKIM_KEY_MOST || !auth_dkim_key_is_usual(&key);
    if (key.result == AUTH_PASS)
        candidate->signature->key_data = key.data;
    candidate->key_type = key.type;
    return true;
}

static void choose_arc_key(struct examination *examination, struct signature *signature, struct answers *answers)
{
    struct auth_dkim_key key;
    struct slice name = auth_dkim_key_name(signature, examination->arena);
    if (name.text == NULL)
        return;
    auth_dkim_parse_key(answers_find(answers, QUESTION_TXT, name), signature, examination->arena, &key);
    if (key.result == AUTH_PASS)
        signature->key_data = key.data;
}

/* Only after all keys are there. */
static void begin_arc(struct examination *examination, struct answers *answers)
{
    struct evidence *evidence = &examination->evidence;
    if (evidence->arc_sets_count == 0)
        return;
    for (size_t i = 0; i < evidence->arc_sets_count; i++) {
        choose_arc_key(examination, &evidence->arc_sets[i].message, answers);
        choose_arc_key(examination, &evidence->arc_sets[i].seal, answers);
    }
    examination->arc_crypto = auth_arc_crypto_new(&examination->header, evidence->arc_sets, examination->arc_members,
                                                  evidence->arc_sets_count, examination->arena);
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
    if (!auth_arc_has_keys(&examination->evidence, answers, examination->arena) || missing > 0)
        return EXAMINE_WAITS;
    for (size_t i = 0; i < count; i++)
        if (examination->candidates[i].chosen)
            choose_key(examination, &examination->candidates[i], answers);
    examination->crypto =
        auth_dkim_crypto_new(&examination->header, examination->candidates, count, examination->arena);
    begin_arc(examination, answers);
    examination->ready = true;
    return EXAMINE_READY;
}

void examine_body(struct examination *examination, struct slice bytes)
{
    if (examination->crypto != NULL)
        auth_dkim_crypto_body(examination->crypto, bytes);
    if (examination->arc_crypto != NULL)
        auth_arc_crypto_body(examination->arc_crypto, bytes);
}

void examine_finish(struct examination *examination)
{
    if (examination->crypto != NULL)
        auth_dkim_crypto_finish(examination->crypto);
    if (examination->arc_crypto != NULL)
        auth_arc_crypto_finish(examination->arc_crypto);
}

void examine_free(struct examination **examination)
{
    if (*examination != NULL)
        auth_dkim_crypto_free(&(*examination)->crypto);
    *examination = NULL;
}
