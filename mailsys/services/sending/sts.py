"""MTA-STS policies of other domains: looked up, fetched, kept, and fetched again before their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TookTooLong
from twisted.internet.task import LoopingCall

from mailsys.core.trust.mta_sts import MAX_FILE, BadPolicy, Mode, StsPolicy, parse_policy, record_id
from mailsys.log import Log
from mailsys.ports.resolver import IResolver, ResolverError
from mailsys.ports.sts_policies import IStsPolicyStore, KeptPolicy
from mailsys.services.outbound.http import ForbiddenTarget, OutboundFailure, OutboundHttp, TooLarge

_log = Log("mta-sts")

WITHIN: Final = 60.0  # seconds for one fetch (RFC 8461 §3.3)
AGAIN: Final = 300.0  # seconds until a fetch that failed is tried again (§3.3)
DAILY: Final = 86400.0  # a kept policy is fetched again this often (§10.2)
LOOK: Final = 3600.0  # seconds between looks at which are to be fetched again
_AT_ONCE: Final = 20  # fetched again at a look
_FAILED: Final = 10_000  # domains whose last fetch failed that are remembered


class _NotFetched(Exception):
    """Why."""


class StsPolicies:
    """clock: a monotonic IReactorTime; now: Unix time. port: of HTTPS (another for tests)."""

    def __init__(
        self,
        resolver: IResolver,
        http: OutboundHttp,
        store: IStsPolicyStore,
        clock: Any,
        now: Callable[[], float],
        port: int = 443,
    ) -> None:
        self._resolver = resolver
        self._http = http
        self._store = store
        self._clock = clock
        self._now = now
        self._port = port
        self._fetching: dict[str, list[Deferred[KeptPolicy | None]]] = {}
        self._failed: dict[str, float] = {}  # until when a domain is not asked again, by Unix time
        self._loop = LoopingCall(self._look)
        self._loop.clock = self._clock

    def start(self) -> None:
        self._loop.start(LOOK, now=False).addErrback(lambda failure: _log.error("stopped", failure.value))

    def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    async def policy(self, domain: str) -> StsPolicy | None:
        """What a domain (A-labels) asks for; None when it asks for nothing. A policy that was had once counts
        for its whole time, whatever DNS and its server say meanwhile (RFC 8461 §5.1). Mode "none" is None."""
        kept: KeptPolicy | None = await self._store.find(domain)
        now = self._now()
        if kept is not None and kept.until <= now:
            kept = None
        announced = await self._announced(domain)
        is_new = announced is not None and (kept is None or kept.id != announced)
        if announced is not None and is_new and now >= self._failed.get(domain, 0.0):
            kept = await self._fetch(domain, announced) or kept
        if kept is None:
            return None
        policy = parse_policy(kept.text)
        return None if policy.mode is Mode.NONE else policy

    async def _announced(self, domain: str) -> str | None:
        try:
            answer = await self._resolver.query(f"_mta-sts.{domain}", "TXT")
        except (ResolverError, ValueError):
            return None
        return record_id([each for each in answer.records if isinstance(each, bytes)])

    # -- fetching ------------------------------------------------------------------------------------------

    async def _fetch(self, domain: str, ident: str) -> KeptPolicy | None:
        """The policy, kept; None when it could not be had. One fetch of a domain at a time."""
        others = self._fetching.get(domain)
        if others is not None:
            mine: Deferred[KeptPolicy | None] = Deferred()
            others.append(mine)
            return await mine
        self._fetching[domain] = []
        kept: KeptPolicy | None = None
        try:
            kept = await self._fetch_one(domain, ident)
        finally:
            for each in self._fetching.pop(domain):
                each.callback(kept)
        return kept

    async def _fetch_one(self, domain: str, ident: str) -> KeptPolicy | None:
        try:
            text = await self._text(domain)
            policy = parse_policy(text)
        except (_NotFetched, BadPolicy) as error:
            _log.info("not-fetched", domain=domain, cause=str(error))
            if len(self._failed) >= _FAILED:
                self._failed.clear()
            self._failed[domain] = self._now() + AGAIN
            return None
        self._failed.pop(domain, None)
        now = self._now()
        kept = KeptPolicy(
            domain, ident, text, now, now + min(DAILY, policy.max_age / 2), now + policy.max_age
        )
        await self._store.keep(kept, now)
        _log.info("fetched", domain=domain, mode=policy.mode.value, seconds=policy.max_age)
        return kept

    async def _text(self, domain: str) -> bytes:
        """RFC 8461 §3.3: over HTTPS by a certificate for the name, no redirect, one plain text. Raises
        _NotFetched."""
        port = "" if self._port == 443 else f":{self._port}"
        url = f"https://mta-sts.{domain}{port}/.well-known/mta-sts.txt"
        asking = Deferred.fromCoroutine(self._http.request("GET", url, limit=MAX_FILE))
        try:
            answer = await asking.addTimeout(WITHIN, self._clock)
        except (OutboundFailure, ForbiddenTarget, TooLarge, TookTooLong) as error:
            raise _NotFetched(f"{type(error).__name__}: {error}"[:200]) from error
        if answer.status != 200:
            raise _NotFetched(f"status {answer.status}")
        kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
        if kind != "text/plain":
            raise _NotFetched(f"it is {kind[:60] or 'of no type'}, not text/plain")
        return answer.body

    # -- ahead of time -------------------------------------------------------------------------------------

    def _look(self) -> Deferred[None]:
        looking = Deferred.fromCoroutine(self.refresh())
        looking.addErrback(lambda failure: _log.error("refresh-failed", failure.value))
        return looking

    async def refresh(self) -> None:
        """Fetch again what is to be, whether mail goes there or not: a policy must not run out while somebody
        keeps us from seeing the next."""
        for kept in await self._store.stale(self._now(), _AT_ONCE):
            ident = await self._announced(kept.domain) or kept.id
            if await self._fetch(kept.domain, ident) is None:
                later = replace(kept, refresh=min(self._now() + LOOK, kept.until))
                await self._store.postpone(later.domain, later.fetched, later.refresh)
