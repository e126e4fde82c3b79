"""HTTP to addresses that others name (push, webhooks, remote images), which must not lead inside.

The name is resolved once, every address is checked, and the connection goes to an address that was
checked: a second answer of the DNS (rebinding) changes nothing. Redirects are the caller's to follow.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from mailsys.ports.resolver import IResolver, ResolverError

CONNECT_WITHIN: Final = 10.0  # seconds, per address
ANSWER_WITHIN: Final = 30.0  # seconds, in all
_ADDRESSES: Final = 4  # that are tried
_HEAD: Final = 64 * 1024  # octets of an answer's header, and of what else comes before its body

# What IANA's registries of special-purpose addresses take out of the whole internet, written
# out: Python's own list grows from version to version, and counts some of these as global (the relays and
# anycast services of 192.0.0.0/24 and 192.88.99.0/24, the translators' prefixes), which lead inside.
_SPECIAL: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by customers of a carrier
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/8",  # unspecified, loopback, IPv4-compatible and -mapped (::ffff:0:0/96), and what is unassigned
        "64:ff9b:1::/48",  # translation within a site
        "100::/64",  # discard
        "100:0:0:1::/64",  # dummy
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID, AMT, AS112, DETs
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: it leads to the IPv4 address within
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, once
        "ff00::/8",  # multicast
    )
)
_ALLOCATED: Final = ipaddress.ip_network("2000::/3")  # all that IPv6 has given to the whole internet
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # the IPv4 address at its end is what is reached


class ForbiddenTarget(Exception):
    """The URL may not be asked: its form, port or address. The text is fit for whoever gave it."""


class OutboundFailure(Exception):
    """It could not be asked now: name, connection, TLS or time."""


class TooLarge(Exception):
    """The answer has more octets than the caller takes. `status`: its status."""

    status: int = 0


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.headers.getRawHeaders(name)
        return values[-1] if values else None


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was taken apart: `host` in A-labels or an IP address without brackets."""

    secure: bool
    host: str
    port: int


def target_of(url: str, allow_private: bool = False, plain: bool = False) -> Target:
    """Check a URL's form, before anything is resolved. Raises ForbiddenTarget. Without `allow_private` only
    https (with `plain` also http) on its own port or from 1024 on is allowed, and no private IP address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForbiddenTarget("That is not a URL.") from None
    if len(url) > 2048 or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
        raise ForbiddenTarget("That is not a URL of at most 2048 printable ASCII characters.")
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not (allow_private or plain)):
        raise ForbiddenTarget("The URL must be https.")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise ForbiddenTarget("The URL must have a host and no user.")
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    if not allow_private and port != (443 if secure else 80) and port < 1024:
        raise ForbiddenTarget("That port is not allowed.")
    host = parts.hostname.rstrip(".")
    if not allow_private and (host == "localhost" or ("." not in host and ":" not in host)):
        raise ForbiddenTarget("That host is not allowed.")
    if not allow_private and _literal(host) is not None and not is_public(host):
        raise ForbiddenTarget("That address is not allowed.")
    return Target(secure, host, port)


def is_public(address: str) -> bool:
    """Whether that is an IP address, and one of the whole internet's, whatever it is dressed as."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        if found in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if found not in _ALLOCATED:
            return False
    return found.is_global and not any(found in each for each in _SPECIAL if each.version == found.version)


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this very machine."""
    literal = _literal(host)
    return host == "localhost" or (literal is not None and ipaddress.ip_address(literal).is_loopback)


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


class OutboundHttp:
    """`allow_private`: addresses of this machine and network too, and plain HTTP (for tests). `trust`: a root
    that certificates may lead to instead of the platform's (for tests and closed networks)."""

    def __init__(
        self,
        reactor: Any,
        resolver: IResolver,
        allow_private: bool = False,
        trust: Certificate | None = None,
    ) -> None:
        self._trust = trust
        self._reactor = reactor
        self._resolver = resolver
        self.allow_private = allow_private

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = 64 * 1024,
        plain: bool = False,
    ) -> OutboundAnswer:
        """Ask, and read at most `limit` octets of the answer. `plain`: http will do. Raises
        ForbiddenTarget, OutboundFailure or TooLarge; within about 40 s."""
        target = target_of(url, self.allow_private, plain)
        addresses = await self._addresses(target)
        last: Exception = OutboundFailure("no address")
        for address in addresses[:_ADDRESSES]:
            try:
                work = Deferred.fromCoroutine(self._ask(target, address, method, url, headers, body, limit))
                return await work.addTimeout(ANSWER_WITHIN, self._reactor)
            except TooLarge:
                raise
            except Exception as error:
                last = error
                if not isinstance(error, _NotConnected):
                    break  # it may have been heard: asking another address would be asking twice
        raise OutboundFailure(f"{type(last).__name__}: {last}"[:300]) from last

    async def _addresses(self, target: Target) -> list[str]:
        """Those of the host, checked."""
        literal = _literal(target.host)
        if literal is not None:
            return [literal]
        if target.host == "localhost":  # let through by target_of
            return ["127.0.0.1"]
        found: list[str] = []
        failure: ResolverError | None = None
        for kind in ("A", "AAAA"):
            try:
                found += [str(each) for each in (await self._resolver.query(target.host, kind)).records]
            except ResolverError as error:
                failure = error
        if not found:
            raise OutboundFailure(f"{target.host} has no address" + (f": {failure}" if failure else ""))
        allowed = [each for each in found if self.allow_private or is_public(each)]
        if not allowed:
            raise ForbiddenTarget("That host's address is not allowed.")
        return allowed

    async def _ask(
        self,
        target: Target,
        address: str,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        limit: int,
    ) -> OutboundAnswer:
        factory = _CheckedAddress(self._reactor, target, address, self._trust)
        agent = Agent.usingEndpointFactory(self._reactor, factory)  # type: ignore[no-untyped-call]
        given = Headers({name: [value] for name, value in (headers or {}).items()})
        producer = None if body is None else _Octets(body)
        response = await agent.request(method.encode("ascii"), url.encode("ascii"), given, producer)
        connection = factory.connection
        connection.header_is_in()
        if not isinstance(response.length, str) and response.length > limit:
            unread = _Reader(0, connection)
            unread.done.addErrback(lambda _: None)  # cut off by us: TooLarge tells of it below
            response.deliverBody(unread)
            too_large = TooLarge(f"{response.length} octets")
            too_large.status = response.code
            raise too_large
        reader = _Reader(limit, connection)
        read = reader.done
        response.deliverBody(reader)
        try:
            body = await read
        except TooLarge as error:
            error.status = response.code
            raise
        return OutboundAnswer(response.code, response.headers, body)


