"""`twistd mailsys --config FILE`."""

from __future__ import annotations

from twisted.application.service import MultiService
from twisted.python import usage

from mailsys.settings import SettingsError
from mailsys.settings_file import load


class Options(usage.Options):
    synopsis = "[--config FILE]"
    longdesc = "Runs the mail system that FILE describes; `mailsys setup` makes one."
    optParameters = [["config", "c", "mailsys.toml", "Settings file."]]  # noqa: N815, RUF012


def makeService(options: Options) -> MultiService:  # noqa: N802
    """Called by twistd, which started no reactor yet and may still become a daemon."""
    from twisted.internet import reactor

    from mailsys.assembly import StoreProblem, assemble

    try:
        return assemble(load(options["config"]), reactor)
    except (SettingsError, StoreProblem) as problem:
        raise SystemExit(f"mailsys: {problem}") from None
