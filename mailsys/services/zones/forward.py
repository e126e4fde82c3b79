"""Questions of our clients passed on to other resolvers: their answers kept, equal questions asked once."""

from __future__ import annotations

import random as random_module
import struct
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from mailsys.core.dns.answer import Garbled, Kept, read_answer
from mailsys.core.dns.question import LARGEST, Question
from mailsys.core.dns.types import AD, CD, DO, NOERROR, NXDOMAIN, OPT, RD, SERVFAIL
from mailsys.log import Log
from mailsys.ports.resolver import ResolverError
from mailsys.services.dns.exchange import Server, ask
from mailsys.services.zones.cache import NEGATIVE_AT_MOST, STALE_TTL, TTL_AT_MOST, Cache, Key

log = Log("dns")

ROUNDS: Final = 2  # times that each server is asked
AT_ONCE: Final = 1000  # questions under way
WAITING: Final = 1000  # clients that wait for the same
FAILURE: Final = 5.0  # seconds that a failure is remembered (RFC 9520 §3.2)
_STALE: Final = 1 << 20  # in a key: given out although it is over


class Forwarder:
    """servers: tried in this order. trust_ad: pass their AD bit on (RFC 4035 §4.9.3). patience: seconds for
    one question to one server; a third of it in the first round."""

    def __init__(
        self,
        reactor: Any,
        servers: Sequence[Server],
        cache: Cache,
        random: random_module.Random,
        *,
        trust_ad: bool,
        patience: float,
    ) -> None:
        self._reactor = reactor
        self._servers = tuple(servers)
        self._random = random
        self._trust_ad = trust_ad
        self._patience = patience
        self._asking: dict[Key, list[Deferred[Kept]]] = {}
        self.cache = cache

    def find(self, question: Question) -> Kept | None:
        """What is known, as old as it is now."""
        now = self._reactor.seconds()
        name, kind, flags = key = _key(question)
        kept = self.cache.find(key, now) or self.cache.find((name, kind, flags | _STALE), now)
        return None if kept is None else kept.age(now)

    def ask(self, question: Question) -> Deferred[Kept]:
        """Raises ResolverError."""
        key = _key(question)
        waiting = self._asking.get(key)
        if waiting is None:
            if len(self._asking) >= AT_ONCE:
                return fail(ResolverError("too many questions under way"))
            waiting = self._asking[key] = []
            result: Deferred[Kept] = Deferred()
            waiting.append(result)
            Deferred.fromCoroutine(self._ask(question, key)).addBoth(self._tell, key)
            return result
        if len(waiting) >= WAITING:
            return fail(ResolverError("too many wait for the same"))
        result = Deferred()
        waiting.append(result)
        return result

    def _tell(self, outcome: Kept | Failure, key: Key) -> None:
        for waiting in self._asking.pop(key):
            if isinstance(outcome, Failure):
                waiting.errback(ResolverError(str(outcome.value)))
            else:
                waiting.callback(outcome)

    async def _ask(self, question: Question, key: Key) -> Kept:
        cause = "there is no server to ask"
        for turn in range(ROUNDS):
            patience = self._patience if turn else self._patience / 3.0
            for server in self._servers:
                try:
                    kept, seconds = await self._ask_one(server, question, patience)
                except (ResolverError, Garbled) as problem:
                    cause = f"{server[0]}: {problem or 'garbled'}"
                    continue
                self.cache.put(key, kept, seconds)
                return kept
        now = self._reactor.seconds()
        stale = self.cache.find_stale(key, now)
        log.info("not resolved", type=question.type, cause=cause, stale=stale is not None)
        if stale is not None:
            self.cache.put((*key[:2], key[2] | _STALE), stale, STALE_TTL)  # nobody else waits in vain for now
            return stale
        failed = Kept(struct.pack("!6H", 0, 0, 1, 0, 0, 0) + question.asked, SERVFAIL, born=now)
        self.cache.put(key, failed, FAILURE)
        return failed

    async def _ask_one(self, server: Server, question: Question, patience: float) -> tuple[Kept, float]:
        flags = RD | AD | question.flags & CD
        do = question.edns_flags & DO
        wire = struct.pack("!6H", self._random.getrandbits(16), flags, 1, 0, 0, 1)
        wire += question.asked + b"\x00" + struct.pack("!HHIH", OPT, LARGEST, do, 0)
        answer = await ask(self._reactor, server, wire, question.asked, patience)
        code = answer[3] & 15
        if code not in (NOERROR, NXDOMAIN) or answer[4:6] != b"\x00\x01":
            raise ResolverError(f"rcode {code}")
        kept, seconds = read_answer(answer, 12 + len(question.asked), self._reactor.seconds())
        if not self._trust_ad:
            kept = Kept(kept.wire, kept.flags & ~AD, kept.ttls, kept.born, kept.extended)
        negative = code == NXDOMAIN or answer[6:8] == b"\x00\x00"
        return kept, min(float(seconds), NEGATIVE_AT_MOST if negative else TTL_AT_MOST)


def _key(question: Question) -> Key:
    return question.name, question.type, question.edns_flags & DO | question.flags & CD
