# SPDX-License-Identifier: BSD-2-Clause
"""Cases for the SPF differential: a client, its HELO and sender, and a world of DNS in which everything about SPF happens.

    case = Case(random.Random(7))
    case.client, case.helo, case.sender
    case.look_up("mail.example", "A")       # ("records", [value, ...], [alias, ...]), ("no-data" | "no-name" | "failed" | "timeout", [], [])

Names end in what they are for: hosts, wildcards, records to include; below a wildcard any name exists, so that every
expanded macro meets an answer. Values: A and AAAA as text, MX (preference, name), PTR and CNAME a name, TXT a list of
strings as bytes. A case never loops through aliases: what a resolver makes of that is not SPF's matter.
"""

import ipaddress

DOMAINS = ("example.com", "Mail.Example.ORG", "a-b.c.d.example.net", "xn--bcher-kva.example", "under_score.example")
LOCAL_PARTS = ("ann", "strong-bad", "Bob.Builder", "a+b=c", "x_y-z.1", "postmaster", "l" * 64, "~jack&jill", "m.n-o+p")
HELOS = ("client.example", "MX-1.Client.Example", "helo.a-b.example", "[192.0.2.1]", "localhost", "odd_helo.example")
HOSTS = tuple(f"h{number}.example" for number in range(6))
INCLUDED = tuple(f"inc{number}.example" for number in range(5))
WILDCARDS = tuple(f"w{number}.example" for number in range(4))
NAMELESS = ("void.example", "nothing.example", "nowhere.example")
FAILING = ("servfail.example", "timeout.example")
QUALIFIERS = ("", "+", "-", "~", "?")
LETTERS = "slodiphv"
EXPLAINING = "slodiphvcrt"
MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
MALFORMED = (
    "moo", "a:", "a:example", "include", "include:", "exists", "exists:x/24", "ip4:192.0.2", "ip4:192.0.2.300",
    "ip4:192.0.2.1/33", "ip4:192.0.2.1/08", "ip6:2001:db8::1::2", "ip6:2001:db8::/129", "ip6:192.0.2.1", "all:x.example",
    "all/8", "ptr/24", "a/33", "a//129", "a/24/64", "mx:%{x}.example", "a:%{d", "a:%{d0}.example", "exists:%{dx}.example",
    "exists:%x.example", "exists:%{i.example", "include:%{t}.example", "a:%{c}.example", "redirect=", "exp=", "=a",
    "-=a", "re direct", "a:foo.example.1", "a:foo.-bar", "a:foo.bar-", "a:foo..", "a=b=%", "x=%{y}", "1x=y", "a:b\tc.example",
    "a:\x01.example", "ip4:192.0.2.1//24", "+-all", "!all", "a,", "mx:%%.%", "exists:%{}.example", "exists:%{d*}.example",
    "A:%{D2R", "a:\u00fc.example", "x=\u00fc", "ip4=", "redirect:x.example", "exp:x.example",
)


