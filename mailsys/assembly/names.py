"""The DNS server without the rest of the mail system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mailsys.assembly.administration import make_administration
from mailsys.assembly.process import Threads, make_process
from mailsys.assembly.sending import make_resolver
from mailsys.assembly.stores import check_storage, open_system_store
from mailsys.assembly.zones import NameServer, make_zones
from mailsys.running import MailService
from mailsys.services.operating.certificates import Certificates
from mailsys.settings import Listen, Settings


class Names:
    """running.Serving. What the zones say follows from all of the settings; only DNS is listened for."""

    def __init__(self, settings: Settings, reactor: Any, listening: Sequence[tuple[str, str]]) -> None:
        self._stores = stores = open_system_store(settings, reactor).stores()
        self._threads = Threads(reactor)
        process = make_process(settings, reactor, self._threads)
        zones = make_zones(process, stores, make_resolver(process, listening), None)
        self._names = NameServer(process, stores, zones, listening)
        self.administration = make_administration(process, stores, zones.commands, list, self._names.refresh)

    def factories(self) -> Mapping[str, Any]:
        return {"dns": self._names.factory}

    async def start(self) -> None:
        self._threads.start()
        await self._stores.seal()
        await self._names.start()

    def reload(self) -> None:
        self._names.reload()

    async def stop(self) -> None:
        try:
            await self._names.stop()
            await self._names.factory.stop()
        finally:
            self._threads.stop()
            await self._stores.close()


def assemble_names(settings: Settings, reactor: Any) -> MailService:
    """Raises SettingsError."""
    check_storage(settings)
    listen = settings.listen
    own = msgspec.structs.replace(
        settings,
        listen=Listen(
            smtp=(),
            submission=(),
            submissions=(),
            imap=(),
            imaps=(),
            https=(),
            dns=listen.dns or ("[::]:53",),
            backlog=listen.backlog,
        ),
    )

    def make(certificates: Certificates | None, listening: Sequence[tuple[str, str]]) -> Names:
        return Names(settings, reactor, listening)

    return MailService(own, reactor, make, tls=False)
