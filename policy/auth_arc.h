/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_arc.h: the Authenticated Received Chain (RFC 8617): who says to have had a message in hands, and what each says
 * to have found then. The fields (auth_arc_parse.h) and the cryptography (auth_arc_crypto.h) are found out while the
 * message is read and are evidence; here evidence, the keys' answers and the arrival time become an outcome: a pure
 * function, so that a changed answer changes it. A chain that passes is a fact for rules: whether its sealers are to be
 * believed is theirs to say.
 */
#ifndef MXWARD_POLICY_AUTH_ARC_H
#define MXWARD_POLICY_AUTH_ARC_H

#include "policy/answers.h"
#include "policy/evidence.h"
#include "policy/facts.h"
#include "policy/verdict.h"

/* AUTH_PENDING while a key's answer is missing. */
struct arc_outcome auth_arc_outcome(const struct facts *facts, const struct evidence *evidence,
                                    struct answers *answers, struct arena *arena);

/* Notes the questions for the keys of all sets. */
void auth_arc_want(const struct evidence *evidence, struct answers *answers, struct arena *arena);
/* Whether all of those are answered; notes the missing ones. */
bool auth_arc_has_keys(const struct evidence *evidence, struct answers *answers, struct arena *arena);

/*
 * The set whose claims matter: the newest whose sealer says that DMARC passed for this author, when there is one, else
 * the oldest; its index. To believe it is to believe its sealer and every later one. Needs a set.
 */
size_t auth_arc_witness(const struct evidence *evidence);
/*
 * Whether all that a reader sees is what the sealers from the newest down to the witness had before them: no l=, and no
 * field added above one that they sign. Else whoever has one message that they sealed may have made another of it.
 * Needs a set.
 */
bool auth_arc_is_whole(const struct evidence *evidence);
/* Whether a claim is about this message's author: of DMARC only one that names all its domains. */
bool auth_arc_is_relevant(const struct arc_claim *claim, const struct evidence *evidence);

#endif
