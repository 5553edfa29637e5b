/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper_output.h: where the keeper puts records: a file or syslog. A file is only ever appended to, whole
 * lines in one write; a last line that a crash left unfinished is ended first. It is opened anew on request and
 * when its name means another file (a rotation). What cannot be written is dropped and counted by the caller:
 * records are never waited for.
 */
#ifndef MXWARD_PROXY_KEEPER_OUTPUT_H
#define MXWARD_PROXY_KEEPER_OUTPUT_H

#include "proxy/config.h"

struct keeper_output;

/*
 * A record longer than this goes to syslog in several messages, "part 1 of 3 of record 17: ..." (17 counts such
 * records), cut between characters. Receivers take at least this much: RFC 5424 6.1 says 2048, rsyslog's
 * default is 8 KiB with its own head.
 */
#define KEEPER_SYSLOG_MOST 7900

/* NULL: *problem_out (in `arena`). `syslog_path` is /dev/log but in tests. */
struct keeper_output *keeper_output_open(const struct config *config, const char *syslog_path, struct arena *arena,
                                         struct slice *problem_out);
void keeper_output_close(struct keeper_output **output);
/* `lines`: whole records, each with its LF. False: none of them is written (errno). */
bool keeper_output_write(struct keeper_output *output, struct slice lines);
/* Opens the file by its name again; when that fails goes on with the old one (errno). */
bool keeper_output_reopen(struct keeper_output *output);
/* Whether the name means another file by now. */
bool keeper_output_is_moved(const struct keeper_output *output);

#endif
