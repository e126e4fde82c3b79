"""Which hosts take mail for a destination, in the order to be tried (RFC 5321 §5.1)."""

from __future__ import annotations

import random as random_module
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import zip_longest
from typing import Final

import idna
from twisted.internet.defer import Deferred, gatherResults

from mailsys.ports.resolver import Answer, IResolver, ResolverError

LOCAL: Final = "local"  # the destination of mail that stays here
HOSTS_AT_MOST: Final = 20  # MX records looked at
ADDRESSES_AT_MOST: Final = 6  # per host and family


@dataclass(frozen=True, slots=True)
class Host:
    """One address of one host to be tried."""

    name: str  # what TLS is to prove; for the smart host as configured
    address: str  # IP address
    port: int
    authenticated: bool = False  # the look-ups that led here were DNSSEC-authenticated

    @property
    def shown(self) -> str:
        """For people: "mx.example.net [192.0.2.1]:25"."""
        return f"{self.name} [{self.address}]:{self.port}"


class RouteError(Exception):
    """No host can be tried. `reply` says why, in the form of a reply; `permanent`: it will stay so."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply
        self.permanent = reply.startswith("5")


@dataclass(frozen=True, slots=True)
class Ourselves:
    """How to recognise our own system among the hosts of a destination (RFC 5321 §5.1).

    Only what we really listen on counts as us. Loopback and private addresses are else dialled
    like any other: a smart host, a test peer or an internal relay may live there, and a domain
    that points to 127.0.0.1 reaches nothing but our own listeners, which these lists name.
    """

    names: frozenset[str] = frozenset()  # host names, lower case
    endpoints: frozenset[tuple[str, int]] = frozenset()  # (address, port) of our SMTP listeners
    wildcards: frozenset[int] = frozenset()  # ports on which we listen on every address of this machine
    is_own_address: Callable[[str], bool] = lambda address: False

    @classmethod
    def listening(cls, hostname: str, endpoints: Iterable[tuple[str, int]]) -> Ourselves:
        """From the host name and what the SMTP listeners are bound to ("0.0.0.0" and "::": any)."""
        bound = frozenset(endpoints)
        return cls(
            names=frozenset({hostname.lower()}),
            endpoints=bound,
            wildcards=frozenset(port for address, port in bound if ip_address(address).is_unspecified),
            is_own_address=is_own_address,
        )

    def owns(self, host: Host) -> bool:
        if (host.address, host.port) in self.endpoints:
            return True
        return host.port in self.wildcards and self.is_own_address(host.address)

    def named(self, name: str) -> bool:
        return name in self.names


@dataclass(slots=True)
class Router:
    """Destination -> hosts. `smarthost` ("host:port", "[v6]:port") takes everything when set."""

    resolver: IResolver
    random: random_module.Random
    ourselves: Ourselves = field(default_factory=Ourselves)
    port: int = 25
    smarthost: str = ""

    async def hosts(self, destination: str) -> list[Host]:
        """The hosts to try, best first; never empty. Raises RouteError."""
        if self.smarthost:
            return await self._smart_hosts()
        if destination.startswith("[") or _is_ip(destination):
            raise RouteError("550 5.1.2 Mail to address literals is not sent")
        try:
            answer = await self.resolver.query(destination, "MX")
        except ResolverError as error:
            raise RouteError(f"451 4.4.3 The mail servers of {destination} could not be looked up") from error
        if not answer.exists:
            raise RouteError(f"550 5.1.2 The domain {destination} does not exist")
        exchangers = [r for r in answer.records if isinstance(r, tuple)]
        if not exchangers:  # RFC 5321 §5.1: the domain itself, preference 0
            exchangers = [(0, destination)]
        elif all(name == "" for _, name in exchangers):  # RFC 7505
            raise RouteError(f"556 5.1.10 The domain {destination} accepts no mail")
        return await self._ordered(destination, exchangers, answer)

    async def _ordered(
        self, destination: str, exchangers: list[tuple[int, str]], answer: Answer
    ) -> list[Host]:
        by_preference: dict[int, list[str]] = {}
        for preference, name in exchangers:
            if name and not _is_ip(name):  # an exchanger is a name (RFC 5321 §5.1), never a literal
                by_preference.setdefault(preference, []).append(name)
        if not by_preference:
            raise RouteError(f"550 5.1.2 The domain {destination} names no usable mail server")
        order: list[list[str]] = []
        for preference in sorted(by_preference):
            names = sorted(set(by_preference[preference]))
            self.random.shuffle(names)  # RFC 5321 §5.1: equal preferences share the load
            order.append(names)
        hosts: list[Host] = []
        failed = looked_at = 0
        for names in order:
            names = names[: HOSTS_AT_MOST - looked_at]
            looked_at += len(names)
            if any(self.ourselves.named(name) for name in names):
                break  # us: drop this preference and all worse ones (RFC 5321 §5.1)
            found = await gatherResults(
                [Deferred.fromCoroutine(self._addresses(name, self.port)) for name in names]
            )
            ours = False
            for some in found:
                if some is None:
                    failed += 1
                    continue
                ours = ours or any(self.ourselves.owns(host) for host in some)
            if ours:
                break
            for some in found:
                hosts.extend(
                    Host(h.name, h.address, h.port, h.authenticated and answer.authenticated)
                    for h in some or ()
                )
        else:
            if not hosts:
                if failed:
                    raise RouteError(f"451 4.4.3 The mail servers of {destination} could not be looked up")
                raise RouteError(f"550 5.1.2 No mail server of {destination} has an address")
        if not hosts:
            raise RouteError(f"554 5.4.6 The mail servers of {destination} lead back to this one")
        return hosts

    async def _smart_hosts(self) -> list[Host]:
        name, port = split_endpoint(self.smarthost, self.port)
        if _is_ip(name):
            return [Host(name, name, port)]
        hosts = await self._addresses(name.lower(), port)
        if not hosts:  # a slip in the settings is cured by the operator: mail waits meanwhile
            raise RouteError(f"451 4.4.3 The smart host {name} could not be looked up")
        return hosts

    async def _addresses(self, name: str, port: int) -> list[Host] | None:
        """All addresses of a host, IPv6 and IPv4 in turn; None when the look-up failed."""
        if name == "localhost":  # RFC 6761 §6.3: no DNS for it
            return [Host(name, "::1", port), Host(name, "127.0.0.1", port)]
        answers = await gatherResults(
            [Deferred.fromCoroutine(self._look_up(name, rtype)) for rtype in ("AAAA", "A")]
        )
        if all(answer is None for answer in answers):
            return None
        lists = [
            [
                Host(name, str(record), port, answer.authenticated)
                for record in self._shuffled(answer.records)[:ADDRESSES_AT_MOST]
            ]
            for answer in answers
            if answer is not None
        ]
        hosts = [host for pair in zip_longest(*lists) for host in pair if host is not None]
        if not hosts and any(answer is None for answer in answers):
            return None  # one family unknown, the other empty: not known to have no address
        return hosts

    def _shuffled(self, records: tuple[object, ...]) -> list[object]:
        some = list(records)
        self.random.shuffle(some)
        return some

    async def _look_up(self, name: str, rtype: str) -> Answer | None:
        try:
            return await self.resolver.query(name, rtype)
        except ResolverError:
            return None


def is_own_address(address: str) -> bool:
    """Whether this machine has the address: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def split_endpoint(text: str, default_port: int) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or a host alone."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, int(rest[1:]) if rest.startswith(":") else default_port
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host:
        return text, default_port
    return host, int(port)


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def to_a_labels(domain: str) -> str:
    """A domain as DNS knows it: lower case, A-labels (IDNA 2008); as it is where that cannot be."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return domain.lower()


def wire_address(address: str) -> str:
    """An address as it goes to other servers: the domain in A-labels where that makes all of it ASCII, so
    that it needs no SMTPUTF8 (RFC 6531 §3.2); else as it is."""
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    if not local.isascii():
        return address
    return f"{local}{at}{to_a_labels(domain)}"


def needs_utf8(*addresses: str) -> bool:
    """Whether SMTPUTF8 is needed to name one of them."""
    return not all(wire_address(one).isascii() for one in addresses)


def destination_of(address: str, is_local_domain: Callable[[str], bool]) -> str:
    """The queue's destination for an address."""
    domain = address.rpartition("@")[2]
    return LOCAL if is_local_domain(domain) else to_a_labels(domain)
