"""A process that sends what is in a store's queue to one host until it is killed (or stopped
by SIGTERM, in good order).

    python -m tests.services.sending_process FOLDER PORT

Prints "ready" once the store is open. Its parent fills the queue before and counts after.
"""

import sys
import time
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred

from mailsys.core.message.analysis import analyse
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
from tests.peers.zone import Zone


async def main(folder: str, port: int) -> None:
    store = open_store(folder, reactor, Events())
    directory = Directory(store.accounts, reactor, "x.example")
    await directory.start()
    settings = Settings(smarthost=f"127.0.0.1:{port}", schedule=(0.2,), connections_per_destination=3)
    sending = Sending(
        Means(
            queue=store.queue,
            blobs=store.blobs,
            directory=directory,
            router=Router(Zone({}), Random(1), smarthost=settings.smarthost),
            dialer=Dialer(reactor, "mx.x.example", settings),
            signer=None,
            reporter=Reporter("mx.x.example", "x.example", directory, store.blobs, analyse, lambda: "x" * 20),
            reader=MessageReader(analyse, maybeDeferred),
            settings=settings,
            clock=reactor,
            now=time.time,
            random=Random(1),
        )
    )
    sending.startService()

    async def stop() -> None:
        await sending.stopService()
        directory.stop()
        await store.close()

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Deferred.fromCoroutine(main(sys.argv[1], int(sys.argv[2])))
    reactor.run()
