"""SPF (RFC 7208), by pyspf.

pyspf asks the DNS in the middle of its work and waits. Here it is given what is known; when it misses
something, the run ends there, the answer is fetched, and the next run starts from the top. What costs time
in a run (terms checked and expanded, addresses compared) is remembered from one to the next, and records
and terms are bounded before pyspf reads them: some of its expressions are quadratic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

import spf

from mailsys.core.trust.evidence import Spf, SpfEvidence
from mailsys.log import Log
from mailsys.ports.resolver import ResolverError
from mailsys.services.dns.route import to_a_labels
from mailsys.services.trust.lookups import Lookups, together

_log = Log("spf")

QUESTIONS_AT_MOST: Final = 120  # ten mechanisms of ten names each (§4.6.4)
RECORD_AT_MOST: Final = 8192  # octets; §3.4 advises 450
RECORDS_AT_MOST: Final = 32768  # octets of all that one check reads
TERM_AT_MOST: Final = 512  # octets
EXPLANATION_AT_MOST: Final = 512  # octets
REMEMBERED: Final = 8192  # terms, and addresses, of records seen lately
AHEAD_AT_MOST: Final = 10  # included names asked for before pyspf misses them
CAUSE_AT_MOST: Final = 200

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_OCTET: Final = r"(?:0|[1-9][0-9]{0,2})"
_PLAIN_IP4: Final = re.compile(rf"([+?~-]?)ip4:({_OCTET}(?:\.{_OCTET}){{3}})(?:/(0|[1-9][0-9]?))?")
_POINTS: Final = re.compile(rb"(?:^| )(?:[+?~-]?include:|redirect=)([A-Za-z0-9._-]{1,253})(?= |$)", re.I)
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


async def check(
    lookups: Lookups, peer: str, hello: str, sender: str, *, receiver: str = "unknown", now: float = 0.0
) -> SpfEvidence:
    """Whether `peer` may use the domain of `sender`; with sender "" that of `hello` (§2.3, §2.4).

    `receiver` and `now` are for macros of explanations."""
    local, at, host = sender.rpartition("@") if sender else ("postmaster", "@", hello)
    domain = to_a_labels(host).removesuffix(".")
    if not at or not is_host(domain):
        return SpfEvidence(Spf.NONE, _printable(domain), "no domain name")
    case = _Case(peer, f"{local or 'postmaster'}@{domain}", to_a_labels(hello)[:255] or domain, receiver, now)
    if not sender:
        case = _Case(peer, "", domain, receiver, now)
    await _learn(lookups, case, (domain, "TXT"))
    run = await _settled(lookups, case)
    if run.outcome[0] == "fail" and case.explained:  # only now does the explanation matter (§6.2)
        case.explain = True
        explained = await _settled(lookups, case)
        if explained.outcome[0] == "fail":
            run = explained
    return _evidence(run, domain)


def is_host(domain: str) -> bool:
    """A name of several labels, of host characters (§4.3)."""
    labels = domain.split(".")
    return len(labels) > 1 and len(domain) <= 253 and all(map(_is_label, labels))


@lru_cache(maxsize=1024)
def _is_label(label: str) -> bool:
    return len(label) < 64 and _LABEL.fullmatch(label) is not None


@dataclass(slots=True)
class _Case:
    """One check_host(), over all its runs."""

    peer: str
    sender: str
    hello: str
    receiver: str
    now: float
    explain: bool = False
    explained: bool = False  # there is an explanation, if one were to ask
    ahead: int = 0  # names asked for before pyspf missed them
    known: dict[tuple[str, str], list[Any] | spf.TempError] = field(default_factory=dict)
    terms: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def address_type(self) -> str:
        return "A" if "." in self.peer else "AAAA"  # IPv4-mapped ones are IPv4 (§5)


class _Missed(Exception):
    """pyspf asked for something that is not known yet."""


class _Query(spf.query):  # type: ignore[misc]  # untyped
    def __init__(self, case: _Case) -> None:
        self.case = case
        self.missed: tuple[str, str] | None = None
        self.octets = 0  # of all records so far
        self.outcome: tuple[str, int, str] = ("none", 250, "")
        super().__init__(i=case.peer, s=case.sender, h=case.hello, receiver=case.receiver, strict=True)
        self.t = str(int(case.now))

    def run(self) -> _Query:
        try:
            self.outcome = self.check()
        except _Missed:
            pass
        except Exception as error:  # hostile text in a parser from 2006
            _log.warning("pyspf failed", sender=self.s, hello=self.h, cause=repr(error)[:200])
            self.outcome, self.prob = ("permerror", 550, ""), "the record cannot be read"
        return self

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        name = name.lower().removesuffix(".")
        if len(name) > 253 or not all(0 < len(label) < 64 for label in name.split(".")):
            return []  # as pyspf has it: no question is asked
        if not name.isascii():
            return []  # RFC 8616 §4: terms with such a local part never match
        found = self._known(name, qtype)
        if not found and not ignore_void and self._void(name, qtype):
            self.void_lookups += 1
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"more than {spf.MAX_VOID_LOOKUPS} look-ups without answer")
        return found

    def _void(self, name: str, qtype: str) -> bool:
        """Three hosts without IPv6 must not be the end of a peer that has it: a name is void only when it
        has no address at all."""
        if qtype != "AAAA":
            return True
        try:
            return not self._known(name, "A")
        except spf.TempError:
            return False

    def _known(self, name: str, qtype: str) -> list[Any]:
        found = self.case.known.get((name, qtype))
        if found is None:
            if self.missed is None:  # pyspf catches everything around explanations
                self.missed = (name, qtype)
            raise _Missed
        if isinstance(found, spf.TempError):
            raise found
        return found

    def dns_spf(self, domain: str) -> str | None:
        record: str | None = super().dns_spf(domain)
        if record is not None:
            self.octets += len(record)
            if len(record) > RECORD_AT_MOST or self.octets > RECORDS_AT_MOST:
                raise spf.PermError("the record is too long", domain)
            if any(len(term) > TERM_AT_MOST for term in record.split(" ")):
                raise spf.PermError("a term is too long", domain)
        return record

    def validate_mechanism(self, mech: str) -> Any:
        if "%" not in mech:
            known = _checked(mech, self.d, self.v)
        elif "%{p" in mech.lower():  # looks names up
            return super().validate_mechanism(mech)
        else:
            known = self.case.terms.get((mech, self.d))
            if known is None:
                known = self.case.terms[mech, self.d] = _valid(super(), mech)
        if isinstance(known, spf.PermError):
            raise known
        return known

    def get_explanation(self, spec: str) -> str | None:
        self.case.explained = True
        if not self.case.explain:
            return None
        texts = self.dns_txt(spec, ignore_void=True)
        if len(texts) != 1 or len(texts[0]) > EXPLANATION_AT_MOST:
            return None
        text: str | None = super().get_explanation(spec)
        return text

    def cidrmatch(self, ipaddrs: list[str], n: int) -> bool:
        bits = self.ipaddr.max_prefixlen
        mine = int(self.ipaddr) >> bits - n
        for each in ipaddrs:
            version, number = _number(each)
            if version == self.ipaddr.version and number >> bits - n == mine:
                return True
        return False


class _Plain(spf.query):  # type: ignore[misc]
    """Just enough of a query to check a term that has no macros."""

    def __init__(self, domain: str, version: str) -> None:
        self.d = domain
        self.v = version
        self.strict = True
        self.cidrmax = 128 if version == "ip6" else 32


@lru_cache(maxsize=REMEMBERED)
def _checked(mech: str, domain: str, version: str) -> Any:
    """What any query makes of a term without macros: most are, and come again with the next message."""
    plain = _PLAIN_IP4.fullmatch(mech)  # most of these; pyspf takes ten times as long for the same
    if plain is not None and int(plain[3] or 32) <= 32 and all(int(n) < 256 for n in plain[2].split(".")):
        return mech, "ip4", plain[2], int(plain[3] or 32), spf.RESULTS[plain[1] or "+"]
    return _valid(_Plain(domain, version), mech)


def _valid(query: Any, mech: str) -> Any:
    try:
        return query.validate_mechanism(mech)
    except spf.PermError as error:
        return error


@lru_cache(maxsize=REMEMBERED)
def _number(address: str) -> tuple[int, int]:
    """Version and value. Raises PermError."""
    try:
        known = ip_address(address)
    except ValueError as error:
        raise spf.PermError("no address", address) from error
    return known.version, int(known)


async def _settled(lookups: Lookups, case: _Case) -> _Query:
    while True:
        run = _Query(case).run()
        if run.missed is None:
            return run
        if len(case.known) >= QUESTIONS_AT_MOST:
            run.outcome = ("permerror", 550, "")
            run.prob = "too many look-ups"
            return run
        await _learn(lookups, case, run.missed)


async def _learn(lookups: Lookups, case: _Case, key: tuple[str, str]) -> None:
    """Fetches what pyspf missed, and what it will most likely ask next: each saves a wait, and a run."""
    rtype = key[1]
    try:
        answer = await lookups.ask(*key)
    except ResolverError as error:
        case.known[key] = spf.TempError(_printable(str(error)))
        return
    # pyspf wants TXT as the tuple of its strings; ours are joined already
    found: list[Any] = [(one,) if rtype == "TXT" else one for one in answer.records]
    case.known[key] = found
    names: list[tuple[str, str]] = []
    if rtype == "TXT":
        texts = [one[0] for one in found if spf.RE_SPF.match(one[0]) and len(one[0]) <= RECORD_AT_MOST]
        if len(texts) == 1:
            names = [(one.decode().lower().removesuffix("."), "TXT") for one in _POINTS.findall(texts[0])]
        names = names[: max(0, AHEAD_AT_MOST - case.ahead)]
        case.ahead += len(names)
    elif rtype == "MX" and len(found) <= spf.MAX_MX:
        names = [(name, case.address_type) for _, name in found]
    elif rtype == "PTR":
        names = [(name, case.address_type) for name in found[: spf.MAX_PTR]]
    wanted = [name for name in dict.fromkeys(names) if name not in case.known]
    if wanted:
        await together(_learn(lookups, case, name) for name in wanted)


def _evidence(run: _Query, domain: str) -> SpfEvidence:
    result = Spf(run.outcome[0])
    cause = ""
    if result in (Spf.TEMPERROR, Spf.PERMERROR):
        cause = run.prob
        if run.mech:
            cause += f": {run.mech[-1]}"
    elif result is Spf.FAIL and run.outcome[2] != spf.EXPLANATIONS["fail"]:
        cause = run.outcome[2]
    elif result is not Spf.NONE and run.mechanism:
        cause = f"matched {run.mechanism}"
    return SpfEvidence(result, domain, _printable(cause))


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("?", text[:CAUSE_AT_MOST])
