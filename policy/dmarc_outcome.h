/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_outcome.h: what DMARC said of a message (struct dmarc_outcome of verdict.h) as bytes for a frame, and back.
 * Decoding looks at the form only (P4): enums in range, counts and texts bounded, comments printable.
 */
#ifndef MXWARD_POLICY_DMARC_OUTCOME_H
#define MXWARD_POLICY_DMARC_OUTCOME_H

#include "policy/verdict.h"
#include "policy/wire.h"

void dmarc_outcome_encode(const struct dmarc_outcome *dmarc, struct wire_writer *writer);
/* Borrows from the reader's bytes; arrays live in `arena`. */
void dmarc_outcome_decode(struct wire_reader *reader, struct arena *arena, struct dmarc_outcome *dmarc_out);

#endif
