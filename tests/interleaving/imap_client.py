"""An IMAP client in memory that believes what it is told: its rows are made of untagged answers alone."""

from __future__ import annotations

import re
from typing import Any, Final

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

_LITERAL: Final = re.compile(rb"~?\{(\d+)\+?\}\r\n\Z")
_COUNT: Final = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE)\Z")
_FETCH: Final = re.compile(rb"\* (\d+) FETCH \((.*)\)\Z", re.DOTALL)
_VANISHED: Final = re.compile(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)\Z")
_HIGHEST: Final = re.compile(rb"HIGHESTMODSEQ (\d+)")
_MAILBOX: Final = re.compile(rb"\[MAILBOXID \(([^)]*)\)\]")
_TURNS: Final = 200  # of the clock, in which a command that waits for nobody is done


class _Transport(StringTransport):
    def __init__(self, client: Client) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 40143))
        self._client = client

    def write(self, data: bytes) -> None:
        self._client.received(data)

    def loseConnection(self) -> None:
        super().loseConnection()
        self._client.hung_up()

    def abortConnection(self) -> None:
        super().abortConnection()
        self._client.hung_up()

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def getHandle(self) -> None:
        return None

    def startTLS(self, context: Any, normal: bool = True) -> None:
        raise NotImplementedError


class Row:
    __slots__ = ("email", "flags", "modseq", "uid")

    def __init__(self) -> None:
        self.uid = 0  # not told yet
        self.flags: frozenset[bytes] | None = None
        self.modseq = 0
        self.email = b""


class Client:
    """`rows` is what the selected mailbox has, as told; `complaints` what a client cannot make sense of."""

    def __init__(self, protocol: Any, clock: Clock) -> None:
        self._protocol = protocol
        self._clock = clock
        self._count = 0
        self._buffer = b""
        self._lines: list[bytes] = []
        self._tag = b""
        self._done: Deferred[list[bytes]] | None = None
        self.ended = False
        self.rows: list[Row] = []
        self.mailbox = b""  # id of the selected one
        self.highest = 0
        self.gone: set[int] = set()  # uids that this command called gone
        self.complaints: list[str] = []
        self.said: list[bytes] = []  # all that came, for who looks into a failure
        protocol.makeConnection(_Transport(self))

    def received(self, data: bytes) -> None:
        self._buffer += data
        start = search = 0
        while (end := self._buffer.find(b"\r\n", search)) >= 0:
            literal = _LITERAL.search(self._buffer, start, end + 2)
            if literal is not None:
                search = end + 2 + int(literal[1])
                if len(self._buffer) < search:
                    break
                continue
            self._line(self._buffer[start:end])
            start = search = end + 2
        self._buffer = self._buffer[start:]

    def ask(self, command: bytes) -> Deferred[list[bytes]]:
        """`command` without tag and CRLF. The tag is cut off the last line: b"OK ..."."""
        if self.ended:
            return succeed([b"BYE"])
        self._count += 1
        self._tag = b"t%d" % self._count
        self._lines = []
        self.gone = set()
        self.said.append(b"> " + command)
        if command.startswith((b"SELECT", b"EXAMINE")):
            self.rows = []
            self.mailbox = b""
            self.highest = 0
        elif command.startswith((b"UNSELECT", b"CLOSE")):
            self.mailbox = b""
        done = self._done = Deferred()
        self._protocol.dataReceived(self._tag + b" " + command + b"\r\n")
        for _ in range(_TURNS):
            if done.called:
                break
            self._clock.advance(0)
        return done

    def hung_up(self) -> None:
        """By the server, as it does where a selected mailbox is gone: that is an answer, too."""
        self.ended = True
        done, self._done = self._done, None
        if done is not None:
            done.callback([*self._lines, b"BYE"])

    async def learn(self) -> None:
        """Ask for rows that were only counted yet."""
        unknown = [
            str(at + 1).encode() for at, row in enumerate(self.rows) if row.flags is None or not row.uid
        ]
        if unknown:
            await self.ask(b"FETCH %b (UID FLAGS EMAILID)" % b",".join(unknown))

    def close(self) -> None:
        """The connection is lost."""
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))

    # -- what is told ----------------------------------------------------------------------------------

    def _line(self, line: bytes) -> None:
        self.said.append(line)
        self._lines.append(line)
        if line.startswith(self._tag + b" ") and self._done is not None:
            done, self._done = self._done, None
            self._lines[-1] = line[len(self._tag) + 1 :]
            self._higher(line)
            done.callback(self._lines)
            return
        if found := _COUNT.match(line):
            self._counted(int(found[1]), found[2])
        elif found := _VANISHED.match(line):
            self._vanished(_numbers(found[2]), found[1] is not None)
        elif found := _FETCH.match(line):
            self._fetched(int(found[1]), found[2])
        else:
            self._higher(line)

    def _higher(self, line: bytes) -> None:
        if found := _MAILBOX.search(line):
            self.mailbox = found[1]
        if found := _HIGHEST.search(line):
            if int(found[1]) < self.highest:
                self._complain(f"HIGHESTMODSEQ went from {self.highest} to {int(found[1])}")
            self.highest = int(found[1])

    def _counted(self, number: int, word: bytes) -> None:
        if word == b"EXPUNGE":
            if not 0 < number <= len(self.rows):
                self._complain(f"EXPUNGE {number} of {len(self.rows)} rows")
            else:
                self.gone.add(self.rows.pop(number - 1).uid)
        elif number < len(self.rows):
            self._complain(f"EXISTS {number}, but {len(self.rows)} rows were told and not expunged")
        else:
            self.rows += [Row() for _ in range(number - len(self.rows))]

    def _vanished(self, uids: list[int], earlier: bool) -> None:
        self.gone.update(uids)
        for uid in uids:
            at = next((at for at, row in enumerate(self.rows) if row.uid == uid), None)
            if at is not None:
                if earlier:
                    self._complain(f"VANISHED (EARLIER) {uid}, which is still among the rows")
                del self.rows[at]
            elif not earlier and any(not row.uid for row in self.rows):
                del self.rows[next(at for at, row in enumerate(self.rows) if not row.uid)]

    def _fetched(self, number: int, items: bytes) -> None:
        if not 0 < number <= len(self.rows):
            self._complain(f"FETCH {number} of {len(self.rows)} rows")
            return
        row = self.rows[number - 1]
        if found := re.search(rb"\bUID (\d+)", items):
            uid = int(found[1])
            if row.uid not in (0, uid):
                self._complain(f"row {number} was uid {row.uid}, now it is {uid}")
            if uid in self.gone:
                self._complain(f"FETCH of uid {uid}, which the same answer called gone")
            row.uid = uid
        if found := re.search(rb"\bFLAGS \(([^)]*)\)", items):
            row.flags = frozenset(found[1].split()) - {rb"\Recent"}
        if found := re.search(rb"\bMODSEQ \((\d+)\)", items):
            if int(found[1]) < row.modseq:
                self._complain(f"MODSEQ of uid {row.uid} went from {row.modseq} to {int(found[1])}")
            row.modseq = int(found[1])
        if found := re.search(rb"\bEMAILID \(([^)]*)\)", items):
            row.email = found[1]

    def _complain(self, text: str) -> None:
        self.complaints.append(f"{text}; last asked {[s for s in self.said if s.startswith(b'> ')][-1]!r}")


def _numbers(text: bytes) -> list[int]:
    found: list[int] = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        found += range(int(first), int(last or first) + 1)
    return found
