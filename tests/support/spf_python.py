# SPDX-License-Identifier: BSD-2-Clause
"""Debian's python3-spf over a Case of spf_generated.py: as it is, and with one or another of its known deviations mended.

    verdict = judge(case)                   # a Verdict: result, explanation, lookups
    verdict = judge(case, {"mx-all-hosts"}) # the same, that one deviation mended

A deviation is a row of DEVIATIONS: what the RFC says, where, and what python3-spf does. A disagreement counts as explained
by a row only if mending exactly that (and what other rows it needs) makes python3-spf say what mxward says.
"""

import collections
import os
import re
import sys
import types

UNPACKED = os.path.join(os.environ.get("MXWARD_BUILD") or "build", "python3-spf/usr/lib/python3/dist-packages")
if os.path.isdir(UNPACKED):
    sys.path.append(UNPACKED)


# Its DNS library is never called: spf.DNSLookup is replaced.
for name in ("dns", "dns.resolver", "dns.exception", "dns.rdatatype"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["dns"].rdatatype = types.SimpleNamespace(SPF=99)

import spf

RECEIVER = "receiver.example"
TIME = "1500000000"                # as spf_case.c has it
Verdict = collections.namedtuple("Verdict", "result explanation lookups")

DEVIATIONS = {
    "modifier-case": ("RFC 7208 4.6.1", "names of modifiers have no case; python3-spf knows exp and redirect in lower case only"),
    "modifier-repeated": ("RFC 7208 6", "unknown modifiers may occur any number of times; python3-spf calls the second an error"),
    "modifier-unchecked": ("RFC 7208 4.6.1", "an unknown modifier's value is a macro-string; python3-spf does not look at default="),
    "redirect-counted-early": ("RFC 7208 4.6.4", "redirect counts when it is evaluated; python3-spf counts it where it stands"),
    "expanded-early": ("RFC 7208 4.6.4, 7.3", "macros are expanded, and %{p} looked up, when the term is evaluated and in its own "
                       "domain; python3-spf expands all terms first, looks at %{p} once, and refuses include:%{d} unevaluated"),
    "exp-looked-up-early": ("RFC 7208 4.6.4", "exp= causes no query before a fail; python3-spf expands and fetches it first, and "
                            "counts void look-ups of a %{p} in it"),
    "name-case": ("RFC 7208 7.3", "%{p} prefers a name below the domain, in any case of letters; python3-spf compares bytes"),
    "left-labels": ("RFC 7208 7.3", "labels go from the left until 253 characters are left; python3-spf takes one off"),
    "joined-by-dots": ("RFC 7208 7.3", "parts are joined by dots; python3-spf keeps the delimiters except in %{l} and %{s}"),
    "percent-at-end": ("RFC 7208 7.1", "%% may stand at the end; python3-spf calls that an invalid macro"),
    "macro-grammar": ("RFC 7208 7.1", "macro-expand and macro-literal have a grammar; python3-spf takes %{d, %{d0}, %{d*}, blanks "
                      "and control characters"),
    "reverse-letter": ("RFC 7208 7.1, RFC 5234 2.3", "the transformer r has no case; python3-spf knows the small one"),
    "alias-counted": ("RFC 7208 4.6.4", "a look-up that ends in nothing is one void look-up; python3-spf counts each alias before"),
    "mx-all-hosts": ("RFC 7208 5.4", "a host that matches ends mx; python3-spf looks up all of them and counts the void ones"),
    "ptr-all-names": ("RFC 7208 5.5", "a name outside the target cannot match, and none a target with an overlong label (4.8); "
                      "python3-spf looks all up, also behind a match, and counts the void ones"),
    "reverse-error": ("RFC 7208 5.5, 7.3", "a DNS error under ptr or %{p} is passed over, and there may be a pass yet; python3-spf "
                      "makes it a temperror at once"),
    "non-ascii-local-part": ("RFC 8616 4", "terms with %{l} or %{s} match nothing when the local part is not ASCII; python3-spf "
                             "asks for such a name"),
    "explanation-ascii": ("RFC 7208 6.2", "an explanation is US-ASCII; python3-spf returns what %{l} or %{s} brings into it"),
    "trailing-dot": ("RFC 7208 4.3", "an empty label at the end is none; python3-spf finds no domain"),
    "single-label": ("RFC 7208 4.3", "a domain of one label, or a literal, is not checked; python3-spf looks it up"),
    "explanation-length": ("RFC 7208 6.2, 7.3", "253 characters bound a name; python3-spf cuts an explanation there too"),
}

# RFC 7208 7.1, written again from its ABNF.
MACRO = re.compile(r"%(?:[%_-]|\{[slodiphcrtv](?:0*[1-9]\d*)?r?[.\-+,/_=]*\})", re.I)
STRING = re.compile(r"(?:[\x21-\x24\x26-\x7e]|%s)*\Z" % MACRO.pattern, re.I)
EXPLANATION = re.compile(r"(?:[\x20-\x24\x26-\x7e]|%s)*\Z" % MACRO.pattern, re.I)


class Later(str):
    """A domain-spec that is expanded where it is used; as a string it is equal to no domain."""

    def __new__(cls, spec, query):
        later = super().__new__(cls, "later " + spec)
        later.spec, later.query, later.domain = spec, query, query.d
        return later

    def lower(self):
        return self.query.later(self).lower()


def answers(case, name, kind):
    """What python3-spf takes from a DNS library."""
    status, values, aliases = case.look_up(name.lower(), kind)
    if status in ("failed", "timeout"):
        raise spf.TempError(f"DNS {status}")
    for alias, target in aliases:
        yield (alias, "CNAME"), target
    owner = aliases[-1][1] if aliases else name
    for value in values:
        if kind == "AAAA":
            value = spf.ipaddress.ip_address(value).packed
        elif kind == "TXT":
            value = tuple(value)
        yield (owner, kind), value


class Query(spf.query):
    """python3-spf with the deviations of `mends` mended. Each method says which one it is for."""

    def __init__(self, mends, case, client, sender, helo):
        super().__init__(i=client, s=sender, h=helo, receiver=RECEIVER)
        self.mends = mends
        self.case = case
        self.doubt = False
        self.names_counted = False
        self.quiet = 0                 # void look-ups do not count
        self.checking = False          # only the grammar is looked at
        if "trailing-dot" in mends and self.d.endswith("."):
            self.o = self.d = self.d[:-1]
            self.s = f"{self.l}@{self.o}"

    def mended_check(self):
        if "single-label" in self.mends and ("." not in self.d.rstrip(".") or self.d.startswith("[")):
            return "none", 250, ""
        result = self.check()
        # Passed over, it may not make a fail: that a DNS failure never rejects for good stands above 5.5 (auth_spf.c).
        if self.doubt and result[0] != "pass":
            return "temperror", 451, ""
        return result

    def called_from(self, *kinds):
        """Whether check0() is at a modifier of those kinds now: there its local m is the pair of name and value."""
        frame = sys._getframe(2)
        while frame and frame.f_code.co_name != "check0":
            frame = frame.f_back
        found = frame.f_locals.get("m") if frame else None
        return isinstance(found, list) and frame.f_locals.get("mod") in kinds

    # modifier-case, modifier-repeated, modifier-unchecked
    def check0(self, text, recursion):
        if text is None or spf.query.check0.__code__ is None:
            return super().check0(text, recursion)
        terms, seen = [], set()
        for term in text.split(" "):
            name, equals, value = term.partition("=")
            is_modifier = equals and re.fullmatch(r"[a-z][a-z0-9_.-]*", name, re.I)
            if is_modifier and "modifier-case" in self.mends and name.lower() in ("exp", "redirect"):
                term = name.lower() + equals + value
            elif is_modifier and name.lower() not in ("exp", "redirect"):
                if "modifier-unchecked" in self.mends and name == "default":
                    term = "x-" + term
                    name = "x-default"
                if "modifier-repeated" in self.mends and name in seen:
                    term = f"{name}-{len(seen)}={value}"
                seen.add(name)
            terms.append(term)
        return super().check0(" ".join(terms), recursion)

    # redirect-counted-early
    def check_lookups(self):
        if "redirect-counted-early" in self.mends and self.called_from("redirect"):
            return
        super().check_lookups()

    def check1(self, text, domain, recursion):
        if sys._getframe(1).f_locals.get("redirect") is domain and domain is not None:
            self.waiting = self.waiting if recursion else None
            if "redirect-counted-early" in self.mends:
                super().check_lookups()
        if isinstance(domain, Later):
            domain = self.later(domain)
        return super().check1(text, domain, recursion)

    # expanded-early, exp-looked-up-early
    def expand_domain(self, text):
        if not text:
            return super().expand_domain(text)
        is_explanation = self.called_from("exp")
        mended = "exp-looked-up-early" in self.mends if is_explanation else "expanded-early" in self.mends
        if not mended:
            return super().expand_domain(text)
        self.checking = True
        try:
            super().expand_domain(text)
        finally:
            self.checking = False
        return Later(text, self)

    def later(self, spec):
        """A name, or "" for one that matches nothing."""
        self.d, before = spec.domain, self.d
        try:
            return self.expand(spec.spec)
        finally:
            self.d = before

    def get_explanation(self, spec):
        """Called where exp= stands; with its row mended nothing counts, and it is put together for a fail only."""
        if isinstance(spec, Later):
            if sys._getframe(1).f_locals["recursion"] == 0:
                self.waiting = spec
            return None
        return super().get_explanation(spec)

    def explain(self):
        spec = self.waiting
        self.quiet += 1
        self.d, before = spec.domain, self.d
        try:
            name = self.later(spec)
            return super().get_explanation(name) if name else None
        except (spf.PermError, spf.TempError):
            return None
        finally:
            self.quiet -= 1
            self.d = before

    # name-case, expanded-early
    def getp(self):
        self.d, before = self.d.lower() if "name-case" in self.mends else self.d, self.d
        try:
            return self.validated_name()
        finally:
            self.d = before

    def validated_name(self):
        if self.checking:
            self.p = "unknown"
        elif "expanded-early" in self.mends:
            self.p = None
            counted, self.names_counted = self.names_counted, True
            self.quiet += counted
            try:
                super().getp()
            finally:
                self.quiet -= counted
        else:
            super().getp()
        return self.p

    # left-labels, joined-by-dots, macro-grammar, non-ascii-local-part, explanation-ascii, explanation-length
    def expand(self, text, stripdot=True):
        if "macro-grammar" in self.mends and not (STRING if stripdot else EXPLANATION).match(text):
            raise spf.PermError("macro-string")
        if "reverse-letter" in self.mends:
            text = re.sub(r"(%\{[a-z]\d*)R", r"\1r", text, flags=re.I)
        if self.checking:
            self.p = "unknown"
        uses_local_part = re.search(r"%\{[ls]", re.sub(r"%%", "", text), re.I)
        if "non-ascii-local-part" in self.mends and stripdot and uses_local_part and not self.l.isascii():
            return "" if not self.checking else "x.example"
        joiners = spf.JOINERS
        if "joined-by-dots" in self.mends:
            spf.JOINERS = dict.fromkeys("slodiphvcrt", ".")
        try:
            return self.expanded(text, stripdot)
        finally:
            spf.JOINERS = joiners

    def expanded(self, text, stripdot):
        """expand() of python3-spf piece by piece; what it makes of the whole is done here, mended or not."""
        valid = (STRING if stripdot else EXPLANATION).match(text)
        if spf.RE_INVALID_MACRO.search(text) and not (valid and "percent-at-end" in self.mends):
            raise spf.PermError("invalid-macro-char")
        result = "".join(self.piece(piece, stripdot) for piece in re.split(f"({MACRO.pattern})", text, flags=re.I))
        if stripdot and result.endswith("."):
            result = result[:-1]
        if stripdot or "explanation-length" not in self.mends:
            while len(result) > 253 and "." in result:
                result = result[result.index(".") + 1:]
                if "left-labels" not in self.mends:
                    break
        if not stripdot and "explanation-ascii" in self.mends and not result.isascii():
            raise spf.PermError("not ASCII")
        return result

    def piece(self, text, stripdot):
        if text in ("%%", "%_", "%-"):
            return {"%%": "%", "%_": " ", "%-": "%20"}[text]
        return super().expand(text, stripdot) if "%{" in text else text

    # alias-counted: an alias is looked up from within dns(), with the aliases so far
    # mx-all-hosts, ptr-all-names: one at a time
    def cidrmatch(self, addresses, bits):
        return any(super(Query, self).cidrmatch([address], bits) for address in addresses)

    def dns_mx(self, domain):
        domain = self.later(domain) if isinstance(domain, Later) else domain
        if not domain:
            return []
        if "mx-all-hosts" not in self.mends:
            return super().dns_mx(domain)
        hosts = self.dns(domain, "MX")
        if len(hosts) > spf.MAX_MX:
            raise spf.PermError("More than 10 MX records returned")
        return (address for _, host in sorted(hosts) for address in self.dns_a(host, self.A))

    def validated_ptrs(self):
        frame = sys._getframe(1)
        is_term = frame.f_code.co_name == "check0"
        target = frame.f_locals.get("arg") if is_term else None
        if isinstance(target, Later):
            target = self.later(target)
        if is_term and "ptr-all-names" in self.mends and not all(0 < len(label) < 64 for label in target.split(".")):
            return []
        try:
            names = self.dns_ptr(self.i)[:spf.MAX_PTR]
        except spf.TempError:
            return self.passed_over()
        found = []
        for name in names:
            if is_term and "ptr-all-names" in self.mends and not spf.domainmatch([name], target or ""):
                continue
            try:
                if self.cidrmatch(self.dns_a(name, self.A), self.cidrmax):
                    found.append(name)
                    if is_term and "ptr-all-names" in self.mends:
                        break
            except spf.TempError:
                self.passed_over()
        return found

    # reverse-error
    def passed_over(self):
        if "reverse-error" not in self.mends:
            raise
        self.doubt = True
        return []

    def dns_a(self, domain, kind="A"):
        return super().dns_a(self.later(domain) if isinstance(domain, Later) else domain, kind)

    def dns_spf(self, domain):
        domain = self.later(domain) if isinstance(domain, Later) else domain
        return super().dns_spf(domain) if domain else None

    def dns(self, name, kind, cnames=None, ignore_void=False):
        alias = cnames is not None and "alias-counted" in self.mends
        return super().dns(name, kind, cnames=cnames, ignore_void=ignore_void or alias or self.quiet > 0)


def ask(case, mends):
    """(query, result, explanation)"""
    spf.DNSLookup = lambda name, kind, strict=True, timeout=20: answers(case, name, kind)
    if mends:
        query = Query(mends, case, case.client, case.sender, case.helo)
    else:
        query = spf.query(i=case.client, s=case.sender, h=case.helo, receiver=RECEIVER)
    query.t = TIME
    query.set_default_explanation("")
    query.waiting = None
    result, _, explanation = query.mended_check() if mends else query.check()
    if result == "fail" and mends and query.waiting is not None:
        explanation = query.explain() or ""
    return query, result, explanation if result == "fail" else ""


def judge(case, mends=frozenset()):
    query, result, explanation = ask(case, mends)
    return Verdict(result, explanation, query.lookups)


def count(case):
    """Terms that ask DNS and void look-ups, as RFC 7208 4.6.4 counts them: all deviations mended."""
    query, _, _ = ask(case, set(DEVIATIONS))
    return query.lookups, query.void_lookups
