#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes tests/unit/arc_fixtures.h: messages sealed by python3-dkim, an implementation of its own, one set and three; the same
by arc_seal.py in ways that it does not know (ed25519, simple, l=); and the keys.

usage: arc_fixtures.py > tests/unit/arc_fixtures.h

The tests use the header as it is; run this only to make new ones. Needs python3-dkim, python3-authres, python3-nacl, openssl.
"""

import dkim

import arc_seal

MESSAGE = (b"Received: from a.example by b.example; Sun, 22 Nov 2026 06:00:00 +0000\r\n"
           b"From: Ann Author <ann@author.example>\r\nTo: bob@example.net\r\nSubject: two  words\r\n\tand a fold\r\n"
           b"Date: Sun, 22 Nov 2026 06:00:00 +0000\r\nMessage-ID: <1@author.example>\r\n\r\n"
           b"Hello,  Bob.\r\n\r\nBye \r\n\r\n\r\n")
RESULTS = b"mx.list.example; dmarc=pass header.from=author.example"


def sealed_by_dkim(message, key, domain, results):
    """python3-dkim takes what to claim from our own Authentication-Results field."""
    with_results = b"Authentication-Results: " + results + b"\r\n" + message
    fields = dkim.arc_sign(with_results, b"r1", domain, key.private, results.split(b";")[0], timestamp=1780000000,
                           include_headers=[b"from", b"to", b"subject", b"date", b"message-id"])
    return b"".join(fields).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + message


def c_string(name, data):
    print(f"static const char {name}[] =")
    for line in data.splitlines(keepends=True):
        text = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in line)
        while text:
            cut = 100
            while "\\" in text[cut - 3:cut] and cut < len(text):
                cut -= 1
            print(f'    "{text[:cut]}"')
            text = text[cut:]
    print("    ;")


def main():
    key, edward = arc_seal.Key.rsa(1024), arc_seal.Key.ed25519()
    one = sealed_by_dkim(MESSAGE, key, b"list.example", RESULTS)
    two = sealed_by_dkim(one, key, b"second.example", b"mx.second.example; arc=pass; dmarc=fail header.from=author.example")
    three = sealed_by_dkim(two, key, b"third.example", b"mx.third.example; arc=pass; spf=fail; dkim=fail header.d=author.example")
    print("/* SPDX-License-Identifier: BSD-2-Clause */")
    print("/*\n * arc_fixtures.h: made by tests/support/arc_fixtures.py: messages sealed with ARC, and the keys.\n */")
    print("#ifndef MXWARD_TESTS_ARC_FIXTURES_H\n#define MXWARD_TESTS_ARC_FIXTURES_H\n")
    c_string("arc_key", key.record)
    c_string("arc_key_ed25519", edward.record)
    c_string("arc_one", one)
    c_string("arc_three", three)
    c_string("arc_ed25519", arc_seal.seal(one, edward, b"e.example", b"e1", RESULTS))
    c_string("arc_simple", arc_seal.seal(one, key, b"second.example", b"r1", RESULTS, canonicalization=b"simple/simple"))
    c_string("arc_length", arc_seal.seal(one, key, b"second.example", b"r1", RESULTS, length=5))
    # A seal that does not hold, under one that does and says that it did.
    broken = one.replace(b"t=1780000000", b"t=1780000001", 1)
    c_string("arc_over_broken", arc_seal.seal(broken, key, b"second.example", b"r1", RESULTS))
    print("\n#endif")


main()
