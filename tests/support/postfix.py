# SPDX-License-Identifier: BSD-2-Clause
"""A real Postfix, installed or unpacked into the build folder, with all its files in a temporary directory.

    with Postfix(directory, port=10025) as postfix:
        ...
        postfix.delivered("user@example.org")   # the messages in that Maildir, oldest first, as bytes

Runs inside namespace.enter() as root. Everything to `domains` is delivered to Maildirs by virtual(8); `settings` are lines
for main.cf. The log is in postfix.log().
"""

import os
import shutil
import subprocess
import time

import namespace

MASTER_CF = """\
{address}:{port} inet n - n - - smtpd
postlog    unix-dgram n - n - 1 postlogd
pickup     unix n - n 60 1 pickup
cleanup    unix n - n - 0 cleanup
qmgr       unix n - n 300 1 qmgr
rewrite    unix - - n - - trivial-rewrite
bounce     unix - - n - 0 bounce
defer      unix - - n - 0 bounce
trace      unix - - n - 0 bounce
verify     unix - - n - 1 verify
flush      unix n - n 1000? 0 flush
proxymap   unix - - n - - proxymap
smtp       unix - - n - - smtp
relay      unix - - n - - smtp
showq      unix n - n - - showq
error      unix - - n - - error
retry      unix - - n - - error
discard    unix - - n - - discard
virtual    unix - n n - - virtual
anvil      unix - - n - 1 anvil
scache     unix - - n - 1 scache
"""

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = {tree}/usr/lib/postfix/sbin
command_directory = {tree}/usr/sbin
shlib_directory = {tree}/usr/lib/postfix
meta_directory = {directory}/etc
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH
export_environment = MAIL_CONFIG TZ LANG=C LD_LIBRARY_PATH
mail_owner = postfix
setgid_group = postdrop
maillog_file = {directory}/log/maillog
maillog_file_prefixes = {directory}/log
myhostname = mail.example.org
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = all
inet_protocols = all
smtpd_banner = mail.example.org ESMTP test backend
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_authorized_xclient_hosts = {xclient}
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = {mailboxes}
virtual_uid_maps = static:904
virtual_gid_maps = static:904
virtual_mailbox_limit = 0
virtual_transport = virtual
message_size_limit = 104857600
in_flow_delay = 0
local_recipient_maps =
"""

QUEUE_FOLDERS = (
    "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace".split()
)


def find_tree():
    """The root of a Postfix: "" when it is installed, else where quickstart unpacked it; None without one."""
    for tree in ("", os.path.join(os.environ.get("MXWARD_BUILD", "build"), "postfix")):
        if os.access(tree + "/usr/lib/postfix/sbin/master", os.X_OK):
            return os.path.abspath(tree) if tree else ""
    return None


class Postfix:
    def __init__(self, directory, port=10025, address="127.0.0.1", domains=("example.org",), xclient="127.0.0.0/8",
                 mailboxes="static:all/", settings="", master_cf=None):
        self.directory = directory
        self.address = address
        self.port = port
        self.tree = find_tree()
        if self.tree is None:
            raise RuntimeError("no Postfix: ./quickstart check unpacks one")
        self.main_cf = MAIN_CF.format(directory=directory, tree=self.tree, xclient=xclient,
                                      domains=" ".join(domains), mailboxes=mailboxes) + settings
        self.master_cf = master_cf or MASTER_CF.format(address=address, port=port)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._make_folders()
        with open(f"{self.directory}/etc/main.cf", "w", encoding="utf-8") as file:
            file.write(self.main_cf)
        with open(f"{self.directory}/etc/master.cf", "w", encoding="utf-8") as file:
            file.write(self.master_cf)
        self.launch()

    def environment(self):
        return dict(os.environ, LD_LIBRARY_PATH=f"{self.tree}/usr/lib/postfix", MAIL_CONFIG=f"{self.directory}/etc")

    def launch(self):
        """With the configuration files as they are."""
        # -s: the foreground, with postlogd; -d keeps it our child.
        self.process = subprocess.Popen(
            [f"{self.tree}/usr/lib/postfix/sbin/master", "-c", f"{self.directory}/etc", "-d"],
            env=self.environment(), start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        namespace.wait_greeting(self.process, (self.address, self.port), self.log)

    def _make_folders(self):
        os.makedirs(f"{self.directory}/etc", exist_ok=True)
        os.makedirs(f"{self.directory}/log", exist_ok=True)
        os.chmod(self.directory, 0o755)
        for name, user, mode in (("data", "postfix", 0o700), ("mail", "vmail", 0o755)):
            os.makedirs(f"{self.directory}/{name}", exist_ok=True)
            shutil.chown(f"{self.directory}/{name}", user, user)
            os.chmod(f"{self.directory}/{name}", mode)
        os.makedirs(f"{self.directory}/queue", exist_ok=True)
        for name in QUEUE_FOLDERS:
            path = f"{self.directory}/queue/{name}"
            os.makedirs(path, exist_ok=True)
            if name != "pid":
                shutil.chown(path, "postfix", "postdrop" if name in ("maildrop", "public") else "root")
            os.chmod(path, {"maildrop": 0o730, "public": 0o710, "pid": 0o755}.get(name, 0o700))

    def stop(self):
        if self.process is None:
            return
        # Its daemons are of the session that it began.
        namespace.end_session(self.process)
        self.process = None

    def log(self):
        try:
            with open(f"{self.directory}/log/maillog", encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def delivered(self, address=None):
        """Messages delivered, oldest first, with Postfix's own fields, LF line ends."""
        found = []
        for folder, _, names in os.walk(f"{self.directory}/mail"):
            if os.path.basename(folder) in ("new", "cur"):
                found += [os.path.join(folder, name) for name in names]
        messages = []
        for path in sorted(found, key=lambda path: os.stat(path).st_mtime_ns):
            with open(path, "rb") as file:
                content = file.read()
            if address is None or b"Delivered-To: " + address.encode() in content:
                messages.append(content)
        return messages

    def wait_delivered(self, count, address=None, seconds=20):
        """Waits until at least so many are there; returns them."""
        deadline = time.monotonic() + seconds
        while True:
            messages = self.delivered(address)
            if len(messages) >= count or time.monotonic() > deadline:
                return messages
            time.sleep(0.05)

    def wait_empty(self, seconds=20):
        """Until nothing is queued: every recipient of every message has it."""
        deadline = time.monotonic() + seconds
        while self.queued() and time.monotonic() < deadline:
            time.sleep(0.02)

    def queued(self):
        """Files in the queue: messages not delivered yet."""
        return sum(len(names) for folder in ("incoming", "active", "deferred", "maildrop", "hold")
                   for _, _, names in os.walk(f"{self.directory}/queue/{folder}"))
