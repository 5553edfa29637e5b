# SPDX-License-Identifier: BSD-2-Clause
"""Our DKIM without a proxy: messages and key records in, what came of each signature out (tests/support/dkim_case.c).

    judge = Judge()
    signatures = judge.check(message, {"s1._domainkey.example.org": b"v=DKIM1; p=..."}, arrival=1528637909)
    signatures[0].result, signatures[0].reason
    judge.asked, judge.author_problem, judge.cpu                 # of the last check
    judge.differ                   # how many signatures our own way verifies otherwise than libopendkim

A key may be bytes, a list of bytes (several records), or a word: "no-name", "no-data", "failed", "timeout".
"""

import dataclasses
import os
import subprocess

FIELDS = ("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references", "mime-version",
          "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post")


@dataclasses.dataclass
class Signature:
    result: str
    tried: bool
    bits: int
    body: tuple            # (size, covered), or None
    added: list
    unsigned: list
    domain: str
    reason: str


def hexadecimal(data):
    return data.hex() or "-"


def text(word):
    return "" if word == "-" else bytes.fromhex(word).decode("utf-8", "replace")


def names(bits):
    return [name for index, name in enumerate(FIELDS) if bits >> index & 1]


class Judge:
    def __init__(self):
        program = os.path.join(os.environ.get("MXWARD_BUILD_FOLDER", "build/release"), "tests", "support", "dkim_case")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.asked = self.cpu = self.differ = 0
        self.author_problem = ""

    def say(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")

    def check(self, message, keys, arrival, most=10):
        for name, key in keys.items():
            name = hexadecimal(name.encode())
            if isinstance(key, str):
                self.say("key", name, key)
            else:
                self.say("key", name, "records", *(hexadecimal(data) for data in ([key] if isinstance(key, bytes) else key)))
        self.say("check", arrival, most, hexadecimal(message))
        self.process.stdin.flush()
        found = []
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "end":
                self.asked, self.author_problem, self.cpu, self.differ = int(words[1]), text(words[2]), int(words[3]), int(words[4])
                return found
            _, result, tried, bits, known, size, covered, added, unsigned, domain, reason = words
            found.append(Signature(result, tried == "1", int(bits), (int(size), int(covered)) if known == "1" else None,
                                   names(int(added)), names(int(unsigned)), text(domain), text(reason)))
        raise RuntimeError(f"dkim_case ended with {self.process.wait()} over {message!r} with {keys}")

    def close(self):
        self.process.stdin.close()
        return self.process.wait()
