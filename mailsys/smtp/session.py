"""One client's session: each event of the receiver becomes calls on the services and one reply.

Knows no transport. `answer` gives the bytes to send; they may wait for the replies that follow. What is
known on the spot is answered on the spot: a coroutine for every packet was a tenth of what receiving costs.
"""

from __future__ import annotations

import binascii
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred

from mailsys.core.refusal import (
    AuthenticationRequired,
    EncryptionRequired,
    Refusal,
    TemporaryFailure,
    TooManyRecipients,
)
from mailsys.core.smtp import events
from mailsys.core.smtp.events import Event
from mailsys.core.smtp.extensions import hello_reply
from mailsys.core.smtp.parameters import MailParameters
from mailsys.core.smtp.receiver import Receiver
from mailsys.core.smtp.reply import Reply, refused
from mailsys.log import Log
from mailsys.ports.accounts import Account
from mailsys.ports.blobs import IBlobSink
from mailsys.services.access.authentication import Challenge
from mailsys.services.delivery.transactions import Client, ITransaction
from mailsys.smtp.service import Service
from mailsys.smtp.sign_in import Dialogue

log = Log("smtp")
T = TypeVar("T")

_SENDER_OK: Final = b"250 2.1.0 Sender ok\r\n"
_RECIPIENT_OK: Final = b"250 2.1.5 Recipient ok\r\n"
_GO_AHEAD: Final = b"354 Send the message, end with CRLF.CRLF\r\n"
_RESET: Final = b"250 2.0.0 Reset\r\n"
_NOOP: Final = b"250 2.0.0 Ok\r\n"
_HELP: Final = (
    b"214 2.0.0 Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH (RFC 5321)\r\n"
)
_VERIFY: Final = b"252 2.0.0 Send mail to it and see\r\n"  # RFC 5321 §3.5.3, §7.3: nobody is disclosed
_BYE: Final = b"221 2.0.0 Bye\r\n"
_SIGNED_IN: Final = b"235 2.7.0 Signed in\r\n"
_MANY_ERRORS: Final = b"421 4.7.0 Too many errors, closing\r\n"
_MANY_MESSAGES: Final = b"421 4.7.0 Enough messages on this connection, closing\r\n"
_IDLE_TALK: Final = b"421 4.7.0 Too much talk without mail, closing\r\n"
_START_TLS_FIRST: Final = b"530 5.7.0 Must issue a STARTTLS command first\r\n"  # RFC 3207 §4
_ALREADY: Final = b"503 5.5.1 Signed in already\r\n"  # RFC 4954 §4
_MECHANISM: Final = b"504 5.5.4 Unknown authentication mechanism\r\n"
_HOLD: Final = b"501 5.5.4 Cannot hold a message that long\r\n"

_TALK: Final = 200  # commands that bring no mail, between two messages

_POSITIVE: Final = 0x34  # a reply that begins below "4" accepts


