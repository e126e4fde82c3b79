"""One question in, one answer out: from our zones for all the world, from others only for our own clients.

Order: our zones, the blocklists, what is known, other resolvers. Nobody but our clients gets anything that
is not ours, so this is no open resolver; and what the world gets by UDP is bounded by `core.dns.rates`,
except for who has shown by a cookie that he is where he seems to be.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

import dns.exception
import dns.message
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailsys import metrics
from mailsys.core.dns.answer import LARGEST_MESSAGE, Kept, error, option
from mailsys.core.dns.cookies import Cookies
from mailsys.core.dns.dnssec import period
from mailsys.core.dns.question import Question, read_question
from mailsys.core.dns.rates import Rates, Verdict
from mailsys.core.dns.types import (
    AXFR,
    FORMERR,
    IXFR,
    MAILA,
    MAILB,
    NOERROR,
    NOTAUTH,
    NOTIMP,
    NXDOMAIN,
    RA,
    REFUSED,
    SERVFAIL,
    TC,
)
from mailsys.core.network import network_of
from mailsys.log import Log
from mailsys.ports.resolver import ResolverError
from mailsys.services.zones.answering import Authority
from mailsys.services.zones.blocklist import Blocklist
from mailsys.services.zones.book import ZoneBook
from mailsys.services.zones.forward import Forwarder
from mailsys.services.zones.transfer import current, messages

log = Log("dns")

Networks = Sequence[IPv4Network | IPv6Network]
_COOKIE: Final = 10
_REMEMBERED: Final = 10_000  # addresses
_JOINED: Final = 4096  # octets of another server's answer that is put behind a CNAME of ours

Answer = bytes | Deferred[bytes | None] | None


class Addresses:
    """Whether an address lies in one of some networks; remembered."""

    def __init__(self, networks: Networks) -> None:
        self._networks = tuple(networks)
        self._known: dict[str, bool] = {}

    def __contains__(self, address: object) -> bool:
        known = self._known.get(address)  # type: ignore[call-overload]
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[str(address)] = self._look(str(address))
        return bool(known)

    def _look(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed.version == each.version and parsed in each for each in self._networks)


class NameService:
    """clients: whom we look things up for. secondaries: who may have whole zones. forwarder: None: we look
    up nothing for anybody."""

    def __init__(
        self,
        book: ZoneBook,
        authority: Authority,
        forwarder: Forwarder | None,
        blocklist: Blocklist,
        clients: Addresses,
        secondaries: Addresses,
        rates: Rates,
        cookies: Cookies,
        now: Callable[[], float],
        seconds: Callable[[], float],
    ) -> None:
        self._book = book
        self._authority = authority
        self._forwarder = forwarder
        self._blocklist = blocklist
        self._clients = clients
        self._secondaries = secondaries
        self._rates = rates
        self._cookies = cookies
        self._now = now
        self._seconds = seconds
        self._networks: dict[str, str] = {}

    # -- by UDP ----------------------------------------------------------------------------------------------

    def datagram(self, wire: bytes, address: str) -> Answer:
        """What to send back, now or later; None: nothing."""
        question = read_question(wire)
        if question is None:
            metrics.dns_garbled.inc()
            return None
        client = address in self._clients
        options, proved = self._cookie(question, address)
        flags = RA if client and self._forwarder is not None else 0
        if question.rcode:
            metrics.dns_garbled.inc()
            limited = self._limited(question, address, client or proved, "error", options, flags)
            if limited is not None:
                return limited or None
            return error(question, question.rcode, flags, options)
        if question.type in _WHOLE:
            return self._transfer_by_datagram(question, address, client or proved, options, flags)
        kept = self._answer(question, client, False)
        if isinstance(kept, Deferred):
            return kept.addCallback(lambda late: late.reply(question, flags, options, question.size))
        if not client and not proved:
            kind = _kind(question, kept)
            limited = self._limited(question, address, False, kind, options, flags)
            if limited is not None:
                return limited or None
        return kept.reply(question, flags, options, question.size)

    def _limited(
        self, question: Question, address: str, free: bool, kind: object, options: bytes, flags: int
    ) -> bytes | None:
        """None: answer it; b"": do not; else what to answer instead."""
        if free:
            return None
        verdict = self._rates.judge((self._network(address), kind), self._seconds())
        if verdict is Verdict.SEND:
            return None
        metrics.dns_limited.inc()
        return b"" if verdict is Verdict.DROP else error(question, NOERROR, flags | TC, options)

    def _network(self, address: str) -> str:
        known = self._networks.get(address)
        if known is None:
            if len(self._networks) >= _REMEMBERED:
                self._networks.clear()
            known = self._networks[address] = network_of(address)
        return known

    def _cookie(self, question: Question, address: str) -> tuple[bytes, bool]:
        """The option to send back, and whether the address is proved."""
        if not question.cookie:
            return b"", False
        made, good = self._cookies.answer(question.cookie, address, self._now())
        return option(_COOKIE, made), good

    # -- by TCP ----------------------------------------------------------------------------------------------

    def message(self, wire: bytes, address: str) -> Answer | Iterator[bytes]:
        """As `datagram`; a zone comes in several messages. None: no answer, and no more questions either."""
        question = read_question(wire)
        if question is None:
            metrics.dns_garbled.inc()
            return None
        client = address in self._clients
        options, _ = self._cookie(question, address)
        flags = RA if client and self._forwarder is not None else 0
        if question.rcode:
            metrics.dns_garbled.inc()
            return error(question, question.rcode, flags, options)
        if question.type in _WHOLE:
            return self._transfer(question, address, flags, options)
        kept = self._answer(question, client, True)
        if isinstance(kept, Deferred):
            return kept.addCallback(lambda late: late.reply(question, flags, options, LARGEST_MESSAGE))
        return kept.reply(question, flags, options, LARGEST_MESSAGE)

    # -- whole zones -----------------------------------------------------------------------------------------

    def _transfer(
        self, question: Question, address: str, flags: int, options: bytes
    ) -> bytes | Iterator[bytes]:
        zone = self._book.zones.by_apex.get(question.name)
        if address not in self._secondaries:
            metrics.dns_refused.inc()
            log.info("transfer refused", peer=address)
            return error(question, REFUSED, flags, options)
        if zone is None:
            return error(question, NOTAUTH, flags, options)
        if question.serial is not None and not _newer(zone.serial, question.serial):
            return current(zone, question)
        log.info("transfer", peer=address, serial=zone.serial)
        return messages(zone, self._book.keys.get(zone.apex), period(self._now()), question)

    def _transfer_by_datagram(
        self, question: Question, address: str, free: bool, options: bytes, flags: int
    ) -> bytes | None:
        zone = self._book.zones.by_apex.get(question.name)
        limited = self._limited(question, address, free, "transfer", options, flags)
        if limited is not None:
            return limited or None
        if address not in self._secondaries:
            return error(question, REFUSED, flags, options)
        if question.type == AXFR:
            return error(question, FORMERR, flags, options)
        return error(question, NOTAUTH, flags, options) if zone is None else current(zone, question)

    # -- answers ---------------------------------------------------------------------------------------------

    def _answer(self, question: Question, client: bool, stream: bool) -> Kept | Deferred[Kept]:
        zone = self._authority.zone(question)
        if zone is not None:
            metrics.dns_own.inc()
            kept, onwards = self._authority.answer(zone, question, stream)
            if onwards and client and question.recursion_desired and self._forwarder is not None:
                return self._go_on(question, kept, onwards)
            return kept
        if not client or self._forwarder is None:
            metrics.dns_refused.inc()
            return _only(question, REFUSED)
        if question.type in (MAILA, MAILB) or (not question.name[0] and question.type == 255):
            return _only(question, NOTIMP)
        if question.name in self._blocklist.names:
            metrics.dns_blocked.inc()
            return self._blocklist.answer(question)
        known = self._forwarder.find(question)
        if known is not None:
            metrics.dns_cached.inc()
            return known
        if not question.recursion_desired:
            metrics.dns_refused.inc()
            return _only(question, REFUSED)
        metrics.dns_forwarded.inc()
        return self._forwarder.ask(question).addErrback(_failed, question)

    def _go_on(self, question: Question, kept: Kept, onwards: bytes) -> Kept | Deferred[Kept]:
        """A CNAME of ours leads elsewhere: our client wants to know what is there."""
        assert self._forwarder is not None
        if onwards in self._blocklist.names:
            return kept
        asked = onwards + struct.pack("!HH", question.type, 1)
        other = replace(question, name=onwards, asked=asked)
        known = self._forwarder.find(other)
        if known is not None:
            return _joined(question, kept, known, other)
        return self._forwarder.ask(other).addCallbacks(
            lambda late: _joined(question, kept, late, other), _failed, errbackArgs=(question,)
        )


_WHOLE: Final = (AXFR, IXFR)


def _kind(question: Question, kept: Kept) -> object:
    """What of an answer counts as the same: the names below a zone that do not exist are one (whoever
    wants to flood makes them up)."""
    code = kept.flags & 15
    if code == NOERROR and kept.wire[6:8] != b"\x00\x00":
        return question.name, question.type
    return code if code != NXDOMAIN else "none"


def _only(question: Question, code: int) -> Kept:
    return Kept(struct.pack("!6H", 0, 0, 1, 0, 0, 0) + question.asked, code)


def _failed(failure: Failure, question: Question) -> Kept:
    cause = failure.value
    if not isinstance(cause, ResolverError):
        log.error("not answered", failure=cause)
    metrics.dns_failed.inc()
    return _only(question, SERVFAIL)


def _joined(question: Question, ours: Kept, theirs: Kept, asked: Question) -> Kept:
    """Our CNAMEs, and behind them what another server said of the name that they lead to."""
    if len(theirs.wire) > _JOINED:
        return ours
    try:
        first = dns.message.from_wire(_whole(ours, question))
        second = dns.message.from_wire(_whole(theirs, asked))
    except (dns.exception.DNSException, ValueError):
        return ours
    first.answer += second.answer
    first.set_rcode(second.rcode())
    if not second.answer:
        first.authority += second.authority
    wire = first.to_wire(max_size=LARGEST_MESSAGE)
    return Kept(wire, ours.flags & ~15 | theirs.flags & 15)


def _whole(kept: Kept, question: Question) -> bytes:
    return kept.reply(replace(question, edns=False), 0, b"", LARGEST_MESSAGE)


def _newer(one: int, other: int) -> bool:
    """RFC 1982 §3.2."""
    return 0 < (one - other) % (1 << 32) < 1 << 31
