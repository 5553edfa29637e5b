# SPDX-License-Identifier: BSD-2-Clause
"""A world of its own for a test script: enter() runs the script again in new network, mount and process namespaces.

Only a loopback interface is there; the documentation networks (RFC 5737, RFC 3849) and 198.18.0.0/15 are local on it, so
that a client can come from any of their addresses. /etc/passwd, /etc/group and /etc/resolv.conf are the namespace's own
(users mxward, postfix, vmail, Debian-exim), the machine's are not touched. When the script ends, the kernel ends whatever it left
running. Needs root; without it a user namespace is used, in which there is one user only, and may_change_user() is False.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

MARK = "MXWARD_TEST_NAMESPACE"

# PID 1 must reap the orphans of processes that the test kills; a shell that waits for its child does.
INIT = '"$@"; exit $?'

USERS = """\
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
mxward:x:901:901:mxward:/nonexistent:/usr/sbin/nologin
postfix:x:902:902:postfix:/nonexistent:/usr/sbin/nologin
vmail:x:904:904:vmail:/nonexistent:/usr/sbin/nologin
Debian-exim:x:905:905:exim:/nonexistent:/usr/sbin/nologin
"""
GROUPS = """\
root:x:0:
nogroup:x:65534:
mxward:x:901:
postfix:x:902:
postdrop:x:903:
vmail:x:904:
Debian-exim:x:905:
"""
IPV4_NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")
IPV6_NETWORK = "2001:db8::/32"


def may_change_user():
    """Whether other users exist here: Postfix and the change from root to mxward need them."""
    return os.environ.get(MARK) == "root"


def enter():
    """Returns at once inside; outside, runs the same command inside and ends with its status."""
    if os.environ.get(MARK):
        _furnish()
        return
    root = os.geteuid() == 0
    environment = dict(os.environ, **{MARK: "root" if root else "user"})
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if not root:
        command.append("--map-root-user")
    command += ["sh", "-c", INIT, "sh", sys.executable, "-B", *sys.argv]
    os.execvpe(command[0], command, environment)


def _furnish():
    def run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    run("ip", "link", "set", "lo", "up")
    for network in IPV4_NETWORKS:
        run("ip", "route", "replace", "local", network, "dev", "lo")
    # Absent where the kernel has no IPv6; tests that want it ask has_ipv6().
    if has_ipv6():
        run("ip", "-6", "route", "replace", "local", IPV6_NETWORK, "dev", "lo")
        with open("/proc/sys/net/ipv6/ip_nonlocal_bind", "w", encoding="ascii") as setting:
            setting.write("1")
    if may_change_user():
        replace_file("/etc/passwd", USERS)
        replace_file("/etc/group", GROUPS)
    replace_file("/etc/resolv.conf", "nameserver 127.0.0.53\n")


def has_ipv6():
    return os.path.exists("/proc/sys/net/ipv6")


_replaced = set()


def replace_file(path, text):
    """Puts the text in place of a file of the machine, for this namespace only; again if that was done before."""
    if path in _replaced:
        subprocess.run(["umount", os.path.realpath(path)], check=True)
    _replaced.add(path)
    handle, name = tempfile.mkstemp(prefix="mxward-etc-")
    os.write(handle, text.encode())
    os.fchmod(handle, 0o644)
    os.close(handle)
    subprocess.run(["mount", "--bind", name, os.path.realpath(path)], check=True)
    os.unlink(name)


def end_session(process, seconds=10):
    """SIGTERM to a subprocess.Popen that began a session, and SIGKILL to what is left of the session."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getsid(int(entry)) == process.pid:
                os.kill(int(entry), signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    process.wait()


def wait_greeting(process, address, log, seconds=20):
    """Until a mail server of ours says 220 there. `log()`: what is told of one that does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}: {log()}")
        try:
            with socket.create_connection(address, 10) as connection:
                if connection.recv(3) == b"220":
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not answer: {log()}")
