# SPDX-License-Identifier: BSD-2-Clause
"""Sockets that a test holds and hands to mxward, as a service manager does (sd_listen_fds(3)): they outlive every restart.

    held = Held("192.0.2.25")
    proxy = Proxy(...)
    held.hand_to(proxy)                # starts it from now on with these sockets
    ...
    held.close()
"""

import os
import socket
import sys

# Sets LISTEN_PID to its own number, which mxward then has, and puts the sockets where sd_listen_fds(3) says.
HAND_OVER = """
import os, sys
sockets, names, process = [int(word) for word in sys.argv[1].split(",")], sys.argv[2], sys.argv[3]
for number, descriptor in enumerate(sockets):
    os.dup2(descriptor, 3 + number)
os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=names, LISTEN_PID=process or str(os.getpid()))
os.execvp(sys.argv[4], sys.argv[4:])
"""
# hand_over() puts the sockets at 3 and up: those held must be above all of these.
LOWEST = 20


class Held:
    def __init__(self, *addresses, port=25):
        self.kept = []                 # low numbers, in use so that the next one is higher
        self.sockets = [self.bound(address, port) for address in addresses]

    def bound(self, address, port):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(4096)
        high = socket.socket(fileno=os.dup(sock.fileno()))
        while high.fileno() < LOWEST:
            spare, high = high, socket.socket(fileno=os.dup(high.fileno()))
            self.kept.append(spare)
        sock.close()
        return high

    def hand_to(self, proxy, names="smtp:other", process=""):
        """`process`: for whom they are, if not for mxward."""
        numbers = ",".join(str(sock.fileno()) for sock in self.sockets)
        proxy.pass_fds = [sock.fileno() for sock in self.sockets]
        proxy.prefix = [sys.executable, "-c", HAND_OVER, numbers, names, process]
        return proxy

    def close(self):
        for sock in [*self.sockets, *self.kept]:
            sock.close()
        self.sockets, self.kept = [], []
