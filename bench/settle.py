"""The one window in which a message can be sent twice: from another server's 250 to our commit.

    python -m bench.settle [--count 2000] [--connections 5] [--busy 0]

`--busy N`: meanwhile N incoming messages at a time are taken by the same store. Prints how long it is (p50, p99,
longest) until the commit is asked for, until it is durable (that is the window), and until sending hears of it. The
sink is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from mailsys.core.message.analysis import analyse
from mailsys.ports.accounts import Credentials, Domain
from mailsys.ports.ids import TraceId
from mailsys.ports.intake import Acceptance, Delivery
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.running import SWITCH_INTERVAL
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import Router
from mailsys.services.sending.means import Means
from mailsys.services.sending.send import Sending
from mailsys.settings import Sending as Settings
from mailsys.smtp.client import Dialer
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store


def sink(port: Any) -> None:
    """Takes all mail."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-sink\r\n250 PIPELINING\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 2.0.0 taken\r\n")
            elif verb == b"QUIT":
                break
            else:
                writer.write(b"250 2.0.0 ok\r\n")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(session, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


class Watched:
    """A dialer whose connections tell when the last answer came."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self.answered = 0.0

    def dial(self, host: Any, verified: bool) -> Deferred[Any]:
        return self._dialer.dial(host, verified).addCallback(self._watch)

    def _watch(self, hop: Any) -> Any:
        transmit = hop.transmit

        def watched(envelope: Any, content: Any) -> Deferred[Any]:
            return transmit(envelope, content).addCallback(self._note)

        hop.transmit = watched
        return hop

    def _note(self, results: Any) -> Any:
        self.answered = time.perf_counter()
        return results


async def main(options: argparse.Namespace, folder: str, port: int) -> None:
    store = open_store(folder, reactor, Events())
    await store.accounts.put_domain(Domain("x.example"))
    alice = await store.accounts.create_account("a@x.example", "", Credentials("", b"", 4096, b"", b""))
    directory = Directory(store.accounts, reactor, "x.example")
    await directory.start()
    message = b"From: a@x.example\r\nSubject: %d\r\n\r\n" + b"x" * 1000 + b"\r\n"
    waiting = []
    for n in range(options.count):
        item = NewQueueItem(
            "y.example", "a@x.example", (QueueRecipient("b@y.example"),), 0.0, time.time(), TraceId(f"t{n}")
        )
        waiting.append(
            store.mail.accept(Acceptance(store.blobs.stage(message % n), None, 0.0, queued=(item,)))
        )
    await gatherResults(waiting)
    settings = Settings(smarthost=f"127.0.0.1:{port}", connections_per_destination=options.connections)
    dialer = Watched(Dialer(reactor, "mx.x.example", settings))
    asked: list[float] = []
    windows: list[float] = []
    heard: list[float] = []
    durable: dict[int, float] = {}
    writer: Any = store.queue._writer
    commit = writer._commit

    def noted(jobs: Any) -> Any:
        completion = commit(jobs)
        now = time.perf_counter()
        durable.update((id(done), now) for done, _ in completion.results)
        return completion

    writer._commit = noted
    settle = store.queue.settle

    def measured(lease: Any, settlement: Any) -> Deferred[bool]:
        answered = dialer.answered
        done = settle(lease, settlement)
        asked.append(time.perf_counter() - answered)

        def over(result: bool) -> bool:
            windows.append(durable[id(done)] - answered)
            heard.append(time.perf_counter() - answered)
            return result

        return done.addCallback(over)

    store.queue.settle = measured
    sending = Sending(
        Means(
            queue=store.queue,
            blobs=store.blobs,
            directory=directory,
            router=Router(None, Random(1), smarthost=settings.smarthost),
            dialer=dialer,
            signer=None,
            reporter=Reporter("mx.x.example", "x.example", directory, store.blobs, analyse, lambda: "x" * 20),
            reader=MessageReader(analyse, deferToThread),
            settings=settings,
            clock=reactor,
            now=time.time,
            random=Random(1),
        )
    )
    busy, taken = True, 0

    async def take(number: int) -> None:
        nonlocal taken
        while busy:
            taken += 1
            data = message % (10**9 + taken)
            facts = analyse(data)
            delivery = Delivery(alice.id)
            await store.mail.accept(
                Acceptance(
                    store.blobs.stage(data), facts, time.time(), (delivery,), header=data[: facts.header_size]
                )
            )

    takers = [Deferred.fromCoroutine(take(n)) for n in range(options.busy)]
    began = time.perf_counter()
    sending.startService()
    while len(windows) < options.count:
        turn: Deferred[None] = Deferred()
        reactor.callLater(0.02, turn.callback, None)
        await turn
    took = time.perf_counter() - began
    busy = False
    await gatherResults(takers)
    for name, values in (("asked for", asked), ("durable", windows), ("heard of", heard)):
        values.sort()
        p50, p99 = values[len(values) // 2], values[len(values) * 99 // 100]
        print(f"{name}: p50 {1000 * p50:.2f} ms, p99 {1000 * p99:.2f} ms, longest {1000 * values[-1]:.1f} ms")
    print(f"{options.count / took:.0f} messages/s out, {taken / took:.0f}/s in")
    await sending.stopService()
    directory.stop()
    await store.close()
    reactor.stop()


def failed(failure: Any) -> None:
    failure.printTraceback()
    reactor.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=sink, args=(theirs,), daemon=True)
    process.start()
    with tempfile.TemporaryDirectory() as folder:
        work = main(options, folder, ours.recv())
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work).addErrback(failed))
        reactor.run()
    process.terminate()
