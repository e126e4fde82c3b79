# ruff: noqa: N802  (Twisted's names where Twisted's methods are overridden)
"""A stub resolver: asks the configured servers, believes nobody else, remembers answers.

Each query has a fresh random id and its own socket on a port that the kernel picks at random
(RFC 5452 §4.5, §9.2); the socket is connected, so only the server asked is heard. UDP with EDNS,
TCP when the answer was cut (RFC 7766). All servers are tried, in turn, `rounds` times.
"""

from __future__ import annotations

import random as random_module
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.log import Log
from mailsys.ports.resolver import Answer, IResolver, ResolverError
from mailsys.services.dns.message import Read, decode_response, encode_query
from mailsys.services.dns.route import split_endpoint

_log = Log("dns")

ROUNDS: Final = 2  # times that each server is asked
ALIASES: Final = 8  # CNAMEs that need a question of their own
CACHE: Final = 20000  # answers kept
TTL_AT_MOST: Final = 86400
NEGATIVE_AT_MOST: Final = 3600  # RFC 2308 §5: hours at most
IN_FLIGHT: Final = 200  # questions on the wire; more of them wait their turn


@implementer(IResolver)
class StubResolver:
    """servers: (address, port), tried in this order. random: a SystemRandom outside of tests.
    trust_ad: believe the AD flag (only where the server and the way to it are trusted, RFC 4035 §4.9.3).
    timeout: seconds for one question to one server; in the first round a third of it, since datagrams
    get lost."""

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[tuple[str, int]],
        *,
        random: random_module.Random,
        trust_ad: bool = False,
        timeout: float = 3.0,
    ) -> None:
        self._reactor = reactor
        self._servers = tuple(servers)
        self._random = random
        self._trust_ad = trust_ad
        self._timeout = timeout
        self._cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._asking: dict[tuple[str, str], list[Deferred[Answer]]] = {}
        self._on_wire = 0
        self._queue: deque[Deferred[None]] = deque()

    def query(self, name: str, rtype: str) -> Deferred[Answer]:
        key = (name.lower().removesuffix("."), rtype.upper())
        result: Deferred[Answer] = Deferred()
        known = self._cache.get(key)
        if known is not None and known[0] > self._reactor.seconds():
            self._cache.move_to_end(key)
            result.callback(known[1])
            return result
        waiting = self._asking.get(key)
        if waiting is not None:
            waiting.append(result)
            return result
        self._asking[key] = [result]
        Deferred.fromCoroutine(self._answer(key)).addBoth(self._tell, key)
        return result

    def _tell(self, outcome: Answer | Failure, key: tuple[str, str]) -> None:
        for waiting in self._asking.pop(key):
            if isinstance(outcome, Failure):
                waiting.errback(ResolverError(str(outcome.value)))
            else:
                waiting.callback(outcome)

    async def _answer(self, key: tuple[str, str]) -> Answer:
        name, rtype = key
        ttl, secure = TTL_AT_MOST, self._trust_ad
        for _ in range(ALIASES):
            found = await self._ask_all(name, rtype)
            ttl = min(ttl, found.ttl)
            secure = secure and found.authenticated
            if found.alias:
                name = found.alias
                continue
            if not found.records:
                ttl = min(ttl, NEGATIVE_AT_MOST)
            answer = Answer(found.records, found.exists, ttl, secure)
            self._remember(key, answer)
            return answer
        raise ResolverError(f"{key[0]} {rtype}: an endless chain of aliases")

    def _remember(self, key: tuple[str, str], answer: Answer) -> None:
        if answer.ttl <= 0:
            return
        self._cache[key] = (self._reactor.seconds() + answer.ttl, answer)
        self._cache.move_to_end(key)
        while len(self._cache) > CACHE:
            self._cache.popitem(last=False)

    async def _ask_all(self, name: str, rtype: str) -> Read:
        cause = "no name server is configured"
        while self._on_wire >= IN_FLIGHT:
            turn: Deferred[None] = Deferred()
            self._queue.append(turn)
            await turn
        self._on_wire += 1
        try:
            for turn_number in range(ROUNDS):
                patience = self._timeout if turn_number else self._timeout / 3.0
                for server in self._servers:
                    try:
                        found = await self._ask(server, name, rtype, patience)
                    except ResolverError as error:
                        cause = f"{server[0]}: {error}"
                        continue
                    if not found.failed:
                        return found
                    cause = f"{server[0]}: {found.failed}"
        finally:
            self._on_wire -= 1
            if self._queue:
                # From the reactor's loop, never from within here: where many fail at once, without having
                # waited for anything, each would end inside the one before.
                self._reactor.callLater(0, self._queue.popleft().callback, None)
        _log.info("unanswered", question=name, type=rtype, cause=cause)
        raise ResolverError(f"{name} {rtype}: {cause}")

    async def _ask(self, server: tuple[str, int], name: str, rtype: str, patience: float) -> Read:
        if not name or len(name) > 253 or any(not 0 < len(label) < 64 for label in name.split(".")):
            return Read(exists=False, ttl=60)  # no such name can exist (RFC 1035 §2.3.4)
        ident = self._random.getrandbits(16)
        try:
            wire = encode_query(name, rtype, ident)
        except ValueError as error:
            raise ResolverError(str(error)) from error
        found = await self._by_udp(server, wire, name, rtype, ident, patience)
        if found.truncated:
            found = await self._by_tcp(server, wire, name, rtype, ident)
            if found.truncated:
                raise ResolverError("truncated over TCP")
        return found

    async def _by_udp(
        self, server: tuple[str, int], wire: bytes, name: str, rtype: str, ident: int, patience: float
    ) -> Read:
        exchange = _Datagram(self._reactor, server, wire, name, rtype, ident, patience)
        try:
            port = self._reactor.listenUDP(0, exchange, "::" if ":" in server[0] else "", 4096)
        except (OSError, ValueError) as error:
            raise ResolverError(f"no socket: {error}") from error
        try:
            return await exchange.done
        finally:
            port.stopListening()

    async def _by_tcp(self, server: tuple[str, int], wire: bytes, name: str, rtype: str, ident: int) -> Read:
        exchange = _Stream(self._reactor, wire, name, rtype, ident, self._timeout)
        make = TCP6ClientEndpoint if ":" in server[0] else TCP4ClientEndpoint
        endpoint = make(self._reactor, server[0], server[1], self._timeout)
        try:
            await endpoint.connect(Factory.forProtocol(lambda: exchange))
        except Exception as error:
            raise ResolverError(f"over TCP: {error}") from error
        return await exchange.done


