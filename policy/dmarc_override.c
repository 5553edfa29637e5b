/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_override.c: see dmarc_override.h. By RFC 9990 a reason must be given when alignment fails and what was done is
 * not what the policy asks; a stricter treatment is none of its named exemptions, and so "other".
 */
#include "policy/dmarc_override.h"

/* policy_test_mode and a derived reason may stand beside what rules say. */
#define SAID_MOST (DMARC_OVERRIDES_MOST - 2)

const char *const dmarc_override_words[] = { "local_policy", "mailing_list", "other", "trusted_forwarder", NULL };

bool dmarc_override_is_quarantine(struct slice tag)
{
    struct slice word = SLICE("quarantine");
    if (!slice_starts_with_nocase(tag, word))
        return false;
    char next = tag.length == word.length ? ' ' : tag.text[word.length];
    return !ascii_is_letter(next) && !ascii_is_digit(next);
}

static enum dmarc_reason reason_of(struct slice word)
{
    for (enum dmarc_reason reason = DMARC_LOCAL_POLICY; reason <= DMARC_TRUSTED_FORWARDER; reason++)
        if (slice_equal(word, slice_of_string(dmarc_reason_name(reason))))
            return reason;
    bug("reason of an override");
}

void dmarc_override_say(struct dmarc_said *said, struct slice word, struct slice comment)
{
    struct dmarc_override override = { reason_of(word), slice_first(comment, DMARC_COMMENT_MOST) };

    /* Rules of rcpt run once a recipient. */
    for (size_t i = 0; i < said->overrides_count; i++)
        if (said->overrides[i].reason == override.reason && slice_equal(said->overrides[i].comment, override.comment))
            return;
    if (said->overrides_count < SAID_MOST)
        said->overrides[said->overrides_count++] = override;
}

static enum dmarc_disposition disposition_of(const struct verdict *verdict, bool quarantined)
{
    const struct dmarc_outcome *dmarc = &verdict->findings.dmarc;

    if (verdict->action == VERDICT_DEFER)
        return DMARC_NO_DISPOSITION;
    switch (dmarc->result) {
    case AUTH_PASS:
        return dmarc->policy > DMARC_POLICY_NONE ? DMARC_DISPOSITION_PASS : DMARC_DISPOSITION_NONE;
    case AUTH_FAIL:
        if (verdict->action == VERDICT_REJECT)
            return DMARC_DISPOSITION_REJECT;
        return quarantined ? DMARC_DISPOSITION_QUARANTINE : DMARC_DISPOSITION_NONE;
    case AUTH_NONE:
    case AUTH_NEUTRAL:
    case AUTH_SOFTFAIL:
    case AUTH_POLICY:
    case AUTH_TEMPERROR:
    case AUTH_PERMERROR:
    case AUTH_PENDING:
        break;
    }
    return DMARC_NO_DISPOSITION;
}

/* What was done, as a policy that asks for it: the two can be compared. */
static enum dmarc_policy policy_done(enum dmarc_disposition disposition)
{
    switch (disposition) {
    case DMARC_DISPOSITION_QUARANTINE:
        return DMARC_POLICY_QUARANTINE;
    case DMARC_DISPOSITION_REJECT:
        return DMARC_POLICY_REJECT;
    case DMARC_NO_DISPOSITION:
    case DMARC_DISPOSITION_NONE:
    case DMARC_DISPOSITION_PASS:
        break;
    }
    return DMARC_POLICY_NONE;
}

static void add(struct dmarc_outcome *dmarc, enum dmarc_reason reason, struct slice comment)
{
    dmarc->overrides[dmarc->overrides_count++] =
        (struct dmarc_override){ reason, slice_first(comment, DMARC_COMMENT_MOST) };
}

/* No rule gave a reason: the rule that is one. */
static struct slice derived_comment(const struct verdict *verdict, const struct dmarc_said *said, struct arena *arena)
{
    if (verdict->action == VERDICT_REJECT)
        return arena_printf(arena, "refused by rule %.*s", SLICE_ARG(verdict->rule));
    if (said->quarantine_rule.length > 0)
        return arena_printf(arena, "quarantined by rule %.*s", SLICE_ARG(said->quarantine_rule));
    if (verdict->rule.length > 0)
        return arena_printf(arena, "accepted by rule %.*s", SLICE_ARG(verdict->rule));
    return SLICE("no rule applies the policy");
}

static void explain(struct verdict *verdict, const struct dmarc_said *said, enum dmarc_policy done, struct arena *arena)
{
    struct dmarc_outcome *dmarc = &verdict->findings.dmarc;

    dmarc->overrides = arena_array(arena, DMARC_OVERRIDES_MOST, sizeof(*dmarc->overrides));
    if (dmarc->policy < dmarc->asked && done <= dmarc->policy)
        add(dmarc, DMARC_POLICY_TEST_MODE,
            arena_printf(arena, "t=y: %s instead of %s", dmarc_policy_name(dmarc->policy),
                         dmarc_policy_name(dmarc->asked)));
    if (done > dmarc->policy)
        add(dmarc, DMARC_OTHER, derived_comment(verdict, said, arena));
    else if (done < dmarc->policy && said->overrides_count == 0)
        add(dmarc, DMARC_LOCAL_POLICY, derived_comment(verdict, said, arena));
    for (size_t i = 0; done < dmarc->policy && i < said->overrides_count; i++)
        add(dmarc, said->overrides[i].reason, said->overrides[i].comment);
}

void dmarc_override_conclude(struct verdict *verdict, const struct dmarc_said *said, struct arena *arena)
{
    struct dmarc_outcome *dmarc = &verdict->findings.dmarc;
    enum dmarc_policy done;

    dmarc->overrides_count = 0;
    dmarc->disposition = disposition_of(verdict, said->quarantine_rule.length > 0);
    done = policy_done(dmarc->disposition);
    if (dmarc->result == AUTH_FAIL && dmarc->disposition != DMARC_NO_DISPOSITION && dmarc->asked != DMARC_NO_POLICY &&
        done != dmarc->asked)
        explain(verdict, said, done, arena);
}
