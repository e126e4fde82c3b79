"""What receiving costs the reactor, without what is done with the mail.

    python bench/smtp_receive.py [messages]

1. the receiver alone, fed a pipelined stream; 2. connection and session with services that do nothing,
on a transport in memory; 3. the same on loopback sockets under Postfix's smtp-source, if it is there:
CPU of this process per message.
"""

from __future__ import annotations

import resource
import shutil
import sys
import time

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock, react
from twisted.internet.testing import StringTransport
from twisted.internet.utils import getProcessOutputAndValue
from zope.interface import implementer

from mailsys.core.smtp.events import EndOfMessage
from mailsys.core.smtp.extensions import Offers
from mailsys.core.smtp.parameters import MailParameters, RcptParameters
from mailsys.core.smtp.receiver import Receiver
from mailsys.ports.blobs import IBlobSink, StagedBlob
from mailsys.ports.ids import BlobId
from mailsys.services.delivery.transactions import Client, ITransaction, ITransactions
from mailsys.settings import Limits
from mailsys.smtp.server import SmtpFactory
from mailsys.smtp.service import Service

BODY = b"Subject: bench\r\n\r\n" + (b"x" * 70 + b"\r\n") * 57
PATIENCE = 120.0  # seconds that smtp-source may take: then something hangs

COMMANDS = b"MAIL FROM:<a@example.org> SIZE=4096\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"


@implementer(IBlobSink)
class Nowhere:
    def __init__(self) -> None:
        self.size = 0
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.parts.append(data)

    def finish(self) -> Deferred[StagedBlob]:
        return succeed(StagedBlob(BlobId(b""), self.size, b"".join(self.parts)))

    def abort(self) -> None:
        pass


@implementer(ITransaction)
class Transaction:
    def add_recipient(self, address: str, parameters: RcptParameters) -> None:
        pass

    def open_body(self) -> IBlobSink:
        return Nowhere()

    def commit(self, blob: StagedBlob) -> Deferred[str]:
        return succeed("kept")

    def abort(self) -> None:
        pass


@implementer(ITransactions)
class Transactions:
    def connected(self, client: Client) -> None:
        pass

    def disconnected(self, client: Client) -> None:
        pass

    def begin(self, client: Client, sender: str, parameters: MailParameters) -> ITransaction:
        return Transaction()


def receiver_alone(messages: int) -> None:
    receiver = Receiver(Offers("mx.example", 1 << 26, 1000, 1000), 4096)
    stream = b"EHLO x\r\n" + (COMMANDS + BODY + b".\r\n") * messages
    ended = 0
    begun = time.perf_counter()
    for start in range(0, len(stream), 65536):
        receiver.feed(stream[start : start + 65536])
        while (event := receiver.next_event()) is not None:
            ended += type(event) is EndOfMessage
            receiver.resume()
    spent = time.perf_counter() - begun
    assert ended == messages
    print(f"receiver alone      {messages / spent:10.0f} messages/s  {spent / messages * 1e6:7.1f} us each")


def factory(clock: object) -> SmtpFactory:
    limits = Limits(messages_per_connection=10**9, connections_per_address=1000)
    return SmtpFactory(Service(Transactions(), None, "mx.example", limits, False, clock.seconds), clock)


def in_memory(messages: int) -> None:
    """As a client does: commands in one packet, the content in the next."""
    transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.1", 4000))
    protocol = factory(Clock()).buildProtocol(None)
    protocol.makeConnection(transport)
    protocol.dataReceived(b"EHLO x\r\n")
    content = BODY + b".\r\n"
    begun = time.perf_counter()
    for _ in range(messages):
        protocol.dataReceived(COMMANDS)
        protocol.dataReceived(content)
        transport.clear()
    spent = time.perf_counter() - begun
    print(f"with the session    {messages / spent:10.0f} messages/s  {spent / messages * 1e6:7.1f} us each")


async def on_sockets(messages: int, size: int, sessions: int, source: str) -> None:
    port = reactor.listenTCP(0, factory(reactor), backlog=100, interface="127.0.0.1")
    arguments = ["-s", str(sessions), "-m", str(messages), "-l", str(size), "-d"]
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    running = getProcessOutputAndValue(source, [*arguments, f"127.0.0.1:{port.getHost().port}"])
    out, error, code = await running.addTimeout(PATIENCE, reactor)
    spent = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert code == 0, (out, error)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"sockets, {size:7d} B  {messages / spent:10.0f} messages/s  {cpu / messages * 1e6:7.1f} us CPU each"
        f"  ({sessions} sessions)"
    )
    await port.stopListening()


async def main(messages: int) -> None:
    receiver_alone(messages)
    in_memory(messages)
    source = shutil.which("smtp-source", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if source is not None:
        await on_sockets(messages, 4096, 20, source)
        await on_sockets(messages, 4096, 1, source)
        await on_sockets(max(10, messages // 500), 5_000_000, 5, source)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    react(lambda _: Deferred.fromCoroutine(main(count)))
