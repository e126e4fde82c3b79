"""`twistd mailsys --config FILE`."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.application.service import MultiService, Service
from twisted.python import usage

from mailsys.settings import Settings, SettingsError
from mailsys.settings_file import load

if TYPE_CHECKING:
    from mailsys.running import MailService


class Options(usage.Options):
    synopsis = "[--config FILE]"
    longdesc = "Runs the mail system that FILE describes; `mailsys setup` makes one."
    optParameters = [["config", "c", "mailsys.toml", "Settings file."]]  # noqa: N815, RUF012


class LogFile(Service):
    """For `twistd` without -n: a daemon's standard error leads nowhere, so the log goes to a file."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)

    def privilegedStartService(self) -> None:  # noqa: N802
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 2)
        os.close(descriptor)


def makeService(options: Options) -> MultiService:  # noqa: N802
    """Called by twistd."""
    from mailsys.assembly import assemble

    return make_service(options, assemble)


def make_service(options: Options, assemble: Callable[[Settings, Any], MailService]) -> MultiService:
    """No reactor runs yet, and twistd may still become a daemon."""
    import twisted.internet.reactor as installed

    from mailsys.assembly import StoreProblem
    from mailsys.clock import time_by_monotonic_clock
    from mailsys.endpoints import BindError
    from mailsys.services.operating.certificates import CertificateError

    reactor: Any = installed
    time_by_monotonic_clock(reactor)

    def end(problem: Exception) -> None:
        """One line instead of a traceback, for what an operator can mend."""
        if isinstance(problem, SettingsError | StoreProblem | BindError | CertificateError):
            _say(str(problem))
            raise SystemExit(1)
        _say("".join(traceback.format_exception(problem)))

    def give_up(failure: Any) -> None:
        """It failed while the reactor runs: end it, and let the service manager know by the exit code."""
        _say(failure.getErrorMessage())
        reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        reactor.callWhenRunning(reactor.stop)

    try:
        service = assemble(load(options["config"]), reactor)
    except SettingsError as problem:
        _say(str(problem))
        raise SystemExit(1) from None
    twistd: Any = options.parent or {}
    if not twistd.get("nodaemon", True):
        # A child starts before its parent does: before anything is logged.
        LogFile(twistd.get("logfile") or "mailsys.log").setServiceParent(service)  # type: ignore[no-untyped-call]
    service.on_problem = end
    service.ready.addErrback(give_up)
    return service


def _say(text: str) -> None:
    # twistd has put its log in the place of sys.stderr.
    os.write(2, f"mailsys: {text}\n".encode())
