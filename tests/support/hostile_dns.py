# SPDX-License-Identifier: BSD-2-Clause
"""DNS servers that mean harm, and the honest root above them: each trick has a domain, an address and a server of its own, so that
what one does to the resolver's opinion of a server is not another's excuse.

    world = World()
    world.root.zone.add("good.example", "TXT", ...)    # what is served as it is
    world.add("drip")                                  # drip.hostile.example is delegated to a server that answers so
    world.lead("7.0.18.198.in-addr.arpa", "drip")      # and so is another name
    with world:
        world.server("drip").packets                   # [(name, type, whether by TCP), ...] as they came

A trick is a function of a Question that yields what to send: (bytes, seconds before it). Over TCP the length is put before each;
SLOWLY makes it a byte at a time, CLOSE ends the connection. Names: see TRICKS.
"""

import os
import struct
import threading
import time
import types

import dnsd
import dnstree

ROOT = "192.0.2.53"
ADDRESS = "198.51.100.{}"
FIRST = 60
HOSTILE = "hostile.example"
SLOWLY, CLOSE = object(), object()
MESSAGE_MOST = 65000                   # of answers: with the head, what a TCP message of 65,535 bytes holds
DRIP_SECONDS = 0.2


class Question:
    """What was asked, and answers to it."""

    def __init__(self, apex, packet, end, labels, kind, stream, count):
        self.apex = apex               # of the server's domain
        self.packet = packet
        self.end = end                 # of the question section
        self.labels = labels
        self.kind = kind
        self.stream = stream
        self.count = count             # of questions this server had before

    def answer(self, records, **options):
        """[(labels, type, rdata)]; truncated where it is not TCP and too long."""
        reply = dnsd.build(self.packet, self.end, options.pop("rcode", dnsd.NOERROR), records, **options)
        if len(reply) > dnsd.UDP_MOST and not self.stream:
            return dnsd.build(self.packet, self.end, dnsd.NOERROR, [], truncated=True)
        return reply

    def nothing(self):
        return self.answer([], soa=True)

    def truncated(self):
        return dnsd.build(self.packet, self.end, dnsd.NOERROR, [], truncated=True)

    def texts(self, *texts):
        return [(self.labels, "TXT", text if isinstance(text, bytes) else dnsd.encode("TXT", text)) for text in texts]

    def alias(self, labels):
        return [(self.labels, "CNAME", dnsd.wire_name(labels))]

    def as_many(self, kind, make):
        """Records of the name, as many as a message has room for: make(number) is the data."""
        head = len(dnsd.wire_name(self.labels)) + 10
        records, room = [], MESSAGE_MOST
        while room > 0:
            records.append((self.labels, kind, make(len(records))))
            room -= head + len(records[-1][2])
        return records[:-1]

    def below(self, *labels):
        """A name in this server's domain."""
        return (*(label.encode() for label in labels), *self.apex)


def by_type(question, **answers):
    """The answer for the question's type, or an honest nothing."""
    if question.kind in answers:
        yield question.answer(answers[question.kind]()), 0
    else:
        yield question.nothing(), 0


# ---- data without an end

