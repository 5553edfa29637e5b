# SPDX-License-Identifier: BSD-2-Clause
"""Messages with mischief in their line ends, and what RFC 5321 alone makes of them.

By it a line ends in CRLF and in nothing else, and DATA ends in CRLF "." CRLF. split_end(), unstuffed() and mended() are a reader
of their own for the bytes that a client sends: what mxward does is compared with them.
"""

import re

import smtp_client

# What mxward puts on top of a message.
OUR_FIELDS = re.compile(rb"(?:(?:Received|Authentication-Results|Received-SPF):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+")
FAULT = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


def is_clean(message):
    return FAULT.search(message) is None


def pieces_of(data, source, sizes=(1, 2, 3, 5, 17, 100, 1000, 5000, 5000)):
    """In odd pieces; `source`: a random.Random."""
    while data:
        size = source.choice(sizes)
        yield data[:size]
        data = data[size:]


def chunked(chunks):
    """The bytes of a message by BDAT (RFC 3030)."""
    return b"".join(b"BDAT %d%s\r\n" % (len(chunk), b" LAST" if index == len(chunks) - 1 else b"") + chunk
                    for index, chunk in enumerate(chunks))


def chunk_replies(client, count):
    """Of one pipelined group: the code that decided. After a refused chunk the others are thrown away, with a 503 each."""
    codes = [client.reply().code for _ in range(count)]
    bad = [code for code in codes if code != 250]
    if bad and codes != [250] * codes.index(bad[0]) + bad[:1] + [503] * (count - codes.index(bad[0]) - 1):
        raise smtp_client.Unexpected(f"replies to chunks: {codes}")
    return bad[0] if bad else 250


def split_end(stream):
    """(content as sent, what comes behind its end); None in place of what comes behind: no end is there."""
    if stream.startswith(b".\r\n"):
        return b"", stream[3:]
    at = stream.find(b"\r\n.\r\n")
    return (stream, None) if at < 0 else (stream[:at + 2], stream[at + 5:])


def unstuffed(content):
    """RFC 5321 4.5.2. A dot with a bare CR or LF behind it is no dot before something: it stays (framing.h)."""
    return b"\r\n".join(line[1:] if line.startswith(b".") and line[1:2] not in (b"\r", b"\n") else line
                        for line in content.split(b"\r\n"))


def mended(content):
    """What `line-ends normalise` makes of it: every CR, LF and CRLF is a CRLF, and a NUL is nothing."""
    return re.sub(rb"\r\n|[\r\n\0]", lambda match: b"" if match[0] == b"\0" else b"\r\n", content)
