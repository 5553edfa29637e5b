# SPDX-License-Identifier: BSD-2-Clause
"""Fuzz targets: where they are, what they are for, what they reached.

A target tests/fuzz/fuzz_NAME.c says in its first comment which files hold its parser, as
    Parsers: policy/tag_list.c policy/auth_dkim_parse.c
Its seeds are in tests/fuzz/corpus/NAME; what a run found, in the folder of the build, in tests/fuzz/found/NAME.
"""

import glob
import os
import re
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMITS = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]


def names():
    return sorted(os.path.basename(path)[len("fuzz_"):-2] for path in glob.glob(f"{TOP}/tests/fuzz/fuzz_*.c"))


def parsers(name):
    with open(f"{TOP}/tests/fuzz/fuzz_{name}.c", encoding="utf-8") as file:
        head = re.sub(r"\n \* ?", " ", file.read().partition("*/\n/*")[2].partition("*/")[0])
    match = re.search(r"Parsers:((?: +[a-z]+/\w+\.c)+)", head)
    return match[1].split() if match else []


def corpus(name):
    return sorted(glob.glob(f"{TOP}/tests/fuzz/corpus/{name}/*"))


def program(folder, name):
    return f"{folder}/tests/fuzz/fuzz_{name}"


def found_folder(folder, name):
    return f"{folder}/tests/fuzz/found/{name}"


class Ended:
    """A process that ended: its status, the end of what it said, and its CPU seconds."""

    def __init__(self, command, environment=None, folder=None):
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                                       env=dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1",
                                                **(environment or {})))
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = self.status = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
            output.seek(max(0, output.seek(0, os.SEEK_END) - 20000))
            self.text = output.read().decode("utf-8", "replace")


class Coverage:
    """Lines of one file: reached, in all, and the numbers of those that were not reached."""

    def __init__(self, path):
        self.path = path
        self.lines = {}

    def missed(self):
        return sorted(number for number, count in self.lines.items() if count == 0)

    def percent(self):
        return 100 * (1 - len(self.missed()) / max(1, len(self.lines)))


def coverage(folder, name, inputs):
    """What the inputs reach in the target's parsers, by the build for coverage in `folder`: [Coverage], or text why not."""
    target = program(folder, name)
    with tempfile.TemporaryDirectory(prefix="mxward-coverage-") as scratch:
        environment = {"LLVM_PROFILE_FILE": f"{scratch}/raw"}
        run = Ended([target, *LIMITS, *inputs], environment)
        if run.status != 0:
            return run.text[-3000:]
        subprocess.run(["llvm-profdata", "merge", "-sparse", f"{scratch}/raw", "-o", f"{scratch}/profile"], check=True)
        exported = subprocess.run(["llvm-cov", "export", "-format=lcov", f"-instr-profile={scratch}/profile", target],
                                  capture_output=True, text=True, check=True).stdout
    found = {path: Coverage(path) for path in parsers(name)}
    current = None
    for line in exported.splitlines():
        if line.startswith("SF:"):
            current = found.get(os.path.relpath(os.path.realpath(line[3:]), os.path.realpath(TOP)))
        elif line.startswith("DA:") and current is not None:
            number, count = line[3:].split(",")[:2]
            current.lines[int(number)] = int(count)
    return list(found.values())
