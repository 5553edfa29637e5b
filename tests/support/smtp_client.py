# SPDX-License-Identifier: BSD-2-Clause
"""An SMTP client for tests that has its hands on the socket: what is sent, in which packets, and when.

    client = Client(("192.0.2.25", 25), source="198.51.100.7")
    client.expect(220)
    client.ehlo("client.example")
    client.send(b"MAIL FROM:<a@example.com>\\r\\nRCPT TO:<b@example.org>\\r\\n")
    client.reply(); client.reply()
"""

import socket
import ssl
import time


class Closed(Exception):
    """The other end closed the connection."""


class Unexpected(AssertionError):
    """Another reply than the expected."""


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[0][:3])
        self.text = lines[-1][4:]
        self.texts = [line[4:] for line in lines]

    def __str__(self):
        return "\n".join(self.lines)

    __repr__ = __str__


def tls_context(version=None):
    """Verifies nothing, as mail servers among themselves do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class Client:
    def __init__(self, address, source=None, seconds=30, tls=False, server_name=None, connect=True):
        self.address = address
        self.source = source
        self.seconds = seconds
        self.server_name = server_name
        self.sock = None
        self.buffer = b""
        self.transcript = []
        if connect:
            self.connect()
            if tls:
                self.start_tls_now()

    def connect(self):
        self.sock = socket.create_connection(self.address, self.seconds,
                                             source_address=(self.source, 0) if self.source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def reset(self):
        """Closes with a RST, as a client that crashes."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    # ---- bytes

    def send(self, data):
        self.transcript.append(("C", data))
        try:
            self.sock.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(f"{error}; so far {self.story()}") from error

    def send_pieces(self, data, size, pause=0.0):
        """In packets of `size` bytes."""
        for start in range(0, len(data), size):
            self.send(data[start:start + size])
            if pause:
                time.sleep(pause)

    def send_awaited(self, pieces):
        """Each in a packet of its own: the next one is sent when the other end has read the one before (IPv4, this machine)."""
        def text(address):
            return "".join(f"{int(part):02X}" for part in reversed(address[0].split("."))) + f":{address[1]:04X}"
        wanted = f" {text(self.sock.getpeername())} {text(self.sock.getsockname())} "
        for piece in pieces:
            self.send(piece)
            for _ in range(1000):
                with open("/proc/net/tcp", encoding="ascii") as file:
                    found = next((line for line in file if wanted in line), None)
                if found is None or found.split()[4].endswith(":00000000"):
                    break

    def read(self, most=65536):
        try:
            return self.sock.recv(most)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(f"{error}; so far {self.story()}") from error

    def line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > 1 << 16:
                raise Unexpected(f"a line without an end: {self.buffer[:200]!r}")
            data = self.read()
            if not data:
                raise Closed(f"closed; so far {self.story()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Unexpected(f"a reply line that does not end in CRLF: {line!r}")
        if len(line) + 1 > 512:
            raise Unexpected(f"a reply line of {len(line) + 1} bytes (RFC 5321 4.5.3.1.5 allows 512)")
        return line[:-1].decode("utf-8", "surrogateescape")

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
            if lines[-1][:3] != lines[0][:3]:
                raise Unexpected(f"a reply of two codes: {lines}")
        reply = Reply(lines)
        self.transcript.append(("S", str(reply).encode("utf-8", "surrogateescape")))
        return reply

    def at_end(self, seconds=5):
        """Whether the server closes now, without another word."""
        self.sock.settimeout(seconds)
        try:
            return not self.buffer and self.read() == b""
        except Closed:
            return True
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(self.seconds)

    def silent(self, seconds):
        """Whether nothing comes for so long."""
        self.sock.settimeout(seconds)
        try:
            data = self.read()
            self.buffer += data
            return False
        except TimeoutError:
            return not self.buffer
        finally:
            self.sock.settimeout(self.seconds)

    def story(self):
        return " | ".join(f"{who}: {data[:200]!r}" for who, data in self.transcript[-12:])

    # ---- commands

    def command(self, line):
        self.send(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply()

    def expect(self, code, line=None):
        reply = self.reply() if line is None else self.command(line)
        if reply.code != code:
            raise Unexpected(f"{line or 'reply'}: expected {code}, got {reply}; so far {self.story()}")
        return reply

    def ehlo(self, name="client.example"):
        reply = self.expect(250, f"EHLO {name}")
        return {text.split(" ")[0].upper(): text.partition(" ")[2] for text in reply.texts[1:]}

    def start_tls_now(self, context=None, session=None):
        self.sock = (context or tls_context()).wrap_socket(self.sock, server_hostname=self.server_name, session=session)

    def starttls(self, context=None, session=None):
        self.expect(220, "STARTTLS")
        if self.buffer:
            raise Unexpected(f"bytes before the handshake: {self.buffer!r}")
        self.start_tls_now(context, session)

    def start(self, name="client.example"):
        self.expect(220)
        return self.ehlo(name)

    def envelope(self, sender, *recipients, parameters=""):
        self.expect(250, f"MAIL FROM:<{sender}>{parameters}")
        for recipient in recipients:
            self.expect(250, f"RCPT TO:<{recipient}>")

    def data(self, content):
        """Sends content (CRLF line ends) by DATA, dots stuffed; the final reply."""
        self.expect(354, "DATA")
        self.send(stuff(content) + b".\r\n")
        return self.reply()

    def bdat(self, content, size=1 << 16):
        """Sends content by BDAT (RFC 3030) in chunks; the reply to the last."""
        chunks = [content[start:start + size] for start in range(0, len(content), size)] or [b""]
        for index, chunk in enumerate(chunks):
            last = " LAST" if index == len(chunks) - 1 else ""
            self.send(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk)
            reply = self.reply()
            if reply.code != 250:
                return reply
        return reply

    def message(self, sender, recipients, content, parameters=""):
        """One whole transaction; the reply that ended it."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        reply = self.command(f"MAIL FROM:<{sender}>{parameters}")
        if reply.code != 250:
            return reply
        replies = [self.command(f"RCPT TO:<{recipient}>") for recipient in recipients]
        if all(reply.code != 250 for reply in replies):
            return replies[-1]
        return self.data(content)

    def quit(self):
        reply = self.expect(221, "QUIT")
        self.close()
        return reply


def stuff(content):
    """Content ends in CRLF (added if not); a dot at the start of a line is doubled (RFC 5321 4.5.2)."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def send_once(address, sender, recipients, content, source=None, helo="client.example", tls=False, seconds=60):
    """A session with one message; the reply that ended it."""
    with Client(address, source=source, seconds=seconds) as client:
        client.start(helo)
        if tls:
            client.starttls()
            client.ehlo(helo)
        reply = client.message(sender, recipients, content)
        try:
            client.send(b"QUIT\r\n")
        except Closed:
            pass
        return reply
