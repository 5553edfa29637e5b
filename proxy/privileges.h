/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privileges.h: what the master gives up, and what it needs before: directories, descriptors. Every failure is
 * told in words that say what to do.
 */
#ifndef MXWARD_PROXY_PRIVILEGES_H
#define MXWARD_PROXY_PRIVILEGES_H

#include "proxy/config.h"

/*
 * As root: makes the directories that are missing and becomes `user` for good. As anyone: gives up every
 * capability and the way to new ones. False: *problem_out.
 */
bool privileges_drop(const struct config *config, struct arena *arena, struct slice *problem_out);
/* The second half of that alone, for who only looks: as root becomes the user, else nothing. */
bool privileges_become_user(const struct config *config, struct arena *arena, struct slice *problem_out);
/* That what the configuration names can be used by this process: directories to write to. Each problem is an error. */
void privileges_check_directories(const struct config *config, struct diagnostics *diagnostics);

/* What a worker's limits need at most, and of what: all sessions may be one worker's. */
struct descriptor_needs {
    uint64_t sessions;
    uint64_t spool;                    /* files of held messages */
    uint64_t backend;
    uint64_t dns;
    uint64_t other;                    /* listeners, judges, status, sockets to master and keeper, OpenSSL */
    uint64_t all;
};

void privileges_descriptor_needs(const struct config *config, struct descriptor_needs *needs_out);
/* Raises the soft limit to the hard one; false when the needs are above it: *problem_out names the limit to lower. */
bool privileges_raise_descriptors(const struct config *config, struct arena *arena, struct slice *problem_out);

#endif
