"""Whether the process lives, and whether it can serve; and, on a port of their own, the figures."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from mailsys import metrics
from mailsys.core.refusal import Refusal
from mailsys.log import Log
from mailsys.ports.accounts import IAccountStore
from mailsys.ports.queue import IQueueStore
from mailsys.ports.storage import IStorage
from mailsys.web.app import Routes
from mailsys.web.problems import WebProblem
from mailsys.web.reply import Reply
from mailsys.web.request import WebRequest

log = Log("web")

_WITHIN = 5.0  # seconds in which a store that is well answers


class HealthRoutes:
    """Both answer anybody: alive as long as the process answers at all; ready while mail can be taken, else
    why not, in a few words. What happened exactly is in the log."""

    def __init__(self, accounts: IAccountStore, storage: IStorage, clock: Any) -> None:
        self._accounts = accounts
        self._storage = storage
        self._clock = clock
        self._ready = True
        self.stopping = False

    def mount(self, routes: Routes) -> None:
        for path in ("/health/live", "/healthz"):
            routes.add(path, self.live, "GET")
        for path in ("/health/ready", "/readyz"):
            routes.add(path, self.ready, "GET")

    async def live(self, request: WebRequest) -> Reply:
        return Reply({"status": "live"})

    async def ready(self, request: WebRequest) -> Reply:
        if self.stopping:
            raise WebProblem(503, "The server is closing.")
        try:
            await Deferred.fromCoroutine(self._ask()).addTimeout(_WITHIN, self._clock)
        except Exception as error:
            known = isinstance(error, Refusal)  # no room, and the like: no fault of the program
            if self._ready:
                log.error("not ready", None if known else error, cause=str(error))
            self._ready = False
            reason = error.text if isinstance(error, Refusal) else "The store does not answer"
            raise WebProblem(503, f"{reason}.") from error
        if not self._ready:
            log.info("ready again")
        self._ready = True
        return Reply({"status": "ready"})

    async def _ask(self) -> None:
        await self._accounts.version()
        await self._storage.ready()


class _Figures(Resource):
    isLeaf = True  # noqa: N815

    def __init__(self, queue: IQueueStore) -> None:
        super().__init__()
        self._queue = queue

    def render_GET(self, request: Any) -> Any:  # noqa: N802
        if request.path != b"/metrics":
            request.setResponseCode(404)
            return b""
        Deferred.fromCoroutine(self._answer(request)).addErrback(
            lambda failure: log.error("figures not given", failure.value)
        )
        return NOT_DONE_YET

    async def _answer(self, request: Any) -> None:
        try:
            metrics.queue_size.set(await self._queue.size())
        except Exception as error:  # the other figures are wanted most when something is wrong
            log.error("queue not counted", error)
        if request._disconnected:
            return
        body = metrics.exposition()
        request.setHeader(b"Content-Type", metrics.CONTENT_TYPE)
        request.setHeader(b"Content-Length", b"%d" % len(body))
        request.write(body)
        request.finish()


class MetricsSite(Site):
    """`/metrics` for Prometheus. Whoever reaches the port may read: it belongs on an inner address."""

    noisy = False

    def __init__(self, queue: IQueueStore, reactor: Any) -> None:
        super().__init__(_Figures(queue), timeout=60, reactor=reactor, parsePOSTFormSubmission=False)

    def startFactory(self) -> None:  # noqa: N802
        pass

    def stopFactory(self) -> None:  # noqa: N802
        pass

    def log(self, request: Any) -> None:
        pass

    def stop(self) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done
