/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c: see replay.h. All answers of a record are given at once: a judgement under the same rules asks for no
 * other.
 */
#include "policy/replay.h"

bool replay_put(struct wire_writer *out, uint32_t transaction, const struct record_reading *reading,
                const struct record_judged *judged)
{
    if (!frame_put_open(out, transaction, &judged->facts, answers_first(reading->answers)))
        return false;
    if (judged->stage == STAGE_MESSAGE &&
        !frame_put_evidence(out, transaction, reading->evidence, reading->removed, reading->removed_count))
        return false;
    frame_put_judge(out, transaction, judged->stage);
    frame_put_bare(out, FRAME_CLOSE, transaction);
    return true;
}

size_t replay_compare(const struct record_judged *recorded, const struct slice judged[RECORD_PARTS],
                      struct replay_difference differences_out[RECORD_PARTS])
{
    size_t count = 0;
    for (enum record_part part = PART_VERDICT; part <= PART_RESULTS; part++)
        if (recorded->parts[part].text != NULL && !slice_equal(recorded->parts[part], judged[part]))
            differences_out[count++] = (struct replay_difference){ part, recorded->parts[part], judged[part] };
    return count;
}
