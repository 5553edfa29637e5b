# SPDX-License-Identifier: BSD-2-Clause
"""A real load whose every message is accounted for (P1): smtpload sends, nullbackend takes, both keep journals.

    mail = Mail(folder)                            # signed messages of many sources, and the zone that makes them pass
    with DnsProcess(mail.zone) as dns, Backend(f"{folder}/backend.journal") as backend, Proxy(...) as proxy:
        load = Load(mail, proxy.address, f"{folder}/load", rate=100, seconds=10)
        ...                                        # meanwhile: what is to be survived
        report = load.wait()
    Account(mail, [load], backend).judge(results)

DNS and backend are processes of their own: they can be stopped and killed.
"""

import collections
import hashlib
import json
import os
import signal
import socket
import subprocess
import time

import dnsd
import messages
import sink

SOURCES = 40                           # client addresses of the load: 192.0.2.100 and on
SIZES = (400, 2000, 4000, 4000, 9000, 30000, 300000)


class Mail:
    """Messages of aligned.example, which pass SPF, DKIM and DMARC. One of many goes beyond the memory of a spool."""

    def __init__(self, folder, sizes=SIZES):
        self.list_path = f"{folder}/list"
        self.senders = messages.Senders(folder)
        self.contents = []
        line = b"0123456789" * 7 + b"\r\n.dot\r\n"
        with open(self.list_path, "w", encoding="ascii") as listing:
            for number in range(SOURCES):
                # Of the largest there are few: the load is messages, not megabytes.
                size = sizes[number % (len(sizes) - 1)] if number else sizes[-1]
                content = self.senders.signed("aligned.example", line * (size // len(line)), message_id=f"m{number}")
                path = f"{folder}/{number}.eml"
                with open(path, "wb") as file:
                    file.write(content)
                self.contents.append(content)
                listing.write(f"s@aligned.example user@example.org 192.0.2.{100 + number} mx.aligned.example {path}\n")
        self.zone = self.senders.publish(dnsd.Zone())
        self.zone.ttl = 1              # so that a resolver which is gone is missed
        self.zone.records[dnsd.labels_of("aligned.example"), "TXT"] = []
        self.zone.add("aligned.example", "TXT", "v=spf1 ip4:192.0.2.0/24 -all")

    def digest(self, number):
        """Of what the backend must have got of message s-NUMBER."""
        content = self.contents[number % len(self.contents)]
        return hashlib.sha256(f"X-Test: s-{number}\r\n".encode() + content).hexdigest()


class DnsProcess:
    def __init__(self, zone):
        self.zone = zone
        self.pid = None

    def __enter__(self):
        ready, said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                with dnsd.DnsServer(self.zone) as server:
                    os.write(said, b"!")
                    while True:
                        time.sleep(1)
                        server.questions.clear()
            finally:
                os._exit(1)
        os.close(said)
        os.read(ready, 1)
        os.close(ready)
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def stop(self):
        """It is there and says nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)


class Backend:
    """nullbackend with a journal: {name: [digest, ...]} of all that it accepted, whatever was killed."""

    def __init__(self, journal, port=10025):
        self.journal = journal
        self.port = port
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self.process = subprocess.Popen([sink.tool("nullbackend"), "127.0.0.1", str(self.port), self.journal])
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def deliveries(self):
        """[(name, digest)], in order."""
        with open(self.journal, encoding="latin-1") as file:
            for line in file:
                name, _, digest = line.rstrip("\n").rpartition(" ")
                yield name, digest


class Load:
    """smtpload at work. `rate` 0: as fast as it is answered."""

    def __init__(self, mail, address, journal, seconds, rate=0, connections=50, each=10, first=0):
        self.journal = journal
        self.process = subprocess.Popen(
            [sink.tool("smtpload"), "-a", address[0], "-p", str(address[1]), "-c", str(connections), "-m", str(each), "-l", mail.list_path,
             "-r", str(rate), "-s", str(seconds), "-j", journal, "-b", str(first)], stdout=subprocess.PIPE, text=True)
        self.report = None

    def wait(self):
        """Its report, with what each message's line of the journal says added up."""
        output, _ = self.process.communicate()
        self.report = json.loads(output)
        return self.report

    def is_running(self):
        return self.process.poll() is None

    def messages(self):
        """(number, code, attempts, of these unanswered, and unheard) of each."""
        with open(self.journal, encoding="ascii") as file:
            for line in file:
                number, _, code, tries, unanswered, unheard = map(int, line.split())
                yield number, code, tries, unanswered, unheard


class Account:
    """P1 over all of it: every 250 is a delivery of the same bytes; more deliveries only as many as attempts without a reply."""

    def __init__(self, mail, loads, backend, others=None):
        """`others`: {name: whether its client heard 250 (True), may not have heard it (None), or heard another reply (False)}, of
        messages that were tried once."""
        self.mail = mail
        self.others = others or {}
        self.lost, self.altered, self.surplus, self.refused, self.unknown = [], [], [], [], []
        self.messages = self.retried = self.doubled = self.allowed = 0
        self.counts = collections.Counter()
        for name, digest in backend.deliveries():
            self.counts[name] += 1
            if name.startswith("s-") and digest != mail.digest(int(name[2:])):
                self.altered.append(name)
        self.deliveries = sum(self.counts.values())
        for load in loads:
            for message in load.messages():
                self.take(*message)
        for name, heard in self.others.items():
            self.take_other(name, self.counts.pop(name, 0), heard)
        # Delivered, and nobody sent it; what has no name is not this load's.
        self.unknown = [name for name in self.counts if name]

    def take(self, number, code, tries, unanswered, unheard):
        name = f"s-{number}"
        count = self.counts.pop(name, 0)
        self.messages += 1
        self.retried += tries > 1
        self.doubled += count > 1
        self.allowed += unanswered + unheard
        if code == 250 and count == 0:
            self.lost.append(name)
        if code != 250:
            self.refused.append(f"{name}: {code}")
        if count > (code == 250) + unanswered + unheard:
            self.surplus.append(f"{name}: {count} times, {code}, {unanswered} unanswered, {unheard} unheard")

    def take_other(self, name, count, heard):
        if heard and count == 0:
            self.lost.append(name)
        if count > (0 if heard is False else 1):
            self.surplus.append(f"{name}: {count} times, {heard}")

    def judge(self, results):
        results.note(f"figure {self.messages} messages of the load and {len(self.others)} others, {self.deliveries} deliveries; {self.retried} "
                     f"were tried again; {self.doubled} came more than once, of {self.allowed} attempts without a reply")
        results.ok(self.messages > 0 and not self.refused, "every message of the load was accepted in the end", "\n".join(self.refused[:20]))
        results.ok(not self.lost, "nothing is lost: every 250 was a delivery", self.lost[:20])
        results.ok(not self.altered, "nothing is altered", self.altered[:20])
        results.ok(not self.surplus and not self.unknown, "nothing is doubled but attempts whose client heard no reply",
                   "\n".join(self.surplus[:20] + self.unknown[:20]))
