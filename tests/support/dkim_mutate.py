# SPDX-License-Identifier: BSD-2-Clause
"""Changes to signed messages and their keys: bytes, folds, case, order, white space, in header, body, signature and key record.

    message, keys, names = mutate(random, message, keys)         # names of the changes made
"""

import re

# Bytes put in place of others. CR and LF only in pairs: whatever else is refused before it is judged (P2), as is NUL.
BYTES = b" \t;=:,.@<>\"()\\/+-aAzZ09\x01\x0b\x0c\x7f\x80\xc3\xff"


def split(message):
    head, _, body = message.partition(b"\r\n\r\n")
    return re.split(rb"\r\n(?![ \t])", head), body


def join(fields, body):
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def pick(random, fields, signature=None):
    """The index of a field; of a DKIM-Signature field or of another if so wanted."""
    chosen = [index for index, field in enumerate(fields)
              if signature is None or (field[:14].lower() == b"dkim-signature") == signature]
    return random.choice(chosen) if chosen else 0


def replace_byte(random, text):
    places = [index for index, byte in enumerate(text) if byte not in b"\r\n"]
    if not places:
        return text
    at = random.choice(places)
    return text[:at] + bytes([random.choice(BYTES)]) + text[at + 1:]


def insert_byte(random, text):
    at = random.randrange(len(text) + 1)
    if text[at - 1:at] == b"\r":
        at += 1
    return text[:at] + bytes([random.choice(BYTES)]) + text[at:]


def delete_byte(random, text):
    places = [index for index, byte in enumerate(text) if byte not in b"\r\n"]
    if not places:
        return text
    at = random.choice(places)
    return text[:at] + text[at + 1:]


def swap_case(random, text):
    places = [index for index, byte in enumerate(text) if bytes([byte]).isalpha()]
    if not places:
        return text
    at = random.choice(places)
    return text[:at] + text[at:at + 1].swapcase() + text[at + 1:]


def white_space(random, text):
    """White space where there is some: more, less, of the other kind."""
    runs = [match for match in re.finditer(rb"[ \t]+", text)]
    if not runs:
        return text
    run = random.choice(runs)
    return text[:run.start()] + random.choice((b" ", b"  ", b"\t", b" \t ", b"")) + text[run.end():]


def fold(random, text):
    """A fold where there is white space, or one undone."""
    folds = [match for match in re.finditer(rb"\r\n(?=[ \t])", text)]
    if folds and random.random() < 0.4:
        at = random.choice(folds)
        return text[:at.start()] + text[at.end():]
    colon = text.find(b":") + 1
    blanks = [match.start() for match in re.finditer(rb"(?<![\r\n \t])[ \t]", text) if match.start() >= colon]
    if not blanks:
        return text
    at = random.choice(blanks)
    return text[:at] + b"\r\n" + text[at:]


def bytes_of(random, text):
    return random.choice((replace_byte, insert_byte, delete_byte))(random, text)


# Header: (fields, random) -> fields

def header_bytes(random, fields):
    index = pick(random, fields, False)
    fields[index] = bytes_of(random, fields[index])


def header_case(random, fields):
    index = pick(random, fields, False)
    name, colon, value = fields[index].partition(b":")
    fields[index] = random.choice((name.lower(), name.upper(), name.title(), name.swapcase())) + colon + value


def header_text_case(random, fields):
    index = pick(random, fields, False)
    fields[index] = swap_case(random, fields[index])


def header_white_space(random, fields):
    index = pick(random, fields, False)
    fields[index] = white_space(random, fields[index])


def header_fold(random, fields):
    index = pick(random, fields, False)
    fields[index] = fold(random, fields[index])


def header_end(random, fields):
    index = pick(random, fields)
    fields[index] += random.choice((b" ", b"\t", b"\r\n ", b"\r\n\t "))


def header_colon(random, fields):
    index = pick(random, fields, False)
    name, _, value = fields[index].partition(b":")
    fields[index] = name + random.choice((b" :", b": ", b":\t", b": \r\n ")) + value.lstrip(b" \t")


