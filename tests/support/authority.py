# SPDX-License-Identifier: BSD-2-Clause
"""A certificate authority of the test's own.

    authority = Authority(directory)
    certificate, key = authority.issue("mail", "DNS:mail.example.net")     # paths
    authority.path                                                         # whom to believe
"""

import os
import shutil
import subprocess

import namespace

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    def __init__(self, directory, stem="authority"):
        self.directory = directory
        self.path, self.key = f"{directory}/{stem}.pem", f"{directory}/{stem}.key"
        openssl("req", "-x509", *KEY, "-days", "30", "-subj", f"/CN={stem}", "-keyout", self.key, "-out", self.path)
        os.chmod(self.path, 0o644)

    def issue(self, stem, names, days=30, subject=None):
        """A certificate for subjectAltName's `names` (None: it has none); days -1: it has expired. Readable by mxward."""
        certificate, key, request = (f"{self.directory}/{stem}.{end}" for end in ("pem", "key", "csr"))
        openssl("req", "-new", *KEY, "-subj", f"/CN={subject or stem}", *(["-addext", f"subjectAltName={names}"] if names else []),
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key, "-CAcreateserial", "-copy_extensions",
                "copy", "-days", str(days), "-out", certificate)
        os.chmod(certificate, 0o644)
        os.chmod(key, 0o640)
        if namespace.may_change_user():
            shutil.chown(key, "root", "mxward")
        return certificate, key
