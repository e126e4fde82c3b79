"""The life of the process: bind as root, become somebody else, open the store, serve, finish, stop.

Twisted's order: `privilegedStartService` while still root, then `startService`, then the reactor runs
until SIGTERM or SIGINT, then `stopService`. The steps in between are here; what is served is the
assembly's business.
"""

from __future__ import annotations

import gc
import grp
import os
import pwd
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.application.service import IProcess, MultiService
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver
from twisted.python.components import Componentized

from mailsys.endpoints import BindError, Bound, Listeners, bind
from mailsys.log import Log, Writer, direct, json_sink, text_sink, twisted_observer
from mailsys.services.operating.administration import Administration
from mailsys.services.operating.certificates import Certificates
from mailsys.services.operating.control import ControlFactory, ControlSocket
from mailsys.settings import Settings, SettingsError

log = Log("server")

STOP_WITHIN: Final = 45.0  # seconds for all of it; sessions and deliveries have bounds of their own below it
SERVICES: Final = ("smtp", "submission", "submissions", "imap", "imaps", "http", "https", "dns", "metrics")

# Threads give way to each other after this many seconds (Python's default: 5 ms). A worker that
# computes in Python holds a session's answer up for that long, at every turn of the reactor.
SWITCH_INTERVAL: Final = 0.001


class Serving(Protocol):
    """What the assembly made: the parts of a mail system over an open store."""

    @property
    def administration(self) -> Administration: ...

    def factories(self) -> Mapping[str, Any]:
        """By the name of the service in the settings."""

    async def start(self) -> None:
        """Begin to work. Connections come in after it."""

    def reload(self) -> None:
        """SIGHUP: read files again."""

    async def stop(self) -> None:
        """Called when no more connections come in: finish what was acknowledged, close the store."""


