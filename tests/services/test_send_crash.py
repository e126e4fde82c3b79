"""Killed at any moment, sending loses nothing, and sends twice only what was in the air."""

import contextlib
import re
import sys
from collections import Counter
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.trial.unittest import TestCase

from mailsys.ports.ids import TraceId
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store
from tests.peers.smtp_peer import SmtpPeer

MESSAGES = 400
KILLS = 5
LANES = 3  # connections of the process: each has one message in the air at most


class Child(ProcessProtocol):
    def __init__(self) -> None:
        self.ready: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.words = b""

    def outReceived(self, data: bytes) -> None:
        if not self.ready.called:
            self.ready.callback(None)

    def errReceived(self, data: bytes) -> None:
        self.words += data

    def processEnded(self, reason) -> None:
        if not self.ready.called:
            self.ready.errback(AssertionError(self.words.decode()))
        self.ended.callback(None)


class CrashTests(TestCase):
    timeout = 90

    async def fill(self, folder: str) -> None:
        store = open_store(folder, reactor, Events())
        for n in range(MESSAGES):
            message = b"Subject: %d\r\n\r\nbody\r\n" % n
            item = NewQueueItem(
                destination=f"d{n % 7}.example",
                sender="a@x.example",
                recipients=(QueueRecipient("b@y.example"),),
                due=0.0,
                created=1e12,  # ages never: nothing is given up
                trace=TraceId(f"t{n}"),
            )
            await store.mail.accept(
                Acceptance(store.blobs.stage(message), None, 0.0, queued=(item,), header=message[:-6])
            )
        await store.close()

    async def left(self, folder: str) -> int:
        store = open_store(folder, reactor, Events())
        items = await store.queue.items(MESSAGES)
        await store.close()
        return len(items)

    async def test_every_message_arrives_and_only_those_in_the_air_arrive_twice(self):
        folder = self.mktemp()
        await self.fill(folder)
        peer = SmtpPeer(reactor).start()
        self.addCleanup(lambda: Deferred.fromCoroutine(peer.stop()))
        chance = Random(3)
        runs = 0
        while True:
            child = Child()
            process = reactor.spawnProcess(
                child,
                sys.executable,
                [sys.executable, "-m", "tests.services.sending_process", folder, str(peer.port)],
                env=None,
            )
            await child.ready
            before = len(peer.messages)
            if runs < KILLS:
                await peer.received(min(MESSAGES, before + chance.randrange(1, MESSAGES // KILLS)))
            else:
                numbers = self.numbers(peer)
                while len(numbers) < MESSAGES:
                    await peer.received(len(peer.messages) + 1)
                    numbers = self.numbers(peer)
            with contextlib.suppress(ProcessExitedAlready):
                process.signalProcess("KILL" if runs < KILLS else "TERM")
            await child.ended
            runs += 1
            if runs > KILLS:
                break
        self.assertEqual(await self.left(folder), 0)
        numbers = self.numbers(peer)
        self.assertEqual(sorted(numbers), list(range(MESSAGES)))
        twice = sum(count - 1 for count in numbers.values())
        self.assertLessEqual(twice, KILLS * LANES)

    def numbers(self, peer: SmtpPeer) -> Counter[int]:
        return Counter(int(re.match(rb"Subject: (\d+)", m.content)[1]) for m in peer.messages)
