# SPDX-License-Identifier: BSD-2-Clause
"""Clients that send a byte a second, many of them, at one place of the dialogue each, from many addresses.

    with Slow(proxy.address, 2000) as slow:
        slow.wait_settled()            # every client is where it is to be slow
        ...
        slow.counts()                  # how many are where, and how often one was closed and began again

They run in a process of their own, one thread: a heap of who sends its next byte when.
"""

import collections
import contextlib
import errno
import heapq
import itertools
import os
import random
import select
import signal
import socket
import ssl
import struct
import time

# Of each place the dialogue at full speed (what is sent, the code that is waited for: None is none), and what then comes a byte a second.
HEAD = ((b"", 220), (b"EHLO slow.example\r\n", 250))
ENVELOPE = HEAD + ((b"MAIL FROM:<s@slow.example>\r\n", 250), (b"RCPT TO:<user@example.org>\r\n", 250))
PLACES = {
    "command": (HEAD, b"NOOP and so on and on\r\n"),
    "envelope": (ENVELOPE, b"NOOP and so on and on\r\n"),
    "header": (ENVELOPE + ((b"DATA\r\n", 354),), b"X-Slow: one byte a second\r\n"),
    "body": (ENVELOPE + ((b"DATA\r\n", 354), (b"From: s@slow.example\r\n\r\n", None)), b"one byte a second\r\n"),
    "handshake": (HEAD + ((b"STARTTLS\r\n", 220),), None),
}
AGAIN = 0.5                            # seconds after a refusal


class Client:
    def __init__(self, number, place):
        self.number = number
        self.place = place
        self.sock = None
        self.step = 0
        self.input = b""
        self.slow = None               # bytes still to come, one a second


class Slow:
    def __init__(self, address, count, places=tuple(PLACES), network="198.19.0.0", per_address=20, seed=1, interval=1.0, ramp=0.0):
        """`ramp`: seconds over which they come; in less than that a mail server has no room for so many envelopes at once."""
        self.address = address
        self.count = count
        self.places = places
        self.network = struct.unpack("!I", socket.inet_aton(network))[0]
        self.per_address = per_address
        self.interval = interval
        self.ramp = ramp
        self.random = random.Random(seed)
        self.pid = None

    # ---- the test's side

    def __enter__(self):
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reading)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                self.run(writing)
            finally:
                os._exit(1)
        os.close(writing)
        self.last = {}
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.reading)

    def counts(self, seconds=5):
        """The newest report: {"command": so many are slow there, ..., "begun": connections, "closed": ended by mxward, "refused": {code}}"""
        deadline = time.monotonic() + seconds
        text = b""
        while time.monotonic() < deadline:
            if select.select([self.reading], [], [], 0 if text.endswith(b"\n") else 0.2)[0]:
                text += os.read(self.reading, 65536)
            elif text.endswith(b"\n"):
                break
        lines = text.split(b"\n")[:-1]
        if lines:
            self.last = dict((name, int(number)) for name, number in (word.split("=") for word in lines[-1].decode().split()))
        return self.last

    def wait_settled(self, seconds=60, share=1.0):
        """Until so many are slow where they are to be; how many are."""
        deadline = time.monotonic() + seconds
        settled = 0
        while time.monotonic() < deadline:
            settled = sum(number for name, number in self.counts().items() if name in PLACES)
            if settled >= self.count * share:
                break
        return settled

    # ---- the process that is slow

    def run(self, writing):
        self.poll = select.epoll()
        self.by_number = {}
        self.turns = []                # (when, number): its next byte, or its next connection
        self.report = collections.Counter()
        began = time.monotonic()
        for number in range(self.count):
            client = Client(number, self.places[number % len(self.places)])
            self.by_number[number] = client
            heapq.heappush(self.turns, (began + self.ramp * number / self.count, number))
        self.by_descriptor = {}
        told = began
        while True:
            now = time.monotonic()
            for descriptor, _ in self.poll.poll(max(0, min(0.2, self.turns[0][0] - now)) if self.turns else 0.2):
                client = self.by_descriptor.get(descriptor)
                if client is not None:
                    self.read(client)
            now = time.monotonic()
            while self.turns and self.turns[0][0] <= now:
                _, number = heapq.heappop(self.turns)
                self.turn(self.by_number[number], now)
            if now - told > 0.2:
                told = now
                self.tell(writing)

    def tell(self, writing):
        here = collections.Counter(client.place for client in self.by_number.values() if client.slow is not None)
        text = " ".join(f"{name}={number}" for name, number in itertools.chain(here.items(), self.report.items()))
        with contextlib.suppress(BlockingIOError):
            os.set_blocking(writing, False)
            os.write(writing, text.encode() + b"\n")

    def turn(self, client, now):
        if client.sock is None:
            self.connect(client)
        elif client.slow is not None:
            try:
                client.sock.send(next(client.slow, b""))
            except BlockingIOError:
                pass
            except OSError:
                self.end(client, "closed")
                return
            heapq.heappush(self.turns, (now + self.interval, client.number))

    def connect(self, client):
        client.sock = socket.socket()
        client.sock.setblocking(False)
        client.step, client.input, client.slow = 0, b"", None
        source = struct.pack("!I", self.network + 1 + client.number // self.per_address)
        client.sock.bind((socket.inet_ntoa(source), 0))
        if client.sock.connect_ex(self.address) not in (0, errno.EINPROGRESS):
            self.end(client, "refused")
            return
        self.report["begun"] += 1
        self.by_descriptor[client.sock.fileno()] = client
        self.poll.register(client.sock, select.EPOLLIN)

    def end(self, client, why):
        self.report[why] += 1
        self.by_descriptor.pop(client.sock.fileno(), None)
        client.sock.close()
        client.sock, client.slow = None, None
        heapq.heappush(self.turns, (time.monotonic() + AGAIN * self.random.uniform(1, 3), client.number))

    def read(self, client):
        try:
            data = client.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.end(client, "closed")
            return
        client.input += data
        while client.sock is not None and client.slow is None and b"\n" in client.input:
            line, _, client.input = client.input.partition(b"\n")
            if line[3:4] != b"-":
                self.answered(client, int(line[:3]))
        if client.slow is not None:
            client.input = b""

    def answered(self, client, code):
        dialogue, slowly = PLACES[client.place]
        if code != dialogue[client.step][1]:
            self.end(client, f"heard-{code}")
            return
        client.step += 1
        while client.step < len(dialogue):
            with contextlib.suppress(OSError):
                client.sock.send(dialogue[client.step][0])
            if dialogue[client.step][1] is not None:
                return
            client.step += 1
        client.slow = (bytes([byte]) for byte in (itertools.cycle(slowly) if slowly else hello()))
        heapq.heappush(self.turns, (time.monotonic() + self.interval * self.random.random(), client.number))


def hello():
    """A TLS client's first flight; when that has gone, nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="mx.example.org")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    # Never the last byte: the handshake is never done.
    return outgoing.read()[:-1]
