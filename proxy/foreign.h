/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * foreign.h: bytes of a client that does not speak SMTP: a browser that was talked into posting mail, a client that
 * begins TLS where there is none. Such a session is answered once and closed, for its further lines are somebody
 * else's, and one of them may be a command.
 */
#ifndef MXWARD_PROXY_FOREIGN_H
#define MXWARD_PROXY_FOREIGN_H

#include "rules/slice.h"

enum foreign { FOREIGN_NONE, FOREIGN_HTTP, FOREIGN_HEADER, FOREIGN_TLS };

/* What begins so, of any length; `may_be_tls` false: the session is encrypted, and the bytes are from within it. */
enum foreign foreign_bytes(struct slice input, bool may_be_tls);
/* A whole line, without its CRLF. */
enum foreign foreign_line(struct slice line);
/* "HTTP", "TLS", ...: for logs. */
const char *foreign_name(enum foreign foreign);
/* For the reply: what came, and why it is closed. */
const char *foreign_sentence(enum foreign foreign);

#endif
