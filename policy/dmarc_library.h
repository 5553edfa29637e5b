/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_library.h: OpenDMARC, apart from everything else, for its macros have the names of our enums. It parses a
 * plain record and applies p or sp to identifiers that have been proven aligned; what RFC 9989 has beyond that is
 * auth_dmarc.c's (a table there says what).
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

/* What it is asked. Texts are bounded and printable ASCII by then. */
struct dmarc_library_question {
    const char *author;
    const char *record;
    const char *record_domain;     /* where the record was found, so that sp applies; NULL: at the author domain */
    bool spf_aligned;
    bool dkim_aligned;
};

enum dmarc_library_verdict dmarc_library_apply(const struct dmarc_library_question *question);
/* "pass", "none", ... "refuses the record" */
const char *dmarc_library_verdict_name(enum dmarc_library_verdict verdict);

#endif
