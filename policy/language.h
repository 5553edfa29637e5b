/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * language.h: the rule language as mxward offers it, apart from judge.h: whoever loads or opens a program needs
 * it, also in processes that must never judge.
 */
#ifndef MXWARD_POLICY_LANGUAGE_H
#define MXWARD_POLICY_LANGUAGE_H

#include "rules/field.h"

/* Stages, fields.c, actions.c. */
extern const struct language judge_language;

#endif
