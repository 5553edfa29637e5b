/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sort.h: sorting for the judge. The C library's qsort() asks the system for its memory once there is more than a
 * kilobyte to sort, which the sandbox answers with death; this one takes no memory, makes no system call, and needs
 * about 2 n log2 n comparisons whatever the order a stranger gives. Cannot fail.
 */
#ifndef MXWARD_POLICY_SORT_H
#define MXWARD_POLICY_SORT_H

#include <stddef.h>

/* As qsort(): `compare` is below 0 when the first comes first. Items that compare as equal come in any order. */
void sort_items(void *items, size_t count, size_t size, int (*compare)(const void *a, const void *b));

#endif
