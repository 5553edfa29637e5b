# SPDX-License-Identifier: BSD-2-Clause
"""The client's side of SASL mechanisms over SMTP (RFC 4954), and a store of passwords for Postfix with Cyrus SASL.

    reply = sasl.authenticate(client, "SCRAM-SHA-256", "ann", "open sesame")       # an smtp_client.Client
    settings = sasl.cyrus(directory, {"ann": "open sesame"}, "mail.example.org")   # lines for main.cf
"""

import base64
import hashlib
import hmac
import os
import re
import shutil
import subprocess

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")


def encoded(data):
    return base64.b64encode(data).decode()


# ---- mechanisms: generators that yield a response and are sent the next challenge, both decoded

def plain(user, password):
    yield f"\0{user}\0{password}".encode()


def login(user, password):
    yield b""
    yield user.encode()
    yield password.encode()


def cram_md5(user, password):
    challenge = yield b""
    yield f"{user} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()


def digest_md5(user, password):
    """RFC 2831, quality of protection auth."""
    challenge = yield b""
    directives = dict(re.findall(r'([\w-]+)=(?:"([^"]*)")?', challenge.decode()))
    realm, nonce, cnonce, uri = directives.get("realm", ""), directives["nonce"], "0a4f113b", "smtp/mail.example.org"

    def digest(text):
        return hashlib.md5(text if isinstance(text, bytes) else text.encode())

    first = digest(f"{user}:{realm}:{password}").digest() + f":{nonce}:{cnonce}".encode()
    response = digest(f"{digest(first).hexdigest()}:{nonce}:00000001:{cnonce}:auth:{digest('AUTHENTICATE:' + uri).hexdigest()}")
    yield (f'charset=utf-8,username="{user}",realm="{realm}",nonce="{nonce}",nc=00000001,cnonce="{cnonce}",digest-uri="{uri}",'
           f"response={response.hexdigest()},qop=auth").encode()
    yield b""


def scram(algorithm):
    def run(user, password):
        """RFC 5802, without channel binding."""
        bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r=fyko+d2lbbFgONRv9qkxdawL"
        first = (yield f"n,,{bare}".encode()).decode()
        values = dict(pair.split("=", 1) for pair in first.split(","))
        salted = hashlib.pbkdf2_hmac(algorithm, password.encode(), base64.b64decode(values["s"]), int(values["i"]))
        key = hmac.new(salted, b"Client Key", algorithm).digest()
        final = f"c=biws,r={values['r']}"
        signed = f"{bare},{first},{final}".encode()
        signature = hmac.new(hashlib.new(algorithm, key).digest(), signed, algorithm).digest()
        proof = bytes(a ^ b for a, b in zip(key, signature))
        yield f"{final},p={encoded(proof)}".encode()
        yield b""
    return run


RUN = {"PLAIN": plain, "LOGIN": login, "CRAM-MD5": cram_md5, "DIGEST-MD5": digest_md5, "SCRAM-SHA-1": scram("sha1"),
       "SCRAM-SHA-256": scram("sha256")}
CLIENT_FIRST = ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256")


def authenticate(client, mechanism, user, password, initial=True):
    """The reply that ended it."""
    steps = RUN[mechanism](user, password)
    response = next(steps)
    send_initial = initial and mechanism in CLIENT_FIRST
    reply = client.command(f"AUTH {mechanism}" + (f" {encoded(response)}" if send_initial else ""))
    if reply.code == 334 and not send_initial and mechanism in CLIENT_FIRST:
        reply = client.command(encoded(response))
    while reply.code == 334:
        reply = client.command(encoded(steps.send(base64.b64decode(reply.text))))
    return reply


# ---- Postfix

def password_program():
    """saslpasswd2, installed or where quickstart unpacked it."""
    unpacked = os.path.join(os.environ.get("MXWARD_BUILD", "build"), "sasl2-bin", "usr/sbin/saslpasswd2")
    return unpacked if os.access(unpacked, os.X_OK) else "saslpasswd2"


def cyrus(directory, users, realm, chroot=""):
    """Makes the store, where a smtpd in that folder for its root finds it; the lines for main.cf."""
    # Where Debian's Postfix looks for it: below the folder of main.cf.
    folder = f"{directory}/etc/sasl"
    store = f"{chroot or folder}/sasldb2"
    os.makedirs(os.path.dirname(store), exist_ok=True)
    os.makedirs(folder, exist_ok=True)
    for user, password in users.items():
        subprocess.run([password_program(), "-c", "-p", "-u", realm, "-f", store, user], input=password.encode(),
                       check=True, stdout=subprocess.DEVNULL)
    shutil.chown(store, "postfix", "postfix")
    with open(f"{folder}/smtpd.conf", "w", encoding="ascii") as file:
        file.write(f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {store.removeprefix(chroot)}\n"
                   f"mech_list: {' '.join(MECHANISMS)} EXTERNAL\n")
    return f"smtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\nsmtpd_sasl_local_domain = {realm}\n"


# What README says a submission service behind mxward is given.
SERVICE = """\
{address}:{port} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=no
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_authorized_xclient_hosts={xclient}
"""
