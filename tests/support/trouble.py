# SPDX-License-Identifier: BSD-2-Clause
"""Faults, injected for real: descriptors run out, disks are full, hosts vanish. And what a process holds while that goes on."""

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time

import namespace

CGROUPS = "/sys/fs/cgroup"
TCP_REPAIR = 19                        # linux/tcp.h


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def anonymous(pid):
    """KiB that it has for itself: what it allocated, in memory or swapped out, not what it maps of files."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(("Anonymous:", "Swap:")))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def kill(pid):
    """False: it had gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def limits_of(pid):
    """(soft, hard) limit of descriptors."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        words = next(line.split() for line in file if line.startswith("Max open files"))
    return int(words[3]), int(words[4])


def limit_softly(pid, option):
    """As its own user: root may do it to others only with CAP_SYS_RESOURCE. An option of prlimit(1): "--nofile=20:"."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        owner = next(int(line.split()[1]) for line in file if line.startswith("Uid:"))
    change = [] if owner == os.getuid() else ["setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups"]
    subprocess.run([*change, "prlimit", f"--pid={pid}", option], check=True, capture_output=True)


def limit_again(pid, option):
    """What is over, for a process that may have died of it, or be dying."""
    try:
        limit_softly(pid, option)
    except (FileNotFoundError, ProcessLookupError):
        return
    except subprocess.CalledProcessError:
        wait_end(pid)


def wait_end(pid, seconds=5):
    """Until nothing runs by that number; what ends leaves a number for its parent."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            if file.read().rpartition(")")[2].split()[0] not in "ZX":
                time.sleep(0.02)
                continue
        return
    raise TimeoutError(f"process {pid} lives, and its limits could not be changed")


@contextlib.contextmanager
def squeezed(pid, more=0):
    """So many descriptors more than it has may it open."""
    soft, hard = limits_of(pid)
    # A new descriptor gets the lowest free number, which must be below the limit.
    used = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    free = (number for number in range(hard) if number not in used)
    limit_softly(pid, f"--nofile={next(itertools.islice(free, more, None))}:")
    try:
        yield
    finally:
        limit_again(pid, f"--nofile={soft}:")


@contextlib.contextmanager
def cramped(pid, more):
    """So many bytes of addresses more than it has may it map. What it starts meanwhile stays so."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        size = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmSize:"))
    limit_softly(pid, f"--as={size + more}:")
    try:
        yield
    finally:
        limit_again(pid, "--as=unlimited:")


def small_disk(path, size):
    """A file system of its own of that size ("8m"), which mxward may write."""
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", path], check=True)
    if namespace.may_change_user():
        shutil.chown(path, "mxward", "mxward")
    return path


def fill(path):
    """Until not a byte more fits. Returns the file."""
    name = f"{path}/filler"
    with open(name, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    return name


def vanish(sock):
    """As a host that loses its power: no FIN, no RST."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


def cut_off(address):
    """Nothing goes to that address any more, nor is it told that nothing does."""
    subprocess.run(["ip", "route", "add", "blackhole", f"{address}/32", "table", "local"], check=True)


class MemoryGroup:
    """A control group with a limit of memory, of version 1 or 2. OSError where there can be none."""

    def __init__(self):
        parent = f"{CGROUPS}/memory"
        self.first = os.path.isdir(parent)
        if not self.first:
            parent = CGROUPS
            with open(f"{parent}/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write("+memory")
        self.path = f"{parent}/mxward-test-{random.randrange(1 << 40)}"
        os.mkdir(self.path)

    def read(self, name):
        with open(f"{self.path}/{name}", encoding="ascii") as file:
            return dict(line.split() for line in file)

    def write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def add(self, pid):
        """Its children will belong to it, too. What it has allocated so far does not count."""
        self.write("cgroup.procs", pid)

    def limit(self, size):
        """In bytes; None: none."""
        if self.first:
            self.write("memory.limit_in_bytes", -1 if size is None else size)
        else:
            self.write("memory.max", "max" if size is None else size)

    def used(self):
        """Bytes that cannot be had back by forgetting what is cached."""
        found = self.read("memory.stat")
        return sum(int(found.get(name, 0)) for name in (("rss", "shmem") if self.first else ("anon", "shmem")))

    def killed(self):
        """How many processes for want of memory."""
        return int(self.read("memory.oom_control" if self.first else "memory.events").get("oom_kill", 0))

    def remove(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)
