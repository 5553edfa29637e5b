# SPDX-License-Identifier: BSD-2-Clause
"""A DNS of our own from the root down: authorities that refer to each other, signed by DNSSEC (RFC 4034, 4035) if they have a key.

    root = Authority("", "198.18.0.1", key=Key())
    leaf = Authority("aligned.example", "198.18.0.3", key=Key())
    root.delegate(leaf)                            # with glue, and DS where the child has a key
    leaf.zone.add("aligned.example", "TXT", "v=spf1 -all")
    with root, leaf:
        root.hints(path)                           # root hints that name it
        root.anchor(path)                          # its key as trust anchor

What is signed is signed as it is asked for. That a name is not there is said as "it has no such type" (an NSEC record of its own,
RFC 4470), so NXDOMAIN is for unsigned zones only. `spoiled` names get signatures that do not verify.
"""

import hashlib
import struct
import time

import nacl.signing

import dnsd

ED25519 = 15
SHA256 = 2
TTL = 60
DO = 0x8000


class Key:
    def __init__(self):
        self.secret = nacl.signing.SigningKey.generate()

    def dnskey(self):
        return struct.pack("!HBB", 257, 3, ED25519) + bytes(self.secret.verify_key)

    def tag(self):
        """RFC 4034, appendix B."""
        data = self.dnskey()
        total = sum(byte << (0 if index & 1 else 8) for index, byte in enumerate(data))
        return (total + (total >> 16 & 0xffff)) & 0xffff

    def ds(self, owner):
        return struct.pack("!HBB", self.tag(), ED25519, SHA256) + hashlib.sha256(dnsd.wire_name(owner) + self.dnskey()).digest()

    def sign(self, apex, owner, kind, values, spoiled):
        now = int(time.time())
        head = struct.pack("!HBBIIIH", dnsd.TYPES[kind], ED25519, len(owner), TTL, now + 86400, now - 3600, self.tag())
        head += dnsd.wire_name(apex)
        rows = b"".join(dnsd.wire_name(owner) + struct.pack("!HHIH", dnsd.TYPES[kind], 1, TTL, len(value)) + value
                        for value in sorted(values))
        return head + self.secret.sign(head + rows + (b"spoiled" if spoiled else b"")).signature


def bitmap(kinds):
    """RFC 4034, 4.1.2; all types here are in the first window."""
    numbers = [dnsd.TYPES[kind] for kind in kinds]
    octets = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        octets[number // 8] |= 0x80 >> number % 8
    return bytes([0, len(octets)]) + bytes(octets)


class Authority(dnsd.DnsServer):
    def __init__(self, apex, address, key=None):
        super().__init__(dnsd.Zone(), address)
        self.apex = dnsd.labels_of(apex)
        self.server_name = f"ns.{apex}" if apex else "ns"
        self.key = key
        self.children = {}             # labels -> Authority
        self.spoiled = set()           # names whose signatures do not verify
        self.zone.add(apex, "NS", self.server_name)
        self.zone.add(apex, "SOA", None)
        self.zone.add(self.server_name, "A", address)
        if key:
            self.zone.add(apex, "DNSKEY", key.dnskey())

    def delegate(self, child):
        self.children[child.apex] = child
        return child

    def hints(self, path):
        with open(path, "w", encoding="ascii") as file:
            file.write(f". 3600000 NS {self.server_name}.\n{self.server_name}. 3600000 A {self.address}\n")

    def anchor(self, path, key=None):
        with open(path, "w", encoding="ascii") as file:
            data = (key or self.key).ds(())
            file.write(f". 3600 IN DS {(key or self.key).tag()} {ED25519} {SHA256} {data[4:].hex()}\n")

    def sets(self, rows, signed):
        """Rows, each RRset followed by its signature."""
        out = []
        for owner, kind in dict.fromkeys((labels, kind) for labels, kind, _ in rows):
            values = [value for labels, name, value in rows if (labels, name) == (owner, kind)]
            out += [(owner, kind, value) for value in values]
            if signed and self.key:
                spoiled = dnsd.text_of(owner) in self.spoiled
                out.append((owner, "RRSIG", self.key.sign(self.apex, owner, kind, values, spoiled)))
        return out

    def absence(self, owner, kinds):
        return [(owner, "NSEC", dnsd.wire_name((b"\0",) + owner) + bitmap([*kinds, "RRSIG", "NSEC"]))]

    def child_of(self, labels, kind):
        for start in range(len(labels)):
            child = self.children.get(labels[start:])
            if child and not (labels == child.apex and kind == "DS"):
                return child
        return None

    def refer(self, child, signed):
        authority = [(child.apex, "NS", dnsd.encode("NS", child.server_name))]
        if signed and self.key:
            proof = [(child.apex, "DS", child.key.ds(child.apex))] if child.key else self.absence(child.apex, ["NS"])
            authority += self.sets(proof, True)
        glue = [(dnsd.labels_of(child.server_name), "A", dnsd.encode("A", child.address))]
        return dnsd.NOERROR, [], authority, glue

    def resolve(self, labels, kind, signed):
        """(rcode, answer, authority, additional)"""
        child = self.child_of(labels, kind)
        if child:
            return self.refer(child, signed)
        if labels[len(labels) - len(self.apex):] != self.apex:
            return dnsd.REFUSED, [], [], []
        if kind == "DS" and labels in self.children and self.children[labels].key:
            return dnsd.NOERROR, self.sets([(labels, "DS", self.children[labels].key.ds(labels))], signed), [], []
        rcode, rows = self.zone.look_up(labels, kind)
        if rows:
            return rcode, self.sets(rows, signed), [], []
        authority = [(self.apex, "SOA", dnsd.encode("SOA", None))]
        if signed and self.key:
            rcode = dnsd.NOERROR
            authority += self.absence(labels, [name for owner, name in self.zone.records if owner == labels] +
                                      (["NS"] if labels in self.children else []))
        return rcode, [], self.sets(authority, signed), []

    def reply(self, packet, end, labels, kind, behaviour, stream):
        if behaviour:
            return super().reply(packet, end, labels, kind, behaviour, stream)
        edns = len(packet) >= end + 11 and packet[end:end + 3] == b"\0\0\x29"
        signed = edns and struct.unpack_from("!H", packet, end + 7)[0] & DO
        rcode, answer, authority, additional = self.resolve(labels, kind, signed)
        reply = pack(packet, end, rcode, answer, authority, additional, edns, signed)
        if len(reply) > dnsd.UDP_MOST and not stream:
            return dnsd.build(packet, end, dnsd.NOERROR, [], truncated=True)
        return reply


def pack(packet, end, rcode, answer, authority, additional, edns, signed):
    identifier, flags = struct.unpack_from("!HH", packet)
    referral = not answer and any(kind == "NS" for _, kind, _ in authority)
    flags = 0x8000 | (0 if referral else 0x0400) | flags & 0x0100 | rcode
    head = struct.pack("!HHHHHH", identifier, flags, 1, len(answer), len(authority), len(additional) + bool(edns))
    body = b"".join(dnsd.wire_name(labels) + struct.pack("!HHIH", dnsd.TYPES[kind], 1, TTL, len(data)) + data
                    for labels, kind, data in answer + authority + additional)
    option = b"\0" + struct.pack("!HHHHH", 41, dnsd.UDP_MOST, 0, DO if signed else 0, 0) if edns else b""
    return head + packet[12:end] + body + option
