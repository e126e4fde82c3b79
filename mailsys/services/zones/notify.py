"""Telling secondaries that a zone has changed (RFC 1996)."""

from __future__ import annotations

import random as random_module
import struct
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults

from mailsys.core.dns.names import to_wire
from mailsys.core.dns.types import AA, IN, NOTIFY, SOA
from mailsys.log import Log
from mailsys.ports.resolver import ResolverError
from mailsys.services.dns.exchange import Server, ask_by_datagram

log = Log("notify")

TRIES: Final = 4  # RFC 1996 §3.6
PATIENCE: Final = 2.0  # seconds of the first try; each further one twice the one before


class Notifier:
    """`told`, as a listener of ZoneBook.changed, lets all `servers` know. What changes while a server is
    being told of that zone is told afterwards, once."""

    def __init__(self, reactor: Any, servers: Sequence[Server], random: random_module.Random) -> None:
        self._reactor = reactor
        self._servers = tuple(servers)
        self._random = random
        self._under_way: dict[tuple[Server, str], Deferred[None]] = {}
        self._again: set[tuple[Server, str]] = set()
        self._stopped = False

    def told(self, zones: Sequence[str]) -> None:
        for server in self._servers:
            for zone in zones:
                self._begin((server, zone))

    def _begin(self, what: tuple[Server, str]) -> None:
        if self._stopped:
            return
        if what in self._under_way:
            self._again.add(what)
            return
        self._under_way[what] = Deferred.fromCoroutine(self._tell(*what))
        self._under_way[what].addBoth(self._done, what)

    def _done(self, result: object, what: tuple[Server, str]) -> None:
        self._under_way.pop(what, None)
        if what in self._again:
            self._again.discard(what)
            self._begin(what)

    async def _tell(self, server: Server, zone: str) -> None:
        question = to_wire(zone) + struct.pack("!HH", SOA, IN)
        cause = ""
        for turn in range(TRIES):
            if self._stopped:
                return
            ident = self._random.getrandbits(16)
            wire = struct.pack("!6H", ident, NOTIFY << 11 | AA, 1, 0, 0, 0) + question
            try:
                answer = await ask_by_datagram(self._reactor, server, wire, question, PATIENCE * 2**turn)
            except ResolverError as problem:
                cause = str(problem)
                continue
            if not answer[3] & 15:
                log.info("told", zone=zone, server=server[0])
                return
            cause = f"rcode {answer[3] & 15}"
        log.warning("not told", zone=zone, server=server[0], cause=cause)

    async def stop(self) -> None:
        """What is under way may end."""
        self._stopped = True
        await gatherResults(list(self._under_way.values()), consumeErrors=True)
