# SPDX-License-Identifier: BSD-2-Clause
"""Where ours and python3-dkim 1.1.4 judge a signature differently, and why ours is right: a reason, and when it holds. Each is narrow:
what one of the two says must be there, and what in message, signature or key makes it say so.
"""

import base64
import dataclasses
import re
import subprocess


@dataclasses.dataclass
class Case:
    message: bytes
    keys: dict
    index: int
    ours: object           # dkim_judge.Signature
    theirs: str            # what they say when it does not verify

    @property
    def fields(self):
        return re.split(rb"\r\n(?![ \t])", self.message.partition(b"\r\n\r\n")[0])

    @property
    def field(self):
        """The signature's."""
        return [field for field in self.fields if re.match(rb"(?i)dkim-signature[ \t]*:", field)][self.index]

    def tag(self, name):
        """Its value, white space around it aside; None when it is not there."""
        for tag in self.field.partition(b":")[2].split(b";"):
            found, equals, value = tag.partition(b"=")
            if equals and found.strip() == name:
                return value.strip()
        return None

    @property
    def key(self):
        name = f"{(self.tag(b's') or b'').decode('latin-1')}._domainkey.{(self.tag(b'd') or b'').decode('latin-1')}".lower()
        return self.keys.get(name, b"")

    def refused(self, reason):
        """Ours does not let it pass for that reason, theirs does."""
        return self.ours.result != "pass" and self.ours.reason == reason

    def passes(self, theirs):
        """Ours lets it pass, theirs says that."""
        return self.ours.result == "pass" and self.theirs.startswith(theirs)


def key_tags(record):
    return [tag.partition(b"=")[0].strip() for tag in record.split(b";")]


def ends_in_blanks(case):
    return case.refused("signature does not verify") and case.field.rstrip(b" \t\r\n") != case.field \
        and (case.tag(b"c") or b"simple").startswith(b"simple")


def several_from(case):
    count = sum(1 for field in case.fields if re.match(rb"(?i)from[ \t]*:", field))
    return case.passes("does not verify") and count > 1


def blank_before_colon(case):
    """"From :" is the envelope line of an mbox to them."""
    return (case.passes("MessageFormatError: Unexpected characters in RFC822 header")
            and any(re.match(rb"[!-9;-~]+[ \t]+:", field) for field in case.fields)) \
        or (case.passes("does not verify") and any(re.match(rb"From[ \t]+:", field) for field in case.fields))


def no_field(case):
    return case.passes("MessageFormatError: Unexpected characters in RFC822 header") \
        and any(not re.match(rb"[!-9;-~]+[ \t]*:", field) for field in case.fields)


def blanks_without_line_end(case):
    body = case.message.partition(b"\r\n\r\n")[2]
    return case.passes("ValidationError: body hash mismatch") and body.endswith((b" ", b"\t")) and (case.tag(b"c") or b"").endswith(b"/relaxed")


def has_control(text):
    return text is not None and re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text) is not None


def has_odd_name(text):
    """A tag's name that is not ALPHA *ALNUMPUNC: they look at its first letter only."""
    return any(name and not re.fullmatch(rb"[A-Za-z][A-Za-z0-9_]*", name) for name in key_tags(text))


def blanks_behind_value(case):
    """White space between the signature's value and the ";" behind it."""
    return case.passes("does not verify") and re.search(rb"[;: \t\n]b[ \t\r\n]*=[^;]*[ \t]\r?\n?[ \t]*;", case.field + b";") is not None


def damaged_key(case):
    """What p= has is no key to openssl either."""
    match = re.search(rb"p=([^;]*)", case.key)
    if not case.refused("key cannot be used") or match is None:
        return False
    key = base64.b64decode(re.sub(rb"\s", b"", match[1]))
    return subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-noout"], input=key, capture_output=True).returncode != 0


def has_python_blank(case):
    """A vertical tab or form feed at an end of a value."""
    values = [field.partition(b":")[2].strip(b" \t\r\n") for field in case.fields]
    return case.refused("signature does not verify") and (case.tag(b"c") or b"").startswith(b"relaxed") \
        and any(value[:1] in (b"\x0b", b"\x0c") or value[-1:] in (b"\x0b", b"\x0c") for value in values)


EXCUSES = (
    ("RFC 5322 4.5.1, RFC 6376 3.4.2: a blank before the colon is obsolete syntax and relaxed removes it; theirs reads no such message",
     blank_before_colon),
    ("RFC 5322 2.2: a line that is no field; theirs reads no such message, ours leaves that to the rules, which refuse it", no_field),
    ("RFC 6376 5.4, 8.15: another From that h= does not cover; theirs fails the signature, ours leaves that to the rules, which refuse it",
     several_from),
    ("RFC 6376 3.2: no control character in a value; theirs takes some for white space",
     lambda case: (case.refused("invalid character in a tag") and has_control(case.field))
     or (case.refused("no valid key record") and has_control(case.key))),
    ("RFC 6376 3.2: tag names have letters, digits and underscores; theirs looks at the first letter",
     lambda case: (case.refused("invalid tag name") and has_odd_name(case.field.partition(b":")[2]))
     or (case.refused("no valid key record") and has_odd_name(case.key))),
    ("RFC 6376 3.7: the value of b= is left out with all white space around it; theirs leaves out what is before and within it",
     blanks_behind_value),
    ("RFC 6376 3.6.1, RFC 5280 4.1: p= is no RSA key in its wrapping, to openssl neither; theirs skips parts of it", damaged_key),
    ("RFC 6376 3.6.1: v= of a key record must come first",
     lambda case: case.refused("no valid key record") and b"v" in key_tags(case.key)[1:]),
    ("RFC 6376 3.6.1, 6.1.2: h= of the key does not allow the hash; theirs does not look",
     lambda case: case.refused("key forbids the hash") and b"h" in key_tags(case.key)),
    ("RFC 6376 3.6.1: t=s of the key forbids a subdomain in i=; theirs does not look",
     lambda case: case.refused("key forbids subdomains in i=") and b"t" in key_tags(case.key) and case.tag(b"i") is not None),
    ("RFC 6376 3.6.1: p= is base64; theirs skips what is not",
     lambda case: case.refused("key is not base64")),
    ("RFC 6376 3.6.1: s= of the key is a list; theirs knows single words only",
     lambda case: case.passes("UnknownKeyTypeError: None") and re.search(rb"s=[^;]*:", case.key) is not None),
    ("RFC 6376 3.4.1: simple changes nothing, white space at the end of the signature's field included; theirs leaves it out",
     ends_in_blanks),
    ("RFC 6376 3.4.2: white space is blank and tab; theirs takes vertical tab and form feed at the ends of a value for it",
     has_python_blank),
    ("RFC 6376 3.4.4: relaxed ignores white space at the end of the last line too, when it has no line end",
     blanks_without_line_end),
    ("RFC 6376 3.5: l= must not be larger than the body",
     lambda case: case.refused("l= is larger than the body")),
)


def find(case):
    for reason, test in EXCUSES:
        if test(case):
            return reason
    return None