class MailService(MultiService):
    """A mail system as a Twisted service. `make(certificates, addresses)` opens the store and builds
    all else.

    `on_problem` is called with what prevents the start before it is raised, and may raise something
    else. `ready` fires once all endpoints listen, and fails with what prevented it. `addresses` then has
    (service, "127.0.0.1:25") for every endpoint.
    """

    name = "mailsys"

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        make: Callable[[Any, Sequence[tuple[str, str]]], Serving],
        tls: bool = True,
    ) -> None:
        """tls: whether there is a certificate; else None is given to `make` in its place."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._settings = settings
        self._reactor = reactor
        self._make = make
        self._tls = tls
        self._bound: list[Bound] = []
        self._listeners = Listeners(reactor)
        self._control = ControlSocket(Path(settings.state))
        self._certificates: Certificates | None = None
        self._serving: Serving | None = None
        self._writer: Writer | None = None
        self._starting: Deferred[None] | None = None
        self._hangup: Any = None
        self._warn_of_root = False
        self.ready: Deferred[None] = Deferred()
        self.addresses: list[tuple[str, str]] = []
        self.on_problem: Callable[[Exception], None] = lambda problem: None

    def setServiceParent(self, parent: Any) -> None:  # noqa: N802
        """Under twistd, have it log to our log, and drop to the user and group of the settings."""
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, twisted_observer)  # type: ignore[no-untyped-call]
            process = IProcess(parent)
            process.uid, process.gid = user_and_group(self._settings)
            if process.uid is None and os.geteuid() == 0:
                self._warn_of_root = True

    # -- before the reactor runs -----------------------------------------------------------------

    def privilegedStartService(self) -> None:  # noqa: N802
        """Take the ports. Raises BindError and CertificateError."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        try:
            self._take_ports()
        except Exception as problem:
            self._stop_log()
            self.on_problem(problem)
            raise

    def _take_ports(self) -> None:
        os.umask(0o077)  # whatever is written is nobody else's to read
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._start_log()
        raise_file_limit()
        state, tls = Path(self._settings.state), self._settings.tls
        if self._tls:
            self._certificates = Certificates(state / tls.certificate, state / tls.key)
        try:
            for service in SERVICES:
                for endpoint in getattr(self._settings.listen, service):
                    self._bound.append(bind(service, endpoint))
        except BindError:
            self._release()
            raise
        self.addresses = [(each.service, each.address) for each in self._bound]

    def _start_log(self) -> None:
        self._writer = Writer(2)  # not sys.stderr: twistd puts its log there
        self._writer.start()
        kind = json_sink if self._settings.log.format == "json" else text_sink
        direct(self._settings.log.level, kind(self._writer.write))

    def _stop_log(self) -> None:
        if self._writer is not None:
            direct(self._settings.log.level, None)
            self._writer.stop()
            self._writer = None

    def startService(self) -> None:  # noqa: N802
        """Open the store (raises what that raises), then begin to serve: see `ready`."""
        super().startService()  # type: ignore[no-untyped-call]
        assert self._writer is not None, "privilegedStartService comes first"
        try:
            self._serving = self._make(self._certificates, self.addresses)
        except Exception as problem:
            self._release()
            self._stop_log()
            self.on_problem(problem)
            raise
        self._starting = Deferred.fromCoroutine(self._start(self._serving))
        self._starting.addCallbacks(self.ready.callback, self._failed)

    async def _start(self, serving: Serving) -> None:
        await serving.start()
        factories = serving.factories()
        bound, self._bound = self._bound, []
        for each in bound:
            self._listeners.open(each, factories[each.service], self._settings.listen.backlog)
        self._control.open(self._reactor, ControlFactory(serving.administration, self._reactor))
        if self._certificates is not None:
            for complaint in self._certificates.unreadable():
                log.error("certificate", why=complaint)
        self._hangup = signal.signal(signal.SIGHUP, self._on_hangup)
        set_aside_what_stays()
        if self._warn_of_root:
            log.warning("runs as root", why="set `user` to somebody who owns the state folder")
        log.info("started", pid=os.getpid(), state=self._settings.state)

    def _failed(self, failure: Any) -> None:
        log.error("not started", failure=failure.value)
        self.ready.errback(failure)

    def _on_hangup(self, number: int, frame: object) -> None:
        # In a signal handler: the work is the reactor's.
        self._reactor.callFromThread(self._reload)

    def _reload(self) -> None:
        if self._certificates is not None:
            self._certificates.reload()
        if self._serving is not None:
            self._serving.reload()

    # -- the end ---------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:  # noqa: N802
        """Take no more connections, finish what was acknowledged, close the store."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        log.info("stopping")
        if self._starting is not None and not self._starting.called:
            self._starting.cancel()
        if self._hangup is not None:
            signal.signal(signal.SIGHUP, self._hangup)
        self._release()
        with suppress(Exception):
            await self._listeners.close()
        await self._control.close()
        serving, self._serving = self._serving, None
        if serving is not None:
            try:
                await Deferred.fromCoroutine(_coroutine(serving.stop())).addTimeout(
                    STOP_WITHIN, self._reactor
                )
            except Exception as problem:
                log.error("stopped in haste", failure=problem)
        log.info("stopped")
        self._stop_log()

    def _release(self) -> None:
        for each in self._bound:
            each.close()
        self._bound = []


async def _coroutine(work: Awaitable[None]) -> None:
    await work


def become(settings: Settings) -> None:
    """Be the user and group of the settings, if we are root; write files for nobody else to read.
    Raises SettingsError."""
    os.umask(0o077)
    uid, gid = user_and_group(settings)
    if gid is not None:
        os.setgid(gid)
    if uid is not None:
        if gid is None:
            os.setgid(pwd.getpwuid(uid).pw_gid)
        os.initgroups(settings.user, os.getegid())
        os.setuid(uid)


def set_aside_what_stays() -> None:
    """Modules, classes and whatever else was made until now stay as long as the process does: the garbage
    collector need not look through them (that takes some 70 ms each time, in which nothing else happens)."""
    if not gc.get_freeze_count():  # once
        gc.collect()
        gc.freeze()


def raise_file_limit() -> None:
    """As many open files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS refuses its own infinite limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def user_and_group(settings: Settings) -> tuple[int | None, int | None]:
    """Whom to become, None: nobody else. Raises SettingsError for unknown names."""
    return known_user_and_group(settings) if os.geteuid() == 0 else (None, None)


def known_user_and_group(settings: Settings) -> tuple[int | None, int | None]:
    """Who the names of the settings are, None: nobody is named. Raises SettingsError for unknown names."""
    uid = gid = None
    try:
        if settings.user:
            user = pwd.getpwnam(settings.user)
            uid, gid = user.pw_uid, user.pw_gid
    except KeyError:
        raise SettingsError(f"user: there is no user {settings.user!r} here") from None
    try:
        if settings.group:
            gid = grp.getgrnam(settings.group).gr_gid
    except KeyError:
        raise SettingsError(f"group: there is no group {settings.group!r} here") from None
    return uid, gid
