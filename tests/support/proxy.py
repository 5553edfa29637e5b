# SPDX-License-Identifier: BSD-2-Clause
"""mxward itself, started on a configuration of its own in a temporary directory.

    with Proxy(backend="127.0.0.1:10025", rules='rule ...') as proxy:
        Client(proxy.address)
        proxy.records()          # what it wrote so far, one dict each
        proxy.processes()        # {"master": [pid], "worker": [...], "judge": [...], "keeper": [...]}

Leaving the block stops it and fails when a process or a sanitizer's report is left. Runs inside namespace.enter(), where its
ports and addresses are free. MXWARD names the binary; MXWARD_TEST_OUTPUT keeps directories and records after the run.
"""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import namespace

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ADDRESS = "192.0.2.25"
PASS_ALL = ""                      # no rule: everything passes, with the fields that are always added
SANITIZER = "log_path={directory}/sanitizer:exitcode=99:abort_on_error=0"


def binary():
    return os.environ.get("MXWARD") or os.path.join(os.environ.get("MXWARD_BUILD") or source("build"), "release", "mxward")


def source(*path):
    return os.path.join(TOP, *path)


def make_certificate(directory, name="mx.example.org", stem="mx"):
    """A self-signed certificate; (certificate, key) paths."""
    certificate, key = f"{directory}/{stem}.pem", f"{directory}/{stem}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                    "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    os.chmod(key, 0o640)
    if namespace.may_change_user():
        shutil.chown(key, "root", "mxward")
    return certificate, key


class NotStarted(Exception):
    """mxward ended, or did not become ready; its log is the message."""


