# SPDX-License-Identifier: BSD-2-Clause
"""`mxward sink`, the Maildir-writing backend that ships, and the tools written in C that are built for the tests."""

import os
import subprocess

import proxy


def tool(name):
    """A program of tests/support, in the folder of the build under test."""
    return os.path.join(os.path.dirname(proxy.binary()), "tests", "support", name)


class Sink:
    def __init__(self, folder, port=10025, *options):
        self.folder = folder
        self.command = [proxy.binary(), "sink", "--listen", f"127.0.0.1:{port}", "--maildir", folder, "--xclient",
                        "--domain", "example.org", *options]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.process.stdout.readline()         # says where it listens when it is ready
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def messages(self):
        found = []
        for name in sorted(os.listdir(f"{self.folder}/new")):
            with open(f"{self.folder}/new/{name}", "rb") as file:
                found.append(file.read())
        return found
