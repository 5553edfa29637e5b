# SPDX-License-Identifier: BSD-2-Clause
"""One line a test, as TAP has it: "ok 3 - name", "not ok 4 - name" with "# why" below, "ok 5 - name # SKIP reason".

    tap = Tap()
    tap.ok(reply.code == 250, "EHLO is answered", reply)
    tap.equal(got, expected, "the bytes arrive")
    tap.finish()
"""

import os
import sys
import traceback


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, truth, name, detail=None):
        self.count += 1
        if not truth:
            self.failed += 1
        print(f"{'' if truth else 'not '}ok {self.count} - {name}", flush=True)
        if not truth and detail is not None:
            for line in str(detail).splitlines():
                print(f"#   {line}", flush=True)
        return bool(truth)

    def equal(self, got, expected, name):
        return self.ok(got == expected, name, f"expected {shorten(expected)}\n     got {shorten(got)}")

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {reason}", flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def attempt(self, name, function, *arguments):
        """A test of its own that a broken one beside it does not end: an exception is a failure."""
        try:
            return function(*arguments)
        except Exception:  # whatever went wrong, the next test runs
            self.ok(False, name, traceback.format_exc())
            return None

    def finish(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed or self.count == 0 else 0)


def shorten(value, most=2000):
    text = repr(value)
    return text if len(text) <= most else text[:most] + f"... ({len(text)} characters)"


def seed(default=20):
    """The seed of whatever is generated: MXWARD_SEED, or one that is the same in every run; printed either way."""
    value = int(os.environ.get("MXWARD_SEED", default))
    print(f"# seed {value}", flush=True)
    return value
