/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.h: the two halves of `mxward explain`.
 */
#ifndef MXWARD_CLI_EXPLAIN_H
#define MXWARD_CLI_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

struct json_t;                     /* jansson's json_t */

/* The story of one record for people. What a record does not hold is left out. */
void explain_tell(const struct json_t *record, FILE *file, bool colour);

#endif
