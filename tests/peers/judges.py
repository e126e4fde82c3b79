"""Judges in this process that speak the documented protocols; what they heard is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory, Protocol


class Peer:
    """A listener on a free loopback port; `protocol(peer)` is made for each connection."""

    def __init__(self, protocol: Callable[[Any], Protocol]) -> None:
        factory: Any = Factory()
        factory.buildProtocol = lambda _: protocol(self)
        factory.noisy = False
        self.heard: list[Any] = []
        self.open: list[Any] = []
        self.lost: list[Any] = []
        listening: Any = reactor
        self._port = listening.listenTCP(0, factory, interface="127.0.0.1")
        self.where = f"127.0.0.1:{self._port.getHost().port}"

    async def stop(self) -> None:
        await maybeDeferred(self._port.stopListening)
        for each in list(self.open):
            each.transport.abortConnection()
        while self.open:
            waiting: Deferred[None] = Deferred()
            self.lost.append(waiting)
            await waiting


class _Talk(Protocol):
    transport: Any

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.held = b""

    def connectionMade(self) -> None:
        self.peer.open.append(self)

    def connectionLost(self, reason: Any = None) -> None:
        self.peer.open.remove(self)
        for each in self.peer.lost:
            if not each.called:
                each.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.held += data
        while self.step():
            pass

    def step(self) -> bool:
        raise NotImplementedError


class Clamd(_Talk):
    """clamd(8): zINSTREAM, then chunks with a length of four octets in network order; one of 0 ends it."""

    begun = False
    content = b""

    def step(self) -> bool:
        if not self.begun:
            if b"\0" not in self.held:
                return False
            command, _, self.held = self.held.partition(b"\0")
            assert command == b"zINSTREAM"
            self.begun = True
        length = int.from_bytes(self.held[:4], "big")
        if len(self.held) < 4 + length or len(self.held) < 4:
            return False
        self.content += self.held[4 : 4 + length]
        self.held = self.held[4 + length :]
        if length == 0:
            self.peer.heard.append(self.content)
            self.transport.write(self.peer.says)
            return False
        return True


class Counted(_Talk):
    """A head that ends with a blank line and has Content-length, then so much: SPAMC and HTTP."""

    def step(self) -> bool:
        head, blank, body = self.held.partition(b"\r\n\r\n")
        if not blank:
            return False
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        if len(body) < int(fields[b"content-length"]):
            return False
        self.peer.heard.append((head, body))
        self.transport.write(self.peer.says)
        self.transport.loseConnection()
        return False


class MilterPeer(_Talk):
    """libmilter's side. `peer.flags`: (version, actions, protocol) that it asks for; `peer.answers`: packets
    by command; those that are missing are "c"."""

    def step(self) -> bool:
        length = int.from_bytes(self.held[:4], "big")
        if len(self.held) < 4 or len(self.held) < 4 + length:
            return False
        packet, self.held = self.held[4 : 4 + length], self.held[4 + length :]
        command, data = chr(packet[0]), packet[1:]
        self.peer.heard.append((command, data))
        if command == "O":
            flags = self.peer.flags
            self.say(b"O" + b"".join(each.to_bytes(4, "big") for each in flags))
        elif command == "Q":
            self.transport.loseConnection()
        elif command != "D":
            for answer in self.peer.answers.get(command, [b"c"]):
                self.say(answer)
        return True

    def say(self, packet: bytes) -> None:
        self.transport.write(len(packet).to_bytes(4, "big") + packet)


class Silent(_Talk):
    """Takes everything, says nothing."""

    def step(self) -> bool:
        self.peer.heard.append(len(self.held))
        self.held = b""
        return False


class Babbler(_Talk):
    """Answers without end."""

    begun = False

    def step(self) -> bool:
        self.held = b""
        if not self.begun:
            self.begun = True
            self.transport.registerProducer(self, False)
        return False

    def resumeProducing(self) -> None:
        self.transport.write(b"x" * 65536)

    def stopProducing(self) -> None:
        pass
