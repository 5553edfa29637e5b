/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story_results.c: what was found out of the sender, told to people: the client's name, SPF for both identities, DMARC,
 * signs of indirect mail. DKIM's signatures and ARC's chain are told by story_signatures.c.
 */
#include <jansson.h>

#include "cli/records.h"
#include "cli/story_private.h"

/* RFC 7208 4.6.4 */
#define SPF_TERMS_MOST 10
#define SPF_VOID_MOST 2

/* RFC 8601 2.7.3, in words. */
static const char *name_words(struct slice result)
{
    if (slice_equal(result, SLICE("fail")))
        return "that name has not the client's address";
    if (slice_equal(result, SLICE("permerror")))
        return "the client's address has no name in the DNS";
    return slice_equal(result, SLICE("temperror")) ? "the DNS gave no answer" : "";
}

static void tell_name(const struct story *story, const json_t *iprev)
{
    static const char *const told[] = { "result", "name", "reverse-name", NULL };
    const char *words = name_words(story_text(story, iprev, "result"));

    if (iprev == NULL)
        return;
    story_label(story, "client name");
    story_put(story, iprev, "result", "", "");
    story_put(story, iprev, "name", ": ", "");
    if (!slice_equal(story_text(story, iprev, "name"), story_text(story, iprev, "reverse-name")))
        story_put(story, iprev, "reverse-name", records_get(iprev, "name") != NULL ? ", in the DNS " : ": ", "");
    fprintf(story->file, "%s%s\n", words[0] != '\0' ? ": " : "", words);
    story_rest(story, iprev, told);
}

static void tell_spf(const struct story *story, const char *name, const json_t *spf)
{
    static const char *const told[] = { "result", "domain", "reason", "explanation", "lookups", "void-lookups", NULL };
    long long lookups = json_integer_value(records_get(spf, "lookups"));

    if (spf == NULL)
        return;
    story_label(story, name);
    story_put(story, spf, "result", "", "");
    story_put(story, spf, "domain", " for ", "");
    story_put(story, spf, "reason", ": ", "");
    fputc('\n', story->file);
    if (lookups > 0) {
        story_label(story, "");
        fprintf(story->file, "%lld of %d terms that ask the DNS, %lld of %d void lookups\n", lookups, SPF_TERMS_MOST,
                (long long)json_integer_value(records_get(spf, "void-lookups")), SPF_VOID_MOST);
    }
    story_member(story, spf, "it explains", "explanation");
    story_rest(story, spf, told);
}

/* The record: where, and what it says that counts for a policy. */
static void tell_record(const struct story *story, const json_t *dmarc)
{
    if (records_get(dmarc, "record-domain") == NULL)
        return;
    story_label(story, "");
    story_put(story, dmarc, "record-domain", "record at _dmarc.", ":");
    story_put(story, dmarc, "published", " p=", "");
    story_put(story, dmarc, "published-sp", " sp=", "");
    story_put(story, dmarc, "published-np", " np=", "");
    story_put(story, dmarc, "psd", " psd=", "");
    fprintf(story->file, "%s, alignment of SPF %s, of DKIM %s\n", story_is_true(dmarc, "test") ? " t=y" : "",
            story_is_true(dmarc, "strict-spf") ? "strict" : "relaxed",
            story_is_true(dmarc, "strict-dkim") ? "strict" : "relaxed");
}

/* RFC 9989 4.7, in words. */
static const char *tag_words(struct slice tag)
{
    if (slice_equal(tag, SLICE("sp")))
        return "sp: what the record asks for subdomains";
    if (slice_equal(tag, SLICE("np")))
        return "np: what the record asks for subdomains that do not exist";
    if (slice_equal(tag, SLICE("default")))
        return "the default: p is missing beside a report address";
    return slice_equal(tag, SLICE("p")) ? "p: what the record asks" : "";
}

