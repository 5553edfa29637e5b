# SPDX-License-Identifier: BSD-2-Clause
"""A test backend in a process of its own, which can be killed: it keeps each message as a file before it says 250.

Who started it hears of every step over a socket and may hold the reply back: see Mailbox.
"""

import mmap
import os
import signal
import socket
import time

import backend

HOLD = 0                       # offset in the shared page: 1 asks the backend to wait before its next 250


class KeepingSession(backend.Session):
    """Writes the message to its file, then replies; tells the controller before and after."""

    def end(self, message, reply):
        box = self.backend.box
        name = message_name(message.content)
        box.tell("end", name)
        time.sleep(box.pause())
        held = box.take_hold()
        if held:
            box.tell("hold", name)
            box.wait_go()
        box.keep(name, message.content)
        super().end(message, reply)
        if held:
            box.tell("said", name)


class KeepingBackend(backend.Backend):
    def __init__(self, box, **options):
        super().__init__(**options)
        self.box = box
        self.session_class = KeepingSession


def message_name(content):
    """The test's own name of a message: its X-Test field."""
    for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.startswith(b"X-Test: "):
            return line[8:].decode()
    return "unnamed"


class Mailbox:
    """`events`: path of the controller's datagram socket. `folder`: where messages go, one file each delivery."""

    def __init__(self, folder, events, random, port=10025):
        self.folder = folder
        self.events = events
        self.port = port
        self.random = random
        self.shared = mmap.mmap(-1, mmap.PAGESIZE)
        self.go_path = f"{folder}/go"
        self.pid = None
        self.socket = None
        os.makedirs(folder, exist_ok=True)

    # ---- the controller's side

    def start(self):
        self.shared[HOLD] = 0
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                self.serve()
            finally:
                os._exit(1)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.005)
        raise RuntimeError("the backend does not listen")

    def kill(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None

    def ask_hold(self):
        self.shared[HOLD] = 1

    def drop_hold(self):
        self.shared[HOLD] = 0

    def go(self):
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"go", self.go_path)
        except OSError:
            pass                       # it died while it waited

    def deliveries(self):
        """{name: [content, ...]}"""
        found = {}
        for entry in sorted(os.listdir(self.folder)):
            if entry.endswith(".eml"):
                with open(os.path.join(self.folder, entry), "rb") as file:
                    found.setdefault(entry.split("+")[0], []).append(file.read())
        return found

    # ---- the backend's side

    def serve(self):
        if os.path.exists(self.go_path):
            os.unlink(self.go_path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.go_path)
        self.random.seed(os.getpid())
        with KeepingBackend(self, port=self.port):
            while True:
                time.sleep(60)

    def tell(self, event, name):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(f"backend {event} {name}".encode(), self.events)

    def pause(self):
        return self.random.uniform(0.005, 0.06)

    def take_hold(self):
        held = self.shared[HOLD] == 1
        self.shared[HOLD] = 0
        return held

    def wait_go(self):
        self.socket.settimeout(10)
        self.socket.recv(16)

    def keep(self, name, content):
        path = f"{self.folder}/{name}+{time.monotonic_ns()}"
        with open(path, "wb") as file:
            file.write(content)
        os.rename(path, path + ".eml")
