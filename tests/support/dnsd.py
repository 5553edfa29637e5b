# SPDX-License-Identifier: BSD-2-Clause
"""An authoritative DNS server for tests, over UDP and TCP, that can also misbehave. Packets are built by hand (RFC 1035).

    zone = Zone()
    zone.add("example.com", "TXT", "v=spf1 ip4:192.0.2.10 -all")
    zone.add("example.com", "MX", (10, "mx.example.com"))
    zone.behave("slow.example", None, "silent")     # every type; or "servfail", "refused", "truncate", "garbage", "nxdomain"
    zone.delay = 1.0                                # every answer a second late
    with DnsServer(zone) as server:
        server.questions                            # [(name, type), ...] as asked, in order
        server.streamed                             # those of them that came over TCP

It answers for every name: NXDOMAIN when no name at or below it is there. A label may hold any byte: names are in
presentation form, and "\\DDD" is a byte. Data with a "." in a label: "\\.".
"""

import heapq
import ipaddress
import random
import select
import socket
import socketserver
import struct
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "DNSKEY": 48, "DS": 43,
         "RRSIG": 46, "NSEC": 47}
NAMES = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
UDP_MOST = 1232


def labels_of(name):
    """Presentation form to a tuple of labels as bytes."""
    labels, label, index = [], bytearray(), 0
    text = name.encode("utf-8", "surrogateescape")
    while index < len(text):
        byte = text[index:index + 1]
        if byte == b"\\" and text[index + 1:index + 4].isdigit():
            label.append(int(text[index + 1:index + 4]))
            index += 4
            continue
        if byte == b"\\":
            label += text[index + 1:index + 2]
            index += 2
            continue
        if byte == b".":
            if label:
                labels.append(bytes(label))
            label = bytearray()
        else:
            label += byte
        index += 1
    if label:
        labels.append(bytes(label))
    return tuple(labels)


def lower(labels):
    return tuple(label.lower() for label in labels)


def text_of(labels):
    def escape(byte):
        char = chr(byte)
        if char in ".\\":
            return "\\" + char
        return char if 33 <= byte <= 126 else f"\\{byte:03d}"
    return ".".join("".join(escape(byte) for byte in label) for label in labels) or "."


