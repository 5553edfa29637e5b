# SPDX-License-Identifier: BSD-2-Clause
"""Test messages: signed, spoofed, odd. Keys are made once a run; the zone of those who send them is in publish().

    senders = Senders(directory)
    senders.publish(zone)                          # keys, SPF, DMARC of aligned.example, reject.example, ...
    senders.signed("aligned.example", b"...body")
"""

import base64
import subprocess

import dkim

DATE = "Sun, 22 Nov 2026 10:00:00 +0000"
SELECTOR = b"test"
# name -> DMARC record; each has SPF for 192.0.2.10 only and both keys.
DOMAINS = {
    "aligned.example": "v=DMARC1; p=reject",
    "reject.example": "v=DMARC1; p=reject",
    "quarantine.example": "v=DMARC1; p=quarantine",
    "none.example": "v=DMARC1; p=none",
    "list.example": None,
}
SENDER_ADDRESS = "192.0.2.10"
STRANGER_ADDRESS = "198.51.100.7"


class Senders:
    def __init__(self, directory):
        self.key_path = f"{directory}/dkim-test.key"
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", self.key_path, "2048"], check=True,
                       stderr=subprocess.DEVNULL)
        with open(self.key_path, "rb") as file:
            self.key = file.read()
        public = subprocess.run(["openssl", "rsa", "-in", self.key_path, "-pubout", "-outform", "DER"], check=True,
                                capture_output=True).stdout
        self.key_record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()

    def publish(self, zone):
        for domain, dmarc in DOMAINS.items():
            zone.add(domain, "TXT", f"v=spf1 ip4:{SENDER_ADDRESS} -all")
            zone.add(domain, "MX", (10, f"mx.{domain}"))
            zone.add(f"mx.{domain}", "A", SENDER_ADDRESS)
            zone.add(f"test._domainkey.{domain}", "TXT", self.key_record)
            if dmarc:
                zone.add(f"_dmarc.{domain}", "TXT", dmarc)
        zone.add("10.2.0.192.in-addr.arpa", "PTR", "mx.aligned.example")
        zone.add("soft.example", "TXT", "v=spf1 ~all")
        return zone

    def sign(self, message, domain):
        signature = dkim.sign(message, SELECTOR, domain.encode(), self.key, canonicalize=(b"relaxed", b"relaxed"),
                              include_headers=[b"from", b"to", b"subject", b"date", b"message-id"])
        return signature.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + message

    def signed(self, domain, body=b"Hello.\r\n", **fields):
        return self.sign(plain(domain, body, **fields), domain)


def plain(domain, body=b"Hello.\r\n", **fields):
    """An unsigned message from that author domain. Fields: subject="x", message_id="x", extra="List-Id: <x>\\r\\n"."""
    head = (f"{fields.get('extra', '')}"
            f"From: Someone <someone@{domain}>\r\n"
            f"To: user@example.org\r\n"
            f"Subject: {fields.get('subject', 'test')}\r\n"
            f"Date: {DATE}\r\n"
            f"Message-ID: <{fields.get('message_id', 'one')}@{domain}>\r\n\r\n")
    return head.encode("utf-8", "surrogateescape") + body


def split(message):
    """(header with its empty line, body)."""
    head, separator, body = message.partition(b"\r\n\r\n")
    return head + separator, body


def without_ours(delivered, sent):
    """The fields in front of what was sent; None when what was sent is not the end of what was delivered."""
    return delivered[:len(delivered) - len(sent)] if delivered.endswith(sent) else None
