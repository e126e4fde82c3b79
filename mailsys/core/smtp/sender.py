"""The client side of an SMTP connection without its socket: bytes in, events out (RFC 5321).

    sender.feed(bytes from the server); write(sender.take())
    while (event := sender.next_event()) is not None: ...

After `Ready` the owner calls `start_tls`, `begin` or `quit`. `begin` leads to `BodyWanted` (stream
the content through `body` and `end_body`) and `Finished`, or to `Finished` alone; after a
`Finished` that is `usable` the connection takes the next `begin`. `Closed` is the last event.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from mailsys.core.smtp.envelope import (
    Capabilities,
    Envelope,
    Fate,
    Result,
    fate_of,
    mail_command,
    rcpt_command,
    unsafe,
    unsendable,
)
from mailsys.core.smtp.remote_reply import BadReply, RemoteReply, ReplyReader
from mailsys.core.smtp.wire_body import DotStuffer


@dataclass(frozen=True, slots=True)
class Ready:
    """Greeted: a transaction may begin."""

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class TlsAccepted:
    """Start the TLS handshake now, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class TlsRefused:
    """STARTTLS was offered and then refused; the session goes on in clear."""

    reply: str


@dataclass(frozen=True, slots=True)
class BodyWanted:
    """At least one recipient was taken and the content may follow."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The transaction is over: one result per recipient, in order."""

    results: tuple[Result, ...]
    usable: bool  # for another `begin`


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more can be done on this connection."""

    reply: str  # why, in the form of a reply
    remote: bool  # the words are the other side's


Event = Ready | TlsAccepted | TlsRefused | BodyWanted | Finished | Closed


class Waiting(Enum):
    """What the server is being waited for; each has its patience (RFC 5321 §4.5.3.2)."""

    NOTHING = auto()
    GREETING = auto()
    HELLO = auto()
    HELO = auto()
    TLS_REPLY = auto()
    HANDSHAKE = auto()
    RESET = auto()
    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    BODY = auto()  # not for a reply: for the socket to take the content
    END = auto()
    QUIT = auto()


# RFC 5321 §4.5.3.2.1-6, in parts of 5 minutes
PATIENCE = {Waiting.DATA: 0.4, Waiting.BODY: 0.6, Waiting.END: 2.0, Waiting.QUIT: 0.02}


class Sender:
    """One connection. Bounded: a reply of at most 128 lines is held, and no content."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname.encode("ascii", "replace")
        self._reader = ReplyReader()
        self._out = bytearray()
        self._events: deque[Event] = deque()
        self._expected: deque[tuple[Waiting, int]] = deque([(Waiting.GREETING, 0)])
        self._closed = False
        self._in_body = False
        self._dirty = False  # the last transaction was left open: RSET before the next
        self.capabilities = Capabilities()
        self._envelope: Envelope | None = None
        self._results: list[Result | None] = []
        self._commands: deque[tuple[Waiting, int, bytes]] = deque()
        self._ended = False  # the final dot was handed out
        self._stuffer = DotStuffer()

    # -- bytes ---------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        if self._closed:
            return
        self._reader.feed(data)
        try:
            while not self._closed and (reply := self._reader.next_reply()) is not None:
                self._replied(reply)
        except BadReply as error:
            self._close(f"451 4.5.0 The other server broke the protocol: {error}", remote=False)

    def take(self) -> bytes:
        """What is to be written now."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        return self._events.popleft() if self._events else None

    @property
    def waiting(self) -> Waiting:
        if self._in_body:
            return Waiting.BODY
        return self._expected[0][0] if self._expected else Waiting.NOTHING

    def lost(self, reply: str) -> None:
        """The connection is gone, or was given up; `reply` is our reason in the form of a reply."""
        self._close(reply, remote=False)

    # -- what the owner asks ---------------------------------------------------------------------

    def start_tls(self) -> None:
        self._say(Waiting.TLS_REPLY, b"STARTTLS\r\n")

    def tls_started(self) -> None:
        """The handshake is done: nothing learned before it counts (RFC 3207 §4.2)."""
        self._expected.clear()
        self._reader.clear()
        self.capabilities = Capabilities()
        self._say(Waiting.HELLO, b"EHLO " + self._hostname + b"\r\n")

    def quit(self) -> None:
        if not self._closed:
            self._say(Waiting.QUIT, b"QUIT\r\n")

    def begin(self, envelope: Envelope) -> None:
        """Offer a message. Only after `Ready` or a usable `Finished`."""
        assert self._envelope is None
        assert not self._expected
        self._envelope = envelope
        self._results = [None] * len(envelope.recipients)
        self._ended = False
        refusal = unsendable(envelope, self.capabilities)
        if refusal is None and unsafe(envelope.sender):
            refusal = Result(Fate.FAILED, "553 5.1.7 The sender's address is malformed", remote=False)
        if refusal is not None:
            self._resolve_all(refusal)
        for index, recipient in enumerate(envelope.recipients):
            if self._results[index] is None and unsafe(recipient.address):
                words = "553 5.1.3 The recipient's address is malformed"
                self._results[index] = Result(Fate.FAILED, words, remote=False)
        if all(self._results):
            self._finish(usable=True)
            return
        if self._dirty:
            self._commands.append((Waiting.RESET, 0, b"RSET\r\n"))
            self._dirty = False
        self._commands.append((Waiting.MAIL, 0, mail_command(envelope, self.capabilities)))
        for index, recipient in enumerate(envelope.recipients):
            if self._results[index] is None:
                command = rcpt_command(recipient, self.capabilities, envelope.needs_utf8)
                self._commands.append((Waiting.RCPT, index, command))
        if not envelope.binary:
            self._commands.append((Waiting.DATA, 0, b"DATA\r\n"))
        if self.capabilities.offers("PIPELINING"):  # RFC 2920 §3.1: DATA may end the group
            while self._commands:
                self._next_command()
        else:
            self._next_command()

    def body(self, data: bytes) -> bytes:
        """A window of the content as it goes on the wire (at most about twice as long)."""
        assert self._in_body
        assert self._envelope is not None
        return data if self._envelope.binary else self._stuffer.feed(data)

    def end_body(self) -> bytes:
        """The end of the content: from here on the other side may take responsibility."""
        assert self._in_body
        assert self._envelope is not None
        self._in_body = False
        self._ended = True
        self._expected.append((Waiting.END, 0))
        return b"" if self._envelope.binary else self._stuffer.finish()

    # -- replies ---------------------------------------------------------------------------------

    def _replied(self, reply: RemoteReply) -> None:
        if reply.code == 421 or not self._expected:  # RFC 5321 §3.8: the server is leaving
            self._left(reply)
            return
        waiting, index = self._expected.popleft()
        if waiting in (Waiting.GREETING, Waiting.HELLO, Waiting.HELO):
            self._hello(waiting, reply)
        elif waiting is Waiting.TLS_REPLY:
            self._tls_reply(reply)
        elif waiting is Waiting.HANDSHAKE:
            self._close("451 4.5.0 The other server spoke before the TLS handshake", remote=False)
        elif waiting is Waiting.QUIT:
            self._close(reply.text, remote=True)
        else:
            self._transaction(waiting, index, reply)

    def _left(self, reply: RemoteReply) -> None:
        if self._in_body and reply.code != 421 and not reply.positive:
            # an answer while the content is on its way: it speaks for the message, and leaves the
            # connection out of step
            self._resolve_all(fate_of(reply))
        if reply.code == 421 or (self._in_body and not reply.positive):
            self._close(reply.text, remote=True)
        else:
            self._close("451 4.5.0 The other server broke the protocol: a reply to nothing", remote=False)

    def _hello(self, waiting: Waiting, reply: RemoteReply) -> None:
        if waiting is Waiting.GREETING and reply.code == 220:
            self._say(Waiting.HELLO, b"EHLO " + self._hostname + b"\r\n")
        elif waiting is Waiting.HELLO and reply.permanent:
            self._say(Waiting.HELO, b"HELO " + self._hostname + b"\r\n")  # RFC 5321 §3.2
        elif waiting is not Waiting.GREETING and reply.positive:
            self.capabilities = Capabilities.read(reply) if waiting is Waiting.HELLO else Capabilities()
            self._events.append(Ready(self.capabilities))
        else:
            self._close(reply.text, remote=True)

    def _tls_reply(self, reply: RemoteReply) -> None:
        if reply.code != 220:
            self._events.append(TlsRefused(reply.text))
        elif self._reader.pending:  # RFC 3207 §4.2 the other way round: injected into our session
            self._close("451 4.7.0 The other server spoke before the TLS handshake", remote=False)
        else:
            self._expected.append((Waiting.HANDSHAKE, 0))
            self._events.append(TlsAccepted())

    def _transaction(self, waiting: Waiting, index: int, reply: RemoteReply) -> None:
        if waiting is Waiting.MAIL:
            self._dirty = True
            if not reply.positive:
                self._resolve_all(fate_of(reply))
        elif waiting is Waiting.RCPT:
            if self._results[index] is None and not reply.positive:
                self._results[index] = self._refused_recipient(reply)
        elif waiting is Waiting.DATA:
            self._data_reply(reply)
            return
        elif waiting is Waiting.END:
            self._dirty = False
            if 300 <= reply.code < 400:
                self._close("451 4.5.0 The other server broke the protocol after the message", remote=False)
                return
            self._resolve_all(fate_of(reply))
            self._finish(usable=True)
            return
        if not self._expected:
            self._go_on()

    def _refused_recipient(self, reply: RemoteReply) -> Result:
        if reply.code == 552:  # RFC 5321 §4.5.3.1.10: "too many recipients" in old words
            return Result(Fate.DEFERRED, reply.text)
        return fate_of(reply)

    def _data_reply(self, reply: RemoteReply) -> None:
        open_ones = not all(self._results)
        if reply.code == 354:
            if open_ones:
                self._want_body()
            else:  # RFC 2920 §3.1: nobody was taken, yet the server waits: an empty message
                self._out += b".\r\n"
                self._expected.append((Waiting.END, 0))
        elif reply.positive or reply.code < 400:
            self._close("451 4.5.0 The other server broke the protocol at DATA", remote=False)
        else:
            self._resolve_all(fate_of(reply))
            self._finish(usable=True)

    def _go_on(self) -> None:
        """Without pipelining: the next command, or the end of those that make sense."""
        if all(self._results):
            self._commands.clear()
            self._finish(usable=True)
        elif self._commands:
            self._next_command()
        else:
            assert self._envelope is not None
            assert self._envelope.binary
            self._out += b"BDAT %d LAST\r\n" % self._envelope.size  # RFC 3030 §2
            self._want_body()

    def _want_body(self) -> None:
        self._in_body = True
        self._stuffer = DotStuffer()
        self._events.append(BodyWanted())

    # -- ends ------------------------------------------------------------------------------------

    def _say(self, waiting: Waiting, line: bytes) -> None:
        self._out += line
        self._expected.append((waiting, 0))

    def _next_command(self) -> None:
        waiting, index, line = self._commands.popleft()
        self._out += line
        self._expected.append((waiting, index))

    def _resolve_all(self, result: Result) -> None:
        """Whoever has no result yet gets this one: recipients taken stand or fall together."""
        self._results = [known or result for known in self._results]

    def _finish(self, usable: bool) -> None:
        results = tuple(result for result in self._results if result is not None)
        assert self._envelope is not None
        assert len(results) == len(self._envelope.recipients)
        self._envelope = None
        self._in_body = False
        self._events.append(Finished(results, usable))

    def _close(self, reply: str, *, remote: bool) -> None:
        if self._closed:
            return
        self._closed = True
        self._expected.clear()
        self._commands.clear()
        self._out.clear()
        if self._envelope is not None:
            words, theirs = reply, remote
            if self._ended and not remote:
                # RFC 1047: the one moment where neither side can know
                words += " (after the whole message was sent: it may arrive twice)"
            if words[:1] != "4":  # losing the connection never fails a message for good
                words = f"451 4.4.2 {words}"
                theirs = False
            self._resolve_all(Result(Fate.DEFERRED, words, theirs, self._ended and not remote))
            self._finish(usable=False)
        self._events.append(Closed(reply, remote))