class _Exchange:
    """One question to one server: fires `done` once."""

    def __init__(self, reactor: Any, name: str, rtype: str, ident: int, timeout: float) -> None:
        self.done: Deferred[Read] = Deferred()
        self._question = (name, rtype, ident)
        self._reactor = reactor
        self._timer: IDelayedCall | None = reactor.callLater(timeout, self._look_once_more)

    def _look_once_more(self) -> None:
        """The reactor looks at its clock before its sockets: after a pause of this process the answers are
        there but the times are over. So the sockets are read once more before a question fails."""
        self._timer = self._reactor.callLater(0, self._fail, "timed out")

    def _take(self, wire: bytes) -> None:
        found = decode_response(wire, *self._question)
        if found is not None and self._stop():
            self.done.callback(found)

    def _fail(self, cause: str) -> None:
        if self._stop():
            self.done.errback(ResolverError(cause))

    def _stop(self) -> bool:
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        if timer.active():
            timer.cancel()
        return True


class _Datagram(_Exchange, DatagramProtocol):
    def __init__(
        self,
        reactor: Any,
        server: tuple[str, int],
        wire: bytes,
        name: str,
        rtype: str,
        ident: int,
        timeout: float,
    ) -> None:
        super().__init__(reactor, name, rtype, ident, timeout)
        self._server = server
        self._wire = wire

    def startProtocol(self) -> None:
        transport: Any = self.transport
        transport.connect(*self._server)
        transport.write(self._wire)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if (addr[0], addr[1]) == self._server:
            self._take(datagram)

    def connectionRefused(self) -> None:
        self._fail("refused")


class _Stream(_Exchange, Protocol):
    def __init__(self, reactor: Any, wire: bytes, name: str, rtype: str, ident: int, timeout: float) -> None:
        super().__init__(reactor, name, rtype, ident, timeout)
        self._wire = wire
        self._buffer = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(len(self._wire).to_bytes(2, "big") + self._wire)  # RFC 1035 §4.2.2

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) >= 2 + length:
                self._take(self._buffer[2 : 2 + length])
                self._fail("garbled over TCP")

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # type: ignore[no-untyped-call]  # noqa: B008
        self._fail("closed the TCP connection")

    def _stop(self) -> bool:
        stopped = super()._stop()
        if stopped and self.transport is not None:
            self.transport.loseConnection()
        return stopped


def system_servers(resolv_conf: str) -> list[tuple[str, int]]:
    """The name servers of /etc/resolv.conf's text (resolv.conf(5)); the local one when it names none."""
    servers = []
    for line in resolv_conf.splitlines()[:1000]:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            servers.append((words[1], 53))
    return servers[:8] or [("127.0.0.1", 53)]


def configured_servers(servers: Sequence[str], path: str = "/etc/resolv.conf") -> list[tuple[str, int]]:
    """settings.dns.servers ("address", "address:port", "[v6]:port"), or those of the system."""
    if servers:
        return [split_endpoint(text, 53) for text in servers]
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return system_servers(file.read(65536))
    except OSError:
        return system_servers("")
