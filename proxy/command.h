/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h: the grammar of an SMTP command line (RFC 5321 4.1.2, 4.1.3, RFC 6531 3.3): verb, path, parameters; what
 * parameters mean is envelope.h's. Slices point into the line. What does not match the grammar is refused with the
 * reason; nothing is guessed, but for what RFC 5321 4.1.1.3 and practice allow: blanks after "FROM:", trailing blanks,
 * and in HELO whatever word a client calls itself.
 */
#ifndef MXWARD_PROXY_COMMAND_H
#define MXWARD_PROXY_COMMAND_H

#include <stdint.h>

#include "rules/value.h"

/*
 * RFC 5321 4.5.3.1.4 is 512; SIZE, BODY, DSN and AUTH add to MAIL and RCPT (RFC 1870, 3461, 4954: +26, +500, +500). The
 * AUTH command has no more than others (RFC 4954 4); what it is answered with has, see auth_exchange.h.
 */
#define COMMAND_LINE_MOST 2048
#define COMMAND_PARAMETERS_MOST 16
/*
 * RFC 5321 4.5.3.1.3: a path with its brackets and its source route. 4.5.3.1.1 names 64 for a local part, as what must
 * at least be taken; senders made by SRS and VERP are longer, so what fits into a path is taken.
 */
#define COMMAND_PATH_MOST 256

enum command_verb {
    COMMAND_HELO, COMMAND_EHLO, COMMAND_MAIL, COMMAND_RCPT, COMMAND_DATA, COMMAND_RSET, COMMAND_NOOP, COMMAND_VRFY,
    COMMAND_HELP, COMMAND_QUIT, COMMAND_STARTTLS, COMMAND_BDAT, COMMAND_AUTH, COMMAND_XCLIENT, COMMAND_UNKNOWN,
};

struct command_parameter {
    struct slice keyword;          /* upper or lower case as sent */
    struct slice value;            /* text == NULL: no "=" */
};

/* <...> of MAIL or RCPT, without the brackets and without a source route. */
struct command_path {
    struct slice text;             /* local-part@domain, "postmaster", or empty (null sender) */
    struct slice local_part;       /* as sent, quotes included */
    struct slice domain;           /* or an address literal with its brackets; empty for <> and <postmaster> */
    bool international;            /* has characters outside ASCII: only in a transaction with SMTPUTF8 */
};

struct command {
    enum command_verb verb;
    struct slice verb_text;
    struct slice argument;         /* all after the verb, trimmed; of HELO and EHLO the domain or literal alone */
    struct command_path path;      /* MAIL, RCPT */
    struct command_parameter parameters[COMMAND_PARAMETERS_MOST];
    size_t parameters_count;
    uint64_t chunk_size;           /* BDAT; what is beyond 64 bits becomes UINT64_MAX */
    bool chunk_last;
};

enum command_status {
    COMMAND_OK,
    COMMAND_UNRECOGNISED,          /* 500 5.5.2: no such verb */
    COMMAND_SYNTAX,                /* 501: argument or parameter not by grammar; see command_parse() */
};

/*
 * `line` without CRLF. On COMMAND_SYNTAX *enhanced_out is the enhanced code ("5.5.4", "5.1.7" sender, "5.1.3"
 * recipient) and *problem_out a text for the reply; both static, set by COMMAND_UNRECOGNISED too. Refused in every
 * argument are control characters, C1 among them, and what is not UTF-8; addresses may hold UTF-8 (RFC 6531 3.3), and
 * the caller knows whether they may here. A parameter given twice is refused: two programs may each take another one.
 */
enum command_status command_parse(struct slice line, struct command *command_out, const char **enhanced_out,
                                  const char **problem_out);
const char *command_verb_name(enum command_verb verb);
/*
 * Whether a line that command_parse() does not take for a BDAT might have been meant as one, or be one to another
 * program: a tab in place of the blank, blanks in front. The bytes behind it must not be taken for commands.
 */
bool command_may_be_chunk(struct slice line);

/* What a client may call itself in HELO: one word of printable ASCII, see parse_host(). */
bool command_is_host_word(struct slice text);

/* esmtp-value of SIZE=; at most 20 digits (RFC 1870 3); what is beyond 64 bits becomes UINT64_MAX. */
bool command_parse_size(struct slice value, uint64_t *size_out);

/* Local-part "@" ( Domain / address-literal ), and nothing else. */
bool command_is_mailbox(struct slice text);

#endif
