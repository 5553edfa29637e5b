/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.h: the parts of `mxward verify`, for cli/verify*.c only.
 */
#ifndef MXWARD_CLI_VERIFY_H
#define MXWARD_CLI_VERIFY_H

#include <stdio.h>

#include "policy/record.h"

/* Bytes of a message that is read. */
#define VERIFY_MESSAGE_MOST ((size_t)256 << 20)

/*
 * The message as SMTP would have carried it: lines end in CRLF. What had to be changed for that is said on standard
 * error. Returns false after saying why it cannot be read.
 */
bool verify_read_message(const char *path, struct arena *arena, struct slice *message_out, size_t *header_size_out);

/* The whole story, for people. Strangers' text is printed as a record would write it. */
void verify_print_story(const struct record *record, FILE *file, struct arena *arena);

#endif