class Case:
    def __init__(self, source):
        self.source = source
        self.records = {}              # (name, type) -> [values]
        self.wildcards = {}            # suffix -> {type: [values]}
        self.failing = {name: ("failed" if name.startswith("servfail") else "timeout") for name in FAILING}
        self.make_client()
        self.make_hosts()
        self.make_wildcards()
        self.make_names_of_client()
        self.make_records()

    # ---- the session

    def pick(self, *choices):
        return self.source.choice(choices)

    def chance(self, share):
        return self.source.random() < share

    def make_client(self):
        number = self.source.randrange(1, 40)
        if self.chance(0.35):
            self.client = f"2001:db8:{self.pick('', '0:1:', '8000:')}:{number:x}"
        else:
            self.client = self.pick("192.0.2.", "198.51.100.", "::ffff:192.0.2.") + str(number)
        address = ipaddress.ip_address(self.client)
        self.address = getattr(address, "ipv4_mapped", None) or address
        self.type = "A" if self.address.version == 4 else "AAAA"
        self.helo = self.source.choice(HELOS)
        self.domain = self.source.choice(DOMAINS)
        local = self.source.choice(LOCAL_PARTS)
        if self.chance(0.02):
            local = "b\u00fcro"
        if self.chance(0.02):
            self.domain += "."
        self.sender = f"{local}@{self.domain}"
        if self.chance(0.06):
            self.sender = ""
            self.domain = self.helo
        elif self.chance(0.03):
            self.domain = self.pick("localhost", "[192.0.2.1]", "l" * 64 + ".example", "two..dots.example")
            self.sender = f"{local}@{self.domain}"

    # ---- DNS

    def add(self, name, kind, *values):
        self.records.setdefault((name.lower(), kind), []).extend(values)

    def near(self):
        """An address: the client's, one beside it, or a stranger's."""
        kind = self.source.random()
        if kind < 0.35:
            return str(self.address)
        if kind < 0.7:
            bits = 8 if self.address.version == 4 else 64
            return str(self.address.__class__(int(self.address) ^ self.source.randrange(1, 1 << bits)))
        return "203.0.113.77" if self.address.version == 4 else "2001:db9::77"

    def make_hosts(self):
        for host in HOSTS:
            if self.chance(0.75):
                self.add(host, self.type, *(self.near() for _ in range(self.source.randrange(1, 4))))
            elif self.chance(0.5):
                self.add(host, "CNAME", self.source.choice(HOSTS[HOSTS.index(host) + 1:] + NAMELESS))
            other = "AAAA" if self.type == "A" else "A"
            if self.chance(0.3) and (host, "CNAME") not in self.records:
                self.add(host, other, "2001:db8::99" if other == "AAAA" else "192.0.2.99")
            if self.chance(0.4) and (host, "CNAME") not in self.records:
                self.make_exchanges(host)

    def make_exchanges(self, name):
        count = self.pick(1, 1, 2, 3, 3, 5, 10, 11)
        hosts = [self.source.choice(HOSTS + NAMELESS[:1] + (FAILING[:1] if self.chance(0.03) else ()))
                 for _ in range(min(count, 5))]
        hosts += [f"{number}.w0.example" for number in range(count - 5)]
        if self.chance(0.04):
            hosts = ["."]
        self.add(name, "MX", *((self.pick(10, 10, 20), host) for host in dict.fromkeys(hosts)))

    def make_wildcards(self):
        for suffix in WILDCARDS:
            found = {}
            if self.chance(0.7):
                found["A"] = ["127.0.0.2"] if self.chance(0.5) or self.type == "AAAA" else [self.near()]
            if self.type == "AAAA" and self.chance(0.6):
                found["AAAA"] = [self.near()]
            found["TXT"] = [[b"v=spf1 " + self.pick(b"-all", b"?all", b"+all", b"ip4:192.0.2.0/24 ip6:2001:db8::/32")]]
            if self.chance(0.5):
                found["MX"] = [(10, self.source.choice(HOSTS))]
            self.wildcards[suffix] = found

    def make_names_of_client(self):
        reverse = self.address.reverse_pointer
        if self.chance(0.06):
            self.failing[reverse] = "failed"
        elif self.chance(0.85):
            base = self.domain.rstrip(".").lower()
            choices = ["ptr.example", "x.ptr.example", "mx.example.com", f"mail.{base}"] + list(NAMELESS[:1]) * 2
            choices += list(FAILING[:1]) if self.chance(0.1) else []
            names = [self.source.choice(choices) for _ in range(self.pick(1, 1, 2, 3, 12))]
            names = [f"{number}.ptr.example" if number > 2 else name for number, name in enumerate(dict.fromkeys(names))]
            # In the order in which mxward looks at them: the answer's own means nothing (RFC 7208 4.6.4 ignores all but ten).
            self.add(reverse, "PTR", *sorted(names))
            for name in names:
                if name not in NAMELESS + FAILING and self.chance(0.8) and all(0 < len(label) < 64 for label in name.split(".")):
                    self.add(name, self.type, str(self.address) if self.chance(0.75) else self.near())

    # ---- records

    def macro(self, letters=LETTERS):
        letter = self.source.choice(letters)
        letter = letter.upper() if self.chance(0.15) else letter
        digits = str(self.pick(1, 1, 2, 2, 3, 5, 127, 300)) if self.chance(0.35) else ""
        reverse = self.pick("r", "r", "R") if self.chance(0.3) else ""
        delimiters = "".join(self.source.sample(".-+,/_=", self.pick(1, 1, 2, 7))) if self.chance(0.2) else ""
        return "%{" + letter + digits + reverse + delimiters + "}"

    def domain_spec(self, names):
        """A domain-spec that leads to one of the names, or below a wildcard by way of macros."""
        kind = self.source.random()
        if kind < 0.02:
            return self.source.choice(NAMELESS)
        if kind < 0.05:
            return self.source.choice(FAILING)
        if kind < 0.5:
            pieces = [self.macro() for _ in range(self.pick(1, 1, 1, 2, 3))]
            if self.chance(0.15):
                pieces.append(self.pick("%%", "%_", "%-", "_spf", "a:b", "x/y", "--"))
            if self.chance(0.02):
                pieces *= 12
            return ".".join(pieces) + "." + self.source.choice(WILDCARDS) + self.pick("", "", "", ".")
        if kind < 0.55:
            return self.pick("%{d}", "%{o}", "mail.%{d}", "%{h}", "%{D}", "%{d2}")
        name = self.source.choice(names)
        return self.pick(name, name, name.upper(), name + ".")

    def cidr(self):
        four = f"/{self.pick(0, 8, 24, 24, 25, 31, 32)}" if self.chance(0.35) else ""
        six = f"//{self.pick(0, 32, 48, 64, 127, 128)}" if self.chance(0.35) else ""
        return four + six

    def mechanism(self):
        name = self.source.choice(MECHANISMS[1:])
        if name == "include":
            text = ":" + self.domain_spec(INCLUDED)
        elif name in ("a", "mx"):
            text = (":" + self.domain_spec(HOSTS) if self.chance(0.8) else "") + self.cidr()
        elif name == "ptr":
            text = ":" + self.domain_spec(("ptr.example", "example.com")) if self.chance(0.6) else ""
        elif name == "exists":
            text = ":" + self.domain_spec(HOSTS)
        else:
            text = ":" + self.network(int(name[2]))
        name = name.upper() if self.chance(0.1) else name
        return self.source.choice(QUALIFIERS) + name + text

    def network(self, version):
        if version == 4:
            address = self.pick("192.0.2.", "198.51.100.", "203.0.113.") + str(self.source.randrange(0, 256))
            return address + (f"/{self.pick(0, 1, 8, 24, 24, 25, 27, 30, 32)}" if self.chance(0.6) else "")
        if self.chance(0.2):
            return self.pick("::ffff:192.0.2.0/120", "::/0", "::192.0.2.1", "::FFFF:C000:0201")
        address = self.pick("2001:db8::", "2001:DB8:8000:0::", "2001:db8:0:1::", "2001:db9::") + f"{self.source.randrange(99):x}"
        return address + (f"/{self.pick(0, 1, 32, 33, 48, 64, 127, 128)}" if self.chance(0.7) else "")

    def modifiers(self, depth):
        terms = []
        if self.chance(0.5):
            terms.append("exp=" + self.pick("why.example", "why.example", "%{d2}.why.example", self.domain_spec(("why.example",))))
        if self.chance(0.25) and depth < 4:
            terms.append("redirect=" + self.domain_spec(INCLUDED))
        if self.chance(0.12):
            terms.append(self.pick("moo=", "x-y.z_1=a%{d}/b", "moo=%%%_%-", "RP=100", "ra=ann", "default=-"))
        if self.chance(0.02):
            terms.append(self.pick("moo=again", "exp=why.example", "redirect=inc0.example"))
        return [self.pick(term, term, term, term, term[:1].upper() + term[1:]) for term in terms]

    def terms(self, depth):
        count = self.pick(0, 1, 1, 2, 2, 3, 4, 6) if not self.chance(0.05) else self.pick(9, 10, 11, 13)
        terms = [self.mechanism() for _ in range(count)]
        for modifier in self.modifiers(depth):
            terms.insert(self.source.randrange(len(terms) + 1) if self.chance(0.3) else len(terms), modifier)
        if self.chance(0.7):
            terms.insert(len(terms) if self.chance(0.9) else self.source.randrange(len(terms) + 1),
                         self.source.choice(("-", "-", "-", "~", "?", "+", "")) + self.pick("all", "all", "ALL"))
        if self.chance(0.035):
            terms.insert(self.source.randrange(len(terms) + 1), self.source.choice(MALFORMED))
        return terms

    def record(self, depth):
        version = self.pick("v=spf1", "v=spf1", "v=spf1", "V=SpF1")
        text = version + "".join(self.pick(" ", " ", " ", "  ") + term for term in self.terms(depth))
        return (text + (" " if self.chance(0.05) else "")).encode()

    def strings(self, text):
        """As one string, or cut anywhere (RFC 7208 3.3)."""
        if self.chance(0.75) and len(text) < 256:
            return [text]
        cut = self.source.randrange(len(text) + 1)
        return [piece for start in range(0, len(text[:cut]), 255) for piece in [text[:cut][start:start + 255]]] \
            + [text[cut:][start:start + 255] for start in range(0, len(text[cut:]), 255)] or [b""]

    def make_records(self):
        kind = self.source.random()
        if kind < 0.05:
            self.failing[self.domain.rstrip(".").lower()] = self.pick("failed", "timeout")
        elif kind < 0.10:
            self.add(self.domain.rstrip("."), "TXT", *self.pick([[b"v=spf10 -all"]], [[b"hello"], [b"v=spf1x"]], [[b"\xff v=spf1"]]))
        elif kind < 0.13:
            self.add(self.domain.rstrip("."), "TXT", [b"v=spf1 -all"], [b"v=spf1 " + self.pick(b"-all", b"+all")])
        elif kind < 0.97:
            self.add(self.domain.rstrip("."), "TXT", *self.with_others(self.record(0)))
        for depth, name in enumerate(INCLUDED):
            if self.chance(0.85):
                self.add(name, "TXT", *self.with_others(self.record(depth)))
            elif self.chance(0.5):
                self.add(name, "CNAME", self.source.choice(INCLUDED[depth + 1:] + NAMELESS))
        self.add("why.example", "TXT", *([self.explanation()] for _ in range(2 if self.chance(0.05) else 1)))

    def with_others(self, text):
        values = [self.strings(text)]
        if self.chance(0.1):
            values.insert(self.source.randrange(2), [b"other=\xc3\xbc"])
        return values

    def explanation(self):
        pieces = [self.pick("See", "Mail of %{o} from %{i}:", "http://%{d}/why.html?s=%{S}&i=%{I}", "no", "%{C}%_%{R}")]
        pieces += [self.macro(letters) for letters in self.pick((LETTERS, "crt"), ("crt", "crt"), (EXPLAINING, "c", "r", "t"))]
        if self.chance(0.15):
            pieces.append(self.pick("100%%", "a%_b", "%-", "%", "%{q}", "%{d", "\u00fc", "\t", "x" * 200 + ". " + "y" * 300))
        return " ".join(pieces).encode()

    # ---- answers

    def direct(self, name, kind):
        """(status, values) without following an alias; an alias is ("alias", [target])."""
        if name in self.failing:
            return self.failing[name], []
        values = self.records.get((name, kind))
        if values:
            return "records", values
        if (name, "CNAME") in self.records:
            return "alias", self.records[name, "CNAME"]
        for suffix, found in self.wildcards.items():
            if name.endswith("." + suffix):
                return ("records", found[kind]) if kind in found else ("no-data", [])
        known = any(found == name for found, _ in self.records)
        return ("no-data" if known else "no-name"), []

    def look_up(self, name, kind):
        aliases = []
        while True:
            status, values = self.direct(name, kind)
            if status != "alias":
                return status, values, aliases
            aliases.append((name, values[0]))
            name = values[0].lower()

    def texts(self, names):
        """The records of the names, as text: what is counted."""
        return [b"".join(value).decode("utf-8", "replace")
                for name in names for value in self.look_up(name, "TXT")[1]]
