# SPDX-License-Identifier: BSD-2-Clause
"""Reads and plays tests/scenarios/*.smtp: client, DNS and backend in one story.

A line that begins at the margin opens a section; what is indented belongs to it; "#" at the start of a line is a comment.

    title TEXT                       what it shows; the name of the test
    config                           lines for mxward.conf
    limits                           settings of its limits block
    rules                            the rules file (none: everything passes)
    listen none|starttls|implicit [normalise] [submission] [SETTING ...]     other settings as in mxward.conf
    zone
      NAME TYPE DATA                 TYPE TXT: the rest of the line; MX: "10 name"
      NAME TYPE !BEHAVIOUR           !servfail !silent !truncate ...; TYPE * is every type
      NAME TYPE !late SECONDS
    backend
      without EXTENSION              not offered
      offers TEXT                    another line in its reply to EHLO
      on EVENT [xTIMES] [@BYTES] [/PATTERN/] ACTION     see backend.py; in ACTION "|" separates reply lines
      down                           nobody listens
      relays                         takes any recipient; else only those at example.org
    client [NAME] [from ADDRESS] [tls]     opens a session; goes on with that of NAME if it is open
      > TEXT                         sends it with CRLF
      >> TEXT                        sends exactly that; \\r \\n \\t \\\\ \\xHH are bytes
      fill BYTES                     sends that many bytes of lines
      base64 COUNT                   sends a line of so many characters of base64
      < PATTERN                      reads one reply; its last line matches ("*" is anything)
      has PATTERN                    a line of that reply, without its code, matches; lacks PATTERN: none does
      starttls                       STARTTLS, 220, handshake
      closed                         the server closes now; nothing more was said
      silent SECONDS                 nothing comes for so long
      pause SECONDS
      close, reset                   the client goes: FIN, RST
      repeat TIMES ... end           the lines between, so often
    do
      reload | backend-up | backend-down | kill ROLE
    delivered COUNT                  what the backend answered with 250; lines are about the last of it
      user NAME                      who authenticated
      sender PATTERN                 argument of MAIL FROM; recipient PATTERN: one of RCPT TO
      xclient ATTRIBUTE VALUE
      has PATTERN                    a line of its content; lacks PATTERN; by DATA|BDAT
      begins TEXT                    its first bytes; ends TEXT: its last bytes (escapes as above)
    backend-saw COUNT PATTERN        that many command lines (all sessions), COUNT "some" for one or more
    record [INDEX]                   the last record (or that one, from 0)
      PATH == VALUE                  PATH with dots; VALUE in JSON, or a "pattern"; PATH absent
    log PATTERN                      a line of mxward's log
    counter NAME COUNT               of `mxward status`
"""

import fnmatch
import json
import os
import re
import shlex
import signal
import time

import backend as backend_module
import dnsd
import proxy as proxy_module
import smtp_client

REPEATED = {"client", "do", "delivered", "backend-saw", "record", "log", "counter"}


class Failed(Exception):
    """An expectation was not met."""


class Section:
    def __init__(self, name, argument, number):
        self.name = name
        self.argument = argument
        self.number = number
        self.lines = []                # (number, text)

    def text(self):
        return "\n".join(text for _, text in self.lines) + "\n"


def parse(path):
    sections = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line[0] not in " \t":
                name, _, argument = line.partition(" ")
                sections.append(Section(name, argument.strip(), number))
            elif sections:
                sections[-1].lines.append((number, line[2:] if line.startswith("  ") else line.lstrip()))
            else:
                raise ValueError(f"{path}:{number}: a line without a section")
    return sections


def unescape(text):
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])",
                  lambda match: {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}.get(match[1])
                  or bytes([int(match[1][1:], 16)]), text.encode("utf-8"))


