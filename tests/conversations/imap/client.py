"""A small IMAP client for conversations: it shows a reader of the protocol what went over the wire."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n\Z")


class ImapClient(Protocol):
    """`ask` sends a command and gives every response line up to its tagged one, literals inlined
    (the CRLF at the end of each response is cut)."""

    def __init__(self) -> None:
        self.received = b""
        self.responses: list[bytes] = []
        self.closed = False
        self._partial = b""
        self._awaited: tuple[re.Pattern[bytes], Deferred[list[bytes]]] | None = None
        self._looked = 0  # responses that are not what is awaited
        self._gone: list[Deferred[None]] = []
        self._count = 0

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        start = 0
        while True:
            at = self.received.find(b"\r\n", start)
            if at < 0:
                break
            literal = _LITERAL.search(self.received, max(start, at - 30), at + 2)
            if literal:
                end = at + 2 + int(literal.group(1))
                if len(self.received) < end:
                    break
                self._partial += self.received[start:end]
                start = end
                continue
            self.responses.append(self._partial + self.received[start:at])
            self._partial = b""
            start = at + 2
        self.received = self.received[start:]
        self._check()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.closed = True
        if self._awaited is not None:
            pattern, waiting = self._awaited
            self._awaited = None
            waiting.errback(
                ConnectionError(f"closed while waiting for {pattern.pattern!r}: {self.responses}")
            )
        gone, self._gone = self._gone, []
        for one in gone:
            one.callback(None)

    def _check(self) -> None:
        if self._awaited is None:
            return
        pattern, waiting = self._awaited
        for at in range(self._looked, len(self.responses)):
            if pattern.match(self.responses[at]):
                self._awaited = None
                found, self.responses = self.responses[: at + 1], self.responses[at + 1 :]
                waiting.callback(found)
                return
        self._looked = len(self.responses)

    def until(self, pattern: bytes) -> Deferred[list[bytes]]:
        """Responses up to the first that starts with `pattern` (a regular expression)."""
        assert self._awaited is None, "one wait at a time"
        waiting: Deferred[list[bytes]] = Deferred()
        self._awaited = (re.compile(pattern, re.DOTALL), waiting)
        self._looked = 0
        self._check()
        if self._awaited is not None and self.closed:
            self.connectionLost()
        return waiting

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def ask(self, command: bytes) -> Deferred[list[bytes]]:
        """`command` without tag and CRLF. The tag is cut off the last response: b"OK ..."."""
        self._count += 1
        tag = b"t%d" % self._count
        self.send(tag + b" " + command + b"\r\n")
        done = self.until(rb"(%b |\+)" % tag)

        def untag(found: list[bytes]) -> list[bytes]:
            return [*found[:-1], found[-1].removeprefix(tag + b" ")]

        return done.addCallback(untag)

    def gone(self) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        if self.closed:
            waiting.callback(None)
        else:
            self._gone.append(waiting)
        return waiting
