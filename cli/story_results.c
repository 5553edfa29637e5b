/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story_results.c: what was found out of the sender, told to people: the client's name, SPF for both identities, each
 * DKIM signature, DMARC, signs of indirect mail. Of a signature the record has what the message says of it
 * ("message.signatures") and what came of it ("results.dkim"), in the same order.
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

/* What the signature covers: fields, and how much of the body. */
static void tell_coverage(const struct story *story, const json_t *signature)
{
    if (!slice_is_empty(story_text(story, signature, "fields"))) {
        story_label(story, "");
        story_put(story, signature, "fields", "signs ", "\n");
    }
    if (records_get(signature, "length") != NULL) {
        story_label(story, "");
        story_put(story, signature, "length", "l=", ": covers no more of the body than that\n");
    }
}

static void tell_dates(const struct story *story, const json_t *signature)
{
    if (records_get(signature, "time") == NULL && records_get(signature, "expiry") == NULL)
        return;
    story_label(story, "");
    story_put_time(story, signature, "time", "signed ", records_get(signature, "expiry") != NULL ? ", " : "");
    story_put_time(story, signature, "expiry", "expires ", "");
    fputc('\n', story->file);
}

static void tell_signature(const struct story *story, const json_t *dkim, const json_t *signature)
{
    static const char *const told[] = { "result", "domain", "selector", "reason", "aligned", "test-key", NULL };
    static const char *const known[] = { "domain", "selector", "identity", "algorithm", "canonicalization", "fields",
                                         "value-start", "body-hash", "time", "expiry", "length", "crypto", "key",
                                         "key-bits", "problem", NULL };

    story_label(story, "DKIM");
    story_put(story, dkim, "result", "", "");
    story_put(story, dkim, "domain", ": d=", "");
    story_put(story, dkim, "selector", " s=", "");
    fprintf(story->file, "%s%s\n", story_is_true(dkim, "aligned") ? ", aligned" : ", not aligned",
            story_is_true(dkim, "test-key") ? ", its key is for testing (t=y)" : "");
    story_member(story, dkim, "", "reason");
    if (signature != NULL) {
        story_label(story, "");
        story_put(story, signature, "algorithm", "a=", "");
        if (json_integer_value(records_get(signature, "key-bits")) > 0)
            story_put(story, signature, "key-bits", ", key of ", " bits");
        story_put(story, signature, "canonicalization", ", c=", "");
        story_put(story, signature, "identity", ", i=", "");
        story_put(story, signature, "value-start", ", b=", "...");
        fputc('\n', story->file);
        tell_coverage(story, signature);
        tell_dates(story, signature);
        story_rest(story, signature, known);
    }
    story_rest(story, dkim, told);
}

static void tell_dkim(const struct story *story)
{
    const json_t *dkim = records_get(story->record, "results.dkim");
    const json_t *signatures = records_get(story->record, "message.signatures");
    long long seen = json_integer_value(records_get(story->record, "message.signatures-seen"));
    const json_t *outcome;
    size_t index;

    if (dkim != NULL && json_array_size(dkim) == 0) {
        story_label(story, "DKIM");
        fprintf(story->file, "no signature\n");
    }
    json_array_foreach(dkim, index, outcome)
        tell_signature(story, outcome, json_array_get(signatures, index));
    if (seen > (long long)json_array_size(dkim)) {
        story_label(story, "");
        fprintf(story->file, "%lld signatures in all; the others were not looked at\n", seen);
    }
}

static void tell_alignment(const struct story *story, const json_t *dmarc, const char *name, const char *aligned,
                           const char *strict)
{
    story_label(story, name);
    fprintf(story->file, "%s (%s)\n", story_is_true(dmarc, aligned) ? "aligned" : "not aligned",
            story_is_true(dmarc, strict) ? "strict" : "relaxed");
}

static void tell_policy(const struct story *story, const json_t *dmarc)
{
    if (records_get(dmarc, "record-domain") == NULL)
        return;
    story_label(story, "  record");
    story_put(story, dmarc, "record-domain", "_dmarc.", "");
    story_put(story, dmarc, "published", ", p=", "");
    fprintf(story->file, "%s\n", story_is_true(dmarc, "test") ? ", being tried (t=y)" : "");
    story_member(story, dmarc, "  applies", "policy");
    tell_alignment(story, dmarc, "  SPF", "spf-aligned", "strict-spf");
    tell_alignment(story, dmarc, "  DKIM", "dkim-aligned", "strict-dkim");
}

static void tell_dmarc(const struct story *story)
{
    static const char *const told[] = { "result", "author-domain", "record-domain", "organizational-domain",
                                        "published", "policy", "test", "strict-spf", "strict-dkim", "spf-aligned",
                                        "dkim-aligned", "reason", NULL };
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
    tell_policy(story, dmarc);
    story_rest(story, dmarc, told);
}

static void tell_indirect(const struct story *story)
{
    const json_t *indirect = records_get(story->record, "results.indirect");

    if (indirect == NULL)
        return;
    story_label(story, "indirect");
    fprintf(story->file, "%s\n", json_is_true(indirect) ? "yes" : "no");
    story_list(story, "  signs", records_get(story->record, "message.indirect"));
}

void story_results(const struct story *story)
{
    static const char *const told[] = { "iprev", "spf-helo", "spf", "dkim", "dmarc", "indirect", NULL };
    const json_t *results = records_get(story->record, "results");

    if (json_object_size(results) == 0)
        return;
    story_heading(story, "Found out");
    tell_name(story, records_get(results, "iprev"));
    tell_spf(story, "SPF (HELO)", records_get(results, "spf-helo"));
    tell_spf(story, "SPF", records_get(results, "spf"));
    tell_dkim(story);
    tell_dmarc(story);
    tell_indirect(story);
    story_rest(story, results, told);
}
