/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_names.h: the words in a record that stand for members of enums, by their numbers; for record*.c only.
 */
#ifndef MXWARD_POLICY_RECORD_NAMES_H
#define MXWARD_POLICY_RECORD_NAMES_H

#define RECORD_CRYPTO_NAMES 4
#define RECORD_RESULT_NAMES 8      /* all but "pending", which no record holds */
#define RECORD_POLICY_NAMES 4
#define RECORD_OUTCOME_NAMES 5
#define RECORD_ACTION_NAMES 3
#define RECORD_BY_NAMES 3
#define RECORD_TOLD_NAMES 4

const char *record_crypto_name(unsigned crypto);       /* enum signature_crypto */
const char *record_result_name(unsigned result);       /* enum auth_result */
const char *record_policy_name(unsigned policy);       /* enum dmarc_policy */
const char *record_outcome_name(unsigned outcome);     /* enum rule_outcome */
const char *record_action_name(unsigned action);       /* enum verdict_action */
const char *record_stage_name(unsigned stage);         /* enum stage */
const char *record_by_name_at(unsigned by);            /* enum record_by */
const char *record_told_name(unsigned told);           /* enum facts_told */

#endif
