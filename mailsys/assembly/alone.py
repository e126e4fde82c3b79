"""Work on the store of a system that does not run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mailsys.assembly.administration import make_administration
from mailsys.assembly.process import Threads, make_process
from mailsys.assembly.sending import make_resolver
from mailsys.assembly.stores import check_folder_of, check_storage, open_system_store
from mailsys.assembly.zones import make_zones
from mailsys.ports.storage import Checked, Progress
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.certificates import CertificateError, Certificates
from mailsys.settings import Settings

T = TypeVar("T")


async def administer(settings: Settings, reactor: Any, work: Callable[[Administration], Awaitable[T]]) -> T:
    """Open the store of a system that does not run, do `work` on it, close it. Raises StoreProblem."""
    check_storage(settings)
    store = open_system_store(settings, reactor)
    threads = Threads(reactor)
    threads.start()
    try:
        stores = store.stores()
        process = make_process(settings, reactor, threads)
        await stores.seal()
        zones = make_zones(process, stores, make_resolver(process), _certificate(settings))
        look = partial(_complaints, settings)
        return await work(make_administration(process, stores, zones.commands, look))
    finally:
        threads.stop()
        await store.close()


def check_store(settings: Settings, tell: Callable[[Progress], bool]) -> Checked:
    """Look at the store of a system that does not run, whatever state it is in. Raises StoreProblem."""
    check_storage(settings)
    return check_folder_of(settings, tell)


def _certificate(settings: Settings) -> Certificates | None:
    state = Path(settings.state)
    try:
        return Certificates(state / settings.tls.certificate, state / settings.tls.key)
    except CertificateError:
        return None


def _complaints(settings: Settings) -> list[str]:
    state = Path(settings.state)
    try:
        return Certificates(state / settings.tls.certificate, state / settings.tls.key).complaints()
    except CertificateError as problem:
        return [f"certificate: {problem}"]