def huge_text(question):
    terms = b" ip4:203.0.113.1" * ((MESSAGE_MOST - 1000) // 16 * 255 // 256)
    yield from by_type(question, TXT=lambda: question.texts((b"v=spf1" + terms + b" -all").decode()))


def many_strings(question):
    """Strings of one byte, and of none."""
    text = b"".join(b"\x01" + bytes([byte]) for byte in b"v=spf1 -all") + bytes(MESSAGE_MOST - 1000)
    yield from by_type(question, TXT=lambda: question.texts(text))


def many_texts(question):
    def one(number):
        return dnsd.encode("TXT", f"v=spf1 ip4:10.0.0.{number % 250} -all")
    yield from by_type(question, TXT=lambda: question.as_many("TXT", one))


def many_servers(question):
    """Names that lead on to hundreds of servers without an address (the NXNS attack)."""
    servers = [question.below(f"ns{number}", str(question.count)) for number in range(300)]
    if len(question.labels) <= len(question.apex) + 1:
        yield question.answer(question.texts(f"v=spf1 include:a.b.{dnsd.text_of(question.apex)} -all")
                              if question.kind == "TXT" else []), 0
        return
    yield referral(question, question.labels[-len(question.apex) - 1:], dict.fromkeys(servers)), 0


def many_exchangers(question):
    def one(number):
        return struct.pack("!H", 1) + dnsd.wire_name(question.below(f"m{number}"))
    yield from by_type(question, TXT=lambda: question.texts("v=spf1 mx mx:a.%{d} mx:b.%{d} -all"),
                       MX=lambda: question.as_many("MX", one))


def many_pointers(question):
    yield from by_type(question, TXT=lambda: question.texts("v=spf1 ptr -all"),
                       A=lambda: question.as_many("A", lambda number: struct.pack("!I", 0x0a000000 + number)),
                       PTR=lambda: question.as_many("PTR", lambda number: dnsd.wire_name(question.below(f"p{number}"))))


def endless_includes(question):
    def record():
        names = [dnsd.text_of(question.below(f"n{question.count}-{branch}")) for branch in range(8)]
        return question.texts("v=spf1 " + " ".join(f"include:{name}" for name in names) + " -all")
    yield from by_type(question, TXT=record)


def void_names(question):
    names = " ".join(f"exists:v{number}.{dnsd.text_of(question.apex)}" for number in range(10))
    yield from by_type(question, **({"TXT": lambda: question.texts(f"v=spf1 {names} -all")} if question.labels == question.apex else {}))


# ---- roads without an end

def alias_self(question):
    yield question.answer(question.alias(question.labels)), 0


def alias_loop(question):
    other = question.below("b" if question.labels[0] == b"a" else "a")
    yield question.answer(question.alias(other) + [(other, "CNAME", dnsd.wire_name(question.labels))]), 0


def alias_endless(question):
    yield question.answer(question.alias(question.below(f"n{question.count}"))), 0


def alias_long(question):
    """A chain of a hundred in one answer, and a record at its end."""
    names = [question.labels, *[question.below(f"n{number}") for number in range(100)]]
    chain = [(name, "CNAME", dnsd.wire_name(following)) for name, following in zip(names, names[1:])]
    yield question.answer(chain + [(names[-1], "TXT", dnsd.encode("TXT", "v=spf1 -all"))]), 0


def pointer_loop(question):
    """A name whose compression leads to itself."""
    head = question.answer([])[:12]
    head = head[:6] + struct.pack("!HHH", 1, 0, 0)
    at = question.end
    yield head + question.packet[12:at] + struct.pack("!HHHIH", 0xc000 | at, 16, 1, 60, 2) + b"\x01a", 0


# ---- no answer, or none to the question

def drip(question):
    yield question.truncated() if not question.stream else question.answer(question.texts("v=spf1 " + "a" * 4000)), 0
    yield SLOWLY, 0


def refuses_tcp(question):
    yield question.truncated() if not question.stream else CLOSE, 0


def silent_tcp(question):
    if not question.stream:
        yield question.truncated(), 0


def garbage(question):
    yield question.packet[:2] + b"\x84" + os.urandom(200), 0


def half(question):
    reply = question.answer(question.texts("v=spf1 -all"))
    yield reply[:len(reply) * 2 // 3], 0


def lies(question):
    """65,535 records, it says."""
    reply = bytearray(question.answer(question.texts("v=spf1 -all")))
    reply[6:8] = b"\xff\xff"
    yield bytes(reply), 0


def other_id(question):
    reply = question.answer(question.texts("v=spf1 ip4:0.0.0.0/0 -all"))
    for number in range(1, 200):
        yield struct.pack("!H", struct.unpack("!H", reply[:2])[0] ^ number) + reply[2:], 0


def other_question(question):
    name = question.below("elsewhere")
    asked = dnsd.wire_name(name) + question.packet[question.end - 4:question.end]
    yield dnsd.build(question.packet[:12] + asked, 12 + len(asked), dnsd.NOERROR, [(name, "TXT", b"\x0bv=spf1 -all")]), 0


def lame(question):
    """Leads back up to the root, as one who does not know the domain."""
    yield referral(question, (), {(b"ns",): ROOT}), 0


def refused(question):
    yield question.answer([], rcode=dnsd.REFUSED), 0


# A trick, and whether it is trouble: no answer at all, which must not cost anyone his mail for good. The others are answers,
# of which a verdict may be made.
TRICKS = {
    "huge-text": (huge_text, False), "many-strings": (many_strings, False), "many-texts": (many_texts, False),
    "many-servers": (many_servers, False), "many-exchangers": (many_exchangers, False), "many-pointers": (many_pointers, False),
    "endless-includes": (endless_includes, False), "void-names": (void_names, False),
    "alias-self": (alias_self, True), "alias-loop": (alias_loop, True), "alias-endless": (alias_endless, True),
    "alias-long": (alias_long, True), "pointer-loop": (pointer_loop, True), "drip": (drip, True),
    "refuses-tcp": (refuses_tcp, True), "silent-tcp": (silent_tcp, True), "garbage": (garbage, True), "half": (half, True),
    "lies": (lies, True), "other-id": (other_id, True), "other-question": (other_question, True), "lame": (lame, True),
    "refused": (refused, True),
}


def referral(question, zone, addresses):
    """To the servers of `zone`; {name: address or None}: the addresses that are told are glue."""
    authority = [(zone, "NS", dnsd.wire_name(name)) for name in addresses]
    glue = [(name, "A", dnsd.encode("A", address)) for name, address in addresses.items() if address]
    reply = dnstree.pack(question.packet, question.end, dnsd.NOERROR, [], authority, glue, False, False)
    return reply if question.stream or len(reply) <= dnsd.UDP_MOST else question.truncated()


class HostileServer(dnsd.DnsServer):
    def __init__(self, trick, address):
        super().__init__(dnsd.Zone(), address)
        self.trick = TRICKS[trick][0]
        self.domain = f"{trick}.{HOSTILE}"
        self.apex = dnsd.labels_of(self.domain)
        self.server_name = f"ns.{self.domain}"
        self.key = None                # no DNSSEC: see dnstree.Authority.delegate()
        self.packets = []

    def play(self, packet, stream):
        try:
            asked, end = dnsd.read_name(packet, 12)
            number = struct.unpack_from("!H", packet, end)[0]
        except (IndexError, ValueError, struct.error):
            return
        labels, kind = dnsd.lower(asked), dnsd.NAMES.get(number, f"TYPE{number}")
        with self.lock:
            count = len(self.packets)
            self.packets.append((dnsd.text_of(labels), kind, stream))
        yield from self.trick(Question(self.apex, packet, end + 4, labels, kind, stream, count))

    def answer(self, packet, stream):
        yield from ((reply, delay) for reply, delay in self.play(packet, stream) if isinstance(reply, bytes))

    def serve_stream(self, sock):
        sock.settimeout(30)
        try:
            while not self.closing:
                packet = dnsd.receive(sock, struct.unpack("!H", dnsd.receive(sock, 2))[0])
                if not self.say(sock, list(self.play(packet, True))):
                    return
        except (OSError, EOFError):
            pass

    def say(self, sock, told):
        """False: the connection is to end."""
        slowly = any(reply is SLOWLY for reply, _ in told)
        for reply, _ in told:
            if reply is CLOSE:
                return False
            if reply is SLOWLY:
                continue
            whole = struct.pack("!H", len(reply)) + reply
            for start in range(0, len(whole), 1 if slowly else len(whole)):
                sock.sendall(whole[start:start + 1] if slowly else whole)
                if slowly:
                    time.sleep(DRIP_SECONDS)
                if self.closing:
                    return False
        return True


class World:
    def __init__(self):
        self.root = dnstree.Authority("", ROOT)
        self.servers = {}

    def add(self, trick):
        """Its domain."""
        server = HostileServer(trick, ADDRESS.format(FIRST + len(self.servers)))
        self.servers[trick] = server
        self.root.delegate(server)
        return server.domain

    def lead(self, name, trick):
        """Another name to that trick's server."""
        server = self.servers[trick]
        self.root.children[dnsd.labels_of(name)] = types.SimpleNamespace(
            apex=dnsd.labels_of(name), server_name=f"ns.{name}", address=server.address, key=None)

    def server(self, trick):
        return self.servers[trick]

    def __enter__(self):
        for server in (self.root, *self.servers.values()):
            server.__enter__()
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.closing = True
        ends = [threading.Thread(target=server.__exit__) for server in (self.root, *self.servers.values())]
        for thread in ends:
            thread.start()
        for thread in ends:
            thread.join()
