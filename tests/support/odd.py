# SPDX-License-Identifier: BSD-2-Clause
"""Clients of every kind but the usual, in a process of their own: TLS, large messages, several in a session, smugglers, spoofers, chatterers,
and those that vanish. What each message's client heard is kept for load.Account; what must never be said, whatever is
broken at the time, is kept as wrong: a permanent refusal of good mail, an acceptance of bad, a connection nobody takes.
"""

import collections
import multiprocessing
import os
import random
import signal
import threading
import time

import messages
import smtp_client

CLIENTS = 8                            # threads


class Odd:
    """Sessions of every kind. What each message's client heard, and what should not have been said."""

    def __init__(self, address, seed, prefix, mail):
        self.address = address
        self.seed = seed
        self.prefix = prefix
        self.senders = mail.senders
        self.content = mail.contents[1]
        self.large = mail.contents[0]
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.heard = {}                # as load.Account takes it
        self.wrong = []
        self.stopping = False
        here, there = multiprocessing.Pipe()
        self.pipe = here
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGTERM, self.stop)
                self.run()
                there.send((self.counts, self.heard, self.wrong))
                os._exit(0)
            finally:
                os._exit(1)

    def stop(self, *_):
        self.stopping = True

    def end(self):
        """(how many sessions of which kind, what was heard, what was wrong)"""
        os.kill(self.pid, signal.SIGTERM)
        result = self.pipe.recv() if self.pipe.poll(100) else (collections.Counter(), {}, ["the odd clients did not end"])
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return result

    def run(self):
        threads = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def client(self, number):
        source = random.Random(self.seed * 100 + number)
        kinds = [self.good, self.several, self.tls, self.vanish, self.smuggle, self.spoof, self.big, self.chatter, self.reset]
        count = 0
        while not self.stopping:
            count += 1
            kind = source.choice(kinds)
            outcome = kind.__name__
            try:
                kind(f"{self.prefix}-{number}-{count}", source)
            except ConnectionRefusedError as error:
                self.note_wrong(kind, error)
            except (smtp_client.Closed, OSError):
                outcome += "-closed"
            except smtp_client.Unexpected as error:
                outcome += "-deferred"
                # What a step of the dialogue hears during a fault: later, or goodbye.
                if not any(f"got {digit}" in str(error) for digit in "4"):
                    self.note_wrong(kind, error)
            with self.lock:
                self.counts[outcome] += 1
            time.sleep(source.uniform(0.05, 0.4))

    def note_wrong(self, kind, error):
        with self.lock:
            self.wrong.append(f"{kind.__name__}: {error!r}")

    def connect(self, source):
        return smtp_client.Client(self.address, source=f"192.0.2.{10 + source.randrange(4) * 20}", seconds=60)

    def deliver(self, client, name, content, wanted, sender="s@aligned.example"):
        client.envelope(sender, "user@example.org")
        client.expect(354, "DATA")
        with self.lock:
            self.heard[name] = None
        client.send(smtp_client.stuff(f"X-Test: {name}\r\n".encode() + content) + b".\r\n")
        reply = client.reply()
        unheard = reply.code == 451 and "the mail server behind does not answer" in str(reply)
        with self.lock:
            self.heard[name] = True if reply.code == 250 else None if unheard else False
        if reply.code != wanted:
            raise smtp_client.Unexpected(f"{name}: expected {wanted}, got {reply}")

    def good(self, name, source):
        with self.connect(source) as client:
            client.start()
            self.deliver(client, name, self.content, 250)
            client.quit()

    def several(self, name, source):
        with self.connect(source) as client:
            client.start()
            for part in range(5):
                self.deliver(client, f"{name}-{part}", self.content, 250)

    def tls(self, name, source):
        with self.connect(source) as client:
            client.start()
            client.starttls()
            client.ehlo()
            self.deliver(client, name, self.content, 250)

    def big(self, name, source):
        with self.connect(source) as client:
            client.start()
            self.deliver(client, name, self.large, 250)

    def vanish(self, _, source):
        with self.connect(source) as client:
            client.start()
            client.envelope("s@aligned.example", "user@example.org")
            client.expect(354, "DATA")
            client.send(self.large[:source.randrange(len(self.large))])

    def reset(self, _, source):
        client = self.connect(source)
        client.expect(220)
        client.send(b"EHLO x.example\r\nMAIL FROM:<s@aligned.example>\r\nRCPT TO:<user@example.org>\r\n"[:source.randrange(80)])
        client.reset()

    def smuggle(self, name, source):
        with self.connect(source) as client:
            client.start()
            client.envelope("s@aligned.example", "user@example.org")
            client.expect(354, "DATA")
            self.heard[name] = False
            client.send(f"X-Test: {name}\r\nSubject: x\r\n\r\na\n.\nb\r\n.\r\n".encode())
            reply = client.reply()
            if reply.code != 550:
                raise smtp_client.Unexpected(f"{name}: expected 550, got {reply}")

    def spoof(self, name, _):
        with smtp_client.Client(self.address, source="203.0.113.99", seconds=60) as client:
            client.start()
            self.deliver(client, name, messages.plain("reject.example"), 550, "s@reject.example")

    def chatter(self, _, source):
        with self.connect(source) as client:
            client.start()
            for line in ("NOOP", "BOGUS", "MAIL FROM:<", "RCPT TO:<x@example.org>", "DATA", "RSET", "VRFY x", "HELP"):
                client.command(line)
