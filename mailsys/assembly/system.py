"""A mail system over an open store: its parts made one after the other, started, and stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailsys.assembly.access import make_access
from mailsys.assembly.account_api import make_account_api
from mailsys.assembly.administration import make_administration, make_rotation
from mailsys.assembly.delivering import make_delivering
from mailsys.assembly.filtering import make_learner
from mailsys.assembly.jmap import make_jmap
from mailsys.assembly.listening import IMPLICIT_TLS, make_factories
from mailsys.assembly.process import Threads, make_process
from mailsys.assembly.sending import make_resolver, make_sending, make_sts
from mailsys.assembly.stores import check_storage, open_system_store
from mailsys.assembly.zones import NameServer, make_zones
from mailsys.running import MailService
from mailsys.services.mailboxes.snoozing import Waker
from mailsys.services.operating.certificates import Certificates
from mailsys.services.operating.key_rotation import Rotating
from mailsys.services.outbound.http import OutboundHttp
from mailsys.settings import Settings
from mailsys.web.application import WebApplication


class System:
    """running.Serving, and what `mailsys local` fills it by."""

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        certificates: Certificates,
        listening: Sequence[tuple[str, str]],
        prepare: Callable[[System], Awaitable[None]] | None = None,
    ) -> None:
        """`listening`: (service, "address:port") of what is bound. Raises StoreProblem."""
        self._certificates = certificates
        self._prepare = prepare
        self._stores = stores = open_system_store(settings, reactor).stores()
        self.accounts = stores.accounts
        self._threads = Threads(reactor)
        process = make_process(settings, reactor, self._threads)
        self.hash_password = process.hash_password
        access = make_access(process, stores)
        resolver = make_resolver(process, listening)
        self._delivering = delivering = make_delivering(process, stores, resolver)
        outbound = OutboundHttp(reactor, resolver, settings.web.push_to_private)
        self._sts = make_sts(process, stores, resolver, outbound)
        self._rotating = Rotating(make_rotation(process, stores), resolver, reactor)
        self._sending = make_sending(process, stores, delivering, resolver, listening, self._sts)
        self._waker = Waker(stores.mail, reactor, process.wall.seconds)
        self._learner = make_learner(process, stores)
        jmap = make_jmap(process, stores, access, delivering, outbound, self._waker.look)
        self._pushes = jmap.pushes
        self._web = WebApplication(
            jmap.api, jmap.feed, stores.storage, stores.counters, settings, reactor, process.wall
        )
        zones = make_zones(process, stores, resolver, certificates, listening)
        self._names = NameServer(process, stores, zones, listening)
        self.administration = make_administration(
            process, stores, zones.commands, certificates.complaints, self._changed, access.sessions
        )
        account_api = make_account_api(
            process,
            stores,
            access,
            delivering,
            jmap,
            outbound,
            self._web,
            self.administration,
            zones,
            resolver,
            self._changed,
        )
        self._webhooks = account_api.webhooks
        self._factories = {
            **make_factories(process, stores, access, delivering, self._web, certificates),
            "dns": self._names.factory,
        }

    async def _changed(self) -> None:
        """Domains, addresses or keys did."""
        await self._delivering.directory.refresh()
        await self._names.refresh()

    def factories(self) -> Mapping[str, Any]:
        """By service; those with TLS from the start are wrapped in it."""
        return {
            name: TLSMemoryBIOFactory(self._certificates, False, factory) if name in IMPLICIT_TLS else factory
            for name, factory in self._factories.items()
        }

    async def start(self) -> None:
        self._threads.start()
        await self._stores.seal()
        if self._prepare is not None:
            await self._prepare(self)
        await self._delivering.directory.start()
        self._sts.start()
        self._rotating.start()
        self._sending.startService()
        self._waker.start()
        self._learner.start()
        self._web.start()
        await self._pushes.start()
        await self._webhooks.start()
        await self._names.start()

    def reload(self) -> None:
        self._names.reload()

    async def stop(self) -> None:
        """Sessions and deliveries finish, each within its own bound; whatever becomes of them, the
        store is closed after them."""
        delivering = self._delivering
        self._sts.stop()
        self._rotating.stop()
        try:
            await gatherResults(
                [
                    self._sending.stopService(),
                    self._waker.stop(),
                    self._learner.stop(),
                    Deferred.fromCoroutine(self._web.stop()),
                    Deferred.fromCoroutine(self._pushes.stop()),
                    Deferred.fromCoroutine(self._webhooks.stop()),
                    Deferred.fromCoroutine(self._names.stop()),
                    *(factory.stop() for factory in self._factories.values()),
                ],
                consumeErrors=True,
            )
            await delivering.responder.stop()
            await delivering.feedback.stop()
        finally:
            delivering.directory.stop()
            self._threads.stop()
            await self._stores.close()


def assemble(
    settings: Settings, reactor: Any, prepare: Callable[[System], Awaitable[None]] | None = None
) -> MailService:
    """The whole of a mail system as one service. Nothing is opened or bound before it is started.

    `prepare` is awaited once the store is open and before anybody is served. Raises SettingsError.
    """
    check_storage(settings)

    def make(certificates: Certificates, listening: Sequence[tuple[str, str]]) -> System:
        return System(settings, reactor, certificates, listening, prepare)

    return MailService(settings, reactor, make)
