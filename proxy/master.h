/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master.h: starts, watches, reloads and stops all other processes. The order of its start:
 * configuration, ports, no more root, rules and lists, status table, the backend's probe, then keeper and
 * workers; ready when every worker is. It touches no mail and loads no keys.
 */
#ifndef MXWARD_PROXY_MASTER_H
#define MXWARD_PROXY_MASTER_H

/* `mxward run`: until SIGTERM or SIGINT; the exit code: 0 stopped in order, 1 could not start. */
int master_run(const char *config_path);

#endif
