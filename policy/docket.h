/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * docket.h: the hearings that a judge process holds, each one transaction of its worker's, and what each frame does
 * to them (frame.h). Whole frames in, frames out, no sockets: the process and the fuzzer use it alike.
 */
#ifndef MXWARD_POLICY_DOCKET_H
#define MXWARD_POLICY_DOCKET_H

#include "policy/frame.h"
#include "rules/program.h"

struct docket;

/* The program outlives it. */
struct docket *docket_new(const struct program *program);
/* Frees all hearings and clears; accepts a pointer to NULL. */
void docket_free(struct docket **docket);

/*
 * What a frame asks for is done, its reply appended to `out`. False: it was wrong, REFUSED is appended, nothing more
 * may follow.
 */
bool docket_take(struct docket *docket, const struct frame *frame, struct wire_writer *out);

size_t docket_hearings(const struct docket *docket);

#endif
