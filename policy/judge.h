/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h: the heart: judge(facts, answers, program) gives a verdict with its effects, or the questions it still needs
 * answered. Pure: no clock, no host name, no chance, no file. Every call starts from nothing.
 *
 * A judgement of a stage runs the rules of all stages up to it, because the answer set never shrinks and the same
 * facts give the same outcome: nothing is carried from stage to stage but facts and answers, and a record holds both.
 * `accept` at connect, helo or mail ends it all (exempt); at rcpt it exempts that recipient; the message rules run
 * unless every recipient is exempt.
 */
#ifndef MXWARD_POLICY_JUDGE_H
#define MXWARD_POLICY_JUDGE_H

#include "policy/answers.h"
#include "policy/facts.h"
#include "policy/language.h"
#include "policy/verdict.h"

struct judge_input {
    const struct program *program;
    const struct facts *facts;
    struct answers *answers;               /* missing and wanted questions are noted here */
    enum stage stage;
    const struct evidence *evidence;       /* stage message; NULL otherwise */
    const struct removed_field *removed;   /* what examine found, or a record holds */
    size_t removed_count;
};

/* True: decided, *verdict_out is final. False: answers_missing() lists what is needed. All in `arena`. */
bool judge(const struct judge_input *input, struct arena *arena, struct verdict *verdict_out);

#endif