class _NotConnected(Exception):
    """Nothing was sent."""


@implementer(IAgentEndpointFactory)
class _CheckedAddress:
    """Leads to one address, with TLS for the host that the URL names."""

    def __init__(self, reactor: Any, target: Target, address: str, trust: Certificate | None) -> None:
        self._trust = trust
        self._reactor = reactor
        self._target = target
        self._address = address
        self.connection = _Connection()

    def endpointForURI(self, uri: URI) -> Any:  # noqa: N802
        kind = TCP6ClientEndpoint if ":" in self._address else TCP4ClientEndpoint
        endpoint: Any = kind(self._reactor, self._address, self._target.port, timeout=CONNECT_WITHIN)
        if self._target.secure:
            endpoint = wrapClientTLS(optionsForClientTLS(self._target.host, trustRoot=self._trust), endpoint)
        return _Connecting(endpoint, self.connection)


class _Connecting:
    """Tells a connection that never came to be from one that broke."""

    def __init__(self, endpoint: Any, connection: _Connection) -> None:
        self._endpoint = endpoint
        self._connection = connection

    def connect(self, factory: Any) -> Deferred[Any]:
        waiting: Deferred[Any] = self._endpoint.connect(factory)
        waiting.addCallbacks(self._connection.watch, _not_connected)
        return waiting


def _not_connected(failure: Failure) -> None:
    raise _NotConnected(str(failure.value)) from failure.value


class _Connection:
    """Cuts off what answers with a header without end: Twisted keeps all of it, and all that comes before
    (RFC 9110 §15.2: any number of 1xx)."""

    def __init__(self) -> None:
        self._room: int | None = _HEAD
        self._protocol: Any = None

    def watch(self, protocol: Any) -> Any:
        self._protocol = protocol
        receive = protocol.dataReceived

        def received(data: bytes) -> None:
            if self._room is not None:
                self._room -= len(data)
                if self._room < 0:
                    self.hang_up()
                    return
            receive(data)

        protocol.dataReceived = received
        return protocol

    def header_is_in(self) -> None:
        """The body has bounds of its own."""
        self._room = None

    def hang_up(self) -> None:
        """At once: over TLS, who is asked politely may go on for ever."""
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.abortConnection()


@implementer(IBodyProducer)
class _Octets:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> Deferred[None]:  # noqa: N802
        consumer.write(self._body)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def pauseProducing(self) -> None:  # noqa: N802
        pass

    def resumeProducing(self) -> None:  # noqa: N802
        pass

    def stopProducing(self) -> None:  # noqa: N802
        pass


class _Reader(Protocol):
    """`done` fires with the body; TooLarge for one of more than `limit` octets. Cancelled, it hangs up."""

    def __init__(self, limit: int, connection: _Connection) -> None:
        self._room = limit
        self._connection = connection
        self._pieces: list[bytes] = []
        self.done: Deferred[bytes] = Deferred(lambda _: connection.hang_up())

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self._room -= len(data)
        if self._room >= 0:
            self._pieces.append(data)
            return
        self._pieces.clear()
        if not self.done.called:
            self.done.errback(TooLarge("more than the caller takes"))
        self._connection.hang_up()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override] # noqa: N802
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):  # type: ignore[no-untyped-call]
            self.done.callback(b"".join(self._pieces))
        else:
            self.done.errback(reason)
