/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forecast.c: see forecast.h. Looking ahead is evaluating: each part runs over the answers there are, and what it
 * misses is wanted.
 */
#include "policy/forecast.h"

#include "policy/auth_arc.h"
#include "policy/auth_dkim.h"
#include "policy/auth_dmarc.h"
#include "policy/auth_spf.h"
#include "policy/iprev.h"

void forecast(const struct facts *facts, const struct evidence *evidence, struct answers *answers, struct arena *arena)
{
    iprev(facts, answers, arena);
    if (facts->has_helo)
        auth_spf(facts, answers, arena, AUTH_SPF_HELO);
    if (facts->has_mail)
        auth_spf(facts, answers, arena, AUTH_SPF_MAIL_FROM);
    answers_foresee(answers);
    if (evidence == NULL)
        return;
    auth_dkim_want(evidence, answers, arena);
    auth_dmarc_want(facts, evidence, answers, arena);
    auth_arc_want(evidence, answers, arena);
    answers_foresee(answers);
}
