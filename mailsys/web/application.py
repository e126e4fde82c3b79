"""The parts of the web put together: one per process, however many ports it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from mailsys.ports.limits import ILimits
from mailsys.ports.storage import IStorage
from mailsys.services.jmap.protocol.api import JmapApi
from mailsys.services.notifying.push import Feed
from mailsys.settings import Settings
from mailsys.web.admission import Admission
from mailsys.web.app import Routes
from mailsys.web.callers import Callers
from mailsys.web.download import DownloadRoutes
from mailsys.web.event_stream import EventStreamRoutes
from mailsys.web.health import HealthRoutes
from mailsys.web.jmap import JmapRoutes
from mailsys.web.origin import Origins
from mailsys.web.site import WebSite
from mailsys.web.socket import SocketRoutes
from mailsys.web.static import PACKAGED, StaticRoutes
from mailsys.web.streams import Streams
from mailsys.web.upload import UploadRoutes


class WebApplication:
    """`routes` takes more routes and `callers` more authenticators until the first `site()`."""

    def __init__(
        self,
        api: JmapApi,
        feed: Feed,
        storage: IStorage,
        limits: ILimits,
        settings: Settings,
        reactor: Any,
        wall: IReactorTime,
        static: Path = PACKAGED,
    ) -> None:
        """reactor: the monotonic clock, and what connections need; wall: Unix time, with timers."""
        ports = api.ports
        mail, blobs, accounts = ports.mail, ports.blobs, ports.accounts
        web = settings.web
        self._blobs = blobs
        self._settings = settings
        self._reactor = reactor
        self._sites: list[WebSite] = []
        self.callers = Callers()
        self.origins = Origins(web, settings.hostname, settings.login_without_tls_on_loopback)
        self.admission = admission = Admission(web, limits)
        self.streams = streams = Streams(web.streams_per_account, accounts, wall)
        self.routes = routes = Routes()
        self._health = HealthRoutes(accounts, storage, reactor)
        self._static = StaticRoutes(static)
        self._health.mount(routes)
        JmapRoutes(api, admission, web.request_size).mount(routes)
        UploadRoutes(mail, blobs, limits, web, admission, wall.seconds).mount(routes)
        DownloadRoutes(mail, blobs, admission).mount(routes)
        EventStreamRoutes(feed, streams, admission, reactor).mount(routes)
        SocketRoutes(api, feed, streams, admission, web.requests_at_once, reactor).mount(routes)

    def site(self) -> WebSite:
        """A factory for one port, in the clear; the caller wraps it in TLS."""
        if not self._sites:
            self._static.mount(self.routes)  # last: it takes what nobody else does
        site = WebSite(
            self.routes.resource(),
            callers=self.callers,
            blobs=self._blobs,
            origin=self.origins,
            settings=self._settings.web,
            limits=self._settings.limits,
            body_rule=self.routes.body_rule,
            admit=self.admission.before_body,
            reactor=self._reactor,
        )
        self._sites.append(site)
        return site

    @property
    def connections(self) -> int:
        return sum(site.connections for site in self._sites)

    def start(self) -> None:
        self.streams.start()

    async def stop(self) -> None:
        """Streams are told, answers under way end, connections close."""
        self._health.stopping = True
        self.streams.stop()
        waits: list[Deferred[None]] = [site.stop() for site in self._sites]
        await gatherResults(waits)
