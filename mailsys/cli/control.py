"""How a command reaches the mail: over the control socket of the process that runs, or by opening
the store here when none does."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from mailsys.cli.problem import UNREACHABLE, USAGE, Problem
from mailsys.services.operating.commands import Command, Reply
from mailsys.services.operating.control import address
from mailsys.settings import Settings, SettingsError
from mailsys.settings_file import load

PLACES: Final = ("mailsys.toml", "/etc/mailsys/mailsys.toml")


def perform(options: argparse.Namespace, command: Command) -> Any:
    """The result of `command` as plain JSON data. Raises Problem with what the other side refused."""
    settings = settings_of(options)
    reply = ask_running(Path(settings.state), command)
    if reply is None:
        reply = _open_and_perform(settings, command)
    if reply.refused:
        raise Problem(reply.refused)
    return reply.result


def settings_of(options: argparse.Namespace) -> Settings:
    """From --config, --state, or the usual places."""
    if options.state is not None:
        if not Path(options.state).is_dir():
            raise Problem(f"{options.state}: no such folder", USAGE)
        return Settings(state=str(Path(options.state).absolute()))
    for place in [options.config] if options.config else PLACES:
        if options.config or Path(place).exists():
            try:
                return load(place)
            except SettingsError as problem:
                raise Problem(str(problem), USAGE) from None
    raise Problem(f"no settings file ({' or '.join(PLACES)}); say --config FILE or --state DIR", USAGE)


def ask_running(
    state: Path, command: Command, show: Callable[[Any], object] = lambda progress: None
) -> Reply | None:
    """The running server's reply; None when no server runs there. `show` gets what is told of progress."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with address(state) as path:
                connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as problem:
            raise Problem(f"{state}/control.sock: {problem.strerror}", UNREACHABLE) from None
        connection.sendall(msgspec.json.encode(command) + b"\n")
        with connection.makefile("rb") as lines:
            for line in lines:
                reply = msgspec.json.decode(line, type=Reply)
                if reply.progress is None:
                    return reply
                show(reply.progress)
    raise Problem("The server went away before it answered", UNREACHABLE)


def _open_and_perform(settings: Settings, command: Command) -> Reply:
    from mailsys.cli.alone import perform_alone

    return perform_alone(settings, command)
