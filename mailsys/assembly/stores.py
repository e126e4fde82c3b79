"""Opens what keeps mail. No other part knows which store that is."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mailsys.ports.accounts import IAccountStore
from mailsys.ports.blobs import IBlobStore
from mailsys.ports.events import IEvents
from mailsys.ports.learning import ILearningStore
from mailsys.ports.limits import ILimits
from mailsys.ports.mail import IMailStore
from mailsys.ports.objects import IObjectStore
from mailsys.ports.once import IOnceStore
from mailsys.ports.queue import IQueueStore
from mailsys.ports.sessions import ISessionStore
from mailsys.ports.storage import Checked, IStorage, Progress
from mailsys.ports.strangers import IStrangers
from mailsys.ports.sts_policies import IStsPolicyStore
from mailsys.ports.zones import IZoneStore
from mailsys.services.access import resealing, second_factor
from mailsys.services.access.at_rest import AtRest, Unreadable
from mailsys.services.access.sealed_accounts import SealedAccounts
from mailsys.services.access.system_key import KeyProblem, is_sealed, key_in, note_sealed, system_key
from mailsys.services.notifying import webhook_records
from mailsys.settings import Settings, SettingsError
from mailsys.stores.memory.events import Events
from mailsys.stores.memory.limits import Limits as Counters
from mailsys.stores.sqlite.schema import StoreError as StoreProblem
from mailsys.stores.sqlite.space import Reserve
from mailsys.stores.sqlite.store import SqliteStore, open_store
from mailsys.stores.sqlite.store import check_store as check_folder

__all__ = ["OpenStore", "StoreProblem", "Stores", "check_folder_of", "check_storage", "open_system_store"]


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports of an open store. What of `accounts` is secret is sealed by `secret`, the system's key.
    `reports`: blobs that the server writes about mail that it has answered for. `seal` is to be awaited
    before anything is served: what an earlier version kept plain is sealed, once; raises StoreProblem when
    the key is another."""

    mail: IMailStore
    blobs: IBlobStore
    reports: IBlobStore
    accounts: IAccountStore
    queue: IQueueStore
    objects: IObjectStore
    once: IOnceStore
    learning: ILearningStore
    sts_policies: IStsPolicyStore
    strangers: IStrangers
    sessions: ISessionStore
    zones: IZoneStore
    storage: IStorage
    events: IEvents
    counters: ILimits
    secret: bytes
    seal: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class OpenStore:
    """To be closed whatever comes of it."""

    _settings: Settings
    _reactor: Any
    _store: SqliteStore
    _events: IEvents

    def stores(self) -> Stores:
        """Its ports, with the system's key. Raises StoreProblem when that is missing or another."""
        store, secret = self._store, _key(self._settings)
        accounts = SealedAccounts(store.accounts, AtRest(secret, os.urandom))
        return Stores(
            store.mail,
            store.blobs,
            store.reports,
            accounts,
            store.queue,
            store.objects,
            store.once,
            store.learning,
            store.sts_policies,
            store.strangers,
            store.sessions,
            store.zones,
            store.storage,
            self._events,
            Counters(self._reactor),
            secret,
            partial(_seal, Path(self._settings.state), secret, accounts),
            store.close,
        )

    async def reseal(self, keys: tuple[bytes, bytes], kinds: Sequence[resealing.Reseal]) -> int:
        """See `resealing.reseal`."""
        store, state = self._store, Path(self._settings.state)
        return await resealing.reseal(state, store.accounts, store.objects, keys, os.urandom, kinds)

    async def close(self) -> None:
        await self._store.close()


def open_system_store(settings: Settings, reactor: Any) -> OpenStore:
    """Where the settings say. Raises StoreProblem."""
    limits, events = settings.limits, Events()
    reserve = Reserve(limits.free_octets, limits.free_files)
    try:
        store = open_store(settings.state, reactor, events, reserve=reserve)
    except OSError as problem:
        raise StoreProblem(f"{problem.filename or settings.state}: {problem.strerror}") from problem
    return OpenStore(settings, reactor, store, events)


async def reseal(settings: Settings, reactor: Any, new_key: Path) -> int:
    """Seal the secrets of a system that does not run under the key of that file; how many there were. Raises
    StoreProblem."""
    check_storage(settings)
    opened, state = open_system_store(settings, reactor), Path(settings.state)
    try:
        keys = system_key(settings.secrets.key, state), key_in(new_key)
        return await opened.reseal(keys, (second_factor.reseal, webhook_records.reseal))
    except (KeyProblem, OSError) as problem:
        raise StoreProblem(str(problem)) from problem
    finally:
        await opened.close()


def check_storage(settings: Settings) -> None:
    """Whether mail can be kept where the settings say. Raises SettingsError."""
    if settings.storage not in ("", "sqlite"):
        raise SettingsError(f"storage: {settings.storage!r}: this version keeps mail in SQLite only (empty)")


def check_folder_of(settings: Settings, tell: Callable[[Progress], bool]) -> Checked:
    """See `alone.check_store`."""
    try:
        return check_folder(settings.state, tell)
    except OSError as problem:
        raise StoreProblem(f"{problem.filename or settings.state}: {problem.strerror}") from problem


def _key(settings: Settings) -> bytes:
    """The system's key. Raises StoreProblem when it is missing, or not that of this store."""
    state = Path(settings.state)
    try:
        key = system_key(settings.secrets.key, state)
        is_sealed(state, key)
    except (KeyProblem, OSError) as problem:
        raise StoreProblem(str(problem)) from problem
    return key


async def _seal(state: Path, key: bytes, accounts: SealedAccounts) -> None:
    if is_sealed(state, key):
        return
    try:
        await accounts.seal_all()
    except Unreadable as problem:
        raise StoreProblem(f"{state}: {problem}. Restore that key.") from problem
    note_sealed(state, key)
