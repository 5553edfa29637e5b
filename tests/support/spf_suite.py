#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the public RFC 7208 test suite (rfc7208-tests.yml, as Debian's python3-spf ships it) through auth_spf().

usage: spf_suite.py SPF_CASE [-v]

SPF_CASE is the program of spf_case.c: it asks, this script answers from the suite's zones. Every result has to be one
that the suite allows, every explanation the suite's. Exit 0: all right; 1: a case is wrong; 2: something to install is
missing.
"""
import gzip
import glob
import ipaddress
import os
import subprocess
import sys
import tempfile

SUITE = "/usr/share/doc/python3-spf/rfc7208-tests.yml.gz"
CASES = 203

try:
    import yaml
except ImportError:
    print("spf_suite: Python's yaml is missing: apt-get install python3-yaml", file=sys.stderr)
    sys.exit(2)


def suite_text():
    """The suite's text: installed, or (documentation left out of an image) from the package's file."""
    for path in (os.environ.get("SPF_SUITE", ""), SUITE, SUITE[:-3]):
        if path and os.path.exists(path):
            opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")
            with opened as file:
                return file.read()
    for package in glob.glob("/var/cache/apt/archives/python3-spf_*.deb") + glob.glob("python3-spf_*.deb"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            with gzip.open(folder + SUITE, "rb") as file:
                return file.read()
    print("spf_suite: rfc7208-tests.yml is missing: apt-get install python3-spf (where documentation is left out: "
          "apt-get download python3-spf here, or name the file in SPF_SUITE)", file=sys.stderr)
    sys.exit(2)


class Loader(yaml.SafeLoader):
    """Texts as texts: no dates, no base-60 numbers out of IPv6 addresses."""


Loader.yaml_implicit_resolvers = {}


def to_bytes(text):
    """The suite writes bytes above 127 as the characters of that number."""
    return text.encode("latin-1") if max(map(ord, text), default=0) < 256 else text.encode()


def to_hex(data):
    return data.hex() if data else "-"


def presentation(name):
    out = ""
    for byte in to_bytes(name.rstrip(".").lower()):
        plain = 32 < byte < 127 and byte != 92
        out += chr(byte) if plain else "\\%03d" % byte
    return out or "."


class Zone:
    def __init__(self, data):
        self.names = {}
        for name, records in data.items():
            self.names[presentation(name)] = self.expand(records)

    @staticmethod
    def expand(records):
        """A list of (type, value). An SPF record stands for a TXT record too, unless the name has TXT of its own."""
        out = []
        has_txt = any(isinstance(r, dict) and "TXT" in r for r in records)
        for record in records:
            if isinstance(record, str):
                out.append((record, None))
                continue
            for kind, value in record.items():
                if kind == "SPF" and not has_txt:
                    out.append(("TXT", value))
                elif not (kind == "TXT" and value == "NONE"):
                    out.append((kind, value))
        return out or "."

    def lookup(self, kind, name):
        for _ in range(20):
            if name not in self.names:
                return "no-name", []
            records = self.names[name]
            found = [value for k, value in records if k == kind]
            if found:
                return "records", [self.encode(kind, value) for value in found]
            alias = [value for k, value in records if k == "CNAME"]
            if ("TIMEOUT", None) in records:
                return "timeout", []
            codes = [value for k, value in records if k == "RCODE"]
            if codes:
                return ("no-name" if codes[0] == "3" else "failed"), []
            if not alias:
                return "no-data", []
            name = presentation(alias[0])
        return "failed", []

    @staticmethod
    def encode(kind, value):
        if kind in ("A", "AAAA"):
            return 0, ipaddress.ip_address(value).packed
        if kind == "MX":
            return int(value[0]), presentation(value[1]).encode()
        if kind == "PTR":
            return 0, presentation(value).encode()
        strings = value if isinstance(value, list) else [value]
        return 0, b"".join(map(to_bytes, strings))


def run_case(program, zone, case):
    words = ["check", "mail"] + [to_hex(to_bytes(case.get(key) or "")) for key in ("host", "helo", "mailfrom")]
    program.stdin.write(" ".join(words) + "\n")
    program.stdin.flush()
    questions = []
    while True:
        line = program.stdout.readline().split()
        if not line:
            return "died", "", "", ""
        if line[0] == "ask":
            name = bytes.fromhex(line[2]).decode()
            questions.append((line[1], name))
        elif line[0] == "go":
            for kind, name in questions:
                status, records = zone.lookup(kind, name)
                parts = ["%d:%s" % (preference, to_hex(data)) for preference, data in records]
                program.stdin.write(" ".join(["answer", status] + parts) + "\n")
            program.stdin.flush()
            questions = []
        else:
            texts = [b"" if word == "-" else bytes.fromhex(word) for word in line[4:6]]
            numbers = "%s lookups, %s void" % (line[2], line[3])
            return line[1], numbers, texts[0].decode("latin-1"), texts[1].decode("latin-1")


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    verbose = "-v" in sys.argv
    program = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    count = right = explanations = explained = 0
    for scenario in yaml.load_all(suite_text(), Loader):
        if not scenario:
            continue
        zone = Zone(scenario["zonedata"])
        for name, case in scenario["tests"].items():
            count += 1
            allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
            result, numbers, explanation, reason = run_case(program, zone, case)
            good = result in allowed
            if "explanation" in case:
                explanations += 1
                expected = "" if case["explanation"] == "DEFAULT" else case["explanation"]
                same = explanation.lower() == expected.lower()
                explained += same
                if not same:
                    print("WRONG %s: explanation %r, not %r" % (name, explanation, expected))
                good = good and same
            right += good
            if result not in allowed:
                print("WRONG %s: %s (%s), not %s" % (name, result, reason, " or ".join(allowed)))
            elif verbose:
                print("right %s: %s (%s; %s)" % (name, result, reason, numbers))
            if result == "died":
                return 1
    program.stdin.close()
    program.wait()
    print("RFC 7208 suite: %d of %d cases right, %d of %d explanations" % (right, count, explained, explanations))
    if count != CASES:
        print("WRONG: the suite has %d cases, not %d" % (count, CASES))
    return 0 if right == count == CASES and program.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
