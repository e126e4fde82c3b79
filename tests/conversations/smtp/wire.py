"""A client's end of a server connection in memory, and scripts to run over it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailsys.settings import Limits
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service
from tests.conversations.smtp.memory import SignIn, Transactions


class Line(StringTransport):
    """What the server writes to; it also plays the client that hangs up."""

    paused = False
    aborted = False

    def fileno(self) -> int:
        return -1

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class Conversation:
    """One connection. `say` sends and returns what came back."""

    def __init__(self, factory: SmtpFactory, address: str = "192.0.2.1") -> None:
        self.protocol: Any = factory.buildProtocol(None)
        self.line = Line(peerAddress=IPv4Address("TCP", address, 40000))
        self.protocol.makeConnection(self.line)

    def heard(self) -> bytes:
        """What the server said since last asked."""
        said = self.line.value()
        self.line.clear()
        return said

    def say(self, data: bytes) -> bytes:
        self.protocol.dataReceived(data)
        return self.heard()

    @property
    def closed(self) -> bool:
        return bool(self.line.disconnecting) or self.line.aborted

    def hang_up(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


class ConversationCase(SynchronousTestCase):
    """`self.talk(script)` runs a conversation: lines begin with `C: ` (CRLF is added) or `S: `.

    An `S:` line must begin what the server says next, line by line; nothing else may be said.
    """

    submission = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.transactions = Transactions()
        self.sign_in = SignIn()
        self.limits = Limits()
        self.build()

    def build(self, **changes: Any) -> None:
        """A server whose limits are `changes`."""
        if changes:
            self.limits = Limits(**changes)
        self.factory = SmtpFactory(
            Service(
                self.transactions,
                self.sign_in if self.submission else None,
                "mx.example.com",
                self.limits,
                self.submission,
                self.clock.seconds,
                login_without_tls=True,
            ),
            self.clock,
        )

    def connect(self, address: str = "192.0.2.1") -> Conversation:
        conversation = Conversation(self.factory, address)
        self.assertEqual(conversation.heard(), b"220 mx.example.com ESMTP\r\n")
        return conversation

    def greeted(self, address: str = "192.0.2.1") -> Conversation:
        conversation = self.connect(address)
        conversation.say(b"EHLO client.example\r\n")
        return conversation

    def in_data(self, mail: bytes = b"MAIL FROM:<a@example.org>") -> Conversation:
        """At the point where content may be sent."""
        conversation = self.greeted()
        said = conversation.say(mail + b"\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        self.assertTrue(said.endswith(b"354 Send the message, end with CRLF.CRLF\r\n"), said)
        return conversation

    def talk(self, script: str, conversation: Conversation | None = None) -> Conversation:
        conversation = conversation or self.connect()
        said: list[bytes] = []
        for raw in script.strip().splitlines():
            line = raw.strip() + (" " if raw.strip() == "C:" else "")
            if line.startswith("C: "):
                self.assertEqual(said, [], f"before {line}")
                said = conversation.say(line[3:].encode() + b"\r\n").splitlines()
            elif line.startswith("S: "):
                self.assertTrue(said, f"silence, not {line}")
                first = said.pop(0)
                self.assertTrue(first.startswith(line[3:].encode()), f"{first!r}, not {line}")
        self.assertEqual(said, [])
        return conversation