class Session:
    """`seconds` is the time that deadlines are told by."""

    __slots__ = (
        "_binding",
        "_dialogue",
        "_errors",
        "_failure",
        "_forgiven",
        "_messages",
        "_recipients",
        "_seconds",
        "_sink",
        "_talk",
        "_transaction",
        "_utf8",
        "began",
        "client",
        "closing",
        "receiver",
        "service",
    )

    def __init__(self, service: Service, client: Client, seconds: Callable[[], float]) -> None:
        self.service = service
        self.client = client
        self._seconds = seconds
        self._binding: tuple[str, bytes] | None = None
        self.receiver = Receiver(service.offers(False, client.address), service.limits.smtp_line)
        self.closing = False  # nothing more is to be read
        self._errors = self._messages = self._talk = 0
        self._forgiven = 0  # errors more that recipients accepted since the last message make up for
        self._dialogue = Dialogue()
        self._begin()

    def _begin(self) -> None:
        self._transaction: ITransaction | None = None
        self._sink: IBlobSink | None = None
        self._failure: bytes | None = None  # why the content that arrives is lost
        self.began: float | None = None  # when a message's content began to arrive that is not whole yet
        self._recipients = 0
        self._utf8 = False

    def abort(self) -> None:
        """Forget the transaction; when the connection is lost, or before TLS."""
        transaction, sink = self._transaction, self._sink
        self._begin()
        if sink is not None:
            sink.abort()
        if transaction is not None:
            transaction.abort()

    def begin_tls(self) -> None:
        """STARTTLS was answered: what was said and done before it is forgotten (RFC 3207 §4.2)."""
        self.abort()
        self._dialogue.forget()
        self.client = Client(self.client.address, self.client.port)
        self.receiver.restart(self.receiver.offers)

    def tls_began(self, description: str, binding: tuple[str, bytes] | None) -> None:
        """The handshake is done: what it came to, and what ties a sign-in to it."""
        self.client = replace(self.client, tls=description)
        self._binding = binding
        self.receiver.offers = self.service.offers(True, self.client.address, binding is not None)

    def answer(self, event: Event) -> bytes | Awaitable[bytes]:
        """Do what was asked, settle it with the receiver, and return the reply (b"": none yet); or, where a
        service has to be waited for, what will come to that."""
        try:
            reply = _HANDLERS[type(event)](self, event)
        except Exception as failure:
            reply = self._failed(failure, event)
        return self._settled(reply) if isinstance(reply, bytes) else self._waited_for(reply, event)

    async def _waited_for(self, waiting: Awaitable[bytes], event: Event) -> bytes:
        try:
            reply = await waiting
        except Exception as failure:
            reply = self._failed(failure, event)
        return self._settled(reply)

    def _settled(self, reply: bytes) -> bytes:
        if not reply:
            self.receiver.resume()
            return reply
        first = reply[0]
        self.receiver.resume(first < _POSITIVE)
        if first > _POSITIVE:
            self._errors += 1
            if self._errors > self.service.limits.errors_per_session + self._forgiven and not self.closing:
                log.info("too many errors", address=self.client.address)
                self.closing = True
                return _MANY_ERRORS
        return reply

    def _failed(self, failure: Exception, event: Event) -> bytes:
        """The reply to what a service raised. What it was not meant to raise is logged with its trace."""
        if type(event) in _ENDS:
            self.abort()
        if not isinstance(failure, Refusal):
            log.error("failed", failure, address=self.client.address)
            failure = TemporaryFailure()
        reply = refused(failure)
        log.info(
            "refused",
            address=self.client.address,
            code=reply.code,
            enhanced=reply.enhanced,
            text=reply.text,
            cause=failure.cause,
        )
        if reply.code == 421:  # RFC 5321 §3.8: whoever says so closes
            self.closing = True
        return reply.render(self._utf8)

    def _idle(self, reply: bytes) -> bytes:
        """The reply to a command that brings no mail nearer; there is an end to those."""
        self._talk += 1
        if self._talk > _TALK:
            self.closing = True
            return _IDLE_TALK
        return reply

    # -- greetings and small talk

    def _hello(self, event: events.Hello) -> bytes:
        self.abort()
        self.client = replace(self.client, hello=event.name, esmtp=event.extended)
        if event.extended:
            return self._idle(hello_reply(self.receiver.offers, self.service.now()))
        return self._idle(f"250 {self.service.hostname}\r\n".encode("ascii"))

    def _reset(self, _event: events.Reset) -> bytes:
        self.abort()
        return self._idle(_RESET)

    def _noop(self, _event: events.Noop) -> bytes:
        return self._idle(_NOOP)

    def _help(self, _event: events.Help) -> bytes:
        return self._idle(_HELP)

    def _verify(self, _event: events.Verify) -> bytes:
        return self._idle(_VERIFY)

    def _quit(self, _event: events.Quit) -> bytes:
        self.abort()
        self.closing = True
        return _BYE

    def _refused(self, event: events.Refused) -> bytes:
        self._dialogue.forget()
        if event.fatal:
            self.abort()
            self.closing = True
        log.info("refused", address=self.client.address, code=event.reply.code, text=event.reply.text)
        return event.reply.render()

    # -- the transaction

    def _mail(self, event: events.Mail) -> bytes | Awaitable[bytes]:
        service, client = self.service, self.client
        if self._messages >= service.limits.messages_per_connection:
            self.closing = True
            return _MANY_MESSAGES
        if service.submission and client.account is None:  # RFC 6409 §4.3
            if not service.may_sign_in(bool(client.tls), client.address):
                return _START_TLS_FIRST
            raise AuthenticationRequired
        if not self._can_hold(event.parameters):
            return _HOLD
        self._begin()
        self._utf8 = event.parameters.utf8
        return _then(service.transactions.begin(client, event.sender, event.parameters), self._begun)

    def _begun(self, transaction: ITransaction) -> bytes:
        self._transaction = transaction
        return self._idle(_SENDER_OK)

    def _can_hold(self, parameters: MailParameters) -> bool:
        """RFC 4865 §4.2: within the longest that was offered."""
        longest = self.service.limits.hold_at_most
        if parameters.hold_for is not None:
            return parameters.hold_for <= longest
        return parameters.hold_until is None or parameters.hold_until - self.service.now() <= longest

    def _recipient(self, event: events.Recipient) -> bytes | Awaitable[bytes]:
        transaction = self._transaction
        assert transaction is not None
        if self._recipients >= self.service.recipients:
            raise TooManyRecipients
        return _then(transaction.add_recipient(event.address, event.parameters), self._recipient_taken)

    def _recipient_taken(self, _: None) -> bytes:
        self._recipients += 1
        # A list with a few dead addresses is no dictionary attack: the living ones speak for it.
        self._forgiven = self._recipients // 4
        return _RECIPIENT_OK

    def _open(self) -> IBlobSink | Deferred[IBlobSink]:
        transaction = self._transaction
        assert transaction is not None
        self.began = self._seconds()
        return transaction.open_body()

    def _start_data(self, event: events.StartData) -> bytes | Awaitable[bytes]:
        return _then(self._open(), self._go_ahead)

    def _go_ahead(self, sink: IBlobSink) -> bytes:
        self._sink = sink
        return _GO_AHEAD

    async def _start_chunk(self, event: events.StartChunk) -> bytes:
        """No reply yet: the chunk's octets come first, wanted or not (RFC 3030 §2)."""
        if event.first:
            try:
                opening = self._open()
                self._sink = await opening if isinstance(opening, Deferred) else opening
            except Exception as failure:
                self._failure = self._failed(failure, event)
        if self._failure is not None:
            self.receiver.discard()
            if self.closing:
                return self._failure
        return b""

    def _content(self, event: events.Content) -> bytes | Awaitable[bytes]:
        """There is no reply but the last one of a connection that has to be closed; what waits is done once
        there is room for more."""
        sink = self._sink
        if sink is None:
            return b""
        try:
            waiting = sink.write(event.data)
        except Exception as failure:
            return self._give_up(sink, failure, event)
        return b"" if waiting is None else self._take_slowly(sink, waiting, event)

    async def _take_slowly(self, sink: IBlobSink, waiting: Awaitable[None], event: events.Content) -> bytes:
        try:
            await waiting
        except Exception as failure:
            return self._give_up(sink, failure, event)
        return b""

    def _give_up(self, sink: IBlobSink, failure: Exception, event: events.Content) -> bytes:
        """The content is lost, why is said at its end."""
        self._failure = self._failed(failure, event)
        self.receiver.discard()
        self._sink = None
        sink.abort()
        return self._failure if self.closing else b""

    def _end_of_chunk(self, event: events.EndOfChunk) -> bytes:
        refusal = self._content_refusal(event.refused)
        if refusal is not None:
            return refusal
        return b"250 2.0.0 %d octets received\r\n" % event.size

    def _content_refusal(self, broken: Reply | None) -> bytes | None:
        """When the content is not to be kept: the reply, and the transaction is over."""
        if self._failure is not None:
            reply = self._failure
        elif broken is not None:
            reply = broken.render()
            log.info("refused", address=self.client.address, code=broken.code, text=broken.text)
        else:
            return None
        self.abort()
        return reply

    async def _end_of_message(self, event: events.EndOfMessage) -> bytes:
        self._messages += 1
        self._talk = self._forgiven = 0
        refusal = self._content_refusal(event.refused)
        if refusal is not None:
            return refusal
        transaction, sink = self._transaction, self._sink
        assert transaction is not None
        assert sink is not None
        blob = await sink.finish()
        text = await transaction.commit(blob)
        self._begin()
        self._errors = 0
        return b"250 2.0.0 %b\r\n" % text.encode("ascii", "replace")[:500]

    # -- signing in

    async def _authenticate(self, event: events.Authenticate) -> bytes:
        service, client = self.service, self.client
        if client.account is not None:
            return _ALREADY
        if not service.may_sign_in(bool(client.tls), client.address):
            raise EncryptionRequired  # RFC 4954 §4
        if service.sign_in is None or event.mechanism not in self.receiver.offers.mechanisms:
            return _MECHANISM
        outcome = await self._dialogue.begin(
            service.sign_in, event.mechanism, client.address, self._binding, event.initial
        )
        return self._login(outcome)

    async def _response(self, event: events.Response) -> bytes:
        return self._login(await self._dialogue.proceed(event.data, self.client.address))

    def _login(self, outcome: Challenge | Account | Reply) -> bytes:
        if isinstance(outcome, Challenge):
            self.receiver.expect_response()
            return b"334 " + binascii.b2a_base64(outcome.data, newline=False) + b"\r\n"
        if isinstance(outcome, Reply):
            self.closing = outcome.code == 421
            return outcome.render()
        self.client = replace(self.client, account=outcome.id, login=outcome.address)
        return _SIGNED_IN


def _then(found: T | Deferred[T], go_on: Callable[[T], bytes]) -> bytes | Awaitable[bytes]:
    """What is made of what a service answers: now, or when it does."""
    return _later(found, go_on) if isinstance(found, Deferred) else go_on(found)


async def _later(waiting: Deferred[T], go_on: Callable[[T], bytes]) -> bytes:
    return go_on(await waiting)


_ENDS: Final = (events.StartData, events.EndOfMessage)  # what ends the transaction when it fails

_HANDLERS: Final[dict[type, Callable[[Session, Any], bytes | Awaitable[bytes]]]] = {
    events.Hello: Session._hello,
    events.Mail: Session._mail,
    events.Recipient: Session._recipient,
    events.StartData: Session._start_data,
    events.Content: Session._content,
    events.StartChunk: Session._start_chunk,
    events.EndOfChunk: Session._end_of_chunk,
    events.EndOfMessage: Session._end_of_message,
    events.Reset: Session._reset,
    events.Noop: Session._noop,
    events.Help: Session._help,
    events.Verify: Session._verify,
    events.Quit: Session._quit,
    events.Authenticate: Session._authenticate,
    events.Response: Session._response,
    events.Refused: Session._refused,
}