def header_order(random, fields):
    one = random.randrange(len(fields))
    field = fields.pop(one)
    fields.insert(random.randrange(len(fields) + 1), field)


def header_add(random, fields):
    field = random.choice((b"Received: from x by y", b"X-Spam: no", b"Subject: added", b"Cc: eve@evil.example", b"To: eve@evil.example",
                           b"From: eve@evil.example", b"Reply-To: eve@evil.example", b"X-None: there is one", b"List-Id: <l.example>",
                           b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=none; h=from; bh=AAAA; b=AAAA", b"DKIM-Signature: nonsense"))
    fields.insert(random.choice((0, 0, random.randrange(len(fields) + 1))), field)


def header_remove(random, fields):
    if len(fields) > 1:
        fields.pop(pick(random, fields, False))


def header_double(random, fields):
    fields.insert(random.randrange(len(fields) + 1), fields[pick(random, fields)])


# Signature

def signature_bytes(random, fields):
    index = pick(random, fields, True)
    fields[index] = fields[index][:15] + bytes_of(random, fields[index][15:])


def signature_case(random, fields):
    index = pick(random, fields, True)
    fields[index] = swap_case(random, fields[index])


def signature_white_space(random, fields):
    index = pick(random, fields, True)
    fields[index] = white_space(random, fields[index])


def signature_fold(random, fields):
    index = pick(random, fields, True)
    fields[index] = fold(random, fields[index])


def signature_value_space(random, fields):
    """White space in b=, which does not count."""
    index = pick(random, fields, True)
    match = re.search(rb"[; \t\n]b[ \t]*=([^;]*)", fields[index])
    if match and match[1]:
        at = random.randrange(match.start(1), match.end(1) + 1)
        if fields[index][at - 1:at] != b"\r":
            fields[index] = fields[index][:at] + random.choice((b" ", b"\t", b"\r\n ", b"  \r\n\t")) + fields[index][at:]


def signature_order(random, fields):
    index = pick(random, fields, True)
    name, colon, value = fields[index].partition(b":")
    tags = value.split(b";")
    one, two = random.randrange(len(tags)), random.randrange(len(tags))
    tags[one], tags[two] = tags[two], tags[one]
    fields[index] = name + colon + b";".join(tags)


def signature_tag(random, fields):
    index = pick(random, fields, True)
    name, value = random.choice(((b"q", b"dns/txt"), (b"q", b"dns/txt:other"), (b"q", b"http"), (b"v", b"1"), (b"v", b"2"), (b"l", b"0"),
                                 (b"l", b"99999"), (b"l", b""), (b"l", b"1x"), (b"t", b"1763000000"), (b"t", b"1763990000"), (b"t", b"-1"),
                                 (b"t", b"1000000000000000"), (b"x", b"1763000000"), (b"x", b"1764000000"), (b"i", b"@evil.example"),
                                 (b"i", b"ann@a.example"), (b"a", b"rsa-sha1"), (b"a", b"rsa-sha256"), (b"a", b"ed25519-sha256"),
                                 (b"a", b"rsa-sha512"), (b"c", b"relaxed/relaxed"), (b"c", b"simple/nowsp"), (b"d", b"a.example."),
                                 (b"d", b"example"), (b"s", b"r1"), (b"h", b"to"), (b"h", b"from"), (b"x-y", b"z"), (b"unknown", b""),
                                 (b"", b"x"), (b"n", b"note"), (b"bh", b""), (b"b", b"")))
    pattern = rb"(^|;)([ \t\r\n]*)" + re.escape(name) + rb"[ \t\r\n]*=[^;]*"
    head, colon, text = fields[index].partition(b":")
    if name and re.search(pattern, text) and random.random() < 0.8:
        text = re.sub(pattern, lambda match: match[1] + match[2] + name + b"=" + value, text, count=1)
    else:
        text = text.rstrip(b"; ") + b"; " + name + b"=" + value
    fields[index] = head + colon + text


def signature_remove_tag(random, fields):
    index = pick(random, fields, True)
    name, colon, value = fields[index].partition(b":")
    tags = value.split(b";")
    if len(tags) > 1:
        tags.pop(random.randrange(len(tags)))
    fields[index] = name + colon + b";".join(tags)


# Body: (random, body) -> body

def body_bytes(random, body):
    return bytes_of(random, body)


def body_white_space(random, body):
    return white_space(random, body)


def body_line_end_space(random, body):
    ends = [match.start() for match in re.finditer(rb"\r\n", body)]
    if not ends:
        return body
    at = random.choice(ends)
    return body[:at] + random.choice((b" ", b"\t", b" \t ")) + body[at:]


def body_end(random, body):
    return body.rstrip(b"\r\n") + random.choice((b"", b"\r\n", b"\r\n\r\n", b"\r\n" * 5, b"\r\n \t\r\n", b"\r\n\r\n  \r\n"))


def body_append(random, body):
    return body + random.choice((b"appended\r\n", b"\r\nappended\r\n", b" \r\n", b"x"))


def body_cut(random, body):
    return body[:random.randrange(len(body) + 1)].rstrip(b"\r")


def body_lines(random, body):
    lines = body.split(b"\r\n")
    random.shuffle(lines)
    return b"\r\n".join(lines)


# Key: (random, record) -> record

def key_bytes(random, record):
    return bytes_of(random, record)


def key_case(random, record):
    return swap_case(random, record)


def key_white_space(random, record):
    at = random.randrange(len(record) + 1)
    return record[:at] + random.choice((b" ", b"\t", b"  ")) + record[at:]


def key_order(random, record):
    tags = [tag.strip() for tag in record.split(b";") if tag.strip()]
    first = tags[:1] if random.random() < 0.7 else []
    rest = tags[len(first):]
    random.shuffle(rest)
    return b"; ".join(first + rest)


def key_tag(random, record):
    tag = random.choice((b"t=y", b"t=s", b"t=y:s", b"h=sha256", b"h=sha1", b"h=sha1:sha256", b"h=*", b"s=*", b"s=email", b"s=other",
                         b"s=other:email", b"s=tlsrpt", b"n=a note", b"g=*", b"k=rsa", b"k=ed25519", b"k=dsa", b"v=DKIM1", b"v=DKIM2",
                         b"p=", b"x=y", b"t=", b"nonsense", b""))
    if random.random() < 0.5 and b"p=" in record:
        at = record.index(b"p=")
        return record[:at] + tag + b"; " + record[at:]
    return record + b"; " + tag


def key_remove_tag(random, record):
    tags = record.split(b";")
    tags.pop(random.randrange(len(tags)))
    return b";".join(tags).strip()


HEADER = (header_bytes, header_case, header_text_case, header_white_space, header_fold, header_end, header_colon, header_order, header_add,
          header_remove, header_double, signature_bytes, signature_case, signature_white_space, signature_fold, signature_value_space,
          signature_order, signature_tag, signature_remove_tag)
BODY = (body_bytes, body_white_space, body_line_end_space, body_end, body_append, body_cut, body_lines)
KEY = (key_bytes, key_case, key_white_space, key_order, key_tag, key_remove_tag)
# Those that often leave a signature valid come more often, or most mutants would only show that what is broken is broken.
GENTLE = (header_case, header_white_space, header_fold, header_end, header_colon, header_order, header_add, signature_value_space,
          signature_fold, body_line_end_space, body_white_space, body_end, body_append, key_white_space, key_order, key_tag)
NAMES = tuple(change.__name__ for change in HEADER + BODY + KEY)


def change_once(random, message, keys, change):
    if change in KEY:
        name = random.choice(sorted(keys))
        return message, dict(keys, **{name: change(random, keys[name])})
    fields, body = split(message)
    if change in BODY:
        body = change(random, body)
    else:
        change(random, fields)
    return join(fields, body), keys


def mutate(random, message, keys):
    names = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        change = random.choice(GENTLE) if random.random() < 0.6 else random.choice(HEADER + BODY + KEY)
        message, keys = change_once(random, message, keys, change)
        names.append(change.__name__)
    return message, keys, names
