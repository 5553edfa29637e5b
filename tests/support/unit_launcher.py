# SPDX-License-Identifier: BSD-2-Clause
"""unit_launcher.py UNIT COMMAND...: runs the command under the system-call filter of a systemd unit, as systemd would: allow-list,
address families, no memory that is writable and executable. User, capabilities and read-only paths are the caller's.
"""

import ctypes
import os
import subprocess
import sys

ERRNO_EPERM = 0x00050001
ALLOW = 0x7FFF0000
COMPARE_MASKED_EQUAL = 7
COMPARE_EQUAL = 4
PROT_WRITE, PROT_EXEC = 2, 4


class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_uint), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(unit, name):
    with open(unit, encoding="utf-8") as file:
        return [line.partition("=")[2].strip() for line in file if line.startswith(name + "=")]


def expand(names):
    """Names of system calls, those of @groups put in."""
    found = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        output = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
        members = [line.strip() for line in output.splitlines()[1:] if line.startswith("    ")]
        found |= expand([member for member in members if not member.startswith("#")])
    return found


def allowed(unit):
    calls = expand(["@default"])
    for value in settings(unit, "SystemCallFilter"):
        words = value.lstrip("~").split()
        calls = calls - expand(words) if value.startswith("~") else calls | expand(words)
    return calls


def load(unit):
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    names = allowed(unit)

    def number(name):
        return library.seccomp_syscall_resolve_name(name.encode())

    def fill(filter_, action, name, *comparisons):
        array = (Argument * len(comparisons))(*comparisons)
        if number(name) >= 0 and library.seccomp_rule_add_array(filter_, action, number(name), len(comparisons), array) != 0:
            raise OSError(f"a rule about {name}")

    filter_ = library.seccomp_init(ERRNO_EPERM)
    for name in sorted(names):
        fill(filter_, ALLOW, name)
    if library.seccomp_load(filter_) != 0:
        raise OSError("the filter could not be loaded")
    # A second filter: what the first allows, it may still deny.
    second = library.seccomp_init(ALLOW)
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"]:
        both = PROT_WRITE | PROT_EXEC
        fill(second, ERRNO_EPERM, "mmap", Argument(2, COMPARE_MASKED_EQUAL, both, both))
        fill(second, ERRNO_EPERM, "mprotect", Argument(2, COMPARE_MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
        fill(second, ERRNO_EPERM, "pkey_mprotect", Argument(2, COMPARE_MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
    wanted = {families[word] for value in settings(unit, "RestrictAddressFamilies") for word in value.split()}
    for family in set(range(45)) - wanted if wanted else ():
        fill(second, ERRNO_EPERM, "socket", Argument(0, COMPARE_EQUAL, family, 0))
    if library.seccomp_load(second) != 0:
        raise OSError("the second filter could not be loaded")


def main():
    unit, *command = sys.argv[1:]
    load(unit)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
