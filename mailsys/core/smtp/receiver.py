"""The server side of the SMTP wire: octets in, events out. No socket, no clock, no policy.

    receiver.feed(data)
    while (event := receiver.next_event()) is not None:
        ...                       # answer it, however long that takes
        receiver.resume(accepted)

The machine. A connection is a sequence of commands, some with content behind them. The receiver cuts
the octets into both, checks grammar and order, and hands out what is left to decide as `events`. It says
nothing itself: what needs no decision comes as `Refused`, with the reply to send. Whether a sender, a
recipient or a message is accepted is the caller's to say, with `resume(accepted)`, and moves the machine on.

Two things make up where it stands. `state` is how far the mail transaction is (`states`: START until HELO
or EHLO, READY, SENDER, RECIPIENTS, CHUNKS); `states.RULES` says which command may come in which, and the
answer elsewhere. The mode is how the next octets are read:

    command     a line up to CRLF. The mode at the start, and after all others
    response    the line after AUTH's challenge: after `expect_response()` and `resume()`
    data        up to CRLF.CRLF, dots unstuffed: once StartData was accepted
    chunk       so many octets as BDAT said. Refused, they are swallowed (RFC 3030 §2)
    nothing     after Quit or a fatal `Refused`: whatever comes is thrown away

What moves the transaction: Hello accepted, READY; Mail accepted, SENDER; Recipient accepted, RECIPIENTS;
EndOfChunk accepted, CHUNKS. EndOfMessage, Reset, a Hello, and a refused StartData or EndOfChunk end it:
READY. StartTls accepted is followed by the caller's `restart`, and all begins anew in START.

Promises. `feed` takes octets at any time and never fails. `next_event` hands out one event at a time and
None until `resume` was called for it, or while octets are missing: so commands sent in one packet
(RFC 2920) are judged one after the other. `resume` is called once for each event, Content among them.
How the octets are cut into calls of `feed` changes no event, apart from how content is cut, and STARTTLS,
behind which anything already here was sent in the clear. Only CRLF ends a line.

Bounds. A command line is at most `line_limit` octets, else it is refused once and skipped to its end.
Content is read to its end however large it is, so that the answer finds its place, but what is over the
limit is not handed out. Memory is what was fed and not yet taken: the caller stops reading while `buffered`
is large.

What ends it. The receiver asks for the connection to be closed by `Refused(fatal=True)`: a line that does
not end, content far over the limit, a BDAT whose size cannot be read, so that nobody knows where the next
command begins. After Quit it reads nothing more; to close is the caller's part. When the transport is gone,
the receiver is dropped; it holds nothing that needs an end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mailsys.core.smtp import commands, events
from mailsys.core.smtp.content import TOO_BIG, ChunkReader, DataReader
from mailsys.core.smtp.events import Event, Refused
from mailsys.core.smtp.extensions import Offers
from mailsys.core.smtp.reply import Reply
from mailsys.core.smtp.states import RULES, State

AUTH_LINE: Final = 12288  # RFC 4954 §4: octets of a response, CRLF included
_SKIPPED: Final = 16  # times the line limit are skipped in search of a line end, then the peer is dropped
_ABSURD: Final = 1 << 20  # octets above twice the message limit: no longer read to the end

_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")

_LONG: Final = Refused(Reply(500, "5.5.2", "Line too long"))
_ENDLESS: Final = Refused(Reply(421, "4.7.0", "Line far too long, closing"), fatal=True)
_LONG_RESPONSE: Final = Refused(
    Reply(500, "5.5.6", "Authentication exchange line is too long")
)  # RFC 4954 §6
_GARBAGE: Final = Refused(Reply(500, "5.5.2", "Syntax error: control characters in a command"))
_UNKNOWN: Final = Refused(Reply(500, "5.5.1", "Command not recognised"))
_NO_ARGUMENT: Final = Refused(Reply(501, "5.5.4", "No argument allowed"))
_NO_EXPN: Final = Refused(Reply(502, "5.5.1", "EXPN not implemented"))
_NOT_DATA: Final = Refused(Reply(503, "5.5.1", "BODY=BINARYMIME needs BDAT"))  # RFC 3030 §3
_BDAT_SYNTAX: Final = Refused(Reply(501, "5.5.4", "Syntax: BDAT size [LAST]; closing"), fatal=True)
_FAR_TOO_BIG: Final = Refused(TOO_BIG, fatal=True)
_NO_TLS: Final = Refused(Reply(503, "5.5.1", "TLS is not available, or active already"))

_NOOP: Final = events.Noop()
_RESET: Final = events.Reset()


class Receiver:
    """One connection's commands. `offers` is what its EHLO said; `line_limit` counts the CRLF too."""

    __slots__ = (
        "_at",
        "_binary",
        "_buffer",
        "_chunk_end",
        "_chunk_left",
        "_chunks",
        "_data",
        "_discard",
        "_ended",
        "_event",
        "_line_limit",
        "_next",
        "_response_due",
        "_skipped",
        "_utf8",
        "offers",
        "state",
    )

    def __init__(self, offers: Offers, line_limit: int) -> None:
        self.offers = offers
        self._line_limit = line_limit
        self._begin()

    def _begin(self) -> None:
        self.state = State.START
        self._buffer = b""
        self._at = 0
        self._skipped = -1  # octets passed of a line that is too long; -1: not in one
        self._event: Event | None = None  # handed out, not yet resumed
        self._next: Callable[[Receiver], Event | None] = Receiver._next_command
        self._response_due = False
        self._utf8 = self._binary = False  # what the transaction's MAIL said
        self._data: DataReader | None = None
        self._chunks: ChunkReader | None = None
        self._chunk_left = 0
        self._chunk_end: Event | None = None  # set: what a chunk ends in whatever is in it
        self._discard = False
        self._ended = False

    @property
    def buffered(self) -> int:
        """Octets fed and not yet taken."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        if self._next is _nothing:
            return
        if self._at >= len(self._buffer):
            self._buffer = data
        else:
            self._buffer = self._buffer[self._at :] + data
        self._at = 0

    def next_event(self) -> Event | None:
        """The next event; None: it needs more octets, or the last one was not resumed."""
        if self._event is not None:
            return None
        event = self._event = self._next(self)
        return event

    def resume(self, accepted: bool = True) -> None:
        """The last event was answered. What was accepted changes the state."""
        event, self._event = self._event, None
        kind = type(event)
        if kind is events.Content:
            return
        settle = _SETTLE.get(kind)
        if settle is not None:
            settle(self, accepted)
        elif isinstance(event, Refused) and event.fatal:
            self._stop(accepted)

    def expect_response(self) -> None:
        """In place of a final reply to Authenticate or Response: the next line is a Response."""
        self._response_due = True

    def discard(self) -> None:
        """The content is not wanted any more: read on to its end without handing it out."""
        self._discard = True

    def restart(self, offers: Offers) -> None:
        """TLS began: nothing that was said before it counts (RFC 3207 §4.2)."""
        self.offers = offers
        self._begin()

    # -- lines

    def _line(self, limit: int, too_long: Refused) -> bytes | Refused | None:
        """The next line without its CRLF; one that is too long is refused once and skipped."""
        buffer, at = self._buffer, self._at
        end = buffer.find(b"\r\n", at)
        if self._skipped >= 0:
            return self._skip(end)
        length = end + 2 - at if end >= 0 else len(buffer) + (1 if buffer.endswith(b"\r", at) else 2) - at
        if length > limit:
            self._skipped = 0
            return too_long
        if end < 0:
            return None
        self._at = end + 2
        return buffer[at:end]

    def _skip(self, end: int) -> Refused | None:
        buffer, at = self._buffer, self._at
        stop = end if end >= 0 else len(buffer) - buffer.endswith(b"\r", at)
        self._skipped += stop - at
        self._at = stop
        if self._skipped > self._line_limit * _SKIPPED:
            return _ENDLESS
        if end < 0:
            return None
        self._at = end + 2
        self._skipped = -1
        return None

    def _next_command(self) -> Event | None:
        if self._at >= len(self._buffer):  # as after most commands
            return None
        limit, too_long = self._line_limit, _LONG
        if self._skipped >= 0:
            found = self._line(limit, too_long)
            if found is not None or self._skipped >= 0:
                return found if isinstance(found, Refused) else None
        if self.offers.submission and self._buffer[self._at : self._at + 5].upper() == b"AUTH ":
            limit, too_long = max(limit, AUTH_LINE), _LONG_RESPONSE
        line = self._line(limit, too_long)
        if line is None or isinstance(line, Refused):
            return line
        line = line.rstrip(b" \t")  # RFC 5321 §4.1.1: trailing white space is tolerated
        if _CONTROL.search(line):
            return _GARBAGE
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        rule = RULES.get(verb)
        if rule is None:
            return _UNKNOWN
        if verb == b"BDAT":
            return self._bdat(rest)
        if self.state not in rule.allowed:
            return Refused(rule.otherwise[self.state])
        return _COMMANDS[verb](self, rest)

    # -- commands

    def _helo(self, rest: bytes) -> Event:
        return commands.hello(rest, False)

    def _ehlo(self, rest: bytes) -> Event:
        return commands.hello(rest, True)

    def _mail(self, rest: bytes) -> Event:
        event = commands.mail(rest, self.offers)
        if type(event) is events.Mail:
            self._utf8 = event.parameters.utf8
            self._binary = event.parameters.body == "BINARYMIME"
        return event

    def _rcpt(self, rest: bytes) -> Event:
        return commands.rcpt(rest, self._utf8)

    def _start_data(self, rest: bytes) -> Event:
        if rest:
            return _NO_ARGUMENT
        return _NOT_DATA if self._binary else events.StartData()

    def _bdat(self, rest: bytes) -> Event | None:
        parsed = commands.bdat(rest)
        if parsed is None:
            return _BDAT_SYNTAX  # where the chunk ends is unknown: its octets must not become commands
        size, last = parsed
        if size > self.offers.size * 2 + _ABSURD:
            return _FAR_TOO_BIG
        self._chunk_left = size
        self._chunk_end = None
        self._next = Receiver._next_chunk
        rule = RULES[b"BDAT"]
        if self.state not in rule.allowed:
            self._discard = True
            self._chunk_end = Refused(rule.otherwise[self.state])
            return self._next_chunk()
        first = self._chunks is None
        reader = self._chunks
        if reader is None:
            reader = self._chunks = ChunkReader(self.offers.size, self._binary)
        self._ended = last
        if reader.size + size > self.offers.size:
            self._discard = True
            kind = events.EndOfMessage if last else events.EndOfChunk
            self._chunk_end = kind(reader.size + size, TOO_BIG)
            return self._next_chunk()
        return events.StartChunk(first)

    def _reset(self, rest: bytes) -> Event:
        return _NO_ARGUMENT if rest else _RESET

    def _noop(self, _rest: bytes) -> Event:
        return _NOOP  # RFC 5321 §4.1.1.9: an argument is ignored

    def _help(self, _rest: bytes) -> Event:
        return events.Help()

    def _verify(self, rest: bytes) -> Event:
        return commands.vrfy(rest)

    def _expand(self, _rest: bytes) -> Event:
        return _NO_EXPN

    def _quit(self, rest: bytes) -> Event:
        return _NO_ARGUMENT if rest else events.Quit()

    def _start_tls(self, rest: bytes) -> Event:
        if rest:
            return _NO_ARGUMENT
        if not self.offers.start_tls:
            return _NO_TLS
        injected = self.buffered > 0
        self._buffer, self._at = b"", 0
        return events.StartTls(injected)

    def _authenticate(self, rest: bytes) -> Event:
        return commands.auth(rest, self.offers)

    def _next_response(self) -> Event | None:
        found = self._line(AUTH_LINE, _LONG_RESPONSE)
        if found is None:
            return None
        self._next = Receiver._next_command
        if isinstance(found, Refused):
            return found
        return commands.response(found)

    # -- content

    def _next_data(self) -> Event | None:
        reader = self._data
        assert reader is not None
        if self._ended:
            return events.EndOfMessage(reader.size, reader.refused)
        if self._at >= len(self._buffer):
            return None
        content, self._at, self._ended = reader.read(self._buffer, self._at)
        if reader.size > self.offers.size * 2 + _ABSURD:
            return _FAR_TOO_BIG
        if content and not self._discard:
            return events.Content(content)
        return events.EndOfMessage(reader.size, reader.refused) if self._ended else None

    def _next_chunk(self) -> Event | None:
        if self._chunk_left:
            data = self._buffer[self._at : self._at + self._chunk_left]
            if not data:
                return None
            self._at += len(data)
            self._chunk_left -= len(data)
            if not self._discard:
                assert self._chunks is not None
                content = self._chunks.read(data)
                if content:
                    return events.Content(content)
            if self._chunk_left:
                return None
        if self._chunk_end is not None:
            if isinstance(self._chunk_end, Refused):
                self._next = Receiver._next_command
                self._discard = False
            return self._chunk_end
        assert self._chunks is not None
        if self._ended:
            return events.EndOfMessage(self._chunks.size, self._chunks.refused_at_end)
        return events.EndOfChunk(self._chunks.size, self._chunks.refused)

    # -- what an answer changes

    def _end_transaction(self, _accepted: bool = True) -> None:
        if self.state is not State.START:
            self.state = State.READY
        self._next = Receiver._next_command
        self._data = self._chunks = None
        self._discard = self._ended = False

    def _greeted(self, accepted: bool) -> None:
        self._end_transaction()
        if accepted:
            self.state = State.READY

    def _sender_settled(self, accepted: bool) -> None:
        if accepted:
            self.state = State.SENDER

    def _recipient_settled(self, accepted: bool) -> None:
        if accepted:
            self.state = State.RECIPIENTS

    def _data_settled(self, accepted: bool) -> None:
        if not accepted:
            self._end_transaction()
            return
        self._data = DataReader(self.offers.size)
        self._next = Receiver._next_data

    def _chunk_started(self, accepted: bool) -> None:
        if not accepted:
            self._discard = True

    def _chunk_settled(self, accepted: bool) -> None:
        if not accepted:
            self._end_transaction()
            return
        self.state = State.CHUNKS
        self._next = Receiver._next_command

    def _auth_settled(self, _accepted: bool) -> None:
        if self._response_due:
            self._response_due = False
            self._next = Receiver._next_response

    def _stop(self, _accepted: bool) -> None:
        self._buffer, self._at = b"", 0
        self._next = _nothing


def _nothing(_receiver: Receiver) -> None:
    return None


_COMMANDS: Final[dict[bytes, Callable[[Receiver, bytes], Event]]] = {
    b"HELO": Receiver._helo,
    b"EHLO": Receiver._ehlo,
    b"MAIL": Receiver._mail,
    b"RCPT": Receiver._rcpt,
    b"DATA": Receiver._start_data,
    b"RSET": Receiver._reset,
    b"NOOP": Receiver._noop,
    b"QUIT": Receiver._quit,
    b"HELP": Receiver._help,
    b"VRFY": Receiver._verify,
    b"EXPN": Receiver._expand,
    b"STARTTLS": Receiver._start_tls,
    b"AUTH": Receiver._authenticate,
}

_SETTLE: Final[dict[type, Callable[[Receiver, bool], None]]] = {
    events.Hello: Receiver._greeted,
    events.Mail: Receiver._sender_settled,
    events.Recipient: Receiver._recipient_settled,
    events.StartData: Receiver._data_settled,
    events.StartChunk: Receiver._chunk_started,
    events.EndOfChunk: Receiver._chunk_settled,
    events.EndOfMessage: Receiver._end_transaction,
    events.Reset: Receiver._end_transaction,
    events.Quit: Receiver._stop,
    events.Authenticate: Receiver._auth_settled,
    events.Response: Receiver._auth_settled,
}
