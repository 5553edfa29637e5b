# SPDX-License-Identifier: BSD-2-Clause
"""A real Dovecot that delivers by LMTP into Maildirs, with all its files in a temporary directory.

    with Dovecot(directory) as dovecot:
        ...
        dovecot.delivered("user@example.org")    # messages in that Maildir, oldest first, LF line ends

Unpacked into the build folder, and never installed. It listens at 127.0.0.1:10024 and at the UNIX socket dovecot.socket; whoever
connects from loopback may say by XCLIENT who the client is. With `certificate` and `key` it offers STARTTLS. Runs inside
namespace.enter() as root.
"""

import os
import shutil
import subprocess

import namespace

PORT = 10024
USERS = ("user@example.org", "second@example.org")

CONFIGURATION = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
protocols = lmtp
listen = 127.0.0.1
default_internal_user = vmail
default_internal_group = vmail
default_login_user = nobody
first_valid_uid = 904
mail_location = maildir:~/Maildir
login_trusted_networks = 127.0.0.0/8
{tls}
passdb {{
  driver = static
  args = nopassword
}}
userdb {{
  driver = passwd-file
  args = {directory}/users
}}
service config {{
  executable = config -c {directory}/dovecot.conf
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""


def find_trees():
    """Where the two packages are unpacked, or None."""
    build = os.environ.get("MXWARD_BUILD", "build")
    trees = [os.path.join(build, name) for name in ("dovecot-core", "dovecot-lmtpd")]
    return trees if all(os.path.isdir(tree) for tree in trees) else None


def install(trees, folder):
    """Where it looks for its own parts is built in: they are put over /usr/lib, for this namespace only."""
    if os.path.isdir("/usr/lib/dovecot"):
        return
    for tree in trees:
        shutil.copytree(f"{tree}/usr/lib/dovecot", f"{folder}/dovecot", dirs_exist_ok=True, symlinks=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder}:/usr/lib", "/usr/lib"], check=True)


class Dovecot:
    def __init__(self, directory, certificate=None, key=None):
        self.directory = directory
        self.process = None
        self.tls = f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}" if certificate else "ssl = no"

    @property
    def socket(self):
        return f"{self.directory}/run/lmtp"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        trees = find_trees()
        if trees is None:
            raise RuntimeError("no Dovecot: ./quickstart check unpacks one")
        os.chmod(self.directory, 0o755)
        install(trees, f"{self.directory}/overlay")
        for name in ("run", "state"):
            os.makedirs(f"{self.directory}/{name}", mode=0o755)
        with open(f"{self.directory}/users", "w", encoding="utf-8") as file:
            for user in USERS:
                home = f"{self.directory}/mail/{user}"
                os.makedirs(home)
                shutil.chown(home, "vmail", "vmail")
                file.write(f"{user}::904:904::{home}::\n")
        with open(f"{self.directory}/dovecot.conf", "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(directory=self.directory, port=PORT, tls=self.tls))
        self.process = subprocess.Popen([f"{trees[0]}/usr/bin/doveconf", "-f", "service=master", "-c", f"{self.directory}/dovecot.conf", "-e",
                                         f"{trees[0]}/usr/sbin/dovecot", "-F"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        namespace.wait_greeting(self.process, ("127.0.0.1", PORT), self.log)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self):
        try:
            with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def delivered(self, user):
        folder = f"{self.directory}/mail/{user}/Maildir/new"
        paths = [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []
        contents = []
        for path in sorted(paths, key=lambda path: os.stat(path).st_mtime_ns):
            with open(path, "rb") as file:
                contents.append(file.read())
        return contents
