# SPDX-License-Identifier: BSD-2-Clause
"""The public RFC 7208 suite as scenarios that can be served, sent and counted.

    for scenario in scenarios():
        zone = scenario.dns_zone()         # for dnsd.DnsServer
        for case in scenario.cases:
            case.client, case.helo, case.sender, case.results, case.explanation
            case.count()                   # (terms, void look-ups) by another program: python3-spf with its deviations mended
"""

import ipaddress

import dnsd
import spf_python
import spf_suite
import yaml

TYPES = ("A", "AAAA", "MX", "PTR", "TXT")


class Case:
    def __init__(self, scenario, name, data):
        self.scenario = scenario
        self.name = name
        self.client = data["host"]
        self.helo = data["helo"]
        self.sender = data.get("mailfrom") or ""
        self.results = data["result"] if isinstance(data["result"], list) else [data["result"]]
        self.silent = False            # a question of it is never answered, as count() found
        self.explanation = data.get("explanation")     # None: the case has none; "DEFAULT": none is to be had
        address = ipaddress.ip_address(self.client)
        self.address = getattr(address, "ipv4_mapped", None) or address

    def look_up(self, name, kind):
        """As spf_generated.Case.look_up()."""
        zone, aliases, name = self.scenario.names, [], spf_suite.presentation(name)
        for _ in range(20):
            if name not in zone:
                return "no-name", [], aliases
            found = [value for found_kind, value in zone[name] if found_kind == kind]
            if found:
                return "records", [decode(kind, value) for value in found], aliases
            if ("TIMEOUT", None) in zone[name]:
                self.silent = True
                return "timeout", [], aliases
            targets = [value for found_kind, value in zone[name] if found_kind == "CNAME"]
            if not targets:
                return "no-data", [], aliases
            aliases.append((name, targets[0]))
            name = spf_suite.presentation(targets[0])
        return "failed", [], []

    def count(self):
        return spf_python.count(self)

    def hears(self, result, explanation):
        """What is wrong with what was said of it; None: nothing."""
        if result not in self.results:
            return f"{result}, not {' or '.join(self.results)}"
        if self.explanation is None:
            return None
        expected = "" if self.explanation == "DEFAULT" else self.explanation
        # Hexadecimal digits of %{i} in any case.
        return None if explanation.lower() == expected.lower() else f"explanation {explanation!r}, not {expected!r}"


def decode(kind, value):
    if kind == "TXT":
        return [spf_suite.to_bytes(text) for text in (value if isinstance(value, list) else [value])]
    if kind == "MX":
        return int(value[0]), value[1].rstrip(".") or "."
    return value.rstrip(".") if kind == "PTR" else value


class Scenario:
    def __init__(self, data):
        self.description = data["description"]
        self.names = {spf_suite.presentation(name): spf_suite.Zone.expand(records) for name, records in data["zonedata"].items()}
        self.cases = [Case(self, name, case) for name, case in data["tests"].items()]

    def dns_zone(self):
        zone = dnsd.Zone()
        zone.ttl = 0
        for name, records in self.names.items():
            for kind, value in records:
                if kind in TYPES:
                    zone.add(name, kind, decode(kind, value) if kind != "MX" else (int(value[0]), spf_suite.presentation(value[1])))
                elif kind == "CNAME":
                    zone.add(name, kind, spf_suite.presentation(value))
            if ("TIMEOUT", None) in records:
                for kind in set(TYPES) - {found for found, _ in records}:
                    zone.behave(name, kind, "silent")
        return zone


def scenarios():
    return [Scenario(data) for data in yaml.load_all(spf_suite.suite_text(), spf_suite.Loader) if data]
