/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli.h: the subcommands, one file each. Each gets its arguments with the subcommand's name as argv[0] and returns
 * the exit code: 0 well, 1 the answer is no (a check or verification failed), 2 the call was wrong.
 */
#ifndef MXWARD_CLI_CLI_H
#define MXWARD_CLI_CLI_H

int cli_run(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_log(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_sink(int argc, char **argv);

#endif
