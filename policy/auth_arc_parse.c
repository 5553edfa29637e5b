/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc_parse.c: collects the three kinds of ARC fields by their instance, holds the collection against RFC 8617
 * 5.2, and reads each field by its grammar. RFC 8617 4.1.2 and 4.1.3 define the two signatures by how they differ from
 * a DKIM-Signature; they are read likewise: as the DKIM-Signature field that they are, those differences aside.
 */
#include "policy/auth_arc_parse.h"

#include "policy/auth_dkim_parse.h"
#include "policy/auth_results_parse.h"
#include "policy/mailbox.h"
#include "policy/tag_list.h"

enum kind { KIND_RESULTS, KIND_MESSAGE, KIND_SEAL, KIND_COUNT };

static const char *const kind_names[KIND_COUNT] = {
    "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal",
};

/* One ARC field. */
struct found {
    const struct message_field *field;
    struct slice rest;             /* behind the instance: authres-payload or tag-list */
    struct slice status;           /* cv= of a seal */
    const char *problem;           /* of the tag-list */
    struct tag_list tags;
};

struct chain {
    struct arena *arena;
    struct found *found[EVIDENCE_ARC_SETS_MOST][KIND_COUNT];
    unsigned count;                /* the highest instance */
    struct slice problem;
};

static void refuse(struct chain *chain, struct slice problem)
{
    if (chain->problem.length == 0)
        chain->problem = problem;
}

/* position = 1*2DIGIT, 1 to 50; 0 when it is not. */
static unsigned read_position(struct slice text)
{
    unsigned long long number;
    if (text.length > 2 || !slice_number(text, EVIDENCE_ARC_SETS_MOST, &number))
        return 0;
    return (unsigned)number;
}

/*
 * [CFWS] %s"i" [CFWS] "=" [CFWS] position [CFWS] ";" at the beginning; `rest_out` is what follows. False: something
 * else stands there.
 */
static bool read_instance(struct slice value, struct slice *rest_out, unsigned *instance_out)
{
    struct slice rest = auth_results_skip_cfws(value);
    size_t digits = 0;
    if (!slice_starts_with(rest, SLICE("i")))
        return false;
    rest = auth_results_skip_cfws(slice_from(rest, 1));
    if (!slice_starts_with(rest, SLICE("=")))
        return false;
    rest = auth_results_skip_cfws(slice_from(rest, 1));
    while (digits < rest.length && ascii_is_digit(rest.text[digits]))
        digits++;
    *instance_out = read_position(slice_first(rest, digits));
    rest = auth_results_skip_cfws(slice_from(rest, digits));
    if (!slice_starts_with(rest, SLICE(";")))
        *instance_out = 0;
    *rest_out = slice_from(rest, 1);
    return true;
}

/*
 * The instance of a field; 0: it has none. In the two signatures it may stand anywhere among the tags: RFC 8617's
 * grammar puts it first, sealers sort their tags as DKIM lets them, and readers of tag lists cannot tell.
 */
static unsigned find_instance(struct found *found, enum kind kind)
{
    unsigned instance = 0;
    bool first = read_instance(found->field->value, &found->rest, &instance);

    if (kind == KIND_RESULTS)
        return first ? instance : 0;
    if (!first)
        found->rest = found->field->value;
    tag_list_parse(found->rest, &found->tags, &found->problem);
    struct slice tag = tag_list_find(&found->tags, "i");
    if (first)
        return tag.text == NULL ? instance : 0;
    return tag.text == NULL ? 0 : read_position(tag);
}

static void collect_field(struct chain *chain, const struct message_field *field, enum kind kind)
{
    struct found *found = arena_alloc(chain->arena, sizeof *found);
    *found = (struct found){ .field = field };
    unsigned instance = find_instance(found, kind);

    if (instance == 0) {
        refuse(chain, arena_printf(chain->arena, "%s without a valid instance", kind_names[kind]));
        return;
    }
    if (chain->found[instance - 1][kind] != NULL)
        refuse(chain, arena_printf(chain->arena, "two %s fields with i=%u", kind_names[kind], instance));
    chain->found[instance - 1][kind] = found;
    if (instance > chain->count)
        chain->count = instance;
}

static bool kind_of(const struct message_field *field, enum kind *kind_out)
{
    for (enum kind kind = KIND_RESULTS; kind < KIND_COUNT; kind++)
        if (message_field_is(field, slice_of_string(kind_names[kind]))) {
            *kind_out = kind;
            return true;
        }
    return false;
}

