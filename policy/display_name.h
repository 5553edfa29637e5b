/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * display_name.h: what a mail program shows beside an address: quoted strings without their quotes, encoded words
 * (RFC 2047) decoded; and whether an address is among it that is not the mailbox's own. Character sets are not
 * converted: what matters here is ASCII in all that are in use.
 */
#ifndef MXWARD_POLICY_DISPLAY_NAME_H
#define MXWARD_POLICY_DISPLAY_NAME_H

#include "policy/mailbox.h"

/* What a quoted string holds (RFC 5322 3.2.4): without quotes, backslashes and the CRLF of folds. */
struct slice display_name_unquoted(struct slice quoted, struct arena *arena);
/* A phrase or a comment as it is shown. */
struct slice display_name_shown(struct slice words, struct arena *arena);
/*
 * Whether a text has a character that turns the direction of what is shown around it (Bidi_Control of UAX 9): with
 * one in a local part, the domain may be shown backwards.
 */
bool display_name_turns(struct slice text);
/* Whether the shown words hold the address of somebody else; words may be absent. */
bool display_name_shows_other(struct slice words, const struct mailbox *own, struct arena *arena);

#endif
