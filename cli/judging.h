/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judging.h: a judge process of one's own, for `mxward verify` and `mxward replay`: content is interpreted there and
 * nowhere else (P4). Calls block. Loads rules and says on standard error what is wrong with them.
 */
#ifndef MXWARD_CLI_JUDGING_H
#define MXWARD_CLI_JUDGING_H

#include "policy/frame.h"
#include "rules/diag.h"

struct judging;

/* The image of the rules files (in `arena`); absent when they cannot be loaded, which was said. */
struct slice judging_load_rules(const char *const *paths, size_t count, struct arena *arena);

/* NULL when it cannot be started, which was said. */
struct judging *judging_start(struct slice image);
/* Ends the process and clears; accepts a pointer to NULL. */
void judging_end(struct judging **judging);

/* Sends all that was written, and empties the writer. False: the judge died, which was said. */
bool judging_send(struct judging *judging, struct wire_writer *out);
/*
 * The next whole object; its payload is borrowed until the next call. False: the judge died or refused, which was
 * said.
 */
bool judging_receive(struct judging *judging, struct frame *frame_out);

/* SHA-256 of the image, as the judge has it. */
const unsigned char *judging_program(const struct judging *judging);

#endif
