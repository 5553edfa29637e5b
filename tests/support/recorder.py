# SPDX-License-Identifier: BSD-2-Clause
"""The most credulous mail server: every look-alike of a line end or an end of data is one.

    with Recorder(port=10025, extensions=...) as recorder:
        recorder.messages        # as of backend.Backend
        recorder.faults()        # every bare CR, bare LF or NUL in what came, commands and all

A command line ends at a CR, an LF, a NUL or a CRLF; so does a line of DATA, and any dot between two of these ends the message.
What comes behind it is taken for commands. Only BDAT is believed to be as long as it says.
"""

import re

import backend
import mischief

LINE_END = re.compile(rb"\r\n|[\r\n\0]")
END_OF_DATA = re.compile(rb"(?:\A|(?<=[\r\n\0]))\.(?:\r\n|[\r\n\0])")


class Recorder(backend.Backend):
    def __init__(self, **options):
        super().__init__(**options)
        self.session_class = RecorderSession

    def faults(self):
        with self.lock:
            sessions = list(self.sessions)
        return [bytes(session.came[max(0, match.start() - 60):match.end() + 60])
                for session in sessions for match in mischief.FAULT.finditer(session.came)]


class RecorderSession(backend.Session):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.came = bytearray()
        self.within_crlf = False       # a CR ended a line at the end of a packet: an LF may be its other half

    def receive(self):
        before = len(self.buffer)
        super().receive()
        self.came += self.buffer[before:]

    def take(self, match):
        """What stands before the match, which is consumed with it."""
        taken, rest = self.buffer[:match.start()], self.buffer[match.end():]
        self.within_crlf = match[0].endswith(b"\r") and not rest
        self.buffer = rest
        return taken

    def until(self, pattern):
        if self.within_crlf and not self.buffer:
            self.receive()
        if self.within_crlf and self.buffer.startswith(b"\n"):
            self.buffer = self.buffer[1:]
        self.within_crlf = False
        while (match := pattern.search(self.buffer)) is None:
            self.receive()
        return self.take(match)

    def line(self):
        return self.until(LINE_END).decode("utf-8", "surrogateescape")

    def do_data(self, line):
        if self.message is None or not self.message.recipients:
            self.say("DATA", "503 5.5.1 need RCPT", line)
            return
        if self.say("DATA", "354 go on", line) != 354:
            return
        message = self.begin("DATA")
        message.wire = self.until(END_OF_DATA)
        message.content = re.sub(rb"(\A|\r\n)\.\.", rb"\1.", message.wire)
        self.end(message, "250 2.0.0 Ok: queued")