static void tell_policy(const struct story *story, const json_t *dmarc)
{
    struct slice asked = story_text(story, dmarc, "asked");
    struct slice policy = story_text(story, dmarc, "policy");
    const char *words = tag_words(story_text(story, dmarc, "tag"));

    if (slice_is_empty(policy) && slice_is_empty(asked))
        return;
    story_label(story, "");
    fprintf(story->file, "policy %.*s", SLICE_ARG(policy));
    if (!slice_equal(asked, policy))
        fprintf(story->file, ", one step less than %.*s for it is being tried (t=y)", SLICE_ARG(asked));
    fprintf(story->file, "%s%s\n", words[0] != '\0' ? ", by " : "", words);
}

static void tell_identifiers(const struct story *story, const json_t *dmarc)
{
    static const char *const told[] = { "by", "domain", "organizational-domain", "aligned", NULL };
    const json_t *identifier;
    size_t index;

    json_array_foreach(records_get(dmarc, "identifiers"), index, identifier) {
        story_label(story, "");
        story_put(story, identifier, "by", "", "");
        story_put(story, identifier, "domain", " passes for ", "");
        story_put(story, identifier, "organizational-domain", " (organizational domain ", ")");
        fprintf(story->file, ": %s\n", story_is_true(identifier, "aligned") ? "aligned" : "not aligned");
        story_rest(story, identifier, told);
    }
}

/* What becomes of it, and why that is not what the domain asks. */
static void tell_disposition(const struct story *story, const json_t *dmarc)
{
    static const char *const told[] = { "reason", "comment", NULL };
    const json_t *override;
    size_t index;

    story_member(story, dmarc, "disposition", "disposition");
    json_array_foreach(records_get(dmarc, "overrides"), index, override) {
        story_label(story, "override");
        story_put(story, override, "reason", "", "");
        story_put(story, override, "comment", ": ", "");
        fputc('\n', story->file);
        story_rest(story, override, told);
    }
}

static void tell_dmarc(const struct story *story)
{
    static const char *const told[] = { "result", "author-domain", "record-domain", "organizational-domain",
                                        "published", "published-sp", "published-np", "psd", "tag", "asked", "policy",
                                        "test", "strict-spf", "strict-dkim", "spf-aligned", "dkim-aligned",
                                        "identifiers", "reason", "opendmarc", "disposition", "overrides", NULL };
    const json_t *dmarc = records_get(story->record, "results.dmarc");

    if (dmarc == NULL)
        return;
    story_label(story, "DMARC");
    story_put(story, dmarc, "result", "", "");
    story_put(story, dmarc, "author-domain", " for ", "");
    story_put(story, dmarc, "reason", ": ", "");
    fputc('\n', story->file);
    if (records_get(dmarc, "organizational-domain") != NULL) {
        story_label(story, "");
        story_put(story, dmarc, "organizational-domain", "organizational domain ", "\n");
    }
    tell_record(story, dmarc);
    tell_policy(story, dmarc);
    tell_identifiers(story, dmarc);
    story_label(story, "");
    fprintf(story->file, "SPF %s, DKIM %s\n", story_is_true(dmarc, "spf-aligned") ? "aligned" : "not aligned",
            story_is_true(dmarc, "dkim-aligned") ? "aligned" : "not aligned");
    tell_disposition(story, dmarc);
    story_member(story, dmarc, "OpenDMARC", "opendmarc");
    story_rest(story, dmarc, told);
}

static void tell_indirect(const struct story *story)
{
    const json_t *indirect = records_get(story->record, "results.indirect");

    if (indirect == NULL)
        return;
    story_label(story, "indirect");
    fprintf(story->file, "%s\n", json_is_true(indirect) ? "yes" : "no");
    story_list(story, "signs of it", records_get(story->record, "message.indirect"));
}

void story_results(const struct story *story)
{
    static const char *const told[] = { "iprev", "spf-helo", "spf", "dkim", "arc", "dmarc", "indirect", NULL };
    const json_t *results = records_get(story->record, "results");

    if (json_object_size(results) == 0)
        return;
    story_heading(story, "Found out");
    tell_name(story, records_get(results, "iprev"));
    tell_spf(story, "SPF (HELO)", records_get(results, "spf-helo"));
    tell_spf(story, "SPF", records_get(results, "spf"));
    story_signatures(story);
    story_chain(story);
    tell_dmarc(story);
    tell_indirect(story);
    story_rest(story, results, told);
}
