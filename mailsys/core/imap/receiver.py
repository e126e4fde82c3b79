"""The server's ear: octets in, events out; no socket, no clock (RFC 9051 §2.2, RFC 7888).

    receiver = Receiver(line_limit=65536, literal_limit_before_login=8192, append_limit=50 << 20)
    receiver.feed(data)                    # from the transport, at any time
    while (event := receiver.next_event()) is not None:
        ...answer it...
        receiver.resume()                  # after *every* event: none follows before this

Events:
    Parsed(tag, command)     one whole command
    Continue()               send `+ OK` CRLF now: the client waits to send a literal
    AppendData(data)         part of the message of the last Parsed(Append); AppendEnd ends it
    AppendEnd(more=False)    the message is whole and its command ended well: store it
    IdleDone()               DONE came
    AuthData(data | None)    a SASL line, decoded; None: the client cancelled with `*`
    Bad(tag | None, text, code, status)   refused: send `tag|* status [code] text`. While a message
                             streams it comes in place of AppendEnd: throw the message away
    TooBig(tag, text)        a literal over its bound: `tag NO [TOOBIG] text`
    Fatal(text)              send `* BYE text` and close: the stream cannot be followed any further

What the session tells the receiver, between an event and its `resume()`:
    logged_in()              bounds before login end
    utf8 = True              after ENABLE IMAP4rev2 (names are plain UTF-8)
    expect_done()            on Parsed(IDLE): lines up to DONE are not commands
    expect_auth()            on Parsed(AUTHENTICATE) or AuthData: the next line is SASL data
    refuse_append()          on Parsed(Append): it was answered NO or BAD; its octets are dropped
    drop_pending() -> bool   on Parsed(STARTTLS): forget what was sent ahead; True if there was any

The machine. It has no idea of what is selected, or who signed in: that is the session's. What it keeps is
the mode, how the next octets are read:

    command      lines and the literals between them, until a command is whole. The mode at the start
    literal      octets of a literal that was accepted; then the command goes on
    append       an APPEND's message: waits for the answer to Parsed(Append), then streams it, then its tail
    dropping     the rest of a command that was refused, its literals included
    idle         after expect_done(): a line that has to be DONE
    auth         after expect_auth(): one line of SASL
    closed       after Fatal: whatever comes is thrown away

All lead back to `command`. A synchronising literal (RFC 9051 §4.3) gives Continue; a refused one Bad or
TooBig in its place, and the client sends none of it. A non-synchronising one (RFC 7888) that is refused comes
all the same and is dropped, up to a bound.

Promises. `feed` takes octets at any time and never fails. `next_event` gives one event at a time: None
until `resume` was called for the last, or while octets are missing. How the octets are cut changes no event,
apart from how AppendData is cut. A command is parsed when it is whole, and by its grammar only; after `Bad`
the stream is where the next command begins.

What ends it. Fatal, and nothing else: a line without end, or more refused octets than may be dropped.
LOGOUT is a command like others. When the transport is gone, the receiver is dropped.

Only CRLF ends a line. A line with a bare LF is refused at once with BAD, so that a client that
ends its lines so learns it, and everything up to the next CRLF is dropped: what one side takes for
a line's end and the other does not is how commands are smuggled.

Each octet is looked at once, whatever the cut of the data. Memory: a command is at most
`line_limit` octets with its literals; an APPEND's message is handed on as it comes. What was fed
and not yet read is the caller's to bound: pause the transport while `buffered` is large.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from mailsys.core.imap.commands import Append, Command
from mailsys.core.imap.lexer import BadCommand
from mailsys.core.imap.parse import decode_base64, parse, parse_append, tag_of
from mailsys.core.imap.search_arguments import SearchBounds

APPEND_CHUNK: Final = 256 * 1024
LITERAL_MINUS: Final = 4096  # RFC 7888 §5
_MARKER_WINDOW: Final = 32
_AUTH_LINE: Final = 16 * 1024  # RFC 9051 §6.2.2: ours to bound; SASL messages are short
_DISCARD_BEFORE_LOGIN: Final = 256 * 1024

_MARKER = re.compile(rb"~?\{([0-9]{1,20})(\+?)\}\r\n\Z")
_APPEND = re.compile(rb'[^+(){ \x00-\x1f\x7f-\xff%*"\\]{1,256} APPEND ', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parsed:
    tag: bytes
    command: Command


@dataclass(frozen=True, slots=True)
class Continue:
    pass


@dataclass(frozen=True, slots=True)
class AppendData:
    data: bytes  # at most APPEND_CHUNK


@dataclass(frozen=True, slots=True)
class AppendEnd:
    more: bool = False  # MULTIAPPEND (RFC 3502) is not offered


@dataclass(frozen=True, slots=True)
class IdleDone:
    pass


@dataclass(frozen=True, slots=True)
class AuthData:
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Bad:
    tag: bytes | None
    text: str
    code: bytes = b""
    status: bytes = b"BAD"


@dataclass(frozen=True, slots=True)
class TooBig:
    tag: bytes | None
    text: str = "Literal is too big"


@dataclass(frozen=True, slots=True)
class Fatal:
    text: str


Event: TypeAlias = Parsed | Continue | AppendData | AppendEnd | IdleDone | AuthData | Bad | TooBig | Fatal


class Receiver:
    def __init__(
        self,
        line_limit: int = 65536,
        literal_limit_before_login: int = 8192,
        append_limit: int = 50 * 1024 * 1024,
        *,
        literal_minus: bool = False,
        bounds: SearchBounds | None = None,
    ) -> None:
        """`literal_minus`: only LITERAL- is offered, larger non-synchronising literals are refused."""
        self.utf8 = False
        self._line_limit = line_limit
        self._literal_limit = literal_limit_before_login
        self._append_limit = append_limit
        self._literal_minus = literal_minus
        self._bounds = bounds
        self._logged_in = False
        self._paused = False
        self._mode: Callable[[], Event | None] = self._command
        self._buffer = bytearray()  # starts with the current command, line or literal
        self._line = 0  # where the command's current line starts
        self._scan = 0  # up to here there is no LF after `_line`
        self._literals = 0  # octets of the command's literals so far
        self._wanted = 0  # literal octets yet to come
        self._budget = 0  # octets yet to be dropped before the connection is given up
        self._tag: bytes | None = None
        self._append = (False, False)  # the offered APPEND: synchronising, UTF8 (...)

    # -- the caller's side -------------------------------------------------------------------------

    @property
    def buffered(self) -> int:
        """Octets fed and not yet consumed."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        if self._mode != self._closed:
            self._buffer += data

    def next_event(self) -> Event | None:
        """The next event; None while one is being answered, or when more octets are needed."""
        if self._paused:
            return None
        while True:
            mode = self._mode
            event = mode()
            if event is not None:
                self._paused = True
                return event
            if self._mode is mode:
                return None

    def resume(self) -> None:
        """The last event was answered."""
        self._paused = False

    def logged_in(self) -> None:
        self._logged_in = True

    def expect_done(self) -> None:
        self._mode = self._idle

    def expect_auth(self) -> None:
        self._mode = self._auth

    def refuse_append(self) -> None:
        """Of the APPEND just parsed, before `resume()`. Octets that come all the same are dropped."""
        if self._mode != self._append_start:
            return
        synchronising, _ = self._append
        if synchronising:
            self._begin()
        else:
            self._drop(self._wanted)

    def drop_pending(self) -> bool:
        """RFC 9051 §6.2.1, RFC 3501 §6.2.1: nothing sent before TLS survives it."""
        pending = bool(self._buffer)
        self._buffer.clear()
        self._begin()
        return pending

    # -- modes: each reads what it can; None and the same mode: more octets are needed ----------------

    def _begin(self) -> None:
        self._line = self._scan = self._literals = 0
        self._mode = self._command

    def _command(self) -> Event | None:
        buffer = self._buffer
        at = buffer.find(b"\n", self._scan)
        if at < 0:
            self._scan = len(buffer)
            if len(buffer) > self._line_limit:
                return self._refuse_line("Command line too long", self._line)
            return None
        end = at + 1
        if end > self._line_limit:
            return self._refuse_line("Command line too long", self._line)
        if at == self._line or buffer[at - 1] != 0x0D:
            return self._refuse_line("Lines end with CRLF, not LF", end)
        if buffer[at - 2] == 0x7D and at - 2 >= self._line:  # "}"
            marker = _MARKER.search(buffer, max(self._line, end - _MARKER_WINDOW), end)
            if marker is not None:
                return self._literal_offered(marker, end)
        data = bytes(buffer[:end])
        del buffer[:end]
        self._begin()
        try:
            tag, command = parse(data, utf8=self.utf8, bounds=self._bounds)
        except BadCommand as problem:
            return Bad(problem.tag, problem.text, problem.code, problem.status)
        self._tag = tag
        return Parsed(tag, command)

    def _literal_offered(self, marker: re.Match[bytes], end: int) -> Event | None:
        size, synchronising = int(marker.group(1)), not marker.group(2)
        verb = _APPEND.match(self._buffer)
        if verb is not None and marker.start() != verb.end():  # the first literal there is the mailbox
            return self._append_offered(size, synchronising, end)
        self._literals += size
        refusal: Event | None = None
        if end + size + 2 > self._line_limit or (
            not self._logged_in and self._literals > self._literal_limit
        ):
            refusal = TooBig(tag_of(bytes(self._buffer[:300])))
        elif self._literal_minus and not synchronising and size > LITERAL_MINUS:
            refusal = Bad(tag_of(bytes(self._buffer[:300])), "Literal too big for LITERAL-", b"TOOBIG")
        if refusal is not None:
            return self._refuse_literal(refusal, end, size, synchronising)
        self._line = end
        self._wanted = size
        self._mode = self._literal
        return Continue() if synchronising else None

    def _literal(self) -> Event | None:
        if len(self._buffer) - self._line < self._wanted:
            return None
        self._line += self._wanted
        self._scan = self._line
        self._mode = self._command
        return None

    # -- APPEND ------------------------------------------------------------------------------------

    def _append_offered(self, size: int, synchronising: bool, end: int) -> Event | None:
        refusal: Event
        try:
            tag, command = parse_append(bytes(self._buffer[:end]), utf8=self.utf8)
        except BadCommand as problem:
            refusal = Bad(problem.tag, problem.text, problem.code, problem.status)
        else:
            self._tag = tag
            if not self._logged_in:
                refusal = Bad(tag, "Log in first")
            elif size > self._append_limit:
                refusal = TooBig(tag, f"A message may have {self._append_limit} octets")  # RFC 7889 §4
            elif self._literal_minus and not synchronising and size > LITERAL_MINUS:
                refusal = Bad(tag, "Literal too big for LITERAL-", b"TOOBIG")
            else:
                return self._append_accepted(command, synchronising, end)
        return self._refuse_literal(refusal, end, size, synchronising)

    def _append_accepted(self, command: Append, synchronising: bool, end: int) -> Event:
        del self._buffer[:end]
        self._wanted = command.size
        self._append = synchronising, command.utf8
        self._mode = self._append_start
        assert self._tag is not None
        return Parsed(self._tag, command)

    def _append_start(self) -> Event | None:
        self._mode = self._append_data
        return Continue() if self._append[0] else None

    def _append_data(self) -> Event | None:
        if not self._wanted:
            self._mode = self._append_tail
            return None
        size = min(self._wanted, len(self._buffer), APPEND_CHUNK)
        if not size:
            return None
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._wanted -= size
        return AppendData(data)

    def _append_tail(self) -> Event | None:
        tail = b")\r\n" if self._append[1] else b"\r\n"
        if self._buffer.startswith(tail):
            del self._buffer[: len(tail)]
            self._begin()
            return AppendEnd()
        if tail.startswith(self._buffer):
            return None
        self._drop(0)
        return Bad(self._tag, "Only one message may be appended at a time")

    # -- what was refused ---------------------------------------------------------------------------

    def _refuse_line(self, text: str, consumed: int) -> Event:
        """Refuse a command of whose current line only `consumed` octets of the buffer were read."""
        refusal = Bad(tag_of(bytes(self._buffer[:300])), text)
        del self._buffer[:consumed]
        self._drop(0)
        return refusal

    def _refuse_literal(self, refusal: Event, end: int, size: int, synchronising: bool) -> Event:
        """Refuse a command at its literal, whose line ends at `end`. A client that waits for our
        `+` will not send it (RFC 9051 §4.3); any other has sent it, and it is dropped."""
        del self._buffer[:end]
        if synchronising:
            self._begin()
            return refusal
        return refusal if self._drop(size) else self._give_up()

    def _drop(self, literal: int) -> bool:
        """Drop `literal` octets and what follows up to the command's end; False: too many."""
        self._budget = (
            max(2 * self._append_limit, 16 * self._line_limit) if self._logged_in else _DISCARD_BEFORE_LOGIN
        )
        self._wanted = literal
        self._scan = 0
        self._mode = self._dropping
        return literal <= self._budget

    def _dropping(self) -> Event | None:
        buffer = self._buffer
        while True:
            if self._wanted:
                size = min(self._wanted, len(buffer))
                del buffer[:size]
                self._wanted -= size
                self._budget -= size
                if self._wanted:
                    return None
                self._scan = 0
            at = buffer.find(b"\r\n", self._scan)
            if at < 0:
                # Keep what may be the start of a literal's marker, or of the CRLF
                size = max(0, len(buffer) - _MARKER_WINDOW)
                del buffer[:size]
                self._budget -= size
                self._scan = max(0, len(buffer) - 1)
                return self._give_up() if self._budget < 0 else None
            end = at + 2
            marker = _MARKER.search(buffer, max(0, end - _MARKER_WINDOW), end)
            literal = int(marker.group(1)) if marker is not None and marker.group(2) else None
            del buffer[:end]
            self._budget -= end
            if literal is None:
                self._begin()
                return None
            self._wanted = literal
            self._scan = 0
            if self._wanted > self._budget:
                return self._give_up()

    def _give_up(self) -> Fatal:
        self._buffer.clear()
        self._mode = self._closed
        return Fatal("Too much data that was refused")

    def _closed(self) -> None:
        return None

    # -- IDLE and AUTHENTICATE ----------------------------------------------------------------------

    def _read_line(self, limit: int) -> bytes | Bad | Fatal | None:
        at = self._buffer.find(b"\n", self._scan)
        if at < 0:
            self._scan = len(self._buffer)
            return self._too_long() if self._scan > limit else None
        if at + 1 > limit:
            return self._too_long()
        line = bytes(self._buffer[: at + 1])
        del self._buffer[: at + 1]
        self._scan = 0
        if not line.endswith(b"\r\n"):
            return Bad(self._tag, "Lines end with CRLF, not LF")
        return line[:-2]

    def _too_long(self) -> Fatal:
        self._give_up()
        return Fatal("Line too long")

    def _idle(self) -> Event | None:
        line = self._read_line(1024)
        if line is None or isinstance(line, Fatal):
            return line
        if isinstance(line, bytes) and line.upper() == b"DONE":
            self._begin()
            return IdleDone()
        return Bad(None, "Only DONE ends IDLE")  # RFC 9051 §6.3.13: no command while idling

    def _auth(self) -> Event | None:
        line = self._read_line(_AUTH_LINE)
        if line is None or isinstance(line, Fatal):
            return line
        self._begin()
        if isinstance(line, Bad):
            self._drop(0)
            return line
        if line == b"*":  # RFC 9051 §6.2.2
            return AuthData(None)
        try:
            return AuthData(decode_base64(line))
        except ValueError:
            return Bad(self._tag, "Malformed base64")
