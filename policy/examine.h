/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * examine.h: reads one message once and leaves evidence. Order of calls: examine_begin() with the whole header,
 * examine_keys() until it no longer waits, examine_body() any number of times, examine_finish(). Runs in a judge
 * process. The examination and its evidence live in the arena; examine_free() releases what libopendkim holds, and
 * may come at any time.
 */
#ifndef MXWARD_POLICY_EXAMINE_H
#define MXWARD_POLICY_EXAMINE_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/verdict.h"
#include "rules/program.h"

struct examination;

/*
 * Before the process seals itself: initialises OpenSSL and libopendkim (cold, they open files). Once.
 */
void examine_prepare(void);

/*
 * `header`: every byte up to and with the empty line (or the whole message when it has none), CRLF line ends;
 * borrowed until examine_finish(). Also finds the fields to remove: forged Authentication-Results of
 * facts->authserv_id, and every field whose name the program can add.
 */
struct examination *examine_begin(const struct facts *facts, const struct program *program, struct slice header,
                                  struct arena *arena);
/* The evidence so far: all but the signatures' crypto. Enough to forecast questions (keys, DMARC records). */
const struct evidence *examine_evidence(const struct examination *examination);
const struct removed_field *examine_removed(const struct examination *examination, size_t *count_out);

enum examine_state { EXAMINE_WAITS, EXAMINE_READY };
/* Looks for the keys; WAITS: missing ones are noted in `answers`. */
enum examine_state examine_keys(struct examination *examination, struct answers *answers);
/* Body bytes in order, unstuffed, CRLF. Only after READY. */
void examine_body(struct examination *examination, struct slice bytes);
/* Completes the evidence. */
void examine_finish(struct examination *examination);
void examine_free(struct examination **examination);

#endif