def wire_name(labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class Zone:
    def __init__(self):
        self.records = {}          # (labels, type) -> [data]
        self.names = set()         # every name that exists, empty non-terminals too
        self.behaviours = {}       # (labels, type or None) -> behaviour
        self.delay = 0.0
        self.delays = {}           # (labels, type or None) -> seconds
        self.everything = None     # a behaviour for all questions
        self.ttl = 60              # of every record; 0 keeps a resolver from remembering it into the next second

    def add(self, name, kind, *data):
        labels = lower(labels_of(name))
        self.records.setdefault((labels, kind), []).extend(encode(kind, value) for value in data)
        for start in range(len(labels) + 1):
            self.names.add(labels[start:])
        return self

    def remove(self, name, kind):
        self.records.pop((lower(labels_of(name)), kind), None)

    def behave(self, name, kind, behaviour):
        self.behaviours[lower(labels_of(name)), kind] = behaviour
        return self

    def late(self, name, kind, seconds):
        self.delays[lower(labels_of(name)), kind] = seconds
        return self

    def behaviour(self, labels, kind):
        return (self.behaviours.get((labels, kind)) or self.behaviours.get((labels, None)) or self.everything)

    def delay_of(self, labels, kind):
        return self.delays.get((labels, kind), self.delays.get((labels, None), self.delay))

    def text(self):
        """For people and for a fixture: one record a line."""
        lines = []
        for (labels, kind), values in sorted(self.records.items()):
            lines += [f"{text_of(labels)} {kind} {value!r}" for value in values]
        return "\n".join(lines)

    def look_up(self, labels, kind):
        """(rcode, [(labels, type, data)]), CNAME chains followed."""
        answers = []
        for _ in range(12):
            values = self.records.get((labels, kind))
            if values is not None:
                answers += [(labels, kind, value) for value in values]
                return NOERROR, answers
            alias = self.records.get((labels, "CNAME"))
            if alias is None:
                return (NOERROR if labels in self.names else NXDOMAIN), answers
            answers += [(labels, "CNAME", value) for value in alias]
            labels = lower(read_name(alias[0], 0)[0])
        return SERVFAIL, []


def encode(kind, value):
    if isinstance(value, bytes) and kind != "TXT":
        return value
    if kind == "A":
        return ipaddress.IPv4Address(value).packed
    if kind == "AAAA":
        return ipaddress.IPv6Address(value).packed
    if kind == "MX":
        return struct.pack("!H", value[0]) + wire_name(labels_of(value[1]))
    if kind == "TXT":
        strings = value if isinstance(value, (list, tuple)) else [value]
        strings = [text if isinstance(text, bytes) else text.encode() for text in strings]
        pieces = [text[start:start + 255] for text in strings for start in range(0, len(text) or 1, 255)]
        return b"".join(bytes([len(piece)]) + piece for piece in pieces)
    if kind == "SOA":
        return wire_name(()) + wire_name(()) + struct.pack("!IIIII", 1, 3600, 600, 86400, 60)
    return wire_name(labels_of(value))


def read_name(packet, offset):
    labels = []
    while packet[offset]:
        length = packet[offset]
        if length >= 64:
            raise ValueError("compressed name in a question")
        labels.append(packet[offset + 1:offset + 1 + length])
        offset += 1 + length
    return tuple(labels), offset + 1


def build(packet, question_end, rcode, answers, *, truncated=False, soa=False, ttl=60):
    identifier, flags = struct.unpack_from("!HH", packet)
    flags = 0x8400 | (flags & 0x0110) | 0x0080 | rcode | (0x0200 if truncated else 0)
    authority = [((), "SOA", encode("SOA", None))] if soa else []
    edns = len(packet) > question_end and struct.unpack_from("!H", packet, 10)[0] > 0
    head = struct.pack("!HHHHHH", identifier, flags, 1, len(answers), len(authority), 1 if edns else 0)
    body = b"".join(wire_name(labels) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data
                    for labels, kind, data in answers + authority)
    return head + packet[12:question_end] + body + (b"\0" + struct.pack("!HHIH", 41, UDP_MOST, 0, 0) if edns else b"")


class DnsServer:
    def __init__(self, zone, address="127.0.0.53", port=53):
        self.zone = zone
        self.questions = []
        self.streamed = []
        self.lock = threading.Lock()
        self.random = random.Random(1)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = self

        class Stream(socketserver.BaseRequestHandler):
            def handle(self):
                server.serve_stream(self.request)

        class Tcp(socketserver.ThreadingTCPServer):
            address_family = family
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True
            request_queue_size = 256

        self.tcp = Tcp((address, port), Stream)
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.udp.bind((address, port))
        self.closing = False
        self.thread = None
        self.address = address
        self.port = port

    def __enter__(self):
        threading.Thread(target=self.tcp.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        self.thread = threading.Thread(target=self.serve_datagrams, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.thread.join()
        self.udp.close()
        self.tcp.shutdown()
        self.tcp.server_close()

    def serve_datagrams(self):
        """One thread for all of UDP: thousands of late answers must not need thousands of threads."""
        waiting = []                   # (due, count, reply, client), a heap
        count = 0
        while not self.closing:
            patience = min(0.1, max(0, waiting[0][0] - time.monotonic())) if waiting else 0.1
            if select.select([self.udp], [], [], patience)[0]:
                packet, client = self.udp.recvfrom(4096)
                for reply, delay in self.answer(packet, False):
                    count += 1
                    heapq.heappush(waiting, (time.monotonic() + delay, count, reply, client))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, reply, client = heapq.heappop(waiting)
                self.udp.sendto(reply, client)

    def asked(self, name, kind):
        """How often it was asked."""
        wanted = (text_of(lower(labels_of(name))), kind)
        with self.lock:
            return self.questions.count(wanted)

    def serve_stream(self, sock):
        sock.settimeout(30)
        try:
            while True:
                head = receive(sock, 2)
                packet = receive(sock, struct.unpack("!H", head)[0])
                for reply, delay in self.answer(packet, True):
                    time.sleep(delay)
                    sock.sendall(struct.pack("!H", len(reply)) + reply)
        except (OSError, EOFError):
            pass

    def answer(self, packet, stream):
        """The reply and how late it is; nothing when there is none."""
        try:
            asked, end = read_name(packet, 12)
            number = struct.unpack_from("!H", packet, end)[0]
        except (IndexError, ValueError, struct.error):
            return
        labels, kind = lower(asked), NAMES.get(number, f"TYPE{number}")
        with self.lock:
            self.questions.append((text_of(labels), kind))
            if stream:
                self.streamed.append((text_of(labels), kind))
        reply = self.reply(packet, end + 4, labels, kind, self.zone.behaviour(labels, kind), stream)
        if reply is not None:
            yield reply, self.zone.delay_of(labels, kind)

    def reply(self, packet, end, labels, kind, behaviour, stream):
        if behaviour == "silent":
            return None
        if behaviour == "servfail":
            return build(packet, end, SERVFAIL, [])
        if behaviour == "refused":
            return build(packet, end, REFUSED, [])
        if behaviour == "nxdomain":
            return build(packet, end, NXDOMAIN, [], soa=True)
        if behaviour == "garbage":
            with self.lock:
                return packet[:2] + self.random.randbytes(60)
        if behaviour == "truncate" and not stream:
            return build(packet, end, NOERROR, [], truncated=True)
        if kind == "NS" and not labels:
            return build(packet, end, NOERROR, [((), "NS", encode("NS", "ns.invalid"))])
        rcode, answers = self.zone.look_up(labels, kind)
        reply = build(packet, end, rcode, answers, soa=not answers, ttl=self.zone.ttl)
        if len(reply) > UDP_MOST and not stream:
            return build(packet, end, NOERROR, [], truncated=True)
        return reply


def receive(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
