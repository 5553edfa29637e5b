/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * story_signatures.c: DKIM signatures and ARC sets told to people. Of a DKIM signature the record has what the message
 * says of it ("message.signatures") and what came of it ("results.dkim"), in the same order; a set's seal and message
 * signature have the same form.
 */
#include <jansson.h>

#include "cli/records.h"
#include "cli/story_private.h"

static const char *const signature_told[] = {
    "domain", "selector", "identity", "algorithm", "canonicalization", "fields", "value-start", "body-hash", "time",
    "expiry", "length", "fields-added", "fields-unsigned", "body-size", "body-covered", "crypto", "key", "key-bits",
    "problem", NULL,
};

static void tell_form(const struct story *story, const json_t *signature)
{
    bool has_algorithm = !slice_is_empty(story_text(story, signature, "algorithm"));

    story_label(story, "");
    story_put(story, signature, "algorithm", "a=", "");
    if (json_integer_value(records_get(signature, "key-bits")) > 0)
        story_put(story, signature, "key-bits", ", key of ", " bits");
    story_put(story, signature, "canonicalization", has_algorithm ? ", c=" : "c=", "");
    story_put(story, signature, "identity", ", i=", "");
    story_put(story, signature, "value-start", ", b=", "...");
    fputc('\n', story->file);
}

/* How much of the body: all of it, or by l= only the beginning. */
static void tell_body(const struct story *story, const json_t *signature)
{
    long long size = json_integer_value(records_get(signature, "body-size"));
    long long covered = json_integer_value(records_get(signature, "body-covered"));

    if (records_get(signature, "body-size") == NULL && records_get(signature, "length") == NULL)
        return;
    story_label(story, "");
    if (records_get(signature, "body-size") == NULL)
        fprintf(story->file, "covers some of the body");
    else
        fprintf(story->file, "covers %s%lld of %lld bytes of the body", covered == size ? "all " : "", covered, size);
    story_put(story, signature, "length", " (l=", ")");
    fputc('\n', story->file);
}

static void tell_named(const struct story *story, const json_t *list, const char *before)
{
    const json_t *value;
    size_t index;

    if (json_array_size(list) == 0)
        return;
    story_label(story, "");
    fputs(before, story->file);
    json_array_foreach(list, index, value)
        fprintf(story->file, "%s%.*s", index > 0 ? ", " : "", SLICE_ARG(records_value_text(value, story->arena)));
    fputc('\n', story->file);
}

static void tell_coverage(const struct story *story, const json_t *signature)
{
    if (!slice_is_empty(story_text(story, signature, "fields"))) {
        story_label(story, "");
        story_put(story, signature, "fields", "signs ", "\n");
    }
    tell_named(story, records_get(signature, "fields-added"), "fields there are more of than it signs: ");
    tell_named(story, records_get(signature, "fields-unsigned"), "fields it leaves unsigned: ");
    tell_body(story, signature);
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

    story_label(story, "DKIM");
    story_put(story, dkim, "result", "", "");
    story_put(story, dkim, "domain", ": d=", "");
    story_put(story, dkim, "selector", " s=", "");
    fprintf(story->file, "%s%s\n", story_is_true(dkim, "aligned") ? ", aligned" : ", not aligned",
            story_is_true(dkim, "test-key") ? ", its key is for testing (t=y)" : "");
    story_member(story, dkim, "", "reason");
    if (signature != NULL) {
        tell_form(story, signature);
        tell_coverage(story, signature);
        tell_dates(story, signature);
        story_rest(story, signature, signature_told);
    }
    story_rest(story, dkim, told);
}

void story_signatures(const struct story *story)
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

/* What cryptography said of a seal or of a set's signature. */
static const char *crypto_words(struct slice crypto, bool seal)
{
    if (slice_equal(crypto, SLICE("verified")))
        return seal ? "its seal holds" : "holds: the message is as it was then";
    if (slice_equal(crypto, SLICE("body-altered")))
        return "holds no more: the body has been changed since";
    if (slice_equal(crypto, SLICE("not-by-key")))
        return seal ? "its seal does not hold" : "does not hold: the header has been changed since, or it is forged";
    return seal ? "its seal was not tried" : "was not tried";
}

static void tell_set(const struct story *story, const json_t *set, size_t instance)
{
    static const char *const told[] = { "message-signature", "seal", "authserv-id", "claims", NULL };
    const json_t *seal = records_get(set, "seal");
    const json_t *signature = records_get(set, "message-signature");
    const json_t *claim;
    size_t index;

    fprintf(story->file, "ARC i=%-*zu", STORY_LABEL - 6, instance);
    story_put(story, seal, "domain", "sealed by d=", "");
    story_put(story, seal, "selector", " s=", "");
    story_put(story, set, "authserv-id", ", as ", "");
    fprintf(story->file, ": %s", crypto_words(story_text(story, seal, "crypto"), true));
    story_put(story, seal, "problem", ": ", "");
    fputc('\n', story->file);
    tell_form(story, seal);
    tell_coverage(story, seal);
    tell_dates(story, seal);
    json_array_foreach(records_get(set, "claims"), index, claim) {
        story_label(story, "");
        story_put(story, claim, "text", "it says ", "\n");
    }
    story_label(story, "");
    story_put(story, signature, "domain", "its signature d=", "");
    story_put(story, signature, "selector", " s=", "");
    fprintf(story->file, " %s", crypto_words(story_text(story, signature, "crypto"), false));
    story_put(story, signature, "problem", ": ", "");
    fputc('\n', story->file);
    tell_form(story, signature);
    tell_coverage(story, signature);
    tell_dates(story, signature);
    story_rest(story, seal, signature_told);
    story_rest(story, signature, signature_told);
    story_rest(story, set, told);
}

void story_chain(const struct story *story)
{
    static const char *const told[] = { "result", "reason", "oldest-pass", NULL };
    const json_t *arc = records_get(story->record, "results.arc");
    const json_t *set;
    size_t index;

    if (arc == NULL)
        return;
    story_label(story, "ARC");
    story_put(story, arc, "result", "", "");
    story_put(story, arc, "reason", ": ", "");
    if (json_integer_value(records_get(arc, "oldest-pass")) > 0)
        story_put(story, arc, "oldest-pass", ", unchanged since set i=", "");
    else if (records_get(arc, "oldest-pass") != NULL)
        fprintf(story->file, ", the signature of every set still holds");
    fputc('\n', story->file);
    if (!slice_equal(story_text(story, story->record, "message.arc-problem"), story_text(story, arc, "reason")))
        story_member(story, story->record, "", "message.arc-problem");
    json_array_foreach(records_get(story->record, "message.arc-sets"), index, set)
        tell_set(story, set, index + 1);
    story_rest(story, arc, told);
}
