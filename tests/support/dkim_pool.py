# SPDX-License-Identifier: BSD-2-Clause
"""Signed messages to begin from: every canonicalization, rsa and ed25519, l=, several signatures, signatures in many spellings. The
signature's text is ours, so that its tags may come in any order and fold; canonicalizing and signing is python3-dkim's.

    pool = make_pool(random.Random(1))
    pool[0].message, pool[0].keys            # bytes, {"s1._domainkey.a.example": b"v=DKIM1; ..."}
"""

import base64
import dataclasses
import hashlib
import subprocess

import dkim
import dkim.crypto
import nacl.signing
from dkim.canonicalization import CanonicalizationPolicy

ARRIVAL = 1763800000           # 22 November 2025
CANONICALIZATIONS = ("simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed", "simple", None)
BODIES = (
    b"Hello.\r\n",
    b"",
    b"\r\n\r\n",
    b"  two  blanks \t\r\n\r\n\ttab\tand blank \r\nlast line\r\n\r\n\r\n",
    b"--x\r\nContent-Type: text/plain\r\n\r\nOne.\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>One.</p> \r\n--x--\r\n",
    b"a line without an end",
    b"8bit: \xc3\xa4\xf6\xff \xe2\x82\xac\r\n.\r\n..\r\n" + b"0123456789" * 7 + b"\r\n" * 3,
    b"".join(b"line %d of a longer body \r\n" % number for number in range(40)),
)


@dataclasses.dataclass
class Key:
    selector: str
    algorithm: bytes
    private: object
    record: bytes


@dataclasses.dataclass
class Message:
    message: bytes
    keys: dict
    kind: str


@dataclasses.dataclass
class Pem:
    pem: bytes
    record: bytes


def rsa_pem(bits):
    private = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], check=True, capture_output=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private, check=True, capture_output=True).stdout
    return Pem(private, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public))


def rsa_key(selector, bits):
    pem = rsa_pem(bits)
    return Key(selector, b"rsa-sha256", dkim.crypto.parse_pem_private_key(pem.pem), pem.record)


def ed25519_key(selector, seed):
    private = nacl.signing.SigningKey(seed)
    record = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(private.verify_key.encode())
    return Key(selector, b"ed25519-sha256", private, record)


def fields_of(random):
    fields = [
        b"From: Ann Author <ann@a.example>",
        b"To: bob@example.net,\r\n\tcarl@example.net",
        b"Subject: " + random.choice((b"two  words", b"a\r\n fold", b"=?utf-8?q?caf=C3=A9?=", b"", b"trailing \t")),
        b"Date: Sat, 22 Nov 2025 08:00:00 +0000",
        b"Message-ID: <1@a.example>",
    ]
    for field in (b"Cc: dora@example.net", b"Reply-To:list@a.example", b"MIME-Version: 1.0",
                  b"Content-Type: text/plain;\r\n charset=\"utf-8\"", b"X-Mailer: one \t two"):
        if random.random() < 0.5:
            fields.insert(random.randrange(len(fields) + 1), field)
    for number in range(random.randrange(3)):
        fields.insert(0, b"Received: from h%d.example\r\n\tby mx.example; Sat, 22 Nov 2025 08:00:0%d +0000" % (number, number))
    return fields


def names_of(random, fields):
    """h=: mostly what is there, sometimes more often than that, in some spelling."""
    names = [field.split(b":")[0] for field in fields]
    chosen = [name for name in names if name in (b"From", b"Subject", b"To") or random.random() < 0.7]
    random.shuffle(chosen)
    chosen += [name for name in (b"From", b"Subject", b"Date", b"X-None") if random.random() < 0.3]
    return [random.choice((name, name.lower(), name.upper())) for name in chosen]


def tags_of(random, key, domain, canonicalization, names, body_hash, length):
    separator = random.choice((b":", b" : ", b":\r\n\t", b": "))
    tags = [(b"v", b"1"), (b"a", key.algorithm), (b"d", domain), (b"s", key.selector.encode()), (b"h", separator.join(names)),
            (b"bh", body_hash)]
    optional = [(b"t", b"%d" % (ARRIVAL - 1000)), (b"x", b"%d" % (ARRIVAL + 100000)), (b"q", b"dns/txt"), (b"r", b"y"),
                (b"i", random.choice((b"@", b"ann@", b"x@sub.", b"a+b=20c@")) + domain), (b"z", b"From:ann@a.example|To:bob=40example.net")]
    tags += [tag for tag in optional if random.random() < 0.4]
    if canonicalization:
        tags.append((b"c", canonicalization.encode()))
    if length is not None:
        tags.append((b"l", b"%d" % length))
    random.shuffle(tags)
    tags.insert(random.choice((len(tags), len(tags), random.randrange(len(tags) + 1))), (b"b", b""))
    return tags


