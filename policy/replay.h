/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h: a record judged again (P3): the frames that ask a judge for it, and what differs between what it says and
 * what was recorded. No sockets; `mxward replay` runs the judge process.
 */
#ifndef MXWARD_POLICY_REPLAY_H
#define MXWARD_POLICY_REPLAY_H

#include "policy/frame.h"
#include "policy/record.h"

/*
 * OPEN, EVIDENCE if a message was judged, JUDGE and CLOSE for one of reading->judged. False: larger than a judge
 * takes.
 */
bool replay_put(struct wire_writer *out, uint32_t transaction, const struct record_reading *reading,
                const struct record_judged *judged);

/* One part that is not the same; `recorded` is absent when the record does not hold it. */
struct replay_difference {
    enum record_part part;
    struct slice recorded;
    struct slice judged;
};

/* Only parts that the record holds are compared. Returns how many of differences_out are filled. */
size_t replay_compare(const struct record_judged *recorded, const struct slice judged[RECORD_PARTS],
                      struct replay_difference differences_out[RECORD_PARTS]);

#endif
