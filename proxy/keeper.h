/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper.h: the only writer of records. Started by the master with its control socket as descriptor
 * 3. It is told by
 *
 *     master: START {status table}   GENERATION {number; config}
 *     keeper: PREPARED {number} or REFUSED {number, why}
 *     master: COMMIT {number} or DISCARD {number}, again at each reload
 *     master: KEEPER {slot; socket}  the other end of a worker's journal (journal.h); again for each new worker
 *     signal SIGUSR1                 opens the file by its name again
 *
 * When the master is gone it goes on until every worker's socket has ended, at most KEEPER_DRAIN_SECONDS longer
 * than `drain`, then ends itself.
 */
#ifndef MXWARD_PROXY_KEEPER_H
#define MXWARD_PROXY_KEEPER_H

#include <stdbool.h>

#include "rules/slice.h"

#define KEEPER_DRAIN_SECONDS 5

/* `mxward keeper`: runs until told to stop; the exit code. */
int keeper_run(void);
/* One line of UTF-8 that begins and ends as a JSON object and has no control characters: what a worker may hand in. */
bool keeper_is_record(struct slice line);

#endif
