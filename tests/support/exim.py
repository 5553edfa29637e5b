# SPDX-License-Identifier: BSD-2-Clause
"""A real Exim that keeps what it is sent, with all its files in a temporary directory.

    with Exim(directory) as exim:
        ...
        exim.queued()            # [(sender, content)], LF line ends, in no order

Unpacked into the build folder, and never installed: it runs as its own user, without a privilege, from a copy. It takes mail for
example.org on two ports, the second of which offers CHUNKING; it queues, and delivers nothing. XCLIENT it does not know.
"""

import os
import re
import shutil
import subprocess

import namespace

USER = "Debian-exim"                   # built into Debian's
PORT, PORT_CHUNKING = 10025, 10026

CONFIGURATION = """\
primary_hostname = mail.example.org
daemon_smtp_ports = {port} : {chunking}
local_interfaces = 127.0.0.1
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
pid_file_path = {directory}/log/pid
queue_only
chunking_advertise_hosts = ${{if eq{{$received_port}}{{{chunking}}}{{*}}}}
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
smtp_accept_max_nonmail_hosts =
acl_smtp_rcpt = recipient
begin acl
recipient:
  accept domains = example.org
  deny message = relay not permitted
"""


def find_binary():
    for root in ("", os.path.join(os.environ.get("MXWARD_BUILD", "build"), "exim4-daemon-light")):
        if os.access(root + "/usr/sbin/exim4", os.X_OK):
            return root + "/usr/sbin/exim4"
    return None


class Exim:
    def __init__(self, directory):
        self.directory = directory
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        binary = find_binary()
        if binary is None:
            raise RuntimeError("no Exim: ./quickstart check unpacks one")
        # The build folder may be out of its user's reach, and a set-user-id bit has no place here.
        shutil.copyfile(binary, f"{self.directory}/exim4")
        for name in ("spool", "log"):
            os.makedirs(f"{self.directory}/{name}", exist_ok=True)
            shutil.chown(f"{self.directory}/{name}", USER, USER)
        with open(f"{self.directory}/exim.conf", "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(directory=self.directory, port=PORT, chunking=PORT_CHUNKING))
        for path in (self.directory, f"{self.directory}/exim4"):
            os.chmod(path, 0o755)
        self.process = subprocess.Popen([f"{self.directory}/exim4", "-C", f"{self.directory}/exim.conf", "-bdf"], user=USER, group=USER,
                                        extra_groups=[], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        namespace.wait_greeting(self.process, ("127.0.0.1", PORT), self.log)

    def stop(self):
        if self.process is None:
            return
        namespace.end_session(self.process)
        self.process = None

    def log(self):
        text = ""
        for name in ("mainlog", "rejectlog", "paniclog"):
            if os.path.exists(f"{self.directory}/log/{name}"):
                with open(f"{self.directory}/log/{name}", encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def queued(self):
        folder = f"{self.directory}/spool/input"
        names = sorted(name[:-2] for name in os.listdir(folder) if name.endswith("-H")) if os.path.exists(folder) else []
        return [self._read(f"{folder}/{name}") for name in names]

    @staticmethod
    def _read(path):
        """Its spool files: of the envelope the third line is the sender, a blank line ends it, and each field of the header has its length
        and a letter in front; the body follows its own name."""
        with open(path + "-H", "rb") as file:
            envelope, _, fields = file.read().partition(b"\n\n")
        with open(path + "-D", "rb") as file:
            body = file.read().partition(b"\n")[2]
        header = b""
        while match := re.match(rb"(\d+)(.) ", fields):
            end = match.end() + int(match[1])
            header += fields[match.end():end] if match[2] != b"*" else b""
            fields = fields[end:]
        return envelope.split(b"\n")[2].strip(b"<>").decode(), header + b"\n" + body
