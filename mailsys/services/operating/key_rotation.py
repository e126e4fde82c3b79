"""DKIM keys replaced with an overlap: the new ones sign once the world can see them, the old ones' records
stay until mail that they signed is no longer under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from mailsys.core.refusal import MailboxExists, NotAllowed
from mailsys.log import Log
from mailsys.ports.accounts import DkimKey, IAccountStore, KeyMove, KeyStage
from mailsys.ports.resolver import Answer, IResolver, ResolverError
from mailsys.services.dns.records import public_part
from mailsys.settings import Keys

_log = Log("keys")

LOOK: Final = 600.0  # seconds between looks at DNS and the calendar


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """make_keys(domain, selector): fresh keys, made off the reactor's thread. now: Unix time. Any number of
    processes may look: each step is a conditional write."""

    accounts: IAccountStore
    make_keys: Callable[[str, str], Awaitable[list[DkimKey]]]
    now: Callable[[], float]
    settings: Keys

    async def first(self, domain: str) -> None:
        """Keys of a new domain, which sign at once: there is nothing else to sign by."""
        for key in await self.make_keys(domain, "m1"):
            await self.accounts.put_dkim_key(replace(key, since=self.now()))

    async def rotate(self, domain: str) -> None:
        """Make the next keys. Raises MailboxExists when some wait already."""
        keys: Sequence[DkimKey] = await self.accounts.dkim_keys(domain)
        if any(key.stage is KeyStage.NEW for key in keys):
            raise MailboxExists(f"{domain} has new keys that wait to be seen in DNS already")
        selector = datetime.fromtimestamp(self.now(), UTC).strftime("m%Y%m%d")
        number = sum(key.selector.startswith(selector) for key in keys)
        if number:  # again on the same day: a selector is used once
            selector += f"x{number}"
        for key in await self.make_keys(domain, selector):
            await self.accounts.put_dkim_key(replace(key, stage=KeyStage.NEW, since=self.now()))
        _log.info("keys made", domain=domain, selector=selector)

    async def activate(self, domain: str) -> None:
        """Sign by those that wait from now on. Raises NotAllowed when there are none."""
        keys: Sequence[DkimKey] = await self.accounts.dkim_keys(domain)
        new = [KeyMove(k.selector, KeyStage.NEW, KeyStage.ACTIVE) for k in keys if k.stage is KeyStage.NEW]
        if not new:
            raise NotAllowed(f"{domain} has no new keys")
        old = [KeyMove(k.selector, KeyStage.ACTIVE, KeyStage.OLD) for k in keys if k.active]
        if await self.accounts.move_dkim_keys(domain, [*new, *old], self.now()):
            _log.info("keys activated", domain=domain, selectors=" ".join(move.selector for move in new))

    async def look(self, resolver: IResolver) -> None:
        """What is due in each domain: activate what is seen, drop what has been old long enough, make new."""
        for domain in await self.accounts.domains():
            try:
                await self._look_at(domain.name, resolver)
            except Exception as error:  # the others are not to wait for it
                _log.error("keys not looked at", error, domain=domain.name)

    async def _look_at(self, domain: str, resolver: IResolver) -> None:
        keys: Sequence[DkimKey] = await self.accounts.dkim_keys(domain)
        now, settings = self.now(), self.settings
        for key in keys:
            if key.stage is KeyStage.OLD and key.since + settings.keep_old <= now:
                await self.accounts.move_dkim_keys(domain, [KeyMove(key.selector, KeyStage.OLD, None)], now)
                _log.info("key retired", domain=domain, selector=key.selector)
        new = [key for key in keys if key.stage is KeyStage.NEW]
        if new:
            for key in new:
                if not await _is_seen(key, resolver):
                    return
            await self.activate(domain)
        elif settings.rotate_every and all(
            key.since + settings.rotate_every <= now for key in keys if key.active
        ):
            await self.rotate(domain)


async def _is_seen(key: DkimKey, resolver: IResolver) -> bool:
    """Whether DNS has this key's record, and only that (RFC 6376 §3.6.2.2)."""
    try:
        answer: Answer = await resolver.query(f"{key.selector}._domainkey.{key.domain}", "TXT")
    except (ResolverError, ValueError):
        return False
    texts = [each.decode("ascii", "replace") for each in answer.records if isinstance(each, bytes)]
    return len(texts) == 1 and _tags(texts[0]).get("p") == _tags(public_part(key))["p"]


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


class Rotating:
    """Looks every so often while it runs. clock: an IReactorTime."""

    def __init__(self, rotation: KeyRotation, resolver: IResolver, clock: Any) -> None:
        self._rotation = rotation
        self._resolver = resolver
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        self._loop.start(LOOK, now=False).addErrback(lambda failure: _log.error("stopped", failure.value))

    def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> Deferred[None]:
        looking = Deferred.fromCoroutine(self._rotation.look(self._resolver))
        looking.addErrback(lambda failure: _log.error("look-failed", failure.value))
        return looking
