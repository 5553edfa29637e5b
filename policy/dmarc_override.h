/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_override.h: what the rules made of a message that DMARC judged: its disposition, and where that is not what
 * the author domain asked for, why (RFC 9989 5.4, RFC 9990). The rules decide; this says what they have decided. The
 * reason is the one that a rule gave (`override`), else it is derived: the domain's test mode, or the rule that let the
 * message pass or refused it.
 */
#ifndef MXWARD_POLICY_DMARC_OVERRIDE_H
#define MXWARD_POLICY_DMARC_OVERRIDE_H

#include "policy/verdict.h"

/* What the rules of one message said on the way. */
struct dmarc_said {
    struct slice quarantine_rule;  /* that added a tag of quarantine; empty: none did */
    struct dmarc_override overrides[DMARC_OVERRIDES_MOST];
    size_t overrides_count;
};

/* The reasons that a rule may give: "local_policy", "mailing_list", "other", "trusted_forwarder", NULL. */
extern const char *const dmarc_override_words[];

/* Whether a tag's text says that the message is quarantined: its first word is "quarantine". */
bool dmarc_override_is_quarantine(struct slice tag);
/* Notes what an `override` action says, once; those beyond DMARC_OVERRIDES_MOST - 2 are left out. */
void dmarc_override_say(struct dmarc_said *said, struct slice word, struct slice comment);
/* After the rules: fills verdict->findings.dmarc's disposition and overrides. */
void dmarc_override_conclude(struct verdict *verdict, const struct dmarc_said *said, struct arena *arena);

#endif
