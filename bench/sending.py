"""Throughput of sending: N messages in the queue of a durable store, one sink that takes them all.

    python -m bench.sending [--count 3000] [--size 4096] [--sign] [--sink PORT] [--profile]

Prints messages per second and this process's CPU per message. The sink is Debian's `smtp-sink` when it
is there (its own process), else give the port of one.
"""

import argparse
import cProfile
import pstats
import resource
import shutil
import subprocess
import tempfile
import time
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from mailsys.core.message.analysis import analyse
from mailsys.ports.accounts import Domain
from mailsys.ports.ids import TraceId
from mailsys.ports.intake import Acceptance
from mailsys.ports.queue_items import NewQueueItem, QueueRecipient
from mailsys.services.content.reading import MessageReader
from mailsys.services.delivery.bounce import Reporter
from mailsys.services.delivery.directory import Directory
from mailsys.services.dns.route import Router
from mailsys.services.sending.means import Means
from mailsys.services.sending.send import Sending
from mailsys.services.sending.sign import Signer, generate_keys
from mailsys.settings import Sending as Settings
from mailsys.smtp.client import Dialer
from mailsys.stores.memory.events import Events
from mailsys.stores.sqlite.store import open_store


class NoDns:
    def query(self, name, rtype):
        raise AssertionError("the smart host is an address")


async def main(options, folder: str, port: int) -> None:
    store = open_store(folder, reactor, Events())
    await store.accounts.put_domain(Domain("x.example"))
    if options.sign:
        for key in generate_keys("x.example"):
            await store.accounts.put_dkim_key(key)
    directory = Directory(store.accounts, reactor, "x.example")
    await directory.start()
    line = b"x" * 76 + b"\r\n"
    waiting = []
    for n in range(options.count):
        message = b"From: a@x.example\r\nSubject: %d\r\n\r\n" % n + line * max(1, options.size // 78)
        if len(message) <= 65536:
            blob = store.blobs.stage(message)
        else:
            sink = store.blobs.sink()
            sink.write(message)
            blob = await sink.finish()
        item = NewQueueItem(
            destination=f"d{n % options.destinations}.example",
            sender="a@x.example",
            recipients=(QueueRecipient("b@y.example"),),
            due=0.0,
            created=time.time(),
            trace=TraceId(f"t{n}"),
        )
        waiting.append(store.mail.accept(Acceptance(blob, None, 0.0, queued=(item,))))
    await gatherResults(waiting)
    settings = Settings(smarthost=f"127.0.0.1:{port}", connections_per_destination=options.connections)
    sending = Sending(
        Means(
            queue=store.queue,
            blobs=store.blobs,
            directory=directory,
            router=Router(NoDns(), Random(1), smarthost=settings.smarthost),
            dialer=Dialer(reactor, "mx.x.example", settings),
            signer=Signer(store.accounts, deferToThread, time.time) if options.sign else None,
            reporter=Reporter("mx.x.example", "x.example", directory, store.blobs, analyse, lambda: "x" * 20),
            reader=MessageReader(analyse, deferToThread),
            settings=settings,
            clock=reactor,
            now=time.time,
            random=Random(1),
        )
    )
    profile = cProfile.Profile() if options.profile else None
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    if profile:
        profile.enable()
    sending.startService()
    while await store.queue.next_due() is not None:
        turn = Deferred()
        reactor.callLater(0.02, turn.callback, None)
        await turn
    took = time.perf_counter() - began
    if profile:
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{options.count / took:.0f} messages/s, {1000 * cpu / options.count:.2f} ms CPU each")
    await sending.stopService()
    directory.stop()
    await store.close()
    reactor.stop()


def failed(failure) -> None:
    failure.printTraceback()
    reactor.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--destinations", type=int, default=1)
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--sign", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--sink", type=int, default=0)
    options = parser.parse_args()
    sink = None
    if not options.sink:
        options.sink = 25251
        sink = subprocess.Popen(
            [shutil.which("smtp-sink") or "/usr/sbin/smtp-sink", "-u", "nobody", "127.0.0.1:25251", "1000"]
        )
        time.sleep(0.3)
    with tempfile.TemporaryDirectory() as folder:
        reactor.callWhenRunning(
            lambda: Deferred.fromCoroutine(main(options, folder, options.sink)).addErrback(failed)
        )
        reactor.run()
    if sink:
        sink.terminate()
