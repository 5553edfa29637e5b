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

static bool fill(DMARC_POLICY_T *context, u_char *author, u_char *record, bool spf_aligned, bool dkim_aligned)
{
    if (opendmarc_policy_store_from_domain(context, author) != DMARC_PARSE_OKAY)
        return false;
    if (spf_aligned && opendmarc_policy_store_spf(context, author, DMARC_POLICY_SPF_OUTCOME_PASS,
                                                  DMARC_POLICY_SPF_ORIGIN_MAILFROM, NULL) != DMARC_PARSE_OKAY)
        return false;
    if (dkim_aligned
        && opendmarc_policy_store_dkim(context, author, (u_char *)"s", DMARC_POLICY_DKIM_OUTCOME_PASS, NULL)
               != DMARC_PARSE_OKAY)
        return false;
    return opendmarc_policy_store_dmarc(context, record, author, NULL) == DMARC_PARSE_OKAY;
}

enum dmarc_library_verdict dmarc_library_apply(const char *author, const char *record, bool spf_aligned,
                                               bool dkim_aligned)
{
    /* The address is that of a report, which we do not write. */
    DMARC_POLICY_T *context = opendmarc_policy_connect_init((u_char *)"192.0.2.1", DMARC_POLICY_IP_TYPE_IPV4);
    char *author_copy = memory_string(author), *record_copy = memory_string(record);
    enum dmarc_library_verdict verdict = DMARC_LIBRARY_CONFUSED;

    if (context == NULL)
        bug("out of memory");
    if (fill(context, (u_char *)author_copy, (u_char *)record_copy, spf_aligned, dkim_aligned))
        switch (opendmarc_get_policy_to_enforce(context)) {
        case DMARC_POLICY_PASS:
            verdict = DMARC_LIBRARY_PASS;
            break;
        case DMARC_POLICY_NONE:
            verdict = DMARC_LIBRARY_NONE;
            break;
        case DMARC_POLICY_QUARANTINE:
            verdict = DMARC_LIBRARY_QUARANTINE;
            break;
        case DMARC_POLICY_REJECT:
            verdict = DMARC_LIBRARY_REJECT;
            break;
        }
    opendmarc_policy_connect_shutdown(context);
    free(author_copy);
    free(record_copy);
    return verdict;
}
