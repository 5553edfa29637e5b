/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_library.c: one context of OpenDMARC's for each question, freed with it. The identifiers handed over are the
 * author domain itself: what stands for it was aligned before, and so OpenDMARC's own notion of alignment decides
 * nothing.
 */
#include "policy/dmarc_library.h"

#include <stdlib.h>

#include <opendmarc/dmarc.h>

#include "rules/arena.h"

static OPENDMARC_LIB_T library;

void dmarc_library_prepare(void)
{
    library.tld_type = OPENDMARC_TLD_TYPE_NONE;
    if (opendmarc_policy_library_init(&library) != DMARC_PARSE_OKAY)
        bug("OpenDMARC does not start");
}

const char *dmarc_library_verdict_name(enum dmarc_library_verdict verdict)
{
    static const char *const names[] = {
        [DMARC_LIBRARY_PASS] = "pass",     [DMARC_LIBRARY_NONE] = "none",
        [DMARC_LIBRARY_QUARANTINE] = "quarantine", [DMARC_LIBRARY_REJECT] = "reject",
        [DMARC_LIBRARY_CONFUSED] = "refuses the record",
    };
    return names[verdict];
}

/* Its texts are not const, though it changes none. */
struct texts {
    u_char *author;
    u_char *record;
    u_char *record_domain;
};

static bool fill(DMARC_POLICY_T *context, const struct texts *texts, bool spf_aligned, bool dkim_aligned)
{
    if (opendmarc_policy_store_from_domain(context, texts->author) != DMARC_PARSE_OKAY)
        return false;
    if (spf_aligned && opendmarc_policy_store_spf(context, texts->author, DMARC_POLICY_SPF_OUTCOME_PASS,
                                                  DMARC_POLICY_SPF_ORIGIN_MAILFROM, NULL) != DMARC_PARSE_OKAY)
        return false;
    if (dkim_aligned
        && opendmarc_policy_store_dkim(context, texts->author, (u_char *)"s", DMARC_POLICY_DKIM_OUTCOME_PASS, NULL)
               != DMARC_PARSE_OKAY)
        return false;
    return opendmarc_policy_store_dmarc(context, texts->record, texts->author, texts->record_domain)
           == DMARC_PARSE_OKAY;
}

static enum dmarc_library_verdict verdict_of(DMARC_POLICY_T *context)
{
    switch (opendmarc_get_policy_to_enforce(context)) {
    case DMARC_POLICY_PASS:
        return DMARC_LIBRARY_PASS;
    case DMARC_POLICY_NONE:
        return DMARC_LIBRARY_NONE;
    case DMARC_POLICY_QUARANTINE:
        return DMARC_LIBRARY_QUARANTINE;
    case DMARC_POLICY_REJECT:
        return DMARC_LIBRARY_REJECT;
    }
    return DMARC_LIBRARY_CONFUSED;
}

enum dmarc_library_verdict dmarc_library_apply(const struct dmarc_library_question *question)
{
    /* The address is that of a report, which we do not write. */
    DMARC_POLICY_T *context = opendmarc_policy_connect_init((u_char *)"192.0.2.1", DMARC_POLICY_IP_TYPE_IPV4);
    struct texts texts = {
        .author = (u_char *)memory_string(question->author),
        .record = (u_char *)memory_string(question->record),
        .record_domain = question->record_domain == NULL ? NULL : (u_char *)memory_string(question->record_domain),
    };
    enum dmarc_library_verdict verdict = DMARC_LIBRARY_CONFUSED;

    if (context == NULL)
        bug("out of memory");
    if (fill(context, &texts, question->spf_aligned, question->dkim_aligned))
        verdict = verdict_of(context);
    opendmarc_policy_connect_shutdown(context);
    free(texts.author);
    free(texts.record);
    free(texts.record_domain);
    return verdict;
}