/* 5.2 step 1. */
static void collect(struct chain *chain, const struct message_header *header)
{
    size_t seen = 0;
    enum kind kind;

    for (size_t i = 0; i < header->count; i++) {
        if (!kind_of(&header->fields[i], &kind))
            continue;
        if (++seen > EVIDENCE_ARC_SETS_MOST * KIND_COUNT) {
            refuse(chain, SLICE("more than 50 ARC sets"));
            return;
        }
        collect_field(chain, &header->fields[i], kind);
    }
}

/* Steps 2 and 3. */
static void check_structure(struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++)
        for (enum kind kind = KIND_RESULTS; kind < KIND_COUNT; kind++)
            if (chain->found[i][kind] == NULL)
                refuse(chain, arena_printf(chain->arena, "no %s with i=%u", kind_names[kind], i + 1));
}

/* cv=; its words have no case (RFC 5234 2.3), and comments may stand around them. */
static void check_status(struct chain *chain, unsigned instance)
{
    struct found *seal = chain->found[instance - 1][KIND_SEAL];
    struct slice value = auth_results_skip_cfws(tag_list_find(&seal->tags, "cv"));
    size_t length = 0;

    while (length < value.length && ascii_is_letter(value.text[length]))
        length++;
    seal->status = slice_first(value, length);
    if (length == 0 || auth_results_skip_cfws(slice_from(value, length)).length > 0)
        refuse(chain, arena_printf(chain->arena, "ARC-Seal i=%u: no valid cv=", instance));
    else if (slice_equal_nocase(seal->status, SLICE("fail")))
        refuse(chain, arena_printf(chain->arena, "ARC-Seal i=%u says cv=fail", instance));
    else if (!slice_equal_nocase(seal->status, instance == 1 ? SLICE("none") : SLICE("pass")))
        refuse(chain, arena_printf(chain->arena, "ARC-Seal i=%u: cv= must be %s", instance,
                                   instance == 1 ? "none" : "pass"));
}

static size_t put(char *text, struct slice slice, char behind)
{
    if (slice.length > 0)
        memcpy(text, slice.text, slice.length);
    text[slice.length] = behind;
    return slice.length + 1;
}

/*
 * Reads it as an equal DKIM-Signature: `lead`, then those of the tags that have one letter of `letters`, or with none
 * given all but i= and v=.
 */
static void read_signature(struct chain *chain, const struct found *found, struct slice lead, const char *letters,
                           struct signature *signature)
{
    const struct tag_list *list = &found->tags;
    char *text = arena_alloc(chain->arena, lead.length + found->rest.length + 2 * TAG_LIST_MOST + 1);
    size_t length = put(text, lead, ';');

    for (size_t i = 0; i < list->count; i++) {
        const struct tag *tag = &list->tags[i];
        bool known = tag->name.length == 1 && strchr(letters != NULL ? letters : "iv", tag->name.text[0]) != NULL;
        if (known != (letters != NULL))
            continue;
        length += put(text + length, tag->name, '=');
        length += put(text + length, tag->value, ';');
    }
    auth_dkim_parse_signature(slice_of(text, length), chain->arena, signature);
    if (found->problem != NULL)
        signature->problem = slice_of_string(found->problem);
}

static void read_signed(struct chain *chain, const struct found *found, struct auth_arc_signed *signed_out)
{
    signed_out->field = found->field;
    signed_out->tags = found->rest;
    signed_out->data = tag_list_squeeze(tag_list_find(&found->tags, "b"), chain->arena);
    signed_out->body_hash = tag_list_squeeze(tag_list_find(&found->tags, "bh"), chain->arena);
    signed_out->names = tag_list_squeeze(tag_list_find(&found->tags, "h"), chain->arena);
}

/* 4.1.2: ARC fields MUST NOT be signed; what is signed has to be found. */
static const char *check_names(struct slice names)
{
    size_t count = 0;
    while (names.text != NULL) {
        struct slice name = slice_cut(&names, ':');
        for (enum kind kind = KIND_RESULTS; kind < KIND_COUNT; kind++)
            if (slice_equal_nocase(name, slice_of_string(kind_names[kind])))
                return "h= names an ARC field";
        if (++count > AUTH_ARC_NAMES_MOST)
            return "h= names too many fields";
    }
    return NULL;
}

/* 4.1.2: a DKIM-Signature without v= and with the instance for i=. */
static void read_message_signature(struct chain *chain, const struct found *found, struct signature *signature,
                                   struct auth_arc_signed *signed_out)
{
    read_signature(chain, found, SLICE("v=1"), NULL, signature);
    read_signed(chain, found, signed_out);
    const char *problem = check_names(signed_out->names);
    if (signature->problem.length == 0 && problem != NULL)
        signature->problem = slice_of_string(problem);
}

