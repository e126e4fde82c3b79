"""The AUTH dialogue of one session (RFC 4954), as far as SMTP has a say in it."""

from __future__ import annotations

from typing import Final

from mailsys.core.refusal import MessageRejected, Refusal, UnsupportedParameter
from mailsys.core.smtp.reply import Reply, refused
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.services.access.authentication import Challenge, IExchange, ISignIn

log = Log("smtp")

_UNKNOWN: Final = Reply(504, "5.5.4", "Unknown authentication mechanism")
_TEMPORARY: Final = Reply(454, "4.7.0", "Temporary authentication failure")
_NONE: Final = Reply(503, "5.5.1", "No authentication exchange")
_TOO_MANY: Final = Reply(421, "4.7.0", "Too many failed logins, closing")

_FAILURES: Final = 5  # per connection


class Dialogue:
    """What comes of each step: a Challenge for the client, the Account that it proved to be, or the
    Reply that ends the exchange (421: and the connection)."""

    __slots__ = ("_exchange", "_failures", "_proven")

    def __init__(self) -> None:
        self._exchange: IExchange | None = None
        self._proven: Account | None = None  # the client has yet to acknowledge our last word
        self._failures = 0

    def forget(self) -> None:
        """The exchange is over, whatever came of it."""
        self._exchange = self._proven = None

    async def begin(
        self,
        sign_in: ISignIn,
        mechanism: str,
        address: str,
        binding: tuple[str, bytes] | None,
        initial: bytes | None,
    ) -> Challenge | Account | Reply:
        self.forget()
        try:
            self._exchange = sign_in.start(mechanism, address, binding)
        except UnsupportedParameter:
            return _UNKNOWN
        return await self._step(self._exchange, initial, address)

    async def proceed(self, data: bytes, address: str) -> Challenge | Account | Reply:
        if self._proven is not None:  # `data` acknowledges; there is nothing to say in it
            account = self._proven
            self.forget()
            return account
        if self._exchange is None:
            return _NONE
        return await self._step(self._exchange, data, address)

    async def _step(
        self, exchange: IExchange, data: bytes | None, address: str
    ) -> Challenge | Account | Reply:
        try:
            outcome = await exchange.respond(data)
        except Exception as failure:
            self.forget()
            return self._failed(failure, address)
        if isinstance(outcome, Challenge):
            return outcome
        self.forget()
        if outcome.final is None:
            return outcome.account
        self._proven = outcome.account  # RFC 4954 §4: a success reply has no place for the last word
        return Challenge(outcome.final)

    def _failed(self, failure: Exception, address: str) -> Reply:
        """RFC 4954 §4, §6: the codes of a failed exchange."""
        cause = ""
        if isinstance(failure, Refusal):
            reply, cause = refused(failure), failure.cause
            if isinstance(failure, MessageRejected):
                reply = Reply(501, "5.5.2", failure.text)
            elif reply.temporary:
                reply = Reply(454, "4.7.0", failure.text)
        else:
            log.error("login failed", failure, address=address)
            reply = _TEMPORARY
        log.info("login refused", address=address, code=reply.code, text=reply.text, cause=cause)
        self._failures += 1
        return _TOO_MANY if self._failures >= _FAILURES else reply
