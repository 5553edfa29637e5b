# SPDX-License-Identifier: BSD-2-Clause
"""A mail server for tests: speaks ESMTP as Postfix does, keeps the exact bytes, and fails where it is told to.

    with Backend(port=10025) as backend:
        backend.on("RCPT", "550 5.1.1 no such user", times=1)     # a reply instead of its own
        backend.on("END", "hang")                                 # no reply after end of data
        backend.on("BYTES", "close", after=5000)                  # gone after 5,000 bytes of a message
        ...
        backend.messages[0].content

Its address may be that of a UNIX socket ("/path"). With `tls` (an ssl.SSLContext for servers) it offers STARTTLS, or begins with
TLS when `implicit`; what it knows of the client's certificate is session.certificate. With `lmtp` it speaks LMTP (RFC 2033). With
`header` it wants a header of the PROXY protocol, version 2, first: session.header is ("192.0.2.1", 4711, "192.0.2.25", 25).

Events: CONNECT, the verbs (EHLO, XCLIENT, AUTH, MAIL, RCPT, DATA, BDAT, RSET, QUIT, ...), RESPONSE (a line of the client within
AUTH), BYTES, END (end of data, before the reply) and AFTER (after the reply to it). Actions: "close", "reset", "hang", "stop" (as "hang", and
reads no more), "late SECONDS", or reply lines (several with "\\n"); a reply of 421 also closes. As with Postfix, a session that was renamed by XCLIENT can't be renamed again.
AUTH is taken whenever it is said: PLAIN, LOGIN and CRAM-MD5 for those in USERS, at any password of another user 535.
"""

import base64
import hmac
import os
import re
import socket
import ssl
import struct
import threading
import time

EXTENSIONS = ("PIPELINING", "SIZE 104857600", "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT",
              "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING")


