"""Leaving a mailing list by one click (RFC 8058), as an email's List-Unsubscribe field (RFC 2369) offers it.

The request goes out from here and not from the reader's browser, so that the list learns neither the
reader's address on the network nor his browser. RFC 8058 §4 has the sender cover both fields by a valid DKIM
signature. Verdicts of incoming mail are not kept yet; once they are, a POST without such a signature is
to be refused here. Until then it goes out only where somebody asks for it, to public addresses (§3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore

from mailsys.core.jmap.header_forms import HeaderBlock, as_text, as_urls
from mailsys.core.refusal import RateLimited, Refusal
from mailsys.log import Log
from mailsys.ports.emails import Column
from mailsys.ports.ids import AccountId, EmailId
from mailsys.ports.limits import ILimits
from mailsys.ports.mail import IMailStore
from mailsys.services.outbound.http import ForbiddenTarget, OutboundFailure, OutboundHttp, TooLarge

log = Log("unsubscribe")

_PER_HOUR: Final = 60  # requests of one account
_AT_ONCE: Final = 8  # requests of the process
_WAITING: Final = 200
_WITHIN: Final = 20.0  # seconds, once it is its turn
_ANSWER: Final = 256 * 1024  # octets; what the list's server says is not shown, only whether it agrees
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "mailsys"}
_BODY: Final = b"List-Unsubscribe=One-Click"  # RFC 8058 §3.1
_MOST_URLS: Final = 20


class UnsubscribeForbidden(Refusal):
    """That address is not allowed."""

    http = 403


class UnsubscribeFailed(Refusal):
    """The list's server did not take it."""

    http = 502


@dataclass(frozen=True, slots=True)
class WaysOut:
    """How an email says that one leaves its list. `one_click`: where a POST does it; `mail`: a mailto URL;
    `page`: what a person has to open."""

    one_click: str | None
    mail: str | None
    page: str | None

    @property
    def any(self) -> bool:
        return (self.one_click or self.mail or self.page) is not None


def ways_out(header: bytes, plain: bool = False) -> WaysOut:
    """`plain`: http will do (for tests). Of several fields the last counts, as in JMAP."""
    block = HeaderBlock(header)
    value = block.last("list-unsubscribe")
    urls = (None if value is None else as_urls(value)) or []
    schemes = ("https:", "http:") if plain else ("https:",)
    mail = page = None
    for url in urls[:_MOST_URLS]:
        if mail is None and url[:7].lower() == "mailto:":
            mail = url
        elif page is None and url.lower().startswith(schemes):
            page = url
    post = block.last("list-unsubscribe-post")
    # RFC 8058 §3.1: the value is this and nothing else
    agreed = post is not None and as_text(post).replace(" ", "").lower() == _BODY.decode().lower()
    return WaysOut(page if agreed else None, mail, page)


class Unsubscribing:
    def __init__(self, mail: IMailStore, outbound: OutboundHttp, limits: ILimits, clock: Any) -> None:
        self._mail = mail
        self._outbound = outbound
        self._limits = limits
        self._clock = clock
        self._turns = DeferredSemaphore(_AT_ONCE)

    async def ways(self, account: AccountId, email: int) -> WaysOut | None:
        """None: the account has no such email."""
        found = await self._mail.fetch(account, [EmailId(email)], [Column.HEADER])
        if email not in found:
            return None
        header = found[email][0]
        assert isinstance(header, bytes)
        return ways_out(header, self._outbound.allow_private)

    async def leave(self, account: AccountId, url: str) -> None:
        """The POST. Raises UnsubscribeForbidden, UnsubscribeFailed, RateLimited."""
        if await self._limits.hit(f"unsubscribe:{account}", 3600.0) > _PER_HOUR:
            raise RateLimited("Too many lists left within an hour; try again later.")
        if len(self._turns.waiting) >= _WAITING:
            raise RateLimited("Too many lists are being left; try again later.")
        status = await self._turns.run(lambda: Deferred.fromCoroutine(self._post(url)))
        log.info("asked to unsubscribe", account=account, status=status)
        if status // 100 != 2:  # RFC 8058 §3.1: nor may it redirect
            raise UnsubscribeFailed(cause=f"status {status}")

    async def _post(self, url: str) -> int:
        asking = Deferred.fromCoroutine(
            self._outbound.request("POST", url.partition("#")[0], _HEADERS, _BODY, limit=_ANSWER)
        )
        try:
            return (await asking.addTimeout(_WITHIN, self._clock)).status
        except ForbiddenTarget as error:
            raise UnsubscribeForbidden(str(error)) from error
        except TooLarge as error:
            return error.status  # it was heard, and how long its page is does not matter
        except defer.TimeoutError as error:
            raise UnsubscribeFailed("The list's server took too long.", cause=str(error)) from error
        except OutboundFailure as error:
            raise UnsubscribeFailed(cause=str(error)[:200]) from error
