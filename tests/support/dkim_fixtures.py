#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes tests/unit/dkim_fixtures.h: messages signed by python3-dkim, an implementation of its own, and their keys.

usage: dkim_fixtures.py > tests/unit/dkim_fixtures.h

The tests use the header as it is; run this only to make new ones (keys and signatures change). Needs python3-dkim,
python3-nacl, openssl.
"""
import base64
import subprocess
import sys

import dkim
import nacl.signing

MESSAGE = (
    b"Received: from client.example.org by mx.example.net; Sun, 22 Nov 2026 06:00:00 +0000\r\n"
    b"From: Ann Author <ann@example.org>\r\n"
    b"To: bob@example.net\r\n"
    b"Subject: two  words\r\n"
    b"\tand a fold\r\n"
    b"Date: Sun, 22 Nov 2026 06:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"\r\n"
    b"Hello,  Bob.\r\n"
    b"\r\n"
    b"Bye \r\n"
    b"\r\n"
    b"\r\n"
)
FIELDS = [b"from", b"to", b"subject", b"date", b"message-id", b"from"]


def rsa_key(bits):
    private = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, check=True,
                            capture_output=True).stdout
    return private, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def ed25519_key():
    key = nacl.signing.SigningKey.generate()
    private = base64.b64encode(key.encode())
    return private, "v=DKIM1; k=ed25519; p=" + base64.b64encode(key.verify_key.encode()).decode()


def sign(message, selector, key, algorithm=b"rsa-sha256", canonicalize=(b"relaxed", b"relaxed"), fields=None, **more):
    signer = dkim.DKIM(message, signature_algorithm=algorithm, minkey=512)
    signer.should_not_sign = set()
    return signer.sign(selector, b"example.org", key, canonicalize=canonicalize, include_headers=fields or FIELDS,
                       **more) + message


def c_string(name, data):
    print("static const char %s[] =" % name)
    for line in data.splitlines(keepends=True):
        text = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else "\\%03o" % b for b in line)
        while text:
            cut = 100
            while "\\" in text[cut - 3:cut] and cut < len(text):
                cut += 1
            print('    "%s"' % text[:cut])
            text = text[cut:]
    print("    ;\n")


def main():
    r1, r1_record = rsa_key(2048)
    short, short_record = rsa_key(768)
    e1, e1_record = ed25519_key()
    print("/* SPDX-License-Identifier: BSD-2-Clause */")
    print("/*\n * dkim_fixtures.h: made by tests/support/dkim_fixtures.py, signed by python3-dkim. Selectors: r1 is RSA\n"
          " * with 2,048 bits, short with 768, e1 is ed25519; all of example.org.\n */")
    print("#ifndef MXWARD_TESTS_UNIT_DKIM_FIXTURES_H")
    print("#define MXWARD_TESTS_UNIT_DKIM_FIXTURES_H\n")
    c_string("key_r1", r1_record.encode())
    c_string("key_short", short_record.encode())
    c_string("key_e1", e1_record.encode())
    c_string("message_plain", MESSAGE)
    c_string("message_rsa_relaxed", sign(MESSAGE, b"r1", r1))
    c_string("message_rsa_simple", sign(MESSAGE, b"r1", r1, canonicalize=(b"simple", b"simple")))
    c_string("message_rsa_length", sign(MESSAGE, b"r1", r1, length=True))
    c_string("message_rsa_sha1", sign(MESSAGE, b"r1", r1, algorithm=b"rsa-sha1"))
    c_string("message_short_key", sign(MESSAGE, b"short", short))
    c_string("message_ed25519", sign(MESSAGE, b"e1", e1, algorithm=b"ed25519-sha256"))
    both = sign(sign(MESSAGE, b"r1", r1), b"e1", e1, algorithm=b"ed25519-sha256")
    c_string("message_both", both)
    first = sign(MESSAGE, b"r1", r1)
    c_string("message_signed_signature",
             sign(first, b"e1", e1, algorithm=b"ed25519-sha256", fields=FIELDS + [b"dkim-signature"]))
    c_string("message_identity", sign(MESSAGE, b"r1", r1, identity=b"list@sub.example.org"))
    print("#endif")
    return 0


if __name__ == "__main__":
    sys.exit(main())
