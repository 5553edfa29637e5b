# SPDX-License-Identifier: BSD-2-Clause
"""Seals messages with ARC sets (RFC 8617 5.1), by an implementation of its own, so that tests can seal wrongly too.

    key = arc_seal.Key.rsa(1024)
    message = arc_seal.seal(message, key, b"list.example", b"s1", b"mx.list.example; dmarc=pass header.from=a.example")

Canonical forms are python3-dkim's, RSA is openssl's numbers and Python's pow(), ed25519 is python3-nacl's.
"""
import base64
import hashlib
import re
import subprocess

import dkim.canonicalization
import nacl.signing
from dkim.crypto import parse_pem_private_key

FIELDS = (b"from", b"to", b"subject", b"date", b"message-id", b"dkim-signature")
# DER of DigestInfo with SHA-256 up to the digest (RFC 8017 9.2).
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Key:
    """A private key, the a= it is for, and the record to publish."""

    def __init__(self, algorithm, sign, record, private=None):
        self.algorithm, self.sign, self.record, self.private = algorithm, sign, record, private

    @staticmethod
    def rsa(bits):
        private = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], check=True, capture_output=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, check=True,
                                capture_output=True).stdout
        numbers = parse_pem_private_key(private)
        size = (numbers["modulus"].bit_length() + 7) // 8

        def sign(digest):
            encoded = b"\0\1" + b"\xff" * (size - 3 - len(DIGEST_INFO) - len(digest)) + b"\0" + DIGEST_INFO + digest
            value = int.from_bytes(encoded, "big")
            first = pow(value, numbers["exponent1"], numbers["prime1"])
            second = pow(value, numbers["exponent2"], numbers["prime2"])
            joined = (first - second) * numbers["coefficient"] % numbers["prime1"] * numbers["prime2"] + second
            return joined.to_bytes(size, "big")

        return Key(b"rsa-sha256", sign, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public), private)

    @staticmethod
    def ed25519():
        key = nacl.signing.SigningKey.generate()
        record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(key.verify_key.encode())
        return Key(b"ed25519-sha256", lambda digest: key.sign(digest).signature, record)


def split(message):
    """[(name, value with folds and CRLF), ...] and the body."""
    header, _, body = message.partition(b"\r\n\r\n") if not message.startswith(b"\r\n") else (b"", b"", message[2:])
    fields = re.findall(rb"([^:\r\n]+):((?:[^\r\n]*(?:\r\n[ \t])?)*)(?:\r\n|\Z)", header)
    return [(name, value + b"\r\n") for name, value in fields], body


def canonical(fields, relaxed):
    form = dkim.canonicalization.Relaxed if relaxed else dkim.canonicalization.Simple
    return [name + b":" + value for name, value in form.canonicalize_headers(fields)]


def fold(data):
    """Base64 in lines, as sealers write it."""
    text = base64.b64encode(data)
    return b"\r\n\t".join(text[i:i + 64] for i in range(0, len(text), 64))


def field_of(tags):
    return b" " + b"; ".join(name + b"=" + value for name, value in tags) + b"\r\n"


def signed(name, tags, fields, key, relaxed):
    """The field, with b= put in."""
    unsigned = canonical([(name, field_of(tags + [(b"b", b"")]))], relaxed)[0].rstrip(b"\r\n")
    if relaxed:
        unsigned = unsigned.rstrip()
    digest = hashlib.sha256(b"".join(fields) + unsigned).digest()
    return name, field_of(tags + [(b"b", fold(key.sign(digest)))])


def pick(fields, names):
    """RFC 6376 5.4.2: those of one name from the bottom up."""
    left = list(reversed(fields))
    picked = []
    for name in names:
        for index, field in enumerate(left):
            if field[0].lower() == name.lower():
                picked.append(left.pop(index))
                break
    return picked


def instance_of(value):
    match = re.search(rb"(?:^|[;\s])i\s*=\s*(\d+)", value)
    return int(match[1]) if match else 0


def arc_sets(fields):
    """{instance: {name: field}}"""
    sets = {}
    for field in fields:
        if field[0].lower().startswith(b"arc-"):
            sets.setdefault(instance_of(field[1]), {})[field[0].lower()] = field
    return sets


def seal(message, key, domain, selector, results, *, status=None, canonicalization=b"relaxed/relaxed", names=FIELDS,
         time=b"1780000000", instance=None, length=None, message_key=None, more_message=(), more_seal=()):
    """One more ARC set on top. `message_key` signs the ARC-Message-Signature instead: (key, domain, selector)."""
    fields, body = split(message)
    sets = arc_sets(fields)
    instance = instance or max(sets, default=0) + 1
    status = status or (b"none" if instance == 1 else b"pass")
    number = b"%d" % instance
    aar = (b"ARC-Authentication-Results", b" i=" + number + b"; " + results + b"\r\n")
    of_header, _, of_body = canonicalization.partition(b"/")
    form = dkim.canonicalization.Relaxed if of_body == b"relaxed" else dkim.canonicalization.Simple
    text = form.canonicalize_body(body)
    tags = [(b"i", number), (b"a", (message_key or [key])[0].algorithm), (b"c", canonicalization),
            (b"d", message_key[1] if message_key else domain), (b"s", message_key[2] if message_key else selector)]
    tags += [(b"t", time)] if time else []
    if length is not None:
        text = text[:length]
        tags.append((b"l", b"%d" % length))
    tags += [*more_message, (b"h", b":".join(names)), (b"bh", base64.b64encode(hashlib.sha256(text).digest()))]
    relaxed = of_header == b"relaxed"
    ams = signed(b"ARC-Message-Signature", tags, canonical(pick(fields, names), relaxed), (message_key or [key])[0], relaxed)
    before = [sets[i][name] for i in sorted(sets) if i < instance and status != b"fail"
              for name in (b"arc-authentication-results", b"arc-message-signature", b"arc-seal") if name in sets[i]]
    tags = [(b"i", number), (b"a", key.algorithm), (b"cv", status), (b"d", domain), (b"s", selector)]
    tags += [(b"t", time)] if time else []
    own = signed(b"ARC-Seal", tags + list(more_seal), canonical(before + [aar, ams], True), key, True)
    return b"".join(name + b":" + value for name, value in (own, ams, aar)) + message
