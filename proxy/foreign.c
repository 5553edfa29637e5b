/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * foreign.c: see foreign.h. HTTP is told by its methods, none of which is a command of SMTP, and by header fields,
 * whose name ends in a colon where a command has a blank. TLS is told by the first two bytes of a record that begins a
 * handshake (RFC 8446 5.1).
 */
#include "proxy/foreign.h"

/* RFC 9110 9.3, RFC 5789 (PATCH), RFC 9113 3.4 (PRI, before HTTP/2). */
static const char *const methods[] = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI", NULL,
};

#define TLS_HANDSHAKE 0x16
#define TLS_MAJOR 0x03

enum foreign foreign_bytes(struct slice input, bool may_be_tls)
{
    return may_be_tls && input.length >= 2 && input.text[0] == TLS_HANDSHAKE && input.text[1] == TLS_MAJOR
               ? FOREIGN_TLS : FOREIGN_NONE;
}

/* RFC 9110 5.6.2 has more characters in a name; those of real ones are these. */
static bool is_field_name(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!ascii_is_letter(name.text[i]) && !ascii_is_digit(name.text[i]) && name.text[i] != '-' &&
            name.text[i] != '_')
            return false;
    return name.length > 0;
}

enum foreign foreign_line(struct slice line)
{
    struct slice word = slice_first(line, slice_find(line, ' '));
    size_t colon = slice_find(word, ':');

    for (size_t i = 0; methods[i] != NULL; i++)
        if (slice_equal_nocase(word, slice_of_string(methods[i])))
            return FOREIGN_HTTP;
    return colon < word.length && is_field_name(slice_first(word, colon)) ? FOREIGN_HEADER : FOREIGN_NONE;
}

const char *foreign_name(enum foreign foreign)
{
    static const char *const names[] = {
        [FOREIGN_NONE] = "SMTP", [FOREIGN_HTTP] = "HTTP", [FOREIGN_HEADER] = "header field", [FOREIGN_TLS] = "TLS",
    };
    return names[foreign];
}

const char *foreign_sentence(enum foreign foreign)
{
    static const char *const sentences[] = {
        [FOREIGN_NONE] = "",
        [FOREIGN_HTTP] = "this is a mail server, and that was a request of HTTP; closing",
        [FOREIGN_HEADER] = "a header field where a command must stand; closing",
        [FOREIGN_TLS] = "TLS cannot begin here without STARTTLS; closing",
    };
    return sentences[foreign];
}