USERS = {"ann": "open sesame", "bob@example.org": "Grüße"}
CHALLENGE = base64.b64encode(b"<1896.697170952@backend.example>").decode()
# What is asked for, one response each; that to the first may come with AUTH.
PROMPTS = {"PLAIN": [""], "LOGIN": ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"], "CRAM-MD5": [CHALLENGE]}


class Gone(Exception):
    """The connection is over."""


class Message:
    def __init__(self, session):
        self.session = session
        self.sender = None             # the argument of MAIL FROM: "<a@b> SIZE=3"
        self.recipients = []           # the same of RCPT, those that were accepted
        self.content = b""             # unstuffed
        self.wire = b""                # as it came
        self.by = None                 # "DATA" or "BDAT"
        self.complete = False          # end of data came
        self.reply = None              # the code that was sent
        self.started = time.monotonic()
        self.ended = None
        self.xclient = dict(session.xclient)
        self.user = session.user

    @property
    def bare(self):
        """Line ends other than CRLF in what came."""
        return re.search(rb"\r(?!\n)|(?<!\r)\n", self.content) is not None


class Rule:
    def __init__(self, event, action, times, after, where):
        self.event = event
        self.action = action
        self.times = times
        self.after = after
        self.where = where


class Backend:
    def __init__(self, port=10025, address="127.0.0.1", extensions=EXTENSIONS, size=104857600, xclient=True,
                 relays=False, domains=("example.org",), tls=None, implicit=False, lmtp=False, header=False):
        self.address = address if address.startswith("/") else (address, port)
        self.tls = tls
        self.implicit = implicit
        self.lmtp = lmtp
        self.header = header
        self.extensions = [name for name in extensions if xclient or not name.startswith("XCLIENT")]
        self.relays = relays           # takes any recipient; else only `domains`
        self.domains = domains
        self.sessions = []
        self.rules = []
        self.lock = threading.Lock()
        self.server = None
        self.closing = False
        self.session_class = Session

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.closing = False
        self.server = socket.socket(self.family())
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if isinstance(self.address, str) and os.path.exists(self.address):
            os.unlink(self.address)
        self.server.bind(self.address)
        if isinstance(self.address, str):
            os.chmod(self.address, 0o666)
        self.server.listen(1024)
        threading.Thread(target=self._accept, args=(self.server,), daemon=True).start()

    def family(self):
        if isinstance(self.address, str):
            return socket.AF_UNIX
        return socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET

    def stop(self):
        """Nobody listens any more; every connection is closed."""
        self.closing = True
        if self.server is None:
            return
        # A thread that waits in accept() keeps the port: shutdown wakes it.
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        self.server = None
        with self.lock:
            sessions = list(self.sessions)
        for session in sessions:
            session.abort()

    def _accept(self, server):
        while not self.closing:
            try:
                sock, peer = server.accept()
            except OSError:
                return
            session = self.session_class(self, sock, peer)
            with self.lock:
                self.sessions.append(session)
            threading.Thread(target=session.run, daemon=True).start()

    def on(self, event, action, times=None, after=0, where=None):
        """`times`: how often (None: always); `where`: only if the command line matches this pattern."""
        with self.lock:
            self.rules.append(Rule(event, action, times, after, where))
        return self

    def clear(self):
        with self.lock:
            self.rules.clear()

    def take(self, event, line="", count=0):
        """The action of the first rule for this event, used up."""
        with self.lock:
            for rule in self.rules:
                if rule.event != event or rule.times == 0 or count < rule.after:
                    continue
                if rule.where and not re.search(rule.where, line):
                    continue
                if rule.times is not None:
                    rule.times -= 1
                return rule.action
        return None

    @property
    def messages(self):
        """Those that came whole and were answered with 250, in order."""
        with self.lock:
            found = [message for session in self.sessions for message in session.messages
                     if message.complete and message.reply == 250]
        return sorted(found, key=lambda message: message.ended)

    @property
    def attempts(self):
        """Every message of which a byte came or was asked for."""
        with self.lock:
            return [message for session in self.sessions for message in session.messages]

    def wait_messages(self, count, seconds=10):
        deadline = time.monotonic() + seconds
        while len(self.messages) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.messages

    def forget(self):
        """What came so far (the probe's dialogue), not the sessions."""
        with self.lock:
            for session in self.sessions:
                session.commands.clear()
                session.messages.clear()

    @property
    def commands(self):
        """All command lines of all sessions."""
        with self.lock:
            return [line for session in self.sessions for line in session.commands]


class Session:
    def __init__(self, backend, sock, peer):
        self.backend = backend
        self.sock = sock
        self.peer = peer
        self.buffer = b""
        self.commands = []
        self.messages = []
        self.xclient = {}
        self.message = None
        self.user = None               # who authenticated
        self.recipients_seen = 0
        self.header = None
        self.secure = False
        self.certificate = None
        self.resumed = False
        self.lock = threading.Lock()

    def abort(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def run(self):
        try:
            if not isinstance(self.backend.address, str):
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.backend.header:
                self.read_header()
            if self.backend.implicit:
                self.start_tls()
            self.say("CONNECT", "220 backend.example ESMTP")
            while True:
                self.one_command()
        except (Gone, OSError, ssl.SSLError):
            pass
        finally:
            self.sock.close()

    # ---- bytes

    def receive(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise Gone
        self.buffer += data

    def line(self):
        while b"\n" not in self.buffer:
            self.receive()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    def send(self, text):
        lines = text.split("\n")
        for index, line in enumerate(lines):
            lines[index] = line[:3] + ("-" if index < len(lines) - 1 else " ") + line[4:]
        self.sock.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n")

    def say(self, event, text, line=""):
        """The reply of the event, unless a rule has another; returns its code."""
        action = self.backend.take(event, line)
        if action is None:
            self.send(text)
            return int(text[:3])
        code = self.perform(action)
        if code is None:
            self.send(text)
            return int(text[:3])
        return code

    def perform(self, action):
        """Returns the code of a reply that was sent; None: go on as usual."""
        if action == "close":
            raise Gone
        if action == "reset":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raise Gone
        if action == "hang":
            while not self.backend.closing:
                if not self.sock.recv(1 << 16):
                    raise Gone
            raise Gone
        if action == "stop":
            while not self.backend.closing:
                time.sleep(0.1)
            raise Gone
        if action.startswith("late "):
            time.sleep(float(action.split()[1]))
            return None
        if action.startswith("raw "):
            self.sock.sendall(action[4:].encode("latin-1").decode("unicode_escape").encode("latin-1"))
            return 0
        self.send(action)
        if action.startswith("421"):
            raise Gone
        return int(action[:3])

    def start_tls(self):
        self.sock = self.backend.tls.wrap_socket(self.sock, server_side=True)
        self.secure, self.certificate, self.resumed = True, self.sock.getpeercert(), self.sock.session_reused

    def exactly(self, count):
        """So many bytes from the socket and no more: what follows may be TLS."""
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise Gone
            data += more
        return data

    def read_header(self):
        """Version 2, PROXY over a stream (haproxy, proxy-protocol.txt 2.2); anything else ends the connection."""
        start = self.exactly(16)
        family, length = start[13], struct.unpack(">H", start[14:])[0]
        if start[:13] != b"\r\n\r\n\0\r\nQUIT\n\x21" or family not in (0x11, 0x21):
            raise Gone
        body = self.exactly(length)
        kind, size = (socket.AF_INET, 4) if family == 0x11 else (socket.AF_INET6, 16)
        ports = struct.unpack(">HH", body[2 * size:2 * size + 4])
        self.header = (socket.inet_ntop(kind, body[:size]), ports[0], socket.inet_ntop(kind, body[size:2 * size]), ports[1])
        if body[2 * size + 4:]:
            raise Gone

    # ---- commands

    def one_command(self):
        line = self.line()
        with self.lock:
            self.commands.append(line)
        verb = line.split(" ")[0].upper()
        handler = getattr(self, "do_" + verb.lower(), None)
        if handler is None:
            self.say(verb, "502 5.5.2 command not recognized", line)
        else:
            handler(line)

    def do_ehlo(self, line):
        self.message = None
        names = list(self.backend.extensions)
        if self.backend.tls and not self.secure:
            names.append("STARTTLS")
        if self.backend.lmtp != line.upper().startswith("LHLO"):
            self.say("EHLO", "500 5.5.1 wrong protocol", line)
        else:
            self.say("EHLO", "\n".join(["250 backend.example"] + ["250 " + name for name in names]), line)

    do_lhlo = do_ehlo

    def do_starttls(self, line):
        if self.say("STARTTLS", "220 2.0.0 go on", line) == 220:
            self.buffer = b""
            self.start_tls()

    def do_helo(self, line):
        self.message = None
        self.say("HELO", "250 backend.example", line)

    def do_xclient(self, line):
        if self.xclient:
            self.say("XCLIENT", "550 5.7.0 insufficient authorization", line)
            return
        attributes = dict(pair.split("=", 1) for pair in line.split(" ")[1:] if "=" in pair)
        if self.say("XCLIENT", "220 backend.example ESMTP", line) == 220:
            self.xclient = attributes

    def do_auth(self, line):
        mechanism, _, initial = line[5:].partition(" ")
        prompts = PROMPTS.get(mechanism.upper(), [""])
        responses = [] if not initial else [initial]
        event = "AUTH"
        while True:
            final = len(responses) >= len(prompts)
            user = self.known_user(mechanism.upper(), responses) if final else None
            reply = f"334 {prompts[len(responses)]}" if not final else "235 2.7.0 Authentication successful" if user else \
                "535 5.7.8 Error: authentication failed"
            code = self.say(event, reply, line)
            if code == 235:
                self.user = user
            if code != 334:
                return
            event, line = "RESPONSE", self.line()
            with self.lock:
                self.commands.append("cancel" if line == "*" else f"response {line}")
            if line == "*":
                self.say("RESPONSE", "501 5.7.0 Authentication aborted", line)
                return
            responses.append(line)

    @staticmethod
    def known_user(mechanism, responses):
        """The user whose password it is, or None."""
        texts = [base64.b64decode(response).decode() if response != "=" else "" for response in responses]
        if mechanism == "CRAM-MD5":
            user, _, digest = texts[0].rpartition(" ")
            password = USERS.get(user, "")
            right = hmac.new(password.encode(), base64.b64decode(CHALLENGE), "md5").hexdigest() == digest
            return user if user in USERS and right else None
        user, password = (texts[0].split("\0") + ["", ""])[1:3] if mechanism == "PLAIN" else (texts + [""])[:2]
        return user if user in USERS and USERS[user] == password else None

    def do_mail(self, line):
        message = Message(self)
        message.sender = line[10:]
        if self.message is not None:
            self.say("MAIL", "503 5.5.1 nested MAIL command", line)
        elif self.say("MAIL", "250 2.1.0 Ok", line) == 250:
            self.message = message

    def do_rcpt(self, line):
        if self.message is None:
            self.say("RCPT", "503 5.5.1 need MAIL", line)
            return
        address = line[8:].split(">")[0].lstrip("<")
        ours = self.backend.relays or address.lower() == "postmaster" or address.rpartition("@")[2].lower() in self.backend.domains
        reply = "250 2.1.5 Ok" if ours else f"554 5.7.1 <{address}>: Relay access denied"
        if self.say("RCPT", reply, line) == 250:
            self.message.recipients.append(line[8:])

    def do_rset(self, line):
        self.message = None
        self.say("RSET", "250 2.0.0 Ok", line)

    def do_noop(self, line):
        self.say("NOOP", "250 2.0.0 Ok", line)

    def do_vrfy(self, line):
        self.say("VRFY", "252 2.0.0 try it", line)

    def do_quit(self, line):
        self.say("QUIT", "221 2.0.0 Bye", line)
        raise Gone

    # ---- message

    def begin(self, by):
        message = self.message
        message.by = by
        with self.backend.lock:
            if message not in self.messages:
                self.messages.append(message)
        return message

    def count_bytes(self, message):
        action = self.backend.take("BYTES", count=len(message.wire))
        if action is not None:
            self.perform(action)

    def do_data(self, line):
        if self.message is None or not self.message.recipients:
            self.say("DATA", "503 5.5.1 need RCPT", line)
            return
        if self.say("DATA", "354 go on", line) != 354:
            return
        message = self.begin("DATA")
        end = b"\r\n.\r\n"
        while not self.buffer.startswith(b".\r\n"):
            position = self.buffer.find(end, max(0, len(message.wire) - len(end)))
            if position >= 0:
                break
            self.receive()
            message.wire = self.buffer
            self.count_bytes(message)
        else:
            position = -2
        message.wire, self.buffer = self.buffer[:position + 2], self.buffer[position + 5:]
        content = message.wire.replace(b"\r\n..", b"\r\n.")
        message.content = content[1:] if content.startswith(b"..") else content
        self.end(message, "250 2.0.0 Ok: queued")

    def do_bdat(self, line):
        words = line.split()
        count, last = int(words[1]), len(words) > 2 and words[2].upper() == "LAST"
        if self.message is None or not self.message.recipients:
            self.skip(count)
            self.say("BDAT", "503 5.5.1 need RCPT", line)
            return
        message = self.begin("BDAT")
        while count > 0:
            if not self.buffer:
                self.receive()
            piece, self.buffer = self.buffer[:count], self.buffer[count:]
            count -= len(piece)
            message.wire += piece
            self.count_bytes(message)
        if not last:
            self.say("BDAT", "250 2.0.0 Ok: so far", line)
            return
        message.content = message.wire
        self.end(message, "250 2.0.0 Ok: queued")

    def skip(self, count):
        while len(self.buffer) < count:
            self.receive()
        self.buffer = self.buffer[count:]

    def end(self, message, reply):
        """What is known of the message is noted before the reply goes out: who reads the reply looks at once."""
        self.message = None
        message.complete = True
        message.ended = time.monotonic()
        action = self.backend.take("END")
        if action is not None and not action[:3].isdigit():
            message.reply = self.perform(action)
            action = reply if message.reply is None else ""
        action = reply if action is None else action
        if action:
            message.reply = int(action[:3])
            self.perform(action)
        action = self.backend.take("AFTER")
        if action is not None:
            self.perform(action)
