"""Opening the embedded store."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

import apsw
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailsys.log import Log
from mailsys.ports.events import IEvents
from mailsys.ports.storage import Checked, Progress
from mailsys.stores.sqlite import identity, schema
from mailsys.stores.sqlite.accounts import AccountStore
from mailsys.stores.sqlite.batch import Batch
from mailsys.stores.sqlite.blobs import BlobStore
from mailsys.stores.sqlite.checking import Check, Place
from mailsys.stores.sqlite.checkpoint import Checkpoint
from mailsys.stores.sqlite.disk import DISK, Disk
from mailsys.stores.sqlite.files import BLOBS, BlobFiles
from mailsys.stores.sqlite.learning import LearningStore
from mailsys.stores.sqlite.lock import FolderLock
from mailsys.stores.sqlite.mail import MailStore
from mailsys.stores.sqlite.objects import ObjectStore
from mailsys.stores.sqlite.once import OnceStore
from mailsys.stores.sqlite.queue import QueueStore
from mailsys.stores.sqlite.readers import Readers
from mailsys.stores.sqlite.sessions import SessionStore
from mailsys.stores.sqlite.space import NOTHING, Reserve, Space
from mailsys.stores.sqlite.storage import Storage
from mailsys.stores.sqlite.strangers import Strangers
from mailsys.stores.sqlite.sts_policies import StsPolicyStore
from mailsys.stores.sqlite.tidy import Tidy
from mailsys.stores.sqlite.writer import Writer
from mailsys.stores.sqlite.zones import ZoneStore

log = Log("store")

_FILE: Final = "mail.sqlite"
_READERS: Final = 3


class SqliteStore:
    """All ports of the embedded store. Opened by `open_store` only."""

    def __init__(
        self,
        folder: str | None,
        reactor: Any,
        events: IEvents,
        now: Callable[[], float],
        readers: int,
        disk: Disk,
        reserve: Reserve,
    ) -> None:
        self._disk = disk
        self._lock: FolderLock | None = None
        self._files: BlobFiles | None = None
        self._folder = folder
        self._pool: ThreadPool | None = None
        self._reactor = reactor
        tidy = self._tidy = Tidy(self.files, lambda: self._files is not None, now)
        if folder is None:
            connection = schema.connect(":memory:")
            schema.create(connection)
            self.writer = Writer(connection, reactor, events, False, tidy.step, None)
            self.readers = Readers(reactor, lambda: connection, 0)
        else:
            disk.make_folders(folder)
            self._lock = FolderLock(folder)
            try:
                path = os.path.join(folder, _FILE)
                connection = _open_file(path, disk)
                files = self.files()
                files.empty_spool()
                tidy.look_for_orphans(files)
                self._pool = ThreadPool(0, 4, "store-spool")
                self._pool.start()
                checkpoint = Checkpoint(connection, lambda: schema.connect(path, vfs=disk.vfs))
                self.writer = Writer(connection, reactor, events, True, tidy.step, checkpoint)
                self.readers = Readers(
                    reactor, lambda: schema.connect(path, read_only=True, vfs=disk.vfs), readers
                )
            except BaseException:
                self._lock.release()
                raise
        self.mail = MailStore(self.writer, self.readers)
        self.accounts = AccountStore(self.writer, self.readers)
        self.once = OnceStore(self.writer, now)
        self.strangers = Strangers(self.writer, self.readers, now)
        self.learning = LearningStore(self.writer, self.readers, now)
        self.sts_policies = StsPolicyStore(self.writer, self.readers)
        self.queue = QueueStore(self.writer, self.readers)
        self.objects = ObjectStore(self.writer, self.readers)
        self.sessions = SessionStore(self.writer, self.readers)
        self.zones = ZoneStore(self.writer, self.readers)
        check_room = _no_bound if folder is None else Space(disk, folder, reserve).check
        self.blobs = BlobStore(self.readers, self.files, self._in_thread, check_room)
        # For what the server writes about mail that it has answered for: it may use the reserve.
        self.reports = BlobStore(self.readers, self.files, self._in_thread, _no_bound)
        self.storage = Storage(self.writer, reactor, check_room, self._place)

    def _place(self) -> Place:
        blobs = self._files.folder if self._files is not None else None
        if self._folder is None:
            return Place(None, blobs, connection=self.writer.batch.connection)
        return Place(os.path.join(self._folder, _FILE), blobs, self._disk.vfs)

    def files(self) -> BlobFiles:
        """Where large blobs lie; a store in memory gets a temporary folder when the first one comes."""
        if self._files is None:
            self._files = BlobFiles(self._folder or tempfile.mkdtemp(prefix="mailsys-"), self._disk)
        return self._files

    def _in_thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        if self._pool is None:
            return maybeDeferred(work)
        return deferToThreadPool(self._reactor, self._pool, work)

    def tidy(self) -> Deferred[None]:
        """Do all the idle work there is now: index words, sweep blobs, prune."""

        async def run() -> None:
            while await self.writer.submit(self._tidy_step):
                pass

        return Deferred.fromCoroutine(run())

    def _tidy_step(self, batch: Batch) -> bool:
        return self._tidy.step(batch)

    def close(self) -> Deferred[None]:
        """Finish what was asked for, copy the log back, let go of the folder."""

        async def run() -> None:
            self.storage.close()
            await gatherResults([self.readers.close()])
            await self.writer.close()
            if self._pool is not None:
                self._pool.stop()
                self._pool = None
            if self._lock is not None:
                self._lock.release()
            if self._folder is None and self._files is not None:
                self._files.remove()

        return Deferred.fromCoroutine(run())


def open_store(
    folder: str | None,
    reactor: Any,
    events: IEvents,
    *,
    now: Callable[[], float] = time.time,
    readers: int = _READERS,
    disk: Disk = DISK,
    reserve: Reserve = NOTHING,
) -> SqliteStore:
    """Open, creating or upgrading it as needed, the store in `folder`; at once, before anything is served.

    `folder` None: a store in memory for tests. It has no threads: every Deferred it returns has
    fired already, events are published before that, and `reactor` is not used (None will do).
    Otherwise `reactor` needs `callFromThread` and `callLater`.

    Raises StoreInUse when another process has it open, SchemaTooNew, or StoreError; each says what
    is the matter in words for the operator.
    """
    return SqliteStore(folder, reactor, events, now, readers, disk, reserve)


def _no_bound(octets: int) -> None:
    """Where there is always room, or one may use the last of it."""


def check_store(folder: str, tell: Callable[[Progress], bool]) -> Checked:
    """`IStorage.check` of a store that nobody has open, whatever state it is in; nothing is changed. Raises
    StoreInUse."""
    lock = FolderLock(folder)
    try:
        place = Place(os.path.join(folder, _FILE), os.path.join(folder, BLOBS))
        return Check(place, tell, True).run()
    finally:
        lock.release()


def _open_file(path: str, disk: Disk) -> apsw.Connection:
    """The writing connection, with the schema brought up to date."""
    folder = os.path.dirname(path)
    identity.refuse_emptied(folder, path, not os.path.exists(path) or not os.path.getsize(path))
    try:
        connection = schema.connect(path, vfs=disk.vfs)
        found = schema.version_of(connection)
        empty = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    except apsw.Error as error:
        raise schema.StoreError(f"{path}: cannot be opened as a mail store: {error}") from error
    if found > schema.VERSION:
        connection.close()
        raise schema.SchemaTooNew(
            f"{path}: written by a later version of mailsys (schema {found}, this one knows "
            f"{schema.VERSION}). Run that version, or restore a copy made before the upgrade."
        )
    if empty:
        try:
            identity.refuse_emptied(folder, path, empty)
        except schema.StoreError:
            connection.close()
            raise
        schema.create(connection)
    elif found < schema.VERSION:
        copy_before_upgrade(connection, path, found)
        schema.upgrade(connection, found)
    try:
        identity.tie(folder, path, connection, disk)
    except schema.StoreError:
        connection.close()
        raise
    # Leases were held by the process that had this folder before, and it is gone.
    connection.execute("UPDATE queue SET ready = due, token = 0 WHERE token <> 0")
    return connection


def copy_before_upgrade(connection: apsw.Connection, path: str, version: int) -> str:
    """A whole copy beside the file, synced, before anything is changed; its path."""
    copy = f"{path}.schema-{version}"
    partial = f"{copy}.partial"
    if os.path.exists(partial):
        os.unlink(partial)
    connection.execute("VACUUM INTO ?", (partial,))
    fd = os.open(partial, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(partial, copy)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    log.info("copied before upgrade", path=copy, schema=version)
    return copy
