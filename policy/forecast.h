/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forecast.h: look-ups sure to be wanted, noted as wanted questions before anything waits for them, so that one round
 * of DNS is the usual case: at connect the client's name, at MAIL SPF's chain as far as its answers have come, at the
 * end of the header the keys and DMARC records.
 */
#ifndef MXWARD_POLICY_FORECAST_H
#define MXWARD_POLICY_FORECAST_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/facts.h"

/*
 * `evidence` is NULL before the end of the header. Leaves no missing question behind; those noted before become
 * wanted too.
 */
void forecast(const struct facts *facts, const struct evidence *evidence, struct answers *answers, struct arena *arena);

#endif