class Proxy:
    def __init__(self, backend="127.0.0.1:10025", identify="xclient", relays=False, rules=PASS_ALL, rules_files=None,
                 listen=None, resolver='resolver { mode forward { "127.0.0.53" } unblock-lan-zones yes }',
                 limits="", workers=1, extra="", user="mxward", tls=True, record=True, directory=None):
        self.directory = directory or tempfile.mkdtemp(prefix="mxward-test-")
        os.chmod(self.directory, 0o755)
        self.backend = backend
        self.identify = identify
        self.relays = relays
        self.rules = rules
        self.rules_files = rules_files
        self.listen = listen or f'listen "{ADDRESS}:25" {{ tls {"starttls" if tls else "none"} }}\n'
        self.address = (ADDRESS, 25)
        self.resolver = resolver
        self.limits = limits
        self.workers = workers
        self.extra = extra
        self.user = user
        self.tls = tls
        self.record = record
        self.process = None
        self.notify = None
        self.environment = {}
        self.prefix = []               # a program that starts mxward: ["prlimit", ...]
        self.pass_fds = ()             # descriptors that it inherits
        self.former = []               # masters before this one
        self.rules_history = []        # a list of rules files, or the text of one, for each that was in force

    # ---- files

    @property
    def config_path(self):
        return f"{self.directory}/mxward.conf"

    @property
    def record_path(self):
        return f"{self.directory}/var/record.jsonl"

    def write_files(self):
        for name in ("var", "run", "spool"):
            os.makedirs(f"{self.directory}/{name}", exist_ok=True)
            if namespace.may_change_user():
                shutil.chown(f"{self.directory}/{name}", self.user, self.user)
        if self.tls and not os.path.exists(f"{self.directory}/mx.pem"):
            make_certificate(self.directory)
        if self.rules_files is None:
            self.write_rules(self.rules)
        else:
            self.rules_history.append("".join(f"# file {os.path.abspath(path)}\n" for path in self.rules_files))
        self.write_config()

    def within_reach(self, path):
        """mxward's user may not reach the sources, as below /root: it reads a copy of the shipped rules and their lists."""
        if not os.path.abspath(path).startswith(source("rules") + "/"):
            return path
        shutil.copytree(source("rules"), f"{self.directory}/rules", dirs_exist_ok=True)
        return f"{self.directory}/rules/{os.path.relpath(path, source('rules'))}"

    def write_rules(self, text):
        with open(f"{self.directory}/test.rules", "w", encoding="utf-8") as file:
            file.write(text)
        self.rules = text
        self.rules_history.append(text)

    def write_config(self):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(self.config())

    def config(self):
        rules = [self.within_reach(path) for path in self.rules_files or [f"{self.directory}/test.rules"]]
        lines = [
            'hostname "mx.example.org"',
            'authserv-id "mx.example.org"',
            f'user "{self.user}"' if namespace.may_change_user() else "",
            f'runtime-directory "{self.directory}/run"',
            f'spool-directory "{self.directory}/spool"',
            f"workers {self.workers}",
            self.listen,
            f'backend "{self.backend}" {{ identify-client {self.identify} '
            f'{"relays-for-anyone yes " if self.relays else ""}}}',
            f'tls {{ certificate "{self.directory}/mx.pem" key "{self.directory}/mx.key" }}' if self.tls else "",
            self.resolver,
            "rules { " + " ".join(f'file "{path}"' for path in rules) + " }",
            f'record {{ file "{self.record_path}" }}' if self.record else "record { none }",
            f"limits {{ {self.limits} }}" if self.limits else "",
            self.extra,
        ]
        return "\n".join(line for line in lines if line) + "\n"

    # ---- life

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.kill()
            self.tidy()
            return
        self.stop()
        problem = self.problem()
        self.tidy()
        if problem:
            raise AssertionError(problem)

    def start(self, seconds=30):
        self.write_files()
        self.listen_for_readiness()
        environment = dict(os.environ, NOTIFY_SOCKET=self.notify.getsockname(), **self.environment)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            environment[name] = SANITIZER.format(directory=f"{self.directory}/var") + ":" + os.environ.get(name, "")
        environment["UBSAN_OPTIONS"] += ":print_stacktrace=1"
        log = open(f"{self.directory}/log", "ab")
        if self.process is not None:
            self.former.append(self.process.pid)
        self.process = subprocess.Popen([*self.prefix, binary(), "run", "-c", self.config_path], env=environment, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, start_new_session=True, pass_fds=self.pass_fds)
        log.close()
        self.wait_ready(seconds)
        return self

    def listen_for_readiness(self):
        path = f"{self.directory}/run/notify"
        if self.notify is not None:
            self.notify.close()
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o666)

    def wait_notice(self, wanted, seconds=30):
        """A message of sd_notify(3) that has this line; False when none came."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.notify.settimeout(0.1)
            try:
                if wanted in self.notify.recv(4096).decode().split("\n"):
                    return True
            except TimeoutError:
                if self.process.poll() is not None:
                    return False
        return False

    def wait_ready(self, seconds=30):
        if not self.wait_notice("READY=1", seconds):
            log = self.log()
            self.kill()
            raise NotStarted(log)

    def reload(self, seconds=20):
        """SIGHUP; whether the new generation is in force (RELOADING=1, then READY=1)."""
        os.kill(self.process.pid, signal.SIGHUP)
        return self.wait_notice("READY=1", seconds)

    def stop(self, seconds=40):
        """SIGTERM and the end; the exit status. None when it was gone already."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"mxward did not end within {seconds} s of SIGTERM\n{self.log()}") from None
        self.wait_gone()
        return status

    def kill(self):
        if self.process is None:
            return
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait_gone(self, seconds=5):
        deadline = time.monotonic() + seconds
        while self.family([self.process.pid, *self.former]) and time.monotonic() < deadline:
            time.sleep(0.02)

    def problem(self):
        """What is wrong after the end: processes left, sanitizers' reports, another exit status than 0. None: nothing."""
        left = self.family([self.process.pid, *self.former])
        if left:
            self.kill_left()
            return f"processes are left: {left}\n{self.log()}"
        reports = self.sanitizer_reports()
        if reports:
            return reports
        if self.process.returncode not in (0, -signal.SIGKILL):
            return f"mxward ended with {self.process.returncode}\n{self.log()}"
        return None

    def kill_left(self):
        for pid, _ in self.family([self.process.pid, *self.former]):
            os.kill(pid, signal.SIGKILL)

    def sanitizer_reports(self):
        text = ""
        for path in sorted(glob.glob(f"{self.directory}/var/sanitizer.*")):
            with open(path, encoding="utf-8", errors="replace") as file:
                text += file.read()
        return text

    def tidy(self):
        if self.notify is not None:
            self.notify.close()
            self.notify = None
        self.keep_records()
        if not os.environ.get("MXWARD_TEST_OUTPUT"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def keep_records(self):
        """Every record written in a test is judged again by tests/replay_records, with the rules that were in force."""
        folder = os.environ.get("MXWARD_TEST_RECORDS")
        if not folder or not os.path.exists(self.record_path):
            return
        name = os.path.join(folder, os.path.basename(self.directory))
        os.makedirs(name, exist_ok=True)
        shutil.copy(self.record_path, f"{name}/record.jsonl")
        for number, paths in enumerate(self.rules_history):
            with open(f"{name}/rules-{number}", "w", encoding="utf-8") as file:
                file.write(paths)

    # ---- looking at it

    def log(self):
        with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def records(self):
        if not os.path.exists(self.record_path):
            return []
        with open(self.record_path, encoding="utf-8") as file:
            # Only LF ends a record, and one may be half written at this moment.
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def wait_records(self, count, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(self.records()) < count:
            time.sleep(0.02)
        return self.records()

    def command(self, *arguments, check=False, **options):
        """Another subcommand of the same binary with this configuration."""
        return subprocess.run([binary(), *arguments], capture_output=True, text=True, errors="replace", check=check,
                              timeout=60, **options)

    def status(self):
        return json.loads(self.command("status", "--json", "-c", self.config_path, check=True).stdout)

    def processes(self):
        """Living processes of this mxward by role: a child's role is its first argument."""
        found = {"master": [], "worker": [], "judge": [], "keeper": []}
        for pid, arguments in self.family([self.process.pid] if self.process else []):
            role = arguments[1] if len(arguments) > 1 else "?"
            found.setdefault({"run": "master"}.get(role, role), []).append(pid)
        return found

    def pids(self):
        return [pid for pid, _ in self.family([self.process.pid] if self.process else [])]

    @staticmethod
    def family(masters):
        """
        [(pid, arguments)] of those masters and all that descends from them, but for what is being started: between fork
        and exec a child has its parent's arguments.
        """
        family, parents = {}, {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                # The master began a session of its own; its children stay in it, orphaned or not.
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    state, parent, _, session = file.read().rpartition(")")[2].split()[:4]
                if int(session) not in masters or state in "ZX":
                    continue
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    family[int(entry)] = file.read().decode("utf-8", "replace").split("\0")[:-1]
                parents[int(entry)] = int(parent)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return sorted((pid, arguments) for pid, arguments in family.items() if family.get(parents[pid]) != arguments)

    def wait_role(self, role, count=1, seconds=10, other_than=()):
        """Until so many processes of that role live that are none of `other_than`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pids = [pid for pid in self.processes()[role] if pid not in other_than]
            if len(pids) >= count:
                return pids
            time.sleep(0.02)
        raise AssertionError(f"no {count} of {role}: {self.processes()}\n{self.log()}")

    def cpu_seconds(self):
        """User and system time of all its processes, with their ended children."""
        ticks = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rpartition(")")[2].split()
                ticks += sum(int(field) for field in fields[11:15])
            except FileNotFoundError:
                pass
        return ticks / os.sysconf("SC_CLK_TCK")
