/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stage.h: the five moments at which rules run, in order of time. The rule language knows them as indices. What is
 * decided at connect or helo holds for the session, at helo until the next EHLO; at mail for the transaction; at rcpt
 * for that recipient alone; at message for the recipients that rcpt has not exempted.
 */
#ifndef MXWARD_POLICY_STAGE_H
#define MXWARD_POLICY_STAGE_H

enum stage { STAGE_CONNECT, STAGE_HELO, STAGE_MAIL, STAGE_RCPT, STAGE_MESSAGE };

#define STAGE_COUNT 5

/* "connect", "helo", "mail", "rcpt", "message": as rules and records write them. */
extern const char *const stage_names[STAGE_COUNT];

#endif
