/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_library.h: OpenDMARC, apart from everything else, for its macros have the names of our enums. It parses a
 * plain record and applies the policy to identifiers that have been proven aligned.
 */
#ifndef MXWARD_POLICY_DMARC_LIBRARY_H
#define MXWARD_POLICY_DMARC_LIBRARY_H

#include <stdbool.h>

enum dmarc_library_verdict {
    DMARC_LIBRARY_PASS, DMARC_LIBRARY_NONE, DMARC_LIBRARY_QUARANTINE, DMARC_LIBRARY_REJECT,
    DMARC_LIBRARY_CONFUSED,        /* it refused the record or has no verdict */
};

/* Once, before the process seals itself. */
void dmarc_library_prepare(void);

/* `record` and `author` are of our making: plain ASCII, bounded. */
enum dmarc_library_verdict dmarc_library_apply(const char *author, const char *record, bool spf_aligned,
                                               bool dkim_aligned);

#endif
