"""The log: one JSON object a line, one id (`trace`) per message, cheap when nobody listens.

`log = Log("smtp")` at the top of a module; `log.info("accepted", trace=trace, peer=peer)`. Field
values are str, bytes, numbers, bools, None. Secrets and message contents never go here.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any, Final

import msgspec

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Sink = Callable[[int, dict[str, Any]], None]

_state: dict[str, Any] = {"level": 100, "sink": None}
_encode = msgspec.json.Encoder(enc_hook=str).encode


def direct(level: str, sink: Sink | None) -> None:
    """Send events of `level` and above to `sink` (None: nowhere). Called by the assembly only."""
    _state["level"] = LEVELS[level] if sink is not None else 100
    _state["sink"] = sink


def json_sink(write: Callable[[bytes], object]) -> Sink:
    def sink(level: int, event: dict[str, Any]) -> None:
        write(_encode(event) + b"\n")

    return sink


class Log:
    """Events of one part of the system."""

    __slots__ = ("_system",)

    def __init__(self, system: str) -> None:
        self._system = system

    def _emit(self, level: int, name: str, fields: dict[str, Any]) -> None:
        if level < _state["level"]:
            return
        event: dict[str, Any] = {
            "at": round(time.time(), 3),
            "level": level,
            "system": self._system,
            "event": name,
        }
        for key, value in fields.items():
            event[key] = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        _state["sink"](level, event)

    def debug(self, name: str, **fields: Any) -> None:
        self._emit(10, name, fields)

    def info(self, name: str, **fields: Any) -> None:
        self._emit(20, name, fields)

    def warning(self, name: str, **fields: Any) -> None:
        self._emit(30, name, fields)

    def error(self, name: str, failure: BaseException | None = None, **fields: Any) -> None:
        """With `failure`, its traceback is logged too."""
        if failure is not None:
            fields["failure"] = "".join(traceback.format_exception(failure))
        self._emit(40, name, fields)
