/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actions.c: see actions.h. Codes are RFC 5321's, enhanced codes RFC 3463's: 5.7.1 and 4.7.1 say that policy refuses.
 */
#include "policy/actions.h"

#include "policy/dmarc_override.h"
#include "policy/stage.h"

const struct action action_table[ACTION_COUNT] = {
    [ACTION_ACCEPT] = {
        .name = "accept", .arguments = ARGUMENTS_OPTIONAL_TEXT, .ends_stage = true, .from_stage = STAGE_CONNECT,
        .help = "ends the rules: from connect and helo for the session, from mail for the transaction, "
                "from rcpt for that recipient",
    },
    [ACTION_REJECT] = {
        .name = "reject", .arguments = ARGUMENTS_REPLY, .ends_stage = true, .from_stage = STAGE_CONNECT,
        .reply_class = '5', .reply_code = 550, .reply_enhanced = "5.7.1", .on_unknown = "defer",
        .help = "refuses for good; while its condition is unknown it defers instead",
    },
    [ACTION_DEFER] = {
        .name = "defer", .arguments = ARGUMENTS_REPLY, .ends_stage = true, .from_stage = STAGE_CONNECT,
        .reply_class = '4', .reply_code = 451, .reply_enhanced = "4.7.1",
        .help = "refuses for now; the client tries again later",
    },
    [ACTION_SCORE] = {
        .name = "score", .arguments = ARGUMENTS_NUMBER, .from_stage = STAGE_CONNECT,
        .help = "adds to the score, which later rules read as `score`",
    },
    [ACTION_TAG] = {
        .name = "tag", .arguments = ARGUMENTS_FIELD, .from_stage = STAGE_CONNECT,
        .help = "adds a header field at the top; incoming fields of that name are removed",
    },
    [ACTION_LOG] = {
        .name = "log", .arguments = ARGUMENTS_TEXT, .from_stage = STAGE_CONNECT,
        .help = "writes a line to the log",
    },
    [ACTION_OVERRIDE] = {
        .name = "override", .arguments = ARGUMENTS_WORD, .from_stage = STAGE_CONNECT, .words = dmarc_override_words,
        .help = "says why the author domain's DMARC policy is not applied, should it not be; for the record (RFC 9990)",
    },
};

enum action_kind action_kind_of(const struct action *action)
{
    return (enum action_kind)(action - action_table);
}
