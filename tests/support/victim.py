# SPDX-License-Identifier: BSD-2-Clause
"""An mxward that much befalls: its socket is held for it through restarts, spool and records are on small file systems of their own."""

import contextlib
import os
import signal
import tempfile

import activation
import proxy as proxy_module
import trouble

# The file of records is put aside when it is larger: an hour of them has no room.
RECORDS_MOST = 100 << 20
PLAIN_RULES = 'rule odd at mail { when sender.domain == "odd.example" then log "odd" }\n'


class Victim(proxy_module.Proxy):
    """Judges by strict.rules, and by rules of its own that write_rules() changes."""

    def __init__(self, records="256m", spool="32m", **options):
        super().__init__(directory=tempfile.mkdtemp(prefix="mxward-test-"), **options)
        self.disks = {"records": records, "spool": spool}
        self.held = activation.Held(proxy_module.ADDRESS)
        self.held.hand_to(self, names="smtp")
        self.rules_files = [os.path.abspath(proxy_module.source("rules", "strict.rules")), f"{self.directory}/test.rules"]
        self.write_rules(PLAIN_RULES)

    def __exit__(self, *arguments):
        try:
            super().__exit__(*arguments)
        finally:
            self.held.close()

    @property
    def record_path(self):
        return f"{self.directory}/records/record.jsonl"

    def write_files(self):
        for name, size in self.disks.items():
            if not os.path.exists(f"{self.directory}/{name}"):
                trouble.small_disk(f"{self.directory}/{name}", size)
        super().write_files()

    def keep_records(self):
        """Not for tests/replay_records: there are too many, and which rules were in force when is not known."""

    def turn_over(self):
        if os.path.exists(self.record_path) and os.path.getsize(self.record_path) > RECORDS_MOST:
            os.rename(self.record_path, self.record_path + ".1")
            os.kill(self.process.pid, signal.SIGUSR1)

    def forget_notices(self):
        """What was said on earlier occasions is not said of the next."""
        self.notify.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.notify.recv(4096)

    def must_reload(self, seconds=60):
        self.forget_notices()
        if not self.reload(seconds):
            raise AssertionError(f"no READY=1 after SIGHUP: {self.log()[-2000:]}")
