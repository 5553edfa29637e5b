/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.h: the parts of `mxward verify`, for cli/verify*.c only: a message from a file, as SMTP would carry it, and
 * what mxward would say to it without judging it.
 */
#ifndef MXWARD_CLI_VERIFY_H
#define MXWARD_CLI_VERIFY_H

#include "proxy/config.h"
#include "rules/arena.h"
#include "rules/slice.h"

/* Bytes of a message that is read. */
#define VERIFY_MESSAGE_MOST ((size_t)256 << 20)

struct verify_message {
    struct slice bytes;
    size_t header_size;
    /*
     * What the proxy would answer without judging: a line end that is none, a NUL, a limit. `code` 0: nothing. The
     * message is judged all the same, its line ends mended, unless its header is more than a judge takes.
     */
    unsigned code;
    const char *enhanced;
    struct slice text;
    struct slice reason;
    bool judged;
};

/*
 * Reads a file, or standard input ("-"). What had to be changed to make a message of it (an mbox line, line ends of
 * the system it was saved on, no end of the last line) is said on standard error. False after saying why it cannot be
 * read.
 */
bool verify_read_message(const char *path, const struct config_limits *limits, struct arena *arena,
                         struct verify_message *message_out);

#endif
