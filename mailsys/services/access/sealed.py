"""Short-lived tokens that we hand out and get back: signed, for one purpose, good for one use.

What stands in a token is signed, not hidden. That it was used is kept in the store (`IOnceStore`), so it
is good for one use over all processes and restarts.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

import msgspec
from twisted.internet.interfaces import IReactorTime

from mailsys.core.refusal import BadCredentials
from mailsys.ports.once import IOnceStore

_LONGEST: Final = 2048  # characters


class Expired(BadCredentials):
    """This step took too long or was done already; begin again."""


class Seal:
    """`secret`: 16 to 64 octets that all processes share and that stay the same over restarts."""

    def __init__(
        self, secret: bytes, once: IOnceStore, clock: IReactorTime, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._key = hashlib.blake2b(b"sealed tokens", key=secret[:64], digest_size=32).digest()
        self._once = once
        self._clock = clock
        self._random = random_bytes

    def make(self, purpose: str, content: dict[str, Any], seconds: float) -> str:
        """A token good for `seconds`."""
        until = int(self._clock.seconds() + seconds)
        body = msgspec.json.encode([purpose, until, self._random(12).hex(), content])
        return f"{_text(body)}.{_text(self._mac(body))}"

    def read(self, purpose: str, token: str) -> dict[str, Any]:
        """What the token holds. Raises Expired for one that is old, another's or used up."""
        body = self._body(token)
        what, until, _, content = msgspec.json.decode(body)
        if what != purpose or until < self._clock.seconds():
            raise Expired(cause="expired" if what == purpose else "a token for something else")
        return dict(content)

    async def attempt(self, token: str, at_most: int) -> None:
        """One more try with this token. Raises Expired after `at_most`."""
        if not await self._take("try", token, at_most):
            raise Expired(cause="too many tries")

    async def use(self, purpose: str, token: str) -> dict[str, Any]:
        """As `read`, and the token is used up: the second caller gets Expired."""
        content = self.read(purpose, token)
        if not await self._take("use", token):
            raise Expired(cause="used before")
        return content

    async def _take(self, what: str, token: str, at_most: int = 1) -> bool:
        body = self._body(token)
        until: int = msgspec.json.decode(body)[1]
        key = hashlib.blake2b(body, digest_size=16).hexdigest()
        taken: bool = await self._once.take(f"sealed-{what}:{key}", until + 60.0, at_most)
        return taken

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._key, digest_size=24).digest()

    def signature(self, text: str) -> str:
        """Of a text of ours that goes through other hands, such as a link."""
        return _text(self._mac(b"text\0" + text.encode("utf-8", "surrogatepass")))

    def is_signed(self, text: str, signature: str) -> bool:
        return hmac.compare_digest(self.signature(text).encode(), signature.encode("utf-8", "replace"))

    def _body(self, token: str) -> bytes:
        body, _, mac = token.partition(".")
        try:
            if len(token) > _LONGEST:
                raise ValueError("too long")
            octets, given = _octets(body), _octets(mac)
        except ValueError:
            raise Expired(cause="no token of ours") from None
        if not hmac.compare_digest(self._mac(octets), given):
            raise Expired(cause="no token of ours")
        return octets


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _octets(text: str) -> bytes:
    data = text.encode("ascii")  # UnicodeEncodeError is a ValueError
    return urlsafe_b64decode(data + b"=" * (-len(data) % 4))
