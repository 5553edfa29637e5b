# SPDX-License-Identifier: BSD-2-Clause
"""Faults to be found: tests/fuzz/planted/TARGET-WHAT.patch takes one bounds check out of a parser of the fuzz target TARGET.

A patch is a few words about it, then a unified diff of one file. The lines that it takes the place of are looked for by their
text alone, which must be in the file once; line numbers do not matter.
"""

import glob
import os
import re

import fuzzing

FOLDER = f"{fuzzing.TOP}/tests/fuzz/planted"


class Misfit(Exception):
    """The patch says what its file does not."""


class Patch:
    def __init__(self, path):
        self.name = os.path.basename(path)[: -len(".patch")]
        self.target = self.name.partition("-")[0]
        with open(path, encoding="utf-8") as file:
            self.about, _, diff = file.read().partition("--- a/")
        files = re.findall(r"^\+\+\+ b/(\S+)$", diff, flags=re.M)
        self.file = files[0] if len(files) == 1 else None
        self.hunks = re.split(r"^@@.*\n", diff, flags=re.M)[1:]

    def problem(self):
        """What is wrong with it, or None."""
        if self.target not in fuzzing.names():
            return f"there is no tests/fuzz/fuzz_{self.target}.c"
        if self.file not in fuzzing.parsers(self.target):
            return f"{self.file} is no parser of tests/fuzz/fuzz_{self.target}.c"
        if not self.about.strip() or not self.hunks:
            return "it has a word about it, and a change"
        try:
            self.applied()
        except Misfit as misfit:
            return str(misfit)
        return None

    def applied(self):
        """The text of its file with the fault in it."""
        with open(os.path.join(fuzzing.TOP, self.file), encoding="utf-8") as file:
            text = file.read()
        for hunk in self.hunks:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            after = "".join(line[1:] for line in lines if line[0] in " +")
            if text.count(before) != 1:
                raise Misfit(f"{self.file} has {text.count(before)} times what it changes, not once:\n{before}")
            text = text.replace(before, after)
        return text


def patches(targets=()):
    found = [Patch(path) for path in sorted(glob.glob(f"{FOLDER}/*.patch"))]
    return [patch for patch in found if not targets or patch.target in targets]
