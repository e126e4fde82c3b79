"""Remote images of messages, fetched for the reader: their host learns neither who reads nor from where.

Only what is an image by its own first octets is passed on, and never SVG, which can hold scripts. Each
redirect is checked as the first address was (`services.outbound.http`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore

from mailsys.core.refusal import RateLimited, Refusal
from mailsys.log import Log
from mailsys.ports.ids import AccountId
from mailsys.services.outbound.http import ForbiddenTarget, OutboundFailure, OutboundHttp, TooLarge

log = Log("image_proxy")

LARGEST: Final = 5 * 1024 * 1024  # octets of one image
_WITHIN: Final = 20.0  # seconds, redirects included
_REDIRECTS: Final = 3
_AT_ONCE: Final = 16  # fetches of the process
_EACH: Final = 4  # of one account: hosts that answer slowly hold nobody else up
_WAITING: Final = 500
_CACHE: Final = 64 * 1024 * 1024  # octets kept
_FRESH: Final = 3600.0  # seconds
_REFUSED_FRESH: Final = 60.0
_MOVED: Final = frozenset((301, 302, 303, 307, 308))
_HEADERS: Final = {"Accept": "image/avif,image/webp,image/png,image/jpeg,image/gif", "User-Agent": "mailsys"}


class NoImage(Refusal):
    """That is not an image that can be shown."""

    http = 415


class ImageForbidden(Refusal):
    """That address is not allowed."""

    http = 403


class ImageTooLarge(Refusal):
    """The image is too large."""

    http = 413


class ImageFailed(Refusal):
    """The image could not be had."""

    http = 502


@dataclass(frozen=True, slots=True)
class Image:
    type: str
    body: bytes


@dataclass(slots=True)
class _Kept:
    result: Image | Refusal
    until: float


class ImageProxy:
    def __init__(self, outbound: OutboundHttp, clock: Any) -> None:
        self._outbound = outbound
        self._clock = clock
        self._slots = DeferredSemaphore(_AT_ONCE)
        self._turns: dict[AccountId, DeferredSemaphore] = {}
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._octets = 0
        self._asked: dict[str, list[Deferred[Image]]] = {}

    async def fetch(self, url: str, whose: AccountId) -> Image:
        """`whose`: the account that asks. Raises NoImage, ImageForbidden, ImageTooLarge, ImageFailed,
        RateLimited."""
        kept = self._kept.get(url)
        if kept is not None and kept.until > self._clock.seconds():
            self._kept.move_to_end(url)
            if isinstance(kept.result, Refusal):
                raise kept.result
            return kept.result
        mine: Deferred[Image] = Deferred()
        others = self._asked.get(url)
        if others is not None:  # one message shows an image many times, and many read it
            others.append(mine)
            return await mine
        if len(self._asked) >= _WAITING:
            raise RateLimited("Too many images are being fetched; try again later.")
        self._asked[url] = [mine]
        Deferred.fromCoroutine(self._work(url, whose))
        return await mine

    async def _work(self, url: str, whose: AccountId) -> None:
        result: Image | Refusal
        turns = self._turns.setdefault(whose, DeferredSemaphore(_EACH))

        def begin() -> Deferred[Image]:
            return self._slots.run(lambda: Deferred.fromCoroutine(self._fetch(url)))

        try:
            fetching = turns.run(begin)
            result = await fetching.addTimeout(_WITHIN + _WITHIN, self._clock)
        except Refusal as refusal:
            result = refusal
        except defer.TimeoutError as error:
            result = ImageFailed("The other server took too long.", cause=str(error))
        except Exception as error:
            log.error("image not fetched", error)
            result = ImageFailed(cause=str(error)[:200])
        if turns.tokens == turns.limit:
            self._turns.pop(whose, None)
        self._keep(url, result)
        for each in self._asked.pop(url):
            if isinstance(result, Refusal):
                each.errback(result)
            else:
                each.callback(result)

    async def _fetch(self, url: str) -> Image:
        return await Deferred.fromCoroutine(self._follow(url)).addTimeout(_WITHIN, self._clock)

    async def _follow(self, url: str) -> Image:
        for _ in range(_REDIRECTS + 1):
            try:
                answer = await self._outbound.request("GET", url, _HEADERS, limit=LARGEST, plain=True)
            except ForbiddenTarget as error:
                raise ImageForbidden(str(error), cause=_host(url)) from error
            except TooLarge as error:
                raise ImageTooLarge(cause=str(error)) from error
            except OutboundFailure as error:
                raise ImageFailed(cause=str(error)[:200]) from error
            if answer.status in _MOVED:
                where = answer.header("location")
                if where is None:
                    raise ImageFailed(cause="redirect to nowhere")
                url = urljoin(url, where).partition("#")[0]
                continue
            if answer.status != 200:
                raise ImageFailed(cause=f"status {answer.status}")
            kind = image_type(answer.body)
            if kind is None:
                raise NoImage(cause=_host(url))
            return Image(kind, answer.body)
        raise ImageFailed(cause="too many redirects")

    def _keep(self, url: str, result: Image | Refusal) -> None:
        old = self._kept.pop(url, None)
        if old is not None:
            self._octets -= _size(url, old.result)
        fresh = _REFUSED_FRESH if isinstance(result, Refusal) else _FRESH
        self._kept[url] = _Kept(result, self._clock.seconds() + fresh)
        self._octets += _size(url, result)
        while self._octets > _CACHE:
            name, oldest = self._kept.popitem(last=False)
            self._octets -= _size(name, oldest.result)


def image_type(body: bytes) -> str | None:
    """By its first octets, whatever its server says. None: none that is passed on."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    if body[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None


def _size(url: str, result: Image | Refusal) -> int:
    """What an entry takes; a refusal is not for nothing either."""
    return 1024 + len(url) + (len(result.body) if isinstance(result, Image) else 0)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