def spell(random, tags):
    """The value of the field; its b= is empty, and ends where the second part begins."""
    before, after = b"", b""
    for number, (name, value) in enumerate(tags):
        end = b"" if number == len(tags) - 1 and random.random() < 0.7 else b";"
        gap = random.choice((b" ", b"\r\n ", b"\r\n\t", b"  ")) if number else b" "
        equals = b"=" if random.random() < 0.9 else random.choice((b" =", b"= ", b" = "))
        if after or tags[number - 1][0] == b"b" and number:
            after += gap + name + equals + value + end
        elif name == b"b":
            before += gap + b"b="
            after = end
        else:
            before += gap + name + equals + value + end
    return before, after


def fold_value(random, value):
    text, at = b"", 0
    while at < len(value):
        step = random.choice((20, 60, 64, 72))
        text += (b"" if at == 0 else random.choice((b"\r\n ", b"\r\n\t", b" "))) + value[at:at + step]
        at += step
    return text


def signature_of(message, key, canonicalization, names, before, after):
    """b= of a signature whose field is `before`, the value and `after`, in base64."""
    policy = CanonicalizationPolicy.from_c_value((canonicalization or "simple/simple").encode())
    headers = [tuple(field) for field in dkim.rfc822_parse(message)[0]]
    hasher = hashlib.sha256()
    for name, value in dkim.select_headers(policy.canonicalize_headers(headers), [name.lower() for name in names]):
        hasher.update(name + b":" + value)
    [(name, value)] = policy.canonicalize_headers([(b"DKIM-Signature", before + after + b"\r\n")])
    hasher.update(name + b":" + value[:-2])
    if key.algorithm.startswith(b"rsa"):
        return base64.b64encode(bytes(dkim.crypto.RSASSA_PKCS1_v1_5_sign(hasher, key.private)))
    return base64.b64encode(key.private.sign(hasher.digest()).signature)


def body_of(message, canonicalization):
    policy = CanonicalizationPolicy.from_c_value((canonicalization or "simple/simple").encode())
    return policy.canonicalize_body(dkim.rfc822_parse(message)[1])


def body_hash(canonical):
    return base64.b64encode(hashlib.sha256(canonical).digest())


def sign(random, message, key, domain, canonicalization, length_of=None):
    """The message with one more signature on top. length_of: from the body's canonical length to l=."""
    canonical = body_of(message, canonicalization)
    length = None if length_of is None else length_of(len(canonical))
    fields = [name + b":" + value.rstrip(b"\r\n") for name, value in dkim.rfc822_parse(message)[0] if name.lower() != b"dkim-signature"]
    names = names_of(random, fields)
    digest = body_hash(canonical if length is None else canonical[:length])
    before, after = spell(random, tags_of(random, key, domain, canonicalization, names, digest, length))
    value = signature_of(message, key, canonicalization, names, before, after)
    return b"DKIM-Signature:" + before + fold_value(random, value) + after + b"\r\n" + message


def sign_tags(message, key, tags, names):
    """The message with a signature that has exactly these tags (a dict), and h=, bh= and b=."""
    canonicalization = tags["c"].decode()
    whole = dict(tags, h=b":".join(names), bh=body_hash(body_of(message, canonicalization)), b=b"")
    before = b" " + b";\r\n ".join(name.encode() + b"=" + value for name, value in whole.items())
    return b"DKIM-Signature:" + before + signature_of(message, key, canonicalization, names, before, b"") + b"\r\n" + message


def lengths(random):
    return random.choice((lambda size: size, lambda size: size // 2, lambda size: 0, lambda size: size * 9 // 10, lambda size: max(size - 2, 0)))


def too_long(size):
    """More than there is: one such message has to be enough."""
    return size + 1


def make_pool(random, count=96):
    keys = [rsa_key("r1", 1024), rsa_key("r2", 2048), ed25519_key("e1", bytes(range(32))), ed25519_key("e2", bytes(range(1, 33)))]
    domains = (b"a.example", b"mail.a.example", b"other.example", b"A.Example")
    pool = []
    for number in range(count):
        message = b"\r\n".join(fields_of(random)) + b"\r\n\r\n" + random.choice(BODIES)
        several = 1 if number % 4 else random.choice((2, 3))
        records, kinds = {}, []
        for _ in range(several):
            key, domain = random.choice(keys), random.choice(domains)
            canonicalization = CANONICALIZATIONS[number % len(CANONICALIZATIONS)]
            length_of = lengths(random) if number % 3 == 0 else None
            if number == count - 1:
                length_of = too_long
            message = sign(random, message, key, domain, canonicalization, length_of)
            records[f"{key.selector}._domainkey.{domain.decode().lower()}"] = key.record
            kinds.append(f"{key.algorithm.decode()} {canonicalization}{' l=' if length_of else ''}")
        pool.append(Message(message, records, ", ".join(kinds)))
    return pool
