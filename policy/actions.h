/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actions.h: table: every thing a rule may do. What each does is judge.c's.
 */
#ifndef MXWARD_POLICY_ACTIONS_H
#define MXWARD_POLICY_ACTIONS_H

#include "rules/field.h"

enum action_kind { ACTION_ACCEPT, ACTION_REJECT, ACTION_DEFER, ACTION_SCORE, ACTION_TAG, ACTION_LOG, ACTION_OVERRIDE };

#define ACTION_COUNT 7

/* In the order of enum action_kind. */
extern const struct action action_table[ACTION_COUNT];

enum action_kind action_kind_of(const struct action *action);

#endif
