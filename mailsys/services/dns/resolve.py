"""A stub resolver: asks the configured servers, believes nobody else, remembers answers.

Each query has a fresh random id and a socket of its own (exchange.py). UDP with EDNS, TCP when the
answer was cut (RFC 7766). All servers are tried, in turn, `rounds` times.
"""

from __future__ import annotations

import random as random_module
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsys.log import Log
from mailsys.ports.resolver import Answer, IResolver, ResolverError
from mailsys.services.dns.exchange import ask_by_datagram, ask_by_stream
from mailsys.services.dns.message import Read, decode_response, encode_query, encode_question
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
        question = encode_question(name, rtype)
        answer = await ask_by_datagram(self._reactor, server, wire, question, patience)
        found = decode_response(answer, name, rtype, ident)
        if found is not None and found.truncated:
            answer = await ask_by_stream(self._reactor, server, wire, question, self._timeout)
            found = decode_response(answer, name, rtype, ident)
        if found is None or found.truncated:
            raise ResolverError("a garbled answer")
        return found


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