def matches(text, pattern):
    """Only "*" is special: replies and fields are full of brackets."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None


class Story:
    def __init__(self, path):
        self.path = path
        self.sections = parse(path)
        self.title = self.one("title").argument
        self.zone = dnsd.Zone()
        self.clients = {}
        self.client = None
        self.reply = None
        self.proxy = None
        self.backend = None

    def one(self, name):
        return next((section for section in self.sections if section.name == name), Section(name, "", 0))

    # ---- the world

    def play(self):
        """Plays it; Failed or another exception says what went wrong, with the line."""
        for number, line in self.one("zone").lines:
            self.add_to_zone(number, line)
        backend_section = self.one("backend")
        words = {line for _, line in backend_section.lines}
        without = {line.split()[1] for line in words if line.startswith("without ")}
        extensions = [name for name in backend_module.EXTENSIONS if name.split()[0] not in without]
        extensions += [line.partition(" ")[2] for _, line in backend_section.lines if line.startswith("offers ")]
        self.backend = backend_module.Backend(extensions=extensions, relays="relays" in words)
        self.make_proxy("relays" in words)
        with dnsd.DnsServer(self.zone):
            if "down" not in words:
                self.backend.start()
            try:
                with self.proxy:
                    for number, line in backend_section.lines:
                        if line.startswith("on "):
                            self.add_rule(number, line)
                    self.backend.forget()
                    self.steps()
                    self.close_clients()
            finally:
                self.close_clients()
                self.backend.stop()

    def make_proxy(self, relays):
        words = self.one("listen").argument.split() or ["starttls"]
        settings = " ".join({"normalise": "line-ends normalise", "submission": "submission yes"}.get(word, word) for word in ["tls", *words])
        listen = f'listen "{proxy_module.ADDRESS}:25" {{ {settings} }}'
        if self.needs_ipv6():
            listen += f'\nlisten "[2001:db8::25]:25" {{ {settings} }}'
        limits = " ".join(line for _, line in self.one("limits").lines)
        self.proxy = proxy_module.Proxy(rules=self.one("rules").text() if self.one("rules").lines else "",
                                        extra=self.one("config").text() if self.one("config").lines else "",
                                        limits=limits, listen=listen, relays=relays)

    def needs_ipv6(self):
        return any(section.name == "client" and ":" in section.argument for section in self.sections)

    def add_to_zone(self, number, line):
        name, kind, data = (line.split(None, 2) + ["", ""])[:3]
        types = None if kind == "*" else kind
        if data.startswith("!late "):
            self.zone.late(name, types, float(data.split()[1]))
        elif data.startswith("!"):
            self.zone.behave(name, types, data[1:])
        elif kind == "MX":
            preference, host = data.split()
            self.zone.add(name, "MX", (int(preference), host))
        elif kind in dnsd.TYPES:
            self.zone.add(name, kind, data)
        else:
            raise ValueError(f"{self.path}:{number}: no such type: {kind}")

    def add_rule(self, number, line):
        match = re.fullmatch(r"on (\S+)(?: x(\d+))?(?: @(\d+))?(?: /([^/]+)/)? (.+)", line)
        if match is None:
            raise ValueError(f"{self.path}:{number}: on EVENT [xTIMES] [@BYTES] [/PATTERN/] ACTION")
        event, times, after, where, action = match.groups()
        self.backend.on(event, action.replace("|", "\n"), int(times) if times else None, int(after or 0), where)

    def close_clients(self):
        for client in self.clients.values():
            client.close()
        self.clients.clear()

    # ---- steps

    def steps(self):
        for section in self.sections:
            if section.name not in REPEATED:
                continue
            number = section.number
            try:
                self.begin(section)
                for number, line in unrolled(section.lines):
                    self.step(section, line)
            except (Failed, AssertionError, smtp_client.Closed, OSError, ValueError) as error:
                raise Failed(f"{self.path}:{number}: {type(error).__name__ if not isinstance(error, Failed) else ''} "
                             f"{error}\n{self.context()}") from error

    def context(self):
        story = self.client.story() if self.client else ""
        return f"session: {story}\nbackend: {self.backend.commands[-8:]}\nlog: {self.proxy.log()[-2000:]}"

    def begin(self, section):
        handler = getattr(self, "begin_" + section.name.replace("-", "_"), None)
        if handler is not None:
            handler(section.argument)

    def step(self, section, line):
        word, _, rest = line.partition(" ")
        name = {">": "send", ">>": "raw", "<": "reply"}.get(word, word)
        if section.name == "record":
            self.check_record(line)
            return
        handler = getattr(self, f"{section.name.replace('-', '_')}_{name.replace('-', '_')}", None)
        if handler is None:
            raise ValueError(f"unknown step: {line}")
        handler(rest)

    def begin_client(self, argument):
        words = argument.split()
        name = words[0] if words and words[0] not in ("from", "tls") else ""
        known = self.clients.get(name)
        if known is not None and known.sock is not None and "from" not in words:
            self.client = known
            return
        source = words[words.index("from") + 1] if "from" in words else "198.51.100.7"
        address = ("2001:db8::25", 25) if ":" in source else self.proxy.address
        self.client = smtp_client.Client(address, source=source, seconds=20, tls="tls" in words)
        if name in self.clients:
            self.clients[name].close()
        self.clients[name] = self.client

    def client_send(self, rest):
        self.client.send(rest.encode("utf-8", "surrogateescape") + b"\r\n")

    def client_raw(self, rest):
        self.client.send(unescape(rest))

    def client_fill(self, rest):
        count = int(rest)
        line = b"0123456789" * 7 + b"\r\n"
        data = (line * (count // len(line) + 1))[:count - 2] + b"\r\n"
        self.client.send(data)

    def client_base64(self, rest):
        self.client.send((b"QUJD" * (int(rest) // 4 + 1))[:int(rest)] + b"\r\n")

    def client_reply(self, rest):
        self.reply = self.client.reply()
        if not matches(self.reply.lines[-1], rest):
            raise Failed(f"expected {rest!r}, got {self.reply.lines}")

    def client_has(self, rest):
        if not any(matches(text, rest) for text in self.reply.texts):
            raise Failed(f"no line {rest!r} in {self.reply.lines}")

    def client_lacks(self, rest):
        if any(matches(text, rest) for text in self.reply.texts):
            raise Failed(f"a line {rest!r} in {self.reply.lines}")

    def client_starttls(self, _):
        self.client.starttls()

    def client_closed(self, _):
        if not self.client.at_end(10):
            raise Failed(f"not closed; buffer {self.client.buffer!r}")
        self.client.close()

    def client_silent(self, rest):
        if not self.client.silent(float(rest)):
            raise Failed(f"said {self.client.buffer!r}")

    def client_pause(self, rest):
        time.sleep(float(rest))

    def client_close(self, _):
        self.client.close()

    def client_reset(self, _):
        self.client.reset()

    def do_pause(self, rest):
        time.sleep(float(rest))

    def do_reload(self, _):
        if not self.proxy.reload():
            raise Failed("not reloaded")

    def do_backend_up(self, _):
        """Until mxward has found it: its probe is repeated with a growing pause."""
        self.backend.start()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with smtp_client.Client(self.proxy.address, source="203.0.113.200") as client:
                if client.reply().code == 220:
                    return
            time.sleep(0.2)
        raise Failed("the backend is up, and mxward does not notice")

    def do_backend_down(self, _):
        self.backend.stop()

    def do_kill(self, rest):
        """The oldest of that role; a judge's spare lives on."""
        os.kill(self.proxy.processes()[rest][0], signal.SIGKILL)

    def begin_delivered(self, argument):
        count = int(argument)
        messages = self.backend.wait_messages(count, 5)
        if len(messages) != count:
            raise Failed(f"{len(messages)} messages delivered, expected {count}")

    @property
    def delivered(self):
        return self.backend.messages[-1]

    def delivered_sender(self, rest):
        if not matches(self.delivered.sender, rest):
            raise Failed(f"sender {self.delivered.sender!r}")

    def delivered_user(self, rest):
        if self.delivered.user != rest:
            raise Failed(f"user {self.delivered.user!r}")

    def delivered_recipient(self, rest):
        if not any(matches(recipient, rest) for recipient in self.delivered.recipients):
            raise Failed(f"recipients {self.delivered.recipients}")

    def delivered_recipients(self, rest):
        if len(self.delivered.recipients) != int(rest):
            raise Failed(f"recipients {self.delivered.recipients}")

    def delivered_xclient(self, rest):
        name, _, value = rest.partition(" ")
        if not matches(self.delivered.xclient.get(name, "(not sent)"), value):
            raise Failed(f"XCLIENT was {self.delivered.xclient}")

    def delivered_lines(self):
        return self.delivered.content.decode("utf-8", "surrogateescape").split("\r\n")

    def delivered_has(self, rest):
        if not any(matches(line, rest) for line in self.delivered_lines()):
            raise Failed(f"no line {rest!r} in {self.delivered.content[:3000]!r}")

    def delivered_lacks(self, rest):
        if any(matches(line, rest) for line in self.delivered_lines()):
            raise Failed(f"a line {rest!r} in {self.delivered.content[:3000]!r}")

    def delivered_by(self, rest):
        if self.delivered.by != rest:
            raise Failed(f"by {self.delivered.by}")

    def delivered_begins(self, rest):
        if not self.delivered.content.startswith(unescape(rest)):
            raise Failed(f"begins {self.delivered.content[:300]!r}")

    def delivered_ends(self, rest):
        if not self.delivered.content.endswith(unescape(rest)):
            raise Failed(f"ends {self.delivered.content[-300:]!r}")

    def begin_backend_saw(self, argument):
        count, pattern = argument.split(" ", 1)
        found = [line for line in self.backend.commands if matches(line, pattern)]
        if count == "some" and not found or count != "some" and len(found) != int(count):
            raise Failed(f"{len(found)} commands match {pattern!r}: {self.backend.commands}")

    def begin_record(self, argument):
        self.close_clients()
        index = int(argument) if argument else -1
        records = self.proxy.wait_records(index + 1 if argument else 1)
        # Records come by the keeper, a moment later than the reply.
        time.sleep(0.2)
        records = self.proxy.records()
        if not records:
            raise Failed("no record was written")
        self.record = records[index]

    def check_record(self, line):
        words = shlex.split(line)
        if len(words) == 2 and words[1] == "absent":
            if look_up(self.record, words[0]) is not None:
                raise Failed(f"{words[0]} is {look_up(self.record, words[0])!r}")
            return
        path, _, expected = line.partition(" == ")
        value = look_up(self.record, path.strip())
        expected = json.loads(expected)
        if isinstance(expected, str) and isinstance(value, str) and matches(value, expected):
            return
        if value != expected:
            raise Failed(f"{path} is {value!r}, expected {expected!r}\n{json.dumps(self.record)[:3000]}")

    def begin_counter(self, argument):
        name, count = argument.split()
        found = self.proxy.status()["counters"][name]
        if found != int(count):
            raise Failed(f"{name} is {found}")

    def begin_log(self, argument):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if any(matches(line, argument) for line in self.proxy.log().splitlines()):
                return
            time.sleep(0.1)
        raise Failed(f"no line {argument!r} in the log")


def unrolled(lines):
    """The lines, those between "repeat N" and "end" N times."""
    result, block, times = [], None, 0
    for number, line in lines:
        if line.startswith("repeat "):
            block, times = [], int(line.split()[1])
        elif line == "end" and block is not None:
            result += block * times
            block = None
        elif block is not None:
            block.append((number, line))
        else:
            result.append((number, line))
    return result


def look_up(value, path):
    for part in path.split("."):
        if isinstance(value, list) and re.fullmatch(r"-?\d+", part) and len(value) > int(part):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def wanted(path, names):
    return not names or any(fnmatch.fnmatch(path, f"*{name}*") for name in names)