/* 4.1.3: of a DKIM-Signature's tags only a, b, d, s and t; h= is an error, others mean nothing. */
static void read_seal(struct chain *chain, const struct found *found, struct signature *signature,
                      struct auth_arc_signed *signed_out)
{
    read_signature(chain, found, SLICE("v=1;h=from;bh=AAAA"), "abdst", signature);
    read_signed(chain, found, signed_out);
    signature->canonicalization = signature->fields = SLICE_NONE;
    if (signature->problem.length == 0 && tag_list_find(&found->tags, "h").text != NULL)
        signature->problem = SLICE("h= is not allowed in an ARC-Seal");
}

/* "dmarc=pass header.from=example.org" */
static struct slice claim_text(const struct auth_results_claim *claim, struct arena *arena)
{
    struct slice text = arena_printf(arena, "%.*s=%.*s", SLICE_ARG(claim->method), SLICE_ARG(claim->result));
    for (size_t i = 0; i < claim->properties_count; i++) {
        const struct auth_results_property *property = &claim->properties[i];
        struct slice longer = arena_printf(arena, "%.*s %.*s%s%.*s=%.*s", SLICE_ARG(text), SLICE_ARG(property->type),
                                           property->type.length > 0 ? "." : "", SLICE_ARG(property->name),
                                           SLICE_ARG(property->value));
        if (longer.length > EVIDENCE_CLAIM_TEXT_MOST)
            break;
        text = longer;
    }
    return slice_first(text, EVIDENCE_CLAIM_TEXT_MOST);
}

/* The payload's syntax does not matter to the chain (3.4): what can be read of it is read. */
static void read_results(struct chain *chain, const struct found *found, struct arc_set *set)
{
    struct auth_results results;
    auth_results_parse(found->rest, chain->arena, &results);
    set->authserv_id = results.authserv_id;
    set->claims = arena_array(chain->arena, EVIDENCE_CLAIMS_MOST, sizeof *set->claims);
    for (size_t i = 0; i < results.claims_count && i < EVIDENCE_CLAIMS_MOST; i++) {
        const struct auth_results_claim *from = &results.claims[i];
        struct arc_claim *claim = &set->claims[set->claims_count++];
        struct slice author = auth_results_property(from, "header", "from");
        *claim = (struct arc_claim){
            .method = slice_first(from->method, EVIDENCE_CLAIM_TEXT_MOST),
            .result = slice_first(from->result, EVIDENCE_CLAIM_TEXT_MOST),
            .text = claim_text(from, chain->arena),
        };
        if (!slice_equal(claim->method, SLICE("dmarc")) || !mailbox_domain(author, chain->arena, &claim->author))
            claim->author = SLICE_NONE;
    }
}

/* What makes it sure that steps 4 or 6 fail is told before anybody asks for keys. */
static void check_signature(struct chain *chain, enum kind kind, unsigned instance, const struct signature *signature)
{
    if (signature->problem.length > 0)
        refuse(chain, arena_printf(chain->arena, "%s i=%u: %.*s", kind_names[kind], instance,
                                   SLICE_ARG(signature->problem)));
}

static void read_sets(struct chain *chain, struct arc_set *sets, struct auth_arc_member *members)
{
    for (unsigned i = 0; i < chain->count; i++) {
        struct found **found = chain->found[i];
        members[i].results = found[KIND_RESULTS]->field;
        read_results(chain, found[KIND_RESULTS], &sets[i]);
        read_message_signature(chain, found[KIND_MESSAGE], &sets[i].message, &members[i].message);
        read_seal(chain, found[KIND_SEAL], &sets[i].seal, &members[i].seal);
    }
    check_signature(chain, KIND_MESSAGE, chain->count, &sets[chain->count - 1].message);
    for (unsigned i = chain->count; i > 0; i--)
        check_signature(chain, KIND_SEAL, i, &sets[i - 1].seal);
}

void auth_arc_parse(const struct message_header *header, struct arena *arena, struct evidence *evidence,
                    struct auth_arc_member **members_out)
{
    struct chain *chain = arena_alloc(arena, sizeof *chain);
    *chain = (struct chain){ .arena = arena };

    collect(chain, header);
    check_structure(chain);
    if (chain->problem.length == 0)
        for (unsigned i = chain->count; i > 0; i--)
            check_status(chain, i);
    if (chain->problem.length == 0 && chain->count > 0) {
        evidence->arc_sets = arena_array(arena, chain->count, sizeof *evidence->arc_sets);
        *members_out = arena_array(arena, chain->count, sizeof **members_out);
        read_sets(chain, evidence->arc_sets, *members_out);
    }
    evidence->arc_problem = slice_first(chain->problem, EVIDENCE_TEXT_MOST);
    evidence->arc_sets_count = chain->problem.length > 0 ? 0 : chain->count;
}
