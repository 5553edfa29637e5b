/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge_process.h: the sandbox and its loop: frames in, frames out, nothing else within reach (P4). The process is
 * started by exec with one end of a socket pair and the memory file of a program image. It prepares all that touches
 * files, closes every other descriptor, gives up every system call but a few, says READY, and then serves until the
 * other end closes.
 */
#ifndef MXWARD_POLICY_JUDGE_PROCESS_H
#define MXWARD_POLICY_JUDGE_PROCESS_H

#include <stddef.h>

/* Hearings open at once; more get FULL. */
#define JUDGE_HEARINGS_MOST 8192
/* Bytes held for all hearings together; more get FULL. */
#define JUDGE_MEMORY_MOST (512UL << 20)

/*
 * Serves until `socket` (blocking) reads end of file. 0 then; 1 when it could not prepare or seal, said on standard
 * error; 2 when the other end broke the protocol. Descriptors above 2 other than these two are closed, then standard
 * input and output too.
 */
int judge_process_run(int socket, int image_fd);

#endif
