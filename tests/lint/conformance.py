# SPDX-License-Identifier: BSD-2-Clause
"""The tables of tests/conformance: their form as its README.md says, and that every test they name exists."""

import glob
import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The lines within which a table says what was read.
HEAD = 20


def unit_tests():
    names = set()
    for path in glob.glob(f"{TOP}/tests/unit/*.c"):
        with open(path, encoding="utf-8") as file:
            names |= set(re.findall(r"^START_TEST\((\w+)\)", file.read(), flags=re.M))
    return names


def scenarios():
    return {os.path.basename(path)[:-len(".smtp")] for path in glob.glob(f"{TOP}/tests/scenarios/*.smtp")}


def suites():
    listed = subprocess.run([f"{TOP}/tests/run", "--list"], capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def cells(line):
    """The cells of a table's row; \\| is a bar in a text."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def references(text):
    """The references in a "shown by" cell, and what is wrong with it or None."""
    text = text.replace("`", "")
    named, _, why = text.partition("not ours:")
    if not why:
        named, _, why = text.partition("left out:")
    if ("not ours" in text or "left out" in text) and not why.strip(" ."):
        return [], "says no reason: `not ours: why`, `left out: why`"
    found = []
    for part in filter(None, (part.strip() for part in re.split(r"[,;]|<br>", named))):
        match = re.fullmatch(r"(unit|scenario|suite|spf-suite) ([\w.-]+)", part)
        if not match:
            return found, f"\"{part}\" is none of `unit TEST_FUNCTION`, `scenario NAME`, `suite NAME`, `spf-suite CASE`"
        found.append((match[1], match[2]))
    if not found and not why:
        return [], "names no test"
    return found, None


def check_row(line, known):
    row = cells(line)
    if len(row) != 3 or not all(row):
        yield f"has {len([cell for cell in row if cell])} filled cells; a row is | section | what it asks | shown by |"
        return
    found, wrong = references(row[2])
    if wrong:
        yield wrong
    for kind, name in found:
        if kind in known and name not in known[kind]:
            yield f"there is no {kind} {name}"


def check_table(text, known):
    """(line number, what is wrong) of one file."""
    lines = text.split("\n")
    head = " ".join(lines[:HEAD])
    if not re.search(r"\btext read\b", head, flags=re.I) or not re.search(r"\bin (full|part)\b", head, flags=re.I):
        yield 1, "has no line at its top \"Text read: WHICH, in full\" (or \"in part: what is missing\")"
    count = 0
    for number, line in enumerate(lines, 1):
        if not line.startswith("|") or re.fullmatch(r"[|\s:-]+", line) or cells(line)[0].lower() == "section":
            continue
        count += 1
        for problem in check_row(line, known):
            yield number, problem
    if not count:
        yield 1, "has no row"


def check():
    known = {"unit": unit_tests(), "scenario": scenarios(), "suite": suites()}
    for path in sorted(glob.glob(f"{TOP}/tests/conformance/rfc*.md")):
        with open(path, encoding="utf-8") as file:
            for number, problem in check_table(file.read(), known):
                yield f"{os.path.relpath(path, TOP)}:{number}: {problem}"
